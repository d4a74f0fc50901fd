/* SPDX-License-Identifier: Apache-2.0
 * test_store_many.c: what store.h promises of many transactions, on both engines: locks, those that
 * fail beside others, what happens after a commit, faults, closing and refreshing, figures. */
#include "things_fixture.h"

#include "base/clock.h"
#include "base/task.h"

enum { TASKS = 24 };

static struct err err;

/* Waits for a condition that another task brings about. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        while (!(condition)) {                                                                     \
            task_sleep_us(500);                                                                    \
        }                                                                                          \
    } while (0)

/* --- Locks ------------------------------------------------------------------------------------ */

static int leased_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows,
                           "SELECT id FROM thing WHERE note IS NULL AND id <> ' FOR UPDATE'"
                           " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED");
    if (result < 0 || (result = sql_next(rows, ret_err)) <= 0) {
        return result;
    }
    snprintf(ctx, 16, "%s", sql_text(rows, 0));
    return sql_put(tx, ret_err, "UPDATE thing SET note = 'taken' WHERE id = $1",
                   S_TEXT(sql_text(rows, 0)));
}

struct lease {
    struct store *store;
    char id[16];
    int result;
};

static void lease_main(void *arg) {
    struct lease *lease = arg;
    struct err own;
    lease->result = store_write(lease->store, leased_fn, lease->id, &own);
}

static void skip_locked_never_gives_a_row_twice(void **state) {
    int rows = 200;
    struct lease leases[TASKS] = {0};
    struct task *tasks[TASKS];
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), 0);
    for (int i = 0; i < TASKS; i++) {
        leases[i].store = store_in(state);
        tasks[i] = task_start("lease", 0, lease_main, &leases[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(leases[i].result, 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(leases[i].id, leases[j].id);
        }
    }
    assert_int_equal(
        test_store_int(store_in(state), "SELECT count(*) FROM thing WHERE note = 'taken'"), TASKS);
}

static int increment_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, ret_err, &rows, "SELECT number FROM thing WHERE id = $1 FOR UPDATE",
                           S_TEXT("t00000"));
    if (result < 0 || (result = sql_next(rows, ret_err)) <= 0) {
        return result;
    }
    return sql_put(tx, ret_err, "UPDATE thing SET number = $1 WHERE id = 't00000'",
                   S_INT(sql_int(rows, 0) + 1));
}

static void increment_main(void *arg) {
    struct lease *lease = arg;
    struct err own;
    for (int i = 0; i < 25 && lease->result == 0; i++) {
        lease->result = store_write(lease->store, increment_fn, NULL, &own);
    }
}

