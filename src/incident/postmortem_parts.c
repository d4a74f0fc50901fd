/* SPDX-License-Identifier: Apache-2.0
 * postmortem_parts.c: what people write into a postmortem, and what it needs before the incident is
 * closed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "incident/action_impl.h"
#include "incident/postmortem_impl.h"
#include "store/audit.h"

enum { DIGESTED_BYTES_MAX = 64 * 1024, TEXT_BYTES_MAX = INCIDENT_TEXT_CHARS_MAX * 4 };

static const struct {
    const char *name;
    bool needed;
    const char *title[NOTICE_LANGUAGES], *what;
} parts[POSTMORTEM_PARTS] = {
#define X(NAME, name, needed, title_en, title_zh, what) {name, needed, {title_en, title_zh}, what},
#include "incident/postmortem_parts.def"
#undef X
};

const char *postmortem_part_name(enum postmortem_part part) {
    return parts[part].name;
}

const char *part_title(enum postmortem_part part, enum notice_language language) {
    return parts[part].title[language];
}

bool part_needed(enum postmortem_part part) {
    return parts[part].needed;
}

bool postmortem_part_parse(const char *name, enum postmortem_part *ret_part) {
    for (int i = 0; i < POSTMORTEM_PARTS; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            *ret_part = (enum postmortem_part)i;
            return true;
        }
    }
    return false;
}

void part_digest(const char *name, int64_t version, const char *body,
                 char ret_hex[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO buf;
    buf_init(&buf, DIGESTED_BYTES_MAX);
    buf_addf(&buf, "%zu:%s%" PRId64 ";%zu:%s", strlen(name), name, version, strlen(body), body);
    INVARIANT(buf_ok(&buf), "the limit of a part keeps it below that of its digest");
    crypto_sha256_hex(buf.data, buf.len, ret_hex);
}

/* ---- reading ---- */

int parts_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
               struct part_row rows[POSTMORTEM_PARTS], struct err *err) {
    SQL_ROWS_AUTO found = NULL;
    memset(rows, 0, sizeof rows[0] * POSTMORTEM_PARTS);
    for (int i = 0; i < POSTMORTEM_PARTS; i++) {
        rows[i].body = rows[i].author = "";
    }
    int r = sql_query(tx, err, &found,
                      "SELECT name, version, body, author, at_us FROM postmortem_part p WHERE "
                      "incident_id = $1 AND version = (SELECT MAX(version) FROM postmortem_part q "
                      "WHERE q.incident_id = p.incident_id AND q.name = p.name)",
                      S_TEXT(incident_id));
    while (r >= 0 && (r = sql_next(found, err)) > 0) {
        enum postmortem_part part;
        if (postmortem_part_parse(sql_text(found, 0), &part)) {
            rows[part] = (struct part_row){.version = sql_int(found, 1),
                                           .body = arena_copy(arena, sql_text(found, 2)),
                                           .author = arena_copy(arena, sql_text(found, 3)),
                                           .at_us = sql_int(found, 4)};
        }
    }
    return r;
}

int parts_missing(struct store_tx *tx, struct arena *arena, const char *incident_id,
                  const char **ret_missing, struct err *err) {
    struct part_row rows[POSTMORTEM_PARTS];
    int64_t actions = 0;
    char missing[400] = "";
    int r = parts_load(tx, arena, incident_id, rows, err);
    if (r >= 0) {
        SQL_ROWS_AUTO counted = NULL;
        r = sql_query(tx, err, &counted, "SELECT COUNT(*) FROM action_item WHERE incident_id = $1",
                      S_TEXT(incident_id));
        r = r < 0 ? r : sql_next(counted, err);
        actions = r > 0 ? sql_int(counted, 0) : 0;
    }
    for (int i = 0; r >= 0 && i < POSTMORTEM_PARTS; i++) {
        if (parts[i].needed && rows[i].body[0] == '\0') {
            text_list_add(missing, sizeof missing, parts[i].name);
        }
    }
    if (r >= 0 && actions == 0 && rows[PART_NO_ACTIONS].body[0] == '\0') {
        text_list_add(missing, sizeof missing, "an action item (or the part no_actions)");
    }
    *ret_missing = arena_copy(arena, missing);
    return r < 0 ? r : 0;
}

