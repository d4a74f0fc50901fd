/* SPDX-License-Identifier: Apache-2.0
 * probes.h: payments that we make ourselves, by gateway and method, to see whether a customer could
 * pay now (GW-4); and the way to each gateway, step by step.
 *
 *   WAITS ──its time, or asked for──► PAYS ──judged──► UNDOES ──nothing is left──► WAITS
 *
 * WAITS   a job (kind "probe", key: its name) is due at due_us. A gateway that is switched off or
 *         drains, a method that is switched off, and a service that takes nothing are not probed:
 *         the time is let pass, and `note` says why.
 * PAYS    a payment of PURPOSE_PROBE is made by payment_create(), at that gateway alone, under the
 *         order "probe:NAME:NUMBER" and a key of the same name. After a crash the same payment is
 *         gone on with. As soon as its gateway has answered, or nobody knows, it is judged: once.
 * UNDOES  what it has taken is given back by the payment's own state: a hold is cancelled, a charge
 *         refunded, an order that waits for a customer closed. What nobody knows the resolver finds
 *         out. It is not over before nothing is left.
 *
 * 1. One run of a probe at a time, over all instances: there is one row and one job of its name.
 *    A run that is not over when the next is due is not doubled.
 * 2. It is a payment like any other in what it does at the gateway, in the ledger and on
 *    statements; it is in no figure, slice, rate, limit of cards or fraud rule, and no merchant is
 *    told of it.
 * 3. What it moves is booked on gateway:NAME:probes instead of income and expense.
 * A probe that is no longer configured ends its run first; then its row goes.
 * Threads: any. Errors: those of store.h. */
#ifndef HOLDFAST_PAYMENT_PROBES_H
#define HOLDFAST_PAYMENT_PROBES_H

#include "payment/payments.h"

enum {
    PROBES_MAX = 64,
    PROBE_NAME_CHARS_MAX = 60,
    PROBE_FAILURES_TOLD = 2, /* so many runs in a row that went amiss raise an alert */
    PROBE_NOTE_BYTES = 200,
};
/* What is taken is given back within seconds; an order that only its own end closes (UnionPay)
 * within this. Later it is a leftover, and told. */
#define PROBE_LEFT_US (60 * 60 * US_PER_SECOND)

enum probe_state { PROBE_WAITS = 1, PROBE_PAYS = 2, PROBE_UNDOES = 3 };
enum probe_result {
    PROBE_NO_RESULT = 0,
#define X(name, number, text, what) PROBE_##name = (number),
#include "payment/probe_results.def"
#undef X
};
const char *probe_result_name(int64_t result); /* "ok"; "" for none */
const char *probe_result_means(int64_t result);

/* One probe as configured. Texts are borrowed for the machine's life. */
struct probe_settings {
    const char *name, *gateway;
    enum payment_method method;
    enum probe_way way;
    enum gateway_flow flow; /* PROBE_ORDER_CLOSE: 0: the gateway's first that is made by a call */
    int64_t amount_minor;
    struct currency currency;
    const char *token; /* of a card or wallet of our own; "" with PROBE_ORDER_CLOSE */
    int64_t every_us;
    int64_t slow_us; /* an answer that took longer is PROBE_SLOW */
};

/* One probe as it stands. */
struct probe_view {
    char name[PROBE_NAME_CHARS_MAX + 1];
    const struct probe_settings *settings; /* NULL: it is configured no longer, and ends */
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    enum payment_method method;
    enum probe_way way;
    enum probe_state state;
    enum probe_result result;
    int64_t number, duration_us, begun_us, judged_us, ended_us, due_us; /* wall; 0: not yet */
    int64_t failures, failing_us, ok_us;
    char payment_id[ID_TEXT_MAX], code[GATEWAY_CODE_CHARS_MAX + 1], note[PROBE_NOTE_BYTES];
};
/* Up to `max` in the order of names; returns how many. */
MUST_USE int probes_view(struct payments *payments, struct probe_view *ret_views, int max,
                         struct err *err);
/* What it moved has not been given back for PROBE_LEFT_US. */
bool probe_is_leftover(const struct probe_view *view, int64_t now_us);
/* {"data":[…]}. */
MUST_USE int probes_list(struct payments *payments, struct answer *ret_answer, struct err *err);
/* Wants a run now, of the one that is under way that it goes on: 202 with it. ERR_NOT_FOUND;
 * ERR_STATE with why it is not probed now. */
MUST_USE int probe_ask(struct payments *payments, const char *name, struct answer *ret_answer,
                       struct err *err);

/* ---- the way there ---- */

/* The last time that this instance went the way to a gateway, with a connection of its own and
 * without credentials: whatever HTTP status it was answered with, it was answered. */
struct gateway_way {
    int64_t at_us; /* wall; 0: not yet */
    struct http_trace trace;
    enum http_failure failure;
    int http_status, failures; /* in a row */
    int64_t failing_us;        /* wall: since when; 0: it is well */
    char why[160];
    /* The last harmless call with credentials (the adapter's probe). */
    int64_t asked_us, asked_failing_us; /* wall; 0: not yet, it is well */
    enum gateway_outcome asked;         /* GW_NONE: well */
    int asked_failures;
    char asked_code[GATEWAY_CODE_CHARS_MAX + 1];
};
/* `index` as in gateway_at(). */
/* Goes it now, in the calling task, and adds what was seen to `way`. True: it was answered. */
bool gateway_way_go(struct http_client *client, const struct gateway *gateway,
                    struct gateway_way *way);
void gateway_way_look(struct payments *payments, int index, struct gateway_way *ret_way);

#endif
