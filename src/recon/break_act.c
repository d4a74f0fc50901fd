/* SPDX-License-Identifier: Apache-2.0
 * break_act.c: what people decide about breaks, one or many, in one transaction. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recon/break_desk_impl.h"
#include "recon/repair/repair.h"
#include "store/audit.h"

enum { BULK_ARENA_BYTES = 64 * 1024 * 1024, SUMS_MAX = 64 };

static const struct {
    const char *name, *audit, *operation;
} acts[BREAK_ACTS] = {
    [ACT_ASSIGN] = {"assign", "break.assign", "break.assign"},
    [ACT_WRITE_OFF] = {"write_off", "break.write_off", "break.write_off"},
    [ACT_APPROVE] = {"approve", "break.approve", "break.approve"},
    [ACT_REJECT] = {"reject", "break.reject", "break.reject"},
    [ACT_RESOLVE] = {"resolve", "break.resolve", "break.resolve"},
    [ACT_REOPEN] = {"reopen", "break.reopen", "break.reopen"},
};

const char *break_act_name(enum break_act act) {
    return acts[act].name;
}

bool break_act_parse(const char *name, enum break_act *ret_act) {
    for (int i = 0; i < BREAK_ACTS; i++) {
        if (strcmp(name, acts[i].name) == 0) {
            *ret_act = (enum break_act)i;
            return true;
        }
    }
    return false;
}

struct acting {
    struct recon *recon;
    const struct caller *caller;
    const struct break_action *action;
    /* of one run of the transaction */
    struct arena *arena;
    int64_t now_us;
    const char *owner;
    const char **ids;
    int count, waiting;
    struct sum {
        struct currency currency;
        int64_t minor;
    } sums[SUMS_MAX]; /* what is written off */
    int sum_count;
};

/* ---- which ---- */

static int by_id(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_all(struct acting *acting, struct store_tx *tx, struct err *err) {
    struct break_asked asked;
    int64_t count = 0;
    int r = break_ask(tx, acting->arena, acting->caller, acting->action->filter, acting->now_us,
                      &asked, err);
    r = r < 0 ? r : break_count(tx, &asked, &count, err);
    if (r < 0) {
        return r;
    }
    if (count != acting->action->expected) {
        (void)err_set(err, ERR_STATE, "%lld %s by now, not %lld", (long long)count,
                      count == 1 ? "break fits" : "breaks fit",
                      (long long)acting->action->expected);
        (void)err_place(err, "/expect");
        return err_hint(err, "Look at the list again: nothing has been done.");
    }
    if (count > BREAK_BULK_MAX) {
        (void)err_set(err, ERR_TOO_LARGE,
                      "%lld breaks fit, and at most %d are taken at once: nothing has been done",
                      (long long)count, BREAK_BULK_MAX);
        (void)err_place(err, "/filter");
        return err_hint(err, "Take them in parts: by gateway, class, risk, age, amount or owner, "
                             "or name them, as a list has them.");
    }
    SQL_ROWS_AUTO rows = NULL;
    r = break_query(tx, &asked, BREAK_BULK_MAX, &rows, err);
    while (r >= 0 && acting->count < BREAK_BULK_MAX && (r = sql_next(rows, err)) > 0) {
        acting->ids[acting->count++] = arena_copy(acting->arena, sql_text(rows, 0));
    }
    return r < 0 ? r : 0;
}

/* In the order of their ids, so that two who act at once wait for each other and not both. */
static int find(struct acting *acting, struct store_tx *tx, struct err *err) {
    const struct break_action *action = acting->action;
    acting->ids = arena_alloc(acting->arena, BREAK_BULK_MAX * sizeof *acting->ids);
    int r = 0;
    if (action->filter != NULL) {
        r = find_all(acting, tx, err);
    } else {
        for (int i = 0; i < action->id_count && i < BREAK_BULK_MAX; i++) {
            acting->ids[acting->count++] = action->ids[i];
        }
    }
    if (r >= 0 && acting->count > 1) {
        qsort(acting->ids, (size_t)acting->count, sizeof *acting->ids, by_id);
    }
    for (int i = 1; r >= 0 && i < acting->count; i++) {
        if (strcmp(acting->ids[i - 1], acting->ids[i]) == 0) {
            (void)err_set(err, ERR_VALIDATION, "break %s is named twice", acting->ids[i]);
            r = err_place(err, "/ids");
        }
    }
    return r;
}

/* ---- limits ---- */

static struct sum *sum_of(struct acting *acting, struct currency currency) {
    for (int i = 0; i < acting->sum_count; i++) {
        if (currency_equal(acting->sums[i].currency, currency)) {
            return &acting->sums[i];
        }
    }
    if (acting->sum_count == SUMS_MAX) {
        return NULL;
    }
    struct sum *sum = &acting->sums[acting->sum_count++];
    *sum = (struct sum){.currency = currency};
    return sum;
}

/* Both directions count: a shortage is not made good by a surplus somewhere else. */
static int add_sum(struct acting *acting, const struct break_row *row, struct err *err) {
    int r = break_may_write_off(row, err);
    if (r < 0) {
        return r;
    }
    int64_t minor = row->difference_minor < 0 ? -row->difference_minor : row->difference_minor;
    struct sum *sum = sum_of(acting, row->currency);
    if (sum == NULL || !money_add(sum->minor, minor, &sum->minor)) {
        return err_set(err, ERR_TOO_LARGE, "that is more than can be written off at once");
    }
    return 0;
}

static int add_sums(struct acting *acting, struct store_tx *tx, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < acting->count; i++) {
        struct break_row row;
        r = break_load(tx, acting->arena, acting->ids[i], true, &row, err);
        r = r < 0 ? r : add_sum(acting, &row, err);
    }
    return r;
}

