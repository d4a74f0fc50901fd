/* SPDX-License-Identifier: Apache-2.0
 * test_disputes.c: disputes as gateways tell of them, from their opening to their end: states,
 * money, callbacks, and refunds beside them. */
#include "disputes_fixture.h"

/* ---- the table ---- */

/* Every state × event, whether it has a row or not; what has none changes nothing. */
static void every_event_moves_every_state_as_the_table_says_or_not_at_all(void **state) {
    static const char *const statuses[DISPUTE_EVENT_COUNT] = {
        [DISPUTE_EVENT_ASK] = "needs_response",
        [DISPUTE_EVENT_REVIEW] = "under_review",
        [DISPUTE_EVENT_WIN] = "won",
        [DISPUTE_EVENT_LOSE] = "lost",
        [DISPUTE_EVENT_WITHDRAW] = "warning_closed",
    };
    static const char *const at[DISPUTE_STATE_COUNT] = {
        [DISPUTE_NEEDS_RESPONSE] = "needs_response",
        [DISPUTE_UNDER_REVIEW] = "under_review",
        [DISPUTE_WON] = "won",
        [DISPUTE_LOST] = "lost",
        [DISPUTE_WITHDRAWN] = "warning_closed",
    };
    for (int from = 1; from < DISPUTE_STATE_COUNT; from++) {
        for (int event = 1; event < DISPUTE_EVENT_COUNT; event++) {
            payment_world_forget(W);
            (void)forget(NULL);
            const char *id = disputed(500, at[from]);
            assert_int_equal(count("SELECT state FROM dispute"), from);
            const struct dispute_move *move = dispute_move_find((enum dispute_state)from,
                                                                (enum dispute_event)event);
            int64_t version = count("SELECT version FROM dispute");
            int64_t told = count("SELECT COUNT(*) FROM event");
            becomes(id, statuses[event]);
            int64_t to = count("SELECT state FROM dispute");
            if (to != (move != NULL ? (int64_t)move->to : from)) {
                fail_msg("%s × %s went to %s", dispute_state_name(from), statuses[event],
                         dispute_state_name(to));
            }
            if (move == NULL) {
                assert_int_equal(count("SELECT version FROM dispute"), version);
                assert_int_equal(count("SELECT COUNT(*) FROM event"), told);
            } else {
                assert_true(count("SELECT COUNT(*) FROM event") > told);
            }
            bool out = to == DISPUTE_NEEDS_RESPONSE || to == DISPUTE_UNDER_REVIEW ||
                       to == DISPUTE_LOST;
            assert_money(out ? 500 : 0, 0);
            world_verify(W);
        }
    }
}

static void names_and_events_are_each_others(void **state) {
    int64_t number = 0;
    assert_false(dispute_state_parse("?", &number));
    assert_string_equal(dispute_state_name(0), "?");
    assert_string_equal(dispute_state_name(DISPUTE_STATE_COUNT), "?");
    for (int i = 1; i < DISPUTE_STATE_COUNT; i++) {
        assert_true(dispute_state_parse(dispute_state_name(i), &number));
        assert_int_equal(number, i);
    }
    assert_true(evidence_kind_known("receipt"));
    assert_false(evidence_kind_known("hearsay"));
}

/* ---- by callback ---- */

