/* SPDX-License-Identifier: Apache-2.0
 * stripe.c: the Stripe adapter: what is sent for each operation.
 *
 * A charge is one call, POST /v1/payment_intents with confirm=true, whose Idempotency-Key is the
 * attempt's reference: the same charge again is byte for byte the same request, and gives the first
 * outcome as long as Stripe keeps the key. metadata[reference] is how query() finds it without an
 * id; the list is read-after-write, their search is not. */
#include "gateway/stripe/stripe.h"

#include "base/buf.h"
#include "base/clock.h"

enum {
    FORM_BYTES_MAX = 16 * 1024,
    URL_BYTES_MAX = GATEWAY_URL_CHARS_MAX + 1024,
    ORDER_ID_CHARS_MAX = 500, /* of a metadata value */
    DESCRIPTION_CHARS_MAX = 500,
    PAGE_ITEMS = 100,
    PAGES_MAX = 20,        /* of one query: what lies beyond is not known */
    CLOCK_SKEW_S = 300,    /* between their clock and ours, usually */
    CLOCK_WRONG_S = 86400, /* and when ours was wrong */
    KEY_CHARS_MAX = EXCHANGE_REFERENCE_CHARS_MAX + 16,
};

static const struct gateway_error errors[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {code, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/stripe/stripe_errors.def"
#undef X
};

static const char *const credentials_needed[] = {"api_key", "webhook_secret", NULL};
static const char *const callback_names[] = {"webhook_secret", NULL};

/* Requests. */

void stripe_form_add(struct buf *form, const char *key, const char *value) {
    if (form->len > 0) {
        buf_add_char(form, '&');
    }
    buf_add_urlencoded(form, key);
    buf_add_char(form, '=');
    buf_add_urlencoded(form, value);
}

static void form_add_int(struct buf *form, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    stripe_form_add(form, key, text);
}

/* Every key under which stripe.c and stripe_parse.c look into an answer; what is missing here reads
 * as if Stripe had not sent it. */
const char *const stripe_answer_names[] = {
    /* intents and charges */
    "object",
    "id",
    "status",
    "currency",
    "amount",
    "amount_received",
    "amount_refunded",
    "captured",
    "latest_charge",
    "balance_transaction",
    "fee",
    "metadata",
    "reference",
    "next_action",
    "redirect_to_url",
    "url",
    /* disputes */
    "reason",
    "evidence_details",
    "due_by",
    "balance_transactions",
    /* errors */
    "error",
    "last_payment_error",
    "type",
    "code",
    "decline_code",
    "advice_code",
    "message",
    "payment_method",
    "card",
    "fingerprint",
    "brand",
    /* refunds, and what an error carries */
    "payment_intent",
    "charge",
    "failure_reason",
    /* lists */
    "data",
    "has_more",
    /* reports */
    "data_available_end",
    "result",
    NULL,
};

/* One call. `form` NULL: a GET. `key`: the idempotency key of a POST. */
bool stripe_send(const struct gateway_call *call, const char *path, const struct buf *form,
                 const char *key, bool moves_money, struct gateway_result *result,
                 struct http_answer *ret_answer, json_t **ret_json) {
    char url[URL_BYTES_MAX];
    int url_chars = snprintf(url, sizeof(url), "%s%s", call->gateway->base_url, path);
    if (url_chars < 0 || (size_t)url_chars >= sizeof(url) || (form != NULL && !buf_ok(form))) {
        exchange_refuse(result, "invalid_request", "the request is too long for Stripe");
        return false;
    }
    char authorization[STRIPE_KEY_CHARS_MAX + 16];
    snprintf(authorization, sizeof(authorization), "Bearer %s",
             secret_bytes(gateway_credential(call->gateway, "api_key")));
    const struct http_header headers[] = {
        {"Authorization", authorization},
        {"Stripe-Version", STRIPE_VERSION},
        {"Content-Type", "application/x-www-form-urlencoded"},
        {"Idempotency-Key", key},
    };
    const struct exchange exchange = {
        .method = form != NULL ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .header_count = form != NULL ? 4 : 2,
        .body = form != NULL ? form->data : NULL,
        .body_bytes = form != NULL ? form->len : 0,
        .moves_money = moves_money,
        .trace_header = "Request-Id",
        .answer_names = stripe_answer_names,
    };
    bool answered = exchange_run(call, &exchange, result, ret_answer, ret_json);
    explicit_bzero(authorization, sizeof(authorization));
    return answered;
}

static bool is_success(const struct http_answer *answer) {
    return answer->status >= 200 && answer->status < 300;
}

/* An answer about another payment is no answer about ours. */
static void check_reference(const json_t *intent, const char *reference,
                            struct gateway_result *result) {
    const char *theirs = stripe_metadata(intent, "reference");
    if (theirs[0] != '\0' && strcmp(theirs, reference) != 0) {
        gateway_result_init(result);
        exchange_common_code(result, "reference_mismatch");
        exchange_copy_text(result->message, sizeof(result->message),
                           "Stripe answered about another payment than the one asked about");
    }
}

/* POSTs about an intent and reads what comes back. */
static void post_intent(const struct gateway_call *call, const char *path, const struct buf *form,
                        const char *key, enum gateway_operation operation, const char *reference,
                        struct gateway_result *result) {
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!stripe_send(call, path, form, key, true, result, &answer, &json)) {
        return;
    }
    if (!is_success(&answer)) {
        stripe_read_error(answer.status, json, operation, result);
        return;
    }
    stripe_read_intent(json, result);
    if (reference != NULL) {
        check_reference(json, reference, result);
    }
    /* A partial capture that keeps the rest open leaves the intent in requires_capture. */
    if (operation == OP_CAPTURE && result->outcome == GW_AUTHORIZED && result->captured_minor > 0) {
        result->outcome = GW_CHARGED;
    }
}

