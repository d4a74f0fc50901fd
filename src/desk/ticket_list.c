/* SPDX-License-Identifier: Apache-2.0
 * ticket_list.c: finding tickets: filters, queues and search, page by page.
 *
 * What must be done first comes first: by end, then by id, which is also where a page goes on. One
 * statement serves every filter; what is not asked for is '' or 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket_impl.h"

enum { CURSOR_CHARS_MAX = 24 + ID_TEXT_MAX, PATTERN_CHARS_MAX = 400 };

/* Of $1 … $16; see fill(). */
#define TICKET_WHERE                                                                               \
    "WHERE ($1 = 0 OR state = $1) AND ($2 = 0 OR " TICKET_IS_LIVE                                  \
    ") AND ($3 = '' OR assignee = $3) AND ($4 = '' OR team = $4) AND ($5 = '' OR class = $5) "     \
    "AND ($6 = '' OR gateway = $6) AND ($7 = '' OR payment_id = $7) AND ($8 = '' OR kind = $8) "   \
    "AND ($9 = 0 OR risk >= $9) AND ($10 = '' OR folded LIKE $10 ESCAPE '!') AND ($11 = 0 OR "     \
    "(due_us <= $11 AND " TICKET_IS_LIVE ")) AND ($12 = '' OR (team <> '' AND $12 LIKE '%,' || "   \
    "team || ',%')) AND ($13 = 0 OR assignee = '') AND ($14 = '' OR currency = $14) AND ($15 = 0 " \
    "OR opened_us >= $15) AND ($16 = 0 OR opened_us < $16)"

struct find {
    int64_t state, live, risk, overdue_us, unassigned;
    const char *assignee, *team, *class, *gateway, *payment_id, *kind, *pattern, *my_teams;
    const char *currency;
    int64_t since_us, until_us;
    int64_t after_us;
    const char *after_id;
};
#define FIND_ARGS(find)                                                                            \
    S_INT((find)->state), S_INT((find)->live), S_TEXT((find)->assignee), S_TEXT((find)->team),     \
        S_TEXT((find)->class), S_TEXT((find)->gateway), S_TEXT((find)->payment_id),                \
        S_TEXT((find)->kind), S_INT((find)->risk), S_TEXT((find)->pattern),                        \
        S_INT((find)->overdue_us), S_TEXT((find)->my_teams), S_INT((find)->unassigned),            \
        S_TEXT((find)->currency), S_INT((find)->since_us), S_INT((find)->until_us)

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int bad(struct err *err, const char *place, const char *value, const char *hint) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", place, value);
    err_place(err, "%s", place);
    return err_hint(err, "%s", hint);
}

/* "%text%", with what LIKE would understand taken for itself. */
static const char *pattern_of(struct arena *arena, const char *text) {
    char pattern[PATTERN_CHARS_MAX];
    size_t used = 0;
    const char *folded = ticket_fold(arena, text);
    pattern[used++] = '%';
    for (const char *at = folded; *at != '\0' && used + 4 < sizeof pattern; at++) {
        if (strchr("%_!", *at) != NULL) {
            pattern[used++] = '!';
        }
        pattern[used++] = *at;
    }
    pattern[used++] = '%';
    pattern[used] = '\0';
    return arena_copy(arena, pattern);
}

static int fill_state(const char *state, struct find *find, struct err *err) {
    find->live = state[0] == '\0' || strcmp(state, "live") == 0;
    if (find->live || strcmp(state, "all") == 0 || ticket_state_parse(state, &find->state)) {
        return 0;
    }
    return bad(err, "state", state,
               "One of: live, all, open, in_progress, waiting, approval, resolved, closed, "
               "reopened.");
}

static int fill_queue(struct desk *desk, struct store_tx *tx, struct arena *arena,
                      const struct caller *caller, const char *queue, struct find *find,
                      struct err *err) {
    struct ticket_person me;
    if (queue[0] == '\0') {
        return 0;
    }
    if (strcmp(queue, "unassigned") == 0) {
        find->unassigned = 1;
        return 0;
    }
    if (strcmp(queue, "overdue") == 0) {
        find->overdue_us = clock_wall_us();
        return 0;
    }
    bool mine = strcmp(queue, "mine") == 0;
    if (!mine && strcmp(queue, "team") != 0) {
        return bad(err, "queue", queue, "One of: mine, team, unassigned, overdue.");
    }
    int r = ticket_me(tx, arena, caller, &me, err);
    if (r < 0) {
        return r;
    }
    if (mine) {
        find->assignee = me.id;
    } else {
        find->my_teams = ticket_teams_of(desk, arena, me.name);
    }
    return 0;
}

