/* SPDX-License-Identifier: Apache-2.0
 * test_read_stripe.c: Stripe's balance and payout reports. The files are made here, from the
 * public documentation of the columns and categories. */
#include <stdlib.h>

#include "base/clock.h"
#include "support/statement_damage.h"

extern const struct statement_reader reader_stripe;

#define HEADER                                                                                     \
    "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,"               \
    "reporting_category,source_id,payment_intent_id,charge_id,description,"                        \
    "payment_metadata[reference],refund_metadata[reference],card_brand\n"
#define CHARGE                                                                                     \
    "po_1,txn_1,2025-09-01 10:11:12,usd,25.00,1.03,23.97,charge,ch_1,pi_1,ch_1,Tea,att_1,,visa\n"
#define REFUND                                                                                     \
    "po_1,txn_2,2025-09-01 12:30:00,USD,-10.00,0.00,-10.00,refund,re_1,pi_0,ch_0,,att_0,ref_1,\n"
#define DISPUTE "po_1,txn_3,2025-09-01 13:00:00,usd,-5.00,15.00,-20.00,dispute,du_1,pi_9,ch_9,,,,\n"
#define FEE "po_1,txn_4,2025-09-01 14:00:00,usd,-0.50,0.00,-0.50,fee,,,,\"Radar, \"\"x\"\"\",,,\n"
#define TOPUP "po_1,txn_5,2025-09-01 15:00:00,usd,20.00,0.00,20.00,topup,tu_1,,,,,,\n"
#define PAYOUT "po_1,txn_6,2025-09-02 00:00:00,usd,-13.47,0.00,-13.47,payout,po_1,,,,,,\n"
#define COLUMNS 15
#define GOOD HEADER CHARGE REFUND DISPUTE FEE TOPUP PAYOUT

static struct told read_text(const char *text) {
    return damage_read(TARGET(&reader_stripe, "report.csv"), text, strlen(text));
}

static void a_good_report_gives_exactly_its_rows(void **state) {
    struct told told = read_text(GOOD);
    told_print(&told);
    assert_int_equal(told.rc, 0);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 6);
    assert_int_equal(told.head.rows, 6);
    assert_int_equal(told.head.sequence, -1);
    assert_string_equal(told.head.file_id, "po_1");
    const struct statement_row *row = told_at(&told, 0);
    assert_int_equal(row->line, 2);
    assert_int_equal(row->kind, ROW_CHARGE);
    assert_int_equal(row->status, ROW_DONE);
    assert_string_equal(row->currency.code, "USD");
    assert_int_equal(row->gross_minor, 2500);
    assert_int_equal(row->fee_minor, 103);
    assert_int_equal(row->net_minor, 2397);
    assert_int_equal(row->at_us, INT64_C(1756721472) * US_PER_SECOND);
    assert_string_equal(row->gateway_id, "ch_1");
    assert_string_equal(row->original_id, "pi_1");
    assert_string_equal(row->reference, "att_1");
    assert_string_equal(row->original_reference, "");
    assert_string_equal(row->batch, "po_1");
    assert_string_equal(row->method, "visa");
    assert_string_equal(row->native_kind, "charge");
    assert_string_equal(row->description, "Tea");
    told_free(&told);
    (void)state;
}

static void refunds_disputes_and_payouts_go_by_their_own_ids(void **state) {
    struct told told = read_text(GOOD);
    const struct statement_row *refund = told_at(&told, 1), *dispute = told_at(&told, 2);
    const struct statement_row *fee = told_at(&told, 3), *payout = told_at(&told, 5);
    assert_int_equal(refund->kind, ROW_REFUND);
    assert_string_equal(refund->gateway_id, "re_1");
    assert_string_equal(refund->original_id, "pi_0");
    assert_string_equal(refund->reference, "ref_1");
    assert_string_equal(refund->original_reference, "att_0");
    assert_int_equal(refund->gross_minor, -1000);
    assert_int_equal(dispute->kind, ROW_CHARGEBACK);
    assert_string_equal(dispute->gateway_id, "du_1");
    assert_int_equal(dispute->net_minor, -2000);
    assert_int_equal(fee->kind, ROW_FEE);
    assert_string_equal(fee->gateway_id, "txn_4");
    assert_string_equal(fee->description, "Radar, \"x\"");
    assert_int_equal(told_at(&told, 4)->kind, ROW_TOPUP);
    assert_int_equal(payout->kind, ROW_PAYOUT);
    assert_string_equal(payout->gateway_id, "po_1");
    assert_int_equal(payout->gross_minor, -1347);
    told_free(&told);
    (void)state;
}

