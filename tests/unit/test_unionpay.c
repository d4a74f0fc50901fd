/* SPDX-License-Identifier: Apache-2.0
 * test_unionpay.c: the configuration of a UnionPay gateway, orders that wait for their customer,
 * asking where one stands, and the settlement file. */
#include <zlib.h>

#include "unionpay_fixture.h"

#include "base/json.h"

/* Every respCode that the specification has, but the two that say "done". */
static const struct {
    const char *code;
    enum gateway_outcome outcome; /* as the answer to a request that moves money */
    enum gateway_outcome ended;   /* as the result of what is asked about */
} codes[] = {
    {"01", GW_DECLINED, GW_DECLINED},         {"02", GW_UNAVAILABLE, GW_DECLINED},
    {"03", GW_UNKNOWN, GW_PENDING},           {"04", GW_UNKNOWN, GW_PENDING},
    {"05", GW_UNKNOWN, GW_PENDING},           {"06", GW_UNAVAILABLE, GW_DECLINED},
    {"10", GW_REJECTED_REQUEST, GW_DECLINED}, {"11", GW_REJECTED_CREDENTIALS, GW_DECLINED},
    {"12", GW_UNKNOWN, GW_UNKNOWN},           {"13", GW_REJECTED_REQUEST, GW_DECLINED},
    {"14", GW_REJECTED_REQUEST, GW_DECLINED}, {"30", GW_DECLINED, GW_DECLINED},
    {"31", GW_REJECTED_REQUEST, GW_DECLINED}, {"32", GW_REJECTED_REQUEST, GW_DECLINED},
    {"33", GW_REJECTED_REQUEST, GW_DECLINED}, {"34", GW_UNKNOWN, GW_UNKNOWN},
    {"35", GW_REJECTED_REQUEST, GW_DECLINED}, {"36", GW_REJECTED_REQUEST, GW_DECLINED},
    {"37", GW_RATE_LIMITED, GW_DECLINED},     {"38", GW_DECLINED, GW_DECLINED},
    {"39", GW_UNAVAILABLE, GW_DECLINED},      {"40", GW_REJECTED_REQUEST, GW_DECLINED},
    {"41", GW_REJECTED_REQUEST, GW_DECLINED}, {"42", GW_UNKNOWN, GW_UNKNOWN},
    {"60", GW_DECLINED, GW_DECLINED},         {"61", GW_DECLINED, GW_DECLINED},
    {"62", GW_DECLINED, GW_DECLINED},         {"63", GW_DECLINED, GW_DECLINED},
    {"64", GW_DECLINED, GW_DECLINED},         {"65", GW_DECLINED, GW_DECLINED},
    {"66", GW_DECLINED, GW_DECLINED},         {"67", GW_DECLINED, GW_DECLINED},
    {"68", GW_DECLINED, GW_DECLINED},         {"69", GW_DECLINED, GW_DECLINED},
    {"70", GW_UNKNOWN, GW_PENDING},           {"71", GW_DECLINED, GW_DECLINED},
    {"72", GW_DECLINED, GW_DECLINED},         {"73", GW_DECLINED, GW_DECLINED},
    {"74", GW_UNKNOWN, GW_UNKNOWN},           {"75", GW_UNKNOWN, GW_UNKNOWN},
    {"76", GW_DECLINED, GW_DECLINED},         {"77", GW_DECLINED, GW_DECLINED},
    {"98", GW_NOT_FOUND, GW_UNKNOWN},         {"99", GW_UNKNOWN, GW_UNKNOWN},
};

static struct gateway_result charged(struct fake *fake, const struct gateway_charge *charge) {
    struct gateway_result result;
    fake->gateway.adapter->charge(&fake->call, charge, &result);
    return result;
}

static struct gateway_result queried(struct fake *fake, const struct gateway_lookup *lookup) {
    struct gateway_result result;
    fake->gateway.adapter->query(&fake->call, lookup, &result);
    return result;
}

/* A lookup of an order whose payTimeout is that long ago. */
static struct gateway_lookup lookup_ended(int64_t ago_s) {
    struct gateway_lookup lookup = unionpay_lookup_of("");
    lookup.expires_us = clock_wall_us() - ago_s * US_PER_SECOND;
    return lookup;
}

/* ---- configuration ---- */

