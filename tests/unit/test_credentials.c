/* SPDX-License-Identifier: Apache-2.0
 * test_credentials.c: the service notices new credentials by itself or when it is told, remembers
 * who brought them and when, says what is too old or was refused, and never shows one. */
#include <fcntl.h>

#include "keys_service_fixture.h"
#include "support/certs.h"

static struct keyed_service own;
static enum store_engine engine;

static int start(void **state) {
    keyed_start(&own, engine, "");
    return 0;
}

static int stop(void **state) {
    keyed_stop(&own);
    return 0;
}

/* Two looks: the first sees a change, the second that it is over. */
static void look(void) {
    credentials_look(own.api.service->credentials);
    credentials_look(own.api.service->credentials);
}

/* What GET /v1/credentials says: of the credential at `index`. */
static void assert_listed(size_t index, const char *key, const char *wanted) {
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    assert_int_equal(reply.status, 200);
    const json_t *row = json_array_get(json_object_get(reply.json, "data"), index);
    const char *text = json_string_value(json_object_get(row, key));
    if (text == NULL || strstr(text, wanted) == NULL) {
        fail_msg("%s is \"%s\", not \"%s\"", key, text != NULL ? text : "null", wanted);
    }
}

static char *fingerprint(size_t index) {
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    const json_t *row = json_array_get(json_object_get(reply.json, "data"), index);
    return strdup(json_string_value(json_object_get(row, "fingerprint")));
}

static size_t refused_count(void) {
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    return json_array_size(json_object_get(reply.json, "refused"));
}

static bool pays(void) {
    API_REPLY_AUTO reply;
    char order[40];
    snprintf(order, sizeof order, "order-%d", own.api.keys);
    api_pay(&own.api, order, "", &reply);
    return reply.status == 201 && strcmp(reply_text(&reply, "state"), "succeeded") == 0;
}

static int callback(const char *secret) {
    return keyed_callback(&own,
                          "{\"id\":\"evt_1\",\"type\":\"customer.updated\",\"created\":1,"
                          "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}",
                          secret);
}

static int64_t changes_on_the_log(void) {
    return keyed_int(&own, "SELECT count(*) FROM audit_entry WHERE action = 'credential.change'");
}

/* ---- noticing ---- */

static void a_changed_file_is_taken_when_it_has_been_the_same_for_one_look(void **state) {
    door_close_all(&own.door);
    door_open(&own.door, "sk_2");
    assert_false(pays());
    put_file(own.key, "sk_2");
    credentials_look(own.api.service->credentials);
    char *before = fingerprint(0);
    credentials_look(own.api.service->credentials);
    char *after = fingerprint(0);
    assert_string_not_equal(before, after);
    free(before);
    free(after);
    assert_true(pays());
    assert_listed(0, "set_by", "system");
    assert_listed(0, "set_reason", "its source has changed");
    assert_int_equal(changes_on_the_log(), 1);
}

static void a_change_in_the_keystore_is_noticed_and_the_old_secret_believed(void **state) {
    seal_hook(&own, "whsec_2");
    assert_int_equal(callback("whsec_2"), 400);
    look();
    assert_int_equal(callback("whsec_2"), 200);
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_3"), 400);
}

static void a_broken_file_is_told_and_what_was_in_force_stays(void **state) {
    put_file(own.key, "a key cannot have blanks");
    look();
    assert_true(pays());
    assert_int_equal(refused_count(), 1);
    assert_int_equal(g_remove(own.key), 0);
    look();
    assert_true(pays());
    assert_int_equal(refused_count(), 1);
    put_file(own.key, "sk_1");
    look();
    assert_int_equal(refused_count(), 0);
    assert_int_equal(changes_on_the_log(), 0);
}

