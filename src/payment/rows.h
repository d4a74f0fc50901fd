/* SPDX-License-Identifier: Apache-2.0
 * rows.h: the rows that the payment machine works on, as structs, and their SQL. Text lives in the
 * arena that was given at loading. A row that decides about money is loaded with `lock` true: it is
 * then ours until the transaction ends.
 * Threads: inside the caller's transaction. Errors: ERR_NOT_FOUND, ERR_STORE…, ERR_STORE_CORRUPT.
 */
#ifndef HOLDFAST_PAYMENT_ROWS_H
#define HOLDFAST_PAYMENT_ROWS_H

#include "base/arena.h"
#include "base/id.h"
#include "base/money.h"
#include "payment/machine.h"
#include "payment/payments.h"
#include "store/store.h"

struct payment_row {
    struct payment_id id;
    int64_t version;
    const char *order_id;
    bool holds_order;
    enum payment_state state;
    int64_t amount_minor;
    struct currency currency;
    enum payment_method method;
    enum payment_purpose purpose;
    bool capture_later;
    int64_t authorized_minor, captured_minor, refunded_minor, refund_reserved_minor, disputed_minor;
    const char *customer_id, *customer_region, *customer_email, *customer_ip;
    bool customer_vip;
    const char *customer_segment;
    const char *tokens; /* JSON: {"": portable, "stripe-eu": "pm_…"} */
    const char *return_url, *cancel_url, *description;
    const char *metadata;   /* JSON */
    enum gateway_flow flow; /* 0: not said */
    /* A name of gateway_action, "choose_method" or ""; its data is a URL, or what the customer's
     * side is given. */
    const char *action, *action_data;
    int64_t action_expires_us; /* 0: not said */
    const char *failure_code, *failure_message;
    int64_t failure_again_us;  /* when it is worth another try; 0: not said */
    int64_t deferred_until_us; /* its order is held for the customer till then; 0: it is not */
    int64_t queued_until_us;   /* taken without a gateway, to be charged by then; 0: it is not */
    const char *review;        /* why a person should look at it; "" */
    bool was_unknown;
    int64_t attempts;
    const char *gateway; /* of the last attempt */
    int64_t created_us, updated_us;
    bool several_per_order; /* its order may have others beside it */
    /* Not columns: whether the stored row holds its order, as far as is known, so that a save need
     * not touch that index when nothing changes; and the JSON of version `json_version`, in the
     * arena the row was loaded into (NULL: none), so that it is not made twice. */
    enum { HELD_UNKNOWN = 0, HELD_NO, HELD_YES } held;
    struct arena *arena;
    const char *json;
    int64_t json_version;
};

struct attempt_row {
    struct attempt_id id;
    struct payment_id payment_id;
    int64_t number;
    const char *gateway;
    enum attempt_state state;
    int64_t amount_minor;
    struct currency currency;
    const char *token;
    const char *decision; /* JSON of the router */
    enum gateway_outcome outcome;
    const char
        *source; /* who said so: "answer", "repeat", "query", "callback", "person", "crash" */
    const char *gateway_id, *charge_id, *code, *common_code, *message, *trace;
    int64_t http_status, reach, duration_us;
    bool was_unknown;
    const char *owner;
    int64_t lease_us, sent_us, created_us, settled_us, callback_due_us, callback_us;
    int64_t expires_us; /* its order is closed then if the customer has not paid; 0: none waits */
    enum payment_method method; /* its payment's of then; 0: not written down */
};

struct operation_row {
    struct refund_id id; /* "re_…" for all three kinds */
    struct payment_id payment_id;
    struct attempt_id attempt_id;
    enum operation_kind kind;
    enum operation_state state;
    const char *gateway;
    int64_t amount_minor;
    struct currency currency;
    bool final, to_original;
    const char *reason, *actor;
    const char *retry_of; /* the first of the failed refunds that this one sends again, "";
                             * of a return its case */
    enum gateway_outcome outcome;
    const char *source, *refund_id, *code, *common_code, *message, *trace;
    bool was_unknown;
    int64_t tries;
    const char *owner;
    int64_t lease_us, created_us, updated_us;
    const char *target; /* gateway_change.target; set once, by operation_persist() */
};

