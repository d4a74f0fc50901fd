/* SPDX-License-Identifier: Apache-2.0
 * test_mode.c: degraded modes as payments meet them (DEG-1, DEG-4, DEG-5): what is refused, hidden,
 * held and routed; several instances; what people say when the store fails; bad configurations.
 * The ladder itself is test_mode_cases.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/file.h"
#include "base/task.h"
#include "gateway/health.h"
#include "mode/mode_schema.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)

/* ---- saying ---- */

struct said {
    const struct mode_order *order;
    const struct mode_switching *switching;
    struct mode_simplifying *simplifying;
};

static int say_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct said *said = ctx;
    return said->order != NULL       ? mode_set(W->mode, tx, said->order, err)
           : said->switching != NULL ? mode_switch(W->mode, tx, said->switching, err)
                                     : mode_simplify(W->mode, tx, said->simplifying, err);
}

static int say(struct said said) {
    W->err = (struct err){0};
    int r = store_write(W->engine.store, say_tx, &said, &W->err);
    return r < 0 ? r : mode_reload(W->mode, &W->err);
}

static int hand(enum mode_step step, bool end_read_only) {
    const struct mode_order order = {.automatic = step == MODE_NORMAL,
                                     .step = step,
                                     .hand = HAND_EXACTLY,
                                     .end_read_only = end_read_only,
                                     .actor = "user:usr_1",
                                     .reason = "incident 7"};
    return say((struct said){.order = &order});
}

static int turn(enum mode_switch_kind kind, const char *name, bool off) {
    const struct mode_switching switching = {
        .kind = kind, .name = name, .off = off, .actor = "user:usr_1", .reason = "incident 7"};
    return say((struct said){.switching = &switching});
}

static struct mode_simplifying simplify(bool on) {
    struct mode_simplifying simplifying = {.on = on, .actor = "cli", .reason = "incident 7"};
    assert_int_equal(say((struct said){.simplifying = &simplifying}), 0);
    return simplifying;
}

/* ---- read only ---- */

static void read_only_refuses_with_a_time_to_come_again_and_writes_nothing(void **state) {
    payment_world_modes(W);
    assert_int_equal(hand(MODE_READ_ONLY, false), 0);
    assert_refused(W, world_create(W, "k1", "o-1", 1999), ERR_READ_ONLY);
    assert_non_null(strstr(W->err.detail, "incident 7"));
    assert_non_null(strstr(W->err.hint, "30 s"));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM idempotency"), 0);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    assert_int_equal(hand(MODE_NORMAL, true), 0);
    assert_done(W, world_create(W, "k1", "o-1", 1999), 201, "succeeded");
    world_check(W);
}

static void read_only_refuses_everything_else_that_moves_money(void **state) {
    char *paid = world_paid(W, "o-1", 1999), *held = world_authorized(W, "o-2", 500);
    payment_world_modes(W);
    assert_int_equal(hand(MODE_READ_ONLY, false), 0);
    assert_refused(W, world_refund(W, "k1", paid, 100), ERR_READ_ONLY);
    assert_refused(W, world_capture(W, "k2", held, 500, true), ERR_READ_ONLY);
    assert_refused(W, world_cancel(W, "k3", held), ERR_READ_ONLY);
    assert_refused(W, world_choose(W, "k4", held, "pm_portable"), ERR_READ_ONLY);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation"), 0);
    assert_int_equal(hand(MODE_NORMAL, true), 0);
    json_decref(world_refund(W, "k1", paid, 100));
    assert_int_equal(W->result, 0);
    free(paid);
    free(held);
    world_check(W);
}

static void without_a_ladder_everything_is_taken(void **state) {
    struct mode_admission admission;
    struct mode_view view;
    mode_admits(NULL, PURPOSE_ORDER, METHOD_CARD, &admission);
    assert_int_equal(admission.verdict, MODE_TAKEN);
    assert_int_equal(mode_may_change(NULL, &W->err), 0);
    mode_view(NULL, &view);
    assert_int_equal(view.step, MODE_NORMAL);
}

/* ---- purposes and methods ---- */

static json_t *pay_for(const char *key, const char *order_id, enum payment_purpose purpose) {
    struct payment_order order = world_order(order_id, 700);
    order.purpose = purpose;
    return world_pay(W, key, &order);
}

