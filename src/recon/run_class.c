/* SPDX-License-Identifier: Apache-2.0
 * run_class.c: what the matcher cannot know of a group, since it compares two sides of one gateway
 * and knows no attempts, no other gateways and no payment's whole life:
 *   PAID_THERE      whose order was paid at another gateway is TWO_GATEWAYS
 *   PAID_THERE      of an attempt that was given up, all of which went back there by refunds that
 *                   nothing here knows of (a till that took its payment back), is NOTHING_MOVED,
 *                   and so are those refunds: the two balance, there as here
 *   ORPHAN_REFUND, DUPLICATE_THERE    of money of a refund that came back is REFUND_FAILED
 *   MATCHED         of a row that is the gateway's own, with what was booked from it, is
 *                   GATEWAYS_OWN; of a payout that is not what its rows come to, PAYOUT
 *   BANK_UNKNOWN, DUPLICATE_THERE    of a bank's row that is in the books is NOTHING_MOVED, since
 *                   another file told it; of one whose payment was not looked for yet, EXPECTED
 *   MATCHED, MATCHED_TOLERANCE, LATE, FEE    of what only probed the gateway is PROBE: what both
 *                   sides tell needs nobody
 * The sums move along. */
#include <string.h>

#include "recon/own.h"
#include "recon/run_impl.h"

/* So many of each are looked through; beyond that they stay what the matcher says. */
enum { TAKEN_BACK_MAX = 5000 };

/* ---- sums ---- */

static struct match_sum *sum_of(struct run_figures *figures, struct currency currency,
                                enum match_class class) {
    int at = 0;
    for (; at < figures->sum_count; at++) {
        struct match_sum *sum = &figures->sums[at];
        int order = strcmp(sum->currency.code, currency.code);
        if (order == 0 && sum->class == class) {
            return sum;
        }
        if (order > 0 || (order == 0 && sum->class > class)) {
            break;
        }
    }
    INVARIANT(figures->sum_count < (int)COUNT_OF(figures->sums), "room for every class");
    memmove(&figures->sums[at + 1], &figures->sums[at],
            (size_t)(figures->sum_count - at) * sizeof figures->sums[0]);
    figures->sum_count++;
    figures->sums[at] = (struct match_sum){.currency = currency, .class = class};
    return &figures->sums[at];
}

/* Moves of the same rows from one sum to another: nothing overflows. */
static void move_row(struct run_figures *figures, const struct match_row *row, enum match_side side,
                     enum match_class from, enum match_class to) {
    int64_t fee = row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
    struct match_sum *sum = sum_of(figures, row->currency, from);
    sum->rows[side]--;
    sum->amount_minor[side] -= row->amount_minor;
    sum->fee_minor[side] -= fee;
    sum = sum_of(figures, row->currency, to);
    sum->rows[side]++;
    sum->amount_minor[side] += row->amount_minor;
    sum->fee_minor[side] += fee;
}

static const struct match_row *row_at(const struct run *run, const struct match_group *group,
                                      enum match_side side, uint32_t i) {
    size_t at = group->first + (side == OURS ? 0 : group->ours) + i;
    return &run->match->rows[side][run->match->members[at]];
}

void recon_become(struct run *run, struct match_group *group, enum match_class to) {
    const uint32_t counts[MATCH_SIDES] = {group->ours, group->theirs};
    for (int side = OURS; side < MATCH_SIDES; side++) {
        for (uint32_t i = 0; i < counts[side]; i++) {
            move_row(run->figures, row_at(run, group, (enum match_side)side, i),
                     (enum match_side)side, group->class, to);
        }
    }
    group->class = to;
}

/* ---- what went back ---- */

