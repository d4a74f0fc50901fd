/* SPDX-License-Identifier: Apache-2.0
 * test_wallets_machine.c: the payment machine, the wallets' adapters and their simulated gateways
 * together, on both engines: a customer who is shown a code and pays it or does not; ways that are
 * closed before another is tried; refunds, holds, and orders behind a link. */
#include "payment/later.h"
#include "wallets_fixture.h"

/* ---- each flow of each wallet ---- */

static const struct way {
    enum wallet wallet;
    enum gateway_flow flow;
    const char *action;
} ways[] = {
    {ALIPAY, FLOW_QR, "qr_code"},      {ALIPAY, FLOW_PAGE, "redirect"},
    {ALIPAY, FLOW_MOBILE, "redirect"}, {ALIPAY, FLOW_APP, "app"},
    {WECHAT, FLOW_QR, "qr_code"},      {WECHAT, FLOW_MOBILE, "redirect"},
    {WECHAT, FLOW_APP, "app"},         {UNIONPAY, FLOW_PAGE, "form"},
    {UNIONPAY, FLOW_MOBILE, "form"},   {UNIONPAY, FLOW_APP, "app"},
};

static void assert_shown(const char *payment_id, const struct way *way) {
    json_t *json = world_get(W, payment_id);
    const json_t *action = json_object_get(json, "action");
    assert_string_equal(json_at(action, "type"), way->action);
    assert_true(json_is_string(json_object_get(action, "expires_at")));
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM payment WHERE id = '%s' AND action_url <> ''",
             payment_id);
    assert_int_equal(world_int(W, sql), 1);
    json_decref(json);
}

static void what_is_shown_is_paid_and_the_callback_says_so(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char *id = waiting(ways[i].wallet, ways[i].flow);
        assert_shown(id, &ways[i]);
        open_action(ways[i].wallet, id);
        customer(ways[i].wallet, id, "pay");
        work();
        assert_payment(W, id, "succeeded");
        free(id);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE state = 2"), COUNT_OF(ways));
    check();
}

/* ---- callbacks that are not what the wallet sent ---- */

static int64_t stored(void) {
    return world_int(W, "SELECT COUNT(*) FROM callback");
}

/* Changed, cut and meant for another: all refused, and nothing of them is kept. */
static void forgeries_are_refused(void) {
    enum { PLACES = 24 };
    int64_t before = stored();
    char *body = malloc(kept.body_bytes + 1);
    for (size_t i = 0; i < PLACES; i++) {
        size_t at = i * (kept.body_bytes - 1) / PLACES;
        memcpy(body, kept.body, kept.body_bytes + 1);
        assert_int_equal(handed_in(kept.name, body, at), -ERR_SIGNATURE);
        body[at] = body[at] == '1' ? '2' : '1';
        assert_int_equal(handed_in(kept.name, body, kept.body_bytes), -ERR_SIGNATURE);
    }
    free(body);
    for (int i = 0; i < WALLETS; i++) {
        if (strcmp(wallets[i].adapter, kept.name) != 0) {
            assert_int_equal(handed_in(wallets[i].adapter, kept.body, kept.body_bytes),
                             -ERR_SIGNATURE);
        }
    }
    assert_int_equal(stored(), before);
}

static void a_forged_cut_or_stale_callback_moves_nothing_and_a_replay_counts_once(void **state) {
    (void)state;
    static const struct way shown[] = {
        {ALIPAY, FLOW_QR, ""}, {WECHAT, FLOW_QR, ""}, {UNIONPAY, FLOW_PAGE, ""}};
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        kept.withheld = true;
        char *id = waiting(shown[i].wallet, shown[i].flow);
        open_action(shown[i].wallet, id);
        customer(shown[i].wallet, id, "pay");
        gateways_go_on();
        kept.withheld = false;
        assert_non_null(kept.body);
        int64_t before = stored();
        forgeries_are_refused();
        assert_payment(W, id, "requires_action");
        for (int again = 0; again < 3; again++) {
            assert_int_equal(handed_in(kept.name, kept.body, kept.body_bytes), 0);
        }
        assert_int_equal(stored(), before + 1);
        work();
        assert_payment(W, id, "succeeded");
        test_clock_advance(31 * 24 * 60 * MINUTE_US);
        assert_int_equal(handed_in(kept.name, kept.body, kept.body_bytes), -ERR_SIGNATURE);
        assert_int_equal(stored(), before + 1);
        forget_kept();
        free(id);
    }
    check();
}

