/* SPDX-License-Identifier: Apache-2.0
 * handlers_pay.c: /pay/{token}: the page behind a held order's link; /pay/qr/{token}: the code
 * behind a link to one. Whoever has the link may look and pay; so its secret is kept out of logs,
 * caches and the addresses that others are told. */
#include <stdio.h>
#include <string.h>

#include "api/pay_html.h"
#include "api/read.h"
#include "api/visitor.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "payment/qr_link.h"

struct page_ask {
    struct ask *ask;
    struct arena *arena;
    struct pay_look look;
    struct pay_page page;
    char address[IP_TEXT_CHARS_MAX];
    struct pay_visitor visitor;
};

/* ---- who is there ---- */

static const char *header(const struct ask *ask, const char *name) {
    const char *value = http_header_find(ask->request->headers, ask->request->header_count, name);
    return value != NULL ? value : "";
}

/* The first language of the browser that the page is written in; English if there is none. */
static bool prefers_chinese(const char *languages) {
    for (const char *at = languages; *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (strncasecmp(at, "zh", 2) == 0 || strncasecmp(at, "en", 2) == 0) {
            return strncasecmp(at, "zh", 2) == 0;
        }
    }
    return false;
}

static int read_language(struct page_ask *page, struct err *err) {
    char lang[QUERY_CHARS_MAX] = "";
    int r = read_query_text(page->ask, "lang", lang, err);
    page->page.chinese = lang[0] != '\0' ? strncmp(lang, "zh", 2) == 0
                                         : prefers_chinese(header(page->ask, "Accept-Language"));
    return r;
}

/* ---- answering ---- */

/* Every answer of this path is a page. */
static void reply_page(struct page_ask *page, int status) {
    unsigned char random[PAY_NONCE_CHARS / 2];
    char nonce[PAY_NONCE_CHARS + 1], origin[PAY_ORIGIN_CHARS_MAX + 1];
    char policy[PAY_ORIGIN_CHARS_MAX + 200];
    struct http_reply *reply = page->ask->reply;
    const char *shop = page->ask->service->config->deferred.shop_name;
    random_bytes(random, sizeof random);
    crypto_hex(random, sizeof random, nonce);
    page->page.nonce = nonce;
    page->page.shop = shop != NULL ? shop : "";
    BUF_AUTO html;
    buf_init(&html, PAY_PAGE_BYTES_MAX);
    pay_html(&page->page, &html, origin);
    INVARIANT(buf_ok(&html), "a page fits into its buffer: everything in it is bounded");
    snprintf(policy, sizeof policy,
             "default-src 'none'; style-src 'nonce-%s'; form-action 'self' %s; base-uri 'none'; "
             "frame-ancestors 'none'",
             nonce, origin);
    reply->status = status;
    http_reply_header(reply, "Content-Security-Policy", policy);
    /* Else the browser would send no Origin with the form; nobody else is told the address. */
    http_reply_header(reply, "Referrer-Policy", "same-origin");
    http_reply_header(reply, "Cache-Control", "no-store");
    http_reply_header(reply, "Vary", "Accept-Language");
    if (status == 503) {
        http_reply_header(reply, "Retry-After", "10");
    }
    http_reply_body(reply, "text/html; charset=utf-8", html.data, html.len);
}

static int reply_error(struct page_ask *page, struct err *err) {
    page->page.look = NULL;
    page->page.trouble = err->code != ERR_NOT_FOUND;
    if (page->page.trouble) {
        log_error(HTTP_FAILED, err, LT("request", page->ask->request->id), LT("path", "/pay/…"));
    }
    reply_page(page, page->page.trouble ? 503 : 404);
    err_clear(err);
    return 0;
}

static int look(struct page_ask *page, struct err *err) {
    visitor_address(page->ask->request, page->address);
    page->visitor.phone = strstr(header(page->ask, "User-Agent"), "Mobi") != NULL;
    page->visitor.address = page->address;
    int r = pay_look(page->ask->service->payments, page->ask->param, &page->visitor, page->arena,
                     &page->look, err);
    if (r >= 0) {
        page->page.look = &page->look;
    }
    return r;
}

