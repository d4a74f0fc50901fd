/* SPDX-License-Identifier: Apache-2.0
 * repair_fixture.h: for tests of repair rules: a payment machine with gateways in memory, tickets
 * and reconciliation above it, rules that are enabled, and statements of "stripe-a" written down
 * row by row. Nothing runs by itself. */
#ifndef HOLDFAST_TESTS_REPAIR_FIXTURE_H
#define HOLDFAST_TESTS_REPAIR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "desk/ticket.h"
#include "desk/ticket_config.h"
#include "recon/repair/repair_impl.h"
#include "support/given_rows.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define DAY_US (INT64_C(86400) * US_PER_SECOND)

#define CAPS                                                                                       \
    "caps: {day_count: 50, total_count: 500, money: [{currency: USD, each: 100000, "               \
    "day: 1000000, total: 10000000}]}\n"
#define RULE(name, action, classes)                                                                \
    "  - name: " name "\n    says: " name " is mended\n    action: " action                        \
    "\n    classes: [" classes "]\n    " CAPS "    errors: {of: 20, more_than: 10}\n"
static const char rules_usual[] = "rules:\n" RULE(
    "twice", "return_second",
    "double_charge, duplicate_there, paid_there_open_here, paid_at_two_gateways")
    RULE("callback", "replay", "paid_there_open_here")
        RULE("paid", "complete", "paid_there_open_here")
            RULE("small", "write_off", "amount_over, amount_under, fee, refund_mismatch")
                RULE("refund", "refund", "refund_lost, orphan_refund, refund_failed_there");

/* So much of a reversal one person decides alone, in cents. */
enum { ALONE_USUAL = 10000 };
static int64_t alone_minor = ALONE_USUAL;
static struct given_rows given;
static struct err err;
static struct recon *recon;
static struct desk *desk;
static struct repair_rules *rules;

UNUSED static int64_t count(const char *sql) {
    return world_int(W, sql);
}

/* ---- the floors above ---- */

static inline void down(void) {
    recon_close(recon);
    desk_close(desk);
    repair_rules_free(rules);
    recon = NULL;
    desk = NULL;
    rules = NULL;
}

static inline void must(int r) {
    if (r < 0) {
        fail_msg("%s (%s)", err.detail, err.place);
    }
}

/* Where a restart begins anew as well. */
static inline void up_again(void) {
    static const unsigned days = 0;
    static const struct source_settings sources[] = {
        {.gateway = "stripe-a", .business_days = &days},
        {.gateway = "stripe-b", .business_days = &days},
    };
    static struct write_off_limit limit;
    limit = (struct write_off_limit){currency_stored("USD"), alone_minor};
    recon_close(recon);
    desk_close(desk);
    const struct desk_options tickets = {.store = W->engine.store, .payments = W->payments};
    static const struct ticket_config nobody;
    must(desk_open(&tickets, &desk, &err));
    must(tickets_open(desk, &nobody, W->registry, &err));
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .desk = desk,
        .rules = rules,
        .write_off_limits = &limit,
        .write_off_limit_count = 1,
        .no_days = true,
        .sources = sources,
        .source_count = COUNT_OF(sources),
    };
    must(recon_open(&options, &recon, &err));
}

static inline void switch_rule(const char *name, bool enable) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    must(repair_rule_switch(recon, &caller, name, enable, "looked at the dry run", &answer, &err));
}

static inline void up_with(const char *text) {
    repair_rules_free(rules);
    rules = NULL;
    must(repair_rules_read("rules.yaml", text, &rules, &err));
    up_again();
    given = (struct given_rows){0};
    snprintf(given.account, sizeof given.account, "acct_1");
}

static inline void up(void) {
    up_with(rules_usual);
    for (int i = 0; i < rules->count; i++) {
        switch_rule(rules->rules[i].name, true);
    }
}

/* ---- what there is at the gateway ---- */

struct there {
    char intent[40], charge[40], reference[ID_TEXT_MAX];
};

/* The `number`th payment there that was charged at this account, by its events. */
static inline struct there there_is(int account, int number) {
    struct there there = {{0}};
    int seen = 0;
    for (int i = 0; i < fake_event_count(FAKE); i++) {
        struct fake_event event = fake_event(FAKE, i);
        if (event.account != account || strcmp(event.type, "payment_intent.succeeded") != 0 ||
            seen++ != number) {
            continue;
        }
        json_t *json = json_loads(event.body, 0, NULL);
        const json_t *object = json_object_get(json_object_get(json, "data"), "object");
        const json_t *charge = json_object_get(object, "latest_charge");
        snprintf(there.intent, sizeof there.intent, "%s", json_at(object, "id"));
        snprintf(there.charge, sizeof there.charge, "%s",
                 json_is_string(charge) ? json_string_value(charge) : json_at(charge, "id"));
        snprintf(there.reference, sizeof there.reference, "%s",
                 json_at(json_object_get(object, "metadata"), "reference"));
        json_decref(json);
    }
    assert_true(seen > number);
    return there;
}

