/* SPDX-License-Identifier: Apache-2.0
 * paypal_orders.c: the calls about orders: create, show, patch, confirm, authorize, capture. */
#include "base/clock.h"
#include "sandbox/paypal.h"

enum {
    REFERENCE_ID_CHARS_MAX = 256,
    ID_CHARS_MAX = 127,
    DESCRIPTOR_CHARS_MAX = 22,
    PATCHES_MAX = 20
};

struct sb_order_now *sb_order_next(struct sb_place *place, struct sb_order *order) {
    struct sb_order_now *next = sb_hoard_take(&sb_order_shard(place, order)->hoard, sizeof(*next));
    *next = *order->now;
    next->updated_us = clock_wall_us();
    order->now = next;
    return next;
}

static bool wrong(struct sb_paypal_call *call, int status, const char *issue, const char *field,
                  const char *description) {
    sb_paypal_fail(call, &(struct sb_paypal_error){status, issue, field, description});
    return false;
}

static bool missing(struct sb_paypal_call *call, const char *field) {
    return wrong(call, 400, "MISSING_REQUIRED_PARAMETER", field,
                 "A required field / parameter is missing.");
}

/* ---- what a request says ---- */

struct order_params {
    struct sb_order_now now;
    struct sb_order_texts texts;
};

static bool read_intent(struct sb_paypal_call *call, struct order_params *params) {
    const char *intent = json_peek_text(call->body, "intent", NULL);
    if (intent == NULL) {
        return missing(call, "/intent");
    }
    params->now.authorize = strcmp(intent, "AUTHORIZE") == 0;
    return params->now.authorize || strcmp(intent, "CAPTURE") == 0 ||
           wrong(call, 400, "INVALID_PARAMETER_VALUE", "/intent",
                 "The value of a field is invalid.");
}

static bool read_unit(struct sb_paypal_call *call, struct order_params *params) {
    const json_t *units = json_peek(call->body, "purchase_units", NULL);
    const json_t *unit = json_array_get(units, 0);
    struct sb_order_texts *texts = &params->texts;
    const char *field = "/purchase_units/@reference_id=='default'";
    if (unit == NULL) {
        return missing(call, "/purchase_units");
    }
    if (json_array_size(units) > 1) {
        return wrong(call, 400, "INVALID_ARRAY_MAX_ITEMS", "/purchase_units",
                     "The sandbox takes one purchase unit an order.");
    }
    const json_t *amount = json_peek(unit, "amount", NULL);
    if (!json_is_object(amount)) {
        return missing(call, "/purchase_units/@reference_id=='default'/amount");
    }
    const char *money_field = "/purchase_units/@reference_id=='default'/amount";
    return sb_paypal_money(call, amount, money_field, &params->now.amount_minor,
                           &params->now.currency) &&
           sb_paypal_breakdown(call, amount, money_field, params->now.amount_minor,
                               params->now.currency) &&
           sb_paypal_text(call, unit, "reference_id", field, REFERENCE_ID_CHARS_MAX,
                          &texts->reference_id) &&
           sb_paypal_text(call, unit, "custom_id", field, ID_CHARS_MAX, &texts->custom_id) &&
           sb_paypal_text(call, unit, "invoice_id", field, ID_CHARS_MAX, &texts->invoice_id) &&
           sb_paypal_text(call, unit, "description", field, ID_CHARS_MAX, &texts->description) &&
           sb_paypal_text(call, unit, "soft_descriptor", field, DESCRIPTOR_CHARS_MAX,
                          &texts->soft_descriptor);
}

/* A vaulted means of payment: its name begins with "vault_". */
static bool vault_ok(struct sb_paypal_call *call, const char *vault_id) {
    return vault_id == NULL || strncmp(vault_id, "vault_", 6) == 0 ||
           wrong(call, 422, "TOKEN_ID_NOT_FOUND", "/payment_source",
                 "Specified token was not found.");
}

