/* SPDX-License-Identifier: Apache-2.0
 * test_interleavings.c: one request is held at its gateway, before or after it took effect there,
 * while something else happens; every pair of the two tables, with the answer coming, lost or never
 * sent. Whatever the order, in the end nothing is unresolved, nothing was charged or refunded
 * twice, no invariant is broken, and the books are equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/payment_world.h"
#include "support/sample.h"

#define W the_world
#define FAKE (W->fake)

/* ---- what is held ---- */

static char payment[64]; /* id; "" until it is known */

static void remember(json_t *json) {
    if (json != NULL && json_is_string(json_object_get(json, "order_id"))) {
        snprintf(payment, sizeof payment, "%s", json_at(json, "id"));
    }
    json_decref(json);
}

static const char *id(void) {
    if (payment[0] == '\0') {
        char *text = world_text(W, "SELECT id FROM payment");
        snprintf(payment, sizeof payment, "%s", text);
        free(text);
    }
    return payment;
}

static void fresh(void) {
}

static void authorized(void) {
    char *text = world_authorized(W, "order", 1000);
    snprintf(payment, sizeof payment, "%s", text);
    free(text);
}

static void paid(void) {
    char *text = world_paid(W, "order", 1000);
    snprintf(payment, sizeof payment, "%s", text);
    free(text);
}

static void create(const char *key) {
    remember(world_create(W, key, "order", 1000));
}

static void capture(const char *key) {
    json_decref(world_capture(W, key, id(), 600, true));
}

static void capture_part(const char *key) {
    json_decref(world_capture(W, key, id(), 300, false));
}

static void cancel(const char *key) {
    json_decref(world_cancel(W, key, id()));
}

static void refund(const char *key) {
    json_decref(world_refund(W, key, id(), 600));
}

static const struct held {
    const char *name, *call; /* what it does, and the call at which it is held */
    void (*prepare)(void);
    void (*run)(const char *key);
} helds[] = {
    {"create", "charge", fresh, create},
    {"final capture", "capture", authorized, capture},
    {"partial capture", "capture", authorized, capture_part},
    {"cancel", "cancel", authorized, cancel},
    {"refund", "refund", paid, refund},
};

/* ---- what happens meanwhile ---- */

static const struct held *held;

static void same_key(void) {
    held->run("key");
    assert_int_equal(W->result, -ERR_IDEMPOTENCY_IN_FLIGHT);
}

static void other_key(void) {
    held->run("key-2");
}

static void a_capture(void) {
    capture("key-3");
}

static void a_cancellation(void) {
    cancel("key-4");
}

static void a_refund(void) {
    refund("key-5");
}

static void a_tick(void) {
    (void)world_tick(W);
}

static void the_callbacks(void) {
    world_callbacks(W, 0);
    (void)world_tick(W);
}

static void a_look_by_hand(void) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    json_decref(
        world_take(W, payment_check(W->payments, &caller, id(), &answer, &W->err), &answer));
}

/* The lease ends while the call is under way: whoever looks believes that the caller is dead. */
static void the_lease_ends(void) {
    test_clock_advance(46 * US_PER_SECOND);
    (void)world_tick(W);
}

static void the_lease_ends_and_the_resolver_asks(void) {
    the_lease_ends();
    test_clock_advance(6 * US_PER_SECOND);
    (void)world_tick(W);
}

static void the_lease_ends_and_the_client_repeats(void) {
    test_clock_advance(46 * US_PER_SECOND);
    held->run("key");
}

static void the_lease_ends_and_a_person_gives_it_up(void) {
    the_lease_ends();
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    int r = payment_resolve(W->payments, &caller, id(), false, "the customer went away", &answer,
                            &W->err);
    json_decref(world_take(W, r, &answer));
}

