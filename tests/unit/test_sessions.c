/* SPDX-License-Identifier: Apache-2.0
 * test_sessions.c: people, their passwords and sessions; and that the database holds no key,
 * password or secret in readable form. */
#include <sodium.h>

#include "auth_fixture.h"
#include "base/file.h"

/* ---- people and sessions ---- */

static const char password[] = "a long enough pass phrase";

static void add_user(const char *name, const char *role) {
    char body[200];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\",\"role\":\"%s\"}", name,
             password, role);
    assert_int_equal(api_status(&the_api, &(struct api_ask){.method = "POST",
                                                            .path = "/v1/users",
                                                            .key = role_keys[ROLE_ADMIN],
                                                            .once = "*",
                                                            .body = body}),
                     201);
}

static int log_in(const char *name, const char *with, bool tls, struct api_reply *ret_reply) {
    char body[300];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"}", name, with);
    api_ask(&the_api,
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
    return api_status(&the_api, &ask);
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
    api_ask(&the_api,
            &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session.cookie}}}, &me);
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
    int64_t before = api_changes(&the_api);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, NULL), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, ""), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, "wrong"), 403);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, other.csrf), 403);
    assert_int_equal(with_session("DELETE", "/v1/session", session.cookie, NULL), 403);
    assert_int_equal(api_changes(&the_api), before);
    assert_int_equal(with_session("POST", "/v1/routing/fallback", session.cookie, session.csrf),
                     200);
    assert_int_equal(
        api_int(&the_api, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'gateway.fallback%' "
                          "AND actor LIKE 'user:usr_%'"),
        1);
}

static void a_session_ends_by_logging_out_by_time_and_with_its_person(void **state) {
    (void)state;
    struct session session;
    add_user("dora", "viewer");
    open_session("dora", &session);
    API_REPLY_AUTO out;
    api_ask(&the_api,
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
    api_ask(&the_api,
            &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session.cookie}}}, &me);
    snprintf(path, sizeof path, "/v1/users/%s", reply_text(&me, "user_id"));
    API_REPLY_AUTO disabled;
    api_ask(&the_api,
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
    api_ask(&the_api,
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
        &the_api,
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
    return api_int(&the_api, sql);
}

static void user_id_of(const struct session *session, char ret_id[ID_TEXT_MAX]) {
    API_REPLY_AUTO me;
    api_ask(&the_api,
            &(struct api_ask){.path = "/v1/session", .more = {{"Cookie", session->cookie}}}, &me);
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
    int64_t before = api_changes(&the_api);
    API_REPLY_AUTO brief;
    API_REPLY_AUTO nobody;
    assert_int_equal(change_user("password", id, "{\"password\":\"short\"}", &brief), 422);
    assert_string_equal(reply_text(&brief, "place"), "/password");
    assert_int_equal(change_user("password", "usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", next, &nobody), 404);
    assert_int_equal(api_changes(&the_api), before);
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
    int64_t before = api_changes(&the_api);
    assert_int_equal(log_in("finn", password, false, &waits), 401);
    assert_int_equal(log_in("nobody", password, false, &nobody), 401);
    assert_int_equal(api_changes(&the_api), before);
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
    struct auth *auth = the_api.service->auth;
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
    api_ask(&the_api,
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
    api_ask(&the_api, &ask, &first);
    api_ask(&the_api, &ask, &again);
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
    api_ask(&the_api, &(struct api_ask){.path = "/v1/webhooks", .key = role_keys[ROLE_ADMIN]},
            &list);
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
    must_not_hold(the_api.database, texts);
    snprintf(log, sizeof log, "%s-wal", the_api.database);
    must_not_hold(log, texts);
    /* The search can find: what is no secret is there. */
    api_sql(&the_api, "PRAGMA wal_checkpoint(PASSIVE)");
    enum { BYTES_MAX = 64 * 1024 * 1024 };
    char *bytes = malloc(BYTES_MAX);
    size_t count = 0;
    struct err err = {0};
    assert_non_null(bytes);
    assert_int_equal(file_read(the_api.database, bytes, BYTES_MAX, &count, &err), 0);
    assert_true(holds(bytes, count, "https://shop.example/hook"));
    free(bytes);
    must_not_hold(the_api.database, texts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(no_key_password_or_secret_can_be_read_from_the_database),
    };
    return cmocka_run_group_tests(tests, start_with_keys, the_api_stop);
}
