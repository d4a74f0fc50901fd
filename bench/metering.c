/* SPDX-License-Identifier: Apache-2.0
 * metering.c: what it costs to record an outcome (src/meter/slices.h): time, allocations, memory.
 * usage: bench_metering TASKS EVENTS: prints one line of figures for each measurement:
 *   slices COUNT bytes BYTES resident BYTES      all slices there: their memory, and what of it is
 *                                                used after one event each
 *   mixed TASKS ns NANOSECONDS                   an event's processor time: eight of ten on 200
 *                                                slices, as traffic has it, the rest on all
 *   uniform TASKS ns NANOSECONDS                 all slices alike: nothing is ever in a cache
 *   same TASKS ns NANOSECONDS                    all tasks on one slice
 *   allocations COUNT                            of two such runs, after the slices were made
 * Events are handed on to a detector as well: every 8,192 of them somebody takes what waits, which
 * is not recording and not counted. */
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/task.h"
#include "meter/meter.h"
#include "meter/slices.h"

enum { TASKS_MAX = 64, CUSTOMERS = 50000, TAKEN_EACH = 8192 };
enum { GATEWAYS = 10, METHODS = 10, REGIONS = 10, CURRENCIES = 8 };
enum { COUNTED_SLICES = 9700, BUSY_SLICES = 200, CODES = 12 }; /* below where folding begins */

/* Every allocation of the program comes by here; counted while `counting`. */
static _Atomic int64_t allocations;
static _Atomic bool counting;
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
static void count_one(void) {
    if (atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add(&allocations, 1);
    }
}
void *malloc(size_t bytes) {
    count_one();
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    count_one();
    return __libc_calloc(count, bytes);
}
void *realloc(void *memory, size_t bytes) {
    count_one();
    return __libc_realloc(memory, bytes);
}

static char gateways[GATEWAYS][16], methods[METHODS][16], regions[REGIONS][4], codes[CODES][24];
static char currencies[CURRENCIES][4];
static char segments[2][8] = {"retail", "whole"};

static void event_of(int number, struct slice_event *ret_event) {
    *ret_event = (struct slice_event){
        .operation = SLICE_CHARGE,
        .outcome = (enum slice_outcome)(number % 10 == 0   ? SLICE_FAILED
                                        : number % 10 == 1 ? SLICE_DECLINED
                                                           : SLICE_OK),
        .labels = {gateways[number % GATEWAYS], methods[number / 10 % METHODS],
                   regions[number / 100 % REGIONS], currencies[number / 1000 % CURRENCIES],
                   segments[number / 8000 % 2]},
        .code = codes[number % CODES],
        .duration_us = 80 * US_PER_MS + number % 1000 * US_PER_MS,
        .amount_minor = 1999,
        .customer = 1 + (uint64_t)(number * 7919) % CUSTOMERS,
    };
}

struct run {
    int events, first;
    enum { MIXED, UNIFORM, SAME } over;
    int64_t took_us;
};

static int slice_of(const struct run *run, int i) {
    if (run->over == SAME) {
        return 0;
    }
    bool busy = run->over == MIXED && i % 10 < 8;
    /* Strides that no cache line likes: each event finds another slice than the one before. */
    return (int)((run->first + (int64_t)i * 4001) % (busy ? BUSY_SLICES : COUNTED_SLICES));
}

/* What this thread has had of a processor: whoever else is on the machine does not count. */
static int64_t thread_us(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) {
        abort();
    }
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

/* As a detector does, which has one task for it. */
static struct lock taking;

static void take_all(void) {
    static struct slice_seen seen[256];
    lock_take(&taking);
    while (slice_events_take(seen, (int)(sizeof seen / sizeof seen[0])) > 0) {
    }
    lock_give(&taking);
}

static void record(void *arg) {
    struct run *run = arg;
    run->took_us = 0;
    for (int i = 0; i < run->events;) {
        int64_t began = thread_us();
        for (int end = i + TAKEN_EACH < run->events ? i + TAKEN_EACH : run->events; i < end; i++) {
            struct slice_event event;
            event_of(slice_of(run, i), &event);
            slice_record(&event);
        }
        run->took_us += thread_us() - began;
        take_all();
    }
}

static void measure(const char *name, int tasks, int events, int over) {
    struct run runs[TASKS_MAX];
    struct task *started[TASKS_MAX];
    for (int i = 0; i < tasks; i++) {
        runs[i] = (struct run){.events = events, .first = i * 131, .over = over};
        started[i] = task_start("record", 0, record, &runs[i]);
    }
    int64_t took_us = 0;
    for (int i = 0; i < tasks; i++) {
        task_join(started[i]);
        took_us += runs[i].took_us;
    }
    printf("%s %d ns %.1f\n", name, tasks, 1000.0 * (double)took_us / ((double)events * tasks));
}

static int64_t resident_bytes(void) {
    long long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lld %lld", &pages, &resident) != 2) {
        fprintf(stderr, "/proc/self/statm cannot be read\n");
        exit(1);
    }
    fclose(file);
    return (int64_t)resident * 4096;
}

int main(int argc, char **argv) {
    int tasks = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2;
    int events = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3000000;
    if (tasks < 1 || tasks > TASKS_MAX || events < 1) {
        fprintf(stderr, "usage: bench_metering TASKS EVENTS\n");
        return 2;
    }
    for (int i = 0; i < GATEWAYS; i++) {
        snprintf(gateways[i], sizeof gateways[i], "gateway-%d", i);
        snprintf(methods[i], sizeof methods[i], "method_%d", i);
        snprintf(regions[i], sizeof regions[i], "R%c", 'A' + i);
        snprintf(currencies[i % CURRENCIES], sizeof currencies[0], "XX%c", 'A' + i % CURRENCIES);
    }
    for (int i = 0; i < CODES; i++) {
        snprintf(codes[i], sizeof codes[i], "common_code_%d", i);
    }
    lock_init(&taking);
    meter_init();
    slice_events_want(1U << SLICE_CHARGE);
    int64_t before = resident_bytes();
    for (int i = 0; i < COUNTED_SLICES; i++) {
        struct slice_event event;
        event_of(i, &event);
        slice_record(&event);
    }
    printf("slices %d bytes %lld resident %lld\n", slices_count(), (long long)slices_bytes(),
           (long long)(resident_bytes() - before));
    atomic_store(&counting, true);
    struct run one = {.events = events, .over = UNIFORM};
    record(&one);
    one.over = MIXED;
    record(&one);
    atomic_store(&counting, false); /* starting a task allocates */
    static const char *const names[] = {"mixed", "uniform", "same"};
    for (int over = MIXED; over <= SAME; over++) {
        measure(names[over], 1, events, over);
        measure(names[over], tasks, events, over);
    }
    printf("allocations %lld\n", (long long)atomic_load(&allocations));
    printf("folded %lld missed %lld\n", (long long)slices_folded(),
           (long long)slice_events_missed());
    return 0;
}
