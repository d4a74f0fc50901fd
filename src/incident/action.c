/* SPDX-License-Identifier: Apache-2.0
 * action.c: what people, and drills, do to action items (action.h): each under the lock of the
 * incident's row, with an entry of its log and one of the audit log. */
#include "incident/action.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "incident/action_impl.h"
#include "store/audit.h"

enum { CHARS_BYTES = 4, DRILLS_AT_ONCE = 200 };

struct deed {
    struct incidents *incidents;
    const struct caller *caller;
    const char *id, *operation, *note;
    int (*fn)(struct deed *deed, struct store_tx *tx, struct err *err);
    const void *request;
    struct arena *arena; /* from here on: of one run */
    struct incident_row incident;
    struct action_row row;
    struct incident_person person;
};

/* ---- who ---- */

static int need_person(const struct deed *deed, struct err *err) {
    if (deed->person.name[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_FORBIDDEN, "this takes a person with a name");
    return err_hint(err, "Sign in, or use a key that was made for a user.");
}

static int find_owner(struct deed *deed, struct store_tx *tx, const char *owner,
                      const char **ret_name, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (strcmp(owner, "me") == 0) {
        *ret_name = deed->person.name;
        return need_person(deed, err);
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT name FROM app_user WHERE (name = $1 OR id = $1) AND enabled = 1",
                      S_TEXT(owner));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_VALIDATION, "there is no user \"%.60s\" who could own it", owner);
        err_place(err, "/owner");
        return err_hint(err, "It is the name or id of one enabled user, or me.");
    }
    *ret_name = r > 0 ? arena_copy(deed->arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

/* ---- what may be written ---- */

static int check_line(const char *text, size_t chars_max, const char *place, struct err *err) {
    if (text == NULL || text[0] == '\0' || strlen(text) > chars_max * CHARS_BYTES ||
        text_has_controls(text, false)) {
        err_set(err, ERR_VALIDATION, "it has 1 to %zu characters in one line", chars_max);
        return err_place(err, "%s", place);
    }
    return 0;
}

static int check_what(const char *what, struct err *err) {
    static const char *const vague[] = {
#define X(beginning) beginning,
#include "incident/action_vague.def"
#undef X
    };
    int r = check_line(what, ACTION_WHAT_CHARS_MAX, "/what", err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(vague); i++) {
        if (strncasecmp(what, vague[i], strlen(vague[i])) == 0) {
            err_set(err, ERR_VALIDATION, "nobody could show that \"%.40s\" is done", what);
            err_place(err, "/what");
            r = err_hint(err, "Say what will be so: \"Alert within 60 s when callbacks stop\".");
        }
    }
    return r;
}

static int check_proof(enum action_proof kind, const char *proof, struct err *err) {
    int r = check_line(proof, ACTION_PROOF_CHARS_MAX, "/proof/name", err);
    for (const char *at = proof; r >= 0 && kind != PROOF_COMMAND && *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-_./", *at) == NULL) {
            err_set(err, ERR_VALIDATION, "the name of a %s has letters, digits and -_./ only",
                    action_proof_name(kind));
            r = err_place(err, "/proof/name");
        }
    }
    return r;
}

/* Not in the past; at the latest as learning_due.def says. */
static int check_due(const struct deed *deed, int64_t due_us, int64_t from_us, struct err *err) {
    int64_t latest_us = from_us + learn_action_us(deed->incident.severity);
    char time[CLOCK_TEXT_MAX];
    if (due_us > clock_wall_us() && due_us <= latest_us) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "it is due between now and %s, for a %s",
            clock_format(latest_us, time),
            notice_severity_name((enum notice_severity)deed->incident.severity));
    err_place(err, "/due_at");
    return err_hint(err, "What takes longer is several items.");
}

/* ---- one deed ---- */

static int deed_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct deed *deed = ctx;
    BUF_AUTO buf;
    struct action_row row = {0};
    const char *incident_id = deed->id;
    deed->arena = arena;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = strncmp(deed->id, "inc_", 4) == 0 ? 0
                                              : action_load(tx, arena, deed->id, false, &row, err);
    incident_id = row.id != NULL ? row.incident_id : incident_id;
    r = r < 0 ? r : incident_load(tx, arena, incident_id, true, &deed->incident, err);
    /* Read again, now that nobody else may change it. */
    r = r < 0 || row.id == NULL ? r : action_load(tx, arena, deed->id, true, &row, err);
    deed->row = row;
    r = r < 0 ? r : incident_person(tx, arena, deed->caller->actor, &deed->person, err);
    r = r < 0 ? r : deed->fn(deed, tx, err);
    r = r < 0 ? r
              : audit_append(tx, deed->caller->actor, deed->operation, deed->row.id, deed->note,
                             "{}", err);
    if (r < 0) {
        return r;
    }
    action_render(&buf, &deed->row);
    return answer_take(ret_answer, row.id == NULL ? 201 : 200, &buf, err);
}

