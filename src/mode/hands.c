/* SPDX-License-Identifier: Apache-2.0
 * hands.c: what people say: a step by hand, switches, the simplified flow. Each is one change in
 * the caller's transaction, with its entry on the audit log. */
#include <stdio.h>
#include <string.h>

#include "mode/internal.h"
#include "store/audit.h"

enum { DETAIL_BYTES_MAX = 2048 };

static int check_words(const char *reason, int64_t until_us, struct err *err) {
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the audit log");
        return err_place(err, "/reason");
    }
    if (until_us != 0 && until_us <= clock_wall_us()) {
        err_set(err, ERR_VALIDATION, "it must end at a time to come");
        return err_place(err, "/until");
    }
    return 0;
}

static void add_until(struct buf *buf, int64_t until_us) {
    char text[CLOCK_TEXT_MAX];
    if (until_us > 0) {
        buf_addf(buf, ",\"until\":\"%s\"", clock_format(until_us, text));
    }
    buf_add_char(buf, '}');
}

/* ---- a step by hand ---- */

static int guard_read_only(const struct mode_row *row, const struct mode_order *order,
                           struct err *err) {
    bool closed = mode_row_by_hand(row, clock_wall_us()) && row->hand_step == MODE_READ_ONLY;
    bool ends = order->automatic || order->step != MODE_READ_ONLY;
    if (!closed || !ends || order->end_read_only) {
        return 0;
    }
    err_set(err, ERR_STATE, "%.60s has closed it for writing: %.200s", row->hand_actor,
            row->hand_reason);
    return err_hint(err, "Ask him; then repeat with end_read_only true (`--end-read-only`).");
}

static int audit_set(struct store_tx *tx, const struct mode_order *order, struct err *err) {
    BUF_AUTO detail;
    buf_init(&detail, DETAIL_BYTES_MAX);
    buf_addf(&detail, "{\"step\":\"%s\",\"pinned\":%s",
             order->automatic ? "auto" : mode_step_name(order->step),
             order->hand == HAND_EXACTLY ? "true" : "false");
    add_until(&detail, order->until_us);
    return audit_append(tx, order->actor, order->automatic ? "mode.auto" : "mode.set", "mode",
                        order->reason, detail.data, err);
}

static void take_hand(struct mode_row *row, const struct mode_order *order, int64_t now_us) {
    row->hand = order->automatic ? HAND_OFF : order->hand;
    row->hand_step = order->automatic ? MODE_NORMAL : order->step;
    row->hand_us = now_us;
    row->hand_until_us = order->automatic ? 0 : order->until_us;
    snprintf(row->hand_reason, sizeof row->hand_reason, "%s", order->reason);
    snprintf(row->hand_actor, sizeof row->hand_actor, "%s", order->actor);
}

int mode_set(struct mode *mode, struct store_tx *tx, const struct mode_order *order,
             struct err *err) {
    struct mode_row row;
    int r = check_words(order->reason, order->automatic ? 0 : order->until_us, err);
    if (r >= 0 && !order->automatic && order->step == MODE_NORMAL && order->hand != HAND_EXACTLY) {
        err_set(err, ERR_VALIDATION, "it is always at least normal");
        err_place(err, "/step");
        return err_hint(err, "\"auto\" lets the rules decide; `pin` holds it at normal.");
    }
    r = r < 0 ? r : mode_row_load(tx, true, &row, err);
    r = r < 0 ? r : guard_read_only(&row, order, err);
    if (r < 0) {
        return r;
    }
    int64_t now = clock_wall_us();
    take_hand(&row, order, now);
    enum mode_step to = mode_row_step(&row, now);
    char reason[MODE_REASON_BYTES];
    snprintf(reason, sizeof reason, "%s%.1900s",
             order->automatic ? "left to the rules again: " : "", order->reason);
    r = to == row.step
            ? 0
            : mode_move(mode, tx, &row, to, order->automatic ? mode_rule_of(to) : "by_hand", reason,
                        order->actor, err);
    r = r < 0 ? r : mode_row_save(tx, &row, err);
    return r < 0 ? r : audit_set(tx, order, err);
}