static void a_half_written_file_is_refused_by_the_gateway_and_taken_once_it_is_whole(void **state) {
    door_open(&own.door, "sk_2_of_some_length");
    put_half(own.key, "sk_2_of_some_length");
    look();
    assert_true(pays());
    assert_int_equal(refused_count(), 1);
    put_file(own.key, "sk_2_of_some_length");
    look();
    assert_int_equal(refused_count(), 0);
    door_close_all(&own.door);
    door_open(&own.door, "sk_2_of_some_length");
    assert_true(pays());
}

static void while_the_gateway_does_not_answer_a_changed_file_waits(void **state) {
    own.door.silent = true;
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    look();
    assert_int_equal(refused_count(), 1);
    own.door.silent = false;
    look();
    assert_int_equal(refused_count(), 1); /* not yet */
    test_clock_advance(CREDENTIALS_RETRY_US);
    look();
    assert_int_equal(refused_count(), 0);
    assert_listed(0, "set_reason", "its source has changed");
}

/* ---- being told ---- */

static void the_runbooks_reload_takes_what_is_new_at_once(void **state) {
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    API_REPLY_AUTO reply;
    runbook_reload(&own, &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "\"ok\":true"));
    assert_non_null(strstr(reply.body, "\"result\":\"taken\",\"changed\":[\"api_key\"],"
                                       "\"unverified\":[],\"gateway_says\":\"ok\""));
    assert_null(strstr(reply.body, "sk_"));
    door_close_all(&own.door);
    door_open(&own.door, "sk_2");
    assert_true(pays());
    assert_listed(0, "set_reason", "reload-api-keys was called");
    API_REPLY_AUTO again;
    ask(&own, "POST", "/internal/api/system/reload-api-keys", "{\"reason\":\"why not\"}", &again);
    assert_non_null(strstr(again.body, "\"result\":\"unchanged\""));
}

static void a_reload_that_the_gateway_rejects_says_so_and_changes_nothing(void **state) {
    put_file(own.key, "sk_revoked");
    API_REPLY_AUTO all;
    API_REPLY_AUTO one;
    API_REPLY_AUTO forced;
    ask(&own, "POST", "/internal/api/system/reload-api-keys", "{}", &all);
    assert_non_null(strstr(all.body, "\"ok\":false"));
    assert_non_null(strstr(all.body, "\"result\":\"refused\""));
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/reload", "{\"reason\":\"test\"}", &one);
    assert_int_equal(one.status, 422);
    assert_string_equal(reply_problem(&one), "gateway-rejected");
    assert_true(pays());
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/reload",
        "{\"reason\":\"test\",\"verify\":false}", &forced);
    assert_int_equal(forced.status, 200);
    assert_false(pays());
}

static void a_rotated_credential_is_asked_about_kept_and_in_force(void **state) {
    static const char body[] = "{\"credential\":\"api_key\",\"value\":\"sk_2\",\"reason\":\"due\"}";
    API_REPLY_AUTO rejected;
    API_REPLY_AUTO taken;
    char bytes[40];
    size_t count = 0;
    struct err err = {0};
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate", body, &rejected);
    assert_int_equal(rejected.status, 422);
    assert_null(strstr(rejected.body, "sk_2"));
    door_open(&own.door, "sk_2");
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate", body, &taken);
    assert_int_equal(taken.status, 200);
    assert_null(strstr(taken.body, "sk_2"));
    assert_int_equal(file_read(own.key, bytes, sizeof bytes - 1, &count, &err), 0);
    assert_string_equal(bytes, "sk_2");
    look(); /* our own change is none */
    assert_listed(0, "set_reason", "due");
    assert_int_equal(changes_on_the_log(), 1);
    assert_int_equal(
        keyed_int(&own, "SELECT count(*) FROM audit_entry WHERE action = 'credential.rotate'"), 1);
}

