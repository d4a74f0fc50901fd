/* SPDX-License-Identifier: Apache-2.0
 * disagree.c: breaks about what was decided here before become cases, and cases whose break is over
 * are closed (REC-4): after a run each break in a transaction of its own, from what stands in the
 * store, so that what a crash left out is done after the next run; and in the transaction in which
 * a person or a rule closes a break or opens it again. */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "payment/disagree.h"
#include "payment/machine.h"
#include "recon/breaks.h"
#include "recon/recon_impl.h"

enum { PAGE = 50, DETAIL_CHARS_MAX = 400, ARENA_BYTES_MAX = 1024 * 1024 };
#define ACTOR "system"

/* Classes in which a statement contradicts what we have decided about money, not only when or for
 * which fee it moved: numbers of match_classes.def. */
#define CONTRADICTS "(10, 12, 13, 14, 15, 16, 18, 22, 23, 31, 32, 33)"

/* A case that a person has closed since stays closed; one that ended with its break does not when
 * the break is open again. */
#define DISAGREES                                                                                  \
    "FROM recon_break b WHERE b.state IN (1, 2) AND b.class IN " CONTRADICTS " AND b.payment_id "  \
    "<> '' AND NOT EXISTS (SELECT 1 FROM review_case c WHERE c.kind = 'statement_disagrees' AND "  \
    "c.subject = b.id AND (c.state = 1 OR (c.closed_us >= b.opened_us AND c.decided_by <> "        \
    "'" ACTOR "'))) AND "

struct page {
    const char *gateway;
    char ids[PAGE][ID_TEXT_MAX];
    char why[PAGE][DETAIL_CHARS_MAX];
    int count;
};

static int open_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct page *page = ctx;
    page->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT b.id " DISAGREES
                      "b.gateway = $1 AND b.id > $2 ORDER BY b.id LIMIT $3",
                      S_TEXT(page->gateway), S_TEXT(page->ids[PAGE - 1]), S_INT(PAGE));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(page->ids[page->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

struct opening {
    struct payments *payments;
    const char *break_id;
};

/* What we had decided, in words; "" while it is still open: then nothing is contradicted. */
static int decided_read(struct store_tx *tx, const char *attempt_id, char *ret_text, size_t bytes,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    ret_text[0] = '\0';
    int r = sql_query(tx, err, &rows,
                      "SELECT state, source, settled_us, created_us FROM attempt WHERE id = $1",
                      S_TEXT(attempt_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t state = sql_int(rows, 0);
    bool open = state == ATTEMPT_SENDING || state == ATTEMPT_PENDING || state == ATTEMPT_UNKNOWN ||
                state == ATTEMPT_ACTION_NEEDED;
    if (!open) {
        char time[CLOCK_TEXT_MAX];
        int64_t at_us = sql_int(rows, 2) > 0 ? sql_int(rows, 2) : sql_int(rows, 3);
        snprintf(ret_text, bytes, "here %s is %s since %s (%s)", attempt_id,
                 attempt_state_name(state), clock_format(at_us, time), sql_text(rows, 1));
    }
    return 0;
}

static const char *attempt_of(const struct break_members *members) {
    for (int i = 0; i < members->count; i++) {
        if (members->rows[i].side == OURS && members->rows[i].attempt_id[0] != '\0') {
            return members->rows[i].attempt_id;
        }
    }
    return "";
}

static int open_for(struct payments *payments, struct store_tx *tx, struct arena *arena,
                    struct break_row *row, struct err *err) {
    struct break_members members;
    char decided[DETAIL_CHARS_MAX], detail[2 * DETAIL_CHARS_MAX];
    int r = break_members_load(tx, arena, row, &members, err);
    const char *attempt_id = r < 0 ? "" : attempt_of(&members);
    r = r < 0 ? r : decided_read(tx, attempt_id, decided, sizeof decided, err);
    if (r < 0 || decided[0] == '\0') {
        return r;
    }
    snprintf(detail, sizeof detail, "%s; %s: %.300s", decided, row->id.text, row->detail);
    const struct disagreement what = {
        .subject = row->id.text,
        .payment_id = row->payment_id,
        .attempt_id = attempt_id,
        .gateway = row->gateway,
        .detail = detail,
        .amount_minor = row->stake_minor,
        .currency = row->currency,
    };
    r = disagreement_open(payments, tx, &what, err);
    return r < 0 ? r : break_note(tx, row, ACTOR, "case", "it contradicts what was decided", err);
}

static int open_one_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct opening *opening = ctx;
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    struct break_row row;
    int r = break_load(tx, arena, opening->break_id, true, &row, err);
    return r < 0 || !break_is_live(row.state) ? r
                                              : open_for(opening->payments, tx, arena, &row, err);
}

static void say_over(int64_t state, const char *resolution, char ret_why[DETAIL_CHARS_MAX]) {
    snprintf(ret_why, DETAIL_CHARS_MAX, "the break is %s: %.300s", break_state_name(state),
             resolution);
}

static int over_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct page *page = ctx;
    page->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT c.id, b.state, b.resolution FROM review_case c JOIN recon_break b ON "
                      "b.id = c.subject WHERE c.kind = 'statement_disagrees' AND c.state = 1 AND "
                      "c.gateway = $1 AND b.state NOT IN (1, 2) ORDER BY c.id LIMIT $2",
                      S_TEXT(page->gateway), S_INT(PAGE));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(page->ids[page->count], ID_TEXT_MAX, "%s", sql_text(rows, 0));
        say_over(sql_int(rows, 1), sql_text(rows, 2), page->why[page->count++]);
    }
    return r;
}

struct ending {
    const char *case_id, *why;
};

static int end_one_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct ending *ending = ctx;
    return disagreement_end(tx, ending->case_id, ACTOR, ending->why, err);
}

/* ---- with one change of a break ---- */

static int end_for(struct store_tx *tx, const struct break_row *row, struct err *err) {
    char id[ID_TEXT_MAX], why[DETAIL_CHARS_MAX];
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = 'statement_disagrees' AND subject = "
                      "$1 AND state = 1",
                      S_TEXT(row->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    snprintf(id, sizeof id, "%s", sql_text(rows, 0));
    say_over(row->state, row->resolution, why);
    return disagreement_end(tx, id, ACTOR, why, err);
}

int recon_disagreement_follows(struct recon *recon, struct store_tx *tx, struct break_row *row,
                               struct err *err) {
    if (!break_is_live(row->state)) {
        return end_for(tx, row, err);
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT b.id " DISAGREES "b.id = $1", S_TEXT(row->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    r = open_for(recon->options.payments, tx, arena, row, err);
    return r < 0 ? r : 0;
}

/* ---- after a run ---- */

int recon_disagreements(struct recon *recon, const char *gateway, struct err *err) {
    struct store *store = recon->options.store;
    struct page page = {.gateway = gateway};
    int r;
    do {
        r = store_read(store, over_tx, &page, err);
        for (int i = 0; r >= 0 && i < page.count; i++) {
            struct ending ending = {page.ids[i], page.why[i]};
            r = store_write(store, end_one_tx, &ending, err);
        }
    } while (r >= 0 && page.count == PAGE);
    page = (struct page){.gateway = gateway};
    do {
        r = r < 0 ? r : store_read(store, open_tx, &page, err);
        for (int i = 0; r >= 0 && i < page.count; i++) {
            struct opening opening = {recon->options.payments, page.ids[i]};
            r = store_write(store, open_one_tx, &opening, err);
        }
    } while (r >= 0 && page.count == PAGE);
    return r < 0 ? r : 0;
}
