/* SPDX-License-Identifier: Apache-2.0
 * health.c: the circuit breakers (state diagram in health.h).
 *
 * 1. Calls, faults, slow calls and refusals of our own bulkhead are counted per second in a ring of
 *    `window_s` seconds; the window's sums decide. Declines are calls without fault.
 * 2. OPEN → HALF_OPEN happens when somebody asks after `open_until`; no task of its own.
 * 3. In HALF_OPEN one trial may be under way; a trial whose caller never reports (it died) gives
 * its place back after TRIAL_LOST_US.
 * 4. After closing, `ramp` stages give the router a growing share of what could go elsewhere, by a
 *    counter and not by chance: stage 0 one in 10, stage 1 one in 2, then all. A stage ends by its
 *    good calls or by its time, so that little traffic recovers too; a call itself is never
 *    refused for its share. A fault in the ramp opens the breaker again.
 * One lock per gateway; nothing under it blocks. */
#include "gateway/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/task.h"
#include "meter/meter.h"

enum { WINDOW_MAX_S = 120, RAMP_STAGES = 2, RAMP_CALLS = 20, TIMEOUT_CALLS_MIN = 50 };
#define TRIAL_LOST_US (60 * US_PER_SECOND)
#define RAMP_STAGE_US (15 * US_PER_SECOND)
#define TIMEOUT_MIN_US (3 * US_PER_SECOND)

struct second {
    int64_t at_s;
    int calls, faults, slow, refused, timeouts, declines;
};

struct breaker {
    enum breaker_state state;
    struct second ring[WINDOW_MAX_S];
    int in_a_row;            /* faults without a success between */
    int64_t since_us;        /* wall */
    int64_t opened_us;       /* wall */
    int64_t first_fault_us;  /* wall: of the present trouble */
    int64_t last_success_us; /* wall */
    int64_t open_until_us;   /* monotonic */
    int64_t open_for_us;     /* length of the present or last opening */
    int64_t next_trial_us;   /* monotonic */
    int64_t trial_began_us;  /* monotonic; 0: no trial is under way */
    int trial_successes;
    int ramp; /* RAMP_STAGES: past it, everything is admitted */
    int ramp_seen, ramp_done;
    int64_t ramp_began_us;             /* monotonic: when its stage began */
    int64_t timeout_us, timeout_at_us; /* the deadline worked out last, and when (monotonic) */
    int64_t p50_us, p50_at_us;         /* the same for the median; 0: never */
    char why[160];
};

struct gateway_health {
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    struct breaker_settings settings;
    struct lock lock;
    struct breaker *breakers[METHOD_COUNT][OP_COUNT]; /* made when first used */
};

