/* SPDX-License-Identifier: Apache-2.0
 * lookout.c: a turn: events to the detector, findings and counts to signals, and what is no longer
 * so. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "meter/slices.h"
#include "watch/lookout_impl.h"

enum { EVENTS_AT_ONCE = 512, TURN_BYTES_MAX = 4 * 1024 * 1024 };
/* Figures in a text change with each payment; so often are they told again. */
#define SAY_AGAIN_US (10 * US_PER_SECOND)
/* While what is usual cannot be read, events wait for it; not for longer than this. */
#define LEARN_US (60 * US_PER_SECOND)

struct lookout *lookout_open(const struct lookout_options *options) {
    struct lookout *lookout = calloc(1, sizeof *lookout);
    INVARIANT(lookout != NULL, "no memory for the lookout");
    lookout->options = *options;
    lookout->detector = detector_new(&(struct detector_options){0});
    lookout->volume = volume_new(0);
    lookout->rates = rates_new(0);
    measure_limits_usual(lookout->limits);
    lookout->looks = looks_new(options->source);
    lookout->windows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    lookout->opened_us = clock_mono_us();
    lookout->learnt = options->store == NULL;
    lookout->tuned = -1;
    if (options->store != NULL) {
        store_stats(options->store, &lookout->stats);
    }
    slice_events_want(1U << SLICE_CHARGE | 1U << SLICE_PAYMENT);
    return lookout;
}

void lookout_close(struct lookout *lookout) {
    if (lookout == NULL) {
        return;
    }
    slice_events_want(0);
    lookout_figures_release(&lookout->figures);
    detector_free(lookout->detector);
    volume_free(lookout->volume);
    rates_free(lookout->rates);
    looks_free(lookout->looks);
    g_hash_table_unref(lookout->windows);
    free(lookout);
}

struct detector_figures lookout_figures(const struct lookout *lookout) {
    return detector_figures(lookout->detector);
}

/* ---- events ---- */

/* Tries at gateways are what it watches: one that fails shows there, though the payment itself goes
 * on to another. A payment that no gateway was left for had no try, and is told as itself. */
static bool is_watched(const struct slice_seen *seen) {
    return slice_operation_of(seen->slice) == SLICE_CHARGE ||
           (seen->outcome == SLICE_FAILED &&
            strcmp(slice_code_text(seen->code), "no_gateway") == 0);
}

static void take(struct lookout *lookout, const struct slice_seen *seen, int64_t ahead_us) {
    static const enum slice_dimension from[DIMENSIONS] = {
        [DIMENSION_GATEWAY] = SLICE_GATEWAY,   [DIMENSION_METHOD] = SLICE_METHOD,
        [DIMENSION_REGION] = SLICE_REGION,     [DIMENSION_CURRENCY] = SLICE_CURRENCY,
        [DIMENSION_SEGMENT] = SLICE_SEGMENT,
    };
    static const uint8_t outcomes[] = {[SLICE_OK] = OUTCOME_OK,
                                       [SLICE_DECLINED] = OUTCOME_DECLINED,
                                       [SLICE_FAILED] = OUTCOME_FAILED};
    struct detector_event event = {
        .at_us = seen->at_us + ahead_us,
        .duration_us = seen->duration_us,
        .amount_minor = seen->amount_minor,
        .customer = seen->customer,
        .outcome = outcomes[seen->outcome],
        .code = detector_code(lookout->detector, slice_code_text(seen->code)),
    };
    for (int i = 0; i < DIMENSIONS; i++) {
        event.values[i] = detector_number(lookout->detector, (enum detector_dimension)i,
                                          slice_label(seen->slice, from[i]));
    }
    detector_take(lookout->detector, &event);
}

/* What somebody has changed. */
static void tune(struct lookout *lookout) {
    struct tuning *tuning = lookout->options.tuning;
    int64_t number = tuning != NULL ? tuning_number(tuning) : lookout->tuned;
    if (number != lookout->tuned) {
        struct tuned_values values;
        tuning_values(tuning, &values);
        detector_tune(lookout->detector, &values.detector);
        volume_tune(lookout->volume, values.detector.alarms_per_day, &values.watch.volume);
        rates_tune(lookout->rates, values.detector.alarms_per_day, values.watch.rates);
        memcpy(lookout->limits, values.watch.measures, sizeof lookout->limits);
        lookout->tuned = number;
    }
}

