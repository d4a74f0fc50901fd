/* SPDX-License-Identifier: Apache-2.0
 * status_act.c: what people do with what was drafted: approve, which makes it public, or withdraw;
 * and components that a person sets. */
#include <stdio.h>
#include <string.h>

#include "comms/status_impl.h"
#include "desk/desk.h"
#include "store/audit.h"

struct act {
    struct status *status;
    const struct caller *caller;
    const char *id, *hash, *reason;
    struct arena *arena;
    struct status_update_row update;
    struct status_row row;
    bool has_proof;
    struct proof proof;
    int component;
    int64_t level;
};

static int load(struct act *act, struct store_tx *tx, bool lock, struct err *err) {
    int r = status_load_update(act->status, tx, act->arena, act->id, lock, &act->update, err);
    return r < 0 ? r
                 : status_load(act->status, tx, act->arena, act->update.incident, lock, &act->row,
                               err);
}

static int answer(struct act *act, struct store_tx *tx, struct answer *ret_answer,
                  struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, STATUS_JSON_BYTES_MAX);
    int r = status_load_update(act->status, tx, act->arena, act->id, false, &act->update, err);
    if (r >= 0) {
        status_update_json(act->status, &act->update, &buf);
        r = answer_take(ret_answer, 200, &buf, err);
    }
    return r;
}

/* ---- approving ---- */

static int refuse_stage(const struct act *act, const char *what, struct err *err) {
    bool public = act->update.stage == STAGE_PUBLISHED;
    err_set(err, ERR_STATE, "the update is %s, so it cannot be %s",
            public ? "public" : "withdrawn", what);
    return err_hint(err, public ? "What was told is corrected by another update."
                                : "Write it again.");
}

/* What was approved in between may have gone another way. */
static int check_follows(const struct act *act, struct err *err) {
    const struct status_state_row *now = status_state_row(act->row.state);
    const struct status_state_row *next = status_state_row(act->update.state);
    bool first = act->row.published_us == 0;
    bool back = !first && (now->over || next->kind == STATUS_MAINTENANCE) && next->rank < now->rank;
    bool twice = !first && act->update.state == STATUS_RESOLVED &&
                 act->row.state == STATUS_RESOLVED;
    if (back || twice) {
        err_set(err, ERR_STATE, "it is %s by now, so it cannot become %s", now->name, next->name);
        return err_hint(err, "Withdraw this update.");
    }
    if (act->update.next_us > 0 && act->update.next_us <= clock_wall_us()) {
        err_set(err, ERR_STATE, "the time of its next update is over");
        return err_hint(err, "Write it again with another one.");
    }
    return 0;
}

static int check_approval(const struct act *act, struct err *err) {
    if (act->update.stage != STAGE_DRAFT) {
        return refuse_stage(act, "approved", err);
    }
    if (strcmp(act->update.hash, act->hash) != 0) {
        err_set(err, ERR_STATE, "this is not what would be told");
        err_hint(err, "Look at it again, and give the hash that stands there.");
        return err_place(err, "/hash");
    }
    if (act->update.state == STATUS_RESOLVED && !act->has_proof) {
        return err_set(err, ERR_STATE, "nobody says that it is over before the gate has passed");
    }
    return check_follows(act, err);
}

/* What the incident says of its components from now on; over: nothing any more. */
static void touch(struct act *act, bool over) {
    struct status_touched *now = &act->row.touched, *by = &act->update.touched;
    for (int i = 0; i < act->status->component_count; i++) {
        if (over) {
            by->level[i] = now->level[i] > LEVEL_OPERATIONAL ? LEVEL_OPERATIONAL : 0;
        }
        if (by->level[i] != 0) {
            by->was[i] = now->level[i] != 0 ? now->level[i] : LEVEL_OPERATIONAL;
            now->level[i] = by->level[i];
        }
    }
}

static int next_number(struct store_tx *tx, const struct act *act, int64_t *ret_number,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COALESCE(MAX(number), 0) FROM status_update WHERE "
                      "status_incident_id = $1",
                      S_TEXT(act->row.id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_number = r > 0 ? sql_int(rows, 0) + 1 : 1;
    return r < 0 ? r : 0;
}

static int publish(struct store_tx *tx, struct act *act, struct err *err) {
    char touches[STATUS_TOUCHES_CHARS_MAX], changes[STATUS_TOUCHES_CHARS_MAX];
    int64_t now_us = clock_wall_us(), number = 0;
    struct status_row *row = &act->row;
    const struct status_state_row *state = status_state_row(act->update.state);
    touch(act, state->over);
    status_touched_write(act->status, &row->touched, false, touches);
    status_touched_write(act->status, &act->update.touched, true, changes);
    int r = next_number(tx, act, &number, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "UPDATE status_update SET stage = 2, number = $2, components = $3, "
                        "published_us = $4 WHERE id = $1",
                        S_TEXT(act->id), S_INT(number), S_TEXT(changes), S_INT(now_us));
    return r < 0
               ? r
               : sql_put(tx, err,
                         "UPDATE status_incident SET state = $2, impact = CASE WHEN $3 = 0 THEN "
                         "impact ELSE $3 END, components = $4, updated_us = $5, published_us = "
                         "CASE WHEN published_us = 0 THEN $5 ELSE published_us END, monitoring_us "
                         "= CASE WHEN $6 = 1 THEN $5 ELSE monitoring_us END, resolved_us = CASE "
                         "WHEN $7 = 1 AND resolved_us = 0 THEN $5 ELSE resolved_us END, proof = "
                         "CASE WHEN $8 = '' THEN proof ELSE $8 END, proof_us = CASE WHEN $8 = '' "
                         "THEN proof_us ELSE $9 END WHERE id = $1",
                         S_TEXT(row->id), S_INT(act->update.state), S_INT(act->update.impact),
                         S_TEXT(touches), S_INT(now_us),
                         S_INT(act->update.state == STATUS_MONITORING), S_INT(state->over),
                         S_TEXT(act->has_proof ? act->proof.evidence : ""),
                         S_INT(act->has_proof ? act->proof.at_us : 0));
}

static int approve_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    struct approval_row approval;
    char detail[SHA256_HEX_CHARS + 32];
    snprintf(detail, sizeof detail, "{\"hash\":\"%s\"}", act->hash);
    int r = load(act, tx, true, err);
    r = r < 0 ? r : check_approval(act, err);
    r = r < 0 ? r
              : approval_decide(tx, act->arena, act->caller, act->update.approval_id, true,
                                act->reason, &approval, err);
    r = r < 0 ? r : publish(tx, act, err);
    r = r < 0 ? r : status_tell(tx, act->id, err);
    r = r < 0 ? r : status_bump(tx, err);
    r = r < 0 ? r
              : audit_append(tx, act->caller->actor, "status.approve", act->id, act->reason, detail,
                             err);
    return r < 0 ? r : answer(act, tx, ret_answer, err);
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return load(ctx, tx, false, err);
}