/* A user's id, also of one who is disabled now: his tickets are still to be found. */
static int fill_assignee(struct store_tx *tx, struct arena *arena, const char *name,
                         struct find *find, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM app_user WHERE name = $1 OR id = $1",
                      S_TEXT(name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        return bad(err, "assignee", name, "It is a user's name or id.");
    }
    find->assignee = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

/* Of those that have a page, or that some ticket has all the same. */
static int check_class(struct store_tx *tx, const char *class, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (class[0] == '\0' || ticket_class_known(class)) {
        return 0;
    }
    int r = sql_query(tx, err, &rows, "SELECT id FROM ticket WHERE class = $1 LIMIT 1",
                      S_TEXT(class));
    r = r < 0 ? r : sql_next(rows, err);
    return r != 0 ? (r < 0 ? r : 0) : ticket_class_unknown(class, err);
}

static int fill_cursor(struct arena *arena, const char *cursor, struct find *find,
                       struct err *err) {
    struct ticket_id id;
    char *end = NULL;
    long long us = strtoll(cursor, &end, 10);
    if (cursor[0] < '0' || cursor[0] > '9' || *end != '_' ||
        ticket_id_parse(end + 1, &id, NULL) < 0) {
        err_set(err, ERR_VALIDATION, "this is no cursor of a list of tickets");
        return err_place(err, "cursor");
    }
    find->after_us = us;
    find->after_id = arena_copy(arena, id.text);
    return 0;
}

static int fill(struct desk *desk, struct store_tx *tx, struct arena *arena,
                const struct caller *caller, const struct ticket_filter *filter, struct find *find,
                struct err *err) {
    *find = (struct find){
        .assignee = "",
        .team = or_empty(filter->team),
        .class = or_empty(filter->class),
        .gateway = or_empty(filter->gateway),
        .payment_id = or_empty(filter->payment_id),
        .kind = or_empty(filter->kind),
        .currency = or_empty(filter->currency),
        .since_us = filter->since_us,
        .until_us = filter->until_us,
        .pattern = "",
        .my_teams = "",
        .after_id = "",
    };
    const char *risk = or_empty(filter->risk), *text = or_empty(filter->text);
    const char *cursor = or_empty(filter->cursor), *assignee = or_empty(filter->assignee);
    int r = fill_state(or_empty(filter->state), find, err);
    if (r >= 0 && risk[0] != '\0' && !ticket_risk_parse(risk, &find->risk)) {
        r = bad(err, "risk", risk, "One of: low, medium, high, critical.");
    }
    r = r < 0 ? r : check_class(tx, find->class, err);
    if (r >= 0 && assignee[0] != '\0') {
        r = fill_assignee(tx, arena, assignee, find, err);
    }
    r = r < 0 ? r : fill_queue(desk, tx, arena, caller, or_empty(filter->queue), find, err);
    if (r >= 0 && cursor[0] != '\0') {
        r = fill_cursor(arena, cursor, find, err);
    }
    find->pattern = text[0] != '\0' ? pattern_of(arena, text) : "";
    find->overdue_us = filter->overdue ? clock_wall_us() : find->overdue_us;
    return r;
}

int ticket_each(struct desk *desk, struct store_tx *tx, struct arena *arena,
                const struct caller *caller, const struct ticket_filter *filter, int limit,
                ticket_each_fn *fn, void *ctx, int64_t *ret_total, struct err *err) {
    struct find find;
    SQL_ROWS_AUTO rows = NULL;
    int r = fill(desk, tx, arena, caller, filter, &find, err);
    if (r >= 0 && ret_total != NULL) {
        SQL_ROWS_AUTO total = NULL;
        r = sql_query(tx, err, &total, "SELECT COUNT(*) FROM ticket " TICKET_WHERE,
                      FIND_ARGS(&find));
        r = r < 0 ? r : sql_next(total, err);
        *ret_total = r > 0 ? sql_int(total, 0) : 0;
    }
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          TICKET_SELECT TICKET_WHERE
                          " AND (due_us > $17 OR (due_us = $17 AND id > $18)) ORDER BY due_us, id "
                          "LIMIT $19",
                          FIND_ARGS(&find), S_INT(find.after_us), S_TEXT(find.after_id),
                          S_INT(limit));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ARENA_AUTO one = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct ticket_row row;
        ticket_read(rows, one, &row);
        r = fn(ctx, &row, err);
    }
    return r < 0 ? r : 0;
}

/* ---- a page ---- */

struct page {
    struct desk *desk;
    const struct caller *caller;
    const struct ticket_filter *filter;
    const char *id;
    struct answer *answer;
    struct buf *buf;
    int64_t limit, count;
    char cursor[CURSOR_CHARS_MAX + 1];
};

