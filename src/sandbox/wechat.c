/* SPDX-License-Identifier: Apache-2.0
 * wechat.c: the way of a request through the simulated WeChat Pay: believed only with the
 * merchant's signature, and answered with a signature; its keys and its row. */
#include "sandbox/wechat.h"

#include "base/clock.h"
#include "gateway/wechatpay/wechat_sign.h"

enum { CERTIFICATES_MAX = 2, SEAL_NONCE_CHARS = 12 };
#define MODE_CERTIFICATES "certificates"
#define MODE_PUBLIC_KEY "public_key"

/* ---- routes ---- */

static const struct route {
    const char *method, *path;
    enum sb_operation operation;
    sb_wechat_handler *handler;
} routes[] = {
    {"POST", "/v3/pay/transactions/native", SB_OP_CREATE, sb_wechat_native},
    {"POST", "/v3/pay/transactions/h5", SB_OP_CREATE, sb_wechat_h5},
    {"POST", "/v3/pay/transactions/app", SB_OP_CREATE, sb_wechat_app},
    {"POST", "/v3/pay/transactions/jsapi", SB_OP_CREATE, sb_wechat_jsapi},
    {"POST", "/v3/pay/transactions/codepay", SB_OP_CHARGE, sb_wechat_codepay},
    {"GET", "/v3/pay/transactions/out-trade-no/*", SB_OP_QUERY, sb_wechat_by_number},
    {"GET", "/v3/pay/transactions/id/*", SB_OP_QUERY, sb_wechat_by_transaction},
    {"POST", "/v3/pay/transactions/out-trade-no/*/close", SB_OP_CANCEL, sb_wechat_close},
    {"POST", "/v3/pay/transactions/out-trade-no/*/reverse", SB_OP_CANCEL, sb_wechat_reverse},
    {"POST", "/v3/refund/domestic/refunds", SB_OP_REFUND, sb_wechat_refund_create},
    {"GET", "/v3/refund/domestic/refunds/*", SB_OP_QUERY, sb_wechat_refund_query},
    {"GET", "/v3/certificates", SB_OP_TOKEN, sb_wechat_certificates},
    {"GET", "/v3/bill/tradebill", SB_OP_OTHER, sb_wechat_tradebill},
    {"GET", "/v3/bill/fundflowbill", SB_OP_OTHER, sb_wechat_fundflowbill},
    {"GET", "/v3/billdownload/file", SB_OP_OTHER, sb_wechat_download},
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

/* ---- answers ---- */

struct buf *sb_wechat_begin(struct sb_wechat_call *call, int status) {
    call->reply->status = status;
    http_reply_header(call->reply, "Content-Type", "application/json; charset=utf-8");
    return &call->reply->body;
}

void sb_wechat_fail(struct sb_wechat_call *call, int status, const char *code,
                    const char *message) {
    struct buf *out = sb_wechat_begin(call, status);
    buf_clear(out);
    buf_add_text(out, "{\"code\":");
    buf_add_json(out, code);
    buf_add_text(out, ",\"message\":");
    buf_add_json(out, message);
    buf_add_char(out, '}');
}

void sb_wechat_full(struct sb_wechat_call *call) {
    sb_wechat_fail(call, 500, "SYSTEM_ERROR",
                   "The sandbox's book is full. Empty it with POST /reset on the control port.");
}

void sb_wechat_query(const struct sb_wechat_call *call, const char *name, char *ret_text,
                     size_t bytes) {
    struct err unused;
    if (http_query_get(call->request, name, ret_text, bytes, &unused) != 1) {
        ret_text[0] = '\0';
    }
}

/* The code that WeChat Pay would say with that status. */
static const char *usual_code(int status) {
    switch (status) {
    case 401:
        return "SIGN_ERROR";
    case 403:
        return "RULE_LIMIT";
    case 404:
        return "ORDER_NOT_EXIST";
    case 429:
        return "FREQUENCY_LIMITED";
    default:
        return status >= 500 ? "SYSTEM_ERROR" : "PARAM_ERROR";
    }
}

static void fault(struct sb_wechat_call *call, int status, const char *code) {
    sb_wechat_fail(call, status, code != NULL && code[0] != '\0' ? code : usual_code(status),
                   "A fault of the sandbox.");
}

/* ---- keys ---- */

const struct sb_pair *sb_wechat_signer(struct sandbox *sandbox, const char *wanted,
                                       const char **ret_serial) {
    struct sb_wechat_identity *identity = sb_identity(sandbox, SB_WECHAT);
    struct sb_wechat_own *own = sandbox->own[SB_WECHAT];
    bool by_key = !sb_wechat_has_certificates(sandbox) ||
                  (wanted != NULL && strcmp(wanted, SANDBOX_WECHAT_PUBLIC_KEY_ID) == 0);
    if (by_key) {
        *ret_serial = SANDBOX_WECHAT_PUBLIC_KEY_ID;
        return identity->public_key;
    }
    lock_take(&own->lock);
    const struct sb_pair *pair = identity->platform[own->rotated > 0 ? 1 : 0];
    lock_give(&own->lock);
    *ret_serial = pair->serial_hex;
    return pair;
}

bool sb_wechat_has_certificates(const struct sandbox *sandbox) {
    return strcmp(sb_setting(sandbox, SB_WECHAT, SB_WECHAT_MODE), MODE_PUBLIC_KEY) != 0;
}

static void certificate_write(struct sandbox *sandbox, const struct sb_pair *pair,
                              struct buf *out) {
    char nonce[WECHAT_NONCE_CHARS + 1];
    wechat_nonce(nonce);
    nonce[SEAL_NONCE_CHARS] = '\0';
    char *sealed = wechat_seal(sb_setting(sandbox, SB_WECHAT, SB_WECHAT_API_V3_KEY), nonce,
                               "certificate", pair->cert_pem, strlen(pair->cert_pem));
    buf_addf(out,
             "{\"serial_no\":\"%s\",\"effective_time\":\"2026-01-01T00:00:00+08:00\","
             "\"expire_time\":\"2036-01-01T00:00:00+08:00\",\"encrypt_certificate\":{"
             "\"algorithm\":\"%s\",\"nonce\":\"%s\",\"associated_data\":\"certificate\","
             "\"ciphertext\":\"%s\"}}",
             pair->serial_hex, WECHAT_ALGORITHM, nonce, sealed);
    free(sealed);
}

void sb_wechat_certificates(struct sb_wechat_call *call) {
    const struct sb_wechat_identity *identity = sb_identity(call->sandbox, SB_WECHAT);
    struct sb_wechat_own *own = call->sandbox->own[SB_WECHAT];
    if (!sb_wechat_has_certificates(call->sandbox)) {
        sb_wechat_fail(call, 404, "RESOURCE_NOT_EXISTS", "There are no platform certificates.");
        return;
    }
    lock_take(&own->lock);
    int rotated = own->rotated;
    lock_give(&own->lock);
    struct buf *out = sb_wechat_begin(call, 200);
    buf_add_text(out, "{\"data\":[");
    for (int i = rotated == 2 ? 1 : 0; i <= (rotated > 0 ? 1 : 0); i++) {
        buf_add_text(out, i > 0 && rotated == 1 ? "," : "");
        certificate_write(call->sandbox, identity->platform[i], out);
    }
    buf_add_text(out, "]}");
}

static int rotate(struct sandbox *sandbox, struct err *err) {
    struct sb_wechat_own *own = sandbox->own[SB_WECHAT];
    lock_take(&own->lock);
    bool may = own->rotated < CERTIFICATES_MAX;
    own->rotated += may ? 1 : 0;
    lock_give(&own->lock);
    return may ? 0 : err_set(err, ERR_STATE, "there is no third certificate");
}

/* ---- believing a request ---- */

/* The merchant's key of that serial number; NULL: it has no such. */
static const struct sb_pair *merchant_of(struct sandbox *sandbox, const char *serial) {
    const struct sb_wechat_identity *all[] = {sb_identity(sandbox, SB_WECHAT),
                                              sb_identity_before(sandbox, SB_WECHAT)};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i] != NULL && strcmp(serial, all[i]->merchant->serial_hex) == 0) {
            return all[i]->merchant;
        }
    }
    return NULL;
}

