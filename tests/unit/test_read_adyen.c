/* SPDX-License-Identifier: Apache-2.0
 * test_read_adyen.c: Adyen's settlement details report. The files are made here, from the public
 * documentation of its columns and types. */
#include "base/clock.h"
#include "support/statement_damage.h"

extern const struct statement_reader reader_adyen;

#define NAME "settlement_detail_report_batch_118.csv"
#define HEADER                                                                                     \
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,"            \
    "Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),"          \
    "Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC)," \
    "Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,"                        \
    "Modification Merchant Reference,Batch Number,Reserved4\n"
#define SETTLED                                                                                    \
    "Co,Shop,PSP1,ORD-1,visa,2025-09-01 10:22:31,CEST,Settled,MOD1,EUR,,45.99,1,EUR,,45.10,,"      \
    "0.30,0.29,0.30,visacredit,,118,\n"
#define REFUNDED                                                                                   \
    "Co,Shop,PSP0,ORD-0,mc,2025-09-01 11:00:00,CEST,Refunded,MOD2,EUR,10.00,,1,EUR,10.10,,0.10,,," \
    ",mccredit,RFD-0,118,\n"
#define FOREIGN                                                                                    \
    "Co,Shop,PSP3,ORD-3,visa,2025-09-01 12:00:00,UTC,Settled,MOD3,GBP,,20.00,1.15,EUR,,22.50,,"    \
    "0.20,0.15,0.15,visacredit,,118,\n"
#define FEE "Co,Shop,,,,2025-09-01 23:59:00,CEST,Fee,Transaction fees,,,,,EUR,2.00,,,,,,,,118,\n"
#define PAYOUT                                                                                     \
    "Co,Shop,,,,2025-09-02 00:00:00,CEST,MerchantPayout,\"TX1XT batch 118, "                       \
    "Shop\",,,,,EUR,55.50,,,"                                                                      \
    ",,,,,118,\n"
#define COLUMNS 24
#define GOOD HEADER SETTLED REFUNDED FOREIGN FEE PAYOUT

static struct told read_text(const char *text) {
    return damage_read(TARGET(&reader_adyen, NAME), text, strlen(text));
}

static void a_good_report_gives_exactly_its_rows(void **state) {
    struct told told = read_text(GOOD);
    told_print(&told);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 5);
    assert_int_equal(told.head.sequence, 118);
    assert_string_equal(told.head.file_id, "118");
    assert_string_equal(told.head.account, "Shop");
    const struct statement_row *row = told_at(&told, 0);
    assert_int_equal(row->kind, ROW_CHARGE);
    assert_int_equal(row->status, ROW_DONE);
    assert_string_equal(row->currency.code, "EUR");
    assert_int_equal(row->gross_minor, 4599);
    assert_int_equal(row->fee_minor, 89);
    assert_int_equal(row->net_minor, 4510);
    assert_int_equal(row->at_us, INT64_C(1756714951) * US_PER_SECOND);
    assert_string_equal(row->gateway_id, "PSP1");
    assert_string_equal(row->reference, "ORD-1");
    assert_string_equal(row->batch, "118");
    assert_string_equal(row->method, "visa");
    assert_string_equal(row->native_kind, "Settled");
    told_free(&told);
    (void)state;
}

static void a_modification_goes_by_its_own_reference(void **state) {
    struct told told = read_text(GOOD);
    const struct statement_row *row = told_at(&told, 1);
    assert_int_equal(row->kind, ROW_REFUND);
    assert_string_equal(row->gateway_id, "MOD2");
    assert_string_equal(row->original_id, "PSP0");
    assert_string_equal(row->original_reference, "ORD-0");
    assert_string_equal(row->reference, "RFD-0");
    assert_int_equal(row->gross_minor, -1000);
    assert_int_equal(row->fee_minor, 10);
    assert_int_equal(row->net_minor, -1010);
    told_free(&told);
    (void)state;
}

static void of_two_currencies_only_the_gross_amount_is_told(void **state) {
    struct told told = read_text(GOOD);
    const struct statement_row *row = told_at(&told, 2);
    assert_string_equal(row->currency.code, "GBP");
    assert_int_equal(row->gross_minor, 2000);
    assert_true(row->fee_minor == AMOUNT_UNSAID && row->net_minor == AMOUNT_UNSAID);
    told_free(&told);
    (void)state;
}

