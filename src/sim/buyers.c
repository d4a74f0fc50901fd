/* SPDX-License-Identifier: Apache-2.0
 * buyers.c: customers who pay by a wallet. They are shown a code, a page, a form or what their app
 * is to be called with, and do with it what people do: pay soon, late or never, by two phones, go
 * back, choose another way, and pay the old code all the same.
 *
 * What happens between a customer and his wallet meets no trouble on its way; what his browser has
 * to send does. Draws from a generator of its own, so that purchases by card stay what they are. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/sandbox_impl.h"
#include "sim/gateways.h"
#include "sim/shop.h"

enum {
    FLOWS_MAX = 4,
    NAME_CHARS = 160,
    FORM_BYTES_MAX = 32 * 1024,
    OPEN_TRIES = 4,
    PATIENCE_LOOKS = 14,
    CHOICES_MAX = 2,
    NORMAL_PERCENT = 45,
};
/* Longer than the configuration gives him (stage.c). */
#define TOO_LONG_US (RUN_ACTION_MINUTES * 60 * US_PER_SECOND)

/* A till's code begins so; with these figures at its end its owner is asked by his phone first. */
static const struct wallet {
    enum sb_gateway gateway;
    const char *method;
    const char *flows[FLOWS_MAX];
    const char *till, *asks;
} wallets[] = {
    {SB_ALIPAY, "alipay", {"qr", "page", "mobile_page", "app"}, "280000", "0001"},
    {SB_WECHAT, "wechatpay", {"qr", "mobile_page", "app"}, "130000", "9901"},
    {SB_UNIONPAY, "unionpay", {"app", "page", "mobile_page"}, NULL, NULL},
};

static const struct wallet *wallet_of(enum sb_gateway gateway) {
    for (size_t i = 0; i < COUNT_OF(wallets); i++) {
        if (wallets[i].gateway == gateway) {
            return &wallets[i];
        }
    }
    return NULL;
}

/* One of those that the service has; NULL: it has none. */
static const struct wallet *draw_wallet(const struct run *run, struct prng *prng) {
    const struct wallet *here[COUNT_OF(wallets)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(wallets); i++) {
        if ((run->gateways >> wallets[i].gateway & 1) != 0) {
            here[count++] = &wallets[i];
        }
    }
    return count > 0 ? here[prng_below(prng, count)] : NULL;
}

static const char *draw_flow(const struct wallet *wallet, struct prng *prng) {
    int count = 0;
    while (count < FLOWS_MAX && wallet->flows[count] != NULL) {
        count++;
    }
    return wallet->flows[prng_below(prng, (uint64_t)count)];
}

/* ---- what is asked for ---- */

static void draw_till(struct purchase *purchase, const struct wallet *wallet, struct prng *prng,
                      char *text, size_t bytes) {
    bool asks = prng_below(prng, 2) == 0;
    purchase->at_till = true;
    snprintf(text, bytes, "\"token\":\"%s%02d%02d%04d%s\"", wallet->till,
             purchase->customer->number, purchase->number, (int)prng_below(prng, 10000),
             asks ? wallet->asks : "1111");
}

bool buyers_write(struct purchase *purchase) {
    struct run *run = purchase->customer->run;
    struct prng prng;
    char how[64];
    run_prng(run, &prng, "wallet", purchase->customer->number * 1000 + purchase->number);
    const struct wallet *wallet = purchase->late ? wallet_of(purchase->wallet)
                                                 : draw_wallet(run, &prng);
    if (wallet == NULL || (!purchase->late && prng_below(&prng, 2) == 0)) {
        return false;
    }
    purchase->by_wallet = true;
    purchase->wallet = wallet->gateway;
    purchase->hold = purchase->hold && wallet->gateway == SB_UNIONPAY;
    snprintf(how, sizeof how, "\"flow\":\"%s\"",
             purchase->late ? wallet->flows[0] : draw_flow(wallet, &prng));
    if (!purchase->late && wallet->till != NULL && prng_below(&prng, 5) == 0) {
        draw_till(purchase, wallet, &prng, how, sizeof how);
    }
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"CNY\",\"method\":\"%s\",%s,%s"
             "\"return_url\":\"https://merchant.sim/back\",\"customer\":{\"id\":\"customer-%d\","
             "\"region\":\"CN\",\"ip\":\"203.0.113.77\"%s}}",
             purchase->order, (long long)purchase->amount, wallet->method, how,
             purchase->hold ? "\"capture\":\"manual\"," : "", purchase->customer->number,
             purchase->late ? ",\"vip\":true" : "");
    return true;
}

/* ---- what he is shown ---- */

