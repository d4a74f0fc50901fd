/* SPDX-License-Identifier: Apache-2.0
 * match.h: which rows of ours are which rows of theirs, and what is left over.
 *
 * Rules are tried in their order. Each takes rows that no earlier one took and puts them into
 * groups; what a group turns out to be is its class (match_classes.def). In the end
 *   1. every row of both sides is in exactly one group;
 *   2. the sums by side, currency and class add up to the sums of the sides;
 *   3. the same rows in another order give the same groups, and the same input the same bytes.
 *
 *   by           takes                                             shape
 *   GATEWAY_ID   rows of one family with the same id of theirs     n:m
 *   REFERENCE    rows of one family with the same reference        n:m
 *   ORIGINAL     refunds and disputes about one payment whose amounts and currencies are equal,
 *                where exactly one of each side is left             1:1
 *   AMOUNT_TIME  same family, currency and amount, times no further apart than the window; only
 *                where each is the other's only candidate            1:1
 *   BATCH        rows of ours with one batch, against one row of theirs that names the batch as its
 *                reference, batch or as a word of its description    n:1
 *   PAYOUT_…     rows that their owner has put together (`join`, recon/payouts.h)    n:m
 * ORIGINAL and AMOUNT_TIME ask for the very amount: no tolerance. AMOUNT_TIME passes over rows that
 * tell no time, and two rows that both tell an id, or both a reference, are no candidates for each
 * other when an earlier rule has looked at it: it has told them apart (not in the family BANK,
 * since a bank has ids of its own). Else a payment missing there and a stranger's of the same price
 * would become a match, and two breaks be hidden.
 *
 * A group of n:m (GATEWAY_ID, REFERENCE), in this order:
 *   - all of one side, none of the other: not taken; later rules may. But a row of theirs that is
 *     DONE, and whose REFERENCE is that of a row of ours that an earlier rule found paid there, is
 *     there once more: DUPLICATE_THERE.
 *   - 1:1: compared. What differs decides the class, the first of: kind, currency, status, amount
 *     (beyond the tolerance; REFUND_MISMATCH for refunds, PAYOUT for the family BANK), fee (where
 *     both tell it), time (LATE).
 *   - n:m: rows that are equal in currency, amount, status and kind are paired off, oldest first
 *     (rows without a time last). Then what is DONE meets what is DONE, where both sides have some:
 *     pairs that are equal in currency and amount (by kind, then oldest first), and of the rest, as
 *     long as both sides have rows left (match_fit.c):
 *       a. one row of each: compared as 1:1.
 *       b. all of them, where their sums are equal within the tolerance: one group, MATCHED (split
 *          captures, several refunds). In the family BANK always: PAYOUT where they are not.
 *       c. several of ours and the one row of theirs that is their sum within the tolerance (the
 *          nearest, then the oldest); else ours and theirs with what tells the same amount and kind
 *          counted once (the oldest), two rows at least, where that is their sum: one group.
 *       d. pairs of one currency and kind whose amounts are equal within the tolerance, the one
 *          that fits best first: the nearest in time (a time that is not told is farthest), then in
 *          amount, then the oldest of theirs, then of ours. Between several rows of each side only
 *          where these make no more than 1,024 pairs.
 *       e. one row of each: compared as 1:1.
 *       f. where one side has one row: it and the row of its kind that is nearest in amount (then
 *          in time, then the oldest), unless all rows together are nearer. Compared as 1:1.
 *       g. one group: SPLIT, or CURRENCY. Of several currencies b, c and f are left out.
 *     Each group but pairs is MATCHED, MATCHED_TOLERANCE or SPLIT by its sums. Now rows that are
 *     equal in currency and amount are paired off whatever their status (DONE before PENDING before
 *     FAILED, then by kind, then oldest first), each compared as 1:1. When nothing is DONE on one
 *     side, this is the first step: what moved on the other side meets an open attempt before a
 *     failed one meets a failed one. Then, of what is left:
 *       - DONE on one side, which the other has some of too: DUPLICATE_THERE, or here EXPECTED
 *         until due_us and then DUPLICATE_HERE. Each row is a group of its own, so that each can be
 *         returned.
 *       - DONE on one side, where nothing of the other is DONE at all: one group with what is left
 *         of the other: PAID_THERE; OPEN_THERE or EXPECTED (each alone when nothing is left there).
 *       - what is left and not DONE is NOTHING_MOVED, each row alone: it takes no part in sums.
 *     A DUPLICATE_THERE of family PAYMENT is a DOUBLE_CHARGE when it has a gateway id of its own:
 *     one that is not that of a row of ours that is DONE, nor of a row of theirs that was taken or
 *     is older, while another row of either side tells another.
 * A BATCH counts what is DONE here, less the fees that rows tell (payouts: the whole). Families are
 * those of the rows of ours; the row of theirs is of the family BANK. It takes the rows of its own
 * currency; all, when it is the only one that names the batch and none has that currency
 * (CURRENCY). Several rows of one currency that name a batch, or a row whose description names
 * several batches: not taken (a batch in its reference or batch decides before the description
 * does). Else it is compared: status, sum (PAYOUT), time of the last row of ours.
 * A PAYOUT_NAME is one group whatever its sums: CURRENCY, or PAYOUT beyond the tolerance. What
 * PAYOUT_SUM and PAYOUT_PARTS put together is taken only where the sums are the same.
 * In the family BANK kinds and amounts are compared as the bank sees them: a PAYOUT of -100 is a
 * BANK_CREDIT of 100; PAYOUT_RETURNED and TOPUP are BANK_DEBITs.
 *
 * What no rule took: ours is NOTHING_MOVED when its status is not DONE; EXPECTED until due_us;
 * then MISSING_THERE (PAYMENT, DISPUTE, THEIRS), REFUND_LOST (REFUND), BANK_MISSING (payouts).
 * Theirs is GATEWAYS_OWN for the family THEIRS, NOTHING_MOVED when its status is not DONE; else
 * MISSING_HERE, ORPHAN_REFUND or ORPHAN_DISPUTE by its family; of the family BANK, BANK_UNKNOWN
 * where a bank tells it (BANK_CREDIT, BANK_DEBIT) and GATEWAYS_OWN where a gateway does: its
 * payouts are held against the bank's statement in a run of their own, as rows of ours. At due_us
 * itself the time is over.
 *
 * Ours PENDING or FAILED and theirs DONE is PAID_THERE; ours DONE and theirs not is OPEN_THERE, but
 * EXPECTED while theirs is PENDING and due_us is not over; neither DONE is NOTHING_MOVED.
 * AMOUNT_OVER and _UNDER go by the sign of theirs less ours: a dispute of -120 there and -100 here
 * is UNDER. MATCHED_TOLERANCE is of amounts; a fee within its tolerance is MATCHED.
 * AMBIGUOUS: AMOUNT_TIME found more than one candidate for a row of ours that no other rule took,
 * whatever its status and clock: the row alone, and the explanation names them; rows of theirs keep
 * their own class.
 * Owns: struct match is the caller's until match_free(); the rows and their texts are borrowed for
 * as long. Threads: any, one match each; it starts none. Errors: ERR_TOO_LARGE beyond
 * MATCH_ROWS_MAX; ERR_VALIDATION for a rule that cannot be (negative tolerances or windows, no
 * name, more than MATCH_RULES_MAX rules or MATCH_TOLERANCES_MAX currencies). Memory: about
 * 64 bytes a row beside the rows themselves.
 * Money is int64 minor units; sums that do not fit are ERR_AMOUNT, never wrapped: the amounts of a
 * side must fit when added without their signs (so sums of any of them do), and AMOUNT_UNSAID is no
 * amount. */
