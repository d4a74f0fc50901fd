/* SPDX-License-Identifier: Apache-2.0
 * pay_html.c: see pay_html.h. Everything that somebody else wrote goes through text(). */
#include "api/pay_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/qr.h"
#include "mode/mode.h"

enum word {
#define X(name, english, chinese) W_##name,
#include "api/pay_words.def"
#undef X
};
static const struct {
    const char *english, *chinese;
} words[] = {
#define X(name, english, chinese) {english, chinese},
#include "api/pay_words.def"
#undef X
};

static const char style[] =
    "*{box-sizing:border-box}body{margin:0;background:#f3f4f6;color:#111827;font:16px/1.5 "
    "system-ui,-apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft YaHei',sans-serif}"
    "main{max-width:30rem;margin:0 auto;padding:1rem}"
    ".card{background:#fff;border-radius:1rem;padding:1.25rem;margin:0 0 1rem;box-shadow:0 1px 3px "
    "rgba(0,0,0,.12)}h1{font-size:1.3rem;line-height:1.3;margin:0 0 .5rem}h2{font-size:1.05rem;"
    "margin:1rem 0 .5rem}p{margin:.5rem 0}.amount{font-size:2.1rem;font-weight:700;margin:.25rem 0 "
    "1rem;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem "
    "1rem;margin:0}dt{color:#4b5563}dd{margin:0;overflow-wrap:anywhere;text-align:right}"
    "button,a.go{display:block;width:100%;min-height:3.25rem;margin:.6rem 0;padding:.75rem "
    "1rem;border:2px solid #1d4ed8;border-radius:.75rem;background:#fff;color:#1d4ed8;font:inherit;"
    "font-weight:600;text-align:center;text-decoration:none;cursor:pointer}"
    "a.go.first,button.first{background:#1d4ed8;color:#fff}a.go.quiet{border-color:#9ca3af;color:"
    "#374151;font-weight:400}button:focus-visible,a:focus-visible{outline:3px solid "
    "#f59e0b;outline-offset:2px}svg.qr{display:block;width:min(100%,17rem);height:auto;margin:1rem "
    "auto}.note{background:#fef3c7;border-radius:.75rem;padding:.75rem 1rem}"
    ".quiet-text{color:#4b5563;font-size:.9rem}.good{color:#047857}.bad{color:#b91c1c}"
    "nav{text-align:right;font-size:.95rem;padding:.25rem 0 .75rem}nav a{color:#1d4ed8;padding:"
    ".5rem}";

/* ---- writing ---- */

struct out {
    const struct pay_page *page;
    struct buf *html;
};

static const char *word(const struct out *out, enum word which) {
    return out->page->chinese ? words[which].chinese : words[which].english;
}

static void raw(const struct out *out, const char *html) {
    buf_add_text(out->html, html);
}

static void text(const struct out *out, const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            raw(out, "&amp;");
            break;
        case '<':
            raw(out, "&lt;");
            break;
        case '>':
            raw(out, "&gt;");
            break;
        case '"':
            raw(out, "&quot;");
            break;
        case '\'':
            raw(out, "&#39;");
            break;
        default:
            buf_add_char(out->html, *c);
        }
    }
}

static void element(const struct out *out, const char *open, const char *value, const char *close) {
    raw(out, open);
    text(out, value);
    raw(out, close);
}

/* A word of ours around a name. */
static void element_about(const struct out *out, const char *open, enum word which,
                          const char *name, const char *close) {
    const char *sentence = word(out, which), *hole = strstr(sentence, "%s");
    raw(out, open);
    buf_add(out->html, sentence, (size_t)(hole - sentence));
    text(out, name);
    raw(out, hole + 2);
    raw(out, close);
}

static void row(const struct out *out, enum word which, const char *value) {
    if (value[0] != '\0') {
        element(out, "<dt>", word(out, which), "</dt>");
        element(out, "<dd>", value, "</dd>");
    }
}

/* "2026-11-23 06:00 UTC": the phone's zone is not known here. */
static const char *moment(int64_t wall_us, char ret_text[CLOCK_TEXT_MAX + 8]) {
    char time[CLOCK_TEXT_MAX];
    clock_format(wall_us, time);
    snprintf(ret_text, CLOCK_TEXT_MAX + 8, "%.10s %.5s UTC", time, time + 11);
    return ret_text;
}

static const char *method_label(const struct out *out, enum payment_method method) {
    return mode_method_label(method, out->page->chinese ? "zh" : "en");
}

