/* SPDX-License-Identifier: Apache-2.0
 * review.c: marks for people: what waits too long, and what a statement says otherwise. */
#include "payment/review.h"

#include <string.h>

#include "base/clock.h"
#include "payment/cases.h"
#include "payment/disagree.h"

/* Refunds to cards are under way for up to ten days at some banks. */
#define REFUND_WAITS_US (INT64_C(10) * 24 * 3600 * US_PER_SECOND)

const char *review_mark_name(enum review_mark mark) {
    static const char *const names[] = {
#define X(name, text, what) text,
#include "payment/review_marks.def"
#undef X
    };
    return names[mark];
}

bool review_is(const struct payment_row *payment, enum review_mark mark) {
    return strcmp(payment->review, review_mark_name(mark)) == 0;
}

int review_tell(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                struct err *err) {
    int r = payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, payment);
    return outbox_event(payments, tx, payment, "payment.review", buf.data, err);
}

int review_mark(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                enum review_mark mark, struct err *err) {
    if (payment->review[0] != '\0') {
        return 0;
    }
    payment->review = review_mark_name(mark);
    return review_tell(payments, tx, payment, err);
}

/* ---- what waits ---- */

int review_waiting_attempt(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, const struct attempt_row *attempt,
                           struct err *err) {
    bool open = (attempt->state == ATTEMPT_UNKNOWN || attempt->state == ATTEMPT_PENDING) &&
                payment->purpose != PURPOSE_PROBE; /* an alert tells of that */
    bool long_ago = clock_wall_us() - attempt->created_us >= payments->options.waits_long_us;
    return open && long_ago ? review_mark(payments, tx, payment, REVIEW_WAITS_LONG, err) : 0;
}

int review_waiting_operation(struct payments *payments, struct store_tx *tx,
                             struct payment_row *payment, const struct operation_row *operation,
                             struct err *err) {
    int64_t waits_us = operation->state == OPERATION_PENDING ? REFUND_WAITS_US
                                                             : payments->options.waits_long_us;
    bool long_ago = clock_wall_us() - operation->created_us >= waits_us;
    /* A return is about money in suspense: its case is open, and what a person looks at. */
    bool asked_for = operation->kind != OPERATION_RETURN && payment->purpose != PURPOSE_PROBE;
    return asked_for && operation_state_open(operation->state) && long_ago
               ? review_mark(payments, tx, payment, REVIEW_WAITS_LONG, err)
               : 0;
}

int64_t review_look_us(const struct payments *payments, int64_t since_us, int64_t again_us) {
    int64_t long_us = since_us + payments->options.waits_long_us;
    return long_us > clock_wall_us() && long_us < again_us ? long_us : again_us;
}

bool review_waited(struct payment_row *payment) {
    bool marked = review_is(payment, REVIEW_WAITS_LONG);
    payment->review = marked ? "" : payment->review;
    return marked;
}

/* ---- what cases are about ---- */

static const struct {
    const char *kind;
    enum review_mark mark;
    bool only_money;
} case_kinds[] = {
#define X(kind, mark, only_money) {(kind), REVIEW_##mark, (only_money) != 0},
#include "payment/case_kinds.def"
#undef X
};

/* The row of case_kinds.def that counts for such a case; or how many there are. */
static size_t case_kind_of(const char *kind, int64_t posted) {
    size_t i = 0;
    while (i < COUNT_OF(case_kinds) &&
           (strcmp(case_kinds[i].kind, kind) != 0 || (case_kinds[i].only_money && posted == 0))) {
        i++;
    }
    return i;
}

/* What waiting, or a statement, has marked gives way to what is about money that moved. */
static bool gives_way(const struct payment_row *payment) {
    static const enum review_mark less[] = {REVIEW_WAITS_LONG, REVIEW_CALLBACK_MISSING,
                                            REVIEW_CALLBACK_MISSING_DIFFERS,
                                            REVIEW_STATEMENT_DISAGREES};
    for (size_t i = 0; i < COUNT_OF(less); i++) {
        if (review_is(payment, less[i])) {
            return true;
        }
    }
    return payment->review[0] == '\0';
}

bool review_case_marks(struct payment_row *payment, const char *kind, int64_t posted) {
    size_t i = case_kind_of(kind, posted);
    if (i == COUNT_OF(case_kinds) || !gives_way(payment) ||
        review_is(payment, case_kinds[i].mark)) {
        return false;
    }
    payment->review = review_mark_name(case_kinds[i].mark);
    return true;
}

static bool marked_by_case(const struct payment_row *payment) {
    for (size_t i = 0; i < COUNT_OF(case_kinds); i++) {
        if (review_is(payment, case_kinds[i].mark)) {
            return true;
        }
    }
    return false;
}

int review_settled(struct store_tx *tx, struct payment_row *payment, struct err *err) {
    if (!marked_by_case(payment)) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    size_t first = COUNT_OF(case_kinds);
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, posted FROM review_case WHERE payment_id = $1 AND payment_id "
                      "<> '' AND state = 1",
                      S_TEXT(payment->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        size_t i = case_kind_of(sql_text(rows, 0), sql_int(rows, 1));
        first = i < first ? i : first;
    }
    if (r < 0) {
        return r;
    }
    payment->review = first < COUNT_OF(case_kinds) ? review_mark_name(case_kinds[first].mark) : "";
    return 0;
}
static_assert(CASE_OPEN == 1, "the state above");

int review_settled_save(struct store_tx *tx, struct payment_row *payment, struct err *err) {
    const char *before = payment->review;
    int r = review_settled(tx, payment, err);
    return r < 0 || strcmp(before, payment->review) == 0 ? r : payment_row_save(tx, payment, err);
}

/* ---- what a statement says otherwise ---- */

#define CASE_STATEMENT "statement_disagrees"

int disagreement_open(struct payments *payments, struct store_tx *tx,
                      const struct disagreement *what, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    const struct case_note note = {
        .kind = CASE_STATEMENT,
        .subject = what->subject,
        .payment_id = what->payment_id,
        .attempt_id = what->attempt_id,
        .gateway = what->gateway,
        .detail = what->detail,
        .amount_minor = what->amount_minor,
        .currency = what->currency,
        .again = true,
    };
    int r = payment_row_load(tx, arena, what->payment_id, true, &payment, err);
    r = r < 0 ? r : case_open(tx, &note, err);
    return r < 0 ? r : review_mark(payments, tx, &payment, REVIEW_STATEMENT_DISAGREES, err);
}

int disagreement_end(struct store_tx *tx, const char *case_id, const char *actor, const char *why,
                     struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct case_row row;
    struct payment_row payment;
    int r = case_row_take(tx, arena, case_id, &row, &payment, err);
    if (r < 0 || row.state != CASE_OPEN) {
        return r;
    }
    r = case_end(tx, &row, actor, why, err);
    return r < 0 || row.payment_id[0] == '\0' ? r : review_settled_save(tx, &payment, err);
}
