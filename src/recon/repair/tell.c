/* SPDX-License-Identifier: Apache-2.0
 * tell.c: what people are told: tickets for what is left to them, the rules with what was spent,
 * what would be done, what was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "desk/ticket.h"
#include "recon/repair/repair_impl.h"

enum { FACTS_BYTES_MAX = TICKET_FACTS_BYTES_MAX, FACT_MEMBERS_MAX = 10 };

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, "\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null,");
        return;
    }
    buf_add_json(buf, value);
    buf_add_char(buf, ',');
}

static void put_time(struct buf *buf, const char *key, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    put(buf, key, at_us > 0 ? clock_format(at_us, text) : "");
}

/* ---- tickets ---- */

static void facts_member(struct buf *buf, const struct break_member *member) {
    buf_add_char(buf, '{');
    put(buf, "movement", member->movement_id);
    put(buf, "gateway_id", member->gateway_id);
    put(buf, "reference", member->reference);
    put(buf, "payment", member->payment_id);
    put(buf, "statement", member->statement_id);
    put(buf, "currency", member->currency.code);
    buf_addf(buf, "\"side\":\"%s\",\"line\":%lld,\"amount\":%lld}",
             member->side == OURS ? "ours" : "theirs", (long long)member->line,
             (long long)member->amount_minor);
}

static void facts_json(const struct repair_facts *facts, const struct repair_row *repair,
                       struct buf *buf) {
    const struct break_row *row = &facts->row;
    buf_add_char(buf, '{');
    put(buf, "break", row->id.text);
    put(buf, "class", match_class_name(row->class));
    put(buf, "detail", row->detail);
    put(buf, "gateway", row->gateway);
    put(buf, "payment", facts->payment_id);
    put(buf, "attempt", facts->attempt_id);
    put(buf, "refund", facts->operation_id);
    put(buf, "currency", row->currency.code);
    put_time(buf, "at", row->at_us);
    put_time(buf, "opened_at", row->opened_us);
    if (repair != NULL) {
        put(buf, "repair", repair->id.text);
        put(buf, "repair_rule", repair->rule);
        put(buf, "repair_state", repair_state_name(repair->state));
        put(buf, "repair_said", repair->said);
    }
    buf_addf(buf, "\"ours\":%lld,\"theirs\":%lld,\"difference\":%lld,\"rows\":[",
             (long long)row->our_minor, (long long)row->their_minor,
             (long long)row->difference_minor);
    for (int i = 0; i < facts->members.count && i < FACT_MEMBERS_MAX; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        facts_member(buf, &facts->members.rows[i]);
    }
    buf_add_text(buf, "]}");
}

static void facts_case_json(const struct repair_facts *facts, const struct repair_row *repair,
                            struct buf *buf) {
    const struct repair_case *held = facts->held;
    buf_add_char(buf, '{');
    put(buf, "case", held->id);
    put(buf, "kind", held->kind);
    put(buf, "detail", held->detail);
    put(buf, "gateway", held->gateway);
    put(buf, "payment", held->payment_id);
    put(buf, "attempt", held->attempt_id);
    put(buf, "gateway_id", held->gateway_id);
    put(buf, "charge_id", held->charge_id);
    put(buf, "refund_id", held->refund_id);
    put(buf, "suspense",
        held->came   ? "the money lies in suspense"
        : held->went ? "what went back is in suspense"
                     : "");
    put(buf, "currency", held->currency.code);
    put_time(buf, "opened_at", held->opened_us);
    if (repair != NULL) {
        put(buf, "repair", repair->id.text);
        put(buf, "repair_rule", repair->rule);
        put(buf, "repair_state", repair_state_name(repair->state));
        put(buf, "repair_said", repair->said);
    }
    buf_addf(buf, "\"amount\":%lld}", (long long)held->amount_minor);
}

static int64_t magnitude(int64_t minor) {
    return minor < 0 ? -minor : minor;
}

