/* SPDX-License-Identifier: Apache-2.0
 * route.c: what the gateways' and the control port's requests have in common. */
#include "base/json.h"
#include "sandbox/sandbox_impl.h"

bool sb_path_fits(const char *pattern, const char *path, char ret_id[SB_ID_CHARS_MAX + 1]) {
    ret_id[0] = '\0';
    for (;;) {
        size_t wanted = strcspn(pattern, "/");
        size_t given = strcspn(path, "/");
        if (wanted == 1 && pattern[0] == '*') {
            if (given == 0 || given > SB_ID_CHARS_MAX) {
                return false;
            }
            memcpy(ret_id, path, given);
            ret_id[given] = '\0';
        } else if (wanted != given || memcmp(pattern, path, wanted) != 0) {
            return false;
        }
        pattern += wanted;
        path += given;
        if (*pattern == '\0' || *path == '\0') {
            return *pattern == *path;
        }
        pattern++;
        path++;
    }
}

json_t *sb_body_json(const struct http_request *request, struct err *err) {
    json_t *json = NULL;
    if (request->body_bytes == 0) {
        return json_object();
    }
    return json_read(request->body, request->body_bytes, JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json,
                     err) == 0
               ? json
               : NULL;
}

/* ---- pages for the customer ---- */

static void add_html(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            buf_add_text(out, "&lt;");
            break;
        case '>':
            buf_add_text(out, "&gt;");
            break;
        case '&':
            buf_add_text(out, "&amp;");
            break;
        case '"':
            buf_add_text(out, "&quot;");
            break;
        default:
            buf_add_char(out, *text);
            break;
        }
    }
}

static void button(struct buf *out, const char *choice, const char *label) {
    buf_addf(out, "<button name=\"choice\" value=\"%s\">", choice);
    add_html(out, label);
    buf_add_text(out, "</button> ");
}

void sb_page_write(const struct sb_page *page, struct http_reply *reply) {
    struct buf *out = &reply->body;
    reply->status = 200;
    buf_clear(out);
    http_reply_header(reply, "Content-Type", "text/html; charset=utf-8");
    http_reply_header(reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; form-action *");
    buf_add_text(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>");
    add_html(out, page->title);
    buf_add_text(out, "</title><style>body{font:18px/1.5 sans-serif;max-width:28em;margin:4em auto}"
                      "button{font:inherit;padding:.4em 1em}</style><h1>");
    add_html(out, page->title);
    buf_add_text(out, "</h1><p>");
    add_html(out, page->text);
    if (page->amount != NULL) {
        buf_add_text(out, "</p><p><strong>");
        add_html(out, page->amount);
        buf_add_text(out, "</strong>");
    }
    buf_add_text(out, "</p>");
    if (page->yes != NULL) {
        buf_add_text(out, "<form method=\"post\">");
        button(out, "yes", page->yes);
        button(out, "no", page->no);
        buf_add_text(out, "</form>");
    }
    buf_add_text(out, "</html>\n");
}

void sb_page_redirect(const char *url, const char *query, struct http_reply *reply) {
    BUF_AUTO location;
    buf_init(&location, 2 * SB_URL_CHARS_MAX + 512);
    buf_add_text(&location, url);
    buf_add_char(&location, strchr(url, '?') != NULL ? '&' : '?');
    buf_add_text(&location, query);
    reply->status = 303;
    http_reply_header(reply, "Location", location.data);
}
