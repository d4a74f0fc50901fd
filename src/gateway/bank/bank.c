/* SPDX-License-Identifier: Apache-2.0
 * bank.c: the bank transfer adapter. Every answer is worked out here from the question alone: the
 * same reference gives the same instructions, whenever it is asked. */
#include "gateway/bank/bank.h"

#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "gateway/bank/bank_reference.h"
#include "gateway/exchange.h"

enum {
    DAYS_DEFAULT = 7,
    GRACE_DAYS_DEFAULT = 3,
    DAYS_MAX = 90,
    VIRTUAL_DIGITS_DEFAULT = 12,
    VIRTUAL_DIGITS_MIN = 8,
    SHORT_MINOR_MAX = 100000,
};
#define DAY_US (INT64_C(24) * 3600 * US_PER_SECOND)

static const char *const credentials_needed[] = {NULL};
static const char *const options_needed[] = {"account_holder", "account", "bank", NULL};
static const char *const options_more[] = {
    "bic",  "cnaps",      "virtual_prefix",  "virtual_digits",
    "days", "grace_days", "short_minor_max", NULL,
};

/* A whole number of an option that open() has checked. */
static int64_t number_of(const struct gateway *gateway, const char *name, int64_t fallback) {
    const char *text = gateway_option(gateway, name);
    return text[0] != '\0' ? strtoll(text, NULL, 10) : fallback;
}

bool bank_terms_of(const struct gateway *gateway, struct bank_terms *ret_terms) {
    if (gateway->adapter != &bank_adapter) {
        return false;
    }
    *ret_terms = (struct bank_terms){
        .holder = gateway_option(gateway, "account_holder"),
        .account = gateway_option(gateway, "account"),
        .bank = gateway_option(gateway, "bank"),
        .bic = gateway_option(gateway, "bic"),
        .cnaps = gateway_option(gateway, "cnaps"),
        .virtual_prefix = gateway_option(gateway, "virtual_prefix"),
        .virtual_digits = (int)number_of(gateway, "virtual_digits", VIRTUAL_DIGITS_DEFAULT),
        .pay_us = number_of(gateway, "days", DAYS_DEFAULT) * DAY_US,
        .grace_us = number_of(gateway, "grace_days", GRACE_DAYS_DEFAULT) * DAY_US,
        .short_minor_max = number_of(gateway, "short_minor_max", 0),
    };
    return true;
}

bool bank_account_pack(const char *account, char ret_packed[BANK_ACCOUNT_CHARS_MAX + 1]) {
    char packed[BANK_ACCOUNT_CHARS_MAX + 1];
    size_t count = 0;
    for (; *account != '\0'; account++) {
        char c = *account >= 'a' && *account <= 'z' ? (char)(*account - 'a' + 'A') : *account;
        if (strchr(" -./", c) != NULL) {
            continue;
        }
        bool known = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        if (!known || count == BANK_ACCOUNT_CHARS_MAX) {
            return false;
        }
        packed[count++] = c;
    }
    if (count == 0) {
        return false;
    }
    packed[count] = '\0';
    memcpy(ret_packed, packed, count + 1);
    return true;
}

enum bank_account_match bank_account_match(const struct bank_terms *terms, const char *packed) {
    char own[BANK_ACCOUNT_CHARS_MAX + 1];
    if (bank_account_pack(terms->account, own) && strcmp(own, packed) == 0) {
        return BANK_ACCOUNT_ITSELF;
    }
    size_t prefix = strlen(terms->virtual_prefix);
    bool is_virtual = prefix > 0 && strncmp(packed, terms->virtual_prefix, prefix) == 0 &&
                      strlen(packed) == prefix + (size_t)terms->virtual_digits &&
                      strspn(packed + prefix, "0123456789") == (size_t)terms->virtual_digits;
    return is_virtual ? BANK_ACCOUNT_VIRTUAL : BANK_ACCOUNT_OTHER;
}

/* ---- configuration ---- */

static int check_number(const struct gateway *gateway, const char *name, int64_t min, int64_t max,
                        struct err *err) {
    const char *text = gateway_option(gateway, name);
    size_t digits = strspn(text, "0123456789");
    if (text[0] == '\0' || (text[digits] == '\0' && digits <= 9 && strtoll(text, NULL, 10) >= min &&
                            strtoll(text, NULL, 10) <= max)) {
        return 0;
    }
    return err_set(err, ERR_CONFIG, "option '%s' must be a whole number from %lld to %lld", name,
                   (long long)min, (long long)max);
}

static int check_virtual(const struct bank_terms *terms, struct err *err) {
    size_t prefix = strlen(terms->virtual_prefix);
    if (strspn(terms->virtual_prefix, "0123456789") == prefix &&
        prefix + (size_t)terms->virtual_digits <= BANK_ACCOUNT_CHARS_MAX) {
        return 0;
    }
    return err_set(err, ERR_CONFIG,
                   "option 'virtual_prefix' is made of digits, and a virtual account number has at "
                   "most %d of them",
                   BANK_ACCOUNT_CHARS_MAX);
}

