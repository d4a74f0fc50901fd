/* SPDX-License-Identifier: Apache-2.0
 * test_read_mt940.c: bank statements in MT940, made here from the published layout by a generator
 * of its own, whole and damaged. */
#include "support/statement_damage.h"

#include "base/clock.h"

enum { ROWS_MAX = 8, PAGES_MAX = 4, ACCOUNT_SUMS = 2 };

struct row {
    const char *days, *mark, *amount; /* of :61:, as written */
    int cents;                        /* + or -, what it does to the balance */
    const char *rest, *purpose;       /* "" for none; lines apart by '\n' */
};
struct page {
    const char *account, *number, *opened, *closed;
    bool continues, goes_on;
    int row_count;
    struct row rows[ROWS_MAX];
    const char *tail; /* lines after the closing balance */
};
struct book {
    int opening, page_count;
    struct page pages[PAGES_MAX];
    const char *before, *end; /* of each page */
};

static void write_balance(GString *text, const char *tag, const char *day, int cents) {
    int size = cents < 0 ? -cents : cents;
    g_string_append_printf(text, "%s%c%sEUR%d,%02d\n", tag, cents < 0 ? 'D' : 'C', day, size / 100,
                           size % 100);
}

static GString *write_book(const struct book *book) {
    GString *text = g_string_new("");
    const char *account = "";
    int balance = 0;
    for (int i = 0; i < book->page_count; i++) {
        const struct page *page = &book->pages[i];
        balance = strcmp(account, page->account) == 0 ? balance : book->opening;
        account = page->account;
        g_string_append_printf(text, "%s:20:DEMO%d\n:25:%s\n:28C:%s\n", book->before, i, account,
                               page->number);
        write_balance(text, page->continues ? ":60M:" : ":60F:", page->opened, balance);
        for (int j = 0; j < page->row_count; j++) {
            const struct row *row = &page->rows[j];
            g_string_append_printf(text, ":61:%s%s%s%s\n", row->days, row->mark, row->amount,
                                   row->rest);
            if (row->purpose[0] != '\0') {
                g_string_append_printf(text, ":86:%s\n", row->purpose);
            }
            balance += row->cents;
        }
        write_balance(text, page->goes_on ? ":62M:" : ":62F:", page->closed, balance);
        g_string_append_printf(text, "%s%s", page->tail, book->end);
    }
    return text;
}

#define FULL_LINE "REMITTANCE OF A CUSTOMER WHO WRITES MUCH AND NEVER STOPS WRITING "
static_assert(sizeof FULL_LINE - 1 == 65, "a line that is full");
#define FULL_PIECE "EREF+END-TO-END-REFERENCE-1"
static_assert(sizeof FULL_PIECE - 1 == 27, "a piece that is full");

/* Lines: 1 to 4 a head; 5 and 6, 7 to 9, 10 to 12, 13 rows; 14 :62M:, 15 end; 16 to 19 a head; 20
 * to 22, 23 rows; 24 :62F: to 30; 31 end; 32 to 35 a head, 36 :62F:, 37 :90C:, 38 end; 39 to 42 a
 * head, 43 and 44 a row, 45 :62F:, 46 end. */
