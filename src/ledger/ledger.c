/* SPDX-License-Identifier: Apache-2.0
 * ledger.c: the postings table. Accounts are names, made from the patterns of accounts.def; what
 * they hold is always summed from the postings themselves. */
#include "ledger/ledger.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"

static const char *const patterns[] = {
#define X(name, pattern, class_name, text) [ACCOUNT_##name] = pattern,
#include "ledger/accounts.def"
#undef X
};
static_assert(COUNT_OF(patterns) == ACCOUNT_COUNT, "every account has a pattern");

static const struct row {
    enum posting_kind kind;
    const char *name;
    enum ledger_account_kind debit, credit;
} kinds[] = {
#define X(name, number, text, debit, credit, when)                                                 \
    {POST_##name, text, ACCOUNT_##debit, ACCOUNT_##credit},
#include "ledger/postings.def"
#undef X
};

static const struct row *row_of(int64_t kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if ((int64_t)kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *posting_kind_name(int64_t kind) {
    const struct row *row = row_of(kind);
    return row != NULL ? row->name : "?";
}

void ledger_account(enum ledger_account_kind kind, const char *owner,
                    char ret_account[ACCOUNT_CHARS_MAX]) {
    INVARIANT((int)kind >= 0 && kind < ACCOUNT_COUNT, "an account out of the chart");
    const char *pattern = patterns[kind];
    const char *mark = strchr(pattern, '%');
    if (mark == NULL) {
        snprintf(ret_account, ACCOUNT_CHARS_MAX, "%s", pattern);
        return;
    }
    snprintf(ret_account, ACCOUNT_CHARS_MAX, "%.*s%s%s", (int)(mark - pattern), pattern, owner,
             mark + 1);
}

/* Of a probe nothing is sold, given back or paid for: what it comes to stands in one account. */
static enum ledger_account_kind account_of(enum ledger_account_kind kind,
                                           const struct posting *posting) {
    static const bool business[ACCOUNT_COUNT] = {
        [ACCOUNT_SALES] = true,       [ACCOUNT_REFUNDS] = true, [ACCOUNT_CHARGEBACKS] = true,
        [ACCOUNT_FEES] = true,        [ACCOUNT_TAXES] = true,   [ACCOUNT_WRITE_OFF] = true,
        [ACCOUNT_STORE_CREDIT] = true, [ACCOUNT_GOODWILL] = true,
    };
    return posting->probe && business[kind] ? ACCOUNT_PROBES : kind;
}

static const char *owner_of(enum ledger_account_kind kind, const struct posting *posting) {
    if (kind == ACCOUNT_PAYOUTS && posting->sender != NULL) {
        return posting->sender;
    }
    return kind == ACCOUNT_STORE_CREDIT ? posting->customer : posting->gateway;
}

int ledger_post(struct store_tx *tx, const struct posting *posting, struct err *err) {
    const struct row *row = row_of(posting->kind);
    INVARIANT(row != NULL, "a posting kind out of its table");
    if (posting->amount_minor == 0 || (PLANTED(POSTING_DROPPED) && posting->kind == POST_REFUND)) {
        return 0;
    }
    if (posting->amount_minor < 0) {
        return err_set(err, ERR_AMOUNT,
                       "a %s of %lld cannot be posted: reverse the posting instead", row->name,
                       (long long)posting->amount_minor);
    }
    char id[POSTING_ID_CHARS_MAX], debit[ACCOUNT_CHARS_MAX], credit[ACCOUNT_CHARS_MAX];
    snprintf(id, sizeof id, "pst_%s_%s", row->name, posting->cause);
    enum ledger_account_kind from = account_of(row->debit, posting);
    enum ledger_account_kind to = account_of(row->credit, posting);
    ledger_account(from, owner_of(from, posting), debit);
    ledger_account(to, owner_of(to, posting), credit);
    if (from == to && posting->probe) {
        return 0; /* from one business account to another: no step for a probe */
    }
    return sql_put(
        tx, err,
        "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account, "
        "amount_minor, currency, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "ON CONFLICT (id) DO NOTHING",
        S_TEXT(id), S_TEXT(posting->cause), S_INT(posting->kind), S_TEXT(posting->payment_id),
        S_TEXT(debit), S_TEXT(credit), S_INT(posting->amount_minor), S_TEXT(posting->currency.code),
        S_INT(posting->at_us));
}

int ledger_balance(struct store_tx *tx, const char *account, struct currency currency,
                   int64_t *ret_minor, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT CAST(COALESCE(SUM(CASE WHEN debit_account = $1 THEN amount_minor ELSE 0 END) - "
        "SUM(CASE WHEN credit_account = $1 THEN amount_minor ELSE 0 END), 0) AS bigint) "
        "FROM posting WHERE (debit_account = $1 OR credit_account = $1) AND currency = $2",
        S_TEXT(account), S_TEXT(currency.code));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    *ret_minor = sql_int(rows, 0);
    return 0;
}

int ledger_balances(struct store_tx *tx, ledger_row_fn *fn, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT account, currency, CAST(SUM(debits) AS bigint), CAST(SUM(credits) AS bigint) FROM "
        "(SELECT debit_account AS account, currency, amount_minor AS debits, 0 AS credits FROM "
        "posting "
        "UNION ALL SELECT credit_account, currency, 0, amount_minor FROM posting) AS legs "
        "GROUP BY account, currency ORDER BY account, currency");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int stop = fn(ctx, sql_text(rows, 0), sql_text(rows, 1), sql_int(rows, 2), sql_int(rows, 3),
                      err);
        if (stop != 0) {
            return stop;
        }
    }
    return r;
}

/* Which way a posting moves a gateway's own book, gross of its fees: + it took, - it gave back. */
static int book_sign(int64_t kind) {
    switch (kind) {
    case POST_CHARGE:
    case POST_CAPTURE:
    case POST_SUSPENSE:
    case POST_DEPOSIT:
    case POST_REFUND_RETURNED:
    case POST_CHARGEBACK_WON:
        return 1;
    case POST_REFUND:
    case POST_SUSPENSE_RETURNED:
    case POST_CHARGEBACK:
        return -1;
    default:
        return 0;
    }
}

static void book_add(struct ledger_book *book, int64_t kind, int64_t sum_minor, int64_t count) {
    /* A refund that came back was never given, and a dispute that was won has taken nothing: they
     * are taken off what was returned. */
    if (kind == POST_REFUND_RETURNED || kind == POST_CHARGEBACK_WON) {
        book->returned_minor -= sum_minor;
        book->returned_count -= count;
    } else if (kind == POST_DEPOSIT_USED || kind == POST_TAKEN_BACK) {
        /* What takes its place is counted; and what was never taken is not. */
        book->taken_minor -= sum_minor;
        book->taken_count -= count;
    } else if (book_sign(kind) > 0) {
        book->taken_minor += sum_minor;
        book->taken_count += count;
    } else if (book_sign(kind) < 0) {
        book->returned_minor += sum_minor;
        book->returned_count += count;
    } else if (kind == POST_FEE || kind == POST_DISPUTE_FEE || kind == POST_STATEMENT_FEE) {
        book->fees_minor += sum_minor;
    } else if (kind == POST_DISPUTE_FEE_BACK || kind == POST_STATEMENT_FEE_BACK ||
               kind == POST_FEE_TAKEN_BACK) {
        book->fees_minor -= sum_minor;
    }
}

/* "gateway:stripe-eu:receivable" → "stripe-eu"; false for any other account. */
static bool gateway_of(const char *account, char *ret_name, size_t bytes) {
    static const char prefix[] = "gateway:", suffix[] = ":receivable";
    size_t length = strlen(account);
    if (length <= sizeof prefix + sizeof suffix - 2 ||
        strncmp(account, prefix, sizeof prefix - 1) != 0 ||
        strcmp(account + length - (sizeof suffix - 1), suffix) != 0) {
        return false;
    }
    size_t name_length = length - (sizeof prefix - 1) - (sizeof suffix - 1);
    snprintf(ret_name, bytes, "%.*s", (int)name_length, account + sizeof prefix - 1);
    return true;
}

int ledger_books(struct store_tx *tx, ledger_book_fn *fn, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT account, currency, kind, CAST(SUM(amount_minor) AS bigint), COUNT(*) FROM "
        "(SELECT CASE WHEN debit_account LIKE 'gateway:%:receivable' THEN debit_account "
        "ELSE credit_account END AS account, currency, kind, amount_minor FROM posting) AS p "
        "GROUP BY account, currency, kind ORDER BY account, currency, kind");
    struct ledger_book book = {{0}};
    char name[64];
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (!gateway_of(sql_text(rows, 0), name, sizeof name)) {
            continue;
        }
        struct currency currency = currency_stored(sql_text(rows, 1));
        if (strcmp(book.gateway, name) != 0 || !currency_equal(book.currency, currency)) {
            int stop = book.gateway[0] != '\0' ? fn(ctx, &book, err) : 0;
            if (stop != 0) {
                return stop;
            }
            book = (struct ledger_book){.currency = currency};
            snprintf(book.gateway, sizeof book.gateway, "%s", name);
        }
        book_add(&book, sql_int(rows, 2), sql_int(rows, 3), sql_int(rows, 4));
    }
    return r < 0 || book.gateway[0] == '\0' ? r : fn(ctx, &book, err);
}

int ledger_payment_json(struct store_tx *tx, const char *payment_id, struct buf *buf,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT kind, debit_account, credit_account, amount_minor, currency, at_us, journal_id "
        "FROM posting WHERE payment_id = $1 ORDER BY at_us, id",
        S_TEXT(payment_id));
    buf_add_char(buf, '[');
    const char *comma = "";
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s{\"kind\":\"%s\",\"debit\":", comma, posting_kind_name(sql_int(rows, 0)));
        buf_add_json(buf, sql_text(rows, 1));
        buf_add_text(buf, ",\"credit\":");
        buf_add_json(buf, sql_text(rows, 2));
        buf_addf(buf, ",\"amount\":%lld,\"currency\":", (long long)sql_int(rows, 3));
        buf_add_json(buf, sql_text(rows, 4));
        buf_addf(buf, ",\"cause\":");
        buf_add_json(buf, sql_text(rows, 6));
        buf_addf(buf, ",\"at\":\"%s\"}", clock_format(sql_int(rows, 5), time));
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r;
}
