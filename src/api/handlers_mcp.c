/* SPDX-License-Identifier: Apache-2.0
 * handlers_mcp.c: POST /mcp of the internal listener: the Model Context Protocol over HTTP. A
 * tool's call goes through the whole ladder of front.c, with the credentials of who calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/front.h"
#include "api/mcp.h"
#include "base/clock.h"
#include "net/http_target.h"

enum { INNER_HEADERS_MAX = 4 };

static const char *header(const struct ask *ask, const char *name) {
    return http_header_find(ask->request->headers, ask->request->header_count, name);
}

/* The path as a listener hands it on: decoded, without its query. NULL: a bad escape; free(). */
static char *decoded_path(const char *target) {
    char *path = strndup(target, strcspn(target, "?"));
    ptrdiff_t bytes = path != NULL ? http_decode(path, strlen(path), false, path) : -1;
    if (bytes < 0 || memchr(path, '\0', (size_t)bytes) != NULL) {
        free(path);
        return NULL;
    }
    path[bytes] = '\0';
    return path;
}

static int call_route(void *ctx, const struct mcp_request *wanted, int *ret_status,
                      struct buf *ret_body, struct err *err) {
    struct ask *ask = ctx;
    struct http_header headers[INNER_HEADERS_MAX] = {{"Host", header(ask, "Host")},
                                                     {"Content-Type", "application/json"}};
    int count = 2;
    if (header(ask, "Authorization") != NULL) {
        headers[count++] = (struct http_header){"Authorization", header(ask, "Authorization")};
    }
    if (wanted->key != NULL) {
        headers[count++] = (struct http_header){"Idempotency-Key", wanted->key};
    }
    const char *query = strchr(wanted->target, '?');
    char *path = decoded_path(wanted->target);
    if (path == NULL) {
        return err_set(err, ERR_VALIDATION, "an argument holds what no path can");
    }
    const struct http_request request = {
        .method = wanted->method,
        .path = path,
        .query = query != NULL ? query + 1 : "",
        .headers = headers,
        .header_count = count,
        .body = wanted->body != NULL ? wanted->body : "",
        .body_bytes = wanted->body != NULL ? strlen(wanted->body) : 0,
        .peer = ask->request->peer,
        .id = ask->request->id,
        .arrived_us = clock_mono_us(),
        .tls = ask->request->tls,
    };
    struct http_reply reply = {.status = 200};
    buf_init(&reply.headers, 16 * 1024);
    buf_init(&reply.body, ret_body->max);
    struct front front = {.service = ask->service, .internal = ask->internal};
    front_handle(&front, &request, &reply);
    *ret_status = reply.status;
    buf_add(ret_body, reply.body.data, reply.body.len);
    ret_body->overflowed |= reply.body.overflowed;
    buf_release(&reply.headers);
    buf_release(&reply.body);
    free(path);
    return 0;
}

int mcp_post(struct ask *ask, struct err *err) {
    const struct mcp_headers headers = {
        .version = header(ask, "MCP-Protocol-Version"),
        .method = header(ask, "Mcp-Method"),
        .name = header(ask, "Mcp-Name"),
    };
    const struct mcp_message message = {
        .bytes = ask->request->body,
        .count = ask->request->body_bytes,
        .headers = &headers,
        .ask = call_route,
        .ctx = ask,
    };
    BUF_AUTO json;
    buf_init(&json, MCP_ANSWER_BYTES_MAX);
    ask->reply->status = mcp_answer(&ask->service->mcp, &message, &json);
    if (!buf_ok(&json)) {
        return err_set(err, ERR_INTERNAL, "an answer of the Model Context Protocol is too large");
    }
    if (json.len > 0) {
        http_reply_body(ask->reply, "application/json", json.data, json.len);
    }
    return 0;
}
