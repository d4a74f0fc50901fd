/* SPDX-License-Identifier: Apache-2.0
 * alipay.c: the way of a request through the simulated Alipay: who asks, whether he signed it, what
 * for; and the signature of the answer. */
#include "sandbox/alipay.h"

#include "base/clock.h"

/* A request may be so old, or so far ahead; a page's is opened when the buyer likes. */
#define TIMESTAMP_US (600 * US_PER_SECOND)
#define PAGE_TIMESTAMP_US (24 * 3600 * US_PER_SECOND)

static const struct method {
    const char *name;
    enum sb_operation operation;
    sb_ali_handler *handler;
    bool page; /* opened by a browser: answered with a page */
} methods[] = {
    {"alipay.trade.precreate", SB_OP_CREATE, sb_ali_precreate, false},
    {"alipay.trade.pay", SB_OP_CHARGE, sb_ali_pay, false},
    {"alipay.trade.page.pay", SB_OP_CREATE, sb_ali_page, true},
    {"alipay.trade.wap.pay", SB_OP_CREATE, sb_ali_page, true},
    {"alipay.trade.app.pay", SB_OP_CREATE, sb_ali_page, true},
    {"alipay.trade.query", SB_OP_QUERY, sb_ali_query, false},
    {"alipay.trade.close", SB_OP_CANCEL, sb_ali_close, false},
    {"alipay.trade.cancel", SB_OP_CANCEL, sb_ali_cancel, false},
    {"alipay.trade.refund", SB_OP_REFUND, sb_ali_refund, false},
    {"alipay.trade.fastpay.refund.query", SB_OP_QUERY, sb_ali_refund_query, false},
    {"alipay.data.dataservice.bill.downloadurl.query", SB_OP_QUERY, sb_ali_bill_url, false},
};

static const struct method *method_of(const char *name) {
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

/* ---- what an answer says ---- */

/* A JSON text as Alipay writes it: with every '/' escaped. */
static void add_text(struct buf *out, const char *text) {
    BUF_AUTO json;
    buf_init(&json, SB_ALI_BODY_BYTES_MAX);
    buf_add_json(&json, text);
    for (const char *c = json.data; *c != '\0'; c++) {
        buf_add_text(out, *c == '/' ? "\\" : "");
        buf_add_char(out, *c);
    }
}

void sb_ali_member(struct sb_ali_call *call, const char *name, const char *value) {
    buf_addf(call->inner, ",\"%s\":", name);
    add_text(call->inner, value);
}

void sb_ali_amount(struct sb_ali_call *call, const char *name, int64_t amount_minor) {
    char text[MONEY_TEXT_MAX];
    sb_ali_member(call, name, money_decimal(amount_minor, currency_stored("CNY"), text));
}

void sb_ali_time(struct sb_ali_call *call, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    sb_ali_member(call, name, clock_format_at(wall_us, BEIJING_MINUTES, text));
}

void sb_ali_begin(struct sb_ali_call *call) {
    buf_clear(call->inner);
    buf_add_text(call->inner, "{\"code\":\"10000\",\"msg\":\"Success\"");
}

void sb_ali_refuse(struct sb_ali_call *call, const char *code, const char *sub_code,
                   const char *sub_msg) {
    static const struct {
        const char *code, *msg;
    } words[] = {
        {"10003", "order success pay inprocess"},
        {"20000", "Service Currently Unavailable"},
        {"20001", "Insufficient Authorization"},
        {"40001", "Missing Required Arguments"},
        {"40002", "Invalid Arguments"},
        {"40004", "Business Failed"},
        {"40005", "Call Limited"},
        {"40006", "Insufficient Permissions"},
    };
    const char *msg = "Failed";
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        msg = strcmp(words[i].code, code) == 0 ? words[i].msg : msg;
    }
    buf_clear(call->inner);
    buf_addf(call->inner, "{\"code\":\"%s\",\"msg\":\"%s\"", code, msg);
    if (sub_code != NULL) {
        sb_ali_member(call, "sub_code", sub_code);
        sb_ali_member(call, "sub_msg", sub_msg != NULL ? sub_msg : sub_code);
    }
}

void sb_ali_fail(struct sb_ali_call *call, const char *sub_code) {
    sb_ali_refuse(call, "40004", sub_code, NULL);
}

const char *sb_ali_text(const struct sb_ali_call *call, const char *name) {
    const char *text = json_peek_text(call->biz, name, NULL);
    return text != NULL ? text : "";
}

/* ---- who asks ---- */

struct refusal {
    const char *code, *sub_code;
};

/* A timestamp is Beijing time and near our clock. */
static bool timestamp_ok(const char *text, bool page) {
    int64_t sent_us = 0, now_us = clock_wall_us();
    int64_t past_us = page ? PAGE_TIMESTAMP_US : TIMESTAMP_US;
    return clock_parse_at(text, BEIJING_MINUTES, &sent_us) && sent_us >= now_us - past_us &&
           sent_us <= now_us + TIMESTAMP_US;
}

