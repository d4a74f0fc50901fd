/* SPDX-License-Identifier: Apache-2.0
 * test_read_paypal.c: PayPal's reports, made here from the published layout by a generator of its
 * own, whole and damaged. */
#include "support/statement_damage.h"

#include "base/clock.h"

enum { TX_MAX = 16, FOOTERS_MAX = 8, OPENING = 100000 };

/* A row as it is to be written; amounts in hundredths, whatever the currency. */
struct tx {
    const char *id, *invoice, *theirs, *theirs_type, *code, *day_time, *side;
    int gross;
    const char *currency, *fee_side;
    int fee;
    const char *custom, *bank, *status;
};
struct section {
    const char *account;
    int count;
    struct tx rows[TX_MAX];
    bool other_columns; /* another order, and a column that nobody knows */
};
struct paper {
    bool details, debits_first, no_report_footer, only_moved;
    const char *number;
    int section_count;
    struct section sections[2];
};
struct sum {
    const char *currency;
    int gross[2], fee[2], moved, held, rows;
};

static const char *const plain_columns =
    "\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID "
    "Type\",\"Transaction Event Code\",\"Transaction Initiation Date\",\"Transaction Completion "
    "Date\",\"Transaction  Debit or Credit\",\"Gross Transaction Amount\",Gross Transaction "
    "Currency,\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\",\"Custom Field\",\"Consumer "
    "ID\",\"Bank Reference ID\"";
static const char *const other_columns =
    "\"CH\",\"New\",\"Gross Transaction Amount\",\"Gross Transaction Currency\",\"Transaction "
    "Debit "
    "or Credit\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID "
    "Type\",\"Transaction Event Code\",\"Transaction Completion Date\",\"Transaction Initiation "
    "Date\",\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\",\"Custom Field\"";

static struct sum *sum_of(struct sum *sums, int *count, const char *currency) {
    for (int i = 0; i < *count; i++) {
        if (strcmp(sums[i].currency, currency) == 0) {
            return &sums[i];
        }
    }
    assert_true(*count < FOOTERS_MAX);
    sums[*count] = (struct sum){.currency = currency};
    return &sums[(*count)++];
}

static void add(const struct paper *paper, struct sum *sum, const struct tx *tx) {
    bool out = strcmp(tx->side, "DR") == 0, fee_out = strcmp(tx->fee_side, "CR") != 0;
    int net = (out ? -tx->gross : tx->gross) + (fee_out ? -tx->fee : tx->fee);
    bool done = tx->status == NULL || strchr("SV", tx->status[0]) != NULL;
    bool moves = done && strncmp(tx->code, "T13", 3) != 0;
    sum->gross[out] += moves || !paper->only_moved ? tx->gross : 0;
    sum->fee[fee_out] += moves || !paper->only_moved ? tx->fee : 0;
    sum->moved += moves ? net : 0;
    sum->held += strncmp(tx->code, "T21", 3) == 0 ? net : 0;
    sum->rows++;
}

static void pair(GString *text, int balance) {
    g_string_append_printf(text, ",\"%s\",%d", balance < 0 ? "DR" : "CR",
                           balance < 0 ? -balance : balance);
}

static void write_footers(GString *text, const char *type, const struct paper *paper,
                          const struct sum *sums, int count) {
    for (int i = 0; i < count; i++) {
        const struct sum *sum = &sums[i];
        int first = paper->debits_first;
        g_string_append_printf(text, "\"%s\",\"%s\",%d,%d,%d,%d", type, sum->currency,
                               sum->gross[first], sum->gross[!first], sum->fee[first],
                               sum->fee[!first]);
        if (!paper->details) {
            pair(text, OPENING);
            pair(text, OPENING + sum->moved - sum->held);
            pair(text, OPENING);
            pair(text, OPENING + sum->moved);
            pair(text, 0);
            pair(text, 0);
        }
        g_string_append_printf(text, ",%d\n", sum->rows);
    }
}

static void write_row(GString *text, const struct section *section, const struct tx *tx) {
    char fee[16] = "";
    if (tx->fee_side[0] != '\0') {
        snprintf(fee, sizeof fee, "%d", tx->fee);
    }
    const char *fee_currency = tx->fee_side[0] != '\0' ? tx->currency : "";
    if (section->other_columns) {
        g_string_append_printf(
            text,
            "\"SB\",\"x\",%d,\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",2025/09/01 %s "
            "-0700,2025/09/01 %s -0700,\"%s\",%s,\"%s\",\"%s\"",
            tx->gross, tx->currency, tx->side, tx->id, tx->invoice, tx->theirs, tx->theirs_type,
            tx->code, tx->day_time, tx->day_time, tx->fee_side, fee, fee_currency, tx->custom);
    } else {
        g_string_append_printf(
            text,
            "\"SB\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",2025/09/01 %s -0700,2025/09/01 %s "
            "-0700,\"%s\",%d,\"%s\",\"%s\",%s,\"%s\",\"%s\",\"\",\"%s\"",
            tx->id, tx->invoice, tx->theirs, tx->theirs_type, tx->code, tx->day_time, tx->day_time,
            tx->side, tx->gross, tx->currency, tx->fee_side, fee, fee_currency, tx->custom,
            tx->bank != NULL ? tx->bank : "");
    }
    if (tx->status != NULL) {
        g_string_append_printf(text, ",\"%s\",\"a \"\"small\"\" thing\"", tx->status);
    }
    g_string_append_c(text, '\n');
}

