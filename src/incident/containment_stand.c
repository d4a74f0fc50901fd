/* SPDX-License-Identifier: Apache-2.0
 * containment_stand.c: how a thing that measures switch stands, by the rows of who keeps it; and
 * by that what an incident has left on (containment_impl.h). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "incident/containment_impl.h"
#include "store/audit.h"

/* ---- how it stands ---- */

/* Each gives: value or number, at, until, actor, reason; no row: nobody ever said anything. */
static const char gateway_sql[] =
    "SELECT c.state, c.at_us, COALESCE((SELECT s.until_us FROM mode_switch s WHERE s.kind = "
    "'gateway' AND s.name = c.gateway AND s.off = 1 AND s.actor = c.actor AND s.reason = "
    "c.reason), 0), c.actor, c.reason FROM gateway_control c WHERE c.gateway = $1";
static const char routing_sql[] =
    "SELECT value, at_us, 0, actor, reason FROM gateway_control WHERE gateway = $1";
static const char switch_sql[] = "SELECT off, at_us, until_us, actor, reason FROM mode_switch "
                                 "WHERE kind = $1 AND name = $2";
static const char hand_sql[] = "SELECT hand, hand_us, hand_until_us, hand_actor, hand_reason, "
                               "hand_step FROM mode_state WHERE one = 1";
static const char simplified_sql[] = "SELECT simplified, simplified_us, 0, simplified_actor, "
                                     "simplified_reason FROM mode_state WHERE one = 1";
static const char freeze_sql[] =
    "SELECT frozen, at_us, until_us, actor, reason FROM deploy_freeze WHERE owner = $1";

static int ask(struct store_tx *tx, enum containment_thing thing, const char *name,
               const char *owner, struct sql_rows **ret_rows, struct err *err) {
    switch (thing) {
    case THING_GATEWAY:
        return sql_query(tx, err, ret_rows, gateway_sql, S_TEXT(name));
    case THING_PRIMARY:
        return sql_query(tx, err, ret_rows, routing_sql, S_TEXT("*primary"));
    case THING_FALLBACK:
        return sql_query(tx, err, ret_rows, routing_sql, S_TEXT("*fallback"));
    case THING_METHOD:
    case THING_PURPOSE:
        return sql_query(tx, err, ret_rows, switch_sql, S_TEXT(containment_gate_kind(thing)),
                         S_TEXT(name));
    case THING_MODE:
        return sql_query(tx, err, ret_rows, hand_sql);
    case THING_SIMPLIFIED:
        return sql_query(tx, err, ret_rows, simplified_sql);
    case THING_DEPLOYS:
        return sql_query(tx, err, ret_rows, freeze_sql, S_TEXT(owner));
    case CONTAINMENT_THINGS:
        break;
    }
    INVARIANT(false, "every thing has rows");
    return 0;
}

/* What the row's first column comes to. */
static const char *value_of(struct arena *arena, enum containment_thing thing,
                            const struct sql_rows *rows) {
    const char *rest = containment_at_rest(thing);
    int64_t number = 0;
    switch (thing) {
    case THING_PRIMARY:
    case THING_FALLBACK:
        return arena_copy(arena, sql_text(rows, 0));
    case THING_GATEWAY:
        return gateway_switch_name((enum gateway_switch)sql_int(rows, 0));
    case THING_MODE:
        number = sql_int(rows, 0);
        return number == HAND_OFF
                   ? rest
                   : arena_printf(arena, "%s %s", number == HAND_EXACTLY ? "exactly" : "at_least",
                                  mode_step_name((enum mode_step)sql_int(rows, 5)));
    case THING_METHOD:
    case THING_PURPOSE:
        return sql_int(rows, 0) != 0 ? "off" : rest;
    case THING_SIMPLIFIED:
        return sql_int(rows, 0) != 0 ? "on" : rest;
    default:
        return sql_int(rows, 0) != 0 ? "frozen" : rest;
    }
}

int containment_stand(struct store_tx *tx, struct arena *arena, enum containment_thing thing,
                      const char *name, const char *owner, struct containment_stand *ret_stand,
                      struct err *err) {
    const char *rest = containment_at_rest(thing);
    SQL_ROWS_AUTO rows = NULL;
    *ret_stand = (struct containment_stand){.value = rest, .actor = "", .reason = ""};
    int r = ask(tx, thing, name, owner, &rows, err);
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    *ret_stand = (struct containment_stand){
        .value = value_of(arena, thing, rows),
        .at_us = sql_int(rows, 1),
        .until_us = sql_int(rows, 2),
        .actor = arena_copy(arena, sql_text(rows, 3)),
        .reason = arena_copy(arena, sql_text(rows, 4)),
    };
    /* A gateway's switch is turned back by the ladder's look; the others end by the clock. */
    bool over = thing != THING_GATEWAY && ret_stand->until_us > 0 &&
                ret_stand->until_us <= clock_wall_us();
    ret_stand->value = over ? rest : ret_stand->value;
    bool resting = strcmp(ret_stand->value, rest) == 0;
    ret_stand->until_us = resting ? 0 : ret_stand->until_us;
    return 0;
}

