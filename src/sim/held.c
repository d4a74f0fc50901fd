/* SPDX-License-Identifier: Apache-2.0
 * held.c: customers whose order is taken without a gateway. One is held for a minute or three and
 * paid behind its link: soon, late, in two tabs, never, or called off. One is queued, with more at
 * the same time than may wait, and charged when a gateway can be reached. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/sandbox_impl.h"
#include "sim/gateways.h"
#include "sim/held.h"

enum {
    HOLD_MINUTES_MAX = 3,
    QUEUED_AT_ONCE_MAX = 5,
    VISITS_MAX = 2,
    LOOKS_MAX = 5,
    PAGE_TRIES = 4,
    CARD_FIRST = 900, /* cards of these customers have numbers from here on */
    SHOWN_CHARS = 160,
};

struct held_order *held_find(const struct run *run, const char *order) {
    for (int i = 0; i < run->held->count; i++) {
        if (strcmp(run->held->orders[i].order, order) == 0) {
            return &run->held->orders[i];
        }
    }
    return NULL;
}

/* ---- the configuration ---- */

static int hold_minutes(const struct run *run) {
    struct prng prng;
    run_prng(run, &prng, "hold", 0);
    return 1 + (int)prng_below(&prng, HOLD_MINUTES_MAX);
}

void held_config(const struct run *run, struct buf *out) {
    if (run_sees(run, SEE_HELD_ORDERS)) {
        buf_addf(out,
                 "deferred: {public_url: \"http://shop.holdfast.sim\", shop_name: Tea, "
                 "hold_minutes: %d, reminders_minutes: [1]}\n",
                 hold_minutes(run));
    }
    if (run_sees(run, SEE_QUEUED)) {
        buf_addf(out,
                 "forward:\n  enabled: true\n  vip: true\n  purposes: [order]\n"
                 "  customers: [queued-0, queued-1]\n"
                 "  limits: [{currency: USD, each: %d, total: %d}]\n  age_minutes: %d\n",
                 HELD_QUEUE_EACH, HELD_QUEUE_TOTAL, HELD_QUEUE_MINUTES);
    }
    if (run_sees(run, SEE_MODES)) {
        buf_add_text(out, "modes:\n  reroute: {enter_s: 1, exit_s: 5}\n"
                          "  reduced: {enter_s: 2, exit_s: 5}\n"
                          "  deferred: {enter_s: 4, exit_s: 5}\n"
                          "  read_only: {enter_s: 5, exit_s: 3}\n");
    }
}

/* ---- an order that is held ---- */

struct keeper {
    struct customer customer;
    struct purchase purchase;
    struct held_order *held;
    struct prng tab; /* of the second one */
    bool other_tab;
};

static const char *wallet_of(const struct run *run, struct prng *prng) {
    static const struct {
        enum sb_gateway gateway;
        const char *method;
    } wallets[] = {{SB_ALIPAY, "alipay"}, {SB_WECHAT, "wechatpay"}, {SB_UNIONPAY, "unionpay"}};
    const char *here[COUNT_OF(wallets)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(wallets); i++) {
        if ((run->gateways >> wallets[i].gateway & 1) != 0) {
            here[count++] = wallets[i].method;
        }
    }
    return count > 0 ? here[prng_below(prng, count)] : NULL;
}

/* Most are to be held; the others only when the ladder says so. */
static void write_held(struct purchase *purchase, bool defer) {
    const struct run *run = purchase->customer->run;
    struct prng *prng = &purchase->prng;
    int number = purchase->number;
    const char *wallet = prng_below(prng, 2) == 0 ? wallet_of(run, prng) : NULL;
    char how[160];
    purchase->amount = 100 + (int64_t)prng_below(prng, 9000);
    if (wallet != NULL) {
        snprintf(how, sizeof how, "\"currency\":\"CNY\",\"method\":\"%s\",\"flow\":\"%s\"", wallet,
                 strcmp(wallet, "unionpay") == 0 ? "page" : "qr");
    } else {
        snprintf(how, sizeof how,
                 "\"currency\":\"USD\",\"method\":\"card\",\"tokens\":{\"stripe-eu\":"
                 "\"pm_card_visa.%d\",\"paypal-eu\":\"vault_visa.%d\"}",
                 CARD_FIRST + number, CARD_FIRST + number);
    }
    snprintf(purchase->order, sizeof purchase->order, "held-%d", number);
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,%s,%s\"return_url\":\"https://merchant.sim/"
             "back\",\"customer\":{\"id\":\"held-%d\",\"region\":\"DE\",\"ip\":\"203.0.113.78\"}}",
             purchase->order, (long long)purchase->amount, how, defer ? "\"defer\":true," : "",
             number);
}

