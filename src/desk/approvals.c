/* SPDX-License-Identifier: Apache-2.0
 * approvals.c: one person asks, another one decides (desk.h). What is decided about is somebody
 * else's: here is only who may, and that it happens once. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "desk/desk_impl.h"
#include "store/store.h"

static const char *const state_names[] = {
    [APPROVAL_NONE] = "?",
#define X(name, number, text, meaning) [number] = text,
#include "desk/approval_states.def"
#undef X
};
static_assert(COUNT_OF(state_names) == APPROVAL_STATE_COUNT, "every approval state has a name");

static const char *const kind_names[] = {
    "?",
#define X(name, number, text, meaning) [number] = text,
#include "desk/approval_kinds.def"
#undef X
};

const char *approval_state_name(int64_t state) {
    return state > 0 && state < APPROVAL_STATE_COUNT ? state_names[state] : "?";
}

const char *approval_kind_name(int64_t kind) {
    return kind > 0 && kind < (int64_t)COUNT_OF(kind_names) ? kind_names[kind] : "?";
}

bool approval_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < APPROVAL_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

/* ---- persons ---- */

#define USER "user:"
#define KEY "key:"
enum { KEYS_FOLLOWED_MAX = 8 }; /* a key that a key made that a key made */

static int nameless(struct err *err) {
    err_set(err, ERR_FORBIDDEN, "this takes a person with a name, and nobody knows who asks");
    return err_hint(err, "Log in, or use an API key that was made for a user: `holdfast key create "
                         "NAME --role ROLE --user USER`.");
}

/* The user whose a key is, or who made it: 1 and `ret_person`. 0: another key did, which is
 * `ret_person` then. */
static int owner_of(struct store_tx *tx, const char *key_id, char ret_person[PERSON_CHARS_MAX + 1],
                    struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT user_id, created_by FROM api_key WHERE id = $1",
                      S_TEXT(key_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    const char *user_id = r > 0 ? sql_text(rows, 0) : "", *maker = r > 0 ? sql_text(rows, 1) : "";
    bool owned = user_id[0] != '\0';
    snprintf(ret_person, PERSON_CHARS_MAX + 1, "%s%s", owned ? USER : "", owned ? user_id : maker);
    return strncmp(ret_person, USER, strlen(USER)) == 0;
}

/* The person behind an actor: a user. A key is that of the user for whom it was made, else of who
 * made it; what was made by nobody, or by a key of nobody, is nobody's: who may make keys could be
 * as many persons as he likes. */
int approval_person(struct store_tx *tx, const char *actor, char ret_person[PERSON_CHARS_MAX + 1],
                    struct err *err) {
    char person[PERSON_CHARS_MAX + 1];
    snprintf(person, sizeof person, "%s", actor);
    int r = strncmp(person, USER, strlen(USER)) == 0;
    for (int i = 0; r == 0 && i < KEYS_FOLLOWED_MAX && strncmp(person, KEY, strlen(KEY)) == 0;
         i++) {
        char key_id[PERSON_CHARS_MAX + 1];
        snprintf(key_id, sizeof key_id, "%s", person + strlen(KEY));
        r = owner_of(tx, key_id, person, err);
    }
    if (r <= 0) {
        return r < 0 ? r : nameless(err);
    }
    memcpy(ret_person, person, sizeof person);
    return 0;
}

/* ---- rows ---- */

#define APPROVAL_COLUMNS                                                                           \
    "id, kind, subject, state, asked_by, asked_person, asked_reason, decided_by, decided_reason, " \
    "created_us, decided_us"

/* The names behind "user:usr_…" and "key:key_…", as they are now; '' where there is none. */
#define NAME_OF(person)                                                                            \
    ", COALESCE((SELECT name FROM app_user WHERE id = substr(approval." person ", 6)), '')"
#define NAME_OF_KEY(actor)                                                                         \
    ", COALESCE((SELECT name FROM api_key WHERE id = substr(approval." actor ", 5)), '')"
#define NAMES                                                                                      \
    NAME_OF("asked_person")                                                                        \
    NAME_OF_KEY("asked_by") NAME_OF("decided_person") NAME_OF_KEY("decided_by")

/* "ann", "ann, key till-3"; "" when nobody knows. */
static const char *shown_name(struct arena *arena, const char *person, const char *key) {
    const char *between = person[0] != '\0' && key[0] != '\0' ? ", " : "";
    return arena_printf(arena, "%s%s%s%s", person, between, key[0] != '\0' ? "key " : "", key);
}

int approval_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                  struct approval_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " APPROVAL_COLUMNS NAMES " FROM approval WHERE id = $1";
    static const char locked[] = "SELECT " APPROVAL_COLUMNS NAMES
                                 " FROM approval WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no approval %s", id);
    }
    *ret_row = (struct approval_row){
        .id = approval_id_stored(sql_text(rows, 0)),
        .kind = sql_int(rows, 1),
        .subject = arena_copy(arena, sql_text(rows, 2)),
        .state = sql_int(rows, 3),
        .asked_by = arena_copy(arena, sql_text(rows, 4)),
        .asked_person = arena_copy(arena, sql_text(rows, 5)),
        .asked_reason = arena_copy(arena, sql_text(rows, 6)),
        .decided_by = arena_copy(arena, sql_text(rows, 7)),
        .decided_reason = arena_copy(arena, sql_text(rows, 8)),
        .created_us = sql_int(rows, 9),
        .decided_us = sql_int(rows, 10),
        .asked_name = shown_name(arena, sql_text(rows, 11), sql_text(rows, 12)),
        .decided_name = shown_name(arena, sql_text(rows, 13), sql_text(rows, 14)),
    };
    return 0;
}

