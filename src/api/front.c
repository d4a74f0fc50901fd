/* SPDX-License-Identifier: Apache-2.0
 * front.c: from a request to a handler and back: one ladder, in this order, each rung with its own
 * refusal.
 *
 *    1 internal listener: no forwarding header, no web page, a loopback Host     403
 *    2 the path and method have a row on this listener                           404, 405
 *    3 who asks; an address that is refused too often                            401, 429
 *    4 rate; a wrong credential counts for the address that it came from         429
 *    5 role, scope, CSRF                                                         401, 403
 *    6 no card number in the path, the query or a header                         422
 *    7 only query parameters that the route knows, each once                     400, 422
 *    8 a body is JSON, strict; a form where a page posts one                     415, 400, 413
 *    9 no card number in the body                                                422
 *   10 Idempotency-Key where it is needed, well formed                           400
 *   11 the handler
 *
 * Callbacks from gateways are the exception: their bodies are theirs (form or JSON, any size up to
 * the listener's limit), they bear no key of ours and are answered in the gateway's own words. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/front.h"
#include "api/problem.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pan.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "net/http_target.h"

enum { FORM_BYTES_MAX = 4096, REQUEST_NAME_BYTES_MAX = 256 };

enum listener { ON_PUBLIC = 1, ON_INTERNAL = 2, ON_BOTH = 3 };
enum idempotency {
    IDEMPOTENCY_NO,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_MAY,
    IDEMPOTENCY_FORM,
    IDEMPOTENCY_LINES,
};

struct route {
    const char *method, *path;
    route_handler *handler;
    enum listener listener;
    enum role role;
    enum idempotency idempotency;
    const char *operation;
};

static const struct route routes[] = {
#define X(method, path, handler, listener, role, idempotency, operation)                           \
    {#method, path, handler, ON_##listener, ROLE_##role, IDEMPOTENCY_##idempotency, operation},
#include "api/routes.def"
#undef X
};

static const struct {
    const char *operation;
    const char *const names[QUERY_NAMES_MAX + 1]; /* ends with NULL */
} queries[] = {
#define X(operation, ...) {operation, {__VA_ARGS__}},
#include "api/queries.def"
#undef X
};

/* ---- matching ---- */

/* "/v1/payments/{id}/refunds" against a path; what stands for {…} goes to `param`. */
static bool path_matches(const char *pattern, const char *path,
                         char param[FRONT_PARAM_CHARS_MAX + 1]) {
    const char *open = strchr(pattern, '{');
    if (open == NULL) {
        return strcmp(pattern, path) == 0;
    }
    size_t head = (size_t)(open - pattern);
    if (strncmp(pattern, path, head) != 0) {
        return false;
    }
    const char *value = path + head;
    size_t length = strcspn(value, "/");
    const char *tail = strchr(open, '}') + 1;
    if (length == 0 || length > FRONT_PARAM_CHARS_MAX || strcmp(value + length, tail) != 0) {
        return false;
    }
    memcpy(param, value, length);
    param[length] = '\0';
    return true;
}

static int find_route(struct ask *ask, const struct route **ret_route, struct err *err) {
    enum listener here = ask->internal ? ON_INTERNAL : ON_PUBLIC;
    char allowed[64] = "";
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if ((routes[i].listener & here) == 0 ||
            !path_matches(routes[i].path, ask->request->path, ask->param)) {
            continue;
        }
        bool head = strcmp(ask->request->method, "HEAD") == 0 &&
                    strcmp(routes[i].method, "GET") == 0;
        if (head || strcmp(routes[i].method, ask->request->method) == 0) {
            *ret_route = &routes[i];
            return 0;
        }
        size_t used = strlen(allowed);
        bool get = strcmp(routes[i].method, "GET") == 0;
        snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "",
                 get ? "GET, HEAD" : routes[i].method);
    }
    if (allowed[0] == '\0') {
        err_set(err, ERR_NOT_FOUND, "nothing is served at this path");
        return err_hint(err, "GET /v1/openapi.yaml lists every path.");
    }
    http_reply_header(ask->reply, "Allow", allowed);
    return err_set(err, ERR_METHOD, "this path takes %s", allowed);
}

/* ---- rungs ---- */

static bool host_is_loopback(const char *host) {
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; host != NULL && i < COUNT_OF(names); i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 &&
            (host[length] == '\0' || host[length] == ':')) {
            return true;
        }
    }
    return false;
}