static void read_page(struct keeper *keeper, struct prng *prng, struct held_page *ret_page) {
    struct run *run = keeper->customer.run;
    for (int i = 0; i < PAGE_TRIES && !held_page_read(run, keeper->held, ret_page); i++) {
        task_sleep_us(US_PER_SECOND + (int64_t)prng_below(prng, 2 * US_PER_SECOND));
    }
}

/* The shop's people do it for him: by card. */
static void choose_at_shop(struct keeper *keeper, struct prng *prng, const char *which) {
    static const char *const cards[] = {"pm_card_visa",
                                        "pm_card_visa_chargeDeclinedInsufficientFunds"};
    char path[128], key[128], body[256];
    int status = 0, number = CARD_FIRST + keeper->purchase.number;
    snprintf(path, sizeof path, "/v1/payments/%s/method", keeper->purchase.payment);
    snprintf(key, sizeof key, "%s-choose-%s", keeper->purchase.order, which);
    snprintf(body, sizeof body,
             "{\"method\":\"card\",\"tokens\":{\"stripe-eu\":\"%s.%d\",\"paypal-eu\":"
             "\"vault_visa.%d\"}}",
             cards[prng_below(prng, 4) == 0], number, number);
    json_decref(shop_ask(&keeper->purchase, prng, "choose", path, key, body, &status));
}

/* What he is shown he mostly pays. */
static void pay_shown(struct keeper *keeper, struct prng *prng) {
    struct run *run = keeper->customer.run;
    char name[SHOWN_CHARS];
    enum sb_gateway gateway = SB_STRIPE;
    json_t *payment = shop_look(&keeper->purchase);
    bool shown = payment != NULL && buyers_shown(run, payment, &gateway, name, sizeof name);
    uint64_t what = prng_below(prng, 10);
    json_decref(payment);
    task_sleep_us((int64_t)prng_below(prng, 10 * US_PER_SECOND));
    if (shown && what < 9) {
        buyers_wish(run, gateway, name, what < 8);
    }
}

static void visit(struct keeper *keeper, struct prng *prng, const char *which) {
    struct run *run = keeper->customer.run;
    struct held_page page;
    read_page(keeper, prng, &page);
    if (page.phase != HELD_OPEN && page.phase != HELD_ACT) {
        return;
    }
    if (page.method_count > 0 && prng_below(prng, 4) > 0) {
        const char *method = page.methods[prng_below(prng, (uint64_t)page.method_count)];
        bool chosen = held_page_choose(run, keeper->held, &page, method);
        if (!chosen && prng_below(prng, 2) == 0) { /* the button once more */
            (void)!held_page_choose(run, keeper->held, &page, method);
        }
    } else {
        choose_at_shop(keeper, prng, which);
    }
    pay_shown(keeper, prng);
}

static void second_tab(void *arg) {
    struct keeper *keeper = arg;
    visit(keeper, &keeper->tab, "tab");
    keeper->other_tab = false;
}

/* He comes, and comes again while it is not paid and he has not had enough. */
static void come(struct keeper *keeper) {
    struct run *run = keeper->customer.run;
    struct prng *prng = &keeper->purchase.prng;
    if (prng_below(prng, 3) == 0) {
        keeper->other_tab = true;
        prng_init(&keeper->tab, prng_next(prng));
        sim_process_run(run->shop_process, "tab", second_tab, keeper);
    }
    for (int i = 0; i < VISITS_MAX; i++) {
        struct held_page page = {0};
        char which[12];
        snprintf(which, sizeof which, "%d", i);
        visit(keeper, prng, which);
        for (int k = 0; k < LOOKS_MAX && page.phase != HELD_OPEN; k++) {
            read_page(keeper, prng, &page);
            if (keeper->held->paid || keeper->held->over) {
                return;
            }
            task_sleep_us(US_PER_SECOND + (int64_t)prng_below(prng, 8 * US_PER_SECOND));
        }
    }
}