/* NULL: it is the merchant's; else what is wrong with it. */
static const char *why_unsigned(struct sandbox *sandbox, const struct http_request *request) {
    struct wechat_authorization given;
    const char *header = http_header_find(request->headers, request->header_count, "Authorization");
    if (header == NULL || !wechat_authorization_read(header, &given)) {
        return "Http头Authorization值格式错误";
    }
    size_t digits = strspn(given.timestamp, "0123456789");
    int64_t age_s = clock_wall_us() / US_PER_SECOND - strtoll(given.timestamp, NULL, 10);
    if (digits == 0 || given.timestamp[digits] != '\0' || age_s > WECHAT_SKEW_S_MAX ||
        age_s < -WECHAT_SKEW_S_MAX) {
        return "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟";
    }
    const struct sb_pair *merchant = merchant_of(sandbox, given.serial);
    if (strcmp(given.mchid, sb_setting(sandbox, SB_WECHAT, SB_WECHAT_MCHID)) != 0 ||
        merchant == NULL) {
        return "商户号或商户证书序列号有误";
    }
    BUF_AUTO target, text;
    buf_init(&target, WECHAT_SIGNED_BYTES_MAX);
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    buf_addf(&target, "%s%s%s", request->path, request->query[0] != '\0' ? "?" : "",
             request->query);
    bool good = wechat_signed_request(request->method, target.data, given.timestamp, given.nonce,
                                      request->body, request->body_bytes, &text) &&
                rsa_verify_sha256(merchant->public_key, text.data, text.len, given.signature);
    return good ? NULL : "签名错误，请检查后再试";
}