static void opening_takes_the_money_and_its_fee_and_is_told(void **state) {
    (void)disputed(500, "needs_response");
    assert_state("needs_response");
    assert_money(500, 0);
    assert_int_equal(count("SELECT amount_minor FROM posting WHERE kind = 6"), 500);
    assert_int_equal(count("SELECT amount_minor FROM posting WHERE kind = 17"), 15);
    assert_int_equal(events("dispute.opened"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 0);
    assert_text(W, "SELECT reason FROM dispute", "fraudulent");
    json_t *story = world_story(W, payment);
    const json_t *one = json_array_get(json_object_get(story, "disputes"), 0);
    assert_string_equal(json_at(one, "state"), "needs_response");
    assert_string_equal(json_at(one, "booked"), "chargebacks");
    assert_int_equal(int_at(json_object_get(story, "payment"), "amount_disputed"), 500);
    json_decref(story);
    world_check(W);
}

static void what_is_won_comes_back(void **state) {
    const char *id = disputed(300, "needs_response");
    becomes(id, "under_review");
    assert_money(300, 0);
    becomes(id, "won");
    assert_state("won");
    assert_money(0, 0);
    assert_int_equal(events("dispute.won"), 1);
    assert_true(count("SELECT closed_us FROM dispute") > 0);
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'dispute'"), 0);
    world_check(W);
}

static void what_is_lost_stays_away(void **state) {
    const char *id = disputed(500, "needs_response");
    becomes(id, "lost");
    assert_state("lost");
    assert_money(500, 0);
    assert_int_equal(events("dispute.lost"), 1);
    world_check(W);
}

static void an_inquiry_moves_no_money_until_it_becomes_a_chargeback(void **state) {
    const char *id = disputed(500, "warning_needs_response");
    assert_state("needs_response");
    assert_money(0, 0);
    assert_int_equal(count("SELECT inquiry FROM dispute"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 17"), 0);
    world_check(W);
    becomes(id, "needs_response");
    assert_int_equal(count("SELECT inquiry FROM dispute"), 0);
    assert_money(500, 0);
    world_check(W);
}

static void an_inquiry_that_ends_is_withdrawn(void **state) {
    const char *id = disputed(500, "warning_needs_response");
    becomes(id, "warning_closed");
    assert_state("withdrawn");
    assert_money(0, 0);
    assert_int_equal(events("dispute.withdrawn"), 1);
    world_check(W);
}

static void the_same_callbacks_again_change_nothing(void **state) {
    const char *id = disputed(500, "needs_response");
    becomes(id, "won");
    int64_t told = count("SELECT COUNT(*) FROM event");
    int64_t postings = count("SELECT COUNT(*) FROM posting");
    for (int i = 0; i < fake_event_count(FAKE); i++) {
        assert_int_equal(world_callback(W, i), 200);
        (void)world_tick(W);
    }
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM event"), told);
    assert_int_equal(count("SELECT COUNT(*) FROM posting"), postings);
    world_check(W);
}

/* They come backwards; what counts is what the gateway says when it is asked. */
static void callbacks_out_of_order_end_where_the_gateway_stands(void **state) {
    payment = world_paid(W, "order", 500);
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    (void)fake_dispute_becomes(FAKE, id, "under_review");
    (void)fake_dispute_becomes(FAKE, id, "won");
    for (int i = fake_event_count(FAKE) - 1; i >= from; i--) {
        assert_int_equal(world_callback(W, i), 200);
        (void)world_tick(W);
    }
    assert_state("won");
    assert_money(0, 0);
    assert_int_equal(events("dispute.opened"), 1);
    assert_int_equal(events("dispute.won"), 1);
    world_check(W);
}

static void a_forged_callback_is_refused_and_asks_nobody(void **state) {
    payment = world_paid(W, "order", 500);
    (void)fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    struct fake_event event = fake_event(FAKE, fake_event_count(FAKE) - 1);
    assert_int_equal(world_callback_raw(W, 0, event.body, "whsec_of_another", clock_wall_us()),
                     400);
    assert_int_equal(
        world_callback_raw(W, 0, event.body, FAKE_WEBHOOK_SECRET, clock_wall_us() - HOUR_US), 400);
    (void)world_tick(W);
    assert_int_equal(fake_calls(FAKE, 0, "query_dispute"), 0);
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 0);
}

static void while_the_gateway_cannot_be_asked_the_callback_waits(void **state) {
    payment = world_paid(W, "order", 500);
    int from = fake_event_count(FAKE);
    (void)fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    fake_say(FAKE, 0, "query_dispute", 2, FAKE_TIME_OUT_BEFORE);
    hear(from);
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 0);
    world_settle_all(W);
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 1);
    world_check(W);
}

static void a_lost_callback_is_made_up_for_by_asking(void **state) {
    const char *id = disputed(500, "needs_response");
    (void)fake_dispute_becomes(FAKE, id, "won"); /* and nobody tells us */
    test_clock_advance(7 * HOUR_US);
    (void)world_tick(W);
    assert_state("won");
    world_check(W);
}

static void another_amount_than_at_first_is_a_persons_to_look_at(void **state) {
    const char *id = disputed(500, "needs_response");
    fake_dispute_amount(FAKE, id, 400);
    becomes(id, "under_review");
    assert_int_equal(cases("dispute_mismatch", true), 1);
    assert_money(500, 0);
    world_verify(W);
}

static void a_dispute_of_a_charge_of_nobodys_lies_in_suspense(void **state) {
    assert_int_equal(world_callback(W, fake_charge_of_nobody(FAKE, 0, "", "till", 700)), 200);
    (void)world_tick(W);
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "till", 700, "needs_response");
    hear(from);
    assert_int_equal(cases("orphan_dispute", true), 1);
    assert_int_equal(count("SELECT posted FROM dispute"), 11);
    world_verify(W);
    becomes(id, "won");
    assert_int_equal(cases("orphan_dispute", false), 1);
    assert_int_equal(count("SELECT posted FROM dispute"), 0);
    world_verify(W);
}

/* ---- beside refunds (I10) ---- */