/* Charge. */

static bool charge_form(const struct gateway_charge *charge, struct buf *form,
                        struct gateway_result *result) {
    int64_t amount = 0;
    if (!exchange_reference_ok(charge->reference)) {
        exchange_refuse(result, "invalid_request", "the reference cannot be a key at Stripe");
        return false;
    }
    if (!stripe_amount(charge->amount_minor, charge->currency, &amount)) {
        exchange_refuse(result, "invalid_amount",
                        "this amount cannot be said to Stripe in this currency");
        return false;
    }
    if (charge->method != METHOD_CARD || charge->token[0] == '\0') {
        exchange_refuse(result, "token_missing",
                        "Stripe takes cards by the token of a payment method");
        return false;
    }
    if (strlen(charge->order_id) > ORDER_ID_CHARS_MAX) {
        exchange_refuse(result, "invalid_request", "the order id is too long for Stripe");
        return false;
    }
    char currency[CURRENCY_CHARS + 1];
    char description[DESCRIPTION_CHARS_MAX + 1];
    exchange_copy_text(description, sizeof(description), charge->description);
    form_add_int(form, "amount", amount);
    stripe_form_add(form, "currency", currency_lower(charge->currency, currency));
    stripe_form_add(form, "confirm", "true");
    stripe_form_add(form, "payment_method", charge->token);
    stripe_form_add(form, "payment_method_types[0]", "card");
    stripe_form_add(form, "capture_method", charge->capture ? "automatic" : "manual");
    stripe_form_add(form, "metadata[reference]", charge->reference);
    stripe_form_add(form, "metadata[order_id]", charge->order_id);
    if (description[0] != '\0') {
        stripe_form_add(form, "description", description);
    }
    if (charge->off_session) {
        stripe_form_add(form, "off_session", "true");
    } else if (charge->return_url[0] != '\0') {
        stripe_form_add(form, "return_url", charge->return_url);
    } else {
        /* Nobody could be sent to the bank's page: better a decline than a payment that waits. */
        stripe_form_add(form, "error_on_requires_action", "true");
    }
    stripe_form_add(form, "expand[0]", "latest_charge.balance_transaction");
    return true;
}

static void stripe_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                          struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    BUF_AUTO form;
    buf_init(&form, FORM_BYTES_MAX);
    if (charge_form(charge, &form, ret_result)) {
        post_intent(call, "/v1/payment_intents", &form, charge->reference, OP_CHARGE,
                    charge->reference, ret_result);
    }
}

/* Finding it again. */

/* A search through a list, newest first, page by page. */
struct search {
    const char *path;      /* "/v1/payment_intents" */
    const char *filter;    /* "&created%5Bgte%5D=…", or "" */
    const char *reference; /* metadata.reference of the one that is looked for */
    int pages_left;
};

