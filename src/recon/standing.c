/* SPDX-License-Identifier: Apache-2.0
 * standing.c: whether what a file tells stands in the store already. */
#include "recon/standing.h"

#include <stdio.h>
#include <string.h>

#include "base/pan.h"

/* ---- the sample ---- */

static void fill(struct standing_row *kept, const struct statement_row *row) {
    bool ours = row->gateway_id[0] == '\0';
    *kept = (struct standing_row){
        .ours = ours,
        .kind = row->kind,
        .status = row->status,
        .currency = row->currency,
        .gross_minor = row->gross_minor,
        .at_us = row->at_us,
    };
    snprintf(kept->name, sizeof kept->name, "%s", ours ? row->reference : row->gateway_id);
    (void)pan_mask(kept->name, strlen(kept->name));
}

/* When it is full every second one goes, and from then on half as many come: so they are spread
 * evenly however long the file is, which nobody knows before its end. */
void standing_add(struct standing_sample *sample, const struct statement_row *row) {
    if (row->gateway_id[0] == '\0' && row->reference[0] == '\0') {
        return;
    }
    fill(&sample->last, row);
    if (sample->count == STANDING_SPREAD) {
        for (int i = 0; i < STANDING_SPREAD; i += 2) {
            sample->spread[i / 2] = sample->spread[i];
        }
        sample->count = (STANDING_SPREAD + 1) / 2;
        sample->step *= 2;
    }
    sample->step = sample->step == 0 ? 1 : sample->step;
    if (sample->seen++ % sample->step == 0) {
        sample->spread[sample->count++] = sample->last;
    }
}

/* ---- where it stands ---- */

struct places {
    struct statement_id ids[STANDING_ROWS];
    int rows[STANDING_ROWS];
    int count;
};

static void count_place(struct places *places, const char *id) {
    int i = 0;
    while (i < places->count && strcmp(places->ids[i].text, id) != 0) {
        i++;
    }
    if (i == places->count) {
        places->ids[places->count++] = statement_id_stored(id);
        places->rows[i] = 0;
    }
    places->rows[i]++;
}

#define STANDING(column)                                                                           \
    "SELECT s.id FROM statement_row r JOIN statement s ON s.id = r.statement_id WHERE r." column   \
    " = $1 AND r." column " <> '' AND r.kind = $2 AND r.status = $3 AND r.currency = $4 AND "      \
    "r.gross_minor = $5 AND r.at_us = $6 AND s.gateway = $7 AND s.reader = $8 AND s.account = $9 " \
    "AND s.state = 2 AND s.id <> $10 AND s.id <> $11 ORDER BY s.id LIMIT 1"

/* 1: it stands, and its statement is counted. */
static int find_row(struct store_tx *tx, const struct standing_row *row,
                    const struct standing_asked *asked, struct places *places, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, row->ours ? STANDING("reference") : STANDING("gateway_id"),
                      S_TEXT(row->name), S_INT(row->kind), S_INT(row->status),
                      S_TEXT(row->currency.code), S_INT(row->gross_minor), S_INT(row->at_us),
                      S_TEXT(asked->gateway), S_TEXT(asked->reader), S_TEXT(asked->account),
                      S_TEXT(asked->except[0]), S_TEXT(asked->except[1]));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        count_place(places, sql_text(rows, 0));
    }
    return r;
}

static int name_of(struct store_tx *tx, struct standing *standing, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT name FROM statement WHERE id = $1",
                      S_TEXT(standing->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(standing->name, sizeof standing->name, "%s", sql_text(rows, 0));
    }
    return r;
}

int standing_find(struct store_tx *tx, const struct standing_sample *sample,
                  const struct standing_asked *asked, struct standing *ret_standing,
                  struct err *err) {
    struct places places = {.count = 0};
    *ret_standing = (struct standing){.rows = 0};
    if (sample->seen == 0) {
        return 0;
    }
    /* The newest first: where a file goes on behind an earlier one, that one tells it at once. */
    int r = find_row(tx, &sample->last, asked, &places, err);
    for (int i = sample->count - 1; r > 0 && i >= 0; i--) {
        r = find_row(tx, &sample->spread[i], asked, &places, err);
    }
    if (r <= 0) {
        return r;
    }
    int most = 0;
    for (int i = 1; i < places.count; i++) {
        most = places.rows[i] > places.rows[most] ? i : most;
    }
    *ret_standing = (struct standing){
        .id = places.ids[most],
        .rows = sample->seen < STANDING_ROWS ? (int)sample->seen : sample->count + 1,
        .others = places.count - 1,
    };
    r = name_of(tx, ret_standing, err);
    return r < 0 ? r : 1;
}
