/* SPDX-License-Identifier: Apache-2.0
 * test_budget.c: detector, volume and shares together cry wolf no more often than the one budget
 * allows, each within its part. Six weeks of ordinary traffic after five weeks of history: day and
 * week, an hour's and a day's luck, customers by chance. Judged twice at once: by the usual budget,
 * and by one of thirty times as much, where there is enough to count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "watch/budget.h"
#include "watch/detector.h"
#include "watch/rates.h"
#include "watch/volume.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum {
    HISTORY_DAYS = 36,
    DAYS = 42,
    DAY_MINUTES = 24 * 60,
    MINUTES = (HISTORY_DAYS + DAYS) * DAY_MINUTES,
    HOURS = MINUTES / 60,
    A_MINUTE = 10,
    CURRENCIES = 2,
    GATEWAYS = 2,
    TICK_S = 15,
    BEGIN_MINUTE = 29640960, /* a Monday's midnight */
};
static const char *const currencies[CURRENCIES] = {"EUR", "CNY"};
static const char *const gateways[GATEWAYS] = {"alpha", "beta"};

/* ---- chance ---- */

static uint64_t draws = 20261123;
static double chance(void) {
    draws ^= draws << 13;
    draws ^= draws >> 7;
    draws ^= draws << 17;
    return (double)(draws >> 11) / 9007199254740992.0;
}
static double normal(void) {
    return sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance());
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

/* ---- who judges ---- */

struct judges {
    double per_day;
    struct detector *detector;
    struct volume *volume;
    struct rates *rates;
    bool counting;
    int found[BUDGET_PARTS];
    bool volume_was[2][2][CURRENCIES + 1], rates_were[RATES][GATEWAYS + 1];
};

static void told(void *ctx, enum detector_change change, const struct detector_finding *finding) {
    struct judges *judges = ctx;
    (void)finding;
    judges->found[BUDGET_DETECTOR] += judges->counting && change == FINDING_OPENED;
}

static void judges_open(struct judges *judges, double per_day) {
    *judges = (struct judges){.per_day = per_day};
    judges->detector = detector_new(
        &(struct detector_options){.alarms_per_day = per_day, .tell = told, .ctx = judges});
    judges->volume = volume_new(per_day);
    judges->rates = rates_new(per_day);
}

static void judges_close(struct judges *judges) {
    detector_free(judges->detector);
    volume_free(judges->volume);
    rates_free(judges->rates);
}

/* ---- what comes ---- */

struct minute { /* what rates and volume are told */
    int64_t payments[CURRENCIES], amount[CURRENCIES];
    struct slice_counts counts[SLICE_OPERATIONS_MAX + 1][GATEWAYS];
};
static struct minute minutes[60], hours[HOURS];

static void count(struct minute *minute, struct minute *hour, enum slice_operation operation,
                  int gateway, int64_t ok, int64_t declined, int64_t failed) {
    struct minute *const both[] = {minute, hour};
    for (int i = 0; i < 2; i++) {
        struct slice_counts *counts = &both[i]->counts[operation][gateway];
        counts->ok += ok;
        counts->declined += declined;
        counts->failed += failed;
    }
}

/* How much is usual now: a day from a quarter to seven quarters, a quieter weekend, and luck. */
static double traffic(int m) {
    static double luck = 1;
    luck = m % 60 == 0 ? exp(0.12 * normal()) : luck;
    double day = 1 - 0.75 * cos(6.283185307179586 * (m % DAY_MINUTES) / DAY_MINUTES);
    return luck * day * (m % (7 * DAY_MINUTES) >= 5 * DAY_MINUTES ? 0.7 : 1);
}

/* A share is a little different each day, and each hour. */
static double share_luck(int m, int which) {
    static double day[8], hour[8];
    day[which] = m % DAY_MINUTES == 0 ? exp(0.12 * normal()) : day[which];
    hour[which] = m % 60 == 0 ? exp(0.12 * normal()) : hour[which];
    return day[which] * hour[which];
}

static void pay(struct judges *judges, int count_of_judges, const struct detector_event *event,
                const char *const texts[DIMENSIONS]) {
    for (int j = 0; j < count_of_judges; j++) {
        struct detector_event ours = *event;
        for (int d = 0; d < DIMENSIONS; d++) {
            ours.values[d] = detector_number(judges[j].detector, (enum detector_dimension)d,
                                             texts[d]);
        }
        detector_take(judges[j].detector, &ours);
    }
}

