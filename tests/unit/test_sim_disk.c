/* SPDX-License-Identifier: Apache-2.0
 * test_sim_disk.c: the simulated disk under the real store: what was told to be there is there
 * after any crash, and a disk that lies is found out. Each run is a seed; `test_sim_disk SEED` runs
 * that one alone and tells what happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <inttypes.h>

#include "base/clock.h"
#include "sim/disk.h"
#include "sim/world.h"
#include "store/store.h"
#include "support/sample.h"

enum {
    SEEDS = 300,
    SEEDS_SAMPLE = 12,
    SEEDS_TWICE = 10, /* run again, for the same hash */
    SEEDS_OF_A_LIAR = 60,
    ROUNDS = 5,
    CLIENTS = 4,
    CHANGES = 12, /* by each client in a round */
    CHANGES_MAX = ROUNDS * CLIENTS * CHANGES,
    PARTS_MAX = 6,
    OPENINGS_MAX = 40,
    PROBLEM_CHARS = 300,
};

#define PATH "/sim/test.db"
static const struct store_options options = {.url = "sqlite:" PATH};

/* What was told about a change. */
enum told { TOLD_NOTHING, TOLD_DONE, TOLD_NOT_DONE };

/* One transaction: so many rows, all or none. */
struct change {
    enum told told;
    int parts;
};

struct run {
    uint64_t seed;
    bool liar, loud;
    struct prng prng;
    struct sim_world *world;
    struct sim_disk *disk;
    struct store *store;
    struct store *eye; /* kept from life to life as long as it may be; NULL: none yet */
    uint64_t eye_sees;
    int eyes_kept;
    struct sim_disk_faults faults;
    struct change change[CHANGES_MAX];
    int changes;
    int64_t crashes_before; /* in this round */
    int kill_at_sync;
    char problem[PROBLEM_CHARS];
    /* What came of it. */
    uint64_t hash;
    struct sim_disk_counts counts;
};

static void problem(struct run *run, const char *format, ...) PRINTF_LIKE(2, 3);
static void problem(struct run *run, const char *format, ...) {
    va_list args;
    if (run->problem[0] != '\0') {
        return; /* the first says most */
    }
    va_start(args, format);
    vsnprintf(run->problem, sizeof(run->problem), format, args);
    va_end(args);
}

static bool chance(struct run *run, uint64_t per_cent) {
    return prng_below(&run->prng, 100) < per_cent;
}

static void on_event(void *ctx, enum sim_disk_event event, const char *file) {
    struct run *run = ctx;
    if (run->loud) {
        print_message("%8" PRId64 "  %s: %s\n", sim_world_now_us(run->world), file,
                      sim_disk_event_text(event));
    }
}

/* The process dies while it waits for the disk; the power stays. */
static void on_sync(void *ctx) {
    struct run *run = ctx;
    if (run->kill_at_sync > 0 && --run->kill_at_sync == 0) {
        sim_disk_kill(run->disk);
    }
}

static int64_t ends(const struct run *run) {
    struct sim_disk_counts counts;
    sim_disk_counts(run->disk, &counts);
    return counts.crashes + counts.deaths;
}

/* --- The workload ----------------------------------------------------------------------------- */

struct client {
    struct run *run;
    uint64_t seed;
};

struct one {
    int64_t id;
    int parts;
    char note[1200];
};

static int change_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct one *one = ctx;
    for (int i = 0; i < one->parts; i++) {
        int result = sql_put(tx, err,
                             "INSERT INTO part (change, part, of, note)"
                             " VALUES ($1, $2, $3, $4)",
                             S_INT(one->id), S_INT(i), S_INT(one->parts), S_TEXT(one->note));
        if (result < 0) {
            return result;
        }
    }
    return sql_put(tx, err, "UPDATE total SET parts = parts + $1", S_INT(one->parts));
}

static int total_fn(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows, "SELECT SUM(of) FROM part");
    return result < 0 ? result : sql_next(rows, err);
}

