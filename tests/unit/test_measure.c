/* SPDX-License-Identifier: Apache-2.0
 * test_measure.c: what is counted: from where on it is an alert, how grave, over which window; and
 * what each look found is kept by the minute, once, for as long as the figures' minutes. And how
 * much of what may miss a figure's target has. Both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "meter/meter.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/alert.h"
#include "watch/figures.h"
#include "watch/looks.h"
#include "watch/rollup_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
static struct test_store engine;

static int the(const char *name) {
    int id = measure_find(name, strlen(name));
    assert_true(id >= 0);
    return id;
}

/* ---- judged ---- */

static void limits_say_from_where_on_it_is_an_alert(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct measure_limits limits;
        int64_t count, seconds;
        bool fires;
    } rows[] = {
        {"jobs_late", {1, 0, 900, 0}, 0, 0, false},
        {"jobs_late", {1, 0, 900, 0}, 1, 0, true},
        {"jobs_late", {5, 0, 900, 0}, 4, 9999, false},
        {"jobs_late", {5, 60, 900, 0}, 5, 59, false},
        {"jobs_late", {5, 60, 900, 0}, 5, 60, true},
        {"connections", {1, -1, 0, 0}, 1, 0, true},
        {"replication", {64, 30, 0, 0}, 63, 29, false},
        {"replication", {64, 30, 0, 0}, 64, 0, true},
        {"replication", {64, 30, 0, 0}, 0, 30, true},
        {"delay", {5, 120, 0, 0}, 4, 500, false},
        {"delay", {5, 120, 0, 0}, 5, 119, false},
        {"delay", {5, 120, 0, 0}, 5, 120, true},
        {"switched_off", {1, 0, 0, 0}, 9, 9999, false}, /* a notice wakes nobody */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (measure_fires(the(rows[i].name), &rows[i].limits, rows[i].count, rows[i].seconds) !=
            rows[i].fires) {
            fail_msg("row %zu: %s", i, rows[i].name);
        }
    }
    const struct measure_limits grave = {.least = 1, .grave_after_s = 900};
    assert_int_equal(measure_severity(the("jobs_late"), &grave, NOTICE_P2, 900), NOTICE_P2);
    assert_int_equal(measure_severity(the("jobs_late"), &grave, NOTICE_P2, 901), NOTICE_P1);
    const struct measure_limits never = {.least = 1};
    assert_int_equal(measure_severity(the("jobs_late"), &never, NOTICE_P2, 99999), NOTICE_P2);
    assert_int_equal(measure_severity(the("double_charges"), &never, NOTICE_P0, 0), NOTICE_P0);
    assert_int_equal(measure_severity(MEASURE_SLOW, &never, NOTICE_P1, 0), NOTICE_P1);
    assert_int_equal(measure_severity(MEASURE_REPLICATION, &never, NOTICE_P1, 0), NOTICE_P2);
}

static void every_measure_has_a_rule_that_there_is_and_limits_that_may_be(void **state) {
    (void)state;
    for (int i = 0; i < MEASURES; i++) {
        const struct measure *measure = &measure_table[i];
        assert_int_equal(measure_find(measure->name, strlen(measure->name)), i);
        assert_null(measure_limits_wrong(i, &measure->usual));
        assert_true(measure->rule[0] == '\0' || alert_rule_find(measure->rule) != NULL);
        assert_true(measure_check(i) == NULL ||
                    strcmp(measure_check(i)->name, measure->name) == 0);
    }
}

static void a_window_is_the_sum_of_its_looks_alone(void **state) {
    (void)state;
    static struct measure_window window;
    const struct measure_limits limits = {.least = 1, .window_minutes = 2};
    int64_t sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum = measure_window_take(&window, &limits, i * 15 * US_PER_SECOND, i);
    }
    assert_int_equal(sum, 999 + 998 + 997 + 996 + 995 + 994 + 993 + 992);
    const struct measure_limits none = {.least = 1};
    assert_int_equal(measure_window_take(&window, &none, 15000 * US_PER_SECOND, 7), 7);
}

/* ---- kept ---- */