static struct book year_end(void) {
    return (struct book){
        .opening = 100000,
        .page_count = 4,
        .pages = {{.account = "NL00DEMO0000000001",
                   .number = "00017/001",
                   .opened = "251230",
                   .closed = "260102",
                   .goes_on = true,
                   .row_count = 4,
                   .rows = {{"2512310102", "C", "45,10", 4510, "NTRFBATCH118//BR00231",
                             "ADYEN TX0000000001XT BATCH 118 DEMOSHOP"},
                            {"2601021231", "DR", "20,", -2000, "NCHGNONREF//BR00232",
                             "166?00ENTGELT?109310?20" FULL_PIECE
                             "?21234\n?22KREF+RUN-9?23SVWZ+Rechnung "
                             "4711?24vom 1. Dezember?31DE00DEMO77?32Anna?33Example"},
                            {"2601020102", "RC", "5,5", -550, "NRTI//BR00233\nRETURNED ITEM",
                             "/EREF/E-1//REMI/USTD//Order 1/"},
                            {"260102", "RD", "0,40", 40, "FMSCNONREF", ""}},
                   .tail = ""},
                  {.account = "NL00DEMO0000000001",
                   .number = "00017/002",
                   .opened = "260102",
                   .closed = "260102",
                   .continues = true,
                   .row_count = 2,
                   .rows = {{"2601020102", "C", "1000000,00", 100000000, "S103REF-5//BR00234",
                             FULL_LINE "\nAND ON"},
                            {"2601020102", "D", "0,01", -1, "NTRFREF-6", ""}},
                   .tail = ":64:C260102EUR1001022,99\n:65:C260103EUR1001022,99\n:65:D260104EUR0,\n"
                           ":86:a word\nabout the statement\n:90D:1EUR0,01\n"},
                  {.account = "NL00DEMO0000000001",
                   .number = "00018/001",
                   .opened = "260102",
                   .closed = "260103",
                   .tail = ":90C:0EUR0,\n"},
                  {.account = "DE00DEMO0000000002",
                   .number = "1",
                   .opened = "251231",
                   .closed = "260104",
                   .row_count = 1,
                   .rows = {{"2601040104", "D", "1000,01", -100001, "NTRFREF-7//B", "x"}},
                   .tail = ""}},
        .before = "",
        .end = "-\n",
    };
}

static int64_t day(const char *date) {
    char text[32];
    int64_t us = 0;
    snprintf(text, sizeof text, "%sT00:00:00Z", date);
    assert_true(clock_parse(text, &us));
    return us;
}

static const struct statement_reader *mt940(void) {
    return statement_reader_find("mt940");
}

struct expected {
    int64_t line, gross;
    const char *day, *id, *reference, *original_reference, *batch, *kind, *description;
};

static void check_rows(const struct told *told, const struct expected *rows, guint count) {
    assert_int_equal(told->rows->len, count);
    for (guint i = 0; i < count; i++) {
        const struct statement_row *row = told_at(told, i);
        assert_int_equal(row->line, rows[i].line);
        assert_int_equal(row->kind, rows[i].gross < 0 ? ROW_BANK_DEBIT : ROW_BANK_CREDIT);
        assert_int_equal(row->status, ROW_DONE);
        assert_string_equal(row->currency.code, "EUR");
        assert_true(row->gross_minor == rows[i].gross && row->net_minor == rows[i].gross);
        assert_true(row->fee_minor == AMOUNT_UNSAID);
        assert_true(row->at_us == day(rows[i].day));
        assert_string_equal(row->gateway_id, rows[i].id);
        assert_string_equal(row->reference, rows[i].reference);
        assert_string_equal(row->original_reference, rows[i].original_reference);
        assert_string_equal(row->batch, rows[i].batch);
        assert_string_equal(row->native_kind, rows[i].kind);
        assert_string_equal(row->description, rows[i].description);
    }
}