/* A proxy or a page in somebody's browser must not reach the internal API (SEC-3): the first adds a
 * forwarding header; the second bears its Origin, or (DNS rebinding) names a host that is not
 * loopback. No page of ours is served here, so no origin is a good one. */
static int check_internal(const struct ask *ask, struct err *err) {
    static const char *const forwarding[] = {"Forwarded",        "X-Forwarded-For",
                                             "X-Forwarded-Host", "X-Forwarded-Proto",
                                             "X-Real-IP",        "Via"};
    const struct http_request *request = ask->request;
    if (ask->service->config->internal_listener.key != NULL) {
        return 0; /* it asks for its key instead, and may stand behind a proxy */
    }
    for (size_t i = 0; i < COUNT_OF(forwarding); i++) {
        if (http_header_find(request->headers, request->header_count, forwarding[i]) != NULL) {
            err_set(err, ERR_FORBIDDEN,
                    "the internal API does not answer requests that came through a proxy");
            return err_place(err, "%s", forwarding[i]);
        }
    }
    if (http_header_find(request->headers, request->header_count, "Origin") != NULL) {
        err_set(err, ERR_FORBIDDEN, "the internal API does not answer requests of a web page");
        return err_place(err, "Origin");
    }
    if (!host_is_loopback(http_header_find(request->headers, request->header_count, "Host"))) {
        err_set(err, ERR_FORBIDDEN, "the internal API answers only to a loopback Host");
        return err_place(err, "Host");
    }
    return 0;
}

/* The query comes as it was sent, where a blank is a plus sign or %20 and a digit may be %34. A
 * pair with a bad escape is refused by whoever reads it, and kept by nobody. */
static int check_encoded_query(const char *query, struct err *err) {
    if (strpbrk(query, "%+") == NULL) {
        return 0;
    }
    int r = 0;
    char **pairs = g_strsplit(query, "&", -1);
    for (int i = 0; r >= 0 && pairs[i] != NULL; i++) {
        ptrdiff_t bytes = http_decode(pairs[i], strlen(pairs[i]), true, pairs[i]);
        if (bytes >= 0) {
            pairs[i][bytes] = '\0';
            r = pan_refuse_text(pairs[i], "query", err);
        }
    }
    g_strfreev(pairs);
    return r;
}

static int check_card_numbers(const struct ask *ask, struct err *err) {
    const struct http_request *request = ask->request;
    int r = pan_refuse_text(request->path, "path", err);
    r = r < 0 ? r : pan_refuse_text(request->query, "query", err);
    r = r < 0 ? r : check_encoded_query(request->query, err);
    for (int i = 0; r >= 0 && i < request->header_count; i++) {
        r = pan_refuse_text(request->headers[i].value, request->headers[i].name, err);
    }
    return r;
}

static const char *const *query_names(const struct route *route) {
    static const char *const none[] = {NULL};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        if (strcmp(queries[i].operation, route->operation) == 0) {
            return queries[i].names;
        }
    }
    return none;
}

static bool is_json(const char *type) {
    static const char json[] = "application/json";
    size_t count = sizeof json - 1;
    return strncasecmp(type, json, count) == 0 && strchr("; \t", type[count]) != NULL;
}

/* One "name=value" of a form. */
static int read_field(json_t *body, char *pair, struct err *err) {
    char *value = strchr(pair, '=');
    ptrdiff_t name_bytes, value_bytes = 0;
    if (value != NULL) {
        *value++ = '\0';
        value_bytes = http_decode(value, strlen(value), true, value);
    }
    name_bytes = http_decode(pair, strlen(pair), true, pair);
    if (value == NULL || name_bytes <= 0 || value_bytes < 0 ||
        memchr(pair, '\0', (size_t)name_bytes) != NULL) {
        return err_set(err, ERR_BAD_REQUEST, "the form cannot be read");
    }
    pair[name_bytes] = '\0';
    json_t *text = json_stringn(value, (size_t)value_bytes);
    if (text == NULL || memchr(value, '\0', (size_t)value_bytes) != NULL ||
        json_object_get(body, pair) != NULL || json_object_set(body, pair, text) != 0) {
        json_decref(text);
        return err_set(err, ERR_BAD_REQUEST, "the form cannot be read");
    }
    json_decref(text);
    return 0;
}