static void a_refund_during_an_open_dispute_is_refused(void **state) {
    const char *id = disputed(300, "needs_response");
    assert_refused(W, world_refund(W, "key", payment, 100), ERR_STATE);
    becomes(id, "lost");
    json_t *json = world_refund(W, "key-2", payment, 200); /* what is left */
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), "succeeded");
    json_decref(json);
    assert_refused(W, world_refund(W, "key-3", payment, 1), ERR_AMOUNT);
    world_check(W);
}

static void an_inquiry_can_be_refunded(void **state) {
    (void)disputed(500, "warning_needs_response");
    json_t *json = world_refund(W, "key", payment, 500);
    assert_non_null(json);
    json_decref(json);
    world_check(W);
}

/* The bank takes what a refund was about to give back: both are gone, and a person must look. */
static void a_chargeback_beside_a_refund_under_way_goes_to_suspense(void **state) {
    payment = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, "key", payment, 300));
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    hear(from);
    assert_money(0, 500);
    assert_int_equal(cases("dispute_over", true), 1);
    world_verify(W);
    /* The refund fails after all: now there is room for it. */
    from = fake_event_count(FAKE);
    fake_refund_becomes(FAKE, 0, "order", "failed");
    hear(from);
    assert_int_equal(count("SELECT state FROM operation"), OPERATION_FAILED);
    test_clock_advance(7 * HOUR_US);
    (void)world_tick(W);
    assert_money(500, 0);
    assert_int_equal(cases("dispute_over", false), 1);
    world_check(W);
    becomes(id, "won");
    assert_money(0, 0);
    world_check(W);
}

static void what_lay_in_suspense_and_is_won_comes_back_from_there(void **state) {
    payment = world_paid(W, "order", 500);
    json_decref(world_refund(W, "key", payment, 300));
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    hear(from);
    assert_money(0, 500);
    becomes(id, "won");
    assert_money(0, 0);
    assert_int_equal(cases("dispute_over", false), 1);
    world_verify(W);
}

static void a_dispute_that_is_lost_won_on_appeal_and_lost_again_is_booked_each_time(void **state) {
    const char *id = disputed(500, "needs_response");
    becomes(id, "lost");
    becomes(id, "won");
    assert_money(0, 0);
    becomes(id, "lost");
    assert_money(500, 0);
    assert_int_equal(count("SELECT COUNT(*) FROM posting WHERE kind = 6"), 2);
    world_check(W);
}

/* The two at once: whichever is written first, no more goes back than came in, but for what is in
 * suspense with its case. */
static int opened_from;

static void dispute_now(void *ctx, int account, const char *call, bool done) {
    const bool *when = ctx;
    if (strcmp(call, "refund") == 0 && done == *when && opened_from < 0) {
        opened_from = fake_event_count(FAKE);
        (void)fake_dispute_open(FAKE, account, "order", 500, "needs_response");
        hear(opened_from);
    }
}

static void a_refund_and_a_dispute_at_the_same_time_end_well(void **state) {
    static const enum fake_act acts[] = {FAKE_DO, FAKE_LOSE_AFTER, FAKE_LOSE_BEFORE, FAKE_PENDING};
    for (size_t i = 0; i < 2 * COUNT_OF(acts); i++) {
        bool done = i % 2 == 1;
        payment_world_forget(W);
        (void)forget(NULL);
        payment = world_paid(W, "order", 500);
        opened_from = -1;
        fake_say(FAKE, 0, "refund", 1, acts[i / 2]);
        fake_hook(FAKE, dispute_now, &done);
        json_decref(world_refund(W, "key", payment, 200));
        fake_hook(FAKE, NULL, NULL);
        assert_true(opened_from >= 0);
        if (acts[i / 2] == FAKE_PENDING && count("SELECT state FROM operation") == 2) {
            fake_refund_becomes(FAKE, 0, "order", "succeeded");
        }
        world_callbacks(W, 0);
        world_settle_all(W);
        test_clock_advance(7 * HOUR_US);
        (void)world_tick(W);
        world_check(W);
        assert_true(count("SELECT refund_reserved_minor + disputed_minor FROM payment") <= 500);
    }
}

/* ---- failed refunds, store credit ---- */

static char *failed_refund(void) {
    payment = world_paid(W, "order", 500);
    fake_say(FAKE, 0, "refund", 1, FAKE_DECLINE);
    json_t *json = world_refund(W, "key", payment, 200);
    assert_string_equal(json_at(json, "state"), "failed");
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

typedef int again_fn(struct payments *payments, const struct caller *caller, const char *id,
                     struct answer *ret_answer, struct err *err);

static json_t *again(again_fn *fn, const char *key, const char *id) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    return world_take(W, fn(W->payments, &caller, id, &answer, &W->err), &answer);
}