static GString *write_paper(const struct paper *paper) {
    GString *text = g_string_new("");
    struct sum all[FOOTERS_MAX];
    int all_count = 0, rows = 0;
    g_string_append_printf(
        text, "\"RH\",2025/09/02 02:44:19 -0700,\"A\",\"DEMOACCT00001\",%s,\n\"FH\",%s\n",
        paper->details ? "011" : "009", paper->number);
    for (int i = 0; i < paper->section_count; i++) {
        const struct section *section = &paper->sections[i];
        struct sum sums[FOOTERS_MAX];
        int count = 0;
        g_string_append_printf(
            text, "\"SH\",2025/09/01 00:00:00 -0700,2025/09/01 23:59:59 -0700,\"%s\",\"\"\n%s%s\n",
            section->account, section->other_columns ? other_columns : plain_columns,
            paper->details ? ",\"Transactional Status\",\"Transaction Subject\"" : "");
        for (int j = 0; j < section->count; j++) {
            const struct tx *tx = &section->rows[j];
            write_row(text, section, tx);
            add(paper, sum_of(sums, &count, tx->currency), tx);
            add(paper, sum_of(all, &all_count, tx->currency), tx);
            rows++;
        }
        write_footers(text, "SF", paper, sums, count);
        g_string_append_printf(text, "\"SC\",%d\n", section->count);
    }
    if (!paper->no_report_footer) {
        write_footers(text, "RF", paper, all, all_count);
        g_string_append_printf(text, "\"RC\",%d\n", rows);
    }
    g_string_append_printf(text, "\"FF\",%d\n", rows);
    return text;
}

/* Lines: 3 SH, 4 CH, 5 to 12 rows, 13 and 14 SF, 15 SC, 16 SH, 17 CH, 18 a row, 19 SF, 20 SC, 21 to
 * 23 RF, 24 RC, 25 FF. */
static struct paper settlement(void) {
    return (struct paper){
        .number = "01",
        .section_count = 2,
        .sections = {
            {.account = "DEMOACCT00001",
             .count = 8,
             .rows = {{"TX01", "pay_1", "ORDER01", "ODR", "T0006", "10:00:30", "CR", 5200, "USD",
                       "DR", 225, "pay_1"},
                      {"TX02", "ref_1", "TX00", "TXN", "T1107", "10:05:00", "DR", 1000, "USD", "CR",
                       30, "ref_1"},
                      {"TX03", "pay_0", "TX00", "TXN", "T1201", "11:00:00", "DR", 2000, "USD", "",
                       0, ""},
                      {"TX04", "", "TX03", "TXN", "T0106", "11:00:00", "DR", 1500, "USD", "", 0,
                       ""},
                      {"TX05", "", "", "", "T2105", "12:00:00", "DR", 700, "USD", "", 0, ""},
                      {"TX06", "", "", "", "T0200", "12:30:00", "DR", 1000, "USD", "", 0, ""},
                      {"TX06", "", "", "", "T0200", "12:30:00", "CR", 90000, "JPY", "", 0, ""},
                      {"TX07", "", "", "", "T0400", "23:59:59", "DR", 500, "USD", "", 0, "",
                       "BANKREF7"}}},
            {.account = "DEMOACCT00002",
             .count = 1,
             .rows = {{"TX08", "pay_2", "", "", "T0003", "00:00:00", "CR", 1000, "EUR", "DR", 50,
                       ""}},
             .other_columns = true},
        }};
}

/* Lines: 5 to 10 rows, 11 SF, 12 SC, 13 RF, 14 RC, 15 FF. */
static struct paper detail(void) {
    return (struct paper){.details = true,
                          .number = "01",
                          .section_count = 1,
                          .sections = {
                              {.account = "DEMOACCT00001",
                               .count = 6,
                               .rows = {{"TX01", "pay_1", "", "", "T0006", "10:00:30", "CR", 5200,
                                         "USD", "DR", 225, "pay_1", "", "S"},
                                        {"TX02", "pay_2", "", "", "T0006", "10:01:30", "CR", 100,
                                         "USD", "DR", 5, "pay_2", "", "P"},
                                        {"TX03", "pay_3", "", "", "T0006", "10:02:30", "CR", 200,
                                         "USD", "", 0, "pay_3", "", "D"},
                                        {"TX04", "pay_4", "", "", "T0006", "10:03:30", "CR", 300,
                                         "USD", "", 0, "pay_4", "", "V"},
                                        {"TX05", "pay_4", "TX04", "TXN", "T1107", "10:04:30", "DR",
                                         300, "USD", "", 0, "", "", "S"},
                                        {"TX06", "pay_5", "ORDER5", "ODR", "T1300", "10:05:30",
                                         "CR", 900, "USD", "", 0, "pay_5", "", "S"}}},
                          }};
}

