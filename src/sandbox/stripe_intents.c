/* SPDX-License-Identifier: Apache-2.0
 * stripe_intents.c: the calls about payment intents: create, confirm, capture, cancel, update. */
#include "base/clock.h"
#include "sandbox/stripe.h"

static const char *const capture_methods[] = {"automatic", "automatic_async", "manual", NULL};
static const char *const cancellations[] = {"duplicate", "fraudulent", "requested_by_customer",
                                            "abandoned", NULL};

/* What a call that makes or changes an intent says, as far as it is well formed. */
struct intent_params {
    int64_t amount;
    struct currency currency;
    const char *method, *description, *customer, *receipt_email, *return_url, *descriptor,
        *descriptor_suffix, *off_session;
    int method_row, capture_method;
    bool confirm, fail_on_action;
};

static bool read_method(struct sb_stripe_call *call, struct intent_params *params) {
    if (!sb_param_text(call, "payment_method", 200, &params->method)) {
        return false;
    }
    if (params->method == NULL || params->method[0] == '\0') {
        return true;
    }
    params->method_row = sb_method_find(params->method);
    if (params->method_row == 0) {
        struct sb_stripe_error error = {400, "invalid_request_error", "resource_missing",
                                        "payment_method"};
        sb_stripe_fail(call, &error, "No such PaymentMethod: '%.80s'", params->method);
        return false;
    }
    return true;
}

static bool read_params(struct sb_stripe_call *call, struct intent_params *params) {
    return read_method(call, params) &&
           sb_param_text(call, "description", 1000, &params->description) &&
           sb_param_text(call, "customer", 255, &params->customer) &&
           sb_param_text(call, "receipt_email", 255, &params->receipt_email) &&
           sb_param_text(call, "return_url", 2048, &params->return_url) &&
           sb_param_text(call, "statement_descriptor", 22, &params->descriptor) &&
           sb_param_text(call, "statement_descriptor_suffix", 22, &params->descriptor_suffix) &&
           sb_param_text(call, "off_session", 16, &params->off_session) &&
           sb_param_choice(call, "capture_method", capture_methods, &params->capture_method) &&
           sb_param_bool(call, "confirm", &params->confirm) &&
           sb_param_bool(call, "error_on_requires_action", &params->fail_on_action);
}

static bool read_create(struct sb_stripe_call *call, struct intent_params *params) {
    params->amount = -1;
    if (sb_form_get(&call->form, "amount") == NULL) {
        struct sb_stripe_error error = {400, "invalid_request_error", "parameter_missing",
                                        "amount"};
        sb_stripe_fail(call, &error, "Missing required param: amount.");
        return false;
    }
    if (!sb_param_int(call, "amount", &params->amount) ||
        !sb_param_currency(call, &params->currency) ||
        !sb_stripe_amount_ok(call, params->amount, params->currency) ||
        !read_params(call, params)) {
        return false;
    }
    if (params->confirm && params->method_row == 0) {
        struct sb_stripe_error error = {400, "invalid_request_error", "parameter_missing",
                                        "payment_method"};
        sb_stripe_fail(call, &error,
                       "You cannot confirm this PaymentIntent because it's missing a payment "
                       "method.");
        return false;
    }
    return true;
}

static bool is_off_session(const struct intent_params *params) {
    return params->off_session != NULL && params->off_session[0] != '\0' &&
           strcmp(params->off_session, "false") != 0;
}

/* Texts given by this call, on top of those there are (may be NULL). */
static const struct sb_intent_texts *texts_of(struct sb_hoard *hoard,
                                              const struct intent_params *params,
                                              const struct sb_intent_texts *before) {
    struct sb_intent_texts *texts = sb_hoard_take(hoard, sizeof(*texts));
    if (before != NULL) {
        *texts = *before;
    }
    const struct {
        const char *given;
        const char **to;
    } rows[] = {
        {params->description, &texts->description},
        {params->customer, &texts->customer},
        {params->receipt_email, &texts->receipt_email},
        {params->return_url, &texts->return_url},
        {params->descriptor, &texts->descriptor},
        {params->descriptor_suffix, &texts->descriptor_suffix},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].given != NULL) {
            *rows[i].to = sb_hoard_text(hoard, rows[i].given);
        }
    }
    return texts;
}