static bool accepts(const struct http_request *request) {
    const char *accept = http_header_find(request->headers, request->header_count, "Accept");
    return accept != NULL &&
           (strstr(accept, "application/json") != NULL || strstr(accept, "*/*") != NULL);
}

static void run(struct sb_wechat_call *call, const struct route *route) {
    const struct http_request *request = call->request;
    const char *agent = http_header_find(request->headers, request->header_count, "User-Agent");
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    struct err err = {0};
    const char *wrong = why_unsigned(call->sandbox, request);
    if (wrong != NULL) {
        sb_wechat_fail(call, 401, "SIGN_ERROR", wrong);
        return;
    }
    if (agent == NULL || agent[0] == '\0' || !accepts(request)) {
        sb_wechat_fail(call, 400, "PARAM_ERROR", "Http头缺少Accept或User-Agent");
        return;
    }
    bool post = strcmp(request->method, "POST") == 0;
    JSON_AUTO body = sb_body_json(request, &err);
    if ((post && (type == NULL || strncmp(type, "application/json", 16) != 0)) ||
        !json_is_object(body)) {
        sb_wechat_fail(call, 400, "PARAM_ERROR", "请求中含有语法错误：not a JSON object");
        return;
    }
    call->body = body;
    route->handler(call);
    call->body = NULL;
}

