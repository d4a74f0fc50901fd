/* SPDX-License-Identifier: Apache-2.0
 * billing.c: opens the floor: its jobs, run by the payments' runner. */
#include "billing/billing.h"

#include <stdlib.h>

#include "billing/internal.h"

static const int64_t backoff_us[] = {
    2 * US_PER_SECOND,   10 * US_PER_SECOND,   60 * US_PER_SECOND,
    300 * US_PER_SECOND, 1800 * US_PER_SECOND,
};
/* A charge waits for a gateway for 20 s, and a run may make several calls. */
#define RENEWAL_LEASE_US (120 * US_PER_SECOND)
#define RESUME_LEASE_US (60 * US_PER_SECOND)

int billing_open(const struct billing_options *options, struct billing **ret_billing,
                 struct err *err) {
    struct billing *billing = calloc(1, sizeof *billing);
    if (billing == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for subscriptions");
    }
    billing->options = *options;
    if (billing->options.resume_per_second <= 0) {
        billing->options.resume_per_second = RESUME_PER_SECOND;
    }
    const struct job_kind kinds[] = {
        {
            .name = JOB_RENEWAL,
            .run = renewal_job,
            .ctx = billing,
            .backoff_us = backoff_us,
            .backoff_count = COUNT_OF(backoff_us),
            .attempts_max = 0,
            .lease_us = RENEWAL_LEASE_US,
            .concurrency = 32,
        },
        {
            .name = JOB_RESUME,
            .run = resume_job,
            .ctx = billing,
            .backoff_us = backoff_us,
            .backoff_count = COUNT_OF(backoff_us),
            .attempts_max = 0,
            .lease_us = RESUME_LEASE_US,
            .concurrency = 1,
        },
    };
    payments_also_run(options->payments, kinds, COUNT_OF(kinds));
    *ret_billing = billing;
    return 0;
}

void billing_close(struct billing *billing) {
    free(billing);
}
