/* SPDX-License-Identifier: Apache-2.0
 * paypal.c: the way of a request through the simulated PayPal. */
#include "sandbox/paypal.h"

#include <inttypes.h>

#include "base/clock.h"

enum { MAC_CHARS = 32, TOKEN_CHARS_MAX = 128 };

/* ---- routes ---- */

static const struct route {
    const char *method, *path;
    enum sb_operation operation;
    sb_paypal_handler *handler;
} routes[] = {
    {"POST", "/v2/checkout/orders", SB_OP_CREATE, sb_order_create},
    {"GET", "/v2/checkout/orders/*", SB_OP_QUERY, sb_order_retrieve},
    {"PATCH", "/v2/checkout/orders/*", SB_OP_OTHER, sb_order_patch},
    {"POST", "/v2/checkout/orders/*/confirm-payment-source", SB_OP_OTHER, sb_order_confirm},
    {"POST", "/v2/checkout/orders/*/authorize", SB_OP_CHARGE, sb_order_authorize},
    {"POST", "/v2/checkout/orders/*/capture", SB_OP_CHARGE, sb_order_capture},
    {"GET", "/v2/payments/authorizations/*", SB_OP_QUERY, sb_authorization_retrieve},
    {"POST", "/v2/payments/authorizations/*/capture", SB_OP_CAPTURE, sb_authorization_capture},
    {"POST", "/v2/payments/authorizations/*/reauthorize", SB_OP_OTHER,
     sb_authorization_reauthorize},
    {"POST", "/v2/payments/authorizations/*/void", SB_OP_CANCEL, sb_authorization_void},
    {"GET", "/v2/payments/captures/*", SB_OP_QUERY, sb_capture_retrieve},
    {"POST", "/v2/payments/captures/*/refund", SB_OP_REFUND, sb_capture_refund},
    {"GET", "/v2/payments/refunds/*", SB_OP_QUERY, sb_payback_retrieve},
    {"GET", "/v1/customer/disputes/*", SB_OP_QUERY, sb_case_retrieve},
    {"POST", "/v1/customer/disputes/*/provide-evidence", SB_OP_OTHER, sb_case_evidence},
    {"POST", "/v1/customer/disputes/*/accept-claim", SB_OP_OTHER, sb_case_accept},
    {"POST", "/v1/notifications/webhooks", SB_OP_OTHER, sb_hook_create},
    {"GET", "/v1/notifications/webhooks", SB_OP_QUERY, sb_hook_list},
    {"GET", "/v1/notifications/webhooks/*", SB_OP_QUERY, sb_hook_retrieve},
    {"DELETE", "/v1/notifications/webhooks/*", SB_OP_OTHER, sb_hook_delete},
    {"GET", "/v1/notifications/webhooks-events", SB_OP_QUERY, sb_hook_events},
    {"GET", "/v1/notifications/webhooks-events/*", SB_OP_QUERY, sb_hook_event},
    {"POST", "/v1/notifications/webhooks-events/*/resend", SB_OP_OTHER, sb_hook_resend},
    {"POST", "/v1/notifications/verify-webhook-signature", SB_OP_QUERY, sb_hook_verify},
};

static const struct route *route_of(const struct http_request *request,
                                    char ret_id[SB_ID_CHARS_MAX + 1]) {
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (strcmp(routes[i].method, request->method) == 0 &&
            sb_path_fits(routes[i].path, request->path, ret_id)) {
            return &routes[i];
        }
    }
    return NULL;
}

struct sb_shard *sb_order_shard(struct sb_place *place, const struct sb_order *order) {
    return sb_place_shard(place, order->number);
}

/* ---- access tokens: "A21AA<expires>.<epoch>.<mac>", so that none needs to be remembered ---- */

static void mac_write(const char *secret, const char *text, char ret_mac[MAC_CHARS + 1]) {
    unsigned char mac[SHA256_BYTES];
    char hex[SHA256_HEX_CHARS + 1];
    crypto_hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
    crypto_hex(mac, sizeof(mac), hex);
    memcpy(ret_mac, hex, MAC_CHARS);
    ret_mac[MAC_CHARS] = '\0';
}

