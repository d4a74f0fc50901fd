/* SPDX-License-Identifier: Apache-2.0
 * test_health.c: the circuit breaker, rule by rule, on a clock that stands still: what opens it,
 * how it tries again, how it closes, and how traffic returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/health.h"
#include "meter/meter.h"
#include "support/payment_world.h"

static struct gateway_health *health;

static const struct breaker_settings settings = {
    .window_s = 30,
    .calls_min = 10,
    .fault_percent = 30,
    .slow_percent = 60,
    .slow_us = 5 * US_PER_SECOND,
    .consecutive = 5,
    .open_us = 5 * US_PER_SECOND,
    .open_us_max = 20 * US_PER_SECOND,
    .trickle_us = 500 * US_PER_MS,
    .close_after = 5,
};

static int fresh(void **state) {
    gateway_health_free(health);
    meter_init();
    health = gateway_health_new("g", &settings);
    return 0;
}

static enum admission admit(void) {
    char why[160];
    return gateway_health_admit(health, METHOD_CARD, OP_CHARGE, why, sizeof why);
}

static void report(enum admission admission, enum gateway_outcome outcome, int64_t duration_us) {
    struct gateway_result result;
    gateway_result_init(&result);
    result.outcome = outcome;
    result.duration_us = duration_us;
    gateway_health_report(health, METHOD_CARD, OP_CHARGE, admission, &result);
}

/* One call that is let in and ends so; false when it is not let in. */
static bool call(enum gateway_outcome outcome) {
    enum admission admission = admit();
    if (admission == ADMIT_NO) {
        return false;
    }
    report(admission, outcome, 1000);
    return true;
}

static void calls(int count, enum gateway_outcome outcome) {
    for (int i = 0; i < count; i++) {
        assert_true(call(outcome));
    }
}

static struct health_figures figures(void) {
    struct health_figures figures;
    gateway_health_figures(health, METHOD_CARD, OP_CHARGE, &figures);
    return figures;
}

static void open_it(void) {
    calls(5, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_OPEN);
}

/* ---- opening ---- */

static void five_faults_in_a_row_open_it(void **state) {
    calls(4, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_CLOSED);
    calls(1, GW_CHARGED);
    calls(4, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_CLOSED);
    calls(1, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_OPEN);
    assert_non_null(strstr(figures().why, "in a row"));
}

static void every_fault_counts_and_nothing_else(void **state) {
#define X(name, number, text, not_charged, fault) {GW_##name, fault},
    static const struct {
        enum gateway_outcome outcome;
        bool fault;
    } outcomes[] = {
#include "gateway/outcomes.def"
    };
#undef X
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        (void)fresh(NULL);
        for (int k = 0; k < 40; k++) {
            (void)call(outcomes[i].outcome);
        }
        assert_int_equal(figures().state, outcomes[i].fault ? BREAKER_OPEN : BREAKER_CLOSED);
    }
}

static void declines_never_open_it_and_are_counted_apart(void **state) {
    calls(100, GW_DECLINED);
    assert_int_equal(figures().state, BREAKER_CLOSED);
    assert_int_equal(figures().declines, 100);
    assert_int_equal(figures().faults, 0);
    assert_true(figures().success_rate > 0.99);
}

static void a_share_of_faults_opens_it_once_there_are_enough_calls(void **state) {
    /* Two good ones for each fault: 33 %, never two in a row; nine calls are too few to tell. */
    for (int i = 0; i < 3; i++) {
        calls(2, GW_CHARGED);
        calls(1, GW_UNKNOWN);
    }
    assert_int_equal(figures().state, BREAKER_CLOSED);
    calls(1, GW_UNKNOWN); /* 4 of 10 */
    assert_int_equal(figures().state, BREAKER_OPEN);
    assert_non_null(strstr(figures().why, "4 of 10"));
}

static void a_small_share_of_faults_is_borne(void **state) {
    for (int i = 0; i < 50; i++) {
        calls(3, GW_CHARGED);
        calls(1, GW_UNKNOWN); /* 25 % */
    }
    assert_int_equal(figures().state, BREAKER_CLOSED);
}

