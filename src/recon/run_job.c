/* SPDX-License-Identifier: Apache-2.0
 * run_job.c: runs and the daily look at risks, as jobs.
 *
 * A run's job has the gateway as its key, and behind an '@' the moment (µs) up to which our
 * movements are looked at, where somebody has named one. Of one gateway one run is under way at a
 * time: a job that finds another instance's waits for its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "match/match_set.h"
#include "recon/break_risk.h"
#include "recon/calendars.h"
#include "recon/chain.h"
#include "recon/flood.h"
#include "recon/recon_impl.h"
#include "recon/repair/repair_impl.h"
#include "recon/run.h"

#define WAIT_US (5 * US_PER_SECOND)
/* As long as run.c lets one that is dead stand in the way. */
#define ABANDONED_US (60 * 60 * US_PER_SECOND)
#define DAY_US (INT64_C(86400) * US_PER_SECOND)
#define DAILY "daily"
static const char actor[] = "system";

struct state {
    const char *gateway;
    int64_t now_us, done_until_us;
    bool under_way;
};

static int state_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct state *state = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COALESCE(MAX(CASE WHEN state = 2 THEN until_us ELSE 0 END), 0), "
                      "COALESCE(MAX(CASE WHEN state = 1 AND begun_us >= $2 THEN 1 ELSE 0 END), 0) "
                      "FROM reconciliation WHERE gateway = $1",
                      S_TEXT(state->gateway), S_INT(state->now_us - ABANDONED_US));
    r = r < 0 ? r : sql_next(rows, err);
    state->done_until_us = r > 0 ? sql_int(rows, 0) : 0;
    state->under_way = r > 0 && sql_int(rows, 1) != 0;
    return r < 0 ? r : 0;
}

/* That of the account at which it should arrive, where that has one. */
static const struct workdays *payout_calendar(const struct recon *recon,
                                              const struct source *source) {
    const struct source *bank = source->pays_out_to != NULL
                                    ? recon_source(recon, source->pays_out_to)
                                    : NULL;
    const struct workdays *there = bank != NULL ? settle_window(bank->settle, 0).calendar : NULL;
    return there != NULL ? there : settle_window(source->settle, 0).calendar;
}

static int run_now(struct recon *recon, const struct source *source, int64_t until_us,
                   const char *who, struct err *err) {
    struct reconciliation_id id;
    const struct match_set *set = match_sets_of(recon->options.match_sets, source->gateway->name);
    struct match_options options = {.fee_tolerances = source->fee_tolerances,
                                    .fee_tolerance_count = source->fee_tolerance_count};
    options.rules = set != NULL ? set->rules : match_rules_usual(&options.rule_count);
    options.rule_count = set != NULL ? set->count : options.rule_count;
    const struct run_request request = {
        .gateway = source->gateway->name,
        .actor = who,
        .until_us = until_us,
        .business_days = source->business_days,
        .settle = source->settle,
        .time_zone = source->time_zone,
        .options = &options,
        .risk = recon->options.risk,
        .bank = source->is_bank,
        .pays_out_to = source->pays_out_to,
        .payout_days = source->pays_out_days,
        .payout_calendar = payout_calendar(recon, source),
        .payouts = &source->payouts,
        .fees = source->fees,
    };
    struct run_figures *figures = malloc(sizeof *figures);
    if (figures == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for a reconciliation");
    }
    int r = reconcile_run(recon->options.store, &request, &id, figures, err);
    free(figures);
    return r;
}

int recon_run_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct recon *recon = ctx;
    char gateway[JOB_KEY_CHARS_MAX + 1];
    size_t chars = strcspn(job->key, "@");
    snprintf(gateway, sizeof gateway, "%.*s", (int)chars, job->key);
    int64_t now_us = clock_wall_us();
    int64_t until_us = job->key[chars] == '@' ? strtoll(job->key + chars + 1, NULL, 10) : now_us;
    const struct source *source = recon_source(recon, gateway);
    if (source == NULL) {
        return 0; /* a gateway that is no longer configured */
    }
    struct state state = {.gateway = gateway, .now_us = now_us};
    int r = store_read(recon->options.store, state_tx, &state, err);
    if (r < 0) {
        return r;
    }
    if (state.under_way) {
        *ret_again_us = now_us + WAIT_US;
        return 0;
    }
    if (until_us < state.done_until_us) {
        return 0; /* a later run has looked at all of it */
    }
    calendars_warn(recon, gateway, now_us);
    r = run_now(recon, source, until_us, job->payload, err);
    r = r < 0 ? r : recon_disagreements(recon, gateway, err);
    r = r < 0 ? r : recon_floods(recon, gateway, err);
    r = r < 0 ? r : recon_chains(recon, gateway, err);
    return r < 0 ? r : repair_after_run(recon, gateway, err);
}

int recon_ask_run_until(struct store_tx *tx, const char *gateway, int64_t until_us, const char *who,
                        struct err *err) {
    char key[JOB_KEY_CHARS_MAX + 1];
    int64_t now_us = clock_wall_us();
    snprintf(key, sizeof key, until_us > 0 ? "%s@%lld" : "%s", gateway, (long long)until_us);
    int r = job_add(tx, JOB_RECONCILE, key, now_us, who, err);
    return r == 0 ? job_hasten(tx, JOB_RECONCILE, key, now_us, err) : r;
}

int recon_ask_run(struct store_tx *tx, const char *gateway, const char *who, struct err *err) {
    return recon_ask_run_until(tx, gateway, 0, who, err);
}

/* ---- risks ---- */

/* A gateway that is no longer configured has breaks that grow old as well. */
static int renew(struct recon *recon, const struct source *source, const char *gateway,
                 struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    int r = time_zone_open(source != NULL ? source->time_zone : "UTC", &zone, err);
    return r < 0 ? r
                 : break_risks_renew(recon->options.store, gateway, recon->options.risk, zone,
                                     actor, clock_wall_us(), err);
}

struct gateways {
    char names[GATEWAYS_MAX][JOB_KEY_CHARS_MAX + 1];
    int count;
};

static int gateways_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct gateways *gateways = ctx;
    SQL_ROWS_AUTO rows = NULL;
    gateways->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT DISTINCT gateway FROM recon_break WHERE state IN (1, 2) ORDER BY "
                      "gateway LIMIT $1",
                      S_INT(GATEWAYS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && gateways->count < GATEWAYS_MAX) {
        snprintf(gateways->names[gateways->count++], JOB_KEY_CHARS_MAX + 1, "%s",
                 sql_text(rows, 0));
    }
    return r < 0 ? r : 0;
}

int recon_risk_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct recon *recon = ctx;
    struct gateways gateways;
    (void)job;
    int r = store_read(recon->options.store, gateways_tx, &gateways, err);
    for (int i = 0; r >= 0 && i < gateways.count; i++) {
        r = renew(recon, recon_source(recon, gateways.names[i]), gateways.names[i], err);
    }
    *ret_again_us = r < 0 ? 0 : clock_wall_us() + DAY_US;
    return r;
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    int r = job_add(tx, JOB_BREAK_RISKS, DAILY, clock_wall_us() + DAY_US, "", err);
    return r < 0 ? r : 0;
}

int recon_risks_begin(struct recon *recon, struct err *err) {
    return store_write(recon->options.store, begin_tx, recon, err);
}
