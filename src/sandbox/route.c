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

/* ---- the way of a request ---- */

bool sb_request_begin(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_operation operation,
                      struct sb_verdict *ret_verdict, struct http_reply *reply) {
    sb_faults_decide(&sandbox->faults, gateway, operation, ret_verdict);
    if (ret_verdict->silent_before) {
        reply->status = 200; /* of an answer that is never sent */
        reply->never = true;
        return false;
    }
    sb_gate_enter(sandbox);
    return true;
}

void sb_request_end(struct sandbox *sandbox, const struct sb_verdict *verdict,
                    struct http_reply *reply) {
    sb_verdict_apply(verdict, reply);
    sb_gate_leave(sandbox);
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

static void pay_page_refuse(const char *why, struct http_reply *reply) {
    sb_page_write(&(struct sb_page){"There is no such order", why, NULL, NULL, NULL}, reply);
    reply->status = 404;
}

static void pay_page_done(const struct sb_order_view *view, struct http_reply *reply) {
    static const char *const titles[] = {"This order waits", "This order is paid",
                                         "This order is closed"};
    char amount[MONEY_TEXT_MAX];
    if (view->waits == SB_WAS_PAID && view->return_url[0] != '\0') {
        sb_page_redirect(view->return_url, view->return_query, reply);
        return;
    }
    sb_page_write(&(struct sb_page){titles[view->waits], "You may close this page.",
                                    money_show(view->amount_minor, view->currency, amount), NULL,
                                    NULL},
                  reply);
}

/* Shows it, or does what the customer chose and shows what became of it. */
static void pay_page(struct sandbox *sandbox, enum sb_gateway gateway, const char *name,
                     const struct http_request *request, struct http_reply *reply) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    struct sb_order_view view = {0};
    struct err err = {0};
    bool chosen = strcmp(request->method, "POST") == 0;
    bool pays = strstr(request->body, "choice=yes") != NULL;
    int rc = kind->customer(sandbox, name,
                            !chosen ? SB_ACT_SCAN
                            : pays  ? SB_ACT_PAY
                                    : SB_ACT_CANCEL,
                            &err);
    if (rc < 0 && err.code != ERR_STATE) {
        pay_page_refuse("The link is wrong.", reply);
        return;
    }
    rc = kind->look(sandbox, name, &view, &err);
    if (rc < 0) {
        pay_page_refuse(err.detail, reply);
        return;
    }
    /* WeChat Pay's page on a phone is told where he comes back to by whoever sends him there. */
    if (view.return_url[0] == '\0' &&
        http_query_get(request, "redirect_url", view.return_url, sizeof(view.return_url), &err) ==
            1 &&
        strncmp(view.return_url, "http", 4) != 0) {
        view.return_url[0] = '\0';
    }
    if (chosen || view.waits != SB_WAITING) {
        pay_page_done(&view, reply);
        return;
    }
    char title[80], amount[MONEY_TEXT_MAX];
    snprintf(title, sizeof(title), "Pay with the sandbox's %s", sb_gateway_title(gateway));
    sb_page_write(
        &(struct sb_page){title,
                          view.subject[0] != '\0' ? view.subject : "No real money moves here.",
                          money_show(view.amount_minor, view.currency, amount), "Pay", "Cancel"},
        reply);
}

bool sb_pay_page(struct sandbox *sandbox, enum sb_gateway gateway,
                 const struct http_request *request, struct http_reply *reply) {
    static const char folder[] = "/sandbox/pay/";
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    if (kind->look == NULL || kind->customer == NULL ||
        strncmp(request->path, folder, sizeof(folder) - 1) != 0) {
        return false;
    }
    sb_gate_enter(sandbox);
    pay_page(sandbox, gateway, request->path + sizeof(folder) - 1, request, reply);
    sb_gate_leave(sandbox);
    return true;
}
