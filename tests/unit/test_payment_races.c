/* SPDX-License-Identifier: Apache-2.0
 * test_payment_races.c: what must not happen when two things happen at once, or one of them too
 * late: no second charge, no note of one task undone by another. Refunds: test_refund_races.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "payment/internal.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

static char *attempt_of(int number) {
    char *id = world_text(W, number == 1 ? "SELECT id FROM attempt WHERE number = 1"
                                         : "SELECT id FROM attempt WHERE number = 2");
    assert_true(id[0] != '\0');
    return id;
}

/* The gateway took the money of the first attempt after all, and tells. */
static void money_comes_late(void) {
    char *attempt = attempt_of(1);
    int event = fake_charge_of_nobody(FAKE, 0, attempt, "order", 500);
    free(attempt);
    assert_int_equal(world_callback(W, event), 200);
    (void)world_tick(W);
}

static int choose(const char *payment_id) {
    json_decref(world_choose(W, "key-choose", payment_id, "pm"));
    return W->result;
}

/* ---- late successes ---------------------------------------------------------------------------
 */

static void an_order_whose_money_came_late_is_not_charged_again(void **state) {
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json_t *json = world_create(W, "key-1", "order", 500);
    assert_string_equal(json_at(json, "state"), "requires_action");
    money_comes_late();
    assert_int_equal(choose(json_at(json, "id")), -ERR_STATE);
    assert_null(world_create(W, "key-2", "order", 500));
    assert_int_equal(W->result, -ERR_ORDER_TAKEN);
    struct answer answer = {0};
    json_t *order = world_take(W, payment_order_status(W->payments, "order", &answer, &W->err),
                               &answer);
    assert_false(json_is_true(
        json_object_get(json_array_get(json_object_get(order, "payments"), 0), "may_pay_again")));
    assert_null(strstr(json_at(order, "payments.0.message"), "No money was taken"));
    json_decref(order);
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    world_check(W);
}

static void an_order_paid_otherwise_meanwhile_stays_with_its_payment(void **state) {
    fake_say_all(FAKE, "charge", 1, FAKE_REFUSE);
    json_decref(world_create(W, "key-1", "order", 500));
    json_decref(world_create(W, "key-2", "order", 500));
    char *attempt = world_text(W, "SELECT id FROM attempt WHERE state = 8 AND number = 1");
    assert_int_equal(world_callback(W, fake_charge_of_nobody(FAKE, 0, attempt, "order", 500)), 200);
    free(attempt);
    (void)world_tick(W);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1 AND state = 5"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_success'"),
                     1);
    world_verify(W);
    world_books_equal(W);
}

static void come_late_once(void *ctx, int account, const char *call, bool done) {
    bool *came = ctx;
    if (account == 1 && strcmp(call, "charge") == 0 && !done && !*came) {
        *came = true;
        money_comes_late();
    }
}

static void no_further_gateway_is_tried_after_money_came_late(void **state) {
    bool came = false;
    fake_say(FAKE, 0, "charge", 1, FAKE_REFUSE);
    fake_say(FAKE, 1, "charge", 1, FAKE_RATE_LIMIT);
    fake_hook(FAKE, come_late_once, &came);
    json_t *json = world_create(W, "key", "order", 500);
    assert_non_null(json);
    json_decref(json);
    assert_true(came);
    assert_int_equal(fake_calls(FAKE, 2, "charge"), 0);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 1);
    world_check(W);
}

static void end_the_payment(void *ctx, int account, const char *call, bool done) {
    if (strcmp(call, "capture") == 0 && !done) {
        (void)engine_exec(&W->engine, "UPDATE payment SET state = 7, holds_order = NULL");
        (void)engine_exec(&W->engine, "UPDATE attempt SET state = 9, live = NULL");
    }
}

static void a_capture_that_comes_when_the_payment_was_over_is_in_the_books(void **state) {
    char *id = world_authorized(W, "order", 500);
    fake_hook(FAKE, end_the_payment, NULL);
    json_decref(world_capture(W, "key", id, 500, true));
    assert_int_equal(W->result, 0);
    free(id);
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_SUCCEEDED);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_success'"),
                     1);
    world_check(W);
}

