/* SPDX-License-Identifier: Apache-2.0
 * volume_impl.h: what a volume is made of. Internal to watch/. */
#ifndef HOLDFAST_WATCH_VOLUME_IMPL_H
#define HOLDFAST_WATCH_VOLUME_IMPL_H

#include <glib.h>

#include "watch/season.h"
#include "watch/volume.h"

enum { VOLUME_SERIES_MAX = 1 + 2 * VOLUME_CURRENCIES_MAX, VOLUME_GAPS_MAX = 1000 };

struct volume_open {
    bool is;
    double seen, usual;
    int minutes;
    int64_t first_symptom_us;
};

struct volume_series {
    char currency[4]; /* "": all payments */
    bool amount;
    struct season season;
    double spread; /* of hours; of money: of one payment's */
    double seen[VOLUME_MINUTES];
    struct volume_open open[2]; /* a drop, a surge */
};

/* Times that say nothing of what is usual. */
struct volume_gap {
    int64_t from_us, until_us;
};

struct volume {
    double alarms_per_day; /* its part */
    struct volume_limits limits;
    struct volume_series series[VOLUME_SERIES_MAX]; /* all payments; then two a currency */
    int currencies;
    int64_t told_hour; /* the last; 0: none */
    struct volume_gap gaps[VOLUME_GAPS_MAX];
    int gap_count;
    int64_t until; /* the minute that the last one is before */
    int64_t looked_minute, learnt_hour; /* volume_store.c; 0: not yet */
    struct volume_finding shown[VOLUME_FINDINGS_MAX];
};

/* How rare so little (or, with `surge`, so much) is: a negative binomial of this mean whose rate is
 * itself uncertain by 1/√shape. mean, shape > 0. */
double count_chance(double seen, double mean, double shape, bool surge);

/* The times in which payments were in grave trouble, by the alerts of that time. */
enum { INCIDENTS_MAX = 500 };
MUST_USE int incidents_read(struct store_tx *tx, int64_t from_us, int64_t now_us,
                            struct volume_gap ret_spans[INCIDENTS_MAX], int *ret_count,
                            struct err *err);

#endif
