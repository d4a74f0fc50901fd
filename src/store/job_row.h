/* SPDX-License-Identifier: Apache-2.0
 * job_row.h: what leasing a job and reporting its run do to its row. Internal to store/; everybody
 * else uses job.h. The columns are explained in migrations/0002_jobs_audit.sql.
 *
 *            job_add            job_lease                    report
 *   (none) ---------> waiting ------------> leased --+-- done, not hastened --> (row deleted)
 *                        ^                    |      +-- done, hastened ------> waiting
 *                        |   lease runs out   |      +-- again, failed -------> waiting
 *                        +--------------------+      +-- failed for the last time, not hastened
 *                        |                                                         |
 *                        +------------------ job_hasten ----------- parked <-------+
 *
 * Invariants:
 *   1. Every change by a runner names the lease it holds. Who lost his lease changes nothing.
 *   2. hasten_us is not 0 only while the row is leased: a hasten that came during the run. The same
 *      statement that would end the job looks at it, so that no hasten is lost between them.
 *   3. due_us of a leased row is the lease's end, so that a crash needs no repair. */
#ifndef HOLDFAST_STORE_JOB_ROW_H
#define HOLDFAST_STORE_JOB_ROW_H

#include "base/id.h"
#include "store/job.h"

enum {
    JOB_LEASE_CHARS = 40,
    JOB_LOST_MAX = 20,         /* leases lost in a row before a run counts as failed */
    JOB_ERROR_CHARS_MAX = 500, /* of last_error */
};
/* How long a leased job may wait for a worker, on top of its kind's lease_us. */
#define JOB_QUEUE_US INT64_C(5000000)

enum job_report {
    JOB_DONE,
    JOB_AGAIN,     /* at due_us, no attempt counted */
    JOB_FAILED,    /* at due_us, one attempt more */
    JOB_PARK,      /* failed for the last time */
    JOB_UNTOUCHED, /* given back without having been run; due_us is what it was */
};

/* One leased job on its way through the runner. */
struct job_run {
    struct job_run *next;
    struct job job; /* its payload is owned */
    const struct job_kind *kind;
    int lane; /* the kind's index in the runner */
    char lease[JOB_LEASE_CHARS];
    int64_t lost;
    int64_t leased_mono_us;
    enum job_report report;
    int64_t due_us;  /* for the report; afterwards when it is due next, INT64_MAX: never */
    bool again_soon; /* after the report: a hasten had come */
    struct err why;
};
void job_run_free(struct job_run *run); /* NULL is fine */
void job_run_list_free(struct job_run *run);

/* What to lease of one kind. */
struct job_want {
    const struct job_kind *kind;
    int lane;
    int limit; /* 0: nothing */
    /* Filled: */
    int leased;
    int64_t next_due_us; /* of what is not due yet; INT64_MAX: none; 0: there may be more due now */
};
/* A statement that asks for all kinds at once when something is due: g_free(). A runner makes it
 * once and keeps it, because prepared statements are known by their address. */
char *job_dues_sql(int kinds);
/* Asks it: fills next_due_us of each want with when its next job is or was due. */
MUST_USE int job_look(struct store *store, const char *dues_sql, struct job_want *wants, int count,
                      struct err *err);
/* Leases what is due at now_us in one transaction and returns the list, oldest of each kind first;
 * NULL when nothing is due. `lease` names this call: no two are the same. `dues_sql` is that of as
 * many kinds, or NULL: then each is asked for what is due. */
MUST_USE int job_lease(struct store *store, const char *dues_sql, struct job_want *wants, int count,
                       int64_t now_us, const char *lease, struct job_run **ret_runs,
                       struct err *err);

/* Runs the handler and fills report, due_us and why. */
void job_run_handle(struct job_run *run);
/* Writes the reports of a list in one transaction. One with JOB_PARK stands alone in its list. */
MUST_USE int job_report(struct store *store, struct job_run *runs, struct err *err);
/* After a parked hook refused: the job is tried again after its backoff instead. */
void job_run_unpark(struct job_run *run);

/* Frees every lease of these kinds: for a store that only this process can have open. */
MUST_USE int job_leases_break(struct store *store, const struct job_kind *kinds, int count,
                              int64_t now_us, struct err *err);

#endif
