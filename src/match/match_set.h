/* SPDX-License-Identifier: Apache-2.0
 * match_set.h: the rules by which a gateway's rows are matched, as they are configured, kept with a
 * run, and shown.
 *
 * What may be said (docs/reconciliation.md):
 *   1. Rules are tried in the order in which they are said, each way at most once. One by gateway
 *      id or by reference is among them.
 *   2. `amount_time` comes last: before the rules by name it would guess. Its window is said in
 *      minutes, AMOUNT_TIME_MINUTES_MAX at most; absent: three days to each side.
 *      Two files may be compared by `batch` as well (match_set_load()): many rows of ours against
 *      the one of theirs that names their payout.
 *   3. Rules by gateway id, reference and batch take tolerances (of a currency in minor units, or
 *      in millionths of our amount) and what is usual: a row of theirs that is earlier or later is
 *      LATE. A side of the time that is not said has no bound.
 *   4. The other two ask for the very amount: they take no tolerance.
 * Owns: a set is the caller's, on the heap or in a struct that does not move: its rules point into
 * it. Threads: any; constant once read. Errors: ERR_CONFIG, with the place; ERR_STORE_CORRUPT. */
#ifndef HOLDFAST_MATCH_MATCH_SET_H
#define HOLDFAST_MATCH_MATCH_SET_H

#include <jansson.h>

#include "gateway/gateway.h"
#include "match/match.h"

enum {
    MATCH_SET_RULES_MAX = 10, /* each way may be configured once; and four for payouts */
    MATCH_SET_PPM_MAX = 100 * 1000,
    MATCH_SET_MINUTES_MAX = 366 * 24 * 60,
    AMOUNT_TIME_MINUTES_MAX = 31 * 24 * 60,
    MATCH_SET_NAME_CHARS_MAX = 60,
    MATCH_SET_BYTES_MAX = 32 * 1024, /* as JSON */
    MATCH_SET_WHY_CHARS = 80,
};

/* As it stands in a file (match_schema.h); absent: NULL, 0. */
struct match_tolerance_config {
    char *currency;
    uint64_t amount;
};
struct match_rule_config {
    char *by;
    struct match_tolerance_config *tolerance;
    unsigned tolerance_count;
    unsigned *tolerance_ppm, *before_minutes, *after_minutes;
};
struct match_gateway_config {
    char *gateway;
    struct match_rule_config *rules;
    unsigned rules_count;
};

struct match_set {
    bool usual; /* nobody has said any */
    int count;
    struct match_rule rules[MATCH_SET_RULES_MAX];
    char names[MATCH_SET_RULES_MAX][MATCH_SET_NAME_CHARS_MAX + 1];
    struct match_tolerance tolerances[MATCH_SET_RULES_MAX][MATCH_TOLERANCES_MAX];
};
/* How much less than was paid out may arrive at a bank account when its line names the payout: its
 * charge for the transfer. None: nothing. */
struct payout_terms {
    struct match_tolerance tolerances[MATCH_TOLERANCES_MAX];
    int count, ppm;
};
#define MATCH_PAYOUTS (1U << FAMILY_BANK)
/* Of all gateways, and of those that have rules of their own. */
struct match_sets {
    struct match_set all;
    struct match_own {
        char gateway[GATEWAY_NAME_CHARS_MAX + 1];
        struct match_set set;
    } *own; /* owned */
    int own_count;
};

/* Those of match_rules_usual(). */
void match_set_usual(struct match_set *ret_set);
/* `place` is where they stand ("reconciliation.rules"); no rules: the usual ones. */
MUST_USE int match_set_read(const struct match_rule_config *said, unsigned count, const char *place,
                            struct match_set *ret_set, struct err *err);
/* Into a list of MATCH_TOLERANCES_MAX; -ERR_CONFIG with the reason. */
MUST_USE int match_tolerances_read(const struct match_tolerance_config *said, unsigned count,
                                   struct match_tolerance *list,
                                   char ret_why[MATCH_SET_WHY_CHARS]);
/* A file of its own, for two files that are compared: its key `rules` has the list. */
MUST_USE int match_set_load(const char *path, struct match_set *ret_set, struct err *err);

/* [{"by","name","tolerance":[{"currency","amount"}],"tolerance_ppm","before_minutes",
 * "after_minutes","payouts"}]; a time without a bound is null; `payouts` are those that look at a
 * bank's lines and payouts alone (recon/payouts.h). The same rules give the same bytes. */
void match_set_json(const struct match_rule *rules, int count, struct buf *buf);
bool match_rules_same(const struct match_options *a, const struct match_options *b);
/* What match_set_json() wrote; "" are the usual ones. */
MUST_USE int match_set_parse(const char *text, struct match_set *ret_set, struct err *err);

/* Both lists of the configuration; gateways are checked by the caller. */
MUST_USE int match_sets_read(const struct match_rule_config *all, unsigned count,
                             const struct match_gateway_config *own, unsigned own_count,
                             struct match_sets *ret_sets, struct err *err);
void match_sets_release(struct match_sets *sets);
/* `sets` NULL: the usual ones are in force everywhere, and NULL is returned. */
const struct match_set *match_sets_of(const struct match_sets *sets, const char *gateway);

#endif
