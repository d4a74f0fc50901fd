/* SPDX-License-Identifier: Apache-2.0
 * recon_impl.h: what the files of this folder share that work in a running service. */
#ifndef HOLDFAST_RECON_RECON_IMPL_H
#define HOLDFAST_RECON_RECON_IMPL_H

#include "recon/recon.h"
#include "store/job.h"

#define JOB_RECONCILE "reconcile"
#define JOB_BREAK_RISKS "break_risks"
#define JOB_STATEMENT_DAY "statement_day"
#define JOB_STATEMENT_FETCH "statement_fetch"
#define JOB_STATEMENT_UPLOAD "statement_upload"
#define JOB_STATEMENT_SWEEP "statement_sweep"

struct recon {
    struct recon_options options;
    struct source sources[GATEWAYS_MAX]; /* one a gateway */
    int source_count;
};

/* disagree.c: after a run of this gateway. */
MUST_USE int recon_disagreements(struct recon *recon, const char *gateway, struct err *err);
struct break_row;
/* In the transaction that has closed this break or opened it again: so are its case and the mark of
 * its payment. May write a line of its history. */
MUST_USE int recon_disagreement_follows(struct recon *recon, struct store_tx *tx,
                                        struct break_row *row, struct err *err);

/* window.c */
#define JOB_WINDOW "window"
MUST_USE int window_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

/* So much one person writes off, or takes back of what a rule has done, without another one. */
int64_t recon_alone_minor(const struct recon *recon, struct currency currency);

/* NULL: there is no gateway of that name. */
const struct source *recon_source(const struct recon *recon, const char *gateway);

/* run_job.c: runs, and the daily look at the risks of what stays open. */
MUST_USE int recon_run_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                           struct err *err);
MUST_USE int recon_risk_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                            struct err *err);
MUST_USE int recon_risks_begin(struct recon *recon, struct err *err);
/* As recon_ask_run(), of our movements before that moment only; 0: all. */
MUST_USE int recon_ask_run_until(struct store_tx *tx, const char *gateway, int64_t until_us,
                                 const char *who, struct err *err);

/* fetch_job.c, upload_job.c: the jobs' handlers. */
MUST_USE int recon_day_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                           struct err *err);
MUST_USE int recon_fetch_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                             struct err *err);
MUST_USE int recon_fetch_parked(struct store_tx *tx, void *ctx, const struct job *job,
                                const struct err *why, struct err *err);
MUST_USE int recon_upload_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                              struct err *err);
MUST_USE int recon_sweep_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                             struct err *err);
/* The daily plan of each gateway is due at its next hour, unless it is waiting already. */
MUST_USE int recon_days_begin(struct recon *recon, struct err *err);

#endif
