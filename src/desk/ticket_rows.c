/* SPDX-License-Identifier: Apache-2.0
 * ticket_rows.c: tickets as rows, their history, and how both are told (ticket_impl.h). */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket_impl.h"

/* ---- reading ---- */

void ticket_read(const struct sql_rows *rows, struct arena *arena, struct ticket_row *ret_row) {
    *ret_row = (struct ticket_row){
        .id = ticket_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .kind = arena_copy(arena, sql_text(rows, 2)),
        .subject = arena_copy(arena, sql_text(rows, 3)),
        .title = arena_copy(arena, sql_text(rows, 4)),
        .class = arena_copy(arena, sql_text(rows, 5)),
        .risk = sql_int(rows, 6),
        .priority = sql_int(rows, 7),
        .amount_minor = sql_int(rows, 8),
        .currency = currency_stored(sql_text(rows, 9)),
        .gateway = arena_copy(arena, sql_text(rows, 10)),
        .payment_id = arena_copy(arena, sql_text(rows, 11)),
        .suggestion = arena_copy(arena, sql_text(rows, 12)),
        .facts = arena_copy(arena, sql_text(rows, 13)),
        .state = sql_int(rows, 14),
        .team = arena_copy(arena, sql_text(rows, 15)),
        .assignee = arena_copy(arena, sql_text(rows, 16)),
        .how = sql_int(rows, 17),
        .reason = arena_copy(arena, sql_text(rows, 18)),
        .moved_minor = sql_int(rows, 19),
        .moved_currency = currency_stored(sql_text(rows, 20)),
        .approval_id = arena_copy(arena, sql_text(rows, 21)),
        .round = sql_int(rows, 22),
        .level = sql_int(rows, 23),
        .opened_by = arena_copy(arena, sql_text(rows, 24)),
        .opened_us = sql_int(rows, 25),
        .due_us = sql_int(rows, 26),
        .updated_us = sql_int(rows, 27),
        .closed_us = sql_int(rows, 28),
        .assignee_name = arena_copy(arena, sql_text(rows, 29)),
    };
}

int ticket_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                struct ticket_row *ret_row, struct err *err) {
    static const char plain[] = TICKET_SELECT "WHERE id = $1";
    static const char locked[] = TICKET_SELECT "WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no ticket %s", id);
    }
    ticket_read(rows, arena, ret_row);
    return 0;
}

int ticket_find(struct store_tx *tx, struct arena *arena, const struct ticket_subject *subject,
                struct ticket_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, TICKET_SELECT "WHERE kind = $1 AND subject = $2 FOR UPDATE",
                      S_TEXT(subject->kind), S_TEXT(subject->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        ticket_read(rows, arena, ret_row);
    }
    return r;
}

/* ---- writing ---- */

const char *ticket_fold(struct arena *arena, const char *text) {
    char *valid = g_utf8_make_valid(text, -1);
    char *folded = g_utf8_casefold(valid, -1);
    const char *copy = arena_copy(arena, folded);
    g_free(folded);
    g_free(valid);
    return copy;
}

static const char *folded_of(struct arena *arena, const struct ticket_row *row) {
    return ticket_fold(arena, arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s\n%s", row->title,
                                           row->subject, row->payment_id, row->gateway, row->class,
                                           row->suggestion, row->id.text));
}

int ticket_insert(struct store_tx *tx, const struct ticket_row *row, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return (int)sql_exec(
        tx, err,
        "INSERT INTO ticket (" TICKET_COLUMNS ", folded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, "
        "$27, $28, $29, $30) ON CONFLICT (kind, subject) DO NOTHING",
        S_TEXT(row->id.text), S_INT(row->version), S_TEXT(row->kind), S_TEXT(row->subject),
        S_TEXT(row->title), S_TEXT(row->class), S_INT(row->risk), S_INT(row->priority),
        S_INT(row->amount_minor), S_TEXT(row->currency.code), S_TEXT(row->gateway),
        S_TEXT(row->payment_id), S_TEXT(row->suggestion), S_TEXT(row->facts), S_INT(row->state),
        S_TEXT(row->team), S_TEXT(row->assignee), S_INT(row->how), S_TEXT(row->reason),
        S_INT(row->moved_minor), S_TEXT(row->moved_currency.code), S_TEXT(row->approval_id),
        S_INT(row->round), S_INT(row->level), S_TEXT(row->opened_by), S_INT(row->opened_us),
        S_INT(row->due_us), S_INT(row->updated_us), S_INT(row->closed_us),
        S_TEXT(folded_of(arena, row)));
}

