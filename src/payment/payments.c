/* SPDX-License-Identifier: Apache-2.0
 * payments.c: opens the payment machine, starts what runs by itself, and ends it. */
#include "payment/payments.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "payment/bank_impl.h"
#include "payment/disputes.h"
#include "payment/probes_impl.h"
#include "payment/retention.h"

#define SWEEP_US (1 * US_PER_SECOND)
#define ACTION_US (30 * 60 * US_PER_SECOND) /* a customer who is asked has so long */
#define WAITS_LONG_US (30 * 60 * US_PER_SECOND)
#define SECOND_LOOK_US (30 * 60 * US_PER_SECOND)
/* A run that takes longer may be run again beside itself: every handler bears that. */
#define JOB_LEASE_US (30 * US_PER_SECOND)
#define CALLBACK_SWEEP_US (5 * US_PER_SECOND)
#define PRUNE_US (60 * US_PER_SECOND)
#define REQUEST_BUDGET_US (20 * US_PER_SECOND)
#define HOLD_US (24 * 3600 * US_PER_SECOND)
#define REMIND_LAST_US (2 * 3600 * US_PER_SECOND)
#define FORWARD_AGE_US (4 * 3600 * US_PER_SECOND)
enum { FAILOVER_MAX = 3, JOB_KINDS = 12, SWEEPER_STACK_BYTES = 512 * 1024 };

static const int64_t callback_backoff_us[] = {
    1 * US_PER_SECOND,  5 * US_PER_SECOND,   15 * US_PER_SECOND,
    60 * US_PER_SECOND, 300 * US_PER_SECOND, 1800 * US_PER_SECOND,
};
/* Standard Webhooks' recommended schedule, then parked. */
static const int64_t webhook_backoff_us[] = {
    5 * US_PER_SECOND,     300 * US_PER_SECOND,   1800 * US_PER_SECOND,
    7200 * US_PER_SECOND,  18000 * US_PER_SECOND, 36000 * US_PER_SECOND,
    50400 * US_PER_SECOND, 72000 * US_PER_SECOND, 86400 * US_PER_SECOND,
};
static const int64_t resolve_backoff_us[] = {5 * US_PER_SECOND, 15 * US_PER_SECOND,
                                             60 * US_PER_SECOND};
static const int64_t confirm_backoff_us[] = {
    60 * US_PER_SECOND,
    300 * US_PER_SECOND,
    900 * US_PER_SECOND,
    3600 * US_PER_SECOND,
};

struct machine {
    struct payments payments;
    struct job_kind kinds[JOB_KINDS + PAYMENTS_MORE_KINDS_MAX];
    int kind_count;
};

