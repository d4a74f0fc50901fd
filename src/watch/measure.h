/* SPDX-License-Identifier: Apache-2.0
 * measure.h: what is counted every few seconds and is an alert from a limit on: what the database
 * counts (checks.def, those that raise a rule), and what an instance counts itself (measures.def).
 * What fires now (lookout_counts.c) and what would have fired (replay_counts.c) are judged here.
 *
 * A look is two numbers: how many, and for how long (of a check: seconds that its oldest has
 * waited). A check fires from `least` in number whose oldest has waited `after_s`.
 *
 * Threads: any; the table is constant. A window is its holder's. Cannot fail. */
#ifndef HOLDFAST_WATCH_MEASURE_H
#define HOLDFAST_WATCH_MEASURE_H

#include "base/clock.h"
#include "watch/check.h"
#include "watch/notice.h"

enum measure_id { /* of measures.def; checks follow */
#define X(id, name, rule, shared, needs, least, after_s, window_minutes, what, how_long)           \
    MEASURE_##id,
#include "watch/measures.def"
#undef X
    MEASURES_OWN
};
enum {
    MEASURES = MEASURES_OWN
#define X(name, rule, gravity, grave_after_s, one, many, sql, next) +1
#include "watch/checks.def"
#undef X
    ,
    MEASURE_WINDOW_MINUTES_MAX = 60,
    MEASURE_LOOKS_MAX = 256,
};

struct measure_limits {
    int64_t least;          /* 1 or more */
    int64_t after_s;        /* 0: at once */
    int64_t grave_after_s;  /* of a check: from then on it is critical; 0: never */
    int64_t window_minutes; /* 1 to MEASURE_WINDOW_MINUTES_MAX; 0: it has none */
};

struct measure {
    const char *name;
    const char *rule; /* "": it raises none */
    bool shared;
    bool any;                    /* one of both is enough */
    struct measure_limits usual; /* after_s -1: it has no time */
    const char *what, *how_long;
};
extern const struct measure measure_table[MEASURES];
/* -1: there is none of that name. */
int measure_find(const char *name, size_t name_chars);
/* The check that stands there; NULL: it is of measures.def. */
const struct check *measure_check(int id);
/* As in the tables. */
void measure_limits_usual(struct measure_limits ret_limits[MEASURES]);
/* NULL when they may be; else why not. */
const char *measure_limits_wrong(int id, const struct measure_limits *limits);

/* Whether so many, for so long, is an alert. */
bool measure_fires(int id, const struct measure_limits *limits, int64_t count, int64_t seconds);
/* What so many of a check, for so long, are to who asks: a notice below the limits, for there is
 * some of it nevertheless. */
enum gravity measure_gravity(int id, const struct measure_limits *limits, int64_t count,
                             int64_t seconds);
/* How grave; `usual`: its rule's own severity. */
enum notice_severity measure_severity(int id, const struct measure_limits *limits,
                                      enum notice_severity usual, int64_t seconds);

/* ---- the sum of the last looks ---- */

struct measure_window {
    struct {
        int64_t at_us, count;
    } looks[MEASURE_LOOKS_MAX]; /* the n-th stands at n % MEASURE_LOOKS_MAX */
    int64_t taken;
};
/* One more look. Returns what the limits are for: the sum of the last window_minutes, or the
 * look's own count where there is no window. Moments never go back. */
int64_t measure_window_take(struct measure_window *window, const struct measure_limits *limits,
                            int64_t at_us, int64_t count);

#endif
