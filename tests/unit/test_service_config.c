/* SPDX-License-Identifier: Apache-2.0
 * test_service_config.c: holdfast.yaml by its schema: what every key fills, what may be absent, and
 * that nothing else is taken. */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/service_config.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "base/file.h"
#include "recon/flood.h"

static const char whole[] =
    "public: {address: \"0.0.0.0:8443\", tls_certificate: a.crt, tls_key: a.key, workers: 7, "
    "queue: 8}\n"
    "internal: {address: \"127.0.0.1:3001\", key: \"env:INTERNAL\", workers: 2, queue: 3}\n"
    "store: {url: \"postgresql://db/holdfast\", migrate: true, backup_dir: /var/backups, pool: 5, "
    "no_prepare: true}\n"
    "master_key: \"file:/etc/holdfast/master.key\"\n"
    "ca_file: extra.pem\n"
    "log_level: warn\n"
    "gateways:\n"
    "  - name: stripe-eu\n"
    "    adapter: stripe\n"
    "    base_url: https://api.stripe.com\n"
    "    credentials: [{name: api_key, from: \"env:KEY\"}, {name: webhook_secret, from: "
    "\"env:W\"}]\n"
    "    methods: [card]\n"
    "    currencies: [EUR, USD]\n"
    "    regions: [DE, FR, AT]\n"
    "    amount_min: 50\n"
    "    amount_max: 1000000\n"
    "    priority: 1\n"
    "    weight: 70\n"
    "    cost: {fixed_minor: 25, basis_points: 150}\n"
    "    timeout_ms: 9000\n"
    "    callback_due_s: 900\n"
    "    concurrency: 512\n"
    "    statements: {fetch: false, time_zone: Europe/Berlin, business_days: 4, kinds: [payout], "
    "pays_out_to: bank-eu, pays_out_days: 6, payout_tolerance: [{currency: EUR, amount: 28}, "
    "{currency: USD, amount: 29}], payout_tolerance_ppm: 31, calendar: shop, windows: [{method: "
    "card, business_days: 1}, {method: paypal, calendar: other}], accounts: [acct_1, acct_2]}\n"
    "    fee_tolerance: [{currency: EUR, amount: 3}]\n"
    "    fees:\n"
    "      - {name: cards, kind: charge, methods: [card], regions: [DE, AT], currencies: [EUR], "
    "statement_methods: [visa, mc], from: 2026-01-01, until: 2026-07-01, percent: 1.4, fixed: 24, "
    "minimum: 26, maximum: 27, rounding: half_even, on_refund: share}\n"
    "      - {name: disputes, kind: dispute}\n"
    "  - {name: paypal-eu, adapter: paypal, base_url: https://api-m.paypal.com}\n"
    "routing:\n"
    "  rules:\n"
    "    - name: large\n"
    "      methods: [card]\n"
    "      currencies: [EUR]\n"
    "      regions: [DE]\n"
    "      amount_min: 50000\n"
    "      amount_max: 60000\n"
    "      vip: only\n"
    "      prefer: [paypal-eu]\n"
    "      forbid: [stripe-eu]\n"
    "breaker: {window_s: 1, calls_min: 2, fault_percent: 3, slow_percent: 4, slow_ms: 5, "
    "consecutive: 6, open_ms: 7, open_max_ms: 8, trickle_ms: 9, close_after: 10}\n"
    "payments: {several_per_order: true, request_budget_ms: 11, failover_max: 12, "
    "card_number_allow: [/order_id]}\n"
    "limits: {requests_per_second: 13, burst: 14, body_bytes: 15, drain_s: 16,\n"
    "  failures_per_second: 17, drain_notice_s: 18}\n"
    "keys: {store: /etc/sealed, store_key: \"env:SEALED\", overlap_hours: 19, max_age_days: 20, "
    "warn_days: 21, verify: false}\n"
    "reconciliation:\n"
    "  hold_rows: 22\n"
    "  hold_percent: 23\n"
    "  calendars:\n"
    "    - {name: shop, weekend: [fri, sat], holidays: [2026-10-01..2026-10-07, 2026-12-31], "
    "working_days: [2026-10-10], file: days.txt}\n"
    "    - {name: other, weekend: [none]}\n";

