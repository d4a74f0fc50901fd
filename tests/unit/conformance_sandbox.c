/* SPDX-License-Identifier: Apache-2.0
 * conformance_sandbox.c: the product's adapters in front of the simulated gateways. */
#include "conformance.h"
#include "sandbox_fixture.h"

#include <stdlib.h>

struct account {
    const char *adapter, *control; /* as configured; as the sandbox's control port says it */
    enum sandbox_port port;
    enum payment_method method;
    enum gateway_flow flow;
    const char *currency;
    const char *token; /* "%08d": a number for each reference */
    void (*fill)(struct gateway_settings *settings);
};
static const struct account *account;      /* of the place that is open */
static void *identities[SANDBOX_GATEWAYS]; /* for all places: keys are slow to make */

static void set_secret(struct gateway_settings *settings, const char *name, const char *value) {
    static char references[GATEWAY_CREDENTIALS_MAX][64];
    int i = settings->credential_count++;
    snprintf(references[i], sizeof(references[i]), "env:HF_CONFORMANCE_%d", i);
    setenv(references[i] + strlen("env:"), value, 1);
    settings->credentials[i].name = name;
    settings->credentials[i].reference = references[i];
}

static void set_paper(struct gateway_settings *settings, const char *name, const char *paper) {
    const char *text = sandbox_paper(fixture.sandbox, account->port, paper);
    assert_non_null(text);
    set_secret(settings, name, text);
}

static void set_option(struct gateway_settings *settings, const char *name, const char *value) {
    int i = settings->option_count++;
    settings->options[i].name = name;
    settings->options[i].value = value;
}

static void fill_stripe(struct gateway_settings *settings) {
    set_secret(settings, "api_key", SANDBOX_STRIPE_KEY);
    set_secret(settings, "webhook_secret", SANDBOX_STRIPE_WEBHOOK_SECRET);
}

static void fill_paypal(struct gateway_settings *settings) {
    set_secret(settings, "client_id", SANDBOX_PAYPAL_CLIENT_ID);
    set_secret(settings, "client_secret", SANDBOX_PAYPAL_CLIENT_SECRET);
    set_secret(settings, "webhook_id", SANDBOX_PAYPAL_WEBHOOK_ID);
    set_paper(settings, "webhook_ca", "ca.pem");
}

static void fill_alipay(struct gateway_settings *settings) {
    set_paper(settings, "private_key", "merchant.key.pem");
    set_paper(settings, "alipay_public_key", "alipay.pub.pem");
    set_option(settings, "app_id", SANDBOX_ALIPAY_APP_ID);
}

static void fill_wechat(struct gateway_settings *settings) {
    set_paper(settings, "private_key", "merchant.key.pem");
    set_secret(settings, "api_v3_key", SANDBOX_WECHAT_API_V3_KEY);
    set_option(settings, "appid", SANDBOX_WECHAT_APPID);
    set_option(settings, "mchid", SANDBOX_WECHAT_MCHID);
    set_option(settings, "merchant_serial",
               sandbox_paper(fixture.sandbox, SANDBOX_WECHAT, "merchant.serial"));
    set_option(settings, "store_id", "store1");
}

static void fill_unionpay(struct gateway_settings *settings) {
    set_paper(settings, "private_key", "merchant.key.pem");
    set_paper(settings, "certificate", "merchant.crt.pem");
    set_paper(settings, "root_ca", "root_ca.pem");
    set_paper(settings, "middle_ca", "middle_ca.pem");
    set_option(settings, "merchant_id", SANDBOX_UNIONPAY_MERCHANT_ID);
    set_option(settings, "test", "true");
}

/* A wallet by a code that a till has read, so that money moves at once; UnionPay has none. */
static const struct account accounts[] = {
    {"stripe", "stripe", SANDBOX_STRIPE, METHOD_CARD, 0, "USD", "pm_card_visa", fill_stripe},
    {"paypal", "paypal", SANDBOX_PAYPAL, METHOD_PAYPAL, 0, "USD", "vault_good", fill_paypal},
    {"alipay", "alipay", SANDBOX_ALIPAY, METHOD_ALIPAY, 0, "CNY", "280000%08d1111", fill_alipay},
    {"wechatpay", "wechat", SANDBOX_WECHAT, METHOD_WECHATPAY, 0, "CNY", "130000%08d1111",
     fill_wechat},
    {"unionpay", "unionpay", SANDBOX_UNIONPAY, METHOD_UNIONPAY, FLOW_APP, "CNY", "", fill_unionpay},
};

