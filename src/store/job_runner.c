/* SPDX-License-Identifier: Apache-2.0
 * job_runner.c: one scheduler task that leases due jobs in batches, and workers that run them.
 *
 * Invariants:
 *   1. A lane (kind) never has more than `concurrency` runs at once in this process.
 *   2. Every leased job is in exactly one place: a lane's queue, a worker's hands, or the list of
 *      runs to report. So stopping loses none.
 *   3. One worker at a time writes reports; the others hand theirs over and go on. What gathers
 *      while it commits makes up its next transaction, so reports are batched exactly when there
 *      are many.
 *   4. Quick jobs are leased ahead of the workers, as many as take some QUEUE_AHEAD_US to run; slow
 *      ones are not, so that another instance can have them and no lease grows old in a queue.
 * The lock guards everything below it in the struct and is never held over a store call. */
#include <glib.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "store/job_row.h"

enum {
    POLL_US = 1000000, /* other instances' jobs are looked for this often */
    QUEUE_AHEAD_US = 100000,
    QUEUE_AHEAD_MAX = 256,
    REPORT_BATCH_MAX = 512,
    REPORT_TRIES_MAX = 6,
    REPORT_PAUSE_US = 100000, /* doubled at each try */
    DRAIN_RUNS_MAX = 1000000,
};

struct lane {
    const struct job_kind *kind;
    struct job_run *head, *tail; /* leased, waiting for a worker */
    int queued, running, reporting;
    int64_t next_due_us; /* wall time of the next look; 0: now */
    int64_t run_us_mean; /* of recent runs; -1: none yet */
};

struct job_runner {
    struct store *store;
    uint64_t name; /* distinguishes this runner's leases from everybody else's */
    _Atomic uint64_t leases;
    _Atomic bool woken;

    struct lock lock;
    struct cond schedule; /* something for the scheduler: room, a wake, the end */
    struct cond work;     /* something for a worker: a queued job, the end */
    struct task *scheduler;
    struct task **workers;
    int workers_count, workers_max, workers_idle;
    bool stopping;
    bool reporting; /* somebody writes reports */
    struct job_run *reports, **reports_tail;
    int64_t looked_mono_us;
    bool lease_failed; /* the last time; said once */
    int next_lane;     /* where the next worker looks first, so that no kind starves another */
    struct lane *lanes;
    struct job_want *wants;
    char *dues_sql; /* of all lanes' kinds */
    int count;
};

/* Reports. */

static void reports_push(struct job_runner *runner, struct job_run *run) {
    run->next = NULL;
    *runner->reports_tail = run;
    runner->reports_tail = &run->next;
    runner->lanes[run->lane].reporting++;
}

/* Takes up to REPORT_BATCH_MAX runs that can share a transaction; parked ones go alone. */
static struct job_run *reports_take(struct job_runner *runner) {
    struct job_run *first = runner->reports;
    if (first == NULL) {
        return NULL;
    }
    struct job_run *last = first;
    for (int i = 1; i < REPORT_BATCH_MAX && first->report != JOB_PARK && last->next != NULL &&
                    last->next->report != JOB_PARK;
         i++) {
        last = last->next;
    }
    runner->reports = last->next;
    if (runner->reports == NULL) {
        runner->reports_tail = &runner->reports;
    }
    last->next = NULL;
    return first;
}

static bool is_store_trouble(int result) {
    return result == -ERR_STORE || result == -ERR_STORE_UNKNOWN || result == -ERR_STORE_CONFLICT;
}

/* Writes a batch; what cannot be written is left to the end of its lease, when it runs again. */
static void batch_write(struct job_runner *runner, struct job_run *batch) {
    struct err err = {0};
    int64_t pause_us = REPORT_PAUSE_US;
    int result = job_report(runner->store, batch, &err);
    for (int i = 1; i < REPORT_TRIES_MAX && result != 0; i++) {
        if (batch->report == JOB_PARK && !is_store_trouble(result)) {
            log_error(JOB_FAILED, &err, LT("kind", batch->job.kind), LT("key", batch->job.key),
                      LT("while", "parking"));
            job_run_unpark(batch);
        } else {
            task_sleep_us(pause_us);
            pause_us *= 2;
        }
        result = job_report(runner->store, batch, &err);
    }
    for (struct job_run *run = batch; run != NULL && result != 0; run = run->next) {
        run->due_us = INT64_MAX;
        log_error(JOB_FAILED, &err, LT("kind", run->job.kind), LT("key", run->job.key),
                  LT("while", "reporting"));
    }
}

