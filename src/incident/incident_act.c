/* SPDX-License-Identifier: Apache-2.0
 * incident_act.c: what people do to an incident (incident.h): each under the row's lock, with an
 * entry of its log and one of the audit log. */
#include <string.h>

#include "base/text.h"
#include "incident/containment.h"
#include "incident/incident_impl.h"
#include "incident/postmortem.h"
#include "store/audit.h"

struct act {
    struct incidents *incidents;
    const struct caller *caller;
    const char *id, *operation, *reason;
    int (*fn)(struct act *act, struct store_tx *tx, struct err *err);
    const void *request;
    struct arena *arena; /* from here on: of one run */
    struct incident_row row;
    struct incident_person person;
};

/* ---- who ---- */

int incident_person(struct store_tx *tx, struct arena *arena, const char *actor,
                    struct incident_person *ret_person, struct err *err) {
    static const char prefix[] = "user:";
    char person[PERSON_CHARS_MAX + 1];
    struct err nameless = {0};
    *ret_person = (struct incident_person){"", ""};
    int r = approval_person(tx, actor, person, &nameless);
    if (r < 0 && nameless.code == ERR_FORBIDDEN) {
        return 0;
    }
    if (r < 0) {
        *err = nameless;
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows, "SELECT name FROM app_user WHERE id = $1",
                  S_TEXT(person + strlen(prefix)));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        ret_person->person = arena_copy(arena, person);
        ret_person->name = arena_copy(arena, sql_text(rows, 0));
    }
    return r;
}

bool incident_holds(const struct incident_row *row, enum incident_role role, const char *name) {
    return name[0] != '\0' && (strcmp(row->holders[role][0], name) == 0 ||
                               strcmp(row->holders[role][1], name) == 0);
}

static int need_name(const char *name, struct err *err) {
    if (name[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_FORBIDDEN, "this takes a person with a name");
    return err_hint(err, "Sign in, or use a key that was made for a user.");
}

static int need_person(const struct act *act, struct err *err) {
    return need_name(act->person.name, err);
}

static int need_commander(const struct act *act, const char *what, struct err *err) {
    const char *commander = act->row.holders[INCIDENT_ROLE_COMMANDER][0];
    int r = need_person(act, err);
    if (r < 0 || incident_holds(&act->row, INCIDENT_ROLE_COMMANDER, act->person.name)) {
        return r;
    }
    err_set(err, ERR_FORBIDDEN, "%s is the commander's decision: %s", what,
            commander[0] != '\0' ? commander : "nobody has the command");
    return err_hint(err, "`holdfast incident role` hands the command over.");
}

/* ---- one act ---- */

static int act_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct act *act = ctx;
    act->arena = arena;
    int r = incident_load(tx, arena, act->id, true, &act->row, err);
    r = r < 0 ? r : incident_person(tx, arena, act->caller->actor, &act->person, err);
    r = r < 0 ? r : act->fn(act, tx, err);
    r = r < 0 ? r
              : incident_answer(act->incidents, tx, arena, &act->row, 200, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, act->caller->actor, act->operation, act->row.id.text,
                                act->reason, "{}", err);
}