/* Certificate mode names both sides' certificates; either both or none. */
static bool certificates_ok(const struct sb_ali_call *call) {
    const char *app = alipay_form_get(call->form, "app_cert_sn");
    const char *root = alipay_form_get(call->form, "alipay_root_cert_sn");
    if (app[0] == '\0' && root[0] == '\0') {
        return true;
    }
    return strcmp(app, call->identity->merchant_sn) == 0 &&
           strcmp(root, call->identity->root_sn) == 0;
}

static bool signed_by(const struct sb_ali_call *call, const struct sb_ali_identity *identity) {
    const struct alipay_form *form = call->form;
    return identity != NULL &&
           alipay_sign_verify(identity->merchant->public_key, form->params, form->count,
                              ALIPAY_REQUEST, alipay_form_get(form, "sign"));
}

/* NULL: he may come in. In the order in which the real one looks. */
static const struct refusal *entrance(const struct sb_ali_call *call, const struct method *method) {
    static const struct {
        const char *name;
        struct refusal refusal;
    } needed[] = {
        {"method", {"40001", "isv.missing-method"}},
        {"app_id", {"40001", "isv.missing-app-id"}},
        {"sign_type", {"40001", "isv.missing-signature-type"}},
        {"sign", {"40001", "isv.missing-signature"}},
        {"timestamp", {"40001", "isv.missing-timestamp"}},
        {"version", {"40001", "isv.missing-version"}},
        {"charset", {"40002", "isv.invalid-charset"}},
    };
    static const struct refusal no_method = {"40002", "isv.invalid-method"};
    static const struct refusal no_app = {"40002", "isv.invalid-app-id"};
    static const struct refusal other_type = {"40002", "isv.invalid-signature-type"};
    static const struct refusal bad_sign = {"40002", "isv.invalid-signature"};
    static const struct refusal bad_time = {"40002", "isv.invalid-timestamp"};
    static const struct refusal bad_charset = {"40002", "isv.invalid-charset"};
    static const struct refusal bad_certs = {"40002", "isv.app-cert-sn-not-match"};
    const struct alipay_form *form = call->form;
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (alipay_form_get(form, needed[i].name)[0] == '\0') {
            return &needed[i].refusal;
        }
    }
    if (method == NULL) {
        return &no_method;
    }
    if (strcmp(alipay_form_get(form, "app_id"),
               sb_setting(call->sandbox, SB_ALIPAY, SB_ALI_APP_ID)) != 0) {
        return &no_app;
    }
    if (strcmp(alipay_form_get(form, "sign_type"), ALIPAY_SIGN_TYPE) != 0) {
        return &other_type;
    }
    if (strcasecmp(alipay_form_get(form, "charset"), "utf-8") != 0) {
        return &bad_charset;
    }
    if (!certificates_ok(call)) {
        return &bad_certs;
    }
    if (!signed_by(call, call->identity) &&
        !signed_by(call, sb_identity_before(call->sandbox, SB_ALIPAY))) {
        return &bad_sign;
    }
    return timestamp_ok(alipay_form_get(form, "timestamp"), method->page) ? NULL : &bad_time;
}

/* ---- the answer ---- */

/* {"alipay_trade_query_response":{…},"sign":"…"}; one that was turned away at the entrance is not
 * signed: for whom should it be? */
static void answer(struct sb_ali_call *call, bool is_signed) {
    struct buf *out = &call->reply->body;
    const struct sb_pair *signer = call->verdict->wrong_signature ? call->identity->merchant
                                                                  : call->identity->platform;
    buf_add_char(call->inner, '}');
    buf_clear(out);
    call->reply->status = 200;
    http_reply_header(call->reply, "Content-Type", "application/json;charset=utf-8");
    if (!is_signed) {
        buf_addf(out, "{\"error_response\":%s}", call->inner->data);
        return;
    }
    char *sign = NULL;
    struct err err;
    int rc = rsa_sign_sha256(signer->key, call->inner->data, call->inner->len, &sign, &err);
    INVARIANT(rc == 0, "a key that was made here signs");
    buf_add_text(out, "{\"");
    for (const char *c = call->method; *c != '\0'; c++) {
        buf_add_char(out, *c == '.' ? '_' : *c);
    }
    buf_addf(out, "_response\":%s", call->inner->data);
    if (alipay_form_get(call->form, "app_cert_sn")[0] != '\0') {
        buf_addf(out, ",\"alipay_cert_sn\":\"%s\"", call->identity->platform_sn);
    }
    buf_addf(out, ",\"sign\":\"%s\"}", sign);
    free(sign);
}

static void run(struct sb_ali_call *call, const struct method *method) {
    const struct refusal *refusal = entrance(call, method);
    const char *text = alipay_form_get(call->form, "biz_content");
    json_t *biz = NULL;
    struct err err;
    if (refusal != NULL) {
        sb_ali_refuse(call, refusal->code, refusal->sub_code, NULL);
        answer(call, false);
        return;
    }
    if (json_read(text, strlen(text), SB_ALI_BODY_BYTES_MAX, JSON_DEPTH_MAX, &biz, &err) < 0 ||
        !json_is_object(biz)) {
        json_decref(biz);
        sb_ali_refuse(call, "40002", "isv.invalid-parameter", "biz_content is no JSON object");
        answer(call, false);
        return;
    }
    call->biz = biz;
    call->reply->status = 0;
    method->handler(call);
    if (call->reply->status == 0) { /* not a page */
        answer(call, true);
    }
    json_decref(biz);
}

