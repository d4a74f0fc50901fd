/* SPDX-License-Identifier: Apache-2.0
 * lookout_impl.h: what a lookout is made of. Internal to watch/. */
#ifndef HOLDFAST_WATCH_LOOKOUT_IMPL_H
#define HOLDFAST_WATCH_LOOKOUT_IMPL_H

#include <glib.h>

#include "base/arena.h"
#include "watch/figure_alarm.h"
#include "watch/looks.h"
#include "watch/lookout.h"
#include "watch/rates.h"
#include "watch/tuning.h"
#include "watch/volume.h"

/* A signal that was said to fire, and has not been said to be over. */
struct said {
    char rule[NOTICE_NAME_BYTES_MAX + 1];
    char names[DIMENSIONS][24], values[DIMENSIONS][DETECTOR_VALUE_CHARS_MAX + 1];
    int label_count;
    bool shared; /* without a source: all instances see the same */
    bool wanted; /* it still fires */
    bool stands; /* nobody knows now */
    int64_t said_us; /* monotonic; 0: not yet */
};

/* What is summed over a window: one measure of one gateway. */
struct windowed {
    struct measure_window window;
    int64_t total; /* of the meter, at the look before */
};

struct lookout_figures {
    struct figure_alarm *alarms[FIGURES];
    int64_t taken; /* the last minute; 0: none */
};

struct lookout {
    struct lookout_options options;
    struct lookout_figures figures;
    int64_t tuned; /* tuning_number() that it goes by */
    struct measure_limits limits[MEASURES];
    struct looks *looks;
    GHashTable *windows; /* owned "measure gateway" → owned struct windowed */
    struct detector *detector;
    struct volume *volume;
    struct rates *rates;
    bool learnt;         /* from the store */
    int64_t opened_us;   /* monotonic */
    struct said said[LOOKOUT_SIGNALS_MAX];
    int said_count;
    int64_t counted_us;     /* monotonic, when the rest was looked at last; 0: never */
    struct store_stats stats; /* of the store, then */
    int64_t standbys_us;      /* monotonic: not asked about before; 0: at once */
};

/* The signals of one turn; texts are the arena's. */
struct turn {
    struct store_stats stats; /* at its beginning */
    struct lookout *lookout;
    struct arena *arena;
    struct alert_signal signals[LOOKOUT_SIGNALS_MAX];
    int count;
    int64_t now_us; /* wall */
};
/* One more that fires, empty but for its rule; NULL: there is no room. */
struct alert_signal *turn_add(struct turn *turn, const char *rule);
/* Values "" are left out; `name` must be a literal. */
void signal_label(struct alert_signal *signal, const char *name, const char *value);

/* lookout_words.c: the finding as a signal. */
const char *lookout_rule(const struct detector_finding *finding);
void lookout_finding(struct turn *turn, const struct detector_finding *finding);
/* lookout_volume.c: what comes against its season. */
const char *lookout_volume_rule(const struct volume_finding *finding);
MUST_USE int lookout_volume(struct turn *turn, struct err *err);
/* lookout_rates.c: more refunds, disputes, complaints, … than usual. */
MUST_USE int lookout_rates(struct turn *turn, struct err *err);
/* lookout_past.c: a detector that has learnt what is stored takes the place of the new one. */
MUST_USE int lookout_past(struct lookout *lookout, int64_t now_us, struct err *err);
/* lookout_figures.c: thresholds of figures. What could not be read is an error; what was read
 * before still holds. */
MUST_USE int lookout_look_at_figures(struct turn *turn, struct err *err);
void lookout_figures_release(struct lookout_figures *figures);
/* lookout_counts.c: what is looked at every LOOKOUT_COUNT_S. */
MUST_USE int lookout_count(struct turn *turn, struct err *err);

#endif
