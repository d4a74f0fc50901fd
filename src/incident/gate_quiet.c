/* SPDX-License-Identifier: Apache-2.0
 * gate_quiet.c: whether the trouble is over at all, and whether no detector has seen anything of
 * its scope for the hold time. A silenced, inhibited or acknowledged alert is seen all the same. */
#include <stdio.h>
#include <string.h>

#include "incident/blast_impl.h"
#include "watch/alert.h"

enum { VALUE_BYTES = 200 };
#define INSTANCE_LIVES_US (30 * US_PER_SECOND) /* after its last look at the gateways */

/* ---- the time of the fix ---- */

int gate_mitigated(struct gate_look *look, struct gate_line *line, struct err *err) {
    const struct gate_subject *subject = look->subject;
    int64_t from_us = subject->scope.from_us, at_us = subject->mitigated_us;
    char from[CLOCK_TEXT_MAX], at[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    buf_addf(&buf, "{\"impact_start\":\"%s\",\"mitigated\":%s%s%s,\"now\":\"%s\"",
             clock_format(from_us, from), at_us > 0 ? "\"" : "",
             at_us > 0 ? clock_format(at_us, at) : "null", at_us > 0 ? "\"" : "",
             clock_format(look->now_us, now));
    buf_addf(&buf, ",\"clock_moved_by_s\":%lld}",
             (long long)(look->clock_moved_by_us / US_PER_SECOND));
    const struct phrase_word fix = {"at", gate_moment(look, at_us)},
                             start = {"from", gate_moment(look, from_us)};
    if (at_us <= 0) {
        GATE_SAY(look, line, "It is not mitigated: nobody has said that the fix holds.",
                 "故障尚未缓解:没有人确认修复已生效。", fix);
    } else if (at_us > look->now_us) {
        GATE_SAY(look, line,
                 "The fix ({at}) is ahead of this machine's clock, which was set back: put the "
                 "clock right, or the time of the fix.",
                 "修复时间({at})晚于本机时钟,时钟可能被回拨:请校正时钟或修复时间。", fix);
        line->command = "holdfast status";
    } else if (from_us <= 0 || from_us > at_us) {
        GATE_SAY(look, line,
                 "The trouble begins ({from}) after its fix ({at}): correct the one or the other.",
                 "故障开始时间({from})晚于修复时间({at}):请更正。", fix, start);
    } else if (look->clock_moved_by_us != 0) {
        GATE_SAY(look, line,
                 "The clock of this machine was moved by {s} seconds: for the hold time no waiting "
                 "counts.",
                 "本机时钟被调整了 {s} 秒:在观察期内等待时间不计。",
                 {"s", gate_number(look, look->clock_moved_by_us / US_PER_SECOND)});
        line->command = "holdfast status";
    } else {
        line->passed = true;
        GATE_SAY(look, line, "It lasted from {from} to {at}.", "持续时间:{from} 至 {at}。", fix, start);
    }
    return gate_evidence(look, line, &buf, err);
}

/* ---- alerts ---- */

/* Alerts of what the gate counts itself, by its scope, or that are not about payments at all. */
static const char *const rules_aside[] = {
    "CredentialExpiry", "GatewayCertificate", "ChannelFailing", "AlertsLeftOut", "ExternalAlert",
    "IncidentUpdateOverdue", "FollowUpOverdue",
};
static const char *const checks_aside[] = {
    "unanswered_payments", "abandoned_calls",  "unanswered_refunds", "double_charges",
    "grave_breaks",        "callbacks_parked", "webhooks_parked",    "jobs_late",
    "jobs_parked",         "failed_runs",      "missing_statements", "late_statements",
    "repairs_stopped",
};

/* The value of a label in lines of name=value; false: it has none. */
static bool label_of(const char *labels, const char *name, char ret_value[VALUE_BYTES]) {
    size_t chars = strlen(name);
    for (const char *line = labels; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length > chars && line[chars] == '=' && strncmp(line, name, chars) == 0) {
            snprintf(ret_value, VALUE_BYTES, "%.*s", (int)(length - chars - 1), line + chars + 1);
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

static bool is_among(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What an alert does not say it is about may be about anything. */
bool gate_alert_is_of_scope(const struct incident_scope *scope, const char *rule,
                            const char *labels) {
    const struct {
        const char *name;
        const struct scope_names *names;
    } kinds[] = {
        {"gateway", &scope->gateways},
        {"method", &scope->methods},
        {"region", &scope->regions},
        {"currency", &scope->currencies},
    };
    char value[VALUE_BYTES];
    if (is_among(rules_aside, COUNT_OF(rules_aside), rule) ||
        (label_of(labels, "check", value) &&
         is_among(checks_aside, COUNT_OF(checks_aside), value))) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (label_of(labels, kinds[i].name, value) && value[0] != '\0' &&
            !scope_has(kinds[i].names, value)) {
            return false;
        }
    }
    return true;
}

struct quiet {
    int64_t live, lately;
    int64_t last_us; /* when the last one was over; 0 */
    char rule[VALUE_BYTES], id[ID_TEXT_MAX];
    char broken[VALUE_BYTES]; /* a gateway of the scope whose breaker is not closed */
    bool seen;                /* by any instance */
};

/* Columns: id, rule, labels, severity, state, resolved. */
static void take_alert(struct quiet *quiet, struct gate_told *told, const struct sql_rows *row) {
    bool live = sql_int(row, 4) != ALERT_RESOLVED;
    char time[CLOCK_TEXT_MAX];
    if (quiet->live == 0 && (live || quiet->lately == 0)) {
        snprintf(quiet->rule, sizeof quiet->rule, "%s", sql_text(row, 1));
        snprintf(quiet->id, sizeof quiet->id, "%s", sql_text(row, 0));
    }
    quiet->live += live;
    quiet->lately += !live;
    quiet->last_us = sql_int(row, 5) > quiet->last_us ? sql_int(row, 5) : quiet->last_us;
    if (!gate_tell(told)) {
        return;
    }
    buf_addf(told->buf, "{\"id\":\"%s\",\"rule\":", sql_text(row, 0));
    buf_add_json(told->buf, sql_text(row, 1));
    buf_addf(told->buf, ",\"severity\":\"P%lld\",\"state\":\"%s\",\"resolved_at\":",
             (long long)sql_int(row, 3), alert_state_name((enum alert_state)sql_int(row, 4)));
    if (live) {
        buf_add_text(told->buf, "null}");
    } else {
        buf_addf(told->buf, "\"%s\"}", clock_format(sql_int(row, 5), time));
    }
}

static int read_alerts(struct gate_look *look, struct quiet *quiet, int64_t hold_us,
                       struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct gate_told told = {.buf = buf};
    buf_add_text(buf, "\"alerts\":[");
    int r = sql_query(look->tx, err, &rows,
                      "SELECT id, rule, labels, severity, state, resolved_us FROM alert WHERE "
                      "state <> 4 UNION ALL SELECT id, rule, labels, severity, state, resolved_us "
                      "FROM alert WHERE state = 4 AND resolved_us > $1 ORDER BY 5, 4, 1",
                      S_INT(look->now_us - hold_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (gate_alert_is_of_scope(&look->subject->scope, sql_text(rows, 1), sql_text(rows, 2)) &&
            sql_int(rows, 3) < NOTICE_P3) {
            take_alert(quiet, &told, rows);
        }
    }
    buf_addf(buf, "],\"alert_count\":%lld", (long long)told.count);
    return r;
}

/* ---- breakers ---- */

/* What instances that live see of the gateways: names between commas. */
static int read_sight(struct gate_look *look, struct quiet *quiet, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(look->tx, err, &rows, "SELECT broken, at_us FROM mode_sight");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t age_us = look->now_us - sql_int(rows, 1);
        if (age_us > INSTANCE_LIVES_US) {
            continue;
        }
        quiet->seen = true;
        char names[VALUE_BYTES * 8], *rest = NULL;
        snprintf(names, sizeof names, "%s", sql_text(rows, 0));
        for (char *name = strtok_r(names, ", ", &rest); name != NULL;
             name = strtok_r(NULL, ", ", &rest)) {
            if (scope_has(&look->subject->scope.gateways, name)) {
                snprintf(quiet->broken, sizeof quiet->broken, "%s", name);
            }
        }
    }
    return r;
}

static void say(struct gate_look *look, const struct quiet *quiet, int64_t hold_us,
                struct gate_line *line) {
    int64_t since_us = look->subject->mitigated_us > quiet->last_us ? look->subject->mitigated_us
                                                                    : quiet->last_us;
    int64_t left_us = since_us + hold_us - look->now_us;
    if (quiet->live > 0) {
        GATE_SAY(look, line, "{count} still seen, the gravest: {rule} ({id}).",
                 "仍有 {count} 个报警,最严重的是 {rule}({id})。",
                 {"count", arena_printf(look->arena, "%lld alert%s", (long long)quiet->live,
                                        quiet->live == 1 ? " is" : "s are")},
                 {"rule", quiet->rule}, {"id", quiet->id});
        line->why[NOTICE_ZH] = PHRASE(look->arena, "仍有 {count} 个报警,最严重的是 {rule}({id})。",
                                      {"count", gate_number(look, quiet->live)},
                                      {"rule", quiet->rule}, {"id", quiet->id});
        line->command = arena_printf(look->arena, "holdfast alert show %s", quiet->id);
    } else if (!quiet->seen) {
        GATE_SAY(look, line,
                 "No instance looks at the gateways just now, so that nothing is seen proves "
                 "nothing.",
                 "当前没有任何实例在监测网关,没有报警不能证明已恢复。", {"", ""});
        line->command = "holdfast status";
    } else if (quiet->broken[0] != '\0') {
        GATE_SAY(look, line,
                 "The breaker of {gateway} is not closed: customers are still sent elsewhere.",
                 "{gateway} 的熔断器尚未闭合:客户仍被引导至其他网关。", {"gateway", quiet->broken});
        line->command = "holdfast gateway health";
    } else if (look->subject->mitigated_us <= 0) {
        GATE_SAY(look, line,
                 "Quiet counts from the time of the fix, and there is none yet: {hold} more "
                 "minutes without an alert are needed then.",
                 "观察期从修复时间起算,目前尚无修复时间;修复后还需 {hold} 分钟无报警。",
                 {"hold", gate_minutes(look, hold_us)});
    } else if (left_us > 0) {
        GATE_SAY(look, line,
                 "Quiet since {since}; {left} more minutes without an alert are needed (hold time "
                 "{hold} minutes).",
                 "自 {since} 起无报警;还需 {left} 分钟无报警(观察期 {hold} 分钟)。",
                 {"since", gate_moment(look, since_us)},
                 {"left", gate_minutes(look, left_us)},
                 {"hold", gate_minutes(look, hold_us)});
    } else {
        line->passed = true;
        GATE_SAY(look, line, "No alert of its scope since {since}, for more than {hold} minutes.",
                 "自 {since} 起相关范围内无报警,已超过 {hold} 分钟。",
                 {"since", gate_moment(look, since_us)}, {"hold", gate_minutes(look, hold_us)});
    }
}

int gate_quiet(struct gate_look *look, struct gate_line *line, struct err *err) {
    int64_t hold_us = look->gate->limits.of[GATE_LIMIT_HOLD] * US_PER_SECOND;
    struct quiet quiet = {.live = 0};
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    buf_addf(&buf, "{\"hold_s\":%lld,", (long long)(hold_us / US_PER_SECOND));
    int r = read_alerts(look, &quiet, hold_us, &buf, err);
    r = r < 0 ? r : read_sight(look, &quiet, err);
    buf_addf(&buf, ",\"instances_look\":%s,\"breaker_open\":", quiet.seen ? "true" : "false");
    buf_add_json(&buf, quiet.broken);
    buf_add_char(&buf, '}');
    if (r >= 0) {
        say(look, &quiet, hold_us, line);
        r = gate_evidence(look, line, &buf, err);
    }
    return r;
}
