/* SPDX-License-Identifier: Apache-2.0
 * postmortem_page.c: a postmortem for people. What comes from the log is marked with its entries
 * and the hash of the last one; what somebody wrote, with who and when. */
#include "incident/postmortem_impl.h"

#include <string.h>

#include "base/json.h"
#include "incident/paper.h"

enum { COURSE_ROWS_MAX = 60 };

struct writing {
    const struct learned *learned;
    struct paper *paper;
    struct arena *arena;
    enum notice_language language;
};

/* Both are formats, where one of them is. */
__attribute__((format_arg(2), format_arg(3)))
static const char *say(const struct writing *writing, const char *en, const char *zh) {
    return writing->language == NOTICE_ZH ? zh : en;
}

static int64_t number(const json_t *json, const char *key) {
    return json_peek_int(json, 0, key, NULL);
}

/* ---- what holds for all of it ---- */

static void put_log_state(const struct writing *writing) {
    const struct incident_verdict *log = &writing->learned->log;
    struct arena *arena = writing->arena;
    if (log->broken_seq > 0) {
        paper_alarm(
            writing->paper,
            arena_printf(arena,
                         say(writing,
                             "THE LOG WAS ALTERED. Entry %lld: %s. Only the %lld entries before "
                             "it are proved; nothing else here is.",
                             "日志已被篡改。第 %lld 条:%s。仅此前的 %lld 条可以证明,其余内容均不可信。"),
                         (long long)log->broken_seq, log->why, (long long)log->entries));
    }
    paper_source(writing->paper,
                 arena_printf(arena,
                              say(writing, "From the log: %lld entries, head %s. Made %s.",
                                  "来自日志:共 %lld 条,末条哈希 %s。生成于 %s。"),
                              (long long)log->entries, log->hash,
                              said_time(arena, writing->learned->view.at_us)));
    if (writing->learned->view.row.drill) {
        paper_text(writing->paper, say(writing, "This was a drill.", "本事件为演练。"));
    }
    if (writing->learned->missing[0] != '\0') {
        paper_text(writing->paper,
                   arena_printf(arena, say(writing, "Not done yet. It lacks: %s.", "尚未完成,缺少:%s。"),
                                writing->learned->missing));
    }
}

static void put_facts(const struct writing *writing) {
    const struct incident_row *row = &writing->learned->view.row;
    struct arena *arena = writing->arena;
    static const char *const roles[INCIDENT_ROLES][NOTICE_LANGUAGES] = {
        {"Commander", "指挥人"}, {"Tech lead", "技术负责人"}, {"Comms owner", "沟通负责人"},
        {"Reconciliation owner", "对账负责人"}};
    PAPER_TABLE(writing->paper, "", "");
    PAPER_ROW(writing->paper, say(writing, "Incident", "事件"),
              arena_printf(arena, "#%lld, %s", (long long)row->number, row->id.text));
    PAPER_ROW(writing->paper, say(writing, "Severity", "严重程度"),
              notice_severity_name((enum notice_severity)row->severity));
    PAPER_ROW(writing->paper, say(writing, "State", "状态"), incident_state_name(row->state));
    PAPER_ROW(writing->paper, say(writing, "About", "范围"),
              said_scope(arena, &row->scope, writing->language));
    PAPER_ROW(writing->paper, say(writing, "Class of cause", "原因类别"),
              arena_printf(arena, "%s%s%s", said_cause(row->cause, writing->language),
                           row->cause_why[0] != '\0' ? ": " : "", row->cause_why));
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        PAPER_ROW(writing->paper, roles[i][writing->language],
                  row->holders[i][0][0] != '\0' ? row->holders[i][0]
                                                : say(writing, "nobody", "无人"));
    }
    PAPER_ROW(writing->paper, say(writing, "Postmortem due", "复盘截止"),
              said_time(arena, postmortem_due_us(row)));
}

/* ---- what people wrote ---- */

