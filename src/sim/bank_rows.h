/* SPDX-License-Identifier: Apache-2.0
 * bank_rows.h: the bank of a run that sees bank transfers, and its own book: each row of the
 * account's statement, and what it truly was. That book is the truth in the end (oracle_bank.c).
 *
 *   payers   pay whole, in parts, too much, too little, too late, in another currency, with a
 *            mistyped reference; some choose another way, or give the order up, and pay then
 *   bank     books what they send, takes some of it back, and sends some payouts back
 *   clerks   upload statements: rows twice, in any order, files that overlap and are repeated; pay
 *            out by the list of payouts; decide cases
 * Once all is quiet a day passes for those runs that draw it, so that what is not paid expires.
 * Threads: the simulator's one. Owns: the book, for the life of the run. */
#ifndef HOLDFAST_SIM_BANK_ROWS_H
#define HOLDFAST_SIM_BANK_ROWS_H

#include "sim/run.h"

#define BANK_NAME "bank-eu" /* the service's of the account */
enum { BANK_SHORT_MAX = 50 };

enum bank_meaning {
    BANK_FOR_PAYMENT, /* a transfer that says which payment it is for */
    BANK_STRAY,       /* one that does not, in a way that anybody could tell */
    BANK_PAYOUT,      /* sent by the list of payouts */
    BANK_MISPAID,     /* the same, of another amount, or once more: nobody's wish */
    BANK_TAKEN_BACK,  /* takes back the row `reverses` */
    BANK_CAME_BACK,   /* a payout that its receiver's bank sent back */
};

struct bank_line {
    enum bank_meaning meaning;
    bool credit;
    int64_t amount;
    const char *currency;
    char bank_id[24], reverses[24];
    char account[40], virtual_account[40], remittance[120], party[40], party_account[40];
    char order[RUN_ORDER_CHARS], payment[RUN_ID_CHARS]; /* whom it was meant for; "" nobody */
    char operation[RUN_ID_CHARS];                       /* of a payout; "" none */
    bool taken;                                         /* the service said that it has it */
    bool fresh;                                         /* and that it had not had it before */
    bool reversed, uploaded;
    char matched[RUN_ID_CHARS]; /* the payment that a clerk found for it; "" none */
};

struct bank {
    GPtrArray *lines;   /* of struct bank_line, as the bank booked them */
    GPtrArray *later;   /* of struct bank_line: what is sent when the payments are over */
    int clerks, payers; /* tasks that are not done */
    int files, acts;
    int paying; /* clerks that are at a payout */
    bool next_day;
};

/* The account among the gateways of the configuration; nothing unless the run has a bank. */
void bank_rows_config(const struct run *run, struct buf *out);
/* Payers and clerks; each counts as shopping until it is done. */
void bank_rows_open(struct run *run);
bool bank_is(const char *gateway);

/* ---- oracle_bank.c ---- */

/* Somebody has just been told this of a payment that is paid by bank. */
void bank_said(struct run *run, const char *who, const json_t *said);
/* A refund that had been paid out came back. */
bool bank_came_back(const struct run *run, const char *operation);
/* One of the refunds of a payment did. */
bool bank_sent_back(struct run *run, const char *payment);
/* What the bank had taken back was found to be this refund: nobody asked for it. */
bool bank_found(struct run *run, const char *refund);
/* A payment that was over and whose money was accepted by a person. */
bool bank_was_accepted(struct run *run, const char *payment);

#endif
