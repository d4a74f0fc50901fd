/* SPDX-License-Identifier: Apache-2.0
 * rollup_store.c: the SQL of figures by the minute and by the hour. */
#include <stdio.h>
#include <string.h>

#include "watch/rollup_impl.h"

enum { MINUTES_PER_HOUR = 60, PRUNE_MINUTES = 240, TEXT_BYTES_MAX = 16384 };

void kept_row_sum(const struct kept_row *row, struct metric_sum *sum) {
    const struct metric_sum counts = {
        .counts = row->counts,
        .ok_minor = row->ok_minor,
        .lost_minor = row->lost_minor,
        .duration_us = row->duration_us,
    };
    metric_sum_add(sum, &counts);
    metric_texts_read(sum, row->texts, row->codes);
}

/* ---- minutes ---- */

struct writing {
    struct rollup *rollup;
    struct kept_row *const *rows;
    int count;
};

static int write_slice(struct store_tx *tx, const struct kept_row *row, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO metric_slice (id, operation, gateway, method, region, currency, "
                   "segment) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                   S_INT(row->slice), S_INT(row->operation), S_TEXT(row->labels[SLICE_GATEWAY]),
                   S_TEXT(row->labels[SLICE_METHOD]), S_TEXT(row->labels[SLICE_REGION]),
                   S_TEXT(row->labels[SLICE_CURRENCY]), S_TEXT(row->labels[SLICE_SEGMENT]));
}

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct writing *writing = ctx;
    int64_t due = -1;
    for (int i = 0; i < writing->count; i++) {
        const struct kept_row *row = writing->rows[i];
        int64_t hour = row->minute / MINUTES_PER_HOUR;
        int r = 0;
        if (hour != due) {
            /* Changed also where it is there already: whoever makes the hour now waits until these
             * minutes are to be seen, or leaves the hour due. */
            r = sql_put(tx, err,
                        "INSERT INTO metric_hour_due (hour) VALUES ($1) ON CONFLICT (hour) DO "
                        "UPDATE SET hour = excluded.hour",
                        S_INT(hour));
            due = hour;
        }
        if (r >= 0 && !g_hash_table_contains(writing->rollup->known, &row->slice)) {
            r = write_slice(tx, row, err);
        }
        r = r < 0 ? r
                  : sql_put(tx, err,
                            "INSERT INTO metric_minute (minute, slice, writer, " METRIC_COLUMNS
                            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON "
                            "CONFLICT DO NOTHING",
                            S_INT(row->minute), S_INT(row->slice), S_INT(row->writer),
                            S_INT(row->counts.ok), S_INT(row->counts.declined),
                            S_INT(row->counts.failed), S_INT(row->counts.repeated),
                            S_INT(row->ok_minor), S_INT(row->lost_minor), S_INT(row->duration_us),
                            S_TEXT(row->texts), S_TEXT(row->codes));
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int rollup_write_rows(struct rollup *rollup, struct kept_row *const *rows, int count,
                      struct err *err) {
    struct writing writing = {rollup, rows, count};
    int r = store_write(rollup->store, write_tx, &writing, err);
    for (int i = 0; r >= 0 && i < count; i++) {
        g_hash_table_add(rollup->known, g_memdup2(&rows[i]->slice, sizeof(rows[i]->slice)));
    }
    return r;
}

/* ---- hours ---- */

static int write_hour(struct store_tx *tx, int64_t hour, int64_t slice,
                      const struct metric_sum *sum, struct err *err) {
    BUF_AUTO durations;
    BUF_AUTO codes;
    buf_init(&durations, TEXT_BYTES_MAX);
    buf_init(&codes, TEXT_BYTES_MAX);
    metric_durations_write(&durations, sum);
    metric_codes_write(&codes, sum);
    return sql_put(
        tx, err,
        "INSERT INTO metric_hour (hour, slice, " METRIC_COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (hour, slice) DO "
        "UPDATE SET ok = excluded.ok, declined = excluded.declined, failed = excluded.failed, "
        "repeated = excluded.repeated, ok_minor = excluded.ok_minor, lost_minor = "
        "excluded.lost_minor, duration_us = excluded.duration_us, durations = excluded.durations, "
        "codes = excluded.codes",
        S_INT(hour), S_INT(slice), S_INT(sum->counts.ok), S_INT(sum->counts.declined),
        S_INT(sum->counts.failed), S_INT(sum->counts.repeated), S_INT(sum->ok_minor),
        S_INT(sum->lost_minor), S_INT(sum->duration_us), S_TEXT(durations.data),
        S_TEXT(codes.data));
}

struct hour_sum {
    int64_t slice;
    struct metric_sum sum;
};

static int read_hour(struct store_tx *tx, int64_t hour, GArray *sums, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT slice, " METRIC_COLUMNS " FROM metric_minute WHERE minute >= $1 AND "
                      "minute < $2 ORDER BY slice",
                      S_INT(hour * MINUTES_PER_HOUR), S_INT((hour + 1) * MINUTES_PER_HOUR));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        int64_t slice = sql_int(rows, 0);
        if (sums->len == 0 || g_array_index(sums, struct hour_sum, sums->len - 1).slice != slice) {
            g_array_set_size(sums, sums->len + 1);
            g_array_index(sums, struct hour_sum, sums->len - 1).slice = slice;
        }
        metric_sum_read(&g_array_index(sums, struct hour_sum, sums->len - 1).sum, rows, 1);
    }
    return r;
}

