/* SPDX-License-Identifier: Apache-2.0
 * backtest.c: the task that reads minutes and replays them, and its row. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "watch/backtest_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum {
    ROWS_AT_ONCE = 4000,
    MINUTES_AT_ONCE = 24 * 60, /* that are judged between two looks whether it is to end */
    MINUTES_PER_DAY = 24 * 60,
    CHANGES_BYTES_MAX = 12 * 1024,
    STACK_BYTES = 1024 * 1024,
    WARM_FIGURE_DAYS = 1,
};
#define BEAT_US (2 * US_PER_SECOND)

int backtests_open(struct store *store, struct tuning *tuning, struct backtests **ret_backtests,
                   struct err *err) {
    (void)err;
    struct backtests *backtests = g_new0(struct backtests, 1);
    backtests->store = store;
    backtests->tuning = tuning;
    backtests->rows_at_once = ROWS_AT_ONCE;
    lock_init(&backtests->lock);
    *ret_backtests = backtests;
    return 0;
}

void backtest_wait(struct backtests *backtests) {
    lock_take(&backtests->lock);
    struct task *task = backtests->task;
    backtests->task = NULL;
    lock_give(&backtests->lock);
    if (task != NULL) {
        task_join(task);
    }
}

void backtests_close(struct backtests *backtests) {
    if (backtests == NULL) {
        return;
    }
    atomic_store(&backtests->stopping, true);
    backtest_wait(backtests);
    lock_free(&backtests->lock);
    g_free(backtests);
}

/* ---- its row ---- */

struct writing {
    const struct backtest *backtest;
    const char *proposal, *changes, *actor, *result, *why;
    enum backtest_state state;
    int64_t done;
};

static int insert_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct writing *writing = ctx;
    const struct backtest *backtest = writing->backtest;
    int64_t now_us = clock_wall_us();
    int r = sql_put(tx, err, "DELETE FROM backtest WHERE created_us < $1",
                    S_INT(now_us - BACKTEST_KEPT_DAYS * 86400 * US_PER_SECOND));
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO backtest (id, rule, proposal, changes, from_us, until_us, "
                           "state, done_minutes, result, why, actor, created_us, beat_us, "
                           "ended_us) VALUES ($1, $2, $3, $4, $5, $6, 1, 0, '', '', $7, $8, $8, 0)",
                           S_TEXT(backtest->id), S_TEXT(backtest->rule->name),
                           S_TEXT(writing->proposal), S_TEXT(writing->changes),
                           S_INT(backtest->from * US_PER_MINUTE),
                           S_INT(backtest->until * US_PER_MINUTE), S_TEXT(writing->actor),
                           S_INT(now_us));
}

static int beat_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct writing *writing = ctx;
    int64_t now_us = clock_wall_us();
    return sql_put(tx, err,
                   "UPDATE backtest SET state = $2, done_minutes = $3, result = $4, why = $5, "
                   "beat_us = $6, ended_us = $7 WHERE id = $1",
                   S_TEXT(writing->backtest->id), S_INT(writing->state), S_INT(writing->done),
                   S_TEXT(writing->result), S_TEXT(writing->why), S_INT(now_us),
                   S_INT(writing->state == BACKTEST_RUNNING ? 0 : now_us));
}

/* ---- reading ---- */

struct place { /* the last row that was read */
    int64_t minute, slice, writer;
};

struct read_row {
    int64_t minute;
    enum slice_operation operation;
    char labels[SLICE_DIMENSIONS][SLICE_LABEL_CHARS_MAX + 1];
    struct metric_sum sum;
};

struct reading {
    struct place place;
    int64_t until;
    int at_once;
    GArray *rows; /* struct read_row */
    int64_t read; /* also of operations that say nothing */
    const struct replay *replay;
    int64_t first; /* minute; -1: none */
};

static void read_row(const struct sql_rows *rows, struct reading *reading) {
    struct read_row row = {.minute = sql_int(rows, 0),
                           .operation = (enum slice_operation)sql_int(rows, 3)};
    reading->place = (struct place){row.minute, sql_int(rows, 1), sql_int(rows, 2)};
    reading->read++;
    if (!replay_wants(reading->replay, row.operation)) {
        return;
    }
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        g_strlcpy(row.labels[i], sql_text(rows, 4 + i), sizeof row.labels[i]);
    }
    metric_sum_read(&row.sum, rows, 4 + SLICE_DIMENSIONS);
    g_array_append_val(reading->rows, row);
}

