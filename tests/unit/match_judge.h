/* SPDX-License-Identifier: Apache-2.0
 * match_judge.h: a second matcher, slow and plain: loops over all rows, straight from the sentences
 * of match.h, without a hash, a sort or a list. It covers every rule and every shape; it knows
 * nothing of the first one's code, and takes its sums in 64 bits (small amounts only). */
#ifndef HOLDFAST_TESTS_MATCH_JUDGE_H
#define HOLDFAST_TESTS_MATCH_JUDGE_H

#include "match_judge_pair.h"

/* ---- n:m ---- */

static inline bool older(const struct match_row *a, const struct match_row *b) {
    if ((a->at_us == 0) != (b->at_us == 0)) {
        return b->at_us == 0;
    }
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}
/* Which of two rows that are equal in amount is paired off first. */
static inline bool sooner(const struct match_row *a, const struct match_row *b) {
    if (a->status != b->status) {
        return a->status < b->status;
    }
    return seen_kind(a) != seen_kind(b) ? seen_kind(a) < seen_kind(b) : older(a, b);
}
enum likeness { WHOLLY, IN_AMOUNT_DONE, IN_AMOUNT };
static inline bool alike(const struct match_row *a, const struct match_row *b,
                         enum likeness likeness) {
    bool done = a->status == ROW_DONE && b->status == ROW_DONE;
    return (likeness != IN_AMOUNT_DONE || done) &&
           strcmp(a->currency.code, b->currency.code) == 0 && seen_amount(a) == seen_amount(b) &&
           (likeness != WHOLLY || (a->status == b->status && seen_kind(a) == seen_kind(b)));
}

/* The pair of which no other row would come before either; false when there is none. */
static inline bool judge_next_pair(struct judge *j, const struct judged_set *set,
                                   enum likeness likeness, guint *ret_o, guint *ret_t) {
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        for (guint t = 0; t < judge_count(j, THEIRS); t++) {
            const struct match_row *a = judge_row(j, OURS, o), *b = judge_row(j, THEIRS, t);
            bool first = set->has[OURS][o] && set->has[THEIRS][t] && !j->rows[OURS][o].taken &&
                         !j->rows[THEIRS][t].taken && alike(a, b, likeness);
            for (guint i = 0; i < judge_count(j, OURS); i++) {
                const struct match_row *other = judge_row(j, OURS, i);
                first = first && !(set->has[OURS][i] && !j->rows[OURS][i].taken &&
                                   alike(other, b, likeness) && sooner(other, a));
            }
            for (guint i = 0; i < judge_count(j, THEIRS); i++) {
                const struct match_row *other = judge_row(j, THEIRS, i);
                first = first && !(set->has[THEIRS][i] && !j->rows[THEIRS][i].taken &&
                                   alike(a, other, likeness) && sooner(other, b));
            }
            if (first) {
                *ret_o = o;
                *ret_t = t;
                return true;
            }
        }
    }
    return false;
}

static inline int judge_left(const struct judge *j, const struct judged_set *set,
                             enum match_side side, bool done) {
    int count = 0;
    for (guint i = 0; i < judge_count(j, side); i++) {
        count += set->has[side][i] && !j->rows[side][i].taken &&
                 (judge_row(j, side, i)->status == ROW_DONE) == done;
    }
    return count;
}

/* A duplicate there that has an id of its own: nobody else who was paired, or came before it, has
 * it, and somebody has another. */
static inline bool is_own_charge(const struct judge *j, const struct judged_set *set, guint d,
                                 const struct judged_set *settled) {
    const struct match_row *row = judge_row(j, THEIRS, d);
    bool another = false;
    if (row_kind_family(row->kind) != FAMILY_PAYMENT || row->gateway_id.count == 0) {
        return false;
    }
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        const struct match_row *other = judge_row(j, THEIRS, t);
        if (t == d || !set->has[THEIRS][t] || other->status != ROW_DONE) {
            continue;
        }
        bool same = same_text(other->gateway_id, row->gateway_id);
        if (same && (j->rows[THEIRS][t].taken || older(other, row))) {
            return false;
        }
        another = another || (other->gateway_id.count > 0 && !same);
    }
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        const struct match_row *other = judge_row(j, OURS, o);
        bool counts = settled != NULL ? settled->has[OURS][o]
                                      : set->has[OURS][o] && other->status == ROW_DONE;
        if (counts) {
            if (same_text(other->gateway_id, row->gateway_id)) {
                return false;
            }
            another = another || other->gateway_id.count > 0;
        }
    }
    return another;
}