static bool mac_ok(const char *secret, const char *text, const char *given) {
    char mac[MAC_CHARS + 1];
    if (secret == NULL) {
        return false;
    }
    mac_write(secret, text, mac);
    return strcmp(given, mac) == 0;
}

static bool token_ok(struct sandbox *sandbox, const char *token) {
    char text[TOKEN_CHARS_MAX];
    long long expires_s = 0;
    unsigned epoch = 0;
    if (strlen(token) >= sizeof(text) || sscanf(token, "A21AA%lld.%u.", &expires_s, &epoch) != 2) {
        return false;
    }
    snprintf(text, sizeof(text), "A21AA%lld.%u.", expires_s, epoch);
    size_t count = strlen(text);
    return strncmp(token, text, count) == 0 &&
           (mac_ok(sb_setting(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET), text, token + count) ||
            mac_ok(sb_setting_before(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET), text,
                   token + count)) &&
           epoch == atomic_load(&sandbox->paypal_token_epoch) &&
           expires_s > clock_wall_us() / US_PER_SECOND;
}

static void token_refuse(struct http_reply *reply, const char *error, const char *description) {
    reply->status = 401;
    http_reply_header(reply, "Content-Type", "application/json");
    buf_addf(&reply->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, description);
}

static bool is_client(const struct sandbox *sandbox, const char *secret, const void *pair,
                      size_t count) {
    BUF_AUTO wanted;
    if (secret == NULL) {
        return false;
    }
    buf_init(&wanted, 1024);
    buf_addf(&wanted, "%s:%s", sb_setting(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_ID), secret);
    return count == wanted.len && crypto_equal(pair, wanted.data, count);
}

static bool client_ok(const struct sandbox *sandbox, const struct http_request *request) {
    const char *given = http_header_find(request->headers, request->header_count, "Authorization");
    size_t count = 0;
    unsigned char *pair = given != NULL && strncmp(given, "Basic ", 6) == 0
                              ? crypto_unbase64(given + 6, &count)
                              : NULL;
    bool good = pair != NULL &&
                (is_client(sandbox, sb_setting(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET), pair,
                           count) ||
                 is_client(sandbox, sb_setting_before(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET),
                           pair, count));
    free(pair);
    return good;
}

static void token_call(struct sandbox *sandbox, const struct http_request *request,
                       struct http_reply *reply) {
    if (!client_ok(sandbox, request)) {
        token_refuse(reply, "invalid_client", "Client Authentication failed");
        return;
    }
    if (strstr(request->body, "grant_type=client_credentials") == NULL) {
        token_refuse(reply, "unsupported_grant_type", "unsupported grant_type");
        reply->status = 400;
        return;
    }
    char text[TOKEN_CHARS_MAX];
    char mac[MAC_CHARS + 1];
    snprintf(text, sizeof(text), "A21AA%" PRId64 ".%u.",
             clock_wall_us() / US_PER_SECOND + sandbox->paypal_token_s,
             atomic_load(&sandbox->paypal_token_epoch));
    mac_write(sb_setting(sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET), text, mac);
    reply->status = 200;
    http_reply_header(reply, "Content-Type", "application/json");
    buf_addf(
        &reply->body,
        "{\"scope\":\"https://uri.paypal.com/services/payments/payment\",\"access_token\":\"%s%s\","
        "\"token_type\":\"Bearer\",\"app_id\":\"APP-80W284485P519543T\",\"expires_in\":%d,"
        "\"nonce\":\"%s\"}",
        text, mac, sandbox->paypal_token_s, request->id);
}

