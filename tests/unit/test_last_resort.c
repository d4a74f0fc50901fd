/* SPDX-License-Identifier: Apache-2.0
 * test_last_resort.c: when the database is away somebody is told all the same: once, and once that
 * it is back; what happened is written down afterwards, and not told again. */
#include "channel_fixture.h"

#include "base/crypto.h"
#include "store/migrate.h"
#include "support/both_engines.h"
#include "support/http_calls.h"
#include "support/test_clock.h"
#include "watch/alert_impl.h"
#include "watch/last_resort.h"

static const struct raw_step takes[] = {
    {RAW_READ, "}]}", 0}, SEND(OK_ANSWER), {RAW_AGAIN}};
/* Says 500 twice, then takes all. */
#define NO_ANSWER "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"

static struct store *store;
static struct http_client *http;
static struct channels *channels;
static struct alerts *alerts;
static struct deliveries *deliveries;
static struct last_resort *last;
static struct raw_server *hook, *other;

static void open_all(const char *fallback) {
    struct err err = {0};
    static char urls[2][80];
    static char *names[] = {"hook"};
    static struct alert_route_config route = {.name = "all", .channels = names,
                                              .channels_count = 1};
    static const struct alert_config config = {.routes = &route, .routes_count = 1};
    struct channel_settings settings[2];
    for (int i = 0; i < 2; i++) {
        struct fixture_settings from = {
            CHANNEL_WEBHOOK, {NULL}, {"url", urls[i], "secret", FIXTURE_WHSEC}};
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d/in",
                 raw_server_port(i == 0 ? hook : other));
        fixture_fill(&from, &settings[i]);
        settings[i].name = i == 0 ? "hook" : "other";
    }
    settings[0].fallback = fallback;
    if (channels_open(settings, 2, NULL, &channels, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    const struct deliveries_options kept = {.store = store, .channels = channels};
    assert_int_equal(deliveries_open(&kept, &deliveries, &err), 0);
    const struct alerts_options options = {
        .store = store, .channels = channels, .deliveries = deliveries, .config = &config};
    assert_int_equal(alerts_open(&options, &alerts, &err), 0);
    last = last_resort_open(&(struct last_resort_options){.store = store,
                                                          .alerts = alerts,
                                                          .channels = channels,
                                                          .clients = {.http = http},
                                                          .source = "inst_1"});
}

static void close_all(void) {
    last_resort_close(last);
    alerts_close(alerts);
    deliveries_close(deliveries);
    channels_close(channels);
    raw_server_free(hook);
    raw_server_free(other);
    hook = other = NULL;
}

static void turns(int seconds) {
    for (int i = 0; i < seconds; i += 5) {
        struct err err = {0};
        test_clock_advance(LAST_RESORT_EVERY_US);
        assert_true(last_resort_turn(last, &err) <= 0);
    }
}

static int count_in(struct raw_server *server, const char *what) {
    int count = 0;
    for (int i = 0; i < raw_server_accepted(server); i++) {
        char *taken = raw_server_taken(server, i);
        for (const char *at = taken; (at = strstr(at, what)) != NULL; at++) {
            count++;
        }
        free(taken);
    }
    return count;
}
#define FIRING "\"status\":\"firing\",\"receiver\""
#define RESOLVED "\"status\":\"resolved\",\"receiver\""

/* A real server that is killed. */
static void one_message_says_that_it_is_away_and_one_that_it_is_back(void **state) {
    (void)state;
    struct test_pg server;
    char url[TEST_PG_URL_MAX];
    struct err err = {0};
    test_pg_start(&server, false);
    test_pg_database(&server, url);
    assert_int_equal(store_open(&(struct store_options){.url = url}, &store, &err), 0);
    assert_int_equal(migrate_apply(store, NULL, NULL, &err), 0);
    hook = raw_server_start(&(struct raw_options){.scripts = {takes}});
    other = raw_server_start(&(struct raw_options){.scripts = {takes}});
    open_all(NULL);
    turns(60);
    assert_int_equal(raw_server_accepted(hook), 0);
    test_pg_kill(&server);
    turns(15);
    assert_int_equal(raw_server_accepted(hook), 0); /* not yet: it may be a restart */
    turns(600);
    assert_true(last_resort_is_away(last));
    assert_int_equal(count_in(hook, FIRING), 1);
    assert_int_equal(count_in(hook, "The database does not answer"), 1);
    test_pg_again(&server);
    turns(10);
    assert_int_equal(count_in(hook, RESOLVED), 0); /* not yet: it may go again */
    turns(60);
    assert_false(last_resort_is_away(last));
    assert_int_equal(count_in(hook, FIRING), 1);
    assert_int_equal(count_in(hook, RESOLVED), 1);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert WHERE state = 4 AND rule = "
                                           "'PaymentServiceDatabaseIssues' AND fired_us > "
                                           "first_symptom_us AND resolved_us > fired_us + "
                                           "600000000"),
                     1);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert_told WHERE channel = "
                                           "'hook' AND state = 3"),
                     1);
    /* Nothing of it is told again by who tells from the database. */
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM job"), 0);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert WHERE owed <> 0"), 0);
    close_all();
    store_close(store);
    test_pg_end(&server);
}