static const char least[] = "store: {url: \"sqlite:holdfast.db\"}\n"
                            "gateways: [{name: g, adapter: stripe, base_url: https://g.example}]\n";

static struct service_config *read_good(const char *text) {
    struct service_config *config = NULL;
    struct err err = {0};
    if (service_config_read("test.yaml", text, &config, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    return config;
}

static void every_key_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    assert_string_equal(config->public_listener.address, "0.0.0.0:8443");
    assert_string_equal(config->public_listener.tls_certificate, "a.crt");
    assert_string_equal(config->public_listener.tls_key, "a.key");
    assert_int_equal(config->public_listener.workers, 7);
    assert_int_equal(config->public_listener.queue, 8);
    assert_null(config->public_listener.key);
    assert_string_equal(config->internal_listener.address, "127.0.0.1:3001");
    assert_string_equal(config->internal_listener.key, "env:INTERNAL");
    assert_string_equal(config->store.url, "postgresql://db/holdfast");
    assert_true(config->store.migrate != NULL && *config->store.migrate);
    assert_string_equal(config->store.backup_dir, "/var/backups");
    assert_int_equal(config->store.pool, 5);
    assert_true(config->store.no_prepare);
    assert_string_equal(config->master_key, "file:/etc/holdfast/master.key");
    assert_string_equal(config->ca_file, "extra.pem");
    assert_string_equal(config->log_level, "warn");
    service_config_free(config);
}

static void every_key_of_the_keys_fills_its_member(void **state) {
    (void)state;
    char room[SERVICE_KEYSTORE_KEY_BYTES];
    struct keystore_place place;
    struct service_config *config = read_good(whole);
    assert_int_equal(config->keys.overlap_hours, 19);
    assert_int_equal(config->keys.max_age_days, 20);
    assert_int_equal(config->keys.warn_days, 21);
    assert_true(config->keys.verify != NULL && !*config->keys.verify);
    service_config_keystore(config, room, &place);
    assert_string_equal(place.path, "/etc/sealed");
    assert_string_equal(place.master, "env:SEALED");
    service_config_free(config);
    config = read_good("store: {url: \"sqlite:x.db\"}\nkeys: {store: /etc/sealed}\n"
                       "gateways: [{name: g, adapter: stripe, base_url: https://g.example}]\n");
    service_config_keystore(config, room, &place);
    assert_string_equal(place.master, "file:/etc/sealed.key");
    service_config_free(config);
    config = read_good(least);
    service_config_keystore(config, room, &place);
    assert_null(place.path);
    service_config_free(config);
}

static void every_key_of_a_fee_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    assert_int_equal(config->gateways[0].fee_tolerance_count, 1);
    assert_string_equal(config->gateways[0].fee_tolerance[0].currency, "EUR");
    assert_int_equal(config->gateways[0].fee_tolerance[0].amount, 3);
    assert_int_equal(config->gateways[0].fees_count, 2);
    const struct fee_settings *fee = &config->gateways[0].fees[0];
    assert_string_equal(fee->name, "cards");
    assert_string_equal(fee->kind, "charge");
    assert_int_equal(fee->methods_count, 1);
    assert_string_equal(fee->regions[1], "AT");
    assert_string_equal(fee->currencies[0], "EUR");
    assert_string_equal(fee->statement_methods[1], "mc");
    assert_string_equal(fee->from, "2026-01-01");
    assert_string_equal(fee->until, "2026-07-01");
    assert_string_equal(fee->percent, "1.4");
    assert_int_equal(fee->fixed, 24);
    assert_int_equal(fee->minimum, 26);
    assert_int_equal(*fee->maximum, 27);
    assert_string_equal(fee->rounding, "half_even");
    assert_string_equal(fee->on_refund, "share");
    assert_null(config->gateways[0].fees[1].maximum);
    service_config_free(config);
}

