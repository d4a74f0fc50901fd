/* SPDX-License-Identifier: Apache-2.0
 * match_rules.c: who meets whom.
 *
 * A rule gives each row that it looks at a key; entries are sorted by the key's hash, and those
 * with one hash are compared byte by byte. The hash is only an order that brings equals together:
 * whoever makes texts that collide makes them be sorted, and nothing slower. */
#include <glib.h>
#include <string.h>
#include <xxhash.h>

#include "match/match_impl.h"

enum { ROWS_AHEAD = 24, TEXTS_AHEAD = 12 };
/* So much of the hash is sorted by: four rounds instead of six. What it leaves together that does
 * not belong together is as rare as one pair in eight runs of a million rows. */
enum { HASH_BITS_DROPPED = 64 - MATCH_KEY_BITS };

uint64_t match_text_key(const struct match_text *text, uint64_t seed) {
    return XXH3_64bits_withSeed(text->count == 0 ? "" : text->bytes, text->count, seed) >>
           HASH_BITS_DROPPED;
}

static bool has_amount_in_key(enum match_by by) {
    return by == BY_ORIGINAL || by == BY_AMOUNT_TIME;
}

static uint64_t key_of(const struct matcher *m, const struct match_row *row) {
    enum match_by by = m->rule->by;
    const struct match_text *text = match_rule_text(by, row);
    uint64_t seed = MATCH_SEED + (by == BY_BATCH ? 0 : (uint64_t)row_kind_family(row->kind));
    if (has_amount_in_key(by)) {
        const uint64_t parts[] = {(uint64_t)match_bank_amount(row),
                                  match_currency_word(row->currency)};
        seed = XXH3_64bits_withSeed(parts, sizeof parts, seed);
    }
    static const struct match_text none = {NULL, 0};
    return match_text_key(text != NULL ? text : &none, seed);
}

int match_key_compare(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    const struct match_row *x = match_row_at(m, a), *y = match_row_at(m, b);
    enum match_by by = m->rule->by;
    int found = by == BY_BATCH ? 0
                               : match_order(row_kind_family(x->kind), row_kind_family(y->kind));
    if (found == 0 && has_amount_in_key(by)) {
        found = match_order(match_currency_word(x->currency), match_currency_word(y->currency));
        found = found != 0 ? found : match_order(match_bank_amount(x), match_bank_amount(y));
    }
    const struct match_text *text = match_rule_text(by, x);
    return found != 0 || text == NULL ? found : match_text_compare(text, match_rule_text(by, y));
}

/* ---- runs of one hash, slices of one key ---- */

void match_entries_make(struct matcher *m, size_t count) {
    m->entries = g_new(struct match_entry, count);
    m->spare = g_new(struct match_entry, count);
    m->entry_count = 0;
}

void match_entries_release(struct matcher *m) {
    g_clear_pointer(&m->entries, g_free);
    g_clear_pointer(&m->spare, g_free);
    m->entry_count = 0;
}

/* `spare` is not in use but while entries are sorted: room for four words an entry. */
static match_ref *scratch(struct matcher *m) {
    static_assert(sizeof(struct match_entry) >= 4 * sizeof(match_ref), "four words an entry");
    return (match_ref *)(void *)m->spare;
}

static void put_apart(struct matcher *m, size_t at, size_t end) {
    match_ref *refs = scratch(m);
    for (size_t i = at; i < end; i++) {
        refs[i - at] = m->entries[i].ref;
    }
    match_sort_refs(refs, refs + (end - at), end - at, match_key_compare, m);
    for (size_t i = at; i < end; i++) {
        m->entries[i].ref = refs[i - at];
    }
}

size_t match_run_end(struct matcher *m, size_t at) {
    size_t end = at + 1;
    bool collision = false;
    for (; end < m->entry_count && m->entries[end].key == m->entries[at].key; end++) {
        collision = collision || match_key_compare(m, m->entries[at].ref, m->entries[end].ref) != 0;
    }
    if (collision) {
        put_apart(m, at, end);
    }
    return end;
}

size_t match_slice_end(const struct matcher *m, size_t at, size_t run_end) {
    size_t end = at + 1;
    while (end < run_end && match_key_compare(m, m->entries[at].ref, m->entries[end].ref) == 0) {
        end++;
    }
    return end;
}

static void collect(struct matcher *m) {
    match_entries_make(m, m->free_count);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < m->counts[side]; i++) {
            const struct match_row *row = &m->rows[side][i];
            match_ref ref = match_ref_of((enum match_side)side, i);
            if (match_is_free(m, ref) && match_rule_looks(m->rule, (enum match_side)side, row)) {
                m->entries[m->entry_count++] = (struct match_entry){key_of(m, row), ref};
            }
        }
    }
    match_sort_entries(&m->entries, &m->spare, m->entry_count);
}

