/* SPDX-License-Identifier: Apache-2.0
 * gate.h: whether an incident may be called resolved (INC-7, I7): each row of gate_conditions.def
 * is looked at, and each one that does not hold refuses, alone.
 *
 * G1  Nothing passes because there is nothing to see: no payment, no window, no name, a look that
 *     failed are refusals, with what to do about it.
 * G2  It only looks: a verdict changes nothing and is of one moment (one snapshot of the store).
 * G3  There is no override: no argument and no setting lets an incident past a condition. Limits
 *     can be set (`incidents.gate:`) between bounds of gate_limits.def.
 * G4  Time that cannot be right (the fix is ahead of the clock, a clock that was moved while it was
 *     counted on) refuses.
 *
 * What the store of this folder has not got, signatures and measures, the caller fills in.
 * Threads: any, many at once. It may take seconds, a snapshot of the store is held meanwhile: never
 * on a payment's way. Owns: see each. Errors: ERR_VALIDATION (a scope of a method that there is
 * not), those of store.h; an error is no verdict. */
#ifndef HOLDFAST_INCIDENT_GATE_H
#define HOLDFAST_INCIDENT_GATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "incident/gate_config.h"
#include "incident/scope.h"
#include "store/store.h"
#include "watch/notice.h"

enum gate_condition {
#define X(NAME, name, function, must_en, must_zh, command) GATE_##NAME,
#include "incident/gate_conditions.def"
#undef X
    GATE_CONDITIONS
};

/* A row of gate_limits.def. */
enum gate_limit {
#define X(NAME, key, usual, least, most, what) GATE_LIMIT_##NAME,
#include "incident/gate_limits.def"
#undef X
    GATE_LIMITS
};
struct gate_limits {
    int64_t of[GATE_LIMITS];
};
/* The usual ones, and on top of them what `config` (may be NULL) says. ERR_CONFIG with the key as
 * its place and what it may be. */
MUST_USE int gate_limits_read(const struct gate_config *config, struct gate_limits *ret_limits,
                              struct err *err);

enum { GATE_MEASURES_MAX = 64, GATE_TOLD_MAX = 20 /* of what evidence lists; else its number */ };

/* Something that was switched for the incident. Texts borrowed. */
struct gate_measure {
    const char *kind;      /* "gateway", "method", "purpose", "mode", "simplified", "primary",
                              "fallback": what is in the store and gate_measures.c finds by itself;
                              anything else only the caller knows */
    const char *name;      /* "stripe-eu", "alipay"; "" for kinds of which there is one */
    const char *command;   /* that undoes it; NULL: that of its kind */
    bool undone;
    const char *handed_to; /* the person who has it after the incident; NULL or "": nobody */
};

/* What is to be called resolved. Texts borrowed; NULL counts as "". */
struct gate_subject {
    const char *incident_id;
    struct incident_scope scope; /* from_us: impact start */
    int64_t mitigated_us;        /* wall: when the fix held; 0: it does not yet */
    const char *commander, *recon_owner; /* people's ids or names; the same text is one person */
    bool commander_signed, recon_signed; /* and the signature still counts */
    const struct gate_measure *measures;
    int measure_count; /* at most GATE_MEASURES_MAX */
};

struct gate_line {
    enum gate_condition condition;
    bool passed;
    const char *why[NOTICE_LANGUAGES]; /* a sentence */
    const char *evidence;              /* a JSON object */
    const char *command;               /* that shows or mends it; "" when it passed */
};
struct gate_verdict {
    int64_t at_us; /* wall */
    bool passed;   /* all of them */
    struct gate_line lines[GATE_CONDITIONS];
};

struct gate;
struct status;
struct gate_options {
    struct store *store;              /* borrowed for its life */
    const struct gate_config *config; /* NULL: the usual limits */
    struct status *status;            /* the public page, borrowed; NULL: there is none */
};
MUST_USE int gate_open(const struct gate_options *options, struct gate **ret_gate, struct err *err);
void gate_close(struct gate *gate); /* NULL is fine */

/* Texts of the verdict are the arena's (ARENA_REQUEST_BYTES_MAX is enough). */
MUST_USE int gate_look(struct gate *gate, const struct gate_subject *subject, struct arena *arena,
                       struct gate_verdict *ret_verdict, struct err *err);
/* The same in the caller's transaction, for who enters `resolved` in it. With SQLite nobody else
 * writes meanwhile: gate_look() first, and this only when that has passed. */
MUST_USE int gate_look_in(struct gate *gate, struct store_tx *tx,
                          const struct gate_subject *subject, struct arena *arena,
                          struct gate_verdict *ret_verdict, struct err *err);

const char *gate_condition_name(enum gate_condition condition); /* "recovered" */
const char *gate_condition_must(enum gate_condition condition, enum notice_language language);

/* {"at","passed","missing":n,"conditions":[{"name","must","must_zh","passed","why","why_zh",
 * "evidence","command"}]} */
void gate_write_json(const struct gate_verdict *verdict, struct buf *buf);
/* What is missing first, each with its command; then what holds. */
void gate_write_text(const struct gate_verdict *verdict, enum notice_language language,
                     struct buf *buf);

#endif
