/* SPDX-License-Identifier: Apache-2.0
 * playbook_act.c: what people do with an incident's checklist: each under the incident's lock, with
 * an entry of its log and one of the audit log.
 *
 * A measure has transactions of its own. It is run before the item's, with a key that is made from
 * the request's: when the machine stops in between, the same request again finds the measure run
 * and writes the item. */
#include <stdio.h>
#include <string.h>

#include "incident/playbook_impl.h"
#include "store/audit.h"

struct doing {
    struct playbooks *playbooks;
    const struct caller *caller;
    const char *incident_id;
    const struct playbook_act *act;
    const char *reason;
    bool measured; /* the measure was run, or undone: */
    struct playbook_told told; /* what came of it, and what was seen then */
    const char *target;
    struct arena *told_arena;
    struct arena *arena; /* from here on: of one run */
    struct incident_row incident;
    struct item_rows *rows;
    struct item_row *row;
    struct incident_person person;
};

/* ---- who may ---- */

static int need_person(const struct doing *doing, struct err *err) {
    if (doing->person.name[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_FORBIDDEN, "this takes a person with a name");
    return err_hint(err, "Sign in, or use a key that was made for a user.");
}

static int need_role(const struct doing *doing, enum incident_role role, const char *what,
                     struct err *err) {
    const char *holder = doing->incident.holders[role][0];
    int r = need_person(doing, err);
    if (r < 0 || incident_holds(&doing->incident, role, doing->person.name)) {
        return r;
    }
    err_set(err, ERR_FORBIDDEN, "%s is for the %s or his deputy: %s", what,
            incident_role_name(role), holder[0] != '\0' ? holder : "nobody has that role");
    return err_hint(err, "`holdfast incident role %s --role %s --to ...` gives it.",
                    doing->incident.id.text, incident_role_name(role));
}

static int need_running(const struct doing *doing, struct err *err) {
    int64_t state = doing->incident.state;
    if (state != INCIDENT_CLOSED && state != INCIDENT_CANCELLED) {
        return 0;
    }
    return err_set(err, ERR_STATE, "incident %s is %s: its checklist stays as it is",
                   doing->incident_id, incident_state_name(state));
}

static int need_reason(const struct doing *doing, const char *what, struct err *err) {
    if (doing->reason[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "%s takes a reason", what);
    return err_place(err, "/reason");
}

static const struct playbook_actions *actions_of(const struct doing *doing) {
    return doing->playbooks->options.actions;
}

/* An item is run or undone by what has the measures. */
static bool is_measured(const struct doing *doing) {
    const struct item_row *row = doing->row;
    enum playbook_state state = doing->act->state;
    return row->kind == ITEM_ACTION && actions_of(doing) != NULL &&
           (state == ITEM_STATE_DONE || (state == ITEM_STATE_OPEN && row->ran_us > 0));
}

static int check_done(const struct doing *doing, struct err *err) {
    enum incident_role role = INCIDENT_ROLE_COMMANDER;
    const struct item_row *row = doing->row;
    if (row->kind == ITEM_QUERY) {
        err_set(err, ERR_STATE, "%s is a query: what the machine sees makes it done",
                doing->act->item);
        return err_hint(err, "`holdfast incident checklist %s --refresh` asks it again; "
                             "`holdfast incident skip` says why it is not needed.",
                        doing->incident_id);
    }
    if (row->kind == ITEM_APPROVAL) {
        INVARIANT(incident_role_parse(row->subject, &role), "it was checked when it was read");
        return need_role(doing, role, "this approval", err);
    }
    int r = need_person(doing, err);
    if (r >= 0 && row->kind == ITEM_ACTION && actions_of(doing) == NULL) {
        r = need_reason(doing, "a measure that was done by hand", err);
    }
    return r;
}

static int check_skipped(const struct doing *doing, struct err *err) {
    int r = doing->row->required
                ? need_role(doing, INCIDENT_ROLE_COMMANDER, "leaving out what is required", err)
                : need_person(doing, err);
    if (r >= 0 && doing->row->ran_us > 0) {
        err_set(err, ERR_STATE, "its measure was run");
        return err_hint(err, "`holdfast incident untick %s %s` takes it back.", doing->incident_id,
                        doing->act->item);
    }
    return r < 0 ? r : need_reason(doing, "leaving an item out", err);
}

static int check(const struct doing *doing, struct err *err) {
    const struct item_row *row = doing->row;
    enum playbook_state to = doing->act->state;
    int r = need_running(doing, err);
    if (r < 0) {
        return r;
    }
    bool ran_again = row->kind == ITEM_ACTION && to == ITEM_STATE_OPEN && row->ran_us > 0;
    if (row->state == (int64_t)to && !ran_again) {
        return err_set(err, ERR_STATE, "%s is %s already%s%s", doing->act->item,
                       playbook_state_name(to), row->name[0] != '\0' ? ", by " : "", row->name);
    }
    switch (to) {
    case ITEM_STATE_DONE:
        return check_done(doing, err);
    case ITEM_STATE_SKIPPED:
        return check_skipped(doing, err);
    case ITEM_STATE_OPEN:
    case ITEM_STATE_FAILED:
        break;
    }
    if (row->kind == ITEM_QUERY && (to == ITEM_STATE_FAILED || row->state != ITEM_STATE_SKIPPED)) {
        return err_set(err, ERR_STATE, "%s is a query: what the machine sees decides",
                       doing->act->item);
    }
    r = need_person(doing, err);
    return r < 0 ? r : need_reason(doing, "taking a word back, or a failure,", err);
}

static int load(struct doing *doing, struct store_tx *tx, bool lock, struct err *err) {
    int r = incident_load(tx, doing->arena, doing->incident_id, lock, &doing->incident, err);
    r = r < 0 ? r : incident_person(tx, doing->arena, doing->caller->actor, &doing->person, err);
    r = r < 0 ? r : items_load(tx, doing->arena, doing->incident_id, &doing->rows, err);
    return r < 0 ? r : item_find(doing->rows, doing->act->item, &doing->row, err);
}

/* ---- the measure ---- */

static int target_of(const struct doing *doing, const char **ret_target, struct err *err) {
    const struct playbook_measure_row *measure = playbook_measure_find(doing->row->subject);
    const char *said = doing->act->target != NULL ? doing->act->target : "";
    const char *known = item_target(&doing->incident, doing->row);
    bool fixed = doing->row->target[0] != '\0' && doing->row->target[0] != '{';
    if (measure == NULL) {
        return err_set(err, ERR_STATE, "this version has no measure \"%.40s\"",
                       doing->row->subject);
    }
    if (said[0] != '\0' && (!measure->target || (fixed && strcmp(said, known) != 0))) {
        err_set(err, ERR_VALIDATION, "this measure is not of a thing that can be chosen");
        return err_place(err, "/target");
    }
    *ret_target = said[0] != '\0' ? said : known;
    if (measure->target && (*ret_target)[0] == '\0') {
        err_set(err, ERR_VALIDATION, "it has to be said which %s is meant", doing->row->subject);
        err_place(err, "/target");
        return err_hint(err, "--target NAME; the incident's scope does not name exactly one.");
    }
    return 0;
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return load(ctx, tx, false, err);
}

static void measure_of(const struct doing *doing, const char *target,
                       struct playbook_measure *ret_measure) {
    const struct item_row *row = doing->row;
    *ret_measure = (struct playbook_measure){doing->incident_id, row->subject,  target,
                                             row->value,         doing->reason, row->reference};
}

static void told_clean(struct playbook_told *told) {
    for (int i = 0; i < NOTICE_LANGUAGES; i++) {
        told->said[i] = told->said[i] != NULL ? told->said[i] : "";
    }
    told->evidence = told->evidence != NULL ? told->evidence : "{}";
    told->reference = told->reference != NULL ? told->reference : "";
    if (strlen(told->evidence) > PLAYBOOK_EVIDENCE_BYTES_MAX) {
        told->evidence = "{\"left_out\":\"too large\"}";
    }
}

/* What was refused because it is on already, and is seen to hold, is done: somebody else has
 * switched it, or the machine stopped before the item was written. */
static bool is_on_already(struct doing *doing, const struct caller *caller,
                          const struct playbook_measure *measure, const struct err *refusal) {
    const struct playbook_actions *actions = actions_of(doing);
    struct err blind = {0};
    if (refusal->code != ERR_STATE ||
        actions->verify(actions->ctx, caller, measure, doing->told_arena, &doing->told, &blind) <
            0) {
        return false;
    }
    return doing->told.verdict == VERDICT_PASSED;
}

/* Run, and then seen to hold. What could not be seen is unknown, not an error: it was run. */
static int run_measure(struct doing *doing, const struct caller *caller,
                       struct playbook_measure *measure, struct err *err) {
    const struct playbook_actions *actions = actions_of(doing);
    struct playbook_told seen = {.verdict = VERDICT_UNKNOWN};
    struct err blind = {0};
    int r = actions->run(actions->ctx, caller, measure, doing->told_arena, &doing->told, err);
    if (r < 0) {
        return is_on_already(doing, caller, measure, err) ? 0 : r;
    }
    told_clean(&doing->told);
    measure->reference = doing->told.reference;
    if (doing->told.verdict == VERDICT_NOT) {
        return 0;
    }
    if (actions->verify(actions->ctx, caller, measure, doing->told_arena, &seen, &blind) < 0) {
        seen = (struct playbook_told){.verdict = VERDICT_UNKNOWN};
    }
    const char *reference = doing->told.reference;
    if (seen.said[NOTICE_EN] != NULL) {
        doing->told = seen;
    }
    doing->told.verdict = seen.verdict;
    doing->told.reference = reference;
    told_clean(&doing->told);
    return 0;
}

/* Before the item's own transaction. Where the act would be refused nothing is run: the refusal, or
 * the answer of before, comes from there. */
static int measure(struct doing *doing, struct err *err) {
    struct err refused = {0};
    struct caller caller = *doing->caller;
    char key[SHA256_HEX_CHARS + 1];
    struct playbook_measure measure;
    doing->arena = doing->told_arena;
    int r = store_read(doing->playbooks->options.store, look_tx, doing, err);
    if (r < 0) {
        return r;
    }
    if (!is_measured(doing) || check(doing, &refused) < 0) {
        return 0;
    }
    bool undo = doing->act->state == ITEM_STATE_OPEN;
    const char *target = doing->row->target;
    r = undo ? 0 : target_of(doing, &target, err);
    if (r < 0) {
        return r;
    }
    caller.claimed_as = NULL;
    if (caller.key != NULL) {
        const char *from = arena_printf(doing->told_arena, "%s:measure", caller.key);
        crypto_sha256_hex(from, strlen(from), key);
        caller.key = key;
    }
    measure_of(doing, target, &measure);
    const struct playbook_actions *actions = actions_of(doing);
    r = undo ? actions->undo(actions->ctx, &caller, &measure, doing->told_arena, &doing->told, err)
             : run_measure(doing, &caller, &measure, err);
    told_clean(&doing->told);
    doing->measured = r >= 0;
    doing->target = target;
    return r;
}

/* ---- the item ---- */

static void apply_measure(struct doing *doing, struct item_row *row, int64_t now_us) {
    const struct playbook_told *told = &doing->told;
    bool undone = doing->act->state == ITEM_STATE_OPEN;
    row->verdict = told->verdict;
    row->said[NOTICE_EN] = told->said[NOTICE_EN];
    row->said[NOTICE_ZH] = told->said[NOTICE_ZH];
    row->evidence = told->evidence;
    row->looked_us = now_us;
    if (undone && told->verdict == VERDICT_PASSED) {
        row->state = ITEM_STATE_OPEN;
        row->ran_us = 0;
        row->reference = "";
        return;
    }
    row->state = told->verdict == VERDICT_NOT      ? ITEM_STATE_FAILED
                 : told->verdict == VERDICT_PASSED ? ITEM_STATE_DONE
                                                   : ITEM_STATE_OPEN;
    if (!undone) {
        row->ran_us = now_us;
        row->reference = told->reference;
        row->target = doing->target;
    }
}

static void apply(struct doing *doing, struct item_row *row) {
    int64_t now_us = clock_wall_us();
    if (doing->measured) {
        apply_measure(doing, row, now_us);
    } else {
        row->state = (int64_t)doing->act->state;
        row->ran_us = row->state == ITEM_STATE_OPEN ? 0 : row->ran_us;
    }
    bool taken_back = row->state == ITEM_STATE_OPEN && !doing->measured;
    row->person = taken_back ? "" : doing->person.person;
    row->name = taken_back ? "" : doing->person.name;
    row->at_us = now_us;
    row->reason = doing->reason;
}

static const char *verb_of(const struct doing *doing) {
    enum playbook_state to = doing->act->state;
    if (doing->measured) {
        return to == ITEM_STATE_OPEN ? "undone" : "run";
    }
    switch (to) {
    case ITEM_STATE_DONE:
        return doing->row->kind == ITEM_APPROVAL ? "approved"
               : doing->row->kind == ITEM_ACTION ? "done by hand"
                                                 : "done";
    case ITEM_STATE_SKIPPED:
        return "left out";
    case ITEM_STATE_FAILED:
        return "failed";
    case ITEM_STATE_OPEN:
        break;
    }
    return "open again";
}

static enum incident_log_kind log_kind_of(const struct doing *doing) {
    bool done = doing->act->state == ITEM_STATE_DONE || doing->measured;
    return done && doing->row->kind != ITEM_APPROVAL ? LOGGED_ACTION
           : doing->act->state == ITEM_STATE_FAILED  ? LOGGED_OBSERVATION
                                                     : LOGGED_DECISION;
}

static int log_act(const struct doing *doing, struct store_tx *tx, const struct item_row *row,
                   struct err *err) {
    BUF_AUTO evidence;
    buf_init(&evidence, INCIDENT_EVIDENCE_BYTES_MAX);
    const char *name = item_name(doing->arena, row);
    buf_addf(&evidence, "{\"item\":\"%s\",\"state\":\"%s\",\"verdict\":\"%s\"", name,
             playbook_state_name(row->state), playbook_verdict_name(row->verdict));
    if (row->kind == ITEM_ACTION) {
        buf_addf(&evidence, ",\"measure\":\"%s\",\"target\":", row->subject);
        buf_add_json(&evidence, row->target);
        buf_addf(&evidence, ",\"seen\":%s", row->evidence);
    }
    buf_add_char(&evidence, '}');
    const char *said = doing->measured ? row->said[NOTICE_EN] : "";
    const struct incident_entry entry = {
        .actor = doing->caller->actor,
        .kind = log_kind_of(doing),
        .text = arena_printf(doing->arena, "%s %s: %s%s%s%s%s", name, verb_of(doing),
                             row->text[NOTICE_EN], said[0] != '\0' ? " " : "", said,
                             doing->reason[0] != '\0' ? " Reason: " : "", doing->reason),
        .evidence = buf_ok(&evidence) ? evidence.data : "{}",
    };
    return incident_log_add(tx, doing->incident_id, &entry, err);
}

static int act_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct doing *doing = ctx;
    (void)payments;
    doing->arena = arena;
    int r = load(doing, tx, true, err);
    /* What was run was run: it is written even if somebody else was faster. */
    r = r < 0 ? r : doing->measured ? need_running(doing, err) : check(doing, err);
    if (r >= 0 && !doing->measured && is_measured(doing)) {
        r = err_set(err, ERR_STATE, "%s has changed; look at it again", doing->act->item);
    }
    if (r < 0) {
        return r;
    }
    apply(doing, doing->row);
    r = item_save(tx, doing->incident_id, doing->row, err);
    r = r < 0 ? r : log_act(doing, tx, doing->row, err);
    r = r < 0 ? r
              : audit_append(tx, doing->caller->actor, "incident.checklist", doing->incident_id,
                             doing->reason, "{}", err);
    return r < 0 ? r
                 : checklist_answer(doing->playbooks, tx, arena, &doing->incident, ret_answer,
                                    err);
}

int playbook_act(struct playbooks *playbooks, const struct caller *caller,
                 const char *incident_id, const struct playbook_act *act,
                 struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct doing doing = {.playbooks = playbooks,
                          .caller = caller,
                          .incident_id = incident_id,
                          .act = act,
                          .reason = act->reason != NULL ? act->reason : "",
                          .told_arena = arena};
    int r = measure(&doing, err);
    return r < 0 ? r
                 : idempotent_run(playbooks->options.payments, caller, "incident.checklist",
                                  act_fn, &doing, ret_answer, err);
}

/* ---- what it would do ---- */

int playbook_preview(struct playbooks *playbooks, const struct caller *caller,
                     const char *incident_id, const char *item, const char *target,
                     struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct playbook_act act = {.item = item, .state = ITEM_STATE_DONE, .target = target};
    const struct playbook_actions *actions = playbooks->options.actions;
    struct doing doing = {.playbooks = playbooks,
                          .caller = caller,
                          .incident_id = incident_id,
                          .act = &act,
                          .reason = "",
                          .told_arena = arena,
                          .arena = arena};
    struct playbook_measure measure;
    const char *of = "";
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    int r = store_read(playbooks->options.store, look_tx, &doing, err);
    if (r >= 0 && doing.row->kind != ITEM_ACTION) {
        r = err_set(err, ERR_STATE, "%s is no action", item);
    }
    r = r < 0 ? r : target_of(&doing, &of, err);
    if (r < 0) {
        return r;
    }
    measure_of(&doing, of, &measure);
    if (actions != NULL) {
        r = actions->preview(actions->ctx, caller, &measure, arena, &doing.told, err);
    } else {
        doing.told.verdict = VERDICT_UNKNOWN;
        doing.told.said[NOTICE_EN] = "No measures are run from here: use the command.";
        doing.told.said[NOTICE_ZH] = "此处不能执行该措施:请使用命令。";
    }
    told_clean(&doing.told);
    buf_addf(&buf, "{\"object\":\"measure_preview\",\"item\":\"%s\",\"kind\":\"%s\",\"target\":",
             item_name(arena, doing.row), doing.row->subject);
    buf_add_json(&buf, of);
    buf_add_text(&buf, ",\"value\":");
    buf_add_json(&buf, doing.row->value);
    buf_addf(&buf, ",\"verdict\":\"%s\",\"said\":", playbook_verdict_name(doing.told.verdict));
    buf_add_json(&buf, doing.told.said[NOTICE_EN]);
    buf_add_text(&buf, ",\"said_zh\":");
    buf_add_json(&buf, doing.told.said[NOTICE_ZH]);
    buf_addf(&buf, ",\"evidence\":%s}", doing.told.evidence);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

/* ---- chosen ---- */

struct attaching {
    struct doing doing;
    const struct playbook *playbook;
};

static int put_playbook(const struct attaching *attaching, struct store_tx *tx, struct err *err) {
    const struct doing *doing = &attaching->doing;
    const struct playbook *playbook = attaching->playbook;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN playbook = $2 THEN 1 ELSE 0 END), "
                      "0) FROM incident_playbook WHERE incident_id = $1",
                      S_TEXT(doing->incident_id), S_TEXT(playbook->name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t count = sql_int(rows, 0);
    if (sql_int(rows, 1) > 0) {
        return err_set(err, ERR_STATE, "the incident follows \"%s\" already", playbook->name);
    }
    if (count >= PLAYBOOK_ATTACHED_MAX) {
        return err_set(err, ERR_STATE, "an incident follows at most %d playbooks",
                       PLAYBOOK_ATTACHED_MAX);
    }
    r = sql_put(tx, err,
                "INSERT INTO incident_playbook (incident_id, playbook, position, title_en, "
                "title_zh, attached_by, attached_us, looked_us) VALUES ($1, $2, $3, $4, $5, $6, "
                "$7, 0)",
                S_TEXT(doing->incident_id), S_TEXT(playbook->name), S_INT(count + 1),
                S_TEXT(playbook->title[NOTICE_EN]), S_TEXT(playbook->title[NOTICE_ZH]),
                S_TEXT(doing->person.name), S_INT(clock_wall_us()));
    for (int i = 0; r >= 0 && i < playbook->item_count; i++) {
        r = items_insert(tx, doing->incident_id, playbook->name, i, &playbook->items[i], err);
    }
    return r;
}

static int attach_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct attaching *attaching = ctx;
    struct doing *doing = &attaching->doing;
    (void)payments;
    doing->arena = arena;
    int r = incident_load(tx, arena, doing->incident_id, true, &doing->incident, err);
    r = r < 0 ? r : incident_person(tx, arena, doing->caller->actor, &doing->person, err);
    r = r < 0 ? r : need_running(doing, err);
    r = r < 0 ? r : need_person(doing, err);
    r = r < 0 ? r : put_playbook(attaching, tx, err);
    const struct incident_entry entry = {
        .actor = doing->caller->actor,
        .kind = LOGGED_DECISION,
        .text = arena_printf(arena, "Follows the playbook %s: %s.%s%s", attaching->playbook->name,
                             attaching->playbook->title[NOTICE_EN],
                             doing->reason[0] != '\0' ? " " : "", doing->reason),
        .evidence = arena_printf(arena, "{\"playbook\":\"%s\",\"items\":%d}",
                                 attaching->playbook->name, attaching->playbook->item_count),
    };
    r = r < 0 ? r : incident_log_add(tx, doing->incident_id, &entry, err);
    r = r < 0 ? r
              : audit_append(tx, doing->caller->actor, "incident.playbook", doing->incident_id,
                             doing->reason, "{}", err);
    return r < 0 ? r
                 : checklist_answer(doing->playbooks, tx, arena, &doing->incident, ret_answer,
                                    err);
}

int playbook_attach(struct playbooks *playbooks, const struct caller *caller,
                    const char *incident_id, const char *name, const char *reason,
                    struct answer *ret_answer, struct err *err) {
    struct attaching attaching = {
        .doing = {.playbooks = playbooks,
                  .caller = caller,
                  .incident_id = incident_id,
                  .reason = reason != NULL ? reason : ""},
        .playbook = playbook_set_find(playbooks->options.set, name),
    };
    if (attaching.playbook == NULL) {
        err_set(err, ERR_VALIDATION, "there is no playbook \"%.60s\"", name);
        err_place(err, "/name");
        return err_hint(err, "`holdfast playbook list` lists them.");
    }
    return idempotent_run(playbooks->options.payments, caller, "incident.playbook", attach_fn,
                          &attaching, ret_answer, err);
}

/* ---- looked at ---- */

struct asking {
    struct playbooks *playbooks;
    const char *incident_id;
    struct answer *answer;
};

static int checklist_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct asking *asking = ctx;
    struct incident_row incident;
    answer_release(asking->answer);
    int r = incident_load(tx, arena, asking->incident_id, false, &incident, err);
    return r < 0 ? r
                 : checklist_answer(asking->playbooks, tx, arena, &incident, asking->answer, err);
}

int playbook_checklist(struct playbooks *playbooks, const char *incident_id,
                       struct answer *ret_answer, struct err *err) {
    struct asking asking = {playbooks, incident_id, ret_answer};
    return store_read(playbooks->options.store, checklist_tx, &asking, err);
}
