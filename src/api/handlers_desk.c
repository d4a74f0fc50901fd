/* SPDX-License-Identifier: Apache-2.0
 * handlers_desk.c: webhooks, callbacks, cases, the ledger. */
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

int webhooks_list(struct ask *ask, struct err *err) {
    return webhook_endpoint_list(ask->service->payments, &ask->answer, err);
}

int webhooks_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"url", "types", "description", NULL};
    const char *url = NULL, *types = "*", *description = "";
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "url", 1, 500, &url, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "types", 1, 500, &types, err);
    r = r < 0 ? r : json_may_lines(ask->body, "", "description", 0, 200, &description, err);
    return r < 0 ? r
                 : webhook_endpoint_create(ask->service->payments, &ask->caller, url, types,
                                           description, &ask->answer, err);
}

int webhook_patch(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"url", "types", "enabled", NULL};
    const char *url = NULL, *types = NULL;
    bool enabled = true;
    struct endpoint_id id;
    int r = READ_ID(ask, "a webhook endpoint", endpoint_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "url", 1, 500, &url, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "types", 1, 500, &types, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "enabled", &enabled, err);
    if (r < 0) {
        return r;
    }
    int wanted = json_object_get(ask->body, "enabled") == NULL ? -1 : enabled;
    return webhook_endpoint_update(ask->service->payments, &ask->caller, id.text, url, types,
                                   wanted, &ask->answer, err);
}

int webhook_delete(struct ask *ask, struct err *err) {
    struct endpoint_id id;
    int r = READ_ID(ask, "a webhook endpoint", endpoint_id, &id, err);
    return r < 0 ? r
                 : webhook_endpoint_delete(ask->service->payments, &ask->caller, id.text,
                                           &ask->answer, err);
}

int webhook_rotate_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"overlap_seconds", NULL};
    int64_t overlap_s = 86400;
    struct endpoint_id id;
    int r = READ_ID(ask, "a webhook endpoint", endpoint_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_int(ask->body, "", "overlap_seconds", 0, 604800, &overlap_s, err);
    return r < 0 ? r
                 : webhook_endpoint_rotate(ask->service->payments, &ask->caller, id.text,
                                           overlap_s * US_PER_SECOND, &ask->answer, err);
}

int webhook_deliveries_get(struct ask *ask, struct err *err) {
    char endpoint[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "endpoint_id", endpoint, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : webhook_delivery_list(
                       ask->service->payments, endpoint[0] != '\0' ? endpoint : NULL,
                       state[0] != '\0' ? state : NULL, (int)limit, &ask->answer, err);
}

int delivery_replay_post(struct ask *ask, struct err *err) {
    /* Its id is made of two others: it is looked for as it is. */
    return webhook_delivery_replay(ask->service->payments, &ask->caller, ask->param, &ask->answer,
                                   err);
}

int callbacks_list(struct ask *ask, struct err *err) {
    char gateway[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "";
    int64_t limit = 0;
    int r = read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : callback_list(ask->service->payments, state[0] != '\0' ? state : NULL, gateway,
                                 (int)limit, &ask->answer, err);
}

int callback_replay_post(struct ask *ask, struct err *err) {
    struct callback_id id;
    int r = READ_ID(ask, "a callback", callback_id, &id, err);
    return r < 0
               ? r
               : callback_replay(ask->service->payments, &ask->caller, id.text, &ask->answer, err);
}

int callback_post(struct ask *ask, struct err *err) {
    return callback_receive(ask->service->payments, ask->param, ask->request, ask->reply, err);
}

int cases_list(struct ask *ask, struct err *err) {
    int64_t limit = 0, all = 0;
    int r = read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    r = r < 0 ? r : read_query_int(ask, "all", 0, 1, &all, err);
    return r < 0 ? r : case_list(ask->service->payments, all == 0, (int)limit, &ask->answer, err);
}

int case_close_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"resolution", NULL};
    const char *resolution = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_lines(ask->body, "", "resolution", 1, REASON_CHARS_MAX, &resolution, err);
    return r < 0 ? r
                 : case_close(ask->service->payments, &ask->caller, ask->param, resolution,
                              &ask->answer, err);
}

int ledger_get(struct ask *ask, struct err *err) {
    return ledger_overview(ask->service->payments, &ask->answer, err);
}
