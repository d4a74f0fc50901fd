/* SPDX-License-Identifier: Apache-2.0
 * test_read_csv.c: files by a map, and the file that Holdfast writes itself. */
#include "base/clock.h"
#include "statement/map.h"
#include "support/statement_damage.h"

extern const struct statement_reader reader_csv;
extern const struct statement_reader reader_canonical;

/* A bank's file as banks write them: lines before the header, comments, German numbers, sums. */
static const char bank_map[] = "delimiter: semicolon\n"
                               "skip_lines: 2\n"
                               "comment: \"#\"\n"
                               "footer: Summe\n"
                               "columns: {reference: Auftrag, gateway_id: Nr, time: Datum,\n"
                               "  credit: Haben, debit: Soll, fee: Entgelt, description: Text}\n"
                               "currency: EUR\n"
                               "kind_by_sign: {positive: charge, negative: refund}\n"
                               "time: {format: DD.MM.YYYY, zone: Europe/Berlin}\n"
                               "amount: {decimal: \",\", group: \".\"}\n"
                               "totals: [credit, debit, fee]\n";
#define BEFORE "Umsätze \"2025\n;;\n"
#define HEADER "Nr;Auftrag;Datum;Haben;Soll;Entgelt;Text\n"
#define ROWS                                                                                       \
    "1;ORD-1;01.09.2025;1.234,50;;0,50;\"Tee; grün\"\n"                                           \
    "# \"a note\n"                                                                                 \
    "2;ORD-2;01.09.2025;;10,00;;zurück\n"                                                         \
    "3;ORD-3;02.09.2025;5,00;;0,01;\"zwei\nZeilen\"\n"
#define FOOTER "Summe;;;1.239,50;10,00;0,51;\n"
#define GOOD BEFORE HEADER ROWS FOOTER

static struct csv_map *map_of(const char *yaml) {
    struct csv_map *map = NULL;
    struct err err = {0};
    if (csv_map_read("m", yaml, strlen(yaml), &map, &err) < 0) {
        fail_msg("refused: %s", err.detail);
    }
    return map;
}

static void a_good_file_gives_exactly_its_rows(void **state) {
    CSV_MAP_AUTO map = map_of(bank_map);
    struct told told = damage_read(TARGET(&reader_csv, "b.csv", NULL, map), GOOD, strlen(GOOD));
    told_print(&told);
    assert_int_equal(told.rc, 0);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 3);
    assert_int_equal(told.head.rows, 3);
    assert_int_equal(told.head.sequence, -1);
    const struct statement_row *row = told_at(&told, 0);
    assert_int_equal(row->line, 4);
    assert_int_equal(row->kind, ROW_CHARGE);
    assert_int_equal(row->gross_minor, 123450);
    assert_int_equal(row->fee_minor, 50);
    assert_int_equal(row->at_us, INT64_C(1756677600) * US_PER_SECOND);
    assert_string_equal(row->reference, "ORD-1");
    assert_string_equal(row->gateway_id, "1");
    assert_string_equal(row->description, "Tee; grün");
    assert_int_equal(told_at(&told, 1)->line, 6);
    assert_int_equal(told_at(&told, 1)->kind, ROW_REFUND);
    assert_int_equal(told_at(&told, 1)->gross_minor, -1000);
    assert_true(told_at(&told, 1)->fee_minor == AMOUNT_UNSAID);
    assert_string_equal(told_at(&told, 2)->description, "zwei Zeilen");
    told_free(&told);
    (void)state;
}