/* ---- one after the other: what holds a row ----------------------------------------------------
 */

/* Whatever `other` does while somebody settles an attempt must not be undone by his saving the row.
 */
static struct {
    void (*other)(void);
    atomic_bool done;
    char attempt[ID_TEXT_MAX];
} together;

static void run_other(void *arg) {
    together.other();
    atomic_store(&together.done, true);
}

/* Until the other one is through, or waits for a row of ours. */
static int wait_for_other(struct store_tx *tx, struct err *err) {
    static const char waiting[] = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
    for (int i = 0; i < 100000 && !atomic_load(&together.done); i++) {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows, waiting);
        r = r < 0 ? r : sql_next(rows, err);
        if (r < 0 || sql_int(rows, 0) > 0) {
            return r < 0 ? r : 0;
        }
    }
    return 0;
}

static int save_slowly_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    struct attempt_row attempt;
    struct task **task = ctx;
    int r = attempt_row_load(tx, arena, together.attempt, &attempt, err);
    r = r < 0 ? r : payment_row_load(tx, arena, attempt.payment_id.text, true, &payment, err);
    r = r < 0 ? r : attempt_row_load(tx, arena, together.attempt, &attempt, err);
    if (r < 0) {
        return r;
    }
    if (*task == NULL) {
        *task = task_start("other", 512 * 1024, run_other, NULL);
        assert_non_null(*task);
    }
    r = W->engine.engine == STORE_POSTGRES ? wait_for_other(tx, err) : 0;
    return r < 0 ? r : attempt_row_save(tx, &attempt, err);
}

static void save_an_attempt_beside(void (*other)(void)) {
    struct task *task = NULL;
    struct err err = {0};
    char *attempt = attempt_of(1);
    snprintf(together.attempt, sizeof together.attempt, "%s", attempt);
    free(attempt);
    together.other = other;
    atomic_store(&together.done, false);
    assert_int_equal(store_write(W->engine.store, save_slowly_tx, &task, &err), 0);
    task_join(task);
}

static void persist_an_id(void) {
    struct persist_ctx persist = {W->payments, together.attempt};
    struct err err = {0};
    assert_int_equal(attempt_persist(&persist, "ORDER-1", &err), 0);
}

static void an_id_made_durable_is_not_lost_to_one_who_settles(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, "key", "order", 500));
    save_an_attempt_beside(persist_an_id);
    assert_text(W, "SELECT gateway_id FROM attempt", "ORDER-1");
}

static void process_callbacks(void) {
    (void)world_tick(W);
}

static void a_callback_noted_is_not_lost_to_one_who_settles(void **state) {
    json_decref(world_create(W, "key", "order", 500));
    world_callbacks(W, 0);
    save_an_attempt_beside(process_callbacks);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM attempt WHERE callback_us > 0 AND callback_due_us = 0"),
        1);
    world_check(W);
}

/* ---- held up ----------------------------------------------------------------------------------
 */

static int hold_up(void *ctx, const char *sql) {
    int *commits = ctx;
    if (strcmp(sql, "COMMITTED") == 0 && ++*commits == 1) {
        test_clock_advance(60 * US_PER_SECOND);
    }
    return 0;
}

static void a_caller_held_up_beyond_its_lease_sends_nothing(void **state) {
    int commits = 0;
    store_fault_set(W->engine.store, hold_up, &commits);
    json_t *json = world_create(W, "key", "order", 500);
    store_fault_set(W->engine.store, NULL, NULL);
    assert_non_null(json);
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    assert_text(W, "SELECT code FROM attempt WHERE number = 1", "too_late");
    world_settle_all(W);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    world_check(W);
}

static void decide_by_hand(void *ctx, int account, const char *call, bool done) {
    int *result = ctx;
    if (strcmp(call, "charge") == 0 && !done && *result == 0) {
        char *id = world_text(W, "SELECT id FROM payment");
        struct caller caller = world_caller("key-hand", "hand");
        struct answer answer = {0};
        struct err err = {0};
        *result = payment_resolve(W->payments, &caller, id, false, "it is not there", &answer,
                                  &err);
        answer_release(&answer);
        free(id);
    }
}