static int run(struct act *act, struct answer *ret_answer, struct err *err) {
    struct payments *payments = act->incidents->options.payments;
    act->reason = act->reason != NULL ? act->reason : "";
    int r = idempotent_run(payments, act->caller, act->operation, act_fn, act, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

static int put(struct act *act, struct store_tx *tx, enum incident_log_kind kind, const char *text,
               const char *evidence, struct err *err) {
    const struct incident_entry entry = {
        .actor = act->caller->actor, .kind = kind, .text = text, .evidence = evidence};
    return incident_write(act->incidents, tx, &act->row, &entry, err);
}

/* "Contained: the route was changed." */
static const char *because(struct act *act, const char *what) {
    return act->reason[0] != '\0' ? arena_printf(act->arena, "%s: %s", what, act->reason)
                                  : arena_printf(act->arena, "%s.", what);
}

static int need_live(const struct act *act, struct err *err) {
    if (incident_is_live(act->row.state)) {
        return 0;
    }
    err_set(err, ERR_STATE, "incident %s is %s: it is not changed any more", act->id,
            incident_state_name(act->row.state));
    return err_hint(err, "What comes again is a new incident that names this one.");
}

/* ---- moves ---- */

static int move_fn(struct act *act, struct store_tx *tx, struct err *err) {
    const struct incident_move *move = act->request;
    enum incident_verb verb = VERB_NONE;
    int64_t before = act->row.state;
    INVARIANT(incident_verb_parse(move->move, &verb), "it was looked at before");
    int r = incident_go(tx, &act->row, verb, move->at_us, NULL, err);
    if (r >= 0 && !incident_is_live(act->row.state)) {
        r = containment_none_left(tx, act->row.id.text, err);
    }
    r = r < 0 || verb != VERB_CLOSE ? r : postmortem_ready(tx, &act->row, err);
    if (r < 0) {
        return r;
    }
    const char **commander = &act->row.holders[INCIDENT_ROLE_COMMANDER][0];
    const char *takes = "";
    if (verb == VERB_ACKNOWLEDGE && (*commander)[0] == '\0' && act->person.name[0] != '\0') {
        *commander = act->person.name;
        takes = arena_printf(act->arena, " %s takes the command.", act->person.name);
    }
    return put(act, tx, LOGGED_STATE,
               arena_printf(act->arena, "%s%s",
                            because(act, incident_state_name(act->row.state)), takes),
               arena_printf(act->arena, "{\"move\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}",
                            move->move, incident_state_name(before),
                            incident_state_name(act->row.state)),
               err);
}

int incident_act(struct incidents *incidents, const struct caller *caller, const char *id,
                 const struct incident_move *move, struct answer *ret_answer, struct err *err) {
    enum incident_verb verb = VERB_NONE;
    if (!incident_verb_parse(move->move, &verb) || verb == VERB_RESOLVE) {
        err_set(err, ERR_VALIDATION, "there is no move \"%.20s\"", move->move);
        err_place(err, "/move");
        return err_hint(err, "One of: acknowledge, contain, mitigate, reconcile, relapse, close, "
                             "cancel. Only the gate resolves.");
    }
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.move",
                      .reason = move->reason,
                      .fn = move_fn,
                      .request = move};
    return run(&act, ret_answer, err);
}

/* ---- severity ---- */

static int severity_fn(struct act *act, struct store_tx *tx, struct err *err) {
    enum notice_severity to = *(const enum notice_severity *)act->request;
    const char *was = notice_severity_name((enum notice_severity)act->row.severity);
    int r = need_live(act, err);
    if (r >= 0 && act->row.severity == (int64_t)to) {
        r = err_set(err, ERR_STATE, "incident %s is %s already", act->id, was);
    }
    if (r >= 0 && (int64_t)to > act->row.severity) {
        r = need_commander(act, "a lower severity", err);
    }
    if (r < 0) {
        return r;
    }
    act->row.severity = to;
    const char *what = arena_printf(act->arena, "Severity from %s to %s", was,
                                    notice_severity_name(to));
    return put(act, tx, LOGGED_STATE, because(act, what),
               arena_printf(act->arena, "{\"from\":\"%s\",\"to\":\"%s\"}", was,
                            notice_severity_name(to)),
               err);
}

int incident_severity(struct incidents *incidents, const struct caller *caller, const char *id,
                      enum notice_severity severity, const char *reason, struct answer *ret_answer,
                      struct err *err) {
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.severity",
                      .reason = reason,
                      .fn = severity_fn,
                      .request = &severity};
    return run(&act, ret_answer, err);
}

/* ---- roles ---- */

int incident_user(struct store_tx *tx, struct arena *arena, const char *actor, const char *user,
                  const char *place, const char **ret_name, struct err *err) {
    enum { ROLE_MIN = 2 }; /* ROLE_SUPPORT: viewers only look */
    struct incident_person person;
    SQL_ROWS_AUTO rows = NULL;
    if (strcmp(user, "me") == 0) {
        int r = incident_person(tx, arena, actor, &person, err);
        *ret_name = person.name;
        return r < 0 ? r : need_name(person.name, err);
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT name FROM app_user WHERE (name = $1 OR id = $1) AND enabled = 1 AND "
                      "role >= $2",
                      S_TEXT(user), S_INT(ROLE_MIN));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_VALIDATION, "nobody of that name may take it: \"%.60s\"", user);
        err_place(err, "%s", place);
        return err_hint(err, "It is the name or id of an enabled user who is not only a viewer.");
    }
    *ret_name = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

