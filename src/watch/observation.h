/* SPDX-License-Identifier: Apache-2.0
 * observation.h: what became of a payment that somebody else's stack took, as a team that does not
 * take its payments through Holdfast tells it (OBS-1): checked, then recorded as if it were ours,
 * so that figures, detection and alerts are the same.
 *
 * Nothing is guessed: a field that is not known here, a moment that is too old or to come, an
 * amount with a fraction, a duration that must have been another unit is refused, and what is
 * refused changes no figure. An observation with an id counts once, as long as this instance
 * remembers: some 65,000 ids; a restart forgets them.
 * Threads: any. Owns: an observer, its memory of ids, until observer_close().
 * Errors:  ERR_VALIDATION with the field's JSON pointer as the place. */
#ifndef HOLDFAST_WATCH_OBSERVATION_H
#define HOLDFAST_WATCH_OBSERVATION_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/err.h"

enum {
    OBSERVATION_NAME_CHARS_MAX = 40, /* gateway, method, segment, code */
    OBSERVATION_ID_CHARS_MAX = 100,
    OBSERVATION_DURATION_MS_MAX = 3600 * 1000,
    OBSERVATION_OLD_S_MAX = 600, /* figures are by the second, of now */
    OBSERVATION_AHEAD_S_MAX = 30,
    /* Of gateway, method and currency, that counters tell apart; the rest counts as "other". */
    OBSERVATION_SERIES_MAX = 500,
};

/* The words of `type` and of `outcome`; NULL at the end. */
extern const char *const observation_types[], *const observation_outcomes[];

/* Whether a gateway of that name is one of this service's own, which sees its payments itself. */
typedef bool observer_own_fn(void *ctx, const char *gateway);

struct observer;
struct observer *observer_open(observer_own_fn *is_own, void *ctx); /* NULL: none is */
void observer_close(struct observer *observer);                     /* NULL is fine */

enum observed { OBSERVED, OBSERVED_AGAIN };
/* One, an object; `where` is its JSON pointer. Records it, or finds that its id came before. */
MUST_USE int observe(struct observer *observer, const json_t *object, const char *where,
                     int64_t now_us, enum observed *ret_observed, struct err *err);

#endif