/* A day is covered only for what a file can tell. */
static void what_no_word_of_a_map_stands_for_is_not_told(void **state) {
#define SHAPE                                                                                      \
    "columns: {reference: Id, time: Date, amount: Amount%s}\n"                                     \
    "currency: EUR\ntime: {format: YYYY-MM-DD, zone: UTC}\n"
    static const struct {
        const char *column, *kinds;
        unsigned lacks;
    } maps[] = {
        {"", "kind: charge\n", TELLS_ALL & ~TELLS_CHARGES},
        {"", "kind: fee\n", TELLS_ALL},
        {"", "kind_by_sign: {positive: charge, negative: refund}\n",
         TELLS_DISPUTES | TELLS_BANK},
        {"", "kind_by_sign: {positive: bank_credit, negative: bank_debit}\n", TELLS_MOVEMENTS},
        {", kind: Type", "kinds: {Back: refund, Fee: fee, Lost: chargeback}\n",
         TELLS_CHARGES | TELLS_BANK},
        {", kind: Type", "", 0},
    };
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        char *shape = g_strdup_printf(SHAPE, maps[i].column);
        char *yaml = g_strconcat(shape, maps[i].kinds, NULL);
        CSV_MAP_AUTO map = map_of(yaml);
        const char *text = maps[i].column[0] != '\0' ? "Id,Date,Amount,Type\n"
                                                     : "Id,Date,Amount\n";
        struct told told = damage_read(TARGET(&reader_csv, "b.csv", NULL, map), text,
                                       strlen(text));
        assert_int_equal(told.problems->len, 0);
        assert_int_equal(told.head.lacks, maps[i].lacks);
        told_free(&told);
        g_free(yaml);
        g_free(shape);
    }
}

static void damage_is_told_with_its_line(void **state) {
    static const struct damage damages[] = {
        {"a byte order mark", AT_BEGIN, 0, NULL, "\xEF\xBB\xBF", TOLERATED, 0},
        {"CR LF", REPLACE, 0, "Text\n1", "Text\r\n1", TOLERATED, 0},
        {"empty lines", REPLACE, 0, "2;ORD-2", "\n\r\n2;ORD-2", TOLERATED, 0},
        {"no last line end", REPLACE, 0, "0,51;\n", "0,51;", TOLERATED, 0},
        {"a column more", REPLACE, 0, "Text\n", "Text;\n", TOLERATED, 0},
        {"empty lines before a comment", REPLACE, 0, "# \"a", "\n\r\n# \"a", TOLERATED, 0},
        {"blanks around values", REPLACE, 0, ";ORD-2;", "; ORD-2 ;", TOLERATED, 0},
        {"a comment behind the footer", REPLACE, 0, "0,51;\n", "0,51;\n# end\n", TOLERATED, 0},
        {"an empty file", REPLACE, 0, GOOD, "", PROBLEM_CUT, 0},
        {"no header", REPLACE, 0, HEADER ROWS FOOTER, "", PROBLEM_MISSING_COLUMN, 0},
        {"a line before it is missing", REPLACE, 0, "Umsätze \"2025\n", "", PROBLEM_MISSING_COLUMN,
         -1},
        {"a missing column", REPLACE, 0, "Haben", "Ist", PROBLEM_MISSING_COLUMN, 3},
        {"a column twice", REPLACE, 0, "Text", "Datum", PROBLEM_MISSING_COLUMN, 3},
        {"no footer", REPLACE, 0, FOOTER, "", PROBLEM_CUT, 0},
        {"a row behind the footer", REPLACE, 0, FOOTER, FOOTER "4;ORD-4;02.09.2025;;1,00;;\n",
         PROBLEM_TRAILING, 10},
        {"two footers", REPLACE, 0, FOOTER, FOOTER FOOTER, PROBLEM_TRAILING, 10},
        {"a changed amount", REPLACE, 0, "1.234,50", "1.234,51", PROBLEM_TOTAL, 9},
        {"a changed debit", REPLACE, 0, ";10,00;;z", ";10,01;;z", PROBLEM_TOTAL, 9},
        {"a changed fee", REPLACE, 0, "0,01", "0,02", PROBLEM_TOTAL, 9},
        {"a changed sum", REPLACE, 0, "1.239,50", "1.239,05", PROBLEM_TOTAL, 9},
        {"a sum that is none", REPLACE, 0, "1.239,50", "1,239.50", PROBLEM_TOTAL, 9},
        {"a missing row", REPLACE, 0, "2;ORD-2;01.09.2025;;10,00;;zurück\n", "", PROBLEM_TOTAL, 8},
        {"a row twice", REPLACE, 0, "2;ORD-2;01.09.2025;;10,00;;zurück\n",
         "2;ORD-2;01.09.2025;;10,00;;zurück\n2;ORD-2;01.09.2025;;10,00;;zurück\n", PROBLEM_REPEATED,
         7},
        {"a row that changed sides", REPLACE, 0, ";5,00;;", ";;5,00;", PROBLEM_TOTAL, 9},
        {"an English number", REPLACE, 0, "1.234,50", "1,234.50", PROBLEM_BAD_VALUE, 4},
        {"no amount", REPLACE, 0, ";5,00;;", ";;;", PROBLEM_BAD_VALUE, 7},
        {"both amounts", REPLACE, 0, ";5,00;;", ";5,00;5,00;", PROBLEM_BAD_VALUE, 7},
        {"a sign", REPLACE, 0, ";5,00;;", ";-5,00;;", PROBLEM_SIGN, 7},
        {"a fraction too fine", REPLACE, 0, "5,00", "5,001", PROBLEM_BAD_VALUE, 7},
        {"a day that is none", REPLACE, 0, "02.09.2025", "31.09.2025", PROBLEM_BAD_VALUE, 7},
        {"an American date", REPLACE, 0, "02.09.2025", "09/02/2025", PROBLEM_BAD_VALUE, 7},
        {"a torn line", REPLACE, 0, ";10,00;;zurück\n", "\n", PROBLEM_BAD_ROW, 6},
        {"a semicolon that nobody quoted", REPLACE, 0, "zurück", "zu;rück", PROBLEM_BAD_ROW, 6},
        {"a quote that never ends", REPLACE, 0, "Zeilen\"", "Zeilen", PROBLEM_BAD_ROW, 7},
        {"text behind a quote", REPLACE, 0, "grün\"", "grün\" x", PROBLEM_BAD_ROW, 4},
        {"a text in Latin 1", REPLACE, 0, "grün", "gr\xFCn", PROBLEM_ENCODING, 4},
        {"an id in Latin 1", REPLACE, 0, "ORD-2", "ORD\xFC", PROBLEM_ENCODING, 6},
        {"a control character", REPLACE, 0, "ORD-2", "ORD\x02", PROBLEM_BAD_VALUE, 6},
    };
    CSV_MAP_AUTO map = map_of(bank_map);
    damage_check_text(TARGET(&reader_csv, "b.csv", NULL, map), GOOD, damages, COUNT_OF(damages));
    (void)state;
}