static void every_key_of_a_window_and_a_calendar_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    const struct config_statements *statements = &config->gateways[0].statements;
    assert_int_equal(*statements->business_days, 4);
    assert_int_equal(statements->accounts_count, 2);
    assert_string_equal(statements->accounts[1], "acct_2");
    assert_string_equal(statements->calendar, "shop");
    assert_int_equal(statements->windows_count, 2);
    assert_string_equal(statements->windows[0].method, "card");
    assert_int_equal(*statements->windows[0].business_days, 1);
    assert_null(statements->windows[0].calendar);
    assert_null(statements->windows[1].business_days);
    assert_string_equal(statements->windows[1].calendar, "other");
    assert_int_equal(config->reconciliation.calendars_count, 2);
    const struct workdays_settings *calendar = &config->reconciliation.calendars[0];
    assert_string_equal(calendar->name, "shop");
    assert_int_equal(calendar->weekend_count, 2);
    assert_string_equal(calendar->weekend[1], "sat");
    assert_int_equal(calendar->holidays_count, 2);
    assert_string_equal(calendar->holidays[0], "2026-10-01..2026-10-07");
    assert_int_equal(calendar->working_days_count, 1);
    assert_string_equal(calendar->working_days[0], "2026-10-10");
    assert_string_equal(calendar->file, "days.txt");
    assert_string_equal(config->reconciliation.calendars[1].weekend[0], "none");
    service_config_free(config);
}

static void every_key_of_its_statements_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    const struct config_statements *said = &config->gateways[0].statements;
    assert_false(*said->fetch);
    assert_string_equal(said->time_zone, "Europe/Berlin");
    assert_int_equal(*said->business_days, 4);
    assert_int_equal(said->kinds_count, 1);
    assert_string_equal(said->kinds[0], "payout");
    assert_string_equal(said->pays_out_to, "bank-eu");
    assert_int_equal(*said->pays_out_days, 6);
    assert_int_equal(said->payout_tolerance_count, 2);
    assert_string_equal(said->payout_tolerance[1].currency, "USD");
    assert_int_equal(said->payout_tolerance[1].amount, 29);
    assert_int_equal(*said->payout_tolerance_ppm, 31);
    assert_int_equal(config->gateways[1].statements.payout_tolerance_count, 0);
    service_config_free(config);
}

static void every_key_of_a_gateway_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    assert_int_equal(config->gateways_count, 2);
    const struct config_gateway *gateway = &config->gateways[0];
    assert_string_equal(gateway->name, "stripe-eu");
    assert_string_equal(gateway->adapter, "stripe");
    assert_string_equal(gateway->base_url, "https://api.stripe.com");
    assert_int_equal(gateway->credentials_count, 2);
    assert_string_equal(gateway->credentials[1].name, "webhook_secret");
    assert_string_equal(gateway->credentials[1].from, "env:W");
    assert_int_equal(gateway->methods_count, 1);
    assert_int_equal(gateway->currencies_count, 2);
    assert_string_equal(gateway->currencies[1], "USD");
    assert_int_equal(gateway->regions_count, 3);
    assert_int_equal(gateway->amount_min, 50);
    assert_int_equal(gateway->amount_max, 1000000);
    assert_int_equal(gateway->priority, 1);
    assert_int_equal(gateway->weight, 70);
    assert_int_equal(gateway->cost.fixed_minor, 25);
    assert_int_equal(gateway->cost.basis_points, 150);
    assert_int_equal(gateway->timeout_ms, 9000);
    assert_int_equal(gateway->callback_due_s, 900);
    assert_int_equal(gateway->concurrency, 512);
    assert_string_equal(config->gateways[1].name, "paypal-eu");
    assert_int_equal(config->gateways[1].credentials_count, 0);
    service_config_free(config);
}

