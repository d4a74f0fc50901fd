/* SPDX-License-Identifier: Apache-2.0
 * recon.c: opens the floor: its jobs, run by the payments' runner. */
#include "recon/recon.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recon/calendars.h"
#include "recon/fetch.h"
#include "recon/flood.h"
#include "recon/recon_impl.h"
#include "recon/repair/repair_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)

static const int64_t backoff_us[] = {
    10 * US_PER_SECOND,
    US_PER_MINUTE,
    10 * US_PER_MINUTE,
};
/* A run reads all that is open, and writes it piece by piece. */
#define RUN_LEASE_US (60 * US_PER_MINUTE)

static const int64_t soon_us[] = {
    5 * US_PER_SECOND,
    15 * US_PER_SECOND,
    US_PER_MINUTE,
};
/* Gateways publish when they are ready, some hours late at times; then it is worth less and less to
 * ask often. With FETCH_ATTEMPTS_MAX attempts it is about four days. */
static const int64_t fetch_us[] = {
    10 * US_PER_MINUTE, 20 * US_PER_MINUTE, 30 * US_PER_MINUTE,  30 * US_PER_MINUTE,
    30 * US_PER_MINUTE, 30 * US_PER_MINUTE, 30 * US_PER_MINUTE,  60 * US_PER_MINUTE,
    60 * US_PER_MINUTE, 60 * US_PER_MINUTE, 100 * US_PER_MINUTE,
};
/* A file of the largest size, with its rows in small transactions. */
#define FILE_LEASE_US (60 * US_PER_MINUTE)
#define SHORT_LEASE_US (10 * US_PER_MINUTE)

const struct source *recon_source(const struct recon *recon, const char *gateway) {
    for (int i = 0; i < recon->source_count; i++) {
        if (strcmp(recon->sources[i].gateway->name, gateway) == 0) {
            return &recon->sources[i];
        }
    }
    return NULL;
}

/* Their ctx is the floor: filled in when it is opened. */
static const struct job_kind kinds[] = {
    {
        .name = JOB_RECONCILE,
        .run = recon_run_job,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = RUN_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_BREAK_RISKS,
        .run = recon_risk_job,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .lease_us = RUN_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_STATEMENT_DAY,
        .run = recon_day_job,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .lease_us = SHORT_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_STATEMENT_FETCH,
        .run = recon_fetch_job,
        .parked = recon_fetch_parked,
        .backoff_us = fetch_us,
        .backoff_count = COUNT_OF(fetch_us),
        .attempts_max = FETCH_ATTEMPTS_MAX,
        .lease_us = FILE_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_STATEMENT_UPLOAD,
        .run = recon_upload_job,
        .backoff_us = soon_us,
        .backoff_count = COUNT_OF(soon_us),
        .lease_us = FILE_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_STATEMENT_SWEEP,
        .run = recon_sweep_job,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .lease_us = SHORT_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_WINDOW,
        .run = window_job,
        .backoff_us = soon_us,
        .backoff_count = COUNT_OF(soon_us),
        .lease_us = SHORT_LEASE_US,
        .concurrency = 2,
    },
    {
        .name = JOB_REPAIR_PLAN,
        .run = repair_plan_job,
        .backoff_us = soon_us,
        .backoff_count = COUNT_OF(soon_us),
        .lease_us = FILE_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_CASE,
        .run = repair_case_job,
        .backoff_us = soon_us,
        .backoff_count = COUNT_OF(soon_us),
        .lease_us = SHORT_LEASE_US,
        .concurrency = 1,
    },
    {
        .name = JOB_REPAIR,
        .run = repair_job,
        .backoff_us = soon_us,
        .backoff_count = COUNT_OF(soon_us),
        .lease_us = SHORT_LEASE_US,
        .concurrency = 2,
    },
};

static void add_jobs(struct recon *recon) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct job_kind kind = kinds[i];
        kind.ctx = recon;
        payments_also_run(recon->options.payments, &kind, 1);
    }
}

int64_t recon_alone_minor(const struct recon *recon, struct currency currency) {
    for (int i = 0; i < recon->options.write_off_limit_count; i++) {
        if (currency_equal(recon->options.write_off_limits[i].currency, currency)) {
            return recon->options.write_off_limits[i].alone_minor;
        }
    }
    return 0;
}

/* What is done each day by itself. */
static int begin_days(struct recon *recon, struct err *err) {
    int r = recon_days_begin(recon, err);
    return r < 0 ? r : recon_risks_begin(recon, err);
}

int recon_open(const struct recon_options *options, struct recon **ret_recon, struct err *err) {
    struct recon *recon = calloc(1, sizeof *recon);
    if (recon == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for reconciliation");
    }
    recon->options = *options;
    int r = sources_open(options->registry, options->sources, options->source_count, recon->sources,
                         &recon->source_count, err);
    if (r >= 0) {
        add_jobs(recon);
        recon_floods_begin(recon);
        r = options->no_days ? 0 : begin_days(recon, err);
    }
    if (r < 0) {
        recon_close(recon);
        return r;
    }
    calendars_warn(recon, NULL, clock_wall_us());
    *ret_recon = recon;
    return 0;
}

void recon_close(struct recon *recon) {
    if (recon != NULL) {
        sources_close(recon->sources, recon->source_count);
    }
    free(recon);
}
