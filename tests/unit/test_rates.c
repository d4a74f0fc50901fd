/* SPDX-License-Identifier: Apache-2.0
 * test_rates.c: more refusals, refunds, disputes, complaints and failed callbacks than usual become
 * alerts and end; what is usual, little, or not known does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/lookout.h"
#include "watch/rates.h"

#define HOUR_US (3600 * US_PER_SECOND)

static struct test_store engine;
static char heard[40][240];
static int heard_count;
static struct lookout *lookout;

static int listen(void *ctx, const struct alert_signal *signals, int count, struct err *err) {
    (void)ctx;
    (void)err;
    for (int i = 0; i < count; i++) {
        const struct alert_signal *signal = &signals[i];
        if (strcmp(signal->rule, "Silence") == 0 || strncmp(signal->rule, "Volume", 6) == 0) {
            continue; /* nobody pays here */
        }
        assert_true(heard_count < 40);
        assert_true(signal->source == NULL || strcmp(signal->rule, "CallbackDelay") == 0);
        snprintf(heard[heard_count++], sizeof heard[0], "%s%s%s %s: %s", signal->rule,
                 signal->label_count > 0 ? " " : "",
                 signal->label_count > 0 ? signal->labels[0].value : "",
                 signal->firing ? "firing" : "over",
                 signal->summary != NULL ? signal->summary : "");
    }
    return 0;
}

static bool said(const char *text) {
    for (int i = 0; i < heard_count; i++) {
        if (strncmp(heard[i], text, strlen(text)) == 0) {
            return true;
        }
    }
    for (int i = 0; i < heard_count; i++) {
        print_message("heard: %s\n", heard[i]);
    }
    return false;
}

/* Slices, by their ids. */
enum {
    PAYMENT = 1,
    CHARGE = 2,
    REFUND = 3,
    CALLBACK_A = 4,
    CALLBACK_B = 5,
    FRAUD = 6,
    DISPUTE = 7,
    COMPLAINT = 8,
};

/* What one hour, or minute, had of a slice. */
struct row {
    int64_t at, slice, ok, declined, failed, repeated;
    bool minute;
};

static int row_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct row *row = ctx;
    return row->minute
               ? sql_put(tx, err,
                         "INSERT INTO metric_minute VALUES ($1, $2, 1, $3, $4, $5, $6, 0, 0, 0, "
                         "'', '')",
                         S_INT(row->at), S_INT(row->slice), S_INT(row->ok), S_INT(row->declined),
                         S_INT(row->failed), S_INT(row->repeated))
               : sql_put(tx, err,
                         "INSERT INTO metric_hour VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, '', '')",
                         S_INT(row->at), S_INT(row->slice), S_INT(row->ok), S_INT(row->declined),
                         S_INT(row->failed), S_INT(row->repeated));
}

static void put(struct row row) {
    struct err err = {0};
    assert_int_equal(store_write(engine.store, row_tx, &row, &err), 0);
}

static int64_t hour_now(void) {
    return clock_wall_us() / HOUR_US;
}
static int64_t minute_now(void) {
    return clock_wall_us() / (60 * US_PER_SECOND);
}

/* Ten days as usual: in 100 payments 2 refused as fraud, 5 refunds, 1 dispute in 1,000 and 1
 * complaint in 500; of gateway a's callbacks 1 in 100 fails. */
