/* SPDX-License-Identifier: Apache-2.0
 * test_auth.c: who may do what: every route with every role, scopes, keys that expire or are
 * revoked, sessions, the rate limit; and that the database holds no key, password or secret in
 * readable form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "api/auth_impl.h"
#include "api/front.h"
#include "base/clock.h"
#include "base/file.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

static struct api api;
static char role_keys[ROLE_ADMIN + 1][API_KEY_CHARS + 1];

/* ---- roles ---- */

static int ask_route(const struct front_route *route, const char *key,
                     struct api_reply *ret_reply) {
    char path[200];
    const char *open = strchr(route->path, '{');
    snprintf(path, sizeof path, "%.*s%s%s", open != NULL ? (int)(open - route->path) : 200,
             route->path, open != NULL ? "nobody" : "", open != NULL ? strchr(open, '}') + 1 : "");
    api_ask(&api, &(struct api_ask){.method = route->method, .path = path, .key = key, .once = "*"},
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
    int64_t before = api_changes(&api);
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        front_route(i, &route);
        for (int role = ROLE_VIEWER; route.public && role < (int)route.role; role++) {
            API_REPLY_AUTO reply;
            assert_int_equal(ask_route(&route, role_keys[role], &reply), 403);
        }
    }
    assert_int_equal(api_changes(&api), before);
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
            api_ask(&api, &(struct api_ask){.path = paths[j], .key = wrong[i]}, &reply);
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
        assert_int_equal(api_status(&api, &(struct api_ask){.path = "/v1/payments",
                                                            .more = {{"Authorization", header}}}),
                         401);
    }
    snprintf(header, sizeof header, "bearer %s", role_keys[ROLE_ADMIN]);
    assert_int_equal(api_status(&api, &(struct api_ask){.path = "/v1/payments",
                                                        .more = {{"Authorization", header}}}),
                     200);
}

/* ---- scopes, expiry, revocation ---- */

static int get_with(const char *path, const char *key) {
    return api_status(&api, &(struct api_ask){.path = path, .key = key});
}

