/* SPDX-License-Identifier: Apache-2.0
 * kb_impl.h: what the files of the knowledge base share. */
#ifndef HOLDFAST_DESK_KB_IMPL_H
#define HOLDFAST_DESK_KB_IMPL_H

#include "base/task.h"
#include "desk/kb.h"

struct kb_source {
    const char *page, *language, *text;
};
extern const struct kb_source kb_sources[]; /* kb_pages.c, which embed_kb.py writes */
extern const int kb_source_count;

/* ---- kb_terms.c ---- */

enum kb_term_kind { KB_WORD, KB_PAIR, KB_SINGLE, KB_ALONE }; /* ALONE: no neighbour of its kind */
typedef void kb_term_fn(void *ctx, uint64_t term, enum kb_term_kind kind);
/* Of valid UTF-8, in their order. */
void kb_terms(const char *text, size_t bytes, kb_term_fn *fn, void *ctx);

/* ---- kb_page.c ---- */

struct kb_weight {
    uint64_t term;
    double weight;
};
struct kb_page { /* all owned */
    char page[KB_PAGE_CHARS_MAX + 1], language[3];
    enum kb_kind kind;
    char *source;             /* as it was given */
    char *title, *tags, *about, *reviewed;
    const char *body;         /* in source: behind the front matter */
    int64_t shipped_version;  /* what its front matter says */
    int64_t version;          /* in force */
    bool edited;              /* here; else built in or of the folder */
    struct kb_weight *weights; /* by term */
    int weight_count;
    double length;
};
/* Reads a text: ERR_VALIDATION with "line N" as the place. */
MUST_USE int kb_page_read(const char *page, const char *language, const char *text,
                          struct kb_page **ret_page, struct err *err);
/* One of docs/guides. */
struct kb_page *kb_page_runbook(const char *page, const char *language, const char *text);
void kb_page_free(struct kb_page *page);
MUST_USE bool kb_name_is_good(const char *page);
/* Whether `item` is one of a list with commas between. */
bool kb_listed(const char *list, const char *item);
/* ["a","b"] */
void kb_list_render(const char *list, struct buf *buf);
/* The members that lists and pages have alike, without braces. */
void kb_page_render(const struct kb_page *page, struct buf *buf);

/* ---- kb.c ---- */

struct kb {
    struct kb_options options;
    struct lock lock; /* of all that follows */
    struct kb_page *pages[KB_PAGES_MAX]; /* by name and language */
    int page_count;
    int64_t seq; /* the last edit that they have */
};
/* Under the lock: brings in what was edited since, also by other instances. */
MUST_USE int kb_refresh(struct kb *kb, struct err *err);
/* Under the lock. NULL: there is none. */
struct kb_page *kb_find(const struct kb *kb, const char *page, const char *language);
MUST_USE int kb_no_page(const struct kb *kb, const char *page, const char *language,
                        struct err *err);
/* Under the lock. Takes it over, in the place of the one of that name. ERR_TOO_LARGE. */
MUST_USE int kb_take(struct kb *kb, struct kb_page *page, struct err *err);

#endif
