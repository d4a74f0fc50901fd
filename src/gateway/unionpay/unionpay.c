/* SPDX-License-Identifier: Apache-2.0
 * unionpay.c: the UnionPay adapter's row: capabilities, configuration, probe. */
#include "gateway/unionpay/unionpay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const struct gateway_error errors[] = {
#define X(code, outcome, advice, common_code, ended)                                               \
    {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/unionpay/unionpay_errors.def"
#undef X
};

/* Which of them are needed depends on sign_method. */
static const char *const credentials_needed[] = {NULL};
static const char *const credentials[] = {"private_key", "certificate", "root_ca",
                                          "middle_ca",   "secure_key",  NULL};
static const struct gateway_callback_key callback_keys[] = {
    {"root_ca", NULL}, {"middle_ca", NULL}, {"secure_key", NULL}, {NULL, NULL}};
static const char *const options_needed[] = {"merchant_id", NULL};
static const char *const options_more[] = {"sign_method", "test", "file_url", NULL};

static int check_names(const struct gateway *gateway, bool by_rsa, struct err *err) {
    for (int i = 0; i < gateway->credential_count; i++) {
        const char *name = gateway->credentials[i].name;
        const char *const *known = credentials;
        char list[160] = "";
        while (*known != NULL && strcmp(*known, name) != 0) {
            text_list_add(list, sizeof(list), *known);
            known++;
        }
        if (*known == NULL) {
            return err_set(err, ERR_CONFIG, "UnionPay has no credential '%s'; it has %s", name,
                           list);
        }
    }
    for (const char *const *name = credentials; *name != NULL; name++) {
        bool needed = by_rsa != (strcmp(*name, "secure_key") == 0);
        const struct secret *value = gateway_credential(gateway, *name);
        if (needed && (value == NULL || secret_count(value) == 0)) {
            return err_set(err, ERR_CONFIG,
                           "credential '%s' is missing or empty; UnionPay needs it with "
                           "sign_method %s",
                           *name, by_rsa ? UNIONPAY_BY_RSA : UNIONPAY_BY_KEY);
        }
    }
    return 0;
}

static int check_ca(const struct gateway *gateway, const char *name, struct err *err) {
    struct x509_cert *cert = NULL;
    const struct secret *pem = gateway_credential(gateway, name);
    struct err why;
    if (x509_cert_read(secret_bytes(pem), secret_count(pem), &cert, &why) < 0) {
        return err_set(err, ERR_CONFIG, "the credential '%s' holds no certificate: %s", name,
                       why.detail);
    }
    x509_cert_free(cert);
    return 0;
}

/* The private key is that of the certificate. */
static bool key_fits(const struct rsa_key *private_key, const struct x509_cert *cert) {
    struct rsa_key *public_key = NULL;
    char *signature = NULL;
    struct err err;
    bool fits = x509_cert_key(cert, &public_key, &err) == 0 &&
                rsa_sign_sha256(private_key, "fits", 4, &signature, &err) == 0 &&
                rsa_verify_sha256(public_key, "fits", 4, signature);
    free(signature);
    rsa_key_free(public_key);
    return fits;
}

static int open_keys(const struct gateway *gateway, struct unionpay_state *state, struct err *err) {
    const struct secret *key = gateway_credential(gateway, "private_key");
    const struct secret *pem = gateway_credential(gateway, "certificate");
    struct x509_cert *cert = NULL;
    struct err why;
    if (rsa_key_private(secret_bytes(key), secret_count(key), &state->key, &why) < 0) {
        return err_set(err, ERR_CONFIG, "the credential 'private_key' cannot be used: %s",
                       why.detail);
    }
    if (x509_cert_read(secret_bytes(pem), secret_count(pem), &cert, &why) < 0) {
        return err_set(err, ERR_CONFIG, "the credential 'certificate' cannot be used: %s",
                       why.detail);
    }
    unionpay_cert_id(cert, state->cert_id);
    bool fits = state->cert_id[0] != '\0' && key_fits(state->key, cert);
    x509_cert_free(cert);
    if (!fits) {
        return err_set(err, ERR_CONFIG, "'private_key' is not the key of 'certificate'");
    }
    int rc = check_ca(gateway, "root_ca", err);
    rc = rc == 0 ? check_ca(gateway, "middle_ca", err) : rc;
    if (rc == 0) {
        unionpay_trust_init(&state->trust, secret_bytes(gateway_credential(gateway, "root_ca")),
                            secret_bytes(gateway_credential(gateway, "middle_ca")),
                            strcmp(gateway_option(gateway, "test"), "true") == 0);
        state->trusts = true;
    }
    return rc;
}

/* Files are at a host of their own beside the gateway's: "gateway.…" is "filedownload.…". */
static int open_file_url(const struct gateway *gateway, struct unionpay_state *state,
                         struct err *err) {
    static const char front[] = "https://gateway.";
    const char *given = gateway_option(gateway, "file_url");
    const char *base = gateway->base_url;
    if (given[0] != '\0') {
        if (strncmp(given, "https://", 8) != 0 && !exchange_url_is_loopback(given)) {
            return err_set(err, ERR_CONFIG, "the option 'file_url' must begin with https://");
        }
        snprintf(state->file_url, sizeof(state->file_url), "%s", given);
    } else if (strncmp(base, front, strlen(front)) == 0) {
        snprintf(state->file_url, sizeof(state->file_url), "https://filedownload.%s/",
                 base + strlen(front));
    } else {
        snprintf(state->file_url, sizeof(state->file_url), "%s/", base);
    }
    return 0;
}