static void feed(struct lookout *lookout, int64_t now_us) {
    struct slice_seen seen[EVENTS_AT_ONCE];
    int64_t ahead_us = now_us - clock_mono_us();
    int count;
    do {
        count = slice_events_take(seen, EVENTS_AT_ONCE);
        for (int i = 0; i < count; i++) {
            if (is_watched(&seen[i])) {
                take(lookout, &seen[i], ahead_us);
            }
        }
    } while (count == EVENTS_AT_ONCE);
    detector_tick(lookout->detector, now_us);
}

/* ---- signals ---- */

struct alert_signal *turn_add(struct turn *turn, const char *rule) {
    if (turn->count == LOOKOUT_SIGNALS_MAX) {
        return NULL;
    }
    struct alert_signal *signal = &turn->signals[turn->count++];
    *signal = (struct alert_signal){
        .rule = rule, .firing = true, .source = turn->lookout->options.source};
    return signal;
}

void signal_label(struct alert_signal *signal, const char *name, const char *value) {
    if (value[0] != '\0' && signal->label_count < DIMENSIONS) {
        signal->labels[signal->label_count++] = (struct notice_label){name, value};
    }
}

static bool is_same(const struct said *said, const struct alert_signal *signal) {
    bool same = strcmp(said->rule, signal->rule) == 0 && said->label_count == signal->label_count &&
                said->shared == (signal->source == NULL);
    for (int i = 0; same && i < said->label_count; i++) {
        same = strcmp(said->names[i], signal->labels[i].name) == 0 &&
               strcmp(said->values[i], signal->labels[i].value) == 0;
    }
    return same;
}

static struct said *said_find(struct lookout *lookout, const struct alert_signal *signal) {
    for (int i = 0; i < lookout->said_count; i++) {
        if (is_same(&lookout->said[i], signal)) {
            return &lookout->said[i];
        }
    }
    return NULL;
}

/* What fires is remembered, so that its end can be said. NULL: there is no room to. */
static struct said *remember(struct lookout *lookout, const struct alert_signal *signal) {
    struct said *said = said_find(lookout, signal);
    if (said != NULL || lookout->said_count == LOOKOUT_SIGNALS_MAX) {
        return said;
    }
    said = &lookout->said[lookout->said_count++];
    *said = (struct said){.label_count = signal->label_count, .shared = signal->source == NULL};
    g_strlcpy(said->rule, signal->rule, sizeof said->rule);
    for (int i = 0; i < signal->label_count; i++) {
        g_strlcpy(said->names[i], signal->labels[i].name, sizeof said->names[i]);
        g_strlcpy(said->values[i], signal->labels[i].value, sizeof said->values[i]);
    }
    return said;
}

static int say_over(struct lookout *lookout, const struct said *said, struct err *err) {
    struct alert_signal signal = {
        .rule = said->rule,
        .label_count = said->label_count,
        .source = said->shared ? NULL : lookout->options.source,
    };
    for (int i = 0; i < said->label_count; i++) {
        signal.labels[i] = (struct notice_label){said->names[i], said->values[i]};
    }
    return lookout->options.signal(lookout->options.signal_ctx, &signal, 1, err);
}

/* What was said to fire and does so no more. What could not be said is kept for the next turn. */
static int say_what_is_over(struct lookout *lookout, struct err *err) {
    int r = 0, kept = 0;
    for (int i = 0; i < lookout->said_count; i++) {
        if (!lookout->said[i].wanted && !lookout->said[i].stands && r >= 0) {
            r = say_over(lookout, &lookout->said[i], err);
            if (r >= 0) {
                continue;
            }
        }
        lookout->said[kept++] = lookout->said[i];
    }
    lookout->said_count = kept;
    return r;
}

