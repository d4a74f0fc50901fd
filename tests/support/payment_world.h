/* SPDX-License-Identifier: Apache-2.0
 * payment_world.h: a whole payment machine for a test: a migrated store of either engine, gateways
 * in memory (three Stripe accounts, "stripe-a" first by priority), and nothing that runs by itself:
 * payments_tick() drives it, test_clock.h moves its time.
 * Owns: all of it, until payment_world_close(). Failures that no test asks for fail the test. */
#ifndef HOLDFAST_TESTS_PAYMENT_WORLD_H
#define HOLDFAST_TESTS_PAYMENT_WORLD_H

#include <jansson.h>

#include "billing/billing.h"
#include "payment/payments.h"
#include "risk/risk_config.h"
#include "support/both_engines.h"
#include "support/fake_gateway.h"
#include "support/test_clock.h"

struct payment_world {
    struct test_store engine;
    struct fake_gateway *fake;
    struct seal *seal;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct router *router;
    struct payments *payments;
    struct billing *billing;
    int gateways;         /* of the three, how many are configured */
    bool banks;           /* and two bank accounts: "bank-eu", "bank-cn" */
    bool gateways_follow; /* of payments_options, as the next three */
    bool several_per_order;
    struct deferral_options deferral;
    struct forward_options forward;
    const struct probe_settings *probes; /* of payments_options; borrowed */
    int probe_count;
    const char *rules; /* the section `risk:` as YAML, or NULL: payments are not checked */
    struct risk_file *rules_file;
    struct risk *risk;
    bool with_mode; /* the ladder of degraded modes, with `modes` as its configuration */
    struct mode_config modes;
    struct mode *mode;
    bool delayed_callbacks; /* callbacks are due after an hour instead of a day */
    /* Of the last call of world_*(): */
    int result, status;
    bool replayed;
    struct err err;
};

/* First in main(): the clock, the crypto, the meter, the environment, a quiet log. */
void payment_world_init(void);
/* An empty store of this engine, three gateways, and everything above. */
void payment_world_open(struct payment_world *ret_world, enum store_engine engine);
void payment_world_close(struct payment_world *world);
/* As the end of the process and its next start: what was under way stays as the store has it. */
void payment_world_restart(struct payment_world *world);
/* Starts again with these fraud rules (borrowed). */
void payment_world_rules(struct payment_world *world, const char *rules);
/* Starts again with the ladder of degraded modes, by world->modes. */
void payment_world_modes(struct payment_world *world);
/* Empties the store, forgets the gateways' books, and starts again with the defaults. */
void payment_world_forget(struct payment_world *world);

/* ---- asking; each returns the answer's JSON (json_decref), NULL on an error, and fills result,
 * status, replayed and err. The key NULL: none. */
struct payment_order world_order(const char *order_id, int64_t amount_minor);
json_t *world_pay(struct payment_world *world, const char *key, const struct payment_order *order);
json_t *world_create(struct payment_world *world, const char *key, const char *order_id,
                     int64_t amount_minor);
json_t *world_capture(struct payment_world *world, const char *key, const char *payment_id,
                      int64_t amount_minor, bool final);
json_t *world_cancel(struct payment_world *world, const char *key, const char *payment_id);
json_t *world_refund(struct payment_world *world, const char *key, const char *payment_id,
                     int64_t amount_minor);
/* The customer chooses the card of this token. */
json_t *world_choose(struct payment_world *world, const char *key, const char *payment_id,
                     const char *token);
json_t *world_get(struct payment_world *world, const char *payment_id);
json_t *world_story(struct payment_world *world, const char *payment_id);
struct caller world_caller(const char *key, const char *request_hash);
/* Takes the answer into result, status, replayed; its JSON is parsed. */
json_t *world_take(struct payment_world *world, int result, struct answer *answer);

/* The text or number at a path of keys that must be there; of the JSON, borrowed. */
const char *json_at(const json_t *json, const char *key);
int64_t int_at(const json_t *json, const char *key);
/* An authorized or captured payment; returns its id (free()). */
char *world_paid(struct payment_world *world, const char *order_id, int64_t amount_minor);
char *world_authorized(struct payment_world *world, const char *order_id, int64_t amount_minor);
/* What world_*() returned, which is released: done with this status and state, or refused with this
 * error and words about it. */
void assert_done(struct payment_world *world, json_t *json, int status, const char *state);
void assert_refused(struct payment_world *world, json_t *json, int code);
void assert_payment(struct payment_world *world, const char *payment_id, const char *state);

/* ---- callbacks: signed as the gateway signs, and handed in as the listener does. Returns the
 * status. */
int world_callback_raw(struct payment_world *world, int account, const char *body,
                       const char *secret, int64_t at_us);
int world_callback(struct payment_world *world, int event_index);
/* All events from `from` on. */
void world_callbacks(struct payment_world *world, int from);

/* ---- time */
/* One round of what runs by itself; fails the test on an error. Returns how many things were done.
 */
int world_tick(struct payment_world *world);
/* Moves time on by so much at once, and ticks until nothing more is done. */
void world_pass(struct payment_world *world, int64_t us);
/* Moves time on and ticks until nothing is unresolved, at most a week. Faults must be off. */
void world_settle_all(struct payment_world *world);

/* ---- judging */
/* No invariant is broken; the books equal; no order was charged more than once. */
void world_check(struct payment_world *world);
/* The invariants alone: for worlds where a gateway charged what nobody asked for. */
void world_verify(struct payment_world *world);
void world_books_equal(struct payment_world *world);
/* Parts of payments_verify()'s answer: how many of that rule are broken. */
int world_broken(struct payment_world *world, const char *rule);
int64_t world_int(struct payment_world *world, const char *sql);
/* How many events of this type there are. */
int64_t world_events(struct payment_world *world, const char *type);
char *world_text(struct payment_world *world, const char *sql);
void assert_text(struct payment_world *world, const char *sql, const char *expected);

/* ---- groups: the same tests on both engines; each test begins in an empty world. */
struct CMUnitTest;
int payment_world_run(const char *name, const struct CMUnitTest *tests, size_t count);
extern struct payment_world *const the_world;

#endif
