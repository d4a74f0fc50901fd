/* SPDX-License-Identifier: Apache-2.0
 * run_load.c: what a run compares: our movements with the names that the gateway knows them by, and
 * the rows of its statements; and what our books say of the gateway's account. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "payment/machine.h"
#include "recon/own.h"
#include "recon/payouts.h"
#include "recon/run_impl.h"
#include "recon/settle.h"

/* Which postings are movements of their own. Of the rest of what touches the account, a fee is part
 * of the movement that it was kept from, a write-off of the one that it was made for; the others
 * are steps inside our books, and count in the balance only. */
static const struct {
    enum posting_kind posting;
    enum row_kind kind;
} kinds[] = {
    {POST_CHARGE, ROW_CHARGE},
    {POST_CAPTURE, ROW_CHARGE},
    {POST_SUSPENSE, ROW_CHARGE},
    {POST_REFUND, ROW_REFUND},
    {POST_SUSPENSE_RETURNED, ROW_REFUND},
    {POST_REFUND_RETURNED, ROW_REFUND_RETURNED},
    {POST_CHARGEBACK, ROW_CHARGEBACK},
    {POST_CHARGEBACK_WON, ROW_CHARGEBACK_RETURNED},
    {POST_DEPOSIT, ROW_BANK_CREDIT},
    {POST_DEPOSIT_USED, ROW_BANK_DEBIT},
};
/* A transaction takes seconds, and a wall clock may be set; what was posted before the last run's
 * end and came to light after it is found by looking so far back. */
#define LOOK_BACK_US (INT64_C(2) * 24 * 3600 * US_PER_SECOND)

static const char *keep(struct run *run, const char *text) {
    return text != NULL && text[0] != '\0' ? g_string_chunk_insert_const(run->texts, text) : "";
}

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

static const char *first_of(const char *a, const char *b, const char *c) {
    return a != NULL && a[0] != '\0' ? a : b != NULL && b[0] != '\0' ? b : c != NULL ? c : "";
}

static int side_add(struct run *run, enum match_side side, const struct match_row *row,
                    const struct side_row *name, struct err *err) {
    struct side *at = &run->sides[side];
    if (at->rows->len >= RUN_ROWS_MAX) {
        return err_set(err, ERR_TOO_LARGE,
                       "more than %d rows of a side at once, which is some 7 GB of memory: match "
                       "files of them (holdfast reconcile --ours)",
                       RUN_ROWS_MAX);
    }
    g_array_append_val(at->rows, *row);
    g_array_append_val(at->names, *name);
    run->figures->carried[side] += name->carried;
    return 0;
}

/* ---- ours ---- */

static enum row_kind kind_of(int64_t posting) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if ((int64_t)kinds[i].posting == posting) {
            return kinds[i].kind;
        }
    }
    INVARIANT(false, "a posting that was not asked for");
    return ROW_CHARGE;
}

/* Behind the columns of payments stand those of a gateway's own rows and of a bank's. */
enum our_column {
    OWN_KIND = 30,
    OWN_GROSS,
    OWN_FEE,
    OWN_AT,
    OWN_DUE,
    OWN_REFERENCE,
    OWN_BATCH,
    OWN_ID,
    OWN_GATEWAY,
    OWN_AT_BANK,
    BANK_ID,
    BANK_AMOUNT,
    OF_PROBE,
    OUR_COLUMNS_READ
};
static_assert((int)OUR_COLUMNS_READ == (int)OUR_COLUMN_COUNT, "each column has a name");

/* Beside its row, which is known by the booking as well; or at the bank, by what it repeats. */
static void own_read(const struct sql_rows *rows, struct our_read *read) {
    bool at_bank = sql_int(rows, OWN_AT_BANK) != 0;
    read->kind = (enum row_kind)sql_int(rows, OWN_KIND);
    read->amount_minor = sql_int(rows, OWN_GROSS);
    read->fee_minor = at_bank || sql_int(rows, OWN_FEE) == 0 ? AMOUNT_UNSAID
                                                             : sql_int(rows, OWN_FEE);
    read->at_us = sql_int(rows, OWN_AT);
    read->gateway_id = at_bank ? "" : sql_text(rows, OWN_ID);
    read->reference = at_bank ? sql_text(rows, OWN_REFERENCE) : "";
    read->batch = at_bank ? sql_text(rows, OWN_BATCH) : "";
    read->sender = at_bank ? sql_text(rows, OWN_GATEWAY) : "";
    read->due_us = at_bank ? sql_int(rows, OWN_DUE) : INT64_MAX;
    read->own = !at_bank;
}