int approval_ask(struct store_tx *tx, const struct caller *caller, enum approval_kind kind,
                 const char *subject, const char *reason, struct approval_id *ret_id,
                 struct err *err) {
    char person[PERSON_CHARS_MAX + 1];
    struct approval_id id = approval_id_new();
    int r = approval_person(tx, caller->actor, person, err);
    r = r < 0 ? r
              : (int)sql_exec(tx, err,
                              "INSERT INTO approval (" APPROVAL_COLUMNS
                              ", decided_person) VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', $8, "
                              "0, '')",
                              S_TEXT(id.text), S_INT(kind), S_TEXT(subject),
                              S_INT(APPROVAL_WAITING), S_TEXT(caller->actor), S_TEXT(person),
                              S_TEXT(reason), S_INT(clock_wall_us()));
    if (r < 0) {
        return r;
    }
    *ret_id = id;
    return 0;
}

static int may_decide(const struct approval_row *row, const char *person, bool approve,
                      struct err *err) {
    if (row->state != APPROVAL_WAITING) {
        char time[CLOCK_TEXT_MAX];
        return err_set(err, ERR_STATE, "this was %s by %s already, at %s",
                       approval_state_name(row->state),
                       row->decided_name[0] != '\0' ? row->decided_name : row->decided_by,
                       clock_format(row->decided_us, time));
    }
    if (approve && strcmp(row->asked_person, person) == 0 && !PLANTED(APPROVES_OWN)) {
        err_set(err, ERR_FORBIDDEN, "who asks for it does not approve it");
        return err_hint(err, "Another person must look at it. Rejecting it takes it back.");
    }
    return 0;
}

int approval_decide(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                    const char *id, bool approve, const char *reason, struct approval_row *ret_row,
                    struct err *err) {
    char person[PERSON_CHARS_MAX + 1];
    int r = approval_load(tx, arena, id, true, ret_row, err);
    r = r < 0 ? r : approval_person(tx, caller->actor, person, err);
    r = r < 0 ? r : may_decide(ret_row, person, approve, err);
    if (r < 0) {
        return r;
    }
    r = sql_put_one(tx, err,
                    "UPDATE approval SET state = $2, decided_by = $3, decided_person = $4, "
                    "decided_reason = $5, decided_us = $6 WHERE id = $1 AND state = 1",
                    S_TEXT(id), S_INT(approve ? APPROVAL_APPROVED : APPROVAL_REJECTED),
                    S_TEXT(caller->actor), S_TEXT(person), S_TEXT(reason), S_INT(clock_wall_us()));
    return r < 0 ? r : approval_load(tx, arena, id, false, ret_row, err);
}

int approval_withdraw(struct store_tx *tx, const char *id, const char *actor, const char *reason,
                      struct err *err) {
    return sql_put(tx, err,
                   "UPDATE approval SET state = $2, decided_by = $3, decided_person = '', "
                   "decided_reason = $4, decided_us = $5 WHERE id = $1 AND state = 1",
                   S_TEXT(id), S_INT(APPROVAL_REJECTED), S_TEXT(actor), S_TEXT(reason),
                   S_INT(clock_wall_us()));
}

/* ---- showing ---- */

static void member(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, value);
    }
}

void approval_render(struct buf *buf, const struct approval_row *row) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\"", row->id.text,
             approval_kind_name(row->kind), approval_state_name(row->state));
    member(buf, "asked_by", row->asked_by);
    member(buf, "asked_by_name", row->asked_name);
    member(buf, "reason", row->asked_reason);
    member(buf, "asked_at", clock_format(row->created_us, time));
    member(buf, "decided_by", row->decided_by);
    member(buf, "decided_by_name", row->decided_name);
    member(buf, "decision_reason", row->decided_reason);
    member(buf, "decided_at", row->decided_us > 0 ? clock_format(row->decided_us, time) : "");
    buf_add_char(buf, '}');
}
