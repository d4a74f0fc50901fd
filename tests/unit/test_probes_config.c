/* SPDX-License-Identifier: Apache-2.0
 * test_probes_config.c: the section `probes:` of the configuration: what it may say, what is
 * refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "payment/probes.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

#define BASE "gateway: stripe-a, method: card, currency: USD, "
#define HOLD BASE "way: authorize_cancel, token: pm_own, amount: 100"

/* What the service says of this section: 0, or the error. */
static int opened(const char *section, struct err *err) {
    char yaml[API_CONFIG_BYTES_MAX];
    struct service_config *config = NULL;
    struct service *service = NULL;
    char database[400];
    snprintf(database, sizeof database, "%s/other.db", the_api.folder);
    const struct service_hooks hooks = {.no_listeners = true};
    api_yaml(database, section, yaml);
    int r = service_config_read("test.yaml", yaml, &config, err);
    r = r < 0 ? r : service_open(config, &hooks, &service, err);
    if (r >= 0) {
        service_close(service);
    }
    service_config_free(config);
    return r;
}

static void what_makes_no_sense_is_refused_with_its_place(void **state) {
    static const struct {
        const char *section, *place;
    } rows[] = {
        {"[{gateway: nobody, method: card, way: charge_refund, amount: 1, currency: USD}]",
         "probes[nobody-card].gateway"},
        {"[{gateway: stripe-a, method: alipay, way: charge_refund, token: t, amount: 1, currency: "
         "USD}]",
         "probes[stripe-a-alipay].method"},
        {"[{" BASE "way: order_close, amount: 1}]", "probes[stripe-a-card].way"},
        {"[{" BASE "way: sell, amount: 1}]", "probes[stripe-a-card].way"},
        {"[{" BASE "way: charge_refund, amount: 1}]", "probes[stripe-a-card].token"},
        {"[{gateway: paypal-a, method: paypal, way: order_close, token: t, amount: 1, currency: "
         "USD}]",
         "probes[paypal-a-paypal].token"},
        {"[{gateway: paypal-a, method: paypal, way: order_close, flow: qr, amount: 1, currency: "
         "USD}]",
         "probes[paypal-a-paypal].flow"},
        {"[{" HOLD ", flow: qr}]", "probes[stripe-a-card].flow"},
        {"[{gateway: stripe-a, method: card, way: charge_refund, token: t, amount: 1, currency: "
         "XYZ}]",
         "probes[stripe-a-card].currency"},
        {"[{" BASE "way: charge_refund, token: t, amount: 0}]", "probes[stripe-a-card].amount"},
        {"[{" HOLD ", every_minutes: 10081}]", "probes[stripe-a-card].every_minutes"},
        {"[{" HOLD ", name: 'a b'}]", "probes[a b].name"},
        {"[{" HOLD "}, {" HOLD "}]", "probes[stripe-a-card].name"},
        {"[{" HOLD "}, {" HOLD ", name: other}]", "probes[other].method"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char section[600];
        struct err err = {0};
        snprintf(section, sizeof section, "probes: %s\n", rows[i].section);
        int r = opened(section, &err);
        if (r != -ERR_CONFIG || strcmp(err.place, rows[i].place) != 0) {
            fail_msg("%s: %d at %s: %s", rows[i].section, r, err.place, err.detail);
        }
    }
}

static void what_makes_sense_is_taken(void **state) {
    static const char *const rows[] = {
        "",
        "probes: []\n",
        "probes: [{" HOLD "}]\n",
        "probes: [{" HOLD ", name: one, every_minutes: 10080, slow_ms: 1}]\n",
        ("probes: [{gateway: paypal-a, method: paypal, way: order_close, amount: 1, currency: "
         "USD}]\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        if (opened(rows[i], &err) < 0) {
            fail_msg("%s: at %s: %s", rows[i], err.place, err.detail);
        }
    }
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
        cmocka_unit_test(what_makes_sense_is_taken),
    };
    return cmocka_run_group_tests(tests, the_api_start, the_api_stop);
}
