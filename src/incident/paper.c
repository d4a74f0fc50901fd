/* SPDX-License-Identifier: Apache-2.0
 * paper.c: documents in Markdown and HTML; see paper.h. */
#include "incident/paper.h"

#include <string.h>

enum { OPEN_NOTHING, OPEN_LIST, OPEN_STEPS, OPEN_TABLE };

static const char style[] =
    "body{font:15px/1.5 system-ui,-apple-system,'Noto Sans',sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}h1{font-size:1.5rem}"
    "h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #d5dae0;"
    "padding-bottom:.2rem}table{border-collapse:collapse;width:100%;margin:.6rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #e3e7eb;"
    "overflow-wrap:anywhere}td:first-child,th{overflow-wrap:normal}"
    "th{font-weight:600;color:#4a5560}"
    "code{background:#f2f4f6;border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}"
    "blockquote{margin:.6rem 0;padding:.2rem 1rem;border-left:3px solid #9aa7b4;"
    "white-space:pre-wrap}.source{color:#5b6672;font-size:.85rem}"
    ".alarm{border:2px solid #b3261e;background:#fdeceb;padding:.6rem 1rem;font-weight:600}"
    "svg{width:100%;height:auto;margin:.6rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#e4e8ec}"
    "h2{border-color:#3a434d}th{color:#a9b4bf}th,td{border-color:#2b333c}code{background:#232a32}"
    ".source{color:#9aa5b0}.alarm{background:#3a1815;border-color:#e0665c}}"
    "@media print{body{margin:0;max-width:none}}";

void paper_escape(struct buf *buf, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_add_text(buf, "&amp;");
            break;
        case '<':
            buf_add_text(buf, "&lt;");
            break;
        case '>':
            buf_add_text(buf, "&gt;");
            break;
        case '"':
            buf_add_text(buf, "&quot;");
            break;
        case '\'':
            buf_add_text(buf, "&#39;");
            break;
        default:
            buf_add_char(buf, *text);
        }
    }
}

/* Every mark that could begin something in Markdown stands for itself; a line end is a blank. */
static void mark_down(struct buf *buf, const char *text) {
    bool begins = true;
    for (; *text != '\0'; text++) {
        bool line = *text == '\n' || *text == '\r';
        bool lists = begins && (*text == '-' || *text == '+' || *text == '=' || *text == '~');
        if (lists || strchr("\\`*_[]<>|#&", *text) != NULL) {
            buf_add_char(buf, '\\');
        }
        buf_add_char(buf, line ? ' ' : *text);
        begins = line || (begins && *text == ' ');
    }
}

static bool is_page(const struct paper *paper) {
    return paper->format == PAPER_HTML;
}

static void put(const struct paper *paper, const char *text) {
    if (is_page(paper)) {
        paper_escape(paper->buf, text);
    } else {
        mark_down(paper->buf, text);
    }
}

/* What is open ends where something of another kind comes. */
static void turn_to(struct paper *paper, int kind) {
    static const char *const ends[] = {"", "</ul>\n", "</ol>\n", "</tbody></table>\n"};
    static const char *const begins[] = {"", "<ul>\n", "<ol>\n", ""};
    if (paper->open == kind) {
        return;
    }
    if (is_page(paper)) {
        buf_add_text(paper->buf, ends[paper->open]);
        buf_add_text(paper->buf, begins[kind]);
    } else if (paper->open != OPEN_NOTHING) {
        buf_add_char(paper->buf, '\n');
    }
    paper->open = kind;
}

