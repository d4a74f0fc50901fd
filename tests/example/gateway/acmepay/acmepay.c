/* SPDX-License-Identifier: Apache-2.0
 * acmepay.c: the adapter of Acme Pay: what is sent for each operation.
 *
 * A charge is one call, POST /v1/charges, under our reference, which is its idempotency key too:
 * the same charge again gives the first outcome for a day. A charge and a refund are found again by
 * our reference, so their ids are never needed. Keys count by path: one reference may serve the
 * charge and its cancellation. */
#include "gateway/acmepay/acmepay.h"

#include "base/clock.h"

enum {
    AMOUNT_MINOR_THEIRS_MAX = 50000000, /* of one charge, in any currency */
    TEXT_CHARS_MAX = 200,               /* of a description */
    SECRET_CHARS_MAX = 255,
};

static const struct gateway_error errors[] = {
#define X(code, outcome, advice, common_code) {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/acmepay/acmepay_errors.def"
#undef X
};

static const char *const credentials_needed[] = {"key_secret", "callback_secret", NULL};
static const char *const options_needed[] = {"key_id", NULL};

/* Requests. */

void acmepay_headers(const struct gateway *gateway, const char *method, const char *path,
                     const char *body, const char *once, struct acmepay_headers *ret_headers) {
    const struct secret *secret = gateway_credential(gateway, "key_secret");
    char what[ACMEPAY_PATH_BYTES_MAX + 16];
    snprintf(what, sizeof(what), "%s %s", method, path);
    snprintf(ret_headers->time, sizeof(ret_headers->time), "%lld",
             (long long)(clock_wall_us() / US_PER_SECOND));
    snprintf(ret_headers->key_id, sizeof(ret_headers->key_id), "%s",
             gateway_option(gateway, "key_id"));
    acmepay_sign(secret_bytes(secret), secret_count(secret), ret_headers->time, what, body,
                 strlen(body), ret_headers->signature);
    ret_headers->headers[0] = (struct http_header){"Acme-Key", ret_headers->key_id};
    ret_headers->headers[1] = (struct http_header){"Acme-Time", ret_headers->time};
    ret_headers->headers[2] = (struct http_header){"Acme-Signature", ret_headers->signature};
    ret_headers->headers[3] = (struct http_header){"Content-Type", "application/json"};
    ret_headers->headers[4] = (struct http_header){"Idempotency-Key", once};
    ret_headers->count = once != NULL ? 5 : 3;
}

/* One call. `once` NULL: a question, which moves nothing; else a POST of `body` under that key.
 * False: the result says why there is no answer. */
static bool send_call(const struct gateway_call *call, const char *path, const json_t *body,
                      const char *once, struct gateway_result *result,
                      struct http_answer *ret_answer, json_t **ret_json) {
    const char *method = once != NULL ? "POST" : "GET";
    char url[GATEWAY_URL_CHARS_MAX + ACMEPAY_PATH_BYTES_MAX + 1];
    char *text = body != NULL ? json_write(body) : NULL;
    struct acmepay_headers headers;
    snprintf(url, sizeof(url), "%s%s", call->gateway->base_url, path);
    acmepay_headers(call->gateway, method, path, text != NULL ? text : "", once, &headers);
    const struct exchange exchange = {
        .method = method,
        .url = url,
        .headers = headers.headers,
        .header_count = headers.count,
        .body = text,
        .body_bytes = text != NULL ? strlen(text) : 0,
        .moves_money = once != NULL,
        .trace_header = "Acme-Request",
    };
    bool answered = exchange_run(call, &exchange, result, ret_answer, ret_json);
    free(text);
    return answered;
}

static bool reference_fits(const char *reference, struct gateway_result *result) {
    if (!exchange_reference_ok(reference)) {
        exchange_refuse(result, "invalid_request", "the reference cannot be a key at Acme Pay");
        return false;
    }
    return true;
}

/* Charge. */

