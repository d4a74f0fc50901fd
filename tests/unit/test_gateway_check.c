/* SPDX-License-Identifier: Apache-2.0
 * test_gateway_check.c: `holdfast gateway check` all the way: the command, a service that runs, its
 * own HTTP client, and gateways that speak TLS with certificates that end soon or have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "net/http_server.h"
#include "support/certs.h"
#include "support/running_service.h"
#include "support/store_fixture.h"
#include "support/test_clock.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
enum { YAML_BYTES_MAX = 4096, PEM_BYTES_MAX = 8192, KINDS = 3 };

/* ---- gateways that speak TLS, and a service in front of them ---- */

static const struct {
    const char *name;
    enum cert_kind certificate; /* ends within a day; a day ago */
} kinds[KINDS] = {
    {"good", CERT_GOOD}, {"expired", CERT_EXPIRED}, {"another-host", CERT_OTHER_HOST}};

static struct certs certs;
static struct http_server *gateways;
static struct test_store database;
static struct running_service running;

/* What Stripe answers to a probe; to anything else as well. */
static void answer(void *ctx, const struct http_request *request, struct http_reply *reply) {
    (void)ctx;
    (void)request;
    static const char balance[] = "{\"object\":\"balance\"}";
    reply->status = 200;
    http_reply_body(reply, "application/json", balance, sizeof balance - 1);
}

static void open_gateways(int ret_ports[KINDS]) {
    struct err err = {0};
    struct http_listener *listeners[KINDS];
    assert_int_equal(http_server_new(1, &gateways, &err), 0);
    for (int i = 0; i < KINDS; i++) {
        const struct http_listener_options options = {
            .address = "127.0.0.1:0",
            .handler = answer,
            .tls_cert_path = certs.cert_path[kinds[i].certificate],
            .tls_key_path = certs.key_path,
        };
        if (http_server_listen(gateways, &options, &listeners[i], &err) < 0) {
            fail_msg("%s", err.detail);
        }
        ret_ports[i] = http_listener_port(listeners[i]);
    }
    assert_int_equal(http_server_start(gateways, &err), 0);
}

static int start(void **state) {
    (void)state;
    char yaml[YAML_BYTES_MAX], url[64];
    int ports[KINDS];
    crypto_init();
    test_clock_install();
    certs_make(&certs);
    open_gateways(ports);
    test_store_start(&database, STORE_SQLITE, NULL);
    test_store_close(&database);
    int used = snprintf(yaml, sizeof yaml,
                        "public: {address: \"127.0.0.1:0\"}\ninternal: {address: \"127.0.0.1:0\"}\n"
                        "store: {url: \"%s\", migrate: true}\nlog_level: error\nca_file: \"%s\"\n"
                        "gateways:\n",
                        database.url, certs.ca_path);
    for (int i = 0; i < KINDS; i++) {
        used += snprintf(yaml + used, sizeof yaml - (size_t)used,
                         "  - name: %s\n    adapter: stripe\n    base_url: "
                         "\"https://localhost:%d\"\n    credentials:\n"
                         "      - {name: api_key, from: \"env:HF_TEST_CHECK_KEY\"}\n"
                         "      - {name: webhook_secret, from: \"env:HF_TEST_CHECK_KEY\"}\n",
                         kinds[i].name, ports[i]);
    }
    assert_true(used < (int)sizeof yaml);
    setenv("HF_TEST_CHECK_KEY", "sk_test_1", 1);
    service_run(&running, yaml, &(struct service_hooks){0});
    snprintf(url, sizeof url, "http://127.0.0.1:%d", service_internal_port(running.service));
    setenv("HOLDFAST_URL", url, 1);
    unsetenv("HOLDFAST_KEY_REF");
    return 0;
}

static int stop(void **state) {
    (void)state;
    service_stop(&running);
    http_server_free(gateways);
    test_store_end(&database);
    certs_remove(&certs);
    return 0;
}

/* ---- the command ---- */