static int64_t at(const char *text) {
    int64_t us = 0;
    assert_true(clock_parse(text, &us));
    return us;
}

static struct told read_paper(const struct paper *paper, const char *name) {
    GString *text = write_paper(paper);
    struct told told = damage_read(
        TARGET(statement_reader_find(paper->details ? "paypal-trr" : "paypal-stl"), name),
        text->str, text->len);
    g_string_free(text, true);
    return told;
}

struct expected {
    int64_t line;
    enum row_kind kind;
    const char *currency;
    int64_t gross, fee;
    const char *id, *reference, *original, *original_reference, *account;
};

static void check_rows(const struct told *told, const struct expected *rows, guint count) {
    assert_int_equal(told->rows->len, count);
    for (guint i = 0; i < count; i++) {
        const struct statement_row *row = told_at(told, i);
        assert_int_equal(row->line, rows[i].line);
        assert_int_equal(row->kind, rows[i].kind);
        assert_string_equal(row->currency.code, rows[i].currency);
        assert_int_equal(row->gross_minor, rows[i].gross);
        assert_int_equal(row->fee_minor, rows[i].fee);
        assert_int_equal(row->net_minor, rows[i].gross - rows[i].fee);
        assert_string_equal(row->gateway_id, rows[i].id);
        assert_string_equal(row->reference, rows[i].reference);
        assert_string_equal(row->original_id, rows[i].original);
        assert_string_equal(row->original_reference, rows[i].original_reference);
        assert_string_equal(row->account, rows[i].account);
    }
}

static void a_settlement_report_gives_its_rows_head_and_balances(void **state) {
    static const struct expected rows[] = {
        {5, ROW_CHARGE, "USD", 5200, 225, "TX01", "pay_1", "", "", "DEMOACCT00001"},
        {6, ROW_REFUND, "USD", -1000, -30, "TX02", "ref_1", "TX00", "", "DEMOACCT00001"},
        {7, ROW_CHARGEBACK, "USD", -2000, 0, "TX03", "", "TX00", "pay_0", "DEMOACCT00001"},
        {8, ROW_FEE, "USD", -1500, 0, "TX04", "", "TX03", "", "DEMOACCT00001"},
        {9, ROW_RESERVE, "USD", -700, 0, "TX05", "", "", "", "DEMOACCT00001"},
        {10, ROW_CONVERSION, "USD", -1000, 0, "TX06", "", "", "", "DEMOACCT00001"},
        {11, ROW_CONVERSION, "JPY", 900, 0, "TX06", "", "", "", "DEMOACCT00001"},
        {12, ROW_PAYOUT, "USD", -500, 0, "TX07", "", "", "", "DEMOACCT00001"},
        {18, ROW_CHARGE, "EUR", 1000, 50, "TX08", "pay_2", "", "", "DEMOACCT00002"},
    };
    static const struct statement_balance balances[] = {
        {{"USD"}, 100000, 98305}, {{"JPY"}, 1000, 1900}, {{"EUR"}, 100000, 100950}};
    struct paper paper = settlement();
    struct told told = read_paper(&paper, "in/STL-20250901.01.009.CSV");
    told_print(&told);
    assert_int_equal(told.rc, 0);
    assert_int_equal(told.problems->len, 0);
    check_rows(&told, rows, COUNT_OF(rows));
    assert_string_equal(told_at(&told, 0)->native_kind, "T0006");
    assert_int_equal(told_at(&told, 0)->status, ROW_DONE);
    assert_true(told_at(&told, 0)->at_us == at("2025-09-01T17:00:30Z"));
    assert_string_equal(told_at(&told, 7)->batch, "BANKREF7");
    assert_string_equal(told.head.account, "DEMOACCT00001");
    assert_string_equal(told.head.file_id, "STL 2025/09/01 01");
    assert_int_equal(told.head.sequence, 1);
    assert_int_equal(told.head.rows, 9);
    assert_true(told.head.from_us == at("2025-09-01T07:00:00Z"));
    assert_true(told.head.until_us == at("2025-09-02T07:00:00Z"));
    assert_int_equal(told.head.balance_count, COUNT_OF(balances));
    for (size_t i = 0; i < COUNT_OF(balances); i++) {
        assert_memory_equal(&told.head.balances[i], &balances[i], sizeof balances[i]);
    }
    told_free(&told);
}