struct paper paper_begin(enum paper_format format, enum notice_language language,
                         const char *title, struct buf *buf) {
    struct paper paper = {.format = format, .language = language, .buf = buf};
    if (is_page(&paper)) {
        buf_addf(buf,
                 "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                 "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<title>",
                 language == NOTICE_ZH ? "zh-CN" : "en");
        put(&paper, title);
        buf_addf(buf, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    } else {
        buf_add_text(buf, "# ");
    }
    put(&paper, title);
    buf_add_text(buf, is_page(&paper) ? "</h1>\n" : "\n\n");
    return paper;
}

void paper_end(struct paper *paper) {
    turn_to(paper, OPEN_NOTHING);
    buf_add_text(paper->buf, is_page(paper) ? "</body>\n</html>\n" : "");
}

static void block(struct paper *paper, const char *before, const char *after,
                  const char *mark_before, const char *mark_after, const char *text) {
    turn_to(paper, OPEN_NOTHING);
    buf_add_text(paper->buf, is_page(paper) ? before : mark_before);
    put(paper, text);
    buf_add_text(paper->buf, is_page(paper) ? after : mark_after);
}

void paper_heading(struct paper *paper, const char *text) {
    block(paper, "<h2>", "</h2>\n", "## ", "\n\n", text);
}

void paper_text(struct paper *paper, const char *text) {
    block(paper, "<p>", "</p>\n", "", "\n\n", text);
}

void paper_source(struct paper *paper, const char *text) {
    block(paper, "<p class=\"source\">", "</p>\n", "*", "*\n\n", text);
}

void paper_alarm(struct paper *paper, const char *text) {
    block(paper, "<p class=\"alarm\">", "</p>\n", "> **", "**\n\n", text);
}

/* In Markdown each of its lines is quoted by itself. */
void paper_quote(struct paper *paper, const char *text) {
    if (is_page(paper)) {
        block(paper, "<blockquote>", "</blockquote>\n", "", "", text);
        return;
    }
    turn_to(paper, OPEN_NOTHING);
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        BUF_AUTO line;
        buf_init(&line, bytes + 1);
        buf_add(&line, text, bytes);
        buf_add_text(paper->buf, "> ");
        mark_down(paper->buf, line.data);
        text += bytes + (text[bytes] == '\n');
        buf_add_text(paper->buf, *text != '\0' ? "  \n" : "\n");
    }
    buf_add_char(paper->buf, '\n');
}

void paper_item(struct paper *paper, const char *text) {
    turn_to(paper, OPEN_LIST);
    buf_add_text(paper->buf, is_page(paper) ? "<li>" : "- ");
    put(paper, text);
    buf_add_text(paper->buf, is_page(paper) ? "</li>\n" : "\n");
}

static void put_command(const struct paper *paper, const char *command) {
    if (is_page(paper)) {
        buf_add_text(paper->buf, "<br><code>");
        paper_escape(paper->buf, command);
        buf_add_text(paper->buf, "</code>");
        return;
    }
    buf_add_text(paper->buf, "  \n   `");
    for (const char *at = command; *at != '\0'; at++) {
        buf_add_char(paper->buf, *at == '`' || *at == '\n' ? '\'' : *at);
    }
    buf_add_char(paper->buf, '`');
}

void paper_step(struct paper *paper, int number, const char *text, const char *command) {
    turn_to(paper, OPEN_STEPS);
    if (is_page(paper)) {
        buf_add_text(paper->buf, "<li>");
    } else {
        buf_addf(paper->buf, "%d. ", number);
    }
    put(paper, text);
    if (command != NULL && command[0] != '\0') {
        put_command(paper, command);
    }
    buf_add_text(paper->buf, is_page(paper) ? "</li>\n" : "\n");
}

void paper_table(struct paper *paper, const char *const *names) {
    turn_to(paper, OPEN_NOTHING);
    paper->columns = 0;
    buf_add_text(paper->buf, is_page(paper) ? "<table><thead><tr>" : "|");
    for (; names[paper->columns] != NULL && paper->columns < PAPER_COLUMNS_MAX; paper->columns++) {
        buf_add_text(paper->buf, is_page(paper) ? "<th>" : " ");
        put(paper, names[paper->columns]);
        buf_add_text(paper->buf, is_page(paper) ? "</th>" : " |");
    }
    buf_add_text(paper->buf, is_page(paper) ? "</tr></thead><tbody>\n" : "\n|");
    for (int i = 0; !is_page(paper) && i < paper->columns; i++) {
        buf_add_text(paper->buf, " --- |");
    }
    buf_add_text(paper->buf, is_page(paper) ? "" : "\n");
    paper->open = OPEN_TABLE;
}

void paper_row(struct paper *paper, const char *const *cells) {
    INVARIANT(paper->open == OPEN_TABLE, "a row belongs to a table");
    buf_add_text(paper->buf, is_page(paper) ? "<tr>" : "|");
    for (int i = 0; i < paper->columns; i++) {
        const char *cell = cells[i] != NULL ? cells[i] : "";
        buf_add_text(paper->buf, is_page(paper) ? "<td>" : " ");
        put(paper, cell);
        buf_add_text(paper->buf, is_page(paper) ? "</td>" : " |");
    }
    buf_add_text(paper->buf, is_page(paper) ? "</tr>\n" : "\n");
}