int mode_hand_end(struct store_tx *tx, const struct mode_row *row, struct err *err) {
    char reason[MODE_REASON_BYTES];
    snprintf(reason, sizeof reason, "its time was over: %.1900s", row->hand_reason);
    const struct mode_order over = {.automatic = true, .actor = "system", .reason = reason};
    return audit_set(tx, &over, err);
}

/* ---- switches ---- */

const char *mode_switch_kind_name(enum mode_switch_kind kind) {
    static const char *const names[] = {"?", "purpose", "method", "gateway"};
    return (size_t)kind < COUNT_OF(names) ? names[kind] : "?";
}

bool mode_switch_kind_parse(const char *name, enum mode_switch_kind *ret_kind) {
    for (int i = SWITCH_PURPOSE; i <= SWITCH_GATEWAY; i++) {
        if (strcmp(name, mode_switch_kind_name((enum mode_switch_kind)i)) == 0) {
            *ret_kind = (enum mode_switch_kind)i;
            return true;
        }
    }
    return false;
}

static int check_name(const struct mode_switching *switching, struct err *err) {
    enum payment_purpose purpose;
    enum payment_method method;
    bool known = switching->kind == SWITCH_GATEWAY ||
                 (switching->kind == SWITCH_PURPOSE && purpose_parse(switching->name, &purpose)) ||
                 (switching->kind == SWITCH_METHOD && method_parse(switching->name, &method));
    if (known) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", mode_switch_kind_name(switching->kind),
            switching->name);
    err_place(err, "/name");
    return err_hint(err, "GET /v1/switches names them all.");
}

static int audit_switch(struct store_tx *tx, const struct mode_switching *switching,
                        struct err *err) {
    char subject[120];
    snprintf(subject, sizeof subject, "%s/%.60s", mode_switch_kind_name(switching->kind),
             switching->name);
    BUF_AUTO detail;
    buf_init(&detail, DETAIL_BYTES_MAX);
    buf_addf(&detail, "{\"on\":%s", switching->off ? "false" : "true");
    add_until(&detail, switching->off ? switching->until_us : 0);
    return audit_append(tx, switching->actor, switching->off ? "switch.off" : "switch.on", subject,
                        switching->reason, detail.data, err);
}

int mode_switch(struct mode *mode, struct store_tx *tx, const struct mode_switching *switching,
                struct err *err) {
    struct gateway_control_change change;
    bool gateway = switching->kind == SWITCH_GATEWAY;
    int r = check_words(switching->reason, switching->off ? switching->until_us : 0, err);
    r = r < 0 ? r : check_name(switching, err);
    if (r >= 0 && gateway) {
        r = gateway_control_set(mode->options.control, switching->name,
                                switching->off ? GATEWAY_DISABLED : GATEWAY_ENABLED,
                                switching->force, switching->actor, switching->reason, &change,
                                err);
    }
    r = r < 0 ? r : mode_switch_save(tx, switching, err);
    if (r < 0) {
        return r;
    }
    return gateway ? gateway_control_write(tx, &change, err) : audit_switch(tx, switching, err);
}

struct ending {
    enum mode_switch_kind kind;
    char name[64], reason[MODE_REASON_BYTES];
};

static int find_ended(struct store_tx *tx, int64_t now_us, struct ending *ret_ending,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, name, reason FROM mode_switch WHERE off = 1 AND until_us > 0 "
                      "AND until_us <= $1 ORDER BY kind, name LIMIT 1",
                      S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0 && !mode_switch_kind_parse(sql_text(rows, 0), &ret_ending->kind)) {
        return err_set(err, ERR_STORE_CORRUPT, "a switch is of no known kind");
    }
    if (r > 0) {
        snprintf(ret_ending->name, sizeof ret_ending->name, "%s", sql_text(rows, 1));
        snprintf(ret_ending->reason, sizeof ret_ending->reason, "its time was over: %.1900s",
                 sql_text(rows, 2));
    }
    return r;
}

/* 1: the gateway is off because of this switch, and nobody has said anything of it since. */
static int gateway_still_off(struct store_tx *tx, const char *name, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT 1 FROM gateway_control c, mode_switch s WHERE c.gateway = $1 AND "
                      "s.kind = 'gateway' AND s.name = $1 AND c.state = $2 AND c.reason = s.reason "
                      "AND c.actor = s.actor",
                      S_TEXT(name), S_INT(GATEWAY_DISABLED));
    return r < 0 ? r : sql_next(rows, err);
}