static void run_log(const struct job_run *run) {
    if (run->report == JOB_PARK && !run->again_soon) {
        log_error(JOB_PARKED, &run->why, LT("kind", run->job.kind), LT("key", run->job.key),
                  LI("attempts", run->job.attempts + 1));
    } else if (run->report == JOB_PARK || run->report == JOB_FAILED) {
        log_error(JOB_FAILED, &run->why, LT("kind", run->job.kind), LT("key", run->job.key),
                  LI("attempts", run->job.attempts + 1));
    }
}

/* Lock held, given while writing. Returns when there is nothing left to report. */
static void reports_write(struct job_runner *runner) {
    if (runner->reporting) {
        return; /* whoever is at it sees ours as well: invariant 3 */
    }
    runner->reporting = true;
    struct job_run *batch;
    while ((batch = reports_take(runner)) != NULL) {
        lock_give(&runner->lock);
        batch_write(runner, batch);
        lock_take(&runner->lock);
        for (struct job_run *run = batch; run != NULL; run = run->next) {
            struct lane *lane = &runner->lanes[run->lane];
            lane->reporting--;
            lane->next_due_us = MIN(lane->next_due_us, run->due_us);
            run_log(run);
        }
        job_run_list_free(batch);
        cond_signal(&runner->schedule);
    }
    runner->reporting = false;
}

/* Workers. */

static void lane_push(struct lane *lane, struct job_run *run) {
    run->next = NULL;
    if (lane->tail != NULL) {
        lane->tail->next = run;
    } else {
        lane->head = run;
    }
    lane->tail = run;
    lane->queued++;
}

static struct job_run *lane_pop(struct lane *lane) {
    struct job_run *run = lane->head;
    lane->head = run->next;
    if (lane->head == NULL) {
        lane->tail = NULL;
    }
    run->next = NULL;
    lane->queued--;
    return run;
}

/* The next job that may run now, or NULL. */
static struct job_run *work_take(struct job_runner *runner) {
    for (int i = 0; i < runner->count; i++) {
        struct lane *lane = &runner->lanes[(runner->next_lane + i) % runner->count];
        if (lane->queued > 0 && lane->running < lane->kind->concurrency) {
            runner->next_lane = (runner->next_lane + i + 1) % runner->count;
            return lane_pop(lane);
        }
    }
    return NULL;
}

static bool work_waits(const struct job_runner *runner) {
    for (int i = 0; i < runner->count; i++) {
        const struct lane *lane = &runner->lanes[i];
        if (lane->queued > 0 && lane->running < lane->kind->concurrency) {
            return true;
        }
    }
    return false;
}

static void worker_main(void *arg);

/* Lock held. Wakes or starts a worker for each of `count` new jobs, as far as that makes sense. */
static void workers_call(struct job_runner *runner, int count) {
    int woken = MIN(count, runner->workers_idle);
    for (int i = 0; i < woken; i++) {
        cond_signal(&runner->work);
    }
    for (int i = woken; i < count && runner->workers_count < runner->workers_max; i++) {
        struct task *task = task_start("job-worker", 0, worker_main, runner);
        if (task == NULL) {
            break;
        }
        runner->workers[runner->workers_count++] = task;
    }
}

