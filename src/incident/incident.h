/* SPDX-License-Identifier: Apache-2.0
 * incident.h: trouble that is run by people: what it is, where it stands, who leads, and a log of
 * all that was done and decided (INC-1 to INC-3, INC-6, INC-9).
 *
 *   open --> acknowledged --> contained --> mitigated --> reconciled ==gate==> resolved --> closed
 *     |           |             |  ^            |             |
 *     +-----------+-------------+  +--relapse---+-------------+          all: incident_moves.def
 *                 +--> cancelled
 *
 * 1. Milestones come in their order and never lie ahead of the clock; a clock that went back moves
 *    none before the one that it follows.
 * 2. `resolved` is entered by incident_resolve() alone, and only with a gate that has let it
 *    through (I7). From there it goes nowhere but to closed: what comes again is a new incident
 *    that names the old one.
 * 3. Whatever makes it graver (severity, scope) the machine may do by itself; whatever makes it
 *    smaller is the commander's, with a reason.
 * 4. Each change is one entry of the incident's log, in the same transaction. The log is a chain of
 *    SHA-256 hashes (I8); an entry of a change also seals the incident's row as it left it, so that
 *    an edit of either by hand is found by incident_verify().
 * 5. What was signed counts only for what it was signed for: a relapse, a larger scope, another
 *    start or another holder of a signing role make signatures void.
 *
 * Threads: any, many at once; changes are made under the row's lock: of two at once one has done it
 *          and the other is told who. Answers belong to the caller: answer_release().
 * Errors:  ERR_NOT_FOUND, ERR_STATE (with who brought it there), ERR_VALIDATION (with the place),
 *          ERR_FORBIDDEN (it takes a person, or the commander), those of store.h. Nothing has been
 *          changed when one is returned.
 * Limits:  those below. */
#ifndef HOLDFAST_INCIDENT_INCIDENT_H
#define HOLDFAST_INCIDENT_INCIDENT_H

#include "desk/desk.h"
#include "incident/incident_config.h"
#include "incident/scope.h"
#include "watch/alert.h"

enum {
    INCIDENT_TITLE_CHARS_MAX = 200,
    INCIDENT_NAME_CHARS_MAX = 80, /* of a person */
    INCIDENT_WHY_CHARS_MAX = 500,
    INCIDENT_TEXT_CHARS_MAX = 4000,
    INCIDENT_EVIDENCE_BYTES_MAX = 16 * 1024,
    INCIDENT_ALERTS_MAX = 200, /* that are linked to one */
    INCIDENT_LOG_PAGE_MAX = 200,
};

enum incident_state {
    INCIDENT_NONE = 0,
#define X(NAME, number, name, live, meaning) INCIDENT_##NAME = (number),
#include "incident/incident_states.def"
#undef X
    INCIDENT_STATE_COUNT
};
enum incident_milestone {
#define X(NAME, name, meaning) MILESTONE_##NAME,
#include "incident/incident_milestones.def"
#undef X
    MILESTONES,
    MILESTONE_NONE = MILESTONES
};
enum incident_role {
#define X(NAME, name, signs, meaning) INCIDENT_ROLE_##NAME,
#include "incident/incident_roles.def"
#undef X
    INCIDENT_ROLES
};
enum incident_cause {
#define X(NAME, number, name) CAUSE_##NAME = (number),
#include "incident/incident_causes.def"
#undef X
};
enum incident_log_kind {
#define X(NAME, number, name, noted, meaning) LOGGED_##NAME = (number),
#include "incident/log_kinds.def"
#undef X
};
const char *incident_state_name(int64_t state); /* "?" for a number that no row has; so below */
const char *incident_milestone_name(enum incident_milestone milestone);
const char *incident_role_name(enum incident_role role);
const char *incident_cause_name(int64_t cause);
const char *incident_log_kind_name(int64_t kind);
MUST_USE bool incident_state_parse(const char *name, int64_t *ret_state);
MUST_USE bool incident_role_parse(const char *name, enum incident_role *ret_role);
MUST_USE bool incident_cause_parse(const char *name, enum incident_cause *ret_cause);
/* Those that a person may write. */
MUST_USE bool incident_noted_parse(const char *name, enum incident_log_kind *ret_kind);
bool incident_is_live(int64_t state);

/* ---- opened, run, closed ---- */

