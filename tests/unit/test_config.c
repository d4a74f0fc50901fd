/* SPDX-License-Identifier: Apache-2.0
 * test_config.c: a configuration is read exactly by its schema; everything else is refused with the
 * line, the place in the structure and no value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/config.h"

enum mode { MODE_LIVE = 1, MODE_TEST = 2 };

struct retry {
    int32_t times;
    int8_t jitter;
};
struct gateway {
    char *name;
    uint16_t priority;
    enum mode mode;
    bool enabled;
    double weight;
    struct retry retry;
    uint32_t features;
};
struct settings {
    uint32_t port;
    int64_t offset;
    char *title;
    struct gateway *gateways;
    unsigned gateways_count;
    char **hosts;
    unsigned hosts_count;
};

static const cyaml_strval_t modes[] = {{"live", MODE_LIVE}, {"test", MODE_TEST}};
static const cyaml_strval_t features[] = {{"cards", 1}, {"wallets", 2}, {"refunds", 4}};
static const cyaml_schema_field_t retry_fields[] = {
    CYAML_FIELD_INT("times", CYAML_FLAG_DEFAULT, struct retry, times),
    CYAML_FIELD_INT("jitter", CYAML_FLAG_OPTIONAL, struct retry, jitter),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t gateway_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct gateway, name, 2, 10),
    CYAML_FIELD_UINT("priority", CYAML_FLAG_OPTIONAL, struct gateway, priority),
    CYAML_FIELD_ENUM("mode", CYAML_FLAG_OPTIONAL, struct gateway, mode, modes, COUNT_OF(modes)),
    CYAML_FIELD_BOOL("enabled", CYAML_FLAG_OPTIONAL, struct gateway, enabled),
    CYAML_FIELD_FLOAT("weight", CYAML_FLAG_OPTIONAL, struct gateway, weight),
    CYAML_FIELD_MAPPING("retry", CYAML_FLAG_OPTIONAL, struct gateway, retry, retry_fields),
    CYAML_FIELD_FLAGS("features", CYAML_FLAG_OPTIONAL, struct gateway, features, features,
                      COUNT_OF(features)),
    CYAML_FIELD_IGNORE("notes", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t gateway_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct gateway, gateway_fields),
};
static const cyaml_schema_value_t host_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, 20),
};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct settings, port),
    CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct settings, offset),
    CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                           struct settings, title, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("gateways", CYAML_FLAG_POINTER, struct settings, gateways, &gateway_schema,
                         1, 3),
    CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings, hosts,
                         &host_schema, 0, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, fields),
};

static struct settings *must_read(const char *text) {
    void *config = NULL;
    struct err err = {0};
    errno = ERANGE; /* left over from before: it says nothing about this text */
    if (config_read("t.yaml", text, strlen(text), &schema, &config, &err) != 0) {
        fail_msg("%s\n%s %s", text, err.place, err.detail);
    }
    return config;
}

static void everything_the_schema_takes_is_read(void **state) {
    struct settings *settings = must_read("# A comment\n"
                                          "port: 8080\n"
                                          "offset: -9223372036854775808\n"
                                          "title: \"Kö: # ln\"\n"
                                          "gateways:\n"
                                          "  - name: stripe\n"
                                          "    priority: 65535\n"
                                          "    mode: live\n"
                                          "    enabled: true\n"
                                          "    weight: 0.25\n"
                                          "    retry: {times: -3, jitter: -128}\n"
                                          "    features: [cards, refunds]\n"
                                          "    notes: {any: [thing, {at: all}], more: 1}\n"
                                          "  - name: paypal-000\n"
                                          "    enabled: false\n"
                                          "hosts: [a.example.com, 'b']\n");
    assert_int_equal(settings->port, 8080);
    assert_true(settings->offset == INT64_MIN);
    assert_string_equal(settings->title, "Kö: # ln");
    assert_int_equal(settings->gateways_count, 2);
    assert_string_equal(settings->gateways[0].name, "stripe");
    assert_int_equal(settings->gateways[0].priority, 65535);
    assert_int_equal(settings->gateways[0].mode, MODE_LIVE);
    assert_true(settings->gateways[0].enabled);
    assert_true(settings->gateways[0].weight == 0.25);
    assert_int_equal(settings->gateways[0].retry.times, -3);
    assert_int_equal(settings->gateways[0].retry.jitter, -128);
    assert_int_equal(settings->gateways[0].features, 5);
    assert_string_equal(settings->gateways[1].name, "paypal-000");
    assert_int_equal(settings->gateways[1].priority, 0);
    assert_false(settings->gateways[1].enabled);
    assert_int_equal(settings->hosts_count, 2);
    assert_string_equal(settings->hosts[1], "b");
    config_free(&schema, settings);
    config_free(&schema, NULL);
}

