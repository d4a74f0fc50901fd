/* SPDX-License-Identifier: Apache-2.0
 * pages.c: the page behind a held order's link, as its customer's browser reads it: what it says,
 * and which buttons it has. He believes it, so it must be true at that moment and stay so. */
#include <stdio.h>
#include <string.h>

#include "sandbox/sandbox_impl.h"
#include "sim/held.h"

enum { PAGE_FORM_CHARS = 96, PAGE_TIMEOUT_S = 20 };
#define SHOP "http://shop.holdfast.sim"

enum word {
#define X(name, english, chinese) WORD_##name,
#include "api/pay_words.def"
#undef X
};
static const char *const words[] = {
#define X(name, english, chinese) [WORD_##name] = (english),
#include "api/pay_words.def"
#undef X
};

/* ---- reading ---- */

/* The heading decides. */
static enum held_phase phase_of(const char *html) {
    static const enum word headings[] = {
        [HELD_OPEN] = WORD_OPEN,
        [HELD_ACT] = WORD_ACT,
        [HELD_PROCESSING] = WORD_PROCESSING,
        [HELD_PAID] = WORD_PAID,
        [HELD_EXPIRED] = WORD_EXPIRED,
        [HELD_CANCELED] = WORD_CANCELED,
        [HELD_FAILED] = WORD_FAILED,
        [HELD_NO_SUCH] = WORD_NO_SUCH,
    };
    const char *heading = strstr(html, "<h1");
    const char *from = heading != NULL ? strchr(heading, '>') : NULL;
    for (size_t i = HELD_OPEN; from != NULL && i < COUNT_OF(headings); i++) {
        size_t chars = strlen(words[headings[i]]);
        if (strncmp(from + 1, words[headings[i]], chars) == 0 && from[chars + 1] == '<') {
            return (enum held_phase)i;
        }
    }
    return HELD_NONE;
}

/* The text between `before` and the next quotation mark; returns where it ends, or NULL. */
static const char *value_after(const char *html, const char *before, char *ret_value,
                               size_t bytes) {
    const char *at = strstr(html, before);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(before);
    snprintf(ret_value, bytes, "%.*s", (int)strcspn(at, "\""), at);
    return at;
}

static void read_buttons(const char *html, struct held_page *page) {
    (void)value_after(html, "name=\"page\" value=\"", page->version, sizeof page->version);
    while (html != NULL && page->method_count < HELD_METHODS_MAX) {
        html = value_after(html, "<button name=\"method\" value=\"",
                           page->methods[page->method_count], sizeof page->methods[0]);
        page->method_count += html != NULL;
    }
}

/* ---- whether it is true ---- */

static bool has_moved(const struct run *run, const char *order) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            if (strcmp(entry->order_id, order) == 0 &&
                (entry->taken_minor > 0 || entry->held_minor > 0)) {
                return true;
            }
        }
    }
    return false;
}

/* Who reads that he has paid has; who was told once that it is over is not asked to pay again. */
static void believe(struct run *run, struct held_order *held, const struct held_order *before,
                    const struct held_page *page) {
    if (page->phase == HELD_PAID && !has_moved(run, held->order)) {
        run_fail(run, "held", held->order,
                 "%s: its page says that it is paid, and no gateway has "
                 "taken anything",
                 held->payment);
    }
    if (page->phase == HELD_NO_SUCH) {
        run_fail(run, "held", held->order, "%s: its link leads nowhere", held->payment);
    }
    bool asks = page->phase == HELD_OPEN || page->phase == HELD_ACT;
    if (asks && (before->paid || before->over)) {
        run_fail(run, "held", held->order,
                 "%s: its page asks for money, and has said that it is %s", held->payment,
                 before->paid ? "paid" : "over");
    }
    held->paid = held->paid || page->phase == HELD_PAID;
    held->over = held->over || page->phase == HELD_EXPIRED || page->phase == HELD_CANCELED ||
                 page->phase == HELD_FAILED;
}

/* ---- a request ---- */

static bool send(struct run *run, const struct held_order *held, const char *form,
                 struct http_answer *ret_answer) {
    static const struct http_header headers[] = {
        {"Origin", SHOP},
        {"Content-Type", "application/x-www-form-urlencoded"},
    };
    char url[160];
    struct err err = {0};
    snprintf(url, sizeof url, SHOP "/pay/%s", held->secret);
    const struct http_call call = {
        .method = form != NULL ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .header_count = form != NULL ? 2 : 0,
        .body = form,
        .body_bytes = form != NULL ? strlen(form) : 0,
        .timeout_us = PAGE_TIMEOUT_S * US_PER_SECOND,
    };
    return http_call(run->outside, &call, ret_answer, &err) == 0;
}

bool held_page_read(struct run *run, struct held_order *held, struct held_page *ret_page) {
    HTTP_ANSWER_AUTO answer = {0};
    const struct held_order before = *held; /* another tab may read something newer meanwhile */
    *ret_page = (struct held_page){0};
    if (!send(run, held, NULL, &answer) || answer.body == NULL) {
        return false;
    }
    ret_page->status = answer.status;
    ret_page->phase = phase_of(answer.body);
    read_buttons(answer.body, ret_page);
    sim_say(run->world, "%s page: %d, phase %d, %d buttons", held->order, answer.status,
            (int)ret_page->phase, ret_page->method_count);
    believe(run, held, &before, ret_page);
    return ret_page->phase != HELD_NONE;
}

bool held_page_choose(struct run *run, struct held_order *held, const struct held_page *page,
                      const char *method) {
    char form[PAGE_FORM_CHARS];
    HTTP_ANSWER_AUTO answer = {0};
    held->chose = true;
    snprintf(form, sizeof form, "method=%s&page=%s", method, page->version);
    bool answered = send(run, held, form, &answer);
    sim_say(run->world, "%s page: %s -> %d", held->order, form, answered ? answer.status : 0);
    return answered && answer.status == 303;
}
