/* SPDX-License-Identifier: Apache-2.0
 * report_impl.h: what the files of a report's page share. */
#ifndef HOLDFAST_MATCH_REPORT_IMPL_H
#define HOLDFAST_MATCH_REPORT_IMPL_H

#include <glib.h>

#include "match/report.h"

enum word {
#define X(name, english, chinese) WORD_##name,
#include "match/report_words.def"
#undef X
    WORD_COUNT
};
const char *report_word(enum report_language language, enum word word);
/* A rule, a state or a kind of row, which come as their English names; as it came when it is none
 * that the page knows. */
struct match_text report_known(enum report_language language, struct match_text name);
/* What a class means, as a sentence. */
const char *report_class(enum report_language language, enum match_class class);

/* ---- the pieces of HTML ---- */

/* As text: marks of HTML escaped; what is no UTF-8, not to be seen or turns the direction of what
 * follows as U+FFFD; cut with "…". */
void html_text(struct buf *html, const char *bytes, size_t count);
void html_word(struct buf *html, const char *text);
/* "1,234.50", without the currency; a number with its thousands apart. */
void html_money(struct buf *html, __int128 amount_minor, struct currency currency);
void html_count(struct buf *html, int64_t count);
enum { COUNT_TEXT_MAX = 32 };
const char *html_count_text(int64_t count, char text[COUNT_TEXT_MAX]);
/* A sentence with "%s" in it, once or twice: the first is `first`, the other `second`, of which no
 * more is shown than html_text() would. */
void html_sentence(struct buf *html, const char *sentence, const char *first, const char *second);

struct html_bar {
    const char *label;
    int64_t count;
    const char *style; /* a class of the style sheet */
};
/* A chart of bars, as long as their counts. Labels and numbers are text above them, so that they
 * are as large as the page's other text on a screen of any width. */
void html_bars(struct buf *html, const char *title, const struct html_bar *bars, int count);

extern const char report_style[]; /* the style sheet */

/* ---- the page ---- */

enum { AGE_DAYS = 30 };

struct report_stake {
    struct currency currency;
    __int128 amount_minor;
};
struct report_page {
    enum report_language language;
    int shown_max;
    int64_t shown, rows, breaks;
    int64_t of_class[CLASS_COUNT], of_risk[RISK_CRITICAL + 1];
    /* By how many days before the last one a break is; whoever is told later than all before moves
     * the others away from it. */
    bool fixed; /* the last day was given */
    int64_t last_us, by_day[AGE_DAYS], older, ageless;
    GArray *stakes; /* struct report_stake */
    struct buf table;
};

#endif