static const char *open_problem(struct fake *fake, struct err *err) {
    int rc = fake->gateway.adapter->open(&fake->gateway, err);
    assert_true(rc == 0 || rc == -ERR_CONFIG);
    if (rc < 0) {
        assert_null(fake->gateway.state);
    }
    return rc == 0 ? "" : err->detail;
}

static void a_gateway_that_cannot_work_is_not_opened(void **state) {
    static const struct {
        const char *name, *value, *problem;
    } options[] = {
        {"merchant_id", "7772900581100", "merchant_id"},
        {"merchant_id", "77729005811004-", "merchant_id"},
        {"sign_method", "12", "sign_method"},
        {"test", "yes", "'test'"},
        {"file_url", "http://files.example/", "file_url"},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        struct fake *fake = unionpay_made(BASE);
        struct err err;
        fake->gateway.option_count = 0;
        if (strcmp(options[i].name, "merchant_id") != 0) {
            fake_option(fake, "merchant_id", MERCHANT);
        }
        fake_option(fake, options[i].name, options[i].value);
        fake_file(fake, "private_key", "merchant.key.pem");
        fake_file(fake, "certificate", "merchant.crt.pem");
        fake_file(fake, "root_ca", "up_root.crt.pem");
        fake_file(fake, "middle_ca", "up_mid.crt.pem");
        assert_non_null(strstr(open_problem(fake, &err), options[i].problem));
        fake_free(fake);
    }
    struct fake *fake = unionpay_made(BASE);
    struct err err;
    fake->gateway.callback_url[0] = '\0';
    assert_non_null(strstr(open_problem(fake, &err), "callback_url"));
    fake_free(fake);
}

static void each_credential_is_needed_and_checked(void **state) {
    static const struct {
        const char *private_key, *certificate, *root_ca, *middle_ca, *problem;
    } files[] = {
        {NULL, "merchant.crt.pem", "up_root.crt.pem", "up_mid.crt.pem", "private_key"},
        {"merchant.key.pem", NULL, "up_root.crt.pem", "up_mid.crt.pem", "certificate"},
        {"merchant.key.pem", "merchant.crt.pem", NULL, "up_mid.crt.pem", "root_ca"},
        {"merchant.key.pem", "merchant.crt.pem", "up_root.crt.pem", NULL, "middle_ca"},
        {"platform.key.pem", "merchant.crt.pem", "up_root.crt.pem", "up_mid.crt.pem", "the key of"},
        {"merchant.crt.pem", "merchant.crt.pem", "up_root.crt.pem", "up_mid.crt.pem",
         "private_key"},
        {"merchant.key.pem", "merchant.key.pem", "up_root.crt.pem", "up_mid.crt.pem",
         "certificate"},
        {"merchant.key.pem", "merchant.crt.pem", "merchant.key.pem", "up_mid.crt.pem", "root_ca"},
        {"merchant.key.pem", "merchant.crt.pem", "up_root.crt.pem", "merchant.key.pem",
         "middle_ca"},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct fake *fake = unionpay_made(BASE);
        struct err err;
        const char *names[] = {"private_key", "certificate", "root_ca", "middle_ca"};
        const char *given[] = {files[i].private_key, files[i].certificate, files[i].root_ca,
                               files[i].middle_ca};
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            if (given[k] != NULL) {
                fake_file(fake, names[k], given[k]);
            }
        }
        assert_non_null(strstr(open_problem(fake, &err), files[i].problem));
        fake_free(fake);
    }
    struct fake *fake = unionpay_made(BASE);
    struct err err;
    fake_option(fake, "sign_method", "11");
    assert_non_null(strstr(open_problem(fake, &err), "secure_key"));
    fake_credential(fake, "passphrase", "x");
    assert_non_null(strstr(open_problem(fake, &err), "no credential 'passphrase'"));
    fake_free(fake);
}

static void files_are_at_the_host_beside_the_gateways(void **state) {
    static const struct {
        const char *base, *option, *url;
    } urls[] = {
        {BASE, NULL, "https://filedownload.95516.com/"},
        {"https://gateway.test.95516.com", NULL, "https://filedownload.test.95516.com/"},
        {"http://127.0.0.1:9105", NULL, "http://127.0.0.1:9105/"},
        {BASE, "https://files.example/", "https://files.example/"},
        {BASE, "http://127.0.0.1:1/f", "http://127.0.0.1:1/f"},
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct fake *fake = unionpay_made(urls[i].base);
        struct err err;
        fake_option(fake, "sign_method", "11");
        fake_credential(fake, "secure_key", KEY);
        if (urls[i].option != NULL) {
            fake_option(fake, "file_url", urls[i].option);
        }
        assert_string_equal(open_problem(fake, &err), "");
        const struct unionpay_state *made = fake->gateway.state;
        assert_string_equal(made->file_url, urls[i].url);
        fake_free(fake);
    }
}

