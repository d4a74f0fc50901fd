/* SPDX-License-Identifier: Apache-2.0
 * lookout_figures.c: once a minute, whether a figure is past its threshold (figure_alarm.h); until
 * the next minute what was found is said again. */
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)

static unsigned by_of(enum figure_id id) {
    return figure_alarm_kinds[id].by_gateway ? 1U << SLICE_GATEWAY : 0;
}

static int take_minute(struct lookout *lookout, int64_t minute, struct err *err) {
    struct lookout_figures *figures = &lookout->figures;
    struct metric_groups groups[FIGURES];
    int r = 0;
    for (int i = 0; i < FIGURES; i++) {
        metric_groups_init(&groups[i], by_of((enum figure_id)i));
        r = r < 0 ? r
                  : rollup_stored(lookout->options.store, figure_table[i].operation, minute,
                                  minute + 1, false, &groups[i], err);
    }
    /* All of them or none: what could not be read is read again. */
    for (int i = 0; i < FIGURES; i++) {
        if (r >= 0) {
            figure_alarm_take(figures->alarms[i], minute, &groups[i]);
        }
        metric_groups_release(&groups[i]);
    }
    return r;
}

static int take_minutes(struct lookout *lookout, int64_t last, struct err *err) {
    struct lookout_figures *figures = &lookout->figures;
    for (int i = 0; i < FIGURES; i++) {
        if (figures->alarms[i] == NULL) {
            figures->alarms[i] = figure_alarm_new((enum figure_id)i, last + 1);
        }
    }
    int64_t from = last - FIGURE_WINDOW_MAX + 1;
    int r = 0;
    from = from > figures->taken ? from : figures->taken + 1;
    for (int64_t m = from; r >= 0 && m <= last; m++) {
        r = take_minute(lookout, m, err);
        figures->taken = r < 0 ? figures->taken : m;
    }
    return r;
}

static void say(struct turn *turn, enum figure_id id, const struct figure_limits *limits,
                const struct figure_verdict *verdict) {
    const struct figure *figure = &figure_table[id];
    struct alert_signal *signal = turn_add(turn, figure_alarm_kinds[id].rule);
    if (signal == NULL) {
        return;
    }
    double limit = verdict->state == FIGURE_CRITICAL ? limits->critical : limits->warning;
    const char *gateway = arena_copy(turn->arena, verdict->gateway);
    signal_label(signal, "gateway", gateway);
    signal->source = NULL; /* every instance reads the same rows */
    struct alert_rule_state rule;
    tuning_rule(turn->lookout->options.tuning, alert_rule_find(signal->rule), &rule);
    signal->severity_known = true;
    signal->severity = figure_severity(&rule.rule, verdict->state);
    signal->summary = arena_printf(
        turn->arena, "%s%s%s was %.4g %s in %lld minutes; %s when %s %.4g.", figure->name,
        gateway[0] != '\0' ? " of " : "", gateway, verdict->value, figure->unit,
        (long long)limits->window_minutes, figure_state_name(verdict->state),
        figure_low_is_bad(figure) ? "below" : "above", limit);
    signal->value = arena_printf(turn->arena, "%.4g %s", verdict->value, figure->unit);
    signal->threshold = arena_printf(turn->arena, "%.4g %s", limit, figure->unit);
}

int lookout_look_at_figures(struct turn *turn, struct err *err) {
    struct lookout *lookout = turn->lookout;
    struct lookout_figures *figures = &lookout->figures;
    if (lookout->options.store == NULL || lookout->options.tuning == NULL) {
        return 0;
    }
    int64_t last = (turn->now_us - FIGURE_SETTLE_S * US_PER_SECOND) / US_PER_MINUTE - 1;
    int r = last > figures->taken ? take_minutes(lookout, last, err) : 0;
    for (int i = 0; i < FIGURES && figures->taken > 0; i++) {
        struct figure_verdict verdicts[ROLLUP_GROUPS_MAX + 1];
        struct figure_limits limits;
        tuning_figure(lookout->options.tuning, (enum figure_id)i, &limits);
        int count = limits.level == FIGURE_LEVEL_OFF
                        ? 0
                        : figure_alarm_judge(figures->alarms[i], &limits, verdicts);
        for (int v = 0; v < count; v++) {
            if (figure_fires(&limits, verdicts[v].state)) {
                say(turn, (enum figure_id)i, &limits, &verdicts[v]);
            }
        }
    }
    return r;
}

void lookout_figures_release(struct lookout_figures *figures) {
    for (int i = 0; i < FIGURES; i++) {
        figure_alarm_free(figures->alarms[i]);
    }
}
