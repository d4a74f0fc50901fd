/* SPDX-License-Identifier: Apache-2.0
 * status_rows.c: incidents, updates and what people set, read; and what all of it comes to. */
#include <stdio.h>
#include <string.h>

#include "comms/status_impl.h"

int status_version(struct store_tx *tx, int64_t *ret_version, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT version FROM status_page WHERE one = 1");
    r = r < 0 ? r : sql_next(rows, err);
    *ret_version = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

int status_bump(struct store_tx *tx, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO status_page (one, version) VALUES (1, 1) ON CONFLICT (one) DO "
                   "UPDATE SET version = status_page.version + 1");
}

/* ---- incidents ---- */

#define COLUMNS                                                                                    \
    "id, kind, incident_id, title_en, title_zh, impact, state, components, from_us, until_us, "    \
    "created_us, updated_us, published_us, monitoring_us, resolved_us, proof, proof_us"

static struct status_row row_of(const struct status *status, struct arena *arena,
                                const struct sql_rows *rows) {
    struct status_row row = {
        .id = arena_copy(arena, sql_text(rows, 0)),
        .kind = sql_int(rows, 1),
        .incident_id = arena_copy(arena, sql_text(rows, 2)),
        .title = {[LANGUAGE_EN] = arena_copy(arena, sql_text(rows, 3)),
                  [LANGUAGE_ZH] = arena_copy(arena, sql_text(rows, 4))},
        .impact = sql_int(rows, 5),
        .state = sql_int(rows, 6),
        .from_us = sql_int(rows, 8),
        .until_us = sql_int(rows, 9),
        .created_us = sql_int(rows, 10),
        .updated_us = sql_int(rows, 11),
        .published_us = sql_int(rows, 12),
        .monitoring_us = sql_int(rows, 13),
        .resolved_us = sql_int(rows, 14),
        .proof = arena_copy(arena, sql_text(rows, 15)),
        .proof_us = sql_int(rows, 16),
    };
    status_touched_read(status, sql_text(rows, 7), &row.touched);
    return row;
}

int status_load(const struct status *status, struct store_tx *tx, struct arena *arena,
                const char *id, bool lock, struct status_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " COLUMNS " FROM status_incident WHERE id = $1";
    static const char locked[] = "SELECT " COLUMNS " FROM status_incident WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r
                     : err_set(err, ERR_NOT_FOUND,
                               "there is no incident or maintenance %s on the status page", id);
    }
    *ret_row = row_of(status, arena, rows);
    return 0;
}

/* ---- updates ---- */

#define UPDATE_COLUMNS                                                                             \
    "u.id, u.status_incident_id, u.number, u.stage, u.state, u.impact, u.body_en, u.body_zh, "     \
    "u.components, u.next_us, u.hash, u.reason, u.author, u.approval_id, u.created_us, "           \
    "u.published_us"

static struct status_update_row update_of(const struct status *status, struct arena *arena,
                                          const struct sql_rows *rows) {
    struct status_update_row row = {
        .id = arena_copy(arena, sql_text(rows, 0)),
        .incident = arena_copy(arena, sql_text(rows, 1)),
        .number = sql_int(rows, 2),
        .stage = sql_int(rows, 3),
        .state = sql_int(rows, 4),
        .impact = sql_int(rows, 5),
        .body = {[LANGUAGE_EN] = arena_copy(arena, sql_text(rows, 6)),
                 [LANGUAGE_ZH] = arena_copy(arena, sql_text(rows, 7))},
        .next_us = sql_int(rows, 9),
        .hash = arena_copy(arena, sql_text(rows, 10)),
        .reason = arena_copy(arena, sql_text(rows, 11)),
        .author = arena_copy(arena, sql_text(rows, 12)),
        .approval_id = arena_copy(arena, sql_text(rows, 13)),
        .created_us = sql_int(rows, 14),
        .published_us = sql_int(rows, 15),
    };
    status_touched_read(status, sql_text(rows, 8), &row.touched);
    return row;
}

int status_load_update(const struct status *status, struct store_tx *tx, struct arena *arena,
                       const char *id, bool lock, struct status_update_row *ret_row,
                       struct err *err) {
    static const char plain[] = "SELECT " UPDATE_COLUMNS " FROM status_update u WHERE u.id = $1";
    static const char locked[] = "SELECT " UPDATE_COLUMNS
                                 " FROM status_update u WHERE u.id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no update %s", id);
    }
    *ret_row = update_of(status, arena, rows);
    return 0;
}

