/* SPDX-License-Identifier: Apache-2.0
 * paper.h: a document for people, in Markdown or as a page of HTML, written from top to bottom.
 * Whatever is given as text is foreign: in both forms it stands there as it is and cannot become
 * markup, a link or a script. A page loads nothing and runs nothing.
 * Threads: one. Owns: nothing; it writes into the caller's buffer, whose cap is the limit. */
#ifndef HOLDFAST_INCIDENT_PAPER_H
#define HOLDFAST_INCIDENT_PAPER_H

#include "base/buf.h"
#include "watch/notice.h"

enum paper_format { PAPER_MARKDOWN, PAPER_HTML };

enum { PAPER_COLUMNS_MAX = 8 };

struct paper {
    enum paper_format format;
    enum notice_language language;
    struct buf *buf;
    int open;    /* what has to be closed before something else comes */
    int columns; /* of the open table */
};

struct paper paper_begin(enum paper_format format, enum notice_language language,
                         const char *title, struct buf *buf);
void paper_end(struct paper *paper);

void paper_heading(struct paper *paper, const char *text);
void paper_text(struct paper *paper, const char *text); /* a paragraph */
/* Where something comes from, small. */
void paper_source(struct paper *paper, const char *text);
/* What must not be overlooked. */
void paper_alarm(struct paper *paper, const char *text);
/* A person's own words, with their lines. */
void paper_quote(struct paper *paper, const char *text);
void paper_item(struct paper *paper, const char *text); /* of a list */
/* Of a list, numbered; `command` may be NULL. */
void paper_step(struct paper *paper, int number, const char *text, const char *command);
/* `names` ends with NULL; at most PAPER_COLUMNS_MAX. */
void paper_table(struct paper *paper, const char *const *names);
#define PAPER_TABLE(paper, ...) paper_table((paper), (const char *const[]){__VA_ARGS__, NULL})
void paper_row(struct paper *paper, const char *const *cells);
#define PAPER_ROW(paper, ...) paper_row((paper), (const char *const[]){__VA_ARGS__, NULL})

/* ---- paper_chart.c ---- */

struct chart_point {
    int64_t at_us;
    int64_t permille; /* -1: there is none here: the line has a gap */
};
struct chart_mark {
    int64_t at_us;
    const char *name;
};
struct chart {
    const char *title, *unit;
    int64_t from_us, until_us;
    const struct chart_point *points;
    int point_count;
    const struct chart_mark *marks; /* in their order */
    int mark_count;
};
/* A picture in HTML; in Markdown, which has none, nothing: the caller writes a table there. */
void paper_chart(struct paper *paper, const struct chart *chart);
/* Text as it stands in HTML and SVG. */
void paper_escape(struct buf *buf, const char *text);

#endif