/* payment_source of a creation, a confirmation or a capture; none leaves the order's as it was. */
static bool read_source(struct sb_paypal_call *call, struct order_params *params) {
    const json_t *source = json_peek(call->body, "payment_source", NULL);
    const json_t *context = json_peek(call->body, "application_context", NULL);
    struct sb_order_texts *texts = &params->texts;
    if (json_is_object(source)) {
        const json_t *paypal = json_peek(source, "paypal", NULL);
        const json_t *card = json_peek(source, "card", NULL);
        const json_t *token = json_peek(source, "token", NULL);
        if (json_peek(card, "number", NULL) != NULL) {
            return wrong(
                call, 422, "NOT_ENABLED_FOR_CARD_PROCESSING", "/payment_source/card/number",
                "The sandbox takes no card numbers; use a vault_id that begins with vault_.");
        }
        params->now.source = (uint8_t)(paypal != NULL  ? SB_SOURCE_PAYPAL
                                       : card != NULL  ? SB_SOURCE_CARD
                                       : token != NULL ? SB_SOURCE_TOKEN
                                                       : SB_SOURCE_NONE);
        texts->vault_id = paypal != NULL ? json_peek_text(paypal, "vault_id", NULL)
                          : card != NULL ? json_peek_text(card, "vault_id", NULL)
                                         : json_peek_text(token, "id", NULL);
        context = json_peek(paypal, "experience_context", NULL);
    }
    const char *field = "/payment_source/paypal/experience_context";
    return vault_ok(call, texts->vault_id) &&
           sb_paypal_text(call, context, "return_url", field, SB_URL_CHARS_MAX,
                          &texts->return_url) &&
           sb_paypal_text(call, context, "cancel_url", field, SB_URL_CHARS_MAX, &texts->cancel_url);
}

static const struct sb_order_texts *texts_keep(struct sb_hoard *hoard,
                                               const struct sb_order_texts *given) {
    struct sb_order_texts *texts = sb_hoard_take(hoard, sizeof(*texts));
    const char *const *from = (const char *const *)given;
    const char **to = (const char **)texts;
    static_assert(sizeof(*texts) % sizeof(char *) == 0, "the struct holds texts and nothing else");
    for (size_t i = 0; i < sizeof(*texts) / sizeof(char *); i++) {
        to[i] = sb_hoard_text(hoard, from[i]);
    }
    return texts;
}

/* ---- taking the money of an order ---- */

/* Captures or authorizes. The lock is held on entry and not on return; `status` is what a success
 * is answered with. */
static void take(struct sb_paypal_call *call, struct sb_order *order, struct sb_shard *shard,
                 int status) {
    char room[SB_ISSUE_CHARS_MAX + 1];
    const struct sb_order_now *now = order->now;
    const char *decline = sb_paypal_decline(call, now->texts->vault_id, room);
    if (decline != NULL && !sb_decline_is_inside(decline)) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, decline);
        return;
    }
    if (sb_invoice_blocked(call->sandbox, now->texts->invoice_id)) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, "DUPLICATE_INVOICE_ID");
        return;
    }
    const struct sb_capture_wish wish = {
        order, NULL, now->amount_minor, now->texts->invoice_id, now->texts->custom_id, true};
    bool made = now->authorize ? sb_authorization_make(call, order) != NULL
                               : sb_capture_make(call, &wish, decline) != NULL;
    if (made && call->verdict->double_charge && !now->authorize) {
        made = sb_capture_make(call, &wish, decline) != NULL;
    }
    if (made) {
        struct sb_order_now *next = sb_order_next(call->place, order);
        next->status = SB_ORDER_COMPLETED;
        sb_paypal_tell(call, SB_EV_PAYPAL_ORDER_COMPLETED, order, next);
    }
    lock_give(&shard->lock);
    if (made) {
        sb_paypal_answer(call, status, SB_SHOW_ORDER, order);
    } else {
        sb_paypal_full(call);
    }
}

/* ---- calls ---- */

void sb_order_create(struct sb_paypal_call *call) {
    struct order_params params = {0};
    if (!read_intent(call, &params) || !read_unit(call, &params) || !read_source(call, &params)) {
        return;
    }
    const struct http_request *request = call->request;
    bool at_once = params.texts.vault_id != NULL;
    if (at_once &&
        http_header_find(request->headers, request->header_count, "PayPal-Request-Id") == NULL) {
        (void)wrong(
            call, 400, "PAYPAL_REQUEST_ID_REQUIRED", NULL,
            "A PayPal-Request-Id is required if you are trying to process payment for an Order.");
        return;
    }
    if (!sb_paypal_begin(call)) {
        return;
    }
    uint32_t number = 0;
    int64_t created_us = 0;
    if (!sb_place_add(call->place, SB_PAYPAL_ORDER, &number, &created_us)) {
        sb_paypal_full(call);
        return;
    }
    struct sb_shard *shard = sb_place_shard(call->place, number);
    lock_take(&shard->lock);
    struct sb_order *order = sb_hoard_take(&shard->hoard, sizeof(*order));
    order->number = number;
    order->created_us = created_us;
    order->now = sb_hoard_take(&shard->hoard, sizeof(*order->now));
    *order->now = params.now;
    order->now->texts = texts_keep(&shard->hoard, &params.texts);
    order->now->updated_us = created_us;
    order->now->status = params.now.source == SB_SOURCE_PAYPAL && !at_once ? SB_ORDER_PAYER_ACTION
                                                                           : SB_ORDER_CREATED;
    sb_place_put(call->place, SB_PAYPAL_ORDER, number, order);
    if (at_once) {
        take(call, order, shard, 201);
        return;
    }
    lock_give(&shard->lock);
    sb_paypal_answer(call, 201, SB_SHOW_ORDER, order);
}