static void a_value_that_cannot_be_one_is_refused_as_such(void **state) {
    API_REPLY_AUTO reply;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate",
        "{\"credential\":\"api_key\",\"value\":\"with a blank\",\"reason\":\"due\"}", &reply);
    assert_int_equal(reply.status, 422);
    assert_string_equal(reply_problem(&reply), "validation");
    assert_string_equal(reply_text(&reply, "place"), "/value");
    assert_null(strstr(reply.body, "with a blank"));
    assert_true(pays());
    assert_int_equal(changes_on_the_log(), 0);
}

/* Asking with the API key says nothing about the secret that callbacks are signed with. */
static void what_no_call_can_show_is_said_to_be_unverified(void **state) {
    API_REPLY_AUTO both;
    API_REPLY_AUTO one;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate",
        "{\"credential\":\"webhook_secret\",\"value\":\"any text\",\"reason\":\"due\"}", &one);
    assert_int_equal(one.status, 200);
    assert_non_null(strstr(one.body, "\"changed\":[\"webhook_secret\"],\"unverified\":"
                                     "[\"webhook_secret\"],\"gateway_says\":null"));
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    seal_hook(&own, "whsec_2");
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/reload", "{\"reason\":\"due\"}", &both);
    assert_non_null(strstr(both.body, "\"changed\":[\"api_key\",\"webhook_secret\"],"
                                      "\"unverified\":[\"webhook_secret\"],"
                                      "\"gateway_says\":\"ok\""));
}

static int retire(const char *body) {
    API_REPLY_AUTO reply;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/retire", body, &reply);
    return reply.status == 200 ? (int)reply_int(&reply, "retired") : -reply.status;
}

static void a_retired_secret_is_believed_no_more(void **state) {
    seal_hook(&own, "whsec_2");
    look();
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_2"), 200);
    assert_int_equal(retire("{\"reason\":\"it leaked\"}"), 1);
    assert_int_equal(callback("whsec_1"), 400);
    assert_int_equal(callback("whsec_2"), 200);
}

static void the_old_secret_is_not_retired_before_a_callback_has_shown_the_new_one(void **state) {
    seal_hook(&own, "whsec_wrong");
    look();
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(retire("{\"reason\":\"it is over\"}"), -409);
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(retire("{\"reason\":\"it leaked\",\"force\":true}"), 1);
    assert_int_equal(callback("whsec_1"), 400);
}

static void verifying_tells_of_each_set_whether_it_works(void **state) {
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    look();
    door_close_all(&own.door);
    door_open(&own.door, "sk_2");
    API_REPLY_AUTO reply;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/verify", "{}", &reply);
    assert_int_equal(reply.status, 200);
    const json_t *sets = json_object_get(reply.json, "sets");
    assert_int_equal(json_array_size(sets), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(sets, 0), "result")),
                        "works");
    assert_string_equal(json_string_value(json_object_get(json_array_get(sets, 1), "result")),
                        "rejected");
    assert_null(strstr(reply.body, "sk_"));
    API_REPLY_AUTO nobody;
    ask(&own, "POST", "/v1/gateways/nobody/credentials/verify", "{}", &nobody);
    assert_int_equal(nobody.status, 404);
}

/* ---- remembering ---- */

static void when_a_credential_was_first_seen_outlives_a_restart(void **state) {
    int64_t first_us = keyed_int(&own, "SELECT first_us FROM credential WHERE name = 'api_key'");
    assert_true(first_us > 0);
    test_clock_advance(5 * US_PER_SECOND);
    keyed_restart(&own);
    assert_int_equal(keyed_int(&own, "SELECT first_us FROM credential WHERE name = 'api_key'"),
                     first_us);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM credential"), 2);
    assert_int_equal(changes_on_the_log(), 0);
}

static void what_was_changed_while_it_was_down_is_on_the_audit_log(void **state) {
    service_close(own.api.service);
    put_file(own.key, "sk_2");
    keyed_open(&own);
    assert_int_equal(changes_on_the_log(), 1);
    assert_listed(0, "set_reason", "found at the start");
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM credential WHERE name = 'api_key' AND "
                                     "replaced_us > 0"),
                     1);
}

