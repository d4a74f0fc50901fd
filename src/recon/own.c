/* SPDX-License-Identifier: Apache-2.0
 * own.c: what a gateway books for itself, in our books. */
#include "recon/own.h"

#include <stdio.h>
#include <string.h>

#include "recon/payouts.h"
#include "recon/recon.h"

/* A shorter name of a payout is not looked for. */
enum { NAME_CHARS_MIN = 6 };
#define OWN_KINDS "(6, 7, 8, 9, 10, 11, 12, 13, 17)"
static_assert(ROW_FEE == 6 && ROW_TAX == 7 && ROW_RESERVE == 8 && ROW_ADJUSTMENT == 9 &&
                  ROW_CONVERSION == 10 && ROW_PAYOUT == 11 && ROW_PAYOUT_RETURNED == 12 &&
                  ROW_TOPUP == 13 && ROW_TRANSFER == 17 && ROW_DONE == 1,
              "the numbers above");

static const struct {
    enum posting_kind took, gave;
} own_rows[ROW_KIND_COUNT] = {
#define X(row, took, gave) [ROW_##row] = {POST_##took, POST_##gave},
#include "recon/own_rows.def"
#undef X
};

/* statement.booked */
enum booked { BOOKED_NOT = 0, BOOKED_WHOLE = 1, BOOKED_IN_PART = 2 };
enum { BOOKING_ID_CHARS_MAX = 79 };

struct booking {
    char id[BOOKING_ID_CHARS_MAX + 1];
    struct statement_id statement;
    int64_t number;
    enum row_kind kind;
    struct currency currency;
    int64_t gross_minor, fee_minor, at_us, due_us;
    char posting_id[POSTING_ID_CHARS_MAX], due_id[POSTING_ID_CHARS_MAX];
    char bank[64];
    char gateway_id[ROW_ID_CHARS_MAX + 1], reference[ROW_ID_CHARS_MAX + 1];
    char batch[ROW_ID_CHARS_MAX + 1];
};

struct piece {
    struct run *run;
    struct statement_id statement; /* at hand */
    int64_t after;                 /* rows up to this number are done */
    struct booking rows[OWN_ROWS_A_WRITE];
    int count;
};

static bool is_payout(enum row_kind kind) {
    return row_kind_family(kind) == FAMILY_BANK;
}

/* ---- postings ---- */

static enum posting_kind posting_of(enum row_kind kind, int64_t minor) {
    return minor < 0 ? own_rows[kind].took : own_rows[kind].gave;
}

/* What a fee or tax row tells beside its amount is of the same account. */
static int64_t amount_of(const struct booking *row) {
    bool cost = row->kind == ROW_FEE || row->kind == ROW_TAX;
    return cost ? row->gross_minor - row->fee_minor : row->gross_minor;
}

static int64_t fee_of(const struct booking *row) {
    return row->gross_minor - row->fee_minor == amount_of(row) ? 0 : row->fee_minor;
}

static int post(const struct run *run, struct store_tx *tx, enum posting_kind kind,
                const struct booking *row, int64_t minor, bool due, struct err *err) {
    const struct posting posting = {
        .kind = kind,
        .cause = row->id,
        .payment_id = "",
        .gateway = due ? row->bank : run->request->gateway,
        .sender = due ? run->request->gateway : NULL,
        .customer = "",
        .amount_minor = minor < 0 ? -minor : minor,
        .currency = row->currency,
        .at_us = due ? run->now_us : run->posts_us,
    };
    return ledger_post(tx, &posting, err);
}

