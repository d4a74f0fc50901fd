/* SPDX-License-Identifier: Apache-2.0
 * probes_impl.h: what the files of probes share. */
#ifndef HOLDFAST_PAYMENT_PROBES_IMPL_H
#define HOLDFAST_PAYMENT_PROBES_IMPL_H

#include "payment/internal.h"
#include "payment/probes.h"

#define JOB_PROBE "probe"

struct probe_row {
    struct probe_view view;
    bool asked;
};

const struct probe_settings *probe_settings_find(const struct payments *payments,
                                                 const char *name);
/* Locks it. ERR_NOT_FOUND. */
MUST_USE int probe_row_load(struct payments *payments, struct store_tx *tx, const char *name,
                            struct probe_row *ret_row, struct err *err);
MUST_USE int probe_row_save(struct store_tx *tx, const struct probe_row *row, struct err *err);
/* A row and a job for each that is configured; what is no longer configured keeps its own. */
MUST_USE int probes_plan(struct payments *payments, struct err *err);
/* Why this one is not probed now; false: it may be. */
bool probe_is_blocked(struct payments *payments, const struct probe_settings *settings,
                      char ret_why[PROBE_NOTE_BYTES]);
MUST_USE int probe_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

#endif