static void open_account(const char *adapter, struct gateway_settings *ret_settings,
                         struct http_client **ret_client) {
    static char url[FIXTURE_URL_MAX];
    struct sandbox_options options = fixture_options();
    for (account = accounts; strcmp(account->adapter, adapter) != 0; account++) {
    }
    if (identities[account->port] == NULL) {
        struct err err = {0};
        assert_int_equal(
            sandbox_identity_new(account->port, clock_wall_us(), &identities[account->port], &err),
            0);
    }
    options.identities[account->port] = identities[account->port];
    receiver_start();
    if (account->port == SANDBOX_STRIPE || account->port == SANDBOX_PAYPAL) {
        options.callback_urls[account->port] = fixture.hook_url;
    }
    options.callback_tries = 1;
    fixture_start(&options);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", sandbox_port(fixture.sandbox, account->port));
    *ret_settings = (struct gateway_settings){.name = "conformance",
                                              .adapter = adapter,
                                              .base_url = url,
                                              .callback_url = fixture.hook_url};
    account->fill(ret_settings);
    *ret_client = fixture.client;
}

static void charge_of(const char *reference, struct gateway_charge *ret_charge) {
    static char token[64];
    static int64_t created_us;
    /* Long enough ago for whoever asks about nothing that is seconds old. */
    created_us = created_us == 0 ? clock_wall_us() - 60 * US_PER_SECOND : created_us;
    int number = (int)strtol(reference + strlen(reference) - 4, NULL, 10);
    const char *digits = strstr(account->token, "%08d");
    if (digits != NULL) {
        snprintf(token, sizeof(token), "%.*s%08d%s", (int)(digits - account->token), account->token,
                 number, digits + strlen("%08d"));
    } else {
        snprintf(token, sizeof(token), "%s", account->token);
    }
    *ret_charge = (struct gateway_charge){
        .reference = reference,
        .order_id = reference,
        .amount_minor = CONFORMANCE_AMOUNT,
        .currency = currency_stored(account->currency),
        .method = account->method,
        .token = token,
        .capture = true,
        .return_url = "https://shop.test/back",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "203.0.113.7",
        .flow = account->flow,
        .created_us = created_us,
        .expires_us = created_us + 1800 * US_PER_SECOND,
    };
}

static void pay(const char *reference) {
    char body[200];
    snprintf(body, sizeof(body), "{\"gateway\":\"%s\",\"reference\":\"%s\",\"act\":\"pay\"}",
             account->control, reference);
    const struct ask ask = {
        .port = SANDBOX_CONTROL, .method = "POST", .path = "/pay", .body = body};
    HTTP_ANSWER_AUTO answer = {0};
    assert_int_equal(ask_raw(&ask, &answer), 0);
}

/* What is decided and told later is so now. */
static void hurry(void) {
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_quiet();
}

static void read_book(struct conformance_book *ret_book) {
    hurry();
    ret_book->taken_minor = booked(account->control, account->currency, "charged_minor");
    ret_book->returned_minor = booked(account->control, account->currency, "refunded_minor");
}

static void last_callback(struct gateway_callback_request *ret_request) {
    hurry();
    if (fixture.taken_count == 0) {
        fail_msg("%s tells nothing", account->adapter);
    }
    const struct taken *taken = &fixture.taken[fixture.taken_count - 1];
    *ret_request = (struct gateway_callback_request){
        .headers = taken->headers,
        .header_count = taken->header_count,
        .body = taken->body,
        .body_bytes = strlen(taken->body),
        .now_us = clock_wall_us(),
    };
}

const bool conformance_of_all = true;
const struct conformance_place conformance_places[] = {
    {"stripe", open_account, fixture_stop, charge_of, NULL, read_book, last_callback},
    {"paypal", open_account, fixture_stop, charge_of, NULL, read_book, last_callback},
    {"alipay", open_account, fixture_stop, charge_of, NULL, read_book, last_callback},
    {"wechatpay", open_account, fixture_stop, charge_of, NULL, read_book, last_callback},
    {"unionpay", open_account, fixture_stop, charge_of, pay, read_book, last_callback},
    {0},
};
