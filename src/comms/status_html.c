/* SPDX-License-Identifier: Apache-2.0
 * status_html.c: the pages that people look at: for a phone and a screen, bright and dark, without
 * scripts and without anything from elsewhere. Everything that somebody wrote goes through
 * status_escape(), and stands in an element of its own direction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/status_impl.h"

enum { PAST_ON_INDEX = 10 };

static const char style[] =
    ":root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#111827;--soft:#4b5563;"
    "--line:#d1d5db;--link:#1d4ed8;--l1:#047857;--l2:#1d4ed8;--l3:#a16207;--l4:#c2410c;"
    "--l5:#b91c1c}@media(prefers-color-scheme:dark){:root{--back:#0f1115;--card:#1a1d23;"
    "--ink:#f3f4f6;--soft:#b6bcc6;--line:#374151;--link:#93c5fd;--l1:#34d399;--l2:#93c5fd;"
    "--l3:#fbbf24;--l4:#fb923c;--l5:#f87171}}*{box-sizing:border-box}body{margin:0;"
    "background:var(--back);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',"
    "Roboto,'PingFang SC','Microsoft YaHei',sans-serif}"
    "main,header,footer{max-width:46rem;margin:0 auto;padding:1rem}a{color:var(--link)}"
    "a.skip{position:absolute;left:-99rem}a.skip:focus{left:1rem}header{display:flex;"
    "flex-wrap:wrap;gap:.5rem;justify-content:space-between;align-items:baseline}"
    "header p{margin:0;font-weight:700;font-size:1.15rem}"
    "h1{font-size:1.45rem;line-height:1.3;margin:0}h2{font-size:1.15rem;margin:2rem 0 .6rem}"
    "h3{font-size:1.05rem;margin:0 0 .4rem;overflow-wrap:anywhere}.card{background:var(--card);"
    "border:1px solid var(--line);border-radius:.75rem;padding:1rem;margin:0 0 1rem}"
    ".top{border-left:.5rem solid var(--ink)}.k1{border-left-color:var(--l1)}"
    ".k2{border-left-color:var(--l2)}.k3{border-left-color:var(--l3)}"
    ".k4{border-left-color:var(--l4)}.k5{border-left-color:var(--l5)}"
    "ul.parts{list-style:none;margin:0;padding:.25rem 1rem}ul.parts li{display:flex;flex-wrap:wrap;"
    "gap:.25rem 1rem;justify-content:space-between;padding:.65rem 0;"
    "border-top:1px solid var(--line)}ul.parts li:first-child{border-top:0}"
    ".l1,.l2,.l3,.l4,.l5{font-weight:600}.l1{color:var(--l1)}.l2{color:var(--l2)}"
    ".l3{color:var(--l3)}.l4{color:var(--l4)}.l5{color:var(--l5)}"
    "ol{list-style:none;margin:0;padding:0}ol li{padding:.6rem 0;border-top:1px solid var(--line)}"
    ".text{white-space:pre-line;overflow-wrap:anywhere;margin:.25rem 0}"
    ".soft{color:var(--soft);font-size:.92rem;margin:.25rem 0}"
    "form{margin:.75rem 0;display:flex;flex-wrap:wrap;gap:.5rem;align-items:end}"
    "label{flex:1 1 14rem;font-size:.92rem;color:var(--soft)}input{display:block;width:100%;"
    "min-height:2.75rem;padding:.4rem .6rem;border:1px solid var(--soft);border-radius:.5rem;"
    "background:var(--back);color:var(--ink);font:inherit}button{min-height:2.75rem;"
    "padding:.4rem 1.1rem;border:0;border-radius:.5rem;background:var(--link);color:var(--card);"
    "font:inherit;font-weight:600;cursor:pointer}a:focus-visible,button:focus-visible,"
    "input:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}";

/* ---- writing ---- */

void status_escape(struct buf *buf, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
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
            buf_add_char(buf, *c);
        }
    }
}

static const char *word(const struct status_out *out, enum status_word which) {
    return status_word(which, out->language);
}

static void raw(const struct status_out *out, const char *html) {
    buf_add_text(out->buf, html);
}

static void element(const struct status_out *out, const char *open, const char *text,
                    const char *close) {
    raw(out, open);
    status_escape(out->buf, text);
    raw(out, close);
}

static const char *language_tag(enum language language) {
    return language == LANGUAGE_ZH ? "zh-CN" : "en";
}

/* "index.html" is the root itself, other pages have no ".html". */
static void add_tail(const char *path, enum language language, struct buf *buf) {
    size_t chars = strlen(path), html = sizeof ".html" - 1;
    bool page = chars > html && strcmp(path + chars - html, ".html") == 0;
    if (strcmp(path, "index.html") != 0) {
        buf_addf(buf, "/%.*s", (int)(page ? chars - html : chars), path);
    }
    buf_addf(buf, "?lang=%s", language_name(language));
}