/* What a row of the bank was booked as, all its postings together. */
static void bank_read(const struct sql_rows *rows, struct our_read *read) {
    int64_t moved = sql_null(rows, BANK_AMOUNT) ? row_kind_sign(kind_of(sql_int(rows, 1))) *
                                                      sql_int(rows, 4)
                                                : sql_int(rows, BANK_AMOUNT);
    read->kind = moved < 0 ? ROW_BANK_DEBIT : ROW_BANK_CREDIT;
    read->amount_minor = moved;
    read->fee_minor = AMOUNT_UNSAID;
    read->fee = recon_fee_none();
    read->gateway_id = sql_text(rows, BANK_ID);
}

void recon_our_read(const struct sql_rows *rows, struct our_read *ret_read) {
    if (!sql_null(rows, OWN_KIND)) {
        *ret_read = (struct our_read){
            .id = sql_text(rows, 0),
            .payment_id = sql_text(rows, 3),
            .currency = currency_stored(sql_text(rows, 5)),
            .original_id = "",
            .fee = recon_fee_none(),
        };
        own_read(rows, ret_read);
        return;
    }
    enum row_kind kind = kind_of(sql_int(rows, 1));
    bool refund = row_kind_family(kind) == FAMILY_REFUND;
    bool dispute = row_kind_family(kind) == FAMILY_DISPUTE;
    /* What an operation captured, on its payment or late, is known by its payment. What was
     * captured past our operations its attempt has booked. */
    bool capture = kind == ROW_CHARGE && !sql_null(rows, 16);
    const char *charge = first_of(sql_text(rows, 7), sql_text(rows, 8), "");
    const char *of_case = first_of(refund ? sql_text(rows, 15) : sql_text(rows, 13),
                                   sql_text(rows, 14), "");
    const char *parent = first_of(sql_text(rows, 10), sql_text(rows, 11), "");
    const char *own = refund    ? sql_text(rows, 9)
                      : capture ? first_of(sql_text(rows, 17), of_case, parent)
                      : dispute ? sql_text(rows, 12)
                                : charge;
    *ret_read = (struct our_read){
        .id = sql_text(rows, 0),
        .payment_id = sql_text(rows, 3),
        .kind = kind,
        .currency = currency_stored(sql_text(rows, 5)),
        .amount_minor = row_kind_sign(kind) * sql_int(rows, 4) + sql_int(rows, 19),
        .fee_minor = sql_null(rows, 18) ? AMOUNT_UNSAID : sql_int(rows, 18) - sql_int(rows, 20),
        .fee = recon_fee_read(rows, kind),
        .at_us = sql_int(rows, 6),
        .gateway_id = first_of(own, of_case, ""),
        .reference = first_of(capture ? sql_text(rows, 16) : sql_text(rows, 2), "", ""),
        .original_id = refund || dispute ? parent : "",
        .sender = "",
        .batch = "",
        .probe = sql_int(rows, OF_PROBE) != 0,
    };
    if (!sql_null(rows, BANK_ID)) {
        bank_read(rows, ret_read);
    }
}

/* Until when it may be missing there. */
static int64_t due_of(const struct run *run, const struct our_read *read) {
    const struct run_request *request = run->request;
    if (read->due_us != 0) {
        return read->due_us;
    }
    return request->settle != NULL
               ? settle_until(request->settle, read->fee.method, read->at_us, run->zone)
               : expected_until(read->at_us, request->business_days, run->zone);
}

