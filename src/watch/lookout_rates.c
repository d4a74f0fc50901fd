/* SPDX-License-Identifier: Apache-2.0
 * lookout_rates.c: shares that are far above the usual, as signals. All instances read the same
 * figures, so it is nobody's own. */
#include <string.h>

#include "watch/lookout_impl.h"
#include "watch/lookout_words.h"

static_assert((int)LOOK_RATE_DISPUTES - (int)LOOK_RATE_FRAUD + 1 == (int)RATES,
              "each share has its word, in the same order");

/* What is said most, by the second, of an operation at a gateway ("": at any). */
struct said_most {
    enum slice_operation operation;
    const char *gateway;
    struct {
        uint16_t code;
        int64_t count;
    } codes[16];
    int64_t all;
};

static void count_code(void *ctx, const struct slice_code_count *count) {
    struct said_most *most = ctx;
    const char *at = count->slice != NULL ? slice_label(count->slice, SLICE_GATEWAY) : "";
    if (count->operation != most->operation ||
        (most->gateway[0] != '\0' && strcmp(most->gateway, at) != 0)) {
        return;
    }
    most->all += count->count;
    for (size_t i = 0; i < COUNT_OF(most->codes); i++) {
        if (most->codes[i].count == 0 || most->codes[i].code == count->code) {
            most->codes[i].code = count->code;
            most->codes[i].count += count->count;
            return;
        }
    }
}

static const char *cause_text(struct turn *turn, const struct rate_finding *finding) {
    static const enum slice_operation operations[RATES] = {
        [RATE_FRAUD] = SLICE_FRAUD,       [RATE_CALLBACKS] = SLICE_CALLBACK,
        [RATE_COMPLAINTS] = SLICE_COMPLAINT, [RATE_REFUNDS] = SLICE_REFUND,
        [RATE_DISPUTES] = SLICE_DISPUTE,
    };
    struct said_most most = {.operation = operations[finding->id], .gateway = finding->gateway};
    size_t first = 0;
    slice_codes_recent(0, SLICE_WINDOW_S, count_code, &most);
    for (size_t i = 1; i < COUNT_OF(most.codes); i++) {
        first = most.codes[i].count > most.codes[first].count ? i : first;
    }
    if (most.all == 0) {
        return NULL;
    }
    double share = 100 * (double)most.codes[first].count / (double)most.all;
    return PHRASE(turn->arena, turn_word(turn, LOOK_RATE_CODE),
                  {"share", arena_printf(turn->arena, "%.0f", share)},
                  {"code", slice_code_text(most.codes[first].code)});
}

static void rate_signal(struct turn *turn, const struct rate_finding *finding) {
    struct alert_signal *signal = turn_add(turn, finding->rule);
    if (signal == NULL) {
        return;
    }
    struct arena *arena = turn->arena;
    double share = finding->of > 0 ? 100.0 * (double)finding->count / (double)finding->of : 100;
    enum look_word by = finding->id == RATE_CALLBACKS ? LOOK_BY_CALLBACKS : LOOK_BY_PAYMENTS;
    enum look_word what = (enum look_word)((int)LOOK_RATE_FRAUD + (int)finding->id);
    enum look_word where = finding->gateway[0] != '\0' ? LOOK_RATE_OF
                           : finding->most[0] != '\0'  ? LOOK_RATE_MOST
                                                       : LOOK_RATE_ALL;
    signal->source = NULL;
    signal_label(signal, "gateway", finding->gateway);
    signal->summary =
        PHRASE(arena, turn_word(turn, finding->minutes == 60 ? LOOK_RATE_HOUR : LOOK_RATE_DAY),
               {"count", phrase_number(arena, finding->count)}, {"what", turn_word(turn, what)},
               {"of", phrase_number(arena, finding->of)}, {"by", turn_word(turn, by)},
               {"usual", arena_printf(arena, "%.2f", finding->usual * 100)});
    signal->scope = PHRASE(arena, turn_word(turn, where),
                           {"gateway", finding->gateway[0] != '\0' ? finding->gateway
                                                                   : finding->most});
    signal->cause = cause_text(turn, finding);
    signal->value = arena_printf(arena, "%.2f %%", share);
    signal->threshold = PHRASE(arena, turn_word(turn, LOOK_USUALLY),
                               {"value", arena_printf(arena, "%.2f %%", finding->usual * 100)});
    signal->first_symptom_us = turn->now_us - finding->minutes * 60 * US_PER_SECOND;
}

int lookout_rates(struct turn *turn, struct err *err) {
    struct lookout *lookout = turn->lookout;
    const struct rate_finding *findings;
    int r = lookout->options.store == NULL
                ? 0
                : rates_turn(lookout->rates, lookout->options.store, turn->now_us, err);
    int count = rates_open(lookout->rates, &findings);
    for (int i = 0; i < count; i++) {
        rate_signal(turn, &findings[i]);
    }
    return r;
}