static void a_paused_purpose_is_refused_and_its_key_is_free(void **state) {
    payment_world_modes(W);
    assert_int_equal(turn(SWITCH_PURPOSE, "topup", true), 0);
    assert_refused(W, pay_for("k1", "o-1", PURPOSE_TOPUP), ERR_PAUSED);
    assert_non_null(strstr(W->err.detail, "incident 7"));
    assert_done(W, pay_for("k2", "o-2", PURPOSE_ORDER), 201, "succeeded");
    assert_int_equal(turn(SWITCH_PURPOSE, "topup", false), 0);
    assert_done(W, pay_for("k1", "o-1", PURPOSE_TOPUP), 201, "succeeded");
    world_check(W);
}

static void a_repeat_of_what_was_taken_before_the_pause_is_answered(void **state) {
    payment_world_modes(W);
    assert_done(W, pay_for("k1", "o-1", PURPOSE_TOPUP), 201, "succeeded");
    assert_int_equal(turn(SWITCH_PURPOSE, "topup", true), 0);
    assert_done(W, pay_for("k1", "o-1", PURPOSE_TOPUP), 201, "succeeded");
    assert_true(W->replayed);
}

static void a_method_that_is_switched_off_asks_for_another_one(void **state) {
    payment_world_modes(W);
    assert_int_equal(turn(SWITCH_METHOD, "card", true), 0);
    json_t *json = world_create(W, "k1", "o-1", 1999);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json, "action.type"), "choose_method");
    assert_int_equal(fake_calls(FAKE, 0, "*") + fake_calls(FAKE, 1, "*"), 0);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    /* The very payment goes on when the method is back. */
    assert_int_equal(turn(SWITCH_METHOD, "card", false), 0);
    assert_done(W, world_choose(W, "k2", id, "pm_portable"), 201, "succeeded");
    free(id);
    world_check(W);
}

static void the_route_says_that_the_method_is_switched_off(void **state) {
    payment_world_modes(W);
    assert_int_equal(turn(SWITCH_METHOD, "card", true), 0);
    struct mode_route route;
    mode_route(W->mode, PURPOSE_ORDER, METHOD_CARD, &route);
    struct route_request request = {.payment_id = "pay_1",
                                    .method = METHOD_CARD,
                                    .currency = {"USD"},
                                    .amount_minor = 100,
                                    .region = "",
                                    .portable_token = "pm",
                                    .closed = route.closed,
                                    .only = route.only};
    struct route_plan plan;
    router_plan(W->router, &request, &plan);
    assert_int_equal(plan.eligible_count, 0);
    assert_string_equal(plan.candidates[0].reason, "card is switched off: incident 7");
}

static void a_method_hidden_by_its_breakers_is_left_to_the_router(void **state) {
    payment_world_modes(W);
    fake_say_all(FAKE, "charge", -1, FAKE_REFUSE);
    for (int i = 0; i < 12; i++) {
        char order[20];
        snprintf(order, sizeof order, "o-%d", i);
        json_decref(world_create(W, NULL, order, 100));
        test_clock_advance(US_PER_SECOND);
        world_tick(W);
    }
    struct mode_view view;
    mode_view(W->mode, &view);
    assert_true(view.hidden[METHOD_CARD]);
    /* It is back, and whoever comes all the same is served before the page shows it again. */
    fake_say_nothing(FAKE);
    test_clock_advance(120 * US_PER_SECOND);
    struct payment_order order = world_order("o-back", 100);
    order.purpose = PURPOSE_ORDER;
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    mode_view(W->mode, &view);
    assert_true(view.hidden[METHOD_CARD]);
    assert_string_equal(json_at(json, "state"),
                        view.step == MODE_DEFERRED ? "requires_action" : "succeeded");
    json_decref(json);
    world_check(W);
}

/* ---- deferred ---- */

static void an_order_is_held_while_nothing_can_be_taken(void **state) {
    payment_world_modes(W);
    assert_int_equal(hand(MODE_DEFERRED, false), 0);
    json_t *json = world_create(W, "k1", "o-1", 1999);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json, "action.type"), "pay_later");
    json_decref(json);
    /* A renewal has nobody who would pay it later. */
    json = pay_for("k2", "o-2", PURPOSE_SUBSCRIPTION);
    assert_non_null(json);
    assert_string_not_equal(json_at(json, "action.type"), "pay_later");
    json_decref(json);
    assert_int_equal(fake_calls(FAKE, 0, "*"), 0);
    assert_int_equal(hand(MODE_NORMAL, false), 0);
    assert_done(W, world_create(W, "k3", "o-3", 1999), 201, "succeeded");
}