/* In the middle of things, so that the eye has seen much by the next crash. */
static void look_on(struct run *run) {
    struct err err = {0};
    sim_hold(run->world);
    if (run->eye != NULL && ends(run) == run->crashes_before &&
        store_read(run->eye, total_fn, NULL, &err) < 0) {
        problem(run, "the eye cannot read: %s", err.detail);
    }
    sim_unhold(run->world);
}

static void client_main(void *arg) {
    struct client *client = arg;
    struct run *run = client->run;
    struct prng prng;
    prng_init(&prng, client->seed);
    for (int i = 0; i < CHANGES && ends(run) == run->crashes_before; i++) {
        struct err err = {0};
        struct one one = {.id = run->changes++, .parts = 1 + (int)prng_below(&prng, PARTS_MAX)};
        memset(one.note, 'a' + (int)prng_below(&prng, 26), prng_below(&prng, sizeof(one.note)));
        run->change[one.id].parts = one.parts;
        int result = store_write(run->store, change_fn, &one, &err);
        look_on(run);
        if (result == 0) {
            run->change[one.id].told = TOLD_DONE;
        } else if (result == -ERR_STORE) {
            run->change[one.id].told = TOLD_NOT_DONE;
        } else if (result != -ERR_STORE_UNKNOWN) {
            problem(run, "change %" PRId64 " was told %d: %s", one.id, result, err.detail);
        }
        if (run->loud) {
            print_message("%8" PRId64 "  change %" PRId64 ": %s\n", sim_world_now_us(run->world),
                          one.id, result == 0 ? "done" : err.detail);
        }
        if (prng_below(&prng, 8) == 0) {
            task_sleep_us((int64_t)prng_below(&prng, 400 * 1000)); /* time for a checkpoint */
        }
    }
}

static int tables_fn(struct store_tx *tx, void *ctx, struct err *err) {
    if (sql_exec(tx, err,
                 "CREATE TABLE IF NOT EXISTS part (change bigint, part bigint, of bigint,"
                 " note text, PRIMARY KEY (change, part))") < 0 ||
        sql_exec(tx, err,
                 "CREATE TABLE IF NOT EXISTS total (id bigint PRIMARY KEY, parts bigint)") < 0 ||
        sql_exec(tx, err, "INSERT INTO total (id, parts) VALUES (1, 0) ON CONFLICT DO NOTHING") <
            0) {
        return -(int)err->code;
    }
    return 0;
}

/* --- The model -------------------------------------------------------------------------------- */

static int check_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    int64_t there[CHANGES_MAX] = {0}, sum = 0, total = -1;
    SQL_ROWS_AUTO rows = NULL;
    SQL_ROWS_AUTO whole = NULL;
    SQL_ROWS_AUTO totals = NULL;
    int result = sql_query(tx, err, &rows, "SELECT change, count(*) FROM part GROUP BY change");
    while (result == 0 && (result = sql_next(rows, err)) == 1) {
        int64_t id = sql_int(rows, 0);
        if (id < 0 || id >= run->changes) {
            problem(run, "change %" PRId64 " was never asked for", id);
            return 0;
        }
        there[id] = sql_int(rows, 1);
        sum += there[id];
        result = 0;
    }
    if (result < 0 || sql_query(tx, err, &totals, "SELECT parts FROM total") < 0 ||
        sql_query(tx, err, &whole, "PRAGMA integrity_check") < 0) {
        return -(int)err->code;
    }
    if (sql_next(totals, err) == 1) {
        total = sql_int(totals, 0);
    }
    if (total != sum) {
        problem(run, "the total is %" PRId64 " and there are %" PRId64 " parts", total, sum);
    }
    if (sql_next(whole, err) != 1 || strcmp(sql_text(whole, 0), "ok") != 0) {
        problem(run, "the integrity check says: %s",
                err->code != 0 ? err->detail : sql_text(whole, 0));
    }
    for (int i = 0; i < run->changes; i++) {
        struct change *change = &run->change[i];
        if (there[i] != 0 && there[i] != change->parts) {
            problem(run, "change %d has %" PRId64 " of %d parts", i, there[i], change->parts);
        } else if (change->told == TOLD_DONE && there[i] == 0) {
            problem(run, "change %d was told done and is gone", i);
        } else if (change->told == TOLD_NOT_DONE && there[i] != 0) {
            problem(run, "change %d was told not done and is there", i);
        }
        /* Now it is known, and must stay as it is. */
        change->told = there[i] != 0 ? TOLD_DONE : TOLD_NOT_DONE;
    }
    return 0;
}

