/* SPDX-License-Identifier: Apache-2.0
 * lookout_past.c: at the start the detector is told what the store has kept of the last weeks, so
 * that a restart forgets nothing of what is usual. Read by the day: a year's worth of slices must
 * not be in memory at once. */
#include <glib.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"
#include "watch/volume_impl.h"

#define HOUR_US (3600 * US_PER_SECOND)
#define INSTANCE_SEEN_US (10 * US_PER_SECOND)
enum { OPERATION_CHARGE = 2, DAY_HOURS = 24, DAYS_MAX = SEASON_WEEKS * 7, ROWS_MAX = 500000 };

struct past {
    struct lookout *lookout;
    struct detector *detector;
    int64_t from, hour; /* hours; the present one */
    int64_t told;       /* the last hour that there was anything of */
    int64_t instances;
    struct volume_gap incidents[INCIDENTS_MAX];
    int incident_count;
    int64_t now_us, day;
};

/* Others take their part of what comes; what this one is to expect is its own. */
static int count_instances(struct store_tx *tx, struct past *past, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT COUNT(*) FROM instance WHERE seen_us > $1",
                      S_INT(past->now_us - INSTANCE_SEEN_US));
    r = r < 0 ? r : sql_next(rows, err);
    past->instances = r > 0 && sql_int(rows, 0) > 1 ? sql_int(rows, 0) : 1;
    return r < 0 ? r : 0;
}

/* Where there is more than can be read in a few seconds the oldest days are left. */
static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct past *past = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int64_t all = past->hour - DAYS_MAX * DAY_HOURS;
    int r = incidents_read(tx, all * HOUR_US, past->now_us, past->incidents, &past->incident_count,
                           err);
    r = r < 0 ? r : count_instances(tx, past, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT COUNT(*) FROM metric_hour WHERE hour >= $1 AND hour < $2",
                          S_INT(all), S_INT(past->hour));
    r = r < 0 ? r : sql_next(rows, err);
    int64_t count = r > 0 ? sql_int(rows, 0) : 0;
    int64_t days = count <= ROWS_MAX ? DAYS_MAX : DAYS_MAX * (int64_t)ROWS_MAX / count;
    past->from = past->hour - (days > 0 ? days : 1) * DAY_HOURS;
    return r < 0 ? r : 0;
}

static bool was_incident(const struct past *past, int64_t hour) {
    for (int i = 0; i < past->incident_count; i++) {
        if (past->incidents[i].from_us < (hour + 1) * HOUR_US &&
            past->incidents[i].until_us >= hour * HOUR_US) {
            return true;
        }
    }
    return false;
}

static void learn_row(struct past *past, const struct sql_rows *rows) {
    struct detector_hour hour = {
        .hour = sql_int(rows, 0),
        .ok = sql_int(rows, 6),
        .declined = sql_int(rows, 7),
        .failed = sql_int(rows, 8),
        .repeated = sql_int(rows, 9),
        .shared_by = past->instances,
    };
    for (int i = 0; i < DIMENSIONS; i++) {
        hour.values[i] = detector_number(past->detector, (enum detector_dimension)i,
                                         sql_text(rows, 1 + i));
    }
    hour.incident = was_incident(past, hour.hour);
    if (past->told != 0) {
        detector_learn_nothing(past->detector, past->told + 1, hour.hour);
    }
    past->told = hour.hour;
    detector_learn(past->detector, &hour);
}

static int day_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct past *past = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT hour, gateway, method, region, currency, segment, ok, declined, "
                      "failed, repeated FROM metric_hour JOIN metric_slice ON id = slice WHERE "
                      "hour >= $1 AND hour < $2 AND operation = $3 ORDER BY hour, slice",
                      S_INT(past->day), S_INT(past->day + DAY_HOURS), S_INT(OPERATION_CHARGE));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        learn_row(past, rows);
    }
    return r;
}

int lookout_past(struct lookout *lookout, int64_t now_us, struct err *err) {
    struct past *past = g_new0(struct past, 1);
    *past = (struct past){.lookout = lookout, .now_us = now_us, .hour = now_us / HOUR_US};
    past->detector = detector_new(&(struct detector_options){0});
    int r = store_read(lookout->options.store, begin_tx, past, err);
    for (past->day = past->from; r >= 0 && past->day < past->hour; past->day += DAY_HOURS) {
        r = store_read(lookout->options.store, day_tx, past, err);
    }
    if (r < 0) {
        detector_free(past->detector);
    } else {
        detector_learn_nothing(past->detector, past->told + 1, past->told == 0 ? 0 : past->hour);
        detector_learnt(past->detector, now_us);
        detector_free(lookout->detector);
        lookout->detector = past->detector;
        lookout->tuned = -1; /* it goes by the usual settings until it is tuned */
    }
    g_free(past);
    return r;
}