static void nothing_in_the_database_is_a_credential(void **state) {
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    look();
    assert_int_equal(keyed_int(&own,
                               "SELECT count(*) FROM credential WHERE fingerprint LIKE '%sk%' OR "
                               "length(fingerprint) <> 8"),
                     0);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM audit_entry WHERE detail LIKE '%sk_2%'"),
                     0);
}

/* ---- an overlap and a restart between ---- */

#define HOUR_US (3600 * US_PER_SECOND)

/* When the first of the credential's old values ends; 0: it has none. */
static int64_t old_until_us(size_t index) {
    API_REPLY_AUTO reply;
    int64_t until_us = 0;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    const json_t *row = json_array_get(json_object_get(reply.json, "data"), index);
    const json_t *old = json_array_get(json_object_get(row, "old"), 0);
    if (old != NULL) {
        const char *text = json_string_value(json_object_get(old, "accepted_until"));
        assert_true(clock_parse(text, &until_us));
    }
    return until_us;
}

static void an_overlap_outlives_restarts_and_ends_when_it_would_have(void **state) {
    seal_hook(&own, "whsec_2");
    look();
    int64_t until_us = old_until_us(1);
    assert_true(until_us > clock_wall_us() + 23 * HOUR_US);
    for (int i = 0; i < 2; i++) {
        test_clock_advance(11 * HOUR_US);
        keyed_restart(&own);
        assert_int_equal(callback("whsec_1"), 200);
        assert_int_equal(callback("whsec_2"), 200);
        assert_int_equal(callback("whsec_3"), 400);
        assert_int_equal(old_until_us(1) / US_PER_SECOND, until_us / US_PER_SECOND);
        assert_int_equal(old_until_us(0), 0); /* the API key is the same */
        assert_true(pays());
    }
    test_clock_advance(2 * HOUR_US + US_PER_SECOND);
    assert_int_equal(callback("whsec_1"), 400);
    look();
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM credential_set"), 1);
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 400);
    assert_int_equal(callback("whsec_2"), 200);
}

static void what_ends_while_nobody_runs_is_not_accepted_at_the_next_start(void **state) {
    seal_hook(&own, "whsec_2");
    look();
    test_clock_advance(25 * HOUR_US);
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 400);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM credential_set"), 1);
}

/* As a value from the environment always does, and any that is written while the service is down
 * or has not looked yet. */
static void a_secret_that_changed_between_two_runs_has_its_overlap(void **state) {
    int64_t now = clock_wall_us();
    seal_hook(&own, "whsec_2");
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_2"), 200);
    assert_true(old_until_us(1) > now + 23 * HOUR_US);
    seal_hook(&own, "whsec_3");
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_2"), 200);
    assert_int_equal(callback("whsec_3"), 200);
    API_REPLY_AUTO reply;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/verify", "{}", &reply);
    const json_t *sets = json_object_get(reply.json, "sets");
    assert_int_equal(json_array_size(sets), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(sets, 2), "result")),
                        "not_asked");
}

/* The new set is kept, and the process ends before its source has it; or after, before anything
 * else: either way the next start has both. */
static void a_rotation_that_is_cut_anywhere_loses_neither_secret(void **state) {
    static const char body[] = "{\"credential\":\"webhook_secret\",\"value\":\"whsec_2\","
                               "\"reason\":\"due\"}";
    API_REPLY_AUTO reply;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate", body, &reply);
    assert_int_equal(reply.status, 200);
    for (int i = 0; i < 2; i++) {
        seal_hook(&own, i == 0 ? "whsec_1" : "whsec_2");
        keyed_restart(&own);
        assert_int_equal(callback("whsec_1"), 200);
        assert_int_equal(callback("whsec_2"), 200);
    }
}

static int fail_sets(void *ctx, const char *sql) {
    return strstr(sql, "credential_set") != NULL ? -ERR_STORE : 0;
}