static void every_cut_of_a_file_with_a_footer_is_told(void **state) {
    CSV_MAP_AUTO map = map_of(bank_map);
    size_t last = strlen(GOOD) - strlen(";\n");
    for (size_t count = 0; count < strlen(GOOD); count++) {
        struct told told = damage_read(TARGET(&reader_csv, "b", NULL, map), GOOD, count);
        /* Behind the last sum there is nothing left to miss. */
        if (count < last) {
            assert_true(told.problems->len > 0);
        }
        told_free(&told);
    }
    (void)state;
}

static void changed_bytes_never_pass_as_changed_money(void **state) {
    CSV_MAP_AUTO map = map_of(bank_map);
    for (guint32 seed = 1; seed <= 4000; seed++) {
        char *bytes = damage_bytes(GOOD, strlen(GOOD), seed);
        struct told told = damage_read(TARGET(&reader_csv, "b", NULL, map), bytes, strlen(GOOD));
        int64_t sum = 0;
        for (guint i = 0; i < told.rows->len; i++) {
            sum += told_at(&told, i)->gross_minor;
        }
        if (told.problems->len == 0 &&
            g_strstr_len(bytes, strlen(GOOD), "\nSumme;;;1.239,50;10,00;") != NULL) {
            assert_int_equal(sum, 123950 - 1000);
        }
        told_free(&told);
        g_free(bytes);
    }
    (void)state;
}

