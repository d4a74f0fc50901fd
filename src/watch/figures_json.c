/* SPDX-License-Identifier: Apache-2.0
 * figures_json.c: figures as GET /v1/metrics answers them. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/figures_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { MINUTES_PER_HOUR = 60, MINUTES_PER_DAY = 24 * 60, CODES_TOLD = 5 };

int figures_by_parse(const char *text, unsigned *ret_by, struct err *err) {
    unsigned by = 0;
    while (*text != '\0') {
        size_t chars = strcspn(text, ",");
        int found = -1;
        for (int i = 0; i <= SLICE_DIMENSIONS; i++) {
            const char *name = i < SLICE_DIMENSIONS ? slice_dimensions[i] : "code";
            bool same = strlen(name) == chars && strncmp(name, text, chars) == 0;
            found = same ? i : found;
        }
        if (found < 0) {
            err_set(err, ERR_VALIDATION, "there is no dimension \"%.*s\"",
                    chars < 40 ? (int)chars : 40, text);
            err_place(err, "by");
            return err_hint(err, "One or more of gateway, method, region, currency, segment, code, "
                                 "with commas between.");
        }
        by |= 1U << found;
        text += chars + (text[chars] == ',');
    }
    *ret_by = by;
    return 0;
}

/* ---- pieces ---- */

void figures_add_number(struct buf *buf, double value) {
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    buf_add_text(buf, isfinite(value) ? g_ascii_formatd(text, sizeof text, "%.6g", value) : "null");
}

void figures_add_points(struct buf *buf, const char *key, const double *values, int count) {
    buf_addf(buf, ",\"%s\":[", key);
    for (int i = 0; i < count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        figures_add_number(buf, values[i]);
    }
    buf_add_char(buf, ']');
}

void figures_add_limits(struct buf *buf, enum figure_id id, const struct figure_limits *limits,
                        double budget_used) {
    buf_addf(buf, ",\"window_s\":%lld,\"alert\":\"%s\"", (long long)limits->window_minutes * 60,
             figure_level_name(limits->level));
    buf_addf(buf, ",\"bad_when\":\"%s\",\"warning\":",
             figure_low_is_bad(&figure_table[id]) ? "below" : "above");
    figures_add_number(buf, limits->warning);
    buf_add_text(buf, ",\"critical\":");
    figures_add_number(buf, limits->critical);
    buf_add_text(buf, ",\"target\":");
    figures_add_number(buf, limits->target > 0 ? limits->target : NAN);
    buf_add_text(buf, ",\"budget_used\":");
    figures_add_number(buf, budget_used);
}

static void add_seconds(struct buf *buf, const char *key, const struct metric_sum *sum,
                        double quantile) {
    int64_t us = metric_sum_quantile_us(sum, quantile);
    buf_addf(buf, ",\"%s\":", key);
    figures_add_number(buf, us < 0 ? NAN : (double)us / (double)US_PER_SECOND);
}

/* The commonest codes, the commonest first. */
static void add_codes(struct buf *buf, const struct metric_sum *sum) {
    bool told[METRIC_CODES_MAX] = {false};
    buf_add_text(buf, ",\"codes\":[");
    for (int n = 0; n < CODES_TOLD; n++) {
        int most = -1;
        for (int i = 0; i < METRIC_CODES_MAX; i++) {
            bool more = most < 0 || sum->codes[i].count > sum->codes[most].count;
            most = !told[i] && sum->codes[i].count > 0 && more ? i : most;
        }
        if (most < 0) {
            break;
        }
        told[most] = true;
        buf_addf(buf, "%s{\"code\":", n > 0 ? "," : "");
        buf_add_json(buf, sum->codes[most].text);
        buf_addf(buf, ",\"count\":%lld}", (long long)sum->codes[most].count);
    }
    buf_add_char(buf, ']');
}

struct shown {
    enum figure_id id;
    const struct figure_limits *limits;
    const struct metric_group *group;
    unsigned by;
    double minutes; /* that the group's sum is of */
};

