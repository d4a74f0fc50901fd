/* SPDX-License-Identifier: Apache-2.0
 * window.h: everything touched between two moments, proved (REC-5): no payment was left out, and no
 * customer was charged twice.
 *
 *   listed   each attempt that was made, changed, asked for a capture or a refund, or told of by a
 *            callback in that time
 *   asked    at its gateway, WINDOW_ASKS_AT_ONCE at a time; what is said is applied as any answer
 *   held     against what our rows say after that, and against the statements that are here
 *
 * It is proved when every attempt has a verdict that leaves no doubt, or its money is matched on a
 * statement; when statements cover the whole time at each gateway and a run has seen them (that is
 * the only way to hear of money that nothing here knows of); when no break of high risk is live in
 * it, no callback of it waits to be processed, and no order was charged more than it was for. What
 * is not, is told with the command that shows it or mends it.
 * The work is a job: it survives a crash, and two instances do it once. An answer that a gateway
 * gives moves money in our books only by payment/; nothing here does.
 * Threads: any. Owns: answers are the caller's. Limits: WINDOW_US_MAX
 * long. Errors: ERR_VALIDATION, ERR_NOT_FOUND, those of the store. */
#ifndef HOLDFAST_RECON_WINDOW_H
#define HOLDFAST_RECON_WINDOW_H

#include "recon/recon.h"

enum window_verdict {
    WINDOW_NOT_YET = 0,
#define X(name, number, text, proved, meaning) WINDOW_##name = (number),
#include "recon/window_verdicts.def"
#undef X
    WINDOW_VERDICT_COUNT
};
const char *window_verdict_name(int64_t verdict); /* "?" for a number that no row has */
MUST_USE bool window_verdict_parse(const char *name, enum window_verdict *ret_verdict);
enum window_state { WINDOW_LISTING = 1, WINDOW_ASKING = 2, WINDOW_DONE = 3 };

enum {
    WINDOW_ASKS_AT_ONCE = 8,
    WINDOW_TOLD_MAX = 100, /* of each kind of finding, in the report; of the rest the number */
};
#define WINDOW_US_MAX (INT64_C(31) * 24 * 3600 * US_PER_SECOND)

struct window_request {
    int64_t from_us, until_us; /* wall; from ≤ what happened < until, which is not in the future */
    const char *gateway;       /* "" for all */
};
/* 202 with the window: it is worked on from the commit on. */
MUST_USE int window_ask(struct recon *recon, const struct caller *caller,
                        const struct window_request *request, struct answer *ret_answer,
                        struct err *err);
/* {"id","from","until","gateway","state","attempts":{"listed","asked"},"report":…or null} */
MUST_USE int window_get(struct recon *recon, const char *id, struct answer *ret_answer,
                        struct err *err);
/* Newest first, without their reports. */
MUST_USE int window_list(struct recon *recon, int limit, struct answer *ret_answer,
                         struct err *err);
/* Attempts of it, by their ids. `verdict`: 0 for all; `cursor`: of the page before, or "". */
MUST_USE int window_items(struct recon *recon, const char *id, int64_t verdict, const char *cursor,
                          int limit, struct answer *ret_answer, struct err *err);

#endif
