/* SPDX-License-Identifier: Apache-2.0
 * replay.c: minute by minute, second by second where a detector looks: who judges, and when. */
#include "watch/replay.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"
#include "watch/replay_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum { SECONDS_PER_MINUTE = 60, USUAL_SETTLE_S = 20 /* as volume_store.c and rates.c wait */ };

/* ---- a replay's life ---- */

static void told(void *ctx, enum detector_change change, const struct detector_finding *finding) {
    struct replay_side *side = ctx;
    (void)change;
    (void)finding;
    side->changed = true;
}

struct replay *replay_new(const struct replay_options *options) {
    struct replay *replay = g_new0(struct replay, 1);
    replay->rule = options->rule;
    replay->sources = tuning_sources_of(options->rule);
    replay->from_us = options->from * US_PER_MINUTE;
    replay->until_us = options->until * US_PER_MINUTE;
    replay->minute = options->begin;
    replay->side_count = options->values[1] != NULL ? 2 : 1;
    replay->events = g_array_new(FALSE, FALSE, sizeof(struct detector_event));
    replay->counted = g_array_new(FALSE, TRUE, sizeof(struct counted));
    replay->usual = usual_new(options);
    if (replay->sources.figure) {
        enum figure_id id = replay->sources.figure_id;
        replay->alarm = figure_alarm_new(id, options->begin);
        metric_groups_init(&replay->groups,
                           figure_alarm_kinds[id].by_gateway ? 1U << SLICE_GATEWAY : 0);
    }
    for (int i = 0; i < replay->side_count; i++) {
        struct replay_side *side = &replay->sides[i];
        side->values = options->values[i];
        side->rule = side->values->rules[options->rule - alert_rule_at(0)];
        side->firings = g_array_new(FALSE, FALSE, sizeof(struct replay_firing));
        side->counted = g_array_new(FALSE, TRUE, sizeof(struct counted_side));
        side->usual = g_new0(struct replay_sight, REPLAY_SEEN_MAX);
        if (replay->sources.volume) {
            side->volume = volume_new(0);
            volume_tune(side->volume, side->values->detector.alarms_per_day,
                        &side->values->watch.volume);
        }
        if (replay->sources.share) {
            side->rates = rates_new(0);
            rates_tune(side->rates, side->values->detector.alarms_per_day,
                       side->values->watch.rates);
        }
        if (replay->sources.detector) {
            side->detector = detector_new(&(struct detector_options){.tell = told, .ctx = side});
            detector_tune(side->detector, &side->values->detector);
        }
    }
    return replay;
}

void replay_free(struct replay *replay) {
    if (replay == NULL) {
        return;
    }
    for (int i = 0; i < replay->side_count; i++) {
        detector_free(replay->sides[i].detector);
        g_array_unref(replay->sides[i].firings);
        g_array_unref(replay->sides[i].counted);
        g_free(replay->sides[i].usual);
        volume_free(replay->sides[i].volume);
        rates_free(replay->sides[i].rates);
    }
    if (replay->alarm != NULL) {
        figure_alarm_free(replay->alarm);
        metric_groups_release(&replay->groups);
    }
    g_array_unref(replay->events);
    g_array_unref(replay->counted);
    usual_free(replay->usual);
    g_free(replay);
}

/* ---- figures ---- */

static void judge_figure(struct replay *replay, struct replay_side *side, int64_t now_us) {
    enum figure_id id = replay->sources.figure_id;
    const struct figure_limits *limits = &side->values->figures[id];
    struct figure_verdict verdicts[ROLLUP_GROUPS_MAX + 1];
    int count = replay->taken > 0 && limits->level != FIGURE_LEVEL_OFF
                    ? figure_alarm_judge(replay->alarm, limits, verdicts)
                    : 0;
    side->figure_count = 0;
    for (int i = 0; i < count; i++) {
        if (!figure_fires(limits, verdicts[i].state)) {
            continue;
        }
        struct replay_sight *sight = &side->figures[side->figure_count++];
        const struct notice_label label = {"gateway", verdicts[i].gateway};
        *sight = (struct replay_sight){
            .severity = figure_severity(&side->rule.rule, verdicts[i].state),
            .first_symptom_us = now_us,
            .value = verdicts[i].value,
            .low = figure_low_is_bad(&figure_table[id]),
            .unit = figure_table[id].unit,
        };
        looks_labels(&label, label.value[0] != '\0', sight->labels);
    }
}

