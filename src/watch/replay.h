/* SPDX-License-Identifier: Apache-2.0
 * replay.h: what is stored by the minute, judged again: what one rule would have fired with the
 * values in force and with others, side by side. There is no second judge here: figures are judged
 * by figure_alarm.h, payments by detector.h, what was counted at each look by measure.h, shares by
 * rates.h, volume by volume.h, and how long something is seen before it fires and is over by
 * alert_life.h, as when it happens.
 *
 * What minutes no longer know, and what is taken instead:
 *   - when in its minute a charge ended: each slice's charges are spread evenly over their minute;
 *   - who paid: what was counted as repeated is left out, declined ones first;
 *   - which durations failed ones had: they are dealt out over all;
 *   - which instance saw what: the detector sees all instances' charges, and is never started anew.
 * So what the detector says is right to about a minute, not to the second; figures are exact, but
 * for minutes that came later than FIGURE_SETTLE_S, and minutes in which nothing ran and nothing
 * was recorded: those count as nothing. Counts are exact to the second of their look; a minute of
 * which no look is kept is taken as one in which every look found nothing. Shares and volume are
 * judged 20 s after each minute, with the incidents that really were.
 * Threads: one at a time. Owns: all it holds. Limits: those below; some 110 MB at most. */
#ifndef HOLDFAST_WATCH_REPLAY_H
#define HOLDFAST_WATCH_REPLAY_H

#include "watch/figure_alarm.h"
#include "watch/tuning.h"

enum {
    REPLAY_FIRINGS_MAX = 500, /* kept of a side; more are counted */
    REPLAY_LIVES_MAX = 200,   /* at once, as ALERTS_OF_RULE_MAX */
    REPLAY_EVENTS_MAX = 200000, /* of one minute */
    REPLAY_LABELS_BYTES = 400,
    REPLAY_WEEKS_MAX = 58,
    REPLAY_WARM_DAYS = 8, /* before the time asked for, so that the detector knows what is usual */
    REPLAY_WARM_USUAL_DAYS = 36, /* the same of shares and volume: five weeks */
    REPLAY_SERIES_MAX = 2000,    /* of what is counted, told apart */
};

struct replay_firing {
    char labels[REPLAY_LABELS_BYTES]; /* as labels_write() */
    int64_t first_symptom_us, fired_us, ended_us; /* ended 0: it fires at the end */
    enum notice_severity severity; /* the gravest */
    double worst;
    const char *unit; /* of `worst`; NULL: there is none */
};

struct replay_outcome {
    int64_t count; /* that began to fire in the time asked for */
    int64_t firing_us;
    int64_t weeks[REPLAY_WEEKS_MAX]; /* from the beginning, seven days each */
    const struct replay_firing *firings; /* of the earliest REPLAY_FIRINGS_MAX */
    int firing_count;
};

struct replay_options {
    const struct alert_rule *rule;
    const struct tuned_values *values[2]; /* the second NULL: only one side. Borrowed */
    int64_t begin, from, until; /* minutes since 1970; counted is what fires in [from, until) */
    const struct replay_incident *incidents; /* borrowed */
    int incident_count;
};

/* A time in which payments were in grave trouble: it says nothing of what is usual. */
struct replay_incident {
    int64_t from_us, until_us;
};

struct replay;
struct replay *replay_new(const struct replay_options *options);
void replay_free(struct replay *replay); /* NULL is fine */
/* Whether rows of this operation say anything about the rule. */
bool replay_wants(const struct replay *replay, enum slice_operation operation);
/* One row of metric_minute; minutes never go back. ERR_VALIDATION: more events than
 * REPLAY_EVENTS_MAX in a minute. */
MUST_USE int replay_row(struct replay *replay, int64_t minute, enum slice_operation operation,
                        const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum,
                        struct err *err);
/* One row of look_minute, of a measure of the rule; minutes never go back, of both kinds of rows
 * together. */
void replay_looks(struct replay *replay, int64_t minute, int measure, const char *labels,
                  const char *source, const char *looks);
/* Everything before `minute` has been given: judges it. */
void replay_until(struct replay *replay, int64_t minute);
void replay_outcome(const struct replay *replay, int side, struct replay_outcome *ret_outcome);

#endif
