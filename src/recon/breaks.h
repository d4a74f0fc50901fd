/* SPDX-License-Identifier: Apache-2.0
 * breaks.h: one break, for whoever looks into it or decides about it: people (break_desk.h), repair
 * rules, tickets.
 *
 * Everything here works inside the caller's transaction: what follows from a change of a break (a
 * posting, a ticket, an audit entry) is committed with it or not at all.
 *   1. Whoever changes a break has loaded it with `lock` in the same transaction. Each change
 *      writes what it was into the break's history, with the next version, and updates the row
 *      that the caller holds.
 *   2. States move by break_moves.def, here and in runs, and nowhere else. What is not in the table
 *      is ERR_STATE and changes nothing.
 *   3. A break is known by its class, its members and the difference: what somebody has decided
 *      stays decided when a run finds the same again, and another difference of the same members
 *      is another break.
 *   4. What is written off is a posting between the gateway's account and merchant:write_off, and
 *      part of the movement that it was given up for: a run counts both as one (like a fee), so a
 *      difference that was written off is none any more, and one that goes away later (a corrected
 *      statement) is found as what was written off too much.
 * Functions of a caller's policy (limits, two persons, caps of rules) are not here: break_desk.h
 * has those of people.
 * Threads: any transaction. Owns: nothing; texts live in the arena. Errors: ERR_NOT_FOUND,
 * ERR_STATE, ERR_VALIDATION, those of the store and of ledger_post(). */
#ifndef HOLDFAST_RECON_BREAKS_H
#define HOLDFAST_RECON_BREAKS_H

#include "base/arena.h"
#include "base/id.h"
#include "match/match.h"
#include "store/store.h"

enum break_state {
    BREAK_NONE = 0,
#define X(name, number, text, life, meaning) BREAK_##name = (number),
#include "recon/break_states.def"
#undef X
    BREAK_STATE_COUNT
};
enum break_move {
    BREAK_ASSIGN,
    BREAK_RELEASE,
    BREAK_HEAL,
    BREAK_FIND_AGAIN,
    BREAK_RESOLVE,
    BREAK_WRITE_OFF,
    BREAK_REOPEN,
};
const char *break_state_name(int64_t state); /* "?" for a number that no row has */
MUST_USE bool break_state_parse(const char *name, enum break_state *ret_state);
bool break_is_live(int64_t state); /* open or assigned */
/* Where the move leads to; BREAK_NONE: there is no such move. `ret_what` is what the history says.
 */
enum break_state break_after(int64_t state, enum break_move move, bool has_owner,
                             const char **ret_what);

enum {
    BREAK_OWNER_CHARS_MAX = 80,
    BREAK_REASON_CHARS_MAX = 500, /* as on the audit log */
    BREAK_MEMBERS_MAX = 200,      /* told one by one; of the others only how many */
};

struct break_row { /* texts are never NULL */
    struct break_id id;
    int64_t version;
    const char *gateway;
    enum match_class class;
    enum match_risk risk;
    enum break_state state;
    const char *owner; /* "user:usr_…", "team:NAME", "" */
    enum row_kind kind;
    const char *payment_id, *order_id; /* "" when nothing of ours is known */
    struct currency currency;
    int64_t our_minor, their_minor;
    /* What came to us more (+) or less (-) than our books have it: theirs less ours, of a class FEE
     * our fee less theirs. 0 where the currencies differ. */
    int64_t difference_minor;
    int64_t our_rows, their_rows;
    enum match_side side;    /* of the movement that it is about, or one of them */
    const char *movement_id; /* "pst_…", "stm_…#12" */
    const char *detail;      /* one sentence for people */
    int64_t at_us, opened_us, updated_us, closed_us /* 0 */;
    const char *first_run, *last_run;
    const char *resolution, *decided_by;
    int64_t stake_minor;  /* the difference without its sign; the larger side where there is none */
    const char *risk_why; /* "class medium, amount +1": see break_risk.h */
    int64_t written_off_minor; /* as posted and not reversed, signed as the difference; 0 */
    int64_t write_offs;        /* how often that was posted or reversed */
    const char *approval_id;   /* of a write-off that waits for a second person; "" */
};
/* ERR_NOT_FOUND. `lock`: only in a write transaction. */
MUST_USE int break_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                        struct break_row *ret_row, struct err *err);

/* One movement of it. What is not known is "" or 0. */
struct break_member {
    enum match_side side;
    const char *movement_id; /* a posting's, "stm_…#12", or of an attempt that moved nothing here */
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    int64_t amount_minor; /* signed as in struct statement_row */
    int64_t fee_minor;    /* AMOUNT_UNSAID */
    int64_t at_us;
    bool gone; /* its statement no longer counts: only side, id and statement are told */
    /* ours; of a row of theirs what the names on it lead to, if anything of ours */
    const char *posting_id, *payment_id, *order_id, *attempt_id, *operation_id, *dispute_id;
    const char
        *gateway; /* of the attempt: another one than the break's when it was charged there */
    /* theirs */
    const char *statement_id;
    int64_t number, line;
    /* the names at the gateway, as that side tells them */
    const char *gateway_id, *reference, *original_id, *batch, *native_kind, *description;
};
/* Ours first, then theirs, each in the order of their ids; at most BREAK_MEMBERS_MAX. */
struct break_members {
    int count;
    struct break_member *rows; /* in the arena */
    int64_t more;              /* that are not among them */
};
MUST_USE int break_members_load(struct store_tx *tx, struct arena *arena,
                                const struct break_row *row, struct break_members *ret_members,
                                struct err *err);

/* A line of its history that changes no state: "ticket", "repair", … `what` is a word of [a-z_],
 * `detail` a sentence. */
MUST_USE int break_note(struct store_tx *tx, struct break_row *row, const char *actor,
                        const char *what, const char *detail, struct err *err);

/* `owner`: "user:usr_…" or "team:NAME"; "" gives it back. The same owner again changes nothing. */
MUST_USE int break_assign(struct store_tx *tx, struct arena *arena, struct break_row *row,
                          const char *actor, const char *owner, const char *reason,
                          struct err *err);
MUST_USE int break_resolve(struct store_tx *tx, struct arena *arena, struct break_row *row,
                           const char *actor, const char *reason, struct err *err);
/* Also takes back what was written off: the opposite is posted, and the books are as before. */
MUST_USE int break_reopen(struct store_tx *tx, struct arena *arena, struct break_row *row,
                          const char *actor, const char *reason, struct err *err);

/* Whether a break of this class can be written off at all: amounts and fees that differ, never
 * money that was taken twice or is missing. */
bool break_class_writes_off(enum match_class class);
/* The same of this one: live, one currency, a difference. ERR_STATE with what to do instead. */
MUST_USE int break_may_write_off(const struct break_row *row, struct err *err);
/* Posts the difference and closes it. Not asked here: who may, and how much. */
MUST_USE int break_write_off(struct store_tx *tx, struct arena *arena, struct break_row *row,
                             const char *actor, const char *reason, struct err *err);

#endif