static inline void judge_group(struct judge *j, const struct judged_set *members,
                               enum match_class class) {
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < judge_count(j, (enum match_side)side); i++) {
            if (members->has[side][i]) {
                judge_take(j, (enum match_side)side, i, class, j->groups);
            }
        }
    }
    j->groups++;
}

/* All that are left of one status, each alone. */
static inline void judge_each(struct judge *j, const struct judged_set *set, enum match_side side,
                              bool done, enum match_class class, enum match_class until_due) {
    for (guint i = 0; i < judge_count(j, side); i++) {
        const struct match_row *row = judge_row(j, side, i);
        if (set->has[side][i] && !j->rows[side][i].taken && (row->status == ROW_DONE) == done) {
            judge_alone(j, side, i, side == OURS && !is_over(j, row) ? until_due : class);
        }
    }
}

/* One group of all that are left and DONE on one side, and of what is not on the other. */
static inline void judge_unlike(struct judge *j, const struct judged_set *set,
                                enum match_side moved) {
    bool mixed = false, pending = true, over = false;
    struct judged_set members = {0};
    const char *currency = NULL;
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < judge_count(j, (enum match_side)side); i++) {
            const struct match_row *row = judge_row(j, (enum match_side)side, i);
            bool counts = (int)moved != side || row->status == ROW_DONE;
            members.has[side][i] = set->has[side][i] && !j->rows[side][i].taken && counts;
            if (members.has[side][i]) {
                mixed = mixed || (currency != NULL && strcmp(currency, row->currency.code) != 0);
                currency = row->currency.code;
                pending = pending && (side == OURS || row->status == ROW_PENDING);
                over = over || (side == OURS && is_over(j, row));
            }
        }
    }
    judge_group(j, &members,
                mixed              ? CLASS_CURRENCY
                : moved == THEIRS  ? CLASS_PAID_THERE
                : pending && !over ? CLASS_EXPECTED
                                   : CLASS_OPEN_THERE);
}

/* ---- n:m, DONE on both sides, and not equal ---- */

/* What is left of it. */
struct judged_left {
    struct judged_set set;
    int count[MATCH_SIDES];
    guint last[MATCH_SIDES];
    int64_t sum[MATCH_SIDES];
    bool mixed, bank;
    const char *currency;
};

static inline struct judged_left judge_look(const struct judge *j, const struct judged_set *set) {
    struct judged_left left = {0};
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < judge_count(j, (enum match_side)side); i++) {
            const struct match_row *row = judge_row(j, (enum match_side)side, i);
            if (set->has[side][i] && !j->rows[side][i].taken && row->status == ROW_DONE) {
                left.set.has[side][i] = true;
                left.count[side]++;
                left.last[side] = i;
                left.sum[side] += seen_amount(row);
                left.mixed = left.mixed || (left.currency != NULL &&
                                            strcmp(left.currency, row->currency.code) != 0);
                left.currency = row->currency.code;
                left.bank = row_kind_family(row->kind) == FAMILY_BANK;
            }
        }
    }
    return left;
}

/* As the sums of the members say. */
static inline void judge_sums(struct judge *j, const struct judged_set *members) {
    struct judged_left all = judge_look(j, members);
    int64_t difference = all.sum[THEIRS] - all.sum[OURS];
    judge_group(j, members,
                all.mixed ? CLASS_CURRENCY
                : !tolerated(j->rule, all.currency, all.sum[OURS], difference)
                    ? (all.bank ? CLASS_PAYOUT : CLASS_SPLIT)
                : difference != 0 ? CLASS_MATCHED_TOLERANCE
                                  : CLASS_MATCHED);
}

static inline int64_t far(int64_t a, int64_t b) {
    return a > b ? a - b : b - a;
}

