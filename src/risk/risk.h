/* SPDX-License-Identifier: Apache-2.0
 * risk.h: the check for fraud before a gateway is asked (PAY-10): rules, lists, velocities, and a
 * scorer that others run.
 *
 * It is told facts and gives a decision with its reasons; it knows no payments. A payment is
 * checked like this:
 *   risk_score()   outside any transaction: asks the scorer, if there is one, within its deadline
 *   risk_decide()  inside the transaction that writes the payment or its failure: lists, counts,
 *                  rules; the counters are moved and the decision is written there too
 * So a payment that was written was decided on, once; a crash before leaves neither, one after
 * leaves both. Who repeats a request does not count twice. Two payments at the same moment wait for
 * each other at the counters they share, so that a limit of five lets five through, from however
 * many instances (PostgreSQL: until the first one's transaction has ended).
 *
 * Never here: a card number or a gateway's token. A card is known by the keyed digest that the
 * caller has of it.
 * Threads: any, many at once. Owns: itself; everything given at opening is borrowed.
 * Errors: ERR_CONFIG at opening, ERR_STORE…; of lists ERR_VALIDATION, ERR_NOT_FOUND, ERR_STATE. */
#ifndef HOLDFAST_RISK_RISK_H
#define HOLDFAST_RISK_RISK_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/id.h"
#include "base/money.h"
#include "base/seal.h"
#include "net/http_client.h"
#include "store/store.h"

struct risk;
struct risk_config;
struct risk_rules;

/* Numbers are stored: they only grow; a larger one is stronger. */
enum risk_action { RISK_ALLOW = 0, RISK_REVIEW = 1, RISK_HOLD = 2, RISK_DENY = 3 };
const char *risk_action_name(enum risk_action action); /* "allow", "review", "hold", "deny" */
MUST_USE bool risk_action_parse(const char *name, enum risk_action *ret_action);

/* What counters and lists may go by. Stored. */
enum risk_by {
    RISK_BY_CUSTOMER = 1,
    RISK_BY_CARD = 2,
    RISK_BY_IP = 3,
    RISK_BY_EMAIL = 4,
    RISK_BY_REGION = 5, /* lists only */
    RISK_BYS
};
const char *risk_by_name(enum risk_by by); /* "customer", … */
MUST_USE bool risk_by_parse(const char *name, enum risk_by *ret_by);

enum risk_list { RISK_BLOCK = 0, RISK_ALLOWED = 1, RISK_WATCH = 2, RISK_LISTS };
const char *risk_list_name(enum risk_list list); /* "block", "allow", "watch" */
MUST_USE bool risk_list_parse(const char *name, enum risk_list *ret_list);

enum {
    RISK_CARD_CHARS = 32,
    RISK_HITS_MAX = 16,
    RISK_NAME_CHARS_MAX = 60,
    RISK_REASONS_MAX = 8,
    RISK_REASON_CHARS_MAX = 120,
    RISK_SCORE_MAX = 1000,
    RISK_JSON_BYTES_MAX = 32 * 1024,
};

struct risk_facts {      /* borrowed; "" where it is not known */
    const char *subject; /* whose decision it is: the payment's id */
    int64_t number;      /* which decision of it */
    const char *order_id, *customer_id, *email, *ip, *region;
    const char *card; /* a keyed digest, never a number or a token */
    int64_t amount_minor;
    struct currency currency;
    const char *method, *purpose; /* by name */
    bool vip;
    int64_t attempts; /* calls to gateways before this decision */
    int64_t at_us;    /* wall */
};

/* What the scorer said, or why it said nothing. Stored by name. */
enum risk_answer {
    RISK_NOT_ASKED = 0, /* there is none, or the check is off */
    RISK_SCORED = 1,
    RISK_LATE = 2, /* no whole answer within the deadline */
    RISK_UNREACHABLE = 3,
    RISK_GARBAGE = 4, /* an answer that is none: status, size, form */
    RISK_BREAKER = 5, /* not asked: it failed too often just now */
    RISK_ANSWERS
};
const char *risk_answer_name(enum risk_answer answer);
enum risk_policy { RISK_FAIL_OPEN = 1, RISK_FAIL_REVIEW = 2, RISK_FAIL_CLOSED = 3 };
const char *risk_policy_name(enum risk_policy policy);

struct risk_scored {
    enum risk_answer answer;
    int64_t score; /* 0 to RISK_SCORE_MAX */
    int reason_count;
    char reasons[RISK_REASONS_MAX][RISK_REASON_CHARS_MAX + 1];
    int64_t duration_us;
};

struct risk_hit {
    /* A rule's name, or "block_list", "allow_list", "scorer", "score". */
    char rule[RISK_NAME_CHARS_MAX + 1];
    enum risk_action action;
    int64_t score;
    char why[240]; /* what was found, in words */
};

