/* SPDX-License-Identifier: Apache-2.0
 * store_record.c: what a store remembers of its own work. */
#include "store/store_record.h"

void record_init(struct record *record) {
    lock_init(&record->lock);
    record->slow_count = 0;
    for (int i = 0; i < RECORD_RUNS_MAX; i++) {
        atomic_init(&record->runs[i].began_us, 0);
        atomic_init(&record->runs[i].sql, NULL);
        atomic_init(&record->runs[i].writes, false);
    }
}

void record_release(struct record *record) {
    lock_free(&record->lock);
}

struct record_run *record_begin(struct record *record, bool writes) {
    int64_t now_us = clock_mono_us();
    for (int i = 0; i < RECORD_RUNS_MAX; i++) {
        struct record_run *run = &record->runs[i];
        int64_t nobody = 0;
        if (atomic_load_explicit(&run->began_us, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&run->began_us, &nobody, now_us)) {
            atomic_store(&run->sql, NULL);
            atomic_store(&run->writes, writes);
            return run;
        }
    }
    return NULL;
}

void record_end(struct record_run *run) {
    if (run != NULL) {
        atomic_store(&run->began_us, 0);
    }
}

/* Its place; when all are taken, that of the one which has been quick for longest. */
static struct slow_statement *place_of(struct record *record, const char *sql) {
    struct slow_statement *oldest = &record->slow[0];
    for (int i = 0; i < record->slow_count; i++) {
        if (record->slow[i].sql == sql) {
            return &record->slow[i];
        }
        oldest = record->slow[i].last_us < oldest->last_us ? &record->slow[i] : oldest;
    }
    if (record->slow_count < RECORD_SLOW_MAX) {
        oldest = &record->slow[record->slow_count++];
    }
    *oldest = (struct slow_statement){.sql = sql};
    return oldest;
}

void record_slow(struct record *record, const char *sql, int64_t took_us) {
    lock_take(&record->lock);
    struct slow_statement *statement = place_of(record, sql);
    statement->calls++;
    statement->total_us += took_us;
    statement->max_us = took_us > statement->max_us ? took_us : statement->max_us;
    statement->last_us = clock_wall_us();
    lock_give(&record->lock);
}
