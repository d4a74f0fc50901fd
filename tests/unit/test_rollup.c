/* SPDX-License-Identifier: Apache-2.0
 * test_rollup.c: figures by the minute are stored once, whatever fails, by several processes, and
 * read back as they were; hours are sums of their minutes; the nine figures are what they say. Both
 * engines; clocks move only when a test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/world.h"
#include "meter/meter.h"
#include "support/both_engines.h"
#include "watch/figures.h"

enum { MINUTE_S = 60, START_MINUTE = 29000040, START_HOUR = START_MINUTE / 60 };
#define ALL_MINUTES 0, INT64_C(1) << 40

static struct test_store engine;
static struct rollup *rollup;
static _Atomic int64_t passed_us;
static struct world_ops fake_world;

/* The store's own waiting goes by it: it goes on, and jumps with the other. */
static int64_t fake_mono(void *ctx) {
    return world_real()->mono_us(ctx) + atomic_load(&passed_us);
}
static int64_t fake_wall(void *ctx) {
    (void)ctx;
    return START_MINUTE * MINUTE_S * US_PER_SECOND + atomic_load(&passed_us);
}
static void pass_s(int64_t seconds) {
    atomic_fetch_add(&passed_us, seconds * US_PER_SECOND);
}

static int begin(void **state) {
    (void)state;
    struct err err = {0};
    atomic_store(&passed_us, 0);
    meter_init();
    assert_return_code(rollup_open(engine.store, 0, &rollup, &err), 0);
    (void)engine_exec(&engine, "DELETE FROM metric_minute");
    (void)engine_exec(&engine, "DELETE FROM metric_hour");
    (void)engine_exec(&engine, "DELETE FROM metric_hour_due");
    (void)engine_exec(&engine, "DELETE FROM metric_slice");
    return 0;
}

static int end(void **state) {
    (void)state;
    store_fault_set(engine.store, NULL, NULL);
    rollup_close(rollup);
    rollup = NULL;
    return 0;
}

static void record(enum slice_operation operation, const char *gateway, const char *currency,
                   enum slice_outcome outcome, int64_t ms) {
    struct slice_event event = {
        .operation = operation,
        .outcome = outcome,
        .labels = {gateway, "card", "DE", currency, ""},
        .code = outcome == SLICE_OK ? NULL : outcome == SLICE_DECLINED ? "do_not_honor" : "timeout",
        .duration_us = ms < 0 ? -1 : ms * US_PER_MS,
        .amount_minor = 100,
    };
    slice_record(&event);
}

static void turn(struct rollup *one) {
    struct err err = {0};
    rollup_take(one);
    if (rollup_turn(one, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static struct metric_groups stored(enum slice_operation operation, unsigned by, int64_t from,
                                   int64_t until, bool hours) {
    struct err err = {0};
    struct metric_groups groups;
    metric_groups_init(&groups, by);
    int r = rollup_stored(engine.store, operation, from, until, hours, &groups, &err);
    if (r < 0) {
        fail_msg("%s", err.detail);
    }
    return groups;
}

/* ---- minutes ---- */

static void a_minute_is_stored_as_it_was(void **state) {
    (void)state;
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 120);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 130);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_FAILED, 9000);
    record(SLICE_CHARGE, "paypal", "USD", SLICE_DECLINED, -1);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 0);
    pass_s(MINUTE_S);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 2);
    struct metric_groups groups = stored(SLICE_CHARGE, 1U << SLICE_GATEWAY | 1U << SLICE_CURRENCY,
                                         START_MINUTE, START_MINUTE + 1, false);
    assert_int_equal(groups.count, 2);
    const struct metric_group *stripe = &groups.items[0];
    stripe += strcmp(stripe->labels[SLICE_GATEWAY], "stripe-eu") != 0;
    assert_string_equal(stripe->labels[SLICE_CURRENCY], "EUR");
    assert_string_equal(stripe->labels[SLICE_METHOD], "");
    assert_int_equal(stripe->sum.counts.ok, 2);
    assert_int_equal(stripe->sum.counts.failed, 1);
    assert_int_equal(stripe->sum.ok_minor, 200);
    assert_int_equal(stripe->sum.lost_minor, 100);
    assert_int_equal(stripe->sum.duration_us, 9250 * US_PER_MS);
    assert_int_equal(metric_sum_timed(&stripe->sum), 3);
    assert_in_range(metric_sum_quantile_us(&stripe->sum, 0.99), 8437500, 9562500);
    assert_string_equal(stripe->sum.codes[0].text, "timeout");
    assert_int_equal(stripe->sum.codes[0].count, 1);
    metric_groups_release(&groups);
    groups = stored(SLICE_REFUND, 0, ALL_MINUTES, false);
    assert_int_equal(groups.count, 0);
    metric_groups_release(&groups);
}

