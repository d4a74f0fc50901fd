/* SPDX-License-Identifier: Apache-2.0
 * detector_history.c: what is usual, from figures of hours that are over: how many fail, how much
 * that differs, how many come. How long payments take is learnt from the first fifty. */
#include <string.h>

#include "base/clock.h"
#include <string.h>

#include "base/clock.h"
#include "watch/detector_impl.h"

#define HOUR_US (3600 * US_PER_SECOND)

/* An hour is over: what is known fades as it does while the service runs. */
static void hour_begins(struct detector *detector, int64_t hour) {
    if (hour * HOUR_US > detector->now_us) {
        detector->now_us = hour * HOUR_US;
        limits_fade(detector);
    }
}

static void slice_learns(struct slice *slice, const struct detector_hour *past) {
    int64_t events = past->ok + past->declined + past->failed - past->repeated;
    int64_t failed = MAX(past->declined + past->failed - past->repeated, 0);
    const int64_t yes[] = {[SIGN_FAIL] = failed, [SIGN_TECHNICAL] = MIN(past->failed, failed)};
    int64_t ours = (events + past->shared_by / 2) / MAX(past->shared_by, 1);
    season_add(&slice->season, past->hour * HOUR_US, (uint32_t)MIN(ours, UINT32_MAX / 2));
    for (size_t i = 0; !past->incident && i < G_N_ELEMENTS(yes); i++) {
        struct learnt *learnt = &slice->learnt[i];
        learnt->yes += (double)yes[i];
        learnt->events += (double)events;
        learnt->hour_yes += (uint32_t)yes[i];
        learnt->hour += (uint32_t)events;
    }
    if (past->incident) {
        season_leave_out(&slice->season, past->hour * HOUR_US, past->hour * HOUR_US);
    }
}

void detector_learn(struct detector *detector, const struct detector_hour *past) {
    struct detector_event event = {0};
    memcpy(event.values, past->values, sizeof event.values);
    hour_begins(detector, past->hour);
    for (int i = 0; i < SHAPES; i++) {
        struct detector_scope scope;
        struct slice *slice = scope_of(&scope, &event, shapes[i]) ? slice_get(detector, &scope)
                                                                  : NULL;
        if (slice != NULL) {
            slice_learns(slice, past);
        }
    }
}

void detector_learn_nothing(struct detector *detector, int64_t from_hour, int64_t until_hour) {
    for (guint i = 0; from_hour < until_hour && i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        season_add(&slice->season, until_hour * HOUR_US - 1, 0);
        season_leave_out(&slice->season, from_hour * HOUR_US, until_hour * HOUR_US - 1);
    }
}

void detector_learnt(struct detector *detector, int64_t now_us) {
    int64_t hour = now_us / HOUR_US;
    hour_begins(detector, hour);
    detector->now_us = now_us;
    for (guint i = 0; i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        season_add(&slice->season, now_us, 0);
        season_leave_out(&slice->season, hour * HOUR_US, now_us); /* not whole */
        slice->last_us = now_us;
        limits_make(detector, slice);
    }
}