static int rows_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    struct place from = reading->place;
    g_array_set_size(reading->rows, 0);
    reading->read = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT m.minute, m.slice, m.writer, s.operation, s.gateway, s.method, "
                      "s.region, s.currency, s.segment, " METRIC_COLUMNS
                      " FROM metric_minute m JOIN metric_slice s ON s.id = m.slice "
                      "WHERE (m.minute, m.slice, m.writer) > ($1, $2, $3) AND m.minute < $4 "
                      "ORDER BY m.minute, m.slice, m.writer LIMIT $5",
                      S_INT(from.minute), S_INT(from.slice), S_INT(from.writer),
                      S_INT(reading->until), S_INT(reading->at_once));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        read_row(rows, reading);
    }
    return r;
}

static int first_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT MIN(minute) FROM (SELECT MIN(minute) AS minute FROM metric_minute "
                      "WHERE minute >= $1 UNION ALL SELECT MIN(minute) AS minute FROM look_minute "
                      "WHERE minute >= $1) AS first",
                      S_INT(reading->place.minute));
    r = r < 0 ? r : sql_next(rows, err);
    reading->first = r > 0 && !sql_null(rows, 0) ? sql_int(rows, 0) : -1;
    return r < 0 ? r : 0;
}

struct real {
    const struct backtest *backtest;
    struct backtest_real *rows;
    int count;
};

static int real_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct real *real = ctx;
    SQL_ROWS_AUTO rows = NULL;
    real->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, labels, fired_us, resolved_us FROM alert WHERE rule = $1 AND "
                      "fired_us > 0 AND fired_us < $2 AND (resolved_us = 0 OR resolved_us > $3) "
                      "ORDER BY fired_us LIMIT 1000",
                      S_TEXT(real->backtest->rule->name),
                      S_INT(real->backtest->until * US_PER_MINUTE),
                      S_INT(real->backtest->from * US_PER_MINUTE));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0 && real->count < BACKTEST_REAL_MAX; r = sql_next(rows, err)) {
        struct backtest_real *to = &real->rows[real->count++];
        *to = (struct backtest_real){.fired_us = sql_int(rows, 2), .ended_us = sql_int(rows, 3)};
        g_strlcpy(to->id, sql_text(rows, 0), sizeof to->id);
        g_strlcpy(to->labels, sql_text(rows, 1), sizeof to->labels);
    }
    return r < 0 ? r : 0;
}

/* ---- running ---- */

struct running {
    struct backtest *backtest;
    struct reading reading;
    bool by_minute;            /* it goes by minutes of the figures */
    struct look_reader *looks; /* NULL: the rule goes by none */
    int64_t end_us, beat_us; /* monotonic */
};

/* Between two pieces: whether it goes on; and that it does is written down now and then. */
static int check(struct running *running, int64_t minute, struct err *err) {
    struct backtest *backtest = running->backtest;
    int64_t now_us = clock_mono_us();
    if (atomic_load(&backtest->of->stopping)) {
        return err_set(err, ERR_DRAINING, "the instance that made it ended; ask again");
    }
    if (now_us > running->end_us) {
        err_set(err, ERR_TIMEOUT, "it took longer than %d minutes", BACKTEST_RUN_S / 60);
        return err_hint(err, "Ask for fewer days.");
    }
    if (now_us < running->beat_us) {
        return 0;
    }
    running->beat_us = now_us + BEAT_US;
    struct writing writing = {.backtest = backtest,
                              .state = BACKTEST_RUNNING,
                              .result = "",
                              .why = "",
                              .done = minute - backtest->begin};
    return store_write(backtest->of->store, beat_tx, &writing, err);
}

/* Long quiet times are judged in pieces, too. */
static int judge_until(struct running *running, int64_t from, int64_t minute, struct err *err) {
    int r = check(running, from, err);
    for (int64_t m = from + MINUTES_AT_ONCE; r >= 0 && m < minute; m += MINUTES_AT_ONCE) {
        r = look_reader_give(running->looks, running->backtest->replay, m, err);
        replay_until(running->backtest->replay, m);
        r = r < 0 ? r : check(running, m, err);
    }
    r = r < 0 ? r : look_reader_give(running->looks, running->backtest->replay, minute, err);
    if (r >= 0) {
        replay_until(running->backtest->replay, minute);
    }
    return r;
}

static int replay_rows(struct running *running, int64_t *minute, struct err *err) {
    struct reading *reading = &running->reading;
    int r = 0;
    for (guint i = 0; r >= 0 && i < reading->rows->len; i++) {
        const struct read_row *row = &g_array_index(reading->rows, struct read_row, i);
        const char *labels[SLICE_DIMENSIONS];
        for (int j = 0; j < SLICE_DIMENSIONS; j++) {
            labels[j] = row->labels[j];
        }
        if (row->minute != *minute) {
            r = judge_until(running, *minute, row->minute, err);
            *minute = row->minute;
        }
        r = r < 0 ? r
                  : replay_row(running->backtest->replay, row->minute, row->operation, labels,
                               &row->sum, err);
    }
    return r;
}