/* What a page of ours posts: its fields become texts of the body. */
static int read_form(struct ask *ask, struct err *err) {
    static const char form[] = "application/x-www-form-urlencoded";
    const struct http_request *request = ask->request;
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    if (type == NULL || strncasecmp(type, form, sizeof form - 1) != 0) {
        err_set(err, ERR_MEDIA_TYPE, "the body must be %s", form);
        return err_place(err, "Content-Type");
    }
    if (request->body_bytes > FORM_BYTES_MAX ||
        memchr(request->body, '\0', request->body_bytes) != NULL) {
        return err_set(err, ERR_TOO_LARGE, "a form has at most %d bytes", FORM_BYTES_MAX);
    }
    ask->body = json_object();
    int r = 0;
    char **pairs = g_strsplit(request->body, "&", -1);
    for (int i = 0; r >= 0 && pairs[i] != NULL; i++) {
        r = pairs[i][0] != '\0' ? read_field(ask->body, pairs[i], err) : 0;
    }
    g_strfreev(pairs);
    return r < 0 ? r : pan_refuse_json(ask->body, ask->service->card_number_allow, err);
}

/* NDJSON: each line becomes a member of `lines`, and one that is no JSON a text that says why. */
static int read_lines(struct ask *ask, struct err *err) {
    const char *at = ask->request->body, *end = at + ask->request->body_bytes;
    json_t *lines = json_array();
    ask->body = json_pack("{s:o}", "lines", lines);
    ask->lines = lines;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((stop != NULL ? stop : end) - at);
        json_t *line = NULL;
        struct err why = {0};
        bytes -= bytes > 0 && at[bytes - 1] == '\r';
        if (bytes == 0) {
            json_array_append_new(lines, json_null()); /* an empty one is not looked at */
        } else if (json_read(at, bytes, JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &line, &why) < 0) {
            json_array_append_new(lines, json_sprintf("%s (%s)", why.detail, why.place));
        } else {
            json_array_append_new(lines, line);
        }
        at = stop != NULL ? stop + 1 : end;
    }
    return pan_refuse_json(ask->body, ask->service->card_number_allow, err);
}

static bool is_ndjson(const struct http_request *request) {
    static const char lines[] = "application/x-ndjson";
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    return type != NULL && strncasecmp(type, lines, sizeof lines - 1) == 0 &&
           strchr("; \t", type[sizeof lines - 1]) != NULL;
}

static int read_body(struct ask *ask, struct err *err) {
    const struct http_request *request = ask->request;
    if (request->body_bytes == 0) {
        ask->body = json_object();
        return 0;
    }
    const char *type = http_header_find(request->headers, request->header_count, "Content-Type");
    if (type == NULL || !is_json(type)) {
        err_set(err, ERR_MEDIA_TYPE, "the body is %.60s; it must be application/json",
                type != NULL ? type : "of no type");
        return err_place(err, "Content-Type");
    }
    int r = json_read(request->body, request->body_bytes, JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX,
                      &ask->body, err);
    if (r < 0) {
        return r;
    }
    if (!json_is_object(ask->body)) {
        err_set(err, ERR_VALIDATION, "the body must be a JSON object");
        return err_place(err, "/");
    }
    return pan_refuse_json(ask->body, ask->service->card_number_allow, err);
}

static int check_key(struct ask *ask, const struct route *route, struct err *err) {
    const struct http_request *request = ask->request;
    const char *key = http_header_find(request->headers, request->header_count, "Idempotency-Key");
    if (route->idempotency == IDEMPOTENCY_NO || route->idempotency == IDEMPOTENCY_FORM ||
        route->idempotency == IDEMPOTENCY_LINES) {
        return 0;
    }
    if (key == NULL || key[0] == '\0') {
        if (route->idempotency == IDEMPOTENCY_MAY) {
            return 0;
        }
        err_set(err, ERR_IDEMPOTENCY_REQUIRED, "this call needs an Idempotency-Key header");
        err_place(err, "Idempotency-Key");
        return err_hint(
            err,
            "Any text that is new for each new request, such as a UUID; repeat it on a retry.");
    }
    if (strlen(key) > IDEMPOTENCY_KEY_CHARS_MAX) {
        err_set(err, ERR_VALIDATION, "the key has more than %d characters",
                IDEMPOTENCY_KEY_CHARS_MAX);
        return err_place(err, "Idempotency-Key");
    }
    for (const char *at = key; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x21 || (unsigned char)*at > 0x7e) {
            err_set(err, ERR_VALIDATION, "the key may hold printable ASCII only, without blanks");
            return err_place(err, "Idempotency-Key");
        }
    }
    ask->caller.key = key;
    return 0;
}