/* What the intent says now, and that it was declined if it just was. */
static void outcome_of(const struct sb_stripe_call *call, const struct sb_intent *intent,
                       bool confirmed, struct sb_outcome *ret_outcome) {
    bool declined = confirmed && intent->now->decline != 0;
    *ret_outcome = (struct sb_outcome){
        .status = declined ? 402 : 200,
        .shape = declined ? SB_SHAPE_DECLINED : SB_SHAPE_INTENT,
        .options = call->expand,
        .object = intent,
        .version = intent->now,
    };
}

/* The fault: the same payment once more, as an intent of its own. */
static void charge_again(struct sb_stripe_call *call, const struct sb_intent_now *first,
                         struct currency currency) {
    struct sb_shard *shard = NULL;
    struct sb_intent *twin = sb_intent_new(call->place, first, currency, &shard);
    if (twin == NULL) {
        return;
    }
    bool charged = sb_intent_charge(call, twin);
    lock_give(&shard->lock);
    if (charged) {
        sb_place_put(call->place, SB_STRIPE_INTENT, twin->number, twin);
    }
}

void sb_intent_create(struct sb_stripe_call *call) {
    struct intent_params params = {0};
    BUF_AUTO metadata;
    buf_init(&metadata, SB_BODY_BYTES_MAX);
    if (!read_create(call, &params) || !sb_param_metadata(call, NULL, &metadata) ||
        !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = NULL;
    struct sb_intent_now first = {
        .amount = params.amount,
        .method = (uint16_t)params.method_row,
        .status = params.method_row > 0 ? SB_INTENT_CONFIRMATION : SB_INTENT_METHOD,
        .manual_capture = params.capture_method == 2,
    };
    struct sb_intent *intent = sb_intent_new(call->place, &first, params.currency, &shard);
    if (intent == NULL) {
        sb_stripe_full(call);
        return;
    }
    intent->now->metadata = sb_hoard_bytes(&shard->hoard, metadata.data, metadata.len);
    intent->now->texts = texts_of(&shard->hoard, &params, NULL);
    first = *intent->now;
    sb_place_put(call->place, SB_STRIPE_INTENT, intent->number, intent);
    sb_stripe_tell(call, SB_EV_STRIPE_INTENT_CREATED, intent, intent->now);
    bool room = !params.confirm ||
                sb_intent_confirm(call, intent, is_off_session(&params), params.fail_on_action);
    struct sb_outcome outcome;
    outcome_of(call, intent, params.confirm, &outcome);
    bool charged = params.confirm && intent->now->charge != NULL &&
                   intent->now->charge->entry != NULL;
    lock_give(&shard->lock);
    if (!room) {
        sb_stripe_full(call);
        return;
    }
    if (charged && call->verdict->double_charge) {
        charge_again(call, &first, params.currency);
    }
    sb_stripe_answer(call, &outcome);
}

/* The intent that the path names; NULL when there is none and the error has been written. */
static struct sb_intent *named_intent(struct sb_stripe_call *call) {
    struct sb_intent *intent = sb_place_find(call->place, SB_STRIPE_INTENT, call->id);
    if (intent == NULL) {
        sb_stripe_missing(call, "payment_intent", "intent", call->id);
    }
    return intent;
}

/* The shard is locked on entry and not on return. */
static void unexpected_state(struct sb_stripe_call *call, const struct sb_intent *intent,
                             struct sb_shard *shard, const char *what) {
    struct sb_stripe_error error = {400, "invalid_request_error", "payment_intent_unexpected_state",
                                    NULL};
    const struct sb_intent_now *now = intent->now;
    lock_give(&shard->lock);
    sb_stripe_refuse(call, &error, intent, now,
                     "You cannot %s this PaymentIntent because it has a status of %s.", what,
                     sb_intent_status_names[now->status]);
}

void sb_intent_retrieve(struct sb_stripe_call *call) {
    struct sb_intent *intent = named_intent(call);
    if (intent == NULL) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    struct sb_outcome outcome;
    lock_take(&shard->lock);
    outcome_of(call, intent, false, &outcome);
    lock_give(&shard->lock);
    sb_stripe_show(call, &outcome);
}

static bool waits_for_confirmation(const struct sb_intent *intent) {
    return intent->now->status == SB_INTENT_METHOD ||
           intent->now->status == SB_INTENT_CONFIRMATION || intent->now->status == SB_INTENT_ACTION;
}

void sb_intent_confirm_call(struct sb_stripe_call *call) {
    struct intent_params params = {.capture_method = -1};
    struct sb_intent *intent = named_intent(call);
    if (intent == NULL || !read_params(call, &params) || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    lock_take(&shard->lock);
    bool has_method = params.method_row > 0 || intent->now->method > 0;
    if (!waits_for_confirmation(intent) || !has_method) {
        unexpected_state(call, intent, shard, "confirm");
        return;
    }
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->method = (uint16_t)(params.method_row > 0 ? params.method_row : now->method);
    now->manual_capture = params.capture_method < 0 ? now->manual_capture
                                                    : params.capture_method == 2;
    now->texts = texts_of(&shard->hoard, &params, now->texts);
    const struct sb_intent_now first = *now;
    bool room = sb_intent_confirm(call, intent, is_off_session(&params), params.fail_on_action);
    struct sb_outcome outcome;
    outcome_of(call, intent, true, &outcome);
    bool charged = intent->now->charge != NULL && intent->now->charge->entry != NULL;
    lock_give(&shard->lock);
    if (!room) {
        sb_stripe_full(call);
        return;
    }
    if (charged && call->verdict->double_charge) {
        charge_again(call, &first, intent->currency);
    }
    sb_stripe_answer(call, &outcome);
}

void sb_intent_update(struct sb_stripe_call *call) {
    struct intent_params params = {.amount = -1, .capture_method = -1};
    struct sb_intent *intent = named_intent(call);
    BUF_AUTO metadata;
    buf_init(&metadata, SB_BODY_BYTES_MAX);
    if (intent == NULL || !sb_param_int(call, "amount", &params.amount) ||
        !read_params(call, &params) ||
        (params.amount != -1 && !sb_stripe_amount_ok(call, params.amount, intent->currency))) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    lock_take(&shard->lock);
    const char *before = intent->now->metadata;
    lock_give(&shard->lock);
    if (!sb_param_metadata(call, before, &metadata) || !sb_stripe_begin(call)) {
        return;
    }
    lock_take(&shard->lock);
    bool money = params.amount != -1 || params.method_row > 0;
    if (money && !waits_for_confirmation(intent)) {
        unexpected_state(call, intent, shard, "update the amount or method of");
        return;
    }
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->amount = params.amount != -1 ? params.amount : now->amount;
    now->manual_capture = params.capture_method < 0 ? now->manual_capture
                                                    : params.capture_method == 2;
    now->metadata = sb_hoard_bytes(&shard->hoard, metadata.data, metadata.len);
    now->texts = texts_of(&shard->hoard, &params, now->texts);
    if (params.method_row > 0) {
        now->method = (uint16_t)params.method_row;
        now->status = SB_INTENT_CONFIRMATION;
    }
    struct sb_outcome outcome;
    outcome_of(call, intent, false, &outcome);
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

/* Moves `amount` from held to taken. The lock is held. */
static void capture(struct sb_stripe_call *call, struct sb_intent *intent, int64_t amount,
                    bool final) {
    struct sb_book *book = &call->sandbox->book;
    struct sb_charge *charge = intent->now->charge;
    struct sb_charge_now *charge_now = sb_charge_next(call->place, charge);
    struct sb_intent_now *now = intent->now;
    int64_t before = charge_now->amount_captured;
    charge_now->captured = true;
    charge_now->amount_captured += amount;
    now->amount_received += amount;
    now->amount_capturable = final ? 0 : now->amount_capturable - amount;
    now->status = now->amount_capturable == 0 ? SB_INTENT_SUCCEEDED : SB_INTENT_CAPTURE;
    sb_book_release_hold(book, charge->entry);
    if (now->amount_capturable > 0) {
        sb_book_hold(book, charge->entry,
                     sb_stripe_to_minor(now->amount_capturable, intent->currency));
    }
    int64_t fee = sb_stripe_fee(before + amount) - (before > 0 ? sb_stripe_fee(before) : 0);
    uint32_t move = sb_book_take(book, charge->entry, sb_stripe_to_minor(amount, intent->currency),
                                 sb_stripe_to_minor(fee, intent->currency), charge);
    charge_now->txn_amount = amount;
    charge_now->txn_fee = fee;
    charge_now->txn_move = before > 0 ? move : 0;
    if (before == 0) {
        charge_now->first_amount = amount;
        charge_now->first_fee = fee;
    }
    sb_stripe_tell(call, SB_EV_STRIPE_CHARGE_CAPTURED, charge, charge_now);
    sb_stripe_tell(call,
                   now->status == SB_INTENT_SUCCEEDED ? SB_EV_STRIPE_INTENT_SUCCEEDED
                                                      : SB_EV_STRIPE_INTENT_CAPTURABLE,
                   intent, now);
}

void sb_intent_capture(struct sb_stripe_call *call) {
    int64_t amount = -1;
    bool final = true;
    struct sb_intent *intent = named_intent(call);
    if (intent == NULL || !sb_param_int(call, "amount_to_capture", &amount) ||
        !sb_param_bool(call, "final_capture", &final) || !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    lock_take(&shard->lock);
    if (intent->now->status != SB_INTENT_CAPTURE) {
        unexpected_state(call, intent, shard, "capture");
        return;
    }
    int64_t capturable = intent->now->amount_capturable;
    amount = amount == -1 ? capturable : amount;
    if (amount < 1 || amount > capturable) {
        struct sb_stripe_error error = {400, "invalid_request_error", "amount_too_large",
                                        "amount_to_capture"};
        const struct sb_intent_now *now = intent->now;
        lock_give(&shard->lock);
        sb_stripe_refuse(
            call, &error, intent, now,
            "The amount to capture must be between 1 and the amount that is capturable.");
        return;
    }
    capture(call, intent, amount, final);
    struct sb_outcome outcome;
    outcome_of(call, intent, false, &outcome);
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}

void sb_intent_cancel(struct sb_stripe_call *call) {
    int reason = -1;
    struct sb_intent *intent = named_intent(call);
    if (intent == NULL || !sb_param_choice(call, "cancellation_reason", cancellations, &reason) ||
        !sb_stripe_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, intent->number);
    lock_take(&shard->lock);
    bool held = intent->now->status == SB_INTENT_CAPTURE;
    if (!waits_for_confirmation(intent) && !held) {
        unexpected_state(call, intent, shard, "cancel");
        return;
    }
    struct sb_charge *charge = intent->now->charge;
    if (held) {
        sb_book_release_hold(&call->sandbox->book, charge->entry);
        struct sb_charge_now *charge_now = sb_charge_next(call->place, charge);
        charge_now->released = charge_now->amount_captured == 0;
        sb_stripe_tell(call, SB_EV_STRIPE_CHARGE_REFUNDED, charge, charge->now);
    }
    struct sb_intent_now *now = sb_intent_next(call->place, intent);
    now->status = SB_INTENT_CANCELED;
    now->amount_capturable = 0;
    now->canceled_us = clock_wall_us();
    now->cancellation = (uint8_t)(reason + 1);
    struct sb_outcome outcome;
    outcome_of(call, intent, false, &outcome);
    sb_stripe_tell(call, SB_EV_STRIPE_INTENT_CANCELED, intent, now);
    lock_give(&shard->lock);
    sb_stripe_answer(call, &outcome);
}
