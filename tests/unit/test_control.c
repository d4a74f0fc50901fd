/* SPDX-License-Identifier: Apache-2.0
 * test_control.c: what people switch by hand: audited with a reason, guarded, kept across a
 * restart, and in force on other instances within a second or so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/task.h"
#include "gateway/control.h"
#include "support/payment_world.h"

#define W the_world

static int set(const char *gateway, enum gateway_switch to, bool force, const char *reason) {
    struct gateway_control_change change;
    W->err = (struct err){0};
    int r = gateway_control_set(W->control, gateway, to, force, "user:usr_1", reason, &change,
                                &W->err);
    return r < 0 ? r : gateway_control_apply(&change, &W->err);
}

static int primary(const char *gateway, const char *reason) {
    struct gateway_control_change change;
    int r = gateway_control_primary(W->control, gateway, "user:usr_1", reason, &change, &W->err);
    return r < 0 ? r : gateway_control_apply(&change, &W->err);
}

static int fallback(bool on, const char *reason) {
    struct gateway_control_change change;
    int r = gateway_control_fallback(W->control, on, "user:usr_1", reason, &change, &W->err);
    return r < 0 ? r : gateway_control_apply(&change, &W->err);
}

static struct gateway_control_view view(void) {
    struct gateway_control_view view;
    gateway_control_view(W->control, &view);
    return view;
}

static void at_first_everything_is_enabled(void **state) {
    for (int i = 0; i < FAKE_ACCOUNTS; i++) {
        assert_int_equal(view().state[i], GATEWAY_ENABLED);
    }
    assert_string_equal(view().primary, "");
    assert_false(view().fallback);
}

static void a_switch_is_in_force_at_once_and_audited(void **state) {
    assert_int_equal(set("stripe-b", GATEWAY_DRAINING, false, "contract ends"), 0);
    assert_int_equal(view().state[1], GATEWAY_DRAINING);
    assert_string_equal(view().reason[1], "contract ends");
    assert_int_equal(view().state[0], GATEWAY_ENABLED);
    assert_text(W, "SELECT actor FROM audit_entry", "user:usr_1");
    assert_text(W, "SELECT action FROM audit_entry", "gateway.drain");
    assert_text(W, "SELECT subject FROM audit_entry", "stripe-b");
    assert_text(W, "SELECT reason FROM audit_entry", "contract ends");
    assert_text(W, "SELECT detail FROM audit_entry", "{\"value\":\"draining\"}");
    assert_int_equal(set("stripe-b", GATEWAY_ENABLED, false, "it goes on"), 0);
    assert_int_equal(view().state[1], GATEWAY_ENABLED);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM gateway_control"), 1);
}

static void primary_and_fallback_are_switched_alike(void **state) {
    assert_int_equal(primary("stripe-c", "cheaper"), 0);
    assert_int_equal(fallback(true, "an incident"), 0);
    assert_string_equal(view().primary, "stripe-c");
    assert_string_equal(view().primary_reason, "cheaper");
    assert_true(view().fallback);
    assert_string_equal(view().fallback_reason, "an incident");
    assert_string_equal(view().fallback_actor, "user:usr_1");
    assert_true(view().fallback_us > 0);
    assert_int_equal(primary("", "back to normal"), 0);
    assert_int_equal(fallback(false, "over"), 0);
    assert_string_equal(view().primary, "");
    assert_false(view().fallback);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'gateway.switch'"), 2);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'gateway.fallback.%'"), 2);
}

/* The runbook says "paypal" where the configuration says "paypal-eu". */
static void an_adapter_s_name_will_do_while_it_means_one_gateway(void **state) {
    struct gateway_settings settings[] = {
        {.name = "stripe-eu", .adapter = "stripe"},
        {.name = "paypal-eu", .adapter = "paypal"},
        {.name = "stripe-us", .adapter = "stripe"},
        {.name = "stripe", .adapter = "stripe"},
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        bool paypal = strcmp(settings[i].adapter, "paypal") == 0;
        settings[i].base_url = "http://127.0.0.1:9";
        settings[i].credentials[0].name = paypal ? "client_id" : "api_key";
        settings[i].credentials[1].name = paypal ? "client_secret" : "webhook_secret";
        settings[i].credentials[2].name = paypal ? "webhook_id" : NULL;
        settings[i].credential_count = paypal ? 3 : 2;
        for (int j = 0; j < settings[i].credential_count; j++) {
            settings[i].credentials[j].reference = j == 0 ? "env:HF_FAKE_KEY" : "env:HF_FAKE_HOOK";
        }
    }
    static const struct {
        int gateways, result;
        const char *name, *means;
    } cases[] = {
        {1, 0, "stripe", "stripe-eu"},          {3, 0, "paypal", "paypal-eu"},
        {3, -ERR_NOT_FOUND, "stripe", NULL},    {4, 0, "stripe", "stripe"},
        {1, -ERR_NOT_FOUND, "paypal", NULL},    {4, 0, "stripe-us", "stripe-us"},
        {3, -ERR_NOT_FOUND, "paypal-us", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gateway_registry *registry = NULL;
        struct gateway_control *control = NULL;
        struct gateway_control_change change = {0};
        struct err err = {0};
        assert_int_equal(gateway_registry_open(settings, cases[i].gateways, &registry, &err), 0);
        assert_int_equal(gateway_control_open(W->engine.store, registry, &control, &err), 0);
        assert_int_equal(gateway_control_primary(control, cases[i].name, "a", "r", &change, &err),
                         cases[i].result);
        if (cases[i].means != NULL) {
            assert_string_equal(change.value, cases[i].means);
            assert_string_equal(change.subject, cases[i].means);
        }
        gateway_control_close(control);
        gateway_registry_close(registry);
    }
}

static void nothing_is_switched_without_a_reason_or_for_nobody(void **state) {
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_int_equal(set("stripe-a", GATEWAY_DISABLED, false, none[i]), -ERR_VALIDATION);
        assert_string_equal(W->err.place, "/reason");
        assert_int_equal(primary("stripe-a", none[i]), -ERR_VALIDATION);
        assert_int_equal(fallback(true, none[i]), -ERR_VALIDATION);
    }
    assert_int_equal(set("stripe-x", GATEWAY_DISABLED, false, "r"), -ERR_NOT_FOUND);
    assert_int_equal(set("*primary", GATEWAY_DISABLED, true, "r"), -ERR_NOT_FOUND);
    assert_int_equal(primary("stripe-x", "r"), -ERR_NOT_FOUND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM gateway_control"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 0);
}

static void the_last_gateway_that_takes_payments_is_not_switched_off_by_accident(void **state) {
    assert_int_equal(set("stripe-a", GATEWAY_DISABLED, false, "r"), 0);
    assert_int_equal(set("stripe-b", GATEWAY_DRAINING, false, "r"), 0);
    static const enum gateway_switch off[] = {GATEWAY_DISABLED, GATEWAY_DRAINING};
    for (size_t i = 0; i < COUNT_OF(off); i++) {
        assert_int_equal(set("stripe-c", off[i], false, "r"), -ERR_STATE);
        assert_int_equal(view().state[2], GATEWAY_ENABLED);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 2);
    /* One that is off already may be switched to the other kind of off; by force all of them. */
    assert_int_equal(set("stripe-a", GATEWAY_DRAINING, false, "r"), 0);
    assert_int_equal(set("stripe-c", GATEWAY_DISABLED, true, "r"), 0);
    assert_int_equal(view().state[2], GATEWAY_DISABLED);
}

enum { RACERS = 3 };
struct racer {
    int number, result;
};

static void race(void *arg) {
    struct racer *racer = arg;
    struct gateway_control_change change;
    struct err err = {0};
    racer->result = gateway_control_set(W->control, fake_account_name(racer->number),
                                        GATEWAY_DISABLED, false, "user:usr_1", "r", &change, &err);
    if (racer->result == 0) {
        racer->result = gateway_control_apply(&change, &err);
    }
}

static void of_many_who_switch_off_at_once_one_is_refused(void **state) {
    for (int round = 0; round < 8; round++) {
        payment_world_forget(W);
        struct racer racers[RACERS];
        struct task *tasks[RACERS];
        int off = 0;
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){i, 0};
            tasks[i] = task_start("racer", 512 * 1024, race, &racers[i]);
            assert_non_null(tasks[i]);
        }
        for (int i = 0; i < RACERS; i++) {
            task_join(tasks[i]);
            off += racers[i].result == 0;
        }
        assert_int_equal(off, 2);
    }
}

