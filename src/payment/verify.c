/* SPDX-License-Identifier: Apache-2.0
 * verify.c: the invariants (docs/simulator.md lists them), asked of the whole store
 * (payments_verify, `holdfast db check`). Each rule is one query that gives the ids that break it;
 * nothing here is an assertion on memory. */
#include <stdio.h>
#include <string.h>

#include "payment/internal.h"

enum { BROKEN_SHOWN_MAX = 50, STRETCH_CHARS_MAX = 512 };

/* A rule is asked of a stretch of one column at a time: more than $1, up to $2. Each stretch is a
 * statement of its own, so that no store is too large for the engine's limit on a statement; rules
 * of a small store are asked in one transaction, those of a large one in many. `next`
 * gives where the stretch ends (NULL: there is nothing more); what the rows found by `sql` mean is
 * `what`, and the id of what breaks the rule is in column 0. */
#define STRETCH(table, column)                                                                     \
    "SELECT MAX(c), COUNT(*) FROM (SELECT " column " AS c FROM " table " WHERE " column            \
    " > $1 ORDER BY " column " LIMIT 5000) AS stretch"
#define STRETCH_ROWS 5000 /* fewer: it is the last one */
#define BY_PAYMENT STRETCH("payment", "id")
#define BY_ATTEMPT STRETCH("attempt", "id")

