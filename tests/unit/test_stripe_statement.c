/* SPDX-License-Identifier: Apache-2.0
 * test_stripe_statement.c: Stripe's reports as the adapter asks for them: whether there is data,
 * the run, its end, the file; and to whom the key is shown. */
#include "stripe_fixture.h"

#include "support/test_clock.h"

#define DATA "{\"data_available_end\":1764115200}" /* 2025-11-26 */
#define PENDING "{\"id\":\"frr_1\",\"status\":\"pending\",\"result\":null}"
#define DONE(url)                                                                                  \
    "{\"id\":\"frr_1\",\"status\":\"succeeded\",\"result\":{\"id\":\"file_1\",\"url\":\"" url "\"" \
                                                                                              "}}"
#define FILE_URL "https://files.stripe.com/v1/files/file_1/contents"
#define CSV "automatic_payout_id,net\npo_1,5\n"

static struct buf file;

static int fetch(struct fake *fake, const char *kind) {
    struct err err = {0};
    const struct gateway_statement day = {.kind = kind, .year = 2025, .month = 11, .day = 25};
    buf_clear(&file);
    return fake->gateway.adapter->fetch_statement(&fake->call, &day, &file, &err);
}

static void a_report_is_asked_for_awaited_and_fetched(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, DATA}, {200, PENDING}, {200, PENDING}, {200, DONE(FILE_URL)},
                {200, CSV});
    assert_int_equal(fetch(fake, "activity"), 0);
    assert_script_done(fake);
    assert_string_equal(file.data, CSV);
    assert_string_equal(fake->sent[0].url, BASE "/v1/reporting/report_types/"
                                                "balance_change_from_activity.itemized.6");
    assert_string_equal(fake->sent[1].method, "POST");
    assert_string_equal(fake->sent[1].url, BASE "/v1/reporting/report_runs");
    assert_non_null(strstr(fake->sent[1].body, "parameters%5Binterval_start%5D=1764028800&"
                                               "parameters%5Binterval_end%5D=1764115200&"));
    assert_non_null(strstr(fake->sent[1].body, "=payment_metadata%5Breference%5D"));
    assert_non_null(strstr(fake->sent[1].headers, "Idempotency-Key: holdfast-report-"));
    assert_string_equal(fake->sent[2].url, BASE "/v1/reporting/report_runs/frr_1");
    assert_string_equal(fake->sent[4].url, FILE_URL);
    assert_string_equal(fake->sent[4].headers, "Authorization: Bearer sk_test_abc\n");
}

static void payouts_are_another_report(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, DATA}, {200, DONE(FILE_URL)}, {200, CSV});
    assert_int_equal(fetch(fake, "payout"), 0);
    assert_non_null(strstr(fake->sent[1].body, "report_type=payout_reconciliation.itemized.5&"));
    assert_int_equal(fetch(fake, "balance"), -ERR_VALIDATION);
}

/* Who asks again within the hour goes on with the same run. */
static void the_same_run_is_asked_for_within_an_hour(void **state) {
    struct fake *fake = *state;
    char first[2048];
    for (int i = 0; i < 3; i++) {
        FAKE_SCRIPT(fake, {200, DATA}, {200, DONE(FILE_URL)}, {200, CSV});
        assert_int_equal(fetch(fake, "activity"), 0);
        const char *key = strstr(fake->sent[1].headers, "Idempotency-Key");
        assert_non_null(key);
        if (i == 1) {
            assert_string_equal(key, first);
        } else if (i == 2) {
            assert_string_not_equal(key, first);
        }
        snprintf(first, sizeof first, "%s", key);
        test_clock_wall_shift(i == 1 ? 3600 * US_PER_SECOND : 0);
    }
}

static void what_is_not_there_yet_is_told_so(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, "{\"data_available_end\":1764115199}"});
    assert_int_equal(fetch(fake, "activity"), -ERR_NOT_FOUND);
    FAKE_SCRIPT(fake, {200, DATA}, {200, PENDING});
    fake->call.deadline_us = clock_mono_us() + 10 * US_PER_MS;
    assert_int_equal(fetch(fake, "activity"), -ERR_NOT_FOUND);
    assert_int_equal(file.len, 0);
}

static void what_is_no_report_is_an_error(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, {200, "{}"});
    assert_int_equal(fetch(fake, "activity"), -ERR_BAD_REQUEST);
    FAKE_SCRIPT(fake, {200, DATA}, {200, "{\"id\":\"frr_1/../x\",\"status\":\"pending\"}"});
    assert_int_equal(fetch(fake, "activity"), -ERR_BAD_REQUEST);
    FAKE_SCRIPT(fake, {200, DATA}, {200, "{\"id\":\"frr_1\",\"status\":\"failed\"}"});
    assert_int_equal(fetch(fake, "activity"), -ERR_GATEWAY);
    FAKE_SCRIPT(fake, {200, DATA}, {200, "{\"id\":\"frr_1\"}"});
    assert_int_equal(fetch(fake, "activity"), -ERR_BAD_REQUEST);
    FAKE_SCRIPT(fake, {200, DATA}, {200, DONE(FILE_URL)}, {500, "no"});
    assert_int_equal(fetch(fake, "activity"), -ERR_GATEWAY);
    FAKE_SCRIPT(fake, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    assert_int_equal(fetch(fake, "activity"), -ERR_UNREACHABLE);
    FAKE_SCRIPT(fake, {401, "{\"error\":{\"type\":\"invalid_request_error\"}}"});
    assert_true(fetch(fake, "activity") < 0);
    assert_int_equal(file.len, 0);
}

static void the_key_is_shown_to_stripe_alone(void **state) {
    static const char *const others[] = {
        DONE("https://files.stripe.com.example/x"),
        DONE("http://files.stripe.com/x"),
        DONE("https://evil.example/files.stripe.com/"),
        DONE("https://api.stripe.com.example/x"),
        DONE(""),
        "{\"id\":\"frr_1\",\"status\":\"succeeded\",\"result\":null}"};
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        FAKE_SCRIPT(fake, {200, DATA}, {200, others[i]});
        assert_int_equal(fetch(fake, "activity"), -ERR_BAD_REQUEST);
        assert_int_equal(fake->sent_count, 2);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stripe_setup, stripe_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_report_is_asked_for_awaited_and_fetched),
        TEST(payouts_are_another_report),
        TEST(the_same_run_is_asked_for_within_an_hour),
        TEST(what_is_not_there_yet_is_told_so),
        TEST(what_is_no_report_is_an_error),
        TEST(the_key_is_shown_to_stripe_alone),
    };
    test_clock_install();
    buf_init(&file, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&file);
    return failed;
}
