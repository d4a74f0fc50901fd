/* SPDX-License-Identifier: Apache-2.0
 * test_ledger.c: postings of every kind: between the accounts of their table, once for a cause,
 * always in balance; and the gateways' books that follow from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "support/payment_world.h"

#define W the_world

static const struct currency usd = {"USD"};

struct many {
    const struct posting *postings;
    int count;
};

static int post_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct many *many = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < many->count; i++) {
        r = ledger_post(tx, &many->postings[i], err);
    }
    return r;
}

static int post_all(const struct posting *postings, int count) {
    struct many many = {postings, count};
    W->err = (struct err){0};
    return store_write(W->engine.store, post_fn, &many, &W->err);
}

static struct posting posting(enum posting_kind kind, const char *cause, int64_t amount_minor) {
    return (struct posting){
        .kind = kind,
        .cause = cause,
        .payment_id = "pay_1",
        .gateway = "stripe-a",
        .customer = "cus_1",
        .amount_minor = amount_minor,
        .currency = usd,
        .at_us = 1000,
    };
}

static const struct {
    enum posting_kind kind;
    const char *name;
    enum ledger_account_kind debit, credit;
    /* +1 the gateway took it, -1 it gave it back, +2 what it gave came back, -2 what it took is
     * counted anew, 0 neither */
    int book;
} kinds[] = {
    {POST_CHARGE, "charge", ACCOUNT_RECEIVABLE, ACCOUNT_SALES, 1},
    {POST_CAPTURE, "capture", ACCOUNT_RECEIVABLE, ACCOUNT_SALES, 1},
    {POST_REFUND, "refund", ACCOUNT_REFUNDS, ACCOUNT_RECEIVABLE, -1},
    {POST_REFUND_RETURNED, "refund_returned", ACCOUNT_RECEIVABLE, ACCOUNT_REFUNDS, 2},
    {POST_FEE, "fee", ACCOUNT_FEES, ACCOUNT_RECEIVABLE, 0},
    {POST_CHARGEBACK, "chargeback", ACCOUNT_CHARGEBACKS, ACCOUNT_RECEIVABLE, -1},
    {POST_CHARGEBACK_WON, "chargeback_won", ACCOUNT_RECEIVABLE, ACCOUNT_CHARGEBACKS, 2},
    {POST_STORE_CREDIT, "store_credit", ACCOUNT_REFUNDS, ACCOUNT_STORE_CREDIT, 0},
    {POST_STORE_CREDIT_SPENT, "store_credit_spent", ACCOUNT_STORE_CREDIT, ACCOUNT_SALES, 0},
    {POST_SUSPENSE, "suspense", ACCOUNT_RECEIVABLE, ACCOUNT_SUSPENSE, 1},
    {POST_SUSPENSE_RETURNED, "suspense_returned", ACCOUNT_SUSPENSE, ACCOUNT_RECEIVABLE, -1},
    {POST_SUSPENSE_ACCEPTED, "suspense_accepted", ACCOUNT_SUSPENSE, ACCOUNT_SALES, 0},
    {POST_WRITE_OFF, "write_off", ACCOUNT_WRITE_OFF, ACCOUNT_RECEIVABLE, 0},
    {POST_WRITE_OFF_GAIN, "write_off_gain", ACCOUNT_RECEIVABLE, ACCOUNT_WRITE_OFF, 0},
    {POST_REFUND_ACCEPTED, "refund_accepted", ACCOUNT_REFUNDS, ACCOUNT_SUSPENSE, 0},
    {POST_CHARGEBACK_EXPLAINED, "chargeback_explained", ACCOUNT_CHARGEBACKS, ACCOUNT_SUSPENSE, 0},
    {POST_DISPUTE_FEE, "dispute_fee", ACCOUNT_FEES, ACCOUNT_RECEIVABLE, 0},
    {POST_DISPUTE_FEE_BACK, "dispute_fee_back", ACCOUNT_RECEIVABLE, ACCOUNT_FEES, 0},
    {POST_CREDIT_GRANTED, "credit_granted", ACCOUNT_GOODWILL, ACCOUNT_STORE_CREDIT, 0},
    {POST_CREDIT_TAKEN, "credit_taken", ACCOUNT_STORE_CREDIT, ACCOUNT_GOODWILL, 0},
    {POST_DEPOSIT, "deposit", ACCOUNT_RECEIVABLE, ACCOUNT_DEPOSITS, 1},
    {POST_DEPOSIT_USED, "deposit_used", ACCOUNT_DEPOSITS, ACCOUNT_RECEIVABLE, -2},
    {POST_SUSPENSE_MATCHED, "suspense_matched", ACCOUNT_SUSPENSE, ACCOUNT_DEPOSITS, 0},
    {POST_SUSPENSE_CREDITED, "suspense_credited", ACCOUNT_SUSPENSE, ACCOUNT_STORE_CREDIT, 0},
    {POST_MANUAL, "manual", ACCOUNT_MANUAL_CLEARING, ACCOUNT_SALES, 0},
    {POST_OWN_FEE, "gateway_fee", ACCOUNT_FEES, ACCOUNT_RECEIVABLE, 0},
    {POST_OWN_FEE_BACK, "gateway_fee_back", ACCOUNT_RECEIVABLE, ACCOUNT_FEES, 0},
    {POST_OWN_TAX, "gateway_tax", ACCOUNT_TAXES, ACCOUNT_RECEIVABLE, 0},
    {POST_OWN_TAX_BACK, "gateway_tax_back", ACCOUNT_RECEIVABLE, ACCOUNT_TAXES, 0},
    {POST_RESERVE_HELD, "reserve_held", ACCOUNT_RESERVE, ACCOUNT_RECEIVABLE, 0},
    {POST_RESERVE_FREED, "reserve_freed", ACCOUNT_RECEIVABLE, ACCOUNT_RESERVE, 0},
    {POST_ADJUSTED_DOWN, "adjustment_down", ACCOUNT_ADJUSTMENTS, ACCOUNT_RECEIVABLE, 0},
    {POST_ADJUSTED_UP, "adjustment_up", ACCOUNT_RECEIVABLE, ACCOUNT_ADJUSTMENTS, 0},
    {POST_CONVERTED_OUT, "conversion_out", ACCOUNT_CONVERSION, ACCOUNT_RECEIVABLE, 0},
    {POST_CONVERTED_IN, "conversion_in", ACCOUNT_RECEIVABLE, ACCOUNT_CONVERSION, 0},
    {POST_TRANSFERRED_OUT, "transfer_out", ACCOUNT_TRANSFERS, ACCOUNT_RECEIVABLE, 0},
    {POST_TRANSFERRED_IN, "transfer_in", ACCOUNT_RECEIVABLE, ACCOUNT_TRANSFERS, 0},
    {POST_PAYOUT, "payout", ACCOUNT_PAYOUTS, ACCOUNT_RECEIVABLE, 0},
    {POST_PAYOUT_BACK, "payout_back", ACCOUNT_RECEIVABLE, ACCOUNT_PAYOUTS, 0},
    {POST_PAYOUT_DUE, "payout_due", ACCOUNT_RECEIVABLE, ACCOUNT_PAYOUTS, 0},
    {POST_PAYOUT_DUE_BACK, "payout_due_back", ACCOUNT_PAYOUTS, ACCOUNT_RECEIVABLE, 0},
    {POST_STATEMENT_FEE, "statement_fee", ACCOUNT_FEES, ACCOUNT_RECEIVABLE, 0},
    {POST_STATEMENT_FEE_BACK, "statement_fee_back", ACCOUNT_RECEIVABLE, ACCOUNT_FEES, 0},
    {POST_FEE_WRITE_OFF, "fee_write_off", ACCOUNT_WRITE_OFF, ACCOUNT_FEES, 0},
    {POST_FEE_WRITE_OFF_GAIN, "fee_write_off_gain", ACCOUNT_FEES, ACCOUNT_WRITE_OFF, 0},
    {POST_BANK_CHARGE, "bank_charge", ACCOUNT_FEES, ACCOUNT_RECEIVABLE, 0},
    {POST_BANK_CHARGE_BACK, "bank_charge_back", ACCOUNT_RECEIVABLE, ACCOUNT_FEES, 0},
    {POST_TAKEN_BACK, "taken_back", ACCOUNT_SALES, ACCOUNT_RECEIVABLE, -2},
    {POST_FEE_TAKEN_BACK, "fee_taken_back", ACCOUNT_RECEIVABLE, ACCOUNT_FEES, 0},
};