/* ---- orders ---- */

static void an_order_is_named_by_our_reference_and_its_time(void **state) {
    struct unionpay_order order = {.id = "untouched"};
    char back[ID_TEXT_MAX];
    static const char *const bad[] = {"",
                                      "att_1",
                                      "a_b_c_d_e_f_g",
                                      "att-01JD5R6Q6Y0V3M8X2K4N7T9BCF",
                                      "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF\n",
                                      "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF012345678901"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(unionpay_order_of(bad[i], created_us(), &order));
    }
    assert_false(unionpay_order_of(REFERENCE, 0, &order));
    assert_string_equal(order.id, "untouched");
    assert_true(unionpay_order_of(REFERENCE, created_us(), &order));
    assert_string_equal(order.id, ORDER_ID);
    assert_string_equal(order.time, CREATED_TIME);
    unionpay_reference_of(ORDER_ID, back);
    assert_string_equal(back, REFERENCE);
    unionpay_reference_of(CHANGE_ORDER_ID, back);
    assert_string_equal(back, CHANGE_REFERENCE);
    unionpay_reference_of("T20260101000001", back);
    assert_string_equal(back, "");
    unionpay_reference_of("ATT01JD5R6Q6Y0V3M8X2K4N7T9BCF", back);
    assert_string_equal(back, "");
}

static void read_form_action(const struct gateway_result *result,
                             struct unionpay_message *ret_message) {
    JSON_AUTO json = NULL;
    struct err err;
    const char *name;
    json_t *value;
    assert_int_equal(
        json_read(result->action_data, strlen(result->action_data), 8192, 4, &json, &err), 0);
    assert_string_equal(json_peek_text(json, "url", NULL), BASE UNIONPAY_FRONT_PATH);
    json_object_foreach((json_t *)json_peek(json, "fields", NULL), name, value) {
        unionpay_set(ret_message, name, json_string_value(value));
    }
}

static void a_page_is_a_signed_form_and_no_call_is_made(void **state) {
    struct fake *fake = *state;
    struct unionpay_state *made = fake->gateway.state;
    for (int i = 0; i < 4; i++) {
        struct gateway_charge charge = unionpay_charge_of(i % 2 == 0 ? FLOW_PAGE : FLOW_MOBILE);
        charge.flow = i == 3 ? 0 : charge.flow;
        charge.capture = i != 2;
        UNIONPAY_MESSAGE_AUTO form = {0};
        fake_script(fake, NULL, 0);
        struct gateway_result result = charged(fake, &charge);
        assert_int_equal(result.outcome, GW_ACTION_NEEDED);
        assert_int_equal(result.action, ACTION_FORM);
        assert_int_equal(result.action_expires_us, charge.expires_us);
        read_form_action(&result, &form);
        assert_field(&form, "orderId", ORDER_ID);
        assert_field(&form, "txnTime", CREATED_TIME);
        assert_field(&form, "payTimeout", "20261121201500");
        assert_field(&form, "txnType", i == 2 ? "02" : "01");
        assert_field(&form, "txnSubType", "01");
        assert_field(&form, "bizType", "000201");
        assert_field(&form, "txnAmt", "1099");
        assert_field(&form, "currencyCode", "156");
        assert_field(&form, "channelType", i == 1 ? "08" : "07");
        assert_field(&form, "frontUrl", charge.return_url);
        assert_field(&form, "backUrl", CALLBACK_URL);
        assert_field(&form, "certId", "170518961404394360138998218675655307300760402572");
        assert_true(unionpay_verify_rsa(&form, made->key));
        struct gateway_result again = charged(fake, &charge);
        assert_string_equal(again.action_data, result.action_data);
        assert_int_equal(fake->sent_count, 0);
    }
}

static void without_an_end_the_page_ends_after_half_an_hour(void **state) {
    struct gateway_charge charge = unionpay_charge_of(FLOW_PAGE);
    UNIONPAY_MESSAGE_AUTO form = {0};
    charge.expires_us = 0;
    fake_script(*state, NULL, 0);
    struct gateway_result result = charged(*state, &charge);
    read_form_action(&result, &form);
    assert_field(&form, "payTimeout", "20261121203000");
    assert_int_equal(result.action_expires_us, charge.created_us + 1800 * US_PER_SECOND);
}

