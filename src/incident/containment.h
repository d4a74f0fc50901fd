/* SPDX-License-Identifier: Apache-2.0
 * containment.h: what is switched from an incident so that it does not grow, and given back from
 * the same place (INC-5): measures. Each is a row of containment_kinds.def.
 *
 *   taken --> undone
 *     |         ^            handed over: it stays on after the incident, and a person by name
 *     +--> handed_over       has it
 *
 * C1  A measure switches by the functions that the command of each switch uses, in one transaction
 *     with its row, an entry of the incident's log and one of the audit log.
 * C2  What stood before is written down when it is taken. Undoing gives that back, and nothing that
 *     somebody else has switched since, unless that is said.
 * C3  Whether it is on, the store says at that moment, not the row: what came back by itself, or by
 *     another's hand, is not on.
 * C4  No incident is cancelled or closed while one of its measures is on and nobody has it; the
 *     gate before "resolved" asks the same (gate.h).
 *
 * Threads: any, many at once: of two who take the same at once one has done it, and the other is
 *          told who. Answers belong to the caller: answer_release().
 * Errors:  ERR_NOT_FOUND, ERR_VALIDATION (with the place), ERR_STATE (it is so already, somebody
 *          changed it since, the incident is over), those of the switches and of store.h. Nothing
 *          has been changed when one is returned.
 * Limits:  those below. */
#ifndef HOLDFAST_INCIDENT_CONTAINMENT_H
#define HOLDFAST_INCIDENT_CONTAINMENT_H

#include "gateway/control.h"
#include "incident/gate.h"
#include "incident/incident.h"
#include "mode/mode.h"

enum {
    CONTAINMENT_NAME_CHARS_MAX = 60,
    CONTAINMENT_MEASURES_MAX = GATE_MEASURES_MAX, /* that were not undone, of one incident */
    CONTAINMENT_LISTED_MAX = 500,                 /* of one incident, ever */
};

enum containment_kind {
    CONTAINMENT_NO_KIND = 0,
#define X(NAME, number, name, thing, names, value, ends, does_en, does_zh)                         \
    CONTAINMENT_##NAME = (number),
#include "incident/containment_kinds.def"
#undef X
};
const char *containment_kind_name(int64_t kind); /* "?" for a number that no row has */
MUST_USE bool containment_kind_parse(const char *name, enum containment_kind *ret_kind);

struct containments;
struct containments_options { /* all borrowed until containments_close() */
    struct store *store;
    struct payments *payments;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct mode *mode; /* NULL: what it switches is refused */
};
MUST_USE int containments_open(const struct containments_options *options,
                               struct containments **ret_containments, struct err *err);
void containments_close(struct containments *containments); /* NULL is fine */

struct containment_request { /* borrowed; NULL text counts as "" */
    const char *kind;        /* a name of containment_kinds.def */
    const char *name;        /* of gateway, method, purpose, step; "" for kinds that have none */
    const char *reason;      /* 1 to INCIDENT_WHY_CHARS_MAX characters */
    int64_t until_us;        /* wall; 0: until it is undone. Kinds that end by themselves only */
    bool force;              /* also the last gateway */
    bool adopt;              /* it was switched by other means: it becomes a measure as it stands */
};

/* 200: what taking it would do now: {"kind","name","does","does_zh","before","after","concerned",
 * "refused":{…}|null,"undo"}. Nothing is changed. What a refusal would say stands in `refused`;
 * an error is returned only for what is no request. */
MUST_USE int containment_preview(struct containments *containments, const struct caller *caller,
                                 const char *incident_id,
                                 const struct containment_request *request,
                                 struct answer *ret_answer, struct err *err);
/* 201: the measure. Of live incidents only. */
MUST_USE int containment_take(struct containments *containments, const struct caller *caller,
                              const char *incident_id, const struct containment_request *request,
                              struct answer *ret_answer, struct err *err);
/* 200: the measure, with what the store says of it now under "verification". `incident_id` NULL or
 * "": whose ever it is; so below. ERR_NOT_FOUND: it is none of that incident. */
MUST_USE int containment_verify(struct containments *containments, const char *incident_id,
                                const char *measure_id, struct answer *ret_answer,
                                struct err *err);
/* Gives back what stood before; also after the incident. Where it has come back already, only the
 * row changes. `force`: whoever changed it since. */
MUST_USE int containment_undo(struct containments *containments, const struct caller *caller,
                              const char *incident_id, const char *measure_id, const char *reason,
                              bool force, struct answer *ret_answer, struct err *err);
/* `to`: a user's name or id, "me". Again: to another one. */
MUST_USE int containment_hand_over(struct containments *containments, const struct caller *caller,
                                   const char *incident_id, const char *measure_id, const char *to,
                                   const char *reason, struct answer *ret_answer,
                                   struct err *err);
/* {"data":[…]}: all of an incident, the oldest first, each as containment_verify() has it. */
MUST_USE int containment_list(struct containments *containments, const char *incident_id,
                              struct answer *ret_answer, struct err *err);

/* What an incident has taken, for the gate and the brief: all that were not undone, in their order.
 * `undone` says that the store has it back as well. `ret_measures` has room for GATE_MEASURES_MAX;
 * texts are the arena's. */
MUST_USE int measures_of(struct store_tx *tx, const char *incident_id, struct arena *arena,
                         struct gate_measure *ret_measures, int *ret_count, struct err *err);
/* ERR_STATE with the command that undoes it: a measure is on, and nobody has it. */
MUST_USE int containment_none_left(struct store_tx *tx, const char *incident_id, struct err *err);

/* ---- deploys ---- */

/* {"object":"deploy_gate","open","checked_at","freezes":[…]} of this moment. */
MUST_USE int deploy_gate_look(struct containments *containments, struct answer *ret_answer,
                              struct err *err);
struct deploy_freezing { /* by hand, without an incident; borrowed */
    bool frozen;
    int64_t until_us; /* wall; 0: until it is thawed */
    const char *reason;
};
/* ERR_STATE: it is so already (with who), or only incidents hold it (with what undoes that). 200:
 * the gate as it is now. */
MUST_USE int deploy_gate_set(struct containments *containments, const struct caller *caller,
                             const struct deploy_freezing *freezing, struct answer *ret_answer,
                             struct err *err);

#endif
