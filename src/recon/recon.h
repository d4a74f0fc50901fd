/* SPDX-License-Identifier: Apache-2.0
 * recon.h: reconciliation as a running service has it: what it was given, and the jobs by which it
 * works by itself.
 *
 *   job            key       does
 *   reconcile      gateway   one run of it (recon/run.h), with the gateway's time zone and business
 *                            days (recon/sources.h); asked for once a day, and after each statement
 *   statement_day, statement_fetch        what is fetched (recon/fetch.h)
 *   statement_upload, statement_sweep     what is given by hand (recon/upload.h)
 * Jobs are run by the payments' runner, so that a crash loses none and of two instances one works.
 * Threads: any. Owns: nothing that it was given. Errors: those of errors.def. */
#ifndef HOLDFAST_RECON_RECON_H
#define HOLDFAST_RECON_RECON_H

#include "desk/desk.h"
#include "gateway/registry.h"
#include "net/http_client.h"
#include "payment/payments.h"
#include "recon/sources.h"

struct recon;

/* So much of a difference one person writes off alone; above it another one has to agree. */
struct write_off_limit {
    struct currency currency;
    int64_t alone_minor;
};
enum { WRITE_OFF_LIMITS_MAX = 64 };
struct break_risk_policy;
struct repair_rules;
struct match_sets;

struct recon_options { /* all borrowed for its life */
    struct store *store;
    struct payments *payments;
    struct gateway_registry *registry;
    struct http_client *client;
    struct desk *desk;
    const struct seal *seal;               /* the master key: parts of uploads are kept under it */
    const struct source_settings *sources; /* what is configured; its texts */
    int source_count;
    const struct write_off_limit *write_off_limits; /* other currencies: 0 */
    int write_off_limit_count;
    const struct break_risk_policy *risk; /* NULL: break_risks.def alone */
    const struct repair_rules *rules;     /* recon/repair/rules.h; NULL: there are none */
    const struct match_sets *match_sets;  /* match/match_set.h; NULL: the usual rules */
    /* When a statement of which so much is unknown is held (recon/flood.h); 0: as usual. */
    int64_t hold_rows, hold_percent;
    bool no_days; /* nothing is planned by itself: no daily fetch, no daily run */
};

/* Between payments_open() and payments_start(). */
MUST_USE int recon_open(const struct recon_options *options, struct recon **ret_recon,
                        struct err *err);
void recon_close(struct recon *recon); /* after payments_stop(); NULL is fine */

/* A run of this gateway as soon as may be, also when one is under way: it begins after the caller's
 * commit. `actor`: who wants it, for the record. */
MUST_USE int recon_ask_run(struct store_tx *tx, const char *gateway, const char *actor,
                           struct err *err);

#endif
