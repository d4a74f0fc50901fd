/* SPDX-License-Identifier: Apache-2.0
 * status.h: the public status page (COMM-3, DEG-1): what customers are told of how paying works,
 * as pages, JSON in the form of Statuspage's, feeds, a banner, and by mail and webhook.
 *
 *                 draft (linted)     another person
 *     an update  ---------------->  ----------------> published ---> each subscriber, once
 *                       |
 *                       +--> withdrawn
 *
 *   1. Nothing of an incident or a maintenance is public before another person than its author has
 *      approved it, by the hash over all of it.
 *   2. A component is shown as the worst of: what is measured, what a person set, what open
 *      incidents and maintenances say of it. So a person can make it graver at once, and nobody can
 *      make it better than it is measured or than an open incident has it.
 *   3. "resolved" and "postmortem", and a text that says that trouble is over, take a proof, which
 *      `prove` gives and no caller of the API: when it is drafted and again when it is approved.
 *      An open incident keeps what it said of its components until then.
 *   4. What is not measured is said to be so (evidence), never guessed.
 *   5. One update goes to one subscriber once; mail that was cut short is not sent again by itself,
 *      a webhook is, with the same bytes under the same name.
 *   6. Whether an address is subscribed is told to nobody but those who get its mail.
 * Pages are made once for each change and kept in memory; when the store does not answer, what was
 * made last is shown.
 * Threads: any, many at once. Owns: what it is given at opening is borrowed; answers and pages
 * belong to the caller.
 * Errors:  ERR_CONFIG at opening; ERR_VALIDATION (with the place), ERR_NOT_FOUND, ERR_STATE,
 *          ERR_FORBIDDEN (the same person approves), those of store.h. */
#ifndef HOLDFAST_COMMS_STATUS_H
#define HOLDFAST_COMMS_STATUS_H

#include "comms/lint.h"
#include "comms/status_config.h"
#include "comms/template.h"
#include "gateway/control.h"
#include "mode/mode.h"
#include "payment/payments.h"
#include "store/job.h"
#include "watch/letter.h"

#define JOB_STATUS "status"

enum {
    STATUS_COMPONENTS_MAX = 40,
    STATUS_COMPONENT_CHARS_MAX = 40, /* of an id: a-z, 0-9, '-' and '_' */
    STATUS_TITLE_CHARS_MAX = 200,
    STATUS_BODY_BYTES_MAX = 4000,
    STATUS_UPDATES_MAX = 100,   /* of one incident */
    STATUS_INCIDENTS_MAX = 100, /* on the pages; older ones stay in the store */
    STATUS_LANES = 8,           /* sent side by side: half of them mail, half webhooks */
    STATUS_ADDRESS_CHARS_MAX = 250,
    STATUS_TOKEN_CHARS = 32,
    STATUS_ETAG_CHARS_MAX = 40,
    STATUS_POLICY_CHARS_MAX = 200,
};

enum status_level {
#define X(NAME, number, name, english, chinese) LEVEL_##NAME = (number),
#include "comms/status_levels.def"
#undef X
    LEVELS
};
enum status_impact {
#define X(NAME, number, name, english, chinese, page, page_zh) IMPACT_##NAME = (number),
#include "comms/status_impacts.def"
#undef X
    IMPACTS
};
enum status_kind { STATUS_INCIDENT = 1, STATUS_MAINTENANCE = 2 };
enum status_state {
#define X(NAME, number, name, kind, rank, over, next, english, chinese) STATUS_##NAME = (number),
#include "comms/status_states.def"
#undef X
    STATUS_STATES
};
const char *status_level_name(int64_t level); /* "major_outage"; "?" for none */
MUST_USE bool status_level_parse(const char *name, enum status_level *ret_level);
const char *status_impact_name(int64_t impact);
MUST_USE bool status_impact_parse(const char *name, enum status_impact *ret_impact);
const char *status_state_name(int64_t state);
MUST_USE bool status_state_parse(const char *name, enum status_state *ret_state);