static void costs_and_payouts_are_what_the_account_moves_by(void **state) {
    struct told told = read_text(GOOD);
    const struct statement_row *fee = told_at(&told, 3), *payout = told_at(&told, 4);
    assert_int_equal(fee->kind, ROW_FEE);
    assert_int_equal(fee->gross_minor, -200);
    assert_int_equal(fee->net_minor, -200);
    assert_string_equal(fee->description, "Transaction fees");
    assert_int_equal(payout->kind, ROW_PAYOUT);
    assert_int_equal(payout->gross_minor, -5550);
    assert_string_equal(payout->gateway_id, "TX1XT");
    assert_string_equal(payout->batch, "118");
    assert_string_equal(payout->description, "TX1XT batch 118, Shop");
    told_free(&told);
    (void)state;
}

static void every_type_has_a_kind(void **state) {
    static const struct {
        const char *name;
        bool gross, credit;
        enum row_kind kind;
    } types[] = {
        {"Settled", true, true, ROW_CHARGE},
        {"SettledExternally", true, true, ROW_CHARGE},
        {"Refunded", true, false, ROW_REFUND},
        {"RefundedExternally", true, false, ROW_REFUND},
        {"RefundedReversed", true, true, ROW_REFUND_RETURNED},
        {"Chargeback", true, false, ROW_CHARGEBACK},
        {"SecondChargeback", true, false, ROW_CHARGEBACK},
        {"ChargebackReversed", true, true, ROW_CHARGEBACK_RETURNED},
        {"Fee", false, false, ROW_FEE},
        {"MiscCosts", false, false, ROW_FEE},
        {"PaymentCost", false, false, ROW_FEE},
        {"SettleCost", false, false, ROW_FEE},
        {"InvoiceDeduction", false, false, ROW_FEE},
        {"DepositCorrection", false, true, ROW_RESERVE},
        {"ReserveAdjustment", false, false, ROW_RESERVE},
        {"Balancetransfer", false, true, ROW_TRANSFER},
        {"MerchantPayout", false, false, ROW_PAYOUT},
        {"MerchantPayin", false, true, ROW_TOPUP},
    };
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const char *debit = types[i].credit ? "" : "7.00", *credit = types[i].credit ? "7.00" : "";
        char *text = g_strdup_printf(
            HEADER "Co,Shop,P,R,m,2025-09-01 10:00:00,UTC,%s,M,%s,%s,%s,,EUR,%s,%s,,,,,,,118,\n",
            types[i].name, types[i].gross ? "EUR" : "", types[i].gross ? debit : "",
            types[i].gross ? credit : "", debit, credit);
        struct told told = read_text(text);
        bool ends = types[i].kind == ROW_PAYOUT || types[i].kind == ROW_TOPUP;
        assert_int_equal(told.problems->len, ends ? 1 : 0); /* its rows are not there */
        assert_int_equal(told_at(&told, 0)->kind, types[i].kind);
        assert_int_equal(told_at(&told, 0)->gross_minor, types[i].credit ? 700 : -700);
        told_free(&told);
        g_free(text);
    }
    (void)state;
}

