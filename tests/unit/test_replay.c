/* SPDX-License-Identifier: Apache-2.0
 * test_replay.c: charges that are lived through by a lookout, and the same counted by the minute
 * and replayed: the detector says the same at the same second. Clocks stand still but for the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "meter/meter.h"
#include "support/test_clock.h"
#include "watch/lookout_impl.h"
#include "watch/replay_impl.h"

enum { HOURS = 30, MINUTES = HOURS * 60, SAID_MAX = 64, SLICES_OF_TEST = 3 };
#define US_PER_MINUTE (60 * US_PER_SECOND)

/* ---- a history, by the minute ---- */

static const char *const labels_of[SLICES_OF_TEST][SLICE_DIMENSIONS] = {
    {"alpha", "card", "DE", "EUR", ""},
    {"beta", "card", "DE", "EUR", ""},
    {"beta", "alipay", "CN", "CNY", ""},
};

struct history {
    const char *rule;
    unsigned slices;   /* bits: those in trouble */
    int64_t from, until; /* minutes of it, since the beginning */
    bool slow;         /* else they fail */
    int share;         /* percent */
};

/* Whole numbers that make up the share, a few declined ones in every hour, in each slice. */
static struct metric_sum sum_of(const struct history *history, int slice, int64_t minute) {
    struct metric_sum sum = {0};
    bool trouble = (history->slices >> slice & 1U) != 0 && minute >= history->from &&
                   minute < history->until;
    int64_t all = 6 + (minute + slice) % 3;
    int usual = slice_bucket_of(300 * US_PER_MS), slow = slice_bucket_of(9 * US_PER_SECOND);
    int64_t bad = trouble ? all * history->share / 100 : 0;
    sum.counts.failed = history->slow ? 0 : bad;
    sum.counts.declined = (minute * 7 + slice) % 13 == 0 && bad == 0 ? 1 : 0;
    sum.counts.ok = all - sum.counts.failed - sum.counts.declined;
    sum.buckets[slow] += history->slow ? bad : 0;
    sum.buckets[usual] += all - (history->slow ? bad : 0);
    return sum;
}

/* ---- as it happens ---- */

struct word {
    int64_t at_us;
    bool firing;
    char line[200];
};
struct words {
    const char *rule;
    struct word rows[SAID_MAX];
    int count;
};

static int listen(void *ctx, const struct alert_signal *signals, int count, struct err *err) {
    struct words *words = ctx;
    (void)err;
    for (int i = 0; i < count; i++) {
        const struct alert_signal *signal = &signals[i];
        struct word word = {.at_us = clock_wall_us(), .firing = signal->firing};
        int used = 0;
        if (strcmp(signal->rule, words->rule) != 0) {
            continue;
        }
        for (int l = 0; l < signal->label_count; l++) {
            used += snprintf(word.line + used, sizeof word.line - (size_t)used, "%s=%s ",
                             signal->labels[l].name, signal->labels[l].value);
        }
        bool again = false;
        for (int w = 0; w < words->count; w++) {
            if (strcmp(words->rows[w].line, word.line) == 0) {
                again = words->rows[w].firing == word.firing;
            }
        }
        if (!again) {
            assert_in_range(words->count, 0, SAID_MAX - 1);
            words->rows[words->count++] = word;
        }
    }
    return 0;
}

static void record(const struct detector_event *event, const struct detector *numbers) {
    static const enum detector_dimension to[SLICE_DIMENSIONS] = {
        [SLICE_GATEWAY] = DIMENSION_GATEWAY,   [SLICE_METHOD] = DIMENSION_METHOD,
        [SLICE_REGION] = DIMENSION_REGION,     [SLICE_CURRENCY] = DIMENSION_CURRENCY,
        [SLICE_SEGMENT] = DIMENSION_SEGMENT,
    };
    static const enum slice_outcome outcomes[] = {[OUTCOME_OK] = SLICE_OK,
                                                  [OUTCOME_DECLINED] = SLICE_DECLINED,
                                                  [OUTCOME_FAILED] = SLICE_FAILED};
    struct slice_event seen = {.operation = SLICE_CHARGE,
                               .outcome = outcomes[event->outcome],
                               .duration_us = event->duration_us};
    for (int d = 0; d < SLICE_DIMENSIONS; d++) {
        seen.labels[d] = detector_text(numbers, to[d], event->values[to[d]]);
    }
    slice_record(&seen);
}

