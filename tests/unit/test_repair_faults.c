/* SPDX-License-Identifier: Apache-2.0
 * test_repair_faults.c: every store call, every commit and every gateway call of a repair is made
 * to fail in turn, from the run that finds the break to the break that is closed; and the gateway
 * answers wrongly (repair_flows.h). */
#include "repair_flows.h"

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
            if (sampled(k, 5)) {
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
            if (k > 0 && !sampled(k + (int)i, 5)) {
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
    fake_fault_at(FAKE, number, act);
    run();
    int calls = fake_calls_counted(FAKE);
    fake_fault_at(FAKE, 0, FAKE_DO);
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
                if (sampled(k + (int)i + act, 4)) {
                    (void)with_gateway_fault(&flows[i], k, (enum fake_act)act);
                }
            }
        }
    }
}

/* What it answers is not so: that it knows nothing, another amount or currency. */
static void each_gateway_call_is_answered_wrongly(void **state) {
    (void)state;
    static const enum fake_act acts[] = {FAKE_NOT_FOUND, FAKE_LESS, FAKE_WRONG_CURRENCY,
                                         FAKE_DECLINE, FAKE_NO_CAPTURES};
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        int calls = with_gateway_fault(&flows[i], 0, FAKE_DO);
        for (int k = 1; k <= calls; k++) {
            for (size_t act = 0; act < COUNT_OF(acts); act++) {
                if (sampled(k + (int)(i + act), 4)) {
                    (void)with_gateway_fault(&flows[i], k, acts[act]);
                }
            }
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
    };
    return payment_world_run("repair faults", tests, COUNT_OF(tests));
}
