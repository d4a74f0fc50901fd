/* SPDX-License-Identifier: Apache-2.0
 * wechat_adapter.c: our WeChat Pay adapter as a program, for wechat.test.mjs.
 *
 *   wechat_adapter run    BASE_URL KEY SERIAL PUBLIC_KEY PUBLIC_KEY_ID API_V3_KEY
 *   wechat_adapter verify BASE_URL KEY SERIAL PUBLIC_KEY PUBLIC_KEY_ID API_V3_KEY
 *
 * KEY, PUBLIC_KEY and API_V3_KEY are files. `run` makes one call of each kind to BASE_URL and
 * prints what became of it, a line a call: "native action_needed <what the customer is given>".
 * `verify` takes a notification a line, "timestamp nonce signature serial body-in-base-64", and
 * prints what adapter_verify() says. */
#include "gateway/wechatpay/wechatpay.h"

#include "adapter.h"

enum { PARTS = 5 };
#define REFERENCE "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define REFUND_REFERENCE "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG"

static struct gateway_charge charge_of(enum gateway_flow flow, const char *token) {
    return (struct gateway_charge){
        .reference = REFERENCE,
        .order_id = "订单 1",
        .amount_minor = 1999,
        .currency = currency_stored("CNY"),
        .method = METHOD_WECHATPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.example/back?order=1&lang=zh",
        .cancel_url = "",
        .description = "两杯茶",
        .customer_email = "",
        .customer_ip = "203.0.113.7",
        .flow = flow,
        .created_us = clock_wall_us(),
    };
}

static void say(const char *what, const struct gateway_result *result) {
    printf("%s %s %s\n", what, gateway_outcome_name(result->outcome), result->action_data);
}

static void run(const struct gateway_call *call) {
    static const struct {
        const char *name, *token;
        enum gateway_flow flow;
    } flows[] = {
        {"native", "", FLOW_QR},
        {"h5", "", FLOW_MOBILE},
        {"app", "", FLOW_APP},
        {"jsapi", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", FLOW_PAGE},
    };
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        const struct gateway_charge charge = charge_of(flows[i].flow, flows[i].token);
        wechat_charge(call, &charge, &result);
        say(flows[i].name, &result);
    }
    const struct gateway_change change = {
        .payment = {.reference = REFERENCE,
                    .gateway_id = REFERENCE,
                    .charge_id = "",
                    .amount_minor = 1999,
                    .currency = currency_stored("CNY"),
                    .method = METHOD_WECHATPAY,
                    .token = ""},
        .reference = REFUND_REFERENCE,
        .amount_minor = 500,
        .reason = "duplicate",
        .refund_id = "",
    };
    wechat_query(call, &change.payment, &result);
    say("query", &result);
    wechat_cancel(call, &change, &result);
    say("cancel", &result);
    wechat_refund(call, &change, &result);
    say("refund", &result);
    wechat_query_refund(call, &change, &result);
    say("query_refund", &result);
}

static void verify_line(struct gateway_call *call, char *line, int64_t now_us) {
    char *parts[PARTS] = {0};
    char *rest = NULL;
    size_t count = 0;
    for (int i = 0; i < PARTS; i++) {
        parts[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
        INVARIANT(parts[i] != NULL, "the test writes five parts");
    }
    char *body = adapter_decoded(parts[4], &count);
    const struct http_header headers[] = {
        {"Wechatpay-Timestamp", parts[0]},
        {"Wechatpay-Nonce", parts[1]},
        {"Wechatpay-Signature", parts[2]},
        {"Wechatpay-Serial", parts[3]},
    };
    const struct gateway_callback_request request = {.headers = headers,
                                                     .header_count = COUNT_OF(headers),
                                                     .body = body,
                                                     .body_bytes = count,
                                                     .now_us = now_us};
    adapter_verify(call, &request);
    free(body);
}

int main(int argc, char **argv) {
    struct gateway gateway = {.adapter = &wechatpay_adapter};
    struct gateway_call call = {.gateway = &gateway};
    if (argc != 8) {
        fputs("usage: wechat_adapter run|verify BASE_URL KEY SERIAL PUBLIC_KEY PUBLIC_KEY_ID "
              "API_V3_KEY\n",
              stderr);
        return 2;
    }
    crypto_init();
    snprintf(gateway.base_url, sizeof(gateway.base_url), "%s", argv[2]);
    snprintf(gateway.callback_url, sizeof(gateway.callback_url),
             "https://pay.example/callbacks/wechat");
    gateway_add_option(&gateway, "appid", "wxd678efh567hg6787");
    gateway_add_option(&gateway, "mchid", "1900000001");
    gateway_add_option(&gateway, "merchant_serial", argv[4]);
    gateway_add_option(&gateway, "wechat_public_key_id", argv[6]);
    gateway_add_file(&gateway, "private_key", argv[3]);
    gateway_add_file(&gateway, "wechat_public_key", argv[5]);
    gateway_add_file(&gateway, "api_v3_key", argv[7]);
    adapter_open(&gateway);
    call.client = adapter_client();
    call.deadline_us = clock_mono_us() + 20 * US_PER_SECOND;
    if (strcmp(argv[1], "run") == 0) {
        run(&call);
    } else {
        adapter_lines(verify_line, &call, clock_wall_us());
    }
    gateway_take_apart(&gateway);
    http_client_free(call.client);
    return 0;
}
