/* SPDX-License-Identifier: Apache-2.0
 * sequential.h: tests that look at each event as it comes and need no window: CUSUM for "it has
 * become worse", Wald's SPRT for "it is well again", and how long nothing may come before that is
 * no chance.
 *
 * The events are yes or no (a payment failed or not; it was slow or not). p0 is how often it is
 * "yes" when all is well, p1 how often when somebody ought to look. Each event moves the score by
 * the logarithm of how much likelier it is under p1 than under p0; CUSUM never lets it fall below
 * 0, so that the last time it was 0 is the likeliest beginning of the trouble.
 *
 * How long until chance alone raises the alarm: e^h · c events, where h is the limit and c depends
 * on p0 and p1 only. c = I / E², I the mean step under p1 and E = exp(−Σ 1/n · (P0(score after n
 * steps > 0) + P1(score after n steps ≤ 0))), the correction for how far the score overshoots its
 * limit (Siegmund, Sequential Analysis, 1985, ch. VIII; Bernoulli CUSUM: Reynolds & Stoumbos,
 * 1999). So the limit follows from how many events there are and how seldom a false alarm may be.
 *
 * Threads: none of its own; a test belongs to who holds it. Cannot fail. Takes no memory. */
#ifndef HOLDFAST_WATCH_SEQUENTIAL_H
#define HOLDFAST_WATCH_SEQUENTIAL_H

#include <stdbool.h>
#include <stdint.h>

/* p0 is taken as at least PROBABILITY_MIN and p1 as at most 1 - PROBABILITY_MIN. */
#define PROBABILITY_MIN 0.0005

/* What a yes and a no add to the score, and the score at which it is an alarm. */
struct cusum_limits {
    double yes;   /* > 0 */
    double no;    /* < 0 */
    double alarm; /* h */
};

/* 24 bytes: a slice has several. All zero: new. */
struct cusum {
    double score;
    int64_t began_us; /* of the first event since the score was 0 */
    uint32_t events;  /* since then, and how many of them were yes */
    uint32_t yes;
};

/* Events until a false alarm are `factor` · e^h. 0 < p0 < p1 < 1. Takes up to some milliseconds. */
double cusum_factor(double p0, double p1);

/* One false alarm in `events` events (≥ 1), on average. `factor`: cusum_factor(p0, p1). */
struct cusum_limits cusum_limits(double p0, double p1, double factor, double events);

/* One more event. True: the score has reached the limit; it stays as it is until cusum_reset(). */
bool cusum_step(struct cusum *cusum, const struct cusum_limits *limits, bool yes, int64_t at_us);
void cusum_reset(struct cusum *cusum);

/* Wald's test between "as bad as p1" and "as well as p0". */
enum sprt_verdict { SPRT_UNDECIDED, SPRT_WELL, SPRT_BAD };

struct sprt {
    double score;
    uint32_t events;
    uint32_t yes;
};

/* One more event. alpha: how often "bad" may be said when it is well; beta: how often "well" when
 * it is bad. After a verdict the test begins anew. */
enum sprt_verdict sprt_step(struct sprt *sprt, double p0, double p1, double alpha, double beta,
                            bool yes);
/* How many events without a single yes it takes to say "well". */
int sprt_events_min(double p0, double p1, double alpha, double beta);
/* How many more of them it takes now. */
int sprt_events_left(const struct sprt *sprt, double p0, double p1, double alpha, double beta);

/* How many events must be overdue before their absence is rarer than alpha, when events come by
 * chance at a rate that is itself uncertain by 1/√shape of itself (negative binomial; a large shape
 * is Poisson: −ln alpha). 0 < alpha < 1, shape > 0. */
double silence_limit(double alpha, double shape);

#endif
