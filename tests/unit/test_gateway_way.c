/* SPDX-License-Identifier: Apache-2.0
 * test_gateway_way.c: the way to gateways as a service that runs goes it by itself: how their
 * certificates stand, what is told of that and of a way that is closed, as alerts, by doctor and on
 * /metrics; over TLS, with certificates that end in a day, have ended, or are another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/doctor.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "meter/meter.h"
#include "payment/internal.h"
#include "support/certs.h"
#include "support/running_service.h"
#include "support/store_fixture.h"
#include "support/test_clock.h"
#include "watch/alert.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
enum { YAML_BYTES_MAX = 4096, KINDS = 4, SIGNALS_MAX = 64 };

/* The last one listens nowhere. */
static const struct {
    const char *name;
    enum cert_kind certificate;
} kinds[KINDS] = {{"good", CERT_GOOD},
                  {"expired", CERT_EXPIRED},
                  {"another-host", CERT_OTHER_HOST},
                  {"away", CERT_GOOD}};
enum { GOOD, EXPIRED, ANOTHER_HOST, AWAY };

static struct certs certs;
static struct http_server *gateways;
static struct test_store database;
static struct running_service running;

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
    for (int i = 0; i < AWAY; i++) {
        const struct http_listener_options options = {
            .address = "127.0.0.1:0",
            .handler = answer,
            .tls_cert_path = certs.cert_path[kinds[i].certificate],
            .tls_key_path = certs.key_path,
        };
        assert_int_equal(http_server_listen(gateways, &options, &listeners[i], &err), 0);
        ret_ports[i] = http_listener_port(listeners[i]);
    }
    ret_ports[AWAY] = 1; /* nobody listens there */
    assert_int_equal(http_server_start(gateways, &err), 0);
}

static int start(void **state) {
    char yaml[YAML_BYTES_MAX];
    int ports[KINDS];
    (void)state;
    crypto_init();
    test_clock_install();
    certs_make(&certs);
    open_gateways(ports);
    test_store_start(&database, STORE_SQLITE, NULL);
    test_store_close(&database);
    int used = snprintf(yaml, sizeof yaml,
                        "public: {address: \"127.0.0.1:0\"}\ninternal: {address: \"127.0.0.1:0\"}\n"
                        "store: {url: \"%s\", migrate: true}\nlog_level: error\nca_file: \"%s\"\n"
                        "payments: {probe_s: 0}\ngateways:\n",
                        database.url, certs.ca_path);
    for (int i = 0; i < KINDS; i++) {
        used += snprintf(yaml + used, sizeof yaml - (size_t)used,
                         "  - name: %s\n    adapter: stripe\n    timeout_ms: 5000\n    base_url: "
                         "\"https://localhost:%d\"\n    credentials:\n"
                         "      - {name: api_key, from: \"env:HF_TEST_CHECK_KEY\"}\n"
                         "      - {name: webhook_secret, from: \"env:HF_TEST_CHECK_KEY\"}\n",
                         kinds[i].name, ports[i]);
    }
    setenv("HF_TEST_CHECK_KEY", "sk_test_1", 1);
    service_run(&running, yaml, &(struct service_hooks){.no_days = true});
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

/* ---- what is told ---- */

static struct gateway_way way_of(int index) {
    struct gateway_way way;
    gateway_way_look(running.service->payments, index, &way);
    return way;
}

static const char *label_of(const struct alert_signal *signal, const char *name) {
    for (int i = 0; i < signal->label_count; i++) {
        if (strcmp(signal->labels[i].name, name) == 0) {
            return signal->labels[i].value;
        }
    }
    return "";
}

/* The signal of this rule about this gateway, of this; NULL: there is none. */
static const struct alert_signal *told(const struct alert_signal *signals, int count,
                                       const char *rule, const char *gateway, const char *of) {
    for (int i = 0; i < count; i++) {
        if (strcmp(signals[i].rule, rule) == 0 &&
            strcmp(label_of(&signals[i], "gateway"), gateway) == 0 &&
            strcmp(label_of(&signals[i], "of"), of) == 0) {
            return &signals[i];
        }
    }
    return NULL;
}

/* Goes the ways again, though they are open. */
static void go(void) {
    test_clock_advance(6 * 60 * US_PER_SECOND);
    probe_all(running.service->payments);
}

static void each_step_is_measured_apart(void **state) {
    (void)state;
    go();
    struct gateway_way good = way_of(GOOD), away = way_of(AWAY), expired = way_of(EXPIRED);
    assert_int_equal(good.failures, 0);
    assert_true(good.trace.resolve_us >= 0 && good.trace.connect_us >= 0);
    assert_true(good.trace.tls_us >= 0 && good.trace.answer_us >= 0);
    assert_int_equal(good.asked, GW_NONE);
    assert_int_equal(away.failures, 1);
    assert_int_equal(away.failure, HTTP_FAIL_CONNECT);
    assert_true(away.trace.tls_us < 0 && away.trace.certificate_until_us == 0);
    assert_int_equal(expired.failure, HTTP_FAIL_TLS);
    assert_true(expired.trace.connect_us >= 0 && expired.trace.tls_us < 0);
    assert_true(expired.trace.certificate_until_us > 0);
}

static void a_certificate_is_told_of_before_its_end(void **state) {
    static const struct {
        int days;
        bool told;
        enum notice_severity severity;
    } cases[] = {{30, false, 0}, {22, false, 0}, {20, true, NOTICE_P3}, {8, true, NOTICE_P3},
                 {6, true, NOTICE_P1}, {0, true, NOTICE_P1}};
    struct alert_signal signals[SIGNALS_MAX];
    (void)state;
    go();
    int64_t ends_us = way_of(GOOD).trace.certificate_until_us;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ARENA_AUTO arena = arena_new(1 << 20);
        int64_t shift_us = ends_us - cases[i].days * DAY_US - US_PER_SECOND - clock_wall_us();
        test_clock_wall_shift(shift_us);
        int count = service_probes_signals(running.service, arena, signals, SIGNALS_MAX);
        const struct alert_signal *signal = told(signals, count, "GatewayCertificate", "good",
                                                 "certificate");
        if ((signal != NULL) != cases[i].told) {
            fail_msg("%d days before its end it is %stold", cases[i].days,
                     signal != NULL ? "" : "not ");
        }
        if (signal != NULL) {
            assert_int_equal(signal->severity, cases[i].severity);
            assert_non_null(strstr(signal->summary, "localhost"));
        }
        test_clock_wall_shift(-shift_us);
    }
}