/* -1: none. */
static int due_hour(struct store_tx *tx, int64_t now_hour, int64_t *ret_hour, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT hour FROM metric_hour_due WHERE hour < $1 ORDER BY hour LIMIT 1",
                      S_INT(now_hour));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_hour = r > 0 ? sql_int(rows, 0) : -1;
    return r < 0 ? r : 0;
}

struct making {
    int64_t now_hour;
    bool made;
};

static int hour_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct making *making = ctx;
    int64_t hour;
    making->made = false;
    int r = due_hour(tx, making->now_hour, &hour, err);
    if (r < 0 || hour < 0) {
        return r;
    }
    /* Before its minutes are read: what is written after this makes it due again. */
    int64_t gone = sql_exec(tx, err, "DELETE FROM metric_hour_due WHERE hour = $1", S_INT(hour));
    if (gone < 0) {
        return (int)gone;
    }
    GArray *sums = g_array_new(FALSE, TRUE, sizeof(struct hour_sum));
    r = read_hour(tx, hour, sums, err);
    for (guint i = 0; r >= 0 && i < sums->len; i++) {
        const struct hour_sum *each = &g_array_index(sums, struct hour_sum, i);
        r = write_hour(tx, hour, each->slice, &each->sum, err);
    }
    g_array_free(sums, TRUE);
    making->made = r >= 0;
    return r;
}

int rollup_make_hour(struct store *store, int64_t now_hour, struct err *err) {
    struct making making = {.now_hour = now_hour};
    int r = store_write(store, hour_tx, &making, err);
    return r < 0 ? r : making.made;
}

/* ---- what is too old ---- */

/* INT64_MAX: there is none. */
static int oldest_minute(struct store_tx *tx, int64_t *ret_minute, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT min(minute) FROM metric_minute");
    r = r < 0 ? r : sql_next(rows, err);
    *ret_minute = r > 0 && !sql_null(rows, 0) ? sql_int(rows, 0) : INT64_MAX;
    return r < 0 ? r : 0;
}

struct pruning {
    int64_t minute;
    bool more;
};

static int prune_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct pruning *pruning = ctx;
    int64_t oldest;
    pruning->more = false;
    int r = oldest_minute(tx, &oldest, err);
    pruning->more = oldest < pruning->minute - PRUNE_MINUTES;
    if (r >= 0 && oldest < pruning->minute) {
        r = sql_put(tx, err, "DELETE FROM metric_minute WHERE minute < $1",
                    S_INT(pruning->more ? oldest + PRUNE_MINUTES : pruning->minute));
    }
    if (r < 0 || pruning->more) {
        return r;
    }
    r = sql_put(tx, err, "DELETE FROM look_minute WHERE minute < $1", S_INT(pruning->minute));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM metric_hour WHERE hour < $1",
                           S_INT(pruning->minute / MINUTES_PER_HOUR));
}

int rollup_prune(struct store *store, int64_t minute, struct err *err) {
    struct pruning pruning = {.minute = minute};
    int r = store_write(store, prune_tx, &pruning, err);
    return r < 0 ? r : pruning.more;
}

/* ---- reading ---- */

struct reading {
    enum slice_operation operation;
    int64_t from, until;
    bool hours;
    struct metric_groups *groups;
};

static int read_tx(struct store_tx *tx, void *ctx, struct err *err) {
    static const char minutes[] =
        "SELECT gateway, method, region, currency, segment, " METRIC_COLUMNS
        " FROM metric_minute JOIN metric_slice ON id = slice WHERE minute >= $1 AND minute < $2 "
        "AND operation = $3";
    static const char hours[] =
        "SELECT gateway, method, region, currency, segment, " METRIC_COLUMNS
        " FROM metric_hour JOIN metric_slice ON id = slice WHERE hour >= $1 AND hour < $2 AND "
        "operation = $3";
    struct reading *reading = ctx;
    int64_t unit = reading->hours ? MINUTES_PER_HOUR : 1;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, reading->hours ? hours : minutes,
                      S_INT((reading->from + unit - 1) / unit),
                      S_INT((reading->until + unit - 1) / unit), S_INT(reading->operation));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        const char *labels[SLICE_DIMENSIONS];
        for (int i = 0; i < SLICE_DIMENSIONS; i++) {
            labels[i] = sql_text(rows, i);
        }
        metric_sum_read(&metric_group_of(reading->groups, labels)->sum, rows, SLICE_DIMENSIONS);
    }
    return r;
}

int rollup_stored(struct store *store, enum slice_operation operation, int64_t from, int64_t until,
                  bool hours, struct metric_groups *groups, struct err *err) {
    struct reading reading = {operation, from, until, hours, groups};
    return store_read(store, read_tx, &reading, err);
}
