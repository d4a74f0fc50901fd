/* SPDX-License-Identifier: Apache-2.0
 * test_billing.c: plans, renewals at the customer's hour, changes, pauses (PAY-9, DEG-4). Dunning
 * is test_dunning.c, crashes are test_billing_faults.c. */
#include "billing_fixture.h"
#include "support/sample.h"

/* ---- periods ---- */

static void assert_local(const struct time_zone *zone, int64_t wall_us, const char *expected) {
    char text[CLOCK_TEXT_MAX];
    clock_format_at(local_from_wall(zone, wall_us) * US_PER_SECOND, 0, text);
    assert_string_equal(text, expected);
}

static int64_t local(const char *text) {
    int64_t us = 0;
    assert_true(clock_parse_at(text, 0, &us));
    return us / US_PER_SECOND;
}

static void periods_do_not_drift_in_twenty_years(void **state) {
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Asia/Shanghai",
                                        "Australia/Lord_Howe"};
    for (size_t z = 0; z < COUNT_OF(zones); z++) {
        TIME_ZONE_AUTO zone = NULL;
        struct err err = {0};
        assert_int_equal(time_zone_open(zones[z], &zone, &err), 0);
        for (int unit = UNIT_DAY; unit < UNIT_COUNT; unit++) {
            struct plan_row plan = {.unit = (enum calendar_unit)unit, .unit_count = 1};
            struct subscription_row row = {.anchor_number = 1,
                                           .anchor_local_s = local("2024-01-31 02:30:00"),
                                           .anchor_day = 31};
            int periods = unit == UNIT_DAY    ? 20 * 365
                          : unit == UNIT_WEEK ? 20 * 52
                                              : 20 * (unit == UNIT_MONTH ? 12 : 1);
            int64_t before = 0;
            for (int n = 1; n <= periods; n++) {
                if (!sampled(n, 7)) {
                    continue;
                }
                int64_t at = period_start(&row, &plan, zone, n);
                int64_t second = local_from_wall(zone, at) % 86400;
                /* 02:30, or where the clocks jump over it half an hour or an hour later. */
                assert_true(second == 9000 || second == 12600 || second == 10800);
                assert_true(at > before);
                assert_int_equal(period_at(&row, &plan, zone, at), n);
                assert_int_equal(period_at(&row, &plan, zone, at - 1), n > 1 ? n - 1 : 1);
                before = at;
            }
        }
    }
}

static void the_31st_comes_back_after_short_months_and_a_changed_plan(void **state) {
    TIME_ZONE_AUTO zone = NULL;
    struct err err = {0};
    assert_int_equal(time_zone_open("Europe/Berlin", &zone, &err), 0);
    struct plan_row monthly = {.unit = UNIT_MONTH, .unit_count = 1};
    struct plan_row yearly = {.unit = UNIT_YEAR, .unit_count = 1};
    struct plan_row weekly = {.unit = UNIT_WEEK, .unit_count = 1};
    struct subscription_row row = {
        .anchor_number = 1, .anchor_local_s = local("2026-01-31 10:00:00"), .anchor_day = 31};
    assert_local(zone, period_start(&row, &monthly, zone, 2), "2026-02-28 10:00:00");
    period_change_plan(&row, &monthly, &yearly, 2);
    assert_local(zone, period_start(&row, &yearly, zone, 2), "2026-02-28 10:00:00");
    period_change_plan(&row, &yearly, &monthly, 3);
    assert_local(zone, period_start(&row, &monthly, zone, 3), "2027-02-28 10:00:00");
    assert_local(zone, period_start(&row, &monthly, zone, 4), "2027-03-31 10:00:00");
    period_change_plan(&row, &monthly, &weekly, 4);
    assert_local(zone, period_start(&row, &weekly, zone, 5), "2027-04-07 10:00:00");
    period_change_plan(&row, &weekly, &monthly, 5);
    assert_local(zone, period_start(&row, &monthly, zone, 6), "2027-05-07 10:00:00");
}

/* ---- renewing ---- */