static void a_row_read_for_update_is_not_changed_by_another_before_the_commit(void **state) {
    int rows = 1;
    struct lease leases[TASKS] = {0};
    struct task *tasks[TASKS];
    assert_int_equal(store_write(store_in(state), fill_fn, &rows, &err), 0);
    for (int i = 0; i < TASKS; i++) {
        leases[i].store = store_in(state);
        tasks[i] = task_start("increment", 0, increment_main, &leases[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(leases[i].result, 0);
    }
    assert_int_equal(test_store_int(store_in(state), "SELECT number FROM thing"), TASKS * 25);
}

/* --- Many at once ----------------------------------------------------------------------------- */

struct caller {
    struct store *store;
    int number, result, wrong;
    int told; /* by its own task, so without a lock */
};

/* What stands here is a copy: the pointer, not the caller. */
static void tell(void *what) {
    (*(struct caller **)what)->told++;
}

static int caller_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct caller *caller = ctx;
    char id[24];
    snprintf(id, sizeof(id), "c%d", caller->number);
    *(struct caller **)store_after(tx, tell, sizeof(caller)) = caller;
    int result = insert(tx, id, ret_err);
    if (result < 0 || caller->number % 3 != 0) {
        return result;
    }
    /* Every third fails after it has written: by itself, by a broken rule, by a wrong statement. */
    if (caller->number % 9 == 0) {
        return err_set(ret_err, ERR_STATE, "refused");
    }
    if (caller->number % 9 == 3) {
        return insert(tx, id, ret_err);
    }
    return (int)sql_exec(tx, ret_err, "SELECT * FROM nowhere");
}

static int caller_wanted(int number) {
    static const int failures[] = {-ERR_STATE, -ERR_EXISTS, -ERR_STORE};
    return number % 3 != 0 ? 0 : failures[number % 9 / 3];
}

static void caller_main(void *arg) {
    struct caller *caller = arg;
    struct err own;
    for (int i = 0; i < 40; i++, caller->number++) {
        caller->result = store_write(caller->store, caller_fn, caller, &own);
        caller->wrong += caller->result == caller_wanted(caller->number) ? 0 : 1;
    }
}

static void a_failing_function_does_not_touch_those_beside_it(void **state) {
    struct caller callers[TASKS];
    struct task *tasks[TASKS];
    int64_t wanted = 0, told = 0;
    for (int i = 0; i < TASKS; i++) {
        callers[i] = (struct caller){.store = store_in(state), .number = i * 40};
        tasks[i] = task_start("caller", 0, caller_main, &callers[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(callers[i].wrong, 0);
        told += callers[i].told;
    }
    for (int i = 0; i < TASKS * 40; i++) {
        wanted += i % 3 != 0 ? 1 : 0;
    }
    assert_int_equal(things(store_in(state)), wanted);
    /* On SQLite most have run again because of one beside them. */
    assert_int_equal(told, wanted);
}

/* --- Faults ----------------------------------------------------------------------------------- */

struct fault {
    const char *sql; /* NULL: count calls, fail number `at` */
    int calls, at;
};

static int fault_hook(void *ctx, const char *sql) {
    struct fault *fault = ctx;
    int call = fault->calls++;
    return fault->sql != NULL ? strcmp(sql, fault->sql) == 0 : call == fault->at;
}

static int three_steps(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int64_t count = 0;
    int result = insert(tx, "one", ret_err);
    result = result == 0 ? count_into(tx, &count, ret_err) : result;
    return result == 0 ? insert(tx, "two", ret_err) : result;
}

static void a_fault_at_commit_leaves_nothing(void **state) {
    struct fault fault = {.sql = "COMMIT"};
    store_fault_set(store_in(state), fault_hook, &fault);
    assert_int_equal(store_write(store_in(state), three_steps, NULL, &err), -ERR_STORE);
    store_fault_set(store_in(state), NULL, NULL);
    assert_int_equal(things(store_in(state)), 0);
    assert_int_equal(store_write(store_in(state), three_steps, NULL, &err), 0);
}

static void a_fault_after_commit_is_unknown_and_durable(void **state) {
    struct fault fault = {.sql = "COMMITTED"};
    store_fault_set(store_in(state), fault_hook, &fault);
    assert_int_equal(store_write(store_in(state), three_steps, NULL, &err), -ERR_STORE_UNKNOWN);
    store_fault_set(store_in(state), NULL, NULL);
    assert_int_equal(things(store_in(state)), 2);
}

static void a_fault_at_any_call_is_a_store_error_without_half_effect(void **state) {
    int failed = 0, result;
    do {
        struct fault fault = {.at = failed};
        store_fault_set(store_in(state), fault_hook, &fault);
        result = store_write(store_in(state), three_steps, NULL, &err);
        store_fault_set(store_in(state), NULL, NULL);
        if (result < 0) {
            bool durable = result == -ERR_STORE_UNKNOWN;
            assert_true(durable || result == -ERR_STORE);
            assert_int_equal(things(store_in(state)), durable ? 2 : 0);
            test_store_exec(store_in(state), "DELETE FROM thing");
            failed++;
        }
    } while (result < 0);
    assert_int_equal(failed, 5); /* three statements, COMMIT, COMMITTED */
    assert_int_equal(things(store_in(state)), 2);
}

static void a_fault_in_a_read_is_a_store_error(void **state) {
    struct fault fault = {.at = 0};
    int64_t before = 0;
    struct store_stats stats;
    store_stats(store_in(state), &stats);
    before = stats.failures;
    store_fault_set(store_in(state), fault_hook, &fault);
    assert_int_equal(store_read(store_in(state), three_steps, NULL, &err), -ERR_STORE);
    store_fault_set(store_in(state), NULL, NULL);
    store_stats(store_in(state), &stats);
    assert_int_equal(stats.failures, before + 1);
}

/* --- After the commit ------------------------------------------------------------------------- */

struct said {
    char *text; /* what was said, a character each */
    char letter;
};

static void say(void *what) {
    struct said *said = what;
    said->text[strlen(said->text)] = said->letter;
}

static int say_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    char *text = ctx;
    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct said *said = store_after(tx, say, sizeof(*said));
        assert_null(said->text);
        *said = (struct said){text, letter};
    }
    int result = insert(tx, "one", ret_err);
    text[strlen(text)] = '.'; /* it runs before what it asked for */
    return result;
}

static void what_is_for_after_the_commit_happens_in_order_once_it_is_durable(void **state) {
    char text[16] = "";
    struct fault before = {.sql = "COMMIT"}, after = {.sql = "COMMITTED"};
    store_fault_set(store_in(state), fault_hook, &before);
    assert_int_equal(store_write(store_in(state), say_fn, text, &err), -ERR_STORE);
    assert_string_equal(text, ".");
    store_fault_set(store_in(state), NULL, NULL);
    assert_int_equal(store_write(store_in(state), say_fn, text, &err), 0);
    assert_string_equal(text, "..abc");
    assert_int_equal(store_write(store_in(state), say_fn, text, &err), -ERR_EXISTS);
    assert_string_equal(text, "..abc.");
    test_store_exec(store_in(state), "DELETE FROM thing");
    store_fault_set(store_in(state), fault_hook, &after);
    assert_int_equal(store_write(store_in(state), say_fn, text, &err), -ERR_STORE_UNKNOWN);
    assert_string_equal(text, "..abc..");
}

/* --- Closing, refreshing, figures ------------------------------------------------------------- */

struct gate {
    struct store *store;
    struct lock lock;
    struct cond cond;
    bool inside, open;
    int result;
};

static int gate_fn(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct gate *gate = ctx;
    lock_take(&gate->lock);
    gate->inside = true;
    cond_broadcast(&gate->cond);
    while (!gate->open) {
        cond_wait(&gate->cond, &gate->lock);
    }
    lock_give(&gate->lock);
    return insert(tx, "gate", ret_err);
}

static void gate_main(void *arg) {
    struct gate *gate = arg;
    struct err own;
    gate->result = store_write(gate->store, gate_fn, gate, &own);
}

static struct task *gate_enter(struct gate *gate, struct store *store) {
    *gate = (struct gate){.store = store};
    lock_init(&gate->lock);
    cond_init(&gate->cond);
    struct task *task = task_start("gate", 0, gate_main, gate);
    assert_non_null(task);
    lock_take(&gate->lock);
    while (!gate->inside) {
        cond_wait(&gate->cond, &gate->lock);
    }
    lock_give(&gate->lock);
    return task;
}

static void gate_open(struct gate *gate) {
    lock_take(&gate->lock);
    gate->open = true;
    cond_broadcast(&gate->cond);
    lock_give(&gate->lock);
}

static int waiting_in(struct store *store) {
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.waiting;
}

static void one_caller_main(void *arg) {
    struct caller *caller = arg;
    struct err own;
    caller->result = store_write(caller->store, caller_fn, caller, &own);
}

static void close_main(void *arg) {
    store_close(arg);
}

static void closing_waits_for_everything_that_has_begun(void **state) {
    struct test_store *test = *state;
    struct store_options options = {.pool_max = 1};
    struct gate gate;
    struct caller callers[TASKS];
    struct task *tasks[TASKS];
    test_store_close(test);
    test_store_again(test, &options);
    struct store *store = test->store;
    struct task *holder = gate_enter(&gate, store);
    for (int i = 0; i < TASKS; i++) {
        callers[i] = (struct caller){.store = store, .number = i * 3 + 1, .result = -1};
        tasks[i] = task_start("caller", 0, one_caller_main, &callers[i]);
        assert_non_null(tasks[i]);
    }
    WAIT_UNTIL(waiting_in(store) == TASKS);
    struct task *closer = task_start("closer", 0, close_main, store);
    assert_non_null(closer);
    gate_open(&gate);
    task_join(closer);
    task_join(holder);
    assert_int_equal(gate.result, 0);
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
        assert_int_equal(callers[i].result, 0);
    }
    test_store_again(test, NULL);
    assert_int_equal(things(test->store), TASKS + 1);
}