/* What it is about never changes: kind, subject, who opened it. */
static int save(struct store_tx *tx, const struct ticket_row *row, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return sql_put_one(
        tx, err,
        "UPDATE ticket SET version = $2, title = $3, class = $4, risk = $5, priority = $6, "
        "amount_minor = $7, currency = $8, gateway = $9, payment_id = $10, suggestion = $11, "
        "facts = $12, state = $13, team = $14, assignee = $15, resolution = $16, reason = $17, "
        "moved_minor = $18, moved_currency = $19, approval_id = $20, round = $21, level = $22, "
        "opened_us = $23, due_us = $24, updated_us = $25, closed_us = $26, folded = $27 WHERE id = "
        "$1",
        S_TEXT(row->id.text), S_INT(row->version), S_TEXT(row->title), S_TEXT(row->class),
        S_INT(row->risk), S_INT(row->priority), S_INT(row->amount_minor),
        S_TEXT(row->currency.code), S_TEXT(row->gateway), S_TEXT(row->payment_id),
        S_TEXT(row->suggestion), S_TEXT(row->facts), S_INT(row->state), S_TEXT(row->team),
        S_TEXT(row->assignee), S_INT(row->how), S_TEXT(row->reason), S_INT(row->moved_minor),
        S_TEXT(row->moved_currency.code), S_TEXT(row->approval_id), S_INT(row->round),
        S_INT(row->level), S_INT(row->opened_us), S_INT(row->due_us), S_INT(row->updated_us),
        S_INT(row->closed_us), S_TEXT(folded_of(arena, row)));
}

static const char *or_else(const char *text, const char *otherwise) {
    return text != NULL ? text : otherwise;
}

static int tell(struct desk *desk, struct store_tx *tx, const struct ticket_row *row,
                const char *type, struct err *err) {
    BUF_AUTO data;
    buf_init(&data, TICKET_JSON_BYTES_MAX);
    ticket_render_open(&data, row);
    buf_add_char(&data, '}');
    return event_tell(desk->options.payments, tx, row->id.text, row->version, type, data.data, err);
}

static int write_one(struct desk *desk, struct store_tx *tx, struct ticket_row *row,
                     const struct ticket_entry *entry, struct err *err) {
    row->version++;
    row->updated_us = clock_wall_us();
    int r = save(tx, row, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO ticket_event (ticket_id, number, at_us, actor, what, body, "
                        "detail, moved_minor, moved_currency, round, level) VALUES ($1, $2, $3, "
                        "$4, $5, $6, $7, $8, $9, $10, $11)",
                        S_TEXT(row->id.text), S_INT(row->version), S_INT(row->updated_us),
                        S_TEXT(entry->actor), S_TEXT(entry->what), S_TEXT(or_else(entry->body, "")),
                        S_TEXT(or_else(entry->detail, "{}")), S_INT(entry->moved_minor),
                        S_TEXT(entry->moved_currency.code), S_INT(row->round), S_INT(entry->level));
    r = r < 0 || entry->type == NULL ? r : tell(desk, tx, row, entry->type, err);
    return r < 0 ? r : ticket_schedule(desk, tx, row, err);
}

static bool ends_it(const struct ticket_entry *entry) {
    return !entry->gone &&
           (strcmp(entry->what, "closed") == 0 || strcmp(entry->what, "resolved") == 0 ||
            strcmp(entry->what, "approved") == 0);
}

int ticket_write(struct desk *desk, struct store_tx *tx, struct ticket_row *row,
                 const struct ticket_entry *entry, struct err *err) {
    const struct tickets *tickets = desk->tickets;
    char line[TICKET_LINE_CHARS_MAX + 1] = "";
    int r = write_one(desk, tx, row, entry, err);
    for (int i = 0; r >= 0 && ends_it(entry) && i < tickets->follow_count; i++) {
        if (strcmp(tickets->follows[i].kind, row->kind) == 0) {
            r = tickets->follows[i].over(tickets->follows[i].ctx, tx, row->subject, row->gateway,
                                         line, err);
        }
    }
    if (r < 0 || line[0] == '\0') {
        return r;
    }
    const struct ticket_entry follows = {.actor = "system", .what = "told", .body = line};
    return write_one(desk, tx, row, &follows, err);
}

/* ---- telling ---- */

/* ,"key":"value", or null for an empty text. */
static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] != '\0') {
        buf_add_json(buf, value);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    put(buf, key, wall_us > 0 ? clock_format(wall_us, time) : "");
}

