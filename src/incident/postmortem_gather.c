/* SPDX-License-Identifier: Apache-2.0
 * postmortem_gather.c: everything that a postmortem and a failure report tell, read anew each time:
 * the log and whether it is whole, what people wrote and whether it is what the log has the digest
 * of, who noticed it, and how payments went. */
#include <string.h>

#include "base/json.h"
#include "incident/postmortem_impl.h"

/* So much before and after the trouble is drawn as well. */
#define AROUND_US (30 * 60 * US_PER_SECOND)

struct gathering {
    struct learned *learned;
    const char *part_sha[POSTMORTEM_PARTS]; /* of the newest entry of each */
    json_t *action_sha;                     /* owned: by id */
};

/* ---- the log ---- */

static void note_digest(struct gathering *gathering, const char *evidence) {
    JSON_AUTO json = json_loads(evidence, 0, NULL);
    const char *sha = json_peek_text(json, "sha256", NULL);
    const char *part_name = json_peek_text(json, "postmortem_part", NULL);
    const char *action = json_peek_text(json, "action_item", NULL);
    enum postmortem_part part;
    if (sha == NULL) {
        return;
    }
    if (part_name != NULL && postmortem_part_parse(part_name, &part)) {
        gathering->part_sha[part] = arena_copy(gathering->learned->arena, sha);
    }
    if (action != NULL) {
        json_object_set_new(gathering->action_sha, action, json_string(sha));
    }
}

static const char *cut(struct arena *arena, const char *text) {
    char *copy = arena_copy(arena, text);
    notice_cut(copy, ENTRY_BYTES_MAX);
    return copy;
}

static int read_entries(struct gathering *gathering, struct store_tx *tx, struct err *err) {
    struct learned *learned = gathering->learned;
    struct arena *arena = learned->arena;
    SQL_ROWS_AUTO rows = NULL;
    learned->entries = arena_alloc(arena, sizeof *learned->entries * POSTMORTEM_ENTRIES_MAX);
    learned->entry_count = 0;
    learned->entries_left = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT seq, at_us, kind, actor, COALESCE((SELECT name FROM app_user WHERE "
                      "'user:' || id = incident_log.actor), ''), role, body, CASE WHEN evidence "
                      "LIKE '%\"sha256\"%' THEN evidence ELSE '{}' END FROM incident_log WHERE "
                      "incident_id = $1 ORDER BY seq",
                      S_TEXT(learned->view.row.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        note_digest(gathering, sql_text(rows, 7));
        if (learned->entry_count == POSTMORTEM_ENTRIES_MAX) {
            learned->entries_left++;
            continue;
        }
        const char *name = sql_text(rows, 4);
        learned->entries[learned->entry_count++] = (struct learned_entry){
            .seq = sql_int(rows, 0),
            .at_us = sql_int(rows, 1),
            .kind = sql_int(rows, 2),
            .by = arena_copy(arena, name[0] != '\0' ? name : sql_text(rows, 3)),
            .role = arena_copy(arena, sql_text(rows, 5)),
            .text = cut(arena, sql_text(rows, 6)),
        };
    }
    return r;
}

/* ---- what people wrote ---- */

static void judge_parts(struct gathering *gathering) {
    struct learned *learned = gathering->learned;
    for (int i = 0; i < POSTMORTEM_PARTS; i++) {
        const struct part_row *row = &learned->parts[i];
        const char *logged = gathering->part_sha[i];
        char digest[SHA256_HEX_CHARS + 1];
        part_digest(postmortem_part_name((enum postmortem_part)i), row->version, row->body,
                    digest);
        learned->part_whole[i] = row->version == 0 ? logged == NULL
                                                   : logged != NULL && strcmp(logged, digest) == 0;
    }
}

static int read_actions(struct gathering *gathering, struct store_tx *tx, struct err *err) {
    struct learned *learned = gathering->learned;
    SQL_ROWS_AUTO rows = NULL;
    learned->actions = arena_alloc(learned->arena, sizeof *learned->actions * ACTIONS_MAX);
    learned->action_whole = arena_alloc(learned->arena, sizeof(bool) * ACTIONS_MAX);
    learned->action_count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ACTION_COLUMNS " FROM action_item WHERE incident_id = $1 ORDER BY "
                      "number LIMIT $2",
                      S_TEXT(learned->view.row.id.text), S_INT(ACTIONS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct action_row *row = &learned->actions[learned->action_count];
        char digest[SHA256_HEX_CHARS + 1];
        action_take(rows, learned->arena, row);
        action_digest(row, digest);
        const char *logged = json_string_value(json_object_get(gathering->action_sha, row->id));
        learned->action_whole[learned->action_count++] =
            logged != NULL && strcmp(logged, digest) == 0;
    }
    return r;
}

/* ---- who noticed it ---- */

/* The first of its alerts that fired by when it was detected. */
static int first_alert(struct learned *learned, struct store_tx *tx, const char **ret_rule,
                       const char **ret_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT i.rule, i.alert_id FROM incident_alert i JOIN alert a ON a.id = "
                      "i.alert_id WHERE i.incident_id = $1 AND a.fired_us > 0 AND a.fired_us <= $2 "
                      "ORDER BY a.fired_us, i.alert_id LIMIT 1",
                      S_TEXT(learned->view.row.id.text),
                      S_INT(learned->view.row.at_us[MILESTONE_DETECTED]));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_rule = arena_copy(learned->arena, sql_text(rows, 0));
        *ret_id = arena_copy(learned->arena, sql_text(rows, 1));
    }
    return r < 0 ? r : 0;
}

