/* SPDX-License-Identifier: Apache-2.0
 * sandbox_impl.h: the sandbox as its own files see it.
 *
 * All gateways stand on the same ground: a place for their objects, idempotency keys, the book,
 * faults, events with the webhooks that hear of them, and a clerk for what comes later. What
 * differs is a row (gateway_kind.h) and each one's own files. Locks: an object's shard comes first;
 * names, the book, events, keys and the clerk have locks of their own that never wait for another.
 * Every request and every action is inside the gate while it holds a pointer to an object; a reset
 * shuts it and waits until nobody is inside. */
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
#include "sandbox/gateway_kind.h"
#include "sandbox/keys.h"
#include "sandbox/place.h"
#include "sandbox/sandbox.h"

enum {
    SB_ENDPOINTS_MAX = 16,
    SB_URL_CHARS_MAX = 1023,
    SB_SECRET_CHARS_MAX = 127,
    SB_EVENTS_KEPT_MAX = 1000000,
    SB_REPLY_BYTES_MAX = 32 * 1024 * 1024,
    SB_BODY_BYTES_MAX = 64 * 1024,    /* of a callback */
    SB_EVENTS_URL = SB_ENDPOINTS_MAX, /* in place of a webhook: the URL that the event carries */
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
    int64_t delivered; /* acknowledged */
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

struct sandbox {
    uint64_t seed;
    char *settings[SB_GATEWAYS][SANDBOX_SETTINGS_MAX];
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
    struct lock identity_lock;
    void *identities[SB_GATEWAYS]; /* under it until they are made, which is once */
    bool identity_lent[SB_GATEWAYS];
    /* While one is replaced: what it was before; NULL: it is not. */
    char *settings_before[SB_GATEWAYS][SANDBOX_SETTINGS_MAX];
    const void *identities_before[SB_GATEWAYS];
    void *own[SB_GATEWAYS]; /* what a row's open() made */
    atomic_uint paypal_token_epoch;
    char *statement_dir; /* or NULL */
    struct lock handed_lock;
    GHashTable *handed; /* under it: "alipay/trade/2026-11-21", statements that somebody has */
    GHashTable *put;    /* under it: names of files in the folder → digests of their bytes */

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
/* Borrowed. */
const char *sb_setting(const struct sandbox *sandbox, enum sb_gateway gateway, int index);
/* The gateway's keys and certificates, made now if they were not yet; NULL: it has none. */
void *sb_identity(struct sandbox *sandbox, enum sb_gateway gateway);

/* ---- renew.c ---- */
/* Another key or secret was made at the gateway's portal, in the place of that setting. What the
 * gateway itself signs, seals or hands out is by the new one from now on; who shows the one before
 * is let in as well, until sb_setting_end() (or the next). Nobody may be inside the gate. */
void sb_setting_renew(struct sandbox *sandbox, enum sb_gateway gateway, int index,
                      const char *value);
void sb_setting_end(struct sandbox *sandbox, enum sb_gateway gateway, int index);
/* The one before; NULL: there is none. */
const char *sb_setting_before(const struct sandbox *sandbox, enum sb_gateway gateway, int index);
/* The same of keys and certificates; both are lent. */
void sb_identity_renew(struct sandbox *sandbox, enum sb_gateway gateway, void *identity);
void sb_identity_end(struct sandbox *sandbox, enum sb_gateway gateway);
const void *sb_identity_before(const struct sandbox *sandbox, enum sb_gateway gateway);

/* ---- callbacks.c ---- */
void sb_events_init(struct sb_events *events);
void sb_events_release(struct sb_events *events);
void sb_events_clear(struct sb_events *events);
/* Something happened: keeps the event and sends it to whoever asked for it. */
void sb_tell(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
             const void *object, const void *now, const struct sb_key *key);
/* The same, for a gateway whose requests say where they want to hear (`url`, which lives as long as
 * the object): it goes there and nowhere else. NULL or "": to the webhooks. */
void sb_tell_url(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
                 const void *object, const void *now, const char *url);
/* False: never made, or forgotten since. */
MUST_USE bool sb_event_get(struct sb_events *events, uint32_t number, struct sb_event *ret_event);
/* Sends an event again to whoever it was for. */
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

/* ---- route.c ---- */
/* The beginning of every request to a gateway: what goes wrong with it, and into the gate. False:
 * nothing is done and nobody answers. */
MUST_USE bool sb_request_begin(struct sandbox *sandbox, enum sb_gateway gateway,
                               enum sb_operation operation, struct sb_verdict *ret_verdict,
                               struct http_reply *reply);
/* The end: the answer as the faults leave it, and out of the gate. */
void sb_request_end(struct sandbox *sandbox, const struct sb_verdict *verdict,
                    struct http_reply *reply);
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
/* The customer's page of a gateway that has no page of its own (`look` of its row), at
 * /sandbox/pay/NAME: pays or cancels, and sends him back to the shop. False: another path. */
MUST_USE bool sb_pay_page(struct sandbox *sandbox, enum sb_gateway gateway,
                          const struct http_request *request, struct http_reply *reply);
/* Sends the browser on: 303 to `url` with `query` added ("token=…"). */
void sb_page_redirect(const char *url, const char *query, struct http_reply *reply);

#endif