static void put_money(struct buf *buf, const char *amount_key, int64_t minor,
                      const char *currency_key, struct currency currency) {
    if (currency.code[0] != '\0') {
        buf_addf(buf, ",\"%s\":%lld", amount_key, (long long)minor);
    } else {
        buf_addf(buf, ",\"%s\":null", amount_key);
    }
    put(buf, currency_key, currency.code);
}

void ticket_render_open(struct buf *buf, const struct ticket_row *row) {
    const struct ticket_class_row *class = ticket_class_of(row->class);
    bool late = ticket_is_live(row->state) && row->due_us <= clock_wall_us();
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"ticket\"", row->id.text);
    put(buf, "kind", row->kind);
    put(buf, "subject", row->subject);
    put(buf, "title", row->title);
    put(buf, "class", row->class);
    put(buf, "risk", ticket_risk_name(row->risk));
    put(buf, "priority", ticket_priority_name(row->priority));
    put(buf, "state", ticket_state_name(row->state));
    put_money(buf, "amount", row->amount_minor, "currency", row->currency);
    put(buf, "gateway", row->gateway);
    put(buf, "payment_id", row->payment_id);
    put(buf, "suggestion", row->suggestion);
    buf_addf(buf, ",\"sop\":{\"page\":\"%s\",\"url\":\"/v1/sops/%s\"}", class->page, class->page);
    put(buf, "team", row->team);
    if (row->assignee[0] != '\0') {
        buf_addf(buf, ",\"assignee\":{\"id\":\"%s\"", row->assignee);
        put(buf, "name", row->assignee_name);
        buf_add_char(buf, '}');
    } else {
        buf_add_text(buf, ",\"assignee\":null");
    }
    put(buf, "resolution", ticket_how_name(row->how));
    put(buf, "reason", row->reason);
    put_money(buf, "moved_amount", row->moved_minor, "moved_currency", row->moved_currency);
    buf_addf(buf, ",\"opened\":%lld,\"level\":%lld,\"overdue\":%s", (long long)row->round,
             (long long)row->level, late ? "true" : "false");
    put(buf, "opened_by", row->opened_by);
    put_time(buf, "opened_at", row->opened_us);
    put_time(buf, "due_at", row->due_us);
    put_time(buf, "updated_at", row->updated_us);
    put_time(buf, "closed_at", row->closed_us);
}

/* "ann" or "ann, key till-3" for an actor; '' where there is no such user or key. */
#define NAME_OF_ACTOR                                                                              \
    "COALESCE((SELECT name FROM app_user WHERE 'user:' || id = ticket_event.actor), (SELECT name " \
    "FROM api_key WHERE 'key:' || id = ticket_event.actor), '')"

static int render_history(struct store_tx *tx, struct buf *buf, const struct ticket_row *row,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const char *comma = "";
    buf_add_text(buf, ",\"history\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT number, at_us, actor, what, body, detail, moved_minor, "
                      "moved_currency, " NAME_OF_ACTOR " FROM ticket_event WHERE ticket_id = $1 "
                      "ORDER BY number",
                      S_TEXT(row->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(buf, "%s{\"number\":%lld", comma, (long long)sql_int(rows, 0));
        put_time(buf, "at", sql_int(rows, 1));
        put(buf, "actor", sql_text(rows, 2));
        put(buf, "by", sql_text(rows, 8));
        put(buf, "what", sql_text(rows, 3));
        put(buf, "text", sql_text(rows, 4));
        buf_addf(buf, ",\"detail\":%s", sql_text(rows, 5));
        put_money(buf, "moved_amount", sql_int(rows, 6), "moved_currency",
                  currency_stored(sql_text(rows, 7)));
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r;
}

/* Its own, and those of what it is about. */
static int render_approvals(struct store_tx *tx, struct arena *arena, struct buf *buf,
                            const struct ticket_row *row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const char *comma = "";
    buf_add_text(buf, ",\"approvals\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM approval WHERE subject = $1 OR subject = $2 ORDER BY id",
                      S_TEXT(row->id.text), S_TEXT(row->subject));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct approval_row approval;
        struct approval_id id = approval_id_stored(sql_text(rows, 0));
        buf_add_text(buf, comma);
        comma = ",";
        r = approval_load(tx, arena, id.text, false, &approval, err);
        if (r >= 0) {
            approval_render(buf, &approval);
        }
    }
    buf_add_char(buf, ']');
    return r;
}

int ticket_render_more(struct store_tx *tx, struct arena *arena, struct buf *buf,
                       const struct ticket_row *row, struct err *err) {
    buf_addf(buf, ",\"facts\":%s", row->facts);
    int r = render_history(tx, buf, row, err);
    return r < 0 ? r : render_approvals(tx, arena, buf, row, err);
}