#define X(name, number, text, debit, credit, when) +1
static_assert(COUNT_OF(kinds) == 0
#include "ledger/postings.def"
              ,
              "every kind of posting has a row here");
#undef X

struct asked {
    char account[ACCOUNT_CHARS_MAX];
    struct currency currency;
    int64_t minor;
};

static int balance_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    return ledger_balance(tx, asked->account, asked->currency, &asked->minor, err);
}

static int64_t balance_of(enum ledger_account_kind kind, const char *owner) {
    struct asked asked = {.currency = usd};
    ledger_account(kind, owner, asked.account);
    assert_int_equal(store_read(W->engine.store, balance_fn, &asked, &W->err), 0);
    return asked.minor;
}

static const char *owner_of(enum ledger_account_kind kind) {
    return kind == ACCOUNT_STORE_CREDIT ? "cus_1" : "stripe-a";
}

static void each_kind_moves_money_between_its_two_accounts(void **state) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        payment_world_forget(W);
        struct posting one = posting(kinds[i].kind, "att_1", 250);
        assert_int_equal(post_all(&one, 1), 0);
        assert_int_equal(balance_of(kinds[i].debit, owner_of(kinds[i].debit)), 250);
        assert_int_equal(balance_of(kinds[i].credit, owner_of(kinds[i].credit)), -250);
        assert_string_equal(posting_kind_name(kinds[i].kind), kinds[i].name);
        char expected[64];
        snprintf(expected, sizeof expected, "pst_%s_att_1", kinds[i].name);
        assert_text(W, "SELECT id FROM posting", expected);
    }
    assert_string_equal(posting_kind_name(0), "?");
    assert_string_equal(posting_kind_name(1000), "?");
}

