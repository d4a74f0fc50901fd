/* SPDX-License-Identifier: Apache-2.0
 * break_fixture.h: our books, a gateway's statement beside them, and people who decide about what
 * differs. For tests of breaks. */
#ifndef HOLDFAST_TESTS_BREAK_FIXTURE_H
#define HOLDFAST_TESTS_BREAK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "desk/desk.h"
#include "ledger/ledger.h"
#include "recon/break_desk.h"
#include "recon/break_risk.h"
#include "recon/fee_schedule.h"
#include "recon/run.h"
#include "support/given_rows.h"
#include "support/payment_world.h"

#define W the_world
#define DAY_US (INT64_C(86400) * US_PER_SECOND)
#define ANN "user:usr_a"
#define BOB "user:usr_b"
#define CAT "user:usr_c"

static struct given_rows given;
static struct run_figures figures;
static struct err err;
static struct recon *recon;
static struct desk *desk;
static const char *key; /* of the next actions; NULL: none */
static bool replayed;   /* the last one */
static struct statement_id taken_id;
static const struct fee_schedule *agreed; /* of the next runs; NULL: nothing */
static const struct match_options *matched_by; /* of the next runs; NULL: as usual */

static const struct write_off_limit limits_usual[] = {{.currency = {"USD"}, .alone_minor = 10}};

/* Once in a test, before anything runs. `limits` NULL: none. */
static inline void up(const struct write_off_limit *limits) {
    const struct desk_options options = {.store = W->engine.store, .payments = W->payments};
    const struct recon_options options_of_recon = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .write_off_limits = limits,
        .write_off_limit_count = limits != NULL,
        .no_days = true,
    };
    recon_close(recon);
    desk_close(desk);
    recon = NULL;
    desk = NULL;
    key = NULL;
    assert_int_equal(desk_open(&options, &desk, &err), 0);
    if (recon_open(&options_of_recon, &recon, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* ann with two keys, bob with one, cat, and a key of nobody. */
static inline void people(void) {
    (void)engine_exec(
        &W->engine,
        "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
        "locked_until_us, created_us) VALUES ('usr_a', 'ann', 'x', 4, 1, 0, 0, 1), ('usr_b', "
        "'bob', 'x', 4, 1, 0, 0, 1), ('usr_c', 'cat', 'x', 4, 1, 0, 0, 1) ON CONFLICT DO NOTHING");
    (void)engine_exec(
        &W->engine,
        "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, expires_us, "
        "revoked_us, last_used_us, user_id) VALUES ('key_a1', 'a', 'h1', 4, '', 'user:usr_a', 1, "
        "0, 0, 0, ''), ('key_a2', 'b', 'h2', 4, '', 'user:usr_b', 1, 0, 0, 0, 'usr_a'), ('key_b', "
        "'c', 'h3', 4, '', 'internal', 1, 0, 0, 0, 'usr_b'), ('key_n', 'd', 'h4', 4, '', "
        "'internal', 1, 0, 0, 0, '') ON CONFLICT DO NOTHING");
}

/* ---- the statement ---- */

static inline void new_statement(void) {
    given = (struct given_rows){.until_us = 5};
    snprintf(given.account, sizeof given.account, "acct_1");
}

static inline struct statement_row *tell(int64_t gross_minor) {
    struct statement_row *row = given_add(&given);
    row->currency = currency_stored("USD");
    row->gross_minor = gross_minor;
    row->at_us = clock_wall_us();
    row->native_kind = "charge";
    return row;
}

struct names {
    const char *payment_id;
    char charge_id[80], attempt_id[ID_TEXT_MAX];
};

static inline int names_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct names *names = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, tx_err, &rows,
                      "SELECT charge_id, gateway_id, id FROM attempt WHERE payment_id = $1 ORDER "
                      "BY number DESC LIMIT 1",
                      S_TEXT(names->payment_id));
    r = r < 0 ? r : sql_next(rows, tx_err);
    assert_int_equal(r, 1);
    const char *charge = sql_text(rows, 0);
    snprintf(names->charge_id, sizeof names->charge_id, "%s",
             charge[0] != '\0' ? charge : sql_text(rows, 1));
    snprintf(names->attempt_id, sizeof names->attempt_id, "%s", sql_text(rows, 2));
    return 0;
}

static inline struct names names_of(const char *payment_id) {
    struct names names = {.payment_id = payment_id};
    assert_int_equal(store_read(W->engine.store, names_tx, &names, &err), 0);
    return names;
}

