/* SPDX-License-Identifier: Apache-2.0
 * repair_impl.h: what the files of this folder share. */
#ifndef HOLDFAST_RECON_REPAIR_REPAIR_IMPL_H
#define HOLDFAST_RECON_REPAIR_REPAIR_IMPL_H

#include "payment/repair.h"
#include "recon/recon_impl.h"
#include "recon/repair/repair.h"

enum {
    REPAIR_ACTOR_CHARS_MAX = 5 + REPAIR_NAME_CHARS_MAX,
    REPAIR_ANSWER_BYTES_MAX = 1 << 20,
    REPAIR_WHY_CHARS_MAX = 160
};
#define REPAIR_TOTAL_DAY (-1)

/* "rule:NAME": the actor of what a rule does. */
void repair_actor(const char *rule, char ret_actor[REPAIR_ACTOR_CHARS_MAX + 1]);
int64_t repair_day(int64_t wall_us); /* of UTC, from 1970 on */

/* ---- rows.c ---- */

struct repair_row { /* texts live in the arena */
    struct repair_id id;
    const char *break_id; /* or a case's id, where no break tells of it */
    const char *gateway, *rule;
    enum repair_action action;
    enum repair_state state;
    const char *payment_id, *attempt_id, *operation_id, *second_id, *second_charge_id, *case_id;
    struct currency currency;
    int64_t amount_minor, day;
    const char *said;
    int64_t tries, planned_us, updated_us, ended_us;
    const char *reversed_by, *reason;
};
#define REPAIR_COLUMNS                                                                             \
    "id, break_id, gateway, rule, action, state, payment_id, attempt_id, operation_id, "           \
    "second_id, second_charge_id, case_id, currency, amount_minor, day, said, tries, planned_us, " \
    "updated_us, ended_us, reversed_by, reason"
void repair_row_read(const struct sql_rows *rows, struct arena *arena, struct repair_row *ret_row);
MUST_USE int repair_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                             struct repair_row *ret_row, struct err *err);
/* 1; 0: the break has none. */
MUST_USE int repair_row_of_break(struct store_tx *tx, struct arena *arena, const char *break_id,
                                 bool lock, struct repair_row *ret_row, struct err *err);
/* 0: the break has one. */
MUST_USE int repair_row_insert(struct store_tx *tx, const struct repair_row *row, struct err *err);
/* Writes what can change. The move must be one of repair_moves.def, or to its own state. */
MUST_USE int repair_row_save(struct store_tx *tx, struct repair_row *row, enum repair_state to,
                             struct err *err);
void repair_row_render(struct buf *buf, const struct repair_row *row);
/* The same with `approval`: the wish to reverse it that waits for another person, or null. */
MUST_USE int repair_row_tell(struct store_tx *tx, struct arena *arena, struct buf *buf,
                             const struct repair_row *row, struct err *err);
/* Of that wish, the approval's id; "". */
MUST_USE int repair_row_wish(struct store_tx *tx, struct arena *arena, const struct repair_row *row,
                             const char **ret_approval_id, struct err *err);

/* ---- limits.c: caps, errors, and the switch ---- */

struct repair_switch {
    bool stopped;
    char rule[REPAIR_NAME_CHARS_MAX + 1], why[REPAIR_TEXT_CHARS_MAX + 1], actor[200];
    int64_t changed_us, started_us;
};
/* `lock`: first of all in its transaction; everybody else waits. */
MUST_USE int repair_switch_load(struct store_tx *tx, bool lock, struct repair_switch *ret_switch,
                                struct err *err);
/* Enabled by a person as it is now. */
MUST_USE int repair_rule_enabled(struct store_tx *tx, const struct repair_rule *rule,
                                 bool *ret_enabled, struct err *err);
/* Under the lock. 1: counted; 0: a cap is reached, and `ret_why` says which: nothing is counted. */
MUST_USE int repair_reserve(struct store_tx *tx, const struct repair_rule *rule,
                            struct currency currency, int64_t amount_minor, int64_t day,
                            char ret_why[REPAIR_TEXT_CHARS_MAX + 1], struct err *err);
MUST_USE int repair_release(struct store_tx *tx, const struct repair_row *row, struct err *err);
MUST_USE int repair_spent(struct store_tx *tx, const char *rule, int64_t day, const char *currency,
                          int64_t *ret_minor, struct err *err);
/* Under the lock: stops all rules, opens a ticket, writes the audit log. Nothing when they are. */
MUST_USE int repair_stop(struct recon *recon, struct store_tx *tx, const char *rule,
                         const char *why, struct err *err);
/* Under the lock, after one of the rule's repairs has ended: stops all when too many were bad. */
MUST_USE int repair_check_errors(struct recon *recon, struct store_tx *tx,
                                 const struct repair_rule *rule, struct err *err);

/* ---- facts.c ---- */

/* What is known of a break, and what could be done about it; or of a case of money that a callback
 * or an answer told of: `row` stands for it then, and it has no members. */