static int fail_first(void *ctx, const char *sql) {
    const char *wanted = ctx;
    return strncmp(sql, wanted, strlen(wanted)) == 0 ? -1 : 0;
}

static void a_store_that_is_out_loses_no_minute(void **state) {
    (void)state;
    struct err err = {0};
    struct rollup_stats stats;
    store_fault_set(engine.store, fail_first, "INSERT");
    for (int minute = 0; minute < 30; minute++) {
        record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
        pass_s(MINUTE_S);
        rollup_take(rollup);
        assert_true(rollup_turn(rollup, &err) < 0);
    }
    rollup_stats(rollup, &stats);
    assert_int_equal(stats.waiting, 30);
    assert_int_equal(stats.waiting_since_us, START_MINUTE * MINUTE_S * US_PER_SECOND);
    store_fault_set(engine.store, NULL, NULL);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 30);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(DISTINCT minute) FROM metric_minute"), 30);
    assert_int_equal(engine_int(&engine, "SELECT SUM(ok) FROM metric_minute"), 30);
    rollup_stats(rollup, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.lost, 0);
}

static void a_write_whose_end_nobody_knows_is_made_again_and_counts_once(void **state) {
    (void)state;
    struct err err = {0};
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    pass_s(MINUTE_S);
    rollup_take(rollup);
    store_fault_set(engine.store, fail_first, "COMMITTED");
    assert_true(rollup_turn(rollup, &err) < 0);
    store_fault_set(engine.store, NULL, NULL);
    assert_int_equal(engine_int(&engine, "SELECT SUM(ok) FROM metric_minute"), 1);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT SUM(ok) FROM metric_minute"), 1);
}

static void what_no_longer_fits_is_given_up_and_counted_the_oldest_first(void **state) {
    (void)state;
    struct err err = {0};
    struct rollup *small;
    struct rollup_stats stats;
    assert_return_code(rollup_open(engine.store, 2000, &small, &err), 0);
    for (int minute = 0; minute < 40; minute++) {
        record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
        pass_s(MINUTE_S);
        rollup_take(small);
    }
    rollup_stats(small, &stats);
    assert_in_range(stats.kept_bytes, 1, 2000);
    assert_int_equal(stats.lost + stats.waiting, 40);
    assert_true(stats.lost > 0 && stats.waiting > 0);
    turn(small);
    assert_int_equal(engine_int(&engine, "SELECT MAX(minute) FROM metric_minute"),
                     START_MINUTE + 39);
    assert_int_equal(engine_int(&engine, "SELECT SUM(ok) FROM metric_minute"), stats.waiting);
    rollup_close(small);
}

static void several_processes_add_up(void **state) {
    (void)state;
    struct err err = {0};
    struct rollup *other;
    assert_return_code(rollup_open(engine.store, 0, &other, &err), 0);
    /* Each has a table of its own; here one is used by turns, within one minute. */
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    pass_s(MINUTE_S);
    rollup_take(rollup);
    atomic_store(&passed_us, 0);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_FAILED, 100);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    pass_s(MINUTE_S);
    turn(other);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 2);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_slice"), 1);
    struct metric_groups groups = stored(SLICE_CHARGE, 0, ALL_MINUTES, false);
    assert_int_equal(groups.items[0].sum.counts.ok, 2);
    assert_int_equal(groups.items[0].sum.counts.failed, 1);
    metric_groups_release(&groups);
    rollup_close(other);
}

