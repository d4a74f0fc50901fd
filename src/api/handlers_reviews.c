/* SPDX-License-Identifier: Apache-2.0
 * handlers_reviews.c: what a week or a month was like, as JSON, a page, Markdown or a file. */
#include "api/read.h"
#include "api/sheet_reply.h"
#include "base/clock.h"
#include "incident/review.h"

static int bad(const char *name, const char *value, const char *hint, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.20s\"", name, value);
    err_hint(err, "%s", hint);
    return err_place(err, "%s", name);
}

static int read_all(const struct ask *ask, struct review_period *ret_period,
                    enum review_format *ret_format, enum notice_language *ret_language,
                    struct err *err) {
    char period[QUERY_CHARS_MAX] = "", format[QUERY_CHARS_MAX] = "json",
         language[QUERY_CHARS_MAX] = "en";
    int r = read_query_text(ask, "period", period, err);
    r = r < 0 ? r : read_query_text(ask, "format", format, err);
    r = r < 0 ? r : read_query_text(ask, "lang", language, err);
    if (r < 0) {
        return r;
    }
    if (period[0] == '\0') {
        *ret_period = review_period_last(clock_wall_us());
    } else if (!review_period_parse(period, ret_period)) {
        return bad("period", period, "Write a week as 2026-W47, or a month as 2026-11; of UTC.",
                   err);
    }
    if (!review_format_parse(format, ret_format)) {
        return bad("format", format, "One of: json, markdown, html, csv, xlsx.", err);
    }
    return notice_language_parse(language, ret_language)
               ? 0
               : bad("lang", language, "One of: en, zh.", err);
}

static void reply_page(struct ask *ask, const char *type, const struct buf *page) {
    ask->reply->status = 200;
    http_reply_header(ask->reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action "
                      "'none'; frame-ancestors 'none'");
    http_reply_header(ask->reply, "Cache-Control", "no-store");
    http_reply_body(ask->reply, type, page->data, page->len);
}

int review_get(struct ask *ask, struct err *err) {
    struct review_period period;
    enum review_format format = REVIEW_JSON;
    enum notice_language language = NOTICE_EN;
    BUF_AUTO buf;
    buf_init(&buf, REVIEW_BYTES_MAX);
    int r = read_all(ask, &period, &format, &language, err);
    r = r < 0 ? r : review_write(ask->service->store, &period, format, language, &buf, err);
    if (r < 0 || format == REVIEW_JSON) {
        return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
    }
    if (format == REVIEW_CSV || format == REVIEW_XLSX) {
        reply_sheet(ask, format == REVIEW_CSV ? SHEET_CSV : SHEET_XLSX, period.name, &buf);
    } else {
        reply_page(ask,
                   format == REVIEW_HTML ? "text/html; charset=utf-8"
                                         : "text/markdown; charset=utf-8",
                   &buf);
    }
    return 0;
}
