/* SPDX-License-Identifier: Apache-2.0
 * match_impl.h: what the files of the matcher share; for nobody else.
 *
 *   match.c          the names, the order of the rules, what is left over, the result
 *   match_compare.c  two rows, or two sums: what differs
 *   match_rules.c    who meets whom: by id, by reference, by original, by amount and time
 *   match_many.c     several rows of one id or reference
 *   match_fit.c      those of them that moved money on both sides and are not equal
 *   match_batch.c    rows of ours against the one row of a payout
 *   match_join.c     rows that their owner has put together
 *   match_sort.c     the two sorts that everything stands on
 *   match_explain.c  the same rules told for one row
 *
 * A rule looks only at rows that were free when it began, and what it takes does not depend on the
 * order of the rows: so the explanation can find out afterwards what the rule saw.
 * Owns: struct matcher lives as long as one match_run(). Threads: one. */
#ifndef HOLDFAST_MATCH_MATCH_IMPL_H
#define HOLDFAST_MATCH_MATCH_IMPL_H

#include "match/match.h"

/* Sums of a hundred million amounts, and a million times that, fit. */
typedef __int128 match_wide;

/* A row of either side in one word: the side above, its index below. */
typedef uint32_t match_ref;
#define MATCH_REF_SIDE_SHIFT 31
static_assert(MATCH_ROWS_MAX < INT64_C(1) << MATCH_REF_SIDE_SHIFT, "an index leaves room for it");
static inline match_ref match_ref_of(enum match_side side, size_t index) {
    return (uint32_t)side << MATCH_REF_SIDE_SHIFT | (uint32_t)index;
}
static inline enum match_side match_ref_side(match_ref ref) {
    return (enum match_side)(ref >> MATCH_REF_SIDE_SHIFT);
}
static inline size_t match_ref_index(match_ref ref) {
    return ref & ((UINT32_C(1) << MATCH_REF_SIDE_SHIFT) - 1);
}

struct match_entry {
    uint64_t key;
    match_ref ref;
};

/* What group_of[] holds before a row has a group. AMBIGUOUS: free, and AMOUNT_TIME saw several. */
#define MATCH_FREE UINT32_MAX
#define MATCH_FREE_AMBIGUOUS (UINT32_MAX - 1)
static_assert(MATCH_SIDES * MATCH_ROWS_MAX < MATCH_FREE_AMBIGUOUS, "a group's number is neither");

/* A group while the rules run: its members are those whose group_of[] says so. */
struct match_draft {
    uint8_t class;
    int8_t rule;
    bool paid_there; /* money moved there for a row of ours */
};

struct matcher {
    const struct match_row *rows[MATCH_SIDES];
    size_t counts[MATCH_SIDES];
    const struct match_options *options;
    const struct match_rule *rule; /* the one that runs */
    int rule_index;
    uint32_t *group_of[MATCH_SIDES];
    size_t free_count;
    struct match_draft *drafts;
    size_t draft_count, draft_room;
    /* Of the rule that runs: the rows that it looks at, sorted by their key. */
    struct match_entry *entries, *spare;
    size_t entry_count;
};

static inline const struct match_row *match_row_at(const struct matcher *m, match_ref ref) {
    return &m->rows[match_ref_side(ref)][match_ref_index(ref)];
}
static inline bool match_is_free(const struct matcher *m, match_ref ref) {
    return m->group_of[match_ref_side(ref)][match_ref_index(ref)] >= MATCH_FREE_AMBIGUOUS;
}
static inline int match_order(int64_t a, int64_t b) {
    return a < b ? -1 : a > b;
}
/* A new group with these members, made by the rule that runs. */
void match_take(struct matcher *m, enum match_class class, const match_ref *refs, size_t count);

/* ---- match_compare.c ---- */

static inline bool match_text_told(const struct match_text *text) {
    return text->count > 0;
}
int match_text_compare(const struct match_text *a, const struct match_text *b);
/* The text that a rule looks at; NULL: it looks at none. */
const struct match_text *match_rule_text(enum match_by by, const struct match_row *row);
/* Whether the rule looks at such a row at all: its family, and that it tells what is needed. */
bool match_rule_covers(const struct match_rule *rule, const struct match_row *row);
bool match_rule_looks(const struct match_rule *rule, enum match_side side,
                      const struct match_row *row);
/* Currencies in the order of their letters. */
static inline uint32_t match_currency_word(struct currency currency) {
    const unsigned char *c = (const unsigned char *)currency.code;
    return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}