int recon_add_ours(struct run *run, const struct sql_rows *rows, struct err *err) {
    const GArray *names = run->sides[OURS].names;
    if (names->len > 0 &&
        strcmp(g_array_index(names, struct side_row, names->len - 1).id, sql_text(rows, 0)) == 0) {
        return 0; /* two cases are about one posting */
    }
    struct our_read read;
    recon_our_read(rows, &read);
    read.fee.region = keep(run, read.fee.region);
    const struct side_row name = {
        .id = keep(run, read.id),
        .payment_id = keep(run, read.payment_id),
        .statement_id = "",
        .carried = sql_int(rows, OUR_COLUMN_COUNT) != 0,
        .first_us = sql_int(rows, OUR_COLUMN_COUNT + 1),
        .own = read.own,
        .probe = read.probe,
        .sender = keep(run, read.sender),
        .told_id = "",
        .fee = read.fee,
    };
    const struct match_row row = {
        .number = run->sides[OURS].rows->len,
        .kind = read.kind,
        .status = ROW_DONE,
        .currency = read.currency,
        .amount_minor = read.amount_minor,
        .fee_minor = read.fee_minor,
        .at_us = read.at_us,
        .due_us = due_of(run, &read),
        .gateway_id = text_of(keep(run, read.gateway_id)),
        .reference = text_of(keep(run, read.reference)),
        .original_id = text_of(keep(run, read.original_id)),
        .batch = text_of(keep(run, read.batch)),
    };
    return side_add(run, OURS, &row, &name, err);
}

static int add_all_ours(struct run *run, struct sql_rows *rows, int r, struct err *err) {
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = recon_add_ours(run, rows, err);
    }
    return r;
}

/* A bank's row that has another posting since it was looked at is not looked at again. */
#define FRESH_OURS(which)                                                                          \
    OUR_COLUMNS "0, 0 FROM posting p " OUR_TABLES                                                  \
                "WHERE p.at_us >= $1 AND p.at_us < $2 AND p.kind IN " OUR_MOVEMENTS                \
                " AND (p.debit_account = $3 OR p.credit_account = $3) AND NOT EXISTS (SELECT 1 "   \
                "FROM movement m WHERE m.side = 1 AND m.id = p.id) AND " NOT_TAKEN_BACK            \
                " AND (br.id IS NULL OR NOT "                                                      \
                "EXISTS (SELECT 1 FROM movement m WHERE m.side = 1 AND m.id IN " BANK_POSTINGS(    \
                    "br.id") "))" which " ORDER BY p.at_us, p.id"

static int load_ours(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO carried = NULL;
    SQL_ROWS_AUTO fresh = NULL;
    int r = sql_query(tx, err, &carried,
                      OUR_COLUMNS "1, m.first_us FROM movement m JOIN posting p ON p.id = "
                                  "m.id " OUR_TABLES
                                  "WHERE m.gateway = $1 AND m.side = 1 AND m.open = 1 "
                                  "ORDER BY p.at_us, p.id",
                      S_TEXT(run->request->gateway));
    r = add_all_ours(run, carried, r, err);
    sql_rows_free(carried);
    carried = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &fresh,
                          run->request->bank ? FRESH_OURS(OUR_BANKS) : FRESH_OURS(OUR_GATEWAYS),
                          S_INT(run->since_us > LOOK_BACK_US ? run->since_us - LOOK_BACK_US : 0),
                          S_INT(run->request->until_us), S_TEXT(run->account));
    return add_all_ours(run, fresh, r, err);
}

