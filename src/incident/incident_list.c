/* SPDX-License-Identifier: Apache-2.0
 * incident_list.c: what people, and the rest of this floor, look at. */
#include <stdio.h>
#include <string.h>

#include "incident/incident_impl.h"

struct page {
    struct incidents *incidents;
    const char *id, *before;
    int64_t state, live, severity, limit;
    struct answer *answer;
};

enum { ANY_SEVERITY = NOTICE_SEVERITIES };

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct page *page = ctx;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    char last[ID_TEXT_MAX] = "";
    int64_t count = 0;
    buf_init(&buf, INCIDENT_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT " INCIDENT_COLUMNS " FROM incident WHERE ($1 = 0 OR state = $1) AND "
                      "($2 = 0 OR " INCIDENT_IS_LIVE
                      ") AND severity <= $3 AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5",
                      S_INT(page->state), S_INT(page->live), S_INT(page->severity),
                      S_TEXT(page->before), S_INT(page->limit + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct incident_row row;
        r = incident_take(rows, arena, &row, err);
        if (r >= 0 && count++ < page->limit) {
            buf_add_text(&buf, count > 1 ? "," : "");
            incident_render_open(page->incidents, &buf, &row);
            buf_add_char(&buf, '}');
            snprintf(last, sizeof last, "%s", row.id.text);
        }
    }
    buf_add_text(&buf, "],\"next_cursor\":");
    if (count > page->limit) {
        buf_add_json(&buf, last);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(page->answer, 200, &buf, err);
}

static int bad(struct err *err, const char *what, const char *value, const char *hint) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", what, value);
    err_place(err, "query parameter %s", what);
    return err_hint(err, "%s", hint);
}

int incident_list(struct incidents *incidents, const struct incident_filter *filter,
                  struct answer *ret_answer, struct err *err) {
    const char *state = filter->state != NULL && filter->state[0] != '\0' ? filter->state : "live";
    const char *severity = filter->severity != NULL ? filter->severity : "";
    const char *cursor = filter->cursor != NULL ? filter->cursor : "";
    struct page page = {
        .incidents = incidents,
        .before = cursor,
        .live = strcmp(state, "live") == 0,
        .severity = ANY_SEVERITY,
        .limit = filter->limit > 0 && filter->limit <= PAGE_MAX ? filter->limit : PAGE_ROWS,
        .answer = ret_answer,
    };
    enum notice_severity least = NOTICE_P3;
    struct incident_id id;
    if (!page.live && strcmp(state, "all") != 0 && !incident_state_parse(state, &page.state)) {
        return bad(err, "state", state,
                   "One of: live, all, open, acknowledged, contained, mitigated, reconciled, "
                   "resolved, closed, cancelled.");
    }
    if (severity[0] != '\0' && !notice_severity_parse(severity, &least)) {
        return bad(err, "severity", severity, "One of: P0, P1, P2, P3.");
    }
    if (cursor[0] != '\0' && incident_id_parse(cursor, &id, NULL) < 0) {
        return bad(err, "cursor", cursor, "It is the next_cursor of an earlier page.");
    }
    page.severity = severity[0] != '\0' ? (int64_t)least : ANY_SEVERITY;
    return store_read(incidents->options.store, list_tx, &page, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    struct incident_row row;
    int r = incident_load(tx, arena, page->id, false, &row, err);
    return r < 0 ? r : incident_answer(page->incidents, tx, arena, &row, 200, page->answer, err);
}

int incident_get(struct incidents *incidents, const char *id, struct answer *ret_answer,
                 struct err *err) {
    struct page page = {.incidents = incidents, .id = id, .answer = ret_answer};
    return store_read(incidents->options.store, get_tx, &page, err);
}

int incident_facts(struct store_tx *tx, const char *id, struct incident_facts *ret_facts,
                   struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row row;
    struct incident_signatures signatures;
    int r = incident_load(tx, arena, id, false, &row, err);
    r = r < 0 ? r : incident_signatures(tx, arena, &row, &signatures, err);
    if (r < 0) {
        return r;
    }
    *ret_facts = (struct incident_facts){
        .id = row.id,
        .number = row.number,
        .version = row.version,
        .severity = (enum notice_severity)row.severity,
        .state = (enum incident_state)row.state,
        .scope = row.scope,
        .detected_us = row.at_us[MILESTONE_DETECTED],
        .mitigated_us = row.at_us[MILESTONE_MITIGATED],
        .drill = row.drill,
    };
    snprintf(ret_facts->title, sizeof ret_facts->title, "%s", row.title);
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        snprintf(ret_facts->roles[i], sizeof ret_facts->roles[i], "%s", row.holders[i][0]);
        ret_facts->is_signed[i] = signatures.rows[i].at_us > 0;
    }
    return 0;
}

struct placing {
    const char *id;
    struct incident_facts facts;
};

static int facts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct placing *placing = ctx;
    return incident_facts(tx, placing->id, &placing->facts, err);
}

int incident_scope(struct incidents *incidents, const char *id, struct incident_scope *ret_scope,
                   struct err *err) {
    struct placing placing = {.id = id};
    int r = store_read(incidents->options.store, facts_tx, &placing, err);
    if (r >= 0) {
        *ret_scope = placing.facts.scope;
    }
    return r;
}