static void every_category_has_a_kind_that_its_sign_allows(void **state) {
    static const struct {
        const char *name;
        int credit, debit;
    } categories[] = {
        {"refund_failure", ROW_REFUND_RETURNED, 0},
        {"charge_failure", ROW_CHARGEBACK_RETURNED, ROW_CHARGEBACK},
        {"partial_capture_reversal", 0, ROW_ADJUSTMENT},
        {"dispute_reversal", ROW_CHARGEBACK_RETURNED, 0},
        {"network_cost", ROW_FEE, ROW_FEE},
        {"tax", ROW_TAX, ROW_TAX},
        {"payout", ROW_TOPUP, ROW_PAYOUT},
        {"payout_reversal", ROW_PAYOUT_RETURNED, ROW_PAYOUT},
        {"transfer", ROW_TRANSFER, ROW_TRANSFER},
        {"transfer_reversal", ROW_TRANSFER, ROW_TRANSFER},
        {"platform_earning", ROW_TRANSFER, ROW_TRANSFER},
        {"platform_earning_refund", ROW_TRANSFER, ROW_TRANSFER},
        {"connect_collection_transfer", ROW_TRANSFER, ROW_TRANSFER},
        {"connect_reserved_funds", ROW_RESERVE, ROW_RESERVE},
        {"risk_reserved_funds", ROW_RESERVE, ROW_RESERVE},
        {"topup_reversal", 0, ROW_PAYOUT},
        {"other_adjustment", ROW_ADJUSTMENT, ROW_ADJUSTMENT},
        {"contribution", ROW_ADJUSTMENT, ROW_ADJUSTMENT},
        {"advance", ROW_ADJUSTMENT, ROW_ADJUSTMENT},
        {"financing_payout", ROW_ADJUSTMENT, ROW_ADJUSTMENT},
        {"issuing_transaction", ROW_ADJUSTMENT, ROW_ADJUSTMENT},
    };
    for (size_t i = 0; i < 2 * COUNT_OF(categories); i++) {
        bool comes = i % 2 == 0;
        int kind = comes ? categories[i / 2].credit : categories[i / 2].debit;
        char *text = g_strdup_printf(
            HEADER ",txn_1,2025-09-01 10:11:12,eur,%s4.00,0,%s4.00,%s,x_1,,,,,,\n",
            comes ? "" : "-", comes ? "" : "-", categories[i / 2].name);
        struct told told = read_text(text);
        if (kind == 0) {
            assert_int_equal(told.rows->len, 0);
            assert_true(told_has(&told, PROBLEM_SIGN, 2));
        } else {
            assert_int_equal(told.problems->len, 0);
            assert_int_equal(told_at(&told, 0)->kind, kind);
            assert_true(row_kind_sign((enum row_kind)kind) * (comes ? 1 : -1) >= 0);
        }
        told_free(&told);
        g_free(text);
    }
    (void)state;
}

