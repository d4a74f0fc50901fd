/* SPDX-License-Identifier: Apache-2.0
 * test_detector.c: sequential tests hold what their formulas promise, seasons forget bad weeks, and
 * the detector finds what is broken, says since when and for whom, and keeps quiet otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "watch/detector.h"
#include "watch/detector_impl.h"
#include "watch/season.h"
#include "watch/sequential.h"

#define HOUR_US (3600 * US_PER_SECOND)
#define DAY_US (24 * HOUR_US)
#define WEEK_US (7 * DAY_US)

static uint64_t draws;

static double chance(void) {
    uint64_t x = draws += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)((x ^ x >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static int start(void **state) {
    (void)state;
    draws = 7;
    return 0;
}

/* ---- sequential tests ---- */

/* The mean of a thousand runs, whose own error is 3 %. */
static double events_until_alarm(double p0, double p1, double h) {
    struct cusum_limits limits = cusum_limits(p0, p1, 1, exp(h));
    int64_t events = 0;
    for (int i = 0; i < 1000; i++) {
        struct cusum cusum = {0};
        do {
            events++;
        } while (!cusum_step(&cusum, &limits, chance() < p0, events));
    }
    return (double)events / 1000;
}

static void false_alarms_are_as_seldom_as_they_may_be(void **state) {
    (void)state;
    static const struct {
        double p0, p1, h;
    } rows[] = {
        {0.05, 0.20, 5}, {0.02, 0.10, 5}, {0.10, 0.25, 5}, {0.05, 0.10, 4}, {0.30, 0.60, 6}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        double seen = events_until_alarm(rows[i].p0, rows[i].p1, rows[i].h);
        double promised = cusum_factor(rows[i].p0, rows[i].p1) * exp(rows[i].h);
        if (seen < 0.85 * promised || seen > 1.25 * promised) {
            fail_msg("p0 %.2f p1 %.2f: %.0f events until an alarm, promised %.0f", rows[i].p0,
                     rows[i].p1, seen, promised);
        }
    }
}

static void one_failure_of_two_is_no_alarm(void **state) {
    (void)state;
    struct cusum_limits limits = cusum_limits(0.05, 0.5, 1, 1);
    struct cusum cusum = {0};
    assert_false(cusum_step(&cusum, &limits, false, 1));
    assert_false(cusum_step(&cusum, &limits, true, 2));
    assert_false(cusum_step(&cusum, &limits, true, 3));
    assert_true(cusum_step(&cusum, &limits, true, 4));
}

static void the_first_symptom_is_the_first_event_since_all_was_well(void **state) {
    (void)state;
    struct cusum_limits limits = cusum_limits(0.05, 0.20, 18.7, 1e6);
    struct cusum cusum = {0};
    static const char events[] = "ynnnnnnnnnnynynnnnnnnnnnnnnnnnnnnnyyyyyyyyyyy";
    int at = 0;
    while (events[at] != '\0' && !cusum_step(&cusum, &limits, events[at] == 'y', at)) {
        at++;
    }
    assert_int_equal(events[at], 'y');
    assert_int_equal(cusum.began_us, strrchr(events, 'n') - events + 1);
    assert_int_equal(cusum.yes, cusum.events);
}

static void being_well_again_takes_27_successes_in_a_row(void **state) {
    (void)state;
    struct sprt sprt = {0};
    assert_int_equal(sprt_events_min(0.05, 0.20, 0.001, 0.01), 27);
    for (int i = 1; i < 27; i++) {
        assert_int_equal(sprt_step(&sprt, 0.05, 0.20, 0.001, 0.01, false), SPRT_UNDECIDED);
    }
    assert_int_equal(sprt_step(&sprt, 0.05, 0.20, 0.001, 0.01, false), SPRT_WELL);
    int yes = 1;
    while (sprt_step(&sprt, 0.05, 0.20, 0.001, 0.01, true) != SPRT_BAD) {
        yes++;
    }
    assert_int_equal(yes, 5);
}

static void silence_is_measured_against_chance(void **state) {
    (void)state;
    /* e^-n for a rate that is certain; more for one that is not. */
    assert_true(fabs(silence_limit(1e-6, 1e7) - 13.8155) < 0.001);
    assert_true(silence_limit(1e-6, 25) > 18 && silence_limit(1e-6, 25) < 19);
}

/* ---- seasons ---- */

