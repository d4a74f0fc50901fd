/* SPDX-License-Identifier: Apache-2.0
 * test_cli_render.c: small things as people read them, and the command table as help and
 * completion. */
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/world.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/show.h"

/* ---- small things ---- */

static void test_money_is_a_decimal_with_its_currency(void **state) {
    (void)state;
    char text[SHOW_CHARS_MAX];
    assert_string_equal(show_money(1999, "USD", text), "19.99 USD");
    assert_string_equal(show_money(500, "JPY", text), "500 JPY");
    assert_string_equal(show_money(1234, "KWD", text), "1.234 KWD");
    assert_string_equal(show_money(-5, "EUR", text), "-0.05 EUR");
}

static void test_money_of_an_unknown_currency_says_that_it_is_minor_units(void **state) {
    (void)state;
    char text[SHOW_CHARS_MAX];
    assert_string_equal(show_money(1999, "XQZ", text), "1999 (minor) XQZ");
    assert_string_equal(show_money(1999, NULL, text), "1999 (minor) ");
}

static void test_counts_are_grouped_by_thousands(void **state) {
    (void)state;
    char text[SHOW_CHARS_MAX];
    assert_string_equal(show_count(0, text), "0");
    assert_string_equal(show_count(999, text), "999");
    assert_string_equal(show_count(1000, text), "1,000");
    assert_string_equal(show_count(-1234567, text), "-1,234,567");
    assert_string_equal(show_sum(112743000000, "EUR", text), "1,127,430,000.00 EUR");
    assert_string_equal(show_sum(-12345600, "USD", text), "-123,456.00 USD");
    assert_string_equal(show_sum(99900, "USD", text), "999.00 USD");
    assert_string_equal(show_sum(-1234567, "JPY", text), "-1,234,567 JPY");
    assert_string_equal(show_many(1, "break", "breaks", text), "1 break");
    assert_string_equal(show_many(0, "break", "breaks", text), "0 breaks");
    assert_string_equal(show_many(1234, "break", "breaks", text), "1,234 breaks");
}

static void test_spans_are_told_in_their_largest_unit(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {0, "0s"},       {59, "59s"},       {60, "1m"},    {3599, "59m"},         {3600, "1h"},
        {3660, "1h01m"}, {86399, "23h59m"}, {86400, "1d"}, {6 * 86400 + 5, "6d"}, {-90000, "0s"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[SHOW_CHARS_MAX];
        assert_string_equal(show_span(rows[i].seconds * US_PER_SECOND, text), rows[i].text);
    }
}

static void test_latencies_keep_three_digits(void **state) {
    (void)state;
    char text[SHOW_CHARS_MAX];
    assert_string_equal(show_latency(850, text), "850 µs");
    assert_string_equal(show_latency(1520, text), "1.52 ms");
    assert_string_equal(show_latency(12345, text), "12.3 ms");
    assert_string_equal(show_latency(1520000, text), "1.52 s");
    assert_string_equal(show_latency(-1, text), "-");
}

static int64_t still_us(void *ctx) {
    return *(int64_t *)ctx;
}

static void test_ages_are_told_from_now(void **state) {
    (void)state;
    char text[SHOW_CHARS_MAX];
    int64_t now_us = 0;
    struct world_ops ops = *world_real();
    assert_true(clock_parse("2026-11-20T08:00:00Z", &now_us));
    ops.wall_us = still_us;
    world_install(&now_us, &ops);
    assert_string_equal(show_age("2026-11-20T07:57:00.250Z", text), "2m");
    assert_string_equal(show_age("2026-11-20T08:00:01Z", text), "0s");
    assert_string_equal(show_age("2026-11-20T09:00:00Z", text), "in 1h");
    assert_string_equal(show_age(NULL, text), "-");
    assert_string_equal(show_age("yesterday", text), "-");
    assert_string_equal(show_time("2026-11-20T07:57:00.250Z", text), "2026-11-20 07:57:00Z");
    assert_string_equal(show_time(NULL, text), "-");
    assert_string_equal(show_moment("2026-11-20T07:57:00.250Z", text),
                        "2026-11-20 07:57:00Z (2m ago)");
    assert_string_equal(show_moment("2026-11-20T09:00:00Z", text), "2026-11-20 09:00:00Z (in 1h)");
    world_install(NULL, NULL);
}

