/* SPDX-License-Identifier: Apache-2.0
 * containment_impl.h: what the files of measures share; nobody else includes it.
 *   containment_kinds.c  the tables, requests checked by them
 *   containment_stand.c  what the store says of a thing; measures for the gate
 *   containment_put.c    a thing is switched
 *   containment_rows.c   rows, how they are told
 *   containment_words.c  what taking one would do, before it is done
 *   containment.c        previewed, taken, undone, handed over, listed
 *   deploy_gate.c        whether deploys may go on */
#ifndef HOLDFAST_INCIDENT_CONTAINMENT_IMPL_H
#define HOLDFAST_INCIDENT_CONTAINMENT_IMPL_H

#include "billing/billing.h"
#include "incident/containment.h"
#include "incident/incident_impl.h"
#include "watch/phrase.h"

struct containments {
    struct containments_options options;
};

enum { CONTAINMENT_JSON_BYTES_MAX = 1024 * 1024, CONTAINMENT_VALUE_BYTES = 80 };

/* ---- containment_kinds.c ---- */

enum containment_thing {
#define X(NAME, kind, named, rest, zh) THING_##NAME,
#include "incident/containment_things.def"
#undef X
    CONTAINMENT_THINGS
};
enum containment_names { NAMES_NOTHING, NAMES_GATEWAY, NAMES_METHOD, NAMES_PURPOSE, NAMES_STEP };
enum containment_state {
#define X(NAME, number, name, meaning) CONTAINMENT_IS_##NAME = (number),
#include "incident/containment_states.def"
#undef X
};
struct containment_row_kind {
    enum containment_kind kind;
    const char *name;
    enum containment_thing thing;
    enum containment_names names;
    const char *value;
    bool ends;
    const char *does[NOTICE_LANGUAGES];
};
/* Never NULL for a number that the table has; NULL else. */
const struct containment_row_kind *containment_kind_row(int64_t kind);
const char *containment_state_name(int64_t state);
const char *containment_gate_kind(enum containment_thing thing);
const char *containment_at_rest(enum containment_thing thing);
/* "" where there is one of them only: as gate.h and the stands have it. */
const char *containment_thing_name(const struct containment_row_kind *kind, const char *name);
/* How the thing stands once it is taken, in the arena. */
const char *containment_value(struct arena *arena, const struct containment_row_kind *kind,
                              const char *name);
/* The request's words and names. ERR_VALIDATION with the place. */
MUST_USE int containment_check(const struct containments *containments,
                               const struct containment_request *request,
                               const struct containment_row_kind **ret_kind, struct err *err);

/* ---- containment_stand.c ---- */

struct containment_stand { /* texts in the arena, never NULL */
    const char *value;     /* of containment_things.def: "disabled", "at_least deferred" */
    int64_t at_us;         /* when it was said; 0: nobody ever did */
    int64_t until_us;
    const char *actor, *reason;
};
/* `owner`: the incident, of deploys only. */
MUST_USE int containment_stand(struct store_tx *tx, struct arena *arena,
                               enum containment_thing thing, const char *name, const char *owner,
                               struct containment_stand *ret_stand, struct err *err);
/* Whoever switches the same thing by any way waits until the transaction is over. */
MUST_USE int containment_lock(struct store_tx *tx, enum containment_thing thing, const char *name,
                              struct err *err);

/* ---- containment_put.c ---- */

struct containment_put { /* borrowed */
    enum containment_thing thing;
    const char *name, *owner;
    const char *value;
    int64_t until_us;
    bool force;    /* also the last gateway */
    bool reopen;   /* what was closed for writing may be opened by it */
    bool renewals; /* they go with the purpose of subscriptions */
    bool timed;    /* it had an end of its own, which is over with it */
    const char *actor, *reason;
};
MUST_USE int containment_put(const struct containments *containments, struct store_tx *tx,
                             const struct containment_put *put, bool *ret_renewals,
                             struct err *err);

/* ---- containment_rows.c ---- */

struct containment_row { /* texts in the arena, never NULL */
    struct containment_id id;
    const char *incident_id;
    const struct containment_row_kind *kind;
    const char *name;
    int64_t state;
    const char *reason, *actor;
    int64_t taken_us;
    struct containment_stand before;
    const char *taken_value;
    int64_t stood_us;
    const char *stood_actor;
    int64_t until_us;
    bool renewals;
    int64_t undone_us;
    const char *undone_by, *undone_reason;
    int64_t handed_us;
    const char *handed_by, *handed_to, *handed_reason;
};
/* How it stands now, against how it stood. */
struct containment_now {
    struct containment_stand stand;
    bool on;       /* it is neither as before nor at rest */
    bool as_taken; /* nobody has said anything of it since */
};
MUST_USE int containment_insert(struct store_tx *tx, const struct containment_row *row,
                                struct err *err);
MUST_USE int containment_save(struct store_tx *tx, const struct containment_row *row,
                              struct err *err);
/* `incident_id` NULL or "": whose ever it is. ERR_NOT_FOUND. */
MUST_USE int containment_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
                              const char *id, struct containment_row *ret_row, struct err *err);
/* All of an incident, the oldest first; in the arena. */
MUST_USE int containment_load_all(struct store_tx *tx, struct arena *arena,
                                  const char *incident_id, struct containment_row **ret_rows,
                                  int *ret_count, struct err *err);
MUST_USE int containment_now(struct store_tx *tx, struct arena *arena,
                             const struct containment_row *row, struct containment_now *ret_now,
                             struct err *err);
/* "gateway_off stripe-a" */
const char *containment_title(struct arena *arena, const struct containment_row *row);
/* The command, with its reason left to say. */
const char *containment_undoing(struct arena *arena, const struct containment_row *row);
MUST_USE int containment_render(struct store_tx *tx, struct arena *arena, struct buf *buf,
                                const struct containment_row *row, struct err *err);
void containment_stand_json(struct buf *buf, const struct containment_stand *stand);
/* The name of who did it, else the actor. */
MUST_USE int containment_who(struct store_tx *tx, struct arena *arena, const char *actor,
                             const char **ret_name, struct err *err);

/* ---- containment_words.c ---- */

/* ,"concerned":{…}: payments of the last hour, those not finished, methods. */
MUST_USE int containment_concerned(const struct containments *containments, struct store_tx *tx,
                                   const struct containment_row_kind *kind, const char *name,
                                   struct buf *buf, struct err *err);

#endif
