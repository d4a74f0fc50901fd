/* SPDX-License-Identifier: Apache-2.0
 * message_look.c: a message as people look at it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/message_impl.h"
#include "desk/desk.h"

enum { SAMPLES = 3 };

struct looking {
    const char *id, *after;
    int64_t state;
    int limit;
    struct answer *answer;
};

static void member(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, value);
    }
}

static void time_member(struct buf *buf, const char *key, int64_t at_us) {
    char time[CLOCK_TEXT_MAX];
    member(buf, key, at_us > 0 ? clock_format(at_us, time) : "");
}

static void render_row(const struct message_row *row, struct buf *buf) {
    buf_addf(buf,
             "{\"id\":\"%s\",\"object\":\"message\",\"state\":\"%s\",\"template\":\"%s/%s\","
             "\"language\":\"%s\",\"channels\":\"%s\"",
             row->id, message_state_name(row->state), audience_name(row->audience),
             situation_row(row->situation)->name, language_name(row->language), row->channels);
    member(buf, "incident_id", row->incident_id);
    member(buf, "reason", row->reason);
    member(buf, "author", row->author);
    buf_addf(buf, ",\"persons\":%lld,\"problem_count\":%lld,\"proved\":%s",
             (long long)row->persons, (long long)row->problem_count,
             row->proof[0] != '\0' ? "true" : "false");
    member(buf, "hash", row->state == MESSAGE_PREPARING ? "" : row->hash);
    time_member(buf, "next_update_at", row->next_us);
    time_member(buf, "created_at", row->created_us);
    time_member(buf, "updated_at", row->updated_us);
    time_member(buf, "sent_at", row->sent_us);
}

/* ---- one ---- */

/* [{"channel", "state", "count"}, …] */
static int add_counts(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    buf_add_text(buf, ",\"counts\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT channel, state, COUNT(*) FROM mailing WHERE message_id = $1 GROUP BY "
                      "channel, state ORDER BY channel, state",
                      S_TEXT(id));
    bool first = true;
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        buf_addf(buf, "%s{\"channel\":\"%s\",\"state\":\"%s\",\"count\":%lld}", first ? "" : ",",
                 message_by_name(sql_int(rows, 0)), mailing_state_name(sql_int(rows, 1)),
                 (long long)sql_int(rows, 2));
        first = false;
    }
    buf_add_char(buf, ']');
    return r;
}

static void render_mailing(const struct sql_rows *rows, struct buf *buf) {
    buf_addf(buf, "{\"id\":\"%s\",\"person\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf, ",\"channel\":\"%s\",\"state\":\"%s\",\"tries\":%lld",
             message_by_name(sql_int(rows, 2)), mailing_state_name(sql_int(rows, 3)),
             (long long)sql_int(rows, 4));
    member(buf, "address", sql_text(rows, 5));
    member(buf, "subject", sql_text(rows, 6));
    member(buf, "text", sql_text(rows, 7));
    member(buf, "code", sql_text(rows, 8));
    member(buf, "why", sql_text(rows, 9));
    member(buf, "provider_id", sql_text(rows, 10));
    time_member(buf, "updated_at", sql_int(rows, 11));
    buf_add_char(buf, '}');
}

static int add_mailings(struct store_tx *tx, const char *id, int64_t state, const char *after,
                        int limit, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, person, channel, state, tries, address, subject, body, code, "
                      "why, provider_id, updated_us FROM mailing WHERE message_id = $1 AND id > $2 "
                      "AND ($3 = 0 OR state = $3) ORDER BY id LIMIT $4",
                      S_TEXT(id), S_TEXT(after), S_INT(state), S_INT(limit));
    bool first = true;
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        buf_add_text(buf, first ? "" : ",");
        render_mailing(rows, buf);
        first = false;
    }
    return r;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    struct message_row row = {0};
    struct approval_row approval;
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    BUF_AUTO buf;
    buf_init(&buf, 2 * MESSAGE_JSON_BYTES_MAX);
    int r = message_load(tx, arena, looking->id, false, &row, err);
    r = r < 0 ? r : approval_load(tx, arena, row.approval_id, false, &approval, err);
    if (r < 0) {
        return r;
    }
    render_row(&row, &buf);
    buf_addf(&buf, ",\"fields\":%s,\"recipients\":%s,\"problems\":%s,\"approval\":", row.fields,
             row.recipients, row.problems);
    approval_render(&buf, &approval);
    r = add_counts(tx, looking->id, &buf, err);
    buf_add_text(&buf, ",\"samples\":[");
    r = r < 0 ? r : add_mailings(tx, looking->id, 0, "", SAMPLES, &buf, err);
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int message_get(struct messages *messages, const char *id, struct answer *ret_answer,
                struct err *err) {
    struct looking looking = {.id = id, .answer = ret_answer};
    return store_read(messages->options.store, get_tx, &looking, err);
}

/* ---- many ---- */

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *ids[MESSAGE_PAGE_MAX];
    int count = 0;
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    int r = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows, "SELECT id FROM message ORDER BY id DESC LIMIT $1",
                      S_INT(looking->limit));
        for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
            ids[count++] = arena_copy(arena, sql_text(rows, 0));
        }
    }
    buf_add_text(&buf, "{\"object\":\"list\",\"data\":[");
    for (int i = 0; r >= 0 && i < count; i++) {
        ARENA_AUTO one = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct message_row row = {0};
        r = message_load(tx, one, ids[i], false, &row, err);
        buf_add_text(&buf, i > 0 ? "," : "");
        if (r >= 0) {
            render_row(&row, &buf);
            buf_add_char(&buf, '}');
        }
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int message_list(struct messages *messages, int limit, struct answer *ret_answer,
                 struct err *err) {
    bool fits = limit > 0 && limit < MESSAGE_PAGE_MAX;
    struct looking looking = {.limit = fits ? limit : MESSAGE_PAGE_MAX, .answer = ret_answer};
    return store_read(messages->options.store, list_tx, &looking, err);
}

static int mailings_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    ARENA_AUTO arena = arena_new(4 * ARENA_REQUEST_BYTES_MAX);
    struct message_row row = {0};
    BUF_AUTO buf;
    buf_init(&buf, MESSAGE_JSON_BYTES_MAX);
    int r = message_load(tx, arena, looking->id, false, &row, err);
    buf_add_text(&buf, "{\"object\":\"list\",\"data\":[");
    r = r < 0 ? r
              : add_mailings(tx, looking->id, looking->state, looking->after, looking->limit, &buf,
                             err);
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int message_mailings(struct messages *messages, const char *id, int64_t state, const char *after,
                     int limit, struct answer *ret_answer, struct err *err) {
    bool fits = limit > 0 && limit < MESSAGE_PAGE_MAX;
    struct looking looking = {.id = id,
                              .state = state,
                              .after = after,
                              .limit = fits ? limit : MESSAGE_PAGE_MAX,
                              .answer = ret_answer};
    return store_read(messages->options.store, mailings_tx, &looking, err);
}
