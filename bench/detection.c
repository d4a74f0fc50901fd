/* SPDX-License-Identifier: Apache-2.0
 * detection.c: how soon trouble is noticed and how often nothing is taken for it: the detector of
 * src/watch on traffic that is made up, beside two rules that people use instead.
 * usage: bench_detection PER_MINUTE QUIET_DAYS OUTAGES [SEED]
 *
 * The traffic: arrivals by chance around a rate that follows the day (from a third to five thirds),
 * the week and an hour's luck; four gateways and methods, six regions, three currencies; each
 * method fails and takes its time as it does, more on some hours; now and then a customer tries
 * again and again. After three weeks of history come QUIET_DAYS without trouble, in which every
 * finding is false. OUTAGES moments of them, drawn by chance where the rate is within a tenth of
 * PER_MINUTE, are the beginnings of an outage of each kind: the process forks, and each child has
 * its own from there, until everybody has noticed it or two hours have gone. So every outage meets
 * a detector that has had weeks of quiet, none the aftermath of another, and no time is spent on
 * waiting for the next. Durations and amounts are drawn from 65,536 quantiles of their normal laws.
 *
 * The peers see the same events, all of them as one series:
 *   fixed    more than 10 % failed in the last minute, scraped and evaluated every 15 s, for 1 m,
 *            as a Prometheus rule would; notification delays are not counted
 *   z-score  the last minute's share of failures is more than 3 standard deviations above that of
 *            the 60 minutes before, at its end
 * Prints a line of figures for each kind of outage and each of the three, then the false alarms. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch/detector.h"

#define US INT64_C(1000000)
enum { HOUR_S = 3600, DAY_S = 86400, HISTORY_DAYS = 21, GIVE_UP_S = 7200 };
enum { METHODS = 4, REGIONS = 6, CURRENCIES = 3, SCRAPE_S = 15, SCRAPES = 5, MINUTES = 61 };

enum kind { QUIET, TOTAL, TOTAL_DECLINED, HALF, FIFTH, METHOD, REGION, SLOW, SILENCE, KINDS };
static const char *const kinds[KINDS] = {"quiet",         "total", "total-declined",
                                         "half",          "fifth", "method",
                                         "method-region", "slow",  "silence"};

enum detectors { OURS, FIXED, ZSCORE, DETECTORS };
static const char *const detectors[DETECTORS] = {"holdfast", "fixed", "z-score"};

static const struct {
    const char *gateway, *method;
    double share, declined, failed, ms;
} methods[METHODS] = {
    {"stripe-eu", "card", 0.45, 0.055, 0.004, 380},
    {"paypal-main", "paypal", 0.20, 0.030, 0.004, 900},
    {"alipay-cn", "alipay", 0.20, 0.025, 0.003, 260},
    {"wechat-cn", "wechat_pay", 0.15, 0.025, 0.003, 240},
};
static const char *const regions[REGIONS] = {"cn", "de", "fr", "gb", "us", "jp"};
static const char *const currencies[CURRENCIES] = {"CNY", "EUR", "USD"};

/* ---- chance ---- */

static uint64_t state;