/* Whether one pair is paired before another: by what differs, time or amount first. */
static inline bool fits_better(const struct match_row *a, const struct match_row *b,
                               const struct match_row *other_a, const struct match_row *other_b,
                               bool time_first) {
    bool timed = a->at_us != 0 && b->at_us != 0, others = other_a->at_us != 0 &&
                                                          other_b->at_us != 0;
    int64_t time[] = {timed ? far(a->at_us, b->at_us) : INT64_MAX,
                      others ? far(other_a->at_us, other_b->at_us) : INT64_MAX};
    int64_t amount[] = {far(seen_amount(a), seen_amount(b)),
                        far(seen_amount(other_a), seen_amount(other_b))};
    for (int turn = 0; turn < 2; turn++) {
        const int64_t *gap = (turn == 0) == time_first ? time : amount;
        if (gap[0] != gap[1]) {
            return gap[0] < gap[1];
        }
    }
    return b != other_b ? older(b, other_b) : older(a, other_a);
}

/* The pair of one currency and kind that no other is better than. */
static inline bool judge_best(const struct judge *j, const struct judged_left *left, bool within,
                              guint *ret_o, guint *ret_t) {
    bool any = false;
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        for (guint t = 0; t < judge_count(j, THEIRS); t++) {
            const struct match_row *a = judge_row(j, OURS, o), *b = judge_row(j, THEIRS, t);
            if (!left->set.has[OURS][o] || !left->set.has[THEIRS][t] || a->kind != b->kind ||
                strcmp(a->currency.code, b->currency.code) != 0 ||
                (within && !tolerated(j->rule, a->currency.code, seen_amount(a),
                                      seen_amount(b) - seen_amount(a)))) {
                continue;
            }
            if (!any || fits_better(a, b, judge_row(j, OURS, *ret_o), judge_row(j, THEIRS, *ret_t),
                                    within)) {
                *ret_o = o;
                *ret_t = t;
                any = true;
            }
        }
    }
    return any;
}

/* One row of theirs is several of ours; or all that tell something else are, each once. */
static inline bool judge_more_than_whole(struct judge *j, const struct judged_left *left) {
    struct judged_set one = left->set, once = left->set;
    int64_t best = 0, sum = 0;
    int found = NOT_TAKEN, count = 0;
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        const struct match_row *row = judge_row(j, THEIRS, t);
        one.has[THEIRS][t] = false;
        if (!left->set.has[THEIRS][t]) {
            continue;
        }
        int64_t off = far(seen_amount(row), left->sum[OURS]);
        if (found == NOT_TAKEN || off < best ||
            (off == best && older(row, judge_row(j, THEIRS, (guint)found)))) {
            found = (int)t;
            best = off;
        }
        for (guint i = 0; i < judge_count(j, THEIRS); i++) {
            const struct match_row *other = judge_row(j, THEIRS, i);
            once.has[THEIRS][t] = once.has[THEIRS][t] &&
                                  !(left->set.has[THEIRS][i] && other->kind == row->kind &&
                                    other->amount_minor == row->amount_minor && older(other, row));
        }
        count += once.has[THEIRS][t];
        sum += once.has[THEIRS][t] ? seen_amount(row) : 0;
    }
    int64_t of_one = seen_amount(judge_row(j, THEIRS, (guint)found));
    if (left->count[OURS] > 1 && tolerated(j->rule, left->currency, left->sum[OURS],
                                           of_one - left->sum[OURS])) {
        one.has[THEIRS][found] = true;
        judge_sums(j, &one);
        return true;
    }
    if (count < 2 || count == left->count[THEIRS] ||
        !tolerated(j->rule, left->currency, left->sum[OURS], sum - left->sum[OURS])) {
        return false;
    }
    judge_sums(j, &once);
    return true;
}

