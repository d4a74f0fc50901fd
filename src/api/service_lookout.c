/* SPDX-License-Identifier: Apache-2.0
 * service_lookout.c: somebody who looks out, every second: what this instance sees amiss becomes
 * signals of alerts (watch/lookout.h). */
#include "api/service_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "watch/lookout.h"

/* The detector is large, its walks are not deep. */
enum { LOOKOUT_STACK_BYTES = 512 * 1024 };
#define LOOKOUT_EVERY_US US_PER_SECOND

struct lookout_task {
    struct lookout *lookout;
    struct tuning *tuning;
    struct task *task;
    struct lock lock;
    struct cond wake;
    bool stopping;
    bool failing; /* the last turn did; told once */
};

static int signal_alerts(void *ctx, const struct alert_signal *signals, int count,
                         struct err *err) {
    const struct service *service = ctx;
    return alert_signals(service->alerts, signals, count, err);
}

/* What cannot be said is said again: the database may be what is amiss. */
static void turn(struct lookout_task *looks) {
    struct err err = {0};
    bool failed = tuning_look(looks->tuning, &err) < 0;
    failed = lookout_turn(looks->lookout, &err) < 0 || failed;
    if (failed && !looks->failing) {
        log_error(STORE_FAILED, &err, LT("while", "saying what is amiss"));
    }
    looks->failing = failed;
}

static void look_out(void *arg) {
    struct lookout_task *looks = arg;
    lock_take(&looks->lock);
    while (!looks->stopping) {
        lock_give(&looks->lock);
        turn(looks);
        lock_take(&looks->lock);
        int64_t until_us = clock_mono_us() + LOOKOUT_EVERY_US;
        while (!looks->stopping && cond_wait_until(&looks->wake, &looks->lock, until_us)) {
        }
    }
    lock_give(&looks->lock);
}

int service_lookout_start(struct service *service, struct err *err) {
    struct lookout_task *looks = calloc(1, sizeof *looks);
    INVARIANT(looks != NULL, "no memory for the lookout");
    const struct lookout_options options = {
        .store = service->store,
        .source = payments_instance(service->payments),
        .tuning = service->tuning,
        .signal = signal_alerts,
        .signal_ctx = service,
    };
    looks->tuning = service->tuning;
    service->looks = looks;
    lock_init(&looks->lock);
    cond_init(&looks->wake);
    looks->lookout = lookout_open(&options);
    looks->task = task_start("lookout", LOOKOUT_STACK_BYTES, look_out, looks);
    return looks->task != NULL
               ? 0
               : err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
}

void service_lookout_stop(struct service *service) {
    struct lookout_task *looks = service->looks;
    if (looks == NULL) {
        return;
    }
    lock_take(&looks->lock);
    looks->stopping = true;
    cond_broadcast(&looks->wake);
    lock_give(&looks->lock);
    if (looks->task != NULL) {
        task_join(looks->task);
    }
    lookout_close(looks->lookout);
    cond_free(&looks->wake);
    lock_free(&looks->lock);
    free(looks);
    service->looks = NULL;
}
