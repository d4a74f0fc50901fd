/* SPDX-License-Identifier: Apache-2.0
 * load_plan.h: which payment orders come, and when: all of it from one seed.
 *
 * Open model: the gaps between orders are exponential, so that orders come as independent customers
 * do (a Poisson process). Each order's method, currency, amount and whether it is to be declined
 * are drawn by share. Order ids and idempotency keys carry the run's name, so that no two runs
 * collide.
 * Threads: one. Owns: its tokens, until load_plan_release(). Errors: ERR_USAGE. */
#ifndef HOLDFAST_CLI_LOAD_PLAN_H
#define HOLDFAST_CLI_LOAD_PLAN_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/money.h"
#include "base/random.h"

enum { LOAD_MIX_MAX = 16, LOAD_WORD_CHARS_MAX = 31, LOAD_NAME_CHARS = 20 };

/* "card:80,paypal:20": words by share. */
struct load_mix {
    struct {
        char word[LOAD_WORD_CHARS_MAX + 1];
        uint64_t share;
    } rows[LOAD_MIX_MAX];
    int count;
    uint64_t total;
};
MUST_USE int load_mix_parse(const char *text, struct load_mix *ret_mix, struct err *err);
const char *load_mix_draw(const struct load_mix *mix, struct prng *prng);

struct load_plan {
    uint64_t seed;
    struct prng arrivals, orders; /* apart, so that another mix leaves the arrivals as they are */
    double rate;                  /* orders a second; 0: closed model */
    double next_s;                /* when the last order was due */
    int64_t count_max;            /* orders in all; 0: no limit */
    int64_t duration_us;          /* no order is due later; 0: no limit */
    int64_t made;
    int64_t declined_made; /* of these, with a token that is declined */
    struct load_mix methods, currencies;
    char amount_least[32], amount_most[32]; /* decimals, in each order's own currency */
    uint64_t decline_per_million;
    json_t *tokens, *decline_tokens; /* {gateway: token}; "" holds the one for any gateway */
    char run[LOAD_NAME_CHARS + 1];
};
/* Everything but the options set to "one card payment of 1.00 to 200.00 USD after another". */
void load_plan_init(struct load_plan *plan, uint64_t seed);
void load_plan_release(struct load_plan *plan);
/* "19.99" or "1.00..200.00". */
MUST_USE int load_plan_amounts(struct load_plan *plan, const char *range, struct err *err);
/* "2.5" or "2.5%" of the orders get a decline token. */
MUST_USE int load_plan_declines(struct load_plan *plan, const char *percent, struct err *err);
/* Whether each currency can be paid with and the amounts fit it. */
MUST_USE int load_plan_check(const struct load_plan *plan, struct err *err);

/* When the next order is due, after the start. */
int64_t load_plan_due_us(struct load_plan *plan);
/* The next order; false when there are no more. `due_us` is where load_plan_due_us() put it. */
bool load_plan_next(struct load_plan *plan, int64_t *ret_due_us, struct buf *headers,
                    struct buf *body);

#endif
