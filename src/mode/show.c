/* SPDX-License-Identifier: Apache-2.0
 * show.c: the ladder, the switches and the notices in words: for operators, for the merchant's
 * events, and for everybody's browser. What everybody sees names no gateway, no person and no
 * reason. */
#include <stdio.h>
#include <string.h>

#include "mode/internal.h"

enum { HISTORY_ROWS = 20 };

static bool is_chinese(const char *language) {
    return strncmp(language, "zh", 2) == 0;
}

const char *mode_method_label(enum payment_method method, const char *language) {
    static const struct {
        const char *english, *chinese;
    } labels[] = {
        [METHOD_CARD] = {"Card", "银行卡"},
        [METHOD_PAYPAL] = {"PayPal", "PayPal"},
        [METHOD_ALIPAY] = {"Alipay", "支付宝"},
        [METHOD_WECHATPAY] = {"WeChat Pay", "微信支付"},
        [METHOD_UNIONPAY] = {"UnionPay", "银联"},
        [METHOD_BANK_TRANSFER] = {"Bank transfer", "银行转账"},
    };
    static_assert(COUNT_OF(labels) == METHOD_COUNT, "every method has a label");
    if (method < METHOD_CARD || method >= METHOD_COUNT) {
        return "?";
    }
    return is_chinese(language) ? labels[method].chinese : labels[method].english;
}

/* ---- notices ---- */

/* "Card, PayPal or WeChat Pay"; "" when nothing is left. */
static void alternatives(const struct mode_view *view, const char *language,
                         char ret_text[MODE_NOTICE_BYTES_MAX]) {
    bool chinese = is_chinese(language);
    int left = 0;
    size_t used = 0;
    ret_text[0] = '\0';
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        left += view->configured[m] && !view->hidden[m];
    }
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (!view->configured[m] || view->hidden[m]) {
            continue;
        }
        left--;
        const char *before = used == 0   ? ""
                             : left == 0 ? (chinese ? "或" : " or ")
                                         : (chinese ? "、" : ", ");
        int added = snprintf(ret_text + used, MODE_NOTICE_BYTES_MAX - used, "%s%s", before,
                             mode_method_label((enum payment_method)m, language));
        INVARIANT(added > 0 && used + (size_t)added < MODE_NOTICE_BYTES_MAX,
                  "the names of all methods fit into a notice");
        used += (size_t)added;
    }
}

void mode_notice(const struct mode_view *view, enum payment_method method, const char *language,
                 char ret_text[MODE_NOTICE_BYTES_MAX]) {
    char others[MODE_NOTICE_BYTES_MAX];
    const char *label = mode_method_label(method, language);
    ret_text[0] = '\0';
    if (!view->hidden[method]) {
        return;
    }
    alternatives(view, language, others);
    if (others[0] == '\0') {
        snprintf(ret_text, MODE_NOTICE_BYTES_MAX,
                 is_chinese(language) ? "%s暂时不可用,请稍后再试。"
                                      : "%s is unavailable at the moment; please try again later.",
                 label);
    } else {
        snprintf(ret_text, MODE_NOTICE_BYTES_MAX,
                 is_chinese(language) ? "%s暂时不可用,请使用%.300s付款。"
                                      : "%s is unavailable at the moment; please pay with %.300s.",
                 label, others);
    }
}

static void text_or_null(struct buf *buf, const char *name, const char *text) {
    buf_addf(buf, ",\"%s\":", name);
    if (text[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, text);
    }
}

static void time_or_null(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    text_or_null(buf, name, wall_us > 0 ? clock_format(wall_us, text) : "");
}

static void add_bool(struct buf *buf, const char *name, bool value) {
    buf_addf(buf, ",\"%s\":%s", name, value ? "true" : "false");
}

