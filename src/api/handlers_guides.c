/* SPDX-License-Identifier: Apache-2.0
 * handlers_guides.c: the guide pages that alerts link to. Anybody may read them: they hold nothing
 * but what docs/guides has, and whoever is woken at night has no key at hand. */
#include "api/guide_html.h"
#include "api/read.h"
#include "watch/guides.h"

enum { GUIDE_BYTES_MAX = 1024 * 1024 };

int guide_get_one(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    int r = read_lang(ask, language, err);
    const struct guide *guide = r < 0 ? NULL : guide_find(ask->param, language);
    if (guide == NULL) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no page \"%.60s\"", ask->param);
    }
    BUF_AUTO html;
    buf_init(&html, GUIDE_BYTES_MAX);
    guide_html(guide->text, guide->language, NULL, &html);
    if (!buf_ok(&html)) {
        return err_set(err, ERR_INTERNAL, "the page is too large");
    }
    ask->reply->status = 200;
    http_reply_header(ask->reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
    http_reply_header(ask->reply, "Cache-Control", "public, max-age=300");
    http_reply_body(ask->reply, "text/html; charset=utf-8", html.data, html.len);
    return 0;
}