/* One more than the page has is asked for, to know whether there is another. */
static int page_row(void *ctx, const struct ticket_row *row, struct err *err) {
    (void)err;
    struct page *page = ctx;
    if (page->count++ >= page->limit) {
        return 0;
    }
    buf_add_text(page->buf, page->count > 1 ? "," : "");
    ticket_render_open(page->buf, row);
    buf_add_char(page->buf, '}');
    if (page->count == page->limit) {
        snprintf(page->cursor, sizeof page->cursor, "%lld_%s", (long long)row->due_us,
                 row->id.text);
    }
    return 0;
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    BUF_AUTO buf;
    int64_t total = 0;
    buf_init(&buf, TICKET_JSON_BYTES_MAX);
    page->buf = &buf;
    page->count = 0;
    buf_add_text(&buf, "{\"data\":[");
    int r = ticket_each(page->desk, tx, arena, page->caller, page->filter, (int)page->limit + 1,
                        page_row, page, &total, err);
    buf_add_text(&buf, "],\"next_cursor\":");
    if (page->count > page->limit) {
        buf_add_json(&buf, page->cursor);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_addf(&buf, ",\"total\":%lld}", (long long)total);
    return r < 0 ? r : answer_take(page->answer, 200, &buf, err);
}

int ticket_list(struct desk *desk, const struct caller *caller, const struct ticket_filter *filter,
                struct answer *ret_answer, struct err *err) {
    struct page page = {
        .desk = desk,
        .caller = caller,
        .filter = filter,
        .answer = ret_answer,
        .limit = filter->limit > 0 && filter->limit <= PAGE_MAX ? filter->limit : PAGE_ROWS,
    };
    return store_read(desk->options.store, list_tx, &page, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    struct ticket_row row;
    int r = ticket_load(tx, arena, page->id, false, &row, err);
    return r < 0 ? r : ticket_answer(tx, arena, &row, 200, page->answer, err);
}

int ticket_get(struct desk *desk, const char *id, struct answer *ret_answer, struct err *err) {
    struct page page = {.desk = desk, .id = id, .answer = ret_answer};
    return store_read(desk->options.store, get_tx, &page, err);
}

/* ---- teams ---- */

static int put_member(struct store_tx *tx, struct arena *arena, struct buf *buf, const char *name,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct ticket_person person;
    int r = ticket_worker(tx, arena, name, &person, err);
    bool works = r > 0;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT COUNT(*) FROM ticket WHERE assignee = $1 AND " TICKET_IS_LIVE,
                          S_TEXT(works ? person.id : ""));
    r = r < 0 ? r : sql_next(rows, err);
    buf_add_text(buf, "{\"name\":");
    buf_add_json(buf, name);
    buf_addf(buf, ",\"works\":%s,\"live\":%lld}", works ? "true" : "false",
             works && r > 0 ? (long long)sql_int(rows, 0) : 0LL);
    return r < 0 ? r : 0;
}

static int put_team(struct store_tx *tx, struct arena *arena, struct buf *buf,
                    const struct ticket_team_config *team, struct err *err) {
    static const char *const shares[] = {"least_loaded", "round_robin", "nobody"};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COUNT(CASE WHEN due_us <= $2 THEN 1 END) "
                      "FROM ticket WHERE team = $1 AND " TICKET_IS_LIVE,
                      S_TEXT(team->name), S_INT(clock_wall_us()));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"name\":\"%s\",\"share\":\"%s\",\"live\":%lld,\"overdue\":%lld,\"lead\":",
             team->name, shares[ticket_team_share(team)], (long long)sql_int(rows, 0),
             (long long)sql_int(rows, 1));
    if (team->lead != NULL) {
        buf_add_json(buf, team->lead);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, ",\"members\":[");
    for (unsigned i = 0; r >= 0 && i < team->members_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        r = put_member(tx, arena, buf, team->members[i], err);
    }
    buf_add_text(buf, "]}");
    return r < 0 ? r : 0;
}

static int teams_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page *page = ctx;
    const struct ticket_config *config = page->desk->tickets->settings.config;
    BUF_AUTO buf;
    int r = 0;
    buf_init(&buf, TICKET_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (unsigned i = 0; r >= 0 && i < config->teams_count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        r = put_team(tx, arena, &buf, &config->teams[i], err);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(page->answer, 200, &buf, err);
}

int ticket_teams(struct desk *desk, struct answer *ret_answer, struct err *err) {
    struct page page = {.desk = desk, .answer = ret_answer};
    return store_read(desk->options.store, teams_tx, &page, err);
}
