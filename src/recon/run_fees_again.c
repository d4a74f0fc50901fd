/* SPDX-License-Identifier: Apache-2.0
 * run_fees_again.c: what a run looks at again because of a fee, before it reads: movements of which
 * a row of its own tells a fee now (it names their payment), or did and no longer counts; and those
 * of which an answer has told one since they were settled. Each step can be taken again. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/run_impl.h"

enum { AGAIN_A_WRITE = 200 };
struct told_again {
    char statement_id[ID_TEXT_MAX];
    int64_t number;
    char movement_id[MOVEMENT_ID_CHARS_MAX + 1];
};
struct waiting {
    struct told_again told;
    char original_id[ROW_ID_CHARS_MAX + 1], original_reference[ROW_ID_CHARS_MAX + 1];
    char currency[CURRENCY_CHARS + 1];
};
struct again {
    const struct run *run;
    bool more;
    struct told_again after, next; /* of what waits: begin behind this one; how far that came */
};

/* The movement is compared again, with whatever it was put together with. */
static int reopen(struct store_tx *tx, const char *movement_id, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE movement SET open = 1 WHERE open IS NULL AND ((side = 1 AND id = $1) OR "
                   "(match_id <> '' AND match_id IN (SELECT m.match_id FROM movement m WHERE "
                   "m.side = 1 AND m.id = $1 AND m.match_id <> '')))",
                   S_TEXT(movement_id));
}

static int read_again(struct sql_rows *rows, int r, struct told_again found[AGAIN_A_WRITE],
                      int *ret_count, struct err *err) {
    *ret_count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && *ret_count < AGAIN_A_WRITE) {
        struct told_again *one = &found[(*ret_count)++];
        snprintf(one->statement_id, sizeof one->statement_id, "%s", sql_text(rows, 0));
        one->number = sql_int(rows, 1);
        snprintf(one->movement_id, sizeof one->movement_id, "%s", sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

/* Rows of statements that no longer count: they say nothing of their movement any more. */
static int gone_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    struct told_again found[AGAIN_A_WRITE];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT l.statement_id, l.number, l.movement_id FROM statement s JOIN "
                      "recon_fee_row l ON l.statement_id = s.id WHERE s.gateway = $1 AND s.state "
                      "IN (3, 5) ORDER BY l.statement_id, l.number LIMIT 200",
                      S_TEXT(again->run->request->gateway));
    r = read_again(rows, r, found, &count, err);
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = reopen(tx, found[i].movement_id, err);
        r = r < 0 ? r
                  : sql_put(tx, err,
                            "DELETE FROM recon_fee_row WHERE statement_id = $1 AND number = $2",
                            S_TEXT(found[i].statement_id), S_INT(found[i].number));
    }
    again->more = count == AGAIN_A_WRITE;
    return r < 0 ? r : 0;
}

/* Of statements that no run has looked at: fees in rows of their own that name a payment. */
static int come_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    int64_t come = sql_exec(
        tx, err,
        "INSERT INTO recon_fee_row (statement_id, number, gateway, movement_id, fee_minor, at_us) "
        "SELECT r.statement_id, r.number, s.gateway, '', -r.gross_minor, r.at_us FROM statement s "
        "JOIN statement_row r ON r.statement_id = s.id WHERE s.gateway = $1 AND s.state = 2 AND "
        "s.seen_run = '' AND r.kind = 6 AND r.status = 1 AND (r.original_id <> '' OR "
        "r.original_reference <> '') AND NOT EXISTS (SELECT 1 FROM recon_fee_row l WHERE "
        "l.statement_id = r.statement_id AND l.number = r.number) LIMIT 5000 ON CONFLICT DO "
        "NOTHING",
        S_TEXT(again->run->request->gateway));
    again->more = come > 0;
    return come < 0 ? (int)come : 0;
}
static_assert(ROW_FEE == 6 && ROW_DONE == 1, "the numbers above");

/* The charge of ours that a waiting row names: $1 the gateway, $2 its name for it, $3 ours, $4 the
 * currency. */
#define CHARGE_OF                                                                                  \
    " JOIN posting p ON p.id IN ('pst_charge_' || a.id, 'pst_capture_' || a.id, 'pst_suspense_' "  \
    "|| a.id) WHERE a.gateway = $1 AND p.currency = $4 AND "
#define NAMED                                                                                      \
    "SELECT p.id FROM attempt a" CHARGE_OF "$2 <> '' AND a.charge_id <> '' AND a.charge_id = $2 "  \
    "UNION SELECT p.id FROM attempt a" CHARGE_OF "$2 <> '' AND a.gateway_id <> '' AND "            \
    "a.gateway_id = $2 UNION SELECT p.id FROM attempt a" CHARGE_OF "a.id = $3 UNION SELECT p.id "  \
    "FROM review_case c JOIN posting p ON p.id = 'pst_suspense_' || c.subject WHERE c.gateway = "  \
    "$1 AND p.currency = $4 AND c.posted = 10 AND $2 <> '' AND c.charge_id <> '' AND "             \
    "c.charge_id = $2 ORDER BY 1"
static_assert(POST_SUSPENSE == 10, "the number above");