static void put_part(const struct writing *writing, enum postmortem_part part) {
    const struct part_row *row = &writing->learned->parts[part];
    if (row->body[0] == '\0' && !part_needed(part)) {
        return;
    }
    paper_heading(writing->paper, part_title(part, writing->language));
    if (!writing->learned->part_whole[part]) {
        paper_alarm(writing->paper,
                    say(writing, "This text is not the one that the log has the digest of.",
                        "该文本与日志中的摘要不符。"));
    }
    if (row->body[0] == '\0') {
        paper_text(writing->paper, say(writing, "Nobody has written this yet.", "尚未填写。"));
        return;
    }
    paper_quote(writing->paper, row->body);
    paper_source(writing->paper,
                 arena_printf(writing->arena,
                              say(writing, "Written by %s, %s, version %lld.",
                                  "%s 撰写于 %s,第 %lld 版。"),
                              row->author, said_time(writing->arena, row->at_us),
                              (long long)row->version));
}

/* ---- impact ---- */

static void put_money(const struct writing *writing) {
    const json_t *row;
    size_t i;
    struct arena *arena = writing->arena;
    const json_t *money = json_object_get(writing->learned->view.blast, "money");
    if (json_array_size(money) == 0) {
        return;
    }
    PAPER_TABLE(writing->paper, say(writing, "Currency", "币种"),
                say(writing, "Affected", "受影响"), say(writing, "Charged", "已收"),
                say(writing, "Lost", "损失"), say(writing, "At risk", "风险"),
                say(writing, "To be returned", "待退"));
    json_array_foreach(money, i, row) {
        const char *currency = json_peek_text(row, "currency", NULL);
        PAPER_ROW(writing->paper, currency, said_money(arena, number(row, "affected"), currency),
                  said_money(arena, number(row, "charged"), currency),
                  said_money(arena, number(row, "lost"), currency),
                  said_money(arena, number(row, "at_risk"), currency),
                  said_money(arena, number(row, "to_return"), currency));
    }
}

static void put_fates(const struct writing *writing) {
    const json_t *row;
    size_t i;
    PAPER_TABLE(writing->paper, say(writing, "What became of it", "去向"),
                say(writing, "Payments", "笔数"), say(writing, "Its customer felt it", "客户有感"));
    json_array_foreach(json_object_get(writing->learned->view.blast, "fates"), i, row) {
        PAPER_ROW(writing->paper,
                  json_peek_text(row, writing->language == NOTICE_ZH ? "what_zh" : "what", NULL),
                  said_count(writing->arena, number(row, "count")),
                  json_is_true(json_object_get(row, "affected")) ? say(writing, "yes", "是")
                                                                 : say(writing, "no", "否"));
    }
}

static void put_where(const struct writing *writing) {
    static const char *const kinds[][1 + NOTICE_LANGUAGES] = {{"gateways", "gateway", "网关"},
                                                              {"methods", "method", "支付方式"},
                                                              {"regions", "region", "地区"}};
    struct arena *arena = writing->arena;
    PAPER_TABLE(writing->paper, say(writing, "Where", "位置"), say(writing, "Affected", "受影响"),
                say(writing, "Of", "总数"), say(writing, "Share", "占比"));
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        const json_t *row;
        size_t i;
        json_array_foreach(json_object_get(writing->learned->view.blast, kinds[kind][0]), i, row) {
            if (number(row, "affected") > 0) {
                PAPER_ROW(writing->paper,
                          arena_printf(arena, "%s %s", kinds[kind][1 + writing->language],
                                       json_peek_text(row, "name", NULL)),
                          said_count(arena, number(row, "affected")),
                          said_count(arena, number(row, "payments")),
                          said_percent(arena, number(row, "affected"), number(row, "payments")));
            }
        }
    }
}