/* ---- the simplified flow ---- */

static const char every_payment_is_denied[] =
    "risk:\n  rules:\n    - {name: all, says: Everything, action: deny, all: [{vip: false}]}\n";

static void the_simplified_flow_takes_core_payments_by_one_route_unchecked(void **state) {
    struct mode_route_config route[] = {{(char[]){"card"}, (char[]){"stripe-b"}}};
    W->modes.simplified.route = route;
    W->modes.simplified.route_count = 1;
    payment_world_rules(W, every_payment_is_denied);
    payment_world_modes(W);
    assert_done(W, world_create(W, "k1", "o-1", 100), 201, "failed");
    struct mode_simplifying on = simplify(true);
    assert_true(on.ret_changed && on.ret_pause_renewals && !on.ret_resume_renewals);
    assert_done(W, world_create(W, "k2", "o-2", 100), 201, "succeeded");
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 0);
    assert_int_equal(fake_calls(FAKE, 1, "charge"), 1);
    assert_refused(W, pay_for("k3", "o-3", PURPOSE_TOPUP), ERR_PAUSED);
    /* Its one gateway refuses: no other is asked. */
    fake_say(FAKE, 1, "charge", 1, FAKE_REFUSE);
    assert_done(W, world_create(W, "k4", "o-4", 100), 201, "requires_action");
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 0);
    struct mode_simplifying off = simplify(false);
    assert_true(off.ret_changed && !off.ret_resume_renewals);
    assert_done(W, world_create(W, "k5", "o-5", 100), 201, "failed");
    world_check(W);
}

/* Two of the same priority share by weight; in the simplified flow the first by name takes all. */
static void the_simplified_flow_s_route_does_not_depend_on_the_payment(void **state) {
    struct gateway_settings settings[2];
    struct gateway_registry *registry = NULL;
    struct gateway_control *control = NULL;
    struct router *router = NULL;
    for (int i = 0; i < 2; i++) {
        settings[i] = (struct gateway_settings){
            .name = i == 0 ? "stripe-x" : "stripe-y",
            .adapter = "stripe",
            .base_url = "http://127.0.0.1:7901",
            .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
            .credential_count = 2,
            .weight = i == 0 ? 100 : 900};
    }
    assert_int_equal(gateway_registry_open(settings, 2, &registry, &W->err), 0);
    assert_int_equal(gateway_control_open(W->engine.store, registry, &control, &W->err), 0);
    assert_int_equal(router_new(registry, control, NULL, 0, &router, &W->err), 0);
    int firsts[2] = {0};
    for (int i = 0; i < 200; i++) {
        struct payment_id id = payment_id_new();
        struct route_plan plan;
        struct route_request request = {.payment_id = id.text,
                                        .method = METHOD_CARD,
                                        .currency = {"USD"},
                                        .amount_minor = 100,
                                        .region = "",
                                        .portable_token = "pm",
                                        .fixed = i % 2 == 0};
        router_plan(router, &request, &plan);
        firsts[i % 2] += strcmp(plan.candidates[0].gateway->name, "stripe-x") == 0;
    }
    assert_int_equal(firsts[0], 100);
    assert_in_range(firsts[1], 1, 60);
    router_free(router);
    gateway_control_close(control);
    gateway_registry_close(registry);
}

static int risk_off_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const bool *on = ctx;
    return risk_switch(W->risk, tx, *on, "user:usr_2", "by somebody else", err);
}

static void check_is(bool on) {
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM setting WHERE key = 'risk_switch' AND "
                                  "value = 'off'"),
                     on ? 0 : 1);
}

static void the_simplified_flow_gives_back_only_what_it_switched(void **state) {
    bool off = false, on = true;
    payment_world_rules(W, every_payment_is_denied);
    payment_world_modes(W);
    /* It was off before: it stays off. */
    assert_int_equal(store_write(W->engine.store, risk_off_tx, &off, &W->err), 0);
    simplify(true);
    simplify(false);
    check_is(false);
    /* Somebody has switched it on meanwhile: nothing is to be given back. */
    assert_int_equal(store_write(W->engine.store, risk_off_tx, &on, &W->err), 0);
    simplify(true);
    check_is(false);
    assert_int_equal(store_write(W->engine.store, risk_off_tx, &on, &W->err), 0);
    int64_t entries = world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'risk.%'");
    simplify(false);
    check_is(true);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'risk.%'"),
                     entries);
    /* And with nobody between, it comes back. */
    simplify(true);
    check_is(false);
    simplify(false);
    check_is(true);
    assert_text(W, "SELECT simplified_did FROM mode_state", ",");
}

