/* SPDX-License-Identifier: Apache-2.0
 * match_many.c: several rows of one id or one reference (match.h says in which order they are put
 * into groups). Each step is a walk along two sorted lists. */
#include <glib.h>

#include "match/match_impl.h"

void match_pair(struct matcher *m, match_ref ours, match_ref theirs) {
    enum match_class class = match_class_of_pair(m->options, m->rule, match_row_at(m, ours),
                                                 match_row_at(m, theirs));
    match_take(m, class, (match_ref[]){ours, theirs}, 2);
}

static int by_amount(const struct match_row *x, const struct match_row *y) {
    int found = match_order(match_currency_word(x->currency), match_currency_word(y->currency));
    return found != 0 ? found : match_order(match_bank_amount(x), match_bank_amount(y));
}

/* Rows of which these are equal tell the same. */
static int by_what(const struct match_row *x, const struct match_row *y) {
    int found = by_amount(x, y);
    found = found != 0 ? found : match_order(x->status, y->status);
    return found != 0 ? found : match_order(match_bank_kind(x->kind), match_bank_kind(y->kind));
}

int match_by_age(const struct match_row *x, const struct match_row *y) {
    int found = match_order(x->at_us == 0, y->at_us == 0);
    found = found != 0 ? found : match_order(x->at_us, y->at_us);
    return found != 0 ? found : match_order(x->number, y->number);
}

static int what_then_age(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    const struct match_row *x = match_row_at(m, a), *y = match_row_at(m, b);
    int found = by_what(x, y);
    return found != 0 ? found : match_by_age(x, y);
}

/* One side of a slice as it grows smaller. */
struct rest {
    match_ref *refs;
    size_t count;
    bool had_done;
};

/* Pairs off what is equal; both lists keep what is left, in their order. */
static void pair_off(struct matcher *m, struct rest *ours, struct rest *theirs,
                     int (*compare)(const struct match_row *, const struct match_row *)) {
    size_t i = 0, j = 0, ours_left = 0, theirs_left = 0;
    while (i < ours->count && j < theirs->count) {
        int found = compare(match_row_at(m, ours->refs[i]), match_row_at(m, theirs->refs[j]));
        if (found == 0) {
            match_pair(m, ours->refs[i++], theirs->refs[j++]);
        } else if (found < 0) {
            ours->refs[ours_left++] = ours->refs[i++];
        } else {
            theirs->refs[theirs_left++] = theirs->refs[j++];
        }
    }
    while (i < ours->count) {
        ours->refs[ours_left++] = ours->refs[i++];
    }
    while (j < theirs->count) {
        theirs->refs[theirs_left++] = theirs->refs[j++];
    }
    ours->count = ours_left;
    theirs->count = theirs_left;
}

/* Those whose money moved to the front, in their order; returns how many. */
static size_t done_first(const struct matcher *m, struct rest *rest, match_ref *spare) {
    size_t done = 0, others = 0;
    for (size_t i = 0; i < rest->count; i++) {
        match_ref ref = rest->refs[i];
        if (match_row_at(m, ref)->status == ROW_DONE) {
            rest->refs[done++] = ref;
        } else {
            spare[others++] = ref;
        }
    }
    for (size_t i = 0; i < others; i++) {
        rest->refs[done + i] = spare[i];
    }
    return done;
}

static void each_alone(struct matcher *m, const match_ref *refs, size_t count,
                       enum match_class class) {
    for (size_t i = 0; i < count; i++) {
        match_take(m, class, &refs[i], 1);
    }
}

/* What is to be found out of many rows at once: ours, then theirs. */
struct together {
    bool mixed;          /* currencies */
    bool all_pending;    /* none of theirs is DONE or FAILED */
    bool one_is_overdue; /* of ours that are DONE */
};

static struct together add_up(const struct matcher *m, const match_ref *refs, size_t count) {
    const struct currency first = match_row_at(m, refs[0])->currency;
    struct together all = {.all_pending = true};
    for (size_t i = 0; i < count; i++) {
        const struct match_row *row = match_row_at(m, refs[i]);
        enum match_side side = match_ref_side(refs[i]);
        all.mixed = all.mixed || !currency_equal(row->currency, first);
        if (side == THEIRS) {
            all.all_pending = all.all_pending && row->status == ROW_PENDING;
        } else {
            all.one_is_overdue = all.one_is_overdue || match_due_over(m->options, row);
        }
    }
    return all;
}

