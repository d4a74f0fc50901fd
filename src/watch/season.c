/* SPDX-License-Identifier: Apache-2.0
 * season.c: the usual rate of this hour of the week. */
#include "watch/season.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { HOUR_S = 3600, DAY_HOURS = 24, WEEK_HOURS = 168 };
#define HOUR_US (HOUR_S * US_PER_SECOND)

/* One week's count of an hour may be luck, and a day is not like the day before. */
static const double one_week_share = 0.6, days_share = 0.5;

static uint32_t *slot(struct season *season, int64_t hour) {
    return &season->counts[hour % SEASON_HOURS];
}

/* Of an hour that is over and still kept. */
static uint32_t count_of(const struct season *season, int64_t hour) {
    if (hour < 0 || hour >= season->hour || hour <= season->hour - SEASON_HOURS) {
        return SEASON_UNKNOWN;
    }
    return season->counts[hour % SEASON_HOURS];
}

void season_init(struct season *season) {
    season->hour = 0;
    memset(season->counts, 0xff, sizeof season->counts);
}

void season_add(struct season *season, int64_t at_us, uint32_t count) {
    int64_t hour = at_us / HOUR_US;
    if (season->hour == 0) {
        season->hour = hour;
        return;
    }
    if (hour - season->hour > SEASON_HOURS) {
        season->hour = hour - SEASON_HOURS;
    }
    while (season->hour < hour) {
        *slot(season, ++season->hour) = 0;
    }
    uint32_t *counted = slot(season, season->hour);
    if (*counted != SEASON_UNKNOWN && count < SEASON_UNKNOWN - 1 - *counted) {
        *counted += count;
    }
}

void season_leave_out(struct season *season, int64_t from_us, int64_t until_us) {
    int64_t first = MAX(from_us / HOUR_US, season->hour - SEASON_HOURS + 1);
    int64_t last = MIN(until_us / HOUR_US, season->hour);
    for (int64_t hour = MAX(first, 0); hour <= last; hour++) {
        *slot(season, hour) = SEASON_UNKNOWN;
    }
}

/* Adds in order; few enough for the simplest way. */
static int insert(uint32_t *sorted, int count, uint32_t value) {
    int at = count;
    for (; at > 0 && sorted[at - 1] > value; at--) {
        sorted[at] = sorted[at - 1];
    }
    sorted[at] = value;
    return count + 1;
}

/* What the same hour of the weeks before had, as far as it is known; returns of how many. */
static int weeks_of(const struct season *season, int64_t hour, uint32_t sorted[SEASON_WEEKS]) {
    int known = 0;
    for (int week = 1; week <= SEASON_WEEKS; week++) {
        uint32_t count = count_of(season, hour - (int64_t)week * WEEK_HOURS);
        if (count != SEASON_UNKNOWN) {
            known = insert(sorted, known, count);
        }
    }
    return known;
}

static double median_of(const uint32_t *sorted, int known) {
    return (sorted[(known - 1) / 2] + (double)sorted[known / 2]) / 2;
}

/* In an hour; -1: not known. */
static double usual(const struct season *season, int64_t hour) {
    uint32_t sorted[SEASON_WEEKS + 7];
    int known = weeks_of(season, hour, sorted);
    if (known > 0) {
        double median = median_of(sorted, known);
        return known == 1 ? median * one_week_share : median;
    }
    for (int day = 1; day < 7; day++) {
        uint32_t count = count_of(season, hour - (int64_t)day * DAY_HOURS);
        if (count != SEASON_UNKNOWN) {
            known = insert(sorted, known, count);
        }
    }
    return known > 0 ? sorted[0] * days_share : -1;
}

double season_rate(const struct season *season, int64_t at_us) {
    int64_t hour = at_us / HOUR_US;
    double here = usual(season, hour);
    if (here < 0) {
        return -1;
    }
    double middle = (double)(at_us - hour * HOUR_US) / HOUR_US - 0.5;
    double beside = usual(season, middle < 0 ? hour - 1 : hour + 1);
    double share = middle < 0 ? -middle : middle;
    double in_hour = beside < 0 ? here : here * (1 - share) + beside * share;
    return in_hour / HOUR_S;
}

int season_weeks(const struct season *season, int64_t at_us) {
    uint32_t sorted[SEASON_WEEKS];
    return weeks_of(season, at_us / HOUR_US, sorted);
}

/* ---- how much weeks differ ---- */

enum { SPREAD_KNOWN_MIN = 50 };
/* Of a normal distribution: nine in ten are within so many standard deviations. */
static const double nine_in_ten = 1.645;

static int by_size(gconstpointer one, gconstpointer other) {
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

/* What nine in ten of these keep within, as a standard deviation. */
static double spread_of(double *off, int count) {
    if (count < SPREAD_KNOWN_MIN) {
        return -1;
    }
    qsort(off, (size_t)count, sizeof off[0], by_size);
    return off[count * 9 / 10] / nine_in_ten;
}

double season_spread(const struct season *season) {
    double off[WEEK_HOURS * SEASON_WEEKS], chance = 0;
    int offs = 0;
    for (int64_t hour = season->hour; hour < season->hour + WEEK_HOURS; hour++) {
        uint32_t sorted[SEASON_WEEKS];
        int known = weeks_of(season, hour, sorted);
        double median = known >= 2 ? median_of(sorted, known) : 0;
        for (int i = 0; median >= SEASON_SPREAD_MIN && i < known; i++) {
            /* What is measured against a median that it is part of looks nearer than it is. */
            off[offs++] = fabs(sorted[i] / median - 1) * sqrt((double)known / (known - 1));
            chance += 1 / median;
        }
    }
    double spread = spread_of(off, offs);
    return spread < 0 ? -1 : sqrt(MAX(spread * spread - chance / offs, 0));
}

double season_spread_by(const struct season *season, const struct season *by) {
    double off[WEEK_HOURS * SEASON_WEEKS];
    int offs = 0;
    for (int64_t hour = by->hour; hour < by->hour + WEEK_HOURS; hour++) {
        double usual_here = usual(season, hour), usual_by = usual(by, hour);
        for (int week = 1; usual_by >= SEASON_SPREAD_MIN && week <= SEASON_WEEKS; week++) {
            uint32_t much = count_of(season, hour - (int64_t)week * WEEK_HOURS);
            uint32_t many = count_of(by, hour - (int64_t)week * WEEK_HOURS);
            if (much != SEASON_UNKNOWN && many != SEASON_UNKNOWN && many > 0 && usual_here > 0) {
                double mean = (double)much / many, usual_mean = usual_here / usual_by;
                off[offs++] = fabs(mean / usual_mean - 1) * sqrt(many);
            }
        }
    }
    return spread_of(off, offs);
}