/* Runs `gateway check NAME`, with --json or as a table; free() what it printed. */
static char *check(const char *name, bool json, int status) {
    char *argv[] = {"holdfast", "gateway", "check", (char *)name, "--json"};
    char *out = NULL, *err = NULL;
    size_t out_bytes = 0, err_bytes = 0;
    struct cli_screen screen = {.out = open_memstream(&out, &out_bytes),
                                .err = open_memstream(&err, &err_bytes)};
    int ended = cli_run(&screen, json ? 5 : 4, argv);
    fclose(screen.out);
    fclose(screen.err);
    if (ended != status) {
        fail_msg("it ended with %d, not %d: %s%s", ended, status, out, err);
    }
    free(err);
    return out;
}

/* The one row of it; the caller frees it. */
static json_t *check_json(const char *name, int status) {
    char *out = check(name, true, status);
    json_t *all = json_loads(out, 0, NULL);
    json_t *row = json_incref(json_array_get(json_object_get(all, "data"), 0));
    assert_non_null(row);
    json_decref(all);
    free(out);
    return row;
}

static void assert_printed(char *out, const char *part) {
    if (strstr(out, part) == NULL) {
        fail_msg("there is no \"%s\" in:\n%s", part, out);
    }
    free(out);
}

/* When the certificate itself says that it ends. */
static int64_t end_of(enum cert_kind kind) {
    char pem[PEM_BYTES_MAX];
    size_t count = 0;
    struct x509_cert *cert = NULL;
    struct err err = {0};
    assert_int_equal(file_read(certs.cert_path[kind], pem, sizeof pem, &count, &err), 0);
    assert_int_equal(x509_cert_read(pem, count, &cert, &err), 0);
    int64_t ends_us = x509_cert_not_after_us(cert);
    x509_cert_free(cert);
    return ends_us;
}

static int64_t shown_end(const json_t *row) {
    const json_t *certificate = json_object_get(row, "certificate");
    int64_t ends_us = 0;
    assert_true(
        clock_parse(json_string_value(json_object_get(certificate, "expires_at")), &ends_us));
    return ends_us;
}

static int64_t shown_days(const json_t *row) {
    return json_integer_value(json_object_get(json_object_get(row, "certificate"), "days_left"));
}

static void a_certificate_that_ends_soon_is_shown_and_is_no_good_way(void **state) {
    (void)state;
    JSON_AUTO row = check_json("good", CLI_PROBLEM);
    /* They answer, and know us: only the certificate is a worry. */
    assert_true(json_is_true(json_object_get(row, "ok")));
    assert_true(json_is_true(json_object_get(json_object_get(row, "probe"), "ok")));
    assert_true(json_is_number(json_object_get(row, "tls_ms")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "certificate"), "name")),
        "localhost");
    assert_int_equal(shown_end(row), end_of(CERT_GOOD));
    assert_int_equal(shown_days(row), 0);
    assert_printed(check("good", false, CLI_PROBLEM), "0 days");
}

static void the_same_certificate_a_month_before_its_end_is_well(void **state) {
    (void)state;
    test_clock_wall_shift(-30 * DAY_US);
    JSON_AUTO row = check_json("good", CLI_DONE);
    assert_int_equal(shown_end(row), end_of(CERT_GOOD));
    assert_int_equal(shown_days(row), 30);
    assert_printed(check("good", false, CLI_DONE), "30 days");
    test_clock_wall_shift(30 * DAY_US);
}

static void a_certificate_that_is_not_believed_is_shown_all_the_same(void **state) {
    (void)state;
    for (int i = 1; i < KINDS; i++) {
        JSON_AUTO row = check_json(kinds[i].name, CLI_PROBLEM);
        assert_false(json_is_true(json_object_get(row, "ok")));
        assert_string_equal(json_string_value(json_object_get(row, "failure")), "tls");
        assert_true(json_is_null(json_object_get(row, "tls_ms")));
        assert_int_equal(shown_end(row), end_of(kinds[i].certificate));
    }
    JSON_AUTO expired = check_json("expired", CLI_PROBLEM);
    assert_int_equal(shown_days(expired), -1);
    assert_printed(check("expired", false, CLI_PROBLEM), "-1 days");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_that_ends_soon_is_shown_and_is_no_good_way),
        cmocka_unit_test(the_same_certificate_a_month_before_its_end_is_well),
        cmocka_unit_test(a_certificate_that_is_not_believed_is_shown_all_the_same),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
