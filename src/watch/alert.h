/* SPDX-License-Identifier: Apache-2.0
 * alert.h: from what detectors see to who is told of it (WATCH-5, WATCH-6): one alert for one
 * thing, however many see it, and no more messages than it needs.
 *
 * Whoever evaluates something says each time how it is: alert_signal(). A rule and the labels make
 * the fingerprint; of a fingerprint there is at most one live alert in the whole database.
 *
 *              seen          seen for `for`            a person
 *   (nothing) ------> pending ------------> firing ----------------> acknowledged
 *        ^               |                   |   ^                     |   |
 *        +---not seen----+                   |   +---- it is graver ---+   |
 *                                            +------ not seen for `keep` --+---> resolved
 *
 *   pending       nobody is told. With `for` 0 it is firing at once; not seen any more: forgotten
 *   firing        its group tells of it (alert_group.c), and it climbs its escalation
 *   acknowledged  somebody looks at it: no more steps, no repeats. It ends when the alert does:
 *                 when the same thing comes again it is another alert, and wakes people again. So
 *                 does one that becomes graver
 *   resolved      who was told that it fires is told that it is over, silenced or not
 *
 * What is seen is kept for each source (each instance that sees only its own part): an alert is
 * over when no source sees it any more. A source's word counts for ALERT_WORD_US; who goes on
 * seeing something repeats it, which costs nothing while nothing has changed.
 *
 * Muted, but kept and listed: while a silence has it, or an alert that explains it is live
 * (inhibition), or none of its routes is within its hours. It is told when that ends.
 * All of this is rows and jobs: a restart, or another instance, goes on where it was.
 *
 * Threads: any, many at once; calls block on the store.
 * Owns:    nothing of the caller's; options are borrowed until alerts_close().
 * Errors:  ERR_VALIDATION (with the field as the place), ERR_NOT_FOUND, ERR_STATE, those of
 *          store.h.
 * Limits:  those below. When ALERTS_LIVE_MAX (or of one rule ALERTS_OF_RULE_MAX) are live, another
 *          one is left out and counted: the rule AlertsLeftOut says so. */
#ifndef HOLDFAST_WATCH_ALERT_H
#define HOLDFAST_WATCH_ALERT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "store/job.h"
#include "watch/alert_config.h"
#include "watch/delivery.h"
#include "watch/notice.h"

enum {
    ALERTS_LIVE_MAX = 1000,
    ALERTS_OF_RULE_MAX = 200,
    ALERT_LABELS_MAX = NOTICE_LABELS_MAX,
    ALERT_VALUE_CHARS_MAX = 80,
    ALERTS_LISTED_MAX = 100,
    ALERT_SOURCE_CHARS_MAX = 60,
    ALERT_MONEY_MAX = 6, /* currencies of one alert; the smaller ones are left out */
    SILENCES_MAX = 200, /* that have not ended */
    SILENCE_DAYS_MAX = 30,
};
#define ALERT_WORD_US (5 * 60 * US_PER_SECOND)
#define ALERT_FOR_GOOD INT64_MAX
#define ALERT_REFRESH_US (60 * US_PER_SECOND) /* an unchanged word is written again after so long */

#define JOB_ALERTS "alerts"

enum alert_state {
#define X(NAME, number, name, live, told, meaning) ALERT_##NAME = (number),
#include "watch/alert_states.def"
#undef X
};
const char *alert_state_name(enum alert_state state); /* "?" for none */
MUST_USE bool alert_state_parse(const char *name, enum alert_state *ret_state);

enum alert_team {
#define X(NAME, number, name) TEAM_##NAME = (number),
#include "watch/alert_teams.def"
#undef X
};
const char *alert_team_name(enum alert_team team);
MUST_USE bool alert_team_parse(const char *name, enum alert_team *ret_team);

