/* SPDX-License-Identifier: Apache-2.0
 * rollup.c: minutes in memory, and the two threads. */
#include "watch/rollup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "watch/rollup_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
#define TAKE_US US_PER_SECOND
#define WRITE_US (5 * US_PER_SECOND)
#define WRITE_AGAIN_US (20 * US_PER_SECOND) /* after a failure */
#define PRUNE_US (3600 * US_PER_SECOND)
enum { TEXTS_BYTES_MAX = 16384, MINUTES_PER_DAY = 24 * 60 };

int rollup_open(struct store *store, int64_t kept_bytes, struct rollup **ret_rollup,
                struct err *err) {
    struct rollup *rollup = calloc(1, sizeof(*rollup));
    if (rollup == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the roll-ups");
    }
    rollup->store = store;
    rollup->kept_bytes_max = kept_bytes > 0 ? kept_bytes : ROLLUP_KEPT_BYTES;
    rollup->life = random_u64();
    rollup->known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    lock_init(&rollup->lock);
    cond_init(&rollup->wake);
    *ret_rollup = rollup;
    return 0;
}

void rollup_close(struct rollup *rollup) {
    if (rollup == NULL) {
        return;
    }
    rollup_stop(rollup);
    while (rollup->oldest != NULL) {
        struct kept_row *next = rollup->oldest->next;
        free(rollup->oldest);
        rollup->oldest = next;
    }
    g_hash_table_destroy(rollup->known);
    cond_free(&rollup->wake);
    lock_free(&rollup->lock);
    free(rollup);
}

/* ---- taking ---- */

static struct kept_row *row_new(const struct slice *slice, const struct slice_minute *minute,
                                int64_t writer) {
    struct metric_sum sum = {0};
    metric_sum_add_minute(&sum, minute);
    size_t starts[SLICE_DIMENSIONS + 1];
    BUF_AUTO texts;
    buf_init(&texts, TEXTS_BYTES_MAX);
    metric_durations_write(&texts, &sum);
    buf_add_char(&texts, '\0');
    starts[SLICE_DIMENSIONS] = texts.len;
    metric_codes_write(&texts, &sum);
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        /* A label may have been cut within a character. */
        char *label = g_utf8_make_valid(slice_label(slice, (enum slice_dimension)i), -1);
        buf_add_char(&texts, '\0');
        starts[i] = texts.len;
        buf_add_text(&texts, label);
        g_free(label);
    }
    INVARIANT(buf_ok(&texts), "a minute's text has a maximum");
    size_t bytes = sizeof(struct kept_row) + texts.len + 1;
    struct kept_row *row = malloc(bytes);
    if (row == NULL) {
        return NULL;
    }
    *row = (struct kept_row){
        .slice = slice_id(slice),
        .operation = slice_operation_of(slice),
        .minute = minute->minute,
        .writer = writer,
        .counts = minute->counts,
        .ok_minor = minute->ok_minor,
        .lost_minor = minute->lost_minor,
        .duration_us = minute->duration_us,
        .bytes = (uint32_t)bytes,
        .codes = row->texts + starts[SLICE_DIMENSIONS],
    };
    memcpy(row->texts, texts.data, texts.len + 1);
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        row->labels[i] = row->texts + starts[i];
    }
    return row;
}

struct taking {
    struct rollup *rollup;
    int64_t writer;
};

static void take_one(void *ctx, const struct slice *slice, const struct slice_minute *minute) {
    struct taking *taking = ctx;
    struct rollup *rollup = taking->rollup;
    struct kept_row *row = row_new(slice, minute, taking->writer);
    if (row == NULL) {
        rollup->stats.lost++;
        return;
    }
    if (rollup->newest != NULL) {
        rollup->newest->next = row;
    } else {
        rollup->oldest = row;
    }
    rollup->newest = row;
    rollup->stats.waiting++;
    rollup->stats.kept_bytes += row->bytes;
}

/* Lets go of what is written and old, and, when too much is kept, of the oldest that is not. */
static int64_t trim(struct rollup *rollup, int64_t now_minute) {
    struct kept_row **place = &rollup->oldest, *last = NULL;
    int64_t given_up = 0;
    while (*place != NULL) {
        struct kept_row *row = *place;
        bool old = row->minute < now_minute - ROLLUP_RECENT_MINUTES;
        bool over = rollup->stats.kept_bytes > rollup->kept_bytes_max;
        if (row->busy || (!over && !(row->written && old))) {
            last = row;
            place = &row->next;
            continue;
        }
        *place = row->next;
        rollup->stats.kept_bytes -= row->bytes;
        rollup->stats.waiting -= !row->written;
        given_up += !row->written;
        free(row);
    }
    rollup->newest = last;
    rollup->stats.lost += given_up;
    return given_up;
}