/* The members that both kinds of answers have, without the closing brace. */
static void add_figure(struct buf *buf, const struct shown *shown) {
    const struct figure *figure = &figure_table[shown->id];
    const struct figure_limits *limits = shown->limits;
    const struct metric_sum *sum = &shown->group->sum;
    double value = figure_value(shown->id, limits, sum, shown->minutes);
    /* How much is little, depends on how large the part is. */
    bool judged = shown->by == 0 || figure->kind != FIGURE_KIND_RATE;
    buf_addf(buf, "{\"name\":\"%s\",\"unit\":\"%s\",\"by\":{", figure->name, figure->unit);
    const char *separator = "";
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        if ((shown->by >> i & 1) != 0) {
            buf_addf(buf, "%s\"%s\":", separator, slice_dimensions[i]);
            buf_add_json(buf, shown->group->labels[i]);
            separator = ",";
        }
    }
    buf_add_text(buf, "},\"value\":");
    figures_add_number(buf, value);
    buf_addf(buf, ",\"state\":\"%s\"",
             judged ? figure_state_name(figure_judge(shown->id, limits, value)) : "not_judged");
    figures_add_limits(buf, shown->id, limits,
                       judged ? figure_budget_used(shown->id, limits, sum) : NAN);
    buf_addf(buf, ",\"ok\":%lld,\"declined\":%lld,\"failed\":%lld,\"repeated\":%lld",
             (long long)sum->counts.ok, (long long)sum->counts.declined,
             (long long)sum->counts.failed, (long long)sum->counts.repeated);
    add_seconds(buf, "p50_s", sum, 0.50);
    add_seconds(buf, "p95_s", sum, 0.95);
    add_seconds(buf, "p99_s", sum, 0.99);
    add_codes(buf, sum);
}

/* Values of each group in each step: [group * points + point]. */
struct history {
    double *values;
    int points;
};

static void history_init(struct history *history, int points) {
    history->points = points;
    history->values = g_new(double, (size_t)(ROLLUP_GROUPS_MAX + 1) * (size_t)points);
    for (int i = 0; i < (ROLLUP_GROUPS_MAX + 1) * points; i++) {
        history->values[i] = NAN;
    }
}

/* A step's groups, into the whole's (`add`: their sums as well). */
static void history_add(struct history *history, int point, enum figure_id id,
                        const struct figure_limits *limits, const struct metric_groups *step,
                        double minutes, bool add, struct metric_groups *whole) {
    for (int i = 0; i < step->count; i++) {
        const char *labels[SLICE_DIMENSIONS];
        for (int j = 0; j < SLICE_DIMENSIONS; j++) {
            labels[j] = step->items[i].labels[j];
        }
        struct metric_group *group = metric_group_of(whole, labels);
        if (add) {
            metric_sum_add(&group->sum, &step->items[i].sum);
        }
        history->values[(group - whole->items) * history->points + point] =
            figure_value(id, limits, &step->items[i].sum, minutes);
    }
}

static bool busier(const struct metric_group *a, const struct metric_group *b) {
    const struct slice_counts *x = &a->sum.counts, *y = &b->sum.counts;
    return x->ok + x->declined + x->failed > y->ok + y->declined + y->failed;
}

/* Every group of one figure, the busiest first. */
static void add_groups(struct buf *buf, const struct figure_limits *limits, enum figure_id id,
                       const struct metric_groups *groups, const struct history *history,
                       double minutes, bool *first) {
    bool told[ROLLUP_GROUPS_MAX + 1] = {false};
    for (int n = 0; n < groups->count; n++) {
        int next = -1;
        for (int i = 0; i < groups->count; i++) {
            bool more = next < 0 || busier(&groups->items[i], &groups->items[next]);
            next = !told[i] && more ? i : next;
        }
        told[next] = true;
        const struct shown shown = {id, limits, &groups->items[next], groups->by, minutes};
        buf_add_text(buf, *first ? "" : ",");
        *first = false;
        add_figure(buf, &shown);
        figures_add_points(buf, "points", history->values + next * history->points,
                           history->points);
        buf_add_char(buf, '}');
    }
}

/* What is always there, also when nothing has happened. */
static void begin_groups(struct metric_groups *groups, unsigned by) {
    static const char *const none[SLICE_DIMENSIONS] = {"", "", "", "", ""};
    metric_groups_init(groups, by);
    if (by == 0) {
        (void)metric_group_of(groups, none);
    }
}

/* ---- now ---- */

static void now_figure(const struct figures_watch *watch, enum figure_id id, unsigned by,
                       struct buf *buf, bool *first) {
    int64_t minute = clock_wall_us() / US_PER_MINUTE;
    double passed = (double)(clock_wall_us() % US_PER_MINUTE) / (double)US_PER_MINUTE;
    struct figure_limits limits;
    struct metric_groups groups;
    struct history history;
    figure_limits_now(watch, id, &limits);
    begin_groups(&groups, by);
    rollup_recent(watch->rollup, figure_table[id].operation, (int)limits.window_minutes, &groups);
    history_init(&history, ROLLUP_RECENT_MINUTES);
    for (int i = 0; i < ROLLUP_RECENT_MINUTES; i++) {
        /* A minute alone is a line's point, not a judgement: whatever there was is shown. */
        const struct figure_limits any = {.events_min = 1};
        bool present = i == ROLLUP_RECENT_MINUTES - 1;
        struct metric_groups step;
        begin_groups(&step, by);
        rollup_recent_minute(watch->rollup, figure_table[id].operation,
                             minute - (ROLLUP_RECENT_MINUTES - 1) + i, &step);
        history_add(&history, i, id, &any, &step, present ? passed : 1.0, false, &groups);
        metric_groups_release(&step);
    }
    add_groups(buf, &limits, id, &groups, &history, figures_window_minutes(watch, &limits), first);
    g_free(history.values);
    metric_groups_release(&groups);
}