/* ---- the detector ---- */

static struct replay_sight sight_of(struct replay_side *side,
                                    const struct detector_finding *finding, int64_t now_us) {
    struct notice_label labels[DIMENSIONS];
    int count = 0;
    struct replay_sight sight = {
        .severity = finding->test == TEST_WORSE ? NOTICE_P2 : side->rule.rule.severity,
        .first_symptom_us = finding->first_symptom_us,
        .unit = finding->test == TEST_SILENCE ? "seconds_silent"
                : finding->test == TEST_SLOW  ? "percent_slow"
                                              : "percent_failing",
    };
    sight.value = finding->test == TEST_SILENCE
                      ? (double)(now_us - finding->first_symptom_us) / US_PER_SECOND
                      : 100.0 * (double)finding->failed / (double)MAX(finding->events, 1);
    for (int d = 0; d < DIMENSIONS; d++) {
        const char *value = detector_text(side->detector, (enum detector_dimension)d,
                                          finding->scope.values[d]);
        if (value[0] != '\0') {
            labels[count++] = (struct notice_label){detector_dimensions[d], value};
        }
    }
    looks_labels(labels, count, sight.labels);
    return sight;
}

/* Two findings may be one alert: the first says it (lookout.c). */
static bool is_told(const struct replay_sight *sights, int count, const char *labels) {
    for (int i = 0; i < count; i++) {
        if (strcmp(sights[i].labels, labels) == 0) {
            return true;
        }
    }
    return false;
}

/* What is seen now, of both kinds. */
static void turn(struct replay *replay, struct replay_side *side, int64_t now_us) {
    struct replay_sight sights[ROLLUP_GROUPS_MAX + 1 + DETECTOR_FINDINGS_MAX];
    const struct detector_finding *findings = NULL;
    int count = side->figure_count;
    memcpy(sights, side->figures, sizeof sights[0] * (size_t)count);
    int open = side->detector != NULL ? detector_open(side->detector, &findings) : 0;
    for (int i = 0; i < open; i++) {
        if (strcmp(lookout_rule(&findings[i]), replay->rule->name) == 0) {
            sights[count] = sight_of(side, &findings[i], now_us);
            count += !is_told(sights + side->figure_count, count - side->figure_count,
                              sights[count].labels);
        }
    }
    side->changed = false;
    replay_turn(replay, side, now_us, sights, count);
}

static bool has_findings(const struct replay_side *side) {
    const struct detector_finding *findings = NULL;
    return detector_open(side->detector, &findings) > 0;
}

/* One minute at which a detector looks: a turn each second, as the lookout's. */
static void seconds(struct replay *replay, struct replay_side *side) {
    const struct detector_event *events = (const void *)replay->events->data;
    int64_t begin_us = replay->minute * US_PER_MINUTE;
    guint next = 0;
    for (int s = 1; s <= SECONDS_PER_MINUTE; s++) {
        int64_t now_us = begin_us + s * US_PER_SECOND;
        bool judged = s == FIGURE_SETTLE_S && replay->alarm != NULL;
        while (next < replay->events->len && events[next].at_us <= now_us) {
            detector_take(side->detector, &events[next++]);
        }
        detector_tick(side->detector, now_us);
        if (judged) {
            judge_figure(replay, side, now_us);
        }
        if (judged || side->changed || has_findings(side) || replay_is_due(side, now_us)) {
            turn(replay, side, now_us);
        }
    }
}

/* ---- what is counted, shares and volume ---- */

static void turn_plainly(struct replay *replay, struct replay_side *side, int second) {
    struct replay_sight *sights = g_new(struct replay_sight, 2 * REPLAY_SEEN_MAX);
    int count = counts_sights(side, sights, REPLAY_SEEN_MAX);
    memcpy(sights + count, side->usual, sizeof *sights * (size_t)side->usual_count);
    replay_turn(replay, side, replay->minute * US_PER_MINUTE + second * US_PER_SECOND, sights,
                count + side->usual_count);
    g_free(sights);
}

