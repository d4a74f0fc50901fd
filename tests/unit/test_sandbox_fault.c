/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_fault.c: faults as text and JSON, and when they strike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/fault.h"

static const int64_t no_latency[SB_GATEWAYS] = {0, 0};

static struct sb_fault read_spec(const char *spec) {
    struct sb_fault fault;
    enum sb_gateway gateway;
    struct err err = {0};
    if (sb_fault_read_spec(spec, &gateway, &fault, &err) < 0) {
        fail_msg("%s: %s", spec, err.detail);
    }
    return fault;
}

static void a_fault_is_read_from_text(void **state) {
    struct sb_fault fault;
    enum sb_gateway gateway;
    struct err err;
    assert_int_equal(sb_fault_read_spec("paypal:slow:operation=charge|refund,median_ms=300,p99_ms="
                                        "4000,probability=0.25,on_s=2,off_s=3,for_s=60,count=9",
                                        &gateway, &fault, &err),
                     0);
    assert_int_equal(gateway, SB_PAYPAL);
    assert_int_equal(fault.kind, SB_FAULT_SLOW);
    assert_int_equal(fault.operations, 1U << SB_OP_CHARGE | 1U << SB_OP_REFUND);
    assert_int_equal(fault.median_us, 300 * US_PER_MS);
    assert_int_equal(fault.p99_us, 4000 * US_PER_MS);
    assert_true(fault.probability == 0.25);
    assert_int_equal(fault.on_us, 2 * US_PER_SECOND);
    assert_int_equal(fault.for_us, 60 * US_PER_SECOND);
    assert_int_equal(fault.count, 9);
}

static void every_kind_is_read_and_written_back_the_same(void **state) {
    static const char *const kinds[] = {
#define X(name, text, group, help) "wechat:" text, /* which takes every kind */
#include "sandbox/fault_kinds.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct sb_fault fault = read_spec(kinds[i]), again;
        struct err err;
        BUF_AUTO text;
        buf_init(&text, 4096);
        assert_int_equal(fault.kind, i);
        fault.probability = 0.125;
        fault.status = 429;
        fault.operations = 1U << SB_OP_QUERY;
        sb_fault_write(&fault, &text);
        json_t *json = NULL;
        assert_int_equal(json_read(text.data, text.len, 4096, 8, &json, &err), 0);
        assert_int_equal(sb_fault_read_json(json, &again, &err), 0);
        json_decref(json);
        assert_memory_equal(&fault, &again, sizeof(fault));
    }
}

static void nonsense_is_refused_with_a_sentence(void **state) {
    static const char *const bad[] = {
        "",
        "stripe",
        "adyen:down",
        "stripe:explode",
        "stripe:down:probability=2",
        "stripe:down:probability=x",
        "stripe:down:operation=dance",
        "stripe:error:status=200",
        "stripe:slow:median_ms=-1",
        "stripe:slow:median_ms=1.5",
        "stripe:down:colour=red",
        "stripe:down:probability",
        "stripe:down:on_s=3",
        "stripe:error:code=a b",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sb_fault fault;
        enum sb_gateway gateway;
        struct err err = {0};
        if (sb_fault_read_spec(bad[i], &gateway, &fault, &err) != -ERR_VALIDATION ||
            err.detail[0] == '\0') {
            fail_msg("'%s' was not refused", bad[i]);
        }
    }
}

static void add(struct sb_faults *faults, const char *spec) {
    struct sb_fault fault = read_spec(spec);
    struct err err;
    assert_int_equal(sb_faults_add(faults, SB_STRIPE, &fault, &err), 0);
}

static void a_fault_strikes_only_its_operation(void **state) {
    struct sb_faults faults;
    struct sb_verdict verdict;
    sb_faults_init(&faults, 1, no_latency);
    sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
    assert_false(verdict.hit);
    add(&faults, "stripe:error:operation=refund,status=500,code=boom");
    sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
    assert_int_equal(verdict.status, 0);
    sb_faults_decide(&faults, SB_PAYPAL, SB_OP_REFUND, &verdict);
    assert_int_equal(verdict.status, 0);
    sb_faults_decide(&faults, SB_STRIPE, SB_OP_REFUND, &verdict);
    assert_int_equal(verdict.status, 500);
    assert_string_equal(verdict.code, "boom");
    sb_faults_release(&faults);
}

static void a_counted_fault_ends(void **state) {
    struct sb_faults faults;
    struct sb_verdict verdict;
    sb_faults_init(&faults, 1, no_latency);
    add(&faults, "stripe:timeout_after:count=2");
    for (int i = 0; i < 4; i++) {
        sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
        assert_int_equal(verdict.silent_after, i < 2);
    }
    sb_faults_release(&faults);
}