/* A call of the store from inside a transaction of the same store. */
struct inner {
    struct store *store;
    int64_t count;
    int result;
};

static int inner_read(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct inner *inner = ctx;
    struct err own;
    inner->result = store_read(inner->store, nothing_fn, &inner->store, &own);
    return count_into(tx, &inner->count, ret_err);
}

static void a_connection_that_does_not_become_free_in_time_is_a_store_error(void **state) {
    struct test_store *test = *state;
    struct store_options options = {.pool_max = 1, .busy_timeout_us = 20 * US_PER_MS};
    test_store_close(test);
    test_store_again(test, &options);
    struct inner inner = {.store = test->store};
    assert_int_equal(store_read(test->store, inner_read, &inner, &err), 0);
    assert_int_equal(inner.result, -ERR_STORE);
    assert_int_equal(things(test->store), 0);
}

static int inner_ping(struct store_tx *tx, void *ctx, struct err *ret_err) {
    struct inner *inner = ctx;
    struct err own;
    inner->result = store_ping(inner->store, 20 * US_PER_MS, &own);
    return count_into(tx, &inner->count, ret_err);
}

/* With the store's own patience it would take an hour. */
static void a_ping_waits_for_a_connection_no_longer_than_it_was_told(void **state) {
    struct test_store *test = *state;
    struct store_options options = {.pool_max = 1, .busy_timeout_us = 3600 * US_PER_SECOND};
    test_store_close(test);
    test_store_again(test, &options);
    struct inner inner = {.store = test->store};
    assert_int_equal(store_read(test->store, inner_ping, &inner, &err), 0);
    assert_int_equal(inner.result, -ERR_STORE);
    assert_int_equal(store_ping(test->store, 60 * US_PER_SECOND, &err), 0);
    struct fault fault = {.at = 0};
    store_fault_set(test->store, fault_hook, &fault);
    assert_int_equal(store_ping(test->store, 60 * US_PER_SECOND, &err), -ERR_STORE);
}

