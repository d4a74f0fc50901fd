/* SPDX-License-Identifier: Apache-2.0
 * report.c: the report of a failure for those outside (REVIEW-4): what failed, when, how many, how
 * much, what was done, and what of it is proved. The same facts as the postmortem's.
 *
 * Nobody is named in it: of what people wrote, a text that holds a name, an address or a long
 * number is left out, and that is said. While the gate has not let the incident through nothing in
 * it says that it is over. */
#include <ctype.h>
#include <string.h>

#include "base/csv_write.h"
#include "base/json.h"
#include "incident/paper.h"
#include "incident/postmortem_impl.h"

enum { LONG_NUMBER_DIGITS = 7, CODES_MAX = 10 };

struct report {
    const struct learned *learned;
    enum notice_language language;
    struct arena *arena;
    struct paper *paper;    /* NULL: a CSV */
    struct csv_writer *csv; /* NULL: a paper */
    const char *section;
};

static const struct {
    const char *name, *title[NOTICE_LANGUAGES];
} readers[REPORT_READERS] = {
#define X(NAME, name, title_en, title_zh) {name, {title_en, title_zh}},
#include "incident/report_readers.def"
#undef X
};

bool report_reader_parse(const char *name, enum report_reader *ret_reader) {
    for (int i = 0; i < REPORT_READERS; i++) {
        if (strcmp(readers[i].name, name) == 0) {
            *ret_reader = (enum report_reader)i;
            return true;
        }
    }
    return false;
}

const char *report_reader_name(enum report_reader reader) {
    return readers[reader].name;
}

bool report_format_parse(const char *name, enum report_format *ret_format) {
    static const char *const names[] = {"markdown", "html", "csv"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum report_format)i;
            return true;
        }
    }
    return false;
}

/* Both are formats, where one of them is. */
__attribute__((format_arg(2), format_arg(3)))
static const char *say(const struct report *report, const char *en, const char *zh) {
    return report->language == NOTICE_ZH ? zh : en;
}

/* One fact: a row of its section. */
static void fact(const struct report *report, const char *what, const char *value) {
    if (report->csv != NULL) {
        csv_put(report->csv, report->section);
        csv_put(report->csv, what);
        csv_put(report->csv, value);
        csv_end(report->csv);
    } else {
        PAPER_ROW(report->paper, what, value);
    }
}

static int64_t number(const json_t *json, const char *key) {
    return json_peek_int(json, 0, key, NULL);
}

/* ---- nobody is named ---- */

static bool is_word(unsigned char c) {
    return isalnum(c) || c == '_' || c >= 0x80;
}

/* As a word of its own; a name that is not of ASCII letters also within other text. */
static bool holds_name(const char *text, const char *name) {
    size_t bytes = strlen(name);
    bool foreign = bytes > 0 && (unsigned char)name[0] >= 0x80;
    if (bytes < 2) {
        return false;
    }
    for (const char *at = text; (at = strcasestr(at, name)) != NULL; at++) {
        bool begins = at == text || !is_word((unsigned char)at[-1]);
        bool ends = !is_word((unsigned char)at[bytes]);
        if (foreign || (begins && ends)) {
            return true;
        }
    }
    return false;
}

static bool holds_number(const char *text) {
    int digits = 0;
    for (; *text != '\0'; text++) {
        bool joins = digits > 0 && strchr(" -.", *text) != NULL && isdigit((unsigned char)text[1]);
        digits = isdigit((unsigned char)*text) ? digits + 1 : joins ? digits : 0;
        if (digits >= LONG_NUMBER_DIGITS) {
            return true;
        }
    }
    return false;
}

