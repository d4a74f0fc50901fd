/* SPDX-License-Identifier: Apache-2.0
 * report.h: a reconciliation as one page for people: an HTML file that needs nothing beside itself
 * (no script, no picture or style from elsewhere), with charts, for screens light and dark and for
 * paper, in English or Chinese (report_words.def).
 *
 *   report_page_new() ─▶ report_page_break() for each row of a break ... ─▶ report_page_write()
 *
 *   1. All breaks are counted, in the charts and in what is at stake; the first `shown_max` rows of
 *      them are shown one by one, and the page says how many are not.
 *   2. The page proves what it says: rows and amounts of the classes add up to those of the sides,
 *      ours and the differences give theirs, and of a run the opening balance and the movements
 *      give the closing one. What does not is marked as wrong, never left out.
 *   3. What comes from a file is text: nothing in it is markup, and what is no UTF-8 or cannot be
 *      seen is shown as U+FFFD. Texts are cut to REPORT_TEXT_CHARS.
 *   4. The same facts give the same bytes.
 * Owns: the page, until report_page_free(). Memory: about a kilobyte a row shown. Threads: one at
 * a time. Errors: ERR_TOO_LARGE (more than REPORT_BYTES_MAX of a page). */
#ifndef HOLDFAST_MATCH_REPORT_H
#define HOLDFAST_MATCH_REPORT_H

#include "base/buf.h"
#include "match/books.h"

enum {
    REPORT_TEXT_CHARS = 200,
    REPORT_BREAKS_SHOWN = 1000, /* the usual `shown_max` */
    REPORT_BYTES_MAX = 16 * 1024 * 1024,
};
enum report_language { REPORT_ENGLISH, REPORT_CHINESE, REPORT_LANGUAGE_COUNT };
/* "en" or "zh"; false: another. */
MUST_USE bool report_language_parse(const char *text, enum report_language *ret_language);
/* "en" as HTML names it. */
const char *report_language_name(enum report_language language);

/* What was compared: a file, or a statement. What is not known: NULL, "", -1 or 0. */
struct report_source {
    enum match_side side;
    const char *name;   /* a path, or the name of a statement */
    const char *sha256; /* hexadecimal */
    int64_t rows, bytes;
    int64_t from_us, until_us;
};

/* One row of ours beside one of theirs; a break may have several. Texts are borrowed for the call.
 */
struct report_side {
    bool there;
    struct currency currency;
    int64_t amount_minor;
    int64_t at_us;   /* 0: not told */
    int64_t line;    /* of its file; 0: none */
    int64_t rows;    /* of a break on record: how many rows it has there */
    const char *row; /* the name of the first of them */
    const char *fee; /* "0.59 USD" where fees are what differs; NULL */
};
struct report_break {
    bool first; /* of its break: counted once */
    enum match_class class;
    enum match_risk risk;
    struct report_side of[MATCH_SIDES];
    bool has_difference;
    int64_t difference_minor;         /* theirs less ours */
    struct currency currency;         /* of the difference, and of what is at stake */
    int64_t stake_minor;              /* of this row; without a sign */
    int64_t at_us;                    /* by which it ages; 0: it tells none */
    const char *name, *state, *owner; /* of a break on record; "" */
    struct match_text kind, key, rule;
};

struct report_facts {
    const char *gateway, *run; /* of a run of the service; NULL: two files */
    const char *ended;         /* RFC 3339; NULL */
    const struct report_source *sources;
    int source_count;
    int64_t rows[MATCH_SIDES];    /* that were compared, counted apart from `sums` */
    const struct match_sum *sums; /* by currency, then class */
    int sum_count;
    const struct run_book *books; /* of a run */
    int book_count;
    const struct run_balance *balances; /* and what statements tell against ours */
    int balance_count;
    const struct match_options *options; /* the rules; NULL: the usual ones */
    const char *command;                 /* by which it is done again */
};

struct report_page;
/* `now_us`: from when ages are counted back; 0: from the latest time that a break tells. */
struct report_page *report_page_new(enum report_language language, int shown_max, int64_t now_us);
void report_page_break(struct report_page *page, const struct report_break *row);
/* Adds the page. Once. */
MUST_USE int report_page_write(struct report_page *page, const struct report_facts *facts,
                               struct buf *html, struct err *err);
void report_page_free(struct report_page *page); /* NULL is fine */

#endif
