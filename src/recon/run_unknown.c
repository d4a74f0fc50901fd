/* SPDX-License-Identifier: Apache-2.0
 * run_unknown.c: charges of which nobody has said what became of them, and which the gateway's own
 * statement of their time does not tell either: OPEN_HERE.
 *
 * Nothing of such an attempt is in our books, so it is no movement, and no balance counts it: it is
 * a row of this run alone, read anew by each, and its break heals when the attempt has ended, or
 * when a row there names it (then it is PAID_THERE or NOTHING_MOVED). It is one only where a
 * statement tells all charges of the moment at which it began, and when the time that its method
 * may take is over, as for money that moved. The matcher may not take it for a stranger's row of
 * the same amount, so it has no time while rows are compared. */
#include "payment/machine.h"
#include "recon/run_impl.h"
#include "recon/settle.h"

/* A statement tells nothing of what came after it was taken in. One of before bits were kept tells
 * charges where it has some. */
#define COVERED                                                                                    \
    "EXISTS (SELECT 1 FROM statement s WHERE s.gateway = $1 AND s.state = 2 AND s.from_us > 0 "    \
    "AND s.from_us <= a.created_us AND s.until_us > a.created_us AND s.taken_us > a.created_us "   \
    "AND ((s.tells & 1) = 1 OR (s.tells IS NULL AND EXISTS (SELECT 1 FROM statement_row r WHERE "  \
    "r.statement_id = s.id AND r.kind = 1))))"
#define NAMED(name)                                                                                \
    "EXISTS (SELECT 1 FROM statement_row r JOIN statement s ON s.id = r.statement_id WHERE "       \
    "s.gateway = $1 AND s.state = 2 AND r.kind = 1 AND " name ")"
static_assert(ROW_CHARGE == 1 && ATTEMPT_UNKNOWN == 4, "the numbers in the text");

static const char unknown_sql[] =
    "SELECT a.id, a.payment_id, a.state, a.amount_minor, a.currency, a.created_us, a.charge_id, "
    "a.gateway_id, a.method FROM attempt a WHERE a.gateway = $1 AND a.state = 4 AND a.created_us "
    "< $2 AND " COVERED " AND NOT " NAMED("r.reference = a.id AND r.reference <> ''") " AND NOT "
    NAMED("r.gateway_id = a.gateway_id AND r.gateway_id <> ''") " AND NOT "
    NAMED("r.gateway_id = a.charge_id AND r.gateway_id <> ''")
    " AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.id IN " CHARGED_AS("a.id") " AND "
    NOT_TAKEN_BACK ") ORDER BY a.created_us, a.id";

static int64_t due_of(const struct run *run, int64_t method, int64_t at_us) {
    const struct run_request *request = run->request;
    return request->settle != NULL
               ? settle_until(request->settle, (enum payment_method)method, at_us, run->zone)
               : expected_until(at_us, request->business_days, run->zone);
}

int recon_load_unknown(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = run->request->bank ? 0
                               : sql_query(tx, err, &rows, unknown_sql,
                                           S_TEXT(run->request->gateway),
                                           S_INT(run->request->until_us));
    while (rows != NULL && r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t at_us = sql_int(rows, 5), due_us = due_of(run, sql_int(rows, 8), at_us);
        struct side *ours = &run->sides[OURS];
        if (run->now_us < due_us) {
            continue;
        }
        r = recon_add_passing(run, rows, err);
        if (r >= 0) {
            struct side_row *name = &g_array_index(ours->names, struct side_row,
                                                   ours->names->len - 1);
            name->unknown = true;
            name->unknown_us = at_us;
            g_array_index(ours->rows, struct match_row, ours->rows->len - 1).at_us = 0;
        }
    }
    return r < 0 ? r : 0;
}

void recon_unknown_judge(struct run *run) {
    struct match *match = run->match;
    for (guint i = 0; i < run->sides[OURS].rows->len; i++) {
        const struct side_row *name = &g_array_index(run->sides[OURS].names, struct side_row, i);
        if (!name->unknown) {
            continue;
        }
        g_array_index(run->sides[OURS].rows, struct match_row, i).at_us = name->unknown_us;
        struct match_group *group = &match->groups[match->group_of[OURS][i]];
        if (group->class == CLASS_NOTHING_MOVED && group->ours == 1 && group->theirs == 0) {
            recon_become(run, group, CLASS_OPEN_HERE);
        }
    }
}
