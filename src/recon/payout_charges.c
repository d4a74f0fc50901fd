/* SPDX-License-Identifier: Apache-2.0
 * payout_charges.c: what a bank deducted of payouts that it received, in the books.
 *
 *   a group within the tolerance ──run──▶ bank_charge: the bank's fees to its account
 *   no longer one               ──run──▶ bank_charge_back
 *
 * 1. When a group has been written, what is booked of its payouts together is what arrived less:
 *    by one posting more, if any. So a statement that is withdrawn takes its charges back by the
 *    run that lets it go, and a payout that never was by the run that takes it back (own.c).
 * 2. payout_charge.posted_minor is the sum of those postings of a payout, which are numbered: the
 *    same run again writes the same ones. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "recon/payouts.h"

struct charge {
    const char *due_id, *bank;
    struct currency currency;
    int64_t posted_minor, postings;
};

static int read_booked(struct store_tx *tx, struct charge *charge, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT posted_minor, postings FROM payout_charge WHERE due_id = $1 FOR "
                      "UPDATE",
                      S_TEXT(charge->due_id));
    r = r < 0 ? r : sql_next(rows, err);
    charge->posted_minor = r > 0 ? sql_int(rows, 0) : 0;
    charge->postings = r > 0 ? sql_int(rows, 1) : 0;
    return r < 0 ? r : 0;
}

/* It is of the time after the run, so that what the run says of the books stays so. */
static int post(struct store_tx *tx, const struct run *run, const struct charge *charge,
                int64_t more_minor, struct err *err) {
    char cause[POSTING_ID_CHARS_MAX];
    int64_t now_us = clock_wall_us();
    INVARIANT(strncmp(charge->due_id, "pst_", 4) == 0, "a movement of ours is a posting");
    snprintf(cause, sizeof cause, "%s_%lld", charge->due_id + 4, (long long)charge->postings + 1);
    const struct posting posting = {
        .kind = more_minor > 0 ? POST_BANK_CHARGE : POST_BANK_CHARGE_BACK,
        .cause = cause,
        .payment_id = "",
        .gateway = charge->bank,
        .customer = "",
        .amount_minor = more_minor > 0 ? more_minor : -more_minor,
        .currency = charge->currency,
        .at_us = now_us > run->request->until_us ? now_us : run->request->until_us,
    };
    return ledger_post(tx, &posting, err);
}

static int book(struct store_tx *tx, const struct run *run, const struct charge *charge,
                int64_t more_minor, struct err *err) {
    if (more_minor == 0) {
        return 0;
    }
    int r = sql_put(tx, err,
                    "INSERT INTO payout_charge (due_id, bank, posted_minor, postings) VALUES ($1, "
                    "$2, 0, 0) ON CONFLICT (due_id) DO NOTHING",
                    S_TEXT(charge->due_id), S_TEXT(charge->bank));
    r = r < 0 ? r : post(tx, run, charge, more_minor, err);
    return r < 0 ? r
                 : sql_put_one(tx, err,
                               "UPDATE payout_charge SET posted_minor = posted_minor + $2, "
                               "postings = postings + 1 WHERE due_id = $1",
                               S_TEXT(charge->due_id), S_INT(more_minor));
}

int payout_charges_write(struct store_tx *tx, const struct run *run,
                         const struct match_group *group, struct err *err) {
    if (group->ours == 0 || recon_member_name(run, group, OURS, 0)->sender[0] == '\0') {
        return 0;
    }
    /* match_run() has refused INT64_MIN, and lets pass what is less alone. */
    int64_t more = group->class == CLASS_MATCHED_TOLERANCE ? -group->difference_minor : 0;
    struct charge first = {0};
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < group->ours; i++) {
        const struct match_row *row =
            &run->match->rows[OURS][run->match->members[group->first + i]];
        struct charge charge = {.due_id = recon_member_name(run, group, OURS, i)->id,
                                .bank = run->request->gateway,
                                .currency = row->currency};
        r = read_booked(tx, &charge, err);
        first = i == 0 ? charge : first;
        if (r >= 0 && !money_sub(more, charge.posted_minor, &more)) {
            r = err_set(err, ERR_AMOUNT, "the charges for %s do not fit when added", charge.due_id);
        }
    }
    return r < 0 ? r : book(tx, run, &first, more, err);
}

int payout_charges_take_back(struct store_tx *tx, const struct run *run, const char *due_id,
                             const char *bank, struct currency currency, struct err *err) {
    struct charge charge = {.due_id = due_id, .bank = bank, .currency = currency};
    int r = read_booked(tx, &charge, err);
    return r < 0 ? r : book(tx, run, &charge, -charge.posted_minor, err);
}