static void one_minute(struct judges *judges, int count_of_judges, int m) {
    static const char *const methods[] = {"card", "wallet", "bank"};
    static const char *const regions[] = {"DE", "FR", "CN"};
    struct minute *minute = &minutes[m % 60], *hour = &hours[m / 60];
    int64_t n = poisson(A_MINUTE * traffic(m)), at_us = (BEGIN_MINUTE + m) * US_PER_MINUTE;
    int64_t ticked_us = at_us;
    double fail = 0.05 * share_luck(m, 0), fraud = 0.02 * share_luck(m, 1);
    double refund = 0.05 * share_luck(m, 2), dispute = 0.004 * share_luck(m, 3);
    double complaint = 0.004 * share_luck(m, 4), broken = 0.01 * share_luck(m, 5);
    memset(minute, 0, sizeof *minute);
    for (int64_t i = 0; i < n; i++) {
        int c = chance() < 0.67 ? 0 : 1, g = chance() < 0.6 ? 0 : 1;
        const char *const texts[DIMENSIONS] = {
            gateways[g], methods[(int)(chance() * 3)], regions[(int)(chance() * 3)],
            currencies[c], ""};
        bool fails = chance() < fail, refused = chance() < fraud;
        int64_t amount = (int64_t)(2000 * exp(0.9 * normal()));
        struct detector_event event = {
            .at_us = at_us + (2 * i + 1) * US_PER_MINUTE / (2 * n),
            .duration_us = (int64_t)(400000 * exp(0.4 * normal())),
            .amount_minor = amount,
            .customer = draws,
            .outcome = !fails ? OUTCOME_OK : chance() < 0.8 ? OUTCOME_DECLINED : OUTCOME_FAILED,
        };
        for (; ticked_us + TICK_S * US_PER_SECOND < event.at_us;
             ticked_us += TICK_S * US_PER_SECOND) {
            for (int j = 0; j < count_of_judges; j++) {
                detector_tick(judges[j].detector, ticked_us);
            }
        }
        pay(judges, count_of_judges, &event, texts);
        minute->payments[c]++;
        minute->amount[c] += amount;
        hour->payments[c]++;
        hour->amount[c] += amount;
        count(minute, hour, SLICE_PAYMENT, g, !fails, fails, 0);
        count(minute, hour, SLICE_CHARGE, g, !fails, fails, 0);
        count(minute, hour, SLICE_FRAUD, g, !refused, refused, 0);
        count(minute, hour, SLICE_REFUND, g, chance() < refund, 0, 0);
        count(minute, hour, SLICE_DISPUTE, g, chance() < dispute, 0, 0);
        count(minute, hour, SLICE_COMPLAINT, g, chance() < complaint, 0, 0);
        bool not_processed = chance() < broken;
        count(minute, hour, SLICE_CALLBACK, g, 1, 0, not_processed);
    }
    for (int j = 0; j < count_of_judges; j++) {
        detector_tick(judges[j].detector, at_us + US_PER_MINUTE - 1);
    }
}

/* ---- volume and shares, as their stores tell them ---- */

static void learn(struct judges *judges, int m) {
    int hour = m / 60, from = hour - 841 > 0 ? hour - 841 : 0;
    volume_forget(judges->volume);
    for (int h = from; h < hour; h++) {
        for (int c = 0; c < CURRENCIES; c++) {
            volume_hour(judges->volume, BEGIN_MINUTE / 60 + h, currencies[c],
                        hours[h].payments[c], hours[h].amount[c]);
        }
    }
    volume_learnt(judges->volume, BEGIN_MINUTE / 60 + hour);
    rates_begin(judges->rates, RATE_SPAN_DAY);
    rates_begin(judges->rates, RATE_SPAN_PAST);
    for (int h = hour - (RATES_DAYS + 1) * 24; h < hour; h++) {
        for (int o = 1; h >= 0 && o <= SLICE_OPERATIONS_MAX; o++) {
            for (int g = 0; g < GATEWAYS; g++) {
                rates_add(judges->rates, h >= hour - 24 ? RATE_SPAN_DAY : RATE_SPAN_PAST,
                          (enum slice_operation)o, gateways[g], &hours[h].counts[o][g]);
            }
        }
    }
    rates_known(judges->rates, RATES_DAYS * 24);
}