static void a_file_gives_its_rows_head_and_balances(void **state) {
    static const struct expected rows[] = {
        {5, 4510, "2026-01-02", "BR00231", "BATCH118", "", "", "NTRF",
         "ADYEN TX0000000001XT BATCH 118 DEMOSHOP"},
        {7, -2000, "2025-12-31", "BR00232", "END-TO-END-REFERENCE-1234", "", "RUN-9", "NCHG",
         FULL_PIECE "234 KREF+RUN-9 SVWZ+Rechnung 4711 vom 1. Dezember"},
        {10, -550, "2026-01-02", "BR00233", "", "E-1", "", "NRTI RC",
         "/EREF/E-1//REMI/USTD//Order 1/ RETURNED ITEM"},
        {13, 40, "2026-01-02", "", "", "", "", "FMSC RD", ""},
        {20, 100000000, "2026-01-02", "BR00234", "REF-5", "", "", "S103", FULL_LINE "AND ON"},
        {23, -1, "2026-01-02", "", "REF-6", "", "", "NTRF", ""},
        {43, -100001, "2026-01-04", "B", "REF-7", "", "", "NTRF", "x"},
    };
    struct book book = year_end();
    GString *text = write_book(&book);
    struct told told = damage_read(TARGET(mt940(), "x.sta"), text->str, text->len);
    told_print(&told);
    assert_int_equal(told.rc, 0);
    assert_int_equal(told.problems->len, 0);
    check_rows(&told, rows, COUNT_OF(rows));
    const struct statement_row *structured = told_at(&told, 1);
    assert_string_equal(structured->method, "ENTGELT");
    assert_string_equal(structured->party, "Anna Example");
    assert_string_equal(structured->party_account, "DE00DEMO77");
    assert_string_equal(structured->account, "NL00DEMO0000000001");
    assert_string_equal(told_at(&told, 6)->account, "DE00DEMO0000000002");
    assert_string_equal(told.head.account, "NL00DEMO0000000001");
    assert_string_equal(told.head.file_id, "17/1 2026-01-02");
    assert_int_equal(told.head.sequence, 17);
    assert_int_equal(told.head.rows, COUNT_OF(rows));
    assert_true(told.head.from_us == day("2025-12-30"));
    assert_true(told.head.until_us == day("2026-01-05"));
    assert_int_equal(told.head.balance_count, 1);
    assert_int_equal(told.head.balances[0].opening_minor, 200000);
    assert_int_equal(told.head.balances[0].closing_minor,
                     200000 + 101999 - 1 + 100000000 - 99999 - 100001);
    told_free(&told);
    g_string_free(text, true);
}

static void a_day_is_the_banks_own(void **state) {
    struct book book = year_end();
    GString *text = write_book(&book);
    const struct statement_source source = {
        .bytes = text->str, .count = text->len, .time_zone = "Europe/Berlin"};
    struct told told = told_read(mt940(), &source);
    assert_true(told_at(&told, 0)->at_us == day("2026-01-02") - INT64_C(3600000000));
    told_free(&told);
    const struct statement_source nowhere = {
        .bytes = text->str, .count = text->len, .time_zone = "Nowhere/None"};
    told = told_read(mt940(), &nowhere);
    assert_int_equal(told.rc, -ERR_VALIDATION);
    told_free(&told);
    g_string_free(text, true);
}

