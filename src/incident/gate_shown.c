/* SPDX-License-Identifier: Apache-2.0
 * gate_shown.c: whether what a customer is shown is what the books say. The status look-up of an
 * order, the pay page and webhooks are rendered from the payment's row; so each row that the
 * trouble can have touched is held against its attempts and its postings. And whether what pages
 * say of methods (notices, the public status page) is still so. */
#include <stdio.h>
#include <string.h>

#include "comms/status.h"
#include "incident/gate_impl.h"
#include "mode/mode.h"

/* Each rule gives the payments of the time and scope that break it. */
#define OF_THEM                                                                                    \
    "SELECT p.id, p.order_id FROM payment p WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE " AND "
#define POSTED(plus, minus)                                                                        \
    "(SELECT COALESCE(SUM(CASE WHEN s.kind IN " minus " THEN -s.amount_minor ELSE s.amount_minor " \
    "END), 0) FROM posting s WHERE s.payment_id = p.id AND s.kind IN " plus ")"
static const struct {
    const char *name, *what[NOTICE_LANGUAGES], *sql;
} rules[] = {
    {"paid_without_charge",
     {"is shown as paid, and nothing was charged", "显示已支付,但没有扣款"},
     OF_THEM "p.state = 5 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND "
             "a.state = 6) ORDER BY p.id"},
    {"charged_not_paid",
     {"was charged, and is not shown as paid", "已扣款,但未显示已支付"},
     OF_THEM "p.state <> 5 AND EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND "
             "a.state = 6) ORDER BY p.id"},
    {"captured_otherwise",
     {"is shown with another sum than was booked", "显示的金额与账目不一致"},
     OF_THEM "p.captured_minor <> " POSTED("(1, 2, 12, 25, 60)", "(60)") " ORDER BY p.id"},
    {"refunded_otherwise",
     {"is shown with another refund than was booked", "显示的退款与账目不一致"},
     OF_THEM "p.refunded_minor <> " POSTED("(3, 4, 8, 15)", "(4)") " ORDER BY p.id"},
    {"over_while_open",
     {"is shown as not charged, and may yet be", "显示未扣款,但仍可能被扣款"},
     OF_THEM "p.state IN (6, 7) AND EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND "
             "a.live = 1) ORDER BY p.id"},
    {"again_while_open",
     {"may be paid again, and its money may have moved", "允许再次支付,但款项可能已扣取"},
     OF_THEM "p.holds_order IS NULL AND EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id "
             "AND a.live = 1) ORDER BY p.id"},
    {"suspense_not_told",
     {"is shown as not charged, and its money lies in suspense", "显示未扣款,但款项在挂账中"},
     OF_THEM "p.state IN (6, 7) AND p.review = '' AND " POSTED("(10, 11, 12, 15, 16, 23, 24)",
                                                              "(11, 12, 23, 24)") " > 0 "
             "ORDER BY p.id"},
};

/* ---- each affected payment ---- */

struct shown {
    int64_t wrong;
    size_t rule; /* of the first */
    char first[ID_TEXT_MAX];
};

static int look_at_rule(struct gate_look *look, size_t rule, struct shown *shown, struct buf *buf,
                        struct err *err) {
    int64_t from_us = look->subject->scope.from_us;
    struct gate_ids ids = gate_ids("pay", from_us, look->until_us);
    SQL_ROWS_AUTO rows = NULL;
    struct gate_told told = {.buf = buf};
    int r = sql_query(look->tx, err, &rows, rules[rule].sql,
                      SQL_SCOPE_ARGS(ids, from_us, look->until_us, &look->names));
    buf_addf(buf, "%s\"%s\":{\"payments\":[", rule > 0 ? "," : "", rules[rule].name);
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (shown->wrong++ == 0) {
            shown->rule = rule;
            snprintf(shown->first, sizeof shown->first, "%s", sql_text(rows, 0));
        }
        if (gate_tell(&told)) {
            buf_addf(buf, "\"%s\"", sql_text(rows, 0));
        }
    }
    buf_addf(buf, "],\"count\":%lld}", (long long)told.count);
    return r;
}

static int count_looked_at(struct gate_look *look, int64_t *ret_count, struct err *err) {
    int64_t from_us = look->subject->scope.from_us;
    struct gate_ids ids = gate_ids("pay", from_us, look->until_us);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(look->tx, err, &rows,
                      "SELECT COUNT(*) FROM payment p WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE,
                      SQL_SCOPE_ARGS(ids, from_us, look->until_us, &look->names));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_count = r > 0 ? sql_int(rows, 0) : 0;
    return r;
}

/* ---- notices ---- */

/* A method of the scope that pages tell to be unavailable because of its gateways; the step of the
 * ladder at which customers are told to come again. */
struct notices {
    char method[40];
    int64_t step;
};

static int read_notices(struct gate_look *look, struct notices *notices, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char names[400] = "", *rest = NULL;
    int r = sql_query(look->tx, err, &rows, "SELECT step, unrouted FROM mode_state WHERE one = 1");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    notices->step = sql_int(rows, 0);
    snprintf(names, sizeof names, "%s", sql_text(rows, 1));
    for (char *name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        if (scope_has(&look->subject->scope.methods, name)) {
            snprintf(notices->method, sizeof notices->method, "%s", name);
        }
    }
    return 0;
}

