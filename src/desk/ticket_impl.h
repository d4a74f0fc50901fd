/* SPDX-License-Identifier: Apache-2.0
 * ticket_impl.h: what the files of tickets share.
 *
 *            start        resolve                 close
 *   open ──────────▶ in progress ──────▶ resolved ──────▶ closed       all of it: ticket_moves.def
 *     ▲   wait ▼ ▲ start   │ ask  ▲ reject  ▲ approve        │
 *     │     waiting        └──▶ approval ───┘                │ reopen
 *     └────────────────────── reopened ◀─────────────────────┘
 * Every change of a ticket is one ticket_write(): the row, its entry, its event. */
#ifndef HOLDFAST_DESK_TICKET_IMPL_H
#define HOLDFAST_DESK_TICKET_IMPL_H

#include "base/arena.h"
#include "desk/desk_impl.h"
#include "desk/ticket.h"
#include "desk/ticket_clock.h"
#include "store/job.h"

#define JOB_TICKET "ticket_due"
/* Of ticket_states.def: `live`. Written out, as SQL is one text. */
#define TICKET_IS_LIVE "state IN (1, 2, 3, 4, 7)"
#define TICKET_KIND_MANUAL "manual"

enum {
    TICKET_STEPS_MAX = 16,
    TICKET_LIMITS_MAX = 64,
    TICKET_FOLLOWS_MAX = 4,
    TICKET_JSON_BYTES_MAX = 2 * 1024 * 1024,
};
#define TICKET_NEVER INT64_MAX

enum ticket_move {
    MOVE_START = 1,
    MOVE_WAIT,
    MOVE_ASK,
    MOVE_APPROVE,
    MOVE_REJECT,
    MOVE_RESOLVE,
    MOVE_CLOSE,
    MOVE_HEAL,
    MOVE_REOPEN,
};
enum ticket_priority {
    PRIORITY_NONE = 0,
#define X(name, number, text, risk, hours, business) PRIORITY_##name = (number),
#include "desk/ticket_priorities.def"
#undef X
    PRIORITY_COUNT
};
enum ticket_how {
    HOW_NONE = 0,
#define X(name, number, text, moves_money, meaning) HOW_##name = (number),
#include "desk/ticket_resolutions.def"
#undef X
    HOW_COUNT
};

/* ---- ticket_settings.c: what the configuration means ---- */

enum ticket_share { SHARE_LEAST_LOADED, SHARE_ROUND_ROBIN, SHARE_NOBODY };
enum ticket_step_to { STEP_TO_TEAM, STEP_TO_LEAD, STEP_TO_TEAM_NAMED, STEP_TO_USER };
struct ticket_step {
    int64_t after_us; /* the end */
    enum ticket_step_to to;
    const char *name; /* of the team or user; "" */
};
struct ticket_limit {
    struct currency currency;
    int64_t above_minor;
};
struct ticket_settings {
    const struct ticket_config *config; /* borrowed: teams and rules are used as they stand there */
    struct ticket_clock clock;
    struct {
        int hours;
        bool business;
    } sla[PRIORITY_COUNT];
    struct ticket_limit limits[TICKET_LIMITS_MAX];
    int limit_count;
    struct ticket_step steps[TICKET_STEPS_MAX];
    int step_count;
};
struct tickets {
    struct ticket_settings settings;
    struct {
        const char *kind;
        ticket_over_fn *over;
        void *ctx;
    } follows[TICKET_FOLLOWS_MAX];
    int follow_count;
};
MUST_USE int ticket_settings_read(const struct ticket_config *config,
                                  const struct gateway_registry *registry,
                                  struct ticket_settings *ret_settings, struct err *err);
/* NULL: there is none. */
const struct ticket_team_config *ticket_team_find(const struct ticket_settings *settings,
                                                  const char *name);
