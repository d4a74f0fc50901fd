/* SPDX-License-Identifier: Apache-2.0
 * break_desk.c: looking for breaks, and looking at one. */
#include "recon/break_desk.h"

#include <string.h>

#include "base/clock.h"
#include "recon/break_desk_impl.h"

struct looking {
    const struct caller *caller;
    struct arena *arena;
    const struct break_filter *filter;
    const char *id;
    int64_t now_us;
    struct answer *answer;
};

static int looking_run(struct recon *recon, store_fn *fn, struct looking *looking,
                       struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    looking->arena = arena;
    looking->now_us = clock_wall_us();
    return store_read(recon->options.store, fn, looking, err);
}

/* ---- one ---- */

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    struct break_row row;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = break_load(tx, looking->arena, looking->id, false, &row, err);
    r = r < 0 ? r : break_render(tx, looking->arena, &row, looking->now_us, true, &buf, err);
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int break_get(struct recon *recon, const char *id, struct answer *ret_answer, struct err *err) {
    struct looking looking = {.id = id, .answer = ret_answer};
    return looking_run(recon, get_tx, &looking, err);
}

/* ---- lists ---- */

struct page {
    struct break_row rows[PAGE_MAX + 1];
    int count;
};

static int read_page(struct store_tx *tx, const struct looking *looking,
                     const struct break_asked *asked, struct page *page, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = break_query(tx, asked, asked->limit + 1, &rows, err);
    while (r >= 0 && page->count <= asked->limit && (r = sql_next(rows, err)) > 0) {
        break_row_read(rows, looking->arena, &page->rows[page->count++]);
    }
    return r < 0 ? r : 0;
}

static void add_cursor(struct buf *buf, const struct break_asked *asked, const char *sort,
                       const struct break_row *last) {
    if (last == NULL) {
        buf_add_text(buf, "],\"next_cursor\":null");
        return;
    }
    buf_addf(buf, "],\"next_cursor\":\"%s.%lld.%s\"", sort,
             (long long)break_sort_key(asked->sort, last), last->id.text);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    struct break_asked asked;
    struct page *page = arena_alloc(looking->arena, sizeof *page);
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = break_ask(tx, looking->arena, looking->caller, looking->filter, looking->now_us, &asked,
                      err);
    r = r < 0 ? r : read_page(tx, looking, &asked, page, err);
    if (r < 0) {
        return r;
    }
    bool more = page->count > asked.limit;
    int shown = more ? asked.limit : page->count;
    const char *sort = looking->filter->sort;
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; r >= 0 && i < shown; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        r = break_render(tx, looking->arena, &page->rows[i], looking->now_us, false, &buf, err);
    }
    add_cursor(&buf, &asked, sort != NULL && sort[0] != '\0' ? sort : "risk",
               more ? &page->rows[shown - 1] : NULL);
    if (r >= 0 && asked.after_id[0] == '\0') {
        r = break_totals(tx, &asked, looking->now_us, &buf, err);
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(looking->answer, 200, &buf, err);
}

int break_list(struct recon *recon, const struct caller *caller, const struct break_filter *filter,
               struct answer *ret_answer, struct err *err) {
    struct looking looking = {.caller = caller, .filter = filter, .answer = ret_answer};
    return looking_run(recon, list_tx, &looking, err);
}