static struct sb_order *named_order(struct sb_paypal_call *call) {
    struct sb_order *order = sb_place_find(call->place, SB_PAYPAL_ORDER, call->id);
    if (order == NULL) {
        sb_paypal_missing(call);
    }
    return order;
}

void sb_order_retrieve(struct sb_paypal_call *call) {
    struct sb_order *order = named_order(call);
    if (order != NULL) {
        sb_paypal_show(call, 200, SB_SHOW_ORDER, order);
    }
}

/* The lock is held. */
static const char *order_ended(const struct sb_order *order) {
    return order->now->status == SB_ORDER_COMPLETED ? "ORDER_ALREADY_COMPLETED"
           : order->now->status == SB_ORDER_VOIDED  ? "ORDER_COMPLETED_OR_VOIDED"
                                                    : NULL;
}

/* Applies one operation to a draft. False: the error has been written. */
static bool patch_one(struct sb_paypal_call *call, const json_t *patch,
                      struct order_params *draft) {
    const char *op = json_peek_text(patch, "op", NULL);
    const char *path = json_peek_text(patch, "path", NULL);
    const json_t *value = json_peek(patch, "value", NULL);
    if (path == NULL) {
        return wrong(call, 422, "PATCH_PATH_REQUIRED", NULL,
                     "Specify a path for the field to be patched.");
    }
    if (op == NULL || (strcmp(op, "replace") != 0 && strcmp(op, "add") != 0)) {
        return wrong(call, 400, "INVALID_PATCH_OPERATION", path,
                     "The operation cannot be honored.");
    }
    if (value == NULL) {
        return wrong(call, 422, "PATCH_VALUE_REQUIRED", path, "Specify a value for the field.");
    }
    const char *last = strrchr(path, '/');
    const struct {
        const char *name;
        const char **text;
        size_t chars_max;
    } texts[] = {
        {"/custom_id", &draft->texts.custom_id, ID_CHARS_MAX},
        {"/invoice_id", &draft->texts.invoice_id, ID_CHARS_MAX},
        {"/description", &draft->texts.description, ID_CHARS_MAX},
        {"/soft_descriptor", &draft->texts.soft_descriptor, DESCRIPTOR_CHARS_MAX},
    };
    for (size_t i = 0; last != NULL && i < COUNT_OF(texts); i++) {
        if (strcmp(last, texts[i].name) == 0) {
            return sb_paypal_text(call, patch, "value", path, texts[i].chars_max, texts[i].text);
        }
    }
    if (last != NULL && strcmp(last, "/amount") == 0) {
        return sb_paypal_money(call, value, path, &draft->now.amount_minor, &draft->now.currency) &&
               sb_paypal_breakdown(call, value, path, draft->now.amount_minor, draft->now.currency);
    }
    if (strcmp(path, "/intent") == 0 && json_is_string(value)) {
        draft->now.authorize = strcmp(json_string_value(value), "AUTHORIZE") == 0;
        return true;
    }
    return wrong(call, 422, "NOT_PATCHABLE", path, "Cannot be patched.");
}

void sb_order_patch(struct sb_paypal_call *call) {
    struct sb_order *order = named_order(call);
    if (order == NULL) {
        return;
    }
    if (!json_is_array(call->body) || json_array_size(call->body) > PATCHES_MAX) {
        (void)wrong(call, 400, "INVALID_PARAMETER_SYNTAX", "/",
                    "A patch is an array of operations.");
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, order);
    lock_take(&shard->lock);
    struct order_params draft = {.now = *order->now, .texts = *order->now->texts};
    const char *ended = order_ended(order);
    lock_give(&shard->lock);
    if (ended != NULL) {
        sb_paypal_refuse(call, ended);
        return;
    }
    for (size_t i = 0; i < json_array_size(call->body); i++) {
        if (!patch_one(call, json_array_get(call->body, i), &draft)) {
            return;
        }
    }
    lock_take(&shard->lock);
    struct sb_order_now *next = sb_order_next(call->place, order);
    next->amount_minor = draft.now.amount_minor;
    next->currency = draft.now.currency;
    next->authorize = draft.now.authorize;
    next->texts = texts_keep(&shard->hoard, &draft.texts);
    lock_give(&shard->lock);
    call->reply->status = 204;
}