static void sums_of_several_currencies_cannot_be_checked(void **state) {
    CSV_MAP_AUTO map = map_of("footer: Sum\ntotals: [amount]\nkind: charge\n"
                              "columns: {reference: R, time: T, amount: A, currency: C}\n"
                              "time: {format: YYYY-MM-DD, zone: UTC}\n");
    static const char text[] = "R,T,A,C\na,2025-09-01,1,EUR\nb,2025-09-01,1,USD\nSum,,2,\n";
    static const char none[] = "R,T,A,C\nSum,,0,\n", wrong[] = "R,T,A,C\nSum,,0.01,\n";
    struct told told = damage_read(TARGET(&reader_csv, "x", NULL, map), text, sizeof text - 1);
    assert_true(told_has(&told, PROBLEM_TOTAL, 4));
    told_free(&told);
    told = damage_read(TARGET(&reader_csv, "x", NULL, map), none, sizeof none - 1);
    assert_int_equal(told.problems->len, 0);
    told_free(&told);
    told = damage_read(TARGET(&reader_csv, "x", NULL, map), wrong, sizeof wrong - 1);
    assert_true(told_has(&told, PROBLEM_TOTAL, 2));
    told_free(&told);
    (void)state;
}

static void rows_without_an_id_may_be_alike(void **state) {
    CSV_MAP_AUTO map = map_of("kind: fee\ncurrency: EUR\ntime: {format: YYYY-MM-DD, zone: UTC}\n"
                              "columns: {reference: R, time: T, amount: A}\n");
    static const char text[] = "R,T,A\n,2025-09-01,1\n,2025-09-01,1\nr,2025-09-01,1\n";
    struct told told = damage_read(TARGET(&reader_csv, "x", NULL, map), text, sizeof text - 1);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 3);
    told_free(&told);
    (void)state;
}

static void without_a_header_the_first_record_is_a_row(void **state) {
    CSV_MAP_AUTO map = map_of("header: false\nkind: charge\ncurrency: EUR\ndelimiter: tab\n"
                              "time: {format: YYYY-MM-DD, zone: UTC}\n"
                              "columns: {reference: 1, time: 2, amount: 3}\n");
    static const char text[] = "a\t2025-09-01\t1\nb\t2025-09-01\t2\nc\t2025-09-01\n";
    struct told told = damage_read(TARGET(&reader_csv, "x", NULL, map), text, sizeof text - 1);
    assert_int_equal(told.rows->len, 2);
    assert_int_equal(told_at(&told, 0)->line, 1);
    assert_true(told_has(&told, PROBLEM_BAD_ROW, 3));
    told_free(&told);
    (void)state;
}

