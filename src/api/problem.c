/* SPDX-License-Identifier: Apache-2.0
 * problem.c: what every refusal looks like. The type is a stable name under a URI of our own; the
 * detail says what was wrong this time, the hint what to do next, the place where. */
#include "api/problem.h"

#include <string.h>

#include "base/buf.h"

enum { PROBLEM_BYTES_MAX = 8192 };

static void member(struct buf *buf, const char *name, const char *text) {
    if (text[0] != '\0') {
        buf_addf(buf, ",\"%s\":", name);
        buf_add_json(buf, text);
    }
}

/* What broke inside is for the log; the outside gets the request id to ask with. */
static bool for_the_log(enum err_code code, bool operators) {
    switch (code) {
    case ERR_INTERNAL:
    case ERR_STORE_CORRUPT:
        return true;
    case ERR_STORE:
    case ERR_STORE_UNKNOWN:
    case ERR_STORE_CONFLICT:
    case ERR_CONFIG:
    case ERR_CRYPTO:
    case ERR_IO:
        return !operators;
    default:
        return false;
    }
}

void problem_reply(struct http_reply *reply, const struct err *err, const char *request_id,
                   bool operators) {
    static const char *const retries[] = {"never", "same_key", "later"};
    BUF_AUTO buf;
    buf_init(&buf, PROBLEM_BYTES_MAX);
    enum err_retry retry = err_retry_class(err->code);
    bool inside = for_the_log(err->code, operators);
    buf_addf(&buf, "{\"type\":\"" ERR_TYPE_PREFIX "%s\",\"title\":", err_type(err->code));
    buf_add_json(&buf, err_title(err->code));
    buf_addf(&buf, ",\"status\":%d", err_http_status(err->code));
    member(&buf, "detail", inside ? "It was logged under this request id." : err->detail);
    member(&buf, "hint", err->hint);
    member(&buf, "place", inside ? "" : err->place);
    buf_addf(&buf, ",\"retry\":\"%s\"", retries[retry]);
    member(&buf, "request_id", request_id);
    buf_add_char(&buf, '}');
    reply->status = err_http_status(err->code);
    if (retry != ERR_RETRY_NEVER) {
        http_reply_header(reply, "Retry-After", "1"); /* AUTH_RETRY_S as well */
    }
    if (err->code == ERR_UNAUTHENTICATED) {
        http_reply_header(reply, "WWW-Authenticate", "Bearer realm=\"holdfast\"");
    }
    http_reply_body(reply, "application/problem+json", buf.data, buf.len);
}
