/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of this folder share and nobody else sees. */
#ifndef HOLDFAST_MODE_INTERNAL_H
#define HOLDFAST_MODE_INTERNAL_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/task.h"
#include "mode/ladder.h"
#include "mode/mode.h"

enum { MODE_NAMES_BYTES = 160, MODE_JSON_BYTES_MAX = 256 * 1024 };

/* ---- settings.c: the configuration, understood ---- */

struct mode_settings {
    struct ladder_rules rules;
    bool core[PURPOSE_COUNT];                             /* of the simplified flow */
    char route[METHOD_COUNT][GATEWAY_NAME_CHARS_MAX + 1]; /* its gateways; "": any */
};
MUST_USE int mode_settings_read(const struct mode_config *config,
                                const struct gateway_registry *registry,
                                struct mode_settings *ret_settings, struct err *err);

/* ---- sight.c: what this instance sees of its gateways ---- */

/* A letter for each method, by its number: what the best of its gateways is like. */
enum sight_letter {
    SIGHT_NOT_CONFIGURED = '-',
    SIGHT_NONE = 'n',  /* every breaker is open, or every gateway is switched off */
    SIGHT_TRIAL = 't', /* a breaker would let a trial through */
    SIGHT_IDLE = 'i',  /* closed, but nobody has asked lately: nothing is known */
    SIGHT_WELL = 'w',
};
struct sight {
    char methods[METHOD_COUNT + 1];
    char broken[400]; /* "stripe-eu/card, paypal/paypal": breakers that are not closed */
    char why[METHOD_COUNT][160];
};
void sight_take(const struct gateway_registry *registry, struct gateway_control *control,
                struct sight *ret_sight);
/* Counts one instance's letters into what all see. */
struct sights {
    int none[METHOD_COUNT], trial[METHOD_COUNT], well[METHOD_COUNT], broken;
    char broken_names[400];
};
void sights_add(struct sights *sights, const char *methods, const char *broken);
enum ladder_route sights_route(const struct sights *sights, enum payment_method method);

/* ---- rows.c: the rows of migration 0015 ---- */

struct mode_row {
    int64_t number;
    enum mode_step step, ruled;
    int64_t since_us;
    char rule[32], reason[MODE_REASON_BYTES], actor[MODE_ACTOR_BYTES];
    enum mode_hand hand;
    enum mode_step hand_step;
    char hand_reason[MODE_REASON_BYTES], hand_actor[MODE_ACTOR_BYTES];
    int64_t hand_us, hand_until_us;
    int64_t methods_number;
    bool hidden[METHOD_COUNT], unrouted[METHOD_COUNT];
    bool simplified;
    char simplified_reason[MODE_REASON_BYTES], simplified_actor[MODE_ACTOR_BYTES];
    int64_t simplified_us;
    char simplified_did[MODE_NAMES_BYTES];
};
struct mode_switch_state {
    bool off;
    char reason[MODE_REASON_BYTES];
    int64_t until_us; /* 0: until it is switched on */
};
struct mode_switches {
    struct mode_switch_state purposes[PURPOSE_COUNT], methods[METHOD_COUNT];
    int64_t next_end_us; /* the first that ends by itself; 0: none does */
};
/* `lock`: for the rest of the transaction; makes the row when there is none. */
MUST_USE int mode_row_load(struct store_tx *tx, bool lock, struct mode_row *ret_row,
                           struct err *err);
MUST_USE int mode_row_save(struct store_tx *tx, const struct mode_row *row, struct err *err);
MUST_USE int mode_switches_load(struct store_tx *tx, struct mode_switches *ret_switches,
                                struct err *err);
MUST_USE int mode_switch_save(struct store_tx *tx, const struct mode_switching *switching,
                              struct err *err);
/* What the other instances have written lately, added to `sights`. */
MUST_USE int mode_sights_load(struct store_tx *tx, const char *own_instance, struct sights *sights,
                              struct err *err);
MUST_USE int mode_sight_save(struct store_tx *tx, const char *instance, const struct sight *sight,
                             struct err *err);
MUST_USE int mode_change_add(struct store_tx *tx, int64_t number, int64_t at_us,
                             enum mode_step from, enum mode_step to, const char *rule,
                             const char *reason, const char *actor, struct err *err);

/* Where the row's ladder and its hand together put it. */
enum mode_step mode_row_step(const struct mode_row *row, int64_t now_us);
/* Whether a person's word is still in force. */
bool mode_row_by_hand(const struct mode_row *row, int64_t now_us);

/* ---- mode.c ---- */

struct mode {
    struct mode_options options;
    char instance[ID_TEXT_MAX];
    struct mode_settings settings;
    mode_tell_fn *tell;
    void *tell_ctx;
    /* Since when a write is under way (monotonic; 0: none): one that does not come back is a store
     * that takes none. */
    atomic_int_least64_t writing_us;

    struct lock lock; /* guards all below */
    struct cond wake;
    bool stopping;
    struct mode_row row;
    struct mode_switches switches;
    struct ladder ladder;
    struct sight sight;     /* the last one taken here */
    enum mode_step reason_step; /* the step that reason_now is of, as that sight has it; "": none */
    char reason_now[MODE_REASON_BYTES];
    struct hold store_down; /* on: this instance says read_only for itself */
    int64_t down_since_us;  /* wall: when its writes began to fail; 0: they do not */
    struct task *task;

    /* Of the ticking task alone. */
    int64_t wrote_us; /* monotonic: the last sight that was written */
    char wrote[sizeof(((struct sight *)NULL)->methods) + sizeof(((struct sight *)NULL)->broken)];
};

/* Moves the row (locked) to that step: history, row and event. The row is saved by the caller. */
MUST_USE int mode_move(struct mode *mode, struct store_tx *tx, struct mode_row *row,
                       enum mode_step to, const char *rule, const char *reason, const char *actor,
                       struct err *err);
/* The rule by which a step is entered: "breaker", "no_route", … */
const char *mode_rule_of(enum mode_step step);
/* What is seen of this row and these switches, which may be newer than the ones in memory. */
void mode_view_of(struct mode *mode, const struct mode_row *row,
                  const struct mode_switches *switches, struct mode_view *ret_view);
bool mode_switch_is_off(const struct mode_switch_state *state, int64_t now_us);
/* Ends the switches whose time is over, as if somebody had done it. */
MUST_USE int mode_switches_end(struct mode *mode, struct store_tx *tx, int64_t now_us,
                               struct err *err);
/* Says on the audit log that a person's word is over, as `row` had it. */
MUST_USE int mode_hand_end(struct store_tx *tx, const struct mode_row *row, struct err *err);

/* ---- show.c ---- */

/* [{"method","name","name_zh","available","notice","notice_zh"},…]: every configured method. */
void mode_methods_json(const struct mode_view *view, struct buf *buf);

#endif