/* When its time is over: nothing is to be had by what he kept open, and the order is free. */
static void come_too_late(void *arg) {
    struct keeper *keeper = arg;
    struct run *run = keeper->customer.run;
    struct prng *prng = &keeper->purchase.prng;
    struct held_page page;
    int64_t hold_us = hold_minutes(run) * 60 * US_PER_SECOND;
    char key[128];
    int status = 0;
    read_page(keeper, prng, &page);
    bool begins = prng_below(prng, 2) == 0 && page.method_count > 0 &&
                  held_page_choose(run, keeper->held, &page, page.methods[0]);
    task_sleep_us(hold_us + (int64_t)prng_below(prng, 40 * US_PER_SECOND));
    if (page.method_count > 0 && !begins) {
        (void)!held_page_choose(run, keeper->held, &page, page.methods[0]);
    }
    choose_at_shop(keeper, prng, "late");
    pay_shown(keeper, prng);
    read_page(keeper, prng, &page);
    if (keeper->held->over) {
        write_held(&keeper->purchase, false);
        snprintf(key, sizeof key, "%s-anew", keeper->purchase.order);
        json_decref(shop_ask(&keeper->purchase, prng, "pay", "/v1/payments", key,
                             keeper->purchase.body, &status));
    }
    run->held->pending--;
}

static void call_off(struct keeper *keeper) {
    char path[128], key[128];
    struct purchase *purchase = &keeper->purchase;
    task_sleep_us((int64_t)prng_below(&purchase->prng, 20 * US_PER_SECOND));
    snprintf(path, sizeof path, "/v1/payments/%s/cancel", purchase->payment);
    snprintf(key, sizeof key, "%s-cancel", purchase->order);
    shop_beside(purchase, "cancel", path, key, "{\"reason\":\"the customer wrote to us\"}");
    if (prng_below(&purchase->prng, 2) == 0) {
        visit(keeper, &purchase->prng, "off");
    }
    shop_await_parts(purchase);
}

/* False: it is not held; whatever became of it is as with any purchase. */
static bool take_link(struct keeper *keeper, const json_t *answer) {
    struct run *run = keeper->customer.run;
    struct held *held = run->held;
    const char *url = json_peek_text(answer, "pay_later_url", NULL);
    const char *type = json_peek_text(answer, "action", "type", NULL);
    const char *slash = url != NULL ? strrchr(url, '/') : NULL;
    if (type == NULL || strcmp(type, "pay_later") != 0 || held->count == HELD_ORDERS_MAX) {
        return false;
    }
    if (slash == NULL || strlen(slash + 1) >= HELD_SECRET_CHARS) {
        run_fail(run, "held", keeper->purchase.order, "%s is held, and nobody was given its link",
                 keeper->purchase.payment);
        return false;
    }
    struct held_order *order = &held->orders[held->count++];
    snprintf(order->order, sizeof order->order, "%s", keeper->purchase.order);
    snprintf(order->payment, sizeof order->payment, "%s", keeper->purchase.payment);
    snprintf(order->secret, sizeof order->secret, "%s", slash + 1);
    keeper->held = order;
    return true;
}

static void keep_order(struct keeper *keeper) {
    struct run *run = keeper->customer.run;
    struct purchase *purchase = &keeper->purchase;
    struct prng *prng = &purchase->prng;
    char key[128];
    int status = 0;
    task_sleep_us((int64_t)prng_below(prng, 15 * US_PER_SECOND));
    write_held(purchase, prng_below(prng, 4) > 0);
    snprintf(key, sizeof key, "%s-pay", purchase->order);
    json_t *answer = shop_ask(purchase, prng, "pay", "/v1/payments", key, purchase->body, &status);
    const char *id = json_peek_text(answer, "id", NULL);
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    bool held = id != NULL && take_link(keeper, answer);
    json_decref(answer);
    uint64_t what = prng_below(prng, 100);
    if (!held || what < 12) { /* he never comes */
        return;
    }
    if (what < 30) {
        run->held->pending++;
        sim_process_run(run->shop_process, "too-late", come_too_late, keeper);
    } else if (what < 42) {
        call_off(keeper);
    } else {
        task_sleep_us((int64_t)prng_below(prng, 40 * US_PER_SECOND));
        come(keeper);
    }
    while (keeper->other_tab) {
        task_sleep_us(100 * US_PER_MS);
    }
}

static void keeper_main(void *arg) {
    struct keeper *keeper = arg;
    keep_order(keeper);
    keeper->customer.run->shopping--;
}

/* ---- payments that are queued ---- */