static const struct damage damages[] = {
    {"no transaction reference", DROP, 1, .problem = PROBLEM_ORDER, .told_line = 1},
    {"no account", DROP, 2, .problem = PROBLEM_ORDER, .told_line = 2},
    {"an account that is blank", REPLACE, 2, "NL00DEMO0000000001", " ", PROBLEM_BAD_VALUE, 2},
    {"no number", DROP, 3, .problem = PROBLEM_ORDER, .told_line = 3},
    {"a number that is none", REPLACE, 3, "00017", "17a", PROBLEM_BAD_VALUE, 3},
    {"no opening balance", DROP, 4, .problem = PROBLEM_ORDER, .told_line = 4},
    {"an opening balance changed", REPLACE, 4, "1000,00", "1001,00", PROBLEM_BALANCE, 14},
    {"an opening balance that is a debit", REPLACE, 4, ":C25", ":D25", PROBLEM_BALANCE, 14},
    {"an opening balance that is neither", REPLACE, 4, ":C25", ":X25", PROBLEM_BAD_VALUE, 4},
    {"an opening balance without a currency", REPLACE, 4, "EUR", "EUX", PROBLEM_CURRENCY, 4},
    {"an opening day that is none", REPLACE, 4, "251230", "251232", PROBLEM_BAD_VALUE, 4},
    {"an opening balance with a point", REPLACE, 4, "1000,00", "1000.00", PROBLEM_BAD_VALUE, 4},
    {"something after an opening balance", REPLACE, 4, "1000,00", "1000,00 ", PROBLEM_BAD_VALUE, 4},
    {"an amount changed", REPLACE, 5, "45,10", "45,11", PROBLEM_BALANCE, 14},
    {"an amount without a comma", REPLACE, 5, "45,10", "4510", PROBLEM_BAD_VALUE, 5},
    {"an amount finer than a cent", REPLACE, 5, "45,10", "45,101", PROBLEM_BAD_VALUE, 5},
    {"a sign turned", REPLACE, 5, "0102C", "0102D", PROBLEM_BALANCE, 14},
    {"a sign that is none", REPLACE, 5, "0102C", "0102X", PROBLEM_UNKNOWN_KIND, 5},
    {"an expected row", REPLACE, 5, "0102C", "0102EC", PROBLEM_UNKNOWN_KIND, 5},
    {"a reversal of a credit taken for one of a debit", REPLACE, 10, "RC", "RD", PROBLEM_BALANCE,
     14},
    {"a type that is none", REPLACE, 5, "NTRF", "XTRF", PROBLEM_BAD_VALUE, 5},
    {"a type with a blank in it", REPLACE, 5, "NTRF", "N RF", PROBLEM_BAD_VALUE, 5},
    {"a reference with a control character", REPLACE, 5, "BATCH118", "BATCH\x01", PROBLEM_BAD_VALUE,
     5},
    {"a reference in the text with a control character", REPLACE, 12, "E-1", "E\x02", SAME_MONEY},
    {"a value day that is none", REPLACE, 5, "251231", "251331", PROBLEM_BAD_VALUE, 5},
    {"a booking day that is none", REPLACE, 5, "0102C", "0231C", PROBLEM_BAD_VALUE, 5},
    {"a row that is gone", DROP, 5, .problem = PROBLEM_BALANCE, .told_line = 12, .number = 2},
    {"a row that is there twice", TWICE, 13, .problem = PROBLEM_BALANCE, .told_line = 15},
    {"a row after the closing balance", SWAP, 13, .problem = PROBLEM_ORDER, .told_line = 14},
    {"a field that nobody knows", BEFORE, 13, .to = ":34F:EUR0,\n", .problem = PROBLEM_UNKNOWN_KIND,
     .told_line = 13},
    {"a line of no field", AT_BEGIN, 0, .to = "what is this?\n", .problem = PROBLEM_BAD_ROW,
     .told_line = 1},
    {"a balance that goes on in a second line", BEFORE, 5, .to = "00\n", .problem = PROBLEM_BAD_ROW,
     .told_line = 4},
    {"bytes that are neither UTF-8 nor Latin-1", REPLACE, 6, "ADYEN",
     "AD\x81"
     "EN",
     PROBLEM_ENCODING, 6},
    {"a closing balance changed", REPLACE, 14, ",", "1,", PROBLEM_BALANCE, 14},
    {"a closing balance in another currency", REPLACE, 14, "EUR", "USD", PROBLEM_CURRENCY, 14},
    {"no closing balance", DROP, 14, .problem = PROBLEM_ORDER, .told_line = 14},
    {"a page that does not go on", REPLACE, 14, ":62M:", ":62F:", PROBLEM_ORDER, 19},
    {"a page that begins anew", REPLACE, 19, ":60M:", ":60F:", PROBLEM_ORDER, 19},
    {"a page gone", DROP, 16, .problem = PROBLEM_ORDER, .told_line = 19, .number = 16},
    {"the first page gone", DROP, 1, .problem = PROBLEM_ORDER, .told_line = 4, .number = 15},
    {"the last page gone", DROP, 16, .problem = PROBLEM_CUT, .told_line = ANY_LINE, .number = 30},
    {"pages in another order", REPLACE, 18, "/002", "/003", PROBLEM_ORDER, 19},
    {"a statement's number passed over", REPLACE, 34, "00018", "00019", PROBLEM_ORDER, 35},
    {"a statement that is there twice", TWICE, 32, .problem = PROBLEM_REPEATED, .told_line = 42,
     .number = 7},
    {"a statement gone between two", DROP, 1, .problem = PROBLEM_ORDER, .told_line = ANY_LINE,
     .number = 15},
    {"an opening balance that is not the closing one", REPLACE, 35, ",", "1,", PROBLEM_ORDER, 35},
    {"an available balance that is none", REPLACE, 25, "EUR", "EUX", PROBLEM_CURRENCY, 25},
    {"a count changed", REPLACE, 30, ":1EUR", ":2EUR", PROBLEM_COUNT, 30},
    {"a sum changed", REPLACE, 30, "0,01", "0,02", PROBLEM_TOTAL, 30},
    {"no end", DROP, 46, .problem = PROBLEM_CUT, .told_line = 45},
    {"an end twice", TWICE, 46, .problem = PROBLEM_ORDER, .told_line = 47},
    {"a byte order mark", AT_BEGIN, 0, .to = "\xEF\xBB\xBF", .problem = TOLERATED},
    {"CR LF", EVERYWHERE, 0, "\n", "\r\n", TOLERATED},
    {"lines of the bank before it", AT_BEGIN, 0, .to = "ABNANL2A\n940\nABNANL2A\n",
     .problem = TOLERATED},
    {"a tag of the format before it", AT_BEGIN, 0, .to = ":940:\n", .problem = TOLERATED},
    {"no ends at all", EVERYWHERE, 0, "\n-\n", "\n", TOLERATED},
    {"blocks of the network", EVERYWHERE, 0, "\n-\n", "\n-}{5:{CHK:0}}\n{1:F01DEMO}{2:O940}\n{4:\n",
     PROBLEM_CUT, ANY_LINE},
};