/* Signs what stands in the reply. */
static void sign_answer(struct sb_wechat_call *call) {
    const struct http_request *request = call->request;
    struct sb_wechat_identity *identity = sb_identity(call->sandbox, SB_WECHAT);
    const char *serial = NULL;
    const struct sb_pair *pair = sb_wechat_signer(
        call->sandbox,
        http_header_find(request->headers, request->header_count, "Wechatpay-Serial"), &serial);
    const struct rsa_key *key = call->verdict->wrong_signature ? identity->merchant->key
                                                               : pair->key;
    char nonce[WECHAT_NONCE_CHARS + 1], timestamp[24];
    char *signature = NULL;
    struct err unused;
    BUF_AUTO text;
    buf_init(&text, SB_REPLY_BYTES_MAX);
    wechat_nonce(nonce);
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(clock_wall_us() / US_PER_SECOND));
    bool signed_it = wechat_signed_answer(timestamp, nonce, call->reply->body.data,
                                          call->reply->body.len, &text) &&
                     rsa_sign_sha256(key, text.data, text.len, &signature, &unused) == 0;
    INVARIANT(signed_it, "an answer can be signed");
    http_reply_header(call->reply, "Wechatpay-Timestamp", timestamp);
    http_reply_header(call->reply, "Wechatpay-Nonce", nonce);
    http_reply_header(call->reply, "Wechatpay-Signature", signature);
    http_reply_header(call->reply, "Wechatpay-Serial", serial);
    http_reply_header(call->reply, "Wechatpay-Signature-Type", WECHAT_SCHEME);
    free(signature);
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    char id[SB_ID_CHARS_MAX + 1] = "";
    struct sandbox *sandbox = ctx;
    struct sb_verdict verdict;
    const struct route *route = route_of(request, id);
    if (!sb_request_begin(sandbox, SB_WECHAT, route != NULL ? route->operation : SB_OP_OTHER,
                          &verdict, reply)) {
        return;
    }
    struct sb_wechat_call call = {.sandbox = sandbox,
                                  .place = sandbox->places[SB_WECHAT],
                                  .request = request,
                                  .reply = reply,
                                  .verdict = &verdict,
                                  .id = id};
    http_reply_header(reply, "Request-ID", request->id);
    if (verdict.status != 0) {
        fault(&call, verdict.status, verdict.code);
    } else if (route == NULL) {
        sb_wechat_fail(&call, 404, "RESOURCE_NOT_EXISTS", "无此接口");
    } else {
        run(&call, route);
    }
    if (verdict.status_after != 0) {
        buf_clear(&reply->headers);
        buf_clear(&reply->body);
        call.bare = false;
        fault(&call, verdict.status_after, verdict.code);
    }
    if (!call.bare) {
        sign_answer(&call);
    }
    sb_request_end(sandbox, &verdict, reply);
}

/* ---- the row ---- */

static int own_open(struct sandbox *sandbox, const struct sandbox_options *options,
                    struct err *err) {
    (void)options;
    const char *mode = sb_setting(sandbox, SB_WECHAT, SB_WECHAT_MODE);
    if (strlen(sb_setting(sandbox, SB_WECHAT, SB_WECHAT_API_V3_KEY)) != AES256_KEY_BYTES) {
        return err_set(err, ERR_CONFIG, "WeChat Pay's APIv3 key has %d characters",
                       AES256_KEY_BYTES);
    }
    if (strcmp(mode, MODE_CERTIFICATES) != 0 && strcmp(mode, MODE_PUBLIC_KEY) != 0) {
        return err_set(err, ERR_CONFIG,
                       "WeChat Pay's mode is " MODE_CERTIFICATES " or " MODE_PUBLIC_KEY);
    }
    struct sb_wechat_own *own = calloc(1, sizeof(*own));
    INVARIANT(own != NULL, "no memory for the sandbox");
    lock_init(&own->lock);
    sandbox->own[SB_WECHAT] = own;
    return 0;
}

static void own_reset(struct sandbox *sandbox) {
    struct sb_wechat_own *own = sandbox->own[SB_WECHAT];
    lock_take(&own->lock);
    own->rotated = 0;
    sb_wechat_bills_forget(own);
    lock_give(&own->lock);
}

static void own_close(struct sandbox *sandbox) {
    struct sb_wechat_own *own = sandbox->own[SB_WECHAT];
    if (own != NULL) {
        sb_wechat_bills_forget(own);
        lock_free(&own->lock);
        free(own);
    }
}

static void identity_free(void *of) {
    struct sb_wechat_identity *identity = of;
    if (identity != NULL) {
        sb_pair_free(identity->merchant);
        sb_pair_free(identity->platform[0]);
        sb_pair_free(identity->platform[1]);
        sb_pair_free(identity->public_key);
        free(identity);
    }
}

