/* SPDX-License-Identifier: Apache-2.0
 * test_paypal_machine.c: the payment machine, PayPal's adapter and the simulated PayPal together,
 * on both engines, where PayPal is not like others: it keeps no refusals under a key (so what it
 * refused is asked about once more), and a refund goes to one of several captures (which is written
 * before it is sent, so that its repeats go there too). */
#include "sandbox_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "meter/meter.h"
#include "payment/internal.h"
#include "support/payment_world.h"

#define W the_world

static void must(int result, const struct err *err) {
    if (result < 0) {
        fail_msg("%s (%s)", err->detail, err_name(err->code));
    }
}

/* ---- the world: one gateway, "paypal", which is the sandbox ---- */

static void open_machine(void) {
    struct err err = {0};
    char url[FIXTURE_URL_MAX];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", sandbox_port(fixture.sandbox, SANDBOX_PAYPAL));
    setenv("HF_FAKE_PAYPAL_CA", sandbox_paper(fixture.sandbox, SANDBOX_PAYPAL, "ca.pem"), 1);
    const struct gateway_settings settings = {
        .name = "paypal",
        .adapter = "paypal",
        .base_url = url,
        .credentials = {{"client_id", "env:HF_FAKE_PAYPAL_ID"},
                        {"client_secret", "env:HF_FAKE_PAYPAL_SECRET"},
                        {"webhook_id", "env:HF_FAKE_PAYPAL_HOOK"},
                        {"webhook_ca", "env:HF_FAKE_PAYPAL_CA"}},
        .credential_count = 4,
        .callback_due_ms = 24 * 3600 * 1000,
    };
    must(gateway_registry_open(&settings, 1, &W->registry, &err), &err);
    must(gateway_control_open(W->engine.store, W->registry, &W->control, &err), &err);
    must(router_new(W->registry, W->control, NULL, 0, &W->router, &err), &err);
    const struct payments_options options = {
        .store = W->engine.store,
        .registry = W->registry,
        .control = W->control,
        .router = W->router,
        .client = fixture.client,
        .seal = W->seal,
        .alone = W->engine.engine == STORE_SQLITE,
    };
    must(payments_open(&options, &W->payments, &err), &err);
}

static int open_world(enum store_engine engine) {
    const struct sandbox_options options = fixture_options();
    struct err err = {0};
    fixture_start(&options);
    *W = (struct payment_world){0};
    engine_open(&W->engine, engine);
    must(seal_open("env:HF_FAKE_MASTER", &W->seal, &err), &err);
    open_machine();
    return 0;
}

static int on_sqlite(void **state) {
    (void)state;
    return open_world(STORE_SQLITE);
}

static int on_postgres(void **state) {
    (void)state;
    return open_world(STORE_POSTGRES);
}

static int close_world(void **state) {
    (void)state;
    payments_close(W->payments);
    router_free(W->router);
    gateway_control_close(W->control);
    gateway_registry_close(W->registry);
    seal_close(W->seal);
    test_store_end(&W->engine);
    fixture_stop();
    return 0;
}

/* ---- steps ---- */

