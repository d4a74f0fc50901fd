/* SPDX-License-Identifier: Apache-2.0
 * test_test_clock.c: a sandbox's clock that is moved ahead: only there, over restarts, and what is
 * due meanwhile is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/test_clock.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http_server.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

static const char test_clock_on[] = "test_clock: true\n";

static int64_t ahead_s(struct api *api) {
    API_REPLY_AUTO reply;
    api_ask(api, &(struct api_ask){.path = "/internal/api/test-clock", .internal = true}, &reply);
    assert_int_equal(reply.status, 200);
    return reply_int(&reply, "ahead_seconds");
}

static int advance(struct api *api, const char *body) {
    return api_status(api, &(struct api_ask){.method = "POST",
                                             .path = "/internal/api/test-clock/advance",
                                             .body = body,
                                             .internal = true});
}

static void back(void) {
    clock_shift(-clock_shifted_us());
}

static void without_the_word_in_the_configuration_time_is_real(void **state) {
    struct api api;
    api_start(&api, NULL, false);
    assert_int_equal(advance(&api, "{\"seconds\":3600}"), 409);
    assert_int_equal(ahead_s(&api), 0);
    API_REPLY_AUTO health;
    api_ask(&api, &(struct api_ask){.path = "/payment/health"}, &health);
    assert_int_equal(reply_int(&health, "test_clock_ahead_seconds"), -1);
    api_stop(&api);
}

static void it_moves_both_clocks_and_says_so(void **state) {
    struct api api;
    api_start(&api, test_clock_on, false);
    int64_t wall = clock_wall_us(), mono = clock_mono_us();
    assert_int_equal(advance(&api, "{\"seconds\":86400}"), 200);
    assert_true(clock_wall_us() - wall >= 86400 * US_PER_SECOND);
    assert_true(clock_mono_us() - mono >= 86400 * US_PER_SECOND);
    assert_int_equal(advance(&api, "{\"seconds\":1}"), 200);
    assert_int_equal(ahead_s(&api), 86401);
    API_REPLY_AUTO health, live;
    api_ask(&api, &(struct api_ask){.path = "/payment/health"}, &health);
    assert_int_equal(reply_int(&health, "test_clock_ahead_seconds"), 86401);
    api_ask(&api, &(struct api_ask){.path = "/healthz"}, &live);
    assert_string_equal(live.body, "ok, by a test clock\n");
    api_stop(&api);
    back();
}

static void what_is_no_step_ahead_is_refused(void **state) {
    static const char *const bad[] = {"{}",
                                      "{\"seconds\":0}",
                                      "{\"seconds\":-5}",
                                      "{\"seconds\":1.5}",
                                      "{\"seconds\":\"1\"}",
                                      "{\"seconds\":31622401}",
                                      "{\"seconds\":1,\"minutes\":1}"};
    struct api api;
    api_start(&api, test_clock_on, false);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(advance(&api, bad[i]), 422);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(advance(&api, "{\"seconds\":31622400}"), 200);
    }
    assert_int_equal(advance(&api, "{\"seconds\":31622400}"), 422); /* more than twenty years */
    api_stop(&api);
    back();
}

static void the_public_listener_does_not_know_it(void **state) {
    struct api api;
    char key[API_KEY_CHARS + 1];
    api_start(&api, test_clock_on, false);
    api_key(&api, "admin", "", key);
    assert_int_equal(api_status(&api, &(struct api_ask){.method = "POST",
                                                        .path = "/internal/api/test-clock/advance",
                                                        .body = "{\"seconds\":1}",
                                                        .key = key}),
                     404);
    assert_int_equal(clock_shifted_us(), 0);
    api_stop(&api);
}

static void somebody_who_waits_for_a_time_waits_by_the_real_clock(void **state) {
    struct lock lock;
    struct cond cond;
    lock_init(&lock);
    cond_init(&cond);
    clock_shift(1000 * US_PER_SECOND);
    lock_take(&lock);
    int64_t before = clock_mono_us();
    assert_false(cond_wait_until(&cond, &lock, before + 20 * US_PER_MS));
    int64_t waited = clock_mono_us() - before;
    lock_give(&lock);
    assert_true(waited >= 20 * US_PER_MS);
    assert_true(waited < 500 * US_PER_SECOND); /* the shift is no part of it */
    cond_free(&cond);
    lock_free(&lock);
    back();
}

/* A configuration that is refused before anything is opened. */
static void with_gateways_elsewhere_it_is_refused(void **state) {
    static const struct {
        const char *url;
        bool here;
    } urls[] = {
        {"http://127.0.0.1:7101", true},         {"http://localhost", true},
        {"http://[::1]:7101/base", true},        {"https://api.stripe.com", false},
        {"http://127.0.0.1.example.com", false}, {"http://localhost.example", false},
        {"http://10.0.0.1:7101", false},
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct service_config *config = NULL;
        struct service *service = NULL;
        struct err err = {0};
        char yaml[1024];
        setenv("HF_FAKE_KEY", "sk_fake", 1);
        setenv("HF_FAKE_HOOK", "whsec_x", 1);
        snprintf(yaml, sizeof yaml,
                 "store: {url: \"sqlite:/nonexistent/x.db\"}\ntest_clock: true\ngateways:\n"
                 "  - {name: s, adapter: stripe, base_url: \"%s\", credentials: ["
                 "{name: api_key, from: \"env:HF_FAKE_KEY\"}, "
                 "{name: webhook_secret, from: \"env:HF_FAKE_HOOK\"}]}\n",
                 urls[i].url);
        assert_int_equal(service_config_read("test", yaml, &config, &err), 0);
        int r = service_open(config, &(struct service_hooks){.no_listeners = true}, &service, &err);
        assert_true(r < 0); /* the database cannot be opened in any case */
        bool refused = strstr(err.detail, "test_clock") != NULL;
        if (refused == urls[i].here) {
            fail_msg("%s: %s", urls[i].url, err.detail);
        }
        service_config_free(config);
    }
}