/* ---- duplicates there ---- */

/* By id; of one id those that belong to something first. */
static int id_then_age(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    const struct match_row *x = match_row_at(m, a), *y = match_row_at(m, b);
    int found = match_text_compare(&x->gateway_id, &y->gateway_id);
    found = found != 0 ? found : match_order(match_is_free(m, a), match_is_free(m, b));
    return found != 0 ? found : match_by_age(x, y);
}

static int id_order(const void *matcher, match_ref a, match_ref b) {
    const struct matcher *m = (const struct matcher *)matcher;
    return match_text_compare(&match_row_at(m, a)->gateway_id, &match_row_at(m, b)->gateway_id);
}

/* Rows of ours that moved money or found it moved there, in the order of their ids. */
struct known {
    const match_ref *refs;
    size_t count;
};

static bool is_known(const struct matcher *m, const struct known *known, match_ref ref) {
    size_t low = 0, high = known->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = id_order(m, known->refs[middle], ref) < 0;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low < known->count && id_order(m, known->refs[low], ref) == 0;
}

static bool any_told(const struct matcher *m, const match_ref *refs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (match_text_told(&match_row_at(m, refs[i])->gateway_id)) {
            return true;
        }
    }
    return false;
}

/* `refs` are all rows of theirs that moved money for one reference; those that are free are too
 * many. A payment that has an id of its own, while others have others, is a charge of its own. */
static void take_duplicates(struct matcher *m, match_ref *refs, size_t count, match_ref *spare,
                            const struct known *known) {
    bool others_have_ids = any_told(m, known->refs, known->count);
    match_sort_refs(refs, spare, count, id_then_age, m);
    for (size_t i = 0; i < count && !others_have_ids; i++) {
        others_have_ids = match_text_told(&match_row_at(m, refs[i])->gateway_id) &&
                          id_order(m, refs[i], refs[count - 1]) != 0;
    }
    for (size_t i = 0; i < count; i++) {
        const struct match_row *row = match_row_at(m, refs[i]);
        bool repeats = i > 0 && id_order(m, refs[i], refs[i - 1]) == 0;
        if (match_is_free(m, refs[i])) {
            bool charge = row_kind_family(row->kind) == FAMILY_PAYMENT && others_have_ids &&
                          !repeats && match_text_told(&row->gateway_id) &&
                          !is_known(m, known, refs[i]);
            match_take(m, charge ? CLASS_DOUBLE_CHARGE : CLASS_DUPLICATE_THERE, &refs[i], 1);
        }
    }
}

void match_once_more(struct matcher *m, match_ref *refs, size_t count,
                     const struct match_entry *settled, size_t settled_count, match_ref *spare) {
    match_ref *known = g_new(match_ref, 2 * settled_count);
    for (size_t i = 0; i < settled_count; i++) {
        known[i] = settled[i].ref;
    }
    match_sort_refs(known, known + settled_count, settled_count, id_order, m);
    take_duplicates(m, refs, count, spare, &(struct known){known, settled_count});
    g_free(known);
}

/* ---- the whole ---- */

/* Nothing of ours is DONE, or nothing of theirs: the rows of one side moved money that those of the
 * other did not. `here`: it is ours that moved. */
static void take_unlike(struct matcher *m, bool here, match_ref *refs, size_t ours, size_t count) {
    struct together all = add_up(m, refs, count);
    enum match_class class = CLASS_CURRENCY;
    if (!all.mixed && here) {
        class = all.all_pending && !all.one_is_overdue ? CLASS_EXPECTED : CLASS_OPEN_THERE;
    } else if (!all.mixed) {
        class = CLASS_PAID_THERE;
    }
    if (ours > 0 && ours < count) {
        match_take(m, class, refs, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        /* Those that stand for nothing: each by its own clock. */
        bool due = match_due_over(m->options, match_row_at(m, refs[i]));
        class = !here ? CLASS_PAID_THERE : due ? CLASS_OPEN_THERE : CLASS_EXPECTED;
        match_take(m, class, &refs[i], 1);
    }
}

static void take_left_here(struct matcher *m, const match_ref *refs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool due = match_due_over(m->options, match_row_at(m, refs[i]));
        match_take(m, due ? CLASS_DUPLICATE_HERE : CLASS_EXPECTED, &refs[i], 1);
    }
}

