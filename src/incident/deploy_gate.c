/* SPDX-License-Identifier: Apache-2.0
 * deploy_gate.c: whether deploys may go on: they may while nobody holds them, no incident and
 * nobody by hand (containment.h). Who froze thaws: an incident's freeze is a measure of it. */
#include <string.h>

#include "base/json.h"
#include "incident/containment_impl.h"
#include "store/audit.h"

static const char by_hand[] = "";

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text != NULL && text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static int put_freeze(struct store_tx *tx, struct arena *arena, const struct sql_rows *rows,
                      struct buf *buf, struct err *err) {
    const char *owner = arena_copy(arena, sql_text(rows, 0));
    const char *actor = arena_copy(arena, sql_text(rows, 2)), *by = NULL;
    int64_t until_us = sql_int(rows, 4);
    char time[CLOCK_TEXT_MAX];
    int r = containment_who(tx, arena, actor, &by, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"since\":\"%s\"", clock_format(sql_int(rows, 3), time));
    put_text(buf, "until", until_us > 0 ? clock_format(until_us, time) : NULL);
    put_text(buf, "actor", actor);
    put_text(buf, "by", by);
    put_text(buf, "reason", sql_text(rows, 1));
    buf_add_text(buf, ",\"incident\":");
    const char *undo = "holdfast deploy thaw";
    if (owner[0] != '\0') {
        buf_addf(buf, "{\"id\":\"%s\",\"number\":%lld,\"title\":", owner,
                 (long long)sql_int(rows, 5));
        buf_add_json(buf, sql_null(rows, 6) ? "" : sql_text(rows, 6));
        buf_addf(buf, ",\"state\":\"%s\"}", incident_state_name(sql_int(rows, 7)));
        undo = arena_printf(arena, "holdfast incident undo %s %s", owner,
                            sql_null(rows, 8) ? "MEASURE" : sql_text(rows, 8));
    } else {
        buf_add_text(buf, "null");
    }
    put_text(buf, "measure_id", sql_null(rows, 8) ? NULL : sql_text(rows, 8));
    put_text(buf, "undo", undo);
    buf_add_char(buf, '}');
    return 0;
}

static int answer_gate(struct store_tx *tx, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf, freezes;
    int64_t now_us = clock_wall_us();
    char time[CLOCK_TEXT_MAX];
    buf_init(&buf, CONTAINMENT_JSON_BYTES_MAX);
    buf_init(&freezes, CONTAINMENT_JSON_BYTES_MAX / 2);
    int r = sql_query(tx, err, &rows,
                      "SELECT f.owner, f.reason, f.actor, f.at_us, f.until_us, i.number, i.title, "
                      "i.state, (SELECT m.id FROM incident_measure m WHERE m.incident_id = f.owner "
                      "AND m.thing = 'deploys' AND m.state <> 2 ORDER BY m.id DESC LIMIT 1) FROM "
                      "deploy_freeze f LEFT JOIN incident i ON i.id = f.owner WHERE f.frozen = 1 "
                      "AND (f.until_us = 0 OR f.until_us > $1) ORDER BY f.at_us, f.owner",
                      S_INT(now_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_add_text(&freezes, freezes.len > 0 ? "," : "");
        r = put_freeze(tx, arena, rows, &freezes, err);
    }
    buf_addf(&buf, "{\"object\":\"deploy_gate\",\"open\":%s,\"checked_at\":\"%s\",\"freezes\":[",
             freezes.len == 0 ? "true" : "false", clock_format(now_us, time));
    buf_add(&buf, freezes.data, freezes.len);
    buf_add_text(&buf, "]}");
    if (r >= 0 && !buf_ok(&freezes)) {
        return err_set(err, ERR_INTERNAL, "there are too many freezes to tell");
    }
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return answer_gate(tx, ctx, err);
}

int deploy_gate_look(struct containments *containments, struct answer *ret_answer,
                     struct err *err) {
    return store_read(containments->options.store, look_tx, ret_answer, err);
}

/* ---- by hand ---- */

struct setting {
    struct containments *containments;
    const struct caller *caller;
    const struct deploy_freezing *freezing;
};

static int so_already(struct store_tx *tx, struct arena *arena,
                      const struct containment_stand *stand, struct err *err) {
    const char *who = "";
    char time[CLOCK_TEXT_MAX];
    int r = containment_who(tx, arena, stand->actor, &who, err);
    return r < 0 ? r
                 : err_set(err, ERR_STATE, "deploys are frozen already, by %s since %s: %.300s",
                           who, clock_format(stand->at_us, time), stand->reason);
}

static int not_by_hand(struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT owner FROM deploy_freeze WHERE frozen = 1 AND owner <> '' AND "
                      "(until_us = 0 OR until_us > $1) ORDER BY at_us LIMIT 1",
                      S_INT(clock_wall_us()));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return err_set(err, ERR_STATE, "deploys are not frozen");
    }
    err_set(err, ERR_STATE, "deploys are frozen by incident %s, not by hand", sql_text(rows, 0));
    return err_hint(err, "`holdfast deploy-gate` names the measure and what undoes it.");
}

static int set_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct setting *setting = ctx;
    const struct deploy_freezing *freezing = setting->freezing;
    const char *actor = setting->caller->actor;
    struct containment_stand stand;
    bool ignored = false;
    int r = containment_lock(tx, THING_DEPLOYS, "", err);
    r = r < 0 ? r : containment_stand(tx, arena, THING_DEPLOYS, "", by_hand, &stand, err);
    if (r < 0) {
        return r;
    }
    bool frozen = strcmp(stand.value, containment_at_rest(THING_DEPLOYS)) != 0;
    if (frozen == freezing->frozen) {
        return frozen ? so_already(tx, arena, &stand, err) : not_by_hand(tx, err);
    }
    const struct containment_put put = {.thing = THING_DEPLOYS,
                                        .name = "",
                                        .owner = by_hand,
                                        .value = freezing->frozen ? "frozen" : "open",
                                        .until_us = freezing->frozen ? freezing->until_us : 0,
                                        .actor = actor,
                                        .reason = freezing->reason};
    r = containment_put(setting->containments, tx, &put, &ignored, err);
    r = r < 0 ? r : answer_gate(tx, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, actor, freezing->frozen ? "deploy.freeze" : "deploy.thaw",
                                "deploys", freezing->reason, "{}", err);
}

int deploy_gate_set(struct containments *containments, const struct caller *caller,
                    const struct deploy_freezing *freezing, struct answer *ret_answer,
                    struct err *err) {
    struct setting setting = {containments, caller, freezing};
    if (freezing->reason == NULL || freezing->reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the audit log");
        return err_place(err, "/reason");
    }
    if (freezing->frozen && freezing->until_us != 0 && freezing->until_us <= clock_wall_us()) {
        err_set(err, ERR_VALIDATION, "it must end at a time to come");
        return err_place(err, "/until");
    }
    return idempotent_run(containments->options.payments, caller,
                          freezing->frozen ? "deploy.freeze" : "deploy.thaw", set_fn, &setting,
                          ret_answer, err);
}