static int run(struct deed *deed, struct answer *ret_answer, struct err *err) {
    struct payments *payments = deed->incidents->options.payments;
    deed->note = deed->note != NULL ? deed->note : "";
    int r = idempotent_run(payments, deed->caller, deed->operation, deed_fn, deed, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

/* ---- adding ---- */

static int next_number(const struct deed *deed, struct store_tx *tx, int64_t *ret_number,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COALESCE(MAX(number), 0) FROM action_item WHERE incident_id = $1",
                      S_TEXT(deed->incident.id.text));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_number = r > 0 ? sql_int(rows, 0) + 1 : 0;
    if (r >= 0 && *ret_number > ACTIONS_MAX) {
        r = err_set(err, ERR_STATE, "incident %s has %d action items already: few that are done "
                                    "are worth more",
                    deed->incident.id.text, ACTIONS_MAX);
    }
    return r < 0 ? r : 0;
}

static int add_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct action_request *request = deed->request;
    int64_t now_us = clock_wall_us();
    struct action_row row = {
        .incident_id = deed->incident.id.text,
        .kind = request->kind,
        .state = ACTION_OPEN,
        .what = request->what,
        .due_us = request->due_us != 0 ? request->due_us
                                       : now_us + learn_action_us(deed->incident.severity),
        .proof_kind = request->proof_kind,
        .proof = request->proof,
        .created_by = deed->caller->actor,
        .created_us = now_us,
        .done_by = "",
        .done_note = "",
        .verified_by = "",
        .verified_note = "",
        .reopened_why = "",
    };
    int r = deed->incident.state == INCIDENT_CANCELLED
                ? err_set(err, ERR_STATE, "incident %s was none: there is nothing to learn from it",
                          deed->id)
                : 0;
    r = r < 0 ? r : find_owner(deed, tx, request->owner, &row.owner, err);
    r = r < 0 || request->due_us == 0 ? r : check_due(deed, request->due_us, now_us, err);
    r = r < 0 ? r : next_number(deed, tx, &row.number, err);
    if (r < 0) {
        return r;
    }
    row.id = arena_copy(deed->arena, action_id_new().text);
    deed->row = row;
    r = action_insert(tx, &deed->row, err);
    return r < 0 ? r
                 : action_write(deed->incidents, tx, &deed->row, deed->caller->actor,
                                arena_printf(deed->arena, "Action item %lld for %s: %s",
                                             (long long)row.number, row.owner, row.what),
                                err);
}

int action_add(struct incidents *incidents, const struct caller *caller, const char *incident_id,
               const struct action_request *request, struct answer *ret_answer, struct err *err) {
    struct deed deed = {.incidents = incidents,
                        .caller = caller,
                        .id = incident_id,
                        .operation = "action.add",
                        .fn = add_fn,
                        .request = request};
    int r = check_what(request->what, err);
    r = r < 0 ? r : check_proof(request->proof_kind, request->proof, err);
    return r < 0 ? r : run(&deed, ret_answer, err);
}

/* ---- moves ---- */

enum move { MOVE_DO, MOVE_VERIFY, MOVE_REOPEN };
static const struct {
    enum move move;
    const char *name;
    enum action_state from, to;
} moves[] = {
#define X(MOVE, name, from, to) {MOVE_##MOVE, name, ACTION_##from, ACTION_##to},
#include "incident/action_moves.def"
#undef X
};

/* The state that it leads to, and which move it is; 0: there is none from here. */
static int64_t after(int64_t state, const char *name, enum move *ret_move) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (strcmp(moves[i].name, name) == 0 && (int64_t)moves[i].from == state) {
            *ret_move = moves[i].move;
            return moves[i].to;
        }
    }
    return 0;
}

/* It is due anew, as an item that is written down now. */
static void reopen(struct action_row *row, int64_t severity, const char *why) {
    int64_t now_us = clock_wall_us();
    row->state = ACTION_REOPENED;
    row->reopened_why = why;
    row->reopened_us = now_us;
    row->reopened_count++;
    row->due_us = now_us + learn_action_us(severity);
    row->done_us = row->verified_us = 0;
    row->done_by = row->done_note = row->verified_by = row->verified_note = "";
}

