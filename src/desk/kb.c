/* SPDX-License-Identifier: Apache-2.0
 * kb.c: the pages as they are in force: built in, of a folder, edited here (kb.h). All are in
 * memory; each question first asks the store for edits that are newer than what is there, which is
 * one row to read when nothing is. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/folder.h"
#include "desk/kb_impl.h"
#include "watch/guides.h"

enum { PAGE_BYTES_MAX = KB_TEXT_CHARS_MAX * 4 + 1, ANSWER_BYTES_MAX = 1024 * 1024 };
#define CHINESE ".zh-CN"

/* ---- the set ---- */

static int order(const struct kb_page *page, const char *name, const char *language) {
    int r = strcmp(page->page, name);
    return r != 0 ? r : strcmp(page->language, language);
}

struct kb_page *kb_find(const struct kb *kb, const char *name, const char *language) {
    for (int i = 0; i < kb->page_count; i++) {
        if (order(kb->pages[i], name, language) == 0) {
            return kb->pages[i];
        }
    }
    return NULL;
}

int kb_take(struct kb *kb, struct kb_page *page, struct err *err) {
    int at = 0;
    while (at < kb->page_count && order(kb->pages[at], page->page, page->language) < 0) {
        at++;
    }
    if (at < kb->page_count && order(kb->pages[at], page->page, page->language) == 0) {
        kb_page_free(kb->pages[at]);
        kb->pages[at] = page;
        return 0;
    }
    if (kb->page_count == KB_PAGES_MAX) {
        kb_page_free(page);
        return err_set(err, ERR_TOO_LARGE, "there are %d pages already", KB_PAGES_MAX);
    }
    memmove(&kb->pages[at + 1], &kb->pages[at],
            (size_t)(kb->page_count - at) * sizeof kb->pages[0]);
    kb->pages[at] = page;
    kb->page_count++;
    return 0;
}

int kb_no_page(const struct kb *kb, const char *name, const char *language, struct err *err) {
    const char *other = strcmp(language, "en") == 0 ? "zh" : "en";
    bool in_other = kb_find(kb, name, other) != NULL;
    err_set(err, ERR_NOT_FOUND, "there is no page \"%.60s\" in %s", name, language);
    return in_other ? err_hint(err, "There is one in %s.", other)
                    : err_hint(err, "`holdfast kb list` has the pages, `holdfast kb search WORDS` "
                                    "finds them.");
}

/* ---- where pages come from ---- */

static int take_sources(struct kb *kb, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < kb_source_count; i++) {
        struct kb_page *page = NULL;
        r = kb_page_read(kb_sources[i].page, kb_sources[i].language, kb_sources[i].text, &page,
                         err);
        r = r < 0 ? err_place(err, "kb/%s (%s)", kb_sources[i].page, kb_sources[i].language)
                  : kb_take(kb, page, err);
    }
    for (int i = 0; r >= 0 && i < guide_count; i++) {
        r = kb_take(kb, kb_page_runbook(guides[i].page, guides[i].language, guides[i].text), err);
    }
    return r;
}

struct reading {
    struct kb *kb;
    struct folder *folder;
    const char *path;
};

static int bad_file(const struct reading *reading, const char *name, struct err *err) {
    char place[sizeof err->place];
    memcpy(place, err->place, sizeof place);
    err->code = ERR_CONFIG;
    return err_place(err, "%s/%s %s", reading->path, name, place);
}

/* What is no page by its name ("notes.txt", "README.md") stays unread. */
static int take_file(void *ctx, const char *name, struct err *err) {
    const struct reading *reading = ctx;
    char page_name[KB_PAGE_CHARS_MAX + 1] = "";
    size_t chars = strlen(name), tail = strlen(CHINESE);
    if (chars < 4 || strcmp(name + chars - 3, ".md") != 0) {
        return 0;
    }
    chars -= 3;
    bool chinese = chars > tail && strncmp(name + chars - tail, CHINESE, tail) == 0;
    chars -= chinese ? tail : 0;
    if (chars >= sizeof page_name) {
        return 0;
    }
    memcpy(page_name, name, chars);
    if (!kb_name_is_good(page_name)) {
        return 0;
    }
    BUF_AUTO text;
    buf_init(&text, PAGE_BYTES_MAX);
    struct file_face face = {0};
    struct kb_page *page = NULL;
    int r = folder_look(reading->folder, name, &face, err);
    r = r < 0 ? r : folder_read(reading->folder, name, &face, &text, err);
    if (r >= 0 && strlen(text.data) < text.len) {
        r = err_set(err, ERR_CONFIG, "a NUL stands in it");
    }
    r = r < 0 ? r : kb_page_read(page_name, chinese ? "zh" : "en", text.data, &page, err);
    return r < 0 ? bad_file(reading, name, err) : kb_take(reading->kb, page, err);
}

static int take_folder(struct kb *kb, const char *path, struct err *err) {
    struct reading reading = {.kb = kb, .path = path};
    int r = folder_open(path, &reading.folder, err);
    if (r < 0) {
        err->code = ERR_CONFIG;
        return err_place(err, "desk.kb");
    }
    r = folder_each(reading.folder, take_file, &reading, err);
    folder_close(reading.folder);
    return r < 0 ? r : 0;
}

int kb_open(const struct kb_options *options, struct kb **ret_kb, struct err *err) {
    struct kb *kb = calloc(1, sizeof *kb);
    kb->options = *options;
    lock_init(&kb->lock);
    int r = take_sources(kb, err);
    r = r < 0 || options->folder == NULL ? r : take_folder(kb, options->folder, err);
    kb->options.folder = NULL;
    if (r < 0) {
        kb_close(kb);
        return r;
    }
    *ret_kb = kb;
    return 0;
}

