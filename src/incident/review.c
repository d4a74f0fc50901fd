/* SPDX-License-Identifier: Apache-2.0
 * review.c: the figures of a time and of the one before it, gathered into one object; from that,
 * the page, the Markdown and the files. */
#include "incident/review.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/money.h"
#include "incident/incident.h"
#include "incident/paper.h"
#include "match/match.h"

#define DAY_US (INT64_C(24) * 3600 * US_PER_SECOND)
#define ID_SLACK_US (60 * US_PER_SECOND) /* an id is made before its row, at most so long */
enum { WEEK_DAYS = 7, TEXT_CHARS_MAX = 160 };

enum review_section {
#define X(NAME, name, title, title_zh) SECTION_##NAME,
#include "incident/review_sections.def"
#undef X
    SECTIONS
};
static const struct {
    const char *name, *title[NOTICE_LANGUAGES];
} sections[SECTIONS] = {
#define X(NAME, name, title, title_zh) {name, {title, title_zh}},
#include "incident/review_sections.def"
#undef X
};

enum figure_kind { FIGURE_COUNT, FIGURE_SHARE, FIGURE_SPAN, FIGURE_MONEY };
enum figure_label { LABEL_PLAIN, LABEL_CAUSE, LABEL_CLASS, LABEL_COMPLAINT };
static const char *const kind_names[] = {"count", "share", "span", "money"};

static const struct figure {
    const char *name;
    enum review_section section;
    enum figure_kind kind;
    enum figure_label label;
    const char *title[NOTICE_LANGUAGES], *sql;
} figures[] = {
#define X(NAME, name, section, kind, label, title, title_zh, sql)                                  \
    {name, SECTION_##section, FIGURE_##kind, LABEL_##label, {title, title_zh}, sql},
#include "incident/review_figures.def"
#undef X
};

static const char *const complaint_names[] = {
#define X(NAME, number, name) [number] = (name),
#include "watch/complaint_kinds.def"
#undef X
};

/* ---- the time ---- */

/* The Monday with which a week of ISO 8601 begins: the first week has the 4th of January. */
static bool week_begins(int year, int week, int64_t *ret_s) {
    int64_t fourth_s = 0;
    if (week < 1 || week > 53 || !calendar_date(year, 1, 4, &fourth_s)) {
        return false;
    }
    int64_t day = fourth_s / 86400, monday = day - (day + 3) % WEEK_DAYS;
    *ret_s = (monday + (int64_t)(week - 1) * WEEK_DAYS) * 86400;
    return true;
}

bool review_period_parse(const char *text, struct review_period *ret_period) {
    int year = 0, number = 0, read = 0;
    int64_t from_s = 0, next_s = 0;
    struct review_period period = {.week = strchr(text, 'W') != NULL};
    bool whole = period.week ? strlen(text) == 8 &&
                                   sscanf(text, "%4d-W%2d%n", &year, &number, &read) == 2 &&
                                   read == 8
                             : strlen(text) == 7 &&
                                   sscanf(text, "%4d-%2d%n", &year, &number, &read) == 2 &&
                                   read == 7;
    if (!whole || year < 2000 || year > 9998) {
        return false;
    }
    if (period.week) { /* a year has 52 weeks, or 53 */
        int64_t first_s = 0;
        if (!week_begins(year, number, &from_s) || !week_begins(year + 1, 1, &first_s) ||
            from_s >= first_s) {
            return false;
        }
        next_s = from_s + WEEK_DAYS * 86400;
        period.before_us = (from_s - WEEK_DAYS * 86400) * US_PER_SECOND;
    } else {
        if (!calendar_date(year, number, 1, &from_s)) {
            return false;
        }
        next_s = calendar_step(from_s, 1, UNIT_MONTH, 1);
        period.before_us = calendar_step(from_s, 1, UNIT_MONTH, -1) * US_PER_SECOND;
    }
    period.from_us = from_s * US_PER_SECOND;
    period.until_us = next_s * US_PER_SECOND;
    snprintf(period.name, sizeof period.name, "%s", text);
    *ret_period = period;
    return true;
}

struct review_period review_period_last(int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    struct review_period now = {.before_us = 0}, last = now;
    clock_format(at_us, text); /* "2026-11-…" */
    text[7] = '\0';
    bool parsed = review_period_parse(text, &now);
    clock_format(now.before_us, text);
    text[7] = '\0';
    parsed = parsed && review_period_parse(text, &last);
    INVARIANT(parsed, "the clock is between 2000 and 9998");
    return last;
}

bool review_format_parse(const char *name, enum review_format *ret_format) {
    static const char *const names[] = {"json", "markdown", "html", "csv", "xlsx"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum review_format)i;
            return true;
        }
    }
    return false;
}