static void a_detail_report_gives_each_status_and_no_money_for_an_authorization(void **state) {
    static const struct expected rows[] = {
        {5, ROW_CHARGE, "USD", 5200, 225, "TX01", "pay_1", "", "", "DEMOACCT00001"},
        {6, ROW_CHARGE, "USD", 100, 5, "TX02", "pay_2", "", "", "DEMOACCT00001"},
        {7, ROW_CHARGE, "USD", 200, 0, "TX03", "pay_3", "", "", "DEMOACCT00001"},
        {8, ROW_CHARGE, "USD", 300, 0, "TX04", "pay_4", "", "", "DEMOACCT00001"},
        {9, ROW_REFUND, "USD", -300, 0, "TX05", "pay_4", "TX04", "", "DEMOACCT00001"},
        {10, ROW_AUTHORIZATION, "USD", 0, 0, "TX06", "", "", "pay_5", "DEMOACCT00001"},
    };
    static const enum row_status statuses[] = {ROW_DONE, ROW_PENDING, ROW_FAILED,
                                               ROW_DONE, ROW_DONE,    ROW_DONE};
    struct paper paper = detail();
    struct told told = read_paper(&paper, "TRR-20250901.01.011.CSV");
    told_print(&told);
    assert_int_equal(told.problems->len, 0);
    check_rows(&told, rows, COUNT_OF(rows));
    for (guint i = 0; i < COUNT_OF(statuses); i++) {
        assert_int_equal(told_at(&told, i)->status, statuses[i]);
        assert_string_equal(told_at(&told, i)->description, "a \"small\" thing");
    }
    assert_int_equal(told.head.balance_count, 0);
    assert_string_equal(told.head.file_id, "TRR 2025/09/01 01");
    told_free(&told);
}

