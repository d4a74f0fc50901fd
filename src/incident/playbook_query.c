/* SPDX-License-Identifier: Apache-2.0
 * playbook_query.c: what queries look at: the incident itself, its payments, what piled up, the
 * conditions of its gate. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "incident/blast.h"
#include "incident/playbook_impl.h"
#include "watch/check.h"
#include "watch/reports.h"

static const struct query_row queries[QUERIES] = {
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh)                                  \
    {name, argument, function, {yes, yes_zh}, {no, no_zh}},
#include "incident/playbook_queries.def"
#undef X
};

/* ---- asking ---- */

void query_say(struct playbook_look *look, const struct query_row *row, bool passed,
               struct playbook_seen *seen, const struct phrase_word *words, int count) {
    seen->verdict = passed ? VERDICT_PASSED : VERDICT_NOT;
    for (int i = 0; i < NOTICE_LANGUAGES; i++) {
        seen->said[i] = phrase(look->arena, passed ? row->yes[i] : row->no[i], words, count);
    }
}

int query_unknown(struct playbook_seen *seen, const char *why, const char *why_zh) {
    seen->verdict = VERDICT_UNKNOWN;
    seen->said[NOTICE_EN] = why;
    seen->said[NOTICE_ZH] = why_zh;
    return 0;
}

const char *query_json(struct playbook_look *look, const char *format, ...) {
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return arena_copy(look->arena, text);
}

void playbook_ask(struct playbook_look *look, const char *query, struct playbook_seen *ret_seen) {
    enum playbook_query found = QUERY_ACKNOWLEDGED;
    struct err err = {0};
    struct playbook_seen seen = {.evidence = "{}"};
    if (!playbook_query_parse(query, &found)) {
        query_unknown(&seen, "This version has no such query.", "本版本没有该查询。");
    } else if (queries[found].function(look, &queries[found], &seen, &err) < 0) {
        seen = (struct playbook_seen){.evidence = "{}"};
        query_unknown(&seen, arena_printf(look->arena, "It could not be looked at: %s", err.detail),
                      "无法查看。");
    }
    if (strlen(seen.evidence) > PLAYBOOK_EVIDENCE_BYTES_MAX) {
        seen.evidence = query_json(look, "{\"left_out\":\"larger than %d bytes\"}",
                                   PLAYBOOK_EVIDENCE_BYTES_MAX);
    }
    *ret_seen = seen;
}

static const char *words_json(struct playbook_look *look, const char *key, const char *text) {
    BUF_AUTO buf;
    buf_init(&buf, PLAYBOOK_EVIDENCE_BYTES_MAX);
    buf_addf(&buf, "{\"%s\":", key);
    buf_add_json(&buf, text);
    buf_add_char(&buf, '}');
    return arena_copy(look->arena, buf_ok(&buf) ? buf.data : "{}");
}

/* ---- the incident itself ---- */

int playbook_at_milestone(struct playbook_look *look, const struct query_row *row,
                          struct playbook_seen *seen, struct err *err) {
    (void)err;
    int64_t at_us = 0;
    for (int i = 0; i < MILESTONES; i++) {
        if (strcmp(incident_milestone_name((enum incident_milestone)i), row->argument) == 0) {
            at_us = look->incident->at_us[i];
        }
    }
    const char *at = phrase_moment(look->arena, at_us);
    QUERY_SAY(look, row, at_us > 0, seen, {"at", at});
    seen->evidence = words_json(look, row->argument, at);
    return 0;
}

int playbook_roles(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    (void)err;
    char missing[120] = "";
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        if (look->incident->holders[i][0][0] == '\0') {
            size_t used = strlen(missing);
            snprintf(missing + used, sizeof missing - used, "%s%s", used > 0 ? ", " : "",
                     incident_role_name((enum incident_role)i));
        }
    }
    QUERY_SAY(look, row, missing[0] == '\0', seen, {"missing", missing});
    seen->evidence = words_json(look, "missing", missing);
    return 0;
}

int playbook_severity(struct playbook_look *look, const struct query_row *row,
                      struct playbook_seen *seen, struct err *err) {
    (void)err;
    const struct incident_row *incident = look->incident;
    if (incident->proposed == INCIDENT_UNMEASURED) {
        return query_unknown(seen, "Nothing was measured yet that says how grave it is.",
                             "尚未测得严重程度。");
    }
    const char *proposed = notice_severity_name((enum notice_severity)incident->proposed);
    const char *severity = notice_severity_name((enum notice_severity)incident->severity);
    QUERY_SAY(look, row, incident->severity <= incident->proposed, seen, {"proposed", proposed},
              {"severity", severity});
    seen->evidence = query_json(look, "{\"proposed\":\"%s\",\"severity\":\"%s\"}", proposed,
                                severity);
    return 0;
}