static void damage_is_told_with_its_line(void **state) {
    static const struct damage damages[] = {
        {"a byte order mark", AT_BEGIN, 0, NULL, "\xEF\xBB\xBF", TOLERATED, 0},
        {"an empty line", REPLACE, 0, "po_1,txn_2", "\r\npo_1,txn_2", TOLERATED, 0},
        {"trailing commas", REPLACE, 0, "visa\n", "visa,,,\n", TOLERATED, 0},
        {"a column more", REPLACE, 0, "card_brand\n", "card_brand,\n", PROBLEM_BAD_ROW, 1},
        {"upper case currency", REPLACE, 0, "usd,25", "USD,25", TOLERATED, 0},
        {"quoted fields", REPLACE, 0, "txn_1,2025", "\"txn_1\",2025", TOLERATED, 0},
        {"blanks around a name", REPLACE, 0, ",gross,", ", gross ,", TOLERATED, 0},
        {"no last line end", REPLACE, 0, "13.47,payout,po_1,,,,,,\n", "13.47,payout,po_1,,,,,,",
         PROBLEM_BAD_ROW, -1},
        {"a header that is torn", REPLACE, 0, GOOD,
         "reporting_category,gross,net,fee,currency,created_utc,"
         "balance_transaction_id,",
         PROBLEM_BAD_ROW, 1},
        {"line ends that became another", REPLACE, 0, GOOD,
         "balance_transaction_id,created_utc,currency,gross,"
         "fee,net,reporting_category\rtxn_1,2025\r",
         PROBLEM_BAD_ROW, 1},
        {"more digits that are zeros", REPLACE, 0, "25.00,1.03", "25.0000,1.030", TOLERATED, 0},
        {"an empty file", REPLACE, 0, GOOD, "", PROBLEM_MISSING_COLUMN, 0},
        {"no gross", REPLACE, 0, ",gross,", ",brutto,", PROBLEM_MISSING_COLUMN, 1},
        {"gross in another case", REPLACE, 0, ",gross,", ",Gross,", PROBLEM_MISSING_COLUMN, 1},
        {"no category", REPLACE, 0, "reporting_category", "type", PROBLEM_MISSING_COLUMN, 1},
        {"no time", REPLACE, 0, "created_utc", "available_on", PROBLEM_MISSING_COLUMN, 1},
        {"net twice", REPLACE, 0, "description,", "net,", PROBLEM_MISSING_COLUMN, 1},
        {"no ids", REPLACE, 0,
         "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,"
         "source_id",
         "a,created_utc,currency,gross,fee,net,reporting_category,b", PROBLEM_MISSING_COLUMN, 1},
        {"a changed amount", REPLACE, 0, "25.00,1.03", "26.00,1.03", PROBLEM_TOTAL, 2},
        {"a changed fee", REPLACE, 0, "25.00,1.03", "25.00,1.02", PROBLEM_TOTAL, 2},
        {"a changed net", REPLACE, 0, "23.97", "23.96", PROBLEM_TOTAL, 2},
        {"gross and net changed alike", REPLACE, 0, "25.00,1.03,23.97", "25.01,1.03,23.98",
         PROBLEM_TOTAL, 7},
        {"a missing row", REPLACE, 0, CHARGE, "", PROBLEM_TOTAL, 6},
        {"a repeated row", REPLACE, 0, REFUND, REFUND REFUND, PROBLEM_REPEATED, 4},
        {"another row with the same transaction", REPLACE, 0, "po_1,txn_3", "po_1,txn_2",
         PROBLEM_REPEATED, 4},
        {"a payout of another amount", REPLACE, 0, "-13.47,0.00,-13.47", "-13.48,0.00,-13.48",
         PROBLEM_TOTAL, 7},
        {"two currencies in a payout", REPLACE, 0, "usd,25.00", "cad,25.00", PROBLEM_TOTAL, 7},
        {"an unknown category", REPLACE, 0, ",refund,", ",refunds,", PROBLEM_UNKNOWN_KIND, 3},
        {"an empty category", REPLACE, 0, ",charge,", ",,", PROBLEM_UNKNOWN_KIND, 2},
        {"a charge that goes", REPLACE, 0, "25.00,1.03,23.97", "-25.00,1.03,-26.03", PROBLEM_SIGN,
         2},
        {"a refund that comes", REPLACE, 0, "-10.00,0.00,-10.00", "10.00,0.00,10.00", PROBLEM_SIGN,
         3},
        {"a fraction too fine", REPLACE, 0, "25.00,1.03,23.97", "25.001,1.03,23.971",
         PROBLEM_BAD_VALUE, 2},
        {"a decimal comma", REPLACE, 0, "25.00,1.03", "\"25,00\",1.03", PROBLEM_BAD_VALUE, 2},
        {"no amount", REPLACE, 0, "usd,25.00", "usd,", PROBLEM_BAD_VALUE, 2},
        {"no net", REPLACE, 0, "23.97,charge", ",charge", PROBLEM_BAD_VALUE, 2},
        {"an amount in words", REPLACE, 0, "usd,25.00", "usd,NaN", PROBLEM_BAD_VALUE, 2},
        {"an amount beyond all", REPLACE, 0, "usd,25.00", "usd,99999999999999999999.00",
         PROBLEM_BAD_VALUE, 2},
        {"an unknown currency", REPLACE, 0, "usd,25.00", "usx,25.00", PROBLEM_CURRENCY, 2},
        {"no currency", REPLACE, 0, "usd,25.00", ",25.00", PROBLEM_CURRENCY, 2},
        {"a day that is none", REPLACE, 0, "2025-09-01 10:11:12", "2025-09-31 10:11:12",
         PROBLEM_BAD_VALUE, 2},
        {"a time without seconds", REPLACE, 0, "2025-09-01 10:11:12", "2025-09-01 10:11",
         PROBLEM_BAD_VALUE, 2},
        {"a torn line", REPLACE, 0, ",re_1,pi_0,ch_0,,att_0,ref_1,\n", ",re_1\n", PROBLEM_BAD_ROW,
         3},
        {"a comma that nobody quoted", REPLACE, 0, "Tea", "Tea, green", PROBLEM_BAD_ROW, 2},
        {"a quote that never ends", REPLACE, 0, "txn_2", "\"txn_2", PROBLEM_BAD_ROW, 3},
        {"text behind a quote", REPLACE, 0, "txn_2", "\"txn\"_2", PROBLEM_BAD_ROW, 3},
        {"a NUL is where an id was", REPLACE, 0, "re_1", "re\x01", PROBLEM_BAD_VALUE, 3},
        {"an id in Latin 1", REPLACE, 0, "re_1", "re_\xE9", PROBLEM_ENCODING, 3},
        {"a note in Latin 1", REPLACE, 0, "Tea", "T\xE9", PROBLEM_ENCODING, 2},
        {"an endless id", REPLACE, 0, "re_1",
         "re_0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
         "5678901234567890123456789012345678901234567890123456789",
         PROBLEM_BAD_VALUE, 3},
    };
    damage_check_text(TARGET(&reader_stripe, "r.csv"), GOOD, damages, COUNT_OF(damages));
    (void)state;
}