static void nothing_is_decided_by_hand_while_the_charge_is_sent_again(void **state) {
    int result = 0;
    fake_say(FAKE, 0, "*", 3, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, "key", "order", 500));
    assert_int_equal(world_int(W, "SELECT state FROM attempt"), ATTEMPT_UNKNOWN);
    fake_hook(FAKE, decide_by_hand, &result);
    test_clock_advance(6 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(result, -ERR_STATE);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), PAYMENT_SUCCEEDED);
    world_check(W);
}

static void what_was_sent_again_in_vain_can_be_decided_by_hand(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_t *json = world_create(W, "key", "order", 500);
    test_clock_advance(6 * US_PER_SECOND);
    (void)world_tick(W);
    struct caller caller = world_caller("key-hand", "hand");
    struct answer answer = {0};
    int r = payment_resolve(W->payments, &caller, json_at(json, "id"), false, "it is not there",
                            &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(r, 0);
    assert_payment(W, json_at(json, "id"), "failed");
    json_decref(json);
    world_check(W);
}

static void a_row_that_refuses_keeps_the_sweep_from_no_other(void **state) {
    json_decref(world_create(W, "key-1", "order-1", 500));
    json_decref(world_create(W, "key-2", "order-2", 500));
    (void)engine_exec(&W->engine,
                      "UPDATE attempt SET state = 1, lease_us = 0, callback_due_us = 0");
    (void)engine_exec(&W->engine, "UPDATE payment SET state = 6 WHERE order_id = 'order-1'");
    (void)engine_exec(&W->engine, "UPDATE payment SET state = 2 WHERE order_id = 'order-2'");
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    (void)world_tick(W);
    assert_int_equal(
        world_int(W, "SELECT a.state FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE "
                     "p.order_id = 'order-2'"),
        ATTEMPT_UNKNOWN);
}

/* ---- what the gateway says it did -------------------------------------------------------------
 */

static void a_second_hold_under_one_reference_is_told_to_a_person(void **state) {
    struct payment_order order = world_order("order", 500);
    order.capture_later = true;
    fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
    json_decref(world_pay(W, "key", &order));
    world_callbacks(W, 0);
    (void)world_tick(W);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'duplicate_authorization'"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    world_check(W);
}

/* Settles a new operation on the first attempt with this answer. */
struct done {
    enum operation_kind kind;
    int64_t amount_minor;
    struct gateway_result result;
};

static int done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct done *done = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    struct attempt_row attempt;
    int r = attempt_row_load(tx, arena, together.attempt, &attempt, err);
    r = r < 0 ? r : payment_row_load(tx, arena, attempt.payment_id.text, true, &payment, err);
    if (r < 0) {
        return r;
    }
    struct operation_row operation = {
        .id = refund_id_new(),
        .payment_id = payment.id,
        .attempt_id = attempt.id,
        .kind = done->kind,
        .state = OPERATION_SENDING,
        .gateway = attempt.gateway,
        .amount_minor = done->amount_minor,
        .currency = payment.currency,
        .to_original = true,
        .created_us = clock_wall_us(),
    };
    payment.refund_reserved_minor += done->kind == OPERATION_REFUND ? done->amount_minor : 0;
    bool changed;
    r = operation_row_insert(tx, &operation, err);
    return r < 0 ? r
                 : settle_operation(W->payments, tx, &payment, &attempt, &operation, &done->result,
                                    "answer", &changed, err);
}

static void settle_a_new(enum operation_kind kind, int64_t amount_minor,
                         struct gateway_result result) {
    struct done done = {kind, amount_minor, result};
    struct err err = {0};
    char *attempt = attempt_of(1);
    snprintf(together.attempt, sizeof together.attempt, "%s", attempt);
    free(attempt);
    assert_int_equal(store_write(W->engine.store, done_tx, &done, &err), 0);
}

