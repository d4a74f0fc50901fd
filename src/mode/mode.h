/* SPDX-License-Identifier: Apache-2.0
 * mode.h: the ladder of degraded modes (mode_steps.def), the switches that people throw, and the
 * simplified flow: what is taken now, what is hidden, what waits, and why.
 *
 *   normal → reroute → reduced → deferred → read_only
 *
 * Each instance looks at its breakers every second and writes what it sees. Where the ladder stands
 * follows from what all of them see, by rules with holding times (a condition must last before its
 * step is entered, and be gone for longer before it is left), and from what a person has said.
 *
 * Invariants
 * M1  One row says where the ladder stands. It is moved under its lock, by whoever comes first, and
 *     each move is written once: with its history and its event.
 * M2  What people said stands until they take it back or its time is over, over restarts.
 * M3  A store that takes no writes is read_only whatever anybody said; nothing else overrules a
 *     pinned step.
 * M4  A method is hidden by a switch at once, and by its gateways only after the holding times.
 * M5  What the simplified flow has switched it gives back, and nothing that it found so.
 *
 * Threads: any, many at once. mode_admits() and mode_route() read memory only: they are asked for
 * every payment. Owns: itself; what it is given at opening is borrowed.
 * Errors: ERR_CONFIG at opening; ERR_VALIDATION, ERR_STATE, ERR_NOT_FOUND for what people ask. */
#ifndef HOLDFAST_MODE_MODE_H
#define HOLDFAST_MODE_MODE_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "gateway/control.h"
#include "gateway/registry.h"
#include "mode/mode_config.h"
#include "mode/purpose.h"
#include "risk/risk.h"
#include "store/store.h"

struct mode;

enum mode_step {
#define X(name, number, text, enter_s, exit_s, condition, effect, owner) MODE_##name = (number),
#include "mode/mode_steps.def"
#undef X
    MODE_STEPS
};
const char *mode_step_name(enum mode_step step); /* "normal", "reroute", … */
MUST_USE bool mode_step_parse(const char *name, enum mode_step *ret_step);

enum {
    MODE_REASON_CHARS_MAX = 500,
    MODE_REASON_BYTES = 4 * MODE_REASON_CHARS_MAX + 1,
    MODE_ACTOR_BYTES = 201,
    MODE_NOTICE_BYTES_MAX = 512,
};

struct mode_options {
    struct store *store;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct risk *risk;                /* for the simplified flow; NULL: there is none */
    const struct mode_config *config; /* NULL: the defaults */
};
/* Reads where the ladder stands; nothing runs by itself before mode_start(). */
MUST_USE int mode_open(const struct mode_options *options, struct mode **ret_mode, struct err *err);
void mode_close(struct mode *mode); /* NULL is fine */
/* Who tells the merchant: called inside the transaction that makes it true, with event number
 * `number` of `subject`. Set before anything runs. */
typedef int mode_tell_fn(void *ctx, struct store_tx *tx, const char *subject, int64_t number,
                         const char *type, const char *data_json, struct err *err);
void mode_on_change(struct mode *mode, mode_tell_fn *fn, void *ctx);
/* A task that looks every second, until mode_stop(). */
MUST_USE int mode_start(struct mode *mode, struct err *err);
void mode_stop(struct mode *mode);
/* One look, in the calling task (tests, simulator): returns how many things it changed. What the
 * store refuses is no error: it is what read_only is entered for. */
MUST_USE int mode_tick(struct mode *mode, struct err *err);
/* Reads the rows again, after a change that was committed here. */
MUST_USE int mode_reload(struct mode *mode, struct err *err);

/* ---- For every payment ---- */

enum mode_verdict {
    MODE_TAKEN = 0,
    MODE_HIDDEN = 1,  /* the method is switched off, or a renewal meets step `deferred`: no gateway
                         is asked, and another method is to be chosen */
    MODE_HELD = 2,    /* the order is held, to be paid later: step `deferred` */
    MODE_REFUSED = 3, /* `code` says why; nothing may be written */
};
struct mode_admission {
    enum mode_verdict verdict;
    enum err_code code; /* MODE_REFUSED: ERR_READ_ONLY or ERR_PAUSED */
    int retry_after_s;  /* when it is worth another try */
    char english[256];  /* for the customer; "" when it is taken */
    char chinese[256];
    char why[MODE_REASON_BYTES]; /* for the shop: what was switched, and the reason given */
};
/* A method that only its gateways' breakers have hidden is taken: the router knows better at this
 * very moment, and whoever comes all the same is the trial by which the method returns. `mode` NULL
 * takes everything. */
void mode_admits(struct mode *mode, enum payment_purpose purpose, enum payment_method method,
                 struct mode_admission *ret_admission);
/* 0, or ERR_READ_ONLY: nothing may be changed now. For everything that moves money but payments
 * that are begun, which ask mode_admits(). */