/* ---- the balance report: no payouts' ids, one clock, several currencies ---- */

struct entry {
    const char *id, *created, *currency;
    int gross, fee; /* in hundredths, but of yen */
    const char *category, *source, *charge, *intent, *reference, *refund_reference;
};
static const struct entry entries[] = {
    {"txn_1", "2025-09-01 10:11:12", "eur", 2500, 103, "charge", "ch_1", "ch_1", "pi_1", "att_1"},
    {"txn_2", "2025-09-01 12:30:00", "jpy", 500, 20, "charge", "py_2", "py_2", "pi_2", "att_2"},
    {"txn_3", "2025-09-01 13:00:00", "eur", -1000, 0, "refund", "re_1", "ch_0", "pi_0", "att_0",
     "ref_1"},
    {"txn_4", "2025-09-01 14:00:00", "usd", -50, 0, "fee"},
};

static void write_major(GString *text, const char *currency, int minor) {
    if (strcmp(currency, "jpy") == 0) {
        g_string_append_printf(text, "%d,", minor);
        return;
    }
    g_string_append_printf(text, "%s%d.%02d,", minor < 0 ? "-" : "", abs(minor) / 100,
                           abs(minor) % 100);
}

static GString *balance_report(void) {
    GString *text = g_string_new("balance_transaction_id,created,currency,gross,fee,net,"
                                 "reporting_category,source_id,charge_id,payment_intent_id,"
                                 "payment_metadata[reference],refund_metadata[reference],"
                                 "description\n");
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        const struct entry *entry = &entries[i];
        const char *const tail[] = {entry->category, entry->source,    entry->charge,
                                    entry->intent,   entry->reference, entry->refund_reference};
        g_string_append_printf(text, "%s,%s,%s,", entry->id, entry->created, entry->currency);
        write_major(text, entry->currency, entry->gross);
        write_major(text, entry->currency, entry->fee);
        write_major(text, entry->currency, entry->gross - entry->fee);
        for (size_t j = 0; j < COUNT_OF(tail); j++) {
            g_string_append_printf(text, "%s,", tail[j] != NULL ? tail[j] : "");
        }
        g_string_append_printf(text, "note %zu\n", i + 1);
    }
    return text;
}

