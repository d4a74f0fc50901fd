/* SPDX-License-Identifier: Apache-2.0
 * volume.c: series against their season. */
#include "watch/volume_impl.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/budget.h"

enum {
    SHORT_MINUTES_MIN = 5,
    LEAST_MIN = 5,
    LEAST_MAX = 1000000,
    PAID_MIN = 50, /* payments whose money is judged */
    LOOKS_PER_DAY = 144, /* that have something new to say: the shorter window's */
};
#define MINUTE_US (60 * US_PER_SECOND)
#define HOUR_MINUTES 60

/* The spread of hours until it is known, and what it is never taken to be less or more than. */
static const double spread_unknown = 0.25, spread_least = 0.10, spread_most = 0.60;
/* The same of one payment's money. */
static const double money_unknown = 3, money_least = 0.5;
/* What is usual is known by a few weeks only: the variance of a median of five is a third. */
static const double median_variance = 1.3;
/* Money has no number of its own by which chance could be judged; so many payments stand for it. */
static const double amount_stands_for = 400;

struct volume_limits volume_limits_usual(void) {
    return (struct volume_limits){.drop = 0.6, .surge = 2.0, .least = 20, .minutes = 10};
}

const char *volume_limits_wrong(const struct volume_limits *limits) {
    if (!(limits->drop >= 0.05 && limits->drop <= 0.95)) { /* also what is no number */
        return "drop is from 5 to 95 percent of the usual";
    }
    if (!(limits->surge >= 1.1 && limits->surge <= 100)) {
        return "surge is from 110 to 10000 percent of the usual";
    }
    if (limits->least < LEAST_MIN || limits->least > LEAST_MAX) {
        return "least is from 5 to 1000000 payments";
    }
    return limits->minutes < SHORT_MINUTES_MIN || limits->minutes > VOLUME_MINUTES
               ? "minutes is from 5 to 60"
               : NULL;
}

void volume_tune(struct volume *volume, double alarms_per_day, const struct volume_limits *limits) {
    volume->alarms_per_day = budget_of(BUDGET_VOLUME, alarms_per_day);
    volume->limits = *limits;
}

struct volume *volume_new(double alarms_per_day) {
    struct volume *volume = g_new0(struct volume, 1);
    const struct volume_limits usual = volume_limits_usual();
    volume_tune(volume, alarms_per_day, &usual);
    volume_forget(volume);
    return volume;
}

void volume_free(struct volume *volume) {
    g_free(volume);
}

/* ---- what was ---- */

void volume_forget(struct volume *volume) {
    for (int i = 0; i < VOLUME_SERIES_MAX; i++) {
        season_init(&volume->series[i].season);
    }
    volume->told_hour = 0;
    volume->gap_count = 0;
}

/* Payments of the currency; behind it stands its money. NULL: there is no room. */
static struct volume_series *series_of(struct volume *volume, const char *currency) {
    for (int i = 0; i < volume->currencies; i++) {
        if (strcmp(volume->series[1 + 2 * i].currency, currency) == 0) {
            return &volume->series[1 + 2 * i];
        }
    }
    if (volume->currencies == VOLUME_CURRENCIES_MAX || strlen(currency) != 3) {
        return NULL;
    }
    struct volume_series *series = &volume->series[1 + 2 * volume->currencies++];
    for (int i = 0; i < 2; i++) {
        g_strlcpy(series[i].currency, currency, sizeof series[i].currency);
        series[i].amount = i == 1;
    }
    return series;
}

/* An hour before the first one, so that the first counts as whole. What begins anew, a currency
 * say, has no past to be measured by. */
static void season_count(struct season *season, int64_t hour, double much) {
    if (season->hour == 0) {
        season_add(season, (hour - 1) * HOUR_MINUTES * MINUTE_US, 0);
    }
    season_add(season, hour * HOUR_MINUTES * MINUTE_US,
               (uint32_t)fmin(fmax(much, 0), SEASON_UNKNOWN - 2));
}

/* An hour in which nothing at all was counted is one in which nobody counted. */
static void gap(struct volume *volume, int64_t from_hour, int64_t until_hour) {
    if (from_hour < until_hour && volume->gap_count < VOLUME_GAPS_MAX) {
        volume->gaps[volume->gap_count++] = (struct volume_gap){
            from_hour * HOUR_MINUTES * MINUTE_US, until_hour * HOUR_MINUTES * MINUTE_US - 1};
    }
}

void volume_hour(struct volume *volume, int64_t hour, const char *currency, int64_t payments,
                 int64_t amount_minor) {
    if (volume->told_hour != 0) {
        gap(volume, volume->told_hour + 1, hour);
    }
    volume->told_hour = hour;
    season_count(&volume->series[0].season, hour, (double)payments);
    struct volume_series *series = series_of(volume, currency);
    if (series != NULL) {
        season_count(&series[0].season, hour, (double)payments);
        season_count(&series[1].season, hour, (double)amount_minor / 100);
    }
}

