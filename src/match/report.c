/* SPDX-License-Identifier: Apache-2.0
 * report.c: the page of a reconciliation while its breaks come: what is counted, and the first of
 * them as rows of a table. */
#include "match/report.h"

#include <string.h>

#include "base/clock.h"
#include "match/report_impl.h"

enum { TABLE_BYTES_MAX = 8 * 1024 * 1024, ROW_BYTES_MAX = 16 * 1024 };
static const int64_t day_us = INT64_C(86400) * 1000 * 1000;

/* ---- words ---- */

static const struct {
    const char *text[REPORT_LANGUAGE_COUNT];
} words[] = {
#define X(name, english, chinese) [WORD_##name] = {{english, chinese}},
#include "match/report_words.def"
#undef X
};
static_assert(COUNT_OF(words) == WORD_COUNT, "every word has a row");

static const char *const classes_chinese[CLASS_COUNT] = {
#define X(name, what) [CLASS_##name] = (what),
#include "match/report_classes.def"
#undef X
};
static const char *const languages[] = {[REPORT_ENGLISH] = "en", [REPORT_CHINESE] = "zh"};
static_assert(COUNT_OF(languages) == REPORT_LANGUAGE_COUNT, "every language has a name");

bool report_language_parse(const char *text, enum report_language *ret_language) {
    for (int i = 0; i < REPORT_LANGUAGE_COUNT; i++) {
        if (strcmp(text, languages[i]) == 0) {
            *ret_language = (enum report_language)i;
            return true;
        }
    }
    return false;
}

const char *report_language_name(enum report_language language) {
    return languages[language];
}

const char *report_word(enum report_language language, enum word word) {
    return words[word].text[language];
}

struct match_text report_known(enum report_language language, struct match_text name) {
    for (int i = WORD_KNOWN_FIRST + 1; i < WORD_COUNT; i++) {
        const char *english = words[i].text[REPORT_ENGLISH];
        if (strlen(english) == name.count && memcmp(english, name.bytes, name.count) == 0) {
            const char *text = words[i].text[language];
            return (struct match_text){text, (uint32_t)strlen(text)};
        }
    }
    return name;
}

const char *report_class(enum report_language language, enum match_class class) {
    const char *chinese = (unsigned)class < CLASS_COUNT ? classes_chinese[class] : NULL;
    return language == REPORT_CHINESE && chinese != NULL ? chinese : match_class_what(class);
}

/* ---- the page ---- */

struct report_page *report_page_new(enum report_language language, int shown_max, int64_t now_us) {
    struct report_page *page = g_new0(struct report_page, 1);
    page->language = language;
    page->shown_max = shown_max;
    page->fixed = now_us != 0;
    page->last_us = now_us;
    page->stakes = g_array_new(false, false, sizeof(struct report_stake));
    buf_init(&page->table, TABLE_BYTES_MAX);
    return page;
}

void report_page_free(struct report_page *page) {
    if (page != NULL) {
        g_array_free(page->stakes, true);
        buf_release(&page->table);
        g_free(page);
    }
}

/* ---- what is counted ---- */

/* In days of UTC. */
static int64_t day_of(int64_t at_us) {
    return at_us / day_us - (at_us % day_us < 0 ? 1 : 0);
}

/* The last day is so many later: the others are so much older. */
static void age_all(struct report_page *page, int64_t days) {
    int64_t by_day[AGE_DAYS] = {0};
    for (int64_t i = 0; i < AGE_DAYS; i++) {
        if (days < AGE_DAYS - i) {
            by_day[i + days] = page->by_day[i];
        } else {
            page->older += page->by_day[i];
        }
    }
    memcpy(page->by_day, by_day, sizeof by_day);
}