static bool is_personal(const struct learned *learned, const char *text) {
    const struct incident_row *row = &learned->view.row;
    bool found = strchr(text, '@') != NULL || strstr(text, "cus_") != NULL || holds_number(text);
    for (int i = 0; i < INCIDENT_ROLES * 2; i++) {
        found = found || holds_name(text, row->holders[i / 2][i % 2]);
    }
    for (int i = 0; i < learned->entry_count; i++) {
        const char *by = learned->entries[i].by;
        found = found || (strcmp(by, INCIDENT_SYSTEM) != 0 && holds_name(text, by));
    }
    for (int i = 0; i < POSTMORTEM_PARTS; i++) {
        found = found || holds_name(text, learned->parts[i].author);
    }
    for (int i = 0; i < learned->action_count; i++) {
        found = found || holds_name(text, learned->actions[i].owner);
    }
    return found;
}

static const char *impersonal(const struct report *report, const char *text) {
    return !is_personal(report->learned, text)
               ? text
               : say(report, "(left out: it names a person, an address or a number)",
                     "(已省略:含有个人姓名、地址或号码)");
}

/* ---- sections ---- */

static void tell_failed(const struct report *report) {
    const struct view *view = &report->learned->view;
    fact(report, say(report, "Incident", "事件"), view->row.id.text);
    fact(report, say(report, "Title", "标题"), impersonal(report, view->row.title));
    fact(report, say(report, "Severity", "严重程度"),
         notice_severity_name((enum notice_severity)view->row.severity));
    fact(report, say(report, "Scope", "范围"),
         said_scope(report->arena, &view->scope, report->language));
    fact(report, say(report, "Class of cause", "原因类别"),
         said_cause(view->row.cause, report->language));
    const struct part_row *cause = &report->learned->parts[PART_ROOT_CAUSE];
    fact(report, part_title(PART_ROOT_CAUSE, report->language),
         cause->body[0] != '\0' ? impersonal(report, cause->body)
                                : say(report, "not known yet", "尚未查明"));
    if (view->row.drill) {
        fact(report, say(report, "Drill", "演练"), say(report, "yes", "是"));
    }
}

static void tell_when(const struct report *report) {
    const struct learned *learned = report->learned;
    const struct incident_row *row = &learned->view.row;
    for (int i = 0; i < MILESTONES; i++) {
        fact(report, said_milestone((enum incident_milestone)i, report->language),
             row->at_us[i] > 0 ? said_time(report->arena, row->at_us[i])
                               : say(report, "not reached", "未达到"));
    }
    int64_t detect_us = learned_span_us(learned, MILESTONE_IMPACT_START, MILESTONE_DETECTED);
    int64_t impact_us = learned_span_us(learned, MILESTONE_IMPACT_START, MILESTONE_MITIGATED);
    fact(report, say(report, "Time to detect", "发现用时"),
         said_span(report->arena, detect_us, report->language));
    fact(report, say(report, "Duration of the impact", "影响持续时间"),
         impact_us < 0 ? say(report, "it has not ended", "尚未结束")
                       : arena_printf(report->arena,
                                      view_proved(&learned->view)
                                          ? "%s"
                                          : say(report, "%s, if the fix holds", "%s(修复是否有效尚待证明)"),
                                      said_span(report->arena, impact_us, report->language)));
    fact(report, say(report, "Noticed first by", "首先发现者"),
         noticed_name(learned->noticed.by));
}

static bool is_counted(const struct report *report) {
    return report->learned->view.blast != NULL &&
           number(report->learned->view.blast, "payments") > 0;
}

static void tell_uncounted(const struct report *report) {
    fact(report, say(report, "Payments", "支付"), say(report, "not known", "未知"));
}

static void tell_many(const struct report *report) {
    static const struct {
        const char *key, *what[NOTICE_LANGUAGES];
    } counts[] = {
        {"payments", {"Payments begun in that time", "该时段发起的支付"}},
        {"affected", {"Payments affected", "受影响的支付"}},
        {"orders", {"Orders affected", "受影响的订单"}},
        {"customers", {"Customers affected", "受影响的客户"}},
    };
    const json_t *blast = report->learned->view.blast, *row;
    size_t i;
    if (!is_counted(report)) {
        tell_uncounted(report);
        return;
    }
    for (i = 0; i < COUNT_OF(counts); i++) {
        fact(report, counts[i].what[report->language],
             said_count(report->arena, number(blast, counts[i].key)));
    }
    json_array_foreach(json_object_get(blast, "fates"), i, row) {
        const char *what =
            json_peek_text(row, report->language == NOTICE_ZH ? "what_zh" : "what", NULL);
        if (json_is_true(json_object_get(row, "affected"))) {
            fact(report, arena_printf(report->arena, say(report, "Of them: %s", "其中:%s"), what),
                 said_count(report->arena, number(row, "count")));
        }
    }
}

