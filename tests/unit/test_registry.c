/* SPDX-License-Identifier: Apache-2.0
 * test_registry.c: what the configuration of a gateway may say, and what is made of it. The health
 * of gateways is a double here, so that it can be counted. */
#include "gateway_fixture.h"

#include "gateway/health.h"
#include "gateway/keyring.h"
#include "gateway/registry.h"

static int health_alive;
static const struct breaker_settings *health_settings;

struct gateway_health *gateway_health_new(const char *gateway_name,
                                          const struct breaker_settings *settings) {
    health_settings = settings;
    health_alive++;
    char *health = malloc(strlen(gateway_name) + 1);
    assert_non_null(health);
    memcpy(health, gateway_name, strlen(gateway_name) + 1);
    return (struct gateway_health *)(void *)health;
}

void gateway_health_free(struct gateway_health *health) {
    health_alive -= health != NULL;
    free(health);
}

static int setup(void **state) {
    crypto_init();
    health_alive = 0;
    setenv("HF_TEST_KEY", "sk_test_1", 1);
    setenv("HF_TEST_HOOK", "whsec_1", 1);
    setenv("HF_TEST_ID", "client", 1);
    setenv("HF_TEST_IDS", "1JE4291016473214C, 8PT597110X687430L\n", 1);
    setenv("HF_TEST_EMPTY", "", 1);
    unsetenv("HF_TEST_NOTHING");
    return 0;
}

static struct gateway_settings stripe(const char *name) {
    return (struct gateway_settings){
        .name = name,
        .adapter = "stripe",
        .base_url = "https://api.stripe.com/",
        .credentials = {{"api_key", "env:HF_TEST_KEY"}, {"webhook_secret", "env:HF_TEST_HOOK"}},
        .credential_count = 2,
    };
}

static struct gateway_settings paypal(const char *name) {
    return (struct gateway_settings){
        .name = name,
        .adapter = "paypal",
        .base_url = "http://127.0.0.1:9002",
        .credentials = {{"client_id", "env:HF_TEST_ID"},
                        {"client_secret", "env:HF_TEST_KEY"},
                        {"webhook_id", "env:HF_TEST_IDS"}},
        .credential_count = 3,
    };
}

static void gateways_are_opened_with_their_defaults(void **state) {
    struct gateway_settings settings[] = {stripe("stripe-eu"), paypal("paypal"),
                                          stripe("stripe-us")};
    struct gateway_registry *registry = NULL;
    struct err err;
    assert_int_equal(gateway_registry_open(settings, 3, &registry, &err), 0);
    assert_int_equal(gateway_count(registry), 3);
    assert_int_equal(health_alive, 3);
    struct gateway *gateway = gateway_find(registry, "stripe-eu");
    assert_non_null(gateway);
    assert_ptr_equal(gateway, gateway_at(registry, 0));
    assert_ptr_equal(gateway->adapter, adapter_find("stripe"));
    assert_string_equal(gateway->base_url, "https://api.stripe.com");
    assert_true(gateway->methods[METHOD_CARD]);
    assert_false(gateway->methods[METHOD_PAYPAL]);
    assert_int_equal(gateway->weight, 100);
    assert_int_equal(gateway->timeout_us, 10 * US_PER_SECOND);
    assert_int_equal(gateway->callback_due_us, 900 * US_PER_SECOND);
    assert_int_equal(http_bulkhead_max(gateway->bulkhead), 512);
    struct gateway *set = keyring_take(gateway);
    assert_true(secret_equal(gateway_credential(set, "api_key"), "sk_test_1", 9));
    assert_null(gateway_credential(set, "client_id"));
    keyring_drop(set);
    assert_null(gateway_credential(gateway, "api_key"));
    assert_null(gateway_find(registry, "stripe"));
    assert_null(gateway_find(registry, NULL));
    gateway_registry_close(registry);
    assert_int_equal(health_alive, 0);
}

