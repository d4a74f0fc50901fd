/* SPDX-License-Identifier: Apache-2.0
 * lookout_words.c: a finding in words that somebody woken by them understands: what, since when,
 * how much, for whom, for whom not. The sentences are lookout_words.def. */
#include "watch/lookout_words.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"

enum { BESIDE_MAX = 8, BESIDE_LOOKED_AT_MAX = 40 };
/* What has just begun says little of a minute. */
static const double rate_seconds_min = 5;

static const char *const sentences[LOOK_WORDS][NOTICE_LANGUAGES] = {
#define X(ID, en, zh) {en, zh},
#include "watch/lookout_words.def"
#undef X
};

const char *look_word(enum notice_language language, enum look_word word) {
    return sentences[word][language];
}

const char *turn_word(const struct turn *turn, enum look_word word) {
    return look_word(turn->lookout->options.language, word);
}

/* ---- methods ---- */

static const struct method_words {
    int number;
    const char *name, *inside, *first, *zh;
} methods[] = {
#define X(number, name, inside, first, zh) {number, name, inside, first, zh},
#include "watch/method_words.def"
#undef X
};

const char *look_method(enum notice_language language, const char *name, bool first) {
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return language == NOTICE_ZH ? methods[i].zh
                   : first               ? methods[i].first
                                         : methods[i].inside;
        }
    }
    return name;
}

const char *look_method_of(enum notice_language language, int64_t number) {
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (methods[i].number == number) {
            return look_method(language, methods[i].name, false);
        }
    }
    return "?";
}

/* ---- of a finding ---- */

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

static const char *text_of_test(const struct turn *turn, enum detector_test test) {
    static const char *const texts[][NOTICE_LANGUAGES] = {
#define X(id, name, of, p1_least, p1_more, clumps, text, zh) {text, zh},
#include "watch/detector_tests.def"
#undef X
    };
    return test == TEST_SILENCE ? turn_word(turn, LOOK_NOTHING_COMES)
                                : texts[test][turn->lookout->options.language];
}

static const char *value_of(const struct lookout *lookout, const struct detector_finding *finding,
                            int dimension) {
    return detector_text(lookout->detector, (enum detector_dimension)dimension,
                         finding->scope.values[dimension]);
}

static char *with(const struct turn *turn, enum look_word word, const char *value) {
    return value[0] == '\0' ? arena_copy(turn->arena, "")
                            : PHRASE(turn->arena, turn_word(turn, word), {"value", value});
}

/* "Gateway stripe-eu", "Alipay in CN", "All payments"; in Chinese what narrows it comes first. */
static char *who_text(struct turn *turn, const struct detector_finding *finding) {
    const struct lookout *lookout = turn->lookout;
    enum notice_language language = lookout->options.language;
    const char *gateway = value_of(lookout, finding, DIMENSION_GATEWAY);
    const char *method = value_of(lookout, finding, DIMENSION_METHOD);
    const char *region = value_of(lookout, finding, DIMENSION_REGION);
    const char *currency = value_of(lookout, finding, DIMENSION_CURRENCY);
    const char *segment = value_of(lookout, finding, DIMENSION_SEGMENT);
    bool is_gateway = method[0] == '\0' && gateway[0] != '\0';
    bool narrow = region[0] != '\0' || currency[0] != '\0' || segment[0] != '\0';
    const char *base = method[0] != '\0' ? look_method(language, method, true)
                       : is_gateway      ? with(turn, LOOK_GATEWAY, gateway)
                       : narrow          ? turn_word(turn, LOOK_PAYMENTS)
                                         : turn_word(turn, LOOK_ALL_PAYMENTS);
    char *rest = arena_printf(turn->arena, "%s%s%s%s", with(turn, LOOK_IN_REGION, region),
                              with(turn, LOOK_AT_GATEWAY, is_gateway ? "" : gateway),
                              with(turn, LOOK_IN_CURRENCY, currency),
                              with(turn, LOOK_OF_SEGMENT, segment));
    return language == NOTICE_ZH ? arena_printf(turn->arena, "%s%s", rest, base)
                                 : arena_printf(turn->arena, "%s%s", base, rest);
}

/* Values of the same dimension that are proved to be well since the first symptom; NULL: none. */
static char *well_beside(struct turn *turn, const struct detector_finding *finding) {
    const struct detector *detector = turn->lookout->detector;
    char *text = NULL;
    int named = 0;
    for (int d = 0; d < DIMENSIONS; d++) {
        int values = finding->scope.values[d] == 0
                         ? 0
                         : detector_values(detector, (enum detector_dimension)d);
        for (int v = 1; v <= MIN(values, BESIDE_LOOKED_AT_MAX); v++) {
            if (named == BESIDE_MAX || v == finding->scope.values[d] ||
                detector_beside(detector, finding, (enum detector_dimension)d,
                                (detector_value)v) != PROOF_WELL) {
                continue;
            }
            const char *value =
                detector_text(detector, (enum detector_dimension)d, (detector_value)v);
            if (d == DIMENSION_METHOD) {
                value = look_method(turn->lookout->options.language, value, false);
            } else if (d == DIMENSION_GATEWAY) {
                value = with(turn, LOOK_GATEWAY_INSIDE, value);
            }
            text = arena_printf(turn->arena, "%s%s%s", text != NULL ? text : "",
                                named > 0 ? turn_word(turn, LOOK_COMMA) : "", value);
            named++;
        }
    }
    return text;
}