/* The kind and the amount as the bank sees them: a payout of -100 is a credit of 100 there. */
enum row_kind match_bank_kind(enum row_kind kind);
int64_t match_bank_amount(const struct match_row *row);
bool match_kinds_differ(enum row_kind ours, enum row_kind theirs);
/* What a row counts in the sums of its group. */
match_wide match_counted(enum match_by by, const struct match_row *row);
bool match_due_over(const struct match_options *options, const struct match_row *ours);
bool match_within(const struct match_rule *rule, struct currency currency, match_wide ours,
                  match_wide difference);
/* Whether theirs lies in the window of ours; the second is true of times that nobody tells or
 * limits. */
bool match_in_window(const struct match_rule *rule, int64_t our_us, int64_t their_us);
bool match_in_time(const struct match_rule *rule, int64_t our_us, int64_t their_us);
bool match_fees_differ(const struct match_options *options, const struct match_row *ours,
                       const struct match_row *theirs);
enum match_class match_class_of_pair(const struct match_options *options,
                                     const struct match_rule *rule, const struct match_row *ours,
                                     const struct match_row *theirs);
/* A difference of amounts beyond the tolerance, of 1:1. */
enum match_class match_class_of_amount(enum row_family family, match_wide difference);
/* A row that no rule took. */
enum match_class match_class_alone(const struct match_options *options, enum match_side side,
                                   const struct match_row *row);
/* AMOUNT_TIME: which ids the row tells that an earlier rule has looked at. Two rows that share one
 * of these bits are told apart by it. */
unsigned match_told_apart_bits(const struct match_options *options, int rule_index,
                               const struct match_row *row);

/* ---- match_sort.c ---- */

/* By key, rows of one key in the order in which they stood. Linear; what is sorted is in *entries
 * afterwards, which may have changed places with *spare. */
void match_sort_entries(struct match_entry **entries, struct match_entry **spare, size_t count);
/* By any order; those that compare equal stay in theirs. No more than n log n comparisons. */
typedef int match_compare(const void *ctx, match_ref a, match_ref b);
void match_sort_refs(match_ref *refs, match_ref *spare, size_t count, match_compare *compare,
                     const void *ctx);

/* ---- match_rules.c ---- */

/* Rows with one key: ours first, each side as it stands in rows[]. */
struct match_slice {
    match_ref *refs;
    size_t ours, count;
    match_ref *spare[3]; /* of `count` each */
};
enum { MATCH_KEY_BITS = 44, MATCH_SEED = 0x5ec0de }; /* of a rule with families: and the family */
uint64_t match_text_key(const struct match_text *text, uint64_t seed);
int match_key_compare(const void *matcher, match_ref a, match_ref b);
/* Where those end that have the key of `at`; whose keys collide have been put apart. */
size_t match_run_end(struct matcher *m, size_t at);
size_t match_slice_end(const struct matcher *m, size_t at, size_t run_end);
/* `entries` and `spare` for so many, until match_entries_release(). */
void match_entries_make(struct matcher *m, size_t count);
void match_entries_release(struct matcher *m);
void match_by_key(struct matcher *m);

/* ---- match_many.c ---- */

void match_pair(struct matcher *m, match_ref ours, match_ref theirs);
void match_many(struct matcher *m, const struct match_slice *slice);
/* The oldest first; who tells no time, last. */
int match_by_age(const struct match_row *x, const struct match_row *y);
/* REFERENCE: rows of theirs that stood alone (`refs`, one reference), of which rows of ours
 * (`settled`) were found by earlier rules. */
void match_once_more(struct matcher *m, match_ref *refs, size_t count,
                     const struct match_entry *settled, size_t settled_count, match_ref *spare);

/* ---- match_fit.c ---- */

/* Between several rows of each side so many pairs are looked at, and no more. */
enum { MATCH_FITS_MAX = 1024 };
/* Rows that are DONE, at least one of each side, in the order of currency, amount, kind and age;
 * `spare`: room for all of them. Afterwards rows of one side at most are free. The lists are not
 * kept. */
void match_fit(struct matcher *m, match_ref *ours, size_t our_count, match_ref *theirs,
               size_t their_count, match_ref *spare);

/* ---- match_batch.c ---- */

void match_by_batch(struct matcher *m);
/* Whether the row names the batch in one of the three ways. */
bool match_names_batch(const struct match_row *theirs, const struct match_text *batch);
/* Each name that it bears: its reference, its batch, the words of its description; some twice. */
typedef void match_name_found(void *ctx, struct match_text name);
void match_each_name(const struct match_row *theirs, match_name_found *found, void *ctx);
enum match_class match_class_of_batch(const struct match_options *options,
                                      const struct match_rule *rule, const struct match_row *rows,
                                      const match_ref *ours, size_t count,
                                      const struct match_row *theirs);

/* ---- match_join.c ---- */

void match_by_join(struct matcher *m);

#endif