static void take(struct rollup *rollup, bool all) {
    int64_t minute = clock_wall_us() / US_PER_MINUTE;
    lock_take(&rollup->lock);
    rollup->life++;
    struct taking taking = {rollup, (int64_t)(rollup->life >> 1)};
    slices_minutes(all, take_one, &taking);
    int64_t given_up = trim(rollup, minute);
    rollup->taken_minute = minute;
    lock_give(&rollup->lock);
    if (given_up > 0) {
        log_event(METRICS_LOST, LI("rows", given_up));
    }
}

void rollup_take(struct rollup *rollup) {
    take(rollup, false);
}

/* ---- writing ---- */

static int batch_take(struct rollup *rollup, struct kept_row *rows[WRITE_ROWS_MAX]) {
    int count = 0;
    lock_take(&rollup->lock);
    for (struct kept_row *row = rollup->oldest; row != NULL && count < WRITE_ROWS_MAX;
         row = row->next) {
        if (!row->written) {
            row->busy = true;
            rows[count++] = row;
        }
    }
    lock_give(&rollup->lock);
    return count;
}

static void batch_done(struct rollup *rollup, struct kept_row **rows, int count, bool written) {
    lock_take(&rollup->lock);
    for (int i = 0; i < count; i++) {
        rows[i]->busy = false;
        rows[i]->written = written;
    }
    if (written) {
        rollup->stats.waiting -= count;
        rollup->stats.written += count;
    }
    lock_give(&rollup->lock);
}

static int write_waiting(struct rollup *rollup, struct err *err) {
    struct kept_row *rows[WRITE_ROWS_MAX];
    int count;
    while ((count = batch_take(rollup, rows)) > 0) {
        int r = rollup_write_rows(rollup, rows, count, err);
        batch_done(rollup, rows, count, r >= 0);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int make_and_prune(struct rollup *rollup, struct err *err) {
    int64_t minute = clock_wall_us() / US_PER_MINUTE, now = clock_mono_us();
    int r;
    while ((r = rollup_make_hour(rollup->store, minute / 60, err)) > 0) {
    }
    if (r < 0 || (rollup->pruned_us > 0 && now - rollup->pruned_us < PRUNE_US)) {
        return r;
    }
    while ((r = rollup_prune(rollup->store, minute - ROLLUP_DAYS * MINUTES_PER_DAY, err)) > 0) {
    }
    rollup->pruned_us = r < 0 ? rollup->pruned_us : now;
    return r;
}

int rollup_turn(struct rollup *rollup, struct err *err) {
    int r = write_waiting(rollup, err);
    return r < 0 ? r : make_and_prune(rollup, err);
}

/* ---- threads ---- */

/* Returns false when it is time to end. */
static bool pause_us(struct rollup *rollup, int64_t us) {
    lock_take(&rollup->lock);
    if (!rollup->stopping) {
        cond_wait_until(&rollup->wake, &rollup->lock, clock_mono_us() + us);
    }
    bool goes_on = !rollup->stopping;
    lock_give(&rollup->lock);
    return goes_on;
}

static void taker(void *arg) {
    struct rollup *rollup = arg;
    while (pause_us(rollup, TAKE_US)) {
        if (clock_wall_us() / US_PER_MINUTE != rollup->taken_minute) {
            take(rollup, false);
        }
    }
}

static void writer(void *arg) {
    struct rollup *rollup = arg;
    int64_t pause = WRITE_US;
    while (pause_us(rollup, pause)) {
        struct err err = {0};
        int r = rollup_turn(rollup, &err);
        pause = r < 0 ? WRITE_AGAIN_US : WRITE_US;
        if (r < 0) {
            log_error(STORE_FAILED, &err, LT("while", "writing figures by the minute"));
        }
    }
}

int rollup_start(struct rollup *rollup, struct err *err) {
    rollup->stopping = false;
    rollup->taker = task_start("metrics", 0, taker, rollup);
    rollup->writer = rollup->taker != NULL ? task_start("rollup", 0, writer, rollup) : NULL;
    return rollup->writer != NULL
               ? 0
               : err_set(err, ERR_OVERLOADED, "the system has no room for two more threads");
}

void rollup_stop(struct rollup *rollup) {
    if (rollup == NULL || rollup->taker == NULL) {
        return;
    }
    lock_take(&rollup->lock);
    rollup->stopping = true;
    cond_broadcast(&rollup->wake);
    lock_give(&rollup->lock);
    task_join(rollup->taker);
    rollup->taker = NULL;
    if (rollup->writer != NULL) {
        task_join(rollup->writer);
        rollup->writer = NULL;
    }
    struct err err = {0};
    take(rollup, true);
    if (write_waiting(rollup, &err) < 0) {
        log_error(STORE_FAILED, &err, LT("while", "writing the last figures"));
    }
}

void rollup_stats(struct rollup *rollup, struct rollup_stats *ret_stats) {
    lock_take(&rollup->lock);
    *ret_stats = rollup->stats;
    ret_stats->waiting_since_us = 0;
    for (struct kept_row *row = rollup->oldest; row != NULL; row = row->next) {
        if (!row->written) {
            ret_stats->waiting_since_us = row->minute * US_PER_MINUTE;
            break;
        }
    }
    lock_give(&rollup->lock);
}

/* ---- reading ---- */

void metric_groups_init(struct metric_groups *groups, unsigned by) {
    *groups = (struct metric_groups){
        .by = by, .items = g_new0(struct metric_group, ROLLUP_GROUPS_MAX + 1)};
}

void metric_groups_release(struct metric_groups *groups) {
    g_free(groups->items);
    groups->items = NULL;
}

static bool group_is(const struct metric_groups *groups, const struct metric_group *group,
                     const char *const labels[SLICE_DIMENSIONS]) {
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        if ((groups->by >> i & 1) != 0 && strcmp(group->labels[i], labels[i]) != 0) {
            return false;
        }
    }
    return true;
}

struct metric_group *metric_group_of(struct metric_groups *groups,
                                     const char *const labels[SLICE_DIMENSIONS]) {
    int ordinary = groups->count < ROLLUP_GROUPS_MAX ? groups->count : ROLLUP_GROUPS_MAX;
    for (int i = 0; i < ordinary; i++) {
        if (group_is(groups, &groups->items[i], labels)) {
            return &groups->items[i];
        }
    }
    bool room = groups->count < ROLLUP_GROUPS_MAX;
    struct metric_group *group = &groups->items[room ? groups->count : ROLLUP_GROUPS_MAX];
    groups->count = room ? groups->count + 1 : ROLLUP_GROUPS_MAX + 1;
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        bool told = (groups->by >> i & 1) != 0;
        snprintf(group->labels[i], sizeof group->labels[i], "%s",
                 !told ? "" : room ? labels[i] : "other");
    }
    return group;
}