static void a_lost_callback_is_made_up_for_by_asking(void **state) {
    (void)state;
    fault("alipay:callback_lost");
    fault("wechat:callback_lost");
    fault("unionpay:callback_lost");
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char *id = waiting(ways[i].wallet, ways[i].flow);
        open_action(ways[i].wallet, id);
        customer(ways[i].wallet, id, "pay");
        work();
        assert_payment(W, id, "requires_action");
        pass(61 * US_PER_SECOND);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback"), 0);
    check();
}

static void what_nobody_pays_is_over_at_its_time(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char *id = waiting(ways[i].wallet, ways[i].flow);
        open_action(ways[i].wallet, id);
        pass(29 * MINUTE_US);
        assert_payment(W, id, "requires_action");
        /* UnionPay closes nothing: it is over when its payTimeout has passed for certain. */
        for (int minute = 0; minute < 15; minute++) {
            pass(MINUTE_US);
        }
        assert_payment(W, id, "canceled");
        char *reference = reference_of(id);
        assert_int_not_equal(acted(ways[i].wallet, reference, "pay") / 100, 2);
        free(reference);
        free(id);
    }
    check();
}

/* Our clock ran ahead, closed the order, looked once more, and was set right; then he paid, and the
 * callback was lost. */
static void what_is_paid_after_the_second_look_is_seen_by_the_last(void **state) {
    (void)state;
    fault("alipay:callback_lost");
    char *id = waiting(ALIPAY, FLOW_QR);
    (void)engine_exec(&W->engine, "UPDATE attempt SET expires_us = 1");
    for (int look = 0; look < 2; look++) { /* as it is when our clock alone runs ahead */
        (void)engine_exec(&W->engine, "UPDATE job SET due_us = 1");
        work();
    }
    assert_payment(W, id, "canceled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM inquiry WHERE source = 'confirm'"), 1);
    customer(ALIPAY, id, "scan");
    customer(ALIPAY, id, "pay");
    for (int minute = 0; minute < 200; minute += 10) {
        pass(10 * MINUTE_US);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM inquiry WHERE source = 'confirm'"), 2);
    assert_int_equal(world_int(W, "SELECT amount_minor FROM review_case WHERE kind = "
                                  "'late_success'"),
                     AMOUNT);
    world_verify(W);
    free(id);
}

/* ---- another way ---- */

static json_t *choose_card(const char *payment_id) {
    return world_choose(W, NULL, payment_id, "pm_card_visa");
}

static void an_open_code_is_closed_before_the_card_is_asked(void **state) {
    (void)state;
    static const enum wallet closing[] = {ALIPAY, WECHAT};
    for (size_t i = 0; i < COUNT_OF(closing); i++) {
        char *id = waiting(closing[i], FLOW_QR);
        customer(closing[i], id, "scan");
        assert_done(W, choose_card(id), 201, "succeeded");
        char *reference = reference_of(id);
        assert_int_not_equal(acted(closing[i], reference, "pay") / 100, 2);
        assert_int_equal(taken(closing[i]), 0);
        free(reference);
        free(id);
    }
    check();
}

/* What was refused is refused until the order's own end, and says so. */
static void assert_until_its_end(const char *payment_id) {
    char sql[160], end[CLOCK_TEXT_MAX];
    snprintf(sql, sizeof sql, "SELECT expires_us FROM attempt WHERE payment_id = '%s'", payment_id);
    clock_format(world_int(W, sql), end);
    assert_non_null(strstr(W->err.detail, "before its own end"));
    assert_non_null(strstr(W->err.detail, end));
    assert_non_null(strstr(W->err.hint, "choose_method"));
}

