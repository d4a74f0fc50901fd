/* SPDX-License-Identifier: Apache-2.0
 * report_run.h: a run of the service as one page for people (match/report.h).
 * Threads: any, inside the caller's transaction. Errors: those of the store. */
#ifndef HOLDFAST_RECON_REPORT_RUN_H
#define HOLDFAST_RECON_REPORT_RUN_H

#include "match/report.h"
#include "store/store.h"

/* The page of a run of the service, inside a read transaction: its figures as it recorded them, the
 * statements that it was the first to look at whole, and the gateway's breaks that were open when
 * it ended, as they stand now, the gravest first; ages are counted from the run's end.
 * ERR_NOT_FOUND also when the run is not done. */
MUST_USE int report_run_page(struct store_tx *tx, const char *run_id, enum report_language language,
                             struct buf *html, struct err *err);

#endif