/* Puts what `params` says of the source on the order. The lock is held. */
static void set_source(struct sb_paypal_call *call, struct sb_order *order, struct sb_shard *shard,
                       const struct order_params *params) {
    struct sb_order_now *next = sb_order_next(call->place, order);
    struct sb_order_texts texts = *next->texts;
    next->source = params->now.source;
    texts.vault_id = params->texts.vault_id;
    texts.return_url = params->texts.return_url != NULL ? params->texts.return_url
                                                        : texts.return_url;
    texts.cancel_url = params->texts.cancel_url != NULL ? params->texts.cancel_url
                                                        : texts.cancel_url;
    next->texts = texts_keep(&shard->hoard, &texts);
}

void sb_order_confirm(struct sb_paypal_call *call) {
    struct order_params params = {0};
    struct sb_order *order = named_order(call);
    if (order == NULL || !read_source(call, &params)) {
        return;
    }
    if (params.now.source == SB_SOURCE_NONE) {
        sb_paypal_refuse(call, "NO_PAYMENT_SOURCE_PROVIDED");
        return;
    }
    if (!sb_paypal_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, order);
    lock_take(&shard->lock);
    const char *ended = order_ended(order);
    if (ended != NULL) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, "ORDER_CANNOT_BE_CONFIRMED");
        return;
    }
    set_source(call, order, shard, &params);
    order->now->status = params.texts.vault_id != NULL ? SB_ORDER_APPROVED : SB_ORDER_PAYER_ACTION;
    lock_give(&shard->lock);
    sb_paypal_answer(call, 200, SB_SHOW_ORDER, order);
}

/* Why the order's money cannot be taken now, or NULL. The lock is held. */
static const char *why_not(const struct sb_order *order, bool authorize, bool has_vault) {
    uint8_t status = order->now->status;
    if (order->now->authorize != authorize) {
        return "ACTION_DOES_NOT_MATCH_INTENT";
    }
    if (status == SB_ORDER_COMPLETED) {
        return authorize ? "ORDER_ALREADY_AUTHORIZED" : "ORDER_ALREADY_CAPTURED";
    }
    if (status == SB_ORDER_VOIDED) {
        return "ORDER_COMPLETED_OR_VOIDED";
    }
    return status == SB_ORDER_APPROVED || has_vault ? NULL : "ORDER_NOT_APPROVED";
}

static void take_call(struct sb_paypal_call *call, bool authorize) {
    struct order_params params = {0};
    struct sb_order *order = named_order(call);
    if (order == NULL || !read_source(call, &params) || !sb_paypal_begin(call)) {
        return;
    }
    struct sb_shard *shard = sb_order_shard(call->place, order);
    lock_take(&shard->lock);
    const char *refusal = why_not(order, authorize, params.texts.vault_id != NULL);
    if (refusal != NULL) {
        lock_give(&shard->lock);
        sb_paypal_refuse(call, refusal);
        return;
    }
    if (params.now.source != SB_SOURCE_NONE) {
        set_source(call, order, shard, &params);
    }
    take(call, order, shard, 201);
}

void sb_order_authorize(struct sb_paypal_call *call) {
    take_call(call, true);
}

void sb_order_capture(struct sb_paypal_call *call) {
    take_call(call, false);
}

/* ---- what the buyer does ---- */

int sb_paypal_approve(struct sandbox *sandbox, const char *id, bool approved, struct err *err) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    struct sb_order *order = sb_place_find(place, SB_PAYPAL_ORDER, id);
    if (order == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such order");
    }
    struct sb_shard *shard = sb_order_shard(place, order);
    lock_take(&shard->lock);
    bool waits = order->now->status == SB_ORDER_CREATED ||
                 order->now->status == SB_ORDER_PAYER_ACTION;
    if (waits && approved) {
        struct sb_order_now *next = sb_order_next(place, order);
        next->status = SB_ORDER_APPROVED;
        next->source = next->source == SB_SOURCE_NONE ? SB_SOURCE_PAYPAL : next->source;
        sb_tell(sandbox, SB_PAYPAL, SB_EV_PAYPAL_ORDER_APPROVED, order, next, NULL);
    }
    lock_give(&shard->lock);
    return waits ? 0 : err_set(err, ERR_STATE, "this order does not wait for its buyer");
}
