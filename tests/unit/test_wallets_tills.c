/* SPDX-License-Identifier: Apache-2.0
 * test_wallets_tills.c: codes that a till has read off the customer's phone, on both engines: they
 * are charged at once, confirmed a little later, or taken back. */
#include "wallets_fixture.h"

#include "base/buf.h"
#include "sandbox/sandbox_impl.h"

/* A buyer's code that was not used yet; its last figures say what he does. */
static const char *bar_code(enum wallet wallet, const char *last) {
    static char text[32];
    snprintf(text, sizeof text, "%s%08d%s", wallet == ALIPAY ? "280000" : "130000", ++order_number,
             last);
    return text;
}

/* He must confirm it on his phone. */
static const char *hesitant(enum wallet wallet) {
    return bar_code(wallet, wallet == ALIPAY ? "0001" : "9901");
}

static const enum wallet tills[] = {ALIPAY, WECHAT};

static void a_bar_code_is_charged_at_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        free(asked(tills[i], 0, bar_code(tills[i], "1111"), 201, "succeeded"));
    }
    check();
}

static void a_buyer_who_confirms_has_paid_a_few_seconds_later(void **state) {
    (void)state;
    fault("alipay:callback_lost");
    fault("wechat:callback_lost");
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        pass(6 * US_PER_SECOND);
        assert_payment(W, id, "processing");
        customer(tills[i], id, "pay");
        pass(6 * US_PER_SECOND);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    check();
}

static void pass_slowly(int seconds) {
    for (int i = 0; i < seconds; i++) {
        pass(US_PER_SECOND);
    }
}

static void what_is_not_confirmed_at_the_till_is_taken_back(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        pass_slowly(25);
        assert_payment(W, id, "processing");
        pass_slowly(15);
        assert_payment(W, id, "canceled");
        assert_text(W, "SELECT actor FROM operation ORDER BY created_us DESC LIMIT 1", "rule:till");
        char *reference = reference_of(id);
        assert_int_not_equal(acted(tills[i], reference, "pay") / 100, 2);
        free(reference);
        free(id);
    }
    check();
}

/* Nobody answers, whether it was done or not. */
static void mute(bool done) {
    char spec[100];
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        const char *name = wallets[tills[i]].control;
        snprintf(spec, sizeof spec, "%s:error:operation=charge,status=500,executed=%s", name,
                 done ? "true" : "false");
        fault(spec);
        snprintf(spec, sizeof spec, "%s:error:operation=query,status=500,executed=false", name);
        fault(spec);
        snprintf(spec, sizeof spec, "%s:callback_lost", name);
        fault(spec);
    }
}

static void a_bar_code_that_nobody_answered_for_is_asked_about(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        mute(true);
        char *id = asked(tills[i], 0, bar_code(tills[i], "1111"), 202, "processing");
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 4"), 1);
        sandbox_heal(fixture.sandbox);
        pass(6 * US_PER_SECOND);
        assert_payment(W, id, "succeeded");
        free(id);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt"), COUNT_OF(tills));
    check();
}

/* WeChat Pay takes back nothing that has not arrived, so there the end is that it cannot come any
 * more; and nobody charges a customer who has left the till. */
static void a_bar_code_that_stays_unknown_is_not_charged_later(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        mute(false);
        char *id = asked(tills[i], 0, bar_code(tills[i], "1111"), 202, "processing");
        pass_slowly(25);
        assert_payment(W, id, "processing");
        pass_slowly(15);
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 17; minute++) {
            pass(MINUTE_US);
        }
        assert_payment(W, id, tills[i] == ALIPAY ? "canceled" : "failed");
        free(id);
    }
    assert_in_range(world_int(W, "SELECT COUNT(*) FROM operation"), 2, 40);
    check();
}

static void what_was_paid_when_it_was_taken_back_is_paid_back(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        mute(true);
        char *id = asked(tills[i], 0, bar_code(tills[i], "1111"), 202, "processing");
        assert_int_equal(taken(tills[i]), AMOUNT);
        pass_slowly(40);
        assert_int_equal(taken(tills[i]), 0);
        sandbox_heal(fixture.sandbox);
        pass(2 * MINUTE_US);
        assert_payment(W, id, "canceled");
        assert_int_equal(cases(), 0);
        free(id);
    }
    check();
}

