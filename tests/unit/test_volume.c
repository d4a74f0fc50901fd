/* SPDX-License-Identifier: Apache-2.0
 * test_volume.c: weeks with their days, nights and luck say nothing; far less and far more than
 * usual is found, told of whom it concerns, and over when it is over; a restart forgets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/lookout.h"
#include "watch/volume.h"

enum { HOUR_MINUTES = 60, WEEK_MINUTES = 7 * 24 * 60, WEEKS_MAX = 8 };
#define MINUTE_US (60 * US_PER_SECOND)
/* A Monday. */
#define BEGIN_MINUTE (INT64_C(2900) * WEEK_MINUTES + 4 * 24 * 60)

static uint64_t draws;

static double chance(void) {
    uint64_t x = draws += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)((x ^ x >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void) {
    return sqrt(-2 * log(chance())) * cos(6.283185307179586 * chance());
}

static int64_t poisson(double mean) {
    double limit = exp(-mean), product = chance();
    int64_t count = 0;
    while (product > limit) {
        product *= chance();
        count++;
    }
    return count;
}

/* ---- a shop: minutes of two currencies ---- */

struct minute {
    int64_t payments[2], amount[2];
};
static const char *const currencies[] = {"EUR", "CNY"};
static struct minute minutes[WEEKS_MAX * WEEK_MINUTES];

/* A day from a quarter to seven quarters, a quieter weekend, an hour's luck, and each payment's
 * amount by chance, some of them ten times the usual. */
static void make(uint64_t seed, int weeks) {
    double luck = 1;
    draws = seed;
    for (int i = 0; i < weeks * WEEK_MINUTES; i++) {
        luck = i % HOUR_MINUTES == 0 ? exp(0.15 * normal()) : luck;
        double day = 1 - 0.75 * cos(6.283185307179586 * (i % 1440) / 1440);
        double week = i % WEEK_MINUTES >= 5 * 1440 ? 0.7 : 1;
        for (int c = 0; c < 2; c++) {
            minutes[i].payments[c] = poisson((c == 0 ? 8 : 4) * luck * day * week);
            minutes[i].amount[c] = 0;
            for (int64_t k = 0; k < minutes[i].payments[c]; k++) {
                minutes[i].amount[c] += (int64_t)(2000 * exp(0.9 * normal()));
            }
        }
    }
}

/* From one minute to another so many times as much; `currency` -1: of both. */
static void change(int from, int until, int currency, double payments, double amount) {
    for (int i = from; i < until; i++) {
        for (int c = 0; c < 2; c++) {
            if (currency == c || currency < 0) {
                minutes[i].payments[c] = llround((double)minutes[i].payments[c] * payments);
                minutes[i].amount[c] = llround((double)minutes[i].amount[c] * amount);
            }
        }
    }
}

static void learn(struct volume *volume, int now, int left_out_from, int left_out_until) {
    volume_forget(volume);
    for (int hour = MAX(0, now / 60 - 841); hour < now / 60; hour++) {
        for (int c = 0; c < 2; c++) {
            int64_t payments = 0, amount = 0;
            for (int i = hour * 60; i < hour * 60 + 60; i++) {
                payments += minutes[i].payments[c];
                amount += minutes[i].amount[c];
            }
            volume_hour(volume, BEGIN_MINUTE / 60 + hour, currencies[c], payments, amount);
        }
    }
    if (left_out_from < left_out_until) {
        volume_leave_out(volume, (BEGIN_MINUTE + left_out_from) * MINUTE_US,
                         (BEGIN_MINUTE + left_out_until) * MINUTE_US - 1);
    }
    volume_learnt(volume, (BEGIN_MINUTE + now) / 60);
}

static int look(struct volume *volume, int now, const struct volume_finding **ret_findings) {
    volume_begin(volume, BEGIN_MINUTE + now);
    for (int i = MAX(0, now - VOLUME_MINUTES); i < now; i++) {
        for (int c = 0; c < 2; c++) {
            volume_minute(volume, BEGIN_MINUTE + i, currencies[c], minutes[i].payments[c],
                          minutes[i].amount[c]);
        }
    }
    volume_judge(volume);
    return volume_open(volume, ret_findings);
}

/* Looks every `every` minutes until something is found; the minute, or -1. */
static int first_found(struct volume *volume, int from, int until, int every,
                       struct volume_finding *ret_finding) {
    const struct volume_finding *findings;
    for (int now = from; now < until; now += every) {
        if (now == from || now / 60 != (now - every) / 60) {
            learn(volume, now, 0, 0);
        }
        if (look(volume, now, &findings) > 0) {
            *ret_finding = findings[0];
            return now;
        }
    }
    return -1;
}

/* ---- tests ---- */

enum { WEEK_6 = 5 * WEEK_MINUTES };

static void ordinary_weeks_say_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct volume *volume = volume_new(0);
        struct volume_finding found;
        make(seed, 7);
        int at = first_found(volume, WEEK_6, WEEK_6 + 2 * WEEK_MINUTES, 5, &found);
        if (at >= 0) {
            fail_msg("seed %d, minute %d: %s %s%s %.0f, usual %.0f in %d", (int)seed, at - WEEK_6,
                     found.surge ? "surge" : "drop", found.currency,
                     found.amount ? " amount" : "", found.seen, found.usual, found.minutes);
        }
        volume_free(volume);
    }
}

