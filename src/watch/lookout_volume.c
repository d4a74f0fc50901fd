/* SPDX-License-Identifier: Apache-2.0
 * lookout_volume.c: far less or far more than usual, as signals. All instances read the same
 * figures, so it is nobody's own. */
#include "base/clock.h"
#include "watch/lookout_impl.h"

const char *lookout_volume_rule(const struct volume_finding *finding) {
    return finding->surge ? "VolumeSurge" : "VolumeDrop";
}

static void volume_signal(struct turn *turn, const struct volume_finding *finding) {
    struct alert_signal *signal = turn_add(turn, lookout_volume_rule(finding));
    if (signal == NULL) {
        return;
    }
    const char *of = finding->currency;
    signal->source = NULL;
    signal_label(signal, "currency", finding->currency);
    signal_label(signal, "of", finding->amount ? "amount" : "");
    if (finding->amount) {
        signal->title = arena_printf(turn->arena, "Payments in %s are far %s than usual", of,
                                     finding->surge ? "larger" : "smaller");
        signal->summary = arena_printf(
            turn->arena,
            "The payments of %d minutes are %.0f hundred minor units of %s together; as many at "
            "this hour of the week usually are %.0f (%d weeks).",
            finding->minutes, finding->seen, of, finding->usual, finding->weeks);
    } else {
        signal->title = of[0] == '\0' ? NULL
                                      : arena_printf(turn->arena,
                                                     "Far %s payments in %s come than at this hour",
                                                     finding->surge ? "more" : "fewer", of);
        signal->summary = arena_printf(turn->arena,
                                       "%.0f payments%s%s in %d minutes; usual at this hour of the "
                                       "week are %.0f (%d weeks).",
                                       finding->seen, of[0] != '\0' ? " in " : "", of,
                                       finding->minutes, finding->usual, finding->weeks);
    }
    signal->scope = arena_printf(turn->arena, "Affected: %s%s.",
                                 of[0] != '\0' ? "payments in " : "all payments", of);
    signal->value = arena_printf(turn->arena, "%.0f", finding->seen);
    signal->threshold = arena_printf(turn->arena, "usually %.0f", finding->usual);
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