/* An order that was over by our clock before its customer paid has no name of Alipay's here. */
static void a_refund_of_an_order_without_their_name_is_found_by_ours(void **state) {
    (void)state;
    struct err err = {0};
    BUF_AUTO number;
    buf_init(&number, 64);
    char *id = asked(ALIPAY, 0, bar_code(ALIPAY, "1111"), 201, "succeeded");
    gateways_go_on();
    work();
    (void)engine_exec(&W->engine, "UPDATE attempt SET gateway_id = '', charge_id = ''");
    const GPtrArray *entries = fixture.sandbox->book.entries[SB_ALIPAY];
    const struct sb_entry *entry = g_ptr_array_index(entries, entries->len - 1);
    must(sb_gateway_kind(SB_ALIPAY)->desk_refund(fixture.sandbox, entry->id, 100, &number, &err),
         &err);
    gateways_go_on();
    pass(MINUTE_US);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM callback WHERE state IN (1, 4)"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case WHERE kind = 'orphan_refund' "
                                  "AND payment_id <> '' AND posted = 11"),
                     1);
    assert_int_equal(world_int(W, "SELECT amount_minor FROM posting WHERE kind = 11"), 100);
    free(id);
}

/* A part of it was given back on Alipay's own pages: we hear of that when all of it went back. */
static void what_went_back_of_it_before_is_not_booked(void **state) {
    (void)state;
    struct err err = {0};
    char charge[64];
    BUF_AUTO number;
    buf_init(&number, sizeof charge);
    fault("alipay:error:operation=charge,status=500,executed=true");
    fault("alipay:error:operation=query,status=500,executed=false");
    kept.withheld = true;
    char *id = asked(ALIPAY, 0, bar_code(ALIPAY, "1111"), 202, "processing");
    const GPtrArray *entries = fixture.sandbox->book.entries[SB_ALIPAY];
    const struct sb_entry *entry = g_ptr_array_index(entries, entries->len - 1);
    snprintf(charge, sizeof charge, "%s", entry->id);
    gateways_go_on(); /* what tells of the charge has come, and does not come last */
    must(sb_gateway_kind(SB_ALIPAY)->desk_refund(fixture.sandbox, charge, 100, &number, &err),
         &err);
    gateways_go_on();
    assert_non_null(strstr(kept.body, number.data));
    fault("alipay:callback_lost");
    kept.withheld = false;
    pass_slowly(40);
    sandbox_heal(fixture.sandbox);
    pass(2 * MINUTE_US);
    assert_payment(W, id, "canceled");
    assert_int_equal(taken(ALIPAY), 0);
    assert_int_equal(handed_in(kept.name, kept.body, kept.body_bytes), 0);
    work();
    assert_text(W, "SELECT kind FROM review_case", "orphan_refund");
    assert_int_equal(world_int(W, "SELECT posted FROM review_case"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    forget_kept();
    free(id);
    check();
}

static void cannot_take_back(enum wallet wallet) {
    char spec[100];
    snprintf(spec, sizeof spec, "%s:error:operation=cancel,status=500,executed=false",
             wallets[wallet].control);
    fault(spec);
}

static void taking_back_is_repeated_until_it_is_answered(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        cannot_take_back(tills[i]);
        pass_slowly(40);
        assert_payment(W, id, "processing");
        sandbox_heal(fixture.sandbox);
        pass(2 * MINUTE_US);
        assert_payment(W, id, "canceled");
        free(id);
    }
    check();
}

static void who_confirmed_before_it_was_taken_back_has_paid(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        cannot_take_back(tills[i]);
        pass_slowly(40);
        assert_int_equal(open_operations(), 1);
        customer(tills[i], id, "pay");
        pass_slowly(70);
        assert_payment(W, id, "succeeded");
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 10; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(open_operations(), 0);
        assert_int_equal(taken(tills[i]), AMOUNT);
        free(id);
    }
    check();
}

