/* SPDX-License-Identifier: Apache-2.0
 * match_compare.c: two rows side by side, and what differs first. Nothing here knows of groups. */
#include <string.h>

#include "match/match_impl.h"

enum { PPM = 1000000 };

int match_text_compare(const struct match_text *a, const struct match_text *b) {
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    return a->count == 0 ? 0 : memcmp(a->bytes, b->bytes, a->count);
}

const struct match_text *match_rule_text(enum match_by by, const struct match_row *row) {
    switch (by) {
    case BY_GATEWAY_ID:
        return &row->gateway_id;
    case BY_REFERENCE:
        return &row->reference;
    case BY_ORIGINAL:
        return &row->original_id;
    case BY_BATCH:
        return &row->batch;
    case BY_AMOUNT_TIME:
    case BY_PAYOUT_NAME:
    case BY_PAYOUT_SUM:
    case BY_PAYOUT_PARTS:
    case MATCH_WAYS:
        break;
    }
    return NULL;
}

bool match_rule_covers(const struct match_rule *rule, const struct match_row *row) {
    enum row_family family = row_kind_family(row->kind);
    if (rule->by == BY_ORIGINAL && family != FAMILY_REFUND && family != FAMILY_DISPUTE) {
        return false;
    }
    return rule->families == 0 || (rule->families & 1U << family) != 0;
}

bool match_rule_looks(const struct match_rule *rule, enum match_side side,
                      const struct match_row *row) {
    if (rule->by == BY_BATCH && side == THEIRS) {
        return row_kind_family(row->kind) == FAMILY_BANK;
    }
    if (!match_rule_covers(rule, row)) {
        return false;
    }
    if (rule->by == BY_AMOUNT_TIME) {
        return row->at_us != 0;
    }
    if (rule->by >= MATCH_BY_COUNT) {
        return row->join != 0 && row->join_by == (unsigned)rule->by;
    }
    if (rule->by == BY_BATCH && row->status != ROW_DONE) {
        return false;
    }
    return match_text_told(match_rule_text(rule->by, row));
}

enum row_kind match_bank_kind(enum row_kind kind) {
    return kind == ROW_PAYOUT                                 ? ROW_BANK_CREDIT
           : kind == ROW_PAYOUT_RETURNED || kind == ROW_TOPUP ? ROW_BANK_DEBIT
                                                              : kind;
}

int64_t match_bank_amount(const struct match_row *row) {
    /* INT64_MIN is no amount: match_run() has refused it. */
    return match_bank_kind(row->kind) != row->kind ? -row->amount_minor : row->amount_minor;
}

bool match_kinds_differ(enum row_kind ours, enum row_kind theirs) {
    bool one_is_banks = match_bank_kind(ours) == ours || match_bank_kind(theirs) == theirs;
    return ours != theirs && !(one_is_banks && match_bank_kind(ours) == match_bank_kind(theirs));
}

/* A payout is of what the gateway has not kept. What it keeps of a payout is not taken out of it,
 * but out of the balance that stays. */
match_wide match_counted(enum match_by by, const struct match_row *row) {
    match_wide amount = match_bank_amount(row);
    bool net = by == BY_BATCH && row->fee_minor != AMOUNT_UNSAID &&
               row_kind_family(row->kind) != FAMILY_BANK;
    return net ? amount - row->fee_minor : amount;
}

bool match_due_over(const struct match_options *options, const struct match_row *ours) {
    return ours->due_us != INT64_MAX && options->now_us >= ours->due_us;
}

bool match_in_window(const struct match_rule *rule, int64_t our_us, int64_t their_us) {
    match_wide later = (match_wide)their_us - our_us;
    return later <= rule->after_us && -later <= rule->before_us;
}

static match_wide magnitude(match_wide value) {
    return value < 0 ? -value : value;
}

int64_t match_allowed_minor(const struct match_rule *rule, struct currency currency) {
    for (int i = 0; i < rule->tolerance_count; i++) {
        if (currency_equal(rule->tolerances[i].currency, currency)) {
            return rule->tolerances[i].minor;
        }
    }
    return rule->tolerance_minor;
}

/* Exact at the bound: nothing is divided. */
bool match_within(const struct match_rule *rule, struct currency currency, match_wide ours,
                  match_wide difference) {
    if (rule->less_only && difference > 0) {
        return false;
    }
    return magnitude(difference) <= match_allowed_minor(rule, currency) ||
           magnitude(difference) * PPM <= magnitude(ours) * rule->tolerance_ppm;
}

bool match_in_time(const struct match_rule *rule, int64_t our_us, int64_t their_us) {
    bool any_time = rule->before_us == 0 && rule->after_us == 0;
    return any_time || our_us == 0 || their_us == 0 || match_in_window(rule, our_us, their_us);
}

static int64_t fee_allowed_minor(const struct match_options *options, struct currency currency) {
    for (int i = 0; i < options->fee_tolerance_count; i++) {
        if (currency_equal(options->fee_tolerances[i].currency, currency)) {
            return options->fee_tolerances[i].minor;
        }
    }
    return options->fee_tolerance_minor;
}

