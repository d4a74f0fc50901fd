/* SPDX-License-Identifier: Apache-2.0
 * status_impl.h: what the parts of status.h share; nobody else includes it.
 *   status.c             opening, names, the job
 *   status_components.c  the configured components, and what is measured of them
 *   status_rows.c        incidents, updates and what people set, read
 *   status_draft.c       a draft is checked whole, judged by the linter, and waits
 *   status_act.c         approved, withdrawn; components set by hand
 *   status_look.c        what people of the house look at
 *   status_html.c, status_json.c, status_feed.c   one page each, as bytes
 *   status_pages.c       all pages in memory, and as files
 *   status_subscribe.c   who wants to be told
 *   status_send.c        telling them */
#ifndef HOLDFAST_COMMS_STATUS_IMPL_H
#define HOLDFAST_COMMS_STATUS_IMPL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/task.h"
#include "comms/message.h"
#include "comms/status.h"
#include "store/store.h"

enum {
    STATUS_JSON_BYTES_MAX = 4 * 1024 * 1024,
    STATUS_SHOWN_BYTES_MAX = 2 * 1024 * 1024,  /* of all texts on the pages, before escaping */
    STATUS_PAGE_BYTES_MAX = 16 * 1024 * 1024,
    STATUS_BUNDLE_BYTES_MAX = 60 * 1024 * 1024,
    STATUS_TEXT_BYTES_MAX = 512,
    STATUS_TOUCHES_CHARS_MAX = STATUS_COMPONENTS_MAX * (STATUS_COMPONENT_CHARS_MAX + 6),
};
enum status_watch { WATCH_NOTHING, WATCH_PAYMENTS, WATCH_REFUNDS };
enum status_stage { STAGE_DRAFT = 1, STAGE_PUBLISHED = 2, STAGE_WITHDRAWN = 3 };

/* ---- components ---- */

struct status_component {
    char id[STATUS_COMPONENT_CHARS_MAX + 1];
    char *name[LANGUAGES];
    enum status_watch watch;
    bool methods[METHOD_COUNT];
    bool gateways[GATEWAYS_MAX]; /* by registry index */
};
struct status_measured {
    bool known; /* somebody has paid by it lately, or it is certainly off */
    enum status_level level;
    char why[STATUS_TEXT_BYTES_MAX]; /* for people of the house */
};
struct status_kept; /* the pages in memory: status_pages.c */
struct status {
    struct status_options options;
    char *name[LANGUAGES], *url; /* "" where none is known; without a slash at its end */
    struct status_component components[STATUS_COMPONENTS_MAX];
    int component_count;
    struct status_kept *kept;
};
MUST_USE int status_components_read(struct status *status, struct err *err);
int status_component_find(const struct status *status, const char *id); /* -1: there is none */
void status_measure(const struct status *status,
                    struct status_measured ret_measured[STATUS_COMPONENTS_MAX]);

/* "card:5,refunds:3"; in an update "card:1>5". Components that are no longer configured are passed
 * over. */
struct status_touched {
    signed char was[STATUS_COMPONENTS_MAX], level[STATUS_COMPONENTS_MAX]; /* 0: not touched */
};
void status_touched_read(const struct status *status, const char *text,
                         struct status_touched *ret_touched);
void status_touched_write(const struct status *status, const struct status_touched *touched,
                          bool changes, char ret_text[STATUS_TOUCHES_CHARS_MAX]);

/* ---- rows; texts are the arena's ---- */

struct status_update_row {
    const char *id, *incident, *body[LANGUAGES], *hash, *reason, *author, *approval_id;
    int64_t number, stage, state, impact, next_us, created_us, published_us;
    struct status_touched touched;
};
struct status_row {
    const char *id, *incident_id, *title[LANGUAGES], *proof;
    int64_t kind, impact, state, from_us, until_us, created_us, updated_us, published_us,
        monitoring_us, resolved_us, proof_us;
    struct status_touched touched;
    struct status_update_row *updates; /* published ones, the newest first; drafts where asked */
    int update_count;
};
struct status_row_of { /* one component */
    struct status_measured measured;
    int64_t set_level, set_us; /* 0: not set */
    const char *set_reason, *set_actor;
    enum status_level said; /* by open incidents and maintenances */
    enum status_level level;
};
/* Everything that the page shows, as of one moment. */
struct status_look {
    struct arena *arena;
    int64_t now_us, version;
    struct status_row_of components[STATUS_COMPONENTS_MAX];
    struct status_row *rows; /* published, the newest first */
    int count;
    enum status_impact indicator;
    int64_t updated_us;
};
MUST_USE int status_look_tx(const struct status *status, struct store_tx *tx, struct arena *arena,
                            struct status_look *ret_look, struct err *err);
