/* SPDX-License-Identifier: Apache-2.0
 * test_rows.c: every column of payments, attempts and operations is written and read back, by
 * inserting and by saving; broken states and missing rows are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payment/rows.h"
#include "support/payment_world.h"

#define W the_world

typedef int rows_fn(struct store_tx *tx, struct arena *arena, struct err *err);

static int within(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(1024 * 1024);
    return (*(rows_fn **)ctx)(tx, arena, err);
}

/* Runs it in one transaction; returns what it returns. */
static int run(rows_fn *fn) {
    W->err = (struct err){0};
    return store_write(W->engine.store, within, &fn, &W->err);
}

static void good(int result) {
    if (result < 0) {
        fail_msg("%s", W->err.detail);
    }
}

static struct payment_row some_payment(void) {
    return (struct payment_row){
        .id = payment_id_stored("pay_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .version = 3,
        .order_id = "订单-1",
        .holds_order = true,
        .state = PAYMENT_AUTHORIZED,
        .amount_minor = 1001,
        .currency = {"EUR"},
        .method = METHOD_PAYPAL,
        .purpose = PURPOSE_TOPUP,
        .capture_later = true,
        .authorized_minor = 1002,
        .captured_minor = 1003,
        .refunded_minor = 1004,
        .refund_reserved_minor = 1005,
        .disputed_minor = 1006,
        .customer_id = "cus",
        .customer_region = "EU",
        .customer_vip = true,
        .customer_segment = "wholesale",
        .customer_email = "a@example.com",
        .customer_ip = "203.0.113.7",
        .tokens = "{\"\":\"tok\"}",
        .return_url = "https://r",
        .cancel_url = "https://c",
        .description = "d",
        .metadata = "{\"k\":\"v\"}",
        .action = "redirect",
        .action_data = "https://a",
        .flow = FLOW_QR,
        .action_expires_us = 4711,
        .deferred_until_us = 4721,
        .queued_until_us = 4731,
        .failure_code = "f",
        .failure_message = "fm",
        .review = "rv",
        .was_unknown = true,
        .attempts = 7,
        .gateway = "stripe-a",
        .created_us = 11,
        .updated_us = 12,
        .several_per_order = true,
    };
}

/* What runs inside a transaction may run in the store's own thread, where a test cannot fail: it
 * returns an error instead. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return err_set(err, ERR_INTERNAL, "line %d: not %s (%s)", __LINE__, #condition,        \
                           different);                                                             \
        }                                                                                          \
    } while (0)

static const char *different = ""; /* the last field that was not the same */

static void compared(bool same, const char *field) {
    different = same ? different : field;
}
#define SAME_TEXT(field) compared(strcmp(a->field, b->field) == 0, #field)
#define SAME_INT(field) compared((int64_t)a->field == (int64_t)b->field, #field)

static bool same_payment(const struct payment_row *a, const struct payment_row *b) {
    different = "";
    SAME_TEXT(id.text);
    SAME_INT(version);
    SAME_TEXT(order_id);
    SAME_INT(holds_order);
    SAME_INT(several_per_order);
    SAME_INT(state);
    SAME_INT(amount_minor);
    SAME_TEXT(currency.code);
    SAME_INT(method);
    SAME_INT(purpose);
    SAME_INT(capture_later);
    SAME_INT(authorized_minor);
    SAME_INT(captured_minor);
    SAME_INT(refunded_minor);
    SAME_INT(refund_reserved_minor);
    SAME_INT(disputed_minor);
    SAME_TEXT(customer_id);
    SAME_TEXT(customer_region);
    SAME_INT(customer_vip);
    SAME_TEXT(customer_segment);
    SAME_TEXT(customer_email);
    SAME_TEXT(customer_ip);
    SAME_TEXT(tokens);
    SAME_TEXT(return_url);
    SAME_TEXT(cancel_url);
    SAME_TEXT(description);
    SAME_TEXT(metadata);
    SAME_TEXT(action);
    SAME_TEXT(action_data);
    SAME_INT(flow);
    SAME_INT(action_expires_us);
    SAME_INT(deferred_until_us);
    SAME_INT(queued_until_us);
    SAME_TEXT(failure_code);
    SAME_TEXT(failure_message);
    SAME_TEXT(review);
    SAME_INT(was_unknown);
    SAME_INT(attempts);
    SAME_TEXT(gateway);
    SAME_INT(created_us);
    return different[0] == '\0';
}

static int write_payment(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct payment_row row = some_payment(), back;
    CHECK(payment_row_insert(tx, &row, err) == 1);
    for (int lock = 0; lock < 2; lock++) {
        int r = payment_row_load(tx, arena, row.id.text, lock == 1, &back, err);
        if (r < 0) {
            return r;
        }
        CHECK(same_payment(&row, &back));
        CHECK(back.updated_us == 12);
    }
    /* Everything that can change, changed. */
    row.holds_order = false;
    row.state = PAYMENT_CANCELED;
    row.method = METHOD_CARD;
    row.authorized_minor = 2;
    row.captured_minor = 3;
    row.refunded_minor = 4;
    row.refund_reserved_minor = 5;
    row.disputed_minor = 6;
    row.tokens = "{}";
    row.action = "";
    row.action_data = "u";
    row.flow = FLOW_APP;
    row.action_expires_us = 4712;
    row.deferred_until_us = 4722;
    row.queued_until_us = 4732;
    row.failure_code = "g";
    row.failure_message = "gm";
    row.review = "";
    row.was_unknown = false;
    row.attempts = 8;
    row.gateway = "stripe-b";
    int r = payment_row_save(tx, &row, err);
    CHECK(row.version == 4);
    r = r < 0 ? r : payment_row_load(tx, arena, row.id.text, true, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(same_payment(&row, &back));
    CHECK(back.updated_us == row.updated_us);
    CHECK(back.updated_us > 12);
    return 0;
}

static void every_column_of_a_payment_is_written_and_read_back(void **state) {
    good(run(write_payment));
}

static int hold_twice(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct payment_row row = some_payment();
    CHECK(payment_row_insert(tx, &row, err) == 1);
    row.id = payment_id_new();
    CHECK(payment_row_insert(tx, &row, err) == 0);
    row.holds_order = false;
    CHECK(payment_row_insert(tx, &row, err) == 1);
    return 0;
}

static void an_order_is_held_by_one_payment(void **state) {
    good(run(hold_twice));
}

/* Saves the row with `holds`, by itself or as it is loaded; what is stored must follow. */
static int save_held(struct store_tx *tx, struct arena *arena, struct payment_row *row, bool holds,
                     struct err *err) {
    struct payment_row back;
    row->holds_order = holds;
    int r = payment_row_save(tx, row, err);
    r = r < 0 ? r : payment_row_load(tx, arena, row->id.text, true, &back, err);
    CHECK(r < 0 || back.holds_order == holds);
    return r;
}

static int hold_and_let_go(struct store_tx *tx, struct arena *arena, struct err *err) {
    static const bool steps[] = {true, false, false, true, true, false};
    struct payment_row row = some_payment();
    CHECK(payment_row_insert(tx, &row, err) == 1);
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(steps); i++) {
        r = save_held(tx, arena, &row, steps[i], err); /* one row, saved again and again */
    }
    for (size_t i = 0; r >= 0 && i < COUNT_OF(steps); i++) {
        r = payment_row_load(tx, arena, row.id.text, true, &row, err);
        r = r < 0 ? r : save_held(tx, arena, &row, steps[i], err);
    }
    return r;
}

static void an_order_is_held_and_let_go_as_the_row_says(void **state) {
    good(run(hold_and_let_go));
}

static struct attempt_row some_attempt(void) {
    return (struct attempt_row){
        .id = attempt_id_stored("att_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .payment_id = payment_id_stored("pay_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .number = 2,
        .gateway = "stripe-a",
        .state = ATTEMPT_UNKNOWN,
        .amount_minor = 1001,
        .currency = {"EUR"},
        .token = "tok",
        .decision = "{\"chosen\":\"stripe-a\"}",
        .outcome = GW_UNKNOWN,
        .source = "answer",
        .gateway_id = "pi_1",
        .charge_id = "ch_1",
        .code = "c",
        .common_code = "cc",
        .message = "m",
        .trace = "t",
        .http_status = 500,
        .reach = 3,
        .duration_us = 4,
        .was_unknown = true,
        .owner = "o",
        .lease_us = 5,
        .sent_us = 6,
        .created_us = 7,
        .settled_us = 8,
        .callback_due_us = 9,
        .callback_us = 0,
        .expires_us = 99,
        .method = METHOD_PAYPAL,
    };
}

static bool same_attempt(const struct attempt_row *a, const struct attempt_row *b) {
    different = "";
    SAME_TEXT(id.text);
    SAME_TEXT(payment_id.text);
    SAME_INT(number);
    SAME_TEXT(gateway);
    SAME_INT(state);
    SAME_INT(amount_minor);
    SAME_TEXT(currency.code);
    SAME_TEXT(token);
    SAME_TEXT(decision);
    SAME_INT(outcome);
    SAME_TEXT(source);
    SAME_TEXT(gateway_id);
    SAME_TEXT(charge_id);
    SAME_TEXT(code);
    SAME_TEXT(common_code);
    SAME_TEXT(message);
    SAME_TEXT(trace);
    SAME_INT(http_status);
    SAME_INT(reach);
    SAME_INT(duration_us);
    SAME_INT(was_unknown);
    SAME_TEXT(owner);
    SAME_INT(lease_us);
    SAME_INT(sent_us);
    SAME_INT(created_us);
    SAME_INT(settled_us);
    SAME_INT(callback_due_us);
    SAME_INT(callback_us);
    SAME_INT(expires_us);
    SAME_INT(method);
    return different[0] == '\0';
}

static int write_attempt(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct attempt_row row = some_attempt(), back;
    int r = attempt_row_insert(tx, &row, err);
    r = r < 0 ? r : attempt_row_load(tx, arena, row.id.text, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(same_attempt(&row, &back));
    row.state = ATTEMPT_CHARGED;
    row.outcome = GW_CHARGED;
    row.source = "query";
    row.gateway_id = "pi_2";
    row.charge_id = "ch_2";
    row.code = "d";
    row.common_code = "dd";
    row.message = "n";
    row.trace = "u";
    row.http_status = 200;
    row.reach = 1;
    row.duration_us = 14;
    row.was_unknown = false;
    row.owner = "";
    row.lease_us = 0;
    row.sent_us = 16;
    row.settled_us = 18;
    row.callback_due_us = 19;
    r = attempt_row_save(tx, &row, err);
    r = r < 0 ? r : attempt_row_load(tx, arena, row.id.text, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(same_attempt(&row, &back));
    r = attempt_row_by_gateway_id(tx, arena, "stripe-a", "pi_2", "", &back, err);
    r = r < 0 ? r : attempt_row_by_gateway_id(tx, arena, "stripe-a", "", "ch_2", &back, err);
    r = r < 0 ? r : attempt_row_live(tx, arena, row.payment_id.text, &back, err);
    return r;
}

static void every_column_of_an_attempt_is_written_and_read_back(void **state) {
    good(run(write_attempt));
}

/* Both are written by somebody who does not hold the payment's row. */
static int save_over(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct attempt_row row = some_attempt(), back;
    row.gateway_id = "";
    int r = attempt_row_insert(tx, &row, err);
    r = r < 0
            ? r
            : sql_put(
                  tx, err,
                  "UPDATE attempt SET gateway_id = 'pi_9', callback_us = 77, callback_due_us = 0");
    row.callback_due_us = 99;
    r = r < 0 ? r : attempt_row_save(tx, &row, err);
    r = r < 0 ? r : attempt_row_load(tx, arena, row.id.text, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(strcmp(back.gateway_id, "pi_9") == 0);
    CHECK(back.callback_us == 77);
    CHECK(back.callback_due_us == 0);
    return 0;
}

static void a_noted_callback_and_a_persisted_id_are_not_written_over(void **state) {
    good(run(save_over));
}

static int no_other_gateway(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct attempt_row row = some_attempt(), back;
    int r = attempt_row_insert(tx, &row, err);
    if (r < 0) {
        return r;
    }
    CHECK(attempt_row_by_gateway_id(tx, arena, "stripe-b", "pi_1", "", &back, err) ==
          -ERR_NOT_FOUND);
    CHECK(attempt_row_by_gateway_id(tx, arena, "stripe-a", "", "", &back, err) == -ERR_NOT_FOUND);
    CHECK(attempt_row_load(tx, arena, "att_x", &back, err) == -ERR_NOT_FOUND);
    return 0;
}

static void an_attempt_is_found_only_at_its_own_gateway(void **state) {
    good(run(no_other_gateway));
}

static int two_live(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct attempt_row row = some_attempt();
    int r = attempt_row_insert(tx, &row, err);
    row.id = attempt_id_new();
    row.number = 3;
    r = r < 0 ? r : attempt_row_insert(tx, &row, err);
    /* It may be told at the next call only. */
    return r < 0 ? r : (int)sql_exec(tx, err, "UPDATE attempt SET number = number");
}

static int live_and_over(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct attempt_row row = some_attempt();
    row.state = ATTEMPT_DECLINED;
    int r = attempt_row_insert(tx, &row, err);
    row.id = attempt_id_new();
    row.number = 3;
    row.state = ATTEMPT_SENDING;
    return r < 0 ? r : attempt_row_insert(tx, &row, err);
}

static void the_store_itself_refuses_a_second_live_attempt(void **state) {
    assert_int_equal(run(two_live), -ERR_EXISTS);
    good(run(live_and_over));
}

static struct operation_row some_operation(void) {
    return (struct operation_row){
        .id = refund_id_stored("re_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .payment_id = payment_id_stored("pay_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .attempt_id = attempt_id_stored("att_01JD5R6Q6Y0V3M8X2K4N7T9BC1"),
        .kind = OPERATION_REFUND,
        .state = OPERATION_PENDING,
        .gateway = "stripe-a",
        .amount_minor = 1001,
        .currency = {"EUR"},
        .final = true,
        .to_original = true,
        .reason = "r",
        .actor = "key:1",
        .retry_of = "re_0",
        .outcome = GW_PENDING,
        .source = "answer",
        .refund_id = "re_theirs",
        .code = "c",
        .common_code = "cc",
        .message = "m",
        .trace = "t",
        .was_unknown = true,
        .tries = 2,
        .owner = "o",
        .lease_us = 3,
        .created_us = 4,
        .updated_us = 5,
        .target = "cap_1",
    };
}

static bool same_operation(const struct operation_row *a, const struct operation_row *b) {
    different = "";
    SAME_TEXT(id.text);
    SAME_TEXT(payment_id.text);
    SAME_TEXT(attempt_id.text);
    SAME_INT(kind);
    SAME_INT(state);
    SAME_TEXT(gateway);
    SAME_INT(amount_minor);
    SAME_TEXT(currency.code);
    SAME_INT(final);
    SAME_INT(to_original);
    SAME_TEXT(reason);
    SAME_TEXT(actor);
    SAME_TEXT(retry_of);
    SAME_INT(outcome);
    SAME_TEXT(source);
    SAME_TEXT(refund_id);
    SAME_TEXT(code);
    SAME_TEXT(common_code);
    SAME_TEXT(message);
    SAME_TEXT(trace);
    SAME_INT(was_unknown);
    SAME_INT(tries);
    SAME_TEXT(owner);
    SAME_INT(lease_us);
    SAME_INT(created_us);
    SAME_TEXT(target);
    return different[0] == '\0';
}

static int write_operation(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct operation_row row = some_operation(), back;
    int r = operation_row_insert(tx, &row, err);
    r = r < 0 ? r : operation_row_load(tx, arena, row.id.text, false, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(same_operation(&row, &back));
    CHECK(back.updated_us == 5);
    row.state = OPERATION_FAILED;
    row.outcome = GW_DECLINED;
    row.source = "query";
    row.refund_id = "re_2";
    row.code = "d";
    row.common_code = "dd";
    row.message = "n";
    row.trace = "u";
    row.was_unknown = false;
    row.tries = 9;
    row.owner = "";
    row.lease_us = 0;
    r = operation_row_save(tx, &row, err);
    r = r < 0 ? r : operation_row_load(tx, arena, row.id.text, true, &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(same_operation(&row, &back));
    CHECK(back.updated_us > 5);
    r = operation_row_by_refund_id(tx, arena, "stripe-a", "re_2", &back, err);
    if (r < 0) {
        return r;
    }
    CHECK(operation_row_by_refund_id(tx, arena, "stripe-b", "re_2", &back, err) == -ERR_NOT_FOUND);
    CHECK(operation_row_load(tx, arena, "re_x", false, &back, err) == -ERR_NOT_FOUND);
    return 0;
}

static void every_column_of_an_operation_is_written_and_read_back(void **state) {
    good(run(write_operation));
}

static int text_that_is_null(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct payment_row row = {
        .id = payment_id_new(), .order_id = "o", .state = PAYMENT_CREATED, .currency = {"USD"}};
    struct payment_row back;
    CHECK(payment_row_insert(tx, &row, err) == 1);
    int r = payment_row_load(tx, arena, row.id.text, false, &back, err);
    if (r >= 0) {
        CHECK(strcmp(back.customer_id, "") == 0);
        CHECK(strcmp(back.gateway, "") == 0);
    }
    return r;
}

static void text_that_is_not_given_is_empty(void **state) {
    good(run(text_that_is_null));
}

static int load_broken(struct store_tx *tx, struct arena *arena, struct err *err) {
    struct payment_row payment = some_payment();
    struct attempt_row attempt = some_attempt();
    struct operation_row operation = some_operation();
    CHECK(payment_row_insert(tx, &payment, err) == 1);
    int r = attempt_row_insert(tx, &attempt, err);
    r = r < 0 ? r : operation_row_insert(tx, &operation, err);
    r = r < 0 ? r : sql_put(tx, err, "UPDATE payment SET state = 99");
    r = r < 0 ? r : sql_put(tx, err, "UPDATE attempt SET state = 0");
    r = r < 0 ? r : sql_put(tx, err, "UPDATE operation SET state = -1");
    if (r < 0) {
        return r;
    }
    CHECK(payment_row_load(tx, arena, payment.id.text, false, &payment, err) == -ERR_STORE_CORRUPT);
    CHECK(attempt_row_load(tx, arena, attempt.id.text, &attempt, err) == -ERR_STORE_CORRUPT);
    CHECK(operation_row_load(tx, arena, operation.id.text, false, &operation, err) ==
          -ERR_STORE_CORRUPT);
    return 0;
}

static void a_state_that_no_table_knows_is_corrupt(void **state) {
    good(run(load_broken));
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_a_payment_is_written_and_read_back),
        cmocka_unit_test(an_order_is_held_by_one_payment),
        cmocka_unit_test(an_order_is_held_and_let_go_as_the_row_says),
        cmocka_unit_test(every_column_of_an_attempt_is_written_and_read_back),
        cmocka_unit_test(a_noted_callback_and_a_persisted_id_are_not_written_over),
        cmocka_unit_test(an_attempt_is_found_only_at_its_own_gateway),
        cmocka_unit_test(the_store_itself_refuses_a_second_live_attempt),
        cmocka_unit_test(every_column_of_an_operation_is_written_and_read_back),
        cmocka_unit_test(text_that_is_not_given_is_empty),
        cmocka_unit_test(a_state_that_no_table_knows_is_corrupt),
    };
    return payment_world_run("rows", tests, COUNT_OF(tests));
}