/* ---- AMOUNT_TIME ---- */

enum { APART_SETS = 1 << (BY_REFERENCE + 1) };

struct in_time {
    const struct matcher *m;
    match_ref *refs;
    uint32_t *seen; /* how many candidates, at most 2 */
    uint32_t *one;  /* where the last of them stands */
    size_t bounds[MATCH_SIDES][APART_SETS + 1];
};

static int64_t when(const struct in_time *t, size_t i) {
    return match_row_at(t->m, t->refs[i])->at_us;
}

static int time_order(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    return match_order(match_row_at(m, a)->at_us, match_row_at(m, b)->at_us);
}

/* Puts the rows apart by side and by the ids that tell them apart, each in the order of time. */
static void put_in_lots(struct in_time *t, const struct match_slice *slice) {
    size_t sizes[MATCH_SIDES][APART_SETS] = {{0}}, at = 0;
    uint32_t *sets = slice->spare[0];
    for (size_t i = 0; i < slice->count; i++) {
        const struct match_row *row = match_row_at(t->m, slice->refs[i]);
        sets[i] = match_told_apart_bits(t->m->options, t->m->rule_index, row);
        sizes[match_ref_side(slice->refs[i])][sets[i]]++;
    }
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (unsigned set = 0; set < APART_SETS; set++) {
            t->bounds[side][set] = at;
            at += sizes[side][set];
            sizes[side][set] = t->bounds[side][set];
        }
        t->bounds[side][APART_SETS] = at;
    }
    for (size_t i = 0; i < slice->count; i++) {
        t->refs[sizes[match_ref_side(slice->refs[i])][sets[i]]++] = slice->refs[i];
    }
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (unsigned set = 0; set < APART_SETS; set++) {
            size_t first = t->bounds[side][set], count = t->bounds[side][set + 1] - first;
            match_sort_refs(t->refs + first, slice->spare[0] + first, count, time_order, t->m);
        }
    }
}

/* Both stand in the order of time, so that what one row sees begins and ends no earlier than what
 * the row before it saw. */
static void look(struct in_time *t, const size_t *from, const size_t *to, int64_t before,
                 int64_t after) {
    size_t low = to[0], high = to[0];
    for (size_t i = from[0]; i < from[1]; i++) {
        match_wide at = when(t, i);
        while (low < to[1] && when(t, low) < at - before) {
            low++;
        }
        high = MAX(high, low);
        while (high < to[1] && when(t, high) <= at + after) {
            high++;
        }
        if (high > low) {
            t->seen[i] = (uint32_t)MIN(t->seen[i] + (high - low), 2);
            t->one[i] = (uint32_t)low;
        }
    }
}

static void amount_time(struct matcher *m, const struct match_slice *slice) {
    struct in_time t = {m, slice->spare[2], slice->spare[0], slice->spare[1], {{0}}};
    int64_t before = m->rule->before_us, after = m->rule->after_us;
    put_in_lots(&t, slice);
    memset(t.seen, 0, slice->count * sizeof *t.seen);
    for (unsigned ours = 0; ours < APART_SETS; ours++) {
        for (unsigned theirs = 0; theirs < APART_SETS; theirs++) {
            if ((ours & theirs) == 0) {
                look(&t, &t.bounds[OURS][ours], &t.bounds[THEIRS][theirs], before, after);
                look(&t, &t.bounds[THEIRS][theirs], &t.bounds[OURS][ours], after, before);
            }
        }
    }
    for (size_t i = 0; i < slice->ours; i++) {
        if (t.seen[i] > 1) {
            m->group_of[OURS][match_ref_index(t.refs[i])] = MATCH_FREE_AMBIGUOUS;
        } else if (t.seen[i] == 1 && t.seen[t.one[i]] == 1) {
            match_pair(m, t.refs[i], t.refs[t.one[i]]);
        }
    }
}

/* ---- REFERENCE: what an earlier rule has left of a reference that is known ---- */

static size_t find_key(const struct matcher *m, uint64_t key, match_ref ref) {
    size_t low = 0, high = m->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct match_entry *entry = &m->entries[middle];
        bool before = entry->key != key ? entry->key < key
                                        : match_key_compare(m, entry->ref, ref) < 0;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    bool found = low < m->entry_count && m->entries[low].key == key &&
                 match_key_compare(m, m->entries[low].ref, ref) == 0;
    return found ? low : m->entry_count;
}

