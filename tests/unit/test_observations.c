/* SPDX-License-Identifier: Apache-2.0
 * test_observations.c: what is paid elsewhere: taken once, or refused with the line and the field,
 * and what is refused changes no figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"
#include "watch/observation.h"

static void tell(const char *type, const char *body, struct api_reply *ret_reply) {
    api_ask(&the_api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/observations",
                              .body = body,
                              .type = type,
                              .internal = true},
            ret_reply);
}

static int forget(void **state) {
    (void)state;
    slices_init();
    return 0;
}

/* Of one operation, over every slice. */
static struct slice_counts counts_of(enum slice_operation operation) {
    struct slice_counts sum = {0}, one;
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        if (slice_operation_of(slice) == operation) {
            slice_totals(slice, &one);
            sum.ok += one.ok;
            sum.declined += one.declined;
            sum.failed += one.failed;
        }
    }
    return sum;
}

/* That card numbers were refused is counted, and is no outcome of anybody's. */
static void assert_nothing_was_recorded(void) {
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        assert_int_equal(slice_operation_of(slice), SLICE_CARD_NUMBER);
    }
}

static void one_observation_is_a_payment_a_try_and_a_call(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    tell(NULL,
         "{\"gateway\":\"adyen\",\"method\":\"card\",\"region\":\"DE\",\"currency\":\"EUR\","
         "\"segment\":\"vip\",\"outcome\":\"failed\",\"code\":\"timeout\",\"amount\":1999,"
         "\"duration_ms\":250,\"customer\":\"c-1\",\"id\":\"o-1\"}",
         &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply_int(&reply, "accepted"), 1);
    static const enum slice_operation operations[] = {SLICE_PAYMENT, SLICE_CHARGE, SLICE_CALL};
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        assert_int_equal(counts_of(operations[i]).failed, 1);
        assert_int_equal(counts_of(operations[i]).ok, 0);
    }
    const struct slice *slice = slices_next(NULL);
    assert_string_equal(slice_label(slice, SLICE_GATEWAY), "adyen");
    assert_string_equal(slice_label(slice, SLICE_METHOD), "card");
    assert_string_equal(slice_label(slice, SLICE_REGION), "DE");
    assert_string_equal(slice_label(slice, SLICE_CURRENCY), "EUR");
    assert_string_equal(slice_label(slice, SLICE_SEGMENT), "vip");
    struct slice_minute minute = {0};
    slice_minute_peek(slice, &minute);
    assert_int_equal(minute.lost_minor, 1999);
    assert_int_equal(slice_timed(&minute), 1);
    assert_in_range(slice_quantile_us(&minute, 0.5), 230000, 270000);
}

static void refunds_and_callbacks_are_their_own(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    tell(NULL,
         "{\"observations\":[{\"type\":\"refund\",\"gateway\":\"adyen\",\"outcome\":\"ok\"},"
         "{\"type\":\"callback\",\"gateway\":\"adyen\",\"outcome\":\"failed\"}]}",
         &reply);
    assert_int_equal(reply_int(&reply, "accepted"), 2);
    assert_int_equal(counts_of(SLICE_REFUND).ok, 1);
    assert_int_equal(counts_of(SLICE_CALLBACK).failed, 1);
    assert_int_equal(counts_of(SLICE_PAYMENT).ok, 0);
    assert_int_equal(counts_of(SLICE_CHARGE).ok, 0);
}

static void an_id_counts_once(void **state) {
    (void)state;
    static const char body[] = "{\"gateway\":\"adyen\",\"outcome\":\"ok\",\"id\":\"once\"}\n"
                               "{\"gateway\":\"adyen\",\"outcome\":\"ok\",\"id\":\"once\"}\n"
                               "{\"gateway\":\"adyen\",\"outcome\":\"ok\"}\n"
                               "{\"gateway\":\"adyen\",\"outcome\":\"ok\"}\n";
    API_REPLY_AUTO reply;
    API_REPLY_AUTO again;
    tell("application/x-ndjson", body, &reply);
    assert_int_equal(reply_int(&reply, "accepted"), 3);
    assert_int_equal(reply_int(&reply, "repeated"), 1);
    tell("application/x-ndjson; charset=utf-8", body, &again);
    assert_int_equal(reply_int(&again, "accepted"), 2);
    assert_int_equal(reply_int(&again, "repeated"), 2);
    assert_int_equal(counts_of(SLICE_CHARGE).ok, 5);
}