static int identity_new(int64_t now_us, void **ret_identity, struct err *err) {
    struct sb_wechat_identity *identity = calloc(1, sizeof(*identity));
    INVARIANT(identity != NULL, "no memory for keys");
    const struct {
        const char *name;
        struct sb_pair **pair;
    } wanted[] = {
        {"Holdfast sandbox merchant", &identity->merchant},
        {"Tenpay.com sandbox platform", &identity->platform[0]},
        {"Tenpay.com sandbox platform, the next", &identity->platform[1]},
        {"WeChat Pay sandbox public key", &identity->public_key},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const struct sb_pair_options options = {.name = wanted[i].name, .now_us = now_us};
        int rc = sb_pair_new(&options, wanted[i].pair, err);
        if (rc < 0) {
            identity_free(identity);
            return rc;
        }
    }
    *ret_identity = identity;
    return 0;
}

static const char *paper(const void *of, const char *name) {
    const struct sb_wechat_identity *identity = of;
    const struct {
        const char *name, *text;
    } papers[] = {
        {"merchant.key.pem", identity->merchant->private_pem},
        {"merchant.crt.pem", identity->merchant->cert_pem},
        {"merchant.serial", identity->merchant->serial_hex},
        {"platform.crt.pem", identity->platform[0]->cert_pem},
        {"platform.serial", identity->platform[0]->serial_hex},
        {"platform_next.crt.pem", identity->platform[1]->cert_pem},
        {"platform_next.serial", identity->platform[1]->serial_hex},
        {"wechat_public_key.pem", identity->public_key->public_pem},
    };
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        if (strcmp(papers[i].name, name) == 0) {
            return papers[i].text;
        }
    }
    return NULL;
}

static const struct sb_setting settings[] = {
    [SB_WECHAT_MCHID] = {"mchid", SANDBOX_WECHAT_MCHID, "ID", "merchant number", false},
    [SB_WECHAT_APPID] = {"appid", SANDBOX_WECHAT_APPID, "ID", "app id", false},
    [SB_WECHAT_API_V3_KEY] = {"api-v3-key", SANDBOX_WECHAT_API_V3_KEY, "KEY",
                              "key of 32 characters", false},
    [SB_WECHAT_MODE] = {"mode", MODE_CERTIFICATES, "MODE",
                        MODE_CERTIFICATES
                        " (a request may ask for the public key), or " MODE_PUBLIC_KEY " alone",
                        false},
    {NULL, NULL, NULL, NULL, false},
};

/* Unlike the real one it has today's bill too. */
static bool at_once(const struct sandbox *sandbox) {
    (void)sandbox;
    return true;
}

const struct sb_gateway_kind sb_wechat_kind = {
    .settings = settings,
    .hint = "unless told otherwise mchid " SANDBOX_WECHAT_MCHID
            "; keys at GET /wechat/merchant.key.pem of control",
    .open = own_open,
    .close = own_close,
    .reset = own_reset,
    .rotate = rotate,
    .handle = handle,
    .event_write = sb_wechat_event_write,
    .sign = sb_wechat_sign,
    .ack_statuses = {200, 204},
    .dated = true,
    .signs = true,
    .settle = sb_wechat_settle,
    .customer = sb_wechat_customer,
    .look = sb_wechat_look,
    .dispute = sb_wechat_complain,
    .dispute_reason = "The goods did not come",
    .dispute_close = sb_wechat_complaint_close,
    .desk_refund = sb_wechat_desk_refund,
    .desk_charge = sb_wechat_desk_charge,
    .statements = sb_wechat_statements,
    .place_minutes = BEIJING_MINUTES,
    .payout_days = 1,
    .payout_kind = SB_WECHAT_PAYOUT,
    .statement_at_once = at_once,
    .line_fill = sb_wechat_line_fill,
    .moves_funds = sb_wechat_moves_funds,
    .identity_new = identity_new,
    .identity_free = identity_free,
    .paper = paper,
};
