/* SPDX-License-Identifier: Apache-2.0
 * lookout_figures.c: once a minute, whether a figure is past its threshold (figure_alarm.h); until
 * the next minute what was found is said again. */
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"
#include "watch/lookout_words.h"

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

static const struct metric_code *commonest(const struct metric_sum *sum) {
    const struct metric_code *most = NULL;
    for (int i = 0; i < METRIC_CODES_MAX; i++) {
        bool more = most == NULL || sum->codes[i].count > most->count;
        most = sum->codes[i].count > 0 && more ? &sum->codes[i] : most;
    }
    return most;
}

/* What is known of why: the commonest code; of callbacks, whether any come. NULL: nothing. */
static const char *cause_of(struct turn *turn, enum figure_id id, const char *gateway,
                            const struct metric_sum *sum) {
    const struct metric_code *code = commonest(sum);
    int64_t bad = sum->counts.declined + sum->counts.failed;
    const char *times = phrase_number(turn->arena, code != NULL ? code->count : 0);
    const char *of = phrase_number(turn->arena, bad);
    if (id == FIGURE_CALLBACK_MISSING) {
        enum look_word word = sum->counts.ok == 0 ? LOOK_CALLBACKS_NONE : LOOK_CALLBACKS_SOME;
        return PHRASE(turn->arena, turn_word(turn, word), {"gateway", gateway}, {"bad", of},
                      {"came", phrase_number(turn->arena, sum->counts.ok)});
    }
    if (code == NULL || figure_table[id].kind == FIGURE_KIND_LATENCY) {
        return NULL;
    }
    enum look_word word = gateway[0] != '\0' ? LOOK_FIGURE_CODE_AT : LOOK_FIGURE_CODE;
    return PHRASE(turn->arena, turn_word(turn, word),
                  {"code", arena_copy(turn->arena, code->text)}, {"gateway", gateway},
                  {"times", times}, {"bad", of});
}

static void explain(struct turn *turn, enum figure_id id, const struct figure_limits *limits,
                    const char *gateway, struct alert_signal *signal) {
    const struct figure *figure = &figure_table[id];
    struct metric_sum *sum = arena_alloc(turn->arena, sizeof *sum);
    int64_t since = 0;
    figure_alarm_sum(turn->lookout->figures.alarms[id], limits, gateway, sum, &since);
    bool timed = figure->kind == FIGURE_KIND_LATENCY || figure->kind == FIGURE_KIND_RATE;
    enum look_word scope = timed                ? LOOK_FIGURE_TIMED
                           : gateway[0] != '\0' ? LOOK_FIGURE_SCOPE
                                                : LOOK_FIGURE_SCOPE_ALL;
    int64_t bad = sum->counts.declined + sum->counts.failed;
    signal->scope = PHRASE(turn->arena, turn_word(turn, scope), {"gateway", gateway},
                           {"bad", phrase_number(turn->arena, bad)},
                           {"count", phrase_number(turn->arena, sum->counts.ok + bad)},
                           {"what", slice_operation_name(figure->operation)},
                           {"minutes", phrase_number(turn->arena, limits->window_minutes)});
    signal->cause = cause_of(turn, id, gateway, sum);
    signal->first_symptom_us = timed || since == 0 ? 0 : since * US_PER_MINUTE;
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
    signal->summary =
        PHRASE(turn->arena,
               turn_word(turn, figure_low_is_bad(figure) ? LOOK_FIGURE_BELOW : LOOK_FIGURE_ABOVE),
               {"figure", figure->name},
               {"of", gateway[0] == '\0' ? ""
                                         : PHRASE(turn->arena, turn_word(turn, LOOK_FIGURE_OF),
                                                  {"gateway", gateway})},
               {"value", arena_printf(turn->arena, "%.4g", verdict->value)},
               {"unit", figure->unit},
               {"minutes", phrase_number(turn->arena, limits->window_minutes)},
               {"state", figure_state_name(verdict->state)},
               {"limit", arena_printf(turn->arena, "%.4g", limit)});
    explain(turn, id, limits, gateway, signal);
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