static const struct {
    const char *rule, *what, *next, *sql;
} rules[] = {
    {"I1", "a payment with more than one attempt that may have taken money",
     STRETCH("attempt", "payment_id"),
     "SELECT payment_id FROM attempt WHERE payment_id > $1 AND payment_id <= $2 AND state IN (1, "
     "2, 3, 4, 5, 6) GROUP BY payment_id HAVING COUNT(*) > 1"},
    {"I1", "an attempt whose live mark does not follow from its state", BY_ATTEMPT,
     "SELECT id FROM attempt WHERE id > $1 AND id <= $2 AND (state IN (1, 2, 3, 4, 5, 6)) <> (live "
     "IS NOT NULL)"},
    {"I1", "an order held by more than one payment", STRETCH("payment", "order_id"),
     "SELECT order_id FROM payment WHERE order_id > $1 AND order_id <= $2 AND holds_order = 1 "
     "GROUP BY order_id HAVING COUNT(*) > 1"},
    {"I2", "a payment that says it was charged without a charged attempt", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 5 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state = 6)"},
    {"I4", "a charged attempt whose payment does not say so", BY_ATTEMPT,
     "SELECT a.id FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE a.id > $1 AND a.id "
     "<= $2 AND a.state = 6 AND p.state <> 5"},
    {"I4", "a payment whose captured amount is not what was posted", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.captured_minor <> (SELECT "
     "COALESCE(SUM(CASE WHEN s.kind = 60 THEN -s.amount_minor ELSE s.amount_minor END), 0) FROM "
     "posting s WHERE s.payment_id = p.id AND s.kind IN (1, 2, 12, 25, 60))"},
    {"I4", "a payment whose refunded amount is not what was posted", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.refunded_minor <> (SELECT "
     "COALESCE(SUM(CASE WHEN s.kind = 4 THEN -s.amount_minor ELSE s.amount_minor END), 0) FROM "
     "posting s WHERE s.payment_id = p.id AND s.kind IN (3, 4, 8, 15))"},
    {"I4", "a payment whose disputed amount is not what was posted", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.disputed_minor <> (SELECT "
     "COALESCE(SUM(CASE WHEN s.kind = 7 THEN -s.amount_minor ELSE s.amount_minor END), 0) FROM "
     "posting s WHERE s.payment_id = p.id AND s.kind IN (6, 7, 16))"},
    /* Its postings' causes are its id, and its id with a number for each time after the first. */
    {"I4", "a dispute that is booked otherwise than it says", STRETCH("dispute", "id"),
     "SELECT d.id FROM dispute d WHERE d.id > $1 AND d.id <= $2 AND (d.posted NOT IN (0, 6, 11) OR "
     "CASE WHEN d.posted = 0 THEN 0 ELSE d.amount_minor END <> (SELECT COALESCE(SUM(CASE WHEN "
     "s.kind IN (7, 10) THEN -s.amount_minor ELSE s.amount_minor END), 0) FROM posting s WHERE "
     "s.payment_id IN (d.payment_id, '') AND s.kind IN (6, 7, 10, 11) AND (s.journal_id = d.id OR "
     "s.journal_id LIKE d.id || '.%')))"},
    {"I4", "a dispute that is over whose money is booked the other way", STRETCH("dispute", "id"),
     "SELECT d.id FROM dispute d WHERE d.id > $1 AND d.id <= $2 AND ((d.state = 4 AND d.posted = "
     "0) OR (d.state IN (3, 5) AND d.posted <> 0))"},
    {"I6", "an open dispute that nobody watches, or whose answer nobody sends",
     STRETCH("dispute", "id"),
     "SELECT d.id FROM dispute d WHERE d.id > $1 AND d.id <= $2 AND (d.state IN (1, 2) OR "
     "d.answer_state IN (1, 2)) AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'dispute' AND "
     "j.key = d.id)"},
    {"I10", "a customer whose store credit is negative", STRETCH("credit_holder", "customer_id"),
     "SELECT c.customer_id FROM credit_holder c WHERE c.customer_id > $1 AND c.customer_id <= $2 "
     "AND EXISTS (SELECT 1 FROM posting s WHERE s.kind IN (8, 9, 19, 20, 24) AND (s.credit_account "
     "= 'customer:' || c.customer_id || ':store_credit' OR s.debit_account = 'customer:' || "
     "c.customer_id || ':store_credit') GROUP BY s.currency HAVING SUM(CASE WHEN s.kind IN (8, 19, "
     "24) THEN s.amount_minor ELSE -s.amount_minor END) < 0)"},
    /* What is in suspense (10, 11) is in no payment's sums and keeps its own currency. */
    {"I4", "a posting of another currency than its payment", STRETCH("posting", "id"),
     "SELECT s.id FROM posting s JOIN payment p ON p.id = s.payment_id WHERE s.id > $1 AND s.id "
     "<= $2 AND s.currency <> p.currency AND s.kind NOT IN (10, 11)"},
    {"I4", "a posting that is not positive or moves nothing", STRETCH("posting", "id"),
     "SELECT id FROM posting WHERE id > $1 AND id <= $2 AND (amount_minor <= 0 OR debit_account = "
     "credit_account)"},
    {"I4", "a case that says it posted its money to suspense without such a posting",
     STRETCH("review_case", "id"),
     "SELECT c.id FROM review_case c WHERE c.id > $1 AND c.id <= $2 AND c.posted IN (10, 11) AND "
     "NOT EXISTS (SELECT 1 FROM posting s WHERE s.id = (CASE WHEN c.posted = 10 THEN "
     "'pst_suspense_' ELSE 'pst_suspense_returned_' END) || c.subject)"},
    {"I5", "a payment that ended while an attempt of it may still take money", BY_PAYMENT,
     "SELECT p.id FROM payment p JOIN attempt a ON a.payment_id = p.id WHERE p.id > $1 AND p.id "
     "<= $2 AND p.state IN (6, 7) AND a.live = 1"},
    {"I6", "an unresolved payment that nobody will ask about", BY_ATTEMPT,
     "SELECT a.id FROM attempt a WHERE a.id > $1 AND a.id <= $2 AND a.state IN (2, 3, 4) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'resolve' AND j.key = a.id)"},
    {"I6", "an unresolved capture, cancellation, refund or return that nobody will ask about",
     STRETCH("operation", "id"),
     "SELECT o.id FROM operation o WHERE o.id > $1 AND o.id <= $2 AND o.state IN (2, 3) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'resolve_operation' AND j.key = o.id)"},
    {"I6", "a processing payment without an attempt that may still be answered", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 2 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state IN (1, 2, 4)) AND "
     "p.queued_until_us = 0"},
    {"I6", "a payment that waits for a gateway and that no job will charge", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.queued_until_us > 0 AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'forward' AND j.key = p.id)"},
    {"I6", "a payment that waits for a gateway and is not counted, or the other way round",
     STRETCH("forward", "payment_id"),
     "SELECT f.payment_id FROM forward f JOIN payment p ON p.id = f.payment_id WHERE f.payment_id "
     "> $1 AND f.payment_id <= $2 AND ((f.done_us = 0) <> (p.queued_until_us > 0) OR "
     "f.amount_minor <> p.amount_minor)"},
    {"I6", "an order that is held and that no job will let go", STRETCH("deferral", "payment_id"),
     "SELECT d.payment_id FROM deferral d JOIN payment p ON p.id = d.payment_id WHERE d.payment_id "
     "> $1 AND d.payment_id <= $2 AND p.state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM job j WHERE "
     "j.kind = 'deferral' AND j.key = p.id)"},
    {"I4", "an authorized payment without an attempt that holds the money", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 4 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state = 5)"},
    {"PAY-10", "a payment that the fraud rules denied and that was sent to a gateway afterwards",
     STRETCH("risk_decision", "subject"),
     "SELECT d.subject FROM risk_decision d JOIN attempt a ON a.payment_id = d.subject AND "
     "a.number > d.attempts WHERE d.subject > $1 AND d.subject <= $2 AND d.action = 3"},
    {"I10", "a payment refunded, reserved to be or disputed beyond what was captured", BY_PAYMENT,
     "SELECT id FROM payment WHERE id > $1 AND id <= $2 AND (refund_reserved_minor + "
     "disputed_minor > captured_minor OR refunded_minor > refund_reserved_minor OR refunded_minor "
     "< 0 OR disputed_minor < 0)"},
    {"I10", "a payment whose reserved refunds are not the sum of its open and done ones",
     BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.refund_reserved_minor <> "
     "(SELECT COALESCE(SUM(o.amount_minor), 0) FROM operation o WHERE o.payment_id = p.id AND "
     "o.kind = 3 AND o.state IN (1, 2, 3, 4))"},
    {"I3", "a row of the bank's statement that no job will look at", STRETCH("bank_row", "id"),
     "SELECT b.id FROM bank_row b WHERE b.id > $1 AND b.id <= $2 AND b.state = 1 AND NOT EXISTS "
     "(SELECT 1 FROM job j WHERE j.kind = 'bank_match' AND j.key = b.id)"},
    {"I4", "a row of the bank's statement that is booked otherwise than it says",
     STRETCH("bank_row", "id"),
     "SELECT b.id FROM bank_row b WHERE b.id > $1 AND b.id <= $2 AND b.state IN (2, 4) AND "
     "b.amount_minor - b.excess_minor <> (SELECT COALESCE(SUM(s.amount_minor), 0) FROM posting s "
     "WHERE s.id IN ('pst_deposit_' || b.id, 'pst_suspense_matched_' || b.id))"},
    {"I4", "a row of the bank's statement that is a payout and was not taken out of suspense",
     STRETCH("bank_row", "id"),
     "SELECT b.id FROM bank_row b WHERE b.id > $1 AND b.id <= $2 AND b.state = 8 AND 2 <> (SELECT "
     "COUNT(*) FROM posting s WHERE s.id IN ('pst_suspense_' || b.id, 'pst_suspense_returned_' || "
     "b.id) AND s.amount_minor = b.amount_minor)"},
    {"I4", "a payment that is paid or over and has deposits left", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state IN (5, 6, 7) AND 0 <> "
     "(SELECT COALESCE(SUM(CASE WHEN s.kind = 22 THEN -s.amount_minor ELSE s.amount_minor END), 0) "
     "FROM posting s WHERE s.payment_id = p.id AND s.kind IN (21, 22, 23))"},
    {"I3", "a callback that was acknowledged and that no job will process",
     STRETCH("callback", "id"),
     "SELECT c.id FROM callback c WHERE c.id > $1 AND c.id <= $2 AND c.state IN (1, 4) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'callback' AND j.key = c.id)"},
    {"I3", "a webhook that waits and that no job will send", STRETCH("webhook_delivery", "id"),
     "SELECT d.id FROM webhook_delivery d WHERE d.id > $1 AND d.id <= $2 AND d.state = 1 AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'webhook' AND j.key = d.id)"},
};

/* Where the questions have got to, which one transaction takes on from and another may have to take
 * up again: a rule, how much of its column is asked already, and how many ids it has given. */
struct place {
    size_t rule;
    char from[STRETCH_CHARS_MAX];
    int shown;
};

/* Where a stretch that begins at a column's first row ends. Rules of one column ask once. */
struct stretch {
    const char *next;
    char until[STRETCH_CHARS_MAX];
    int64_t rows; /* 0: it has none */
};

enum { STRETCHES_KEPT = 8 };

struct verify {
    uint64_t which;
    struct buf buf;  /* what was found in the transactions before */
    struct buf part; /* and in this one */
    struct place at, before;
    struct stretch kept[STRETCHES_KEPT];
    int kept_count;
    int64_t rows_left; /* of this transaction, so that no snapshot is held for long */
};

static int stretch_ask(struct store_tx *tx, const char *next, const char *from,
                       struct stretch *ret_stretch, struct err *err) {
    SQL_ROWS_AUTO end = NULL;
    int r = sql_query(tx, err, &end, next, S_TEXT(from));
    r = r < 0 ? r : sql_next(end, err);
    if (r < 0) {
        return r;
    }
    bool none = r == 0 || sql_null(end, 0);
    *ret_stretch = (struct stretch){.next = next, .rows = none ? 0 : sql_int(end, 1)};
    snprintf(ret_stretch->until, sizeof ret_stretch->until, "%s", none ? "" : sql_text(end, 0));
    return 0;
}

static int stretch_find(struct store_tx *tx, struct verify *verify, struct stretch *ret_stretch,
                        struct err *err) {
    const char *next = rules[verify->at.rule].next;
    bool first = verify->at.from[0] == '\0';
    for (int i = 0; first && i < verify->kept_count; i++) {
        if (strcmp(verify->kept[i].next, next) == 0) {
            *ret_stretch = verify->kept[i];
            return 0;
        }
    }
    int r = stretch_ask(tx, next, verify->at.from, ret_stretch, err);
    if (r >= 0 && first && verify->kept_count < STRETCHES_KEPT) {
        verify->kept[verify->kept_count++] = *ret_stretch;
    }
    return r;
}

/* What breaks the rule in a stretch of it. */
static int broken_find(struct store_tx *tx, struct verify *verify, const char *until,
                       struct err *err) {
    struct place *at = &verify->at;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, rules[at->rule].sql, S_TEXT(at->from), S_TEXT(until));
    while (r >= 0 && at->shown < BROKEN_SHOWN_MAX && (r = sql_next(rows, err)) > 0) {
        buf_addf(&verify->part, ",{\"rule\":\"%s\",\"id\":", rules[at->rule].rule);
        buf_add_json(&verify->part, sql_text(rows, 0));
        buf_add_text(&verify->part, ",\"what\":");
        buf_add_json(&verify->part, rules[at->rule].what);
        buf_add_char(&verify->part, '}');
        at->shown++;
    }
    return r < 0 ? r : 0;
}

/* As much as one transaction may look at. It may run again, and then begins where it began. */
static int verify_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct verify *verify = ctx;
    struct place *at = &verify->at;
    int r = 0;
    buf_clear(&verify->part);
    *at = verify->before;
    verify->kept_count = 0;
    verify->rows_left = STRETCH_ROWS;
    while (r >= 0 && at->rule < COUNT_OF(rules) && verify->rows_left > 0) {
        struct stretch stretch = {.rows = 0};
        if ((verify->which >> at->rule & 1) != 0) {
            r = stretch_find(tx, verify, &stretch, err);
        }
        if (r >= 0 && stretch.rows > 0) {
            r = broken_find(tx, verify, stretch.until, err);
            verify->rows_left -= stretch.rows;
        }
        if (stretch.rows < STRETCH_ROWS || at->shown >= BROKEN_SHOWN_MAX) {
            *at = (struct place){.rule = at->rule + 1};
        } else {
            memcpy(at->from, stretch.until, sizeof at->from);
        }
    }
    return r < 0 ? r : 0;
}

