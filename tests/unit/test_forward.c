/* SPDX-License-Identifier: Apache-2.0
 * test_forward.c: store and forward: what may be queued, how much, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "payment/later.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)
#define HOUR_US (60 * MINUTE_US)

static const char *const listed[] = {"cus_9", "cus_1"};

static void allow(void) {
    W->forward = (struct forward_options){
        .enabled = true,
        .purposes = {[PURPOSE_ORDER] = true},
        .customers = listed,
        .customer_count = COUNT_OF(listed),
        .limits = {{{"EUR"}, 100, 100}, {{"USD"}, 1000, 2500}},
        .limit_count = 2,
    };
    payment_world_restart(W);
}

static struct payment_order order_of(const char *order_id, int64_t amount_minor) {
    struct payment_order order = world_order(order_id, amount_minor);
    order.queue = true;
    return order;
}

static json_t *queue(const char *key, const char *order_id, int64_t amount_minor) {
    struct payment_order order = order_of(order_id, amount_minor);
    return world_pay(W, key, &order);
}

/* Its id (free()). */
static char *queued(const char *order_id, int64_t amount_minor) {
    json_t *json = queue(NULL, order_id, amount_minor);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_int_equal(W->status, 202);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

/* In steps, so that each job runs when it is due. */
static void pass(int64_t us) {
    int64_t step = us > MINUTE_US ? MINUTE_US : US_PER_SECOND;
    for (int64_t passed = 0; passed < us; passed += step) {
        world_pass(W, step);
    }
}

static void away(void) {
    fake_say_all(FAKE, "charge", -1, FAKE_REFUSE);
}

/* It charges, and nobody hears of it. */
static void answers_are_lost(void) {
    fake_say(FAKE, 0, "charge", -1, FAKE_LOSE_AFTER);
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
}

static int64_t waiting_minor(void) {
    return world_int(W, "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM forward WHERE "
                        "done_us = 0");
}

/* The end of a test: it was charged, and once. free()s the id. */
static void charged_once(char *id) {
    assert_payment(W, id, "succeeded");
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(waiting_minor(), 0);
    world_check(W);
    free(id);
}

/* ---- what may be ---- */

static void nothing_is_queued_unless_it_is_configured(void **state) {
    (void)state;
    assert_refused(W, queue(NULL, "order", 500), ERR_VALIDATION);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 0);
}

static void only_what_is_listed_is_queued(void **state) {
    (void)state;
    static const struct {
        const char *what;
        int code;
        const char *place;
    } rows[] = {
        {"purpose", ERR_VALIDATION, "/purpose"},   {"customer", ERR_VALIDATION, "/customer"},
        {"nobody", ERR_VALIDATION, "/customer"},   {"token", ERR_VALIDATION, "/token"},
        {"currency", ERR_VALIDATION, "/currency"}, {"amount", ERR_AMOUNT, "/amount"},
    };
    allow();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct payment_order order = order_of("order", 500);
        const char *what = rows[i].what;
        order.purpose = strcmp(what, "purpose") == 0 ? PURPOSE_TOPUP : order.purpose;
        order.customer_id = strcmp(what, "customer") == 0 ? "cus_2"
                            : strcmp(what, "nobody") == 0 ? NULL
                                                          : order.customer_id;
        order.token = strcmp(what, "token") == 0 ? "" : order.token;
        order.amount_minor = strcmp(what, "amount") == 0 ? 1001 : order.amount_minor;
        if (strcmp(what, "currency") == 0) {
            order.currency = currency_stored("JPY");
        }
        assert_null(world_pay(W, NULL, &order));
        assert_int_equal(W->result, -rows[i].code);
        assert_string_equal(W->err.place, rows[i].place);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 0);
    /* A VIP customer is one of the list where that is said. */
    W->forward.vip = true;
    payment_world_restart(W);
    struct payment_order order = order_of("order", 500);
    order.customer_id = "cus_2";
    order.customer_vip = true;
    json_decref(world_pay(W, NULL, &order));
    assert_int_equal(W->status, 202);
}