static void a_file_in_another_character_set_is_turned_or_refused(void **state) {
    static const char yaml[] = "\nkind: charge\ncurrency: EUR\n"
                               "time: {format: YYYY-MM-DD, zone: UTC}\n"
                               "columns: {reference: R, time: T, amount: A, description: N}\n";
    static const struct {
        const char *charset, *bytes;
        const char *note; /* NULL: refused */
    } cases[] = {
        {"latin1", "R,T,A,N\nr,2025-09-01,1,gr\xFCn \x80\n", "grün €"},
        {"gb18030", "R,T,A,N\nr,2025-09-01,1,\xD6\xD0\n", "中"},
        {"gb18030", "R,T,A,N\nr,2025-09-01,1,\xFF\xFF\n", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *text = g_strconcat("charset: ", cases[i].charset, yaml, NULL);
        CSV_MAP_AUTO map = map_of(text);
        size_t count = strlen(cases[i].bytes);
        struct told told = damage_read(TARGET(&reader_csv, "x", NULL, map), cases[i].bytes, count);
        if (cases[i].note != NULL) {
            assert_int_equal(told.problems->len, 0);
            assert_string_equal(told_at(&told, 0)->description, cases[i].note);
        } else {
            assert_int_equal(told.rc, -ERR_BAD_REQUEST);
            assert_true(told_has(&told, PROBLEM_ENCODING, 0));
        }
        told_free(&told);
        g_free(text);
    }
    (void)state;
}

static void without_a_map_nothing_is_read(void **state) {
    struct told told = damage_read(TARGET(&reader_csv, "x"), "a,b\n", 4);
    assert_int_equal(told.rc, -ERR_BAD_REQUEST);
    assert_true(told_has(&told, PROBLEM_MISSING_COLUMN, 0));
    told_free(&told);
    assert_int_equal(reader_csv.detect("x.csv", GOOD, strlen(GOOD)), 0);
    (void)state;
}

/* The block that begins behind this heading and fence, and ends with the next fence. */
static char *block_of(const char *page, const char *heading, const char *fence) {
    const char *at = strstr(page, heading);
    assert_non_null(at);
    at = strstr(at, fence);
    assert_non_null(at);
    at += strlen(fence);
    const char *end = strstr(at, "```");
    assert_non_null(end);
    return g_strndup(at, (gsize)(end - at));
}

/* Whoever copies an example from docs/statements.md must get what stands there. */
static void the_worked_examples_of_the_page_are_read(void **state) {
    static const struct {
        const char *heading;
        int64_t gross[2], fee;
        int64_t at_s;
    } examples[] = {
        {"### Example: German dates", {123450, -10000}, 1250, INT64_C(1756721472)},
        {"### Example: a credit and a debit", {123450, -10000}, AMOUNT_UNSAID, INT64_C(1756746300)},
    };
    char *page = NULL;
    assert_true(g_file_get_contents(TESTS_DIR "/../docs/statements.md", &page, NULL, NULL));
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char *file = block_of(page, examples[i].heading, "```\n");
        char *yaml = block_of(page, examples[i].heading, "```yaml\n");
        CSV_MAP_AUTO map = map_of(yaml);
        struct told told = damage_read(TARGET(&reader_csv, "x", NULL, map), file, strlen(file));
        told_print(&told);
        assert_int_equal(told.problems->len, 0);
        assert_int_equal(told.rows->len, 2);
        for (guint j = 0; j < 2; j++) {
            assert_int_equal(told_at(&told, j)->gross_minor, examples[i].gross[j]);
            assert_int_equal(told_at(&told, j)->kind, j == 0 ? ROW_CHARGE : ROW_REFUND);
        }
        assert_int_equal(told_at(&told, 0)->fee_minor, examples[i].fee);
        assert_int_equal(told_at(&told, 0)->at_us, examples[i].at_s * US_PER_SECOND);
        told_free(&told);
        g_free(file);
        g_free(yaml);
    }
    g_free(page);
    (void)state;
}

/* ---- the canonical file ---- */

#define CANON_HEADER                                                                               \
    "gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"    \
    "net,time,method,description\n"
#define CANON_ROWS                                                                                 \
    "pi_1,att_1,,,,charge,done,USD,1250,,,2025-09-01T10:11:12Z,card,\n"                            \
    "re_1,ref_1,pi_1,att_1,po_1,refund,pending,JPY,-500,0,-500,2025-09-01T10:11:12.5Z,,\"a,b\"\n"

static void the_canonical_file_needs_no_map(void **state) {
    struct told told = damage_read(TARGET(&reader_canonical, "ours.csv"), CANON_HEADER CANON_ROWS,
                                   strlen(CANON_HEADER CANON_ROWS));
    told_print(&told);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 2);
    const struct statement_row *row = told_at(&told, 0);
    assert_int_equal(row->gross_minor, 1250);
    assert_true(row->fee_minor == AMOUNT_UNSAID);
    assert_int_equal(row->at_us, INT64_C(1756721472) * US_PER_SECOND);
    row = told_at(&told, 1);
    assert_int_equal(row->kind, ROW_REFUND);
    assert_int_equal(row->status, ROW_PENDING);
    assert_int_equal(row->gross_minor, -500);
    assert_int_equal(row->net_minor, -500);
    assert_string_equal(row->original_reference, "att_1");
    assert_string_equal(row->description, "a,b");
    assert_int_equal(row->at_us, INT64_C(1756721472500000));
    told_free(&told);
    (void)state;
}

