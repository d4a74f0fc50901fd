/* SPDX-License-Identifier: Apache-2.0
 * playbook_rows.c: the items of an incident as rows, and the checklist that they are. */
#include <stdlib.h>
#include <string.h>

#include "incident/playbook_impl.h"

/* ---- rows ---- */

static const char *text_at(const struct sql_rows *rows, struct arena *arena, int column) {
    return arena_copy(arena, sql_text(rows, column));
}

static void take_row(const struct sql_rows *rows, struct arena *arena, struct item_row *row) {
    *row = (struct item_row){
        .playbook = text_at(rows, arena, 0),
        .item = text_at(rows, arena, 1),
        .position = sql_int(rows, 2),
        .phase = sql_int(rows, 3),
        .kind = sql_int(rows, 4),
        .required = sql_int(rows, 5) != 0,
        .text = {text_at(rows, arena, 6), text_at(rows, arena, 7)},
        .subject = text_at(rows, arena, 8),
        .target = text_at(rows, arena, 9),
        .value = text_at(rows, arena, 10),
        .command = text_at(rows, arena, 11),
        .links = text_at(rows, arena, 12),
        .digest = text_at(rows, arena, 13),
        .state = sql_int(rows, 14),
        .verdict = sql_int(rows, 15),
        .said = {text_at(rows, arena, 16), text_at(rows, arena, 17)},
        .evidence = text_at(rows, arena, 18),
        .looked_us = sql_int(rows, 19),
        .person = text_at(rows, arena, 20),
        .name = text_at(rows, arena, 21),
        .at_us = sql_int(rows, 22),
        .reason = text_at(rows, arena, 23),
        .ran_us = sql_int(rows, 24),
        .reference = text_at(rows, arena, 25),
    };
}

static bool is_there(const struct item_rows *rows, const struct item_row *row) {
    for (int i = 0; i < rows->count; i++) {
        if (strcmp(rows->rows[i].item, row->item) == 0 &&
            strcmp(rows->rows[i].digest, row->digest) == 0) {
            return true;
        }
    }
    return false;
}

int items_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
               struct item_rows **ret_rows, struct err *err) {
    struct item_rows *found = arena_alloc(arena, sizeof *found);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT i.playbook, i.item, i.position, i.phase, i.kind, i.required, "
                      "i.text_en, i.text_zh, i.subject, i.target, i.value, i.command, i.links, "
                      "i.digest, i.state, i.verdict, i.said_en, i.said_zh, i.evidence, "
                      "i.looked_us, i.person, i.name, i.at_us, i.reason, i.ran_us, i.reference, "
                      "p.position FROM incident_item i JOIN incident_playbook p ON p.incident_id = "
                      "i.incident_id AND p.playbook = i.playbook WHERE i.incident_id = $1 ORDER BY "
                      "i.phase, p.position, i.position",
                      S_TEXT(incident_id));
    while (r >= 0 && found->count < PLAYBOOK_ROWS_MAX && (r = sql_next(rows, err)) > 0) {
        struct item_row *row = &found->rows[found->count];
        take_row(rows, arena, row);
        int position = (int)sql_int(rows, 26);
        found->playbooks = position > found->playbooks ? position : found->playbooks;
        found->count += !is_there(found, row);
    }
    *ret_rows = found;
    return r < 0 ? r : 0;
}

const char *item_name(struct arena *arena, const struct item_row *row) {
    return arena_printf(arena, "%s.%s", row->playbook, row->item);
}

int item_find(struct item_rows *rows, const char *name, struct item_row **ret_row,
              struct err *err) {
    struct item_row *found = NULL;
    const char *dot = strchr(name, '.');
    for (int i = 0; i < rows->count; i++) {
        struct item_row *row = &rows->rows[i];
        bool fits = dot == NULL ? strcmp(row->item, name) == 0
                                : strcmp(row->item, dot + 1) == 0 &&
                                      strlen(row->playbook) == (size_t)(dot - name) &&
                                      strncmp(row->playbook, name, (size_t)(dot - name)) == 0;
        if (fits && found != NULL) {
            err_set(err, ERR_VALIDATION, "several of its playbooks have an item \"%.60s\"", name);
            err_place(err, "/item");
            return err_hint(err, "Say %s.%s or %s.%s.", found->playbook, found->item,
                            row->playbook, row->item);
        }
        found = fits ? row : found;
    }
    if (found == NULL) {
        err_set(err, ERR_NOT_FOUND, "the incident's checklist has no item \"%.80s\"", name);
        err_place(err, "/item");
        return err_hint(err, "`holdfast incident checklist` lists them.");
    }
    *ret_row = found;
    return 0;
}

