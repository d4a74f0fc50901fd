/* SPDX-License-Identifier: Apache-2.0
 * volume_store.c: what all instances have counted, by the hour and by the minute. */
#include "base/clock.h"
#include "watch/volume_impl.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define HOUR_US (60 * MINUTE_US)
/* A minute's rows are written within so long of its end. */
#define WRITTEN_US (20 * US_PER_SECOND)
/* What comes differently for so long is no incident but what is usual from now on. */
#define LASTING_US (24 * HOUR_US)
enum { OPERATION_PAYMENT = 1, HOURS_KEPT = SEASON_WEEKS * 7 * 24 + 1 };

int incidents_read(struct store_tx *tx, int64_t from_us, int64_t now_us,
                   struct volume_gap ret_spans[INCIDENTS_MAX], int *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT first_symptom_us, CASE WHEN state = 4 THEN resolved_us ELSE $2 END, "
                      "rule FROM alert WHERE fired_us > 0 AND (state <> 4 OR resolved_us >= $1) "
                      "AND ((severity <= 1 AND rule IN ('PaymentServiceGatewayFailure', "
                      "'PaymentServiceHighErrorRate', 'PaymentServiceDatabaseIssues', 'Silence', "
                      "'VolumeDrop')) OR rule = 'VolumeSurge') ORDER BY first_symptom_us DESC "
                      "LIMIT 500",
                      S_INT(from_us), S_INT(now_us));
    *ret_count = 0;
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0 && *ret_count < INCIDENTS_MAX; r = sql_next(rows, err)) {
        int64_t first_us = sql_int(rows, 0), last_us = sql_int(rows, 1);
        bool volume = g_str_has_prefix(sql_text(rows, 2), "Volume");
        ret_spans[(*ret_count)++] = (struct volume_gap){
            first_us, volume ? MIN(last_us, first_us + LASTING_US) : last_us};
    }
    return r < 0 ? r : 0;
}

struct looking {
    struct volume *volume;
    int64_t now_us, hour, until;
    bool learns;
};

static int learn(struct store_tx *tx, const struct looking *looking, struct err *err) {
    struct volume *volume = looking->volume;
    struct volume_gap spans[INCIDENTS_MAX];
    int incidents;
    SQL_ROWS_AUTO rows = NULL;
    int64_t from = looking->hour - HOURS_KEPT;
    int r = incidents_read(tx, from * HOUR_US, looking->now_us, spans, &incidents, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT hour, currency, CAST(SUM(ok + declined + failed) AS bigint), "
                          "CAST(SUM(ok_minor + lost_minor) AS bigint) FROM metric_hour JOIN "
                          "metric_slice ON id = slice WHERE hour >= $1 AND hour < $2 AND operation "
                          "= $3 GROUP BY hour, currency ORDER BY hour",
                          S_INT(from), S_INT(looking->hour), S_INT(OPERATION_PAYMENT));
    if (r < 0) {
        return r;
    }
    volume_forget(volume);
    for (r = sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        volume_hour(volume, sql_int(rows, 0), sql_text(rows, 1), sql_int(rows, 2),
                    sql_int(rows, 3));
    }
    for (int i = 0; i < incidents; i++) {
        volume_leave_out(volume, spans[i].from_us, spans[i].until_us);
    }
    volume_learnt(volume, looking->hour);
    return r;
}

static int look(struct store_tx *tx, const struct looking *looking, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT minute, currency, CAST(SUM(ok + declined + failed) AS bigint), "
                      "CAST(SUM(ok_minor + lost_minor) AS bigint) FROM metric_minute JOIN "
                      "metric_slice ON id = slice WHERE minute >= $1 AND minute < $2 AND operation "
                      "= $3 GROUP BY minute, currency",
                      S_INT(looking->until - VOLUME_MINUTES), S_INT(looking->until),
                      S_INT(OPERATION_PAYMENT));
    volume_begin(looking->volume, looking->until);
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        volume_minute(looking->volume, sql_int(rows, 0), sql_text(rows, 1), sql_int(rows, 2),
                      sql_int(rows, 3));
    }
    return r;
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    int r = looking->learns ? learn(tx, looking, err) : 0;
    return r < 0 ? r : look(tx, looking, err);
}

int volume_turn(struct volume *volume, struct store *store, int64_t now_us, struct err *err) {
    struct looking looking = {
        .volume = volume,
        .now_us = now_us,
        .until = (now_us - WRITTEN_US) / MINUTE_US,
        .hour = (now_us - WRITTEN_US) / HOUR_US,
    };
    looking.learns = looking.hour != volume->learnt_hour;
    if (looking.until == volume->looked_minute) {
        return 0;
    }
    int r = store_read(store, look_tx, &looking, err);
    if (r < 0) {
        volume->learnt_hour = 0; /* what was read of the past may be half of it */
        return r;
    }
    volume->looked_minute = looking.until;
    volume->learnt_hour = looking.hour;
    volume_judge(volume);
    return 0;
}