/* Nobody has scanned Alipay's code, and UnionPay closes nothing: both end by their time only. */
static void what_cannot_be_closed_keeps_the_card_from_being_asked(void **state) {
    (void)state;
    static const struct way open[] = {{ALIPAY, FLOW_QR, ""}, {UNIONPAY, FLOW_PAGE, ""}};
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        char *id = waiting(open[i].wallet, open[i].flow);
        assert_refused(W, choose_card(id), ERR_STATE);
        assert_until_its_end(id);
        pass(20 * MINUTE_US);
        assert_refused(W, choose_card(id), ERR_STATE);
        assert_until_its_end(id);
        assert_int_equal(booked("stripe", "CNY", "charged_minor"), (int)i * AMOUNT);
        for (int minute = 0; minute < 25; minute++) {
            pass(MINUTE_US);
        }
        assert_payment(W, id, "requires_action");
        assert_done(W, choose_card(id), 201, "succeeded");
        assert_int_equal(taken(open[i].wallet), 0);
        free(id);
    }
    check();
}

static void paid_while_it_is_being_closed_it_is_paid(void **state) {
    (void)state;
    fault("alipay:callback_lost");
    fault("wechat:callback_lost");
    fault("unionpay:callback_lost");
    static const struct way open[] = {
        {ALIPAY, FLOW_QR, ""}, {WECHAT, FLOW_QR, ""}, {UNIONPAY, FLOW_PAGE, ""}};
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        char *id = waiting(open[i].wallet, open[i].flow);
        open_action(open[i].wallet, id);
        customer(open[i].wallet, id, "pay");
        assert_refused(W, choose_card(id), ERR_STATE);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    assert_int_equal(booked("stripe", "CNY", "charged_minor"), 0);
    check();
}

/* Its callback is lost as well: the closed order is asked about once more, half an hour later. */
static void an_old_code_that_was_paid_all_the_same_is_noticed_and_returned(void **state) {
    (void)state;
    static const enum wallet closing[] = {ALIPAY, WECHAT};
    fault("alipay:callback_lost");
    fault("wechat:callback_lost");
    for (size_t i = 0; i < COUNT_OF(closing); i++) {
        char *id = waiting(closing[i], FLOW_QR);
        customer(closing[i], id, "scan");
        assert_done(W, choose_card(id), 201, "succeeded");
        customer(closing[i], id, "late");
        assert_int_equal(taken(closing[i]), AMOUNT);
        for (int minute = 0; minute < 33; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(taken(closing[i]), 0);
        assert_int_equal(cases(), 0);
        free(id);
    }
    check();
}

/* ---- two gateways of one wallet ---- */

static void a_creation_that_nobody_answered_is_made_at_the_other_gateway(void **state) {
    (void)state;
    static const struct way made[] = {
        {ALIPAY, FLOW_QR, ""}, {WECHAT, FLOW_QR, ""}, {UNIONPAY, FLOW_APP, ""}};
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        char spec[100], gateway[40];
        snprintf(spec, sizeof spec, "%s:error:operation=create,status=500,executed=true,count=1",
                 wallets[made[i].wallet].control);
        fault(spec);
        char *id = waiting(made[i].wallet, made[i].flow);
        snprintf(gateway, sizeof gateway, "%s-b", wallets[made[i].wallet].adapter);
        json_t *json = world_get(W, id);
        assert_string_equal(json_at(json, "gateway"), gateway);
        json_decref(json);
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT id FROM attempt WHERE payment_id = '%s' AND live = 1",
                 id);
        char *reference = world_text(W, sql);
        assert_int_equal(acted(made[i].wallet, reference, "pay") / 100, 2);
        work();
        assert_payment(W, id, "succeeded");
        if (made[i].wallet == WECHAT) { /* the only one that can close what nobody has seen */
            char *first = reference_of(id);
            assert_int_not_equal(acted(WECHAT, first, "pay") / 100, 2);
            free(first);
        }
        free(reference);
        free(id);
    }
    check();
}

