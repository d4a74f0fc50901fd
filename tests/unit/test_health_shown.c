/* SPDX-License-Identifier: Apache-2.0
 * test_health_shown.c: how each gateway's charges fare, in `GET /payment/health`: over an outage
 * and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/health.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

static struct gateway *gateway_named(const char *name) {
    return gateway_find(the_api.service->registry, name);
}

static void charge(const char *name, enum payment_method method, enum gateway_outcome outcome) {
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = outcome;
    struct gateway_health *health = gateway_named(name)->health;
    enum admission admission = gateway_health_admit(health, method, OP_CHARGE, why, sizeof why);
    assert_int_not_equal(admission, ADMIT_NO);
    gateway_health_report(health, method, OP_CHARGE, admission, &result);
}

static void fail_five(const char *name, enum payment_method method) {
    for (int i = 0; i < 5; i++) {
        charge(name, method, GW_UNAVAILABLE);
    }
}

/* The whole service and that gateway. */
static void shown(int status, const char *service, const char *name, bool up, const char *charges) {
    API_REPLY_AUTO reply;
    size_t i;
    const json_t *one;
    api_ask(&the_api, &(struct api_ask){.path = "/payment/health"}, &reply);
    assert_int_equal(reply.status, status);
    assert_string_equal(reply_text(&reply, "status"), service);
    json_array_foreach(json_object_get(reply.json, "gateways"), i, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) {
            assert_string_equal(json_string_value(json_object_get(one, "charges")), charges);
            assert_int_equal(json_is_true(json_object_get(one, "up")), up);
            return;
        }
    }
    fail_msg("%s is not shown", name);
}

static void a_gateway_is_shown_over_an_outage_and_back(void **state) {
    shown(200, "ok", "paypal-a", true, "passing");
    fail_five("paypal-a", METHOD_PAYPAL);
    shown(200, "degraded", "paypal-a", false, "failing");
    test_clock_advance(5 * US_PER_SECOND);
    shown(200, "degraded", "paypal-a", true, "on_trial"); /* the next one tries */
    charge("paypal-a", METHOD_PAYPAL, GW_CHARGED);
    shown(200, "degraded", "paypal-a", true, "on_trial"); /* and the next one waits */
    for (int i = 0; i < 4; i++) {
        test_clock_advance(500 * US_PER_MS);
        charge("paypal-a", METHOD_PAYPAL, GW_CHARGED);
    }
    for (int i = 0; i < 3; i++) {
        shown(200, "ok", "paypal-a", true, "recovering");
        charge("paypal-a", METHOD_PAYPAL, GW_CHARGED);
    }
    test_clock_advance(30 * US_PER_SECOND);
    shown(200, "ok", "paypal-a", true, "passing");
}

static void the_service_is_down_when_no_gateway_takes_charges(void **state) {
    static const char *const names[] = {"stripe-a", "stripe-b"};
    fail_five("paypal-a", METHOD_PAYPAL);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        shown(200, "degraded", names[i], true, "passing");
        for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
            if (gateway_named(names[i])->methods[m]) {
                fail_five(names[i], (enum payment_method)m);
            }
        }
    }
    shown(503, "down", "stripe-b", false, "failing");
    /* Else who looks here before he sends anybody would never send the one who tries. */
    test_clock_advance(5 * US_PER_SECOND);
    shown(200, "degraded", "stripe-b", true, "on_trial");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gateway_is_shown_over_an_outage_and_back, the_api_start,
                                        the_api_stop),
        cmocka_unit_test_setup_teardown(the_service_is_down_when_no_gateway_takes_charges,
                                        the_api_start, the_api_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