static void every_key_of_the_rest_fills_its_member(void **state) {
    (void)state;
    struct service_config *config = read_good(whole);
    const struct config_rule *rule = &config->routing.rules[0];
    assert_int_equal(config->routing.rules_count, 1);
    assert_string_equal(rule->name, "large");
    assert_string_equal(rule->methods[0], "card");
    assert_string_equal(rule->currencies[0], "EUR");
    assert_string_equal(rule->regions[0], "DE");
    assert_int_equal(rule->amount_min, 50000);
    assert_int_equal(rule->amount_max, 60000);
    assert_string_equal(rule->vip, "only");
    assert_string_equal(rule->prefer[0], "paypal-eu");
    assert_string_equal(rule->forbid[0], "stripe-eu");
    const struct config_breaker *breaker = &config->breaker;
    const unsigned figures[] = {breaker->window_s,     breaker->calls_min,   breaker->fault_percent,
                                breaker->slow_percent, breaker->slow_ms,     breaker->consecutive,
                                breaker->open_ms,      breaker->open_max_ms, breaker->trickle_ms,
                                breaker->close_after};
    for (unsigned i = 0; i < COUNT_OF(figures); i++) {
        assert_int_equal(figures[i], i + 1);
    }
    assert_true(config->payments.several_per_order);
    assert_int_equal(config->payments.request_budget_ms, 11);
    assert_int_equal(config->payments.failover_max, 12);
    assert_string_equal(config->payments.card_number_allow[0], "/order_id");
    assert_int_equal(*config->limits.requests_per_second, 13);
    assert_int_equal(config->limits.burst, 14);
    assert_int_equal(*config->limits.failures_per_second, 17);
    assert_int_equal(config->limits.body_bytes, 15);
    assert_int_equal(config->limits.drain_s, 16);
    assert_int_equal(config->limits.drain_notice_s, 18);
    assert_int_equal(config->reconciliation.hold_rows, 22);
    assert_int_equal(*config->reconciliation.hold_percent, 23);
    service_config_free(config);
}

static void what_is_absent_is_nothing(void **state) {
    (void)state;
    struct service_config *config = read_good(least);
    assert_null(config->public_listener.address);
    assert_null(config->internal_listener.key);
    assert_null(config->store.migrate);
    assert_null(config->master_key);
    assert_int_equal(config->routing.rules_count, 0);
    assert_int_equal(config->limits.requests_per_second, 0);
    assert_int_equal(config->gateways[0].priority, 0);
    assert_int_equal(config->gateways[0].methods_count, 0);
    service_config_free(config);
}

/* A share of nothing holds nothing; above all of it there is none. */
static void a_share_that_holds_a_statement_is_a_share(void **state) {
    static const struct {
        const char *said;
        int64_t percent;
    } rows[] = {
        {"", 0},
        {"reconciliation: {hold_percent: 0}\n", HOLD_NEVER},
        {"reconciliation: {hold_percent: 100}\n", 100},
        {"reconciliation: {hold_percent: 101}\n", -ERR_CONFIG},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[400];
        struct recon_policy policy;
        struct err err = {0};
        snprintf(text, sizeof text, "%s%s", least, rows[i].said);
        struct service_config *config = read_good(text);
        int r = recon_policy_read(config, &policy, &err);
        assert_int_equal(r < 0 ? r : policy.hold_percent, rows[i].percent);
        service_config_free(config);
    }
}

static void what_detection_goes_by_is_taken_or_refused_with_its_place(void **state) {
    static const struct {
        const char *said, *place; /* NULL: it is good */
    } rows[] = {
        {"counts: [{name: jobs_late, least: 3, after_s: 60, grave_after_s: 70}, {name: refused, "
         "window_minutes: 7}]\n",
         NULL},
        {"counts: [{name: nothing, least: 3}]\n", "detection.counts[nothing]"},
        {"counts: [{name: switched_off, least: 3}]\n", "detection.counts[switched_off]"},
        {"counts: [{name: jobs_late, least: 0}]\n", "detection.counts[jobs_late]"},
        {"counts: [{name: jobs_late, window_minutes: 1}]\n", "detection.counts[jobs_late]"},
        {"counts: [{name: refused, after_s: 1}]\n", "detection.counts[refused]"},
        {"counts: [{name: slow, grave_after_s: 1}]\n", "detection.counts[slow]"},
        {"shares: [{rule: RefundRate, times: 3.5, least: 4, window: hour}]\n", NULL},
        {"shares: [{rule: QueueLag, times: 3}]\n", "detection.shares[QueueLag]"},
        {"shares: [{rule: RefundRate, window: week}]\n", "detection.shares[RefundRate]"},
        {"shares: [{rule: RefundRate, times: 1}]\n", "detection.shares[RefundRate]"},
        {"volume: {drop: 50, surge: 300, least: 9, minutes: 15}\n", NULL},
        {"volume: {drop: 100}\n", "detection.volume"},
        {"volume: {surge: 100}\n", "detection.volume"},
        {"volume: {minutes: 61}\n", "detection.volume"},
    };
    (void)state;
    struct watch_limits limits;
    watch_limits_usual(&limits);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[600];
        struct err err = {0};
        snprintf(text, sizeof text, "%sdetection:\n  %s", least, rows[i].said);
        struct service_config *config = read_good(text);
        struct watch_limits tried = limits;
        int r = watch_limits_apply(&config->detection,
                                   rows[i].place == NULL ? &limits : &tried, &err);
        assert_int_equal(r, rows[i].place == NULL ? 0 : -ERR_CONFIG);
        assert_string_equal(err.place, rows[i].place == NULL ? "" : rows[i].place);
        service_config_free(config);
    }
    const struct measure_limits *late = &limits.measures[measure_find("jobs_late", 9)];
    assert_true(late->least == 3 && late->after_s == 60 && late->grave_after_s == 70);
    assert_int_equal(limits.measures[MEASURE_REFUSED].window_minutes, 7);
    assert_int_equal(limits.measures[MEASURE_REFUSED].least, 3);
    assert_true(limits.rates[RATE_REFUNDS].times == 3.5 && limits.rates[RATE_REFUNDS].least == 4 &&
                !limits.rates[RATE_REFUNDS].day && limits.rates[RATE_DISPUTES].day);
    assert_true(limits.volume.drop == 0.5 && limits.volume.surge == 3 &&
                limits.volume.least == 9 && limits.volume.minutes == 15);
}