void mode_methods_json(const struct mode_view *view, struct buf *buf) {
    char notice[MODE_NOTICE_BYTES_MAX];
    const char *comma = "[";
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        enum payment_method method = (enum payment_method)i;
        if (!view->configured[i]) {
            continue;
        }
        buf_addf(buf, "%s{\"method\":\"%s\",\"name\":\"%s\",\"name_zh\":\"%s\"", comma,
                 method_name(method), mode_method_label(method, "en"),
                 mode_method_label(method, "zh"));
        add_bool(buf, "available", !view->hidden[i]);
        mode_notice(view, method, "en", notice);
        text_or_null(buf, "notice", notice);
        mode_notice(view, method, "zh", notice);
        text_or_null(buf, "notice_zh", notice);
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_text(buf, comma[0] == '[' ? "[]" : "]");
}

/* What stands above all methods: nothing while payments are taken. */
static const char *general_notice(const struct mode_view *view, bool chinese) {
    if (view->step == MODE_READ_ONLY) {
        return chinese ? "支付暂时关闭,请稍后再试。"
                       : "Payments are closed for a moment; please try again in a minute.";
    }
    if (view->step == MODE_DEFERRED) {
        return chinese ? "目前没有可用的支付方式,您可以先下单,稍后付款。"
                       : "No way to pay is available at the moment; you can order now and pay "
                         "later.";
    }
    return "";
}

void mode_notices_json(struct mode *mode, const char *language, struct buf *buf) {
    struct mode_view view;
    char notice[MODE_NOTICE_BYTES_MAX];
    bool chinese = is_chinese(language);
    mode_view(mode, &view);
    buf_addf(buf, "{\"language\":\"%s\",\"mode\":\"%s\",\"taking_payments\":%s",
             chinese ? "zh" : "en", mode_step_name(view.step),
             view.step < MODE_DEFERRED ? "true" : "false");
    add_bool(buf, "pay_later", view.step == MODE_DEFERRED);
    text_or_null(buf, "notice", general_notice(&view, chinese));
    buf_add_text(buf, ",\"methods\":[");
    const char *comma = "";
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        enum payment_method method = (enum payment_method)i;
        if (!view.configured[i]) {
            continue;
        }
        buf_addf(buf, "%s{\"method\":\"%s\",\"name\":\"%s\"", comma, method_name(method),
                 mode_method_label(method, language));
        add_bool(buf, "available", !view.hidden[i] && view.step != MODE_READ_ONLY);
        mode_notice(&view, method, language, notice);
        text_or_null(buf, "notice", notice);
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_text(buf, "]}");
}

/* ---- for operators ---- */

static void hand_json(const struct mode_view *view, struct buf *buf) {
    if (view->hand == HAND_OFF) {
        buf_add_text(buf, ",\"by_hand\":null");
        return;
    }
    buf_addf(buf, ",\"by_hand\":{\"step\":\"%s\"", mode_step_name(view->hand_step));
    add_bool(buf, "pinned", view->hand == HAND_EXACTLY);
    text_or_null(buf, "reason", view->hand_reason);
    text_or_null(buf, "actor", view->hand_actor);
    time_or_null(buf, "at", view->hand_us);
    time_or_null(buf, "until", view->hand_until_us);
    buf_add_char(buf, '}');
}

static void simplified_json(const struct mode *mode, const struct mode_view *view,
                            struct buf *buf) {
    buf_addf(buf, ",\"simplified\":{\"on\":%s", view->simplified ? "true" : "false");
    text_or_null(buf, "reason", view->simplified_reason);
    text_or_null(buf, "actor", view->simplified_actor);
    time_or_null(buf, "at", view->simplified_us);
    buf_add_text(buf, ",\"core\":[");
    const char *comma = "";
    for (int i = PURPOSE_ORDER; i < PURPOSE_COUNT; i++) {
        if (mode->settings.core[i]) {
            buf_addf(buf, "%s\"%s\"", comma, purpose_name((enum payment_purpose)i));
            comma = ",";
        }
    }
    buf_add_text(buf, "],\"route\":[");
    comma = "";
    for (int i = METHOD_CARD; i < METHOD_COUNT; i++) {
        if (mode->settings.route[i][0] != '\0') {
            buf_addf(buf, "%s{\"method\":\"%s\",\"gateway\":\"%s\"}", comma,
                     method_name((enum payment_method)i), mode->settings.route[i]);
            comma = ",";
        }
    }
    buf_add_text(buf, "]}");
}