static uint64_t draw(void) {
    uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static double chance(void) {
    return ((double)(draw() >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void) {
    return sqrt(-2 * log(chance())) * cos(6.283185307179586 * chance());
}

/* Factors whose logarithms are normal: of what payments take, and of what they come to. */
enum { QUANTILES = 65536 };
static float duration_factors[QUANTILES], amount_factors[QUANTILES];

/* The value below which a share p of a normal law lies, by halving. */
static double normal_quantile(double p) {
    double low = -9, high = 9;
    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;
        *(0.5 * erfc(-middle / sqrt(2)) < p ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

static void factors_make(void) {
    for (int i = 0; i < QUANTILES; i++) {
        double at = normal_quantile((i + 0.5) / QUANTILES);
        duration_factors[i] = (float)exp(0.45 * at);
        amount_factors[i] = (float)exp(at);
    }
}

/* ---- the peers ---- */

struct peers {
    int64_t failed, all;                               /* since the beginning */
    int64_t scraped_failed[SCRAPES], scraped[SCRAPES]; /* the last minute, by scrape */
    int64_t scrapes, minutes;
    int above; /* evaluations in a row */
    double shares[MINUTES];
    int64_t minute_failed, minute_all;
    bool firing[DETECTORS];
};

static void peers_scrape(struct peers *peers) {
    int at = (int)(peers->scrapes % SCRAPES);
    int64_t before = peers->scraped[(at + 1) % SCRAPES];
    int64_t failed_before = peers->scraped_failed[(at + 1) % SCRAPES];
    peers->scraped[at] = peers->all;
    peers->scraped_failed[at] = peers->failed;
    if (++peers->scrapes < SCRAPES) {
        return;
    }
    int64_t all = peers->all - before, failed = peers->failed - failed_before;
    bool above = all > 0 && (double)failed > 0.1 * (double)all;
    peers->above = above ? peers->above + 1 : 0;
    peers->firing[FIXED] = peers->above >= SCRAPES; /* pending for a whole minute */
}

static void peers_minute(struct peers *peers) {
    double sum = 0, squares = 0;
    for (int i = 0; i < MINUTES - 1; i++) {
        sum += peers->shares[i];
        squares += peers->shares[i] * peers->shares[i];
    }
    double mean = sum / (MINUTES - 1);
    double deviation = sqrt(fmax(squares / (MINUTES - 1) - mean * mean, 0));
    double share = peers->minute_all > 0 ? (double)peers->minute_failed / (double)peers->minute_all
                                         : mean;
    peers->firing[ZSCORE] = peers->minutes >= MINUTES && deviation > 0 &&
                            share > mean + 3 * deviation;
    peers->shares[peers->minutes++ % (MINUTES - 1)] = share;
    peers->minute_all = peers->minute_failed = 0;
}

/* ---- the world ---- */

struct world {
    struct detector *detector;
    struct peers peers;
    double per_second;
    /* Numbers of the values, asked for once. */
    detector_value gateways[METHODS], methods[METHODS], regions[REGIONS], currencies[CURRENCIES];
    int64_t now_us;
    double hour_luck, hour_failing;
    int64_t hour;
    enum kind kind;
    int64_t began_us;
    int64_t streak_customer, streak_left, streak_us;
    int64_t found_us[DETECTORS]; /* of this outage; 0: not yet */
    bool was_firing[DETECTORS];
    int64_t alarms[DETECTORS];       /* begun */
    struct detector_finding finding; /* the first of this outage */
    bool trace;
};

static double season_of(int64_t now_us) {
    double hour = (double)(now_us / US % DAY_S) / HOUR_S;
    int64_t day = now_us / US / DAY_S % 7;
    double daily = 1 + 0.667 * sin((hour - 9) / 24 * 6.283185307179586);
    return daily * (day >= 5 ? 0.8 : 1.08);
}

static void noticed(struct world *world, enum detectors who) {
    world->alarms[who]++;
    if (world->found_us[who] == 0) {
        world->found_us[who] = world->now_us;
    }
}

static void told(void *ctx, enum detector_change change, const struct detector_finding *finding) {
    struct world *world = ctx;
    if (change == FINDING_OPENED) {
        if (world->found_us[OURS] == 0) {
            world->finding = *finding;
        }
        noticed(world, OURS);
        if (world->trace) {
            fprintf(stderr,
                    "day %.2f %s: %s %s/%s/%s/%s: %" PRId64 " of %" PRId64
                    ", usually %.4f, likelihood %.1f\n",
                    (double)world->now_us / (double)(DAY_S * US), kinds[world->kind],
                    detector_test_name(finding->test),
                    detector_text(world->detector, DIMENSION_GATEWAY, finding->scope.values[0]),
                    detector_text(world->detector, DIMENSION_METHOD, finding->scope.values[1]),
                    detector_text(world->detector, DIMENSION_REGION, finding->scope.values[2]),
                    detector_text(world->detector, DIMENSION_CURRENCY, finding->scope.values[3]),
                    finding->failed, finding->events, finding->normal, finding->likelihood);
        }
    } else if (change == FINDING_GREW && world->found_us[OURS] != 0 &&
               finding->id == world->finding.id) {
        if (world->trace) {
            fprintf(stderr,
                    "grew %s: %s from first %.1f s, %" PRId64 " of %" PRId64 " likelihood %.1f\n",
                    kinds[world->kind], detector_test_name(finding->test),
                    (double)(world->now_us - finding->first_symptom_us) / US, finding->failed,
                    finding->events, finding->likelihood);
        }
        world->finding = *finding;
    }
}

static void hour_begins(struct world *world, int64_t hour) {
    world->hour = hour;
    world->hour_luck = exp(0.10 * normal());
    world->hour_failing = exp(0.15 * normal());
}

/* What trouble makes of a payment. */
static void outage(const struct world *world, struct detector_event *event, int method,
                   int region) {
    switch (world->kind) {
    case TOTAL:
        event->outcome = OUTCOME_FAILED;
        break;
    case TOTAL_DECLINED:
        event->outcome = OUTCOME_DECLINED;
        break;
    case HALF:
        event->outcome = chance() < 0.5 ? OUTCOME_FAILED : event->outcome;
        break;
    case FIFTH:
        event->outcome = chance() < 0.2 ? OUTCOME_FAILED : event->outcome;
        break;
    case METHOD:
        event->outcome = method == 3 ? OUTCOME_FAILED : event->outcome;
        break;
    case REGION:
        event->outcome = method == 0 && region == 0 ? OUTCOME_FAILED : event->outcome;
        break;
    case SLOW:
        event->duration_us *= 6;
        break;
    default:
        break;
    }
}

static void take(struct world *world, struct detector_event *event) {
    struct peers *peers = &world->peers;
    bool failed = event->outcome != OUTCOME_OK;
    peers->all++;
    peers->failed += failed;
    peers->minute_all++;
    peers->minute_failed += failed;
    detector_take(world->detector, event);
}

static void payment(struct world *world) {
    double at = chance();
    int method = 0;
    while (method + 1 < METHODS && at >= methods[method].share) {
        at -= methods[method++].share;
    }
    int region = method >= 2 ? 0 : (int)(draw() % REGIONS);
    int currency = region == 0 ? 0 : region < 4 ? 1 : 2;
    double fails = chance() / world->hour_failing;
    struct detector_event event = {
        .at_us = world->now_us,
        .duration_us = (int64_t)(methods[method].ms * 1000 * duration_factors[draw() % QUANTILES]),
        .amount_minor = (int64_t)(3000 * amount_factors[draw() % QUANTILES]),
        .customer = draw() | 1,
        .outcome = fails < methods[method].failed                              ? OUTCOME_FAILED
                   : fails < methods[method].failed + methods[method].declined ? OUTCOME_DECLINED
                                                                               : OUTCOME_OK,
    };
    event.values[DIMENSION_GATEWAY] = world->gateways[method];
    event.values[DIMENSION_METHOD] = world->methods[method];
    event.values[DIMENSION_REGION] = world->regions[region];
    event.values[DIMENSION_CURRENCY] = world->currencies[currency];
    outage(world, &event, method, region);
    take(world, &event);
    /* One in two hundred who are declined tries eight times more within a minute or two. */
    if (event.outcome == OUTCOME_DECLINED && world->kind == QUIET && chance() < 0.05) {
        for (int i = 0; i < 8; i++) {
            event.at_us = world->now_us;
            take(world, &event);
        }
    }
}

/* One step: to the next payment, the next tick or the next scrape, whatever comes first. */
static void run_until(struct world *world, int64_t until_us, bool until_noticed) {
    int64_t next_us = world->now_us, tick_us = world->now_us;
    double rate = 0; /* of this quarter of a second; 0: not known yet */
    bool waiting = false;
    while (world->now_us < until_us) {
        if (until_noticed && world->found_us[OURS] != 0 && world->found_us[FIXED] != 0 &&
            world->found_us[ZSCORE] != 0) {
            return;
        }
        int64_t hour = world->now_us / US / HOUR_S;
        if (hour != world->hour) {
            hour_begins(world, hour);
        }
        if (!waiting) {
            rate = rate > 0 ? rate
                            : world->per_second * season_of(world->now_us) * world->hour_luck;
            double wait = -log(chance()) / rate;
            next_us = world->now_us + (int64_t)(fmin(wait, 86400) * (double)US) + 1;
            waiting = true;
        }
        tick_us = world->now_us - world->now_us % (US / 4) + US / 4;
        if (next_us <= tick_us) {
            world->now_us = next_us;
            waiting = false;
            if (world->kind != SILENCE) {
                payment(world);
            }
            continue;
        }
        world->now_us = tick_us;
        rate = 0;
        detector_tick(world->detector, tick_us);
        if (tick_us % (SCRAPE_S * US) == 0) {
            peers_scrape(&world->peers);
        }
        if (tick_us % (60 * US) == 0) {
            peers_minute(&world->peers);
        }
        for (int i = FIXED; i < DETECTORS; i++) {
            if (world->peers.firing[i] && !world->was_firing[i]) {
                noticed(world, i);
            }
            world->was_firing[i] = world->peers.firing[i];
        }
    }
}

/* ---- the figures ---- */

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Each gateway has one method here, so either names it; China has one currency, so either names
 * that, too. */
static bool scope_is_right(const struct world *world) {
    const detector_value *values = world->finding.scope.values;
    const struct detector *detector = world->detector;
    const char *gateway = detector_text(detector, DIMENSION_GATEWAY, values[DIMENSION_GATEWAY]);
    const char *method = detector_text(detector, DIMENSION_METHOD, values[DIMENSION_METHOD]);
    bool named = values[DIMENSION_GATEWAY] != 0 || values[DIMENSION_METHOD] != 0;
    bool region = values[DIMENSION_REGION] != 0 || values[DIMENSION_CURRENCY] != 0;
    if (world->kind == METHOD) {
        return !region && (strcmp(gateway, "wechat-cn") == 0 || strcmp(method, "wechat_pay") == 0);
    }
    if (world->kind == REGION) {
        return region && (strcmp(gateway, "stripe-eu") == 0 || strcmp(method, "card") == 0);
    }
    return !named && !region;
}

/* What became of one outage, from the child that had it. */
struct outcome {
    double delay_s[DETECTORS]; /* below 0: never */
    bool scope_right;
};

static struct outcome *outcomes; /* by kind and moment */

static void outage_of(struct world *world, enum kind kind, struct outcome *ret_outcome) {
    memset(world->found_us, 0, sizeof world->found_us);
    /* A rule that was firing anyway has noticed it as well. */
    memset(world->was_firing, 0, sizeof world->was_firing);
    memset(&world->finding, 0, sizeof world->finding);
    world->kind = kind;
    world->began_us = world->now_us;
    run_until(world, world->now_us + GIVE_UP_S * US, true);
    for (int i = 0; i < DETECTORS; i++) {
        ret_outcome->delay_s[i] =
            world->found_us[i] == 0 ? -1
                                    : (double)(world->found_us[i] - world->began_us) / (double)US;
    }
    ret_outcome->scope_right = world->found_us[OURS] != 0 && scope_is_right(world);
    if (world->trace && !ret_outcome->scope_right) {
        const detector_value *values = world->finding.scope.values;
        fprintf(stderr, "not right: %s %s/%s/%s/%s\n", kinds[kind],
                detector_text(world->detector, DIMENSION_GATEWAY, values[0]),
                detector_text(world->detector, DIMENSION_METHOD, values[1]),
                detector_text(world->detector, DIMENSION_REGION, values[2]),
                detector_text(world->detector, DIMENSION_CURRENCY, values[3]));
    }
}

static void quit(const char *what) {
    perror(what);
    exit(1);
}

/* An outage in a copy of the world, which goes on without it. */
static void fork_outage(struct world *world, enum kind kind, uint64_t seed,
                        struct outcome *ret_outcome) {
    int ends[2], status = 0;
    fflush(stdout);
    if (pipe(ends) != 0) {
        quit("pipe");
    }
    pid_t child = fork();
    if (child < 0) {
        quit("fork");
    }
    if (child == 0) {
        struct outcome outcome = {0};
        state = seed;
        (void)draw();
        outage_of(world, kind, &outcome);
        _exit(write(ends[1], &outcome, sizeof outcome) != sizeof outcome);
    }
    (void)close(ends[1]);
    if (read(ends[0], ret_outcome, sizeof *ret_outcome) != sizeof *ret_outcome ||
        waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "bench_detection: an outage ended without its figures\n");
        exit(1);
    }
    (void)close(ends[0]);
}

static int by_time(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The quiet days, with `count` outages of each kind beside them. Outages have chance of their own:
 * the quiet days are the same with and without them. */
static void quiet(struct world *world, int days, int count, uint64_t seed) {
    int64_t from_us = world->now_us, until_us = from_us + days * DAY_S * US;
    int64_t *moments = calloc((size_t)count + 1, sizeof *moments);
    uint64_t kept = state;
    state = seed ^ UINT64_C(0x5deece66d);
    for (int i = 0; i < count; i++) {
        do {
            moments[i] = from_us + (int64_t)(draw() % (uint64_t)(until_us - from_us));
        } while (fabs(season_of(moments[i]) - 1) > 0.1);
    }
    state = kept;
    qsort(moments, (size_t)count, sizeof *moments, by_time);
    for (int i = 0; i < count; i++) {
        run_until(world, moments[i], false);
        for (int kind = TOTAL; kind < KINDS; kind++) {
            uint64_t own = seed * 1000003 + (uint64_t)(i * KINDS + kind);
            fork_outage(world, (enum kind)kind, own, &outcomes[kind * count + i]);
        }
    }
    run_until(world, until_us, false);
    free(moments);
}

static void print_kind(enum kind kind, int count) {
    double *delays = calloc((size_t)count, sizeof *delays);
    for (int k = 0; k < DETECTORS; k++) {
        int found = 0, scoped = 0;
        for (int i = 0; i < count; i++) {
            const struct outcome *outcome = &outcomes[kind * count + i];
            scoped += outcome->scope_right;
            if (outcome->delay_s[k] >= 0) {
                delays[found++] = outcome->delay_s[k];
            }
        }
        qsort(delays, (size_t)found, sizeof *delays, by_size);
        printf("kind=%s by=%s outages=%d missed=%d", kinds[kind], detectors[k], count,
               count - found);
        if (found > 0) {
            printf(" p50_s=%.1f p95_s=%.1f", delays[found / 2],
                   delays[(int)ceil(found * 0.95) - 1]);
        }
        if (k == OURS) {
            printf(" scope_right=%d", scoped);
        }
        printf("\n");
    }
    free(delays);
}

static void values_number(struct world *world) {
    for (int i = 0; i < METHODS; i++) {
        world->gateways[i] = detector_number(world->detector, DIMENSION_GATEWAY,
                                             methods[i].gateway);
        world->methods[i] = detector_number(world->detector, DIMENSION_METHOD, methods[i].method);
    }
    for (int i = 0; i < REGIONS; i++) {
        world->regions[i] = detector_number(world->detector, DIMENSION_REGION, regions[i]);
    }
    for (int i = 0; i < CURRENCIES; i++) {
        world->currencies[i] = detector_number(world->detector, DIMENSION_CURRENCY, currencies[i]);
    }
}

int main(int argc, char **argv) {
    double per_minute = argc > 3 ? strtod(argv[1], NULL) : 0;
    int days = argc > 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    int count = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (per_minute <= 0 || days < 1 || count < 0) {
        fprintf(stderr, "usage: bench_detection PER_MINUTE QUIET_DAYS OUTAGES [SEED]\n");
        return 2;
    }
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    state = seed;
    struct world world = {.per_second = per_minute / 60,
                          .now_us = INT64_C(20000) * DAY_S * US,
                          .hour = -1,
                          .trace = getenv("BENCH_TRACE") != NULL};
    struct detector_options options = {.tell = told, .ctx = &world};
    factors_make();
    outcomes = calloc((size_t)(count * KINDS + 1), sizeof *outcomes);
    world.detector = detector_new(&options);
    values_number(&world);
    run_until(&world, world.now_us + HISTORY_DAYS * DAY_S * US, false);
    printf("history_days=%d alarms=%" PRId64 "\n", HISTORY_DAYS, world.alarms[OURS]);
    memset(world.alarms, 0, sizeof world.alarms);
    quiet(&world, days, count, seed);
    for (int i = 0; i < DETECTORS; i++) {
        printf("kind=quiet by=%s days=%d alarms=%" PRId64 " per_day=%.3f\n", detectors[i], days,
               world.alarms[i], (double)world.alarms[i] / days);
    }
    for (int kind = TOTAL; kind < KINDS && count > 0; kind++) {
        print_kind((enum kind)kind, count);
    }
    struct detector_figures figures = detector_figures(world.detector);
    printf("events=%" PRId64 " repeated=%" PRId64 " slices=%d\n", figures.events, figures.repeated,
           figures.slices);
    detector_free(world.detector);
    free(outcomes);
    return 0;
}
