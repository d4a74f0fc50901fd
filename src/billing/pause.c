/* SPDX-License-Identifier: Apache-2.0
 * pause.c: the switch for every subscription at once (DEG-4).
 *
 * It is one row of `setting`, read in each transaction that would begin a charge. While it is on,
 * subscriptions that become due wait; their jobs look again every few hours by themselves. When it
 * goes off a job walks through those that are due, in batches, and gives each its own moment, so
 * that they are charged one after the other and not all at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "billing/internal.h"
#include "mode/mode.h"
#include "store/audit.h"

static const char switch_row[] = "billing.paused";
static const char resume_key[] = "all";
enum { RESUME_BATCH = 500 };

static int read_switch(struct store_tx *tx, json_t **ret_json, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT value FROM setting WHERE key = $1",
                      S_TEXT(switch_row));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_json = json_loads(sql_text(rows, 0), 0, NULL);
    }
    return r < 0 ? r : 0;
}

int billing_paused(struct store_tx *tx, bool *ret_paused, struct err *err) {
    JSON_AUTO json = NULL;
    int r = read_switch(tx, &json, err);
    *ret_paused = json_is_true(json_object_get(json, "paused"));
    return r;
}

/* Writes it, and fills its JSON (owned by the caller, also after an error). */
static int write_switch(struct store_tx *tx, bool paused, const char *actor, const char *reason,
                        json_t **ret_json, struct err *err) {
    char at[CLOCK_TEXT_MAX];
    int64_t now = clock_wall_us();
    *ret_json = json_pack("{s:b,s:s,s:s,s:s}", "paused", paused, "reason", reason, "actor", actor,
                          "since", clock_format(now, at));
    char *text = json_write(*ret_json);
    int r = sql_put(tx, err,
                    "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE "
                    "SET value = excluded.value",
                    S_TEXT(switch_row), S_TEXT(text));
    free(text);
    if (r >= 0 && !paused) {
        r = job_add(tx, JOB_RESUME, resume_key, now, "", err);
        r = r == 0 ? job_hasten(tx, JOB_RESUME, resume_key, now, err) : r;
    }
    return r < 0 ? r
                 : audit_append(tx, actor, paused ? "billing.pause" : "billing.resume", "billing",
                                reason, "{}", err);
}

int billing_pause_put(struct store_tx *tx, bool paused, const char *actor, const char *reason,
                      bool *ret_changed, struct err *err) {
    JSON_AUTO json = NULL;
    bool was = false;
    int r = billing_paused(tx, &was, err);
    *ret_changed = r >= 0 && was != paused;
    return r < 0 || was == paused ? r : write_switch(tx, paused, actor, reason, &json, err);
}

int billing_mode_switch(struct store_tx *tx, struct mode *mode,
                        const struct mode_switching *switching, bool renewals, bool *ret_renewals,
                        struct err *err) {
    bool theirs = renewals && switching->kind == SWITCH_PURPOSE &&
                  strcmp(switching->name, purpose_name(PURPOSE_SUBSCRIPTION)) == 0;
    *ret_renewals = false;
    int r = mode_switch(mode, tx, switching, err);
    return r < 0 || !theirs ? r
                            : billing_pause_put(tx, switching->off, switching->actor,
                                                switching->reason, ret_renewals, err);
}

int billing_mode_simplify(struct store_tx *tx, struct mode *mode,
                          struct mode_simplifying *simplifying, struct err *err) {
    bool changed = false;
    int r = mode_simplify(mode, tx, simplifying, err);
    if (r >= 0 && (simplifying->ret_pause_renewals || simplifying->ret_resume_renewals)) {
        r = billing_pause_put(tx, simplifying->on, simplifying->actor, simplifying->reason,
                              &changed, err);
    }
    return r < 0 || !changed || !simplifying->on ? r : mode_simplified_paused_renewals(tx, err);
}

struct switch_ctx {
    const struct caller *caller;
    const char *reason;
    bool paused;
    json_t *json; /* owned */
};

