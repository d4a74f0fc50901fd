/* SPDX-License-Identifier: Apache-2.0
 * run_settled.c: movements that earlier runs have settled, and that a row of this one names again:
 * the same charge told once more, or the rest of one that came in parts. They are compared anew
 * together with it, so that a second charge is one whenever it comes, and what differed heals when
 * its other part is there. Groups that come out as they were are left as they are. And second
 * charges that stood alone until a movement of ours bore their name. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/run_impl.h"

/* As far back as fresh movements are looked for (run_load.c). */
#define LOOK_BACK_US (INT64_C(2) * 24 * 3600 * US_PER_SECOND)

/* A statement may tell of a second charge before a run may look at what its callback put in
 * suspense: a callback that came later, or a clock that was set back. Of what is in suspense and
 * not settled, the second charges that bear its name; without those that a repair is at, which asks
 * for them itself. */
#define SECOND_OF(suspense)                                                                        \
    "SELECT m.id FROM " suspense " JOIN review_case c ON c.subject = p.journal_id AND c.posted = " \
    "p.kind JOIN statement_row r ON r.gateway_id IN (c.charge_id, c.gateway_id) JOIN movement m "  \
    "ON m.side = 2 AND m.id = r.statement_id || '#' || CAST(r.number AS text) WHERE p.kind = 10 "  \
    "AND c.gateway = $1 AND r.gateway_id <> '' AND r.kind = 1 AND m.gateway = $1 AND m.class = "   \
    "19 AND m.match_id = '' AND m.open IS NULL AND NOT EXISTS (SELECT 1 FROM recon_break_member "  \
    "b JOIN repair t ON t.break_id = b.break_id WHERE b.side = 2 AND b.movement_id = m.id AND "    \
    "t.state IN (1, 2, 3)) AND "

static int second_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct run *run = ctx;
    int64_t since_us = run->since_us > LOOK_BACK_US ? run->since_us - LOOK_BACK_US : 0;
    return sql_put(tx, err,
                   "UPDATE movement SET open = 1 WHERE side = 2 AND id IN (" SECOND_OF(
                       "movement o JOIN posting p ON p.id = o.id") "o.gateway = $1 AND o.side = 1 "
                   "AND o.open = 1 UNION " SECOND_OF("posting p") "p.at_us >= $2 AND p.at_us < $3 "
                   "AND NOT EXISTS (SELECT 1 FROM movement o WHERE o.side = 1 AND o.id = p.id))",
                   S_TEXT(run->request->gateway), S_INT(since_us), S_INT(run->request->until_us));
}
static_assert(POST_SUSPENSE == 10 && ROW_CHARGE == 1 && CLASS_DOUBLE_CHARGE == 19,
              "the numbers above");

int recon_settled_begin(struct run *run, struct err *err) {
    return store_write(run->store, second_tx, run, err);
}

/* Settled rows q of the same kind and name as a row r that is looked at now. Kinds that have a row
 * of ours: what gateways do for themselves may bear one name every day. */
#define NAMED_AGAIN(name)                                                                          \
    "SELECT m.match_id FROM statement s JOIN statement_row r ON r.statement_id = s.id JOIN "       \
    "statement_row q ON q." name " = r." name                                                      \
    " AND q.kind = r.kind JOIN movement m ON m.side = 2 "                                          \
    "AND m.id = q.statement_id || '#' || CAST(q.number AS text) WHERE s.gateway = $1 AND "         \
    "s.state "                                                                                     \
    "= 2 AND r.kind IN (1, 2, 3, 4, 5) AND q." name " <> '' AND r." name                           \
    " <> '' AND m.gateway = $1 AND m.open IS NULL "                                                \
    "AND m.match_id <> '' AND (s.seen_run = '' AND NOT EXISTS (SELECT 1 FROM movement n WHERE "    \
    "n.side = 2 AND n.id = r.statement_id || '#' || CAST(r.number AS text)) OR EXISTS (SELECT 1 "  \
    "FROM movement n WHERE n.side = 2 AND n.id = r.statement_id || '#' || CAST(r.number AS text) " \
    "AND n.open = 1))"

static int ids_read(struct run *run, struct store_tx *tx, GPtrArray *ids, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      NAMED_AGAIN("reference") " UNION " NAMED_AGAIN("gateway_id") " ORDER BY 1",
                      S_TEXT(run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        g_ptr_array_add(ids,
                        (gpointer)(uintptr_t)g_string_chunk_insert(run->texts, sql_text(rows, 0)));
    }
    return r;
}

