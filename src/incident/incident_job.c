/* SPDX-License-Identifier: Apache-2.0
 * incident_job.c: what runs by itself, by the key of its job:
 *   t:INCIDENT  what is due of it (incident_clock.c)
 *   look        alerts that open incidents or join them, and how grave these are */
#include <string.h>

#include "incident/incident_impl.h"

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct incidents *incidents = ctx;
    size_t prefix = strlen(INCIDENT_JOB_TIMER);
    int64_t next_us = 0;
    int r = 0;
    if (strncmp(job->key, INCIDENT_JOB_TIMER, prefix) == 0) {
        r = incident_timer(incidents, job->key + prefix, &next_us, err);
    }
    if (r >= 0) {
        payments_wake(incidents->options.payments);
    }
    if (r >= 0 && next_us > 0) {
        *ret_again_us = next_us;
    }
    return r;
}

static int start_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    int r = job_add(tx, JOB_INCIDENTS, INCIDENT_JOB_LOOK, clock_wall_us(), "", err);
    return r < 0 ? r : 0;
}

int incidents_start(struct incidents *incidents, struct err *err) {
    return store_write(incidents->options.store, start_tx, incidents, err);
}

struct job_kind incidents_job(struct incidents *incidents) {
    static const int64_t backoff_us[] = {US_PER_SECOND, 5 * US_PER_SECOND, 30 * US_PER_SECOND};
    return (struct job_kind){
        .name = JOB_INCIDENTS,
        .run = run,
        .ctx = incidents,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = 120 * US_PER_SECOND,
        .concurrency = 2,
    };
}