static const char *links_of(const struct playbook_item *item, struct buf *buf) {
    for (int i = 0; i < item->link_count; i++) {
        buf_addf(buf, "%s%s", i > 0 ? "\n" : "", item->links[i]);
    }
    return buf->data;
}

/* What is done in another playbook of the incident is done here as well. */
static int take_over(struct store_tx *tx, const char *incident_id, const char *playbook,
                     const struct playbook_item *item, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct item_rows *rows = NULL;
    int r = items_load(tx, arena, incident_id, &rows, err);
    for (int i = 0; r >= 0 && i < rows->count; i++) {
        const struct item_row *row = &rows->rows[i];
        if (strcmp(row->item, item->id) == 0 && strcmp(row->digest, item->digest) == 0 &&
            strcmp(row->playbook, playbook) != 0) {
            return item_save(tx, incident_id, row, err);
        }
    }
    return r;
}

int items_insert(struct store_tx *tx, const char *incident_id, const char *playbook,
                 int64_t position, const struct playbook_item *item, struct err *err) {
    BUF_AUTO links;
    buf_init(&links, 8 * 1024);
    int r = sql_put(tx, err,
                    "INSERT INTO incident_item (incident_id, playbook, item, position, phase, "
                    "kind, required, text_en, text_zh, subject, target, value, command, links, "
                    "digest, state, verdict, said_en, said_zh, evidence, looked_us, person, name, "
                    "at_us, reason, ran_us, reference) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                    "$10, $11, $12, $13, $14, $15, 1, 0, '', '', '{}', 0, '', '', 0, '', 0, '')",
                    S_TEXT(incident_id), S_TEXT(playbook), S_TEXT(item->id), S_INT(position),
                    S_INT(item->phase), S_INT(item->kind), S_INT(item->required),
                    S_TEXT(item->text[NOTICE_EN]), S_TEXT(item->text[NOTICE_ZH]),
                    S_TEXT(item->subject), S_TEXT(item->target), S_TEXT(item->value),
                    S_TEXT(item->command), S_TEXT(links_of(item, &links)), S_TEXT(item->digest));
    return r < 0 ? r : take_over(tx, incident_id, playbook, item, err);
}

int item_save(struct store_tx *tx, const char *incident_id, const struct item_row *row,
              struct err *err) {
    int64_t changed = sql_exec(
        tx, err,
        "UPDATE incident_item SET target = $4, state = $5, verdict = $6, said_en = $7, said_zh = "
        "$8, evidence = $9, looked_us = $10, person = $11, name = $12, at_us = $13, reason = $14, "
        "ran_us = $15, reference = $16 WHERE incident_id = $1 AND item = $2 AND digest = $3",
        S_TEXT(incident_id), S_TEXT(row->item), S_TEXT(row->digest), S_TEXT(row->target),
        S_INT(row->state), S_INT(row->verdict), S_TEXT(row->said[NOTICE_EN]),
        S_TEXT(row->said[NOTICE_ZH]), S_TEXT(row->evidence), S_INT(row->looked_us),
        S_TEXT(row->person), S_TEXT(row->name), S_INT(row->at_us), S_TEXT(row->reason),
        S_INT(row->ran_us), S_TEXT(row->reference));
    return changed < 0 ? (int)changed : 0;
}

/* ---- words ---- */

const char *item_target(const struct incident_row *incident, const struct item_row *row) {
    const struct incident_scope *scope = &incident->scope;
    const struct playbook_measure_row *measure = playbook_measure_find(row->subject);
    if (measure == NULL || !measure->target) {
        return "";
    }
    if (strcmp(row->target, "{gateway}") == 0) {
        return scope->gateways.count == 1 ? scope->gateways.names[0] : "";
    }
    if (strcmp(row->target, "{method}") == 0) {
        return scope->methods.count == 1 ? scope->methods.names[0] : "";
    }
    return row->target;
}

