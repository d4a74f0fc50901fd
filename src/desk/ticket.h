/* SPDX-License-Identifier: Apache-2.0
 * ticket.h: work that only a person can do (TICKET-1, TICKET-2): one ticket for each thing that
 * needs one, whose it is, until when, and what was done.
 *
 * A ticket is known by its subject, a kind and an id ("break", "brk_…"): there is one for each
 * subject, ever. Opening it again while it is open changes nothing but what it tells; when it was
 * closed it is reopened, with all of its history. Who opens it says what it is about; whose it is
 * comes from the rules of the configuration, until when from its risk (priority).
 *
 * Each change is one entry of the history, numbered by the ticket's version, never changed and
 * never removed, and an audit entry when a person made it. A change is made under the row's lock:
 * of two people at once one has done it and the other is told who.
 *
 * Money moved by hand: see ticket_resolve(). Escalation is a job (ticket_job.c): each step is taken
 * once for each time that the ticket was opened or reopened.
 *
 * Threads: any, many at once. Owns: answers belong to the caller: answer_release().
 * Errors: what errors.def says; nothing has been changed when one is returned. */
#ifndef HOLDFAST_DESK_TICKET_H
#define HOLDFAST_DESK_TICKET_H

#include "base/sheet.h"
#include "desk/desk.h"

enum ticket_state {
    TICKET_NONE = 0,
#define X(name, number, text, live, meaning) TICKET_##name = (number),
#include "desk/ticket_states.def"
#undef X
    TICKET_STATE_COUNT
};
/* The numbers of a break's risk (match/match.h). */
enum ticket_risk {
    TICKET_RISK_LOW = 1,
    TICKET_RISK_MEDIUM,
    TICKET_RISK_HIGH,
    TICKET_RISK_CRITICAL,
};
const char *ticket_state_name(int64_t state); /* "?" for a number that no row has */
const char *ticket_risk_name(int64_t risk);

enum {
    TICKET_KIND_CHARS_MAX = 24,
    TICKET_SUBJECT_CHARS_MAX = 80,
    TICKET_CLASS_CHARS_MAX = 40,
    TICKET_TITLE_CHARS_MAX = 200,
    TICKET_SUGGESTION_CHARS_MAX = 500,
    TICKET_FACTS_BYTES_MAX = 16 * 1024,
    TICKET_COMMENT_CHARS_MAX = 4000,
    TICKET_BULK_MAX = 200,
    TICKET_CAN_WORK = 2, /* the least role of a user who can have tickets: ROLE_SUPPORT */
};

/* Between payments_open() and payments_start(), once for a desk: its job is run by the payments'
 * runner. `config` (the section `tickets:`) is borrowed for the desk's life; zeroed: no teams, the
 * defaults. `registry`: rules that name gateways are checked against it; NULL: they are not.
 * ERR_CONFIG with the place of what is wrong. Before this no function below may be called. */
struct ticket_config;
MUST_USE int tickets_open(struct desk *desk, const struct ticket_config *config,
                          const struct gateway_registry *registry, struct err *err);

/* The same checks before anything is opened. */
MUST_USE int tickets_check(const struct ticket_config *config,
                           const struct gateway_registry *registry, struct err *err);

/* What follows, in the same transaction, when a person has resolved or closed a ticket of a kind.
 * `ret_line`: what its history says of that; "" (as it is given): nothing. Never of a ticket that
 * ticket_close_for() closes. `kind` and `ctx` are borrowed for the desk's life; who is told of a
 * kind again is told instead. After tickets_open(). */
enum { TICKET_LINE_CHARS_MAX = 200 };
typedef int ticket_over_fn(void *ctx, struct store_tx *tx, const char *subject, const char *gateway,
                           char ret_line[TICKET_LINE_CHARS_MAX + 1], struct err *err);
void tickets_follow(struct desk *desk, const char *kind, ticket_over_fn *over, void *ctx);

/* ---- for who notices that a person is needed: inside his transaction ---- */

struct ticket_subject { /* borrowed */
    const char *kind;   /* "break", "case", "manual", …: TICKET_KIND_CHARS_MAX */
    const char *id;     /* TICKET_SUBJECT_CHARS_MAX */
};
struct ticket_note { /* borrowed; NULL text counts as "" */
    struct ticket_subject subject;
    const char *title;
    const char *class; /* a name of match/match_classes.def, or any other: ticket_classes.def */
    enum ticket_risk risk;
    int64_t amount_minor;     /* what it is about, as an amount without a sign; 0: no money */
    struct currency currency; /* zeroed: no money */
    const char *gateway, *payment_id;
    const char *suggestion; /* what to do; NULL: that of its class */
    const char *facts_json; /* an object; NULL: {}. Shown as it is: no secrets */
    const char *actor;      /* who noticed it, "system" or "user:…", for the history */
    bool again;             /* it is news although somebody has resolved it */
};
/* 1: it was opened or reopened; 0: it was open (title, facts, risk and amount are the new ones; a
 * risk that rose gives it the nearer end), or somebody has resolved it and it is not `again`.
 * `ret_id` may be NULL. */
MUST_USE int ticket_open(struct desk *desk, struct store_tx *tx, const struct ticket_note *note,
                         struct ticket_id *ret_id, struct err *err);
/* What it was about is gone (a break has healed): closes it, and whatever waits for a second
 * person's word is taken back. 1: closed; 0: there is none that is open or resolved. `actor`:
 * "system" or who did it. */