static char kept_names[64][80]; /* the rows borrow them */

static inline void charge_row(const struct names *names, int64_t gross_minor) {
    struct statement_row *row = tell(gross_minor);
    char *kept = kept_names[given.count % (int)COUNT_OF(kept_names)];
    snprintf(kept, sizeof kept_names[0], "%s", names->charge_id);
    row->gateway_id = kept;
}

static inline struct statement_id take(const char *supersedes) {
    static struct statement_taken taken;
    struct statement_request request = given_request(&given, "stripe-a");
    request.supersedes = supersedes;
    request.reason = supersedes[0] != '\0' ? "a corrected one" : "";
    if (statement_take(W->engine.store, &request, &taken, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    taken_id = taken.id;
    return taken.id;
}

static inline struct statement_id taken_last(void) {
    return taken_id;
}

/* A payment of so much, of which a statement that is taken in tells another amount. */
static inline char *under(const char *order, int64_t ours, int64_t theirs) {
    char *payment = world_paid(W, order, ours);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, theirs);
    take("");
    return payment;
}

/* ---- runs ---- */

static inline void run(void) {
    struct reconciliation_id id;
    test_clock_advance(US_PER_SECOND);
    const struct run_request request = {
        .gateway = "stripe-a",
        .actor = "system",
        .until_us = clock_wall_us(),
        .business_days = RUN_BUSINESS_DAYS_USUAL,
        .fees = agreed,
        .options = matched_by,
    };
    if (reconcile_run(W->engine.store, &request, &id, &figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static inline int64_t rows_in(enum match_class class, enum match_side side) {
    int64_t rows = 0;
    for (int i = 0; i < figures.sum_count; i++) {
        rows += figures.sums[i].class == class ? figures.sums[i].rows[side] : 0;
    }
    return rows;
}

static inline int64_t live_breaks(void) {
    return world_int(W, "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)");
}

struct break_seen {
    char id[ID_TEXT_MAX], class[40], state[20];
    int64_t difference;
};

/* The one that was opened last. */
static inline struct break_seen last_break(void) {
    struct break_seen seen;
    char *id = world_text(W, "SELECT id FROM recon_break ORDER BY id DESC LIMIT 1");
    snprintf(seen.id, sizeof seen.id, "%s", id);
    free(id);
    int64_t class = world_int(W, "SELECT class FROM recon_break ORDER BY id DESC LIMIT 1");
    snprintf(seen.class, sizeof seen.class, "%s", match_class_name((enum match_class) class));
    int64_t at = world_int(W, "SELECT state FROM recon_break ORDER BY id DESC LIMIT 1");
    snprintf(seen.state, sizeof seen.state, "%s", break_state_name(at));
    seen.difference = world_int(
        W, "SELECT difference_minor FROM recon_break ORDER BY id DESC LIMIT 1");
    return seen;
}

struct balance {
    const char *account;
    int64_t minor;
};

static inline int balance_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct balance *balance = ctx;
    return ledger_balance(tx, balance->account, currency_stored("USD"), &balance->minor, tx_err);
}

/* Debits less credits. */
static inline int64_t balance(const char *account) {
    struct balance balance = {.account = account};
    assert_int_equal(store_read(W->engine.store, balance_tx, &balance, &err), 0);
    return balance.minor;
}

/* ---- deciding: the status, or a negative code and `err` ---- */

static inline int do_act(const char *actor, const struct break_action *action) {
    struct caller caller = world_caller(key, key != NULL ? key : "");
    ANSWER_AUTO answer = {0};
    err = (struct err){0};
    caller.actor = actor;
    int r = break_act(recon, &caller, action, &answer, &err);
    replayed = answer.replayed;
    return r < 0 ? r : answer.status;
}

static inline int act(enum break_act what, const char *actor, const char *id, const char *reason) {
    const char *ids[] = {id};
    const struct break_action action = {
        .act = what, .ids = ids, .id_count = 1, .owner = "", .reason = reason};
    return do_act(actor, &action);
}

static inline int write_off(const char *actor, const char *id, const char *reason) {
    return act(ACT_WRITE_OFF, actor, id, reason);
}

static inline int assign(const char *actor, const char *id, const char *owner) {
    const char *ids[] = {id};
    const struct break_action action = {
        .act = ACT_ASSIGN, .ids = ids, .id_count = 1, .owner = owner, .reason = ""};
    return do_act(actor, &action);
}

#endif