const char *item_fill(struct arena *arena, const struct incident_row *incident,
                      const struct item_row *row, const char *text) {
    const struct incident_scope *scope = &incident->scope;
    const char *target = row->kind == ITEM_ACTION ? item_target(incident, row) : "";
    return PHRASE(arena, text, {"incident", incident->id.text}, {"item", item_name(arena, row)},
                  {"gateway", scope->gateways.count > 0 ? scope->gateways.names[0] : "GATEWAY"},
                  {"method", scope->methods.count > 0 ? scope->methods.names[0] : "METHOD"},
                  {"target", target[0] != '\0' ? target : "NAME"}, {"value", row->value});
}

/* ---- the checklist ---- */

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text != NULL && text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_time(struct buf *buf, const char *key, int64_t at_us) {
    char time[CLOCK_TEXT_MAX];
    put_text(buf, key, at_us > 0 ? clock_format(at_us, time) : "");
}

static void put_links(struct buf *buf, const char *links) {
    buf_add_text(buf, ",\"links\":[");
    for (const char *at = links; *at != '\0';) {
        char link[512];
        size_t chars = strcspn(at, "\n");
        chars = chars < sizeof link ? chars : sizeof link - 1;
        memcpy(link, at, chars);
        link[chars] = '\0';
        buf_add_text(buf, at > links ? "," : "");
        buf_add_json(buf, link);
        at += chars + (at[chars] == '\n');
    }
    buf_add_char(buf, ']');
}

struct checklist {
    struct playbooks *playbooks;
    struct arena *arena;
    const struct incident_row *incident;
    struct buf *buf;
};

/* Of an action: its own command, or, where no measures are kept here, the one that does it. */
static const char *command_of(const struct checklist *list, const struct item_row *row) {
    const struct playbook_measure_row *measure = playbook_measure_find(row->subject);
    const char *command = row->command;
    if (row->kind == ITEM_ACTION && measure != NULL) {
        command = list->playbooks->options.actions != NULL ? PLAYBOOK_RUN : measure->command;
    }
    return item_fill(list->arena, list->incident, row, command);
}

static void put_measure(const struct checklist *list, const struct item_row *row) {
    struct buf *buf = list->buf;
    if (row->kind != ITEM_ACTION) {
        buf_add_text(buf, ",\"measure\":null");
        return;
    }
    buf_add_text(buf, ",\"measure\":{\"kind\":");
    buf_add_json(buf, row->subject);
    put_text(buf, "target", item_target(list->incident, row));
    put_text(buf, "value", row->value);
    put_text(buf, "reference", row->reference);
    put_time(buf, "ran_at", row->ran_us);
    buf_addf(buf, ",\"available\":%s}",
             list->playbooks->options.actions != NULL ? "true" : "false");
}

static void put_item(const struct checklist *list, const struct item_row *row) {
    struct buf *buf = list->buf;
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, item_name(list->arena, row));
    buf_addf(buf, ",\"kind\":\"%s\",\"required\":%s", playbook_kind_name(row->kind),
             row->required ? "true" : "false");
    put_text(buf, "text", row->text[NOTICE_EN]);
    put_text(buf, "text_zh", row->text[NOTICE_ZH]);
    buf_addf(buf, ",\"state\":\"%s\",\"verdict\":\"%s\"", playbook_state_name(row->state),
             playbook_verdict_name(row->verdict));
    put_text(buf, "said", row->said[NOTICE_EN]);
    put_text(buf, "said_zh", row->said[NOTICE_ZH]);
    buf_addf(buf, ",\"evidence\":%s", row->evidence);
    put_time(buf, "looked_at", row->looked_us);
    put_text(buf, "by", row->name);
    put_time(buf, "at", row->at_us);
    put_text(buf, "reason", row->reason);
    put_text(buf, "query", row->kind == ITEM_QUERY ? row->subject : "");
    put_text(buf, "role", row->kind == ITEM_APPROVAL ? row->subject : "");
    put_measure(list, row);
    put_text(buf, "command", command_of(list, row));
    put_links(buf, row->links);
    buf_add_char(buf, '}');
}

