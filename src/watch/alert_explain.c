/* SPDX-License-Identifier: Apache-2.0
 * alert_explain.c: what depends on what (alert_inhibitions.def, alerts.inhibit), as people are
 * shown it: of an alert the one that explains it, and those that it explains. */
#include "watch/alert_impl.h"

enum { EXPLAINS_SHOWN_MAX = 100, EXPLAINS_BYTES_MAX = 64 * 1024 * 1024 };

static void add_edge(struct buf *buf, const char *id, const struct alert_face *face) {
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, id);
    alert_json_text(buf, "rule", face->rule);
    buf_add_text(buf, ",\"labels\":{");
    for (int i = 0; i < face->label_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, face->labels[i].name);
        buf_add_char(buf, ':');
        buf_add_json(buf, face->labels[i].value);
    }
    buf_add_text(buf, "}}");
}

void alert_json_explained(struct buf *buf, const struct alerts *alerts,
                          const struct alert_sight *sight, const struct alert_row *row) {
    const struct alert_source *source = alert_explained(alerts, sight, row);
    if (source != NULL) {
        buf_add_text(buf, ",\"explained_by\":");
        add_edge(buf, source->id, &source->face);
    }
}

int alert_json_explains(struct buf *buf, const struct alerts *alerts, struct store_tx *tx,
                        const struct alert_row *row, struct err *err) {
    ARENA_AUTO arena = arena_new(EXPLAINS_BYTES_MAX);
    struct alert_source self = {.id = row->id, .face = row->face};
    const struct alert_sight alone = {.sources = &self, .source_count = 1};
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    if (row->state != ALERT_FIRING && row->state != ALERT_ACKNOWLEDGED) {
        return 0;
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT id, rule, labels, team, severity FROM alert WHERE state <> 4 "
                      "ORDER BY id");
    while (r >= 0 && count < EXPLAINS_SHOWN_MAX && (r = sql_next(rows, err)) > 0) {
        struct alert_row other = {.id = arena_copy(arena, sql_text(rows, 0))};
        other.face = alert_face_take(arena, rows);
        if (alert_explained(alerts, &alone, &other) != NULL) {
            buf_add_text(buf, count++ > 0 ? "," : ",\"explains\":[");
            add_edge(buf, other.id, &other.face);
        }
    }
    buf_add_text(buf, count > 0 ? "]" : "");
    return r < 0 ? r : 0;
}
