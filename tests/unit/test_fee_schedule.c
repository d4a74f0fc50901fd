/* SPDX-License-Identifier: Apache-2.0
 * test_fee_schedule.c: what a gateway keeps, as agreed: its arithmetic to the last unit, which line
 * speaks of what, and what a configuration may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "recon/fee_schedule.h"

static struct err err;

static struct fee_schedule *open_lines(const struct fee_settings *settings, int count) {
    struct fee_schedule *schedule = NULL;
    if (fee_schedule_open("alipay", settings, count, "Asia/Shanghai", &schedule, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return schedule;
}

static const struct fee_line *line_of(const struct fee_schedule *schedule, int at) {
    int count = 0;
    const struct fee_line *lines = fee_schedule_lines(schedule, &count);
    assert_true(at < count);
    return &lines[at];
}

#define EUR (char *[]){"EUR"}, .currencies_count = 1

/* ---- arithmetic ---- */

static const struct {
    const char *percent, *rounding;
    uint64_t fixed, minimum, maximum; /* maximum 0: none */
    int64_t amount, fee;
} sums[] = {
    /* 0.6 % of 0.83 is 0.498 of a unit, of 0.84 0.504 */
    {"0.6", "half_up", 0, 0, 0, 83, 0},
    {"0.6", "half_up", 0, 0, 0, 84, 1},
    {"0.6", "up", 0, 0, 0, 1, 1},
    {"0.6", "down", 0, 0, 0, 166, 0},
    {"0.6", "down", 0, 0, 0, 167, 1},
    /* exactly a half: 1 % of 50, 150, 250 */
    {"1", "half_up", 0, 0, 0, 50, 1},
    {"1", "half_even", 0, 0, 0, 50, 0},
    {"1", "half_even", 0, 0, 0, 150, 2},
    {"1", "half_even", 0, 0, 0, 250, 2},
    {"1", "half_up", 0, 0, 0, 250, 3},
    {"1", "half_even", 0, 0, 0, 251, 3},
    {"1", "up", 0, 0, 0, 100, 1},
    {"1", "up", 0, 0, 0, 101, 2},
    {"1", "down", 0, 0, 0, 199, 1},
    {"2.9", "half_up", 30, 0, 0, 1000, 59},
    {"1.4", "half_up", 25, 0, 0, 1999, 53},
    {"0", "half_up", 35, 0, 0, 1, 35},
    {"0.0001", "half_up", 0, 0, 0, 500000, 1},
    {"0.0001", "half_up", 0, 0, 0, 499999, 0},
    {"100", "half_up", 0, 0, 0, 7, 7},
    {"0.38", "half_up", 0, 8, 300, 1000, 8},
    {"0.38", "half_up", 0, 8, 300, 100000, 300},
    {"0.38", "half_up", 0, 8, 300, 50000, 190},
    {"0.6", "half_up", 0, 0, 0, 0, 0},
    {"100", "up", 0, 0, 0, INT64_MAX, INT64_MAX},
    {"0.6", "half_up", 0, 0, 0, INT64_MAX, 55340232221128655},
};

static void fees_are_exact_to_the_unit_at_every_edge(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        uint64_t maximum = sums[i].maximum;
        const struct fee_settings settings = {
            .name = "a",
            .currencies = EUR,
            .percent = (char *)(uintptr_t)sums[i].percent,
            .rounding = (char *)(uintptr_t)sums[i].rounding,
            .fixed = sums[i].fixed,
            .minimum = sums[i].minimum,
            .maximum = maximum > 0 ? &maximum : NULL,
        };
        struct fee_schedule *schedule = open_lines(&settings, 1);
        int64_t fee = -1;
        assert_true(fee_line_of(line_of(schedule, 0), sums[i].amount, &fee));
        if (fee != sums[i].fee) {
            fail_msg("row %zu: %lld and not %lld", i, (long long)fee, (long long)sums[i].fee);
        }
        fee_schedule_free(schedule);
    }
}