/* `count` each hour of a time, spread evenly. */
static void hours_pass(struct season *season, int64_t from_us, int64_t until_us, uint32_t count) {
    for (int64_t at = from_us; at < until_us; at += HOUR_US) {
        season_add(season, at, count);
    }
}

static void nothing_is_usual_on_the_first_day(void **state) {
    (void)state;
    struct season season;
    season_init(&season);
    hours_pass(&season, DAY_US, 2 * DAY_US, 60);
    assert_true(season_rate(&season, 2 * DAY_US - 1) < 0);
    /* The hour that counting began in was not whole. */
    assert_true(season_rate(&season, 2 * DAY_US + HOUR_US / 2) < 0);
    hours_pass(&season, 2 * DAY_US, 2 * DAY_US + 3 * HOUR_US, 60);
    assert_true(fabs(season_rate(&season, 2 * DAY_US + 5 * HOUR_US / 2) * 3600 - 30) < 0.01);
}

static void a_bad_week_is_not_the_next_weeks_measure(void **state) {
    (void)state;
    static const uint32_t weeks[] = {120, 118, 3, 122, 900};
    struct season season;
    season_init(&season);
    season_add(&season, WEEK_US - HOUR_US, 1);
    for (int i = 0; i < 5; i++) {
        hours_pass(&season, (i + 1) * WEEK_US, (i + 2) * WEEK_US, weeks[i]);
    }
    hours_pass(&season, 6 * WEEK_US, 6 * WEEK_US + HOUR_US, 0);
    assert_true(fabs(season_rate(&season, 6 * WEEK_US + HOUR_US / 2) * 3600 - 120) < 0.01);
}

static void an_incident_is_left_out_of_what_is_usual(void **state) {
    (void)state;
    struct season season;
    season_init(&season);
    season_add(&season, WEEK_US - HOUR_US, 1);
    hours_pass(&season, WEEK_US, 2 * WEEK_US, 100);
    hours_pass(&season, 2 * WEEK_US, 3 * WEEK_US, 0);
    season_leave_out(&season, 2 * WEEK_US, 3 * WEEK_US - 1);
    hours_pass(&season, 3 * WEEK_US, 3 * WEEK_US + HOUR_US, 0);
    /* One week is known, and taken with caution. */
    assert_true(fabs(season_rate(&season, 3 * WEEK_US + HOUR_US / 2) * 3600 - 60) < 0.01);
}

static void between_two_hours_the_rate_is_between_theirs(void **state) {
    (void)state;
    struct season season;
    season_init(&season);
    season_add(&season, WEEK_US - HOUR_US, 1);
    for (int hour = 0; hour < 3 * 168; hour++) {
        season_add(&season, WEEK_US + hour * HOUR_US, hour % 168 == 5 ? 200 : 100);
    }
    int64_t five = 4 * WEEK_US + 5 * HOUR_US;
    hours_pass(&season, 4 * WEEK_US, five, 100);
    assert_true(fabs(season_rate(&season, five + HOUR_US / 2) * 3600 - 200) < 0.01);
    assert_true(fabs(season_rate(&season, five) * 3600 - 150) < 0.01);
}

/* ---- the detector ---- */

enum { SAID_MAX = 64 };

struct shop {
    struct detector *detector;
    int64_t now_us, customers;
    const char *down_gateway, *down_region; /* NULL: any; see down_share */
    double down_share;
    double slow_times;
    double swing; /* every other hour so much more fail, every other so much less */
    struct detector_finding said[SAID_MAX];
    enum detector_change changes[SAID_MAX];
    int said_count;
};

static void said(void *ctx, enum detector_change change, const struct detector_finding *finding) {
    struct shop *shop = ctx;
    assert_true(shop->said_count < SAID_MAX);
    shop->changes[shop->said_count] = change;
    shop->said[shop->said_count++] = *finding;
}

static const struct {
    const char *gateway, *method, *region;
} ways[] = {{"stripe", "card", "de"},
            {"stripe", "card", "cn"},
            {"paypal", "paypal", "de"},
            {"wechat", "wechat_pay", "cn"},
            {"wechat", "wechat_pay", "hk"}};

static void shop_open(struct shop *shop) {
    *shop = (struct shop){.now_us = 1000 * DAY_US, .slow_times = 1};
    struct detector_options options = {.tell = said, .ctx = shop};
    shop->detector = detector_new(&options);
}