static inline void judge_fit(struct judge *j, const struct judged_set *set) {
    struct judged_left left = judge_look(j, set);
    guint o = 0, t = 0;
    if (left.count[OURS] == 0 || left.count[THEIRS] == 0) {
        return;
    }
    if (left.count[OURS] == 1 && left.count[THEIRS] == 1) {
        judge_both(j, left.last[OURS], left.last[THEIRS]);
        return;
    }
    if (left.bank || (!left.mixed && tolerated(j->rule, left.currency, left.sum[OURS],
                                               left.sum[THEIRS] - left.sum[OURS]))) {
        judge_sums(j, &left.set);
        return;
    }
    if (!left.mixed && judge_more_than_whole(j, &left)) {
        return;
    }
    while (judge_best(j, &left, true, &o, &t)) {
        judge_both(j, o, t);
        left = judge_look(j, set);
    }
    if (left.count[OURS] == 0 || left.count[THEIRS] == 0) {
        return;
    }
    bool pair = left.count[OURS] == 1 && left.count[THEIRS] == 1;
    if (pair) {
        o = left.last[OURS];
        t = left.last[THEIRS];
    } else if (!left.mixed && (left.count[OURS] == 1 || left.count[THEIRS] == 1)) {
        pair = judge_best(j, &left, false, &o, &t) &&
               far(seen_amount(judge_row(j, OURS, o)), seen_amount(judge_row(j, THEIRS, t))) <=
                   far(left.sum[OURS], left.sum[THEIRS]);
    }
    if (pair) {
        judge_both(j, o, t);
    } else {
        judge_sums(j, &left.set);
    }
}

static inline void judge_duplicates(struct judge *j, const struct judged_set *set,
                                    const struct judged_set *settled) {
    bool charge[JUDGED_MAX] = {false};
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        charge[t] = set->has[THEIRS][t] && !j->rows[THEIRS][t].taken &&
                    is_own_charge(j, set, t, settled);
    }
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        if (set->has[THEIRS][t] && !j->rows[THEIRS][t].taken &&
            judge_row(j, THEIRS, t)->status == ROW_DONE) {
            judge_alone(j, THEIRS, t, charge[t] ? CLASS_DOUBLE_CHARGE : CLASS_DUPLICATE_THERE);
        }
    }
}

static inline void judge_set(struct judge *j, const struct judged_set *set) {
    int done[MATCH_SIDES] = {judge_left(j, set, OURS, true), judge_left(j, set, THEIRS, true)};
    int others[MATCH_SIDES] = {judge_left(j, set, OURS, false), judge_left(j, set, THEIRS, false)};
    guint o = 0, t = 0;
    if (done[OURS] + others[OURS] == 0 || done[THEIRS] + others[THEIRS] == 0) {
        return;
    }
    if (done[OURS] + others[OURS] == 1 && done[THEIRS] + others[THEIRS] == 1) {
        for (o = 0; !set->has[OURS][o]; o++) {
        }
        for (t = 0; !set->has[THEIRS][t]; t++) {
        }
        judge_both(j, o, t);
        return;
    }
    for (int likeness = WHOLLY; done[OURS] > 0 && done[THEIRS] > 0 && likeness < IN_AMOUNT;
         likeness++) {
        while (judge_next_pair(j, set, (enum likeness)likeness, &o, &t)) {
            judge_both(j, o, t);
        }
    }
    if (done[OURS] > 0 && done[THEIRS] > 0) {
        judge_fit(j, set);
    }
    while (judge_next_pair(j, set, IN_AMOUNT, &o, &t)) {
        judge_both(j, o, t);
    }
    int here = judge_left(j, set, OURS, true), there = judge_left(j, set, THEIRS, true);
    if (here > 0 && done[THEIRS] == 0) {
        if (judge_left(j, set, THEIRS, false) > 0) {
            judge_unlike(j, set, OURS);
        } else {
            judge_each(j, set, OURS, true, CLASS_OPEN_THERE, CLASS_EXPECTED);
        }
    } else if (here > 0) {
        judge_each(j, set, OURS, true, CLASS_DUPLICATE_HERE, CLASS_EXPECTED);
    } else if (there > 0 && done[OURS] == 0) {
        if (judge_left(j, set, OURS, false) > 0) {
            judge_unlike(j, set, THEIRS);
        } else {
            judge_each(j, set, THEIRS, true, CLASS_PAID_THERE, CLASS_PAID_THERE);
        }
    } else if (there > 0) {
        judge_duplicates(j, set, NULL);
    }
    judge_each(j, set, OURS, false, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED);
    judge_each(j, set, THEIRS, false, CLASS_NOTHING_MOVED, CLASS_NOTHING_MOVED);
}

/* ---- the rules ---- */

static inline struct match_text key_text(const struct match_rule *rule,
                                         const struct match_row *row) {
    return rule->by == BY_GATEWAY_ID  ? row->gateway_id
           : rule->by == BY_REFERENCE ? row->reference
                                      : row->original_id;
}