static void expect(json_t *json, int status, const char *state) {
    if (json == NULL) {
        fail_msg("it failed: %s", W->err.detail);
    }
    assert_int_equal(W->status, status);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

static char *held(int64_t amount_minor) {
    struct payment_order order = world_order("order", amount_minor);
    order.method = METHOD_PAYPAL;
    order.token = "vault_good";
    order.capture_later = true;
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "authorized");
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static char first_capture[GATEWAY_ID_CHARS_MAX + 1]; /* PayPal's name of it */

static void capture_first(const char *id) {
    expect(world_capture(W, NULL, id, 724, false), 201, "succeeded");
    char *charge = world_text(W, "SELECT charge_id FROM attempt");
    snprintf(first_capture, sizeof first_capture, "%s", charge);
    assert_true(charge[0] != '\0');
    free(charge);
}

static void capture_second(const char *id) {
    expect(world_capture(W, NULL, id, 1448, true), 201, "succeeded");
    assert_text(W, "SELECT charge_id FROM attempt", "");
}

static char *captured_in_two_parts(void) {
    char *id = held(2172);
    capture_first(id);
    capture_second(id);
    return id;
}

static void assert_refunds(const char *id, int64_t refunded_minor, int64_t pending_minor) {
    json_t *json = world_get(W, id);
    assert_int_equal(int_at(json, "amount_refunded"), refunded_minor);
    assert_int_equal(int_at(json, "amount_refund_pending"), pending_minor);
    json_decref(json);
    assert_int_equal(booked("paypal", "USD", "refunded_minor"), refunded_minor);
    world_verify(W);
}

#define LATEST(column)                                                                             \
    "SELECT " column " FROM operation WHERE kind = 3 ORDER BY created_us DESC, id DESC LIMIT 1"

#define LAST_OPERATION(column)                                                                     \
    "SELECT " column " FROM operation ORDER BY created_us DESC, id DESC LIMIT 1"

/* The next refund calls are answered 500, done or not; the machine calls twice. */
static void nobody_answers(bool done) {
    fault(done ? "paypal:error:operation=refund,status=500,executed=true,count=2"
               : "paypal:error:operation=refund,status=500,executed=false,count=2");
}

static void resolve(const char *refund_id, const char *state) {
    struct err err = {0};
    bool open = false;
    must(resolve_operation(W->payments, refund_id, "resolver", &open, &err), &err);
    struct answer answer = {0};
    json_t *json = world_take(W, refund_get(W->payments, refund_id, &answer, &W->err), &answer);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

/* ---- a process that ended between the row and the call ---- */

struct interrupted {
    const char *payment_id;
    int64_t amount_minor;
    struct refund_id id;
};

static int write_interrupted(struct store_tx *tx, void *ctx, struct err *err) {
    struct interrupted *refund = ctx;
    ARENA_AUTO arena = arena_new(1024 * 1024);
    struct payment_row payment;
    struct attempt_row attempt;
    int r = payment_row_load(tx, arena, refund->payment_id, true, &payment, err);
    r = r < 0 ? r : attempt_row_live(tx, arena, refund->payment_id, &attempt, err);
    if (r < 0) {
        return r;
    }
    struct operation_row row = {
        .id = refund->id,
        .payment_id = payment.id,
        .attempt_id = attempt.id,
        .kind = OPERATION_REFUND,
        .state = OPERATION_SENDING,
        .gateway = "paypal",
        .amount_minor = refund->amount_minor,
        .currency = payment.currency,
        .final = true,
        .to_original = true,
        .tries = 1,
        .owner = "somebody who is gone",
        .lease_us = 1,
        .created_us = clock_wall_us(),
    };
    payment.refund_reserved_minor += refund->amount_minor;
    r = operation_row_insert(tx, &row, err);
    return r < 0 ? r : payment_row_save(tx, &payment, err);
}

static struct interrupted interrupted_refund(const char *payment_id, int64_t amount_minor) {
    struct interrupted refund = {payment_id, amount_minor, refund_id_new()};
    struct err err = {0};
    must(store_write(W->engine.store, write_interrupted, &refund, &err), &err);
    return refund;
}

static void an_interrupted_refund_goes_to_the_capture_with_room(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    expect(world_refund(W, NULL, id, 724), 201, "succeeded");
    assert_text(W, LATEST("target"), first_capture);
    struct interrupted refund = interrupted_refund(id, 543);
    assert_refunds(id, 724, 543);
    resolve(refund.id.text, "succeeded");
    assert_refunds(id, 724 + 543, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT target) FROM operation WHERE kind = 3"),
                     2);
    free(id);
}

static void an_interrupted_refund_without_room_anywhere_fails_and_frees_its_amount(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    struct interrupted refund = interrupted_refund(id, 1449);
    resolve(refund.id.text, "failed");
    assert_refunds(id, 0, 0);
    assert_text(W, LATEST("target"), "");
    free(id);
}

static void an_unanswered_refund_is_repeated_at_its_own_capture(void **state) {
    (void)state;
    static const bool done[] = {false, true};
    for (size_t i = 0; i < COUNT_OF(done); i++) {
        char *id = i == 0 ? captured_in_two_parts() : world_text(W, "SELECT id FROM payment");
        nobody_answers(done[i]);
        /* The first one leaves 24 of the first capture, so the second takes the other. */
        expect(world_refund(W, NULL, id, 700), 202, "unknown");
        char *refund_id = world_text(W, LATEST("id"));
        char *target = world_text(W, LATEST("target"));
        assert_true((strcmp(target, first_capture) == 0) == (i == 0));
        resolve(refund_id, "succeeded");
        assert_text(W, LATEST("target"), target);
        assert_refunds(id, 700 * (int64_t)(i + 1), 0);
        free(target);
        free(refund_id);
        free(id);
    }
}

static void a_refund_whose_capture_was_used_up_meanwhile_fails_and_can_be_sent_again(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    nobody_answers(false);
    expect(world_refund(W, NULL, id, 600), 202, "unknown");
    char *refund_id = world_text(W, LATEST("id"));
    expect(world_refund(W, NULL, id, 724), 201, "succeeded"); /* there was room: nothing is there */
    assert_refunds(id, 724, 600);
    resolve(refund_id, "failed");
    assert_refunds(id, 724, 0);
    struct caller caller = world_caller(NULL, "retry");
    struct answer answer = {0};
    int r = refund_retry(W->payments, &caller, refund_id, &answer, &W->err);
    expect(world_take(W, r, &answer), 201, "succeeded");
    assert_refunds(id, 724 + 600, 0);
    free(refund_id);
    free(id);
}

/* The row names the only capture, and the refund goes there without a look; then there are two. */
static void a_capture_in_between_does_not_lead_a_repeat_elsewhere(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    nobody_answers(false);
    expect(world_refund(W, NULL, id, 600), 202, "unknown");
    char *refund_id = world_text(W, LATEST("id"));
    assert_text(W, LATEST("target"), "");
    capture_second(id);
    assert_text(W, LATEST("target"), first_capture);
    resolve(refund_id, "succeeded");
    assert_refunds(id, 600, 0);
    free(refund_id);
    free(id);
}

static void a_target_is_set_once_and_only_while_the_refund_is_open(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    struct interrupted refund = interrupted_refund(id, 543);
    struct operation_row row = {.id = refund.id};
    struct operation_target first, second;
    struct gateway_change change = {0};
    struct err err = {0};
    operation_target_of(W->payments, &row, &first, &change);
    operation_target_of(W->payments, &row, &second, &change);
    must(operation_persist(&first, "one", &err), &err);
    assert_string_equal(first.text, "one");
    must(operation_persist(&second, "two", &err), &err);
    assert_string_equal(second.text, "one");
    assert_string_equal(change.target, "one");
    assert_text(W, LATEST("target"), "one");
    engine_exec(&W->engine, "UPDATE operation SET state = 5, target = '' WHERE kind = 3");
    engine_exec(&W->engine, "UPDATE payment SET refund_reserved_minor = 0");
    assert_int_equal(operation_persist(&second, "two", &err), -ERR_STATE);
    assert_text(W, LATEST("target"), "");
    free(id);
}

/* ---- charges ---- */

/* The first capture is not answered, and may still be on its way; its repeat is declined. Since
 * PayPal keeps no refusals, the first could come later and be done: nothing has been said. */
static json_t *unanswered_then_declined(void) {
    fault("paypal:error:operation=charge|capture,status=500,executed=false,count=1");
    fault("paypal:decline:operation=charge|capture");
    struct payment_order order = world_order("order", 1000);
    order.method = METHOD_PAYPAL;
    order.token = "vault_good";
    return world_pay(W, NULL, &order);
}

static bool resolve_once(void) {
    struct err err = {0};
    struct gateway_result result;
    bool open = true;
    char *attempt = world_text(W, "SELECT id FROM attempt");
    must(resolve_attempt(W->payments, attempt, "resolver", &open, &result, &err), &err);
    free(attempt);
    return !open;
}

static int64_t repeats(void) {
    return world_int(W, "SELECT COUNT(*) FROM inquiry WHERE source = 'repeat'");
}

/* As if it had been begun 80 seconds ago: nothing of it is on its way any more. */
static void let_time_pass(void) {
    engine_exec(&W->engine, "UPDATE attempt SET created_us = created_us - 80000000");
}

static void a_decline_of_a_repeat_is_no_end(void **state) {
    (void)state;
    expect(unanswered_then_declined(), 202, "processing");
    assert_int_equal(repeats(), 1);
    /* The bank is not asked again and again meanwhile. */
    assert_false(resolve_once());
    assert_int_equal(repeats(), 1);
    assert_text(W, "SELECT source FROM inquiry ORDER BY at_us DESC LIMIT 1", "query");
    world_verify(W);
}

static void a_decline_of_a_repeat_is_the_end_once_nothing_is_on_its_way(void **state) {
    (void)state;
    expect(unanswered_then_declined(), 202, "processing");
    let_time_pass();
    assert_true(resolve_once());
    assert_int_equal(repeats(), 2);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), PAYMENT_FAILED);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 0);
    world_verify(W);
}

