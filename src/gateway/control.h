/* SPDX-License-Identifier: Apache-2.0
 * control.h: what people have switched by hand (GW-5): primary gateway, fallback mode, a gateway
 * disabled or draining. Rows of `gateway_control`, on the audit log with actor and reason, in force
 * on every instance within a second.
 * Threads: any. Errors: ERR_STORE; ERR_NOT_FOUND for an unknown gateway; ERR_STATE when it would
 * leave no enabled gateway (unless `force`). */
#ifndef HOLDFAST_GATEWAY_CONTROL_H
#define HOLDFAST_GATEWAY_CONTROL_H

#include "gateway/registry.h"
#include "store/store.h"

struct gateway_control;
/* Reads the rows; a task re-reads them every second until _close. */
MUST_USE int gateway_control_open(struct store *store, struct gateway_registry *registry,
                                  struct gateway_control **ret_control, struct err *err);
void gateway_control_close(struct gateway_control *control);
MUST_USE int gateway_control_reload(struct gateway_control *control, struct err *err);

enum gateway_switch { GATEWAY_ENABLED = 0, GATEWAY_DRAINING = 1, GATEWAY_DISABLED = 2 };
const char *gateway_switch_name(enum gateway_switch state); /* "enabled", "draining", "disabled" */

struct gateway_control_view {
    enum gateway_switch state[GATEWAYS_MAX]; /* by registry index */
    char reason[GATEWAYS_MAX][160];
    char primary[GATEWAY_NAME_CHARS_MAX + 1]; /* "" : by priority */
    char primary_reason[160];
    bool fallback; /* fallback mode: the first gateway by priority is passed over where another fits
                    */
    char fallback_reason[160];
    char fallback_actor[160]; /* who switched it last, and when; "", 0: nobody ever did */
    int64_t fallback_us;
};
void gateway_control_view(struct gateway_control *control, struct gateway_control_view *ret_view);

/* One change, as a value: filled by one of the three functions below (which check it), written by
 * gateway_control_write() inside any transaction, put in force here by gateway_control_changed()
 * once that transaction is committed. Texts are borrowed. Draining: no new payments; refunds,
 * captures and queries of old ones go on. Disabled: no calls but queries that resolve unknown
 * payments. */
struct gateway_control_change {
    struct gateway_control *control;
    const char *row, *value, *actor, *reason, *action, *subject;
    enum gateway_switch state;
    bool guard; /* refuse to switch off the last gateway */
};
MUST_USE int gateway_control_set(struct gateway_control *control, const char *gateway,
                                 enum gateway_switch state, bool force, const char *actor,
                                 const char *reason, struct gateway_control_change *ret_change,
                                 struct err *err);
/* `gateway` may also be an adapter's name ("paypal") while only one gateway is of that adapter. */
MUST_USE int gateway_control_primary(struct gateway_control *control,
                                     const char *gateway /* "" none */, const char *actor,
                                     const char *reason, struct gateway_control_change *ret_change,
                                     struct err *err);
MUST_USE int gateway_control_fallback(struct gateway_control *control, bool on, const char *actor,
                                      const char *reason, struct gateway_control_change *ret_change,
                                      struct err *err);
MUST_USE int gateway_control_write(struct store_tx *tx, const struct gateway_control_change *change,
                                   struct err *err);
MUST_USE int gateway_control_changed(const struct gateway_control_change *change, struct err *err);
/* Writes and puts in force, in a transaction of its own. */
MUST_USE int gateway_control_apply(const struct gateway_control_change *change, struct err *err);

#endif
