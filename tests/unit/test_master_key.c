/* SPDX-License-Identifier: Apache-2.0
 * test_master_key.c: the master key of the database is changed while the service runs: nothing is
 * unreadable at any moment, nothing is left under the old key, and what was recognised by a digest
 * still is. */
#include <fcntl.h>

#include "api/master_key.h"
#include "keys_service_fixture.h"
#include "payment/bank_impl.h"
#include "recon/upload_impl.h"

#define NEXT_KEY "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define OTHER_KEY "abababababababababababababababababababababababababababababababab"

static struct keyed_service own;
static enum store_engine engine;
static char endpoint[ID_TEXT_MAX];

/* NULL: not said. */
static void configure(const char *master, const char *next) {
    free(own.api.config->master_key);
    free(own.api.config->master_key_next);
    own.api.config->master_key = strdup(master);
    own.api.config->master_key_next = next != NULL ? strdup(next) : NULL;
}
#define OLD "env:HF_TEST_MASTER"
#define NEW "env:HF_TEST_NEXT"

/* ---- what is sealed ---- */

enum { UPLOADS = 120 }; /* more than two pages */

static void exec(const char *sql) {
    assert_int_equal(test_store_exec(own.api.service->store, sql), 1);
}

/* Sealed with that one of the two keys. */
static char *sealed(int index, const char *context, const char *text) {
    SECRET_AUTO secret = secret_new(text, strlen(text));
    return seal_text_with(own.api.service->seal, index, context, secret);
}

static void put_upload(int index, int number) {
    char context[UPLOAD_CONTEXT_CHARS_MAX + 1], sql[600];
    upload_part_context("upl_1", number, context);
    char *text = sealed(index, context, "a part");
    snprintf(sql, sizeof sql,
             "INSERT INTO statement_upload_part (upload_id, number, digest, content) VALUES "
             "('upl_1', %d, '', '%s')",
             number, text);
    exec(sql);
    free(text);
}

static void put_bank_row(int index, const char *id) {
    char context[ID_TEXT_MAX + 16], sql[1000];
    bank_row_seal_context(id, context);
    char *text = sealed(index, context, "DE02120300000000202051");
    snprintf(sql, sizeof sql,
             "INSERT INTO bank_row VALUES ('%s', 'bank', '%s', '', '', '2026-11-22', '2026-11-22', "
             "1, 5, 'EUR', '', '', '%s', '', '', '', '', 0, 0, '', 3, '', '', '', 0, '', 0, '')",
             id, id, text);
    exec(sql);
    free(text);
}

static void put_endpoint(void) {
    API_REPLY_AUTO made;
    API_REPLY_AUTO turned;
    char path[120];
    ask(&own, "POST", "/v1/webhooks", "{\"url\":\"https://shop.example/hook\"}", &made);
    assert_int_equal(made.status, 201);
    snprintf(endpoint, sizeof endpoint, "%s", reply_text(&made, "id"));
    snprintf(path, sizeof path, "/v1/webhooks/%s/rotate", endpoint);
    ask(&own, "POST", path, "{}", &turned);
    assert_int_equal(turned.status, 200);
}

struct count {
    int total, by[SEAL_KEYS_MAX], closed;
};

struct counting {
    struct count *count;
    const char *sql;
    void (*context)(const struct sql_rows *row, char ret[200]);
};

static void of_endpoint(const struct sql_rows *row, char ret[200]) {
    snprintf(ret, 200, "%s", sql_text(row, 0));
}
static void of_bank_row(const struct sql_rows *row, char ret[200]) {
    bank_row_seal_context(sql_text(row, 0), ret);
}
static void of_upload(const struct sql_rows *row, char ret[200]) {
    upload_part_context(sql_text(row, 0), sql_int(row, 2), ret);
}
static void of_set(const struct sql_rows *row, char ret[200]) {
    snprintf(ret, 200, "callback_keys:%s", sql_text(row, 0));
}

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct counting *counting = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, counting->sql);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char context[200];
        SECRET_AUTO secret = NULL;
        int index = 0;
        counting->context(rows, context);
        counting->count->total++;
        if (seal_read_which(own.api.service->seal, context, sql_text(rows, 1), &secret, &index,
                            err) < 0) {
            counting->count->closed++;
        } else {
            counting->count->by[index]++;
        }
    }
    return r;
}