static void a_share_of_the_calls_is_struck_and_the_seed_says_which(void **state) {
    enum { CALLS = 4000 };
    char first[CALLS], second[CALLS];
    int struck = 0;
    for (int round = 0; round < 2; round++) {
        struct sb_faults faults;
        struct sb_verdict verdict;
        sb_faults_init(&faults, 42, no_latency);
        add(&faults, "stripe:decline:probability=0.3,code=insufficient_funds");
        for (int i = 0; i < CALLS; i++) {
            sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
            (round == 0 ? first : second)[i] = (char)(verdict.decline != NULL);
            struck += round == 0 && verdict.decline != NULL ? 1 : 0;
        }
        sb_faults_release(&faults);
    }
    assert_memory_equal(first, second, CALLS);
    assert_in_range(struck, CALLS * 27 / 100, CALLS * 33 / 100);
}

static int by_value(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

static void delays_have_the_median_and_tail_that_were_asked_for(void **state) {
    enum { CALLS = 20001 };
    static int64_t delays[CALLS];
    struct sb_faults faults;
    struct sb_verdict verdict;
    sb_faults_init(&faults, 7, no_latency);
    add(&faults, "stripe:slow:median_ms=100,p99_ms=1000");
    for (int i = 0; i < CALLS; i++) {
        sb_faults_decide(&faults, SB_STRIPE, SB_OP_QUERY, &verdict);
        delays[i] = verdict.delay_us;
    }
    qsort(delays, CALLS, sizeof(delays[0]), by_value);
    assert_in_range(delays[CALLS / 2], 95 * US_PER_MS, 105 * US_PER_MS);
    assert_in_range(delays[CALLS * 99 / 100], 850 * US_PER_MS, 1150 * US_PER_MS);
    assert_true(delays[0] > 0);
    sb_faults_release(&faults);
}

static void the_usual_latency_is_there_without_a_fault(void **state) {
    const int64_t latency[SB_GATEWAYS] = {120, 0};
    struct sb_faults faults;
    struct sb_verdict verdict;
    sb_faults_init(&faults, 7, latency);
    sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
    assert_true(verdict.delay_us > 0);
    assert_false(verdict.hit);
    sb_faults_decide(&faults, SB_PAYPAL, SB_OP_CHARGE, &verdict);
    assert_int_equal(verdict.delay_us, 0);
    assert_int_equal(sb_faults_latency_ms(&faults, SB_STRIPE), 120);
    sb_faults_release(&faults);
}

static void callbacks_have_faults_of_their_own(void **state) {
    struct sb_faults faults;
    struct sb_callback_verdict callback;
    struct sb_verdict verdict;
    sb_faults_init(&faults, 7, no_latency);
    add(&faults, "stripe:callback_late:seconds=3");
    add(&faults, "stripe:callback_duplicate:copies=2");
    add(&faults, "stripe:callback_forged");
    add(&faults, "stripe:callback_amount:amount_minor=-5");
    sb_faults_callback(&faults, SB_STRIPE, &callback);
    assert_int_equal(callback.delay_us, 3 * US_PER_SECOND);
    assert_int_equal(callback.copies, 2);
    assert_int_equal(callback.amount_minor, -5);
    assert_true(callback.forged);
    assert_false(callback.lost);
    sb_faults_decide(&faults, SB_STRIPE, SB_OP_CHARGE, &verdict);
    assert_false(verdict.hit);
    sb_faults_release(&faults);
}

static void there_is_a_limit_on_faults(void **state) {
    struct sb_faults faults;
    struct err err;
    sb_faults_init(&faults, 7, no_latency);
    for (int i = 0; i < SB_FAULTS_MAX; i++) {
        add(&faults, "stripe:down");
    }
    struct sb_fault fault = read_spec("stripe:down");
    assert_int_equal(sb_faults_add(&faults, SB_STRIPE, &fault, &err), -ERR_VALIDATION);
    assert_int_equal(sb_faults_set(&faults, SB_STRIPE, NULL, 0, &err), 0);
    assert_int_equal(sb_faults_add(&faults, SB_STRIPE, &fault, &err), 0);
    sb_faults_release(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_read_from_text),
        cmocka_unit_test(every_kind_is_read_and_written_back_the_same),
        cmocka_unit_test(nonsense_is_refused_with_a_sentence),
        cmocka_unit_test(a_fault_strikes_only_its_operation),
        cmocka_unit_test(a_counted_fault_ends),
        cmocka_unit_test(a_share_of_the_calls_is_struck_and_the_seed_says_which),
        cmocka_unit_test(delays_have_the_median_and_tail_that_were_asked_for),
        cmocka_unit_test(the_usual_latency_is_there_without_a_fault),
        cmocka_unit_test(callbacks_have_faults_of_their_own),
        cmocka_unit_test(there_is_a_limit_on_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
