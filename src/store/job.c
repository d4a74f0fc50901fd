/* SPDX-License-Identifier: Apache-2.0
 * job.c: the statements by which everybody adds, hastens, cancels and counts jobs. What runners do
 * to the rows is in job_row.c. */
#include "store/job.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"

static int check_text(const char *text, size_t chars_max, const char *what, struct err *err) {
    size_t chars = strlen(text);
    if (chars == 0) {
        return err_set(err, ERR_VALIDATION, "the job's %s is empty", what);
    }
    if (chars > chars_max) {
        return err_set(err, ERR_VALIDATION, "the job's %s has %zu bytes; at most %zu are allowed",
                       what, chars, chars_max);
    }
    return 0;
}

static int check_name(const char *kind, const char *key, struct err *err) {
    int result = check_text(kind, sizeof(((struct job *)NULL)->kind) - 1, "kind", err);
    return result != 0 ? result : check_text(key, JOB_KEY_CHARS_MAX, "key", err);
}

#define INSERT_JOB                                                                                 \
    "INSERT INTO job (kind, key, id, due_us, attempts, lost, lease, hasten_us, parked_us,"         \
    " created_us, last_error, payload) VALUES ($1, $2, $3, $4, 0, 0, '', 0, 0, $5, '', $6)"        \
    " ON CONFLICT (kind, key) DO NOTHING"

static int check_job(const char *kind, const char *key, const char *payload, struct err *err) {
    int result = check_name(kind, key, err);
    if (result == 0 && strlen(payload) > JOB_PAYLOAD_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE,
                       "the job's payload has %zu bytes; at most %d are allowed", strlen(payload),
                       JOB_PAYLOAD_BYTES_MAX);
    }
    return result;
}

int job_add(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
            const char *payload, struct err *err) {
    const char *text = payload != NULL ? payload : "";
    int result = check_job(kind, key, text, err);
    if (result != 0) {
        return result;
    }
    struct job_id id = job_id_new();
    return (int)sql_exec(tx, err, INSERT_JOB, S_TEXT(kind), S_TEXT(key), S_TEXT(id.text),
                         S_INT(due_us), S_INT(clock_wall_us()), S_TEXT(text));
}

int job_put(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
            const char *payload, struct err *err) {
    const char *text = payload != NULL ? payload : "";
    int result = check_job(kind, key, text, err);
    if (result != 0) {
        return result;
    }
    struct job_id id = job_id_new();
    return sql_put(tx, err, INSERT_JOB, S_TEXT(kind), S_TEXT(key), S_TEXT(id.text), S_INT(due_us),
                   S_INT(clock_wall_us()), S_TEXT(text));
}

int job_hasten(struct store_tx *tx, const char *kind, const char *key, int64_t due_us,
               struct err *err) {
    int result = check_name(kind, key, err);
    if (result != 0) {
        return result;
    }
    /* 0 stands for "not hastened", so the earliest moment is 1. */
    return (int)sql_exec(tx, err,
                         "UPDATE job SET"
                         " hasten_us = CASE WHEN lease = '' THEN 0"
                         "  WHEN hasten_us <> 0 AND hasten_us < $3 THEN hasten_us ELSE $3 END,"
                         " due_us = CASE WHEN lease <> '' THEN due_us"
                         "  WHEN parked_us = 0 AND due_us < $3 THEN due_us ELSE $3 END,"
                         " attempts = CASE WHEN parked_us <> 0 THEN 0 ELSE attempts END,"
                         " parked_us = 0"
                         " WHERE kind = $1 AND key = $2",
                         S_TEXT(kind), S_TEXT(key), S_INT(due_us > 0 ? due_us : 1));
}

int job_cancel(struct store_tx *tx, const char *kind, const char *key, struct err *err) {
    int result = check_name(kind, key, err);
    if (result != 0) {
        return result;
    }
    /* A lease that ran out is nobody's. */
    return (int)sql_exec(tx, err,
                         "DELETE FROM job WHERE kind = $1 AND key = $2"
                         " AND (lease = '' OR due_us <= $3)",
                         S_TEXT(kind), S_TEXT(key), S_INT(clock_wall_us()));
}

#define COUNT_COLUMNS                                                                              \
    "SELECT COUNT(CASE WHEN parked_us = 0 AND lease = '' AND due_us > $1 THEN 1 END),"             \
    " COUNT(CASE WHEN parked_us = 0 AND due_us <= $1 THEN 1 END),"                                 \
    " COUNT(CASE WHEN parked_us = 0 AND lease <> '' AND due_us > $1 THEN 1 END),"                  \
    " COUNT(CASE WHEN parked_us <> 0 THEN 1 END),"                                                 \
    " MIN(CASE WHEN parked_us = 0 AND due_us <= $1 THEN due_us END) FROM job"

int job_count(struct store_tx *tx, const char *kind, int64_t now_us, struct job_counts *ret_counts,
              struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int result = kind == NULL ? sql_query(tx, err, &rows, COUNT_COLUMNS, S_INT(now_us))
                              : sql_query(tx, err, &rows, COUNT_COLUMNS " WHERE kind = $2",
                                          S_INT(now_us), S_TEXT(kind));
    if (result != 0) {
        return result;
    }
    result = sql_next(rows, err);
    if (result < 0) {
        return result;
    }
    INVARIANT(result == 1, "an aggregate has one row");
    *ret_counts = (struct job_counts){
        .waiting = sql_int(rows, 0),
        .due = sql_int(rows, 1),
        .running = sql_int(rows, 2),
        .parked = sql_int(rows, 3),
        .oldest_due_us = sql_int(rows, 4),
    };
    return 0;
}
