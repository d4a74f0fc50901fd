/* SPDX-License-Identifier: Apache-2.0
 * billing.h: subscriptions as the floors above see them: plans, renewals, dunning (PAY-9).
 *
 * A subscription renews at its customer's own hour. Each period has one invoice, and an invoice is
 * paid by payments of an order of its own ("sub_…/3"), so that no crash, no second instance and no
 * clock that jumps charges a period twice. What becomes of a payment is read from its row.
 *
 * Nobody is ever charged for several periods at once. Where periods went by while nothing could be
 * charged (paused, or the service was down), they are written down as skipped and the present one
 * is charged.
 * Threads: any, many at once; calls block on the store, and jobs on gateways.
 * Owns:    answers belong to the caller: answer_release().
 * Errors:  what errors.def says; nothing has been changed when one is returned, but ERR_STORE and
 *          ERR_STORE_UNKNOWN, after which the caller repeats with the same Idempotency-Key. */
#ifndef HOLDFAST_BILLING_BILLING_H
#define HOLDFAST_BILLING_BILLING_H

#include "base/calendar.h"
#include "payment/payments.h"

struct billing;

enum {
    PLAN_NAME_CHARS_MAX = 80,
    PLAN_UNITS_MAX = 366, /* days; of other units fewer, see plan_create() */
    PLAN_TRIAL_DAYS_MAX = 730,
    SUBSCRIPTION_TEXT_CHARS_MAX = 500,
    RESUME_PER_SECOND = 20, /* charges, after all were paused; see billing_options */
};

struct billing_options {
    struct store *store; /* borrowed, as `payments` */
    struct payments *payments;
    int resume_per_second; /* how many of those that are due begin a second; 0: RESUME_PER_SECOND */
};

/* Between payments_open() and payments_start(): its jobs are run by the payments' runner. */
MUST_USE int billing_open(const struct billing_options *options, struct billing **ret_billing,
                          struct err *err);
void billing_close(struct billing *billing); /* after payments_stop(); NULL is fine */

/* ---- Plans ---- */

enum when_unpaid { UNPAID_CANCEL = 1, UNPAID_KEEP = 2 };
const char *when_unpaid_name(enum when_unpaid policy); /* "cancel", "keep_unpaid" */
MUST_USE bool when_unpaid_parse(const char *name, enum when_unpaid *ret_policy);

struct plan_order { /* borrowed */
    const char *name;
    int64_t amount_minor;
    struct currency currency;
    enum calendar_unit unit;
    int unit_count; /* 1 to 366 days, 52 weeks, 24 months or 5 years */
    int trial_days;
    enum when_unpaid when_unpaid;
};
/* 201 with the plan. */
MUST_USE int plan_create(struct billing *billing, const struct caller *caller,
                         const struct plan_order *order, struct answer *ret_answer,
                         struct err *err);
/* Its name, and whether it may be subscribed to. NULL, -1: as it is. Who has it keeps it. */
MUST_USE int plan_update(struct billing *billing, const struct caller *caller, const char *plan_id,
                         const char *name, int active, struct answer *ret_answer, struct err *err);
MUST_USE int plan_get(struct billing *billing, const char *plan_id, struct answer *ret_answer,
                      struct err *err);
/* {"data":[…]}, newest first. */
MUST_USE int plan_list(struct billing *billing, bool active_only, int limit,
                       struct answer *ret_answer, struct err *err);

/* ---- Subscriptions ---- */

struct subscription_order { /* borrowed; NULL text counts as "" */
    const char *plan_id;
    const char *customer_id, *customer_email, *customer_region;
    enum payment_method method;
    const json_t *tokens;
    const char *token;
    const char *time_zone; /* IANA */
    int trial_days;        /* -1: the plan's */
    const char *description;
    const json_t *metadata;
};
/* 201. Without a trial its first period begins now and is charged by a job at once. ERR_VALIDATION:
 * no such time zone, or no token to charge with; ERR_NOT_FOUND, ERR_STATE: the plan. */
MUST_USE int subscription_create(struct billing *billing, const struct caller *caller,
                                 const struct subscription_order *order, struct answer *ret_answer,
                                 struct err *err);
