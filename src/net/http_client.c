/* SPDX-License-Identifier: Apache-2.0
 * http_client.c: the front of the HTTP client: the bulkhead, answers and their memory, the names of
 * failures, and the door to clients of somebody else's making. */
#include "net/http_client.h"

#include "base/clock.h"
#include "net/http_bulkhead.h"
#include "net/http_client_impl.h"
#include "net/http_url.h"

static const char *const failure_names[] = {
    [HTTP_FAIL_NONE] = "none",           [HTTP_FAIL_RESOLVE] = "resolve",
    [HTTP_FAIL_CONNECT] = "connect",     [HTTP_FAIL_TLS] = "tls",
    [HTTP_FAIL_BULKHEAD] = "bulkhead",   [HTTP_FAIL_TIMEOUT] = "timeout",
    [HTTP_FAIL_RESET] = "reset",         [HTTP_FAIL_GARBLED] = "garbled",
    [HTTP_FAIL_TOO_LARGE] = "too_large", [HTTP_FAIL_STOPPED] = "stopped",
    [HTTP_FAIL_REQUEST] = "request",
};
static_assert(COUNT_OF(failure_names) == HTTP_FAIL_REQUEST + 1, "every failure has a name");

static const char *const failure_sentences[] = {
    [HTTP_FAIL_NONE] = "it was answered",
    [HTTP_FAIL_RESOLVE] = "its name could not be resolved",
    [HTTP_FAIL_CONNECT] = "it could not be connected to",
    [HTTP_FAIL_TLS] = "no trusted TLS connection came about",
    [HTTP_FAIL_BULKHEAD] = "as many calls to it as are allowed at once are under way",
    [HTTP_FAIL_TIMEOUT] = "it did not answer in time",
    [HTTP_FAIL_RESET] = "the connection was lost before an answer",
    [HTTP_FAIL_GARBLED] = "its answer was cut off or is not HTTP",
    [HTTP_FAIL_TOO_LARGE] = "its answer is over the cap",
    [HTTP_FAIL_STOPPED] = "the HTTP client was stopped",
    [HTTP_FAIL_REQUEST] = "the request cannot be put on the wire",
};
static_assert(COUNT_OF(failure_sentences) == COUNT_OF(failure_names), "every failure is explained");

struct http_client {
    struct http_client_ops ops;
    void *ctx;
};

const char *http_failure_name(enum http_failure failure) {
    if ((size_t)failure >= COUNT_OF(failure_names)) {
        return "unknown";
    }
    return failure_names[failure];
}

/* Answers and their memory. */

void http_answer_release(struct http_answer *answer) {
    free(answer->body);
    free(answer->owned);
    *answer = (struct http_answer){0};
}

static size_t text_bytes(const char *text) {
    return strlen(text) + 1;
}

void http_answer_fill(struct http_answer *answer, int status, const struct http_header *headers,
                      int header_count, const void *body, size_t body_bytes) {
    INVARIANT(header_count >= 0 && header_count <= HTTP_HEADERS_MAX, "an answer has 64 headers");
    INVARIANT(body_bytes < SIZE_MAX, "a body has room for its NUL");
    http_answer_release(answer);
    size_t bytes = 1;
    for (int i = 0; i < header_count; i++) {
        bytes += text_bytes(headers[i].name) + text_bytes(headers[i].value);
    }
    char *text = malloc(bytes);
    char *copy = malloc(body_bytes + 1);
    INVARIANT(text != NULL && copy != NULL, "out of memory");

    answer->owned = text;
    for (int i = 0; i < header_count; i++) {
        size_t name_bytes = text_bytes(headers[i].name);
        size_t value_bytes = text_bytes(headers[i].value);
        memcpy(text, headers[i].name, name_bytes);
        memcpy(text + name_bytes, headers[i].value, value_bytes);
        answer->headers[i] = (struct http_header){text, text + name_bytes};
        text += name_bytes + value_bytes;
    }
    if (body_bytes > 0) {
        memcpy(copy, body, body_bytes);
    }
    copy[body_bytes] = '\0';
    answer->header_count = header_count;
    answer->body = copy;
    answer->body_bytes = body_bytes;
    answer->status = status;
    answer->reach = HTTP_ANSWERED;
    answer->failure = HTTP_FAIL_NONE;
}

int http_answer_failed(struct http_answer *answer, const struct http_call *call,
                       enum http_reach reach, enum http_failure failure, const char *detail,
                       struct err *err) {
    char host[128];
    http_url_host(call->url != NULL ? call->url : "", host, sizeof(host));
    answer->reach = reach;
    answer->failure = failure;
    return err_set(err, failure == HTTP_FAIL_TIMEOUT ? ERR_TIMEOUT : ERR_UNREACHABLE,
                   "a call to %s failed: %s%s%s%s; %s", host, failure_sentences[failure],
                   detail[0] != '\0' ? " (" : "", detail, detail[0] != '\0' ? ")" : "",
                   reach == HTTP_NOT_SENT ? "nothing was sent" : "it may have been received");
}

/* Clients. */

int http_call(struct http_client *client, const struct http_call *call,
              struct http_answer *ret_answer, struct err *err) {
    *ret_answer = (struct http_answer){.reach = HTTP_NOT_SENT};
    if (call->bulkhead == NULL) {
        return client->ops.call(client->ctx, call, ret_answer, err);
    }
    if (!http_bulkhead_enter(call->bulkhead)) {
        return http_answer_failed(ret_answer, call, HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD, "", err);
    }
    int rc = client->ops.call(client->ctx, call, ret_answer, err);
    http_bulkhead_leave(call->bulkhead);
    return rc;
}

static void loop_free(void *loop) {
    http_client_loop_free(loop);
}

int http_client_new(const struct http_client_options *options, struct http_client **ret_client,
                    struct err *err) {
    static const struct http_client_ops ops = {http_client_loop_call, loop_free};
    struct http_client_loop *loop = NULL;
    int rc = http_client_loop_new(options, &loop, err);
    if (rc < 0) {
        return rc;
    }
    *ret_client = http_client_custom(&ops, loop);
    return 0;
}

struct http_client *http_client_custom(const struct http_client_ops *ops, void *ctx) {
    struct http_client *client = calloc(1, sizeof(*client));
    INVARIANT(client != NULL, "out of memory");
    client->ops = *ops;
    client->ctx = ctx;
    return client;
}

void http_client_free(struct http_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->ops.free != NULL) {
        client->ops.free(client->ctx);
    }
    free(client);
}