static void put_impact(const struct writing *writing) {
    const struct view *view = &writing->learned->view;
    struct arena *arena = writing->arena;
    paper_heading(writing->paper, say(writing, "Impact in numbers", "影响(数据)"));
    if (view->blast == NULL || number(view->blast, "payments") == 0) {
        paper_text(writing->paper,
                   arena_printf(arena, say(writing, "Not known: %s.", "未知:%s。"),
                                view->blast == NULL
                                    ? view->blast_why_not[writing->language]
                                    : say(writing, "no payment of its scope was begun in its time",
                                          "该范围与时段内没有发起的支付")));
        return;
    }
    paper_text(writing->paper,
               arena_printf(arena,
                            say(writing,
                                "%s of %s payments (%s), %s orders, %s customers, from %s until "
                                "%s.",
                                "%s 笔支付受影响,共 %s 笔(%s);%s 个订单,%s 位客户;自 %s 至 %s。"),
                            said_count(arena, number(view->blast, "affected")),
                            said_count(arena, number(view->blast, "payments")),
                            said_percent(arena, number(view->blast, "affected"),
                                         number(view->blast, "payments")),
                            said_count(arena, number(view->blast, "orders")),
                            said_count(arena, number(view->blast, "customers")),
                            said_time(arena, view->scope.from_us),
                            view->scope.until_us > 0 ? said_time(arena, view->scope.until_us)
                                                     : say(writing, "now", "现在")));
    put_fates(writing);
    put_money(writing);
    put_where(writing);
    paper_source(writing->paper, say(writing, "Counted from the payments, as they are now.",
                                     "按支付记录的当前状态统计。"));
}

/* ---- when ---- */

static void put_milestones(const struct writing *writing) {
    const struct learned *learned = writing->learned;
    struct arena *arena = writing->arena;
    int64_t last_us = 0, start_us = learned->view.row.at_us[MILESTONE_IMPACT_START];
    paper_heading(writing->paper, say(writing, "Milestones", "里程碑"));
    PAPER_TABLE(writing->paper, say(writing, "What", "里程碑"), say(writing, "When", "时间"),
                say(writing, "After the last", "距上一项"), say(writing, "Since it began", "距开始"));
    for (int i = 0; i < MILESTONES; i++) {
        int64_t at_us = learned->view.row.at_us[i];
        bool reached = at_us > 0, first = last_us == 0;
        PAPER_ROW(writing->paper, said_milestone((enum incident_milestone)i, writing->language),
                  reached ? said_time(arena, at_us) : say(writing, "not reached", "未达到"),
                  reached && !first ? said_span(arena, at_us - last_us, writing->language) : "",
                  reached && !first ? said_span(arena, at_us - start_us, writing->language) : "");
        last_us = reached ? at_us : last_us;
    }
    paper_source(writing->paper, say(writing, "From the log.", "来自日志。"));
}

static void put_noticed(const struct writing *writing) {
    static const char *const who[][NOTICE_LANGUAGES] = {
        [BY_NOBODY] = {"Not known.", "未知。"},
        [BY_MACHINE] = {"The machine saw it first", "由系统首先发现"},
        [BY_STAFF] = {"A member of staff saw it first, no alert had fired", "由员工首先发现,此前无告警"},
        [BY_CUSTOMER] = {"Customers told us first", "由客户首先反馈"},
    };
    const struct noticed *noticed = &writing->learned->noticed;
    int64_t span_us = learned_span_us(writing->learned, MILESTONE_IMPACT_START, MILESTONE_DETECTED);
    struct arena *arena = writing->arena;
    paper_heading(writing->paper, say(writing, "How it was noticed", "如何发现"));
    paper_text(writing->paper,
               arena_printf(arena, "%s%s%s%s", who[noticed->by][writing->language],
                            noticed->what[0] != '\0' ? ": " : "", noticed->what,
                            say(writing, ".", "。")));
    paper_text(writing->paper,
               arena_printf(arena,
                            say(writing, "%s after it began. %s customers had complained by then.",
                                "距影响开始 %s;此前已有 %s 位客户投诉。"),
                            said_span(arena, span_us, writing->language),
                            said_count(arena, noticed->complaints)));
}

/* ---- its course ---- */

