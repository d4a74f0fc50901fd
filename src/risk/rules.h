/* SPDX-License-Identifier: Apache-2.0
 * rules.h: the rules of the configuration, understood, and the judgement by them. No store, no
 * network: what is in force and what is only tried (the dry run) go through the same function, so
 * that the same facts give the same decision.
 *
 * How it is judged
 * 1. An entry on the block list denies. It beats everything.
 * 2. Else an entry on the allow list allows. Neither rules nor the scorer are heard.
 * 3. Else every rule is looked at, in the order written; none ends the looking. A rule holds when
 *    all conditions under `all` hold and, where there is an `any`, one at least of those does. What
 *    is unknown (a payment without a customer) meets no condition that asks for it.
 * 4. The scores of the rules that hold and the scorer's are added up; a threshold that is reached
 *    does its action. A scorer that gave no score does what its policy says.
 * 5. The strongest action counts: deny, hold, review, allow.
 *
 * Velocity: `{by: customer, over: 10m, count: 5}` holds when this payment is more than the fifth of
 * its customer in ten minutes; `sum: 100000, currency: USD` when they add up to more than that. All
 * payments count that were decided on, the denied ones too (who is stopped goes on being counted),
 * and whatever the rule's other conditions. They are counted in RISK_BUCKETS parts of the window:
 * what is looked at is the window or up to a twelfth more, never less. So no stretch of that length
 * ever has more than was allowed.
 * Threads: rules never change once made. Errors: ERR_CONFIG that names the key. */
#ifndef HOLDFAST_RISK_RULES_H
#define HOLDFAST_RISK_RULES_H

#include "base/money.h"
#include "risk/risk.h"
#include "risk/risk_config.h"

enum {
    RISK_RULES_MAX = 64,
    RISK_CONDITIONS_MAX = 16,
    RISK_METERS_MAX = 8, /* different velocities in all rules together */
    RISK_BUCKETS = 12,
    RISK_VALUES_MAX = 64, /* of one list in a condition */
};
#define RISK_OVER_MIN_US (12 * INT64_C(1000000))
#define RISK_OVER_MAX_US (90 * INT64_C(86400) * 1000000)

/* What is counted for one kind of velocity; rules that ask for the same share it. */
struct risk_meter {
    enum risk_by by;
    int64_t over_us, bucket_us;
    char currency[CURRENCY_CHARS + 1]; /* "": payments are counted; else amounts added */
};
/* Where the bucket begins that this moment falls into. */
int64_t risk_bucket(const struct risk_meter *meter, int64_t at_us);
/* The first and the last bucket that count at this moment. After the clock has jumped back there
 * may be some ahead of it; a window's length of them counts as well. */
void risk_buckets(const struct risk_meter *meter, int64_t at_us, int64_t *ret_first_us,
                  int64_t *ret_last_us);
/* Whether this payment moves the meter. */
bool risk_meter_moves(const struct risk_meter *meter, const struct risk_facts *facts);

struct risk_rules;
/* `texts` of the configuration are borrowed for the rules' life. */
MUST_USE int risk_rules_new(const struct risk_config *config, struct risk_rules **ret_rules,
                            struct err *err);
void risk_rules_free(struct risk_rules *rules); /* NULL is fine */
int risk_rules_count(const struct risk_rules *rules);
int risk_meters(const struct risk_rules *rules, const struct risk_meter **ret_meters);
/* The longest window; 0: there is none. */
int64_t risk_rules_over_us(const struct risk_rules *rules);
enum risk_policy risk_rules_policy(const struct risk_rules *rules);
void risk_rules_json(const struct risk_rules *rules, struct buf *buf); /* an array */

/* What was seen about a payment besides its facts. */
struct risk_seen {
    struct risk_entry {
        char id[ID_TEXT_MAX]; /* "": it is not on this list */
        enum risk_by by;
        char reason[120];
    } listed[RISK_LISTS];
    int64_t moved[RISK_METERS_MAX]; /* by all payments of the window, this one included */
    struct risk_scored scored;
};
/* Fills everything of `ret_decision` but duration_us and skipped. */
void risk_judge(const struct risk_rules *rules, const struct risk_facts *facts,
                const struct risk_seen *seen, struct risk_decision *ret_decision);

/* "10m", "24h", "7d", "90s": false when it is none or out of the limits above. */
MUST_USE bool risk_over_parse(const char *text, int64_t *ret_over_us);

#endif