static void tell_much(const struct report *report) {
    static const struct {
        const char *key, *what[NOTICE_LANGUAGES];
    } sums[] = {
        {"affected", {"Amount of the affected payments", "受影响支付的金额"}},
        {"charged", {"Charged", "已收"}},
        {"lost", {"Not taken", "未收取"}},
        {"at_risk", {"Outcome not known", "结果未知"}},
        {"to_return", {"To be returned to customers", "待退还客户"}},
    };
    const json_t *row;
    size_t i;
    if (!is_counted(report)) {
        tell_uncounted(report);
        return;
    }
    json_array_foreach(json_object_get(report->learned->view.blast, "money"), i, row) {
        const char *currency = json_peek_text(row, "currency", NULL);
        for (size_t sum = 0; sum < COUNT_OF(sums); sum++) {
            fact(report, sums[sum].what[report->language],
                 said_money(report->arena, number(row, sums[sum].key), currency));
        }
    }
}

static void tell_codes(const struct report *report) {
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(report->learned->view.blast, "codes"), i, row) {
        if (i == CODES_MAX) {
            break;
        }
        fact(report,
             arena_printf(report->arena, "%s %s", json_peek_text(row, "gateway", NULL),
                          json_peek_text(row, "code", NULL)),
             said_count(report->arena, number(row, "count")));
    }
}

static void tell_done(const struct report *report) {
    const struct learned *learned = report->learned;
    const struct brief_measures *measures = learned->view.measures;
    const struct part_row *summary = &learned->parts[PART_SUMMARY];
    struct arena *arena = report->arena;
    int64_t comms = 0;
    fact(report, part_title(PART_SUMMARY, report->language),
         summary->body[0] != '\0' ? impersonal(report, summary->body)
                                  : say(report, "not written yet", "尚未撰写"));
    for (int i = 0; measures != NULL && i < measures->count; i++) {
        const struct brief_measure *row = &measures->rows[i];
        fact(report, row->what[report->language],
             arena_printf(arena, say(report, "from %s until %s", "自 %s 至 %s"),
                          said_time(arena, row->on_us),
                          row->off_us > 0 ? said_time(arena, row->off_us)
                                          : say(report, "now", "现在")));
    }
    for (int i = 0; i < learned->entry_count; i++) {
        comms += learned->entries[i].kind == LOGGED_COMMS;
    }
    fact(report, say(report, "Updates given to people", "对外通报次数"), said_count(arena, comms));
}

static void tell_next(const struct report *report) {
    const struct learned *learned = report->learned;
    if (learned->action_count == 0) {
        fact(report, say(report, "Action items", "行动项"),
             say(report, "none is on record", "暂无记录"));
    }
    for (int i = 0; i < learned->action_count; i++) {
        const struct action_row *row = &learned->actions[i];
        fact(report, impersonal(report, row->what),
             arena_printf(report->arena, say(report, "%s, due %s", "%s,截止 %s"),
                          action_state_name(row->state), said_time(report->arena, row->due_us)));
    }
}