struct late_copy {
    struct arena *arena;
    const char *payment_id;
    struct payment_row payment;
    struct attempt_row attempt;
};

static int late_copy_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct late_copy *copy = ctx;
    int r = payment_row_load(tx, copy->arena, copy->payment_id, false, &copy->payment, err);
    return r < 0
               ? r
               : attempt_row_live(tx, copy->arena, copy->payment_id, &copy->attempt, err);
}

/* What the network had kept of the cancellation arrives. */
static void a_copy_of_its_cancellation_comes(const char *payment_id) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct late_copy copy = {.arena = arena, .payment_id = payment_id};
    struct err err = {0};
    struct gateway_change change;
    struct gateway_result result;
    must(store_read(W->engine.store, late_copy_tx, &copy, &err), &err);
    struct operation_row operation = {.final = true, .reason = "", .refund_id = ""};
    change_of(&copy.payment, &copy.attempt, &operation, &change);
    struct gateway_ask ask = {
        .gateway = gateway_find(W->registry, copy.attempt.gateway),
        .operation = OP_CANCEL,
        .method = copy.payment.method,
        .change = &change,
        .past_breaker = true,
    };
    gateway_ask(W->payments, &ask, &result);
    assert_int_equal(result.outcome, GW_CANCELED);
}

static void give_credit(const char *payment_id, int64_t amount_minor) {
    struct caller caller = world_caller(NULL, "credit");
    struct answer answer = {0};
    int r = payment_refund(W->payments, &caller, payment_id, amount_minor, "goodwill", false,
                           &answer, &W->err);
    json_t *told = world_take(W, r, &answer);
    assert_non_null(told);
    json_decref(told);
}

/* The cancellation is on its way so long that the customer confirms before it arrives: he has gone
 * with his goods, and his money goes back to him. */
static void what_is_taken_back_after_it_was_paid_is_noticed(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        int64_t known = world_int(W, "SELECT COUNT(*) FROM review_case");
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        cannot_take_back(tills[i]);
        pass_slowly(40);
        customer(tills[i], id, "pay");
        pass_slowly(70);
        assert_payment(W, id, "succeeded");
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 10 && open_operations() > 0; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(open_operations(), 0);
        assert_int_equal(taken(tills[i]), AMOUNT);
        give_credit(id, 100); /* which moves nothing at the gateway */
        a_copy_of_its_cancellation_comes(id);
        assert_int_equal(taken(tills[i]), 0);
        for (int minute = 0; minute < 40; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), known + 1);
        assert_text(W, "SELECT kind FROM review_case ORDER BY opened_us DESC LIMIT 1", "paid_back");
        assert_int_equal(world_int(W, "SELECT amount_minor FROM posting WHERE kind = 11 ORDER BY "
                                      "at_us DESC LIMIT 1"),
                         AMOUNT);
        free(id);
    }
}

/* Given back by us, the payment looks as if its cancellation had been done after all. */
static void what_was_refunded_is_not_taken_back_as_well(void **state) {
    (void)state;
    fault("alipay:callback_lost");
    fault("wechat:callback_lost");
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        struct err err = {0};
        struct gateway_result result;
        bool open = true;
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        char *attempt = reference_of(id);
        cannot_take_back(tills[i]);
        pass_slowly(32);
        assert_int_equal(open_operations(), 1);
        customer(tills[i], id, "pay");
        must(resolve_attempt(W->payments, attempt, "resolver", &open, &result, &err), &err);
        assert_payment(W, id, "succeeded");
        assert_int_equal(open_operations(), 1);
        json_decref(world_refund(W, NULL, id, AMOUNT));
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 10; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(open_operations(), 0);
        assert_int_equal(taken(tills[i]), 0);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
        free(attempt);
        free(id);
    }
    check();
}

static void switched(const char *gateway, enum gateway_switch to) {
    struct gateway_control_change change;
    struct err err = {0};
    must(gateway_control_set(W->control, gateway, to, true, "user:usr_1", "r", &change, &err),
         &err);
    must(gateway_control_apply(&change, &err), &err);
}

/* While its gateway is switched off nothing moves there, and it is only asked. That it still waits
 * for its customer does not mean that it is being taken back. */