int containment_lock(struct store_tx *tx, enum containment_thing thing, const char *name,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    SQL_ROWS_AUTO head = NULL;
    int r = 0;
    /* In the order in which the switches themselves take them. */
    if (thing == THING_MODE || thing == THING_SIMPLIFIED) {
        r = sql_query(tx, err, &rows, "SELECT number FROM mode_state WHERE one = 1 FOR UPDATE");
    } else if (thing == THING_METHOD || thing == THING_PURPOSE) {
        r = sql_query(tx, err, &rows,
                      "SELECT off FROM mode_switch WHERE kind = $1 AND name = $2 FOR UPDATE",
                      S_TEXT(containment_gate_kind(thing)), S_TEXT(name));
    }
    /* Where there is no row yet: every switch ends with an entry of the audit log. */
    return r < 0 ? r
                 : sql_query(tx, err, &head,
                             "SELECT number FROM audit_head WHERE one = 1 FOR UPDATE");
}

/* ---- what an incident has left on ---- */

int containment_now(struct store_tx *tx, struct arena *arena, const struct containment_row *row,
                    struct containment_now *ret_now, struct err *err) {
    enum containment_thing thing = row->kind->thing;
    struct containment_stand *stand = &ret_now->stand;
    int r = containment_stand(tx, arena, thing, containment_thing_name(row->kind, row->name),
                              row->incident_id, stand, err);
    if (r < 0) {
        return r;
    }
    /* Another incident's freeze of the same owner there is not; of the rest whoever said the last
     * word is in the row. */
    ret_now->as_taken = row->state != CONTAINMENT_IS_UNDONE &&
                        strcmp(stand->value, row->taken_value) == 0 &&
                        stand->at_us == row->stood_us &&
                        strcmp(stand->actor, row->stood_actor) == 0;
    ret_now->on = row->state != CONTAINMENT_IS_UNDONE &&
                  strcmp(stand->value, row->before.value) != 0 &&
                  strcmp(stand->value, containment_at_rest(thing)) != 0;
    return 0;
}

struct left {
    struct containment_row *rows;
    struct containment_now *now;
    int count;
};

static int look_at_all(struct store_tx *tx, struct arena *arena, const char *incident_id,
                       struct left *ret_left, struct err *err) {
    struct left left = {0};
    int r = containment_load_all(tx, arena, incident_id, &left.rows, &left.count, err);
    left.now = arena_alloc(arena, sizeof *left.now * (size_t)(left.count + 1));
    for (int i = 0; r >= 0 && i < left.count; i++) {
        r = containment_now(tx, arena, &left.rows[i], &left.now[i], err);
    }
    *ret_left = left;
    return r < 0 ? r : 0;
}

/* Of several measures of one thing the one that stands as it was taken is what the thing is now. */
enum turn { AS_TAKEN, CHANGED, NOT_ON, TURNS };

static enum turn turn_of(const struct containment_now *now) {
    return !now->on ? NOT_ON : now->as_taken ? AS_TAKEN : CHANGED;
}

int measures_of(struct store_tx *tx, const char *incident_id, struct arena *arena,
                struct gate_measure *ret_measures, int *ret_count, struct err *err) {
    struct left left;
    int count = 0;
    int r = look_at_all(tx, arena, incident_id, &left, err);
    for (int turn = 0; r >= 0 && turn < TURNS; turn++) {
        for (int i = 0; i < left.count; i++) {
            const struct containment_row *row = &left.rows[i];
            if (row->state == CONTAINMENT_IS_UNDONE || turn_of(&left.now[i]) != (enum turn)turn) {
                continue;
            }
            INVARIANT(count < GATE_MEASURES_MAX, "no more are taken than there is room for");
            ret_measures[count++] = (struct gate_measure){
                .kind = containment_gate_kind(row->kind->thing),
                .name = containment_thing_name(row->kind, row->name),
                .command = containment_undoing(arena, row),
                .undone = !left.now[i].on,
                .handed_to = row->handed_to,
            };
        }
    }
    *ret_count = count;
    return r;
}

/* What it switched was switched further by a later measure, which somebody has. */
static bool is_covered(const struct left *left, int below) {
    const struct containment_row *row = &left->rows[below];
    for (int i = 0; i < left->count; i++) {
        const struct containment_row *other = &left->rows[i];
        if (other->state == CONTAINMENT_IS_HANDED_OVER && left->now[i].as_taken &&
            other->kind->thing == row->kind->thing &&
            strcmp(containment_thing_name(other->kind, other->name),
                   containment_thing_name(row->kind, row->name)) == 0) {
            return true;
        }
    }
    return false;
}

int containment_none_left(struct store_tx *tx, const char *incident_id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct left left;
    int r = look_at_all(tx, arena, incident_id, &left, err);
    for (int i = 0; r >= 0 && i < left.count; i++) {
        const struct containment_row *row = &left.rows[i];
        if (left.now[i].on && row->state == CONTAINMENT_IS_TAKEN && !is_covered(&left, i)) {
            err_set(err, ERR_STATE, "its measure %s is still on, and nobody has it: %s",
                    containment_title(arena, row), row->id.text);
            return err_hint(err, "`%s`, or `holdfast incident hand-over`.",
                            containment_undoing(arena, row));
        }
    }
    return r;
}