static void add_update(struct arena *arena, struct status_row *row,
                       const struct status_update_row *update) {
    if (row->updates == NULL) {
        row->updates = arena_alloc(arena, STATUS_UPDATES_MAX * sizeof *row->updates);
    }
    if (row->update_count < STATUS_UPDATES_MAX) {
        row->updates[row->update_count++] = *update;
    }
}

int status_load_updates(const struct status *status, struct store_tx *tx, struct arena *arena,
                        bool drafts, struct status_row *row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " UPDATE_COLUMNS " FROM status_update u WHERE u.status_incident_id = "
                      "$1 AND (u.stage = 2 OR $2 = 1) ORDER BY u.created_us DESC, u.number DESC, "
                      "u.id DESC",
                      S_TEXT(row->id), S_INT(drafts));
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        struct status_update_row update = update_of(status, arena, rows);
        add_update(arena, row, &update);
    }
    return r < 0 ? r : 0;
}

/* ---- all of it ---- */

static int look_rows(const struct status *status, struct store_tx *tx, struct status_look *look,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    look->rows = arena_alloc(look->arena, STATUS_INCIDENTS_MAX * sizeof *look->rows);
    int r = sql_query(tx, err, &rows,
                      "SELECT " COLUMNS " FROM status_incident WHERE published_us > 0 ORDER BY "
                      "CASE WHEN resolved_us = 0 THEN 0 ELSE 1 END, published_us DESC, id DESC "
                      "LIMIT $1",
                      S_INT(STATUS_INCIDENTS_MAX));
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        look->rows[look->count++] = row_of(status, look->arena, rows);
    }
    return r < 0 ? r : 0;
}

/* The pages' order: by when each was first told. */
static void sort_rows(struct status_look *look) {
    for (int i = 1; i < look->count; i++) {
        struct status_row row = look->rows[i];
        int at = i;
        for (; at > 0 && look->rows[at - 1].published_us < row.published_us; at--) {
            look->rows[at] = look->rows[at - 1];
        }
        look->rows[at] = row;
    }
}

static size_t bytes_of(const struct status_row *row) {
    size_t bytes = 0;
    for (int i = 0; i < row->update_count; i++) {
        bytes += strlen(row->updates[i].body[LANGUAGE_EN]);
        bytes += strlen(row->updates[i].body[LANGUAGE_ZH]);
    }
    return bytes;
}

/* What does not fit onto the pages is left out from the oldest on; open ones come first here. */
static int look_updates(const struct status *status, struct store_tx *tx, struct status_look *look,
                        struct err *err) {
    size_t bytes = 0;
    for (int i = 0; i < look->count; i++) {
        int r = status_load_updates(status, tx, look->arena, false, &look->rows[i], err);
        if (r < 0) {
            return r;
        }
        bytes += bytes_of(&look->rows[i]);
        if (bytes > STATUS_SHOWN_BYTES_MAX && i > 0) {
            look->count = i;
        }
    }
    return 0;
}

static int look_set(const struct status *status, struct store_tx *tx, struct status_look *look,
                    struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, level, reason, actor, updated_us FROM status_component");
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        int index = status_component_find(status, sql_text(rows, 0));
        if (index >= 0) {
            struct status_row_of *one = &look->components[index];
            one->set_level = sql_int(rows, 1);
            one->set_reason = arena_copy(look->arena, sql_text(rows, 2));
            one->set_actor = arena_copy(look->arena, sql_text(rows, 3));
            one->set_us = sql_int(rows, 4);
        }
    }
    return r < 0 ? r : 0;
}

static void raise(int64_t *level, int64_t to) {
    *level = to > *level ? to : *level;
}

/* What an open one says of its components; a maintenance only while it is under way. */
static void add_said(const struct status *status, struct status_look *look,
                     const struct status_row *row, int64_t *indicator) {
    enum status_state state = status_state_shown(row, look->now_us);
    if (!status_is_open(row) || state == STATUS_SCHEDULED) {
        return;
    }
    raise(indicator, row->kind == STATUS_MAINTENANCE ? IMPACT_MAINTENANCE : row->impact);
    for (int i = 0; i < status->component_count; i++) {
        int64_t said = look->components[i].said;
        raise(&said, row->touched.level[i]);
        look->components[i].said = (enum status_level)said;
    }
}

