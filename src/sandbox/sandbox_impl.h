/* SPDX-License-Identifier: Apache-2.0
 * sandbox_impl.h: the sandbox as its own files see it.
 *
 * Both gateways stand on the same ground: a place for their objects, idempotency keys, the book,
 * faults, events with the webhooks that hear of them, and a clerk for what comes later. What
 * differs is in stripe_*.c and paypal_*.c. Locks: an object's shard comes first; the book, events,
 * keys and the clerk have locks of their own that never wait for another. Every request and every
 * action is inside the gate while it holds a pointer to an object; a reset shuts it and waits until
 * nobody is inside. */
#ifndef HOLDFAST_SANDBOX_IMPL_H
#define HOLDFAST_SANDBOX_IMPL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "sandbox/book.h"
#include "sandbox/clerk.h"
#include "sandbox/fault.h"
#include "sandbox/keys.h"
#include "sandbox/place.h"
#include "sandbox/sandbox.h"

enum {
    SB_ENDPOINTS_MAX = 16,
    SB_URL_CHARS_MAX = 1023,
    SB_SECRET_CHARS_MAX = 127,
    SB_EVENTS_KEPT_MAX = 1000000,
    SB_REPLY_BYTES_MAX = 32 * 1024 * 1024,
    SB_BODY_BYTES_MAX = 64 * 1024, /* of a callback */
};

enum sb_event_type {
#define X(gateway, name, text, object) SB_EV_##gateway##_##name,
#include "sandbox/event_types.def"
#undef X
    SB_EVENT_TYPES
};
const char *sb_event_name(enum sb_event_type type);
/* False when that gateway has no such type. */
MUST_USE bool sb_event_parse(enum sb_gateway gateway, const char *name,
                             enum sb_event_type *ret_type);

/* A webhook: who hears of which events. */
struct sb_endpoint {
    bool live;
    uint32_t number;
    int64_t created_us;
    uint64_t types; /* bits by type */
    char id[SB_ID_CHARS_MAX + 1];
    char url[SB_URL_CHARS_MAX + 1];
    char secret[SB_SECRET_CHARS_MAX + 1]; /* Stripe's */
};

struct sb_callback_counts {
    int64_t events;    /* made */
    int64_t due;       /* events × webhooks that asked for them */
    int64_t lost;      /* by a fault, or because too many waited */
    int64_t sent;      /* tries of genuine ones */
    int64_t delivered; /* answered 2xx */
    int64_t refused;   /* tries that were not */
    int64_t given_up;
    int64_t forged_sent, forged_accepted;
};

/* Events of one gateway, the last SB_EVENTS_KEPT_MAX of them. */
struct sb_events {
    struct lock lock;
    struct sb_event *ring;
    size_t room;
    uint32_t made; /* number of the next */
    struct sb_endpoint endpoints[SB_ENDPOINTS_MAX];
    struct sb_callback_counts counts;
};

struct sb_paypal_identity; /* paypal_identity.h */
struct sb_paypal_invoices; /* paypal.h */

struct sandbox {
    uint64_t seed;
    char *stripe_key, *stripe_webhook_secret;
    char *paypal_client_id, *paypal_client_secret, *paypal_webhook_id;
    int paypal_token_s;
    bool paypal_duplicate_invoices;
    int64_t callback_delay_us, callback_retry_us, settle_us;
    int callback_tries;

    struct http_server *server;
    struct http_listener *listeners[SANDBOX_PORTS];
    int ports[SANDBOX_PORTS];        /* a listener that refuses opens the same one again */
    char base_urls[SB_GATEWAYS][64]; /* "http://127.0.0.1:9101" */
    struct http_client *client;
    struct lock refusal_lock;
    bool refusing[SB_GATEWAYS]; /* under it */
    atomic_bool ticking;

    struct sb_faults faults;
    struct sb_book book;
    struct sb_place *places[SB_GATEWAYS];
    struct sb_keys keys[SB_GATEWAYS];
    struct sb_events events[SB_GATEWAYS];
    struct sb_clerk clerk;
    struct sb_paypal_identity *identity;
    bool identity_lent;
    struct sb_paypal_invoices *invoices;
    atomic_uint paypal_token_epoch;

    atomic_int inside;
    atomic_bool shut;
    _Atomic uint32_t epoch;
};

/* ---- sandbox.c ---- */
void sb_gate_enter(struct sandbox *sandbox);
void sb_gate_leave(struct sandbox *sandbox);
/* Forgets all objects, keys, events, callbacks and faults; secrets, webhooks of the start and ports
 * stay. */