static void one_that_is_refused_is_not_remembered(void **state) {
    (void)state;
    API_REPLY_AUTO bad;
    API_REPLY_AUTO good;
    tell(NULL, "{\"gateway\":\"adyen\",\"outcome\":\"ok\",\"id\":\"i-9\",\"amount\":-1}", &bad);
    assert_int_equal(bad.status, 422);
    tell(NULL, "{\"gateway\":\"adyen\",\"outcome\":\"ok\",\"id\":\"i-9\"}", &good);
    assert_int_equal(reply_int(&good, "accepted"), 1);
}

/* ---- the counters of /metrics ---- */

#define COUNTED(id, ...) meter_total(METER_##id, (const char *const[METER_LABELS_MAX]){__VA_ARGS__})

static void take(const char *body) {
    API_REPLY_AUTO reply;
    tell("application/x-ndjson", body, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply_int(&reply, "refused"), 0);
}

static void a_payment_elsewhere_counts_as_one_of_ours_and_can_be_told_from_it(void **state) {
    (void)state;
    int64_t own = COUNTED(PAYMENTS, NULL, NULL, NULL, "own");
    int64_t timed = COUNTED(PAYMENT_SECONDS, NULL, "own");
    take("{\"gateway\":\"pay1\",\"method\":\"card1\",\"currency\":\"EUR\",\"outcome\":\"ok\","
         "\"duration_ms\":250}\n"
         "{\"gateway\":\"pay1\",\"method\":\"card1\",\"currency\":\"EUR\","
         "\"outcome\":\"declined\",\"code\":\"do_not_honor\"}\n"
         "{\"gateway\":\"pay1\",\"method\":\"card1\",\"currency\":\"EUR\",\"outcome\":\"failed\","
         "\"duration_ms\":9000}\n");
    assert_int_equal(COUNTED(PAYMENTS, "card1", "EUR", "succeeded", "observed"), 1);
    assert_int_equal(COUNTED(PAYMENTS, "card1", "EUR", "failed", "observed"), 2);
    assert_int_equal(COUNTED(PAYMENT_SECONDS, "card1", "observed"), 2);
    assert_int_equal(COUNTED(PAYMENTS, NULL, NULL, NULL, "own"), own);
    assert_int_equal(COUNTED(PAYMENT_SECONDS, NULL, "own"), timed);
    assert_int_equal(COUNTED(ATTEMPTS, "pay1", "card1", "charged", ""), 1);
    assert_int_equal(COUNTED(ATTEMPTS, "pay1", "card1", "declined", ""), 1);
    assert_int_equal(COUNTED(ATTEMPTS, "pay1", "card1", "not_charged", ""), 1);
    assert_int_equal(COUNTED(GATEWAY_CALLS, "pay1", "card1", "charge", "charged"), 1);
    assert_int_equal(COUNTED(GATEWAY_CALLS, "pay1", "card1", "charge", "declined"), 1);
    assert_int_equal(COUNTED(GATEWAY_CALLS, "pay1", "card1", "charge", "unavailable"), 1);
    assert_int_equal(COUNTED(GATEWAY_SECONDS, "pay1", "card1", "charge"), 1); /* of answers */
    assert_int_equal(COUNTED(OBSERVATIONS, "payment", "pay1", "ok"), 1);
    assert_int_equal(COUNTED(OBSERVATIONS, "payment", "pay1", NULL), 3);
}