static void what_arrived_late_after_a_declined_repeat_is_charged_once(void **state) {
    (void)state;
    expect(unanswered_then_declined(), 202, "processing");
    sandbox_heal(fixture.sandbox);
    let_time_pass();
    assert_true(resolve_once());
    assert_int_equal(world_int(W, "SELECT state FROM payment"), PAYMENT_SUCCEEDED);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 1000);
    world_verify(W);
}

static void a_decline_at_once_is_the_end(void **state) {
    (void)state;
    fault("paypal:decline:operation=charge|capture");
    struct payment_order order = world_order("order", 1000);
    order.method = METHOD_PAYPAL;
    order.token = "vault_good";
    expect(world_pay(W, NULL, &order), 201, "failed");
}

/* ---- what was refused, and then done by a second copy of the request ---- */

static int durable_already(void *ctx, const char *gateway_id, struct err *err) {
    (void)ctx, (void)gateway_id, (void)err;
    return 0;
}

struct copy {
    struct arena *arena;
    enum gateway_operation operation;
    struct payment_row payment;
    struct attempt_row attempt;
    struct operation_row change;
};

static int read_rows(struct store_tx *tx, void *ctx, struct err *err) {
    struct copy *copy = ctx;
    bool changes = copy->operation != OP_CHARGE;
    char *attempt = world_text(W, "SELECT id FROM attempt");
    char *payment = world_text(W, "SELECT id FROM payment");
    char *change = changes ? world_text(W, LAST_OPERATION("id")) : strdup("");
    int r = attempt_row_load(tx, copy->arena, attempt, &copy->attempt, err);
    r = r < 0 ? r : payment_row_load(tx, copy->arena, payment, false, &copy->payment, err);
    r = r < 0 || !changes ? r
                          : operation_row_load(tx, copy->arena, change, false, &copy->change, err);
    free(change);
    free(payment);
    free(attempt);
    return r;
}

