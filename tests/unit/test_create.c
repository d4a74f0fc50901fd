/* SPDX-License-Identifier: Apache-2.0
 * test_create.c: taking payments: what is answered, what is written, and which gateways are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/payment_world.h"

static void a_payment_is_charged_at_the_first_gateway(void **state) {
    struct payment_world *world = the_world;
    json_t *json = world_create(world, "key-1", "order-1", 1999);
    if (json == NULL) fail_msg("%s", world->err.detail);
    assert_int_equal(world->status, 201);
    assert_string_equal(json_at(json, "state"), "succeeded");
    assert_string_equal(json_at(json, "gateway"), "stripe-a");
    assert_int_equal(int_at(json, "amount_captured"), 1999);
    json_decref(json);
    assert_int_equal(fake_charged(world->fake, "order-1", NULL), 1);
    world_callbacks(world, 0);
    (void)world_tick(world);
    world_check(world);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_charged_at_the_first_gateway),
    };
    return payment_world_run("taking payments", tests, COUNT_OF(tests));
}