/* Attempts that moved nothing here, of which a row there says that they have. */
#define PASSING(names)                                                                             \
    "SELECT a.id, a.payment_id, a.state, a.amount_minor, a.currency, a.created_us, a.charge_id, "  \
    "a.gateway_id, (SELECT COUNT(*) FROM attempt b WHERE b.payment_id = a.payment_id AND b.live "  \
    "= 1 AND b.state = 6 AND b.gateway <> a.gateway) + (SELECT COUNT(*) FROM payment p JOIN "      \
    "payment q ON q.order_id = p.order_id AND q.holds_order = 1 AND q.id <> p.id JOIN attempt b "  \
    "ON b.payment_id = q.id WHERE p.id = a.payment_id AND b.live = 1 AND b.state = 6 AND "         \
    "b.gateway <> a.gateway) FROM statement s JOIN statement_row r ON r.statement_id = s.id JOIN " \
    "attempt a "                                                                                   \
    "ON " names " WHERE s.gateway = $1 AND s.state = 2 AND r.kind = 1 AND a.gateway = $1 AND "     \
    "a.state <> 6 AND (s.seen_run = '' OR EXISTS (SELECT 1 FROM movement m WHERE m.side = 2 AND "  \
    "m.id = r.statement_id || '#' || CAST(r.number AS text) AND m.open = 1)) AND NOT EXISTS "      \
    "(SELECT 1 FROM posting p WHERE p.id IN " CHARGED_AS("a.id") " AND " NOT_TAKEN_BACK ") "       \
    "AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.payment_id = a.payment_id AND "             \
    "o.attempt_id = a.id AND o.kind = 1 AND o.state = 4)"

enum row_status recon_attempt_status(int64_t state) {
    bool over = state == ATTEMPT_DECLINED || state == ATTEMPT_NOT_CHARGED ||
                state == ATTEMPT_CANCELED;
    return over ? ROW_FAILED : ROW_PENDING;
}

int recon_add_passing(struct run *run, const struct sql_rows *rows, struct err *err) {
    const struct side_row name = {
        .id = keep(run, sql_text(rows, 0)),
        .payment_id = keep(run, sql_text(rows, 1)),
        .statement_id = "",
        .passing = true,
        .sender = "",
        .told_id = "",
    };
    const struct match_row row = {
        .number = run->sides[OURS].rows->len,
        .kind = ROW_CHARGE,
        .status = recon_attempt_status(sql_int(rows, 2)),
        .currency = currency_stored(sql_text(rows, 4)),
        .amount_minor = sql_int(rows, 3),
        .fee_minor = AMOUNT_UNSAID,
        .at_us = sql_int(rows, 5),
        .due_us = INT64_MAX,
        .gateway_id = text_of(keep(run, first_of(sql_text(rows, 6), sql_text(rows, 7), ""))),
        .reference = text_of(name.id),
    };
    return side_add(run, OURS, &row, &name, err);
}

static int load_passing(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      PASSING("a.id = r.reference") " UNION " PASSING(
                          "a.gateway_id <> '' AND a.gateway_id = "
                          "r.gateway_id") " UNION " PASSING("a.charge_id <> '' AND a.charge_id = "
                                                            "r.gateway_id") " ORDER BY 1",
                      S_TEXT(run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = recon_add_passing(run, rows, err);
        if (r >= 0) {
            const GArray *names = run->sides[OURS].names;
            g_array_index(names, struct side_row, names->len - 1).paid_elsewhere = sql_int(rows,
                                                                                           8) > 0;
        }
    }
    return r;
}

/* ---- theirs ---- */

int recon_add_theirs(struct run *run, const struct sql_rows *rows, struct err *err) {
    char id[MOVEMENT_ID_CHARS_MAX + 1];
    snprintf(id, sizeof id, "%s#%lld", sql_text(rows, 0), (long long)sql_int(rows, 1));
    /* Its booking; or the state of the bank's row, one digit, and its id. */
    const char *booking = sql_text(rows, 14), *of_bank = sql_text(rows, 15);
    bool own = booking != NULL, bank = of_bank != NULL && of_bank[0] != '\0';
    const char *known = own ? booking : bank ? of_bank + 1 : sql_text(rows, 8);
    const struct side_row name = {
        .id = keep(run, id),
        .payment_id = "",
        .statement_id = keep(run, sql_text(rows, 0)),
        .number = sql_int(rows, 1),
        .carried = sql_int(rows, THEIR_COLUMN_COUNT) != 0,
        .first_us = sql_int(rows, THEIR_COLUMN_COUNT + 1),
        .own = own,
        .sender = "",
        .bank_row = bank,
        .waits = bank && of_bank[0] == '1',
        .told_id = keep(run, sql_text(rows, 8)),
        .fee.statement_method = keep(run, sql_text(rows, 13)),
    };
    const struct match_row row = {
        .number = run->sides[THEIRS].rows->len,
        .kind = (enum row_kind)sql_int(rows, 2),
        .status = (enum row_status)sql_int(rows, 3),
        .currency = currency_stored(sql_text(rows, 4)),
        .amount_minor = sql_int(rows, 5),
        .fee_minor = sql_null(rows, 6) ? AMOUNT_UNSAID : sql_int(rows, 6),
        .at_us = sql_int(rows, 7),
        .due_us = INT64_MAX,
        .gateway_id = text_of(keep(run, known)),
        .reference = text_of(own ? "" : keep(run, sql_text(rows, 9))),
        .original_id = text_of(keep(run, sql_text(rows, 10))),
        .batch = text_of(keep(run, sql_text(rows, 11))),
        .description = text_of(keep(run, sql_text(rows, 12))),
    };
    return side_add(run, THEIRS, &row, &name, err);
}