/* Everything that is sealed, by the contexts that those use who read it. */
static struct count count_sealed(void) {
    struct count count = {0};
    struct counting all[] = {
        {&count, "SELECT id, sealed_secret FROM webhook_endpoint", of_endpoint},
        {&count, "SELECT id, sealed_secret_old FROM webhook_endpoint WHERE sealed_secret_old <> ''",
         of_endpoint},
        {&count, "SELECT id, party_sealed FROM bank_row", of_bank_row},
        {&count, "SELECT upload_id, content, number FROM statement_upload_part", of_upload},
        {&count, "SELECT gateway, sealed FROM credential_set", of_set},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct err err = {0};
        assert_int_equal(store_read(own.api.service->store, count_tx, &all[i], &err), 0);
    }
    return count;
}

static void assert_all_readable(void) {
    struct count count = count_sealed();
    assert_int_equal(count.total, 2 + 2 + UPLOADS + 2);
    assert_int_equal(count.closed, 0);
}

static void fill(void) {
    put_endpoint();
    put_bank_row(0, "brw_1");
    put_bank_row(0, "brw_2");
    for (int i = 0; i < UPLOADS; i++) {
        put_upload(0, i);
    }
    seal_hook(&own, "whsec_2");
    credentials_look(own.api.service->credentials);
    credentials_look(own.api.service->credentials);
}

static int start(void **state) {
    assert_int_equal(setenv("HF_TEST_NEXT", NEXT_KEY, 1), 0);
    assert_int_equal(setenv("HF_TEST_OTHER", OTHER_KEY, 1), 0);
    keyed_start(&own, engine, "");
    fill();
    configure(OLD, NEW);
    keyed_restart(&own);
    return 0;
}

static int stop(void **state) {
    keyed_stop(&own);
    return 0;
}

/* ---- doing ---- */

static void look(void) {
    credentials_look(own.api.service->credentials);
}

/* The status; the problem is kept for a look. */
static int rotate(const char *once) {
    API_REPLY_AUTO reply;
    api_ask(&own.api,
            &(struct api_ask){.method = "POST",
                              .path = "/v1/credentials/master/rotate",
                              .internal = true,
                              .once = once,
                              .body = "{\"reason\":\"it is due\"}"},
            &reply);
    return reply.status;
}

static void assert_master(const char *source, bool changing, const char *why) {
    API_REPLY_AUTO reply;
    ask(&own, "GET", "/v1/credentials", NULL, &reply);
    assert_int_equal(reply.status, 200);
    const json_t *master = json_object_get(reply.json, "master_key");
    assert_string_equal(json_string_value(json_object_get(master, "source")), source);
    assert_int_equal(json_is_true(json_object_get(master, "changing")), changing);
    const char *said = json_string_value(json_object_get(master, "why"));
    assert_string_equal(json_string_value(json_object_get(master, "state")),
                        why != NULL ? "warning" : "ok");
    if (why == NULL ? said != NULL : said == NULL || strstr(said, why) == NULL) {
        fail_msg("it says \"%s\"", said != NULL ? said : "nothing");
    }
}

static int start_again(struct err *err) {
    struct service_hooks hooks = {.client = door_client(&own.door), .no_listeners = true};
    service_close(own.api.service);
    own.api.service = NULL;
    return service_open(own.api.config, &hooks, &own.api.service, err);
}

/* Refused in words; then it runs again as it was configured before. */
static void assert_no_start(const char *master, const char *next, const char *why) {
    struct err err = {0};
    char *was = strdup(own.api.config->master_key);
    char *was_next = own.api.config->master_key_next != NULL
                         ? strdup(own.api.config->master_key_next)
                         : NULL;
    configure(master, next);
    assert_int_equal(start_again(&err), -ERR_CONFIG);
    if (strstr(err.detail, why) == NULL) {
        fail_msg("it says \"%s\"", err.detail);
    }
    configure(was, was_next);
    free(was);
    free(was_next);
    keyed_open(&own);
}

static int callback(const char *secret) {
    return keyed_callback(&own,
                          "{\"id\":\"evt_1\",\"type\":\"customer.updated\",\"created\":1,"
                          "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}",
                          secret);
}