void kb_close(struct kb *kb) {
    if (kb == NULL) {
        return;
    }
    for (int i = 0; i < kb->page_count; i++) {
        kb_page_free(kb->pages[i]);
    }
    lock_free(&kb->lock);
    free(kb);
}

/* ---- what was edited since ---- */

/* A row whose text we cannot read was written by a later version of the program: what is there
 * stays in force. */
static int take_row(struct kb *kb, const struct sql_rows *rows, struct err *err) {
    struct kb_page *page = NULL;
    struct err unread = {0};
    const struct kb_page *now = kb_find(kb, sql_text(rows, 0), sql_text(rows, 1));
    bool stored_base = sql_text(rows, 4)[0] == '\0';
    if (stored_base || (now != NULL && now->edited && now->version >= sql_int(rows, 2)) ||
        kb_page_read(sql_text(rows, 0), sql_text(rows, 1), sql_text(rows, 3), &page, &unread) < 0) {
        return 0;
    }
    page->version = sql_int(rows, 2);
    page->edited = true;
    return kb_take(kb, page, err);
}

static int refresh_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct kb *kb = ctx;
    int64_t seq = kb->seq;
    {
        SQL_ROWS_AUTO head = NULL;
        int r = sql_query(tx, err, &head, "SELECT seq FROM kb_head WHERE id = $1", S_INT(1));
        r = r < 0 ? r : sql_next(head, err);
        if (r <= 0) {
            return r;
        }
        seq = sql_int(head, 0);
    }
    if (seq == kb->seq) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT page, language, version, text, author FROM kb_version WHERE seq > $1 "
                      "AND seq <= $2 ORDER BY seq, version",
                      S_INT(kb->seq), S_INT(seq));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = take_row(kb, rows, err);
    }
    kb->seq = r < 0 ? kb->seq : seq;
    return r;
}

int kb_refresh(struct kb *kb, struct err *err) {
    return kb->options.store == NULL ? 0 : store_read(kb->options.store, refresh_tx, kb, err);
}

/* ---- one page ---- */

struct stored {
    const char *page, *language;
    int64_t version;
    struct kb_page *found; /* owned */
    char author[80], reason[REASON_CHARS_MAX * 4 + 1];
    int64_t at_us;
};

/* 1: it is stored. */
static int stored_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct stored *stored = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT text, author, reason, at_us FROM kb_version WHERE page = $1 AND "
                      "language = $2 AND version = $3",
                      S_TEXT(stored->page), S_TEXT(stored->language), S_INT(stored->version));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    kb_page_free(stored->found);
    stored->found = NULL;
    r = kb_page_read(stored->page, stored->language, sql_text(rows, 0), &stored->found, err);
    if (r < 0) {
        return r;
    }
    stored->found->version = stored->version;
    stored->found->edited = sql_text(rows, 1)[0] != '\0';
    snprintf(stored->author, sizeof stored->author, "%s", sql_text(rows, 1));
    snprintf(stored->reason, sizeof stored->reason, "%s", sql_text(rows, 2));
    stored->at_us = sql_int(rows, 3);
    return 0;
}

static void put(struct buf *buf, const char *name, const char *text) {
    buf_addf(buf, ",\"%s\":", name);
    if (text[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, text);
    }
}

static void render(const struct kb_page *page, const struct stored *stored, int64_t newest,
                   struct buf *buf) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, "{\"object\":\"kb_page\",");
    kb_page_render(page, buf);
    buf_addf(buf, ",\"newest\":%lld", (long long)newest);
    put(buf, "edited_by", stored->author);
    put(buf, "edited_at", stored->at_us > 0 ? clock_format(stored->at_us, time) : "");
    put(buf, "reason", stored->reason);
    buf_add_text(buf, ",\"text\":");
    buf_add_json(buf, page->source);
    buf_add_char(buf, '}');
}

/* Under the lock. */
static int get(struct kb *kb, struct stored *stored, struct buf *buf, struct err *err) {
    int r = kb_refresh(kb, err);
    const struct kb_page *now = r < 0 ? NULL : kb_find(kb, stored->page, stored->language);
    if (now == NULL) {
        return r < 0 ? r : kb_no_page(kb, stored->page, stored->language, err);
    }
    stored->version = stored->version == 0 ? now->version : stored->version;
    r = kb->options.store == NULL ? 0 : store_read(kb->options.store, stored_tx, stored, err);
    if (r < 0) {
        return r;
    }
    const struct kb_page *shown = stored->found != NULL              ? stored->found
                                  : stored->version == now->version ? now
                                                                    : NULL;
    if (shown == NULL) {
        err_set(err, ERR_NOT_FOUND, "page \"%s\" has no version %lld", stored->page,
                (long long)stored->version);
        return err_hint(err, "`holdfast kb history %s` has its versions.", stored->page);
    }
    render(shown, stored, now->version, buf);
    return 0;
}

int kb_get(struct kb *kb, const char *page, const char *language, int64_t version,
           struct answer *ret_answer, struct err *err) {
    struct stored stored = {.page = page, .language = language, .version = version};
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    lock_take(&kb->lock);
    int r = get(kb, &stored, &buf, err);
    lock_give(&kb->lock);
    kb_page_free(stored.found);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int kb_body(struct kb *kb, const char *name, const char *language, struct buf *body,
            struct err *err) {
    lock_take(&kb->lock);
    int r = kb_refresh(kb, err);
    const struct kb_page *page = r < 0 ? NULL : kb_find(kb, name, language);
    if (r >= 0 && page == NULL) {
        r = kb_no_page(kb, name, language, err);
    }
    if (r >= 0) {
        buf_add_text(body, page->body);
    }
    lock_give(&kb->lock);
    return r;
}