static void each_damage_is_told(void **state) {
    struct book book = year_end();
    GString *good = write_book(&book);
    damage_check_layout(TARGET(mt940(), "x.sta"), good, damages, COUNT_OF(damages));
    g_string_free(good, true);
}

static void a_statement_in_the_networks_blocks_is_read_and_must_be_closed(void **state) {
    struct book book = year_end(), plain = year_end();
    book.before = "{1:F01DEMOXXXX}{2:O9400000260102DEMOXXXX}{4:\n";
    book.end = "-}{5:{CHK:0123456789AB}}\n";
    GString *text = write_book(&book), *bare = write_book(&plain);
    struct told told = damage_read(TARGET(mt940()), text->str, text->len);
    struct told right = damage_read(TARGET(mt940()), bare->str, bare->len);
    assert_int_equal(told.problems->len, 0);
    assert_true(damage_same_money(&told, &right));
    told_free(&told);
    told = damage_read(TARGET(mt940()), text->str, text->len - strlen(book.end));
    assert_true(told_has(&told, PROBLEM_CUT, ANY_LINE));
    told_free(&told);
    told_free(&right);
    g_string_free(text, true);
    g_string_free(bare, true);
}

static void a_text_that_is_no_utf_8_is_latin_1(void **state) {
    struct book book = year_end();
    book.pages[0].rows[0].purpose = "Caf\xE9 M\xFCller";
    GString *text = write_book(&book);
    struct told told = damage_read(TARGET(mt940()), text->str, text->len);
    assert_int_equal(told.problems->len, 0);
    assert_string_equal(told_at(&told, 0)->description, "Café Müller");
    told_free(&told);
    g_string_free(text, true);
}