int status_approve(struct status *status, const struct caller *caller, const char *update_id,
                   const char *hash, const char *reason, struct answer *ret_answer,
                   struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct act act = {.status = status,
                      .caller = caller,
                      .id = update_id,
                      .hash = hash,
                      .reason = reason,
                      .arena = arena};
    int r = store_read(status->options.store, look_tx, &act, err);
    if (r >= 0 && act.update.state == STATUS_RESOLVED && act.update.stage == STAGE_DRAFT) {
        r = status_prove(status, act.row.incident_id, &act.proof, err);
        act.has_proof = r >= 0;
    }
    r = r < 0 ? r
              : idempotent_run(status->options.payments, caller, "status.approve", approve_fn, &act,
                               ret_answer, err);
    if (r >= 0 && status->options.wake != NULL) {
        status->options.wake(status->options.wake_ctx);
    }
    return r;
}

/* ---- withdrawing ---- */

static int withdraw_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                       struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    int r = load(act, tx, true, err);
    if (r >= 0 && act->update.stage != STAGE_DRAFT) {
        return refuse_stage(act, "withdrawn", err);
    }
    r = r < 0 ? r
              : approval_withdraw(tx, act->update.approval_id, act->caller->actor, act->reason,
                                  err);
    r = r < 0 ? r
              : sql_put(tx, err, "UPDATE status_update SET stage = 3 WHERE id = $1",
                        S_TEXT(act->id));
    r = r < 0 ? r
              : audit_append(tx, act->caller->actor, "status.withdraw", act->id, act->reason, "{}",
                             err);
    return r < 0 ? r : answer(act, tx, ret_answer, err);
}

int status_withdraw(struct status *status, const struct caller *caller, const char *update_id,
                    const char *reason, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct act act = {
        .status = status, .caller = caller, .id = update_id, .reason = reason, .arena = arena};
    return idempotent_run(status->options.payments, caller, "status.withdraw", withdraw_fn, &act,
                          ret_answer, err);
}

/* ---- a component, by hand ---- */

static int set_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    const char *id = act->status->components[act->component].id;
    char detail[80];
    BUF_AUTO buf;
    buf_init(&buf, STATUS_JSON_BYTES_MAX);
    snprintf(detail, sizeof detail, "{\"status\":\"%s\"}",
             act->level != 0 ? status_level_name(act->level) : "auto");
    int r = act->level == 0
                ? sql_put(tx, err, "DELETE FROM status_component WHERE id = $1", S_TEXT(id))
                : sql_put(tx, err,
                          "INSERT INTO status_component (id, level, reason, actor, updated_us) "
                          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET level = $2, "
                          "reason = $3, actor = $4, updated_us = $5",
                          S_TEXT(id), S_INT(act->level), S_TEXT(act->reason),
                          S_TEXT(act->caller->actor), S_INT(clock_wall_us()));
    r = r < 0 ? r : status_bump(tx, err);
    r = r < 0 ? r
              : audit_append(tx, act->caller->actor, "status.component", id, act->reason, detail,
                             err);
    buf_addf(&buf, "{\"object\":\"status_component\",\"id\":\"%s\",\"set\":", id);
    if (act->level != 0) {
        buf_addf(&buf, "\"%s\"}", status_level_name(act->level));
    } else {
        buf_add_text(&buf, "null}");
    }
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int status_set(struct status *status, const struct caller *caller, const char *component,
               int64_t level, const char *reason, struct answer *ret_answer, struct err *err) {
    struct act act = {.status = status,
                      .caller = caller,
                      .component = status_component_find(status, component),
                      .level = level,
                      .reason = reason};
    if (act.component < 0) {
        err_set(err, ERR_NOT_FOUND, "there is no component \"%.40s\"", component);
        return err_hint(err, "`holdfast statuspage show` lists them.");
    }
    return idempotent_run(status->options.payments, caller, "status.component", set_fn, &act,
                          ret_answer, err);
}