/* Keeps the entries of theirs that are still free and of which money moved. */
static void keep_left_there(struct matcher *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->entry_count; i++) {
        match_ref ref = m->entries[i].ref;
        if (match_ref_side(ref) == THEIRS && match_is_free(m, ref) &&
            match_row_at(m, ref)->status == ROW_DONE) {
            m->entries[kept++] = m->entries[i];
        }
    }
    m->entry_count = kept;
}

/* Rows of ours that an earlier rule found paid there, and whose reference stands there once more:
 * where the entries of it begin, and the row. */
static GArray *find_settled(struct matcher *m) {
    GArray *settled = g_array_new(false, false, sizeof(struct match_entry));
    for (size_t i = 0; i < m->counts[OURS] && m->entry_count > 0; i++) {
        uint32_t group = m->group_of[OURS][i];
        const struct match_row *row = &m->rows[OURS][i];
        if (group >= MATCH_FREE_AMBIGUOUS || !m->drafts[group].paid_there ||
            !match_rule_looks(m->rule, OURS, row)) {
            continue;
        }
        match_ref ref = match_ref_of(OURS, i);
        struct match_entry entry = {find_key(m, key_of(m, row), ref), ref};
        if (entry.key < m->entry_count) {
            g_array_append_val(settled, entry);
        }
    }
    return settled;
}

static void once_more(struct matcher *m) {
    keep_left_there(m);
    GArray *found = find_settled(m);
    struct match_entry *settled = (struct match_entry *)(void *)found->data;
    struct match_entry *spare = g_new(struct match_entry, found->len);
    match_sort_entries(&settled, &spare, found->len);
    for (size_t i = 0, next = 0; i < found->len; i = next) {
        size_t at = settled[i].key, count = 0;
        for (next = i; next < found->len && settled[next].key == at; next++) {
        }
        size_t end = match_slice_end(m, at, m->entry_count);
        match_ref *refs = scratch(m);
        for (size_t j = at; j < end; j++) {
            refs[count++] = m->entries[j].ref;
        }
        match_once_more(m, refs, count, &settled[i], next - i, refs + count);
    }
    /* After an odd number of rounds the two have changed places. */
    g_free((void *)settled == (void *)found->data ? (void *)spare : (void *)settled);
    g_array_free(found, true);
}

/* ---- the rules ---- */

static void take_slice(struct matcher *m, const struct match_slice *slice) {
    if (slice->ours == 0 || slice->ours == slice->count) {
        return;
    }
    if (m->rule->by == BY_AMOUNT_TIME) {
        amount_time(m, slice);
    } else if (slice->ours == 1 && slice->count == 2) {
        match_pair(m, slice->refs[0], slice->refs[1]);
    } else if (m->rule->by != BY_ORIGINAL) {
        match_many(m, slice);
    }
}

static void take_run(struct matcher *m, size_t at, size_t run_end) {
    for (size_t next = at; at < run_end; at = next) {
        next = match_slice_end(m, at, run_end);
        size_t count = next - at;
        match_ref *refs = scratch(m);
        struct match_slice slice = {
            refs, 0, count, {refs + count, refs + 2 * count, refs + 3 * count}};
        for (size_t i = 0; i < count; i++) {
            refs[i] = m->entries[at + i].ref;
            slice.ours += match_ref_side(refs[i]) == OURS;
        }
        take_slice(m, &slice);
    }
}

/* Rows of one key lie anywhere: they are called up while others are looked at. */
static void call_up(const struct matcher *m, size_t at) {
    if (at + ROWS_AHEAD < m->entry_count) {
        const char *row = (const char *)match_row_at(m, m->entries[at + ROWS_AHEAD].ref);
        for (size_t line = 0; line < sizeof(struct match_row); line += 64) {
            __builtin_prefetch(row + line);
        }
    }
    if (at + TEXTS_AHEAD < m->entry_count) {
        const struct match_row *row = match_row_at(m, m->entries[at + TEXTS_AHEAD].ref);
        const struct match_text *text = match_rule_text(m->rule->by, row);
        if (text != NULL) {
            __builtin_prefetch(text->bytes);
        }
    }
}

void match_by_key(struct matcher *m) {
    collect(m);
    for (size_t at = 0, next = 0; at < m->entry_count; at = next) {
        next = at + 1;
        call_up(m, at);
        if (next == m->entry_count || m->entries[next].key != m->entries[at].key) {
            continue;
        }
        call_up(m, next);
        next = match_run_end(m, at);
        take_run(m, at, next);
    }
    if (m->rule->by == BY_REFERENCE && m->rule_index > 0) {
        once_more(m);
    }
    match_entries_release(m);
}