static void check(struct run *run) {
    struct err err = {0};
    if (store_read(run->store, check_fn, run, &err) < 0) {
        problem(run, "a healthy disk cannot be read: %s", err.detail);
    }
}

/* An eye that was open before, and one that is new, see what the service does. */
static void check_eye(struct run *run) {
    struct err err = {0};
    const struct store_options look = {.url = options.url, .look = true};
    uint64_t seen = sim_disk_seen(run->disk, PATH);
    bool keeps = run->eye != NULL && seen != 0 && seen == run->eye_sees;
    run->eyes_kept += keeps;
    if (!keeps) {
        store_close(run->eye);
        run->eye = NULL;
        run->eye_sees = seen;
        sim_disk_watch(run->disk, true);
        int result = store_open(&look, &run->eye, &err);
        sim_disk_watch(run->disk, false);
        if (result < 0) {
            problem(run, "the eye cannot be opened: %s", err.detail);
            return;
        }
    }
    if (store_read(run->eye, check_fn, run, &err) < 0) {
        problem(run, "the eye cannot read: %s", err.detail);
    }
}

/* --- Rounds ----------------------------------------------------------------------------------- */

/* With faults for a while, then without: then it must open. */
static void open_store(struct run *run) {
    struct err err = {0};
    for (int i = 0; i < OPENINGS_MAX; i++) {
        sim_disk_set_faults(run->disk, i < OPENINGS_MAX / 2 ? &run->faults : NULL);
        if (i < OPENINGS_MAX / 2 && chance(run, 20)) {
            sim_disk_plan_crash(run->disk, 1 + (int)prng_below(&run->prng, 30));
        }
        if (store_open(&options, &run->store, &err) == 0) {
            if (store_write(run->store, tables_fn, NULL, &err) == 0) {
                break;
            }
            store_close(run->store);
            run->store = NULL;
        }
        if (chance(run, 20)) {
            sim_disk_crash(run->disk, &run->prng);
        }
    }
    struct sim_disk_faults liar = {.sync_lies = run->liar};
    sim_disk_set_faults(run->disk, &liar);
    sim_disk_plan_crash(run->disk, 0);
    if (run->store == NULL) {
        problem(run, "a healthy disk cannot be opened: %s", err.detail);
    }
}

static void reopen(struct run *run) {
    store_close(run->store);
    run->store = NULL;
    open_store(run);
    if (run->store != NULL) {
        check(run);
        check_eye(run);
    }
}

static void draw_faults(struct run *run) {
    struct sim_disk_faults *faults = &run->faults;
    *faults = (struct sim_disk_faults){.sync_lies = run->liar};
    if (!run->liar && chance(run, 60)) {
        faults->read_error = chance(run, 30) ? (int)prng_below(&run->prng, 30) : 0;
        faults->write_error = chance(run, 50) ? (int)prng_below(&run->prng, 60) : 0;
        faults->sync_error = chance(run, 60) ? (int)prng_below(&run->prng, 400) : 0;
        faults->open_error = chance(run, 30) ? (int)prng_below(&run->prng, 300) : 0;
    }
    if (chance(run, 50)) {
        faults->sync_us_max = 5000;
    }
    sim_disk_set_room(run->disk, !run->liar && chance(run, 15)
                                     ? (int64_t)prng_below(&run->prng, 100 * 1000)
                                     : -1);
}