static void add_path(const char *path, enum language language, struct buf *buf) {
    buf_add_text(buf, "/status");
    add_tail(path, language, buf);
}

/* In the service Chinese is the same address with ?lang=zh; among files it is the folder zh/. */
void status_href(const struct status_out *out, enum language language, const char *path) {
    if (out->files) {
        for (int i = 0; i < out->depth + (out->language == LANGUAGE_ZH); i++) {
            raw(out, "../");
        }
        raw(out, language == LANGUAGE_ZH ? "zh/" : "");
        status_escape(out->buf, path);
        return;
    }
    add_path(path, language, out->buf);
}

/* Where the configured address is that of files, their names are what is asked for. */
void status_address(const struct status *status, bool files, enum language language,
                    const char *path, struct buf *buf) {
    buf_add_text(buf, status->url);
    if (files) {
        buf_addf(buf, "%s%s%s", status->url[0] != '\0' ? "/" : "",
                 language == LANGUAGE_ZH ? "zh/" : "", path);
    } else if (status->url[0] == '\0') {
        add_path(path, language, buf);
    } else {
        add_tail(path, language, buf);
    }
}

static void link_to(const struct status_out *out, enum language language, const char *path,
                    const char *more, const char *text) {
    raw(out, "<a href=\"");
    status_href(out, language, path);
    raw(out, "\"");
    raw(out, more);
    element(out, ">", text, "</a>");
}

static void moment(const struct status_out *out, int64_t wall_us) {
    char machine[CLOCK_TEXT_MAX];
    buf_addf(out->buf, "<time datetime=\"%s\">", clock_format(wall_us, machine));
    field_show_time(wall_us, out->status->options.utc_offset_minutes, out->buf);
    raw(out, "</time>");
}

static void incident_path(const struct status_row *row, char ret_path[64]) {
    snprintf(ret_path, 64, "incidents/%s.html", row->id);
}

/* ---- the frame ---- */

static void head(const struct status_out *out, const char *title, const char *path) {
    enum language other = out->language == LANGUAGE_ZH ? LANGUAGE_EN : LANGUAGE_ZH;
    const char *name = out->status->name[out->language];
    buf_addf(out->buf, "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                       "<title>",
             language_tag(out->language));
    status_escape(out->buf, title);
    element(out, " - ", name, "</title>");
    static const char *const feeds[][2] = {{"history.rss", "application/rss+xml"},
                                           {"history.atom", "application/atom+xml"}};
    for (size_t i = 0; i < COUNT_OF(feeds); i++) {
        buf_addf(out->buf, "<link rel=\"alternate\" type=\"%s\" href=\"", feeds[i][1]);
        status_href(out, out->language, feeds[i][0]);
        raw(out, "\">");
    }
    buf_addf(out->buf, "<style>%s</style></head><body>", style);
    element(out, "<a class=\"skip\" href=\"#content\">", word(out, W_SKIP), "</a><header><p>");
    status_escape(out->buf, name);
    element(out, " ", word(out, W_STATUS), "</p>");
    if (path != NULL) {
        char more[40];
        snprintf(more, sizeof more, " lang=\"%s\" hreflang=\"%s\"", language_tag(other),
                 language_tag(other));
        link_to(out, other, path, more, word(out, W_OTHER_LANGUAGE));
    }
    raw(out, "</header><main id=\"content\">");
}

static void foot(const struct status_out *out) {
    raw(out, "</main></body></html>\n");
}

/* ---- incidents ---- */

static void affected(const struct status_out *out, const struct status_row *row) {
    bool any = false;
    for (int i = 0; i < out->status->component_count; i++) {
        if (row->touched.level[i] == 0) {
            continue;
        }
        raw(out, any ? (out->language == LANGUAGE_ZH ? "、" : ", ") : "<p class=\"soft\">");
        element(out, any ? "" : "", any ? "" : word(out, W_AFFECTED), any ? "" : " ");
        status_escape(out->buf, out->status->components[i].name[out->language]);
        any = true;
    }
    raw(out, any ? "</p>" : "");
}

static void span(const struct status_out *out, const struct status_row *row) {
    if (row->kind == STATUS_MAINTENANCE) {
        element(out, "<p class=\"soft\">", word(out, W_WHEN), " ");
        moment(out, row->from_us);
        raw(out, word(out, W_UNTIL));
        moment(out, row->until_us);
        raw(out, "</p>");
    }
}

