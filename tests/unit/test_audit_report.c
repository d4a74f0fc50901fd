/* SPDX-License-Identifier: Apache-2.0
 * test_audit_report.c: a month for whoever audits (REVIEW-3): what was done in it and nothing of
 * another, who may do what, and what stands out. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/audit_report.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "meter/slices.h"
#include "store/audit.h"
#include "support/both_engines.h"
#include "support/test_clock.h"

#define DAY_US (INT64_C(24) * 3600 * US_PER_SECOND)

static struct test_store engine;
static struct audit_month month, before;

static void it_is(int64_t wall_us) {
    test_clock_wall_shift(wall_us - clock_wall_us());
}

struct act {
    const char *actor, *action, *subject;
};

static int act_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct act *act = ctx;
    return audit_append(tx, act->actor, act->action, act->subject, "because", "{}", err);
}

static void did(const char *action, const char *subject) {
    struct act act = {"user:usr_a", action, subject};
    struct err err = {0};
    assert_int_equal(store_write(engine.store, act_fn, &act, &err), 0);
}

struct statement {
    const char *sql;
    const struct sql_arg *args;
    int count;
};

static int statement_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct statement *statement = ctx;
    int64_t r = sql_exec_args(tx, err, statement->sql, statement->args, statement->count);
    return r < 0 ? (int)r : 0;
}

static void put_args(const char *sql, const struct sql_arg *args, int count) {
    struct statement statement = {sql, args, count};
    struct err err = {0};
    if (store_write(engine.store, statement_fn, &statement, &err) < 0) {
        fail_msg("%s: %s", sql, err.detail);
    }
}
#define PUT(sql, ...) put_args((sql), SQL_ARGS(__VA_ARGS__))

static void user(const char *id, int enabled, int64_t created_us) {
    PUT("INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
        "locked_until_us, created_us) VALUES ($1, $1, 'secret-hash', 3, $2, 0, 0, $3)",
        S_TEXT(id), S_INT(enabled), S_INT(created_us));
}

static void key(const char *id, int64_t created_us, int64_t expires_us, int64_t revoked_us,
                int64_t used_us) {
    PUT("INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, expires_us, "
        "revoked_us, last_used_us) VALUES ($1, $1, $1 || 'secret-hash', 2, '', 'cli', $2, $3, $4, "
        "$5)",
        S_TEXT(id), S_INT(created_us), S_INT(expires_us), S_INT(revoked_us), S_INT(used_us));
}

static json_t *report_of(const struct audit_month *of) {
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, AUDIT_REPORT_BYTES_MAX);
    if (audit_report(engine.store, of, &buf, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_null(strstr(buf.data, "secret-hash"));
    json_t *json = json_loads(buf.data, 0, NULL);
    assert_non_null(json);
    return json;
}

static const json_t *group(const json_t *report, const char *name) {
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(report, "groups"), i, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) {
            return one;
        }
    }
    fail_msg("no group %s", name);
    return NULL;
}

/* Exactly these findings, "name name …", in their order. */
static void assert_found(const json_t *report, const char *expected) {
    size_t i;
    const json_t *one;
    BUF_AUTO names;
    buf_init(&names, 4096);
    json_array_foreach(json_object_get(report, "findings"), i, one) {
        buf_addf(&names, "%s%s", i > 0 ? " " : "", json_string_value(json_object_get(one, "name")));
        assert_true(strlen(json_string_value(json_object_get(one, "zh"))) > 10);
        assert_null(strchr(json_string_value(json_object_get(one, "en")), '{'));
    }
    buf_add_text(&names, "");
    assert_string_equal(names.data != NULL ? names.data : "", expected);
    assert_int_equal(json_integer_value(json_object_get(report, "finding_count")), i);
}

static int64_t at(const json_t *json, const char *name) {
    return json_integer_value(json_object_get(json, name));
}

static int begin(void **state) {
    static const char *const tables[] = {
        "DELETE FROM audit_entry", "DELETE FROM audit_head",   "DELETE FROM app_user",
        "DELETE FROM api_key",     "DELETE FROM credential",   "DELETE FROM metric_minute",
        "DELETE FROM metric_slice",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        (void)engine_exec(&engine, tables[i]);
    }
    (void)engine_exec(&engine,
                      "INSERT INTO audit_head (one, number, hash) VALUES (1, 0, "
                      "'0000000000000000000000000000000000000000000000000000000000000000')");
    assert_true(audit_month_parse("2026-02", &month));
    assert_true(audit_month_parse("2026-01", &before));
    it_is(month.from_us + 27 * DAY_US);
    return 0;
}