static void a_subscription_is_charged_at_once_and_at_each_renewal(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    assert_state(id.text, "starting");
    (void)world_tick(W);
    assert_state(id.text, "active");
    assert_int_equal(charged(id, 1), 1);
    pass(DAYS(27));
    assert_int_equal(count("SELECT COUNT(*) FROM invoice"), 1);
    pass(DAYS(5));
    assert_int_equal(charged(id, 2), 1);
    pass(DAYS(31));
    assert_int_equal(charged(id, 3), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 2"), 3);
    assert_int_equal(count("SELECT COUNT(*) FROM payment WHERE state = 5"), 3);
    check_periods();
}

static void it_renews_at_the_same_hour_of_its_customer(void **state) {
    TIME_ZONE_AUTO zone = NULL;
    struct err err = {0};
    assert_int_equal(time_zone_open("Europe/Berlin", &zone, &err), 0);
    struct ids plan = make_plan(100, UNIT_DAY, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    int64_t anchor = count("SELECT anchor_local_s FROM subscription");
    for (int day = 1; day <= 140; day += 20) { /* over a change of the clocks, whenever it is run */
        pass(DAYS(20));
        int64_t end = count("SELECT period_end_us FROM subscription");
        assert_int_equal(local_from_wall(zone, end) % 86400, anchor % 86400);
    }
    assert_state(id.text, "active");
    check_periods();
}

static void a_trial_is_charged_when_it_is_over_and_not_before(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = id_in(subscribe_as(NULL, plan.text, 14));
    (void)world_tick(W);
    assert_state(id.text, "trialing");
    pass(DAYS(13));
    assert_int_equal(count("SELECT COUNT(*) FROM invoice"), 0);
    pass(DAYS(2));
    assert_state(id.text, "active");
    assert_int_equal(charged(id, 1), 1);
    check_periods();
}

static void one_key_makes_one_subscription(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids first = id_in(subscribe_as("k", plan.text, 0));
    struct ids again = id_in(subscribe_as("k", plan.text, 0));
    assert_string_equal(first.text, again.text);
    assert_true(W->replayed);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
}

static void a_renewal_is_told_with_its_invoice(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    pass(DAYS(32));
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT type FROM event WHERE payment_id = '%s' ORDER BY sequence",
             id.text);
    assert_text(W, sql, "subscription.created");
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'subscription.activated'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM event WHERE type = 'subscription.renewed'"), 1);
    char *data = world_text(W, "SELECT data FROM event WHERE type = 'subscription.renewed'");
    json_t *json = json_loads(data, 0, NULL);
    assert_string_equal(json_at(json, "latest_invoice.state"), "paid");
    assert_int_equal(int_at(json, "latest_invoice.number"), 2);
    assert_null(strstr(data, "pm_portable"));
    json_decref(json);
    free(data);
}

/* ---- the clock jumps ---- */

static void a_clock_that_jumps_back_and_forth_charges_a_period_once(void **state) {
    struct ids plan = make_plan(100, UNIT_DAY, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    for (int i = 0; i < 10; i++) {
        test_clock_advance(DAYS(1) - HOURS(1));
        (void)world_tick(W);
        /* The hour to the renewal, gone through four times. */
        for (int k = 0; k < 4; k++) {
            test_clock_wall_shift(HOURS(1));
            (void)world_tick(W);
            test_clock_wall_shift(-HOURS(1));
            (void)world_tick(W);
        }
        test_clock_advance(HOURS(1));
        (void)world_tick(W);
    }
    assert_int_equal(count("SELECT COUNT(*) FROM invoice"), 11);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 11);
    assert_state(id.text, "active");
    check_periods();
}

static void
a_clock_that_jumps_a_year_ahead_charges_one_period_and_writes_the_others_down(void **state) {
    struct ids plan = make_plan(100, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    test_clock_wall_shift(DAYS(366));
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 2"), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 4"), 11);
    test_clock_wall_shift(-DAYS(366));
    (void)world_tick(W);
    pass(DAYS(40));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
    assert_state(id.text, "active");
    check_periods();
}

static void many_missed_periods_are_all_written_down(void **state) {
    struct ids plan = make_plan(100, UNIT_DAY, UNPAID_CANCEL);
    (void)subscribe(plan.text);
    (void)world_tick(W);
    test_clock_advance(DAYS(200) + HOURS(2));
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 4"), 199);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 2"), 2);
    check_periods();
}

/* ---- changing and ending ---- */

static void a_change_of_plan_begins_with_the_next_period(void **state) {
    struct ids small = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids large = make_plan(9000, UNIT_YEAR, UNPAID_CANCEL);
    struct ids id = subscribe(small.text);
    (void)world_tick(W);
    assert_int_equal(change_to(id, large), 0);
    pass(DAYS(20));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    pass(DAYS(12));
    assert_int_equal(count("SELECT amount_minor FROM invoice WHERE number = 2"), 9000);
    pass(DAYS(60));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
    assert_int_equal(change_to(id, small), 0);
    assert_int_equal(change_to(id, large), 0); /* and back: nothing changes */
    assert_int_equal(count("SELECT COUNT(*) FROM subscription WHERE next_plan_id = ''"), 1);
    check_periods();
}

static void a_cancellation_at_the_end_lets_the_period_run_out(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    assert_int_equal(cancel_it(id, true), 0);
    pass(DAYS(27));
    assert_state(id.text, "active");
    pass(DAYS(5));
    assert_state(id.text, "canceled");
    pass(DAYS(40));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'renewal'"), 0);
    check_periods();
}

