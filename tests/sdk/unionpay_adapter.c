/* SPDX-License-Identifier: Apache-2.0
 * unionpay_adapter.c: our UnionPay adapter as a program, for unionpay.test.mjs.
 *
 *   unionpay_adapter form   KEY CERTIFICATE ROOT MIDDLE CALLBACK_URL SECONDS
 *   unionpay_adapter verify KEY CERTIFICATE ROOT MIDDLE CALLBACK_URL SECONDS
 *
 * The four are PEM files, SECONDS is the time. `form` prints what the customer's browser is to post
 * for an order of 19.99 CNY, as JSON. `verify` reads a notify's body a line, in base 64, and prints
 * what adapter_verify() says of it. */
#include "gateway/unionpay/unionpay.h"

#include "adapter.h"

static void print_form(const struct gateway_call *call, int64_t now_us) {
    struct gateway_result result;
    const struct gateway_charge charge = {
        .reference = "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF",
        .order_id = "order-1",
        .amount_minor = 1999,
        .currency = currency_stored("CNY"),
        .method = METHOD_UNIONPAY,
        .token = "",
        .capture = true,
        .return_url = "https://shop.example/back?order=1&lang=zh",
        .cancel_url = "",
        .description = "",
        .customer_email = "",
        .customer_ip = "",
        .flow = FLOW_PAGE,
        .created_us = now_us,
        .expires_us = now_us + 900 * US_PER_SECOND,
    };
    unionpay_charge(call, &charge, &result);
    puts(result.action == ACTION_FORM ? result.action_data : result.message);
}

static void verify_line(struct gateway_call *call, char *line, int64_t now_us) {
    size_t count = 0;
    char *body = adapter_decoded(line, &count);
    const struct gateway_callback_request request = {
        .body = body, .body_bytes = count, .now_us = now_us};
    adapter_verify(call, &request);
    free(body);
}

int main(int argc, char **argv) {
    struct gateway gateway = {.adapter = &unionpay_adapter};
    struct gateway_call call = {.gateway = &gateway};
    if (argc != 8) {
        fputs("usage: unionpay_adapter form|verify KEY CERTIFICATE ROOT MIDDLE CALLBACK_URL "
              "SECONDS\n",
              stderr);
        return 2;
    }
    crypto_init();
    snprintf(gateway.base_url, sizeof(gateway.base_url), "https://gateway.95516.com");
    snprintf(gateway.callback_url, sizeof(gateway.callback_url), "%s", argv[6]);
    gateway_add_option(&gateway, "merchant_id", "777290058110048");
    gateway_add_option(&gateway, "test", "true");
    gateway_add_file(&gateway, "private_key", argv[2]);
    gateway_add_file(&gateway, "certificate", argv[3]);
    gateway_add_file(&gateway, "root_ca", argv[4]);
    gateway_add_file(&gateway, "middle_ca", argv[5]);
    adapter_open(&gateway);
    int64_t now_us = strtoll(argv[7], NULL, 10) * US_PER_SECOND;
    if (strcmp(argv[1], "form") == 0) {
        print_form(&call, now_us);
    } else {
        adapter_lines(verify_line, &call, now_us);
    }
    gateway_take_apart(&gateway);
    return 0;
}