static void a_balance_report_gives_rows_of_several_currencies(void **state) {
    GString *text = balance_report();
    struct told told = read_text(text->str);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, COUNT_OF(entries));
    for (guint i = 0; i < COUNT_OF(entries); i++) {
        const struct statement_row *row = told_at(&told, i);
        assert_int_equal(row->gross_minor, entries[i].gross);
        assert_int_equal(row->fee_minor, entries[i].fee);
        assert_int_equal(row->net_minor, entries[i].gross - entries[i].fee);
        assert_string_equal(row->batch, "");
    }
    assert_string_equal(told_at(&told, 1)->currency.code, "JPY");
    assert_string_equal(told_at(&told, 2)->reference, "ref_1");
    assert_string_equal(told_at(&told, 2)->original_reference, "att_0");
    told_free(&told);
    g_string_free(text, true);
    (void)state;
}

static void each_damage_of_a_balance_report_is_told(void **state) {
    static const struct damage damages[] = {
        {"a changed gross", REPLACE, 2, "25.00", "26.00", PROBLEM_TOTAL, 2},
        {"a changed fee", REPLACE, 2, "1.03", "1.02", PROBLEM_TOTAL, 2},
        {"a changed net", REPLACE, 2, "23.97", "23.96", PROBLEM_TOTAL, 2},
        {"a fee that is given back", REPLACE, 3, "500,20,480", "500,-20,480", PROBLEM_TOTAL, 3},
        {"yen with hundredths", REPLACE, 3, "500,20,480", "5.00,0.20,4.80", PROBLEM_BAD_VALUE, 3},
        {"a fraction too fine", REPLACE, 2, "25.00,1.03,23.97", "25.001,1.03,23.971",
         PROBLEM_BAD_VALUE, 2},
        {"a decimal comma", REPLACE, 2, "25.00", "\"25,00\"", PROBLEM_BAD_VALUE, 2},
        {"a currency's sign", REPLACE, 2, "25.00", "\xE2\x82\xAC"
                                                 "25.00",
         PROBLEM_BAD_VALUE, 2},
        {"an amount with an exponent", REPLACE, 2, "25.00", "2.5e1", PROBLEM_BAD_VALUE, 2},
        {"a loss in brackets", REPLACE, 4, "-10.00", "(10.00)", PROBLEM_BAD_VALUE, 4},
        {"two points", REPLACE, 2, "25.00", "2.5.00", PROBLEM_BAD_VALUE, 2},
        {"no fee", REPLACE, 2, "25.00,1.03", "25.00,", PROBLEM_BAD_VALUE, 2},
        {"no net", REPLACE, 2, "23.97", "", PROBLEM_BAD_VALUE, 2},
        {"an amount beyond all", REPLACE, 3, "500,", "99999999999999999999,", PROBLEM_BAD_VALUE, 3},
        {"an unknown currency", REPLACE, 2, "eur", "eux", PROBLEM_CURRENCY, 2},
        {"a currency's name", REPLACE, 2, "eur", "euro", PROBLEM_CURRENCY, 2},
        {"no currency", REPLACE, 2, "eur", "", PROBLEM_CURRENCY, 2},
        {"a charge that goes", REPLACE, 3, "500,20,480", "-500,20,-520", PROBLEM_SIGN, 3},
        {"a refund that comes", REPLACE, 4, "-10.00,0.00,-10.00", "10.00,0.00,10.00", PROBLEM_SIGN,
         4},
        {"an unknown category", REPLACE, 4, ",refund,", ",refund_2,", PROBLEM_UNKNOWN_KIND, 4},
        {"a category in capitals", REPLACE, 2, ",charge,", ",CHARGE,", PROBLEM_UNKNOWN_KIND, 2},
        {"a type for a category", REPLACE, 5, ",fee,", ",stripe_fee,", PROBLEM_UNKNOWN_KIND, 5},
        {"no category", REPLACE, 2, ",charge,", ",,", PROBLEM_UNKNOWN_KIND, 2},
        {"a row twice", TWICE, 4, .problem = PROBLEM_REPEATED, .told_line = 5},
        {"another row with the same transaction", REPLACE, 5, "txn_4", "txn_1", PROBLEM_REPEATED,
         5},
        {"a day that is none", REPLACE, 2, "2025-09-01", "2025-09-31", PROBLEM_BAD_VALUE, 2},
        {"a time that is none", REPLACE, 2, "10:11:12", "10:61:12", PROBLEM_BAD_VALUE, 2},
        {"a time with its zone", REPLACE, 2, "2025-09-01 10:11:12", "2025-09-01T10:11:12Z",
         PROBLEM_BAD_VALUE, 2},
        {"a day as Americans write it", REPLACE, 2, "2025-09-01 10:11:12", "09/01/2025 10:11:12",
         PROBLEM_BAD_VALUE, 2},
        {"no time", REPLACE, 2, "2025-09-01 10:11:12", "", PROBLEM_BAD_VALUE, 2},
        {"a row too short", REPLACE, 3, ",note 2", "", PROBLEM_BAD_ROW, 3},
        {"a comma that nobody quoted", REPLACE, 3, "note 2", "note, 2", PROBLEM_BAD_ROW, 3},
        {"a row torn in two", REPLACE, 4, ",refund,", ",\nrefund,", PROBLEM_BAD_ROW, 4},
        {"a quote that never ends", REPLACE, 5, "note 4", "\"note 4", PROBLEM_BAD_ROW, 5},
        {"text behind a quote", REPLACE, 2, "txn_1", "\"txn\"_1", PROBLEM_BAD_ROW, 2},
        {"an id with a control character", REPLACE, 4, "re_1", "re\x07", PROBLEM_BAD_VALUE, 4},
        {"an id in Latin 1", REPLACE, 4, "re_1", "re\xE9", PROBLEM_ENCODING, 4},
        {"the header once more", REPLACE, 4, "txn_3,2025-09-01 13:00:00,eur,-10.00,0.00,-10.00,",
         "balance_transaction_id,created,currency,gross,fee,net,", PROBLEM_BAD_VALUE, 4},
        {"no header", DROP, 1, .problem = PROBLEM_BAD_ROW, .told_line = 1},
        {"no fee in the header", REPLACE, 1, ",fee,", ",fees,", PROBLEM_MISSING_COLUMN, 1},
        {"no clock in the header", REPLACE, 1, ",created,", ",available_on,",
         PROBLEM_MISSING_COLUMN, 1},
        {"a column twice", REPLACE, 1, "description", "currency", PROBLEM_MISSING_COLUMN, 1},
        {"semicolons", EVERYWHERE, 0, ",", ";", PROBLEM_MISSING_COLUMN, 1},
        {"another clock's name", REPLACE, 1, ",created,", ",created_utc,", TOLERATED},
        {"CR LF", EVERYWHERE, 0, "\n", "\r\n", TOLERATED},
        {"a byte order mark", AT_BEGIN, 0, .to = "\xEF\xBB\xBF", .problem = TOLERATED},
        /* Nothing in this layout adds rows up: what is told of payouts is the other report's. */
        {"a row that is gone", DROP, 4, .problem = ACCEPTED},
        {"gross and net changed alike", REPLACE, 2, "25.00,1.03,23.97", "25.01,1.03,23.98",
         ACCEPTED},
    };
    GString *text = balance_report();
    damage_check_layout(TARGET(&reader_stripe, "balance.csv"), text, damages, COUNT_OF(damages));
    g_string_free(text, true);
    (void)state;
}