static void the_last_minute_is_written_at_the_end(void **state) {
    (void)state;
    struct err err = {0};
    assert_return_code(rollup_start(rollup, &err), 0);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    rollup_stop(rollup);
    assert_int_equal(engine_int(&engine, "SELECT SUM(ok) FROM metric_minute"), 1);
}

/* ---- hours, and what is too old ---- */

static void an_hour_is_the_sum_of_its_minutes_also_of_late_ones(void **state) {
    (void)state;
    struct err err = {0};
    struct rollup *late;
    assert_return_code(rollup_open(engine.store, 0, &late, &err), 0);
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_FAILED, 50);
    pass_s(MINUTE_S);
    rollup_take(late); /* and it cannot write for hours */
    for (int minute = 0; minute < 90; minute++) {
        record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
        record(SLICE_CHARGE, "paypal", "EUR", SLICE_OK, 200);
        pass_s(MINUTE_S);
        turn(rollup);
    }
    int64_t first = START_HOUR * 60, next = first + 60;
    struct metric_groups hour = stored(SLICE_CHARGE, 1U << SLICE_GATEWAY, first, next, true);
    struct metric_groups minutes = stored(SLICE_CHARGE, 1U << SLICE_GATEWAY, first, next, false);
    assert_int_equal(hour.count, 2);
    assert_int_equal(hour.items[0].sum.counts.ok, 59);
    int same = strcmp(hour.items[0].labels[SLICE_GATEWAY], minutes.items[0].labels[SLICE_GATEWAY]);
    assert_memory_equal(hour.items[0].sum.buckets, minutes.items[same != 0].sum.buckets,
                        sizeof(hour.items[0].sum.buckets));
    metric_groups_release(&hour);
    metric_groups_release(&minutes);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_hour_due"), 1);
    turn(late);
    hour = stored(SLICE_CHARGE, 0, first, next, true);
    assert_int_equal(hour.items[0].sum.counts.ok, 2 * 59);
    assert_int_equal(hour.items[0].sum.counts.failed, 1);
    assert_string_equal(hour.items[0].sum.codes[0].text, "timeout");
    metric_groups_release(&hour);
    rollup_close(late);
}

static void what_is_older_than_thirteen_months_goes(void **state) {
    (void)state;
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    pass_s(MINUTE_S);
    turn(rollup);
    pass_s(3600 * 2);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_hour"), 1);
    pass_s(INT64_C(24) * 3600 * (ROLLUP_DAYS - 1));
    record(SLICE_CHARGE, "stripe-eu", "EUR", SLICE_OK, 100);
    pass_s(MINUTE_S);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 2);
    pass_s(24 * 3600);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_minute"), 1);
    turn(rollup);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM metric_hour"), 1);
}

static void what_is_no_code_is_written_as_one(void **state) {
    (void)state;
    struct slice_event event = {.operation = SLICE_CHARGE,
                                .outcome = SLICE_FAILED,
                                .labels = {"g", "card", "DE", "EUR", "caf\xc3"},
                                .code = "a b:7 \xff",
                                .duration_us = -1};
    slice_record(&event);
    pass_s(MINUTE_S);
    turn(rollup);
    struct metric_groups groups = stored(SLICE_CHARGE, 0, ALL_MINUTES, false);
    assert_string_equal(groups.items[0].sum.codes[0].text, "a_b_7__");
    assert_int_equal(groups.items[0].sum.codes[0].count, 1);
    metric_groups_release(&groups);
}

/* ---- figures ---- */

static struct figures_watch watch_of(const struct figures_config *config) {
    struct err err = {0};
    struct figures_watch watch = {.rollup = rollup, .store = engine.store,
                                  .started_us = clock_mono_us()};
    assert_return_code(figures_limits_read(config, watch.limits, &err), 0);
    return watch;
}