static void a_fee_that_does_not_fit_is_none(void **state) {
    (void)state;
    const struct fee_settings settings = {
        .name = "a", .currencies = EUR, .percent = "100", .fixed = 1};
    struct fee_schedule *schedule = open_lines(&settings, 1);
    int64_t fee = -7;
    assert_false(fee_line_of(line_of(schedule, 0), INT64_MAX, &fee));
    assert_int_equal(fee, -7);
    assert_true(fee_line_of(line_of(schedule, 0), INT64_MAX - 1, &fee));
    assert_int_equal(fee, INT64_MAX);
    fee_schedule_free(schedule);
}

/* ---- which line ---- */

static int64_t moment(const char *text) {
    int64_t us = 0;
    assert_true(clock_parse(text, &us));
    return us;
}

static struct fee_case charge_of(int64_t amount_minor, const char *currency, const char *at) {
    return (struct fee_case){
        .kind = FEE_OF_CHARGE,
        .method = METHOD_CARD,
        .region = "DE",
        .statement_method = "",
        .currency = currency_stored(currency),
        .amount_minor = amount_minor,
        .at_us = moment(at),
        .charge_fee_minor = -1,
    };
}

static const char *who(const struct fee_schedule *schedule, const struct fee_case *asked,
                       int64_t *ret_fee) {
    struct fee_expected expected = {0};
    if (fee_expect(schedule, asked, &expected) != 1) {
        return "nobody";
    }
    *ret_fee = expected.fee_minor;
    return expected.line != NULL ? expected.line->name : expected.charge_line->name;
}

static void the_first_line_that_fits_speaks(void **state) {
    (void)state;
    const struct fee_settings settings[] = {
        {.name = "visa", .statement_methods = (char *[]){"visa"}, .statement_methods_count = 1,
         .percent = "1"},
        {.name = "home", .methods = (char *[]){"card"}, .methods_count = 1,
         .regions = (char *[]){"DE", "AT"}, .regions_count = 2, .percent = "2"},
        {.name = "cards", .methods = (char *[]){"card", "unionpay"}, .methods_count = 2,
         .percent = "3"},
        {.name = "euros", .currencies = EUR, .percent = "4"},
        {.name = "dispute", .kind = "dispute", .currencies = EUR, .fixed = 1500},
    };
    struct fee_schedule *schedule = open_lines(settings, COUNT_OF(settings));
    struct fee_case asked = charge_of(1000, "EUR", "2026-07-01T12:00:00Z");
    int64_t fee = 0;
    assert_string_equal(who(schedule, &asked, &fee), "home");
    assert_int_equal(fee, 20);
    asked.statement_method = "visa";
    assert_string_equal(who(schedule, &asked, &fee), "visa");
    asked.statement_method = "mc";
    asked.region = "US";
    assert_string_equal(who(schedule, &asked, &fee), "cards");
    asked.method = METHOD_PAYPAL;
    assert_string_equal(who(schedule, &asked, &fee), "euros");
    asked.method = (enum payment_method)0;
    assert_string_equal(who(schedule, &asked, &fee), "euros");
    asked.currency = currency_stored("USD");
    assert_string_equal(who(schedule, &asked, &fee), "nobody");
    asked.currency = currency_stored("EUR");
    asked.kind = FEE_OF_DISPUTE;
    assert_string_equal(who(schedule, &asked, &fee), "dispute");
    assert_int_equal(fee, 1500);
    assert_int_equal(fee_expect(NULL, &asked, NULL), 0);
    fee_schedule_free(schedule);
}

/* Midnight is the gateway's: in Shanghai it is 16:00 of the day before in UTC. */
static void a_new_price_counts_from_its_first_moment_there(void **state) {
    (void)state;
    const struct fee_settings settings[] = {
        {.name = "old", .percent = "0.6", .until = "2026-07-01"},
        {.name = "new", .percent = "0.55", .from = "2026-07-01"},
    };
    struct fee_schedule *schedule = open_lines(settings, 2);
    struct fee_case asked = charge_of(10000, "CNY", "2026-06-30T15:59:59.999999Z");
    int64_t fee = 0;
    assert_string_equal(who(schedule, &asked, &fee), "old");
    assert_int_equal(fee, 60);
    asked.at_us++;
    assert_string_equal(who(schedule, &asked, &fee), "new");
    assert_int_equal(fee, 55);
    fee_schedule_free(schedule);
}