static void put_phases(const struct checklist *list, const struct item_rows *rows) {
    struct buf *buf = list->buf;
    buf_add_text(buf, ",\"phases\":[");
    for (int phase = 1; phase < PHASES_END; phase++) {
        const char *comma = "";
        buf_addf(buf, "%s{\"phase\":\"%s\"", phase > 1 ? "," : "", playbook_phase_name(phase));
        put_text(buf, "title", playbook_phase_title(phase, NOTICE_EN));
        put_text(buf, "title_zh", playbook_phase_title(phase, NOTICE_ZH));
        buf_add_text(buf, ",\"items\":[");
        for (int i = 0; i < rows->count; i++) {
            if (rows->rows[i].phase == phase) {
                buf_add_text(buf, comma);
                put_item(list, &rows->rows[i]);
                comma = ",";
            }
        }
        buf_add_text(buf, "]}");
    }
    buf_add_char(buf, ']');
}

static int put_attached(const struct checklist *list, struct store_tx *tx, struct err *err) {
    struct buf *buf = list->buf;
    SQL_ROWS_AUTO rows = NULL;
    const char *comma = "";
    buf_add_text(buf, ",\"playbooks\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT playbook, title_en, title_zh, attached_by, attached_us, looked_us "
                      "FROM incident_playbook WHERE incident_id = $1 ORDER BY position",
                      S_TEXT(list->incident->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(buf, "%s{\"name\":", comma);
        buf_add_json(buf, sql_text(rows, 0));
        put_text(buf, "title", sql_text(rows, 1));
        put_text(buf, "title_zh", sql_text(rows, 2));
        put_text(buf, "attached_by", sql_text(rows, 3));
        put_time(buf, "attached_at", sql_int(rows, 4));
        put_time(buf, "looked_at", sql_int(rows, 5));
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r;
}

static int put_proposed(const struct checklist *list, struct store_tx *tx, struct err *err) {
    struct proposed proposed[PLAYBOOKS_MAX];
    struct buf *buf = list->buf;
    int count = playbooks_propose(list->playbooks, tx, list->arena, list->incident, proposed, err);
    buf_add_text(buf, ",\"proposed\":[");
    for (int i = 0; i < count; i++) {
        buf_addf(buf, "%s{\"name\":", i > 0 ? "," : "");
        buf_add_json(buf, proposed[i].playbook->name);
        put_text(buf, "title", proposed[i].playbook->title[NOTICE_EN]);
        put_text(buf, "title_zh", proposed[i].playbook->title[NOTICE_ZH]);
        put_text(buf, "why", proposed[i].why);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return count;
}

int checklist_answer(struct playbooks *playbooks, struct store_tx *tx, struct arena *arena,
                     const struct incident_row *incident, struct answer *ret_answer,
                     struct err *err) {
    struct item_rows *rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, PLAYBOOK_JSON_BYTES_MAX);
    const struct checklist list = {playbooks, arena, incident, &buf};
    int open = 0;
    int r = items_load(tx, arena, incident->id.text, &rows, err);
    for (int i = 0; r >= 0 && i < rows->count; i++) {
        open += rows->rows[i].required && (rows->rows[i].state == ITEM_STATE_OPEN ||
                                           rows->rows[i].state == ITEM_STATE_FAILED);
    }
    buf_addf(&buf, "{\"object\":\"checklist\",\"incident_id\":\"%s\",\"state\":\"%s\",\"open\":%d",
             incident->id.text, incident_state_name(incident->state), open);
    const struct item_row *next = r < 0 ? NULL : items_next(rows);
    put_text(&buf, "next", next != NULL ? item_name(arena, next) : "");
    r = r < 0 ? r : put_attached(&list, tx, err);
    r = r < 0 ? r : put_proposed(&list, tx, err);
    if (r < 0) {
        return r;
    }
    put_phases(&list, rows);
    buf_add_char(&buf, '}');
    return answer_take(ret_answer, 200, &buf, err);
}