/* ---- counting ---- */

struct gathering {
    const struct review_period *period;
    json_t *review;
};

static const char *label_of(const struct figure *figure, const char *label) {
    int64_t number = strtoll(label, NULL, 10);
    switch (figure->label) {
    case LABEL_CAUSE:
        return incident_cause_name(number);
    case LABEL_CLASS:
        return match_class_name((enum match_class)number);
    case LABEL_COMPLAINT:
        return number > 0 && number < (int64_t)COUNT_OF(complaint_names) ? complaint_names[number]
                                                                         : "?";
    case LABEL_PLAIN:
        break;
    }
    return label;
}

/* The row of this label in `rows`, made where there is none; past the room it is "other". */
static json_t *row_of(json_t *rows, const char *label) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "label")), label) == 0) {
            return row;
        }
    }
    if (json_array_size(rows) >= REVIEW_LABELS_MAX && strcmp(label, "other") != 0) {
        return row_of(rows, "other");
    }
    row = json_pack("{s:s, s:{}, s:{}}", "label", label, "now", "before");
    json_array_append_new(rows, row);
    return row;
}

static void add(json_t *told, const char *key, int64_t number) {
    json_object_set_new(told, key, json_integer(json_peek_int(told, 0, key, NULL) + number));
}

/* Sorted already: the statements order them. */
static void tell_spans(json_t *told, const GArray *spans) {
    guint count = spans->len;
    const int64_t *us = (const int64_t *)(void *)spans->data;
    if (count == 0) {
        return;
    }
    json_object_set_new(told, "n", json_integer(count));
    json_object_set_new(told, "median_s", json_integer(us[(count - 1) / 2] / US_PER_SECOND));
    json_object_set_new(told, "p90_s", json_integer(us[(count - 1) * 9 / 10] / US_PER_SECOND));
    json_object_set_new(told, "longest_s", json_integer(us[count - 1] / US_PER_SECOND));
}

/* `key`: "now" or "before". */
static int count(struct store_tx *tx, const struct figure *figure, json_t *rows, const char *key,
                 int64_t from_us, int64_t until_us, struct err *err) {
    char from_id[ID_TEXT_MAX], until_id[ID_TEXT_MAX];
    GArray *spans = g_array_new(false, false, sizeof(int64_t));
    SQL_ROWS_AUTO found = NULL;
    id_floor("pay", from_us - ID_SLACK_US, from_id);
    id_floor("pay", until_us + ID_SLACK_US, until_id);
    /* An engine takes as many parameters as a statement has. */
    int r = strstr(figure->sql, "$3") == NULL
                ? sql_query(tx, err, &found, figure->sql, S_INT(from_us), S_INT(until_us))
                : sql_query(tx, err, &found, figure->sql, S_INT(from_us), S_INT(until_us),
                            S_TEXT(from_id), S_TEXT(until_id));
    while (r >= 0 && (r = sql_next(found, err)) > 0) {
        int64_t n = sql_int(found, 1);
        json_t *told = json_object_get(row_of(rows, label_of(figure, sql_text(found, 0))), key);
        if (figure->kind == FIGURE_SPAN) {
            if (spans->len < REVIEW_SPANS_MAX) {
                g_array_append_val(spans, n);
            }
            continue;
        }
        add(told, "n", n);
        if (figure->kind == FIGURE_SHARE) {
            add(told, "of", sql_int(found, 2));
        }
    }
    if (figure->kind == FIGURE_SPAN && spans->len > 0) {
        tell_spans(json_object_get(row_of(rows, ""), key), spans);
    }
    g_array_free(spans, true);
    return r;
}

static int gather_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct gathering *gathering = ctx;
    const struct review_period *period = gathering->period;
    json_t *told = json_array();
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(figures); i++) {
        const struct figure *figure = &figures[i];
        json_t *rows = json_array();
        json_array_append_new(
            told, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "section",
                            sections[figure->section].name, "name", figure->name, "kind",
                            kind_names[figure->kind], "en", figure->title[NOTICE_EN], "zh",
                            figure->title[NOTICE_ZH], "rows", rows));
        r = count(tx, figure, rows, "now", period->from_us, period->until_us, err);
        r = r < 0 ? r : count(tx, figure, rows, "before", period->before_us, period->from_us, err);
    }
    json_object_set_new(gathering->review, "figures", told); /* a snapshot may be read again */
    return r;
}