/* ---- before ---- */

static int range_of(const struct figures_query *query, struct figures_range *ret_range,
                    struct err *err) {
    static const int steps[] = {1, 5, 15, 30, 60, 360, 1440, 10080};
    int64_t from = query->from_us / US_PER_MINUTE, until = query->until_us / US_PER_MINUTE;
    int64_t now = clock_wall_us() / US_PER_MINUTE;
    until = until < now ? until : now;
    /* Whether a second holds the end of a minute is chance; so short a time never has an answer. */
    bool instant = query->until_us - query->from_us < US_PER_MINUTE;
    if (from >= until || instant) {
        err_set(err, ERR_VALIDATION, "the time asked for is empty");
        err_place(err, "since");
        return err_hint(err, "It ends with the last whole minute: ask for five minutes or more.");
    }
    int64_t least = now - (int64_t)ROLLUP_DAYS * MINUTES_PER_DAY;
    from = from > least ? from : least;
    bool hours = until - from > MINUTES_PER_DAY;
    size_t i = 0;
    while (i + 1 < COUNT_OF(steps) &&
           ((until - from + steps[i] - 1) / steps[i] > FIGURE_POINTS_MAX ||
            (hours && steps[i] < MINUTES_PER_HOUR))) {
        i++;
    }
    from -= hours ? from % MINUTES_PER_HOUR : 0;
    *ret_range = (struct figures_range){.from = from, .step = steps[i], .hours = hours};
    ret_range->points = (int)((until - from + steps[i] - 1) / steps[i]);
    return 0;
}

static int range_figure(const struct figures_watch *watch, enum figure_id id, unsigned by,
                        const struct figures_range *range, struct buf *buf, bool *first,
                        struct err *err) {
    struct figure_limits limits;
    struct metric_groups whole;
    struct history history;
    int r = 0;
    figure_limits_now(watch, id, &limits);
    begin_groups(&whole, by);
    history_init(&history, range->points);
    for (int i = 0; r >= 0 && i < range->points; i++) {
        int64_t from = range->from + i * range->step;
        struct metric_groups step;
        begin_groups(&step, by);
        r = rollup_stored(watch->store, figure_table[id].operation, from, from + range->step,
                          range->hours, &step, err);
        history_add(&history, i, id, &limits, &step, (double)range->step, true, &whole);
        metric_groups_release(&step);
    }
    if (r >= 0) {
        double minutes = (double)(range->points * range->step);
        add_groups(buf, &limits, id, &whole, &history, minutes, first);
    }
    g_free(history.values);
    metric_groups_release(&whole);
    return r;
}

/* ---- the answer ---- */

int figures_json(const struct figures_watch *watch, const struct figures_query *query,
                 struct buf *buf, struct err *err) {
    char at[CLOCK_TEXT_MAX], from[CLOCK_TEXT_MAX];
    struct figures_range range = {.step = 1, .points = ROLLUP_RECENT_MINUTES};
    int64_t minute = clock_wall_us() / US_PER_MINUTE;
    range.from = minute - (ROLLUP_RECENT_MINUTES - 1);
    bool now = query->from_us == 0, codes = (query->by & FIGURES_BY_CODE) != 0;
    range.now = now;
    int r = now ? 0 : range_of(query, &range, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf,
             "{\"at\":\"%s\",\"window_s\":%lld,\"points_from\":\"%s\",\"points_step_s\":%lld,"
             "\"data\":[",
             clock_format(clock_wall_us() / US_PER_SECOND * US_PER_SECOND, at),
             (long long)(now ? FIGURE_WINDOW_MINUTES : range.points * range.step) * 60,
             clock_format(range.from * US_PER_MINUTE, from), (long long)range.step * 60);
    bool first = true;
    for (int i = 0; r >= 0 && i < FIGURES; i++) {
        if (query->wanted[i] && codes) {
            r = figures_add_codes(watch, (enum figure_id)i, query->by & ~FIGURES_BY_CODE, &range,
                                  buf, &first, err);
        } else if (query->wanted[i] && now) {
            now_figure(watch, (enum figure_id)i, query->by, buf, &first);
        } else if (query->wanted[i]) {
            r = range_figure(watch, (enum figure_id)i, query->by, &range, buf, &first, err);
        }
    }
    buf_add_text(buf, "]}");
    return r;
}
