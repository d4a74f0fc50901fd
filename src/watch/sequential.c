/* SPDX-License-Identifier: Apache-2.0
 * sequential.c: CUSUM, SPRT, and silence. */
#include "watch/sequential.h"

#include <math.h>

enum { STEPS_MAX = 4000, STEPS_MIN = 20 };

static double bounded(double p) {
    return fmin(fmax(p, PROBABILITY_MIN), 1 - PROBABILITY_MIN);
}

/* The chance of exactly k yes in n events. */
static double binomial(int n, int k, double p) {
    return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(p) +
               (n - k) * log1p(-p));
}

/* The chance of k or fewer yes; the terms shrink downwards from k, since k is below the mean. */
static double binomial_up_to(int n, int k, double p) {
    double sum = 0, term = binomial(n, k, p);
    for (; k >= 0 && term > 1e-18; k--) {
        sum += term;
        term *= k * (1 - p) / ((n - k + 1) * p);
    }
    return sum;
}

/* The chance of k or more yes, of which k is above the mean. */
static double binomial_from(int n, int k, double p) {
    if (k > n) {
        return 0;
    }
    double sum = 0, term = binomial(n, k, p);
    for (; k <= n && term > 1e-18; k++) {
        sum += term;
        term *= (n - k) * p / ((k + 1) * (1 - p));
    }
    return sum;
}

double cusum_factor(double p0, double p1) {
    p0 = bounded(p0);
    p1 = bounded(p1);
    double yes = log(p1 / p0), no = log((1 - p1) / (1 - p0));
    double mean = p1 * yes + (1 - p1) * no;
    double share = -no / (yes - no); /* of yes at which the score stays where it is */
    double sum = 0;
    for (int n = 1; n <= STEPS_MAX; n++) {
        int most = (int)floor(n * share);
        double part = (binomial_from(n, most + 1, p0) + binomial_up_to(n, most, p1)) / n;
        sum += part;
        if (n > STEPS_MIN && part < 1e-8) {
            break;
        }
    }
    return mean * exp(2 * sum);
}

struct cusum_limits cusum_limits(double p0, double p1, double factor, double events) {
    p0 = bounded(p0);
    p1 = bounded(p1);
    struct cusum_limits limits = {
        .yes = log(p1 / p0),
        .no = log((1 - p1) / (1 - p0)),
        .alarm = log(fmax(events, 1) / factor),
    };
    /* However few events there are, one alone is never an alarm. */
    limits.alarm = fmax(limits.alarm, 2.5 * limits.yes);
    return limits;
}

bool cusum_step(struct cusum *cusum, const struct cusum_limits *limits, bool yes, int64_t at_us) {
    double score = cusum->score + (yes ? limits->yes : limits->no);
    if (score <= 0) {
        cusum_reset(cusum);
        return false;
    }
    if (cusum->events == 0) {
        cusum->began_us = at_us;
    }
    cusum->score = score;
    cusum->events++;
    cusum->yes += yes;
    return score >= limits->alarm;
}

void cusum_reset(struct cusum *cusum) {
    *cusum = (struct cusum){0};
}

enum sprt_verdict sprt_step(struct sprt *sprt, double p0, double p1, double alpha, double beta,
                            bool yes) {
    p0 = bounded(p0);
    p1 = bounded(p1);
    sprt->score += yes ? log(p1 / p0) : log((1 - p1) / (1 - p0));
    sprt->events++;
    sprt->yes += yes;
    enum sprt_verdict verdict = SPRT_UNDECIDED;
    if (sprt->score >= log((1 - beta) / alpha)) {
        verdict = SPRT_BAD;
    } else if (sprt->score <= log(beta / (1 - alpha))) {
        verdict = SPRT_WELL;
    }
    if (verdict != SPRT_UNDECIDED) {
        *sprt = (struct sprt){0};
    }
    return verdict;
}

int sprt_events_left(const struct sprt *sprt, double p0, double p1, double alpha, double beta) {
    double no = log((1 - bounded(p1)) / (1 - bounded(p0)));
    return (int)ceil((log(beta / (1 - alpha)) - sprt->score) / no);
}

int sprt_events_min(double p0, double p1, double alpha, double beta) {
    const struct sprt begun = {0};
    return sprt_events_left(&begun, p0, p1, alpha, beta);
}

double silence_limit(double alpha, double shape) {
    return shape * expm1(-log(alpha) / shape);
}