static void last_part(const char *url, char *ret_name, size_t bytes) {
    const char *slash = strrchr(url, '/');
    const char *from = slash != NULL ? slash + 1 : url;
    snprintf(ret_name, bytes, "%.*s", (int)strcspn(from, "?"), from);
}

/* His browser goes there, and is sent on to the page where he pays. */
static bool browse(struct run *run, const char *url, const char *form, char *ret_name,
                   size_t bytes) {
    static const struct http_header type = {"Content-Type", "application/x-www-form-urlencoded"};
    for (int i = 0; i < OPEN_TRIES; i++) {
        struct err err = {0};
        HTTP_ANSWER_AUTO answer = {0};
        const struct http_call call = {
            .method = form != NULL ? "POST" : "GET",
            .url = url,
            .headers = &type,
            .header_count = form != NULL ? 1 : 0,
            .body = form,
            .body_bytes = form != NULL ? strlen(form) : 0,
            .timeout_us = 20 * US_PER_SECOND,
        };
        int r = http_call(run->outside, &call, &answer, &err);
        const char *on = r < 0 ? NULL
                               : http_header_find(answer.headers, answer.header_count, "Location");
        sim_say(run->world, "browser: %.60s -> %d", url, r < 0 ? 0 : answer.status);
        if (on != NULL) {
            last_part(on, ret_name, bytes);
            return true;
        }
        task_sleep_us(US_PER_SECOND);
    }
    return false;
}

static bool post_form(struct run *run, const json_t *form, char *ret_name, size_t bytes) {
    const char *name, *url = json_peek_text(form, "url", NULL);
    json_t *value;
    BUF_AUTO text;
    buf_init(&text, FORM_BYTES_MAX);
    json_object_foreach((json_t *)json_peek(form, "fields", NULL), name, value) {
        buf_addf(&text, "%s%s=", text.len > 0 ? "&" : "", name);
        buf_add_urlencoded(&text, json_string_value(value));
    }
    return url != NULL && buf_ok(&text) && browse(run, url, text.data, ret_name, bytes);
}

static bool open_app(struct run *run, enum sb_gateway gateway, const char *data, char *ret_name,
                     size_t bytes) {
    if (gateway == SB_ALIPAY) {
        char *url = g_strdup_printf("%s/gateway.do?%s", sim_gateway(gateway)->base_url, data);
        bool opened = browse(run, url, NULL, ret_name, bytes);
        g_free(url);
        return opened;
    }
    json_t *json = json_loads(data, 0, NULL);
    const char *prepay = json_peek_text(json, "prepayid", NULL);
    snprintf(ret_name, bytes, "%s", prepay != NULL ? prepay : data);
    json_decref(json);
    return true;
}

/* What his wallet knows the order by from then on. False: he gets nothing opened. */
static bool open_action(struct run *run, enum sb_gateway gateway, const json_t *payment,
                        char *ret_name, size_t bytes) {
    const json_t *action = json_peek(payment, "action", NULL);
    const char *type = json_peek_text(action, "type", NULL);
    const char *data = json_peek_text(action, "data", NULL);
    const char *url = json_peek_text(action, "url", NULL);
    if (type == NULL || strcmp(type, "choose_method") == 0) {
        return false;
    }
    if (strcmp(type, "form") == 0) {
        return post_form(run, json_peek(action, "form", NULL), ret_name, bytes);
    }
    if (strcmp(type, "app") == 0) {
        return data != NULL && open_app(run, gateway, data, ret_name, bytes);
    }
    if (strcmp(type, "qr_code") == 0) {
        snprintf(ret_name, bytes, "%s", data != NULL ? data : "");
        return data != NULL;
    }
    if (url != NULL && gateway == SB_WECHAT) {
        last_part(url, ret_name, bytes);
        return true;
    }
    return url != NULL && browse(run, url, NULL, ret_name, bytes);
}

/* A till's code is known to his phone by the number of the order. */
static bool open_till(struct purchase *purchase, char *ret_name, size_t bytes) {
    char path[128];
    json_t *story = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/payments/%s/events", purchase->payment);
    bool asked = stage_ask(purchase->customer->run, "GET", path, NULL, &status, &story);
    const json_t *first = json_array_get(json_peek(story, "attempts", NULL), 0);
    const char *id = json_peek_text(first, "id", NULL);
    snprintf(ret_name, bytes, "%s", id != NULL ? id : "");
    json_decref(story);
    return asked && ret_name[0] != '\0';
}

/* ---- what he does ---- */

static bool act(struct run *run, enum sb_gateway gateway, const char *name, enum sb_act wish) {
    static const char *const verbs[SB_ACTS] = {"pays", "goes back", "scans", "expires",
                                               "pays what is closed"};
    struct err err = {0};
    int r = sb_gateway_kind(gateway)->customer(run->sandbox, name, wish, &err);
    sim_say(run->world, "wallet: %s %.60s -> %s", verbs[wish], name, r < 0 ? err.detail : "done");
    return r == 0;
}