static void a_drop_is_found_within_minutes_since_when_and_over_when_it_is(void **state) {
    (void)state;
    struct volume *volume = volume_new(0);
    struct volume_finding found;
    const struct volume_finding *findings;
    make(3, 7);
    int noon = WEEK_6 + 2 * 1440 + 12 * 60;
    change(noon, noon + 90, -1, 0.15, 0.15);
    int at = first_found(volume, noon - 120, noon + 90, 1, &found);
    assert_in_range(at, noon + 5, noon + 15);
    assert_true(!found.surge && !found.amount && found.weeks == 5 && found.minutes == 10);
    assert_string_equal(found.currency, "");
    assert_true(found.seen < volume_limits_usual().drop * found.usual);
    assert_in_range(found.first_symptom_us, (BEGIN_MINUTE + noon - 5) * MINUTE_US,
                    (BEGIN_MINUTE + noon + 3) * MINUTE_US);
    int64_t first_us = found.first_symptom_us;
    for (at = at + 1; at < noon + 90; at++) {
        assert_int_equal(look(volume, at, &findings), 1);
        assert_int_equal(findings[0].first_symptom_us, first_us);
    }
    assert_int_equal(look(volume, noon + 110, &findings), 0);
    volume_free(volume);
}

static void a_surge_is_found_and_one_of_a_currency_is_told_as_that(void **state) {
    (void)state;
    struct volume *volume = volume_new(0);
    struct volume_finding found;
    const struct volume_finding *findings;
    make(4, 7);
    int noon = WEEK_6 + 3 * 1440 + 12 * 60;
    change(noon, noon + 60, -1, 4, 4);
    assert_in_range(first_found(volume, noon - 30, noon + 60, 1, &found), noon + 2, noon + 10);
    assert_true(found.surge && !found.amount);
    assert_string_equal(found.currency, "");
    int next = noon + 1440;
    change(next, next + 60, 1, 0.05, 0.05);
    assert_in_range(first_found(volume, next - 30, next + 60, 1, &found), next + 5, next + 20);
    assert_true(!found.surge && !found.amount);
    assert_string_equal(found.currency, "CNY");
    assert_int_equal(look(volume, next + 30, &findings), 1); /* its money is the same news */
    volume_free(volume);
}

