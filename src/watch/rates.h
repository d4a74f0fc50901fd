/* SPDX-License-Identifier: Apache-2.0
 * rates.h: whether more is refunded, disputed, refused as fraud or complained of, or more callbacks
 * fail, than has been usual (rates.def). Read from the stored figures of all instances: nothing is
 * forgotten by a restart.
 *
 * Usual is the share of the four weeks before the window. A finding is at least `times` that, at
 * least `least` in number, and rarer than the budget of false alarms allows when the usual share
 * itself differs by a third from time to time (a negative binomial). It is over half way back
 * to the usual. With fewer than RATES_KNOWN_MIN in the four weeks, or less than
 * RATES_DAYS_MIN days of them, nothing is claimed.
 *
 * Threads: one at a time. Owns: what it has read. Errors: those of store.h; findings then stand.
 * Limits: RATES_GATEWAYS_MAX gateways told apart. */
#ifndef HOLDFAST_WATCH_RATES_H
#define HOLDFAST_WATCH_RATES_H

#include "meter/slices.h"
#include "store/store.h"

enum rate_id {
#define X(id, rule, of, of_outcomes, by, by_outcomes, minutes, least, each, what) RATE_##id,
#include "watch/rates.def"
#undef X
    RATES
};
enum {
    RATES_GATEWAYS_MAX = 64,
    RATES_KNOWN_MIN = 200,
    RATES_DAYS = 28,
    RATES_DAYS_MIN = 3,
    RATES_FINDINGS_MAX = RATES * RATES_GATEWAYS_MAX,
};

struct rate_finding {
    enum rate_id id;
    const char *rule, *what;
    const char *gateway; /* "": of all */
    const char *most;    /* the gateway that most of it is of; "": not known */
    int64_t count, of;
    double usual; /* share */
    int minutes;
};

/* What it may be told while it runs. */
struct rate_limits {
    double times;  /* so many times the usual */
    int64_t least; /* and so many in number */
    bool day;      /* of the last 24 hours; else of the last hour */
};
extern const char *const rate_rules[RATES]; /* the alert of each */
void rate_limits_usual(struct rate_limits ret_limits[RATES]);
/* NULL when they may be; else why not. */
const char *rate_limits_wrong(const struct rate_limits *limits);

struct rates;
/* `alarms_per_day`: of everything together; it takes its part (budget.h). 0: as usual. */
struct rates *rates_new(double alarms_per_day);
void rates_free(struct rates *rates); /* NULL is fine */
/* From now on; what was found stays until it is over by the new limits. */
void rates_tune(struct rates *rates, double alarms_per_day,
                const struct rate_limits limits[RATES]);

/* ---- told by hand, as rates_turn() tells it what is stored ---- */

/* The last 60 minutes; the last 24 whole hours; the RATES_DAYS before those. */
/* The last two: hours that come into the past, and that leave it (rates_turn() alone). */
enum rate_span {
    RATE_SPAN_HOUR,
    RATE_SPAN_DAY,
    RATE_SPAN_PAST,
    RATE_SPAN_COMES,
    RATE_SPAN_LEAVES,
    RATE_SPANS
};
void rates_begin(struct rates *rates, enum rate_span span); /* it is told anew */
void rates_add(struct rates *rates, enum rate_span span, enum slice_operation operation,
               const char *gateway, const struct slice_counts *counts);
void rates_known(struct rates *rates, int64_t hours); /* of the past, in which anything was */
void rates_judge(struct rates *rates);

/* ---- from the store ---- */

/* Looks anew when a minute more is stored; else does nothing. */
MUST_USE int rates_turn(struct rates *rates, struct store *store, int64_t now_us, struct err *err);
/* Open ones; borrowed until the next turn. */
int rates_open(struct rates *rates, const struct rate_finding **ret_findings);

#endif