static void pays(struct shop *shop, int way, bool ok, uint64_t customer) {
    struct detector *detector = shop->detector;
    struct detector_event event = {
        .at_us = shop->now_us,
        .duration_us = (int64_t)(400000 * exp(0.8 * (chance() - 0.5)) * shop->slow_times),
        .amount_minor = 1000,
        .customer = customer,
        .outcome = ok ? OUTCOME_OK : OUTCOME_DECLINED,
        .code = ok ? 0 : detector_code(detector, "processing_error"),
    };
    event.values[DIMENSION_GATEWAY] = detector_number(detector, DIMENSION_GATEWAY,
                                                      ways[way].gateway);
    event.values[DIMENSION_METHOD] = detector_number(detector, DIMENSION_METHOD, ways[way].method);
    event.values[DIMENSION_REGION] = detector_number(detector, DIMENSION_REGION, ways[way].region);
    detector_take(detector, &event);
}

/* One payment a second, until `seconds` have passed or something was said. */
static int passes(struct shop *shop, int seconds, bool until_said) {
    int count = shop->said_count;
    for (int i = 0; i < seconds; i++) {
        shop->now_us += US_PER_SECOND;
        detector_tick(shop->detector, shop->now_us);
        int way = (int)(chance() * (double)G_N_ELEMENTS(ways));
        bool hit = (shop->down_gateway == NULL ||
                    strcmp(shop->down_gateway, ways[way].gateway) == 0) &&
                   (shop->down_region == NULL || strcmp(shop->down_region, ways[way].region) == 0);
        bool odd = shop->now_us / HOUR_US % 2 == 1;
        double usual = 0.04 * (1 + (odd ? shop->swing : -shop->swing));
        bool fails = chance() < usual || (hit && chance() < shop->down_share);
        pays(shop, way, !fails, (uint64_t)++shop->customers);
        if (until_said && shop->said_count > count) {
            return i + 1;
        }
    }
    return seconds;
}

static const char *scope_text(const struct shop *shop, const struct detector_finding *finding) {
    static char text[200];
    text[0] = '\0';
    for (int i = 0; i < DIMENSIONS; i++) {
        if (finding->scope.values[i] != 0) {
            g_strlcat(text, text[0] != '\0' ? "+" : "", sizeof text);
            g_strlcat(text, detector_text(shop->detector, i, finding->scope.values[i]),
                      sizeof text);
        }
    }
    return text;
}

/* One payment of a place that has nothing in common with the other. */
static void pays_at(struct detector *detector, const char *place, const char *currency,
                    int64_t amount_minor, bool ok, int64_t at_us) {
    struct detector_event event = {.at_us = at_us,
                                   .duration_us = -1,
                                   .amount_minor = amount_minor,
                                   .outcome = ok ? OUTCOME_OK : OUTCOME_DECLINED};
    event.values[DIMENSION_GATEWAY] = detector_number(detector, DIMENSION_GATEWAY, place);
    event.values[DIMENSION_CURRENCY] = detector_number(detector, DIMENSION_CURRENCY, currency);
    event.code = ok ? 0 : detector_code(detector, at_us % 2 == 0 ? "refused" : "late");
    detector_take(detector, &event);
}

static void the_code_that_rose_is_named_and_not_the_one_that_was_always_there(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    for (int i = 0; i < 4000; i++) { /* odd microseconds say "late", even ones "refused" */
        shop.now_us += US_PER_SECOND;
        pays_at(shop.detector, "a", "EUR", 1000, i % 10 != 3, shop.now_us | 1);
    }
    for (int i = 0; i < 120 && shop.said_count == 0; i++) {
        shop.now_us += US_PER_SECOND;
        bool late = i % 8 == 0; /* of four that fail one, as often as ever */
        pays_at(shop.detector, "a", "EUR", 1000, i % 2 != 0,
                late ? shop.now_us | 1 : shop.now_us & ~INT64_C(1));
    }
    assert_true(shop.said_count > 0);
    const struct detector_finding *finding = &shop.said[0];
    assert_string_equal(detector_code_text(shop.detector, finding->code), "refused");
    assert_true(finding->code_before == 0);
    assert_true(finding->code_now > 0.1 && finding->code_now < 0.7);
    detector_free(shop.detector);
}

static void a_day_as_usual_says_nothing(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 86400, false);
    assert_int_equal(shop.said_count, 0);
    detector_free(shop.detector);
}