/* What customers are shown is plain text, and fits what carries it. */
static int check_texts(const struct gateway *gateway, struct err *err) {
    for (int i = 0; i < gateway->option_count; i++) {
        for (const char *c = gateway->options[i].value; *c != '\0'; c++) {
            if ((unsigned char)*c < ' ' || *c == 0x7F) {
                return err_set(err, ERR_CONFIG, "option '%s' has a control character",
                               gateway->options[i].name);
            }
        }
    }
    return 0;
}

static int bank_open(struct gateway *gateway, struct err *err) {
    char packed[BANK_ACCOUNT_CHARS_MAX + 1];
    int r = check_texts(gateway, err);
    r = r < 0 ? r : check_number(gateway, "days", 1, DAYS_MAX, err);
    r = r < 0 ? r : check_number(gateway, "grace_days", 0, DAYS_MAX, err);
    r = r < 0 ? r : check_number(gateway, "short_minor_max", 0, SHORT_MINOR_MAX, err);
    r = r < 0 ? r
              : check_number(gateway, "virtual_digits", VIRTUAL_DIGITS_MIN, BANK_VIRTUAL_DIGITS_MAX,
                             err);
    if (r < 0) {
        return r;
    }
    struct bank_terms terms;
    if (!bank_terms_of(gateway, &terms) || !bank_account_pack(terms.account, packed)) {
        return err_set(err, ERR_CONFIG, "option 'account' has up to %d letters and digits",
                       BANK_ACCOUNT_CHARS_MAX);
    }
    if (gateway->currency_count == 0) {
        return err_set(err, ERR_CONFIG,
                       "a bank account needs the currencies that may be paid to it");
    }
    return check_virtual(&terms, err);
}

static void bank_close(struct gateway *gateway) {
    (void)gateway; /* it has no state */
}

/* What comes in the days of grace is taken as if it had come in time. */
static int64_t bank_action_us(const struct gateway *gateway) {
    struct bank_terms terms;
    INVARIANT(bank_terms_of(gateway, &terms), "a gateway of another adapter");
    return terms.pay_us + terms.grace_us;
}

/* ---- what the customer is given ---- */

/* The virtual account of this attempt alone; "" when the account has none. */
static void virtual_account(const struct bank_terms *terms, const char *attempt_id,
                            char ret_account[GATEWAY_ID_CHARS_MAX + 1]) {
    char digits[BANK_VIRTUAL_DIGITS_MAX + 1];
    ret_account[0] = '\0';
    if (terms->virtual_prefix[0] != '\0') {
        bank_virtual_digits(attempt_id, terms->virtual_digits, digits);
        snprintf(ret_account, GATEWAY_ID_CHARS_MAX + 1, "%s%s", terms->virtual_prefix, digits);
    }
}

static void put(struct buf *buf, const char *key, const char *value) {
    if (value[0] != '\0') {
        buf_addf(buf, "\"%s\":", key);
        buf_add_json(buf, value);
        buf_add_char(buf, ',');
    }
}

/* The same in words, in English and Chinese. */
static void put_messages(struct buf *buf, int64_t amount_minor, struct currency currency,
                         int64_t received_minor) {
    char asked[MONEY_TEXT_MAX], came[MONEY_TEXT_MAX], missing[MONEY_TEXT_MAX], text[256];
    money_show(amount_minor, currency, asked);
    money_show(received_minor, currency, came);
    money_show(amount_minor - received_minor, currency, missing);
    if (received_minor == 0) {
        snprintf(text, sizeof text, "Please transfer %s and give the reference.", asked);
        put(buf, "message", text);
        snprintf(text, sizeof text, "请转账 %s,并注明付款编号。", asked);
    } else {
        snprintf(text, sizeof text, "We have received %s of %s; %s is still missing.", came, asked,
                 missing);
        put(buf, "message", text);
        snprintf(text, sizeof text, "已收到 %s,应付 %s,还差 %s。", came, asked, missing);
    }
    put(buf, "message_zh", text);
}

