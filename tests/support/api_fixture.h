/* SPDX-License-Identifier: Apache-2.0
 * api_fixture.h: the whole service in this process, on an SQLite file of its own, before the
 * gateways in memory of fake_gateway.h, and requests put straight to the front: everything but the
 * bytes of HTTP.
 *
 * Its gateways: "stripe-a" (priority 1) and "stripe-b" (2) at the fake, and "paypal-a" (3), which
 * nobody answers for. Nothing runs by itself unless the test starts the service.
 * Owns: everything, until api_stop(). Failures abort or fail the test: it is a test's tool.
 * Threads: one at a time, but api_ask(), which is the front's own and takes many. */
#ifndef HOLDFAST_TESTS_API_FIXTURE_H
#define HOLDFAST_TESTS_API_FIXTURE_H

#include <jansson.h>
#include <sqlite3.h>

#include "api/service.h"
#include "api/service_impl.h"
#include "support/fake_gateway.h"

enum { API_HEADERS_MAX = 16, API_KEY_CHARS = 67, API_CONFIG_BYTES_MAX = 8192 };

struct api {
    char folder[80], database[120];
    struct fake_gateway *fake;
    struct service_config *config;
    struct service *service;
    struct front public_front, internal_front;
    sqlite3 *look; /* a connection beside the service's, for looking only */
    int keys;      /* made so far, for new Idempotency-Keys */
};

/* One for a whole group of tests (its set-up and tear-down), with the standard configuration and
 * the time of test_clock.h. */
extern struct api the_api;
int the_api_start(void **state);
int the_api_stop(void **state);

/* Lines of YAML behind the standard ones ("limits: {requests_per_second: 1}"), or NULL. `listen`:
 * with both listeners on free ports; the caller starts them with service_start(). */
void api_start(struct api *ret_api, const char *more_yaml, bool listen);
void api_stop(struct api *api);
/* The configuration's text with that database file. */
void api_yaml(const char *database, const char *more_yaml, char ret_yaml[API_CONFIG_BYTES_MAX]);
/* A client that the service may free, in front of the fake's own. */
struct http_client *api_client(struct fake_gateway *fake);

struct api_ask {
    const char *method, *path, *query; /* NULL: GET, "/", "" */
    const char *body;                  /* NULL: none */
    size_t body_bytes;                 /* 0: the length of `body` */
    bool internal;
    bool tls;
    const char *key;  /* Authorization: Bearer …; NULL: none */
    const char *once; /* Idempotency-Key; NULL: none; "*": a new one */
    const char *type; /* Content-Type; NULL: application/json with a body; "": none */
    const char *host; /* NULL: localhost; "": none */
    const char *peer; /* NULL: 127.0.0.1 */
    struct http_header more[API_HEADERS_MAX]; /* up to the first without a name */
};
struct api_reply {
    int status;
    char *headers, *body;
    json_t *json; /* of the body, or NULL when it is none */
};
void api_ask(struct api *api, const struct api_ask *ask, struct api_reply *ret_reply);
void api_reply_release(struct api_reply *reply);
#define API_REPLY_AUTO struct api_reply CLEANUP(api_reply_release)

/* The text or number at this key of the answer; "" and -1 when there is none. */
const char *reply_text(const struct api_reply *reply, const char *key);
int64_t reply_int(const struct api_reply *reply, const char *key);
/* A header's value, or "" (borrowed until the next call). */
const char *reply_header(const struct api_reply *reply, const char *name);
/* The last part of the problem's type ("validation"); "" when the answer is no problem document. */
const char *reply_problem(const struct api_reply *reply);

/* Asks and gives the status only. */
int api_status(struct api *api, const struct api_ask *ask);
/* A new key of that role ("operator"), limited to these operations ("" for all). */
void api_key(struct api *api, const char *role, const char *scopes,
             char ret_key[API_KEY_CHARS + 1]);
/* A payment of 19.99 USD with the token of a good card at both Stripes; fills its id. `more`:
 * further members of the body ("\"capture\":\"manual\""), or "". */
void api_pay(struct api *api, const char *order_id, const char *more, struct api_reply *ret_reply);

/* A sum over all rows of the database but those of Idempotency-Keys, which keep what was refused
 * for good: another sum, something has changed. */
int64_t api_changes(struct api *api);
/* Changes the database behind the service's back. */
void api_sql(struct api *api, const char *sql);
int64_t api_int(struct api *api, const char *sql);

#endif