/* The row that was added last is a settled one of this class. */
static void mark(struct run *run, enum match_side side, guint before, int64_t class) {
    GArray *names = run->sides[side].names;
    if (names->len > before) {
        struct side_row *name = &g_array_index(names, struct side_row, names->len - 1);
        name->settled = true;
        name->was = (enum match_class) class;
    }
}

static int add_ours(struct run *run, struct store_tx *tx, const char *match_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      OUR_COLUMNS "1, m.first_us, m.class FROM movement m JOIN posting p ON p.id = "
                                  "m.id " OUR_TABLES
                                  "WHERE m.match_id = $1 AND m.match_id <> '' AND m.side = 1 "
                                  "ORDER BY p.at_us, p.id",
                      S_TEXT(match_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        guint before = run->sides[OURS].names->len;
        r = recon_add_ours(run, rows, err);
        mark(run, OURS, before, sql_int(rows, OUR_COLUMN_COUNT + 2));
    }
    return r;
}

static int add_theirs(struct run *run, struct store_tx *tx, const char *match_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      THEIR_COLUMNS "1, m.first_us, m.class FROM movement m JOIN statement_row r "
                                    "ON r.statement_id = m.statement_id AND r.number = m.number "
                                    "WHERE m.match_id = $1 AND m.match_id <> '' AND m.side = 2 "
                                    "ORDER BY "
                                    "r.statement_id, r.number",
                      S_TEXT(match_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        guint before = run->sides[THEIRS].names->len;
        r = recon_add_theirs(run, rows, err);
        mark(run, THEIRS, before, sql_int(rows, THEIR_COLUMN_COUNT + 2));
    }
    return r;
}

int recon_load_settled(struct run *run, struct store_tx *tx, struct err *err) {
    GPtrArray *ids = g_ptr_array_new();
    int r = ids_read(run, tx, ids, err);
    for (guint i = 0; r >= 0 && i < ids->len; i++) {
        const char *match_id = g_ptr_array_index(ids, i);
        r = add_ours(run, tx, match_id, err);
        r = r < 0 ? r : add_theirs(run, tx, match_id, err);
    }
    g_ptr_array_free(ids, true);
    return r;
}

const struct side_row *recon_member_name(const struct run *run, const struct match_group *group,
                                         enum match_side side, uint32_t i) {
    size_t at = group->first + (side == OURS ? 0 : group->ours) + i;
    return &g_array_index(run->sides[side].names, struct side_row, run->match->members[at]);
}

bool recon_as_it_was(const struct run *run, const struct match_group *group) {
    const uint32_t counts[MATCH_SIDES] = {group->ours, group->theirs};
    for (int side = OURS; side < MATCH_SIDES; side++) {
        for (uint32_t i = 0; i < counts[side]; i++) {
            const struct side_row *name = recon_member_name(run, group, (enum match_side)side, i);
            if (!name->settled || name->was != group->class) {
                return false;
            }
        }
    }
    return true;
}

static struct match_sum *sum_of(struct run_figures *figures, struct currency currency,
                                enum match_class class) {
    for (int i = 0; i < figures->sum_count; i++) {
        struct match_sum *sum = &figures->sums[i];
        if (sum->class == class && currency_equal(sum->currency, currency)) {
            return sum;
        }
    }
    return NULL;
}

void recon_leave_out_settled(struct run *run) {
    struct run_figures *figures = run->figures;
    for (size_t at = 0; at < run->match->group_count; at++) {
        const struct match_group *group = &run->match->groups[at];
        const uint32_t counts[MATCH_SIDES] = {group->ours, group->theirs};
        for (int side = OURS; recon_as_it_was(run, group) && side < MATCH_SIDES; side++) {
            for (uint32_t i = 0; i < counts[side]; i++) {
                size_t member = group->first + (side == OURS ? 0 : group->ours) + i;
                const struct match_row *row = &run->match->rows[side][run->match->members[member]];
                struct match_sum *sum = sum_of(figures, row->currency, group->class);
                INVARIANT(sum != NULL, "every row is in a sum");
                sum->rows[side]--;
                sum->amount_minor[side] -= row->amount_minor;
                sum->fee_minor[side] -= row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
                figures->rows[side]--;
                figures->carried[side]--;
            }
        }
    }
    int kept = 0;
    for (int i = 0; i < figures->sum_count; i++) {
        if (figures->sums[i].rows[OURS] + figures->sums[i].rows[THEIRS] > 0) {
            figures->sums[kept++] = figures->sums[i];
        }
    }
    figures->sum_count = kept;
}