struct risk_decision {
    enum risk_action action;
    int64_t score;
    bool skipped; /* the check is switched off */
    int hit_count;
    struct risk_hit hits[RISK_HITS_MAX]; /* the first ones; `more_hits` were left out */
    int more_hits;
    struct risk_scored scored;
    enum risk_policy policy;
    int64_t duration_us; /* scorer and judgement */
    int64_t at_us;
};

struct risk_options {
    struct store *store;
    struct http_client *client;
    const struct seal *seal;
    const struct risk_config *config; /* NULL: no rules: payments are not checked */
};
MUST_USE int risk_open(const struct risk_options *options, struct risk **ret_risk, struct err *err);
void risk_close(struct risk *risk); /* NULL is fine */

/* Whether payments are to be checked at all: there is a configuration. NULL: no. */
bool risk_configured(const struct risk *risk);
const struct risk_rules *risk_rules_of(const struct risk *risk);

/* Takes at most `budget_us`, and the scorer's own deadline. Cannot fail: what went wrong is in the
 * answer. */
void risk_score(struct risk *risk, const struct risk_facts *facts, int64_t budget_us,
                struct risk_scored *ret_scored);
MUST_USE int risk_decide(struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                         const struct risk_scored *scored, struct risk_decision *ret_decision,
                         struct err *err);
/* The same decision without any effect: nothing is counted, asked or written. */
MUST_USE int risk_look(struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                       struct risk_decision *ret_decision, struct err *err);
/* Counts and times it, once its transaction is committed. */
void risk_meter(const struct risk_decision *decision);
/* Fixed order of members; what a rule found and what the scorer said, in words. */
void risk_decision_json(const struct risk_decision *decision, struct buf *buf);

/* Switched off (the simplified flow, DEG-5), payments go on unchecked and say so. On the audit log;
 * other instances see it with their next payment. */
MUST_USE int risk_switch(struct risk *risk, struct store_tx *tx, bool on, const char *actor,
                         const char *reason, struct err *err);
/* Whether it is not switched off; false as well where no rules are configured. */
MUST_USE int risk_is_on(const struct risk *risk, struct store_tx *tx, bool *ret_on,
                        struct err *err);
/* {"configured","on","rules":[…],"meters":[…],"scorer":{…}|null,"counters"}. */
MUST_USE int risk_json(struct risk *risk, struct store_tx *tx, struct buf *buf, struct err *err);

/* How the scorer fares. False: there is none. The texts are borrowed from the configuration. */
struct risk_scorer_look {
    const char *url, *fail; /* without its answer: "open", "review" or "closed" */
    bool off;               /* all checks are switched off */
    bool rests;             /* too many failures in a row: it is not asked for a while */
    int failures;           /* in a row */
};
MUST_USE bool risk_scorer_look(const struct risk *risk, struct risk_scorer_look *ret_look);

/* Deletes counters that no window reaches any more; at most `limit`, returns how many. */
MUST_USE int risk_prune(struct store_tx *tx, int64_t now_us, int limit, struct err *err);

/* ---- Lists ---- */

struct risk_listing {
    enum risk_list list;
    enum risk_by by;
    const char *value; /* ip: an address or a network, 10.0.0.0/8, 2001:db8::/32 */
    const char *reason, *actor;
    int64_t expires_us; /* 0: never */
};
enum {
    RISK_VALUE_CHARS_MAX = 254, /* characters, of up to four bytes */
    RISK_VALUE_BYTES_MAX = 4 * RISK_VALUE_CHARS_MAX,
    RISK_NETWORKS_MAX = 1000, /* networks listed at a time: each payment's address is held to all */
};
/* Returns the entry's id. ERR_EXISTS when the same is on this list already. Audited. */
MUST_USE int risk_list_add(struct store_tx *tx, const struct risk_listing *listing,
                           struct listing_id *ret_id, struct err *err);
/* The row stays, for the audit and the dry run. ERR_STATE: it was removed before. Audited. */
MUST_USE int risk_list_remove(struct store_tx *tx, const char *id, const char *actor,
                              const char *reason, struct err *err);
struct risk_list_filter {
    int list; /* -1: all */
    int by;   /* 0: all */
    bool all; /* those that ended, too */
    const char *cursor;
    int limit;
};
/* Newest first: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int risk_list_json(struct store_tx *tx, const struct risk_list_filter *filter,
                            struct buf *buf, struct err *err);
MUST_USE int risk_list_one_json(struct store_tx *tx, const char *id, struct buf *buf,
                                struct err *err);

/* ---- Dry run: rules against payments of the past ---- */

struct risk_replay;
/* Loads the lists with their history. Rules are borrowed. */
MUST_USE int risk_replay_new(const struct risk_rules *rules, struct store_tx *tx,
                             struct risk_replay **ret_replay, struct err *err);
void risk_replay_free(struct risk_replay *replay); /* NULL is fine */
/* What the rules say of this payment, after all that came before it; counts it. In the order of
 * time. `scored`: what the scorer said then. */
void risk_replay_step(struct risk_replay *replay, const struct risk_facts *facts,
                      const struct risk_scored *scored, struct risk_decision *ret_decision);

#endif
