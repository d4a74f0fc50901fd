/* SPDX-License-Identifier: Apache-2.0
 * stripe_disputes.c: what the merchant says to a dispute at the simulated Stripe: evidence, or that
 * he gives it up. */
#include "sandbox/stripe.h"

static void refuse(struct sb_stripe_call *call) {
    struct sb_stripe_error error = {400, "invalid_request_error", "dispute_unexpected_state", NULL};
    sb_stripe_refuse(call, &error, NULL, NULL, "This dispute is closed.");
}

static struct sb_dispute *named(struct sb_stripe_call *call) {
    struct sb_dispute *dispute = sb_place_find(call->place, SB_STRIPE_DISPUTE, call->id);
    if (dispute == NULL) {
        sb_stripe_missing(call, "dispute", "id", call->id);
    }
    return dispute;
}

/* Where it goes from its present state; -1: nowhere. */
static int next_of(const struct sb_dispute *dispute, bool give_up) {
    switch ((enum sb_dispute_status)dispute->now->status) {
    case SB_DISPUTE_NEEDS_RESPONSE:
        return give_up ? SB_DISPUTE_LOST : SB_DISPUTE_REVIEW;
    case SB_DISPUTE_WARNING:
        return give_up ? -1 : SB_DISPUTE_WARNING_REVIEW; /* nothing was taken yet */
    case SB_DISPUTE_REVIEW:
        return give_up ? SB_DISPUTE_LOST : -1;
    case SB_DISPUTE_WARNING_REVIEW:
    case SB_DISPUTE_WON:
    case SB_DISPUTE_LOST:
    default:
        return -1;
    }
}

static void answer(struct sb_stripe_call *call, bool submit, bool give_up) {
    struct sb_dispute *dispute = named(call);
    if (dispute == NULL || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, dispute->charge->intent->number);
    lock_take(&shard->lock);
    int next = submit || give_up ? next_of(dispute, give_up) : (int)dispute->now->status;
    if (next >= 0 && next != dispute->now->status) {
        struct sb_dispute_now *now = sb_hoard_take(&shard->hoard, sizeof(*now));
        now->status = (uint8_t)next;
        dispute->now = now;
        sb_stripe_tell(call, give_up ? SB_EV_STRIPE_DISPUTE_CLOSED : SB_EV_STRIPE_DISPUTE_UPDATED,
                       dispute, now);
    }
    struct sb_outcome outcome = {200, SB_SHAPE_DISPUTE, call->expand, dispute, dispute->now};
    lock_give(&shard->lock);
    if (next < 0) {
        refuse(call);
        return;
    }
    sb_stripe_answer(call, &outcome);
}

void sb_dispute_answer(struct sb_stripe_call *call) {
    bool submit = true;
    if (sb_param_bool(call, "submit", &submit)) {
        answer(call, submit, false);
    }
}

void sb_dispute_give_up(struct sb_stripe_call *call) {
    answer(call, false, true);
}
