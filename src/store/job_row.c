/* SPDX-License-Identifier: Apache-2.0
 * job_row.c: leasing jobs, running one, reporting what came of it. See job_row.h for the states. */
#include "store/job_row.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/pan.h"
#include "base/plant.h"
#include "base/random.h"
#include "store/store_impl.h"

void job_run_free(struct job_run *run) {
    if (run != NULL) {
        g_free(run->job.payload);
        g_free(run);
    }
}

void job_run_list_free(struct job_run *run) {
    while (run != NULL) {
        struct job_run *next = run->next;
        job_run_free(run);
        run = next;
    }
}

/* Looking and leasing. */

struct leasing {
    struct job_want *wants;
    int count;
    int64_t now_us;
    const char *lease, *dues_sql;
    struct job_run *runs;
    struct job_run **tail;
};

static struct job_run *run_read(const struct sql_rows *rows, const struct job_want *want) {
    struct job_run *run = g_new0(struct job_run, 1);
    run->kind = want->kind;
    run->lane = want->lane;
    (void)snprintf(run->job.kind, sizeof(run->job.kind), "%s", want->kind->name);
    (void)snprintf(run->job.key, sizeof(run->job.key), "%s", sql_text(rows, 0));
    (void)snprintf(run->job.id, sizeof(run->job.id), "%s", sql_text(rows, 1));
    run->job.due_us = sql_int(rows, 2);
    run->job.attempts = (int)sql_int(rows, 3);
    /* A lease that is still there was lost: a crash, or a run that took too long. */
    run->lost = sql_int(rows, 4) + (sql_text(rows, 5)[0] != '\0');
    run->job.created_us = sql_int(rows, 6);
    run->job.payload = g_strdup(sql_text(rows, 7));
    return run;
}

/* Appends what is due to the list; not yet leased, but locked against other runners. */
static int due_read(struct store_tx *tx, struct leasing *leasing, struct job_want *want,
                    struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows,
                           "SELECT key, id, due_us, attempts, lost, lease, created_us, payload"
                           " FROM job WHERE kind = $1 AND parked_us = 0 AND due_us <= $2"
                           " ORDER BY due_us LIMIT $3 FOR UPDATE SKIP LOCKED",
                           S_TEXT(want->kind->name), S_INT(leasing->now_us), S_INT(want->limit));
    if (result != 0) {
        return result;
    }
    while ((result = sql_next(rows, err)) > 0) {
        if (PLANTED(LEASE_LOST) && sql_text(rows, 5)[0] != '\0') {
            continue;
        }
        struct job_run *run = run_read(rows, want);
        *leasing->tail = run;
        leasing->tail = &run->next;
        want->leased++;
    }
    return result;
}

static int next_due_read(struct store_tx *tx, int64_t now_us, struct job_want *want,
                         struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows,
                           "SELECT due_us FROM job WHERE kind = $1 AND parked_us = 0"
                           " AND due_us > $2 ORDER BY due_us LIMIT 1",
                           S_TEXT(want->kind->name), S_INT(now_us));
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result < 0) {
        return result;
    }
    want->next_due_us = result == 1 ? sql_int(rows, 0) : INT64_MAX;
    return 0;
}

static int lease_write(struct store_tx *tx, const char *lease, struct job_run *run,
                       struct err *err) {
    (void)snprintf(run->lease, sizeof(run->lease), "%s", lease);
    run->leased_mono_us = clock_mono_us();
    int64_t now_us = clock_wall_us();
    return sql_put(tx, err,
                   "UPDATE job SET lease = $3, due_us = $4, lost = $5,"
                   " hasten_us = CASE WHEN hasten_us <= $6 THEN 0 ELSE hasten_us END"
                   " WHERE kind = $1 AND key = $2",
                   S_TEXT(run->job.kind), S_TEXT(run->job.key), S_TEXT(run->lease),
                   S_INT(now_us + run->kind->lease_us + JOB_QUEUE_US), S_INT(run->lost),
                   S_INT(now_us));
}