static void damage_is_told_with_its_line(void **state) {
    static const struct damage damages[] = {
        {"a byte order mark", AT_BEGIN, 0, NULL, "\xEF\xBB\xBF", TOLERATED, 0},
        {"an empty line", REPLACE, 0, "Co,Shop,PSP0", "\nCo,Shop,PSP0", TOLERATED, 0},
        {"blanks in a name", REPLACE, 0, "Gross Debit (GC)", " Gross  Debit (GC)", TOLERATED, 0},
        {"another column's name", REPLACE, 0, "Exchange Rate", "Rate", TOLERATED, 0},
        {"a zero for an empty side", REPLACE, 0, "EUR,,45.99", "EUR,0.00,45.99", TOLERATED, 0},
        {"an empty file", REPLACE, 0, GOOD, "", PROBLEM_MISSING_COLUMN, 0},
        {"no batch number", REPLACE, 0, "Batch Number", "Batch", PROBLEM_MISSING_COLUMN, 1},
        {"a column twice", REPLACE, 0, "Company Account", "Type", PROBLEM_MISSING_COLUMN, 1},
        {"no modification reference", REPLACE, 0, "Modification Reference", "Mod",
         PROBLEM_MISSING_COLUMN, 1},
        {"a changed gross", REPLACE, 0, "45.99", "46.99", PROBLEM_TOTAL, 2},
        {"a changed net", REPLACE, 0, "45.10", "45.11", PROBLEM_TOTAL, 2},
        {"a changed cost", REPLACE, 0, "0.29", "0.28", PROBLEM_TOTAL, 2},
        {"a changed net in another currency", REPLACE, 0, "22.50", "22.51", PROBLEM_TOTAL, 6},
        {"a missing row", REPLACE, 0, FOREIGN, "", PROBLEM_TOTAL, 5},
        {"a payout of another amount", REPLACE, 0, "55.50", "55.51", PROBLEM_TOTAL, 6},
        {"a repeated row", REPLACE, 0, REFUNDED, REFUNDED REFUNDED, PROBLEM_REPEATED, 4},
        {"another batch", REPLACE, 0, "visacredit,,118", "visacredit,,119", PROBLEM_BAD_VALUE, 2},
        {"a batch that is no number", REPLACE, 0, "visacredit,,118", "visacredit,,",
         PROBLEM_BAD_VALUE, 2},
        {"both sides", REPLACE, 0, "EUR,,45.99", "EUR,1.00,45.99", PROBLEM_BAD_VALUE, 2},
        {"neither side", REPLACE, 0, "EUR,,45.99", "EUR,,", PROBLEM_BAD_VALUE, 2},
        {"no net amount", REPLACE, 0, "EUR,,45.10", "EUR,,", PROBLEM_BAD_VALUE, 2},
        {"a sign in a column", REPLACE, 0, "EUR,,45.99", "EUR,,-45.99", PROBLEM_SIGN, 2},
        {"a sign in the other column", REPLACE, 0, "EUR,,45.99", "EUR,-45.99,", PROBLEM_SIGN, 2},
        {"a payment that goes", REPLACE, 0, "EUR,,45.99,1,EUR,,45.10", "EUR,45.99,,1,EUR,45.10,",
         PROBLEM_SIGN, 2},
        {"a refund that comes", REPLACE, 0, "EUR,10.00,,1,EUR,10.10,,0.10",
         "EUR,,10.00,1,EUR,,9.90,0.10", PROBLEM_SIGN, 3},
        {"an unknown type", REPLACE, 0, ",Refunded,", ",RefundedTwice,", PROBLEM_UNKNOWN_KIND, 3},
        {"a type in another case", REPLACE, 0, ",Settled,", ",settled,", PROBLEM_UNKNOWN_KIND, 2},
        {"an unknown zone", REPLACE, 0, ",CEST,", ",CST,", PROBLEM_BAD_VALUE, 2},
        {"no zone", REPLACE, 0, ",CEST,", ",,", PROBLEM_BAD_VALUE, 2},
        {"a day that is none", REPLACE, 0, "2025-09-01 10", "2025-02-30 10", PROBLEM_BAD_VALUE, 2},
        {"an unknown currency", REPLACE, 0, "EUR,,45.99", "EUX,,45.99", PROBLEM_CURRENCY, 2},
        {"no gross currency on a payment", REPLACE, 0, "EUR,,45.99", ",,45.99", PROBLEM_CURRENCY,
         2},
        {"no net currency", REPLACE, 0, "1,EUR,,45.10", "1,,,45.10", PROBLEM_CURRENCY, 2},
        {"a fraction too fine", REPLACE, 0, "45.99", "45.991", PROBLEM_BAD_VALUE, 2},
        {"a decimal comma", REPLACE, 0, "45.99", "\"45,99\"", PROBLEM_BAD_VALUE, 2},
        {"a torn line", REPLACE, 0, ",mccredit,RFD-0,118,\n", "\n", PROBLEM_BAD_ROW, 3},
        {"a comma that nobody quoted", REPLACE, 0, "\"TX1XT batch 118, Shop\"",
         "TX1XT batch 118, Shop", PROBLEM_BAD_VALUE, 6},
        {"two commas that nobody quoted", REPLACE, 0, "\"TX1XT batch 118, Shop\"",
         "TX1XT, batch 118, Shop", PROBLEM_BAD_ROW, 6},
        {"a quote that never ends", REPLACE, 0, "PSP0", "\"PSP0", PROBLEM_BAD_ROW, 3},
        {"an id in Latin 1", REPLACE, 0, "ORD-0", "ORD-\xE4", PROBLEM_ENCODING, 3},
        {"a control character", REPLACE, 0, "ORD-0", "ORD-\x07", PROBLEM_BAD_VALUE, 3},
        {"a cost that is no amount", REPLACE, 0, "0.29", "0.2g", PROBLEM_BAD_VALUE, 2},
    };
    damage_check_text(TARGET(&reader_adyen, NAME), GOOD, damages, COUNT_OF(damages));
    (void)state;
}

