/* SPDX-License-Identifier: Apache-2.0
 * bank_fixture.h: for tests of bank transfers: payments that wait for one, rows of the bank's
 * statement taken in, and what people do about them. */
#ifndef HOLDFAST_TESTS_BANK_FIXTURE_H
#define HOLDFAST_TESTS_BANK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/bank/bank_reference.h"
#include "payment/bank.h"
#include "support/payment_world.h"

#define W the_world
#define ACCOUNT "DE02120300000000202051"
#define DAY_US (INT64_C(24) * 3600 * 1000000)

/* ---- asking ---- */

static inline void open_banks(void) {
    W->banks = true;
    payment_world_restart(W);
}

/* A payment that waits for its transfer; what to pay by is kept. */
struct order {
    char id[40], reference[40], account[40];
};

static inline struct order place(const char *order_id, int64_t amount_minor, const char *currency) {
    struct payment_order order = world_order(order_id, amount_minor);
    struct order placed;
    order.method = METHOD_BANK_TRANSFER;
    order.token = "";
    snprintf(order.currency.code, sizeof order.currency.code, "%s", currency);
    json_t *json = world_pay(W, NULL, &order);
    if (json == NULL) {
        fail_msg("%s: %s", order_id, W->err.detail);
    }
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json, "action.type"), "bank_transfer");
    snprintf(placed.id, sizeof placed.id, "%s", json_at(json, "id"));
    snprintf(placed.reference, sizeof placed.reference, "%s",
             json_at(json, "action.bank_transfer.reference"));
    snprintf(placed.account, sizeof placed.account, "%s",
             json_at(json, "action.bank_transfer.account"));
    json_decref(json);
    return placed;
}

static inline struct bank_entry entry(const char *bank_id, int64_t amount_minor, const char *text) {
    return (struct bank_entry){
        .bank_id = bank_id,
        .account = ACCOUNT,
        .virtual_account = "",
        .booked_on = "2026-11-22",
        .valued_on = "2026-11-23",
        .credit = true,
        .amount_minor = amount_minor,
        .currency = {"USD"},
        .party_name = "Erika Mustermann",
        .party_account = "DE89 3704 0044 0532 0130 00",
        .remittance = text,
        .reverses = "",
        .line = 7,
    };
}

static inline json_t *take_rows(const struct bank_entry *entries, int count) {
    struct caller caller = world_caller(NULL, "rows");
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = bank_rows_take(W->payments, &caller, "statement.csv", entries, count, &answer, &W->err);
    return world_take(W, r, &answer);
}

/* Takes it in and lets the jobs run. */
static inline void comes(struct bank_entry row) {
    json_t *json = take_rows(&row, 1);
    if (json == NULL) {
        fail_msg("row %s: %s", row.bank_id, W->err.detail);
    }
    json_decref(json);
    (void)world_tick(W);
}

/* The beginning of many tests: both banks, and an order of 100.00 USD that waits. */
static inline struct order open_order(void) {
    open_banks();
    return place("order", 10000, "USD");
}

/* The same, and its whole sum has come as row "b1". */
static inline struct order paid_order(void) {
    struct order order = open_order();
    comes(entry("b1", 10000, order.reference));
    return order;
}

static inline void goes(const char *bank_id, int64_t amount_minor, const char *text,
                        const char *reverses) {
    struct bank_entry row = entry(bank_id, amount_minor, text);
    row.credit = false;
    row.reverses = reverses;
    comes(row);
}

static inline void row_is(const char *bank_id, const char *state) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT id FROM bank_row WHERE bank_id = '%s'", bank_id);
    char *id = world_text(W, sql);
    struct answer answer = {0};
    json_t *json = world_take(W, bank_row_get(W->payments, id, &answer, &W->err), &answer);
    free(id);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

static inline int64_t balance(const char *account) {
    char sql[240];
    snprintf(sql, sizeof sql,
             "SELECT COALESCE(SUM(CASE WHEN debit_account = '%s' THEN amount_minor WHEN "
             "credit_account = '%s' THEN -amount_minor ELSE 0 END), 0) FROM posting",
             account, account);
    return world_int(W, sql);
}

static inline int64_t suspense(void) {
    return -balance("gateway:bank-eu:suspense");
}

static inline void one_case(const char *kind, int64_t amount_minor) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM review_case WHERE state = 1 AND kind = '%s' AND amount_minor = "
             "%lld",
             kind, (long long)amount_minor);
    if (world_int(W, sql) != 1) {
        fail_msg("there is no open case %s of %lld", kind, (long long)amount_minor);
    }
}

typedef int decision_fn(struct payments *payments, const struct caller *caller, const char *case_id,
                        const char *reason, struct answer *ret_answer, struct err *err);

static inline json_t *decide(decision_fn *fn, const char *kind) {
    char sql[120];
    struct caller caller = world_caller(NULL, "x");
    struct answer answer = {0};
    snprintf(sql, sizeof sql, "SELECT id FROM review_case WHERE kind = '%s' AND state = 1", kind);
    char *id = world_text(W, sql);
    W->err = (struct err){0};
    int r = fn(W->payments, &caller, id, "looked at", &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static inline json_t *by_hand(const char *bank_id, const char *payment_id) {
    char sql[160];
    struct caller caller = world_caller(NULL, "match");
    struct answer answer = {0};
    snprintf(sql, sizeof sql, "SELECT id FROM bank_row WHERE bank_id = '%s'", bank_id);
    char *id = world_text(W, sql);
    W->err = (struct err){0};
    int r = bank_row_match(W->payments, &caller, id, payment_id, "he called", &answer, &W->err);
    free(id);
    return world_take(W, r, &answer);
}

static inline json_t *payouts(void) {
    struct answer answer = {0};
    json_t *json = world_take(W, bank_payout_list(W->payments, 0, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static inline json_t *sent(const char *operation_id, const char *row_id) {
    struct caller caller = world_caller(NULL, "sent");
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = bank_payout_sent(W->payments, &caller, operation_id, row_id, "in the bank's portal",
                             &answer, &W->err);
    return world_take(W, r, &answer);
}

/* The reference of the only payout that waits. */
static inline void only_payout(char reference[40], char operation_id[40]) {
    json_t *json = payouts();
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);
    snprintf(reference, 40, "%s", json_at(json, "data.0.reference"));
    snprintf(operation_id, 40, "%s", json_at(json, "data.0.operation_id"));
    json_decref(json);
}

static inline void sound(void) {
    world_verify(W);
    world_books_equal(W);
}

#endif
