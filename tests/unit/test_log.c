/* SPDX-License-Identifier: Apache-2.0
 * test_log.c: whatever is logged becomes one whole line of valid JSON without card numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "base/world.h"

enum { LINE_BYTES_MAX = 4096 };

static const char card[] = "4111111111111111"; /* a scheme's public test number */

static int64_t noon_us(void *ctx) {
    return INT64_C(1795176000123000); /* 2026-11-20T12:00:00.123Z */
}

static struct world_ops noon;
static int written = -1; /* where the log goes */

static int start(void **state) {
    noon = *world_real();
    noon.wall_us = noon_us;
    world_install(NULL, &noon);
    written = memfd_create("log", MFD_CLOEXEC);
    log_fd_set(written);
    log_level_set(LOG_INFO);
    return written < 0 ? -1 : 0;
}

static int end(void **state) {
    log_fd_set(STDERR_FILENO);
    log_level_set(LOG_INFO);
    world_install(NULL, NULL);
    return close(written);
}

/* All that was written, with a NUL; the caller frees it. */
static char *all_text(void) {
    const off_t size = lseek(written, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);

    assert_non_null(text);
    assert_int_equal(pread(written, text, (size_t)size, 0), size);
    return text;
}

/* The only line written, as JSON; fails the test when it is not one line of strict JSON. */
static json_t *only_line(void) {
    char *text = all_text();
    const size_t len = strlen(text);
    json_error_t error;
    json_t *json;

    assert_true(len > 0 && len <= LINE_BYTES_MAX);
    assert_int_equal(strcspn(text, "\n"), len - 1);
    json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        fail_msg("%s: %s", error.text, text);
    }
    free(text);
    return json;
}

static const char *text_of(const json_t *line, const char *key) {
    const char *text = json_string_value(json_object_get(line, key));

    return text != NULL ? text : "(no such text)";
}

static void a_line_has_time_level_event_and_fields_in_this_order(void **state) {
    char *text;

    log_event(SERVE_STARTED, LT("address", "127.0.0.1"), LI("port", 8080), LI("low", INT64_MIN));
    text = all_text();
    assert_string_equal(text, "{\"time\":\"2026-11-20T12:00:00.123Z\",\"level\":\"info\","
                              "\"event\":\"serve.started\",\"address\":\"127.0.0.1\",\"port\":8080,"
                              "\"low\":-9223372036854775808}\n");
    free(text);
}

static void an_event_needs_no_fields_and_a_missing_text_is_empty(void **state) {
    const char *nothing = NULL;
    json_t *line;

    log_event(SERVE_STOPPED);
    line = only_line();
    assert_int_equal(json_object_size(line), 3);
    json_decref(line);
    assert_int_equal(ftruncate(written, 0), 0);
    assert_int_equal(lseek(written, 0, SEEK_SET), 0);
    log_event(SERVE_STOPPED, LT("why", nothing));
    line = only_line();
    assert_string_equal(text_of(line, "why"), "");
    json_decref(line);
}

static void every_event_of_the_table_can_be_logged_under_its_own_name(void **state) {
    static const struct {
        enum log_event_name name;
        enum log_level level;
        const char *text;
    } rows[] = {
#define X(name, level, text, means, todo) {LOG_EV_##name, LOG_##level, text},
#include "base/log_events.def"
#undef X
    };
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const struct log_field none = {0};

    log_level_set(LOG_DEBUG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *line;

        assert_int_equal(ftruncate(written, 0), 0);
        assert_int_equal(lseek(written, 0, SEEK_SET), 0);
        log_write(rows[i].name, &none, 1);
        line = only_line();
        assert_string_equal(text_of(line, "event"), rows[i].text);
        assert_string_equal(text_of(line, "level"), levels[rows[i].level]);
        json_decref(line);
        assert_int_equal(strspn(rows[i].text, "abcdefghijklmnopqrstuvwxyz._"),
                         strlen(rows[i].text));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[i].text, rows[j].text);
        }
    }
}

static void lines_below_the_level_are_dropped(void **state) {
    char *text;

    log_event(PAYMENT_MOVED); /* debug */
    log_level_set(LOG_ERROR);
    log_event(SERVE_STARTED);
    log_event(JOB_FAILED);
    text = all_text();
    assert_string_equal(text, "");
    free(text);
    log_event(STORE_FAILED);
    json_decref(only_line());
}