static void what_was_switched_outlives_the_process(void **state) {
    assert_int_equal(set("stripe-b", GATEWAY_DISABLED, false, "broken"), 0);
    assert_int_equal(primary("stripe-c", "better"), 0);
    payment_world_restart(W);
    assert_int_equal(view().state[1], GATEWAY_DISABLED);
    assert_string_equal(view().reason[1], "broken");
    assert_string_equal(view().primary, "stripe-c");
}

static void what_another_instance_switched_is_read_by_itself(void **state) {
    (void)engine_exec(&W->engine,
                      "INSERT INTO gateway_control (gateway, state, value, reason, actor, at_us) "
                      "VALUES ('stripe-a', 2, 'disabled', 'elsewhere', 'user:usr_2', 1)");
    /* The reloader looks every second, or every ten; this waits for it, at most a minute. */
    int64_t until_us = clock_mono_us() + 60 * US_PER_SECOND;
    struct lock lock;
    struct cond never;
    lock_init(&lock);
    cond_init(&never);
    lock_take(&lock);
    while (view().state[0] != GATEWAY_DISABLED && clock_mono_us() < until_us) {
        cond_wait_until(&never, &lock, clock_mono_us() + 20 * US_PER_MS);
    }
    lock_give(&lock);
    cond_free(&never);
    lock_free(&lock);
    assert_int_equal(view().state[0], GATEWAY_DISABLED);
    assert_string_equal(view().reason[0], "elsewhere");
}

