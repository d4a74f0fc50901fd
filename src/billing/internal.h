/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of this folder share and nobody else sees. */
#ifndef HOLDFAST_BILLING_INTERNAL_H
#define HOLDFAST_BILLING_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "billing/billing.h"
#include "billing/machine.h"

struct billing {
    struct billing_options options;
};

#define US_PER_DAY (86400 * US_PER_SECOND)
#define JOB_RENEWAL "renewal"
#define JOB_RESUME "renewals_resume"

/* ---- rows.c. Text lives in the arena that was given at loading. Errors: ERR_NOT_FOUND,
 * those of store.h ---- */

struct plan_row {
    struct plan_id id;
    const char *name;
    int64_t amount_minor;
    struct currency currency;
    enum calendar_unit unit;
    int64_t unit_count, trial_days;
    enum when_unpaid when_unpaid;
    bool active;
    int64_t created_us, updated_us;
};
struct subscription_row {
    struct subscription_id id;
    int64_t version;
    const char *customer_id, *customer_email, *customer_region;
    struct plan_id plan_id;
    struct plan_id next_plan_id; /* "": the same */
    enum payment_method method;
    const char *tokens; /* JSON as in payment_row */
    const char *description, *metadata;
    enum subscription_state state;
    const char *time_zone;
    int64_t anchor_number, anchor_local_s;
    int anchor_day;
    int64_t period, period_start_us, period_end_us;
    bool cancel_at_end;
    const char *reason; /* why it was canceled or paused */
    int64_t created_us, updated_us, ended_us;
};
struct invoice_row {
    struct invoice_id id; /* "": there is none */
    struct subscription_id subscription_id;
    int64_t number;
    enum invoice_state state;
    struct plan_id plan_id;
    int64_t amount_minor;
    struct currency currency;
    int64_t period_start_us, period_end_us;
    struct payment_id payment_id;
    int64_t tries;
    bool trying;
    int64_t declines, outages, next_try_us, declined_us, give_up_us;
    const char *failure_code;
    enum advice advice;
    const char *reason;
    int64_t created_us, updated_us, paid_us;
};

MUST_USE int plan_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                           struct plan_row *ret_row, struct err *err);
MUST_USE int plan_row_insert(struct store_tx *tx, const struct plan_row *row, struct err *err);
MUST_USE int subscription_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                                   bool lock, struct subscription_row *ret_row, struct err *err);
MUST_USE int subscription_row_insert(struct store_tx *tx, const struct subscription_row *row,
                                     struct err *err);
/* Writes what can change; version + 1 in the row and in the struct. */
MUST_USE int subscription_row_save(struct store_tx *tx, struct subscription_row *row,
                                   struct err *err);
/* The newest invoice; id "" when there is none. */
MUST_USE int invoice_row_last(struct store_tx *tx, struct arena *arena, const char *subscription_id,
                              struct invoice_row *ret_row, struct err *err);
MUST_USE int invoice_row_insert(struct store_tx *tx, const struct invoice_row *row,
                                struct err *err);
MUST_USE int invoice_row_save(struct store_tx *tx, struct invoice_row *row, struct err *err);

#define PLAN_COLUMNS                                                                               \
    "id, name, amount_minor, currency, unit, unit_count, trial_days, when_unpaid, active, "        \
    "created_us, updated_us"
#define SUBSCRIPTION_COLUMNS                                                                       \
    "id, version, customer_id, customer_email, customer_region, plan_id, next_plan_id, method, "   \
    "tokens, description, metadata, state, time_zone, anchor_number, anchor_local_s, anchor_day, " \
    "period, period_start_us, period_end_us, cancel_at_end, reason, created_us, updated_us, "      \
    "ended_us"
#define INVOICE_COLUMNS                                                                            \
    "id, subscription_id, number, state, plan_id, amount_minor, currency, period_start_us, "       \
    "period_end_us, payment_id, tries, trying, declines, outages, next_try_us, declined_us, "      \
    "give_up_us, failure_code, advice, reason, created_us, updated_us, paid_us"
void plan_row_read(const struct sql_rows *rows, struct arena *arena, struct plan_row *ret_row);
void subscription_row_read(const struct sql_rows *rows, struct arena *arena,
                           struct subscription_row *ret_row);
void invoice_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct invoice_row *ret_row);

/* ---- render.c ---- */

MUST_USE json_t *render_plan(const struct plan_row *plan);
/* `invoice`: the last one, or NULL. */
MUST_USE json_t *render_subscription(const struct subscription_row *subscription,
                                     const struct invoice_row *invoice);
MUST_USE json_t *render_invoice(const struct invoice_row *invoice);
/* Takes the JSON into the answer; releases it. */
void answer_json(struct answer *ret_answer, int status, json_t *json);
/* look.c: reads with `fn`, which makes `*json` (owned, released on an error), and answers it. */
MUST_USE int billing_look(struct billing *billing, store_fn *fn, void *ctx, json_t **json,
                          struct answer *ret_answer, struct err *err);

/* ---- periods.c: when what begins. Pure but for the zone's rules ---- */

/* When period `number` begins, by the plan that the subscription has. */
int64_t period_start(const struct subscription_row *subscription, const struct plan_row *plan,
                     const struct time_zone *zone, int64_t number);
/* The last period that has begun by then; at least anchor_number. */
int64_t period_at(const struct subscription_row *subscription, const struct plan_row *plan,
                  const struct time_zone *zone, int64_t wall_us);
/* From period `number` on the subscription has this plan: it begins where the old one would. */
void period_change_plan(struct subscription_row *subscription, const struct plan_row *from,
                        const struct plan_row *to, int64_t number);
/* When the next try is made after decline number `declines` (1 is the first), at a decent hour
 * there; 0: there is no more. `first_us`: when the first was declined. */
int64_t dunning_next_us(const struct time_zone *zone, int64_t first_us, int64_t declines);
#define DUNNING_GRACE_US (8 * US_PER_DAY) /* from the first decline to giving up */
/* Until a gateway's trouble is tried again. */
int64_t dunning_soon_us(int64_t outages);

/* ---- renewal.c ---- */

MUST_USE int renewal_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
/* Moves the subscription by its table, saves it and tells the merchant; a move that the table does
 * not have is passed over. `invoice`: the last one, told with it; may be NULL. */
MUST_USE int subscription_move(struct billing *billing, struct store_tx *tx,
                               struct subscription_row *subscription, enum subscription_event event,
                               const struct invoice_row *invoice, struct err *err);
/* Tells the merchant how the saved subscription stands. */
MUST_USE int subscription_tell(struct billing *billing, struct store_tx *tx,
                               const struct subscription_row *subscription, const char *type,
                               const struct invoice_row *invoice, struct err *err);
/* Sees to it that a run of its job begins after this transaction, at that time or before. */
MUST_USE int renewal_wanted(struct store_tx *tx, const char *subscription_id, int64_t due_us,
                            struct err *err);

/* ---- pause.c ---- */

MUST_USE int resume_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

#endif