/* 1: found, the caller owns `ret_item`. 0: certainly not in the list. -1: not known; `result` says
 * why. */
static int search_list(const struct gateway_call *call, struct search *search,
                       struct gateway_result *result, json_t **ret_item) {
    char after[GATEWAY_ID_CHARS_MAX + 1] = "";
    for (; search->pages_left > 0; search->pages_left--) {
        BUF_AUTO path;
        buf_init(&path, URL_BYTES_MAX);
        buf_addf(&path, "%s?limit=%d%s", search->path, PAGE_ITEMS, search->filter);
        if (after[0] != '\0') {
            buf_add_text(&path, "&starting_after=");
            buf_add_urlencoded(&path, after);
        }
        HTTP_ANSWER_AUTO answer = {0};
        JSON_AUTO json = NULL;
        if (!stripe_send(call, path.data, NULL, NULL, false, result, &answer, &json)) {
            return -1;
        }
        if (!is_success(&answer)) {
            stripe_read_error(answer.status, json, OP_QUERY, result);
            exchange_no_answer(result);
            return -1;
        }
        const json_t *items = json_peek(json, "data", NULL);
        const json_t *more = json_peek(json, "has_more", NULL);
        size_t count = json_is_array(items) ? json_array_size(items) : 0;
        for (size_t i = 0; i < count; i++) {
            json_t *item = json_array_get(items, i);
            if (strcmp(stripe_metadata(item, "reference"), search->reference) == 0) {
                *ret_item = json_incref(item);
                return 1;
            }
        }
        if (json_is_array(items) && json_is_false(more)) {
            return 0;
        }
        const char *last = count > 0 ? json_peek_text(json_array_get(items, count - 1), "id", NULL)
                                     : NULL;
        exchange_copy_id(after, sizeof(after), last);
        if (!json_is_true(more) || after[0] == '\0') {
            exchange_common_code(result, "gateway_garbled");
            exchange_no_answer(result);
            return -1;
        }
    }
    exchange_common_code(result, "too_many_to_search");
    exchange_copy_text(result->message, sizeof(result->message),
                       "there are more payments since then than are looked through at once");
    return -1;
}

/* What lies further back than clocks usually differ. A machine whose clock was set right between
 * the charge and the question would else miss it, and "not there" is the end of an attempt. A list
 * that is too long for that is left: then only a clock that was off by minutes could hide it. */
static int find_early(const struct gateway_call *call, struct search *search, char *filter,
                      size_t bytes, int64_t before_s, struct gateway_result *result,
                      json_t **ret_intent) {
    struct gateway_result early = *result;
    snprintf(filter, bytes, "&created%%5Bgte%%5D=%lld&created%%5Blte%%5D=%lld",
             (long long)(before_s - CLOCK_WRONG_S), (long long)(before_s - 1));
    search->pages_left = PAGES_MAX;
    int found = search_list(call, search, &early, ret_intent);
    if (found < 0 && strcmp(early.common_code, "too_many_to_search") == 0) {
        return 0;
    }
    *result = early;
    return found;
}

/* By our reference. Most are made within moments of our row, so that window is looked through
 * first, what a late repeat may have made after it second, and what a wrong clock hides third. */
static int find_intent(const struct gateway_call *call, const struct gateway_lookup *lookup,
                       struct gateway_result *result, json_t **ret_intent) {
    int64_t created_s = lookup->created_us / US_PER_SECOND;
    int64_t window_end_s = created_s + 2 * CLOCK_SKEW_S;
    char filter[128];
    struct search search = {"/v1/payment_intents", filter, lookup->reference, PAGES_MAX};

    snprintf(filter, sizeof(filter), "&created%%5Bgte%%5D=%lld&created%%5Blte%%5D=%lld",
             (long long)(created_s - CLOCK_SKEW_S), (long long)window_end_s);
    int found = search_list(call, &search, result, ret_intent);
    if (found != 0 || clock_wall_us() / US_PER_SECOND + CLOCK_SKEW_S <= window_end_s) {
        return found; /* so soon after the charge nobody takes "not there" for an end */
    }
    snprintf(filter, sizeof(filter), "&created%%5Bgte%%5D=%lld", (long long)(window_end_s + 1));
    found = search_list(call, &search, result, ret_intent);
    return found == 0 ? find_early(call, &search, filter, sizeof(filter), created_s - CLOCK_SKEW_S,
                                   result, ret_intent)
                      : found;
}