static void begin(int days) {
    slices_init();
    meter_init();
    heard_count = 0;
    engine_exec(&engine, "DELETE FROM metric_slice");
    engine_exec(&engine, "DELETE FROM metric_hour");
    engine_exec(&engine, "DELETE FROM metric_minute");
    engine_exec(&engine, "INSERT INTO metric_slice VALUES (1, 1, 'a', '', '', 'EUR', ''), (2, 2, "
                         "'a', '', '', 'EUR', ''), (3, 5, 'a', '', '', 'EUR', ''), (4, 8, 'a', '', "
                         "'', '', ''), (5, 8, 'b', '', '', '', ''), (6, 9, '', '', '', 'EUR', ''), "
                         "(7, 10, 'a', '', '', 'EUR', ''), (8, 11, 'a', '', '', 'EUR', '')");
    /* The middle of an hour and of a minute. */
    test_clock_advance(HOUR_US + HOUR_US / 2 - clock_wall_us() % HOUR_US + 30 * US_PER_SECOND);
    for (int64_t hour = hour_now() - days * 24; hour < hour_now(); hour++) {
        bool tenth = hour % 10 == 0;
        put((struct row){hour, PAYMENT, 100});
        put((struct row){hour, CHARGE, 100});
        put((struct row){hour, REFUND, 5});
        put((struct row){hour, CALLBACK_A, 99, 0, 1});
        put((struct row){hour, CALLBACK_B, 100});
        put((struct row){hour, FRAUD, 98, 2});
        put((struct row){hour, DISPUTE, tenth});
        put((struct row){hour, COMPLAINT, hour % 5 == 0});
    }
    lookout = lookout_open(
        &(struct lookout_options){.store = engine.store, .source = "inst_1", .signal = listen});
}

static void end(void) {
    lookout_close(lookout);
    lookout = NULL;
}

