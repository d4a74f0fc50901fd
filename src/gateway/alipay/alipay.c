/* SPDX-License-Identifier: Apache-2.0
 * alipay.c: the Alipay adapter's row: capabilities, configuration, probe. */
#include "gateway/alipay/alipay.h"

static const struct gateway_error errors[] = {
#define X(kind, code, outcome, advice, common_code)                                                \
    {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/alipay/alipay_errors.def"
#undef X
};

static const char *const credentials_needed[] = {"private_key", NULL};
static const struct gateway_callback_key callback_keys[] = {
    {"alipay_public_key", NULL}, {"alipay_cert", NULL}, {"alipay_root_cert", NULL}, {NULL, NULL}};
static const char *const options_needed[] = {"app_id", NULL};
static const char *const options_more[] = {"seller_id", "mode", NULL};

static int check_credentials(const struct gateway *gateway, struct err *err) {
    static const char *const names[] = {"private_key", "alipay_public_key", "app_cert",
                                        "alipay_cert", "alipay_root_cert"};
    for (int i = 0; i < gateway->credential_count; i++) {
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            known = known || strcmp(gateway->credentials[i].name, names[k]) == 0;
        }
        if (!known) {
            return err_set(err, ERR_CONFIG,
                           "Alipay has no credential '%s'; it has private_key, and "
                           "alipay_public_key or app_cert, alipay_cert and alipay_root_cert",
                           gateway->credentials[i].name);
        }
    }
    return 0;
}

static bool is_digits(const char *text) {
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

static int check_options(const struct gateway *gateway, struct err *err) {
    const char *mode = gateway_option(gateway, "mode");
    const char *seller_id = gateway_option(gateway, "seller_id");
    if (!is_digits(gateway_option(gateway, "app_id")) ||
        (seller_id[0] != '\0' && !is_digits(seller_id))) {
        return err_set(err, ERR_CONFIG, "Alipay's app_id and seller_id are digits");
    }
    if (mode[0] != '\0' && strcmp(mode, "public_key") != 0 && strcmp(mode, "certificate") != 0) {
        return err_set(err, ERR_CONFIG, "Alipay's mode is 'public_key' or 'certificate'");
    }
    return 0;
}

static void alipay_close(struct gateway *gateway) {
    struct alipay_state *state = gateway->state;
    if (state == NULL) {
        return;
    }
    alipay_keys_release(&state->keys);
    free(state);
    gateway->state = NULL;
}

static int alipay_open(struct gateway *gateway, struct err *err) {
    int rc = check_credentials(gateway, err);
    rc = rc == 0 ? check_options(gateway, err) : rc;
    if (rc < 0) {
        return rc;
    }
    struct alipay_state *state = calloc(1, sizeof(*state));
    INVARIANT(state != NULL, "out of memory");
    gateway->state = state;
    rc = alipay_keys_read(gateway, &state->keys, err);
    if (rc < 0) {
        alipay_close(gateway);
    }
    return rc;
}

/* Asks for a trade that nobody has: a signed "there is none" shows that they are there, know us and
 * are known. */
static void alipay_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    json_t *biz = json_pack("{s:s}", "out_trade_no", "holdfast_probe");
    JSON_AUTO body = NULL;
    enum alipay_answer answer = alipay_send(call, "alipay.trade.query", biz, false, OP_PROBE, false,
                                            ret_result, &body);
    if (answer == ALIPAY_DONE || ret_result->outcome == GW_NOT_FOUND) {
        ret_result->outcome = GW_NONE;
        ret_result->code[0] = '\0';
        ret_result->common_code[0] = '\0';
        ret_result->message[0] = '\0';
    }
}

const struct gateway_adapter alipay_adapter = {
    .name = "alipay",
    .can =
        {
            .authorize = false,
            .partial_capture = false,
            .cancel = true,
            .partial_refund = true,
            /* A bar code payment is not sent twice: when its code has been used up meanwhile, the
             * repeat is declined, whatever the first one did. The trade is asked instead. */
            .key_lifetime_us = 0,
            .not_found_conclusive_us = 600 * US_PER_SECOND,
            .close_on_unknown = true,
            .changes_again = true,
            .code_again = true,
            .till_us = 30 * US_PER_SECOND,
            .customer_action = true,
            .flows =
                {[FLOW_PAGE] = true, [FLOW_MOBILE] = true, [FLOW_QR] = true, [FLOW_APP] = true},
            /* A page, a page on a phone and an app's order are texts that we sign: no call makes
             * them. The code is asked for. */
            .probe_ways = {[PROBE_ORDER_CLOSE] = true},
            .probe_flows = {[FLOW_QR] = true},
        },
    .methods = {[METHOD_ALIPAY] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .callback_keys = callback_keys,
    .options = options_needed,
    .more_options = options_more,
    .ack = {200, "text/plain", "success"},
    .open = alipay_open,
    .close = alipay_close,
    .charge = alipay_charge,
    .query = alipay_query,
    .capture = alipay_capture,
    .cancel = alipay_cancel,
    .refund = alipay_refund,
    .query_refund = alipay_query_refund,
    .verify_callback = alipay_verify_callback,
    .fetch_statement = alipay_fetch_statement,
    .probe = alipay_probe,
};