/* Asks the gate whether this incident is over, outside of any transaction. 0: it is, with the
 * proof; else an error that says what is missing. */
typedef int status_prove_fn(void *ctx, const char *incident_id, struct proof *ret_proof,
                            struct err *err);

struct status;
struct status_options {
    struct store *store;
    struct payments *payments; /* for idempotency keys; NULL: nothing is changed (an export) */
    const struct lint *lint;
    const struct status_config *config;
    /* What is measured; NULL: nothing is, and every component says so. */
    const struct gateway_registry *registry;
    bool methods[METHOD_COUNT]; /* without a registry: those in use */
    struct gateway_control *control;
    struct mode *mode;
    const struct seal *seal;      /* of webhooks' secrets; NULL: none can be subscribed */
    const struct channel *email;  /* by which subscribers are written to; NULL: none can be */
    int email_per_second;         /* of each lane; 0: as many as come */
    struct channel_clients clients;
    int utc_offset_minutes;       /* by which times in texts are written */
    status_prove_fn *prove;       /* NULL: nothing is ever over */
    void *prove_ctx;
    void (*wake)(void *ctx); /* the runner, after jobs were added; NULL: it looks by itself */
    void *wake_ctx;
};
MUST_USE int status_open(const struct status_options *options, struct status **ret_status,
                         struct err *err);
/* When the runner that has its job kind was stopped. */
void status_close(struct status *status); /* NULL is fine */
struct job_kind status_job(struct status *status);
/* The gate, when its floor is there; before anything runs. */
void status_prove_by(struct status *status, status_prove_fn *prove, void *ctx);

/* ---- acts of people, audited; by the caller's idempotency key ---- */

struct status_touch {
    const char *component;
    enum status_level level;
};
struct status_draft { /* borrowed */
    enum status_kind kind;
    const char *id;           /* of what there is; NULL: a new one, with titles */
    const char *title[LANGUAGES];
    const char *body[LANGUAGES]; /* with {fields} that are times or spans */
    enum status_state state;
    int64_t impact; /* 0: as it is; of a new incident minor */
    const struct status_touch *touches; /* components and how they are; what is absent stays */
    int touch_count;
    const char *incident_id;        /* the internal one; "": none */
    const char *fields[FIELDS];     /* times and spans as given (field_show()); NULL: not */
    int64_t from_us, until_us;      /* of a maintenance; 0: as they are */
    const char *reason;
};
/* 201: the update, a draft. What the linter finds refuses it whole, ERR_VALIDATION at /body/en. */
MUST_USE int status_draft(struct status *status, const struct caller *caller,
                          const struct status_draft *draft, struct answer *ret_answer,
                          struct err *err);
/* `hash`: what the approver has looked at. It is public when this returns. */
MUST_USE int status_approve(struct status *status, const struct caller *caller,
                            const char *update_id, const char *hash, const char *reason,
                            struct answer *ret_answer, struct err *err);
MUST_USE int status_withdraw(struct status *status, const struct caller *caller,
                             const char *update_id, const char *reason, struct answer *ret_answer,
                             struct err *err);
/* level 0: what was set is taken back. */
MUST_USE int status_set(struct status *status, const struct caller *caller, const char *component,
                        int64_t level, const char *reason, struct answer *ret_answer,
                        struct err *err);

/* ---- looked at, by people of the house ---- */

/* Components with what is measured of them, open incidents, drafts that wait. */
MUST_USE int status_get(struct status *status, struct answer *ret_answer, struct err *err);
/* The newest first, drafts among them; kind 0: both. */
MUST_USE int status_list(struct status *status, int64_t kind, int limit, struct answer *ret_answer,
                         struct err *err);
/* One with its updates. */
MUST_USE int status_get_one(struct status *status, const char *id, struct answer *ret_answer,
                            struct err *err);
