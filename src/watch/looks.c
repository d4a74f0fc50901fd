/* SPDX-License-Identifier: Apache-2.0
 * looks.c: looks of the present minute, and rows that wait. */
#include "watch/looks.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "watch/alert_match.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { WRITTEN_AT_ONCE = 500, LABELS_ARENA_BYTES = 64 * 1024 };

struct row {
    int64_t minute;
    int measure, count;
    bool found; /* any look has */
    char labels[LOOKS_LABELS_BYTES], looks[LOOKS_TEXT_BYTES];
};

struct looks {
    char source[NOTICE_NAME_BYTES_MAX + 1];
    int64_t minute;
    GPtrArray *present; /* owned rows */
    GQueue waiting;     /* owned rows, the oldest first */
    int64_t lost;
};

struct looks *looks_new(const char *source) {
    struct looks *looks = g_new0(struct looks, 1);
    g_strlcpy(looks->source, source != NULL ? source : "", sizeof looks->source);
    looks->present = g_ptr_array_new();
    g_queue_init(&looks->waiting);
    return looks;
}

void looks_free(struct looks *looks) {
    if (looks != NULL) {
        g_ptr_array_set_free_func(looks->present, g_free);
        g_ptr_array_unref(looks->present);
        g_queue_clear_full(&looks->waiting, g_free);
        g_free(looks);
    }
}

void looks_labels(const struct notice_label *labels, int count,
                  char ret_text[LOOKS_LABELS_BYTES]) {
    ARENA_AUTO arena = arena_new(LABELS_ARENA_BYTES);
    struct notice_label *sorted = NULL;
    struct err err = {0};
    int kept = 0;
    int r = labels_read(arena, labels, count, &sorted, &kept, &err);
    g_strlcpy(ret_text, r < 0 ? "" : labels_write(arena, sorted, kept), LOOKS_LABELS_BYTES);
}

/* ---- taken ---- */

static void keep(struct looks *looks, struct row *row) {
    if (!row->found) {
        g_free(row);
        return;
    }
    g_queue_push_tail(&looks->waiting, row);
    if (g_queue_get_length(&looks->waiting) > LOOKS_WAITING_MAX) {
        g_free(g_queue_pop_head(&looks->waiting));
        looks->lost++;
    }
}

/* What is of a minute that is over waits to be written. */
static void pass(struct looks *looks, int64_t minute) {
    if (minute == looks->minute) {
        return;
    }
    for (guint i = 0; i < looks->present->len; i++) {
        keep(looks, looks->present->pdata[i]);
    }
    g_ptr_array_set_size(looks->present, 0);
    looks->minute = minute;
}

static struct row *row_of(struct looks *looks, int measure, const char *labels) {
    for (guint i = 0; i < looks->present->len; i++) {
        struct row *row = looks->present->pdata[i];
        if (row->measure == measure && strcmp(row->labels, labels) == 0) {
            return row;
        }
    }
    if (looks->present->len == LOOKS_SERIES_MAX) {
        return NULL;
    }
    struct row *row = g_new0(struct row, 1);
    row->minute = looks->minute;
    row->measure = measure;
    g_strlcpy(row->labels, labels, sizeof row->labels);
    g_ptr_array_add(looks->present, row);
    return row;
}

void looks_take(struct looks *looks, int measure, const char *labels, int64_t wall_us,
                int64_t count, int64_t seconds) {
    pass(looks, wall_us / US_PER_MINUTE);
    struct row *row = row_of(looks, measure, labels);
    if (row == NULL || row->count == LOOKS_OF_MINUTE_MAX) {
        return;
    }
    size_t used = strlen(row->looks);
    (void)snprintf(row->looks + used, sizeof row->looks - used, "%s%d:%lld:%lld",
                   row->count > 0 ? " " : "",
                   (int)(wall_us % US_PER_MINUTE / US_PER_SECOND), (long long)count,
                   (long long)seconds);
    row->count++;
    row->found = row->found || count > 0 || seconds > 0;
}

/* ---- written ---- */

struct writing {
    struct looks *looks;
    guint count;
};

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct writing *writing = ctx;
    int r = 0;
    guint count = 0;
    for (GList *at = writing->looks->waiting.head;
         r >= 0 && at != NULL && count < WRITTEN_AT_ONCE; at = at->next, count++) {
        const struct row *row = at->data;
        const struct measure *measure = &measure_table[row->measure];
        r = sql_put(tx, err,
                    "INSERT INTO look_minute (minute, measure, labels, source, looks) VALUES ($1, "
                    "$2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    S_INT(row->minute), S_TEXT(measure->name), S_TEXT(row->labels),
                    S_TEXT(measure->shared ? "" : writing->looks->source), S_TEXT(row->looks));
    }
    writing->count = count;
    return r;
}

int looks_write(struct looks *looks, struct store *store, int64_t wall_us, struct err *err) {
    pass(looks, wall_us / US_PER_MINUTE);
    while (!g_queue_is_empty(&looks->waiting)) {
        struct writing writing = {.looks = looks};
        int r = store_write(store, write_tx, &writing, err);
        if (r < 0) {
            return r;
        }
        for (guint i = 0; i < writing.count; i++) {
            g_free(g_queue_pop_head(&looks->waiting));
        }
    }
    if (looks->lost > 0) {
        log_event(METRICS_LOST, LI("rows", looks->lost));
        looks->lost = 0;
    }
    return 0;
}

int looks_read(const char *text, struct look ret_looks[LOOKS_OF_MINUTE_MAX]) {
    int count = 0;
    while (*text != '\0' && count < LOOKS_OF_MINUTE_MAX) {
        char *end;
        long second = strtol(text, &end, 10);
        long long many = *end == ':' ? strtoll(end + 1, &end, 10) : -1;
        long long seconds = many >= 0 && *end == ':' ? strtoll(end + 1, &end, 10) : -1;
        if (second < 0 || second > 59 || seconds < 0) {
            break;
        }
        ret_looks[count++] = (struct look){(int)second, many, seconds};
        text = *end == ' ' ? end + 1 : end + strlen(end);
    }
    return count;
}