static void rules_are_read_with_what_they_let_pass(void **state) {
    (void)state;
    char text[1000];
    struct match_sets sets;
    struct err err = {0};
    snprintf(text, sizeof text,
             "%sreconciliation:\n  rules:\n    - by: gateway_id\n      tolerance: [{currency: EUR, "
             "amount: 2}]\n      tolerance_ppm: 100\n      after_minutes: 1440\n    - {by: "
             "amount_time}\n",
             least);
    struct service_config *config = read_good(text);
    assert_int_equal(recon_rules_read(config, NULL, &sets, &err), 0);
    const struct match_set *set = match_sets_of(&sets, "any");
    assert_int_equal(set->count, 2);
    assert_false(set->usual);
    assert_int_equal(match_allowed_minor(&set->rules[0], currency_stored("EUR")), 2);
    assert_int_equal(match_allowed_minor(&set->rules[0], currency_stored("USD")), 0);
    assert_int_equal(set->rules[0].tolerance_ppm, 100);
    assert_true(set->rules[0].before_us == INT64_MAX);
    assert_int_equal(set->rules[0].after_us, 1440 * 60 * US_PER_SECOND);
    assert_int_equal(set->rules[1].before_us, 4320 * 60 * US_PER_SECOND);
    match_sets_release(&sets);
    service_config_free(config);
    /* A key that there is not has its line; a rule that cannot be, its number. */
    snprintf(text, sizeof text, "%sreconciliation:\n  rules:\n    - {by: reference, slack: 1}\n",
             least);
    assert_int_equal(service_config_read("test.yaml", text, &config, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "slack"));
    snprintf(text, sizeof text,
             "%sreconciliation:\n  rules: [{by: reference}, {by: reference}]\n", least);
    config = read_good(text);
    assert_int_equal(recon_rules_read(config, NULL, &sets, &err), -ERR_CONFIG);
    assert_string_equal(err.place, "reconciliation.rules, rule 2: by");
    match_sets_release(&sets);
    service_config_free(config);
}

