/* SPDX-License-Identifier: Apache-2.0
 * test_billing_faults.c: a renewal with every store call and every gateway call made to fail in
 * turn, the process ending at every commit, and two instances doing the same one.
 *
 * Afterwards time passes until the renewal has come to its end; then each period was charged once,
 * none is missing, and no invariant of payments is broken. */
#include <stdatomic.h>

#include "billing_fixture.h"
#include "support/sample.h"

static struct ids renewing;

/* One that is paid, and due. */
static void prepare(void) {
    payment_world_forget(W);
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    renewing = subscribe(plan.text);
    (void)world_tick(W);
    assert_state(renewing.text, "active");
    test_clock_advance(DAYS(31) + HOURS(1));
}

static void judge(const char *trying) {
    store_fault_set(W->engine.store, NULL, NULL);
    for (int i = 0; i < 40 && charged(renewing, 2) == 0; i++) {
        pass(i < 10 ? 61 * US_PER_SECOND : HOURS(2));
    }
    world_settle_all(W);
    pass(HOURS(8));
    struct err err = {0};
    if (charged(renewing, 2) != 1 || store_read(W->engine.store, periods_fn, NULL, &err) < 0) {
        fail_msg("%s: charged %d times; %s", trying, charged(renewing, 2), err.detail);
    }
    assert_state(renewing.text, "active");
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 2"), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'subscription.renewed'"), 1);
    world_check(W);
}

static void tick(void) {
    struct err err = {0};
    (void)!payments_tick(W->payments, &err);
}

struct fault {
    atomic_int seen;
    int first;
    bool for_good, commits;
    char failed[64];
};

static int fail_store(void *ctx, const char *sql) {
    struct fault *fault = ctx;
    bool commit = strcmp(sql, "COMMIT") == 0 || strcmp(sql, "COMMITTED") == 0;
    if (fault->commits && !commit) {
        return fault->for_good && fault->first > 0 && atomic_load(&fault->seen) >= fault->first;
    }
    int number = atomic_fetch_add(&fault->seen, 1) + 1;
    bool hit = fault->for_good ? fault->first > 0 && number >= fault->first
                               : number == fault->first;
    if (hit && fault->failed[0] == '\0') {
        snprintf(fault->failed, sizeof fault->failed, "%.60s", sql);
    }
    return hit;
}

static int run_with(struct fault *fault, bool restart) {
    prepare();
    store_fault_set(W->engine.store, fail_store, fault);
    tick();
    store_fault_set(W->engine.store, NULL, NULL);
    if (restart) {
        payment_world_restart(W);
    }
    char trying[120];
    snprintf(trying, sizeof trying, "store call %d (%s)", fault->first, fault->failed);
    judge(trying);
    return atomic_load(&fault->seen);
}

static void a_renewal_outlives_each_store_call_that_fails(void **state) {
    struct fault none = {0};
    int calls = run_with(&none, false);
    assert_true(calls > 20);
    for (int k = 1; k <= calls; k++) {
        struct fault fault = {.first = k};
        if (sampled(k, 7)) {
            (void)run_with(&fault, false);
        }
    }
}

static void a_renewal_outlives_the_process_at_each_commit(void **state) {
    struct fault none = {.commits = true};
    int commits = run_with(&none, true);
    assert_true(commits > 6);
    for (int k = 1; k <= commits; k++) {
        struct fault fault = {.first = k, .commits = true, .for_good = true};
        if (sampled(k, 3)) {
            (void)run_with(&fault, true);
        }
    }
}

static void a_renewal_outlives_whatever_the_gateway_does(void **state) {
    for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
        for (int number = 1; number <= 2; number++) {
            prepare();
            fake_fault_at(FAKE, number, (enum fake_act)act);
            tick();
            fake_fault_at(FAKE, 0, FAKE_DO);
            judge(fake_act_name((enum fake_act)act));
        }
    }
}

/* ---- two at once ---- */

/* Another instance comes while the gateway is asked, its lease on the job notwithstanding. */
static struct {
    struct billing *billing;
    bool there;
    int runs;
} other;

static void comes_too(void *ctx, int account, const char *call, bool done) {
    (void)ctx;
    (void)account;
    if (other.there || strcmp(call, "charge") != 0) {
        return;
    }
    other.there = true;
    struct job job = {.payload = ""};
    struct err err = {0};
    int64_t again_us = 0;
    snprintf(job.key, sizeof job.key, "%s", renewing.text);
    int r = renewal_job(other.billing, &job, &again_us, &err);
    other.runs += r >= 0 || err.code != ERR_OK;
    other.there = done;
}

static void two_instances_renew_the_same_subscription_once(void **state) {
    for (int done = 0; done < 2; done++) {
        prepare();
        other.billing = W->billing;
        other.there = false;
        other.runs = 0;
        fake_hook(FAKE, comes_too, NULL);
        tick();
        fake_hook(FAKE, NULL, NULL);
        assert_true(other.runs > 0);
        assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
        judge("two instances");
    }
}

static void a_renewal_that_is_run_ten_times_is_charged_once(void **state) {
    prepare();
    for (int i = 0; i < 10; i++) {
        struct job job = {.payload = ""};
        struct err err = {0};
        int64_t again_us = 0;
        snprintf(job.key, sizeof job.key, "%s", renewing.text);
        assert_int_equal(renewal_job(W->billing, &job, &again_us, &err), 0);
        assert_true(again_us > clock_wall_us());
    }
    judge("ten runs");
}

static void a_job_of_what_is_not_there_ends(void **state) {
    struct job job = {.key = "sub_01JD5R6Q6Y0V3M8X2K4N7T9BCF", .payload = ""};
    struct err err = {0};
    int64_t again_us = 0;
    assert_int_equal(renewal_job(W->billing, &job, &again_us, &err), 0);
    assert_int_equal(again_us, 0);
}

/* Somebody pays for the order by hand, with the shop's key and the same name. */
static void a_period_whose_order_another_payment_holds_is_not_charged_beside_it(void **state) {
    prepare();
    char order_id[80];
    snprintf(order_id, sizeof order_id, "%s/2", renewing.text);
    struct payment_order order = world_order(order_id, 900);
    order.capture_later = true;
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    pass(HOURS(3));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
    json_decref(world_capture(W, NULL, id, 0, true));
    pass(HOURS(2));
    assert_state(renewing.text, "active");
    assert_int_equal(charged(renewing, 2), 1);
    free(id);
    check_periods();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_outlives_each_store_call_that_fails),
        cmocka_unit_test(a_renewal_outlives_the_process_at_each_commit),
        cmocka_unit_test(a_renewal_outlives_whatever_the_gateway_does),
        cmocka_unit_test(two_instances_renew_the_same_subscription_once),
        cmocka_unit_test(a_renewal_that_is_run_ten_times_is_charged_once),
        cmocka_unit_test(a_job_of_what_is_not_there_ends),
        cmocka_unit_test(a_period_whose_order_another_payment_holds_is_not_charged_beside_it),
    };
    return payment_world_run("renewals under faults", tests, COUNT_OF(tests));
}