/* A keyed digest over method, path, query and body, each ended by a NUL that none of them can hold.
 * Keyed, because the body may hold a password, and a plain digest of it could be guessed from. */
static void hash_request(struct ask *ask) {
    const struct http_request *request = ask->request;
    BUF_AUTO buf;
    buf_init(&buf, request->body_bytes + strlen(request->path) + strlen(request->query) + 64);
    buf_add(&buf, request->method, strlen(request->method) + 1);
    buf_add(&buf, request->path, strlen(request->path) + 1);
    buf_add(&buf, request->query, strlen(request->query) + 1);
    buf_add(&buf, request->body, request->body_bytes);
    seal_digest(ask->service->seal, buf.data, buf.len, ask->request_hash);
}

/* Who asks, and whether so often. Who sends wrong credentials spends the bucket of the address:
 * else guessing them would be free. */
static int check_caller(struct ask *ask, struct err *err) {
    struct auth *auth = ask->service->auth;
    int known = auth_identify(auth, ask->request, ask->internal, &ask->identity, err);
    if (ask->internal) {
        return known;
    }
    struct err limit = {0};
    int r = auth_rate(auth, &ask->identity, ask->request->peer, &limit);
    if (r >= 0) {
        return known;
    }
    *err = limit;
    return r;
}

static int climb(struct ask *ask, const struct route **ret_route, struct err *err) {
    int r = ask->internal ? check_internal(ask, err) : 0;
    r = r < 0 ? r : find_route(ask, ret_route, err);
    if (r < 0) {
        return r;
    }
    const struct route *route = *ret_route;
    if (route->handler == callback_post) {
        return 0;
    }
    bool mutating = strcmp(route->method, "GET") != 0;
    r = check_caller(ask, err);
    r = r < 0 ? r
              : auth_allow(ask->service->auth, &ask->identity, ask->request, route->role,
                           route->operation, mutating, err);
    r = r < 0 ? r : check_card_numbers(ask, err);
    ask->query_names = query_names(route);
    r = r < 0 ? r : read_query_names(ask, err);
    bool lines = route->idempotency == IDEMPOTENCY_LINES && is_ndjson(ask->request);
    r = r < 0 || !mutating                       ? r
        : route->idempotency == IDEMPOTENCY_FORM ? read_form(ask, err)
        : lines                                  ? read_lines(ask, err)
                                                 : read_body(ask, err);
    r = r < 0 ? r : check_key(ask, route, err);
    if (r < 0) {
        return r;
    }
    if (route->idempotency == IDEMPOTENCY_KEY || route->idempotency == IDEMPOTENCY_MAY) {
        hash_request(ask);
    }
    return 0;
}

/* ---- answering ---- */

/* A refusal that was kept names no request: its last member is this one's name. */
static void send_problem(struct ask *ask) {
    static const char nameless[] = "\"\"}";
    const char *json = ask->answer.json;
    size_t length = strlen(json), tail = sizeof nameless - 1;
    bool kept = length > tail && strcmp(json + length - tail, nameless) == 0;
    BUF_AUTO buf;
    buf_init(&buf, length + REQUEST_NAME_BYTES_MAX);
    buf_add(&buf, json, kept ? length - tail : length);
    if (kept) {
        buf_addf(&buf, "\"%s\"}", ask->request->id);
    }
    http_reply_body(ask->reply, "application/problem+json", buf.data, buf.len);
}

static void send_answer(struct ask *ask) {
    struct answer *answer = &ask->answer;
    ask->reply->status = answer->status;
    if (answer->replayed) {
        http_reply_header(ask->reply, "Idempotent-Replayed", "true");
    }
    if (answer->status >= 400) {
        send_problem(ask);
        return;
    }
    http_reply_body(ask->reply, "application/json", answer->json, strlen(answer->json));
}

/* A place holds names of the sender's choosing; as labels they would be series without end. */
static const char *kind_of_place(const char *place) {
    bool plain = strcmp(place, "path") == 0 || strcmp(place, "query") == 0;
    return place[0] == '\0' || place[0] == '/' ? "body" : plain ? place : "header";
}

