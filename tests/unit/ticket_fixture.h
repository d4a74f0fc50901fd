/* SPDX-License-Identifier: Apache-2.0
 * ticket_fixture.h: a desk with tickets over a payment world, and people who work at it:
 *   ann usr_a, cat usr_c, eve usr_e  support     bob usr_b, lee usr_l  finance
 *   dan usr_d  support, disabled                 vic usr_v  viewer
 * A group's setup empties the world; each test calls open_tickets() first. */
#ifndef HOLDFAST_TESTS_TICKET_FIXTURE_H
#define HOLDFAST_TESTS_TICKET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "desk/ticket.h"
#include "desk/ticket_config.h"
#include "support/payment_world.h"

#define W the_world
#define HOUR_US (INT64_C(3600) * US_PER_SECOND)

static struct desk *desk;

static inline void people(void) {
    engine_exec(&W->engine, "DELETE FROM app_user");
    engine_exec(&W->engine, "DELETE FROM api_key");
    engine_exec(&W->engine,
                "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
                "locked_until_us, created_us) VALUES ('usr_a', 'ann', '', 2, 1, 0, 0, 1), "
                "('usr_b', 'bob', '', 4, 1, 0, 0, 1), ('usr_c', 'cat', '', 2, 1, 0, 0, 1), "
                "('usr_d', 'dan', '', 2, 0, 0, 0, 1), ('usr_e', 'eve', '', 2, 1, 0, 0, 1), "
                "('usr_l', 'lee', '', 4, 1, 0, 0, 1), ('usr_v', 'vic', '', 1, 1, 0, 0, 1)");
}

/* For the payments that there are now: after a restart of the world once more. */
static inline void open_desk(const struct ticket_config *config) {
    const struct desk_options options = {.store = W->engine.store, .payments = W->payments};
    struct err err = {0};
    desk_close(desk);
    desk = NULL;
    assert_int_equal(desk_open(&options, &desk, &err), 0);
    if (tickets_open(desk, config, W->registry, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

static inline void open_tickets(const struct ticket_config *config) {
    people();
    open_desk(config);
}

static inline struct caller person(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

/* A break over 25.00 EUR at stripe-a. */
static inline struct ticket_note note_of(const char *subject) {
    return (struct ticket_note){
        .subject = {"break", subject},
        .title = "Paid there, not here",
        .class = "missing_here",
        .risk = TICKET_RISK_CRITICAL,
        .amount_minor = 2500,
        .currency = currency_stored("EUR"),
        .gateway = "stripe-a",
        .payment_id = "",
        .actor = "system",
    };
}

struct ticket_tx {
    const struct ticket_note *note;
    const char *why;
    struct ticket_id id;
    int result;
};

static inline int open_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct ticket_tx *open = ctx;
    open->result = ticket_open(desk, tx, open->note, &open->id, err);
    return open->result < 0 ? open->result : 0;
}

/* What ticket_open() returned; the id into `ret_id` (may be NULL). */
static inline int open_note(const struct ticket_note *note, struct ticket_id *ret_id) {
    struct ticket_tx open = {.note = note};
    W->err = (struct err){0};
    int r = store_write(W->engine.store, open_fn, &open, &W->err);
    if (r >= 0 && ret_id != NULL) {
        *ret_id = open.id;
    }
    return r < 0 ? r : open.result;
}

static inline struct ticket_id opened(const char *subject) {
    struct ticket_note note = note_of(subject);
    struct ticket_id id;
    if (open_note(&note, &id) < 0) {
        fail_msg("%s", W->err.detail);
    }
    return id;
}

static inline int heal_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct ticket_tx *heal = ctx;
    heal->result = ticket_close_for(desk, tx, &heal->note->subject, "system", heal->why, err);
    return heal->result < 0 ? heal->result : 0;
}

static inline int healed(const char *subject) {
    struct ticket_note note = note_of(subject);
    struct ticket_tx heal = {.note = &note, .why = "the statement of today has it"};
    W->err = (struct err){0};
    int r = store_write(W->engine.store, heal_fn, &heal, &W->err);
    return r < 0 ? r : heal.result;
}

/* ---- by people; each returns the ticket (json_decref), NULL when it was refused ---- */

static inline json_t *take(int r, struct answer *answer) {
    return world_take(W, r, answer);
}

static inline json_t *assign(const char *actor, const char *id, const char *user,
                             const char *team) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct ticket_to to = {user, team};
    W->err = (struct err){0};
    return take(ticket_assign(desk, &caller, id, &to, "", &answer, &W->err), &answer);
}

static inline json_t *transfer(const char *actor, const char *id, const char *user,
                               const char *team) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct ticket_to to = {user, team};
    W->err = (struct err){0};
    return take(ticket_transfer(desk, &caller, id, &to, "she knows it", &answer, &W->err), &answer);
}

static inline json_t *move(const char *actor, const char *id, const char *name,
                           const char *reason) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_move(desk, &caller, id, name, reason, &answer, &W->err), &answer);
}

static inline json_t *comment(const char *actor, const char *id, const char *text) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_comment(desk, &caller, id, text, &answer, &W->err), &answer);
}

/* By somebody whose role decides about money. */
static inline json_t *resolve(const char *actor, const char *id, const char *how, int64_t amount,
                              const char *currency) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct ticket_resolution resolution = {
        .how = how,
        .reason = "looked into it",
        .may_alone = true,
        .amount_minor = amount,
        .currency = currency_stored(currency),
    };
    W->err = (struct err){0};
    return take(ticket_resolve(desk, &caller, id, &resolution, &answer, &W->err), &answer);
}

static inline json_t *decide(const char *actor, const char *id, bool approve) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_decide(desk, &caller, id, approve, "seen the slip", &answer, &W->err),
                &answer);
}

static inline json_t *get(const char *id) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_get(desk, id, &answer, &W->err), &answer);
}

static inline json_t *list(const char *actor, const struct ticket_filter *filter) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_list(desk, &caller, filter, &answer, &W->err), &answer);
}

/* Done, and in this state now; releases it. */
static inline void assert_state(json_t *json, const char *state) {
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

/* "opened:system assigned:user:usr_a …": the whole history. */
static inline char *history_of(const char *id) {
    json_t *json = get(id), *entry;
    size_t i;
    char text[2000] = "";
    json_array_foreach(json_object_get(json, "history"), i, entry) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s:%s", i > 0 ? " " : "",
                 json_at(entry, "what"), json_at(entry, "actor"));
        assert_int_equal(int_at(entry, "number"), (int64_t)i + 1);
    }
    json_decref(json);
    return strdup(text);
}

static inline void assert_history(const char *id, const char *expected) {
    char *text = history_of(id);
    assert_string_equal(text, expected);
    free(text);
}

#endif
