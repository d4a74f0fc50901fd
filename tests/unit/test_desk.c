/* SPDX-License-Identifier: Apache-2.0
 * test_desk.c: payments by hand: one person tells of them with evidence, another one approves. */
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
#include "desk/desk.h"
#include "support/payment_world.h"

#define W the_world

static struct desk *desk;
static const char *const listed[] = {"cus_1"};

/* As payment_world_run() empties the world before each test, the desk is made in each. */
static void open_desk(void) {
    const struct desk_options options = {.store = W->engine.store,
                                         .payments = W->payments,
                                         .customers = listed,
                                         .customer_count = COUNT_OF(listed)};
    struct err err = {0};
    desk_close(desk);
    assert_int_equal(desk_open(&options, &desk, &err), 0);
}

static struct caller person(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

static struct manual_order manual_of(const char *order_id, const char *reference) {
    struct manual_order order = {.order = world_order(order_id, 500),
                                 .paid_by = PAID_BY_BANK,
                                 .reference = reference,
                                 .received_us = clock_wall_us(),
                                 .reason = ""};
    return order;
}

static json_t *ask_as(const char *actor, const struct manual_order *order) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, manual_payment_ask(desk, &caller, order, &answer, &W->err), &answer);
}

/* Its id (free()). */
static char *asked(const char *order_id, const char *reference) {
    struct manual_order order = manual_of(order_id, reference);
    json_t *json = ask_as("user:usr_a", &order);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_int_equal(W->status, 201);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static json_t *attach(const char *id, const struct evidence *evidence) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, manual_payment_attach(desk, &caller, id, evidence, &answer, &W->err),
                      &answer);
}

static void prove(const char *id) {
    const struct evidence evidence = {"receipt", "the bank's slip of Friday", "", "", ""};
    json_t *json = attach(id, &evidence);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_int_equal(json_array_size(json_object_get(json, "evidence")), 1);
    json_decref(json);
}

static json_t *decide(const char *actor, const char *id, bool approve) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(
        W, manual_payment_decide(desk, &caller, id, approve, "looked at it", &answer, &W->err),
        &answer);
}

static void told_of_its_order_is_held_and_nothing_counts_yet(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    assert_payment(W, id, "created");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    assert_refused(W, world_create(W, NULL, "order", 500), ERR_ORDER_TAKEN);
    assert_text(W, "SELECT type FROM event", "manual_payment.asked");
    assert_text(W, "SELECT actor FROM audit_entry", "user:usr_a");
    world_check(W);
    free(id);
}

static void another_person_approves_and_it_is_paid(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    prove(id);
    json_t *json = decide("user:usr_b", id, true);
    assert_non_null(json);
    assert_string_equal(json_at(json, "approval.state"), "approved");
    assert_string_equal(json_at(json, "approval.decided_by"), "user:usr_b");
    assert_string_equal(json_at(json, "payment.state"), "succeeded");
    assert_string_equal(json_at(json, "payment.method"), "manual");
    json_decref(json);
    assert_text(W, "SELECT debit_account FROM posting", "merchant:manual_clearing");
    assert_text(W, "SELECT credit_account FROM posting", "merchant:sales");
    assert_int_equal(world_int(W, "SELECT amount_minor FROM posting"), 500);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.succeeded'"),
                     1);
    assert_refused(W, world_create(W, NULL, "order", 500), ERR_ORDER_TAKEN);
    world_verify(W);
    free(id);
}

