/* SPDX-License-Identifier: Apache-2.0
 * read.c: see read.h. */
#include "api/read.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/pan.h"
#include "base/text.h"
#include "net/http_target.h"
#include "net/ip_range.h"

enum { REGION_CHARS_MAX = 40, EMAIL_CHARS_MAX = 254, IP_CHARS_MAX = 60, SEGMENT_CHARS_MAX = 32 };

/* The name is the sender's own: it is shown cut, and cutting it may have made a card number. */
static int refuse_name(const char *name, struct err *err) {
    err_place(err, "query parameter %.60s", name);
    if (err != NULL) {
        (void)pan_mask(err->place, strlen(err->place));
    }
    return -ERR_VALIDATION;
}

static int refuse_query(const char *const *known, const char *name, const char *why,
                        struct err *err) {
    char *all = g_strjoinv(", ", (char **)(uintptr_t)known);
    err_set(err, ERR_VALIDATION, "%s: %s", why, all);
    g_free(all);
    return refuse_name(name, err);
}

static int check_name(const char *const *known, const char *name, uint64_t *seen, struct err *err) {
    static_assert(QUERY_NAMES_MAX <= 64, "a route has no more parameters than there are bits");
    for (int i = 0; known[i] != NULL; i++) {
        if (strcmp(known[i], name) != 0) {
            continue;
        }
        if ((*seen & UINT64_C(1) << i) != 0) {
            return refuse_query(known, name, "it is there more than once; each may be given once",
                                err);
        }
        *seen |= UINT64_C(1) << i;
        return 0;
    }
    if (known[0] != NULL) {
        return refuse_query(known, name, "it is none of those that this call takes", err);
    }
    err_set(err, ERR_VALIDATION, "this call takes no query parameters");
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
    char **pairs = g_strsplit(ask->request->query, "&", -1);
    for (int i = 0; r == 0 && pairs[i] != NULL; i++) {
        if (pairs[i][0] == '\0') {
            continue; /* "a=1&&b=2" names nothing that could be missed */
        }
        r = decode_name(pairs[i], err);
        r = r < 0 ? r : check_name(ask->query_names, pairs[i], &seen, err);
    }
    g_strfreev(pairs);
    return r;
}

int read_query_text(const struct ask *ask, const char *name, char ret_value[QUERY_CHARS_MAX],
                    struct err *err) {
    INVARIANT(g_strv_contains(ask->query_names, name),
              "a parameter that is read stands in queries.def");
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

bool read_since(const char *text, int64_t *ret_wall_us) {
    char *end = NULL;
    if (clock_parse(text, ret_wall_us)) {
        return true;
    }
    long long count = strtoll(text, &end, 10);
    int64_t unit = end != text && end[0] != '\0' && end[1] == '\0' ? unit_us(end[0]) : 0;
    if (unit == 0 || count <= 0 || count > 10000) {
        return false;
    }
    *ret_wall_us = clock_wall_us() - count * unit;
    return true;
}

int read_lang(const struct ask *ask, char ret_language[QUERY_CHARS_MAX], struct err *err) {
    int r = read_query_text(ask, "lang", ret_language, err);
    if (r >= 0 && strcmp(ret_language, "en") != 0 && strcmp(ret_language, "zh") != 0) {
        err_set(err, ERR_VALIDATION, "the pages are in en and zh");
        r = err_place(err, "query parameter lang");
    }
    return r;
}

int read_query_since(const struct ask *ask, const char *name, int64_t *ret_wall_us,
                     struct err *err) {
    char text[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, name, text, err);
    if (r < 0 || text[0] == '\0' || read_since(text, ret_wall_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION,
            "it must be a time like 2026-11-20T08:00:00Z or a length like 1h, 30m, 7d");
    return err_place(err, "query parameter %s", name);
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
    int r = READ_ID(ask, "a payment", payment_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of payments begin with pay_.") : 0;
}

int read_reason(const json_t *body, const char **ret_reason, struct err *err) {
    return json_need_lines(body, "", "reason", 1, REASON_CHARS_MAX, ret_reason, err);
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
        if (!json_is_string(value) || key[0] == '\0' || strlen(key) > 40 || length > chars_max ||
            text_has_controls(key, false)) {
            err_set(err, ERR_VALIDATION,
                    "keys have 1 to 40 characters and values are texts of at most %zu", chars_max);
            return err_place(err, "%s/%.40s", place, key);
        }
        const char *ignored = NULL;
        int r = json_need_lines(object, place, key, 0, chars_max, &ignored, err);
        if (r < 0) {
            return r;
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

/* A text by which rules and lists go: `check` says of one that it is none, and how to write it. */
static int read_strict(const json_t *object, const char *where, const char *key, size_t chars_min,
                       size_t chars_max, int (*check)(const char *text, struct err *err),
                       const char **ret_text, struct err *err) {
    const char *text = NULL;
    int r = json_may_text(object, where, key, chars_min, chars_max, &text, err);
    if (r < 0 || text == NULL) {
        return r;
    }
    if (check(text, err) < 0) {
        return err_place(err, "%s/%s", where, key);
    }
    *ret_text = text;
    return 0;
}

int read_region(const json_t *object, const char *where, const char **ret_region, struct err *err) {
    return read_strict(object, where, "region", 1, REGION_CHARS_MAX, text_check_region, ret_region,
                       err);
}

int read_segment(const json_t *object, const char *where, const char **ret_segment,
                 struct err *err) {
    return read_strict(object, where, "segment", 1, SEGMENT_CHARS_MAX, text_check_segment,
                       ret_segment, err);
}

int read_email(const json_t *object, const char *where, const char **ret_email, struct err *err) {
    return read_strict(object, where, "email", 3, EMAIL_CHARS_MAX, text_check_email, ret_email,
                       err);
}

static int check_ip(const char *text, struct err *err) {
    struct ip_range range;
    if (strchr(text, '/') == NULL && ip_range_parse(text, &range)) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "this is no IP address");
    return err_hint(err, "192.0.2.7 or 2001:db8::1: one address, without port and blanks.");
}

int read_ip(const json_t *object, const char *where, const char **ret_ip, struct err *err) {
    return read_strict(object, where, "ip", 2, IP_CHARS_MAX, check_ip, ret_ip, err);
}

int read_reason_or(const json_t *body, const char **reason, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    int r = json_only(body, "", keys, err);
    return r < 0 ? r : json_may_lines(body, "", "reason", 1, REASON_CHARS_MAX, reason, err);
}