#ifndef HOLDFAST_MATCH_MATCH_H
#define HOLDFAST_MATCH_MATCH_H

#include "base/buf.h"
#include "statement/statement.h"

enum match_class {
#define X(name, number, text, risk, what) CLASS_##name = (number),
#include "match/match_classes.def"
#undef X
    CLASS_COUNT = 35
};
enum match_risk { RISK_NONE, RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_CRITICAL };
const char *match_class_name(enum match_class class); /* "?" for a number that no row has */
const char *match_class_what(enum match_class class);
enum match_risk match_class_risk(enum match_class class);
const char *match_risk_name(enum match_risk risk); /* "critical" */

enum match_side { OURS, THEIRS, MATCH_SIDES };
#define MATCH_ROWS_MAX INT64_C(100000000)

struct match_text {
    const char *bytes; /* no NUL needed; empty: there is none */
    uint32_t count;
};

/* One movement as one side tells it. Signs as in struct statement_row. */
struct match_row {
    int64_t
        number; /* names the row to its owner; unique on its side, and the order of last resort */
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    /* Rows of both sides with one number were put together by their owner, `join_by` a way that is
     * for this; 0: with none. */
    uint32_t join : 28, join_by : 4;
    int64_t amount_minor;
    int64_t fee_minor; /* AMOUNT_UNSAID */
    int64_t at_us;     /* wall; 0: not told (then no rule about time speaks of it) */
    int64_t due_us;    /* ours: until when it may be missing there; INT64_MAX: for ever, 0: never */
    struct match_text gateway_id, reference, original_id, batch, description;
};

