/* SPDX-License-Identifier: Apache-2.0
 * demo_sums.h: what came of it: the service's word, the customers' word and the sandbox's own book,
 * side by side. Threads: one, when the shop has closed. Owns: nothing. */
#ifndef HOLDFAST_CLI_DEMO_SUMS_H
#define HOLDFAST_CLI_DEMO_SUMS_H

#include "cli/demo_shop.h"

struct cli;
enum { DEMO_BOOKS_MAX = 16 };

struct demo_book {
    char gateway[32], currency[8];
    int64_t ours_taken, theirs_taken, ours_returned, theirs_returned;
};

struct demo_sums {
    int64_t asked, succeeded, declined, saved, was_unknown, unresolved, refunds;
    int64_t charged_twice, lost;
    int64_t longest_wait_us, noticed_us; /* noticed -1: no scene told */
    int64_t broken_invariants, open_cases, forged_refused;
    struct demo_book books[DEMO_BOOKS_MAX];
    int book_count;
    bool books_equal;
};

MUST_USE int demo_sums_take(struct stage *stage, struct shop *shop, struct demo_sums *ret_sums,
                            struct err *err);
void demo_sums_print(struct cli *cli, const struct demo_sums *sums);
/* Charged twice, lost and unresolved are all none, no invariant is broken and the books are equal.
 */
bool demo_sums_well(const struct demo_sums *sums);

#endif