/* An answer to a GET by id that is not 2xx: it is not there, or the question was not answered. */
void stripe_read_missing(int status, const json_t *json, enum gateway_operation operation,
                         struct gateway_result *result) {
    stripe_read_error(status, json, operation, result);
    if (status == 404 && strcmp(result->code, "resource_missing") == 0) {
        result->outcome = GW_NOT_FOUND;
    } else {
        exchange_no_answer(result);
    }
}

static void query_by_id(const struct gateway_call *call, const struct gateway_lookup *lookup,
                        struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, URL_BYTES_MAX);
    buf_add_text(&path, "/v1/payment_intents/");
    buf_add_urlencoded(&path, lookup->gateway_id);
    buf_add_text(&path, "?expand%5B0%5D=latest_charge.balance_transaction");
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!stripe_send(call, path.data, NULL, NULL, false, result, &answer, &json)) {
        return;
    }
    if (is_success(&answer)) {
        stripe_read_intent(json, result);
        if (result->gateway_id[0] == '\0') {
            exchange_no_answer(result);
        }
        check_reference(json, lookup->reference, result);
        return;
    }
    stripe_read_missing(answer.status, json, OP_QUERY, result);
}

/* The list does not say what Stripe took for a charge; the intent by its id does. Should that
 * question fail, what the list says of the payment still stands, without the fee. */
static void read_found(const struct gateway_call *call, const struct gateway_lookup *lookup,
                       const json_t *intent, struct gateway_result *result) {
    stripe_read_intent(intent, result);
    if (result->outcome != GW_CHARGED || result->gateway_id[0] == '\0') {
        return;
    }
    struct gateway_result listed = *result;
    struct gateway_lookup by_id = *lookup;
    by_id.gateway_id = listed.gateway_id;
    gateway_result_init(result);
    query_by_id(call, &by_id, result);
    if (result->outcome != GW_CHARGED) {
        *result = listed;
    }
}

static void stripe_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                         struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (lookup->gateway_id[0] != '\0') {
        query_by_id(call, lookup, ret_result);
        return;
    }
    JSON_AUTO intent = NULL;
    int found = find_intent(call, lookup, ret_result, &intent);
    if (found > 0) {
        read_found(call, lookup, intent, ret_result);
    } else if (found == 0) {
        ret_result->outcome = GW_NOT_FOUND;
    }
}

/* Changes. */

/* The intent's id, asked for by reference when our row has none. False: `result` says why. */
static bool need_intent(const struct gateway_call *call, const struct gateway_lookup *lookup,
                        struct gateway_result *result, char ret_id[GATEWAY_ID_CHARS_MAX + 1]) {
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, lookup->gateway_id);
    if (ret_id[0] != '\0') {
        return true;
    }
    JSON_AUTO intent = NULL;
    int found = find_intent(call, lookup, result, &intent);
    if (found < 0 && result->outcome == GW_UNKNOWN) {
        result->outcome =
            GW_UNAVAILABLE; /* only the search failed; the change itself was not sent */
    } else if (found == 0) {
        result->outcome = GW_NOT_FOUND;
        exchange_common_code(result, "not_found_there");
    } else if (found > 0) {
        exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, json_peek_text(intent, "id", NULL));
    }
    return ret_id[0] != '\0';
}

/* "<reference>-<operation>": one reference may serve several operations, one key only one. */
static bool change_key(const struct gateway_change *change, const char *operation,
                       struct gateway_result *result, char ret_key[KEY_CHARS_MAX]) {
    if (!exchange_reference_ok(change->reference)) {
        exchange_refuse(result, "invalid_request", "the reference cannot be a key at Stripe");
        return false;
    }
    snprintf(ret_key, KEY_CHARS_MAX, "%s-%s", change->reference, operation);
    return true;
}

static void intent_path(struct buf *path, const char *id, const char *verb) {
    buf_add_text(path, "/v1/payment_intents/");
    buf_add_urlencoded(path, id);
    buf_addf(path, "/%s", verb);
}