/* ---- the sandbox's own ---- */

static struct {
    struct lock lock;
    int status, asked;
    char said[200]; /* "POST /clock {…}", the last one */
} other;

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    (void)ctx;
    lock_take(&other.lock);
    other.asked++;
    reply->status = other.status;
    snprintf(other.said, sizeof other.said, "%s %s %s", request->method, request->path,
             request->body);
    lock_give(&other.lock);
    http_reply_body(reply, "application/json", "{}", 2);
}

static int follow(struct http_client *client, const char *url, int64_t shift_us, struct err *err) {
    struct service_config config = {.test_clock = true};
    config.test_clock_sandbox = (char *)(uintptr_t)url;
    *err = (struct err){0};
    return test_clock_follow(client, &config, shift_us, err);
}

static void the_sandbox_is_told_where_to_stand_before_the_clock_is_moved(void **state) {
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct http_client *client = NULL;
    struct err err = {0};
    char url[64];
    lock_init(&other.lock);
    struct http_listener_options options = {.address = "127.0.0.1:0", .handler = handle};
    struct http_client_options of_client = {.connections_max = 1};
    assert_int_equal(http_server_new(1, &server, &err), 0);
    assert_int_equal(http_server_listen(server, &options, &listener, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    assert_int_equal(http_client_new(&of_client, &client, &err), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_listener_port(listener));
    other.status = 200;
    assert_int_equal(follow(client, NULL, US_PER_SECOND, &err), 0);
    assert_int_equal(other.asked, 0);
    assert_int_equal(follow(client, url, 86401 * US_PER_SECOND, &err), 0);
    assert_string_equal(other.said, "POST /clock {\"ahead_seconds\":86401}");
    other.status = 404;
    assert_int_equal(follow(client, url, US_PER_SECOND, &err), -ERR_GATEWAY);
    assert_string_equal(err.place, "test_clock_sandbox");
    http_client_free(client);
    http_server_free(server);
    lock_free(&other.lock);
}

static void when_the_sandbox_does_not_follow_neither_is_moved(void **state) {
    struct api api;
    api_start(&api, "test_clock: true\ntest_clock_sandbox: \"http://127.0.0.1:1\"\n", false);
    assert_int_equal(advance(&api, "{\"seconds\":3600}"), 502);
    assert_int_equal(ahead_s(&api), 0);
    assert_int_equal(api_int(&api, "SELECT COUNT(*) FROM setting WHERE key = '" TEST_CLOCK_ROW "'"),
                     0);
    assert_int_equal(api_int(&api, "SELECT COUNT(*) FROM audit_entry"), 0);
    api_stop(&api);
}

static void a_sandbox_that_follows_is_here_and_has_something_to_follow(void **state) {
    static const struct {
        const char *yaml;
        bool good;
    } rows[] = {
        {"test_clock: true\ntest_clock_sandbox: \"http://127.0.0.1:19100\"\n", true},
        {"test_clock_sandbox: \"http://127.0.0.1:19100\"\n", false},
        {"test_clock: true\ntest_clock_sandbox: \"http://10.0.0.1:19100\"\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct service_config *config = NULL;
        struct err err = {0};
        char yaml[512];
        snprintf(yaml, sizeof yaml,
                 "store: {url: \"sqlite:/nonexistent/x.db\"}\ngateways: [{name: s, adapter: "
                 "stripe, base_url: \"http://127.0.0.1:1\"}]\n%s",
                 rows[i].yaml);
        assert_int_equal(service_config_read("test", yaml, &config, &err), 0);
        assert_int_equal(test_clock_check(config, &err), rows[i].good ? 0 : -ERR_CONFIG);
        assert_string_equal(err.place, rows[i].good ? "" : "test_clock_sandbox");
        service_config_free(config);
    }
}

int main(void) {
    test_clock_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_word_in_the_configuration_time_is_real),
        cmocka_unit_test(it_moves_both_clocks_and_says_so),
        cmocka_unit_test(what_is_no_step_ahead_is_refused),
        cmocka_unit_test(the_public_listener_does_not_know_it),
        cmocka_unit_test(somebody_who_waits_for_a_time_waits_by_the_real_clock),
        cmocka_unit_test(with_gateways_elsewhere_it_is_refused),
        cmocka_unit_test(the_sandbox_is_told_where_to_stand_before_the_clock_is_moved),
        cmocka_unit_test(when_the_sandbox_does_not_follow_neither_is_moved),
        cmocka_unit_test(a_sandbox_that_follows_is_here_and_has_something_to_follow),
    };
    return cmocka_run_group_tests_name("the test clock", tests, NULL, NULL);
}