static void finish(void) {
    test_clock_advance(MASTER_KEY_SETTLES_US);
    look();
}

/* ---- tests ---- */

static void everything_is_sealed_anew_and_the_old_key_may_go(void **state) {
    assert_master("master_key", false, "keys master rotate");
    assert_int_equal(rotate("*"), 200);
    struct count count = count_sealed();
    assert_int_equal(count.by[1], count.total);
    assert_int_equal(count.total, 2 + 2 + UPLOADS + 2);
    assert_master("master_key_next", true, "under way");
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM audit_entry WHERE action = "
                                     "'master_key.rotate' AND reason = 'it is due'"),
                     1);
    finish();
    assert_master("master_key_next", false, "destroy the old key");
    configure(NEW, OLD);
    keyed_restart(&own);
    assert_master("master_key", false, "take master_key_next out");
    assert_int_equal(rotate("*"), 409);
    configure(NEW, NULL);
    keyed_restart(&own);
    assert_master("master_key", false, NULL);
    assert_all_readable();
    assert_int_equal(callback("whsec_1"), 200);
    assert_int_equal(callback("whsec_2"), 200);
    assert_no_start(OLD, NULL, "not the master key");
}

/* Fingerprints, requests by their keys. */
static void what_was_known_by_a_digest_is_known_with_the_new_key(void **state) {
    char before[16];
    API_REPLY_AUTO paid;
    const struct api_ask pay = {.method = "POST",
                                .path = "/v1/payments",
                                .internal = true,
                                .once = "kept",
                                .body = "{\"order_id\":\"o\",\"amount\":100,\"currency\":\"USD\","
                                        "\"method\":\"card\",\"token\":\"pm_good\"}"};
    api_ask(&own.api, &pay, &paid);
    assert_int_equal(paid.status, 201);
    API_REPLY_AUTO listed;
    ask(&own, "GET", "/v1/credentials", NULL, &listed);
    const json_t *row = json_array_get(json_object_get(listed.json, "data"), 0);
    snprintf(before, sizeof before, "%s", json_string_value(json_object_get(row, "fingerprint")));
    assert_int_equal(rotate("*"), 200);
    finish();
    configure(NEW, NULL);
    keyed_restart(&own);
    API_REPLY_AUTO again;
    api_ask(&own.api, &pay, &again);
    assert_int_equal(again.status, 201);
    assert_string_equal(reply_header(&again, "Idempotent-Replayed"), "true");
    API_REPLY_AUTO after;
    ask(&own, "GET", "/v1/credentials", NULL, &after);
    row = json_array_get(json_object_get(after.json, "data"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "fingerprint")), before);
}

/* Another instance had not seen yet which key is in use, and sealed with the old one. */
static void what_is_sealed_late_with_the_old_key_is_found(void **state) {
    assert_int_equal(rotate("*"), 200);
    test_clock_advance(MASTER_KEY_SETTLES_US / 2);
    put_bank_row(0, "brw_0");
    look();
    assert_int_equal(count_sealed().by[0], 0);
    look(); /* finds nothing, but too early for that to be the last word */
    assert_master("master_key_next", true, "under way");
    test_clock_advance(MASTER_KEY_SETTLES_US / 2);
    put_bank_row(0, "brw_9");
    look(); /* found one: so it looks once more */
    assert_master("master_key_next", true, "under way");
    look();
    assert_int_equal(count_sealed().by[0], 0);
    assert_master("master_key_next", false, "destroy the old key");
}

/* ---- cut at any moment ---- */

struct cut {
    int left;
};

static int cut_off(void *ctx, const char *sql) {
    struct cut *cut = ctx;
    (void)sql;
    return cut->left-- <= 0 ? -ERR_STORE : 0;
}