/* The rows that are free, covered, and share the key of one of them. */
static inline struct judged_set set_of(const struct judge *j, const struct match_row *like) {
    struct judged_set set = {0};
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < judge_count(j, (enum match_side)side); i++) {
            const struct match_row *row = judge_row(j, (enum match_side)side, i);
            set.has[side][i] = !j->rows[side][i].taken && in_families(j->rule, row) &&
                               row_kind_family(row->kind) == row_kind_family(like->kind) &&
                               same_text(key_text(j->rule, row), key_text(j->rule, like)) &&
                               (j->rule->by != BY_ORIGINAL || alike(row, like, IN_AMOUNT));
        }
    }
    return set;
}

static inline void judge_ids(struct judge *j) {
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        const struct match_row *row = judge_row(j, OURS, o);
        bool money_back = row_kind_family(row->kind) == FAMILY_REFUND ||
                          row_kind_family(row->kind) == FAMILY_DISPUTE;
        if (j->rows[OURS][o].taken || !in_families(j->rule, row) ||
            (j->rule->by == BY_ORIGINAL && !money_back)) {
            continue;
        }
        struct judged_set set = set_of(j, row);
        int ours = judge_left(j, &set, OURS, true) + judge_left(j, &set, OURS, false);
        int theirs = judge_left(j, &set, THEIRS, true) + judge_left(j, &set, THEIRS, false);
        if (j->rule->by != BY_ORIGINAL || (ours == 1 && theirs == 1)) {
            judge_set(j, &set);
        }
    }
}

/* REFERENCE once more: rows of theirs that are left, and rows of ours found paid there before. */
static inline void judge_once_more(struct judge *j) {
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        const struct match_row *row = judge_row(j, THEIRS, t);
        if (j->rows[THEIRS][t].taken || !in_families(j->rule, row) || row->status != ROW_DONE ||
            row->reference.count == 0) {
            continue;
        }
        struct judged_set settled = {0}, set = set_of(j, row);
        bool any = false;
        for (guint o = 0; o < judge_count(j, OURS); o++) {
            const struct match_row *known = judge_row(j, OURS, o);
            bool paid = false;
            for (guint i = 0; i < judge_count(j, THEIRS); i++) {
                paid = paid || (j->rows[THEIRS][i].taken && j->rows[OURS][o].taken &&
                                j->rows[THEIRS][i].group == j->rows[OURS][o].group &&
                                judge_row(j, THEIRS, i)->status == ROW_DONE);
            }
            settled.has[OURS][o] = paid && j->rows[OURS][o].rule < j->rule_index &&
                                   row_kind_family(known->kind) == row_kind_family(row->kind) &&
                                   same_text(known->reference, row->reference);
            any = any || settled.has[OURS][o];
        }
        if (any) {
            judge_duplicates(j, &set, &settled);
        }
    }
}

static inline bool told_apart(const struct judge *j, const struct match_row *a,
                              const struct match_row *b) {
    bool apart = false;
    for (int i = 0; i < j->rule_index && row_kind_family(a->kind) != FAMILY_BANK; i++) {
        const struct match_rule *rule = &j->book->rules[i];
        apart = apart || (rule->by == BY_GATEWAY_ID && in_families(rule, a) &&
                          a->gateway_id.count > 0 && b->gateway_id.count > 0);
        apart = apart || (rule->by == BY_REFERENCE && in_families(rule, a) &&
                          a->reference.count > 0 && b->reference.count > 0);
    }
    return apart;
}

static inline bool is_candidate(const struct judge *j, guint o, guint t) {
    const struct match_row *a = judge_row(j, OURS, o), *b = judge_row(j, THEIRS, t);
    return !j->rows[OURS][o].taken && !j->rows[THEIRS][t].taken && in_families(j->rule, a) &&
           row_kind_family(a->kind) == row_kind_family(b->kind) && alike(a, b, IN_AMOUNT) &&
           a->at_us != 0 && b->at_us != 0 && b->at_us <= a->at_us + j->rule->after_us &&
           b->at_us >= a->at_us - j->rule->before_us && !told_apart(j, a, b);
}

