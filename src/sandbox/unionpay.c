/* SPDX-License-Identifier: Apache-2.0
 * unionpay.c: the way of a request through the simulated UnionPay, and its row. */
#include "sandbox/unionpay.h"

#include "base/clock.h"

/* ---- keys and certificates ---- */

static void identity_free(void *made) {
    struct sb_up_identity *identity = made;
    sb_pair_free(identity->root);
    sb_pair_free(identity->middle);
    sb_pair_free(identity->signer);
    sb_pair_free(identity->merchant);
    free(identity);
}

/* As in UnionPay's test system: root, middle CA, and a signer whose name says who it is. */
static int identity_new(int64_t now_us, void **ret_identity, struct err *err) {
    struct sb_up_identity *identity = calloc(1, sizeof(*identity));
    INVARIANT(identity != NULL, "no memory for UnionPay's keys");
    const struct sb_pair_options root = {
        .name = "Holdfast sandbox UnionPay root", .ca = true, .elliptic = true, .now_us = now_us};
    int rc = sb_pair_new(&root, &identity->root, err);
    const struct sb_pair_options middle = {.name = "Holdfast sandbox UnionPay middle CA",
                                           .issuer = identity->root,
                                           .ca = true,
                                           .elliptic = true,
                                           .now_us = now_us};
    rc = rc == 0 ? sb_pair_new(&middle, &identity->middle, err) : rc;
    const struct sb_pair_options signer = {.name = "041@Z2015-11-11@00040000:SIGN@00000001",
                                           .organization = "Holdfast sandbox",
                                           .issuer = identity->middle,
                                           .now_us = now_us};
    rc = rc == 0 ? sb_pair_new(&signer, &identity->signer, err) : rc;
    const struct sb_pair_options merchant = {.name = "041@Z2015-11-11@Holdfast shop@00000002",
                                             .organization = "Holdfast sandbox",
                                             .issuer = identity->middle,
                                             .now_us = now_us};
    rc = rc == 0 ? sb_pair_new(&merchant, &identity->merchant, err) : rc;
    if (rc < 0) {
        identity_free(identity);
        return rc;
    }
    *ret_identity = identity;
    return 0;
}

static const char *paper(const void *made, const char *name) {
    const struct sb_up_identity *identity = made;
    const struct {
        const char *name, *pem;
    } papers[] = {
        {"root_ca.pem", identity->root->cert_pem},
        {"middle_ca.pem", identity->middle->cert_pem},
        {"merchant.crt.pem", identity->merchant->cert_pem},
        {"merchant.key.pem", identity->merchant->private_pem},
    };
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        if (strcmp(papers[i].name, name) == 0) {
            return papers[i].pem;
        }
    }
    return NULL;
}

/* ---- requests ---- */

static const struct route {
    const char *path;
    enum sb_operation operation; /* of backTransReq.do: by txnType */
    void (*handler)(struct sb_up_call *call);
} routes[] = {
    {"/gateway/api/frontTransReq.do", SB_OP_CREATE, sb_up_front},
    {"/gateway/api/appTransReq.do", SB_OP_CREATE, sb_up_app},
    {"/gateway/api/backTransReq.do", SB_OP_OTHER, sb_up_back},
    {"/gateway/api/queryTrans.do", SB_OP_QUERY, sb_up_query},
    {"/", SB_OP_OTHER, sb_up_file},
};

