/* SPDX-License-Identifier: Apache-2.0
 * disputes.h: disputes as the files of this folder share them: payments that customers take back
 * through their bank or wallet (PAY-8).
 *
 * D1  A dispute moves only by dispute_moves.def. What a callback says of it is a hint: the gateway
 *     is asked, and an answer counts only if nothing has changed since before the question
 *     (`version`), so no old word moves it back.
 * D2  Its money is booked as the gateway holds it: taken when it is out, returned when it is back,
 *     in the transaction that notes it. `posted` says how: on its payment (POST_CHARGEBACK), or in
 *     suspense with a case where the payment has no room for it (I10) or there is no payment.
 * D3  One dispute for each of the gateway's names. One that a person told of is the same as the one
 *     that the gateway tells of later, if the payment and the amount are the same.
 * D4  An answer to the gateway is a row before it is sent. One whose fate is unknown is sent again
 *     only when the gateway, asked, has none, and under the same key.
 * D5  Each open dispute has a job: it asks the gateway, warns 72 and 24 hours before the evidence
 *     is due, and says when that was missed.
 *
 * Locks: the payment's row, then the dispute's. Threads: inside the caller's transaction unless a
 * function says otherwise. Errors: those of store.h, ERR_GATEWAY where it could not be asked. */
#ifndef HOLDFAST_PAYMENT_DISPUTES_H
#define HOLDFAST_PAYMENT_DISPUTES_H

#include "payment/callbacks.h"

enum dispute_state {
    DISPUTE_NONE = 0,
#define X(name, number, text, open, meaning) DISPUTE_##name = (number),
#include "payment/dispute_states.def"
#undef X
    DISPUTE_STATE_COUNT
};
enum dispute_event {
    DISPUTE_EVENT_ASK = 1, /* evidence is waited for */
    DISPUTE_EVENT_REVIEW,
    DISPUTE_EVENT_WIN,
    DISPUTE_EVENT_LOSE,
    DISPUTE_EVENT_WITHDRAW,
    DISPUTE_EVENT_COUNT
};
enum dispute_answer { DISPUTE_ANSWER_NONE = 0, DISPUTE_EVIDENCE = 1, DISPUTE_ACCEPT = 2 };
enum dispute_answer_state {
    ANSWER_NONE = 0,
    ANSWER_WANTED = 1,  /* written; not sent yet */
    ANSWER_SENDING = 2, /* it may be there */
    ANSWER_DONE = 3,
    ANSWER_REFUSED = 4,
};
/* The deadlines of its evidence, in their order. */
enum dispute_warning {
    WARNED_NONE = 0,
    WARNED_72H = 1,
    WARNED_24H = 2,
    WARNED_MISSED = 3,
};

const char *dispute_state_name(int64_t state); /* "?" for a number that no row has */
bool dispute_state_open(enum dispute_state state);
MUST_USE bool dispute_state_parse(const char *name, int64_t *ret_state);
struct dispute_move {
    enum dispute_state to;
    const char *tells;
};
/* NULL: an event that changes nothing in this state. */
const struct dispute_move *dispute_move_find(enum dispute_state from, enum dispute_event event);
MUST_USE bool evidence_kind_known(const char *kind);

struct dispute_row { /* texts live in the arena */
    struct dispute_id id;
    int64_t version; /* 0: not written yet */
    const char *payment_id, *attempt_id, *gateway, *gateway_id, *reference;
    enum dispute_state state;
    bool inquiry;
    const char *reason, *network_reason, *note;
    int64_t amount_minor;
    struct currency currency;
    int64_t posted, turns, fee_minor, due_us, warned;
    const char *source, *actor;
    int64_t answer, answer_state, answer_round;
    const char *answer_actor, *answer_error;
    int64_t answer_sent_us, answer_tries;
    int64_t opened_us, updated_us, closed_us;
};
#define DISPUTE_COLUMNS                                                                            \
    "id, version, payment_id, attempt_id, gateway, gateway_id, reference, state, inquiry, "        \
    "reason, network_reason, note, amount_minor, currency, posted, turns, fee_minor, due_us, "     \
    "warned, source, actor, answer, answer_state, answer_round, answer_actor, answer_error, "      \
    "answer_sent_us, answer_tries, opened_us, updated_us, closed_us"
