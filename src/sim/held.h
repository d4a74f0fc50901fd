/* SPDX-License-Identifier: Apache-2.0
 * held.h: the flows of degraded modes in a run: orders that are paid later, payments that are
 * queued until a gateway can be reached, payments by hand, and the ladder with the people who throw
 * its switches.
 *
 *   held.c         their configuration; customers with an order that is held, and with one that is
 *                  queued
 *   pages.c        the page behind a held order's link, as its customer's browser reads it
 *   clerks.c       persons who tell of payments by hand, and decide about them
 *   ladder.c       operators who move the ladder, and customers who take it at its word
 *   oracle_held.c  what must be true of all that
 * Each is a feature and draws from generators of its own: runs without them are as they were. */
#ifndef HOLDFAST_SIM_HELD_H
#define HOLDFAST_SIM_HELD_H

#include "sim/oracle_impl.h"
#include "sim/shop.h"

enum {
    HELD_ORDERS_MAX = 5,
    HELD_SECRET_CHARS = 64,
    HELD_QUEUE_EACH = 3000, /* of one payment, in minor units */
    HELD_QUEUE_TOTAL = 6000,
    HELD_QUEUERS = 2, /* customers whose payments may be queued */
    HELD_QUEUE_MINUTES = 2,
    HELD_WINDOWS_MAX = 16,
};

/* An order that was held, and what its customer was told behind its link. */
struct held_order {
    char order[RUN_ORDER_CHARS], payment[RUN_ID_CHARS], secret[HELD_SECRET_CHARS];
    bool chose;      /* somebody chose a way to pay on the page: its answer is no promise */
    bool paid, over; /* the page said so: paid; or expired, canceled or failed */
};

/* A word of an operator that was answered, until somebody may have said otherwise. */
struct held_window {
    int64_t from_us, until_us; /* on the wall's clock; 0: it still holds */
};

struct held {
    struct held_order orders[HELD_ORDERS_MAX];
    int count;
    int pending; /* customers who come back when all is quiet */
    struct held_window read_only[HELD_WINDOWS_MAX];
    int windows;
    /* What was said without an end, and perhaps not taken back. */
    bool step_stands, switch_stands, simplified_stands;
    int64_t number; /* the last change of the ladder that anybody was told of */
};

/* ---- held.c ---- */

/* `deferred`, `forward` and `modes` of the configuration, where the run sees them. */
void held_config(const struct run *run, struct buf *out);
/* The customers, in processes of their own. */
void held_open(struct run *run);
/* NULL: that order was never held. */
struct held_order *held_find(const struct run *run, const char *order);

/* ---- clerks.c ---- */
void clerks_open(struct run *run);
/* A person with a user and a key of the user's, which is put at `scope` of run->keys. False: the
 * world ended first. */
MUST_USE bool clerks_hire(struct run *run, const char *name, const char *role, int scope);

/* ---- ladder.c ---- */
void ladder_open(struct run *run);
/* Something that an operator does about the ladder (trouble.c). */
void ladder_operate(struct run *run, struct prng *prng);
/* Whatever was said without an end is taken back. */
void ladder_heal(struct run *run);

/* ---- oracle_held.c ---- */
/* After a commit that changed a payment. */
void held_commit(struct run *run);
/* Customers have come back, and the ladder stands where it stood before. */
MUST_USE bool held_rests(struct run *run, char *ret_why, size_t bytes);
/* Puts the secrets of the links that were told into `texts`; how many. */
int held_secrets(const struct run *run, const char **texts, int max);
void check_held(struct end *end);
void check_queued(struct end *end);
void check_by_hand(struct end *end);
void check_modes(struct end *end);

/* ---- pages.c ---- */

/* What a page says. */
enum held_phase {
    HELD_NONE, /* it could not be read */
    HELD_OPEN,
    HELD_ACT,
    HELD_PROCESSING,
    HELD_PAID,
    HELD_EXPIRED,
    HELD_CANCELED,
    HELD_FAILED,
    HELD_NO_SUCH,
};
enum { HELD_METHODS_MAX = 8 };
struct held_page {
    int status;
    enum held_phase phase;
    char version[24];
    char methods[HELD_METHODS_MAX][24]; /* that it offers */
    int method_count;
};
/* Reads it once; false: no page came. What it says is held against the gateways' books. */
MUST_USE bool held_page_read(struct run *run, struct held_order *held, struct held_page *ret_page);
/* Presses the button of that method on it; false: no answer came. */
MUST_USE bool held_page_choose(struct run *run, struct held_order *held,
                               const struct held_page *page, const char *method);

#endif
