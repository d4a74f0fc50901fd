/* SPDX-License-Identifier: Apache-2.0
 * playbook_next.c: which playbooks fit an incident, and which item comes next. */
#include <stdlib.h>
#include <string.h>

#include "incident/playbook_impl.h"

enum { RULE_WEIGHT = 10, CAUSE_WEIGHT = 3, RULES_LOOKED_MAX = 50 };

/* ---- which fit ---- */

struct linked { /* rules of its alerts; the arena's */
    const char *rules[RULES_LOOKED_MAX];
    int count;
};

static int read_rules(struct store_tx *tx, struct arena *arena, const char *incident_id,
                      struct linked *ret_linked, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    ret_linked->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT DISTINCT rule FROM incident_alert WHERE incident_id = $1 ORDER BY "
                      "rule LIMIT 50",
                      S_TEXT(incident_id));
    while (r >= 0 && ret_linked->count < RULES_LOOKED_MAX && (r = sql_next(rows, err)) > 0) {
        ret_linked->rules[ret_linked->count++] = arena_copy(arena, sql_text(rows, 0));
    }
    return r;
}

static int read_attached(struct store_tx *tx, const struct playbook_set *set,
                         const char *incident_id, bool ret_attached[PLAYBOOKS_MAX],
                         struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT playbook FROM incident_playbook WHERE incident_id = $1",
                      S_TEXT(incident_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const struct playbook *found = playbook_set_find(set, sql_text(rows, 0));
        if (found != NULL) {
            ret_attached[found - playbook_set_at(set, 0)] = true;
        }
    }
    return r;
}

static struct proposed weigh(struct arena *arena, const struct playbook *playbook,
                             const struct linked *linked, const struct incident_row *incident) {
    struct proposed proposed = {.playbook = playbook, .why = ""};
    for (int i = 0; i < playbook->rule_count; i++) {
        for (int j = 0; j < linked->count; j++) {
            if (strcmp(playbook->rules[i], linked->rules[j]) == 0) {
                proposed.weight += RULE_WEIGHT;
                proposed.why = arena_printf(arena, "%s%salert %s", proposed.why,
                                            proposed.why[0] != '\0' ? ", " : "", linked->rules[j]);
            }
        }
    }
    if (incident->cause != CAUSE_UNKNOWN && (playbook->causes & 1U << incident->cause) != 0) {
        proposed.weight += CAUSE_WEIGHT;
        proposed.why = arena_printf(arena, "%s%scause %s", proposed.why,
                                    proposed.why[0] != '\0' ? ", " : "",
                                    incident_cause_name(incident->cause));
    }
    return proposed;
}

static int by_weight(const void *one, const void *other) {
    const struct proposed *a = one, *b = other;
    return a->weight != b->weight ? b->weight - a->weight
                                  : strcmp(a->playbook->name, b->playbook->name);
}

int playbooks_propose(struct playbooks *playbooks, struct store_tx *tx, struct arena *arena,
                      const struct incident_row *incident, struct proposed *ret_proposed,
                      struct err *err) {
    const struct playbook_set *set = playbooks->options.set;
    bool attached[PLAYBOOKS_MAX] = {false};
    struct linked linked;
    int count = 0;
    int r = read_rules(tx, arena, incident->id.text, &linked, err);
    r = r < 0 ? r : read_attached(tx, set, incident->id.text, attached, err);
    for (int i = 0; r >= 0 && i < playbook_set_count(set); i++) {
        struct proposed one = weigh(arena, playbook_set_at(set, i), &linked, incident);
        if (one.weight > 0 && !attached[i]) {
            ret_proposed[count++] = one;
        }
    }
    if (count > 1) {
        qsort(ret_proposed, (size_t)count, sizeof *ret_proposed, by_weight);
    }
    return r < 0 ? r : count;
}

/* ---- what comes next ---- */

static bool is_due(const struct item_row *row) {
    return row->required && (row->state == ITEM_STATE_OPEN || row->state == ITEM_STATE_FAILED);
}

const struct item_row *items_next(const struct item_rows *rows) {
    for (int i = 0; i < rows->count; i++) {
        if (is_due(&rows->rows[i])) {
            return &rows->rows[i];
        }
    }
    return NULL;
}

static int choose_one(struct playbooks *playbooks, struct store_tx *tx, struct arena *arena,
                      const struct incident_row *incident, struct playbook_next *ret_next,
                      struct err *err) {
    struct proposed proposed[PLAYBOOKS_MAX];
    int r = playbooks_propose(playbooks, tx, arena, incident, proposed, err);
    if (r < 0) {
        return r;
    }
    const struct playbook *best = r > 0 ? proposed[0].playbook : NULL;
    *ret_next = (struct playbook_next){
        .item = "", .phase = PHASE_ACKNOWLEDGE, .kind = ITEM_TICK,
        .text = {"Choose a playbook.", "选择处置手册。"}, .command = "holdfast playbook list"};
    if (best != NULL) {
        ret_next->text[NOTICE_EN] = arena_printf(arena, "Follow the playbook \"%s\" (%s).",
                                                 best->title[NOTICE_EN], proposed[0].why);
        ret_next->text[NOTICE_ZH] = arena_printf(arena, "按处置手册“%s”执行(%s)。",
                                                 best->title[NOTICE_ZH], proposed[0].why);
        ret_next->command = arena_printf(arena, "holdfast incident playbook %s %s",
                                         incident->id.text, best->name);
    }
    return 1;
}

static const char *next_command(struct playbooks *playbooks, struct arena *arena,
                                const struct incident_row *incident, const struct item_row *row) {
    const struct playbook_measure_row *measure = playbook_measure_find(row->subject);
    const char *command = row->command;
    if (row->kind == ITEM_ACTION && measure != NULL) {
        command = playbooks->options.actions != NULL ? PLAYBOOK_RUN : measure->command;
    } else if (command[0] == '\0' && row->kind != ITEM_QUERY) {
        command = "holdfast incident tick {incident} {item}";
    } else if (command[0] == '\0') {
        command = "holdfast incident checklist {incident} --refresh";
    }
    return item_fill(arena, incident, row, command);
}

int playbook_next(struct playbooks *playbooks, struct store_tx *tx, struct arena *arena,
                  const char *incident_id, int max, struct playbook_next *ret_next,
                  struct err *err) {
    struct incident_row incident;
    struct item_rows *rows = NULL;
    int count = 0;
    int r = incident_load(tx, arena, incident_id, false, &incident, err);
    if (r < 0 || max <= 0 || incident.state == INCIDENT_CLOSED ||
        incident.state == INCIDENT_CANCELLED) {
        return r < 0 ? r : 0;
    }
    r = items_load(tx, arena, incident_id, &rows, err);
    if (r >= 0 && rows->playbooks == 0) {
        return choose_one(playbooks, tx, arena, &incident, ret_next, err);
    }
    for (int i = 0; r >= 0 && i < rows->count && count < max; i++) {
        const struct item_row *row = &rows->rows[i];
        if (is_due(row)) {
            ret_next[count++] = (struct playbook_next){
                .item = item_name(arena, row),
                .phase = (enum playbook_phase)row->phase,
                .kind = (enum playbook_kind)row->kind,
                .text = {row->text[NOTICE_EN], row->text[NOTICE_ZH]},
                .command = next_command(playbooks, arena, &incident, row),
            };
        }
    }
    return r < 0 ? r : count;
}