char *job_dues_sql(int kinds) {
    GString *sql = g_string_new("SELECT k.column1, (SELECT j.due_us FROM job j WHERE j.kind ="
                                " k.column2 AND j.parked_us = 0 ORDER BY j.due_us LIMIT 1)"
                                " FROM (VALUES ");
    INVARIANT(kinds <= SQL_ARGS_MAX, "a statement has room for each kind of job");
    for (int i = 0; i < kinds; i++) {
        g_string_append_printf(sql, "%s(%d, $%d)", i > 0 ? ", " : "", i, i + 1);
    }
    g_string_append(sql, ") AS k");
    return g_string_free(sql, FALSE);
}

struct looking {
    const char *dues_sql;
    struct job_want *wants;
    int count;
};

/* Mostly nothing is due, and nothing else needs to be asked. */
static int dues_read(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    struct sql_arg args[SQL_ARGS_MAX];
    for (int i = 0; i < looking->count; i++) {
        args[i] = S_TEXT(looking->wants[i].kind->name);
    }
    int result = sql_query_args(tx, err, &rows, looking->dues_sql, args, looking->count);
    while (result >= 0 && (result = sql_next(rows, err)) > 0) {
        looking->wants[sql_int(rows, 0)].next_due_us = sql_null(rows, 1) ? INT64_MAX
                                                                         : sql_int(rows, 1);
    }
    return result;
}

int job_look(struct store *store, const char *dues_sql, struct job_want *wants, int count,
             struct err *err) {
    struct looking looking = {.dues_sql = dues_sql, .wants = wants, .count = count};
    return store_read(store, dues_read, &looking, err);
}

static int want_lease(struct store_tx *tx, struct leasing *leasing, struct job_want *want,
                      struct err *err) {
    if (want->limit == 0 || want->next_due_us > leasing->now_us) {
        return 0;
    }
    want->next_due_us = 0;
    int result = due_read(tx, leasing, want, err);
    if (result == 0 && want->leased < want->limit) {
        result = next_due_read(tx, leasing->now_us, want, err);
    }
    return result;
}

static int lease_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct leasing *leasing = ctx;
    job_run_list_free(leasing->runs); /* of a try before this one */
    leasing->runs = NULL;
    leasing->tail = &leasing->runs;
    int result = 0;
    for (int i = 0; i < leasing->count; i++) {
        leasing->wants[i].leased = 0;
        leasing->wants[i].next_due_us = 0;
    }
    if (leasing->dues_sql != NULL) {
        struct looking looking = {
            .dues_sql = leasing->dues_sql, .wants = leasing->wants, .count = leasing->count};
        result = dues_read(tx, &looking, err);
    }
    for (int i = 0; result == 0 && i < leasing->count; i++) {
        result = want_lease(tx, leasing, &leasing->wants[i], err);
    }
    for (struct job_run *run = leasing->runs; result == 0 && run != NULL; run = run->next) {
        result = lease_write(tx, leasing->lease, run, err);
    }
    return result;
}

int job_lease(struct store *store, const char *dues_sql, struct job_want *wants, int count,
              int64_t now_us, const char *lease, struct job_run **ret_runs, struct err *err) {
    struct leasing leasing = {
        .dues_sql = dues_sql, .wants = wants, .count = count, .now_us = now_us, .lease = lease};
    int result = store_write(store, lease_fn, &leasing, err);
    if (result != 0) {
        job_run_list_free(leasing.runs); /* if they were leased after all, the leases run out */
        return result;
    }
    *ret_runs = leasing.runs;
    return 0;
}

/* Running. */

/* ±20 %, so that jobs that failed together do not come back together. */
static int64_t jitter_us(int64_t delay_us) {
    int64_t fifth = delay_us / 5;
    return delay_us - fifth + (int64_t)random_below((uint64_t)(2 * fifth) + 1);
}

