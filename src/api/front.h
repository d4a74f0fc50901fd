/* SPDX-License-Identifier: Apache-2.0
 * front.h: what a handler gets and gives back.
 *
 * A handler parses the body it was given (already strict JSON without card numbers), calls one
 * function below and leaves its answer in `ask->answer`; or returns a negative error, which becomes
 * a problem document. A handler that writes to `ask->reply` itself leaves the answer empty.
 * Threads: handlers run on many tasks at once. Owns: the ask, for the time of one request. */
#ifndef HOLDFAST_API_FRONT_H
#define HOLDFAST_API_FRONT_H

#include <jansson.h>

#include "api/service_impl.h"
#include "base/crypto.h"

enum { FRONT_PARAM_CHARS_MAX = 200, QUERY_NAMES_MAX = 16 };

struct ask {
    struct service *service;
    bool internal;
    const struct http_request *request;
    struct http_reply *reply;
    char param[FRONT_PARAM_CHARS_MAX + 1]; /* what stood for {…} in the path */
    const char *const *query_names;        /* the route's, to a NULL; see queries.def */
    json_t *body;                          /* an object; NULL for GET */
    json_t *lines;                         /* of NDJSON, in `body`; NULL: it was JSON */
    struct identity identity;
    struct caller caller;
    char request_hash[SHA256_HEX_CHARS + 1]; /* "" where no key is taken */
    char own_key[SHA256_HEX_CHARS + 16];     /* made from the request, see runbook_refund_post() */
    struct answer answer;
};
typedef int route_handler(struct ask *ask, struct err *err);

#define X(method, path, handler, listener, role, idempotency, operation) route_handler handler;
#include "api/routes.def"
#undef X

/* The table, for the test that compares it with api/openapi.yaml. */
struct front_route {
    const char *method, *path, *operation;
    enum role role;
    bool public, internal, key_needed;
};
int front_route_count(void);
void front_route(int index, struct front_route *ret_route);

#endif