static void one_update(const struct status_out *out, const struct status_row *row, int index) {
    const struct status_update_row *update = &row->updates[index];
    element(out, "<li><strong>", status_state_row(update->state)->text[out->language], "</strong>");
    element(out, "<p class=\"text\" dir=\"auto\">", update->body[out->language], "</p>");
    raw(out, "<p class=\"soft\">");
    moment(out, update->published_us);
    if (index == 0 && update->next_us > 0 && status_is_open(row)) {
        element(out, " &middot; ", word(out, W_NEXT), " ");
        moment(out, update->next_us);
    }
    raw(out, "</p></li>");
}

/* A title with where it stands; `link`: to its own page. */
static void heading(const struct status_out *out, const struct status_row *row, bool link) {
    enum status_state state = status_state_shown(row, out->look->now_us);
    char path[64];
    incident_path(row, path);
    raw(out, link ? "<h3 dir=\"auto\">" : "<h1 dir=\"auto\">");
    if (link) {
        link_to(out, out->language, path, "", row->title[out->language]);
    } else {
        status_escape(out->buf, row->title[out->language]);
    }
    raw(out, link ? "</h3>" : "</h1>");
    element(out, "<p class=\"soft\">", status_state_row(state)->text[out->language], "");
    if (row->kind == STATUS_INCIDENT) {
        element(out, " &middot; ", status_impact_text(row->impact, out->language), "");
    }
    raw(out, "</p>");
    span(out, row);
    affected(out, row);
}

static void incident_card(const struct status_out *out, const struct status_row *row, int updates) {
    buf_addf(out->buf, "<article class=\"card top k%d\">", (int)row->impact);
    heading(out, row, true);
    raw(out, "<ol>");
    for (int i = 0; i < row->update_count && i < updates; i++) {
        one_update(out, row, i);
    }
    raw(out, "</ol></article>");
}

static void past(const struct status_out *out, int most) {
    int shown = 0;
    for (int i = 0; i < out->look->count && shown < most; i++) {
        const struct status_row *row = &out->look->rows[i];
        if (!status_is_open(row)) {
            incident_card(out, row, 1);
            shown++;
        }
    }
    if (shown == 0) {
        element(out, "<p class=\"soft\">", word(out, W_NO_PAST), "</p>");
    }
}

/* ---- pages ---- */

static void open_ones(const struct status_out *out, enum status_kind kind, enum status_word title) {
    bool any = false;
    for (int i = 0; i < out->look->count; i++) {
        const struct status_row *row = &out->look->rows[i];
        if ((enum status_kind)row->kind != kind || !status_is_open(row)) {
            continue;
        }
        if (!any) {
            element(out, "<section><h2>", word(out, title), "</h2>");
        }
        any = true;
        incident_card(out, row, STATUS_UPDATES_MAX);
    }
    raw(out, any ? "</section>" : "");
}

static void components(const struct status_out *out) {
    element(out, "<section><h2>", word(out, W_COMPONENTS), "</h2><ul class=\"card parts\">");
    for (int i = 0; i < out->status->component_count; i++) {
        enum status_level level = out->look->components[i].level;
        element(out, "<li><bdi>", out->status->components[i].name[out->language], "</bdi>");
        buf_addf(out->buf, "<span class=\"l%d\">", (int)level);
        element(out, "", status_level_text(level, out->language), "</span></li>");
    }
    raw(out, "</ul></section>");
}

static void subscribe_form(const struct status_out *out, const char *name, const char *type,
                           enum status_word label) {
    buf_addf(out->buf,
             "<form method=\"post\" action=\"/status/subscriptions?lang=%s\"><label>",
             language_name(out->language));
    status_escape(out->buf, word(out, label));
    buf_addf(out->buf,
             "<input name=\"%s\" type=\"%s\" required maxlength=\"%d\" autocomplete=\"off\">"
             "</label>",
             name, type, STATUS_ADDRESS_CHARS_MAX);
    element(out, "<button>", word(out, W_DO_SUBSCRIBE), "</button></form>");
}

static void subscribe(const struct status_out *out) {
    bool email = status_takes_email(out->status), webhook = status_takes_webhook(out->status);
    element(out, "<section><h2>", word(out, W_SUBSCRIBE), "</h2><div class=\"card\">");
    if ((email || webhook) && !out->files) {
        element(out, "<p class=\"soft\">", word(out, W_SUBSCRIBE_WHY), "</p>");
        if (email) {
            subscribe_form(out, "email", "email", W_EMAIL);
        }
        if (webhook) {
            subscribe_form(out, "webhook", "url", W_WEBHOOK);
        }
    }
    element(out, "<p>", word(out, W_FEEDS), " ");
    link_to(out, out->language, "history.rss", "", "RSS");
    raw(out, " &middot; ");
    link_to(out, out->language, "history.atom", "", "Atom");
    raw(out, " &middot; ");
    link_to(out, out->language, "api/v2/summary.json", "", "JSON");
    raw(out, "</p></div></section>");
}

