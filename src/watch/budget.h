/* SPDX-License-Identifier: Apache-2.0
 * budget.h: one budget of false alarms for all that goes by chance, and how it is shared out
 * (budget.def).
 * Threads: any. Owns nothing. Cannot fail. */
#ifndef HOLDFAST_WATCH_BUDGET_H
#define HOLDFAST_WATCH_BUDGET_H

#include "base/compiler.h"

/* False alarms a day of everything together, unless somebody says otherwise: one in thirty days. */
#define BUDGET_USUAL_PER_DAY (1.0 / 30)

enum budget_part {
#define X(id, hundredths, who) BUDGET_##id,
#include "watch/budget.def"
#undef X
    BUDGET_PARTS
};

static_assert(0
#define X(id, hundredths, who) +(hundredths)
#include "watch/budget.def"
#undef X
                  == 100,
              "the parts are the whole");

/* What one of them may spend a day; `per_day` 0: of the usual. */
static inline double budget_of(enum budget_part part, double per_day) {
    static const double shares[BUDGET_PARTS] = {
#define X(id, hundredths, who) [BUDGET_##id] = (hundredths) / 100.0,
#include "watch/budget.def"
#undef X
    };
    return shares[part] * (per_day > 0 ? per_day : BUDGET_USUAL_PER_DAY);
}

#endif
