/* SPDX-License-Identifier: Apache-2.0
 * review.h: what a week or a month was like (REVIEW-1): causes, times to notice and to handle,
 * errors of work by hand, what went by itself, complaints, cost; each figure beside the one of the
 * time before. What is counted, and how, is review_figures.def.
 *
 * It looks and changes nothing, in one snapshot. Weeks are those of ISO 8601 (they begin on
 * Mondays), weeks and months those of UTC. A time that is not over is told as far as it is.
 * Threads: any. Owns: nothing. Errors: those of store.h, ERR_TOO_LARGE. Reads the payments of twice
 * that time: not on a payment's way. Memory: a few megabytes. */
#ifndef HOLDFAST_INCIDENT_REVIEW_H
#define HOLDFAST_INCIDENT_REVIEW_H

#include "base/buf.h"
#include "base/sheet.h"
#include "store/store.h"
#include "watch/notice.h"

enum {
    REVIEW_LABELS_MAX = 30,    /* of one figure; the rest is "other" */
    REVIEW_SPANS_MAX = 100000, /* of one figure that are looked at, the shortest */
    REVIEW_BYTES_MAX = 2 * 1024 * 1024,
};

struct review_period {
    char name[12]; /* "2026-W47", "2026-11" */
    bool week;
    int64_t from_us, until_us, before_us; /* wall; before: where the time before it begins */
};
/* "2026-W47" or "2026-11", of 2000 to 9998. */
MUST_USE bool review_period_parse(const char *text, struct review_period *ret_period);
/* The newest month that is over at that moment (wall). */
struct review_period review_period_last(int64_t at_us);

enum review_format { REVIEW_JSON, REVIEW_MARKDOWN, REVIEW_HTML, REVIEW_CSV, REVIEW_XLSX };
MUST_USE bool review_format_parse(const char *name, enum review_format *ret_format);

MUST_USE int review_write(struct store *store, const struct review_period *period,
                          enum review_format format, enum notice_language language, struct buf *buf,
                          struct err *err);

#endif