static void what_is_older_than_the_window_is_forgotten(void **state) {
    calls(6, GW_CHARGED);
    for (int i = 0; i < 3; i++) {
        calls(1, GW_UNKNOWN);
        calls(1, GW_CHARGED);
    }
    test_clock_advance(31 * US_PER_SECOND);
    assert_int_equal(figures().calls, 0);
    calls(9, GW_CHARGED);
    calls(2, GW_UNKNOWN); /* with the old ones it would be 5 of 23, without them 2 of 11 */
    assert_int_equal(figures().faults, 2);
    assert_int_equal(figures().state, BREAKER_CLOSED);
}

static void slow_calls_open_it_by_their_share(void **state) {
    for (int i = 0; i < 9; i++) {
        report(admit(), GW_CHARGED, i < 5 ? 6 * US_PER_SECOND : 1000);
    }
    assert_int_equal(figures().state, BREAKER_CLOSED);
    report(admit(), GW_CHARGED, 6 * US_PER_SECOND); /* 6 of 10 */
    assert_int_equal(figures().state, BREAKER_OPEN);
    assert_non_null(strstr(figures().why, "longer than"));
}

static void our_own_saturation_opens_it(void **state) {
    struct gateway_result refused;
    gateway_result_init(&refused);
    refused.outcome = GW_UNAVAILABLE;
    refused.failure = HTTP_FAIL_BULKHEAD;
    refused.reach = HTTP_NOT_SENT;
    calls(7, GW_CHARGED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(figures().state, BREAKER_CLOSED);
        gateway_health_report(health, METHOD_CARD, OP_CHARGE, admit(), &refused);
    }
    assert_int_equal(figures().state, BREAKER_OPEN);
    assert_non_null(strstr(figures().why, "no room"));
    assert_int_equal(figures().faults, 0); /* it is not the gateway's fault */
}

static void breakers_are_apart_by_method_and_operation(void **state) {
    open_it();
    char why[160];
    assert_int_equal(gateway_health_admit(health, METHOD_PAYPAL, OP_CHARGE, why, sizeof why),
                     ADMIT_YES);
    assert_int_equal(gateway_health_admit(health, METHOD_CARD, OP_REFUND, why, sizeof why),
                     ADMIT_YES);
    assert_int_equal(gateway_health_admit(health, METHOD_CARD, OP_CHARGE, why, sizeof why),
                     ADMIT_NO);
}

/* ---- open and half open ---- */

static void an_open_one_admits_nothing_and_says_why(void **state) {
    open_it();
    test_clock_advance(3 * US_PER_SECOND);
    char why[160];
    assert_int_equal(gateway_health_admit(health, METHOD_CARD, OP_CHARGE, why, sizeof why),
                     ADMIT_NO);
    assert_non_null(strstr(why, "breaker open: 5 calls in a row failed; next trial in 2.0 s"));
    assert_int_equal(gateway_health_look(health, METHOD_CARD, OP_CHARGE, why, sizeof why),
                     ADMIT_NO);
}

static void looking_takes_no_trials_place(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    char why[160];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gateway_health_look(health, METHOD_CARD, OP_CHARGE, why, sizeof why),
                         ADMIT_TRIAL);
        assert_int_equal(figures().state, BREAKER_OPEN);
    }
    assert_int_equal(admit(), ADMIT_TRIAL);
    assert_int_equal(figures().state, BREAKER_HALF_OPEN);
    assert_int_equal(gateway_health_look(health, METHOD_CARD, OP_CHARGE, why, sizeof why),
                     ADMIT_NO);
}

static void one_trial_at_a_time_until_the_first_success(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
    test_clock_advance(3 * US_PER_SECOND); /* far longer than the trickle */
    assert_int_equal(admit(), ADMIT_NO);
    report(ADMIT_TRIAL, GW_CHARGED, 1000);
    assert_int_equal(admit(), ADMIT_TRIAL);
}

static void after_it_a_trickle(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    assert_true(call(GW_CHARGED));
    assert_int_equal(admit(), ADMIT_NO);
    test_clock_advance(499 * US_PER_MS);
    assert_int_equal(admit(), ADMIT_NO);
    test_clock_advance(1 * US_PER_MS);
    assert_true(call(GW_CHARGED));
    assert_int_equal(figures().state, BREAKER_HALF_OPEN);
}