/* `sign` -1: the other way round, which takes it back. */
static int post_all(const struct run *run, struct store_tx *tx, const struct booking *row,
                    int64_t sign, struct err *err) {
    int64_t amount = sign * amount_of(row), fee = -sign * fee_of(row);
    int r = post(run, tx, posting_of(row->kind, amount), row, amount, false, err);
    r = r < 0 ? r : post(run, tx, posting_of(ROW_FEE, fee), row, fee, false, err);
    if (r < 0 || row->bank[0] == '\0') {
        return r;
    }
    bool comes = (row->gross_minor < 0) == (sign > 0);
    return post(run, tx, comes ? POST_PAYOUT_DUE : POST_PAYOUT_DUE_BACK, row, row->gross_minor,
                true, err);
}

static void posting_name(enum posting_kind kind, const char *cause,
                         char ret_id[POSTING_ID_CHARS_MAX]) {
    snprintf(ret_id, POSTING_ID_CHARS_MAX, "pst_%s_%s", posting_kind_name(kind), cause);
}

/* ---- which statement is next ---- */

struct finding {
    const struct piece *piece;
    const char *sql;
    struct statement_id id; /* "" */
};

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct finding *finding = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, finding->sql, S_TEXT(finding->piece->run->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    finding->id = statement_id_stored(r > 0 ? sql_text(rows, 0) : "");
    return r < 0 ? r : 0;
}

/* 1: it is still to be done, and nobody changes that meanwhile. */
static int lock_statement(struct piece *piece, struct store_tx *tx, const char *sql,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, sql, S_TEXT(piece->statement.text));
    piece->count = 0;
    return r < 0 ? r : sql_next(rows, err);
}

static void text_into(char *ret_text, size_t bytes, const struct sql_rows *rows, int column) {
    snprintf(ret_text, bytes, "%s", sql_text(rows, column));
}

/* As far as it has come: `whole` when there are no more rows behind this piece. */
static int mark(const struct piece *piece, struct store_tx *tx, enum booked whole,
                struct err *err) {
    return sql_put_one(tx, err, "UPDATE statement SET booked = $2 WHERE id = $1",
                       S_TEXT(piece->statement.text),
                       S_INT(piece->count < OWN_ROWS_A_WRITE ? whole : BOOKED_IN_PART));
}

/* ---- booking ---- */

static int rows_read(struct piece *piece, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT r.number, r.kind, r.currency, r.gross_minor, COALESCE(r.fee_minor, "
                      "0), r.at_us, r.gateway_id, r.reference, r.batch, (SELECT COUNT(*) FROM "
                      "own_booking b WHERE b.statement_id = r.statement_id AND b.number = "
                      "r.number) FROM statement_row r WHERE r.statement_id = $1 AND r.number > $2 "
                      "AND r.kind IN " OWN_KINDS " AND NOT " FEE_OF_PAYMENT " AND r.status = 1 "
                      "AND (r.gross_minor <> 0 OR COALESCE(r.fee_minor, 0) <> 0) ORDER BY "
                      "r.number LIMIT $3",
                      S_TEXT(piece->statement.text), S_INT(piece->after), S_INT(OWN_ROWS_A_WRITE));
    piece->count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct booking *row = &piece->rows[piece->count++];
        int64_t times = sql_int(rows, 9);
        *row = (struct booking){
            .statement = piece->statement,
            .number = sql_int(rows, 0),
            .kind = (enum row_kind)sql_int(rows, 1),
            .currency = currency_stored(sql_text(rows, 2)),
            .gross_minor = sql_int(rows, 3),
            .fee_minor = sql_int(rows, 4),
            .at_us = sql_int(rows, 5),
        };
        snprintf(row->id, sizeof row->id, times > 0 ? "%s#%lld.%lld" : "%s#%lld",
                 piece->statement.text, (long long)row->number, (long long)times + 1);
        text_into(row->gateway_id, sizeof row->gateway_id, rows, 6);
        text_into(row->reference, sizeof row->reference, rows, 7);
        text_into(row->batch, sizeof row->batch, rows, 8);
    }
    return r;
}

