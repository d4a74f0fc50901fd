/* SPDX-License-Identifier: Apache-2.0
 * stripe.c: the way of a request through the simulated Stripe. */
#include "sandbox/stripe.h"

#include "base/clock.h"
#include "gateway/stripe/stripe_sign.h"

/* ---- routes ---- */

static const char *const none[] = {NULL};
static const char *const create_params[] = {"amount",
                                            "currency",
                                            "confirm",
                                            "payment_method",
                                            "payment_method_types",
                                            "automatic_payment_methods",
                                            "capture_method",
                                            "confirmation_method",
                                            "customer",
                                            "description",
                                            "metadata",
                                            "return_url",
                                            "off_session",
                                            "error_on_requires_action",
                                            "statement_descriptor",
                                            "statement_descriptor_suffix",
                                            "receipt_email",
                                            "shipping",
                                            "setup_future_usage",
                                            "payment_method_options",
                                            "use_stripe_sdk",
                                            "transfer_group",
                                            "radar_options",
                                            NULL};
static const char *const update_params[] = {"amount",
                                            "currency",
                                            "payment_method",
                                            "payment_method_types",
                                            "customer",
                                            "description",
                                            "metadata",
                                            "statement_descriptor",
                                            "statement_descriptor_suffix",
                                            "receipt_email",
                                            "shipping",
                                            "setup_future_usage",
                                            "payment_method_options",
                                            "transfer_group",
                                            "capture_method",
                                            NULL};
static const char *const confirm_params[] = {"payment_method",
                                             "payment_method_types",
                                             "return_url",
                                             "off_session",
                                             "error_on_requires_action",
                                             "receipt_email",
                                             "shipping",
                                             "setup_future_usage",
                                             "payment_method_options",
                                             "use_stripe_sdk",
                                             "capture_method",
                                             "client_secret",
                                             NULL};
static const char *const capture_params[] = {"amount_to_capture",
                                             "final_capture",
                                             "metadata",
                                             "statement_descriptor",
                                             "statement_descriptor_suffix",
                                             NULL};
static const char *const cancel_params[] = {"cancellation_reason", NULL};
static const char *const retrieve_params[] = {"client_secret", NULL};
static const char *const list_params[] = {
    "created",       "customer",         "limit",  "starting_after",
    "ending_before", "payment_intent",   "charge", "type",
    "types",         "delivery_success", NULL};
static const char *const search_params[] = {"query", "limit", "page", NULL};
static const char *const refund_params[] = {
    "payment_intent",     "charge", "amount", "reason", "metadata", "currency",
    "instructions_email", NULL};
static const char *const report_params[] = {"report_type", "parameters", NULL};
static const char *const dispute_params[] = {"evidence", "submit", "metadata", NULL};
static const char *const metadata_params[] = {"metadata", NULL};
static const char *const endpoint_params[] = {"url",         "enabled_events", "api_version",
                                              "description", "metadata",       NULL};

/* `path` below /v1/; '*' is the name of a thing. Literal parts stand before '*' in the same place.
 */