/* ---- slips of the fingers ---- */

static const char *guessed(const char *word, const char *const *candidates) {
    struct guess guess;
    guess_init(&guess, word);
    for (; *candidates != NULL; candidates++) {
        guess_try(&guess, *candidates);
    }
    const char *best = guess_best(&guess);
    return best != NULL ? best : "nothing";
}

static void test_a_slip_of_the_fingers_is_guessed_and_another_word_is_not(void **state) {
    (void)state;
    static const char *const nouns[] = {"payment", "gateway", "db", "serve", "refund", NULL};
    assert_string_equal(guessed("paymnet", nouns), "payment");
    assert_string_equal(guessed("gatway", nouns), "gateway");
    assert_string_equal(guessed("sevre", nouns), "serve");
    assert_string_equal(guessed("pay", nouns), "payment");
    assert_string_equal(guessed("bd", nouns), "db");
    assert_string_equal(guessed("frobnicate", nouns), "nothing");
    assert_string_equal(guessed("x", nouns), "nothing");
    assert_string_equal(guessed("a-word-that-is-longer-than-any-command-there-is", nouns),
                        "nothing");
}

/* ---- the table ---- */

static void each_option(const struct cli_option *option, const struct cli_command *command) {
    for (; option != NULL && option->name != NULL; option++) {
        if (cli_option_find(command, option->name) != option) {
            fail_msg("%s %s has --%s twice", command->noun,
                     command->verb != NULL ? command->verb : "", option->name);
        }
        assert_non_null(option->summary);
        assert_true(option->value != NULL || option->choices == NULL);
        assert_true(option->value != NULL || !option->needed);
    }
}

static void test_every_row_of_the_table_is_whole(void **state) {
    (void)state;
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        const struct cli_command *noun = cli_command_find(row->noun, NULL);
        assert_ptr_equal(cli_command_find(row->noun, row->verb), row);
        assert_non_null(noun);
        assert_true(noun <= row);
        assert_non_null(row->summary);
        assert_true(row->summary[strlen(row->summary) - 1] != '.');
        /* A noun with verbs does nothing by itself, but for the one that works on files as well. */
        bool files_too = strcmp(row->noun, "reconcile") == 0;
        assert_true(row->verb == NULL ||
                    (row->handler != NULL && (noun->handler == NULL || files_too)));
        each_option(row->options, row);
        for (int f = 0; cli_common_flags[f] != 0; f++) {
            if ((row->flags & cli_common_flags[f]) != 0) {
                each_option(cli_common_options(cli_common_flags[f]), row);
            }
        }
    }
}

static void test_one_option_name_takes_a_value_everywhere_or_nowhere(void **state) {
    (void)state;
    for (int i = 0; i < cli_command_count; i++) {
        for (int j = 0; j < i; j++) {
            const struct cli_option *a = cli_commands[i].options;
            for (; a != NULL && a->name != NULL; a++) {
                const struct cli_option *b = cli_option_find(&cli_commands[j], a->name);
                if (b != NULL && (a->value == NULL) != (b->value == NULL)) {
                    fail_msg("--%s", a->name);
                }
            }
        }
    }
}

static char *text_of(void (*print)(FILE *out)) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    print(out);
    fclose(out);
    return text;
}

static void test_help_names_every_command(void **state) {
    (void)state;
    char *text = text_of(help_all);
    for (int i = 0; i < cli_command_count; i++) {
        assert_non_null(strstr(text, cli_commands[i].noun));
        assert_true(cli_commands[i].verb == NULL || strstr(text, cli_commands[i].verb) != NULL);
    }
    free(text);
}