/* ---- events, audit ---- */

static void each_change_is_told_and_audited_once(void **state) {
    payment_world_modes(W);
    assert_int_equal(hand(MODE_REDUCED, false), 0);
    assert_int_equal(turn(SWITCH_METHOD, "card", true), 0);
    for (int i = 0; i < 5; i++) {
        world_tick(W);
    }
    assert_text(W, "SELECT type FROM event WHERE payment_id = 'mode' AND sequence = 1",
                "mode.changed");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE payment_id = 'mode'"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE payment_id = 'methods'"), 1);
    assert_text(W,
                "SELECT actor || ' ' || action || ' ' || subject FROM audit_entry WHERE number "
                "= 1",
                "user:usr_1 mode.set mode");
    assert_text(W,
                "SELECT actor || ' ' || action || ' ' || subject FROM audit_entry WHERE number "
                "= 2",
                "user:usr_1 switch.off method/card");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 2);
}

static void a_reason_is_needed_and_a_time_to_come(void **state) {
    payment_world_modes(W);
    struct mode_order order = {
        .step = MODE_REDUCED, .hand = HAND_AT_LEAST, .actor = "cli", .reason = ""};
    assert_int_equal(say((struct said){.order = &order}), -ERR_VALIDATION);
    order.reason = "incident 7";
    order.until_us = clock_wall_us() - 1;
    assert_int_equal(say((struct said){.order = &order}), -ERR_VALIDATION);
    assert_string_equal(W->err.place, "/until");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 0);
}

/* ---- the store fails ---- */

static int fail_at, statements;

static int fault(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return ++statements == fail_at ? -ERR_STORE : 0;
}

static int64_t traces(void) {
    return world_int(W, "SELECT (SELECT COUNT(*) FROM mode_change) + (SELECT COUNT(*) FROM "
                        "audit_entry) + (SELECT COUNT(*) FROM event)");
}

static void what_people_say_is_written_whole_or_not_at_all(void **state) {
    payment_world_modes(W);
    world_tick(W);
    for (fail_at = 1; fail_at < 60; fail_at++) {
        struct mode_order order = {.step = MODE_DEFERRED,
                                   .hand = HAND_EXACTLY,
                                   .actor = "user:usr_1",
                                   .reason = "incident 7"};
        int64_t before = traces();
        statements = 0;
        store_fault_set(W->engine.store, fault, NULL);
        struct said said = {.order = &order};
        int r = store_write(W->engine.store, say_tx, &said, &W->err);
        store_fault_set(W->engine.store, NULL, NULL);
        if (r >= 0 || r == -ERR_STORE_UNKNOWN) { /* told that nobody knows, and it was kept */
            assert_int_equal(traces(), 3);
            break;
        }
        assert_int_equal(traces(), before);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mode_state WHERE hand <> 0"), 0);
    }
    assert_in_range(fail_at, 5, 59);
}

/* ---- several instances ---- */

enum { INSTANCES = 2 };
static struct instance {
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct mode *mode;
} instances[INSTANCES];

static int tell(void *ctx, struct store_tx *tx, const char *subject, int64_t number,
                const char *type, const char *data_json, struct err *err) {
    (void)ctx;
    return event_tell(W->payments, tx, subject, number, type, data_json, err);
}

static void begin_instances(void) {
    static const struct gateway_settings settings[] = {
        {.name = "stripe-a",
         .adapter = "stripe",
         .base_url = "http://127.0.0.1:7901",
         .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
         .credential_count = 2},
    };
    for (int i = 0; i < INSTANCES; i++) {
        struct instance *one = &instances[i];
        assert_int_equal(gateway_registry_open(settings, 1, &one->registry, &W->err), 0);
        assert_int_equal(
            gateway_control_open(W->engine.store, one->registry, &one->control, &W->err), 0);
        const struct mode_options options = {
            .store = W->engine.store, .registry = one->registry, .control = one->control};
        assert_int_equal(mode_open(&options, &one->mode, &W->err), 0);
        mode_on_change(one->mode, tell, NULL);
    }
}

