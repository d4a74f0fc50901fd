/* SPDX-License-Identifier: Apache-2.0
 * figures.c: values, judgements, thresholds. */
#include "watch/figures.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "watch/figures_schema.h"
#include "watch/tuning.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { EVENTS_MIN_MAX = 100000 };
#define LIMIT_MAX 1e6

const struct figure figure_table[FIGURES] = {
#define X(id, name, operation, kind, unit, warning, critical, target, events_min, help)            \
    [FIGURE_##id] = {name, unit, help, SLICE_##operation, FIGURE_KIND_##kind},
#include "watch/figures.def"
#undef X
};

static const struct figure_limits limits_default[FIGURES] = {
#define X(id, name, operation, kind, unit, warning, critical, target, events_min, help)            \
    [FIGURE_##id] = {warning,          critical, events_min, FIGURE_WINDOW_MINUTES,                \
                     FIGURE_LEVEL_OFF, target},
#include "watch/figures.def"
#undef X
};

static const enum figure_level level_default[FIGURES] = {
#define X(id, rule, by_gateway, level) [FIGURE_##id] = FIGURE_LEVEL_##level,
#include "watch/figure_alarms.def"
#undef X
};
static const char *const level_names[] = {"off", "critical", "warning"};

const char *figure_level_name(enum figure_level level) {
    return level_names[level];
}

bool figure_find(const char *name, enum figure_id *ret_id) {
    for (int i = 0; i < FIGURES; i++) {
        if (strcmp(figure_table[i].name, name) == 0) {
            *ret_id = (enum figure_id)i;
            return true;
        }
    }
    return false;
}

bool figure_low_is_bad(const struct figure *figure) {
    return figure->kind == FIGURE_KIND_RATE || figure->kind == FIGURE_KIND_SUCCESS;
}

const char *figure_state_name(enum figure_state state) {
    static const char *const names[] = {"no_data", "ok", "warning", "critical"};
    return names[state];
}

/* ---- thresholds ---- */

static const cyaml_schema_field_t figure_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_figure, name, 1, 60),
    CYAML_FIELD_FLOAT_PTR("warning", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                          struct config_figure, warning),
    CYAML_FIELD_FLOAT_PTR("critical", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                          struct config_figure, critical),
    CYAML_FIELD_FLOAT_PTR("target", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_figure,
                          target),
    CYAML_FIELD_UINT_PTR("events_min", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct config_figure, events_min),
    CYAML_FIELD_UINT_PTR("window_minutes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct config_figure, window_minutes),
    CYAML_FIELD_STRING_PTR("alert", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_figure,
                           alert, 1, 20),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t figure_config_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_figure, figure_fields),
};

static int check_limits(const struct figure *figure, const struct figure_limits *limits,
                        struct err *err) {
    bool low = figure_low_is_bad(figure);
    bool percent = strcmp(figure->unit, "percent") == 0;
    double max = percent ? 100.0 : LIMIT_MAX;
    bool inside = limits->warning >= 0 && limits->warning <= max && limits->critical >= 0 &&
                  limits->critical <= max; /* false for what is no number */
    if (!inside) {
        return err_set(err, ERR_CONFIG, "figures: thresholds of %s are from 0 to %g", figure->name,
                       max);
    }
    if (!(limits->target >= 0 && limits->target <= max)) {
        return err_set(err, ERR_CONFIG, "figures: the target of %s is from 0 (none) to %g",
                       figure->name, max);
    }
    if (low ? limits->critical > limits->warning : limits->critical < limits->warning) {
        return err_set(err, ERR_CONFIG, "figures: critical of %s may not be %s warning",
                       figure->name, low ? "above" : "below");
    }
    if (limits->events_min > EVENTS_MIN_MAX) {
        return err_set(err, ERR_CONFIG, "figures: events_min of %s is at most %d", figure->name,
                       EVENTS_MIN_MAX);
    }
    if (limits->window_minutes < 1 || limits->window_minutes > FIGURE_WINDOW_MAX) {
        return err_set(err, ERR_CONFIG, "figures: window_minutes of %s is from 1 to %d",
                       figure->name, FIGURE_WINDOW_MAX);
    }
    return 0;
}