static void one_that_is_not_believed_is_told_at_once(void **state) {
    struct alert_signal signals[SIGNALS_MAX];
    ARENA_AUTO arena = arena_new(1 << 20);
    (void)state;
    go();
    int count = service_probes_signals(running.service, arena, signals, SIGNALS_MAX);
    for (int i = EXPIRED; i <= ANOTHER_HOST; i++) {
        const struct alert_signal *signal = told(signals, count, "GatewayCertificate",
                                                 kinds[i].name, "certificate");
        assert_non_null(signal);
        assert_int_equal(signal->severity, NOTICE_P1);
        assert_non_null(strstr(signal->summary, "not believed"));
    }
}

static void a_way_that_was_closed_twice_is_told(void **state) {
    struct alert_signal signals[SIGNALS_MAX];
    ARENA_AUTO arena = arena_new(1 << 20);
    (void)state;
    go();
    go();
    int count = service_probes_signals(running.service, arena, signals, SIGNALS_MAX);
    assert_non_null(told(signals, count, "ProbeFailing", "away", "connection"));
    assert_non_null(told(signals, count, "ProbeFailing", "away", "credentials"));
    assert_null(told(signals, count, "ProbeFailing", "good", "connection"));
    assert_null(told(signals, count, "ProbeFailing", "good", "credentials"));
}

static void doctor_has_it(void **state) {
    struct doctor doctor;
    bool certificate = false;
    (void)state;
    go();
    doctor_init(&doctor, clock_wall_us());
    service_probes_doctor(running.service, &doctor);
    for (guint i = 0; i < doctor.findings->len; i++) {
        const struct finding *finding = &g_array_index(doctor.findings, struct finding, i);
        if (strcmp(finding->check, "certificate:expired") == 0) {
            certificate = finding->gravity == GRAVITY_CRITICAL;
        }
    }
    doctor_release(&doctor);
    assert_true(certificate);
}

static void metrics_have_it(void **state) {
    (void)state;
    go();
    service_probes_meter(running.service);
    BUF_AUTO buf;
    buf_init(&buf, 8 << 20);
    meter_write_prometheus(&buf);
    assert_non_null(strstr(buf.data, "holdfast_gateway_reachable{gateway=\"good\"} 1"));
    assert_non_null(strstr(buf.data, "holdfast_gateway_reachable{gateway=\"away\"} 0"));
    assert_non_null(
        strstr(buf.data, "holdfast_gateway_certificate_expiry_seconds{gateway=\"good\"}"));
    assert_null(strstr(buf.data, "holdfast_gateway_certificate_expiry_seconds{gateway=\"away\"}"));
    assert_non_null(
        strstr(buf.data, "holdfast_gateway_connection_seconds{gateway=\"good\",step=\"tls\"}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_is_measured_apart),
        cmocka_unit_test(a_certificate_is_told_of_before_its_end),
        cmocka_unit_test(one_that_is_not_believed_is_told_at_once),
        cmocka_unit_test(a_way_that_was_closed_twice_is_told),
        cmocka_unit_test(doctor_has_it),
        cmocka_unit_test(metrics_have_it),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
