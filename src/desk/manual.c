/* SPDX-License-Identifier: Apache-2.0
 * manual.c: payments by hand (desk.h): told of by one person, approved by another one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "desk/desk_impl.h"
#include "store/audit.h"

static const char *const paid_by_names[] = {
    [PAID_BY_NONE] = "?",
#define X(name, number, text, meaning) [number] = text,
#include "desk/paid_by.def"
#undef X
};
static_assert(COUNT_OF(paid_by_names) == PAID_BY_COUNT, "every way has a name");

const char *paid_by_name(int64_t paid_by) {
    return paid_by > 0 && paid_by < PAID_BY_COUNT ? paid_by_names[paid_by] : "?";
}

bool paid_by_parse(const char *name, enum paid_by *ret_paid_by) {
    for (int i = 1; i < PAID_BY_COUNT; i++) {
        if (strcmp(name, paid_by_names[i]) == 0) {
            *ret_paid_by = (enum paid_by)i;
            return true;
        }
    }
    return false;
}

int desk_open(const struct desk_options *options, struct desk **ret_desk, struct err *err) {
    struct desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the desk");
    }
    desk->options = *options;
    *ret_desk = desk;
    return 0;
}

void desk_close(struct desk *desk) {
    if (desk != NULL) {
        tickets_close(desk->tickets);
        free(desk);
    }
}

/* ---- rows ---- */

struct manual {
    struct desk *desk;
    const struct caller *caller;
    struct arena *arena;
    const char *payment_id;
    const struct manual_order *order;
    const struct evidence *evidence;
    bool approve;
    const char *reason, *state_name;
    int64_t state;
    int limit;
    struct answer *answer;
    /* as loaded */
    struct approval_row approval;
    int64_t paid_by, received_us;
    const char *reference;
};

static int load(struct manual *manual, struct store_tx *tx, bool lock, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT approval_id, paid_by, reference, received_us FROM manual_payment "
                      "WHERE payment_id = $1",
                      S_TEXT(manual->payment_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r
                     : err_set(err, ERR_NOT_FOUND, "there is no payment by hand %s",
                               manual->payment_id);
    }
    struct approval_id id = approval_id_stored(sql_text(rows, 0));
    manual->paid_by = sql_int(rows, 1);
    manual->reference = arena_copy(manual->arena, sql_text(rows, 2));
    manual->received_us = sql_int(rows, 3);
    return approval_load(tx, manual->arena, id.text, lock, &manual->approval, err);
}

static int render(const struct manual *manual, struct store_tx *tx, bool evidence, struct buf *buf,
                  struct err *err) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"manual_payment\",\"paid_by\":\"%s\",\"reference\":",
             manual->payment_id, paid_by_name(manual->paid_by));
    buf_add_json(buf, manual->reference);
    buf_addf(buf, ",\"received_at\":\"%s\",\"approval\":", clock_format(manual->received_us, time));
    approval_render(buf, &manual->approval);
    buf_add_text(buf, ",\"payment\":");
    int r = manual_render(tx, manual->payment_id, buf, err);
    if (r >= 0 && evidence) {
        buf_add_text(buf, ",\"evidence\":");
        r = evidence_render(tx, manual->payment_id, buf, err);
    }
    buf_add_char(buf, '}');
    return r;
}

/* Answers, tells the merchant (`type` NULL: nothing) and writes the audit entry (`action`). */
static int finish(struct manual *manual, struct store_tx *tx, int status, const char *type,
                  const char *action, struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render(manual, tx, true, &buf, err);
    if (r >= 0 && type != NULL && buf_ok(&buf)) {
        r = event_tell(manual->desk->options.payments, tx, manual->approval.id.text,
                       manual->approval.state, type, buf.data, err);
    }
    if (r >= 0 && action != NULL) {
        r = audit_append(tx, manual->caller->actor, action, manual->payment_id, manual->reason,
                         "{}", err);
    }
    return r < 0 ? r : answer_take(ret_answer, status, &buf, err);
}

