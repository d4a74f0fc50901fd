/* SPDX-License-Identifier: Apache-2.0
 * paypal_totals.c: sums of a PayPal report's rows, and its footers. Layout: PayPal's public
 * "Settlement Report Specification" and "Transaction Detail Report Specification". */
#include "statement/read/paypal_totals.h"

#include <string.h>

/* Fields of a footer: its type, the currency, four totals, pairs of CR or DR and an amount, and a
 * count of records. */
enum { FIELD_CURRENCY = 1, FIELD_TOTALS = 2, TOTALS = 4, FIELD_PAIRS = FIELD_TOTALS + TOTALS };
enum { PAIRS_MAX = 6, PAIRS_CHECKED = 4 };

static const struct amount_style UNSIGNED_HUNDREDTHS = {.implied = 2};

struct paypal_sum *paypal_sums_of(struct paypal_sums *sums, struct currency currency) {
    for (int i = 0; i < sums->count; i++) {
        if (currency_equal(sums->of[i].currency, currency)) {
            return &sums->of[i];
        }
    }
    if (sums->count == STATEMENT_CURRENCIES_MAX) {
        return NULL;
    }
    struct paypal_sum *sum = &sums->of[sums->count++];
    *sum = (struct paypal_sum){
        .currency = currency, .opening_minor = AMOUNT_UNSAID, .closing_minor = AMOUNT_UNSAID};
    return sum;
}

static bool add_sides(const struct paypal_part *part, int64_t gross[PAYPAL_SIDES],
                      int64_t fee[PAYPAL_SIDES]) {
    return money_add(gross[part->side], part->gross_minor, &gross[part->side]) &&
           money_add(fee[part->fee_side], part->fee_minor, &fee[part->fee_side]);
}

bool paypal_sums_add(struct paypal_sums *sums, const struct paypal_part *part) {
    struct paypal_sum *sum = paypal_sums_of(sums, part->currency);
    if (sum == NULL || !add_sides(part, sum->gross, sum->fee)) {
        return false;
    }
    sum->rows++;
    int64_t signed_gross = part->side == PAYPAL_CR ? part->gross_minor : -part->gross_minor;
    int64_t signed_fee = part->fee_side == PAYPAL_CR ? part->fee_minor : -part->fee_minor;
    int64_t net = 0;
    return !part->moves ||
           (add_sides(part, sum->moved_gross, sum->moved_fee) &&
            money_add(signed_gross, signed_fee, &net) && money_add(sum->moved, net, &sum->moved) &&
            (!part->holds || money_add(sum->held, net, &sum->held)));
}

static bool is_blank(const struct csv_rows *rows, int at) {
    return csv_rows_blank(rows, at);
}

/* The signed amount of a pair; a pair whose amount is 0 may leave its direction blank. */
static bool read_pair(const struct csv_rows *rows, int at, struct currency currency,
                      int64_t *ret_minor) {
    bool debit = csv_rows_is(rows, at, "DR");
    if (!csv_rows_amount(rows, at + 1, &UNSIGNED_HUNDREDTHS, currency, ret_minor)) {
        return false;
    }
    if (*ret_minor < 0 ||
        (!debit && !csv_rows_is(rows, at, "CR") && (*ret_minor != 0 || !is_blank(rows, at)))) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at, "neither CR nor DR, or a signed amount");
        return false;
    }
    *ret_minor = debit ? -*ret_minor : *ret_minor;
    return true;
}

static bool totals_are(const int64_t totals[TOTALS], const struct paypal_sum *sum,
                       enum paypal_side first) {
    enum paypal_side second = first == PAYPAL_CR ? PAYPAL_DR : PAYPAL_CR;
    const int64_t all[TOTALS] = {sum->gross[first], sum->gross[second], sum->fee[first],
                                 sum->fee[second]};
    const int64_t moved[TOTALS] = {sum->moved_gross[first], sum->moved_gross[second],
                                   sum->moved_fee[first], sum->moved_fee[second]};
    return memcmp(totals, all, sizeof all) == 0 || memcmp(totals, moved, sizeof moved) == 0;
}