static void the_same_cause_is_posted_once_for_each_kind(void **state) {
    const struct posting twice[] = {
        posting(POST_CHARGE, "att_1", 100), posting(POST_CHARGE, "att_1", 100),
        posting(POST_FEE, "att_1", 3), posting(POST_CHARGE, "att_2", 50)};
    assert_int_equal(post_all(twice, 4), 0);
    assert_int_equal(post_all(twice, 4), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 3);
    assert_int_equal(balance_of(ACCOUNT_RECEIVABLE, "stripe-a"), 147);
}

static void nothing_is_posted_for_nothing_and_negative_amounts_are_refused(void **state) {
    struct posting none = posting(POST_CHARGE, "att_1", 0),
                   negative = posting(POST_CHARGE, "att_1", -1);
    assert_int_equal(post_all(&none, 1), 0);
    assert_int_equal(post_all(&negative, 1), -ERR_AMOUNT);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
}

struct sums {
    int64_t debits, credits;
    int rows;
    char last[ACCOUNT_CHARS_MAX];
    int stop_at;
};

static int sum_row(void *ctx, const char *account, const char *currency, int64_t debits_minor,
                   int64_t credits_minor, struct err *err) {
    (void)currency;
    (void)err;
    struct sums *sums = ctx;
    INVARIANT(strcmp(account, sums->last) >= 0, "accounts come in order");
    snprintf(sums->last, sizeof sums->last, "%s", account);
    sums->debits += debits_minor;
    sums->credits += credits_minor;
    return ++sums->rows == sums->stop_at ? 17 : 0;
}

static int sums_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct sums *sums = ctx;
    int r = ledger_balances(tx, sum_row, sums, err);
    return r == 17 ? 0 : r;
}

static void post_one_of_each(void) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct posting one = posting(kinds[i].kind, "att_1", 100 + (int64_t)i);
        assert_int_equal(post_all(&one, 1), 0);
    }
    struct posting probe = posting(POST_CHARGE, "att_probe", 100);
    probe.probe = true;
    assert_int_equal(post_all(&probe, 1), 0);
}