static const enum status_impact impact_of[LEVELS] = {
    [LEVEL_OPERATIONAL] = IMPACT_NONE, [LEVEL_MAINTENANCE] = IMPACT_MAINTENANCE,
    [LEVEL_DEGRADED] = IMPACT_MINOR,   [LEVEL_PARTIAL] = IMPACT_MAJOR,
    [LEVEL_MAJOR] = IMPACT_CRITICAL,
};

static void add_up(const struct status *status, struct status_look *look) {
    int64_t indicator = IMPACT_NONE;
    for (int i = 0; i < look->count; i++) {
        add_said(status, look, &look->rows[i], &indicator);
        raise(&look->updated_us, look->rows[i].updated_us);
    }
    for (int i = 0; i < status->component_count; i++) {
        struct status_row_of *one = &look->components[i];
        int64_t level = one->measured.level;
        raise(&level, one->set_level);
        raise(&level, one->said);
        one->level = (enum status_level)level;
        raise(&indicator, impact_of[one->level]);
        raise(&look->updated_us, one->set_us);
    }
    look->indicator = (enum status_impact)indicator;
}

int status_look_tx(const struct status *status, struct store_tx *tx, struct arena *arena,
                   struct status_look *ret_look, struct err *err) {
    struct status_measured measured[STATUS_COMPONENTS_MAX] = {0};
    *ret_look = (struct status_look){.arena = arena, .now_us = clock_wall_us()};
    status_measure(status, measured);
    for (int i = 0; i < status->component_count; i++) {
        ret_look->components[i].measured = measured[i];
        ret_look->components[i].set_reason = ret_look->components[i].set_actor = "";
    }
    int r = status_version(tx, &ret_look->version, err);
    r = r < 0 ? r : look_rows(status, tx, ret_look, err);
    r = r < 0 ? r : look_updates(status, tx, ret_look, err);
    r = r < 0 ? r : look_set(status, tx, ret_look, err);
    if (r >= 0) {
        sort_rows(ret_look);
        add_up(status, ret_look);
    }
    return r;
}

/* ---- for the gate ---- */

static bool stands_for(const struct status_component *component,
                       const bool methods[METHOD_COUNT]) {
    bool any = false, named = false;
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        any = any || methods[m];
        named = named || (methods[m] && component->methods[m]);
    }
    return named || !any;
}

static bool concerns(const struct status *status, const struct status_row *row,
                     const bool methods[METHOD_COUNT]) {
    bool touches = false;
    for (int i = 0; i < status->component_count; i++) {
        if (row->touched.level[i] > LEVEL_OPERATIONAL) {
            touches = true;
            if (stands_for(&status->components[i], methods)) {
                return true;
            }
        }
    }
    return !touches;
}

int status_shown(struct store_tx *tx, struct status *status, const bool methods[METHOD_COUNT],
                 struct status_shown *ret_shown, struct err *err) {
    struct status_look look;
    struct status_shown shown = {.level = LEVEL_OPERATIONAL};
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    int r = status_look_tx(status, tx, arena, &look, err);
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < status->component_count; i++) {
        const struct status_row_of *one = &look.components[i];
        if (one->level > shown.level && stands_for(&status->components[i], methods)) {
            shown.level = one->level;
            shown.set_by_hand = one->set_level == (int64_t)one->level;
            snprintf(shown.component, sizeof shown.component, "%s", status->components[i].id);
        }
    }
    for (int i = 0; i < look.count; i++) {
        const struct status_row *row = &look.rows[i];
        if (row->kind != STATUS_INCIDENT || !status_is_open(row) ||
            !concerns(status, row, methods)) {
            continue;
        }
        if (shown.open_incidents++ == 0 ||
            (shown.incident_of[0] != '\0' && row->incident_id[0] == '\0')) {
            snprintf(shown.incident, sizeof shown.incident, "%s", row->id);
            snprintf(shown.incident_of, sizeof shown.incident_of, "%s", row->incident_id);
        }
    }
    *ret_shown = shown;
    return 0;
}
