/* SPDX-License-Identifier: Apache-2.0
 * evidence.h: what the database knows about something that it counted (checks.def): its likely
 * cause, whom it concerns, what money is in it (evidence.def), in words.
 * Threads: any; the table is constant. Owns nothing: texts are the arena's. Errors: those of
 * store.h. Limits: three places are named, EVIDENCE_ROWS_MAX rows of payments looked at. */
#ifndef HOLDFAST_WATCH_EVIDENCE_H
#define HOLDFAST_WATCH_EVIDENCE_H

#include "watch/alert.h"
#include "watch/check.h"

enum { EVIDENCE_ROWS_MAX = 1000, EVIDENCE_WHY_BYTES_MAX = 160 };

struct evidence_ask {
    const struct check *check;
    int64_t count, now_us;
    enum notice_language language;
    const char *(*class_name)(int64_t class); /* of a difference; NULL: its number */
};
struct evidence {
    const char *summary, *cause, *scope; /* NULL: nothing is known */
    struct alert_money money[ALERT_MONEY_MAX];
    int money_count;
};
/* Inside a read. */
MUST_USE int evidence_take(const struct evidence_ask *ask, struct store_tx *tx, struct arena *arena,
                           struct evidence *ret_evidence, struct err *err);
/* Whether the check has a row in evidence.def. */
bool evidence_is_known(const char *check);

#endif
