/* SPDX-License-Identifier: Apache-2.0
 * figures_codes.c: error codes as a dimension of a figure: how often each is said, of how many. Now
 * from the codes by the second (meter/slices.h), which tell all of them apart; before from the
 * stored minutes and hours, which have the commonest of each. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/figures_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { MINUTE_S = 60, CODE_ROWS_MAX = 200, KEY_BYTES_MAX = 512 };

/* A part, or a code in it; points are those of the answer. */
struct code_row {
    char labels[SLICE_DIMENSIONS][SLICE_LABEL_CHARS_MAX + 1];
    char code[SLICE_LABEL_CHARS_MAX + 1]; /* "": the part itself */
    struct code_row *part;
    int64_t points[FIGURE_POINTS_MAX], count;
    struct slice_counts counts; /* of a part */
};

struct codes {
    enum slice_operation operation;
    unsigned by;
    int64_t window_s; /* of now: that is what `count` is of */
    int64_t passed_s; /* of the present minute */
    GHashTable *rows; /* owned key → owned row */
    GPtrArray *order; /* borrowed rows of codes */
    int points;
};

static struct code_row *row_of(struct codes *codes, const char *const labels[SLICE_DIMENSIONS],
                               const char *code) {
    char key[KEY_BYTES_MAX];
    bool full = code[0] != '\0' && codes->order->len >= CODE_ROWS_MAX;
    size_t used = 0;
    for (int i = 0; i <= SLICE_DIMENSIONS; i++) {
        const char *text = i == SLICE_DIMENSIONS          ? code
                           : (codes->by >> i & 1U) != 0 ? labels[i]
                                                          : "";
        used += (size_t)g_snprintf(key + used, (gulong)(sizeof key - used), "%.*s\n",
                                   SLICE_LABEL_CHARS_MAX, text);
    }
    struct code_row *row = g_hash_table_lookup(codes->rows, key);
    if (row != NULL || (full && strcmp(code, "other") != 0)) {
        return row != NULL ? row : row_of(codes, labels, "other");
    }
    row = g_new0(struct code_row, 1);
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        g_strlcpy(row->labels[i], (codes->by >> i & 1U) != 0 ? labels[i] : "",
                  sizeof row->labels[i]);
    }
    g_strlcpy(row->code, code, sizeof row->code);
    g_hash_table_insert(codes->rows, g_strdup(key), row);
    if (code[0] != '\0') {
        row->part = row_of(codes, labels, "");
        g_ptr_array_add(codes->order, row);
    }
    return row;
}

static void labels_of(const struct slice *slice, const char *labels[SLICE_DIMENSIONS]) {
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        labels[i] = slice != NULL ? slice_label(slice, (enum slice_dimension)i) : "other";
    }
}

/* ---- now, by the second ---- */

/* The last point is the present minute; -1: before the first. */
static int point_of(const struct codes *codes, int64_t seconds_ago) {
    int64_t before = seconds_ago - codes->passed_s;
    int64_t back = before <= 0 ? 0 : (before + MINUTE_S - 1) / MINUTE_S;
    return back < codes->points ? codes->points - 1 - (int)back : -1;
}

static void count(const struct codes *codes, struct code_row *row, int64_t seconds_ago,
                  int64_t times) {
    int point = point_of(codes, seconds_ago);
    if (point >= 0) {
        row->points[point] += times;
    }
    row->count += seconds_ago < codes->window_s ? times : 0;
}

static void take_code(void *ctx, const struct slice_code_count *said) {
    struct codes *codes = ctx;
    const char *labels[SLICE_DIMENSIONS];
    if (said->operation == codes->operation) {
        labels_of(said->slice, labels);
        count(codes, row_of(codes, labels, slice_code_text(said->code)), said->seconds_ago,
              said->count);
    }
}

static void take_parts(struct codes *codes) {
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        const char *labels[SLICE_DIMENSIONS];
        struct slice_counts counts;
        if (slice_operation_of(slice) != codes->operation) {
            continue;
        }
        labels_of(slice, labels);
        struct code_row *part = row_of(codes, labels, "");
        for (int ago = 0; ago < SLICE_WINDOW_S; ago++) {
            slice_recent(slice, ago, 1, &counts);
            int64_t all = counts.ok + counts.declined + counts.failed;
            if (all == 0) {
                continue;
            }
            count(codes, part, ago, all);
            part->counts.ok += ago < codes->window_s ? counts.ok : 0;
            part->counts.declined += ago < codes->window_s ? counts.declined : 0;
            part->counts.failed += ago < codes->window_s ? counts.failed : 0;
        }
    }
}

static void take_now(struct codes *codes, const struct figure_limits *limits) {
    codes->passed_s = clock_wall_us() % US_PER_MINUTE / US_PER_SECOND;
    /* The present second is one of the present minute's. */
    codes->window_s = limits->window_minutes * MINUTE_S + codes->passed_s + 1;
    codes->window_s = codes->window_s < SLICE_WINDOW_S ? codes->window_s : SLICE_WINDOW_S;
    take_parts(codes);
    slice_codes_recent(0, SLICE_WINDOW_S, take_code, codes);
}