/* For the metrics, and by the minute for the audit report (audit_report.h). */
static void count_card_number(const char *place) {
    const struct slice_event event = {.operation = SLICE_CARD_NUMBER,
                                      .outcome = SLICE_DECLINED,
                                      .code = place,
                                      .duration_us = -1};
    meter_count(METER_PAN_REFUSED, place);
    slice_record(&event);
}

/* Kept refusals are those that no repeat can change: of a request that stood for itself no longer
 * than a moment (caller.repeat_us) none is. */
static bool is_for_good(const struct ask *ask, const char *claimed_as, const struct err *err) {
    int status = err_http_status(err->code);
    return claimed_as != NULL && ask->caller.repeat_us == 0 && status >= 400 && status < 500 &&
           err_retry_class(err->code) == ERR_RETRY_NEVER && err->code != ERR_IDEMPOTENCY_MISMATCH;
}

/* A refusal for good is an answer like any other: durable before it is said (I3), and the same at
 * each repeat, but for the request's name, which send_problem() puts in. */
static int keep_refusal(struct ask *ask, const struct err *why, struct err *err) {
    struct answer refusal = {.status = err_http_status(why->code),
                             .json = problem_json(why, "", ask->internal)};
    int r = idempotency_refuse(ask->service->payments, &ask->caller, &refusal, err);
    if (r < 0) {
        answer_release(&refusal);
        return r;
    }
    answer_release(&ask->answer);
    ask->answer = refusal;
    return 0;
}

void front_handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    const struct front *front = ctx;
    const struct route *route = NULL;
    struct err err = {0};
    const char *claimed_as = NULL;
    struct ask ask = {
        .service = front->service, .internal = front->internal, .request = request, .reply = reply};
    ask.caller = (struct caller){
        .actor = ask.identity.actor,
        .scope = ask.identity.scope,
        .request_hash = ask.request_hash,
        .request_id = request->id,
        .claimed_as = &claimed_as,
    };
    int r = climb(&ask, &route, &err);
    if (r >= 0) {
        ask.caller.refunds = refund_policy_of(&ask.service->refund_policy, ask.identity.role);
        r = route->handler(&ask, &err);
    }
    if (r < 0 && is_for_good(&ask, claimed_as, &err)) {
        struct err why = err;
        err = (struct err){0};
        r = keep_refusal(&ask, &why, &err);
    }
    if (r == -ERR_UNAUTHENTICATED) {
        struct err limit = {0};
        int limited = auth_failed(front->service->auth, request->peer, &limit);
        r = limited < 0 ? limited : r;
        err = limited < 0 ? limit : err;
    }
    if (r < 0) {
        if (err.code == ERR_CARD_NUMBER) {
            count_card_number(kind_of_place(err.place));
        }
        if (err_http_status(err.code) >= 500) {
            log_error(HTTP_FAILED, &err, LT("request", request->id),
                      LT("path", path_for_log(request->path)));
        }
        problem_reply(reply, &err, request->id, front->internal);
    } else if (ask.answer.json != NULL) {
        send_answer(&ask);
    }
    const char *name = route != NULL ? route->operation : "none";
    const char *listener = front->internal ? "internal" : "public";
    char status[8];
    snprintf(status, sizeof status, "%d", reply->status);
    meter_count(METER_HTTP_REQUESTS, listener, request->method, name, status);
    int64_t took_us = clock_mono_us() - request->arrived_us;
    meter_time(METER_HTTP_SECONDS, took_us, listener, name);
    log_event(HTTP_REQUEST, LT("request", request->id), LT("listener", listener),
              LT("method", request->method), LT("operation", name), LI("status", reply->status),
              LI("ms", took_us / US_PER_MS));
    answer_release(&ask.answer);
    json_decref(ask.body);
}

int front_route_count(void) {
    return COUNT_OF(routes);
}

void front_route(int index, struct front_route *ret_route) {
    INVARIANT(index >= 0 && index < front_route_count(), "a route out of its table");
    *ret_route = (struct front_route){
        .method = routes[index].method,
        .path = routes[index].path,
        .operation = routes[index].operation,
        .role = routes[index].role,
        .public = (routes[index].listener & ON_PUBLIC) != 0,
        .internal = (routes[index].listener & ON_INTERNAL) != 0,
        .key_needed = routes[index].idempotency == IDEMPOTENCY_KEY,
    };
}