static void with_too_few_events_nothing_is_said(void **state) {
    (void)state;
    struct figures_watch watch = watch_of(&(struct figures_config){0});
    struct figure_now now[FIGURES];
    record(SLICE_PAYMENT, "g", "EUR", SLICE_FAILED, 100);
    figures_now(&watch, now);
    for (int i = 0; i < FIGURES; i++) {
        assert_true(isnan(now[i].value));
        assert_int_equal(now[i].state, FIGURE_NO_DATA);
    }
    pass_s(6 * MINUTE_S);
    rollup_take(rollup);
    figures_now(&watch, now);
    assert_int_equal(now[FIGURE_PROCESSING_RATE].value, 0); /* that is known: nothing came */
    assert_int_equal(now[FIGURE_PROCESSING_RATE].state, FIGURE_CRITICAL);
    assert_int_equal(now[FIGURE_SUCCESS_RATE].state, FIGURE_NO_DATA);
}

static void the_figures_are_what_they_say(void **state) {
    (void)state;
    struct figures_watch watch = watch_of(&(struct figures_config){0});
    struct figure_now now[FIGURES];
    for (int minute = 0; minute < 5; minute++) {
        for (int i = 0; i < 20; i++) {
            enum slice_outcome outcome = i == 0 && minute < 4   ? SLICE_FAILED
                                         : i == 1 && minute < 3 ? SLICE_DECLINED
                                                                : SLICE_OK;
            record(SLICE_PAYMENT, "g", "EUR", outcome, i < 2 ? 5000 : 200);
            record(SLICE_CALL, "g", "EUR",
                   i == 0 && minute < 3 ? SLICE_FAILED : i < 10 ? SLICE_DECLINED : SLICE_OK, 100);
        }
        record(SLICE_REFUND, "g", "EUR", SLICE_OK, 20000);
        pass_s(MINUTE_S);
        rollup_take(rollup);
    }
    figures_now(&watch, now);
    assert_int_equal(now[FIGURE_PROCESSING_RATE].value, 20);
    assert_int_equal(now[FIGURE_PROCESSING_RATE].state, FIGURE_OK);
    assert_int_equal(now[FIGURE_SUCCESS_RATE].value, 93);
    assert_int_equal(now[FIGURE_SUCCESS_RATE].state, FIGURE_WARNING);
    assert_true(fabs(now[FIGURE_PROCESSING_LATENCY].value - 5.0) < 5.0 / 16);
    assert_int_equal(now[FIGURE_PROCESSING_LATENCY].state, FIGURE_WARNING);
    assert_int_equal(now[FIGURE_REFUND_LATENCY].state, FIGURE_CRITICAL);
    assert_int_equal(now[FIGURE_GATEWAY_ERRORS].value, 3); /* its many declines are no errors */
    assert_int_equal(now[FIGURE_GATEWAY_ERRORS].state, FIGURE_WARNING);
    assert_int_equal(now[FIGURE_FRAUD_LATENCY].state, FIGURE_NO_DATA);
    pass_s(6 * MINUTE_S); /* the window is over */
    rollup_take(rollup);
    figures_now(&watch, now);
    assert_int_equal(now[FIGURE_SUCCESS_RATE].state, FIGURE_NO_DATA);
}

static void thresholds_are_configured_and_slips_are_refused(void **state) {
    (void)state;
    double high = 99, low = 80, wrong = 101;
    unsigned least = 3;
    struct figure_limits limits[FIGURES];
    struct config_figure row = {.name = "payment_success_rate", .warning = &high,
                                .events_min = &least};
    struct figures_config config = {&row, 1};
    struct err err = {0};
    assert_return_code(figures_limits_read(&config, limits, &err), 0);
    assert_true(limits[FIGURE_SUCCESS_RATE].warning == 99);
    assert_true(limits[FIGURE_SUCCESS_RATE].critical == 90);
    assert_int_equal(limits[FIGURE_SUCCESS_RATE].events_min, 3);
    row.warning = &low; /* below critical */
    assert_int_equal(figures_limits_read(&config, limits, &err), -ERR_CONFIG);
    row.warning = &wrong;
    assert_int_equal(figures_limits_read(&config, limits, &err), -ERR_CONFIG);
    row = (struct config_figure){.name = "payment_success"};
    assert_int_equal(figures_limits_read(&config, limits, &err), -ERR_CONFIG);
    struct config_figure twice[] = {{.name = "gateway_error_rate"}, {.name = "gateway_error_rate"}};
    config = (struct figures_config){twice, 2};
    assert_int_equal(figures_limits_read(&config, limits, &err), -ERR_CONFIG);
}