static bool same_text(const struct match_text *a, const struct match_text *b) {
    return a->count > 0 && a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

/* By the name of the charge, or of what it belongs to, or by the order's reference. */
static bool of_charge(const struct match_row *refund, const struct match_row *charge) {
    return same_text(&refund->original_id, &charge->gateway_id) ||
           same_text(&refund->original_id, &charge->original_id) ||
           same_text(&refund->gateway_id, &charge->gateway_id) ||
           same_text(&refund->reference, &charge->reference);
}

static bool is_unknown_refund(const struct run *run, const struct match_group *group) {
    return group->class == CLASS_ORPHAN_REFUND && group->ours == 0 && group->theirs == 1 &&
           row_at(run, group, THEIRS, 0)->kind == ROW_REFUND;
}

/* An attempt that is over, beside one charge there. */
static bool was_given_up(const struct run *run, const struct match_group *group) {
    return group->class == CLASS_PAID_THERE && group->ours == 1 && group->theirs == 1 &&
           recon_member_name(run, group, OURS, 0)->passing &&
           row_at(run, group, OURS, 0)->status == ROW_FAILED;
}

/* `refunds`: groups of refunds that nothing here knows of. */
static void take_back(struct run *run, struct match_group *group, const GArray *refunds) {
    const struct match_row *charge = row_at(run, group, THEIRS, 0);
    int64_t left = charge->amount_minor;
    for (guint i = 0; i < refunds->len; i++) {
        struct match_group *other = &run->match->groups[g_array_index(refunds, size_t, i)];
        const struct match_row *refund = row_at(run, other, THEIRS, 0);
        if (other->class == CLASS_ORPHAN_REFUND && of_charge(refund, charge) &&
            (!currency_equal(refund->currency, charge->currency) ||
             !money_add(left, refund->amount_minor, &left))) {
            return;
        }
    }
    if (left != 0) {
        return;
    }
    for (guint i = 0; i < refunds->len; i++) {
        struct match_group *other = &run->match->groups[g_array_index(refunds, size_t, i)];
        if (other->class == CLASS_ORPHAN_REFUND &&
            of_charge(row_at(run, other, THEIRS, 0), charge)) {
            recon_become(run, other, CLASS_NOTHING_MOVED);
        }
    }
    recon_become(run, group, CLASS_NOTHING_MOVED);
}

/* ---- all groups ---- */

static bool came_back(const struct run *run, const struct match_group *group) {
    bool alone = group->class == CLASS_ORPHAN_REFUND || group->class == CLASS_DUPLICATE_THERE;
    return alone && group->ours == 0 && group->theirs == 1 &&
           row_at(run, group, THEIRS, 0)->kind == ROW_REFUND_RETURNED;
}

static bool paid_elsewhere(const struct run *run, const struct match_group *group) {
    for (uint32_t i = 0; group->class == CLASS_PAID_THERE && i < group->ours; i++) {
        if (recon_member_name(run, group, OURS, i)->paid_elsewhere) {
            return true;
        }
    }
    return false;
}

/* A bank's row, known here as one (a charge that is there twice has two names). */
static bool is_of_bank(const struct run *run, const struct match_group *group) {
    enum row_kind kind = row_at(run, group, THEIRS, 0)->kind;
    return kind == ROW_BANK_CREDIT || kind == ROW_BANK_DEBIT;
}

/* What it is where somebody knows the gateway's own books, or the bank's; else as it was. */
static enum match_class class_of_own(const struct run *run, const struct match_group *group) {
    if (own_group(run, group)) {
        bool pair = group->ours == 1 && group->theirs == 1;
        return own_batch_differs(run, group)          ? CLASS_PAYOUT
               : pair && group->class == CLASS_MATCHED ? CLASS_GATEWAYS_OWN
                                                       : group->class;
    }
    if (group->ours == 0 && group->theirs == 1 && is_of_bank(run, group)) {
        const struct side_row *name = recon_member_name(run, group, THEIRS, 0);
        bool alone = group->class == CLASS_BANK_UNKNOWN || group->class == CLASS_DUPLICATE_THERE;
        return !alone || !name->bank_row ? group->class
               : name->waits             ? CLASS_EXPECTED
                                         : CLASS_NOTHING_MOVED;
    }
    return group->class;
}

/* All that is ours of it probed the gateway, and both sides have it. */
static bool only_probed(const struct run *run, const struct match_group *group) {
    bool same = group->class == CLASS_MATCHED || group->class == CLASS_MATCHED_TOLERANCE ||
                group->class == CLASS_LATE || group->class == CLASS_FEE;
    for (uint32_t i = 0; same && i < group->ours; i++) {
        same = recon_member_name(run, group, OURS, i)->probe;
    }
    return same && group->ours > 0 && group->theirs > 0;
}

void recon_classes(struct run *run) {
    GArray *refunds = g_array_new(false, false, sizeof(size_t));
    struct match *match = run->match;
    size_t given_up = 0;
    for (size_t i = 0; i < match->group_count; i++) {
        given_up += was_given_up(run, &match->groups[i]);
        if (is_unknown_refund(run, &match->groups[i])) {
            g_array_append_val(refunds, i);
        }
    }
    bool look = refunds->len > 0 && given_up <= TAKEN_BACK_MAX && refunds->len <= TAKEN_BACK_MAX;
    for (size_t i = 0; i < match->group_count; i++) {
        struct match_group *group = &match->groups[i];
        if (look && was_given_up(run, group)) {
            take_back(run, group, refunds);
        }
        enum match_class own = class_of_own(run, group);
        if (own != group->class) {
            recon_become(run, group, own);
        } else if (paid_elsewhere(run, group)) {
            recon_become(run, group, CLASS_TWO_GATEWAYS);
        } else if (came_back(run, group)) {
            recon_become(run, group, CLASS_REFUND_FAILED);
        } else if (only_probed(run, group)) {
            recon_become(run, group, CLASS_PROBE);
        }
    }
    g_array_free(refunds, true);
}

bool recon_class_follows(enum match_class found, enum match_class kept) {
    bool refund = found == CLASS_ORPHAN_REFUND || found == CLASS_DUPLICATE_THERE;
    return found == kept || (found == CLASS_PAID_THERE && kept == CLASS_TWO_GATEWAYS) ||
           (found == CLASS_MISSING_HERE && kept == CLASS_DOUBLE_CHARGE) ||
           (refund && kept == CLASS_REFUND_FAILED) ||
           ((found == CLASS_PAID_THERE || found == CLASS_ORPHAN_REFUND ||
             found == CLASS_DUPLICATE_THERE || found == CLASS_BANK_UNKNOWN) &&
            kept == CLASS_NOTHING_MOVED) ||
           ((found == CLASS_EXPECTED || found == CLASS_BANK_MISSING) && kept == CLASS_PAYOUT) ||
           ((found == CLASS_MATCHED || found == CLASS_MATCHED_TOLERANCE || found == CLASS_LATE ||
             found == CLASS_FEE) &&
            kept == CLASS_PROBE) ||
           (found == CLASS_MATCHED && (kept == CLASS_GATEWAYS_OWN || kept == CLASS_PAYOUT));
}