static void clients_run(struct run *run) {
    struct client client[CLIENTS];
    struct task *task[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        client[i] = (struct client){run, prng_next(&run->prng)};
        task[i] = task_start("client", 0, client_main, &client[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        task_join(task[i]);
    }
}

static void one_round(struct run *run) {
    draw_faults(run);
    sim_disk_set_faults(run->disk, &run->faults);
    run->crashes_before = ends(run);
    run->kill_at_sync = chance(run, 25) ? 1 + (int)prng_below(&run->prng, 40) : 0;
    sim_disk_plan_crash(run->disk, chance(run, 60) ? 1 + (int)prng_below(&run->prng, 400) : 0);
    clients_run(run);
    run->kill_at_sync = 0;
    sim_disk_plan_crash(run->disk, 0);
    sim_disk_set_room(run->disk, -1);
    if (chance(run, 70)) {
        if (chance(run, 70)) {
            sim_disk_crash(run->disk, &run->prng);
        } else {
            sim_disk_kill(run->disk);
        }
    }
    reopen(run);
    if (chance(run, 40) && run->store != NULL) {
        sim_disk_crash(run->disk, &run->prng);
        reopen(run);
    }
}

static void run_main(void *arg) {
    struct run *run = arg;
    open_store(run);
    for (int i = 0; i < ROUNDS && run->problem[0] == '\0'; i++) {
        one_round(run);
    }
    store_close(run->eye);
    if (run->store != NULL) {
        store_close(run->store);
    }
    sim_world_stop(run->world);
}

/* A new disk, `fn` as the only process of a new world. */
static void run_world(struct run *run, const struct sim_disk_options *how, task_fn *fn, void *arg) {
    struct sim_world_options world = {.seed = run->seed, .preempt_per_10k = 500};
    run->world = sim_world_new(&world);
    run->disk = sim_disk_new(how);
    sim_disk_install(run->disk);
    sim_process_run(sim_process_new(run->world, "service"), "test", fn, arg);
    enum sim_end end = sim_world_run(run->world);
    if (end != SIM_DONE) {
        problem(run, "the world stopped by itself (%d)", (int)end);
    }
    run->hash = sim_disk_hash(run->disk);
    sim_disk_counts(run->disk, &run->counts);
    sim_disk_install(NULL);
    sim_disk_free(run->disk);
    sim_world_free(run->world);
}

static struct run *run_seed(uint64_t seed, bool liar, bool loud) {
    struct run *run = g_new0(struct run, 1);
    run->seed = seed;
    run->liar = liar;
    run->loud = loud;
    prng_init(&run->prng, seed + 1);
    struct sim_disk_options how = {
        .seed = seed,
        .sector_bytes = chance(run, 50) ? 512 : 4096,
        .names_volatile = chance(run, 50),
        .ctx = run,
        .on_sync = on_sync,
        .on_event = on_event,
    };
    run_world(run, &how, run_main, run);
    return run;
}

static void what_was_told_is_true_after_any_crash(void **state) {
    struct sim_disk_counts all = {0};
    int seeds = sample_of(SEEDS, SEEDS_SAMPLE), eyes_kept = 0;
    for (uint64_t seed = 0; seed < (uint64_t)seeds; seed++) {
        struct run *run = run_seed(seed, false, false);
        if (run->problem[0] != '\0') {
            fail_msg("seed %" PRIu64 ": %s", seed, run->problem);
        }
        eyes_kept += run->eyes_kept;
        all.crashes += run->counts.crashes;
        all.deaths += run->counts.deaths;
        for (int i = 0; i < SIM_DISK_EVENT_COUNT; i++) {
            all.events[i] += run->counts.events[i];
        }
        g_free(run);
    }
    assert_true(eyes_kept > seeds);
    assert_true(all.crashes > seeds);
    assert_true(all.deaths > seeds / 10);
    /* A few seeds need not meet everything. */
    for (int i = 0; i < SIM_DISK_EVENT_COUNT && seeds == SEEDS; i++) {
        if (all.events[i] == 0) {
            fail_msg("never met: %s", sim_disk_event_text(i));
        }
    }
}

static void a_disk_whose_sync_lies_is_found_out(void **state) {
    int found = 0, seeds = sample_of(SEEDS_OF_A_LIAR, SEEDS_SAMPLE);
    for (uint64_t seed = 0; seed < (uint64_t)seeds; seed++) {
        struct run *run = run_seed(seed, true, false);
        found += run->problem[0] != '\0' ? 1 : 0;
        g_free(run);
    }
    assert_true(found > seeds / 2);
}

static void the_same_seed_writes_the_same_bytes(void **state) {
    uint64_t before = 0;
    for (uint64_t seed = 0; seed < SEEDS_TWICE; seed++) {
        struct run *first = run_seed(seed, false, false);
        struct run *second = run_seed(seed, false, false);
        assert_true(first->hash == second->hash);
        assert_memory_equal(&first->counts, &second->counts, sizeof(first->counts));
        assert_true(first->hash != before);
        before = first->hash;
        g_free(first);
        g_free(second);
    }
}

/* --- Single rules ----------------------------------------------------------------------------- */

/* A test in a world of its own: `body` says with problem() what is wrong. */
struct single {
    struct run run;
    void (*body)(struct run *run);
};

static void single_main(void *arg) {
    struct single *single = arg;
    open_store(&single->run);
    single->body(&single->run);
    if (single->run.store != NULL) {
        store_close(single->run.store);
    }
    sim_world_stop(single->run.world);
}

static void single_event(void *ctx, enum sim_disk_event event, const char *file) {
    struct run *run = &((struct single *)ctx)->run;
    /* One failure is enough; what comes after it goes well, if the test says so. */
    if (run->kill_at_sync < 0) {
        sim_disk_set_faults(run->disk, NULL);
    }
}

static void single(void (*body)(struct run *run), uint64_t seed) {
    struct single *test = g_new0(struct single, 1);
    struct sim_disk_options how = {.seed = seed, .ctx = test, .on_event = single_event};
    test->run.seed = seed;
    test->body = body;
    prng_init(&test->run.prng, seed);
    run_world(&test->run, &how, single_main, test);
    if (test->run.problem[0] != '\0') {
        fail_msg("seed %" PRIu64 ": %s", seed, test->run.problem);
    }
    g_free(test);
}

static void single_many(void (*body)(struct run *run)) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        single(body, seed);
    }
}

