/* SPDX-License-Identifier: Apache-2.0
 * handlers_windows.c: times that are proved (recon/window.h). */
#include "api/read.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "base/json.h"
#include "recon/window.h"

enum { MOMENT_CHARS_MAX = 40 };

/* Absent: `*ret_wall_us` stays as it was. */
static int read_moment(const json_t *body, const char *name, bool need, int64_t *ret_wall_us,
                       struct err *err) {
    const char *text = NULL;
    int r = need ? json_need_text(body, "", name, 1, MOMENT_CHARS_MAX, &text, err)
                 : json_may_text(body, "", name, 1, MOMENT_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || read_since(text, ret_wall_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "\"%s\" is no time", text);
    err_place(err, "/%s", name);
    return err_hint(err, "Write 2026-11-20T08:00:00Z, or how long ago: 90s, 30m, 2h, 7d.");
}

int windows_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"from", "until", "gateway", NULL};
    struct window_request request = {.until_us = clock_wall_us(), .gateway = ""};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_moment(ask->body, "from", true, &request.from_us, err);
    r = r < 0 ? r : read_moment(ask->body, "until", false, &request.until_us, err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "gateway", 1, GATEWAY_NAME_CHARS_MAX, &request.gateway,
                              err);
    return r < 0 ? r : window_ask(ask->service->recon, &ask->caller, &request, &ask->answer, err);
}

int windows_list(struct ask *ask, struct err *err) {
    int64_t limit = PAGE_ROWS;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r : window_list(ask->service->recon, (int)limit, &ask->answer, err);
}

int window_get_one(struct ask *ask, struct err *err) {
    struct window_id id;
    int r = READ_LISTED_ID(ask, "a window", window_id, "reconcile windows", &id, err);
    return r < 0 ? r : window_get(ask->service->recon, id.text, &ask->answer, err);
}

int window_attempts_get(struct ask *ask, struct err *err) {
    struct window_id id;
    char verdict[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    enum window_verdict wanted = WINDOW_NOT_YET;
    int64_t limit = PAGE_ROWS;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_query_text(ask, "verdict", verdict, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    if (r >= 0 && verdict[0] != '\0' && !window_verdict_parse(verdict, &wanted)) {
        err_set(err, ERR_VALIDATION, "there is no verdict \"%.40s\"", verdict);
        err_place(err, "verdict");
        return err_hint(err, "One of: agreed, found, waits, differs, unanswered, open, not_asked.");
    }
    r = r < 0 ? r : READ_LISTED_ID(ask, "a window", window_id, "reconcile windows", &id, err);
    return r < 0 ? r
                 : window_items(ask->service->recon, id.text, wanted, cursor, (int)limit,
                                &ask->answer, err);
}