static void rows_and_columns_may_come_in_any_order_and_with_crlf(void **state) {
    struct told told = read_text("net,reporting_category,currency,fee,gross,created,source_id\r\n"
                                 "-13.97,payout,usd,0,-13.97,2025-09-02 00:00:00,po_1\r\n"
                                 "23.97,charge,usd,1.03,25,2025-09-01 10:11:12,ch_1\r\n");
    told_print(&told);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 2);
    assert_string_equal(told_at(&told, 1)->gateway_id, "ch_1");
    told_free(&told);
    (void)state;
}

static void created_is_in_the_zone_that_was_asked_for(void **state) {
    static const char text[] = "currency,gross,fee,net,reporting_category,created,source_id\n"
                               "usd,25,0,25,charge,2025-09-01 10:11:12,ch_1\n";
    const struct statement_source source = {
        .name = "r", .bytes = text, .count = sizeof text - 1, .time_zone = "Europe/Berlin"};
    struct told told = told_read(&reader_stripe, &source);
    assert_int_equal(told_at(&told, 0)->at_us, INT64_C(1756714272) * US_PER_SECOND);
    told_free(&told);
    (void)state;
}

static void a_report_without_payouts_has_no_sum_to_miss(void **state) {
    struct told told = read_text(HEADER CHARGE REFUND);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
    told = read_text(HEADER PAYOUT);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
    told = read_text(HEADER);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.head.rows, 0);
    told_free(&told);
    (void)state;
}