static int gather(struct store *store, const struct review_period *period, json_t *review,
                  struct err *err) {
    struct gathering gathering = {period, review};
    char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX], at[CLOCK_TEXT_MAX];
    int64_t now_us = clock_wall_us();
    json_object_set_new(review, "period", json_string(period->name));
    json_object_set_new(review, "from", json_string(clock_format(period->from_us, from)));
    json_object_set_new(review, "until", json_string(clock_format(period->until_us, until)));
    json_object_set_new(review, "at", json_string(clock_format(now_us, at)));
    json_object_set_new(review, "over", json_boolean(now_us >= period->until_us));
    return store_read(store, gather_tx, &gathering, err);
}

/* ---- how a figure is said ---- */

static void say_span(int64_t seconds, char *text, size_t bytes) {
    if (seconds < 120) {
        snprintf(text, bytes, "%lld s", (long long)seconds);
    } else if (seconds < 2 * 3600) {
        snprintf(text, bytes, "%lld min", (long long)(seconds / 60));
    } else if (seconds < 2 * 86400) {
        snprintf(text, bytes, "%lld h", (long long)(seconds / 3600));
    } else {
        snprintf(text, bytes, "%lld d", (long long)(seconds / 86400));
    }
}

/* What is not there is said as that, never as a number. */
static void say(const char *kind, const char *label, const json_t *told, bool chinese,
                char text[TEXT_CHARS_MAX]) {
    int64_t n = json_peek_int(told, 0, "n", NULL), of = json_peek_int(told, 0, "of", NULL);
    char median[32], p90[32], longest[32], money[MONEY_TEXT_MAX];
    if (json_object_get(told, "n") == NULL || (strcmp(kind, "share") == 0 && of == 0)) {
        snprintf(text, TEXT_CHARS_MAX, "%s",
                 strcmp(kind, "count") == 0 || strcmp(kind, "money") == 0 ? "0" : "-");
    } else if (strcmp(kind, "share") == 0) {
        snprintf(text, TEXT_CHARS_MAX, "%.1f %% (%lld / %lld)", 100.0 * (double)n / (double)of,
                 (long long)n, (long long)of);
    } else if (strcmp(kind, "span") == 0) {
        say_span(json_peek_int(told, 0, "median_s", NULL), median, sizeof median);
        say_span(json_peek_int(told, 0, "p90_s", NULL), p90, sizeof p90);
        say_span(json_peek_int(told, 0, "longest_s", NULL), longest, sizeof longest);
        snprintf(text, TEXT_CHARS_MAX, chinese ? "中位 %s,九成内 %s,最长 %s(%lld 次)"
                                               : "median %s, 90 %% within %s, longest %s (%lld)",
                 median, p90, longest, (long long)n);
    } else if (strcmp(kind, "money") == 0) {
        snprintf(text, TEXT_CHARS_MAX, "%s", money_show(n, currency_stored(label), money));
    } else {
        snprintf(text, TEXT_CHARS_MAX, "%lld", (long long)n);
    }
}

/* ---- a page, and Markdown ---- */

static void put_figure(struct paper *paper, const json_t *figure, bool chinese) {
    const char *title = json_string_value(json_object_get(figure, chinese ? "zh" : "en"));
    const char *kind = json_string_value(json_object_get(figure, "kind"));
    const json_t *rows = json_object_get(figure, "rows"), *row;
    size_t i;
    char now[TEXT_CHARS_MAX], before[TEXT_CHARS_MAX];
    if (json_array_size(rows) == 0) {
        say(kind, "", NULL, chinese, now);
        PAPER_ROW(paper, title, "", now, now);
    }
    json_array_foreach(rows, i, row) {
        const char *label = json_string_value(json_object_get(row, "label"));
        say(kind, label, json_object_get(row, "now"), chinese, now);
        say(kind, label, json_object_get(row, "before"), chinese, before);
        PAPER_ROW(paper, i == 0 ? title : "", label, now, before);
    }
}

