/* SPDX-License-Identifier: Apache-2.0
 * gate_books.c: what the books of that time say: payments without an outcome and whose they are,
 * the proof of the time (recon/window.h), and differences that are open. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "incident/gate_impl.h"
#include "match/match.h"
#include "recon/window.h"

/* ---- without an outcome ---- */

#define OWNED                                                                                      \
    "CASE WHEN EXISTS (SELECT 1 FROM ticket k WHERE k.payment_id = p.id AND k.payment_id <> '' "   \
    "AND k.state IN (1, 2, 3, 4, 7) AND k.assignee <> '') THEN 1 ELSE 0 END"
/* Columns: payment, order, what, since, owned. An order that waits for its customer is not
 * stuck. */
static const char open_sql[] =
    "SELECT p.id, p.order_id, 'attempt ' || a.id, a.created_us, " OWNED " FROM payment p JOIN "
    "attempt a ON a.payment_id = p.id WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE
    " AND (a.state = 4 OR a.state IN (1, 2) AND a.created_us < $9) UNION ALL SELECT p.id, "
    "p.order_id, 'operation ' || o.id, o.created_us, " OWNED " FROM payment p JOIN operation o ON "
    "o.payment_id = p.id WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE
    " AND (o.state = 3 OR o.state IN (1, 2) AND o.created_us < $9) UNION ALL SELECT p.id, "
    "p.order_id, 'payment', p.created_us, " OWNED " FROM payment p WHERE " SQL_BEGUN
    " AND " SQL_OF_SCOPE " AND p.state IN (1, 2) AND p.created_us < $9 AND NOT EXISTS (SELECT 1 "
    "FROM attempt a WHERE a.payment_id = p.id AND a.state IN (1, 2, 4)) ORDER BY 5, 4";

static void tell_open(struct gate_told *told, const struct sql_rows *row) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(told->buf, "{\"payment_id\":\"%s\",\"order_id\":", sql_text(row, 0));
    buf_add_json(told->buf, sql_text(row, 1));
    buf_add_text(told->buf, ",\"what\":");
    buf_add_json(told->buf, sql_text(row, 2));
    buf_addf(told->buf, ",\"since\":\"%s\",\"owned\":%s}", clock_format(sql_int(row, 3), time),
             sql_int(row, 4) != 0 ? "true" : "false");
}