static int add_all_theirs(struct run *run, struct sql_rows *rows, int r, struct err *err) {
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = recon_add_theirs(run, rows, err);
    }
    return r;
}

static int load_theirs(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO carried = NULL;
    SQL_ROWS_AUTO fresh = NULL;
    int r = sql_query(tx, err, &carried,
                      THEIR_COLUMNS "1, m.first_us FROM movement m JOIN statement_row r ON "
                                    "r.statement_id = m.statement_id AND r.number = m.number "
                                    "WHERE m.gateway = $1 AND m.side = 2 AND m.open = 1 "
                                    "ORDER BY r.statement_id, r.number",
                      S_TEXT(run->request->gateway));
    r = add_all_theirs(run, carried, r, err);
    sql_rows_free(carried);
    carried = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &fresh,
                          THEIR_COLUMNS
                          "0, 0 FROM statement s JOIN statement_row r ON r.statement_id = s.id "
                          "WHERE s.gateway = $1 AND s.state = 2 AND s.seen_run = '' AND s.booked "
                          "= 1 AND NOT EXISTS "
                          "(SELECT 1 FROM movement m WHERE m.side = 2 AND m.id = r.statement_id || "
                          "'#' || CAST(r.number AS text)) ORDER BY r.statement_id, r.number",
                          S_TEXT(run->request->gateway));
    return add_all_theirs(run, fresh, r, err);
}

static int load_statements(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM statement WHERE gateway = $1 AND state = 2 AND seen_run = '' "
                      "AND booked = 1",
                      S_TEXT(run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        g_ptr_array_add(run->statements, (gpointer)(uintptr_t)keep(run, sql_text(rows, 0)));
    }
    return r;
}

/* ---- our book ---- */

static struct run_book *book_of(struct run_figures *figures, const char *currency,
                                struct err *err) {
    struct currency code = currency_stored(currency);
    for (int i = 0; i < figures->book_count; i++) {
        if (currency_equal(figures->books[i].currency, code)) {
            return &figures->books[i];
        }
    }
    if (figures->book_count == RUN_CURRENCIES_MAX) {
        (void)err_set(err, ERR_TOO_LARGE, "more than %d currencies in one account",
                      RUN_CURRENCIES_MAX);
        return NULL;
    }
    struct run_book *book = &figures->books[figures->book_count++];
    *book = (struct run_book){.currency = code};
    return book;
}

static int opening_read(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT b.currency, b.closing_minor FROM reconciliation_book b WHERE b.run_id "
        "= $1 ORDER BY b.currency",
        S_TEXT(run->before.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct run_book *book = book_of(run->figures, sql_text(rows, 0), err);
        if (book == NULL) {
            return -ERR_TOO_LARGE;
        }
        book->opening_minor = sql_int(rows, 1);
    }
    return r;
}

/* The opening balance is what the run before wrote down; movements and closing balance are summed
 * from the postings now. What does not fit was posted late. */