static bool is_web(const char *url) {
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

void pay_origin(const char *url, char ret_origin[PAY_ORIGIN_CHARS_MAX + 1]) {
    ret_origin[0] = '\0';
    if (!is_web(url)) {
        return;
    }
    size_t scheme = (size_t)(strstr(url, "://") + 3 - url);
    size_t host = strspn(url + scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789.-:[]");
    char end = url[scheme + host];
    if (host > 0 && scheme + host <= PAY_ORIGIN_CHARS_MAX &&
        (end == '\0' || end == '/' || end == '?' || end == '#')) {
        snprintf(ret_origin, PAY_ORIGIN_CHARS_MAX + 1, "%.*s", (int)(scheme + host), url);
    }
}

/* ---- parts ---- */

static void link_to(const struct out *out, const char *class, const char *url) {
    raw(out, "<a class=\"");
    raw(out, class);
    raw(out, "\" href=\"");
    text(out, url);
    raw(out, "\">");
}

static void shop_link(const struct out *out, enum word which) {
    const char *url = out->page->look->return_url;
    if (is_web(url)) {
        link_to(out, "go quiet", url);
        element(out, "", word(out, which), "</a>");
    }
}

static void summary(const struct out *out) {
    const struct pay_look *look = out->page->look;
    char money[MONEY_TEXT_MAX], time[CLOCK_TEXT_MAX + 8];
    element(out, "<p class=\"amount\">", money_show(look->amount_minor, look->currency, money),
            "</p><dl>");
    row(out, W_ORDER, look->order_id);
    row(out, W_WHAT_FOR, look->description);
    if (look->phase == PAY_OPEN || look->phase == PAY_ACT) {
        row(out, W_HELD_UNTIL, moment(look->until_us, time));
    }
    raw(out, "</dl>");
}

/* A button a method; which one is the form's only choice. */
static void choices(const struct out *out, enum word title) {
    const struct pay_look *look = out->page->look;
    bool any = false;
    for (int method = 0; method < METHOD_COUNT; method++) {
        if (!look->methods[method]) {
            continue;
        }
        if (!any) {
            element(out, "<h2>", word(out, title), "</h2>");
            buf_addf(out->html,
                     "<form method=\"post\" action=\"?lang=%s\"><input type=\"hidden\" "
                     "name=\"page\" value=\"%lld\">",
                     out->page->chinese ? "zh" : "en", (long long)look->version);
        }
        any = true;
        buf_addf(out->html, "<button name=\"method\" value=\"%s\">",
                 method_name((enum payment_method)method));
        element(out, "", method_label(out, (enum payment_method)method), "</button>");
    }
    raw(out, any ? "</form>" : "");
    if (!any && look->phase == PAY_OPEN) {
        element(out, "<p class=\"note\">", word(out, W_NO_WAY), "</p>");
    }
}

static void qr(const struct out *out, const char *data) {
    static const char open[] = "<svg ";
    struct err err = {0};
    BUF_AUTO svg;
    buf_init(&svg, PAY_PAGE_BYTES_MAX / 2);
    if (qr_svg(data, &svg, &err) < 0) {
        return;
    }
    const char *at = strstr(svg.data, open);
    if (at != NULL) {
        element_about(out, "<p>", W_SCAN, method_label(out, out->page->look->method), "</p>");
        raw(out, "<svg class=\"qr\" aria-label=\"QR\" "); /* its role it has from there */
        raw(out, at + sizeof open - 1);
    }
}

/* The form that the customer's browser posts to his bank's or wallet's page. */
static void form(const struct out *out, const char *data, char *ret_origin) {
    struct err err = {0};
    JSON_AUTO json = NULL;
    if (json_read(data, strlen(data), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, &err) < 0) {
        return;
    }
    const char *url = json_peek_text(json, "url", NULL), *name;
    json_t *value;
    pay_origin(url != NULL ? url : "", ret_origin);
    if (ret_origin[0] == '\0') {
        return;
    }
    element(out, "<form method=\"post\" action=\"", url, "\">");
    json_object_foreach((json_t *)json_peek(json, "fields", NULL), name, value) {
        element(out, "<input type=\"hidden\" name=\"", name, "\" value=\"");
        element(out, "", json_is_string(value) ? json_string_value(value) : "", "\">");
    }
    raw(out, "<button class=\"first\">");
    element_about(out, "", W_CONTINUE, method_label(out, out->page->look->method),
                  "</button></form>");
}

static void transfer(const struct out *out, const char *data) {
    struct err err = {0};
    JSON_AUTO json = NULL;
    if (json_read(data, strlen(data), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, &err) < 0) {
        return;
    }
    const char *name;
    json_t *value;
    element(out, "<p>", word(out, W_TRANSFER), "</p><dl>");
    json_object_foreach(json, name, value) {
        if (json_is_string(value) && json_string_length(value) > 0) {
            element(out, "<dt>", name, "</dt>");
            element(out, "<dd>", json_string_value(value), "</dd>");
        }
    }
    raw(out, "</dl>");
}

static void action(const struct out *out, char *ret_origin) {
    const struct pay_look *look = out->page->look;
    char time[CLOCK_TEXT_MAX + 8];
    if (strcmp(look->action, action_name(ACTION_QR)) == 0) {
        qr(out, look->action_data);
    } else if (strcmp(look->action, action_name(ACTION_REDIRECT)) == 0 &&
               is_web(look->action_data)) {
        link_to(out, "go first", look->action_data);
        element_about(out, "", W_CONTINUE, method_label(out, look->method), "</a>");
    } else if (strcmp(look->action, action_name(ACTION_FORM)) == 0) {
        form(out, look->action_data, ret_origin);
    } else if (strcmp(look->action, action_name(ACTION_TRANSFER)) == 0) {
        transfer(out, look->action_data);
    } else {
        element(out, "<p>", word(out, W_IN_APP), "</p>");
    }
    if (look->action_expires_us > 0) {
        raw(out, "<p class=\"quiet-text\">");
        element(out, "", word(out, W_WORKS_UNTIL), " ");
        element(out, "", moment(look->action_expires_us, time), "</p>");
    }
}

/* ---- the page ---- */

static enum word heading(const struct pay_page *page) {
    static const enum word headings[] = {
        [PAY_OPEN] = W_OPEN,     [PAY_ACT] = W_ACT,         [PAY_PROCESSING] = W_PROCESSING,
        [PAY_PAID] = W_PAID,     [PAY_EXPIRED] = W_EXPIRED, [PAY_CANCELED] = W_CANCELED,
        [PAY_FAILED] = W_FAILED,
    };
    static_assert(COUNT_OF(headings) == PAY_PHASES, "every phase has a heading");
    return page->look != NULL ? headings[page->look->phase] : page->trouble ? W_TROUBLE : W_NO_SUCH;
}

static bool changes_by_itself(const struct pay_page *page) {
    return page->look != NULL &&
           (page->look->phase == PAY_ACT || page->look->phase == PAY_PROCESSING);
}

static void head(const struct out *out) {
    const struct pay_page *page = out->page;
    const char *url = page->look != NULL ? page->look->action_data : "";
    buf_addf(out->html,
             "<!DOCTYPE html><html lang=\"%s\"><head><meta charset=\"utf-8\"><meta "
             "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta "
             "name=\"robots\" content=\"noindex\">",
             page->chinese ? "zh-CN" : "en");
    if (page->go && changes_by_itself(page) && page->look->phase == PAY_ACT &&
        strcmp(page->look->action, action_name(ACTION_REDIRECT)) == 0 && is_web(url)) {
        element(out, "<meta http-equiv=\"refresh\" content=\"0;url=", url, "\">");
    } else if (changes_by_itself(page)) {
        buf_addf(out->html, "<meta http-equiv=\"refresh\" content=\"5;url=?lang=%s\">",
                 page->chinese ? "zh" : "en");
    }
    element(out, "<title>", word(out, W_TITLE), "</title>");
    buf_addf(out->html, "<style nonce=\"%s\">%s</style></head><body><main><nav>", page->nonce,
             style);
    element(out, "", page->shop, " ");
    raw(out, page->chinese ? "<a href=\"?lang=en\" lang=\"en\">English</a></nav>"
                           : "<a href=\"?lang=zh\" lang=\"zh-CN\">中文</a></nav>");
}

static void body(const struct out *out, char *ret_origin) {
    const struct pay_look *look = out->page->look;
    const char *failure = out->page->chinese ? look->failure_chinese : look->failure_english;
    const char *sentence = out->page->chinese ? look->sentence_chinese : look->sentence_english;
    bool tried = look->phase == PAY_OPEN && failure[0] != '\0';
    if (out->page->not_now) {
        enum word why = out->page->not_yet && look->phase == PAY_ACT ? W_NOT_YET : W_NOT_NOW;
        element(out, "<p class=\"note\" role=\"status\">", word(out, why), "</p>");
    }
    if (tried) {
        element(out, "<p class=\"note\" role=\"status\">", failure, "</p>");
    } else if (look->phase != PAY_OPEN && look->phase != PAY_ACT) {
        element(out, "<p role=\"status\">", sentence, "</p>");
    }
    summary(out);
    switch (look->phase) {
    case PAY_OPEN:
        choices(out, W_CHOOSE);
        shop_link(out, W_AT_SHOP);
        break;
    case PAY_ACT:
        action(out, ret_origin);
        choices(out, W_OTHER_WAY);
        break;
    default:
        shop_link(out, W_BACK_TO_SHOP);
    }
    if (changes_by_itself(out->page)) {
        element(out, "<p class=\"quiet-text\">", word(out, W_BY_ITSELF), "</p>");
    }
}

void pay_html(const struct pay_page *page, struct buf *html,
              char ret_form_origin[PAY_ORIGIN_CHARS_MAX + 1]) {
    const struct out out = {page, html};
    ret_form_origin[0] = '\0';
    head(&out);
    enum word title = heading(page);
    const char *class = title == W_PAID ? "<div class=\"card\"><h1 class=\"good\">"
                        : title == W_EXPIRED || title == W_FAILED
                            ? "<div class=\"card\"><h1 class=\"bad\">"
                            : "<div class=\"card\"><h1>";
    element(&out, class, word(&out, title), "</h1>");
    if (page->look != NULL) {
        body(&out, ret_form_origin);
    } else {
        element(&out, "<p>", word(&out, page->trouble ? W_TROUBLE_WHAT : W_NO_SUCH_WHAT), "</p>");
    }
    raw(&out, "</div></main></body></html>\n");
}
