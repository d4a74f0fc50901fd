/* SPDX-License-Identifier: Apache-2.0
 * gate_impl.h: what the conditions of the gate share: one look, and how a line of it is said. */
#ifndef HOLDFAST_INCIDENT_GATE_IMPL_H
#define HOLDFAST_INCIDENT_GATE_IMPL_H

#include "base/clock.h"
#include "base/task.h"
#include "gateway/gateway.h"
#include "incident/gate.h"
#include "watch/phrase.h"

struct gate {
    struct store *store;
    struct status *status; /* NULL: there is no page */
    struct gate_limits limits;
    struct lock lock;      /* of what follows: how the wall's clock stood to the steady one */
    int64_t offset_us;     /* at the last look */
    int64_t moved_mono_us; /* when it was last seen to have been moved; 0: never */
    int64_t moved_by_us;   /* by how much */
};
/* So much the two may drift apart between two looks. */
#define GATE_CLOCK_SLACK_US (30 * US_PER_SECOND)

/* Of what a scope holds, as conditions of statements have it; see scope_list(). */
struct gate_names {
    char gateways[SCOPE_LIST_BYTES_MAX], regions[SCOPE_LIST_BYTES_MAX];
    char currencies[SCOPE_LIST_BYTES_MAX];
    char methods[SCOPE_LIST_BYTES_MAX]; /* their numbers */
};
/* ERR_VALIDATION: there is no such method. */
MUST_USE int gate_names_read(const struct incident_scope *scope, struct gate_names *ret_names,
                             struct err *err);

/* ",a,b," of parameter `list` has the text `column`, or is "". */
#define SQL_IN(list, column)                                                                       \
    "(" list " = '' OR replace(" list ", ',' || " column " || ',', '') <> " list ")"
#define SQL_ONLY_IN(list, column) "replace(" list ", ',' || " column " || ',', '') <> " list
/* Payment p was begun in $3 ≤ t < $4 (its id between $1 and $2) and is of the scope: $5 gateways
 * (one that it has, or was tried at), $6 methods, $7 regions, $8 currencies. Never one of our
 * probes. */
#define SQL_BEGUN "p.id >= $1 AND p.id < $2 AND p.created_us >= $3 AND p.created_us < $4"
#define SQL_OF_SCOPE                                                                               \
    "p.purpose <> '100' AND ($5 = '' OR " SQL_ONLY_IN("$5", "p.gateway") " OR EXISTS (SELECT 1 "   \
    "FROM attempt t WHERE t.payment_id = p.id AND " SQL_ONLY_IN("$5", "t.gateway") ")) AND "       \
    SQL_IN("$6", "CAST(p.method AS text)") " AND " SQL_IN("$7", "p.customer_region") " AND "       \
    SQL_IN("$8", "p.currency")
#define SQL_SCOPE_ARGS(ids, from_us, until_us, names)                                              \
    S_TEXT((ids).from), S_TEXT((ids).until), S_INT(from_us), S_INT(until_us),                      \
        S_TEXT((names)->gateways), S_TEXT((names)->methods), S_TEXT((names)->regions),             \
        S_TEXT((names)->currencies)
/* Ids of a time; an id is made before its row, at most so long. */
#define GATE_ID_SLACK_US (60 * US_PER_SECOND)
struct gate_ids {
    char from[ID_TEXT_MAX], until[ID_TEXT_MAX];
};
struct gate_ids gate_ids(const char *prefix, int64_t from_us, int64_t until_us);

struct gate_look {
    const struct gate *gate;
    const struct gate_subject *subject;
    struct store_tx *tx;
    struct arena *arena;
    int64_t now_us;
    int64_t clock_moved_by_us; /* within the hold time; 0 */
    int64_t until_us; /* the end of the time that it is about: of the fix; without one, now */
    struct gate_names names;
};

/* Both sentences with the same words; `passed` is the caller's. */
#define GATE_SAY(look, line, english, chinese, ...)                                                \
    do {                                                                                           \
        (line)->why[NOTICE_EN] = PHRASE((look)->arena, english, __VA_ARGS__);                      \
        (line)->why[NOTICE_ZH] = PHRASE((look)->arena, chinese, __VA_ARGS__);                      \
    } while (0)

/* One condition each, in the order of the table. They fill passed, why, evidence; `command` is that
 * of the table and may be made another. */
#define X(NAME, name, function, must_en, must_zh, command)                                         \
    MUST_USE int function(struct gate_look *look, struct gate_line *line, struct err *err);
#include "incident/gate_conditions.def"
#undef X

/* "2 payments" … */
const char *gate_number(const struct gate_look *look, int64_t number);
const char *gate_moment(const struct gate_look *look, int64_t wall_us);
/* "20 min" / "20 分钟" are the sentence's; here the whole minutes, at least 1. */
const char *gate_minutes(const struct gate_look *look, int64_t us);
/* The buffer's object as the evidence. ERR_INTERNAL when it is larger than its cap. */
enum { GATE_EVIDENCE_BYTES_MAX = 64 * 1024 };
MUST_USE int gate_evidence(const struct gate_look *look, struct gate_line *line,
                           const struct buf *json, struct err *err);

/* An array of at most GATE_TOLD_MAX things, that counts all of them. */
struct gate_told {
    struct buf *buf;
    int64_t count;
};
/* True: there is room, and the comma is written. */
bool gate_tell(struct gate_told *told);

#endif
