/* SPDX-License-Identifier: Apache-2.0
 * containment_actions.c: measures as the actions of playbooks (containment_actions.h). */
#include "incident/containment_actions.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "comms/words.h"
#include "incident/containment_impl.h"

/* What a playbook calls them; `value`: what it is set to is the name. */
static const struct {
    const char *kind;
    enum containment_kind is;
    bool value;
} kinds[] = {
    {"deploy_freeze", CONTAINMENT_DEPLOY_FREEZE, false},
    {"gateway", CONTAINMENT_GATEWAY_OFF, false},
    {"method", CONTAINMENT_METHOD_OFF, false},
    {"purpose", CONTAINMENT_PURPOSE_OFF, false},
    {"primary", CONTAINMENT_PRIMARY, false},
    {"fallback", CONTAINMENT_FALLBACK, false},
    {"mode", CONTAINMENT_MODE, true},
    {"simplified", CONTAINMENT_SIMPLIFIED, false},
};

/* 0: it is a notice, which is a message and no switch. */
static enum containment_kind request_of(const struct playbook_measure *measure,
                                        struct containment_request *ret_request) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].kind, measure->kind) == 0) {
            *ret_request = (struct containment_request){
                .kind = containment_kind_name(kinds[i].is),
                .name = kinds[i].value ? measure->value : measure->target,
                .reason = measure->reason[0] != '\0' ? measure->reason : "by the playbook"};
            return kinds[i].is;
        }
    }
    return CONTAINMENT_NO_KIND;
}

/* ---- what an answer says ---- */

static void say(struct playbook_told *told, enum playbook_verdict verdict, const char *english,
                const char *chinese) {
    told->verdict = verdict;
    told->said[NOTICE_EN] = english;
    told->said[NOTICE_ZH] = chinese;
}

static const char *peek(struct arena *arena, const json_t *json, const char *key,
                        const char *member) {
    const char *text = member != NULL ? json_peek_text(json, key, member, NULL)
                                      : json_peek_text(json, key, NULL);
    return arena_copy(arena, text != NULL ? text : "");
}

static void tell_measure(struct arena *arena, const char *text, struct playbook_told *ret_told) {
    JSON_AUTO json = json_loads(text, 0, NULL);
    const json_t *verification = json_object_get(json, "verification");
    bool holds = json_is_true(json_object_get(verification, "on")) &&
                 json_is_true(json_object_get(verification, "as_taken"));
    say(ret_told, holds ? VERDICT_PASSED : VERDICT_NOT, peek(arena, json, "verification", "en"),
        peek(arena, json, "verification", "zh"));
    ret_told->reference = peek(arena, json, "id", NULL);
    ret_told->evidence = arena_copy(arena, text);
}

/* ---- notices ---- */

struct noticed {
    const char *incident_id;
    int64_t count;
};

/* Messages to customers that are being sent or are sent (message_states.def). */
static int count_told(struct store_tx *tx, void *ctx, struct err *err) {
    struct noticed *noticed = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM message WHERE incident_id = $1 AND incident_id <> '' "
                      "AND audience = $2 AND state IN (5, 6)",
                      S_TEXT(noticed->incident_id), S_INT(AUDIENCE_CUSTOMER));
    r = r < 0 ? r : sql_next(rows, err);
    noticed->count = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static int look_for_notice(struct containments *containments,
                           const struct playbook_measure *measure, struct playbook_told *ret_told,
                           struct err *err) {
    struct noticed noticed = {.incident_id = measure->incident_id};
    int r = store_read(containments->options.store, count_told, &noticed, err);
    if (r >= 0 && noticed.count > 0) {
        say(ret_told, VERDICT_PASSED, "Customers were written to.", "已向客户发送消息。");
    } else if (r >= 0) {
        say(ret_told, VERDICT_UNKNOWN,
            "No message to customers was sent for it yet: `holdfast message draft`.",
            "尚未向客户发送消息:`holdfast message draft`。");
    }
    return r;
}

/* ---- preview, run, verify, undo ---- */

