/* SPDX-License-Identifier: Apache-2.0
 * test_cli_progress.c: how far a command is: with rate and time left, on a terminal alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/progress.h"
#include "support/test_clock.h"

static char *drawn;
static size_t drawn_bytes;

static struct cli on(bool terminal, bool json) {
    struct cli cli = {.json = json};
    cli.screen.err = open_memstream(&drawn, &drawn_bytes);
    cli.screen.err_live = terminal;
    return cli;
}

/* What stands on the line; it was ended. */
static void assert_drawn(struct cli *cli, const char *text) {
    fclose(cli->screen.err);
    assert_string_equal(drawn, text);
    free(drawn);
    drawn = NULL;
}

static void what_takes_longer_than_a_second_tells_rate_and_time_left(void **state) {
    (void)state;
    struct cli cli = on(true, false);
    struct progress progress;
    progress_begin(&progress, &cli);
    test_clock_advance(US_PER_SECOND - 1);
    progress_steps(&progress, "taking in", "rows", 1, 1000, 5000);
    assert_false(progress.drawn); /* no second has passed */
    test_clock_advance(1);
    progress_steps(&progress, "taking in", "rows", 1, 1000, 5000);
    progress_end(&progress);
    assert_drawn(&cli, "\r\033[Ktaking in: 20 %, 1,000 rows a second, 4s left\r\033[K");
}

static void each_step_has_a_rate_of_its_own_in_its_own_unit(void **state) {
    (void)state;
    struct cli cli = on(true, false);
    struct progress progress;
    progress_begin(&progress, &cli);
    test_clock_advance(10 * US_PER_SECOND);
    progress_step(&progress);
    test_clock_advance(2 * US_PER_SECOND);
    progress_steps(&progress, "sending", "KiB", 1024, 20480, 40960);
    progress_end(&progress);
    assert_drawn(&cli, "\r\033[Ksending: 50 %, 10 KiB a second, 2s left\r\033[K");
}

static void where_nobody_knows_how_much_there_is_it_tells_how_long(void **state) {
    (void)state;
    struct cli cli = on(true, false);
    struct progress progress;
    progress_begin(&progress, &cli);
    test_clock_advance(3 * US_PER_SECOND);
    progress_steps(&progress, "writing", "rows", 1, 0, 100);
    progress_steps(&progress, "writing", "rows", 1, 10, 0);
    assert_false(progress.drawn);
    progress_waits(&progress, "reading and matching");
    progress_end(&progress);
    assert_drawn(&cli, "\r\033[Kreading and matching for 3s\r\033[K");
}

static void nothing_is_drawn_into_a_pipe_nor_with_json(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct cli cli = on(i == 1, i == 1);
        struct progress progress;
        progress_begin(&progress, &cli);
        test_clock_advance(60 * US_PER_SECOND);
        progress_steps(&progress, "writing", "rows", 1, 1, 2);
        progress_waits(&progress, "waiting");
        progress_end(&progress);
        assert_drawn(&cli, "");
    }
}

static void it_is_drawn_no_oftener_than_ten_times_a_second(void **state) {
    (void)state;
    struct cli cli = on(true, false);
    struct progress progress;
    progress_begin(&progress, &cli);
    test_clock_advance(2 * US_PER_SECOND);
    progress_steps(&progress, "reading", "rows", 1, 200, 400);
    progress_steps(&progress, "reading", "rows", 1, 201, 400);
    test_clock_advance(US_PER_SECOND / 10 - 1);
    progress_waits(&progress, "reading");
    test_clock_advance(1);
    progress_steps(&progress, "reading", "rows", 1, 300, 400);
    progress_end(&progress);
    assert_drawn(&cli, "\r\033[Kreading: 50 %, 100 rows a second, 2s left"
                       "\r\033[Kreading: 75 %, 142 rows a second, 0s left\r\033[K");
}

static void one_long_call_tells_how_long_it_is_waited_for_and_ends_with_it(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct cli cli = on(i != 1, i == 2);
        struct progress_alone alone;
        progress_alone_begin(&alone, &cli, "waiting for the service");
        assert_int_equal(alone.task != NULL, i == 0);
        test_clock_advance(3 * US_PER_SECOND);
        for (bool seen = i > 0; !seen;) { /* the task looks when its time has come */
            lock_take(&alone.lock);
            seen = alone.line.drawn;
            lock_give(&alone.lock);
            test_clock_advance(US_PER_MS);
        }
        progress_alone_end(&alone);
        fclose(cli.screen.err);
        if (i == 0) {
            assert_non_null(strstr(drawn, "\r\033[Kwaiting for the service for "));
            assert_string_equal(drawn + strlen(drawn) - 4, "\r\033[K");
        } else {
            assert_string_equal(drawn, "");
        }
        free(drawn);
        drawn = NULL;
    }
}

static int begin(void **state) {
    (void)state;
    test_clock_install();
    test_clock_freeze(true);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_takes_longer_than_a_second_tells_rate_and_time_left),
        cmocka_unit_test(each_step_has_a_rate_of_its_own_in_its_own_unit),
        cmocka_unit_test(where_nobody_knows_how_much_there_is_it_tells_how_long),
        cmocka_unit_test(nothing_is_drawn_into_a_pipe_nor_with_json),
        cmocka_unit_test(it_is_drawn_no_oftener_than_ten_times_a_second),
        cmocka_unit_test(one_long_call_tells_how_long_it_is_waited_for_and_ends_with_it),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
