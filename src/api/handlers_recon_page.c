/* SPDX-License-Identifier: Apache-2.0
 * handlers_recon_page.c: a run as a page for people. */
#include <string.h>

#include "api/read.h"
#include "recon/report_run.h"

struct wanted {
    struct reconciliation_id id;
    enum report_language language;
    struct buf html;
};

static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct wanted *wanted = ctx;
    buf_clear(&wanted->html);
    return report_run_page(tx, wanted->id.text, wanted->language, &wanted->html, err);
}

static int send_page(struct ask *ask, struct wanted *wanted, struct err *err) {
    int r = store_read(ask->service->store, page_tx, wanted, err);
    if (r < 0) {
        return r;
    }
    ask->reply->status = 200;
    /* What the page says of itself as well: it loads nothing and runs nothing. */
    http_reply_header(ask->reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
    http_reply_header(ask->reply, "Cache-Control", "no-store");
    http_reply_body(ask->reply, "text/html; charset=utf-8", wanted->html.data, wanted->html.len);
    return 0;
}

int reconciliation_report_get(struct ask *ask, struct err *err) {
    char language[QUERY_CHARS_MAX] = "en";
    struct wanted wanted = {0};
    int r = read_query_text(ask, "lang", language, err);
    if (r >= 0 && !report_language_parse(language, &wanted.language)) {
        (void)err_set(err, ERR_VALIDATION, "there is no page in the language \"%.20s\"", language);
        (void)err_place(err, "lang");
        r = err_hint(err, "One of: en, zh.");
    }
    r = r < 0 ? r
              : READ_LISTED_ID(ask, "a run", reconciliation_id, "reconcile list", &wanted.id, err);
    if (r < 0) {
        return r;
    }
    buf_init(&wanted.html, REPORT_BYTES_MAX);
    r = send_page(ask, &wanted, err);
    buf_release(&wanted.html);
    return r;
}
