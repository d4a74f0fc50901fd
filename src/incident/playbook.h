/* SPDX-License-Identifier: Apache-2.0
 * playbook.h: what is to be done in an incident, as lists that an incident follows (INC-2, INC-11):
 * playbooks/ of the source, which are built in, and those of a folder, which replace them by name.
 *
 * A playbook has six phases (playbook_phases.def), each a list of items (playbook_kinds.def):
 *   query     looks by itself (playbook_queries.def): done while it passes, open again when it does
 *             not; what could not be seen is `unknown`, and never done
 *   action    a measure: looked at first, run by a person, then seen to hold; undone by a person
 *   approval  the holder of a role, or his deputy, says yes
 *   tick      a person has done it, and says so
 *
 *   query     looks by itself (playbook_queries.def): done while it passes, open again when it
 *             does not; what could not be seen is `unknown`, and never done
 *    the commander or his deputy, with a reason.
 * 2. An incident follows a playbook as it was when it was chosen; a file that changes later changes
 *    nothing that runs.
 * 3. Each of these is one entry of the incident's log, in the same transaction: a playbook chosen,
 *    an item done, skipped, failed or opened again, a measure run or undone, a query that comes to
 *    another end than before (when a person asks: also one that says something else).
 * 4. An item that several of an incident's playbooks have is one item.
 *
 * Threads: any, many at once. A look takes seconds at most and is never on a payment's way.
 * Owns:    each says; answers belong to the caller.
 * Errors:  ERR_CONFIG with "file:line" as the place (playbooks that are wrong), ERR_NOT_FOUND,
 *          ERR_STATE, ERR_VALIDATION with the place, ERR_FORBIDDEN, those of store.h.
 * Limits:  those below. */
#ifndef HOLDFAST_INCIDENT_PLAYBOOK_H
#define HOLDFAST_INCIDENT_PLAYBOOK_H

#include "gateway/registry.h"
#include "incident/gate.h"
#include "incident/incident.h"
#include "watch/figures.h"

enum {
    PLAYBOOKS_MAX = 64,
    PLAYBOOK_ITEMS_MAX = 64,    /* of one */
    PLAYBOOK_ATTACHED_MAX = 8,  /* to one incident */
    PLAYBOOK_LINKS_MAX = 6,
    PLAYBOOK_RULES_MAX = 16,
    PLAYBOOK_NAME_CHARS_MAX = 40, /* of a playbook, of an item */
    PLAYBOOK_FILE_BYTES_MAX = 256 * 1024,
    PLAYBOOK_EVIDENCE_BYTES_MAX = 8 * 1024,
};

enum playbook_phase {
#define X(NAME, number, name, title, title_zh) PHASE_##NAME = (number),
#include "incident/playbook_phases.def"
#undef X
    PHASES_END
};
enum playbook_kind {
#define X(NAME, number, name, person, meaning) ITEM_##NAME = (number),
#include "incident/playbook_kinds.def"
#undef X
};
enum playbook_state {
#define X(NAME, number, name, meaning) ITEM_STATE_##NAME = (number),
#include "incident/playbook_item_states.def"
#undef X
};
enum playbook_verdict {
#define X(NAME, number, name) VERDICT_##NAME = (number),
#include "incident/playbook_verdicts.def"
#undef X
};
const char *playbook_phase_name(int64_t phase); /* "?" for a number that no row has; so below */
const char *playbook_phase_title(int64_t phase, enum notice_language language);
const char *playbook_kind_name(int64_t kind);
const char *playbook_state_name(int64_t state);
const char *playbook_verdict_name(int64_t verdict);
MUST_USE bool playbook_state_parse(const char *name, enum playbook_state *ret_state);

/* ---- the files ---- */

struct playbook_item { /* texts live as long as the set; "" where there is none */
    const char *id;
    enum playbook_phase phase;
    enum playbook_kind kind;
    bool required;
    const char *text[NOTICE_LANGUAGES];
    const char *subject; /* of a query its name, an approval the role, an action the measure */
    const char *target, *value; /* of an action; "{gateway}": the incident's */
    const char *command;        /* "holdfast …" */
    const char *links[PLAYBOOK_LINKS_MAX]; /* "docs/guides/….md#…" */
    int link_count;
    char digest[65];
    int line; /* where it stands in its file */
};
struct playbook {
    const char *name, *title[NOTICE_LANGUAGES];
    bool shipped;    /* built in; else the folder's */
    unsigned causes; /* bits 1 << enum incident_cause */
    const char *rules[PLAYBOOK_RULES_MAX];
    int rule_count;
    struct playbook_item items[PLAYBOOK_ITEMS_MAX];
    int item_count;
};

struct playbook_set;
/* `folder` NULL: the built-in ones alone. ERR_CONFIG: what is wrong, with file and line. */
MUST_USE int playbook_set_open(const char *folder, struct playbook_set **ret_set, struct err *err);
void playbook_set_close(struct playbook_set *set); /* NULL is fine */
int playbook_set_count(const struct playbook_set *set);
const struct playbook *playbook_set_at(const struct playbook_set *set, int index);
const struct playbook *playbook_set_find(const struct playbook_set *set, const char *name);
/* One text more, as a file of that path: checked, and in the place of one of its name. Items that
 * it `use`s are those of the set. */