static void who_asks_does_not_approve(void **state) {
    (void)state;
    open_desk();
    assert_int_equal(
        engine_exec(&W->engine,
                    "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, "
                    "expires_us, revoked_us, last_used_us, user_id) VALUES ('key_a1', 'a', 'h1', "
                    "4, '', 'user:usr_a', 1, 0, 0, 0, ''), ('key_a2', 'a', 'h4', 4, '', "
                    "'key:key_a1', 1, 0, 0, 0, ''), ('key_a3', 'a', 'h5', 4, '', 'user:usr_b', 1, "
                    "0, 0, 0, 'usr_a'), ('key_n1', 'n', 'h2', 4, '', 'internal', 1, 0, 0, 0, ''), "
                    "('key_n2', 'n', 'h6', 4, '', 'key:key_n1', 1, 0, 0, 0, ''), ('key_n3', 'n', "
                    "'h7', 4, '', 'key:key_n3', 1, 0, 0, 0, ''), ('key_b2', 'till', 'h3', 4, '', "
                    "'internal', 1, 0, 0, 0, 'usr_b')"),
        7);
    assert_int_equal(
        engine_exec(&W->engine,
                    "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
                    "locked_until_us, created_us) VALUES ('usr_a', 'ann', 'x', 4, 1, 0, 0, 1), "
                    "('usr_b', 'bob', 'x', 4, 1, 0, 0, 1)"),
        2);
    char *id = asked("order", "TR-1");
    prove(id);
    assert_refused(W, decide("user:usr_a", id, true), ERR_FORBIDDEN);
    static const char *const she[] = {"key:key_a1", "key:key_a2", "key:key_a3"};
    static const char *const nobody[] = {"key:key_n1", "key:key_n2", "key:key_n3", "key:gone"};
    for (size_t i = 0; i < COUNT_OF(she); i++) {
        assert_refused(W, decide(she[i], id, true), ERR_FORBIDDEN);
        assert_non_null(strstr(W->err.detail, "who asks"));
    }
    for (size_t i = 0; i < COUNT_OF(nobody); i++) {
        assert_refused(W, decide(nobody[i], id, true), ERR_FORBIDDEN);
        assert_non_null(strstr(W->err.detail, "nobody knows"));
    }
    assert_refused(W, decide("internal", id, true), ERR_FORBIDDEN); /* nobody knows who */
    assert_refused(W, decide("cli", id, true), ERR_FORBIDDEN);
    assert_payment(W, id, "created");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    json_t *done = decide("key:key_b2", id, true);
    assert_string_equal(json_at(done, "approval.asked_by_name"), "ann");
    assert_string_equal(json_at(done, "approval.decided_by_name"), "bob, key till");
    json_decref(done);
    assert_payment(W, id, "succeeded");
    free(id);
    /* And the other way round: asked with a key. */
    struct manual_order order = manual_of("order-2", "TR-2");
    json_t *json = ask_as("key:key_a1", &order);
    id = strdup(json_at(json, "id"));
    json_decref(json);
    prove(id);
    assert_refused(W, decide("user:usr_a", id, true), ERR_FORBIDDEN);
    json_decref(decide("user:usr_b", id, true));
    assert_payment(W, id, "succeeded");
    world_verify(W);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM api_key"), 7);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM app_user"), 2);
    free(id);
}

static void nobody_without_a_name_asks(void **state) {
    (void)state;
    open_desk();
    struct manual_order order = manual_of("order", "TR-1");
    assert_refused(W, ask_as("internal", &order), ERR_FORBIDDEN);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 0);
}

static void without_evidence_nothing_is_approved(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    assert_refused(W, decide("user:usr_b", id, true), ERR_STATE);
    assert_text(W, "SELECT COUNT(*) FROM approval WHERE state = 1", "1");
    prove(id);
    json_decref(decide("user:usr_b", id, true));
    assert_payment(W, id, "succeeded");
    free(id);
}

static void evidence_is_looked_at_as_that_of_disputes(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    const struct evidence card = {"receipt", "", "slip.txt", "text/plain",
                                  "NDI0MjQyNDI0MjQyNDI0Mg=="};
    const struct evidence fake = {"receipt", "", "slip.pdf", "application/pdf", "aGFsbG8="};
    const struct evidence kind = {"gossip", "he said so", "", "", ""};
    assert_refused(W, attach(id, &card), ERR_CARD_NUMBER);
    assert_refused(W, attach(id, &fake), ERR_VALIDATION);
    assert_refused(W, attach(id, &kind), ERR_VALIDATION);
    prove(id);
    json_decref(decide("user:usr_b", id, true));
    const struct evidence late = {"receipt", "one more", "", "", ""};
    assert_refused(W, attach(id, &late), ERR_STATE);
    free(id);
}