static int run(struct manual *manual, const char *operation, idempotent_fn *fn,
               struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payments *payments = manual->desk->options.payments;
    manual->arena = arena;
    int r = idempotent_run(payments, manual->caller, operation, fn, manual, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

/* ---- telling of one ---- */

/* VIP customers and listed ones pay by hand as a rule; for others somebody must say why. */
static int check_customer(const struct manual *manual, struct err *err) {
    const struct desk_options *options = &manual->desk->options;
    const struct payment_order *order = &manual->order->order;
    bool listed = order->customer_vip;
    for (int i = 0; !listed && order->customer_id != NULL && i < options->customer_count; i++) {
        listed = strcmp(options->customers[i], order->customer_id) == 0;
    }
    if (listed || manual->reason[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "this customer is neither VIP nor listed: it takes a reason");
    return err_place(err, "/reason");
}

static int same_transfer(const struct manual *manual, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT payment_id FROM manual_payment WHERE paid_by = $1 AND reference = $2 "
                      "AND live = 1",
                      S_INT(manual->order->paid_by), S_TEXT(manual->order->reference));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    err_set(err, ERR_STATE, "%s was told of before, as %s", manual->order->reference,
            sql_text(rows, 0));
    err_place(err, "/v1/manual-payments/%s", sql_text(rows, 0));
    return err_hint(err, "One transfer pays for one order.");
}

static int ask_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    struct manual *manual = ctx;
    const struct manual_order *order = manual->order;
    struct payment_id payment;
    struct approval_id approval;
    int r = same_transfer(manual, tx, err);
    r = r < 0 ? r : manual_begin(payments, tx, &order->order, &payment, err);
    if (r < 0) {
        return r;
    }
    manual->payment_id = arena_copy(manual->arena, payment.text);
    r = approval_ask(tx, manual->caller, APPROVES_MANUAL_PAYMENT, payment.text, manual->reason,
                     &approval, err);
    r = r < 0 ? r
              : (int)sql_exec(tx, err,
                              "INSERT INTO manual_payment (payment_id, approval_id, paid_by, "
                              "reference, received_us, live) VALUES ($1, $2, $3, $4, $5, 1)",
                              S_TEXT(payment.text), S_TEXT(approval.text), S_INT(order->paid_by),
                              S_TEXT(order->reference), S_INT(order->received_us));
    r = r < 0 ? r : load(manual, tx, false, err);
    return r < 0 ? r
                 : finish(manual, tx, 201, "manual_payment.asked", "manual_payment.ask", ret_answer,
                          err);
}

int manual_payment_ask(struct desk *desk, const struct caller *caller,
                       const struct manual_order *order, struct answer *ret_answer,
                       struct err *err) {
    struct manual manual = {
        .desk = desk, .caller = caller, .order = order, .reason = order->reason};
    int r = check_customer(&manual, err);
    if (r >= 0 && order->received_us > clock_wall_us()) {
        err_set(err, ERR_VALIDATION, "money that has not come yet cannot be told of");
        r = err_place(err, "/received_at");
    }
    return r < 0 ? r : run(&manual, "manual_payment.ask", ask_fn, ret_answer, err);
}

/* ---- evidence ---- */

static int attach_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct manual *manual = ctx;
    int r = load(manual, tx, true, err);
    if (r >= 0 && manual->approval.state != APPROVAL_WAITING) {
        r = err_set(err, ERR_STATE, "payment %s was %s by %s: nothing is added to it",
                    manual->payment_id, approval_state_name(manual->approval.state),
                    manual->approval.decided_name[0] != '\0' ? manual->approval.decided_name
                                                             : manual->approval.decided_by);
    }
    r = r < 0 ? r
              : evidence_add(tx, manual->payment_id, manual->evidence, manual->caller->actor, err);
    return r < 0 ? r : finish(manual, tx, 201, NULL, "manual_payment.evidence", ret_answer, err);
}

int manual_payment_attach(struct desk *desk, const struct caller *caller, const char *payment_id,
                          const struct evidence *evidence, struct answer *ret_answer,
                          struct err *err) {
    struct manual manual = {.desk = desk,
                            .caller = caller,
                            .payment_id = payment_id,
                            .evidence = evidence,
                            .reason = evidence->kind};
    int r = evidence_check(evidence, err);
    return r < 0 ? r : run(&manual, "manual_payment.evidence", attach_fn, ret_answer, err);
}