static void it_closes_after_enough_successes_in_a_row(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(figures().state, i == 0 ? BREAKER_OPEN : BREAKER_HALF_OPEN);
        assert_true(call(i % 2 == 0 ? GW_CHARGED : GW_DECLINED)); /* a decline is an answer too */
        test_clock_advance(500 * US_PER_MS);
    }
    assert_int_equal(figures().state, BREAKER_CLOSED);
    assert_int_equal(figures().first_fault_us, 0);
}

static void a_trial_that_fails_opens_it_for_twice_as_long_up_to_the_cap(void **state) {
    static const int64_t lengths_s[] = {5, 10, 20, 20};
    open_it();
    for (size_t i = 0; i < COUNT_OF(lengths_s); i++) {
        test_clock_advance(lengths_s[i] * US_PER_SECOND - 1000);
        assert_int_equal(admit(), ADMIT_NO);
        test_clock_advance(1000);
        assert_true(call(GW_UNAVAILABLE));
        assert_int_equal(figures().state, BREAKER_OPEN);
    }
}

static void one_fault_among_trials_is_enough(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    for (int i = 0; i < 4; i++) {
        assert_true(call(GW_CHARGED));
        test_clock_advance(500 * US_PER_MS);
    }
    assert_true(call(GW_UNKNOWN));
    assert_int_equal(figures().state, BREAKER_OPEN);
}

static void a_trial_whose_caller_died_gives_its_place_back(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL); /* never reported */
    test_clock_advance(59 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_NO);
    test_clock_advance(2 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
}

static void a_straggler_from_before_changes_nothing(void **state) {
    enum admission before = admit();
    open_it();
    report(before, GW_CHARGED, 1000);
    assert_int_equal(figures().state, BREAKER_OPEN);
    test_clock_advance(5 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
    report(before, GW_UNAVAILABLE, 1000);
    assert_int_equal(figures().state, BREAKER_HALF_OPEN);
    assert_int_equal(admit(), ADMIT_NO); /* the trial is still out */
}

/* ---- traffic returns ---- */

static void close_it(void) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    for (int i = 0; i < 5; i++) {
        assert_true(call(GW_CHARGED));
        test_clock_advance(500 * US_PER_MS);
    }
    assert_int_equal(figures().state, BREAKER_CLOSED);
}

/* How many of so many who look first, as the router does, are let in. */
static int let_in(int count) {
    int in = 0;
    char why[160];
    for (int i = 0; i < count; i++) {
        enum admission seen = gateway_health_look(health, METHOD_CARD, OP_CHARGE, why, sizeof why);
        if (seen == ADMIT_YES) {
            assert_true(call(GW_CHARGED));
            in++;
        } else {
            assert_int_equal(seen, ADMIT_RECOVERING);
            assert_non_null(strstr(why, "recovering"));
        }
    }
    return in;
}

static void traffic_returns_by_a_tenth_a_half_and_then_all(void **state) {
    close_it();
    assert_int_equal(let_in(191), 20); /* 0, 10, … 190 */
    assert_int_equal(let_in(39), 20);  /* 0, 2, … 38 */
    assert_int_equal(let_in(50), 50);
}

static void a_call_is_never_refused_for_its_share(void **state) {
    close_it();
    calls(100, GW_CHARGED);
}

/* Who has no other route calls though he saw no place: the others' share is not his to take. */
static void who_calls_without_a_place_takes_none_from_the_share(void **state) {
    close_it();
    char why[160];
    for (int i = 0; i < 20; i++) {
        enum admission seen = gateway_health_look(health, METHOD_CARD, OP_CHARGE, why, sizeof why);
        assert_int_equal(seen, i % 10 == 0 ? ADMIT_YES : ADMIT_RECOVERING);
        calls(1, GW_CHARGED);
    }
}

/* Five payments a minute do not fill a stage in any time that matters. */
static void a_stage_ends_by_its_time_too(void **state) {
    close_it();
    struct breaker_look look;
    assert_int_equal(let_in(11), 2);
    test_clock_advance(14 * US_PER_SECOND);
    assert_int_equal(let_in(10), 1);
    test_clock_advance(1 * US_PER_SECOND);
    assert_int_equal(let_in(10), 5);
    test_clock_advance(14 * US_PER_SECOND);
    gateway_health_breaker(health, METHOD_CARD, OP_CHARGE, &look);
    assert_true(look.recovers);
    test_clock_advance(1 * US_PER_SECOND);
    gateway_health_breaker(health, METHOD_CARD, OP_CHARGE, &look);
    assert_false(look.recovers);
    assert_int_equal(let_in(10), 10);
}

