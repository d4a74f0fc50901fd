/* SPDX-License-Identifier: Apache-2.0
 * kb_search.c: which pages a query finds, and in which order (kb.h). Every page is looked at: a
 * thousand of them are some ten thousand binary searches, far less than the answer costs. */
#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "desk/kb_impl.h"

enum { TERMS_MAX = 64, LIMIT = 20, SNIPPET_CHARS = 160, ANSWER_BYTES_MAX = 1024 * 1024 };
#define K1 1.2
#define B 0.75

struct terms {
    uint64_t list[TERMS_MAX];
    int pages[TERMS_MAX]; /* that have it */
    int count;
};
struct found {
    const struct kb_page *page;
    double score;
};

static void ask_term(void *ctx, uint64_t term, enum kb_term_kind kind) {
    struct terms *terms = ctx;
    for (int i = 0; i < terms->count; i++) {
        if (terms->list[i] == term) {
            return;
        }
    }
    if (kind != KB_SINGLE && terms->count < TERMS_MAX) {
        terms->list[terms->count++] = term;
    }
}

static double weight_of(const struct kb_page *page, uint64_t term) {
    int low = 0, high = page->weight_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (page->weights[middle].term < term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < page->weight_count && page->weights[low].term == term ? page->weights[low].weight
                                                                       : 0;
}

static double score_of(const struct kb *kb, const struct terms *terms, const struct kb_page *page,
                       double usual_length) {
    double score = 0, matched = 0;
    for (int i = 0; i < terms->count; i++) {
        double weight = weight_of(page, terms->list[i]);
        double rare = log(1 + (kb->page_count - terms->pages[i] + 0.5) / (terms->pages[i] + 0.5));
        double norm = K1 * (1 - B + B * page->length / usual_length);
        score += weight > 0 ? rare * weight * (K1 + 1) / (weight + norm) : 0;
        matched += weight > 0;
    }
    double share = terms->count > 0 ? matched / terms->count : 0;
    return score * share * share;
}

/* ---- which ---- */

static bool is_asked(const struct kb_page *page, const struct kb_query *query) {
    return (query->language[0] == '\0' || strcmp(page->language, query->language) == 0) &&
           (query->kind[0] == '\0' || strcmp(kb_kind_name(page->kind), query->kind) == 0) &&
           (query->about[0] == '\0' || kb_listed(page->about, query->about));
}

static int better_first(const void *a, const void *b) {
    const struct found *left = a, *right = b;
    if (left->score != right->score) {
        return left->score > right->score ? -1 : 1;
    }
    int r = strcmp(left->page->page, right->page->page);
    return r != 0 ? r : strcmp(left->page->language, right->page->language);
}

/* Of a page in two languages the better one: the pages are in order of their names. */
static void add(struct found *found, int *count, const struct kb_page *page, double score,
                bool both) {
    struct found *last = *count > 0 ? &found[*count - 1] : NULL;
    if (!both && last != NULL && strcmp(last->page->page, page->page) == 0) {
        *last = score > last->score ? (struct found){page, score} : *last;
    } else {
        found[(*count)++] = (struct found){page, score};
    }
}

static int look(const struct kb *kb, const struct kb_query *query, struct terms *terms,
                struct found *found) {
    double lengths = 1;
    int count = 0;
    for (int i = 0; i < kb->page_count; i++) {
        lengths += kb->pages[i]->length;
        for (int j = 0; j < terms->count; j++) {
            terms->pages[j] += weight_of(kb->pages[i], terms->list[j]) > 0;
        }
    }
    for (int i = 0; i < kb->page_count; i++) {
        const struct kb_page *page = kb->pages[i];
        double score = score_of(kb, terms, page, lengths / kb->page_count);
        if (is_asked(page, query) && (query->text[0] == '\0' || score > 0)) {
            add(found, &count, page, score, query->text[0] == '\0');
        }
    }
    qsort(found, (size_t)count, sizeof *found, better_first);
    return count;
}

/* ---- a line of it ---- */

struct seeking {
    const struct terms *terms;
    int hits;
};

static void hit(void *ctx, uint64_t term, enum kb_term_kind kind) {
    struct seeking *seeking = ctx;
    (void)kind;
    for (int i = 0; i < seeking->terms->count; i++) {
        seeking->hits += seeking->terms->list[i] == term;
    }
}

/* The line with the most of the terms; without any the first line that is text. */
static void snippet(const struct kb_page *page, const struct terms *terms, struct buf *buf) {
    const char *best = "";
    size_t best_bytes = 0;
    int best_hits = -1;
    for (const char *line = page->body; *line != '\0';) {
        size_t bytes = strcspn(line, "\n");
        struct seeking seeking = {terms, 0};
        kb_terms(line, bytes, hit, &seeking);
        if (bytes > 0 && line[0] != '#' && seeking.hits > best_hits) {
            best = line;
            best_bytes = bytes;
            best_hits = seeking.hits;
        }
        line += bytes + (line[bytes] != '\0');
    }
    char *text = g_strndup(best, best_bytes);
    if (g_utf8_strlen(text, -1) > SNIPPET_CHARS) {
        *g_utf8_offset_to_pointer(text, SNIPPET_CHARS) = '\0';
    }
    buf_add_json(buf, text);
    g_free(text);
}

static void render(const struct found *found, int count, int limit, const struct terms *terms,
                   struct buf *buf) {
    buf_add_text(buf, "{\"data\":[");
    for (int i = 0; i < count && i < limit; i++) {
        buf_add_text(buf, i > 0 ? ",{" : "{");
        kb_page_render(found[i].page, buf);
        buf_addf(buf, ",\"score\":%.3f,\"snippet\":", found[i].score);
        snippet(found[i].page, terms, buf);
        buf_add_char(buf, '}');
    }
    buf_addf(buf, "],\"total\":%d}", count);
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

int kb_search(struct kb *kb, const struct kb_query *asked, struct answer *ret_answer,
              struct err *err) {
    const struct kb_query query = {or_empty(asked->text), or_empty(asked->language),
                                   or_empty(asked->kind), or_empty(asked->about), asked->limit};
    if (!g_utf8_validate(query.text, -1, NULL) ||
        g_utf8_strlen(query.text, -1) > KB_QUERY_CHARS_MAX) {
        err_set(err, ERR_VALIDATION, "a query is text of at most %d characters",
                KB_QUERY_CHARS_MAX);
        return err_place(err, "query parameter q");
    }
    struct terms terms = {.count = 0};
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    kb_terms(query.text, strlen(query.text), ask_term, &terms);
    lock_take(&kb->lock);
    int r = kb_refresh(kb, err);
    if (r >= 0) {
        struct found *found = g_new0(struct found, kb->page_count + 1);
        int count = look(kb, &query, &terms, found);
        render(found, count, query.limit > 0 ? query.limit : LIMIT, &terms, &buf);
        g_free(found);
    }
    lock_give(&kb->lock);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int kb_links(struct kb *kb, const char *const *about, const char *language, struct buf *buf,
             struct err *err) {
    const char *comma = "";
    lock_take(&kb->lock);
    int r = kb_refresh(kb, err);
    buf_add_char(buf, '[');
    for (int i = 0; r >= 0 && i < kb->page_count; i++) {
        const struct kb_page *page = kb->pages[i];
        bool listed = false;
        for (int j = 0; about[j] != NULL; j++) {
            listed = listed || kb_listed(page->about, about[j]);
        }
        if (listed && strcmp(page->language, language) == 0) {
            buf_addf(buf, "%s{\"page\":\"%s\",\"title\":", comma, page->page);
            buf_add_json(buf, page->title);
            buf_add_char(buf, '}');
            comma = ",";
        }
    }
    buf_add_char(buf, ']');
    lock_give(&kb->lock);
    return r;
}
