/* SPDX-License-Identifier: Apache-2.0
 * unionpay_check.c: what a request to the simulated UnionPay must be before it is looked at. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/unionpay.h"

/* "About now": txnTime of what is new. */
#define TIME_WINDOW_US (600 * US_PER_SECOND)
#define PAGE_WINDOW_US (INT64_C(24) * 3600 * US_PER_SECOND) /* a form may lie with its customer */

#define DIGITS "0123456789"
#define ALPHANUMERIC DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ANY NULL

/* Every field that there is here, the characters that it may have, and how many. */
static const struct {
    const char *name, *allowed;
    size_t chars_min, chars_max;
} fields[] = {
    {"version", DIGITS ".", 5, 5},   {"encoding", ANY, 1, 20},
    {"signMethod", DIGITS, 2, 2},    {"signature", ALPHANUMERIC "+/=", 1, 1024},
    {"certId", DIGITS, 1, 51},       {"txnType", DIGITS, 2, 2},
    {"txnSubType", DIGITS, 2, 2},    {"bizType", DIGITS, 6, 6},
    {"channelType", DIGITS, 2, 2},   {"accessType", DIGITS, 1, 1},
    {"merId", ALPHANUMERIC, 15, 15}, {"orderId", ALPHANUMERIC, 8, 40},
    {"txnTime", DIGITS, 14, 14},     {"txnAmt", DIGITS, 1, 12},
    {"currencyCode", DIGITS, 3, 3},  {"frontUrl", ANY, 8, 1023},
    {"backUrl", ANY, 8, 1023},       {"payTimeout", DIGITS, 14, 14},
    {"reqReserved", ANY, 1, 1024},   {"origQryId", DIGITS, 21, 21},
    {"fileType", DIGITS, 2, 2},      {"settleDate", DIGITS, 4, 4},
};

/* What each path takes. */
static const struct shape {
    const char *path, *txn_type, *sub_type, *biz_type;
    const char *needed[10];
} shapes[] = {
    {"frontTransReq.do",
     "01",
     "01",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "channelType", NULL}},
    {"frontTransReq.do",
     "02",
     "01",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "channelType", NULL}},
    {"appTransReq.do",
     "01",
     "01",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "channelType", NULL}},
    {"appTransReq.do",
     "02",
     "01",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "channelType", NULL}},
    {"backTransReq.do",
     "03",
     "00",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "origQryId", "channelType", NULL}},
    {"backTransReq.do",
     "04",
     "00",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "origQryId", "channelType", NULL}},
    {"backTransReq.do",
     "31",
     "00",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "origQryId", "channelType", NULL}},
    {"backTransReq.do",
     "32",
     "00",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "origQryId", "channelType", NULL}},
    {"backTransReq.do",
     "33",
     "00",
     "000201",
     {"orderId", "txnAmt", "currencyCode", "backUrl", "origQryId", "channelType", NULL}},
    {"queryTrans.do", "00", "00", "000201", {"orderId", NULL}},
    {"", "76", "01", "000000", {"fileType", "settleDate", NULL}},
};

int64_t sb_up_number(const char *digits) {
    size_t count = strlen(digits);
    int64_t number = 0;
    if (count == 0 || count > 12 || strspn(digits, DIGITS) != count) {
        return -1;
    }
    for (; *digits != '\0'; digits++) {
        number = number * 10 + (*digits - '0');
    }
    return number;
}

void sb_up_name(const char *order_id, const char *txn_time, char ret_name[SB_UP_NAME_MAX]) {
    snprintf(ret_name, SB_UP_NAME_MAX, "%s.%s", order_id, txn_time);
}

static bool field_ok(const struct unionpay_field *field) {
    size_t count = strlen(field->value);
    bool url = strcmp(field->name, "frontUrl") == 0 || strcmp(field->name, "backUrl") == 0;
    if (url && strncmp(field->value, "http://", 7) != 0 &&
        strncmp(field->value, "https://", 8) != 0) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].name, field->name) == 0) {
            return count >= fields[i].chars_min && count <= fields[i].chars_max &&
                   (fields[i].allowed == ANY || strspn(field->value, fields[i].allowed) == count);
        }
    }
    return false;
}