static void all_that_wait_have_a_bound_together(void **state) {
    (void)state;
    allow();
    free(queued("a", 1000));
    free(queued("b", 1000));
    assert_refused(W, queue(NULL, "c", 501), ERR_AMOUNT);
    free(queued("d", 500));
    assert_refused(W, queue(NULL, "e", 1), ERR_AMOUNT);
    pass(10 * US_PER_SECOND); /* charged: there is room again */
    assert_int_equal(waiting_minor(), 0);
    free(queued("e", 1));
    world_check(W);
}

enum { ASKERS = 8 };
static atomic_int taken;

static void ask_many(void *arg) {
    const char *name = arg;
    for (int i = 0; i < 4; i++) {
        char order_id[32];
        struct err err = {0};
        ANSWER_AUTO answer = {0};
        snprintf(order_id, sizeof order_id, "%s-%d", name, i);
        struct payment_order order = order_of(order_id, 400);
        struct caller caller = world_caller(NULL, order_id);
        if (payment_create(W->payments, &caller, &order, &answer, &err) >= 0) {
            atomic_fetch_add(&taken, 1);
        }
    }
}

static void many_at_once_do_not_pass_the_bound_together(void **state) {
    (void)state;
    static char names[ASKERS][8];
    struct task *tasks[ASKERS];
    allow();
    atomic_store(&taken, 0);
    for (int i = 0; i < ASKERS; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        tasks[i] = task_start("asker", 512 * 1024, ask_many, names[i]);
    }
    for (int i = 0; i < ASKERS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&taken), 6); /* 6 × 400 fit into 2,500 */
    assert_int_equal(waiting_minor(), 2400);
    world_settle_all(W);
    pass(MINUTE_US);
    assert_int_equal(waiting_minor(), 0);
    world_check(W);
}

/* ---- what becomes of it ---- */

static void a_queued_payment_is_charged_by_and_by(void **state) {
    (void)state;
    allow();
    json_t *json = queue("k1", "order", 500);
    assert_int_equal(W->status, 202);
    assert_string_equal(json_at(json, "state"), "processing");
    assert_true(json_is_true(json_object_get(json, "queued")));
    assert_non_null(strstr(json_at(json, "message"), "as soon as"));
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 0);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    assert_text(W, "SELECT type FROM event", "payment.queued");
    json = queue("k1", "order", 500);
    assert_true(W->replayed);
    json_decref(json);
    assert_refused(W, queue("k2", "order", 500), ERR_ORDER_TAKEN);
    pass(US_PER_SECOND);
    json = world_get(W, id);
    assert_string_equal(json_at(json, "state"), "succeeded");
    assert_null(json_object_get(json, "queued"));
    json_decref(json);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'forward'"), 0);
    world_check(W);
    free(id);
}

static void while_no_gateway_can_be_reached_it_waits(void **state) {
    (void)state;
    allow();
    away();
    char *id = queued("order", 500);
    pass(HOUR_US);
    assert_payment(W, id, "processing");
    assert_int_equal(waiting_minor(), 500);
    fake_say_nothing(FAKE);
    pass(20 * MINUTE_US);
    assert_text(W, "SELECT failure_code FROM payment", "");
    charged_once(id);
}

