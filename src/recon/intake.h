/* SPDX-License-Identifier: Apache-2.0
 * intake.h: taking a statement into the store: whole or not at all, once, and never silently over
 * another one.
 *
 *   bytes ──reader, once over──▶ any problem: refused, all of them told, nothing written
 *         ──reader, again──▶ rows in small transactions, under a statement that counts for nothing
 *         ──last transaction──▶ it counts, with its audit entry
 *
 *   1. A statement counts from one commit on (state TAKEN), with all its rows; whoever reads rows
 *      asks for that state. What a crash left half-written is given up and cleared away by the next
 *      one that takes the same file, or by statement_sweep().
 *   2. The same bytes for the same gateway again change nothing and give the first one's id (I5).
 *   3. A file that covers what one that counts covers already (same format and account, and the
 *      same number or period) is a corrected one: it is refused unless it says which one it takes
 *      the place of. That one stays in the store, superseded, with who said so and why. So is one
 *      whose rows stand all on statements that count (recon/standing.h).
 *   4. No card number is stored (I9): texts are masked before they are written; of the other side's
 *      account nothing is (what pays for a bank transfer is taken in by payment/bank.h).
 * No transaction is longer than STATEMENT_ROWS_A_WRITE rows, so that payments never wait for
 * a file.
 * Owns: nothing. Threads: any; of two who take the same file at once one is told that the other is
 * at it. Errors: ERR_VALIDATION (the file has problems: `taking` has them; or no reader knows it),
 * ERR_EXISTS (rule 3, with the id of the other in the hint), ERR_STATE (somebody is at it, or what
 * it should supersede does not count; `final`: these very bytes were superseded, or count and
 * should supersede another one), ERR_TOO_LARGE, those of the store. */
#ifndef HOLDFAST_RECON_INTAKE_H
#define HOLDFAST_RECON_INTAKE_H

#include "base/id.h"
#include "recon/standing.h"
#include "recon/whose.h"
#include "statement/statement.h"
#include "store/store.h"

enum { STATEMENT_ROWS_A_WRITE = 200, STATEMENT_NAME_CHARS_MAX = 200 };
enum statement_state {
    STATEMENT_WRITING = 1,
    STATEMENT_TAKEN = 2,
    STATEMENT_SUPERSEDED = 3,
    STATEMENT_GIVEN_UP = 4,
    STATEMENT_WITHDRAWN = 5, /* recon/withdraw.h */
};
const char *statement_state_name(int64_t state); /* "taken"; "?" */

struct statement_request {
    const char *gateway;                   /* whose statement it is: a gateway's name here */
    struct statement_source source;        /* unpacked: statement/unwrap.h */
    const struct statement_reader *reader; /* NULL: found out */
    const char *supersedes;                /* "stm_…", or "" */
    const char *reason;                    /* of a correction; "" */
    const char *actor;
    /* What it was asked for, of a file that does not say what it covers itself; 0: not known. */
    int64_t from_us, until_us;
    /* A person has said it: a file that says another one itself, and a row outside of it, are
     * wrong; and one that is there already without a period has it from then on. */
    bool period_said;
    const char *file_id; /* with it; NULL: "" */
    unsigned lacks; /* what it does not tell of that time, beside what its reader says */
    /* "stm_… stm_…": where it covers what one of these covers, it takes that one's place, for
     * `reason`; NULL: none. */
    const char *replaces;
};
struct statement_problem_told {
    enum statement_problem problem;
    int64_t line;
    char text[201];
};
struct statement_taken {
    struct statement_id id; /* "" after a failure */
    const struct statement_reader *reader;
    bool known; /* it was there already: nothing has changed */
    bool period_given; /* and its period is known from now on */
    bool final; /* after ERR_STATE: no other attempt will end otherwise */
    struct standing_sample sample;
    struct whose whose; /* the accounts that it tells */
    struct statement_head head;
    int64_t problems; /* in all; the first of them: */
    struct statement_problem_told told[STATEMENT_PROBLEMS_KEPT];
};
/* `ret_taken` is filled on failure as well, as far as it came; it is large: not for a stack. */
MUST_USE int statement_take(struct store *store, const struct statement_request *request,
                            struct statement_taken *ret_taken, struct err *err);

/* The first look of it alone: which reader, head and problems; nothing is written. */
MUST_USE int statement_look(const struct statement_request *request,
                            struct statement_taken *ret_taken, struct err *err);

/* What it has to say of what is there already, for one that was looked at and before anything is
 * taken: the refusals of rule 3. Nothing is written; a file that is known is 0. */
MUST_USE int statement_look_around(struct store *store, const struct statement_request *request,
                                   struct statement_taken *taken, struct err *err);

/* Clears away what crashes left: rows of statements that were given up, or that nobody has gone on
 * writing since `before_us`. Returns 0 when nothing is left to clear. */
MUST_USE int statement_sweep(struct store *store, int64_t before_us, struct err *err);

#endif