static inline void judge_times(struct judge *j) {
    int of_ours[JUDGED_MAX] = {0}, of_theirs[JUDGED_MAX] = {0};
    bool pair[JUDGED_MAX][JUDGED_MAX] = {{false}};
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        for (guint t = 0; t < judge_count(j, THEIRS); t++) {
            pair[o][t] = is_candidate(j, o, t);
            of_ours[o] += pair[o][t];
            of_theirs[t] += pair[o][t];
        }
    }
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        j->ambiguous[o] = j->ambiguous[o] || of_ours[o] > 1;
        for (guint t = 0; t < judge_count(j, THEIRS); t++) {
            if (pair[o][t] && of_ours[o] == 1 && of_theirs[t] == 1) {
                judge_both(j, o, t);
            }
        }
    }
}

/* ---- batches ---- */

static inline bool is_word_of(struct match_text batch, struct match_text text) {
    for (uint32_t i = 0; batch.count > 0 && i + batch.count <= text.count; i++) {
        const char *end = text.bytes + i + batch.count;
        bool begins = i == 0 || text.bytes[i - 1] == ' ';
        bool ends = i + batch.count == text.count || *end == ' ';
        if (begins && ends && memcmp(text.bytes + i, batch.bytes, batch.count) == 0) {
            return true;
        }
    }
    return false;
}

static inline bool is_in_batch(const struct judge *j, guint o) {
    const struct match_row *row = judge_row(j, OURS, o);
    return !j->rows[OURS][o].taken && row->status == ROW_DONE && in_families(j->rule, row) &&
           row->batch.count > 0;
}

/* The batch of ours that a row names, as one of its rows; NOT_TAKEN: none, or several. */
static inline int named_batch(const struct judge *j, guint t) {
    const struct match_row *row = judge_row(j, THEIRS, t);
    if (j->rows[THEIRS][t].taken || row_kind_family(row->kind) != FAMILY_BANK) {
        return NOT_TAKEN;
    }
    for (int way = 0; way < 3; way++) {
        int named = NOT_TAKEN;
        for (guint o = 0; o < judge_count(j, OURS); o++) {
            struct match_text batch = judge_row(j, OURS, o)->batch;
            bool names = is_in_batch(j, o) && (way == 0   ? same_text(row->reference, batch)
                                               : way == 1 ? same_text(row->batch, batch)
                                                          : is_word_of(batch, row->description));
            if (names && named != NOT_TAKEN &&
                !same_text(judge_row(j, OURS, (guint)named)->batch, batch)) {
                return NOT_TAKEN;
            }
            named = names ? (int)o : named;
        }
        if (named != NOT_TAKEN) {
            return named;
        }
    }
    return NOT_TAKEN;
}

static inline void judge_batch_with(struct judge *j, guint t, const bool *members) {
    const struct match_row *row = judge_row(j, THEIRS, t);
    int64_t sum = 0, last_us = 0;
    bool mixed = false, over = false;
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        const struct match_row *our = judge_row(j, OURS, o);
        if (members[o]) {
            bool net = our->fee_minor != AMOUNT_UNSAID && row_kind_family(our->kind) != FAMILY_BANK;
            sum += seen_amount(our) - (net ? our->fee_minor : 0);
            last_us = MAX(last_us, our->at_us);
            mixed = mixed || strcmp(our->currency.code, row->currency.code) != 0;
            over = over || is_over(j, our);
        }
    }
    int64_t difference = seen_amount(row) - sum, later = row->at_us - last_us;
    bool timed = last_us != 0 && row->at_us != 0 && (j->rule->before_us | j->rule->after_us) != 0;
    enum match_class class = mixed                                  ? CLASS_CURRENCY
                             : row->status == ROW_PENDING && !over  ? CLASS_EXPECTED
                             : row->status != ROW_DONE              ? CLASS_OPEN_THERE
                             : !tolerated(j->rule, row->currency.code, sum, difference)
                                 ? CLASS_PAYOUT
                             : timed && (later > j->rule->after_us || -later > j->rule->before_us)
                                 ? CLASS_LATE
                             : difference != 0 ? CLASS_MATCHED_TOLERANCE
                                               : CLASS_MATCHED;
    for (guint o = 0; o < judge_count(j, OURS); o++) {
        if (members[o]) {
            judge_take(j, OURS, o, class, j->groups);
        }
    }
    judge_take(j, THEIRS, t, class, j->groups++);
}