static void a_secret_that_cannot_be_kept_does_not_take_the_old_ones_place(void **state) {
    static const char body[] = "{\"credential\":\"webhook_secret\",\"value\":\"whsec_2\","
                               "\"reason\":\"due\"}";
    store_fault_set(own.api.service->store, fail_sets, NULL);
    API_REPLY_AUTO refused;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/rotate", body, &refused);
    assert_int_equal(refused.status, 503);
    assert_int_equal(callback("whsec_2"), 400);
    API_REPLY_AUTO retired;
    ask(&own, "POST", "/v1/gateways/stripe-a/credentials/retire",
        "{\"reason\":\"it leaked\",\"force\":true}", &retired);
    assert_int_equal(retired.status, 503);
    store_fault_set(own.api.service->store, NULL, NULL);
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_2"), 400);
}

static void what_was_retired_does_not_come_back_with_a_restart(void **state) {
    seal_hook(&own, "whsec_2");
    look();
    keyed_restart(&own);
    assert_int_equal(callback("whsec_2"), 200);
    assert_int_equal(retire("{\"reason\":\"it leaked\"}"), 1);
    assert_int_equal(callback("whsec_1"), 400);
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 400);
    assert_int_equal(callback("whsec_2"), 200);
}

static int read_sealed(struct store_tx *tx, void *ctx, struct err *err) {
    char **ret_sealed = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT sealed FROM credential_set WHERE until_us = 0");
    r = r < 0 ? r : sql_next(rows, err);
    assert_int_equal(r, 1);
    *ret_sealed = strdup(sql_text(rows, 0));
    return 0;
}

/* What moves money is not there at all, and what verifies is sealed. */
static void only_what_verifies_callbacks_is_kept_and_nothing_can_be_read(void **state) {
    static const char whsec_2[] = "d2hzZWNfMg"; /* base 64 */
    char sql[200];
    struct err err = {0};
    SECRET_AUTO opened = NULL;
    door_open(&own.door, "sk_2");
    put_file(own.key, "sk_2");
    seal_hook(&own, "whsec_2");
    look();
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM credential_set WHERE sealed LIKE '%%whsec%%' OR sealed LIKE "
             "'%%%s%%' OR sealed NOT LIKE 'v1:%%' OR length(digest) <> 64",
             whsec_2);
    assert_int_equal(keyed_int(&own, sql), 0);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM credential_set"), 2);
    char *sealed = NULL;
    assert_int_equal(store_read(own.api.service->store, read_sealed, &sealed, &err), 0);
    assert_int_equal(
        seal_read(own.api.service->seal, "callback_keys:stripe-a", sealed, &opened, &err), 0);
    assert_non_null(strstr(secret_bytes(opened), whsec_2));
    assert_null(strstr(secret_bytes(opened), "api_key"));
    free(sealed);
}

static void an_old_set_that_cannot_be_opened_is_told_and_stops_nothing(void **state) {
    seal_hook(&own, "whsec_2");
    look();
    assert_int_equal(test_store_exec(own.api.service->store,
                                     "UPDATE credential_set SET sealed = 'v1:bad' WHERE "
                                     "until_us > 0"),
                     1);
    keyed_restart(&own);
    assert_int_equal(callback("whsec_1"), 400);
    assert_int_equal(callback("whsec_2"), 200);
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    const json_t *row = json_array_get(json_object_get(reply.json, "not_kept"), 0);
    assert_non_null(strstr(json_string_value(json_object_get(row, "why")), "cannot be opened"));
}

/* ---- listeners ---- */

static void copy_file(const char *from, const char *to) {
    char pem[16384];
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(file_read(from, pem, sizeof pem - 1, &count, &err), 0);
    put_file(to, pem);
}

static void assert_certificate(const char *state, bool trouble) {
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    const json_t *one = json_array_get(json_object_get(reply.json, "certificates"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "state")), state);
    assert_int_equal(!json_is_null(json_object_get(one, "trouble")), trouble);
}