static void what_cannot_be_asked_is_refused_unsent(void **state) {
    struct gateway_charge bad[8];
    char url[GATEWAY_URL_CHARS_MAX * 4];
    memset(url, '"', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    memcpy(url, "https://", 8);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        bad[i] = unionpay_charge_of(FLOW_PAGE);
    }
    bad[0].currency = money_of("USD");
    bad[1].amount_minor = 0;
    bad[2].token = "card_1";
    bad[3].off_session = true;
    bad[4].method = METHOD_CARD;
    bad[5].flow = FLOW_QR;
    bad[6].reference = "a_b_c_d_e_f_g";
    bad[7].return_url = url;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fake_script(*state, NULL, 0);
        struct gateway_result result = charged(*state, &bad[i]);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_int_equal(result.action, ACTION_NONE);
        assert_int_equal(result.reach, 0);
    }
}

static void an_app_is_given_the_tn(void **state) {
    struct fake *fake = *state;
    struct unionpay_state *made = fake->gateway.state;
    struct gateway_charge charge = unionpay_charge_of(FLOW_APP);
    UNIONPAY_MESSAGE_AUTO sent = {0};
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER("respCode=00&tn=812345678901234567890"), 0, 0});
    struct gateway_result result = charged(fake, &charge);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_APP);
    assert_string_equal(result.action_data, "812345678901234567890");
    assert_int_equal(result.action_expires_us, charge.expires_us);
    assert_string_equal(fake->sent[0].url, BASE UNIONPAY_APP_PATH);
    assert_non_null(strstr(fake->sent[0].headers, "application/x-www-form-urlencoded"));
    unionpay_sent(fake, 0, &sent);
    assert_field(&sent, "txnType", "01");
    assert_field(&sent, "channelType", "08");
    assert_field(&sent, "frontUrl", "");
    assert_true(unionpay_verify_rsa(&sent, made->key));
}

static void an_app_order_that_nobody_can_pay_is_certainly_not_charged(void **state) {
    struct fake *fake = *state;
    struct gateway_charge charge = unionpay_charge_of(FLOW_APP);
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        FAKE_SCRIPT(fake, {0, NULL, fake_failures[i].reach, fake_failures[i].failure});
        assert_int_equal(charged(fake, &charge).outcome, GW_UNAVAILABLE);
    }
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER("respCode=00"), 0, 0});
    assert_int_equal(charged(fake, &charge).outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {502, "<html>", 0, 0});
    assert_int_equal(charged(fake, &charge).outcome, GW_UNAVAILABLE);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        char fields[64];
        if (strcmp(codes[i].code, "12") == 0 || strcmp(codes[i].code, "98") == 0) {
            continue;
        }
        snprintf(fields, sizeof(fields), "respCode=%s", codes[i].code);
        FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(fields), 0, 0});
        struct gateway_result result = charged(fake, &charge);
        assert_int_equal(result.outcome,
                         codes[i].outcome == GW_UNKNOWN ? GW_UNAVAILABLE : codes[i].outcome);
        assert_string_equal(result.code, codes[i].code);
    }
}

static void an_app_order_that_is_known_there_is_asked_about(void **state) {
    struct fake *fake = *state;
    struct gateway_charge charge = unionpay_charge_of(FLOW_APP);
    const char *duplicate = PAYMENT_ANSWER("respCode=12");
    static const struct {
        const char *fields;
        enum gateway_outcome outcome;
    } found[] = {
        {FOUND("00"), GW_CHARGED},   {FOUND("05"), GW_PENDING},   {FOUND("64"), GW_DECLINED},
        {"respCode=34", GW_UNKNOWN}, {"respCode=37", GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(found); i++) {
        FAKE_SCRIPT(fake, {200, duplicate, 0, 0}, {200, PAYMENT_ANSWER(found[i].fields), 0, 0});
        assert_int_equal(charged(fake, &charge).outcome, found[i].outcome);
        assert_script_done(fake);
        assert_string_equal(fake->sent[1].url, BASE UNIONPAY_QUERY_PATH);
    }
    FAKE_SCRIPT(fake, {200, duplicate, 0, 0}, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT});
    assert_int_equal(charged(fake, &charge).outcome, GW_UNKNOWN);
}

/* ---- asking ---- */

