/* SPDX-License-Identifier: Apache-2.0
 * test_store.c: what store.h promises of one transaction, on both engines: its end, counts, values,
 * cursors, reads. Many at once: test_store_many.c. What only one engine does is in
 * test_store_sqlite.c and test_store_postgres.c. */
#include "things_fixture.h"

static struct err err;

/* --- One transaction -------------------------------------------------------------------------- */

static void a_write_that_returned_0_is_seen_by_the_next_read(void **state) {
    struct store *store = store_in(state);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%d", i);
        assert_int_equal(store_write(store, insert_fn, id, &err), 0);
        assert_int_equal(things(store), i + 1);
    }
}

static int insert_then_refuse(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = insert(tx, ctx, ret_err);
    return result < 0 ? result : err_set(ret_err, ERR_AMOUNT, "too much");
}

static void a_negative_result_rolls_back_and_is_returned_as_it_is(void **state) {
    assert_int_equal(store_write(store_in(state), insert_then_refuse, "a", &err), -ERR_AMOUNT);
    assert_string_equal(err.detail, "too much");
    assert_int_equal(things(store_in(state)), 0);
}

static int positive_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int result = insert(tx, ctx, ret_err);
    return result < 0 ? result : 7;
}

static void a_positive_result_commits_and_store_write_returns_0(void **state) {
    assert_int_equal(store_write(store_in(state), positive_fn, "a", &err), 0);
    assert_int_equal(things(store_in(state)), 1);
}

static void a_transaction_knows_its_store_and_may_do_nothing(void **state) {
    struct store *seen = NULL;
    assert_int_equal(store_write(store_in(state), nothing_fn, &seen, &err), 0);
    assert_ptr_equal(seen, store_in(state));
    assert_int_equal(store_read(store_in(state), nothing_fn, &seen, &err), 0);
}

static void a_second_row_with_the_same_key_exists(void **state) {
    assert_int_equal(store_write(store_in(state), insert_fn, "a", &err), 0);
    assert_int_equal(store_write(store_in(state), insert_fn, "a", &err), -ERR_EXISTS);
    assert_int_not_equal(err.place[0], '\0');
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(things(store_in(state)), 1);
}

static int swallow_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct err ignored;
    int result = insert(tx, "new", ret_err);
    if (result == 0) {
        result = (int)sql_exec(tx, &ignored, "INSERT INTO thing (id) VALUES ($1)", S_TEXT("a"));
        ((int *)ctx)[0] = result;
        result = (int)sql_exec(tx, &ignored, "INSERT INTO thing (id) VALUES ($1)", S_TEXT("b"));
        ((int *)ctx)[1] = result;
    }
    return 0;
}

static void after_a_failed_call_the_transaction_is_only_good_for_rollback(void **state) {
    int inner[2] = {0};
    assert_int_equal(store_write(store_in(state), insert_fn, "a", &err), 0);
    assert_int_equal(store_write(store_in(state), swallow_fn, inner, &err), -ERR_EXISTS);
    assert_int_equal(inner[0], -ERR_EXISTS);
    assert_int_equal(inner[1], -ERR_EXISTS);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(things(store_in(state)), 1);
}

/* What a sql_put_one() may be asked to do, with "a" and "b" there and nothing else. */
static const struct {
    const char *sql;
    bool one;
} ones[] = {
    {"SELECT 1 FROM thing WHERE id = 'a' FOR UPDATE", true},
    {"SELECT 1 FROM thing WHERE id = 'x' FOR UPDATE", false},
    {"SELECT 1 FROM thing", false},
    {"UPDATE thing SET note = 'n' WHERE id = 'a'", true},
    {"UPDATE thing SET note = 'n' WHERE id = 'x'", false},
    {"UPDATE thing SET note = 'n'", false},
    {"INSERT INTO thing (id) VALUES ('c') ON CONFLICT (id) DO NOTHING", true},
    {"INSERT INTO thing (id) VALUES ('a') ON CONFLICT (id) DO NOTHING", false},
};