static void one_is_sent_after_the_other(void **state) {
    (void)state;
    allow();
    char *first = queued("a", 500);
    char *second = queued("b", 500);
    (void)world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE state = 5"), 1);
    pass(10 * US_PER_SECOND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE state = 5"), 2);
    world_check(W);
    free(second);
    free(first);
}

static void what_is_declined_has_failed_and_says_so(void **state) {
    (void)state;
    allow();
    char *id = queued("order", 500);
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    pass(US_PER_SECOND);
    assert_payment(W, id, "failed");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.failed'"), 1);
    assert_int_equal(waiting_minor(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE holds_order = 1"), 0);
    pass(HOUR_US);
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 1);
    world_check(W);
    free(id);
}

static void too_old_it_has_failed_and_was_certainly_not_charged(void **state) {
    (void)state;
    allow();
    away();
    char *id = queued("order", 500);
    pass(4 * HOUR_US - MINUTE_US);
    assert_payment(W, id, "processing");
    pass(2 * MINUTE_US);
    assert_payment(W, id, "failed");
    fake_say_nothing(FAKE);
    pass(2 * HOUR_US);
    assert_int_equal(fake_charged(FAKE, "order", NULL), 0);
    assert_int_equal(waiting_minor(), 0);
    world_check(W);
    free(id);
}

static void too_old_and_unknown_it_waits_for_its_answer(void **state) {
    (void)state;
    allow();
    char *id = queued("order", 500);
    answers_are_lost();
    pass(US_PER_SECOND);
    pass(6 * HOUR_US);
    assert_payment(W, id, "processing");
    assert_int_equal(waiting_minor(), 500);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    pass(MINUTE_US);
    charged_once(id);
}

static void the_shop_may_take_it_out_of_the_queue(void **state) {
    (void)state;
    allow();
    away();
    char *id = queued("order", 500);
    assert_done(W, world_cancel(W, "k1", id), 201, "canceled");
    assert_int_equal(waiting_minor(), 0);
    fake_say_nothing(FAKE);
    pass(HOUR_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 0);
    world_check(W);
    free(id);
}

static void what_was_sent_is_not_taken_out(void **state) {
    (void)state;
    allow();
    char *id = queued("order", 500);
    answers_are_lost();
    pass(US_PER_SECOND);
    assert_refused(W, world_cancel(W, "k1", id), ERR_STATE);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    pass(MINUTE_US);
    charged_once(id);
}

/* The process ends when the gateway has charged and nobody has written it down. */
static int fail_settling(void *ctx, const char *sql) {
    (void)ctx;
    return strncmp(sql, "INSERT INTO posting", 19) == 0;
}

static void a_restart_in_the_middle_charges_once(void **state) {
    (void)state;
    allow();
    char *id = queued("order", 500);
    payment_world_restart(W);
    store_fault_set(W->engine.store, fail_settling, NULL);
    test_clock_advance(US_PER_SECOND);
    (void)world_tick(W);
    store_fault_set(W->engine.store, NULL, NULL);
    payment_world_restart(W);
    world_settle_all(W);
    pass(HOUR_US);
    charged_once(id);
}

static void db_check_finds_a_payment_that_nobody_would_charge(void **state) {
    (void)state;
    allow();
    char *id = queued("order", 500);
    assert_int_equal(world_broken(W, "I6"), 0);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM job WHERE kind = 'forward'"), 1);
    assert_int_equal(world_broken(W, "I6"), 1);
    assert_int_equal(engine_exec(&W->engine, "UPDATE forward SET done_us = 1"), 1);
    assert_int_equal(world_broken(W, "I6"), 2);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_queued_unless_it_is_configured),
        cmocka_unit_test(only_what_is_listed_is_queued),
        cmocka_unit_test(all_that_wait_have_a_bound_together),
        cmocka_unit_test(many_at_once_do_not_pass_the_bound_together),
        cmocka_unit_test(a_queued_payment_is_charged_by_and_by),
        cmocka_unit_test(while_no_gateway_can_be_reached_it_waits),
        cmocka_unit_test(one_is_sent_after_the_other),
        cmocka_unit_test(what_is_declined_has_failed_and_says_so),
        cmocka_unit_test(too_old_it_has_failed_and_was_certainly_not_charged),
        cmocka_unit_test(too_old_and_unknown_it_waits_for_its_answer),
        cmocka_unit_test(the_shop_may_take_it_out_of_the_queue),
        cmocka_unit_test(what_was_sent_is_not_taken_out),
        cmocka_unit_test(a_restart_in_the_middle_charges_once),
        cmocka_unit_test(db_check_finds_a_payment_that_nobody_would_charge),
    };
    return payment_world_run("store and forward", tests, COUNT_OF(tests));
}