/* ---- the public page ---- */

static void methods_of(const struct scope_names *names, bool ret_methods[METHOD_COUNT]) {
    memset(ret_methods, 0, METHOD_COUNT * sizeof *ret_methods);
    for (int i = 0; i < names->count; i++) {
        enum payment_method method = METHOD_CARD;
        if (method_parse(names->names[i], &method)) {
            ret_methods[method] = true;
        }
    }
}

/* What a person has set there, and has not taken back; what is told there and of no incident, so
 * that nothing ends it. What tells of an incident ends with that one's own proof, this one's too,
 * and is no reason here. */
static int read_page(struct gate_look *look, struct status_shown *page, struct err *err) {
    bool methods[METHOD_COUNT];
    methods_of(&look->subject->scope.methods, methods);
    *page = (struct status_shown){.level = LEVEL_OPERATIONAL};
    return look->gate->status == NULL
               ? 0
               : status_shown(look->tx, look->gate->status, methods, page, err);
}

static bool page_refuses(struct gate_look *look, const struct status_shown *page,
                         struct gate_line *line) {
    if (page->set_by_hand) {
        GATE_SAY(look, line, "The status page shows {what} as {level}, set by hand.",
                 "状态页显示 {what} 为 {level}(人工设置)。", {"what", page->component},
                 {"level", status_level_name(page->level)});
        line->command = arena_printf(
            look->arena, "holdfast statuspage component %s auto --reason \"...\"",
            page->component);
        return true;
    }
    if (page->incident[0] != '\0' && page->incident_of[0] == '\0') {
        GATE_SAY(look, line,
                 "The status page still tells of {id}, which belongs to no incident here.",
                 "状态页仍在公告 {id},而它不属于任何内部事件。", {"id", page->incident});
        line->command = arena_printf(look->arena, "holdfast statuspage incident %s",
                                     page->incident);
        return true;
    }
    return false;
}

/* ---- in words ---- */

static void say(struct gate_look *look, const struct shown *shown, const struct notices *notices,
                const struct status_shown *page, int64_t count, struct gate_line *line) {
    const struct phrase_word all = {"all", gate_number(look, count)},
                             wrong = {"wrong", gate_number(look, shown->wrong)},
                             id = {"id", shown->first};
    if (shown->wrong > 0) {
        line->why[NOTICE_EN] = PHRASE(
            look->arena,
            "Of {all} payments of that time {wrong} are shown otherwise than they are: {id} "
            "{what}.",
            all, wrong, id, {"what", rules[shown->rule].what[NOTICE_EN]});
        line->why[NOTICE_ZH] =
            PHRASE(look->arena, "该时段 {all} 笔支付中有 {wrong} 笔显示与事实不符:{id} {what}。", all, wrong,
                   id, {"what", rules[shown->rule].what[NOTICE_ZH]});
        line->command = arena_printf(look->arena, "holdfast payment show %s", shown->first);
    } else if (notices->step >= MODE_DEFERRED) {
        const char *step = mode_step_name((enum mode_step)notices->step);
        GATE_SAY(look, line, "Customers cannot pay as usual: the ladder stands at {step}.",
                 "客户无法正常支付:降级阶梯处于 {step}。", {"step", step});
        line->command = "holdfast mode show";
    } else if (notices->method[0] != '\0') {
        GATE_SAY(look, line, "Customers are told that {method} is unavailable.",
                 "客户仍被告知 {method} 不可用。", {"method", notices->method});
        line->command = "holdfast mode show";
    } else if (!page_refuses(look, page, line)) {
        line->passed = true;
        GATE_SAY(look, line,
                 "All {all} payments of that time are shown as they are, and no notice tells of "
                 "trouble.",
                 "该时段全部 {all} 笔支付的显示与账目一致,没有故障公告。", all);
    }
}

int gate_shown(struct gate_look *look, struct gate_line *line, struct err *err) {
    struct shown shown = {.wrong = 0};
    struct notices notices = {.step = 0};
    struct status_shown page;
    int64_t count = 0;
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    int r = count_looked_at(look, &count, err);
    buf_addf(&buf, "{\"payments\":%lld,\"rules\":{", (long long)count);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(rules); i++) {
        r = look_at_rule(look, i, &shown, &buf, err);
    }
    r = r < 0 ? r : read_notices(look, &notices, err);
    r = r < 0 ? r : read_page(look, &page, err);
    buf_addf(&buf, "},\"step\":\"%s\",\"unavailable\":",
             mode_step_name((enum mode_step)notices.step));
    buf_add_json(&buf, notices.method);
    if (r >= 0 && look->gate->status != NULL) {
        buf_addf(&buf,
                 ",\"status_page\":{\"level\":\"%s\",\"set_by_hand\":%s,\"incident\":\"%s\"}",
                 status_level_name(page.level), page.set_by_hand ? "true" : "false",
                 page.incident);
    }
    buf_add_char(&buf, '}');
    if (r >= 0) {
        say(look, &shown, &notices, &page, count, line);
        r = gate_evidence(look, line, &buf, err);
    }
    return r;
}