/* ---- one of them ---- */

/* One person's word is enough up to the limit; above it he asks, and another one decides. */
static int write_off(struct acting *acting, struct store_tx *tx, struct break_row *row,
                     struct err *err) {
    const struct break_action *action = acting->action;
    const struct sum *sum = sum_of(acting, row->currency);
    struct approval_id approval;
    if (row->approval_id[0] != '\0') {
        (void)err_set(err, ERR_STATE, "somebody has asked already to write break %s off",
                      row->id.text);
        return err_hint(err, "Another person approves or rejects that.");
    }
    if (sum != NULL && sum->minor <= recon_alone_minor(acting->recon, row->currency)) {
        return break_write_off(tx, acting->arena, row, acting->caller->actor, action->reason, err);
    }
    acting->waiting++;
    int r = approval_ask(tx, acting->caller, APPROVES_WRITE_OFF, row->id.text, action->reason,
                         &approval, err);
    r = r < 0 ? r
              : break_note(tx, row, acting->caller->actor, "write_off_asked", action->reason, err);
    row->approval_id = r < 0 ? "" : arena_copy(acting->arena, approval.text);
    return r;
}

static int decide(struct acting *acting, struct store_tx *tx, struct break_row *row,
                  struct err *err) {
    const struct break_action *action = acting->action;
    struct approval_row approval;
    bool approve = action->act == ACT_APPROVE;
    if (row->approval_id[0] == '\0') {
        bool live = break_is_live(row->state);
        (void)err_set(err, ERR_STATE, "break %s is %s%s%.80s: nobody's write-off waits",
                      row->id.text, break_state_name(row->state), live ? "" : " by ",
                      live ? "" : row->decided_by);
        return err_hint(err, "%.200s", live ? "Ask for it with a write-off." : row->resolution);
    }
    int r = approval_decide(tx, acting->arena, acting->caller, row->approval_id, approve,
                            action->reason, &approval, err);
    if (r < 0) {
        return r;
    }
    row->approval_id = "";
    return approve
               ? break_write_off(tx, acting->arena, row, acting->caller->actor, action->reason, err)
               : break_note(tx, row, acting->caller->actor, "write_off_rejected", action->reason,
                            err);
}

