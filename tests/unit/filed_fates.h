/* SPDX-License-Identifier: Apache-2.0
 * filed_fates.h: what can happen to a movement between our books and a gateway's files, one
 * function a fate (filed_cases.h). */
#ifndef HOLDFAST_TESTS_FILED_FATES_H
#define HOLDFAST_TESTS_FILED_FATES_H

#include "filed_cases.h"

static inline void as_it_should_be(struct filed_case *c) {
    int file = (int)below(c, FILES);
    bool of_payment = !tells(c, WRITES_REFUND_NAMES) && below(c, 3) == 0;
    struct deed deed = draw_deed(c, of_payment ? ROW_REFUND : some_kind(c), some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    if (!tells(c, WRITES_FEES)) {
        row.fee_minor = 0;
    } else if (deed.kind == DEED_CHARGE && below(c, 2) == 0) {
        deed.fee_minor = row.fee_minor = 30 + below(c, 3);
    } else if (below(c, 2) == 0) {
        row.fee_minor = deed_sign(&deed) * below(c, 40); /* nobody knows better */
        row.fee_minor = deed.kind == DEED_CHARGEBACK ? 0 : row.fee_minor;
    }
    if (deed.kind == DEED_CHARGE && below(c, 4) == 0) {
        deed.charge_id[0] = '\0'; /* the answer never came: only what we sent is known */
    }
    plant_both(c, CLASS_MATCHED, &deed, file, &row);
}

static inline void nearly_as_it_should_be(struct filed_case *c) {
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, some_kind(c), some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    row.gross_minor += (1 + below(c, TOLERANCE)) * (below(c, 2) == 0 ? 1 : -1);
    plant_both(c, CLASS_MATCHED_TOLERANCE, &deed, file, &row);
}

static inline void missing_there(struct filed_case *c) {
    struct deed deed = draw_deed(c, some_kind(c), some_time(c, 0));
    plant_ours(c, deed.kind == DEED_REFUND ? CLASS_REFUND_LOST : CLASS_MISSING_THERE, &deed);
}

static inline void not_yet_there(struct filed_case *c) {
    struct deed deed = draw_deed(c, some_kind(c), NOW_US - HOUR_US);
    plant_ours(c, CLASS_EXPECTED, &deed);
}

static inline void missing_here(struct filed_case *c) {
    static const enum match_class classes[] = {[DEED_CHARGE] = CLASS_MISSING_HERE,
                                               [DEED_REFUND] = CLASS_ORPHAN_REFUND,
                                               [DEED_CHARGEBACK] = CLASS_ORPHAN_DISPUTE};
    int file = (int)below(c, FILES);
    struct deed stranger = draw_deed(c, some_kind(c), 0);
    struct filed row = row_about(&stranger, some_time(c, file));
    row.reference[0] = tells(c, WRITES_BARE) && below(c, 2) == 0 ? '\0' : row.reference[0];
    plant_theirs(c, classes[stranger.kind], file, &row);
}

/* An attempt that has moved nothing here. */
static inline struct deed draw_attempt(struct filed_case *c, enum attempt_state state, int file) {
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, file));
    deed.kind = DEED_ATTEMPT;
    deed.state = state;
    return deed;
}

static inline void late_success(struct filed_case *c) {
    static const enum attempt_state states[] = {ATTEMPT_PENDING, ATTEMPT_UNKNOWN, ATTEMPT_DECLINED,
                                                ATTEMPT_NOT_CHARGED, ATTEMPT_CANCELED};
    int file = (int)below(c, FILES);
    struct deed deed = draw_attempt(c, states[below(c, COUNT_OF(states))], file);
    struct filed row = row_about(&deed, some_time(c, file));
    plant_both(c, CLASS_PAID_THERE, &deed, file, &row);
}

/* A till that took its payment back: what came and went there never counted here. */
static inline void taken_back(struct filed_case *c) {
    if (!tells(c, WRITES_PAYMENTS)) {
        late_success(c);
        return;
    }
    struct deed deed = draw_attempt(c, ATTEMPT_CANCELED, 0);
    struct filed row = row_about(&deed, some_time(c, 0)), back = row;
    back.kind = ROW_REFUND;
    back.gross_minor = -row.gross_minor;
    g_strlcpy(back.original, row.id, sizeof back.original);
    g_strlcpy(back.original_reference, row.reference, sizeof back.original_reference);
    next_name(c, "RE", back.id, sizeof back.id);
    next_own(c, "re", back.reference, sizeof back.reference);
    plant_both(c, CLASS_NOTHING_MOVED, &deed, 0, &row);
    plant_theirs(c, CLASS_NOTHING_MOVED, 0, &back);
}