void bank_instructions(const struct gateway *gateway, const char *attempt_id, int64_t amount_minor,
                       struct currency currency, int64_t until_us, int64_t received_minor,
                       char ret_json[GATEWAY_ACTION_CHARS_MAX + 1]) {
    struct bank_terms terms;
    INVARIANT(bank_terms_of(gateway, &terms), "instructions of a gateway that is no bank account");
    char reference[BANK_REFERENCE_CHARS + 1], printed[BANK_REFERENCE_PRINTED_MAX];
    char account[GATEWAY_ID_CHARS_MAX + 1], decimal[MONEY_TEXT_MAX], time[CLOCK_TEXT_MAX];
    bank_reference_make(attempt_id, reference);
    bank_reference_print(reference, printed);
    virtual_account(&terms, attempt_id, account);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_ACTION_CHARS_MAX);
    buf_add_char(&buf, '{');
    put(&buf, "account_holder", terms.holder);
    put(&buf, "account", account[0] != '\0' ? account : terms.account);
    put(&buf, "bank", terms.bank);
    put(&buf, "bic", terms.bic);
    put(&buf, "cnaps", terms.cnaps);
    put(&buf, "reference", printed);
    put(&buf, "amount_decimal", money_decimal(amount_minor, currency, decimal));
    put(&buf, "currency", currency.code);
    put(&buf, "until", until_us > 0 ? clock_format(until_us, time) : "");
    put_messages(&buf, amount_minor, currency, received_minor);
    buf_addf(&buf, "\"amount\":%lld,\"received\":%lld,\"missing\":%lld}", (long long)amount_minor,
             (long long)received_minor, (long long)(amount_minor - received_minor));
    INVARIANT(buf_ok(&buf), "options are short enough for the instructions");
    snprintf(ret_json, GATEWAY_ACTION_CHARS_MAX + 1, "%s", buf.data);
}

static void instruct(const struct gateway *gateway, const char *attempt_id, int64_t amount_minor,
                     struct currency currency, int64_t expires_us, struct gateway_result *result) {
    struct bank_terms terms;
    INVARIANT(bank_terms_of(gateway, &terms), "a gateway of another adapter");
    int64_t until_us = expires_us > terms.grace_us ? expires_us - terms.grace_us : 0;
    gateway_result_init(result);
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    result->action = ACTION_TRANSFER;
    result->action_expires_us = until_us;
    bank_reference_make(attempt_id, result->gateway_id);
    virtual_account(&terms, attempt_id, result->charge_id);
    bank_instructions(gateway, attempt_id, amount_minor, currency, until_us, 0,
                      result->action_data);
}

static void bank_charge(const struct gateway_call *call, const struct gateway_charge *charge,
                        struct gateway_result *ret_result) {
    instruct(call->gateway, charge->reference, charge->amount_minor, charge->currency,
             charge->expires_us, ret_result);
}

/* Whether it was paid stands in our own rows, and whoever took them in has said so: here it always
 * waits. What the customer was shown stays as it is (settle.c). */
static void bank_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                       struct gateway_result *ret_result) {
    instruct(call->gateway, lookup->reference, lookup->amount_minor, lookup->currency,
             lookup->expires_us, ret_result);
}

/* ---- changes ---- */

static void bank_capture(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result) {
    (void)call;
    (void)change;
    gateway_result_init(ret_result);
    exchange_refuse(ret_result, "invalid_request", "a bank transfer is not captured: it comes");
}

/* Certain: nobody but the customer can send it. What he sends all the same is a late success. */
static void bank_cancel(const struct gateway_call *call, const struct gateway_change *change,
                        struct gateway_result *ret_result) {
    (void)call;
    (void)change;
    gateway_result_init(ret_result);
    ret_result->outcome = GW_CANCELED;
}

/* A person tells his bank to pay it, with our reference; the bank's row says that it was paid. */
static void bank_refund(const struct gateway_call *call, const struct gateway_change *change,
                        struct gateway_result *ret_result) {
    (void)call;
    gateway_result_init(ret_result);
    ret_result->outcome = PLANTED(PAYOUT_BELIEVED) ? GW_REFUNDED : GW_PENDING;
    bank_reference_make(change->reference, ret_result->refund_id);
    snprintf(ret_result->message, sizeof ret_result->message, "to be paid out by bank");
}

static int bank_verify_callback(const struct gateway_call *call,
                                const struct gateway_callback_request *request,
                                struct gateway_event *ret_event, struct err *err) {
    (void)request;
    (void)ret_event;
    return err_set(err, ERR_SIGNATURE, "%s is a bank account: it sends no callbacks",
                   call->gateway->name);
}

const struct gateway_adapter bank_adapter = {
    .name = "bank",
    .can =
        {
            .authorize = false,
            .partial_capture = false,
            .cancel = true,
            .partial_refund = true,
            .offline = true,
            .key_lifetime_us = DAYS_MAX * 2 * DAY_US,
            .keeps_refusals = true,
            .close_on_unknown = true,
            .changes_again = true,
            .code_again = true,
            .customer_action = true,
            .flows =
                {[FLOW_PAGE] = true, [FLOW_MOBILE] = true, [FLOW_QR] = true, [FLOW_APP] = true},
        },
    .methods = {[METHOD_BANK_TRANSFER] = true},
    .errors = NULL,
    .error_count = 0,
    .credentials = credentials_needed,
    .options = options_needed,
    .more_options = options_more,
    .ack = {200, "text/plain", ""},
    .open = bank_open,
    .close = bank_close,
    .action_us = bank_action_us,
    .charge = bank_charge,
    .query = bank_query,
    .capture = bank_capture,
    .cancel = bank_cancel,
    .refund = bank_refund,
    .query_refund = bank_refund,
    .verify_callback = bank_verify_callback,
};