static void debits_and_credits_are_always_equal(void **state) {
    post_one_of_each();
    struct sums sums = {0};
    assert_int_equal(store_read(W->engine.store, sums_fn, &sums, &W->err), 0);
    assert_true(sums.debits > 0);
    assert_int_equal(sums.debits, sums.credits);
    assert_int_equal(sums.rows, ACCOUNT_COUNT);
}

static void a_list_of_balances_can_be_stopped(void **state) {
    post_one_of_each();
    struct sums sums = {.stop_at = 2};
    assert_int_equal(store_read(W->engine.store, sums_fn, &sums, &W->err), 0);
    assert_int_equal(sums.rows, 2);
}

struct books {
    struct ledger_book rows[8];
    int count;
};

static int book_row(void *ctx, const struct ledger_book *book, struct err *err) {
    (void)err;
    struct books *books = ctx;
    INVARIANT(books->count < 8, "few books");
    books->rows[books->count++] = *book;
    return 0;
}

static int books_fn(struct store_tx *tx, void *ctx, struct err *err) {
    ((struct books *)ctx)->count = 0;
    return ledger_books(tx, book_row, ctx, err);
}

static struct books books(void) {
    struct books all = {0};
    assert_int_equal(store_read(W->engine.store, books_fn, &all, &W->err), 0);
    return all;
}

static void a_gateways_book_counts_what_it_took_and_gave_back(void **state) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        payment_world_forget(W);
        const struct posting two[] = {posting(kinds[i].kind, "att_1", 250),
                                      posting(kinds[i].kind, "att_2", 50)};
        assert_int_equal(post_all(two, 2), 0);
        struct books all = books();
        int64_t taken = kinds[i].book == 1 ? 300 : kinds[i].book == -2 ? -300 : 0;
        int64_t returned = kinds[i].book == -1 ? 300 : kinds[i].book == 2 ? -300 : 0;
        bool fee = kinds[i].kind == POST_FEE || kinds[i].kind == POST_DISPUTE_FEE ||
                   kinds[i].kind == POST_STATEMENT_FEE;
        bool back = kinds[i].kind == POST_DISPUTE_FEE_BACK ||
                    kinds[i].kind == POST_STATEMENT_FEE_BACK ||
                    kinds[i].kind == POST_FEE_TAKEN_BACK;
        int64_t fees = fee ? 300 : back ? -300 : 0;
        if (all.count == 0) {
            assert_int_equal(taken + returned + fees, 0);
            continue;
        }
        assert_int_equal(all.count, 1);
        assert_string_equal(all.rows[0].gateway, "stripe-a");
        assert_int_equal(all.rows[0].taken_minor, taken);
        assert_int_equal(all.rows[0].taken_count, taken > 0 ? 2 : taken < 0 ? -2 : 0);
        assert_int_equal(all.rows[0].returned_minor, returned);
        assert_int_equal(all.rows[0].fees_minor, fees);
    }
}

static void books_are_kept_apart_by_gateway_and_currency(void **state) {
    struct posting four[] = {posting(POST_CHARGE, "att_1", 1), posting(POST_CHARGE, "att_2", 10),
                             posting(POST_CHARGE, "att_3", 100),
                             posting(POST_REFUND, "re_1", 1000)};
    four[1].gateway = "stripe-b";
    four[2].currency = (struct currency){"EUR"};
    four[3].gateway = "stripe-b";
    assert_int_equal(post_all(four, 4), 0);
    struct books all = books();
    assert_int_equal(all.count, 3);
    assert_string_equal(all.rows[0].currency.code, "EUR");
    assert_int_equal(all.rows[0].taken_minor, 100);
    assert_int_equal(all.rows[1].taken_minor, 1);
    assert_string_equal(all.rows[2].gateway, "stripe-b");
    assert_int_equal(all.rows[2].taken_minor, 10);
    assert_int_equal(all.rows[2].returned_minor, 1000);
    assert_int_equal(all.rows[2].returned_count, 1);
    assert_int_equal(balance_of(ACCOUNT_SALES, ""), -11);
}

