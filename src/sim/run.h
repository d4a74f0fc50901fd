/* SPDX-License-Identifier: Apache-2.0
 * run.h: one run as its own files see it: who there is, and what has been noticed so far.
 *
 *   director (run.c)    starts everything, waits, heals, waits again, asks the oracles
 *   stage (stage.c)     the service's lives: boots it, and again after every death
 *   trouble (trouble.c) draws what goes wrong, and when
 *   shop (shop.c)       customers, and every word that they were given
 *   merchant (shop.c)   where the service's webhooks go
 *   oracles (oracle.c)  what must be true after every commit, and at the end
 * Each process of the world (world.h) draws from a generator of its own, made from the seed and its
 * purpose, so that taking one feature away leaves the others' chances as they were. */
#ifndef HOLDFAST_SIM_RUN_H
#define HOLDFAST_SIM_RUN_H

#include <glib.h>
#include <jansson.h>

#include "api/service.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "sandbox/sandbox.h"
#include "sim/disk.h"
#include "sim/net.h"
#include "sim/sim.h"
#include "sim/world.h"
#include "store/store.h"

enum {
    RUN_CUSTOMERS_MAX = 12,
    RUN_PURCHASES_MAX = 40, /* of one customer */
    RUN_KEYS_MAX = 16,
    RUN_KEY_CHARS = 120,
    RUN_ID_CHARS = 48,
    RUN_ORDER_CHARS = 64,
};

/* A number that passes every check of a card number's digits; it must never be stored. */
#define SIM_CARD_NUMBER "4000056655665556"

enum run_phase { RUN_TROUBLE, RUN_QUIET, RUN_OVER };

/* One request of a client that was answered for good, and what it was told. */
struct promise {
    char *path, *key, *body;
    const char
        *kind; /* "pay", "capture", "cancel", "refund", "look", "other-body", "card-number" */
    int scope; /* index of the API key: idempotency keys count within it */
    int status;
    json_t *answer;
    char order[RUN_ORDER_CHARS];
    int64_t at_us;
};

struct run {
    struct sim_order order;
    struct sim_outcome *outcome;
    struct sim_world *world;
    struct sim_net *net;
    struct sim_disk *disk;
    enum run_phase phase;
    uint64_t features;
    int customers, purchases;

    int log_fd;
    struct sim_process *director_process, *gateways_process, *shop_process, *merchant_process,
        *trouble_process;
    struct sim_host *stripe, *paypal, *public_host, *callback_host, *internal_host, *merchant_host;
    struct http_client *inside;  /* never in trouble */
    struct http_client *outside; /* the customers' */

    struct sb_paypal_identity *identity;
    struct sandbox *sandbox;
    struct service_config *config;

    /* The service's present life. */
    struct sim_process *life;
    struct service *service; /* NULL: not up */
    struct store *look;      /* for the oracles; not counted as part of the service */
    int lives;
    int64_t commits; /* that changed something */
    int64_t writes_seen, skew_us, asked, quiet_us;
    bool stopped;
    bool asks; /* something was written that a rule asks about */

    char keys[RUN_KEYS_MAX][RUN_KEY_CHARS];
    char key_ids[RUN_KEYS_MAX][RUN_ID_CHARS];
    int key_count;

    GPtrArray *promises; /* of struct promise */
    int makers;          /* kinds of trouble that are at work */
    int latecomers;
    int shopping;               /* customers that are not done */
    GHashTable *told;           /* events that the merchant has: id → json_t of the payload */
    GHashTable *acknowledged;   /* callbacks that the service took: "gateway id" */
    bool revoked[RUN_KEYS_MAX]; /* API keys of which an operator was told so */
    bool calm;                  /* no gateway, no link and no disk fails */
    char webhook_secret[128];
};

static inline bool run_sees(const struct run *run, enum sim_feature feature) {
    return (run->features >> feature & 1) != 0;
}
/* A generator of its own for a purpose. */
void run_prng(const struct run *run, struct prng *prng, const char *purpose, int64_t number);
/* The run has failed: remembers the first reason, and stops the world. Does not return when called
 * from a task that is not held. */
void run_fail(struct run *run, const char *check, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool run_failed(const struct run *run);
/* All that was logged so far, free(). */
char *run_log(const struct run *run);

/* ---- stage.c ---- */
void stage_open(struct run *run);
/* Starts the service in a process of its own; again after each death, by itself. */
void stage_boot(struct run *run);
/* Waits until it is up; fails the run after ten virtual minutes. */
void stage_await(struct run *run);
/* Stops it as an operator does, and starts it again. */
void stage_restart(struct run *run);
/* A request through the internal listener that meets no trouble on its way (but may meet a service
 * that is down: false). */
MUST_USE bool stage_ask(struct run *run, const char *method, const char *path, const char *body,
                        int *ret_status, json_t **ret_answer);

/* ---- trouble.c ---- */
void trouble_start(struct run *run);
void trouble_heal(struct run *run);

/* ---- shop.c ---- */
void shop_open(struct run *run);
/* One more purchase, so that a breaker has something to close on; waits until it is done. */
void shop_latecomer(struct run *run);
http_handler merchant_handle; /* ctx: the run */
/* Repeats a promise's request; false when nobody answers. */
MUST_USE bool shop_again(struct run *run, const struct promise *promise, int *ret_status,
                         json_t **ret_answer);

/* ---- oracle.c ---- */
/* After a commit, in the middle of things: with the world held. */
void oracle_commit(struct run *run);
/* A customer has just been told this. */
void oracle_told(struct run *run, const struct promise *promise);
/* Everything has come to rest; `ret_why` says what has not. */
MUST_USE bool oracle_quiet(struct run *run, char *ret_why, size_t bytes);
void oracle_end(struct run *run);

#endif
