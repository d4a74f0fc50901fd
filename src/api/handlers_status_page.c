/* SPDX-License-Identifier: Apache-2.0
 * handlers_status_page.c: /status…: the public status page and its subscriptions. What is shown is
 * made in comms/status.h and kept there; here it becomes an answer that browsers and caches may
 * keep for a moment. The one who subscribes is told the same whatever is known of the address. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/read.h"
#include "api/visitor.h"
#include "base/json.h"
#include "base/log.h"

enum { PATH_CHARS_MAX = 200 };

static const char *header(const struct ask *ask, const char *name) {
    const char *value = http_header_find(ask->request->headers, ask->request->header_count, name);
    return value != NULL ? value : "";
}

/* ?lang, else the first language of the browser's that there is. */
static int read_language(const struct ask *ask, enum language *ret_language, struct err *err) {
    char lang[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, "lang", lang, err);
    if (r >= 0 && lang[0] != '\0' && !language_parse(lang, ret_language)) {
        err_set(err, ERR_VALIDATION, "there is no language \"%.20s\" here", lang);
        err_place(err, "query parameter lang");
        return err_hint(err, "One of: en, zh.");
    }
    const char *at = lang[0] == '\0' ? header(ask, "Accept-Language") : "";
    for (; r >= 0 && *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (strncasecmp(at, "zh", 2) == 0 || strncasecmp(at, "en", 2) == 0) {
            *ret_language = strncasecmp(at, "zh", 2) == 0 ? LANGUAGE_ZH : LANGUAGE_EN;
            break;
        }
    }
    return r;
}

static void send_page(struct ask *ask, int status, const struct status_page *page) {
    struct http_reply *reply = ask->reply;
    reply->status = status;
    if (page->policy[0] != '\0') {
        http_reply_header(reply, "Content-Security-Policy", page->policy);
        http_reply_header(reply, "Referrer-Policy", "no-referrer");
    } else {
        http_reply_header(reply, "Access-Control-Allow-Origin", "*");
        http_reply_header(reply, "Cross-Origin-Resource-Policy", "cross-origin");
    }
    http_reply_header(reply, "Vary", "Accept-Language");
    if (status != 304) {
        http_reply_body(reply, page->type, page->bytes, page->count);
    }
}

/* ---- what is shown ---- */

/* "/status/incidents/sti_…" → "incidents/sti_….html" */
static void path_of(const struct ask *ask, char ret_path[PATH_CHARS_MAX]) {
    static const char root[] = "/status";
    const char *path = ask->request->path + sizeof root - 1;
    path += *path == '/';
    const char *last = strrchr(path, '/');
    bool named = strchr(last != NULL ? last : path, '.') != NULL;
    snprintf(ret_path, PATH_CHARS_MAX, "%.*s%s", PATH_CHARS_MAX - 12,
             path[0] != '\0' ? path : "index", named ? "" : ".html");
}

/* If-None-Match: one of a list of tags, which may be marked as weak ("W/"), or "*". */
static bool has_it(const struct ask *ask, const char *etag) {
    const char *tags = header(ask, "If-None-Match");
    return strcmp(tags, "*") == 0 || (tags[0] != '\0' && strstr(tags, etag) != NULL);
}

int status_page_show(struct ask *ask, struct err *err) {
    enum language language = LANGUAGE_EN;
    struct status_page page = {0};
    char path[PATH_CHARS_MAX];
    int r = read_language(ask, &language, err);
    path_of(ask, path);
    r = r < 0 ? r : status_page_get(ask->service->status, language, path, &page, err);
    if (r < 0) {
        return r;
    }
    http_reply_header(ask->reply, "ETag", page.etag);
    http_reply_header(ask->reply, "Cache-Control", "public, max-age=10");
    send_page(ask, has_it(ask, page.etag) ? 304 : 200, &page);
    status_page_release(&page);
    return 0;
}

/* ---- subscriptions ---- */

static int say(struct ask *ask, enum language language, enum status_said said,
               const struct status_subscriber *subscriber) {
    struct status_page page = {0};
    status_said_html(ask->service->status, language, said, subscriber, ask->param, &page);
    http_reply_header(ask->reply, "Cache-Control", "no-store");
    send_page(ask, said == SAID_UNKNOWN ? 404 : 200, &page);
    status_page_release(&page);
    return 0;
}

int status_subscriptions_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"email", "webhook", NULL};
    char from[IP_TEXT_CHARS_MAX];
    struct status_subscription what = {.email = "", .webhook = ""};
    what.language = LANGUAGE_EN;
    int r = read_language(ask, &what.language, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "email", 0, STATUS_ADDRESS_CHARS_MAX, &what.email,
                              err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "webhook", 0, STATUS_ADDRESS_CHARS_MAX, &what.webhook,
                              err);
    visitor_address(ask->request, from);
    what.from = from;
    r = r < 0 ? r : status_subscribe(ask->service->status, &what, err);
    return r < 0 ? r : say(ask, what.language, SAID_ASKED, NULL);
}

/* Looking changes nothing: mail programs look at links before people do. */
int status_subscription_get(struct ask *ask, struct err *err) {
    struct status_subscriber subscriber;
    enum language language = LANGUAGE_EN;
    int r = read_language(ask, &language, err);
    if (r < 0) {
        return r;
    }
    r = status_subscriber_look(ask->service->status, ask->param, &subscriber, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return say(ask, language, SAID_UNKNOWN, NULL);
    }
    return r < 0 ? r : say(ask, language, SAID_LOOK, &subscriber);
}

int status_subscription_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"action", NULL};
    const char *action = NULL;
    enum language language = LANGUAGE_EN;
    int r = read_language(ask, &language, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "action", 1, 20, &action, err);
    if (r < 0) {
        return r;
    }
    bool confirm = strcmp(action, "confirm") == 0;
    if (!confirm && strcmp(action, "end") != 0) {
        err_set(err, ERR_VALIDATION, "there is no such action");
        err_place(err, "/action");
        return err_hint(err, "confirm or end.");
    }
    r = confirm ? status_subscriber_confirm(ask->service->status, ask->param, err)
                : status_subscriber_end(ask->service->status, ask->param, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return say(ask, language, SAID_UNKNOWN, NULL);
    }
    return r < 0 ? r : say(ask, language, confirm ? SAID_CONFIRMED : SAID_ENDED, NULL);
}