static void ladder_json(const struct mode *mode, struct buf *buf) {
    static const struct {
        const char *condition, *effect, *owner;
    } words[] = {
#define X(name, number, text, enter_s, exit_s, condition, effect, owner)                           \
    [number] = {(condition), (effect), (owner)},
#include "mode/mode_steps.def"
#undef X
    };
    static const struct hold_times none = {0};
    const struct ladder_rules *rules = &mode->settings.rules;
    const struct hold_times *times[] = {&none, &rules->reroute, &rules->reduced, &rules->deferred,
                                        &rules->read_only};
    static_assert(COUNT_OF(times) == MODE_STEPS, "every step has its times");
    buf_add_text(buf, ",\"ladder\":[");
    for (int i = MODE_NORMAL; i < MODE_STEPS; i++) {
        buf_addf(buf, "%s{\"step\":\"%s\",\"enter_s\":%lld,\"exit_s\":%lld", i > 0 ? "," : "",
                 mode_step_name((enum mode_step)i), (long long)(times[i]->enter_us / US_PER_SECOND),
                 (long long)(times[i]->exit_us / US_PER_SECOND));
        text_or_null(buf, "condition", words[i].condition);
        text_or_null(buf, "effect", words[i].effect);
        text_or_null(buf, "owner", words[i].owner);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static int history_json(struct store_tx *tx, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number, at_us, from_step, to_step, rule, reason, actor FROM "
                      "mode_change ORDER BY number DESC LIMIT $1",
                      S_INT(HISTORY_ROWS));
    const char *comma = "";
    buf_add_text(buf, ",\"history\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(buf, "%s{\"number\":%lld", comma, (long long)sql_int(rows, 0));
        time_or_null(buf, "at", sql_int(rows, 1));
        text_or_null(buf, "from", mode_step_name((enum mode_step)sql_int(rows, 2)));
        text_or_null(buf, "step", mode_step_name((enum mode_step)sql_int(rows, 3)));
        text_or_null(buf, "rule", sql_text(rows, 4));
        text_or_null(buf, "reason", sql_text(rows, 5));
        text_or_null(buf, "actor", sql_text(rows, 6));
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r;
}

static int instances_json(struct store_tx *tx, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT instance, broken, at_us FROM mode_sight ORDER BY at_us DESC LIMIT $1",
                      S_INT(HISTORY_ROWS));
    const char *comma = "";
    buf_add_text(buf, ",\"instances\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(buf, "%s{\"instance\":\"%s\"", comma, sql_text(rows, 0));
        text_or_null(buf, "broken", sql_text(rows, 1));
        time_or_null(buf, "seen_at", sql_int(rows, 2));
        buf_add_char(buf, '}');
        comma = ",";
    }
    buf_add_char(buf, ']');
    return r;
}

/* What the row in this very transaction says, which may have been changed by it. */
static int view_tx(struct mode *mode, struct store_tx *tx, struct mode_view *ret_view,
                   struct err *err) {
    struct mode_row row;
    struct mode_switches switches;
    if (tx == NULL) {
        mode_view(mode, ret_view);
        return 0;
    }
    int r = mode_row_load(tx, false, &row, err);
    r = r < 0 ? r : mode_switches_load(tx, &switches, err);
    if (r >= 0) {
        mode_view_of(mode, &row, &switches, ret_view);
    }
    return r;
}

int mode_json(struct mode *mode, struct store_tx *tx, struct buf *buf, struct err *err) {
    struct mode_view view;
    int r = view_tx(mode, tx, &view, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"step\":\"%s\",\"rule\":\"%s\"", mode_step_name(view.step), view.rule);
    time_or_null(buf, "since", view.since_us);
    text_or_null(buf, "reason", view.reason);
    text_or_null(buf, "actor", view.actor);
    text_or_null(buf, "by_rules", mode_step_name(view.ruled));
    hand_json(&view, buf);
    simplified_json(mode, &view, buf);
    buf_add_text(buf, ",\"methods\":");
    mode_methods_json(&view, buf);
    ladder_json(mode, buf);
    if (tx == NULL) {
        buf_add_text(buf, ",\"history\":[],\"instances\":[]}");
        return 0;
    }
    r = history_json(tx, buf, err);
    r = r < 0 ? r : instances_json(tx, buf, err);
    buf_add_char(buf, '}');
    return r;
}

void mode_glance_json(struct mode *mode, bool operators, struct buf *buf) {
    struct mode_view view;
    mode_view(mode, &view);
    buf_addf(buf, "{\"step\":\"%s\"", mode_step_name(view.step));
    if (operators) {
        time_or_null(buf, "since", view.since_us);
        text_or_null(buf, "reason", view.reason);
        add_bool(buf, "simplified", view.simplified);
    }
    buf_add_char(buf, '}');
}

/* ---- switches ---- */

/* Of a row with off (or a gateway's state), reason, actor, at and until; none: it is on, and nobody
 * ever said otherwise. `held`: it is off all the same, and why; or NULL. */
static int switch_json(struct sql_rows *rows, enum mode_switch_kind kind, const char *name,
                       const char *held, struct buf *buf, struct err *err) {
    int r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t until = r > 0 ? sql_int(rows, 4) : 0;
    int64_t own = r > 0 && (until == 0 || clock_wall_us() < until) ? sql_int(rows, 0) : 0;
    int64_t off = own == 0 && held != NULL ? 1 : own;
    const char *state = kind == SWITCH_GATEWAY ? gateway_switch_name((enum gateway_switch)off)
                        : off != 0             ? "off"
                                               : "on";
    buf_addf(buf, "%s{\"kind\":\"%s\",\"name\":\"%s\"", buf->data[buf->len - 1] == '[' ? "" : ",",
             mode_switch_kind_name(kind), name);
    add_bool(buf, "on", off == 0);
    text_or_null(buf, "state", state);
    bool said = r > 0 && own == off;
    text_or_null(buf, "reason", said ? sql_text(rows, 1) : held != NULL ? held : "");
    text_or_null(buf, "actor", said ? sql_text(rows, 2) : "");
    time_or_null(buf, "at", said ? sql_int(rows, 3) : 0);
    time_or_null(buf, "until", own != 0 ? until : 0);
    buf_add_char(buf, '}');
    return 0;
}

static int plain_switch(struct store_tx *tx, enum mode_switch_kind kind, const char *name,
                        const char *held, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT off, reason, actor, at_us, until_us FROM mode_switch WHERE kind = $1 "
                      "AND name = $2",
                      S_TEXT(mode_switch_kind_name(kind)), S_TEXT(name));
    return r < 0 ? r : switch_json(rows, kind, name, held, buf, err);
}

