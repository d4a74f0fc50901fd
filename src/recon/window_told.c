/* SPDX-License-Identifier: Apache-2.0
 * window_told.c: what statements tell all of, and of which times: those that a run has seen, and
 * days that were fetched. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "recon/fetch_impl.h"
#include "recon/window_impl.h"

#define BANK_ADAPTER "bank"

enum { FETCHED_IDS_BYTES = 512 };

unsigned window_needed(const struct gateway_adapter *adapter) {
    unsigned needed = TELLS_CHARGES | TELLS_REFUNDS;
    int count = 0;
    const struct statement_reader *const *readers = statement_readers(&count);
    if (adapter == NULL) {
        return needed;
    }
    if (strcmp(adapter->name, BANK_ADAPTER) == 0) {
        return TELLS_BANK;
    }
    for (int i = 0; i < count; i++) {
        bool theirs = readers[i]->adapter != NULL &&
                      strcmp(readers[i]->adapter, adapter->name) == 0;
        needed |= theirs ? readers[i]->tells : 0;
    }
    return adapter->query_dispute != NULL ? needed | TELLS_DISPUTES : needed;
}

unsigned window_tells(const struct sql_rows *rows) {
    static const unsigned bits[] = {TELLS_CHARGES, TELLS_REFUNDS, TELLS_DISPUTES, TELLS_CREDITS,
                                    TELLS_DEBITS};
    if (!sql_null(rows, 0)) {
        return (unsigned)sql_int(rows, 0);
    }
    const struct statement_reader *reader = statement_reader_find(sql_text(rows, 1));
    if (reader != NULL && !reader->lacks_some) {
        return reader->tells;
    }
    unsigned tells = 0;
    for (int i = 0; i < (int)COUNT_OF(bits); i++) {
        tells |= sql_int(rows, 2 + i) != 0 ? bits[i] : 0;
    }
    return tells;
}

/* Statements of a gateway that a run has seen. A file tells nothing of what came after it was taken
 * in, whatever period it is said to be of. */
static int spans_told(struct window_report *report, struct coverage *coverage, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT " WINDOW_TELLS ", s.from_us, CASE WHEN s.until_us > s.taken_us THEN "
                      "s.taken_us ELSE s.until_us END FROM statement s WHERE s.gateway = $1 AND "
                      "s.state = 2 AND s.seen_run <> '' AND s.until_us > $2 AND s.from_us < $3 AND "
                      "s.from_us > 0",
                      S_TEXT(coverage->gateway), S_INT(report->window->from_us),
                      S_INT(report->window->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const struct span span = {sql_int(rows, WINDOW_TELLS_COLUMNS),
                                  sql_int(rows, WINDOW_TELLS_COLUMNS + 1), window_tells(rows)};
        g_array_append_val(coverage->spans, span);
    }
    return r;
}

/* A day whose file was fetched, or of which the gateway itself has said that there is none: nothing
 * moved. */
struct fetched {
    int64_t day_s;
    unsigned tells;               /* of a day without a file */
    char ids[FETCHED_IDS_BYTES]; /* "stm_… stm_…"; "" of a day without a file */
};

/* That no batch came on a day says nothing of what moved on it. */
static bool is_by_batch(const struct source *source) {
    return source != NULL && source->way == SOURCE_URL && source->numbered;
}

static int fetched_read(struct window_report *report, const struct coverage *coverage,
                        GArray *fetched, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char first[FETCH_DAY_CHARS + 1], last[FETCH_DAY_CHARS + 1];
    fetch_day_text(local_from_wall(coverage->zone, report->window->from_us), first);
    fetch_day_text(local_from_wall(coverage->zone, report->window->until_us), last);
    int r = sql_query(report->tx, err, &rows,
                      "SELECT day, kind, state, statements FROM statement_fetch WHERE gateway = $1 "
                      "AND state IN ($2, $3) AND day >= $4 AND day <= $5",
                      S_TEXT(coverage->gateway), S_INT(FETCH_NONE), S_INT(FETCH_TAKEN),
                      S_TEXT(first), S_TEXT(last));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct fetched day = {0};
        if (!fetch_day_parse(sql_text(rows, 0), &day.day_s)) {
            continue;
        }
        if (sql_int(rows, 2) == FETCH_TAKEN) {
            snprintf(day.ids, sizeof day.ids, "%s", sql_text(rows, 3));
        } else if (coverage->adapter != NULL && !is_by_batch(coverage->source)) {
            day.tells = source_kind_covers(coverage->adapter->name, sql_text(rows, 1));
        }
        g_array_append_val(fetched, day);
    }
    return r;
}

/* What the statements that a day was fetched as tell: those that a run has seen. */
static int fetched_tells(struct window_report *report, struct fetched *day, struct err *err) {
    int r = 0;
    char *rest = NULL;
    for (char *id = strtok_r(day->ids, " ", &rest); r >= 0 && id != NULL;
         id = strtok_r(NULL, " ", &rest)) {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(report->tx, err, &rows,
                      "SELECT " WINDOW_TELLS " FROM statement s WHERE s.id = $1 AND s.state = 2 "
                      "AND s.seen_run <> ''",
                      S_TEXT(id));
        r = r < 0 ? r : sql_next(rows, err);
        day->tells |= r > 0 ? window_tells(rows) : 0;
    }
    return r;
}

/* Files of empty days have the same bytes, and are one statement: the days that they were fetched
 * for are told by the fetches. */
static int spans_fetched(struct window_report *report, struct coverage *coverage,
                         struct err *err) {
    GArray *fetched = g_array_new(false, false, sizeof(struct fetched));
    int r = fetched_read(report, coverage, fetched, err);
    for (guint i = 0; r >= 0 && i < fetched->len; i++) {
        struct fetched *day = &g_array_index(fetched, struct fetched, i);
        r = fetched_tells(report, day, err);
        const struct span span = {
            wall_from_local(coverage->zone, day->day_s),
            wall_from_local(coverage->zone, calendar_step(day->day_s, 1, UNIT_DAY, 1)),
            day->tells,
        };
        g_array_append_val(coverage->spans, span);
    }
    g_array_free(fetched, true);
    return r;
}

int window_told(struct window_report *report, struct coverage *coverage, struct err *err) {
    int r = spans_told(report, coverage, err);
    return r < 0 ? r : spans_fetched(report, coverage, err);
}
