/* SPDX-License-Identifier: Apache-2.0
 * playbook_impl.h: what the files of playbooks share; nobody else includes it.
 *   playbook_names.c  the tables as names
 *   playbook_read.c   a file as a playbook
 *   playbook.c        the set of them, and how one is told
 *   playbook_rows.c   the items of an incident: rows, checklist
 *   playbook_act.c    what people do
 *   playbook_next.c   what is proposed, and what comes next
 *   playbook_look.c   queries are asked again: on demand, and by a job
 *   playbook_query.c, playbook_query_places.c   what queries look at */
#ifndef HOLDFAST_INCIDENT_PLAYBOOK_IMPL_H
#define HOLDFAST_INCIDENT_PLAYBOOK_IMPL_H

#include "incident/incident_impl.h"
#include "incident/playbook.h"
#include "watch/phrase.h"

#define JOB_PLAYBOOKS "playbooks"
#define PLAYBOOK_COMMON "common"
#define PLAYBOOK_RUN "holdfast incident run {incident} {item}"
enum { PLAYBOOK_JSON_BYTES_MAX = 2 * 1024 * 1024, PLAYBOOK_ROWS_MAX = 512, COMMON_ITEMS_MAX = 64 };

/* ---- playbook_names.c ---- */

enum playbook_query {
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh) QUERY_##NAME,
#include "incident/playbook_queries.def"
#undef X
    QUERIES
};
MUST_USE bool playbook_query_parse(const char *name, enum playbook_query *ret_query);
struct playbook_measure_row {
    const char *kind;
    bool target, value;
    const char *command;
};
const struct playbook_measure_row *playbook_measure_find(const char *kind); /* NULL: none */
bool playbook_takes_person(int64_t kind);

/* ---- playbook_read.c ---- */

struct playbook_common { /* what any playbook may `use` */
    struct playbook_item items[COMMON_ITEMS_MAX];
    int count;
};
/* Into an empty one; texts in the arena. ERR_CONFIG with the place. */
MUST_USE int playbook_read_common(struct arena *arena, const char *path, const char *text,
                                  size_t count, struct playbook_common *common, struct err *err);
MUST_USE int playbook_read(struct arena *arena, const struct playbook_common *common,
                           const char *path, const char *text, size_t count,
                           struct playbook *playbook, struct err *err);

/* ---- playbook.c ---- */

struct playbook_source { /* embed_playbooks.py writes them */
    const char *name, *text;
};
extern const struct playbook_source playbook_sources[];
extern const int playbook_source_count;

/* ---- playbook_rows.c ---- */

struct item_row { /* texts in an arena */
    const char *playbook, *item;
    int64_t position, phase, kind;
    bool required;
    const char *text[NOTICE_LANGUAGES];
    const char *subject, *target, *value, *command, *links, *digest;
    int64_t state, verdict;
    const char *said[NOTICE_LANGUAGES];
    const char *evidence;
    int64_t looked_us;
    const char *person, *name;
    int64_t at_us;
    const char *reason;
    int64_t ran_us;
    const char *reference;
};
struct item_rows { /* by phase, then playbook, then place; one row for what is one item */
    struct item_row rows[PLAYBOOK_ROWS_MAX];
    int count, playbooks;
};
/* The arena's. */
MUST_USE int items_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
                        struct item_rows **ret_rows, struct err *err);
/* "gateway-down.turn-away" or "turn-away". ERR_NOT_FOUND; ERR_VALIDATION: several have it. */
MUST_USE int item_find(struct item_rows *rows, const char *name, struct item_row **ret_row,
                       struct err *err);
MUST_USE int items_insert(struct store_tx *tx, const char *incident_id, const char *playbook,
                          int64_t position, const struct playbook_item *item, struct err *err);
/* What may change of it, in every playbook that has this item. */
MUST_USE int item_save(struct store_tx *tx, const char *incident_id, const struct item_row *row,
                       struct err *err);
/* "gateway-down.turn-away", in the arena. */
const char *item_name(struct arena *arena, const struct item_row *row);
/* {incident}, {gateway}, {method}, {item}, {target}, {value} as the incident has them; what it does
 * not say stays a word in capitals. */
const char *item_fill(struct arena *arena, const struct incident_row *incident,
                      const struct item_row *row, const char *text);
/* Of an action: what it is of. "": it has to be said. */
const char *item_target(const struct incident_row *incident, const struct item_row *row);
MUST_USE int checklist_answer(struct playbooks *playbooks, struct store_tx *tx,
                              struct arena *arena, const struct incident_row *incident,
                              struct answer *ret_answer, struct err *err);

/* ---- playbook_next.c ---- */

struct proposed {
    const struct playbook *playbook;
    int weight;
    const char *why; /* "alert PaymentServiceGatewayFailure"; in the arena */
};
/* Those that fit, the best first, but those that it has. At most PLAYBOOKS_MAX. */
MUST_USE int playbooks_propose(struct playbooks *playbooks, struct store_tx *tx,
                               struct arena *arena, const struct incident_row *incident,
                               struct proposed *ret_proposed, struct err *err);
/* The first that is to be done; NULL: nothing is. */
const struct item_row *items_next(const struct item_rows *rows);

/* ---- playbook_look.c ---- */

struct playbooks {
    struct playbooks_options options;
    struct gate *gate;
    bool owns_gate;
};
struct playbook_look { /* of one incident, at one time */
    struct playbooks *playbooks;
    struct arena *arena;
    const struct incident_row *incident;
    int64_t now_us;
    const struct gate_verdict *gate; /* NULL until one is asked for */
};
struct playbook_seen {
    enum playbook_verdict verdict;
    const char *said[NOTICE_LANGUAGES];
    const char *evidence;
};
/* Never fails: what could not be seen is unknown, and says why. */
void playbook_ask(struct playbook_look *look, const char *query, struct playbook_seen *ret_seen);
struct job_kind playbooks_job(struct playbooks *playbooks);
/* One round of the job. */
MUST_USE int playbooks_look(struct playbooks *playbooks, struct err *err);

/* ---- playbook_query*.c ---- */

struct query_row {
    const char *name, *argument;
    int (*function)(struct playbook_look *look, const struct query_row *row,
                    struct playbook_seen *seen, struct err *err);
    const char *yes[NOTICE_LANGUAGES], *no[NOTICE_LANGUAGES];
};
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh)                                  \
    MUST_USE int function(struct playbook_look *look, const struct query_row *row,                 \
                          struct playbook_seen *seen, struct err *err);
#include "incident/playbook_queries.def"
#undef X

/* Both sentences of the row with these words, by whether it passed. */
void query_say(struct playbook_look *look, const struct query_row *row, bool passed,
               struct playbook_seen *seen, const struct phrase_word *words, int count);
#define QUERY_SAY(look, row, passed, seen, ...)                                                    \
    query_say(look, row, passed, seen, (const struct phrase_word[]){__VA_ARGS__},                  \
              (int)(sizeof((const struct phrase_word[]){__VA_ARGS__}) /                            \
                    sizeof(struct phrase_word)))
/* Nothing is known, since … */
int query_unknown(struct playbook_seen *seen, const char *why, const char *why_zh);
const char *query_json(struct playbook_look *look, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