static void write_all(struct looks *looks) {
    struct err err = {0};
    if (looks_write(looks, engine.store, clock_wall_us(), &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void to_a_minute(void) {
    test_clock_advance(US_PER_MINUTE - clock_wall_us() % US_PER_MINUTE);
}

static void what_looks_find_is_kept_once_by_the_minute(void **state) {
    (void)state;
    engine_exec(&engine, "DELETE FROM look_minute");
    struct looks *one = looks_new("inst_1"), *other = looks_new("inst_2");
    to_a_minute();
    int64_t begin_us = clock_wall_us();
    const struct notice_label labels[] = {{"of", "callbacks"}, {"gateway", "alpha"}};
    char of[LOOKS_LABELS_BYTES];
    looks_labels(labels, COUNT_OF(labels), of);
    assert_string_equal(of, "gateway=alpha\nof=callbacks\n");
    for (int s = 3; s < 60; s += 15) {
        int64_t at_us = begin_us + s * US_PER_SECOND;
        looks_take(one, the("jobs_late"), "check=jobs_late", at_us, s > 20 ? 2 : 0, s);
        looks_take(other, the("jobs_late"), "check=jobs_late", at_us, 9, 9);
        looks_take(one, MEASURE_REFUSED, of, at_us, 1, 0);
        looks_take(other, MEASURE_REFUSED, of, at_us, 2, 0);
        looks_take(one, MEASURE_DELAY, of, at_us, 0, 0); /* nothing at all: no row */
    }
    write_all(one);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute"), 0); /* not over */
    test_clock_advance(US_PER_MINUTE);
    write_all(one);
    write_all(other);
    write_all(one);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute"), 3);
    char *text = engine_text(&engine, "SELECT source || '|' || labels || '|' || looks FROM "
                                      "look_minute WHERE measure = 'jobs_late'");
    assert_string_equal(text, "|check=jobs_late|3:0:3 18:0:18 33:2:33 48:2:48");
    struct look read[LOOKS_OF_MINUTE_MAX];
    assert_int_equal(looks_read(strrchr(text, '|') + 1, read), 4);
    assert_true(read[2].second == 33 && read[2].count == 2 && read[2].seconds == 33);
    free(text);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute WHERE measure = "
                                         "'refused' AND source IN ('inst_1', 'inst_2')"),
                     2);
    looks_free(one);
    looks_free(other);
}

static int fail_all(void *ctx, const char *sql) {
    (void)ctx;
    return strstr(sql, "look_minute") != NULL ? -1 : 0;
}

static void while_the_store_is_out_so_many_wait_and_none_is_written_twice(void **state) {
    (void)state;
    engine_exec(&engine, "DELETE FROM look_minute");
    struct looks *looks = looks_new("inst_1");
    struct err err = {0};
    enum { MORE = 5 };
    to_a_minute();
    store_fault_set(engine.store, fail_all, NULL);
    for (int i = 0; i < LOOKS_WAITING_MAX + MORE; i++) {
        looks_take(looks, MEASURE_SLOW, "of=slow", clock_wall_us(), 3, 0);
        test_clock_advance(US_PER_MINUTE);
        if (i % 1000 == 0) {
            assert_true(looks_write(looks, engine.store, clock_wall_us(), &err) < 0);
        }
    }
    store_fault_set(engine.store, NULL, NULL);
    write_all(looks);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute"), LOOKS_WAITING_MAX);
    write_all(looks);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute"), LOOKS_WAITING_MAX);
    looks_free(looks);
}

static void what_is_kept_goes_with_the_figures_minutes(void **state) {
    (void)state;
    struct err err = {0};
    engine_exec(&engine, "DELETE FROM look_minute");
    engine_exec(&engine, "INSERT INTO look_minute VALUES (99, 'slow', 'of=slow', 'a', '0:3:0'), "
                         "(100, 'slow', 'of=slow', 'a', '0:3:0')");
    int r = rollup_prune(engine.store, 100, &err);
    assert_int_equal(r, 0);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM look_minute"), 1);
    assert_int_equal(engine_int(&engine, "SELECT MIN(minute) FROM look_minute"), 100);
}

static void what_was_written_wrongly_is_not_read_as_something_else(void **state) {
    (void)state;
    struct look read[LOOKS_OF_MINUTE_MAX];
    assert_int_equal(looks_read("", read), 0);
    assert_int_equal(looks_read("3", read), 0);
    assert_int_equal(looks_read("3:4", read), 0);
    assert_int_equal(looks_read("60:4:0", read), 0);
    assert_int_equal(looks_read("3:-4:0", read), 0);
    assert_int_equal(looks_read("3:4:5 x:1:1", read), 1);
    assert_int_equal(looks_read("0:1:1 1:1:1 2:1:1 3:1:1 4:1:1 5:1:1 6:1:1 7:1:1 8:1:1", read),
                     LOOKS_OF_MINUTE_MAX);
}

/* ---- targets ---- */

static void what_misses_a_target_is_measured_by_what_may(void **state) {
    (void)state;
    struct figure_limits limits[FIGURES];
    struct err err = {0};
    assert_int_equal(figures_limits_read(&(struct figures_config){0}, limits, &err), 0);
    struct metric_sum sum = {.counts = {.ok = 980, .declined = 25, .failed = 5, .repeated = 10}};
    limits[FIGURE_SUCCESS_RATE].target = 97;
    /* 20 of 1,000 customers did not pay, 30 may. */
    double used = figure_budget_used(FIGURE_SUCCESS_RATE, &limits[FIGURE_SUCCESS_RATE], &sum);
    assert_true(fabs(used - 20.0 / 30) < 1e-9);
    limits[FIGURE_SUCCESS_RATE].target = 99.5;
    used = figure_budget_used(FIGURE_SUCCESS_RATE, &limits[FIGURE_SUCCESS_RATE], &sum);
    assert_true(fabs(used - 4) < 1e-9);
    limits[FIGURE_GATEWAY_ERRORS].target = 1;
    used = figure_budget_used(FIGURE_GATEWAY_ERRORS, &limits[FIGURE_GATEWAY_ERRORS], &sum);
    assert_true(fabs(used - 5 / 10.1) < 1e-9);
    sum.buckets[slice_bucket_of(100 * US_PER_MS)] = 90;
    sum.buckets[slice_bucket_of(20 * US_PER_SECOND)] = 10;
    limits[FIGURE_PROCESSING_LATENCY].target = 2;
    used = figure_budget_used(FIGURE_PROCESSING_LATENCY, &limits[FIGURE_PROCESSING_LATENCY], &sum);
    assert_true(fabs(used - 2) < 1e-9);
    /* Nothing aimed at, nothing known, nothing that may miss it. */
    limits[FIGURE_SUCCESS_RATE].target = 0;
    assert_true(isnan(figure_budget_used(FIGURE_SUCCESS_RATE, &limits[FIGURE_SUCCESS_RATE], &sum)));
    limits[FIGURE_SUCCESS_RATE].target = 97;
    sum = (struct metric_sum){.counts = {.ok = 10}};
    assert_true(isnan(figure_budget_used(FIGURE_SUCCESS_RATE, &limits[FIGURE_SUCCESS_RATE], &sum)));
    limits[FIGURE_PROCESSING_RATE].target = 5;
    assert_true(
        isnan(figure_budget_used(FIGURE_PROCESSING_RATE, &limits[FIGURE_PROCESSING_RATE], &sum)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_say_from_where_on_it_is_an_alert),
        cmocka_unit_test(every_measure_has_a_rule_that_there_is_and_limits_that_may_be),
        cmocka_unit_test(a_window_is_the_sum_of_its_looks_alone),
        cmocka_unit_test(what_looks_find_is_kept_once_by_the_minute),
        cmocka_unit_test(while_the_store_is_out_so_many_wait_and_none_is_written_twice),
        cmocka_unit_test(what_is_kept_goes_with_the_figures_minutes),
        cmocka_unit_test(what_was_written_wrongly_is_not_read_as_something_else),
        cmocka_unit_test(what_misses_a_target_is_measured_by_what_may),
    };
    test_clock_install();
    log_level_set(LOG_ERROR);
    slices_init();
    meter_init();
    return engine_run("measure", tests, COUNT_OF(tests), &engine);
}