/* The same request as the one that was just refused, under the same key. */
static enum gateway_outcome second_copy(enum gateway_operation operation) {
    ARENA_AUTO arena = arena_new(1024 * 1024);
    struct copy copy = {.arena = arena, .operation = operation};
    struct gateway_charge charge;
    struct gateway_change change;
    struct gateway_result result;
    struct err err = {0};
    sandbox_heal(fixture.sandbox);
    must(store_read(W->engine.store, read_rows, &copy, &err), &err);
    charge_of(&copy.payment, &copy.attempt, &charge);
    change_of(&copy.payment, &copy.attempt, &copy.change, &change);
    struct gateway_ask ask = {
        .gateway = gateway_find(W->registry, "paypal"),
        .operation = operation,
        .method = METHOD_PAYPAL,
        .charge = &charge,
        .change = &change,
        .past_breaker = true,
        .persist = durable_already,
    };
    gateway_ask(W->payments, &ask, &result);
    return result.outcome;
}

#define WAITING "SELECT COUNT(*) FROM job WHERE kind LIKE 'confirm%'"
#define ASKED "SELECT COUNT(*) FROM inquiry WHERE source = 'confirm'"
#define CASES "SELECT COUNT(*) FROM review_case"

/* Nothing is asked while the other copy may be on its way; then once. */
static void confirm(int64_t waiting_after) {
    int64_t asked = world_int(W, ASKED);
    assert_int_equal(world_int(W, WAITING), 1);
    (void)world_tick(W);
    assert_int_equal(world_int(W, ASKED), asked);
    engine_exec(&W->engine, "UPDATE job SET due_us = due_us - 75000000 WHERE kind LIKE 'confirm%'");
    (void)world_tick(W);
    assert_int_equal(world_int(W, ASKED), asked + 1);
    assert_int_equal(world_int(W, WAITING), waiting_after);
}