/* ---- tests ---- */

static void months_are_whole_and_others_are_none(void **state) {
    static const char *const bad[] = {"",        "2026",    "2026-13", "2026-00", "2026-1",
                                      "1999-12", "9999-01", "2026/02", "2026-02-01", "20x6-02"};
    (void)state;
    struct audit_month read;
    assert_int_equal(month.until_us - month.from_us, 28 * DAY_US);
    assert_int_equal(before.until_us, month.from_us);
    assert_true(audit_month_parse("2028-02", &read));
    assert_int_equal(read.until_us - read.from_us, 29 * DAY_US);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (audit_month_parse(bad[i], &read)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void what_was_done_is_in_its_month_and_its_group(void **state) {
    (void)state;
    it_is(month.from_us - 1);
    did("gateway.disable", "stripe-a");
    it_is(month.from_us);
    did("gateway.enable", "stripe-a");
    did("key.create", "key_1");
    did("credential.change", "stripe-a");
    did("case.close", "case_1");
    did("nobody_knows.this", "x");
    it_is(month.until_us);
    did("gateway.drain", "stripe-a");
    json_t *report = report_of(&month);
    assert_int_equal(at(group(report, "settings"), "count"), 1);
    const json_t *actions = json_object_get(group(report, "settings"), "actions");
    assert_int_equal(at(actions, "gateway.enable"), 1);
    assert_int_equal(at(group(report, "access"), "count"), 1);
    assert_int_equal(at(group(report, "keys"), "count"), 1);
    assert_int_equal(at(group(report, "money"), "count"), 2);
    assert_int_equal(json_array_size(json_object_get(group(report, "money"), "entries")), 0);
    assert_int_equal(at(json_object_get(report, "entries"), "first"), 2);
    assert_int_equal(at(json_object_get(report, "entries"), "last"), 6);
    assert_true(json_is_true(json_object_get(report, "over")));
    assert_found(report, "");
    json_decref(report);
    report = report_of(&before);
    assert_int_equal(at(json_object_get(report, "entries"), "count"), 1);
    json_decref(report);
}

static void a_log_that_was_changed_stands_out(void **state) {
    (void)state;
    did("gateway.enable", "stripe-a");
    did("gateway.disable", "stripe-a");
    (void)engine_exec(&engine, "UPDATE audit_entry SET actor = 'system' WHERE number = 2");
    json_t *report = report_of(&month);
    assert_found(report, "chain_broken");
    assert_int_equal(at(json_object_get(report, "chain"), "broken_number"), 2);
    json_decref(report);
}

static void users_that_are_idle_or_refused_stand_out(void **state) {
    (void)state;
    user("old", 1, month.from_us - 300 * DAY_US);
    user("gone", 0, month.from_us - 300 * DAY_US);
    user("new", 1, month.from_us);
    user("busy", 1, month.from_us - 300 * DAY_US);
    did("session.open", "busy");
    for (int i = 0; i < AUDIT_REFUSED_MIN; i++) {
        did("session.refused", "new");
    }
    json_t *report = report_of(&month);
    assert_found(report, "refused_logins idle_user");
    const json_t *users = json_object_get(report, "users");
    assert_int_equal(json_array_size(users), 4);
    assert_int_equal(at(json_array_get(users, 0), "logins"), 1);
    assert_int_equal(at(json_array_get(users, 2), "refused"), AUDIT_REFUSED_MIN);
    json_decref(report);
    /* The month before knows nothing of what came later. */
    report = report_of(&before);
    assert_found(report, "idle_user idle_user");
    assert_int_equal(json_array_size(json_object_get(report, "users")), 3);
    json_decref(report);
}

static void keys_and_credentials_that_are_old_stand_out(void **state) {
    (void)state;
    int64_t now_us = clock_wall_us(), long_ago = now_us - 400 * DAY_US, soon = now_us + DAY_US;
    key("good", long_ago, soon, 0, now_us - DAY_US);
    key("idle", long_ago, soon, 0, now_us - AUDIT_IDLE_DAYS * DAY_US);
    key("idle-but-gone", long_ago, soon, now_us - DAY_US, 0);
    key("endless", now_us - DAY_US, 0, 0, 0);
    PUT("INSERT INTO credential (gateway, name, fingerprint, first_us, actor, reason, replaced_us) "
        "VALUES ('stripe-a', 'api_key', 'fp1', $1, 'cli', '', 0), ('stripe-a', 'secret', 'fp2', "
        "$1, 'cli', '', $2), ('stripe-a', 'secret', 'fp3', $2, 'cli', '', 0), ('x', 'before', "
        "'fp4', $1, 'cli', '', $3)",
        S_INT(long_ago), S_INT(now_us - DAY_US), S_INT(month.from_us - 1));
    json_t *report = report_of(&month);
    assert_found(report, "idle_key endless_key old_credential");
    assert_int_equal(json_array_size(json_object_get(report, "keys")), 4);
    assert_int_equal(json_array_size(json_object_get(report, "credentials")), 3);
    json_decref(report);
}

static void card_numbers_that_were_sent_stand_out(void **state) {
    (void)state;
    PUT("INSERT INTO metric_slice (id, operation, gateway, method, region, currency, segment) "
        "VALUES (7, $1, '', '', '', '', ''), (8, $2, '', '', '', '', '')",
        S_INT(SLICE_CARD_NUMBER), S_INT(SLICE_PAYMENT));
    int64_t minute = month.from_us / (60 * US_PER_SECOND);
    static const int64_t slices[] = {7, 7, 8, 7};
    for (int i = 0; i < 4; i++) { /* two in the month, one of payments, one before */
        PUT("INSERT INTO metric_minute (minute, slice, writer, ok, declined, failed, repeated, "
            "ok_minor, lost_minor, duration_us, durations, codes) VALUES ($1, $2, 1, 0, 3, 0, 0, "
            "0, 0, 0, '', 'body:2 query:1')",
            S_INT(i == 3 ? minute - 1 : minute + i), S_INT(slices[i]));
    }
    json_t *report = report_of(&month);
    assert_found(report, "card_numbers");
    const json_t *found = json_object_get(report, "card_numbers");
    assert_int_equal(at(found, "refused"), 6);
    assert_int_equal(at(json_object_get(found, "places"), "body"), 4);
    assert_int_equal(at(json_object_get(found, "places"), "query"), 2);
    json_decref(report);
}

static void every_entry_is_in_the_file(void **state) {
    (void)state;
    for (int i = 0; i < AUDIT_REPORT_LISTED_MAX + 5; i++) {
        did("switch.off", "=1+1");
    }
    json_t *report = report_of(&month);
    assert_int_equal(at(group(report, "settings"), "count"), AUDIT_REPORT_LISTED_MAX + 5);
    assert_int_equal(json_array_size(json_object_get(group(report, "settings"), "entries")),
                     AUDIT_REPORT_LISTED_MAX);
    json_decref(report);
    struct err err = {0};
    BUF_AUTO file;
    buf_init(&file, 4 * 1024 * 1024);
    assert_int_equal(audit_report_entries(engine.store, &month, SHEET_CSV, &file, &err), 0);
    int lines = 0;
    for (const char *c = file.data; (c = strchr(c, '\n')) != NULL; c++) {
        lines++;
    }
    assert_int_equal(lines, AUDIT_REPORT_LISTED_MAX + 5 + 2); /* the head, and how many */
    assert_null(strstr(file.data, ",=1+1"));
    assert_non_null(strstr(file.data, "switch.off"));
}

int main(void) {
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(months_are_whole_and_others_are_none),
        T(what_was_done_is_in_its_month_and_its_group),
        T(a_log_that_was_changed_stands_out),
        T(users_that_are_idle_or_refused_stand_out),
        T(keys_and_credentials_that_are_old_stand_out),
        T(card_numbers_that_were_sent_stand_out),
        T(every_entry_is_in_the_file),
    };
#undef T
    test_clock_install();
    test_clock_freeze(true);
    crypto_init();
    return engine_run("audit_report", tests, COUNT_OF(tests), &engine);
}
