/* SPDX-License-Identifier: Apache-2.0
 * action_list.c: what people look at of action items. */
#include <string.h>

#include "incident/action_impl.h"

enum { USUAL = 50, STATE_ANY = 0, STATE_WAITING = -1 };

struct page {
    const struct action_filter *filter;
    const char *id;
    int64_t state, limit;
    struct answer *answer;
};

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    const struct action_filter *filter = page->filter;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    const char *last = "";
    int64_t count = 0;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      "SELECT " ACTION_COLUMNS " FROM action_item WHERE ($1 = '' OR incident_id = "
                      "$1) AND ($2 = 0 OR state = $2 OR ($2 = -1 AND " ACTION_WAITS ")) AND ($3 = "
                      "'' OR owner = $3) AND ($4 = 0 OR (due_us <= $4 AND " ACTION_WAITS ")) AND "
                      "($5 = '' OR due_us > (SELECT due_us FROM action_item WHERE id = $5) OR "
                      "(due_us = (SELECT due_us FROM action_item WHERE id = $5) AND id > $5)) "
                      "ORDER BY due_us, id LIMIT $6",
                      S_TEXT(or_empty(filter->incident)), S_INT(page->state),
                      S_TEXT(or_empty(filter->owner)),
                      S_INT(filter->overdue ? clock_wall_us() : 0),
                      S_TEXT(or_empty(filter->cursor)), S_INT(page->limit + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct action_row row;
        if (count++ == page->limit) {
            continue;
        }
        action_take(rows, arena, &row);
        buf_add_text(&buf, count > 1 ? "," : "");
        action_render(&buf, &row);
        last = row.id;
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

int action_list(struct incidents *incidents, const struct action_filter *filter,
                struct answer *ret_answer, struct err *err) {
    static const struct {
        int64_t number;
        const char *name;
    } states[] = {
        {STATE_WAITING, "waiting"},
        {STATE_ANY, "all"},
#define X(NAME, number, name, waits, meaning) {number, name},
#include "incident/action_states.def"
#undef X
    };
    const char *state = filter->state != NULL && filter->state[0] != '\0' ? filter->state
                                                                          : "waiting";
    struct page page = {.filter = filter,
                        .limit = filter->limit > 0 && filter->limit <= ACTIONS_LISTED_MAX
                                     ? filter->limit
                                     : USUAL,
                        .answer = ret_answer};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(states[i].name, state) == 0) {
            page.state = states[i].number;
            return store_read(incidents->options.store, list_tx, &page, err);
        }
    }
    err_set(err, ERR_VALIDATION, "there is no state \"%.40s\"", state);
    err_place(err, "query parameter state");
    return err_hint(err, "One of: waiting, all, open, done, verified, reopened.");
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    struct action_row row;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = action_load(tx, arena, page->id, false, &row, err);
    if (r < 0) {
        return r;
    }
    action_render(&buf, &row);
    return answer_take(page->answer, 200, &buf, err);
}

int action_get(struct incidents *incidents, const char *id, struct answer *ret_answer,
               struct err *err) {
    struct page page = {.id = id, .answer = ret_answer};
    return store_read(incidents->options.store, get_tx, &page, err);
}