static void change_intent(const struct gateway_call *call, const struct gateway_change *change,
                          enum gateway_operation operation, const struct buf *form,
                          struct gateway_result *result) {
    char key[KEY_CHARS_MAX];
    char id[GATEWAY_ID_CHARS_MAX + 1];
    BUF_AUTO path;
    buf_init(&path, URL_BYTES_MAX);
    if (change_key(change, operation_name(operation), result, key) &&
        need_intent(call, &change->payment, result, id)) {
        intent_path(&path, id, operation_name(operation));
        post_intent(call, path.data, form, key, operation, NULL, result);
    }
}

static void stripe_capture(const struct gateway_call *call, const struct gateway_change *change,
                           struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    int64_t amount = 0;
    if (!stripe_amount(change->amount_minor, change->payment.currency, &amount)) {
        exchange_refuse(ret_result, "invalid_amount",
                        "this amount cannot be said to Stripe in this currency");
        return;
    }
    BUF_AUTO form;
    buf_init(&form, FORM_BYTES_MAX);
    form_add_int(&form, "amount_to_capture", amount);
    if (!change->final && change->amount_minor < change->payment.amount_minor) {
        stripe_form_add(&form, "final_capture",
                        "false"); /* only some accounts may; the rest is theirs to refuse */
    }
    stripe_form_add(&form, "expand[0]", "latest_charge.balance_transaction");
    change_intent(call, change, OP_CAPTURE, &form, ret_result);
}

static void stripe_cancel(const struct gateway_call *call, const struct gateway_change *change,
                          struct gateway_result *ret_result) {
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer",
                                          "abandoned"};
    gateway_result_init(ret_result);
    BUF_AUTO form;
    buf_init(&form, FORM_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (change->reason != NULL && strcmp(change->reason, reasons[i]) == 0) {
            stripe_form_add(&form, "cancellation_reason", reasons[i]);
        }
    }
    change_intent(call, change, OP_CANCEL, &form, ret_result);
}

/* Refunds. */

static bool refund_form(const struct gateway_call *call, const struct gateway_change *change,
                        struct buf *form, struct gateway_result *result) {
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer"};
    int64_t amount = 0;
    char id[GATEWAY_ID_CHARS_MAX + 1];
    if (!stripe_amount(change->amount_minor, change->payment.currency, &amount)) {
        exchange_refuse(result, "invalid_amount",
                        "this amount cannot be said to Stripe in this currency");
        return false;
    }
    if (!need_intent(call, &change->payment, result, id)) {
        return false;
    }
    stripe_form_add(form, "payment_intent", id);
    form_add_int(form, "amount", amount);
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (change->reason != NULL && strcmp(change->reason, reasons[i]) == 0) {
            stripe_form_add(form, "reason", reasons[i]);
        }
    }
    stripe_form_add(form, "metadata[reference]", change->reference);
    return true;
}

static void stripe_refund(const struct gateway_call *call, const struct gateway_change *change,
                          struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    char key[KEY_CHARS_MAX];
    BUF_AUTO form;
    buf_init(&form, FORM_BYTES_MAX);
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (change_key(change, "refund", ret_result, key) &&
        refund_form(call, change, &form, ret_result) &&
        stripe_send(call, "/v1/refunds", &form, key, true, ret_result, &answer, &json)) {
        if (is_success(&answer)) {
            stripe_read_refund(json, ret_result);
        } else {
            stripe_read_error(answer.status, json, OP_REFUND, ret_result);
        }
    }
}

static void query_refund_by_id(const struct gateway_call *call, const struct gateway_change *change,
                               struct gateway_result *result) {
    BUF_AUTO path;
    buf_init(&path, URL_BYTES_MAX);
    buf_add_text(&path, "/v1/refunds/");
    buf_add_urlencoded(&path, change->refund_id);
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!stripe_send(call, path.data, NULL, NULL, false, result, &answer, &json)) {
        return;
    }
    if (is_success(&answer)) {
        stripe_read_refund(json, result);
        if (result->refund_id[0] == '\0') {
            exchange_no_answer(result);
        }
        check_reference(json, change->reference, result);
        return;
    }
    stripe_read_missing(answer.status, json, OP_QUERY_REFUND, result);
}

