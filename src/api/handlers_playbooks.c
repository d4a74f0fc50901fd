/* SPDX-License-Identifier: Apache-2.0
 * handlers_playbooks.c: /v1/playbooks, and the checklist of an incident. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"
#include "incident/playbook.h"

enum {
    LIST_BYTES_MAX = 2 * 1024 * 1024,
    ITEM_CHARS_MAX = 2 * PLAYBOOK_NAME_CHARS_MAX + 1,
    TARGET_CHARS_MAX = 40,
    WORD_CHARS_MAX = 40,
};

int playbooks_list(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    playbook_set_list(ask->service->playbook_set, &buf);
    return answer_take(&ask->answer, 200, &buf, err);
}

int playbook_get_one(struct ask *ask, struct err *err) {
    const struct playbook *playbook = playbook_set_find(ask->service->playbook_set, ask->param);
    BUF_AUTO buf;
    buf_init(&buf, LIST_BYTES_MAX);
    if (playbook == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no playbook \"%.60s\"", ask->param);
        return err_hint(err, "`holdfast playbook list` lists them.");
    }
    playbook_write(playbook, &buf);
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- of an incident ---- */

static int read_incident_id(const struct ask *ask, struct incident_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an incident", incident_id, "incident list --state all", ret_id,
                          err);
}

static int may_reason(const json_t *body, const char **ret_reason, struct err *err) {
    return json_may_text(body, "", "reason", 1, REASON_CHARS_MAX, ret_reason, err);
}

int incident_playbooks_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"name", "reason", NULL};
    const char *name = NULL, *reason = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "name", 1, PLAYBOOK_NAME_CHARS_MAX, &name, err);
    r = r < 0 ? r : may_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : playbook_attach(ask->service->playbooks, &ask->caller, id.text, name, reason,
                                   &ask->answer, err);
}

int checklist_get(struct ask *ask, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r
                 : playbook_checklist(ask->service->playbooks, id.text, &ask->answer, err);
}

int checklist_refresh_post(struct ask *ask, struct err *err) {
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    return r < 0 ? r
                 : playbook_refresh(ask->service->playbooks, &ask->caller, id.text, &ask->answer,
                                    err);
}

int checklist_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"item", "state", "reason", "target", NULL};
    struct playbook_act act = {0};
    const char *state = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "item", 1, ITEM_CHARS_MAX, &act.item, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "state", 1, WORD_CHARS_MAX, &state, err);
    r = r < 0 ? r : may_reason(ask->body, &act.reason, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "target", 1, TARGET_CHARS_MAX, &act.target, err);
    if (r >= 0 && !playbook_state_parse(state, &act.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\"", state);
        err_place(err, "/state");
        r = err_hint(err, "One of: done, skipped, failed, open.");
    }
    return r < 0 ? r
                 : playbook_act(ask->service->playbooks, &ask->caller, id.text, &act, &ask->answer,
                                err);
}

int checklist_preview_get(struct ask *ask, struct err *err) {
    char item[QUERY_CHARS_MAX] = "", target[QUERY_CHARS_MAX] = "";
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : read_query_text(ask, "item", item, err);
    r = r < 0 ? r : read_query_text(ask, "target", target, err);
    if (r >= 0 && item[0] == '\0') {
        err_set(err, ERR_VALIDATION, "which item is meant is missing");
        r = err_place(err, "item");
    }
    return r < 0 ? r
                 : playbook_preview(ask->service->playbooks, &ask->caller, id.text, item, target,
                                    &ask->answer, err);
}