static void refunds_and_disputes_elsewhere_are_counted(void **state) {
    (void)state;
    take("{\"type\":\"refund\",\"gateway\":\"pay2\",\"outcome\":\"ok\",\"duration_ms\":700}\n"
         "{\"type\":\"refund\",\"gateway\":\"pay2\",\"outcome\":\"failed\"}\n"
         "{\"type\":\"dispute\",\"gateway\":\"pay2\",\"outcome\":\"ok\"}\n"
         "{\"type\":\"fraud\",\"gateway\":\"pay2\",\"outcome\":\"declined\"}\n");
    assert_int_equal(COUNTED(REFUNDS, "pay2", "succeeded"), 1);
    assert_int_equal(COUNTED(REFUNDS, "pay2", "failed"), 1);
    assert_int_equal(COUNTED(REFUND_SECONDS, "pay2"), 1);
    assert_int_equal(COUNTED(GATEWAY_CALLS, "pay2", "", "refund", "refunded"), 1);
    assert_int_equal(COUNTED(PAYMENTS, "", "", NULL, NULL), 0);
    assert_int_equal(COUNTED(OBSERVATIONS, "dispute", "pay2", "ok"), 1);
    assert_int_equal(counts_of(SLICE_DISPUTE).ok, 1);
    assert_int_equal(counts_of(SLICE_FRAUD).declined, 1);
}

static void callbacks_elsewhere_are_counted_with_their_delay_and_when_they_are_missing(
    void **state) {
    (void)state;
    take("{\"type\":\"callback\",\"gateway\":\"pay3\",\"outcome\":\"ok\",\"duration_ms\":900}\n"
         "{\"type\":\"callback\",\"gateway\":\"pay3\",\"outcome\":\"declined\"}\n"
         "{\"type\":\"callback\",\"gateway\":\"pay3\",\"outcome\":\"failed\"}\n"
         "{\"type\":\"callback\",\"gateway\":\"pay3\",\"outcome\":\"missing\"}\n");
    assert_int_equal(COUNTED(CALLBACKS, "pay3", "stored"), 2);
    assert_int_equal(COUNTED(CALLBACKS, "pay3", "processed"), 1);
    assert_int_equal(COUNTED(CALLBACKS, "pay3", "refused"), 1);
    assert_int_equal(COUNTED(CALLBACKS, "pay3", "failed"), 1);
    assert_int_equal(COUNTED(CALLBACK_DELAY_SECONDS, "pay3"), 1);
    assert_int_equal(COUNTED(CALLBACK_MISSING, "pay3"), 1);
    assert_int_equal(COUNTED(OBSERVATIONS, "callback", "pay3", "missing"), 1);
    struct slice_counts counts = counts_of(SLICE_CALLBACK);
    assert_int_equal(counts.ok + counts.declined + counts.failed, 3); /* what did not come: none */
}

static void only_a_callback_can_be_missing(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    tell(NULL, "{\"gateway\":\"pay4\",\"outcome\":\"missing\"}", &reply);
    assert_int_equal(reply.status, 422);
    assert_string_equal(reply_text(&reply, "place"), "/outcome");
    assert_int_equal(COUNTED(OBSERVATIONS, NULL, "pay4", NULL), 0);
    assert_nothing_was_recorded();
}

static void what_came_before_is_not_counted_again(void **state) {
    (void)state;
    static const char body[] = "{\"gateway\":\"pay5\",\"outcome\":\"ok\",\"id\":\"p5\"}\n";
    take(body);
    take(body);
    assert_int_equal(COUNTED(OBSERVATIONS, NULL, "pay5", NULL), 1);
    assert_int_equal(COUNTED(ATTEMPTS, "pay5", NULL, NULL, NULL), 1);
}

/* Last: this service tells nothing more apart from then on. */
static void names_past_the_limit_count_together_and_leave_ours_their_room(void **state) {
    (void)state;
    int64_t folded = COUNTED(FOLDED, NULL);
    for (int i = 0; i < OBSERVATION_SERIES_MAX + 50; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"gateway\":\"g%d\",\"outcome\":\"ok\"}\n", i);
        take(body);
    }
    int64_t others = COUNTED(OBSERVATIONS, "payment", "other", "ok");
    assert_in_range(others, 50, 60); /* those of the tests before have a place as well */
    assert_int_equal(COUNTED(ATTEMPTS, "other", "other", "charged", ""), others);
    assert_int_equal(COUNTED(OBSERVATIONS, "payment", "g0", "ok"), 1);
    assert_int_equal(COUNTED(FOLDED, NULL), folded);
}