static void settings_are_taken_over(void **state) {
    static const char *const methods[] = {"card"};
    static const char *const currencies[] = {"usd", "EUR"};
    static const char *const regions[] = {"EU", "US"};
    struct gateway_settings settings = paypal("paypal");
    settings.base_url = "https://api-m.paypal.com///";
    settings.methods = methods;
    settings.method_count = 1;
    settings.currencies = currencies;
    settings.currency_count = 2;
    settings.regions = regions;
    settings.region_count = 2;
    settings.amount_minor_min = 100;
    settings.amount_minor_max = 5000;
    settings.priority = 7;
    settings.weight = 1000;
    settings.cost_fixed_minor = 30;
    settings.cost_basis_points = 290;
    settings.timeout_ms = 2500;
    settings.callback_due_ms = 1000;
    settings.concurrency_max = 5;
    const struct breaker_settings breaker = {.window_s = 9};
    settings.breaker = &breaker;
    struct gateway_registry *registry = NULL;
    struct err err;
    assert_int_equal(gateway_registry_open(&settings, 1, &registry, &err), 0);
    struct gateway *gateway = gateway_at(registry, 0);
    assert_string_equal(gateway->base_url, "https://api-m.paypal.com");
    assert_true(gateway->methods[METHOD_CARD]);
    assert_false(gateway->methods[METHOD_PAYPAL]);
    assert_int_equal(gateway->currency_count, 2);
    assert_string_equal(gateway->currencies[0].code, "USD");
    assert_string_equal(gateway->regions[1], "US");
    assert_int_equal(gateway->amount_minor_min, 100);
    assert_int_equal(gateway->amount_minor_max, 5000);
    assert_int_equal(gateway->priority, 7);
    assert_int_equal(gateway->weight, 1000);
    assert_int_equal(gateway->cost.fixed_minor, 30);
    assert_int_equal(gateway->cost.basis_points, 290);
    assert_int_equal(gateway->timeout_us, 2500 * US_PER_MS);
    assert_int_equal(gateway->callback_due_us, US_PER_SECOND);
    assert_int_equal(http_bulkhead_max(gateway->bulkhead), 5);
    assert_ptr_equal(health_settings, &breaker);
    gateway_registry_close(registry);
}

static void refused(struct gateway_settings second, const char *place, const char *words) {
    struct gateway_settings settings[] = {stripe("first"), second};
    struct gateway_registry *registry = NULL;
    struct err err = {0};
    if (gateway_registry_open(settings, 2, &registry, &err) != -ERR_CONFIG) {
        fail_msg("accepted: %s", words);
    }
    assert_null(registry);
    assert_int_equal(health_alive, 0);
    if (strstr(err.detail, words) == NULL || strcmp(err.place, place) != 0) {
        fail_msg("'%s' at '%s' instead of '%s' at '%s'", err.detail, err.place, words, place);
    }
    assert_null(strstr(err.detail, "sk_test_1"));
}

#define REFUSED(place, words, ...)                                                                 \
    do {                                                                                           \
        struct gateway_settings s = stripe("second");                                              \
        __VA_ARGS__;                                                                               \
        refused(s, "/gateways/1/" place, words);                                                   \
    } while (0)

static void a_wrong_name_or_adapter_is_refused(void **state) {
    REFUSED("name", "two gateways named 'first'", s.name = "first");
    REFUSED("name", "a-z", s.name = "");
    REFUSED("name", "a-z", s.name = NULL);
    REFUSED("name", "a-z", s.name = "Stripe");
    REFUSED("name", "a-z", s.name = "-x");
    REFUSED("name", "a-z", s.name = "a/b");
    REFUSED("name", "1 to 31", s.name = "abcdefghijklmnopqrstuvwxyz012345");
    REFUSED("adapter",
            "no adapter 'strip'; there are: alipay, bank, paypal, stripe, unionpay, wechatpay",
            s.adapter = "strip");
    REFUSED("adapter", "no adapter ''", s.adapter = NULL);
}