static void a_question_names_order_and_time(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = unionpay_lookup_of("");
    UNIONPAY_MESSAGE_AUTO sent = {0};
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("00")), 0, 0});
    struct gateway_result result = queried(fake, &lookup);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(result.gateway_id, QUERY_ID);
    assert_string_equal(result.charge_id, QUERY_ID);
    assert_int_equal(result.amount_minor, 1099);
    assert_int_equal(result.captured_minor, 1099);
    assert_string_equal(result.currency.code, "CNY");
    assert_string_equal(result.code, "");
    assert_string_equal(result.trace, "123456");
    assert_string_equal(fake->sent[0].url, BASE UNIONPAY_QUERY_PATH);
    unionpay_sent(fake, 0, &sent);
    assert_field(&sent, "txnType", "00");
    assert_field(&sent, "txnSubType", "00");
    assert_field(&sent, "bizType", "000201");
    assert_field(&sent, "orderId", ORDER_ID);
    assert_field(&sent, "txnTime", CREATED_TIME);
    assert_field(&sent, "txnAmt", "");
    lookup.hold = true;
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("A6")), 0, 0});
    result = queried(fake, &lookup);
    assert_int_equal(result.outcome, GW_AUTHORIZED);
    assert_string_equal(result.gateway_id, QUERY_ID);
    assert_string_equal(result.charge_id, "");
    assert_int_equal(result.captured_minor, -1);
}

static void every_code_says_how_a_payment_ended(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = unionpay_lookup_of("");
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        char fields[128];
        snprintf(fields, sizeof(fields),
                 "respCode=00&origRespCode=%s&queryId=" QUERY_ID "&txnAmt=1099&currencyCode=156",
                 codes[i].code);
        FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(fields), 0, 0});
        struct gateway_result result = queried(fake, &lookup);
        if (result.outcome != codes[i].ended) {
            fail_msg("%s is %s", codes[i].code, gateway_outcome_name(result.outcome));
        }
        assert_string_equal(result.code, codes[i].code);
        assert_string_not_equal(result.common_code, "");
    }
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("ZZ")), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNKNOWN);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER("respCode=00"), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNKNOWN);
}

static void the_table_has_every_code_once_and_as_the_specification_classes_it(void **state) {
    assert_int_equal(unionpay_adapter.error_count, COUNT_OF(codes));
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        const struct gateway_error *row = gateway_error_find(&unionpay_adapter, codes[i].code);
        assert_non_null(row);
        if (row->outcome != codes[i].outcome) {
            fail_msg("%s is %s", codes[i].code, gateway_outcome_name(row->outcome));
        }
        assert_int_equal(unionpay_ended(codes[i].code, GW_CHARGED), codes[i].ended);
    }
    assert_null(gateway_error_find(&unionpay_adapter, "00"));
    assert_null(gateway_error_find(&unionpay_adapter, "A6"));
    assert_int_equal(unionpay_ended("00", GW_REFUNDED), GW_REFUNDED);
    assert_int_equal(unionpay_ended("A6", GW_CHARGED), GW_CHARGED);
    assert_int_equal(unionpay_ended("a6", GW_CHARGED), GW_UNKNOWN);
}

static void a_question_that_is_refused_says_nothing_about_the_payment(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = unionpay_lookup_of("");
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        char fields[64];
        if (strcmp(codes[i].code, "34") == 0) {
            continue;
        }
        snprintf(fields, sizeof(fields), "respCode=%s", codes[i].code);
        FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(fields), 0, 0});
        enum gateway_outcome outcome = queried(fake, &lookup).outcome;
        assert_int_equal(outcome, strcmp(codes[i].code, "37") == 0   ? GW_RATE_LIMITED
                                  : strcmp(codes[i].code, "11") == 0 ? GW_REJECTED_CREDENTIALS
                                                                     : GW_UNAVAILABLE);
    }
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        FAKE_SCRIPT(fake, {0, NULL, fake_failures[i].reach, fake_failures[i].failure});
        assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    }
}