static void case_note(const struct repair_facts *facts, struct ticket_note *note, char *title,
                      size_t bytes) {
    const struct repair_case *held = facts->held;
    const struct repair_case_kind *kind = repair_case_kind(held->kind);
    char shown[MONEY_TEXT_MAX];
    bool money = held->amount_minor > 0 && held->currency.code[0] != '\0';
    snprintf(title, bytes, "%s%s%s%s%s", kind->title, held->gateway[0] != '\0' ? " at " : "",
             held->gateway, money ? ": " : "",
             money ? money_show(held->amount_minor, held->currency, shown) : "");
    note->subject = (struct ticket_subject){"case", held->id};
    note->class = facts->row.class == CLASS_TWO_GATEWAYS ? match_class_name(CLASS_TWO_GATEWAYS)
                                                         : kind->ticket;
    note->amount_minor = money ? held->amount_minor : 0;
    note->currency = money ? held->currency : (struct currency){0};
}

static void break_note_of(const struct repair_facts *facts, struct ticket_note *note, char *title,
                          size_t bytes) {
    const struct break_row *row = &facts->row;
    char shown[MONEY_TEXT_MAX];
    note->amount_minor = magnitude(row->difference_minor != 0 ? row->difference_minor
                                   : row->their_minor != 0    ? row->their_minor
                                                              : row->our_minor);
    note->currency = row->currency;
    snprintf(title, bytes, "%s at %s: %s", match_class_what(row->class), row->gateway,
             money_show(note->amount_minor, row->currency, shown));
    note->subject = (struct ticket_subject){"break", row->id.text};
    note->class = match_class_name(row->class);
}

int repair_ticket(struct recon *recon, struct store_tx *tx, const struct repair_facts *facts,
                  const struct repair_row *repair, struct err *err) {
    const struct break_row *row = &facts->row;
    if (recon->options.desk == NULL || row->risk == RISK_NONE || PLANTED(REPAIR_UNTICKETED)) {
        return 0;
    }
    BUF_AUTO json;
    buf_init(&json, FACTS_BYTES_MAX);
    char title[TICKET_TITLE_CHARS_MAX + 1];
    struct ticket_note note = {
        .title = title,
        .risk = (enum ticket_risk)row->risk,
        .gateway = row->gateway,
        .payment_id = facts->payment_id,
        .actor = "system",
    };
    if (facts->held != NULL) {
        facts_case_json(facts, repair, &json);
        case_note(facts, &note, title, sizeof title);
    } else {
        facts_json(facts, repair, &json);
        break_note_of(facts, &note, title, sizeof title);
    }
    note.facts_json = buf_ok(&json) ? json.data : "{}";
    int r = ticket_open(recon->options.desk, tx, &note, NULL, err);
    if (r < 0 || repair == NULL || repair->said[0] == '\0') {
        return r < 0 ? r : 0;
    }
    char line[TICKET_COMMENT_CHARS_MAX], actor[REPAIR_ACTOR_CHARS_MAX + 1];
    repair_actor(repair->rule, actor);
    snprintf(line, sizeof line, "repair %s is %s: %s", repair->id.text,
             repair_state_name(repair->state), repair->said);
    r = r > 0 ? ticket_tell(recon->options.desk, tx, &note.subject, actor, line, err) : 0;
    return r < 0 ? r : 0;
}
static_assert((int)TICKET_RISK_LOW == RISK_LOW && (int)TICKET_RISK_CRITICAL == RISK_CRITICAL,
              "a ticket's risks are those of breaks");

/* ---- the rules ---- */

struct telling {
    struct recon *recon;
    struct arena *arena;
    const char *only, *gateway;
    const char *id;
    struct buf *buf;
};