enum ticket_share ticket_team_share(const struct ticket_team_config *team);
int64_t ticket_limit_of(const struct ticket_settings *settings, struct currency currency);
enum ticket_priority ticket_priority_of(int64_t risk);
const char *ticket_priority_name(int64_t priority);
MUST_USE bool ticket_risk_parse(const char *name, int64_t *ret_risk);
MUST_USE bool ticket_state_parse(const char *name, int64_t *ret_state);
const char *ticket_how_name(int64_t how); /* "" for none */
MUST_USE bool ticket_how_parse(const char *name, enum ticket_how *ret_how);
bool ticket_how_moves(int64_t how);
bool ticket_is_live(int64_t state);
/* The row of ticket_classes.def, or that of "other". */
struct ticket_class_row {
    const char *name, *page, *suggestion;
};
const struct ticket_class_row *ticket_class_of(const char *name);
bool ticket_class_known(const char *name);
/* ERR_VALIDATION, which names those that there are. */
MUST_USE int ticket_class_unknown(const char *name, struct err *err);

/* ---- ticket_rows.c ---- */

struct ticket_row { /* texts live in an arena, or are literals; never NULL */
    struct ticket_id id;
    int64_t version;
    const char *kind, *subject, *title, *class;
    int64_t risk, priority;
    int64_t amount_minor;
    struct currency currency;
    const char *gateway, *payment_id, *suggestion, *facts;
    int64_t state;
    const char *team, *assignee, *assignee_name;
    int64_t how;
    const char *reason;
    int64_t moved_minor;
    struct currency moved_currency;
    const char *approval_id;
    int64_t round, level;
    const char *opened_by;
    int64_t opened_us, due_us, updated_us, closed_us;
};
#define TICKET_COLUMNS                                                                             \
    "id, version, kind, subject, title, class, risk, priority, amount_minor, currency, gateway, "  \
    "payment_id, suggestion, facts, state, team, assignee, resolution, reason, moved_minor, "      \
    "moved_currency, approval_id, round, level, opened_by, opened_us, due_us, updated_us, "        \
    "closed_us"
#define TICKET_SELECT                                                                              \
    "SELECT " TICKET_COLUMNS                                                                       \
    ", COALESCE((SELECT name FROM app_user WHERE id = ticket.assignee), '') FROM ticket "
void ticket_read(const struct sql_rows *rows, struct arena *arena, struct ticket_row *ret_row);
MUST_USE int ticket_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                         struct ticket_row *ret_row, struct err *err);
/* 1, or 0: the subject has none. Locked. */
MUST_USE int ticket_find(struct store_tx *tx, struct arena *arena,
                         const struct ticket_subject *subject, struct ticket_row *ret_row,
                         struct err *err);

struct ticket_entry { /* borrowed; NULL counts as "" and, of `detail`, as {} */
    const char *actor, *what, *body, *detail;
    int64_t moved_minor;
    struct currency moved_currency;
    int64_t level;    /* of an escalation */
    const char *type; /* of the event that merchants' endpoints are told; NULL: none */
    bool gone;        /* what it was about is: nothing follows */
};
/* A new row, still without an entry: ticket_write() follows. 1, or 0: its subject has one. */
MUST_USE int ticket_insert(struct store_tx *tx, const struct ticket_row *row, struct err *err);
/* The only way in which a ticket changes: the next version, the row as it is now, the entry, the
 * event, and the job that looks at its end; and what follows from its end (tickets_follow()). */
MUST_USE int ticket_write(struct desk *desk, struct store_tx *tx, struct ticket_row *row,
                          const struct ticket_entry *entry, struct err *err);
/* Without facts, history and approvals; the object is left open (no closing brace) for more. */
void ticket_render_open(struct buf *buf, const struct ticket_row *row);
MUST_USE int ticket_render_more(struct store_tx *tx, struct arena *arena, struct buf *buf,
                                const struct ticket_row *row, struct err *err);
/* The text with capital letters made small, in the arena. */
const char *ticket_fold(struct arena *arena, const char *text);

/* ---- ticket_moves.c ---- */

