/* SPDX-License-Identifier: Apache-2.0
 * exchange.h: what adapters share: one HTTP exchange with their gateway, and the careful copying of
 * a gateway's words into a result. Owns: nothing. Threads: any, many at once. Errors: none but
 * through the result's outcome. Limits: answers of EXCHANGE_ANSWER_BYTES_MAX bytes,
 * EXCHANGE_DEPTH_MAX levels of JSON. */
#ifndef HOLDFAST_GATEWAY_EXCHANGE_H
#define HOLDFAST_GATEWAY_EXCHANGE_H

#include "base/json.h"
#include "gateway/gateway.h"

enum {
    EXCHANGE_ANSWER_BYTES_MAX = 1024 * 1024,
    EXCHANGE_DEPTH_MAX = 32,
    EXCHANGE_REFERENCE_CHARS_MAX = 64,
};

struct exchange {
    const char *method, *url;
    const struct http_header *headers;
    int header_count;
    const char *body; /* NULL: none */
    size_t body_bytes;
    bool moves_money;
    /* Never sent a second time by itself (on a connection that turned out to be dead): a repeat of
     * it would be answered otherwise than the first. */
    bool once;
    const char *trace_header; /* the answer's header that names the request for their support */
    /* The keys of the answer that the adapter asks for, at any depth (json_read_named()); NULL: all
     * of it is wanted. */
    const char *const *answer_names;
};

/* Sends it with what is left until the call's deadline, through the gateway's bulkhead. Every
 * exchange of an adapter is marked repeatable (it is a GET, carries an idempotency key, or moves
 * nothing) unless it says `once`. True: an answer came, `ret_answer` is the caller's to release and
 * `ret_json` to decref (NULL when the body is not JSON). False: the result's outcome says what that
 * means. */
MUST_USE bool exchange_run(const struct gateway_call *call, const struct exchange *exchange,
                           struct gateway_result *result, struct http_answer *ret_answer,
                           json_t **ret_json);

/* Outcome REJECTED_REQUEST for what cannot even be asked; nothing was sent. */
void exchange_refuse(struct gateway_result *result, const char *common_code, const char *message);
/* A question came back without an answer to it: UNAVAILABLE, unless it is RATE_LIMITED or
 * REJECTED_CREDENTIALS already. */
void exchange_no_answer(struct gateway_result *result);
/* Something may have been done, and asking about it gave no answer: UNKNOWN, gateway_no_answer. */
void exchange_in_doubt(struct gateway_result *result);

/* References become keys, headers and search terms: 1 to 64 of [A-Za-z0-9_-]. */
MUST_USE bool exchange_reference_ok(const char *reference);
/* Copies an identifier whole or not at all ("" then): half a name would be another's name. */
void exchange_copy_id(char *to, size_t bytes, const char *from);
/* Copies text for people: card numbers masked, control characters blanked, cut between characters.
 */
void exchange_copy_text(char *to, size_t bytes, const char *from);
/* Only https (or http) addresses; "" for anything else. */
void exchange_copy_url(char *to, size_t bytes, const char *from);
/* The customer must go to this URL; nothing (ACTION_NONE) when it is NULL or none that a browser
 * should be sent to. */
void exchange_redirect(struct gateway_result *result, const char *url);
/* The URL's host is this machine: localhost, 127.0.0.0/8 or [::1]. */
MUST_USE bool exchange_url_is_loopback(const char *url);
void exchange_common_code(struct gateway_result *result, const char *common_code);

#endif