/* One minute of a rule that looks are kept of, or that is judged by the minute alone. */
static void looks(struct replay *replay, struct replay_side *side) {
    bool judges = replay->usual != NULL;
    for (int second = counts_next_look(replay, -1); second >= 0 || judges;
         second = counts_next_look(replay, second)) {
        if (judges && (second < 0 || second >= USUAL_SETTLE_S)) {
            usual_judge(replay, side);
            turn_plainly(replay, side, USUAL_SETTLE_S);
            judges = false;
        }
        if (second < 0) {
            break;
        }
        counts_look(replay, side, second);
        turn_plainly(replay, side, second);
    }
    replay_due(replay, side, (replay->minute + 1) * US_PER_MINUTE);
}

/* ---- minutes ---- */

static void minute_over(struct replay *replay) {
    int64_t settled_us = replay->minute * US_PER_MINUTE + FIGURE_SETTLE_S * US_PER_SECOND;
    replay_events_sort(replay->events);
    for (int i = 0; i < replay->side_count; i++) {
        struct replay_side *side = &replay->sides[i];
        if (side->detector != NULL) {
            seconds(replay, side);
            continue;
        }
        if (replay->alarm == NULL) {
            looks(replay, side);
            continue;
        }
        judge_figure(replay, side, settled_us);
        turn(replay, side, settled_us);
        replay_due(replay, side, (replay->minute + 1) * US_PER_MINUTE);
    }
    if (replay->alarm != NULL) {
        struct metric_groups *groups = &replay->groups;
        figure_alarm_take(replay->alarm, replay->minute, groups);
        memset(groups->items, 0, sizeof *groups->items * (size_t)groups->count);
        groups->count = 0;
        replay->taken = replay->minute;
    }
    g_array_set_size(replay->events, 0);
    counts_pass(replay);
    usual_pass(replay);
    replay->minute++;
}

bool replay_wants(const struct replay *replay, enum slice_operation operation) {
    return replay->sources.share || (replay->sources.volume && operation == SLICE_PAYMENT) ||
           (replay->sources.figure &&
            figure_table[replay->sources.figure_id].operation == operation) ||
           (replay->sources.detector &&
            (operation == SLICE_CHARGE || operation == SLICE_PAYMENT));
}

void replay_until(struct replay *replay, int64_t minute) {
    while (replay->minute < minute) {
        minute_over(replay);
    }
}

int replay_row(struct replay *replay, int64_t minute, enum slice_operation operation,
               const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum,
               struct err *err) {
    replay_until(replay, minute);
    if (replay->sources.figure &&
        figure_table[replay->sources.figure_id].operation == operation) {
        metric_sum_add(&metric_group_of(&replay->groups, labels)->sum, sum);
    }
    usual_row(replay, operation, labels, sum);
    if (!replay->sources.detector) {
        return 0;
    }
    if (replay->events->len + replay_event_count(operation, sum) > REPLAY_EVENTS_MAX) {
        err_set(err, ERR_VALIDATION, "a minute has more than %d charges: the detector is not tried "
                                     "on so many", REPLAY_EVENTS_MAX);
        return err_place(err, "since");
    }
    replay_events_add(replay, minute, operation, labels, sum);
    return 0;
}

void replay_outcome(const struct replay *replay, int side, struct replay_outcome *ret_outcome) {
    const struct replay_side *from = &replay->sides[side];
    *ret_outcome = (struct replay_outcome){
        .count = from->count,
        .firing_us = from->firing_us,
        .firings = (const void *)from->firings->data,
        .firing_count = (int)from->firings->len,
    };
    memcpy(ret_outcome->weeks, from->weeks, sizeof ret_outcome->weeks);
    for (int i = 0; i < from->live_count; i++) {
        const struct replay_live *live = &from->lives[i];
        if (live->life.state == ALERT_FIRING && live->fired_us >= replay->from_us &&
            live->fired_us < replay->until_us) {
            ret_outcome->firing_us += replay->until_us - live->fired_us;
        }
    }
}
