/* SPDX-License-Identifier: Apache-2.0
 * incident_impl.h: what the files of incidents share; nobody else includes it, but for the
 * simulator's oracle.
 *   incident_names.c     the tables as names
 *   incident_moves.c     from one state to the next, milestones
 *   incident_rows.c      rows, seals, how they are told
 *   incident_log.c       the chain: appending, verifying, pages
 *   incident.c           opened, closed; incidents are opened by hand
 *   incident_act.c       what people do
 *   incident_resolve.c   the only way into resolved
 *   incident_list.c      what people look at
 *   incident_settings.c  what the configuration means
 *   incident_clock.c     what is due when, and who is nagged
 *   incident_alerts.c    alerts that belong to an incident
 *   incident_measure.c   how grave it is, measured
 *   incident_job.c       what runs by itself */
#ifndef HOLDFAST_INCIDENT_INCIDENT_IMPL_H
#define HOLDFAST_INCIDENT_INCIDENT_IMPL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "incident/incident.h"
#include "store/job.h"

#define JOB_INCIDENTS "incidents"
#define INCIDENT_JOB_LOOK "look"
#define INCIDENT_JOB_TIMER "t:"
#define INCIDENT_SYSTEM "system"
/* Of incident_states.def: `live`. Written out, as SQL is one text. */
#define INCIDENT_IS_LIVE "state < 6"

enum { INCIDENT_JSON_BYTES_MAX = 2 * 1024 * 1024, INCIDENT_UNMEASURED = -1 };

enum incident_verb { /* moves by their names */
    VERB_NONE,
    VERB_ACKNOWLEDGE,
    VERB_CONTAIN,
    VERB_MITIGATE,
    VERB_RECONCILE,
    VERB_RESOLVE,
    VERB_CLOSE,
    VERB_RELAPSE,
    VERB_CANCEL,
};

/* ---- incident_settings.c ---- */

enum { INCIDENT_OPENERS_MAX = 32, INCIDENT_LIST_MAX = 32 };
struct incident_cadence { /* 0: never */
    int64_t ack_us, first_us, every_us;
};
struct incident_opener {
    const char *rules[INCIDENT_LIST_MAX]; /* none: any */
    int rule_count;
    unsigned severities; /* bits; 0: P0 and P1 */
    int64_t after_us;    /* it has fired for so long */
    int64_t occurrences; /* so many alerts of the same thing, this one counted, … */
    int64_t within_us;   /* … within so long */
};
struct incident_settings {
    struct incident_cadence cadence[NOTICE_SEVERITIES];
    int64_t nag_us; /* from one step of a nag to the next */
    struct incident_opener openers[INCIDENT_OPENERS_MAX];
    int opener_count; /* 0: nothing opens one by itself */
    const char *rotas[INCIDENT_ROLES][2]; /* who has the role, and his deputy; NULL: nobody */
};
MUST_USE int incident_settings_read(const struct incident_config *config,
                                    const struct alert_config *alert_config,
                                    struct incident_settings *ret_settings, struct err *err);

struct incidents {
    struct incidents_options options;
    struct incident_settings settings;
};

/* ---- incident_names.c ---- */

const char *incident_verb_name(enum incident_verb verb);
MUST_USE bool incident_verb_parse(const char *name, enum incident_verb *ret_verb);
bool incident_role_signs(enum incident_role role);
const char *incident_actor_kind_name(int64_t kind);

/* ---- incident_rows.c ---- */

struct incident_row { /* texts live in an arena, or are literals; never NULL */
    struct incident_id id;
    int64_t version, number;
    const char *title;
    int64_t severity, proposed; /* INCIDENT_UNMEASURED: nothing was */
    const char *reasons;        /* a JSON array */
    int64_t state, cause;
    const char *cause_why;
    struct incident_scope scope;
    int64_t at_us[MILESTONES];
    const char *holders[INCIDENT_ROLES][2]; /* of a role, and his deputy */
    const char *follows;
    bool drill;
    int64_t round;
    const char *opened_by;
    int64_t told_us, told_count, ack_nags, update_nags, updated_us;
};
struct incident_signed { /* of the present round */
    const char *person, *name;
    int64_t at_us, version;
};
struct incident_signatures {
    struct incident_signed rows[INCIDENT_ROLES]; /* at_us 0: it is not there */
};
/* ERR_NOT_FOUND. */
MUST_USE int incident_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                           struct incident_row *ret_row, struct err *err);
#define INCIDENT_COLUMNS                                                                           \
    "id, version, number, title, severity, proposed, reasons, state, cause, cause_why, scope, "    \
    "impact_start_us, detected_us, acknowledged_us, contained_us, mitigated_us, reconciled_us, "   \
    "resolved_us, done_us, commander, commander_deputy, lead, lead_deputy, comms, comms_deputy, "  \
    "recon, recon_deputy, follows, drill, round, opened_by, told_us, told_count, ack_nags, "       \
    "update_nags, updated_us"
MUST_USE int incident_take(struct sql_rows *rows, struct arena *arena, struct incident_row *ret_row,
                           struct err *err);
MUST_USE int incident_insert(struct store_tx *tx, struct incident_row *row, struct err *err);
/* The only way in which an incident changes: the next version, the row, the entry with the row's
 * seal, and the job of its timers. */
MUST_USE int incident_write(struct incidents *incidents, struct store_tx *tx,
                            struct incident_row *row, const struct incident_entry *entry,
                            struct err *err);
/* What only the timers go by: told and nagged; no entry. */
MUST_USE int incident_save_clock(struct store_tx *tx, const struct incident_row *row,
                                 struct err *err);
MUST_USE int incident_signatures(struct store_tx *tx, struct arena *arena,
                                 const struct incident_row *row,
                                 struct incident_signatures *ret_signatures, struct err *err);