MUST_USE int ticket_close_for(struct desk *desk, struct store_tx *tx,
                              const struct ticket_subject *subject, const char *actor,
                              const char *why, struct err *err);
/* A line in the history of the subject's ticket ("rule paid-there tried a confirmation: …"). 1, or
 * 0: there is none. */
MUST_USE int ticket_tell(struct desk *desk, struct store_tx *tx,
                         const struct ticket_subject *subject, const char *actor, const char *text,
                         struct err *err);

/* ---- what a person does: one transaction each, with the caller's Idempotency-Key ---- */

/* One opened by hand: kind "manual", its subject is its own id. 201. */
MUST_USE int ticket_create(struct desk *desk, const struct caller *caller,
                           const struct ticket_note *note, struct answer *ret_answer,
                           struct err *err);

struct ticket_to {    /* borrowed; both "" is an error. */
    const char *user; /* "me", a user's name or id */
    const char *team; /* "" with a user: his team (the present one if he is in it) */
};
/* Gives one that nobody has. ERR_STATE: somebody has it, and who. */
MUST_USE int ticket_assign(struct desk *desk, const struct caller *caller, const char *id,
                           const struct ticket_to *to, const char *reason,
                           struct answer *ret_answer, struct err *err);
/* From whoever has it to another one, with a reason. */
MUST_USE int ticket_transfer(struct desk *desk, const struct caller *caller, const char *id,
                             const struct ticket_to *to, const char *reason,
                             struct answer *ret_answer, struct err *err);
MUST_USE int ticket_comment(struct desk *desk, const struct caller *caller, const char *id,
                            const char *text, struct answer *ret_answer, struct err *err);
/* "start", "wait", "close", "reopen": moves of ticket_moves.def that need no more than a reason
 * (start: none). ERR_STATE: the table does not have it from here. */
MUST_USE int ticket_move(struct desk *desk, const struct caller *caller, const char *id,
                         const char *move, const char *reason, struct answer *ret_answer,
                         struct err *err);

struct ticket_resolution { /* borrowed */
    const char *how;       /* a name of ticket_resolutions.def */
    const char *reason;
    bool may_alone; /* his role decides about money: below the limit nobody else is asked */
    /* What was moved, when `how` moves money by hand; amount 0: what the ticket is about. */
    int64_t amount_minor;
    struct currency currency;
};
/* Where `how` moves money and it is above the limit of its currency (what the ticket is about and
 * what was moved for it before count as well; a currency without a limit has 0), the ticket waits
 * for the word of another person (ticket_decide()), and is neither resolved nor closed until then.
 * 200 resolved, 202 waits. ERR_FORBIDDEN: nobody of that name asks. */
MUST_USE int ticket_resolve(struct desk *desk, const struct caller *caller, const char *id,
                            const struct ticket_resolution *resolution, struct answer *ret_answer,
                            struct err *err);
/* Of another person than who asked, whatever key is used. Rejected: it is in progress again. */
MUST_USE int ticket_decide(struct desk *desk, const struct caller *caller, const char *id,
                           bool approve, const char *reason, struct answer *ret_answer,
                           struct err *err);

/* ---- looking ---- */

struct ticket_filter { /* borrowed; NULL, "" or 0: any */
    const char *queue; /* "mine", "team" (my teams'), "unassigned", "overdue" */
    const char *state; /* a name; "live" (the default) all that is still to do; "all" */
    const char *assignee /* a name or id */, *team, *class, *gateway, *payment_id, *kind;
    const char *risk; /* at least */
    const char *text; /* in title, subject, payment, suggestion; case does not matter */
    const char *currency;
    int64_t since_us, until_us; /* opened from then on, and before then; wall */
    bool overdue;
    const char *cursor;
    int limit; /* 1..PAGE_MAX, 0: 20 */
};
/* What must be done first comes first: {"data":[…],"next_cursor":"…"|null,"total":n}. */
MUST_USE int ticket_list(struct desk *desk, const struct caller *caller,
                         const struct ticket_filter *filter, struct answer *ret_answer,
                         struct err *err);
/* With facts, history, approvals and the address of its SOP. */
MUST_USE int ticket_get(struct desk *desk, const char *id, struct answer *ret_answer,
                        struct err *err);
/* The same rows as ticket_list(), without a page's end, as a file with a total for each currency
 * into `buf`. */
MUST_USE int ticket_export(struct desk *desk, const struct caller *caller,
                           const struct ticket_filter *filter, enum sheet_format format,
                           struct buf *buf, struct err *err);

/* The teams of the configuration, with their members: who works on tickets, and how many each has.
 */
MUST_USE int ticket_teams(struct desk *desk, struct answer *ret_answer, struct err *err);

/* ---- many at once: all of them, or none ---- */

struct ticket_bulk {    /* borrowed */
    const char *action; /* "assign", "transfer", "close" */
    const char *const *ids;
    int id_count;
    const struct ticket_filter *filter; /* instead of ids; NULL: none */
    int64_t expected;                   /* with a filter: ERR_STATE when it finds another number */
    struct ticket_to to;
    const char *reason;
};
MUST_USE int ticket_bulk(struct desk *desk, const struct caller *caller,
                         const struct ticket_bulk *bulk, struct answer *ret_answer,
                         struct err *err);

#endif