/* ---- deciding ---- */

static int check_evidence(const struct manual *manual, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM dispute_evidence WHERE dispute_id = $1 LIMIT 1",
                      S_TEXT(manual->payment_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    err_set(err, ERR_STATE, "payment %s has no evidence", manual->payment_id);
    return err_hint(err, "Attach what shows that the money came, then approve it.");
}

static int approve(struct manual *manual, struct store_tx *tx, struct err *err) {
    int r = check_evidence(manual, tx, err);
    return r < 0 ? r
                 : manual_receive(manual->desk->options.payments, tx, manual->payment_id,
                                  manual->reference, err);
}

static int reject(struct manual *manual, struct store_tx *tx, struct err *err) {
    int r = sql_put_one(tx, err, "UPDATE manual_payment SET live = 0 WHERE payment_id = $1",
                        S_TEXT(manual->payment_id));
    return r < 0 ? r : manual_refuse(manual->desk->options.payments, tx, manual->payment_id, err);
}

static int decide_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct manual *manual = ctx;
    int r = load(manual, tx, false, err);
    r = r < 0 ? r
              : approval_decide(tx, manual->arena, manual->caller, manual->approval.id.text,
                                manual->approve, manual->reason, &manual->approval, err);
    r = r < 0 ? r : manual->approve ? approve(manual, tx, err) : reject(manual, tx, err);
    if (r < 0) {
        return r;
    }
    return manual->approve ? finish(manual, tx, 200, "manual_payment.approved",
                                    "manual_payment.approve", ret_answer, err)
                           : finish(manual, tx, 200, "manual_payment.rejected",
                                    "manual_payment.reject", ret_answer, err);
}

int manual_payment_decide(struct desk *desk, const struct caller *caller, const char *payment_id,
                          bool approve, const char *reason, struct answer *ret_answer,
                          struct err *err) {
    struct manual manual = {.desk = desk,
                            .caller = caller,
                            .payment_id = payment_id,
                            .approve = approve,
                            .reason = reason};
    return run(&manual, approve ? "manual_payment.approve" : "manual_payment.reject", decide_fn,
               ret_answer, err);
}

/* ---- looking ---- */

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct manual *manual = ctx;
    int r = load(manual, tx, false, err);
    return r < 0 ? r : finish(manual, tx, 200, NULL, NULL, manual->answer, err);
}

int manual_payment_get(struct desk *desk, const char *payment_id, struct answer *ret_answer,
                       struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct manual manual = {
        .desk = desk, .arena = arena, .payment_id = payment_id, .answer = ret_answer};
    return store_read(desk->options.store, get_tx, &manual, err);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct manual *manual = ctx;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    int count = 0;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT m.payment_id FROM manual_payment m JOIN approval a ON a.id = "
                      "m.approval_id WHERE ($1 = 0 OR a.state = $1) ORDER BY m.payment_id DESC "
                      "LIMIT $2",
                      S_INT(manual->state), S_INT(manual->limit));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        manual->payment_id = arena_copy(manual->arena, sql_text(rows, 0));
        buf_add_text(&buf, count++ > 0 ? "," : "");
        r = load(manual, tx, false, err);
        r = r < 0 ? r : render(manual, tx, false, &buf, err);
    }
    buf_add_text(&buf, "]}");
    if (r >= 0 && !buf_ok(&buf)) {
        r = err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    if (r < 0) {
        return r;
    }
    free(manual->answer->json);
    *manual->answer = (struct answer){.status = 200, .json = buf_take(&buf)};
    return 0;
}

int manual_payment_list(struct desk *desk, const char *state, int limit, struct answer *ret_answer,
                        struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct manual manual = {
        .desk = desk, .arena = arena, .limit = limit > 0 ? limit : PAGE_ROWS, .answer = ret_answer};
    if (state[0] != '\0' && !approval_state_parse(state, &manual.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: waiting, approved, rejected.");
    }
    return store_read(desk->options.store, list_tx, &manual, err);
}
