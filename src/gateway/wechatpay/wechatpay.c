/* SPDX-License-Identifier: Apache-2.0
 * wechatpay.c: the WeChat Pay adapter's row: capabilities, configuration, probe. */
#include "gateway/wechatpay/wechatpay.h"

#include "base/clock.h"

enum { CALLBACK_URL_CHARS_MAX = 255, MCHID_CHARS_MAX = 32 };
#define PROBE_REFERENCE "holdfast-probe"

static const struct gateway_error errors[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/wechatpay/wechat_errors.def"
#undef X
};

static const char *const credentials_needed[] = {"private_key", "api_v3_key", NULL};
static const char *const callback_names[] = {"api_v3_key", NULL};
/* The platform's certificates come sealed with the key in force, whatever a callback is sealed
 * with: so an old key is of use only beside it. */
static const struct gateway_callback_key callback_keys[] = {
    {"api_v3_key", "api_v3_key_old"}, {"wechat_public_key", NULL}, {NULL, NULL}};
static const char *const options_needed[] = {"appid", "mchid", "merchant_serial", NULL};
static const char *const options_more[] = {"wechat_public_key_id", "fallback_url", "store_id",
                                           NULL};

/* They go into paths, headers and signed lines. */
static bool plain(const char *text, size_t chars_max) {
    size_t count = strlen(text);
    return count <= chars_max &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               count;
}

static int check_options(const struct gateway *gateway, struct err *err) {
    static const char *const names[] = {"appid", "mchid", "merchant_serial", "wechat_public_key_id",
                                        "store_id"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t chars_max = strcmp(names[i], "mchid") == 0 ? MCHID_CHARS_MAX
                                                          : WECHAT_SERIAL_CHARS_MAX;
        if (!plain(gateway_option(gateway, names[i]), chars_max)) {
            return err_set(err, ERR_CONFIG,
                           "the option '%s' is too long or holds a character that it cannot have",
                           names[i]);
        }
    }
    const char *fallback = gateway_option(gateway, "fallback_url");
    size_t count = strlen(fallback);
    bool web = strncmp(fallback, "https://", 8) == 0 ||
               (strncmp(fallback, "http://", 7) == 0 && exchange_url_is_loopback(fallback));
    if (count > 0 &&
        (!web || fallback[count - 1] == '/' || strpbrk(fallback, "?#@ \t\"") != NULL)) {
        return err_set(err, ERR_CONFIG,
                       "the option 'fallback_url' is https:// and a host, without a slash at its "
                       "end");
    }
    if (gateway->callback_url[0] == '\0' ||
        strlen(gateway->callback_url) > CALLBACK_URL_CHARS_MAX) {
        return err_set(err, ERR_CONFIG,
                       "WeChat Pay is told in each request where its notifications go: set "
                       "callback_url, at most %d characters",
                       CALLBACK_URL_CHARS_MAX);
    }
    return 0;
}

static int check_credentials(const struct gateway *gateway, struct err *err) {
    static const char *const names[] = {"private_key", "api_v3_key", "api_v3_key_old",
                                        "wechat_public_key"};
    for (int i = 0; i < gateway->credential_count; i++) {
        const struct gateway_credential *credential = &gateway->credentials[i];
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            known = known || strcmp(credential->name, names[k]) == 0;
        }
        if (!known) {
            return err_set(err, ERR_CONFIG,
                           "WeChat Pay has no credential '%s'; it has private_key, api_v3_key, "
                           "api_v3_key_old and wechat_public_key",
                           credential->name);
        }
        if (strncmp(credential->name, "api_v3_key", 10) == 0 &&
            secret_count(credential->value) != AES256_KEY_BYTES) {
            return err_set(err, ERR_CONFIG, "the credential '%s' has %zu bytes; it must have %d",
                           credential->name, secret_count(credential->value), AES256_KEY_BYTES);
        }
    }
    bool has_key = gateway_credential(gateway, "wechat_public_key") != NULL;
    bool has_id = gateway_option(gateway, "wechat_public_key_id")[0] != '\0';
    if (has_key != has_id) {
        return err_set(err, ERR_CONFIG,
                       "the credential wechat_public_key and the option wechat_public_key_id go "
                       "together");
    }
    return 0;
}

