/* SPDX-License-Identifier: Apache-2.0
 * test_sim_gateways.c: the gateways that a simulated service may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/service_config.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/registry.h"
#include "sandbox/gateway_kind.h"
#include "sim/gateways.h"

static void names_are_those_of_the_sandbox_and_only_ready_ones_are_taken(void **state) {
    (void)state;
    uint32_t gateways = 0;
    struct err err;
    assert_int_equal(sim_gateways_read("paypal,stripe", &gateways, &err), 0);
    assert_int_equal(gateways, SIM_GATEWAYS_USUAL);
    assert_int_equal(sim_gateways_read("stripe,visa", &gateways, &err), -ERR_VALIDATION);
    assert_int_equal(gateways, SIM_GATEWAYS_USUAL);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)i);
        int rc = sim_gateways_read(sb_gateway_name((enum sb_gateway)i), &gateways, &err);
        /* One that tells nothing cannot be played; nothing else may stand in the way for long. */
        assert_true(kind->event_write != NULL || rc == -ERR_VALIDATION);
    }
}

static void a_gateway_is_found_by_the_services_name(void **state) {
    (void)state;
    enum sb_gateway gateway = SB_STRIPE;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        assert_true(sim_gateway_find(sim_gateway((enum sb_gateway)i)->name, &gateway));
        assert_int_equal(gateway, i);
        assert_non_null(adapter_find(sim_gateway((enum sb_gateway)i)->adapter));
    }
    assert_false(sim_gateway_find("stripe", &gateway));
}

static bool has(const struct config_gateway *gateway, const char *name, bool option) {
    bool found = false;
    for (unsigned i = 0; option && i < gateway->options_count; i++) {
        found |= strcmp(gateway->options[i].name, name) == 0;
    }
    for (unsigned i = 0; !option && i < gateway->credentials_count; i++) {
        const char *from = gateway->credentials[i].from;
        if (strcmp(gateway->credentials[i].name, name) == 0) {
            assert_memory_equal(from, "env:", 4);
            found |= getenv(from + 4) != NULL;
        }
    }
    return found;
}

/* The service's configuration, as it reads it. */
static void each_gateway_that_is_ready_has_all_that_its_adapter_needs(void **state) {
    (void)state;
    uint32_t gateways = 0;
    struct err err = {0};
    struct service_config *config = NULL;
    BUF_AUTO text;
    buf_init(&text, 16384);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        uint32_t one = 0;
        if (sim_gateways_read(sb_gateway_name((enum sb_gateway)i), &one, &err) == 0) {
            gateways |= one;
        }
    }
    assert_int_equal(gateways & SIM_GATEWAYS_USUAL, SIM_GATEWAYS_USUAL);
    sim_gateways_prepare(gateways, clock_wall_us());
    buf_add_text(&text, "store: {url: \"sqlite::memory:\"}\nmaster_key: \"env:NONE\"\n");
    sim_gateways_write(gateways, "", &text);
    if (service_config_read("test", text.data, &config, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    assert_int_equal(config->gateways_count, __builtin_popcount(gateways));
    for (unsigned i = 0; i < config->gateways_count; i++) {
        const struct gateway_adapter *adapter = adapter_find(config->gateways[i].adapter);
        for (const char *const *name = adapter->credentials; *name != NULL; name++) {
            assert_true(has(&config->gateways[i], *name, false));
        }
        for (const char *const *name = adapter->options; name != NULL && *name != NULL; name++) {
            assert_true(has(&config->gateways[i], *name, true));
        }
    }
    service_config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_sandbox_and_only_ready_ones_are_taken),
        cmocka_unit_test(a_gateway_is_found_by_the_services_name),
        cmocka_unit_test(each_gateway_that_is_ready_has_all_that_its_adapter_needs),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
