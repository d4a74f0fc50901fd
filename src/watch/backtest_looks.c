/* SPDX-License-Identifier: Apache-2.0
 * backtest_looks.c: rows of look_minute in their order, some thousand at a time; and the times of
 * grave trouble. */
#include <glib.h>
#include <string.h>

#include "watch/backtest_impl.h"
#include "watch/looks.h"
#include "watch/volume_impl.h"

#define LEARNT_US (SEASON_WEEKS * 7 * INT64_C(86400) * US_PER_SECOND)

struct read_look {
    int64_t minute;
    char measure[64], labels[LOOKS_LABELS_BYTES];
    char source[NOTICE_NAME_BYTES_MAX + 1], looks[LOOKS_TEXT_BYTES];
};

struct look_reader {
    struct backtest *backtest;
    struct read_look place; /* the last that was read */
    GArray *rows;           /* struct read_look */
    guint next;
    int64_t read, all;
    bool ended;
};

struct look_reader *look_reader_new(struct backtest *backtest) {
    struct look_reader *reader = g_new0(struct look_reader, 1);
    reader->backtest = backtest;
    reader->place.minute = backtest->begin;
    reader->rows = g_array_new(FALSE, FALSE, sizeof(struct read_look));
    return reader;
}

void look_reader_free(struct look_reader *reader) {
    if (reader != NULL) {
        g_array_unref(reader->rows);
        g_free(reader);
    }
}

int64_t look_reader_count(const struct look_reader *reader) {
    return reader != NULL ? reader->all : 0;
}

static int rows_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look_reader *reader = ctx;
    const struct read_look from = reader->place;
    SQL_ROWS_AUTO rows = NULL;
    struct read_look row;
    g_array_set_size(reader->rows, 0);
    reader->next = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT minute, measure, labels, source, looks FROM look_minute WHERE "
                      "(minute, measure, labels, source) > ($1, $2, $3, $4) AND minute < $5 "
                      "ORDER BY minute, measure, labels, source LIMIT $6",
                      S_INT(from.minute), S_TEXT(from.measure), S_TEXT(from.labels),
                      S_TEXT(from.source), S_INT(reader->backtest->until),
                      S_INT(reader->backtest->of->rows_at_once));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        row.minute = sql_int(rows, 0);
        g_strlcpy(row.measure, sql_text(rows, 1), sizeof row.measure);
        g_strlcpy(row.labels, sql_text(rows, 2), sizeof row.labels);
        g_strlcpy(row.source, sql_text(rows, 3), sizeof row.source);
        g_strlcpy(row.looks, sql_text(rows, 4), sizeof row.looks);
        g_array_append_val(reader->rows, row);
    }
    return r;
}

static int read_more(struct look_reader *reader, struct err *err) {
    int r = store_read(reader->backtest->of->store, rows_tx, reader, err);
    if (r >= 0 && reader->rows->len > 0) {
        reader->place = g_array_index(reader->rows, struct read_look, reader->rows->len - 1);
    }
    reader->ended = r >= 0 && (int)reader->rows->len < reader->backtest->of->rows_at_once;
    reader->all += r < 0 ? 0 : reader->rows->len;
    return r < 0 ? r : 0;
}

static void give(const struct look_reader *reader, struct replay *replay,
                 const struct read_look *row) {
    int measure = measure_find(row->measure, strlen(row->measure));
    if (measure >= 0 &&
        strcmp(measure_table[measure].rule, reader->backtest->rule->name) == 0) {
        replay_looks(replay, row->minute, measure, row->labels, row->source, row->looks);
    }
}

int look_reader_give(struct look_reader *reader, struct replay *replay, int64_t minute,
                     struct err *err) {
    int r = 0;
    while (reader != NULL && r >= 0) {
        if (reader->next < reader->rows->len) {
            const struct read_look *row = &g_array_index(reader->rows, struct read_look,
                                                         reader->next);
            if (row->minute >= minute) {
                return 0;
            }
            give(reader, replay, row);
            reader->next++;
        } else if (reader->ended) {
            return 0;
        } else {
            r = read_more(reader, err);
        }
    }
    return r;
}

int backtest_incidents_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct backtest_incidents *incidents = ctx;
    struct volume_gap spans[INCIDENTS_MAX];
    static_assert(COUNT_OF(incidents->rows) == INCIDENTS_MAX, "as many as are read");
    int r = incidents_read(tx, incidents->from_us - LEARNT_US, clock_wall_us(), spans,
                           &incidents->count, err);
    for (int i = 0; r >= 0 && i < incidents->count; i++) {
        incidents->rows[i] = (struct replay_incident){spans[i].from_us, spans[i].until_us};
    }
    return r;
}
