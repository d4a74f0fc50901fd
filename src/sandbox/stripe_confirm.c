/* SPDX-License-Identifier: Apache-2.0
 * stripe_confirm.c: what confirming an intent does: charge, hold, decline, or ask the customer's
 * bank. */
#include "base/clock.h"
#include "sandbox/stripe.h"

struct sb_intent_now *sb_intent_next(struct sb_place *place, struct sb_intent *intent) {
    struct sb_intent_now *next = sb_hoard_take(&sb_place_shard(place, intent->number)->hoard,
                                               sizeof(*next));
    *next = *intent->now;
    intent->now = next;
    return next;
}

struct sb_charge_now *sb_charge_next(struct sb_place *place, struct sb_charge *charge) {
    struct sb_intent *intent = charge->intent;
    struct sb_charge_now *next = sb_hoard_take(&sb_place_shard(place, intent->number)->hoard,
                                               sizeof(*next));
    *next = *charge->now;
    charge->now = next;
    if (intent->now->charge == charge) {
        sb_intent_next(place, intent)->charge_now = next;
    }
    return next;
}

struct sb_intent *sb_intent_new(struct sb_place *place, const struct sb_intent_now *first,
                                struct currency currency, struct sb_shard **ret_shard) {
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(place, SB_STRIPE_INTENT, &number, &created_us)) {
        return NULL;
    }
    struct sb_shard *shard = sb_place_shard(place, number);
    lock_take(&shard->lock);
    struct sb_intent *intent = sb_hoard_take(&shard->hoard, sizeof(*intent));
    struct sb_intent_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
    *now = *first;
    *intent = (struct sb_intent){number, currency, created_us, now};
    *ret_shard = shard;
    return intent;
}

/* A charge of what the intent asks for, with its present method. NULL: the place is full. */
static struct sb_charge *charge_new(struct sb_stripe_call *call, struct sb_intent *intent,
                                    enum sb_charge_status status) {
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(call->place, SB_STRIPE_CHARGE, &number, &created_us)) {
        return NULL;
    }
    struct sb_hoard *hoard = &sb_place_shard(call->place, intent->number)->hoard;
    struct sb_charge *charge = sb_hoard_take(hoard, sizeof(*charge));
    *charge = (struct sb_charge){
        .number = number,
        .status = (uint8_t)status,
        .method = intent->now->method,
        .intent = intent,
        .created_us = created_us,
        .amount = intent->now->amount,
        .metadata = intent->now->metadata,
        .now = sb_hoard_take(hoard, sizeof(struct sb_charge_now)),
    };
    sb_place_put(call->place, SB_STRIPE_CHARGE, number, charge);
    return charge;
}

bool sb_intent_decline(struct sb_stripe_call *call, struct sb_intent *intent, int decline) {
    struct sb_charge *charge = charge_new(call, intent, SB_CHARGE_FAILED);
    if (charge == NULL) {
        return false;
    }
    charge->decline = (uint8_t)decline;
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->status = SB_INTENT_METHOD;
    now->decline = (uint8_t)decline;
    now->method = 0;
    now->charge = charge;
    now->charge_now = charge->now;
    sb_stripe_tell(call, SB_EV_STRIPE_CHARGE_FAILED, charge, charge->now);
    sb_stripe_tell(call, SB_EV_STRIPE_INTENT_FAILED, intent, now);
    return true;
}

