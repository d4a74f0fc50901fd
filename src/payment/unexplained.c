/* SPDX-License-Identifier: Apache-2.0
 * unexplained.c: money that moved at a gateway and that nothing of ours explains: a charge of
 * nobody's, a second charge or capture, a refund made in the gateway's dashboard.
 *
 * 1. The callback is a hint here too: the gateway is asked, and only what it confirms is posted.
 *    What it does not confirm opens a case that posts nothing and says so.
 * 2. Case and posting are one transaction, once for each charge or refund: the case's subject is
 *    the gateway's own name for it, and the posting's cause is that subject. So our books follow
 *    the gateway's own, and what is left to do is in the case.
 * 3. A gateway may tell of one refund twice, by the refund's name and by how much the charge's
 *    refunds have grown. The two are paired, whichever comes first: for each case at most one event
 *    of either sort. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/callbacks.h"
#include "payment/cases.h"
#include "payment/review.h"

static bool answered(const struct gateway_result *result) {
    return result->outcome != GW_UNKNOWN && !gateway_outcome_is_fault(result->outcome);
}

static struct gateway_lookup lookup_for(const struct process *process) {
    const struct gateway_event *event = &process->event;
    struct gateway_lookup lookup = {
        .reference = event->payment_reference[0] != '\0' ? event->payment_reference
                                                         : event->reference,
        .gateway_id = event->gateway_id,
        .charge_id = event->charge_id,
        .created_us = event->event_us,
        .amount_minor = event->amount_minor,
        .currency = event->currency,
        .method = METHOD_CARD,
    };
    if (process->attempt_found) {
        lookup_of(&process->payment, &process->attempt, &lookup);
    }
    return lookup;
}

static int ask(struct process *process, enum gateway_operation operation,
               const struct gateway_lookup *lookup, const struct gateway_change *change,
               struct gateway_result *ret_result, struct err *err) {
    struct gateway *gateway = gateway_find(process->payments->options.registry, process->gateway);
    if (gateway == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "gateway %s is not configured any more",
                       process->gateway);
    }
    struct gateway_ask ask = {
        .gateway = gateway,
        .operation = operation,
        .method = lookup->method,
        .lookup = lookup,
        .change = change,
        .past_breaker = true,
    };
    gateway_ask(process->payments, &ask, ret_result);
    return answered(ret_result)
               ? 0
               : err_set(err, ERR_GATEWAY, "%s could not be asked about %s", process->gateway,
                         process->event.gateway_id[0] != '\0' ? process->event.gateway_id
                                                              : process->event.event_id);
}

/* As the gateway states it, else as its callback did. */
static struct currency currency_of(const struct process *process,
                                   const struct gateway_result *result) {
    return result->currency.code[0] != '\0'          ? result->currency
           : process->event.currency.code[0] != '\0' ? process->event.currency
                                                     : process->attempt.currency;
}

/* ---- charges ---- */

struct charge_ctx {
    struct process *process;
    struct case_note note;
};

/* Looked for once more where it is posted: the answer of our own call may have come meanwhile. */
static int charge_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct charge_ctx *charge = ctx;
    const struct gateway_event *event = &charge->process->event;
    struct attempt_row attempt;
    int r = event->gateway_id[0] == '\0' && event->charge_id[0] == '\0'
                ? -ERR_NOT_FOUND
                : attempt_row_by_gateway_id(tx, charge->process->arena, charge->process->gateway,
                                            event->gateway_id, event->charge_id, &attempt, err);
    if (r == 0) {
        return err_set(err, ERR_STORE_CONFLICT, "attempt %s explains it by now", attempt.id.text);
    }
    if (r != -ERR_NOT_FOUND) {
        return r;
    }
    err_clear(err);
    return callback_open_in(tx, charge->process, &charge->note, err);
}