static void write_queued(struct purchase *purchase) {
    struct prng *prng = &purchase->prng;
    static const char *const cards[] = {"pm_card_visa", "pm_card_visa_chargeDeclined"};
    int customer = purchase->customer->number;
    /* Sometimes more than one may be. */
    purchase->amount = 300 + (int64_t)prng_below(prng, HELD_QUEUE_EACH);
    snprintf(purchase->order, sizeof purchase->order, "queued-%d-%d", customer, purchase->number);
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"USD\",\"method\":\"card\","
             "\"queue\":true,\"tokens\":{\"stripe-eu\":\"%s.%d\",\"paypal-eu\":\"vault_visa.%d\"},"
             "\"customer\":{\"id\":\"queued-%d\",\"region\":\"DE\",\"vip\":%s}}",
             purchase->order, (long long)purchase->amount, cards[prng_below(prng, 5) == 0],
             CARD_FIRST + 50 + customer, CARD_FIRST + 50 + customer, customer,
             prng_below(prng, 2) == 0 ? "true" : "false");
}

static void queue_one(void *arg) {
    struct keeper *keeper = arg;
    struct purchase *purchase = &keeper->purchase;
    struct prng *prng = &purchase->prng;
    char path[128], key[128];
    int status = 0;
    task_sleep_us((int64_t)prng_below(prng, 500 * US_PER_MS));
    write_queued(purchase);
    snprintf(key, sizeof key, "%s-pay", purchase->order);
    json_t *answer = shop_ask(purchase, prng, "pay", "/v1/payments", key, purchase->body, &status);
    const char *id = json_peek_text(answer, "id", NULL);
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    json_decref(answer);
    if (purchase->payment[0] != '\0') {
        task_sleep_us((int64_t)prng_below(prng, 8 * US_PER_SECOND));
        if (prng_below(prng, 4) == 0) {
            snprintf(path, sizeof path, "/v1/payments/%s/cancel", purchase->payment);
            snprintf(key, sizeof key, "%s-cancel", purchase->order);
            shop_beside(purchase, "cancel", path, key, "{\"reason\":\"not wanted any more\"}");
        }
        json_decref(shop_look(purchase));
    }
    shop_await_parts(purchase);
    keeper->customer.run->shopping--;
}

/* No gateway can be reached for a while, or none says what it did: for that there is a queue. */
static void send_away(struct run *run, struct prng *prng) {
    int seconds = 5 + (int)prng_below(prng, 25);
    bool silent = prng_below(prng, 3) == 0;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        char spec[80];
        struct err err = {0};
        snprintf(spec, sizeof spec, "%s:%s=%d", sb_gateway_name((enum sb_gateway)i),
                 silent ? "timeout_after:probability=0.6,for_s" : "refuse:for_s", seconds);
        if ((run->gateways >> i & 1) != 0) {
            int r = sandbox_fault(run->sandbox, spec, &err);
            sim_say(run->world, "%s%s", spec, r < 0 ? ": not taken" : "");
        }
    }
}

static struct keeper *keeper_new(struct run *run, const char *purpose, int customer, int number) {
    struct keeper *keeper = g_new0(struct keeper, 1);
    keeper->customer = (struct customer){run, customer};
    keeper->purchase = (struct purchase){.customer = &keeper->customer, .number = number};
    run_prng(run, &keeper->purchase.prng, purpose, customer * 100 + number);
    run->shopping++;
    return keeper;
}

static void queuer_main(void *arg) {
    struct keeper *queuer = arg;
    struct run *run = queuer->customer.run;
    struct prng *prng = &queuer->purchase.prng;
    task_sleep_us((int64_t)prng_below(prng, 25 * US_PER_SECOND));
    if (!run->calm && run->phase == RUN_TROUBLE && prng_below(prng, 2) == 0) {
        send_away(run, prng);
    }
    for (int i = 1 + (int)prng_below(prng, QUEUED_AT_ONCE_MAX); i > 0; i--) {
        sim_process_run(run->shop_process, "queued", queue_one,
                        keeper_new(run, "queued", queuer->customer.number, i));
    }
    run->shopping--;
}

void held_open(struct run *run) {
    struct prng prng;
    run_prng(run, &prng, "held-count", 0);
    int orders = 1 + (int)prng_below(&prng, HELD_ORDERS_MAX - 1);
    for (int i = 0; run_sees(run, SEE_HELD_ORDERS) && i < orders; i++) {
        sim_process_run(run->shop_process, "held", keeper_main, keeper_new(run, "held", 20, i));
    }
    int queuers = 1 + (int)prng_below(&prng, HELD_QUEUERS);
    for (int i = 0; run_sees(run, SEE_QUEUED) && i < queuers; i++) {
        sim_process_run(run->shop_process, "queuer", queuer_main, keeper_new(run, "queuer", i, 0));
    }
}