struct incidents;
struct incidents_options {
    struct store *store; /* all borrowed until incidents_close() */
    struct payments *payments;
    struct alerts *alerts;                 /* NULL: nothing is opened by alerts, nobody is nagged */
    const struct incident_config *config;  /* NULL: the defaults */
    const struct alert_config *alert_config; /* whose rotas give the roles; NULL: there are none */
    enum notice_language language;         /* of what is written for people by the machine */
};
/* Between payments_open() and payments_start(): its jobs are run by the payments' runner.
 * ERR_CONFIG with the place of what is wrong. */
MUST_USE int incidents_open(const struct incidents_options *options,
                            struct incidents **ret_incidents, struct err *err);
/* The same checks before anything is opened. */
MUST_USE int incidents_check(const struct incident_config *config,
                             const struct alert_config *alert_config, struct err *err);
/* Makes sure of the job that looks at alerts. */
MUST_USE int incidents_start(struct incidents *incidents, struct err *err);
void incidents_close(struct incidents *incidents); /* NULL is fine */

/* ---- what people do: one transaction each, with the caller's Idempotency-Key ---- */

struct incident_request { /* borrowed; NULL text counts as "" */
    const char *title;
    bool severity_known; /* else P2 until something is measured */
    enum notice_severity severity;
    struct incident_scope scope; /* names only; its times are not looked at */
    int64_t impact_start_us;     /* wall; 0: now. Not in the future */
    enum incident_cause cause;   /* 0: unknown */
    const char *cause_why;
    const char *follows; /* a resolved or closed incident that came again */
    bool drill;
    const char *alert_ids[INCIDENT_ALERTS_MAX]; /* linked from the beginning */
    int alert_count;
};
/* 201. */
MUST_USE int incident_open(struct incidents *incidents, const struct caller *caller,
                           const struct incident_request *request, struct answer *ret_answer,
                           struct err *err);

struct incident_move { /* borrowed */
    const char *move; /* a name of incident_moves.def but "resolve" */
    int64_t at_us; /* wall, when it was so; 0: now. Not in the future, not before the last one */
    const char *reason;
};
/* Acknowledging gives the command to who does it, where nobody has it. */
MUST_USE int incident_act(struct incidents *incidents, const struct caller *caller, const char *id,
                          const struct incident_move *move, struct answer *ret_answer,
                          struct err *err);
/* Higher by anybody; lower by the commander or his deputy. ERR_STATE: it is that already. */
MUST_USE int incident_severity(struct incidents *incidents, const struct caller *caller,
                               const char *id, enum notice_severity severity, const char *reason,
                               struct answer *ret_answer, struct err *err);

struct incident_post {   /* who takes a role; borrowed */
    enum incident_role role;
    bool deputy;
    const char *user;    /* "me", a user's name or id; "": nobody any more */
    const char *reason;
};
/* The hand-over is on the log, with who had it. */
MUST_USE int incident_role(struct incidents *incidents, const struct caller *caller, const char *id,
                           const struct incident_post *post, struct answer *ret_answer,
                           struct err *err);

struct incident_correction { /* what is absent stays; borrowed */
    const char *title;       /* NULL */
    enum incident_cause cause; /* 0 */
    const char *cause_why;     /* with a cause; NULL: "" */
    int64_t impact_start_us;   /* 0 */
    const struct incident_scope *scope; /* NULL */
    const char *reason;
};
/* Until it is resolved. A smaller scope or a later start is the commander's. */
MUST_USE int incident_correct(struct incidents *incidents, const struct caller *caller,
                              const char *id, const struct incident_correction *correction,
                              struct answer *ret_answer, struct err *err);
/* A line of the log, by hand. One of kind comms is an update: the next is due from then on. */
MUST_USE int incident_note(struct incidents *incidents, const struct caller *caller, const char *id,
                           enum incident_log_kind kind, const char *text, struct answer *ret_answer,
                           struct err *err);
/* By the holder of a signing role or his deputy, for mitigated and reconciled ones; the two
 * signatures are of two people. */
MUST_USE int incident_sign(struct incidents *incidents, const struct caller *caller, const char *id,
                           enum incident_role role, const char *reason, struct answer *ret_answer,
                           struct err *err);
/* ERR_STATE: it is another one's, or the incident is not live. Its scope becomes larger by what the
 * alert is about. */
MUST_USE int incident_link_alert(struct incidents *incidents, const struct caller *caller,
                                 const char *id, const char *alert_id, const char *reason,
                                 struct answer *ret_answer, struct err *err);