static void an_errors_code_detail_and_place_are_fields(void **state) {
    struct err err = {0};
    json_t *line;

    (void)err_set(&err, ERR_STORE, "the disk is \"full\"\n");
    (void)err_place(&err, "holdfast.yaml:12");
    log_error(STORE_FAILED, &err, LI("tries", 3));
    line = only_line();
    assert_string_equal(text_of(line, "error"), "STORE");
    assert_string_equal(text_of(line, "detail"), "the disk is \"full\"\n");
    assert_string_equal(text_of(line, "place"), "holdfast.yaml:12");
    assert_int_equal(json_integer_value(json_object_get(line, "tries")), 3);
    json_decref(line);
}

static void any_bytes_become_valid_json(void **state) {
    char bytes[256];
    json_t *line;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(255 - i); /* ends with the NUL */
    }
    log_event(GATEWAY_FAILED, LT("bytes", bytes), LT("forged", "\"}\n{\"level\":\"info\"}"));
    line = only_line();
    assert_string_equal(text_of(line, "forged"), "\"}\n{\"level\":\"info\"}");
    json_decref(line);
}

static void card_numbers_are_masked_in_every_text(void **state) {
    char *text;
    json_t *line;

    log_event(GATEWAY_FAILED, LT("detail", "the card 4111 1111 1111 1111 was sent"),
              LT("place", card), LT("order", "4111111111111112"));
    line = only_line();
    assert_null(strstr(text_of(line, "detail"), "4111 1111"));
    assert_non_null(strstr(text_of(line, "detail"), "1111 was sent"));
    assert_string_equal(text_of(line, "place"), "************1111");
    assert_string_equal(text_of(line, "order"), "4111111111111112"); /* fails Luhn: no card */
    json_decref(line);
    text = all_text();
    assert_null(strstr(text, card));
    free(text);
}

/* Wherever the cut falls, no more of the number may be seen than its last four digits. */
static void a_card_number_across_the_cut_of_a_long_text_is_masked(void **state) {
    for (size_t at = 480; at < 520; at++) {
        char text[1200];
        char *all;
        json_t *line;

        memset(text, ' ', sizeof(text));
        memcpy(text + at, "4111-1111-1111-1111", 19);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(ftruncate(written, 0), 0);
        assert_int_equal(lseek(written, 0, SEEK_SET), 0);
        log_event(GATEWAY_FAILED, LT("text", text));
        line = only_line();
        json_decref(line);
        all = all_text();
        assert_null(strstr(all, "4111"));
        free(all);
    }
}

static void a_long_text_is_cut_between_characters(void **state) {
    char text[3000];

    for (size_t shift = 0; shift < 3; shift++) {
        json_t *line;
        size_t len;

        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3) {
            memcpy(text + i, "\xE2\x82\xAC", 4);
        }
        assert_int_equal(ftruncate(written, 0), 0);
        assert_int_equal(lseek(written, 0, SEEK_SET), 0);
        log_event(GATEWAY_FAILED, LT("text", text), LI("after", 1));
        line = only_line();
        len = strlen(text_of(line, "text"));
        assert_in_range(len, 400, 600);
        assert_int_equal((len - shift) % 3, 0);
        /* Half a character would have become U+FFFD. */
        assert_memory_equal(text_of(line, "text") + len - 3, "\xE2\x82\xAC", 3);
        assert_int_equal(json_integer_value(json_object_get(line, "after")), 1);
        json_decref(line);
    }
}

static void fields_without_room_are_left_out_and_the_line_says_so(void **state) {
    char text[600];
    json_t *line;

    memset(text, '\x01', sizeof(text)); /* six bytes each in JSON */
    text[sizeof(text) - 1] = '\0';
    log_event(GATEWAY_FAILED, LT("first", text), LT("second", text), LI("third", 3));
    line = only_line();
    assert_true(json_is_true(json_object_get(line, "cut")));
    assert_non_null(json_object_get(line, "first"));
    assert_null(json_object_get(line, "second"));
    assert_null(json_object_get(line, "third"));
    json_decref(line);
}