static int count_complaints(struct learned *learned, struct store_tx *tx, struct err *err) {
    char gateways[SCOPE_LIST_BYTES_MAX];
    SQL_ROWS_AUTO rows = NULL;
    scope_list(&learned->view.scope.gateways, gateways);
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM complaint WHERE at_us >= $1 AND at_us <= $2 AND ($3 = "
                      "'' OR gateway = '' OR replace($3, ',' || gateway || ',', '') <> $3)",
                      S_INT(learned->view.row.at_us[MILESTONE_IMPACT_START]),
                      S_INT(learned->view.row.at_us[MILESTONE_DETECTED]), S_TEXT(gateways));
    r = r < 0 ? r : sql_next(rows, err);
    learned->noticed.complaints = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

/* An alert before anybody: the machine, unless what it counted were complaints. Else a person
 * opened it: because customers had complained, or of himself. */
static int find_noticed(struct learned *learned, struct store_tx *tx, struct err *err) {
    const struct incident_row *row = &learned->view.row;
    struct noticed *noticed = &learned->noticed;
    const char *rule = NULL, *alert = NULL;
    *noticed = (struct noticed){.what = ""};
    int r = first_alert(learned, tx, &rule, &alert, err);
    r = r < 0 ? r : count_complaints(learned, tx, err);
    if (r < 0) {
        return r;
    }
    bool by_machine = strcmp(row->opened_by, INCIDENT_SYSTEM) == 0;
    if (rule != NULL && strcmp(rule, "Complaints") != 0) {
        noticed->by = BY_MACHINE;
        noticed->what = arena_printf(learned->arena, "%s (%s)", rule, alert);
    } else if (rule != NULL || (!by_machine && noticed->complaints > 0)) {
        noticed->by = BY_CUSTOMER;
        noticed->what = rule != NULL ? arena_printf(learned->arena, "%s (%s)", rule, alert) : "";
    } else if (by_machine) {
        noticed->by = BY_MACHINE;
    } else {
        noticed->by = BY_STAFF;
    }
    return 0;
}

const char *noticed_name(enum noticed_by by) {
    static const char *const names[] = {"unknown", "machine", "staff", "customer"};
    return names[by];
}

/* ---- all of it ---- */

static int course_of(struct learned *learned, struct store_tx *tx, struct err *err) {
    const struct view *view = &learned->view;
    int64_t until_us = view->scope.until_us > 0 ? view->scope.until_us : view->at_us;
    struct err why = {0};
    until_us = until_us + AROUND_US < view->at_us ? until_us + AROUND_US : view->at_us;
    learned->course = arena_alloc(learned->arena, sizeof *learned->course);
    int r = course_take(tx, &view->scope, view->scope.from_us - AROUND_US, until_us,
                        learned->course, &why);
    if (r < 0 && why.code == ERR_VALIDATION) { /* a method that there is no more */
        learned->course->count = 0;
        return 0;
    }
    if (r < 0) {
        *err = why;
    }
    return r;
}

static int gather_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct gathering *gathering = ctx;
    struct learned *learned = gathering->learned;
    const char *id = learned->view.row.id.text;
    json_object_clear(gathering->action_sha);
    memset(gathering->part_sha, 0, sizeof gathering->part_sha);
    int r = read_entries(gathering, tx, err);
    r = r < 0 ? r : parts_load(tx, learned->arena, id, learned->parts, err);
    r = r < 0 ? r : read_actions(gathering, tx, err);
    r = r < 0 ? r : find_noticed(learned, tx, err);
    r = r < 0 ? r : parts_missing(tx, learned->arena, id, &learned->missing, err);
    r = r < 0 ? r : course_of(learned, tx, err);
    return r < 0 ? r : 0;
}

int learned_take(struct incidents *incidents, const struct brief_sources *sources, const char *id,
                 struct arena *arena, struct learned *ret_learned, struct err *err) {
    struct gathering gathering = {.learned = ret_learned, .action_sha = json_object()};
    *ret_learned = (struct learned){.arena = arena, .missing = ""};
    int r = view_take(incidents, sources, id, arena, &ret_learned->view, err);
    r = r < 0 ? r : incident_verify(incidents, id, &ret_learned->log, err);
    r = r < 0 ? r : store_read(incidents->options.store, gather_tx, &gathering, err);
    if (r >= 0) {
        judge_parts(&gathering);
    } else {
        learned_release(ret_learned);
    }
    json_decref(gathering.action_sha);
    return r;
}

void learned_release(struct learned *learned) {
    view_release(&learned->view);
}

int64_t learned_span_us(const struct learned *learned, enum incident_milestone from,
                        enum incident_milestone to) {
    const int64_t *at_us = learned->view.row.at_us;
    return at_us[from] > 0 && at_us[to] > 0 ? at_us[to] - at_us[from] : -1;
}
