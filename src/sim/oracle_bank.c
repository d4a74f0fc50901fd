/* SPDX-License-Identifier: Apache-2.0
 * oracle_bank.c: the bank's own book against ours: each row is in exactly one place, what the
 * account holds is with us as there, nobody was told of money that no row covers, and no payout was
 * made twice. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/bank_rows.h"
#include "sim/oracle_impl.h"

/* ---- the moment it is told ---- */

static bool same_name(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* Of an order's payment, what the bank's book says has come, and has been paid out, until now. */
static void book_sums(const struct run *run, const json_t *said, int64_t *ret_came,
                      int64_t *ret_gone) {
    const char *order = oracle_text(said, "order_id"), *currency = oracle_text(said, "currency");
    const char *payment = oracle_text(said, "id");
    int64_t came = 0, gone = 0;
    for (guint i = 0; i < run->bank->lines->len; i++) {
        const struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        bool mine = strcmp(line->currency, currency) == 0;
        came += mine && line->credit && strcmp(line->order, order) == 0 ? line->amount : 0;
        gone += mine && line->meaning == BANK_PAYOUT && same_name(line->payment, payment)
                    ? line->amount
                    : 0;
    }
    *ret_came = came;
    *ret_gone = gone;
}

/* What of a payment's refunds no row of the bank has to cover: store credit, and what a person
 * found to be a refund when the bank took it back. */
static int64_t uncovered(struct run *run, const char *id) {
    struct count count = {.sql = "SELECT COALESCE(SUM(amount_minor), 0), '' FROM operation WHERE "
                                 "payment_id = $1 AND kind = 3 AND state = 4 AND (to_original = 0 "
                                 "OR source = 'person')",
                          .text = id};
    sim_hold(run->world);
    bool known = run->look != NULL && oracle_count(run, &count);
    sim_unhold(run->world);
    return known ? count.found : INT64_MAX / 2;
}

void bank_said(struct run *run, const char *who, const json_t *said) {
    int64_t captured = json_peek_int(said, 0, "amount_captured", NULL);
    int64_t refunded = json_peek_int(said, 0, "amount_refunded", NULL);
    int64_t came = 0, gone = 0;
    if (run->bank == NULL) {
        return;
    }
    book_sums(run, said, &came, &gone);
    bool over = refunded > gone && refunded - gone > uncovered(run, oracle_text(said, "id"));
    if ((captured > 0 && captured > came + BANK_SHORT_MAX) || over) {
        run_fail(run, "early", oracle_text(said, "order_id"),
                 "%s: %lld taken and %lld returned were told; the bank has booked %lld, and paid "
                 "out %lld",
                 who, (long long)captured, (long long)refunded, (long long)came, (long long)gone);
    }
}

bool bank_came_back(const struct run *run, const char *operation) {
    for (guint i = 0; run->bank != NULL && i < run->bank->lines->len; i++) {
        const struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        if (line->meaning == BANK_CAME_BACK && strcmp(line->operation, operation) == 0) {
            return true;
        }
    }
    return false;
}

bool bank_sent_back(struct run *run, const char *payment) {
    struct count count = {.sql = "SELECT COUNT(*), '' FROM bank_row WHERE payment_id = $1 AND "
                                 "state = 7",
                          .text = payment};
    return run->bank != NULL && oracle_count(run, &count) && count.found > 0;
}

bool bank_found(struct run *run, const char *refund) {
    struct count count = {.sql = "SELECT COUNT(*), '' FROM operation WHERE id = $1 AND source = "
                                 "'person'",
                          .text = refund};
    return run->bank != NULL && oracle_count(run, &count) && count.found > 0;
}

bool bank_was_accepted(struct run *run, const char *payment) {
    struct count count = {.sql = "SELECT COUNT(*), '' FROM posting WHERE payment_id = $1 AND kind "
                                 "= 12",
                          .text = payment};
    return run->bank != NULL && oracle_count(run, &count) && count.found > 0;
}

/* ---- each row ---- */

/* A row as the service has it. */
struct kept {
    char id[RUN_ID_CHARS], payment[RUN_ID_CHARS], operation[RUN_ID_CHARS];
    int64_t state, amount, credit, found;
    char currency[4];
};

struct asked {
    const char *bank_id;
    struct kept kept;
};

static int kept_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    SQL_ROWS_AUTO rows = NULL;
    asked->kept = (struct kept){.found = 0};
    int r = sql_query(tx, err, &rows,
                      "SELECT id, payment_id, operation_id, state, amount_minor, credit, currency "
                      "FROM bank_row WHERE bank_id = $1",
                      S_TEXT(asked->bank_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct kept *kept = &asked->kept;
        snprintf(kept->id, sizeof kept->id, "%s", sql_text(rows, 0));
        snprintf(kept->payment, sizeof kept->payment, "%s", sql_text(rows, 1));
        snprintf(kept->operation, sizeof kept->operation, "%s", sql_text(rows, 2));
        kept->state = sql_int(rows, 3);
        kept->amount = sql_int(rows, 4);
        kept->credit = sql_int(rows, 5);
        snprintf(kept->currency, sizeof kept->currency, "%s", sql_text(rows, 6));
        kept->found++;
    }
    return r < 0 ? r : 0;
}

/* The states of bank_row_states.def. */
enum { MATCHED = 2, SUSPENSE, TAKEN_BACK, TAKES_BACK, PAID_OUT, CAME_BACK };

/* Whether a row of that meaning may have become this. */
static bool may_be(const struct bank_line *line, int64_t state) {
    switch (line->meaning) {
    case BANK_FOR_PAYMENT:
        return state == MATCHED || state == SUSPENSE || (state == TAKEN_BACK && line->reversed);
    case BANK_STRAY:
        return state == SUSPENSE || (state == MATCHED && line->matched[0] != '\0');
    case BANK_PAYOUT:
        return state == PAID_OUT || state == SUSPENSE;
    case BANK_MISPAID:
        return state == SUSPENSE || state == PAID_OUT; /* of the two that are equal, one counts */
    case BANK_TAKEN_BACK:
        return state == TAKES_BACK || state == SUSPENSE;
    case BANK_CAME_BACK:
        return state == CAME_BACK || state == SUSPENSE;
    }
    return false;
}

static void check_line(struct run *run, const struct bank_line *line) {
    struct err err = {0};
    struct asked asked = {.bank_id = line->bank_id};
    const struct kept *kept = &asked.kept;
    if (store_read(run->look, kept_tx, &asked, &err) < 0) {
        run_fail(run, "answer", line->bank_id, "the rows cannot be read: %s", err.detail);
        return;
    }
    if (kept->found != 1 || kept->amount != line->amount || kept->credit != line->credit ||
        !same_name(kept->currency, line->currency)) {
        run_fail(run, "bank", line->bank_id, "%s of %lld %s is there %lld times, as %lld %s",
                 line->bank_id, (long long)line->amount, line->currency, (long long)kept->found,
                 (long long)kept->amount, kept->currency);
        return;
    }
    bool whose = line->meaning == BANK_FOR_PAYMENT ? same_name(kept->payment, line->payment)
                 : line->meaning == BANK_STRAY
                     ? kept->payment[0] == '\0' || same_name(kept->payment, line->matched)
                     : true;
    bool paid_out = kept->state != PAID_OUT || same_name(kept->operation, line->operation);
    if (!may_be(line, kept->state) || !whose || !paid_out) {
        run_fail(run, "bank", line->bank_id,
                 "%s, which was for \"%s%s\", counts for \"%s%s\" in state %lld", line->bank_id,
                 line->payment, line->operation, kept->payment, kept->operation,
                 (long long)kept->state);
    }
}

/* ---- all of them ---- */

/* Each finds what is wrong, and names one of it. `$1` is not used. */
static const struct {
    const char *what, *sql;
} wrongs[] = {
    {"rows that nobody has looked at",
     "SELECT COUNT(*), MIN(bank_id) FROM bank_row WHERE state = 1"},
    {"payments that are not covered by their rows",
     "SELECT COUNT(*), MIN(a.payment_id) FROM attempt a JOIN payment p ON p.id = a.payment_id "
     "WHERE "
     "a.gateway = 'bank-eu' AND a.state = 6 AND a.source <> 'person' AND p.captured_minor <> "
     "(SELECT COALESCE(SUM(b.amount_minor - b.excess_minor), 0) FROM bank_row b WHERE b.attempt_id "
     "= a.id AND b.state = 2) + (SELECT COALESCE(SUM(s.amount_minor), 0) FROM posting s WHERE "
     "s.payment_id = p.id AND s.kind = 13)"},
    {"rows that count for what was never paid",
     "SELECT COUNT(*), MIN(b.bank_id) FROM bank_row b WHERE b.state = 2 AND NOT EXISTS (SELECT 1 "
     "FROM attempt a WHERE a.id = b.attempt_id AND a.state = 6)"},
    {"differences that are larger than may be given up",
     "SELECT COUNT(*), MIN(payment_id) FROM posting WHERE kind = 13 AND amount_minor > 50"},
    {"rows in suspense without a case of their own, or with several",
     "SELECT COUNT(*), MIN(b.bank_id) FROM bank_row b WHERE b.state = 3 AND 1 <> (SELECT COUNT(*) "
     "FROM review_case c WHERE (c.subject = b.id AND c.amount_minor = b.amount_minor) OR (b.credit "
     "= 1 AND b.attempt_id <> '' AND c.subject = b.attempt_id AND c.kind = 'short_payment'))"},
    {"parts too much that nobody was told of",
     "SELECT COUNT(*), MIN(b.bank_id) FROM bank_row b WHERE b.excess_minor > 0 AND 1 <> (SELECT "
     "COUNT(*) FROM review_case c WHERE c.subject = b.id AND c.kind = 'overpayment' AND "
     "c.amount_minor = b.excess_minor)"},
    {"payouts that count as done without exactly one row of the bank",
     "SELECT COUNT(*), MIN(o.id) FROM operation o WHERE o.gateway = 'bank-eu' AND o.kind IN (3, 4) "
     "AND o.to_original = 1 AND o.state = 4 AND o.source <> 'person' AND 1 <> (SELECT COUNT(*) "
     "FROM bank_row b WHERE b.operation_id = o.id AND b.state = 6 AND b.amount_minor = "
     "o.amount_minor)"},
    {"payouts that were done more than once",
     "SELECT COUNT(*), MIN(operation_id) FROM bank_row b WHERE state = 6 AND EXISTS (SELECT 1 FROM "
     "bank_row c WHERE c.state = 6 AND c.operation_id = b.operation_id AND c.id <> b.id)"},
    {"payouts that came back and count as done",
     "SELECT COUNT(*), MIN(o.id) FROM operation o JOIN bank_row b ON b.operation_id = o.id WHERE "
     "b.state = 7 AND o.state <> 5"},
    {"payouts that failed though nothing came back",
     "SELECT COUNT(*), MIN(o.id) FROM operation o WHERE o.gateway = 'bank-eu' AND o.kind IN (3, 4) "
     "AND o.state = 5 AND EXISTS (SELECT 1 FROM bank_row b WHERE b.operation_id = o.id AND b.state "
     "= 6) AND NOT EXISTS (SELECT 1 FROM bank_row b WHERE b.operation_id = o.id AND b.state = 7)"},
    {"rows that take back what still counts",
     "SELECT COUNT(*), MIN(b.bank_id) FROM bank_row b JOIN bank_row c ON c.bank_id = b.reverses "
     "WHERE b.state = 5 AND c.state = 2"},
    {"payments by money that the bank took back, and nobody was told",
     "SELECT COUNT(*), MIN(c.payment_id) FROM bank_row d JOIN bank_row c ON c.bank_id = d.reverses "
     "WHERE d.state = 3 AND c.state = 2 AND NOT EXISTS (SELECT 1 FROM review_case r WHERE "
     "r.subject = d.id AND r.payment_id = c.payment_id)"},
    {"refunds that count as done, though their money is back",
     "SELECT COUNT(*), MIN(o.id) FROM bank_row b JOIN operation o ON instr(' ' || b.named || ' ', "
     "' ' || o.refund_id || ' ') > 0 WHERE b.credit = 1 AND b.state = 3 AND o.refund_id <> '' AND "
     "o.gateway = 'bank-eu' AND o.state = 4 AND o.amount_minor = b.amount_minor"},
    {"money that waits for payments that are over",
     "SELECT COUNT(*), MIN(currency) FROM (SELECT currency, SUM(CASE WHEN debit_account = "
     "'gateway:bank-eu:deposits' THEN amount_minor WHEN credit_account = "
     "'gateway:bank-eu:deposits' THEN -amount_minor ELSE 0 END) AS sum FROM posting GROUP BY "
     "currency) AS sums WHERE sum <> 0"},
    {"currencies in which suspense is not what its open cases say",
     "SELECT COUNT(*), MIN(currency || ' ' || sum || ' ' || open) FROM (SELECT s.currency AS "
     "currency, SUM(CASE WHEN credit_account = 'gateway:bank-eu:suspense' THEN amount_minor WHEN "
     "debit_account = 'gateway:bank-eu:suspense' THEN -amount_minor ELSE 0 END) AS sum, (SELECT "
     "COALESCE(SUM(CASE WHEN c.posted = 10 THEN c.amount_minor WHEN c.posted = 11 THEN "
     "-c.amount_minor ELSE 0 END), 0) FROM review_case c WHERE c.gateway = 'bank-eu' AND c.state = "
     "1 AND c.currency = s.currency) AS open FROM posting s GROUP BY s.currency) AS sums WHERE sum "
     "<> open"},
};

/* What the account holds, in one currency: to the last unit, but for fees that were given up. */
static void check_account(struct run *run, const char *currency) {
    struct count ours = {
        .sql = "SELECT COALESCE(SUM(CASE WHEN debit_account = 'gateway:bank-eu:receivable' THEN "
               "amount_minor WHEN credit_account = 'gateway:bank-eu:receivable' THEN "
               "-amount_minor ELSE 0 END), 0) + 1000000000, '' FROM posting WHERE currency = $1",
        .text = currency};
    int64_t theirs = 1000000000;
    for (guint i = 0; i < run->bank->lines->len; i++) {
        const struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        theirs += !same_name(line->currency, currency) ? 0
                  : line->credit                       ? line->amount
                                                       : -line->amount;
    }
    if (!oracle_count(run, &ours) || ours.found != theirs) {
        run_fail(run, "bank", currency, "the account holds %lld %s, and %lld with us",
                 (long long)(theirs - 1000000000), currency, (long long)(ours.found - 1000000000));
    }
}

/* A payout that the bank's clerks made by the list, made once. */
static void check_paid_once(struct run *run) {
    GHashTable *paid = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < run->bank->lines->len && !run_failed(run); i++) {
        const struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        if (line->meaning == BANK_PAYOUT && !g_hash_table_add(paid, (gpointer)line->operation)) {
            run_fail(run, "bank", line->operation, "%s was told to the bank twice",
                     line->operation);
        }
    }
    g_hash_table_destroy(paid);
}

void check_bank(struct end *end) {
    struct run *run = end->run;
    if (run->bank == NULL) {
        return;
    }
    check_paid_once(run);
    for (guint i = 0; i < run->bank->lines->len && !run_failed(run); i++) {
        check_line(run, g_ptr_array_index(run->bank->lines, i));
    }
    struct count rows = {.sql = "SELECT COUNT(*), '' FROM bank_row"};
    if (!run_failed(run) && oracle_count(run, &rows) && rows.found != run->bank->lines->len) {
        run_fail(run, "bank", "", "%lld rows are there, of %u that the bank has booked",
                 (long long)rows.found, run->bank->lines->len);
    }
    for (size_t i = 0; i < COUNT_OF(wrongs) && !run_failed(run); i++) {
        struct count count = {.sql = wrongs[i].sql};
        if (!oracle_count(run, &count) || count.found > 0) {
            run_fail(run, "bank", count.first, "%lld %s: %s", (long long)count.found,
                     wrongs[i].what, count.first);
        }
    }
    check_account(run, "EUR");
    check_account(run, "USD");
}