static json_t *refused(const char *spec, bool capture_later) {
    fault(spec);
    struct payment_order order = world_order("order", 1000);
    order.method = METHOD_PAYPAL;
    order.token = "vault_good";
    order.capture_later = capture_later;
    return world_pay(W, NULL, &order);
}

static void assert_noticed_late(int64_t suspended_minor) {
    assert_int_equal(world_int(W, "SELECT state FROM payment"), PAYMENT_FAILED);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'late_success'"),
                     1);
    assert_text(W, "SELECT review FROM payment", "late_success");
    assert_int_equal(booked("paypal", "USD", "charged_minor"), suspended_minor);
    assert_int_equal(world_int(W, "SELECT COALESCE(SUM(amount_minor), 0) FROM posting"),
                     suspended_minor);
    world_verify(W);
}

static void what_was_taken_after_a_decline_is_noticed(void **state) {
    (void)state;
    expect(refused("paypal:decline:operation=charge|capture", false), 201, "failed");
    assert_int_equal(second_copy(OP_CHARGE), GW_CHARGED);
    confirm(0);
    assert_int_equal(world_int(W, "SELECT outcome FROM inquiry WHERE source = 'confirm'"),
                     GW_CHARGED);
    assert_noticed_late(1000);
    assert_int_equal(world_int(W, "SELECT holds_order FROM payment"), 1);
}

static void what_was_held_after_a_decline_is_noticed(void **state) {
    (void)state;
    expect(refused("paypal:decline:operation=charge|capture", true), 201, "failed");
    assert_int_equal(second_copy(OP_CHARGE), GW_AUTHORIZED);
    confirm(0);
    assert_noticed_late(0);
}

static void what_was_taken_although_it_was_told_to_wait_is_noticed(void **state) {
    (void)state;
    json_decref(
        refused("paypal:error:operation=charge|capture,status=429,executed=true,count=1", false));
    assert_int_equal(world_int(W, "SELECT state FROM attempt"), ATTEMPT_NOT_CHARGED);
    confirm(0);
    assert_int_equal(world_int(W, CASES), 1);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 1000);
    assert_int_equal(world_int(W, "SELECT COALESCE(SUM(amount_minor), 0) FROM posting"), 1000);
}

static void a_decline_that_holds_is_asked_about_once_and_changes_nothing(void **state) {
    (void)state;
    expect(refused("paypal:decline:operation=charge|capture", false), 201, "failed");
    int64_t version = world_int(W, "SELECT version FROM payment");
    sandbox_heal(fixture.sandbox);
    confirm(0);
    assert_int_equal(world_int(W, "SELECT version FROM payment"), version);
    assert_int_equal(world_int(W, CASES), 0);
    world_verify(W);
}

