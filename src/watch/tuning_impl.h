/* SPDX-License-Identifier: Apache-2.0
 * tuning_impl.h: what the parts of tuning.h share; nobody else includes it.
 *   tuning.c         settings by name; values in and out; what is in force
 *   tuning_counts.c  the same of counts, shares and volume
 *   tuning_rows.c    rows, and a change
 *   tuning_json.c    what people look at */
#ifndef HOLDFAST_WATCH_TUNING_IMPL_H
#define HOLDFAST_WATCH_TUNING_IMPL_H

#include "base/arena.h"
#include "base/task.h"
#include "watch/tuning.h"

enum tuning_scope {
    TUNING_RULE,
    TUNING_FIGURE,
    TUNING_DETECTOR,
    TUNING_BUDGET,
    TUNING_COUNTS,
    TUNING_SHARE,
    TUNING_VOLUME,
    TUNING_SCOPES
};
enum tuning_kind { TUNING_WHOLE, TUNING_NUMBER, TUNING_WORD, TUNING_FLAG };

struct tuning_setting {
    enum tuning_scope scope;
    const char *key;
    enum tuning_kind kind;
    const char *meaning;
};
int tuning_setting_count(void);
const struct tuning_setting *tuning_setting_at(int index);

/* What settings of a scope are of: a rule, a figure, "detector"; NULL: the rule has none. */
const char *tuning_of(const struct alert_rule *rule, enum tuning_scope scope);
/* Whether it is one of the rule's. */
bool tuning_has(const struct alert_rule *rule, const struct tuning_setting *setting);
/* The value as it is written. */
void tuning_value(const struct tuned_values *values, const struct alert_rule *rule,
                  const struct tuning_setting *setting, char ret_text[TUNING_TEXT_MAX + 1]);
/* The same as JSON: 120, true, "P2". */
void tuning_add_value(struct buf *buf, const struct tuning_setting *setting, const char *text);

/* Pairs of one rule, figure or the detector, of those its settings; the values are changed as a
 * whole or not at all. ERR_VALIDATION, "/set/KEY". */
MUST_USE int tuning_apply(struct tuned_values *values, const struct alert_rule *rule,
                          enum tuning_scope scope, const struct tuning_pair *pairs, int count,
                          struct err *err);
/* The request's, on top of *values; a pair without a value is as in `file`. */
MUST_USE int tuning_apply_request(const struct tuned_values *file,
                                  const struct tuning_request *request,
                                  struct tuned_values *values, struct err *err);

/* ---- tuning_counts.c: settings of TUNING_COUNTS, TUNING_SHARE and TUNING_VOLUME ---- */
bool tuning_counts_has(const struct alert_rule *rule, const struct tuning_setting *setting);
void tuning_counts_text(const struct watch_limits *limits, const struct tuning_sources *sources,
                        const struct tuning_setting *setting, char ret_text[TUNING_TEXT_MAX + 1]);
/* One value; false: it is none of the words that there are. */
bool tuning_counts_give(struct watch_limits *limits, const struct tuning_sources *sources,
                        const struct tuning_setting *setting, const char *text);

struct tuning {
    struct store *store;
    struct tuned_values file;
    struct lock lock; /* of what follows */
    struct tuned_values now;
    int64_t number;
};

/* A row of `tuning` with the change that made it; texts are the arena's. */
struct tuning_row {
    const char *scope, *key, *value, *actor, *reason;
    int64_t at_us;
    bool in_force;
};
enum { TUNING_ROWS_MAX = 4096 };
struct tuning_rows {
    struct tuning_row *rows; /* the arena's, by scope */
    int count;
    int64_t number;
};
MUST_USE int tuning_rows_load(struct store_tx *tx, struct arena *arena,
                              struct tuning_rows *ret_rows, struct err *err);
/* The file's values with the rows over them; says of each row whether it is in force. */
void tuning_rows_apply(const struct tuned_values *file, struct tuning_rows *rows,
                       struct tuned_values *ret_values);

#endif
