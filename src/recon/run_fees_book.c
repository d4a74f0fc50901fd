/* SPDX-License-Identifier: Apache-2.0
 * run_fees_book.c: what statements tell of fees, in the books.
 *
 *   booked     what the gateway's answers told, and what statements did (kinds 50 and 51)
 *
 * 1. When a group has been written, booked is what was kept, of its movements together: by one
 *    posting more, if any. A group that no statement tells a fee of has what answers told.
 * 2. recon_fee.posted_minor is the sum of those postings of a movement, which are numbered: the
 *    same run again writes the same ones.
 * So a statement that is withdrawn or corrected takes its fees back by the run that lets it go. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "match/match_impl.h"
#include "recon/run_impl.h"

static const struct match_row *row_of(const struct run *run, const struct match_group *group,
                                      enum match_side side, uint32_t i) {
    size_t at = group->first + (side == OURS ? 0 : group->ours) + i;
    return &run->match->rows[side][run->match->members[at]];
}

static const struct side_row *ours_of(const struct run *run, const struct match_group *group,
                                      uint32_t i) {
    return recon_member_name(run, group, OURS, i);
}

static const char *statement_of(const struct run *run, const struct match_group *group,
                                uint32_t i) {
    return recon_member_name(run, group, THEIRS, i)->statement_id;
}

/* Two files that overlap tell a row twice, not always of the same moment: where one row is beside
 * several of ours, both are. */
static bool told_before(const struct run *run, const struct match_group *group, uint32_t at) {
    const struct match_row *row = row_of(run, group, THEIRS, at);
    for (uint32_t i = 0; match_text_told(&row->gateway_id) && i < at; i++) {
        const struct match_row *before = row_of(run, group, THEIRS, i);
        if (match_text_compare(&row->gateway_id, &before->gateway_id) == 0 &&
            row->kind == before->kind && row->status == before->status &&
            row->amount_minor == before->amount_minor &&
            strcmp(statement_of(run, group, at), statement_of(run, group, i)) != 0) {
            return true;
        }
    }
    return false;
}

/* What statements tell of a group's fees together. */
static int told_of(const struct run *run, const struct match_group *group, bool *ret_said,
                   int64_t *ret_minor, struct err *err) {
    bool speaks = group->class != CLASS_CURRENCY && group->class != CLASS_KIND, fits = true;
    bool silent = false, answered = false;
    *ret_said = false;
    *ret_minor = 0;
    for (uint32_t i = 0; speaks && i < group->theirs; i++) {
        const struct match_row *theirs = row_of(run, group, THEIRS, i);
        if (told_before(run, group, i)) {
            continue;
        }
        silent = silent || (theirs->status == ROW_DONE && theirs->fee_minor == AMOUNT_UNSAID);
        if (theirs->status == ROW_DONE && theirs->fee_minor != AMOUNT_UNSAID) {
            *ret_said = true;
            fits = money_add(*ret_minor, theirs->fee_minor, ret_minor) && fits;
        }
    }
    for (uint32_t i = 0; i < group->ours; i++) {
        const struct side_fee *fee = &ours_of(run, group, i)->fee;
        answered = answered || (fee->answered_minor != AMOUNT_UNSAID && fee->answered_minor != 0);
        if (fee->linked) {
            silent = false;
            *ret_said = true;
            fits = money_add(*ret_minor, fee->linked_minor, ret_minor) && fits;
        }
    }
    /* What is told of a part only takes nothing away from what answers told of the whole. */
    *ret_said = *ret_said && !(silent && answered);
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
        .probe = first->probe,
    };
    return ledger_post(tx, &posting, err);
}

/* Books what is missing of `told`, on the first of the group. */
static int book(struct store_tx *tx, const struct run *run, const struct match_group *group,
                uint32_t first_at, bool said, int64_t told_minor, struct booked *booked,
                struct err *err) {
    const struct side_row *first = ours_of(run, group, first_at);
    int r = lock_first(tx, run, first, &booked->postings, err);
    for (uint32_t i = 0; r >= 0 && i < group->ours; i++) {
        const struct side_row *name = ours_of(run, group, i);
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
                       fee->judged ? S_INT(fee->kept_minor)
                       : said      ? S_INT(told_minor)
                                   : S_NULL,
                       S_INT(booked->answered_minor));
}

/* Whether there is anything to write down: mostly answers have told what the statement tells. */
static bool has_news(const struct run *run, const struct match_group *group, bool said,
                     int64_t told_minor) {
    int64_t left = told_minor;
    bool known = false, fits = true;
    for (uint32_t i = 0; i < group->ours; i++) {
        const struct side_fee *fee = &ours_of(run, group, i)->fee;
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
    while (first < group->ours && ours_of(run, group, first)->passing) {
        first++;
    }
    if (first == group->ours || ours_of(run, group, first)->own) {
        return 0; /* what a gateway books for itself has its fee with it (own.c) */
    }
    int r = told_of(run, group, &said, &told, err);
    if (r < 0 || !has_news(run, group, said, told)) {
        return r;
    }
    struct booked booked = {0};
    r = book(tx, run, group, first, said, told, &booked, err);
    return r < 0 ? r
                 : put_judgement(tx, ours_of(run, group, first), said, told, &booked, err);
}