/* From the moment that it is cut nothing reaches the database, until the process is gone. */
static void cut_at_any_moment_everything_opens_and_the_change_goes_on(void **state) {
    bool whole = false;
    int tried = 0;
    for (int after = 0; !whole; after += 1 + after / 8, tried++) {
        struct cut cut = {.left = after};
        store_fault_set(own.api.service->store, cut_off, &cut);
        (void)rotate("*");
        whole = cut.left > 0;
        store_fault_set(own.api.service->store, NULL, NULL);
        keyed_restart(&own);
        assert_all_readable();
        int64_t changing = keyed_int(&own, "SELECT count(*) FROM setting WHERE key = "
                                           "'master_key_rotation'");
        if (changing == 0) {
            configure(OLD, NULL);
            keyed_restart(&own); /* as if nothing had been tried */
            assert_all_readable();
        } else {
            assert_no_start(NEW, NULL, "is not over");
            assert_no_start(OLD, NULL, "not the master key");
        }
        configure(OLD, NEW);
        keyed_restart(&own);
        if (changing > 0) {
            break;
        }
        assert_false(whole);
    }
    assert_true(tried > 3 && count_sealed().by[0] > 0);
    /* It has begun: the same while pages are written, one cut after the other. */
    for (int after = 2; count_sealed().by[0] > 0; after += 1 + after / 6) {
        struct cut cut = {.left = after};
        store_fault_set(own.api.service->store, cut_off, &cut);
        look();
        store_fault_set(own.api.service->store, NULL, NULL);
        keyed_restart(&own);
        assert_all_readable();
        assert_true(after < 500);
    }
    finish();
    configure(NEW, NULL);
    keyed_restart(&own);
    assert_all_readable();
}

/* ---- what is refused ---- */

static void without_another_key_there_is_nothing_to_change_to(void **state) {
    assert_no_start(OLD, OLD, "the same one");
    configure(OLD, NULL);
    keyed_restart(&own);
    assert_master("master_key", false, NULL);
    assert_int_equal(rotate("*"), 409);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM setting WHERE key = "
                                     "'master_key_rotation'"),
                     0);
}

static void a_change_is_done_once_however_often_it_is_asked_for(void **state) {
    assert_int_equal(rotate("once"), 200);
    assert_int_equal(rotate("once"), 200);
    assert_int_equal(rotate("*"), 409);
    finish();
    assert_int_equal(rotate("once"), 200);
    assert_int_equal(rotate("*"), 409);
    assert_master("master_key_next", false, "destroy the old key");
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM audit_entry WHERE action = "
                                     "'master_key.rotate'"),
                     1);
}

static void an_instance_that_has_only_the_old_key_stops_the_change(void **state) {
    char sql[200];
    snprintf(sql, sizeof sql, "INSERT INTO instance VALUES ('ins_other', 1, %lld)",
             (long long)clock_wall_us());
    exec(sql);
    assert_int_equal(rotate("*"), 409);
    exec("INSERT INTO setting (key, value) VALUES ('master_key_ready:ins_other', 'deadbeef')");
    assert_int_equal(rotate("*"), 409);
    assert_int_equal(count_sealed().by[1], 0);
    look(); /* says by which name it has the other one */
    char name[SEAL_NAME_CHARS + 1];
    seal_name(own.api.service->seal, 1, name);
    snprintf(sql, sizeof sql,
             "UPDATE setting SET value = '%s' WHERE key = 'master_key_ready:ins_other'", name);
    exec(sql);
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM setting a JOIN setting b ON a.value = "
                                     "b.value WHERE a.key < b.key AND a.key LIKE "
                                     "'master_key_ready:%' AND b.key LIKE 'master_key_ready:%'"),
                     1);
    assert_int_equal(rotate("*"), 200);
    finish();
    assert_int_equal(keyed_int(&own, "SELECT count(*) FROM setting WHERE key LIKE "
                                     "'master_key_ready:%'"),
                     0);
}

static int run(enum store_engine on, const char *name) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(everything_is_sealed_anew_and_the_old_key_may_go),
        TEST(what_was_known_by_a_digest_is_known_with_the_new_key),
        TEST(what_is_sealed_late_with_the_old_key_is_found),
        TEST(cut_at_any_moment_everything_opens_and_the_change_goes_on),
        TEST(without_another_key_there_is_nothing_to_change_to),
        TEST(a_change_is_done_once_however_often_it_is_asked_for),
        TEST(an_instance_that_has_only_the_old_key_stops_the_change),
    };
#undef TEST
    engine = on;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void) {
    crypto_init();
    test_clock_install();
    log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
    int failed = run(STORE_SQLITE, "master key, sqlite");
    return failed + run(STORE_POSTGRES, "master key, postgresql");
}