int playbook_cause(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    (void)err;
    const char *cause = incident_cause_name(look->incident->cause);
    QUERY_SAY(look, row, look->incident->cause != CAUSE_UNKNOWN, seen, {"cause", cause},
              {"why", look->incident->cause_why});
    seen->evidence = words_json(look, "cause", cause);
    return 0;
}

int playbook_updates(struct playbook_look *look, const struct query_row *row,
                     struct playbook_seen *seen, struct err *err) {
    (void)err;
    enum incident_due due = DUE_UPDATE;
    int64_t due_us = incident_update_due_us(&look->playbooks->options.incidents->settings,
                                            look->incident, &due);
    const char *at = due_us > 0 ? phrase_moment(look->arena, due_us) : "-";
    QUERY_SAY(look, row, due_us == 0 || due_us > look->now_us, seen, {"at", at});
    seen->evidence = words_json(look, "next_update", at);
    return 0;
}

int playbook_told(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    (void)err;
    const struct incident_row *incident = look->incident;
    QUERY_SAY(look, row, incident->told_count > 0, seen,
              {"at", phrase_moment(look->arena, incident->told_us)});
    seen->evidence = query_json(look, "{\"told\":%lld}", (long long)incident->told_count);
    return 0;
}

int playbook_log(struct playbook_look *look, const struct query_row *row,
                 struct playbook_seen *seen, struct err *err) {
    struct incident_verdict verdict = {0};
    int r = incident_verify(look->playbooks->options.incidents, look->incident->id.text, &verdict,
                            err);
    if (r < 0) {
        return r;
    }
    QUERY_SAY(look, row, verdict.broken_seq == 0, seen,
              {"count", phrase_number(look->arena, (long long)verdict.entries)},
              {"seq", phrase_number(look->arena, (long long)verdict.broken_seq)},
              {"why", verdict.why});
    seen->evidence = query_json(look, "{\"entries\":%lld,\"hash\":\"%s\"}",
                                (long long)verdict.entries, verdict.hash);
    return 0;
}

/* ---- what the store knows ---- */

struct reading {
    struct playbook_look *look;
    const struct query_row *row;
    struct playbook_seen *seen;
};

static int read_store(struct playbook_look *look, const struct query_row *row,
                      struct playbook_seen *seen, store_fn *fn, struct err *err) {
    struct reading reading = {look, row, seen};
    return store_read(look->playbooks->options.store, fn, &reading, err);
}

/* Below so many finished payments a rate says nothing. */
enum { FINISHED_MIN = 20, GOOD_PERMILLE = 950 };

static int success_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct reading *reading = ctx;
    struct playbook_look *look = reading->look;
    struct incident_figures figures;
    int r = incident_measure(tx, look->incident, &figures, err);
    if (r < 0) {
        return r;
    }
    if (figures.finished < FINISHED_MIN) {
        return query_unknown(reading->seen,
                             "Too few payments of its scope came to an end to say how many "
                             "succeed.",
                             "范围内完成的支付太少,无法判断成功率。");
    }
    const char *percent = arena_printf(look->arena, "%lld.%lld",
                                       (long long)(figures.success_permille / 10),
                                       (long long)(figures.success_permille % 10));
    QUERY_SAY(look, reading->row, figures.success_permille >= GOOD_PERMILLE, reading->seen,
              {"percent", percent},
              {"count", phrase_number(look->arena, (long long)figures.finished)});
    reading->seen->evidence = query_json(look, "{\"success_percent\":%s,\"finished\":%lld}",
                                         percent, (long long)figures.finished);
    return 0;
}

int playbook_success(struct playbook_look *look, const struct query_row *row,
                     struct playbook_seen *seen, struct err *err) {
    return read_store(look, row, seen, success_tx, err);
}

static int changes_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct reading *reading = ctx;
    const char *line = NULL;
    int r = change_before(tx, reading->look->arena,
                          reading->look->incident->at_us[MILESTONE_IMPACT_START], &line, err);
    if (r < 0) {
        return r;
    }
    QUERY_SAY(reading->look, reading->row, line == NULL, reading->seen, {"change", line});
    reading->seen->evidence = words_json(reading->look, "change", line != NULL ? line : "");
    return 0;
}

int playbook_changes(struct playbook_look *look, const struct query_row *row,
                     struct playbook_seen *seen, struct err *err) {
    return read_store(look, row, seen, changes_tx, err);
}

static const struct check *check_named(const char *name) {
    for (int i = 0; i < check_count(); i++) {
        if (strcmp(check_at(i)->name, name) == 0) {
            return check_at(i);
        }
    }
    return NULL;
}