static void a_reference_in_the_text_is_one_only_when_it_is_clean(void **state) {
    static const struct {
        const char *purpose, *reference;
    } cases[] = {{"/EREF/E-9/REMI/x", "E-9"}, {"/EREF/E\x02/REMI/x", ""},
                 {"/EREF/NOTPROVIDED/", ""},  {"EREF+E 9 SVWZ+x", "E 9"},
                 {"XEREF+E-9", ""},           {"nothing", ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct book book = year_end();
        book.pages[0].rows[3].purpose = cases[i].purpose;
        book.pages[0].rows[3].mark = "C";
        GString *text = write_book(&book);
        struct told told = damage_read(TARGET(mt940()), text->str, text->len);
        assert_int_equal(told.problems->len, 0);
        assert_string_equal(told_at(&told, 3)->reference, cases[i].reference);
        told_free(&told);
        g_string_free(text, true);
    }
}

static void the_year_of_a_booking_day_is_the_closest_one(void **state) {
    static const struct {
        const char *days, *day;
    } cases[] = {{"2512310102", "2026-01-02"}, {"2601021231", "2025-12-31"},
                 {"2602280301", "2026-03-01"}, {"2402290229", "2024-02-29"},
                 {"2412310229", "2024-02-29"}, {"250630", "2025-06-30"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct book book = year_end();
        book.page_count = 1;
        book.pages[0].goes_on = false;
        book.pages[0].rows[0].days = cases[i].days;
        GString *text = write_book(&book);
        struct told told = damage_read(TARGET(mt940()), text->str, text->len);
        assert_int_equal(told.problems->len, 0);
        assert_true(told_at(&told, 0)->at_us == day(cases[i].day));
        told_free(&told);
        g_string_free(text, true);
    }
}

static void a_statement_is_known_for_what_it_is(void **state) {
    struct book book = year_end();
    GString *text = write_book(&book);
    struct err err;
    int sure = 0;
    const struct statement_reader *reader = statement_detect("a.txt", text->str, text->len, &sure,
                                                             &err);
    assert_ptr_equal(reader, mt940());
    assert_int_equal(sure, 100);
    assert_int_equal(mt940()->detect("a.sta", ":20:x\n:25:y\n", 12), 0);
    assert_int_equal(mt940()->detect("a.sta", "", 0), 0);
    g_string_free(text, true);
}

static void a_statement_cut_anywhere_is_told_or_whole(void **state) {
    struct book book = year_end();
    book.page_count = 2; /* of what follows a whole statement nobody can know that it is gone */
    GString *good = write_book(&book);
    damage_check_cuts(TARGET(mt940()), good->str, good->len, good->len, false);
    g_string_free(good, true);
    book.end = ""; /* without ends what is lost may be no row and no balance */
    good = write_book(&book);
    damage_check_cuts(TARGET(mt940()), good->str, good->len, good->len, true);
    g_string_free(good, true);
}

static void no_byte_changes_an_amount_untold(void **state) {
    struct book book = year_end();
    book.page_count = 2;
    GString *good = write_book(&book);
    damage_check_changes(TARGET(mt940()), good->str, good->len, 940, 6000);
    g_string_free(good, true);
}

static void an_empty_file_is_cut(void **state) {
    struct told told = damage_read(TARGET(mt940()), "", 0);
    assert_true(told_has(&told, PROBLEM_CUT, ANY_LINE));
    told_free(&told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_its_rows_head_and_balances),
        cmocka_unit_test(a_day_is_the_banks_own),
        cmocka_unit_test(each_damage_is_told),
        cmocka_unit_test(a_statement_in_the_networks_blocks_is_read_and_must_be_closed),
        cmocka_unit_test(a_text_that_is_no_utf_8_is_latin_1),
        cmocka_unit_test(a_reference_in_the_text_is_one_only_when_it_is_clean),
        cmocka_unit_test(the_year_of_a_booking_day_is_the_closest_one),
        cmocka_unit_test(a_statement_is_known_for_what_it_is),
        cmocka_unit_test(a_statement_cut_anywhere_is_told_or_whole),
        cmocka_unit_test(no_byte_changes_an_amount_untold),
        cmocka_unit_test(an_empty_file_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