static void count_age(struct report_page *page, int64_t at_us) {
    if (at_us == 0) {
        page->ageless++;
        return;
    }
    if (!page->fixed && (page->last_us == 0 || at_us > page->last_us)) {
        age_all(page, page->last_us == 0 ? 0 : day_of(at_us) - day_of(page->last_us));
        page->last_us = at_us;
    }
    int64_t days = MAX(day_of(page->last_us) - day_of(at_us), 0);
    if (days < AGE_DAYS) {
        page->by_day[days]++;
    } else {
        page->older++;
    }
}

static void count_stake(struct report_page *page, const struct report_break *row) {
    if (row->stake_minor == 0) {
        return;
    }
    for (guint i = 0; i < page->stakes->len; i++) {
        struct report_stake *stake = &g_array_index(page->stakes, struct report_stake, i);
        if (currency_equal(stake->currency, row->currency)) {
            stake->amount_minor += row->stake_minor;
            return;
        }
    }
    struct report_stake fresh = {.currency = row->currency, .amount_minor = row->stake_minor};
    g_array_append_val(page->stakes, fresh);
}

/* ---- what is shown ---- */

static void add_label(const struct report_page *page, struct buf *html, enum word word,
                      const char *before, const char *after) {
    buf_add_text(html, before);
    html_word(html, report_word(page->language, word));
    buf_add_text(html, after);
}

static const enum word side_words[MATCH_SIDES] = {WORD_OURS, WORD_THEIRS};

static void add_known(const struct report_page *page, struct buf *html, const char *name) {
    struct match_text text = {name, (uint32_t)strlen(name)};
    text = report_known(page->language, text);
    html_text(html, text.bytes, text.count);
}

/* A sentence about a number, or about a text. */
static void add_counted(const struct report_page *page, struct buf *html, enum word word,
                        int64_t count) {
    char text[COUNT_TEXT_MAX];
    html_sentence(html, report_word(page->language, word), html_count_text(count, text), "");
}

static void add_state(const struct report_page *page, struct buf *html,
                      const struct report_break *row) {
    buf_add_text(html, "<div class=\"quiet\">");
    add_known(page, html, row->state);
    if (row->owner != NULL && row->owner[0] != '\0') {
        buf_add_text(html, ", ");
        html_sentence(html, report_word(page->language, WORD_OWNER), row->owner, "");
    }
    buf_add_text(html, "</div>");
}

static void add_where(struct report_page *page, const struct report_break *row) {
    struct buf *html = &page->table;
    buf_add_text(html, "<td class=\"where\">");
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (row->of[i].line > 0) {
            add_label(page, html, side_words[i], "<div>", " ");
            add_counted(page, html, WORD_LINE, row->of[i].line);
            buf_add_text(html, "</div>");
        }
    }
    if (row->name != NULL && row->name[0] != '\0') {
        buf_add_text(html, "<code>");
        html_word(html, row->name);
        buf_add_text(html, "</code>");
    }
    if (row->state != NULL && row->state[0] != '\0') {
        add_state(page, html, row);
    }
    buf_add_text(html, "</td>");
}

static void add_money(struct buf *html, bool there, int64_t amount_minor,
                      struct currency currency) {
    buf_add_text(html, "<td class=\"n\">");
    if (there) {
        html_money(html, amount_minor, currency);
        buf_addf(html, " %s", currency.code);
    }
    buf_add_text(html, "</td>");
}

/* "2026-11-20 09:00:00"; once where both sides tell the same. */
static void add_times(struct buf *html, const struct report_break *row) {
    char ours[CLOCK_TEXT_MAX] = "", theirs[CLOCK_TEXT_MAX] = "";
    if (row->of[OURS].there && row->of[OURS].at_us != 0) {
        clock_format_at(row->of[OURS].at_us, 0, ours);
    }
    if (row->of[THEIRS].there && row->of[THEIRS].at_us != 0) {
        clock_format_at(row->of[THEIRS].at_us, 0, theirs);
    }
    buf_addf(html, "<td class=\"when\">%s", ours);
    if (theirs[0] != '\0' && strcmp(ours, theirs) != 0) {
        buf_addf(html, "%s%s", ours[0] != '\0' ? "<br/>" : "", theirs);
    }
    buf_add_text(html, "</td>");
}

