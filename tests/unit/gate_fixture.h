/* SPDX-License-Identifier: Apache-2.0
 * gate_fixture.h: rows of an incident that is over as it should be: payments before, in and after
 * it, a window that is proved, instances that look, two who signed. A test breaks one thing. */
#ifndef HOLDFAST_TESTS_GATE_FIXTURE_H
#define HOLDFAST_TESTS_GATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "incident/gate.h"
#include "store/store.h"
#include "support/both_engines.h"
#include "support/test_clock.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define HOUR_US (60 * MINUTE_US)
enum { SUCCEEDED = 5, FAILED = 6, PROCESSING = 2, ACTION = 3 };
enum { IS_SENDING = 1, IS_PENDING = 2, IS_UNKNOWN = 4, IS_CHARGED = 6, IS_NOT_CHARGED = 8 };

static struct test_store engine;
static int64_t now_us, from_us, fixed_us; /* wall: now, impact start, the fix */
static int payment_number;

/* ---- one payment, with one attempt and its posting ---- */

struct planted {
    int64_t at_us;
    int state, attempt_state; /* attempt_state 0: none was made */
    const char *gateway, *currency, *region, *purpose, *review, *customer;
    int method; /* 0: card */
    int64_t amount_minor;
    bool let_go, no_posting, was_unknown;
    const char *code;
    char id[ID_TEXT_MAX], attempt_id[ID_TEXT_MAX]; /* out */
};

static inline const char *or(const char *maybe, const char *usual) {
    return maybe != NULL ? maybe : usual;
}

static inline void make_id(const char *prefix, int64_t at_us, char ret_id[ID_TEXT_MAX]) {
    char number[12];
    id_floor(prefix, at_us, ret_id);
    snprintf(number, sizeof number, "%08d", payment_number);
    memcpy(ret_id + strlen(ret_id) - 8, number, 8);
}

static inline int plant_attempt(struct store_tx *tx, struct planted *p, const char *gateway,
                         struct err *err) {
    bool live = p->attempt_state <= IS_CHARGED;
    int64_t amount = p->amount_minor != 0 ? p->amount_minor : 1000;
    const char *currency = or(p->currency, "USD");
    int r = sql_put(
        tx, err,
        "INSERT INTO attempt (id, payment_id, number, gateway, state, live, amount_minor, "
        "currency, token, decision, outcome, source, gateway_id, charge_id, code, common_code, "
        "message, trace, http_status, reach, duration_us, was_unknown, owner, lease_us, sent_us, "
        "created_us, settled_us, callback_due_us, callback_us) VALUES ($1, $2, 1, $3, $4, $5, $6, "
        "$7, '', '{}', 0, '', '', '', $8, $8, '', '', 0, 0, 0, 0, '', 0, 0, $9, 0, 0, 0)",
        S_TEXT(p->attempt_id), S_TEXT(p->id), S_TEXT(gateway), S_INT(p->attempt_state),
        live ? S_INT(1) : S_NULL, S_INT(amount), S_TEXT(currency), S_TEXT(or(p->code, "")),
        S_INT(p->at_us));
    if (r >= 0 && p->attempt_state == IS_CHARGED && !p->no_posting) {
        char posting[ID_TEXT_MAX];
        make_id("pst", p->at_us, posting);
        r = sql_put(tx, err,
                    "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, "
                    "credit_account, amount_minor, currency, at_us) VALUES ($1, $2, 1, $3, 'a', "
                    "'b', $4, $5, $6)",
                    S_TEXT(posting), S_TEXT(p->attempt_id), S_TEXT(p->id), S_INT(amount),
                    S_TEXT(currency), S_INT(p->at_us));
    }
    return r;
}

static inline int plant_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct planted *p = ctx;
    const char *gateway = or(p->gateway, "stripe-a");
    char order[40];
    int64_t amount = p->amount_minor != 0 ? p->amount_minor : 1000;
    snprintf(order, sizeof order, "order-%d", payment_number);
    int r = sql_put(
        tx, err,
        "INSERT INTO payment (id, version, order_id, holds_order, state, amount_minor, currency, "
        "method, purpose, capture_later, authorized_minor, captured_minor, refunded_minor, "
        "refund_reserved_minor, disputed_minor, customer_id, customer_region, customer_vip, "
        "customer_email, customer_ip, tokens, return_url, cancel_url, description, metadata, "
        "action, action_url, failure_code, failure_message, review, was_unknown, attempts, "
        "gateway, created_us, updated_us) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, 0, "
        "0, 0, $10, $11, 0, '', '', '{}', '', '', '', '{}', '', '', $12, '', $13, $14, 1, $15, "
        "$16, $16)",
        S_TEXT(p->id), S_TEXT(order), p->state >= FAILED || p->let_go ? S_NULL : S_INT(1),
        S_INT(p->state), S_INT(amount), S_TEXT(or(p->currency, "USD")),
        S_INT(p->method != 0 ? p->method : 1), S_TEXT(or(p->purpose, "1")),
        S_INT(p->state == SUCCEEDED ? amount : 0), S_TEXT(or(p->customer, order)),
        S_TEXT(or(p->region, "US")), S_TEXT(or(p->code, "")), S_TEXT(or(p->review, "")),
        S_INT(p->was_unknown), S_TEXT(gateway), S_INT(p->at_us));
    return r < 0 || p->attempt_state == 0 ? r : plant_attempt(tx, p, gateway, err);
}