/* Its own account of ours, where that is known and has the currency. */
static void expect_at_bank(const struct run *run, struct booking *row) {
    const struct run_request *request = run->request;
    if (request->pays_out_to == NULL || !is_payout(row->kind) || row->gross_minor == 0) {
        return;
    }
    snprintf(row->bank, sizeof row->bank, "%s", request->pays_out_to);
    row->due_us = workdays_until(request->payout_calendar, row->at_us, request->payout_days,
                                 run->zone);
    if (row->reference[0] == '\0') {
        snprintf(row->reference, sizeof row->reference, "%s", row->gateway_id);
    }
    if (row->gateway_id[0] != '\0') { /* a payout's own name is what its bank line repeats */
        snprintf(row->batch, sizeof row->batch, "%s", row->gateway_id);
    }
    /* "118" is a word of many a text. */
    if (strlen(row->reference) < NAME_CHARS_MIN) {
        row->reference[0] = '\0';
    }
    if (strlen(row->batch) < NAME_CHARS_MIN) {
        row->batch[0] = '\0';
    }
    posting_name(row->gross_minor < 0 ? POST_PAYOUT_DUE : POST_PAYOUT_DUE_BACK, row->id,
                 row->due_id);
}

/* The row is looked at again beside what is booked now, where a run has done so before. */
static int look_again(struct store_tx *tx, const struct booking *row, struct err *err) {
    char movement[MOVEMENT_ID_CHARS_MAX + 1];
    snprintf(movement, sizeof movement, "%s#%lld", row->statement.text, (long long)row->number);
    return sql_put(tx, err,
                   "UPDATE movement SET open = 1 WHERE side = 2 AND id = $1 AND match_id = ''",
                   S_TEXT(movement));
}

static int book_row(const struct run *run, struct store_tx *tx, struct booking *row,
                    struct err *err) {
    if (row->gross_minor == INT64_MIN || row->fee_minor == INT64_MIN ||
        row->gross_minor - (__int128)row->fee_minor > INT64_MAX ||
        row->gross_minor - (__int128)row->fee_minor <= INT64_MIN) {
        (void)err_set(err, ERR_AMOUNT, "amount and fee do not fit into 64 bits together");
        return err_place(err, "%s", row->id);
    }
    expect_at_bank(run, row);
    if (amount_of(row) != 0) {
        posting_name(posting_of(row->kind, amount_of(row)), row->id, row->posting_id);
    }
    int64_t booked = sql_exec(
        tx, err,
        "INSERT INTO own_booking (id, statement_id, number, gateway, kind, currency, gross_minor, "
        "fee_minor, at_us, posting_id, bank, due_id, due_us, reference, batch, booked) VALUES ($1, "
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1) ON CONFLICT DO NOTHING",
        S_TEXT(row->id), S_TEXT(row->statement.text), S_INT(row->number),
        S_TEXT(run->request->gateway), S_INT(row->kind), S_TEXT(row->currency.code),
        S_INT(row->gross_minor), S_INT(row->fee_minor), S_INT(row->at_us),
        S_TEXT(row->posting_id), S_TEXT(row->bank), S_TEXT(row->due_id), S_INT(row->due_us),
        S_TEXT(row->reference), S_TEXT(row->batch));
    if (booked <= 0) {
        return booked < 0 ? (int)booked : 0;
    }
    int r = post_all(run, tx, row, 1, err);
    return r < 0 ? r : look_again(tx, row, err);
}

#define UNBOOKED "state = 2 AND booked <> 1"

static int book_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct piece *piece = ctx;
    bool due = false;
    int r = lock_statement(piece, tx, "SELECT 1 FROM statement WHERE id = $1 AND " UNBOOKED
                                      " FOR UPDATE",
                           err);
    if (r <= 0) {
        return r;
    }
    r = rows_read(piece, tx, err);
    for (int i = 0; r >= 0 && i < piece->count; i++) {
        r = book_row(piece->run, tx, &piece->rows[i], err);
        due = due || piece->rows[i].bank[0] != '\0';
    }
    r = r < 0 ? r : mark(piece, tx, BOOKED_WHOLE, err);
    return r < 0 || !due ? r
                         : recon_ask_run(tx, piece->run->request->pays_out_to,
                                         piece->run->request->actor, err);
}