/* ---- the code was lost ---- */

/* As if whoever made the order had died before he wrote down what it said. */
static void lose_code(const char *payment_id) {
    char sql[256];
    snprintf(sql, sizeof sql,
             "UPDATE attempt SET state = 1, owner = 'somebody who is gone', lease_us = 1, "
             "outcome = 0, gateway_id = '' WHERE payment_id = '%s'",
             payment_id);
    engine_exec(&W->engine, sql);
    snprintf(sql, sizeof sql,
             "UPDATE payment SET state = 2, action = '', action_url = '', action_expires_us = 0 "
             "WHERE id = '%s'",
             payment_id);
    engine_exec(&W->engine, sql);
    snprintf(sql, sizeof sql,
             "DELETE FROM job WHERE key = (SELECT id FROM attempt WHERE payment_id = '%s')",
             payment_id);
    engine_exec(&W->engine, sql);
}

static void a_code_that_was_lost_is_had_again(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        if (ways[i].wallet == UNIONPAY && ways[i].flow == FLOW_APP) {
            continue;
        }
        char *id = waiting(ways[i].wallet, ways[i].flow);
        lose_code(id);
        pass(6 * US_PER_SECOND);
        pass(6 * US_PER_SECOND);
        assert_shown(id, &ways[i]);
        open_action(ways[i].wallet, id);
        customer(ways[i].wallet, id, "pay");
        work();
        assert_payment(W, id, "succeeded");
        free(id);
    }
    check();
}

/* UnionPay says the app's tn once; nobody can pay, and the order ends by its time. */
static void a_code_that_cannot_be_had_again_is_closed(void **state) {
    (void)state;
    char *id = waiting(UNIONPAY, FLOW_APP);
    lose_code(id);
    for (int minute = 0; minute < 45; minute++) {
        pass(MINUTE_US);
    }
    json_t *json = world_get(W, id);
    assert_string_equal(json_at(json, "state"), "requires_action");
    assert_string_equal(json_at(json_object_get(json, "action"), "type"), "choose_method");
    json_decref(json);
    assert_done(W, choose_card(id), 201, "succeeded");
    check();
    free(id);
}

/* ---- refunds ---- */

static char *paid(enum wallet wallet) {
    char *id = waiting(wallet, wallet == UNIONPAY ? FLOW_PAGE : FLOW_QR);
    open_action(wallet, id);
    customer(wallet, id, "pay");
    work();
    assert_payment(W, id, "succeeded");
    return id;
}

static int64_t refunded(const char *payment_id) {
    json_t *json = world_get(W, payment_id);
    int64_t minor = int_at(json, "amount_refunded");
    json_decref(json);
    return minor;
}

static void settle_refunds(void) {
    work();
    pass(61 * US_PER_SECOND);
}

static void refund_succeeds(const char *payment_id, int64_t amount_minor, const char *key) {
    json_t *json = world_refund(W, key, payment_id, amount_minor);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
    settle_refunds();
}

static void refunds_in_parts_and_never_more_than_was_paid(void **state) {
    (void)state;
    for (int i = 0; i < WALLETS; i++) {
        char *id = paid((enum wallet)i);
        refund_succeeds(id, 1000, "r1");
        assert_int_equal(refunded(id), 1000);
        refund_succeeds(id, 1000, "r1"); /* the same request */
        assert_int_equal(refunded(id), 1000);
        assert_refused(W, world_refund(W, NULL, id, 1501), ERR_AMOUNT);
        refund_succeeds(id, 1500, NULL);
        assert_int_equal(refunded(id), AMOUNT);
        assert_refused(W, world_refund(W, NULL, id, 1), ERR_AMOUNT);
        engine_exec(&W->engine, "DELETE FROM idempotency");
        free(id);
    }
    check();
}