static int64_t backoff_us(const struct job_kind *kind, int attempts) {
    int row = attempts < kind->backoff_count ? attempts : kind->backoff_count - 1;
    return jitter_us(kind->backoff_us[row]);
}

static void run_failed(struct job_run *run) {
    bool last = run->kind->attempts_max > 0 && run->job.attempts + 1 >= run->kind->attempts_max;
    run->report = last ? JOB_PARK : JOB_FAILED;
    run->due_us = clock_wall_us() + backoff_us(run->kind, run->job.attempts);
}

void job_run_unpark(struct job_run *run) {
    run->report = JOB_FAILED;
    run->due_us = clock_wall_us() + backoff_us(run->kind, run->job.attempts);
}

void job_run_handle(struct job_run *run) {
    err_clear(&run->why);
    if (run->lost >= JOB_LOST_MAX) {
        (void)err_set(&run->why, ERR_INTERNAL, "its last %" PRId64 " runs never ended", run->lost);
        run_failed(run);
        return;
    }
    int64_t again_us = 0;
    int result = run->kind->run(run->kind->ctx, &run->job, &again_us, &run->why);
    if (result < 0) {
        if (run->why.code == ERR_OK) {
            (void)err_set(&run->why, (enum err_code) - result, "the handler gave no reason");
        }
        run_failed(run);
        return;
    }
    run->report = again_us != 0 ? JOB_AGAIN : JOB_DONE;
    run->due_us = again_us;
}

/* Reporting. */

/* What is kept of an error: valid text without card numbers. */
static char *error_text(const struct err *why) {
    char text[JOB_ERROR_CHARS_MAX];
    (void)snprintf(text, sizeof(text), "%s: %s", err_name(why->code), why->detail);
    (void)pan_mask(text, strlen(text));
    return g_utf8_make_valid(text, -1);
}

/* Ends a run that was hastened meanwhile, or whose lease is lost: then nothing happens. */
static int hastened_write(struct store_tx *tx, struct job_run *run, const char *error,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows,
                           "UPDATE job SET lease = '', due_us = hasten_us, hasten_us = 0,"
                           " attempts = 0, lost = 0, last_error = $4"
                           " WHERE kind = $1 AND key = $2 AND lease = $3 RETURNING due_us",
                           S_TEXT(run->job.kind), S_TEXT(run->job.key), S_TEXT(run->lease),
                           S_TEXT(error));
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result < 0) {
        return result;
    }
    run->again_soon = result == 1;
    run->due_us = result == 1 ? sql_int(rows, 0) : INT64_MAX;
    return 0;
}

static int done_write(struct store_tx *tx, struct job_run *run, struct err *err) {
    int64_t gone = sql_exec(tx, err,
                            "DELETE FROM job WHERE kind = $1 AND key = $2 AND lease = $3"
                            " AND hasten_us = 0",
                            S_TEXT(run->job.kind), S_TEXT(run->job.key), S_TEXT(run->lease));
    if (gone < 0) {
        return (int)gone;
    }
    if (gone > 0) {
        run->due_us = INT64_MAX;
        return 0;
    }
    return hastened_write(tx, run, "", err);
}

/* Makes it wait until run->due_us, or until the hasten that came meanwhile if that is earlier. */
static int waiting_write(struct store_tx *tx, struct job_run *run, int64_t due_us, int attempts,
                         int64_t lost, const char *error, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = sql_query(tx, err, &rows,
                           "UPDATE job SET lease = '', hasten_us = 0, attempts = $4, lost = $5,"
                           " last_error = COALESCE($6, last_error),"
                           " due_us = CASE WHEN hasten_us <> 0 AND hasten_us < $7 THEN hasten_us"
                           "  ELSE $7 END"
                           " WHERE kind = $1 AND key = $2 AND lease = $3 RETURNING due_us",
                           S_TEXT(run->job.kind), S_TEXT(run->job.key), S_TEXT(run->lease),
                           S_INT(attempts), S_INT(lost), S_TEXT(error), S_INT(due_us));
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result < 0) {
        return result;
    }
    run->again_soon = result == 1 && sql_int(rows, 0) < due_us;
    run->due_us = result == 1 ? sql_int(rows, 0) : INT64_MAX;
    return 0;
}

