/* SPDX-License-Identifier: Apache-2.0
 * brief_words.c: what the parts of a brief say, as sentences, in either language. */
#include <string.h>

#include "base/json.h"
#include "incident/brief_impl.h"

enum { WORST_MAX = 3, MONEY_LINES_MAX = 3, MEASURE_LINES_MAX = 6 };

static const char *const parts[BRIEF_PARTS][NOTICE_LANGUAGES] = {
    {"Severity and phase", "严重程度与阶段"},
    {"Do now", "立即行动"},
    {"Customer impact", "客户影响"},
    {"Next update", "下次通报"},
    {"Reconciliation and correctness", "对账与正确性"},
};

const char *brief_part(int part, enum notice_language language) {
    return parts[part][language];
}

/* Both are formats, where one of them is. */
__attribute__((format_arg(2), format_arg(3)))
static const char *say(const struct brief *brief, const char *en, const char *zh) {
    return brief->language == NOTICE_ZH ? zh : en;
}

static void put(struct brief_lines *lines, const char *line) {
    if (lines->count < BRIEF_LINES_MAX) {
        lines->lines[lines->count++] = line;
    }
}

static const char *severity_name(int64_t severity) {
    return notice_severity_name((enum notice_severity)severity);
}

const char *brief_title(const struct brief *brief) {
    const struct incident_row *row = &brief->view->row;
    return arena_printf(brief->arena, "%s #%lld  %s  %s%s", say(brief, "INCIDENT", "事件"),
                        (long long)row->number, severity_name(row->severity),
                        incident_state_name(row->state),
                        row->drill ? say(brief, "  DRILL", "  演练") : "");
}

const char *brief_phase(const struct brief *brief) {
    static const struct {
        int64_t state;
        const char *phase[NOTICE_LANGUAGES];
    } phases[] = {
#define PHASE(STATE, en, zh) {INCIDENT_##STATE, {en, zh}},
#include "incident/incident_words.def"
#undef PHASE
    };
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        if (phases[i].state == brief->view->row.state) {
            return phases[i].phase[brief->language];
        }
    }
    return "?";
}

/* ---- where it stands ---- */

static const char *people(const struct brief *brief) {
    static const char *const names[INCIDENT_ROLES][NOTICE_LANGUAGES] = {
        {"Command", "指挥"}, {"tech lead", "技术"}, {"comms", "沟通"}, {"reconciliation", "对账"}};
    const char *text = "";
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        const char *holder = brief->view->row.holders[i][0];
        text = arena_printf(brief->arena, say(brief, "%s%s%s: %s", "%s%s%s:%s"), text,
                            i > 0 ? say(brief, ", ", ",") : "", names[i][brief->language],
                            holder[0] != '\0' ? holder : say(brief, "nobody", "无人"));
    }
    return text;
}

void brief_standing(const struct brief *brief, struct brief_lines *lines) {
    const struct view *view = brief->view;
    const struct incident_row *row = &view->row;
    struct arena *arena = brief->arena;
    int64_t start_us = row->at_us[MILESTONE_IMPACT_START];
    const char *measured =
        row->proposed == INCIDENT_UNMEASURED
            ? say(brief, "nothing was measured", "尚无测量结果")
            : arena_printf(arena, say(brief, "measured: %s", "测得:%s"),
                           severity_name(row->proposed));
    put(lines, arena_printf(arena, say(brief, "%s (%s). %s.", "%s(%s)。%s。"),
                            severity_name(row->severity), measured, brief_phase(brief)));
    put(lines, arena_printf(arena, say(brief, "Began %s, %s ago. About: %s.",
                                       "开始于 %s(%s前)。范围:%s。"),
                            said_time(arena, start_us),
                            said_span(arena, view->at_us - start_us, brief->language),
                            said_scope(arena, &view->scope, brief->language)));
    put(lines, arena_printf(arena, say(brief, "Cause: %s%s%s.", "原因:%s%s%s。"),
                            said_cause(row->cause, brief->language),
                            row->cause_why[0] != '\0' ? say(brief, ": ", ":") : "",
                            row->cause_why));
    put(lines, arena_printf(arena, "%s%s", people(brief), say(brief, ".", "。")));
}

/* ---- whom it hits ---- */

static int64_t number(const json_t *json, const char *key) {
    return json_peek_int(json, 0, key, NULL);
}

static void put_money(const struct brief *brief, struct brief_lines *lines) {
    const json_t *row;
    size_t i;
    struct arena *arena = brief->arena;
    json_array_foreach(json_object_get(brief->view->blast, "money"), i, row) {
        const char *currency = json_peek_text(row, "currency", NULL);
        if (i == MONEY_LINES_MAX) {
            put(lines, say(brief, "Money in more currencies: see the blast radius.",
                           "其他币种的金额见影响面。"));
            return;
        }
        put(lines,
            arena_printf(arena,
                         say(brief, "Money: %s lost, %s at risk, %s to be returned, %s charged.",
                             "金额:损失 %s,风险 %s,待退 %s,已收 %s。"),
                         said_money(arena, number(row, "lost"), currency),
                         said_money(arena, number(row, "at_risk"), currency),
                         said_money(arena, number(row, "to_return"), currency),
                         said_money(arena, number(row, "charged"), currency)));
    }
}

