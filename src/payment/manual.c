/* SPDX-License-Identifier: Apache-2.0
 * manual.c: payments whose money came past every gateway (later.h): by bank, in cash. They hold
 * their order from the moment that one person tells of them, and count as paid when another one has
 * agreed; who may say so is the desk's business. The attempt has no gateway, so that nothing is
 * ever asked or sent for it; its money lies on a clearing account until it is found on a statement.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/ledger.h"
#include "payment/internal.h"
#include "payment/later.h"

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

int manual_begin(struct payments *payments, struct store_tx *tx, const struct payment_order *order,
                 struct payment_id *ret_id, struct err *err) {
    int64_t now = clock_wall_us();
    struct payment_row row = {
        .id = payment_id_new(),
        .version = 1,
        .order_id = order->order_id,
        .holds_order = !payments->options.several_per_order,
        .state = PAYMENT_CREATED,
        .amount_minor = order->amount_minor,
        .currency = order->currency,
        .method = METHOD_MANUAL,
        .purpose = PURPOSE_ORDER,
        .customer_id = or_empty(order->customer_id),
        .customer_region = or_empty(order->customer_region),
        .customer_vip = order->customer_vip,
        .customer_segment = or_empty(order->customer_segment),
        .tokens = "{}",
        .description = or_empty(order->description),
        .metadata = "{}",
        .created_us = now,
        .updated_us = now,
    };
    int r = mode_may_change(payments->options.mode, err);
    r = r < 0 ? r : payment_row_insert(tx, &row, err);
    if (r == 0) {
        return order_taken(tx, order->order_id, err);
    }
    if (r > 0) {
        *ret_id = row.id;
    }
    return r < 0 ? r : 0;
}

static int load(struct payments *payments, struct store_tx *tx, struct arena *arena,
                const char *payment_id, struct payment_row *ret_row, struct err *err) {
    int r = mode_may_change(payments->options.mode, err);
    r = r < 0 ? r : payment_row_load(tx, arena, payment_id, true, ret_row, err);
    if (r >= 0 && (ret_row->method != METHOD_MANUAL || ret_row->state != PAYMENT_CREATED)) {
        return err_set(err, ERR_STATE, "payment %s is %s and waits for nobody's word", payment_id,
                       payment_state_name(ret_row->state));
    }
    return r;
}

static int write_attempt(struct store_tx *tx, struct payment_row *payment, const char *reference,
                         struct err *err) {
    int64_t now = clock_wall_us();
    const struct attempt_row attempt = {
        .id = attempt_id_new(),
        .payment_id = payment->id,
        .number = ++payment->attempts,
        .gateway = GATEWAY_BY_HAND,
        .state = ATTEMPT_CHARGED,
        .amount_minor = payment->amount_minor,
        .currency = payment->currency,
        .decision = "{}",
        .outcome = GW_CHARGED,
        .source = "person",
        .code = "by_hand",
        .charge_id = reference,
        .sent_us = now,
        .created_us = now,
        .settled_us = now,
        .method = payment->method,
    };
    const struct posting posting = {
        .kind = POST_MANUAL,
        .cause = attempt.id.text,
        .payment_id = payment->id.text,
        .gateway = "",
        .customer = "",
        .amount_minor = payment->amount_minor,
        .currency = payment->currency,
        .at_us = now,
    };
    payment->gateway = GATEWAY_BY_HAND;
    payment->authorized_minor = payment->amount_minor;
    payment->captured_minor = payment->amount_minor;
    int r = attempt_row_insert(tx, &attempt, err);
    return r < 0 ? r : ledger_post(tx, &posting, err);
}

int manual_receive(struct payments *payments, struct store_tx *tx, const char *payment_id,
                   const char *reference, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    int r = load(payments, tx, arena, payment_id, &payment, err);
    r = r < 0 ? r : write_attempt(tx, &payment, reference, err);
    return r < 0 ? r : payment_move(payments, tx, &payment, EVENT_RECEIVE, err);
}

int manual_refuse(struct payments *payments, struct store_tx *tx, const char *payment_id,
                  struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    int r = load(payments, tx, arena, payment_id, &payment, err);
    return r < 0 ? r : payment_move(payments, tx, &payment, EVENT_CANCEL, err);
}

int manual_render(struct store_tx *tx, const char *payment_id, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    int r = payment_row_load(tx, arena, payment_id, false, &payment, err);
    if (r >= 0) {
        render_payment(buf, &payment);
    }
    return r;
}
