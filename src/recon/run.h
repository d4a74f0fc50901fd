/* SPDX-License-Identifier: Apache-2.0
 * run.h: one reconciliation of a gateway: our movements against the rows of its statements.
 *
 *   ours    postings that touch the gateway's receivable account, each with the names that the
 *           gateway knows it by; fees are part of the movement that they were kept from
 *   theirs  rows of statements that count (recon/intake.h)
 *
 * What was not settled by an earlier run is looked at again with what is new (carried forward), so
 * a row that comes tomorrow settles what was expected today.
 *   1. Every movement looked at is in exactly one class, and stays on record with the run, the rule
 *      and what it was put together with (table movement).
 *   2. A group's movements and its break are written in one transaction: a run that dies half-way
 *      leaves nothing half-said, and the next one goes on from there.
 *   3. Opening balance and movements give the closing balance of our books, by currency; what was
 *      posted late into a time that an earlier run had closed is told apart (ties_out is false).
 *   4. A break whose difference is gone is closed by the run that finds it so, with what healed it;
 *      no run closes one that a person has decided. At its end the risks of all live breaks of the
 *      gateway are found anew (recon/break_risk.h).
 *   5. What we expect there counts as missing only after its time (due_us): so many business days
 *      of the gateway's place after it moved, by its method's window (recon/settle.h). The moment
 *      is found anew by each run: what is configured otherwise holds for what is open.
 *   6. Rows of a superseded or withdrawn statement are let go first: what had been put together
 *      with them is open again.
 *   7. What an earlier run has settled is compared again with a row that bears the same name: a
 *      second charge is one whenever it is told, and parts make a whole. A group that comes out as
 *      it was counts for nothing in this run.
 *   8. What the gateway books for itself is booked here as well (recon/own.h), and a payout that a
 *      bank account of ours should receive is expected there (recon/payouts.h).
 *   9. Balances that statements tell are held against our books (recon/run_balance.h).
 *  10. What a statement tells that its gateway kept of a movement is in our books as part of it,
 *      once (recon/run_fees_book.c), from the run on that has put the two together.
 *  11. A run keeps the rules that it went by (match/match_set.h), and how much of differences they
 *      allowed.
 * No transaction is long: movements are written RUN_GROUPS_A_WRITE groups at a time.
 * Owns: nothing. Threads: any; of two runs of one gateway the second is told ERR_STATE.
 * Limits: RUN_ROWS_MAX rows of a side (match/files/files.h matches more). Errors: ERR_STATE,
 * ERR_TOO_LARGE, those of the store and of match_run(). */
#ifndef HOLDFAST_RECON_RUN_H
#define HOLDFAST_RECON_RUN_H

#include "base/calendar.h"
#include "base/id.h"
#include "match/books.h"
#include "match/match.h"
#include "store/store.h"

enum {
    RUN_GROUPS_A_WRITE = 100,
    RUN_ROWS_MAX = 5 * 1000 * 1000,
    RUN_BUSINESS_DAYS_USUAL = 3,
    RUN_CURRENCIES_MAX = 200,
    RUN_FIRST_CHARS = 1000,
    RUN_LATE_MAX = 20,
    RUN_MOVEMENT_CHARS_MAX = 127,
};
struct break_risk_policy;
struct fee_schedule;
struct payout_terms;
struct settle;
struct workdays;

struct run_request {
    const char *gateway;
    const char *actor;
    int64_t until_us;      /* our movements before this moment; later ones are not looked at */
    int business_days;     /* so long a movement of ours may take to appear there */
    const struct settle *settle; /* by method and calendar; NULL: so many, Monday to Friday */
    const char *time_zone; /* of the gateway's days; NULL: UTC */
    const struct match_options *options;  /* NULL: the usual rules, exact to the unit */
    const struct break_risk_policy *risk; /* what raises a risk; NULL: break_risks.def alone */
    bool bank; /* the gateway is a bank account: our side is what its rows were booked as */
    const char *pays_out_to; /* the bank account that its payouts arrive on; NULL: none of ours */
    int payout_days;         /* so many business days a payout may take to arrive there */
    const struct workdays *payout_calendar; /* by which those are counted; NULL: Monday to Friday */
    const struct payout_terms *payouts; /* of a bank: what it may deduct of them; NULL: nothing */
    const struct fee_schedule *fees;      /* what is expected where no answer told it; NULL */
};

/* Rows there beside movements of ours, by what their fees were held against. */
struct run_fees {
    int64_t by_answer, by_schedule;
    int64_t differ;   /* of these: more than is allowed from what was expected (class FEE) */
    int64_t unproved; /* nothing told what to expect: taken as the statement tells it */
};

/* A movement of ours that was posted into a time which the run before had closed. */
struct run_late {
    char id[RUN_MOVEMENT_CHARS_MAX + 1];
    struct currency currency;
    int64_t amount_minor; /* less its fee: what it did to the balance */
    int64_t at_us;
};
/* Differences that the rules allow: of groups whose amounts count as the same and are not. */
struct run_tolerated {
    struct currency currency;
    int64_t groups;
    int64_t over_minor, under_minor; /* there more than here; there less, without its sign */
};
struct run_figures {
    int64_t rows[MATCH_SIDES];    /* looked at */
    int64_t carried[MATCH_SIDES]; /* of them, such as an earlier run had left open */
    int64_t breaks_opened, breaks_healed, breaks_open;
    bool ties_out;      /* rule 3, for every currency */
    struct run_fees fees;
    int64_t late_count; /* movements; a fee or step that came alone is in late_minor only */
    struct run_late late[RUN_LATE_MAX]; /* the first of them */
    int book_count;
    struct run_book books[RUN_CURRENCIES_MAX];
    bool balances_later; /* a statement stopped counting meanwhile: the next run tells */
    int balance_count;   /* 0: no statement tells one */
    struct run_balance balances[RUN_CURRENCIES_MAX];
    int tolerated_count;
    struct run_tolerated tolerated[RUN_CURRENCIES_MAX];
    int sum_count;
    struct match_sum sums[RUN_CURRENCIES_MAX * CLASS_COUNT];
};
/* `ret_figures` is large: not for a stack. */
MUST_USE int reconcile_run(struct store *store, const struct run_request *request,
                           struct reconciliation_id *ret_id, struct run_figures *ret_figures,
                           struct err *err);

/* What a run from the beginning would find in these families (bits of 1 << enum row_family; 0: all)
 * if these rows, instead of any statement, were all that the gateway tells. Nothing is written, and
 * a store that is only looked at will do. `ret_first` says of the first break what it is about, or
 * "". */
MUST_USE int reconcile_dry(struct store *store, const struct run_request *request,
                           unsigned families, const struct match_row *theirs, size_t their_count,
                           struct run_figures *ret_figures, char ret_first[RUN_FIRST_CHARS],
                           struct err *err);

/* The end of the business day (Monday to Friday in that zone) so many after the day of `at_us`:
 * with 0 the end of that day, or of Monday for one at the week's end. */
int64_t expected_until(int64_t at_us, int business_days, const struct time_zone *zone);

/* Figures as JSON, for the record and for whoever asks. */
void run_figures_json(const struct run_figures *figures, struct buf *buf);

#endif