static inline void judge_batches(struct judge *j) {
    int named[JUDGED_MAX];
    bool members[JUDGED_MAX][JUDGED_MAX] = {{false}};
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        named[t] = named_batch(j, t);
    }
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        const char *currency = judge_row(j, THEIRS, t)->currency.code;
        bool alone = true, alone_in_currency = true, has_own = false;
        for (guint i = 0; named[t] != NOT_TAKEN && i < judge_count(j, THEIRS); i++) {
            bool same = i != t && named[i] != NOT_TAKEN &&
                        same_text(judge_row(j, OURS, (guint)named[i])->batch,
                                  judge_row(j, OURS, (guint)named[t])->batch);
            alone = alone && !same;
            alone_in_currency = alone_in_currency &&
                                !(same &&
                                  strcmp(judge_row(j, THEIRS, i)->currency.code, currency) == 0);
        }
        for (int own = 1; own >= 0 && named[t] != NOT_TAKEN; own--) {
            for (guint o = 0; o < judge_count(j, OURS); o++) {
                const struct match_row *row = judge_row(j, OURS, o);
                bool here = is_in_batch(j, o) &&
                            same_text(row->batch, judge_row(j, OURS, (guint)named[t])->batch);
                bool mine = strcmp(row->currency.code, currency) == 0;
                has_own = has_own || (here && mine);
                members[t][o] = members[t][o] || (own && here && mine && alone_in_currency) ||
                                (!own && here && !has_own && alone);
            }
        }
    }
    for (guint t = 0; t < judge_count(j, THEIRS); t++) {
        bool any = false;
        for (guint o = 0; o < judge_count(j, OURS); o++) {
            any = any || members[t][o];
        }
        if (any) {
            judge_batch_with(j, t, members[t]);
        }
    }
}

/* ---- all ---- */

static inline enum match_class judge_left_over(const struct judge *j, enum match_side side,
                                               guint i) {
    const struct match_row *row = judge_row(j, side, i);
    enum row_family family = row_kind_family(row->kind);
    if (side == THEIRS) {
        return family == FAMILY_THEIRS                                       ? CLASS_GATEWAYS_OWN
               : row->status != ROW_DONE                                     ? CLASS_NOTHING_MOVED
               : family == FAMILY_PAYMENT                                    ? CLASS_MISSING_HERE
               : family == FAMILY_REFUND                                     ? CLASS_ORPHAN_REFUND
               : family == FAMILY_DISPUTE                                    ? CLASS_ORPHAN_DISPUTE
               : row->kind == ROW_BANK_CREDIT || row->kind == ROW_BANK_DEBIT ? CLASS_BANK_UNKNOWN
                                                                             : CLASS_GATEWAYS_OWN;
    }
    return j->ambiguous[i]           ? CLASS_AMBIGUOUS
           : row->status != ROW_DONE ? CLASS_NOTHING_MOVED
           : !is_over(j, row)        ? CLASS_EXPECTED
           : family == FAMILY_REFUND ? CLASS_REFUND_LOST
           : family == FAMILY_BANK   ? CLASS_BANK_MISSING
                                     : CLASS_MISSING_THERE;
}

static inline void judge_book(struct judge *j, const struct book *book) {
    *j = (struct judge){.book = book};
    assert_true(book->rows[OURS]->len <= JUDGED_MAX && book->rows[THEIRS]->len <= JUDGED_MAX);
    for (int i = 0; i < book->options.rule_count; i++) {
        j->rule_index = i;
        j->rule = &book->rules[i];
        if (j->rule->by == BY_AMOUNT_TIME) {
            judge_times(j);
        } else if (j->rule->by == BY_BATCH) {
            judge_batches(j);
        } else {
            judge_ids(j);
        }
        if (j->rule->by == BY_REFERENCE) {
            judge_once_more(j);
        }
    }
    j->rule_index = -1;
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < judge_count(j, (enum match_side)side); i++) {
            if (!j->rows[side][i].taken) {
                judge_alone(j, (enum match_side)side, i,
                            judge_left_over(j, (enum match_side)side, i));
            }
        }
    }
}

#endif