static void what_does_not_fit_the_schema_is_refused_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } rows[] = {
        {"", "test.yaml"},
        {"gateways: []\n", "test.yaml"},
        {"store: {url: \"sqlite:a\"}\n", "test.yaml"},
        {"store: {url: \"sqlite:a\"}\ngateways: []\n", "test.yaml:2"},
        {"store: {}\ngateways: [{name: g, adapter: a, base_url: b}]\n", "test.yaml:1"},
        {"store: {url: \"sqlite:a\"}\ngateways:\n  - {name: g, base_url: b}\n", "test.yaml:3"},
        {"store: {url: \"sqlite:a\"}\ngateways:\n  - {name: g, adapter: a, base_url: b}\nlimts: "
         "{}\n",
         "test.yaml:4"},
        {"store: {url: \"sqlite:a\", mirgate: true}\n", "test.yaml:1"},
        {"store: {url: \"sqlite:a\"}\nlimits: {burst: -1}\n", "test.yaml:2"},
        {"store: {url: \"sqlite:a\"}\nlimits: {burst: 1.5}\n", "test.yaml:2"},
        {"store: {url: \"sqlite:a\"}\nlimits: {burst: 99999999999}\n", "test.yaml:2"},
        {"store: {url: \"sqlite:a\", no_prepare: maybe}\n", "test.yaml:1"},
        {"store: {url: [a]}\n", "test.yaml:1"},
        {"public: {key: \"env:KEY\"}\n", "test.yaml:1"},
        {"store: {url: \"sqlite:a\"}\nstore: {url: \"sqlite:b\"}\n", "test.yaml:2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct service_config *config = NULL;
        struct err err = {0};
        assert_int_equal(service_config_read("test.yaml", rows[i].text, &config, &err),
                         -ERR_CONFIG);
        assert_null(config);
        if (strncmp(err.place, rows[i].place, strlen(rows[i].place)) != 0) {
            fail_msg("%s: at %s: %s", rows[i].text, err.place, err.detail);
        }
    }
}

/* What docs/configuration.md shows is read, as it stands there. */
/* ---- orders that are paid later ---- */

static int later_of(const char *section, struct payments_options *ret_options, struct err *err) {
    char text[1200];
    struct service_config *config = NULL;
    snprintf(text, sizeof text,
             "store: {url: \"sqlite:x\"}\ngateways: [{name: a, adapter: stripe, base_url: "
             "\"http://127.0.0.1:1\"}]\n%s\n",
             section);
    int r = service_config_read("later", text, &config, err);
    r = r < 0 ? r : later_options(config, ret_options, err);
    if (r >= 0) { /* what stays borrowed is looked at by nobody here */
        ret_options->deferral.public_url = NULL;
        ret_options->forward.customers = NULL;
    }
    service_config_free(config);
    return r;
}

static void what_is_paid_later_is_as_it_is_written(void **state) {
    (void)state;
    struct payments_options options = {0};
    struct err err = {0};
    assert_int_equal(later_of("deferred: {public_url: https://pay.test, hold_minutes: 60, "
                              "reminders_minutes: [30, 5]}\n"
                              "forward: {enabled: true, vip: true, purposes: [order, topup], "
                              "customers: [a, b], age_minutes: 7, limits: [{currency: JPY, each: "
                              "10, total: 20}]}",
                              &options, &err),
                     0);
    assert_int_equal(options.deferral.hold_us, 3600 * US_PER_SECOND);
    assert_int_equal(options.deferral.reminder_count, 2);
    assert_int_equal(options.deferral.reminders_us[1], 300 * US_PER_SECOND);
    assert_true(options.forward.enabled && options.forward.vip);
    assert_true(options.forward.purposes[PURPOSE_ORDER] && options.forward.purposes[PURPOSE_TOPUP]);
    assert_false(options.forward.purposes[PURPOSE_SUBSCRIPTION]);
    assert_int_equal(options.forward.customer_count, 2);
    assert_int_equal(options.forward.age_us, 420 * US_PER_SECOND);
    assert_string_equal(options.forward.limits[0].currency.code, "JPY");
    assert_int_equal(options.forward.limits[0].total_minor, 20);
    options = (struct payments_options){0};
    assert_int_equal(later_of("deferred: {reminders_minutes: [0]}", &options, &err), 0);
    assert_int_equal(options.deferral.reminder_count, -1); /* none, and not the default */
    options = (struct payments_options){0};
    assert_int_equal(later_of("", &options, &err), 0);
    assert_false(options.forward.enabled);
    assert_int_equal(options.deferral.reminder_count, 0);
}

