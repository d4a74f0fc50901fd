/* SPDX-License-Identifier: Apache-2.0
 * test_gateway_probe.c: `gateway check` and `gateway probe` of a service before each simulated
 * gateway: whatever an adapter's harmless call is answered with when all is well, it is well. */
#include "sandbox_fixture.h"
#include "support/running_service.h"
#include "support/store_fixture.h"

enum { YAML_BYTES_MAX = 8192 };

static struct test_store database;
static struct running_service running;

static void put(const char *name, enum sandbox_port port, const char *paper) {
    const char *text = sandbox_paper(fixture.sandbox, port, paper);
    assert_non_null(text);
    setenv(name, text, 1);
}

/* Keys and certificates of the sandbox, where the configuration looks for them. */
static void put_papers(void) {
    put("HF_TEST_PAYPAL_CA", SANDBOX_PAYPAL, "ca.pem");
    put("HF_TEST_ALIPAY_KEY", SANDBOX_ALIPAY, "merchant.key.pem");
    put("HF_TEST_ALIPAY_PUBLIC", SANDBOX_ALIPAY, "alipay.pub.pem");
    put("HF_TEST_WECHAT_KEY", SANDBOX_WECHAT, "merchant.key.pem");
    setenv("HF_TEST_WECHAT_V3", SANDBOX_WECHAT_API_V3_KEY, 1);
    setenv("HF_TEST_UNIONPAY_KEY", SANDBOX_UNIONPAY_SECURE_KEY, 1);
    setenv("HF_TEST_STRIPE_KEY", SANDBOX_STRIPE_KEY, 1);
    setenv("HF_TEST_STRANGER_KEY", "sk_test_of_a_stranger", 1);
    setenv("HF_TEST_WORD", SANDBOX_PAYPAL_CLIENT_ID, 1);
    setenv("HF_TEST_PAYPAL_SECRET", SANDBOX_PAYPAL_CLIENT_SECRET, 1);
}

static void add_gateway(struct buf *yaml, const char *name, const char *adapter,
                        enum sandbox_port port, const char *options, const char *credentials) {
    buf_addf(yaml,
             "  - name: %s\n    adapter: %s\n    base_url: \"http://127.0.0.1:%d\"\n"
             "    callback_url: \"https://pay.example/callbacks/%s\"\n"
             "    options: [%s]\n    credentials: [%s]\n",
             name, adapter, sandbox_port(fixture.sandbox, port), name, options, credentials);
}

#define OPTION(name, value) "{name: " name ", value: \"" value "\"}"
#define FROM(name, variable) "{name: " name ", from: \"env:HF_TEST_" variable "\"}"

static void add_gateways(struct buf *yaml) {
    char wechat[400];
    snprintf(wechat, sizeof wechat,
             OPTION("appid", "%s") ", " OPTION("mchid", "%s") ", " OPTION("merchant_serial", "%s"),
             SANDBOX_WECHAT_APPID, SANDBOX_WECHAT_MCHID,
             sandbox_paper(fixture.sandbox, SANDBOX_WECHAT, "merchant.serial"));
    add_gateway(yaml, "stripe", "stripe", SANDBOX_STRIPE, "",
                FROM("api_key", "STRIPE_KEY") ", " FROM("webhook_secret", "STRIPE_KEY"));
    add_gateway(yaml, "stranger", "stripe", SANDBOX_STRIPE, "",
                FROM("api_key", "STRANGER_KEY") ", " FROM("webhook_secret", "STRIPE_KEY"));
    add_gateway(yaml, "paypal", "paypal", SANDBOX_PAYPAL, "",
                FROM("client_id", "WORD") ", " FROM("client_secret", "PAYPAL_SECRET") ", " FROM(
                    "webhook_id", "WORD") ", " FROM("webhook_ca", "PAYPAL_CA"));
    add_gateway(
        yaml, "alipay", "alipay", SANDBOX_ALIPAY,
        OPTION("app_id", SANDBOX_ALIPAY_APP_ID) ", " OPTION("seller_id", SANDBOX_ALIPAY_SELLER_ID),
        FROM("private_key", "ALIPAY_KEY") ", " FROM("alipay_public_key", "ALIPAY_PUBLIC"));
    add_gateway(yaml, "wechatpay", "wechatpay", SANDBOX_WECHAT, wechat,
                FROM("private_key", "WECHAT_KEY") ", " FROM("api_v3_key", "WECHAT_V3"));
    add_gateway(
        yaml, "unionpay", "unionpay", SANDBOX_UNIONPAY,
        OPTION("merchant_id", SANDBOX_UNIONPAY_MERCHANT_ID) ", " OPTION("sign_method", "11"),
        FROM("secure_key", "UNIONPAY_KEY"));
}

static int start(void **state) {
    (void)state;
    struct sandbox_options options = fixture_options();
    BUF_AUTO yaml;
    buf_init(&yaml, YAML_BYTES_MAX);
    fixture_start(&options);
    put_papers();
    test_store_start(&database, STORE_SQLITE, NULL);
    test_store_close(&database);
    buf_addf(&yaml,
             "public: {address: \"127.0.0.1:0\"}\ninternal: {address: \"127.0.0.1:0\"}\n"
             "store: {url: \"%s\", migrate: true}\nlog_level: error\ngateways:\n",
             database.url);
    add_gateways(&yaml);
    assert_true(buf_ok(&yaml));
    service_run(&running, yaml.data, &(struct service_hooks){0});
    return 0;
}

static int stop(void **state) {
    (void)state;
    service_stop(&running);
    fixture_stop();
    test_store_end(&database);
    return 0;
}

/* What the internal listener answers to POST /v1/gateways/NAME/VERB. */
static json_t *asked(const char *name, const char *verb) {
    char url[FIXTURE_URL_MAX];
    HTTP_ANSWER_AUTO answer = {0};
    struct err err = {0};
    json_t *json = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/gateways/%s/%s",
             service_internal_port(running.service), name, verb);
    const struct http_call call = {.method = "POST", .url = url, .timeout_us = PATIENCE_US};
    assert_int_equal(http_call(fixture.client, &call, &answer, &err), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_read(answer.body, answer.body_bytes, 1 << 20, 16, &json, &err), 0);
    return json;
}

static void each_gateway_that_is_well_is_said_to_be_well(void **state) {
    (void)state;
    static const char *const names[] = {"stripe", "paypal", "alipay", "wechatpay", "unionpay"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        JSON_AUTO check = asked(names[i], "check");
        JSON_AUTO probe = asked(names[i], "probe");
        if (!json_is_true(json_object_get(check, "ok")) ||
            !json_is_true(json_object_get(probe, "ok"))) {
            char *text = json_dumps(check, 0);
            fail_msg("%s: %s", names[i], text);
        }
        assert_string_equal(json_string_value(json_object_get(probe, "outcome")), "ok");
    }
}

static void one_whose_credentials_are_rejected_is_not(void **state) {
    (void)state;
    JSON_AUTO check = asked("stranger", "check");
    JSON_AUTO probe = asked("stranger", "probe");
    assert_true(json_is_false(json_object_get(check, "ok")));
    assert_true(json_is_false(json_object_get(probe, "ok")));
    assert_string_equal(json_string_value(json_object_get(probe, "outcome")),
                        "rejected_credentials");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gateway_that_is_well_is_said_to_be_well),
        cmocka_unit_test(one_whose_credentials_are_rejected_is_not),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
