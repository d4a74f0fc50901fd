/* SPDX-License-Identifier: Apache-2.0
 * guide_html.c: see guide_html.h. A line is looked at once; what is open is closed when a line of
 * another kind comes. */
#include "api/guide_html.h"

#include <string.h>

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1f24}h1{font-size:1.5rem}h2{font-size:1.15rem}code,pre{background:#f2f4f6;"
    "border-radius:4px;padding:.1em .3em}pre{padding:.8em;overflow:auto}li{margin:.3em 0}";

enum block { BLOCK_NONE, BLOCK_PARAGRAPH, BLOCK_NUMBERS, BLOCK_BULLETS, BLOCK_CODE };
static const char *const opens[] = {"", "<p>", "<ol><li>", "<ul><li>", "<pre>"};
static const char *const closes[] = {"", "</p>\n", "</li></ol>\n", "</li></ul>\n", "</pre>\n"};

static void add_char(struct buf *html, char c) {
    switch (c) {
    case '&':
        buf_add_text(html, "&amp;");
        break;
    case '<':
        buf_add_text(html, "&lt;");
        break;
    case '>':
        buf_add_text(html, "&gt;");
        break;
    case '"':
        buf_add_text(html, "&quot;");
        break;
    case '\'':
        buf_add_text(html, "&#39;");
        break;
    default:
        buf_add_char(html, c);
    }
}

/* `code` and **bold** within a block; what is not closed at its end is closed there. */
struct inside {
    bool code, bold;
    const char *pages, *language; /* as in guide_html() */
};

/* "[words](page)" at the start of what is left of a line: how many bytes, 0: it is no link. */
static size_t add_link(struct buf *html, const struct inside *inside, const char *line,
                       size_t bytes) {
    size_t words = 1, name = 0;
    while (words < bytes && line[words] != ']' && line[words] != '[' && line[words] != '`') {
        words++;
    }
    if (inside->pages == NULL || words == 1 || words + 2 >= bytes || line[words] != ']' ||
        line[words + 1] != '(') {
        return 0;
    }
    const char *page = line + words + 2;
    name = strspn(page, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (name == 0 || words + 2 + name >= bytes || page[name] != ')') {
        return 0;
    }
    buf_addf(html, "<a href=\"%s%.*s?lang=%s\">", inside->pages, (int)name, page,
             inside->language);
    for (size_t i = 1; i < words; i++) {
        add_char(html, line[i]);
    }
    buf_add_text(html, "</a>");
    return words + 2 + name + 1;
}

static void add_line(struct buf *html, struct inside *inside, const char *line, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        size_t link = line[i] == '[' && !inside->code
                          ? add_link(html, inside, line + i, bytes - i)
                          : 0;
        if (link > 0) {
            i += link - 1;
        } else if (line[i] == '`') {
            buf_add_text(html, inside->code ? "</code>" : "<code>");
            inside->code = !inside->code;
        } else if (!inside->code && i + 1 < bytes && line[i] == '*' && line[i + 1] == '*') {
            buf_add_text(html, inside->bold ? "</b>" : "<b>");
            inside->bold = !inside->bold;
            i++;
        } else {
            add_char(html, line[i]);
        }
    }
}

static void end_inside(struct buf *html, struct inside *inside) {
    buf_add_text(html, inside->code ? "</code>" : "");
    buf_add_text(html, inside->bold ? "</b>" : "");
    inside->code = inside->bold = false;
}

static void become(struct buf *html, enum block *block, struct inside *inside, enum block next) {
    if (*block == next && (next == BLOCK_NUMBERS || next == BLOCK_BULLETS)) {
        end_inside(html, inside);
        buf_add_text(html, "</li>\n<li>");
        return;
    }
    end_inside(html, inside);
    buf_add_text(html, closes[*block]);
    buf_add_text(html, opens[next]);
    *block = next;
}

static void add_heading(struct buf *html, struct inside *inside, const char *line, size_t bytes) {
    size_t level = 0;
    while (level < bytes && level < 3 && line[level] == '#') {
        level++;
    }
    size_t from = level + (level < bytes && line[level] == ' ' ? 1 : 0);
    buf_addf(html, "<h%zu>", level);
    add_line(html, inside, line + from, bytes - from);
    end_inside(html, inside);
    buf_addf(html, "</h%zu>\n", level);
}

/* "12. " or "- ": how many bytes, and which list; 0: none. */
static size_t item(const char *line, size_t bytes, enum block *ret_list) {
    size_t digits = 0;
    while (digits < bytes && line[digits] >= '0' && line[digits] <= '9') {
        digits++;
    }
    if (digits > 0 && digits + 1 < bytes && line[digits] == '.' && line[digits + 1] == ' ') {
        *ret_list = BLOCK_NUMBERS;
        return digits + 2;
    }
    if (bytes > 1 && line[0] == '-' && line[1] == ' ') {
        *ret_list = BLOCK_BULLETS;
        return 2;
    }
    return 0;
}

static void take_line(struct buf *html, enum block *block, struct inside *inside, const char *line,
                      size_t bytes) {
    enum block list = BLOCK_NONE;
    if (bytes >= 3 && memcmp(line, "```", 3) == 0) {
        become(html, block, inside, *block == BLOCK_CODE ? BLOCK_NONE : BLOCK_CODE);
    } else if (*block == BLOCK_CODE) {
        for (size_t i = 0; i < bytes; i++) {
            add_char(html, line[i]);
        }
        buf_add_char(html, '\n');
    } else if (bytes == 0) {
        become(html, block, inside, BLOCK_NONE);
    } else if (line[0] == '#') {
        become(html, block, inside, BLOCK_NONE);
        add_heading(html, inside, line, bytes);
    } else if (item(line, bytes, &list) > 0) {
        size_t mark = item(line, bytes, &list);
        become(html, block, inside, list);
        add_line(html, inside, line + mark, bytes - mark);
    } else {
        if (*block == BLOCK_NONE) {
            become(html, block, inside, BLOCK_PARAGRAPH);
        } else {
            buf_add_char(html, ' ');
        }
        size_t blanks = 0;
        while (blanks < bytes && line[blanks] == ' ') {
            blanks++;
        }
        add_line(html, inside, line + blanks, bytes - blanks);
    }
}

void guide_html(const char *text, const char *language, const char *pages, struct buf *html) {
    enum block block = BLOCK_NONE;
    struct inside inside = {.pages = pages, .language = language};
    buf_addf(html,
             "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width\"><title>Holdfast</title>"
             "<style>%s</style></head><body>\n",
             language, style);
    while (text[0] != '\0') {
        size_t bytes = strcspn(text, "\n");
        take_line(html, &block, &inside, text, bytes);
        text += bytes + (text[bytes] != '\0' ? 1 : 0);
    }
    become(html, &block, &inside, BLOCK_NONE);
    buf_add_text(html, "</body></html>\n");
}