static void rejected_the_order_is_free_again(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    json_t *json = decide("user:usr_a", id, false); /* she takes it back */
    assert_string_equal(json_at(json, "approval.state"), "rejected");
    json_decref(json);
    assert_payment(W, id, "canceled");
    assert_refused(W, decide("user:usr_b", id, true), ERR_STATE);
    char *paid = world_paid(W, "order", 500);
    free(asked("order-2", "TR-1")); /* that transfer pays for another one now */
    world_verify(W);
    free(paid);
    free(id);
}

static void one_transfer_pays_for_one_order(void **state) {
    (void)state;
    open_desk();
    free(asked("order", "TR-1"));
    struct manual_order order = manual_of("order-2", "TR-1");
    assert_refused(W, ask_as("user:usr_c", &order), ERR_STATE);
    order.paid_by = PAID_BY_CASH;
    json_decref(ask_as("user:usr_c", &order));
    assert_int_equal(W->status, 201);
}

static void only_vip_customers_and_listed_ones_go_without_a_reason(void **state) {
    (void)state;
    open_desk();
    struct manual_order order = manual_of("order", "TR-1");
    order.order.customer_id = "cus_2";
    assert_refused(W, ask_as("user:usr_a", &order), ERR_VALIDATION);
    order.order.customer_id = NULL;
    assert_refused(W, ask_as("user:usr_a", &order), ERR_VALIDATION);
    order.reason = "all gateways were away, and he stood at the counter";
    json_decref(ask_as("user:usr_a", &order));
    assert_int_equal(W->status, 201);
    assert_text(W, "SELECT reason FROM audit_entry", order.reason);
    order = manual_of("order-2", "TR-2");
    order.order.customer_id = "cus_2";
    order.order.customer_vip = true;
    json_decref(ask_as("user:usr_a", &order));
    assert_int_equal(W->status, 201);
}

static void money_of_tomorrow_is_not_told_of(void **state) {
    (void)state;
    open_desk();
    struct manual_order order = manual_of("order", "TR-1");
    order.received_us = clock_wall_us() + 3600 * US_PER_SECOND;
    assert_refused(W, ask_as("user:usr_a", &order), ERR_VALIDATION);
}

static void an_order_that_is_paid_is_not_paid_by_hand_as_well(void **state) {
    (void)state;
    open_desk();
    char *id = world_paid(W, "order", 500);
    struct manual_order order = manual_of("order", "TR-1");
    assert_refused(W, ask_as("user:usr_a", &order), ERR_ORDER_TAKEN);
    world_check(W);
    free(id);
}

/* ---- two at once ---- */

enum { DECIDERS = 6 };
static char *contested;
static atomic_int won, told;

static void decide_one(void *arg) {
    int number = (int)(intptr_t)arg;
    char actor[16];
    struct err err = {0};
    ANSWER_AUTO answer = {0};
    snprintf(actor, sizeof actor, "user:usr_%d", number);
    struct caller caller = person(actor);
    int r = manual_payment_decide(desk, &caller, contested, number % 3 != 0, "mine", &answer, &err);
    if (r >= 0) {
        atomic_fetch_add(&won, 1);
    } else if (r == -ERR_STATE && strstr(err.detail, "already") != NULL) {
        atomic_fetch_add(&told, 1);
    }
}