/* The table that a statement changes, in `ret_table`; empty: none. */
static void changed_table(const char *sql, char *ret_table, size_t bytes) {
    static const char *const begin[] = {"INSERT INTO ", "UPDATE ", "DELETE FROM "};
    ret_table[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(begin); i++) {
        size_t chars = strlen(begin[i]);
        if (strncmp(sql, begin[i], chars) == 0) {
            snprintf(ret_table, bytes, " %.*s ", (int)strcspn(sql + chars, " ("), sql + chars);
        }
    }
}

/* The end of an expression in a list of what is set: its comma, or what follows the list. */
static const char *set_end(const char *at) {
    for (int depth = 0; *at != '\0' && (depth > 0 || *at != ','); at++) {
        if (*at == '\'') {
            const char *quote = strchr(at + 1, '\'');
            at = quote != NULL ? quote : at + strlen(at) - 1;
        } else if (depth == 0 && strncmp(at, " WHERE ", 7) == 0) {
            break;
        }
        depth += (*at == '(') - (*at == ')');
    }
    return at;
}

/* Whether a rule may ask about one of the columns that an UPDATE sets: it names it then. */
static bool names_set(size_t rule, const char *update) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    char column[64];
    const char *at = strstr(update, " SET ");
    if (at == NULL) {
        return true;
    }
    for (at += 5;; at += strspn(at, ", ")) {
        size_t chars = strspn(at, letters);
        if (chars == 0 || chars >= sizeof column || strncmp(at + chars, " = ", 3) != 0) {
            return true; /* not as we write it */
        }
        snprintf(column, sizeof column, "%.*s", (int)chars, at);
        if (strstr(rules[rule].sql, column) != NULL || strstr(rules[rule].next, column) != NULL) {
            return true;
        }
        at = set_end(at + chars);
        if (*at != ',') {
            return false;
        }
    }
}

