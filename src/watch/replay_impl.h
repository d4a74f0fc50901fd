/* SPDX-License-Identifier: Apache-2.0
 * replay_impl.h: what the parts of replay.h share; nobody else includes it.
 *   replay.c         minutes: who judges when
 *   replay_life.c    what is seen, and what fires of it
 *   replay_events.c  a minute's row as events
 *   replay_counts.c  looks at what is counted
 *   replay_usual.c   shares and volume, against what was usual then */
#ifndef HOLDFAST_WATCH_REPLAY_IMPL_H
#define HOLDFAST_WATCH_REPLAY_IMPL_H

#include <glib.h>

#include "watch/alert_life.h"
#include "watch/looks.h"
#include "watch/replay.h"

/* What is seen at some moment: one alert. */
struct replay_sight {
    char labels[REPLAY_LABELS_BYTES];
    enum notice_severity severity;
    int64_t first_symptom_us;
    double value; /* the worse the higher, or the lower with `low` */
    bool low;
    const char *unit;
};

struct replay_live {
    struct replay_sight sight; /* the worst of it so far */
    struct alert_life life;
    bool seen;
    int64_t next_us; /* 0: none */
    int64_t fired_us;
    int firing; /* its place in `firings`; -1: none, or there was no room */
};

struct replay_side {
    const struct tuned_values *values;
    struct alert_rule_state rule;
    struct detector *detector; /* NULL: none judges this rule */
    bool changed;              /* the detector has told of something */
    struct replay_live lives[REPLAY_LIVES_MAX];
    int live_count;
    GArray *firings; /* struct replay_firing */
    int64_t count, firing_us;
    int64_t weeks[REPLAY_WEEKS_MAX];
    struct replay_sight figures[ROLLUP_GROUPS_MAX + 1]; /* past their threshold now */
    int figure_count;
    GArray *counted; /* struct counted_side, as the replay's series */
    struct rates *rates;    /* NULL: none judge this rule */
    struct volume *volume;
    struct replay_sight *usual; /* what these two see now */
    int usual_count;
};

/* What is counted under one name and labels by one instance; the looks of the present minute. */
struct counted {
    int measure;
    char labels[REPLAY_LABELS_BYTES], source[NOTICE_NAME_BYTES_MAX + 1];
    struct look looks[LOOKS_OF_MINUTE_MAX];
    int look_count;
    int phase; /* seconds after each quarter of a minute at which it was looked at last */
};
/* How one side judges it. */
struct counted_side {
    struct measure_window window;
    bool seen;
    struct replay_sight sight;
};
enum { REPLAY_SEEN_MAX = 256 }; /* at once, of counts, shares and volume */

struct replay_usual; /* replay_usual.c: hours and minutes that were */

struct replay {
    const struct alert_rule *rule;
    struct tuning_sources sources;
    int64_t from_us, until_us;
    int64_t minute; /* that is being gathered */
    struct figure_alarm *alarm;
    int64_t taken; /* minutes the alarm has; 0: none */
    struct metric_groups groups;
    GArray *events; /* struct detector_event */
    GArray *counted; /* struct counted */
    struct replay_usual *usual;
    struct replay_side sides[2];
    int side_count;
};

/* ---- replay_life.c ---- */
/* What fell due before `now_us`, and what is seen then. */
void replay_turn(struct replay *replay, struct replay_side *side, int64_t now_us,
                 const struct replay_sight *sights, int count);
void replay_due(struct replay *replay, struct replay_side *side, int64_t now_us);
bool replay_is_due(const struct replay_side *side, int64_t now_us);

/* ---- replay_counts.c ---- */
/* The next second of the minute, after `after`, at which anything is looked at; -1: none is. */
int counts_next_look(const struct replay *replay, int after);
/* What every look at that second sees. */
void counts_look(const struct replay *replay, struct replay_side *side, int second);
/* Those that see something now. */
int counts_sights(const struct replay_side *side, struct replay_sight *ret_sights, int max);
/* The minute is over. */
void counts_pass(struct replay *replay);

/* ---- replay_usual.c ---- */
struct replay_usual *usual_new(const struct replay_options *options);
void usual_free(struct replay_usual *usual); /* NULL is fine */
void usual_row(struct replay *replay, enum slice_operation operation,
               const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum);
/* Judges what is before the present minute, into side->usual. */
void usual_judge(struct replay *replay, struct replay_side *side);
/* The present minute becomes one that was. */
void usual_pass(struct replay *replay);

/* ---- replay_events.c ---- */
/* Whether the detector watches it, and how many it is. */
int64_t replay_event_count(enum slice_operation operation, const struct metric_sum *sum);
void replay_events_add(struct replay *replay, int64_t minute, enum slice_operation operation,
                       const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum);
/* By time; those of the same moment as they were added. */
void replay_events_sort(GArray *events);

#endif
