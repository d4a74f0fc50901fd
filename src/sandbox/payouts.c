/* SPDX-License-Identifier: Apache-2.0
 * payouts.c: what the simulated gateways pay out to the bank, and when. Nothing is kept: payouts
 * follow from the journal. */
#include "base/clock.h"
#include "sandbox/statement.h"

/* Days are counted from here, so that a payout's number has room for its currency. */
enum { CURRENCIES_MAX = 256, FIRST_DAY = 18262 /* 2020-01-01 */ };

static int64_t day_of(const struct sb_gateway_kind *kind, int64_t wall_us) {
    return (wall_us + kind->place_minutes * 60 * US_PER_SECOND) / SB_DAY_US;
}

static int64_t begin_of(const struct sb_gateway_kind *kind, int64_t day) {
    return day * SB_DAY_US - kind->place_minutes * 60 * US_PER_SECOND;
}

static int64_t net_of(const struct sb_move *move) {
    bool comes = move->kind == SB_MOVE_CHARGE || move->kind == SB_MOVE_REFUND_BACK ||
                 move->kind == SB_MOVE_DISPUTE_BACK;
    return (comes ? move->amount_minor : -move->amount_minor) - move->fee_minor;
}

static bool counts(const struct sb_gateway_kind *kind, const struct sb_move *move) {
    return kind->moves_funds == NULL || kind->moves_funds(move);
}

bool sb_payout_has(enum sb_gateway gateway, const struct sb_payout *payout,
                   const struct sb_move *move) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    int64_t day = day_of(kind, move->at_us);
    return day >= payout->first_day && day <= payout->last_day && counts(kind, move) &&
           currency_equal(move->entry->currency, payout->currency);
}

struct sb_id sb_payout_id(const struct sandbox *sandbox, enum sb_gateway gateway, uint32_t number) {
    return sb_id_of(sandbox->places[gateway], sb_gateway_kind(gateway)->payout_kind, number);
}

/* What moved on a day, in the currency at hand: days as keys, sums as values. */
static GHashTable *sums_of(const struct sb_gateway_kind *kind, const GArray *moves,
                           struct currency currency, int64_t *ret_first, int64_t *ret_last) {
    GHashTable *sums = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    *ret_first = INT64_MAX;
    *ret_last = INT64_MIN;
    for (guint i = 0; i < moves->len; i++) {
        const struct sb_move *move = &g_array_index(moves, struct sb_move, i);
        if (!currency_equal(move->entry->currency, currency) || !counts(kind, move)) {
            continue;
        }
        int64_t day = day_of(kind, move->at_us);
        int64_t *sum = g_hash_table_lookup(sums, &day);
        if (sum == NULL) {
            sum = g_new0(int64_t, 1);
            g_hash_table_insert(sums, g_memdup2(&day, sizeof(day)), sum);
        }
        *sum += net_of(move);
        *ret_first = day < *ret_first ? day : *ret_first;
        *ret_last = day > *ret_last ? day : *ret_last;
    }
    return sums;
}

/* Those of one currency. */
static void add_payouts(const struct sb_gateway_kind *kind, const GArray *moves,
                        struct currency currency, int ordinal, int64_t until_us, GArray *out) {
    int64_t first = 0, last = 0, sum = 0;
    GHashTable *sums = sums_of(kind, moves, currency, &first, &last);
    int64_t carried = first;
    for (int64_t day = first; day <= last; day++) {
        const int64_t *moved = g_hash_table_lookup(sums, &day);
        int64_t at_us = begin_of(kind, day + kind->payout_days);
        if (at_us >= until_us) {
            break;
        }
        sum += moved != NULL ? *moved : 0;
        if (sum > 0) {
            const struct sb_payout payout = {
                .at_us = at_us,
                .first_day = carried,
                .last_day = day,
                .currency = currency,
                .amount_minor = sum,
                .number = (uint32_t)((day - FIRST_DAY) * CURRENCIES_MAX + ordinal),
            };
            g_array_append_val(out, payout);
            carried = day + 1;
            sum = 0;
        }
    }
    g_hash_table_unref(sums);
}

static int by_time(const void *a, const void *b) {
    const struct sb_payout *x = a, *y = b;
    return x->at_us != y->at_us     ? (x->at_us < y->at_us ? -1 : 1)
           : x->number != y->number ? (x->number < y->number ? -1 : 1)
                                    : 0;
}

GArray *sb_payouts(struct sandbox *sandbox, enum sb_gateway gateway, const GArray *moves,
                   int64_t until_us) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    GArray *out = g_array_new(false, false, sizeof(struct sb_payout));
    struct currency seen[CURRENCIES_MAX];
    int count = 0;
    (void)sandbox;
    for (guint i = 0; kind->payout_days > 0 && i < moves->len; i++) {
        struct currency currency = g_array_index(moves, struct sb_move, i).entry->currency;
        int at = 0;
        while (at < count && !currency_equal(seen[at], currency)) {
            at++;
        }
        if (at == count && count < CURRENCIES_MAX) {
            seen[count++] = currency;
            add_payouts(kind, moves, currency, at, until_us, out);
        }
    }
    g_array_sort(out, by_time);
    return out;
}