static const struct route {
    const char *method, *path;
    enum sb_operation operation;
    const char *const *params;
    sb_stripe_handler *handler;
} routes[] = {
    {"POST", "payment_intents", SB_OP_CREATE, create_params, sb_intent_create},
    {"GET", "payment_intents", SB_OP_QUERY, list_params, sb_intent_list},
    {"GET", "payment_intents/search", SB_OP_QUERY, search_params, sb_intent_search},
    {"GET", "payment_intents/*", SB_OP_QUERY, retrieve_params, sb_intent_retrieve},
    {"POST", "payment_intents/*", SB_OP_OTHER, update_params, sb_intent_update},
    {"POST", "payment_intents/*/confirm", SB_OP_CHARGE, confirm_params, sb_intent_confirm_call},
    {"POST", "payment_intents/*/capture", SB_OP_CAPTURE, capture_params, sb_intent_capture},
    {"POST", "payment_intents/*/cancel", SB_OP_CANCEL, cancel_params, sb_intent_cancel},
    {"POST", "refunds", SB_OP_REFUND, refund_params, sb_refund_create},
    {"GET", "refunds", SB_OP_QUERY, list_params, sb_refund_list},
    {"GET", "refunds/*", SB_OP_QUERY, none, sb_refund_retrieve},
    {"POST", "refunds/*", SB_OP_OTHER, metadata_params, sb_refund_update},
    {"POST", "refunds/*/cancel", SB_OP_OTHER, none, sb_refund_cancel},
    {"GET", "charges", SB_OP_QUERY, list_params, sb_charge_list},
    {"GET", "charges/*", SB_OP_QUERY, none, sb_charge_retrieve},
    {"GET", "balance", SB_OP_QUERY, none, sb_balance_retrieve},
    {"GET", "balance_transactions/*", SB_OP_QUERY, none, sb_txn_retrieve},
    {"GET", "events", SB_OP_QUERY, list_params, sb_event_list},
    {"GET", "events/*", SB_OP_QUERY, none, sb_event_retrieve},
    {"GET", "disputes", SB_OP_QUERY, list_params, sb_dispute_list},
    {"GET", "disputes/*", SB_OP_QUERY, none, sb_dispute_retrieve},
    {"POST", "disputes/*", SB_OP_OTHER, dispute_params, sb_dispute_answer},
    {"POST", "disputes/*/close", SB_OP_OTHER, none, sb_dispute_give_up},
    {"GET", "payment_methods/*", SB_OP_QUERY, none, sb_method_retrieve},
    {"POST", "reporting/report_runs", SB_OP_OTHER, report_params, sb_report_create},
    {"GET", "reporting/report_runs/*", SB_OP_QUERY, none, sb_report_retrieve},
    {"GET", "reporting/report_types/*", SB_OP_QUERY, none, sb_report_type},
    {"GET", "files/*/contents", SB_OP_OTHER, none, sb_report_file},
    {"POST", "webhook_endpoints", SB_OP_OTHER, endpoint_params, sb_endpoint_create},
    {"GET", "webhook_endpoints", SB_OP_QUERY, list_params, sb_endpoint_list},
    {"GET", "webhook_endpoints/*", SB_OP_QUERY, none, sb_endpoint_retrieve},
    {"DELETE", "webhook_endpoints/*", SB_OP_OTHER, none, sb_endpoint_delete},
};

