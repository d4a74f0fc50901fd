/* SPDX-License-Identifier: Apache-2.0
 * service_impl.h: the one struct that holds the running service; what this folder's files share. */
#ifndef HOLDFAST_API_SERVICE_IMPL_H
#define HOLDFAST_API_SERVICE_IMPL_H

#include <stdatomic.h>

#include "api/auth.h"
#include "api/mcp.h"
#include "api/service.h"
#include "base/seal.h"
#include "billing/billing.h"
#include "comms/message.h"
#include "comms/status.h"
#include "desk/desk.h"
#include "desk/kb.h"
#include "gateway/control.h"
#include "gateway/keyring.h"
#include "gateway/registry.h"
#include "gateway/router.h"
#include "incident/brief_sources.h"
#include "incident/containment.h"
#include "incident/gate.h"
#include "incident/incident.h"
#include "incident/playbook.h"
#include "match/match_set.h"
#include "mode/mode.h"
#include "net/http_server.h"
#include "net/smtp_client.h"
#include "payment/payments.h"
#include "recon/break_risk.h"
#include "recon/recon.h"
#include "recon/repair/rules.h"
#include "store/store.h"
#include "watch/alert.h"
#include "watch/figures.h"
#include "watch/observation.h"

/* What the configuration says of breaks, as the floor below takes it. */
struct recon_policy {
    struct write_off_limit limits[WRITE_OFF_LIMITS_MAX];
    int limit_count;
    struct break_risk_amount amounts[RISK_AMOUNTS_MAX];
    struct break_risk_policy risk;
    int64_t hold_rows, hold_percent; /* as in struct recon_options */
};

/* What each role refunds alone. */
enum { REFUND_ROLES = ROLE_ADMIN + 1, REFUND_LIMITS_MAX = 16 };
struct refund_policy {
    struct refund_limit rows[REFUND_ROLES][REFUND_LIMITS_MAX];
    struct refund_limits limits[REFUND_ROLES];
};

struct lookout_task;
struct service {
    const struct service_config *config;
    struct store *store;
    struct seal *seal;
    atomic_bool master_key_said; /* other instances know that this one has master_key_next */
    struct http_client *client;
    struct gateway_registry *registry;
    struct keystore_place keystore;                /* path NULL: there is none */
    char keystore_key[SERVICE_KEYSTORE_KEY_BYTES]; /* what keystore.master may point to */
    struct keyring_settings keys;
    struct credentials *credentials;
    struct gateway_control *control;
    struct router *router;
    struct risk *risk;
    struct mode *mode;
    struct payments *payments;
    struct billing *billing;
    struct desk *desk;
    struct kb *kb;
    struct refund_policy refund_policy;
    struct recon *recon;
    struct figures_watch figures; /* its rollup NULL until it is opened */
    struct recon_policy recon_policy;
    struct service_probes *probes; /* owned; what `probes` of the configuration says */
    struct match_sets match_sets; /* owned */
    struct repair_rules *repair_rules; /* NULL: there are none */
    struct observer *observer;
    struct smtp_client *smtp; /* the hook's from the beginning on */
    struct channels *channels;
    struct deliveries *deliveries;
    struct tuning *tuning;
    struct backtests *backtests;
    struct alerts *alerts;
    struct templates *templates;
    struct lint *lint;
    struct messages *messages;
    struct status *status;
    bool alerts_wait; /* nothing of the alerting is planned by itself, and nobody looks out */
    struct incidents *incidents;
    struct containments *containments;
    struct gate *gate;                  /* the gate before "resolved" */
    struct brief_sources brief_sources; /* what briefs and postmortems are made of */
    struct playbook_set *playbook_set;
    struct playbooks *playbooks;
    struct lookout_task *looks; /* NULL until it is started */
    struct mcp mcp;
    struct auth *auth;
    struct http_server *server;
    struct http_listener *public_listener, *internal_listener;
    const char **card_number_allow; /* NULL-terminated */
    int64_t started_us;             /* wall */
    atomic_bool ready, draining;
};