static void null_stands_for_a_text_only_where_the_schema_says_so(void **state) {
    static const char *const texts[] = {"title: ~\ngateways: [{name: ab}]\n",
                                        "title:\ngateways: [{name: ab}]\n",
                                        "title: null\ngateways: [{name: ab}]\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct settings *settings = must_read(texts[i]);
        assert_null(settings->title);
        config_free(&schema, settings);
    }
}

#define GATEWAY "gateways:\n- name: ab\n" /* the next line is the third */

struct refused {
    const char *text;
    unsigned line;
    const char *detail; /* the beginning */
};

static void refuse_each(const struct refused *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *const mark = (void *)(uintptr_t)1;
        void *config = mark;
        struct err err = {0};
        char place[40];
        snprintf(place, sizeof(place), "t.yaml:%u", rows[i].line);
        int result = config_read("t.yaml", rows[i].text, strlen(rows[i].text), &schema, &config,
                                 &err);
        if (result != -ERR_CONFIG || err.code != ERR_CONFIG || strcmp(err.place, place) != 0 ||
            strncmp(err.detail, rows[i].detail, strlen(rows[i].detail)) != 0) {
            fail_msg("row %zu:\n%s%d %s: %s", i, rows[i].text, result, err.place, err.detail);
        }
        assert_ptr_equal(config, mark);
        assert_int_equal(
            config_read("t.yaml", rows[i].text, strlen(rows[i].text), &schema, &config, NULL),
            -ERR_CONFIG);
    }
}

static void keys_that_are_unknown_double_or_missing_are_named_with_their_line(void **state) {
    static const struct refused rows[] = {
        {GATEWAY "  prioritty: 2\n", 3, "unknown key \"prioritty\" in gateways[0]"},
        {GATEWAY "- name: cd\n  a: 1\n", 4, "unknown key \"a\" in gateways[1]"},
        {GATEWAY "  retry:\n    times: 1\n    tmies: 2\n", 5,
         "unknown key \"tmies\" in gateways[0].retry"},
        {GATEWAY "Port: 1\n", 3, "unknown key \"Port\""},
        {GATEWAY "por: 1\n", 3, "unknown key \"por\""},
        {GATEWAY "ports: 1\n", 3, "unknown key \"ports\""},
        {GATEWAY "\"\": 1\n", 3, "unknown key \"\""},
        {GATEWAY "<<: 1\n", 3, "unknown key \"<<\""},
        {GATEWAY "\"a\\nb\": 1\n", 3, "unknown key \"a?b\""},
        {GATEWAY "4242424242424242: 1\n", 3, "unknown key \"************4242\""},
        {"port: 1\n" GATEWAY "port: 1\n", 4, "the second key \"port\""},
        {GATEWAY "  name: cd\n", 3, "the second key \"name\" in gateways[0]"},
        {"port: 1\n", 1, "there is no \"gateways\""},
        {"{}\n", 1, "there is no \"gateways\""},
        {"gateways:\n- mode: live\n", 2, "there is no \"name\" in gateways[0]"},
        {GATEWAY "  retry:\n    jitter: 1\n", 4, "there is no \"times\" in gateways[0].retry"},
        {GATEWAY "? {a: b}\n: 1\n", 3, "a key must be plain text"},
        {GATEWAY "? [a]\n: 1\n", 3, "a key must be plain text"},
    };
    refuse_each(rows, COUNT_OF(rows));
}

static void an_unknown_key_comes_with_those_that_are_known(void **state) {
    static const char text[] = GATEWAY "  retry:\n    tmies: 2\n";
    void *config = NULL;
    struct err err = {0};
    assert_int_equal(config_read("t.yaml", text, strlen(text), &schema, &config, &err),
                     -ERR_CONFIG);
    assert_string_equal(err.hint, "the keys here are: times, jitter");
}