/* How many there are, and the newest, their addresses half hidden. */
MUST_USE int status_subscribers(struct status *status, int limit, struct answer *ret_answer,
                                struct err *err);

/* What customers are shown of these methods at this moment, for the gate before "resolved":
 * whether the page still says that something is wrong. `methods` by their numbers, none set: all.
 * Inside the caller's transaction, which may only read. */
struct status_shown {
    enum status_level level; /* the worst of the components that stand for one of them */
    char component[STATUS_COMPONENT_CHARS_MAX + 1]; /* which that is; "" when there is none */
    bool set_by_hand;        /* a person has it so; `holdfast statuspage component` takes it back */
    int open_incidents;      /* public ones, not resolved, of those components or of none */
    char incident[ID_TEXT_MAX]; /* one that tells of no internal one, else the first; "" */
    char incident_of[ID_TEXT_MAX]; /* the internal one it tells of; "" */
};
MUST_USE int status_shown(struct store_tx *tx, struct status *status,
                          const bool methods[METHOD_COUNT], struct status_shown *ret_shown,
                          struct err *err);

/* ---- pages ---- */

struct status_page {
    char *bytes; /* owned: status_page_release() */
    size_t count;
    const char *type; /* static */
    char etag[STATUS_ETAG_CHARS_MAX + 1];
    char policy[STATUS_POLICY_CHARS_MAX + 1]; /* Content-Security-Policy; "" */
};
void status_page_release(struct status_page *page);
/* `path` as files have it: "index.html", "history.html", "incidents/ID.html", "history.rss",
 * "api/v2/summary.json", "banner.js", … ERR_NOT_FOUND; ERR_STORE… when nothing was ever made. */
MUST_USE int status_page_get(struct status *status, enum language language, const char *path,
                             struct status_page *ret_page, struct err *err);
/* {"object", "files": [{"path", "text"}]}: the same for who writes the files elsewhere. */
MUST_USE int status_bundle(struct status *status, struct answer *ret_answer, struct err *err);
/* All of it as plain files with relative links, English at the folder's root, Chinese under zh/.
 * Each file is whole at any moment; one that is there is replaced. ERR_IO. */
MUST_USE int status_export(struct status *status, const char *folder, int *ret_files,
                           struct err *err);

/* ---- subscriptions: asked for by anybody ---- */

struct status_subscription { /* borrowed */
    const char *email, *webhook; /* one of them; "" */
    enum language language;
    const char *from; /* where he came from; "" when that is not known */
};
/* 0 whether it is subscribed, was so or never will be. ERR_VALIDATION; ERR_RATE_LIMITED: this
 * `from` asks too often. */
MUST_USE int status_subscribe(struct status *status, const struct status_subscription *what,
                              struct err *err);
struct status_subscriber {
    bool confirmed;
    enum language language;
    char address[STATUS_ADDRESS_CHARS_MAX + 1];
};
/* By the token that was sent to him. ERR_NOT_FOUND. */
MUST_USE int status_subscriber_look(struct status *status, const char *token,
                                    struct status_subscriber *ret_subscriber, struct err *err);
MUST_USE int status_subscriber_confirm(struct status *status, const char *token, struct err *err);
MUST_USE int status_subscriber_end(struct status *status, const char *token, struct err *err);
/* What there is to be subscribed by. */
bool status_takes_email(const struct status *status);
bool status_takes_webhook(const struct status *status);
/* The page that answers a subscription: what happened, and what can be done with this token. */
enum status_said {
    SAID_ASKED,      /* look into your mail */
    SAID_LOOK,       /* confirm or end it */
    SAID_CONFIRMED,
    SAID_ENDED,
    SAID_UNKNOWN,    /* no such link */
};
void status_said_html(const struct status *status, enum language language, enum status_said said,
                      const struct status_subscriber *subscriber, const char *token,
                      struct status_page *ret_page);

#endif