static void a_refund_that_nobody_answered_is_made_once(void **state) {
    (void)state;
    for (int i = 0; i < WALLETS; i++) {
        for (int done = 0; done < 2; done++) {
            char spec[100];
            char *id = paid((enum wallet)i);
            snprintf(spec, sizeof spec, "%s:error:operation=refund,status=500,executed=%s",
                     wallets[i].control, done != 0 ? "true" : "false");
            fault(spec);
            snprintf(spec, sizeof spec, "%s:error:operation=query,status=500", wallets[i].control);
            fault(spec);
            json_decref(world_refund(W, NULL, id, 700));
            assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE state = 3"), 1);
            sandbox_heal(fixture.sandbox);
            pass(6 * US_PER_SECOND);
            for (int minute = 0; minute < 3; minute++) {
                settle_refunds();
            }
            assert_int_equal(refunded(id), 700);
            free(id);
        }
    }
    check();
}

/* ---- callbacks that say something else ---- */

static void a_callback_with_another_amount_is_a_case_and_moves_nothing_by_itself(void **state) {
    (void)state;
    for (int i = 0; i < WALLETS; i++) {
        char spec[60];
        snprintf(spec, sizeof spec, "%s:callback_amount:amount_minor=100", wallets[i].control);
        fault(spec);
        char *id = waiting((enum wallet)i, i == UNIONPAY ? FLOW_PAGE : FLOW_QR);
        open_action((enum wallet)i, id);
        customer((enum wallet)i, id, "pay");
        work();
        assert_int_equal(cases(), i + 1);
        sandbox_heal(fixture.sandbox);
        pass(2 * MINUTE_US);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    check();
}

/* ---- what UnionPay holds ---- */

static char *asked_to_hold(void) {
    struct payment_order order = order_by(METHOD_UNIONPAY, FLOW_PAGE, "");
    order.capture_later = true;
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    open_action(UNIONPAY, id);
    return id;
}

static char *held(void) {
    char *id = asked_to_hold();
    customer(UNIONPAY, id, "pay");
    work();
    assert_payment(W, id, "authorized");
    return id;
}

static void a_hold_is_completed_in_full_or_in_part(void **state) {
    (void)state;
    static const int64_t parts[] = {0, 1800};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        char *id = held();
        json_t *json = world_capture(W, NULL, id, parts[i], true);
        if (json == NULL) {
            fail_msg("%s", W->err.detail);
        }
        json_decref(json);
        settle_refunds();
        assert_payment(W, id, "succeeded");
        refund_succeeds(id, 500, NULL);
        assert_int_equal(refunded(id), 500);
        free(id);
    }
    check();
    assert_int_equal(taken(UNIONPAY), AMOUNT + 1800 - 1000);
}

static void a_hold_is_released(void **state) {
    (void)state;
    char *id = held();
    json_t *json = world_cancel(W, NULL, id);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
    settle_refunds();
    assert_payment(W, id, "canceled");
    assert_int_equal(taken(UNIONPAY), 0);
    check();
    free(id);
}

/* ---- a held order, behind its link ---- */

static char *hold_for(struct payment_order *order, char ret_token[PAY_URL_CHARS_MAX + 1]) {
    char url[PAY_URL_CHARS_MAX + 1];
    order->defer = true;
    json_t *json = world_pay(W, NULL, order);
    assert_non_null(json);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    pay_later_url(W->payments, id, url);
    snprintf(ret_token, PAY_URL_CHARS_MAX + 1, "%s", strstr(url, "/pay/") + 5);
    return id;
}

static char *held_by_link(char ret_token[PAY_URL_CHARS_MAX + 1]) {
    struct payment_order order = order_by(METHOD_CARD, 0, "");
    return hold_for(&order, ret_token);
}