static void money_that_is_not_in_its_payments_is_found(void **state) {
    (void)state;
    struct volume *volume = volume_new(0);
    struct volume_finding found;
    make(5, 7);
    int noon = WEEK_6 + 1440 + 12 * 60;
    change(noon, noon + 90, 0, 1, 0.01); /* somebody mistook euros for cents */
    assert_in_range(first_found(volume, noon - 30, noon + 90, 1, &found), noon + 20, noon + 62);
    assert_true(!found.surge && found.amount && found.minutes == 60);
    assert_string_equal(found.currency, "EUR");
    volume_free(volume);
}

/* Three weeks of five were an outage at this hour: as they stand they would be the usual, and what
 * is usual would be a surge. */
static void weeks_that_were_incidents_are_left_out(void **state) {
    (void)state;
    struct volume *volume = volume_new(0);
    const struct volume_finding *findings;
    make(6, 7);
    int noon = 1440 + 12 * 60;
    for (int week = 1; week < 4; week++) {
        change(week * WEEK_MINUTES + noon - 60, week * WEEK_MINUTES + noon + 180, -1, 0, 0);
    }
    int now = WEEK_6 + noon + 60;
    learn(volume, now, 0, 0);
    assert_int_equal(look(volume, now, &findings), 1);
    assert_true(findings[0].surge);
    volume_free(volume);
    volume = volume_new(0);
    learn(volume, now, WEEK_MINUTES + noon - 60, 3 * WEEK_MINUTES + noon + 180);
    assert_int_equal(look(volume, now, &findings), 0);
    change(now - 30, now, -1, 0.1, 0.1);
    assert_int_equal(look(volume, now, &findings), 1);
    assert_true(!findings[0].surge && findings[0].weeks == 2);
    volume_free(volume);
}

static void nothing_is_claimed_of_what_is_not_known(void **state) {
    (void)state;
    struct volume *volume = volume_new(0);
    struct volume_finding found;
    make(7, 3);
    change(WEEK_MINUTES + 600, WEEK_MINUTES + 1440, -1, 0, 0);
    assert_int_equal(first_found(volume, WEEK_MINUTES + 600, WEEK_MINUTES + 1440, 10, &found), -1);
    change(2 * WEEK_MINUTES + 2000, 2 * WEEK_MINUTES + 2100, -1, 0, 0);
    assert_true(first_found(volume, 2 * WEEK_MINUTES + 2000, 2 * WEEK_MINUTES + 2100, 10, &found) >
                0);
    volume_free(volume);
}

/* ---- in the service ---- */

static struct test_store engine;
static char heard[20][200];
static int heard_count;

static int listen(void *ctx, const struct alert_signal *signals, int count, struct err *err) {
    (void)ctx;
    (void)err;
    for (int i = 0; i < count; i++) {
        const struct alert_signal *signal = &signals[i];
        assert_true(heard_count < 20);
        snprintf(heard[heard_count++], sizeof heard[0], "%s%s%s %s %s: %s", signal->rule,
                 signal->label_count > 0 ? " " : "",
                 signal->label_count > 0 ? signal->labels[0].value : "",
                 signal->source == NULL ? "shared" : signal->source,
                 signal->firing ? "firing" : "over",
                 signal->summary != NULL ? signal->summary : "");
    }
    return 0;
}

static int numbers_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const int64_t *now = ctx; /* minutes */
    int64_t hour = *now / 60;
    int r = sql_put(tx, err,
                    "INSERT INTO metric_slice VALUES (1, 1, 'a', 'card', 'DE', 'EUR', ''), "
                    "(2, 2, 'a', 'card', 'DE', 'EUR', '')");
    for (int64_t at = hour - 840; r >= 0 && at < hour; at++) {
        r = sql_put(tx, err,
                    "INSERT INTO metric_hour VALUES ($1, 1, 540, 60, 0, 0, 60000, 0, 0, '', ''), "
                    "($1, 2, 540, 60, 0, 0, 60000, 0, 0, '', '')",
                    S_INT(at));
    }
    for (int64_t at = *now - 70; r >= 0 && at < *now; at++) {
        r = sql_put(tx, err,
                    "INSERT INTO metric_minute VALUES ($1, 1, 7, $2, 0, 0, 0, 1000, 0, 0, '', '')",
                    S_INT(at), S_INT(at < *now - 15 ? 10 : 1));
    }
    return r;
}