/* Lock held, given while the handler runs. Returns false when there was nothing to run. */
static bool work_step(struct job_runner *runner) {
    struct job_run *run = work_take(runner);
    if (run == NULL) {
        return false;
    }
    struct lane *lane = &runner->lanes[run->lane];
    lane->running++;
    if (work_waits(runner)) {
        workers_call(runner, 1); /* a signal may have met a worker that was awake already */
    }
    lock_give(&runner->lock);
    int64_t began_us = clock_mono_us();
    if (began_us - run->leased_mono_us > JOB_QUEUE_US) {
        run->report = JOB_UNTOUCHED; /* what is left of its lease may be too short */
        run->due_us = run->job.due_us;
    } else {
        job_run_handle(run);
    }
    int64_t took_us = clock_mono_us() - began_us;
    lock_take(&runner->lock);
    lane->running--;
    if (run->report != JOB_UNTOUCHED) {
        lane->run_us_mean = lane->run_us_mean < 0 ? took_us : (7 * lane->run_us_mean + took_us) / 8;
    }
    reports_push(runner, run);
    reports_write(runner);
    return true;
}

static void worker_main(void *arg) {
    struct job_runner *runner = arg;
    lock_take(&runner->lock);
    while (true) {
        if (work_step(runner)) {
            continue;
        }
        if (runner->stopping) {
            break;
        }
        runner->workers_idle++;
        cond_wait(&runner->work, &runner->lock);
        runner->workers_idle--;
    }
    lock_give(&runner->lock);
}

/* The scheduler. */

static int lane_ahead(const struct lane *lane) {
    if (lane->run_us_mean < 0) {
        return 0;
    }
    int64_t ahead = lane->kind->concurrency * (int64_t)QUEUE_AHEAD_US / (lane->run_us_mean + 1);
    return (int)MIN(ahead, QUEUE_AHEAD_MAX);
}

/* How many more jobs to lease now; 0 while a larger batch is worth waiting for. */
static int lane_room(const struct lane *lane) {
    int ahead = lane_ahead(lane);
    int room = lane->kind->concurrency + ahead - lane->queued - lane->running - lane->reporting;
    return room > ahead / 2 ? room : 0;
}

/* Lock held. Fills wants; returns how many lanes want something. */
static int wants_fill(struct job_runner *runner, int64_t wall_us) {
    int wanting = 0;
    for (int i = 0; i < runner->count; i++) {
        struct lane *lane = &runner->lanes[i];
        struct job_want *want = &runner->wants[i];
        *want = (struct job_want){.kind = lane->kind, .lane = i};
        want->limit = lane->next_due_us <= wall_us ? lane_room(lane) : 0;
        wanting += want->limit > 0;
    }
    return wanting;
}

static void lease_name(struct job_runner *runner, char name[JOB_LEASE_CHARS]) {
    (void)snprintf(name, JOB_LEASE_CHARS, "%016" PRIx64 "-%" PRIu64, runner->name,
                   (uint64_t)atomic_fetch_add(&runner->leases, 1));
}

/* Lock held, given while leasing. */
static void lanes_lease(struct job_runner *runner, int64_t wall_us) {
    char name[JOB_LEASE_CHARS];
    lease_name(runner, name);
    for (int i = 0; i < runner->count; i++) {
        if (runner->wants[i].limit > 0) {
            runner->lanes[i].next_due_us = INT64_MAX; /* reports may lower it meanwhile */
        }
    }
    lock_give(&runner->lock);
    struct job_run *runs = NULL;
    struct err err = {0};
    int result = job_lease(runner->store, runner->dues_sql, runner->wants, runner->count, wall_us,
                           name, &runs, &err);
    lock_take(&runner->lock);
    if (result != 0 && !runner->lease_failed) {
        log_error(JOB_FAILED, &err, LT("while", "leasing"));
    }
    runner->lease_failed = result != 0;
    if (result != 0) {
        return; /* the next poll tries again */
    }
    for (int i = 0; i < runner->count; i++) {
        if (runner->wants[i].limit > 0) {
            struct lane *lane = &runner->lanes[i];
            lane->next_due_us = MIN(lane->next_due_us, runner->wants[i].next_due_us);
        }
    }
    int leased = 0;
    for (struct job_run *run = runs, *next; run != NULL; run = next) {
        next = run->next;
        lane_push(&runner->lanes[run->lane], run);
        leased++;
    }
    workers_call(runner, leased);
    while (runner->workers_count == 0 && work_step(runner)) {
        /* No task could be started: better slow than never. */
    }
}

