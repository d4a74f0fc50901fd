/* SPDX-License-Identifier: Apache-2.0
 * kb.h: the knowledge base (TICKET-3): pages in Markdown, English and Chinese, that say what to do
 * and what customers are told; found by their words, edited by people, with all their versions.
 *
 * A page begins with its front matter, lines "key: value" between two lines "---":
 *
 *     title     one line
 *     kind      a name of kb_kinds.def
 *     tags      words it should be found by, with commas between
 *     for       what links to it: "break:double_charge, situation:paid"; may lack
 *     version   from 1: of the text that comes with the program
 *     reviewed  2026-11-23: when somebody last read it against what is so
 *
 * Where a page comes from: kb/ as built in; a folder of the configuration, whose files take their
 * place; and what was edited here, which takes the place of both and whose every version stays.
 * The first edit also stores the text that it replaces. The pages of docs/guides are found with
 * the others, as runbooks, and are not edited: they must fit the program's alerts.
 *
 * Search: the terms of a text are its words, folded (small letters, full width made half, a
 * plural's end cut off), and of Chinese, Japanese and Korean each two neighbours, and each single
 * character. A page's rank is BM25 (k1 1.2, b 0.75; Robertson & Zaragoza, "The Probabilistic
 * Relevance Framework", 2009, 3.3) over term weights: 8 in the title, 5 in the tags, 3 in a
 * heading, 1 elsewhere; times the square of the share of the query's terms that stand in the page.
 * A single character counts only where the query has it alone. Of a page in two languages the
 * better one is shown. The index is in memory, and follows the table: no engine has to know any
 * language.
 *
 * Threads: any, once open. Owns: the pages, until kb_close(). Answers belong to the caller.
 * Errors:  ERR_NOT_FOUND; ERR_STATE (somebody else has edited it, and which version there is);
 *          ERR_VALIDATION with the line; ERR_CARD_NUMBER; those of store.h.
 * Limits:  those below. */
#ifndef HOLDFAST_DESK_KB_H
#define HOLDFAST_DESK_KB_H

#include "payment/payments.h"

enum {
    KB_PAGE_CHARS_MAX = 60,
    KB_TITLE_CHARS_MAX = 120,
    KB_TEXT_CHARS_MAX = 20000, /* of a page with its front matter */
    KB_PAGES_MAX = 2000,       /* languages count */
    KB_QUERY_CHARS_MAX = 200,
    KB_FOUND_MAX = 50,
};
enum kb_kind {
#define X(NAME, name, edited, what) KB_##NAME,
#include "desk/kb_kinds.def"
#undef X
    KB_KINDS
};
const char *kb_kind_name(enum kb_kind kind);

struct kb;
struct kb_options {
    struct store *store;       /* borrowed; NULL: pages are read, never edited */
    struct payments *payments; /* borrowed: keys of requests; NULL with store */
    const char *folder;        /* borrowed for the call; NULL: the built-in pages alone */
};
/* ERR_CONFIG: a file of the folder, its line and what is wrong. */
MUST_USE int kb_open(const struct kb_options *options, struct kb **ret_kb, struct err *err);
void kb_close(struct kb *kb); /* NULL is fine */

struct kb_query {         /* NULL or "": any */
    const char *text;     /* at most KB_QUERY_CHARS_MAX; "": all, by name */
    const char *language; /* "en", "zh" */
    const char *kind;
    const char *about; /* what links to it: "break:double_charge" */
    int limit;         /* 1..KB_FOUND_MAX; 0: 20 */
};
/* {"data":[{"page","language","title","kind","tags":[],"for":[],"version","reviewed","edited",
 * "score","snippet"}], "total"}: the best first, at most `limit` of `total`. */
MUST_USE int kb_search(struct kb *kb, const struct kb_query *query, struct answer *ret_answer,
                       struct err *err);
/* One page, with its front matter as members and in the text. `version` 0: the one in force. */
MUST_USE int kb_get(struct kb *kb, const char *page, const char *language, int64_t version,
                    struct answer *ret_answer, struct err *err);
/* The text in force, without its front matter, into `body`. */
MUST_USE int kb_body(struct kb *kb, const char *page, const char *language, struct buf *body,
                     struct err *err);
/* An array of {"page","title"} in that language: the pages for any of `about`, which ends with
 * NULL, each once. */
MUST_USE int kb_links(struct kb *kb, const char *const *about, const char *language,
                      struct buf *buf, struct err *err);
/* {"data":[{"version","author","reason","at"}]}, the newest first; one that was never edited has
 * the version that it came with. */
MUST_USE int kb_versions(struct kb *kb, const char *page, const char *language,
                         struct answer *ret_answer, struct err *err);

struct kb_edit { /* borrowed */
    const char *page, *language;
    const char *text;    /* with its front matter; or NULL, and */
    int64_t restore;     /* the version whose text is to be in force again */
    int64_t if_version;  /* that was looked at; 0: there is no such page yet */
    const char *reason;
};
/* Stores the next version: 200; 201 a page that is new. On the audit log. */
MUST_USE int kb_put(struct kb *kb, const struct caller *caller, const struct kb_edit *edit,
                    struct answer *ret_answer, struct err *err);

#endif
