/* SPDX-License-Identifier: Apache-2.0
 * match_judge_pair.h: of the second matcher (match_judge.h): what a row is, and what differs first
 * between two. */
#ifndef HOLDFAST_TESTS_MATCH_JUDGE_PAIR_H
#define HOLDFAST_TESTS_MATCH_JUDGE_PAIR_H

#include "match_fixture.h"

enum { JUDGED_MAX = 16, NOT_TAKEN = -1 };

struct judged {
    bool taken;
    enum match_class class;
    int rule, group;
};
struct judge {
    const struct book *book;
    struct judged rows[MATCH_SIDES][JUDGED_MAX];
    bool ambiguous[JUDGED_MAX]; /* ours */
    int groups, rule_index;
    const struct match_rule *rule;
};
/* Some rows of each side. */
struct judged_set {
    bool has[MATCH_SIDES][JUDGED_MAX];
};

static inline guint judge_count(const struct judge *j, enum match_side side) {
    return j->book->rows[side]->len;
}
static inline const struct match_row *judge_row(const struct judge *j, enum match_side side,
                                                guint i) {
    return book_row(j->book, side, i);
}

static inline bool same_text(struct match_text a, struct match_text b) {
    return a.count == b.count && a.count > 0 && memcmp(a.bytes, b.bytes, a.count) == 0;
}

static inline bool in_families(const struct match_rule *rule, const struct match_row *row) {
    return rule->families == 0 || (rule->families >> row_kind_family(row->kind) & 1) != 0;
}

static inline bool is_over(const struct judge *j, const struct match_row *row) {
    return row->due_us != INT64_MAX && j->book->options.now_us >= row->due_us;
}

static inline int64_t bank_sign(const struct match_row *row) {
    return row->kind == ROW_PAYOUT || row->kind == ROW_PAYOUT_RETURNED || row->kind == ROW_TOPUP
               ? -1
               : 1;
}
static inline int64_t seen_amount(const struct match_row *row) {
    return bank_sign(row) * row->amount_minor;
}
static inline int seen_kind(const struct match_row *row) {
    return row->kind == ROW_PAYOUT                                      ? ROW_BANK_CREDIT
           : row->kind == ROW_PAYOUT_RETURNED || row->kind == ROW_TOPUP ? ROW_BANK_DEBIT
                                                                        : (int)row->kind;
}

static inline bool tolerated(const struct match_rule *rule, const char *currency, int64_t ours,
                             int64_t difference) {
    int64_t by_part = (ours < 0 ? -ours : ours) * rule->tolerance_ppm / 1000000;
    int64_t most = rule->tolerance_minor;
    for (int i = 0; i < rule->tolerance_count; i++) {
        bool of_it = strcmp(rule->tolerances[i].currency.code, currency) == 0;
        most = of_it ? rule->tolerances[i].minor : most;
    }
    most = MAX(by_part, most);
    return difference <= most && -difference <= most;
}

/* ---- 1:1 ---- */

static inline enum match_class judge_pair(const struct judge *j, const struct match_row *a,
                                          const struct match_row *b) {
    bool banks = a->kind == ROW_BANK_CREDIT || a->kind == ROW_BANK_DEBIT ||
                 b->kind == ROW_BANK_CREDIT || b->kind == ROW_BANK_DEBIT;
    int64_t theirs = seen_amount(b), ours = seen_amount(a), difference;
    if (__builtin_sub_overflow(theirs, ours, &difference)) {
        difference = theirs > ours ? INT64_MAX : -INT64_MAX;
    }
    int64_t most_fee = j->book->options.fee_tolerance_minor, fee = 0;
    bool fees_said = a->fee_minor != AMOUNT_UNSAID && b->fee_minor != AMOUNT_UNSAID;
    if (fees_said && __builtin_sub_overflow(b->fee_minor, a->fee_minor, &fee)) {
        fee = INT64_MAX;
    }
    if (a->kind != b->kind && !(banks && seen_kind(a) == seen_kind(b))) {
        return CLASS_KIND;
    }
    if (strcmp(a->currency.code, b->currency.code) != 0) {
        return CLASS_CURRENCY;
    }
    if (a->status != ROW_DONE && b->status != ROW_DONE) {
        return CLASS_NOTHING_MOVED;
    }
    if (a->status != ROW_DONE) {
        return CLASS_PAID_THERE;
    }
    if (b->status != ROW_DONE) {
        return b->status == ROW_PENDING && !is_over(j, a) ? CLASS_EXPECTED : CLASS_OPEN_THERE;
    }
    if (!tolerated(j->rule, a->currency.code, seen_amount(a), difference)) {
        switch (row_kind_family(a->kind)) {
        case FAMILY_REFUND:
            return CLASS_REFUND_MISMATCH;
        case FAMILY_BANK:
            return CLASS_PAYOUT;
        default:
            return difference > 0 ? CLASS_AMOUNT_OVER : CLASS_AMOUNT_UNDER;
        }
    }
    if (fees_said && most_fee >= 0 && (fee > most_fee || -fee > most_fee)) {
        return CLASS_FEE;
    }
    if ((j->rule->before_us != 0 || j->rule->after_us != 0) && a->at_us != 0 && b->at_us != 0 &&
        (b->at_us - a->at_us > j->rule->after_us || a->at_us - b->at_us > j->rule->before_us)) {
        return CLASS_LATE;
    }
    return difference != 0 ? CLASS_MATCHED_TOLERANCE : CLASS_MATCHED;
}

static inline void judge_take(struct judge *j, enum match_side side, guint i,
                              enum match_class class, int group) {
    assert_false(j->rows[side][i].taken);
    j->rows[side][i] = (struct judged){true, class, j->rule_index, group};
}

static inline void judge_alone(struct judge *j, enum match_side side, guint i,
                               enum match_class class) {
    judge_take(j, side, i, class, j->groups++);
}

static inline void judge_both(struct judge *j, guint o, guint t) {
    enum match_class class = judge_pair(j, judge_row(j, OURS, o), judge_row(j, THEIRS, t));
    judge_take(j, OURS, o, class, j->groups);
    judge_take(j, THEIRS, t, class, j->groups++);
}

#endif