bool buyers_shown(struct run *run, const json_t *payment, enum sb_gateway *ret_gateway,
                  char *ret_name, size_t bytes) {
    static const char token[] = "token=";
    const char *name = json_peek_text(payment, "gateway", NULL);
    if (name == NULL || !sim_gateway_find(name, ret_gateway)) {
        return false;
    }
    if (*ret_gateway == SB_PAYPAL) {
        const char *url = json_peek_text(payment, "action", "url", NULL);
        const char *at = url != NULL ? strstr(url, token) : NULL;
        snprintf(ret_name, bytes, "%s", at != NULL ? at + sizeof token - 1 : "");
        return at != NULL;
    }
    return wallet_of(*ret_gateway) != NULL &&
           open_action(run, *ret_gateway, payment, ret_name, bytes);
}

bool buyers_wish(struct run *run, enum sb_gateway gateway, const char *name, bool pays) {
    return act(run, gateway, name, pays ? SB_ACT_PAY : SB_ACT_CANCEL);
}

/* Paid once more, by whatever means. Only a callback tells of what was taken after it was closed:
 * where these are lost nobody could ever know. */
static void pay_old(struct run *run, enum sb_gateway gateway, const char *name) {
    bool may = run_sees(run, SEE_OLD_CODES) && !run_sees(run, SEE_CALLBACKS_LOST);
    if (!act(run, gateway, name, SB_ACT_PAY) && may) {
        (void)act(run, gateway, name, SB_ACT_LATE);
    }
}

struct straggler {
    struct run *run;
    enum sb_gateway gateway;
    char name[NAME_CHARS];
    int64_t after_us;
};

static void straggle(void *arg) {
    struct straggler *straggler = arg;
    task_sleep_us(straggler->after_us);
    pay_old(straggler->run, straggler->gateway, straggler->name);
    straggler->run->shopping--;
    g_free(straggler);
}

/* Somebody still has the code, and pays it later. */
static void pay_later(struct purchase *purchase, const char *name, int64_t after_us) {
    struct run *run = purchase->customer->run;
    struct straggler *straggler = g_new0(struct straggler, 1);
    *straggler = (struct straggler){.run = run, .gateway = purchase->wallet, .after_us = after_us};
    snprintf(straggler->name, sizeof straggler->name, "%s", name);
    run->shopping++;
    sim_process_run(run->shop_process, "straggler", straggle, straggler);
}

/* How it is by now; "" when nobody says. */
static void state_of(struct purchase *purchase, char *ret_state, size_t bytes, json_t **ret_json) {
    json_t *payment = shop_look(purchase);
    const char *state = json_peek_text(payment, "state", NULL);
    snprintf(ret_state, bytes, "%s", state != NULL ? state : "");
    if (ret_json != NULL) {
        *ret_json = payment;
    } else {
        json_decref(payment);
    }
}

/* Until he is told that it is paid, or he has had enough. */
static void await_end(struct purchase *purchase, struct prng *prng) {
    char state[32];
    for (int i = 0; i < PATIENCE_LOOKS; i++) {
        state_of(purchase, state, sizeof state, NULL);
        if (state[0] != '\0' && strcmp(state, "requires_action") != 0 &&
            strcmp(state, "processing") != 0 && strcmp(state, "created") != 0) {
            return;
        }
        task_sleep_us(US_PER_SECOND + (int64_t)prng_below(prng, 7 * US_PER_SECOND));
    }
}

/* By card or, where there is one, by another wallet. */
static const struct wallet *write_choice(struct purchase *purchase, struct prng *prng, char *body,
                                         size_t bytes) {
    struct run *run = purchase->customer->run;
    const struct wallet *other = draw_wallet(run, prng);
    if (other->gateway != purchase->wallet && !purchase->hold) {
        snprintf(body, bytes, "{\"method\":\"%s\",\"flow\":\"%s\"}", other->method,
                 draw_flow(other, prng));
        return other;
    }
    snprintf(body, bytes,
             "{\"method\":\"card\",\"tokens\":{\"stripe-eu\":\"pm_card_visa.%d\","
             "\"paypal-eu\":\"vault_visa.%d\"}}",
             purchase->customer->number, purchase->customer->number);
    return NULL;
}

