/* SPDX-License-Identifier: Apache-2.0
 * service_lookout.c: somebody who looks out, every second: what this instance sees amiss becomes
 * signals of alerts (watch/lookout.h). And somebody who only asks whether the database is there
 * (watch/last_resort.h): the first one may be waiting for it. */
#include "api/service_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "match/match.h"
#include "watch/last_resort.h"
#include "watch/lookout.h"

/* The detector is large, its walks are not deep. */
enum { LOOKOUT_STACK_BYTES = 512 * 1024 };
#define LOOKOUT_EVERY_US US_PER_SECOND

struct lookout_task {
    struct lookout *lookout;
    struct last_resort *last;
    struct tuning *tuning;
    struct task *task, *last_task;
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

static const char *class_name(int64_t class) {
    return match_class_name((enum match_class)class);
}

static enum notice_language language_of(const struct service *service) {
    enum notice_language language = NOTICE_EN;
    const char *name = service->config->alerts.language;
    return name != NULL && notice_language_parse(name, &language) ? language : NOTICE_EN;
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

/* False: it is time to end. */
static bool rest(struct lookout_task *looks, int64_t us) {
    lock_take(&looks->lock);
    int64_t until_us = clock_mono_us() + us;
    while (!looks->stopping && cond_wait_until(&looks->wake, &looks->lock, until_us)) {
    }
    bool goes_on = !looks->stopping;
    lock_give(&looks->lock);
    return goes_on;
}

/* What could not be written down is tried again. */
static void ask_for_database(void *arg) {
    struct lookout_task *looks = arg;
    do {
        struct err err = {0};
        if (last_resort_turn(looks->last, &err) < 0) {
            log_error(STORE_FAILED, &err, LT("while", "noting that the database was away"));
        }
    } while (rest(looks, LAST_RESORT_EVERY_US));
}

static void look_out(void *arg) {
    struct lookout_task *looks = arg;
    do {
        turn(looks);
    } while (rest(looks, LOOKOUT_EVERY_US));
}

int service_lookout_start(struct service *service, struct err *err) {
    struct lookout_task *looks = calloc(1, sizeof *looks);
    INVARIANT(looks != NULL, "no memory for the lookout");
    const struct lookout_options options = {
        .store = service->store,
        .source = payments_instance(service->payments),
        .language = language_of(service),
        .tuning = service->tuning,
        .class_name = class_name,
        .signal = signal_alerts,
        .signal_ctx = service,
        .more = service_expiring,
        .more_ctx = service,
    };
    const struct last_resort_options last = {
        .store = service->store,
        .alerts = service->alerts,
        .channels = service->channels,
        .clients = {.http = service->client, .smtp = service->smtp},
        .source = options.source,
    };
    looks->tuning = service->tuning;
    service->looks = looks;
    lock_init(&looks->lock);
    cond_init(&looks->wake);
    looks->lookout = lookout_open(&options);
    looks->last = last_resort_open(&last);
    looks->task = task_start("lookout", LOOKOUT_STACK_BYTES, look_out, looks);
    looks->last_task = looks->task != NULL
                           ? task_start("last-resort", LOOKOUT_STACK_BYTES, ask_for_database, looks)
                           : NULL;
    return looks->last_task != NULL
               ? 0
               : err_set(err, ERR_OVERLOADED, "the system has no room for two more threads");
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
    if (looks->last_task != NULL) {
        task_join(looks->last_task);
    }
    last_resort_close(looks->last);
    lookout_close(looks->lookout);
    cond_free(&looks->wake);
    lock_free(&looks->lock);
    free(looks);
    service->looks = NULL;
}