static void the_files_name_and_its_rows_must_name_one_batch(void **state) {
    struct told told = damage_read(
        TARGET(&reader_adyen, "/in/settlement_detail_report_batch_119.csv"), GOOD, strlen(GOOD));
    assert_true(told_has(&told, PROBLEM_BAD_VALUE, 2));
    told_free(&told);
    told = damage_read(TARGET(&reader_adyen, "batch_7/report.csv"), GOOD, strlen(GOOD));
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.head.sequence, 118);
    told_free(&told);
    (void)state;
}

static void a_quiet_day_is_a_header(void **state) {
    struct told told = read_text(HEADER);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.head.rows, 0);
    assert_int_equal(told.head.sequence, 118);
    told_free(&told);
    (void)state;
}

static void a_batch_that_is_not_paid_out_has_no_sum_to_miss(void **state) {
    struct told told = read_text(HEADER SETTLED REFUNDED);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
    (void)state;
}

static void costs_without_a_reference_may_be_alike(void **state) {
    static const char cost[] =
        "Co,Shop,,,,2025-09-01 23:59:00,CEST,Fee,,,,,,EUR,2.00,,,,,,,,118,\n";
    char *text = g_strconcat(HEADER, cost, cost, NULL);
    struct told told = read_text(text);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 2);
    told_free(&told);
    g_free(text);
    (void)state;
}

static void check_sums(const struct told *told) {
    for (guint i = 0; i < told->rows->len; i++) {
        const struct statement_row *row = told_at(told, i);
        if (row->fee_minor != AMOUNT_UNSAID && strstr(row->native_kind, "Externally") == NULL) {
            assert_int_equal(row->gross_minor - row->fee_minor, row->net_minor);
        }
    }
}

static void a_report_that_is_cut_at_any_byte_is_read_without_harm(void **state) {
    for (size_t count = 0; count < strlen(GOOD); count++) {
        struct told told = damage_read(TARGET(&reader_adyen, NAME), GOOD, count);
        /* In its last field, which is empty, a row cannot tell that it was cut. */
        if (count < strlen(HEADER) - strlen(",Reserved4\n") ||
            (count > strlen(HEADER) && damage_is_torn(GOOD, count, ',', COLUMNS))) {
            assert_true(told.problems->len > 0);
        }
        check_sums(&told);
        told_free(&told);
    }
    (void)state;
}

static void changed_bytes_never_pass_as_changed_money(void **state) {
    for (guint32 seed = 1; seed <= 4000; seed++) {
        char *bytes = damage_bytes(GOOD, strlen(GOOD), seed);
        struct told told = damage_read(TARGET(&reader_adyen, NAME), bytes, strlen(GOOD));
        check_sums(&told);
        if (told.problems->len == 0 && told.rows->len == 5 &&
            told_at(&told, 4)->kind == ROW_PAYOUT) {
            const struct statement_row *settled = told_at(&told, 0), *refund = told_at(&told, 1);
            /* 22.50 is the foreign row's, which tells it to the batch only. */
            assert_int_equal(settled->net_minor + refund->net_minor + told_at(&told, 3)->net_minor +
                                 told_at(&told, 4)->net_minor,
                             -2250);
        }
        told_free(&told);
        g_free(bytes);
    }
    (void)state;
}

static void the_format_is_known_by_its_columns(void **state) {
    assert_true(reader_adyen.detect("x", GOOD, strlen(GOOD)) > 90);
    assert_int_equal(reader_adyen.detect(NAME, "a,b,c\n", 6), 0);
    assert_int_equal(reader_adyen.detect("x", "", 0), 0);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_report_gives_exactly_its_rows),
        cmocka_unit_test(a_modification_goes_by_its_own_reference),
        cmocka_unit_test(of_two_currencies_only_the_gross_amount_is_told),
        cmocka_unit_test(costs_and_payouts_are_what_the_account_moves_by),
        cmocka_unit_test(every_type_has_a_kind),
        cmocka_unit_test(damage_is_told_with_its_line),
        cmocka_unit_test(the_files_name_and_its_rows_must_name_one_batch),
        cmocka_unit_test(a_quiet_day_is_a_header),
        cmocka_unit_test(a_batch_that_is_not_paid_out_has_no_sum_to_miss),
        cmocka_unit_test(costs_without_a_reference_may_be_alike),
        cmocka_unit_test(a_report_that_is_cut_at_any_byte_is_read_without_harm),
        cmocka_unit_test(changed_bytes_never_pass_as_changed_money),
        cmocka_unit_test(the_format_is_known_by_its_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