int unexplained_charge(struct process *process, struct err *err) {
    struct gateway_lookup lookup = lookup_for(process);
    struct gateway_result result;
    int r = ask(process, OP_QUERY, &lookup, NULL, &result, err);
    if (r < 0) {
        return r;
    }
    bool charged = result.outcome == GW_CHARGED;
    int64_t amount = result.captured_minor > 0  ? result.captured_minor
                     : result.amount_minor >= 0 ? result.amount_minor
                                                : process->event.amount_minor;
    char detail[240], shown[MONEY_TEXT_MAX];
    struct charge_ctx charge = {process, callback_note(process, "orphan_charge", detail)};
    if (process->event.gateway_id[0] == '\0' && process->event.charge_id[0] != '\0') {
        charge.note.subject = process->event.charge_id;
    }
    if (charged && amount > 0) {
        charge.note.amount_minor = amount;
        charge.note.currency = currency_of(process, &result);
        charge.note.posted = POST_SUSPENSE;
        snprintf(detail, sizeof detail,
                 "%s charged %s that no attempt of ours explains; it is posted to suspense",
                 process->gateway, money_show(amount, charge.note.currency, shown));
        process->result = "a charge without a payment of ours: case opened, posted to suspense";
    } else {
        snprintf(detail, sizeof detail,
                 "a callback told of a charge that no attempt of ours explains; %s, asked about "
                 "it, says %s: nothing is posted",
                 process->gateway, gateway_outcome_name(result.outcome));
        process->result = "a charge without a payment of ours: case opened";
    }
    return store_write(process->payments->options.store, charge_tx, &charge, err);
}

struct second_ctx {
    struct process *process;
    struct case_note note;
};

static int second_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct second_ctx *second = ctx;
    struct process *process = second->process;
    int r = payment_row_load(tx, process->arena, process->attempt.payment_id.text, true,
                             &process->payment, err);
    return r < 0 ? r : callback_open_in(tx, process, &second->note, err);
}

/* The case marks the payment that it is about, which is locked by then. */
static void mark_of(struct process *process, struct case_note *note) {
    note->payments = process->payments;
    note->payment = process->attempt_found ? &process->payment : NULL;
}

int unexplained_second(struct process *process, struct err *err) {
    struct gateway_lookup lookup = lookup_for(process);
    lookup.gateway_id = process->event.gateway_id;
    lookup.charge_id = process->event.charge_id;
    struct gateway_result result;
    int r = ask(process, OP_QUERY, &lookup, NULL, &result, err);
    if (r < 0) {
        return r;
    }
    bool charged = result.outcome == GW_CHARGED;
    if (!charged && result.outcome != GW_AUTHORIZED) {
        process->result = "another object under our reference, not charged";
        return 0;
    }
    char detail[320];
    snprintf(detail, sizeof detail, "%s holds a second %s %s for attempt %s, whose own is %s%s",
             process->gateway, charged ? "charge" : "authorization", process->event.gateway_id,
             process->attempt.id.text, process->attempt.gateway_id,
             charged ? "; it is posted to suspense" : "; nothing is posted");
    process->result = charged ? "a second charge: case opened, posted to suspense"
                              : "a second authorization: case opened";
    struct second_ctx second = {
        .process = process,
        .note = callback_note(process, charged ? "duplicate_charge" : "duplicate_authorization",
                              detail),
    };
    second.note.amount_minor = charged && result.captured_minor > 0 ? result.captured_minor
                               : result.amount_minor >= 0           ? result.amount_minor
                                                                    : process->attempt.amount_minor;
    second.note.currency = currency_of(process, &result);
    second.note.posted = charged ? POST_SUSPENSE : 0;
    mark_of(process, &second.note);
    return store_write(process->payments->options.store, second_tx, &second, err);
}

/* ---- a capture beside ours, of the same object ---- */

struct capture_ctx {
    struct process *process;
    struct case_note note;
    int64_t gateway_minor; /* captured there, all together */
    bool posted;
};

static int sum_of(struct store_tx *tx, struct sql_rows **rows, int64_t *ret_minor,
                  struct err *err) {
    int r = sql_next(*rows, err);
    *ret_minor = r > 0 ? sql_int(*rows, 0) : 0;
    (void)tx;
    return r < 0 ? r : 0;
}