MUST_USE int status_version(struct store_tx *tx, int64_t *ret_version, struct err *err);
MUST_USE int status_bump(struct store_tx *tx, struct err *err);
/* ERR_NOT_FOUND. Without updates. */
MUST_USE int status_load(const struct status *status, struct store_tx *tx, struct arena *arena,
                         const char *id, bool lock, struct status_row *ret_row, struct err *err);
/* Its updates, the newest first; `drafts`: those too. */
MUST_USE int status_load_updates(const struct status *status, struct store_tx *tx,
                                 struct arena *arena, bool drafts, struct status_row *row,
                                 struct err *err);
MUST_USE int status_load_update(const struct status *status, struct store_tx *tx,
                                struct arena *arena, const char *id, bool lock,
                                struct status_update_row *ret_row, struct err *err);

struct status_state_row {
    const char *name, *text[LANGUAGES];
    enum status_kind kind;
    int rank;
    bool over, next;
};
const struct status_state_row *status_state_row(int64_t state);
const char *status_level_text(int64_t level, enum language language);
const char *status_impact_text(int64_t impact, enum language language);
const char *status_impact_page_text(int64_t impact, enum language language);
/* What it is shown as: a maintenance whose time has come is in progress. */
enum status_state status_state_shown(const struct status_row *row, int64_t now_us);
bool status_is_open(const struct status_row *row);

/* Asks the gate. ERR_STATE: it has not passed, or cannot be asked. Outside of transactions. */
MUST_USE int status_prove(const struct status *status, const char *incident_id,
                          struct proof *ret_proof, struct err *err);
void status_touches_json(const struct status *status, const struct status_touched *touched,
                         struct buf *buf);
void status_update_json(const struct status *status, const struct status_update_row *update,
                        struct buf *buf);

/* ---- writing pages ---- */

enum status_word {
#define X(NAME, english, chinese) W_##NAME,
#include "comms/status_words.def"
#undef X
    STATUS_WORDS
};
const char *status_word(enum status_word word, enum language language);

struct status_out {
    const struct status *status;
    const struct status_look *look;
    enum language language;
    bool files;     /* for an export: links are relative */
    int depth;      /* of the page in it: "incidents/ID.html" 1 */
    struct buf *buf;
};
void status_escape(struct buf *buf, const char *text); /* for HTML and XML */
/* Where a page of ours is found from this one: "incidents/ID.html" and the like. */
void status_href(const struct status_out *out, enum language language, const char *path);
/* The same from anywhere; where no address is configured from the root of the service, or of the
 * files. */
void status_address(const struct status *status, bool files, enum language language,
                    const char *path, struct buf *buf);
void status_html_index(const struct status_out *out);
void status_html_history(const struct status_out *out);
void status_html_incident(const struct status_out *out, const struct status_row *row);
/* Content-Security-Policy of every HTML page of ours. */
void status_style_policy(char ret_policy[STATUS_POLICY_CHARS_MAX + 1]);
/* One of api/v2/NAME.json; false: there is none of that name. */
extern const char *const status_json_names[];
void status_json(const struct status_out *out, const char *name);
void status_banner_json(const struct status_out *out);
void status_banner_script(const struct status_out *out);
void status_rss(const struct status_out *out);
void status_atom(const struct status_out *out);

MUST_USE int status_pages_open(struct status *status, struct err *err);
void status_pages_close(struct status *status);

/* ---- telling ---- */

/* Rows for all who are subscribed, and the jobs. */
MUST_USE int status_tell(struct store_tx *tx, const char *update_id, struct err *err);
/* The row that asks one to confirm, and its job. */
MUST_USE int status_ask(struct store_tx *tx, const char *subscriber_id, int lane, struct err *err);
MUST_USE int status_run_lane(struct status *status, int lane, int64_t *ret_again_us,
                             struct err *err);

#endif