static void a_key_with_scopes_is_good_for_those_operations_only(void **state) {
    (void)state;
    char key[API_KEY_CHARS + 1];
    api_key(&api, "admin", "listPayments,getRouting", key);
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
    api_key(&api, "viewer", "listKeys,listPayments", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    assert_int_equal(get_with("/v1/keys", key), 403);
}

static void an_expired_key_is_refused_within_the_caches_life(void **state) {
    (void)state;
    char body[200], time[CLOCK_TEXT_MAX], key[API_KEY_CHARS + 1];
    snprintf(body, sizeof body, "{\"name\":\"short\",\"role\":\"viewer\",\"expires_at\":\"%s\"}",
             clock_format(clock_wall_us() + 60 * US_PER_SECOND, time));
    API_REPLY_AUTO made;
    api_ask(&api,
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
    api_key(&api, "viewer", "", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    sqlite3_stmt *newest = NULL;
    assert_int_equal(sqlite3_prepare_v2(api.look,
                                        "SELECT id FROM api_key ORDER BY created_us DESC, id DESC",
                                        -1, &newest, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(newest), SQLITE_ROW);
    snprintf(path, sizeof path, "/v1/keys/%s", (const char *)sqlite3_column_text(newest, 0));
    sqlite3_finalize(newest);
    API_REPLY_AUTO gone;
    api_ask(&api,
            &(struct api_ask){
                .method = "DELETE", .path = path, .key = role_keys[ROLE_ADMIN], .once = "*"},
            &gone);
    assert_int_equal(gone.status, 200);
    assert_string_not_equal(reply_text(&gone, "revoked_at"), "");
    assert_int_equal(get_with("/v1/payments", key), 401);

    /* As another instance would revoke it: this one has it in its cache. */
    api_key(&api, "viewer", "", key);
    assert_int_equal(get_with("/v1/payments", key), 200);
    api_sql(&api, "UPDATE api_key SET revoked_us = 1 WHERE name = 'a viewer' AND revoked_us = 0 "
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

/* ---- people and sessions ---- */

static const char password[] = "a long enough pass phrase";

static void add_user(const char *name, const char *role) {
    char body[200];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\",\"role\":\"%s\"}", name,
             password, role);
    assert_int_equal(api_status(&api, &(struct api_ask){.method = "POST",
                                                        .path = "/v1/users",
                                                        .key = role_keys[ROLE_ADMIN],
                                                        .once = "*",
                                                        .body = body}),
                     201);
}

static int log_in(const char *name, const char *with, bool tls, struct api_reply *ret_reply) {
    char body[300];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"}", name, with);
    api_ask(&api,
            &(struct api_ask){.method = "POST", .path = "/v1/session", .body = body, .tls = tls},
            ret_reply);
    return ret_reply->status;
}

struct session {
    char cookie[120], csrf[80];
};

static void open_session(const char *name, struct session *ret_session) {
    API_REPLY_AUTO reply;
    assert_int_equal(log_in(name, password, false, &reply), 201);
    const char *set = reply_header(&reply, "Set-Cookie");
    snprintf(ret_session->cookie, sizeof ret_session->cookie, "%.*s", (int)strcspn(set, ";"), set);
    snprintf(ret_session->csrf, sizeof ret_session->csrf, "%s", reply_text(&reply, "csrf_token"));
}

static int with_session(const char *method, const char *path, const char *cookie,
                        const char *csrf) {
    struct api_ask ask = {
        .method = method,
        .path = path,
        .once = "*",
        .body = strcmp(method, "POST") == 0 ? "{\"reason\":\"test\"}" : NULL,
        .more = {{"Cookie", cookie}, {csrf != NULL ? "X-CSRF-Token" : NULL, csrf}}};
    return api_status(&api, &ask);
}

static void a_person_logs_in_and_gets_a_cookie_that_no_page_can_read(void **state) {
    (void)state;
    add_user("ada", "operator");
    API_REPLY_AUTO plain;
    API_REPLY_AUTO secure;
    assert_int_equal(log_in("ada", password, false, &plain), 201);
    const char *cookie = reply_header(&plain, "Set-Cookie");
    assert_int_equal(strspn(cookie + strlen("holdfast_session="), "0123456789abcdef"), 64);
    assert_non_null(strstr(cookie, "; HttpOnly"));
    assert_non_null(strstr(cookie, "; SameSite=Strict"));
    assert_non_null(strstr(cookie, "; Path=/"));
    assert_null(strstr(cookie, "; Secure"));
    assert_null(strstr(cookie, "Domain"));
    assert_string_equal(reply_text(&plain, "role"), "operator");
    assert_int_equal(log_in("ada", password, true, &secure), 201);
    assert_non_null(strstr(reply_header(&secure, "Set-Cookie"), "; Secure"));
    assert_string_not_equal(reply_text(&plain, "csrf_token"), reply_text(&secure, "csrf_token"));
}

static void a_session_may_do_what_the_persons_role_may(void **state) {
    (void)state;
    struct session session;
    char cookies[300];
    add_user("bob", "operator");
    open_session("bob", &session);
    API_REPLY_AUTO me;
    api_ask(&api, &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session.cookie}}},
            &me);
    assert_int_equal(me.status, 200);
    assert_string_equal(reply_text(&me, "name"), "bob");
    assert_string_equal(reply_text(&me, "csrf_token"), session.csrf);
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 200);
    assert_int_equal(with_session("GET", "/v1/keys", session.cookie, NULL), 403);
    snprintf(cookies, sizeof cookies, "theme=dark; not_holdfast_session=x; %s; a=b",
             session.cookie);
    assert_int_equal(with_session("GET", "/v1/payments", cookies, NULL), 200);
}

static void a_change_by_session_needs_its_own_csrf_token(void **state) {
    (void)state;
    struct session session, other;
    add_user("cleo", "operator");
    open_session("cleo", &session);
    open_session("cleo", &other);
    int64_t before = api_changes(&api);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, NULL), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, ""), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, "wrong"), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, other.csrf), 403);
    assert_int_equal(with_session("DELETE", "/v1/session", session.cookie, NULL), 403);
    assert_int_equal(api_changes(&api), before);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, session.csrf),
                     200);
    assert_int_equal(
        api_int(&api, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'gateway.fallback%' "
                      "AND actor LIKE 'user:usr_%'"),
        1);
}