/* Seven full fields bring the line near its end; the eighth takes it over the edge byte by byte. */
static void no_number_of_bytes_makes_a_line_too_long_or_broken(void **state) {
    char full[513];
    char text[520];

    memset(full, 'x', sizeof(full) - 1);
    full[sizeof(full) - 1] = '\0';
    for (size_t len = 0; len < sizeof(text); len++) {
        json_t *line;

        memset(text, 'y', len);
        text[len] = '\0';
        assert_int_equal(ftruncate(written, 0), 0);
        assert_int_equal(lseek(written, 0, SEEK_SET), 0);
        log_event(GATEWAY_FAILED, LT("a", full), LT("b", full), LT("c", full), LT("d", full),
                  LT("e", full), LT("f", full), LT("g", full), LT("h", text), LI("i", 1));
        line = only_line();
        assert_string_equal(text_of(line, "g"), full);
        assert_int_equal(json_object_get(line, "i") == NULL,
                         json_is_true(json_object_get(line, "cut")));
        json_decref(line);
    }
}

static void a_line_that_cannot_be_written_is_counted(void **state) {
    const uint64_t before = log_lines_lost();
    char *text;

    log_event(SERVE_STARTED);
    assert_true(log_lines_lost() == before);
    log_fd_set(-1);
    log_event(SERVE_STARTED);
    log_event(PAYMENT_MOVED); /* below the level: not lost, not wanted */
    assert_true(log_lines_lost() == before + 1);
    text = all_text();
    assert_true(strlen(text) > 0);
    free(text);
}

enum { WRITERS = 4, LINES_EACH = 250 };

static void write_lines(void *arg) {
    char text[400];

    memset(text, *(const char *)arg, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < LINES_EACH; i++) {
        log_event(SERVE_STARTED, LT("text", text), LI("number", i));
    }
}

struct reader {
    int fd;
    int whole;
    int broken;
};

static void read_lines(void *arg) {
    struct reader *reader = arg;
    FILE *file = fdopen(reader->fd, "r");
    char *line = NULL;
    size_t room = 0;

    while (file != NULL && getline(&line, &room, file) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        const char *text = text_of(json, "text");
        const char letter[] = {text[0], '\0'};

        if (json != NULL && strlen(text) == 399 && strspn(text, letter) == 399) {
            reader->whole++;
        } else {
            reader->broken++;
        }
        json_decref(json);
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void lines_of_several_tasks_through_a_pipe_stay_whole(void **state) {
    static const char letters[WRITERS] = {'a', 'b', 'c', 'd'};
    struct task *writers[WRITERS];
    struct reader reader = {0};
    struct task *reading;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reader.fd = ends[0];
    log_fd_set(ends[1]);
    reading = task_start("reader", 0, read_lines, &reader);
    assert_non_null(reading);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = task_start("writer", 0, write_lines, (void *)(uintptr_t)&letters[i]);
        assert_non_null(writers[i]);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        task_join(writers[i]);
    }
    log_fd_set(written);
    assert_int_equal(close(ends[1]), 0);
    task_join(reading);
    assert_int_equal(reader.whole, WRITERS * LINES_EACH);
    assert_int_equal(reader.broken, 0);
}

#define LOGGING(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOGGING(a_line_has_time_level_event_and_fields_in_this_order),
        LOGGING(an_event_needs_no_fields_and_a_missing_text_is_empty),
        LOGGING(every_event_of_the_table_can_be_logged_under_its_own_name),
        LOGGING(lines_below_the_level_are_dropped),
        LOGGING(an_errors_code_detail_and_place_are_fields),
        LOGGING(any_bytes_become_valid_json),
        LOGGING(card_numbers_are_masked_in_every_text),
        LOGGING(a_card_number_across_the_cut_of_a_long_text_is_masked),
        LOGGING(a_long_text_is_cut_between_characters),
        LOGGING(fields_without_room_are_left_out_and_the_line_says_so),
        LOGGING(no_number_of_bytes_makes_a_line_too_long_or_broken),
        LOGGING(a_line_that_cannot_be_written_is_counted),
        LOGGING(lines_of_several_tasks_through_a_pipe_stay_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
