/* SPDX-License-Identifier: Apache-2.0
 * detector_limits.c: how much evidence each test of each slice must have, so that chance alone
 * raises no more alarms than there is a budget for. */
#include <math.h>

#include "base/clock.h"
#include "watch/budget.h"
#include "watch/detector_impl.h"

enum { TUNE_S = 60, DAY_HOURS = 24 };
/* What came is forgotten by half in some 23 hours. */
static const double fade_per_hour = 0.97;
/* The rate itself of a slice changes from week to week by a fifth: 1/√25. */
static const double rate_shape = 25;
/* Grid of p0: from GRID_FIRST on, a tenth more each. */
static const double grid_first = 0.001, grid_step = 1.1;

/* Learnt sums stand for this many hours. */
static double hours_known(const struct detector *detector, const struct slice *slice) {
    double hours = (double)(detector->now_us - slice->since_us) / (3600.0 * US_PER_SECOND);
    hours = fmax(hours, 1.0 / 60);
    return (1 - pow(fade_per_hour, hours)) / -log(fade_per_hour);
}

static double events_per_day(const struct detector *detector, const struct slice *slice) {
    const struct learnt *learnt = &slice->learnt[SIGN_FAIL];
    double events = learnt->events + learnt->waiting;
    return fmax(events / hours_known(detector, slice) * DAY_HOURS, 1);
}

/* Rounded up: what is taken for usual is never less than what is known. */
static int grid_index(double p0) {
    double at = ceil(log(fmax(p0, grid_first) / grid_first) / log(grid_step));
    return (int)fmin(at, GRID - 1);
}

static double p1_of(const struct detector_aim *aim, double p0) {
    return fmin(fmax(aim->share, p0 + aim->more), 0.97);
}

static double factor_of(struct detector *detector, int test, int index, double p0, double p1) {
    double *factor = &detector->factors[test][index];
    if (*factor == 0) {
        *factor = cusum_factor(p0, p1);
    }
    return *factor;
}

void limits_make(struct detector *detector, struct slice *slice) {
    double shares = (double)detector->slices->len * DETECTOR_TESTS;
    double per_day = events_per_day(detector, slice);
    double alarms = budget_of(BUDGET_DETECTOR, detector->tuning.alarms_per_day);
    double between = per_day * shares / alarms;
    for (int i = 0; i < TEST_SILENCE; i++) {
        const struct test_kind *kind = &test_kinds[i];
        int index = grid_index(usual_rate(detector, slice, kind->sign));
        double p0 = fmin(grid_first * pow(grid_step, index), 0.9);
        double p1 = fmax(p1_of(&detector->tuning.aims[i], p0), p0 + 0.05);
        double factor = factor_of(detector, i, index, p0, p1);
        slice->limits[i] = cusum_limits(p0, p1, factor, between);
        slice->limits[i].alarm += kind->clumps;
    }
    slice->rate = season_rate(&slice->season, detector->now_us);
    double alpha = alarms / (shares * fmax(per_day, 24));
    slice->silence_limit = silence_limit(alpha, rate_shape);
}

void limits_fade(struct detector *detector) {
    int64_t hour = detector->now_us / (3600 * US_PER_SECOND);
    int64_t hours = detector->faded_hour == 0 ? 0 : hour - detector->faded_hour;
    detector->faded_hour = hour;
    if (hours <= 0) {
        return;
    }
    double share = pow(fade_per_hour, (double)hours);
    for (guint i = 0; i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        for (int k = 0; k < SIGNS; k++) {
            struct learnt *learnt = &slice->learnt[k];
            learn_hour(learnt);
            learnt->yes *= share;
            learnt->events *= share;
            learnt->spread *= share;
            learnt->hours *= share;
        }
    }
}

void limits_follow(struct detector *detector, int64_t seconds) {
    limits_fade(detector);
    size_t count = detector->slices->len;
    size_t some = seconds >= TUNE_S ? count
                                    : (count * (size_t)MAX(seconds, 1) + TUNE_S - 1) / TUNE_S;
    for (size_t i = 0; i < some; i++) {
        detector->tuned = detector->tuned + 1 < count ? detector->tuned + 1 : 0;
        limits_make(detector, detector->slices->pdata[detector->tuned]);
    }
}