static void the_canonical_file_is_known_by_its_header(void **state) {
    assert_int_equal(
        reader_canonical.detect("x", CANON_HEADER CANON_ROWS, strlen(CANON_HEADER CANON_ROWS)),
        100);
    assert_int_equal(
        reader_canonical.detect("x", "\xEF\xBB\xBF" CANON_HEADER, strlen(CANON_HEADER) + 3), 100);
    assert_int_equal(reader_canonical.detect("x", "gateway_id,reference\n", 21), 0);
    assert_int_equal(reader_canonical.detect("x", "", 0), 0);
    (void)state;
}

static void a_canonical_row_that_is_wrong_is_told(void **state) {
    static const struct damage damages[] = {
        {"an unknown kind", REPLACE, 0, "charge", "Charge", PROBLEM_UNKNOWN_KIND, 2},
        {"an unknown status", REPLACE, 0, "done", "paid", PROBLEM_UNKNOWN_KIND, 2},
        {"a decimal", REPLACE, 0, "1250", "12.50", PROBLEM_BAD_VALUE, 2},
        {"a sign", REPLACE, 0, "1250", "-1250", PROBLEM_SIGN, 2},
        {"a local time", REPLACE, 0, "10:11:12Z", "10:11:12", PROBLEM_BAD_VALUE, 2},
        {"a missing column", REPLACE, 0, "batch,", "", PROBLEM_MISSING_COLUMN, 1},
        {"a row twice", REPLACE, 0, CANON_ROWS, CANON_ROWS CANON_ROWS, PROBLEM_REPEATED, 4},
        {"a byte behind the last line", AT_END, 0, NULL, "p", PROBLEM_CUT, -1},
        {"a payment that goes", REPLACE, 0, "1250", "-0001250", PROBLEM_SIGN, 2},
        {"a refund that comes", REPLACE, 3, "-500,0,-500", "500,0,500", PROBLEM_SIGN, 3},
        {"a net that is not the amount less the fee", REPLACE, 3, "-500,0,-500", "-500,0,-499",
         PROBLEM_TOTAL, 3},
        {"no amount", REPLACE, 2, "USD,1250", "USD,", PROBLEM_BAD_VALUE, 2},
        {"a fee that is none", REPLACE, 3, "-500,0,", "-500,x,", PROBLEM_BAD_VALUE, 3},
        {"more than any amount", REPLACE, 2, "1250", "12500000000000000000000", PROBLEM_BAD_VALUE,
         2},
        {"an unknown currency", REPLACE, 2, "USD", "USX", PROBLEM_CURRENCY, 2},
        {"no currency", REPLACE, 2, "USD", "", PROBLEM_CURRENCY, 2},
        {"a day that is none", REPLACE, 2, "2025-09-01", "2025-09-31", PROBLEM_BAD_VALUE, 2},
        {"no time", REPLACE, 2, "2025-09-01T10:11:12Z", "", PROBLEM_BAD_VALUE, 2},
        {"a row too short", REPLACE, 2, ",card,", ",card", PROBLEM_BAD_ROW, 2},
        {"a row too long", REPLACE, 3, "\"a,b\"", "a,b", PROBLEM_BAD_ROW, 3},
        {"a quote that never ends", REPLACE, 3, "\"a,b\"", "\"a,b", PROBLEM_BAD_ROW, 3},
        {"text behind a quote", REPLACE, 3, "\"a,b\"", "\"a,b\"c", PROBLEM_BAD_ROW, 3},
        {"a text that is no UTF-8", REPLACE, 3, "a,b", "a,\xE9", PROBLEM_ENCODING, 3},
        {"a control character in an id", REPLACE, 2, "pi_1", "pi\x01", PROBLEM_BAD_VALUE, 2},
        {"a column twice", REPLACE, 1, "batch", "kind", PROBLEM_MISSING_COLUMN, 1},
        {"no header", DROP, 1, NULL, NULL, PROBLEM_MISSING_COLUMN, 1},
        {"another delimiter", EVERYWHERE, 0, ",", ";", PROBLEM_MISSING_COLUMN, 1},
    };
    damage_check_text(TARGET(&reader_canonical, "ours.csv"), CANON_HEADER CANON_ROWS, damages,
                      COUNT_OF(damages));
    (void)state;
}