static void a_cancellation_can_be_taken_back_and_a_change_does_not_undo_it(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids other = make_plan(1900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids kept = subscribe(plan.text), ended = subscribe(plan.text);
    (void)world_tick(W);
    assert_int_equal(cancel_it(kept, true), 0);
    assert_int_equal(act(subscription_keep, kept), 0);
    assert_int_equal(act(subscription_keep, kept), -ERR_STATE);
    assert_int_equal(cancel_it(ended, true), 0);
    assert_int_equal(change_to(ended, other), 0);
    pass(DAYS(32));
    assert_state(kept.text, "active");
    assert_state(ended.text, "canceled");
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 3);
    assert_int_equal(act(subscription_keep, ended), -ERR_STATE);
    assert_int_equal(change_to(ended, plan), -ERR_STATE);
    check_periods();
}

static void a_cancellation_now_charges_nothing_more(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    assert_int_equal(cancel_it(id, false), 0); /* before its first charge */
    pass(DAYS(40));
    assert_state(id.text, "canceled");
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 0);
    assert_int_equal(cancel_it(id, false), -ERR_STATE);
}

/* ---- pausing ---- */

static void a_paused_one_is_charged_once_for_the_period_in_which_it_goes_on(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    assert_int_equal(pause_it(id), 0);
    assert_int_equal(pause_it(id), -ERR_STATE);
    pass(DAYS(100));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(act(subscription_resume, id), 0);
    (void)world_tick(W);
    assert_state(id.text, "active");
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
    assert_int_equal(count("SELECT COUNT(*) FROM invoice WHERE state = 4"), 2);
    assert_int_equal(act(subscription_resume, id), -ERR_STATE);
    check_periods();
}

static void one_that_goes_on_within_the_paid_period_is_not_charged_again(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    (void)world_tick(W);
    assert_int_equal(pause_it(id), 0);
    pass(DAYS(10));
    assert_int_equal(act(subscription_resume, id), 0);
    pass(DAYS(10));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 1);
    pass(DAYS(12));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2);
    check_periods();
}

static void a_trial_and_a_first_charge_can_be_paused(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids trial = id_in(subscribe_as(NULL, plan.text, 14));
    struct ids fresh = subscribe(plan.text);
    assert_int_equal(pause_it(trial), 0);
    assert_int_equal(pause_it(fresh), 0);
    pass(DAYS(5));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 0);
    assert_int_equal(act(subscription_resume, trial), 0);
    assert_int_equal(act(subscription_resume, fresh), 0);
    assert_state(trial.text, "trialing");
    assert_state(fresh.text, "starting");
    pass(DAYS(10));
    assert_state(trial.text, "active");
    assert_state(fresh.text, "active");
    check_periods();
}

static void the_switch_holds_all_back_and_loses_none(void **state) {
    enum { MANY = 60 };
    struct ids plan = make_plan(100, UNIT_MONTH, UNPAID_CANCEL), ids[MANY];
    for (int i = 0; i < MANY; i++) {
        ids[i] = subscribe(plan.text);
    }
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), MANY);
    pause_all(true);
    pass(DAYS(33));
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), MANY);
    pause_all(false);
    /* Twenty a second: not all at once, and the last after three seconds. */
    (void)world_tick(W);
    int64_t soon = count("SELECT COUNT(*) FROM payment") - MANY;
    assert_true(soon < MANY);
    assert_true(count("SELECT MAX(due_us) - MIN(due_us) FROM job WHERE kind = 'renewal' AND "
                      "due_us < (SELECT MIN(due_us) FROM job WHERE kind = 'renewal') + 60000000") >=
                (MANY - soon - 1) * 50 * US_PER_MS);
    test_clock_advance(4 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM payment"), 2 * MANY);
    for (int i = 0; i < MANY; i++) {
        assert_state(ids[i].text, "active");
        assert_int_equal(charged(ids[i], 2), 1);
    }
    check_periods();
}

static void the_switch_is_told_and_read(void **state) {
    struct answer answer = {0};
    json_t *json = went_well(billing_switch(W->billing, &answer, &W->err), &answer);
    assert_true(json_is_false(json_object_get(json, "paused")));
    json_decref(json);
    pause_all(true);
    json = went_well(billing_switch(W->billing, &answer, &W->err), &answer);
    assert_true(json_is_true(json_object_get(json, "paused")));
    assert_string_equal(json_at(json, "reason"), "incident 7");
    json_decref(json);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'billing.pause'"), 1);
    pause_all(false);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'billing.resume' AND "
                           "reason = 'it is over'"),
                     1);
}

/* ---- bad input ---- */