static int gateway_switch(struct store_tx *tx, const char *name, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT c.state, c.reason, c.actor, c.at_us, COALESCE(s.until_us, 0) FROM "
                      "gateway_control c LEFT JOIN mode_switch s ON s.kind = 'gateway' AND "
                      "s.name = c.gateway AND s.off = 1 AND s.reason = c.reason WHERE "
                      "c.gateway = $1",
                      S_TEXT(name));
    return r < 0 ? r : switch_json(rows, SWITCH_GATEWAY, name, NULL, buf, err);
}

int mode_switches_json(struct mode *mode, struct store_tx *tx, const char *renewals_held,
                       struct buf *buf, struct err *err) {
    const struct gateway_registry *registry = mode->options.registry;
    struct mode_view view;
    int r = view_tx(mode, tx, &view, err);
    buf_add_text(buf, "{\"data\":[");
    for (int i = PURPOSE_ORDER; r >= 0 && i < PURPOSE_COUNT; i++) {
        r = plain_switch(tx, SWITCH_PURPOSE, purpose_name((enum payment_purpose)i),
                         i == PURPOSE_SUBSCRIPTION ? renewals_held : NULL, buf, err);
    }
    for (int i = METHOD_CARD; r >= 0 && i < METHOD_COUNT; i++) {
        r = view.configured[i] ? plain_switch(tx, SWITCH_METHOD,
                                              method_name((enum payment_method)i), NULL, buf, err)
                               : 0;
    }
    for (int i = 0; r >= 0 && i < gateway_count(registry); i++) {
        r = gateway_switch(tx, gateway_at(registry, i)->name, buf, err);
    }
    buf_add_text(buf, "]}");
    return r;
}
