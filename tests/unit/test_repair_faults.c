/* SPDX-License-Identifier: Apache-2.0
 * test_repair_faults.c: every store call, every commit and every gateway call of a repair is made
 * to fail in turn, from the run that finds the break to the break that is closed; and the gateway
 * answers wrongly (repair_flows.h). All of it on SQLite; on PostgreSQL, where the logic is the same
 * and each call costs more, every ninth. */
#include "repair_flows.h"

static bool tried(int64_t number, int every) {
    bool all = W->engine.engine == STORE_SQLITE || number % 9 == 4;
    return all && sampled(number, every);
}

/* ---- store faults ---- */

static int fail_store(void *ctx, const char *sql) {
    struct store_fault *fault = ctx;
    int number = atomic_fetch_add(&fault->seen, 1) + 1;
    if (number != fault->first) {
        return 0;
    }
    snprintf(fault->failed, sizeof fault->failed, "%.60s", sql);
    return 1;
}

static int with_store_fault(const struct flow *flow, int number) {
    struct store_fault fault = {.first = number};
    begin(flow);
    store_fault_set(W->engine.store, fail_store, &fault);
    run();
    store_fault_set(W->engine.store, NULL, NULL);
    snprintf(trying, sizeof trying, "\"%s\", store call %d (%s)", flow->name, number, fault.failed);
    end(flow, false);
    return atomic_load(&fault.seen);
}

/* There are some hundred in each flow, most of them the run's own: every seventh, from another one
 * in each flow. */
static void each_store_call_fails_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        if (flows[i].prepare == prepare_told) {
            continue; /* the calls of the others; where it may stop shows at its commits */
        }
        int calls = with_store_fault(&flows[i], 0);
        assert_true(calls > 20);
        for (int k = 1 + (int)i; k <= calls; k += 7) {
            if (tried(k, 5)) {
                (void)with_store_fault(&flows[i], k);
            }
        }
    }
}

/* From each commit on nothing works, and the process ends there. */
static void the_process_dies_at_each_commit(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int commits = 1;
        for (int k = 0; k <= commits; k++) {
            if (k > 0 && !tried(k + (int)i, 5)) {
                continue;
            }
            struct store_fault fault = {.first = k};
            begin(&flows[i]);
            snprintf(trying, sizeof trying, "\"%s\", the end at commit %d", flows[i].name, k);
            store_fault_set(W->engine.store, fail_after, &fault);
            run();
            store_fault_set(W->engine.store, NULL, NULL);
            payment_world_restart(W);
            up_again();
            commits = k == 0 ? atomic_load(&fault.seen) : commits;
            end(&flows[i], flows[i].others);
        }
        assert_true(commits >= 5);
    }
}

/* ---- gateway faults ---- */

static int with_gateway_fault(const struct flow *flow, int number, enum fake_act act) {
    begin(flow);
    int refunds = fake_calls(FAKE, 0, "refund");
    fake_fault_at(FAKE, number, act);
    run();
    int calls = fake_calls_counted(FAKE);
    fake_fault_at(FAKE, 0, FAKE_DO);
    if (act == FAKE_PENDING && fake_calls(FAKE, 0, "refund") > refunds) {
        fake_refund_becomes(FAKE, 0, "order", "succeeded"); /* what it was at takes its time */
    }
    snprintf(trying, sizeof trying, "\"%s\", gateway call %d: %s", flow->name, number,
             fake_act_name(act));
    /* It may have refused a return for a reason that will pass: no other one is tried by a rule,
     * since the first might yet be done. And what it says wrongly is believed. */
    bool back = flow->judge == judge_twice || flow->judge == judge_two ||
                flow->prepare == prepare_unknown;
    end(flow, back || act > FAKE_ACT_FAULTS);
    return calls;
}

static void each_gateway_call_fails_in_each_way(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = with_gateway_fault(&flows[i], 0, FAKE_DO);
        assert_true(calls >= 1);
        for (int k = 1; k <= calls; k++) {
            for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
                if (tried(k + (int)i + act, 4)) {
                    (void)with_gateway_fault(&flows[i], k, (enum fake_act)act);
                }
            }
        }
    }
}

/* What it answers is not so: that it knows nothing, that it waits, another amount or currency. */
static void each_gateway_call_is_answered_wrongly(void **state) {
    (void)state;
    static const enum fake_act acts[] = {FAKE_NOT_FOUND,      FAKE_PENDING, FAKE_LESS,
                                         FAKE_WRONG_CURRENCY, FAKE_DECLINE, FAKE_NO_CAPTURES};
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = with_gateway_fault(&flows[i], 0, FAKE_DO);
        for (int k = 1; k <= calls; k++) {
            for (size_t act = 0; act < COUNT_OF(acts); act++) {
                if (tried(k + (int)(i + act), 4)) {
                    (void)with_gateway_fault(&flows[i], k, acts[act]);
                }
            }
        }
    }
}

/* ---- caps ---- */

#define STOPPED "SELECT COUNT(*) FROM repair_switch WHERE stopped = 1"

/* Each rule has done as much as it may on this day. */
static void use_up(void) {
    for (int i = 0; i < rules->count; i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "INSERT INTO repair_spent (rule, day, currency, amount_minor) VALUES ('%s', %lld, "
                 "'', 50)",
                 rules->rules[i].name, (long long)(clock_wall_us() / DAY_US));
        assert_true(engine_exec(&W->engine, sql) >= 0);
    }
}

/* Nothing is taken on, nothing moves, and a person has it; when he has made room and started the
 * rules again it is done. The process may die at any commit of the stop. */
static void a_cap_stops_every_flow_until_a_person_starts_it_again(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int commits = 1;
        for (int k = 0; k <= commits; k++) {
            struct store_fault fault = {.first = k};
            if (k > 0 && ((k + (int)i) % 3 != 0 || !tried(k / 3, 4))) {
                continue;
            }
            begin(&flows[i]);
            snprintf(trying, sizeof trying, "\"%s\", a cap, the end at commit %d", flows[i].name,
                     k);
            use_up();
            store_fault_set(W->engine.store, fail_after, &fault);
            run();
            store_fault_set(W->engine.store, NULL, NULL);
            commits = k == 0 ? atomic_load(&fault.seen) : commits;
            assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
            flows[i].judge(false);
            if (k == 0) {
                assert_int_equal(count(STOPPED), 1);
                assert_int_equal(count("SELECT COUNT(*) FROM ticket WHERE subject = 'stopped' AND "
                                       "state = 1"),
                                 1);
            }
            (void)engine_exec(&W->engine, "DELETE FROM repair_spent");
            if (k > 0) {
                payment_world_restart(W);
                up_again();
            }
            if (count(STOPPED) == 1) {
                struct caller caller = world_caller(NULL, "");
                ANSWER_AUTO answer = {0};
                must(repair_rules_start(recon, &caller, "there is room", &answer, &err));
            }
            ask_run("stripe-a"); /* more is taken on after the next one */
            end(&flows[i], flows[i].others);
        }
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_store_call_fails_once, tell),
        cmocka_unit_test_teardown(the_process_dies_at_each_commit, tell),
        cmocka_unit_test_teardown(each_gateway_call_fails_in_each_way, tell),
        cmocka_unit_test_teardown(each_gateway_call_is_answered_wrongly, tell),
        cmocka_unit_test_teardown(a_cap_stops_every_flow_until_a_person_starts_it_again, tell),
    };
    return payment_world_run("repair faults", tests, COUNT_OF(tests));
}