static bool check_totals(const struct csv_rows *rows, const struct paypal_sum *sum,
                         enum paypal_order *order) {
    int64_t totals[TOTALS];
    for (int i = 0; i < TOTALS; i++) {
        if (!csv_rows_amount(rows, FIELD_TOTALS + i, &UNSIGNED_HUNDREDTHS, sum->currency,
                             &totals[i])) {
            return false;
        }
    }
    bool credits_first = totals_are(totals, sum, PAYPAL_CR);
    bool debits_first = totals_are(totals, sum, PAYPAL_DR);
    if (credits_first != debits_first && *order == PAYPAL_UNSURE) {
        *order = credits_first ? PAYPAL_CREDITS_FIRST : PAYPAL_DEBITS_FIRST;
    }
    bool right = *order == PAYPAL_DEBITS_FIRST ? debits_first : credits_first;
    if (!right) {
        char gross_in[MONEY_TEXT_MAX], gross_out[MONEY_TEXT_MAX], fee_out[MONEY_TEXT_MAX],
            fee_in[MONEY_TEXT_MAX];
        statement_tell(rows->sink, PROBLEM_TOTAL, rows->line,
                       "the footer's totals of %s are not those of its rows: credits %s, debits "
                       "%s, fees back %s, fees %s",
                       sum->currency.code,
                       money_decimal(sum->gross[PAYPAL_CR], sum->currency, gross_in),
                       money_decimal(sum->gross[PAYPAL_DR], sum->currency, gross_out),
                       money_decimal(sum->fee[PAYPAL_CR], sum->currency, fee_in),
                       money_decimal(sum->fee[PAYPAL_DR], sum->currency, fee_out));
    }
    return right;
}

static void check_balances(const struct csv_rows *rows, struct paypal_sum *sum,
                           const int64_t *balances, int count) {
    bool by_all = false;
    for (int i = 0; i + 1 < count && i < PAIRS_CHECKED; i += 2) {
        int64_t change = 0;
        bool fits = money_sub(balances[i + 1], balances[i], &change);
        if (!fits || (change != sum->moved && change != sum->moved - sum->held)) {
            char opening[MONEY_TEXT_MAX], closing[MONEY_TEXT_MAX], moved[MONEY_TEXT_MAX];
            statement_tell(rows->sink, PROBLEM_BALANCE, rows->line,
                           "%s %s and rows of %s do not give %s",
                           money_decimal(balances[i], sum->currency, opening), sum->currency.code,
                           money_decimal(sum->moved, sum->currency, moved),
                           money_decimal(balances[i + 1], sum->currency, closing));
        }
        /* The first pair that all rows explain is what opening and closing mean. */
        if (i == 0 || (!by_all && change == sum->moved)) {
            sum->opening_minor = balances[i];
            sum->closing_minor = balances[i + 1];
        }
        by_all = by_all || change == sum->moved;
    }
}

/* How many fields there are before blank ones at the end. */
static int fields_of(const struct csv_rows *rows) {
    int count = rows->count;
    while (count > 0 && is_blank(rows, count - 1)) {
        count--;
    }
    return count;
}

void paypal_footer_check(const struct csv_rows *rows, struct paypal_sums *sums, bool balances,
                         enum paypal_order *order) {
    struct currency currency;
    int count = fields_of(rows), pairs = (count - FIELD_PAIRS) / 2;
    if (count < FIELD_PAIRS || pairs > PAIRS_MAX || pairs % 2 != 0 || (balances && pairs == 0)) {
        statement_tell(rows->sink, PROBLEM_BAD_ROW, rows->line, "a footer of %d fields", count);
        return;
    }
    if (!csv_rows_currency(rows, FIELD_CURRENCY, &currency)) {
        return;
    }
    struct paypal_sum *sum = paypal_sums_of(sums, currency);
    if (sum == NULL || sum->footed) {
        statement_tell(rows->sink, sum == NULL ? PROBLEM_LIMIT : PROBLEM_REPEATED, rows->line,
                       sum == NULL ? "more currencies than are ever taken: %s"
                                   : "a second footer of %s",
                       currency.code);
        return;
    }
    sum->footed = true;
    (void)check_totals(rows, sum, order);
    int64_t values[PAIRS_MAX] = {0};
    for (int i = 0; i < pairs; i++) {
        if (!read_pair(rows, FIELD_PAIRS + 2 * i, currency, &values[i])) {
            return;
        }
    }
    check_balances(rows, sum, values, pairs);
    int64_t told = 0;
    bool has_count = count == FIELD_PAIRS + 2 * pairs + 1;
    if (has_count && csv_rows_count(rows, count - 1, &told) && told != sum->rows &&
        told != sums->rows) {
        statement_tell(rows->sink, PROBLEM_COUNT, rows->line,
                       "the footer counts %lld rows of %s, there are %lld", (long long)told,
                       currency.code, (long long)sum->rows);
    }
}

void paypal_footers_missing(const struct csv_rows *rows, const struct paypal_sums *sums) {
    for (int i = 0; i < sums->count; i++) {
        if (!sums->of[i].footed) {
            statement_tell(rows->sink, PROBLEM_TOTAL, rows->line,
                           "there are rows of %s and no footer of it", sums->of[i].currency.code);
        }
    }
}