static enum pay_phase look_at(const char *token, bool phone, struct arena *arena,
                              struct pay_look *ret_look) {
    struct err err = {0};
    const struct pay_visitor visitor = {.phone = phone, .address = ""};
    must(pay_look(W->payments, token, &visitor, arena, ret_look, &err), &err);
    return ret_look->phase;
}

static void choose_on_page(const struct pay_look *look, enum payment_method method, bool phone,
                           const char *address) {
    const struct pay_visitor visitor = {.phone = phone, .address = address};
    struct err err = {0};
    must(pay_choose(W->payments, look, method, &visitor, &err), &err);
}

/* Each wallet on a phone and on a desk: shown, paid, and said so. */
static void behind_its_link_a_held_order_is_paid_by_any_wallet(void **state) {
    (void)state;
    static const struct {
        enum wallet wallet;
        bool phone;
        const char *action;
    } rows[] = {
        {ALIPAY, false, "redirect"}, {ALIPAY, true, "redirect"}, {WECHAT, false, "qr_code"},
        {WECHAT, true, "redirect"},  {UNIONPAY, false, "form"},  {UNIONPAY, true, "form"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        char token[PAY_URL_CHARS_MAX + 1];
        struct pay_look look;
        char *id = held_by_link(token);
        assert_int_equal(look_at(token, rows[i].phone, arena, &look), PAY_OPEN);
        assert_false(look.methods[METHOD_CARD]);
        assert_true(look.methods[METHOD_ALIPAY] && look.methods[METHOD_WECHATPAY] &&
                    look.methods[METHOD_UNIONPAY]);
        choose_on_page(&look, wallets[rows[i].wallet].method, rows[i].phone, "");
        assert_int_equal(look_at(token, rows[i].phone, arena, &look), PAY_ACT);
        assert_string_equal(look.action, rows[i].action);
        open_action(rows[i].wallet, id);
        customer(rows[i].wallet, id, "pay");
        work();
        assert_int_equal(look_at(token, rows[i].phone, arena, &look), PAY_PAID);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    check();
}

/* WeChat Pay's page for phones is made for an address: the one that the page sees, else the one
 * that the shop told. With neither the phone is shown the code, and nothing is asked that must
 * fail. */
static void on_a_phone_wechat_pay_is_paid_with_and_without_an_address(void **state) {
    (void)state;
    static const struct {
        const char *told, *seen, *kept, *action;
    } rows[] = {
        {NULL, "", "", "qr_code"},
        {NULL, "198.51.100.7", "198.51.100.7", "redirect"},
        {"203.0.113.9", "", "203.0.113.9", "redirect"},
        {"203.0.113.9", "2001:db8::7", "2001:db8::7", "redirect"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        char token[PAY_URL_CHARS_MAX + 1], sql[160];
        struct pay_look look;
        struct payment_order order = order_by(METHOD_CARD, 0, "");
        order.customer_ip = rows[i].told;
        char *id = hold_for(&order, token);
        assert_int_equal(look_at(token, true, arena, &look), PAY_OPEN);
        assert_true(look.methods[METHOD_WECHATPAY]);
        choose_on_page(&look, METHOD_WECHATPAY, true, rows[i].seen);
        assert_int_equal(look_at(token, true, arena, &look), PAY_ACT);
        assert_string_equal(look.action, rows[i].action);
        snprintf(sql, sizeof sql,
                 "SELECT COUNT(*) FROM payment WHERE id = '%s' AND customer_ip = '%s'", id,
                 rows[i].kept);
        assert_int_equal(world_int(W, sql), 1);
        open_action(WECHAT, id);
        customer(WECHAT, id, "pay");
        work();
        assert_payment(W, id, "succeeded");
        free(id);
    }
    check();
}

/* An expired code: the order is still held, and another wallet pays it. */
static void a_code_that_expired_leaves_the_order_held(void **state) {
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    char token[PAY_URL_CHARS_MAX + 1];
    struct pay_look look;
    char *id = held_by_link(token);
    (void)look_at(token, false, arena, &look);
    choose_on_page(&look, METHOD_WECHATPAY, false, "");
    pass(31 * MINUTE_US);
    assert_int_equal(look_at(token, false, arena, &look), PAY_OPEN);
    choose_on_page(&look, METHOD_WECHATPAY, false, "");
    /* The page of before is of another moment: what it says is done already. */
    (void)look_at(token, false, arena, &look);
    assert_int_equal(look.phase, PAY_ACT);
    choose_on_page(&look, METHOD_UNIONPAY, true, "");
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM attempt WHERE payment_id = '%s' AND state = 9",
             id);
    assert_int_equal(world_int(W, sql), 2);
    assert_int_equal(look_at(token, true, arena, &look), PAY_ACT);
    assert_string_equal(look.action, "form");
    pass(25 * 60 * MINUTE_US);
    pass(5 * MINUTE_US);
    assert_int_equal(look_at(token, true, arena, &look), PAY_EXPIRED);
    assert_payment(W, id, "canceled");
    check();
    free(id);
}

/* UnionPay closes nothing, so the cancellation waits for the order's end; he was faster. */
static void what_was_approved_before_its_end_is_held(void **state) {
    (void)state;
    char *id = asked_to_hold();
    json_t *json = world_cancel(W, NULL, id);
    assert_non_null(json);
    json_decref(json);
    assert_int_equal(open_operations(), 1);
    customer(UNIONPAY, id, "pay");
    work();
    pass(2 * MINUTE_US);
    pass(2 * MINUTE_US);
    assert_payment(W, id, "authorized");
    assert_int_equal(open_operations(), 0);
    check();
    free(id);
}

/* What was held answers as before after it was released; its callback comes late. */
static void a_callback_of_a_hold_that_was_released_opens_no_case(void **state) {
    (void)state;
    fault("unionpay:callback_late:seconds=600");
    char *id = asked_to_hold();
    customer(UNIONPAY, id, "pay");
    world_pass(W, 61 * US_PER_SECOND); /* without the gateway's own work */
    assert_payment(W, id, "authorized");
    json_t *json = world_cancel(W, NULL, id);
    assert_non_null(json);
    json_decref(json);
    work();
    assert_payment(W, id, "canceled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE type = '02'"), 1);
    assert_int_equal(cases(), 0);
    check();
    free(id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(what_is_shown_is_paid_and_the_callback_says_so),
        BOTH(a_forged_cut_or_stale_callback_moves_nothing_and_a_replay_counts_once),
        BOTH(a_lost_callback_is_made_up_for_by_asking),
        BOTH(what_is_paid_after_the_second_look_is_seen_by_the_last),
        BOTH(what_nobody_pays_is_over_at_its_time),
        BOTH(an_open_code_is_closed_before_the_card_is_asked),
        BOTH(what_cannot_be_closed_keeps_the_card_from_being_asked),
        BOTH(paid_while_it_is_being_closed_it_is_paid),
        BOTH(an_old_code_that_was_paid_all_the_same_is_noticed_and_returned),
        BOTH(a_creation_that_nobody_answered_is_made_at_the_other_gateway),
        BOTH(a_code_that_was_lost_is_had_again),
        BOTH(a_code_that_cannot_be_had_again_is_closed),
        BOTH(refunds_in_parts_and_never_more_than_was_paid),
        BOTH(a_refund_that_nobody_answered_is_made_once),
        BOTH(a_callback_with_another_amount_is_a_case_and_moves_nothing_by_itself),
        BOTH(a_hold_is_completed_in_full_or_in_part),
        BOTH(a_hold_is_released),
        BOTH(behind_its_link_a_held_order_is_paid_by_any_wallet),
        BOTH(on_a_phone_wechat_pay_is_paid_with_and_without_an_address),
        BOTH(a_code_that_expired_leaves_the_order_held),
        BOTH(what_was_approved_before_its_end_is_held),
        BOTH(a_callback_of_a_hold_that_was_released_opens_no_case),
    };
    return wallets_run(tests, COUNT_OF(tests));
}