int postmortem_ready(struct store_tx *tx, const struct incident_row *row, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *missing = "";
    int r = parts_missing(tx, arena, row->id.text, &missing, err);
    if (r < 0 || missing[0] == '\0') {
        return r;
    }
    err_set(err, ERR_STATE, "its postmortem is not done, it lacks: %s", missing);
    return err_hint(err, "`holdfast incident postmortem %s --edit-part NAME --text ...`, and "
                         "`holdfast action add`.",
                    row->id.text);
}

/* ---- writing ---- */

struct editing {
    struct incidents *incidents;
    const struct caller *caller;
    const char *id, *text;
    enum postmortem_part part;
};

static int put_part(const struct editing *editing, struct store_tx *tx, struct arena *arena,
                    int64_t version, const struct incident_person *person, int64_t now_us,
                    struct err *err) {
    const char *name = parts[editing->part].name;
    char digest[SHA256_HEX_CHARS + 1];
    part_digest(name, version, editing->text, digest);
    const struct incident_entry entry = {
        .actor = editing->caller->actor,
        .kind = LOGGED_ACTION,
        .text = arena_printf(arena, "Postmortem, %s: version %lld%s.", name, (long long)version,
                             editing->text[0] == '\0' ? ", taken out" : ""),
        .evidence = arena_printf(
            arena, "{\"postmortem_part\":\"%s\",\"version\":%lld,\"sha256\":\"%s\"}", name,
            (long long)version, digest),
    };
    int r = sql_put(tx, err,
                    "INSERT INTO postmortem_part (incident_id, name, version, body, actor, author, "
                    "at_us) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    S_TEXT(editing->id), S_TEXT(name), S_INT(version), S_TEXT(editing->text),
                    S_TEXT(editing->caller->actor), S_TEXT(person->name), S_INT(now_us));
    r = r < 0 ? r : incident_log_add(tx, editing->id, &entry, err);
    return r < 0 ? r
                 : audit_append(tx, editing->caller->actor, "postmortem.edit", editing->id, name,
                                entry.evidence, err);
}

static int edit_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct editing *editing = ctx;
    struct part_row rows[POSTMORTEM_PARTS];
    struct incident_row incident;
    struct incident_person person;
    char time[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = incident_load(tx, arena, editing->id, true, &incident, err);
    r = r < 0 ? r : incident_person(tx, arena, editing->caller->actor, &person, err);
    r = r < 0 ? r : parts_load(tx, arena, editing->id, rows, err);
    if (r >= 0 && person.name[0] == '\0') {
        err_set(err, ERR_FORBIDDEN, "this takes a person with a name");
        r = err_hint(err, "Sign in, or use a key that was made for a user.");
    }
    if (r >= 0 && incident.state == INCIDENT_CANCELLED) {
        r = err_set(err, ERR_STATE, "incident %s was none: there is nothing to learn from it",
                    editing->id);
    }
    if (r < 0) {
        return r;
    }
    struct part_row *row = &rows[editing->part];
    if (strcmp(row->body, editing->text) != 0) {
        if (row->version >= POSTMORTEM_VERSIONS_MAX) {
            return err_set(err, ERR_STATE, "the part has %d versions already",
                           POSTMORTEM_VERSIONS_MAX);
        }
        *row = (struct part_row){row->version + 1, editing->text, person.name, clock_wall_us()};
        r = put_part(editing, tx, arena, row->version, &person, row->at_us, err);
    }
    buf_addf(&buf,
             "{\"object\":\"postmortem_part\",\"incident_id\":\"%s\",\"part\":\"%s\",\"version\":"
             "%lld,\"by\":",
             editing->id, parts[editing->part].name, (long long)row->version);
    buf_add_json(&buf, row->author);
    buf_add_text(&buf, ",\"at\":");
    if (row->at_us > 0) {
        buf_add_json(&buf, clock_format(row->at_us, time));
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int postmortem_edit(struct incidents *incidents, const struct caller *caller, const char *id,
                    enum postmortem_part part, const char *text, struct answer *ret_answer,
                    struct err *err) {
    struct editing editing = {incidents, caller, id, text, part};
    if (strlen(text) > TEXT_BYTES_MAX || text_has_controls(text, true)) {
        err_set(err, ERR_VALIDATION, "a part has at most %d characters and no control characters",
                INCIDENT_TEXT_CHARS_MAX);
        return err_place(err, "/text");
    }
    return idempotent_run(incidents->options.payments, caller, "postmortem.edit", edit_fn, &editing,
                          ret_answer, err);
}
