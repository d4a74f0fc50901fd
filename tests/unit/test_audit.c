/* SPDX-License-Identifier: Apache-2.0
 * test_audit.c: whatever is changed by hand in the audit chain is found, on both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/task.h"
#include "store/audit.h"
#include "support/both_engines.h"

static struct test_store engine;

static int append_fn(struct store_tx *tx, void *ctx, struct err *err) {
    return audit_append(tx, "user:usr_1", "gateway.disable", ctx, "it answers nothing",
                        "{\"gateway\":\"stripe-eu\"}", err);
}

static void append(int count) {
    struct err err = {0};
    for (int i = 0; i < count; i++) {
        int result = store_write(engine.store, append_fn, (void *)"gateway:stripe-eu", &err);
        assert_int_equal(result, 0);
    }
}

static struct audit_verdict verify(void) {
    struct err err = {0};
    struct audit_verdict verdict;
    assert_int_equal(audit_verify(engine.store, &verdict, &err), 0);
    return verdict;
}

/* The chain is whole, then `sql` is done by hand, then it is broken at `number`. */
static void found_at(int64_t number, const char *sql) {
    assert_int_equal(verify().broken_number, 0);
    assert_true(engine_exec(&engine, sql) > 0);
    struct audit_verdict verdict = verify();
    if (verdict.broken_number != number || verdict.why[0] == '\0') {
        fail_msg("%s: found at %lld (%s)", sql, (long long)verdict.broken_number, verdict.why);
    }
}

static int forget(void **state) {
    (void)engine_exec(&engine, "DELETE FROM audit_entry");
    (void)engine_exec(&engine, "DELETE FROM audit_head");
    (void)engine_exec(&engine,
                      "INSERT INTO audit_head (one, number, hash) VALUES (1, 0,"
                      " '0000000000000000000000000000000000000000000000000000000000000000')");
    return 0;
}

static int ten_entries(void **state) {
    (void)forget(state);
    append(10);
    return 0;
}

static void an_empty_chain_is_whole(void **state) {
    struct audit_verdict verdict = verify();
    assert_int_equal(verdict.entries, 0);
    assert_int_equal(verdict.broken_number, 0);
}

static void a_chain_longer_than_a_page_is_whole(void **state) {
    append(1003);
    struct audit_verdict verdict = verify();
    assert_int_equal(verdict.entries, 1003);
    assert_int_equal(verdict.broken_number, 0);
    found_at(1001, "UPDATE audit_entry SET reason = 'another' WHERE number = 1001");
}

static void a_hash_is_what_the_manual_says(void **state) {
    append(1);
    char *fields = engine_text(&engine, "SELECT '64:' || '00000000000000000000000000000000'"
                                        " || '00000000000000000000000000000000' || '1:1' ||"
                                        " '30:' || id || '16:' || at_us FROM audit_entry");
    char text[1000], hash[SHA256_HEX_CHARS + 1];
    (void)snprintf(text, sizeof(text), "%s%s", fields,
                   "10:user:usr_1"
                   "15:gateway.disable"
                   "17:gateway:stripe-eu"
                   "18:it answers nothing"
                   "23:{\"gateway\":\"stripe-eu\"}");
    crypto_sha256_hex(text, strlen(text), hash);
    char *stored = engine_text(&engine, "SELECT hash FROM audit_entry");
    assert_string_equal(hash, stored);
    free(stored);
    free(fields);
}

static void an_edit_of_any_column_is_found(void **state) {
    static const char *const edits[][2] = {
        {"UPDATE audit_entry SET id = 'aud_0' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET at_us = at_us + 1 WHERE number = 4", "4"},
        {"UPDATE audit_entry SET actor = 'cli' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET action = 'gateway.enable' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET subject = 'gateway:paypal' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET reason = '' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET detail = '{}' WHERE number = 4", "4"},
        {"UPDATE audit_entry SET hash = (SELECT hash FROM audit_entry WHERE number = 5)"
         " WHERE number = 4",
         "4"},
        {"UPDATE audit_entry SET number = 40 WHERE number = 4", "4"},
        {"UPDATE audit_entry SET reason = 'x' WHERE number = 1", "1"},
        {"UPDATE audit_entry SET reason = 'x' WHERE number = 10", "10"},
        /* Moving a letter over the border between two fields. */
        {"UPDATE audit_entry SET actor = 'user:usr_', action = '1gateway.disable'"
         " WHERE number = 4",
         "4"},
    };
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        (void)ten_entries(state);
        found_at(edits[i][1][0] == '1' && edits[i][1][1] == '0' ? 10 : edits[i][1][0] - '0',
                 edits[i][0]);
    }
}

static void a_deletion_is_found(void **state) {
    found_at(4, "DELETE FROM audit_entry WHERE number = 4");
    assert_non_null(strstr(verify().why, "missing"));
    (void)ten_entries(state);
    found_at(1, "DELETE FROM audit_entry WHERE number = 1");
}