static bool charge_fits(const struct gateway_charge *charge, struct gateway_result *result) {
    if (!reference_fits(charge->reference, result)) {
        return false;
    }
    if (charge->amount_minor < 1 || charge->amount_minor > AMOUNT_MINOR_THEIRS_MAX) {
        exchange_refuse(result, "invalid_amount", "Acme Pay takes 1 to 50,000,000 minor units");
        return false;
    }
    if (charge->method != METHOD_CARD || charge->token[0] == '\0') {
        exchange_refuse(result, "token_missing", "Acme Pay takes cards by their token");
        return false;
    }
    return true;
}

static void acmepay_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                           struct gateway_result *ret_result) {
    char description[TEXT_CHARS_MAX + 1];
    gateway_result_init(ret_result);
    if (!charge_fits(charge, ret_result)) {
        return;
    }
    exchange_copy_text(description, sizeof(description), charge->description);
    JSON_AUTO body = json_pack(
        "{s:s,s:s,s:I,s:s,s:s,s:b,s:s}", "reference", charge->reference, "order", charge->order_id,
        "amount", (json_int_t)charge->amount_minor, "currency", charge->currency.code, "card",
        charge->token, "capture", (int)charge->capture, "description", description);
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (body == NULL) {
        exchange_refuse(ret_result, "invalid_request", "the order cannot be said in JSON");
        return;
    }
    if (!send_call(call, "/v1/charges", body, charge->reference, ret_result, &answer, &json)) {
        return;
    }
    if (answer.status == 200) {
        acmepay_read_charge(json, charge->reference, ret_result);
    } else {
        acmepay_read_error(answer.status, json, ret_result);
    }
}

/* Questions. */

typedef void read_fn(const json_t *json, const char *reference, struct gateway_result *result);

/* What is there under this reference: an object, nothing, or no answer to the question. */
static void ask(const struct gateway_call *call, const char *folder, const char *reference,
                read_fn *read, struct gateway_result *result) {
    char path[ACMEPAY_PATH_BYTES_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!reference_fits(reference, result)) {
        return;
    }
    snprintf(path, sizeof(path), "/v1/%s/%s", folder, reference);
    if (!send_call(call, path, NULL, NULL, result, &answer, &json)) {
        return;
    }
    if (answer.status == 200) {
        read(json, reference, result);
    } else {
        acmepay_read_error(answer.status, json, result);
    }
    bool said = answer.status == 200 ? result->gateway_id[0] != '\0'
                                     : answer.status == 404 && result->outcome == GW_NOT_FOUND;
    if (!said) {
        exchange_no_answer(result);
    }
}

static void acmepay_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                          struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    ask(call, "charges", lookup->reference, acmepay_read_charge, ret_result);
}

static void acmepay_query_refund(const struct gateway_call *call,
                                 const struct gateway_change *change,
                                 struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    ask(call, "refunds", change->reference, acmepay_read_refund, ret_result);
}

/* Changes. */

/* It was refused because of where the charge stands: perhaps because it was done before. */
static void read_stand(const struct gateway_call *call, const struct gateway_change *change,
                       enum gateway_outcome done, struct gateway_result *result) {
    struct gateway_result stands;
    acmepay_query(call, &change->payment, &stands);
    if (stands.outcome == done) {
        *result = stands;
        result->as_it_stands = done == GW_CHARGED;
    } else if (stands.outcome == GW_UNKNOWN || stands.outcome == GW_UNAVAILABLE ||
               stands.outcome == GW_RATE_LIMITED || stands.outcome == GW_REJECTED_CREDENTIALS) {
        *result = stands;
        exchange_in_doubt(result);
    }
}

static void change_charge(const struct gateway_call *call, const struct gateway_change *change,
                          const char *verb, const json_t *body, enum gateway_outcome done,
                          struct gateway_result *result) {
    char path[ACMEPAY_PATH_BYTES_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!reference_fits(change->reference, result) ||
        !reference_fits(change->payment.reference, result)) {
        return;
    }
    snprintf(path, sizeof(path), "/v1/charges/%s/%s", change->payment.reference, verb);
    if (!send_call(call, path, body, change->reference, result, &answer, &json)) {
        return;
    }
    if (answer.status == 200) {
        acmepay_read_charge(json, change->payment.reference, result);
        return;
    }
    acmepay_read_error(answer.status, json, result);
    if (strcmp(result->code, "wrong_state") == 0) {
        read_stand(call, change, done, result);
    }
}