static json_t *asked(const struct figures_watch *watch, enum figure_id id, unsigned by,
                     int64_t from_us, int want) {
    struct err err = {0};
    struct figures_query query = {.by = by, .from_us = from_us, .until_us = clock_wall_us()};
    query.wanted[id] = true;
    BUF_AUTO buf;
    buf_init(&buf, 1 << 20);
    assert_int_equal(figures_json(watch, &query, &buf, &err), want);
    return want < 0 ? NULL : json_loads(buf.data, 0, NULL);
}

static void now_and_before_agree(void **state) {
    (void)state;
    struct figures_watch watch = watch_of(&(struct figures_config){0});
    int64_t began_us = clock_wall_us();
    for (int minute = 0; minute < 5; minute++) {
        for (int i = 0; i < 30; i++) {
            record(SLICE_PAYMENT, i < 20 ? "big" : "small", "EUR",
                   i % 10 == 0 ? SLICE_FAILED : SLICE_OK, 100);
        }
        pass_s(MINUTE_S);
        turn(rollup);
    }
    unsigned by = 1U << SLICE_GATEWAY;
    for (int before = 0; before < 2; before++) {
        json_t *answer = asked(&watch, FIGURE_SUCCESS_RATE, by, before ? began_us : 0, 0);
        assert_non_null(answer);
        json_t *rows = json_object_get(answer, "data"), *row = json_array_get(rows, 0);
        assert_int_equal(json_array_size(rows), 2);
        assert_string_equal(json_peek_text(row, "by", "gateway", NULL), "big");
        assert_int_equal(json_integer_value(json_object_get(row, "ok")), 90);
        assert_true(json_number_value(json_object_get(row, "value")) == 90);
        assert_string_equal(json_peek_text(row, "state", NULL), "warning");
        json_t *points = json_object_get(row, "points");
        assert_int_equal(json_array_size(points), before ? 5 : 10);
        assert_true(json_number_value(json_array_get(points, before ? 0 : 4)) == 90);
        json_decref(answer);
    }
    json_t *answer = asked(&watch, FIGURE_PROCESSING_RATE, 0, began_us, 0);
    json_t *row = json_array_get(json_object_get(answer, "data"), 0);
    assert_true(json_number_value(json_object_get(row, "value")) == 30);
    json_decref(answer);
    assert_null(asked(&watch, FIGURE_PROCESSING_RATE, 0, clock_wall_us(), -ERR_VALIDATION));
}

