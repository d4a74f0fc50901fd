/* SPDX-License-Identifier: Apache-2.0
 * sandbox.h: simulated Stripe and PayPal on a port each, and a port to control them, in one
 * process.
 *
 * Each gateway speaks its real wire protocol over plain HTTP and keeps its own book of what it
 * charged: the truth that our service is compared with. Faults can be switched on while it runs.
 * The control port answers no one but whoever can reach it: keep it on loopback. Threads: any for
 * the functions here. Owns: its tasks, sockets and memory until sandbox_stop(). Errors: ERR_CONFIG
 * (an address, a fault or a URL that cannot be read), ERR_IO, ERR_CRYPTO. Limits: `objects_max`
 * payments, charges, orders, refunds and the like of one gateway (past it the gateway says so and
 * makes no more), 1,000,000 events kept to be listed, 1,000,000 callbacks waiting. */
#ifndef HOLDFAST_SANDBOX_H
#define HOLDFAST_SANDBOX_H

#include "base/compiler.h"
#include "base/err.h"
#include "net/http_client.h"

struct sandbox;
struct sb_paypal_identity;

enum sandbox_port {
    SANDBOX_STRIPE = 0,
    SANDBOX_PAYPAL = 1,
    SANDBOX_CONTROL = 2,
    SANDBOX_PORTS = 3
};

/* What a sandbox knows unless it is told otherwise. They open nothing but a sandbox. */
#define SANDBOX_STRIPE_KEY "sk_test_holdfast_sandbox"
#define SANDBOX_STRIPE_WEBHOOK_SECRET "whsec_holdfast_sandbox"
#define SANDBOX_PAYPAL_CLIENT_ID "holdfast-sandbox-client"
#define SANDBOX_PAYPAL_CLIENT_SECRET "holdfast-sandbox-secret"
#define SANDBOX_PAYPAL_WEBHOOK_ID "8PT597110X687430L"

/* Everything is borrowed for the time of sandbox_start() only. */
struct sandbox_options {
    const char *addresses[SANDBOX_PORTS]; /* port 0: any free one */
    uint64_t seed;                        /* 0: one is drawn */
    const char *callback_urls[2];   /* by gateway; NULL: no callbacks but to registered ones */
    const char *callback_events[2]; /* "payment_intent.succeeded,charge.refunded"; NULL: all */
    const char *stripe_key, *stripe_webhook_secret;
    const char *paypal_client_id, *paypal_client_secret, *paypal_webhook_id;
    int paypal_token_s;             /* life of an access token */
    bool paypal_duplicate_invoices; /* true: the account lets an invoice be paid twice */
    int64_t latency_ms[2];          /* median of every answer's own delay; 0: none */
    int64_t callback_delay_ms;      /* from the event to the first try */
    int64_t callback_retry_ms;      /* the first pause after a refusal; it doubles each time */
    int callback_tries;
    int callback_workers; /* deliveries under way at once */
    int64_t settle_ms;    /* until a pending refund is decided */
    int64_t objects_max;
    const char *const *faults; /* specs ("stripe:down", see fault.h), NULL-terminated */
    /* For the simulator: no sockets. Requests come through sandbox_handle(), callbacks go through
     * `client` (taken over), and the gateways' answers name these URLs as their own. */
    bool no_listeners;
    struct http_client *client;
    const char *base_urls[2];
    struct sb_paypal_identity *identity; /* lent, so that not each run makes an RSA key; or NULL */
};

/* The defaults: 127.0.0.1, ports 9101, 9102 and 9100, no callbacks, no faults. */
void sandbox_options_init(struct sandbox_options *options);
MUST_USE int sandbox_start(const struct sandbox_options *options, struct sandbox **ret_sandbox,
                           struct err *err);
void sandbox_stop(struct sandbox *sandbox); /* NULL is fine */

int sandbox_port(const struct sandbox *sandbox, enum sandbox_port port);
uint64_t sandbox_seed(const struct sandbox *sandbox);
/* The CA, as PEM, to which the certificate chains that signs PayPal's callbacks. Borrowed. */
const char *sandbox_paypal_ca(const struct sandbox *sandbox);
/* Adds one fault ("paypal:decline:probability=0.1,code=INSTRUMENT_DECLINED"). */
MUST_USE int sandbox_fault(struct sandbox *sandbox, const char *spec, struct err *err);
/* One request to one of the ports, without the port. */
void sandbox_handle(struct sandbox *sandbox, enum sandbox_port port,
                    const struct http_request *request, struct http_reply *reply);
/* Whether a fault would have that gateway's port refuse connections now. */
bool sandbox_refuses(struct sandbox *sandbox, int gateway);
/* No faults any more, of either gateway. */
void sandbox_heal(struct sandbox *sandbox);

/* `holdfast sandbox`: reads options, starts, says one line a port through `say`, and returns the
 * exit status once SIGINT or SIGTERM has come. */
typedef void sandbox_say(const char *line);
int sandbox_run(int argc, char **argv, sandbox_say *say);

#endif