static void a_session_ends_by_logging_out_by_time_and_with_its_person(void **state) {
    (void)state;
    struct session session;
    add_user("dora", "viewer");
    open_session("dora", &session);
    API_REPLY_AUTO out;
    api_ask(&api,
            &(struct api_ask){.method = "DELETE",
                              .path = "/v1/session",
                              .more = {{"Cookie", session.cookie}, {"X-CSRF-Token", session.csrf}}},
            &out);
    assert_int_equal(out.status, 200);
    assert_non_null(strstr(reply_header(&out, "Set-Cookie"), "holdfast_session=; "));
    assert_non_null(strstr(reply_header(&out, "Set-Cookie"), "Max-Age=0"));
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);

    open_session("dora", &session);
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 200);
    test_clock_advance(12 * 3600 * US_PER_SECOND + US_PER_SECOND);
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);

    open_session("dora", &session);
    char path[80];
    API_REPLY_AUTO me;
    api_ask(&api, &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session.cookie}}},
            &me);
    snprintf(path, sizeof path, "/v1/users/%s", reply_text(&me, "user_id"));
    API_REPLY_AUTO disabled;
    api_ask(&api,
            &(struct api_ask){
                .method = "DELETE", .path = path, .key = role_keys[ROLE_ADMIN], .once = "*"},
            &disabled);
    assert_int_equal(disabled.status, 200);
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);
    API_REPLY_AUTO again;
    assert_int_equal(log_in("dora", password, false, &again), 401);
}

static int change_user(const char *verb, const char *user_id, const char *body,
                       struct api_reply *ret_reply) {
    char path[120];
    bool delete = strcmp(verb, "disable") == 0;
    snprintf(path, sizeof path, "/v1/users/%s%s%s", user_id, delete ? "" : "/", delete ? "" : verb);
    api_ask(&api,
            &(struct api_ask){.method = delete ? "DELETE" : "POST",
                              .path = path,
                              .key = role_keys[ROLE_ADMIN],
                              .once = "*",
                              .body = body},
            ret_reply);
    return ret_reply->status;
}

/* A key that this person makes in a session. */
static void key_of_session(const struct session *session, char ret_key[API_KEY_CHARS + 1]) {
    API_REPLY_AUTO made;
    api_ask(
        &api,
        &(struct api_ask){.method = "POST",
                          .path = "/v1/keys",
                          .once = "*",
                          .body = "{\"name\":\"own\",\"role\":\"viewer\"}",
                          .more = {{"Cookie", session->cookie}, {"X-CSRF-Token", session->csrf}}},
        &made);
    assert_int_equal(made.status, 201);
    snprintf(ret_key, API_KEY_CHARS + 1, "%s", reply_text(&made, "key"));
}

static int64_t audited(const char *action, const char *user_id) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM audit_entry WHERE action = '%s' AND subject = '%s' AND actor "
             "LIKE 'key:key_%%'",
             action, user_id);
    return api_int(&api, sql);
}

static void user_id_of(const struct session *session, char ret_id[ID_TEXT_MAX]) {
    API_REPLY_AUTO me;
    api_ask(&api, &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session->cookie}}},
            &me);
    snprintf(ret_id, ID_TEXT_MAX, "%s", reply_text(&me, "user_id"));
}

static void who_is_disabled_is_refused_at_once_and_who_is_enabled_is_let_in(void **state) {
    (void)state;
    struct session session;
    char key[API_KEY_CHARS + 1], id[ID_TEXT_MAX];
    add_user("hilda", "admin");
    open_session("hilda", &session);
    key_of_session(&session, key);
    user_id_of(&session, id);
    assert_int_equal(get_with("/v1/payments", key), 200);
    API_REPLY_AUTO disabled;
    assert_int_equal(change_user("disable", id, NULL, &disabled), 200);
    assert_false(json_is_true(json_object_get(disabled.json, "enabled")));
    /* No clock has moved: neither the session nor the key lives on in a cache. */
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);
    assert_int_equal(get_with("/v1/payments", key), 401);
    API_REPLY_AUTO refused;
    assert_int_equal(log_in("hilda", password, false, &refused), 401);

    API_REPLY_AUTO enabled;
    assert_int_equal(change_user("enable", id, NULL, &enabled), 200);
    assert_true(json_is_true(json_object_get(enabled.json, "enabled")));
    assert_int_equal(get_with("/v1/payments", key), 200);
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);
    open_session("hilda", &session);
    assert_int_equal(audited("user.disable", id), 1);
    assert_int_equal(audited("user.enable", id), 1);
}