static int read_keys(struct gateway *gateway, struct wechat_state *state, struct err *err) {
    const struct secret *private_pem = gateway_credential(gateway, "private_key");
    const struct secret *public_pem = gateway_credential(gateway, "wechat_public_key");
    struct rsa_key *public_key = NULL;
    int rc = rsa_key_private(secret_bytes(private_pem), secret_count(private_pem),
                             &state->private_key, err);
    if (rc < 0) {
        (void)err_while(err, "reading the credential 'private_key'");
        return rc;
    }
    if (public_pem == NULL) {
        return 0;
    }
    rc = rsa_key_public(secret_bytes(public_pem), secret_count(public_pem), &public_key, err);
    if (rc < 0) {
        (void)err_while(err, "reading the credential 'wechat_public_key'");
        return rc;
    }
    wechat_keys_hold(&state->keys, state->public_key_id, public_key);
    return 0;
}

static void wechatpay_close(struct gateway *gateway) {
    struct wechat_state *state = gateway->state;
    if (state == NULL) {
        return;
    }
    rsa_key_free(state->private_key);
    wechat_keys_release(&state->keys);
    free(state);
    gateway->state = NULL;
}

static int wechatpay_open(struct gateway *gateway, struct err *err) {
    int rc = check_options(gateway, err);
    rc = rc == 0 ? check_credentials(gateway, err) : rc;
    if (rc < 0) {
        return rc;
    }
    struct wechat_state *state = calloc(1, sizeof(*state));
    INVARIANT(state != NULL, "out of memory");
    wechat_keys_init(&state->keys);
    state->appid = gateway_option(gateway, "appid");
    state->mchid = gateway_option(gateway, "mchid");
    state->serial = gateway_option(gateway, "merchant_serial");
    state->public_key_id = gateway_option(gateway, "wechat_public_key_id");
    state->fallback_url = gateway_option(gateway, "fallback_url");
    state->store_id = gateway_option(gateway, "store_id");
    gateway->state = state;
    rc = read_keys(gateway, state, err);
    if (rc < 0) {
        wechatpay_close(gateway);
    }
    return rc;
}

/* A question about an order that is never made: "there is none" shows that they are there and know
 * us. */
static void wechatpay_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    wechat_ask_order(call, PROBE_REFERENCE, ret_result);
    if (ret_result->outcome == GW_NOT_FOUND) {
        ret_result->outcome = GW_NONE;
        ret_result->code[0] = '\0';
        ret_result->common_code[0] = '\0';
    }
}

static int wechatpay_signers(const struct gateway *gateway,
                             struct gateway_signer ret_signers[GATEWAY_SIGNERS_MAX]) {
    struct wechat_state *state = gateway->state;
    return wechat_keys_list(&state->keys, clock_wall_us(), ret_signers);
}

const struct gateway_adapter wechatpay_adapter = {
    .name = "wechatpay",
    .can =
        {
            .authorize = false,
            .partial_capture = false,
            .cancel = true,
            .partial_refund = true,
            /* The same number with the same parameters is the same order as long as it is open. */
            .key_lifetime_us = WECHAT_ORDER_LIFE_US,
            .keeps_refusals = false,
            .not_found_conclusive_us = 600 * US_PER_SECOND,
            .close_on_unknown = true,
            .changes_again = true, /* out_refund_no names a refund; closing twice is closing */
            .code_again = true,
            .till_us = 30 * US_PER_SECOND, /* not before 15 s have passed, they say */
            .customer_action = true,
            .flows = {[FLOW_QR] = true, [FLOW_MOBILE] = true, [FLOW_APP] = true},
            .mobile_address = true,
            .probe_ways = {[PROBE_ORDER_CLOSE] = true},
            .probe_flows = {[FLOW_QR] = true, [FLOW_MOBILE] = true, [FLOW_APP] = true},
        },
    .methods = {[METHOD_WECHATPAY] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .options = options_needed,
    .more_options = options_more,
    .callback_names = callback_names,
    .callback_keys = callback_keys,
    .ack = {200, "application/json", "{\"code\":\"SUCCESS\",\"message\":\"OK\"}"},
    .open = wechatpay_open,
    .close = wechatpay_close,
    .charge = wechat_charge,
    .resume = NULL, /* the customer's payment ends it */
    .query = wechat_query,
    .capture = wechat_capture,
    .cancel = wechat_cancel,
    .refund = wechat_refund,
    .query_refund = wechat_query_refund,
    .verify_callback = wechat_verify_callback,
    .fetch_statement = wechat_fetch_statement,
    .signers = wechatpay_signers,
    .probe = wechatpay_probe,
};