static int read_level(const struct figure *figure, const char *text, enum figure_level *ret_level,
                      struct err *err) {
    for (size_t i = 0; i < COUNT_OF(level_names); i++) {
        if (strcmp(level_names[i], text) == 0) {
            *ret_level = (enum figure_level)i;
            return 0;
        }
    }
    return err_set(err, ERR_CONFIG, "figures: alert of %s is off, critical or warning",
                   figure->name);
}

int figure_limits_apply(enum figure_id id, const struct config_figure *row,
                        struct figure_limits *limits, struct err *err) {
    const struct figure *figure = &figure_table[id];
    limits->warning = row->warning != NULL ? *row->warning : limits->warning;
    limits->critical = row->critical != NULL ? *row->critical : limits->critical;
    limits->target = row->target != NULL ? *row->target : limits->target;
    limits->events_min = row->events_min != NULL ? *row->events_min : limits->events_min;
    limits->window_minutes = row->window_minutes != NULL ? *row->window_minutes
                                                         : limits->window_minutes;
    int r = row->alert != NULL ? read_level(figure, row->alert, &limits->level, err) : 0;
    return r < 0 ? r : check_limits(figure, limits, err);
}

void figure_limits_now(const struct figures_watch *watch, enum figure_id id,
                       struct figure_limits *ret_limits) {
    if (watch->tuning != NULL) {
        tuning_figure(watch->tuning, id, ret_limits);
    } else {
        *ret_limits = watch->limits[id];
    }
}

