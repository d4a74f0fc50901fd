/* SPDX-License-Identifier: Apache-2.0
 * kb_page.c: one page: its front matter, and the weights of its terms (kb.h). */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/pan.h"
#include "base/text.h"
#include "desk/kb_impl.h"

enum { TITLE_WEIGHT = 8, TAGS_WEIGHT = 5, HEADING_WEIGHT = 3, BODY_WEIGHT = 1 };
enum { VERSION_MAX = 1000000 };
#define FENCE "---"

static const struct {
    const char *name;
    bool edited;
} kinds[] = {
#define X(NAME, name, edited, what) {name, edited},
#include "desk/kb_kinds.def"
#undef X
};
static_assert(COUNT_OF(kinds) == KB_KINDS, "every kind has a row");

const char *kb_kind_name(enum kb_kind kind) {
    return kinds[kind].name;
}

bool kb_name_is_good(const char *page) {
    size_t chars = strspn(page, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return page[chars] == '\0' && chars >= 2 && chars <= KB_PAGE_CHARS_MAX && page[0] != '-';
}

/* ---- lists with commas ---- */

/* The next item of a list, without blanks round it; false: there is none. */
static bool next_item(const char **list, const char **ret_item, size_t *ret_bytes) {
    const char *at = *list + strspn(*list, " ,");
    size_t bytes = strcspn(at, ",");
    *list = at + bytes;
    while (bytes > 0 && at[bytes - 1] == ' ') {
        bytes--;
    }
    *ret_item = at;
    *ret_bytes = bytes;
    return bytes > 0;
}

bool kb_listed(const char *list, const char *item) {
    const char *at = NULL;
    size_t bytes = 0;
    while (next_item(&list, &at, &bytes)) {
        if (strlen(item) == bytes && strncmp(at, item, bytes) == 0) {
            return true;
        }
    }
    return false;
}

void kb_list_render(const char *list, struct buf *buf) {
    const char *at = NULL, *comma = "";
    size_t bytes = 0;
    buf_add_char(buf, '[');
    while (next_item(&list, &at, &bytes)) {
        char *item = g_strndup(at, bytes);
        buf_add_text(buf, comma);
        buf_add_json(buf, item);
        g_free(item);
        comma = ",";
    }
    buf_add_char(buf, ']');
}

/* ---- front matter ---- */

static int wrong(struct err *err, int line, const char *what) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "A page begins with \"---\", lines \"title: …\", \"kind: …\", \"tags: …\", "
                  "\"version: …\", \"reviewed: 2026-11-23\" (\"for: …\" may lack), and \"---\".");
    return err_place(err, "/text line %d", line);
}

static bool is_day(const char *text) {
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}

static int take_kind(struct kb_page *page, const char *value, int line, struct err *err) {
    for (int kind = 0; kind < KB_KINDS; kind++) {
        if (kinds[kind].edited && strcmp(kinds[kind].name, value) == 0) {
            page->kind = (enum kb_kind)kind;
            return 0;
        }
    }
    return wrong(err, line, "the kind is sop, faq or gateway");
}

static int take_version(struct kb_page *page, const char *value, int line, struct err *err) {
    char *end = NULL;
    long long number = strtoll(value, &end, 10);
    if (*end != '\0' || end == value || number < 1 || number > VERSION_MAX) {
        return wrong(err, line, "the version is a number from 1");
    }
    page->shipped_version = number;
    page->version = number;
    return 0;
}

static int take_text(char **ret_text, const char *value, int line, struct err *err) {
    if (*ret_text != NULL || g_utf8_strlen(value, -1) > KB_TITLE_CHARS_MAX * 4) {
        return wrong(err, line, "this stands there twice, or is too long");
    }
    *ret_text = g_strdup(value);
    return 0;
}

/* `line` is "key: value". */
static int take_line(struct kb_page *page, const char *text, int line, struct err *err) {
    size_t key = strcspn(text, ":");
    if (strncmp(text + key, ": ", 2) != 0) {
        return wrong(err, line, "this is not \"key: value\"");
    }
    const char *value = text + key + 2;
    char *name = g_strndup(text, key);
    int r = -1;
    if (strcmp(name, "title") == 0) {
        r = take_text(&page->title, value, line, err);
    } else if (strcmp(name, "tags") == 0) {
        r = take_text(&page->tags, value, line, err);
    } else if (strcmp(name, "for") == 0) {
        r = take_text(&page->about, value, line, err);
    } else if (strcmp(name, "kind") == 0) {
        r = take_kind(page, value, line, err);
    } else if (strcmp(name, "version") == 0) {
        r = take_version(page, value, line, err);
    } else if (strcmp(name, "reviewed") == 0) {
        r = is_day(value) ? take_text(&page->reviewed, value, line, err)
                          : wrong(err, line, "the day is written 2026-11-23");
    } else {
        r = wrong(err, line, "there is no such key");
    }
    g_free(name);
    return r;
}