static void a_deletion_that_closes_the_gap_is_found(void **state) {
    assert_int_equal(engine_exec(&engine, "DELETE FROM audit_entry WHERE number = 4"), 1);
    assert_int_equal(
        engine_exec(&engine, "UPDATE audit_entry SET number = -number WHERE number > 4"), 6);
    assert_int_equal(
        engine_exec(&engine, "UPDATE audit_entry SET number = -number - 1 WHERE number < 0"), 6);
    assert_int_equal(verify().broken_number, 4);
}

static void an_insertion_is_found(void **state) {
    found_at(11, "INSERT INTO audit_entry SELECT 11, id, at_us, actor, action, subject, reason,"
                 " detail, hash FROM audit_entry WHERE number = 10");
    (void)ten_entries(state);
    found_at(1, "INSERT INTO audit_entry SELECT 0, id, at_us, actor, action, subject, reason,"
                " detail, hash FROM audit_entry WHERE number = 1");
    assert_non_null(strstr(verify().why, "below the first"));
}

static void a_well_made_entry_behind_the_head_is_found(void **state) {
    append(1);
    found_at(11, "UPDATE audit_head SET number = 10,"
                 " hash = (SELECT hash FROM audit_entry WHERE number = 10)");
}

static void a_cut_tail_is_found(void **state) {
    found_at(8, "DELETE FROM audit_entry WHERE number >= 8");
    (void)ten_entries(state);
    found_at(1, "DELETE FROM audit_entry");
}

static void an_altered_or_missing_head_is_found(void **state) {
    found_at(10, "UPDATE audit_head SET hash = 'f' || hash");
    (void)ten_entries(state);
    found_at(10, "DELETE FROM audit_head");
    struct err err = {0};
    assert_int_equal(store_write(engine.store, append_fn, (void *)"x", &err), -ERR_STORE_CORRUPT);
}

static int append_and_fail_fn(struct store_tx *tx, void *ctx, struct err *err) {
    int result = append_fn(tx, ctx, err);
    return result != 0 ? result : err_set(err, ERR_STATE, "changed its mind");
}

static void an_entry_goes_with_its_transaction(void **state) {
    struct err err = {0};
    append(1);
    assert_int_equal(store_write(engine.store, append_and_fail_fn, (void *)"x", &err), -ERR_STATE);
    append(1);
    assert_int_equal(verify().entries, 2);
    assert_int_equal(verify().broken_number, 0);
}

static int append_long_fn(struct store_tx *tx, void *ctx, struct err *err) {
    return audit_append(tx, "cli", "x", "x", ctx, "{}", err);
}

static void what_is_too_long_or_no_text_is_refused(void **state) {
    static char reason[2002];
    struct err err = {0};
    memset(reason, 'r', 2001);
    assert_int_equal(store_write(engine.store, append_long_fn, reason, &err), -ERR_VALIDATION);
    reason[2000] = '\0';
    assert_int_equal(store_write(engine.store, append_long_fn, reason, &err), 0);
    int result = store_write(engine.store, append_long_fn, (void *)"\xff", &err);
    assert_int_equal(result, -ERR_VALIDATION);
    assert_int_equal(verify().entries, 1);
}

enum { TASKS = 4, APPENDS = 50 };

static void append_many(void *arg) {
    struct err err;
    for (int i = 0; i < APPENDS; i++) {
        int result = store_write(engine.store, append_fn, arg, &err);
        INVARIANT(result == 0, "appending works beside others");
    }
}

static void entries_of_concurrent_transactions_make_one_chain(void **state) {
    struct task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = task_start("appender", 0, append_many, (void *)"gateway:paypal");
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
    }
    struct audit_verdict verdict = verify();
    assert_int_equal(verdict.entries, TASKS * APPENDS);
    assert_int_equal(verdict.broken_number, 0);
}

#define EMPTY(name) cmocka_unit_test_setup(name, forget)
#define TEN(name) cmocka_unit_test_setup(name, ten_entries)
int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        EMPTY(an_empty_chain_is_whole),
        EMPTY(a_chain_longer_than_a_page_is_whole),
        EMPTY(a_hash_is_what_the_manual_says),
        EMPTY(an_edit_of_any_column_is_found),
        TEN(a_deletion_is_found),
        TEN(a_deletion_that_closes_the_gap_is_found),
        TEN(an_insertion_is_found),
        TEN(a_well_made_entry_behind_the_head_is_found),
        TEN(a_cut_tail_is_found),
        TEN(an_altered_or_missing_head_is_found),
        EMPTY(an_entry_goes_with_its_transaction),
        EMPTY(what_is_too_long_or_no_text_is_refused),
        EMPTY(entries_of_concurrent_transactions_make_one_chain),
    };
    return engine_run("audit", tests, COUNT_OF(tests), &engine);
}
