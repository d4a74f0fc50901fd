/* SPDX-License-Identifier: Apache-2.0
 * figure_alarm.h: a figure past its threshold as an alert (figure_alarms.def): judged once a
 * minute, over the last whole minutes of its window, from what is stored of all instances. Who
 * watches now (lookout.h) and who asks what would have fired (backtest.h) judge by it.
 *
 * A minute is taken when it is over for FIGURE_SETTLE_S, so that every instance has written it.
 * What is written later is left out.
 * Threads: one at a time. Owns: its minutes. Limits: ROLLUP_GROUPS_MAX gateways; the rest is one.
 */
#ifndef HOLDFAST_WATCH_FIGURE_ALARM_H
#define HOLDFAST_WATCH_FIGURE_ALARM_H

#include "watch/alert.h"
#include "watch/figures.h"

enum { FIGURE_SETTLE_S = 15 };

/* The figure's alert. */
struct figure_alarm_kind {
    const char *rule;
    bool by_gateway;
};
extern const struct figure_alarm_kind figure_alarm_kinds[FIGURES];

/* Whether a figure in this state is an alert. */
bool figure_fires(const struct figure_limits *limits, enum figure_state state);
/* How grave: as its rule says when it is critical, a step less when it is a warning. */
enum notice_severity figure_severity(const struct alert_rule *rule, enum figure_state state);

struct figure_alarm;
/* `known_from`: the first minute of which everything is known; a rate is not judged over less. */
struct figure_alarm *figure_alarm_new(enum figure_id id, int64_t known_from);
void figure_alarm_free(struct figure_alarm *alarm); /* NULL is fine */
/* What happened in this minute, which is later than the last one; where it leaves out some, nothing
 * happened in them. `groups` by gateway or not at all, as its kind is. */
void figure_alarm_take(struct figure_alarm *alarm, int64_t minute,
                       const struct metric_groups *groups);

struct figure_verdict {
    const char *gateway; /* "" where it is not by gateway; borrowed until the next take */
    enum figure_state state;
    double value; /* NAN: no data */
};
/* By these limits, over the window that ends with the last minute. Returns how many, at most
 * ROLLUP_GROUPS_MAX + 1. */
int figure_alarm_judge(const struct figure_alarm *alarm, const struct figure_limits *limits,
                       struct figure_verdict ret_verdicts[ROLLUP_GROUPS_MAX + 1]);

/* What the judgement of that gateway ("": of all) is made of, and the first of its minutes in which
 * anything was not ok; 0: none was. */
void figure_alarm_sum(const struct figure_alarm *alarm, const struct figure_limits *limits,
                      const char *gateway, struct metric_sum *ret_sum, int64_t *ret_since);

#endif