/* "stripe-a 96 of 100, …": the worst of each kind. */
static void put_worst(const struct brief *brief, struct brief_lines *lines) {
    static const char *const kinds[] = {"gateways", "methods", "regions"};
    const char *text = "";
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        const json_t *row;
        size_t i;
        json_array_foreach(json_object_get(brief->view->blast, kinds[kind]), i, row) {
            const char *name = json_peek_text(row, "name", NULL);
            if (i == WORST_MAX || number(row, "affected") == 0 || name == NULL || name[0] == '\0') {
                break;
            }
            text = arena_printf(
                brief->arena, say(brief, "%s%s%s %s of %s", "%s%s%s %s/%s"), text,
                text[0] != '\0' ? say(brief, ", ", ",") : "", name,
                said_count(brief->arena, number(row, "affected")),
                said_count(brief->arena, number(row, "payments")));
        }
    }
    if (text[0] != '\0') {
        put(lines, arena_printf(brief->arena, say(brief, "Hit: %s.", "受影响:%s。"), text));
    }
}

static void put_fates(const struct brief *brief, struct brief_lines *lines) {
    const json_t *row;
    size_t i;
    const char *text = "";
    json_array_foreach(json_object_get(brief->view->blast, "fates"), i, row) {
        if (json_is_true(json_object_get(row, "affected"))) {
            const char *what =
                json_peek_text(row, brief->language == NOTICE_ZH ? "what_zh" : "name", NULL);
            text = arena_printf(brief->arena, "%s%s%s %s", text,
                                text[0] != '\0' ? say(brief, ", ", ",") : "", what,
                                said_count(brief->arena, number(row, "count")));
        }
    }
    if (text[0] != '\0') {
        put(lines, arena_printf(brief->arena, say(brief, "What became of them: %s.", "去向:%s。"),
                                text));
    }
}

static void put_recent(const struct brief *brief, struct brief_lines *lines) {
    const struct view *view = brief->view;
    struct arena *arena = brief->arena;
    if (view->recent_finished < VIEW_RECENT_MIN) {
        put(lines,
            arena_printf(arena,
                         say(brief, "Now: not known, %s payments finished in the last 15 min.",
                             "当前:未知,最近 15 分钟仅有 %s 笔支付完成。"),
                         said_count(arena, view->recent_finished)));
        return;
    }
    put(lines, arena_printf(arena, say(brief, "Now: %s of %s finished payments succeeded (15 min).",
                                       "当前:成功率 %s,共 %s 笔完成(15 分钟)。"),
                            said_percent(arena, view->recent_succeeded, view->recent_finished),
                            said_count(arena, view->recent_finished)));
}

void brief_impact(const struct brief *brief, struct brief_lines *lines) {
    const struct view *view = brief->view;
    struct arena *arena = brief->arena;
    if (view->blast == NULL) {
        put(lines, arena_printf(arena, say(brief, "Not known: %s.", "未知:%s。"),
                                view->blast_why_not[brief->language]));
    } else if (number(view->blast, "payments") == 0) {
        put(lines, say(brief, "Not known: no payment of its scope was begun in its time.",
                       "未知:该范围与时段内没有发起的支付。"));
    } else {
        put(lines,
            arena_printf(arena,
                         say(brief,
                             "%s of %s payments are hit (%s): %s orders, %s customers.",
                             "%s 笔支付受影响,共 %s 笔(%s);涉及 %s 个订单、%s 位客户。"),
                         said_count(arena, number(view->blast, "affected")),
                         said_count(arena, number(view->blast, "payments")),
                         said_percent(arena, number(view->blast, "affected"),
                                      number(view->blast, "payments")),
                         said_count(arena, number(view->blast, "orders")),
                         said_count(arena, number(view->blast, "customers"))));
        put_fates(brief, lines);
        put_money(brief, lines);
        put_worst(brief, lines);
    }
    put_recent(brief, lines);
}

/* ---- when people are told ---- */

void brief_next(const struct brief *brief, struct brief_lines *lines) {
    const struct view *view = brief->view;
    struct arena *arena = brief->arena;
    if (view->update_us == 0) {
        put(lines, incident_is_live(view->row.state)
                       ? say(brief, "None is due at this severity.", "该级别无定期通报要求。")
                       : say(brief, "None is due any more.", "不再需要通报。"));
        return;
    }
    bool late = view->update_us <= view->at_us;
    bool first = view->due == DUE_PUBLIC;
    int64_t span_us = late ? view->at_us - view->update_us : view->update_us - view->at_us;
    const char *what = first ? say(brief, "First public message", "首次对外通知")
                             : say(brief, "Update", "进展通报");
    put(lines, arena_printf(arena, late ? say(brief, "%s: LATE by %s, was due %s.",
                                              "%s:已逾期 %s,应于 %s 发出。")
                                        : say(brief, "%s: in %s, due %s.", "%s:%s后,应于 %s 发出。"),
                            what, said_span(arena, span_us, brief->language),
                            said_time(arena, view->update_us)));
    put(lines, arena_printf(arena, say(brief, "Owner: %s.", "负责人:%s。"),
                            view->update_owner[0] != '\0'
                                ? view->update_owner
                                : say(brief, "nobody. Name one", "无人,请指定")));
}

/* ---- correctness ---- */

const char *brief_mark(int holds) {
    return holds > 0 ? "[ok]" : holds == 0 ? "[--]" : "[??]";
}

void brief_still_on(const struct brief *brief, struct brief_lines *lines) {
    const struct brief_measures *measures = brief->view->measures;
    int on = 0;
    for (int i = 0; measures != NULL && i < measures->count; i++) {
        const struct brief_measure *measure = &measures->rows[i];
        if (measure->off_us != 0) {
            continue;
        }
        if (on++ == MEASURE_LINES_MAX) {
            put(lines, say(brief, "Still on: more, see the incident.", "仍在生效:更多,见事件详情。"));
            return;
        }
        put(lines, arena_printf(brief->arena, say(brief, "Still on: %s%s%s.", "仍在生效:%s%s%s。"),
                                measure->what[brief->language],
                                measure->handed_to[0] != '\0'
                                    ? say(brief, ", handed to ", ",已移交 ")
                                    : "",
                                measure->handed_to));
    }
}
