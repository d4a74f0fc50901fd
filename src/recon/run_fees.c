/* SPDX-License-Identifier: Apache-2.0
 * run_fees.c: what a gateway kept of our movements, held against what was expected of it
 * (docs/decisions/0023-fees-of-statements.md).
 *
 *   expected   what the schedule says; where no line of it fits what its answer told; else nothing:
 *              taken as told
 *   kept       what the rows beside our movement tell, and rows of their own that name it; where
 *              they tell nothing what its answer told
 *
 * A group of one of each side whose expected and kept are further apart than is allowed is of the
 * class FEE. What is kept is in the books all the same (run_fees_book.c): they are what the gateway
 * holds, and the break is a claim. */
#include <stdio.h>
#include <string.h>

#include "match/match_impl.h"
#include "recon/run_impl.h"

const char *fee_basis_name(int64_t basis) {
    return basis == FEE_BY_ANSWER ? "answer" : basis == FEE_BY_SCHEDULE ? "schedule" : "statement";
}

/* ---- reading ---- */

static int64_t or_unsaid(const struct sql_rows *rows, int column) {
    return sql_null(rows, column) ? AMOUNT_UNSAID : sql_int(rows, column);
}

struct side_fee recon_fee_read(const struct sql_rows *rows, enum row_kind kind) {
    struct side_fee fee = {
        .answered_minor = or_unsaid(rows, 18),
        .written_minor = sql_int(rows, 20),
        .moved_minor = sql_int(rows, 21),
        .linked = !sql_null(rows, 22),
        .linked_minor = sql_null(rows, 22) ? 0 : sql_int(rows, 22),
        .linked_kept_minor = sql_int(rows, 23),
        .known = !sql_null(rows, 24),
        .posted_minor = sql_null(rows, 24) ? 0 : sql_int(rows, 24),
        .method = (enum payment_method)sql_int(rows, 25),
        .region = sql_text(rows, 26),
        .charge_minor = sql_int(rows, 27),
        .charge_at_us = sql_int(rows, 28),
        .charge_fee_minor = sql_null(rows, 29) ? -1 : sql_int(rows, 29),
        .statement_method = "",
    };
    /* A refund by a dispute is none that a schedule speaks of. */
    bool of_dispute = sql_text(rows, 12) != NULL;
    fee.asks = kind == ROW_CHARGE || kind == ROW_CHARGEBACK || (kind == ROW_REFUND && !of_dispute);
    fee.kind = kind == ROW_CHARGE   ? FEE_OF_CHARGE
               : kind == ROW_REFUND ? FEE_OF_REFUND
                                    : FEE_OF_DISPUTE;
    return fee;
}

struct side_fee recon_fee_none(void) {
    return (struct side_fee){
        .answered_minor = AMOUNT_UNSAID, .region = "", .statement_method = ""};
}

static size_t member_at(const struct run *run, const struct match_group *group,
                        enum match_side side, uint32_t i) {
    return run->match->members[group->first + (side == OURS ? 0 : group->ours) + i];
}

static const struct match_row *row_of(const struct run *run, const struct match_group *group,
                                      enum match_side side, uint32_t i) {
    return &run->match->rows[side][member_at(run, group, side, i)];
}

static struct side_row *name_of(const struct run *run, const struct match_group *group,
                                enum match_side side, uint32_t i) {
    return &g_array_index(run->sides[side].names, struct side_row,
                          member_at(run, group, side, i));
}

/* ---- what was expected ---- */

static bool by_schedule(const struct run *run, const struct match_row *ours,
                        const struct match_row *theirs, const struct side_row *their_name,
                        struct side_fee *fee) {
    int64_t amount = ours->amount_minor;
    struct fee_expected expected;
    const struct fee_case asked = {
        .kind = fee->kind,
        .method = fee->method,
        .region = fee->region,
        .statement_method = their_name->fee.statement_method,
        .currency = ours->currency,
        .amount_minor = amount < 0 && amount != INT64_MIN ? -amount : amount,
        .at_us = theirs->at_us != 0 ? theirs->at_us : ours->at_us,
        .charge_minor = fee->charge_minor,
        .charge_at_us = fee->charge_at_us,
        .charge_fee_minor = fee->charge_fee_minor,
    };
    if (!fee->asks || fee_expect(run->request->fees, &asked, &expected) != 1 ||
        !money_sub(expected.fee_minor, fee->written_minor, &fee->expected_minor)) {
        return false;
    }
    fee->line = expected.line != NULL ? expected.line : expected.charge_line;
    fee->basis = FEE_BY_SCHEDULE;
    return true;
}