MUST_USE bool subscription_state_parse(const char *name, int64_t *ret_state);
struct subscription_filter { /* NULL or 0: any */
    const char *customer_id, *plan_id, *cursor;
    int64_t state;
    int limit;
};
/* Newest first: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int subscription_list(struct billing *billing, const struct subscription_filter *filter,
                               struct answer *ret_answer, struct err *err);
MUST_USE int subscription_get(struct billing *billing, const char *subscription_id,
                              struct answer *ret_answer, struct err *err);
/* Its invoices with their tries, newest first. */
MUST_USE int subscription_invoices(struct billing *billing, const char *subscription_id, int limit,
                                   struct answer *ret_answer, struct err *err);

/* Each of these answers 200 with the subscription as it then is; ERR_STATE where it makes no sense
 * in its state. */

/* At the end of the period that is paid for, or now: what was paid stays paid. */
MUST_USE int subscription_cancel(struct billing *billing, const struct caller *caller,
                                 const char *subscription_id, bool at_end, const char *reason,
                                 struct answer *ret_answer, struct err *err);
/* Takes a cancellation at the period's end back. */
MUST_USE int subscription_keep(struct billing *billing, const struct caller *caller,
                               const char *subscription_id, struct answer *ret_answer,
                               struct err *err);
MUST_USE int subscription_pause(struct billing *billing, const struct caller *caller,
                                const char *subscription_id, const char *reason,
                                struct answer *ret_answer, struct err *err);
MUST_USE int subscription_resume(struct billing *billing, const struct caller *caller,
                                 const char *subscription_id, struct answer *ret_answer,
                                 struct err *err);
/* From the next period on, without proration; its own plan takes a change back. ERR_VALIDATION: of
 * another currency. */
MUST_USE int subscription_change(struct billing *billing, const struct caller *caller,
                                 const char *subscription_id, const char *plan_id,
                                 struct answer *ret_answer, struct err *err);
/* Another way to pay. What is owing is tried with it at once. */
MUST_USE int subscription_method(struct billing *billing, const struct caller *caller,
                                 const char *subscription_id, const struct payment_choice *choice,
                                 struct answer *ret_answer, struct err *err);
/* Tries to be paid now. ERR_STATE: nothing is owing, a try is under way, or the bank said never. */
MUST_USE int subscription_retry(struct billing *billing, const struct caller *caller,
                                const char *subscription_id, struct answer *ret_answer,
                                struct err *err);

/* ---- The switch for all of them (DEG-4) ---- */

/* From the commit on no renewal and no retry is sent, by any instance; what is under way comes to
 * its end. {"paused":true,"reason",…}. Pausing what is paused changes the reason. */
MUST_USE int billing_pause_all(struct billing *billing, const struct caller *caller,
                               const char *reason, struct answer *ret_answer, struct err *err);
/* What has become due is begun one after the other, `resume_per_second` of them each second. */
MUST_USE int billing_resume_all(struct billing *billing, const struct caller *caller,
                                const char *reason, struct answer *ret_answer, struct err *err);
MUST_USE int billing_paused(struct store_tx *tx, bool *ret_paused, struct err *err);
/* The same inside another change's transaction, where it is not so already; who calls it wakes the
 * payments' runner once it is committed. */
MUST_USE int billing_pause_put(struct store_tx *tx, bool paused, const char *actor,
                               const char *reason, bool *ret_changed, struct err *err);
/* A switch of mode/mode.h in its transaction; `renewals`: with the purpose of subscriptions go all
 * renewals, and `ret_renewals` says whether that changed them. */
struct mode;
struct mode_switching;
struct mode_simplifying;
MUST_USE int billing_mode_switch(struct store_tx *tx, struct mode *mode,
                                 const struct mode_switching *switching, bool renewals,
                                 bool *ret_renewals, struct err *err);
/* The simplified flow with the renewals that it pauses and gives back. */
MUST_USE int billing_mode_simplify(struct store_tx *tx, struct mode *mode,
                                   struct mode_simplifying *simplifying, struct err *err);
MUST_USE int billing_switch(struct billing *billing, struct answer *ret_answer, struct err *err);

#endif
