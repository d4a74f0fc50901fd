/* SPDX-License-Identifier: Apache-2.0
 * run.h: one run as its own files see it: who there is, and what has been noticed so far.
 *
 *   director (run.c)    starts everything, waits, heals, waits again, asks the oracles
 *   stage (stage.c)     the service's lives: boots it, and again after every death
 *                       (gateways.c: the gateways that its configuration names)
 *   trouble (trouble.c) draws what goes wrong, and when
 *   shop (shop.c)       customers, and every word that they were given (buyers.c: those who pay by
 *                       a wallet)
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
#include "sandbox/book.h"
#include "sandbox/sandbox.h"
#include "sim/disk.h"
#include "sim/net.h"
#include "sim/sim.h"
#include "sim/world.h"
#include "store/store.h"

enum {
    RUN_CUSTOMERS_MAX = 12,
    RUN_PURCHASES_MAX = 40, /* of one customer */
    RUN_DESK_ACTS_MAX = 4,
    RUN_KEYS_MAX = 16, /* of the shop, one after the other */
    RUN_CLERKS = 3,    /* persons who have a key besides, after those */
    RUN_RESPONDERS = 2,
    RUN_PERSONS = RUN_CLERKS + RUN_RESPONDERS,
    RUN_KEY_CHARS = 120,
    RUN_ID_CHARS = 48,
    RUN_ORDER_CHARS = 64,
    RUN_DISPUTES_MAX = 6,
    RUN_ACTION_MINUTES = 3, /* for a customer who must act */
};

/* Of one customer in a day, where there are fraud rules. */
#define RUN_PAYMENTS_ALLOWED 3
/* A number that passes every check of a card number's digits; it must never be stored. */
#define SIM_CARD_NUMBER "4000056655665556"
/* The service's master key, as it is given and as it is. */
#define SIM_MASTER_KEY_HEX "73696d756c61746f7273696d756c61746f7273696d756c61746f7273696d756c"
#define SIM_MASTER_KEY "simulatorsimulatorsimulatorsimul"
#define RUN_STORE_PATH "/sim/holdfast.db"
/* What somebody at a gateway's own desk asks for has keys that begin so. */
#define RUN_DESK_KEY "desk-"

enum run_phase { RUN_TROUBLE, RUN_QUIET, RUN_OVER };

/* One request of a client that was answered for good, and what it was told. */
struct promise {
    char *path, *key, *body;
    const char
        *kind; /* "pay", "capture", "cancel", "refund", "look", "other-body", "card-number", … */
    int scope; /* index of the API key: idempotency keys count within it */
    int status;
    json_t *answer;
    char order[RUN_ORDER_CHARS];
    int64_t at_us;
};

/* A gateway gets no new payments from when that was answered until somebody asks for the contrary
 * (0: nobody did). */
struct switched_off {
    const char *gateway;
    int64_t from_us, until_us; /* on the wall's clock */
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
    struct sim_host *public_host, *callback_host, *internal_host, *merchant_host;
    uint32_t gateways; /* bits: those that the service has */
    struct run_door {  /* where one of them is called */
        struct run *run;
        enum sb_gateway gateway;
        struct sim_host *host;
    } doors[SB_GATEWAYS];
    struct http_client *inside;  /* never in trouble */
    struct http_client *outside; /* the customers' */

    struct sandbox *sandbox;
    struct service_config *config;

    /* The service's present life. */
    struct sim_process *life;
    struct service *service; /* NULL: not up */
    struct store *look;      /* for the oracles; not counted as part of the service. NULL: not up */
    struct store *eye;       /* the same: it is kept while lives end and begin (disk.h) */
    uint64_t eye_sees;       /* sim_disk_seen() when it was opened */
    int lives;
    int boot_tries;  /* since a life served */
    int64_t commits; /* that changed something */
    int64_t writes_seen, skew_us, asked, quiet_us;
    bool stopped;
    uint64_t rules;          /* that ask about what was written since they were asked */
    GHashTable *rules_about; /* the same of each statement that was seen */
    bool applied;            /* what shows that a callback was applied may have been changed */

    char keys[RUN_KEYS_MAX + RUN_PERSONS][RUN_KEY_CHARS];
    char key_ids[RUN_KEYS_MAX][RUN_ID_CHARS];
    int key_count;

    GPtrArray *promises; /* of struct promise */
    int makers;          /* kinds of trouble that are at work */
    int latecomers;
    int shopping;             /* customers that are not done */
    GHashTable *told;         /* events that the merchant has: id → json_t of the payload */
    GHashTable *acknowledged; /* callbacks that the service took: "gateway id" */
    bool revoked[RUN_KEYS_MAX + RUN_PERSONS]; /* API keys of which an operator was told so */
    GHashTable *told_bytes;                   /* the same, as it came */
    GPtrArray *references;                    /* that a gateway was asked for, in their order */
    GHashTable *referred;                     /* each of them → its order, as far as known */
    GHashTable *stated; /* charges that a statement has told of → their fee as it stood then */
    bool calm;                                /* no gateway, no link and no disk fails */
    char webhook_secret[128];
    /* The secret before, while it is being replaced; "": it never was. */
    char webhook_secret_old[128];
    int64_t rotated_us, rotate_overlap_us;
    bool rotation_unsure; /* nobody said what became of it */
    int desk_acts;
    /* What Alipay's people gave back by hand: of which order, how much. Only a callback tells of
     * it, and after a few tries in vain only a statement. */
    struct {
        char order[RUN_ORDER_CHARS];
        int64_t amount_minor;
    } desk_back[RUN_DESK_ACTS_MAX];
    int desk_backs;
    char never_charged[RUN_ID_CHARS]; /* a subscription; "": there is none */
    /* What banks have taken back, and whether that is decided. */
    struct run_dispute {
        enum sb_gateway gateway;
        char id[RUN_ID_CHARS], order[RUN_ORDER_CHARS];
        bool over;
    } disputes[RUN_DISPUTES_MAX];
    int dispute_count;
    GArray *switches;          /* of struct switched_off */
    struct rotation *rotation; /* NULL: no credential changes (rotation.h) */
    struct rulebook *rulebook; /* NULL: the run has no statements (rulebook.h) */
    struct bank *bank;         /* NULL: the run has none (bank_rows.h) */
    struct responders *responders; /* NULL: nobody runs incidents (responders.h) */
    struct held *held;         /* what is held, queued, paid by hand; the ladder (held.h) */
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
/* One more purchase, so that the breaker of this operation has something to close on; waits until
 * it is done. */
void shop_latecomer(struct run *run, enum sb_gateway gateway, const char *operation);
http_handler merchant_handle; /* ctx: the run */
/* Repeats a promise's request; false when nobody answers. */
MUST_USE bool shop_again(struct run *run, const struct promise *promise, int *ret_status,
                         json_t **ret_answer);

/* ---- subscribers.c ---- */
void subscribers_open(struct run *run);

/* ---- oracle.c ---- */
/* After a commit, in the middle of things: asks `run->rules`, with the world held. */
void oracle_commit(struct run *run);
/* A gateway is being asked for something. */
void oracle_called(struct run *run, enum sb_gateway gateway, const struct http_request *request);
/* Somebody has just been told this, by an answer or a webhook. */
void oracle_said(struct run *run, const char *who, const json_t *said);
/* Everything has come to rest; `ret_why` says what has not. */
MUST_USE bool oracle_quiet(struct run *run, char *ret_why, size_t bytes);
void oracle_end(struct run *run);

#endif