static void turn(void) {
    struct err err = {0};
    if (lookout_turn(lookout, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void shares_of_the_last_hour_are_told_and_over(void **state) {
    (void)state;
    begin(10);
    int64_t minute = minute_now() - 10;
    put((struct row){minute, PAYMENT, 100, .minute = true});
    put((struct row){minute, FRAUD, 189, 11, .minute = true});
    put((struct row){minute, CALLBACK_A, 98, 0, 2, .minute = true});
    put((struct row){minute, CALLBACK_B, 96, 0, 4, .minute = true});
    put((struct row){minute, COMPLAINT, 2, .minute = true});
    turn();
    assert_int_equal(heard_count, 0); /* luck, or too few */
    put((struct row){minute + 1, FRAUD, 60, 30, 0, 4, .minute = true});
    put((struct row){minute + 1, CALLBACK_B, 0, 0, 20, .minute = true});
    put((struct row){minute + 1, COMPLAINT, 6, .minute = true});
    test_clock_advance(60 * US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 3);
    assert_true(said("FraudRate firing: 37 payments refused as fraud in an hour, to 286 payments; "
                     "usually 2.00 in 100."));
    assert_true(said("CallbackFailures b firing: 24 callbacks not processed in an hour, to 120 "
                     "callbacks; usually 0.00 in 100."));
    assert_true(said("Complaints firing: 8 complaints in an hour, to 100 payments; usually 0.2"));
    heard_count = 0;
    test_clock_advance(HOUR_US);
    turn();
    assert_true(said("FraudRate over: "));
    assert_true(said("CallbackFailures b over: "));
    assert_true(said("Complaints over: "));
    assert_int_equal(heard_count, 3);
    end();
}

static void shares_of_the_last_day_are_told_of_the_day(void **state) {
    (void)state;
    begin(10);
    turn();
    assert_int_equal(heard_count, 0);
    int64_t hour = hour_now();
    put((struct row){hour, PAYMENT, 100});
    put((struct row){hour, CHARGE, 100});
    put((struct row){hour, REFUND, 600});
    put((struct row){hour, DISPUTE, 30});
    test_clock_advance(HOUR_US);
    turn();
    assert_int_equal(heard_count, 2);
    assert_ptr_equal(strstr(heard[0], "RefundRate firing: 715 refunds in a day, to 2400 payments; "
                                      "usually 5."),
                     heard[0]);
    assert_ptr_equal(strstr(heard[1], "DisputeRate firing: 3"), heard[1]);
    heard_count = 0;
    test_clock_advance(25 * HOUR_US);
    for (int64_t at = hour + 1; at < hour_now(); at++) {
        put((struct row){at, CHARGE, 100});
        put((struct row){at, REFUND, 5});
    }
    turn();
    assert_true(said("RefundRate over: "));
    assert_true(said("DisputeRate over: "));
    end();
}

static void nothing_is_claimed_before_there_is_a_past(void **state) {
    (void)state;
    begin(3);
    put((struct row){minute_now() - 10, FRAUD, 10, 90, .minute = true});
    turn();
    assert_int_equal(heard_count, 0);
    end();
}

/* Refunds of all, as one sees them who has looked before, or (NULL) looks for the first time. */
static double usual_refunds(struct rates *before, int64_t now_us) {
    struct err err = {0};
    struct rates *rates = before != NULL ? before : rates_new(0);
    const struct rate_finding *findings;
    double usual = -1;
    assert_int_equal(rates_turn(rates, engine.store, now_us, &err), 0);
    for (int i = rates_open(rates, &findings) - 1; i >= 0; i--) {
        usual = findings[i].id == RATE_REFUNDS ? findings[i].usual : usual;
    }
    if (before == NULL) {
        rates_free(rates);
    }
    return usual;
}

static void the_past_moves_with_the_hours_as_if_it_were_summed_anew(void **state) {
    (void)state;
    begin(0);
    char sql[400];
    for (int slice = CHARGE; slice <= REFUND; slice++) {
        char count[80] = "100";
        if (slice == REFUND) {
            snprintf(count, sizeof count, "CASE WHEN n < %lld THEN n %% 13 ELSE 60 END",
                     (long long)hour_now() - 20);
        }
        snprintf(sql, sizeof sql,
                 "INSERT INTO metric_hour WITH RECURSIVE hours(n) AS (SELECT %lld UNION ALL SELECT "
                 "n + 1 FROM hours WHERE n < %lld) SELECT n, %d, %s, 0, 0, 0, 0, 0, 0, '', '' FROM "
                 "hours",
                 (long long)hour_now() - 35 * 24, (long long)hour_now() + 60, slice, count);
        engine_exec(&engine, sql);
    }
    static const int later[] = {0, 1, 2, 5, 6, 23, 24, 25, 30};
    struct rates *rates = rates_new(0);
    double first = 0;
    for (size_t i = 0; i < COUNT_OF(later); i++) {
        int64_t now_us = clock_wall_us() + later[i] * HOUR_US;
        double usual = usual_refunds(rates, now_us);
        assert_true(usual > 0);
        assert_true(usual == usual_refunds(NULL, now_us));
        first = i == 0 ? usual : first;
        assert_true(i == 0 || usual != first); /* it does move */
    }
    /* Backwards, as when a clock is set. */
    assert_true(usual_refunds(rates, clock_wall_us()) == first);
    rates_free(rates);
    end();
}

static void callbacks_that_come_late_are_told_of_their_gateway(void **state) {
    (void)state;
    begin(0);
    slice_record(&(struct slice_event){
        .operation = SLICE_CHARGE, .labels = {"a", "card", "", "", ""}, .duration_us = -1});
    for (int i = 0; i < 4; i++) {
        meter_time(METER_CALLBACK_DELAY_SECONDS, 400 * US_PER_SECOND, "a");
    }
    lookout_close(lookout);
    lookout = lookout_open(&(struct lookout_options){.source = "inst_1", .signal = listen});
    turn();
    assert_int_equal(heard_count, 0);
    meter_time(METER_CALLBACK_DELAY_SECONDS, 400 * US_PER_SECOND, "a");
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 1);
    assert_true(said("CallbackDelay callbacks firing: Half of the 5 callbacks of a"));
    test_clock_advance(400 * US_PER_SECOND);
    turn();
    assert_true(said("CallbackDelay callbacks over: "));
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_the_last_hour_are_told_and_over),
        cmocka_unit_test(shares_of_the_last_day_are_told_of_the_day),
        cmocka_unit_test(nothing_is_claimed_before_there_is_a_past),
        cmocka_unit_test(the_past_moves_with_the_hours_as_if_it_were_summed_anew),
        cmocka_unit_test(callbacks_that_come_late_are_told_of_their_gateway),
    };
    test_clock_install();
    return engine_run("rates", tests, COUNT_OF(tests), &engine);
}