#define WELL "\"gateway\":\"adyen\",\"outcome\":\"ok\""

static void what_is_wrong_is_refused_with_its_field_and_changes_no_figure(void **state) {
    (void)state;
    static const struct {
        const char *body, *place, *says;
    } rows[] = {
        {"{\"outcome\":\"ok\"}", "/gateway", ""},
        {"{\"gateway\":\"adyen\"}", "/outcome", ""},
        {"{" WELL ",\"colour\":\"red\"}", "/colour", ""},
        {"{\"gateway\":\"adyen\",\"outcome\":\"fine\"}", "/outcome",
         "ok, declined, failed, missing"},
        {"{" WELL ",\"type\":\"order\"}", "/type",
         "payment, refund, callback, dispute, fraud"},
        {"{\"gateway\":\"a b\",\"outcome\":\"ok\"}", "/gateway", "letters, digits"},
        {"{\"gateway\":\"<b>\",\"outcome\":\"ok\"}", "/gateway", "letters, digits"},
        {"{\"gateway\":\"stripe-a\",\"outcome\":\"ok\"}", "/gateway", "of this service"},
        {"{" WELL ",\"region\":\"de\"}", "/region", "capital letters"},
        {"{" WELL ",\"currency\":\"EUX\"}", "/currency", "ISO 4217"},
        {"{" WELL ",\"amount\":1999}", "/currency", "needs its currency"},
        {"{" WELL ",\"amount\":19.99,\"currency\":\"EUR\"}", "/amount", "minor units"},
        {"{" WELL ",\"amount\":-5,\"currency\":\"EUR\"}", "/amount", ""},
        {"{" WELL ",\"duration_ms\":3600001}", "/duration_ms", "microseconds"},
        {"{" WELL ",\"duration_ms\":-1}", "/duration_ms", ""},
        {"{" WELL ",\"at\":\"yesterday\"}", "/at", "no time"},
        {"{" WELL ",\"at\":\"2001-01-01T00:00:00Z\"}", "/at", "10 minutes ago"},
        {"{" WELL ",\"at\":\"2101-01-01T00:00:00Z\"}", "/at", "in the future"},
        {"{" WELL ",\"code\":\"two words\"}", "/code", "letters, digits"},
        {"{" WELL ",\"customer\":7}", "/customer", ""},
        {"{\"observations\":{}}", "/observations", ""},
        {"{\"observations\":[],\"more\":1}", "/more", ""},
        {"{\"observations\":[{\"gateway\":\"adyen\"}]}", "/observations/0/outcome", ""},
        {"{\"observations\":[7]}", "/observations/0", ""},
        {"{\"lines\":[]}", "/lines", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply;
        tell(NULL, rows[i].body, &reply);
        if (reply.status != 422 || strcmp(reply_text(&reply, "place"), rows[i].place) != 0 ||
            strstr(reply.body, rows[i].says) == NULL) {
            fail_msg("%s: %d %s", rows[i].body, reply.status, reply.body);
        }
    }
    assert_nothing_was_recorded();
}

static void moments_are_taken_up_to_their_limits(void **state) {
    (void)state;
    static const struct {
        int64_t ahead_s;
        int status;
    } rows[] = {{-601, 422}, {-590, 200}, {0, 200}, {28, 200}, {60, 422}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[200], at[CLOCK_TEXT_MAX];
        API_REPLY_AUTO reply;
        snprintf(body, sizeof body, "{" WELL ",\"at\":\"%s\"}",
                 clock_format(clock_wall_us() + rows[i].ahead_s * US_PER_SECOND, at));
        tell(NULL, body, &reply);
        assert_int_equal(reply.status, rows[i].status);
    }
    assert_int_equal(counts_of(SLICE_CHARGE).ok, 3);
}

static void of_many_lines_the_good_ones_count_and_the_bad_ones_are_named(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    tell("application/x-ndjson",
         "{" WELL "}\r\n"
         "\n"
         "{" WELL ",\n"
         "{" WELL ",\"amount\":1.5,\"currency\":\"EUR\"}\n"
         "[]\n"
         "{" WELL "}",
         &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply_int(&reply, "accepted"), 2);
    assert_int_equal(reply_int(&reply, "refused"), 3);
    static const int lines[] = {3, 4, 5};
    const json_t *errors = json_object_get(reply.json, "errors");
    assert_int_equal(json_array_size(errors), COUNT_OF(lines));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        const json_t *error = json_array_get(errors, i);
        assert_int_equal(json_integer_value(json_object_get(error, "line")), lines[i]);
        assert_string_not_equal(json_string_value(json_object_get(error, "detail")), "");
    }
    assert_int_equal(counts_of(SLICE_CHARGE).ok, 2);
}