/* ---- taking back ---- */

static int booked_read(struct piece *piece, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, number, kind, currency, gross_minor, fee_minor, posting_id, "
                      "bank, due_id FROM own_booking WHERE statement_id = $1 AND booked = 1 ORDER "
                      "BY number LIMIT $2",
                      S_TEXT(piece->statement.text), S_INT(OWN_ROWS_A_WRITE));
    piece->count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct booking *row = &piece->rows[piece->count++];
        *row = (struct booking){
            .statement = piece->statement,
            .number = sql_int(rows, 1),
            .kind = (enum row_kind)sql_int(rows, 2),
            .currency = currency_stored(sql_text(rows, 3)),
            .gross_minor = sql_int(rows, 4),
            .fee_minor = sql_int(rows, 5),
        };
        text_into(row->id, sizeof row->id, rows, 0);
        text_into(row->posting_id, sizeof row->posting_id, rows, 6);
        text_into(row->bank, sizeof row->bank, rows, 7);
        text_into(row->due_id, sizeof row->due_id, rows, 8);
    }
    return r;
}

/* What was put together with it at the bank is open again. */
static int let_go_at_bank(const struct run *run, struct store_tx *tx, const struct booking *row,
                          struct err *err) {
    int r = payout_charges_take_back(tx, run, row->due_id, row->bank, row->currency, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                    "UPDATE movement SET open = 1, match_id = '', rule = '' WHERE match_id <> '' "
                    "AND match_id IN (SELECT m.match_id FROM movement m WHERE m.side = 1 AND m.id "
                    "= $1 AND m.match_id <> '')",
                    S_TEXT(row->due_id));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM movement WHERE side = 1 AND id = $1",
                           S_TEXT(row->due_id));
}

static int take_back_row(const struct run *run, struct store_tx *tx, const struct booking *row,
                         struct err *err) {
    int r = post_all(run, tx, row, -1, err);
    r = r < 0 ? r
              : sql_put_one(tx, err, "UPDATE own_booking SET booked = 0 WHERE id = $1 AND booked = "
                                     "1",
                            S_TEXT(row->id));
    r = r < 0 ? r
              : sql_put(tx, err, "DELETE FROM movement WHERE side = 1 AND id = $1",
                        S_TEXT(row->posting_id));
    return r < 0 || row->bank[0] == '\0' ? r : let_go_at_bank(run, tx, row, err);
}

#define BOOKED_IN_VAIN "state IN (3, 5) AND booked <> 0"

static int take_back_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct piece *piece = ctx;
    const struct run *run = piece->run;
    int r = lock_statement(piece, tx, "SELECT 1 FROM statement WHERE id = $1 AND " BOOKED_IN_VAIN
                                      " FOR UPDATE",
                           err);
    if (r <= 0) {
        return r;
    }
    r = booked_read(piece, tx, err);
    for (int i = 0; r >= 0 && i < piece->count; i++) {
        r = take_back_row(run, tx, &piece->rows[i], err);
        r = r < 0 || piece->rows[i].bank[0] == '\0'
                ? r
                : recon_ask_run(tx, piece->rows[i].bank, run->request->actor, err);
    }
    r = r < 0 || piece->count == OWN_ROWS_A_WRITE
            ? r
            : sql_put(tx, err, "DELETE FROM statement_balance WHERE statement_id = $1",
                      S_TEXT(piece->statement.text));
    return r < 0 ? r : mark(piece, tx, BOOKED_NOT, err);
}

/* ---- all of it ---- */

/* Most runs find nothing, and write nothing. A transaction that runs again begins where it began:
 * `after` is moved on behind its commit. */
