/* SPDX-License-Identifier: Apache-2.0
 * run_fees.c: what a gateway kept of our movements: what was expected of it, and the books
 * (docs/decisions/0023).
 *
 *   expected   what its answer told; else what the schedule says; else nothing: taken as told
 *   kept       what the rows beside our movement tell, and rows of their own that name it
 *   booked     what its answers told, and what statements did (kinds 50 and 51)
 *
 * 1. A group of one of each side whose expected and kept are further apart than is allowed is of the
 *    class FEE. What is kept is in the books all the same: they are what the gateway holds, and the
 *    break is a claim.
 * 2. When a group has been written, booked is kept, of its movements together: by one posting more.
 *    A group that no statement tells a fee of has what answers told, and nothing else.
 * 3. recon_fee.posted_minor is the sum of those postings, which are numbered: the same run again
 *    writes the same ones.
 * So a statement that is withdrawn or corrected takes its fees back by the run that lets it go. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/match_impl.h"
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

/* What the rows tell of a pair; false when they tell nothing. */
static bool kept_of(const struct match_row *theirs, const struct side_fee *fee,
                    int64_t *ret_minor) {
    int64_t told = theirs->fee_minor == AMOUNT_UNSAID ? 0 : theirs->fee_minor;
    bool said = theirs->fee_minor != AMOUNT_UNSAID || fee->linked_kept_minor != 0;
    return said && money_add(told, fee->linked_kept_minor, ret_minor);
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
    if (!kept_of(theirs, fee, &fee->kept_minor)) {
        return false;
    }
    fee->judged = true;
    if (ours->fee_minor != AMOUNT_UNSAID) {
        fee->basis = FEE_BY_ANSWER;
        fee->expected_minor = ours->fee_minor;
    } else if (!by_schedule(run, ours, theirs, name_of(run, group, THEIRS, 0), fee)) {
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
        if (recon_as_it_was(run, group)) {
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
    char expected[MONEY_TEXT_MAX], kept[MONEY_TEXT_MAX];
    bool agreed = fee->basis == FEE_BY_SCHEDULE && fee->line != NULL;
    snprintf(ret_text, bytes, "fee expected %s (%s%s), kept %s",
             money_show(fee->expected_minor, currency, expected),
             agreed                       ? "agreed: "
             : fee->basis == FEE_BY_ANSWER ? "its answer"
                                           : "nothing to hold it against",
             agreed ? fee->line->name : "", money_show(fee->kept_minor, currency, kept));
}

/* ---- the books ---- */

/* What statements tell of a group's fees together. */
static int told_of(const struct run *run, const struct match_group *group, bool *ret_said,
                   int64_t *ret_minor, struct err *err) {
    bool speaks = group->class != CLASS_CURRENCY && group->class != CLASS_KIND, fits = true;
    *ret_said = false;
    *ret_minor = 0;
    for (uint32_t i = 0; speaks && i < group->theirs; i++) {
        const struct match_row *theirs = row_of(run, group, THEIRS, i);
        if (theirs->status == ROW_DONE && theirs->fee_minor != AMOUNT_UNSAID) {
            *ret_said = true;
            fits = money_add(*ret_minor, theirs->fee_minor, ret_minor) && fits;
        }
    }
    for (uint32_t i = 0; i < group->ours; i++) {
        const struct side_fee *fee = &name_of(run, group, OURS, i)->fee;
        if (fee->linked) {
            *ret_said = true;
            fits = money_add(*ret_minor, fee->linked_minor, ret_minor) && fits;
        }
    }
    return fits ? 0 : err_set(err, ERR_AMOUNT, "the fees of a movement do not fit when added");
}

struct booked {
    int64_t answered_minor, posted_minor, postings;
};

/* As it is now: an answer may have come since the run has read. */
static int booked_now(struct store_tx *tx, const char *movement_id, struct booked *booked,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT " OUR_ANSWERED ", (SELECT CAST(COALESCE(SUM(w.signed_minor), 0) AS bigint) FROM "
        "recon_write_off w WHERE w.movement_id = p.id AND w.part = 2), COALESCE(rf.posted_minor, "
        "0) FROM posting p LEFT JOIN recon_fee rf ON rf.movement_id = p.id WHERE p.id = $1",
        S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t answered = sql_null(rows, 0) ? 0 : sql_int(rows, 0);
    bool fits = money_sub(answered, sql_int(rows, 1), &answered) &&
                money_add(booked->answered_minor, answered, &booked->answered_minor) &&
                money_add(booked->posted_minor, sql_int(rows, 2), &booked->posted_minor);
    return fits ? 0 : err_set(err, ERR_AMOUNT, "the fees of %s do not fit when added", movement_id);
}

static int lock_first(struct store_tx *tx, const struct run *run, const struct side_row *first,
                      int64_t *ret_postings, struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO recon_fee (movement_id, gateway, basis, line, expected_minor, "
                    "kept_minor, answered_minor, posted_minor, postings) VALUES ($1, $2, 0, '', "
                    "NULL, NULL, 0, 0, 0) ON CONFLICT (movement_id) DO NOTHING",
                    S_TEXT(first->id), S_TEXT(run->request->gateway));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT postings FROM recon_fee WHERE movement_id = $1 FOR UPDATE",
                          S_TEXT(first->id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_postings = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

/* One posting more, as part of the movement. It is of the time after the run, so that what the run
 * says of the books stays so. */
static int post(struct store_tx *tx, const struct run *run, const struct side_row *first,
                const struct match_row *row, int64_t number, int64_t more_minor, struct err *err) {
    char cause[POSTING_ID_CHARS_MAX];
    int64_t now_us = clock_wall_us();
    INVARIANT(strncmp(first->id, "pst_", 4) == 0, "a movement of ours is a posting");
    snprintf(cause, sizeof cause, "%s_%lld", first->id + 4, (long long)number);
    const struct posting posting = {
        .kind = more_minor > 0 ? POST_STATEMENT_FEE : POST_STATEMENT_FEE_BACK,
        .cause = cause,
        .payment_id = first->payment_id,
        .gateway = run->request->gateway,
        .customer = "",
        .amount_minor = more_minor > 0 ? more_minor : -more_minor,
        .currency = row->currency,
        .at_us = now_us > run->request->until_us ? now_us : run->request->until_us,
    };
    return ledger_post(tx, &posting, err);
}

/* Books what is missing of `told`, on the first of the group. */
static int book(struct store_tx *tx, const struct run *run, const struct match_group *group,
                uint32_t first_at, bool said, int64_t told_minor, struct booked *booked,
                struct err *err) {
    const struct side_row *first = name_of(run, group, OURS, first_at);
    int r = lock_first(tx, run, first, &booked->postings, err);
    for (uint32_t i = 0; r >= 0 && i < group->ours; i++) {
        const struct side_row *name = name_of(run, group, OURS, i);
        r = name->passing ? 0 : booked_now(tx, name->id, booked, err);
    }
    int64_t wanted = 0, more = 0;
    if (r >= 0 && ((said && !money_sub(told_minor, booked->answered_minor, &wanted)) ||
                   !money_sub(wanted, booked->posted_minor, &more) || more == INT64_MIN)) {
        r = err_set(err, ERR_AMOUNT, "the fees of %s do not fit when added", first->id);
    }
    if (r < 0 || more == 0) {
        return r;
    }
    r = post(tx, run, first, row_of(run, group, OURS, first_at), booked->postings + 1, more, err);
    return r < 0 ? r
                 : sql_put_one(tx, err,
                               "UPDATE recon_fee SET posted_minor = posted_minor + $2, postings = "
                               "postings + 1 WHERE movement_id = $1",
                               S_TEXT(first->id), S_INT(more));
}

static int put_judgement(struct store_tx *tx, const struct side_row *name, bool said,
                         int64_t told_minor, const struct booked *booked, struct err *err) {
    const struct side_fee *fee = &name->fee;
    bool expects = fee->judged && fee->basis != FEE_BY_NOTHING;
    const char *line = expects && fee->basis == FEE_BY_SCHEDULE ? fee->line->name : "";
    return sql_put_one(tx, err,
                       "UPDATE recon_fee SET basis = $2, line = $3, expected_minor = $4, "
                       "kept_minor = $5, answered_minor = $6 WHERE movement_id = $1",
                       S_TEXT(name->id), S_INT(expects ? fee->basis : FEE_BY_NOTHING), S_TEXT(line),
                       expects ? S_INT(fee->expected_minor) : S_NULL,
                       !said         ? S_NULL
                       : fee->judged ? S_INT(fee->kept_minor)
                                     : S_INT(told_minor),
                       S_INT(booked->answered_minor));
}

/* Whether there is anything to write down: mostly answers have told what the statement tells. */
static bool has_news(const struct run *run, const struct match_group *group, bool said,
                     int64_t told_minor) {
    int64_t left = told_minor;
    bool known = false, fits = true;
    for (uint32_t i = 0; i < group->ours; i++) {
        const struct side_fee *fee = &name_of(run, group, OURS, i)->fee;
        int64_t answered = fee->answered_minor == AMOUNT_UNSAID ? 0 : fee->answered_minor;
        known = known || fee->known;
        fits = fits && money_sub(left, answered, &left) && money_add(left, fee->moved_minor, &left);
    }
    return known || group->class == CLASS_FEE || (said && (left != 0 || !fits));
}

int recon_fees_write(struct store_tx *tx, const struct run *run, const struct match_group *group,
                     struct err *err) {
    uint32_t first = 0;
    bool said = false;
    int64_t told = 0;
    while (first < group->ours && name_of(run, group, OURS, first)->passing) {
        first++;
    }
    if (first == group->ours) {
        return 0;
    }
    int r = told_of(run, group, &said, &told, err);
    if (r < 0 || !has_news(run, group, said, told)) {
        return r;
    }
    struct booked booked = {0};
    r = book(tx, run, group, first, said, told, &booked, err);
    return r < 0 ? r
                 : put_judgement(tx, name_of(run, group, OURS, first), said, told, &booked, err);
}

/* ---- what is looked at again ---- */

enum { AGAIN_A_WRITE = 200 };
struct again {
    const struct run *run;
    bool more;
};
struct told_again {
    char statement_id[ID_TEXT_MAX];
    int64_t number;
    char movement_id[MOVEMENT_ID_CHARS_MAX + 1];
};

/* The movement is compared again, with whatever it was put together with. */
static int reopen(struct store_tx *tx, const char *movement_id, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE movement SET open = 1 WHERE open IS NULL AND ((side = 1 AND id = $1) OR "
                   "match_id IN (SELECT m.match_id FROM movement m WHERE m.side = 1 AND m.id = $1 "
                   "AND m.match_id <> ''))",
                   S_TEXT(movement_id));
}

static int read_again(struct sql_rows *rows, int r, struct told_again found[AGAIN_A_WRITE],
                      int *ret_count, struct err *err) {
    *ret_count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && *ret_count < AGAIN_A_WRITE) {
        struct told_again *one = &found[(*ret_count)++];
        snprintf(one->statement_id, sizeof one->statement_id, "%s", sql_text(rows, 0));
        one->number = sql_int(rows, 1);
        snprintf(one->movement_id, sizeof one->movement_id, "%s", sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

/* Rows of statements that no longer count: they say nothing of their movement any more. */
static int gone_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    struct told_again found[AGAIN_A_WRITE];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT l.statement_id, l.number, l.movement_id FROM statement s JOIN "
                      "recon_fee_row l ON l.statement_id = s.id WHERE s.gateway = $1 AND s.state "
                      "IN (3, 5) ORDER BY l.statement_id, l.number LIMIT 200",
                      S_TEXT(again->run->request->gateway));
    r = read_again(rows, r, found, &count, err);
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = reopen(tx, found[i].movement_id, err);
        r = r < 0 ? r
                  : sql_put(tx, err,
                            "DELETE FROM recon_fee_row WHERE statement_id = $1 AND number = $2",
                            S_TEXT(found[i].statement_id), S_INT(found[i].number));
    }
    again->more = count == AGAIN_A_WRITE;
    return r < 0 ? r : 0;
}

/* Of statements that no run has looked at: fees in rows of their own that name a payment. */
static int come_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    int64_t come = sql_exec(
        tx, err,
        "INSERT INTO recon_fee_row (statement_id, number, gateway, movement_id, fee_minor) SELECT "
        "r.statement_id, r.number, s.gateway, '', -r.gross_minor FROM statement s JOIN "
        "statement_row r ON r.statement_id = s.id WHERE s.gateway = $1 AND s.state = 2 AND "
        "s.seen_run = '' AND r.kind = 6 AND r.status = 1 AND (r.original_id <> '' OR "
        "r.original_reference <> '') AND NOT EXISTS (SELECT 1 FROM recon_fee_row l WHERE "
        "l.statement_id = r.statement_id AND l.number = r.number) LIMIT 500 ON CONFLICT DO NOTHING",
        S_TEXT(again->run->request->gateway));
    again->more = come > 0;
    return come < 0 ? (int)come : 0;
}
static_assert(ROW_FEE == 6 && ROW_DONE == 1, "the numbers above");

/* The charge of ours that a waiting row names: by the gateway's name for it, or by ours. */
#define NAMED(join)                                                                                \
    "SELECT l.statement_id, l.number, p.id FROM recon_fee_row l JOIN statement_row r ON "          \
    "r.statement_id = l.statement_id AND r.number = l.number " join                                \
    " JOIN posting p ON p.id IN ('pst_charge_' || a.id, 'pst_capture_' || a.id, 'pst_suspense_' "  \
    "|| a.id) WHERE l.gateway = $1 AND l.movement_id = '' AND p.currency = r.currency"
#define OF_ATTEMPT(name)                                                                           \
    NAMED("JOIN attempt a ON a.gateway = $1 AND " name)
#define OF_CASE(name)                                                                              \
    "SELECT l.statement_id, l.number, p.id FROM recon_fee_row l JOIN statement_row r ON "          \
    "r.statement_id = l.statement_id AND r.number = l.number JOIN review_case c ON c.gateway = $1 " \
    "AND c.posted = 10 AND " name " JOIN posting p ON p.id = 'pst_suspense_' || c.subject WHERE "  \
    "l.gateway = $1 AND l.movement_id = '' AND p.currency = r.currency"

static int link_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    struct told_again found[AGAIN_A_WRITE];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    /* clang-format off */
    int r = sql_query(tx, err, &rows,
                      "SELECT statement_id, number, MIN(id) FROM ("
                      OF_ATTEMPT("r.original_id <> '' AND a.charge_id = r.original_id")
                      " UNION "
                      OF_ATTEMPT("r.original_id <> '' AND a.gateway_id = r.original_id")
                      " UNION " OF_ATTEMPT("a.id = r.original_reference")
                      " UNION "
                      OF_CASE("r.original_id <> '' AND c.charge_id = r.original_id")
                      ") named GROUP BY statement_id, number ORDER BY 1, 2 LIMIT 200",
                      S_TEXT(again->run->request->gateway));
    /* clang-format on */
    r = read_again(rows, r, found, &count, err);
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = reopen(tx, found[i].movement_id, err);
        r = r < 0 ? r
                  : sql_put(tx, err,
                            "UPDATE recon_fee_row SET movement_id = $3 WHERE statement_id = $1 AND "
                            "number = $2",
                            S_TEXT(found[i].statement_id), S_INT(found[i].number),
                            S_TEXT(found[i].movement_id));
    }
    again->more = count == AGAIN_A_WRITE;
    return r < 0 ? r : 0;
}
static_assert(POST_SUSPENSE == 10, "the number above");

/* What answers have told since a movement was settled. */
#define TOLD_SINCE(kind, sign, first, second)                                                      \
    "SELECT rf.movement_id FROM posting f JOIN recon_fee rf ON rf.movement_id IN ('pst_" first    \
    "_' || f.journal_id, 'pst_" second "_' || f.journal_id) JOIN movement m ON m.side = 1 AND "    \
    "m.id = rf.movement_id WHERE f.kind = " kind " AND f.at_us >= $2 AND rf.gateway = $1 AND "     \
    "rf.answered_minor <> " sign "f.amount_minor AND m.open IS NULL"
#define LOOK_BACK_US (INT64_C(2) * 24 * 3600 * US_PER_SECOND)

static int told_since_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct again *again = ctx;
    struct told_again found[AGAIN_A_WRITE];
    int64_t since_us = again->run->since_us;
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    /* clang-format off */
    int r = sql_query(tx, err, &rows,
                      "SELECT '', 0, movement_id FROM ("
                      TOLD_SINCE("5", "", "charge", "capture")
                      " UNION " TOLD_SINCE("17", "", "chargeback", "suspense_returned")
                      " UNION " TOLD_SINCE("18", "-", "chargeback_won", "suspense")
                      ") told ORDER BY movement_id LIMIT 200",
                      S_TEXT(again->run->request->gateway),
                      S_INT(since_us > LOOK_BACK_US ? since_us - LOOK_BACK_US : 0));
    /* clang-format on */
    r = read_again(rows, r, found, &count, err);
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = reopen(tx, found[i].movement_id, err);
    }
    again->more = count == AGAIN_A_WRITE;
    return r < 0 ? r : 0;
}
static_assert(POST_FEE == 5 && POST_DISPUTE_FEE == 17 && POST_DISPUTE_FEE_BACK == 18,
              "the numbers above");

int recon_fees_begin(struct run *run, struct err *err) {
    static int (*const steps[])(struct store_tx *tx, void *ctx, struct err *err) = {
        gone_tx, come_tx, link_tx, told_since_tx};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(steps); i++) {
        struct again again = {.run = run, .more = true};
        while (r >= 0 && again.more) {
            r = store_write(run->store, steps[i], &again, err);
        }
    }
    return r < 0 ? r : 0;
}
