/* SPDX-License-Identifier: Apache-2.0
 * alipay_adapter.c: our Alipay adapter as a program, for alipay.test.mjs.
 *
 *   alipay_adapter BASE_URL APP_ID PRIVATE_KEY ALIPAY_PUBLIC_KEY CALLBACK_URL SECONDS
 *
 * The keys are PEM files, SECONDS is the time at which notifies are read. A line of standard input
 * is a word and what belongs to it; a line of output is what came of it.
 *   qr | page | mobile | app REFERENCE   an order of 19.99 yuan: "<outcome> <code or address>"
 *   code REFERENCE CODE                  the same with a payment code
 *   query REFERENCE                      "<outcome> <trade number>"
 *   close REFERENCE
 *   refund REFERENCE NUMBER              5.00 yuan
 *   notify BASE64                        what adapter_verify() says */
#include "gateway/alipay/alipay.h"

#include "adapter.h"

#define CALL_US (20 * US_PER_SECOND)

static void say(const struct gateway_result *result, const char *what) {
    printf("%s %s\n", gateway_outcome_name(result->outcome),
           what[0] != '\0'           ? what
           : result->code[0] != '\0' ? result->code
                                     : result->common_code);
}

static struct gateway_lookup lookup_of(const char *reference, const char *token) {
    return (struct gateway_lookup){
        .reference = reference,
        .gateway_id = "",
        .charge_id = "",
        .created_us = clock_wall_us(),
        .amount_minor = 1999,
        .currency = currency_stored("CNY"),
        .method = METHOD_ALIPAY,
        .token = token,
    };
}

static void charge(const struct gateway_call *call, enum gateway_flow flow, const char *reference,
                   const char *token) {
    struct gateway_result result;
    const struct gateway_charge wish = {
        .reference = reference,
        .order_id = "order 1&2",
        .amount_minor = 1999,
        .currency = currency_stored("CNY"),
        .method = METHOD_ALIPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.test/back?a=1&b=中文",
        .cancel_url = "",
        .description = "测试 & 商品 +100%",
        .customer_email = "",
        .customer_ip = "",
        .flow = flow,
        .created_us = clock_wall_us(),
    };
    alipay_adapter.charge(call, &wish, &result);
    say(&result, result.action != ACTION_NONE ? result.action_data : result.gateway_id);
}

static void change(const struct gateway_call *call, const char *reference, const char *number) {
    struct gateway_result result;
    const struct gateway_change wish = {
        .payment = lookup_of(reference, ""),
        .reference = number,
        .amount_minor = 500,
        .reason = "requested_by_customer",
        .refund_id = "",
        .created_us = clock_wall_us(),
    };
    if (strcmp(number, "close") == 0) {
        alipay_adapter.cancel(call, &wish, &result);
    } else {
        alipay_adapter.refund(call, &wish, &result);
    }
    say(&result, result.refund_id);
}

static void query(const struct gateway_call *call, const char *reference) {
    struct gateway_result result;
    const struct gateway_lookup lookup = lookup_of(reference, "");
    alipay_adapter.query(call, &lookup, &result);
    say(&result, result.gateway_id);
}

static void notify(const struct gateway_call *call, const char *text, int64_t now_us) {
    size_t count = 0;
    char *body = adapter_decoded(text, &count);
    const struct gateway_callback_request request = {
        .body = body, .body_bytes = count, .now_us = now_us};
    adapter_verify(call, &request);
    free(body);
}

static void answer(struct gateway_call *call, char *line, int64_t now_us) {
    static const struct {
        const char *word;
        enum gateway_flow flow;
    } flows[] = {{"qr", FLOW_QR}, {"page", FLOW_PAGE}, {"mobile", FLOW_MOBILE}, {"app", FLOW_APP}};
    char *save = NULL;
    const char *word = strtok_r(line, " ", &save);
    const char *first = strtok_r(NULL, " ", &save);
    const char *second = strtok_r(NULL, " ", &save);
    INVARIANT(word != NULL && first != NULL, "a line has two parts");
    call->deadline_us = clock_mono_us() + CALL_US;
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        if (strcmp(word, flows[i].word) == 0) {
            charge(call, flows[i].flow, first, "");
        }
    }
    if (strcmp(word, "code") == 0) {
        charge(call, 0, first, second);
    } else if (strcmp(word, "query") == 0) {
        query(call, first);
    } else if (strcmp(word, "close") == 0) {
        change(call, first, "close");
    } else if (strcmp(word, "refund") == 0) {
        change(call, first, second);
    } else if (strcmp(word, "notify") == 0) {
        notify(call, first, now_us);
    }
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fputs("usage: alipay_adapter BASE_URL APP_ID PRIVATE_KEY ALIPAY_PUBLIC_KEY CALLBACK_URL "
              "SECONDS\n",
              stderr);
        return 2;
    }
    struct gateway gateway = {.adapter = &alipay_adapter};
    struct gateway_call call = {.gateway = &gateway};
    crypto_init();
    snprintf(gateway.base_url, sizeof(gateway.base_url), "%s", argv[1]);
    snprintf(gateway.callback_url, sizeof(gateway.callback_url), "%s", argv[5]);
    gateway_add_option(&gateway, "app_id", argv[2]);
    gateway_add_file(&gateway, "private_key", argv[3]);
    gateway_add_file(&gateway, "alipay_public_key", argv[4]);
    adapter_open(&gateway);
    call.client = adapter_client();
    adapter_lines(answer, &call, strtoll(argv[6], NULL, 10) * US_PER_SECOND);
    http_client_free(call.client);
    gateway_take_apart(&gateway);
    return 0;
}