/* ---- the gate ---- */

struct incident_facts { /* what the rest of this floor goes by */
    struct incident_id id;
    int64_t number, version;
    char title[INCIDENT_TITLE_CHARS_MAX * 4 + 1];
    enum notice_severity severity;
    enum incident_state state;
    struct incident_scope scope; /* from the start of the impact until mitigated, 0: it is not */
    int64_t detected_us, mitigated_us;
    bool drill;
    char roles[INCIDENT_ROLES][INCIDENT_NAME_CHARS_MAX * 4 + 1]; /* "": nobody */
    bool is_signed[INCIDENT_ROLES];                              /* and the signature counts */
};
/* Where and when it is: until it is mitigated, until_us is 0. ERR_NOT_FOUND. */
MUST_USE int incident_scope(struct incidents *incidents, const char *id,
                            struct incident_scope *ret_scope, struct err *err);
/* Inside the caller's transaction. ERR_NOT_FOUND. */
MUST_USE int incident_facts(struct store_tx *tx, const char *id, struct incident_facts *ret_facts,
                            struct err *err);

/* Looks whether an incident is over: every condition, nothing changed. `evidence` gets an object
 * with what was looked at (INCIDENT_EVIDENCE_BYTES_MAX), `ret_missing` in a line what is
 * missing. */
enum { INCIDENT_MISSING_BYTES_MAX = 300 };
struct incident_gate {
    int (*look)(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                struct buf *evidence, struct err *err);
    void *ctx;
};
/* The only way into `resolved`. The gate looks in a snapshot first, since it may take seconds, and
 * once more in the transaction that resolves: what came up in between refuses as well. What it
 * found is on the log, whether it let it through or not. ERR_STATE: what is missing; or somebody
 * changed the incident while the gate was looking. */
MUST_USE int incident_resolve(struct incidents *incidents, const struct incident_gate *gate,
                              const struct caller *caller, const char *id, const char *reason,
                              struct answer *ret_answer, struct err *err);

/* ---- the log, for the rest of this floor ---- */

struct incident_entry { /* borrowed */
    const char *actor;  /* "user:…", "key:…", "system" */
    enum incident_log_kind kind;
    const char *text;     /* 1 to INCIDENT_TEXT_CHARS_MAX characters, may have lines */
    const char *evidence; /* an object of at most INCIDENT_EVIDENCE_BYTES_MAX; NULL: {} */
};
/* Inside the caller's transaction, which locks the incident's row before this where it does both.
 * Of any incident, whatever its state. The role is the one that the actor has in it. */
MUST_USE int incident_log_add(struct store_tx *tx, const char *incident_id,
                              const struct incident_entry *entry, struct err *err);
/* People were told: the next update is due from now on. The entry itself is the caller's. */
MUST_USE int incident_told(struct incidents *incidents, struct store_tx *tx, const char *id,
                           struct err *err);

/* ---- looking ---- */

struct incident_filter { /* NULL or "": any */
    const char *state;   /* a name; "live" (the default), "all" */
    const char *severity; /* at least so grave */
    const char *cursor;
    int limit; /* 1..PAGE_MAX; 0: 20 */
};
/* {"data":[…],"next_cursor":"…"|null}, the newest first. */
MUST_USE int incident_list(struct incidents *incidents, const struct incident_filter *filter,
                           struct answer *ret_answer, struct err *err);
/* With its alerts and signatures. */
MUST_USE int incident_get(struct incidents *incidents, const char *id, struct answer *ret_answer,
                          struct err *err);
/* {"data":[…],"next_seq":n|null}: entries after `after_seq`, at most `limit` of them (1 to
 * INCIDENT_LOG_PAGE_MAX; 0: as many), in their order. */
MUST_USE int incident_log_list(struct incidents *incidents, const char *id, int64_t after_seq,
                               int limit, struct answer *ret_answer, struct err *err);

struct incident_verdict {
    int64_t entries;    /* that fit, before the first that does not */
    int64_t broken_seq; /* 0: all is whole; else the first entry that does not fit */
    char why[160];
    char hash[65]; /* of the last entry that fits: what to write down elsewhere */
};
/* Walks the whole log, and compares the incident's row with what its last change sealed. */
MUST_USE int incident_verify(struct incidents *incidents, const char *id,
                             struct incident_verdict *ret_verdict, struct err *err);

#endif
