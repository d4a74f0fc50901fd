/* SPDX-License-Identifier: Apache-2.0
 * handlers_rules.c: /v1/repair-rules and /v1/repairs: what rules may do about breaks, what they
 * would, and what they did. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"
#include "recon/repair/repair.h"

int repair_rules_list(struct ask *ask, struct err *err) {
    return repair_rules_get(ask->service->recon, &ask->answer, err);
}

int repair_dry_run_get(struct ask *ask, struct err *err) {
    char rule[QUERY_CHARS_MAX] = "", gateway[QUERY_CHARS_MAX] = "";
    int r = read_query_text(ask, "rule", rule, err);
    r = r < 0 ? r : read_query_text(ask, "gateway", gateway, err);
    return r < 0 ? r
                 : repair_dry_run(ask->service->recon, rule[0] != '\0' ? rule : NULL,
                                  gateway[0] != '\0' ? gateway : NULL, &ask->answer, err);
}

/* The body that is a reason and nothing else. */
static int read_only_reason(const struct ask *ask, const char **ret_reason, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    int r = json_only(ask->body, "", keys, err);
    return r < 0 ? r : read_reason(ask->body, ret_reason, err);
}

static int turn(struct ask *ask, bool enable, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_rule_switch(ask->service->recon, &ask->caller, ask->param, enable, reason,
                                      &ask->answer, err);
}

int repair_rule_enable_post(struct ask *ask, struct err *err) {
    return turn(ask, true, err);
}

int repair_rule_disable_post(struct ask *ask, struct err *err) {
    return turn(ask, false, err);
}

int repair_rules_start_post(struct ask *ask, struct err *err) {
    const char *reason = NULL;
    int r = read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_rules_start(ask->service->recon, &ask->caller, reason, &ask->answer, err);
}

int repairs_list(struct ask *ask, struct err *err) {
    char rule[QUERY_CHARS_MAX] = "", gateway[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "";
    char broken[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    struct repair_filter filter = {
        .rule = rule, .gateway = gateway, .break_id = broken, .cursor = cursor};
    int64_t limit = 0;
    int r = read_query_text(ask, "rule", rule, err);
    r = r < 0 ? r : read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "break_id", broken, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    if (r >= 0 && state[0] != '\0' && !repair_state_parse(state, &filter.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\" of a repair", state);
        err_place(err, "query parameter state");
        r = err_hint(err, "planned, asked, doing, done, refused, failed, moot or reversed.");
    }
    struct repair_id from;
    if (r >= 0 && cursor[0] != '\0' && repair_id_parse(cursor, &from, NULL) < 0) {
        err_set(err, ERR_VALIDATION, "that is no cursor of this list");
        r = err_place(err, "query parameter cursor");
    }
    filter.limit = (int)limit;
    return r < 0 ? r : repair_list(ask->service->recon, &filter, &ask->answer, err);
}

int repair_get_one(struct ask *ask, struct err *err) {
    struct repair_id id;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    return r < 0 ? r : repair_get(ask->service->recon, id.text, &ask->answer, err);
}

int repair_reverse_post(struct ask *ask, struct err *err) {
    struct repair_id id;
    const char *reason = NULL;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    r = r < 0 ? r : read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_reverse(ask->service->recon, &ask->caller, id.text, reason, &ask->answer,
                                  err);
}

static int decide_reversal(struct ask *ask, bool approve, struct err *err) {
    struct repair_id id;
    const char *reason = NULL;
    int r = READ_ID(ask, "a repair", repair_id, &id, err);
    r = r < 0 ? r : read_only_reason(ask, &reason, err);
    return r < 0 ? r
                 : repair_reverse_decide(ask->service->recon, &ask->caller, id.text, approve,
                                         reason, &ask->answer, err);
}

int repair_approve_post(struct ask *ask, struct err *err) {
    return decide_reversal(ask, true, err);
}

int repair_reject_post(struct ask *ask, struct err *err) {
    return decide_reversal(ask, false, err);
}