static void test_help_of_a_command_names_its_arguments_and_options(void **state) {
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    help_command(out, cli_command_find("payment", "resolve"));
    fclose(out);
    assert_non_null(strstr(
        text, "Usage: holdfast payment resolve PAYMENT --status STATUS --reason TEXT [OPTIONS]"));
    assert_non_null(strstr(text, "--status STATUS"));
    assert_non_null(strstr(text, "completed|failed"));
    assert_non_null(strstr(text, "--reason TEXT"));
    assert_non_null(strstr(text, "--idempotency-key KEY"));
    assert_non_null(strstr(text, "--json"));
    free(text);
}

static void test_arguments_are_counted_from_their_names(void **state) {
    (void)state;
    int min = -1, max = -1;
    cli_argument_bounds(&(struct cli_command){.arguments = NULL}, &min, &max);
    assert_true(min == 0 && max == 0);
    cli_argument_bounds(&(struct cli_command){.arguments = "PAYMENT"}, &min, &max);
    assert_true(min == 1 && max == 1);
    cli_argument_bounds(&(struct cli_command){.arguments = "A [B] [C]"}, &min, &max);
    assert_true(min == 1 && max == 3);
}

/* ---- completion ---- */

/* What bash offers for these words, the last being the one under the cursor; blanks between. */
static void assert_completed(const char *script, const char *words, int at, const char *expected) {
    char command[512];
    struct err err = {0};
    struct proc_end end;
    BUF_AUTO output;
    buf_init(&output, 64 * 1024);
    snprintf(command, sizeof command,
             "source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _holdfast; echo \"${COMPREPLY[*]}\"",
             script, words, at);
    const char *const argv[] = {"bash", "--norc", "-c", command, NULL};
    struct proc_options options = {.argv = argv, .err = {.to = PROC_PARENT}};
    assert_int_equal(proc_run(&options, 60 * US_PER_SECOND, &output, &end, &err), 0);
    assert_int_equal(end.status, 0);
    if (strcmp(output.data, expected) != 0) {
        fail_msg("\"%s\" is completed by %s", words, output.data);
    }
}

static void test_completion_offers_what_may_stand_there(void **state) {
    (void)state;
    char path[] = "holdfast-completion-XXXXXX";
    int fd = mkstemp(path);
    char *const argv[] = {"holdfast", "completion", "bash", NULL};
    FILE *out = fdopen(fd, "w");
    struct cli_screen screen = {.out = out, .err = stderr};
    assert_int_equal(cli_run(&screen, 3, (char **)argv), CLI_DONE);
    fclose(out);
    char script[64], words[128];
    snprintf(script, sizeof script, "./%s", path);
    assert_completed(script, "holdfast pay", 1, "payment\n");
    assert_completed(script, "holdfast payment ca", 2, "capture cancel\n");
    assert_completed(script, "holdfast payment list --st", 3, "--state\n");
    assert_completed(script, "holdfast payment list --state pro", 4, "processing\n");
    assert_completed(script, "holdfast serve --con", 2, "--config\n");
    assert_completed(script, "holdfast payment create --order ''", 4, "\n");
    char file[64];
    snprintf(file, sizeof file, "%s\n", path);
    snprintf(words, sizeof words, "holdfast db status --config %.*s", (int)strlen(path) - 1, path);
    assert_completed(script, words, 4, file);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money_is_a_decimal_with_its_currency),
        cmocka_unit_test(test_money_of_an_unknown_currency_says_that_it_is_minor_units),
        cmocka_unit_test(test_counts_are_grouped_by_thousands),
        cmocka_unit_test(test_spans_are_told_in_their_largest_unit),
        cmocka_unit_test(test_latencies_keep_three_digits),
        cmocka_unit_test(test_ages_are_told_from_now),
        cmocka_unit_test(test_a_slip_of_the_fingers_is_guessed_and_another_word_is_not),
        cmocka_unit_test(test_every_row_of_the_table_is_whole),
        cmocka_unit_test(test_one_option_name_takes_a_value_everywhere_or_nowhere),
        cmocka_unit_test(test_help_names_every_command),
        cmocka_unit_test(test_help_of_a_command_names_its_arguments_and_options),
        cmocka_unit_test(test_arguments_are_counted_from_their_names),
        cmocka_unit_test(test_completion_offers_what_may_stand_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
