/* SPDX-License-Identifier: Apache-2.0
 * status_look.c: what people of the house look at: components with what is measured of them,
 * incidents with their drafts, subscribers without their addresses. */
#include <stdio.h>
#include <string.h>

#include "comms/status_impl.h"

/* ---- parts ---- */

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, text));
    } else {
        buf_addf(buf, ",\"%s\":null", key);
    }
}

static void add_both(struct buf *buf, const char *key, const char *const text[LANGUAGES]) {
    buf_addf(buf, ",\"%s\":{\"en\":", key);
    buf_add_json(buf, text[LANGUAGE_EN]);
    buf_add_text(buf, ",\"zh\":");
    buf_add_json(buf, text[LANGUAGE_ZH]);
    buf_add_char(buf, '}');
}

static void add_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    buf_add_json(buf, text);
}

void status_touches_json(const struct status *status, const struct status_touched *touched,
                         struct buf *buf) {
    bool first = true;
    buf_add_char(buf, '[');
    for (int i = 0; i < status->component_count; i++) {
        if (touched->level[i] != 0) {
            buf_addf(buf, "%s{\"id\":\"%s\",\"status\":\"%s\"}", first ? "" : ",",
                     status->components[i].id, status_level_name(touched->level[i]));
            first = false;
        }
    }
    buf_add_char(buf, ']');
}

void status_update_json(const struct status *status, const struct status_update_row *update,
                        struct buf *buf) {
    static const char *const stages[] = {"?", "draft", "published", "withdrawn"};
    bool known = update->stage >= STAGE_DRAFT && update->stage <= STAGE_WITHDRAWN;
    buf_addf(buf,
             "{\"id\":\"%s\",\"object\":\"status_update\",\"status_incident_id\":\"%s\",\"stage\":"
             "\"%s\",\"status\":\"%s\",\"impact\":",
             update->id, update->incident, stages[known ? update->stage : 0],
             status_state_name(update->state));
    if (update->impact != 0) {
        buf_addf(buf, "\"%s\"", status_impact_name(update->impact));
    } else {
        buf_add_text(buf, "null");
    }
    add_both(buf, "body", update->body);
    buf_add_text(buf, ",\"components\":");
    status_touches_json(status, &update->touched, buf);
    add_time(buf, "next_update_at", update->next_us);
    add_text(buf, "hash", update->hash);
    add_text(buf, "reason", update->reason);
    add_text(buf, "author", update->author);
    add_time(buf, "created_at", update->created_us);
    add_time(buf, "published_at", update->published_us);
    buf_add_char(buf, '}');
}

static void add_row(const struct status *status, const struct status_row *row, int64_t now_us,
                    struct buf *buf) {
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"status_incident\",\"kind\":\"%s\",\"incident_id\":",
             row->id, row->kind == STATUS_MAINTENANCE ? "maintenance" : "incident");
    if (row->incident_id[0] != '\0') {
        buf_addf(buf, "\"%s\"", row->incident_id);
    } else {
        buf_add_text(buf, "null");
    }
    add_both(buf, "title", row->title);
    buf_addf(buf, ",\"status\":\"%s\",\"impact\":\"%s\",\"public\":%s,\"components\":",
             status_state_name(status_state_shown(row, now_us)), status_impact_name(row->impact),
             row->published_us > 0 ? "true" : "false");
    status_touches_json(status, &row->touched, buf);
    add_time(buf, "from", row->from_us);
    add_time(buf, "until", row->until_us);
    add_time(buf, "created_at", row->created_us);
    add_time(buf, "published_at", row->published_us);
    add_time(buf, "resolved_at", row->resolved_us);
    buf_add_text(buf, ",\"updates\":[");
    for (int i = 0; i < row->update_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        status_update_json(status, &row->updates[i], buf);
    }
    buf_add_text(buf, "]}");
}