static void errors_are_told_up_to_a_hundred(void **state) {
    (void)state;
    char body[8192] = "";
    size_t used = 0;
    for (int i = 0; i < 150; i++) {
        used += (size_t)snprintf(body + used, sizeof body - used, "{\"gateway\":\"adyen\"}\n");
    }
    snprintf(body + used, sizeof body - used, "{" WELL "}\n");
    API_REPLY_AUTO reply;
    tell("application/x-ndjson", body, &reply);
    assert_int_equal(reply_int(&reply, "refused"), 150);
    assert_int_equal(reply_int(&reply, "accepted"), 1);
    assert_int_equal(json_array_size(json_object_get(reply.json, "errors")), 100);
}

static void card_numbers_are_refused_wherever_they_stand(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    tell("application/x-ndjson",
         "{" WELL "}\n{" WELL ",\"customer\":\"4242424242424242\"}\n", &reply);
    assert_int_equal(reply.status, 422);
    assert_null(strstr(reply.body, "4242424242424242"));
    assert_nothing_was_recorded();
}

static void lines_are_taken_where_lines_are_expected_only(void **state) {
    (void)state;
    API_REPLY_AUTO reply;
    api_ask(&the_api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/switches",
                              .body = "{}\n{}",
                              .type = "application/x-ndjson",
                              .once = "*",
                              .internal = true},
            &reply);
    assert_int_equal(reply.status, 415);
    API_REPLY_AUTO other;
    tell("application/x-ndjsonx", "{" WELL "}", &other);
    assert_int_equal(other.status, 415);
    assert_nothing_was_recorded();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_observation_is_a_payment_a_try_and_a_call, forget),
        cmocka_unit_test_setup(refunds_and_callbacks_are_their_own, forget),
        cmocka_unit_test_setup(a_payment_elsewhere_counts_as_one_of_ours_and_can_be_told_from_it,
                               forget),
        cmocka_unit_test_setup(refunds_and_disputes_elsewhere_are_counted, forget),
        cmocka_unit_test_setup(
            callbacks_elsewhere_are_counted_with_their_delay_and_when_they_are_missing, forget),
        cmocka_unit_test_setup(only_a_callback_can_be_missing, forget),
        cmocka_unit_test_setup(what_came_before_is_not_counted_again, forget),
        cmocka_unit_test_setup(an_id_counts_once, forget),
        cmocka_unit_test_setup(one_that_is_refused_is_not_remembered, forget),
        cmocka_unit_test_setup(what_is_wrong_is_refused_with_its_field_and_changes_no_figure,
                               forget),
        cmocka_unit_test_setup(moments_are_taken_up_to_their_limits, forget),
        cmocka_unit_test_setup(of_many_lines_the_good_ones_count_and_the_bad_ones_are_named,
                               forget),
        cmocka_unit_test_setup(errors_are_told_up_to_a_hundred, forget),
        cmocka_unit_test_setup(card_numbers_are_refused_wherever_they_stand, forget),
        cmocka_unit_test_setup(lines_are_taken_where_lines_are_expected_only, forget),
        cmocka_unit_test_setup(names_past_the_limit_count_together_and_leave_ours_their_room,
                               forget),
    };
    return cmocka_run_group_tests_name("observations", tests, the_api_start, the_api_stop);
}