static struct gateway_result says(enum gateway_outcome outcome) {
    struct gateway_result result;
    gateway_result_init(&result);
    result.outcome = outcome;
    return result;
}

static void a_refund_of_another_amount_is_told_to_a_person(void **state) {
    free(world_paid(W, "order", 500));
    struct gateway_result result = says(GW_REFUNDED);
    result.amount_minor = 100;
    result.currency = (struct currency){"USD"};
    settle_a_new(OPERATION_REFUND, 100, result);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    result.amount_minor = 99;
    settle_a_new(OPERATION_REFUND, 100, result);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'refund_mismatch'"), 1);
    world_verify(W);
}

static void the_fee_of_an_earlier_capture_is_not_booked_again(void **state) {
    static const char fees[] = "SELECT SUM(amount_minor) FROM posting WHERE kind = 5";
    free(world_authorized(W, "order", 500));
    struct gateway_result result = says(GW_CHARGED);
    result.fee_minor = 7;
    settle_a_new(OPERATION_CAPTURE, 100, result);
    assert_int_equal(world_int(W, fees), 7);
    /* Read off the payment: both captures together. */
    result.as_it_stands = true;
    result.captured_minor = 300;
    result.fee_minor = 16;
    settle_a_new(OPERATION_CAPTURE, 200, result);
    assert_int_equal(world_int(W, fees), 16);
    world_verify(W);
}

static void an_answer_that_says_nothing_leaves_it_unknown_and_watched(void **state) {
    free(world_authorized(W, "order", 500));
    settle_a_new(OPERATION_CAPTURE, 100, says(GW_AUTHORIZED));
    assert_int_equal(world_int(W, "SELECT state FROM operation"), OPERATION_UNKNOWN);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'resolve_operation'"), 1);
    world_verify(W);
}

static void park_the_callback(void) {
    for (int i = 0; i < 40 && world_int(W, "SELECT state FROM callback") != 5; i++) {
        test_clock_advance(2200 * US_PER_SECOND);
        (void)world_tick(W);
    }
    assert_int_equal(world_int(W, "SELECT state FROM callback"), 5);
}

static void a_callback_parked_once_more_opens_its_case_once_more(void **state) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_decref(world_create(W, "key", "order", 500));
    world_callbacks(W, 0);
    park_the_callback();
    struct caller caller = world_caller("key-close", "close");
    struct answer answer = {0};
    char *id = world_text(W, "SELECT id FROM review_case");
    int r = case_close(W->payments, &caller, id, "sent again", &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    free(id);
    id = world_text(W, "SELECT id FROM callback");
    caller = world_caller("key-replay", "replay");
    r = callback_replay(W->payments, &caller, id, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    free(id);
    park_the_callback();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 1);
}

/* ---- captures named one by one ----------------------------------------------------------------
 */

static void of_several_captures_none_is_the_charge(void **state) {
    static const char *const captures[] = {"CAPTURE-1", "CAPTURE-2"};
    static const char *const named[] = {"CAPTURE-1", ""};
    free(world_authorized(W, "order", 500));
    for (size_t i = 0; i < COUNT_OF(captures); i++) {
        struct gateway_result result = says(GW_CHARGED);
        snprintf(result.charge_id, sizeof result.charge_id, "%s", captures[i]);
        settle_a_new(OPERATION_CAPTURE, 100, result);
        assert_text(W, "SELECT charge_id FROM attempt", named[i]);
    }
    world_verify(W);
}

/* ---- an approval that comes too late ----------------------------------------------------------
 */

/* As much of PayPal as a wallet payment needs: one order. */
static struct {
    const char *status; /* of the order */
    char reference[64];
    int captures;
    void (*meanwhile)(void); /* during a capture */
} paypal;