/* Returns what the store did. */
static int change(struct run *run, struct err *ret_err) {
    struct one one = {.id = run->changes++, .parts = 3};
    run->change[one.id].parts = one.parts;
    memset(one.note, 'x', sizeof(one.note) - 1);
    return store_write(run->store, change_fn, &one, ret_err);
}

static void expect(struct run *run, const char *what, int got, int wanted, const struct err *err) {
    if (got != wanted) {
        problem(run, "%s: got %d instead of %d: %s", what, got, wanted, err->detail);
    }
}

static int count_fn(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows, "SELECT count(DISTINCT change) FROM part");
    if (result == 0 && (result = sql_next(rows, err)) == 1) {
        *(int *)ctx = (int)sql_int(rows, 0);
        result = 0;
    }
    return result;
}

static void expect_count(struct run *run, const char *what, int wanted) {
    struct err err = {0};
    int count = -1;
    expect(run, what, store_read(run->store, count_fn, &count, &err), 0, &err);
    expect(run, what, count, wanted, &err);
}

static int change_and_crash_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    struct one one = {.id = run->changes, .parts = 3};
    int result = change_fn(tx, &one, err);
    sim_disk_crash(run->disk, &run->prng);
    return result;
}

static void commits_body(struct run *run) {
    struct err err = {0};
    expect(run, "first", change(run, &err), 0, &err);
    sim_disk_crash(run->disk, &run->prng);
    uint64_t hash = sim_disk_hash(run->disk);
    expect(run, "after the crash", change(run, &err), -ERR_STORE, &err);
    if (sim_disk_hash(run->disk) != hash) {
        problem(run, "the dead have written");
    }
    run->changes = 0;
    store_close(run->store);
    open_store(run);
    expect_count(run, "the first is there", 1);
    run->changes = 1;
    expect(run, "in the middle of the second",
           store_write(run->store, change_and_crash_fn, run, &err), -ERR_STORE_UNKNOWN, &err);
    store_close(run->store);
    open_store(run);
    expect_count(run, "the second is not", 1);
}