/* ---- a code, for an <img> of a shop's page ---- */

int pay_code_get(struct ask *ask, struct err *err) {
    BUF_AUTO svg;
    buf_init(&svg, PAY_PAGE_BYTES_MAX);
    int r = qr_link_show(ask->service->payments, ask->param, &svg, err);
    if (r >= 0) {
        ask->reply->status = 200;
        http_reply_header(ask->reply, "Cross-Origin-Resource-Policy", "cross-origin");
        http_reply_body(ask->reply, "image/svg+xml", svg.data, svg.len);
    }
    return r;
}

/* ---- the page ---- */

int pay_page_get(struct ask *ask, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page_ask page = {.ask = ask, .arena = arena};
    int64_t go = 0, not_now = 0;
    int r = read_language(&page, err);
    r = r < 0 ? r : read_query_int(ask, "go", 0, 1, &go, err);
    r = r < 0 ? r : read_query_int(ask, "not_now", 0, 2, &not_now, err);
    if (r < 0) {
        return r;
    }
    page.page.go = go == 1;
    page.page.not_now = not_now > 0;
    page.page.not_yet = not_now == 2;
    r = look(&page, err);
    if (r < 0) {
        return reply_error(&page, err);
    }
    reply_page(&page, 200);
    return 0;
}

/* A page of somebody else's cannot know the link; should it know it all the same, its visitors do
 * not choose for the customer. */
static int check_origin(const struct ask *ask, struct err *err) {
    const char *url = ask->service->config->deferred.public_url;
    const char *from = header(ask, "Origin"), *site = header(ask, "Sec-Fetch-Site");
    char ours[PAY_ORIGIN_CHARS_MAX + 1];
    pay_origin(url != NULL ? url : "", ours);
    if ((from[0] == '\0' || strcmp(from, ours) == 0) &&
        (site[0] == '\0' || strcmp(site, "same-origin") == 0)) {
        return 0;
    }
    err_set(err, ERR_FORBIDDEN, "a payment is chosen on its own page only");
    return err_place(err, from[0] != '\0' ? "Origin" : "Sec-Fetch-Site");
}

static int choose(struct page_ask *page, const char *name, const char *shown, struct err *err) {
    enum payment_method method;
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)page->look.version);
    if (!method_parse(name, &method) || method == METHOD_CARD) {
        return err_set(err, ERR_VALIDATION, "there is no such choice on the page");
    }
    if (strcmp(shown, version) != 0) {
        return 0; /* a page of another moment, or the same button pressed twice: look at it anew */
    }
    int r = pay_choose(page->ask->service->payments, &page->look, method, &page->visitor, err);
    return r == -ERR_IDEMPOTENCY_IN_FLIGHT ? 0 : r;
}

int pay_page_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"method", "page", NULL};
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct page_ask page = {.ask = ask, .arena = arena};
    const char *method = NULL, *shown = NULL;
    char where[40];
    int r = check_origin(ask, err);
    r = r < 0 ? r : read_language(&page, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "method", 1, 40, &method, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "page", 1, 20, &shown, err);
    if (r < 0) {
        return r;
    }
    r = look(&page, err);
    if (r < 0) {
        return reply_error(&page, err);
    }
    r = choose(&page, method, shown, err);
    if (r < 0 && err_http_status(err->code) >= 500 && err->code != ERR_NO_GATEWAY) {
        return reply_error(&page, err);
    }
    /* What he chose first is not closed: it stands in the way. */
    bool not_yet = r == -ERR_STATE && page.look.phase == PAY_ACT;
    snprintf(where, sizeof where, "?lang=%s&%s", page.page.chinese ? "zh" : "en",
             not_yet ? "not_now=2"
             : r < 0 ? "not_now=1"
                     : "go=1");
    err_clear(err);
    ask->reply->status = 303;
    http_reply_header(ask->reply, "Location", where);
    http_reply_header(ask->reply, "Referrer-Policy", "same-origin");
    return 0;
}