static int pieces(struct run *run, const char *find, store_fn *fn, struct err *err) {
    struct piece *piece = g_new0(struct piece, 1);
    piece->run = run;
    for (;;) {
        struct finding finding = {.piece = piece, .sql = find};
        int r = store_read(run->store, find_tx, &finding, err);
        if (r < 0 || finding.id.text[0] == '\0') {
            g_free(piece);
            return r < 0 ? r : 0;
        }
        if (strcmp(piece->statement.text, finding.id.text) != 0) {
            piece->statement = finding.id;
            piece->after = 0;
        }
        r = store_write(run->store, fn, piece, err);
        if (r < 0) {
            g_free(piece);
            return r;
        }
        piece->after = piece->count > 0 ? piece->rows[piece->count - 1].number : piece->after;
    }
}

#define NEXT(which) "SELECT id FROM statement WHERE gateway = $1 AND " which " ORDER BY id LIMIT 1"

int own_take_back(struct run *run, struct err *err) {
    return pieces(run, NEXT(BOOKED_IN_VAIN), take_back_tx, err);
}

int own_book(struct run *run, struct err *err) {
    return pieces(run, NEXT(UNBOOKED), book_tx, err);
}

/* ---- what a payout pays out ---- */

/* Rows of the same statement that say that they are part of it. */
static int batch_read(struct run *run, struct store_tx *tx, guint at, const char *name,
                      struct err *err) {
    const struct match_row *row = &g_array_index(run->sides[THEIRS].rows, struct match_row, at);
    struct side_row *side = &g_array_index(run->sides[THEIRS].names, struct side_row, at);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), CAST(COALESCE(SUM(COALESCE(net_minor, gross_minor - "
                      "COALESCE(fee_minor, 0))), 0) AS bigint) FROM statement_row WHERE batch = $1 "
                      "AND statement_id = $2 AND currency = $3 AND kind NOT IN (11, 12, 13, 16) "
                      "AND status = 1",
                      S_TEXT(name), S_TEXT(side->statement_id), S_TEXT(row->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0 && sql_int(rows, 0) > 0) {
        side->batch_told = true;
        side->batch_minor = sql_int(rows, 1);
    }
    return r < 0 ? r : 0;
}
static_assert(ROW_AUTHORIZATION == 16, "the number above");

int own_batches_load(struct run *run, struct store_tx *tx, struct err *err) {
    const struct side *theirs = &run->sides[THEIRS];
    int r = 0;
    for (guint i = 0; r >= 0 && i < theirs->rows->len; i++) {
        const struct match_row *row = &g_array_index(theirs->rows, struct match_row, i);
        const struct side_row *name = &g_array_index(theirs->names, struct side_row, i);
        if (row->kind != ROW_PAYOUT || !name->own) {
            continue;
        }
        r = name->told_id[0] != '\0' ? batch_read(run, tx, i, name->told_id, err) : 0;
        if (r >= 0 && !name->batch_told && row->batch.count > 0) {
            r = batch_read(run, tx, i, row->batch.bytes, err);
        }
    }
    return r;
}

bool own_group(const struct run *run, const struct match_group *group) {
    return (group->ours == 1 && recon_member_name(run, group, OURS, 0)->own) ||
           (group->ours == 0 && group->theirs == 1 &&
            recon_member_name(run, group, THEIRS, 0)->own);
}

bool own_batch_differs(const struct run *run, const struct match_group *group) {
    if (group->theirs != 1) {
        return false;
    }
    const struct side_row *name = recon_member_name(run, group, THEIRS, 0);
    size_t at = group->first + group->ours;
    const struct match_row *row = &run->match->rows[THEIRS][run->match->members[at]];
    int64_t fee = row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
    __int128 left = (__int128)name->batch_minor + row->amount_minor;
    return name->batch_told && left != 0 && left != fee;
}
