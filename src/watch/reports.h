/* SPDX-License-Identifier: Apache-2.0
 * reports.h: what people and other systems report: complaints of customers, and changes (a deploy,
 * a new configuration, other keys).
 *
 * A complaint counts as an outcome of its own by slice (the operation "complaint"), with the labels
 * of the payment that it is about, so that more of them than usual become an alert (rates.h). Its
 * text is bounded and masked: card numbers, other long numbers but for their last four digits, and
 * the names in e-mail addresses. Of the customer a digest is kept. With a reference the same
 * complaint is recorded once.
 * A change is what an alert names as its likely cause when it came within CHANGE_BEFORE_US before
 * the first symptom.
 *
 * Threads: any; within the caller's transactions. Owns: nothing.
 * Errors: ERR_VALIDATION with the member as the place, those of store.h. */
#ifndef HOLDFAST_WATCH_REPORTS_H
#define HOLDFAST_WATCH_REPORTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"

enum {
    REPORTS_KEPT_DAYS = 396, /* thirteen months, as figures by the minute */
    COMPLAINT_TEXT_CHARS_MAX = 2000,
    REPORT_WORD_CHARS_MAX = 40,
    REPORT_TEXT_CHARS_MAX = 200,
    REPORTS_LISTED_MAX = 100,
};
#define CHANGE_BEFORE_US (30 * 60 * US_PER_SECOND)
/* What was reported of a time further back, or ahead, is refused. */
#define REPORT_OLD_US (30 * INT64_C(86400) * US_PER_SECOND)
#define REPORT_AHEAD_US (5 * 60 * US_PER_SECOND)

/* Texts borrowed; "": not said. */
struct complaint {
    const char *payment_id, *order_id, *channel, *kind, *customer, *text, *reference;
    const char *gateway, *method, *region, *currency, *segment; /* of its payment */
    int64_t at_us;                                              /* wall; 0: now */
};
/* Kind and time, before any transaction. The two that record check them again. */
MUST_USE int complaint_check(const struct complaint *complaint, struct err *err);
/* 1 recorded, 0 it had been, by its reference. Leaves its JSON in `buf`. Counts when the
 * transaction is committed. */
MUST_USE int complaint_record(struct store_tx *tx, const struct complaint *complaint,
                              const char *actor, struct buf *buf, struct err *err);

struct change {
    const char *kind, *what, *by, *reference;
    int64_t at_us; /* wall; 0: now */
};
MUST_USE int change_check(const struct change *change, struct err *err);
MUST_USE int change_record(struct store_tx *tx, const struct change *change, const char *actor,
                           struct buf *buf, struct err *err);

/* {"data":[…]}, the newest first, at most `limit`; those since then. */
MUST_USE int complaints_list(struct store_tx *tx, int64_t since_us, int limit, struct buf *buf,
                             struct err *err);
MUST_USE int changes_list(struct store_tx *tx, int64_t since_us, int limit, struct buf *buf,
                          struct err *err);

/* The newest change within CHANGE_BEFORE_US before (or at) that time, in a line; NULL: none. */
MUST_USE int change_before(struct store_tx *tx, struct arena *arena, int64_t wall_us,
                           const char **ret_line, struct err *err);

/* Forgets at most `limit` of each that were recorded before then. A complaint stays while a case
 * of its payment is open, or an alert `Complaints` of its time is kept; a change while an alert is
 * kept that began within CHANGE_BEFORE_US after it. Returns how many. */
MUST_USE int reports_prune(struct store_tx *tx, int64_t before_us, int limit, struct err *err);

/* In place: see above. */
void report_mask(char *text);

#endif