void volume_leave_out(struct volume *volume, int64_t from_us, int64_t until_us) {
    if (volume->gap_count < VOLUME_GAPS_MAX) {
        volume->gaps[volume->gap_count++] = (struct volume_gap){from_us, until_us};
    }
}

void volume_learnt(struct volume *volume, int64_t hour) {
    gap(volume, volume->told_hour + 1, hour);
    for (int i = 0; i < VOLUME_SERIES_MAX; i++) {
        struct volume_series *series = &volume->series[i];
        if (series->season.hour == 0) {
            continue;
        }
        season_count(&series->season, hour, 0);
        for (int k = 0; k < volume->gap_count; k++) {
            season_leave_out(&series->season, volume->gaps[k].from_us, volume->gaps[k].until_us);
        }
        if (series->amount) {
            double spread = season_spread_by(&series->season, &series[-1].season);
            series->spread = spread < 0 ? money_unknown : fmax(spread, money_least);
        } else {
            double spread = season_spread(&series->season);
            series->spread = spread < 0 ? spread_unknown
                                        : fmin(fmax(spread, spread_least), spread_most);
        }
    }
}

/* ---- what is ---- */

void volume_begin(struct volume *volume, int64_t until) {
    volume->until = until;
    for (int i = 0; i < VOLUME_SERIES_MAX; i++) {
        memset(volume->series[i].seen, 0, sizeof volume->series[i].seen);
    }
}

void volume_minute(struct volume *volume, int64_t minute, const char *currency, int64_t payments,
                   int64_t amount_minor) {
    int64_t at = minute - (volume->until - VOLUME_MINUTES);
    if (at < 0 || at >= VOLUME_MINUTES) {
        return;
    }
    volume->series[0].seen[at] += (double)payments;
    struct volume_series *series = series_of(volume, currency);
    if (series != NULL) {
        series[0].seen[at] += (double)payments;
        series[1].seen[at] += (double)amount_minor / 100;
    }
}

/* ---- judged ---- */

/* Terms are kept as logarithms: the first may be smaller than any double. */
double count_chance(double seen, double mean, double shape, bool surge) {
    double ratio = log(mean / (shape + mean)), log_term = shape * log(shape / (shape + mean));
    double sum = 0;
    for (int64_t i = 0; surge || i <= (int64_t)seen; i++) {
        double term = exp(log_term);
        sum += !surge || (double)i >= seen ? term : 0;
        if (surge && (double)i > seen && term < sum * 1e-9 + 1e-300) {
            break;
        }
        log_term += log(((double)i + shape) / ((double)i + 1)) + ratio;
    }
    return sum;
}

struct window {
    double seen, usual; /* usual -1: not known */
    int minutes;
};

static int64_t minute_us(const struct volume *volume, int index) {
    return (volume->until - VOLUME_MINUTES + index) * MINUTE_US + MINUTE_US / 2;
}

/* What was to come in that minute; of money: with so many payments as did come. -1: not known. */
static double usual_of(const struct volume *volume, const struct volume_series *series, int index) {
    int64_t at_us = minute_us(volume, index);
    double rate = season_rate(&series->season, at_us);
    double paid = series->amount ? season_rate(&series[-1].season, at_us) : 1;
    if (rate < 0 || paid <= 0 || season_weeks(&series->season, at_us) < VOLUME_WEEKS_MIN) {
        return -1;
    }
    return series->amount ? rate / paid * series[-1].seen[index] : rate * 60;
}

static struct window window_of(const struct volume *volume, const struct volume_series *series,
                               int minutes) {
    struct window window = {.minutes = minutes};
    for (int i = VOLUME_MINUTES - minutes; i < VOLUME_MINUTES; i++) {
        double usual = usual_of(volume, series, i);
        if (usual < 0) {
            window.usual = -1;
            return window;
        }
        window.seen += series->seen[i];
        window.usual += usual;
    }
    return window;
}

/* Over when it is back half way to the usual. */
static double over_at(const struct volume *volume, bool surge) {
    return (1 + (surge ? volume->limits.surge : volume->limits.drop)) / 2;
}

static bool is_far(const struct volume *volume, const struct window *window, bool surge) {
    return surge ? window->seen > volume->limits.surge * window->usual
                 : window->seen < volume->limits.drop * window->usual;
}

static bool is_back(const struct volume *volume, const struct window *window, bool surge) {
    double over = over_at(volume, surge) * window->usual;
    return surge ? window->seen <= over : window->seen >= over;
}

static bool is_enough(const struct volume *volume, const struct window *window, bool surge) {
    return (surge ? window->seen : window->usual) >= (double)volume->limits.least;
}