/* Where it leads; TICKET_NONE: the table does not have it. */
enum ticket_state ticket_after(int64_t state, enum ticket_move move);
MUST_USE bool ticket_move_parse(const char *name, enum ticket_move *ret_move);
/* Sets row->state. ERR_STATE with who brought it where it is. */
MUST_USE int ticket_go(struct store_tx *tx, struct ticket_row *row, enum ticket_move move,
                       struct err *err);

/* ---- ticket.c ---- */

/* MOVE_REOPEN, with all that begins anew. */
MUST_USE int ticket_begin_again(struct desk *desk, struct store_tx *tx, struct arena *arena,
                                struct ticket_row *row, const char *actor, const char *reason,
                                struct err *err);

/* ---- ticket_people.c: whose a ticket is ---- */

struct ticket_person { /* texts in the arena; "" : nobody */
    const char *id, *name;
};
/* An enabled user who may work on tickets, by name or id. 1, or 0: there is none. */
MUST_USE int ticket_worker(struct store_tx *tx, struct arena *arena, const char *name_or_id,
                           struct ticket_person *ret_person, struct err *err);
/* Sets team and assignee by the rules. */
MUST_USE int ticket_give(struct desk *desk, struct store_tx *tx, struct arena *arena,
                         struct ticket_row *row, struct err *err);
/* Sets team, and of its members whose turn it is. */
MUST_USE int ticket_give_team(struct desk *desk, struct store_tx *tx, struct arena *arena,
                              const struct ticket_team_config *team, struct ticket_row *row,
                              struct err *err);
/* Whom `to` means, into team and assignee. `caller` for "me". ERR_VALIDATION. */
MUST_USE int ticket_give_to(struct desk *desk, struct store_tx *tx, struct arena *arena,
                            const struct caller *caller, const struct ticket_to *to,
                            struct ticket_row *row, struct err *err);
/* ",finance,ops,": the teams that this user is in, or leads. */
const char *ticket_teams_of(const struct desk *desk, struct arena *arena, const char *user_name);
/* "user:usr_…" of the caller, without the prefix. */
MUST_USE int ticket_me(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                       struct ticket_person *ret_person, struct err *err);

/* ---- ticket_job.c ---- */

/* When the next step is due; TICKET_NEVER: there is none. */
int64_t ticket_next_us(const struct ticket_settings *settings, const struct ticket_row *row);
/* After each change: the job waits for that moment, or is gone. */
MUST_USE int ticket_schedule(struct desk *desk, struct store_tx *tx, const struct ticket_row *row,
                             struct err *err);
MUST_USE int ticket_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

/* ---- ticket_list.c ---- */

/* Calls `fn` for each that the filter finds, in order, from its cursor on and at most so many.
 * `*ret_total`: how many there are without cursor and limit; NULL: not wanted. */
typedef int ticket_each_fn(void *ctx, const struct ticket_row *row, struct err *err);
MUST_USE int ticket_each(struct desk *desk, struct store_tx *tx, struct arena *arena,
                         const struct caller *caller, const struct ticket_filter *filter, int limit,
                         ticket_each_fn *fn, void *ctx, int64_t *ret_total, struct err *err);

/* ---- ticket_act.c: the parts that ticket_bulk.c uses as well ---- */

MUST_USE int ticket_do_give(struct desk *desk, struct store_tx *tx, struct arena *arena,
                            const struct caller *caller, struct ticket_row *row,
                            const struct ticket_to *to, const char *reason, bool transfer,
                            struct err *err);
MUST_USE int ticket_do_move(struct desk *desk, struct store_tx *tx, const char *actor,
                            struct ticket_row *row, enum ticket_move move, const char *reason,
                            struct err *err);
/* Status, the rendered ticket, and what is on the audit log under "ticket.…". */
MUST_USE int ticket_answer(struct store_tx *tx, struct arena *arena, const struct ticket_row *row,
                           int status, struct answer *ret_answer, struct err *err);

#endif
