/* SPDX-License-Identifier: Apache-2.0
 * test_platform_certificates.c: certificates that a gateway hands out itself: shown with their
 * serial and end, and warned of like others, unless a successor is known. What WeChat Pay's adapter
 * holds of them is test_wechat_callback.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/credentials.h"
#include "base/clock.h"
#include "support/api_fixture.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)

static struct gateway_signer held[GATEWAY_SIGNERS_MAX];
static int held_count;

static int signers(const struct gateway *gateway,
                   struct gateway_signer ret_signers[GATEWAY_SIGNERS_MAX]) {
    assert_string_equal(gateway->name, "stripe-a");
    memcpy(ret_signers, held, sizeof held);
    return held_count;
}

/* The first gateway, as if its adapter handed out certificates. */
static struct gateway_adapter handing_out;

static int start(void **state) {
    int r = the_api_start(state);
    struct gateway *gateway = gateway_at(the_api.service->registry, 0);
    handing_out = *gateway->adapter;
    handing_out.signers = signers;
    gateway->adapter = &handing_out;
    return r;
}

static void hold(const char *serial, int64_t left_us) {
    struct gateway_signer *signer = &held[held_count++];
    snprintf(signer->serial, sizeof signer->serial, "%s", serial);
    signer->not_after_us = clock_wall_us() + left_us;
}

/* Certificate `index` of the answer; borrowed from it. */
static const json_t *shown(const struct api_reply *reply, size_t index) {
    return json_array_get(json_object_get(reply->json, "platform_certificates"), index);
}

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static void look(struct api_reply *ret_reply) {
    api_ask(&the_api, &(struct api_ask){.path = "/v1/credentials", .internal = true}, ret_reply);
    assert_int_equal(ret_reply->status, 200);
}

static void a_gateway_that_has_shown_none_yet_has_none(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    held_count = 0;
    look(&reply);
    assert_true(json_is_array(json_object_get(reply.json, "platform_certificates")));
    assert_null(shown(&reply, 0));
}

static void its_end_is_judged_like_that_of_any_certificate(void **state) {
    (void)state;
    static const struct {
        int64_t left_us;
        const char *state, *why;
    } rows[] = {
        {31 * DAY_US, "ok", ""},
        {29 * DAY_US + DAY_US / 2, "warning", "It expires in 29 days."},
        {6 * DAY_US + DAY_US / 2, "urgent", "It expires in 6 days."},
        {-1, "expired", "It has expired."},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply;
        int64_t ends_us = 0;
        held_count = 0;
        hold("5157F09E", rows[i].left_us);
        look(&reply);
        const json_t *row = shown(&reply, 0);
        assert_string_equal(text_of(row, "gateway"), "stripe-a");
        assert_string_equal(text_of(row, "serial"), "5157F09E");
        assert_string_equal(text_of(row, "state"), rows[i].state);
        assert_string_equal(text_of(row, "why"), rows[i].why);
        assert_true(clock_parse(text_of(row, "expires_at"), &ends_us));
        assert_int_equal(ends_us, held[0].not_after_us);
    }
}

static void one_that_has_a_successor_is_no_worry(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    held_count = 0;
    hold("OLD", 2 * DAY_US);
    hold("NEXT", 1800 * DAY_US);
    look(&reply);
    assert_string_equal(text_of(shown(&reply, 0), "serial"), "OLD");
    assert_string_equal(text_of(shown(&reply, 0), "state"), "ok");
    assert_string_equal(text_of(shown(&reply, 1), "serial"), "NEXT");
    assert_string_equal(text_of(shown(&reply, 1), "state"), "ok");
    assert_null(shown(&reply, 2));
    /* The successor itself is watched. */
    API_REPLY_AUTO later;
    held[1].not_after_us = clock_wall_us() + 3 * DAY_US;
    look(&later);
    assert_string_equal(text_of(shown(&later, 0), "state"), "ok");
    assert_string_equal(text_of(shown(&later, 1), "state"), "urgent");
}

static void the_last_of_them_is_a_metric(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    static const char name[] =
        "\nholdfast_certificate_expiry_seconds{owner=\"stripe-a\",name=\"platform\"} ";
    held_count = 0;
    hold("OLD", 2 * DAY_US);
    hold("NEXT", 100 * DAY_US);
    api_ask(&the_api, &(struct api_ask){.path = "/metrics", .internal = true}, &reply);
    const char *at = strstr(reply.body, name);
    assert_non_null(at);
    double left_s = strtod(at + sizeof name - 1, NULL);
    assert_true(left_s > 99.9 * 86400 && left_s <= 100.0 * 86400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_has_shown_none_yet_has_none),
        cmocka_unit_test(its_end_is_judged_like_that_of_any_certificate),
        cmocka_unit_test(one_that_has_a_successor_is_no_worry),
        cmocka_unit_test(the_last_of_them_is_a_metric),
    };
    return cmocka_run_group_tests(tests, start, the_api_stop);
}