static void put_chart(const struct writing *writing) {
    const struct learned *learned = writing->learned;
    const struct course *course = learned->course;
    struct chart_point *points = arena_alloc(writing->arena, sizeof *points * COURSE_POINTS_MAX);
    struct chart_mark marks[MILESTONES];
    struct chart chart = {
        .title = say(writing, "Success rate by the minute", "每分钟成功率"),
        .unit = say(writing,
                    "Share of the payments of its scope that succeeded, of those that are "
                    "finished, by when they were begun (UTC). Gaps: none was finished.",
                    "范围内已完成支付的成功率,按发起时间统计(UTC)。空白处无完成的支付。"),
        .from_us = course->from_us,
        .until_us = course->from_us + course->count * course->each_us,
        .points = points,
        .point_count = course->count,
        .marks = marks,
    };
    for (int i = 0; i < course->count; i++) {
        const struct course_point *point = &course->points[i];
        points[i] = (struct chart_point){
            course->from_us + i * course->each_us + course->each_us / 2,
            point->finished > 0 ? point->succeeded * 1000 / point->finished : -1};
    }
    for (int i = 0; i < MILESTONES; i++) {
        int64_t at_us = learned->view.row.at_us[i];
        if (at_us > 0 && at_us <= chart.until_us) {
            marks[chart.mark_count++] = (struct chart_mark){
                at_us, said_milestone((enum incident_milestone)i, writing->language)};
        }
    }
    if (course->count > 0) {
        paper_chart(writing->paper, &chart);
    }
}

/* In Markdown, which has no picture: points are put together until they are few enough. */
static void put_course_table(const struct writing *writing) {
    const struct course *course = writing->learned->course;
    struct arena *arena = writing->arena;
    int step = (course->count + COURSE_ROWS_MAX - 1) / COURSE_ROWS_MAX;
    paper_heading(writing->paper, say(writing, "Success rate over time", "成功率走势"));
    PAPER_TABLE(writing->paper, say(writing, "From", "起始时间"), say(writing, "Begun", "发起"),
                say(writing, "Finished", "完成"), say(writing, "Succeeded", "成功"),
                say(writing, "Rate", "成功率"));
    for (int i = 0; i < course->count; i += step) {
        struct course_point sum = {0};
        for (int j = i; j < i + step && j < course->count; j++) {
            sum.begun += course->points[j].begun;
            sum.finished += course->points[j].finished;
            sum.succeeded += course->points[j].succeeded;
        }
        if (sum.begun > 0) {
            PAPER_ROW(writing->paper, said_time(arena, course->from_us + i * course->each_us),
                      said_count(arena, sum.begun), said_count(arena, sum.finished),
                      said_count(arena, sum.succeeded),
                      sum.finished > 0 ? said_percent(arena, sum.succeeded, sum.finished) : "");
        }
    }
}

/* ---- the timeline ---- */

static void put_timeline(const struct writing *writing) {
    const struct learned *learned = writing->learned;
    struct arena *arena = writing->arena;
    paper_heading(writing->paper, say(writing, "Timeline", "时间线"));
    paper_source(writing->paper,
                 arena_printf(arena, say(writing, "From the log, word by word; head %s.",
                                         "来自日志原文;末条哈希 %s。"),
                              learned->log.hash));
    PAPER_TABLE(writing->paper, "#", say(writing, "When", "时间"), say(writing, "Kind", "类型"),
                say(writing, "By", "人员"), say(writing, "What", "内容"));
    for (int i = 0; i < learned->entry_count; i++) {
        const struct learned_entry *entry = &learned->entries[i];
        bool doubted = learned->log.broken_seq > 0 && entry->seq >= learned->log.broken_seq;
        PAPER_ROW(writing->paper, arena_printf(arena, "%lld", (long long)entry->seq),
                  said_time(arena, entry->at_us), incident_log_kind_name(entry->kind),
                  arena_printf(arena, "%s%s%s%s", entry->by, entry->role[0] != '\0' ? " (" : "",
                               entry->role, entry->role[0] != '\0' ? ")" : ""),
                  arena_printf(arena, "%s%s",
                               doubted ? say(writing, "[NOT PROVED] ", "[未证实] ") : "",
                               entry->text));
    }
    if (learned->entries_left > 0) {
        paper_text(writing->paper,
                   arena_printf(arena,
                                say(writing, "%s more entries: holdfast incident log %s --after %d",
                                    "另有 %s 条:holdfast incident log %s --after %d"),
                                said_count(arena, learned->entries_left), learned->view.row.id.text,
                                POSTMORTEM_ENTRIES_MAX));
    }
}

/* ---- correctness, and what stayed on ---- */

