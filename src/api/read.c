/* SPDX-License-Identifier: Apache-2.0
 * read.c: see read.h. */
#include "api/read.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/pan.h"
#include "net/http_target.h"

/* The name is the sender's own: it is shown cut, and cutting it may have made a card number. */
static int refuse_name(const char *name, struct err *err) {
    err_place(err, "query parameter %.60s", name);
    if (err != NULL) {
        (void)pan_mask(err->place, strlen(err->place));
    }
    return -ERR_VALIDATION;
}

static int check_name(const char *const *known, const char *name, uint64_t *seen, const char *all,
                      struct err *err) {
    for (int i = 0; known[i] != NULL; i++) {
        if (strcmp(known[i], name) != 0) {
            continue;
        }
        if ((*seen & UINT64_C(1) << i) != 0) {
            err_set(err, ERR_VALIDATION, "it is there more than once; each may be given once: %s",
                    all);
            return refuse_name(name, err);
        }
        *seen |= UINT64_C(1) << i;
        return 0;
    }
    if (known[0] == NULL) {
        err_set(err, ERR_VALIDATION, "this call takes no query parameters");
    } else {
        err_set(err, ERR_VALIDATION, "it is none of those that this call takes: %s", all);
    }
    return refuse_name(name, err);
}

/* Cuts the value off and decodes the name in place. */
static int decode_name(char *pair, struct err *err) {
    size_t count = strcspn(pair, "=");
    ptrdiff_t bytes = http_decode(pair, count, true, pair);
    if (bytes < 0 || memchr(pair, '\0', (size_t)bytes) != NULL) {
        err_set(err, ERR_BAD_REQUEST,
                "the name of a query parameter has a NUL, or a %% that two hexadecimal digits do "
                "not follow");
        return err_place(err, "query");
    }
    pair[bytes] = '\0';
    return 0;
}

int read_query_names(const struct ask *ask, struct err *err) {
    if (ask->request->query[0] == '\0') {
        return 0;
    }
    uint64_t seen = 0;
    int r = 0;
    char **known = g_strsplit(ask->query_names, ", ", -1);
    char **pairs = g_strsplit(ask->request->query, "&", -1);
    INVARIANT(g_strv_length(known) <= 64, "a route has no more parameters than there are bits");
    for (int i = 0; r == 0 && pairs[i] != NULL; i++) {
        if (pairs[i][0] == '\0') {
            continue; /* "a=1&&b=2" names nothing that could be missed */
        }
        r = decode_name(pairs[i], err);
        r = r < 0 ? r
                  : check_name((const char *const *)known, pairs[i], &seen, ask->query_names, err);
    }
    g_strfreev(pairs);
    g_strfreev(known);
    return r;
}

/* Whether the route's row in queries.def has this name. */
static bool knows(const struct ask *ask, const char *name) {
    char **known = g_strsplit(ask->query_names, ", ", -1);
    bool has = g_strv_contains((const char *const *)known, name);
    g_strfreev(known);
    return has;
}

int read_query_text(const struct ask *ask, const char *name, char ret_value[QUERY_CHARS_MAX],
                    struct err *err) {
    INVARIANT(knows(ask, name), "a parameter that is read stands in queries.def");
    int r = http_query_get(ask->request, name, ret_value, QUERY_CHARS_MAX, err);
    if (r < 0) {
        err_place(err, "query parameter %s", name);
        return r;
    }
    return 0;
}

int read_query_int(const struct ask *ask, const char *name, int64_t min, int64_t max,
                   int64_t *ret_value, struct err *err) {
    char text[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, name, text, err);
    if (r < 0 || text[0] == '\0') {
        return r;
    }
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max) {
        err_set(err, ERR_VALIDATION, "it must be a whole number from %lld to %lld", (long long)min,
                (long long)max);
        return err_place(err, "query parameter %s", name);
    }
    *ret_value = value;
    return 0;
}

