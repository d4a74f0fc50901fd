/* SPDX-License-Identifier: Apache-2.0
 * pay_page.c: what the page behind a held order's link shows, and what its customer chooses there
 * (later.h). Who has the link may see what is to be paid, and pay it: nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/common_codes.h"
#include "payment/internal.h"
#include "payment/later.h"

struct looking {
    struct payments *payments;
    struct arena *arena;
    const char *hash;
    struct payment_row payment;
};

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT payment_id FROM deferral WHERE token_hash = $1",
                      S_TEXT(looking->hash));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no such payment link");
    }
    struct payment_id id = payment_id_stored(sql_text(rows, 0));
    return payment_row_load(tx, looking->arena, id.text, false, &looking->payment, err);
}

/* ---- what can be done ---- */

/* How this customer can be asked by the method; -1: no gateway takes it now. A browser on a phone
 * is sent to the wallet where the gateway can do that, since it cannot read its own screen; where
 * that takes the customer's address and nobody knows it, it is shown the code all the same. */
static int flow_for(struct payments *payments, const struct payment_row *payment,
                    enum payment_method method, const struct pay_visitor *visitor) {
    static const enum gateway_flow flows[] = {FLOW_MOBILE, 0};
    struct mode_route route;
    mode_route(payments->options.mode, payment->purpose, method, &route);
    for (size_t i = visitor->phone ? 0 : 1; i < COUNT_OF(flows); i++) {
        const struct route_request request = {
            .payment_id = payment->id.text,
            .method = method,
            .currency = payment->currency,
            .amount_minor = payment->amount_minor,
            .region = payment->customer_region,
            .vip = payment->customer_vip,
            .authorize = payment->capture_later,
            .flow = flows[i],
            .no_address = visitor->address[0] == '\0' && payment->customer_ip[0] == '\0',
            .portable_token = "",
            .closed = route.closed,
            .only = route.only,
        };
        struct route_plan plan;
        router_plan(payments->options.router, &request, &plan);
        if (plan.eligible_count > 0) {
            return (int)flows[i];
        }
    }
    return -1;
}

/* Cards are entered nowhere here (I9). While nothing is changed, or payments of this kind are
 * paused, there is no button that would only say so. */
static void offer_methods(struct payments *payments, const struct payment_row *payment,
                          const struct pay_visitor *visitor, bool ret_methods[METHOD_COUNT]) {
    for (int m = METHOD_CARD + 1; m < METHOD_COUNT; m++) {
        enum payment_method method = (enum payment_method)m;
        struct mode_admission admission;
        mode_admits(payments->options.mode, payment->purpose, method, &admission);
        ret_methods[m] = admission.verdict != MODE_REFUSED &&
                         flow_for(payments, payment, method, visitor) >= 0;
    }
}

static enum pay_phase phase_of(const struct payment_row *payment) {
    bool late = payment_took_late(payment);
    switch (payment->state) {
    case PAYMENT_SUCCEEDED:
    case PAYMENT_AUTHORIZED:
        return PAY_PAID;
    case PAYMENT_FAILED:
        return late ? PAY_PROCESSING : PAY_FAILED;
    case PAYMENT_CANCELED:
        return late                                            ? PAY_PROCESSING
               : strcmp(payment->failure_code, "expired") == 0 ? PAY_EXPIRED
                                                               : PAY_CANCELED;
    case PAYMENT_REQUIRES_ACTION:
        if (late) {
            return PAY_PROCESSING;
        }
        if (payment_asks_for_method(payment)) {
            return payment->deferred_until_us > clock_wall_us() ? PAY_OPEN : PAY_EXPIRED;
        }
        return payment->action[0] != '\0' ? PAY_ACT : PAY_PROCESSING;
    default:
        return PAY_PROCESSING;
    }
}

static void fill(struct looking *looking, const struct pay_visitor *visitor,
                 struct pay_look *ret_look) {
    const struct payment_row *payment = &looking->payment;
    enum pay_phase phase = phase_of(payment);
    *ret_look = (struct pay_look){
        .id = payment->id,
        .version = payment->version,
        .phase = phase,
        .order_id = payment->order_id,
        .description = payment->description,
        .return_url = payment->return_url,
        .amount_minor = payment->amount_minor,
        .currency = payment->currency,
        .method = payment->method,
        .action = payment->action,
        .action_data = payment->action_data,
        .action_expires_us = payment->action_expires_us,
        .until_us = payment->deferred_until_us,
        .failure_english = "",
        .failure_chinese = "",
        .sentence_english = render_sentence(payment, "en"),
        .sentence_chinese = render_sentence(payment, "zh"),
    };
    if (payment->failure_code[0] != '\0') {
        const struct common_code *code = common_code_find(payment->failure_code);
        ret_look->failure_english = code->failed_english;
        ret_look->failure_chinese = code->failed_chinese;
    }
    if (phase == PAY_OPEN || (phase == PAY_ACT && payment->deferred_until_us > clock_wall_us())) {
        offer_methods(looking->payments, payment, visitor, ret_look->methods);
    }
}

int pay_look(struct payments *payments, const char *token, const struct pay_visitor *visitor,
             struct arena *arena, struct pay_look *ret_look, struct err *err) {
    char hash[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(token, strlen(token), hash);
    struct looking looking = {.payments = payments, .arena = arena, .hash = hash};
    int r = store_read(payments->options.store, find_tx, &looking, err);
    if (r >= 0) {
        fill(&looking, visitor, ret_look);
    }
    return r;
}

/* ---- choosing ---- */

struct choosing {
    struct arena *arena;
    const char *payment_id;
    struct payment_row payment;
};

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct choosing *choosing = ctx;
    return payment_row_load(tx, choosing->arena, choosing->payment_id, false, &choosing->payment,
                            err);
}

int pay_choose(struct payments *payments, const struct pay_look *look, enum payment_method method,
               const struct pay_visitor *visitor, struct err *err) {
    char scope[ID_TEXT_MAX + 8], key[40], text[80], hash[SHA256_HEX_CHARS + 1];
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct choosing choosing = {.arena = arena, .payment_id = look->id.text};
    if (look->phase != PAY_OPEN && look->phase != PAY_ACT) {
        return err_set(err, ERR_STATE, "payment %s is not open to its customer", look->id.text);
    }
    int r = store_read(payments->options.store, load_tx, &choosing, err);
    if (r < 0) {
        return r;
    }
    int flow = flow_for(payments, &choosing.payment, method, visitor);
    if (flow < 0) {
        return err_set(err, ERR_NO_GATEWAY, "no gateway takes this payment by %s now",
                       method_name(method));
    }
    /* The same choice on the same page is one, however often the button is pressed. */
    snprintf(scope, sizeof scope, "pay:%s", look->id.text);
    snprintf(key, sizeof key, "page %lld", (long long)look->version);
    snprintf(text, sizeof text, "%s %s", key, method_name(method));
    crypto_sha256_hex(text, strlen(text), hash);
    const struct caller caller = {
        .actor = "customer", .scope = scope, .key = key, .request_hash = hash};
    const struct payment_choice choice = {.method = method,
                                          .flow = (enum gateway_flow)flow,
                                          .token = "",
                                          .customer_ip = visitor->address};
    ANSWER_AUTO answer = {0};
    return payment_choose(payments, &caller, look->id.text, &choice, &answer, err);
}