/* ---- its statement ---- */

static inline struct statement_row *row_of(const struct there *there, int64_t gross_minor) {
    struct statement_row *row = given_add(&given);
    row->currency = currency_stored("USD");
    row->gross_minor = gross_minor;
    row->at_us = clock_wall_us();
    row->native_kind = "charge";
    row->gateway_id = there->charge;
    row->original_id = there->intent;
    row->reference = there->reference;
    return row;
}

static inline void take_statement_of(const char *gateway) {
    static struct statement_taken taken;
    static int number;
    struct statement_request request = given_request(&given, gateway);
    snprintf(given.file_id, sizeof given.file_id, "file-%d", ++number);
    must(statement_take(W->engine.store, &request, &taken, &err));
    given.count = 0;
}

static inline int ask_run_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    int r = recon_ask_run(tx, ctx, "user:usr_1", tx_err);
    return r < 0 ? r : 0;
}

/* A run is due; whatever follows from it runs in the next ticks. */
static inline void ask_run(const char *gateway) {
    char name[32];
    snprintf(name, sizeof name, "%s", gateway);
    must(store_write(W->engine.store, ask_run_tx, name, &err));
}

static inline void work(void) {
    for (int i = 0; i < 20 && world_tick(W) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

static inline void reconcile(void) {
    test_clock_advance(US_PER_SECOND);
    take_statement_of("stripe-a");
    ask_run("stripe-a");
    work();
}

/* ---- judging ---- */

static inline char *repair_said(const char *column) {
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT %s FROM repair ORDER BY id DESC LIMIT 1", column);
    return world_text(W, sql);
}

static inline void assert_repair(const char *rule, enum repair_state state) {
    if (count("SELECT COUNT(*) FROM repair") == 0) {
        fail_msg("there is no repair");
    }
    char *said = repair_said("said"), *by = repair_said("rule");
    int64_t is = count("SELECT state FROM repair ORDER BY id DESC LIMIT 1");
    if (is != (int64_t)state || strcmp(by, rule) != 0) {
        fail_msg("it is %s by %s: %s", repair_state_name(is), by, said);
    }
    free(said);
    free(by);
}

UNUSED static int64_t returned(int account) {
    struct fake_book book;
    fake_book(FAKE, account, "USD", &book);
    return book.returned_minor;
}

#define OPEN_BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"
#define LIVE_TICKETS "SELECT COUNT(*) FROM ticket WHERE kind = 'break' AND state IN (1, 2, 3, 4, 7)"

/* What rules have taken on and did not give back is what is counted. */
UNUSED static void assert_counted(void) {
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2, 3, 4, 8)"),
                     count("SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                           "repair_spent WHERE day = -1 AND currency = ''"));
    assert_int_equal(count("SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM repair "
                           "WHERE state IN (1, 2, 3, 4, 8)"),
                     count("SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                           "repair_spent WHERE day = -1 AND currency <> ''"));
}

/* ---- what may have happened before ---- */

/* Declined, then paid there all the same, and nobody told us. */
static inline char *paid_there(const char *order) {
    char token[64];
    struct payment_order asked = world_order(order, 500);
    snprintf(token, sizeof token, "pm_%s", order); /* a card is not asked for ever */
    asked.token = token;
    fake_say(FAKE, 0, "charge", 1, FAKE_DECLINE);
    json_t *json = world_pay(W, NULL, &asked);
    assert_non_null(json);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    assert_payment(W, id, "failed");
    fake_payment_becomes(FAKE, 0, order, "succeeded");
    return id;
}

static inline char *charged_twice(const char *order) {
    fake_say(FAKE, 0, "charge", 1, FAKE_TWICE);
    return world_paid(W, order, 500);
}

/* The callback about what was charged last. */
static inline void tell_of_second(void) {
    for (int i = fake_event_count(FAKE) - 1; i >= 0; i--) {
        if (strcmp(fake_event(FAKE, i).type, "payment_intent.succeeded") == 0) {
            assert_int_equal(world_callback(W, i), 200);
            break;
        }
    }
    world_tick(W);
}

#endif