/* An answer that is not the truth: a status of the line, and Alipay's words in it. */
static void fault(struct sb_ali_call *call, int status, const char *code) {
    buf_clear(&call->reply->headers);
    sb_ali_refuse(call, "20000", code != NULL && code[0] != '\0' ? code : "isp.unknow-error", NULL);
    answer(call, status == 200 && call->method != NULL);
    call->reply->status = status;
}

static void gateway(struct sandbox *sandbox, const struct alipay_form *form, bool readable,
                    const struct sb_verdict *verdict, struct http_reply *reply) {
    BUF_AUTO inner;
    buf_init(&inner, SB_ALI_BODY_BYTES_MAX);
    const struct method *method = method_of(alipay_form_get(form, "method"));
    struct sb_ali_call call = {
        .sandbox = sandbox,
        .place = sandbox->places[SB_ALIPAY],
        .identity = sb_identity(sandbox, SB_ALIPAY),
        .reply = reply,
        .verdict = verdict,
        .form = form,
        .method = method != NULL ? method->name : NULL,
        .inner = &inner,
    };
    if (verdict->status != 0) {
        fault(&call, verdict->status, verdict->code);
    } else if (!readable) {
        sb_ali_refuse(&call, "40002", "isv.invalid-parameter", "the form cannot be read");
        answer(&call, false);
    } else {
        run(&call, method);
    }
    if (verdict->status_after != 0) {
        fault(&call, verdict->status_after, verdict->code);
    }
    INVARIANT(buf_ok(&inner), "an answer has room");
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct sandbox *sandbox = ctx;
    struct alipay_form form = {0};
    struct sb_verdict verdict;
    struct err err;
    BUF_AUTO text;
    buf_init(&text, 2 * SB_ALI_BODY_BYTES_MAX);
    if (sb_pay_page(sandbox, SB_ALIPAY, request, reply)) {
        return;
    }
    buf_addf(&text, "%s&", request->query);
    buf_add(&text, request->body, request->body_bytes);
    bool readable = buf_ok(&text) && alipay_form_read(&form, text.data, text.len, &err) == 0;
    const struct method *method = method_of(alipay_form_get(&form, "method"));
    if (sb_request_begin(sandbox, SB_ALIPAY, method != NULL ? method->operation : SB_OP_OTHER,
                         &verdict, reply)) {
        if (strcmp(request->path, "/gateway.do") == 0) {
            gateway(sandbox, &form, readable, &verdict, reply);
        } else if (verdict.status != 0) {
            reply->status = verdict.status;
        } else if (!sb_ali_bill_file(sandbox, request, reply)) {
            reply->status = 404;
            http_reply_body(reply, "text/plain", "There is nothing here.\n", 23);
        }
        sb_request_end(sandbox, &verdict, reply);
    }
    alipay_form_release(&form);
}

static const struct sb_setting settings[] = {
    [SB_ALI_APP_ID] = {"app-id", SANDBOX_ALIPAY_APP_ID, "ID", "application", false},
    [SB_ALI_SELLER_ID] = {"seller-id", SANDBOX_ALIPAY_SELLER_ID, "ID", "the shop's account", false},
    [SB_ALI_BILLS] = {"bills", "next-day", "WHEN", "'at-once': today's bill is there as well",
                      false},
    {NULL, NULL, NULL, NULL, false},
};

/* Eight tries in 25 hours; in minutes. */
static const int retry_gaps[] = {4, 10, 10, 60, 120, 360, 900, 0};

const struct sb_gateway_kind sb_alipay_kind = {
    .settings = settings,
    .hint = "unless told otherwise the application is " SANDBOX_ALIPAY_APP_ID
            "; its keys: GET /alipay/merchant.key.pem and /alipay/alipay.pub.pem",
    .handle = handle,
    .event_write = sb_ali_event_write,
    .sign = sb_ali_event_sign,
    .ack_statuses = {200},
    .ack_body = "success",
    .retry_gaps = retry_gaps,
    .signs = true,
    .customer = sb_ali_customer,
    .look = sb_ali_look,
    .desk_refund = sb_ali_desk_refund,
    .desk_charge = sb_ali_desk_charge,
    .statements = sb_ali_statements,
    .place_minutes = BEIJING_MINUTES,
    .payout_days = 1,
    .payout_kind = SB_ALIPAY_PAYOUT,
    .statement_at_once = sb_ali_at_once,
    .line_fill = sb_ali_line_fill,
    .identity_new = sb_ali_identity_new,
    .identity_free = sb_ali_identity_free,
    .paper = sb_ali_paper,
};