/* Of rows that were told without a problem: each sum is right, and a payout is its rows. */
static void check_sums(const struct told *told) {
    int64_t sum = 0, others = 0;
    bool has_payout = false;
    for (guint i = 0; i < told->rows->len; i++) {
        const struct statement_row *row = told_at(told, i);
        assert_int_equal(row->gross_minor - row->fee_minor, row->net_minor);
        if (strcmp(row->batch, "po_1") == 0) {
            sum += row->net_minor;
            has_payout = has_payout || strcmp(row->native_kind, "payout") == 0;
            others += strcmp(row->native_kind, "payout") != 0;
        }
    }
    assert_true(!has_payout || others == 0 || sum == 0);
}

static void a_report_that_is_cut_at_any_byte_is_read_without_harm(void **state) {
    for (size_t count = 0; count < strlen(GOOD); count++) {
        struct told told = damage_read(TARGET(&reader_stripe, "r"), GOOD, count);
        /* In its last field, which may be empty, a row cannot tell that it was cut. */
        if (count < strlen("automatic_payout_id") ||
            (count > strlen(HEADER) && damage_is_torn(GOOD, count, ',', COLUMNS))) {
            assert_true(told.problems->len > 0);
        }
        if (told.problems->len == 0) {
            check_sums(&told);
        }
        told_free(&told);
    }
    (void)state;
}

static void changed_bytes_never_pass_as_changed_money(void **state) {
    for (guint32 seed = 1; seed <= 4000; seed++) {
        char *bytes = damage_bytes(GOOD, strlen(GOOD), seed);
        struct told told = damage_read(TARGET(&reader_stripe, "r"), bytes, strlen(GOOD));
        if (told.problems->len == 0) {
            check_sums(&told);
        }
        told_free(&told);
        g_free(bytes);
    }
    (void)state;
}

static void the_format_is_known_by_its_columns(void **state) {
    assert_true(reader_stripe.detect("x", GOOD, strlen(GOOD)) > 90);
    assert_int_equal(reader_stripe.detect("x", "a,b,c\n", 6), 0);
    assert_int_equal(reader_stripe.detect("x", "", 0), 0);
    assert_int_equal(reader_stripe.detect("stripe.csv", "gross,net,currency\n", 19), 0);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_report_gives_exactly_its_rows),
        cmocka_unit_test(refunds_disputes_and_payouts_go_by_their_own_ids),
        cmocka_unit_test(every_category_has_a_kind_that_its_sign_allows),
        cmocka_unit_test(damage_is_told_with_its_line),
        cmocka_unit_test(a_balance_report_gives_rows_of_several_currencies),
        cmocka_unit_test(each_damage_of_a_balance_report_is_told),
        cmocka_unit_test(rows_and_columns_may_come_in_any_order_and_with_crlf),
        cmocka_unit_test(created_is_in_the_zone_that_was_asked_for),
        cmocka_unit_test(a_report_without_payouts_has_no_sum_to_miss),
        cmocka_unit_test(a_report_that_is_cut_at_any_byte_is_read_without_harm),
        cmocka_unit_test(changed_bytes_never_pass_as_changed_money),
        cmocka_unit_test(the_format_is_known_by_its_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