static int paypal_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                       struct err *err) {
    static const char token[] =
        "{\"access_token\":\"A21\",\"token_type\":\"Bearer\",\"expires_in\":30000}";
    char body[1200];
    bool capture = strstr(call->url, "/capture") != NULL;
    if (strstr(call->url, "oauth2/token") != NULL) {
        http_answer_fill(ret_answer, 200, NULL, 0, token, strlen(token));
        return 0;
    }
    if (capture) {
        paypal.captures++;
        if (paypal.meanwhile != NULL) {
            paypal.meanwhile();
        }
        paypal.status = "COMPLETED";
    } else if (strcmp(call->method, "POST") == 0) {
        const char *at = strstr(call->body, "att_");
        snprintf(paypal.reference, sizeof paypal.reference, "%.*s", (int)strcspn(at, "\""), at);
    }
    bool paid = strcmp(paypal.status, "COMPLETED") == 0;
    snprintf(
        body, sizeof body,
        "{\"id\":\"ORDER1\",\"status\":\"%s\",\"purchase_units\":[{\"custom_id\":\"%s\",\"amount\":"
        "{\"currency_code\":\"USD\",\"value\":\"5.00\"}%s}],\"links\":[{\"rel\":\"payer-action\","
        "\"href\":"
        "\"https://www.paypal.com/checkoutnow?token=ORDER1\"}]}",
        paypal.status, paypal.reference,
        paid ? ",\"payments\":{\"captures\":[{\"id\":\"CAP1\",\"status\":\"COMPLETED\",\"amount\":"
               "{\"currency_code\":\"USD\",\"value\":\"5.00\"}}]}"
             : "");
    http_answer_fill(ret_answer, strcmp(call->method, "POST") == 0 && !capture ? 201 : 200, NULL, 0,
                     body, strlen(body));
    return 0;
}

struct wallet {
    struct http_client *client;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct router *router;
    struct payments *payments;
    char id[ID_TEXT_MAX];
};
static struct wallet wallet;

/* A payment machine beside the world's, on the same store, with PayPal as its only gateway, and a
 * payment in it that waits for its payer. */
static void wallet_open(void) {
    static const struct http_client_ops ops = {paypal_call, NULL};
    struct err err = {0};
    paypal.status = "PAYER_ACTION_REQUIRED";
    paypal.captures = 0;
    paypal.meanwhile = NULL;
    setenv("HF_FAKE_HOOK_ID", "WH-1", 1);
    struct gateway_settings settings = {
        .name = "paypal",
        .adapter = "paypal",
        .base_url = "http://127.0.0.1:7100",
        .credentials = {{"client_id", "env:HF_FAKE_KEY"},
                        {"client_secret", "env:HF_FAKE_KEY"},
                        {"webhook_id", "env:HF_FAKE_HOOK_ID"}},
        .credential_count = 3,
        .priority = 1,
    };
    wallet.client = http_client_custom(&ops, NULL);
    assert_int_equal(gateway_registry_open(&settings, 1, &wallet.registry, &err), 0);
    assert_int_equal(gateway_control_open(W->engine.store, wallet.registry, &wallet.control, &err),
                     0);
    assert_int_equal(router_new(wallet.registry, wallet.control, NULL, 0, &wallet.router, &err), 0);
    struct payments_options options = {
        .store = W->engine.store,
        .registry = wallet.registry,
        .control = wallet.control,
        .router = wallet.router,
        .client = wallet.client,
        .seal = W->seal,
        .alone = W->engine.engine == STORE_SQLITE,
    };
    assert_int_equal(payments_open(&options, &wallet.payments, &err), 0);
    struct payment_order order = world_order("order", 500);
    struct caller caller = world_caller("key", "pay");
    struct answer answer = {0};
    order.method = METHOD_PAYPAL;
    order.token = NULL;
    order.return_url = "https://shop.example/back";
    json_t *json = world_take(W, payment_create(wallet.payments, &caller, &order, &answer, &W->err),
                              &answer);
    assert_non_null(json);
    assert_string_equal(json_at(json, "action.type"), "redirect");
    snprintf(wallet.id, sizeof wallet.id, "%s", json_at(json, "id"));
    json_decref(json);
}

static void wallet_close(void) {
    payments_close(wallet.payments);
    router_free(wallet.router);
    gateway_control_close(wallet.control);
    gateway_registry_close(wallet.registry);
    http_client_free(wallet.client);
}

