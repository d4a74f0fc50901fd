/* SPDX-License-Identifier: Apache-2.0
 * paypal_errors.c: PayPal's error bodies. */
#include "sandbox/paypal.h"

/* The name and message that come with each status. */
static const struct {
    int status;
    const char *name, *message;
} names[] = {
    {400, "INVALID_REQUEST",
     "Request is not well-formed, syntactically incorrect, or violates schema."},
    {401, "AUTHENTICATION_FAILURE",
     "Authentication failed due to missing authorization header, or "
     "invalid authentication credentials."},
    {403, "NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."},
    {404, "RESOURCE_NOT_FOUND", "The specified resource does not exist."},
    {405, "METHOD_NOT_ALLOWED", "The server does not implement the requested HTTP method."},
    {409, "RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."},
    {415, "UNSUPPORTED_MEDIA_TYPE",
     "The server does not support the request payload's media type."},
    {422, "UNPROCESSABLE_ENTITY",
     "The requested action could not be performed, semantically incorrect, "
     "or failed business validation."},
    {429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."},
    {503, "SERVICE_UNAVAILABLE", "Service unavailable."},
    {500, "INTERNAL_SERVER_ERROR", "An internal server error has occurred."},
};

/* Issues that do not come with 422. */
static const struct {
    const char *issue;
    int status;
} statuses[] = {
    {"INTERNAL_SERVER_ERROR", 500},
    {"SERVICE_UNAVAILABLE", 503},
    {"NOT_AUTHORIZED", 403},
    {"PERMISSION_DENIED", 403},
    {"CONSENT_NEEDED", 403},
    {"RESOURCE_NOT_FOUND", 404},
    {"INVALID_RESOURCE_ID", 404},
    {"RATE_LIMIT_REACHED", 429},
    {"RESOURCE_CONFLICT", 409},
    {"INVALID_ACCOUNT_STATUS", 401},
    {"AUTHENTICATION_FAILURE", 401},
    {"INVALID_REQUEST", 400},
    {"MISSING_REQUIRED_PARAMETER", 400},
    {"INVALID_PARAMETER_VALUE", 400},
    {"PREVIOUS_REQUEST_IN_PROGRESS", 409},
};

static size_t row_of(int status) {
    size_t row = COUNT_OF(names) - 1;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        row = names[i].status == status ? i : row;
    }
    return row;
}

static void link_to(struct sb_paypal_call *call, const char *issue, struct buf *out) {
    const char *order = call->id != NULL ? call->id : "";
    bool payer = strcmp(issue, "ORDER_NOT_APPROVED") == 0 ||
                 strcmp(issue, "PAYER_ACTION_REQUIRED") == 0 ||
                 strcmp(issue, "INSTRUMENT_DECLINED") == 0;
    if (payer && order[0] != '\0') {
        buf_addf(out,
                 ",\"links\":[{\"href\":\"%s/checkoutnow?token=%s\",\"rel\":\"%s\",\"method\":"
                 "\"GET\"}]",
                 call->sandbox->base_urls[SB_PAYPAL], order,
                 strcmp(issue, "INSTRUMENT_DECLINED") == 0 ? "redirect" : "payer-action");
    }
}

static void give_up_key(struct sb_paypal_call *call) {
    if (call->key != NULL) {
        sb_keys_drop(&call->sandbox->keys[SB_PAYPAL], call->key);
        call->key = NULL;
    }
}

void sb_paypal_debug_id(const struct sb_paypal_call *call, char ret_id[SB_DEBUG_ID_CHARS + 1]) {
    uint64_t digest = sb_digest(0, call->request->id, strlen(call->request->id));
    snprintf(ret_id, SB_DEBUG_ID_CHARS + 1, "%013llx", (unsigned long long)(digest >> 12));
}

void sb_paypal_fail(struct sb_paypal_call *call, const struct sb_paypal_error *error) {
    struct buf *out = &call->reply->body;
    size_t row = row_of(error->status);
    char debug[SB_DEBUG_ID_CHARS + 1];
    sb_paypal_debug_id(call, debug);
    give_up_key(call);
    call->reply->status = error->status;
    buf_clear(out);
    http_reply_header(call->reply, "Content-Type", "application/json");
    buf_addf(out, "{\"name\":\"%s\",\"message\":\"%s\",\"debug_id\":\"%s\"", names[row].name,
             names[row].message, debug);
    if (error->issue != NULL) {
        buf_add_text(out, ",\"details\":[{");
        if (error->field != NULL) {
            buf_add_text(out, "\"field\":");
            buf_add_json(out, error->field);
            buf_add_text(out, ",\"location\":\"body\",");
        }
        buf_addf(out, "\"issue\":\"%s\",\"description\":", error->issue);
        buf_add_json(out, error->description != NULL ? error->description : error->issue);
        buf_add_text(out, "}]");
        link_to(call, error->issue, out);
    }
    buf_add_char(out, '}');
}

void sb_paypal_refuse(struct sb_paypal_call *call, const char *issue) {
    sb_paypal_fail(call, &(struct sb_paypal_error){422, issue, NULL, NULL});
}

void sb_paypal_missing(struct sb_paypal_call *call) {
    sb_paypal_fail(
        call, &(struct sb_paypal_error){404, "INVALID_RESOURCE_ID", NULL,
                                        "Specified resource ID does not exist. Please check the "
                                        "resource ID and try again."});
}

void sb_paypal_full(struct sb_paypal_call *call) {
    char text[200];
    snprintf(text, sizeof(text),
             "The sandbox's book is full: it takes no more than %lld objects. Empty it "
             "with POST /reset on the control port.",
             (long long)call->place->objects_max);
    sb_paypal_fail(call, &(struct sb_paypal_error){503, "SANDBOX_FULL", NULL, text});
}

void sb_paypal_fault(struct sb_paypal_call *call, int status, const char *issue) {
    bool given = issue != NULL && issue[0] != '\0';
    sb_paypal_fail(call, &(struct sb_paypal_error){status, given ? issue : NULL, NULL, NULL});
}

void sb_paypal_mock(struct sb_paypal_call *call) {
    int status = 422;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i].issue, call->mock) == 0) {
            status = statuses[i].status;
        }
    }
    sb_paypal_fail(call, &(struct sb_paypal_error){status, call->mock, NULL, NULL});
}