/* Whatever is cut off, but for whole lines, which no sign tells of. */
static void every_cut_within_a_line_is_told(void **state) {
    static const char good[] = CANON_HEADER CANON_ROWS;
    static const char by_map[] = "id,time,amount\na,2025-09-01,1.50\nb,2025-09-02,2.50\n";
    CSV_MAP_AUTO map = map_of("kind: charge\ncurrency: EUR\ntime: {format: YYYY-MM-DD, zone: UTC}\n"
                              "columns: {gateway_id: id, time: time, amount: amount}\n");
    for (size_t count = 1; count < strlen(good); count++) {
        struct told told = damage_read(TARGET(&reader_canonical, "c"), good, count);
        assert_true((told.problems->len == 0) == (good[count - 1] == '\n'));
        told_free(&told);
    }
    for (size_t count = 1; count < strlen(by_map); count++) {
        struct told told = damage_read(TARGET(&reader_csv, "c", NULL, map), by_map, count);
        assert_true((told.problems->len == 0) == (by_map[count - 1] == '\n'));
        told_free(&told);
    }
    /* A writer who leaves out the last end is taken by his word. */
    CSV_MAP_AUTO open = map_of(
        "kind: charge\ncurrency: EUR\ntime: {format: YYYY-MM-DD, zone: UTC}\n"
        "columns: {gateway_id: id, time: time, amount: amount}\n"
        "last_line_end: false\n");
    struct told told = damage_read(TARGET(&reader_csv, "c", NULL, open), by_map,
                                   strlen(by_map) - 1);
    assert_int_equal(told.problems->len, 0);
    assert_int_equal(told.rows->len, 2);
    told_free(&told);
    (void)state;
}

/* A row told twice by a sink that has enough ends the reading with the sink's own code. */
static int refuse_row(void *ctx, const struct statement_row *row, struct err *err) {
    int *seen = (int *)ctx;
    *seen += 1;
    return err_set(err, ERR_STORE, "no room for line %lld", (long long)row->line);
}
static void tell_nobody(void *ctx, enum statement_problem problem, int64_t line, const char *text) {
    (void)ctx;
    (void)problem;
    (void)line;
    (void)text;
}
static void a_sink_that_fails_ends_the_reading(void **state) {
    int seen = 0;
    const struct statement_sink sink = {&seen, refuse_row, tell_nobody};
    const struct statement_source source = {
        .name = "x", .bytes = CANON_HEADER CANON_ROWS, .count = strlen(CANON_HEADER CANON_ROWS)};
    struct statement_head head;
    struct err err;
    assert_int_equal(reader_canonical.read(&source, &sink, &head, &err), -ERR_STORE);
    assert_int_equal(seen, 1);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_gives_exactly_its_rows),
        cmocka_unit_test(what_no_word_of_a_map_stands_for_is_not_told),
        cmocka_unit_test(damage_is_told_with_its_line),
        cmocka_unit_test(every_cut_of_a_file_with_a_footer_is_told),
        cmocka_unit_test(changed_bytes_never_pass_as_changed_money),
        cmocka_unit_test(sums_of_several_currencies_cannot_be_checked),
        cmocka_unit_test(rows_without_an_id_may_be_alike),
        cmocka_unit_test(without_a_header_the_first_record_is_a_row),
        cmocka_unit_test(a_file_in_another_character_set_is_turned_or_refused),
        cmocka_unit_test(without_a_map_nothing_is_read),
        cmocka_unit_test(the_worked_examples_of_the_page_are_read),
        cmocka_unit_test(the_canonical_file_needs_no_map),
        cmocka_unit_test(the_canonical_file_is_known_by_its_header),
        cmocka_unit_test(a_canonical_row_that_is_wrong_is_told),
        cmocka_unit_test(every_cut_within_a_line_is_told),
        cmocka_unit_test(a_sink_that_fails_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
