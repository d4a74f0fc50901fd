/* SPDX-License-Identifier: Apache-2.0
 * lookout_words.c: a finding in words that somebody woken by them understands: what, since when,
 * how much, for whom, for whom not. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"

enum { BESIDE_MAX = 8, BESIDE_LOOKED_AT_MAX = 40 };

const char *lookout_rule(const struct detector_finding *finding) {
    switch (finding->test) {
    case TEST_SILENCE:
        return "Silence";
    case TEST_SLOW:
        return "PaymentServiceHighLatency";
    default:
        return finding->scope.values[DIMENSION_GATEWAY] != 0 ? "PaymentServiceGatewayFailure"
                                                             : "PaymentServiceHighErrorRate";
    }
}

static const char *text_of_test(enum detector_test test) {
    static const char *const texts[] = {
#define X(id, name, of, p1_least, p1_more, clumps, text) text,
#include "watch/detector_tests.def"
#undef X
    };
    return test == TEST_SILENCE ? "no payment comes" : texts[test];
}

static const char *value_of(const struct lookout *lookout, const struct detector_finding *finding,
                            int dimension) {
    return detector_text(lookout->detector, (enum detector_dimension)dimension,
                         finding->scope.values[dimension]);
}

/* "gateway stripe-eu, region CN"; "all payments". */
static char *scope_text(struct turn *turn, const struct detector_finding *finding) {
    char *text = NULL;
    for (int i = 0; i < DIMENSIONS; i++) {
        const char *value = value_of(turn->lookout, finding, i);
        if (value[0] != '\0') {
            text = arena_printf(turn->arena, "%s%s%s %s", text != NULL ? text : "",
                                text != NULL ? ", " : "", detector_dimensions[i], value);
        }
    }
    return text != NULL ? text : arena_copy(turn->arena, "all payments");
}

/* Values of the same dimension that are proved to be well since the first symptom. */
static char *well_beside(struct turn *turn, const struct detector_finding *finding) {
    const struct detector *detector = turn->lookout->detector;
    char *text = NULL;
    int named = 0;
    for (int d = 0; d < DIMENSIONS; d++) {
        int values = finding->scope.values[d] == 0
                         ? 0
                         : detector_values(detector, (enum detector_dimension)d);
        for (int v = 1; v <= MIN(values, BESIDE_LOOKED_AT_MAX); v++) {
            if (named < BESIDE_MAX && v != finding->scope.values[d] &&
                detector_beside(detector, finding, (enum detector_dimension)d,
                                (detector_value)v) == PROOF_WELL) {
                text = arena_printf(
                    turn->arena, "%s%s%s %s", text != NULL ? text : "", named > 0 ? ", " : "",
                    detector_dimensions[d],
                    detector_text(detector, (enum detector_dimension)d, (detector_value)v));
                named++;
            }
        }
    }
    return text;
}

static char *summary_text(struct turn *turn, const struct detector_finding *finding) {
    char since[CLOCK_TEXT_MAX];
    clock_format(finding->first_symptom_us / US_PER_SECOND * US_PER_SECOND, since);
    if (finding->test == TEST_SILENCE) {
        return arena_printf(turn->arena,
                            "Nothing has come since %s. At this hour some %.1f a minute are usual.",
                            since, finding->normal * 60);
    }
    const char *what = finding->test == TEST_SLOW ? "were slow" : "failed";
    return arena_printf(turn->arena, "%lld of %lld payments %s since %s; usually %.1f in 100.",
                        (long long)finding->failed, (long long)finding->events, what, since,
                        finding->normal * 100);
}

static char *cause_text(struct turn *turn, const struct detector_finding *finding) {
    const char *code = detector_code_text(turn->lookout->detector, finding->code);
    if (code[0] == '\0' || finding->test == TEST_SLOW) {
        return NULL;
    }
    return arena_printf(turn->arena, "%.0f %% of them say %s.", finding->code_share * 100, code);
}

/* "first_letter large". */
static char *sentence(struct turn *turn, const char *text) {
    char *copy = arena_copy(turn->arena, text);
    if (copy[0] >= 'a' && copy[0] <= 'z') {
        copy[0] = (char)(copy[0] - 'a' + 'A');
    }
    return copy;
}

void lookout_finding(struct turn *turn, const struct detector_finding *finding) {
    struct alert_signal *signal = turn_add(turn, lookout_rule(finding));
    if (signal == NULL) {
        return;
    }
    const char *scope = scope_text(turn, finding), *well = well_beside(turn, finding);
    for (int i = 0; i < DIMENSIONS; i++) {
        signal_label(signal, detector_dimensions[i], value_of(turn->lookout, finding, i));
    }
    signal->severity_known = finding->test == TEST_WORSE;
    signal->severity = NOTICE_P2;
    signal->title = sentence(
        turn, arena_printf(turn->arena, "%s: %s", scope, text_of_test(finding->test)));
    signal->summary = summary_text(turn, finding);
    signal->scope = arena_printf(turn->arena, "Affected: %s.%s%s%s", scope,
                                 well != NULL ? " Proved to be well meanwhile: " : "",
                                 well != NULL ? well : "", well != NULL ? "." : "");
    signal->cause = cause_text(turn, finding);
    if (finding->test != TEST_SILENCE && finding->events > 0) {
        signal->value = arena_printf(turn->arena, "%.1f %%",
                                     100.0 * (double)finding->failed / (double)finding->events);
        signal->threshold = arena_printf(turn->arena, "usually %.1f %%", finding->normal * 100);
    }
    signal->first_symptom_us = finding->first_symptom_us;
}
