/* SPDX-License-Identifier: Apache-2.0
 * store_record.h: what a store remembers of its own work, for people who look for what is slow:
 * statements that took long, and the runs that are under way. Nobody outside src/store includes it.
 *
 * A statement counts from its start until its answer is there, or its cursor closed: what its
 * caller waited, so waiting for locks and for the network is in it. A statement is known by the
 * address of its text, which is a literal (store.h).
 * Threads: any. Owns: nothing but itself. Cannot fail; what there is no room for is not kept. */
#ifndef HOLDFAST_STORE_STORE_RECORD_H
#define HOLDFAST_STORE_STORE_RECORD_H

#include "base/clock.h"
#include "base/task.h"

#include <stdatomic.h>

enum { RECORD_SLOW_MAX = 64, RECORD_RUNS_MAX = 128 };
/* From here on a statement is worth remembering. */
#define RECORD_SLOW_US (10 * US_PER_MS)

struct slow_statement {
    const char *sql;
    int64_t calls, total_us, max_us; /* of the calls that were slow */
    int64_t last_us;                 /* wall */
};

/* One run of a transaction's function, or a COMMIT; free while `began_us` is 0. */
struct record_run {
    _Atomic int64_t began_us;  /* mono */
    _Atomic(const char *) sql; /* the last statement, NULL: none yet */
    atomic_bool writes;
};

struct record {
    struct lock lock; /* guards the statements */
    struct slow_statement slow[RECORD_SLOW_MAX];
    int slow_count;
    struct record_run runs[RECORD_RUNS_MAX];
};

void record_init(struct record *record);
void record_release(struct record *record);

/* A run begins. NULL: there are more than are kept. */
struct record_run *record_begin(struct record *record, bool writes);
void record_end(struct record_run *run); /* NULL is fine */
void record_slow(struct record *record, const char *sql, int64_t took_us);

/* A statement begins; gives its beginning for record_took(). */
static inline int64_t record_statement(struct record_run *run, const char *sql) {
    if (run != NULL) {
        atomic_store_explicit(&run->sql, sql, memory_order_relaxed);
    }
    return clock_mono_us();
}
static inline void record_took(struct record *record, const char *sql, int64_t began_us) {
    int64_t took_us = clock_mono_us() - began_us;
    if (took_us >= RECORD_SLOW_US) {
        record_slow(record, sql, took_us);
    }
}

#endif