/* Given up here and paid there, and its order was paid at another gateway as well. */
static inline void paid_at_two_gateways(struct filed_case *c) {
    int file = (int)below(c, FILES);
    struct deed deed = draw_attempt(c, ATTEMPT_NOT_CHARGED, file), other = deed;
    struct filed row = row_about(&deed, some_time(c, file));
    other.state = ATTEMPT_CHARGED;
    other.gateway = "another";
    next_own(c, "att", other.attempt, sizeof other.attempt);
    next_name(c, "CH", other.charge_id, sizeof other.charge_id);
    plant_both(c, CLASS_TWO_GATEWAYS, &deed, file, &row);
    g_array_append_val(c->deeds, other);
}

static inline void open_there(struct filed_case *c) {
    bool refund = !tells(c, WRITES_CHARGE_STATUS) || below(c, 2) == 0;
    if (refund && !tells(c, WRITES_REFUND_STATUS)) {
        as_it_should_be(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, refund ? ROW_REFUND : ROW_CHARGE, some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    row.status = below(c, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    plant_both(c, CLASS_OPEN_THERE, &deed, file, &row);
}

static inline void nothing_moved(struct filed_case *c) {
    bool refund = !tells(c, WRITES_CHARGE_STATUS);
    if (refund && !tells(c, WRITES_REFUND_STATUS)) {
        as_it_should_be(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed stranger = draw_deed(c, refund ? ROW_REFUND : ROW_CHARGE, 0);
    struct filed row = row_about(&stranger, some_time(c, file));
    row.status = below(c, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    plant_theirs(c, CLASS_NOTHING_MOVED, file, &row);
}

static inline void altered_amount(struct filed_case *c) {
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, some_kind(c), some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    int64_t more = (TOLERANCE + 1 + below(c, 50)) * (below(c, 2) == 0 ? 1 : -1);
    row.gross_minor += more;
    plant_both(c,
               deed.kind == DEED_REFUND ? CLASS_REFUND_MISMATCH
               : more > 0               ? CLASS_AMOUNT_OVER
                                        : CLASS_AMOUNT_UNDER,
               &deed, file, &row);
}

static inline void other_currency(struct filed_case *c) {
    if (!tells(c, WRITES_CURRENCIES)) {
        altered_amount(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, some_kind(c), some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    row.currency = currency_stored("GBP");
    plant_both(c, CLASS_CURRENCY, &deed, file, &row);
}

static inline void other_kind(struct filed_case *c) {
    if (!tells(c, WRITES_RETURNED)) {
        missing_there(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, ROW_REFUND, some_time(c, file));
    struct filed row = row_about(&deed, some_time(c, file));
    row.kind = ROW_REFUND_RETURNED;
    row.gross_minor = -row.gross_minor;
    plant_both(c, CLASS_KIND, &deed, file, &row);
}

static inline void refund_came_back(struct filed_case *c) {
    if (!tells(c, WRITES_RETURNED)) {
        missing_here(c);
        return;
    }
    struct deed deed = draw_deed(c, ROW_REFUND, some_time(c, 0));
    struct filed row = row_about(&deed, some_time(c, 0)), back = row;
    back.kind = ROW_REFUND_RETURNED;
    back.gross_minor = -row.gross_minor;
    back.at_us = some_time(c, 1);
    plant_both(c, CLASS_MATCHED, &deed, 0, &row);
    plant_theirs(c, CLASS_REFUND_FAILED, 1, &back);
}

static inline void too_late(struct filed_case *c) {
    int file = (int)below(c, FILES);
    int64_t at_us = some_time(c, file);
    int64_t ours_us = at_us + (below(c, 2) == 0 ? -(AFTER_DAYS + 1) : BEFORE_DAYS + 1) * DAY_US;
    struct deed deed = draw_deed(c, some_kind(c), ours_us);
    struct filed row = row_about(&deed, at_us);
    plant_both(c, CLASS_LATE, &deed, file, &row);
}

static inline void other_fee(struct filed_case *c) {
    if (!tells(c, WRITES_FEES)) {
        too_late(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, file));
    deed.fee_minor = 30;
    struct filed row = row_about(&deed, some_time(c, file));
    row.fee_minor += (1 + below(c, 9)) * (below(c, 2) == 0 ? 1 : -1);
    plant_both(c, CLASS_FEE, &deed, file, &row);
}

static inline void twice_there(struct filed_case *c) {
    struct deed deed = draw_deed(c, some_kind(c), some_time(c, 0));
    struct filed row = row_about(&deed, some_time(c, 0));
    plant_both(c, CLASS_MATCHED, &deed, 0, &row);
    row.at_us = some_time(c, 1);
    plant_theirs(c, CLASS_DUPLICATE_THERE, 1, &row);
}

static inline void twice_here(struct filed_case *c) {
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0)), again = deed;
    struct filed row = row_about(&deed, some_time(c, 0));
    plant_both(c, CLASS_MATCHED, &deed, 0, &row);
    next_own(c, "pay", again.payment, sizeof again.payment);
    next_own(c, "att", again.attempt, sizeof again.attempt);
    again.at_us = some_time(c, 1);
    plant_ours(c, CLASS_DUPLICATE_HERE, &again);
}

static inline void charged_twice(struct filed_case *c) {
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    struct filed row = row_about(&deed, some_time(c, 0));
    plant_both(c, CLASS_MATCHED, &deed, 0, &row);
    next_name(c, "CH", row.id, sizeof row.id);
    row.at_us = some_time(c, 1);
    plant_theirs(c, CLASS_DOUBLE_CHARGE, 1, &row);
}

/* A charge of our books, and the row of the first day about it: by the charge's name, or by our
 * reference alone where the answer never came. */
static inline struct deed draw_twice(struct filed_case *c, bool known, struct filed *ret_row) {
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    *ret_row = row_about(&deed, some_time(c, 0));
    if (!known) {
        deed.charge_id[0] = '\0';
    }
    return deed;
}

/* The row of the day after: a charge of its own. */
static inline struct filed draw_second(struct filed_case *c, const struct filed *first) {
    struct filed row = *first;
    next_name(c, "CH", row.id, sizeof row.id);
    row.at_us = some_time(c, 1);
    return row;
}

static inline int64_t either_sign(struct filed_case *c, int64_t minor) {
    return below(c, 2) == 0 ? minor : -minor;
}

/* Twice, one or both of another amount: of the charge that we know, else the nearer is ours. */
static inline void charged_twice_and_altered(struct filed_case *c) {
    bool known = below(c, 3) == 0;
    struct filed first, second;
    struct deed deed = draw_twice(c, known, &first);
    second = draw_second(c, &first);
    bool first_is_ours = known || below(c, 2) == 0;
    int64_t nearer = below(c, 3) == 0 ? 0 : either_sign(c, TOLERANCE + 1 + below(c, 20));
    int64_t farther = either_sign(c, TOLERANCE + 21 + below(c, 30));
    bool swapped = known ? below(c, 2) == 0 : !first_is_ours;
    first.gross_minor += swapped ? farther : nearer;
    second.gross_minor += swapped ? nearer : farther;
    int64_t off = (first_is_ours ? first : second).gross_minor - deed.amount_minor;
    enum match_class class = off > 0   ? CLASS_AMOUNT_OVER
                             : off < 0 ? CLASS_AMOUNT_UNDER
                                       : CLASS_MATCHED;
    if (first_is_ours) {
        plant_both(c, class, &deed, 0, &first);
        plant_theirs(c, CLASS_DOUBLE_CHARGE, 1, &second);
    } else {
        plant_theirs(c, CLASS_DOUBLE_CHARGE, 0, &first);
        plant_both(c, class, &deed, 1, &second);
    }
}

/* Both could be it by their amounts: the nearest in time is. */
static inline void charged_twice_within_the_tolerance(struct filed_case *c) {
    struct filed first, second;
    struct deed deed = draw_twice(c, false, &first);
    second = draw_second(c, &first);
    first.gross_minor += either_sign(c, 1 + below(c, TOLERANCE));
    second.gross_minor += either_sign(c, 1 + below(c, TOLERANCE));
    if (below(c, 2) == 0) {
        plant_both(c, CLASS_MATCHED_TOLERANCE, &deed, 0, &first);
        plant_theirs(c, CLASS_DOUBLE_CHARGE, 1, &second);
    } else {
        deed.at_us = some_time(c, 1);
        plant_theirs(c, CLASS_DOUBLE_CHARGE, 0, &first);
        plant_both(c, CLASS_MATCHED_TOLERANCE, &deed, 1, &second);
    }
}

/* Nothing says that it is a charge of its own: it is there once more. */
static inline void charged_twice_without_an_id(struct filed_case *c) {
    if (!tells(c, WRITES_NAMELESS)) {
        charged_twice_and_altered(c);
        return;
    }
    struct filed first, second;
    bool known = below(c, 2) == 0;
    struct deed deed = draw_twice(c, known, &first);
    second = draw_second(c, &first);
    second.id[0] = '\0';
    if (!known && below(c, 2) == 0) {
        first.id[0] = '\0';
    }
    second.gross_minor += below(c, 3) == 0 ? 0 : either_sign(c, 1 + below(c, 20));
    plant_both(c, CLASS_MATCHED, &deed, 0, &first);
    plant_theirs(c, CLASS_DUPLICATE_THERE, 1, &second);
}

/* Captures of one hold that are told as one row, and that row again. */
static inline void told_again_beside_captures(struct filed_case *c) {
    bool near = below(c, 2) == 0;
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    struct planted_break group = group_begin(near ? CLASS_MATCHED_TOLERANCE : CLASS_MATCHED);
    struct filed row = row_about(&deed, some_time(c, 0));
    row.gross_minor = near ? either_sign(c, 1 + below(c, TOLERANCE)) : 0;
    deed.kind = DEED_CAPTURE;
    for (int64_t more = 2 + below(c, 2); more > 0; more--) {
        next_own(c, "re", deed.subject, sizeof deed.subject);
        deed.amount_minor = 100 + below(c, 5) + 10 * more;
        deed.at_us += US_PER_SECOND;
        row.gross_minor += deed.amount_minor;
        book(c, &group, &deed);
    }
    file_row(c, &group, 0, &row);
    group_end(c, &group);
    row.at_us = some_time(c, 1);
    plant_theirs(c, CLASS_DUPLICATE_THERE, 1, &row);
}

/* A charge that is told in parts, and the last of them again, or charged again. */
static inline void a_part_again(struct filed_case *c) {
    bool own = below(c, 2) == 0;
    struct filed row;
    struct deed deed = draw_twice(c, false, &row);
    struct planted_break group = group_begin(CLASS_MATCHED);
    row.gross_minor = 200 + below(c, 50);
    deed.amount_minor = 2 * row.gross_minor + 50 + below(c, 100);
    book(c, &group, &deed);
    file_row(c, &group, 0, &row);
    next_name(c, "CH", row.id, sizeof row.id);
    row.gross_minor = deed.amount_minor - row.gross_minor;
    row.at_us = some_time(c, 0);
    file_row(c, &group, 0, &row);
    group_end(c, &group);
    struct filed again = draw_second(c, &row);
    if (!own) {
        g_strlcpy(again.id, row.id, sizeof again.id);
    }
    plant_theirs(c, own ? CLASS_DOUBLE_CHARGE : CLASS_DUPLICATE_THERE, 1, &again);
}

/* One charge here, several there, whose sum it is or is not. */
static inline void parts_there(struct filed_case *c) {
    bool whole = below(c, 2) == 0;
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    deed.charge_id[0] = '\0';
    deed.amount_minor = 1000 + below(c, 9000);
    struct planted_break group = group_begin(whole ? CLASS_MATCHED : CLASS_SPLIT);
    book(c, &group, &deed);
    struct filed row = row_about(&deed, some_time(c, 0));
    int64_t left = deed.amount_minor - (whole ? 0 : TOLERANCE + 1 + below(c, 50));
    for (int64_t more = 1 + below(c, 2); more >= 0; more--) {
        next_name(c, "CH", row.id, sizeof row.id);
        row.gross_minor = more > 0 ? left / 3 : left;
        left -= row.gross_minor;
        row.at_us = some_time(c, 0);
        file_row(c, &group, 0, &row);
    }
    group_end(c, &group);
}

/* Captures of one hold, told as one row. */
static inline void parts_here(struct filed_case *c) {
    bool whole = below(c, 2) == 0;
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    struct planted_break group = group_begin(whole ? CLASS_MATCHED : CLASS_SPLIT);
    struct filed row = row_about(&deed, some_time(c, 0));
    row.gross_minor = whole ? 0 : TOLERANCE + 1 + below(c, 50);
    deed.kind = DEED_CAPTURE;
    for (int64_t more = 2 + below(c, 2); more > 0; more--) {
        next_own(c, "re", deed.subject, sizeof deed.subject);
        deed.amount_minor = 100 + below(c, 5) + 10 * more;
        deed.at_us += US_PER_SECOND;
        row.gross_minor += deed.amount_minor;
        book(c, &group, &deed);
    }
    file_row(c, &group, 0, &row);
    group_end(c, &group);
}

/* Only its amount tells which it is: no other has it. */
static inline void by_its_amount(struct filed_case *c) {
    if (!tells(c, WRITES_BARE)) {
        as_it_should_be(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, file));
    deed.amount_minor = OWN_AMOUNT + 10 * (int64_t)c->serial;
    struct filed row = row_about(&deed, some_time(c, file));
    deed.charge_id[0] = row.reference[0] = '\0';
    plant_both(c, CLASS_MATCHED, &deed, file, &row);
}

static inline void fits_twice(struct filed_case *c) {
    if (!tells(c, WRITES_BARE)) {
        missing_there(c);
        return;
    }
    struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
    deed.amount_minor = OWN_AMOUNT + 10 * (int64_t)c->serial;
    struct filed row = row_about(&deed, some_time(c, 0));
    deed.charge_id[0] = row.reference[0] = '\0';
    plant_ours(c, CLASS_AMBIGUOUS, &deed);
    for (int more = 0; more < 2; more++) {
        next_name(c, "CH", row.id, sizeof row.id);
        plant_theirs(c, CLASS_MISSING_HERE, more, &row);
        row.at_us = some_time(c, 1);
    }
}

/* A row that the gateway has of its own, and what the run books for it. */
static inline void plant_own(struct filed_case *c, enum match_class class, int file,
                             const struct filed *row) {
    struct planted_break group = group_begin(class);
    file_row(c, &group, file, row);
    add_row(c, &group, OURS, "booking", row->currency, row->gross_minor, 0);
    group_end(c, &group);
    close_with(c, row->currency, row->gross_minor - row->fee_minor);
}

static inline void gateways_own(struct filed_case *c) {
    if (!tells(c, WRITES_OWN_FEES)) {
        as_it_should_be(c);
        return;
    }
    int file = (int)below(c, FILES);
    struct filed row = {.kind = ROW_FEE,
                        .status = ROW_DONE,
                        .currency = some_currency(c),
                        .gross_minor = -1 - below(c, 90),
                        .at_us = some_time(c, file)};
    next_name(c, "FE", row.id, sizeof row.id);
    plant_own(c, CLASS_GATEWAYS_OWN, file, &row);
}

/* A payout with the rows that name it, which are its sum or are not. */
static inline void paid_out(struct filed_case *c) {
    if (!tells(c, WRITES_PAYOUTS)) {
        gateways_own(c);
        return;
    }
    bool whole = below(c, 2) == 0;
    struct filed payout = {.kind = ROW_PAYOUT, .status = ROW_DONE, .at_us = some_time(c, 0)};
    next_name(c, "payout-", payout.id, sizeof payout.id);
    for (int64_t more = 1 + below(c, 3); more > 0; more--) {
        struct deed deed = draw_deed(c, ROW_CHARGE, some_time(c, 0));
        struct filed row = row_about(&deed, some_time(c, 0));
        deed.currency = row.currency = currency_stored("EUR");
        g_strlcpy(row.batch, payout.id, sizeof row.batch);
        row.fee_minor = below(c, 20);
        payout.gross_minor -= row.gross_minor - row.fee_minor;
        plant_both(c, CLASS_MATCHED, &deed, 0, &row);
    }
    payout.currency = currency_stored("EUR");
    payout.gross_minor += whole ? 0 : 1 + below(c, 9);
    plant_own(c, whole ? CLASS_GATEWAYS_OWN : CLASS_PAYOUT, 0, &payout);
}

static void (*const fates[])(struct filed_case *c) = {
    as_it_should_be,
    nearly_as_it_should_be,
    missing_there,
    not_yet_there,
    missing_here,
    late_success,
    taken_back,
    open_there,
    paid_at_two_gateways,
    nothing_moved,
    altered_amount,
    other_currency,
    other_kind,
    refund_came_back,
    other_fee,
    too_late,
    twice_there,
    twice_here,
    charged_twice,
    charged_twice_and_altered,
    charged_twice_within_the_tolerance,
    charged_twice_without_an_id,
    told_again_beside_captures,
    a_part_again,
    parts_there,
    parts_here,
    by_its_amount,
    fits_twice,
    gateways_own,
    paid_out,
    paid_out, /* twice, for few layouts tell of payouts */
};

#endif