static const struct damage settlement_damages[] = {
    {"no report head", DROP, 1, .problem = PROBLEM_ORDER, .told_line = 1},
    {"a report head without an account", REPLACE, 1, "DEMOACCT00001", "", PROBLEM_BAD_VALUE, 1},
    {"a report made on a day that is none", REPLACE, 1, "09/02", "09/31", PROBLEM_BAD_VALUE, 1},
    {"no file number", DROP, 2, .problem = PROBLEM_ORDER, .told_line = 2},
    {"a file number that the name denies", REPLACE, 2, "01", "02", PROBLEM_ORDER, 2},
    {"a file number of 0", REPLACE, 2, "01", "00", PROBLEM_ORDER, 2},
    {"a period that ends before it begins", REPLACE, 3, "00:00:00 -0700,2025/09/01",
     "00:00:00 -0700,2025/08/01", PROBLEM_PERIOD, 3},
    {"a period of another day than the name", EVERYWHERE, 0, "2025/09/01", "2025/09/05",
     PROBLEM_PERIOD, 0},
    {"no columns", DROP, 4, .problem = PROBLEM_ORDER, .told_line = 4},
    {"a column that is missing", REPLACE, 4, "Fee Amount", "Fee", PROBLEM_MISSING_COLUMN, 4},
    {"a column that is there twice", REPLACE, 4, "Consumer ID", "Custom Field",
     PROBLEM_MISSING_COLUMN, 4},
    {"an amount changed", REPLACE, 5, ",5200,", ",5300,", PROBLEM_TOTAL, 13},
    {"an amount changed, seen in the balance", REPLACE, 5, ",5200,", ",5300,", PROBLEM_BALANCE, 13},
    {"an amount with a sign", REPLACE, 5, ",5200,", ",-5200,", PROBLEM_SIGN, 5},
    {"an amount with a point", REPLACE, 5, ",5200,", ",52.00,", PROBLEM_BAD_VALUE, 5},
    {"no amount", REPLACE, 5, ",5200,", ",,", PROBLEM_BAD_VALUE, 5},
    {"an amount with hundredths of a yen", REPLACE, 11, ",90000,", ",90001,", PROBLEM_BAD_VALUE,
     11},
    {"a fee changed", REPLACE, 5, ",225,", ",224,", PROBLEM_TOTAL, 13},
    {"a fee that goes the other way", REPLACE, 6, "\"CR\",30", "\"DR\",30", PROBLEM_TOTAL, 13},
    {"a fee in another currency", REPLACE, 5, "225,\"USD\"", "225,\"EUR\"", PROBLEM_CURRENCY, 5},
    {"a direction turned", REPLACE, 7, "\"DR\"", "\"CR\"", PROBLEM_TOTAL, 13},
    {"a direction that is none", REPLACE, 7, "\"DR\"", "\"XX\"", PROBLEM_BAD_VALUE, 7},
    {"a checkout payment that goes out", REPLACE, 5, "\"CR\"", "\"DR\"", PROBLEM_SIGN, 5},
    {"a currency that is none", REPLACE, 5, "\"USD\"", "\"USX\"", PROBLEM_CURRENCY, 5},
    {"another currency", REPLACE, 5, "5200,\"USD\",\"DR\",225,\"USD\"",
     "5200,\"GBP\",\"DR\",225,\"GBP\"", PROBLEM_TOTAL, 15},
    {"a group of events that nobody knows", REPLACE, 5, "T0006", "T8806", PROBLEM_UNKNOWN_KIND, 5},
    {"an event that nobody knows", REPLACE, 5, "T0006", "T0099", PROBLEM_UNKNOWN_KIND, 5},
    {"an event that PayPal cannot place", REPLACE, 8, "T0106", "T9900", PROBLEM_UNKNOWN_KIND, 8},
    {"a reference of an unknown type", REPLACE, 6, "\"TXN\"", "\"XYZ\"", PROBLEM_UNKNOWN_KIND, 6},
    {"a time outside the period", REPLACE, 5, "/01 10:00:30 -0700,2025/09/01",
     "/01 10:00:30 -0700,2025/09/02", PROBLEM_PERIOD, 5},
    {"a time that is none", REPLACE, 5, "10:00:30", "10:60:30", PROBLEM_BAD_VALUE, 5},
    {"no transaction id", REPLACE, 5, "\"TX01\"", "\"\"", PROBLEM_BAD_VALUE, 5},
    {"bytes that are no UTF-8", REPLACE, 5, "TX01",
     "TX\xFF"
     "1",
     PROBLEM_ENCODING, 5},
    {"a row too short", REPLACE, 5, ",\"\",\"\"\n", ",\"\"\n", PROBLEM_BAD_ROW, 5},
    {"a row too long", REPLACE, 5, ",\"\",\"\"\n", ",\"\",\"\",\"x\"\n", PROBLEM_BAD_ROW, 5},
    {"a quote that never ends", REPLACE, 5, "\"TX01\"", "\"TX01", PROBLEM_BAD_ROW, 5},
    {"a row of no known type", REPLACE, 5, "\"SB\"", "\"SX\"", PROBLEM_UNKNOWN_KIND, 5},
    {"a row that is gone", DROP, 7, .problem = PROBLEM_COUNT, .told_line = 14},
    {"a row that is there twice", TWICE, 7, .problem = PROBLEM_REPEATED, .told_line = 8},
    {"a row after the footers", SWAP, 14, .problem = PROBLEM_ORDER, .told_line = 15},
    {"a row in another section", SWAP, 18, .problem = PROBLEM_ORDER, .told_line = 19},
    {"a currency without a footer", DROP, 14, .problem = PROBLEM_TOTAL, .told_line = 14},
    {"a footer that is there twice", TWICE, 13, .problem = PROBLEM_REPEATED, .told_line = 14},
    {"a footer without balances", REPLACE, 19,
     "\"CR\",100000,\"CR\",100950,\"CR\",100000,\"CR\",100950,\"CR\",0,\"CR\",0,", "",
     PROBLEM_BAD_ROW, 19},
    {"a closing balance changed", REPLACE, 19, "100950", "100951", PROBLEM_BALANCE, 19},
    {"an opening balance changed", REPLACE, 13, "100000", "100001", PROBLEM_BALANCE, 13},
    {"a count of a footer changed", REPLACE, 19, ",1\n", ",2\n", PROBLEM_COUNT, 19},
    {"a count of a section changed", REPLACE, 15, ",8", ",9", PROBLEM_COUNT, 15},
    {"no count of a section", DROP, 15, .problem = PROBLEM_ORDER, .told_line = 15},
    {"a whole section gone", DROP, 16, .problem = PROBLEM_COUNT, .told_line = 19, .number = 5},
    {"a total of the report changed", REPLACE, 23, ",1000,", ",1001,", PROBLEM_TOTAL, 23},
    {"a report's count changed", REPLACE, 24, ",9", ",8", PROBLEM_COUNT, 24},
    {"no footers of the report", DROP, 21, .problem = PROBLEM_CUT, .told_line = 21, .number = 4},
    {"a count of the file changed", REPLACE, 25, ",9", ",99", PROBLEM_COUNT, 25},
    {"no end", DROP, 25, .problem = PROBLEM_CUT, .told_line = 25},
    {"something after the end", AT_END, 0, .to = "\"SB\"\n", .problem = PROBLEM_TRAILING,
     .told_line = 26},
    {"a byte order mark", AT_BEGIN, 0, .to = "\xEF\xBB\xBF", .problem = TOLERATED},
    {"CR LF", EVERYWHERE, 0, "\n", "\r\n", TOLERATED},
    {"tabs", EVERYWHERE, 0, ",", "\t", TOLERATED},
    {"no quotes", EVERYWHERE, 0, "\"", "", TOLERATED},
    {"blank fields after a row", REPLACE, 5, ",\"\",\"\"\n", ",\"\",\"\",,,\n", TOLERATED},
    {"empty lines", BEFORE, 5, .to = "\n\r\n", .problem = TOLERATED},
};