/* Opens a dispute; without room for it the charge is left alone. The lock is held. */
static void open_dispute(struct sandbox *sandbox, struct sb_charge *charge, const char *reason,
                         bool inquiry, struct sb_id *ret_id) {
    struct sb_place *place = sandbox->places[SB_STRIPE];
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(place, SB_STRIPE_DISPUTE, &number, &created_us)) {
        return;
    }
    struct sb_hoard *hoard = &sb_place_shard(place, charge->intent->number)->hoard;
    struct sb_dispute *dispute = sb_hoard_take(hoard, sizeof(*dispute));
    *dispute = (struct sb_dispute){
        .number = number,
        .charge = charge,
        .created_us = created_us,
        .amount = charge->now->amount_captured - charge->now->amount_refunded,
        .reason = sb_hoard_text(hoard, reason),
        .inquiry = inquiry,
        .now = sb_hoard_take(hoard, sizeof(struct sb_dispute_now)),
    };
    dispute->now->status = inquiry ? SB_DISPUTE_WARNING : SB_DISPUTE_NEEDS_RESPONSE;
    sb_place_put(place, SB_STRIPE_DISPUTE, number, dispute);
    charge->dispute = number + 1;
    sb_charge_next(place, charge)->disputed = !inquiry;
    sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_DISPUTE_CREATED, dispute, dispute->now, NULL);
    if (!inquiry) {
        sb_book_dispute(&sandbox->book, charge->entry,
                        sb_stripe_to_minor(dispute->amount, charge->intent->currency), dispute);
        sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_DISPUTE_WITHDRAWN, dispute, dispute->now, NULL);
    }
    *ret_id = sb_id_of(place, SB_STRIPE_DISPUTE, number);
}

/* The movement in the book, and what the charge and its intent show of it. */
static void take_or_hold(struct sb_stripe_call *call, struct sb_intent *intent,
                         struct sb_charge *charge) {
    struct sb_book *book = &call->sandbox->book;
    struct sb_intent_now *now = intent->now;
    int64_t amount_minor = sb_stripe_to_minor(charge->amount, intent->currency);
    charge->entry = sb_book_enter(
        book, SB_STRIPE, sb_id_of(call->place, SB_STRIPE_CHARGE, charge->number).text,
        sb_metadata_get(charge->metadata, "reference"),
        sb_metadata_get(charge->metadata, "order_id"), amount_minor, intent->currency);
    if (now->manual_capture) {
        sb_book_hold(book, charge->entry, amount_minor);
        now->status = SB_INTENT_CAPTURE;
        now->amount_capturable = now->amount;
        return;
    }
    (void)sb_book_take(book, charge->entry, amount_minor,
                       sb_stripe_to_minor(sb_stripe_fee(charge->amount), intent->currency), charge);
    charge->now->captured = true;
    charge->now->amount_captured = charge->now->txn_amount = charge->amount;
    charge->now->txn_fee = charge->now->first_fee = sb_stripe_fee(charge->amount);
    charge->now->first_amount = charge->amount;
    now->status = SB_INTENT_SUCCEEDED;
    now->amount_received = now->amount;
}

bool sb_intent_charge(struct sb_stripe_call *call, struct sb_intent *intent) {
    struct sb_charge *charge = charge_new(call, intent, SB_CHARGE_SUCCEEDED);
    if (charge == NULL) {
        return false;
    }
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->charge = charge;
    now->charge_now = charge->now;
    now->decline = 0;
    take_or_hold(call, intent, charge);
    sb_stripe_tell(call, SB_EV_STRIPE_CHARGE_SUCCEEDED, charge, charge->now);
    sb_stripe_tell(
        call, now->manual_capture ? SB_EV_STRIPE_INTENT_CAPTURABLE : SB_EV_STRIPE_INTENT_SUCCEEDED,
        intent, now);
    const struct sb_method *method = sb_method_row(charge->method);
    bool disputed = method->effect == SB_EFFECT_DISPUTE || method->effect == SB_EFFECT_INQUIRY;
    if (disputed && !now->manual_capture) {
        struct sb_id id;
        open_dispute(call->sandbox, charge, method->decline, method->effect == SB_EFFECT_INQUIRY,
                     &id);
    }
    return true;
}

