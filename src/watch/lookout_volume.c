/* SPDX-License-Identifier: Apache-2.0
 * lookout_volume.c: far less or far more than usual, as signals. All instances read the same
 * figures, so it is nobody's own. */
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "watch/lookout_impl.h"
#include "watch/lookout_words.h"

/* What came to an end here lately; of so much unpaid it is not the ordinary No. */
enum { LATELY_S = 120, UNPAID_PERCENT = 30 };

static struct slice_counts lately(const char *currency) {
    struct slice_counts sum = {0};
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        struct slice_counts counts;
        if (slice_operation_of(slice) != SLICE_PAYMENT ||
            (currency[0] != '\0' &&
             strcmp(slice_label(slice, SLICE_CURRENCY), currency) != 0)) {
            continue;
        }
        slice_recent(slice, 0, LATELY_S, &counts);
        sum.ok += counts.ok;
        sum.declined += counts.declined;
        sum.failed += counts.failed;
    }
    return sum;
}

/* Whether those that come are paid tells the shop's trouble from a gateway's. */
static const char *cause_text(struct turn *turn, const struct volume_finding *finding) {
    struct slice_counts counts = lately(finding->currency);
    int64_t bad = counts.declined + counts.failed, all = counts.ok + bad;
    int64_t percent = all > 0 ? bad * 100 / all : 0;
    bool unpaid = percent >= UNPAID_PERCENT;
    enum look_word word = finding->amount  ? LOOK_VOLUME_PRICES
                          : finding->surge ? (unpaid ? LOOK_VOLUME_TESTED : LOOK_VOLUME_SALE)
                          : all == 0       ? LOOK_VOLUME_NONE
                          : unpaid         ? LOOK_VOLUME_FAIL
                                           : LOOK_VOLUME_COME;
    return PHRASE(turn->arena, turn_word(turn, word),
                  {"share", phrase_number(turn->arena, percent)},
                  {"count", phrase_number(turn->arena, all)});
}

/* Money as people write it; what is no currency as it was counted, in minor units. */
static const char *amount_text(struct turn *turn, double minor, const char *currency) {
    struct currency known;
    struct err err = {0};
    char text[MONEY_TEXT_MAX];
    return currency_parse(currency, &known, &err) < 0
               ? arena_printf(turn->arena, "%.0f %s", minor, currency)
               : arena_copy(turn->arena, money_show((int64_t)minor, known, text));
}

const char *lookout_volume_rule(const struct volume_finding *finding) {
    return finding->surge ? "VolumeSurge" : "VolumeDrop";
}

static void volume_signal(struct turn *turn, const struct volume_finding *finding) {
    struct alert_signal *signal = turn_add(turn, lookout_volume_rule(finding));
    if (signal == NULL) {
        return;
    }
    struct arena *arena = turn->arena;
    const char *of = finding->currency;
    enum look_word title = finding->amount
                               ? (finding->surge ? LOOK_VOLUME_LARGER : LOOK_VOLUME_SMALLER)
                               : (finding->surge ? LOOK_VOLUME_MORE : LOOK_VOLUME_FEWER);
    /* hundreds of minor units: volume.h */
    const char *seen = finding->amount ? amount_text(turn, finding->seen * 100, of)
                                       : arena_printf(arena, "%.0f", finding->seen);
    const char *usual = finding->amount ? amount_text(turn, finding->usual * 100, of)
                                        : arena_printf(arena, "%.0f", finding->usual);
    signal->source = NULL;
    signal_label(signal, "currency", of);
    signal_label(signal, "of", finding->amount ? "amount" : "");
    signal->title = of[0] == '\0' ? NULL
                                  : PHRASE(arena, turn_word(turn, title), {"currency", of});
    signal->summary = PHRASE(
        arena, turn_word(turn, finding->amount ? LOOK_VOLUME_AMOUNT : LOOK_VOLUME_COUNT),
        {"seen", seen},
        {"of", of[0] == '\0' ? ""
                             : PHRASE(arena, turn_word(turn, LOOK_VOLUME_OF), {"currency", of})},
        {"minutes", phrase_number(arena, finding->minutes)}, {"usual", usual},
        {"weeks", phrase_number(arena, finding->weeks)});
    enum look_word scope = of[0] != '\0' ? LOOK_VOLUME_SCOPE : LOOK_VOLUME_SCOPE_ALL;
    signal->scope = PHRASE(arena, turn_word(turn, scope), {"currency", of});
    signal->cause = cause_text(turn, finding);
    signal->value = seen;
    signal->threshold = PHRASE(arena, turn_word(turn, LOOK_USUALLY), {"value", usual});
    signal->first_symptom_us = finding->first_symptom_us;
}

int lookout_volume(struct turn *turn, struct err *err) {
    struct lookout *lookout = turn->lookout;
    const struct volume_finding *findings;
    int r = lookout->options.store == NULL
                ? 0
                : volume_turn(lookout->volume, lookout->options.store, turn->now_us, err);
    int count = volume_open(lookout->volume, &findings);
    for (int i = 0; i < count; i++) {
        volume_signal(turn, &findings[i]);
    }
    return r;
}