static void hours_that_differ_as_hours_do_say_nothing(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    shop.swing = 0.6;
    passes(&shop, 2 * 86400, false);
    assert_int_equal(shop.said_count, 0);
    detector_free(shop.detector);
}

static void when_all_fail_it_is_said_within_seconds_and_of_all(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    int64_t broke_us = shop.now_us;
    shop.down_share = 1;
    assert_in_range(passes(&shop, 600, true), 4, 15);
    assert_int_equal(shop.changes[0], FINDING_OPENED);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "");
    assert_in_range(shop.said[0].first_symptom_us, broke_us - 5 * US_PER_SECOND,
                    broke_us + 5 * US_PER_SECOND);
    assert_int_equal(shop.said[0].found_us, shop.now_us);
    assert_true(shop.said[0].failed >= 5 && shop.said[0].events >= shop.said[0].failed);
    assert_int_equal(shop.said[0].money_count, 1);
    assert_int_equal(shop.said[0].money[0].amount_minor, 1000 * shop.said[0].failed);
    assert_true(fabs(shop.said[0].stake - (double)shop.said[0].failed) < 1e-6);
    assert_string_equal(detector_code_text(shop.detector, shop.said[0].code), "processing_error");
    assert_true(shop.said[0].code_share == 1);
    /* Once is enough, as long as it lasts. */
    passes(&shop, 3600, false);
    assert_int_equal(shop.said_count, 1);
    detector_free(shop.detector);
}

static void it_ends_when_payments_are_proved_well_and_not_before(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.down_share = 1;
    passes(&shop, 1800, false);
    shop.down_share = 0;
    assert_in_range(passes(&shop, 600, true), 27, 150);
    assert_int_equal(shop.said_count, 2);
    assert_int_equal(shop.changes[1], FINDING_CLOSED);
    assert_int_equal(shop.said[1].closed_us, shop.now_us);
    const struct detector_finding *open;
    assert_int_equal(detector_open(shop.detector, &open), 0);
    /* What failed was not learnt: the same again is found as soon. */
    passes(&shop, 600, false);
    shop.down_share = 1;
    assert_in_range(passes(&shop, 600, true), 4, 15);
    assert_int_equal(shop.changes[shop.said_count - 1], FINDING_OPENED);
    detector_free(shop.detector);
}

static void a_broken_gateway_is_told_as_that_gateway_and_who_is_well(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.down_share = 1;
    shop.down_gateway = "wechat";
    passes(&shop, 600, true);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "wechat");
    passes(&shop, 120, false);
    assert_int_equal(shop.said_count, 1);
    const struct detector_finding *open;
    assert_int_equal(detector_open(shop.detector, &open), 1);
    assert_int_equal(detector_beside(shop.detector, open, DIMENSION_METHOD,
                                     detector_number(shop.detector, DIMENSION_METHOD, "card")),
                     PROOF_WELL);
    assert_int_equal(
        detector_beside(shop.detector, open, DIMENSION_METHOD,
                        detector_number(shop.detector, DIMENSION_METHOD, "wechat_pay")),
        PROOF_FAILING);
    assert_int_equal(detector_beside(shop.detector, open, DIMENSION_METHOD,
                                     detector_number(shop.detector, DIMENSION_METHOD, "cheque")),
                     PROOF_NONE);
    detector_free(shop.detector);
}

static void a_gateway_broken_in_one_region_is_told_with_the_region(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.down_share = 1;
    shop.down_gateway = "stripe";
    shop.down_region = "cn";
    passes(&shop, 600, true);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "stripe+cn");
    detector_free(shop.detector);
}

/* All that comes goes through stripe, by two methods of payment. */
static int stripe_passes(struct shop *shop, int seconds, bool fails, bool until_said) {
    int count = shop->said_count;
    for (int i = 0; i < seconds; i++) {
        shop->now_us += US_PER_SECOND;
        detector_tick(shop->detector, shop->now_us);
        pays(shop, i % 2, !fails && chance() >= 0.04, (uint64_t)++shop->customers);
        if (until_said && shop->said_count > count) {
            return i + 1;
        }
    }
    return seconds;
}

