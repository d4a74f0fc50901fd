/* SPDX-License-Identifier: Apache-2.0
 * sandbox.h: simulated gateways (gateways.def) on a port each, and a port to control them, in one
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

enum sandbox_port {
#define X(NAME, name, title, port) SANDBOX_##NAME,
#include "sandbox/gateways.def"
#undef X
    SANDBOX_CONTROL,
    SANDBOX_PORTS,
    SANDBOX_GATEWAYS = SANDBOX_CONTROL
};
enum { SANDBOX_SETTINGS_MAX = 8 };

/* What a sandbox knows unless it is told otherwise. They open nothing but a sandbox. */
#define SANDBOX_STRIPE_KEY "sk_test_holdfast_sandbox"
#define SANDBOX_STRIPE_WEBHOOK_SECRET "whsec_holdfast_sandbox"
#define SANDBOX_PAYPAL_CLIENT_ID "holdfast-sandbox-client"
#define SANDBOX_PAYPAL_CLIENT_SECRET "holdfast-sandbox-secret"
#define SANDBOX_PAYPAL_WEBHOOK_ID "8PT597110X687430L"
#define SANDBOX_WECHAT_MCHID "1900000001"
#define SANDBOX_WECHAT_APPID "wxd678efh567hg6787"
#define SANDBOX_WECHAT_API_V3_KEY "holdfast-sandbox-api-v3-key-0001"
#define SANDBOX_WECHAT_PUBLIC_KEY_ID "PUB_KEY_ID_0119000000012026010100000001"
#define SANDBOX_ALIPAY_APP_ID "2021000100000001"
#define SANDBOX_ALIPAY_SELLER_ID "2088000000000001"
#define SANDBOX_UNIONPAY_MERCHANT_ID "777290058110048"
#define SANDBOX_REPORT_USER "report@Company.HoldfastSandbox"
#define SANDBOX_REPORT_PASSWORD "holdfast-sandbox-report"
#define SANDBOX_UNIONPAY_SECURE_KEY "holdfast-sandbox-secure-key"

/* Everything is borrowed for the time of sandbox_start() only. */
struct sandbox_options {
    const char *addresses[SANDBOX_PORTS]; /* port 0: any free one; NULL: not opened */
    uint64_t seed;                        /* 0: one is drawn */
    /* By gateway; NULL: no callbacks but to webhooks that are registered and to the URLs that
     * requests name. */
    const char *callback_urls[SANDBOX_GATEWAYS];
    /* "payment_intent.succeeded,charge.refunded"; NULL: all. */
    const char *callback_events[SANDBOX_GATEWAYS];
    /* What names the account and its keys; sandbox_options_set(). NULL: as usual. */
    const char *settings[SANDBOX_GATEWAYS][SANDBOX_SETTINGS_MAX];
    int paypal_token_s;                   /* life of an access token */
    bool paypal_duplicate_invoices;       /* true: the account lets an invoice be paid twice */
    int64_t latency_ms[SANDBOX_GATEWAYS]; /* median of every answer's own delay; 0: none */
    int64_t callback_delay_ms;            /* from the event to the first try */
    int64_t callback_retry_ms; /* the first pause after a refusal; it doubles each time */
    int callback_tries;
    int callback_workers; /* deliveries under way at once */
    int64_t settle_ms;    /* until a pending refund is decided */
    int64_t objects_max;
    /* A folder that PayPal's and the bank's files are put into: POST /statement/publish, and each
     * minute in `holdfast sandbox`. NULL: none. */
    const char *statement_dir;
    const char *const *faults; /* specs ("stripe:down", see fault.h), NULL-terminated */
    /* For the simulator: no sockets. Requests come through sandbox_handle(), callbacks go through
     * `client` (taken over), and the gateways' answers name these URLs as their own. */
    bool no_listeners;
    struct http_client *client;
    const char *base_urls[SANDBOX_GATEWAYS];
    /* Lent, so that not each run makes RSA keys; or NULL. sandbox_identity_new(). */
    void *identities[SANDBOX_GATEWAYS];
};

/* The defaults: 127.0.0.1, the ports of gateways.def and 9100 for control, no callbacks, no faults.
 */
void sandbox_options_init(struct sandbox_options *options);
/* A setting of a gateway, "paypal-client-id" (a row's `settings`). The value is borrowed until the
 * start. ERR_CONFIG: there is none of that name. */
MUST_USE int sandbox_options_set(struct sandbox_options *options, const char *name,
                                 const char *value, struct err *err);
MUST_USE int sandbox_start(const struct sandbox_options *options, struct sandbox **ret_sandbox,
                           struct err *err);
void sandbox_stop(struct sandbox *sandbox); /* NULL is fine */

int sandbox_port(const struct sandbox *sandbox, enum sandbox_port port);
uint64_t sandbox_seed(const struct sandbox *sandbox);
/* A document of a gateway, as PEM: "ca.pem" of PayPal is the CA to which the certificate chains
 * that signs its callbacks. Borrowed; NULL: it has none of that name. */
const char *sandbox_paper(struct sandbox *sandbox, enum sandbox_port gateway, const char *name);
/* Keys and certificates of a gateway for several sandboxes, valid from `now_us` (wall) on. */
MUST_USE int sandbox_identity_new(enum sandbox_port gateway, int64_t now_us, void **ret_identity,
                                  struct err *err);
void sandbox_identity_free(enum sandbox_port gateway, void *identity); /* NULL is fine */
const char *sandbox_identity_paper(enum sandbox_port gateway, const void *identity,
                                   const char *name);
/* Adds one fault ("paypal:decline:probability=0.1,code=INSTRUMENT_DECLINED"). */
MUST_USE int sandbox_fault(struct sandbox *sandbox, const char *spec, struct err *err);
/* One request to one of the ports, without the port. */
void sandbox_handle(struct sandbox *sandbox, enum sandbox_port port,
                    const struct http_request *request, struct http_reply *reply);
/* Whether a fault would have that gateway's port refuse connections now. */
bool sandbox_refuses(struct sandbox *sandbox, int gateway);
/* No faults any more, of any gateway. */
void sandbox_heal(struct sandbox *sandbox);

/* `holdfast sandbox`: reads options, starts, says one line a port through `say`, and returns the
 * exit status once SIGINT or SIGTERM has come. */
typedef void sandbox_say(const char *line);
int sandbox_run(int argc, char **argv, sandbox_say *say);

#endif