static void what_was_only_asked_about_is_taken_back_afterwards(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        char *id = asked(tills[i], 0, hesitant(tills[i]), 202, "processing");
        char *gateway = world_text(W, "SELECT gateway FROM attempt ORDER BY id DESC LIMIT 1");
        pass_slowly(25);
        cannot_take_back(tills[i]);
        pass_slowly(15);
        assert_int_equal(open_operations(), 1);
        switched(gateway, GATEWAY_DISABLED);
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 5; minute++) {
            pass(MINUTE_US);
        }
        assert_payment(W, id, "processing");
        switched(gateway, GATEWAY_ENABLED);
        for (int minute = 0; minute < 10; minute++) {
            pass(MINUTE_US);
        }
        assert_payment(W, id, "canceled");
        assert_int_equal(open_operations(), 0);
        free(gateway);
        free(id);
    }
    check();
}

static void taking_back_what_never_arrived_comes_to_an_end(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tills); i++) {
        mute(false);
        cannot_take_back(tills[i]);
        free(asked(tills[i], 0, bar_code(tills[i], "1111"), 202, "processing"));
        pass_slowly(40);
        assert_int_equal(open_operations(), 1);
        sandbox_heal(fixture.sandbox);
        for (int minute = 0; minute < 180 && open_operations() > 0; minute++) {
            pass(MINUTE_US);
        }
        assert_int_equal(open_operations(), 0);
        assert_int_equal(taken(tills[i]), 0);
    }
    check();
}

/* A copy of what a gateway had no room for got in, and waits for a customer who was told no: nobody
 * but us knows that he has gone. (Alipay says so in words that leave it unknown.) */
static void what_was_refused_and_waits_at_the_till_all_the_same_is_taken_back(void **state) {
    (void)state;
    fault("wechat:error:operation=charge,status=429,executed=true");
    struct payment_order order = order_by(METHOD_WECHATPAY, 0, hesitant(WECHAT));
    json_t *json = world_pay(W, NULL, &order);
    assert_non_null(json);
    char *id = strdup(json_at(json, "id")), *reference = reference_of(id);
    json_decref(json);
    sandbox_heal(fixture.sandbox);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE live = 1"), 0);
    pass_slowly(70);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation"), 0);
    cannot_take_back(WECHAT);
    pass_slowly(10);
    assert_true(open_operations() > 0);
    sandbox_heal(fixture.sandbox);
    for (int minute = 0; minute < 10; minute++) {
        pass(MINUTE_US);
    }
    assert_int_equal(open_operations(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE kind <> 2 OR state <> 4 OR "
                                  "actor <> 'rule:till'"),
                     0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind LIKE 'confirm%'"), 0);
    assert_int_not_equal(acted(WECHAT, reference, "pay") / 100, 2);
    assert_int_equal(taken(WECHAT), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    free(reference);
    free(id);
    check();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_bar_code_is_charged_at_once),
        BOTH(a_buyer_who_confirms_has_paid_a_few_seconds_later),
        BOTH(what_is_not_confirmed_at_the_till_is_taken_back),
        BOTH(a_bar_code_that_nobody_answered_for_is_asked_about),
        BOTH(a_bar_code_that_stays_unknown_is_not_charged_later),
        BOTH(what_was_paid_when_it_was_taken_back_is_paid_back),
        BOTH(a_refund_of_an_order_without_their_name_is_found_by_ours),
        BOTH(what_went_back_of_it_before_is_not_booked),
        BOTH(taking_back_is_repeated_until_it_is_answered),
        BOTH(who_confirmed_before_it_was_taken_back_has_paid),
        BOTH(what_is_taken_back_after_it_was_paid_is_noticed),
        BOTH(what_was_refunded_is_not_taken_back_as_well),
        BOTH(what_was_only_asked_about_is_taken_back_afterwards),
        BOTH(taking_back_what_never_arrived_comes_to_an_end),
        BOTH(what_was_refused_and_waits_at_the_till_all_the_same_is_taken_back),
    };
    return wallets_run(tests, COUNT_OF(tests));
}