static void put_paper(const json_t *review, enum review_format format,
                      enum notice_language language, struct buf *buf) {
    bool chinese = language == NOTICE_ZH;
    char title[80];
    const char *period = json_string_value(json_object_get(review, "period"));
    snprintf(title, sizeof title, chinese ? "支付复盘 %s" : "Review of %s", period);
    struct paper paper = paper_begin(format == REVIEW_HTML ? PAPER_HTML : PAPER_MARKDOWN, language,
                                     title, buf);
    if (!json_is_true(json_object_get(review, "over"))) {
        paper_alarm(&paper, chinese ? "该时段尚未结束。" : "This time is not over yet.");
    }
    for (int section = 0; section < SECTIONS; section++) {
        size_t i;
        const json_t *figure;
        paper_heading(&paper, sections[section].title[language]);
        if (chinese) {
            PAPER_TABLE(&paper, "指标", "类别", "本期", "上期");
        } else {
            PAPER_TABLE(&paper, "Figure", "Of", "Now", "The time before");
        }
        json_array_foreach(json_object_get(review, "figures"), i, figure) {
            if (strcmp(json_string_value(json_object_get(figure, "section")),
                       sections[section].name) == 0) {
                put_figure(&paper, figure, chinese);
            }
        }
    }
    paper_end(&paper);
}

/* ---- files ---- */

static const struct sheet_column columns[] = {
    {SHEET_TEXT, "section", 0, NULL}, {SHEET_TEXT, "figure", 0, NULL},
    {SHEET_TEXT, "kind", 0, NULL},    {SHEET_TEXT, "of", 0, NULL},
    {SHEET_TEXT, "measure", 0, NULL}, {SHEET_NUMBER, "now", 0, NULL},
    {SHEET_NUMBER, "before", 0, NULL},
};

static void put_line(struct sheet *sheet, const json_t *figure, const json_t *row,
                     const char *measure) {
    const json_t *now = json_object_get(json_object_get(row, "now"), measure),
                 *before = json_object_get(json_object_get(row, "before"), measure);
    const struct sheet_cell cells[COUNT_OF(columns)] = {
        {.text = json_string_value(json_object_get(figure, "section"))},
        {.text = json_string_value(json_object_get(figure, "name"))},
        {.text = json_string_value(json_object_get(figure, "kind"))},
        {.text = json_string_value(json_object_get(row, "label"))},
        {.text = measure},
        {.number = json_integer_value(now), .said = now != NULL},
        {.number = json_integer_value(before), .said = before != NULL},
    };
    if (now != NULL || before != NULL) {
        sheet_row(sheet, cells);
    }
}

static int put_sheet(const json_t *review, enum review_format format, struct buf *buf,
                     struct err *err) {
    static const char *const measures[] = {"n", "of", "median_s", "p90_s", "longest_s"};
    struct sheet *sheet = sheet_open(format == REVIEW_CSV ? SHEET_CSV : SHEET_XLSX, "Review",
                                     columns, COUNT_OF(columns), xlsx_into_buf, buf);
    size_t i, j;
    const json_t *figure, *row;
    json_array_foreach(json_object_get(review, "figures"), i, figure) {
        json_array_foreach(json_object_get(figure, "rows"), j, row) {
            for (size_t k = 0; k < COUNT_OF(measures); k++) {
                put_line(sheet, figure, row, measures[k]);
            }
        }
    }
    return sheet_close(sheet, err);
}

static void put_json(const json_t *review, struct buf *buf) {
    char *text = json_dumps(review, JSON_COMPACT);
    buf_add_text(buf, text != NULL ? text : "");
    free(text);
}

int review_write(struct store *store, const struct review_period *period,
                 enum review_format format, enum notice_language language, struct buf *buf,
                 struct err *err) {
    JSON_AUTO review = json_object();
    int r = gather(store, period, review, err);
    if (r < 0) {
        return r;
    }
    switch (format) {
    case REVIEW_JSON:
        put_json(review, buf);
        break;
    case REVIEW_MARKDOWN:
    case REVIEW_HTML:
        put_paper(review, format, language, buf);
        break;
    case REVIEW_CSV:
    case REVIEW_XLSX:
        r = put_sheet(review, format, buf, err);
        break;
    }
    return r < 0 ? r
           : buf_ok(buf) ? 0
                         : err_set(err, ERR_TOO_LARGE, "the review of %s is too large",
                                   period->name);
}