static void an_order_that_is_not_there_waits_until_its_payTimeout_has_passed(void **state) {
    struct fake *fake = *state;
    const char *missing = PAYMENT_ANSWER("respCode=34");
    static const struct {
        int64_t ago_s;
        enum gateway_outcome outcome;
    } times[] = {
        {-600, GW_ACTION_NEEDED},
        {0, GW_ACTION_NEEDED},
        {540, GW_ACTION_NEEDED},
        {660, GW_CANCELED},
    };
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct gateway_lookup lookup = lookup_ended(times[i].ago_s);
        FAKE_SCRIPT(fake, {200, missing, 0, 0});
        assert_int_equal(queried(fake, &lookup).outcome, times[i].outcome);
    }
    /* Where nobody said when it ends, half an hour after it was made, and the same grace. */
    struct gateway_lookup lookup = unionpay_lookup_of("");
    lookup.expires_us = 0;
    FAKE_SCRIPT(fake, {200, missing, 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome,
                     clock_wall_us() < lookup.created_us + 2400 * US_PER_SECOND ? GW_ACTION_NEEDED
                                                                                : GW_CANCELED);
    /* One that was paid is paid, whatever the hour. */
    lookup = lookup_ended(3600);
    FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(FOUND("00")), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_CHARGED);
}

