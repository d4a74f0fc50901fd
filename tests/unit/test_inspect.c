/* SPDX-License-Identifier: Apache-2.0
 * test_inspect.c: slow statements, open transactions and locks as people are shown them, on both
 * engines. */
#include "things_fixture.h"

#include "base/clock.h"
#include "base/task.h"
#include "store/inspect.h"
#include "store/store_record.h"

#define SLOW_SQL "SELECT count(*), 'slow on purpose' FROM thing"
#define TAKE_SQL "UPDATE thing SET number = number + 1 WHERE id = $1"

static struct err err;
static struct inspect_slow slow[INSPECT_ROWS_MAX];
static struct inspect_session sessions[INSPECT_ROWS_MAX];
static struct inspect_lock locks[INSPECT_ROWS_MAX];

static bool is_sqlite(void **state) {
    return store_engine(store_in(state)) == STORE_SQLITE;
}

/* ---- slow statements ---- */

static int slow_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    (void)ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, ret_err, &rows, SLOW_SQL);
    task_sleep_us(2 * RECORD_SLOW_US); /* its cursor is open meanwhile */
    return r;
}

static const struct inspect_slow *find_slow(int count, const char *sql) {
    for (int i = 0; i < count; i++) {
        if (!slow[i].of_server && strcmp(slow[i].query, sql) == 0) {
            return &slow[i];
        }
    }
    return NULL;
}

static void a_statement_that_took_long_is_told_of_with_its_times(void **state) {
    struct store *store = store_in(state);
    struct inspect_note note;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_read(store, slow_fn, NULL, &err), 0);
    }
    int count = inspect_slow(store, 0, slow, INSPECT_ROWS_MAX, &note, &err);
    const struct inspect_slow *found = find_slow(count, SLOW_SQL);
    assert_non_null(found);
    assert_int_equal(found->calls, 2);
    assert_true(found->mean_us >= 2 * RECORD_SLOW_US && found->max_us >= found->mean_us);
    assert_true(found->last_us > 0);
    assert_null(find_slow(
        inspect_slow(store, found->max_us + 1, slow, INSPECT_ROWS_MAX, &note, &err), SLOW_SQL));
}

static void a_server_without_the_extension_says_so_and_ours_are_there(void **state) {
    struct inspect_note note;
    assert_int_equal(store_read(store_in(state), slow_fn, NULL, &err), 0);
    int count = inspect_slow(store_in(state), 0, slow, INSPECT_ROWS_MAX, &note, &err);
    assert_non_null(find_slow(count, SLOW_SQL));
    assert_int_equal(note.text[0] == '\0', is_sqlite(state));
    /* There, but not loaded: PostgreSQL refuses to read it. */
    if (!is_sqlite(state)) {
        test_store_exec(store_in(state), "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        count = inspect_slow(store_in(state), 0, slow, INSPECT_ROWS_MAX, &note, &err);
        assert_non_null(find_slow(count, SLOW_SQL));
    }
}

static void the_record_keeps_the_newest_slow_ones_when_it_is_full(void **state) {
    (void)state;
    static const char texts[2 * RECORD_SLOW_MAX][2];
    static struct record record;
    record_init(&record);
    for (int i = 0; i < 2 * RECORD_SLOW_MAX; i++) {
        record_slow(&record, texts[i], RECORD_SLOW_US);
        record.slow[i % RECORD_SLOW_MAX].last_us = i + 1;
    }
    assert_int_equal(record.slow_count, RECORD_SLOW_MAX);
    for (int i = 0; i < RECORD_SLOW_MAX; i++) {
        assert_ptr_equal(record.slow[i].sql, texts[RECORD_SLOW_MAX + i]);
        assert_int_equal(record.slow[i].calls, 1);
    }
    record_release(&record);
}

static void more_runs_than_there_is_room_for_are_not_kept_and_do_no_harm(void **state) {
    (void)state;
    static struct record record;
    struct record_run *runs[RECORD_RUNS_MAX];
    record_init(&record);
    for (int i = 0; i < RECORD_RUNS_MAX; i++) {
        runs[i] = record_begin(&record, true);
        assert_non_null(runs[i]);
    }
    assert_null(record_begin(&record, true));
    record_end(NULL);
    assert_true(record_statement(NULL, "SELECT 1") > 0);
    record_end(runs[7]);
    assert_ptr_equal(record_begin(&record, false), runs[7]);
    record_release(&record);
}

/* ---- who works, who waits ---- */

/* A task whose transaction holds the row "a" until it is let go. */
struct holder {
    struct store *store;
    struct latch inside, go;
    struct task *task;
    int result;
};

static int hold_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct holder *holder = ctx;
    int64_t changed = sql_exec(tx, ret_err, TAKE_SQL, S_TEXT("a"));
    latch_open(&holder->inside);
    latch_pass(&holder->go);
    return changed < 0 ? (int)changed : 0;
}

static void hold(void *arg) {
    struct holder *holder = arg;
    struct err ignored;
    holder->result = store_write(holder->store, hold_fn, holder, &ignored);
}

static void holder_start(struct holder *holder, struct store *store) {
    assert_int_equal(store_write(store, insert_fn, "a", &err), 0);
    *holder = (struct holder){.store = store};
    latch_init(&holder->inside);
    latch_init(&holder->go);
    holder->task = task_start("holder", 0, hold, holder);
    assert_non_null(holder->task);
    latch_pass(&holder->inside);
}