/* "Theirs: 2 rows, stm_1#7, …", of a break on record. */
static void add_rows(const struct report_page *page, struct buf *html,
                     const struct report_break *row) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        const struct report_side *side = &row->of[i];
        if (side->rows <= 0) {
            continue;
        }
        add_label(page, html, side_words[i], "<div class=\"quiet\">", ": ");
        add_counted(page, html, side->rows == 1 ? WORD_ROW_HERE : WORD_ROWS_HERE, side->rows);
        if (side->row != NULL && side->row[0] != '\0') {
            buf_add_text(html, ", <code>");
            html_word(html, side->row);
            buf_add_text(html, side->rows > 1 ? "</code>, …" : "</code>");
        }
        buf_add_text(html, "</div>");
    }
    if (row->of[OURS].fee != NULL && row->of[THEIRS].fee != NULL) {
        buf_add_text(html, "<div class=\"quiet\">");
        html_sentence(html, report_word(page->language, WORD_FEES), row->of[OURS].fee,
                      row->of[THEIRS].fee);
        buf_add_text(html, "</div>");
    }
}

static void add_why(struct report_page *page, const struct report_break *row) {
    struct buf *html = &page->table;
    buf_add_text(html, "<td class=\"why\">");
    html_word(html, report_class(page->language, row->class));
    if (row->rule.count > 0) {
        const struct match_text rule = report_known(page->language, row->rule);
        char name[REPORT_TEXT_CHARS * 4 + 1];
        snprintf(name, sizeof name, "%.*s", (int)MIN(rule.count, sizeof name - 1), rule.bytes);
        buf_add_text(html, " <span class=\"quiet\">");
        html_sentence(html, report_word(page->language, WORD_BY_RULE), name, "");
        buf_add_text(html, "</span>");
    }
    add_rows(page, html, row);
    buf_add_text(html, "</td></tr>\n");
}

static void show(struct report_page *page, const struct report_break *row) {
    static const enum word risks[] = {[RISK_NONE] = WORD_RISK_NONE,
                                      [RISK_LOW] = WORD_RISK_LOW,
                                      [RISK_MEDIUM] = WORD_RISK_MEDIUM,
                                      [RISK_HIGH] = WORD_RISK_HIGH,
                                      [RISK_CRITICAL] = WORD_RISK_CRITICAL};
    struct buf *html = &page->table;
    buf_addf(html, "<tr><td><code>%s</code></td><td class=\"risk %s\">",
             match_class_name(row->class), match_risk_name(row->risk));
    html_word(html, report_word(page->language, risks[row->risk]));
    buf_add_text(html, "</td><td>");
    const struct match_text kind = report_known(page->language, row->kind);
    html_text(html, kind.bytes, kind.count);
    buf_add_text(html, "</td><td class=\"key\"><bdi>");
    html_text(html, row->key.bytes, row->key.count);
    buf_add_text(html, "</bdi></td>");
    add_where(page, row);
    for (int i = 0; i < MATCH_SIDES; i++) {
        add_money(html, row->of[i].there, row->of[i].amount_minor, row->of[i].currency);
    }
    add_money(html, row->has_difference, row->difference_minor, row->currency);
    add_times(html, row);
    add_why(page, row);
}

void report_page_break(struct report_page *page, const struct report_break *row) {
    page->rows++;
    count_stake(page, row);
    if (row->first) {
        page->breaks++;
        page->of_class[row->class]++;
        page->of_risk[row->risk]++;
        count_age(page, row->at_us);
    }
    /* Rows are shown as far as they are the first ones: none is left out between two. */
    if (page->shown == page->rows - 1 && page->shown < page->shown_max &&
        page->table.len < TABLE_BYTES_MAX - ROW_BYTES_MAX) {
        show(page, row);
        page->shown++;
    }
}