static void where_one_gateway_takes_all_it_is_named(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    stripe_passes(&shop, 7200, false, false);
    assert_in_range(stripe_passes(&shop, 600, true, true), 4, 15);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "stripe");
    assert_int_equal(shop.said[0].events, shop.said[0].failed);
    detector_free(shop.detector);
    /* Others had payments before, and have none now: nothing is known against them. */
    shop_open(&shop);
    passes(&shop, 7200, false);
    stripe_passes(&shop, 600, true, true);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "stripe");
    /* Now it is: it was only the beginning. */
    shop.down_share = 1;
    passes(&shop, 600, true);
    assert_int_equal(shop.changes[1], FINDING_GREW);
    assert_string_equal(scope_text(&shop, &shop.said[1]), "");
    detector_free(shop.detector);
}

/* A payment that every gateway was kept from. */
static void no_gateway(struct shop *shop) {
    shop->now_us += US_PER_SECOND;
    struct detector_event event = {
        .at_us = shop->now_us,
        .duration_us = -1,
        .amount_minor = 1000,
        .customer = (uint64_t)++shop->customers,
        .outcome = OUTCOME_FAILED,
        .code = detector_code(shop->detector, "no_gateway"),
    };
    event.values[DIMENSION_METHOD] = detector_number(shop->detector, DIMENSION_METHOD, "card");
    detector_take(shop->detector, &event);
}

static void payments_that_no_gateway_was_left_for_are_the_failing_gateways(void **state) {
    (void)state;
    struct shop shop;
    const struct detector_finding *open;
    shop_open(&shop);
    stripe_passes(&shop, 7200, false, false);
    stripe_passes(&shop, 600, true, true);
    for (int i = 0; i < 600; i++) {
        no_gateway(&shop);
    }
    assert_int_equal(shop.said_count, 1);
    assert_int_equal(detector_open(shop.detector, &open), 1);
    assert_string_equal(scope_text(&shop, open), "stripe");
    assert_int_equal(open->failed, shop.said[0].failed + 600);
    stripe_passes(&shop, 600, false, true);
    assert_int_equal(shop.changes[1], FINDING_CLOSED);
    /* Without a failing gateway they accuse none. */
    for (int i = 0; i < 600 && shop.said_count == 2; i++) {
        no_gateway(&shop);
    }
    assert_int_equal(shop.changes[2], FINDING_OPENED);
    assert_int_equal(shop.said[2].scope.values[DIMENSION_GATEWAY], 0);
    detector_free(shop.detector);
}

static void what_spreads_grows_and_stays_one_finding(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.down_share = 1;
    shop.down_gateway = "wechat";
    passes(&shop, 600, true);
    passes(&shop, 60, false);
    shop.down_gateway = NULL;
    passes(&shop, 600, true);
    assert_int_equal(shop.said_count, 2);
    assert_int_equal(shop.changes[1], FINDING_GREW);
    assert_int_equal(shop.said[1].id, shop.said[0].id);
    assert_string_equal(scope_text(&shop, &shop.said[1]), "");
    detector_free(shop.detector);
}

static void another_fault_elsewhere_is_another_finding(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.down_share = 1;
    shop.down_gateway = "wechat";
    passes(&shop, 600, true);
    passes(&shop, 1200, false);
    for (int i = 0; i < 40 && shop.said_count < 2; i++) {
        passes(&shop, 3, false);
        pays(&shop, 2, false, (uint64_t)++shop.customers);
    }
    assert_int_equal(shop.said_count, 2);
    assert_int_equal(shop.changes[1], FINDING_OPENED);
    assert_string_equal(scope_text(&shop, &shop.said[1]), "paypal");
    detector_free(shop.detector);
}

static void one_customer_who_tries_again_and_again_is_one_failure(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    for (int i = 0; i < 50; i++) {
        shop.now_us += US_PER_SECOND;
        pays(&shop, 0, false, 1234567);
    }
    assert_int_equal(shop.said_count, 0);
    assert_int_equal(detector_figures(shop.detector).repeated, 49);
    /* Fifty people are not. */
    for (int i = 0; i < 50; i++) {
        shop.now_us += US_PER_SECOND;
        pays(&shop, 0, false, (uint64_t)++shop.customers);
    }
    assert_true(shop.said_count > 0);
    detector_free(shop.detector);
}

static void payments_that_take_longer_are_noticed(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 7200, false);
    shop.slow_times = 4;
    assert_in_range(passes(&shop, 600, true), 3, 40);
    assert_int_equal(shop.said[0].test, TEST_SLOW);
    shop.slow_times = 1;
    passes(&shop, 600, true);
    assert_int_equal(shop.changes[1], FINDING_CLOSED);
    detector_free(shop.detector);
}