static void add_component(const struct status *status, const struct status_row_of *one, int index,
                          struct buf *buf) {
    const struct status_component *component = &status->components[index];
    const char *const name[LANGUAGES] = {component->name[LANGUAGE_EN],
                                         component->name[LANGUAGE_ZH]};
    buf_addf(buf, "{\"id\":\"%s\",\"status\":\"%s\"", component->id,
             status_level_name(one->level));
    add_both(buf, "name", name);
    buf_addf(buf, ",\"evidence\":{\"known\":%s,\"measured\":\"%s\",\"why\":",
             one->measured.known ? "true" : "false", status_level_name(one->measured.level));
    buf_add_json(buf, one->measured.why);
    buf_add_text(buf, ",\"incidents\":");
    if (one->said != 0) {
        buf_addf(buf, "\"%s\"},\"set\":", status_level_name(one->said));
    } else {
        buf_add_text(buf, "null},\"set\":");
    }
    if (one->set_level == 0) {
        buf_add_text(buf, "null}");
        return;
    }
    buf_addf(buf, "{\"status\":\"%s\"", status_level_name(one->set_level));
    add_text(buf, "reason", one->set_reason);
    add_text(buf, "actor", one->set_actor);
    add_time(buf, "at", one->set_us);
    buf_add_text(buf, "}}");
}

/* ---- looking ---- */

struct looking {
    struct status *status;
    struct arena *arena;
    struct status_look look;
    const char *id;
    int64_t kind;
    int limit;
    struct buf buf;
};

static int list_tx(struct store_tx *tx, struct looking *looking, const char *sql, struct err *err) {
    const char **ids = arena_alloc(looking->arena, (size_t)(looking->limit + 1) * sizeof *ids);
    int count = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows, sql, S_INT(looking->kind), S_INT(looking->limit));
        for (r = r < 0 ? r : sql_next(rows, err); r > 0 && count < looking->limit;
             r = sql_next(rows, err)) {
            ids[count++] = arena_copy(looking->arena, sql_text(rows, 0));
        }
        if (r < 0) {
            return r;
        }
    }
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct status_row row;
        r = status_load(looking->status, tx, looking->arena, ids[i], false, &row, err);
        r = r < 0 ? r
                  : status_load_updates(looking->status, tx, looking->arena, true, &row, err);
        if (r >= 0) {
            buf_add_text(&looking->buf, i > 0 ? "," : "");
            add_row(looking->status, &row, clock_wall_us(), &looking->buf);
        }
    }
    return r;
}

static int run(struct looking *looking, store_fn *fn, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    looking->arena = arena;
    buf_init(&looking->buf, STATUS_JSON_BYTES_MAX);
    int r = store_read(looking->status->options.store, fn, looking, err);
    r = r < 0 ? r : answer_take(ret_answer, 200, &looking->buf, err);
    buf_release(&looking->buf);
    return r;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    const struct status *status = looking->status;
    buf_clear(&looking->buf);
    int r = status_look_tx(status, tx, looking->arena, &looking->look, err);
    if (r < 0) {
        return r;
    }
    buf_addf(&looking->buf, "{\"object\":\"status\",\"indicator\":\"%s\",\"description\":",
             status_impact_name(looking->look.indicator));
    buf_add_json(&looking->buf, status_impact_page_text(looking->look.indicator, LANGUAGE_EN));
    add_text(&looking->buf, "url", status->url);
    buf_add_text(&looking->buf, ",\"components\":[");
    for (int i = 0; i < status->component_count; i++) {
        buf_add_text(&looking->buf, i > 0 ? "," : "");
        add_component(status, &looking->look.components[i], i, &looking->buf);
    }
    buf_add_text(&looking->buf, "],\"open\":[");
    r = list_tx(tx, looking,
                "SELECT id FROM status_incident WHERE (resolved_us = 0 AND published_us > 0 OR id "
                "IN (SELECT status_incident_id FROM status_update WHERE stage = 1)) AND $1 = 0 "
                "ORDER BY created_us DESC, id DESC LIMIT $2",
                err);
    buf_add_text(&looking->buf, "]}");
    return r;
}

int status_get(struct status *status, struct answer *ret_answer, struct err *err) {
    struct looking looking = {.status = status, .limit = STATUS_INCIDENTS_MAX};
    return run(&looking, get_tx, ret_answer, err);
}