static void end_instances(void) {
    for (int i = 0; i < INSTANCES; i++) {
        mode_close(instances[i].mode);
        gateway_control_close(instances[i].control);
        gateway_registry_close(instances[i].registry);
    }
}

static void call_of(int instance, bool fails) {
    struct gateway_health *health = gateway_at(instances[instance].registry, 0)->health;
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = fails ? GW_UNAVAILABLE : GW_CHARGED;
    enum admission admission = gateway_health_admit(health, METHOD_CARD, OP_CHARGE, why,
                                                    sizeof why);
    if (admission != ADMIT_NO) {
        gateway_health_report(health, METHOD_CARD, OP_CHARGE, admission, &result);
    }
}

static void tick_of(void *arg) {
    struct err err = {0};
    if (mode_tick(((struct instance *)arg)->mode, &err) < 0) {
        print_error("%s\n", err.detail);
        abort();
    }
}

/* Both at the same moment, each second. */
static void seconds(int count, const bool fails[INSTANCES], const bool calls[INSTANCES]) {
    for (int s = 0; s < count; s++) {
        struct task *tasks[INSTANCES];
        for (int i = 0; i < INSTANCES; i++) {
            for (int n = 0; calls[i] && n < 6; n++) {
                call_of(i, fails[i]);
            }
            tasks[i] = task_start("tick", 0, tick_of, &instances[i]);
        }
        for (int i = 0; i < INSTANCES; i++) {
            task_join(tasks[i]);
        }
        test_clock_advance(US_PER_SECOND);
    }
}

static enum mode_step step_of(int instance) {
    struct mode_view view;
    mode_view(instances[instance].mode, &view);
    return view.step;
}

static void two_instances_agree_and_write_each_change_once(void **state) {
    static const bool both[] = {true, true}, none[] = {false, false};
    begin_instances();
    seconds(5, none, both);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mode_change"), 0);
    seconds(25, both, both);
    assert_int_equal(step_of(0), MODE_DEFERRED);
    assert_int_equal(step_of(1), MODE_DEFERRED);
    seconds(120, none, both);
    assert_int_equal(step_of(0), MODE_NORMAL);
    assert_int_equal(step_of(1), MODE_NORMAL);
    int64_t changes = world_int(W, "SELECT COUNT(*) FROM mode_change");
    assert_in_range(changes, 3, 8);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE payment_id = 'mode'"), changes);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mode_change WHERE from_step = to_step"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE payment_id = 'methods'"), 2);
    end_instances();
}

/* SQLite is used by one process alone. */
static void one_instance_s_trouble_hides_nothing_from_everybody(void **state) {
    static const bool both[] = {true, true}, first[] = {true, false};
    if (W->engine.engine == STORE_SQLITE) {
        skip();
    }
    begin_instances();
    seconds(40, first, both);
    assert_int_equal(step_of(0), MODE_REROUTE);
    assert_int_equal(step_of(1), MODE_REROUTE);
    struct mode_view view;
    mode_view(instances[0].mode, &view);
    assert_false(view.hidden[METHOD_CARD]);
    end_instances();
}

static void an_instance_that_nobody_asks_has_no_vote(void **state) {
    static const bool first[] = {true, false};
    if (W->engine.engine == STORE_SQLITE) {
        skip();
    }
    begin_instances();
    seconds(25, first, first);
    assert_int_equal(step_of(0), MODE_DEFERRED);
    assert_int_equal(step_of(1), MODE_DEFERRED);
    end_instances();
}

/* ---- configuration ---- */