MUST_USE int playbook_set_read(struct playbook_set *set, const char *path, const char *text,
                               size_t count, const struct playbook **ret_playbook,
                               struct err *err);
/* {"data":[…]} without items; one object with them. */
void playbook_set_list(const struct playbook_set *set, struct buf *buf);
void playbook_write(const struct playbook *playbook, struct buf *buf);

/* ---- measures: who has them gives these ---- */

struct playbook_measure { /* borrowed */
    const char *incident_id;
    const char *kind;          /* of playbook_measures.def */
    const char *target, *value; /* "" where the kind has none */
    const char *reason;
    const char *reference; /* that `run` gave, for `verify` and `undo`; else "" */
};
struct playbook_told { /* texts in the arena; NULL counts as "" */
    enum playbook_verdict verdict; /* PASSED: it would work, was done, holds, is undone */
    const char *said[NOTICE_LANGUAGES];
    const char *evidence;  /* a JSON object; NULL: {} */
    const char *reference; /* of `run`; of `verify` that of what it found */
};
typedef int playbook_measure_fn(void *ctx, const struct caller *caller,
                                const struct playbook_measure *measure, struct arena *arena,
                                struct playbook_told *ret_told, struct err *err);
struct playbook_actions {
    /* Each with its own transactions. `run` and `undo` have the caller's Idempotency-Key: a repeat
     * gives the answer of before. `verify` and `preview` change nothing; `verify` may have no
     * caller. */
    playbook_measure_fn *preview, *run, *verify, *undo;
    void *ctx;
};

/* ---- an incident's checklist ---- */

struct playbooks;
struct playbooks_options { /* all borrowed until playbooks_close() */
    struct incidents *incidents;
    struct store *store;
    struct payments *payments;
    const struct playbook_set *set;
    struct alerts *alerts;                   /* what is NULL from here on is unknown */
    const struct gateway_registry *registry;
    struct mode *mode;
    const struct figures_watch *figures;
    const struct playbook_actions *actions; /* NULL: commands are shown instead */
    struct gate *gate;                      /* NULL: one with the usual limits is opened */
};
/* After incidents_open(), before payments_start(): its job is run by the payments' runner. */
MUST_USE int playbooks_open(const struct playbooks_options *options,
                            struct playbooks **ret_playbooks, struct err *err);
void playbooks_close(struct playbooks *playbooks); /* NULL is fine */
/* Makes sure of the job that looks at the queries of what is live. */
MUST_USE int playbooks_start(struct playbooks *playbooks, struct err *err);

/* A person has chosen it. 200 with the checklist. ERR_STATE: it is over, has it already, or has
 * PLAYBOOK_ATTACHED_MAX. */
MUST_USE int playbook_attach(struct playbooks *playbooks, const struct caller *caller,
                             const char *incident_id, const char *name, const char *reason,
                             struct answer *ret_answer, struct err *err);
/* The checklist as it stands, with what is proposed (api/openapi.yaml: Checklist). */
MUST_USE int playbook_checklist(struct playbooks *playbooks, const char *incident_id,
                                struct answer *ret_answer, struct err *err);
/* The same after every query was asked again, and every measure that was run looked at. */
MUST_USE int playbook_refresh(struct playbooks *playbooks, const struct caller *caller,
                              const char *incident_id, struct answer *ret_answer,
                              struct err *err);

struct playbook_act {   /* borrowed */
    const char *item;   /* "gateway-down.turn-away", or the item's id where one playbook has it */
    enum playbook_state state; /* DONE ticks, approves, runs; OPEN takes that back, undoes */
    const char *reason; /* needed but for DONE; NULL: "" */
    const char *target; /* of an action, where the item leaves it open; NULL: "" */
};
MUST_USE int playbook_act(struct playbooks *playbooks, const struct caller *caller,
                          const char *incident_id, const struct playbook_act *act,
                          struct answer *ret_answer, struct err *err);
/* What an action would do: nothing is changed. */
MUST_USE int playbook_preview(struct playbooks *playbooks, const struct caller *caller,
                              const char *incident_id, const char *item, const char *target,
                              struct answer *ret_answer, struct err *err);

/* ---- what comes next, for the brief ---- */

struct playbook_next { /* texts in the arena */
    const char *item;  /* "gateway-down.turn-away"; "": choose a playbook */
    enum playbook_phase phase;
    enum playbook_kind kind;
    const char *text[NOTICE_LANGUAGES];
    const char *command; /* filled in; "" where there is none */
};
/* The open (or failed) required items of a live incident in their order, at most `max`; where no
 * playbook was chosen, to choose the one that fits best. Returns how many. */
MUST_USE int playbook_next(struct playbooks *playbooks, struct store_tx *tx, struct arena *arena,
                           const char *incident_id, int max, struct playbook_next *ret_next,
                           struct err *err);

#endif