static int role_fn(struct act *act, struct store_tx *tx, struct err *err) {
    const struct incident_post *post = act->request;
    const char **holder = &act->row.holders[post->role][post->deputy ? 1 : 0];
    const char *was = *holder, *now = "";
    int r = act->row.state == INCIDENT_CLOSED || act->row.state == INCIDENT_CANCELLED
                ? need_live(act, err)
                : 0;
    r = r < 0 || post->user[0] == '\0'
            ? r
            : incident_user(tx, act->arena, act->caller->actor, post->user, "/user", &now, err);
    if (r >= 0 && strcmp(was, now) == 0) {
        r = err_set(err, ERR_STATE, "it is %s already", now[0] != '\0' ? now : "nobody");
    }
    if (r < 0) {
        return r;
    }
    *holder = now;
    if (incident_role_signs(post->role) && incident_is_live(act->row.state)) {
        incident_void(&act->row);
    }
    const char *what = arena_printf(
        act->arena, "%s%s from %s to %s", incident_role_name(post->role),
        post->deputy ? "'s deputy" : "", was[0] != '\0' ? was : "nobody",
        now[0] != '\0' ? now : "nobody");
    return put(act, tx, LOGGED_STATE, because(act, what), NULL, err);
}

int incident_role(struct incidents *incidents, const struct caller *caller, const char *id,
                  const struct incident_post *post, struct answer *ret_answer, struct err *err) {
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.role",
                      .reason = post->reason,
                      .fn = role_fn,
                      .request = post};
    return run(&act, ret_answer, err);
}

/* ---- corrections ---- */

static bool names_smaller(const struct scope_names *before, const struct scope_names *now) {
    if (now->count == 0) {
        return false;
    }
    bool smaller = before->count == 0;
    for (int i = 0; i < before->count; i++) {
        smaller = smaller || !scope_has(now, before->names[i]);
    }
    return smaller;
}

bool incident_scope_smaller(const struct incident_scope *before, const struct incident_scope *now) {
    return names_smaller(&before->gateways, &now->gateways) ||
           names_smaller(&before->methods, &now->methods) ||
           names_smaller(&before->regions, &now->regions) ||
           names_smaller(&before->currencies, &now->currencies);
}

static int correct_start(struct act *act, int64_t start_us, struct err *err) {
    int64_t detected_us = act->row.at_us[MILESTONE_DETECTED];
    char time[CLOCK_TEXT_MAX];
    if (start_us > detected_us) {
        err_set(err, ERR_VALIDATION, "it was detected at %s: it cannot have begun later",
                clock_format(detected_us, time));
        return err_place(err, "/impact_start");
    }
    bool later = start_us > act->row.at_us[MILESTONE_IMPACT_START];
    act->row.at_us[MILESTONE_IMPACT_START] = start_us;
    return later ? need_commander(act, "a later start", err) : 0;
}

static int correct_scope(struct act *act, const struct incident_scope *scope, struct err *err) {
    bool smaller = incident_scope_smaller(&act->row.scope, scope);
    act->row.scope.gateways = scope->gateways;
    act->row.scope.methods = scope->methods;
    act->row.scope.regions = scope->regions;
    act->row.scope.currencies = scope->currencies;
    return smaller ? need_commander(act, "a smaller scope", err) : 0;
}

static int correct_fn(struct act *act, struct store_tx *tx, struct err *err) {
    const struct incident_correction *said = act->request;
    char time[CLOCK_TEXT_MAX];
    BUF_AUTO what;
    buf_init(&what, INCIDENT_TEXT_CHARS_MAX * 4);
    int r = need_live(act, err);
    buf_add_text(&what, "Corrected");
    if (r >= 0 && said->title != NULL) {
        act->row.title = said->title;
        buf_addf(&what, ", title \"%s\"", said->title);
    }
    if (r >= 0 && said->cause != 0) {
        act->row.cause = said->cause;
        act->row.cause_why = said->cause_why != NULL ? said->cause_why : "";
        buf_addf(&what, ", cause %s", incident_cause_name(said->cause));
    }
    if (r >= 0 && said->impact_start_us != 0) {
        r = correct_start(act, said->impact_start_us, err);
        buf_addf(&what, ", it began at %s", clock_format(said->impact_start_us, time));
    }
    if (r >= 0 && said->scope != NULL) {
        r = correct_scope(act, said->scope, err);
        buf_add_text(&what, ", scope ");
        scope_write(said->scope, &what);
    }
    if (said->scope != NULL || said->impact_start_us != 0) {
        incident_void(&act->row);
    }
    INVARIANT(buf_ok(&what), "a scope and a title are short");
    return r < 0 ? r : put(act, tx, LOGGED_STATE, because(act, what.data), NULL, err);
}

int incident_correct(struct incidents *incidents, const struct caller *caller, const char *id,
                     const struct incident_correction *correction, struct answer *ret_answer,
                     struct err *err) {
    if (correction->title == NULL && correction->cause == 0 && correction->impact_start_us == 0 &&
        correction->scope == NULL) {
        return err_set(err, ERR_VALIDATION, "it takes title, cause, impact_start or scope");
    }
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.correct",
                      .reason = correction->reason,
                      .fn = correct_fn,
                      .request = correction};
    return run(&act, ret_answer, err);
}