static int capture_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct capture_ctx *capture = ctx;
    struct process *process = capture->process;
    int64_t open_minor = 0, posted_minor = 0;
    capture->posted = false;
    int r = payment_row_load(tx, process->arena, process->attempt.payment_id.text, true,
                             &process->payment, err);
    int known = r < 0 ? r : case_has_posted(tx, capture->note.kind, capture->note.subject, err);
    capture->posted = known > 0;
    if (known != 0) {
        return known < 0 ? known : 0;
    }
    SQL_ROWS_AUTO open = NULL;
    r = sql_query(tx, err, &open,
                  "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM operation WHERE "
                  "payment_id = $1 AND kind = 1 AND state IN (1, 2, 3)",
                  S_TEXT(process->payment.id.text));
    r = r < 0 ? r : sum_of(tx, &open, &open_minor, err);
    SQL_ROWS_AUTO posted = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &posted,
                          "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM review_case "
                          "WHERE payment_id = $1 AND payment_id <> '' AND gateway_id = $2 AND "
                          "kind = 'duplicate_charge' AND posted = 10",
                          S_TEXT(process->payment.id.text), S_TEXT(process->attempt.gateway_id));
    r = r < 0 ? r : sum_of(tx, &posted, &posted_minor, err);
    if (r < 0) {
        return r;
    }
    int64_t more = capture->gateway_minor - process->payment.captured_minor - posted_minor;
    if (more <= 0) {
        return 0;
    }
    if (open_minor > 0) {
        return err_set(err, ERR_GATEWAY,
                       "payment %s has a capture that is not answered for: whose this one is "
                       "shows when it is",
                       process->payment.id.text);
    }
    int64_t told = process->event.amount_minor;
    capture->note.amount_minor = told > 0 && told < more ? told : more;
    capture->posted = true;
    return callback_open_in(tx, capture->process, &capture->note, err);
}

/* A capture of this amount that was refused, and of which a second copy may have been done: it is
 * still to be asked about (confirm.c). */
struct refused {
    struct process *process;
    char id[ID_TEXT_MAX];
    bool found, done;
};

static int refused_find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refused *refused = ctx;
    const struct process *process = refused->process;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT o.id FROM operation o JOIN job j ON j.kind = $4 AND j.key = o.id "
                      "WHERE o.payment_id = $1 AND o.attempt_id = $2 AND o.kind = 1 AND o.state = "
                      "5 AND o.amount_minor = $3 ORDER BY o.created_us, o.id LIMIT 1",
                      S_TEXT(process->payment.id.text), S_TEXT(process->attempt.id.text),
                      S_INT(process->event.amount_minor), S_TEXT(JOB_CONFIRM_OPERATION));
    r = r < 0 ? r : sql_next(rows, err);
    refused->found = r > 0;
    snprintf(refused->id, sizeof refused->id, "%s", r > 0 ? sql_text(rows, 0) : "");
    return r < 0 ? r : 0;
}

static int refused_done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refused *refused = ctx;
    struct operation_row operation;
    int r = operation_row_load(tx, refused->process->arena, refused->id, false, &operation, err);
    refused->done = r >= 0 && operation.state == OPERATION_SUCCEEDED;
    return r;
}

/* 1: this capture was that one; it is booked as the merchant asked (docs/decisions/0014). */
static int refused_capture(struct process *process, struct err *err) {
    struct store *store = process->payments->options.store;
    struct refused refused = {.process = process};
    bool open = false;
    int r = store_read(store, refused_find_tx, &refused, err);
    if (r < 0 || !refused.found) {
        return r < 0 ? r : 0;
    }
    r = resolve_operation(process->payments, refused.id, "confirm", &open, err);
    r = r < 0 ? r : store_read(store, refused_done_tx, &refused, err);
    return r < 0 ? r : refused.done;
}