MUST_USE int payment_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                              struct payment_row *ret_row, struct err *err);
/* Whether it only probes its gateway (PURPOSE_PROBE). "" and what is not there is none. */
MUST_USE int payment_is_probe(struct store_tx *tx, const char *id, bool *ret_probe,
                              struct err *err);
/* 1 written; 0: another payment holds this order (only when the row asks to hold it). */
MUST_USE int payment_row_insert(struct store_tx *tx, const struct payment_row *row,
                                struct err *err);
/* The same where a taken order is not expected: ERR_STATE at the commit at the latest, and nobody
 * waits for the answer. */
MUST_USE int payment_row_insert_new(struct store_tx *tx, const struct payment_row *row,
                                    struct err *err);
/* Locks the row that payment_row_load() would read, if it still has this version: else ERR_STATE,
 * at the commit at the latest. */
MUST_USE int payment_row_guard(struct store_tx *tx, const struct payment_row *row, struct err *err);
/* Writes what can change; version + 1 in the row and in the struct. */
MUST_USE int payment_row_save(struct store_tx *tx, struct payment_row *row, struct err *err);

MUST_USE int attempt_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                              struct attempt_row *ret_row, struct err *err);
/* The live attempt of a payment; ERR_NOT_FOUND when there is none. */
MUST_USE int attempt_row_live(struct store_tx *tx, struct arena *arena, const char *payment_id,
                              struct attempt_row *ret_row, struct err *err);
/* By the gateway's own name for it (payment or charge). */
MUST_USE int attempt_row_by_gateway_id(struct store_tx *tx, struct arena *arena,
                                       const char *gateway, const char *gateway_id,
                                       const char *charge_id, struct attempt_row *ret_row,
                                       struct err *err);
MUST_USE int attempt_row_insert(struct store_tx *tx, const struct attempt_row *row,
                                struct err *err);
MUST_USE int attempt_row_save(struct store_tx *tx, const struct attempt_row *row, struct err *err);

MUST_USE int operation_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                                struct operation_row *ret_row, struct err *err);
MUST_USE int operation_row_by_refund_id(struct store_tx *tx, struct arena *arena,
                                        const char *gateway, const char *refund_id,
                                        struct operation_row *ret_row, struct err *err);
MUST_USE int operation_row_insert(struct store_tx *tx, const struct operation_row *row,
                                  struct err *err);
MUST_USE int operation_row_save(struct store_tx *tx, const struct operation_row *row,
                                struct err *err);

/* Steps to the one row of an answer, for a `what` ("payment") of that id: ERR_NOT_FOUND when there
 * is none. */
MUST_USE int row_found(struct sql_rows *rows, const char *what, const char *id, struct err *err);

/* The column lists in the order in which the *_read functions expect them (for SELECTs of lists).
 */
#define PAYMENT_COLUMNS                                                                            \
    "id, version, order_id, holds_order, state, amount_minor, currency, method, purpose, "         \
    "capture_later, authorized_minor, captured_minor, refunded_minor, refund_reserved_minor, "     \
    "disputed_minor, customer_id, customer_region, customer_vip, customer_email, customer_ip, "    \
    "tokens, return_url, cancel_url, description, metadata, action, action_url, failure_code, "    \
    "failure_message, review, was_unknown, attempts, gateway, created_us, updated_us, "            \
    "several_per_order, flow, action_expires_us, failure_again_us, deferred_until_us, "            \
    "queued_until_us, customer_segment"
#define ATTEMPT_COLUMNS                                                                            \
    "id, payment_id, number, gateway, state, amount_minor, currency, token, decision, outcome, "   \
    "source, gateway_id, charge_id, code, common_code, message, trace, http_status, reach, "       \
    "duration_us, was_unknown, owner, lease_us, sent_us, created_us, settled_us, "                 \
    "callback_due_us, callback_us, expires_us, method"
#define OPERATION_COLUMNS                                                                          \
    "id, payment_id, attempt_id, kind, state, gateway, amount_minor, currency, final, "            \
    "to_original, reason, actor, outcome, source, refund_id, code, common_code, message, trace, "  \
    "was_unknown, tries, owner, lease_us, created_us, updated_us, retry_of, target"
void payment_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct payment_row *ret_row);
void attempt_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct attempt_row *ret_row);
void operation_row_read(const struct sql_rows *rows, struct arena *arena,
                        struct operation_row *ret_row);

#endif