static char *summary_text(struct turn *turn, const struct detector_finding *finding) {
    const char *since = phrase_moment(turn->arena, finding->first_symptom_us);
    if (finding->test == TEST_SILENCE) {
        return PHRASE(turn->arena, turn_word(turn, LOOK_NOTHING), {"since", since},
                      {"usual", arena_printf(turn->arena, "%.1f", finding->normal * 60)});
    }
    enum look_word word = finding->test == TEST_SLOW ? LOOK_SLOW : LOOK_FAILED;
    return PHRASE(turn->arena, turn_word(turn, word),
                  {"bad", phrase_number(turn->arena, finding->failed)},
                  {"events", phrase_number(turn->arena, finding->events)}, {"since", since},
                  {"usual", arena_printf(turn->arena, "%.1f", finding->normal * 100)});
}

static char *percent(struct turn *turn, double share) {
    return arena_printf(turn->arena, "%.0f", share * 100);
}

/* Of how many gateways it is proved that they fail; 0 if one is proved well. */
static int gateways_failing(const struct detector *detector,
                            const struct detector_finding *finding) {
    int failing = 0;
    int values = MIN(detector_values(detector, DIMENSION_GATEWAY), BESIDE_LOOKED_AT_MAX);
    for (int v = 1; v <= values; v++) {
        enum detector_proof proof = detector_beside(detector, finding, DIMENSION_GATEWAY,
                                                    (detector_value)v);
        if (proof == PROOF_WELL) {
            return 0;
        }
        failing += proof == PROOF_FAILING;
    }
    return failing;
}

/* Codes that say that nothing came back: of one gateway it is the gateway, of several at once it is
 * rather what they have in common, and that is us. */
static bool is_about_the_way(const char *code) {
    return strcmp(code, "gateway_unreachable") == 0 || strcmp(code, "gateway_no_answer") == 0 ||
           strcmp(code, "no_gateway") == 0;
}

static char *cause_text(struct turn *turn, const struct detector_finding *finding) {
    const struct detector *detector = turn->lookout->detector;
    const char *code = detector_code_text(detector, finding->code);
    if (code[0] == '\0' || finding->test == TEST_SLOW) {
        return NULL;
    }
    bool rose = finding->code_before >= 0 && finding->code_now > finding->code_before;
    char *text = PHRASE(turn->arena, turn_word(turn, rose ? LOOK_CODE_ROSE : LOOK_CODE),
                        {"code", code}, {"before", percent(turn, finding->code_before)},
                        {"now", percent(turn, finding->code_now)},
                        {"share", percent(turn, finding->code_share)});
    const detector_value *of = finding->scope.values;
    bool wide = of[DIMENSION_GATEWAY] == 0 && of[DIMENSION_METHOD] == 0 &&
                of[DIMENSION_REGION] == 0 && is_about_the_way(code);
    int failing = wide ? gateways_failing(detector, finding) : 0;
    return failing < 2 ? text
                       : PHRASE(turn->arena, turn_word(turn, LOOK_GATEWAYS_AT_ONCE),
                                {"code", text}, {"count", phrase_number(turn->arena, failing)});
}

/* What failing payments are of, a minute since the first symptom. Slow ones are taken, and of those
 * that do not come nobody knows the amount. */
static void add_money(struct turn *turn, const struct detector_finding *finding,
                      struct alert_signal *signal) {
    double minutes = fmax((double)(turn->now_us - finding->first_symptom_us) / US_PER_SECOND,
                          rate_seconds_min) /
                     60;
    if (finding->test == TEST_SLOW || finding->test == TEST_SILENCE) {
        return;
    }
    signal->stake = (int64_t)(finding->stake * 1000 / minutes);
    for (int i = 0; i < finding->money_count && signal->money_count < ALERT_MONEY_MAX; i++) {
        const struct detector_money *money = &finding->money[i];
        struct alert_money *to = &signal->money[signal->money_count++];
        g_strlcpy(to->currency,
                  detector_text(turn->lookout->detector, DIMENSION_CURRENCY, money->currency),
                  sizeof to->currency);
        to->sum_minor = money->amount_minor;
        to->per_minute_minor = (int64_t)((double)money->amount_minor / minutes);
    }
}

void lookout_finding(struct turn *turn, const struct detector_finding *finding) {
    struct alert_signal *signal = turn_add(turn, lookout_rule(finding));
    if (signal == NULL) {
        return;
    }
    const char *who = who_text(turn, finding), *well = well_beside(turn, finding);
    for (int i = 0; i < DIMENSIONS; i++) {
        signal_label(signal, detector_dimensions[i], value_of(turn->lookout, finding, i));
    }
    signal->severity_known = finding->test == TEST_WORSE;
    signal->severity = NOTICE_P2;
    enum look_word title = well != NULL ? LOOK_TITLE_ONLY : LOOK_TITLE;
    enum look_word scope = well != NULL ? LOOK_SCOPE_ONLY : LOOK_SCOPE;
    signal->title = PHRASE(turn->arena, turn_word(turn, title), {"who", who},
                           {"what", text_of_test(turn, finding->test)});
    signal->summary = summary_text(turn, finding);
    signal->scope = PHRASE(turn->arena, turn_word(turn, scope), {"who", who}, {"well", well});
    signal->cause = cause_text(turn, finding);
    if (finding->test != TEST_SILENCE && finding->events > 0) {
        signal->value = arena_printf(turn->arena, "%.1f %%",
                                     100.0 * (double)finding->failed / (double)finding->events);
        signal->threshold = PHRASE(turn->arena, turn_word(turn, LOOK_USUALLY),
                                   {"value", arena_printf(turn->arena, "%.1f %%",
                                                          finding->normal * 100)});
    }
    signal->first_symptom_us = finding->first_symptom_us;
    add_money(turn, finding, signal);
}
