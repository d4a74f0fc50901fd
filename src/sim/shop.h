/* SPDX-License-Identifier: Apache-2.0
 * shop.h: what the customers' files have in common: one purchase, and the ways to ask about it.
 *
 *   shop.c    customers, and every word that they were given; the merchant
 *   buyers.c  those who pay by a wallet: what they are shown, and what they do with it
 * A request that is answered for good is a promise (run.h); one that is not is repeated with its
 * key. */
#ifndef HOLDFAST_SIM_SHOP_H
#define HOLDFAST_SIM_SHOP_H

#include "sim/run.h"

enum { BODY_CHARS = 640 };

struct customer {
    struct run *run;
    int number;
};

struct purchase {
    struct customer *customer;
    struct prng prng;
    int number;
    char order[RUN_ORDER_CHARS], body[BODY_CHARS];
    char payment[RUN_ID_CHARS];
    bool hold;
    bool late; /* comes when all is quiet, for a breaker's sake, at the gateway `wallet` */
    enum { LATE_PAYS, LATE_CAPTURES, LATE_CANCELS } end;
    int64_t amount;
    int parts; /* tasks at work on it */
    bool by_wallet, at_till;
    enum sb_gateway wallet;
};

/* With the same key until there is a final answer, which is kept as a promise; json_decref(). NULL:
 * the world ended first. */
json_t *shop_ask(struct purchase *purchase, struct prng *prng, const char *kind, const char *path,
                 const char *key, const char *body, int *ret_status);
/* The same as another one than the shop: with that key of run->keys. */
json_t *shop_ask_as(struct purchase *purchase, struct prng *prng, int scope, const char *kind,
                    const char *path, const char *key, const char *body, int *ret_status);
/* One try with the shop's key, of which nothing is kept; false: no answer came. */
MUST_USE bool shop_try(struct run *run, const char *method, const char *path, const char *key,
                       const char *body, int *ret_status, json_t **ret_answer);
/* No repeat would be answered otherwise. */
bool shop_is_final(int status, const json_t *answer);
/* A request beside the others, at the same time. */
void shop_beside(struct purchase *purchase, const char *kind, const char *path, const char *key,
                 const char *body);
void shop_await_parts(struct purchase *purchase);
/* The payment as it is now, json_decref(); NULL when nobody says. */
json_t *shop_look(struct purchase *purchase);

/* ---- buyers.c ---- */

/* True: it is a purchase by one of the run's wallets from now on; a late one by its own. */
bool buyers_write(struct purchase *purchase);
/* What its customer does with what he was shown; until that is over or he has gone. */
void buyers_act(struct purchase *purchase);
/* What the payment shows its customer now, by the name that his wallet knows it by. False: nothing
 * that a wallet could open. */
MUST_USE bool buyers_shown(struct run *run, const json_t *payment, enum sb_gateway *ret_gateway,
                           char *ret_name, size_t bytes);
/* He pays that, or goes back. False: it cannot be done any more. */
bool buyers_wish(struct run *run, enum sb_gateway gateway, const char *name, bool pays);

#endif