static int64_t refund_of(const char *on_refund, const char *refund_line, int64_t amount,
                         int64_t answered) {
    const struct fee_settings settings[] = {
        {.name = "cards", .currencies = EUR, .percent = "2.9", .fixed = 30,
         .on_refund = (char *)(uintptr_t)on_refund},
        {.name = "refunds", .kind = "refund", .currencies = EUR, .fixed = 10},
    };
    struct fee_schedule *schedule = open_lines(settings, refund_line != NULL ? 2 : 1);
    struct fee_case asked = charge_of(amount, "EUR", "2026-07-02T00:00:00Z");
    asked.kind = FEE_OF_REFUND;
    asked.charge_minor = 1000;
    asked.charge_at_us = asked.at_us;
    asked.charge_fee_minor = answered;
    struct fee_expected expected = {.fee_minor = INT64_MIN};
    assert_int_equal(fee_expect(schedule, &asked, &expected), 1);
    fee_schedule_free(schedule);
    return expected.fee_minor;
}

/* Of 10.00 they kept 0.29 and 0.30. */
static void a_refund_keeps_shares_or_returns_the_fee_as_agreed(void **state) {
    (void)state;
    assert_int_equal(refund_of("keep", NULL, 400, -1), 0);
    assert_int_equal(refund_of("keep", "refunds", 400, -1), 10);
    assert_int_equal(refund_of("all", NULL, 400, -1), -24);
    assert_int_equal(refund_of("all", NULL, 1000, -1), -59);
    assert_int_equal(refund_of("share", NULL, 1000, -1), -29);
    assert_int_equal(refund_of("share", NULL, 400, -1), -12);
    assert_int_equal(refund_of("all", "refunds", 1000, -1), -49);
    assert_int_equal(refund_of("all", NULL, 1000, 61), -61); /* as its answer had told */
}

static void of_a_refund_whose_charge_nobody_knows_nothing_is_expected(void **state) {
    (void)state;
    const struct fee_settings settings = {
        .name = "cards", .currencies = EUR, .percent = "2.9", .on_refund = "all"};
    struct fee_schedule *schedule = open_lines(&settings, 1);
    struct fee_case asked = charge_of(400, "EUR", "2026-07-02T00:00:00Z");
    asked.kind = FEE_OF_REFUND;
    struct fee_expected expected;
    assert_int_equal(fee_expect(schedule, &asked, &expected), 0);
    fee_schedule_free(schedule);
}

/* ---- what may be said ---- */

static const struct {
    struct fee_settings lines[2];
    int count;
    const char *says, *place;
} refused[] = {
    {{{.name = "a", .percent = "1.23456"}}, 1, "percentage", "alipay: fees: a: percent"},
    {{{.name = "a", .percent = "1,4"}}, 1, "percentage", "percent"},
    {{{.name = "a", .percent = "-1"}}, 1, "percentage", "percent"},
    {{{.name = "a", .percent = "1."}}, 1, "up to 100", "percent"},
    {{{.name = "a", .percent = "100.0001"}}, 1, "up to 100", "percent"},
    {{{.name = "a", .percent = "99999999999"}}, 1, "percentage", "percent"},
    {{{.name = "a", .kind = "fee"}}, 1, "no \"fee\"", "kind"},
    {{{.name = "a", .rounding = "nearest"}}, 1, "no \"nearest\"", "rounding"},
    {{{.name = "a", .on_refund = "some"}}, 1, "no \"some\"", "on_refund"},
    {{{.name = "a", .kind = "refund", .on_refund = "all"}}, 1, "for charges", "on_refund"},
    {{{.name = "a", .methods = (char *[]){"cash"}, .methods_count = 1}}, 1, "\"cash\"", "methods"},
    {{{.name = "a", .currencies = (char *[]){"XXY"}, .currencies_count = 1}}, 1, "\"XXY\"",
     "currencies"},
    {{{.name = "a", .fixed = 25}}, 1, "one currency", "fixed"},
    {{{.name = "a", .currencies = (char *[]){"EUR", "USD"}, .currencies_count = 2, .minimum = 1}},
     1, "one currency", "minimum"},
    {{{.name = "a", .currencies = EUR, .fixed = 1000000001}}, 1, "at most", "fixed"},
    {{{.name = "a", .from = "2026-02-30"}}, 1, "no date", "from"},
    {{{.name = "a", .from = "01.07.2026"}}, 1, "no date", "from"},
    {{{.name = "a", .from = "2026-07-01", .until = "2026-07-01"}}, 1, "before it begins", "until"},
    {{{.name = "a", .until = "2026-07-01"}, {.name = "a", .from = "2026-07-01"}}, 2, "called so",
     "name"},
    {{{.name = "a", .percent = "1"}, {.name = "b", .currencies = EUR}}, 2, "\"a\" comes first",
     "fees: b: name"},
    {{{.name = "a", .regions = (char *[]){"DE", "AT"}, .regions_count = 2},
      {.name = "b", .regions = (char *[]){"AT"}, .regions_count = 1}},
     2, "never counts", "fees: b: name"},
};