void dispute_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct dispute_row *ret_row);
MUST_USE int dispute_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                              struct dispute_row *ret_row, struct err *err);
/* By the gateway's name for it. */
MUST_USE int dispute_row_at(struct store_tx *tx, struct arena *arena, const char *gateway,
                            const char *gateway_id, struct dispute_row *ret_row, struct err *err);
/* Loads a dispute and, before it, its payment, both locked. `ret_payment->id` is "" when it has
 * none. */
MUST_USE int dispute_row_take(struct store_tx *tx, struct arena *arena, const char *id,
                              struct dispute_row *ret_row, struct payment_row *ret_payment,
                              struct err *err);
/* Writes it, anew or changed; version + 1 in both. */
MUST_USE int dispute_row_save(struct store_tx *tx, struct dispute_row *row, struct err *err);
/* With its evidence, without the files' bytes. */
MUST_USE int render_dispute(struct store_tx *tx, struct buf *buf, const struct dispute_row *row,
                            struct err *err);
/* Without its evidence. */
void render_dispute_short(struct buf *buf, const struct dispute_row *row);
/* Of a row of DISPUTE_COLUMNS, without its evidence. `ctx`: an arena. */
void render_dispute_row(struct buf *buf, const struct sql_rows *row, void *ctx);

/* ---- disputes.c ---- */

/* The event of its payment's story; nothing for one without a payment. */
MUST_USE int dispute_tell(struct payments *payments, struct store_tx *tx,
                          struct payment_row *payment, const struct dispute_row *row,
                          const char *type, struct err *err);
/* A case about it, which posts nothing and is not opened yet. */
struct case_note dispute_note(const struct dispute_row *row, const char *kind, const char *detail);
/* What is left of a payment for a dispute (I10). */
int64_t dispute_room(const struct payment_row *payment);
/* Books its money as out or as with us, if it is not so booked; both rows are then to be saved. */
MUST_USE int dispute_book(struct store_tx *tx, struct arena *arena, struct payment_row *payment,
                          struct dispute_row *row, bool money_out, struct err *err);
/* Moves it by its table, closes what it leaves behind, saves, tells. 1: it moved. */
MUST_USE int dispute_move(struct payments *payments, struct store_tx *tx, struct arena *arena,
                          struct payment_row *payment, struct dispute_row *row,
                          enum dispute_event event, struct err *err);
/* Closes the open case of this kind about it, if there is one. */
MUST_USE int dispute_case_end(struct store_tx *tx, struct arena *arena, const char *kind,
                              const char *subject, const char *resolution, struct err *err);
/* ERR_STATE while a dispute of the payment is open and has its money: the customer would get it
 * twice. */
MUST_USE int dispute_refuses_refund(struct store_tx *tx, const struct payment_row *payment,
                                    struct err *err);
/* Asks the gateway about a dispute by its name there and writes down what it says, in transactions
 * of its own. `row_id`: of the one that a person told of by that name, or NULL. `ret_dispute` (or
 * NULL) is what was said. 0: the gateway knows none; 1: done. ERR_GATEWAY, ERR_NO_GATEWAY,
 * ERR_STORE_CONFLICT. */
MUST_USE int dispute_refresh(struct payments *payments, const char *gateway, const char *gateway_id,
                             const char *row_id, const char *source,
                             struct gateway_dispute *ret_dispute, struct err *err);
/* A stored callback about a dispute. */
MUST_USE int dispute_callback(struct process *process, struct err *err);
/* The adapter of this gateway deals with disputes by its API. */
bool dispute_by_api(const struct payments *payments, const char *gateway);

/* ---- dispute_job.c ---- */

MUST_USE int dispute_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

#endif