static void a_failed_refund_is_made_good_in_one_way_only(void **state) {
    struct payment_order order = world_order("order", 500);
    order.customer_id = "cus-1";
    json_t *json = world_pay(W, "pay", &order);
    payment = strdup(json_at(json, "id"));
    json_decref(json);
    fake_say(FAKE, 0, "refund", 1, FAKE_DECLINE);
    json = world_refund(W, "key", payment, 200);
    char *id = strdup(json_at(json, "id"));
    assert_string_equal(json_at(json, "state"), "failed");
    assert_true(json_at(json, "advice")[0] != '\0');
    json_decref(json);
    assert_done(W, again(refund_as_credit, "key-2", id), 201, "succeeded");
    assert_refused(W, again(refund_retry, "key-3", id), ERR_STATE);
    assert_refused(W, again(refund_as_credit, "key-4", id), ERR_STATE);
    assert_int_equal(count("SELECT refunded_minor FROM payment"), 200);
    assert_int_equal(count("SELECT amount_minor FROM posting WHERE kind = 8"), 200);
    free(id);
    world_check(W);
}

/* It is given as credit, and the one that had failed goes through after all. */
static void a_failed_refund_that_comes_through_beside_its_replacement_is_noticed(void **state) {
    char *id = failed_refund();
    assert_done(W, again(refund_retry, "key-2", id), 201, "succeeded");
    assert_refused(W, again(refund_retry, "key-3", id), ERR_STATE);
    json_decref(world_refund(W, "key-4", payment, 300)); /* nothing is left */
    assert_int_equal(count("SELECT refund_reserved_minor FROM payment"), 500);
    world_check(W);
    free(id);
}

static json_t *adjust(const char *key, int64_t amount_minor, bool take, const char *reason) {
    struct caller caller = world_caller(key, "x");
    struct answer answer = {0};
    struct currency usd = {"USD"};
    int r = credit_adjust(W->payments, &caller, "cus-1", amount_minor, usd, take, reason, &answer,
                          &W->err);
    return world_take(W, r, &answer);
}

static int64_t credit(void) {
    struct answer answer = {0};
    json_t *json = world_take(W, credit_get(W->payments, "cus-1", &answer, &W->err), &answer);
    const json_t *one = json_array_get(json_object_get(json, "balances"), 0);
    int64_t balance = one != NULL ? int_at(one, "balance") : 0;
    json_decref(json);
    return balance;
}

static void store_credit_follows_from_the_ledger_and_is_never_negative(void **state) {
    assert_int_equal(credit(), 0);
    json_decref(adjust("key-1", 300, false, "a late parcel"));
    assert_int_equal(W->status, 201);
    json_decref(adjust("key-1", 300, false, "a late parcel"));
    assert_true(W->replayed);
    assert_int_equal(credit(), 300);
    assert_refused(W, adjust("key-2", 301, true, "a mistake"), ERR_AMOUNT);
    assert_refused(W, adjust("key-3", 100, false, ""), ERR_VALIDATION);
    json_decref(adjust("key-4", 300, true, "a mistake"));
    assert_int_equal(credit(), 0);
    assert_refused(W, adjust("key-5", 1, true, "a mistake"), ERR_AMOUNT);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'credit.%'"), 2);
    world_verify(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        TEST(every_event_moves_every_state_as_the_table_says_or_not_at_all),
        TEST(names_and_events_are_each_others),
        TEST(opening_takes_the_money_and_its_fee_and_is_told),
        TEST(what_is_won_comes_back),
        TEST(what_is_lost_stays_away),
        TEST(an_inquiry_moves_no_money_until_it_becomes_a_chargeback),
        TEST(an_inquiry_that_ends_is_withdrawn),
        TEST(the_same_callbacks_again_change_nothing),
        TEST(callbacks_out_of_order_end_where_the_gateway_stands),
        TEST(a_forged_callback_is_refused_and_asks_nobody),
        TEST(while_the_gateway_cannot_be_asked_the_callback_waits),
        TEST(a_lost_callback_is_made_up_for_by_asking),
        TEST(another_amount_than_at_first_is_a_persons_to_look_at),
        TEST(a_dispute_of_a_charge_of_nobodys_lies_in_suspense),
        TEST(a_refund_during_an_open_dispute_is_refused),
        TEST(an_inquiry_can_be_refunded),
        TEST(a_chargeback_beside_a_refund_under_way_goes_to_suspense),
        TEST(what_lay_in_suspense_and_is_won_comes_back_from_there),
        TEST(a_dispute_that_is_lost_won_on_appeal_and_lost_again_is_booked_each_time),
        TEST(a_refund_and_a_dispute_at_the_same_time_end_well),
        TEST(a_failed_refund_is_made_good_in_one_way_only),
        TEST(a_failed_refund_that_comes_through_beside_its_replacement_is_noticed),
        TEST(store_credit_follows_from_the_ledger_and_is_never_negative),
    };
    return payment_world_run("disputes", tests, COUNT_OF(tests));
}
