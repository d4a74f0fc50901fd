/* SPDX-License-Identifier: Apache-2.0
 * match_batch.c: rows of ours against the one row that paid them out together.
 *
 * Rows of ours stand sorted by their batch; each row of theirs is asked which batch it names, and
 * looks that up. A row that names several batches is taken for none, and so is a batch that several
 * rows of one currency name. */
#include <glib.h>
#include <string.h>

#include "match/match_impl.h"

/* ---- the words of a description ---- */

static bool is_blank(char c) {
    return (unsigned char)c <= ' ';
}

/* Letters, digits and what stands inside of ids; bytes beyond ASCII are letters. */
static bool is_word(char c) {
    return g_ascii_isalnum(c) || c == '-' || c == '_' || ((unsigned char)c & 0x80) != 0;
}

static bool is_no_blank(char c) {
    return !is_blank(c);
}

struct words {
    const struct match_text *text;
    uint32_t at;
    bool (*belongs)(char c);
};

static bool next_word(struct words *words, struct match_text *ret_word) {
    const char *bytes = words->text->bytes;
    uint32_t count = words->text->count;
    while (words->at < count && !words->belongs(bytes[words->at])) {
        words->at++;
    }
    if (words->at == count) {
        return false;
    }
    uint32_t begin = words->at;
    while (words->at < count && words->belongs(bytes[words->at])) {
        words->at++;
    }
    *ret_word = (struct match_text){bytes + begin, words->at - begin};
    return true;
}

/* "(po_1)," is po_1 as well. */
static struct match_text bare(struct match_text word) {
    while (word.count > 0 && !is_word(word.bytes[0])) {
        word.bytes++;
        word.count--;
    }
    while (word.count > 0 && !is_word(word.bytes[word.count - 1])) {
        word.count--;
    }
    return word;
}

/* What stands between blanks, and the same without what stands around it. */
static void each_word(const struct match_text *text, match_name_found *found, void *ctx) {
    struct match_text word;
    for (struct words words = {text, 0, is_no_blank}; next_word(&words, &word);) {
        found(ctx, word);
        found(ctx, bare(word));
    }
}

/* And what is written together: "ref:118;po_1". */
static void each_part(const struct match_text *text, match_name_found *found, void *ctx) {
    struct match_text word;
    for (struct words words = {text, 0, is_word}; next_word(&words, &word);) {
        found(ctx, word);
    }
}

struct wanted {
    const struct match_text *batch;
    bool found;
};

static void is_wanted(void *ctx, struct match_text word) {
    struct wanted *wanted = (struct wanted *)ctx;
    wanted->found = wanted->found || match_text_compare(&word, wanted->batch) == 0;
}

bool match_names_batch(const struct match_row *theirs, const struct match_text *batch) {
    struct wanted wanted = {batch, false};
    each_word(&theirs->description, is_wanted, &wanted);
    each_part(&theirs->description, is_wanted, &wanted);
    return wanted.found || match_text_compare(&theirs->reference, batch) == 0 ||
           match_text_compare(&theirs->batch, batch) == 0;
}

void match_each_name(const struct match_row *theirs, match_name_found *found, void *ctx) {
    found(ctx, theirs->reference);
    found(ctx, theirs->batch);
    each_word(&theirs->description, found, ctx);
    each_part(&theirs->description, found, ctx);
}

struct naming {
    match_batch_name *tell;
    void *ctx;
    int stage;
};

static void tell_name(void *ctx, struct match_text word) {
    const struct naming *naming = (const struct naming *)ctx;
    naming->tell(naming->ctx, naming->stage, word);
}

void match_batch_names(const struct match_row *theirs, match_batch_name *tell, void *ctx) {
    struct naming words = {tell, ctx, 2}, parts = {tell, ctx, 3};
    tell(ctx, 0, theirs->reference);
    tell(ctx, 1, theirs->batch);
    each_word(&theirs->description, tell_name, &words);
    each_part(&theirs->description, tell_name, &parts);
}

/* ---- which batch a row names ---- */

/* Where the entries of a bucket of keys begin: the keys are spread evenly, so that a look-up sees
 * few. Whoever makes them collide pays one comparison for each doubling. */