bool payment_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < PAYMENT_STATE_COUNT; i++) {
        if (strcmp(name, payment_state_name(i)) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

static void fill_kinds(struct machine *machine) {
    void *ctx = &machine->payments;
    machine->kinds[0] = (struct job_kind){
        .name = JOB_RESOLVE,
        .run = resolve_job,
        .ctx = ctx,
        .backoff_us = resolve_backoff_us,
        .backoff_count = COUNT_OF(resolve_backoff_us),
        .attempts_max = 0,
        .lease_us = JOB_LEASE_US,
        .concurrency = 32,
    };
    machine->kinds[1] = (struct job_kind){
        .name = JOB_RESOLVE_OPERATION,
        .run = resolve_operation_job,
        .ctx = ctx,
        .backoff_us = resolve_backoff_us,
        .backoff_count = COUNT_OF(resolve_backoff_us),
        .attempts_max = 0,
        .lease_us = JOB_LEASE_US,
        .concurrency = 16,
    };
    machine->kinds[2] = (struct job_kind){
        .name = JOB_CALLBACK,
        .run = callback_job,
        .parked = callback_parked,
        .ctx = ctx,
        .backoff_us = callback_backoff_us,
        .backoff_count = COUNT_OF(callback_backoff_us),
        .attempts_max = 12,
        .lease_us = JOB_LEASE_US,
        .concurrency = 32,
    };
    machine->kinds[3] = (struct job_kind){
        .name = JOB_WEBHOOK,
        .run = webhook_job,
        .parked = webhook_parked,
        .ctx = ctx,
        .backoff_us = webhook_backoff_us,
        .backoff_count = COUNT_OF(webhook_backoff_us),
        .attempts_max = COUNT_OF(webhook_backoff_us) + 1,
        .lease_us = JOB_LEASE_US,
        .concurrency = 32,
    };
    machine->kinds[4] = (struct job_kind){
        .name = JOB_CONFIRM,
        .run = confirm_job,
        .ctx = ctx,
        .backoff_us = confirm_backoff_us,
        .backoff_count = COUNT_OF(confirm_backoff_us),
        .attempts_max = 0,
        .lease_us = JOB_LEASE_US,
        .concurrency = 4,
    };
    machine->kinds[5] = machine->kinds[4];
    machine->kinds[5].name = JOB_CONFIRM_OPERATION;
    machine->kinds[5].run = confirm_operation_job;
    machine->kinds[6] = machine->kinds[1];
    machine->kinds[6].name = JOB_LATE;
    machine->kinds[6].run = late_job;
    machine->kinds[6].concurrency = 4;
    machine->kinds[7] = machine->kinds[4];
    machine->kinds[7].name = JOB_DISPUTE;
    machine->kinds[7].run = dispute_job;
    machine->kinds[7].lease_us = 2 * JOB_LEASE_US; /* it may ask twice and answer in between */
    machine->kinds[10] = machine->kinds[4];
    machine->kinds[10].name = JOB_BANK_MATCH;
    machine->kinds[10].run = bank_match_job;
    machine->kinds[8] = machine->kinds[1];
    machine->kinds[8].name = JOB_DEFERRAL;
    machine->kinds[8].run = deferral_job;
    machine->kinds[8].concurrency = 4;
    machine->kinds[9] = machine->kinds[1];
    machine->kinds[9].name = JOB_FORWARD;
    machine->kinds[9].run = forward_job;
    machine->kinds[9].lease_us = 2 * JOB_LEASE_US; /* a whole charge, with failover */
    machine->kinds[9].concurrency = 1;
    machine->kinds[11] = machine->kinds[9]; /* a whole charge as well */
    machine->kinds[11].name = JOB_PROBE;
    machine->kinds[11].run = probe_job;
    machine->kinds[11].concurrency = 4;
}

static void later_defaults(struct payments *payments) {
    struct deferral_options *deferral = &payments->options.deferral;
    struct forward_options *forward = &payments->options.forward;
    if (deferral->hold_us <= 0) {
        deferral->hold_us = HOLD_US;
    }
    if (deferral->reminder_count == 0) {
        deferral->reminders_us[deferral->reminder_count++] = deferral->hold_us / 2;
        if (deferral->hold_us / 2 > REMIND_LAST_US) {
            deferral->reminders_us[deferral->reminder_count++] = REMIND_LAST_US;
        }
    }
    if (forward->age_us <= 0) {
        forward->age_us = FORWARD_AGE_US;
    }
}

static int tell_of_mode(void *ctx, struct store_tx *tx, const char *subject, int64_t number,
                        const char *type, const char *data_json, struct err *err) {
    return event_tell(ctx, tx, subject, number, type, data_json, err);
}

int payments_open(const struct payments_options *options, struct payments **ret_payments,
                  struct err *err) {
    INVARIANT(options->store != NULL && options->registry != NULL && options->control != NULL &&
                  options->router != NULL && options->client != NULL,
              "payments_open needs every floor below");
    struct machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the payment machine");
    }
    struct payments *payments = &machine->payments;
    payments->options = *options;
    if (payments->options.request_budget_us <= 0) {
        payments->options.request_budget_us = REQUEST_BUDGET_US;
    }
    if (payments->options.failover_max <= 0) {
        payments->options.failover_max = FAILOVER_MAX;
    }
    if (payments->options.action_us <= 0) {
        payments->options.action_us = ACTION_US;
    }
    if (payments->options.waits_long_us <= 0) {
        payments->options.waits_long_us = WAITS_LONG_US;
    }
    if (payments->options.second_look_us <= 0) {
        payments->options.second_look_us = SECOND_LOOK_US;
    }
    later_defaults(payments);
    struct request_id instance = request_id_new();
    memcpy(payments->instance, instance.text, sizeof payments->instance);
    lock_init(&payments->lock);
    lock_init(&payments->ways_lock);
    cond_init(&payments->wake);
    fill_kinds(machine);
    machine->kind_count = JOB_KINDS;
    if (options->mode != NULL) {
        mode_on_change(options->mode, tell_of_mode, payments);
    }
    *ret_payments = payments;
    return 0;
}

void payments_also_run(struct payments *payments, const struct job_kind *kinds, int count) {
    struct machine *machine = (struct machine *)payments;
    INVARIANT(payments->jobs == NULL, "kinds of jobs are added before anything runs");
    INVARIANT(machine->kind_count + count <= (int)COUNT_OF(machine->kinds),
              "there is room for the floors above");
    memcpy(&machine->kinds[machine->kind_count], kinds, (size_t)count * sizeof *kinds);
    machine->kind_count += count;
}

void payments_wake(struct payments *payments) {
    jobs_wake(payments);
}

void jobs_wake(struct payments *payments) {
    lock_take(&payments->lock);
    if (payments->jobs != NULL) {
        job_runner_wake(payments->jobs);
    }
    lock_give(&payments->lock);
}

/* One sweep; an error is logged and the next round tries again. */
static int sweep(struct payments *payments, int (*fn)(struct payments *, int64_t, struct err *),
                 const char *name) {
    struct err err = {0};
    int r = fn(payments, clock_wall_us(), &err);
    if (r < 0) {
        log_error(JOB_FAILED, &err, LT("sweep", name));
        return 0;
    }
    if (r > 0) {
        jobs_wake(payments);
    }
    return r;
}

static void sweeper(void *arg) {
    struct payments *payments = arg;
    int64_t callbacks_at = 0, prune_at = 0;
    lock_take(&payments->lock);
    while (!payments->stopping) {
        lock_give(&payments->lock);
        int64_t now = clock_mono_us();
        sweep(payments, sweep_orphans, "orphans");
        if (now >= callbacks_at) {
            sweep(payments, sweep_callbacks, "callbacks");
            callbacks_at = now + CALLBACK_SWEEP_US;
        }
        if (now >= prune_at) {
            bool more = sweep(payments, retention_round, "retention") >= RETENTION_BATCH;
            prune_at = now + (more ? SWEEP_US : PRUNE_US);
        }
        lock_take(&payments->lock);
        if (!payments->stopping) {
            cond_wait_until(&payments->wake, &payments->lock, clock_mono_us() + SWEEP_US);
        }
    }
    lock_give(&payments->lock);
}

/* A task of its own: a sweep may wait for a slow gateway for longer than others wait for our sign
 * of life, and then they would take over what is alive. */
static void beater(void *arg) {
    struct payments *payments = arg;
    lock_take(&payments->lock);
    while (!payments->stopping) {
        lock_give(&payments->lock);
        sweep(payments, instance_beat, "instances");
        lock_take(&payments->lock);
        if (!payments->stopping) {
            cond_wait_until(&payments->wake, &payments->lock, clock_mono_us() + SWEEP_US);
        }
    }
    lock_give(&payments->lock);
}

/* From here on `jobs` (NULL: none) is what jobs_wake() wakes; returns the one before. */
static struct job_runner *jobs_change(struct payments *payments, struct job_runner *jobs) {
    lock_take(&payments->lock);
    struct job_runner *before = payments->jobs;
    payments->jobs = jobs;
    lock_give(&payments->lock);
    return before;
}

int payments_start(struct payments *payments, struct err *err) {
    struct machine *machine = (struct machine *)payments;
    struct job_runner *jobs = NULL;
    int r = instance_beat(payments, clock_wall_us(), err);
    r = r < 0 ? r : probes_plan(payments, err);
    if (r < 0) {
        return r;
    }
    r = job_runner_start(payments->options.store, machine->kinds, machine->kind_count, &jobs, err);
    if (r < 0) {
        return r;
    }
    INVARIANT(jobs_change(payments, jobs) == NULL, "payments are started once");
    payments->stopping = false;
    payments->sweeper = task_start("sweeper", SWEEPER_STACK_BYTES, sweeper, payments);
    bool shared = !payments->options.alone;
    payments->beater = shared ? task_start("beater", SWEEPER_STACK_BYTES, beater, payments) : NULL;
    bool probes = payments->options.probe_us > 0;
    payments->prober = probes ? task_start("prober", SWEEPER_STACK_BYTES, prober, payments) : NULL;
    if (payments->sweeper == NULL || (shared && payments->beater == NULL) ||
        (probes && payments->prober == NULL)) {
        payments_stop(payments);
        return err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
    }
    return 0;
}

void payments_stop(struct payments *payments) {
    lock_take(&payments->lock);
    payments->stopping = true;
    cond_broadcast(&payments->wake);
    lock_give(&payments->lock);
    if (payments->sweeper != NULL) {
        task_join(payments->sweeper);
        payments->sweeper = NULL;
    }
    if (payments->beater != NULL) {
        task_join(payments->beater);
        payments->beater = NULL;
    }
    if (payments->prober != NULL) {
        task_join(payments->prober);
        payments->prober = NULL;
    }
    struct job_runner *jobs = jobs_change(payments, NULL); /* requests may still be running */
    if (jobs != NULL) {
        struct err err = {0};
        job_runner_stop(jobs);
        if (instance_gone(payments, &err) < 0) {
            log_error(STORE_FAILED, &err, LT("while", "saying that this instance ends"));
        }
    }
}

void payments_close(struct payments *payments) {
    if (payments == NULL) {
        return;
    }
    payments_stop(payments);
    cond_free(&payments->wake);
    lock_free(&payments->ways_lock);
    lock_free(&payments->lock);
    free((struct machine *)payments);
}

int payments_tick(struct payments *payments, struct err *err) {
    int64_t now = clock_wall_us();
    if (payments->jobs == NULL) {
        struct machine *machine = (struct machine *)payments;
        struct job_runner *jobs = NULL;
        int r = job_runner_new(payments->options.store, machine->kinds, machine->kind_count, &jobs,
                               err);
        if (r < 0) {
            return r;
        }
        (void)jobs_change(payments, jobs);
        r = probes_plan(payments, err);
        if (r < 0) {
            return r;
        }
    }
    int beat = instance_beat(payments, now, err);
    if (beat < 0) {
        return beat;
    }
    int orphans = sweep_orphans(payments, now, err);
    if (orphans < 0) {
        return orphans;
    }
    int callbacks = sweep_callbacks(payments, now, err);
    if (callbacks < 0) {
        return callbacks;
    }
    int pruned = retention_round(payments, now, err);
    if (pruned < 0) {
        return pruned;
    }
    int moved = payments->options.mode != NULL ? mode_tick(payments->options.mode, err) : 0;
    if (moved < 0) {
        return moved;
    }
    int jobs = job_runner_drain(payments->jobs, err);
    return jobs < 0 ? jobs : orphans + callbacks + pruned + moved + jobs;
}