static void a_wrong_address_is_refused(void **state) {
    static const char *const urls[] = {
        "api.stripe.com", "ftp://x",        "https://",     "https:///x",
        "HTTPS://x",      "https://u:p@x",  "https://x?y",  "https://x#y",
        "https://x y",    "https://x\r\ny", "https://x\\y",
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        REFUSED("base_url", "the address", s.base_url = urls[i]);
        REFUSED("callback_url", "the address", s.callback_url = urls[i]);
    }
    REFUSED("base_url", "missing", s.base_url = "");
    REFUSED("base_url", "missing", s.base_url = NULL);
    REFUSED("base_url", "only for a sandbox on this machine", s.base_url = "http://api.stripe.com");
    REFUSED("base_url", "only for a sandbox", s.base_url = "http://127.0.0.1.example.com");
    REFUSED("base_url", "only for a sandbox", s.base_url = "http://localhost.example.com");
    char long_url[GATEWAY_URL_CHARS_MAX + 2] = "https://";
    memset(long_url + 8, 'a', sizeof(long_url) - 9);
    long_url[sizeof(long_url) - 1] = '\0';
    REFUSED("base_url", "too long", s.base_url = long_url);
}

static void an_option_that_the_adapter_does_not_know_is_refused(void **state) {
    REFUSED("options", "stripe has no option 'app_id'",
            (s.options[0].name = "app_id", s.options[0].value = "1", s.option_count = 1));
    REFUSED("options", "stripe has no option ''", s.option_count = 1);
    REFUSED("options", "at most 16", s.option_count = GATEWAY_OPTIONS_MAX + 1);
    REFUSED("options", "at most 16", s.option_count = -1);
}

static void wrong_credentials_are_refused(void **state) {
    REFUSED("credentials", "'webhook_secret' is missing; stripe needs it", s.credential_count = 1);
    REFUSED("credentials", "loading credential 'api_key'",
            s.credentials[0].reference = "env:HF_TEST_NOTHING");
    REFUSED("credentials", "loading credential 'api_key'",
            s.credentials[0].reference = "sk_test_1");
    REFUSED("credentials", "reference of credential 'api_key'", s.credentials[0].reference = NULL);
    REFUSED("credentials", "given twice", s.credentials[1].name = "api_key");
    REFUSED("credentials", "name is missing", s.credentials[1].name = "");
    REFUSED("credentials", "name is missing", s.credentials[1].name = NULL);
    REFUSED("credentials", "at most 8", s.credential_count = GATEWAY_CREDENTIALS_MAX + 1);
    REFUSED("credentials", "no credential 'pin'",
            (s.credentials[2].name = "pin", s.credentials[2].reference = "env:HF_TEST_KEY",
             s.credential_count = 3));
    REFUSED("credentials", "webhook_id", (s = paypal("second"), s.credential_count = 2));
    REFUSED("credentials", "no credential 'api_key'",
            (s = paypal("second"), s.credentials[3].name = "api_key",
             s.credentials[3].reference = "env:HF_TEST_KEY", s.credential_count = 4));
}