static int rule_state(struct store_tx *tx, const struct repair_rule *rule, struct buf *buf,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT enabled, digest, actor, reason, changed_us FROM repair_rule WHERE "
                      "name = $1",
                      S_TEXT(rule->name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    bool on = r > 0 && sql_int(rows, 0) != 0;
    bool same = on && strcmp(sql_text(rows, 1), rule->digest) == 0;
    buf_addf(buf, "\"enabled\":%s,\"changed_since\":%s,", same ? "true" : "false",
             on && !same ? "true" : "false");
    put(buf, "by", r > 0 ? sql_text(rows, 2) : "");
    put(buf, "reason", r > 0 ? sql_text(rows, 3) : "");
    put_time(buf, "changed_at", r > 0 ? sql_int(rows, 4) : 0);
    return 0;
}

static int rule_spent(struct store_tx *tx, const struct repair_rule *rule, struct buf *buf,
                      struct err *err) {
    int64_t day = repair_day(clock_wall_us()), today = 0, total = 0;
    int r = repair_spent(tx, rule->name, day, "", &today, err);
    r = r < 0 ? r : repair_spent(tx, rule->name, REPAIR_TOTAL_DAY, "", &total, err);
    buf_addf(buf,
             "\"count\":{\"today\":%lld,\"day_cap\":%lld,\"total\":%lld,\"total_cap\":%lld},"
             "\"money\":[",
             (long long)today, (long long)rule->day_count, (long long)total,
             (long long)rule->total_count);
    for (int i = 0; r >= 0 && i < rule->cap_count; i++) {
        const struct repair_cap *cap = &rule->caps[i];
        r = repair_spent(tx, rule->name, day, cap->currency.code, &today, err);
        r = r < 0 ? r
                  : repair_spent(tx, rule->name, REPAIR_TOTAL_DAY, cap->currency.code, &total, err);
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"each_cap\":%lld,\"today\":%lld,\"day_cap\":%lld,"
                 "\"total\":%lld,\"total_cap\":%lld}",
                 i > 0 ? "," : "", cap->currency.code, (long long)cap->each_minor, (long long)today,
                 (long long)cap->day_minor, (long long)total, (long long)cap->total_minor);
    }
    buf_add_char(buf, ']');
    return r;
}

static int rule_json(struct store_tx *tx, const struct repair_rule *rule, struct buf *buf,
                     struct err *err) {
    buf_add_char(buf, '{');
    put(buf, "name", rule->name);
    put(buf, "says", rule->says);
    put(buf, "action", repair_action_name(rule->action));
    put(buf, "does", repair_action_does(rule->action));
    put(buf, "hint", repair_rule_hint(rule) != NULL ? repair_rule_hint(rule) : "");
    buf_add_text(buf, "\"classes\":[");
    bool some = false;
    for (int i = 1; i < CLASS_COUNT; i++) {
        if ((rule->classes & UINT64_C(1) << i) != 0) {
            buf_addf(buf, "%s\"%s\"", some ? "," : "", match_class_name((enum match_class)i));
            some = true;
        }
    }
    buf_add_text(buf, "],\"gateways\":[");
    for (int i = 0; i < rule->gateway_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, rule->gateways[i]);
    }
    buf_addf(buf, "],\"errors_of\":%d,\"errors_max\":%d,", rule->errors_of, rule->errors_max);
    int r = rule_state(tx, rule, buf, err);
    r = r < 0 ? r : rule_spent(tx, rule, buf, err);
    buf_add_char(buf, '}');
    return r;
}

int repair_rules_json(struct recon *recon, struct store_tx *tx, struct buf *buf, struct err *err) {
    const struct repair_rules *rules = recon->options.rules;
    struct repair_switch all;
    int r = repair_switch_load(tx, false, &all, err);
    buf_addf(buf, "{\"stopped\":%s,", all.stopped ? "true" : "false");
    put(buf, "rule", all.rule);
    put(buf, "why", all.why);
    put(buf, "by", all.actor);
    put_time(buf, "changed_at", all.changed_us);
    buf_add_text(buf, "\"data\":[");
    for (int i = 0; r >= 0 && rules != NULL && i < rules->count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        r = rule_json(tx, &rules->rules[i], buf, err);
    }
    buf_add_text(buf, "]}");
    return r < 0 ? r : 0;
}

static int rules_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct telling *telling = ctx;
    buf_clear(telling->buf);
    return repair_rules_json(telling->recon, tx, telling->buf, err);
}

static int tell(struct telling *telling, store_fn *fn, struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, REPAIR_ANSWER_BYTES_MAX);
    telling->buf = &buf;
    int r = store_read(telling->recon->options.store, fn, telling, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int repair_rules_get(struct recon *recon, struct answer *ret_answer, struct err *err) {
    struct telling telling = {.recon = recon};
    return tell(&telling, rules_tx, ret_answer, err);
}

/* ---- what was done ---- */

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct telling *telling = ctx;
    struct repair_row row;
    buf_clear(telling->buf);
    int r = repair_row_load(tx, telling->arena, telling->id, false, &row, err);
    return r < 0 ? r : repair_row_tell(tx, telling->arena, telling->buf, &row, err);
}

int repair_get(struct recon *recon, const char *id, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct telling telling = {.recon = recon, .arena = arena, .id = id};
    return tell(&telling, get_tx, ret_answer, err);
}
