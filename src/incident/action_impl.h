/* SPDX-License-Identifier: Apache-2.0
 * action_impl.h: what the files of action items and postmortems share. */
#ifndef HOLDFAST_INCIDENT_ACTION_IMPL_H
#define HOLDFAST_INCIDENT_ACTION_IMPL_H

#include "incident/action.h"
#include "incident/incident_impl.h"

struct action_row { /* texts live in an arena, or are literals */
    const char *id, *incident_id;
    int64_t number, version, kind, state;
    const char *what, *owner;
    int64_t due_us, proof_kind;
    const char *proof;
    const char *created_by;
    int64_t created_us;
    const char *done_by; /* "user:…" */
    int64_t done_us;
    const char *done_note;
    const char *verified_by;
    int64_t verified_us;
    const char *verified_note;
    const char *reopened_why;
    int64_t reopened_us, reopened_count, nags, updated_us;
};
#define ACTION_COLUMNS                                                                             \
    "id, incident_id, number, version, kind, state, what, owner, due_us, proof_kind, proof, "      \
    "created_by, created_us, done_by, done_us, done_note, verified_by, verified_us, "              \
    "verified_note, reopened_why, reopened_us, reopened_count, nags, updated_us"
/* Of action_states.def: `waits`. Written out, as SQL is one text. */
#define ACTION_WAITS "state IN (1, 4)"

/* action_rows.c */
void action_take(const struct sql_rows *rows, struct arena *arena, struct action_row *ret_row);
/* ERR_NOT_FOUND. */
MUST_USE int action_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                         struct action_row *ret_row, struct err *err);
MUST_USE int action_insert(struct store_tx *tx, const struct action_row *row, struct err *err);
/* The next version, the row, the entry of the log with its digest, and its job. */
MUST_USE int action_write(struct incidents *incidents, struct store_tx *tx, struct action_row *row,
                          const char *actor, const char *text, struct err *err);
/* Of all but what the timer goes by. */
void action_digest(const struct action_row *row, char ret_hex[SHA256_HEX_CHARS + 1]);
void action_render(struct buf *buf, const struct action_row *row);
bool action_waits(int64_t state);

/* postmortem_parts.c: digest of a part, as its entry has it. */
void part_digest(const char *name, int64_t version, const char *body,
                 char ret_hex[SHA256_HEX_CHARS + 1]);

/* learn_clock.c */
int64_t learn_action_us(int64_t severity); /* how long an item may take at most */
/* Its job waits for what is due next, or is gone. */
MUST_USE int learn_schedule(struct incidents *incidents, struct store_tx *tx, const char *prefix,
                            const char *id, int64_t next_us, struct err *err);
int64_t learn_next_us(int64_t due_us, int64_t nags); /* 0: nobody is nagged any more */
MUST_USE int learn_end_nags(struct incidents *incidents, struct store_tx *tx, const char *what,
                            struct err *err);

#endif