enum match_by {
    BY_GATEWAY_ID,
    BY_REFERENCE,
    BY_ORIGINAL,
    BY_AMOUNT_TIME,
    BY_BATCH,
    MATCH_BY_COUNT, /* ways that look for themselves; of what was put together (`join`): */
    BY_PAYOUT_NAME = MATCH_BY_COUNT,
    BY_PAYOUT_SUM,
    BY_PAYOUT_PARTS,
    MATCH_WAYS
};
#define MATCH_JOINS_MAX ((UINT32_C(1) << 28) - 1)
static_assert(MATCH_WAYS <= 16, "join_by has room for each");
const char *match_by_name(enum match_by by); /* "gateway_id" */

/* So much difference is none in this currency. */
struct match_tolerance {
    struct currency currency;
    int64_t minor;
};
struct match_rule {
    enum match_by by;
    const char *name;        /* for reports; literal or as long-lived as the match */
    unsigned families;       /* bits of 1 << enum row_family; 0: all */
    int64_t tolerance_minor; /* so much difference is none (ids, references, BATCH, PAYOUT_NAME) */
    int tolerance_ppm;       /* or so many millionths of our amount; the larger of both counts */
    int64_t before_us;       /* theirs may be so much earlier than ours */
    int64_t after_us;        /* and so much later; both 0: any time (not for AMOUNT_TIME) */
    bool less_only;          /* theirs may be less by so much, never more: what was deducted */
    /* Of these currencies instead of tolerance_minor; each once, borrowed as the name is. */
    const struct match_tolerance *tolerances;
    int tolerance_count;
};
enum { MATCH_RULES_MAX = 32, MATCH_TOLERANCES_MAX = 32 };
/* How many minor units of this currency a difference may have, beside tolerance_ppm. */
int64_t match_allowed_minor(const struct match_rule *rule, struct currency currency);

struct match_options {
    const struct match_rule *rules;
    int rule_count;
    int64_t now_us;              /* wall: against due_us */
    int64_t fee_tolerance_minor; /* so much difference of fees is none; -1: fees are not compared */
    const struct match_tolerance *fee_tolerances; /* of these currencies instead; borrowed */
    int fee_tolerance_count;
};
/* Ids, references, originals, amount and time within three days, exact to the unit. */
const struct match_rule *match_rules_usual(int *ret_count);

/* The members of a group stand one after the other in `members`: ours, then theirs, each in the
 * order of `number`. */
struct match_group {
    enum match_class class;
    int rule;              /* index; -1: none */
    uint32_t ours, theirs; /* how many */
    size_t first;          /* in members */
    /* Theirs less ours, as they were compared; a side without rows counts 0. Several currencies: 0.
     */
    int64_t difference_minor;
};
struct match_sum { /* of one side, currency and class; `fee_minor` of the fees that are told */
    struct currency currency;
    enum match_class class;
    int64_t rows[MATCH_SIDES], amount_minor[MATCH_SIDES], fee_minor[MATCH_SIDES];
};
struct match {
    const struct match_row *rows[MATCH_SIDES];
    size_t row_count[MATCH_SIDES];
    struct match_group
        *groups; /* by the lowest number of ours, those without ours after, by theirs */
    size_t group_count;
    uint32_t *members;               /* indices into rows[] */
    uint32_t *group_of[MATCH_SIDES]; /* of each row */
    struct match_sum *sums;          /* by currency, then class */
    size_t sum_count;
};

MUST_USE int match_run(const struct match_row *ours, size_t our_count,
                       const struct match_row *theirs, size_t their_count,
                       const struct match_options *options, struct match **ret_match,
                       struct err *err);
void match_free(struct match *match); /* NULL is fine */

/* BATCH: the texts by which a row of theirs may name a batch, in the stages in which they are
 * tried: its reference, its batch, the words of its description, the parts of those. The first
 * stage that names one decides. A text may come several times, and be empty; borrowed. */
enum { MATCH_BATCH_STAGES = 4 };
typedef void match_batch_name(void *ctx, int stage, struct match_text text);
void match_batch_names(const struct match_row *theirs, match_batch_name *tell, void *ctx);

/* Why a row is where it is, rule by rule, in plain sentences of one line each. `options` as given
 * to match_run(). Walks along all rows once a rule: for a row that somebody asks about. */
void match_explain(const struct match *match, const struct match_options *options,
                   enum match_side side, size_t row, struct buf *buf);

#endif