static void a_listeners_certificate_is_renewed_when_its_files_change(void **state) {
    struct certs certs, other;
    char listeners[600], cert[KEYS_PATH_MAX], key[KEYS_PATH_MAX];
    certs_make(&certs);
    certs_make(&other);
    snprintf(cert, sizeof cert, "%.100s/tls.crt", certs.folder);
    snprintf(key, sizeof key, "%.100s/tls.key", certs.folder);
    copy_file(certs.cert_path[CERT_GOOD], cert);
    copy_file(certs.key_path, key);
    snprintf(listeners, sizeof listeners,
             "public: {address: \"127.0.0.1:0\", tls_certificate: \"%s\", tls_key: \"%s\"}\n"
             "internal: {address: \"127.0.0.1:0\"}\n",
             cert, key);
    keyed_start(&own, engine, listeners);
    assert_certificate("urgent", false);
    copy_file(certs.cert_path[CERT_EXPIRED], cert);
    look();
    assert_certificate("expired", false);
    /* The key has not come yet, or is another's: what was in force stays. */
    copy_file(other.cert_path[CERT_GOOD], cert);
    look();
    assert_certificate("expired", true);
    copy_file(other.key_path, key);
    look();
    assert_certificate("urgent", false);
    keyed_stop(&own);
    (void)g_remove(cert);
    (void)g_remove(key);
    certs_remove(&certs);
    certs_remove(&other);
}

/* ---- warning ---- */

static void an_old_credential_and_an_unguarded_file_are_warned_about(void **state) {
    assert_listed(0, "state", "ok");
    assert_int_equal(g_chmod(own.key, 0644), 0);
    assert_listed(0, "state", "warning");
    assert_listed(0, "why", "others");
    assert_int_equal(g_chmod(own.key, 0600), 0);
    test_clock_advance(366 * 24 * 3600 * US_PER_SECOND);
    assert_listed(0, "state", "warning");
    assert_listed(0, "why", "365");
}

/* The first of the signals, as "name: state why"; "" when there is none. */
static const char *first_expiring(int *ret_count) {
    static char text[400];
    struct alert_signal signals[8];
    ARENA_AUTO arena = arena_new(64 * 1024);
    *ret_count = service_expiring(own.api.service, arena, signals, 8);
    text[0] = '\0';
    if (*ret_count > 0) {
        assert_string_equal(signals[0].rule, "CredentialExpiry");
        assert_string_equal(signals[0].labels[0].name, "of");
        snprintf(text, sizeof text, "%s|%s|%s|%s", signals[0].title, signals[0].summary,
                 notice_severity_name(signals[0].severity), signals[0].scope);
    }
    return text;
}

static void what_is_warned_of_is_an_alert(void **state) {
    int count;
    assert_string_equal(first_expiring(&count), "");
    assert_int_equal(g_chmod(own.key, 0644), 0);
    const char *told = first_expiring(&count);
    assert_int_equal(count, 1);
    assert_non_null(strstr(told, " of gateway "));
    assert_non_null(strstr(told, ": warning|"));
    assert_non_null(strstr(told, "|P3|All payments at gateway "));
    assert_int_equal(g_chmod(own.key, 0600), 0);
    assert_string_equal(first_expiring(&count), "");
}

static void expiry_is_judged_by_the_policy(void **state) {
    const struct credentials *credentials = own.api.service->credentials;
    int64_t now = clock_wall_us(), day = 24 * 3600 * US_PER_SECOND;
    char why[200];
    const struct {
        int64_t left_us;
        enum credential_state state;
    } rows[] = {{31 * day, CREDENTIAL_OK},
                {30 * day - US_PER_SECOND, CREDENTIAL_WARN},
                {8 * day, CREDENTIAL_WARN},
                {7 * day - US_PER_SECOND, CREDENTIAL_URGENT},
                {US_PER_SECOND * 60, CREDENTIAL_URGENT},
                {-US_PER_SECOND, CREDENTIAL_EXPIRED}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(
            credential_judge_expiry(credentials, now + rows[i].left_us, why, sizeof why),
            rows[i].state);
        assert_int_equal(why[0] == '\0', rows[i].state == CREDENTIAL_OK);
    }
    assert_int_equal(credential_judge_expiry(credentials, 0, why, sizeof why), CREDENTIAL_OK);
}