static int run(struct running *running, struct err *err) {
    struct backtest *backtest = running->backtest;
    struct reading *reading = &running->reading;
    int64_t minute = backtest->begin;
    int r = 0;
    reading->read = 0;
    do {
        if (!running->by_minute) {
            break; /* the rule goes by what is counted alone */
        }
        r = store_read(backtest->of->store, rows_tx, reading, err);
        backtest->rows += reading->read;
        r = r < 0 ? r : replay_rows(running, &minute, err);
    } while (r >= 0 && reading->read == reading->at_once);
    r = r < 0 ? r : judge_until(running, minute, backtest->until, err);
    backtest->rows += look_reader_count(running->looks);
    return r;
}

/* What happened before the time asked for shows what is usual; what is not stored is not known. */
static int find_begin(struct running *running, struct err *err) {
    struct backtest *backtest = running->backtest;
    struct reading *reading = &running->reading;
    struct tuning_sources sources = tuning_sources_of(backtest->rule);
    int days = sources.share || sources.volume ? REPLAY_WARM_USUAL_DAYS
               : sources.detector              ? REPLAY_WARM_DAYS
                                               : WARM_FIGURE_DAYS;
    running->by_minute = sources.figure || sources.detector || sources.share || sources.volume;
    reading->place = (struct place){backtest->from - (int64_t)days * MINUTES_PER_DAY, INT64_MIN,
                                    INT64_MIN};
    int r = store_read(backtest->of->store, first_tx, reading, err);
    if (r < 0) {
        return r;
    }
    backtest->begin = reading->first < 0 ? backtest->until
                                         : MIN(reading->first, backtest->until);
    reading->place.minute = backtest->begin;
    reading->until = backtest->until;
    reading->at_once = backtest->of->rows_at_once;
    return 0;
}

static int make(struct backtest *backtest, struct buf *result, struct err *err) {
    struct running running = {.backtest = backtest,
                              .end_us = clock_mono_us() + BACKTEST_RUN_S * US_PER_SECOND};
    struct real real = {.backtest = backtest};
    struct backtest_incidents incidents = {.from_us = backtest->from * US_PER_MINUTE};
    int r = find_begin(&running, err);
    r = r < 0 ? r : store_read(backtest->of->store, backtest_incidents_tx, &incidents, err);
    if (r < 0) {
        return r;
    }
    const struct replay_options options = {
        .rule = backtest->rule,
        .values = {&backtest->present, backtest->compares ? &backtest->proposed : NULL},
        .begin = backtest->begin,
        .from = backtest->from,
        .until = backtest->until,
        .incidents = incidents.rows,
        .incident_count = incidents.count,
    };
    backtest->replay = replay_new(&options);
    if (tuning_sources_of(backtest->rule).counts) {
        running.looks = look_reader_new(backtest);
    }
    running.reading.replay = backtest->replay;
    running.reading.rows = g_array_new(FALSE, FALSE, sizeof(struct read_row));
    real.rows = g_new0(struct backtest_real, BACKTEST_REAL_MAX);
    r = run(&running, err);
    r = r < 0 ? r : store_read(backtest->of->store, real_tx, &real, err);
    if (r >= 0) {
        backtest_result(backtest, real.rows, real.count, result);
    }
    g_free(real.rows);
    g_array_unref(running.reading.rows);
    look_reader_free(running.looks);
    replay_free(backtest->replay);
    return r;
}

static void run_task(void *arg) {
    struct backtest *backtest = arg;
    struct err err = {0}, why = {0};
    BUF_AUTO result;
    buf_init(&result, BACKTEST_RESULT_BYTES_MAX);
    int r = make(backtest, &result, &err);
    char text[sizeof err.detail + sizeof err.hint + 4];
    (void)snprintf(text, sizeof text, "%s%s%s", err.detail, err.hint[0] != '\0' ? ". " : "",
                   err.hint);
    struct writing writing = {.backtest = backtest,
                              .state = r < 0 ? BACKTEST_FAILED : BACKTEST_DONE,
                              .result = r < 0 ? "" : result.data,
                              .why = r < 0 ? text : "",
                              .done = r < 0 ? 0 : backtest->until - backtest->begin};
    /* A row that cannot be written is shown as lost, and can be asked for again. */
    (void)!store_write(backtest->of->store, beat_tx, &writing, &why);
    struct backtests *of = backtest->of;
    g_free(backtest);
    lock_take(&of->lock);
    of->running = false;
    lock_give(&of->lock);
}