static int act_on(struct acting *acting, struct store_tx *tx, struct break_row *row,
                  struct err *err) {
    const struct break_action *action = acting->action;
    const char *actor = acting->caller->actor;
    switch (action->act) {
    case ACT_ASSIGN:
        return break_assign(tx, acting->arena, row, actor, acting->owner, action->reason, err);
    case ACT_WRITE_OFF:
        return write_off(acting, tx, row, err);
    case ACT_APPROVE:
    case ACT_REJECT:
        return decide(acting, tx, row, err);
    case ACT_RESOLVE:
        return break_resolve(tx, acting->arena, row, actor, action->reason, err);
    default:
        return break_reopen(tx, acting->arena, row, actor, action->reason, err);
    }
}

/* Whose it is says nothing about what is to be done. */
static bool leaves_it(enum break_act act) {
    return act == ACT_ASSIGN || act == ACT_REJECT;
}

static int do_one(struct acting *acting, struct store_tx *tx, const char *id, bool whole,
                  struct buf *buf, struct err *err) {
    struct break_row row;
    int r = break_load(tx, acting->arena, id, true, &row, err);
    r = r < 0 ? r : act_on(acting, tx, &row, err);
    r = r < 0 || leaves_it(acting->action->act)
            ? r
            : recon_disagreement_follows(acting->recon, tx, &row, err);
    r = r < 0 ? r : break_render(tx, acting->arena, &row, acting->now_us, whole, buf, err);
    /* Its ticket follows: it is closed with it, or opened again. */
    r = r < 0 || leaves_it(acting->action->act) ? r : repair_ask_plan(tx, row.gateway, err);
    if (r < 0 && acting->action->several && err != NULL && err->place[0] == '\0') {
        (void)err_place(err, "/v1/breaks/%s", id);
    }
    return r;
}

static int audit_all(struct acting *acting, struct store_tx *tx, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < acting->count; i++) {
        r = audit_append(tx, acting->caller->actor, acts[acting->action->act].audit, acting->ids[i],
                         acting->action->reason, "{}", err);
    }
    return r;
}

static int act_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct acting *acting = ctx;
    const struct break_action *action = acting->action;
    acting->count = acting->waiting = acting->sum_count = 0;
    BUF_AUTO rows;
    BUF_AUTO buf;
    buf_init(&rows, ARENA_REQUEST_BYTES_MAX);
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = find(acting, tx, err);
    r = r < 0 || action->act != ACT_WRITE_OFF ? r : add_sums(acting, tx, err);
    r = r < 0 || action->act != ACT_ASSIGN
            ? r
            : break_owner(tx, acting->arena, acting->caller, action->owner, "/owner",
                          &acting->owner, err);
    for (int i = 0; r >= 0 && i < acting->count; i++) {
        buf_add_text(&rows, i > 0 ? "," : "");
        r = do_one(acting, tx, acting->ids[i], !action->several, &rows, err);
    }
    r = r < 0 ? r : audit_all(acting, tx, err);
    if (r < 0) {
        return r;
    }
    int status = acting->waiting > 0 ? 202 : 200;
    if (!action->several) {
        return answer_take(ret_answer, status, &rows, err);
    }
    buf_addf(&buf, "{\"done\":%d,\"waiting\":%d,\"data\":[%s]}", acting->count - acting->waiting,
             acting->waiting, rows.data);
    return buf_ok(&rows) ? answer_take(ret_answer, status, &buf, err)
                         : answer_take(ret_answer, status, &rows, err);
}

int break_act(struct recon *recon, const struct caller *caller, const struct break_action *action,
              struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(BULK_ARENA_BYTES);
    struct acting acting = {
        .recon = recon,
        .caller = caller,
        .action = action,
        .arena = arena,
        .now_us = clock_wall_us(),
        .owner = "",
    };
    if (action->filter == NULL && (action->id_count < 1 || action->id_count > BREAK_BULK_MAX)) {
        (void)err_set(err, ERR_VALIDATION, "from 1 to %d breaks are named", BREAK_BULK_MAX);
        return err_place(err, "/ids");
    }
    return idempotent_run(recon->options.payments, caller, acts[action->act].operation, act_fn,
                          &acting, ret_answer, err);
}
