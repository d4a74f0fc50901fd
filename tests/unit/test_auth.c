/* SPDX-License-Identifier: Apache-2.0
 * test_auth.c: who may do what with an API key: every route with every role, scopes, keys that
 * expire or are revoked, the rate limit, the internal listener's key. People: test_sessions.c. */
#include "api/front.h"
#include "auth_fixture.h"

/* ---- roles ---- */

static int ask_route(const struct front_route *route, const char *key,
                     struct api_reply *ret_reply) {
    char path[200];
    const char *open = strchr(route->path, '{');
    snprintf(path, sizeof path, "%.*s%s%s", open != NULL ? (int)(open - route->path) : 200,
             route->path, open != NULL ? "nobody" : "", open != NULL ? strchr(open, '}') + 1 : "");
    api_ask(&the_api,
            &(struct api_ask){.method = route->method, .path = path, .key = key, .once = "*"},
            ret_reply);
    return ret_reply->status;
}

static void each_route_takes_its_role_and_every_higher_one(void **state) {
    (void)state;
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        front_route(i, &route);
        bool callback = strcmp(route.operation, "receiveCallback") == 0;
        if (!route.public || callback) {
            continue;
        }
        API_REPLY_AUTO nobody;
        int status = ask_route(&route, NULL, &nobody);
        bool open = route.role == ROLE_NONE;
        if ((status == 401) == open) {
            fail_msg("%s without a key: %d", route.operation, status);
        }
        if (!open) {
            assert_string_equal(reply_problem(&nobody), "unauthenticated");
            assert_string_equal(reply_header(&nobody, "WWW-Authenticate"),
                                "Bearer realm=\"holdfast\"");
        }
        for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
            API_REPLY_AUTO reply;
            status = ask_route(&route, role_keys[role], &reply);
            bool allowed = role >= (int)route.role;
            if (allowed ? status == 401 || status == 403
                        : status != 403 || strcmp(reply_problem(&reply), "forbidden") != 0) {
                fail_msg("%s as %s: %d %s", route.operation, role_name(role), status, reply.body);
            }
        }
    }
}

static void a_refusal_for_the_role_changes_nothing(void **state) {
    (void)state;
    int64_t before = api_changes(&the_api);
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        front_route(i, &route);
        for (int role = ROLE_VIEWER; route.public && role < (int)route.role; role++) {
            API_REPLY_AUTO reply;
            assert_int_equal(ask_route(&route, role_keys[role], &reply), 403);
        }
    }
    assert_int_equal(api_changes(&the_api), before);
}

static void a_key_that_is_none_of_ours_is_refused(void **state) {
    (void)state;
    char nearly[API_KEY_CHARS + 2], longer[API_KEY_CHARS + 2];
    snprintf(nearly, sizeof nearly, "%s", role_keys[ROLE_ADMIN]);
    nearly[API_KEY_CHARS - 1] = nearly[API_KEY_CHARS - 1] == '0' ? '1' : '0';
    snprintf(longer, sizeof longer, "%s0", role_keys[ROLE_ADMIN]);
    const char *const wrong[] = {
        "", "hk_", "hk_wrong", nearly, longer, role_keys[ROLE_ADMIN] + 3, "' OR 1=1 --"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        static const char *const paths[] = {"/v1/payments", "/healthz"};
        for (size_t j = 0; j < COUNT_OF(paths); j++) {
            API_REPLY_AUTO reply;
            api_ask(&the_api, &(struct api_ask){.path = paths[j], .key = wrong[i]}, &reply);
            assert_int_equal(reply.status, 401);
            assert_string_equal(reply_problem(&reply), "unauthenticated");
            if (strlen(wrong[i]) > 10) {
                assert_null(strstr(reply.body, wrong[i]));
            }
        }
    }
    char header[API_KEY_CHARS + 20];
    static const char *const schemes[] = {"", "Basic ", "Token ", "Bearer"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        snprintf(header, sizeof header, "%s%s", schemes[i], role_keys[ROLE_ADMIN]);
        assert_int_equal(
            api_status(&the_api, &(struct api_ask){.path = "/v1/payments",
                                                   .more = {{"Authorization", header}}}),
            401);
    }
    snprintf(header, sizeof header, "bearer %s", role_keys[ROLE_ADMIN]);
    assert_int_equal(api_status(&the_api, &(struct api_ask){.path = "/v1/payments",
                                                            .more = {{"Authorization", header}}}),
                     200);
}

/* ---- scopes, expiry, revocation ---- */