static void what_cannot_be_is_refused_with_its_line(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct fee_schedule *schedule = NULL;
        err = (struct err){0};
        int r = fee_schedule_open("alipay", refused[i].lines, refused[i].count, "Asia/Shanghai",
                                  &schedule, &err);
        if (r != -ERR_CONFIG || strstr(err.detail, refused[i].says) == NULL ||
            strstr(err.place, refused[i].place) == NULL) {
            fail_msg("row %zu: %d %s at %s", i, r, err.detail, err.place);
        }
        assert_null(schedule);
    }
}

static void a_line_that_fits_what_an_earlier_one_does_not_is_fine(void **state) {
    (void)state;
    const struct fee_settings settings[] = {
        {.name = "a", .regions = (char *[]){"AT"}, .regions_count = 1},
        {.name = "b", .regions = (char *[]){"AT", "DE"}, .regions_count = 2},
        {.name = "c", .kind = "refund"},
        {.name = "d"},
    };
    fee_schedule_free(open_lines(settings, COUNT_OF(settings)));
    struct fee_schedule *none = (struct fee_schedule *)settings;
    assert_int_equal(fee_schedule_open("alipay", NULL, 0, "UTC", &none, &err), 0);
    assert_null(none);
}

static void a_line_says_itself_in_words_and_as_json(void **state) {
    (void)state;
    uint64_t most = 500;
    const struct fee_settings settings = {.name = "cards", .currencies = EUR, .percent = "1.40",
                                          .fixed = 25, .minimum = 30, .maximum = &most,
                                          .from = "2026-07-01"};
    struct fee_schedule *schedule = open_lines(&settings, 1);
    BUF_AUTO buf;
    buf_init(&buf, 2000);
    fee_line_say(line_of(schedule, 0), &buf);
    assert_string_equal(buf.data, "1.4 % + 0.25 EUR, at least 0.30 EUR, at most 5.00 EUR");
    BUF_AUTO json;
    buf_init(&json, 2000);
    fee_line_json(line_of(schedule, 0), &json);
    assert_non_null(strstr(json.data, "\"percent\":\"1.4\",\"fixed\":25,\"minimum\":30"));
    assert_non_null(strstr(json.data, "\"from\":\"2026-06-30T16:00:00"));
    fee_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fees_are_exact_to_the_unit_at_every_edge),
        cmocka_unit_test(a_fee_that_does_not_fit_is_none),
        cmocka_unit_test(the_first_line_that_fits_speaks),
        cmocka_unit_test(a_new_price_counts_from_its_first_moment_there),
        cmocka_unit_test(a_refund_keeps_shares_or_returns_the_fee_as_agreed),
        cmocka_unit_test(of_a_refund_whose_charge_nobody_knows_nothing_is_expected),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_line),
        cmocka_unit_test(a_line_that_fits_what_an_earlier_one_does_not_is_fine),
        cmocka_unit_test(a_line_says_itself_in_words_and_as_json),
    };
    return cmocka_run_group_tests_name("fee schedules", tests, NULL, NULL);
}
