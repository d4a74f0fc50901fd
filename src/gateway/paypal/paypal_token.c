/* SPDX-License-Identifier: Apache-2.0
 * paypal_token.c: the OAuth access token of one gateway. */
#include "gateway/paypal/paypal_token.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/paypal/paypal.h"

enum {
    LIFETIME_S_MAX = 24 * 3600,
    AHEAD_S_MAX = 300,  /* renewed that long before its end, or after nine tenths of its life */
    RETRY_AHEAD_S = 10, /* between tries to renew while the old one still serves */
};

void paypal_tokens_init(struct paypal_tokens *tokens) {
    *tokens = (struct paypal_tokens){0};
    lock_init(&tokens->lock);
    cond_init(&tokens->changed);
}

void paypal_tokens_release(struct paypal_tokens *tokens) {
    secret_free(tokens->token);
    cond_free(&tokens->changed);
    lock_free(&tokens->lock);
    *tokens = (struct paypal_tokens){0};
}

/* "Basic …" of the client's id and secret; free it with forget(). */
static char *basic_authorization(const struct gateway *gateway) {
    const struct secret *id = gateway_credential(gateway, "client_id");
    const struct secret *password = gateway_credential(gateway, "client_secret");
    char pair[2 * PAYPAL_CREDENTIAL_CHARS_MAX + 2];
    snprintf(pair, sizeof(pair), "%s:%s", secret_bytes(id), secret_bytes(password));
    char *encoded = crypto_base64(pair, strlen(pair));
    explicit_bzero(pair, sizeof(pair));
    return encoded;
}

static void forget(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

/* Takes the token out of a 200. NULL: there is none to be read. */
static struct secret *read_token(const json_t *json, int64_t *ret_lifetime_s) {
    const char *token = json_peek_text(json, "access_token", NULL);
    int64_t lifetime_s = json_peek_int(json, 0, "expires_in", NULL);
    if (token == NULL || token[0] == '\0' || strlen(token) > PAYPAL_TOKEN_CHARS_MAX ||
        lifetime_s < 1) {
        return NULL;
    }
    for (const char *c = token; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return NULL;
        }
    }
    *ret_lifetime_s = lifetime_s < LIFETIME_S_MAX ? lifetime_s : LIFETIME_S_MAX;
    return secret_new(token, strlen(token));
}

/* Nobody's money is moved by asking for a token, so whatever is not a clear refusal is UNAVAILABLE.
 */
static struct secret *fetch(const struct gateway_call *call, struct gateway_result *result,
                            int64_t *ret_lifetime_s) {
    static const char body[] = "grant_type=client_credentials";
    char url[PAYPAL_URL_BYTES_MAX];
    char *encoded = basic_authorization(call->gateway);
    char authorization[3 * PAYPAL_CREDENTIAL_CHARS_MAX + 16];
    snprintf(url, sizeof(url), "%s/v1/oauth2/token", call->gateway->base_url);
    snprintf(authorization, sizeof(authorization), "Basic %s", encoded);
    forget(encoded);
    const struct http_header headers[] = {
        {"Authorization", authorization},
        {"Content-Type", "application/x-www-form-urlencoded"},
        {"Accept", "application/json"},
    };
    const struct exchange exchange = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body,
        .body_bytes = strlen(body),
        .moves_money = false,
        .trace_header = "PayPal-Debug-Id",
    };
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    bool answered = exchange_run(call, &exchange, result, &answer, &json);
    explicit_bzero(authorization, sizeof(authorization));
    if (!answered) {
        return NULL;
    }
    struct secret *token = paypal_success(&answer) ? read_token(json, ret_lifetime_s) : NULL;
    if (answer.body != NULL) {
        explicit_bzero(answer.body, answer.body_bytes);
    }
    if (token != NULL) {
        return token;
    }
    paypal_read_error(answer.status, json, result);
    bool refused = answer.status >= 400 && answer.status < 500 && answer.status != 429 &&
                   json != NULL;
    if (refused && result->outcome != GW_REJECTED_CREDENTIALS) {
        result->outcome = GW_REJECTED_CREDENTIALS;
        result->advice = ADVICE_ELSEWHERE;
        exchange_common_code(result, "credentials");
    } else if (result->outcome == GW_UNKNOWN) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_ELSEWHERE;
    }
    return NULL;
}

static bool usable(const struct paypal_tokens *tokens, int64_t now_us) {
    return tokens->token != NULL && now_us < tokens->expires_us;
}