static int check_options(const struct gateway *gateway, struct err *err) {
    const char *merchant = gateway_option(gateway, "merchant_id");
    const char *method = gateway_option(gateway, "sign_method");
    const char *test = gateway_option(gateway, "test");
    if (strlen(merchant) != UNIONPAY_MERCHANT_CHARS ||
        strspn(merchant, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != UNIONPAY_MERCHANT_CHARS) {
        return err_set(err, ERR_CONFIG, "the option 'merchant_id' has %d digits or capitals",
                       UNIONPAY_MERCHANT_CHARS);
    }
    if (method[0] != '\0' && strcmp(method, UNIONPAY_BY_RSA) != 0 &&
        strcmp(method, UNIONPAY_BY_KEY) != 0) {
        return err_set(err, ERR_CONFIG, "the option 'sign_method' is 01 or 11");
    }
    if (test[0] != '\0' && strcmp(test, "true") != 0 && strcmp(test, "false") != 0) {
        return err_set(err, ERR_CONFIG, "the option 'test' is true or false");
    }
    if (gateway->callback_url[0] == '\0') {
        return err_set(err, ERR_CONFIG,
                       "callback_url is missing; every request to UnionPay says "
                       "where its notifies are to go");
    }
    return 0;
}

static void unionpay_close(struct gateway *gateway) {
    struct unionpay_state *state = gateway->state;
    if (state == NULL) {
        return;
    }
    if (state->trusts) {
        unionpay_trust_release(&state->trust);
    }
    rsa_key_free(state->key);
    free(state);
    gateway->state = NULL;
}

static int unionpay_open(struct gateway *gateway, struct err *err) {
    bool by_rsa = strcmp(gateway_option(gateway, "sign_method"), UNIONPAY_BY_KEY) != 0;
    int rc = check_options(gateway, err);
    rc = rc == 0 ? check_names(gateway, by_rsa, err) : rc;
    if (rc < 0) {
        return rc;
    }
    struct unionpay_state *state = calloc(1, sizeof(*state));
    INVARIANT(state != NULL, "out of memory");
    gateway->state = state;
    rc = open_file_url(gateway, state, err);
    rc = rc == 0 && by_rsa ? open_keys(gateway, state, err) : rc;
    if (rc < 0) {
        unionpay_close(gateway);
    }
    return rc;
}

/* Asks about an order that nobody made: "there is none" shows that they are there and know us. */
static void unionpay_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    struct unionpay_order order = {.id = "holdfastprobe"};
    gateway_result_init(ret_result);
    unionpay_time(clock_wall_us(), order.time);
    if (unionpay_ask(call, &order, GW_CHARGED, ret_result) || ret_result->outcome == GW_NOT_FOUND) {
        int64_t duration_us = ret_result->duration_us;
        int status = ret_result->http_status;
        gateway_result_init(ret_result);
        ret_result->outcome = GW_NONE;
        ret_result->duration_us = duration_us;
        ret_result->reach = HTTP_ANSWERED;
        ret_result->http_status = status;
    }
}

const struct gateway_adapter unionpay_adapter = {
    .name = "unionpay",
    .can =
        {
            .authorize = true,
            .partial_capture = true,
            .cancel = true,
            .partial_refund = true,
            /* The same order again is refused as a duplicate, and then asked about; so long its
             * txnTime is "about now" (their tolerance is not published). */
            .key_lifetime_us = 300 * US_PER_SECOND,
            .not_found_conclusive_us = 600 * US_PER_SECOND,
            .close_on_unknown = false, /* nothing closes an order but its payTimeout */
            .code_again = true, /* a page; the app's tn is said once only, which is then said */
            .customer_action = true,
            .flows = {[FLOW_PAGE] = true, [FLOW_MOBILE] = true, [FLOW_APP] = true},
            /* A page is a form that the browser posts: no call makes it. The app's tn is asked for;
             * nothing closes that order before its payTimeout. */
            .probe_ways = {[PROBE_ORDER_CLOSE] = true},
            .probe_flows = {[FLOW_APP] = true},
        },
    .methods = {[METHOD_UNIONPAY] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .callback_keys = callback_keys,
    .options = options_needed,
    .more_options = options_more,
    .ack = {200, "text/plain", "ok"},
    .open = unionpay_open,
    .close = unionpay_close,
    .charge = unionpay_charge,
    .query = unionpay_query,
    .capture = unionpay_capture,
    .cancel = unionpay_cancel,
    .refund = unionpay_refund,
    .query_refund = unionpay_query_refund,
    .verify_callback = unionpay_verify_callback,
    .fetch_statement = unionpay_fetch_statement,
    .probe = unionpay_probe,
};