static void stripe_query_refund(const struct gateway_call *call,
                                const struct gateway_change *change,
                                struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    char id[GATEWAY_ID_CHARS_MAX + 1];
    if (change->refund_id != NULL && change->refund_id[0] != '\0') {
        query_refund_by_id(call, change, ret_result);
    } else if (need_intent(call, &change->payment, ret_result, id)) {
        BUF_AUTO filter;
        buf_init(&filter, URL_BYTES_MAX);
        buf_add_text(&filter, "&payment_intent=");
        buf_add_urlencoded(&filter, id);
        struct search search = {"/v1/refunds", filter.data, change->reference, PAGES_MAX};
        JSON_AUTO refund = NULL;
        int found = search_list(call, &search, ret_result, &refund);
        if (found > 0) {
            stripe_read_refund(refund, ret_result);
        } else if (found == 0) {
            ret_result->outcome = GW_NOT_FOUND;
        }
    }
}

/* The rest. */

static void stripe_probe(const struct gateway_call *call, struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!stripe_send(call, "/v1/balance", NULL, NULL, false, ret_result, &answer, &json)) {
        return;
    }
    const char *object = json_peek_text(json, "object", NULL);
    if (is_success(&answer) && object != NULL && strcmp(object, "balance") == 0) {
        ret_result->outcome = GW_NONE;
        return;
    }
    stripe_read_error(answer.status, json, OP_PROBE, ret_result);
    exchange_no_answer(ret_result);
}

static int stripe_open(struct gateway *gateway, struct err *err) {
    for (int i = 0; i < gateway->credential_count; i++) {
        const char *name = gateway->credentials[i].name;
        if (strcmp(name, "api_key") != 0 && strcmp(name, "webhook_secret") != 0 &&
            strncmp(name, "webhook_secret_", 15) != 0) {
            return err_set(err, ERR_CONFIG,
                           "Stripe has no credential '%s'; it has api_key, webhook_secret "
                           "and, while one is being rolled, webhook_secret_<anything>",
                           name);
        }
        if (secret_count(gateway->credentials[i].value) == 0) {
            return err_set(err, ERR_CONFIG, "the credential '%s' is empty", name);
        }
    }
    const struct secret *key = gateway_credential(gateway, "api_key");
    if (secret_count(key) > STRIPE_KEY_CHARS_MAX) {
        return err_set(err, ERR_CONFIG, "the credential 'api_key' is too long for a Stripe key");
    }
    for (size_t i = 0; i < secret_count(key); i++) {
        if (secret_bytes(key)[i] <= ' ' || secret_bytes(key)[i] > '~') {
            return err_set(err, ERR_CONFIG,
                           "the credential 'api_key' holds a blank or another "
                           "character that no Stripe key has");
        }
    }
    return 0;
}

static void stripe_close(struct gateway *gateway) {
    gateway->state = NULL;
}

const struct gateway_adapter stripe_adapter = {
    .name = "stripe",
    .can =
        {
            .authorize = true,
            .partial_capture = true,
            .cancel = true,
            .partial_refund = true,
            .key_lifetime_us = 23 * 3600 * US_PER_SECOND, /* they keep keys for at least 24 h */
            .keeps_refusals = true, /* the first result, whether it succeeded or failed */
            .not_found_conclusive_us = 600 * US_PER_SECOND,
            .close_on_unknown = true,
            .customer_action = false,
            .probe_ways = {[PROBE_AUTHORIZE_CANCEL] = true, [PROBE_CHARGE_REFUND] = true},
        },
    .methods = {[METHOD_CARD] = true},
    .errors = errors,
    .error_count = COUNT_OF(errors),
    .credentials = credentials_needed,
    .callback_names = callback_names,
    .ack = {200, "application/json", "{\"received\":true}"},
    .open = stripe_open,
    .close = stripe_close,
    .charge = stripe_charge,
    .resume = NULL,
    .query = stripe_query,
    .capture = stripe_capture,
    .cancel = stripe_cancel,
    .refund = stripe_refund,
    .query_refund = stripe_query_refund,
    .fetch_statement = stripe_fetch_statement,
    .query_dispute = stripe_query_dispute,
    .answer_dispute = stripe_answer_dispute,
    .verify_callback = stripe_verify_callback,
    .probe = stripe_probe,
};