/* Lock held. Sleeps until there may be something to lease. */
static void schedule_wait(struct job_runner *runner, int64_t wall_us) {
    int64_t mono_us = clock_mono_us();
    int64_t until_us = runner->looked_mono_us + POLL_US;
    for (int i = 0; i < runner->count; i++) {
        const struct lane *lane = &runner->lanes[i];
        if (lane->next_due_us < wall_us + POLL_US && lane_room(lane) > 0) {
            until_us = MIN(until_us, mono_us + MAX(lane->next_due_us - wall_us, 0));
        }
    }
    if (until_us > mono_us && !runner->stopping && !atomic_load(&runner->woken)) {
        (void)cond_wait_until(&runner->schedule, &runner->lock, until_us);
    }
}

/* Lock held, given while writing. Gives back what was leased before `before_mono_us` and no worker
 * has begun: its kind turned out slower than it was. */
static void queues_sweep(struct job_runner *runner, int64_t before_mono_us) {
    for (int i = 0; i < runner->count; i++) {
        struct lane *lane = &runner->lanes[i];
        while (lane->queued > 0 && lane->head->leased_mono_us < before_mono_us) {
            struct job_run *run = lane_pop(lane);
            run->report = JOB_UNTOUCHED;
            run->due_us = run->job.due_us;
            lane->run_us_mean = MAX(lane->run_us_mean, JOB_QUEUE_US);
            reports_push(runner, run);
        }
    }
    reports_write(runner);
}

static void scheduler_main(void *arg) {
    struct job_runner *runner = arg;
    lock_take(&runner->lock);
    while (!runner->stopping) {
        int64_t mono_us = clock_mono_us();
        bool woken = atomic_exchange(&runner->woken, false);
        if (woken || mono_us - runner->looked_mono_us >= POLL_US) {
            runner->looked_mono_us = mono_us;
            queues_sweep(runner, mono_us - JOB_QUEUE_US);
            for (int i = 0; i < runner->count; i++) {
                runner->lanes[i].next_due_us = 0;
            }
        }
        int64_t wall_us = clock_wall_us();
        if (wants_fill(runner, wall_us) > 0) {
            lanes_lease(runner, wall_us);
        } else {
            schedule_wait(runner, wall_us);
        }
    }
    queues_sweep(runner, INT64_MAX);
    lock_give(&runner->lock);
}

/* Life. */

static void runner_free(struct job_runner *runner) {
    INVARIANT(runner->reports == NULL, "every run was reported");
    lock_free(&runner->lock);
    cond_free(&runner->schedule);
    cond_free(&runner->work);
    g_free(runner->workers);
    g_free(runner->lanes);
    g_free(runner->wants);
    g_free(runner->dues_sql);
    g_free(runner);
}

static void kind_check(const struct job_kind *kind) {
    INVARIANT(strlen(kind->name) < sizeof(((struct job *)NULL)->kind), "a kind's name is short");
    INVARIANT(kind->run != NULL && kind->concurrency > 0 && kind->lease_us > 0);
    INVARIANT(kind->backoff_count > 0, "a failed job needs a time to come back");
}

int job_runner_new(struct store *store, const struct job_kind *kinds, int count,
                   struct job_runner **ret_runner, struct err *err) {
    for (int i = 0; i < count; i++) {
        kind_check(&kinds[i]);
    }
    if (store_engine(store) == STORE_SQLITE) {
        /* Nobody else can have this file open: whoever held a lease has crashed. */
        int result = job_leases_break(store, kinds, count, clock_wall_us(), err);
        if (result != 0) {
            return result;
        }
    }
    struct job_runner *runner = g_new0(struct job_runner, 1);
    runner->store = store;
    runner->name = random_u64();
    runner->count = count;
    runner->lanes = g_new0(struct lane, (gsize)count);
    runner->wants = g_new0(struct job_want, (gsize)count);
    runner->dues_sql = job_dues_sql(count);
    runner->reports_tail = &runner->reports;
    for (int i = 0; i < count; i++) {
        runner->lanes[i].kind = &kinds[i];
        runner->lanes[i].run_us_mean = -1;
        runner->workers_max += kinds[i].concurrency;
    }
    runner->workers = g_new0(struct task *, (gsize)runner->workers_max);
    lock_init(&runner->lock);
    cond_init(&runner->schedule);
    cond_init(&runner->work);
    *ret_runner = runner;
    return 0;
}