static void showing_it_lets_no_more_traffic_return(void **state) {
    char why[160];
    int in = 0;
    close_it();
    for (int i = 0; i < 100; i++) {
        for (int looks = 0; looks < 7; looks++) {
            enum admission shown = gateway_health_peek(health, METHOD_CARD, OP_CHARGE, why,
                                                       sizeof why);
            assert_int_equal(shown, ADMIT_RECOVERING);
        }
        in += let_in(1);
    }
    assert_int_equal(in, 10);
}

static void a_fault_while_traffic_returns_opens_it_for_longer(void **state) {
    close_it();
    assert_int_equal(let_in(50), 5);
    while (!call(GW_UNAVAILABLE)) {
    }
    assert_int_equal(figures().state, BREAKER_OPEN);
    test_clock_advance(9 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_NO); /* ten seconds now, not five */
    test_clock_advance(1 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
}

static void new_trouble_after_full_recovery_begins_with_the_short_time(void **state) {
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    assert_true(call(GW_UNAVAILABLE)); /* ten seconds */
    test_clock_advance(10 * US_PER_SECOND);
    for (int i = 0; i < 5; i++) {
        assert_true(call(GW_CHARGED));
        test_clock_advance(500 * US_PER_MS);
    }
    (void)let_in(300);
    open_it();
    test_clock_advance(5 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
}

/* ---- figures ---- */

static void figures_tell_the_window_and_the_moments(void **state) {
    assert_int_equal(figures().since_us, 0);
    assert_int_equal(figures().p50_us, -1);
    assert_true(figures().success_rate > 0.999);
    calls(3, GW_CHARGED);
    int64_t trouble_us = clock_wall_us();
    calls(1, GW_UNKNOWN);
    test_clock_advance(2 * US_PER_SECOND);
    calls(4, GW_UNKNOWN);
    struct health_figures now = figures();
    assert_int_equal(now.calls, 8);
    assert_int_equal(now.faults, 5);
    assert_int_equal(now.first_fault_us, trouble_us);
    assert_int_equal(now.opened_us, clock_wall_us());
    assert_int_equal(now.since_us, clock_wall_us());
    assert_true(now.success_rate > 0.37 && now.success_rate < 0.38);
}

static void timeouts_are_counted(void **state) {
    struct gateway_result result;
    gateway_result_init(&result);
    result.outcome = GW_UNKNOWN;
    result.failure = HTTP_FAIL_TIMEOUT;
    for (int i = 0; i < 3; i++) {
        gateway_health_report(health, METHOD_CARD, OP_CHARGE, admit(), &result);
    }
    assert_int_equal(figures().timeouts, 3);
}

static void a_deadline_is_four_times_the_slowest_hundredth_within_its_bounds(void **state) {
    static const struct {
        int64_t answer_us;
        int calls; /* in the breaker's window */
        int64_t deadline_us;
    } rows[] = {
        {0, 0, 10 * US_PER_SECOND},               /* nothing is known: the gateway's own */
        {20 * US_PER_MS, 49, 10 * US_PER_SECOND}, /* so few answers say little */
        {20 * US_PER_MS, 50, 3 * US_PER_SECOND},  /* never less than that */
        {1000 * US_PER_MS, 50, 4 * US_PER_SECOND},
        {6000 * US_PER_MS, 50, 10 * US_PER_SECOND}, /* never more than the gateway's own */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)fresh(NULL);
        struct gateway gateway = {.name = "g", .health = health, .timeout_us = 10 * US_PER_SECOND};
        for (int k = 0; k < 200 && rows[i].answer_us > 0; k++) {
            meter_time(METER_GATEWAY_SECONDS, rows[i].answer_us, "g", "card", "charge");
        }
        calls(rows[i].calls, GW_CHARGED);
        int64_t found = gateway_health_timeout_us(&gateway, METHOD_CARD, OP_CHARGE);
        assert_in_range(found, rows[i].deadline_us * 94 / 100, rows[i].deadline_us * 106 / 100);
    }
}

static void a_trial_may_take_the_gateways_own_time(void **state) {
    (void)fresh(NULL);
    struct gateway gateway = {.name = "g", .health = health, .timeout_us = 10 * US_PER_SECOND};
    for (int k = 0; k < 200; k++) {
        meter_time(METER_GATEWAY_SECONDS, 20 * US_PER_MS, "g", "card", "charge");
    }
    calls(60, GW_CHARGED);
    assert_in_range(gateway_health_timeout_us(&gateway, METHOD_CARD, OP_CHARGE), 1,
                    4 * US_PER_SECOND);
    for (int k = 0; k < 60 && figures().state == BREAKER_CLOSED; k++) {
        calls(1, GW_UNAVAILABLE);
    }
    assert_int_equal(figures().state, BREAKER_OPEN);
    assert_int_equal(gateway_health_timeout_us(&gateway, METHOD_CARD, OP_CHARGE),
                     10 * US_PER_SECOND);
}

static void settings_that_are_not_given_have_defaults(void **state) {
    gateway_health_free(health);
    health = gateway_health_new("g", NULL);
    calls(4, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_CLOSED);
    calls(1, GW_UNAVAILABLE);
    assert_int_equal(figures().state, BREAKER_OPEN);
    test_clock_advance(5 * US_PER_SECOND);
    assert_int_equal(admit(), ADMIT_TRIAL);
    gateway_health_free(health);
    /* A window longer than what is kept is cut to it. */
    static const struct breaker_settings wide = {.window_s = 100000};
    health = gateway_health_new("g", &wide);
    calls(3, GW_CHARGED);
    test_clock_advance(119 * US_PER_SECOND);
    assert_int_equal(figures().calls, 3);
    test_clock_advance(2 * US_PER_SECOND);
    assert_int_equal(figures().calls, 0);
}

int main(void) {
    payment_world_init();
    test_clock_freeze(true);
#define HEALTH(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        HEALTH(five_faults_in_a_row_open_it),
        HEALTH(every_fault_counts_and_nothing_else),
        HEALTH(declines_never_open_it_and_are_counted_apart),
        HEALTH(a_share_of_faults_opens_it_once_there_are_enough_calls),
        HEALTH(a_small_share_of_faults_is_borne),
        HEALTH(what_is_older_than_the_window_is_forgotten),
        HEALTH(slow_calls_open_it_by_their_share),
        HEALTH(our_own_saturation_opens_it),
        HEALTH(breakers_are_apart_by_method_and_operation),
        HEALTH(an_open_one_admits_nothing_and_says_why),
        HEALTH(looking_takes_no_trials_place),
        HEALTH(one_trial_at_a_time_until_the_first_success),
        HEALTH(after_it_a_trickle),
        HEALTH(it_closes_after_enough_successes_in_a_row),
        HEALTH(a_trial_that_fails_opens_it_for_twice_as_long_up_to_the_cap),
        HEALTH(one_fault_among_trials_is_enough),
        HEALTH(a_trial_whose_caller_died_gives_its_place_back),
        HEALTH(a_straggler_from_before_changes_nothing),
        HEALTH(traffic_returns_by_a_tenth_a_half_and_then_all),
        HEALTH(a_call_is_never_refused_for_its_share),
        HEALTH(who_calls_without_a_place_takes_none_from_the_share),
        HEALTH(a_stage_ends_by_its_time_too),
        HEALTH(showing_it_lets_no_more_traffic_return),
        HEALTH(a_fault_while_traffic_returns_opens_it_for_longer),
        HEALTH(new_trouble_after_full_recovery_begins_with_the_short_time),
        HEALTH(figures_tell_the_window_and_the_moments),
        HEALTH(timeouts_are_counted),
        HEALTH(a_deadline_is_four_times_the_slowest_hundredth_within_its_bounds),
        HEALTH(a_trial_may_take_the_gateways_own_time),
        HEALTH(settings_that_are_not_given_have_defaults),
    };
    int failed = cmocka_run_group_tests_name("the breakers", tests, NULL, NULL);
    gateway_health_free(health);
    return failed;
}
