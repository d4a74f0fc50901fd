/* SPDX-License-Identifier: Apache-2.0
 * channel_fields.c: the fields of each kind, and what their values must look like. */
#include <glib.h>
#include <string.h>

#include "base/text.h"
#include "net/http_url.h"
#include "net/standard_webhook.h"
#include "watch/channel_impl.h"

enum { NEEDED = 1, MAY = 0, PHONE_DIGITS_MAX = 20, HOURS_MAX = 24 * 30, LIST_ITEMS_MAX = 1000 };

static const struct channel_field fields[] = {
#define X(KIND, name, where, need, form, what)                                                     \
    {CHANNEL_##KIND, name, CHANNEL_##where, need, FORM_##form, what},
#include "watch/channel_fields.def"
#undef X
};

const struct channel_field *channel_field_at(int index) {
    return index < (int)COUNT_OF(fields) ? &fields[index] : NULL;
}

const struct channel_field *channel_field_find(enum channel_kind kind, const char *name) {
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].kind == kind && strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* ---- forms ---- */

static bool is_line(const char *value) {
    return value[0] != '\0' && strlen(value) <= CHANNEL_VALUE_BYTES_MAX &&
           g_utf8_validate(value, -1, NULL) && !text_has_controls(value, false);
}

/* Visible ASCII: keys, tokens. */
static bool is_word(const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return false;
        }
    }
    return value[0] != '\0' && strlen(value) <= CHANNEL_VALUE_BYTES_MAX;
}

static bool is_hex_behind(const char *value, const char *prefix) {
    size_t bytes = strlen(prefix);
    return strncmp(value, prefix, bytes) == 0 && strlen(value) == bytes + 32 &&
           strspn(value + bytes, "0123456789abcdefABCDEF") == 32;
}

static bool is_number(const char *value, long min, long max) {
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 6 || value[digits] != '\0') {
        return false;
    }
    long number = strtol(value, NULL, 10);
    return number >= min && number <= max;
}

static bool is_host(const char *value) {
    static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t bytes = strlen(value);
    return bytes > 0 && bytes <= 253 && strspn(value, may) == bytes && value[0] != '-';
}

/* As it goes into an envelope: "someone@example.com". */
static bool is_address(const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("<>()[]\\,;:\"", *c) != NULL) {
            return false;
        }
    }
    const char *at = strchr(value, '@');
    return text_is_email(value) && strlen(value) <= 254 && at != NULL && is_host(at + 1);
}

static bool is_phone(const char *value) {
    size_t digits = strspn(value + (value[0] == '+'), "0123456789");
    return digits >= 5 && digits <= PHONE_DIGITS_MAX && value[(value[0] == '+') + digits] == '\0';
}

static bool is_name(const char *value) {
    return is_word(value) && strlen(value) <= 64 && strpbrk(value, "<>\"") == NULL;
}

static bool is_param(const char *value) {
    static const char *const params[] = {"severity", "state", "title",   "scope",
                                         "time",     "kind",  "subject", "more", "money"};
    for (size_t i = 0; i < COUNT_OF(params); i++) {
        if (strcmp(value, params[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_list(const char *value, bool (*is_item)(const char *), int items_max) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *items[LIST_ITEMS_MAX];
    if (!is_line(value)) {
        return false;
    }
    int count = channel_list(arena, value, items, LIST_ITEMS_MAX);
    for (int i = 0; i < count; i++) {
        if (!is_item(items[i])) {
            return false;
        }
    }
    return count > 0 && count <= items_max;
}

/* https, or http to this machine for tests. */
static bool is_url(const char *value) {
    return is_word(value) &&
           (strncmp(value, "https://", 8) == 0
                ? value[8] != '\0'
                : strncmp(value, "http://", 7) == 0 && http_url_is_loopback(value));
}

static bool is_url_plain(const char *value) {
    return is_url(value) || (is_word(value) && strncmp(value, "http://", 7) == 0 && value[7] != 0);
}

static bool is_url_query(const char *value) {
    return is_url(value) && strchr(value, '?') != NULL && strchr(value, '#') == NULL;
}

static bool is_whsec(const char *value) {
    struct secret *key = NULL;
    int r = standard_webhook_secret_read(value, &key, NULL);
    secret_free(key);
    return r >= 0;
}

const char *channel_form_problem(enum channel_form form, const char *value) {
    switch (form) {
    case FORM_ACCOUNT:
        return is_hex_behind(value, "AC") ? NULL : "it is AC and 32 hexadecimal digits";
    case FORM_SERVICE:
        return is_hex_behind(value, "MG") ? NULL : "it is MG and 32 hexadecimal digits";
    case FORM_ADDRESS:
        return is_address(value) ? NULL : "it is one address: someone@example.com";
    case FORM_ADDRESSES:
        return is_list(value, is_address, SMTP_RECIPIENTS_MAX)
                   ? NULL
                   : "it is 1 to 50 addresses, separated by commas";
    case FORM_BOOL:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? NULL
                                                                         : "it is true or false";
    case FORM_HOST:
        return is_host(value) ? NULL : "it is a host's name or address, without a port";
    case FORM_HOURS:
        return is_number(value, 1, HOURS_MAX) ? NULL : "it is a number of hours, 1 to 720";
    case FORM_KEY32:
        return strlen(value) == 32 && is_word(value) ? NULL : "it has 32 letters and digits";
    case FORM_LINE:
        return is_line(value) ? NULL : "it is one line of text";
    case FORM_NAMES:
        return is_list(value, is_name, 100) ? NULL : "it is user ids, separated by commas";
    case FORM_PARAMS:
        return is_list(value, is_param, 8)
                   ? NULL
                   : "it is some of severity, state, title, scope, time, kind, subject, more";
    case FORM_PHONE:
        return is_phone(value) ? NULL : "it is one phone number: digits, with or without a +";
    case FORM_PHONES:
        return is_list(value, is_phone, LIST_ITEMS_MAX)
                   ? NULL
                   : "it is phone numbers, separated by commas";
    case FORM_PORT:
        return is_number(value, 1, 65535) ? NULL : "it is a port, 1 to 65535";
    case FORM_SECRET:
        return is_word(value) ? NULL : "it is one word without blanks";
    case FORM_TLS:
        return strcmp(value, "starttls") == 0 || strcmp(value, "always") == 0
                   ? NULL
                   : "it is starttls or always; mail is never sent in the clear";
    case FORM_URL:
        return is_url(value) ? NULL : "it is an https address";
    case FORM_URL_PLAIN:
        return is_url_plain(value) ? NULL : "it is an http or https address";
    case FORM_URL_QUERY:
        return is_url_query(value) ? NULL : "it is the robot's whole https address, from ? on too";
    case FORM_WHSEC:
        return is_whsec(value) ? NULL : "it is whsec_ and base 64";
    case FORMS:
        break;
    }
    return "it has no form";
}