static inline struct planted plant(struct planted p) {
    struct err err = {0};
    payment_number++;
    make_id("pay", p.at_us, p.id);
    make_id("att", p.at_us, p.attempt_id);
    if (store_write(engine.store, plant_tx, &p, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return p;
}

static inline struct planted paid(int64_t at_us) {
    return (struct planted){.at_us = at_us, .state = SUCCEEDED, .attempt_state = IS_CHARGED};
}

static inline struct planted failed(int64_t at_us) {
    return (struct planted){
        .at_us = at_us, .state = FAILED, .attempt_state = IS_NOT_CHARGED, .code = "timeout"};
}

/* ---- statements with times in them ---- */

struct statement {
    const char *sql;
    const struct sql_arg *args;
    int count;
};

static inline int statement_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct statement *statement = ctx;
    int64_t r = sql_exec_args(tx, err, statement->sql, statement->args, statement->count);
    return r < 0 ? (int)r : 0;
}

static inline void put_args(const char *sql, const struct sql_arg *args, int count) {
    struct statement statement = {sql, args, count};
    struct err err = {0};
    if (store_write(engine.store, statement_tx, &statement, &err) < 0) {
        fail_msg("%s: %s", sql, err.detail);
    }
}
#define PUT(sql, ...) put_args((sql), SQL_ARGS(__VA_ARGS__))

static inline void plant_window(const char *id, const char *gateway, int64_t begun_us,
                                int64_t window_from_us, int64_t until_us, const char *report) {
    PUT("INSERT INTO recon_window (id, from_us, until_us, gateway, state, actor, listed_id, "
        "begun_us, ended_us, report) VALUES ($1, $2, $3, $4, 3, 'cli', '', $5, $5, $6)",
        S_TEXT(id), S_INT(window_from_us), S_INT(until_us), S_TEXT(gateway), S_INT(begun_us),
        S_TEXT(report));
}

static inline void plant_alert(const char *id, const char *rule, const char *labels, int state,
                               int64_t resolved_us) {
    PUT("INSERT INTO alert (id, fingerprint, rule, labels, team, severity, state, facts, value, "
        "threshold, group_key, first_symptom_us, seen_us, clear_us, fired_us, acked_us, acked_by, "
        "ack_reason, resolved_us, told_us, calls_us, step, owed, entries, updated_us) VALUES ($1, "
        "$1, $2, $3, 1, 1, $4, '{}', '', '', '', $5, $5, 0, $5, 0, '', '', $6, 0, 0, 0, 0, 0, 0)",
        S_TEXT(id), S_TEXT(rule), S_TEXT(labels), S_INT(state), S_INT(from_us),
        S_INT(resolved_us));
}

static inline void plant_sight(const char *broken, int64_t at_us) {
    PUT("INSERT INTO mode_sight (instance, methods, broken, at_us) VALUES ('one', '', $1, $2) ON "
        "CONFLICT (instance) DO UPDATE SET broken = excluded.broken, at_us = excluded.at_us",
        S_TEXT(broken), S_INT(at_us));
}

static inline void plant_mode(int64_t step, const char *hidden, const char *unrouted, int64_t hand,
                              int64_t hand_us) {
    PUT("INSERT INTO mode_state (one, number, step, since_us, rule, reason, actor, ruled, hand, "
        "hand_step, hand_reason, hand_actor, hand_us, hand_until_us, methods_number, hidden, "
        "unrouted, simplified, simplified_reason, simplified_actor, simplified_us, simplified_did) "
        "VALUES (1, 1, $1, 0, 'x', '', '', 0, $4, 0, '', '', $5, 0, 0, $2, $3, 0, '', '', 0, "
        "'') ON "
        "CONFLICT (one) DO UPDATE SET step = excluded.step, hidden = excluded.hidden, unrouted = "
        "excluded.unrouted, hand = excluded.hand, hand_us = excluded.hand_us",
        S_INT(step), S_TEXT(hidden), S_TEXT(unrouted), S_INT(hand), S_INT(hand_us));
}

#define PROVED "{\"proved\":true,\"missing\":[],\"double_charge_count\":0}"

/* ---- the incident that may be resolved ---- */

static struct gate *gate;
static struct gate_subject subject;

static inline void forget(void) {
    static const char *const tables[] = {
        "DELETE FROM payment", "DELETE FROM attempt", "DELETE FROM posting",
        "DELETE FROM operation",
        "DELETE FROM recon_window", "DELETE FROM recon_break", "DELETE FROM review_case",
        "DELETE FROM alert", "DELETE FROM job", "DELETE FROM callback", "DELETE FROM ticket",
        "DELETE FROM webhook_delivery", "DELETE FROM mode_switch", "DELETE FROM mode_sight",
        "DELETE FROM gateway_control", "DELETE FROM not_sent", "DELETE FROM change",
    };
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        engine_exec(&engine, tables[i]);
    }
}