/* What rose, and from when on: the same by the second now, and as it is stored. */
static void codes_have_their_share_now_and_before(void **state) {
    (void)state;
    struct figures_watch watch = watch_of(&(struct figures_config){0});
    int64_t began_us = clock_wall_us();
    for (int minute = 0; minute < 5; minute++) {
        for (int i = 0; i < 100; i++) {
            bool bad = i < (minute < 3 ? 1 : 31);
            record(SLICE_PAYMENT, "big", "EUR", bad ? SLICE_DECLINED : SLICE_OK, 100);
        }
        record(SLICE_PAYMENT, "small", "EUR", SLICE_FAILED, 100);
        pass_s(MINUTE_S);
        turn(rollup);
    }
    unsigned by = 1U << SLICE_GATEWAY | FIGURES_BY_CODE;
    for (int before = 0; before < 2; before++) {
        json_t *answer = asked(&watch, FIGURE_SUCCESS_RATE, by, before ? began_us : 0, 0);
        json_t *rows = json_object_get(answer, "data"), *row = json_array_get(rows, 0);
        assert_int_equal(json_array_size(rows), 2);
        assert_string_equal(json_peek_text(row, "by", "gateway", NULL), "big");
        assert_string_equal(json_peek_text(row, "by", "code", NULL), "do_not_honor");
        assert_int_equal(json_integer_value(json_object_get(row, "said")), 65);
        assert_int_equal(json_integer_value(json_object_get(row, "ok")), 435);
        assert_true(json_number_value(json_object_get(row, "value")) == 13);
        assert_string_equal(json_peek_text(row, "state", NULL), "not_judged");
        json_t *points = json_object_get(row, "points");
        int first = before ? 0 : 4;
        assert_true(json_number_value(json_array_get(points, (size_t)first)) == 1);
        assert_true(json_number_value(json_array_get(points, (size_t)first + 3)) == 31);
        row = json_array_get(rows, 1);
        assert_string_equal(json_peek_text(row, "by", "code", NULL), "timeout");
        assert_true(json_number_value(json_object_get(row, "value")) == 100);
        json_decref(answer);
    }
    json_t *answer = asked(&watch, FIGURE_PROCESSING_LATENCY, by, 0, 0);
    assert_int_equal(json_array_size(json_object_get(answer, "data")), 0);
    json_decref(answer);
}

static void less_than_a_minute_is_empty_wherever_it_lies(void **state) {
    (void)state;
    struct figures_watch watch = watch_of(&(struct figures_config){0});
    int64_t into_s = clock_wall_us() / US_PER_SECOND % MINUTE_S;
    pass_s((int)(2 * MINUTE_S - into_s));
    for (int i = 0; i < 3; i++) { /* one over the edge of a minute, two within it */
        int64_t from_us = clock_wall_us() - US_PER_SECOND;
        assert_null(asked(&watch, FIGURE_PROCESSING_RATE, 0, from_us, -ERR_VALIDATION));
        pass_s(1);
    }
}

static void a_part_that_is_no_dimension_is_refused(void **state) {
    (void)state;
    struct err err = {0};
    unsigned by = 0;
    assert_return_code(figures_by_parse("gateway,segment", &by, &err), 0);
    assert_int_equal(by, 1U << SLICE_GATEWAY | 1U << SLICE_SEGMENT);
    assert_return_code(figures_by_parse("gateway,code", &by, &err), 0);
    assert_int_equal(by, 1U << SLICE_GATEWAY | FIGURES_BY_CODE);
    assert_int_equal(figures_by_parse("gateway,color", &by, &err), -ERR_VALIDATION);
    assert_int_equal(figures_by_parse("gate", &by, &err), -ERR_VALIDATION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    fake_world = *world_real();
    fake_world.mono_us = fake_mono;
    fake_world.wall_us = fake_wall;
    world_install(NULL, &fake_world);
    log_level_set(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        TEST(a_minute_is_stored_as_it_was),
        TEST(a_store_that_is_out_loses_no_minute),
        TEST(a_write_whose_end_nobody_knows_is_made_again_and_counts_once),
        TEST(what_no_longer_fits_is_given_up_and_counted_the_oldest_first),
        TEST(several_processes_add_up),
        TEST(the_last_minute_is_written_at_the_end),
        TEST(an_hour_is_the_sum_of_its_minutes_also_of_late_ones),
        TEST(what_is_older_than_thirteen_months_goes),
        TEST(what_is_no_code_is_written_as_one),
        TEST(with_too_few_events_nothing_is_said),
        TEST(the_figures_are_what_they_say),
        TEST(thresholds_are_configured_and_slips_are_refused),
        TEST(now_and_before_agree),
        TEST(less_than_a_minute_is_empty_wherever_it_lies),
        TEST(codes_have_their_share_now_and_before),
        TEST(a_part_that_is_no_dimension_is_refused),
    };
    return engine_run("rollup", tests, COUNT_OF(tests), &engine);
}