static void a_question_about_a_decline_that_nobody_answers_is_asked_again(void **state) {
    (void)state;
    expect(refused("paypal:decline:operation=charge|capture", false), 201, "failed");
    assert_int_equal(second_copy(OP_CHARGE), GW_CHARGED);
    fault("paypal:error:operation=query,status=503");
    confirm(1);
    assert_int_equal(world_int(W, CASES), 0);
    engine_exec(&W->engine, "UPDATE job SET due_us = due_us - 75000000 WHERE kind LIKE 'confirm%'");
    (void)world_tick(W);
    assert_int_equal(world_int(W, ASKED), 2);
    assert_int_equal(world_int(W, WAITING), 1);
    sandbox_heal(fixture.sandbox);
    engine_exec(&W->engine,
                "UPDATE job SET due_us = due_us - 3600000000 WHERE kind LIKE 'confirm%'");
    (void)world_tick(W);
    assert_int_equal(world_int(W, WAITING), 0);
    assert_noticed_late(1000);
}

static void what_was_never_sent_is_not_asked_about(void **state) {
    (void)state;
    fault("paypal:refuse");
    struct payment_order order = world_order("order", 1000);
    order.method = METHOD_PAYPAL;
    order.token = "vault_good";
    json_decref(world_pay(W, NULL, &order));
    assert_int_equal(world_int(W, "SELECT state FROM attempt"), ATTEMPT_NOT_CHARGED);
    assert_int_equal(world_int(W, WAITING), 0);
}

static void a_capture_that_was_done_after_its_refusal_is_booked(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    fault("paypal:decline:operation=capture");
    json_decref(world_capture(W, NULL, id, 400, false));
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_FAILED);
    assert_int_equal(second_copy(OP_CAPTURE), GW_CHARGED);
    confirm(0);
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_SUCCEEDED);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724 + 400);
    assert_int_equal(booked("paypal", "USD", "charged_minor"), 724 + 400);
    assert_int_equal(world_int(W, CASES), 0);
    world_verify(W);
    free(id);
}

/* PayPal's callback about a capture that the row does not name, as it is stored once verified. */
static int told_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return job_put(tx, JOB_CALLBACK, ctx, 1, "", err);
}

static void told_of_capture(int64_t amount_minor) {
    static char name[] = "cb_of_the_second_copy";
    struct err err = {0};
    char *order = world_text(W, "SELECT gateway_id FROM attempt");
    char sql[800];
    snprintf(sql, sizeof sql,
             "INSERT INTO callback (id, gateway, event_id, type, subject, state, headers, body, "
             "encoding, event, payment_id, result, tries, duplicates, event_us, received_us, "
             "processed_us) VALUES ('%s', 'paypal', 'WH-1', 'PAYMENT.CAPTURE.COMPLETED', 1, 1, "
             "'{}', '', '', '{\"event_id\":\"WH-1\",\"type\":\"PAYMENT.CAPTURE.COMPLETED\","
             "\"subject\":1,\"outcome\":%d,\"gateway_id\":\"%s\",\"charge_id\":\"ANOTHER\","
             "\"amount_minor\":%lld,\"currency\":\"USD\"}', '', '', 0, 0, 1, 1, 0)",
             name, GW_CHARGED, order, (long long)amount_minor);
    engine_exec(&W->engine, sql);
    must(store_write(W->engine.store, told_tx, name, &err), &err);
    (void)world_tick(W);
    free(order);
}

/* Its callback is faster than the question. */
static void a_refused_capture_that_a_callback_tells_of_is_booked_and_no_case(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    fault("paypal:decline:operation=capture");
    json_decref(world_capture(W, NULL, id, 400, false));
    assert_int_equal(second_copy(OP_CAPTURE), GW_CHARGED);
    told_of_capture(400);
    assert_text(W, "SELECT result FROM callback",
                "a capture that had been refused was done after all: booked");
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_SUCCEEDED);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724 + 400);
    confirm(0);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724 + 400);
    assert_int_equal(world_int(W, CASES), 0);
    world_verify(W);
    free(id);
}

