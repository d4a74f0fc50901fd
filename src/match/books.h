/* SPDX-License-Identifier: Apache-2.0
 * books.h: by currency, how our books of a gateway's account moved, and what the gateway's own
 * balances differ from them by: what a run finds (recon/run.h) and a report shows.
 * Amounts in minor units, theirs less ours where they differ. Plain data: nothing is owned. */
#ifndef HOLDFAST_MATCH_BOOKS_H
#define HOLDFAST_MATCH_BOOKS_H

#include "base/money.h"
#include "match/match.h"

enum { RUN_BROKEN_CHARS_MAX = 399 };

/* By currency, in the gateway's receivable account as our books have it. */
struct run_book {
    struct currency currency;
    int64_t opening_minor;   /* the closing balance that the run before found; 0 */
    int64_t movements_minor; /* what was posted in the time between */
    int64_t late_minor;      /* what was posted into the time before, after that run had read it */
    int64_t closing_minor;   /* summed from all postings until then */
};
/* What our books and the gateway's differ by: a class of movements, or one of book_items.def. */
enum run_item {
    RUN_ITEM_FIRST = CLASS_COUNT - 1,
#define X(name, text, explained, what) RUN_ITEM_##name,
#include "match/book_items.def"
#undef X
    RUN_ITEM_COUNT
};
/* By currency, of statements that tell balances (recon/run_balance.h). */
struct run_balance {
    struct currency currency;
    int64_t opening_minor; /* of the first statement */
    int64_t rows_minor;    /* of all of them */
    int64_t closing_minor; /* of the last one */
    int64_t ours_minor;    /* closing balance of our books */
    int64_t items_minor[RUN_ITEM_COUNT];
    int64_t unexplained_minor; /* of items that explain nothing */
    bool proved;               /* there is no such item, even if they cancel out */
    char broken_by[RUN_BROKEN_CHARS_MAX + 1];
};

/* "before_first_statement", or a class's name. */
const char *run_item_name(int item);
/* Whether a difference by this item is explained by it; else it breaks the proof. */
bool run_item_explains(int item);

#endif