static inline void gate_world(void) {
    struct err err = {0};
    forget();
    now_us = clock_wall_us();
    from_us = now_us - 4 * HOUR_US;
    fixed_us = now_us - 2 * HOUR_US;
    for (int i = 0; i < 20; i++) {
        plant(paid(from_us + i * MINUTE_US));
        plant(failed(from_us + i * MINUTE_US + US_PER_SECOND));
    }
    for (int i = 0; i < 40; i++) {
        plant(paid(fixed_us + MINUTE_US + i * MINUTE_US));
    }
    plant_window("win_1", "", fixed_us + HOUR_US, from_us - 1, fixed_us + 1, PROVED);
    plant_sight("", now_us);
    plant_mode(0, "", "", 0, 0);
    subject = (struct gate_subject){
        .incident_id = "inc_1",
        .scope = {.from_us = from_us},
        .mitigated_us = fixed_us,
        .commander = "user:usr_a",
        .recon_owner = "user:usr_b",
        .commander_signed = true,
        .recon_signed = true,
    };
    const struct gate_options options = {.store = engine.store};
    gate_close(gate);
    gate = NULL;
    assert_int_equal(gate_open(&options, &gate, &err), 0);
}

/* ---- judging ---- */

static struct arena *verdict_arena;
static struct gate_verdict verdict;

static inline const struct gate_verdict *look(void) {
    struct err err = {0};
    arena_free(verdict_arena);
    verdict_arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    verdict = (struct gate_verdict){0};
    if (gate_look(gate, &subject, verdict_arena, &verdict, &err) < 0) {
        fail_msg("%s: %s", err.detail, err.place);
    }
    return &verdict;
}

static inline void assert_passes(void) {
    look();
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        if (!verdict.lines[i].passed) {
            fail_msg("%s: %s (%s)", gate_condition_name((enum gate_condition)i),
                     verdict.lines[i].why[NOTICE_EN], verdict.lines[i].evidence);
        }
    }
    assert_true(verdict.passed);
}

/* This one refuses, and no other; what it says has the words, and its command begins so. */
static inline void assert_alone(enum gate_condition condition, const char *words,
                                const char *command) {
    look();
    assert_false(verdict.passed);
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = &verdict.lines[i];
        if (line->passed != (i != (int)condition)) {
            fail_msg("%s %s: %s (%s)", gate_condition_name((enum gate_condition)i),
                     line->passed ? "passed" : "refused", line->why[NOTICE_EN], line->evidence);
        }
        JSON_AUTO evidence = json_loads(line->evidence, 0, NULL);
        assert_true(json_is_object(evidence));
        assert_true(line->why[NOTICE_ZH][0] != '\0');
    }
    const struct gate_line *line = &verdict.lines[condition];
    if (strstr(line->why[NOTICE_EN], words) == NULL ||
        strncmp(line->command, command, strlen(command)) != 0) {
        fail_msg("\"%s\", `%s`", line->why[NOTICE_EN], line->command);
    }
}

/* One refuses, whatever the others do. */
static inline void assert_refuses(enum gate_condition condition, const char *words) {
    look();
    assert_false(verdict.passed);
    const struct gate_line *line = &verdict.lines[condition];
    if (line->passed || strstr(line->why[NOTICE_EN], words) == NULL) {
        fail_msg("%s: %s (%s)", line->passed ? "passed" : "refused", line->why[NOTICE_EN],
                 line->evidence);
    }
}

static inline int gate_begin(void **state) {
    (void)state;
    gate_world();
    return 0;
}

static inline int gate_end(void **state) {
    (void)state;
    gate_close(gate);
    gate = NULL;
    arena_free(verdict_arena);
    verdict_arena = NULL;
    return 0;
}

#endif