static void acmepay_capture(const struct gateway_call *call, const struct gateway_change *change,
                            struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    JSON_AUTO body = json_pack("{s:I,s:b}", "amount", (json_int_t)change->amount_minor, "final",
                               (int)change->final);
    change_charge(call, change, "capture", body, GW_CHARGED, ret_result);
    /* What is left of the hold stays held after a part was taken. */
    if (ret_result->outcome == GW_AUTHORIZED && ret_result->captured_minor > 0) {
        ret_result->outcome = GW_CHARGED;
    }
}

static void acmepay_cancel(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    JSON_AUTO body = json_object();
    change_charge(call, change, "cancel", body, GW_CANCELED, ret_result);
}

static void acmepay_refund(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *ret_result) {
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(ret_result);
    JSON_AUTO body = json_pack("{s:s,s:s,s:I}", "reference", change->reference, "charge",
                               change->payment.reference, "amount",
                               (json_int_t)change->amount_minor);
    if (!reference_fits(change->reference, ret_result) ||
        !send_call(call, "/v1/refunds", body, change->reference, ret_result, &answer, &json)) {
        return;
    }
    if (answer.status == 200) {
        acmepay_read_refund(json, change->reference, ret_result);
    } else {
        acmepay_read_error(answer.status, json, ret_result);
    }
}

/* The rest. */

static void acmepay_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(ret_result);
    if (!send_call(call, "/v1/account", NULL, NULL, ret_result, &answer, &json)) {
        return;
    }
    if (answer.status == 200 && json_peek_text(json, "account", NULL) != NULL) {
        ret_result->outcome = GW_NONE;
        return;
    }
    acmepay_read_error(answer.status, json, ret_result);
    exchange_no_answer(ret_result);
}

static int acmepay_open(struct gateway *gateway, struct err *err) {
    for (int i = 0; i < gateway->credential_count; i++) {
        const struct gateway_credential *credential = &gateway->credentials[i];
        if (strcmp(credential->name, "key_secret") != 0 &&
            strcmp(credential->name, "callback_secret") != 0) {
            return err_set(err, ERR_CONFIG,
                           "Acme Pay has no credential '%s'; it has key_secret and callback_secret",
                           credential->name);
        }
        if (secret_count(credential->value) < 16 ||
            secret_count(credential->value) > SECRET_CHARS_MAX) {
            return err_set(err, ERR_CONFIG, "the credential '%s' is no secret of Acme Pay's",
                           credential->name);
        }
    }
    if (strlen(gateway_option(gateway, "key_id")) > ACMEPAY_KEY_CHARS_MAX) {
        return err_set(err, ERR_CONFIG, "the option 'key_id' is too long for a key of Acme Pay's");
    }
    return 0;
}

static void acmepay_close(struct gateway *gateway) {
    gateway->state = NULL;
}

const struct gateway_adapter acmepay_adapter = {
    .name = "acmepay",
    .can =
        {
            .authorize = true,
            .partial_capture = true,
            .cancel = true,
            .partial_refund = true,
            .key_lifetime_us = 24 * 3600 * US_PER_SECOND,
            .keeps_refusals = true,
            .not_found_conclusive_us = 60 * US_PER_SECOND,
            .changes_again = true,
        },
    .methods = {[METHOD_CARD] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .options = options_needed,
    .ack = {200, "application/json", "{\"received\":true}"},
    .open = acmepay_open,
    .close = acmepay_close,
    .charge = acmepay_charge,
    .query = acmepay_query,
    .capture = acmepay_capture,
    .cancel = acmepay_cancel,
    .refund = acmepay_refund,
    .query_refund = acmepay_query_refund,
    .verify_callback = acmepay_verify_callback,
    .fetch_statement = acmepay_fetch_statement,
    .probe = acmepay_probe,
};
