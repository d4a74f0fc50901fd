/* SPDX-License-Identifier: Apache-2.0
 * bank_impl.h: rows of the bank's statement as structs, and what the files of bank.h share.
 * Threads: inside the caller's transaction. A payment's row is locked before a bank row. */
#ifndef HOLDFAST_PAYMENT_BANK_IMPL_H
#define HOLDFAST_PAYMENT_BANK_IMPL_H

#include "gateway/bank/bank.h"
#include "gateway/bank/bank_reference.h"
#include "payment/bank.h"
#include "payment/cases.h"

enum bank_row_state {
    BANK_ROW_NONE = 0,
#define X(name, number, text, meaning) BANK_ROW_##name = (number),
#include "payment/bank_row_states.def"
#undef X
    BANK_ROW_STATE_COUNT
};
const char *bank_row_state_name(int64_t state);
MUST_USE bool bank_row_state_parse(const char *name, int64_t *ret_state);

struct bank_row { /* texts live in the arena */
    const char *id, *gateway, *bank_id, *account, *virtual_account, *booked_on, *valued_on;
    bool credit;
    int64_t amount_minor;
    struct currency currency;
    const char *party_name, *party_account; /* masked */
    const char *party_sealed;
    const char *remittance, *named, *reverses, *source;
    int64_t line, taken_us;
    const char *taken_by;
    enum bank_row_state state;
    const char *payment_id, *attempt_id, *operation_id;
    int64_t excess_minor;
    const char *note;
    int64_t matched_us;
    const char *matched_by;
};
#define BANK_ROW_COLUMNS                                                                           \
    "id, gateway, bank_id, account, virtual_account, booked_on, valued_on, credit, amount_minor, " \
    "currency, party_name, party_account, party_sealed, remittance, named, reverses, source, "     \
    "line, taken_us, taken_by, state, payment_id, attempt_id, operation_id, excess_minor, note, "  \
    "matched_us, matched_by"
void bank_row_read(const struct sql_rows *rows, struct arena *arena, struct bank_row *ret_row);
MUST_USE int bank_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                           struct bank_row *ret_row, struct err *err);
/* By the bank's name for it. ERR_NOT_FOUND. */
MUST_USE int bank_row_named(struct store_tx *tx, struct arena *arena, const char *gateway,
                            const char *bank_id, bool lock, struct bank_row *ret_row,
                            struct err *err);
/* 1 written; 0: there is one of that name. */
MUST_USE int bank_row_insert(struct store_tx *tx, const struct bank_row *row, struct err *err);
/* Writes what matching changes. */
MUST_USE int bank_row_save(struct store_tx *tx, const struct bank_row *row, struct err *err);
/* A member and a comma; "" is null. */
void bank_put(struct buf *buf, const char *key, const char *value);
void bank_row_render(struct buf *buf, const struct bank_row *row);
/* The whole account number of its other side; NULL when the bank said none. free(). */
MUST_USE int bank_row_party(struct payments *payments, const struct bank_row *row,
                            char **ret_account, struct err *err);
/* "bank_row:bkr_…": what the account number is sealed for. */
void bank_row_seal_context(const char *row_id, char ret_context[ID_TEXT_MAX + 16]);

/* ---- bank_book.c: what a row does to the payment it is for ---- */

/* A credit for this attempt, whose payment is locked: counted with the others that came for it, and
 * when they are enough the payment is paid. `by`: "bank", or a named person. `in_suspense`: it was
 * posted there when it came. Writes the row. */
MUST_USE int bank_book_credit(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                              struct payment_row *payment, struct attempt_row *attempt,
                              const char *by, bool in_suspense, struct err *err);
/* The bank takes back a row that counts for an attempt which still waits. */
MUST_USE int bank_book_back(struct payments *payments, struct store_tx *tx,
                            const struct bank_row *debit, struct bank_row *credit,
                            struct payment_row *payment, const struct attempt_row *attempt,
                            struct err *err);
/* The same of a row that came after the bank had taken it back: it never counts. `debit` is in
 * suspense, and its case is closed by then. */
MUST_USE int bank_book_in_vain(struct payments *payments, struct store_tx *tx,
                               struct bank_row *debit, struct bank_row *credit,
                               struct payment_row *payment, const struct attempt_row *attempt,
                               struct err *err);
/* Opens a case about the row that posts its amount, or what is too much of it, to suspense, and
 * writes the row. `payment`, which is locked and is marked for it, may be NULL. */
MUST_USE int bank_book_case(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                            const char *kind, struct payment_row *payment, const char *detail,
                            struct err *err);
bool bank_attempt_waits(const struct attempt_row *attempt);

#define JOB_BANK_MATCH "bank_match"
MUST_USE int bank_match_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                            struct err *err);

#endif
