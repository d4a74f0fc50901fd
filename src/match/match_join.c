/* SPDX-License-Identifier: Apache-2.0
 * match_join.c: rows that their owner has put together. It is he who has looked for them (by names
 * in a text, by sums); here they are compared, and taken or not. */
#include <glib.h>

#include "match/match_impl.h"

static void collect(struct matcher *m) {
    match_entries_make(m, m->free_count);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < m->counts[side]; i++) {
            const struct match_row *row = &m->rows[side][i];
            match_ref ref = match_ref_of((enum match_side)side, i);
            if (match_is_free(m, ref) && match_rule_looks(m->rule, (enum match_side)side, row)) {
                m->entries[m->entry_count++] = (struct match_entry){row->join, ref};
            }
        }
    }
    match_sort_entries(&m->entries, &m->spare, m->entry_count);
}

/* Of both sides, as payouts and lines of a bank are: all DONE. */
static void take_joined(struct matcher *m, const match_ref *refs, size_t count) {
    const struct match_row *first = match_row_at(m, refs[0]);
    match_wide sums[MATCH_SIDES] = {0};
    size_t counts[MATCH_SIDES] = {0};
    bool mixed = false;
    for (size_t i = 0; i < count; i++) {
        const struct match_row *row = match_row_at(m, refs[i]);
        sums[match_ref_side(refs[i])] += match_counted(m->rule->by, row);
        counts[match_ref_side(refs[i])]++;
        mixed = mixed || !currency_equal(row->currency, first->currency);
    }
    match_wide difference = sums[THEIRS] - sums[OURS];
    bool same = !mixed && difference == 0, sum_only = m->rule->by != BY_PAYOUT_NAME;
    if (counts[OURS] == 0 || counts[THEIRS] == 0 || (sum_only && !same)) {
        return;
    }
    bool within = match_within(m->rule, first->currency, sums[OURS], difference);
    enum match_class class = mixed    ? CLASS_CURRENCY
                             : same   ? CLASS_MATCHED
                             : within ? CLASS_MATCHED_TOLERANCE
                                      : CLASS_PAYOUT;
    match_take(m, class, refs, count);
}

void match_by_join(struct matcher *m) {
    collect(m);
    match_ref *refs = g_new(match_ref, m->entry_count);
    for (size_t at = 0, next = 0; at < m->entry_count; at = next) {
        for (next = at; next < m->entry_count && m->entries[next].key == m->entries[at].key;
             next++) {
            refs[next - at] = m->entries[next].ref;
        }
        take_joined(m, refs, next - at);
    }
    g_free(refs);
    match_entries_release(m);
}