int unexplained_capture(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    const struct attempt_row *attempt = &process->attempt;
    bool same_object = event->gateway_id[0] == '\0' ||
                       strcmp(event->gateway_id, attempt->gateway_id) == 0;
    bool other_charge = attempt->charge_id[0] != '\0'
                            ? strcmp(event->charge_id, attempt->charge_id) != 0
                            : process->payment.capture_later;
    if (event->outcome != GW_CHARGED || attempt->state != ATTEMPT_CHARGED || !same_object ||
        attempt->gateway_id[0] == '\0' || event->charge_id[0] == '\0' || !other_charge) {
        return 0;
    }
    int r = refused_capture(process, err);
    if (r != 0) {
        process->result = "a capture that had been refused was done after all: booked";
        return r;
    }
    struct gateway_lookup lookup = lookup_for(process);
    struct gateway_result result;
    r = ask(process, OP_QUERY, &lookup, NULL, &result, err);
    if (r < 0) {
        return r;
    }
    char detail[320];
    struct capture_ctx capture = {
        .process = process,
        .note = callback_note(process, "duplicate_charge", detail),
        .gateway_minor = result.captured_minor,
    };
    snprintf(detail, sizeof detail,
             "%s holds capture %s of attempt %s beside what was captured for us; what is more "
             "than ours is posted to suspense",
             process->gateway, event->charge_id, attempt->id.text);
    capture.note.subject = event->charge_id;
    capture.note.gateway_id = attempt->gateway_id;
    capture.note.currency = currency_of(process, &result);
    capture.note.posted = POST_SUSPENSE;
    mark_of(process, &capture.note);
    r = store_write(process->payments->options.store, capture_tx, &capture, err);
    if (r < 0 || !capture.posted) {
        return r; /* it is one of ours: compared like any other callback */
    }
    process->result = "a capture that is not ours: case opened, posted to suspense";
    return 1;
}

/* ---- refunds ---- */

struct refund_ctx {
    struct process *process;
    struct case_note note;
    const char *object_id;  /* the gateway's name of what was refunded */
    int64_t refunded_minor; /* of all refunds of it, as the gateway states; -1: it does not */
    bool opened;
};

/* Who tells of refunds of the same payment waits here for the other one. */
static int lock_payment(struct process *process, struct store_tx *tx, struct err *err) {
    return process->attempt_found
               ? payment_row_load(tx, process->arena, process->attempt.payment_id.text, true,
                                  &process->payment, err)
               : 0;
}

/* The two statements of pair(), for the column that names an event of this sort. */
#define PAIR_FIND(name)                                                                            \
    "SELECT id FROM review_case WHERE kind = 'orphan_refund' AND gateway = $1 AND "                \
    "gateway_id = $2 AND gateway_id <> '' AND amount_minor = $3 AND posted = 11 AND "              \
    "(" name " = '' OR " name " = $4) ORDER BY " name " DESC, opened_us LIMIT 1"
#define PAIR_TAKE(name) "UPDATE review_case SET " name " = $2 WHERE id = $1"

/* Pairs the event with a case that the other sort of event opened, if this one posts anything. 1:
 * there was one. From here on the payment is locked. */