static void the_age_of_a_credential_is_a_metric(void **state) {
    API_REPLY_AUTO reply;
    test_clock_advance(100 * US_PER_SECOND);
    ask(&own, "GET", "/metrics", NULL, &reply);
    const char *line = strstr(reply.body, "holdfast_credential_age_seconds{gateway=\"stripe-a\","
                                          "credential=\"api_key\"} ");
    assert_non_null(line);
    assert_true(strtod(strchr(line, '}') + 1, NULL) >= 100);
    assert_non_null(
        strstr(reply.body, "holdfast_credential_source_refused{gateway=\"stripe-a\"} 0"));
}

static int run(enum store_engine on, const char *name) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_changed_file_is_taken_when_it_has_been_the_same_for_one_look),
        TEST(a_change_in_the_keystore_is_noticed_and_the_old_secret_believed),
        TEST(a_broken_file_is_told_and_what_was_in_force_stays),
        TEST(a_half_written_file_is_refused_by_the_gateway_and_taken_once_it_is_whole),
        TEST(while_the_gateway_does_not_answer_a_changed_file_waits),
        TEST(the_runbooks_reload_takes_what_is_new_at_once),
        TEST(a_reload_that_the_gateway_rejects_says_so_and_changes_nothing),
        TEST(a_rotated_credential_is_asked_about_kept_and_in_force),
        TEST(a_value_that_cannot_be_one_is_refused_as_such),
        TEST(what_no_call_can_show_is_said_to_be_unverified),
        TEST(a_retired_secret_is_believed_no_more),
        TEST(the_old_secret_is_not_retired_before_a_callback_has_shown_the_new_one),
        TEST(verifying_tells_of_each_set_whether_it_works),
        TEST(when_a_credential_was_first_seen_outlives_a_restart),
        TEST(what_was_changed_while_it_was_down_is_on_the_audit_log),
        TEST(nothing_in_the_database_is_a_credential),
        TEST(an_overlap_outlives_restarts_and_ends_when_it_would_have),
        TEST(what_ends_while_nobody_runs_is_not_accepted_at_the_next_start),
        TEST(a_secret_that_changed_between_two_runs_has_its_overlap),
        TEST(a_rotation_that_is_cut_anywhere_loses_neither_secret),
        TEST(a_secret_that_cannot_be_kept_does_not_take_the_old_ones_place),
        TEST(what_was_retired_does_not_come_back_with_a_restart),
        TEST(only_what_verifies_callbacks_is_kept_and_nothing_can_be_read),
        TEST(an_old_set_that_cannot_be_opened_is_told_and_stops_nothing),
        TEST(an_old_credential_and_an_unguarded_file_are_warned_about),
        TEST(what_is_warned_of_is_an_alert),
        TEST(expiry_is_judged_by_the_policy),
        TEST(the_age_of_a_credential_is_a_metric),
    };
#undef TEST
    engine = on;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void) {
    crypto_init();
    test_clock_install();
    log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC)); /* what is refused here is on purpose */
    /* Before time is moved on: its certificates are made by the real clock. */
    const struct CMUnitTest listeners[] = {
        cmocka_unit_test(a_listeners_certificate_is_renewed_when_its_files_change),
    };
    engine = STORE_SQLITE;
    int failed = cmocka_run_group_tests_name("credentials, listeners", listeners, NULL, NULL);
    failed += run(STORE_SQLITE, "credentials, sqlite");
    return failed + run(STORE_POSTGRES, "credentials, postgresql");
}
