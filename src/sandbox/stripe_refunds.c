/* SPDX-License-Identifier: Apache-2.0
 * stripe_refunds.c: the calls about refunds, and how a pending refund ends. */
#include "sandbox/stripe.h"

static const char *const reasons[] = {"", "duplicate", "fraudulent", "requested_by_customer", NULL};

/* The charge that a refund is about; NULL when the error has been written. */
static struct sb_charge *charge_of(struct sb_stripe_call *call) {
    const char *intent_id = sb_form_get(&call->form, "payment_intent");
    const char *charge_id = sb_form_get(&call->form, "charge");
    struct sb_stripe_error error = {400, "invalid_request_error", "parameter_missing", "charge"};
    if (charge_id != NULL && charge_id[0] != '\0') {
        struct sb_charge *charge = sb_place_find(call->place, SB_STRIPE_CHARGE, charge_id);
        if (charge == NULL) {
            sb_stripe_missing(call, "charge", "charge", charge_id);
        }
        return charge;
    }
    if (intent_id == NULL || intent_id[0] == '\0') {
        sb_stripe_fail(call, &error,
                       "One of the following params should be provided for this request: "
                       "payment_intent or charge.");
        return NULL;
    }
    struct sb_intent *intent = sb_place_find(call->place, SB_STRIPE_INTENT, intent_id);
    if (intent == NULL) {
        sb_stripe_missing(call, "payment_intent", "payment_intent", intent_id);
        return NULL;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    lock_take(&shard->lock);
    struct sb_charge *charge = intent->now->charge;
    bool took = charge != NULL && charge->entry != NULL && charge->now->captured;
    lock_give(&shard->lock);
    if (!took) {
        error.code = "payment_intent_unexpected_state";
        error.param = "payment_intent";
        sb_stripe_fail(call, &error,
                       "This PaymentIntent (%.80s) does not have a successful charge to "
                       "refund.",
                       intent_id);
        return NULL;
    }
    return charge;
}

struct refusal {
    const char *code, *param, *message;
};

/* Why the charge cannot give back that much; NULL: it can. The lock is held. */
static const struct refusal *why_not(const struct sb_charge *charge, int64_t amount) {
    static const struct refusal failed = {NULL, "charge",
                                          "This charge was not captured; there is nothing "
                                          "to refund."};
    static const struct refusal disputed = {"charge_disputed", "charge",
                                            "This charge has been charged back."};
    static const struct refusal refunded = {"charge_already_refunded", "charge",
                                            "This charge has already been refunded."};
    static const struct refusal too_much = {NULL, "amount",
                                            "Refund amount is greater than unrefunded "
                                            "amount on charge."};
    static const struct refusal too_little = {"parameter_invalid_integer", "amount",
                                              "This value must be greater than or equal to 1."};
    const struct sb_charge_now *now = charge->now;
    if (charge->entry == NULL || !now->captured) {
        return &failed;
    }
    if (now->disputed) {
        return &disputed;
    }
    if (now->amount_refunded >= now->amount_captured) {
        return &refunded;
    }
    if (amount != -1 && amount < 1) {
        return &too_little;
    }
    return amount > now->amount_captured - now->amount_refunded ? &too_much : NULL;
}

/* The lock is held. */
static struct sb_refund *refund_new(struct sb_stripe_call *call, struct sb_charge *charge,
                                    int64_t amount, const struct buf *metadata) {
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(call->place, SB_STRIPE_REFUND, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = &sb_place_shard(call->place, charge->intent->number)->hoard;
    struct sb_refund *refund = sb_hoard_take(hoard, sizeof(*refund));
    *refund = (struct sb_refund){
        .number = number,
        .charge = charge,
        .before = charge->refunds,
        .created_us = created_us,
        .amount = amount,
        .metadata = sb_hoard_bytes(hoard, metadata->data, metadata->len),
        .now = sb_hoard_take(hoard, sizeof(struct sb_refund_now)),
    };
    charge->refunds = refund;
    sb_place_put(call->place, SB_STRIPE_REFUND, number, refund);
    return refund;
}

static void give_back(struct sb_stripe_call *call, struct sb_refund *refund) {
    struct sb_charge *charge = refund->charge;
    enum sb_effect effect = sb_method_row(charge->method)->effect;
    bool pending = effect == SB_EFFECT_REFUND_PENDING;
    refund->now->status = pending ? SB_REFUND_PENDING : SB_REFUND_SUCCEEDED;
    struct sb_charge_now *now = sb_charge_next(call->place, charge);
    now->refunded_before = now->amount_refunded;
    now->amount_refunded += refund->amount;
    sb_book_refund(&call->sandbox->book, charge->entry,
                   sb_stripe_to_minor(refund->amount, charge->intent->currency), refund);
    sb_stripe_tell(call, SB_EV_STRIPE_REFUND_CREATED, refund, refund->now);
    sb_stripe_tell(call, SB_EV_STRIPE_CHARGE_REFUNDED, charge, now);
    if (pending || effect == SB_EFFECT_REFUND_FAIL) {
        sb_settle_later(call->sandbox, SB_STRIPE, refund);
    }
}

static void outcome_of(const struct sb_stripe_call *call, const struct sb_refund *refund,
                       struct sb_outcome *ret_outcome) {
    *ret_outcome = (struct sb_outcome){200, SB_SHAPE_REFUND, call->expand, refund, refund->now};
}

void sb_refund_create(struct sb_stripe_call *call) {
    int64_t amount = -1;
    int reason = 0;
    BUF_AUTO metadata;
    buf_init(&metadata, SB_BODY_BYTES_MAX);
    if (!sb_param_int(call, "amount", &amount) ||
        !sb_param_choice(call, "reason", reasons, &reason) ||
        !sb_param_metadata(call, NULL, &metadata)) {
        return;
    }
    struct sb_charge *charge = charge_of(call);
    if (charge == NULL || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, charge->intent->number);
    lock_take(&shard->lock);
    const struct refusal *refusal = why_not(charge, amount);
    if (refusal != NULL) {
        lock_give(&shard->lock);
        struct sb_stripe_error error = {400, "invalid_request_error", refusal->code,
                                        refusal->param};
        sb_stripe_refuse(call, &error, NULL, NULL, "%s", refusal->message);
        return;
    }
    amount = amount == -1 ? charge->now->amount_captured - charge->now->amount_refunded : amount;
    struct sb_refund *refund = refund_new(call, charge, amount, &metadata);
    if (refund == NULL) {
        lock_give(&shard->lock);
        sb_stripe_full(call);
        return;
    }
    refund->reason = (uint8_t)reason;
    give_back(call, refund);
    struct sb_outcome outcome;
    outcome_of(call, refund, &outcome);
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

static struct sb_refund *named_refund(struct sb_stripe_call *call) {
    struct sb_refund *refund = sb_place_find(call->place, SB_STRIPE_REFUND, call->id);
    if (refund == NULL) {
        sb_stripe_missing(call, "refund", "id", call->id);
    }
    return refund;
}

static struct sb_shard *shard_of(struct sb_stripe_call *call, const struct sb_refund *refund) {
    return sb_place_shard(call->place, refund->charge->intent->number);
}

void sb_refund_retrieve(struct sb_stripe_call *call) {
    struct sb_refund *refund = named_refund(call);
    if (refund == NULL) {
        return;
    }
    struct sb_outcome outcome;
    lock_take(&shard_of(call, refund)->lock);
    outcome_of(call, refund, &outcome);
    lock_give(&shard_of(call, refund)->lock);
    sb_stripe_show(call, &outcome);
}

void sb_refund_update(struct sb_stripe_call *call) {
    struct sb_refund *refund = named_refund(call);
    if (refund == NULL) {
        return;
    }
    BUF_AUTO metadata;
    buf_init(&metadata, SB_BODY_BYTES_MAX);
    struct sb_shard *shard = shard_of(call, refund);
    lock_take(&shard->lock);
    const char *before = refund->metadata;
    lock_give(&shard->lock);
    if (!sb_param_metadata(call, before, &metadata) || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_outcome outcome;
    lock_take(&shard->lock);
    refund->metadata = sb_hoard_bytes(&shard->hoard, metadata.data, metadata.len);
    sb_stripe_tell(call, SB_EV_STRIPE_REFUND_UPDATED, refund, refund->now);
    outcome_of(call, refund, &outcome);
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

/* Only a refund that waits for the customer can be cancelled, and none of the sandbox's does. */
void sb_refund_cancel(struct sb_stripe_call *call) {
    struct sb_refund *refund = named_refund(call);
    if (refund == NULL || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_stripe_error error = {400, "invalid_request_error", "refund_unexpected_state", NULL};
    sb_stripe_refuse(call, &error, NULL, NULL,
                     "A refund can only be canceled while its status is "
                     "requires_action.");
}

/* The end of a refund that was pending, or that only seemed to have succeeded. */
void sb_stripe_settle(struct sandbox *sandbox, void *object) {
    struct sb_refund *refund = object;
    struct sb_charge *charge = refund->charge;
    struct sb_place *place = sandbox->places[SB_STRIPE];
    struct sb_shard *shard = sb_place_shard(place, charge->intent->number);
    lock_take(&shard->lock);
    struct sb_refund_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
    bool fails = sb_method_row(charge->method)->effect == SB_EFFECT_REFUND_FAIL;
    now->status = fails ? SB_REFUND_FAILED : SB_REFUND_SUCCEEDED;
    refund->now = now;
    if (fails) {
        struct sb_charge_now *charge_now = sb_charge_next(place, charge);
        charge_now->amount_refunded -= refund->amount;
        charge_now->refunded_before = charge_now->amount_refunded;
        sb_book_refund(&sandbox->book, charge->entry,
                       -sb_stripe_to_minor(refund->amount, charge->intent->currency), refund);
        sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_REFUND_FAILED, refund, now, NULL);
    } else {
        sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_REFUND_UPDATED, refund, now, NULL);
    }
    sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_CHARGE_REFUND_UPDATED, refund, now, NULL);
    lock_give(&shard->lock);
}