/* What nobody asked us for is for a person, also while something else is to be asked about. */
static void a_capture_of_another_amount_than_was_refused_goes_to_suspense(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    fault("paypal:decline:operation=capture");
    json_decref(world_capture(W, NULL, id, 400, false));
    assert_int_equal(second_copy(OP_CAPTURE), GW_CHARGED);
    told_of_capture(399);
    assert_text(W, "SELECT kind FROM review_case", "duplicate_charge");
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_FAILED);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724);
    free(id);
}

static void a_refused_capture_that_was_not_done_stays_refused(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    fault("paypal:decline:operation=capture");
    json_decref(world_capture(W, NULL, id, 400, false));
    sandbox_heal(fixture.sandbox);
    confirm(0);
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_FAILED);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724);
    world_verify(W);
    free(id);
}

static void a_refused_capture_is_not_told_from_one_that_is_open(void **state) {
    (void)state;
    char *id = held(2172);
    capture_first(id);
    fault("paypal:decline:operation=capture");
    json_decref(world_capture(W, NULL, id, 400, false));
    char *refused_id = world_text(W, LAST_OPERATION("id"));
    sandbox_heal(fixture.sandbox);
    fault("paypal:error:operation=capture,status=500,executed=true");
    json_decref(world_capture(W, NULL, id, 400, false));
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_UNKNOWN);
    sandbox_heal(fixture.sandbox);
    engine_exec(&W->engine, "UPDATE job SET due_us = due_us - 75000000 WHERE kind LIKE 'confirm%'");
    engine_exec(&W->engine, "UPDATE job SET due_us = due_us + 75000000 WHERE kind LIKE 'resolve%'");
    (void)world_tick(W);
    assert_int_equal(world_int(W, WAITING), 1);
    engine_exec(&W->engine, "UPDATE job SET due_us = 1 WHERE kind LIKE 'resolve%'");
    (void)world_tick(W);
    engine_exec(&W->engine, "UPDATE job SET due_us = 1 WHERE kind LIKE 'confirm%'");
    (void)world_tick(W);
    assert_int_equal(world_int(W, WAITING), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE state = 4"), 2);
    assert_int_equal(world_int(W, "SELECT captured_minor FROM payment"), 724 + 400);
    world_verify(W);
    free(refused_id);
    free(id);
}

static void a_refund_that_was_paid_after_its_refusal_is_booked_and_shown_to_a_person(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    fault("paypal:decline:operation=refund");
    expect(world_refund(W, NULL, id, 300), 201, "failed");
    assert_int_equal(second_copy(OP_REFUND), GW_REFUNDED);
    confirm(0);
    assert_int_equal(world_int(W, LATEST("state")), OPERATION_SUCCEEDED);
    assert_text(W, "SELECT kind FROM review_case", "late_refund");
    assert_refunds(id, 300, 0);
    free(id);
}

static void a_refused_refund_that_was_not_paid_stays_refused(void **state) {
    (void)state;
    char *id = captured_in_two_parts();
    fault("paypal:decline:operation=refund");
    expect(world_refund(W, NULL, id, 300), 201, "failed");
    sandbox_heal(fixture.sandbox);
    confirm(0);
    assert_int_equal(world_int(W, LATEST("state")), OPERATION_FAILED);
    assert_int_equal(world_int(W, CASES), 0);
    assert_refunds(id, 0, 0);
    free(id);
}

static void a_hold_that_was_released_after_its_refusal_is_released(void **state) {
    (void)state;
    char *id = held(2172);
    fault("paypal:error:operation=cancel,status=429");
    json_decref(world_cancel(W, NULL, id));
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_FAILED);
    assert_int_equal(second_copy(OP_CANCEL), GW_CANCELED);
    confirm(0);
    assert_int_equal(world_int(W, "SELECT state FROM payment"), PAYMENT_CANCELED);
    world_verify(W);
    free(id);
}