/* Those that are DONE, in their order. */
static size_t list_done(const struct matcher *m, const match_ref *refs, size_t count,
                        match_ref *to) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (match_row_at(m, refs[i])->status == ROW_DONE) {
            to[kept++] = refs[i];
        }
    }
    return kept;
}

static void take_left_there(struct matcher *m, const struct match_slice *slice) {
    match_ref *ours = slice->spare[0], *theirs = slice->spare[1];
    struct known known = {ours, list_done(m, slice->refs, slice->ours, ours)};
    size_t count = list_done(m, slice->refs + slice->ours, slice->count - slice->ours, theirs);
    match_sort_refs(ours, slice->spare[2], known.count, id_order, m);
    take_duplicates(m, theirs, count, slice->spare[2], &known);
}

static bool any_done(const struct matcher *m, const match_ref *refs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (match_row_at(m, refs[i])->status == ROW_DONE) {
            return true;
        }
    }
    return false;
}

/* What pairing off has left, at the beginning of the lists those that moved money. */
static void take_rest(struct matcher *m, const struct match_slice *slice, struct rest *ours,
                      struct rest *theirs) {
    size_t here = done_first(m, ours, slice->spare[1]);
    size_t there = done_first(m, theirs, slice->spare[1]);
    bool unlike_here = here > 0 && there == 0 && !theirs->had_done;
    bool unlike_there = there > 0 && here == 0 && !ours->had_done;
    size_t our_count = unlike_there ? ours->count : here;
    size_t their_count = unlike_here ? theirs->count : there;
    match_ref *refs = slice->spare[1];
    size_t count = 0;
    for (size_t i = 0; i < our_count; i++) {
        refs[count++] = ours->refs[i];
    }
    for (size_t i = 0; i < their_count; i++) {
        refs[count++] = theirs->refs[i];
    }
    each_alone(m, ours->refs + our_count, ours->count - our_count, CLASS_NOTHING_MOVED);
    each_alone(m, theirs->refs + their_count, theirs->count - their_count, CLASS_NOTHING_MOVED);
    if (unlike_here || unlike_there) {
        take_unlike(m, unlike_here, refs, our_count, count);
    } else if (here > 0) {
        take_left_here(m, refs, count);
    } else if (there > 0) {
        take_left_there(m, slice);
    }
}

static void keep_free(const struct matcher *m, struct rest *rest) {
    size_t kept = 0;
    for (size_t i = 0; i < rest->count; i++) {
        if (match_is_free(m, rest->refs[i])) {
            rest->refs[kept++] = rest->refs[i];
        }
    }
    rest->count = kept;
}

/* Money that moved here against money that moved there, before anything that is open: afterwards
 * one side at most has such rows left. */
static void take_moved(struct matcher *m, const struct match_slice *slice, struct rest *ours,
                       struct rest *theirs) {
    match_ref *room = slice->spare[1];
    struct rest here = {room, list_done(m, ours->refs, ours->count, room), true};
    room += here.count;
    struct rest there = {room, list_done(m, theirs->refs, theirs->count, room), true};
    pair_off(m, &here, &there, by_amount);
    if (here.count > 0 && there.count > 0) {
        match_fit(m, here.refs, here.count, there.refs, there.count, slice->spare[2]);
    }
    keep_free(m, ours);
    keep_free(m, theirs);
}

void match_many(struct matcher *m, const struct match_slice *slice) {
    match_ref *left = slice->spare[0];
    size_t their_count = slice->count - slice->ours;
    struct rest ours = {left, slice->ours, any_done(m, slice->refs, slice->ours)};
    struct rest theirs = {left + slice->ours, their_count,
                          any_done(m, slice->refs + slice->ours, their_count)};
    for (size_t i = 0; i < slice->count; i++) {
        left[i] = slice->refs[i];
    }
    match_sort_refs(ours.refs, slice->spare[1], ours.count, what_then_age, m);
    match_sort_refs(theirs.refs, slice->spare[1], theirs.count, what_then_age, m);
    /* Where nothing moved on one side at all, what moved on the other comes first. */
    if (ours.had_done && theirs.had_done) {
        pair_off(m, &ours, &theirs, by_what);
        take_moved(m, slice, &ours, &theirs);
    }
    pair_off(m, &ours, &theirs, by_amount);
    take_rest(m, slice, &ours, &theirs);
}