void status_html_index(const struct status_out *out) {
    const struct status_look *look = out->look;
    const char *now = status_impact_page_text(look->indicator, out->language);
    head(out, now, "index.html");
    buf_addf(out->buf, "<div class=\"card top k%d\" role=\"status\">", (int)look->indicator);
    element(out, "<h1>", now, "</h1>");
    element(out, "<p class=\"soft\">", word(out, W_UPDATED), " ");
    moment(out, look->now_us);
    raw(out, "</p></div>");
    open_ones(out, STATUS_INCIDENT, W_OPEN);
    components(out);
    open_ones(out, STATUS_MAINTENANCE, W_MAINTENANCE);
    element(out, "<section><h2>", word(out, W_PAST), "</h2>");
    past(out, PAST_ON_INDEX);
    raw(out, "<p>");
    link_to(out, out->language, "history.html", "", word(out, W_ALL_PAST));
    raw(out, "</p></section>");
    subscribe(out);
    foot(out);
}

static void back(const struct status_out *out) {
    raw(out, "<p>");
    link_to(out, out->language, "index.html", "", word(out, W_BACK));
    raw(out, "</p>");
}

void status_html_history(const struct status_out *out) {
    head(out, word(out, W_ALL_PAST), "history.html");
    element(out, "<h1>", word(out, W_ALL_PAST), "</h1>");
    back(out);
    past(out, STATUS_INCIDENTS_MAX);
    foot(out);
}

void status_html_incident(const struct status_out *out, const struct status_row *row) {
    char path[64];
    incident_path(row, path);
    head(out, row->title[out->language], path);
    buf_addf(out->buf, "<article class=\"card top k%d\">", (int)row->impact);
    heading(out, row, false);
    raw(out, "<ol>");
    for (int i = 0; i < row->update_count; i++) {
        one_update(out, row, i);
    }
    raw(out, "</ol></article>");
    back(out);
    foot(out);
}

/* ---- subscriptions ---- */

static void token_form(const struct status_out *out, const char *token, const char *what,
                       enum status_word label) {
    buf_addf(out->buf, "<form method=\"post\" action=\"/status/subscriptions/%s?lang=%s\">", token,
             language_name(out->language));
    buf_addf(out->buf, "<button name=\"action\" value=\"%s\">", what);
    element(out, "", word(out, label), "</button></form>");
}

void status_said_html(const struct status *status, enum language language, enum status_said said,
                      const struct status_subscriber *subscriber, const char *token,
                      struct status_page *ret_page) {
    static const enum status_word sentences[] = {
        [SAID_ASKED] = W_ASKED,       [SAID_LOOK] = W_LOOK_NEW,   [SAID_CONFIRMED] = W_CONFIRMED,
        [SAID_ENDED] = W_ENDED,       [SAID_UNKNOWN] = W_UNKNOWN,
    };
    BUF_AUTO html;
    buf_init(&html, STATUS_JSON_BYTES_MAX);
    const struct status_out out = {.status = status, .language = language, .buf = &html};
    bool old = said == SAID_LOOK && subscriber->confirmed;
    head(&out, word(&out, W_SUBSCRIBE), NULL);
    element(&out, "<div class=\"card\"><h1>", word(&out, W_SUBSCRIBE), "</h1>");
    element(&out, "<p role=\"status\">", word(&out, old ? W_LOOK_OLD : sentences[said]), "</p>");
    if (said == SAID_LOOK) {
        element(&out, "<p><bdi>", subscriber->address, "</bdi></p>");
        if (!old) {
            token_form(&out, token, "confirm", W_DO_CONFIRM);
        }
        token_form(&out, token, "end", W_DO_END);
    }
    raw(&out, "</div>");
    back(&out);
    foot(&out);
    *ret_page = (struct status_page){.type = "text/html; charset=utf-8", .count = html.len};
    ret_page->bytes = buf_take(&html);
    status_style_policy(ret_page->policy);
}

/* The hash of the one style that there is; nothing else is allowed but forms to ourselves. */
void status_style_policy(char ret_policy[STATUS_POLICY_CHARS_MAX + 1]) {
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(style, sizeof style - 1, digest);
    char *base64 = crypto_base64(digest, sizeof digest);
    snprintf(ret_policy, STATUS_POLICY_CHARS_MAX + 1,
             "default-src 'none'; style-src 'sha256-%s'; form-action 'self'; base-uri 'none'; "
             "frame-ancestors 'none'",
             base64);
    free(base64);
}