static void tell_proved(const struct report *report) {
    static const struct {
        enum gate_condition condition;
        const char *what[NOTICE_LANGUAGES];
    } checks[] = {
#define X(NAME, en, zh) {GATE_##NAME, {en, zh}},
#include "incident/report_checks.def"
#undef X
    };
    static_assert(COUNT_OF(checks) == GATE_CONDITIONS, "every condition is told");
    const struct view *view = &report->learned->view;
    const struct incident_verdict *log = &report->learned->log;
    bool proved = view_proved(view);
    fact(report, say(report, "The incident as a whole", "事件整体"),
         proved ? arena_printf(report->arena, say(report, "proved, %s", "已证明,%s"),
                               said_time(report->arena, view->row.at_us[MILESTONE_RESOLVED]))
                : say(report, "NOT YET PROVED", "尚未证明"));
    for (size_t i = 0; !proved && i < COUNT_OF(checks); i++) {
        int holds = view_holds(view, checks[i].condition);
        fact(report, checks[i].what[report->language],
             holds > 0    ? say(report, "looked at, nothing is missing", "已检查,无缺项")
             : holds == 0 ? say(report, "not yet proved", "尚未证明")
                          : say(report, "not looked at", "未检查"));
    }
    fact(report, say(report, "Log of the incident", "事件日志"),
         log->broken_seq > 0
             ? arena_printf(report->arena,
                            say(report, "ALTERED at entry %lld: what is told here is not proved",
                                "第 %lld 条被篡改:本报告内容无法证明"),
                            (long long)log->broken_seq)
             : arena_printf(report->arena, say(report, "whole, %lld entries", "完整,共 %lld 条"),
                            (long long)log->entries));
    fact(report, say(report, "Hash of its last entry", "末条哈希"), log->hash);
}

/* ---- the whole ---- */

static const struct {
    void (*tell)(const struct report *report);
    const char *heading[NOTICE_LANGUAGES];
    bool to[REPORT_READERS];
} sections[] = {
#define X(function, en, zh, regulator, acquirer, insurer)                                          \
    {function, {en, zh}, {regulator, acquirer, insurer}},
#include "incident/report_sections.def"
#undef X
};

static void tell(struct report *report, enum report_reader reader) {
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (!sections[i].to[reader]) {
            continue;
        }
        report->section = sections[i].heading[report->language];
        if (report->paper != NULL) {
            paper_heading(report->paper, report->section);
            PAPER_TABLE(report->paper, "", "");
        }
        sections[i].tell(report);
    }
}

static void write_csv(struct report *report, enum report_reader reader, struct buf *buf) {
    struct csv_writer csv = csv_write_begin(buf);
    static const char *const names[] = {"section", "item", "value"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        csv_put(&csv, names[i]);
    }
    csv_end(&csv);
    report->csv = &csv;
    tell(report, reader);
}

static void write_paper(struct report *report, enum report_reader reader,
                        enum report_format format, struct buf *buf) {
    struct paper paper = paper_begin(format == REPORT_HTML ? PAPER_HTML : PAPER_MARKDOWN,
                                     report->language, readers[reader].title[report->language],
                                     buf);
    report->paper = &paper;
    paper_source(&paper,
                 arena_printf(report->arena, say(report, "As of %s (UTC).", "截至 %s(UTC)。"),
                              said_time(report->arena, report->learned->view.at_us)));
    if (!view_proved(&report->learned->view)) {
        paper_alarm(&paper, say(report, "Not yet proved: this is an interim report.",
                                "尚未证明:本报告为中期报告。"));
    }
    tell(report, reader);
    paper_end(&paper);
}

int report_write(struct incidents *incidents, const struct brief_sources *sources, const char *id,
                 enum report_reader reader, enum report_format format,
                 enum notice_language language, struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(LEARNED_BYTES_MAX);
    LEARNED_AUTO learned = {0};
    int r = learned_take(incidents, sources, id, arena, &learned, err);
    if (r < 0) {
        return r;
    }
    struct report report = {.learned = &learned, .language = language, .arena = arena};
    if (format == REPORT_CSV) {
        write_csv(&report, reader, buf);
    } else {
        write_paper(&report, reader, format, buf);
    }
    return buf_ok(buf) ? 0 : err_set(err, ERR_INTERNAL, "a report is larger than its cap");
}