/* The moments of the events are those at which the replay supposes them: what else is the same is
 * what is proved. */
static void live_through(const struct history *history, int64_t first, struct words *words) {
    struct tuned_values values;
    struct err err = {0};
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    const struct replay_options options = {.rule = alert_rule_find(history->rule),
                                           .values = {&values, NULL}};
    struct replay *moments = replay_new(&options);
    struct lookout *lookout =
        lookout_open(&(struct lookout_options){.signal = listen, .signal_ctx = words});
    for (int64_t m = 0; m < MINUTES; m++) {
        guint next = 0;
        g_array_set_size(moments->events, 0);
        for (int s = 0; s < SLICES_OF_TEST; s++) {
            const struct metric_sum sum = sum_of(history, s, m);
            replay_events_add(moments, first + m, SLICE_CHARGE, labels_of[s], &sum);
        }
        replay_events_sort(moments->events);
        for (int second = 1; second <= 60; second++) {
            int64_t end_us = (first + m) * US_PER_MINUTE + second * US_PER_SECOND;
            for (; next < moments->events->len; next++) {
                const struct detector_event *event =
                    &g_array_index(moments->events, struct detector_event, next);
                if (event->at_us > end_us) {
                    break;
                }
                test_clock_advance(event->at_us - clock_wall_us());
                record(event, moments->sides[0].detector);
            }
            test_clock_advance(end_us - clock_wall_us());
            assert_int_equal(lookout_turn(lookout, &err), 0);
        }
    }
    lookout_close(lookout);
    replay_free(moments);
}

/* ---- afterwards ---- */

static void replayed(const struct history *history, int64_t first, const struct words *words) {
    struct tuned_values values, nobody;
    struct replay_outcome outcome, silent;
    struct err err = {0};
    const struct alert_rule *rule = alert_rule_find(history->rule);
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    /* A signal is an alert at once, and over at once. */
    values.rules[rule - alert_rule_at(0)].rule.for_us = 0;
    values.rules[rule - alert_rule_at(0)].rule.keep_us = 0;
    nobody = values;
    nobody.rules[rule - alert_rule_at(0)].off = true;
    const struct replay_options options = {.rule = rule,
                                           .values = {&values, &nobody},
                                           .begin = first,
                                           .from = first,
                                           .until = first + MINUTES};
    struct replay *replay = replay_new(&options);
    for (int64_t m = 0; m < MINUTES; m++) {
        for (int s = 0; s < SLICES_OF_TEST; s++) {
            const struct metric_sum sum = sum_of(history, s, m);
            assert_int_equal(
                replay_row(replay, first + m, SLICE_CHARGE, labels_of[s], &sum, &err), 0);
        }
    }
    replay_until(replay, first + MINUTES);
    replay_outcome(replay, 0, &outcome);
    replay_outcome(replay, 1, &silent);
    assert_int_equal(silent.count, 0);
    int begins = 0;
    for (int w = 0; w < words->count; w++) {
        const struct word *word = &words->rows[w];
        bool found = false;
        begins += word->firing;
        for (int f = 0; f < outcome.firing_count; f++) {
            const struct replay_firing *firing = &outcome.firings[f];
            char line[200];
            int used = 0;
            for (const char *c = firing->labels; *c != '\0' && used + 2 < (int)sizeof line; c++) {
                line[used++] = *c == '\n' ? ' ' : *c;
            }
            line[used] = '\0';
            size_t chars = strlen(word->line) - (strlen(word->line) > 0);
            bool same = strncmp(line, word->line, chars) == 0;
            found = found ||
                    (same && word->at_us == (word->firing ? firing->fired_us : firing->ended_us));
        }
        if (!found) {
            fail_msg("%s %s %s at second %lld: the replay does not say so", history->rule,
                     word->line, word->firing ? "fired" : "ended",
                     (long long)((word->at_us - first * US_PER_MINUTE) / US_PER_SECOND));
        }
    }
    assert_int_equal(outcome.count, begins);
    assert_true(begins > 0);
    assert_true(outcome.firings[0].worst > 0);
    replay_free(replay);
}