void sb_reset(struct sandbox *sandbox);
/* Opens and closes ports as the faults say. */
void sb_refusals_apply(struct sandbox *sandbox);
/* ---- callbacks.c ---- */
void sb_events_init(struct sb_events *events);
void sb_events_release(struct sb_events *events);
void sb_events_clear(struct sb_events *events);
/* Something happened: keeps the event and sends it to whoever asked for it. */
void sb_tell(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
             const void *object, const void *now, const struct sb_key *key);
/* False: never made, or forgotten since. */
MUST_USE bool sb_event_get(struct sb_events *events, uint32_t number, struct sb_event *ret_event);
/* Sends an event again to all webhooks. */
void sb_event_resend(struct sandbox *sandbox, const struct sb_event *event);
/* Adds a webhook; false when there are SB_ENDPOINTS_MAX. */
MUST_USE bool sb_endpoint_add(struct sb_events *events, const struct sb_endpoint *endpoint);
/* By id or by URL. False: there is none. */
MUST_USE bool sb_endpoint_get(struct sb_events *events, const char *id,
                              struct sb_endpoint *ret_endpoint);
MUST_USE bool sb_endpoint_drop(struct sb_events *events, const char *id);
/* "a,b,c" or "*" as bits; ERR_VALIDATION names what is no event. */
MUST_USE int sb_event_types_read(enum sb_gateway gateway, const char *names, uint64_t *ret_types,
                                 struct err *err);
/* A clerk's action of kind SB_DELIVER. */
void sb_deliver(struct sandbox *sandbox, struct sb_action *action);
/* To be settled (a refund that is pending) after settle_us. */
void sb_settle_later(struct sandbox *sandbox, enum sb_gateway gateway, void *object);

/* ---- control.c ---- */
void sb_control_handle(void *ctx, const struct http_request *request, struct http_reply *reply);

/* ---- stripe_*.c and paypal_*.c ---- */
void sb_stripe_handle(void *ctx, const struct http_request *request, struct http_reply *reply);
void sb_paypal_handle(void *ctx, const struct http_request *request, struct http_reply *reply);
void sb_stripe_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out);
void sb_paypal_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out);

enum { SB_SIGN_HEADERS_MAX = 8, SB_SIGN_TEXT_MAX = 1024 };
/* The headers of one delivery; the values live in `room`. */
struct sb_signed_headers {
    struct http_header headers[SB_SIGN_HEADERS_MAX];
    int count;
    char room[SB_SIGN_TEXT_MAX];
};
MUST_USE int sb_stripe_sign(struct sandbox *sandbox, const struct sb_endpoint *endpoint,
                            const struct buf *body, bool forged,
                            struct sb_signed_headers *ret_headers, struct err *err);
MUST_USE int sb_paypal_sign(struct sandbox *sandbox, const struct sb_endpoint *endpoint,
                            const struct buf *body, bool forged,
                            struct sb_signed_headers *ret_headers, struct err *err);

void sb_stripe_settle(struct sandbox *sandbox, void *refund);
void sb_paypal_settle(struct sandbox *sandbox, void *object);

/* What a person does by the control port or on a page. 0, or ERR_NOT_FOUND, ERR_STATE,
 * ERR_VALIDATION. */
MUST_USE int sb_stripe_authenticate(struct sandbox *sandbox, const char *intent, bool passed,
                                    struct err *err);
MUST_USE int sb_stripe_dispute(struct sandbox *sandbox, const char *charge, const char *reason,
                               struct buf *ret_id, struct err *err);
MUST_USE int sb_stripe_dispute_close(struct sandbox *sandbox, const char *dispute, bool won,
                                     struct err *err);
MUST_USE int sb_paypal_approve(struct sandbox *sandbox, const char *order, bool approved,
                               struct err *err);
MUST_USE int sb_paypal_dispute(struct sandbox *sandbox, const char *capture, const char *reason,
                               struct buf *ret_id, struct err *err);
MUST_USE int sb_paypal_dispute_close(struct sandbox *sandbox, const char *dispute, bool won,
                                     struct err *err);

/* ---- route.c ---- */
/* True when the path fits the pattern, in which one part may be '*'; what stands for it goes to
 * `ret_id`. */
bool sb_path_fits(const char *pattern, const char *path, char ret_id[SB_ID_CHARS_MAX + 1]);
/* Reads a JSON body; NULL and an error when it is none. Empty counts as {}. */
json_t *sb_body_json(const struct http_request *request, struct err *err);

/* Pages for the customer. */
struct sb_page {
    const char *title, *text;
    const char *amount;   /* "19.99 USD" */
    const char *yes, *no; /* what the buttons say; NULL: no buttons */
};
void sb_page_write(const struct sb_page *page, struct http_reply *reply);
/* Sends the browser on: 303 to `url` with `query` added ("token=…"). */
void sb_page_redirect(const char *url, const char *query, struct http_reply *reply);

#endif