static int park_write(struct store_tx *tx, struct job_run *run, const char *error,
                      struct err *err) {
    int64_t parked = sql_exec(tx, err,
                              "UPDATE job SET lease = '', parked_us = $4, attempts = $5, lost = 0,"
                              " last_error = $6"
                              " WHERE kind = $1 AND key = $2 AND lease = $3 AND hasten_us = 0",
                              S_TEXT(run->job.kind), S_TEXT(run->job.key), S_TEXT(run->lease),
                              S_INT(clock_wall_us()), S_INT(run->job.attempts + 1), S_TEXT(error));
    if (parked < 0) {
        return (int)parked;
    }
    if (parked == 0) {
        return hastened_write(tx, run, error, err);
    }
    run->due_us = INT64_MAX;
    if (run->kind->parked == NULL) {
        return 0;
    }
    return run->kind->parked(tx, run->kind->ctx, &run->job, &run->why, err);
}

static int report_write(struct store_tx *tx, struct job_run *run, int64_t due_us, struct err *err) {
    const struct job *job = &run->job;
    run->again_soon = false;
    switch (run->report) {
    case JOB_DONE:
        return done_write(tx, run, err);
    case JOB_AGAIN:
        return waiting_write(tx, run, due_us, job->attempts, 0, "", err);
    case JOB_UNTOUCHED:
        return waiting_write(tx, run, due_us, job->attempts, run->lost, NULL, err);
    case JOB_FAILED:
    case JOB_PARK:
        break;
    }
    char *error = error_text(&run->why);
    int result = run->report == JOB_PARK
                     ? park_write(tx, run, error, err)
                     : waiting_write(tx, run, due_us, job->attempts + 1, 0, error, err);
    g_free(error);
    return result;
}

struct reporting {
    struct job_run *runs;
    int64_t *due_us; /* as the runs gave them: a second try of the transaction starts from these */
};

static int report_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct reporting *reporting = ctx;
    int64_t *due_us = reporting->due_us;
    for (struct job_run *run = reporting->runs; run != NULL; run = run->next) {
        int result = report_write(tx, run, *due_us++, err);
        if (result != 0) {
            return result < 0 ? result : err_set(err, ERR_INTERNAL, "a hook returned %d", result);
        }
    }
    return 0;
}

int job_report(struct store *store, struct job_run *runs, struct err *err) {
    size_t count = 0;
    for (struct job_run *run = runs; run != NULL; run = run->next) {
        count++;
    }
    struct reporting reporting = {runs, g_new(int64_t, count)};
    count = 0;
    for (struct job_run *run = runs; run != NULL; run = run->next) {
        reporting.due_us[count++] = run->due_us;
    }
    int result = store_write(store, report_fn, &reporting, err);
    count = 0;
    for (struct job_run *run = runs; result != 0 && run != NULL; run = run->next) {
        run->due_us = reporting.due_us[count++];
    }
    g_free(reporting.due_us);
    return result;
}

/* At the start. */

struct breaking {
    const struct job_kind *kinds;
    int count;
    int64_t now_us;
};

static int break_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct breaking *breaking = ctx;
    for (int i = 0; i < breaking->count; i++) {
        int result = sql_put(tx, err,
                             "UPDATE job SET due_us = $2 WHERE kind = $1 AND lease <> ''"
                             " AND due_us > $2",
                             S_TEXT(breaking->kinds[i].name), S_INT(breaking->now_us));
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int job_leases_break(struct store *store, const struct job_kind *kinds, int count, int64_t now_us,
                     struct err *err) {
    struct breaking breaking = {kinds, count, now_us};
    return store_write(store, break_fn, &breaking, err);
}
