/* SPDX-License-Identifier: Apache-2.0
 * payouts_impl.h: what the files about payouts share; for nobody else.
 *
 *   payouts.c          the rules of a run; what is due at a bank; lines as they are taken in
 *   payout_find.c      which payouts a line names; which sums there are
 *   payout_bundle.c    what a run compares, put together
 *   payout_suspense.c  lines that were taken for customers' transfers
 *   payout_charges.c   what the bank deducted, in the books
 * Amounts are as the bank sees them: + comes. */
#ifndef HOLDFAST_RECON_PAYOUTS_IMPL_H
#define HOLDFAST_RECON_PAYOUTS_IMPL_H

#include "match/match_impl.h"
#include "recon/payouts.h"

struct due {
    const char *id; /* the posting that is due */
    const char *sender, *reference, *batch;
    struct currency currency;
    int64_t amount_minor, at_us;
    int64_t put_minor; /* what stands beside it already, and is not what was paid out */
    bool taken;
    bool exact;   /* a free line has its very amount: it takes part in no sum */
    guint claims; /* sums that would take it */
    guint row;    /* in the run's side; of a list of dues its own place */
};
struct line {
    struct payout_line what;
    const char *id, *party; /* of a row in suspense: its name, and who sent it; else "" */
    bool taken, named;
    bool exact;
    guint claims;
    guint row;
};
struct payouts {
    GArray *dues; /* by sender, currency and time */
    struct due_names *names;
    GStringChunk *texts;
};

static inline struct due *due_at(const GArray *dues, guint i) {
    return &g_array_index(dues, struct due, i);
}
static inline struct line *line_at(const GArray *lines, guint i) {
    return &g_array_index(lines, struct line, i);
}
static inline struct match_text payout_text(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

/* ---- payout_find.c ---- */

void dues_sort(GArray *dues);
/* The names of a list of dues, which stays where it is meanwhile. */
struct due_names *due_names_new(const GArray *dues);
void due_names_free(struct due_names *names); /* NULL is fine */
/* Indices (guint) of the dues that are not taken, move money the same way, and which the line
 * names: each once, ascending. */
void due_names_of(const struct due_names *names, const struct payout_line *line, GArray *ret_dues);
/* The very amount, within the window, and free. */
bool due_may_be_all(const struct due *due, const struct payout_line *line);
/* Marks what has a free partner of its very amount within the window. */
void dues_mark_exact(GArray *dues, GArray *lines);
/* The only payouts of one sender that follow each other and come to the line: how many from
 * *ret_first on; 0: none, or several such. */
guint dues_sum(const GArray *dues, const struct payout_line *line, guint *ret_first);
/* The only lines, of one party where that is told, that come to the payout: how many indices. 0:
 * none, several such, or too many lines to look at. `of_one`: lines without a party are none. */
int due_parts(const struct due *due, const GArray *lines, bool of_one,
              guint ret_lines[PAYOUT_PARTS_MAX]);

#endif