struct one_row {
    const char *sql;
    bool last; /* nothing comes after it but the commit */
    int again; /* what the call after it said */
};

static int one_row_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct one_row *one = ctx;
    int result = 0;
    if (one->last) { /* an answer first, so that the commit has nothing else to wait for */
        result = (int)sql_exec(tx, ret_err, "UPDATE thing SET number = 9 WHERE id = 'b'");
        result = result < 0 ? result : insert(tx, "beside", ret_err);
    }
    /* Not looked at: whoever sends ahead need not, the commit must not happen anyway. */
    int put = sql_put_one_args(tx, ret_err, one->sql, NULL, 0);
    if (!one->last) {
        one->again = (int)sql_exec(tx, ret_err, "UPDATE thing SET number = 9 WHERE id = 'b'");
        result = insert(tx, "beside", ret_err);
    }
    return put < 0 || result >= 0 ? 0 : result;
}

static void
a_statement_that_must_meet_one_row_and_does_not_lets_nothing_be_committed(void **state) {
    struct store *store = store_in(state);
    for (size_t i = 0; i < 2 * COUNT_OF(ones); i++) {
        struct one_row one = {.sql = ones[i / 2].sql, .last = i % 2 == 0};
        test_store_exec(store, "DELETE FROM thing");
        assert_int_equal(store_write(store, insert_fn, "a", &err), 0);
        assert_int_equal(store_write(store, insert_fn, "b", &err), 0);
        int result = store_write(store, one_row_fn, &one, &err);
        assert_int_equal(result, ones[i / 2].one ? 0 : -ERR_STATE);
        assert_true(one.last || (one.again == 1) == ones[i / 2].one);
        int64_t left = test_store_int(store, "SELECT count(*) FROM thing WHERE id = 'beside'");
        assert_int_equal(left, ones[i / 2].one ? 1 : 0);
    }
}

static int bad_sql_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return (int)sql_exec_args(tx, ret_err, ctx, NULL, 0);
}

static void a_statement_that_is_wrong_is_a_store_error_and_the_next_one_works(void **state) {
    static const char *const wrong[] = {"SELEC 1", "SELECT * FROM nowhere", "INSERT INTO thing",
                                        "SELECT $1", ""};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        void *sql = (void *)(intptr_t)wrong[i];
        assert_int_equal(store_write(store_in(state), bad_sql_fn, sql, &err), -ERR_STORE);
        assert_int_equal(things(store_in(state)), 0);
    }
    assert_int_equal(store_write(store_in(state), insert_fn, "a", &err), 0);
}

static int null_into_not_null(struct store_tx *tx, void *ctx, struct err *ret_err) {
    return (int)sql_exec(tx, ret_err, "INSERT INTO strict_thing (id, n) VALUES ($1, $2)",
                         S_TEXT("secret-value"), S_INT(*(int64_t *)ctx));
}

static void another_rule_of_the_schema_is_store_corrupt_and_no_value_is_quoted(void **state) {
    int64_t number = -5;
    test_store_exec(store_in(state), "CREATE TABLE strict_thing (id text NOT NULL,"
                                     " n bigint NOT NULL CHECK (n >= 0))");
    assert_int_equal(store_write(store_in(state), null_into_not_null, &number, &err),
                     -ERR_STORE_CORRUPT);
    assert_null(strstr(err.detail, "secret-value"));
}

/* --- Counts ----------------------------------------------------------------------------------- */

