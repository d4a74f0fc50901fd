/* SPDX-License-Identifier: Apache-2.0
 * detector_impl.h: what the detector's files share. */
#ifndef HOLDFAST_WATCH_DETECTOR_IMPL_H
#define HOLDFAST_WATCH_DETECTOR_IMPL_H

#include <glib.h>

#include "watch/detector.h"
#include "watch/season.h"
#include "watch/sequential.h"

/* What a test looks for. */
enum sign { SIGN_FAIL, SIGN_TECHNICAL, SIGN_SLOW, SIGNS };

struct test_kind {
    const char *name;
    enum sign sign;
    struct detector_aim aim;
    double clumps;
};
extern const struct test_kind test_kinds[TEST_SILENCE];

/* The combinations of dimensions that have slices: bit d for dimension d. The first is all. */
enum { SHAPES = 12 };
extern const uint8_t shapes[SHAPES];

/* How often a sign shows when all is well: sums that fade by the hour, and what has come since the
 * sign's test last stood at 0, which is counted when it stands there again. */
struct learnt {
    double yes, events;
    uint32_t waiting_yes, waiting;
    /* This hour, without what a finding has; and how much more hours differ from each other than
     * chance makes them: a variance in shares of the rate, and the hours it was seen in. */
    uint32_t hour_yes, hour;
    double spread, hours;
};

struct slice {
    struct detector_scope scope;
    uint8_t dimensions; /* how many it says something of */
    struct cusum cusums[TEST_SILENCE];
    struct cusum_limits limits[TEST_SILENCE];
    struct learnt learnt[SIGNS];
    double slow_us; /* nineteen in twenty are quicker; 0: nothing known */
    double timed;   /* how many that was learnt from */
    int64_t since_us;
    /* Silence. */
    double rate;     /* expected a second; -1: not known */
    double expected; /* since the last that came */
    double silence_limit;
    int64_t last_us;
    struct season season;
};

/* An event as a scope is found among. */
struct recent {
    struct detector_event event;
    uint8_t signs; /* bits by enum sign */
    bool taken;    /* by a finding that was open */
};

struct customer {
    uint64_t hash;
    int64_t failed_us;
};
enum { CUSTOMERS = 8192, CUSTOMER_WAYS = 4 };

/* Factors of cusum_limits by p0 on a grid, made when first needed; 0: not yet. */
enum { GRID = 80 };

/* Where the slices of events of these values are. */
struct slices_known {
    detector_value values[DIMENSIONS];
    bool complete; /* none is missing, so that they stay what they are */
    struct slice *slices[SHAPES];
};
enum { SLICES_KNOWN = 256 };

struct names {
    GHashTable *numbers; /* owned text → number */
    GPtrArray *texts;    /* borrowed from it, by number */
};

/* What a payment in a currency usually is, in minor units. */
struct usual_money {
    double minor, payments; /* payments 0: not known */
};

struct open_finding {
    struct detector_finding finding;
    struct sprt sprt;
    double recovered_p1;
    uint32_t returned; /* silence: what has come since */
};

struct detector {
    struct detector_options options;
    struct detector_tuning tuning;
    struct names names[DIMENSIONS + 1]; /* the last: codes */
    struct usual_money usual_money[DETECTOR_VALUES_MAX]; /* by currency */
    GHashTable *by_scope;               /* struct detector_scope → struct slice */
    GPtrArray *slices;                  /* owned */
    struct slices_known known[SLICES_KNOWN];
    size_t tuned;                       /* the next slice whose limits are made anew */
    double factors[TEST_SILENCE][GRID];
    struct recent recent[DETECTOR_RECENT_MAX];
    uint64_t taken_count; /* events in all; the newest is recent[(taken_count - 1) % MAX] */
    struct customer customers[CUSTOMERS];
    struct open_finding open[DETECTOR_FINDINGS_MAX];
    struct detector_finding shown[DETECTOR_FINDINGS_MAX];
    int open_count;
    uint32_t findings;
    int64_t now_us;
    int64_t faded_hour, ticked_us, untuned_us;
    struct detector_figures figures;
};

/* ---- detector.c ---- */
bool scope_holds(const struct detector_scope *scope, const struct detector_event *event);
bool scope_is_within(const struct detector_scope *inner, const struct detector_scope *outer);
/* Whether an event can be in both. */
bool scope_meets(const struct detector_scope *one, const struct detector_scope *other);
int scope_dimensions(const struct detector_scope *scope);
/* The event's slice of that shape; false: it has no value for one of its dimensions. */
bool scope_of(struct detector_scope *ret_scope, const struct detector_event *event, uint8_t shape);
/* Made when there is room; NULL: there is none. */
struct slice *slice_get(struct detector *detector, const struct detector_scope *scope);
struct slice *slice_find(const struct detector *detector, const struct detector_scope *scope);
/* How often the sign shows in that slice when all is well, with what is not known for certain on
 * the cautious side. */
double usual_rate(const struct detector *detector, const struct slice *slice, enum sign sign);
/* An hour is over: what it says of how much hours differ. */
void learn_hour(struct learnt *learnt);

/* ---- detector_stake.c ---- */
/* What a payment of its currency usually is. */
void learn_money(struct detector *detector, const struct detector_event *event);
/* How many usual payments of its currency an event is; 0: it has no amount. */
double stake_of(const struct detector *detector, const struct detector_event *event);
void add_money(const struct detector *detector, struct detector_finding *finding,
               const struct detector_event *event);
/* Of those that failed in the scope since the first symptom, the code whose share of all has risen
 * most; among the DETECTOR_RECENT_MAX newest. */
void name_code(const struct detector *detector, struct detector_finding *finding, enum sign sign);

/* ---- detector_limits.c ---- */
/* Of some slices in turn; of all within a minute. */
void limits_follow(struct detector *detector, int64_t seconds);
void limits_make(struct detector *detector, struct slice *slice);
/* At each new hour all that is learnt fades. */
void limits_fade(struct detector *detector);

/* ---- detector_scope.c ---- */
struct ranked {
    struct detector_scope scope;
    double likelihood;
    double normal;
    int64_t events, yes;
};
/* Of all slices the likeliest to be the one in trouble since then, by the events that no open
 * finding has. False: there is none. */
bool scope_rank(const struct detector *detector, enum sign sign, int64_t since_us,
                struct ranked *ret_ranked);

#endif