static void refresh_drops_idle_connections_and_work_goes_on(void **state) {
    struct store *store = store_in(state);
    struct store_stats stats;
    assert_int_equal(things(store), 0);
    store_stats(store, &stats);
    int open = stats.connections_open - (store_engine(store) == STORE_SQLITE ? 1 : 0);
    assert_int_equal(open, 1);
    assert_int_equal(store_refresh(store), 1);
    store_stats(store, &stats);
    assert_int_equal(stats.connections_open, store_engine(store) == STORE_SQLITE ? 1 : 0);
    assert_int_equal(store_write(store, insert_fn, "a", &err), 0);
    assert_int_equal(things(store), 1);
}

static int refresh_inside(struct store_tx *tx, void *ctx, struct err *ret_err) {
    int64_t count = 0;
    int result = count_into(tx, &count, ret_err);
    *(int *)ctx = store_refresh(store_of(tx));
    return result == 0 ? count_into(tx, &count, ret_err) : result;
}

static void refresh_lets_a_running_transaction_finish_and_drops_its_connection_then(void **state) {
    struct store *store = store_in(state);
    struct store_stats stats;
    int dropped = -1;
    (void)store_refresh(store);
    assert_int_equal(store_read(store, refresh_inside, &dropped, &err), 0);
    assert_int_equal(dropped, 0);
    store_stats(store, &stats);
    assert_int_equal(stats.connections_open, store_engine(store) == STORE_SQLITE ? 1 : 0);
}

static void the_figures_count_what_was_done(void **state) {
    struct store *store = store_in(state);
    struct store_stats before, after;
    store_stats(store, &before);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(store_write(store, insert_fn, id, &err), 0);
    }
    assert_int_equal(things(store), 10);
    store_stats(store, &after);
    assert_int_equal(after.writes - before.writes, 10);
    assert_int_equal(after.commits - before.commits, 10);
    assert_int_equal(after.reads - before.reads, 1);
    assert_int_equal(after.failures, before.failures);
    assert_int_equal(after.waiting, 0);
    assert_true(after.commit_us_p50 > 0 && after.commit_us_p50 <= after.commit_us_p99);
    assert_true(after.connections_max >= after.connections_open);
}

int main(void) {
    static enum store_engine sqlite = STORE_SQLITE, postgres = STORE_POSTGRES;
    const struct CMUnitTest tests[] = {
        ON_BOTH(skip_locked_never_gives_a_row_twice),
        ON_BOTH(a_row_read_for_update_is_not_changed_by_another_before_the_commit),
        ON_BOTH(a_failing_function_does_not_touch_those_beside_it),
        ON_BOTH(a_fault_at_commit_leaves_nothing),
        ON_BOTH(a_fault_after_commit_is_unknown_and_durable),
        ON_BOTH(a_fault_at_any_call_is_a_store_error_without_half_effect),
        ON_BOTH(a_fault_in_a_read_is_a_store_error),
        ON_BOTH(what_is_for_after_the_commit_happens_in_order_once_it_is_durable),
        ON_BOTH(closing_waits_for_everything_that_has_begun),
        ON_BOTH(a_connection_that_does_not_become_free_in_time_is_a_store_error),
        ON_BOTH(a_ping_waits_for_a_connection_no_longer_than_it_was_told),
        ON_BOTH(refresh_drops_idle_connections_and_work_goes_on),
        ON_BOTH(refresh_lets_a_running_transaction_finish_and_drops_its_connection_then),
        ON_BOTH(the_figures_count_what_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