static void sums_of_the_largest_amounts_are_exact(void **state) {
    char cause[32];
    for (int i = 0; i < 20; i++) {
        snprintf(cause, sizeof cause, "att_%d", i);
        struct posting one = posting(POST_CHARGE, cause, AMOUNT_MINOR_MAX);
        assert_int_equal(post_all(&one, 1), 0);
    }
    assert_int_equal(balance_of(ACCOUNT_RECEIVABLE, "stripe-a"), 20 * AMOUNT_MINOR_MAX);
    struct books all = books();
    assert_int_equal(all.rows[0].taken_minor, 20 * AMOUNT_MINOR_MAX);
}

/* 120 characters of four bytes: accounts of two customers must not become one. */
static void the_longest_customers_have_accounts_of_their_own(void **state) {
    char names[2][500];
    char accounts[2][ACCOUNT_CHARS_MAX];
    for (int n = 0; n < 2; n++) {
        names[n][0] = '\0';
        for (int i = 0; i < CUSTOMER_ID_CHARS_MAX; i++) {
            size_t used = strlen(names[n]);
            snprintf(names[n] + used, sizeof names[n] - used, "%s",
                     i < CUSTOMER_ID_CHARS_MAX - 1 ? "𠀀"
                     : n == 0                      ? "𠀁"
                                                   : "𠀂");
        }
        ledger_account(ACCOUNT_STORE_CREDIT, names[n], accounts[n]);
        struct posting one = posting(POST_STORE_CREDIT, names[n] + 476, 10);
        one.customer = names[n];
        assert_int_equal(post_all(&one, 1), 0);
    }
    assert_string_not_equal(accounts[0], accounts[1]);
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT credit_account) FROM posting"), 2);
}

struct json_ctx {
    struct buf buf;
};

static int json_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct json_ctx *json = ctx;
    buf_clear(&json->buf);
    return ledger_payment_json(tx, "pay_1", &json->buf, err);
}

static void the_postings_of_a_payment_are_told_in_order(void **state) {
    struct posting three[] = {posting(POST_FEE, "att_1", 3), posting(POST_CHARGE, "att_1", 100),
                              posting(POST_REFUND, "re_1", 40)};
    three[0].at_us = 2000;
    three[2].at_us = 3000;
    assert_int_equal(post_all(three, 3), 0);
    struct posting other = posting(POST_CHARGE, "att_9", 9);
    other.payment_id = "pay_2";
    assert_int_equal(post_all(&other, 1), 0);
    struct json_ctx ctx;
    buf_init(&ctx.buf, 65536);
    assert_int_equal(store_read(W->engine.store, json_fn, &ctx, &W->err), 0);
    json_t *json = json_loads(ctx.buf.data, 0, NULL);
    buf_release(&ctx.buf);
    assert_non_null(json);
    assert_int_equal(json_array_size(json), 3);
    assert_string_equal(json_at(json, "0.kind"), "charge");
    assert_string_equal(json_at(json, "0.debit"), "gateway:stripe-a:receivable");
    assert_string_equal(json_at(json, "0.credit"), "merchant:sales");
    assert_int_equal(int_at(json, "0.amount"), 100);
    assert_string_equal(json_at(json, "0.currency"), "USD");
    assert_string_equal(json_at(json, "0.cause"), "att_1");
    assert_string_equal(json_at(json, "1.kind"), "fee");
    assert_string_equal(json_at(json, "2.kind"), "refund");
    json_decref(json);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_moves_money_between_its_two_accounts),
        cmocka_unit_test(the_same_cause_is_posted_once_for_each_kind),
        cmocka_unit_test(nothing_is_posted_for_nothing_and_negative_amounts_are_refused),
        cmocka_unit_test(debits_and_credits_are_always_equal),
        cmocka_unit_test(a_list_of_balances_can_be_stopped),
        cmocka_unit_test(a_gateways_book_counts_what_it_took_and_gave_back),
        cmocka_unit_test(books_are_kept_apart_by_gateway_and_currency),
        cmocka_unit_test(sums_of_the_largest_amounts_are_exact),
        cmocka_unit_test(the_longest_customers_have_accounts_of_their_own),
        cmocka_unit_test(the_postings_of_a_payment_are_told_in_order),
    };
    return payment_world_run("the ledger", tests, COUNT_OF(tests));
}