static void what_would_be_paid_later_wrongly_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "deferred: {public_url: pay.test}",
        "deferred: {public_url: \"https://pay.test/\"}",
        "deferred: {public_url: \"https://pay.test/?a\"}",
        "deferred: {public_url: \"javascript:x\"}",
        "deferred: {hold_minutes: 100000}",
        "deferred: {reminders_minutes: [5, 30]}",
        "deferred: {reminders_minutes: [5, 0]}",
        "deferred: {reminders_minutes: [9, 8, 7, 6, 5]}",
        "deferred: {reminder: 5}",
        "forward: {enabled: true}",
        "forward: {enabled: true, purposes: [order], limits: [{currency: USD, each: 1, total: 1}]}",
        "forward: {enabled: true, vip: true, limits: [{currency: USD, each: 1, total: 1}]}",
        "forward: {enabled: true, vip: true, purposes: [order]}",
        "forward: {purposes: [gift]}",
        "forward: {limits: [{currency: XXX, each: 1, total: 1}]}",
        "forward: {limits: [{currency: USD, each: 2, total: 1}]}",
        "forward: {limits: [{currency: USD, each: 0, total: 1}]}",
        "forward: {limits: [{currency: USD, each: 1}]}",
        "forward: {age_minutes: 100000}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct payments_options options = {0};
        struct err err = {0};
        if (later_of(rows[i], &options, &err) != -ERR_CONFIG) {
            fail_msg("%s was taken", rows[i]);
        }
    }
}

static void the_example_in_the_documentation_is_good(void **state) {
    (void)state;
    enum { PAGE_BYTES_MAX = 64 * 1024 };
    char page[PAGE_BYTES_MAX];
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(
        file_read(TESTS_DIR "/../docs/configuration.md", page, sizeof page - 1, &count, &err), 0);
    page[count] = '\0';
    char *from = strstr(page, "```yaml\n");
    assert_non_null(from);
    from += strlen("```yaml\n");
    char *to = strstr(from, "```");
    assert_non_null(to);
    *to = '\0';
    struct service_config *config = read_good(from);
    assert_true(config->gateways_count > 0);
    /* And what it says of fees is a schedule. */
    unsigned lines = 0, tolerances = 0;
    for (unsigned i = 0; i < config->gateways_count; i++) {
        const struct config_gateway *gateway = &config->gateways[i];
        struct fee_schedule *schedule = NULL;
        struct match_tolerance *tolerated = NULL;
        if (fee_schedule_open(gateway->name, gateway->fees, (int)gateway->fees_count,
                              "Asia/Shanghai", &schedule, &err) < 0 ||
            fee_tolerances_read(gateway->name, gateway->fee_tolerance,
                                (int)gateway->fee_tolerance_count, &tolerated, &err) < 0) {
            fail_msg("%s: %s", err.place, err.detail);
        }
        lines += gateway->fees_count;
        tolerances += gateway->fee_tolerance_count;
        fee_schedule_free(schedule);
        g_free(tolerated);
    }
    assert_int_equal(lines, 2);
    assert_int_equal(tolerances, 1);
    service_config_free(config);
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    struct service_config *config = NULL;
    struct err err = {0};
    assert_true(service_config_load("no-such-folder/holdfast.yaml", &config, &err) < 0);
    assert_null(config);
    assert_non_null(strstr(err.detail, "no-such-folder/holdfast.yaml"));
    service_config_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_fills_its_member),
        cmocka_unit_test(every_key_of_the_keys_fills_its_member),
        cmocka_unit_test(every_key_of_its_statements_fills_its_member),
        cmocka_unit_test(every_key_of_a_gateway_fills_its_member),
        cmocka_unit_test(every_key_of_a_fee_fills_its_member),
        cmocka_unit_test(every_key_of_a_window_and_a_calendar_fills_its_member),
        cmocka_unit_test(every_key_of_the_rest_fills_its_member),
        cmocka_unit_test(what_is_absent_is_nothing),
        cmocka_unit_test(a_share_that_holds_a_statement_is_a_share),
        cmocka_unit_test(what_detection_goes_by_is_taken_or_refused_with_its_place),
        cmocka_unit_test(rules_are_read_with_what_they_let_pass),
        cmocka_unit_test(what_does_not_fit_the_schema_is_refused_with_its_line),
        cmocka_unit_test(what_is_paid_later_is_as_it_is_written),
        cmocka_unit_test(what_would_be_paid_later_wrongly_is_refused),
        cmocka_unit_test(the_example_in_the_documentation_is_good),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