static int no_answer(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return -1;
}

static struct test_store engine;

/* Its tries are bounded; then whoever stands in is told. */
static void a_channel_that_fails_is_tried_again_and_then_its_fallback(void **state) {
    (void)state;
    static const struct raw_step refuses[] = {
        {RAW_READ, "}]}", 0}, SEND(NO_ANSWER), {RAW_AGAIN}};
    store = engine.store;
    hook = raw_server_start(&(struct raw_options){.scripts = {refuses}});
    other = raw_server_start(&(struct raw_options){.scripts = {takes}});
    open_all("other");
    store_fault_set(store, no_answer, NULL);
    turns(1200);
    assert_int_equal(count_in(hook, FIRING), LAST_RESORT_TRIES_MAX);
    assert_int_equal(count_in(other, FIRING), 1);
    store_fault_set(store, NULL, NULL);
    turns(60);
    assert_int_equal(count_in(hook, RESOLVED), 0); /* it has not heard that it was away */
    assert_int_equal(count_in(other, RESOLVED), 1);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert_told WHERE channel = "
                                           "'other'"),
                     1);
    close_all();
}

/* It comes and goes: one alert; what cannot be written down yet is written down later. */
static void going_again_before_it_is_written_down_is_the_same_alert(void **state) {
    (void)state;
    store = engine.store;
    hook = raw_server_start(&(struct raw_options){.scripts = {takes}});
    other = raw_server_start(&(struct raw_options){.scripts = {takes}});
    test_store_exec(store, "DELETE FROM alert");
    open_all(NULL);
    store_fault_set(store, no_answer, NULL);
    turns(60);
    store_fault_set(store, NULL, NULL);
    turns(10);
    store_fault_set(store, no_answer, NULL);
    turns(120);
    assert_int_equal(count_in(hook, FIRING), 1);
    assert_int_equal(count_in(hook, RESOLVED), 0);
    assert_int_equal(count_in(other, "POST"), 0);
    store_fault_set(store, NULL, NULL);
    turns(120);
    assert_int_equal(count_in(hook, RESOLVED), 1);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert"), 1);
    /* Another time is another alert. */
    store_fault_set(store, no_answer, NULL);
    turns(60);
    store_fault_set(store, NULL, NULL);
    turns(60);
    assert_int_equal(count_in(hook, FIRING), 2);
    assert_int_equal(count_in(hook, RESOLVED), 2);
    assert_int_equal(test_store_int(store, "SELECT COUNT(*) FROM alert"), 2);
    close_all();
}

int main(void) {
    const struct CMUnitTest real[] = {
        cmocka_unit_test(one_message_says_that_it_is_away_and_one_that_it_is_back),
    };
    const struct CMUnitTest both[] = {
        cmocka_unit_test(a_channel_that_fails_is_tried_again_and_then_its_fallback),
        cmocka_unit_test(going_again_before_it_is_written_down_is_the_same_alert),
    };
    crypto_init();
    test_clock_install();
    http = plain_client();
    int failed = cmocka_run_group_tests_name("last resort", real, NULL, NULL);
    failed += engine_run("last resort", both, COUNT_OF(both), &engine);
    http_client_free(http);
    return failed;
}