static void to_be_enabled_ends_the_wait_after_wrong_passwords(void **state) {
    (void)state;
    struct session session;
    char id[ID_TEXT_MAX];
    add_user("ines", "viewer");
    open_session("ines", &session);
    user_id_of(&session, id);
    for (int i = 0; i < AUTH_FAILURES_MAX; i++) {
        API_REPLY_AUTO wrong;
        assert_int_equal(log_in("ines", "a wrong pass phrase", false, &wrong), 401);
    }
    API_REPLY_AUTO waits;
    API_REPLY_AUTO enabled;
    API_REPLY_AUTO good;
    assert_int_equal(log_in("ines", password, false, &waits), 401);
    assert_int_equal(change_user("enable", id, NULL, &enabled), 200);
    assert_int_equal(log_in("ines", password, false, &good), 201);
}

static void a_password_is_changed_and_the_old_one_opens_nothing(void **state) {
    (void)state;
    struct session session;
    char id[ID_TEXT_MAX];
    add_user("jan", "viewer");
    open_session("jan", &session);
    user_id_of(&session, id);
    static const char next[] = "{\"password\":\"quite another pass phrase\"}";
    API_REPLY_AUTO changed;
    API_REPLY_AUTO with_old;
    API_REPLY_AUTO with_new;
    assert_int_equal(change_user("password", id, next, &changed), 200);
    assert_string_equal(reply_text(&changed, "name"), "jan");
    assert_int_equal(with_session("GET", "/v1/payments", session.cookie, NULL), 401);
    assert_int_equal(log_in("jan", password, false, &with_old), 401);
    assert_int_equal(log_in("jan", "quite another pass phrase", false, &with_new), 201);
    assert_int_equal(audited("user.password", id), 1);

    /* One that is too short changes nothing; nobody's password is not found. */
    int64_t before = api_changes(&api);
    API_REPLY_AUTO brief;
    API_REPLY_AUTO nobody;
    assert_int_equal(change_user("password", id, "{\"password\":\"short\"}", &brief), 422);
    assert_string_equal(reply_text(&brief, "place"), "/password");
    assert_int_equal(change_user("password", "usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", next, &nobody), 404);
    assert_int_equal(api_changes(&api), before);
}

static void a_cookie_that_is_malformed_is_no_session(void **state) {
    (void)state;
    struct session session;
    char wrong[200];
    add_user("emil", "viewer");
    open_session("emil", &session);
    static const struct {
        const char *before, *after;
        int chars;
    } forms[] = {{"", "0", 120}, {"", "", 60}, {"x", "", 120}, {"", "g", 120}, {"", "", 0}};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        snprintf(wrong, sizeof wrong, "%s%.*s%s", forms[i].before, forms[i].chars, session.cookie,
                 forms[i].after);
        assert_int_equal(with_session("GET", "/v1/payments", wrong, NULL), 401);
    }
    /* One that is well formed and nobody's. */
    snprintf(wrong, sizeof wrong, "%s", session.cookie);
    wrong[20] = wrong[20] == '0' ? '1' : '0';
    assert_int_equal(with_session("GET", "/v1/payments", wrong, NULL), 401);
}

