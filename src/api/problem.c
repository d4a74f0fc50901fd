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

/* In seconds. What people or outages have closed opens no sooner for being asked each second. */
static const char *retry_after(enum err_code code) {
    return code == ERR_READ_ONLY || code == ERR_PAUSED ? "30" : "1"; /* AUTH_RETRY_S as well */
}

static void problem_write(struct buf *buf, const struct err *err, const char *request_id,
                          bool operators) {
    static const char *const retries[] = {"never", "same_key", "later"};
    buf_init(buf, PROBLEM_BYTES_MAX);
    enum err_retry retry = err_retry_class(err->code);
    bool inside = for_the_log(err->code, operators);
    buf_addf(buf, "{\"type\":\"" ERR_TYPE_PREFIX "%s\",\"title\":", err_type(err->code));
    buf_add_json(buf, err_title(err->code));
    buf_addf(buf, ",\"status\":%d", err_http_status(err->code));
    member(buf, "detail", inside ? "It was logged under this request id." : err->detail);
    member(buf, "hint", err->hint);
    member(buf, "place", inside ? "" : err->place);
    buf_addf(buf, ",\"retry\":\"%s\"", retries[retry]);
    buf_add_text(buf, ",\"request_id\":");
    buf_add_json(buf, request_id);
    buf_add_char(buf, '}');
}

char *problem_json(const struct err *err, const char *request_id, bool operators) {
    BUF_AUTO buf;
    problem_write(&buf, err, request_id, operators);
    return buf_take(&buf);
}

void problem_reply(struct http_reply *reply, const struct err *err, const char *request_id,
                   bool operators) {
    BUF_AUTO buf;
    problem_write(&buf, err, request_id, operators);
    enum err_retry retry = err_retry_class(err->code);
    reply->status = err_http_status(err->code);
    if (retry != ERR_RETRY_NEVER) {
        http_reply_header(reply, "Retry-After", retry_after(err->code));
    }
    if (err->code == ERR_UNAUTHENTICATED) {
        http_reply_header(reply, "WWW-Authenticate", "Bearer realm=\"holdfast\"");
    }
    http_reply_body(reply, "application/problem+json", buf.data, buf.len);
}

const char *path_for_log(const char *path) {
    static const char link[] = "/pay/";
    return strncmp(path, link, sizeof link - 1) == 0 ? "/pay/{token}" : path;
}
