/* SPDX-License-Identifier: Apache-2.0
 * figure_alarm.c: see figure_alarm.h. */
#include "watch/figure_alarm.h"

#include <glib.h>
#include <math.h>
#include <string.h>

const struct figure_alarm_kind figure_alarm_kinds[FIGURES] = {
#define X(ID, rule, by_gateway, level) [FIGURE_##ID] = {rule, (by_gateway) != 0},
#include "watch/figure_alarms.def"
#undef X
};

bool figure_fires(const struct figure_limits *limits, enum figure_state state) {
    return limits->level != FIGURE_LEVEL_OFF &&
           (state == FIGURE_CRITICAL ||
            (state == FIGURE_WARNING && limits->level == FIGURE_LEVEL_WARNING));
}

enum notice_severity figure_severity(const struct alert_rule *rule, enum figure_state state) {
    return state == FIGURE_CRITICAL || rule->severity == NOTICE_P3
               ? rule->severity
               : (enum notice_severity)(rule->severity + 1);
}

/* Minute m stands at m % FIGURE_WINDOW_MAX. */
struct part {
    char gateway[SLICE_LABEL_CHARS_MAX + 1];
    int64_t seen; /* the last minute in which there was anything */
    struct metric_sum minutes[FIGURE_WINDOW_MAX];
};

struct figure_alarm {
    enum figure_id id;
    int64_t known_from, last;
    GPtrArray *parts; /* owned */
};

struct figure_alarm *figure_alarm_new(enum figure_id id, int64_t known_from) {
    struct figure_alarm *alarm = g_new0(struct figure_alarm, 1);
    alarm->id = id;
    alarm->known_from = known_from;
    alarm->parts = g_ptr_array_new_with_free_func(g_free);
    return alarm;
}

void figure_alarm_free(struct figure_alarm *alarm) {
    if (alarm != NULL) {
        g_ptr_array_unref(alarm->parts);
        g_free(alarm);
    }
}

static struct part *part_of(struct figure_alarm *alarm, const char *gateway, int64_t minute) {
    for (guint i = 0; i < alarm->parts->len; i++) {
        struct part *part = alarm->parts->pdata[i];
        if (strcmp(part->gateway, gateway) == 0) {
            part->seen = minute;
            return part;
        }
    }
    struct part *part = g_new0(struct part, 1);
    g_strlcpy(part->gateway, gateway, sizeof part->gateway);
    part->seen = minute;
    g_ptr_array_add(alarm->parts, part);
    return part;
}

/* A new minute is empty until something is put into it; a part with nothing left is gone. */
static void pass(struct figure_alarm *alarm, int64_t minute) {
    int64_t empty = alarm->last > 0 && minute - alarm->last < FIGURE_WINDOW_MAX
                        ? minute - alarm->last
                        : FIGURE_WINDOW_MAX;
    for (guint i = alarm->parts->len; i > 0; i--) {
        struct part *part = alarm->parts->pdata[i - 1];
        for (int64_t m = minute - empty + 1; m <= minute; m++) {
            part->minutes[m % FIGURE_WINDOW_MAX] = (struct metric_sum){0};
        }
        if (part->seen <= minute - FIGURE_WINDOW_MAX) {
            g_ptr_array_remove_index(alarm->parts, i - 1);
        }
    }
    alarm->last = minute;
}

void figure_alarm_take(struct figure_alarm *alarm, int64_t minute,
                       const struct metric_groups *groups) {
    pass(alarm, minute);
    for (int i = 0; i < groups->count; i++) {
        const struct metric_group *group = &groups->items[i];
        struct part *part = part_of(alarm, group->labels[SLICE_GATEWAY], minute);
        metric_sum_add(&part->minutes[minute % FIGURE_WINDOW_MAX], &group->sum);
    }
}

static struct figure_verdict judge(const struct figure_alarm *alarm,
                                   const struct figure_limits *limits, const char *gateway,
                                   const struct part *part) {
    struct metric_sum sum = {0};
    int64_t window = limits->window_minutes, known = alarm->last - alarm->known_from + 1;
    for (int64_t m = alarm->last - window + 1; part != NULL && m <= alarm->last; m++) {
        metric_sum_add(&sum, &part->minutes[m % FIGURE_WINDOW_MAX]);
    }
    bool rate = figure_table[alarm->id].kind == FIGURE_KIND_RATE;
    struct figure_verdict verdict = {.gateway = gateway};
    verdict.value = rate && known < window
                        ? NAN
                        : figure_value(alarm->id, limits, &sum, (double)window);
    verdict.state = figure_judge(alarm->id, limits, verdict.value);
    return verdict;
}

int figure_alarm_judge(const struct figure_alarm *alarm, const struct figure_limits *limits,
                       struct figure_verdict ret_verdicts[ROLLUP_GROUPS_MAX + 1]) {
    if (!figure_alarm_kinds[alarm->id].by_gateway) {
        const struct part *all = alarm->parts->len > 0 ? alarm->parts->pdata[0] : NULL;
        ret_verdicts[0] = judge(alarm, limits, "", all);
        return 1;
    }
    int count = 0;
    for (guint i = 0; i < alarm->parts->len && count <= ROLLUP_GROUPS_MAX; i++) {
        const struct part *part = alarm->parts->pdata[i];
        ret_verdicts[count++] = judge(alarm, limits, part->gateway, part);
    }
    return count;
}

void figure_alarm_sum(const struct figure_alarm *alarm, const struct figure_limits *limits,
                      const char *gateway, struct metric_sum *ret_sum, int64_t *ret_since) {
    *ret_sum = (struct metric_sum){0};
    *ret_since = 0;
    for (guint i = 0; i < alarm->parts->len; i++) {
        const struct part *part = alarm->parts->pdata[i];
        if (strcmp(part->gateway, gateway) != 0) {
            continue;
        }
        for (int64_t m = alarm->last - limits->window_minutes + 1; m <= alarm->last; m++) {
            const struct metric_sum *minute = &part->minutes[m % FIGURE_WINDOW_MAX];
            bool bad = minute->counts.declined + minute->counts.failed > 0;
            *ret_since = *ret_since == 0 && bad ? m : *ret_since;
            metric_sum_add(ret_sum, minute);
        }
    }
}