static void values_outside_the_schema_are_refused_with_their_line(void **state) {
    static const struct refused rows[] = {
        {GATEWAY "port: abc\n", 3, "port must be a whole number"},
        {GATEWAY "port: 1.5\n", 3, "port must be a whole number"},
        {GATEWAY "port: 1 2\n", 3, "port must be a whole number"},
        {GATEWAY "port: 1x\n", 3, "port must be a whole number"},
        {GATEWAY "port: 0x10\n", 3, "port must be a whole number"},
        {GATEWAY "port: 010\n", 3, "port must be a whole number"},
        {GATEWAY "port: +1\n", 3, "port must be a whole number"},
        {GATEWAY "port: 1_000\n", 3, "port must be a whole number"},
        {GATEWAY "port: -1\n", 3, "port must be a whole number"},
        {GATEWAY "port: '-'\n", 3, "port must be a whole number"},
        {GATEWAY "port:\n", 3, "port must be a whole number"},
        {GATEWAY "port: ~\n", 3, "port must be a whole number"},
        {GATEWAY "port: 4294967296\n", 3, "port must be between 0 and 4294967295"},
        {GATEWAY "port: 99999999999999999999\n", 3, "port must be between 0 and 4294967295"},
        {GATEWAY "port: [1]\n", 3, "port must be a single value"},
        {GATEWAY "port: {a: 1}\n", 3, "port must be a single value"},
        {GATEWAY "offset: 9223372036854775808\n", 3,
         "offset must be between -9223372036854775808 and"},
        {GATEWAY "offset: -9223372036854775809\n", 3,
         "offset must be between -9223372036854775808 and"},
        {GATEWAY "offset: 1e3\n", 3, "offset must be a whole number"},
        {GATEWAY "  priority: 65536\n", 3, "gateways[0].priority must be between 0 and 65535"},
        {GATEWAY "  retry: {times: 2147483648}\n", 3,
         "gateways[0].retry.times must be between -2147483648 and 2147483647"},
        {GATEWAY "  retry: {times: 1, jitter: -129}\n", 3,
         "gateways[0].retry.jitter must be between -128 and 127"},
        {GATEWAY "  mode: Live\n", 3, "gateways[0].mode must be one of: live, test"},
        {GATEWAY "  mode: 1\n", 3, "gateways[0].mode must be one of: live, test"},
        {GATEWAY "  mode:\n", 3, "gateways[0].mode must be one of: live, test"},
        {GATEWAY "  enabled: maybe\n", 3, "gateways[0].enabled must be true or false"},
        {GATEWAY "  enabled: yes\n", 3, "gateways[0].enabled must be true or false"},
        {GATEWAY "  enabled:\n", 3, "gateways[0].enabled must be true or false"},
        {GATEWAY "  weight: heavy\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  weight: 1.2.3\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  weight: 1.\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  weight: .5\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  weight: 1e\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  weight: inf\n", 3, "gateways[0].weight must be a decimal number"},
        {GATEWAY "  features: cards\n", 3, "gateways[0].features must be a list"},
        {GATEWAY "  features: [cards, crads]\n", 3,
         "gateways[0].features[1] must be one of: cards, wallets, refunds"},
        {GATEWAY "  features: [[cards]]\n", 3, "gateways[0].features[0] must be a single value"},
        {GATEWAY "  retry: 3\n", 3, "gateways[0].retry must hold keys of its own"},
        {GATEWAY "  retry: [3]\n", 3, "gateways[0].retry must hold keys of its own"},
        {"gateways:\n- name: a\n", 2, "gateways[0].name must have 2 bytes or more"},
        {"gateways:\n- name: ''\n", 2, "gateways[0].name is empty"},
        {"gateways:\n- name:\n", 2, "gateways[0].name is empty"},
        {"gateways:\n- name: abcdefghijk\n", 2, "gateways[0].name must have 10 bytes or less"},
        {"gateways:\n- name: [ab]\n", 2, "gateways[0].name must be a single value"},
        {"gateways:\n- ab\n", 2, "gateways[0] must hold keys of its own"},
        {"gateways: 3\n", 1, "gateways must be a list"},
        {"gateways: {a: 1}\n", 1, "gateways must be a list"},
        {"port: 1\ngateways: []\n", 2, "gateways must have 1 items or more"},
        {"port: 1\ngateways: [\n]\n", 2, "gateways must have 1 items or more"},
        {GATEWAY "- name: cd\n- name: ef\n- name: gh\n", 5, "gateways may have 3 items at most"},
        {GATEWAY "hosts: [a, b, c]\n", 3, "hosts may have 2 items at most"},
        {GATEWAY "hosts: [[a]]\n", 3, "hosts[0] must be a single value"},
        {"[]\n", 1, "the file must hold keys of its own"},
        {"\nhello\n", 2, "the file must hold keys of its own"},
    };
    refuse_each(rows, COUNT_OF(rows));
}

