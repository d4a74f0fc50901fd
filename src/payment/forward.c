/* SPDX-License-Identifier: Apache-2.0
 * forward.c: store and forward: small payments that are taken while no gateway can be reached, and
 * charged by and by when one can (later.h).
 *
 * Who and what may is listed in the configuration; nothing is by default. How much may wait in a
 * currency is summed up under the lock of the currency's row, so that several at once do not pass
 * the bound together. A queued payment ends like any other: charged, declined (then it failed, and
 * says so), cancelled while it waits, or failed when it has waited for too long, certainly not
 * charged. What was sent and not answered waits for its answer, however long (I6).
 *
 * One is begun after the other, FORWARD_GAP_US apart over all instances: a gateway that has just
 * come back is not run over. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/plant.h"
#include "base/random.h"
#include "payment/flow.h"

#define FORWARD_GAP_US (200 * US_PER_MS)
#define FORWARD_AGAIN_US (15 * US_PER_SECOND) /* until it is seen whether there is a route */
enum { FORWARD_SPREAD = 16 };

/* ---- whether it may ---- */

static int may_not(const char *place, const char *why, struct err *err) {
    err_set(err, ERR_VALIDATION, "this payment cannot be queued: %s", why);
    err_place(err, "%s", place);
    return err_hint(err, "See `forward` in the configuration; without `queue` it is charged now.");
}

static bool customer_listed(const struct forward_options *options,
                            const struct payment_row *payment) {
    if (options->vip && payment->customer_vip) {
        return true;
    }
    for (int i = 0; i < options->customer_count; i++) {
        if (payment->customer_id[0] != '\0' &&
            strcmp(options->customers[i], payment->customer_id) == 0) {
            return true;
        }
    }
    return false;
}

static const struct forward_limit *limit_of(const struct forward_options *options,
                                            struct currency currency) {
    for (int i = 0; i < options->limit_count; i++) {
        if (currency_equal(options->limits[i].currency, currency)) {
            return &options->limits[i];
        }
    }
    return NULL;
}

static int check_kind(const struct forward_options *options, const struct payment_row *payment,
                      struct err *err) {
    if (!options->enabled) {
        return may_not("/queue", "nothing is queued here", err);
    }
    if (!options->purposes[payment->purpose]) {
        return may_not("/purpose", "not for this purpose", err);
    }
    if (!customer_listed(options, payment)) {
        return may_not("/customer", "its customer is not listed", err);
    }
    if (strcmp(payment->tokens, "{}") == 0) {
        return may_not("/token", "without a token its customer would have to be there", err);
    }
    return 0;
}

static int over(const char *what, int64_t bound_minor, struct currency currency, struct err *err) {
    char text[MONEY_TEXT_MAX];
    err_set(err, ERR_AMOUNT, "%s may be queued, and this payment is more", what);
    err_place(err, "/amount");
    return err_hint(err, "The bound is %s.", money_show(bound_minor, currency, text));
}

/* The row that is locked while its currency's sum is made. */
static int lock_gate(struct store_tx *tx, struct currency currency, int64_t *ret_next_us,
                     struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO forward_gate (currency, next_us) VALUES ($1, 0) ON CONFLICT "
                    "(currency) DO NOTHING",
                    S_TEXT(currency.code));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT next_us FROM forward_gate WHERE currency = $1 FOR UPDATE",
                          S_TEXT(currency.code));
    r = r < 0 ? r : row_found(rows, "gate of", currency.code, err);
    if (r >= 0) {
        *ret_next_us = sql_int(rows, 0);
    }
    return r;
}