static void rows_of_gateways_that_left_the_configuration_are_passed_over(void **state) {
    (void)engine_exec(&W->engine,
                      "INSERT INTO gateway_control (gateway, state, value, reason, actor, at_us) "
                      "VALUES ('stripe-z', 2, 'disabled', 'gone', 'user:usr_2', 1)");
    assert_int_equal(gateway_control_reload(W->control, &W->err), 0);
    for (int i = 0; i < FAKE_ACCOUNTS; i++) {
        assert_int_equal(view().state[i], GATEWAY_ENABLED);
    }
}

static int fail_all(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return 1;
}

static void without_the_store_what_is_in_force_stays(void **state) {
    assert_int_equal(set("stripe-b", GATEWAY_DISABLED, false, "broken"), 0);
    store_fault_set(W->engine.store, fail_all, NULL);
    assert_int_equal(set("stripe-a", GATEWAY_DISABLED, false, "r"), -ERR_STORE);
    assert_int_equal(gateway_control_reload(W->control, &W->err), -ERR_STORE);
    assert_int_equal(view().state[1], GATEWAY_DISABLED);
    assert_int_equal(view().state[0], GATEWAY_ENABLED);
    store_fault_set(W->engine.store, NULL, NULL);
}

/* A reason may be long and in any language; where it is shown it is cut between two characters. */
static void a_long_reason_is_kept_whole_and_shown_cut(void **state) {
    char reason[1600] = "";
    for (int i = 0; i < 400; i++) {
        size_t used = strlen(reason);
        snprintf(reason + used, sizeof reason - used, "障");
    }
    assert_int_equal(set("stripe-a", GATEWAY_DISABLED, false, reason), 0);
    char *stored = world_text(W, "SELECT reason FROM gateway_control");
    assert_string_equal(stored, reason);
    free(stored);
    /* The decision that says why it was skipped is readable JSON, on both engines. */
    json_t *json = world_create(W, NULL, "order", 500);
    assert_non_null(json);
    assert_string_equal(json_at(json, "gateway"), "stripe-b");
    json_decref(json);
    char *decision = world_text(W, "SELECT decision FROM attempt");
    json_t *parsed = json_loads(decision, 0, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    free(decision);
    assert_int_equal(fallback(true, reason), 0);
    assert_int_equal(primary("stripe-b", reason), 0);
    json = world_create(W, NULL, "order-2", 500);
    assert_non_null(json);
    json_decref(json);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_first_everything_is_enabled),
        cmocka_unit_test(a_switch_is_in_force_at_once_and_audited),
        cmocka_unit_test(primary_and_fallback_are_switched_alike),
        cmocka_unit_test(an_adapter_s_name_will_do_while_it_means_one_gateway),
        cmocka_unit_test(nothing_is_switched_without_a_reason_or_for_nobody),
        cmocka_unit_test(the_last_gateway_that_takes_payments_is_not_switched_off_by_accident),
        cmocka_unit_test(of_many_who_switch_off_at_once_one_is_refused),
        cmocka_unit_test(what_was_switched_outlives_the_process),
        cmocka_unit_test(what_another_instance_switched_is_read_by_itself),
        cmocka_unit_test(rows_of_gateways_that_left_the_configuration_are_passed_over),
        cmocka_unit_test(without_the_store_what_is_in_force_stays),
        cmocka_unit_test(a_long_reason_is_kept_whole_and_shown_cut),
    };
    return payment_world_run("switching by hand", tests, COUNT_OF(tests));
}
