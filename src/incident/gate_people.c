/* SPDX-License-Identifier: Apache-2.0
 * gate_people.c: what people have to have done: undone what they switched, or handed it over by
 * name, and signed. What stands in the store is found here whether or not anybody wrote it down. */
#include <stdio.h>
#include <string.h>

#include "incident/gate_impl.h"

static const char *text(const char *maybe) {
    return maybe != NULL ? maybe : "";
}

/* ---- measures ---- */

/* Everything that is switched now: kind, name, since when, by whom, why. Of it, what was switched
 * since the trouble began is taken for a measure of it. */
static const char switched_sql[] =
    "SELECT kind, name, at_us, actor, reason FROM mode_switch WHERE off = 1 AND kind <> 'gateway' "
    "AND (until_us = 0 OR until_us > $1) UNION ALL SELECT 'gateway', gateway, at_us, actor, reason "
    "FROM gateway_control WHERE state <> 0 AND gateway NOT LIKE '*%' UNION ALL SELECT 'primary', "
    "'', at_us, actor, reason FROM gateway_control WHERE gateway = '*primary' AND value <> '' "
    "UNION ALL SELECT 'fallback', '', at_us, actor, reason FROM gateway_control WHERE gateway = "
    "'*fallback' AND value = 'on' UNION ALL SELECT 'mode', '', hand_us, hand_actor, hand_reason "
    "FROM mode_state WHERE hand <> 0 AND (hand_until_us = 0 OR hand_until_us > $1) UNION ALL "
    "SELECT 'simplified', '', simplified_us, simplified_actor, simplified_reason FROM mode_state "
    "WHERE simplified = 1 ORDER BY 1, 2";

static const struct {
    const char *kind, *what[NOTICE_LANGUAGES], *command; /* %s: its name */
} kinds[] = {
    {"gateway", {"gateway {name} is switched off or drained", "网关 {name} 已停用或排空"},
     "holdfast gateway enable {name}"},
    {"method", {"method {name} is switched off", "支付方式 {name} 已关闭"},
     "holdfast switch on method {name}"},
    {"purpose", {"purpose {name} is switched off", "用途 {name} 已暂停"},
     "holdfast switch on purpose {name}"},
    {"primary", {"the primary gateway was switched", "首选网关已被切换"}, "holdfast gateway list"},
    {"fallback", {"fallback mode is on", "备用路由模式已开启"}, "holdfast gateway fallback off"},
    {"mode", {"the ladder is held by hand", "降级阶梯由人工固定"}, "holdfast mode set auto"},
    {"simplified", {"the simplified flow is on", "简化流程已开启"}, "holdfast mode simplified off"},
};

struct measures {
    struct gate_look *look;
    struct gate_line *line;
    struct gate_told told;
    int64_t left, handed;
};

static const struct gate_measure *declared(const struct gate_look *look, const char *kind,
                                           const char *name) {
    for (int i = 0; i < look->subject->measure_count; i++) {
        const struct gate_measure *measure = &look->subject->measures[i];
        if (strcmp(text(measure->kind), kind) == 0 && strcmp(text(measure->name), name) == 0) {
            return measure;
        }
    }
    return NULL;
}

/* One that is still on. The first that nobody has is the one that is told. */
static void take_measure(struct measures *measures, const char *kind, const char *name,
                         const char *actor, const char *handed_to, const char *command) {
    struct arena *arena = measures->look->arena;
    bool handed = handed_to[0] != '\0';
    const char *what[NOTICE_LANGUAGES] = {kind, kind};
    const struct phrase_word named = {"name", arena_copy(arena, name)};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            what[NOTICE_EN] = PHRASE(arena, kinds[i].what[NOTICE_EN], named);
            what[NOTICE_ZH] = PHRASE(arena, kinds[i].what[NOTICE_ZH], named);
            command = command[0] != '\0' ? command : PHRASE(arena, kinds[i].command, named);
        }
    }
    if (gate_tell(&measures->told)) {
        struct buf *buf = measures->told.buf;
        buf_add_text(buf, "{\"kind\":");
        buf_add_json(buf, kind);
        buf_add_text(buf, ",\"name\":");
        buf_add_json(buf, name);
        buf_add_text(buf, ",\"by\":");
        buf_add_json(buf, actor);
        buf_add_text(buf, ",\"handed_to\":");
        buf_add_json(buf, handed_to);
        buf_add_char(buf, '}');
    }
    measures->handed += handed;
    if (!handed && measures->left++ == 0) {
        struct gate_line *line = measures->line;
        line->command = command[0] != '\0' ? arena_copy(arena, command) : line->command;
        line->why[NOTICE_EN] =
            PHRASE(arena, "Still on, and nobody has it: {what}. Undo it, or hand it over by name.",
                   {"what", what[NOTICE_EN]});
        line->why[NOTICE_ZH] = PHRASE(arena, "仍在生效且无人负责:{what}。请撤销,或移交给具名人员。",
                                      {"what", what[NOTICE_ZH]});
    }
}