bool sb_intent_confirm(struct sb_stripe_call *call, struct sb_intent *intent, bool off_session,
                       bool fail_on_action) {
    const struct sb_method *method = sb_method_row(intent->now->method);
    if (call->verdict->decline != NULL) {
        return sb_intent_decline(call, intent, sb_decline_find(call->verdict->decline));
    }
    if (method->effect == SB_EFFECT_DECLINE || method->effect == SB_EFFECT_BLOCK) {
        return sb_intent_decline(call, intent, sb_decline_find(method->decline));
    }
    if (method->effect != SB_EFFECT_ACTION) {
        return sb_intent_charge(call, intent);
    }
    if (off_session || fail_on_action) {
        return sb_intent_decline(call, intent, sb_decline_find("authentication_required"));
    }
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->status = SB_INTENT_ACTION;
    sb_stripe_tell(call, SB_EV_STRIPE_INTENT_ACTION, intent, now);
    return true;
}

/* ---- what a person does ---- */

int sb_stripe_authenticate(struct sandbox *sandbox, const char *id, bool passed, struct err *err) {
    struct sb_place *place = sandbox->places[SB_STRIPE];
    struct sb_intent *intent = sb_place_find(place, SB_STRIPE_INTENT, id);
    if (intent == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such payment intent");
    }
    const struct sb_verdict usual = {0};
    struct sb_stripe_call call = {.sandbox = sandbox, .place = place, .verdict = &usual};
    struct sb_shard *shard = sb_place_shard(place, intent->number);
    lock_take(&shard->lock);
    bool waiting = intent->now->status == SB_INTENT_ACTION;
    bool done = true;
    if (waiting && passed) {
        done = sb_intent_charge(&call, intent);
    } else if (waiting) {
        done = sb_intent_decline(&call, intent,
                                 sb_decline_find("payment_intent_authentication_failure"));
    }
    lock_give(&shard->lock);
    if (!waiting) {
        return err_set(err, ERR_STATE, "this payment intent does not wait for authentication");
    }
    return done ? 0 : err_set(err, ERR_OVERLOADED, "the sandbox's book is full");
}

int sb_stripe_dispute(struct sandbox *sandbox, const char *id, const char *reason,
                      struct buf *ret_id, struct err *err) {
    struct sb_place *place = sandbox->places[SB_STRIPE];
    struct sb_charge *charge = sb_place_find(place, SB_STRIPE_CHARGE, id);
    if (charge == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such charge");
    }
    struct sb_shard *shard = sb_place_shard(place, charge->intent->number);
    struct sb_id dispute = {{0}};
    lock_take(&shard->lock);
    bool open = charge->now->captured && charge->dispute == 0 &&
                charge->now->amount_captured > charge->now->amount_refunded;
    if (open) {
        open_dispute(sandbox, charge, reason, false, &dispute);
    }
    lock_give(&shard->lock);
    if (!open) {
        return err_set(err, ERR_STATE, "this charge holds no money, or was disputed before");
    }
    buf_add_text(ret_id, dispute.text);
    return 0;
}

int sb_stripe_dispute_close(struct sandbox *sandbox, const char *id, bool won, struct err *err) {
    struct sb_place *place = sandbox->places[SB_STRIPE];
    struct sb_dispute *dispute = sb_place_find(place, SB_STRIPE_DISPUTE, id);
    if (dispute == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such dispute");
    }
    struct sb_shard *shard = sb_place_shard(place, dispute->charge->intent->number);
    lock_take(&shard->lock);
    bool open = dispute->now->status == SB_DISPUTE_NEEDS_RESPONSE ||
                dispute->now->status == SB_DISPUTE_REVIEW;
    if (open) {
        struct sb_dispute_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
        now->status = won ? SB_DISPUTE_WON : SB_DISPUTE_LOST;
        dispute->now = now;
        if (won) {
            sb_book_dispute(&sandbox->book, dispute->charge->entry,
                            -sb_stripe_to_minor(dispute->amount, dispute->charge->intent->currency),
                            dispute);
            sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_DISPUTE_REINSTATED, dispute, now, NULL);
        }
        sb_tell(sandbox, SB_STRIPE, SB_EV_STRIPE_DISPUTE_CLOSED, dispute, now, NULL);
    }
    lock_give(&shard->lock);
    return open ? 0 : err_set(err, ERR_STATE, "this dispute is not open");
}