static void a_key_with_scopes_is_good_for_those_operations_only(void **state) {
    (void)state;
    char key[API_KEY_CHARS + 1];
    api_key(&the_api, "admin", "listPayments,getRouting", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    assert_int_equal(get_with("/v1/routing", key), 200);
    assert_int_equal(get_with("/v1/keys", key), 403);
    assert_int_equal(get_with("/v1/payments/nobody", key), 403);
    assert_int_equal(get_with("/v1/gateways", key), 403);
    assert_int_equal(get_with("/healthz", key), 200);
}

static void scopes_do_not_raise_the_role(void **state) {
    (void)state;
    char key[API_KEY_CHARS + 1];
    api_key(&the_api, "viewer", "listKeys,listPayments", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    assert_int_equal(get_with("/v1/keys", key), 403);
}

static void an_expired_key_is_refused_within_the_caches_life(void **state) {
    (void)state;
    char body[200], time[CLOCK_TEXT_MAX], key[API_KEY_CHARS + 1];
    snprintf(body, sizeof body, "{\"name\":\"short\",\"role\":\"viewer\",\"expires_at\":\"%s\"}",
             clock_format(clock_wall_us() + 60 * US_PER_SECOND, time));
    API_REPLY_AUTO made;
    api_ask(&the_api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/keys",
                              .key = role_keys[ROLE_ADMIN],
                              .once = "*",
                              .body = body},
            &made);
    assert_int_equal(made.status, 201);
    assert_string_equal(reply_text(&made, "expires_at"), time);
    snprintf(key, sizeof key, "%s", reply_text(&made, "key"));
    assert_int_equal(get_with("/v1/payments", key), 200);
    test_clock_advance(60 * US_PER_SECOND + AUTH_CACHE_US);
    assert_int_equal(get_with("/v1/payments", key), 401);
}

static void a_revoked_key_is_refused_at_once_here_and_soon_elsewhere(void **state) {
    (void)state;
    char key[API_KEY_CHARS + 1], path[80];
    api_key(&the_api, "viewer", "", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    sqlite3_stmt *newest = NULL;
    assert_int_equal(sqlite3_prepare_v2(the_api.look,
                                        "SELECT id FROM api_key ORDER BY created_us DESC, id DESC",
                                        -1, &newest, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(newest), SQLITE_ROW);
    snprintf(path, sizeof path, "/v1/keys/%s", (const char *)sqlite3_column_text(newest, 0));
    sqlite3_finalize(newest);
    API_REPLY_AUTO gone;
    api_ask(&the_api,
            &(struct api_ask){
                .method = "DELETE", .path = path, .key = role_keys[ROLE_ADMIN], .once = "*"},
            &gone);
    assert_int_equal(gone.status, 200);
    assert_string_not_equal(reply_text(&gone, "revoked_at"), "");
    assert_int_equal(get_with("/v1/payments", key), 401);

    /* As another instance would revoke it: this one has it in its cache. Only ids of different
     * milliseconds are in the order in which they were made. */
    test_clock_advance(US_PER_MS);
    api_key(&the_api, "viewer", "", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    api_sql(&the_api,
            "UPDATE api_key SET revoked_us = 1 WHERE name = 'a viewer' AND revoked_us = 0 "
            "AND id = (SELECT MAX(id) FROM api_key)");
    test_clock_advance(AUTH_CACHE_US + 1);
    assert_int_equal(get_with("/v1/payments", key), 401);
}

/* ---- the rate limit ---- */

static void too_many_requests_are_told_to_wait(void **state) {
    (void)state;
    struct api own;
    char one[API_KEY_CHARS + 1], two[API_KEY_CHARS + 1];
    test_clock_freeze(true);
    api_start(&own, "limits: {requests_per_second: 2, burst: 3}\n", false);
    api_key(&own, "viewer", "", one);
    api_key(&own, "viewer", "", two);
    const struct api_ask of_one = {.path = "/v1/payments", .key = one};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(api_status(&own, &of_one), 200);
    }
    API_REPLY_AUTO reply;
    api_ask(&own, &of_one, &reply);
    assert_int_equal(reply.status, 429);
    assert_string_equal(reply_problem(&reply), "rate-limited");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    assert_string_equal(reply_text(&reply, "retry"), "later");
    /* Others have buckets of their own; the internal listener has none. */
    assert_int_equal(api_status(&own, &(struct api_ask){.path = "/v1/payments", .key = two}), 200);
    assert_int_equal(
        api_status(&own, &(struct api_ask){.path = "/v1/payments", .key = one, .internal = true}),
        200);
    test_clock_advance(US_PER_SECOND);
    assert_int_equal(api_status(&own, &of_one), 200);
    assert_int_equal(api_status(&own, &of_one), 200);
    assert_int_equal(api_status(&own, &of_one), 429);
    /* Who has no key, or a wrong one, is counted by address; guessing is not free. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(api_status(&own, &(struct api_ask){.path = "/v1/payments",
                                                            .peer = "203.0.113.7",
                                                            .key = i > 0 ? "hk_guess" : NULL}),
                         401);
    }
    assert_int_equal(api_status(&own, &(struct api_ask){.path = "/v1/payments",
                                                        .peer = "203.0.113.7",
                                                        .key = "hk_guess"}),
                     429);
    assert_int_equal(
        api_status(&own, &(struct api_ask){.path = "/v1/payments", .peer = "203.0.113.8"}), 401);
    api_stop(&own);
    test_clock_freeze(false);
}

/* With the right password. */
static int log_in_from(struct api *own, const char *peer) {
    return api_status(own, &(struct api_ask){.method = "POST",
                                             .path = "/v1/session",
                                             .peer = peer,
                                             .body = "{\"name\":\"kim\",\"password\":"
                                                     "\"a long enough pass phrase\"}"});
}

static void refused_credentials_have_a_bucket_of_their_own(void **state) {
    (void)state;
    struct api own;
    char key[API_KEY_CHARS + 1];
    test_clock_freeze(true);
    api_start(&own, "limits: {requests_per_second: 1000, failures_per_second: 1}\n", false);
    api_key(&own, "viewer", "", key);
    assert_int_equal(api_status(&own, &(struct api_ask){.method = "POST",
                                                        .path = "/v1/users",
                                                        .internal = true,
                                                        .once = "*",
                                                        .body = "{\"name\":\"kim\",\"role\":"
                                                                "\"viewer\",\"password\":\"a long "
                                                                "enough pass phrase\"}"}),
                     201);
    const struct api_ask good = {.path = "/v1/payments", .key = key, .peer = "203.0.113.7"},
                         guess = {.path = "/v1/payments", .key = "hk_x", .peer = "203.0.113.7"},
                         bare = {.path = "/v1/payments", .peer = "203.0.113.7"};
    for (int i = 0; i < AUTH_FAILURES_BURST; i++) {
        assert_int_equal(api_status(&own, i % 2 == 0 ? &guess : &bare), 401);
    }
    API_REPLY_AUTO limited;
    api_ask(&own, &guess, &limited);
    assert_int_equal(limited.status, 429);
    assert_string_equal(reply_problem(&limited), "rate-limited");
    assert_string_equal(reply_header(&limited, "Retry-After"), "1");
    /* A good key from there is served all the same; a password is not even looked at. */
    assert_int_equal(api_status(&own, &good), 200);
    assert_int_equal(log_in_from(&own, "203.0.113.7"), 429);
    assert_int_equal(log_in_from(&own, "203.0.113.8"), 201);
    test_clock_advance(US_PER_SECOND);
    assert_int_equal(api_status(&own, &bare), 401);
    assert_int_equal(api_status(&own, &bare), 429);
    api_stop(&own);
    test_clock_freeze(false);
}

static void without_a_word_about_limits_there_are_limits(void **state) {
    (void)state;
    struct api own;
    api_start(&own, "limits: {drain_s: 1}\n", false);
    assert_int_equal(own.service->auth->limits.requests_per_second, AUTH_REQUESTS_PER_SECOND);
    assert_int_equal(own.service->auth->limits.burst, 2 * AUTH_REQUESTS_PER_SECOND);
    assert_int_equal(own.service->auth->limits.failures_per_second, AUTH_FAILURES_PER_SECOND);
    api_stop(&own);
    api_start(&own, "limits: {requests_per_second: 0, failures_per_second: 0}\n", false);
    assert_int_equal(own.service->auth->limits.requests_per_second, 0);
    assert_int_equal(own.service->auth->limits.failures_per_second, 0);
    api_stop(&own);
}

/* ---- the internal listener's key ---- */

static void an_internal_listener_with_a_key_asks_for_it(void **state) {
    (void)state;
    struct api own;
    assert_int_equal(setenv("HOLDFAST_TEST_INTERNAL", "an-internal-key", 1), 0);
    api_start(&own, "internal: {address: \"127.0.0.1:0\", key: \"env:HOLDFAST_TEST_INTERNAL\"}\n",
              false);
    static const char path[] = "/internal/api/system/backlog";
    const struct {
        const char *key;
        int status;
    } rows[] = {{NULL, 401}, {"an-internal-kez", 401}, {"", 401}, {"an-internal-key", 200}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(
            api_status(&own, &(struct api_ask){.path = path, .internal = true, .key = rows[i].key}),
            rows[i].status);
    }
    /* It may stand behind a proxy then; the key opens nothing on the public one. */
    assert_int_equal(api_status(&own, &(struct api_ask){.path = path,
                                                        .internal = true,
                                                        .key = "an-internal-key",
                                                        .host = "holdfast.internal.example",
                                                        .more = {{"Via", "1.1 proxy"}}}),
                     200);
    assert_int_equal(
        api_status(&own, &(struct api_ask){.path = "/v1/payments", .key = "an-internal-key"}), 401);
    api_stop(&own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_takes_its_role_and_every_higher_one),
        cmocka_unit_test(a_refusal_for_the_role_changes_nothing),
        cmocka_unit_test(a_key_that_is_none_of_ours_is_refused),
        cmocka_unit_test(a_key_with_scopes_is_good_for_those_operations_only),
        cmocka_unit_test(scopes_do_not_raise_the_role),
        cmocka_unit_test(an_expired_key_is_refused_within_the_caches_life),
        cmocka_unit_test(a_revoked_key_is_refused_at_once_here_and_soon_elsewhere),
        cmocka_unit_test(too_many_requests_are_told_to_wait),
        cmocka_unit_test(refused_credentials_have_a_bucket_of_their_own),
        cmocka_unit_test(without_a_word_about_limits_there_are_limits),
        cmocka_unit_test(an_internal_listener_with_a_key_asks_for_it),
    };
    return cmocka_run_group_tests(tests, start_with_keys, the_api_stop);
}