static void commits_survive_a_crash_and_the_dead_write_nothing(void **state) {
    single_many(commits_body);
}

static void full_body(struct run *run) {
    struct err err = {0};
    expect(run, "with room", change(run, &err), 0, &err);
    sim_disk_set_room(run->disk, 5000);
    expect(run, "without", change(run, &err), -ERR_STORE, &err);
    expect_count(run, "nothing came and nothing went", 1);
    sim_disk_set_room(run->disk, -1);
    expect(run, "with room again", change(run, &err), 0, &err);
    sim_disk_crash(run->disk, &run->prng);
    store_close(run->store);
    open_store(run);
    expect_count(run, "both are there", 2);
}

static void a_full_disk_is_a_store_error_and_loses_nothing(void **state) {
    single_many(full_body);
}

static void failed_sync_body(struct run *run) {
    struct err err = {0};
    struct sim_disk_faults faults = {.sync_error = 1000};
    expect(run, "first", change(run, &err), 0, &err);
    sim_disk_set_faults(run->disk, &faults);
    run->kill_at_sync = -1;
    expect(run, "one sync fails", change(run, &err), -ERR_STORE, &err);
    run->kill_at_sync = 0;
    sim_disk_crash(run->disk, &run->prng);
    store_close(run->store);
    open_store(run);
    expect_count(run, "what failed stays undone", 1);
}

static void a_commit_whose_sync_failed_stays_undone_after_a_crash(void **state) {
    single_many(failed_sync_body);
}

static void failing_syncs_body(struct run *run) {
    struct err err = {0};
    struct sim_disk_faults faults = {.sync_error = 1000};
    expect(run, "first", change(run, &err), 0, &err);
    sim_disk_set_faults(run->disk, &faults);
    expect(run, "all syncs fail", change(run, &err), -ERR_STORE_UNKNOWN, &err);
    sim_disk_set_faults(run->disk, NULL);
    expect(run, "third", change(run, &err), 0, &err);
    int before = -1, after = -1;
    expect(run, "reads", store_read(run->store, count_fn, &before, &err), 0, &err);
    sim_disk_crash(run->disk, &run->prng);
    store_close(run->store);
    open_store(run);
    expect(run, "reads again", store_read(run->store, count_fn, &after, &err), 0, &err);
    expect(run, "what was seen stays", after, before, &err);
}

static void a_commit_that_can_neither_be_synced_nor_undone_is_unknown(void **state) {
    single_many(failing_syncs_body);
}

static void lock_body(struct run *run) {
    struct err err = {0};
    struct store *second = NULL;
    expect(run, "a second one", store_open(&options, &second, &err), -ERR_STORE, &err);
    sim_disk_kill(run->disk);
    expect(run, "after a death", store_open(&options, &second, &err), 0, &err);
    store_close(run->store); /* gives no lock that is not its own */
    run->store = second;
    expect(run, "a third one", store_open(&options, &second, &err), -ERR_STORE, &err);
    expect(run, "it works", change(run, &err), 0, &err);
}

static void the_lock_beside_the_database_ends_with_its_process(void **state) {
    single(lock_body, 1);
}

int main(int count, char **values) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_survive_a_crash_and_the_dead_write_nothing),
        cmocka_unit_test(a_full_disk_is_a_store_error_and_loses_nothing),
        cmocka_unit_test(a_commit_whose_sync_failed_stays_undone_after_a_crash),
        cmocka_unit_test(a_commit_that_can_neither_be_synced_nor_undone_is_unknown),
        cmocka_unit_test(the_lock_beside_the_database_ends_with_its_process),
        cmocka_unit_test(the_same_seed_writes_the_same_bytes),
        cmocka_unit_test(a_disk_whose_sync_lies_is_found_out),
        cmocka_unit_test(what_was_told_is_true_after_any_crash),
    };
    if (count == 2) {
        struct run *run = run_seed(g_ascii_strtoull(values[1], NULL, 10), false, true);
        print_message("%s\n", run->problem[0] != '\0' ? run->problem : "all is well");
        int status = run->problem[0] != '\0' ? 1 : 0;
        g_free(run);
        return status;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