static void five_wrong_passwords_and_the_account_waits(void **state) {
    (void)state;
    add_user("finn", "viewer");
    for (int i = 0; i < AUTH_FAILURES_MAX; i++) {
        API_REPLY_AUTO reply;
        assert_int_equal(log_in("finn", "a wrong pass phrase", false, &reply), 401);
        assert_string_equal(reply_problem(&reply), "unauthenticated");
        assert_string_equal(reply_header(&reply, "Set-Cookie"), "");
    }
    API_REPLY_AUTO waits;
    API_REPLY_AUTO nobody;
    API_REPLY_AUTO good;
    int64_t before = api_changes(&api);
    assert_int_equal(log_in("finn", password, false, &waits), 401);
    assert_int_equal(log_in("nobody", password, false, &nobody), 401);
    assert_int_equal(api_changes(&api), before);
    /* The answers do not tell which of the three it is. */
    assert_string_equal(reply_text(&waits, "detail"), reply_text(&nobody, "detail"));
    test_clock_advance(5 * 60 * US_PER_SECOND + US_PER_SECOND);
    assert_int_equal(log_in("finn", password, false, &good), 201);
}

static void the_hash_for_unknown_names_costs_what_a_real_one_costs(void **state) {
    (void)state;
    char fresh[PASSWORD_HASH_CHARS_MAX];
    struct err err = {0};
    assert_int_equal(password_hash("any", fresh, &err), 0);
    /* Algorithm, version, memory and passes are what stands before the salt. */
    const char *salt = fresh;
    for (int i = 0; i < 4; i++) {
        salt = strchr(salt, '$') + 1;
    }
    assert_memory_equal(auth_nobody_hash, fresh, (size_t)(salt - fresh));
    assert_int_equal(strlen(auth_nobody_hash), strlen(fresh));
    /* 0: it can be decoded and is what would be made now; -1 would be a malformed one. */
    assert_int_equal(crypto_pwhash_str_needs_rehash(auth_nobody_hash,
                                                    crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                                    crypto_pwhash_MEMLIMIT_INTERACTIVE),
                     0);
}

static void no_more_than_a_few_passwords_are_checked_at_once(void **state) {
    (void)state;
    struct auth *auth = api.service->auth;
    lock_take(&auth->lock);
    auth->hashing = AUTH_HASHING_MAX;
    lock_give(&auth->lock);
    API_REPLY_AUTO full;
    API_REPLY_AUTO good;
    assert_int_equal(log_in("ada", password, false, &full), 503);
    assert_string_equal(reply_problem(&full), "overloaded");
    assert_string_equal(reply_header(&full, "Retry-After"), "1");
    lock_take(&auth->lock);
    auth->hashing = 0;
    lock_give(&auth->lock);
    assert_int_equal(log_in("ada", password, false, &good), 201);
    assert_int_equal(auth->hashing, 0);
}

static void a_name_is_given_once(void **state) {
    (void)state;
    add_user("gus", "viewer");
    API_REPLY_AUTO reply;
    api_ask(&api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/users",
                              .key = role_keys[ROLE_ADMIN],
                              .once = "*",
                              .body = "{\"name\":\"gus\",\"password\":\"another long phrase\","
                                      "\"role\":\"admin\"}"},
            &reply);
    assert_int_equal(reply.status, 409);
    assert_string_equal(reply_problem(&reply), "exists");
    assert_string_equal(reply_text(&reply, "place"), "/name");
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

/* ---- what the database holds ---- */

static bool holds(const char *bytes, size_t count, const char *text) {
    return memmem(bytes, count, text, strlen(text)) != NULL;
}

static void must_not_hold(const char *path, const char *const *texts) {
    enum { BYTES_MAX = 64 * 1024 * 1024 };
    char *bytes = malloc(BYTES_MAX);
    size_t count = 0;
    struct err err = {0};
    assert_non_null(bytes);
    assert_int_equal(file_read(path, bytes, BYTES_MAX, &count, &err), 0);
    assert_true(count > 0);
    for (; *texts != NULL; texts++) {
        if (holds(bytes, count, *texts)) {
            fail_msg("%s holds %.8s… in readable form", path, *texts);
        }
    }
    free(bytes);
}

/* Asks twice with the same key: the secret is told the first time only. */
static void told_once(const char *path, const char *once, const char *body, const char *member,
                      char ret_secret[120]) {
    API_REPLY_AUTO first;
    API_REPLY_AUTO again;
    const struct api_ask ask = {
        .method = "POST", .path = path, .key = role_keys[ROLE_ADMIN], .once = once, .body = body};
    api_ask(&api, &ask, &first);
    api_ask(&api, &ask, &again);
    assert_true(first.status == 201 || first.status == 200);
    assert_int_equal(again.status, first.status);
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    snprintf(ret_secret, 120, "%s", reply_text(&first, member));
    assert_true(strlen(ret_secret) > 20);
    assert_string_equal(reply_text(&again, member), "");
    assert_string_equal(reply_text(&again, "id"), reply_text(&first, "id"));
}