static int pair(struct store_tx *tx, struct refund_ctx *refund, const char *find, const char *take,
                const char *name, struct err *err) {
    refund->opened = false;
    int r = lock_payment(refund->process, tx, err);
    if (r < 0 || refund->note.posted == 0) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows, find, S_TEXT(refund->note.gateway), S_TEXT(refund->object_id),
                  S_INT(refund->note.amount_minor), S_TEXT(name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    int64_t taken = sql_exec(tx, err, take, S_TEXT(id.text), S_TEXT(name));
    return taken < 0 ? (int)taken : 1;
}

/* Its gateway has said that all of the attempt's money went back, as when a till gave up: nothing
 * of it was ever booked as taken, so that nothing of it may be booked as returned. */
static int paid_back(struct store_tx *tx, const struct process *process, bool *ret_back,
                     struct err *err) {
    struct attempt_row attempt;
    *ret_back = false;
    if (!process->attempt_found) {
        return 0;
    }
    int r = attempt_row_load(tx, process->arena, process->attempt.id.text, &attempt, err);
    *ret_back = r >= 0 && attempt.state == ATTEMPT_CANCELED &&
                strcmp(attempt.common_code, "paid_back") == 0;
    return r;
}

static int open_refund(struct store_tx *tx, struct refund_ctx *refund, struct err *err) {
    bool back = false;
    int r = paid_back(tx, refund->process, &back, err);
    if (r < 0) {
        return r;
    }
    if (back) {
        refund->note.posted = 0;
        refund->note.detail =
            "the gateway gave all of this payment back, part of it by a refund that we "
            "did not ask for; nothing of it is in the books, and nothing is posted";
    }
    refund->opened = true;
    mark_of(refund->process, &refund->note);
    return callback_open_in(tx, refund->process, &refund->note, err);
}

/* The refund has a name: its case has that name as subject. */
static int named_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refund_ctx *refund = ctx;
    int r = pair(tx, refund, PAIR_FIND("refund_id"), PAIR_TAKE("refund_id"),
                 refund->process->event.refund_id, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    return open_refund(tx, refund, err);
}

/* How much of the object's refunds is known here: ours that did not fail, and what is in suspense.
 */
static int known_refunds(struct store_tx *tx, const struct refund_ctx *refund, int64_t *ret_minor,
                         struct err *err) {
    int64_t ours = 0, suspense = 0;
    SQL_ROWS_AUTO operations = NULL;
    int r = sql_query(tx, err, &operations,
                      "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM operation WHERE "
                      "payment_id = $1 AND kind IN (3, 4) AND to_original = 1 AND state <> 5",
                      S_TEXT(refund->process->payment.id.text));
    r = r < 0 ? r : sum_of(tx, &operations, &ours, err);
    SQL_ROWS_AUTO cases = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &cases,
                          "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM review_case "
                          "WHERE payment_id = $1 AND payment_id <> '' AND posted = 11 AND "
                          "state = 1",
                          S_TEXT(refund->process->payment.id.text));
    r = r < 0 ? r : sum_of(tx, &cases, &suspense, err);
    *ret_minor = ours + suspense;
    return r;
}

static int nameless_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refund_ctx *refund = ctx;
    int r = pair(tx, refund, PAIR_FIND("event_id"), PAIR_TAKE("event_id"),
                 refund->process->event.event_id, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    int64_t known = 0;
    r = known_refunds(tx, refund, &known, err);
    if (r < 0 || (refund->refunded_minor >= 0 && refund->refunded_minor <= known)) {
        return r;
    }
    return open_refund(tx, refund, err);
}

static int write_refund(struct refund_ctx *refund, store_fn *fn, struct err *err) {
    struct process *process = refund->process;
    int r = store_write(process->payments->options.store, fn, refund, err);
    if (r < 0) {
        return r;
    }
    process->result = !refund->opened            ? "a refund that is known here"
                      : refund->note.posted != 0 ? "a refund that we did not ask for: case opened, "
                                                   "posted to suspense"
                                                 : "a refund that we did not ask for: case opened";
    return 0;
}

static void describe(struct refund_ctx *refund, const struct gateway_result *result, char *detail,
                     size_t bytes) {
    char shown[MONEY_TEXT_MAX];
    if (refund->note.posted != 0) {
        snprintf(detail, bytes,
                 "%s gave back %s that we did not ask it to; it is posted to suspense",
                 refund->note.gateway,
                 money_show(refund->note.amount_minor, refund->note.currency, shown));
    } else {
        snprintf(detail, bytes,
                 "a callback told of a refund that we did not ask for; %s, asked about it, says "
                 "%s: nothing is posted",
                 refund->note.gateway, gateway_outcome_name(result->outcome));
    }
}

/* By how much a charge's refunds have grown, and no name. Of a charge that is not ours such an
 * event is believed only through the refund's own. */
static int nameless_refund(struct process *process, struct refund_ctx *refund, struct err *err) {
    if (!process->attempt_found) {
        process->result = "a refund of a charge that is not ours: its own event will tell";
        process->state = CALLBACK_IGNORED;
        return 0;
    }
    char detail[240];
    struct gateway_lookup lookup = lookup_for(process);
    struct gateway_result result;
    int r = ask(process, OP_QUERY, &lookup, NULL, &result, err);
    if (r < 0) {
        return r;
    }
    refund->refunded_minor = result.refunded_minor;
    refund->note.detail = detail;
    refund->note.subject = process->event.event_id;
    refund->note.event_id = process->event.event_id;
    refund->note.currency = currency_of(process, &result);
    refund->note.posted = process->event.amount_minor > 0 ? POST_SUSPENSE_RETURNED : 0;
    describe(refund, &result, detail, sizeof detail);
    return write_refund(refund, nameless_tx, err);
}