struct batches {
    struct matcher *m;
    uint32_t *starts;
    int shift;
    size_t named; /* where the entries of the batch begin that was named; none: entry_count */
    bool several;
};

static void index_batches(struct batches *batches) {
    const struct matcher *m = batches->m;
    int bits = 0;
    while (bits < MATCH_KEY_BITS && (size_t)1 << bits < m->entry_count) {
        bits++;
    }
    size_t buckets = (size_t)1 << bits, next = 0;
    batches->shift = MATCH_KEY_BITS - bits;
    batches->starts = g_new(uint32_t, buckets + 1);
    for (size_t i = 0; i < m->entry_count; i++) {
        while (next <= m->entries[i].key >> batches->shift) {
            batches->starts[next++] = (uint32_t)i;
        }
    }
    while (next <= buckets) {
        batches->starts[next++] = (uint32_t)m->entry_count;
    }
}

static int compare_batch(const struct matcher *m, size_t at, uint64_t key,
                         const struct match_text *text) {
    const struct match_entry *entry = &m->entries[at];
    if (entry->key != key) {
        return entry->key < key ? -1 : 1;
    }
    return match_text_compare(&match_row_at(m, entry->ref)->batch, text);
}

static void name_batch(void *ctx, struct match_text text) {
    struct batches *batches = (struct batches *)ctx;
    const struct matcher *m = batches->m;
    if (text.count == 0) {
        return;
    }
    uint64_t key = match_text_key(&text, MATCH_SEED);
    size_t low = batches->starts[key >> batches->shift];
    size_t end = batches->starts[(key >> batches->shift) + 1], high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = compare_batch(m, middle, key, &text) < 0;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    if (low == end || compare_batch(m, low, key, &text) != 0) {
        return;
    }
    batches->several = batches->several ||
                       (batches->named != m->entry_count && batches->named != low);
    batches->named = low;
}

/* A field is worth more than a word, and a word more than a part of one: the first that names a
 * batch settles it. */
static bool find_named(struct batches *batches, const struct match_row *row) {
    size_t none = batches->m->entry_count;
    batches->named = none;
    batches->several = false;
    name_batch(batches, row->reference);
    if (batches->named == none) {
        name_batch(batches, row->batch);
    }
    if (batches->named == none) {
        each_word(&row->description, name_batch, batches);
    }
    if (batches->named == none) {
        each_part(&row->description, name_batch, batches);
    }
    return batches->named != none && !batches->several;
}

/* ---- the groups ---- */

enum match_class match_class_of_batch(const struct match_options *options,
                                      const struct match_rule *rule, const struct match_row *rows,
                                      const match_ref *ours, size_t count,
                                      const struct match_row *theirs) {
    match_wide sum = 0;
    int64_t last_us = 0;
    bool mixed = false, overdue = false;
    for (size_t i = 0; i < count; i++) {
        const struct match_row *row = &rows[match_ref_index(ours[i])];
        sum += match_counted(BY_BATCH, row);
        last_us = row->at_us != 0 && (last_us == 0 || row->at_us > last_us) ? row->at_us : last_us;
        mixed = mixed || !currency_equal(row->currency, theirs->currency);
        overdue = overdue || match_due_over(options, row);
    }
    match_wide difference = match_counted(BY_BATCH, theirs) - sum;
    if (mixed) {
        return CLASS_CURRENCY;
    }
    if (theirs->status != ROW_DONE) {
        return theirs->status == ROW_PENDING && !overdue ? CLASS_EXPECTED : CLASS_OPEN_THERE;
    }
    if (!match_within(rule, theirs->currency, sum, difference)) {
        return CLASS_PAYOUT;
    }
    if (!match_in_time(rule, last_us, theirs->at_us)) {
        return CLASS_LATE;
    }
    return difference == 0 ? CLASS_MATCHED : CLASS_MATCHED_TOLERANCE;
}

static int by_currency(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    return match_order(match_currency_word(match_row_at(m, a)->currency),
                       match_currency_word(match_row_at(m, b)->currency));
}

static size_t currency_end(const struct matcher *m, const match_ref *refs, size_t at,
                           size_t count) {
    size_t end = at;
    while (end < count && by_currency(m, refs[at], refs[end]) == 0) {
        end++;
    }
    return end;
}