static void silence_is_noticed_once_the_hours_are_known(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 2 * 86400, false);
    int64_t last_us = shop.now_us;
    while (shop.said_count == 0 && shop.now_us < last_us + HOUR_US) {
        shop.now_us += US_PER_SECOND;
        detector_tick(shop.detector, shop.now_us);
    }
    assert_int_equal(shop.said_count, 1);
    assert_int_equal(shop.said[0].test, TEST_SILENCE);
    assert_string_equal(scope_text(&shop, &shop.said[0]), "");
    assert_int_equal(shop.said[0].first_symptom_us, last_us);
    /* Half of what the day before had is expected, and one more than 20 must be missing. */
    assert_in_range(shop.now_us - last_us, 30 * US_PER_SECOND, 120 * US_PER_SECOND);
    assert_int_equal(passes(&shop, 60, true), 5);
    assert_int_equal(shop.changes[1], FINDING_CLOSED);
    detector_free(shop.detector);
}

/* A hundred a second and a look a second: between two looks more comes than silence takes to be
 * noticed, and nothing is missing. A second without any is silence then. */
static void a_shop_that_is_busier_than_looks_is_not_silent(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    struct detector_hour past = {.ok = 345600, .declined = 14400, .shared_by = 1};
    past.values[DIMENSION_GATEWAY] = detector_number(shop.detector, DIMENSION_GATEWAY, "stripe");
    for (past.hour = shop.now_us / HOUR_US - 3 * 168; past.hour < shop.now_us / HOUR_US;
         past.hour++) {
        detector_learn(shop.detector, &past);
    }
    detector_tick(shop.detector, shop.now_us);
    for (int i = 0; i < 120 * 100; i++) {
        shop.now_us += US_PER_SECOND / 100;
        pays(&shop, 0, i % 25 != 0, (uint64_t)++shop.customers);
        if (i % 100 == 99) {
            detector_tick(shop.detector, shop.now_us + US_PER_MS);
        }
    }
    assert_int_equal(shop.said_count, 0);
    int64_t last_us = shop.now_us;
    for (int i = 0; i < 3 && shop.said_count == 0; i++) {
        shop.now_us += US_PER_SECOND;
        detector_tick(shop.detector, shop.now_us);
    }
    assert_int_equal(shop.said_count, 1);
    assert_int_equal(shop.said[0].test, TEST_SILENCE);
    assert_int_equal(shop.said[0].first_symptom_us, last_us);
    detector_free(shop.detector);
}

/* Two gateways of which the same is known fail: the one is named that has more of the money. */
static void of_equal_evidence_the_one_with_more_money_is_named(void **state) {
    (void)state;
    static const char *const places[] = {"a", "b"};
    for (int rich = 0; rich < 2; rich++) {
        struct shop shop;
        struct ranked ranked;
        int64_t amounts[] = {1000, 1000};
        amounts[rich] = 9000;
        shop_open(&shop);
        for (int i = 0; i < 4000; i++) { /* one of 25 fails at each */
            shop.now_us += US_PER_SECOND;
            int place = i % 4 < 2 ? i % 2 : 2, turn = i % 100;
            bool fails = turn == 0 || turn == 41 || turn == 22 || turn == 63;
            pays_at(shop.detector, place == 2 ? "c" : places[place], "EUR",
                    place == 2 ? 1000 : amounts[place], !fails, shop.now_us);
        }
        int64_t since_us = shop.now_us + 1;
        for (int i = 0; i < 24; i++) { /* two of each fail, and all is well at the third */
            shop.now_us += US_PER_SECOND;
            int place = i < 12 && i % 3 == 0 ? i / 3 % 2 : 2;
            pays_at(shop.detector, place == 2 ? "c" : places[place], "EUR",
                    place == 2 ? 1000 : amounts[place], place == 2, shop.now_us);
        }
        assert_int_equal(shop.said_count, 0);
        assert_true(scope_rank(shop.detector, SIGN_FAIL, since_us, &ranked));
        assert_string_equal(detector_text(shop.detector, DIMENSION_GATEWAY,
                                          ranked.scope.values[DIMENSION_GATEWAY]),
                            places[rich]);
        detector_free(shop.detector);
    }
}