static const struct route *route_of(const struct http_request *request) {
    for (size_t i = 0; i < COUNT_OF(routes) && strcmp(request->method, "POST") == 0; i++) {
        if (strcmp(routes[i].path, request->path) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

static enum sb_operation operation_of(const struct route *route,
                                      const struct unionpay_message *asked) {
    const char *type = unionpay_get(asked, "txnType");
    if (route == NULL || route->handler != sb_up_back) {
        return route != NULL ? route->operation : SB_OP_OTHER;
    }
    return strcmp(type, "03") == 0   ? SB_OP_CAPTURE
           : strcmp(type, "04") == 0 ? SB_OP_REFUND
           : type[0] == '3'          ? SB_OP_CANCEL
                                     : SB_OP_OTHER;
}

static void plain(struct http_reply *reply, int status, const char *text) {
    buf_clear(&reply->headers);
    buf_clear(&reply->body);
    reply->status = status;
    http_reply_body(reply, "text/plain; charset=utf-8", text, strlen(text));
}

/* A fault's code that is a respCode is answered as UnionPay does, with status 200. */
static void answer_fault(struct sb_up_call *call, int status, const char *code) {
    buf_clear(&call->reply->headers);
    buf_clear(&call->reply->body);
    if (code != NULL && strlen(code) == 2) {
        unionpay_message_release(&call->answer);
        sb_up_answer(call, code);
    } else {
        plain(call->reply, status, "The sandbox's UnionPay fails as it was told to.\n");
    }
}

static void run(struct sb_up_call *call, const struct route *route, bool is_form) {
    if (call->verdict->status != 0) {
        answer_fault(call, call->verdict->status, call->verdict->code);
        return;
    }
    if (route == NULL) {
        plain(call->reply, 404, "UnionPay has no such path, or it takes a POST.\n");
        return;
    }
    const char *code = is_form ? sb_up_check(call) : "10";
    if (code != NULL) {
        sb_up_answer(call, code);
    } else {
        route->handler(call);
    }
    if (call->verdict->status_after != 0) {
        answer_fault(call, call->verdict->status_after, call->verdict->code);
    }
}

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct sandbox *sandbox = ctx;
    struct sb_verdict verdict;
    struct err err;
    const struct route *route = route_of(request);
    if (sb_pay_page(sandbox, SB_UNIONPAY, request, reply)) {
        return;
    }
    struct sb_up_call call = {
        .sandbox = sandbox,
        .place = sandbox->places[SB_UNIONPAY],
        .request = request,
        .reply = reply,
        .verdict = &verdict,
    };
    bool is_form = unionpay_message_read_form(&call.asked, request->body, request->body_bytes,
                                              UNIONPAY_MESSAGE_BYTES_MAX, &err) == 0;
    if (sb_request_begin(sandbox, SB_UNIONPAY, operation_of(route, &call.asked), &verdict, reply)) {
        run(&call, route, is_form);
        sb_request_end(sandbox, &verdict, reply);
    }
    unionpay_message_release(&call.asked);
    unionpay_message_release(&call.answer);
}

/* ---- callbacks ---- */

/* The signature is in the form. */
static int sign(struct sandbox *sandbox, const struct sb_delivery *delivery, const struct buf *body,
                struct sb_signed_headers *ret_headers, struct err *err) {
    (void)sandbox;
    (void)delivery;
    (void)body;
    (void)err;
    ret_headers->headers[ret_headers->count++] = (struct http_header){
        "Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"};
    return 0;
}

static const struct sb_setting settings[] = {
    {"merchant-id", SANDBOX_UNIONPAY_MERCHANT_ID, "ID", "its merchant, merId", false},
    {"secure-key", SANDBOX_UNIONPAY_SECURE_KEY, "KEY", "its key of signMethod 11", false},
    {NULL, NULL, NULL, NULL, false},
};

/* What has been settled so far is there before the day is over. */
static bool at_once(const struct sandbox *sandbox) {
    (void)sandbox;
    return true;
}

const struct sb_gateway_kind sb_unionpay_kind = {
    .settings = settings,
    .hint = "keys and certificates at GET /unionpay/merchant.key.pem, merchant.crt.pem, "
            "root_ca.pem, middle_ca.pem of the control port; option test: true",
    .handle = handle,
    .event_write = sb_up_event_write,
    .sign = sign,
    .ack_statuses = {200, 302},
    .signs = true,
    .settle = sb_up_settle,
    .customer = sb_up_customer,
    .look = sb_up_look,
    .desk_refund = sb_up_desk_refund,
    .desk_charge = sb_up_desk_charge,
    .statements = sb_up_statements,
    .place_minutes = BEIJING_MINUTES,
    .payout_days = 1,
    .payout_kind = SB_UNIONPAY_PAYOUT,
    .statement_at_once = at_once,
    .line_fill = sb_up_line_fill,
    .identity_new = identity_new,
    .identity_free = identity_free,
    .paper = paper,
};