/* It was posted, by its name or by the sum alone, and did not go through after all: the money is
 * back. */
static int taken_back_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct refund_ctx *refund = ctx;
    struct process *process = refund->process;
    refund->opened = false;
    int r = lock_payment(process, tx, err);
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT id FROM review_case WHERE kind = 'orphan_refund' AND gateway = "
                          "$1 AND posted = 11 AND state = 1 AND (refund_id = $2 OR (refund_id = '' "
                          "AND gateway_id = $3 AND gateway_id <> '' AND amount_minor = $4)) ORDER "
                          "BY refund_id DESC, opened_us LIMIT 1",
                          S_TEXT(process->gateway), S_TEXT(process->event.refund_id),
                          S_TEXT(refund->object_id), S_INT(refund->note.amount_minor));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    struct case_row row;
    r = sql_put(tx, err, PAIR_TAKE("refund_id"), S_TEXT(id.text),
                S_TEXT(process->event.refund_id));
    r = r < 0 ? r : case_row_load(tx, process->arena, id.text, true, &row, err);
    if (r < 0 || row.state != CASE_OPEN) {
        return r;
    }
    struct posting posting = {
        .kind = POST_SUSPENSE,
        .cause = row.subject,
        .payment_id = row.payment_id,
        .gateway = row.gateway,
        .customer = "",
        .amount_minor = row.amount_minor,
        .currency = row.currency,
        .at_us = clock_wall_us(),
    };
    refund->opened = true;
    r = ledger_post(tx, &posting, err);
    r = r < 0 ? r : case_end(tx, &row, "system", "the refund did not go through after all", err);
    return r < 0 || !process->attempt_found ? r : review_settled_save(tx, &process->payment, err);
}

static int refund_taken_back(struct refund_ctx *refund, const struct gateway_result *result,
                             struct err *err) {
    struct process *process = refund->process;
    process->result = "a refund that is not ours, not done";
    if (result->outcome != GW_DECLINED && result->outcome != GW_CANCELED) {
        return 0;
    }
    int r = store_write(process->payments->options.store, taken_back_tx, refund, err);
    if (r >= 0 && refund->opened) {
        process->result = "a refund that is not ours came back: taken out of suspense";
    }
    return r < 0 ? r : 0;
}

int unexplained_refund(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    struct refund_ctx refund = {
        .process = process,
        .note = callback_note(process, "orphan_refund", ""),
        .object_id = process->attempt_found && process->attempt.gateway_id[0] != '\0'
                         ? process->attempt.gateway_id
                         : event->gateway_id,
        .refunded_minor = -1,
    };
    refund.note.gateway_id = refund.object_id;
    bool done = event->outcome == GW_REFUNDED;
    if (event->refund_id[0] == '\0') {
        if (!done) {
            process->result = "a refund that is not ours, not done";
            return 0;
        }
        return nameless_refund(process, &refund, err);
    }
    char detail[240];
    struct gateway_change change = {.payment = lookup_for(process),
                                    .reference = event->reference,
                                    .reason = "",
                                    .refund_id = event->refund_id,
                                    .created_us = event->event_us};
    struct gateway_result result;
    int r = ask(process, OP_QUERY_REFUND, &change.payment, &change, &result, err);
    if (r < 0) {
        return r;
    }
    if (result.outcome != GW_REFUNDED && !done) {
        return refund_taken_back(&refund, &result, err);
    }
    r = result.outcome != GW_REFUNDED ? refund_taken_back(&refund, &result, err) : 0;
    if (r < 0 || refund.opened) {
        return r;
    }
    refund.note.subject = event->refund_id;
    refund.note.detail = detail;
    if (result.outcome == GW_REFUNDED && result.amount_minor > 0) {
        refund.note.amount_minor = result.amount_minor;
        refund.note.currency = currency_of(process, &result);
        refund.note.posted = POST_SUSPENSE_RETURNED;
    }
    describe(&refund, &result, detail, sizeof detail);
    return write_refund(&refund, named_tx, err);
}
