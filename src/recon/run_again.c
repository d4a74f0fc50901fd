/* SPDX-License-Identifier: Apache-2.0
 * run_again.c: charges that our operations captured, charged once more under another id.
 *
 * A capture of ours is known by the gateway's name of it and by its attempt's. Where a gateway is
 * given the name of the operation as reference (UnionPay), or tells none, a second row of it finds
 * nothing beside it and is MISSING_HERE. It is a DOUBLE_CHARGE where
 *   1. its names lead to an attempt of which operations of ours captured something;
 *   2. every movement of that payment has its row: what stands alone may be what this row tells;
 *   3. together with what was captured it is more than the customer agreed to. What is within that
 *      may have been captured by hand, and nobody paid twice. */
#include "base/money.h"
#include "payment/machine.h"
#include "recon/run_impl.h"

/* So many are looked up; beyond that they stay what the matcher says. */
enum { LOOKED_UP_MAX = 5000 };

static_assert(OPERATION_CAPTURE == 1 && OPERATION_SUCCEEDED == 4, "the numbers in the text");
static const char captured_sql[] =
    "SELECT a.payment_id, a.amount_minor, (SELECT CAST(COALESCE(SUM(o.amount_minor), 0) AS bigint) "
    "FROM operation o WHERE o.payment_id = a.payment_id AND o.attempt_id = a.id AND o.kind = 1 AND "
    "o.state = 4), a.currency FROM "
    "(SELECT 0 AS place, $1 AS id UNION ALL SELECT 1, attempt_id FROM operation WHERE id = $1 AND "
    "kind = 1 UNION ALL SELECT 2, id FROM attempt WHERE charge_id IN ($2, $3) AND charge_id <> '' "
    "AND gateway = $4 UNION ALL SELECT 3, id FROM attempt WHERE gateway_id IN ($2, $3) AND "
    "gateway_id <> '' AND gateway = $4) n JOIN attempt a ON a.id = n.id WHERE a.gateway = $4 ORDER "
    "BY n.place, a.id LIMIT 1";

struct again {
    struct run *run;
    GHashTable *waiting; /* payments with movements that have no row of their own */
    GArray *found;       /* size_t: groups */
};

static const struct match_row *row_of(const struct run *run, const struct match_group *group) {
    return &run->match->rows[THEIRS][run->match->members[group->first]];
}

static bool is_unknown_charge(const struct run *run, const struct match_group *group) {
    return group->class == CLASS_MISSING_HERE && group->ours == 0 && group->theirs == 1 &&
           row_of(run, group)->kind == ROW_CHARGE && row_of(run, group)->status == ROW_DONE;
}

static void note_waiting(struct again *again, const struct match_group *group) {
    bool apart = group->theirs == 0 || group->class == CLASS_AMBIGUOUS ||
                 group->class == CLASS_SPLIT;
    for (uint32_t i = 0; apart && i < group->ours; i++) {
        const char *payment_id = recon_member_name(again->run, group, OURS, i)->payment_id;
        g_hash_table_add(again->waiting, (gpointer)(uintptr_t)payment_id);
    }
}

/* 1: it is a second charge. */
static int look_up(const struct again *again, struct store_tx *tx, const struct match_row *row,
                   struct err *err) {
    const struct run *run = again->run;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, captured_sql, S_TEXT(row->reference.bytes),
                      S_TEXT(row->gateway_id.bytes), S_TEXT(row->original_id.bytes),
                      S_TEXT(run->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t agreed = sql_int(rows, 1), captured = sql_int(rows, 2), together = 0;
    bool same = currency_equal(currency_stored(sql_text(rows, 3)), row->currency);
    bool more = !money_add(captured, row->amount_minor, &together) || together > agreed;
    return captured > 0 && same && more &&
           !g_hash_table_contains(again->waiting, sql_text(rows, 0));
}

static int look_up_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    const struct match *match = again->run->match;
    int looked = 0, r = 0;
    g_array_set_size(again->found, 0);
    for (size_t i = 0; r >= 0 && looked < LOOKED_UP_MAX && i < match->group_count; i++) {
        const struct match_group *group = &match->groups[i];
        if (is_unknown_charge(again->run, group)) {
            looked++;
            r = look_up(again, tx, row_of(again->run, group), err);
        }
        if (r > 0) {
            g_array_append_val(again->found, i);
            r = 0;
        }
    }
    return r;
}

int recon_charged_again(struct run *run, struct err *err) {
    struct again again = {
        .run = run,
        .waiting = g_hash_table_new(g_str_hash, g_str_equal),
        .found = g_array_new(false, false, sizeof(size_t)),
    };
    bool any = false;
    for (size_t i = 0; i < run->match->group_count; i++) {
        any = any || is_unknown_charge(run, &run->match->groups[i]);
        note_waiting(&again, &run->match->groups[i]);
    }
    int r = any && !run->request->bank ? store_read(run->store, look_up_tx, &again, err) : 0;
    for (guint i = 0; r >= 0 && i < again.found->len; i++) {
        recon_become(run, &run->match->groups[g_array_index(again.found, size_t, i)],
                     CLASS_DOUBLE_CHARGE);
    }
    g_array_free(again.found, true);
    g_hash_table_destroy(again.waiting);
    return r;
}