MUST_USE int mode_may_change(struct mode *mode, struct err *err);
/* The admission's refusal as an error. */
MUST_USE int mode_refuse(const struct mode_admission *admission, struct err *err);
/* What the router is to be told of a payment of this method. */
struct mode_route {
    char closed[160]; /* why no gateway may take it; "": they may */
    bool fixed; /* simplified flow: in the order of priority, the switched primary first, whatever
                   weights and figures say */
    char only[GATEWAY_NAME_CHARS_MAX + 1]; /* and then the one gateway that may; "": any */
};
void mode_route(struct mode *mode, enum payment_purpose purpose, enum payment_method method,
                struct mode_route *ret_route);

/* ---- Looking ---- */

enum mode_hand { HAND_OFF = 0, HAND_AT_LEAST = 1, HAND_EXACTLY = 2 };
struct mode_view {
    enum mode_step step;
    int64_t since_us; /* wall */
    int64_t number;   /* of the last change */
    char rule[32];    /* mode_rules: "breaker", "no_route", "no_method", "store", "by_hand", … */
    char reason[MODE_REASON_BYTES];
    char actor[MODE_ACTOR_BYTES]; /* "system", or who moved it */
    enum mode_step ruled;         /* where the rules alone would have it */
    enum mode_hand hand;
    enum mode_step hand_step;
    char hand_reason[MODE_REASON_BYTES], hand_actor[MODE_ACTOR_BYTES];
    int64_t hand_us, hand_until_us;
    bool simplified;
    char simplified_reason[MODE_REASON_BYTES], simplified_actor[MODE_ACTOR_BYTES];
    int64_t simplified_us;
    bool configured[METHOD_COUNT], hidden[METHOD_COUNT];
    bool store_failing; /* this instance could not write just now */
};
/* `mode` NULL: normal, nothing hidden. */
void mode_view(struct mode *mode, struct mode_view *ret_view);
/* What a page says of a hidden method: "Alipay is unavailable at the moment; please pay with Card
 * or WeChat Pay." Chinese for "zh", else English; "" for a method that is not hidden. */
void mode_notice(const struct mode_view *view, enum payment_method method, const char *language,
                 char ret_text[MODE_NOTICE_BYTES_MAX]);
/* The method's name in that language. */
const char *mode_method_label(enum payment_method method, const char *language);
/* For operators: the step with its reason and history, hidden methods, simplified flow. `tx` NULL:
 * what this instance knows without the store, which is no history. */
MUST_USE int mode_json(struct mode *mode, struct store_tx *tx, struct buf *buf, struct err *err);
/* For a glance at the service's health, from memory: an object with the step; for operators also
 * since when, why, and whether the simplified flow is on. */
void mode_glance_json(struct mode *mode, bool operators, struct buf *buf);
/* For everybody's browser: methods, notices, whether orders are taken; nothing else. */
void mode_notices_json(struct mode *mode, const char *language, struct buf *buf);

/* ---- What people say; inside a transaction, then mode_reload() once it is committed ---- */

struct mode_order { /* borrowed */
    bool automatic; /* the rules alone decide again; `step` and `hand` are not looked at */
    enum mode_step step;
    enum mode_hand hand;
    int64_t until_us;   /* wall; 0: until it is taken back */
    bool end_read_only; /* said on purpose: without it nobody ends a maintenance by accident */
    const char *actor, *reason;
};
/* ERR_STATE: it would end a read_only that a person has set, and does not say so. Audited. */
MUST_USE int mode_set(struct mode *mode, struct store_tx *tx, const struct mode_order *order,
                      struct err *err);

enum mode_switch_kind { SWITCH_PURPOSE = 1, SWITCH_METHOD = 2, SWITCH_GATEWAY = 3 };
const char *mode_switch_kind_name(enum mode_switch_kind kind);
MUST_USE bool mode_switch_kind_parse(const char *name, enum mode_switch_kind *ret_kind);
struct mode_switching { /* borrowed */
    enum mode_switch_kind kind;
    const char *name;
    bool off;
    bool force;       /* also the last gateway */
    int64_t until_us; /* wall; 0: until it is switched on */
    const char *actor, *reason;
};
/* A gateway's switch is gateway_control's; here is only when it ends. ERR_VALIDATION: there is no
 * such purpose or method; ERR_NOT_FOUND: gateway. Audited. */
MUST_USE int mode_switch(struct mode *mode, struct store_tx *tx,
                         const struct mode_switching *switching, struct err *err);
/* {"data":[{"kind","name","on",…}]}: every purpose, configured method and gateway. `renewals_held`:
 * why renewals are off by a switch that is not kept here; NULL: they are not. */
MUST_USE int mode_switches_json(struct mode *mode, struct store_tx *tx, const char *renewals_held,
                                struct buf *buf, struct err *err);

/* Renewals are of a floor above: who calls this pauses and resumes them in the same transaction,
 * and says so if it was he who paused them. */
struct mode_simplifying {
    bool on;
    const char *actor, *reason;
    bool ret_changed;         /* it was not so before */
    bool ret_pause_renewals;  /* on: they are not core */
    bool ret_resume_renewals; /* off: they were paused by it */
};
MUST_USE int mode_simplify(struct mode *mode, struct store_tx *tx,
                           struct mode_simplifying *simplifying, struct err *err);
MUST_USE int mode_simplified_paused_renewals(struct store_tx *tx, struct err *err);

#endif
