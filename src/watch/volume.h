/* SPDX-License-Identifier: Apache-2.0
 * volume.h: whether about as much comes as is usual at this hour of the week: payments, and money
 * by currency.
 *
 * What is usual is the median of the same hour of up to five weeks (season.h), and of at least
 * VOLUME_WEEKS_MIN; hours that were an incident, and hours in which nobody counted, are left out.
 * How far an hour is usually from that is learnt, too. The last `minutes` and the last 60 are
 * measured against it: a finding is what is less than `drop` of the usual, or more than
 * `surge` of it, *and* rarer than the budget of false alarms allows, given the spread and
 * chance (a negative binomial). It is over when the last minutes are as usual again. A currency is
 * told only where it differs from the whole. Money is measured by the hour, against what so many
 * payments usually bring: far fewer payments are one piece of news, far smaller ones another. One
 * large payment is none: a surge of money is one without its largest minute, too.
 *
 * Threads: one at a time. Owns: what it knows. volume_store.c fills it from the stored figures of
 * all instances, so that a restart forgets nothing.
 * Limits: VOLUME_CURRENCIES_MAX; further ones count as payments only. 7 KB each. */
#ifndef HOLDFAST_WATCH_VOLUME_H
#define HOLDFAST_WATCH_VOLUME_H

#include "base/err.h"
#include "store/store.h"

enum { VOLUME_CURRENCIES_MAX = 32, VOLUME_WEEKS_MIN = 2, VOLUME_MINUTES = 60 };

/* What it may be told while it runs. */
struct volume_limits {
    double drop;     /* below this part of the usual it is a drop: 0 to 1, neither included */
    double surge;    /* above so many times the usual it is a surge: more than 1 */
    int64_t least;   /* so many payments usual (for a surge: seen) in the window, at least */
    int64_t minutes; /* the shorter window, 5 to VOLUME_MINUTES */
};
struct volume_limits volume_limits_usual(void); /* 0.6, 2, 20, 10 */
/* NULL when they may be; else why not. */
const char *volume_limits_wrong(const struct volume_limits *limits);

struct volume_finding {
    bool surge, amount;   /* amount: of money, else of payments */
    const char *currency; /* "": all payments */
    double seen, usual;   /* payments; or hundreds of the currency's minor units */
    int minutes, weeks;   /* in how many; learnt from how many */
    int64_t first_symptom_us;
};
enum { VOLUME_FINDINGS_MAX = 1 + 2 * VOLUME_CURRENCIES_MAX };

struct volume;
/* `alarms_per_day`: of everything together; it takes its part (budget.h). 0: as usual. */
struct volume *volume_new(double alarms_per_day);
void volume_free(struct volume *volume); /* NULL is fine */
/* From now on; what was found stays until it is over by the new limits. */
void volume_tune(struct volume *volume, double alarms_per_day, const struct volume_limits *limits);

/* ---- what was; hours since 1970, oldest first ---- */

void volume_forget(struct volume *volume);
/* In this hour came so many payments in this currency, of so many minor units together. */
void volume_hour(struct volume *volume, int64_t hour, const char *currency, int64_t payments,
                 int64_t amount_minor);
/* An incident: this says nothing of what is usual. */
void volume_leave_out(struct volume *volume, int64_t from_us, int64_t until_us);
/* All that is known of the past is told; the present hour is this one. */
void volume_learnt(struct volume *volume, int64_t hour);

/* ---- what is; minutes since 1970 ---- */

/* The VOLUME_MINUTES before `until` are told anew. */
void volume_begin(struct volume *volume, int64_t until);
void volume_minute(struct volume *volume, int64_t minute, const char *currency, int64_t payments,
                   int64_t amount_minor);
void volume_judge(struct volume *volume);
/* Open ones; borrowed until the next call. */
int volume_open(struct volume *volume, const struct volume_finding **ret_findings);

/* ---- from the store (volume_store.c) ---- */

/* Looks anew when a minute more is stored, learns anew at each hour; else does nothing. After an
 * error what was found stands. */
MUST_USE int volume_turn(struct volume *volume, struct store *store, int64_t now_us,
                         struct err *err);

#endif