static void of_many_who_decide_at_once_one_has_decided(void **state) {
    (void)state;
    open_desk();
    for (int round = 0; round < 5; round++) {
        struct task *tasks[DECIDERS];
        char order_id[16], reference[16];
        snprintf(order_id, sizeof order_id, "order-%d", round);
        snprintf(reference, sizeof reference, "TR-%d", round);
        contested = asked(order_id, reference);
        prove(contested);
        atomic_store(&won, 0);
        atomic_store(&told, 0);
        for (int i = 0; i < DECIDERS; i++) {
            tasks[i] = task_start("decider", 512 * 1024, decide_one, (void *)(intptr_t)i);
        }
        for (int i = 0; i < DECIDERS; i++) {
            task_join(tasks[i]);
        }
        assert_int_equal(atomic_load(&won), 1);
        assert_int_equal(atomic_load(&told), DECIDERS - 1);
        free(contested);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"),
                     world_int(W, "SELECT COUNT(*) FROM payment WHERE state = 5"));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE state IN (5, 7)"), 5);
    world_verify(W);
}

/* ---- afterwards ---- */

static void it_is_given_back_as_credit_and_by_no_gateway(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    prove(id);
    json_decref(decide("user:usr_b", id, true));
    assert_refused(W, world_refund(W, "k1", id, 200), ERR_STATE);
    struct caller caller = world_caller("k2", "refund");
    struct answer answer = {0};
    json_decref(world_take(
        W, payment_refund(W->payments, &caller, id, 200, "unhappy", false, &answer, &W->err),
        &answer));
    assert_int_equal(W->status, 201);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment"), 200);
    const struct chargeback chargeback = {.reference = "CB1", .reason = "x"};
    caller = world_caller("k3", "chargeback");
    assert_int_equal(dispute_record(W->payments, &caller, id, &chargeback, &answer, &W->err),
                     -ERR_STATE);
    world_verify(W);
    free(id);
}

static void a_restart_between_asking_and_deciding_forgets_nothing(void **state) {
    (void)state;
    open_desk();
    char *id = asked("order", "TR-1");
    prove(id);
    payment_world_restart(W);
    open_desk();
    json_decref(decide("user:usr_b", id, true));
    assert_payment(W, id, "succeeded");
    world_verify(W);
    free(id);
}

static void lists_show_what_waits(void **state) {
    (void)state;
    open_desk();
    char *first = asked("order", "TR-1");
    char *second = asked("order-2", "TR-2");
    prove(first);
    json_decref(decide("user:usr_b", first, true));
    struct answer answer = {0};
    json_t *json = world_take(W, manual_payment_list(desk, "waiting", 0, &answer, &W->err),
                              &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);
    assert_string_equal(json_at(json, "data.0.id"), second);
    json_decref(json);
    json = world_take(W, manual_payment_list(desk, "", 0, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 2);
    json_decref(json);
    assert_int_equal(manual_payment_list(desk, "maybe", 0, &answer, &W->err), -ERR_VALIDATION);
    free(second);
    free(first);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_of_its_order_is_held_and_nothing_counts_yet),
        cmocka_unit_test(another_person_approves_and_it_is_paid),
        cmocka_unit_test(who_asks_does_not_approve),
        cmocka_unit_test(nobody_without_a_name_asks),
        cmocka_unit_test(without_evidence_nothing_is_approved),
        cmocka_unit_test(evidence_is_looked_at_as_that_of_disputes),
        cmocka_unit_test(rejected_the_order_is_free_again),
        cmocka_unit_test(one_transfer_pays_for_one_order),
        cmocka_unit_test(only_vip_customers_and_listed_ones_go_without_a_reason),
        cmocka_unit_test(money_of_tomorrow_is_not_told_of),
        cmocka_unit_test(an_order_that_is_paid_is_not_paid_by_hand_as_well),
        cmocka_unit_test(of_many_who_decide_at_once_one_has_decided),
        cmocka_unit_test(it_is_given_back_as_credit_and_by_no_gateway),
        cmocka_unit_test(a_restart_between_asking_and_deciding_forgets_nothing),
        cmocka_unit_test(lists_show_what_waits),
    };
    int failed = payment_world_run("payments by hand", tests, COUNT_OF(tests));
    desk_close(desk);
    return failed;
}
