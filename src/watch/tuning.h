/* SPDX-License-Identifier: Apache-2.0
 * tuning.h: settings of detection and alerts that people change while it runs: thresholds and
 * windows of the nine figures, times and severities of rules, what the detector looks for
 * (tuning.def).
 *
 * The configuration file has the first word; what was changed since is rows in the store, over it.
 * Every instance looks every second (tuning_look) and takes all of a change at once. What was
 * changed is checked by the same functions as the file. When the file has changed since so that
 * both together make no sense, the file's holds for that rule, figure or detector, and it is
 * logged and shown as not in force.
 *
 * A change says who, why, and what it did to the past: it is refused unless the very values have
 * been tried on what is stored within the last hour (backtest.h), or the reason is told why not.
 *
 *   file ──> values of the file ──┐
 *   rows of `tuning` ─────────────┴─(checked)──> values in force ──> alerts, figures, detector
 *
 * Threads: any, many at once. Owns: copies of all it is given but the store.
 * Errors:  ERR_CONFIG at the opening; of a change ERR_VALIDATION with "/set/KEY" as the place,
 *          ERR_NOT_FOUND (no such rule), ERR_STATE (not tried, or nothing would change); those of
 *          store.h. */
#ifndef HOLDFAST_WATCH_TUNING_H
#define HOLDFAST_WATCH_TUNING_H

#include "base/buf.h"
#include "base/clock.h"
#include "watch/alert.h"
#include "watch/detection_config.h"
#include "watch/figures.h"

enum { TUNED_RULES_MAX = 128, TUNING_PAIRS_MAX = 32, TUNING_TEXT_MAX = 40 };
#define TUNING_TRIED_US (3600 * US_PER_SECOND) /* a back-test counts for so long */

/* Everything that may be changed. */
struct tuned_values {
    struct alert_rule_state rules[TUNED_RULES_MAX]; /* alert_rule_count() of them */
    struct figure_limits figures[FIGURES];
    struct detector_tuning detector; /* its alarms_per_day is of everything together (budget.h) */
    struct watch_limits watch;
};
/* What the configuration says. ERR_CONFIG. Any may be NULL: the defaults. */
MUST_USE int tuned_values_read(const struct alert_config *alerts,
                               const struct figures_config *figures,
                               const struct detection_config *detection,
                               struct tuned_values *ret_values, struct err *err);

struct tuning;
struct tuning_options {
    struct store *store;
    const struct tuned_values *file;
};
struct tuning *tuning_open(const struct tuning_options *options);
void tuning_close(struct tuning *tuning); /* NULL is fine */
/* Takes what was changed since, here or elsewhere. */
MUST_USE int tuning_look(struct tuning *tuning, struct err *err);

/* In force now. */
void tuning_rule(struct tuning *tuning, const struct alert_rule *rule,
                 struct alert_rule_state *ret_rule);
void tuning_figure(struct tuning *tuning, enum figure_id id, struct figure_limits *ret_limits);
void tuning_values(struct tuning *tuning, struct tuned_values *ret_values);
/* Grows with each change that was taken: who keeps something of it looks whether it did. */
int64_t tuning_number(struct tuning *tuning);

/* ---- what judges a rule ---- */

struct tuning_sources {
    bool figure; /* this one, when its level says so */
    enum figure_id figure_id;
    bool detector;
    bool counts; /* what is counted (measure.h) */
    bool share;  /* this one of rates.h */
    enum rate_id share_id;
    bool volume;
};
/* Without any it is raised by what is not kept, and cannot be tried on the past. */
struct tuning_sources tuning_sources_of(const struct alert_rule *rule);
bool tuning_can_be_tried(const struct tuning_sources *sources);

/* ---- changing ---- */

struct tuning_pair {
    const char *key;
    const char *value; /* as people write it: "120", "P2", "true"; NULL: as in the file */
};
struct tuning_request {
    const char *rule;
    struct tuning_pair pairs[TUNING_PAIRS_MAX];
    int pair_count;
    const char *reason;
    const char *untested; /* why it was not tried before; NULL: it was */
};
/* *values as they would be. ERR_VALIDATION, ERR_NOT_FOUND. */
MUST_USE int tuning_propose(struct tuning *tuning, const struct tuning_request *request,
                            struct tuned_values *values, struct err *err);
/* Every value by which the rule is judged, in one text that is the same for the same values. */
void tuning_text(const struct alert_rule *rule, const struct tuned_values *values,
                 struct buf *buf);
/* [{"of":…,"key":…,"was":…,"is":…}, …] of what differs for the rule. Returns how many. */
int tuning_changes(const struct alert_rule *rule, const struct tuned_values *was,
                   const struct tuned_values *is, struct buf *buf);

/* In the caller's transaction, which is then to be followed by tuning_look(); on the audit log.
 * Leaves the change's JSON in `buf`. */
MUST_USE int tuning_set(struct tuning *tuning, struct store_tx *tx,
                        const struct tuning_request *request, const char *actor, struct buf *buf,
                        struct err *err);

/* ---- looked at ---- */

/* The rule as it is in force, with each of its settings: the file's value, who changed it, why. */
MUST_USE int tuning_rule_json(struct tuning *tuning, const char *rule, struct buf *buf,
                              struct err *err);
/* {"data":[…],"next_cursor":…}: changes, the newest first. `rule` "": all; `before` 0: from the
 * newest on. */
enum { TUNING_CHANGES_LISTED_MAX = 100 };
MUST_USE int tuning_changes_json(struct tuning *tuning, const char *rule, int64_t before, int limit,
                                 struct buf *buf, struct err *err);

#endif
