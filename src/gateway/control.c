/* SPDX-License-Identifier: Apache-2.0
 * control.c: what people have switched by hand: rows, an audit entry for each, and a copy in memory
 * that the router reads without touching the store. The copy is replaced after our own changes and
 * re-read every second for those of other instances.
 * Rows: one a gateway (state, reason), and two named "*primary" and "*fallback" (value, reason); a
 * gateway's name cannot begin with '*'. */
#include "gateway/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "store/audit.h"

#define RELOAD_US (1 * US_PER_SECOND)
/* Nobody else can switch anything there: only for what could not be read when it was switched. */
#define RELOAD_ALONE_US (10 * US_PER_SECOND)
static const char primary_row[] = "*primary";
static const char fallback_row[] = "*fallback";

struct gateway_control {
    struct store *store;
    struct gateway_registry *registry;
    struct lock lock; /* guards all below */
    struct cond wake;
    bool stopping;
    struct gateway_control_view view;
    struct task *reloader;
};

const char *gateway_switch_name(enum gateway_switch state) {
    static const char *const names[] = {"enabled", "draining", "disabled"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "?";
}

static int index_of(const struct gateway_registry *registry, const char *name) {
    for (int i = 0; i < gateway_count(registry); i++) {
        if (strcmp(gateway_at(registry, i)->name, name) == 0) {
            return i;
        }
    }
    return -1;
}

struct load_ctx {
    struct gateway_control *control;
    struct gateway_control_view view;
};

static void take_row(struct load_ctx *load, const struct sql_rows *rows) {
    const char *name = sql_text(rows, 0);
    const char *reason = sql_text(rows, 3);
    struct gateway_control_view *view = &load->view;
    if (strcmp(name, primary_row) == 0) {
        snprintf(view->primary, sizeof view->primary, "%s", sql_text(rows, 2));
        snprintf(view->primary_reason, sizeof view->primary_reason, "%s", reason);
        return;
    }
    if (strcmp(name, fallback_row) == 0) {
        view->fallback = strcmp(sql_text(rows, 2), "on") == 0;
        snprintf(view->fallback_reason, sizeof view->fallback_reason, "%s", reason);
        snprintf(view->fallback_actor, sizeof view->fallback_actor, "%s", sql_text(rows, 4));
        view->fallback_us = sql_int(rows, 5);
        return;
    }
    int index = index_of(load->control->registry, name);
    if (index >= 0) { /* a gateway that was configured once may have left its row */
        view->state[index] = (enum gateway_switch)sql_int(rows, 1);
        snprintf(view->reason[index], sizeof view->reason[index], "%s", reason);
    }
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct load_ctx *load = ctx;
    load->view = (struct gateway_control_view){0};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, state, value, reason, actor, at_us FROM gateway_control");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        take_row(load, rows);
    }
    return r;
}

int gateway_control_reload(struct gateway_control *control, struct err *err) {
    struct load_ctx load = {.control = control};
    int r = store_read(control->store, load_tx, &load, err);
    if (r < 0) {
        return r;
    }
    lock_take(&control->lock);
    control->view = load.view;
    lock_give(&control->lock);
    return 0;
}

static void reloader(void *arg) {
    struct gateway_control *control = arg;
    bool alone = store_engine(control->store) == STORE_SQLITE;
    int64_t pause_us = alone ? RELOAD_ALONE_US : RELOAD_US;
    lock_take(&control->lock);
    while (!control->stopping) {
        cond_wait_until(&control->wake, &control->lock, clock_mono_us() + pause_us);
        if (control->stopping) {
            break;
        }
        lock_give(&control->lock);
        struct err err = {0};
        if (gateway_control_reload(control, &err) < 0) {
            log_error(STORE_FAILED, &err, LT("while", "reading what was switched by hand"));
        }
        lock_take(&control->lock);
    }
    lock_give(&control->lock);
}

int gateway_control_open(struct store *store, struct gateway_registry *registry,
                         struct gateway_control **ret_control, struct err *err) {
    struct gateway_control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the gateways' switches");
    }
    control->store = store;
    control->registry = registry;
    lock_init(&control->lock);
    cond_init(&control->wake);
    int r = gateway_control_reload(control, err);
    if (r == 0) {
        control->reloader = task_start("control", 0, reloader, control);
        if (control->reloader == NULL) {
            r = err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
        }
    }
    if (r < 0) {
        gateway_control_close(control);
        return r;
    }
    *ret_control = control;
    return 0;
}

void gateway_control_close(struct gateway_control *control) {
    if (control == NULL) {
        return;
    }
    lock_take(&control->lock);
    control->stopping = true;
    cond_broadcast(&control->wake);
    lock_give(&control->lock);
    if (control->reloader != NULL) {
        task_join(control->reloader);
    }
    cond_free(&control->wake);
    lock_free(&control->lock);
    free(control);
}

void gateway_control_view(struct gateway_control *control, struct gateway_control_view *ret_view) {
    lock_take(&control->lock);
    *ret_view = control->view;
    lock_give(&control->lock);
}

/* ---- changing ---- */

/* The last one that takes new payments is not switched off by accident. Read inside the transaction
 * that changes it. */
static int others_enabled(const struct gateway_control_change *change, struct store_tx *tx,
                          struct err *err) {
    struct load_ctx load = {.control = change->control};
    /* The audit entry of this change queues on that row anyway: taken now, two who switch off the
     * last two at once come one after the other. */
    SQL_ROWS_AUTO head = NULL;
    int r = sql_query(tx, err, &head, "SELECT number FROM audit_head WHERE one = 1 FOR UPDATE");
    r = r < 0 ? r : load_tx(tx, &load, err);
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < gateway_count(change->control->registry); i++) {
        const char *name = gateway_at(change->control->registry, i)->name;
        if (strcmp(name, change->row) != 0 && load.view.state[i] == GATEWAY_ENABLED) {
            return 0;
        }
    }
    err_set(err, ERR_STATE, "%s is the last gateway that takes payments", change->row);
    return err_hint(err, "Enable another one first, or repeat with force to stop taking payments.");
}

