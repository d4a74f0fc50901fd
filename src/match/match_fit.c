/* SPDX-License-Identifier: Apache-2.0
 * match_fit.c: rows of one name that moved money on both sides and are not equal: parts of one
 * whole, or the same thing more often than it should be there (match.h has the steps and their
 * order). Steps 1, 2 and 4 are walks along the rows; step 3 looks at pairs, of which there are no
 * more than MATCH_FITS_MAX unless one side has a single row. */
#include <glib.h>

#include "match/match_impl.h"

/* The rows that are left of each side, in the order of amounts, then kinds, then age. */
struct fit {
    struct matcher *m;
    match_ref *refs[MATCH_SIDES];
    size_t counts[MATCH_SIDES];
    match_ref *spare; /* of all of them */
};

static const struct match_row *row_of(const struct fit *fit, enum match_side side, size_t i) {
    return match_row_at(fit->m, fit->refs[side][i]);
}

static match_wide without_sign(match_wide value) {
    return value < 0 ? -value : value;
}

/* ---- sums ---- */

struct whole {
    match_wide sum[MATCH_SIDES];
    struct currency currency; /* of the first */
    bool mixed;
};

static struct whole add_up(const struct fit *fit) {
    struct whole whole = {.currency = row_of(fit, OURS, 0)->currency};
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < fit->counts[side]; i++) {
            const struct match_row *row = row_of(fit, (enum match_side)side, i);
            whole.sum[side] += match_bank_amount(row);
            whole.mixed = whole.mixed || !currency_equal(row->currency, whole.currency);
        }
    }
    return whole;
}

/* Whether it comes to what is expected of all of ours. */
static bool comes_to(const struct fit *fit, const struct whole *whole, match_wide theirs) {
    return match_within(fit->m->rule, whole->currency, whole->sum[OURS],
                        theirs - whole->sum[OURS]);
}

/* ---- taking ---- */

static void keep_free(struct fit *fit) {
    for (int side = 0; side < MATCH_SIDES; side++) {
        size_t kept = 0;
        for (size_t i = 0; i < fit->counts[side]; i++) {
            if (match_is_free(fit->m, fit->refs[side][i])) {
                fit->refs[side][kept++] = fit->refs[side][i];
            }
        }
        fit->counts[side] = kept;
    }
}

/* All of ours with the `count` rows of theirs that stand in `spare`, behind room for ours. */
static void take_together(struct fit *fit, match_wide theirs, size_t count) {
    struct whole whole = add_up(fit);
    match_wide difference = theirs - whole.sum[OURS];
    enum match_class class = whole.mixed ? CLASS_CURRENCY
                             : !match_within(fit->m->rule, whole.currency, whole.sum[OURS],
                                             difference)
                                 ? row_kind_family(row_of(fit, OURS, 0)->kind) == FAMILY_BANK
                                       ? CLASS_PAYOUT
                                       : CLASS_SPLIT
                             : difference == 0 ? CLASS_MATCHED
                                               : CLASS_MATCHED_TOLERANCE;
    for (size_t i = 0; i < fit->counts[OURS]; i++) {
        fit->spare[i] = fit->refs[OURS][i];
    }
    match_take(fit->m, class, fit->spare, fit->counts[OURS] + count);
    keep_free(fit);
}

static void take_all(struct fit *fit) {
    struct whole whole = add_up(fit);
    for (size_t i = 0; i < fit->counts[THEIRS]; i++) {
        fit->spare[fit->counts[OURS] + i] = fit->refs[THEIRS][i];
    }
    take_together(fit, whole.sum[THEIRS], fit->counts[THEIRS]);
}

/* ---- the whole, and some of it once more ---- */

/* One row of theirs that several of ours come to. */
static bool take_one(struct fit *fit, const struct whole *whole) {
    size_t best = 0, count = fit->counts[THEIRS];
    match_wide least = 0;
    for (size_t i = 0; i < count; i++) {
        match_wide amount = match_bank_amount(row_of(fit, THEIRS, i));
        match_wide off = without_sign(amount - whole->sum[OURS]);
        const struct match_row *before = i == 0 ? NULL : row_of(fit, THEIRS, best);
        bool first = before == NULL || off < least ||
                     (off == least && match_by_age(row_of(fit, THEIRS, i), before) < 0);
        best = first ? i : best;
        least = first ? off : least;
    }
    match_wide amount = match_bank_amount(row_of(fit, THEIRS, best));
    if (!comes_to(fit, whole, amount)) {
        return false;
    }
    fit->spare[fit->counts[OURS]] = fit->refs[THEIRS][best];
    take_together(fit, amount, 1);
    return true;
}

/* Of rows of theirs that tell the same amount and kind the oldest: they stand together. */
static bool take_each_once(struct fit *fit, const struct whole *whole) {
    match_wide sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < fit->counts[THEIRS]; i++) {
        const struct match_row *row = row_of(fit, THEIRS, i);
        const struct match_row *before = i == 0 ? NULL : row_of(fit, THEIRS, i - 1);
        if (before == NULL || before->amount_minor != row->amount_minor ||
            before->kind != row->kind) {
            fit->spare[fit->counts[OURS] + count++] = fit->refs[THEIRS][i];
            sum += match_bank_amount(row);
        }
    }
    if (count < 2 || count == fit->counts[THEIRS] || !comes_to(fit, whole, sum)) {
        return false;
    }
    take_together(fit, sum, count);
    return true;
}