int recon_books(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = opening_read(run, tx, err);
    r = r < 0
            ? r
            : sql_query(tx, err, &rows,
                        "SELECT currency, CAST(SUM(CASE WHEN at_us >= $2 THEN signed ELSE 0 END) "
                        "AS bigint), CAST(SUM(signed) AS bigint) FROM (SELECT currency, at_us, "
                        "amount_minor AS signed FROM posting WHERE debit_account = $1 AND at_us < "
                        "$3 UNION ALL SELECT currency, at_us, -amount_minor FROM posting WHERE "
                        "credit_account = $1 AND at_us < $3) AS legs GROUP BY currency ORDER BY "
                        "currency",
                        S_TEXT(run->account), S_INT(run->since_us), S_INT(run->request->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct run_book *book = book_of(run->figures, sql_text(rows, 0), err);
        if (book == NULL) {
            return -ERR_TOO_LARGE;
        }
        book->movements_minor = sql_int(rows, 1);
        book->closing_minor = sql_int(rows, 2);
    }
    run->figures->ties_out = true;
    for (int i = 0; r >= 0 && i < run->figures->book_count; i++) {
        struct run_book *book = &run->figures->books[i];
        book->late_minor = book->closing_minor - book->opening_minor - book->movements_minor;
        run->figures->ties_out = run->figures->ties_out && book->late_minor == 0;
    }
    return r;
}

/* Movements that no earlier run has seen, of a time that one had closed. */
static void find_late(struct run *run) {
    const struct side *ours = &run->sides[OURS];
    struct run_figures *figures = run->figures;
    for (guint i = 0; i < ours->rows->len; i++) {
        const struct match_row *row = &g_array_index(ours->rows, struct match_row, i);
        const struct side_row *name = &g_array_index(ours->names, struct side_row, i);
        bool theirs = name->own || name->sender[0] != '\0'; /* of the time that it is told of */
        if (name->carried || name->passing || theirs || row->at_us >= run->since_us) {
            continue;
        }
        if (figures->late_count < RUN_LATE_MAX) {
            struct run_late *late = &figures->late[figures->late_count];
            int64_t fee = row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
            *late = (struct run_late){.currency = row->currency, .at_us = row->at_us};
            snprintf(late->id, sizeof late->id, "%s", name->id);
            if (!money_sub(row->amount_minor, fee, &late->amount_minor)) {
                late->amount_minor = row->amount_minor;
            }
        }
        figures->late_count++;
    }
}

/* A snapshot may have to be read again from its start. */
static void begin_anew(struct run *run) {
    struct run_figures *figures = run->figures;
    for (int side = OURS; side < MATCH_SIDES; side++) {
        g_array_set_size(run->sides[side].rows, 0);
        g_array_set_size(run->sides[side].names, 0);
        figures->carried[side] = 0;
    }
    g_ptr_array_set_size(run->statements, 0);
    figures->book_count = 0;
    figures->late_count = 0;
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    begin_anew(run);
    int r = load_ours(run, tx, err);
    r = r < 0 ? r : load_passing(run, tx, err);
    r = r < 0 ? r : recon_load_unknown(run, tx, err);
    r = r < 0 ? r : load_theirs(run, tx, err);
    r = r < 0 ? r : recon_load_settled(run, tx, err);
    r = r < 0 ? r : own_batches_load(run, tx, err);
    r = r < 0 ? r : load_statements(run, tx, err);
    if (r >= 0) {
        payouts_bundle(run);
    }
    if (r >= 0) {
        find_late(run);
    }
    return r < 0 ? r : recon_books(run, tx, err);
}

static int load_ours_tx(struct store_tx *tx, void *ctx, struct err *err) {
    begin_anew(ctx);
    return load_ours(ctx, tx, err);
}

int recon_load_ours(struct run *run, struct err *err) {
    ledger_account(ACCOUNT_RECEIVABLE, run->request->gateway, run->account);
    return store_read(run->store, load_ours_tx, run, err);
}

int recon_load(struct run *run, struct err *err) {
    ledger_account(ACCOUNT_RECEIVABLE, run->request->gateway, run->account);
    return store_read(run->store, load_tx, run, err);
}