/* What the rows tell of a pair, else its answer; false when nobody tells anything. */
static bool kept_of(const struct match_row *ours, const struct match_row *theirs,
                    const struct side_fee *fee, int64_t *ret_minor) {
    int64_t told = theirs->fee_minor == AMOUNT_UNSAID ? 0 : theirs->fee_minor;
    bool said = theirs->fee_minor != AMOUNT_UNSAID || fee->linked_kept_minor != 0;
    *ret_minor = ours->fee_minor;
    return said ? money_add(told, fee->linked_kept_minor, ret_minor)
                : ours->fee_minor != AMOUNT_UNSAID;
}

static bool may_be_judged(const struct run *run, const struct match_group *group) {
    bool alike = group->class == CLASS_MATCHED || group->class == CLASS_MATCHED_TOLERANCE ||
                 group->class == CLASS_LATE || group->class == CLASS_FEE;
    return alike && group->ours == 1 && group->theirs == 1 &&
           !recon_member_name(run, group, OURS, 0)->passing &&
           row_of(run, group, THEIRS, 0)->status == ROW_DONE;
}

static bool judge(struct run *run, struct match_group *group) {
    const struct match_row *ours = row_of(run, group, OURS, 0);
    const struct match_row *theirs = row_of(run, group, THEIRS, 0);
    struct side_fee *fee = &name_of(run, group, OURS, 0)->fee;
    if (!kept_of(ours, theirs, fee, &fee->kept_minor)) {
        return false;
    }
    bool agreed = by_schedule(run, ours, theirs, name_of(run, group, THEIRS, 0), fee);
    bool told = theirs->fee_minor != AMOUNT_UNSAID || fee->linked_kept_minor != 0;
    if (!agreed && !told) {
        return false; /* its answer is held against nothing but itself */
    }
    fee->judged = true;
    if (!agreed && ours->fee_minor != AMOUNT_UNSAID) {
        fee->basis = FEE_BY_ANSWER;
        fee->expected_minor = ours->fee_minor;
    } else if (!agreed) {
        fee->basis = FEE_BY_NOTHING;
        fee->expected_minor = fee->kept_minor;
        return true;
    }
    struct match_row expected = *ours, kept = *theirs;
    expected.fee_minor = fee->expected_minor;
    kept.fee_minor = fee->kept_minor;
    bool differs = match_fees_differ(run->request->options, &expected, &kept);
    if (differs && group->class != CLASS_FEE) {
        recon_become(run, group, CLASS_FEE);
    } else if (!differs && group->class == CLASS_FEE) {
        recon_become(run, group,
                     group->difference_minor == 0 ? CLASS_MATCHED : CLASS_MATCHED_TOLERANCE);
    }
    return true;
}

/* A statement's fee beside a movement of ours that nothing could be held against. */
static int64_t told_unjudged(const struct run *run, const struct match_group *group) {
    int64_t rows = 0;
    for (uint32_t i = 0; group->ours > 0 && i < group->theirs; i++) {
        const struct match_row *theirs = row_of(run, group, THEIRS, i);
        rows += theirs->status == ROW_DONE && theirs->fee_minor != AMOUNT_UNSAID &&
                theirs->fee_minor != 0;
    }
    return rows;
}

void recon_fees_judge(struct run *run) {
    struct run_fees *fees = &run->figures->fees;
    *fees = (struct run_fees){0};
    for (size_t i = 0; i < run->match->group_count; i++) {
        struct match_group *group = &run->match->groups[i];
        bool judged = may_be_judged(run, group) && judge(run, group);
        bool own = group->ours > 0 && recon_member_name(run, group, OURS, 0)->own;
        if (own || recon_as_it_was(run, group)) {
            continue;
        }
        if (!judged) {
            fees->unproved += told_unjudged(run, group);
            continue;
        }
        const struct side_fee *fee = &name_of(run, group, OURS, 0)->fee;
        fees->by_answer += fee->basis == FEE_BY_ANSWER;
        fees->by_schedule += fee->basis == FEE_BY_SCHEDULE;
        fees->unproved += fee->basis == FEE_BY_NOTHING && fee->kept_minor != 0;
        fees->differ += group->class == CLASS_FEE;
    }
}

void recon_fee_tell(const struct side_fee *fee, struct currency currency, char *ret_text,
                    size_t bytes) {
    char expected[MONEY_TEXT_MAX], kept[MONEY_TEXT_MAX], answered[MONEY_TEXT_MAX];
    bool agreed = fee->basis == FEE_BY_SCHEDULE && fee->line != NULL;
    bool another = agreed && fee->answered_minor != AMOUNT_UNSAID;
    snprintf(ret_text, bytes, "fee expected %s (%s%s), kept %s%s%s",
             money_show(fee->expected_minor, currency, expected),
             agreed                        ? "agreed: "
             : fee->basis == FEE_BY_ANSWER ? "its answer"
                                           : "nothing to hold it against",
             agreed ? fee->line->name : "", money_show(fee->kept_minor, currency, kept),
             another ? "; its answer told " : "",
             another ? money_show(fee->answered_minor, currency, answered) : "");
}