static void put_correctness(const struct writing *writing) {
    static const enum gate_condition told[] = {GATE_UNKNOWN, GATE_RECONCILED, GATE_BREAKS,
                                               GATE_SHOWN};
    const struct view *view = &writing->learned->view;
    paper_heading(writing->paper, say(writing, "Reconciliation", "对账结果"));
    if (view->verdict == NULL) {
        paper_text(writing->paper, say(writing, "Not known: nobody asked the gate.",
                                       "未知:未进行关口检查。"));
        return;
    }
    PAPER_TABLE(writing->paper, "", say(writing, "Must be so", "必须"),
                say(writing, "How it is now", "现状"));
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        const struct gate_line *line = view_line(view, told[i]);
        PAPER_ROW(writing->paper,
                  line->passed ? say(writing, "yes", "是") : say(writing, "NO", "否"),
                  gate_condition_must(told[i], writing->language), line->why[writing->language]);
    }
}

static void put_measures(const struct writing *writing) {
    const struct view *view = &writing->learned->view;
    const struct brief_measures *measures = view->measures;
    struct arena *arena = writing->arena;
    paper_heading(writing->paper, say(writing, "What was switched, and what stayed on", "临时措施"));
    if (measures == NULL) {
        const struct gate_line *line = view_line(view, GATE_MEASURES);
        paper_text(writing->paper, line != NULL ? line->why[writing->language]
                                                : say(writing, "Not known.", "未知。"));
        return;
    }
    if (measures->count == 0) {
        paper_text(writing->paper, say(writing, "Nothing was switched.", "未采取临时措施。"));
        return;
    }
    PAPER_TABLE(writing->paper, say(writing, "What", "措施"), say(writing, "On", "开始"),
                say(writing, "Off", "撤销"), say(writing, "Handed to", "移交给"));
    for (int i = 0; i < measures->count; i++) {
        const struct brief_measure *row = &measures->rows[i];
        PAPER_ROW(writing->paper, row->what[writing->language], said_time(arena, row->on_us),
                  row->off_us > 0 ? said_time(arena, row->off_us)
                                  : say(writing, "STILL ON", "仍在生效"),
                  row->handed_to);
    }
}

/* ---- what is to be done ---- */

static void put_actions(const struct writing *writing) {
    const struct learned *learned = writing->learned;
    struct arena *arena = writing->arena;
    paper_heading(writing->paper, say(writing, "Action items", "行动项"));
    if (learned->action_count == 0) {
        paper_text(writing->paper, say(writing, "There is none.", "无。"));
        return;
    }
    PAPER_TABLE(writing->paper, "#", say(writing, "What", "内容"), say(writing, "For", "目的"),
                say(writing, "Owner", "负责人"), say(writing, "Due", "截止"),
                say(writing, "Proved by", "证明方式"), say(writing, "State", "状态"));
    for (int i = 0; i < learned->action_count; i++) {
        const struct action_row *row = &learned->actions[i];
        bool late = action_waits(row->state) && row->due_us <= learned->view.at_us;
        PAPER_ROW(writing->paper, arena_printf(arena, "%lld", (long long)row->number), row->what,
                  action_kind_what(row->kind, writing->language), row->owner,
                  said_time(arena, row->due_us),
                  arena_printf(arena, "%s: %s", action_proof_name(row->proof_kind), row->proof),
                  arena_printf(arena, "%s%s%s", action_state_name(row->state),
                               late ? say(writing, ", LATE", ",已逾期") : "",
                               learned->action_whole[i]
                                   ? ""
                                   : say(writing, " [NOT AS LOGGED]", " [与日志不符]")));
    }
}

void postmortem_page(const struct learned *learned, struct paper *paper) {
    const struct writing writing = {learned, paper, learned->arena, paper->language};
    put_log_state(&writing);
    put_facts(&writing);
    put_part(&writing, PART_SUMMARY);
    put_impact(&writing);
    if (paper->format == PAPER_HTML) {
        put_chart(&writing);
    } else {
        put_course_table(&writing);
    }
    put_noticed(&writing);
    put_milestones(&writing);
    put_part(&writing, PART_ROOT_CAUSE);
    put_part(&writing, PART_TRIGGER);
    put_correctness(&writing);
    put_measures(&writing);
    put_part(&writing, PART_WELL);
    put_part(&writing, PART_BADLY);
    put_part(&writing, PART_LUCKY);
    put_actions(&writing);
    put_part(&writing, PART_NO_ACTIONS);
    put_timeline(&writing);
}