static struct metric_group *group_of_slice(struct metric_groups *groups,
                                           const struct slice *slice) {
    const char *labels[SLICE_DIMENSIONS];
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        labels[i] = slice_label(slice, (enum slice_dimension)i);
    }
    return metric_group_of(groups, labels);
}

/* What the slices hold that was not taken yet. */
static void add_untaken(enum slice_operation operation, struct metric_groups *groups) {
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        if (slice_operation_of(slice) != operation) {
            continue;
        }
        struct slice_minute minute = {0};
        slice_minute_peek(slice, &minute);
        if (minute.counts.ok + minute.counts.declined + minute.counts.failed > 0) {
            metric_sum_add_minute(&group_of_slice(groups, slice)->sum, &minute);
        }
    }
}

/* Minutes from..until, both included, and what was not taken yet when `present`. In one hold of the
 * lock, under which minutes are taken: one that is taken meanwhile would be in neither place. */
static void recent(struct rollup *rollup, enum slice_operation operation, int64_t from,
                   int64_t until, bool present, struct metric_groups *groups) {
    lock_take(&rollup->lock);
    for (struct kept_row *row = rollup->oldest; row != NULL; row = row->next) {
        if (row->minute >= from && row->minute <= until && row->operation == operation) {
            kept_row_sum(row, &metric_group_of(groups, row->labels)->sum);
        }
    }
    if (present) {
        add_untaken(operation, groups);
    }
    lock_give(&rollup->lock);
}

void rollup_recent(struct rollup *rollup, enum slice_operation operation, int minutes,
                   struct metric_groups *groups) {
    int64_t now = clock_wall_us() / US_PER_MINUTE;
    recent(rollup, operation, now - minutes, now, true, groups);
}

void rollup_recent_minute(struct rollup *rollup, enum slice_operation operation, int64_t minute,
                          struct metric_groups *groups) {
    bool present = minute >= clock_wall_us() / US_PER_MINUTE;
    recent(rollup, operation, minute, minute, present, groups);
}
