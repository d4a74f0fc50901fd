/* SPDX-License-Identifier: Apache-2.0
 * test_wallets_probes.c: payments that probe, at the simulated gateway of each adapter, in each way
 * and flow that it has, on both engines: what was ordered is closed, what was taken goes back. */
#define WALLETS_AND_PAYPAL
#include "wallets_fixture.h"

#include "payment/probes.h"

#define MINUTE_US (60 * US_PER_SECOND)

static const struct probe_settings probes[] = {
    {.name = "stripe-hold",
     .gateway = "stripe",
     .method = METHOD_CARD,
     .way = PROBE_AUTHORIZE_CANCEL,
     .amount_minor = 100,
     .currency = {"CNY"},
     .token = "pm_card_visa",
     .every_us = 24 * 60 * MINUTE_US,
     .slow_us = 60 * US_PER_SECOND},
    {.name = "stripe-charge",
     .gateway = "stripe",
     .method = METHOD_CARD,
     .way = PROBE_CHARGE_REFUND,
     .amount_minor = 100,
     .currency = {"CNY"},
     .token = "pm_card_visa",
     .every_us = 24 * 60 * MINUTE_US,
     .slow_us = 60 * US_PER_SECOND},
#define PAYPAL(name_, way_, flow_, token_)                                                         \
    {.name = name_,                                                                                \
     .gateway = "paypal",                                                                          \
     .method = METHOD_PAYPAL,                                                                      \
     .way = way_,                                                                                  \
     .flow = flow_,                                                                                \
     .amount_minor = 100,                                                                          \
     .currency = {"EUR"},                                                                          \
     .token = token_,                                                                              \
     .every_us = 24 * 60 * MINUTE_US,                                                              \
     .slow_us = 60 * US_PER_SECOND}
    PAYPAL("paypal-hold", PROBE_AUTHORIZE_CANCEL, 0, "vault_ours"),
    PAYPAL("paypal-charge", PROBE_CHARGE_REFUND, 0, "vault_ours"),
    PAYPAL("paypal-order", PROBE_ORDER_CLOSE, FLOW_PAGE, ""),
#define ORDER(name_, gateway_, method_, flow_)                                                     \
    {.name = name_,                                                                                \
     .gateway = gateway_,                                                                          \
     .method = method_,                                                                            \
     .way = PROBE_ORDER_CLOSE,                                                                     \
     .flow = flow_,                                                                                \
     .amount_minor = 100,                                                                          \
     .currency = {"CNY"},                                                                          \
     .token = "",                                                                                  \
     .every_us = 24 * 60 * MINUTE_US,                                                              \
     .slow_us = 60 * US_PER_SECOND}
    ORDER("alipay-qr", "alipay", METHOD_ALIPAY, FLOW_QR),
    ORDER("wechat-qr", "wechatpay", METHOD_WECHATPAY, FLOW_QR),
    ORDER("wechat-app", "wechatpay-b", METHOD_WECHATPAY, FLOW_APP),
    ORDER("unionpay-app", "unionpay", METHOD_UNIONPAY, FLOW_APP),
};

/* In the order of names, as probes_view() has them. */
static int look(struct probe_view views[COUNT_OF(probes)]) {
    int count = probes_view(W->payments, views, COUNT_OF(probes), &W->err);
    assert_int_equal(count, COUNT_OF(probes));
    return count;
}

static void runs(void) {
    work();
    pass(5 * MINUTE_US);
    for (int i = 0; i < 30; i++) {
        pass(5 * US_PER_SECOND);
    }
}

/* A table of the adapters says what each can; every such row is tried here. */
static void each_way_of_each_adapter_is_tried(void **state) {
    (void)state;
    for (int i = 0; i < gateway_count(W->registry); i++) {
        const struct gateway *gateway = gateway_at(W->registry, i);
        for (int way = 1; way < PROBE_WAY_COUNT; way++) {
            bool tried = !gateway->adapter->can.probe_ways[way];
            for (size_t p = 0; p < COUNT_OF(probes); p++) {
                const struct gateway *of = gateway_find(W->registry, probes[p].gateway);
                tried = tried || (of != NULL && of->adapter == gateway->adapter &&
                                  (int)probes[p].way == way);
            }
            if (!tried) {
                fail_msg("%s by %s is tried by no test", gateway->adapter->name,
                         probe_way_name((enum probe_way)way));
            }
        }
    }
}

static void each_ends_with_nothing_left(void **state) {
    struct probe_view views[COUNT_OF(probes)];
    (void)state;
    runs();
    for (int i = look(views) - 1; i >= 0; i--) {
        if (views[i].result != PROBE_OK) {
            fail_msg("%s: %s (%s), %s", views[i].name, probe_result_name(views[i].result),
                     views[i].code, views[i].note);
        }
        /* Nothing closes an order at UnionPay but its payTimeout, nor a code that was never scanned
         * at Alipay, which knows of no trade then. */
        bool waits = strcmp(views[i].name, "unionpay-app") == 0 ||
                     strcmp(views[i].name, "alipay-qr") == 0;
        if (views[i].state != (waits ? PROBE_UNDOES : PROBE_WAITS)) {
            fail_msg("%s is %s", views[i].name, waits ? "over" : "not over");
        }
    }
    for (int i = 0; i < 60; i++) {
        pass(MINUTE_US);
    }
    for (int i = look(views) - 1; i >= 0; i--) {
        assert_int_equal(views[i].state, PROBE_WAITS);
        assert_int_equal(views[i].failures, 0);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE live = 1 AND state <> 6"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE captured_minor > "
                                  "refunded_minor"),
                     0);
    for (int i = 0; i < 3 && open_operations() > 0; i++) {
        pass(60 * MINUTE_US); /* a cancellation that waited is asked about by the hour */
    }
    assert_int_equal(open_operations(), 0);
    if (cases() > 0) {
        fail_msg("%s", world_text(W, "SELECT MIN(kind || ' ' || gateway || ' ' || detail) || "
                                     "MAX(kind || ' ' || gateway || ' ' || detail) FROM "
                                     "review_case"));
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), COUNT_OF(probes));
    check();
}

/* Somebody reads the code and pays: his money is not kept. */
static void what_somebody_pays_all_the_same_is_a_case_or_goes_back(void **state) {
    (void)state;
    work();
    pass(5 * MINUTE_US + 50 * US_PER_SECOND); /* one after the other */
    char *reference = world_text(W, "SELECT id FROM attempt WHERE gateway = 'unionpay'");
    assert_int_equal(acted(UNIONPAY, reference, "pay") / 100, 2);
    free(reference);
    for (int i = 0; i < 60; i++) {
        pass(MINUTE_US);
    }
    assert_int_equal(taken(UNIONPAY), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE debit_account LIKE "
                                  "'merchant:%' OR credit_account LIKE 'merchant:%'"),
                     0);
    check();
}

int main(void) {
    wallet_probes = probes;
    wallet_probe_count = COUNT_OF(probes);
    const struct CMUnitTest tests[] = {
        BOTH(each_way_of_each_adapter_is_tried),
        BOTH(each_ends_with_nothing_left),
        BOTH(what_somebody_pays_all_the_same_is_a_case_or_goes_back),
    };
    return wallets_run(tests, COUNT_OF(tests));
}