static void each_damage_of_a_settlement_report_is_told(void **state) {
    struct paper paper = settlement();
    GString *good = write_paper(&paper);
    damage_check_layout(TARGET(statement_reader_find("paypal-stl"), "STL-20250901.01.009.CSV"),
                        good, settlement_damages, COUNT_OF(settlement_damages));
    g_string_free(good, true);
}

static const struct damage detail_damages[] = {
    {"no status", REPLACE, 5, ",\"S\",", ",\"\",", PROBLEM_UNKNOWN_KIND, 5},
    {"a status that is none", REPLACE, 5, ",\"S\",", ",\"Q\",", PROBLEM_UNKNOWN_KIND, 5},
    {"no column for the status", REPLACE, 4, "Transactional Status", "Status",
     PROBLEM_MISSING_COLUMN, 4},
    {"an amount changed", REPLACE, 7, ",200,", ",201,", PROBLEM_TOTAL, 11},
    {"an authorization's amount changed", REPLACE, 10, ",900,", ",901,", PROBLEM_TOTAL, 11},
    {"a refund that comes in", REPLACE, 9, "\"DR\"", "\"CR\"", PROBLEM_TOTAL, 11},
    {"a time outside the period", REPLACE, 5, "2025/09/01 10:00:30 -0700,2025/09/01 10:00:30 -0700",
     "2025/08/01 10:00:30 -0700,2025/08/01 10:00:30 -0700", PROBLEM_PERIOD, 5},
    {"begun before the period", REPLACE, 5, "2025/09/01 10:00:30", "2025/08/30 10:00:30",
     TOLERATED},
    {"completed after the period", REPLACE, 5, "2025/09/01 10:00:30 -0700,2025/09/01",
     "2025/09/01 10:00:30 -0700,2025/09/03", SAME_MONEY},
    {"not completed yet", REPLACE, 6, "-0700,2025/09/01 10:01:30 -0700", "-0700,", TOLERATED},
    {"the same transaction once more, with another status", REPLACE, 7, "TX03", "TX02", SAME_MONEY},
    {"the same transaction twice", REPLACE, 9, "TX05", "TX04", SAME_MONEY},
    {"the same event twice", REPLACE, 8, "TX04", "TX01", PROBLEM_REPEATED, 8},
    {"no report head", DROP, 1, .problem = PROBLEM_ORDER, .told_line = 1},
    {"a report head without an account", REPLACE, 1, "DEMOACCT00001", "", PROBLEM_BAD_VALUE, 1},
    {"a version that is no number", REPLACE, 1, ",011", ",XI", PROBLEM_BAD_VALUE, 1},
    {"a file number that the name denies", REPLACE, 2, "01", "02", PROBLEM_ORDER, 2},
    {"a period that ends before it begins", REPLACE, 3, "00:00:00 -0700,2025/09/01",
     "00:00:00 -0700,2025/08/01", PROBLEM_PERIOD, 3},
    {"no columns", DROP, 4, .problem = PROBLEM_ORDER, .told_line = 4},
    {"a column that is there twice", REPLACE, 4, "Consumer ID", "Custom Field",
     PROBLEM_MISSING_COLUMN, 4},
    {"an amount with a sign", REPLACE, 5, ",5200,", ",-5200,", PROBLEM_SIGN, 5},
    {"an amount with a point", REPLACE, 5, ",5200,", ",52.00,", PROBLEM_BAD_VALUE, 5},
    {"no amount", REPLACE, 5, ",5200,", ",,", PROBLEM_BAD_VALUE, 5},
    {"a fee changed", REPLACE, 5, ",225,", ",224,", PROBLEM_TOTAL, 11},
    {"a fee that goes the other way", REPLACE, 5, "\"DR\",225", "\"CR\",225", PROBLEM_TOTAL, 11},
    {"a fee in another currency", REPLACE, 5, "225,\"USD\"", "225,\"EUR\"", PROBLEM_CURRENCY, 5},
    {"a direction that is none", REPLACE, 5, "\"CR\"", "\"XX\"", PROBLEM_BAD_VALUE, 5},
    {"a checkout payment that goes out", REPLACE, 5, "\"CR\"", "\"DR\"", PROBLEM_SIGN, 5},
    {"a currency that is none", REPLACE, 7, "\"USD\"", "\"USX\"", PROBLEM_CURRENCY, 7},
    {"an event that nobody knows", REPLACE, 5, "T0006", "T0099", PROBLEM_UNKNOWN_KIND, 5},
    {"a reference of an unknown type", REPLACE, 9, "\"TXN\"", "\"XYZ\"", PROBLEM_UNKNOWN_KIND, 9},
    {"a time that is none", REPLACE, 5, "10:00:30", "10:60:30", PROBLEM_BAD_VALUE, 5},
    {"a time without its offset", REPLACE, 5, "10:00:30 -0700", "10:00:30", PROBLEM_BAD_VALUE, 5},
    {"no transaction id", REPLACE, 5, "\"TX01\"", "\"\"", PROBLEM_BAD_VALUE, 5},
    {"a transaction id with a control character", REPLACE, 5, "TX01",
     "TX\x01"
     "1",
     PROBLEM_BAD_VALUE, 5},
    {"bytes that are no UTF-8", REPLACE, 8, "small",
     "sm\xFF"
     "ll",
     PROBLEM_ENCODING, 8},
    {"a row too short", REPLACE, 5, ",\"S\",", ",", PROBLEM_BAD_ROW, 5},
    {"a row too long", REPLACE, 5, ",\"S\",", ",\"S\",\"S\",", PROBLEM_BAD_ROW, 5},
    {"a quote that never ends", REPLACE, 5, "\"TX01\"", "\"TX01", PROBLEM_BAD_ROW, 5},
    {"a row of no known type", REPLACE, 5, "\"SB\"", "\"SX\"", PROBLEM_UNKNOWN_KIND, 5},
    {"a row that is gone", DROP, 7, .problem = PROBLEM_COUNT, .told_line = 10},
    {"a row after the footers", SWAP, 10, .problem = PROBLEM_ORDER, .told_line = 11},
    {"a currency without a footer", DROP, 11, .problem = PROBLEM_TOTAL, .told_line = 11},
    {"a footer that is there twice", TWICE, 11, .problem = PROBLEM_REPEATED, .told_line = 12},
    {"a footer with balances", REPLACE, 11, ",6\n", ",\"CR\",0,\"CR\",0,6\n", PROBLEM_BALANCE, 11},
    {"a count of a footer changed", REPLACE, 11, ",6\n", ",7\n", PROBLEM_COUNT, 11},
    {"a count of a section changed", REPLACE, 12, ",6", ",5", PROBLEM_COUNT, 12},
    {"no count of a section", DROP, 12, .problem = PROBLEM_ORDER, .told_line = 12},
    {"a total of the report changed", REPLACE, 13, ",6700,", ",6701,", PROBLEM_TOTAL, 13},
    {"a report's count changed", REPLACE, 14, ",6", ",60", PROBLEM_COUNT, 14},
    {"no footers of the report", DROP, 13, .problem = PROBLEM_CUT, .told_line = 13, .number = 2},
    {"a count of the file changed", REPLACE, 15, ",6", ",5", PROBLEM_COUNT, 15},
    {"no end", DROP, 15, .problem = PROBLEM_CUT, .told_line = 15},
    {"something after the end", AT_END, 0, .to = "\"SB\"\n", .problem = PROBLEM_TRAILING,
     .told_line = 16},
};