static void a_return_that_was_paid_after_its_refusal_closes_its_case(void **state) {
    (void)state;
    expect(refused("paypal:decline:operation=charge|capture", false), 201, "failed");
    assert_int_equal(second_copy(OP_CHARGE), GW_CHARGED);
    confirm(0);
    fault("paypal:decline:operation=refund");
    char *case_id = world_text(W, "SELECT id FROM review_case");
    struct caller caller = world_caller(NULL, "return");
    struct answer answer = {0};
    int r = case_return(W->payments, &caller, case_id, "nobody wanted it", &answer, &W->err);
    json_decref(world_take(W, r, &answer));
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_FAILED);
    assert_int_equal(second_copy(OP_REFUND), GW_REFUNDED);
    confirm(0);
    assert_int_equal(world_int(W, LAST_OPERATION("state")), OPERATION_SUCCEEDED);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE state = 1"), 0);
    assert_int_equal(booked("paypal", "USD", "refunded_minor"), 1000);
    world_verify(W);
    free(case_id);
}

int main(void) {
    crypto_init();
    meter_init();
    setenv("HF_FAKE_MASTER", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    setenv("HF_FAKE_PAYPAL_ID", SANDBOX_PAYPAL_CLIENT_ID, 1);
    setenv("HF_FAKE_PAYPAL_SECRET", SANDBOX_PAYPAL_CLIENT_SECRET, 1);
    setenv("HF_FAKE_PAYPAL_HOOK", SANDBOX_PAYPAL_WEBHOOK_ID, 1);
#define BOTH(name)                                                                                 \
    {#name " (SQLite)", name, on_sqlite, close_world, NULL}, {                                     \
#name " (PostgreSQL)", name, on_postgres, close_world, NULL                                \
    }
    const struct CMUnitTest tests[] = {
        BOTH(a_decline_of_a_repeat_is_no_end),
        BOTH(a_decline_of_a_repeat_is_the_end_once_nothing_is_on_its_way),
        BOTH(what_arrived_late_after_a_declined_repeat_is_charged_once),
        BOTH(a_decline_at_once_is_the_end),
        BOTH(what_was_taken_after_a_decline_is_noticed),
        BOTH(what_was_held_after_a_decline_is_noticed),
        BOTH(what_was_taken_although_it_was_told_to_wait_is_noticed),
        BOTH(a_decline_that_holds_is_asked_about_once_and_changes_nothing),
        BOTH(a_question_about_a_decline_that_nobody_answers_is_asked_again),
        BOTH(what_was_never_sent_is_not_asked_about),
        BOTH(a_capture_that_was_done_after_its_refusal_is_booked),
        BOTH(a_refused_capture_that_a_callback_tells_of_is_booked_and_no_case),
        BOTH(a_capture_of_another_amount_than_was_refused_goes_to_suspense),
        BOTH(a_refused_capture_that_was_not_done_stays_refused),
        BOTH(a_refused_capture_is_not_told_from_one_that_is_open),
        BOTH(a_refund_that_was_paid_after_its_refusal_is_booked_and_shown_to_a_person),
        BOTH(a_refused_refund_that_was_not_paid_stays_refused),
        BOTH(a_hold_that_was_released_after_its_refusal_is_released),
        BOTH(a_return_that_was_paid_after_its_refusal_closes_its_case),
        BOTH(an_interrupted_refund_goes_to_the_capture_with_room),
        BOTH(an_interrupted_refund_without_room_anywhere_fails_and_frees_its_amount),
        BOTH(an_unanswered_refund_is_repeated_at_its_own_capture),
        BOTH(a_refund_whose_capture_was_used_up_meanwhile_fails_and_can_be_sent_again),
        BOTH(a_capture_in_between_does_not_lead_a_repeat_elsewhere),
        BOTH(a_target_is_set_once_and_only_while_the_refund_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