/* ---- the log, by hand ---- */

struct note {
    enum incident_log_kind kind;
    const char *text;
};

static int note_fn(struct act *act, struct store_tx *tx, struct err *err) {
    const struct note *note = act->request;
    const struct incident_entry entry = {
        .actor = act->caller->actor, .kind = note->kind, .text = note->text};
    int r = incident_log_add(tx, act->id, &entry, err);
    if (r < 0 || note->kind != LOGGED_COMMS) {
        return r;
    }
    r = incident_told(act->incidents, tx, act->id, err);
    return r < 0 ? r : incident_load(tx, act->arena, act->id, false, &act->row, err);
}

int incident_note(struct incidents *incidents, const struct caller *caller, const char *id,
                  enum incident_log_kind kind, const char *text, struct answer *ret_answer,
                  struct err *err) {
    const struct note note = {kind, text};
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.note",
                      .fn = note_fn,
                      .request = &note};
    return run(&act, ret_answer, err);
}

/* ---- signatures ---- */

static int may_sign(struct act *act, struct store_tx *tx, enum incident_role role,
                    struct err *err) {
    struct incident_signatures signatures;
    int r = need_person(act, err);
    r = r < 0 ? r : incident_signatures(tx, act->arena, &act->row, &signatures, err);
    if (r < 0) {
        return r;
    }
    if (!incident_role_signs(role) || !incident_holds(&act->row, role, act->person.name)) {
        err_set(err, ERR_FORBIDDEN, "%s does not sign as %s", act->person.name,
                incident_role_name(role));
        return err_hint(err, "Commander and recon sign, each by its holder or deputy.");
    }
    if (act->row.state != INCIDENT_MITIGATED && act->row.state != INCIDENT_RECONCILED) {
        err_set(err, ERR_STATE, "incident %s is %s", act->id, incident_state_name(act->row.state));
        return err_hint(err, "It is signed when it is mitigated or reconciled.");
    }
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        const struct incident_signed *one = &signatures.rows[i];
        if (one->at_us > 0 && i == (int)role) {
            return err_set(err, ERR_STATE, "%s has signed as %s already", one->name,
                           incident_role_name(role));
        }
        if (one->at_us > 0 && strcmp(one->person, act->person.person) == 0) {
            return err_set(err, ERR_FORBIDDEN, "%s has signed as %s; it takes another person",
                           one->name, incident_role_name((enum incident_role)i));
        }
    }
    return 0;
}

static int sign_fn(struct act *act, struct store_tx *tx, struct err *err) {
    enum incident_role role = *(const enum incident_role *)act->request;
    int r = may_sign(act, tx, role, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO incident_signature (incident_id, round, role, person, name, "
                        "at_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        S_TEXT(act->id), S_INT(act->row.round), S_TEXT(incident_role_name(role)),
                        S_TEXT(act->person.person), S_TEXT(act->person.name),
                        S_INT(clock_wall_us()), S_INT(act->row.version));
    const char *what = arena_printf(act->arena, "Signed as %s", incident_role_name(role));
    return r < 0 ? r : put(act, tx, LOGGED_DECISION, because(act, what), NULL, err);
}

int incident_sign(struct incidents *incidents, const struct caller *caller, const char *id,
                  enum incident_role role, const char *reason, struct answer *ret_answer,
                  struct err *err) {
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.sign",
                      .reason = reason,
                      .fn = sign_fn,
                      .request = &role};
    return run(&act, ret_answer, err);
}

/* ---- alerts ---- */

static int link_fn(struct act *act, struct store_tx *tx, struct err *err) {
    const char *text = "";
    int r = need_live(act, err);
    r = r < 0 ? r
              : incident_take_alert(tx, act->arena, &act->row, act->request, act->caller->actor,
                                    &text, err);
    return r < 0 ? r : put(act, tx, LOGGED_STATE, because(act, text), NULL, err);
}

int incident_link_alert(struct incidents *incidents, const struct caller *caller, const char *id,
                        const char *alert_id, const char *reason, struct answer *ret_answer,
                        struct err *err) {
    struct act act = {.incidents = incidents,
                      .caller = caller,
                      .id = id,
                      .operation = "incident.link",
                      .reason = reason,
                      .fn = link_fn,
                      .request = alert_id};
    return run(&act, ret_answer, err);
}