static int wallet_cancel(void) {
    struct caller caller = world_caller("key-cancel", "cancel");
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = payment_cancel(wallet.payments, &caller, wallet.id, "", &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    return r;
}

static void wallet_ask(void) {
    struct caller caller = world_caller(NULL, "check");
    struct answer answer = {0};
    int r = payment_check(wallet.payments, &caller, wallet.id, &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(r, 0);
}

static void an_approved_payment_is_gone_on_with(void **state) {
    wallet_open();
    paypal.status = "APPROVED";
    wallet_ask();
    assert_payment(W, wallet.id, "succeeded");
    assert_int_equal(paypal.captures, 1);
    wallet_close();
    world_verify(W);
}

static void an_approval_that_comes_after_the_cancellation_takes_no_money(void **state) {
    wallet_open();
    assert_int_equal(wallet_cancel(), 0);
    assert_payment(W, wallet.id, "canceled");
    paypal.status = "APPROVED";
    wallet_ask();
    assert_int_equal(paypal.captures, 0);
    assert_payment(W, wallet.id, "canceled");
    wallet_close();
    world_verify(W);
}

static void cancel_meanwhile(void) {
    assert_int_equal(wallet_cancel(), -ERR_STATE);
}

static void what_is_being_charged_is_not_cancelled(void **state) {
    wallet_open();
    paypal.status = "APPROVED";
    paypal.meanwhile = cancel_meanwhile;
    wallet_ask();
    assert_int_equal(paypal.captures, 1);
    assert_payment(W, wallet.id, "succeeded");
    wallet_close();
    world_verify(W);
}

static void a_disabled_gateway_is_not_gone_on_with(void **state) {
    wallet_open();
    struct gateway_control_change change;
    assert_int_equal(gateway_control_set(wallet.control, "paypal", GATEWAY_DISABLED, true, "user:a",
                                         "it misbehaves", &change, &W->err),
                     0);
    assert_int_equal(gateway_control_apply(&change, &W->err), 0);
    paypal.status = "APPROVED";
    wallet_ask();
    assert_int_equal(paypal.captures, 0);
    assert_payment(W, wallet.id, "requires_action");
    wallet_close();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_whose_money_came_late_is_not_charged_again),
        cmocka_unit_test(an_order_paid_otherwise_meanwhile_stays_with_its_payment),
        cmocka_unit_test(no_further_gateway_is_tried_after_money_came_late),
        cmocka_unit_test(a_capture_that_comes_when_the_payment_was_over_is_in_the_books),
        cmocka_unit_test(an_id_made_durable_is_not_lost_to_one_who_settles),
        cmocka_unit_test(a_callback_noted_is_not_lost_to_one_who_settles),
        cmocka_unit_test(a_caller_held_up_beyond_its_lease_sends_nothing),
        cmocka_unit_test(nothing_is_decided_by_hand_while_the_charge_is_sent_again),
        cmocka_unit_test(what_was_sent_again_in_vain_can_be_decided_by_hand),
        cmocka_unit_test(a_row_that_refuses_keeps_the_sweep_from_no_other),
        cmocka_unit_test(a_second_hold_under_one_reference_is_told_to_a_person),
        cmocka_unit_test(a_refund_of_another_amount_is_told_to_a_person),
        cmocka_unit_test(the_fee_of_an_earlier_capture_is_not_booked_again),
        cmocka_unit_test(an_answer_that_says_nothing_leaves_it_unknown_and_watched),
        cmocka_unit_test(a_callback_parked_once_more_opens_its_case_once_more),
        cmocka_unit_test(of_several_captures_none_is_the_charge),
        cmocka_unit_test(an_approved_payment_is_gone_on_with),
        cmocka_unit_test(an_approval_that_comes_after_the_cancellation_takes_no_money),
        cmocka_unit_test(what_is_being_charged_is_not_cancelled),
        cmocka_unit_test(a_disabled_gateway_is_not_gone_on_with),
    };
    return payment_world_run("payment races", tests, COUNT_OF(tests));
}