int gate_unknown(struct gate_look *look, struct gate_line *line, struct err *err) {
    int64_t from_us = look->subject->scope.from_us, ownerless = 0;
    int64_t stuck_us = look->gate->limits.of[GATE_LIMIT_STUCK] * US_PER_SECOND;
    struct gate_ids ids = gate_ids("pay", from_us, look->until_us);
    char first[ID_TEXT_MAX] = "";
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    struct gate_told told = {.buf = &buf};
    buf_add_text(&buf, "{\"open\":[");
    int r = sql_query(look->tx, err, &rows, open_sql,
                      SQL_SCOPE_ARGS(ids, from_us, look->until_us, &look->names),
                      S_INT(look->now_us - stuck_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (sql_int(rows, 4) == 0 && ownerless++ == 0) {
            snprintf(first, sizeof first, "%s", sql_text(rows, 0));
        }
        if (gate_tell(&told)) {
            tell_open(&told, rows);
        }
    }
    buf_addf(&buf, "],\"open_count\":%lld,\"without_owner\":%lld}", (long long)told.count,
             (long long)ownerless);
    if (r < 0) {
        return r;
    }
    const struct phrase_word count = {"count", gate_number(look, told.count)},
                             none = {"none", gate_number(look, ownerless)}, id = {"id", first};
    line->passed = ownerless == 0;
    if (ownerless > 0) {
        GATE_SAY(look, line,
                 "Nobody has {none} of {count} outcomes that are not known, the first of {id}: "
                 "have its gateway asked, or give its ticket to a person.",
                 "{count} 笔结果未知,其中 {none} 笔无人负责,第一笔为 {id}:请向网关查询,或将工单指派给具体人员。",
                 none, count, id);
        line->command = arena_printf(look->arena, "holdfast payment check %s", first);
    } else if (told.count > 0) {
        GATE_SAY(look, line, "{count} outcomes of that time are not known, and each has an owner.",
                 "该时段内有 {count} 笔结果未知,均有负责人。", count);
    } else {
        GATE_SAY(look, line, "Every outcome of that time is known.", "该时段内所有支付结果均已知。", count);
    }
    return gate_evidence(look, line, &buf, err);
}

/* ---- the proof ---- */

struct proof {
    char id[ID_TEXT_MAX];
    int64_t ended_us, missing_count, double_charges;
    bool proved;
    const char *what, *command; /* of the first that is missing */
};

static int read_report(struct gate_look *look, const char *text, struct proof *proof,
                       struct err *err) {
    JSON_AUTO report = json_loads(text, 0, NULL);
    if (report == NULL) {
        return err_set(err, ERR_STORE_CORRUPT, "the report of window %s is none", proof->id);
    }
    const json_t *missing = json_object_get(report, "missing");
    const json_t *first = json_array_get(missing, 0);
    const char *what = json_string_value(json_object_get(first, "what"));
    const char *command = json_string_value(json_object_get(first, "command"));
    proof->proved = json_is_true(json_object_get(report, "proved"));
    proof->missing_count = (int64_t)json_array_size(missing);
    proof->double_charges = json_integer_value(json_object_get(report, "double_charge_count"));
    proof->what = what != NULL ? arena_copy(look->arena, what) : "";
    proof->command = command != NULL ? arena_copy(look->arena, command) : "";
    return 0;
}

/* The newest window of this gateway, or of all, that covers the time and was asked for after the
 * fix. 0: there is none. */
static int read_proof(struct gate_look *look, const char *gateway, struct proof *ret_proof,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(look->tx, err, &rows,
                      "SELECT id, ended_us, report FROM recon_window WHERE state = 3 AND "
                      "begun_us > $1 AND begun_us <= $2 AND from_us <= $3 AND until_us >= $1 AND "
                      "gateway IN ('', $4) ORDER BY begun_us DESC, id DESC LIMIT 1",
                      S_INT(look->subject->mitigated_us), S_INT(look->now_us),
                      S_INT(look->subject->scope.from_us), S_TEXT(gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    *ret_proof = (struct proof){.ended_us = sql_int(rows, 1)};
    snprintf(ret_proof->id, sizeof ret_proof->id, "%s", sql_text(rows, 0));
    r = read_report(look, sql_text(rows, 2), ret_proof, err);
    return r < 0 ? r : 1;
}

static void tell_proof(struct buf *buf, const char *gateway, const struct proof *proof) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, "{\"gateway\":");
    buf_add_json(buf, gateway);
    if (proof == NULL) {
        buf_add_text(buf, ",\"window\":null}");
        return;
    }
    buf_addf(buf,
             ",\"window\":\"%s\",\"ended_at\":\"%s\",\"proved\":%s,\"missing\":%lld,"
             "\"double_charges\":%lld}",
             proof->id, clock_format(proof->ended_us, time), proof->proved ? "true" : "false",
             (long long)proof->missing_count, (long long)proof->double_charges);
}

static void say_unasked(struct gate_look *look, const char *gateway, struct gate_line *line) {
    const struct phrase_word from = {"from", gate_moment(look, look->subject->scope.from_us)},
                             at = {"at", gate_moment(look, look->subject->mitigated_us)},
                             of = {"of", gateway[0] != '\0' ? gateway : "all gateways"},
                             of_zh = {"of", gateway[0] != '\0' ? gateway : "所有网关"};
    line->why[NOTICE_EN] = PHRASE(look->arena,
                                  "Since the fix nobody has had {from} to {at} of {of} proved.",
                                  from, at, of);
    line->why[NOTICE_ZH] =
        PHRASE(look->arena, "修复后尚未对 {of} 的 {from} 至 {at} 进行核对证明。", from, at, of_zh);
    /* A second beyond, so that the moment of the fix is in it. */
    line->command = arena_printf(
        look->arena, "holdfast reconcile prove %s %s%s%s", from.value,
        gate_moment(look, look->subject->mitigated_us + US_PER_SECOND),
        gateway[0] != '\0' ? " --gateway " : "", gateway);
}

static void say_unproved(struct gate_look *look, const struct proof *proof,
                         struct gate_line *line) {
    if (proof->double_charges > 0) {
        GATE_SAY(look, line, "{count} orders were charged twice in that time ({id}).",
                 "该时段内有 {count} 个订单被重复扣款({id})。",
                 {"count", gate_number(look, proof->double_charges)}, {"id", proof->id});
    } else {
        GATE_SAY(look, line, "That time is not proved ({id}), {count} things are missing: {what}.",
                 "该时段尚未得到证明({id}),缺少 {count} 项:{what}。",
                 {"count", gate_number(look, proof->missing_count)}, {"id", proof->id},
                 {"what", proof->what});
    }
    line->command = proof->command[0] != '\0'
                        ? proof->command
                        : arena_printf(look->arena, "holdfast reconcile window %s", proof->id);
}

static int prove(struct gate_look *look, const char *gateway, struct buf *buf,
                 struct gate_line *line, struct err *err) {
    struct proof proof = {.proved = false};
    int r = read_proof(look, gateway, &proof, err);
    if (r < 0) {
        return r;
    }
    tell_proof(buf, gateway, r > 0 ? &proof : NULL);
    if (r == 0 && line->passed) {
        line->passed = false;
        say_unasked(look, gateway, line);
    } else if (r > 0 && line->passed && (!proof.proved || proof.double_charges > 0)) {
        line->passed = false;
        say_unproved(look, &proof, line);
    }
    return 0;
}

int gate_reconciled(struct gate_look *look, struct gate_line *line, struct err *err) {
    const struct scope_names *gateways = &look->subject->scope.gateways;
    if (look->subject->mitigated_us <= 0) {
        GATE_SAY(look, line, "The time that is to be proved has no end yet.",
                 "待核对的时段尚未结束。", {"", ""});
        return 0;
    }
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    buf_add_text(&buf, "{\"windows\":[");
    GATE_SAY(look, line, "It is proved: nothing was left out, and nobody was charged twice.",
             "已证明:没有遗漏,没有重复扣款。", {"", ""});
    line->passed = true;
    int r = gateways->count == 0 ? prove(look, "", &buf, line, err) : 0;
    for (int i = 0; r >= 0 && i < gateways->count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        r = prove(look, gateways->names[i], &buf, line, err);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : gate_evidence(look, line, &buf, err);
}

/* ---- differences ---- */

/* Of that time, or of payments begun in it: breaks of high risk, and money in suspense. A second
 * charge counts whatever its risk. Columns: id, what, risk or 4, amount, currency. */
#define THEIRS(column)                                                                             \
    "(" column " <> '' AND EXISTS (SELECT 1 FROM payment p WHERE p.id = " column                   \
    " AND " SQL_BEGUN " AND " SQL_OF_SCOPE "))"
static const char breaks_sql[] =
    "SELECT b.id, CAST(b.class AS text), b.risk, b.stake_minor, b.currency FROM recon_break b "
    "WHERE b.state IN (1, 2) AND (b.risk >= 3 OR b.class IN (19, 32)) AND (" THEIRS(
        "b.payment_id") " OR b.at_us >= $3 AND b.at_us < $4 AND " SQL_IN("$5", "b.gateway") ") "
    "UNION ALL SELECT c.id, c.kind, 4, c.amount_minor, c.currency FROM review_case c WHERE c.state "
    "= 1 AND c.posted <> 0 AND (" THEIRS("c.payment_id") " OR c.opened_us >= $3 AND c.opened_us < "
    "$4 AND " SQL_IN("$5", "c.gateway") ") ORDER BY 3 DESC, 1";

static const char *class_of(const char *text) {
    char *end = NULL;
    long number = strtol(text, &end, 10);
    return *end == '\0' && end != text ? match_class_name((enum match_class)number) : text;
}

int gate_breaks(struct gate_look *look, struct gate_line *line, struct err *err) {
    int64_t from_us = look->subject->scope.from_us;
    struct gate_ids ids = gate_ids("pay", from_us, look->until_us);
    char first[ID_TEXT_MAX] = "", what[80] = "";
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    struct gate_told told = {.buf = &buf};
    buf_add_text(&buf, "{\"open\":[");
    int r = sql_query(look->tx, err, &rows, breaks_sql,
                      SQL_SCOPE_ARGS(ids, from_us, look->until_us, &look->names));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (told.count == 0) {
            snprintf(first, sizeof first, "%s", sql_text(rows, 0));
            snprintf(what, sizeof what, "%s", class_of(sql_text(rows, 1)));
        }
        if (gate_tell(&told)) {
            buf_addf(&buf, "{\"id\":\"%s\",\"what\":\"%s\",\"amount\":%lld,\"currency\":\"%s\"}",
                     sql_text(rows, 0), class_of(sql_text(rows, 1)), (long long)sql_int(rows, 3),
                     sql_text(rows, 4));
        }
    }
    buf_addf(&buf, "],\"open_count\":%lld}", (long long)told.count);
    if (r < 0) {
        return r;
    }
    line->passed = told.count == 0;
    if (line->passed) {
        GATE_SAY(look, line, "No difference of high risk and no money in suspense is open.",
                 "没有未处理的高风险差异,也没有待处理的挂账资金。", {"", ""});
    } else {
        GATE_SAY(look, line, "{count} of high risk are open, the gravest: {what} ({id}).",
                 "{count} 项高风险差异未处理,最严重的是 {what}({id})。",
                 {"count", gate_number(look, told.count)}, {"what", what}, {"id", first});
        line->command = arena_printf(look->arena, "holdfast %s show %s",
                                     strncmp(first, "brk", 3) == 0 ? "break" : "case", first);
    }
    return gate_evidence(look, line, &buf, err);
}