struct file {
    struct mode_config modes;
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_MAPPING("modes", CYAML_FLAG_OPTIONAL, struct file, modes, mode_config_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

static int open_with(const char *text) {
    void *file = NULL;
    struct mode *mode = NULL;
    W->err = (struct err){0};
    int r = config_read("holdfast.yaml", text, strlen(text), &file_value, &file, &W->err);
    if (r >= 0) {
        const struct mode_options options = {.store = W->engine.store,
                                             .registry = W->registry,
                                             .control = W->control,
                                             .config = &((struct file *)file)->modes};
        r = mode_open(&options, &mode, &W->err);
    }
    mode_close(mode);
    config_free(&file_value, file);
    return r;
}

static void a_configuration_that_cannot_be_meant_is_refused(void **state) {
    static const char *const wrong[] = {
        "modes: {reroute: {enter_s: 3601}}",
        "modes: {deferred: {exit_s: -1}}",
        "modes: {reduced: {after_s: 5}}",
        "modes: {not_enough: [cash]}",
        "modes: {not_enough: []}",
        "modes: {simplified: {core: [donation]}}",
        "modes: {simplified: {route: [{method: card, gateway: nobody}]}}",
        "modes: {simplified: {route: [{method: alipay, gateway: stripe-a}]}}",
        "modes: {simplified: {route: [{method: card}]}}",
        "modes:\n  simplified:\n    route: &a [{method: card, gateway: stripe-a}]",
        "modes: {step: deferred}",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (open_with(wrong[i]) != -ERR_CONFIG) {
            fail_msg("it was taken: %s", wrong[i]);
        }
    }
    /* One method, two routes. */
    assert_int_equal(open_with("modes:\n  simplified:\n    route:\n      - {method: card, gateway: "
                               "stripe-a}\n      - {method: card, gateway: stripe-b}\n"),
                     -ERR_CONFIG);
    assert_string_equal(W->err.place, "modes.simplified.route");
    assert_int_equal(open_with("modes:\n  reroute: {enter_s: 0, exit_s: 60}\n  not_enough: "
                               "[bank_transfer]\n  simplified:\n    core: [order, topup]\n    "
                               "route: [{method: card, gateway: stripe-b}]\n"),
                     0);
}

/* ---- the page that people read at three in the morning ---- */

static void the_documentation_has_a_row_for_each_step(void **state) {
    static char text[64 * 1024];
    static const struct {
        const char *name, *condition, *effect, *owner;
        int enter_s, exit_s;
    } rows[] = {
#define X(name, number, text, enter_s, exit_s, condition, effect, owner)                           \
    {(text), (condition), (effect), (owner), (enter_s), (exit_s)},
#include "mode/mode_steps.def"
#undef X
    };
    size_t count = 0;
    if (file_read(TESTS_DIR "/../docs/degraded-modes.md", text, sizeof text - 1, &count, &W->err) <
        0) {
        fail_msg("%s", W->err.detail);
    }
    text[count] = '\0';
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[700];
        snprintf(row, sizeof row, "| `%s` | %s | %d s | %d s | %s | %s |\n", rows[i].name,
                 rows[i].condition, rows[i].enter_s, rows[i].exit_s, rows[i].effect, rows[i].owner);
        if (strstr(text, row) == NULL) {
            fail_msg("docs/degraded-modes.md lacks the row: %s", row);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_only_refuses_with_a_time_to_come_again_and_writes_nothing),
        cmocka_unit_test(read_only_refuses_everything_else_that_moves_money),
        cmocka_unit_test(without_a_ladder_everything_is_taken),
        cmocka_unit_test(a_paused_purpose_is_refused_and_its_key_is_free),
        cmocka_unit_test(a_repeat_of_what_was_taken_before_the_pause_is_answered),
        cmocka_unit_test(a_method_that_is_switched_off_asks_for_another_one),
        cmocka_unit_test(the_route_says_that_the_method_is_switched_off),
        cmocka_unit_test(a_method_hidden_by_its_breakers_is_left_to_the_router),
        cmocka_unit_test(an_order_is_held_while_nothing_can_be_taken),
        cmocka_unit_test(the_simplified_flow_takes_core_payments_by_one_route_unchecked),
        cmocka_unit_test(the_simplified_flow_s_route_does_not_depend_on_the_payment),
        cmocka_unit_test(the_simplified_flow_gives_back_only_what_it_switched),
        cmocka_unit_test(each_change_is_told_and_audited_once),
        cmocka_unit_test(a_reason_is_needed_and_a_time_to_come),
        cmocka_unit_test(what_people_say_is_written_whole_or_not_at_all),
        cmocka_unit_test(two_instances_agree_and_write_each_change_once),
        cmocka_unit_test(one_instance_s_trouble_hides_nothing_from_everybody),
        cmocka_unit_test(an_instance_that_nobody_asks_has_no_vote),
        cmocka_unit_test(a_configuration_that_cannot_be_meant_is_refused),
        cmocka_unit_test(the_documentation_has_a_row_for_each_step),
    };
    payment_world_init();
    return payment_world_run("mode", tests, COUNT_OF(tests));
}