/* One in three is declined. */
static int payments_until_trouble(struct lookout *lookout) {
    struct err err = {0};
    int before = heard_count, i = 0;
    for (; i < 300 && heard_count == before; i++) {
        slice_record(
            &(struct slice_event){.operation = SLICE_CHARGE,
                                  .outcome = i % 3 == 0 ? SLICE_DECLINED : SLICE_OK,
                                  .labels = {"a", "card", "DE", "EUR", ""},
                                  .duration_us = -1,
                                  .customer = (uint64_t)i + 1});
        assert_int_equal(lookout_turn(lookout, &err), 0);
    }
    assert_in_range(i, 3, 299);
    return i;
}

static void what_is_stored_is_known_after_a_restart(void **state) {
    (void)state;
    struct err err = {0};
    slices_init();
    meter_init();
    /* The middle of a minute of the middle of an hour. */
    test_clock_advance((90 - clock_wall_us() / MINUTE_US % 60) * MINUTE_US + 30 * US_PER_SECOND -
                       clock_wall_us() % MINUTE_US);
    int64_t now = clock_wall_us() / MINUTE_US;
    assert_int_equal(store_write(engine.store, numbers_tx, &now, &err), 0);
    heard_count = 0;
    struct lookout *lookout = lookout_open(
        &(struct lookout_options){.store = engine.store, .source = "inst_1", .signal = listen});
    assert_int_equal(lookout_turn(lookout, &err), 0);
    assert_int_equal(heard_count, 1);
    assert_string_equal(heard[0], "VolumeDrop shared firing: 10 payments in 10 minutes; usual at "
                                  "this hour of the week are 100 (5 weeks).");
    assert_int_equal(lookout_figures(lookout).slices, 11); /* learnt from what is stored */
    /* One in ten is usual here; who does not know that takes one in three for trouble sooner. */
    int known = payments_until_trouble(lookout);
    lookout_close(lookout);
    slices_init();
    lookout = lookout_open(&(struct lookout_options){.source = "inst_1", .signal = listen});
    assert_true(payments_until_trouble(lookout) < known);
    lookout_close(lookout);
    engine_exec(&engine, "DELETE FROM metric_minute");
    lookout = lookout_open(
        &(struct lookout_options){.store = engine.store, .source = "inst_1", .signal = listen});
    heard_count = 0;
    /* An incident of the whole time: then nothing is known, and nothing is said. */
    engine_exec(&engine,
                "INSERT INTO alert VALUES ('al_1', 'f', 'Silence', '', 1, 1, 4, '{}', '', '', 'g', "
                "1, 1, 1, 1, 0, '', '', 9000000000000000, 0, 0, 0, 0, 0, 0, '')");
    assert_int_equal(lookout_turn(lookout, &err), 0);
    assert_int_equal(heard_count, 0);
    lookout_close(lookout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_weeks_say_nothing),
        cmocka_unit_test(a_drop_is_found_within_minutes_since_when_and_over_when_it_is),
        cmocka_unit_test(a_surge_is_found_and_one_of_a_currency_is_told_as_that),
        cmocka_unit_test(money_that_is_not_in_its_payments_is_found),
        cmocka_unit_test(weeks_that_were_incidents_are_left_out),
        cmocka_unit_test(nothing_is_claimed_of_what_is_not_known),
    };
    const struct CMUnitTest stored[] = {
        cmocka_unit_test(what_is_stored_is_known_after_a_restart),
    };
    test_clock_install();
    int failed = cmocka_run_group_tests_name("volume", tests, NULL, NULL);
    return failed + engine_run("volume stored", stored, COUNT_OF(stored), &engine);
}