uint64_t payments_rules_about(const char *sql) {
    char table[64];
    uint64_t which = 0;
    static_assert(COUNT_OF(rules) < 64, "a bit for each");
    changed_table(sql, table, sizeof table);
    if (table[0] == '\0') {
        return strncmp(sql, "SELECT ", 7) == 0 ? 0 : PAYMENTS_RULES_ALL;
    }
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        bool about = strstr(rules[i].sql, table) != NULL || strstr(rules[i].next, table) != NULL;
        about = about && (strncmp(sql, "UPDATE ", 7) != 0 || names_set(i, sql));
        which |= (uint64_t)about << i;
    }
    return which;
}

int payments_verify_store(struct store *store, uint64_t which, struct answer *ret_answer,
                          struct err *err) {
    struct verify verify = {.which = which & ((UINT64_C(1) << COUNT_OF(rules)) - 1)};
    buf_init(&verify.buf, ARENA_REQUEST_BYTES_MAX);
    buf_init(&verify.part, ARENA_REQUEST_BYTES_MAX);
    buf_addf(&verify.buf, "{\"checked\":%d,\"broken\":[", __builtin_popcountll(verify.which));
    int r = 0;
    while (r >= 0 && verify.before.rule < COUNT_OF(rules)) {
        r = store_read(store, verify_tx, &verify, err);
        if (r >= 0) {
            bool first = verify.buf.data[verify.buf.len - 1] == '[';
            buf_add_text(&verify.buf, verify.part.data + (first && verify.part.len > 0));
            verify.before = verify.at;
        }
    }
    if (r >= 0) {
        buf_add_text(&verify.buf, "]}");
        r = answer_take(ret_answer, 200, &verify.buf, err);
    }
    buf_release(&verify.buf);
    buf_release(&verify.part);
    return r;
}

int payments_verify(struct payments *payments, struct answer *ret_answer, struct err *err) {
    return payments_verify_store(payments->options.store, PAYMENTS_RULES_ALL, ret_answer, err);
}