static void prove(const struct history *history) {
    struct words words = {.rule = history->rule};
    slices_init();
    meter_init();
    int64_t first = clock_wall_us() / US_PER_MINUTE + 1;
    test_clock_advance(first * US_PER_MINUTE - clock_wall_us());
    live_through(history, first, &words);
    replayed(history, first, &words);
}

/* ---- tests ---- */

static void a_gateways_failure_is_found_at_the_same_second(void **state) {
    (void)state;
    prove(&(struct history){.rule = "PaymentServiceGatewayFailure", .slices = 1,
                            .from = 26 * 60, .until = 26 * 60 + 40, .share = 90});
}

static void half_of_a_method_failing_is_found_at_the_same_second(void **state) {
    (void)state;
    prove(&(struct history){.rule = "PaymentServiceHighErrorRate", .slices = 3,
                            .from = 25 * 60, .until = 27 * 60, .share = 50});
}

static void slowness_is_found_at_the_same_second(void **state) {
    (void)state;
    prove(&(struct history){.rule = "PaymentServiceHighLatency", .slices = 2, .slow = true,
                            .from = 26 * 60, .until = 28 * 60, .share = 100});
}

static void a_days_charges_are_all_of_them_and_none_twice(void **state) {
    (void)state;
    struct tuned_values values;
    struct err err = {0};
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    const struct replay_options options = {.rule = alert_rule_find("Silence"),
                                           .values = {&values, NULL}};
    struct replay *replay = replay_new(&options);
    for (int ok = 0; ok < 12; ok++) {
        for (int failed = 0; failed < 7; failed++) {
            struct metric_sum sum = {.counts = {ok, 2, failed, 1}};
            sum.buckets[20] = ok;
            sum.buckets[90] = failed;
            int counts[3] = {0}, slow = 0, timed = 0;
            int64_t last_us = 0;
            g_array_set_size(replay->events, 0);
            replay_events_add(replay, 7, SLICE_CHARGE, labels_of[0], &sum);
            for (guint i = 0; i < replay->events->len; i++) {
                const struct detector_event *event =
                    &g_array_index(replay->events, struct detector_event, i);
                counts[event->outcome]++;
                timed += event->duration_us >= 0;
                slow += event->duration_us == slice_bucket_us(90);
                assert_true(event->at_us > last_us && event->at_us >= 7 * US_PER_MINUTE &&
                            event->at_us < 8 * US_PER_MINUTE);
                last_us = event->at_us;
            }
            /* One was repeated, and is taken for a declined one. */
            assert_int_equal(counts[OUTCOME_OK], ok);
            assert_int_equal(counts[OUTCOME_DECLINED], 1);
            assert_int_equal(counts[OUTCOME_FAILED], failed);
            assert_int_equal(timed, ok + failed);
            assert_int_equal(slow, failed);
        }
    }
    replay_free(replay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateways_failure_is_found_at_the_same_second),
        cmocka_unit_test(half_of_a_method_failing_is_found_at_the_same_second),
        cmocka_unit_test(slowness_is_found_at_the_same_second),
        cmocka_unit_test(a_days_charges_are_all_of_them_and_none_twice),
    };
    test_clock_install();
    test_clock_freeze(true);
    log_level_set(LOG_ERROR);
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