/* What names a key changes together with it: so it may stand among the credentials. */
static void an_option_may_be_read_like_a_credential(void **state) {
    struct gateway_registry *registry = NULL;
    struct err err = {0};
    char pem[VECTOR_BYTES_MAX];
    pem[vector_read("merchant.key.pem", pem)] = '\0';
    assert_int_equal(setenv("HF_TEST_PEM", pem, 1), 0);
    assert_int_equal(setenv("HF_TEST_V3", "0123456789abcdef0123456789abcdef", 1), 0);
    assert_int_equal(setenv("HF_TEST_SERIAL", "1DDE55AD98ED71D6", 1), 0);
    struct gateway_settings settings = {
        .name = "wechat",
        .adapter = "wechatpay",
        .base_url = "https://api.mch.weixin.qq.com",
        .callback_url = "https://pay.example/callbacks/wechat",
        .options = {{"appid", "wxd678efh567hg6787"}, {"mchid", "1900000001"}},
        .option_count = 2,
        .credentials = {{"private_key", "env:HF_TEST_PEM"},
                        {"api_v3_key", "env:HF_TEST_V3"},
                        {"merchant_serial", "env:HF_TEST_SERIAL"}},
        .credential_count = 3,
    };
    if (gateway_registry_open(&settings, 1, &registry, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    struct gateway *set = keyring_take(gateway_at(registry, 0));
    assert_string_equal(gateway_option(set, "merchant_serial"), "1DDE55AD98ED71D6");
    assert_int_equal(set->credential_count, 2);
    keyring_drop(set);
    gateway_registry_close(registry);
    settings.options[2].name = "merchant_serial";
    settings.options[2].value = "1DDE55AD98ED71D6";
    settings.option_count = 3;
    assert_int_equal(gateway_registry_open(&settings, 1, &registry, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "among the options already"));
    settings.option_count = 2;
    settings.credential_count = 2;
    assert_int_equal(gateway_registry_open(&settings, 1, &registry, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "option 'merchant_serial' is missing"));
}

static void wrong_lists_are_refused(void **state) {
    static const char *const bad_method[] = {"card", "cheque"};
    static const char *const not_theirs[] = {"alipay"};
    static const char *const bad_currency[] = {"USD", "ZZZ"};
    static const char *const bad_region[] = {"EU", ""};
    static const char *const small_region[] = {"de"};
    REFUSED("methods", "no method 'cheque'", (s.methods = bad_method, s.method_count = 2));
    REFUSED("methods", "does not take the method 'alipay'",
            (s.methods = not_theirs, s.method_count = 1));
    REFUSED("currencies", "'ZZZ' is no currency",
            (s.currencies = bad_currency, s.currency_count = 2));
    REFUSED("currencies", "at most 64", s.currency_count = 65);
    REFUSED("regions", "two capital letters", (s.regions = bad_region, s.region_count = 2));
    REFUSED("regions", "two capital letters", (s.regions = small_region, s.region_count = 1));
    REFUSED("regions", "at most 16", s.region_count = 17);
}

static void wrong_numbers_are_refused(void **state) {
    REFUSED("amount_max", "bounds", s.amount_minor_min = -1);
    REFUSED("amount_max", "bounds", s.amount_minor_max = AMOUNT_MINOR_MAX + 1);
    REFUSED("amount_max", "bounds", (s.amount_minor_min = 5, s.amount_minor_max = 4));
    REFUSED("weight", "weight is -1", s.weight = -1);
    REFUSED("weight", "weight is 1001", s.weight = 1001);
    REFUSED("cost", "cost", s.cost_fixed_minor = -1);
    REFUSED("cost", "cost", s.cost_basis_points = 10001);
    REFUSED("timeout_ms", "timeout_ms is -1", s.timeout_ms = -1);
    REFUSED("timeout_ms", "timeout_ms is 120001", s.timeout_ms = 120001);
    REFUSED("callback_due_s", "seven days", s.callback_due_ms = -1);
    REFUSED("concurrency", "concurrency is -1", s.concurrency_max = -1);
}

static void no_gateway_is_fine_and_too_many_are_not(void **state) {
    struct gateway_registry *registry = NULL;
    struct err err;
    assert_int_equal(gateway_registry_open(NULL, 0, &registry, &err), 0);
    assert_int_equal(gateway_count(registry), 0);
    gateway_registry_close(registry);
    gateway_registry_close(NULL);
    registry = NULL;
    struct gateway_settings settings[GATEWAYS_MAX + 1] = {{0}};
    assert_int_equal(gateway_registry_open(settings, GATEWAYS_MAX + 1, &registry, &err),
                     -ERR_CONFIG);
    assert_null(registry);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(gateways_are_opened_with_their_defaults),
        T(settings_are_taken_over),
        T(a_wrong_name_or_adapter_is_refused),
        T(a_wrong_address_is_refused),
        T(an_option_that_the_adapter_does_not_know_is_refused),
        T(wrong_credentials_are_refused),
        T(an_option_may_be_read_like_a_credential),
        T(wrong_lists_are_refused),
        T(wrong_numbers_are_refused),
        T(no_gateway_is_fine_and_too_many_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