static const struct meanwhile {
    const char *name;
    void (*run)(void);
} meanwhiles[] = {
    {"the same request with the same key", same_key},
    {"the same request with another key", other_key},
    {"a capture", a_capture},
    {"a cancellation", a_cancellation},
    {"a refund", a_refund},
    {"a round of the resolver", a_tick},
    {"the gateway's callbacks", the_callbacks},
    {"somebody asks the gateway", a_look_by_hand},
    {"its lease ends", the_lease_ends},
    {"its lease ends and the resolver asks", the_lease_ends_and_the_resolver_asks},
    {"its lease ends and the client repeats", the_lease_ends_and_the_client_repeats},
    {"its lease ends and a person gives it up", the_lease_ends_and_a_person_gives_it_up},
};

/* ---- one pair ---- */

static char trying[200];

static int tell(void **state) {
    (void)state;
    if (trying[0] != '\0') {
        print_message("while trying %s\n", trying);
    }
    trying[0] = '\0';
    return 0;
}

struct moment {
    const struct meanwhile *meanwhile;
    bool done; /* after it took effect there */
    bool over; /* it happens once, and not for the calls that it makes itself */
};

static void at_the_gateway(void *ctx, int account, const char *call, bool done) {
    (void)account;
    struct moment *moment = ctx;
    if (moment->over || strcmp(call, held->call) != 0 || done != moment->done) {
        return;
    }
    moment->over = true;
    moment->meanwhile->run();
}

static void one_pair(const struct held *what, const struct meanwhile *meanwhile, bool done,
                     enum fake_act act) {
    if (!sampled((what - helds) + (meanwhile - meanwhiles) + (int)done + (int)act, 4)) {
        return;
    }
    snprintf(trying, sizeof trying, "%s, %s %s, while %s", what->name, fake_act_name(act),
             done ? "after it was done" : "before it is done", meanwhile->name);
    payment_world_forget(W);
    payment[0] = '\0';
    held = what;
    what->prepare();
    struct moment moment = {meanwhile, done, false};
    fake_say(FAKE, 0, what->call, 1, act);
    fake_hook(FAKE, at_the_gateway, &moment);
    what->run("key");
    fake_hook(FAKE, NULL, NULL);
    assert_true(moment.over);
    world_settle_all(W);
    world_callbacks(W, 0);
    world_settle_all(W);
    world_check(W);
    /* The key has an answer now, and it is always the same. */
    what->run("key");
    assert_true(W->result == 0 || W->result == -ERR_ORDER_TAKEN || W->result == -ERR_STATE);
    world_check(W);
    trying[0] = '\0';
}

static void every_pair_ends_well(void **state) {
    for (size_t h = 0; h < COUNT_OF(helds); h++) {
        for (size_t m = 0; m < COUNT_OF(meanwhiles); m++) {
            one_pair(&helds[h], &meanwhiles[m], false, FAKE_DO);
            one_pair(&helds[h], &meanwhiles[m], true, FAKE_DO);
        }
    }
}

static void every_pair_ends_well_when_the_answer_is_lost(void **state) {
    for (size_t h = 0; h < COUNT_OF(helds); h++) {
        for (size_t m = 0; m < COUNT_OF(meanwhiles); m++) {
            one_pair(&helds[h], &meanwhiles[m], false, FAKE_LOSE_AFTER);
            one_pair(&helds[h], &meanwhiles[m], true, FAKE_LOSE_AFTER);
        }
    }
}

static void every_pair_ends_well_when_nothing_is_sent(void **state) {
    for (size_t h = 0; h < COUNT_OF(helds); h++) {
        for (size_t m = 0; m < COUNT_OF(meanwhiles); m++) {
            one_pair(&helds[h], &meanwhiles[m], false, FAKE_REFUSE);
            one_pair(&helds[h], &meanwhiles[m], false, FAKE_LOSE_BEFORE);
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_pair_ends_well, tell),
        cmocka_unit_test_teardown(every_pair_ends_well_when_the_answer_is_lost, tell),
        cmocka_unit_test_teardown(every_pair_ends_well_when_nothing_is_sent, tell),
    };
    return payment_world_run("interleavings", tests, COUNT_OF(tests));
}