const char *breaker_state_name(enum breaker_state state) {
    static const char *const names[] = {"closed", "half_open", "open"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "?";
}

static int or_default(int value, int fallback) {
    return value > 0 ? value : fallback;
}

static int64_t or_default_us(int64_t value, int64_t fallback) {
    return value > 0 ? value : fallback;
}

struct gateway_health *gateway_health_new(const char *gateway_name,
                                          const struct breaker_settings *settings) {
    static const struct breaker_settings none = {0};
    const struct breaker_settings *given = settings != NULL ? settings : &none;
    struct gateway_health *health = calloc(1, sizeof *health);
    INVARIANT(health != NULL, "no memory for a gateway's health");
    snprintf(health->gateway, sizeof health->gateway, "%s", gateway_name);
    health->settings = (struct breaker_settings){
        .window_s = or_default(given->window_s, 30),
        .calls_min = or_default(given->calls_min, 10),
        .fault_percent = or_default(given->fault_percent, 30),
        .slow_percent = or_default(given->slow_percent, 60),
        .slow_us = or_default_us(given->slow_us, 5 * US_PER_SECOND),
        .consecutive = or_default(given->consecutive, 5),
        .open_us = or_default_us(given->open_us, 5 * US_PER_SECOND),
        .open_us_max = or_default_us(given->open_us_max, 60 * US_PER_SECOND),
        .trickle_us = or_default_us(given->trickle_us, 500 * US_PER_MS),
        .close_after = or_default(given->close_after, 5),
    };
    if (health->settings.window_s > WINDOW_MAX_S) {
        health->settings.window_s = WINDOW_MAX_S;
    }
    lock_init(&health->lock);
    return health;
}

void gateway_health_free(struct gateway_health *health) {
    if (health == NULL) {
        return;
    }
    for (int m = 0; m < METHOD_COUNT; m++) {
        for (int o = 0; o < OP_COUNT; o++) {
            free(health->breakers[m][o]);
        }
    }
    lock_free(&health->lock);
    free(health);
}

static struct breaker *breaker_of(struct gateway_health *health, enum payment_method method,
                                  enum gateway_operation operation) {
    INVARIANT(method >= 0 && method < METHOD_COUNT && operation > 0 && operation < OP_COUNT,
              "a breaker out of its table");
    struct breaker **slot = &health->breakers[method][operation];
    if (*slot == NULL) {
        *slot = calloc(1, sizeof **slot);
        INVARIANT(*slot != NULL, "no memory for a breaker");
        (*slot)->ramp = RAMP_STAGES;
        (*slot)->open_for_us = health->settings.open_us;
    }
    return *slot;
}

static struct second *this_second(struct breaker *breaker) {
    int64_t at_s = clock_mono_us() / US_PER_SECOND;
    struct second *second = &breaker->ring[at_s % WINDOW_MAX_S];
    if (second->at_s != at_s) {
        *second = (struct second){.at_s = at_s};
    }
    return second;
}

static struct second window_sum(const struct breaker *breaker, int window_s) {
    struct second sum = {0};
    int64_t now_s = clock_mono_us() / US_PER_SECOND;
    for (int i = 0; i < WINDOW_MAX_S; i++) {
        const struct second *second = &breaker->ring[i];
        if (second->at_s > now_s - window_s && second->at_s <= now_s) {
            sum.calls += second->calls;
            sum.faults += second->faults;
            sum.slow += second->slow;
            sum.refused += second->refused;
            sum.timeouts += second->timeouts;
            sum.declines += second->declines;
        }
    }
    return sum;
}

static void move(struct gateway_health *health, struct breaker *breaker, enum payment_method method,
                 enum gateway_operation operation, enum breaker_state to, const char *why) {
    log_event(BREAKER_MOVED, LT("gateway", health->gateway), LT("method", method_name(method)),
              LT("operation", operation_name(operation)),
              LT("from", breaker_state_name(breaker->state)), LT("to", breaker_state_name(to)),
              LT("why", why));
    breaker->state = to;
    breaker->since_us = clock_wall_us();
    snprintf(breaker->why, sizeof breaker->why, "%s", why);
    meter_set(METER_BREAKER_STATE, to, health->gateway, method_name(method),
              operation_name(operation));
}

static void open_breaker(struct gateway_health *health, struct breaker *breaker,
                         enum payment_method method, enum gateway_operation operation, bool again,
                         const char *why) {
    int64_t longer = breaker->open_for_us * 2;
    breaker->open_for_us = !again                                  ? health->settings.open_us
                           : longer < health->settings.open_us_max ? longer
                                                                   : health->settings.open_us_max;
    breaker->open_until_us = clock_mono_us() + breaker->open_for_us;
    breaker->opened_us = clock_wall_us();
    breaker->trial_began_us = 0;
    breaker->trial_successes = 0;
    move(health, breaker, method, operation, BREAKER_OPEN, why);
}

/* Whether the window says that this gateway is in trouble; `why` gets the figures. */
static bool in_trouble(const struct gateway_health *health, const struct breaker *breaker,
                       char *why, size_t bytes) {
    const struct breaker_settings *limit = &health->settings;
    if (breaker->in_a_row >= limit->consecutive) {
        snprintf(why, bytes, "%d calls in a row failed", breaker->in_a_row);
        return true;
    }
    struct second sum = window_sum(breaker, limit->window_s);
    int asked = sum.calls + sum.refused;
    if (asked < limit->calls_min) {
        return false;
    }
    if (sum.faults * 100 >= limit->fault_percent * asked) {
        snprintf(why, bytes, "%d of %d calls failed in %d s", sum.faults, asked, limit->window_s);
        return true;
    }
    if (sum.slow * 100 >= limit->slow_percent * asked) {
        snprintf(why, bytes, "%d of %d calls took longer than %lld ms in %d s", sum.slow, asked,
                 (long long)(limit->slow_us / US_PER_MS), limit->window_s);
        return true;
    }
    if (sum.refused * 100 >= limit->fault_percent * asked) {
        snprintf(why, bytes, "%d of %d calls found no room: too many were waiting for it",
                 sum.refused, asked);
        return true;
    }
    return false;
}

static void refuse(const struct breaker *breaker, int64_t now, char *why, size_t bytes) {
    int64_t next = breaker->state == BREAKER_OPEN ? breaker->open_until_us : breaker->next_trial_us;
    int64_t wait_ms = next > now ? (next - now) / US_PER_MS : 0;
    snprintf(why, bytes, "breaker %s: %.80s; next trial in %lld.%lld s",
             breaker_state_name(breaker->state), breaker->why, (long long)(wait_ms / 1000),
             (long long)(wait_ms % 1000 / 100));
}

enum asking { ASKING_TO_SHOW, ASKING_TO_ROUTE, ASKING_TO_CALL };

static void ramp_begin(struct breaker *breaker, int stage, int64_t now_us) {
    breaker->ramp = stage;
    breaker->ramp_seen = 0;
    breaker->ramp_done = 0;
    breaker->ramp_began_us = now_us;
}

/* Whether traffic is still returning to a closed one. */
static bool recovers(struct breaker *breaker, int64_t now_us) {
    while (breaker->ramp < RAMP_STAGES && now_us - breaker->ramp_began_us >= RAMP_STAGE_US) {
        ramp_begin(breaker, breaker->ramp + 1, breaker->ramp_began_us + RAMP_STAGE_US);
    }
    return breaker->ramp < RAMP_STAGES;
}

/* One in ten, then one in two, by counting who looks: the same on every run. Who calls has looked,
 * and has no other route if he saw no place. */
static enum admission admit_returning(struct breaker *breaker, enum asking asking) {
    static const int every[RAMP_STAGES] = {10, 2};
    if (asking != ASKING_TO_ROUTE) {
        return asking == ASKING_TO_CALL ? ADMIT_YES : ADMIT_RECOVERING;
    }
    return breaker->ramp_seen++ % every[breaker->ramp] == 0 ? ADMIT_YES : ADMIT_RECOVERING;
}

static enum admission admit(struct gateway_health *health, enum payment_method method,
                            enum gateway_operation operation, enum asking asking, char *why,
                            size_t bytes) {
    bool take = asking == ASKING_TO_CALL;
    struct breaker *breaker = breaker_of(health, method, operation);
    int64_t now = clock_mono_us();
    why[0] = '\0';
    if (breaker->state == BREAKER_CLOSED) {
        enum admission admission = recovers(breaker, now) ? admit_returning(breaker, asking)
                                                          : ADMIT_YES;
        if (admission == ADMIT_RECOVERING) {
            snprintf(why, bytes, "recovering: only a share of the traffic returns");
        }
        return admission;
    }
    if (breaker->state == BREAKER_OPEN) {
        if (now < breaker->open_until_us) {
            refuse(breaker, now, why, bytes);
            return ADMIT_NO;
        }
        if (take) {
            char kept[160];
            snprintf(kept, sizeof kept, "%s", breaker->why);
            breaker->next_trial_us = now;
            move(health, breaker, method, operation, BREAKER_HALF_OPEN, kept);
        }
    }
    bool busy = breaker->trial_began_us > 0 && now - breaker->trial_began_us < TRIAL_LOST_US;
    bool soon = breaker->state == BREAKER_HALF_OPEN && now < breaker->next_trial_us;
    if ((busy && breaker->trial_successes == 0) || soon) {
        refuse(breaker, now, why, bytes);
        return ADMIT_NO;
    }
    if (take) {
        breaker->trial_began_us = now;
        breaker->next_trial_us = now + health->settings.trickle_us;
    }
    return ADMIT_TRIAL;
}

static enum admission ask(struct gateway_health *health, enum payment_method method,
                          enum gateway_operation operation, enum asking asking, char *why,
                          size_t why_bytes) {
    lock_take(&health->lock);
    enum admission admission = admit(health, method, operation, asking, why, why_bytes);
    lock_give(&health->lock);
    return admission;
}

enum admission gateway_health_admit(struct gateway_health *health, enum payment_method method,
                                    enum gateway_operation operation, char *why, size_t why_bytes) {
    return ask(health, method, operation, ASKING_TO_CALL, why, why_bytes);
}

enum admission gateway_health_look(struct gateway_health *health, enum payment_method method,
                                   enum gateway_operation operation, char *why, size_t why_bytes) {
    return ask(health, method, operation, ASKING_TO_ROUTE, why, why_bytes);
}

enum admission gateway_health_peek(struct gateway_health *health, enum payment_method method,
                                   enum gateway_operation operation, char *why, size_t why_bytes) {
    return ask(health, method, operation, ASKING_TO_SHOW, why, why_bytes);
}

static void count(struct gateway_health *health, struct breaker *breaker,
                  const struct gateway_result *result, bool fault, bool refused) {
    struct second *second = this_second(breaker);
    if (refused) {
        second->refused++;
        return;
    }
    second->calls++;
    second->faults += fault;
    second->slow += result->duration_us > health->settings.slow_us;
    second->timeouts += result->failure == HTTP_FAIL_TIMEOUT;
    second->declines += result->outcome == GW_DECLINED;
    breaker->in_a_row = fault ? breaker->in_a_row + 1 : 0;
    if (fault && breaker->first_fault_us == 0) {
        breaker->first_fault_us = clock_wall_us();
    }
    breaker->last_success_us = fault ? breaker->last_success_us : clock_wall_us();
}

static void trial_done(struct gateway_health *health, struct breaker *breaker,
                       enum payment_method method, enum gateway_operation operation, bool fault,
                       const struct gateway_result *result) {
    breaker->trial_began_us = 0;
    if (breaker->state != BREAKER_HALF_OPEN) {
        return;
    }
    if (fault) {
        char why[160];
        snprintf(why, sizeof why, "a trial failed: %.60s", gateway_outcome_name(result->outcome));
        open_breaker(health, breaker, method, operation, true, why);
        return;
    }
    breaker->trial_successes++;
    if (breaker->trial_successes < health->settings.close_after) {
        return;
    }
    memset(breaker->ring, 0, sizeof breaker->ring);
    breaker->in_a_row = 0;
    breaker->first_fault_us = 0;
    breaker->trial_successes = 0;
    ramp_begin(breaker, 0, clock_mono_us());
    move(health, breaker, method, operation, BREAKER_CLOSED, "trials succeeded");
}

void gateway_health_report(struct gateway_health *health, enum payment_method method,
                           enum gateway_operation operation, enum admission admission,
                           const struct gateway_result *result) {
    bool fault = gateway_outcome_is_fault(result->outcome) ||
                 (PLANTED(DECLINE_TRIPS_BREAKER) && result->outcome == GW_DECLINED);
    bool refused = result->failure == HTTP_FAIL_BULKHEAD;
    lock_take(&health->lock);
    struct breaker *breaker = breaker_of(health, method, operation);
    count(health, breaker, result, fault, refused);
    char why[160];
    if (admission == ADMIT_TRIAL) {
        trial_done(health, breaker, method, operation, fault || refused, result);
    } else if (breaker->state == BREAKER_CLOSED) {
        int64_t now = clock_mono_us();
        bool ramping = recovers(breaker, now);
        if (ramping && fault) {
            open_breaker(health, breaker, method, operation, true,
                         "it failed again while traffic returned");
        } else if (in_trouble(health, breaker, why, sizeof why)) {
            open_breaker(health, breaker, method, operation, false, why);
        } else {
            if (ramping && !refused && ++breaker->ramp_done >= RAMP_CALLS) {
                ramp_begin(breaker, breaker->ramp + 1, now);
            }
            if (!fault && window_sum(breaker, health->settings.window_s).faults == 0) {
                breaker->first_fault_us = 0;
            }
        }
    }
    lock_give(&health->lock);
}

void gateway_health_figures(struct gateway_health *health, enum payment_method method,
                            enum gateway_operation operation, struct health_figures *ret_figures) {
    const char *labels[METER_LABELS_MAX] = {health->gateway, method_name(method),
                                            operation_name(operation)};
    lock_take(&health->lock);
    struct breaker *breaker = breaker_of(health, method, operation);
    struct second sum = window_sum(breaker, health->settings.window_s);
    *ret_figures = (struct health_figures){
        .state = breaker->state,
        .since_us = breaker->since_us,
        .window_s = health->settings.window_s,
        .calls = sum.calls,
        .faults = sum.faults,
        .timeouts = sum.timeouts,
        .declines = sum.declines,
        .success_rate = sum.calls > 0 ? 1.0 - (double)sum.faults / sum.calls : 1.0,
        .first_fault_us = breaker->first_fault_us,
        .opened_us = breaker->opened_us,
        .last_success_us = breaker->last_success_us,
    };
    snprintf(ret_figures->why, sizeof ret_figures->why, "%s", breaker->why);
    lock_give(&health->lock);
    ret_figures->timed = meter_observations(METER_GATEWAY_SECONDS, GATEWAY_LATENCY_WINDOW_S,
                                            labels);
    ret_figures->p50_us = meter_quantile(METER_GATEWAY_SECONDS, 0.50, GATEWAY_LATENCY_WINDOW_S,
                                         labels);
    ret_figures->p95_us = meter_quantile(METER_GATEWAY_SECONDS, 0.95, GATEWAY_LATENCY_WINDOW_S,
                                         labels);
    ret_figures->p99_us = meter_quantile(METER_GATEWAY_SECONDS, 0.99, GATEWAY_LATENCY_WINDOW_S,
                                         labels);
}

void gateway_health_breaker(struct gateway_health *health, enum payment_method method,
                            enum gateway_operation operation, struct breaker_look *ret_look) {
    lock_take(&health->lock);
    struct breaker *breaker = breaker_of(health, method, operation);
    int64_t now = clock_mono_us();
    *ret_look = (struct breaker_look){
        .state = breaker->state,
        .waits = breaker->state == BREAKER_OPEN && now < breaker->open_until_us,
        .recovers = breaker->state == BREAKER_CLOSED && recovers(breaker, now),
        .calls = window_sum(breaker, health->settings.window_s).calls,
    };
    snprintf(ret_look->why, sizeof ret_look->why, "%s", breaker->why);
    lock_give(&health->lock);
}

void gateway_health_weigh(struct gateway_health *health, enum payment_method method,
                          enum gateway_operation operation, double *ret_success_rate,
                          int64_t *ret_p50_us) {
    int64_t now = clock_mono_us();
    lock_take(&health->lock);
    struct breaker *breaker = breaker_of(health, method, operation);
    struct second sum = window_sum(breaker, health->settings.window_s);
    *ret_success_rate = sum.calls > 0 ? 1.0 - (double)sum.faults / sum.calls : 1.0;
    *ret_p50_us = breaker->p50_us;
    bool fresh = breaker->p50_at_us > 0 && now - breaker->p50_at_us < US_PER_SECOND;
    breaker->p50_at_us = fresh ? breaker->p50_at_us : now;
    lock_give(&health->lock);
    if (fresh) {
        return;
    }
    const char *labels[METER_LABELS_MAX] = {health->gateway, method_name(method),
                                            operation_name(operation)};
    *ret_p50_us = meter_quantile(METER_GATEWAY_SECONDS, 0.50, GATEWAY_LATENCY_WINDOW_S, labels);
    lock_take(&health->lock);
    breaker->p50_us = *ret_p50_us;
    lock_give(&health->lock);
}

int64_t gateway_health_timeout_us(const struct gateway *gateway, enum payment_method method,
                                  enum gateway_operation operation) {
    struct gateway_health *health = gateway->health;
    int64_t now = clock_mono_us();
    lock_take(&health->lock);
    struct breaker *breaker = breaker_of(health, method, operation);
    int64_t known = breaker->timeout_us;
    bool fresh = known > 0 && now - breaker->timeout_at_us < US_PER_SECOND;
    breaker->timeout_at_us = fresh ? breaker->timeout_at_us : now;
    /* Few answers say little, and a trial must not be cut off by what was usual before the trouble:
     * else a gateway that is well but slower than it was would never be let back. */
    bool learned = breaker->state == BREAKER_CLOSED &&
                   window_sum(breaker, health->settings.window_s).calls >= TIMEOUT_CALLS_MIN;
    lock_give(&health->lock);
    if (fresh && learned) {
        return known;
    }
    const char *labels[METER_LABELS_MAX] = {gateway->name, method_name(method),
                                            operation_name(operation)};
    int64_t p99 = learned ? meter_quantile(METER_GATEWAY_SECONDS, 0.99, GATEWAY_LATENCY_WINDOW_S,
                                           labels)
                          : 0;
    int64_t wanted = p99 > 0 ? 4 * p99 : gateway->timeout_us;
    wanted = wanted < TIMEOUT_MIN_US ? TIMEOUT_MIN_US : wanted;
    wanted = wanted < gateway->timeout_us ? wanted : gateway->timeout_us;
    lock_take(&health->lock);
    breaker->timeout_us = wanted;
    lock_give(&health->lock);
    return wanted;
}