int mode_switches_end(struct mode *mode, struct store_tx *tx, int64_t now_us, struct err *err) {
    struct ending ending;
    int r;
    while ((r = find_ended(tx, now_us, &ending, err)) > 0) {
        const struct mode_switching on = {
            .kind = ending.kind, .name = ending.name, .actor = "system", .reason = ending.reason};
        bool gateway = ending.kind == SWITCH_GATEWAY;
        bool there = !gateway || gateway_find(mode->options.registry, ending.name) != NULL;
        int ours = gateway && there ? gateway_still_off(tx, ending.name, err) : there;
        r = ours < 0   ? ours
            : ours > 0 ? mode_switch(mode, tx, &on, err)
                       : mode_switch_save(tx, &on, err);
        if (r < 0) {
            return r;
        }
    }
    return r;
}

/* ---- the simplified flow ---- */

static const char did_risk[] = ",risk,", did_renewals[] = ",renewals,";

static int simplify(struct mode *mode, struct store_tx *tx, struct mode_row *row,
                    struct mode_simplifying *simplifying, struct err *err) {
    bool checks = false;
    int r = mode->options.risk != NULL ? risk_is_on(mode->options.risk, tx, &checks, err) : 0;
    r = r < 0 || !checks ? r
                         : risk_switch(mode->options.risk, tx, false, simplifying->actor,
                                       simplifying->reason, err);
    snprintf(row->simplified_did, sizeof row->simplified_did, "%s", checks ? did_risk : ",");
    simplifying->ret_pause_renewals = !mode->settings.core[PURPOSE_SUBSCRIPTION];
    return r;
}

/* What somebody has switched on again meanwhile stays as it is. */
static int give_back(struct mode *mode, struct store_tx *tx, struct mode_row *row,
                     struct mode_simplifying *simplifying, struct err *err) {
    bool checks = true;
    bool ours = strstr(row->simplified_did, did_risk) != NULL;
    int r = ours && mode->options.risk != NULL ? risk_is_on(mode->options.risk, tx, &checks, err)
                                               : 0;
    r = r < 0 || checks ? r
                        : risk_switch(mode->options.risk, tx, true, simplifying->actor,
                                      simplifying->reason, err);
    simplifying->ret_resume_renewals = strstr(row->simplified_did, did_renewals) != NULL;
    snprintf(row->simplified_did, sizeof row->simplified_did, ",");
    return r;
}

int mode_simplify(struct mode *mode, struct store_tx *tx, struct mode_simplifying *simplifying,
                  struct err *err) {
    struct mode_row row;
    simplifying->ret_changed = simplifying->ret_pause_renewals = false;
    simplifying->ret_resume_renewals = false;
    int r = check_words(simplifying->reason, 0, err);
    r = r < 0 ? r : mode_row_load(tx, true, &row, err);
    if (r < 0 || row.simplified == simplifying->on) {
        return r;
    }
    simplifying->ret_changed = true;
    row.simplified = simplifying->on;
    row.simplified_us = clock_wall_us();
    snprintf(row.simplified_reason, sizeof row.simplified_reason, "%s", simplifying->reason);
    snprintf(row.simplified_actor, sizeof row.simplified_actor, "%s", simplifying->actor);
    r = simplifying->on ? simplify(mode, tx, &row, simplifying, err)
                        : give_back(mode, tx, &row, simplifying, err);
    r = r < 0 ? r
              : mode_move(mode, tx, &row, row.step, "simplified", simplifying->reason,
                          simplifying->actor, err);
    r = r < 0 ? r : mode_row_save(tx, &row, err);
    return r < 0 ? r
                 : audit_append(tx, simplifying->actor,
                                simplifying->on ? "mode.simplified.on" : "mode.simplified.off",
                                "mode", simplifying->reason, "{}", err);
}

int mode_simplified_paused_renewals(struct store_tx *tx, struct err *err) {
    return sql_put_one(tx, err,
                       "UPDATE mode_state SET simplified_did = simplified_did || 'renewals,' WHERE "
                       "one = 1");
}