static int check_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct reading *reading = ctx;
    struct playbook_look *look = reading->look;
    const struct check *check = check_named(reading->row->argument);
    int64_t count = 0, since_us = 0;
    INVARIANT(check != NULL, "each query of a check names one");
    int r = check_take(check, tx, look->now_us, &count, &since_us, err);
    if (r < 0) {
        return r;
    }
    const char *since = phrase_moment(look->arena, since_us);
    QUERY_SAY(look, reading->row, count == 0, reading->seen,
              {"count", phrase_number(look->arena, (long long)count)}, {"since", since});
    reading->seen->evidence = query_json(look, "{\"count\":%lld,\"since\":%s%s%s}",
                                         (long long)count, since_us > 0 ? "\"" : "",
                                         since_us > 0 ? since : "null", since_us > 0 ? "\"" : "");
    return 0;
}

int playbook_check(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    return read_store(look, row, seen, check_tx, err);
}

/* ---- the blast radius ---- */

static void blast_say(struct playbook_look *look, const struct query_row *row, const json_t *json,
                      struct playbook_seen *seen) {
    BUF_AUTO money, evidence;
    size_t i;
    const json_t *one;
    buf_init(&money, 4 * 1024);
    buf_init(&evidence, PLAYBOOK_EVIDENCE_BYTES_MAX);
    long long orders = (long long)json_integer_value(json_object_get(json, "orders"));
    long long customers = (long long)json_integer_value(json_object_get(json, "customers"));
    long long payments = (long long)json_integer_value(json_object_get(json, "payments"));
    double percent = json_number_value(json_object_get(json, "affected_percent"));
    json_array_foreach(json_object_get(json, "money"), i, one) {
        buf_addf(&money, "%s%s lost %lld, at risk %lld, to return %lld", i > 0 ? "; " : "",
                 json_string_value(json_object_get(one, "currency")),
                 (long long)json_integer_value(json_object_get(one, "lost")),
                 (long long)json_integer_value(json_object_get(one, "at_risk")),
                 (long long)json_integer_value(json_object_get(one, "to_return")));
    }
    buf_add_text(&money, money.len > 0 ? " (minor units)." : "");
    QUERY_SAY(look, row, true, seen, {"orders", phrase_number(look->arena, orders)},
              {"customers", phrase_number(look->arena, customers)},
              {"percent", arena_printf(look->arena, "%.1f", percent)}, {"money", money.data});
    buf_addf(&evidence, "{\"payments\":%lld,\"orders\":%lld,\"customers\":%lld,"
                        "\"affected_percent\":%.1f,\"money\":",
             payments, orders, customers, percent);
    char *text = json_dumps(json_object_get(json, "money"), JSON_COMPACT);
    buf_add_text(&evidence, text != NULL ? text : "[]");
    free(text);
    buf_add_char(&evidence, '}');
    seen->evidence = arena_copy(look->arena, buf_ok(&evidence) ? evidence.data : "{}");
}

int playbook_blast(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    struct incident_scope scope = look->incident->scope;
    JSON_AUTO json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    scope.from_us = look->incident->at_us[MILESTONE_IMPACT_START];
    scope.until_us = look->incident->at_us[MILESTONE_MITIGATED];
    int r = blast_take(look->playbooks->options.store, &scope, &buf, err);
    r = r < 0 ? r
              : json_read(buf.data, buf.len, BLAST_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r >= 0) {
        blast_say(look, row, json, seen);
    }
    return r;
}

/* ---- the gate ---- */

static int gate_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct reading *reading = ctx;
    struct playbook_look *look = reading->look;
    struct incident_facts *facts = arena_alloc(look->arena, sizeof *facts);
    struct gate_verdict *verdict = arena_alloc(look->arena, sizeof *verdict);
    int r = incident_facts(tx, look->incident->id.text, facts, err);
    if (r < 0) {
        return r;
    }
    const struct gate_subject subject = {
        .incident_id = facts->id.text,
        .scope = facts->scope,
        .mitigated_us = facts->mitigated_us,
        .commander = facts->roles[INCIDENT_ROLE_COMMANDER],
        .recon_owner = facts->roles[INCIDENT_ROLE_RECON],
        .commander_signed = facts->is_signed[INCIDENT_ROLE_COMMANDER],
        .recon_signed = facts->is_signed[INCIDENT_ROLE_RECON],
    };
    r = gate_look_in(look->playbooks->gate, tx, &subject, look->arena, verdict, err);
    look->gate = r < 0 ? NULL : verdict;
    return r;
}

int playbook_gate(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    int r = look->gate != NULL ? 0 : read_store(look, row, seen, gate_tx, err);
    for (int i = 0; r >= 0 && i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = &look->gate->lines[i];
        if (strcmp(gate_condition_name(line->condition), row->argument) == 0) {
            seen->verdict = line->passed ? VERDICT_PASSED : VERDICT_NOT;
            seen->said[NOTICE_EN] = line->why[NOTICE_EN];
            seen->said[NOTICE_ZH] = line->why[NOTICE_ZH];
            seen->evidence = line->evidence;
        }
    }
    return r;
}