static int take_front(struct kb_page *page, struct err *err) {
    const char *at = page->source;
    int line = 1, r = 0;
    if (strncmp(at, FENCE "\n", strlen(FENCE) + 1) != 0) {
        return wrong(err, line, "the first line is not \"---\"");
    }
    for (;;) {
        at += strcspn(at, "\n");
        at += *at != '\0';
        line++;
        size_t bytes = strcspn(at, "\n");
        if (*at == '\0') {
            return wrong(err, line, "the front matter has no end: a line \"---\"");
        }
        if (bytes == strlen(FENCE) && strncmp(at, FENCE, bytes) == 0) {
            break;
        }
        char *one = g_strndup(at, bytes);
        r = take_line(page, one, line, err);
        g_free(one);
        if (r < 0) {
            return r;
        }
    }
    at += strlen(FENCE);
    page->body = at + strspn(at, "\n");
    page->about = page->about != NULL ? page->about : g_strdup("");
    if (page->title == NULL || page->tags == NULL || page->reviewed == NULL ||
        page->version == 0 || page->kind == KB_KINDS) {
        return wrong(err, line, "title, kind, tags, version or reviewed is missing");
    }
    return g_utf8_strlen(page->title, -1) <= KB_TITLE_CHARS_MAX
               ? 0
               : wrong(err, line, "the title has more than 120 characters");
}

/* ---- terms ---- */

struct collected {
    GArray *weights;
    double weight, length;
};

static void collect(void *ctx, uint64_t term, enum kb_term_kind kind) {
    struct collected *collected = ctx;
    const struct kb_weight one = {term, collected->weight};
    g_array_append_val(collected->weights, one);
    collected->length += kind == KB_SINGLE ? 0 : collected->weight;
}

static int by_term(const void *a, const void *b) {
    uint64_t left = ((const struct kb_weight *)a)->term, right = ((const struct kb_weight *)b)->term;
    return left < right ? -1 : left > right;
}

static void weigh(struct kb_page *page) {
    struct collected all = {g_array_new(false, false, sizeof(struct kb_weight)), TITLE_WEIGHT, 0};
    kb_terms(page->title, strlen(page->title), collect, &all);
    kb_terms(page->page, strlen(page->page), collect, &all);
    all.weight = TAGS_WEIGHT;
    kb_terms(page->tags, strlen(page->tags), collect, &all);
    for (const char *line = page->body; *line != '\0';) {
        size_t bytes = strcspn(line, "\n");
        all.weight = line[0] == '#' ? HEADING_WEIGHT : BODY_WEIGHT;
        kb_terms(line, bytes, collect, &all);
        line += bytes + (line[bytes] != '\0');
    }
    g_array_sort(all.weights, by_term);
    int kept = 0;
    struct kb_weight *rows = &g_array_index(all.weights, struct kb_weight, 0);
    for (guint i = 0; i < all.weights->len; i++) {
        if (kept > 0 && rows[kept - 1].term == rows[i].term) {
            rows[kept - 1].weight += rows[i].weight;
        } else {
            rows[kept++] = rows[i];
        }
    }
    page->weight_count = kept;
    page->length = all.length;
    page->weights = (struct kb_weight *)(void *)g_array_free(all.weights, false);
}

/* ---- whole pages ---- */

static struct kb_page *page_new(const char *name, const char *language, const char *text) {
    struct kb_page *page = g_new0(struct kb_page, 1);
    g_strlcpy(page->page, name, sizeof page->page);
    g_strlcpy(page->language, language, sizeof page->language);
    page->source = g_strdup(text);
    page->kind = KB_KINDS;
    return page;
}

static int check_text(const char *text, struct err *err) {
    if (!g_utf8_validate(text, -1, NULL) || text_has_controls(text, true)) {
        return wrong(err, 1, "it is no text of UTF-8, or holds control characters");
    }
    if (g_utf8_strlen(text, -1) > KB_TEXT_CHARS_MAX) {
        return wrong(err, 1, "a page has at most 20,000 characters");
    }
    return pan_refuse_text(text, "/text", err);
}

int kb_page_read(const char *name, const char *language, const char *text,
                 struct kb_page **ret_page, struct err *err) {
    int r = check_text(text, err);
    if (r < 0) {
        return r;
    }
    struct kb_page *page = page_new(name, language, text);
    r = take_front(page, err);
    if (r < 0) {
        kb_page_free(page);
        return r;
    }
    weigh(page);
    *ret_page = page;
    return 0;
}

struct kb_page *kb_page_runbook(const char *name, const char *language, const char *text) {
    struct kb_page *page = page_new(name, language, text);
    const char *title = text + strspn(text, "# ");
    page->kind = KB_RUNBOOK;
    page->body = page->source;
    page->title = g_strndup(title, strcspn(title, "\n"));
    page->tags = g_strdup("");
    page->about = g_strdup("");
    page->reviewed = g_strdup("");
    page->version = page->shipped_version = 1;
    weigh(page);
    return page;
}

void kb_page_free(struct kb_page *page) {
    if (page == NULL) {
        return;
    }
    g_free(page->source);
    g_free(page->title);
    g_free(page->tags);
    g_free(page->about);
    g_free(page->reviewed);
    g_free(page->weights);
    g_free(page);
}

void kb_page_render(const struct kb_page *page, struct buf *buf) {
    buf_addf(buf, "\"page\":\"%s\",\"language\":\"%s\",\"title\":", page->page, page->language);
    buf_add_json(buf, page->title);
    buf_addf(buf, ",\"kind\":\"%s\",\"tags\":", kb_kind_name(page->kind));
    kb_list_render(page->tags, buf);
    buf_add_text(buf, ",\"for\":");
    kb_list_render(page->about, buf);
    buf_addf(buf, ",\"version\":%lld,\"reviewed\":", (long long)page->version);
    if (page->reviewed[0] != '\0') {
        buf_add_json(buf, page->reviewed);
    } else {
        buf_add_text(buf, "null");
    }
    buf_addf(buf, ",\"edited\":%s", page->edited ? "true" : "false");
}