static bool has(const struct unionpay_message *asked, const char *name) {
    return unionpay_get(asked, name)[0] != '\0';
}

static const struct shape *shape_of(const struct sb_up_call *call) {
    const char *slash = strrchr(call->request->path, '/');
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        if (strcmp(shapes[i].path, slash + 1) == 0 &&
            strcmp(shapes[i].txn_type, unionpay_get(&call->asked, "txnType")) == 0) {
            return &shapes[i];
        }
    }
    return NULL;
}

static bool is(const struct unionpay_message *asked, const char *name, const char *value) {
    return strcmp(unionpay_get(asked, name), value) == 0;
}

static const char *check_fields(const struct sb_up_call *call, const struct shape *shape) {
    static const char *const always[] = {"version", "encoding",   "signMethod", "signature",
                                         "txnType", "txnSubType", "bizType",    "accessType",
                                         "merId",   "txnTime",    NULL};
    const struct unionpay_message *asked = &call->asked;
    for (const char *const *name = always; *name != NULL; name++) {
        if (!has(asked, *name)) {
            return "13";
        }
    }
    for (const char *const *name = shape->needed; *name != NULL; name++) {
        if (!has(asked, *name)) {
            return "13";
        }
    }
    for (int i = 0; i < asked->count; i++) {
        if (!field_ok(&asked->fields[i])) {
            return "10";
        }
    }
    bool channel = !has(asked, "channelType") || is(asked, "channelType", "07") ||
                   is(asked, "channelType", "08");
    bool money = !has(asked, "txnAmt") || (is(asked, "currencyCode", "156") &&
                                           sb_up_number(unionpay_get(asked, "txnAmt")) > 0);
    return is(asked, "version", UNIONPAY_VERSION) && is(asked, "encoding", "UTF-8") &&
                   is(asked, "txnSubType", shape->sub_type) &&
                   is(asked, "bizType", shape->biz_type) && is(asked, "accessType", "0") &&
                   channel && money
               ? NULL
               : "10";
}

static bool signed_by(const struct unionpay_message *asked, const struct sb_up_identity *identity) {
    return identity != NULL && is(asked, "certId", identity->merchant->serial_decimal) &&
           unionpay_verify_rsa(asked, identity->merchant->public_key);
}

static const char *check_signature(struct sb_up_call *call) {
    const struct unionpay_message *asked = &call->asked;
    const char *text = sb_setting(call->sandbox, SB_UNIONPAY, SB_UP_SECURE_KEY);
    call->by_key = is(asked, "signMethod", UNIONPAY_BY_KEY);
    if (!call->by_key) {
        return signed_by(asked, sb_identity(call->sandbox, SB_UNIONPAY)) ||
                       signed_by(asked, sb_identity_before(call->sandbox, SB_UNIONPAY))
                   ? NULL
                   : "11";
    }
    struct secret *key = secret_new(text, strlen(text));
    bool genuine = key != NULL && unionpay_verify_key(asked, key);
    secret_free(key);
    return genuine ? NULL : "11";
}

/* A question bears the time of the trade that it is about. */
static bool time_ok(const struct sb_up_call *call) {
    int64_t time_us = 0, now_us = clock_wall_us();
    bool page = strstr(call->request->path, "frontTransReq") != NULL;
    if (!unionpay_time_read(unionpay_get(&call->asked, "txnTime"), &time_us)) {
        return false;
    }
    return is(&call->asked, "txnType", "00") ||
           (time_us >= now_us - (page ? PAGE_WINDOW_US : TIME_WINDOW_US) &&
            time_us <= now_us + TIME_WINDOW_US);
}

const char *sb_up_check(struct sb_up_call *call) {
    const struct shape *shape = shape_of(call);
    const char *code = shape == NULL ? "10" : check_fields(call, shape);
    if (code != NULL) {
        return code;
    }
    if (!is(&call->asked, "merId", sb_setting(call->sandbox, SB_UNIONPAY, SB_UP_MERCHANT_ID))) {
        return "31";
    }
    code = check_signature(call);
    if (code != NULL) {
        return code;
    }
    return time_ok(call) ? NULL : "10";
}