/* Two findings may be one alert (failing, and failing technically): the first says it. What was
 * said just now is not said again. */
static void keep_what_is_to_be_said(struct turn *turn, int64_t mono_us) {
    int kept = 0;
    for (int i = 0; i < turn->count; i++) {
        struct said *said = remember(turn->lookout, &turn->signals[i]);
        if (said == NULL || said->wanted) {
            continue;
        }
        said->wanted = true;
        if (said->said_us == 0 || mono_us - said->said_us >= SAY_AGAIN_US) {
            turn->signals[kept++] = turn->signals[i];
        }
    }
    turn->count = kept;
}

static int say(struct turn *turn, int64_t mono_us, struct err *err) {
    const struct lookout_options *options = &turn->lookout->options;
    if (turn->count == 0) {
        return 0;
    }
    int r = options->signal(options->signal_ctx, turn->signals, turn->count, err);
    for (int i = 0; r >= 0 && i < turn->count; i++) {
        said_find(turn->lookout, &turn->signals[i])->said_us = mono_us;
    }
    return r;
}

static bool is_count(const struct said *said) {
    return said->label_count > 0 && (strcmp(said->names[0], "check") == 0 ||
                                     strcmp(said->names[0], "of") == 0);
}

static int learn(struct lookout *lookout, int64_t now_us, int64_t mono_us, struct err *err) {
    if (lookout->learnt) {
        return 0;
    }
    int r = lookout_past(lookout, now_us, err);
    lookout->learnt = r >= 0 || mono_us - lookout->opened_us >= LEARN_US;
    return lookout->learnt ? 0 : r;
}

int lookout_turn(struct lookout *lookout, struct err *err) {
    ARENA_AUTO arena = arena_new(TURN_BYTES_MAX);
    struct turn *turn = arena_alloc(arena, sizeof *turn);
    const struct detector_finding *findings;
    int64_t mono_us = clock_mono_us();
    *turn = (struct turn){.lookout = lookout, .arena = arena, .now_us = clock_wall_us()};
    bool counts = lookout->counted_us == 0 ||
                  mono_us - lookout->counted_us >= LOOKOUT_COUNT_S * US_PER_SECOND;
    /* Before the store is asked anything: who waits for it sees it when it has time again. */
    if (lookout->options.store != NULL) {
        store_stats(lookout->options.store, &turn->stats);
    }
    int r = learn(lookout, turn->now_us, mono_us, err);
    if (r < 0) {
        return r;
    }
    tune(lookout);
    feed(lookout, turn->now_us);
    /* What is counted seldom holds until it is counted again. */
    for (int i = 0; i < lookout->said_count; i++) {
        lookout->said[i].wanted = !counts && is_count(&lookout->said[i]);
        lookout->said[i].stands = false;
    }
    int open = detector_open(lookout->detector, &findings);
    for (int i = 0; i < open; i++) {
        lookout_finding(turn, &findings[i]);
    }
    r = lookout_volume(turn, err);
    int shares = lookout_rates(turn, r < 0 ? &(struct err){0} : err);
    r = r < 0 ? r : shares;
    int figures = lookout_look_at_figures(turn, r < 0 ? &(struct err){0} : err);
    r = r < 0 ? r : figures;
    int counted = counts ? lookout_count(turn, r < 0 ? &(struct err){0} : err) : 0;
    lookout->counted_us = counts && counted >= 0 ? mono_us : lookout->counted_us;
    /* What could not be counted stands. */
    for (int i = 0; counted < 0 && i < lookout->said_count; i++) {
        lookout->said[i].stands = is_count(&lookout->said[i]);
    }
    r = r < 0 ? r : counted;
    keep_what_is_to_be_said(turn, mono_us);
    /* What is amiss with the database is said though it could not be counted. */
    int said = say(turn, mono_us, r < 0 ? &(struct err){0} : err);
    r = r < 0 ? r : said;
    said = said < 0 ? said : say_what_is_over(lookout, r < 0 ? &(struct err){0} : err);
    return r < 0 ? r : said;
}