static int check_sum(struct store_tx *tx, const struct payment_row *payment,
                     const struct forward_limit *limit, struct err *err) {
    static const char waiting[] = "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                                  "forward WHERE currency = $1 AND done_us = 0";
    /* As who does not lock it sees it: without what others have queued at this moment. */
    static const char raced[] = "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                                "forward WHERE currency = $1 AND done_us = 0 AND created_us < "
                                "(SELECT MAX(created_us) FROM forward) - 1000000";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, PLANTED(CAP_RACED) ? raced : waiting,
                      S_TEXT(payment->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    return sql_int(rows, 0) + payment->amount_minor <= limit->total_minor
               ? 0
               : over("so much altogether", limit->total_minor, payment->currency, err);
}

int forward_fits(struct payments *payments, struct store_tx *tx, const struct payment_row *payment,
                 struct err *err) {
    const struct forward_options *options = &payments->options.forward;
    int r = check_kind(options, payment, err);
    if (r < 0) {
        return r;
    }
    const struct forward_limit *limit = limit_of(options, payment->currency);
    if (limit == NULL) {
        return may_not("/currency", "not in this currency", err);
    }
    if (payment->amount_minor > limit->each_minor) {
        return over("so much at once", limit->each_minor, payment->currency, err);
    }
    int64_t next_us;
    r = lock_gate(tx, payment->currency, &next_us, err);
    return r < 0 ? r : check_sum(tx, payment, limit, err);
}

/* ---- in and out ---- */

int payment_queue(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  struct err *err) {
    int64_t now = clock_wall_us();
    int r = forward_fits(payments, tx, payment, err);
    if (r < 0) {
        return r;
    }
    payment->queued_until_us = now + payments->options.forward.age_us;
    r = sql_put(tx, err,
                "INSERT INTO forward (payment_id, currency, amount_minor, until_us, created_us, "
                "done_us) VALUES ($1, $2, $3, $4, $5, 0)",
                S_TEXT(payment->id.text), S_TEXT(payment->currency.code),
                S_INT(payment->amount_minor), S_INT(payment->queued_until_us), S_INT(now));
    r = r < 0 ? r : job_put(tx, JOB_FORWARD, payment->id.text, now, "", err);
    return r < 0 ? r : payment_move(payments, tx, payment, EVENT_QUEUE, err);
}

int forward_done(struct store_tx *tx, struct payment_row *payment, struct err *err) {
    payment->queued_until_us = 0;
    return sql_put(tx, err, "UPDATE forward SET done_us = $2 WHERE payment_id = $1",
                   S_TEXT(payment->id.text), S_INT(clock_wall_us()));
}

/* ---- the job ---- */

struct sending {
    struct flow *flow;
    const char *payment_id;
    int64_t again_us; /* 0: there is nothing more to do */
};

/* 1: it is this one's turn. */
static int take_turn(struct sending *sending, struct store_tx *tx, int64_t now_us,
                     struct err *err) {
    const struct payment_row *payment = &sending->flow->payment;
    int64_t next_us;
    int r = lock_gate(tx, payment->currency, &next_us, err);
    if (r < 0) {
        return r;
    }
    /* A turn that is far away was given by a clock that has been set back since. */
    if (next_us > now_us && next_us <= now_us + FORWARD_GAP_US) {
        sending->again_us = next_us + (int64_t)random_below(FORWARD_SPREAD) * FORWARD_GAP_US;
        return 0;
    }
    r = sql_put(tx, err, "UPDATE forward_gate SET next_us = $2 WHERE currency = $1",
                S_TEXT(payment->currency.code), S_INT(now_us + FORWARD_GAP_US));
    return r < 0 ? r : 1;
}

static int read_tokens(struct flow *flow, struct err *err) {
    json_decref(flow->tokens);
    flow->tokens = NULL;
    int r = json_read(flow->payment.tokens, strlen(flow->payment.tokens), JSON_BODY_BYTES_MAX,
                      JSON_DEPTH_MAX, &flow->tokens, err);
    if (r >= 0) {
        card_of(flow->payments, flow->payment.method, flow->tokens, &flow->card);
    }
    return r;
}

/* What it is for is switched off, or no part of the simplified flow. */
static bool is_paused(const struct flow *flow) {
    struct mode_admission admission;
    mode_admits(flow->payments->options.mode, flow->payment.purpose, flow->payment.method,
                &admission);
    return admission.verdict == MODE_REFUSED;
}

/* A row of it is open: loaded and without an attempt that may yet be charged. */
static int send_open(struct sending *sending, struct store_tx *tx, struct err *err) {
    struct flow *flow = sending->flow;
    int64_t now = clock_wall_us();
    sending->again_us = now + FORWARD_AGAIN_US;
    if (now >= flow->payment.queued_until_us) {
        sending->again_us = 0;
        payment_failed_by(&flow->payment, "gateway_unavailable", 0);
        return payment_move(flow->payments, tx, &flow->payment, EVENT_FAIL, err);
    }
    int r = read_tokens(flow, err);
    if (r < 0) {
        return r;
    }
    flow_plan(flow);
    if (flow->plan.eligible_count == 0 || is_paused(flow)) {
        return 0;
    }
    r = card_check(tx, &flow->card, now, &flow->verdict, err);
    if (r >= 0 && flow->verdict.code != NULL) {
        sending->again_us = 0;
        return flow_fail_for_card(flow, tx, err);
    }
    r = r < 0 ? r : take_turn(sending, tx, now, err);
    if (r <= 0) {
        return r;
    }
    flow->sending = flow_next_attempt(flow);
    if (!flow->sending) {
        return 0;
    }
    flow->payment.failure_code = "";
    flow->payment.failure_message = "";
    flow->payment.failure_again_us = 0;
    r = payment_move(flow->payments, tx, &flow->payment, EVENT_SEND, err);
    return r < 0 ? r : flow_write_attempt(flow, tx, err);
}

static int send_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct sending *sending = ctx;
    struct flow *flow = sending->flow;
    struct attempt_row live;
    flow->sending = false;
    flow->tried_count = 0;
    flow->verdict = (struct card_verdict){0};
    sending->again_us = 0;
    int r = payment_row_load(tx, flow->arena, sending->payment_id, true, &flow->payment, err);
    if (r < 0 || flow->payment.queued_until_us == 0) {
        return r;
    }
    if (mode_may_change(flow->payments->options.mode, err) < 0) {
        err_clear(err); /* nothing new is begun while all is closed, and nobody's time is over */
        sending->again_us = clock_wall_us() + FORWARD_AGAIN_US;
        return 0;
    }
    r = attempt_row_live(tx, flow->arena, sending->payment_id, &live, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return send_open(sending, tx, err);
    }
    sending->again_us = clock_wall_us() + FORWARD_AGAIN_US; /* it was sent; its answer will tell */
    return r;
}

static int left_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct sending *sending = ctx;
    struct flow *flow = sending->flow;
    return payment_row_load(tx, flow->arena, sending->payment_id, false, &flow->payment, err);
}

int forward_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    static const struct caller nobody = {.actor = "rule:forward", .scope = "", .request_hash = ""};
    struct payments *payments = ctx;
    struct store *store = payments->options.store;
    ANSWER_AUTO answer = {0};
    FLOW_AUTO flow;
    flow_init(&flow, payments, &nobody, "payment.forward", &answer);
    struct sending sending = {.flow = &flow, .payment_id = job->key};
    int r = store_write(store, send_tx, &sending, err);
    if (r >= 0 && flow.sending) {
        r = flow_drive(&flow, err);
        if (r < 0) {
            leases_release(payments, &nobody, flow.attempt.id.text, "");
        }
        r = r < 0 ? r : store_read(store, left_tx, &sending, err);
        sending.again_us = flow.payment.queued_until_us > 0 ? clock_wall_us() + FORWARD_AGAIN_US
                                                            : 0;
    }
    if (r >= 0) {
        *ret_again_us = sending.again_us;
        jobs_wake(payments);
    }
    return r;
}
