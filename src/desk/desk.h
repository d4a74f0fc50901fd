/* SPDX-License-Identifier: Apache-2.0
 * desk.h: what people do that needs a second person: approvals, and payments by hand (DEG-3).
 *
 * A payment by hand is told of by one person, with how it was paid, a reference and evidence; from
 * then on its order is held, so that no gateway can be paid for it as well. Another person looks at
 * the evidence and approves it, or rejects it; only then it counts, and is booked to a clearing
 * account until it is found on a statement.
 *
 * Who asked and who decides are users, not keys: a key stands for the user it was made for, else
 * for who made it. Whoever is no user (the internal listener without a key, and the keys that were
 * made there for nobody) neither asks nor approves. Of two who decide at once one has decided, and
 * the other is told who.
 * Threads: any, many at once. Owns: answers belong to the caller: answer_release().
 * Errors: what errors.def says; nothing has been changed when one is returned. */
#ifndef HOLDFAST_DESK_DESK_H
#define HOLDFAST_DESK_DESK_H

#include "payment/later.h"

enum approval_state {
    APPROVAL_NONE = 0,
#define X(name, number, text, meaning) APPROVAL_##name = (number),
#include "desk/approval_states.def"
#undef X
    APPROVAL_STATE_COUNT
};
enum approval_kind {
#define X(name, number, text, meaning) APPROVES_##name = (number),
#include "desk/approval_kinds.def"
#undef X
};
enum paid_by {
    PAID_BY_NONE = 0,
#define X(name, number, text, meaning) PAID_BY_##name = (number),
#include "desk/paid_by.def"
#undef X
    PAID_BY_COUNT
};
const char *approval_state_name(int64_t state); /* "?" for a number that no row has */
const char *approval_kind_name(int64_t kind);
const char *paid_by_name(int64_t paid_by);
MUST_USE bool approval_state_parse(const char *name, int64_t *ret_state);
MUST_USE bool paid_by_parse(const char *name, enum paid_by *ret_paid_by);

/* ---- approvals: inside the caller's transaction ---- */

struct approval_row { /* texts live in the arena */
    struct approval_id id;
    int64_t kind, state;
    const char *subject;
    const char *asked_by, *asked_reason, *decided_by, *decided_reason;
    int64_t created_us, decided_us;
    const char *asked_person;
    /* For people: "ann, key till-3"; "" when there is no such user or key. */
    const char *asked_name, *decided_name;
};
/* ERR_FORBIDDEN: nobody of that name. ERR_EXISTS: the same is asked already. */
MUST_USE int approval_ask(struct store_tx *tx, const struct caller *caller, enum approval_kind kind,
                          const char *subject, const char *reason, struct approval_id *ret_id,
                          struct err *err);
MUST_USE int approval_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                           struct approval_row *ret_row, struct err *err);
/* Decides it under its lock. ERR_FORBIDDEN: nobody of that name, or (approving) the same person as
 * asked. ERR_STATE: somebody has decided, and who. */
MUST_USE int approval_decide(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                             const char *id, bool approve, const char *reason,
                             struct approval_row *ret_row, struct err *err);
/* What it was about is over in another way: it counts as rejected, with that as the reason, by
 * `actor` ("system", a run's). One that was decided stays as it is. */
MUST_USE int approval_withdraw(struct store_tx *tx, const char *id, const char *actor,
                               const char *reason, struct err *err);
enum { PERSON_CHARS_MAX = ID_TEXT_MAX + 8 };
/* The person behind an actor, "user:usr_…": of a key the user whose it is. ERR_FORBIDDEN: nobody of
 * that name. */
MUST_USE int approval_person(struct store_tx *tx, const char *actor,
                             char ret_person[PERSON_CHARS_MAX + 1], struct err *err);
/* {"id","kind","state","asked_by",…} */
void approval_render(struct buf *buf, const struct approval_row *row);

/* ---- payments by hand ---- */

struct desk;
enum { MANUAL_REFERENCE_CHARS_MAX = 120, DESK_CUSTOMERS_MAX = 256 };

struct desk_options {
    struct store *store; /* all borrowed for the desk's life */
    struct payments *payments;
    /* Customers who may pay by hand as a rule, besides those that are VIP; for others it takes a
     * reason. */
    const char *const *customers;
    int customer_count;
};
MUST_USE int desk_open(const struct desk_options *options, struct desk **ret_desk, struct err *err);
void desk_close(struct desk *desk); /* NULL is fine */

struct manual_order { /* borrowed; "" for what is not there */
    struct payment_order order;
    enum paid_by paid_by;
    const char *reference;
    int64_t received_us; /* wall; not in the future */
    const char *reason;
};
/* 201. ERR_ORDER_TAKEN; ERR_STATE: the same transfer was told of for another order; ERR_VALIDATION:
 * it takes a reason. */
MUST_USE int manual_payment_ask(struct desk *desk, const struct caller *caller,
                                const struct manual_order *order, struct answer *ret_answer,
                                struct err *err);
/* As long as nobody has decided. */
MUST_USE int manual_payment_attach(struct desk *desk, const struct caller *caller,
                                   const char *payment_id, const struct evidence *evidence,
                                   struct answer *ret_answer, struct err *err);
/* 200. Approving takes at least one piece of evidence. */
MUST_USE int manual_payment_decide(struct desk *desk, const struct caller *caller,
                                   const char *payment_id, bool approve, const char *reason,
                                   struct answer *ret_answer, struct err *err);
MUST_USE int manual_payment_get(struct desk *desk, const char *payment_id,
                                struct answer *ret_answer, struct err *err);
/* Newest first, without their evidence. `state`: of the approval, or "". */
MUST_USE int manual_payment_list(struct desk *desk, const char *state, int limit,
                                 struct answer *ret_answer, struct err *err);

#endif