static void yamls_traps_are_refused(void **state) {
    static const struct refused rows[] = {
        {"", 1, "the file is empty"},
        {"# nothing\n", 1, "the file is empty"},
        {GATEWAY "title: &a x\n", 3, "anchors and aliases"},
        {GATEWAY "title: *a\n", 3, "anchors and aliases"},
        {"gateways: &g\n- name: ab\n", 1, "anchors and aliases"},
        {GATEWAY "  retry: &r {times: 1}\n", 3, "anchors and aliases"},
        {GATEWAY "  notes: {a: &a [x], b: *a}\n", 3, "anchors and aliases"},
        {GATEWAY "&p port: 1\n", 3, "anchors and aliases"},
        {GATEWAY "title: !!str x\n", 3, "tags"},
        {GATEWAY "title: !x y\n", 3, "tags"},
        {GATEWAY "hosts: !!seq []\n", 3, "tags"},
        {GATEWAY "title: \"a\\0b\"\n", 3, "there is a NUL character"},
        {GATEWAY "\"por\\0t\": 1\n", 3, "there is a NUL character"},
        {GATEWAY "---\nport: 1\n", 3, "there is a second document"},
        {GATEWAY "title: [\n", 3, "title must be a single value"},
        {GATEWAY "hosts: [\n", 4, "this is not YAML: "},
        {GATEWAY "\tport: 1\n", 3, "this is not YAML: "},
        {GATEWAY "title: \xff\n", 3, "this is not YAML: "},
        {GATEWAY "title: 'x\n", 4, "this is not YAML: "},
        {GATEWAY "  notes: [[[[[[[[[[[[[[]]]]]]]]]]]]]]\n", 3, "there are more than 16 levels"},
    };
    refuse_each(rows, COUNT_OF(rows));
    config_free(&schema, must_read(GATEWAY "  notes: [[[[[[[[[[[[[]]]]]]]]]]]]]\n"));
}

static void no_value_is_repeated_in_an_error(void **state) {
    static const char *const texts[] = {
        GATEWAY "port: sk_live_1\n",           GATEWAY "  mode: sk_live_1\n",
        GATEWAY "  enabled: sk_live_1\n",      GATEWAY "  weight: sk_live_1\n",
        "gateways:\n- name: sk_live_1_long\n", GATEWAY "  features: [sk_live_1]\n",
        GATEWAY "title: \"sk_live_1\\0\"\n",   GATEWAY "title: 'sk_live_1\n",
        GATEWAY "title: *sk_live_1\n",         "sk_live_1\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        void *config = NULL;
        struct err err = {0};
        assert_int_equal(config_read("t.yaml", texts[i], strlen(texts[i]), &schema, &config, &err),
                         -ERR_CONFIG);
        assert_null(strstr(err.detail, "sk_live"));
        assert_null(strstr(err.hint, "sk_live"));
        assert_null(strstr(err.place, "sk_live"));
    }
}

static void the_line_survives_a_long_file_name(void **state) {
    char name[301];
    void *config = NULL;
    struct err err = {0};
    memset(name, 'd', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    memcpy(name + 280, "/holdfast.yaml", 15);
    assert_int_equal(config_read(name, "a: 1\n", 5, &schema, &config, &err), -ERR_CONFIG);
    assert_string_equal(err.place, "holdfast.yaml:1");
}

static void a_file_is_read_up_to_a_mebibyte(void **state) {
    char path[] = "/tmp/holdfast-test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static char text[CONFIG_BYTES_MAX + 1];
    memset(text, '#', sizeof(text));
    memcpy(text, GATEWAY, strlen(GATEWAY));
    FILE *file = fdopen(fd, "w");
    assert_int_equal(fwrite(text, 1, CONFIG_BYTES_MAX, file), CONFIG_BYTES_MAX);
    assert_int_equal(fflush(file), 0);
    void *config = NULL;
    struct err err = {0};
    assert_int_equal(config_load(path, &schema, &config, &err), 0);
    assert_string_equal(((struct settings *)config)->gateways[0].name, "ab");
    config_free(&schema, config);
    config = NULL;
    assert_int_equal(fputc('#', file), '#');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_load(path, &schema, &config, &err), -ERR_CONFIG);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.detail, "more than 1048576 bytes"));
    assert_int_equal(config_read("t.yaml", text, sizeof(text), &schema, &config, &err),
                     -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "more than 1048576 bytes"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(config_load(path, &schema, &config, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "No such file"));
    assert_int_equal(config_load("/", &schema, &config, NULL), -ERR_CONFIG);
    assert_null(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_the_schema_takes_is_read),
        cmocka_unit_test(null_stands_for_a_text_only_where_the_schema_says_so),
        cmocka_unit_test(keys_that_are_unknown_double_or_missing_are_named_with_their_line),
        cmocka_unit_test(an_unknown_key_comes_with_those_that_are_known),
        cmocka_unit_test(values_outside_the_schema_are_refused_with_their_line),
        cmocka_unit_test(yamls_traps_are_refused),
        cmocka_unit_test(no_value_is_repeated_in_an_error),
        cmocka_unit_test(the_line_survives_a_long_file_name),
        cmocka_unit_test(a_file_is_read_up_to_a_mebibyte),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
