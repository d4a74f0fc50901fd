/* SPDX-License-Identifier: Apache-2.0
 * fields.c: see fields.h. */
#include "cli/fields.h"

#include <glib.h>
#include <string.h>

#include "base/money.h"

enum { NAME_CHARS_MAX = 63 };

const char *field_text(const json_t *object, const char *key) {
    return json_peek_text(object, key, NULL);
}

const char *field_word(const json_t *object, const char *key) {
    const char *text = field_text(object, key);
    return text != NULL && text[0] != '\0' ? text : "?";
}

int64_t field_int(const json_t *object, const char *key) {
    return json_peek_int(object, 0, key, NULL);
}

bool field_true(const json_t *object, const char *key) {
    return json_is_true(json_peek(object, key, NULL));
}

const char *field_real(const json_t *object, const char *key, int decimals,
                       char text[SHOW_CHARS_MAX]) {
    const json_t *value = json_peek(object, key, NULL);
    text[0] = '\0';
    if (json_is_number(value)) {
        snprintf(text, SHOW_CHARS_MAX, "%.*f", decimals, json_number_value(value));
    }
    return text;
}

const char *field_money(const json_t *object, const char *amount_key, char text[SHOW_CHARS_MAX]) {
    return show_money(field_int(object, amount_key), field_text(object, "currency"), text);
}

const char *field_moment(const json_t *object, const char *key, char text[SHOW_CHARS_MAX]) {
    return show_time(field_text(object, key), text);
}

const char *field_sum(const json_t *object, const char *amount_key, char text[SHOW_CHARS_MAX]) {
    return show_sum(field_int(object, amount_key), field_text(object, "currency"), text);
}

const char *field_age(const json_t *object, const char *key, char text[SHOW_CHARS_MAX]) {
    return show_age(field_text(object, key), text);
}

void field_next(struct table *table, const json_t *payment) {
    static const struct {
        const char *next, *words;
    } nexts[] = {
        {"never", "never again with this card or account"},
        {"later", "the same may pass later"},
        {"other_method", "another way to pay is worth a try"},
        {"ask_customer", "the customer must check or choose something"},
    };
    const char *next = json_peek_text(payment, "failure", "next", NULL);
    const char *after = json_peek_text(payment, "failure", "retry_after", NULL);
    char text[SHOW_CHARS_MAX];
    for (size_t i = 0; next != NULL && i < COUNT_OF(nexts); i++) {
        if (strcmp(nexts[i].next, next) == 0) {
            table_pairf(table, "what next", "%s%s%s", nexts[i].words,
                        after != NULL ? ", from " : "",
                        after != NULL ? show_moment(after, text) : "");
        }
    }
}

int body_foreign(json_t *body, const char *key, const char *bytes, size_t count, const char *what,
                 struct err *err) {
    if (!g_utf8_validate_len(bytes, count, NULL)) {
        err_set(err, ERR_USAGE, "%s: this is not UTF-8 text", what);
        return err_hint(err, "Save it as UTF-8. Nothing was done.");
    }
    json_object_set_new(body, key, json_stringn(bytes, count));
    return 0;
}

void body_text(const struct cli *cli, json_t *body, const char *option, const char *key) {
    const char *text = cli_text(cli, option);
    if (text != NULL) {
        json_object_set_new(body, key, json_string(text));
    }
}

int body_amount(const struct cli *cli, json_t *body, const char *currency, struct err *err) {
    const char *text = cli_text(cli, "amount");
    struct currency known;
    int64_t minor = 0;
    if (text == NULL) {
        return 0;
    }
    struct err why = {0};
    int r = currency_parse(currency, &known, &why);
    r = r < 0 ? r : money_parse_decimal(text, known, &minor, &why);
    if (r < 0) {
        err_set(err, ERR_USAGE, "%s", why.detail);
        return err_hint(err,
                        "Amounts are decimals of the currency: --amount 19.99 --currency USD.");
    }
    if (minor <= 0 || minor > AMOUNT_MINOR_MAX) {
        char most[SHOW_CHARS_MAX];
        return err_set(err, ERR_USAGE, "--amount must be more than nothing and at most %s",
                       show_money(AMOUNT_MINOR_MAX, known.code, most));
    }
    json_object_set_new(body, "amount", json_integer(minor));
    return 0;
}

/* Adds "NAME=VALUE" to the object. */
static int add_pair(json_t *object, const char *option, const char *pair, struct err *err) {
    const char *equals = strchr(pair, '=');
    size_t length = equals != NULL ? (size_t)(equals - pair) : 0;
    char name[NAME_CHARS_MAX + 1];
    if (length == 0 || length >= sizeof name) {
        return err_set(err, ERR_USAGE, "--%s is written NAME=VALUE", option);
    }
    memcpy(name, pair, length);
    name[length] = '\0';
    if (json_object_get(object, name) != NULL) {
        return err_set(err, ERR_USAGE, "--%s gives %s twice", option, name);
    }
    json_object_set_new(object, name, json_string(equals + 1));
    return 0;
}

int body_tokens(const struct cli *cli, json_t *body, struct err *err) {
    json_t *tokens = json_object();
    int r = 0;
    const char *text;
    for (int i = 0; r >= 0 && (text = cli_text_at(cli, "token", i)) != NULL; i++) {
        if (strchr(text, '=') != NULL) {
            r = add_pair(tokens, "token", text, err);
        } else if (json_object_get(body, "token") != NULL) {
            r = err_set(err, ERR_USAGE, "there is more than one --token without a gateway");
        } else {
            json_object_set_new(body, "token", json_string(text));
        }
    }
    if (r >= 0 && json_object_size(tokens) > 0) {
        json_object_set(body, "tokens", tokens);
    }
    json_decref(tokens);
    return r;
}

int body_pairs(const struct cli *cli, json_t *body, const char *option, const char *key,
               struct err *err) {
    json_t *pairs = json_object();
    int r = 0;
    const char *text;
    for (int i = 0; r >= 0 && (text = cli_text_at(cli, option, i)) != NULL; i++) {
        r = add_pair(pairs, option, text, err);
    }
    if (r >= 0 && json_object_size(pairs) > 0) {
        json_object_set(body, key, pairs);
    }
    json_decref(pairs);
    return r;
}