static int counts_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    static const char *const steps[] = {
        "INSERT INTO thing (id, number) VALUES ('a', 1), ('b', 1), ('c', 1)",
        "UPDATE thing SET number = 2 WHERE number = 1",
        "UPDATE thing SET number = 3 WHERE number = 1",
        "INSERT INTO thing (id) VALUES ('a') ON CONFLICT (id) DO NOTHING",
        "INSERT INTO thing (id) VALUES ('a') ON CONFLICT (id) DO UPDATE SET number = 9",
        "SELECT * FROM thing",
        "DELETE FROM thing WHERE id IN ('a', 'b') RETURNING id",
        "CREATE TABLE other (id text)",
    };
    static_assert(COUNT_OF(steps) == 8, "the caller has room for each");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        ((int64_t *)ctx)[i] = sql_exec_args(tx, ret_err, steps[i], NULL, 0);
    }
    return 0;
}

static void exec_returns_the_number_of_rows_changed(void **state) {
    int64_t counts[8];
    static const int64_t wanted[8] = {3, 3, 0, 0, 1, 0, 2, 0};
    assert_int_equal(store_write(store_in(state), counts_fn, counts, &err), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(counts[i], wanted[i]);
    }
}

/* --- Values ----------------------------------------------------------------------------------- */

struct value {
    const char *text;
    int64_t number;
    double real;
    bool same, null_seen;
};

static int value_write(struct store_tx *tx, void *ctx, struct err *ret_err) {
    const struct value *value = ctx;
    int64_t result = sql_exec(
        tx, ret_err, "INSERT INTO thing (id, number, ratio, note) VALUES ($4, $2, $3, $1)",
        S_TEXT(value->text), S_INT(value->number), S_REAL(value->real), S_TEXT("v"));
    return result < 0 ? (int)result : 0;
}

static int value_read(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct value *value = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows,
                           "SELECT note, number, ratio FROM thing WHERE number = $1 AND id = $2",
                           S_INT(value->number), S_TEXT("v"));
    if (result < 0 || (result = sql_next(rows, ret_err)) < 0) {
        return result;
    }
    const char *text = result == 1 ? sql_text(rows, 0) : "(no row)";
    value->null_seen = result == 1 && sql_null(rows, 0);
    value->same = (text == NULL ? value->text == NULL
                                : value->text != NULL && strcmp(text, value->text) == 0) &&
                  sql_int(rows, 1) == value->number && sql_real(rows, 2) == value->real;
    return 0;
}

