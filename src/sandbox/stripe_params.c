/* SPDX-License-Identifier: Apache-2.0
 * stripe_params.c: reads and checks the parameters of a call to the simulated Stripe. */
#include <inttypes.h>

#include "sandbox/stripe.h"

enum { AMOUNT_MIN = 50, AMOUNT_MAX = 99999999 };

static const struct sb_method methods[] = {
#define X(id, brand, last4, effect, decline) {id, brand, last4, SB_EFFECT_##effect, decline},
#include "sandbox/stripe_methods.def"
#undef X
};

static const struct sb_decline declines[] = {
#define X(decline_code, code, advice, message) {decline_code, code, advice, message},
#include "sandbox/stripe_declines.def"
#undef X
};

int sb_method_find(const char *id) {
    size_t count = strcspn(id, "."); /* what follows tells cards of one kind apart */
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strncmp(methods[i].id, id, count) == 0 && methods[i].id[count] == '\0') {
            return (int)i + 1;
        }
    }
    return 0;
}

const struct sb_method *sb_method_row(int method) {
    return method > 0 ? &methods[method - 1] : NULL;
}

int sb_decline_find(const char *code) {
    for (size_t i = 0; code[0] != '\0' && i < COUNT_OF(declines); i++) {
        const char *own = declines[i].decline_code;
        if (strcmp(own[0] != '\0' ? own : declines[i].code, code) == 0) {
            return (int)i + 1;
        }
    }
    return 1;
}

const struct sb_decline *sb_decline_row(int decline) {
    return decline > 0 ? &declines[decline - 1] : NULL;
}

/* Where Stripe's unit is not the currency's ISO 4217 one, and which amounts it takes (their
 * documentation, "Supported currencies"). */
static const struct {
    char code[CURRENCY_CHARS + 1];
    int decimals, multiple;
} units[] = {
    {"ISK", 2, 100}, {"UGX", 2, 100}, {"MGA", 0, 1},  {"BHD", 3, 10},
    {"JOD", 3, 10},  {"KWD", 3, 10},  {"OMR", 3, 10}, {"TND", 3, 10},
};

static int decimals_of(struct currency currency, int *ret_multiple) {
    *ret_multiple = 1;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strcmp(units[i].code, currency.code) == 0) {
            *ret_multiple = units[i].multiple;
            return units[i].decimals;
        }
    }
    return currency_exponent(currency);
}

static int64_t shifted(int64_t amount, int from, int to) {
    for (; from < to; from++) {
        amount *= 10;
    }
    for (; from > to; from--) {
        amount /= 10;
    }
    return amount;
}

int64_t sb_stripe_to_minor(int64_t amount, struct currency currency) {
    int multiple;
    return shifted(amount, decimals_of(currency, &multiple), currency_exponent(currency));
}

int64_t sb_stripe_from_minor(int64_t amount_minor, struct currency currency) {
    int multiple;
    return shifted(amount_minor, currency_exponent(currency), decimals_of(currency, &multiple));
}

bool sb_stripe_amount_ok(struct sb_stripe_call *call, int64_t amount, struct currency currency) {
    struct sb_stripe_error error = {400, "invalid_request_error", NULL, "amount"};
    int multiple;
    (void)decimals_of(currency, &multiple);
    if (amount < 1) {
        error.code = "parameter_invalid_integer";
        sb_stripe_fail(call, &error, "This value must be greater than or equal to 1.");
    } else if (amount < AMOUNT_MIN) {
        error.code = "amount_too_small";
        sb_stripe_fail(call, &error, "Amount must be at least %d in the currency's smallest unit.",
                       AMOUNT_MIN);
    } else if (amount > AMOUNT_MAX) {
        error.code = "amount_too_large";
        sb_stripe_fail(call, &error, "Amount must be no more than %d.", AMOUNT_MAX);
    } else if (amount % multiple != 0) {
        error.code = "parameter_invalid_integer";
        sb_stripe_fail(call, &error, "Amounts in this currency must be divisible by %d.", multiple);
    } else {
        return true;
    }
    return false;
}

/* ---- single parameters ---- */

bool sb_param_int(struct sb_stripe_call *call, const char *name, int64_t *ret_value) {
    const char *text = sb_form_get(&call->form, name);
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    char *end = NULL;
    size_t digits = strspn(text + (text[0] == '-' ? 1 : 0), "0123456789");
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || digits == 0 || digits > 15) {
        struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_integer",
                                        name};
        sb_stripe_fail(call, &error, "Invalid integer: %.60s", text);
        return false;
    }
    *ret_value = value;
    return true;
}

bool sb_param_bool(struct sb_stripe_call *call, const char *name, bool *ret_value) {
    const char *text = sb_form_get(&call->form, name);
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    *ret_value = strcmp(text, "true") == 0;
    if (*ret_value || strcmp(text, "false") == 0) {
        return true;
    }
    struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_boolean",
                                    name};
    sb_stripe_fail(call, &error, "Invalid boolean: %.60s", text);
    return false;
}

bool sb_param_text(struct sb_stripe_call *call, const char *name, size_t chars_max,
                   const char **ret_text) {
    const char *text = sb_form_get(&call->form, name);
    if (text == NULL) {
        return true;
    }
    if (strlen(text) > chars_max) {
        struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_string",
                                        name};
        sb_stripe_fail(call, &error, "Invalid string: must be at most %zu characters", chars_max);
        return false;
    }
    *ret_text = text;
    return true;
}

bool sb_param_choice(struct sb_stripe_call *call, const char *name, const char *const *choices,
                     int *ret_index) {
    const char *text = sb_form_get(&call->form, name);
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *ret_index = i;
            return true;
        }
    }
    struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_string", name};
    sb_stripe_fail(call, &error, "Invalid %s: %.60s", name, text);
    return false;
}

