/* SPDX-License-Identifier: Apache-2.0
 * test_closed.c: while a person has closed all (read_only), what goes on by itself or by hand
 * begins nothing new: queued payments wait, and nobody tells of a payment by hand or decides one.
 * While a purpose is switched off, what is queued for it waits as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "desk/desk.h"
#include "mode/mode.h"
#include "payment/later.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)

static int said_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return mode_set(W->mode, tx, ctx, err);
}

static void close_all(bool close) {
    struct mode_order order = {.automatic = !close,
                               .step = MODE_READ_ONLY,
                               .hand = HAND_AT_LEAST,
                               .end_read_only = true,
                               .actor = "user:usr_1",
                               .reason = "moving the database"};
    assert_int_equal(store_write(W->engine.store, said_tx, &order, &W->err), 0);
    assert_int_equal(mode_reload(W->mode, &W->err), 0);
}

/* ---- queued payments ---- */

static char *queued(void) {
    struct payment_order order = world_order("o-1", 500);
    order.queue = true;
    order.customer_vip = true;
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    assert_int_equal(W->status, 202);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

static void open_queue(void) {
    W->forward = (struct forward_options){.enabled = true,
                                          .purposes = {[PURPOSE_ORDER] = true},
                                          .vip = true,
                                          .limits = {{{"USD"}, 1000, 2500}, {{"EUR"}, 1000, 2500}},
                                          .limit_count = 2};
    payment_world_modes(W);
}

static int asked(void) {
    return fake_calls(FAKE, 0, "charge") + fake_calls(FAKE, 1, "charge");
}

static void five_minutes(void) {
    for (int i = 0; i < 5; i++) {
        world_pass(W, MINUTE_US);
    }
}

/* Queued while no gateway answers; then the gateways are well, but not `off`. */
static void sent_only_when_it_is_on(void (*off)(bool off)) {
    open_queue();
    fake_say_all(FAKE, "charge", -1, FAKE_REFUSE);
    char *id = queued();
    world_pass(W, MINUTE_US);
    off(true);
    fake_say_nothing(FAKE);
    int before = asked();
    five_minutes();
    assert_int_equal(asked(), before);
    assert_payment(W, id, "processing");
    off(false);
    five_minutes();
    assert_payment(W, id, "succeeded");
    free(id);
    world_check(W);
}

static void while_all_is_closed_no_queued_payment_is_sent(void **state) {
    sent_only_when_it_is_on(close_all);
}

static int switched_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return mode_switch(W->mode, tx, ctx, err);
}

static void switch_orders_off(bool off) {
    struct mode_switching order = {.kind = SWITCH_PURPOSE,
                                   .name = "order",
                                   .off = off,
                                   .actor = "user:usr_1",
                                   .reason = "stocktaking"};
    assert_int_equal(store_write(W->engine.store, switched_tx, &order, &W->err), 0);
    assert_int_equal(mode_reload(W->mode, &W->err), 0);
}

static void while_its_purpose_is_switched_off_no_queued_payment_is_sent(void **state) {
    sent_only_when_it_is_on(switch_orders_off);
}

/* ---- payments by hand ---- */

static struct desk *desk;

static struct caller person(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

static int tell(const char *order_id, struct answer *ret_answer) {
    const struct manual_order order = {.order = world_order(order_id, 500),
                                       .paid_by = PAID_BY_BANK,
                                       .reference = order_id,
                                       .received_us = clock_wall_us(),
                                       .reason = "he came by"};
    const struct caller caller = person("user:usr_a");
    W->err = (struct err){0};
    return manual_payment_ask(desk, &caller, &order, ret_answer, &W->err);
}

static int decide(const char *id, bool approve) {
    const struct caller caller = person("user:usr_b");
    ANSWER_AUTO answer = {0};
    W->err = (struct err){0};
    return manual_payment_decide(desk, &caller, id, approve, "seen", &answer, &W->err);
}

static void while_all_is_closed_nobody_tells_of_a_payment_by_hand_or_decides_one(void **state) {
    struct answer answer = {0};
    payment_world_modes(W);
    const struct desk_options options = {.store = W->engine.store, .payments = W->payments};
    assert_int_equal(desk_open(&options, &desk, &W->err), 0);
    assert_int_equal(tell("o-1", &answer), 0);
    json_t *json = json_loads(answer.json, 0, NULL);
    char *id = strdup(json_at(json, "id"));
    const struct caller caller = person("user:usr_a");
    const struct evidence evidence = {"receipt", "on the statement", "", "", ""};
    assert_int_equal(manual_payment_attach(desk, &caller, id, &evidence, &answer, &W->err), 0);
    close_all(true);
    assert_int_equal(tell("o-2", &answer), -ERR_READ_ONLY);
    assert_int_equal(decide(id, true), -ERR_READ_ONLY);
    assert_int_equal(decide(id, false), -ERR_READ_ONLY);
    assert_payment(W, id, "created");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM approval WHERE state = 1"), 1);
    close_all(false);
    assert_int_equal(decide(id, true), 0);
    assert_payment(W, id, "succeeded");
    json_decref(json);
    free(id);
    answer_release(&answer);
    desk_close(desk);
    world_check(W);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_all_is_closed_no_queued_payment_is_sent),
        cmocka_unit_test(while_its_purpose_is_switched_off_no_queued_payment_is_sent),
        cmocka_unit_test(while_all_is_closed_nobody_tells_of_a_payment_by_hand_or_decides_one),
    };
    payment_world_init();
    return payment_world_run("closed", tests, COUNT_OF(tests));
}