static int find_named(struct store_tx *tx, const struct again *again, struct waiting *waiting,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, NAMED, S_TEXT(again->run->request->gateway),
                      S_TEXT(waiting->original_id), S_TEXT(waiting->original_reference),
                      S_TEXT(waiting->currency));
    r = r < 0 ? r : sql_next(rows, err);
    snprintf(waiting->told.movement_id, sizeof waiting->told.movement_id, "%s",
             r > 0 ? sql_text(rows, 0) : "");
    return r;
}

static int read_waiting(struct store_tx *tx, const struct again *again,
                        struct waiting found[AGAIN_A_WRITE], int *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT l.statement_id, l.number, r.original_id, r.original_reference, "
                      "r.currency FROM recon_fee_row l JOIN statement_row r ON r.statement_id = "
                      "l.statement_id AND r.number = l.number WHERE l.gateway = $1 AND "
                      "l.movement_id = '' AND (l.statement_id > $2 OR (l.statement_id = $2 AND "
                      "l.number > $3)) ORDER BY l.statement_id, l.number LIMIT 200",
                      S_TEXT(again->run->request->gateway), S_TEXT(again->after.statement_id),
                      S_INT(again->after.number));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && *ret_count < AGAIN_A_WRITE) {
        struct waiting *one = &found[(*ret_count)++];
        *one = (struct waiting){.told.number = sql_int(rows, 1)};
        snprintf(one->told.statement_id, sizeof one->told.statement_id, "%s", sql_text(rows, 0));
        snprintf(one->original_id, sizeof one->original_id, "%s", sql_text(rows, 2));
        snprintf(one->original_reference, sizeof one->original_reference, "%s", sql_text(rows, 3));
        snprintf(one->currency, sizeof one->currency, "%s", sql_text(rows, 4));
    }
    return r < 0 ? r : 0;
}

static int link_all(struct store_tx *tx, struct again *again, struct waiting *found,
                    struct err *err) {
    int count = 0;
    int r = read_waiting(tx, again, found, &count, err);
    for (int i = 0; r >= 0 && i < count; i++) {
        const struct told_again *told = &found[i].told;
        r = find_named(tx, again, &found[i], err);
        if (r > 0) {
            r = reopen(tx, told->movement_id, err);
            r = r < 0 ? r
                      : sql_put(tx, err,
                                "UPDATE recon_fee_row SET movement_id = $3 WHERE statement_id = $1 "
                                "AND number = $2",
                                S_TEXT(told->statement_id), S_INT(told->number),
                                S_TEXT(told->movement_id));
        }
    }
    again->more = count == AGAIN_A_WRITE;
    again->next = count > 0 ? found[count - 1].told : again->after;
    return r < 0 ? r : 0;
}

/* One write may be taken twice: `after` moves on when it is done. */
static int link_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct waiting *found = g_new(struct waiting, AGAIN_A_WRITE);
    int r = link_all(tx, ctx, found, err);
    g_free(found);
    return r;
}

/* What answers have told since a movement was settled. From the newest postings on: CROSS JOIN is
 * to SQLite the order in which they are read. */
#define TOLD_SINCE(fee, sign, first, second)                                                       \
    "SELECT rf.movement_id FROM posting f CROSS JOIN recon_fee rf CROSS JOIN movement m WHERE "    \
    "rf.movement_id IN ('pst_" first "_' || f.journal_id, 'pst_" second "_' || f.journal_id) AND " \
    "m.side = 1 AND m.id = rf.movement_id AND f.kind = " fee " AND f.at_us >= $2 AND rf.gateway "  \
    "= $1 AND rf.answered_minor <> " sign "f.amount_minor AND m.open IS NULL"
#define LOOK_BACK_US (INT64_C(2) * 24 * 3600 * US_PER_SECOND)

static int told_since_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    struct told_again found[AGAIN_A_WRITE];
    int64_t since_us = again->run->since_us;
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    /* clang-format off */
    int r = sql_query(tx, err, &rows,
                      "SELECT '', 0, movement_id FROM ("
                      TOLD_SINCE("5", "", "charge", "capture")
                      " UNION " TOLD_SINCE("17", "", "chargeback", "suspense_returned")
                      " UNION " TOLD_SINCE("18", "-", "chargeback_won", "suspense")
                      ") told ORDER BY movement_id LIMIT 200",
                      S_TEXT(again->run->request->gateway),
                      S_INT(since_us > LOOK_BACK_US ? since_us - LOOK_BACK_US : 0));
    /* clang-format on */
    r = read_again(rows, r, found, &count, err);
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = reopen(tx, found[i].movement_id, err);
    }
    again->more = count == AGAIN_A_WRITE;
    return r < 0 ? r : 0;
}
static_assert(POST_FEE == 5 && POST_DISPUTE_FEE == 17 && POST_DISPUTE_FEE_BACK == 18,
              "the numbers above");

int recon_fees_begin(struct run *run, struct err *err) {
    static int (*const steps[])(struct store_tx *tx, void *ctx, struct err *err) = {
        gone_tx, come_tx, link_tx, told_since_tx};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(steps); i++) {
        struct again again = {.run = run, .more = true};
        while (r >= 0 && again.more) {
            r = store_write(run->store, steps[i], &again, err);
            again.after = again.next;
        }
    }
    return r < 0 ? r : 0;
}