int figures_limits_read(const struct figures_config *config,
                        struct figure_limits ret_limits[FIGURES], struct err *err) {
    bool said[FIGURES] = {false};
    for (int i = 0; i < FIGURES; i++) {
        ret_limits[i] = limits_default[i];
        ret_limits[i].level = level_default[i];
    }
    for (unsigned i = 0; i < config->rows_count; i++) {
        const struct config_figure *row = &config->rows[i];
        enum figure_id id;
        if (!figure_find(row->name, &id)) {
            err_set(err, ERR_CONFIG, "figures: there is no figure \"%.60s\"", row->name);
            return err_hint(err, "`holdfast metric show` lists them.");
        }
        if (said[id]) {
            return err_set(err, ERR_CONFIG, "figures: %s is there twice", row->name);
        }
        said[id] = true;
        int r = figure_limits_apply(id, row, &ret_limits[id], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- values ---- */

double figure_value(enum figure_id id, const struct figure_limits *limits,
                    const struct metric_sum *sum, double minutes) {
    const struct slice_counts *counts = &sum->counts;
    int64_t judged = metric_sum_judged(sum), timed = metric_sum_timed(sum);
    int64_t all = counts->ok + counts->declined + counts->failed;
    int64_t least = limits->events_min > 0 ? limits->events_min : 1;
    switch (figure_table[id].kind) {
    case FIGURE_KIND_RATE:
        return minutes >= 1.0 ? (double)all / minutes : NAN;
    case FIGURE_KIND_SUCCESS:
        return judged >= least ? 100.0 * (double)counts->ok / (double)judged : NAN;
    case FIGURE_KIND_FAILURES:
        return judged >= least ? 100.0 - 100.0 * (double)counts->ok / (double)judged : NAN;
    case FIGURE_KIND_ERRORS:
        return all >= least ? 100.0 * (double)counts->failed / (double)all : NAN;
    case FIGURE_KIND_LATENCY:
        return timed >= least
                   ? (double)metric_sum_quantile_us(sum, 0.95) / (double)US_PER_SECOND
                   : NAN;
    }
    return NAN;
}

enum figure_state figure_judge(enum figure_id id, const struct figure_limits *limits,
                               double value) {
    if (isnan(value)) {
        return FIGURE_NO_DATA;
    }
    bool low = figure_low_is_bad(&figure_table[id]);
    if (low ? value < limits->critical : value > limits->critical) {
        return FIGURE_CRITICAL;
    }
    return (low ? value < limits->warning : value > limits->warning) ? FIGURE_WARNING : FIGURE_OK;
}

static int64_t slower_than(const struct metric_sum *sum, double seconds) {
    int64_t count = 0;
    for (int i = 0; i < SLICE_BUCKETS; i++) {
        bool slower = (double)slice_bucket_us(i) > seconds * US_PER_SECOND;
        count += slower ? sum->buckets[i] : 0;
    }
    return count;
}

double figure_budget_used(enum figure_id id, const struct figure_limits *limits,
                          const struct metric_sum *sum) {
    const double slow_allowed = 0.05; /* the figure is what 95 of 100 take */
    const struct slice_counts *counts = &sum->counts;
    double judged = (double)metric_sum_judged(sum), timed = (double)metric_sum_timed(sum);
    double all = (double)(counts->ok + counts->declined + counts->failed);
    double missed = NAN, allowed = NAN;
    if (isnan(figure_value(id, limits, sum, 1)) || limits->target <= 0) {
        return NAN;
    }
    switch (figure_table[id].kind) {
    case FIGURE_KIND_RATE:
        break;
    case FIGURE_KIND_SUCCESS:
        missed = judged - (double)counts->ok;
        allowed = judged * (100 - limits->target) / 100;
        break;
    case FIGURE_KIND_ERRORS:
        missed = (double)counts->failed;
        allowed = all * limits->target / 100;
        break;
    case FIGURE_KIND_FAILURES:
        missed = (double)(counts->declined + counts->failed);
        allowed = all * limits->target / 100;
        break;
    case FIGURE_KIND_LATENCY:
        missed = (double)slower_than(sum, limits->target);
        allowed = timed * slow_allowed;
        break;
    }
    return allowed > 0 ? missed / allowed : NAN;
}

void figures_now(const struct figures_watch *watch, struct figure_now ret_now[FIGURES]) {
    static const char *const none[SLICE_DIMENSIONS] = {"", "", "", "", ""};
    for (int i = 0; i < FIGURES; i++) {
        enum figure_id id = (enum figure_id)i;
        struct figure_limits limits;
        struct metric_groups groups;
        figure_limits_now(watch, id, &limits);
        metric_groups_init(&groups, 0);
        rollup_recent(watch->rollup, figure_table[i].operation, (int)limits.window_minutes,
                      &groups);
        struct figure_now *now = &ret_now[i];
        now->sum = metric_group_of(&groups, none)->sum;
        now->value =
            figure_value(id, &limits, &now->sum, figures_window_minutes(watch, &limits));
        now->state = figure_judge(id, &limits, now->value);
        metric_groups_release(&groups);
    }
}

double figures_window_minutes(const struct figures_watch *watch,
                              const struct figure_limits *limits) {
    double window = (double)limits->window_minutes +
                    (double)(clock_wall_us() % US_PER_MINUTE) / (double)US_PER_MINUTE;
    double up = (double)(clock_mono_us() - watch->started_us) / (double)US_PER_MINUTE;
    return up < window ? up : window;
}

void figures_meter(const struct figures_watch *watch) {
    struct figure_now now[FIGURES];
    struct rollup_stats stats;
    figures_now(watch, now);
    for (int i = 0; i < FIGURES; i++) {
        const char *name = figure_table[i].name;
        struct figure_limits limits;
        figure_limits_now(watch, (enum figure_id)i, &limits);
        meter_set(METER_FIGURE_VALUE, now[i].value, name, figure_table[i].unit);
        meter_set(METER_FIGURE_STATE, (double)now[i].state - 1.0, name);
        meter_set(METER_FIGURE_LIMIT, limits.warning, name, "warning");
        meter_set(METER_FIGURE_LIMIT, limits.critical, name, "critical");
        meter_set(METER_FIGURE_TARGET, limits.target > 0 ? limits.target : NAN, name);
        meter_set(METER_FIGURE_BUDGET, figure_budget_used((enum figure_id)i, &limits, &now[i].sum),
                  name);
    }
    meter_set(METER_PROCESSING_RATE, now[FIGURE_PROCESSING_RATE].value);
    meter_set(METER_SUCCESS_RATE, now[FIGURE_SUCCESS_RATE].value);
    meter_set(METER_GATEWAY_ERRORS, now[FIGURE_GATEWAY_ERRORS].value);
    rollup_stats(watch->rollup, &stats);
    meter_set(METER_SLICES, slices_count());
    meter_set(METER_SLICE_BYTES, (double)slices_bytes());
    meter_set(METER_ROLLUP_WAITING, (double)stats.waiting);
    meter_level(METER_SLICES_FOLDED, slices_folded());
    meter_level(METER_ROLLUP_LOST, stats.lost);
}