MUST_USE int incident_seal(struct store_tx *tx, const struct incident_row *row,
                           char ret_seal[SHA256_HEX_CHARS + 1], struct err *err);
/* Without alerts and signatures; left open (no closing brace) for more. */
void incident_render_open(const struct incidents *incidents, struct buf *buf,
                          const struct incident_row *row);
MUST_USE int incident_render_more(struct store_tx *tx, struct arena *arena, struct buf *buf,
                                  const struct incident_row *row, struct err *err);
MUST_USE int incident_answer(const struct incidents *incidents, struct store_tx *tx,
                             struct arena *arena, const struct incident_row *row, int status,
                             struct answer *ret_answer, struct err *err);

/* ---- incident_moves.c ---- */

/* Where it leads; INCIDENT_NONE: the table does not have it. */
enum incident_state incident_after(int64_t state, enum incident_verb verb,
                                   enum incident_milestone *ret_milestone);
/* Made by incident_resolve() alone, of a gate's word. */
struct incident_proof;
/* Sets state and milestones. `at_us` 0: now. ERR_STATE with who brought it where it is,
 * ERR_VALIDATION with the place. */
MUST_USE int incident_go(struct store_tx *tx, struct incident_row *row, enum incident_verb verb,
                         int64_t at_us, const struct incident_proof *proof, struct err *err);
/* Signatures of before count no more. */
void incident_void(struct incident_row *row);

/* ---- incident_log.c ---- */

MUST_USE int incident_log_begin(struct store_tx *tx, const char *incident_id, struct err *err);
MUST_USE int incident_log_sealed(struct store_tx *tx, const char *incident_id,
                                 const struct incident_entry *entry, const char *seal,
                                 struct err *err);

/* ---- incident_act.c ---- */

struct incident_person { /* texts in the arena; "": nobody of that name */
    const char *person;  /* "user:usr_…" */
    const char *name;
};
/* 1; 0: no name stands behind this actor. */
MUST_USE int incident_person(struct store_tx *tx, struct arena *arena, const char *actor,
                             struct incident_person *ret_person, struct err *err);
/* The name of an enabled user who may work here: "me" (the actor), a user's name or id.
 * ERR_VALIDATION at `place`: there is none. */
MUST_USE int incident_user(struct store_tx *tx, struct arena *arena, const char *actor,
                           const char *user, const char *place, const char **ret_name,
                           struct err *err);
bool incident_holds(const struct incident_row *row, enum incident_role role, const char *name);
bool incident_scope_smaller(const struct incident_scope *before, const struct incident_scope *now);

/* ---- incident.c ---- */

/* Opened by anybody, also by the machine: row, log, links. `row` has title, severity, scope, times,
 * cause; the rest is filled in here. */
MUST_USE int incident_begin(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                            struct incident_row *row, const char *actor, const char *text,
                            const char *evidence, struct err *err);

/* ---- incident_clock.c ---- */

enum incident_due { DUE_ACK, DUE_PUBLIC, DUE_UPDATE };
const char *incident_due_name(enum incident_due due);
/* 0: none is due any more. */
int64_t incident_ack_due_us(const struct incident_settings *settings,
                            const struct incident_row *row);
int64_t incident_update_due_us(const struct incident_settings *settings,
                               const struct incident_row *row, enum incident_due *ret_due);
/* ,"next_update":{…}|null,"acknowledge_by":…|null */
void incident_render_clock(const struct incidents *incidents, struct buf *buf,
                           const struct incident_row *row);
/* After each change: the job waits for what is due next, or is gone; nags that have been heeded
 * are over. */
MUST_USE int incident_schedule(struct incidents *incidents, struct store_tx *tx,
                               struct incident_row *row, struct err *err);
MUST_USE int incident_timer(struct incidents *incidents, const char *id, int64_t *ret_next_us,
                            struct err *err);

/* ---- incident_alerts.c ---- */

/* Links it; the scope of the row becomes larger by its labels. ERR_NOT_FOUND, ERR_STATE. The text
 * that the log gets, in the arena. */
MUST_USE int incident_take_alert(struct store_tx *tx, struct arena *arena, struct incident_row *row,
                                 const char *alert_id, const char *actor, const char **ret_text,
                                 struct err *err);
/* What an alert with these labels is about. */
void incident_scope_of(struct arena *arena, const char *labels_text,
                       struct incident_scope *ret_scope);
/* True: it is larger now. */
bool incident_scope_enlarge(struct incident_scope *scope, const struct incident_scope *by);
MUST_USE int incident_render_alerts(struct store_tx *tx, struct buf *buf,
                                    const struct incident_row *row, struct err *err);

/* ---- incident_measure.c ---- */

struct incident_figures { /* of the scope, since it began but at most a quarter of an hour */
    int64_t finished;                     /* its payments that are */
    int64_t success_permille;             /* of these; few: 1000 */
    int64_t share_permille;               /* of all payments, those that failed in it */
    int64_t methods_down;                 /* of which next to nothing succeeds */
    int64_t double_charges, wrong_states; /* open ones, since it began */
    int64_t at_risk;                      /* usual payments a minute, by its alerts */
};
MUST_USE int incident_measure(struct store_tx *tx, const struct incident_row *row,
                              struct incident_figures *ret_figures, struct err *err);
/* The gravest rule that holds (INCIDENT_UNMEASURED: none does), and why, as a JSON array. */
int64_t incident_propose(const struct incident_figures *figures, struct buf *reasons);

/* ---- incident_job.c ---- */

/* One round of `look`. */
MUST_USE int incident_look(struct incidents *incidents, struct err *err);

struct job_kind incidents_job(struct incidents *incidents);

#endif