/* `paid`: of how many payments, where it is money. */
static bool is_rare(const struct volume *volume, const struct volume_series *series,
                    const struct window *window, double paid, bool surge) {
    int tests = 2 * 2 * (1 + 2 * volume->currencies);
    double alpha = volume->alarms_per_day / LOOKS_PER_DAY / tests;
    double usual = fmax(window->usual, 0.5);
    double mean = series->amount ? amount_stands_for : usual;
    double variance = series->spread * series->spread / (series->amount ? paid : 1);
    variance = median_variance * fmax(variance, spread_least * spread_least);
    return count_chance(window->seen * mean / usual, mean, 1 / variance, surge) <= alpha;
}

/* Since when it has been so: as in a CUSUM, since the sum of what is off was last at nothing. */
static int64_t first_symptom(const struct volume *volume, const struct volume_series *series,
                             bool surge) {
    double sum = 0;
    int since = VOLUME_MINUTES - 1;
    for (int i = 0; i < VOLUME_MINUTES; i++) {
        double usual = usual_of(volume, series, i);
        since = sum <= 0 ? i : since;
        double off = series->seen[i] - over_at(volume, surge) * usual;
        sum = fmax(sum + (surge ? off : -off), 0);
    }
    return (volume->until - VOLUME_MINUTES + since) * MINUTE_US;
}

/* One large payment is no surge: the hour without the minute that brought most. */
static struct window without_the_most(const struct volume *volume,
                                      const struct volume_series *series,
                                      const struct window *hour) {
    int most = 0;
    for (int i = 1; i < VOLUME_MINUTES; i++) {
        most = series->seen[i] > series->seen[most] ? i : most;
    }
    struct window rest = *hour;
    rest.seen -= series->seen[most];
    rest.usual -= usual_of(volume, series, most);
    return rest;
}

/* The window that says so; NULL: none does. */
static const struct window *which_says(const struct volume *volume,
                                       const struct volume_series *series,
                                       const struct window *hour, const struct window *last,
                                       bool surge) {
    if (series->amount) {
        double paid = window_of(volume, series - 1, VOLUME_MINUTES).seen;
        const struct window judged = surge ? without_the_most(volume, series, hour) : *hour;
        bool says = paid >= PAID_MIN && is_far(volume, &judged, surge) &&
                    is_rare(volume, series, &judged, paid, surge);
        return says ? hour : NULL;
    }
    const struct window *const windows[] = {last, hour};
    for (size_t i = 0; i < G_N_ELEMENTS(windows); i++) {
        if (is_enough(volume, windows[i], surge) && is_far(volume, windows[i], surge) &&
            is_rare(volume, series, windows[i], 1, surge)) {
            return windows[i];
        }
    }
    return NULL;
}

static void judge(struct volume *volume, struct volume_series *series, bool surge) {
    struct volume_open *open = &series->open[surge];
    const struct window hour = window_of(volume, series, VOLUME_MINUTES);
    const struct window last = window_of(volume, series, (int)volume->limits.minutes);
    const struct window *now = !series->amount && is_enough(volume, &last, surge) ? &last : &hour;
    if (hour.usual < 0 || is_back(volume, now, surge)) {
        open->is = false;
        return;
    }
    const struct window *told = which_says(volume, series, &hour, &last, surge);
    if (told == NULL && !open->is) {
        return;
    }
    told = told != NULL ? told : now;
    open->first_symptom_us = open->is ? open->first_symptom_us
                                      : first_symptom(volume, series, surge);
    open->is = true;
    open->seen = told->seen;
    open->usual = told->usual;
    open->minutes = told->minutes;
}

void volume_judge(struct volume *volume) {
    for (int i = 0; i < 1 + 2 * volume->currencies; i++) {
        /* One currency alone is all payments, told already. */
        if (i > 0 && !volume->series[i].amount && volume->currencies == 1) {
            continue;
        }
        judge(volume, &volume->series[i], false);
        judge(volume, &volume->series[i], true);
    }
}

int volume_open(struct volume *volume, const struct volume_finding **ret_findings) {
    int count = 0;
    for (int i = 0; i < 1 + 2 * volume->currencies; i++) {
        const struct volume_series *series = &volume->series[i];
        for (int surge = 0; surge < 2; surge++) {
            const struct volume_open *open = &series->open[surge];
            if (!open->is || (i > 0 && !series->amount && volume->series[0].open[surge].is)) {
                continue;
            }
            volume->shown[count++] = (struct volume_finding){
                .surge = surge == 1,
                .amount = series->amount,
                .currency = series->currency,
                .seen = open->seen,
                .usual = open->usual,
                .minutes = open->minutes,
                .weeks = season_weeks(&series->season, minute_us(volume, VOLUME_MINUTES - 1)),
                .first_symptom_us = open->first_symptom_us,
            };
        }
    }
    *ret_findings = volume->shown;
    return count;
}