/* He wants to pay in another way after all: asked twice at most. */
static void choose(struct purchase *purchase, struct prng *prng) {
    char path[128], key[128], body[256], name[NAME_CHARS];
    snprintf(path, sizeof path, "/v1/payments/%s/method", purchase->payment);
    for (int i = 0; i < CHOICES_MAX; i++) {
        int status = 0;
        const struct wallet *other = write_choice(purchase, prng, body, sizeof body);
        snprintf(key, sizeof key, "%s-method-%d", purchase->order, i);
        json_t *answer = shop_ask(purchase, prng, "choose", path, key, body, &status);
        bool shown = status < 300 && other != NULL &&
                     open_action(purchase->customer->run, other->gateway, answer, name,
                                 sizeof name);
        json_decref(answer);
        if (shown && prng_below(prng, 4) > 0) {
            task_sleep_us((int64_t)prng_below(prng, 8 * US_PER_SECOND));
            (void)act(purchase->customer->run, other->gateway, name, SB_ACT_PAY);
        }
        if (status < 300) {
            return;
        }
        task_sleep_us((int64_t)prng_below(prng, 40 * US_PER_SECOND));
    }
}

static void give_up(struct purchase *purchase) {
    char path[128], key[128];
    snprintf(path, sizeof path, "/v1/payments/%s/cancel", purchase->payment);
    snprintf(key, sizeof key, "%s-cancel", purchase->order);
    shop_beside(purchase, "cancel", path, key, "{\"reason\":\"the customer went away\"}");
}

static void hesitate(struct purchase *purchase, struct prng *prng, const char *name) {
    struct run *run = purchase->customer->run;
    int64_t moment_us = (int64_t)prng_below(prng, 20 * US_PER_SECOND);
    uint64_t what = prng_below(prng, 100);
    (void)act(run, purchase->wallet, name, SB_ACT_SCAN);
    task_sleep_us(moment_us);
    if (what < 30) { /* another way; the old code is still there */
        if (prng_below(prng, 2) == 0) {
            pay_later(purchase, name, (int64_t)prng_below(prng, 60 * US_PER_SECOND));
        }
        choose(purchase, prng);
    } else if (what < 55) { /* a second phone, or a second time */
        (void)act(run, purchase->wallet, name, SB_ACT_SCAN);
        (void)act(run, purchase->wallet, name, SB_ACT_PAY);
        pay_later(purchase, name, (int64_t)prng_below(prng, 30 * US_PER_SECOND));
    } else if (what < 70) { /* too late */
        pay_later(purchase, name, TOO_LONG_US + (int64_t)prng_below(prng, TOO_LONG_US));
    } else if (what < 85) {
        (void)act(run, purchase->wallet, name, SB_ACT_CANCEL);
    } else {
        give_up(purchase);
        if (prng_below(prng, 2) == 0) { /* and pays, at the same time or after */
            pay_later(purchase, name, (int64_t)prng_below(prng, 5 * US_PER_SECOND));
        }
    }
}

void buyers_act(struct purchase *purchase) {
    struct run *run = purchase->customer->run;
    char state[32], name[NAME_CHARS];
    json_t *payment = NULL;
    struct prng prng;
    run_prng(run, &prng, "buyer", purchase->customer->number * 1000 + purchase->number);
    state_of(purchase, state, sizeof state, &payment);
    for (int i = 0; i < PATIENCE_LOOKS && strcmp(state, "processing") == 0 && !purchase->at_till;
         i++) {
        json_decref(payment);
        task_sleep_us(US_PER_SECOND + (int64_t)prng_below(&prng, 5 * US_PER_SECOND));
        state_of(purchase, state, sizeof state, &payment);
    }
    bool shown = purchase->at_till
                     ? strcmp(state, "processing") == 0 && open_till(purchase, name, sizeof name)
                     : strcmp(state, "requires_action") == 0 &&
                           open_action(run, purchase->wallet, payment, name, sizeof name);
    bool other = strcmp(state, "requires_action") == 0;
    json_decref(payment);
    bool leaves = purchase->late && purchase->end == LATE_CANCELS && !purchase->hold;
    if (leaves) {
        give_up(purchase);
    } else if (shown && (purchase->late || prng_below(&prng, 100) < NORMAL_PERCENT)) {
        task_sleep_us((int64_t)prng_below(&prng, 12 * US_PER_SECOND));
        (void)act(run, purchase->wallet, name, SB_ACT_PAY);
    } else if (shown && purchase->at_till) { /* he does not confirm */
        task_sleep_us((int64_t)prng_below(&prng, 40 * US_PER_SECOND));
        if (prng_below(&prng, 2) == 0) {
            (void)act(run, purchase->wallet, name, SB_ACT_PAY);
        }
    } else if (shown) {
        hesitate(purchase, &prng, name);
    } else if (other) { /* nothing opens, or no wallet is left: another way */
        choose(purchase, &prng);
    }
    await_end(purchase, &prng);
}