static bool authorized(struct sb_paypal_call *call) {
    const struct http_request *request = call->request;
    const char *given = http_header_find(request->headers, request->header_count, "Authorization");
    if (given == NULL) {
        sb_paypal_fail(call, &(struct sb_paypal_error){401, NULL, NULL, NULL});
        return false;
    }
    if (strncmp(given, "Bearer ", 7) == 0 && token_ok(call->sandbox, given + 7)) {
        return true;
    }
    http_reply_header(call->reply, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
    token_refuse(call->reply, "invalid_token", "Token signature verification failed");
    return false;
}

/* ---- keys ---- */

bool sb_paypal_begin(struct sb_paypal_call *call) {
    const struct http_request *request = call->request;
    const char *text = http_header_find(request->headers, request->header_count,
                                        "PayPal-Request-Id");
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    if (strlen(text) > SB_REQUEST_ID_CHARS_MAX) {
        sb_paypal_fail(call,
                       &(struct sb_paypal_error){400, "INVALID_STRING_LENGTH", NULL,
                                                 "PayPal-Request-Id has at most 108 characters."});
        return false;
    }
    struct sb_outcome outcome;
    uint64_t scope = sb_digest(0, request->path, strlen(request->path));
    uint64_t asked = sb_digest(0, request->body, request->body_bytes);
    struct sb_key *key = NULL;
    switch (sb_keys_claim(&call->sandbox->keys[SB_PAYPAL], text, scope, asked, &key, &outcome)) {
    case SB_CLAIM_NEW:
        call->key = key;
        return true;
    case SB_CLAIM_DONE:
        sb_paypal_show(call, outcome.status == 204 ? 204 : 200, (enum sb_paypal_shape)outcome.shape,
                       outcome.object);
        return false;
    case SB_CLAIM_BUSY:
        sb_paypal_fail(call,
                       &(struct sb_paypal_error){409, "PREVIOUS_REQUEST_IN_PROGRESS", NULL,
                                                 "A previous request on this resource is currently "
                                                 "in progress."});
        return false;
    case SB_CLAIM_OTHER:
    default:
        sb_paypal_refuse(call, "DUPLICATE_REQUEST_ID");
        return false;
    }
}

static const struct sb_order *order_of(enum sb_paypal_shape shape, const void *object) {
    switch (shape) {
    case SB_SHOW_AUTHORIZATION:
        return ((const struct sb_authorization *)object)->order;
    case SB_SHOW_CAPTURE:
        return ((const struct sb_capture *)object)->order;
    case SB_SHOW_PAYBACK:
        return ((const struct sb_payback *)object)->capture->order;
    case SB_SHOW_ORDER:
    case SB_SHOW_NONE:
    default:
        return object;
    }
}

void sb_paypal_show(struct sb_paypal_call *call, int status, enum sb_paypal_shape shape,
                    const void *object) {
    struct buf *out = &call->reply->body;
    struct sandbox *sandbox = call->sandbox;
    call->reply->status = status;
    if (shape == SB_SHOW_NONE || status == 204) {
        return;
    }
    http_reply_header(call->reply, "Content-Type", "application/json");
    struct sb_shard *shard = sb_order_shard(call->place, order_of(shape, object));
    lock_take(&shard->lock);
    if (shape == SB_SHOW_ORDER) {
        sb_order_write(sandbox, object, ((const struct sb_order *)object)->now, call->full, out);
    } else if (shape == SB_SHOW_AUTHORIZATION) {
        const struct sb_authorization *authorization = object;
        sb_authorization_write(sandbox, authorization, authorization->now, call->full, out);
    } else if (shape == SB_SHOW_CAPTURE) {
        sb_capture_write(sandbox, object, ((const struct sb_capture *)object)->now, call->full,
                         out);
    } else {
        sb_payback_write(sandbox, object, ((const struct sb_payback *)object)->now, call->full,
                         out);
    }
    lock_give(&shard->lock);
}

void sb_paypal_answer(struct sb_paypal_call *call, int status, enum sb_paypal_shape shape,
                      const void *object) {
    if (call->key != NULL) {
        struct sb_outcome outcome = {status, (int)shape, 0, object, NULL};
        int64_t busy_us = call->verdict->silent_after ? 0 : call->verdict->delay_us;
        sb_keys_finish(&call->sandbox->keys[SB_PAYPAL], call->key, &outcome, busy_us);
    }
    sb_paypal_show(call, status, shape, object);
}

void sb_paypal_tell(struct sb_paypal_call *call, enum sb_event_type type, const void *object,
                    const void *now) {
    sb_tell(call->sandbox, SB_PAYPAL, type, object, now, call->key);
}

/* ---- requests ---- */

/* {"mock_application_codes":"INSTRUMENT_DECLINED"} */
static void read_mock(struct sb_paypal_call *call) {
    const struct http_request *request = call->request;
    const char *given = http_header_find(request->headers, request->header_count,
                                         "PayPal-Mock-Response");
    json_t *json = NULL;
    struct err err;
    if (given == NULL || json_read(given, strlen(given), 1024, 4, &json, &err) < 0) {
        return;
    }
    const json_t *codes = json_peek(json, "mock_application_codes", NULL);
    const json_t *code = json_is_array(codes) ? json_array_get(codes, 0) : codes;
    const char *text = json_string_value(code);
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (text != NULL && strlen(text) <= SB_ISSUE_CHARS_MAX &&
        strspn(text, allowed) == strlen(text)) {
        snprintf(call->mock, sizeof(call->mock), "%s", text);
    }
    json_decref(json);
}

static void run(struct sb_paypal_call *call, const struct route *route) {
    const struct http_request *request = call->request;
    struct err err = {0};
    if (!authorized(call)) {
        return;
    }
    const char *prefer = http_header_find(request->headers, request->header_count, "Prefer");
    call->full = strcmp(request->method, "GET") == 0 ||
                 (prefer != NULL && strstr(prefer, "representation") != NULL);
    read_mock(call);
    if (call->mock[0] != '\0' && !sb_decline_is_inside(call->mock)) {
        sb_paypal_mock(call);
        return;
    }
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    bool files = type != NULL && strncmp(type, "multipart/form-data", 19) == 0;
    json_t *body = files ? json_object() : sb_body_json(request, &err);
    if (body == NULL) {
        sb_paypal_fail(call,
                       &(struct sb_paypal_error){400, "MALFORMED_REQUEST_JSON", NULL, err.detail});
        return;
    }
    call->body = body;
    route->handler(call);
    json_decref(body);
}

/* ---- the buyer's page ---- */

static void checkout_page(struct sandbox *sandbox, const struct http_request *request,
                          struct http_reply *reply) {
    char token[SB_ID_CHARS_MAX + 1] = "";
    char amount[MONEY_TEXT_MAX];
    struct err err = {0};
    if (http_query_get(request, "token", token, sizeof(token), &err) < 0) {
        token[0] = '\0';
    }
    struct sb_order *order = sb_place_find(sandbox->places[SB_PAYPAL], SB_PAYPAL_ORDER, token);
    if (order == NULL) {
        sb_page_write(
            &(struct sb_page){"There is no such order", "The link is wrong.", NULL, NULL, NULL},
            reply);
        reply->status = 404;
        return;
    }
    struct sb_shard *shard = sb_order_shard(sandbox->places[SB_PAYPAL], order);
    lock_take(&shard->lock);
    const struct sb_order_now now = *order->now;
    lock_give(&shard->lock);
    struct sb_page page = {"Pay with the sandbox's PayPal", "No real money moves here.",
                           money_show(now.amount_minor, now.currency, amount), "Approve", "Cancel"};
    if (strcmp(request->method, "POST") != 0) {
        sb_page_write(&page, reply);
        return;
    }
    bool approved = strstr(request->body, "choice=yes") != NULL;
    int rc = sb_paypal_approve(sandbox, token, approved, &err);
    const char *url = approved ? now.texts->return_url : now.texts->cancel_url;
    if (rc < 0 || url == NULL) {
        page = (struct sb_page){rc < 0 ? "Nothing was done" : "Thank you",
                                rc < 0 ? err.detail : "You may close this page.", page.amount, NULL,
                                NULL};
        sb_page_write(&page, reply);
        return;
    }
    char query[128];
    snprintf(query, sizeof(query), approved ? "token=%s&PayerID=QYR5Z8XDVJNXQ" : "token=%s", token);
    sb_page_redirect(url, query, reply);
}

static void certificate(struct sandbox *sandbox, const char *name, struct sb_paypal_call *call) {
    const struct sb_paypal_identity *identity = sb_paypal_identity(sandbox);
    if (strcmp(name, identity->cert_name) != 0) {
        sb_paypal_missing(call);
        return;
    }
    call->reply->status = 200;
    http_reply_body(call->reply, "application/x-pem-file", identity->cert_pem,
                    strlen(identity->cert_pem));
}

/* What needs no access token. True: it was one of these. */
static bool run_open(struct sb_paypal_call *call) {
    const struct http_request *request = call->request;
    char name[SB_ID_CHARS_MAX + 1];
    if (strcmp(request->path, "/v1/oauth2/token") == 0 && strcmp(request->method, "POST") == 0) {
        token_call(call->sandbox, request, call->reply);
    } else if (strcmp(request->path, "/checkoutnow") == 0) {
        checkout_page(call->sandbox, request, call->reply);
    } else if (sb_path_fits("/v1/notifications/certs/*", request->path, name)) {
        certificate(call->sandbox, name, call);
    } else {
        return false;
    }
    return true;
}

/* An order made with a stored means of payment is paid at once: that is a charge. */
static enum sb_operation operation_of(const struct route *route,
                                      const struct http_request *request) {
    static const char vault[] = "\"vault_id\"";
    if (route == NULL) {
        return strcmp(request->path, "/v1/oauth2/token") == 0 ? SB_OP_TOKEN : SB_OP_OTHER;
    }
    bool at_once = route->operation == SB_OP_CREATE &&
                   memmem(request->body, request->body_bytes, vault, sizeof(vault) - 1) != NULL;
    return at_once ? SB_OP_CHARGE : route->operation;
}

static void cover_up(struct sb_paypal_call *call) {
    call->key = NULL; /* it is finished: what was done stays done */
    buf_clear(&call->reply->headers);
    sb_paypal_fault(call, call->verdict->status_after, call->verdict->code);
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    char id[SB_ID_CHARS_MAX + 1];
    char debug[SB_DEBUG_ID_CHARS + 1];
    struct sandbox *sandbox = ctx;
    struct sb_verdict verdict;
    const struct route *route = route_of(request, id);
    if (!sb_request_begin(sandbox, SB_PAYPAL, operation_of(route, request), &verdict, reply)) {
        return;
    }
    struct sb_paypal_call call = {.sandbox = sandbox,
                                  .place = sandbox->places[SB_PAYPAL],
                                  .request = request,
                                  .reply = reply,
                                  .verdict = &verdict,
                                  .id = id};
    if (verdict.status != 0) {
        sb_paypal_fault(&call, verdict.status, verdict.code);
    } else if (route != NULL) {
        run(&call, route);
    } else if (!run_open(&call)) {
        sb_paypal_fail(&call, &(struct sb_paypal_error){404, NULL, NULL, NULL});
    }
    if (verdict.status_after != 0) {
        cover_up(&call);
    }
    sb_paypal_debug_id(&call, debug);
    http_reply_header(reply, "PayPal-Debug-Id", debug);
    sb_request_end(sandbox, &verdict, reply);
}

/* ---- the row ---- */

const struct sb_paypal_identity *sb_paypal_identity(struct sandbox *sandbox) {
    return sb_identity(sandbox, SB_PAYPAL);
}

static int open_own(struct sandbox *sandbox, const struct sandbox_options *options,
                    struct err *err) {
    (void)options;
    (void)err;
    struct sb_invoices *invoices = calloc(1, sizeof(*invoices));
    INVARIANT(invoices != NULL, "no memory for the sandbox");
    lock_init(&invoices->lock);
    invoices->paid = g_hash_table_new(g_str_hash, g_str_equal);
    sandbox->own[SB_PAYPAL] = invoices;
    return 0;
}

static void close_own(struct sandbox *sandbox) {
    struct sb_invoices *invoices = sandbox->own[SB_PAYPAL];
    if (invoices != NULL) {
        g_hash_table_unref(invoices->paid);
        lock_free(&invoices->lock);
        free(invoices);
    }
}

static void reset_own(struct sandbox *sandbox) {
    struct sb_invoices *invoices = sandbox->own[SB_PAYPAL];
    lock_take(&invoices->lock);
    g_hash_table_remove_all(invoices->paid);
    lock_give(&invoices->lock);
}

static void event_write(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        struct buf *out) {
    sb_paypal_event_write(sandbox, delivery->event, delivery->amount_minor, out);
}

static void endpoint_fill(struct sandbox *sandbox, struct sb_endpoint *endpoint) {
    bool room = sb_place_add(sandbox->places[SB_PAYPAL], SB_PAYPAL_WEBHOOK, &endpoint->number,
                             &endpoint->created_us);
    INVARIANT(room, "the first object has room");
    snprintf(endpoint->id, sizeof(endpoint->id), "%s",
             sb_setting(sandbox, SB_PAYPAL, SB_PAYPAL_WEBHOOK_ID));
}

static int customer(struct sandbox *sandbox, const char *name, enum sb_act act, struct err *err) {
    if (act != SB_ACT_PAY && act != SB_ACT_CANCEL) {
        return err_set(err, ERR_VALIDATION, "at PayPal a buyer pays or cancels");
    }
    return sb_paypal_approve(sandbox, name, act == SB_ACT_PAY, err);
}

static int identity_new(int64_t now_us, void **ret_identity, struct err *err) {
    struct sb_paypal_identity *identity = NULL;
    int rc = sb_paypal_identity_new(now_us, &identity, err);
    if (rc == 0) {
        *ret_identity = identity;
    }
    return rc;
}

static void identity_free(void *identity) {
    sb_paypal_identity_free(identity);
}

static const char *paper(const void *identity, const char *name) {
    const struct sb_paypal_identity *paypal = identity;
    return strcmp(name, "ca.pem") == 0 ? paypal->ca_pem : NULL;
}

static const struct sb_setting settings[] = {
    [SB_PAYPAL_CLIENT_ID] = {"client-id", SANDBOX_PAYPAL_CLIENT_ID, "ID", "client id", false},
    [SB_PAYPAL_CLIENT_SECRET] = {"client-secret", SANDBOX_PAYPAL_CLIENT_SECRET, "SECRET",
                                 "its secret", false},
    [SB_PAYPAL_WEBHOOK_ID] = {"webhook-id", SANDBOX_PAYPAL_WEBHOOK_ID, "ID", "of the callback URL",
                              false},
    {NULL, NULL, NULL, NULL, false},
};

const struct sb_gateway_kind sb_paypal_kind = {
    .settings = settings,
    .hint = "unless told otherwise the client id is " SANDBOX_PAYPAL_CLIENT_ID,
    .open = open_own,
    .close = close_own,
    .reset = reset_own,
    .handle = handle,
    .event_write = event_write,
    .sign = sb_paypal_sign,
    .dated = true,
    .endpoint_fill = endpoint_fill,
    .settle = sb_paypal_settle,
    .customer = customer,
    .dispute = sb_paypal_dispute,
    .dispute_reason = "UNAUTHORISED",
    .dispute_close = sb_paypal_dispute_close,
    .desk_refund = sb_paypal_desk_refund,
    .desk_charge = sb_paypal_desk_charge,
    .statements = sb_paypal_statements,
    .payout_days = 1,
    .payout_kind = SB_PAYPAL_PAYOUT,
    .line_fill = sb_paypal_line_fill,
    .identity_new = identity_new,
    .identity_free = identity_free,
    .paper = paper,
};
