/* SPDX-License-Identifier: Apache-2.0
 * log.c: one event, one line of JSON, in one write().
 *
 * A line is at most PIPE_BUF bytes, so that the kernel itself keeps lines of several threads and
 * processes apart and no lock is needed. Long texts are cut; fields for which there is no room are
 * left out and the line says "cut":true. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/pan.h"

enum {
    LOG_TEXT_BYTES_MAX = 512, /* of one field, before escaping */
    /* Masking looks this much further than the cut, so that no card number hides across it: it is
     * at most 19 digits with 18 separators. */
    LOG_MASK_AHEAD_BYTES = 64,
    LOG_LINE_BYTES_MAX = 4096,
};
static_assert(LOG_LINE_BYTES_MAX <= PIPE_BUF, "a line is written whole");

static const char cut_mark[] = ",\"cut\":true";

struct event_row {
    enum log_level level;
    const char *text;
};

static const struct event_row events[] = {
#define X(name, level, text, means, todo) [LOG_EV_##name] = {LOG_##level, (text)},
#include "base/log_events.def"
#undef X
};
static_assert(COUNT_OF(events) == LOG_EV_COUNT, "every event has a row");

static const char *const level_texts[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

/* The state that log.h promises. */
static _Atomic int level_shown = LOG_INFO;
static _Atomic int fd_written = STDERR_FILENO;
static _Atomic uint64_t lines_lost;

void log_level_set(enum log_level level) {
    atomic_store(&level_shown, (int)level);
}

void log_fd_set(int fd) {
    atomic_store(&fd_written, fd);
}

uint64_t log_lines_lost(void) {
    return atomic_load(&lines_lost);
}

static void add_masked(struct buf *line, const char *text) {
    char copy[LOG_TEXT_BYTES_MAX + LOG_MASK_AHEAD_BYTES + 1];
    size_t count = strnlen(text, sizeof(copy) - 1);

    memcpy(copy, text, count);
    copy[count] = '\0';
    (void)pan_mask(copy, count);
    if (count > LOG_TEXT_BYTES_MAX) {
        count = LOG_TEXT_BYTES_MAX;
        /* Not inside a UTF-8 character. */
        while (count > 0 && ((unsigned char)copy[count] & 0xC0) == 0x80) {
            count--;
        }
        copy[count] = '\0';
    }
    buf_add_json(line, copy);
}

/* False, and the line as it was, when there is no room for this field. */
static bool add_field(struct buf *line, const struct log_field *field) {
    const size_t before = line->len;

    buf_add_char(line, ',');
    buf_add_json(line, field->key);
    buf_add_char(line, ':');
    if (field->text != NULL) {
        add_masked(line, field->text);
    } else {
        buf_add_int(line, field->number);
    }
    if (buf_ok(line)) {
        return true;
    }
    line->len = before;
    line->data[before] = '\0';
    line->overflowed = false;
    return false;
}

static void write_line(const char *bytes, size_t count) {
    const int fd = atomic_load(&fd_written);

    while (count > 0) {
        const ssize_t wrote = write(fd, bytes, count);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            atomic_fetch_add(&lines_lost, 1);
            return;
        }
        bytes += wrote;
        count -= (size_t)wrote;
    }
}

bool log_wanted(enum log_event_name name) {
    INVARIANT((size_t)name < LOG_EV_COUNT, "an event is a row of log_events.def");
    return (int)events[name].level >= atomic_load(&level_shown);
}

void log_write(enum log_event_name name, const struct log_field *fields, size_t count) {
    char time_text[CLOCK_TEXT_MAX];
    BUF_AUTO line = {0};

    if (!log_wanted(name)) {
        return;
    }
    buf_init(&line, LOG_LINE_BYTES_MAX - (sizeof(cut_mark) - 1) - 2);
    buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"",
             clock_format(clock_wall_us(), time_text), level_texts[events[name].level],
             events[name].text);
    for (size_t i = 1; i < count; i++) {
        if (!add_field(&line, &fields[i])) {
            line.max = LOG_LINE_BYTES_MAX - 2;
            buf_add(&line, cut_mark, sizeof(cut_mark) - 1);
            break;
        }
    }
    line.max = LOG_LINE_BYTES_MAX;
    buf_add(&line, "}\n", 2);
    write_line(line.data, line.len);
}
