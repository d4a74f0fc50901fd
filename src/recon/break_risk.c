/* SPDX-License-Identifier: Apache-2.0
 * break_risk.c: the formula, and the breaks that it is applied to. */
#include "recon/break_risk.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/breaks_impl.h"
#include "recon/run.h"

enum { RENEWED_A_WRITE = 100, ARENA_BYTES = 64 * 1024, DECIMAL = 10 };
/* Of the main unit, and of that of currencies which have no smaller one. */
#define THOUSAND INT64_C(1000)
#define HUNDRED_THOUSAND INT64_C(100000)

enum cause { AMOUNT, AGE, COUNT, CAUSES };
static const char *const cause_names[CAUSES] = {
    [AMOUNT] = "amount", [AGE] = "age", [COUNT] = "count"};
static const struct step {
    enum cause cause;
    int64_t at_least;
    int steps;
} steps[] = {
#define X(cause, at_least, steps) {cause, at_least, steps},
#include "recon/break_risks.def"
#undef X
};

/* ---- the formula ---- */

static int64_t thousands(struct currency currency) {
    int exponent = currency_exponent(currency);
    int64_t unit = exponent == 0 ? HUNDRED_THOUSAND : THOUSAND;
    for (int i = 0; i < exponent; i++) {
        unit *= DECIMAL;
    }
    return unit;
}

static int amount_steps(const struct break_risk_policy *policy,
                        const struct break_risk_facts *facts) {
    for (int i = 0; policy != NULL && i < policy->amount_count; i++) {
        const struct break_risk_amount *amount = &policy->amounts[i];
        if (currency_equal(amount->currency, facts->currency)) {
            return (facts->stake_minor >= amount->first_minor) +
                   (facts->stake_minor >= amount->second_minor);
        }
    }
    int most = 0;
    int64_t unit = thousands(facts->currency);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool reached = steps[i].cause == AMOUNT && facts->stake_minor / unit >= steps[i].at_least;
        most = reached && steps[i].steps > most ? steps[i].steps : most;
    }
    return most;
}

static int age_steps(const struct time_zone *zone, const struct break_risk_facts *facts) {
    int most = 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool reached = steps[i].cause == AGE &&
                       facts->now_us >=
                           expected_until(facts->opened_us, (int)steps[i].at_least, zone);
        most = reached && steps[i].steps > most ? steps[i].steps : most;
    }
    return most;
}

static int count_steps(const struct break_risk_facts *facts) {
    int most = 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool reached = steps[i].cause == COUNT && facts->alike >= steps[i].at_least;
        most = reached && steps[i].steps > most ? steps[i].steps : most;
    }
    return most;
}

enum match_risk break_risk(const struct break_risk_policy *policy, const struct time_zone *zone,
                           const struct break_risk_facts *facts, char ret_why[RISK_WHY_CHARS_MAX]) {
    int raised[CAUSES] = {
        [AMOUNT] = amount_steps(policy, facts),
        [AGE] = age_steps(zone, facts),
        [COUNT] = count_steps(facts),
    };
    int risk = (int)match_class_risk(facts->class);
    size_t used = (size_t)snprintf(ret_why, RISK_WHY_CHARS_MAX, "%s by its class",
                                   match_risk_name((enum match_risk)risk));
    for (int i = 0; i < CAUSES; i++) {
        risk += raised[i];
        if (raised[i] > 0) {
            used += (size_t)snprintf(ret_why + used, RISK_WHY_CHARS_MAX - used, ", %s +%d",
                                     cause_names[i], raised[i]);
        }
    }
    return risk > RISK_CRITICAL ? RISK_CRITICAL : (enum match_risk)risk;
}

/* ---- all of a gateway ---- */

struct renewing {
    const char *gateway, *actor;
    const struct break_risk_policy *policy;
    const struct time_zone *zone;
    int64_t now_us;
    char last_id[ID_TEXT_MAX];
    char next_id[ID_TEXT_MAX]; /* of this run of the transaction */
    bool more;
};

struct renewed {
    char id[ID_TEXT_MAX];
    enum match_risk risk;
    char why[RISK_WHY_CHARS_MAX];
    bool changed;
};

static void renew_read(const struct renewing *renewing, const struct sql_rows *rows,
                       struct renewed *ret_renewed) {
    const struct break_risk_facts facts = {
        .class = (enum match_class)sql_int(rows, 1),
        .currency = currency_stored(sql_text(rows, 2)),
        .stake_minor = sql_int(rows, 3),
        .opened_us = sql_int(rows, 4),
        .now_us = renewing->now_us,
        .alike = sql_int(rows, 7),
    };
    snprintf(ret_renewed->id, sizeof ret_renewed->id, "%s", sql_text(rows, 0));
    ret_renewed->risk = break_risk(renewing->policy, renewing->zone, &facts, ret_renewed->why);
    ret_renewed->changed = (int64_t)ret_renewed->risk != sql_int(rows, 5) ||
                           strcmp(ret_renewed->why, sql_text(rows, 6)) != 0;
}

/* Another reason for the same risk is no change that history has to tell. */
static int renew_one(struct store_tx *tx, const struct renewing *renewing,
                     const struct renewed *renewed, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    struct break_row row;
    int r = break_load(tx, arena, renewed->id, true, &row, err);
    if (r < 0 || !break_is_live(row.state)) {
        return r;
    }
    if (row.risk == renewed->risk) {
        return sql_put(tx, err, "UPDATE recon_break SET risk_why = $2 WHERE id = $1",
                       S_TEXT(row.id.text), S_TEXT(renewed->why));
    }
    return break_set_risk(tx, &row, renewing->actor, renewing->now_us, renewed->risk, renewed->why,
                          err);
}

static int renew_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct renewing *renewing = ctx;
    struct renewed renewed[RENEWED_A_WRITE];
    int count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT b.id, b.class, b.currency, b.stake_minor, b.opened_us, b.risk, b.risk_why, (SELECT "
        "COUNT(*) FROM (SELECT 1 FROM recon_break o WHERE o.gateway = b.gateway AND o.class = "
        "b.class AND o.state IN (1, 2) AND o.opened_us >= b.opened_us - 86400000000 AND "
        "o.opened_us <= b.opened_us + 86400000000 LIMIT 100) AS alike) FROM recon_break b WHERE "
        "b.gateway = $1 AND b.state IN (1, 2) AND b.id > $2 ORDER BY b.id LIMIT 100",
        S_TEXT(renewing->gateway), S_TEXT(renewing->last_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        renew_read(renewing, rows, &renewed[count++]);
    }
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = renewed[i].changed ? renew_one(tx, renewing, &renewed[i], err) : 0;
    }
    renewing->more = count == RENEWED_A_WRITE;
    snprintf(renewing->next_id, sizeof renewing->next_id, "%s",
             count > 0 ? renewed[count - 1].id : renewing->last_id);
    return r < 0 ? r : 0;
}
static_assert(RISK_COUNTED_MAX == 100 && RENEWED_A_WRITE == 100, "the limits above");

int break_risks_renew(struct store *store, const char *gateway,
                      const struct break_risk_policy *policy, const struct time_zone *zone,
                      const char *actor, int64_t now_us, struct err *err) {
    struct renewing renewing = {
        .gateway = gateway,
        .actor = actor,
        .policy = policy,
        .zone = zone,
        .now_us = now_us,
        .more = true,
    };
    int r = 0;
    while (r >= 0 && renewing.more) {
        r = store_write(store, renew_tx, &renewing, err);
        memcpy(renewing.last_id, renewing.next_id, sizeof renewing.last_id);
    }
    return r;
}