static void holder_end(struct holder *holder) {
    latch_open(&holder->go);
    task_join(holder->task);
    latch_free(&holder->inside);
    latch_free(&holder->go);
    assert_int_equal(holder->result, 0);
}

static void an_open_transaction_is_seen_with_its_statement(void **state) {
    struct holder holder;
    holder_start(&holder, store_in(state));
    int count = inspect_long(store_in(state), sessions, INSPECT_ROWS_MAX, &err);
    holder_end(&holder);
    assert_int_equal(count, 1);
    assert_string_equal(sessions[0].query, TAKE_SQL);
    assert_true(sessions[0].open_us >= 0);
    if (is_sqlite(state)) {
        assert_string_equal(sessions[0].state, "writing");
    } else {
        assert_true(sessions[0].pid > 0);
        assert_string_equal(sessions[0].state, "idle in transaction");
    }
    /* The end of a read is not waited for, not even of the one that looked. */
    while (inspect_long(store_in(state), sessions, INSPECT_ROWS_MAX, &err) != 0) {
        task_sleep_us(US_PER_MS);
    }
}

static int take_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    (void)ctx;
    int64_t changed = sql_exec(tx, ret_err, TAKE_SQL, S_TEXT("a"));
    return changed < 0 ? (int)changed : 0;
}

static void wait_for_it(void *arg) {
    struct err ignored;
    assert_int_equal(store_write(arg, take_fn, NULL, &ignored), 0);
}

static int waiting(struct store *store, struct inspect_lock *ret_waits,
                   struct inspect_lock *ret_holds) {
    int found = 0, count = inspect_locks(store, false, locks, INSPECT_ROWS_MAX, &err);
    for (int i = 0; i < count; i++) {
        *(locks[i].granted ? ret_holds : ret_waits) = locks[i];
        found += locks[i].granted ? 0 : 1;
    }
    return found;
}

static void who_waits_is_seen_and_behind_whom(void **state) {
    struct store *store = store_in(state);
    struct holder holder;
    struct inspect_lock waits = {0}, holds = {0};
    holder_start(&holder, store);
    assert_int_equal(waiting(store, &waits, &holds), 0);
    struct task *second = task_start("second", 0, wait_for_it, store);
    assert_non_null(second);
    while (waiting(store, &waits, &holds) == 0) {
        task_sleep_us(US_PER_MS);
    }
    holder_end(&holder);
    task_join(second);
    assert_int_equal(waits.count, 1);
    if (is_sqlite(state)) {
        assert_string_equal(waits.subject, "writer");
        assert_string_equal(holds.query, TAKE_SQL);
    } else {
        char holder_pid[INSPECT_WORD_BYTES];
        snprintf(holder_pid, sizeof holder_pid, "%lld", (long long)holds.pid);
        assert_string_equal(waits.blocked_by, holder_pid);
        assert_string_equal(waits.query, TAKE_SQL);
        assert_true(waits.waiting_us >= 0);
    }
    assert_int_equal(inspect_locks(store, false, locks, INSPECT_ROWS_MAX, &err), 0);
}

/* ---- other people's sessions ---- */

static int typed_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, ret_err, &rows, "SELECT 'sk_live_typed_by_hand' FROM pg_class");
    struct holder *holder = ctx;
    latch_open(&holder->inside);
    latch_pass(&holder->go);
    return r;
}

static void typed(void *arg) {
    struct holder *holder = arg;
    struct err ignored;
    holder->result = store_read(holder->store, typed_fn, holder, &ignored);
}

static void what_a_person_typed_is_not_shown_beyond_its_first_word(void **state) {
    struct test_store *test = *state;
    char url[TEST_PG_URL_MAX + 32];
    struct store *other = NULL;
    snprintf(url, sizeof url, "%s%capplication_name=psql", test->url,
             strchr(test->url, '?') != NULL ? '&' : '?');
    assert_int_equal(store_open(&(struct store_options){.url = url}, &other, &err), 0);
    struct holder holder = {.store = other};
    latch_init(&holder.inside);
    latch_init(&holder.go);
    holder.task = task_start("person", 0, typed, &holder);
    assert_non_null(holder.task);
    latch_pass(&holder.inside);
    int count = inspect_long(test->store, sessions, INSPECT_ROWS_MAX, &err);
    holder_end(&holder);
    store_close(other);
    assert_int_equal(count, 1);
    assert_non_null(strstr(sessions[0].who, "@psql"));
    assert_string_equal(sessions[0].query, "SELECT");
}

int main(void) {
    static enum store_engine sqlite = STORE_SQLITE, postgres = STORE_POSTGRES;
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_statement_that_took_long_is_told_of_with_its_times),
        ON_BOTH(a_server_without_the_extension_says_so_and_ours_are_there),
        ON_BOTH(an_open_transaction_is_seen_with_its_statement),
        ON_BOTH(who_waits_is_seen_and_behind_whom),
        ON(postgres, what_a_person_typed_is_not_shown_beyond_its_first_word),
        cmocka_unit_test(the_record_keeps_the_newest_slow_ones_when_it_is_full),
        cmocka_unit_test(more_runs_than_there_is_room_for_are_not_kept_and_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
