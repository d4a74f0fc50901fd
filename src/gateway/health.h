/* SPDX-License-Identifier: Apache-2.0
 * health.h: how each gateway is doing, and the circuit breaker per gateway × method × operation.
 *
 *             fault rate, slow rate or saturation past its limit
 *     CLOSED ────────────────────────────────────────────────────► OPEN
 *       ▲                                                          │  ▲
 *       │                 open_us passed (grows ×2, up to a limit) │  │ any trial's fault
 *       │ trial successes in a row ≥ close_after                   ▼  │
 *       └─────────────────────────────────────────────────────── HALF_OPEN
 *
 * CLOSED     everything is admitted. A window of the last `window_s` seconds is kept; it opens when
 *            at least `calls_min` calls were made and the share of faults reaches `fault_percent`,
 *            or the share slower than `slow_us` reaches `slow_percent`, or `consecutive` faults
 *            came in a row, or the bulkhead refused (our own saturation) that share. Declines never
 *            count.
 * OPEN       nothing is admitted: the refusal is certainly not charged, so the next gateway is
 *            tried.
 * HALF_OPEN  a trickle: one trial in `trickle_us`, no two at once until the first success.
 *            Hysteresis: it closes only after `close_after` successes in a row.
 * Closed again, it *recovers* for a while: of the traffic that has another route a tenth returns,
 * then a half, then all. A stage is over after 20 good calls or 15 s, whichever comes first. What
 * has no other route is taken at once: who would be turned away has nothing from our caution.
 * Threads: any. Time through clock.h. Cannot fail. */
#ifndef HOLDFAST_GATEWAY_HEALTH_H
#define HOLDFAST_GATEWAY_HEALTH_H

#include "gateway/gateway.h"

enum breaker_state { BREAKER_CLOSED = 0, BREAKER_HALF_OPEN = 1, BREAKER_OPEN = 2 };
const char *breaker_state_name(enum breaker_state state);

struct breaker_settings { /* 0: the default in brackets */
    int window_s;         /* [30] */
    int calls_min;        /* [10] */
    int fault_percent;    /* [30] */
    int slow_percent;     /* [60] */
    int64_t slow_us;      /* [5 s] */
    int consecutive;      /* [5] */
    int64_t open_us;      /* [5 s], doubled each time up to open_us_max [60 s] */
    int64_t open_us_max;
    int64_t trickle_us; /* [500 ms] */
    int close_after;    /* [5] */
};

MUST_USE struct gateway_health *gateway_health_new(const char *gateway_name,
                                                   const struct breaker_settings *settings);
void gateway_health_free(struct gateway_health *health);

enum admission {
    ADMIT_NO = 0,
    ADMIT_YES = 1,
    ADMIT_TRIAL = 2,
    ADMIT_RECOVERING = 3, /* to a look only: if there is no other route */
};
/* Asks before a call; ADMIT_NO says why in `why` ("breaker open: 12 of 20 calls failed; next trial
 * in 4 s"). Every YES or TRIAL must be followed by one gateway_health_report(). */
enum admission gateway_health_admit(struct gateway_health *health, enum payment_method method,
                                    enum gateway_operation operation, char *why, size_t why_bytes);
/* The same look without taking a trial's place, for the router. While traffic returns: ADMIT_YES to
 * the share that returns, ADMIT_RECOVERING to the rest. */
enum admission gateway_health_look(struct gateway_health *health, enum payment_method method,
                                   enum gateway_operation operation, char *why, size_t why_bytes);
/* The same for who only shows it (status pages, probes of our own health): counts for nothing, and
 * is ADMIT_RECOVERING for as long as traffic returns. */
enum admission gateway_health_peek(struct gateway_health *health, enum payment_method method,
                                   enum gateway_operation operation, char *why, size_t why_bytes);
void gateway_health_report(struct gateway_health *health, enum payment_method method,
                           enum gateway_operation operation, enum admission admission,
                           const struct gateway_result *result);

enum { GATEWAY_LATENCY_WINDOW_S = 300 };

struct health_figures {
    enum breaker_state state;
    int64_t since_us; /* wall: when it came into that state; 0: from the start */
    int64_t calls, faults, timeouts, declines; /* of the window */
    int window_s;                              /* that window */
    int64_t timed; /* calls that ended within GATEWAY_LATENCY_WINDOW_S, and their latencies: */
    int64_t p50_us, p95_us, p99_us; /* -1 without data */
    double success_rate;            /* 0..1 over the window of those not at fault; 1 without data */
    int64_t first_fault_us;         /* wall: first fault of the present trouble; 0: none */
    int64_t opened_us;              /* wall: when the breaker last opened; 0: never */
    int64_t last_success_us;        /* wall: the last call that was no fault; 0: none yet */
    char why[160];
};
void gateway_health_figures(struct gateway_health *health, enum payment_method method,
                            enum gateway_operation operation, struct health_figures *ret_figures);

/* The breaker alone, without the figures that take a walk through five minutes. */
struct breaker_look {
    enum breaker_state state;
    bool waits;    /* open, and the time until its first trial is not over */
    bool recovers; /* closed, and traffic still returns by shares */
    int64_t calls; /* of the window */
    char why[160];
};
void gateway_health_breaker(struct gateway_health *health, enum payment_method method,
                            enum gateway_operation operation, struct breaker_look *ret_look);

/* What the router weighs for each payment: the success rate of this moment, and the median latency
 * as it was within the last second, since working it out means walking through five minutes. */
void gateway_health_weigh(struct gateway_health *health, enum payment_method method,
                          enum gateway_operation operation, double *ret_success_rate,
                          int64_t *ret_p50_us);

/* Deadline for one call of this operation from its live latency: 4 × p99 of the last 5 minutes,
 * between 3 s and the gateway's timeout; the timeout itself while fewer than 50 calls were made in
 * the breaker's window, and for trials. */
int64_t gateway_health_timeout_us(const struct gateway *gateway, enum payment_method method,
                                  enum gateway_operation operation);

#endif