static int many_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    buf_clear(&looking->buf);
    buf_add_text(&looking->buf, "{\"object\":\"list\",\"data\":[");
    int r = list_tx(tx, looking,
                    "SELECT id FROM status_incident WHERE $1 = 0 OR kind = $1 ORDER BY created_us "
                    "DESC, id DESC LIMIT $2",
                    err);
    buf_add_text(&looking->buf, "]}");
    return r;
}

int status_list(struct status *status, int64_t kind, int limit, struct answer *ret_answer,
                struct err *err) {
    struct looking looking = {
        .status = status, .kind = kind, .limit = limit > 0 ? limit : MESSAGE_PAGE_MAX};
    return run(&looking, many_tx, ret_answer, err);
}

static int one_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    struct status_row row;
    buf_clear(&looking->buf);
    int r = status_load(looking->status, tx, looking->arena, looking->id, false, &row, err);
    r = r < 0 ? r : status_load_updates(looking->status, tx, looking->arena, true, &row, err);
    if (r >= 0) {
        add_row(looking->status, &row, clock_wall_us(), &looking->buf);
    }
    return r;
}

int status_get_one(struct status *status, const char *id, struct answer *ret_answer,
                   struct err *err) {
    struct looking looking = {.status = status, .id = id};
    return run(&looking, one_tx, ret_answer, err);
}

/* ---- subscribers ---- */

/* "a***@shop.example"; of a webhook its host. */
static void half_hidden(const char *address, char *text, size_t bytes) {
    const char *at = strrchr(address, '@');
    if (at != NULL && strncmp(address, "https://", 8) != 0) {
        snprintf(text, bytes, "%.1s***%s", address, at);
        return;
    }
    snprintf(text, bytes, "%.*s/***", (int)(8 + strcspn(address + 8, "/?#")), address);
}

static int count_tx(struct store_tx *tx, struct looking *looking, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t count[3] = {0}, waiting = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT way, state, COUNT(*) FROM status_subscriber GROUP BY way, state");
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        int64_t way = sql_int(rows, 0);
        if (sql_int(rows, 1) == 1) {
            waiting += sql_int(rows, 2);
        } else if (way == 1 || way == 2) {
            count[way] = sql_int(rows, 2);
        }
    }
    buf_addf(&looking->buf,
             "{\"object\":\"list\",\"email\":%lld,\"webhook\":%lld,\"unconfirmed\":%lld,\"data\":[",
             (long long)count[1], (long long)count[2], (long long)waiting);
    return r;
}

static int subscribers_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    buf_clear(&looking->buf);
    int r = count_tx(tx, looking, err);
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT id, way, address, state, language, created_us, confirmed_us "
                          "FROM status_subscriber ORDER BY created_us DESC, id DESC LIMIT $1",
                          S_INT(looking->limit));
    bool first = true;
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        char shown[STATUS_ADDRESS_CHARS_MAX + 8];
        half_hidden(sql_text(rows, 2), shown, sizeof shown);
        buf_addf(&looking->buf, "%s{\"id\":\"%s\",\"way\":\"%s\",\"address\":", first ? "" : ",",
                 sql_text(rows, 0), sql_int(rows, 1) == 1 ? "email" : "webhook");
        buf_add_json(&looking->buf, shown);
        buf_addf(&looking->buf, ",\"confirmed\":%s,\"language\":\"%s\"",
                 sql_int(rows, 3) == 2 ? "true" : "false", sql_text(rows, 4));
        add_time(&looking->buf, "created_at", sql_int(rows, 5));
        add_time(&looking->buf, "confirmed_at", sql_int(rows, 6));
        buf_add_char(&looking->buf, '}');
        first = false;
    }
    buf_add_text(&looking->buf, "]}");
    return r < 0 ? r : 0;
}

int status_subscribers(struct status *status, int limit, struct answer *ret_answer,
                       struct err *err) {
    struct looking looking = {.status = status, .limit = limit > 0 ? limit : MESSAGE_PAGE_MAX};
    return run(&looking, subscribers_tx, ret_answer, err);
}