/* ---- before, as stored ---- */

static void take_group(struct codes *codes, const struct metric_group *group, int point) {
    const char *labels[SLICE_DIMENSIONS];
    const struct slice_counts *counts = &group->sum.counts;
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        labels[i] = group->labels[i];
    }
    struct code_row *part = row_of(codes, labels, "");
    part->points[point] += counts->ok + counts->declined + counts->failed;
    part->count += counts->ok + counts->declined + counts->failed;
    part->counts.ok += counts->ok;
    part->counts.declined += counts->declined;
    part->counts.failed += counts->failed;
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        if (group->sum.codes[i].count > 0) {
            struct code_row *row = row_of(codes, labels, group->sum.codes[i].text);
            row->points[point] += group->sum.codes[i].count;
            row->count += group->sum.codes[i].count;
        }
    }
}

static int take_stored(struct codes *codes, const struct figures_watch *watch,
                       const struct figures_range *range, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < range->points; i++) {
        int64_t from = range->from + i * range->step;
        struct metric_groups step;
        metric_groups_init(&step, codes->by);
        r = rollup_stored(watch->store, codes->operation, from, from + range->step, range->hours,
                          &step, err);
        for (int g = 0; r >= 0 && g < step.count; g++) {
            take_group(codes, &step.items[g], i);
        }
        metric_groups_release(&step);
    }
    return r;
}

/* ---- written ---- */

static double value_of(enum figure_id id, int64_t said, int64_t of, double minutes) {
    return figure_table[id].kind == FIGURE_KIND_RATE ? (double)said / minutes
           : of > 0                                  ? 100.0 * (double)said / (double)of
                                                     : NAN;
}

static void add_row(const struct codes *codes, enum figure_id id,
                    const struct figure_limits *limits, const struct figures_range *range,
                    const struct code_row *row, struct buf *buf) {
    double points[FIGURE_POINTS_MAX];
    double minutes = range->now ? fmax((double)codes->window_s / MINUTE_S, 1.0 / MINUTE_S)
                                : (double)(range->step * range->points);
    for (int i = 0; i < range->points; i++) {
        bool present = range->now && i == range->points - 1;
        double length = present ? fmax((double)codes->passed_s / MINUTE_S, 1.0 / MINUTE_S)
                                : (double)range->step;
        points[i] = value_of(id, row->points[i], row->part->points[i], length);
    }
    buf_addf(buf, "{\"name\":\"%s\",\"unit\":\"%s\",\"by\":{", figure_table[id].name,
             figure_table[id].unit);
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        if ((codes->by >> i & 1U) != 0) {
            buf_addf(buf, "\"%s\":", slice_dimensions[i]);
            buf_add_json(buf, row->labels[i]);
            buf_add_char(buf, ',');
        }
    }
    buf_add_text(buf, "\"code\":");
    buf_add_json(buf, row->code);
    buf_add_text(buf, "},\"value\":");
    figures_add_number(buf, value_of(id, row->count, row->part->count, minutes));
    buf_add_text(buf, ",\"state\":\"not_judged\"");
    figures_add_limits(buf, id, limits, NAN);
    buf_addf(buf, ",\"said\":%lld,\"ok\":%lld,\"declined\":%lld,\"failed\":%lld,\"repeated\":0",
             (long long)row->count, (long long)row->part->counts.ok,
             (long long)row->part->counts.declined, (long long)row->part->counts.failed);
    buf_add_text(buf, ",\"p50_s\":null,\"p95_s\":null,\"p99_s\":null,\"codes\":[]");
    figures_add_points(buf, "points", points, range->points);
    buf_add_char(buf, '}');
}

static gint commoner(gconstpointer a, gconstpointer b) {
    const struct code_row *x = *(const struct code_row *const *)a;
    const struct code_row *y = *(const struct code_row *const *)b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->code, y->code);
}

int figures_add_codes(const struct figures_watch *watch, enum figure_id id, unsigned by,
                      const struct figures_range *range, struct buf *buf, bool *first,
                      struct err *err) {
    struct figure_limits limits;
    struct codes codes = {
        .operation = figure_table[id].operation,
        .by = by,
        .points = range->points,
        .rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .order = g_ptr_array_new(),
    };
    int r = 0;
    figure_limits_now(watch, id, &limits);
    if (figure_table[id].kind != FIGURE_KIND_LATENCY && range->now) {
        take_now(&codes, &limits);
    } else if (figure_table[id].kind != FIGURE_KIND_LATENCY) {
        r = take_stored(&codes, watch, range, err);
    }
    g_ptr_array_sort(codes.order, commoner);
    for (guint i = 0; r >= 0 && i < codes.order->len; i++) {
        buf_add_text(buf, *first ? "" : ",");
        *first = false;
        add_row(&codes, id, &limits, range, codes.order->pdata[i], buf);
    }
    g_ptr_array_unref(codes.order);
    g_hash_table_unref(codes.rows);
    return r;
}