/* A row of alert_rules.def. */
struct alert_rule {
    const char *name; /* "PaymentServiceGatewayFailure" */
    enum notice_severity severity;
    enum alert_team team;
    int64_t for_us, keep_us;
    const char *title[NOTICE_LANGUAGES];  /* one line */
    const char *action[NOTICE_LANGUAGES]; /* what to do first */
    const char *guide;                    /* its page: "gateway-failure" */
};
int alert_rule_count(void);
const struct alert_rule *alert_rule_at(int index);
/* NULL: no such row. Alerts of other systems have names of their own: ALERT_RULE_OTHER. */
const struct alert_rule *alert_rule_find(const char *name);
#define ALERT_RULE_OTHER "ExternalAlert"

/* A rule with what the configuration, or somebody since (tuning.h), says of it. */
struct alert_rule_state {
    struct alert_rule rule;
    bool off; /* nobody is told */
};
/* Puts what `config` says of it on top. ERR_CONFIG, with the key as its place ("" where it is about
 * several); *state may then be half changed. */
MUST_USE int alert_rule_read(const struct alert_rule_config *config, struct alert_rule_state *state,
                             struct err *err);
/* All rules as the configuration has them, into alert_rule_count() of them. */
MUST_USE int alert_rules_read(const struct alert_config *config, struct alert_rule_state *ret_rules,
                              struct err *err);

/* What is at stake in one currency. */
struct alert_money {
    char currency[4];         /* ISO 4217; one that is none is left out */
    int64_t per_minute_minor; /* 0: it does not grow by the minute */
    int64_t sum_minor;        /* since the first symptom, or in all */
};

/* How something is now. All text is borrowed for the call; NULL or "": not known. */
struct alert_signal {
    const char *rule; /* 1 to NOTICE_NAME_BYTES_MAX bytes */
    struct notice_label labels[ALERT_LABELS_MAX];
    int label_count; /* in any order */
    bool firing;     /* false: all is well; then only rule, labels and source are looked at */
    /* Who sees it: the instance's name where each sees only its own part; NULL where all see the
     * same, as what is read from the database. */
    const char *source;
    /* How long this word counts when nobody repeats it. 0: ALERT_WORD_US; ALERT_FOR_GOOD: until it
     * is said to be over, for what happens once. */
    int64_t holds_us;
    bool severity_known; /* else the rule's. It may rise while the alert is live, never fall */
    enum notice_severity severity;
    const char *title;                    /* else the rule's */
    const char *summary, *scope, *cause;  /* may have lines */
    const char *action;                   /* else the rule's */
    const char *value, *threshold;        /* "72.4 %", "95 %": ALERT_VALUE_CHARS_MAX */
    const char *subject, *runbook, *link; /* as in a notice; runbook and link else of the service */
    int64_t first_symptom_us;             /* wall; 0: now */
    struct alert_money money[ALERT_MONEY_MAX];
    int money_count;
    /* How much that is, whatever its currencies: in thousandths of a usual payment, a minute. By it
     * alerts of the same severity are ranked. 0: not known. */
    int64_t stake;
};

