/* SPDX-License-Identifier: Apache-2.0
 * payouts.c: the rules by which a gateway's payout meets the bank's lines for it, what is due at a
 * bank, and its lines as they are taken in. */
#include "recon/payouts.h"

#include <string.h>

#include "base/clock.h"
#include "match/match_set.h"
#include "recon/payouts_impl.h"

/* ---- the rules of a run ---- */

static void add_rule(struct run_rules *rules, struct match_rule rule) {
    if (rules->count < MATCH_RULES_MAX) {
        rules->rules[rules->count++] = rule;
    }
}

static void add_named(struct run_rules *rules, const struct payout_terms *terms) {
    struct match_rule named = {
        .by = BY_PAYOUT_NAME,
        .name = "the bank's line names the payout",
        .families = MATCH_PAYOUTS,
        .less_only = true,
    };
    if (terms != NULL) {
        named.tolerances = terms->tolerances;
        named.tolerance_count = terms->count;
        named.tolerance_ppm = terms->ppm;
    }
    add_rule(rules, named);
}

static void add_by_amount(struct run_rules *rules) {
    static const struct match_rule by_amount[] = {
        {.by = BY_AMOUNT_TIME, .name = "a payout's amount within its time"},
        {.by = BY_PAYOUT_SUM, .name = "several payouts in one line", .less_only = true},
        {.by = BY_PAYOUT_PARTS, .name = "one payout in several lines", .less_only = true},
    };
    for (size_t i = 0; i < COUNT_OF(by_amount); i++) {
        struct match_rule rule = by_amount[i];
        rule.families = MATCH_PAYOUTS;
        rule.before_us = PAYOUT_BEFORE_US;
        rule.after_us = PAYOUT_AFTER_US;
        add_rule(rules, rule);
    }
}

/* A name is asked for first; nothing is known by its amount before all names have been looked at;
 * and of payouts the window is another. */
void recon_rules_of(const struct match_options *said, bool bank, const struct payout_terms *terms,
                    struct run_rules *ret_rules) {
    bool known = false, by_amount = false;
    for (int i = 0; i < said->rule_count; i++) {
        known = known || said->rules[i].families == MATCH_PAYOUTS;
    }
    ret_rules->count = 0;
    if (bank && !known) {
        add_named(ret_rules, terms);
    }
    for (int i = 0; i < said->rule_count; i++) {
        struct match_rule rule = said->rules[i];
        if (bank && rule.by == BY_AMOUNT_TIME && rule.families != MATCH_PAYOUTS) {
            if (!known) {
                add_by_amount(ret_rules);
                by_amount = true;
            }
            rule.families = (rule.families == 0 ? ~0U : rule.families) & ~MATCH_PAYOUTS;
        }
        add_rule(ret_rules, rule);
    }
    if (bank && !known && !by_amount) {
        add_by_amount(ret_rules);
    }
}

/* ---- what is due ---- */

/* Found ones are not due; of one that stands beside lines of another amount, what those come to. */
#define DUE                                                                                        \
    "SELECT b.gateway, b.reference, b.batch, b.currency, b.gross_minor, b.at_us, b.due_id, "       \
    "COALESCE((SELECT CAST(SUM(r.gross_minor) AS bigint) FROM movement m JOIN movement t ON "      \
    "t.match_id = m.match_id AND t.match_id <> '' AND t.side = 2 JOIN statement_row r ON "         \
    "r.statement_id = t.statement_id AND r.number = t.number WHERE m.side = 1 AND m.id = "         \
    "b.due_id AND m.match_id <> ''), 0) FROM own_booking b WHERE b.bank = $1 AND b.bank <> '' "    \
    "AND b.booked = 1 AND NOT EXISTS (SELECT 1 FROM movement m WHERE m.side = 1 AND m.id = "       \
    "b.due_id AND m.open IS NULL) ORDER BY b.at_us, b.id LIMIT $2"

int payouts_load(struct store_tx *tx, const char *bank, struct payouts **ret_payouts,
                 struct err *err) {
    struct payouts *payouts = g_new0(struct payouts, 1);
    payouts->dues = g_array_new(false, false, sizeof(struct due));
    payouts->texts = g_string_chunk_new(4096);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, DUE, S_TEXT(bank), S_INT(PAYOUTS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct due due = {
            .sender = g_string_chunk_insert_const(payouts->texts, sql_text(rows, 0)),
            .reference = g_string_chunk_insert(payouts->texts, sql_text(rows, 1)),
            .batch = g_string_chunk_insert(payouts->texts, sql_text(rows, 2)),
            .currency = currency_stored(sql_text(rows, 3)),
            .amount_minor = -sql_int(rows, 4),
            .at_us = sql_int(rows, 5),
            .id = g_string_chunk_insert(payouts->texts, sql_text(rows, 6)),
            .put_minor = sql_int(rows, 7),
            .row = payouts->dues->len,
        };
        g_array_append_val(payouts->dues, due);
    }
    if (r < 0) {
        payouts_free(payouts);
        return r;
    }
    dues_sort(payouts->dues);
    payouts->names = due_names_new(payouts->dues);
    *ret_payouts = payouts;
    return 0;
}

void payouts_free(struct payouts *payouts) {
    if (payouts != NULL) {
        g_array_free(payouts->dues, true);
        g_string_chunk_free(payouts->texts);
        due_names_free(payouts->names);
        g_free(payouts);
    }
}

/* ---- a line as it is taken in ---- */

/* It bears the name: whether its amount is right is the run's to say. Of one payout there may be
 * several such lines, until they come to it. */
static bool take_named(struct payouts *payouts, const struct payout_line *line) {
    GArray *named = g_array_new(false, false, sizeof(guint));
    due_names_of(payouts->names, line, named);
    bool found = named->len > 0;
    for (guint i = 0; i < named->len; i++) {
        struct due *due = due_at(payouts->dues, g_array_index(named, guint, i));
        if (!currency_equal(due->currency, line->currency)) {
            continue; /* a break of its own kind */
        }
        if (!money_add(due->put_minor, line->amount_minor, &due->put_minor)) {
            due->put_minor = INT64_MAX;
        }
        due->taken = named->len > 1 || due->put_minor >= due->amount_minor;
    }
    g_array_free(named, true);
    return found;
}

bool payouts_take(struct payouts *payouts, const struct payout_line *line) {
    GArray *dues = payouts->dues;
    struct due *one = NULL;
    guint first = 0;
    if (line->amount_minor <= 0 || take_named(payouts, line)) {
        return line->amount_minor > 0;
    }
    for (guint i = 0; i < dues->len; i++) {
        struct due *due = due_at(dues, i);
        if (due_may_be_all(due, line) && (one == NULL || due->at_us < one->at_us)) {
            one = due;
        }
    }
    if (one != NULL) {
        one->taken = true;
        return true;
    }
    guint count = dues_sum(dues, line, &first);
    for (guint i = first; i < first + count; i++) {
        due_at(dues, i)->taken = true;
    }
    return count > 0;
}