static int found_in_store(struct measures *measures, struct err *err) {
    struct gate_look *look = measures->look;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(look->tx, err, &rows, switched_sql, S_INT(look->now_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const struct gate_measure *known =
            declared(look, sql_text(rows, 0), sql_text(rows, 1));
        /* What was so before is how the shop runs, unless somebody says that it is a measure. */
        if (known == NULL && sql_int(rows, 2) < look->subject->scope.from_us) {
            continue;
        }
        take_measure(measures, sql_text(rows, 0), sql_text(rows, 1), sql_text(rows, 3),
                     known != NULL ? text(known->handed_to) : "",
                     known != NULL ? text(known->command) : "");
    }
    return r;
}

static bool is_in_store(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return true;
        }
    }
    return false;
}

int gate_measures(struct gate_look *look, struct gate_line *line, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    struct measures measures = {.look = look, .line = line, .told = {.buf = &buf}};
    buf_add_text(&buf, "{\"on\":[");
    int r = found_in_store(&measures, err);
    for (int i = 0; r >= 0 && i < look->subject->measure_count; i++) {
        const struct gate_measure *measure = &look->subject->measures[i];
        /* Of what is in the store, the store says whether it is undone. */
        if (!measure->undone && !is_in_store(text(measure->kind))) {
            take_measure(&measures, text(measure->kind), text(measure->name), "",
                         text(measure->handed_to), text(measure->command));
        }
    }
    buf_addf(&buf, "],\"on_count\":%lld,\"without_owner\":%lld}", (long long)measures.told.count,
             (long long)measures.left);
    if (r < 0) {
        return r;
    }
    line->passed = measures.left == 0;
    if (line->passed && measures.handed > 0) {
        GATE_SAY(look, line, "{count} measures are still on, each handed over by name.",
                 "仍有 {count} 项措施生效,均已移交给具名人员。",
                 {"count", gate_number(look, measures.handed)});
    } else if (line->passed) {
        GATE_SAY(look, line, "Nothing that was switched for it is still on.",
                 "为本次故障采取的临时措施均已撤销。", {"", ""});
    }
    return gate_evidence(look, line, &buf, err);
}

/* ---- signatures ---- */

int gate_signed(struct gate_look *look, struct gate_line *line, struct err *err) {
    const struct gate_subject *subject = look->subject;
    const char *commander = text(subject->commander), *owner = text(subject->recon_owner);
    bool named = commander[0] != '\0' && owner[0] != '\0';
    const struct phrase_word first = {"commander", commander}, second = {"owner", owner};
    const char *sign = arena_printf(look->arena, "holdfast incident sign %s",
                                    text(subject->incident_id));
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    buf_add_text(&buf, "{\"commander\":");
    buf_add_json(&buf, commander);
    buf_add_text(&buf, ",\"reconciliation_owner\":");
    buf_add_json(&buf, owner);
    buf_addf(&buf, ",\"commander_signed\":%s,\"reconciliation_owner_signed\":%s}",
             subject->commander_signed ? "true" : "false",
             subject->recon_signed ? "true" : "false");
    line->command = sign;
    if (!named) {
        GATE_SAY(look, line,
                 "It has no {role}: name one, or nobody can sign.", "缺少{role_zh},无法签字。",
                 {"role", commander[0] == '\0' ? "commander" : "reconciliation owner"},
                 {"role_zh", commander[0] == '\0' ? "指挥人" : "对账负责人"});
        line->command = arena_printf(look->arena, "holdfast incident role %s",
                                     text(subject->incident_id));
    } else if (strcmp(commander, owner) == 0) {
        GATE_SAY(look, line,
                 "{commander} is both commander and reconciliation owner: it takes two people.",
                 "{commander} 同时是指挥人和对账负责人:必须由两人签字。", first);
        line->command = arena_printf(look->arena, "holdfast incident role %s",
                                     text(subject->incident_id));
    } else if (!subject->commander_signed) {
        GATE_SAY(look, line, "The commander, {commander}, has not signed.", "指挥人 {commander} 尚未签字。",
                 first);
    } else if (!subject->recon_signed) {
        GATE_SAY(look, line, "The reconciliation owner, {owner}, has not signed.",
                 "对账负责人 {owner} 尚未签字。", second);
    } else {
        line->passed = true;
        GATE_SAY(look, line, "Signed by {commander} and {owner}.", "{commander} 与 {owner} 已签字。",
                 first, second);
    }
    return gate_evidence(look, line, &buf, err);
}