int job_runner_start(struct store *store, const struct job_kind *kinds, int count,
                     struct job_runner **ret_runner, struct err *err) {
    struct job_runner *runner = NULL;
    int result = job_runner_new(store, kinds, count, &runner, err);
    if (result != 0) {
        return result;
    }
    lock_take(&runner->lock);
    runner->scheduler = task_start("job-scheduler", 0, scheduler_main, runner);
    bool started = runner->scheduler != NULL;
    lock_give(&runner->lock);
    if (!started) {
        runner_free(runner);
        return err_set(err, ERR_OVERLOADED, "the system has no room for the job scheduler's task");
    }
    *ret_runner = runner;
    return 0;
}

void job_runner_wake(struct job_runner *runner) {
    if (atomic_exchange(&runner->woken, true)) {
        return; /* the scheduler has not yet acted on the wake before this one */
    }
    lock_take(&runner->lock);
    cond_signal(&runner->schedule);
    lock_give(&runner->lock);
}

void job_runner_stop(struct job_runner *runner) {
    lock_take(&runner->lock);
    runner->stopping = true;
    cond_signal(&runner->schedule);
    cond_broadcast(&runner->work);
    lock_give(&runner->lock);
    if (runner->scheduler != NULL) {
        task_join(runner->scheduler);
    }
    for (int i = 0; i < runner->workers_count; i++) {
        task_join(runner->workers[i]);
    }
    runner_free(runner);
}

/* Draining. */

/* Runs and reports one job in the calling task; frees it. */
static int run_here(struct job_runner *runner, struct job_run *run, struct err *err) {
    job_run_handle(run);
    int result = job_report(runner->store, run, err);
    if (result != 0 && run->report == JOB_PARK && !is_store_trouble(result)) {
        job_run_unpark(run);
        result = job_report(runner->store, run, err);
    }
    if (result == 0) {
        run_log(run);
    }
    job_run_free(run);
    return result;
}

/* One job of the lane, unless another runner has what is due. Returns 1 when it ran. */
static int lane_drain(struct job_runner *runner, int lane, int64_t now_us, struct err *err) {
    struct job_want want = {.kind = runner->lanes[lane].kind, .lane = lane, .limit = 1};
    char name[JOB_LEASE_CHARS];
    lease_name(runner, name);
    struct job_run *run = NULL;
    int result = job_lease(runner->store, NULL, &want, 1, now_us, name, &run, err);
    if (result != 0) {
        return result;
    }
    if (run == NULL) {
        return 0;
    }
    result = run_here(runner, run, err);
    return result < 0 ? result : 1;
}

/* The first lane from `from` on, going round, where something is due; one look instead of a lease
 * of each lane. Returns 1 when there is one. */
static int due_lane(struct job_runner *runner, int from, int64_t now_us, int *ret_lane,
                    struct err *err) {
    struct job_want *wants = g_new0(struct job_want, (gsize)runner->count);
    for (int i = 0; i < runner->count; i++) {
        wants[i].kind = runner->lanes[i].kind;
    }
    int result = job_look(runner->store, runner->dues_sql, wants, runner->count, err);
    bool found = false;
    for (int i = 0; result == 0 && !found && i < runner->count; i++) {
        int lane = (from + i) % runner->count;
        found = wants[lane].next_due_us <= now_us;
        *ret_lane = found ? lane : *ret_lane;
    }
    g_free(wants);
    return found ? 1 : result;
}

int job_runner_drain(struct job_runner *runner, struct err *err) {
    int64_t now_us = clock_wall_us();
    int ran = 0, lane = 0;
    for (int idle = 0; idle < runner->count && ran < DRAIN_RUNS_MAX; lane++) {
        int result = due_lane(runner, lane, now_us, &lane, err);
        if (result <= 0) {
            return result < 0 ? result : ran;
        }
        result = lane_drain(runner, lane, now_us, err);
        if (result < 0) {
            return result;
        }
        ran += result;
        idle = result == 0 ? idle + 1 : 0;
    }
    return ran;
}