static void each_damage_of_a_detail_report_is_told(void **state) {
    struct paper paper = detail();
    GString *good = write_paper(&paper);
    damage_check_layout(TARGET(statement_reader_find("paypal-trr"), "TRR-20250901.01.011.CSV"),
                        good, detail_damages, COUNT_OF(detail_damages));
    g_string_free(good, true);
}

static void the_footers_of_a_file_have_one_order(void **state) {
    struct paper paper = settlement();
    paper.debits_first = true;
    struct told told = read_paper(&paper, NULL);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
    GString *good = write_paper(&paper);
    const struct damage turned = {"one footer of the other order",
                                  REPLACE,
                                  19,
                                  ",0,1000,50,0,",
                                  ",1000,0,0,50,",
                                  PROBLEM_TOTAL,
                                  19};
    GString *text = damage_apply(good, &turned);
    told = damage_read(TARGET(statement_reader_find("paypal-stl")), text->str, text->len);
    assert_true(told_has(&told, PROBLEM_TOTAL, 19));
    assert_false(told_has(&told, PROBLEM_TOTAL, 13));
    g_string_free(text, true);
    g_string_free(good, true);
    told_free(&told);
}

static void totals_may_be_of_all_rows_or_of_those_that_move_money(void **state) {
    struct paper paper = detail();
    paper.only_moved = true;
    GString *good = write_paper(&paper);
    const struct damage cases[] = {
        {"nothing", EVERYWHERE, 0, "TX01", "TX99", SAME_MONEY},
        {"an amount that moved", REPLACE, 5, ",5200,", ",5201,", PROBLEM_TOTAL, 11},
    };
    damage_check_all(TARGET(statement_reader_find("paypal-trr")), good, cases, COUNT_OF(cases));
    g_string_free(good, true);
    /* Which of the two a file means is not said; so one change passes under totals of all rows. */
    const struct damage made_money[] = {
        {"an authorization made money", REPLACE, 0, "T1300", "T1200", PROBLEM_TOTAL, ANY_LINE},
        {"the same under totals of all rows", REPLACE, 0, "T1300", "T1200", ACCEPTED},
    };
    for (size_t i = 0; i < COUNT_OF(made_money); i++) {
        paper.only_moved = i == 0;
        good = write_paper(&paper);
        damage_check_all(TARGET(statement_reader_find("paypal-trr")), good, &made_money[i], 1);
        g_string_free(good, true);
    }
}