/* How far the test clock is ahead, in microseconds, over restarts: a key of `setting`. */
#define TEST_CLOCK_ROW "test_clock.ahead_us"

/* service_later.c: what the configuration says of orders that are paid later, into the options;
 * lists stay borrowed from it. ERR_CONFIG. */
MUST_USE int later_options(const struct service_config *config,
                           struct payments_options *ret_options, struct err *err);

/* service_recon.c: `reconciliation` of the configuration, checked. ERR_CONFIG. */
MUST_USE int recon_policy_read(const struct service_config *config, struct recon_policy *ret_policy,
                               struct err *err);
/* Its rules, which match_sets_release() lets go, also after an error. */
MUST_USE int recon_rules_read(const struct service_config *config,
                              const struct gateway_registry *registry, struct match_sets *ret_sets,
                              struct err *err);

/* service_alerts.c: channels with their secrets and the rules of alerting, checked before the store
 * is opened; then what sends and decides; all closed with alerts_shut(). ERR_CONFIG, those of
 * keystore_open(). */
MUST_USE int channels_prepare(struct service *service, struct err *err);
MUST_USE int tuning_prepare(struct service *service, struct err *err);
MUST_USE int alerts_prepare(struct service *service, struct err *err);
MUST_USE int alerts_begin(struct service *service, struct err *err);
void alerts_shut(struct service *service);

/* service_incidents.c: `incidents` of the configuration: checked before the store is opened; then
 * opened, begun when everything else runs, closed. ERR_CONFIG. */
MUST_USE int incidents_prepare(struct service *service, struct err *err);
MUST_USE int incidents_ready(struct service *service, struct err *err);
MUST_USE int incidents_begin(struct service *service, struct err *err);
void incidents_shut(struct service *service);
/* service_messages.c: texts and linter; then, when the channels are there, what sends. All closed
 * with messages_shut(). ERR_CONFIG. */
MUST_USE int messages_prepare(struct service *service, struct err *err);
MUST_USE int messages_begin(struct service *service, struct err *err);
void messages_shut(struct service *service);

/* service_status.c: `status` of the configuration; after messages_begin(). Closed with
 * status_close(). ERR_CONFIG. */
MUST_USE int status_begin(struct service *service, struct err *err);

/* service_desk.c: `desk: limits:` of the configuration, checked; a role's, NULL: it has none.
 * ERR_CONFIG. */
MUST_USE int refund_policy_read(const struct desk_config *config, struct refund_policy *ret_policy,
                                struct err *err);
const struct refund_limits *refund_policy_of(const struct refund_policy *policy, enum role role);

/* service_probes.c: `probes` of the configuration, checked, into the payment machine's options.
 * ERR_CONFIG with the probe and what to write. */
struct service_probes;
MUST_USE int probes_prepare(struct service *service, struct err *err);
void probes_options(const struct service *service, struct payments_options *options);
void probes_shut(struct service *service);

struct alert_signal;
/* What probes see amiss: payments that failed twice, the way to a gateway, its certificate. */
int service_probes_signals(struct service *service, struct arena *arena,
                           struct alert_signal *ret_signals, int max);
struct doctor;
void service_probes_doctor(struct service *service, struct doctor *doctor);
/* Gauges, before they are read. */
void service_probes_meter(struct service *service);
/* service_expiry.c: a lookout_more_fn of the service. */
int service_expiring(void *ctx, struct arena *arena, struct alert_signal *ret_signals, int max);
/* service_lookout.c: looks out from its start until its end, which may be told twice. */
MUST_USE int service_lookout_start(struct service *service, struct err *err);
void service_lookout_stop(struct service *service);

/* The handler of both listeners; ctx is the `struct front` of its listener. */
struct front {
    struct service *service;
    bool internal;
};
void front_handle(void *ctx, const struct http_request *request, struct http_reply *reply);

#endif
