/* SPDX-License-Identifier: Apache-2.0
 * action.h: what is to be done so that an incident does not come again: each with one owner, a
 * date, and what proves that it is done.
 *
 *   open --done--> done --verify--> verified          all: action_moves.def
 *     ^              |                  |
 *     |              +----reopen--------+   by a person, or by a drill that fails again
 *     +--- reopened <+
 *
 * 1. Who says that it is done does not verify it.
 * 2. Each change is an entry of the incident's log, with the digest of the item as it left it.
 * 3. What is late nags: the owner, a day later the incident's commander, another day later the
 *    escalation path (alert FollowUpOverdue).
 *
 * Threads: any; changes are made under the incident's row lock. Answers belong to the caller.
 * Errors: ERR_NOT_FOUND, ERR_STATE, ERR_VALIDATION (with the place), ERR_FORBIDDEN (it takes a
 * person, or another one), those of store.h. Limits: those below. */
#ifndef HOLDFAST_INCIDENT_ACTION_H
#define HOLDFAST_INCIDENT_ACTION_H

#include "incident/incident.h"

enum {
    ACTION_WHAT_CHARS_MAX = 300,
    ACTION_PROOF_CHARS_MAX = 200,
    ACTION_NOTE_CHARS_MAX = 500,
    ACTIONS_MAX = 100, /* of one incident */
    ACTIONS_LISTED_MAX = 100,
};

enum action_kind {
#define X(NAME, number, name, what, what_zh) ACTION_KIND_##NAME = (number),
#include "incident/action_kinds.def"
#undef X
};
enum action_state {
#define X(NAME, number, name, waits, meaning) ACTION_##NAME = (number),
#include "incident/action_states.def"
#undef X
};
enum action_proof {
#define X(NAME, number, name, what, what_zh) PROOF_##NAME = (number),
#include "incident/action_proofs.def"
#undef X
};
const char *action_state_name(int64_t state); /* "?" for none; so below */
const char *action_kind_name(int64_t kind);
const char *action_kind_what(int64_t kind, enum notice_language language);
const char *action_proof_name(int64_t proof);
MUST_USE bool action_kind_parse(const char *name, enum action_kind *ret_kind);
MUST_USE bool action_proof_parse(const char *name, enum action_proof *ret_proof);

struct action_request { /* borrowed */
    enum action_kind kind;
    const char *what;  /* a verb and what will be so: not "improve …" (action_vague.def) */
    const char *owner; /* "me", a user's name or id */
    int64_t due_us;    /* wall; 0: by the incident's severity (learning_due.def), the latest also */
    enum action_proof proof_kind;
    const char *proof;
};
/* 201. ERR_STATE: the incident was cancelled. */
MUST_USE int action_add(struct incidents *incidents, const struct caller *caller,
                        const char *incident_id, const struct action_request *request,
                        struct answer *ret_answer, struct err *err);

/* `move`: "done", "verify", "reopen"; `note`: what was done, or seen, or fails. */
MUST_USE int action_move(struct incidents *incidents, const struct caller *caller, const char *id,
                         const char *move, const char *note, struct answer *ret_answer,
                         struct err *err);
/* Another owner, another date; what is absent (NULL, 0) stays. */
MUST_USE int action_assign(struct incidents *incidents, const struct caller *caller, const char *id,
                           const char *owner, int64_t due_us, const char *reason,
                           struct answer *ret_answer, struct err *err);
/* A drill has failed: what it had proved is reopened, in the caller's transaction, `ret_count` of
 * them. `why` says how it failed, with the drill's own id. */
MUST_USE int action_reopen(struct incidents *incidents, struct store_tx *tx, const char *drill,
                           const char *why, int *ret_count, struct err *err);

struct action_filter {     /* NULL or "": any */
    const char *incident;
    const char *state;     /* a name; "waiting" (the default: open and reopened), "all" */
    const char *owner;     /* a name */
    bool overdue;
    const char *cursor;
    int limit; /* 1..ACTIONS_LISTED_MAX; 0: 50 */
};
/* {"data":[…],"next_cursor":…}, what is due first first. */
MUST_USE int action_list(struct incidents *incidents, const struct action_filter *filter,
                         struct answer *ret_answer, struct err *err);
MUST_USE int action_get(struct incidents *incidents, const char *id, struct answer *ret_answer,
                        struct err *err);

#endif