/* Exact at the bound. */
bool match_fees_differ(const struct match_options *options, const struct match_row *ours,
                       const struct match_row *theirs) {
    match_wide difference = (match_wide)theirs->fee_minor - ours->fee_minor;
    int64_t allowed = fee_allowed_minor(options, ours->currency);
    return allowed >= 0 && ours->fee_minor != AMOUNT_UNSAID &&
           theirs->fee_minor != AMOUNT_UNSAID && magnitude(difference) > allowed;
}

static enum match_class class_of_status(const struct match_options *options,
                                        const struct match_row *ours,
                                        const struct match_row *theirs) {
    if (ours->status != ROW_DONE) {
        return theirs->status == ROW_DONE ? CLASS_PAID_THERE : CLASS_NOTHING_MOVED;
    }
    return theirs->status == ROW_PENDING && !match_due_over(options, ours) ? CLASS_EXPECTED
                                                                           : CLASS_OPEN_THERE;
}

enum match_class match_class_of_amount(enum row_family family, match_wide difference) {
    if (family == FAMILY_REFUND) {
        return CLASS_REFUND_MISMATCH;
    }
    if (family == FAMILY_BANK) {
        return CLASS_PAYOUT;
    }
    return difference > 0 ? CLASS_AMOUNT_OVER : CLASS_AMOUNT_UNDER;
}

enum match_class match_class_of_pair(const struct match_options *options,
                                     const struct match_rule *rule, const struct match_row *ours,
                                     const struct match_row *theirs) {
    int64_t amount = match_bank_amount(ours);
    match_wide difference = (match_wide)match_bank_amount(theirs) - amount;
    if (match_kinds_differ(ours->kind, theirs->kind)) {
        return CLASS_KIND;
    }
    if (!currency_equal(ours->currency, theirs->currency)) {
        return CLASS_CURRENCY;
    }
    if (ours->status != ROW_DONE || theirs->status != ROW_DONE) {
        return class_of_status(options, ours, theirs);
    }
    if (!match_within(rule, ours->currency, amount, difference)) {
        return match_class_of_amount(row_kind_family(ours->kind), difference);
    }
    if (match_fees_differ(options, ours, theirs)) {
        return CLASS_FEE;
    }
    if (!match_in_time(rule, ours->at_us, theirs->at_us)) {
        return CLASS_LATE;
    }
    return difference == 0 ? CLASS_MATCHED : CLASS_MATCHED_TOLERANCE;
}

enum match_class match_class_alone(const struct match_options *options, enum match_side side,
                                   const struct match_row *row) {
    static const enum match_class lost[MATCH_SIDES][FAMILY_BANK + 1] = {
        [OURS] = {[FAMILY_PAYMENT] = CLASS_MISSING_THERE,
                  [FAMILY_REFUND] = CLASS_REFUND_LOST,
                  [FAMILY_DISPUTE] = CLASS_MISSING_THERE,
                  [FAMILY_THEIRS] = CLASS_MISSING_THERE,
                  [FAMILY_BANK] = CLASS_BANK_MISSING},
        [THEIRS] = {[FAMILY_PAYMENT] = CLASS_MISSING_HERE,
                    [FAMILY_REFUND] = CLASS_ORPHAN_REFUND,
                    [FAMILY_DISPUTE] = CLASS_ORPHAN_DISPUTE,
                    [FAMILY_THEIRS] = CLASS_GATEWAYS_OWN,
                    [FAMILY_BANK] = CLASS_BANK_UNKNOWN},
    };
    enum row_family family = row_kind_family(row->kind);
    if (side == THEIRS && family == FAMILY_THEIRS) {
        return CLASS_GATEWAYS_OWN;
    }
    if (row->status != ROW_DONE) {
        return CLASS_NOTHING_MOVED;
    }
    if (side == OURS && !match_due_over(options, row)) {
        return CLASS_EXPECTED;
    }
    bool of_bank = row->kind == ROW_BANK_CREDIT || row->kind == ROW_BANK_DEBIT;
    if (side == THEIRS && family == FAMILY_BANK && !of_bank) {
        return CLASS_GATEWAYS_OWN;
    }
    return lost[side][family];
}

/* A bank has ids of its own for what it moves: there they tell nobody apart. */
unsigned match_told_apart_bits(const struct match_options *options, int rule_index,
                               const struct match_row *row) {
    unsigned bits = 0;
    for (int i = 0; i < rule_index; i++) {
        const struct match_rule *earlier = &options->rules[i];
        if ((earlier->by == BY_GATEWAY_ID || earlier->by == BY_REFERENCE) &&
            row_kind_family(row->kind) != FAMILY_BANK && match_rule_looks(earlier, OURS, row)) {
            bits |= 1U << earlier->by;
        }
    }
    return bits;
}