/* refs[count] has room for the row of theirs. */
static void take_batch(struct matcher *m, match_ref *refs, size_t count, match_ref theirs) {
    match_ref *members = g_new(match_ref, count + 1);
    memcpy(members, refs, count * sizeof *members);
    members[count] = theirs;
    match_take(m,
               match_class_of_batch(m->options, m->rule, m->rows[OURS], refs, count,
                                    match_row_at(m, theirs)),
               members, count + 1);
    g_free(members);
}

/* One batch: our rows of a currency belong to the one row of theirs that has it. A single row of
 * theirs in a currency that none of ours has stands for all. */
static void match_one_batch(struct matcher *m, match_ref *ours, size_t our_count, match_ref *theirs,
                            size_t their_count) {
    match_ref *spare = g_new(match_ref, MAX(our_count, their_count));
    match_sort_refs(ours, spare, our_count, by_currency, m);
    match_sort_refs(theirs, spare, their_count, by_currency, m);
    g_free(spare);
    bool met = false;
    for (size_t i = 0, j = 0; i < our_count && j < their_count;) {
        int found = by_currency(m, ours[i], theirs[j]);
        size_t our_end = currency_end(m, ours, i, our_count);
        size_t their_end = currency_end(m, theirs, j, their_count);
        met = met || found == 0;
        if (found == 0 && their_end - j == 1) {
            take_batch(m, &ours[i], our_end - i, theirs[j]);
        }
        i = found <= 0 ? our_end : i;
        j = found >= 0 ? their_end : j;
    }
    if (!met && their_count == 1) {
        take_batch(m, ours, our_count, theirs[0]);
    }
}

static void collect_ours(struct matcher *m) {
    match_entries_make(m, m->free_count);
    for (size_t i = 0; i < m->counts[OURS]; i++) {
        const struct match_row *row = &m->rows[OURS][i];
        match_ref ref = match_ref_of(OURS, i);
        if (match_is_free(m, ref) && match_rule_looks(m->rule, OURS, row)) {
            uint64_t key = match_text_key(&row->batch, MATCH_SEED);
            m->entries[m->entry_count++] = (struct match_entry){key, ref};
        }
    }
    match_sort_entries(&m->entries, &m->spare, m->entry_count);
    for (size_t at = 0; at < m->entry_count;) {
        at = match_run_end(m, at);
    }
}

static GArray *collect_named(struct matcher *m) {
    struct batches batches = {.m = m};
    GArray *named = g_array_new(false, false, sizeof(struct match_entry));
    index_batches(&batches);
    for (size_t i = 0; i < m->counts[THEIRS] && m->entry_count > 0; i++) {
        const struct match_row *row = &m->rows[THEIRS][i];
        match_ref ref = match_ref_of(THEIRS, i);
        if (match_is_free(m, ref) && match_rule_looks(m->rule, THEIRS, row) &&
            find_named(&batches, row)) {
            struct match_entry entry = {batches.named, ref};
            g_array_append_val(named, entry);
        }
    }
    g_free(batches.starts);
    return named;
}

void match_by_batch(struct matcher *m) {
    collect_ours(m);
    GArray *found = collect_named(m);
    struct match_entry *named = g_new(struct match_entry, found->len);
    struct match_entry *spare = g_new(struct match_entry, found->len);
    for (size_t i = 0; i < found->len; i++) {
        named[i] = g_array_index(found, struct match_entry, i);
    }
    match_sort_entries(&named, &spare, found->len);
    match_ref *theirs = g_new(match_ref, found->len);
    for (size_t i = 0, next = 0; i < found->len; i = next) {
        size_t at = named[i].key, end = match_slice_end(m, at, m->entry_count);
        match_ref *ours = g_new(match_ref, end - at);
        for (size_t j = at; j < end; j++) {
            ours[j - at] = m->entries[j].ref;
        }
        for (next = i; next < found->len && named[next].key == at; next++) {
            theirs[next - i] = named[next].ref;
        }
        match_one_batch(m, ours, end - at, theirs, next - i);
        g_free(ours);
    }
    g_free(theirs);
    g_free(named);
    g_free(spare);
    g_array_free(found, true);
    match_entries_release(m);
}