struct repair_facts {
    struct break_row row;
    struct break_members members;
    const struct repair_case *held; /* NULL: of a break */
    const char *payment_id, *attempt_id, *operation_id, *second_id, *second_charge_id; /* or "" */
    bool attempt_live, attempt_charged, callback_came;
    bool paid_otherwise; /* the order is paid, and not with this attempt */
    bool paid_elsewhere; /* and at another gateway */
    bool returned;       /* what would be returned as a second charge went back already */
    const char *own_id;  /* the gateway's name of what the attempt is there */
    int callbacks_waiting;
};
/* `id`: of a break, or of a case (which is never locked: what follows asks again). */
MUST_USE int repair_facts_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                               struct repair_facts *ret_facts, struct err *err);
/* What the action would move, as it counts against caps; 0: it does not fit, and `ret_why` (a
 * literal) says why not. */
int64_t repair_amount(const struct repair_facts *facts, enum repair_action action,
                      const char **ret_why);
/* The first rule for it, enabled or not, with the amount; NULL: none, and why not, rule by rule.
 * `only`: NULL, or one. */
const struct repair_rule *repair_rule_of(const struct repair_rules *rules,
                                         const struct repair_facts *facts, const char *only,
                                         int64_t now_us, int64_t *ret_amount,
                                         char ret_why[REPAIR_TEXT_CHARS_MAX + 1]);

/* A row that a rule of the matcher has told apart as a second charge is looked at again by the next
 * run, now that our books have it as well. How many. */
MUST_USE int repair_look_again(struct store_tx *tx, const struct repair_facts *facts,
                               struct err *err);

/* ---- cases.c ---- */

struct repair_case_kind {
    const char *kind;
    enum match_class class; /* 0: no rule is for it */
    const char *ticket;     /* class of its ticket, "": it has none of its own */
    enum match_risk risk;
    const char *title;
};
const struct repair_case_kind *repair_case_kind(const char *kind); /* never NULL */
bool repair_is_case(const char *id);                               /* not of a break */
/* Fills what a case has: held, row, attempt_id, operation_id, payment_id. */
MUST_USE int repair_case_facts(struct store_tx *tx, struct arena *arena, const char *case_id,
                               struct repair_facts *ret_facts, struct err *err);
/* Once its attempt is known: the class, and the names of a second charge. */
void repair_case_judge(struct repair_facts *facts);

/* One charge, or one refund, may be told of twice: by a callback, which opens a case, and by a
 * statement, which opens a break. 1: the other one that is live; `*ret_id` lives in the arena. */
MUST_USE int repair_break_of_case(struct store_tx *tx, struct arena *arena,
                                  const struct repair_case *held, const char **ret_id,
                                  struct err *err);
MUST_USE int repair_case_of_break(struct store_tx *tx, struct arena *arena,
                                  const struct repair_facts *facts, const char **ret_id,
                                  struct err *err);
/* 1: a repair of the other one is at it or was, so that there is none of this. */
MUST_USE int repair_elsewhere(struct store_tx *tx, struct arena *arena,
                              const struct repair_facts *facts, struct err *err);

/* The job JOB_CASE (payment/repair.h). */
MUST_USE int repair_case_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                             struct err *err);
/* In a write transaction; `ctx`: a struct repair_one. */
MUST_USE int repair_case_ticket_tx(struct store_tx *tx, void *ctx, struct err *err);
/* 1: the break's ticket is left to that of a case about the same money. */
MUST_USE int repair_joined(struct recon *recon, struct store_tx *tx, struct arena *arena,
                           const struct repair_facts *facts, struct err *err);

/* ---- people.c ---- */

MUST_USE int repair_need_reason(const char *reason, struct err *err);

/* ---- plan.c, work.c, tell.c ---- */

struct repair_one {
    struct recon *recon;
    struct arena *arena;
    const char *id; /* of a break or of a case */
};
/* The first rule that is for it, and that a person has enabled as it is, takes it. */
MUST_USE int repair_take_tx(struct store_tx *tx, void *ctx, struct err *err);
/* A repair is at it, or what it did shows in a statement of the next days. */
bool repair_waited_for(const struct repair_row *row);

/* Asks for a plan of this gateway, in a transaction of its own. */
MUST_USE int repair_after_run(struct recon *recon, const char *gateway, struct err *err);
MUST_USE int repair_plan_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                             struct err *err);
MUST_USE int repair_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
/* A ticket for a break or a case that is left to people; `repair` NULL: no rule took it. */
MUST_USE int repair_ticket(struct recon *recon, struct store_tx *tx,
                           const struct repair_facts *facts, const struct repair_row *repair,
                           struct err *err);

MUST_USE int repair_rules_json(struct recon *recon, struct store_tx *tx, struct buf *buf,
                               struct err *err);

#define JOB_REPAIR "repair"
#define JOB_REPAIR_PLAN "repair_plan"

#endif