static void text_numbers_and_null_come_back_as_they_went(void **state) {
    static char long_text[300001];
    memset(long_text, 'x', sizeof(long_text) - 1);
    struct value values[] = {
        {"plain", 0, 0.0, false, false},
        {"", INT64_MAX, 0.1, false, false},
        {NULL, INT64_MIN, -1e300, false, false},
        {"it's \"quoted\" \\ $1 ?1 %s -- ;", -1, 1.0 / 3, false, false},
        {"支付 — Grüße — 😀", 4503599627370497, 5e-324, false, false},
        {"line\nbreak\ttab\x01", 1, 1234567.25, false, false},
        {long_text, 2, -0.5, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_int_equal(store_write(store_in(state), value_write, &values[i], &err), 0);
        assert_int_equal(store_read(store_in(state), value_read, &values[i], &err), 0);
        assert_true(values[i].same);
        assert_int_equal(values[i].null_seen, values[i].text == NULL);
        test_store_exec(store_in(state), "DELETE FROM thing");
    }
}

static void text_that_is_not_utf8_is_refused_by_both_engines(void **state) {
    static const char *const wrong[] = {"\xff", "abc\xc3", "\xed\xa0\x80", "\xc0\xaf"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct value value = {.text = wrong[i]};
        assert_int_equal(store_write(store_in(state), value_write, &value, &err), -ERR_VALIDATION);
    }
    assert_int_equal(things(store_in(state)), 0);
}

static int null_args(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t changed = sql_exec(tx, ret_err,
                               "INSERT INTO thing (id, number, note) VALUES ($1, $2, $3)",
                               S_TEXT("n"), S_NULL, S_NULL);
    int result = changed < 0 ? (int)changed
                             : sql_query(tx, ret_err, &rows, "SELECT number, note FROM thing");
    if (result == 0 && (result = sql_next(rows, ret_err)) == 1) {
        *(bool *)ctx = sql_null(rows, 0) && sql_null(rows, 1) && sql_int(rows, 0) == 0 &&
                       sql_text(rows, 1) == NULL && sql_real(rows, 0) == 0.0;
    }
    return result < 0 ? result : 0;
}

static void null_reads_as_null_zero_and_no_text(void **state) {
    bool good = false;
    assert_int_equal(store_write(store_in(state), null_args, &good, &err), 0);
    assert_true(good);
}

/* --- Cursors ---------------------------------------------------------------------------------- */

static int nested_cursors(struct store_tx *tx, void *ctx, struct err *ret_err) {
    static const char sql[] = "SELECT id, number FROM thing WHERE number < $1 ORDER BY number";
    int64_t *pairs = ctx;
    SQL_ROWS_AUTO outer = NULL;
    int result = sql_query(tx, ret_err, &outer, sql, S_INT(30));
    while (result == 0 && (result = sql_next(outer, ret_err)) == 1) {
        SQL_ROWS_AUTO inner = NULL;
        result = sql_query(tx, ret_err, &inner, sql, S_INT(sql_int(outer, 1)));
        while (result == 0 && (result = sql_next(inner, ret_err)) == 1) {
            *pairs += strcmp(sql_text(inner, 0), sql_text(outer, 0)) != 0 ? 1 : 0;
            result = 0;
        }
        if (result == 0) {
            result = sql_next(inner, ret_err); /* past the end: still the end */
        }
    }
    return result;
}

static void a_statement_may_run_again_inside_its_own_cursor(void **state) {
    int rows = 40;
    int64_t pairs = 0;
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), 0);
    assert_int_equal(store_write(store_in(state), nested_cursors, &pairs, &err), 0);
    assert_int_equal(pairs, 30 * 29 / 2);
    assert_int_equal(store_read(store_in(state), nested_cursors, &pairs, &err), 0);
    assert_int_equal(pairs, 30 * 29);
}

static void a_thousand_puts_are_one_transaction(void **state) {
    int rows = 1000;
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), 0);
    assert_int_equal(things(store_in(state)), 1000);
    /* Again: the first collides, long before the last is sent. */
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), -ERR_EXISTS);
    test_store_exec(store_in(state), "DELETE FROM thing WHERE number < 999");
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), -ERR_EXISTS);
    assert_int_equal(things(store_in(state)), 1);
}

static int returning_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows,
                           "INSERT INTO thing (id, number) VALUES ($1, $2) RETURNING number",
                           S_TEXT("r"), S_INT(77));
    if (result == 0 && *(bool *)ctx) {
        result = sql_next(rows, ret_err);
        return result == 1 && sql_int(rows, 0) == 77 ? 0 : -ERR_INTERNAL;
    }
    return result;
}

static void an_insert_with_returning_happens_also_when_nobody_reads_it(void **state) {
    bool read_it = false;
    assert_int_equal(store_write(store_in(state), returning_fn, &read_it, &err), 0);
    assert_int_equal(things(store_in(state)), 1);
    test_store_exec(store_in(state), "DELETE FROM thing");
    read_it = true;
    assert_int_equal(store_write(store_in(state), returning_fn, &read_it, &err), 0);
}

static int same_address_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    char sql[80];
    int64_t total = 0;
    for (int i = 0; i < 5; i++) {
        SQL_ROWS_AUTO rows = NULL;
        snprintf(sql, sizeof(sql), "SELECT %d", 1 << i);
        int result = sql_query_args(tx, ret_err, &rows, sql, NULL, 0);
        if (result < 0 || (result = sql_next(rows, ret_err)) < 0) {
            return result;
        }
        total += sql_int(rows, 0);
    }
    *(int64_t *)ctx = total;
    return 0;
}