bool sb_param_currency(struct sb_stripe_call *call, struct currency *ret_currency) {
    const char *text = sb_form_get(&call->form, "currency");
    struct sb_stripe_error error = {400, "invalid_request_error", "parameter_missing", "currency"};
    if (text == NULL || text[0] == '\0') {
        sb_stripe_fail(call, &error, "Missing required param: currency.");
        return false;
    }
    struct err err;
    if (currency_parse(text, ret_currency, &err) < 0) {
        error.code = "parameter_invalid_string";
        sb_stripe_fail(call, &error, "Invalid currency: %.20s", text);
        return false;
    }
    return true;
}

/* ---- metadata ---- */

const char *sb_metadata_get(const char *metadata, const char *key) {
    while (metadata != NULL && metadata[0] != '\0') {
        const char *value = metadata + strlen(metadata) + 1;
        if (strcmp(metadata, key) == 0) {
            return value;
        }
        metadata = value + strlen(value) + 1;
    }
    return "";
}

/* "metadata[key]" → key in `ret_key`. */
static bool metadata_key(const char *name, char ret_key[SB_METADATA_KEY_CHARS_MAX + 1]) {
    size_t count = strlen(name);
    if (count < 11 || name[count - 1] != ']' || count - 10 > SB_METADATA_KEY_CHARS_MAX) {
        return false;
    }
    memcpy(ret_key, name + 9, count - 10);
    ret_key[count - 10] = '\0';
    return strpbrk(ret_key, "[]") == NULL;
}

static bool metadata_wrong(struct sb_stripe_call *call, const char *name, const char *why) {
    struct sb_stripe_error error = {400, "invalid_request_error", "parameter_invalid_string", name};
    sb_stripe_fail(call, &error, "%s", why);
    return false;
}

static void add_pair(struct buf *out, const char *key, const char *value) {
    buf_add(out, key, strlen(key) + 1);
    buf_add(out, value, strlen(value) + 1);
}

bool sb_param_metadata(struct sb_stripe_call *call, const char *before, struct buf *out) {
    char key[SB_METADATA_KEY_CHARS_MAX + 1];
    int count = 0;
    for (int i = 0; i < call->form.count; i++) {
        const struct sb_param *param = &call->form.params[i];
        if (strncmp(param->name, "metadata[", 9) != 0) {
            continue;
        }
        if (!metadata_key(param->name, key)) {
            return metadata_wrong(call, param->name,
                                  "Metadata keys can have up to 40 characters and no brackets.");
        }
        if (strlen(param->value) > SB_METADATA_VALUE_CHARS_MAX) {
            return metadata_wrong(call, param->name,
                                  "Metadata values can have up to 500 characters.");
        }
        if (param->value[0] != '\0' && sb_form_get(&call->form, param->name) == param->value) {
            add_pair(out, key, param->value);
            count++;
        }
    }
    for (const char *at = before; at != NULL && at[0] != '\0';) {
        const char *value = at + strlen(at) + 1;
        char name[SB_METADATA_KEY_CHARS_MAX + 16];
        snprintf(name, sizeof(name), "metadata[%s]", at);
        if (sb_form_get(&call->form, name) == NULL) {
            add_pair(out, at, value);
            count++;
        }
        at = value + strlen(value) + 1;
    }
    if (count > SB_METADATA_KEYS_MAX) {
        return metadata_wrong(call, "metadata", "Metadata can have up to 50 keys.");
    }
    buf_add(out, "", 1);
    return true;
}

/* ---- names ---- */

static unsigned expand_bits(const char *path) {
    static const struct {
        const char *path;
        unsigned bits;
    } known[] = {
        {"latest_charge.balance_transaction", SB_EXPAND_CHARGE | SB_EXPAND_BALANCE},
        {"charge.balance_transaction", SB_EXPAND_CHARGE | SB_EXPAND_BALANCE},
        {"latest_charge", SB_EXPAND_CHARGE},
        {"charge", SB_EXPAND_CHARGE},
        {"balance_transaction", SB_EXPAND_BALANCE},
        {"payment_intent", SB_EXPAND_INTENT},
    };
    path += strncmp(path, "data.", 5) == 0 ? 5 : 0;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(known[i].path, path) == 0) {
            return known[i].bits;
        }
    }
    return 0;
}

bool sb_param_expand(struct sb_stripe_call *call) {
    for (int i = 0; i < call->form.count; i++) {
        const struct sb_param *param = &call->form.params[i];
        if (strncmp(param->name, "expand[", 7) == 0) {
            unsigned bits = expand_bits(param->value);
            if (bits == 0) {
                struct sb_stripe_error error = {400, "invalid_request_error", NULL, "expand"};
                sb_stripe_fail(call, &error, "This property cannot be expanded (%.60s).",
                               param->value);
                return false;
            }
            call->expand |= bits;
        }
    }
    return true;
}

static bool is_known(const char *name, const char *const *names) {
    size_t stem = sb_form_stem(name);
    for (; *names != NULL; names++) {
        bool exact = strcmp(*names, name) == 0;
        if (exact || (strncmp(*names, name, stem) == 0 && (*names)[stem] == '\0')) {
            return true;
        }
    }
    return strncmp(name, "expand[", 7) == 0;
}

bool sb_params_known(struct sb_stripe_call *call, const char *const *names) {
    for (int i = 0; i < call->form.count; i++) {
        const char *name = call->form.params[i].name;
        if (!is_known(name, names)) {
            struct sb_stripe_error error = {400, "invalid_request_error", "parameter_unknown",
                                            name};
            sb_stripe_fail(call, &error, "Received unknown parameter: %.80s", name);
            return false;
        }
    }
    return true;
}