static void what_comes_late_counts_as_coming_now(void **state) {
    (void)state;
    struct shop shop;
    shop_open(&shop);
    passes(&shop, 600, false);
    int64_t now_us = shop.now_us;
    shop.now_us = DAY_US;
    for (int i = 0; i < 30 && shop.said_count == 0; i++) {
        pays(&shop, 0, false, (uint64_t)++shop.customers);
    }
    assert_true(detector_figures(shop.detector).late >= 4);
    assert_int_equal(shop.said_count, 1);
    assert_true(shop.said[0].failed >= 4);
    assert_in_range(shop.said[0].first_symptom_us, now_us - 60 * US_PER_SECOND, now_us);
    detector_free(shop.detector);
}

static void past_its_limits_it_watches_less_and_says_so(void **state) {
    (void)state;
    struct shop shop;
    char text[64];
    shop_open(&shop);
    for (int i = 0; i < DETECTOR_VALUES_MAX + 10; i++) {
        struct detector_event event = {.at_us = shop.now_us, .duration_us = -1};
        snprintf(text, sizeof text, "gateway-%d", i);
        event.values[DIMENSION_GATEWAY] = detector_number(shop.detector, DIMENSION_GATEWAY, text);
        for (int k = 0; k < 6; k++) {
            snprintf(text, sizeof text, "region-%d", k);
            event.values[DIMENSION_REGION] = detector_number(shop.detector, DIMENSION_REGION, text);
            detector_take(shop.detector, &event);
        }
    }
    struct detector_figures figures = detector_figures(shop.detector);
    assert_int_equal(figures.slices, DETECTOR_SLICES_MAX);
    assert_true(figures.slices_left > 0);
    assert_string_equal(
        detector_text(shop.detector, DIMENSION_GATEWAY,
                      detector_number(shop.detector, DIMENSION_GATEWAY, "one more")),
        "other");
    assert_int_equal(detector_number(shop.detector, DIMENSION_GATEWAY, ""), 0);
    detector_free(shop.detector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(false_alarms_are_as_seldom_as_they_may_be, start),
        cmocka_unit_test_setup(one_failure_of_two_is_no_alarm, start),
        cmocka_unit_test_setup(the_first_symptom_is_the_first_event_since_all_was_well, start),
        cmocka_unit_test_setup(being_well_again_takes_27_successes_in_a_row, start),
        cmocka_unit_test_setup(silence_is_measured_against_chance, start),
        cmocka_unit_test_setup(nothing_is_usual_on_the_first_day, start),
        cmocka_unit_test_setup(a_bad_week_is_not_the_next_weeks_measure, start),
        cmocka_unit_test_setup(an_incident_is_left_out_of_what_is_usual, start),
        cmocka_unit_test_setup(between_two_hours_the_rate_is_between_theirs, start),
        cmocka_unit_test_setup(a_day_as_usual_says_nothing, start),
        cmocka_unit_test_setup(the_code_that_rose_is_named_and_not_the_one_that_was_always_there,
                               start),
        cmocka_unit_test_setup(hours_that_differ_as_hours_do_say_nothing, start),
        cmocka_unit_test_setup(when_all_fail_it_is_said_within_seconds_and_of_all, start),
        cmocka_unit_test_setup(it_ends_when_payments_are_proved_well_and_not_before, start),
        cmocka_unit_test_setup(a_broken_gateway_is_told_as_that_gateway_and_who_is_well, start),
        cmocka_unit_test_setup(a_gateway_broken_in_one_region_is_told_with_the_region, start),
        cmocka_unit_test_setup(where_one_gateway_takes_all_it_is_named, start),
        cmocka_unit_test_setup(payments_that_no_gateway_was_left_for_are_the_failing_gateways,
                               start),
        cmocka_unit_test_setup(what_spreads_grows_and_stays_one_finding, start),
        cmocka_unit_test_setup(another_fault_elsewhere_is_another_finding, start),
        cmocka_unit_test_setup(one_customer_who_tries_again_and_again_is_one_failure, start),
        cmocka_unit_test_setup(payments_that_take_longer_are_noticed, start),
        cmocka_unit_test_setup(silence_is_noticed_once_the_hours_are_known, start),
        cmocka_unit_test_setup(a_shop_that_is_busier_than_looks_is_not_silent, start),
        cmocka_unit_test_setup(of_equal_evidence_the_one_with_more_money_is_named, start),
        cmocka_unit_test_setup(what_comes_late_counts_as_coming_now, start),
        cmocka_unit_test_setup(past_its_limits_it_watches_less_and_says_so, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