static void another_text_at_the_same_address_is_another_statement(void **state) {
    int64_t total = 0;
    assert_int_equal(store_write(store_in(state), same_address_fn, &total, &err), 0);
    assert_int_equal(total, 31);
    assert_int_equal(store_read(store_in(state), same_address_fn, &total, &err), 0);
    assert_int_equal(total, 31);
}

/* --- Reads ------------------------------------------------------------------------------------ */

struct snapshot {
    struct store *store;
    int64_t before, after;
    int write_result;
};

static int snapshot_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct snapshot *snapshot = ctx;
    struct err write_err;
    int result = count_into(tx, &snapshot->before, ret_err);
    if (result == 0) {
        snapshot->write_result = store_write(snapshot->store, insert_fn, "meanwhile", &write_err);
        result = count_into(tx, &snapshot->after, ret_err);
    }
    return result;
}

static void a_read_sees_one_moment_whatever_is_written_meanwhile(void **state) {
    struct snapshot snapshot = {.store = store_in(state), .after = -1};
    assert_int_equal(store_read(snapshot.store, snapshot_fn, &snapshot, &err), 0);
    assert_int_equal(snapshot.write_result, 0);
    assert_int_equal(snapshot.before, 0);
    assert_int_equal(snapshot.after, 0);
    assert_int_equal(things(snapshot.store), 1);
}

static void a_read_cannot_write(void **state) {
    assert_int_equal(store_read(store_in(state), insert_then_refuse, "a", &err) < 0, 1);
    assert_int_equal(things(store_in(state)), 0);
    assert_int_equal(store_write(store_in(state), insert_fn, "a", &err), 0);
}

static void an_url_that_names_no_engine_is_refused(void **state) {
    static const char *const urls[] = {NULL,
                                       "",
                                       "mysql://localhost/x",
                                       "sqlite:",
                                       "sqlite::memory:",
                                       "holdfast.db",
                                       "sqlite:file:x?mode=memory"};
    struct store *store = NULL;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct store_options options = {.url = urls[i]};
        assert_int_equal(store_open(&options, &store, &err), -ERR_CONFIG);
        assert_null(store);
    }
}

int main(void) {
    static enum store_engine sqlite = STORE_SQLITE, postgres = STORE_POSTGRES;
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_write_that_returned_0_is_seen_by_the_next_read),
        ON_BOTH(a_negative_result_rolls_back_and_is_returned_as_it_is),
        ON_BOTH(a_positive_result_commits_and_store_write_returns_0),
        ON_BOTH(a_transaction_knows_its_store_and_may_do_nothing),
        ON_BOTH(a_second_row_with_the_same_key_exists),
        ON_BOTH(after_a_failed_call_the_transaction_is_only_good_for_rollback),
        ON_BOTH(a_statement_that_must_meet_one_row_and_does_not_lets_nothing_be_committed),
        ON_BOTH(a_statement_that_is_wrong_is_a_store_error_and_the_next_one_works),
        ON_BOTH(another_rule_of_the_schema_is_store_corrupt_and_no_value_is_quoted),
        ON_BOTH(exec_returns_the_number_of_rows_changed),
        ON_BOTH(text_numbers_and_null_come_back_as_they_went),
        ON_BOTH(text_that_is_not_utf8_is_refused_by_both_engines),
        ON_BOTH(null_reads_as_null_zero_and_no_text),
        ON_BOTH(a_statement_may_run_again_inside_its_own_cursor),
        ON_BOTH(a_thousand_puts_are_one_transaction),
        ON_BOTH(an_insert_with_returning_happens_also_when_nobody_reads_it),
        ON_BOTH(another_text_at_the_same_address_is_another_statement),
        ON_BOTH(a_read_sees_one_moment_whatever_is_written_meanwhile),
        ON_BOTH(a_read_cannot_write),
        cmocka_unit_test(an_url_that_names_no_engine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
