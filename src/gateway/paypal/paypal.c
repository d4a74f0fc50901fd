/* SPDX-License-Identifier: Apache-2.0
 * paypal.c: the PayPal adapter's row: capabilities, configuration, probe. */
#include "gateway/paypal/paypal.h"

#include "base/clock.h"

static const struct gateway_error errors[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/paypal/paypal_errors.def"
#undef X
};

static const char *const credentials_needed[] = {"client_id", "client_secret", "webhook_id", NULL};
static const char *const callback_names[] = {"webhook_id", "webhook_ca", NULL};

static int check_credential(const struct gateway_credential *credential, struct err *err) {
    static const char *const names[] = {"client_id", "client_secret", "webhook_id", "webhook_ca"};
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        known = known || strcmp(credential->name, names[i]) == 0;
    }
    if (!known) {
        return err_set(err, ERR_CONFIG,
                       "PayPal has no credential '%s'; it has client_id, client_secret, "
                       "webhook_id (one or several) and, for the sandbox, webhook_ca",
                       credential->name);
    }
    if (strcmp(credential->name, "webhook_ca") == 0) {
        return 0;
    }
    size_t count = secret_count(credential->value);
    const char *bytes = secret_bytes(credential->value);
    bool is_list = strcmp(credential->name, "webhook_id") == 0;
    if (count == 0 || (!is_list && count > PAYPAL_CREDENTIAL_CHARS_MAX)) {
        return err_set(err, ERR_CONFIG, "the credential '%s' is empty or too long",
                       credential->name);
    }
    for (size_t i = 0; i < count && !is_list; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~' ||
            (bytes[i] == ':' && strcmp(credential->name, "client_id") == 0)) {
            return err_set(err, ERR_CONFIG,
                           "the credential '%s' holds a character that it cannot have",
                           credential->name);
        }
    }
    return 0;
}

/* "1JE4291016473214C, 8PT597110X687430L": separated by commas, blanks or line ends. */
static int read_webhook_ids(const struct secret *list, struct paypal_state *state,
                            struct err *err) {
    static const char separators[] = ", \t\r\n";
    const char *text = secret_bytes(list);
    for (;;) {
        text += strspn(text, separators);
        size_t count = strcspn(text, separators);
        if (count == 0) {
            break;
        }
        if (count > PAYPAL_WEBHOOK_ID_CHARS_MAX ||
            state->webhook_id_count == PAYPAL_WEBHOOK_IDS_MAX) {
            return err_set(err, ERR_CONFIG,
                           "the credential 'webhook_id' holds an id of more than %d "
                           "characters, or more than %d ids",
                           PAYPAL_WEBHOOK_ID_CHARS_MAX, PAYPAL_WEBHOOK_IDS_MAX);
        }
        memcpy(state->webhook_ids[state->webhook_id_count++], text, count);
        text += count;
    }
    if (state->webhook_id_count == 0) {
        return err_set(err, ERR_CONFIG, "the credential 'webhook_id' holds no id");
    }
    return 0;
}

static void paypal_close(struct gateway *gateway) {
    struct paypal_state *state = gateway->state;
    if (state == NULL) {
        return;
    }
    paypal_tokens_release(&state->tokens);
    paypal_certs_release(&state->certs);
    free(state);
    gateway->state = NULL;
}

static int paypal_open(struct gateway *gateway, struct err *err) {
    for (int i = 0; i < gateway->credential_count; i++) {
        int rc = check_credential(&gateway->credentials[i], err);
        if (rc < 0) {
            return rc;
        }
    }
    struct paypal_state *state = calloc(1, sizeof(*state));
    INVARIANT(state != NULL, "out of memory");
    paypal_tokens_init(&state->tokens);
    paypal_certs_init(&state->certs);
    gateway->state = state;
    int rc = read_webhook_ids(gateway_credential(gateway, "webhook_id"), state, err);
    if (rc < 0) {
        paypal_close(gateway);
    }
    return rc;
}

/* Asking for a token anew shows that they are there and that they know us. */
static void paypal_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    struct paypal_state *state = call->gateway->state;
    gateway_result_init(ret_result);
    if (paypal_token_renew(&state->tokens, call, ret_result)) {
        ret_result->outcome = GW_NONE;
    }
}

const struct gateway_adapter paypal_adapter = {
    .name = "paypal",
    .can =
        {
            .authorize = true,
            .partial_capture = true,
            .cancel = true,
            .partial_refund = true,
            .key_lifetime_us = 5 * 3600 * US_PER_SECOND, /* orders' keys are kept for 6 h */
            .not_found_conclusive_us = 600 * US_PER_SECOND,
            .close_on_unknown = false, /* an order with a capture under way cannot be closed */
            .customer_action = true,
            .dispute_files = true,
            /* An order is closed by leaving it: nothing but our own capture takes money on it. */
            .probe_ways = {[PROBE_AUTHORIZE_CANCEL] = true,
                           [PROBE_CHARGE_REFUND] = true,
                           [PROBE_ORDER_CLOSE] = true},
            .probe_flows = {[FLOW_PAGE] = true},
        },
    .methods = {[METHOD_PAYPAL] = true, [METHOD_CARD] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .callback_names = callback_names,
    .ack = {200, "application/json", "{}"},
    .open = paypal_open,
    .close = paypal_close,
    .charge = paypal_charge,
    .resume = paypal_resume,
    .query = paypal_query,
    .capture = paypal_capture,
    .cancel = paypal_cancel,
    .refund = paypal_refund,
    .query_refund = paypal_query_refund,
    .query_dispute = paypal_query_dispute,
    .answer_dispute = paypal_answer_dispute,
    .verify_callback = paypal_verify_callback,
    .probe = paypal_probe,
};