/* ---- asked for ---- */

static int check_rule(const char *name, const struct alert_rule **ret_rule, struct err *err) {
    *ret_rule = alert_rule_find(name);
    if (*ret_rule == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no rule \"%.60s\"", name);
        return err_hint(err, "`holdfast alert rules` lists them.");
    }
    struct tuning_sources sources = tuning_sources_of(*ret_rule);
    if (!tuning_can_be_tried(&sources)) {
        err_set(err, ERR_STATE,
                "%s is raised by what is not kept by the minute: it cannot be tried on the past",
                name);
        return err_hint(err, "`holdfast alert history --rule %s` shows what it has fired.", name);
    }
    return 0;
}

static int check_times(struct backtest *backtest, int64_t from_us, int64_t until_us,
                       struct err *err) {
    int64_t settled = (clock_wall_us() - FIGURE_SETTLE_S * US_PER_SECOND) / US_PER_MINUTE;
    backtest->from = from_us / US_PER_MINUTE;
    backtest->until = until_us > 0 ? until_us / US_PER_MINUTE : settled;
    backtest->until = MIN(backtest->until, settled);
    if (backtest->from < settled - (int64_t)ROLLUP_DAYS * MINUTES_PER_DAY) {
        err_set(err, ERR_VALIDATION, "minutes are kept for %d days", ROLLUP_DAYS);
        return err_place(err, "/since");
    }
    if (backtest->from >= backtest->until) {
        err_set(err, ERR_VALIDATION, "the time asked for is empty");
        err_place(err, "/since");
        return err_hint(err, "It ends with the last whole minute: ask for five minutes or more.");
    }
    return 0;
}

static int start(struct backtests *backtests, struct backtest *backtest, const char *actor,
                 struct err *err) {
    BUF_AUTO proposal;
    BUF_AUTO changes;
    buf_init(&proposal, CHANGES_BYTES_MAX);
    buf_init(&changes, CHANGES_BYTES_MAX);
    backtest->compares =
        tuning_changes(backtest->rule, &backtest->present, &backtest->proposed, &changes) > 0;
    tuning_text(backtest->rule, &backtest->proposed, &proposal);
    struct writing writing = {.backtest = backtest,
                              .proposal = proposal.data,
                              .changes = changes.data,
                              .actor = actor};
    int r = store_write(backtests->store, insert_tx, &writing, err);
    if (r < 0) {
        return r;
    }
    lock_take(&backtests->lock);
    backtests->task = task_start("backtest", STACK_BYTES, run_task, backtest);
    bool started = backtests->task != NULL;
    lock_give(&backtests->lock);
    return started ? 0
                   : err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
}

/* One at a time; the task of the one before is joined. */
static bool claim(struct backtests *backtests) {
    lock_take(&backtests->lock);
    bool free_now = !backtests->running;
    struct task *old = free_now ? backtests->task : NULL;
    backtests->task = free_now ? NULL : backtests->task;
    backtests->running = true;
    lock_give(&backtests->lock);
    if (old != NULL) {
        task_join(old);
    }
    return free_now;
}

int backtest_begin(struct backtests *backtests, const struct tuning_request *request,
                   int64_t from_us, int64_t until_us, const char *actor, char *ret_id,
                   struct err *err) {
    struct backtest *backtest = g_new0(struct backtest, 1);
    backtest->of = backtests;
    (void)snprintf(backtest->id, sizeof backtest->id, "%s", backtest_id_new().text);
    int r = check_rule(request->rule, &backtest->rule, err);
    r = r < 0 ? r : check_times(backtest, from_us, until_us, err);
    if (r >= 0) {
        tuning_values(backtests->tuning, &backtest->present);
        r = tuning_propose(backtests->tuning, request, &backtest->proposed, err);
    }
    if (r >= 0 && !claim(backtests)) {
        err_set(err, ERR_OVERLOADED, "another back-test runs here: one at a time");
        r = err_hint(err, "Ask again when it is done.");
        g_free(backtest);
        return r;
    }
    if (r >= 0) {
        (void)snprintf(ret_id, ID_TEXT_MAX, "%s", backtest->id);
        r = start(backtests, backtest, actor, err);
        if (r < 0) {
            lock_take(&backtests->lock);
            backtests->running = false;
            lock_give(&backtests->lock);
        }
    }
    if (r < 0) {
        g_free(backtest);
    }
    return r;
}