struct alerts;
struct tuning;
struct alerts_options {
    struct store *store;
    const struct channels *channels;
    struct deliveries *deliveries;
    const struct alert_config *config; /* NULL: the defaults, and nobody is told */
    struct tuning *tuning; /* rules that change while running; NULL: they do not */
    /* Called after a commit that made a job due: wakes the runner. NULL: it looks by itself. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};
/* ERR_CONFIG with the place of what is wrong ("alerts.routes[ops].channels"). */
MUST_USE int alerts_open(const struct alerts_options *options, struct alerts **ret_alerts,
                         struct err *err);
/* The same checks before anything is opened. */
MUST_USE int alerts_check(const struct alert_config *config, const struct channels *channels,
                          struct err *err);
void alerts_close(struct alerts *alerts); /* NULL is fine */
/* What a runner must have: everything that happens later. */
struct job_kind alerts_job(struct alerts *alerts);
/* Makes sure of the jobs that run for ever: heartbeat, self-tests, the sweep. */
MUST_USE int alerts_start(struct alerts *alerts, struct err *err);

/* ---- for detectors ---- */

/* Texts that are too long are cut, labels past the limit refused. An unchanged word that was
 * written less than ALERT_REFRESH_US ago costs no transaction. */
MUST_USE int alert_signal(struct alerts *alerts, const struct alert_signal *signal,
                          struct err *err);
/* Many at once: a transaction for each hundred. The first error ends it; say them again then. */
MUST_USE int alert_signals(struct alerts *alerts, const struct alert_signal *signals, int count,
                           struct err *err);
/* Inside the caller's transaction, for what must be true with the change it tells of. */
MUST_USE int alert_signal_tx(struct alerts *alerts, struct store_tx *tx,
                             const struct alert_signal *signal, struct err *err);
/* What an Alertmanager sent: each notice is a signal of the source "alertmanager", which counts
 * for a day. */
MUST_USE int alert_take_notices(struct alerts *alerts, const struct notice *notices, int count,
                                struct err *err);

/* ---- what people do, in the caller's transaction; audited under `actor` ---- */

/* ERR_STATE: it is not firing, and how it is. Leaves the alert's JSON in `buf`. */
MUST_USE int alert_acknowledge(struct alerts *alerts, struct store_tx *tx, const char *id,
                               const char *actor, const char *reason, struct buf *buf,
                               struct err *err);

/* "gateway=stripe-eu", "gateway!=stripe-eu", "method~wechat*" ('*' and '?' stand for anything).
 * Names: a label's, or rule, severity, team. All of them must fit. */
enum { MATCHERS_MAX = 8, MATCHER_CHARS_MAX = 200 };
struct silence_request {
    const char *matchers[MATCHERS_MAX];
    int matcher_count;         /* 1 or more */
    int64_t from_us, until_us; /* wall; from 0: now. At most SILENCE_DAYS_MAX long */
    const char *reason;
};
MUST_USE int silence_add(struct alerts *alerts, struct store_tx *tx,
                         const struct silence_request *request, const char *actor, struct buf *buf,
                         struct err *err);
/* Ends it now. ERR_STATE: it has ended. */
MUST_USE int silence_end(struct alerts *alerts, struct store_tx *tx, const char *id,
                         const char *actor, struct buf *buf, struct err *err);

/* Somebody stands in for whoever the rota has, for a time. */
struct rota_override {
    const char *rota, *person;
    int64_t from_us, until_us; /* wall; from 0: now. At most SILENCE_DAYS_MAX long */
};
MUST_USE int rota_override_add(struct alerts *alerts, struct store_tx *tx,
                               const struct rota_override *override, const char *actor,
                               const char *reason, struct buf *buf, struct err *err);

/* ---- looked at ---- */

struct alerts_filter {     /* NULL: any */
    const char *state;     /* a name; "live" (the default), "all" */
    const char *rule;      /* exactly */
    const char *team;      /* a name */
    const char *severity;  /* at least so grave: "P1" */
    const char *before;    /* an id: older ones than it */
    int limit;             /* 1 to ALERTS_LISTED_MAX */
};
/* {"data":[…],"next_cursor":"…"|null}, the newest first. */
MUST_USE int alerts_list(struct alerts *alerts, const struct alerts_filter *filter, struct buf *buf,
                         struct err *err);
/* One, with its history, who was told, and what mutes it now. */
MUST_USE int alert_get(struct alerts *alerts, const char *id, struct buf *buf, struct err *err);
/* The rules as they are in force. */
void alert_rules_list(const struct alerts *alerts, struct buf *buf);
/* {"data":[…]}: those that have not ended, or all of the last 30 days. */
MUST_USE int silences_list(struct alerts *alerts, bool all, struct buf *buf, struct err *err);
/* Who has the duty of this rota now; NULL: nobody, or there is no such rota. The arena's. */
MUST_USE int alert_rota_duty(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                             const char *rota, const char **ret_person, struct err *err);
/* {"data":[…]}: who is on duty now, and who stands in for whom until when. */
MUST_USE int rotas_list(struct alerts *alerts, struct buf *buf, struct err *err);
/* {"data":[…]}: the channels as deliveries_channels() has them, with the last weekly test of
 * each. */
MUST_USE int alert_channels_list(struct alerts *alerts, struct buf *buf, struct err *err);

#endif