static int switch_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct switch_ctx *change = ctx;
    json_t *json = NULL;
    int r = write_switch(tx, change->paused, change->caller->actor, change->reason, &json, err);
    if (r < 0) {
        json_decref(json);
        return r;
    }
    answer_json(ret_answer, 200, json);
    return 0;
}

static int change_switch(struct billing *billing, struct switch_ctx *change, const char *operation,
                         struct answer *ret_answer, struct err *err) {
    int r = idempotent_run(billing->options.payments, change->caller, operation, switch_fn, change,
                           ret_answer, err);
    if (r >= 0) {
        payments_wake(billing->options.payments);
    }
    return r;
}

int billing_pause_all(struct billing *billing, const struct caller *caller, const char *reason,
                      struct answer *ret_answer, struct err *err) {
    struct switch_ctx change = {.caller = caller, .reason = reason, .paused = true};
    return change_switch(billing, &change, "billing.pause", ret_answer, err);
}

int billing_resume_all(struct billing *billing, const struct caller *caller, const char *reason,
                       struct answer *ret_answer, struct err *err) {
    struct switch_ctx change = {.caller = caller, .reason = reason, .paused = false};
    return change_switch(billing, &change, "billing.resume", ret_answer, err);
}

static int switch_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct switch_ctx *look = ctx;
    json_decref(look->json);
    look->json = NULL;
    return read_switch(tx, &look->json, err);
}

int billing_switch(struct billing *billing, struct answer *ret_answer, struct err *err) {
    struct switch_ctx look = {0};
    int r = store_read(billing->options.store, switch_tx, &look, err);
    if (r < 0) {
        json_decref(look.json);
        return r;
    }
    answer_json(ret_answer, 200,
                look.json != NULL
                    ? look.json
                    : json_pack("{s:b,s:s,s:n,s:n}", "paused", 0, "reason", "", "actor", "since"));
    return 0;
}

/* ---- going on ---- */

struct walk {
    struct billing *billing;
    /* Where the walk stands: the subscription that it goes on after, and the moment that is given
     * out next. */
    char after[ID_TEXT_MAX], next_after[ID_TEXT_MAX];
    int64_t moment_us, next_moment_us;
    int count; /* of this batch */
    bool paused;
};

static int walk_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct walk *walk = ctx;
    const int64_t gap_us = US_PER_SECOND / walk->billing->options.resume_per_second;
    char ids[RESUME_BATCH][ID_TEXT_MAX];
    walk->count = 0;
    int r = billing_paused(tx, &walk->paused, err);
    if (r < 0 || walk->paused) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT s.id FROM subscription s WHERE s.id > $1 AND s.state IN (1, 2, 3, 4) AND "
                  "(s.period_end_us <= $2 OR EXISTS (SELECT 1 FROM invoice i WHERE "
                  "i.subscription_id = s.id AND i.state = 1)) ORDER BY s.id LIMIT $3",
                  S_TEXT(walk->after), S_INT(clock_wall_us()), S_INT(RESUME_BATCH));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(ids[walk->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    for (int i = 0; r >= 0 && i < walk->count; i++) {
        r = renewal_wanted(tx, ids[i], walk->moment_us + i * gap_us, err);
    }
    if (r >= 0 && walk->count > 0) {
        memcpy(walk->next_after, ids[walk->count - 1], ID_TEXT_MAX);
        walk->next_moment_us = walk->moment_us + walk->count * gap_us;
    }
    return r < 0 ? r : 0;
}

/* One that dies begins anew, and makes nobody wait for longer than he did already. */
int resume_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)job;
    (void)ret_again_us;
    struct walk walk = {.billing = ctx, .moment_us = clock_wall_us()};
    int r = 0;
    do {
        r = store_write(walk.billing->options.store, walk_tx, &walk, err);
        memcpy(walk.after, walk.next_after, sizeof walk.after);
        walk.moment_us = walk.next_moment_us;
    } while (r >= 0 && !walk.paused && walk.count == RESUME_BATCH);
    payments_wake(walk.billing->options.payments);
    return r;
}