static const struct route *route_of(const struct http_request *request,
                                    char ret_id[SB_ID_CHARS_MAX + 1]) {
    if (strncmp(request->path, "/v1/", 4) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (strcmp(routes[i].method, request->method) == 0 &&
            sb_path_fits(routes[i].path, request->path + 4, ret_id)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* A creation that confirms at once is a charge. */
static enum sb_operation operation_of(const struct route *route,
                                      const struct http_request *request) {
    static const char confirm[] = "confirm=true";
    if (route->operation == SB_OP_CREATE &&
        memmem(request->body, request->body_bytes, confirm, sizeof(confirm) - 1) != NULL) {
        return SB_OP_CHARGE;
    }
    return route->operation;
}

/* ---- credentials ---- */

static bool basic_is(const char *encoded, const char *key) {
    size_t count = 0;
    unsigned char *pair = crypto_unbase64(encoded, &count);
    size_t key_count = strlen(key);
    bool same = pair != NULL && count > key_count && pair[key_count] == ':' &&
                crypto_equal(pair, key, key_count);
    free(pair);
    return same;
}

static bool shows(const char *given, const char *key) {
    bool bearer = strncmp(given, "Bearer ", 7) == 0 && strlen(given + 7) == strlen(key) &&
                  crypto_equal(given + 7, key, strlen(key));
    return bearer || (strncmp(given, "Basic ", 6) == 0 && basic_is(given + 6, key));
}

static bool authorized(struct sb_stripe_call *call) {
    const struct http_request *request = call->request;
    const char *before = sb_setting_before(call->sandbox, SB_STRIPE, SB_STRIPE_KEY);
    const char *given = http_header_find(request->headers, request->header_count, "Authorization");
    struct sb_stripe_error error = {401, "invalid_request_error", NULL, NULL};
    if (given == NULL) {
        sb_stripe_fail(call, &error,
                       "You did not provide an API key. You need to provide your API key "
                       "in the Authorization header, using Bearer auth.");
        return false;
    }
    if (shows(given, sb_setting(call->sandbox, SB_STRIPE, SB_STRIPE_KEY)) ||
        (before != NULL && shows(given, before))) {
        return true;
    }
    sb_stripe_fail(call, &error, "Invalid API Key provided.");
    return false;
}

/* ---- keys ---- */

bool sb_stripe_begin(struct sb_stripe_call *call) {
    const struct http_request *request = call->request;
    const char *text = http_header_find(request->headers, request->header_count, "Idempotency-Key");
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    struct sb_stripe_error error = {400, "idempotency_error", NULL, NULL};
    if (strlen(text) > SB_KEY_CHARS_MAX) {
        sb_stripe_fail(call, &error, "Idempotency keys can be at most %d characters.",
                       SB_KEY_CHARS_MAX);
        return false;
    }
    uint64_t asked = sb_digest(0, request->path, strlen(request->path));
    asked = sb_digest(asked, request->body, request->body_bytes);
    struct sb_outcome outcome;
    struct sb_key *key = NULL;
    http_reply_header(call->reply, "Idempotency-Key", text);
    switch (sb_keys_claim(&call->sandbox->keys[SB_STRIPE], text, 0, asked, &key, &outcome)) {
    case SB_CLAIM_NEW:
        call->key = key;
        return true;
    case SB_CLAIM_DONE:
        http_reply_header(call->reply, "Idempotent-Replayed", "true");
        sb_stripe_show(call, &outcome);
        return false;
    case SB_CLAIM_BUSY:
        error = (struct sb_stripe_error){409, "invalid_request_error", "idempotency_key_in_use",
                                         NULL};
        sb_stripe_fail(call, &error,
                       "There is currently another in-progress request using this "
                       "Idempotency Key. Please try again later.");
        return false;
    case SB_CLAIM_OTHER:
    default:
        sb_stripe_fail(call, &error,
                       "Keys for idempotent requests can only be used with the same "
                       "parameters they were first used with.");
        return false;
    }
}

struct sb_shard *sb_shape_shard(struct sb_place *place, enum sb_shape shape, const void *object) {
    const struct sb_intent *intent = object;
    if (shape == SB_SHAPE_CHARGE) {
        intent = ((const struct sb_charge *)object)->intent;
    } else if (shape == SB_SHAPE_REFUND) {
        intent = ((const struct sb_refund *)object)->charge->intent;
    } else if (shape == SB_SHAPE_DISPUTE) {
        intent = ((const struct sb_dispute *)object)->charge->intent;
    }
    return sb_place_shard(place, intent->number);
}

static void shape_write(struct sb_stripe_call *call, const struct sb_outcome *outcome,
                        struct buf *out) {
    struct sandbox *sandbox = call->sandbox;
    switch ((enum sb_shape)outcome->shape) {
    case SB_SHAPE_INTENT:
        sb_intent_write(sandbox, outcome->object, outcome->version, outcome->options, out);
        break;
    case SB_SHAPE_CHARGE:
        sb_charge_write(sandbox, outcome->object, outcome->version, outcome->options, out);
        break;
    case SB_SHAPE_REFUND:
        sb_refund_write(sandbox, outcome->object, outcome->version, outcome->options, out);
        break;
    case SB_SHAPE_DISPUTE:
        sb_dispute_write(sandbox, outcome->object, outcome->version, out);
        break;
    case SB_SHAPE_DECLINED:
        sb_stripe_declined_write(sandbox, outcome->object, outcome->version, out);
        break;
    case SB_SHAPE_TEXT:
    case SB_SHAPE_NONE:
    default:
        break;
    }
}

void sb_stripe_show(struct sb_stripe_call *call, const struct sb_outcome *outcome) {
    struct http_reply *reply = call->reply;
    reply->status = outcome->status;
    http_reply_header(reply, "Content-Type", "application/json");
    if (outcome->shape == SB_SHAPE_TEXT) {
        buf_add_text(&reply->body, outcome->object);
        return;
    }
    struct sb_shard *shard = sb_shape_shard(call->place, (enum sb_shape)outcome->shape,
                                            outcome->object);
    lock_take(&shard->lock);
    shape_write(call, outcome, &reply->body);
    lock_give(&shard->lock);
}

void sb_stripe_answer(struct sb_stripe_call *call, const struct sb_outcome *outcome) {
    if (call->key != NULL) {
        /* A slow answer is on its way for as long as it is held back; one that never comes is lost,
         * and the key with it is free to be asked again. */
        int64_t busy_us = call->verdict->silent_after ? 0 : call->verdict->delay_us;
        sb_keys_finish(&call->sandbox->keys[SB_STRIPE], call->key, outcome, busy_us);
    }
    sb_stripe_show(call, outcome);
}

void sb_stripe_full(struct sb_stripe_call *call) {
    struct sb_stripe_error error = {503, "api_error", NULL, NULL};
    if (call->key != NULL) {
        sb_keys_drop(&call->sandbox->keys[SB_STRIPE], call->key);
        call->key = NULL;
    }
    sb_stripe_fail(call, &error,
                   "The sandbox's book is full: it takes no more than %lld objects. "
                   "Empty it with POST /reset on the control port.",
                   (long long)call->place->objects_max);
}

void sb_stripe_tell(struct sb_stripe_call *call, enum sb_event_type type, const void *object,
                    const void *now) {
    sb_tell(call->sandbox, SB_STRIPE, type, object, now, call->key);
}

/* ---- requests ---- */

static void run(struct sb_stripe_call *call, const struct route *route) {
    struct err err = {0};
    const struct http_request *request = call->request;
    if (!authorized(call)) {
        return;
    }
    if (sb_form_read(&call->form, request->query, request->body, request->body_bytes, &err) < 0) {
        struct sb_stripe_error error = {400, "invalid_request_error", NULL, NULL};
        sb_stripe_fail(call, &error, "Invalid request: %s.", err.detail);
    } else if (sb_params_known(call, route->params) && sb_param_expand(call)) {
        route->handler(call);
    }
    sb_form_release(&call->form);
}

/* Answers that nobody's key remembers: the truth is kept, the client is told otherwise. */
static void cover_up(struct sb_stripe_call *call) {
    buf_clear(&call->reply->headers);
    buf_clear(&call->reply->body);
    sb_stripe_fault(call, call->verdict->status_after, call->verdict->code);
}

static void authentication_page(struct sandbox *sandbox, const struct http_request *request,
                                struct http_reply *reply) {
    const char *id = request->path + strlen("/3ds/");
    struct err err;
    BUF_AUTO query;
    buf_init(&query, 256);
    struct sb_intent *intent = sb_place_find(sandbox->places[SB_STRIPE], SB_STRIPE_INTENT, id);
    if (intent == NULL) {
        sb_page_write(
            &(struct sb_page){"There is no such payment", "The link is wrong.", NULL, NULL, NULL},
            reply);
        reply->status = 404;
        return;
    }
    struct sb_shard *shard = sb_place_shard(sandbox->places[SB_STRIPE], intent->number);
    lock_take(&shard->lock);
    int64_t amount_minor = sb_stripe_to_minor(intent->now->amount, intent->currency);
    const char *return_url = intent->now->texts->return_url;
    lock_give(&shard->lock);
    char amount[MONEY_TEXT_MAX];
    struct sb_page page = {"Your bank asks: is it you?",
                           "A simulated 3-D Secure page of the sandbox.",
                           money_show(amount_minor, intent->currency, amount), "Complete", "Fail"};
    if (strcmp(request->method, "POST") != 0) {
        sb_page_write(&page, reply);
        return;
    }
    bool passed = strstr(request->body, "choice=yes") != NULL;
    int rc = sb_stripe_authenticate(sandbox, id, passed, &err);
    if (rc < 0 || return_url == NULL) {
        page = (struct sb_page){rc < 0 ? "Nothing was done" : "Thank you",
                                rc < 0 ? err.detail : "You may close this page.", page.amount, NULL,
                                NULL};
        sb_page_write(&page, reply);
        return;
    }
    buf_addf(&query, "payment_intent=%s&redirect_status=%s", id, passed ? "succeeded" : "failed");
    sb_page_redirect(return_url, query.data, reply);
}

static void no_such_path(struct sb_stripe_call *call) {
    struct sb_stripe_error error = {404, "invalid_request_error", "url_invalid", NULL};
    sb_stripe_fail(call, &error, "Unrecognized request URL (%.8s: %.100s).", call->request->method,
                   call->request->path);
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    char id[SB_ID_CHARS_MAX + 1];
    struct sandbox *sandbox = ctx;
    struct sb_verdict verdict;
    const struct route *route = route_of(request, id);
    if (!sb_request_begin(sandbox, SB_STRIPE,
                          route != NULL ? operation_of(route, request) : SB_OP_OTHER, &verdict,
                          reply)) {
        return;
    }
    struct sb_stripe_call call = {.sandbox = sandbox,
                                  .place = sandbox->places[SB_STRIPE],
                                  .request = request,
                                  .reply = reply,
                                  .verdict = &verdict,
                                  .id = id};
    const char *version = http_header_find(request->headers, request->header_count,
                                           "Stripe-Version");
    http_reply_header(reply, "Stripe-Version", version != NULL ? version : SB_STRIPE_VERSION);
    if (verdict.status != 0) {
        sb_stripe_fault(&call, verdict.status, verdict.code);
    } else if (route != NULL) {
        run(&call, route);
    } else if (strncmp(request->path, "/3ds/", 5) == 0) {
        authentication_page(sandbox, request, reply);
    } else {
        no_such_path(&call);
    }
    if (verdict.status_after != 0) {
        cover_up(&call);
    }
    sb_request_end(sandbox, &verdict, reply);
}

/* ---- callbacks ---- */

static void event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        struct buf *out) {
    sb_stripe_event_write(sandbox, delivery->event, delivery->amount_minor, out);
}

static int sign(struct sandbox *sandbox, const struct sb_delivery *delivery, const struct buf *body,
                struct sb_signed_headers *ret_headers, struct err *err) {
    (void)sandbox;
    (void)err;
    const char *secret = delivery->forgery == SB_FORGED ? "whsec_of_somebody_else"
                                                        : delivery->endpoint->secret;
    struct stripe_secret key = {secret, strlen(secret)};
    static_assert((int)SB_SIGN_TEXT_MAX > (int)STRIPE_SIGNATURE_CHARS_MAX, "a signature fits");
    stripe_sign(&key, delivery->signed_us / US_PER_SECOND, body->data, body->len,
                ret_headers->room);
    ret_headers->headers[0] = (struct http_header){"Content-Type",
                                                   "application/json; charset=utf-8"};
    ret_headers->headers[1] = (struct http_header){"Stripe-Signature", ret_headers->room};
    ret_headers->headers[2] = (struct http_header){"User-Agent", "Stripe/1.0 (Holdfast sandbox)"};
    ret_headers->count = 3;
    return 0;
}

static void endpoint_fill(struct sandbox *sandbox, struct sb_endpoint *endpoint) {
    struct sb_place *place = sandbox->places[SB_STRIPE];
    bool room = sb_place_add(place, SB_STRIPE_ENDPOINT, &endpoint->number, &endpoint->created_us);
    INVARIANT(room, "the first object has room");
    struct sb_id id = sb_id_of(place, SB_STRIPE_ENDPOINT, endpoint->number);
    memcpy(endpoint->id, id.text, sizeof(endpoint->id));
    snprintf(endpoint->secret, sizeof(endpoint->secret), "%s",
             sb_setting(sandbox, SB_STRIPE, SB_STRIPE_WEBHOOK_SECRET));
}

/* ---- the row ---- */

static int customer(struct sandbox *sandbox, const char *name, enum sb_act act, struct err *err) {
    if (act != SB_ACT_PAY && act != SB_ACT_CANCEL) {
        return err_set(err, ERR_VALIDATION, "at Stripe a customer pays or cancels");
    }
    return sb_stripe_authenticate(sandbox, name, act == SB_ACT_PAY, err);
}

static const struct sb_setting settings[] = {
    [SB_STRIPE_KEY] = {"key", SANDBOX_STRIPE_KEY, "KEY", "API key", false},
    [SB_STRIPE_WEBHOOK_SECRET] = {"webhook-secret", SANDBOX_STRIPE_WEBHOOK_SECRET, "SECRET",
                                  "whsec_…", false},
    {NULL, NULL, NULL, NULL, false},
};

const struct sb_gateway_kind sb_stripe_kind = {
    .settings = settings,
    .hint = "unless told otherwise the API key is " SANDBOX_STRIPE_KEY,
    .handle = handle,
    .event_write = event_write,
    .sign = sign,
    .dated = true,
    .endpoint_fill = endpoint_fill,
    .settle = sb_stripe_settle,
    .customer = customer,
    .dispute = sb_stripe_dispute,
    .dispute_reason = "fraudulent",
    .dispute_close = sb_stripe_dispute_close,
    .desk_refund = sb_stripe_desk_refund,
    .desk_charge = sb_stripe_desk_charge,
    .statements = sb_stripe_statements,
    .payout_days = 2,
    .payout_kind = SB_STRIPE_PAYOUT,
    .line_fill = sb_stripe_line_fill,
};
