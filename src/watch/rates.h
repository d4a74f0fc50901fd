/* SPDX-License-Identifier: Apache-2.0
 * rates.h: whether more is refunded, disputed, refused as fraud or complained of, or more callbacks
 * fail, than has been usual (rates.def). Read from the stored figures of all instances: nothing is
 * forgotten by a restart.
 *
 * Usual is the share of the four weeks before the window. A finding is at least twice that, at
 * least `least` in number, and rarer than the budget of false alarms allows when the usual share
 * itself differs by a third from time to time (a negative binomial). It is over below one and a
 * half times the usual. With fewer than RATES_KNOWN_MIN in the four weeks, or less than
 * RATES_DAYS_MIN days of them, nothing is claimed.
 *
 * Threads: one at a time. Owns: what it has read. Errors: those of store.h; findings then stand.
 * Limits: RATES_GATEWAYS_MAX gateways told apart. */
#ifndef HOLDFAST_WATCH_RATES_H
#define HOLDFAST_WATCH_RATES_H

#include "meter/slices.h"
#include "store/store.h"

enum rate_id {
#define X(id, rule, of, of_outcomes, by, by_outcomes, minutes, least, each, what) RATE_##id,
#include "watch/rates.def"
#undef X
    RATES
};
enum {
    RATES_GATEWAYS_MAX = 64,
    RATES_KNOWN_MIN = 200,
    RATES_DAYS = 28,
    RATES_DAYS_MIN = 3,
    RATES_FINDINGS_MAX = RATES * RATES_GATEWAYS_MAX,
};

struct rate_finding {
    enum rate_id id;
    const char *rule, *what;
    const char *gateway; /* "": of all */
    const char *most;    /* the gateway that most of it is of; "": not known */
    int64_t count, of;
    double usual; /* share */
    int minutes;
};

struct rates;
struct rates *rates_new(double alarms_per_day); /* 0: 1/30 */
void rates_free(struct rates *rates);           /* NULL is fine */
/* Looks anew when a minute more is stored; else does nothing. */
MUST_USE int rates_turn(struct rates *rates, struct store *store, int64_t now_us, struct err *err);
/* Open ones; borrowed until the next turn. */
int rates_open(struct rates *rates, const struct rate_finding **ret_findings);

#endif