static int move_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    struct action_row *row = &deed->row;
    const char *name = deed->request;
    enum move move = MOVE_DO;
    int64_t to = after(row->state, name, &move);
    int r = need_person(deed, err);
    if (r >= 0 && to == 0) {
        r = err_set(err, ERR_STATE, "action item %s is %s, from where there is no \"%.20s\"",
                    row->id, action_state_name(row->state), name);
    }
    if (r >= 0 && move == MOVE_VERIFY && strcmp(deed->person.person, row->done_by) == 0) {
        err_set(err, ERR_FORBIDDEN, "%s did it: somebody else looks at the proof",
                deed->person.name);
        r = err_hint(err, "It is %s `%.80s`.", action_proof_name(row->proof_kind), row->proof);
    }
    if (r < 0) {
        return r;
    }
    row->state = to;
    if (move == MOVE_DO) {
        row->done_by = deed->person.person;
        row->done_us = clock_wall_us();
        row->done_note = deed->note;
    } else if (move == MOVE_VERIFY) {
        row->verified_by = deed->person.person;
        row->verified_us = clock_wall_us();
        row->verified_note = deed->note;
    } else {
        reopen(row, deed->incident.severity, deed->note);
    }
    return action_write(deed->incidents, tx, row, deed->caller->actor,
                        arena_printf(deed->arena, "Action item %lld is %s: %s",
                                     (long long)row->number, action_state_name(row->state),
                                     deed->note),
                        err);
}

int action_move(struct incidents *incidents, const struct caller *caller, const char *id,
                const char *move, const char *note, struct answer *ret_answer, struct err *err) {
    struct deed deed = {.incidents = incidents,
                        .caller = caller,
                        .id = id,
                        .operation = "action.move",
                        .note = note,
                        .fn = move_fn,
                        .request = move};
    int r = check_line(note, ACTION_NOTE_CHARS_MAX, "/note", err);
    return r < 0 ? r : run(&deed, ret_answer, err);
}

struct assignment {
    const char *owner;
    int64_t due_us;
};

static int assign_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct assignment *said = deed->request;
    struct action_row *row = &deed->row;
    int64_t from_us = row->reopened_us > 0 ? row->reopened_us : row->created_us;
    int r = action_waits(row->state)
                ? 0
                : err_set(err, ERR_STATE, "action item %s is %s: it waits for nobody", row->id,
                          action_state_name(row->state));
    r = r < 0 || said->owner == NULL ? r : find_owner(deed, tx, said->owner, &row->owner, err);
    r = r < 0 || said->due_us == 0 ? r : check_due(deed, said->due_us, from_us, err);
    if (r < 0) {
        return r;
    }
    row->due_us = said->due_us != 0 ? said->due_us : row->due_us;
    char time[CLOCK_TEXT_MAX];
    return action_write(deed->incidents, tx, row, deed->caller->actor,
                        arena_printf(deed->arena, "Action item %lld is %s's, due %s: %s",
                                     (long long)row->number, row->owner,
                                     clock_format(row->due_us, time), deed->note),
                        err);
}

int action_assign(struct incidents *incidents, const struct caller *caller, const char *id,
                  const char *owner, int64_t due_us, const char *reason, struct answer *ret_answer,
                  struct err *err) {
    const struct assignment said = {owner, due_us};
    struct deed deed = {.incidents = incidents,
                        .caller = caller,
                        .id = id,
                        .operation = "action.assign",
                        .note = reason,
                        .fn = assign_fn,
                        .request = &said};
    if (owner == NULL && due_us == 0) {
        err_set(err, ERR_VALIDATION, "neither an owner nor a date is given");
        return err_place(err, "/owner");
    }
    return run(&deed, ret_answer, err);
}

/* ---- drills ---- */

/* Those that this drill had proved, by their ids: rows are locked one by one, the incident's
 * first. */
static int proved_by(struct store_tx *tx, struct arena *arena, const char *drill, const char **ids,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM action_item WHERE proof_kind = 3 AND proof = $1 AND state IN "
                      "(2, 3) ORDER BY incident_id, id LIMIT $2",
                      S_TEXT(drill), S_INT(DRILLS_AT_ONCE));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ids[count++] = arena_copy(arena, sql_text(rows, 0));
    }
    return r < 0 ? r : count;
}

int action_reopen(struct incidents *incidents, struct store_tx *tx, const char *drill,
                  const char *why, int *ret_count, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const char *ids[DRILLS_AT_ONCE];
    int reopened = 0, r = check_line(why, ACTION_NOTE_CHARS_MAX, "/why", err);
    int count = r < 0 ? r : proved_by(tx, arena, drill, ids, err);
    r = count < 0 ? count : 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct action_row row;
        struct incident_row incident;
        r = action_load(tx, arena, ids[i], false, &row, err);
        r = r < 0 ? r : incident_load(tx, arena, row.incident_id, true, &incident, err);
        r = r < 0 ? r : action_load(tx, arena, ids[i], true, &row, err);
        if (r < 0 || action_waits(row.state)) {
            continue;
        }
        reopen(&row, incident.severity, why);
        r = action_write(incidents, tx, &row, INCIDENT_SYSTEM,
                         arena_printf(arena,
                                      "Action item %lld is reopened, the drill %s failed: %s",
                                      (long long)row.number, drill, why),
                         err);
        reopened++;
    }
    *ret_count = r < 0 ? *ret_count : reopened;
    return r < 0 ? r : 0;
}
