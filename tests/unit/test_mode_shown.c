/* SPDX-License-Identifier: Apache-2.0
 * test_mode_shown.c: the step of the ladder where one looks first, `GET /payment/health`: its name
 * for everybody, since when and why for operators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/api_fixture.h"

/* The `mode` of the health, as JSON text; the caller frees it. */
static char *mode_seen(bool internal) {
    API_REPLY_AUTO reply;
    api_ask(&the_api, &(struct api_ask){.path = "/payment/health", .internal = internal}, &reply);
    assert_int_equal(reply.status, 200);
    char *text = json_dumps(json_object_get(reply.json, "mode"), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    return text;
}

static void assert_mode(bool internal, const char *expected) {
    char *text = mode_seen(internal);
    assert_string_equal(text, expected);
    free(text);
}

static void post(const char *path, const char *body) {
    assert_int_equal(api_status(&the_api, &(struct api_ask){.method = "POST",
                                                            .path = path,
                                                            .internal = true,
                                                            .once = "*",
                                                            .body = body}),
                     200);
}

static void a_service_that_was_never_degraded_is_normal(void **state) {
    (void)state;
    assert_mode(false, "{\"step\":\"normal\"}");
    assert_mode(true, "{\"step\":\"normal\",\"since\":null,\"reason\":null,\"simplified\":false}");
}

static void operators_are_told_since_when_and_why_and_the_public_the_step_alone(void **state) {
    (void)state;
    int64_t before_us = clock_wall_us(), since_us = 0;
    post("/v1/mode", "{\"step\":\"reduced\",\"reason\":\"stripe-a is slow, incident 7\"}");
    assert_mode(false, "{\"step\":\"reduced\"}");
    char *text = mode_seen(true);
    json_t *mode = json_loads(text, 0, NULL);
    free(text);
    assert_string_equal(json_string_value(json_object_get(mode, "reason")),
                        "stripe-a is slow, incident 7");
    assert_true(clock_parse(json_string_value(json_object_get(mode, "since")), &since_us));
    assert_in_range(since_us, before_us, clock_wall_us());
    json_decref(mode);
    post("/v1/mode", "{\"step\":\"auto\",\"reason\":\"over\"}");
    assert_mode(false, "{\"step\":\"normal\"}");
}

static void the_simplified_flow_is_seen_by_operators(void **state) {
    (void)state;
    post("/v1/mode/simplified", "{\"on\":true,\"reason\":\"second site\"}");
    char *text = mode_seen(true);
    assert_non_null(strstr(text, "\"simplified\":true"));
    free(text);
    assert_mode(false, "{\"step\":\"normal\"}");
    post("/v1/mode/simplified", "{\"on\":false,\"reason\":\"over\"}");
}

static void a_service_whose_database_is_gone_still_says_where_it_stands(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    post("/v1/mode", "{\"step\":\"deferred\",\"pin\":true,\"reason\":\"incident 8\"}");
    /* Without this table the backlog cannot be counted: the health is down. */
    api_sql(&the_api, "ALTER TABLE review_case RENAME TO gone");
    api_ask(&the_api, &(struct api_ask){.path = "/payment/health", .internal = true}, &reply);
    api_sql(&the_api, "ALTER TABLE gone RENAME TO review_case");
    assert_int_equal(reply.status, 503);
    const json_t *mode = json_object_get(reply.json, "mode");
    assert_string_equal(json_string_value(json_object_get(mode, "step")), "deferred");
    assert_string_equal(json_string_value(json_object_get(mode, "reason")), "incident 8");
    post("/v1/mode", "{\"step\":\"auto\",\"reason\":\"over\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_that_was_never_degraded_is_normal),
        cmocka_unit_test(operators_are_told_since_when_and_why_and_the_public_the_step_alone),
        cmocka_unit_test(the_simplified_flow_is_seen_by_operators),
        cmocka_unit_test(a_service_whose_database_is_gone_still_says_where_it_stands),
    };
    return cmocka_run_group_tests(tests, the_api_start, the_api_stop);
}
