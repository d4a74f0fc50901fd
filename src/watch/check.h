/* SPDX-License-Identifier: Apache-2.0
 * check.h: what the database can count that may be wrong (checks.def): for who asks (`doctor`), and
 * for who is to be woken (lookout.h).
 * Threads: any; the table is constant. Owns nothing. Errors: those of store.h. */
#ifndef HOLDFAST_WATCH_CHECK_H
#define HOLDFAST_WATCH_CHECK_H

#include "base/compiler.h"
#include "store/store.h"

/* CRITICAL: money or customers suffer now or soon. WARNING: somebody has to see to it. NOTICE:
 * worth knowing when something else is wrong. Graver is smaller. */
enum gravity { GRAVITY_CRITICAL, GRAVITY_WARNING, GRAVITY_NOTICE, GRAVITIES };
const char *gravity_name(enum gravity gravity); /* "critical"; "?" for none */

struct check {
    const char *name;
    const char *rule; /* of alert_rules.def; "": it raises no alert */
    enum gravity gravity;
    int64_t grave_after_s; /* when its oldest has waited longer it is critical; 0: never */
    const char *one, *many; /* the rest of the sentence behind the number */
    const char *sql;
    const char *next; /* what to type */
};
int check_count(void);
const struct check *check_at(int index);

/* Inside a read: how many, and since when (wall; 0: there are none). */
MUST_USE int check_take(const struct check *check, struct store_tx *tx, int64_t now_us,
                        int64_t *ret_count, int64_t *ret_since_us, struct err *err);
/* "3 refunds failed …." */
enum { CHECK_TEXT_BYTES = 200 };
void check_text(const struct check *check, int64_t count, char ret_text[CHECK_TEXT_BYTES]);

#endif