static int preview(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
                   struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    struct containment_request request;
    if (request_of(measure, &request) == CONTAINMENT_NO_KIND) {
        return look_for_notice(ctx, measure, ret_told, err);
    }
    ANSWER_AUTO answer = {0};
    int r = containment_preview(ctx, caller, measure->incident_id, &request, &answer, err);
    if (r < 0) {
        return r;
    }
    JSON_AUTO json = json_loads(answer.json, 0, NULL);
    bool refused = json_is_object(json_object_get(json, "refused"));
    const char *why = peek(arena, json, "refused", "detail");
    say(ret_told, refused ? VERDICT_NOT : VERDICT_PASSED,
        refused ? why
                : arena_printf(arena, "%s. %s.", peek(arena, json, "does", NULL),
                               peek(arena, json, "concerned", "en")),
        refused ? why
                : arena_printf(arena, "%s。%s。", peek(arena, json, "does_zh", NULL),
                               peek(arena, json, "concerned", "zh")));
    ret_told->evidence = arena_copy(arena, answer.json);
    return 0;
}

struct finding {
    const struct playbook_measure *measure;
    const struct containment_request *request;
    struct arena *arena;
    const char *id; /* NULL: there is none */
};

/* The incident's own measure of that kind that stands as it was taken. */
static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct finding *finding = ctx;
    struct containment_row *rows = NULL;
    int count = 0;
    finding->id = NULL;
    int r = containment_load_all(tx, finding->arena, finding->measure->incident_id, &rows, &count,
                                 err);
    for (int i = 0; r >= 0 && i < count; i++) {
        struct containment_now now;
        if (strcmp(rows[i].kind->name, finding->request->kind) != 0 ||
            strcmp(rows[i].name, finding->request->name) != 0) {
            continue;
        }
        r = containment_now(tx, finding->arena, &rows[i], &now, err);
        if (r >= 0 && now.as_taken) {
            finding->id = rows[i].id.text;
        }
    }
    return r < 0 ? r : 0;
}

static int run(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
               struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    struct containments *containments = ctx;
    struct containment_request request;
    if (request_of(measure, &request) == CONTAINMENT_NO_KIND) {
        return look_for_notice(ctx, measure, ret_told, err);
    }
    ANSWER_AUTO answer = {0};
    struct err refused = {0}, blind = {0};
    int r = containment_take(ctx, caller, measure->incident_id, &request, &answer, &refused);
    if (r < 0) {
        struct finding finding = {measure, &request, arena, NULL};
        /* Taken by hand, or by a run whose item was not written. */
        if (refused.code == ERR_STATE &&
            store_read(containments->options.store, find_tx, &finding, &blind) >= 0 &&
            finding.id != NULL) {
            r = containment_verify(ctx, measure->incident_id, finding.id, &answer, &blind);
        }
    }
    if (r < 0) {
        *err = refused;
        return r;
    }
    tell_measure(arena, answer.json, ret_told);
    return 0;
}

static int verify(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
                  struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    struct containment_request request;
    (void)caller;
    if (request_of(measure, &request) == CONTAINMENT_NO_KIND) {
        return look_for_notice(ctx, measure, ret_told, err);
    }
    ANSWER_AUTO answer = {0};
    int r = containment_verify(ctx, measure->incident_id, measure->reference, &answer, err);
    if (r >= 0) {
        tell_measure(arena, answer.json, ret_told);
    }
    return r;
}

static bool is_undone(const struct answer *answer) {
    JSON_AUTO json = json_loads(answer->json, 0, NULL);
    const char *state = json_peek_text(json, "state", NULL);
    return state != NULL && strcmp(state, "undone") == 0;
}

static int undo(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
                struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    struct containment_request request;
    if (request_of(measure, &request) == CONTAINMENT_NO_KIND) {
        return err_set(err, ERR_STATE, "what customers were told is not taken back");
    }
    ANSWER_AUTO answer = {0};
    struct err refused = {0}, blind = {0};
    int r = containment_undo(ctx, caller, measure->incident_id, measure->reference, request.reason,
                             false, &answer, &refused);
    /* Undone from elsewhere. */
    if (r < 0 && refused.code == ERR_STATE) {
        r = containment_verify(ctx, measure->incident_id, measure->reference, &answer, &blind);
        r = r < 0 || is_undone(&answer) ? r : -ERR_STATE;
    }
    if (r < 0) {
        *err = refused;
        return r;
    }
    tell_measure(arena, answer.json, ret_told);
    ret_told->verdict = VERDICT_PASSED;
    return 0;
}

struct playbook_actions containment_actions(struct containments *containments) {
    return (struct playbook_actions){
        .preview = preview, .run = run, .verify = verify, .undo = undo, .ctx = containments};
}