static void a_later_file_of_a_report_is_not_held_against_the_whole_reports_totals(void **state) {
    struct paper paper = settlement();
    paper.number = "02";
    GString *text = write_paper(&paper);
    g_string_replace(text, "\"RC\",9", "\"RC\",1000009", 0);
    struct told told = damage_read(
        TARGET(statement_reader_find("paypal-stl"), "STL-20250901.02.009.CSV"), text->str,
        text->len);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.head.sequence, 2);
    told_free(&told);
    g_string_free(text, true);
}

static void the_files_of_a_report_count_from_1(void **state) {
    struct paper paper = settlement();
    paper.number = "00";
    struct told told = read_paper(&paper, NULL);
    assert_true(told_has(&told, PROBLEM_ORDER, 2));
    assert_int_equal(told.head.sequence, -1);
    told_free(&told);
}

static void a_day_without_rows_is_an_empty_report(void **state) {
    struct paper paper = settlement();
    paper.section_count = 0;
    struct told told = read_paper(&paper, NULL);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 0);
    told_free(&told);
    paper = settlement();
    paper.section_count = 1;
    paper.sections[0].count = 0;
    told = read_paper(&paper, NULL);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
}

static void each_report_is_known_for_what_it_is(void **state) {
    struct paper papers[] = {settlement(), detail()};
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        GString *text = write_paper(&papers[i]);
        struct err err;
        int sure = 0;
        const struct statement_reader *reader = statement_detect("report.csv", text->str, text->len,
                                                                 &sure, &err);
        assert_non_null(reader);
        assert_string_equal(reader->name, i == 0 ? "paypal-stl" : "paypal-trr");
        assert_int_equal(sure, 100);
        assert_int_equal(reader->detect("STL-20250901.01.009.CSV", "RH", 2), 0);
        assert_int_equal(reader->detect("x", text->str + 1, text->len - 1), 0);
        g_string_free(text, true);
    }
}

static void a_report_cut_anywhere_is_told(void **state) {
    struct paper papers[] = {settlement(), detail()};
    static const char *const names[] = {"paypal-stl", "paypal-trr"};
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        GString *good = write_paper(&papers[i]);
        damage_check_cuts(TARGET(statement_reader_find(names[i])), good->str, good->len, good->len,
                          false);
        g_string_free(good, true);
    }
}

static void no_byte_changes_an_amount_untold(void **state) {
    struct paper papers[] = {settlement(), detail()};
    static const char *const names[] = {"paypal-stl", "paypal-trr"};
    /* No seed that makes money of an authorization: totals of all rows cannot tell that. */
    for (size_t i = 0; i < COUNT_OF(papers); i++) {
        GString *good = write_paper(&papers[i]);
        damage_check_changes(TARGET(statement_reader_find(names[i])), good->str, good->len,
                             i == 0 ? 20250901 : 7, 4000);
        g_string_free(good, true);
    }
}

static int refuse_second(void *ctx, const struct statement_row *row, struct err *err) {
    int *rows = (int *)ctx;
    return ++*rows == 2 ? err_set(err, ERR_STORE, "full") : 0;
}

static void ignore(void *ctx, enum statement_problem problem, int64_t line, const char *text) {
}

static void the_sinks_refusal_ends_the_reading(void **state) {
    struct paper paper = settlement();
    GString *text = write_paper(&paper);
    int rows = 0;
    const struct statement_sink sink = {&rows, refuse_second, ignore};
    const struct statement_source source = {.bytes = text->str, .count = text->len};
    struct statement_head head;
    struct err err;
    assert_int_equal(statement_reader_find("paypal-stl")->read(&source, &sink, &head, &err),
                     -ERR_STORE);
    assert_int_equal(rows, 2);
    assert_int_equal(head.rows, 1);
    g_string_free(text, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_settlement_report_gives_its_rows_head_and_balances),
        cmocka_unit_test(a_detail_report_gives_each_status_and_no_money_for_an_authorization),
        cmocka_unit_test(each_damage_of_a_settlement_report_is_told),
        cmocka_unit_test(each_damage_of_a_detail_report_is_told),
        cmocka_unit_test(the_footers_of_a_file_have_one_order),
        cmocka_unit_test(totals_may_be_of_all_rows_or_of_those_that_move_money),
        cmocka_unit_test(a_later_file_of_a_report_is_not_held_against_the_whole_reports_totals),
        cmocka_unit_test(the_files_of_a_report_count_from_1),
        cmocka_unit_test(a_day_without_rows_is_an_empty_report),
        cmocka_unit_test(each_report_is_known_for_what_it_is),
        cmocka_unit_test(a_report_cut_anywhere_is_told),
        cmocka_unit_test(no_byte_changes_an_amount_untold),
        cmocka_unit_test(the_sinks_refusal_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