static void look_at_volume(struct judges *judges, int m) {
    const struct volume_finding *findings;
    bool now[2][2][CURRENCIES + 1] = {0};
    volume_begin(judges->volume, BEGIN_MINUTE + m);
    for (int i = m - VOLUME_MINUTES; i < m; i++) {
        for (int c = 0; c < CURRENCIES; c++) {
            volume_minute(judges->volume, BEGIN_MINUTE + i, currencies[c],
                          minutes[i % 60].payments[c], minutes[i % 60].amount[c]);
        }
    }
    volume_judge(judges->volume);
    for (int i = 0, n = volume_open(judges->volume, &findings); i < n; i++) {
        int c = findings[i].currency[0] == '\0' ? CURRENCIES : findings[i].currency[0] == 'C';
        bool *was = &judges->volume_was[findings[i].surge][findings[i].amount][c];
        judges->found[BUDGET_VOLUME] += !*was;
        if (!*was) {
            print_message("minute %d, %g a day: %s%s of %s: %.0f, usually %.0f in %d\n", m,
                          judges->per_day, findings[i].surge ? "surge" : "drop",
                          findings[i].amount ? " of money" : "", findings[i].currency,
                          findings[i].seen, findings[i].usual, findings[i].minutes);
        }
        now[findings[i].surge][findings[i].amount][c] = true;
    }
    memcpy(judges->volume_was, now, sizeof now);
}

static void look_at_rates(struct judges *judges, int m) {
    const struct rate_finding *findings;
    bool now[RATES][GATEWAYS + 1] = {0};
    rates_begin(judges->rates, RATE_SPAN_HOUR);
    for (int i = m - 60; i < m; i++) {
        for (int o = 1; o <= SLICE_OPERATIONS_MAX; o++) {
            for (int g = 0; g < GATEWAYS; g++) {
                rates_add(judges->rates, RATE_SPAN_HOUR, (enum slice_operation)o, gateways[g],
                          &minutes[i % 60].counts[o][g]);
            }
        }
    }
    rates_judge(judges->rates);
    for (int i = 0, n = rates_open(judges->rates, &findings); i < n; i++) {
        int g = findings[i].gateway[0] == '\0' ? GATEWAYS : findings[i].gateway[0] == 'b';
        judges->found[BUDGET_RATES] += !judges->rates_were[findings[i].id][g];
        now[findings[i].id][g] = true;
    }
    memcpy(judges->rates_were, now, sizeof now);
}

/* ---- tests ---- */

static void all_together_stay_within_the_one_budget(void **state) {
    (void)state;
    enum { JUDGES = 2 };
    static struct judges judges[JUDGES];
    judges_open(&judges[0], 0);
    judges_open(&judges[1], 1);
    for (int m = 0; m < MINUTES; m++) {
        for (int j = 0; j < JUDGES && m >= HISTORY_DAYS * DAY_MINUTES; j++) {
            judges[j].counting = true;
            if (m % 60 == 0) {
                learn(&judges[j], m);
            }
            look_at_volume(&judges[j], m);
            look_at_rates(&judges[j], m);
        }
        one_minute(judges, JUDGES, m);
    }
    for (int j = 0; j < JUDGES; j++) {
        int all = 0;
        for (int p = 0; p < BUDGET_PARTS; p++) {
            double may = budget_of((enum budget_part)p, judges[j].per_day) * DAYS;
            print_message("%g a day: part %d has %d of %.1f\n", judges[j].per_day, p,
                          judges[j].found[p], may);
            all += judges[j].found[p];
            assert_true(judges[j].found[p] <= fmax(may, 1));
        }
        assert_true(all <= (judges[j].per_day > 0 ? judges[j].per_day : 0.05) * DAYS);
        judges_close(&judges[j]);
    }
    /* What never speaks proves nothing. */
    assert_true(judges[1].found[BUDGET_DETECTOR] > 0);
}

static void each_takes_its_part_of_what_is_said(void **state) {
    (void)state;
    double sum = 0;
    for (int p = 0; p < BUDGET_PARTS; p++) {
        assert_true(budget_of((enum budget_part)p, 2) > 0);
        assert_true(fabs(budget_of((enum budget_part)p, 0) * 60 -
                         budget_of((enum budget_part)p, 2)) < 1e-9);
        sum += budget_of((enum budget_part)p, 2);
    }
    assert_true(fabs(sum - 2) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_together_stay_within_the_one_budget),
        cmocka_unit_test(each_takes_its_part_of_what_is_said),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