static int64_t unit_us(char unit) {
    switch (unit) {
    case 's':
        return US_PER_SECOND;
    case 'm':
        return 60 * US_PER_SECOND;
    case 'h':
        return 3600 * US_PER_SECOND;
    case 'd':
        return 86400 * US_PER_SECOND;
    default:
        return 0;
    }
}

int read_query_since(const struct ask *ask, const char *name, int64_t *ret_wall_us,
                     struct err *err) {
    char text[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, name, text, err);
    if (r < 0 || text[0] == '\0') {
        return r;
    }
    if (clock_parse(text, ret_wall_us)) {
        return 0;
    }
    char *end = NULL;
    long long count = strtoll(text, &end, 10);
    int64_t unit = end != text && end[0] != '\0' && end[1] == '\0' ? unit_us(end[0]) : 0;
    if (unit == 0 || count <= 0 || count > 10000) {
        err_set(err, ERR_VALIDATION,
                "it must be a time like 2026-11-20T08:00:00Z or a length like 1h, 30m, 7d");
        return err_place(err, "query parameter %s", name);
    }
    *ret_wall_us = clock_wall_us() - count * unit;
    return 0;
}

int read_amount(const json_t *body, bool may, int64_t *ret_amount_minor, struct err *err) {
    if (json_is_null(json_object_get(body, "amount"))) {
        /* Absent may mean "all that is left"; a null is somebody's lost number. */
        err_set(err, ERR_VALIDATION, "amount is null; it must be a whole number");
        return err_place(err, "/amount");
    }
    int r = may ? json_may_int(body, "", "amount", 1, AMOUNT_MINOR_MAX, ret_amount_minor, err)
                : json_need_int(body, "", "amount", 1, AMOUNT_MINOR_MAX, ret_amount_minor, err);
    return r < 0 ? err_hint(
                       err,
                       "Amounts are whole numbers of the currency's minor unit: 1999 is 19.99 USD.")
                 : 0;
}

int read_payment_id(const struct ask *ask, struct payment_id *ret_id, struct err *err) {
    struct err bad = {0};
    if (payment_id_parse(ask->param, ret_id, &bad) < 0) {
        err_set(err, ERR_NOT_FOUND, "\"%.60s\" is not a payment's id", ask->param);
        return err_hint(err, "Ids of payments begin with pay_.");
    }
    return 0;
}

int read_reason(const json_t *body, const char **ret_reason, struct err *err) {
    return json_need_text(body, "", "reason", 1, REASON_CHARS_MAX, ret_reason, err);
}

int read_texts(const json_t *object, const char *place, size_t keys_max, size_t chars_max,
               struct err *err) {
    if (json_object_size(object) > keys_max) {
        err_set(err, ERR_VALIDATION, "it has more than %zu keys", keys_max);
        return err_place(err, "%s", place);
    }
    const char *key;
    json_t *value;
    size_t total = 0;
    json_object_foreach((json_t *)object, key, value) {
        size_t length = json_is_string(value) ? json_string_length(value) : 0;
        total += length + strlen(key);
        if (!json_is_string(value) || key[0] == '\0' || strlen(key) > 40 || length > chars_max) {
            err_set(err, ERR_VALIDATION,
                    "keys have 1 to 40 characters and values are texts of at most %zu", chars_max);
            return err_place(err, "%s/%.40s", place, key);
        }
    }
    if (total > METADATA_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "it is longer than %d bytes in all", METADATA_BYTES_MAX);
        return err_place(err, "%s", place);
    }
    return 0;
}

int read_tokens(const json_t *body, const json_t **ret_tokens, const char **ret_token,
                struct err *err) {
    int r = json_may_object(body, "", "tokens", ret_tokens, err);
    r = r < 0 || *ret_tokens == NULL
            ? r
            : read_texts(*ret_tokens, "/tokens", GATEWAYS_MAX, GATEWAY_TOKEN_CHARS_MAX, err);
    return r < 0 ? r : json_may_text(body, "", "token", 1, GATEWAY_TOKEN_CHARS_MAX, ret_token, err);
}
