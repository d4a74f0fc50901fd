/* SPDX-License-Identifier: Apache-2.0
 * handlers_kb.c: /v1/kb: the knowledge base, its search and its versions; and /kb, its pages for
 * a browser. */
#include "api/guide_html.h"
#include "api/read.h"
#include "base/json.h"
#include "desk/kb.h"

enum { HTML_BYTES_MAX = 1024 * 1024, VERSION_MAX = 1000000 };

int kb_list(struct ask *ask, struct err *err) {
    char text[QUERY_CHARS_MAX] = "", language[QUERY_CHARS_MAX] = "";
    char kind[QUERY_CHARS_MAX] = "", about[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "q", text, err);
    r = r < 0 ? r : read_query_text(ask, "lang", language, err);
    r = r < 0 || language[0] == '\0' ? r : read_lang(ask, language, err);
    r = r < 0 ? r : read_query_text(ask, "kind", kind, err);
    r = r < 0 ? r : read_query_text(ask, "for", about, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, KB_FOUND_MAX, &limit, err);
    const struct kb_query query = {text, language, kind, about, (int)limit};
    return r < 0 ? r : kb_search(ask->service->kb, &query, &ask->answer, err);
}

int kb_page_get(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    int64_t version = 0;
    int r = read_lang(ask, language, err);
    r = r < 0 ? r : read_query_int(ask, "version", 1, VERSION_MAX, &version, err);
    return r < 0 ? r
                 : kb_get(ask->service->kb, ask->param, language, version, &ask->answer, err);
}

int kb_versions_get(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    int r = read_lang(ask, language, err);
    return r < 0 ? r : kb_versions(ask->service->kb, ask->param, language, &ask->answer, err);
}

int kb_page_put(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"text", "restore", "if_version", "reason", NULL};
    char language[QUERY_CHARS_MAX] = "en";
    struct kb_edit edit = {.page = ask->param, .language = language};
    int r = read_lang(ask, language, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_may_lines(ask->body, "", "text", 1, KB_TEXT_CHARS_MAX, &edit.text, err);
    r = r < 0 ? r : json_may_int(ask->body, "", "restore", 1, VERSION_MAX, &edit.restore, err);
    r = r < 0 ? r
              : json_need_int(ask->body, "", "if_version", 0, VERSION_MAX, &edit.if_version, err);
    r = r < 0 ? r : read_reason(ask->body, &edit.reason, err);
    if (r >= 0 && (edit.text == NULL) == (edit.restore == 0)) {
        err_set(err, ERR_VALIDATION, "either a text, or the version that is restored");
        r = err_place(err, "/text");
    }
    return r < 0 ? r : kb_put(ask->service->kb, &ask->caller, &edit, &ask->answer, err);
}

int kb_html_get(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    BUF_AUTO body;
    buf_init(&body, HTML_BYTES_MAX);
    int r = read_lang(ask, language, err);
    r = r < 0 ? r : kb_body(ask->service->kb, ask->param, language, &body, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO html;
    buf_init(&html, HTML_BYTES_MAX);
    guide_html(body.data, language, "/kb/", &html);
    if (!buf_ok(&html)) {
        return err_set(err, ERR_INTERNAL, "the page is too large");
    }
    ask->reply->status = 200;
    http_reply_header(ask->reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
    http_reply_header(ask->reply, "Cache-Control", "private, no-cache");
    http_reply_body(ask->reply, "text/html; charset=utf-8", html.data, html.len);
    return 0;
}
