/* SPDX-License-Identifier: Apache-2.0
 * containment_put.c: a thing is switched by the functions that its own command uses
 * (containment_impl.h). */
#include <string.h>

#include "incident/containment_impl.h"

static int need_mode(const struct containments *containments, struct err *err) {
    return containments->options.mode != NULL
               ? 0
               : err_set(err, ERR_STATE, "this service has no ladder of degraded modes");
}

/* ---- gateways ---- */

static int put_gateway(const struct containments *containments, struct store_tx *tx,
                       const struct containment_put *put, struct err *err) {
    struct gateway_control_change change;
    enum gateway_switch state = GATEWAY_ENABLED;
    while (state < GATEWAY_DISABLED && strcmp(gateway_switch_name(state), put->value) != 0) {
        state++;
    }
    /* What ends by itself is a switch of the ladder's. */
    if (put->until_us > 0 || (put->timed && state == GATEWAY_ENABLED)) {
        const struct mode_switching switching = {.kind = SWITCH_GATEWAY,
                                                 .name = put->name,
                                                 .off = state == GATEWAY_DISABLED,
                                                 .force = put->force,
                                                 .until_us = put->until_us,
                                                 .actor = put->actor,
                                                 .reason = put->reason};
        int r = need_mode(containments, err);
        return r < 0 ? r : mode_switch(containments->options.mode, tx, &switching, err);
    }
    int r = gateway_control_set(containments->options.control, put->name, state, put->force,
                                put->actor, put->reason, &change, err);
    return r < 0 ? r : gateway_control_write(tx, &change, err);
}

static int put_routing(const struct containments *containments, struct store_tx *tx,
                       const struct containment_put *put, struct err *err) {
    struct gateway_control *control = containments->options.control;
    struct gateway_control_change change;
    int r = put->thing == THING_PRIMARY
                ? gateway_control_primary(control, put->value, put->actor, put->reason, &change,
                                          err)
                : gateway_control_fallback(control, strcmp(put->value, "on") == 0, put->actor,
                                           put->reason, &change, err);
    return r < 0 ? r : gateway_control_write(tx, &change, err);
}

/* ---- modes ---- */

static int put_switch(const struct containments *containments, struct store_tx *tx,
                      const struct containment_put *put, bool *ret_renewals, struct err *err) {
    const struct mode_switching switching = {
        .kind = put->thing == THING_METHOD ? SWITCH_METHOD : SWITCH_PURPOSE,
        .name = put->name,
        .off = strcmp(put->value, "off") == 0,
        .until_us = put->until_us,
        .actor = put->actor,
        .reason = put->reason};
    return billing_mode_switch(tx, containments->options.mode, &switching, put->renewals,
                               ret_renewals, err);
}

static int put_mode(const struct containments *containments, struct store_tx *tx,
                    const struct containment_put *put, struct err *err) {
    static const char exactly[] = "exactly ";
    struct mode_order order = {.automatic = true, .actor = put->actor, .reason = put->reason};
    const char *step = strchr(put->value, ' ');
    if (step != NULL) {
        order.automatic = false;
        order.hand = strncmp(put->value, exactly, sizeof exactly - 1) == 0 ? HAND_EXACTLY
                                                                          : HAND_AT_LEAST;
        order.until_us = put->until_us;
        if (!mode_step_parse(step + 1, &order.step)) {
            return err_set(err, ERR_STORE_CORRUPT, "\"%.40s\" is no step", put->value);
        }
    }
    order.end_read_only = put->reopen;
    return mode_set(containments->options.mode, tx, &order, err);
}

static int put_simplified(const struct containments *containments, struct store_tx *tx,
                          const struct containment_put *put, struct err *err) {
    struct mode_simplifying simplifying = {
        .on = strcmp(put->value, "on") == 0, .actor = put->actor, .reason = put->reason};
    return billing_mode_simplify(tx, containments->options.mode, &simplifying, err);
}

/* ---- deploys ---- */

static int put_freeze(struct store_tx *tx, const struct containment_put *put, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO deploy_freeze (owner, frozen, reason, actor, at_us, until_us) "
                   "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner) DO UPDATE SET frozen = "
                   "excluded.frozen, reason = excluded.reason, actor = excluded.actor, at_us = "
                   "excluded.at_us, until_us = excluded.until_us",
                   S_TEXT(put->owner), S_INT(strcmp(put->value, "frozen") == 0),
                   S_TEXT(put->reason), S_TEXT(put->actor), S_INT(clock_wall_us()),
                   S_INT(put->until_us));
}

int containment_put(const struct containments *containments, struct store_tx *tx,
                    const struct containment_put *put, bool *ret_renewals, struct err *err) {
    *ret_renewals = false;
    bool ladder = put->thing == THING_METHOD || put->thing == THING_PURPOSE ||
                  put->thing == THING_MODE || put->thing == THING_SIMPLIFIED;
    int r = ladder ? need_mode(containments, err) : 0;
    if (r < 0) {
        return r;
    }
    switch (put->thing) {
    case THING_GATEWAY:
        return put_gateway(containments, tx, put, err);
    case THING_PRIMARY:
    case THING_FALLBACK:
        return put_routing(containments, tx, put, err);
    case THING_METHOD:
    case THING_PURPOSE:
        return put_switch(containments, tx, put, ret_renewals, err);
    case THING_MODE:
        return put_mode(containments, tx, put, err);
    case THING_SIMPLIFIED:
        return put_simplified(containments, tx, put, err);
    default:
        return put_freeze(tx, put, err);
    }
}
