/* SPDX-License-Identifier: Apache-2.0
 * lookout_rates.c: shares that are far above the usual, as signals. All instances read the same
 * figures, so it is nobody's own. */
#include "watch/lookout_impl.h"

static void rate_signal(struct turn *turn, const struct rate_finding *finding) {
    struct alert_signal *signal = turn_add(turn, finding->rule);
    if (signal == NULL) {
        return;
    }
    const char *most = finding->most;
    double share = finding->of > 0 ? 100.0 * (double)finding->count / (double)finding->of : 100;
    signal->source = NULL;
    signal_label(signal, "gateway", finding->gateway);
    signal->summary = arena_printf(
        turn->arena, "%lld %s in %s, to %lld %s; usually %.2f in 100.", (long long)finding->count,
        finding->what, finding->minutes == 60 ? "an hour" : "a day", (long long)finding->of,
        finding->id == RATE_CALLBACKS ? "callbacks" : "payments", finding->usual * 100);
    signal->scope = most[0] == '\0' ? NULL
                                    : arena_printf(turn->arena, "Most of it: gateway %s.", most);
    signal->value = arena_printf(turn->arena, "%.2f %%", share);
    signal->threshold = arena_printf(turn->arena, "usually %.2f %%", finding->usual * 100);
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