static void a_plan_out_of_bounds_is_refused(void **state) {
    static const struct {
        enum calendar_unit unit;
        int count, trial;
    } bad[] = {{UNIT_DAY, 0, 0},  {UNIT_DAY, 367, 0},  {UNIT_WEEK, 53, 0},  {UNIT_MONTH, 25, 0},
               {UNIT_YEAR, 6, 0}, {UNIT_MONTH, -1, 0}, {UNIT_MONTH, 1, -1}, {UNIT_MONTH, 1, 731}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct plan_order order = {.name = "x",
                                   .amount_minor = 1,
                                   .currency = {"USD"},
                                   .unit = bad[i].unit,
                                   .unit_count = bad[i].count,
                                   .trial_days = bad[i].trial,
                                   .when_unpaid = UNPAID_CANCEL};
        struct caller caller = who(NULL);
        struct answer answer = {0};
        assert_int_equal(plan_create(W->billing, &caller, &order, &answer, &W->err),
                         -ERR_VALIDATION);
    }
}

static void a_subscription_without_plan_zone_or_token_is_refused(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct caller caller = who(NULL);
    struct answer answer = {0};
    struct subscription_order order = {.plan_id = plan.text,
                                       .customer_id = "c",
                                       .method = METHOD_CARD,
                                       .token = "pm",
                                       .time_zone = "Europe/Atlantis",
                                       .trial_days = -1};
    assert_int_equal(subscription_create(W->billing, &caller, &order, &answer, &W->err),
                     -ERR_VALIDATION);
    order.time_zone = "UTC";
    order.token = "";
    assert_int_equal(subscription_create(W->billing, &caller, &order, &answer, &W->err),
                     -ERR_VALIDATION);
    order.token = "pm";
    order.plan_id = "pln_01JD5R6Q6Y0V3M8X2K4N7T9BCF";
    assert_int_equal(subscription_create(W->billing, &caller, &order, &answer, &W->err),
                     -ERR_NOT_FOUND);
    order.plan_id = plan.text;
    assert_int_equal(plan_update(W->billing, &caller, plan.text, NULL, 0, &answer, &W->err), 0);
    answer_release(&answer);
    assert_int_equal(subscription_create(W->billing, &caller, &order, &answer, &W->err),
                     -ERR_STATE);
    assert_int_equal(count("SELECT COUNT(*) FROM subscription"), 0);
}

static void a_plan_in_another_currency_cannot_be_changed_to(void **state) {
    struct ids plan = make_plan(900, UNIT_MONTH, UNPAID_CANCEL);
    struct ids id = subscribe(plan.text);
    struct plan_order order = {.name = "x",
                               .amount_minor = 1,
                               .currency = {"EUR"},
                               .unit = UNIT_MONTH,
                               .unit_count = 1,
                               .when_unpaid = UNPAID_CANCEL};
    struct caller caller = who(NULL);
    struct answer answer = {0};
    struct ids other = id_in(
        went_well(plan_create(W->billing, &caller, &order, &answer, &W->err), &answer));
    assert_int_equal(change_to(id, other), -ERR_VALIDATION);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_do_not_drift_in_twenty_years),
        cmocka_unit_test(the_31st_comes_back_after_short_months_and_a_changed_plan),
        cmocka_unit_test(a_subscription_is_charged_at_once_and_at_each_renewal),
        cmocka_unit_test(it_renews_at_the_same_hour_of_its_customer),
        cmocka_unit_test(a_trial_is_charged_when_it_is_over_and_not_before),
        cmocka_unit_test(one_key_makes_one_subscription),
        cmocka_unit_test(a_renewal_is_told_with_its_invoice),
        cmocka_unit_test(a_clock_that_jumps_back_and_forth_charges_a_period_once),
        cmocka_unit_test(
            a_clock_that_jumps_a_year_ahead_charges_one_period_and_writes_the_others_down),
        cmocka_unit_test(many_missed_periods_are_all_written_down),
        cmocka_unit_test(a_change_of_plan_begins_with_the_next_period),
        cmocka_unit_test(a_cancellation_at_the_end_lets_the_period_run_out),
        cmocka_unit_test(a_cancellation_can_be_taken_back_and_a_change_does_not_undo_it),
        cmocka_unit_test(a_cancellation_now_charges_nothing_more),
        cmocka_unit_test(a_paused_one_is_charged_once_for_the_period_in_which_it_goes_on),
        cmocka_unit_test(one_that_goes_on_within_the_paid_period_is_not_charged_again),
        cmocka_unit_test(a_trial_and_a_first_charge_can_be_paused),
        cmocka_unit_test(the_switch_holds_all_back_and_loses_none),
        cmocka_unit_test(the_switch_is_told_and_read),
        cmocka_unit_test(a_plan_out_of_bounds_is_refused),
        cmocka_unit_test(a_subscription_without_plan_zone_or_token_is_refused),
        cmocka_unit_test(a_plan_in_another_currency_cannot_be_changed_to),
    };
    return payment_world_run("subscriptions", tests, COUNT_OF(tests));
}