int gateway_control_write(struct store_tx *tx, const struct gateway_control_change *change,
                          struct err *err) {
    int r = change->guard ? others_enabled(change, tx, err) : 0;
    if (r < 0) {
        return r;
    }
    r = sql_put(
        tx, err,
        "INSERT INTO gateway_control (gateway, state, value, reason, actor, at_us) VALUES ($1, $2, "
        "$3, $4, $5, $6) ON CONFLICT (gateway) DO UPDATE SET state = excluded.state, "
        "value = excluded.value, reason = excluded.reason, actor = excluded.actor, "
        "at_us = excluded.at_us",
        S_TEXT(change->row), S_INT(change->state), S_TEXT(change->value), S_TEXT(change->reason),
        S_TEXT(change->actor), S_INT(clock_wall_us()));
    if (r < 0) {
        return r;
    }
    BUF_AUTO detail;
    buf_init(&detail, 1024);
    buf_add_text(&detail, "{\"value\":");
    buf_add_json(&detail, change->value);
    buf_add_char(&detail, '}');
    return audit_append(tx, change->actor, change->action, change->subject, change->reason,
                        detail.data, err);
}

int gateway_control_changed(const struct gateway_control_change *change, struct err *err) {
    log_event(GATEWAY_CONTROL, LT("action", change->action), LT("subject", change->subject),
              LT("value", change->value), LT("actor", change->actor), LT("reason", change->reason));
    return gateway_control_reload(change->control, err);
}

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return gateway_control_write(tx, ctx, err);
}

int gateway_control_apply(const struct gateway_control_change *change, struct err *err) {
    struct gateway_control_change copy = *change;
    int r = store_write(change->control->store, write_tx, &copy, err);
    return r < 0 ? r : gateway_control_changed(change, err);
}

static int check(const struct gateway_control_change *change,
                 struct gateway_control_change *ret_change, struct err *err) {
    if (change->reason == NULL || change->reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the audit log");
        return err_place(err, "/reason");
    }
    *ret_change = *change;
    return 0;
}

static int unknown_gateway(const char *name, struct err *err) {
    err_set(err, ERR_NOT_FOUND, "there is no gateway \"%s\"", name);
    return err_hint(err, "`holdfast gateway list` names them.");
}

int gateway_control_set(struct gateway_control *control, const char *gateway,
                        enum gateway_switch state, bool force, const char *actor,
                        const char *reason, struct gateway_control_change *ret_change,
                        struct err *err) {
    if (gateway_find(control->registry, gateway) == NULL) {
        return unknown_gateway(gateway, err);
    }
    static const char *const actions[] = {"gateway.enable", "gateway.drain", "gateway.disable"};
    struct gateway_control_change change = {
        .control = control,
        .row = gateway,
        .value = gateway_switch_name(state),
        .actor = actor,
        .reason = reason,
        .action = actions[state],
        .subject = gateway,
        .state = state,
        .guard = state != GATEWAY_ENABLED && !force,
    };
    return check(&change, ret_change, err);
}

/* A runbook names the provider ("paypal"), the configuration its account there ("paypal-eu"). The
 * adapter's name will do while it can mean only one gateway; a gateway's own name comes first. */
static int find_by_provider(struct gateway_control *control, const char *name,
                            const char **ret_gateway, struct err *err) {
    const struct gateway *found = gateway_find(control->registry, name);
    for (int i = 0; found == NULL && i < gateway_count(control->registry); i++) {
        const struct gateway *one = gateway_at(control->registry, i);
        if (strcmp(one->adapter->name, name) != 0) {
            continue;
        }
        for (int j = i + 1; j < gateway_count(control->registry); j++) {
            if (gateway_at(control->registry, j)->adapter == one->adapter) {
                err_set(err, ERR_NOT_FOUND, "\"%s\" can mean several gateways, such as %s and %s",
                        name, one->name, gateway_at(control->registry, j)->name);
                return err_hint(err, "`holdfast gateway list` names them.");
            }
        }
        found = one;
    }
    if (found == NULL) {
        return unknown_gateway(name, err);
    }
    *ret_gateway = found->name;
    return 0;
}

int gateway_control_primary(struct gateway_control *control, const char *gateway, const char *actor,
                            const char *reason, struct gateway_control_change *ret_change,
                            struct err *err) {
    int r = gateway[0] != '\0' ? find_by_provider(control, gateway, &gateway, err) : 0;
    if (r < 0) {
        return r;
    }
    struct gateway_control_change change = {
        .control = control,
        .row = primary_row,
        .value = gateway,
        .actor = actor,
        .reason = reason,
        .action = "gateway.switch",
        .subject = gateway[0] != '\0' ? gateway : "by priority",
    };
    return check(&change, ret_change, err);
}

int gateway_control_fallback(struct gateway_control *control, bool on, const char *actor,
                             const char *reason, struct gateway_control_change *ret_change,
                             struct err *err) {
    struct gateway_control_change change = {
        .control = control,
        .row = fallback_row,
        .value = on ? "on" : "off",
        .actor = actor,
        .reason = reason,
        .action = on ? "gateway.fallback.enable" : "gateway.fallback.disable",
        .subject = "routing",
    };
    return check(&change, ret_change, err);
}