static void an_answer_that_is_not_unionpays_is_none(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = unionpay_lookup_of("");
    const char *good = PAYMENT_ANSWER(FOUND("00"));
    static const char *const signers[] = {"up_wrong_name", "up_expired", "up_stranger", "merchant"};
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        UNIONPAY_MESSAGE_AUTO message = {0};
        unionpay_fill(&message, ORDER_ID, CREATED_TIME, FOUND("00"));
        unionpay_signed_by(&message, signers[i]);
        FAKE_SCRIPT(fake, {200, unionpay_raw(&message), 0, 0});
        struct gateway_result result = queried(fake, &lookup);
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_string_equal(result.common_code, "answer_not_genuine");
    }
    static const char *const others[] = {"orderId=att01JD5R6Q6Y0V3M8X2K4N7T9BCX",
                                         "txnTime=20261121200001", "merId=777290058110049",
                                         "version=5.0.0", "orderId="};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields), FOUND("00") "&%s", others[i]);
        FAKE_SCRIPT(fake, {200, PAYMENT_ANSWER(fields), 0, 0});
        assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    }
    for (int status = 201; status <= 503; status += 151) {
        FAKE_SCRIPT(fake, {status, good, 0, 0});
        assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    }
    FAKE_SCRIPT(fake, {200, "", 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, "{}", 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    FAKE_SCRIPT(fake, {200, good, 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_CHARGED);
}

static void every_change_of_one_byte_of_an_answer_is_noticed(void **state) {
    struct fake *fake = *state;
    struct gateway_lookup lookup = unionpay_lookup_of("");
    const char *good = PAYMENT_ANSWER(FOUND("00"));
    char *bad = strdup(good);
    size_t count = strlen(good);
    for (size_t i = 0; i < count; i++) {
        bad[i] ^= 1;
        FAKE_SCRIPT(fake, {200, bad, 0, 0});
        if (queried(fake, &lookup).outcome == GW_CHARGED) {
            fail_msg("byte %zu of the answer does not matter", i);
        }
        bad[i] ^= 1;
    }
    for (size_t end = 0; end < count; end += 7) {
        bad[end] = '\0';
        FAKE_SCRIPT(fake, {200, bad, 0, 0});
        assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
        bad[end] = good[end];
    }
    free(bad);
}

static void money_in_another_currency_is_not_ours(void **state) {
    struct gateway_lookup lookup = unionpay_lookup_of("");
    static const char *const fields[] = {
        FOUND("00") "&currencyCode=840",     FOUND("00") "&currencyCode=",
        FOUND("00") "&txnAmt=10.99",         FOUND("00") "&txnAmt=-1",
        FOUND("00") "&txnAmt=1234567890123", FOUND("00") "&queryId=",
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        FAKE_SCRIPT((struct fake *)*state, {200, PAYMENT_ANSWER(fields[i]), 0, 0});
        assert_int_equal(queried(*state, &lookup).outcome, GW_UNKNOWN);
    }
}

static void with_a_secret_key_all_is_signed_and_verified_by_it(void **state) {
    struct fake *fake = unionpay_new_by_key();
    struct gateway_lookup lookup = unionpay_lookup_of("");
    struct secret *key = secret_new(KEY, strlen(KEY));
    struct secret *other = secret_new("other", 5);
    const struct unionpay_signer good = {.secure_key = key}, bad = {.secure_key = other};
    struct err err;
    UNIONPAY_MESSAGE_AUTO message = {0};
    UNIONPAY_MESSAGE_AUTO sent = {0};
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, FOUND("00"));
    assert_int_equal(unionpay_sign(&message, &good, &err), 0);
    FAKE_SCRIPT(fake, {200, unionpay_raw(&message), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_CHARGED);
    unionpay_sent(fake, 0, &sent);
    assert_field(&sent, "signMethod", "11");
    assert_field(&sent, "certId", "");
    assert_true(unionpay_verify_key(&sent, key));
    assert_int_equal(unionpay_sign(&message, &bad, &err), 0);
    FAKE_SCRIPT(fake, {200, unionpay_raw(&message), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    /* Signed by certificate, but this gateway has none to hold it against. */
    unionpay_signed_by(&message, "up_sign");
    FAKE_SCRIPT(fake, {200, unionpay_raw(&message), 0, 0});
    assert_int_equal(queried(fake, &lookup).outcome, GW_UNAVAILABLE);
    secret_free(key);
    secret_free(other);
    fake_free(fake);
}

static void a_message_by_secret_key_is_not_believed_where_certificates_are_used(void **state) {
    struct gateway_lookup lookup = unionpay_lookup_of("");
    struct secret *key = secret_new("", 0);
    const struct unionpay_signer signer = {.secure_key = key};
    struct err err;
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, FOUND("00"));
    assert_int_equal(unionpay_sign(&message, &signer, &err), 0);
    FAKE_SCRIPT((struct fake *)*state, {200, unionpay_raw(&message), 0, 0});
    assert_int_equal(queried(*state, &lookup).outcome, GW_UNAVAILABLE);
    secret_free(key);
}

/* ---- probe and statement ---- */

/* Answers a probe: echoes what it was asked, which bears the present time. */
static const char *probe_fields;

static int answer_probe(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                        struct err *err) {
    UNIONPAY_MESSAGE_AUTO asked = {0};
    assert_int_equal(unionpay_message_read_form(&asked, call->body, call->body_bytes,
                                                UNIONPAY_MESSAGE_BYTES_MAX, err),
                     0);
    const char *body = unionpay_answer(unionpay_get(&asked, "orderId"),
                                       unionpay_get(&asked, "txnTime"), probe_fields);
    http_answer_fill(ret_answer, 200, NULL, 0, body, strlen(body));
    return 0;
}

static void a_probe_asks_about_an_order_that_nobody_made(void **state) {
    static const struct http_client_ops ops = {answer_probe, NULL};
    static const struct {
        const char *fields;
        enum gateway_outcome outcome;
    } answers[] = {
        {"respCode=34", GW_NONE},
        {"respCode=37", GW_RATE_LIMITED},
        {"respCode=11", GW_REJECTED_CREDENTIALS},
        {"respCode=02", GW_UNAVAILABLE},
    };
    struct fake *fake = *state;
    struct gateway_call call = fake->call;
    call.client = http_client_custom(&ops, NULL);
    call.deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct gateway_result result;
        probe_fields = answers[i].fields;
        fake->gateway.adapter->probe(&call, &result);
        assert_int_equal(result.outcome, answers[i].outcome);
    }
    http_client_free(call.client);
    struct gateway_result result;
    FAKE_SCRIPT(fake, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    fake->gateway.adapter->probe(&fake->call, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
}

static char *packed(const char *bytes, size_t count) {
    unsigned char room[4096];
    uLongf room_bytes = sizeof(room);
    assert_int_equal(compress(room, &room_bytes, (const Bytef *)bytes, count), Z_OK);
    return crypto_base64(room, room_bytes);
}

static const char *file_answer(const char *code, const char *content) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_fill(&message, "", "", "bizType=000000");
    unionpay_set(&message, "respCode", code);
    unionpay_set(&message, "fileName", "802310048993424_20261120.zip");
    unionpay_set(&message, "fileContent", content);
    unionpay_signed_by(&message, "up_sign");
    return unionpay_raw(&message);
}

static int fetched(struct fake *fake, struct buf *file) {
    const struct gateway_statement statement = {"settlement", 2026, 11, 20};
    struct err err;
    return fake->gateway.adapter->fetch_statement(&fake->call, &statement, file, &err);
}

static void the_settlement_file_is_taken_out_of_its_message(void **state) {
    struct fake *fake = *state;
    UNIONPAY_MESSAGE_AUTO sent = {0};
    static const char zip[] = "PK\x03\x04 a zip archive, with NULs \0 in it";
    char *content = packed(zip, sizeof(zip));
    BUF_AUTO file;
    buf_init(&file, 100000);
    FAKE_SCRIPT(fake, {200, file_answer("00", content), 0, 0});
    assert_int_equal(fetched(fake, &file), 0);
    assert_int_equal(file.len, sizeof(zip));
    assert_memory_equal(file.data, zip, sizeof(zip));
    assert_string_equal(fake->sent[0].url, "https://filedownload.95516.com/");
    unionpay_sent(fake, 0, &sent);
    assert_field(&sent, "txnType", "76");
    assert_field(&sent, "txnSubType", "01");
    assert_field(&sent, "bizType", "000000");
    assert_field(&sent, "fileType", "00");
    assert_field(&sent, "settleDate", "1120");
    free(content);
}

static void a_file_that_is_not_there_or_not_whole_is_none(void **state) {
    struct fake *fake = *state;
    static char zeros[900000];
    char *content = packed("PK", 2);
    char *bomb = packed(zeros, sizeof(zeros));
    BUF_AUTO file;
    buf_init(&file, 1000);
    char *cut = strdup(content);
    memcpy(cut + strlen(cut) - 4, "AAA=", 4);
    const struct {
        const char *answer;
        int rc;
    } answers[] = {
        {file_answer("98", NULL), -ERR_NOT_FOUND},
        {file_answer("37", NULL), -ERR_UNREACHABLE},
        {file_answer("06", NULL), -ERR_UNREACHABLE},
        {file_answer("10", NULL), -ERR_BAD_REQUEST},
        {file_answer("00", NULL), -ERR_BAD_REQUEST},
        {file_answer("00", "not base 64"), -ERR_BAD_REQUEST},
        {file_answer("00", "UEsDBA=="), -ERR_BAD_REQUEST},
        {file_answer("00", cut), -ERR_BAD_REQUEST},
        {file_answer("00", bomb), -ERR_BAD_REQUEST},
        {"respCode=00&fileContent=x", -ERR_SIGNATURE},
        {"<html>", -ERR_BAD_REQUEST},
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        FAKE_SCRIPT(fake, {200, answers[i].answer, 0, 0});
        assert_int_equal(fetched(fake, &file), answers[i].rc);
        assert_int_equal(file.len, 0);
    }
    FAKE_SCRIPT(fake, {500, "", 0, 0});
    assert_int_equal(fetched(fake, &file), -ERR_UNREACHABLE);
    FAKE_SCRIPT(fake, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    assert_int_equal(fetched(fake, &file), -ERR_UNREACHABLE);
    const struct gateway_statement other = {"trade", 2026, 11, 20};
    struct err err;
    fake_script(fake, NULL, 0);
    assert_int_equal(fake->gateway.adapter->fetch_statement(&fake->call, &other, &file, &err),
                     -ERR_BAD_REQUEST);
    free(content);
    free(bomb);
    free(cut);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, unionpay_setup, unionpay_teardown)

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_cannot_work_is_not_opened),
        cmocka_unit_test(each_credential_is_needed_and_checked),
        cmocka_unit_test(files_are_at_the_host_beside_the_gateways),
        cmocka_unit_test(an_order_is_named_by_our_reference_and_its_time),
        TEST(a_page_is_a_signed_form_and_no_call_is_made),
        TEST(without_an_end_the_page_ends_after_half_an_hour),
        TEST(what_cannot_be_asked_is_refused_unsent),
        TEST(an_app_is_given_the_tn),
        TEST(an_app_order_that_nobody_can_pay_is_certainly_not_charged),
        TEST(an_app_order_that_is_known_there_is_asked_about),
        TEST(a_question_names_order_and_time),
        TEST(every_code_says_how_a_payment_ended),
        TEST(the_table_has_every_code_once_and_as_the_specification_classes_it),
        TEST(a_question_that_is_refused_says_nothing_about_the_payment),
        TEST(an_order_that_is_not_there_waits_until_its_payTimeout_has_passed),
        TEST(an_answer_that_is_not_unionpays_is_none),
        TEST(every_change_of_one_byte_of_an_answer_is_noticed),
        TEST(money_in_another_currency_is_not_ours),
        cmocka_unit_test(with_a_secret_key_all_is_signed_and_verified_by_it),
        TEST(a_message_by_secret_key_is_not_believed_where_certificates_are_used),
        TEST(a_probe_asks_about_an_order_that_nobody_made),
        TEST(the_settlement_file_is_taken_out_of_its_message),
        TEST(a_file_that_is_not_there_or_not_whole_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