/* Fetches; the lock is held on entry and on return but not in between, and `fetching` is ours. */
static bool fetch_unlocked(struct paypal_tokens *tokens, const struct gateway_call *call) {
    struct gateway_result result;
    gateway_result_init(&result);
    int64_t lifetime_s = 0;
    tokens->fetching = true;
    lock_give(&tokens->lock);
    struct secret *token = fetch(call, &result, &lifetime_s);
    lock_take(&tokens->lock);
    tokens->fetching = false;
    tokens->fetches++;
    tokens->failed = token == NULL;
    tokens->failure = result;
    int64_t now_us = clock_mono_us();
    if (token != NULL) {
        int64_t ahead_s = lifetime_s / 10 < AHEAD_S_MAX ? lifetime_s / 10 : AHEAD_S_MAX;
        secret_free(tokens->token);
        tokens->token = token;
        tokens->generation++;
        tokens->expires_us = now_us + lifetime_s * US_PER_SECOND;
        tokens->refresh_us = tokens->expires_us - ahead_s * US_PER_SECOND;
    } else {
        tokens->refresh_us = now_us + RETRY_AHEAD_S * US_PER_SECOND;
    }
    cond_broadcast(&tokens->changed);
    return token != NULL;
}

/* What a failed fetch means for the operation that needed the token: nothing of it was sent. */
static void pass_failure(const struct gateway_result *failure, struct gateway_result *result) {
    int64_t duration_us = result->duration_us + failure->duration_us;
    *result = *failure;
    result->duration_us = duration_us;
    result->reach = HTTP_NOT_SENT;
}

static void waited_in_vain(struct gateway_result *result) {
    struct http_answer answer = {.reach = HTTP_NOT_SENT, .failure = HTTP_FAIL_TIMEOUT};
    (void)gateway_result_http(result, &answer, true);
    exchange_copy_text(result->message, sizeof(result->message),
                       "the time for this call was over while it waited for an access token");
}

/* The lock is held. Leaves with a usable token, or false. */
static bool have_token(struct paypal_tokens *tokens, const struct gateway_call *call,
                       struct gateway_result *result) {
    for (;;) {
        int64_t now_us = clock_mono_us();
        bool good = usable(tokens, now_us);
        if (good && (now_us < tokens->refresh_us || tokens->fetching)) {
            return true;
        }
        if (!tokens->fetching) {
            struct gateway_call patient = *call;
            if (good) {
                /* While the old one serves, renewing may not eat up the time of what it is for. */
                patient.deadline_us = now_us + (call->deadline_us - now_us) / 3;
            }
            if (fetch_unlocked(tokens, &patient) || usable(tokens, clock_mono_us())) {
                return true; /* a failed renewal ahead of time does no harm yet */
            }
            pass_failure(&tokens->failure, result);
            return false;
        }
        uint64_t seen = tokens->fetches;
        bool in_time = true;
        while (tokens->fetches == seen && in_time) {
            in_time = cond_wait_until(&tokens->changed, &tokens->lock, call->deadline_us);
        }
        if (tokens->fetches == seen) {
            waited_in_vain(result);
            return false;
        }
        if (tokens->failed && !usable(tokens, clock_mono_us())) {
            pass_failure(&tokens->failure, result);
            return false;
        }
    }
}

bool paypal_token_get(struct paypal_tokens *tokens, const struct gateway_call *call,
                      char ret_authorization[PAYPAL_AUTHORIZATION_BYTES], uint64_t *ret_generation,
                      struct gateway_result *result) {
    lock_take(&tokens->lock);
    bool good = have_token(tokens, call, result);
    if (good) {
        snprintf(ret_authorization, PAYPAL_AUTHORIZATION_BYTES, "Bearer %s",
                 secret_bytes(tokens->token));
        *ret_generation = tokens->generation;
    }
    lock_give(&tokens->lock);
    return good;
}

void paypal_token_drop(struct paypal_tokens *tokens, uint64_t generation) {
    lock_take(&tokens->lock);
    if (tokens->generation == generation) {
        secret_free(tokens->token);
        tokens->token = NULL;
    }
    lock_give(&tokens->lock);
}

bool paypal_token_renew(struct paypal_tokens *tokens, const struct gateway_call *call,
                        struct gateway_result *result) {
    lock_take(&tokens->lock);
    uint64_t seen = tokens->fetches;
    bool in_time = true;
    while (tokens->fetching && tokens->fetches == seen && in_time) {
        in_time = cond_wait_until(&tokens->changed, &tokens->lock, call->deadline_us);
    }
    if (tokens->fetches == seen && tokens->fetching) {
        waited_in_vain(result);
        lock_give(&tokens->lock);
        return false;
    }
    bool good = tokens->fetches != seen ? !tokens->failed : fetch_unlocked(tokens, call);
    int64_t before_us = result->duration_us;
    *result = tokens->failure; /* of the last fetch, failed or not */
    result->duration_us += before_us;
    lock_give(&tokens->lock);
    return good;
}