/* ---- pairs ---- */

/* How far two rows are from each other. Two times of which one is not told lie farther apart than
 * any that are. */
struct gap {
    const struct match_row *ours, *theirs;
    match_wide amount, time;
};
#define APART_UNTOLD ((match_wide)1 << 100)

static struct gap gap_of(const struct match_row *ours, const struct match_row *theirs) {
    bool told = ours->at_us != 0 && theirs->at_us != 0;
    return (struct gap){
        ours, theirs,
        without_sign((match_wide)match_bank_amount(theirs) - match_bank_amount(ours)),
        told ? without_sign((match_wide)theirs->at_us - ours->at_us) : APART_UNTOLD};
}

static int order_wide(match_wide a, match_wide b) {
    return a < b ? -1 : a > b;
}

/* Which fits better. By time first where what the amounts differ by is none; else by amount. */
static bool is_better(const struct gap *a, const struct gap *b, bool time_first) {
    int time = order_wide(a->time, b->time), amount = order_wide(a->amount, b->amount);
    int found = time_first ? time : amount;
    found = found != 0 ? found : time_first ? amount : time;
    found = found != 0 ? found : match_by_age(a->theirs, b->theirs);
    return (found != 0 ? found : match_by_age(a->ours, b->ours)) < 0;
}

static bool can_pair(const struct fit *fit, const struct match_row *ours,
                     const struct match_row *theirs, bool within) {
    int64_t amount = match_bank_amount(ours);
    return currency_equal(ours->currency, theirs->currency) && ours->kind == theirs->kind &&
           (!within || match_within(fit->m->rule, ours->currency, amount,
                                    (match_wide)match_bank_amount(theirs) - amount));
}

/* The pair that fits best of those that are left; false: there is none. */
static bool find_best(const struct fit *fit, bool within, struct gap *ret_gap, match_ref pair[2]) {
    bool found = false;
    for (size_t i = 0; i < fit->counts[OURS]; i++) {
        for (size_t j = 0; j < fit->counts[THEIRS]; j++) {
            const struct match_row *ours = row_of(fit, OURS, i), *theirs = row_of(fit, THEIRS, j);
            if (!can_pair(fit, ours, theirs, within)) {
                continue;
            }
            struct gap gap = gap_of(ours, theirs);
            if (!found || is_better(&gap, ret_gap, within)) {
                *ret_gap = gap;
                pair[OURS] = fit->refs[OURS][i];
                pair[THEIRS] = fit->refs[THEIRS][j];
                found = true;
            }
        }
    }
    return found;
}

static bool has_few(const struct fit *fit) {
    return MIN(fit->counts[OURS], fit->counts[THEIRS]) == 1 ||
           fit->counts[OURS] <= MATCH_FITS_MAX / fit->counts[THEIRS];
}

static void take_within(struct fit *fit) {
    struct gap gap;
    match_ref pair[MATCH_SIDES];
    bool few = has_few(fit);
    while (few && fit->counts[OURS] > 0 && fit->counts[THEIRS] > 0 &&
           find_best(fit, true, &gap, pair)) {
        match_pair(fit->m, pair[OURS], pair[THEIRS]);
        keep_free(fit);
    }
}

/* A single row of one side and the nearest of the other, if it is no farther away than all of them
 * together are: what is nearer to the sum is a part. */
static bool take_nearest(struct fit *fit) {
    struct gap gap;
    match_ref pair[MATCH_SIDES];
    struct whole whole = add_up(fit);
    if (whole.mixed || MIN(fit->counts[OURS], fit->counts[THEIRS]) > 1 ||
        !find_best(fit, false, &gap, pair) ||
        gap.amount > without_sign(whole.sum[THEIRS] - whole.sum[OURS])) {
        return false;
    }
    match_pair(fit->m, pair[OURS], pair[THEIRS]);
    keep_free(fit);
    return true;
}

/* ---- the steps ---- */

static bool take_pair(struct fit *fit) {
    if (fit->counts[OURS] != 1 || fit->counts[THEIRS] != 1) {
        return false;
    }
    match_pair(fit->m, fit->refs[OURS][0], fit->refs[THEIRS][0]);
    keep_free(fit);
    return true;
}

static bool take_whole(struct fit *fit) {
    struct whole whole = add_up(fit);
    bool bank = row_kind_family(row_of(fit, OURS, 0)->kind) == FAMILY_BANK;
    if (bank || (!whole.mixed && comes_to(fit, &whole, whole.sum[THEIRS]))) {
        take_all(fit);
        return true;
    }
    return !whole.mixed && ((fit->counts[OURS] > 1 && take_one(fit, &whole)) ||
                            take_each_once(fit, &whole));
}

void match_fit(struct matcher *m, match_ref *ours, size_t our_count, match_ref *theirs,
               size_t their_count, match_ref *spare) {
    struct fit fit = {m, {ours, theirs}, {our_count, their_count}, spare};
    if (take_pair(&fit) || take_whole(&fit)) {
        return;
    }
    take_within(&fit);
    bool left = fit.counts[OURS] > 0 && fit.counts[THEIRS] > 0;
    if (left && !take_pair(&fit) && !take_nearest(&fit)) {
        take_all(&fit);
    }
}