static void no_key_password_or_secret_can_be_read_from_the_database(void **state) {
    (void)state;
    char key[120], secret[120], rotated[120], path[120], log[140];
    struct session session;
    told_once("/v1/keys", "secrecy-1", "{\"name\":\"k\",\"role\":\"viewer\"}", "key", key);
    told_once("/v1/webhooks", "secrecy-2", "{\"url\":\"https://shop.example/hook\"}", "secret",
              secret);
    API_REPLY_AUTO list;
    api_ask(&api, &(struct api_ask){.path = "/v1/webhooks", .key = role_keys[ROLE_ADMIN]}, &list);
    const json_t *endpoint = json_array_get(json_object_get(list.json, "data"), 0);
    snprintf(path, sizeof path, "/v1/webhooks/%s/rotate",
             json_string_value(json_object_get(endpoint, "id")));
    told_once(path, "secrecy-3", "{\"overlap_seconds\":60}", "secret", rotated);
    assert_string_not_equal(secret, rotated);
    add_user("secretive", "viewer");
    open_session("secretive", &session);
    API_REPLY_AUTO wrong;
    assert_int_equal(log_in("secretive", "a wrong and secret phrase", false, &wrong), 401);

    const char *const texts[] = {key,
                                 key + 3,
                                 secret,
                                 secret + strlen("whsec_"),
                                 rotated,
                                 rotated + strlen("whsec_"),
                                 password,
                                 "a wrong and secret phrase",
                                 session.cookie + strlen("holdfast_session="),
                                 role_keys[ROLE_ADMIN],
                                 NULL};
    must_not_hold(api.database, texts);
    snprintf(log, sizeof log, "%s-wal", api.database);
    must_not_hold(log, texts);
    /* The search can find: what is no secret is there. */
    api_sql(&api, "PRAGMA wal_checkpoint(PASSIVE)");
    enum { BYTES_MAX = 64 * 1024 * 1024 };
    char *bytes = malloc(BYTES_MAX);
    size_t count = 0;
    struct err err = {0};
    assert_non_null(bytes);
    assert_int_equal(file_read(api.database, bytes, BYTES_MAX, &count, &err), 0);
    assert_true(holds(bytes, count, "https://shop.example/hook"));
    free(bytes);
    must_not_hold(api.database, texts);
}

static int start(void **state) {
    (void)state;
    test_clock_install();
    api_start(&api, NULL, false);
    for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        api_key(&api, role_name(role), "", role_keys[role]);
    }
    return 0;
}

static int stop(void **state) {
    (void)state;
    api_stop(&api);
    return 0;
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
        cmocka_unit_test(a_person_logs_in_and_gets_a_cookie_that_no_page_can_read),
        cmocka_unit_test(a_session_may_do_what_the_persons_role_may),
        cmocka_unit_test(a_change_by_session_needs_its_own_csrf_token),
        cmocka_unit_test(a_session_ends_by_logging_out_by_time_and_with_its_person),
        cmocka_unit_test(who_is_disabled_is_refused_at_once_and_who_is_enabled_is_let_in),
        cmocka_unit_test(to_be_enabled_ends_the_wait_after_wrong_passwords),
        cmocka_unit_test(a_password_is_changed_and_the_old_one_opens_nothing),
        cmocka_unit_test(a_cookie_that_is_malformed_is_no_session),
        cmocka_unit_test(five_wrong_passwords_and_the_account_waits),
        cmocka_unit_test(the_hash_for_unknown_names_costs_what_a_real_one_costs),
        cmocka_unit_test(no_more_than_a_few_passwords_are_checked_at_once),
        cmocka_unit_test(a_name_is_given_once),
        cmocka_unit_test(an_internal_listener_with_a_key_asks_for_it),
        cmocka_unit_test(no_key_password_or_secret_can_be_read_from_the_database),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
