/* SPDX-License-Identifier: Apache-2.0
 * test_csv_map.c: what a map may say, and what it makes of a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "base/clock.h"
#include "statement/map.h"
#include "statement/map_impl.h"

#define TIME "time: {format: YYYY-MM-DD, zone: UTC}\n"

static struct csv_map *map_of(const char *yaml) {
    struct csv_map *map = NULL;
    struct err err = {0};
    if (csv_map_read("m.yaml", yaml, strlen(yaml), &map, &err) < 0) {
        fail_msg("refused: %s (%s)", err.detail, err.place);
    }
    return map;
}

/* A header and one record put to a map. */
struct outcome {
    int rc;
    enum statement_problem problem;
    struct statement_row row;
    struct map_text text;
    struct err err;
};

static struct outcome *row_of(const char *yaml, const char *header, const char *record) {
    struct csv_map *map = map_of(yaml);
    struct map_shape shape = csv_map_shape(map);
    struct outcome *outcome = g_new0(struct outcome, 1);
    struct csv csv;
    struct csv_field fields[64];
    struct map_binding binding;
    const char *why = NULL;
    int64_t line = 0;
    int count = 0;
    csv_open(&csv, header, strlen(header), shape.delimiter, shape.quote);
    assert_int_equal(csv_next(&csv, fields, 64, &count, &line, &why), CSV_RECORD);
    outcome->rc = csv_map_bind(map, shape.header ? fields : NULL, count, &binding, &outcome->err);
    if (outcome->rc == 0) {
        csv_open(&csv, record, strlen(record), shape.delimiter, shape.quote);
        assert_int_equal(csv_next(&csv, fields, 64, &count, &line, &why), CSV_RECORD);
        outcome->rc = csv_map_row(&binding, fields, count, 7, &outcome->text, &outcome->row,
                                  &outcome->problem, &outcome->err);
    }
    csv_map_free(map);
    return outcome;
}

static void a_map_says_what_each_column_is(void **state) {
    struct outcome *outcome = row_of(
        "delimiter: semicolon\n"
        "columns: {reference: \"Order No\", amount: Paid, currency: Ccy, time: Date, kind: Type,\n"
        "          status: State, fee: Fee, net: Left, gateway_id: Id, description: Note,\n"
        "          original_id: Of, original_reference: Of Order, batch: Batch, method: How}\n"
        "time: {format: \"DD.MM.YYYY hh:mm:ss\", zone: \"Europe/Berlin\"}\n"
        "amount: {decimal: \",\", group: \".\", unit: major, sign: as_written}\n"
        "kinds: {Sale: charge, Refund: refund}\n"
        "statuses: {settled: done, open: pending}\n",
        "Id;Order No;Paid;Ccy;Date;Type;State;Fee;Left;Note;Of;Of Order;Batch;How",
        "x1;ORD-1;1.234,50;EUR;01.09.2025 12:11:12;Sale;open;0,50;1.234,00;\"a; "
        "\"\"b\"\"\";o1;O;B;v");
    const struct statement_row *row = &outcome->row;
    assert_int_equal(outcome->rc, 0);
    assert_int_equal(row->line, 7);
    assert_int_equal(row->kind, ROW_CHARGE);
    assert_int_equal(row->status, ROW_PENDING);
    assert_string_equal(row->currency.code, "EUR");
    assert_int_equal(row->gross_minor, 123450);
    assert_int_equal(row->fee_minor, 50);
    assert_int_equal(row->net_minor, 123400);
    assert_int_equal(row->at_us, INT64_C(1756721472) * US_PER_SECOND);
    assert_string_equal(row->gateway_id, "x1");
    assert_string_equal(row->reference, "ORD-1");
    assert_string_equal(row->original_id, "o1");
    assert_string_equal(row->original_reference, "O");
    assert_string_equal(row->batch, "B");
    assert_string_equal(row->method, "v");
    assert_string_equal(row->native_kind, "Sale");
    assert_string_equal(row->description, "a; \"b\"");
    g_free(outcome);
    (void)state;
}

/* Amounts, signs and kinds: the map's lines, the record, and what comes of it. */
#define BASE "columns: {reference: R, currency: C, time: D, "
static void signs_are_what_the_map_says(void **state) {
    static const struct {
        const char *yaml, *header, *record;
        int64_t gross, fee, net;
        int kind;    /* of a row that is read */
        int problem; /* else */
    } cases[] = {
        {BASE "amount: A}\nkind: charge\n", "R,C,D,A", "r,USD,2025-09-01,5", 500, AMOUNT_UNSAID,
         AMOUNT_UNSAID, ROW_CHARGE, 0},
        {BASE "amount: A}\nkind: charge\n", "R,C,D,A", "r,usd,2025-09-01,-5", 0, 0, 0, 0,
         PROBLEM_SIGN},
        {BASE "amount: A}\nkind: refund\namount: {sign: reversed}\n", "R,C,D,A",
         "r,USD,2025-09-01,5", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "amount: A, net: N, fee: F}\nkind: refund\namount: {sign: reversed, fee: negative}\n",
         "R,C,D,A,N,F", "r,USD,2025-09-01,5,6,-1", -500, 100, -600, ROW_REFUND, 0},
        {BASE "amount: A, kind: K}\nkinds: {pay: charge, back: refund}\namount: {sign: by_kind}\n",
         "R,C,D,A,K", "r,USD,2025-09-01,5,back", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "amount: A, kind: K}\nkinds: {pay: charge, back: refund}\namount: {sign: by_kind}\n",
         "R,C,D,A,K", "r,USD,2025-09-01,-5,back", 0, 0, 0, 0, PROBLEM_SIGN},
        {BASE "amount: A, kind: K}\nkinds: {cost: fee}\namount: {sign: by_kind}\n", "R,C,D,A,K",
         "r,USD,2025-09-01,5,cost", 0, 0, 0, 0, PROBLEM_SIGN},
        {BASE "amount: A, kind: K}\nkinds: {cost: -fee, rebate: +fee}\namount: {sign: by_kind}\n",
         "R,C,D,A,K", "r,USD,2025-09-01,5,cost", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_FEE, 0},
        {BASE "amount: A, kind: K}\nkinds: {cost: -fee, rebate: +fee}\namount: {sign: by_kind}\n",
         "R,C,D,A,K", "r,USD,2025-09-01,5,rebate", 500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_FEE, 0},
        {BASE "amount: A}\nkind_by_sign: {positive: charge, negative: refund}\n", "R,C,D,A",
         "r,USD,2025-09-01,-5", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "amount: A}\nkind_by_sign: {positive: charge, negative: refund}\n", "R,C,D,A",
         "r,USD,2025-09-01,0", 0, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_CHARGE, 0},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,,5", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,5,0.00", 500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_CHARGE, 0},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,5,5", 0, 0, 0, 0, PROBLEM_BAD_VALUE},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,,", 0, 0, 0, 0, PROBLEM_BAD_VALUE},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,,-5", 0, 0, 0, 0, PROBLEM_SIGN},
        {BASE "credit: A, debit: B}\nkind_by_sign: {positive: charge, negative: refund}\n"
              "amount: {debit: negative}\n",
         "R,C,D,A,B", "r,USD,2025-09-01,,-5", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "amount: A, direction: X}\nkind_by_sign: {positive: charge, negative: refund}\n"
              "directions: {CR: in, DR: out}\n",
         "R,C,D,A,X", "r,USD,2025-09-01,5,DR", -500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_REFUND, 0},
        {BASE "amount: A, direction: X}\nkind_by_sign: {positive: charge, negative: refund}\n"
              "directions: {CR: in, DR: out}\n",
         "R,C,D,A,X", "r,USD,2025-09-01,-5,DR", 0, 0, 0, 0, PROBLEM_SIGN},
        {BASE "amount: A, direction: X}\nkind_by_sign: {positive: charge, negative: refund}\n"
              "directions: {CR: in, DR: out}\n",
         "R,C,D,A,X", "r,USD,2025-09-01,5,dr", 0, 0, 0, 0, PROBLEM_SIGN},
        {BASE "amount: A, fee: F, net: N}\nkind: charge\n", "R,C,D,A,F,N", "r,USD,2025-09-01,5,1,4",
         500, 100, 400, ROW_CHARGE, 0},
        {BASE "amount: A, fee: F, net: N}\nkind: charge\n", "R,C,D,A,F,N",
         "r,USD,2025-09-01,5,1,4.01", 0, 0, 0, 0, PROBLEM_TOTAL},
        {BASE "amount: A, fee: F, net: N}\nkind: charge\ncheck_net: false\n", "R,C,D,A,F,N",
         "r,USD,2025-09-01,5,1,4.01", 500, 100, 401, ROW_CHARGE, 0},
        {BASE "amount: A, fee: F, net: N}\nkind: charge\n", "R,C,D,A,F,N", "r,USD,2025-09-01,5,,4",
         500, AMOUNT_UNSAID, 400, ROW_CHARGE, 0},
        {BASE "amount: A}\nkind: authorization\n", "R,C,D,A", "r,USD,2025-09-01,5", 0,
         AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_AUTHORIZATION, 0},
        {BASE "amount: A}\nkind: charge\namount: {unit: minor}\n", "R,C,D,A",
         "r,JPY,2025-09-01,500", 500, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_CHARGE, 0},
        {BASE "amount: A}\nkind: charge\namount: {implied: 2}\n", "R,C,D,A", "r,JPY,2025-09-01,500",
         5, AMOUNT_UNSAID, AMOUNT_UNSAID, ROW_CHARGE, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *yaml = g_strconcat(cases[i].yaml, TIME, NULL);
        struct outcome *outcome = row_of(yaml, cases[i].header, cases[i].record);
        bool read = outcome->rc == 0;
        if (read != (cases[i].kind != 0) ||
            (read ? outcome->row.kind != (enum row_kind)cases[i].kind ||
                        outcome->row.gross_minor != cases[i].gross ||
                        outcome->row.fee_minor != cases[i].fee ||
                        outcome->row.net_minor != cases[i].net
                  : (int)outcome->problem != cases[i].problem)) {
            fail_msg("case %zu: %d %s %s %lld", i, outcome->rc, outcome->err.detail,
                     statement_problem_name(outcome->problem), (long long)outcome->row.gross_minor);
        }
        g_free(outcome);
        g_free(yaml);
    }
    (void)state;
}

#define FULL                                                                                       \
    "columns: {reference: R, currency: C, time: D, amount: A, kind: K, status: S, "                \
    "gateway_id: I, description: N}\n" TIME
static void a_field_that_does_not_hold_what_it_should_is_told(void **state) {
    static const struct {
        const char *record;
        enum statement_problem problem;
        const char *says;
    } cases[] = {
        {"r,USX,2025-09-01,5,charge,done,i,n", PROBLEM_CURRENCY, "USX"},
        {"r,,2025-09-01,5,charge,done,i,n", PROBLEM_CURRENCY, "currency"},
        {"r,USDX,2025-09-01,5,charge,done,i,n", PROBLEM_CURRENCY, "USDX"},
        {"r,USD,2025-09-31,5,charge,done,i,n", PROBLEM_BAD_VALUE, "time"},
        {"r,USD,,5,charge,done,i,n", PROBLEM_BAD_VALUE, "time"},
        {"r,USD,2025-09-01,,charge,done,i,n", PROBLEM_BAD_VALUE, "amount"},
        {"r,USD,2025-09-01,5x,charge,done,i,n", PROBLEM_BAD_VALUE, "5x"},
        {"r,USD,2025-09-01,5,Charge,done,i,n", PROBLEM_UNKNOWN_KIND, "Charge"},
        {"r,USD,2025-09-01,5,,done,i,n", PROBLEM_UNKNOWN_KIND, "kind"},
        {"r,USD,2025-09-01,5,charge,gone,i,n", PROBLEM_UNKNOWN_KIND, "gone"},
        {"r,USD,2025-09-01,5,charge,done,i", PROBLEM_BAD_ROW, "7 fields"},
        {"r,USD,2025-09-01,5,charge,done,i,n,m", PROBLEM_BAD_ROW, "9 fields"},
        {"r\x01,USD,2025-09-01,5,charge,done,i,n", PROBLEM_BAD_VALUE, "reference"},
        {"r\xE9,USD,2025-09-01,5,charge,done,i,n", PROBLEM_ENCODING, "reference"},
        {"r,USD,2025-09-01,5,charge,done,i,n\xE9", PROBLEM_ENCODING, "description"},
        {"4242424242424242 x,USD,2025-09-01,5,charge,4242424242424242,i,n", PROBLEM_UNKNOWN_KIND,
         "4242"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct outcome *outcome = row_of(FULL, "R,C,D,A,K,S,I,N", cases[i].record);
        if (outcome->rc == 0 || outcome->problem != cases[i].problem ||
            strstr(outcome->err.detail, cases[i].says) == NULL ||
            strstr(outcome->err.detail, "424242424242") != NULL) {
            fail_msg("%s: %d %s", cases[i].record, outcome->rc, outcome->err.detail);
        }
        g_free(outcome);
    }
    struct outcome *outcome = row_of(FULL, "R,C,D,A,K,S,I,N",
                                     "r,USD,2025-09-01,5,charge,done,i,n,,");
    assert_int_equal(outcome->rc, 0);
    g_free(outcome);
    (void)state;
}

static void columns_go_by_name_with_blanks_collapsed_and_letters_as_they_are(void **state) {
    static const struct {
        const char *columns, *header;
        const char *refused; /* NULL: taken */
    } cases[] = {
        {"\"Order  No\"", " Order No ,D", NULL},
        {"Order No", "Order\t No,D", NULL},
        {"order no", "Order No,D", "no column"},
        {"[Number, Order No]", "Order No,D", NULL},
        {"[Order No, Number]", "Number,Order No,D", NULL},
        {"Order No", "Order No,D,Order No", "twice"},
        {"\"Betrag | EUR\"", "Betrag | EUR,D", NULL},
        {"Missing", "Order No,D", "no column"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *yaml = g_strdup_printf("columns:\n  reference: %s\n  time: D\n  amount: D\n"
                                     "currency: EUR\nkind: charge\n" TIME,
                                     cases[i].columns);
        struct csv_map *map = map_of(yaml);
        struct csv csv;
        struct csv_field fields[8];
        struct map_binding binding;
        const char *why = NULL;
        int64_t line = 0;
        int count = 0;
        struct err err = {0};
        csv_open(&csv, cases[i].header, strlen(cases[i].header), ',', '"');
        assert_int_equal(csv_next(&csv, fields, 8, &count, &line, &why), CSV_RECORD);
        int rc = csv_map_bind(map, fields, count, &binding, &err);
        if (cases[i].refused == NULL) {
            assert_int_equal(rc, 0);
        } else {
            assert_int_equal(rc, -ERR_VALIDATION);
            assert_non_null(strstr(err.detail, cases[i].refused));
            assert_non_null(strstr(err.detail, "reference"));
        }
        csv_map_free(map);
        g_free(yaml);
    }
    (void)state;
}

static void without_a_header_columns_are_numbers(void **state) {
    struct outcome *outcome = row_of(
        "header: false\ndelimiter: pipe\nquote: none\ncurrency: EUR\nkind: charge\n"
        "columns: {reference: 1, amount: 3, time: 2}\n" TIME,
        "r\"1|2025-09-01|5", "r\"1|2025-09-01|5");
    assert_int_equal(outcome->rc, 0);
    assert_string_equal(outcome->row.reference, "r\"1");
    assert_int_equal(outcome->row.gross_minor, 500);
    g_free(outcome);
    (void)state;
}

static void single_quotes_are_halved_like_others(void **state) {
    struct outcome *outcome = row_of(
        "quote: single\ncurrency: EUR\nkind: charge\n"
        "columns: {reference: R, amount: A, time: D, description: N}\n" TIME,
        "R,A,D,N", "'it''s \"\"',5,2025-09-01,'a''b'");
    assert_int_equal(outcome->rc, 0);
    assert_string_equal(outcome->row.reference, "it's \"\"");
    assert_string_equal(outcome->row.description, "a'b");
    g_free(outcome);
    (void)state;
}

static void several_forms_of_time_are_tried_and_rfc3339_is_the_usual_one(void **state) {
    struct outcome *outcome = row_of(
        "currency: EUR\nkind: charge\ncolumns: {reference: R, amount: A, time: D}\n"
        "time: {format: \"YYYY-MM-DD hh:mm|YYYY-MM-DD\", zone: UTC}\n",
        "R,A,D", "r,5,2025-09-01");
    assert_int_equal(outcome->row.at_us, INT64_C(1756684800) * US_PER_SECOND);
    g_free(outcome);
    outcome = row_of("currency: EUR\nkind: charge\ncolumns: {reference: R, amount: A, time: D}\n",
                     "R,A,D", "r,5,2025-09-01T02:00:00.25+02:00");
    assert_int_equal(outcome->rc, 0);
    assert_int_equal(outcome->row.at_us, INT64_C(1756684800) * US_PER_SECOND + 250000);
    g_free(outcome);
    (void)state;
}

#define FIX "currency: EUR\nkind: charge\n" TIME
#define COLS "columns: {reference: R, amount: A, time: D}\n"
static void a_map_that_is_wrong_is_refused_with_its_line(void **state) {
    static const struct {
        const char *yaml, *says;
        int line;
    } cases[] = {
        {"", "empty", 1},
        {"- a\n", "keys", 1},
        {"kind: charge\n", "columns", 1},
        {"columns: A\n" FIX, "columns", 1},
        {"columns: [A, B]\n" FIX, "columns", 1},
        {FIX "columns:\n  reference: R\n  amout: A\n", "amout", 6},
        {FIX "columns:\n  reference: R\n  amount: A\n", "needs time", 5},
        {FIX "columns:\n  time: R\n  amount: A\n", "gateway_id or reference", 5},
        {FIX "columns: {time: D, reference: R}\n", "amount", 4},
        {FIX "columns: {time: D, reference: R, amount: A, credit: C, debit: E}\n", "amount", 4},
        {FIX "columns: {time: D, reference: R, credit: C}\n", "debit", 4},
        {FIX "columns: {time: D, reference: R, credit: C, debit: E, direction: F}\n", "direction",
         4},
        {FIX "columns: {time: D, reference: R, amount: A, direction: F}\n", "directions", 1},
        {FIX COLS "directions: {CR: in}\n", "directions", 5},
        {FIX "columns: {time: D, reference: R, amount: A, direction: F}\ndirections: {CR: inn}\n",
         "in or out", 5},
        {FIX "columns: {time: D, reference: R, amount: \"\"}\n", "name", 4},
        {FIX "columns: {time: D, reference: [[R]], amount: A}\n", "deeper", 4},
        {FIX "columns: {time: D, reference: {a: R}, amount: A}\n", "deeper", 4},
        {FIX "columns: {time: D, time: E, reference: R, amount: A}\n", "second key", 4},
        {FIX "columns: {time: D, reference: R, amount: A, gross: B}\n", "the same", 4},
        {FIX "header: false\n" COLS, "number", 5},
        {FIX "header: false\ncolumns: {time: 0, reference: 1, amount: 2}\n", "number", 5},
        {COLS "kind: charge\n" TIME, "currency", 1},
        {COLS "currency: EURO\nkind: charge\n" TIME, "ISO 4217", 2},
        {"columns: {reference: R, amount: A, time: D, currency: C}\n" FIX, "currency", 2},
        {COLS "currency: EUR\n" TIME, "kind", 1},
        {COLS "currency: EUR\nkind: sale\n" TIME, "one of", 3},
        {COLS FIX "kind_by_sign: {positive: charge, negative: refund}\n", "one of them", 1},
        {COLS FIX "kinds: {Sale: charge}\n", "column kind", 5},
        {COLS "currency: EUR\nkind_by_sign: {positive: refund, negative: charge}\n" TIME,
         "other sign", 3},
        {COLS "currency: EUR\nkind_by_sign: {positive: charge}\n" TIME, "negative", 3},
        {"columns: {reference: R, amount: A, time: D, kind: K}\ncurrency: EUR\n" TIME
         "kinds:\n  Sale: charge\n  Gift: gift\n",
         "Gift", 6},
        {"columns: {reference: R, amount: A, time: D, kind: K}\ncurrency: EUR\n" TIME
         "kinds:\n  Sale: -charge\n",
         "sign", 5},
        {"columns: {reference: R, amount: A, time: D, kind: K}\ncurrency: EUR\n" TIME
         "kinds: {Sale: charge, \" Sale\": refund}\n",
         "twice", 4},
        {COLS FIX "statuses: {ok: done}\n", "column status", 5},
        {COLS FIX "status: maybe\n", "one of", 5},
        {COLS "currency: EUR\nkind: charge\ntime: {format: YYYY-MM-DD}\n", "zone", 4},
        {COLS "currency: EUR\nkind: charge\ntime: {format: hh:mm, zone: UTC}\n", "year", 4},
        {COLS "currency: EUR\nkind: charge\ntime: {format: YYYY-MM-DD, zone: Mars/Base}\n", "zone",
         4},
        {COLS FIX "amount: {decimal: x}\n", "decimal", 5},
        {COLS FIX "amount: {decimal: \",\", group: \",\"}\n", "group", 5},
        {COLS FIX "amount: {implied: 9}\n", "implied", 5},
        {COLS FIX "amount: {implied: -1}\n", "implied", 5},
        {COLS FIX "amount: {sign: backwards}\n", "one of", 5},
        {COLS "currency: EUR\nkind_by_sign: {positive: charge, negative: refund}\n" TIME
              "amount: {sign: by_kind}\n",
         "kind", 5},
        {FIX "columns: {time: D, reference: R, credit: C, debit: E}\namount: {sign: reversed}\n",
         "sign", 5},
        {COLS FIX "delimiter: ;\n", "one of", 5},
        {COLS FIX "skip_lines: 2000\n", "skip_lines", 5},
        {COLS FIX "totals: [amount]\n", "footer", 5},
        {COLS FIX "footer: Sum\ntotals: [fee]\n", "columns here", 6},
        {COLS FIX "footer: Sum\ntotals: [time]\n", "columns here", 6},
        {COLS FIX "footer: Sum\ntotals: {a: amount}\n", "list", 6},
        {COLS FIX "colour: red\n", "colour", 5},
        {COLS FIX "kind: refund\n", "second key", 5},
        {COLS FIX "amount: &a {plus: true}\n", "anchors", 5},
        {COLS FIX "amount: {plus: yes}\n", "true or false", 5},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct csv_map *map = NULL;
        struct err err = {0};
        char place[32];
        int rc = csv_map_read("m.yaml", cases[i].yaml, strlen(cases[i].yaml), &map, &err);
        g_snprintf(place, sizeof place, "m.yaml:%d", cases[i].line);
        if (rc != -ERR_CONFIG || strstr(err.detail, cases[i].says) == NULL ||
            strcmp(err.place, place) != 0) {
            fail_msg("%s: %d '%s' at %s", cases[i].yaml, rc, err.detail, err.place);
        }
        assert_null(map);
    }
    (void)state;
}

static void a_map_has_limits(void **state) {
    struct csv_map *map = NULL;
    struct err err = {0};
    GString *yaml = g_string_new("columns: {reference: R, amount: A, time: D, kind: K}\n"
                                 "currency: EUR\n" TIME "kinds:\n");
    for (int i = 0; i <= MAP_WORDS_MAX; i++) {
        g_string_append_printf(yaml, "  w%d: charge\n", i);
    }
    assert_int_equal(csv_map_read("m", yaml->str, yaml->len, &map, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "more words"));
    g_string_assign(yaml, FIX "columns:\n  time: D\n  amount: A\n  reference: [");
    for (int i = 0; i <= MAP_NAMES_MAX; i++) {
        g_string_append_printf(yaml, "n%d, ", i);
    }
    g_string_append(yaml, "z]\n");
    assert_int_equal(csv_map_read("m", yaml->str, yaml->len, &map, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "more names"));
    g_string_free(yaml, true);
    assert_int_equal(csv_map_load("/nowhere/map.yaml", &map, &err), -ERR_IO);
    (void)state;
}

/* The canonical map is written out as a constant; its patterns must be what would be read. */
static void the_canonical_maps_patterns_are_those_of_its_texts(void **state) {
    const struct csv_map *map = csv_map_canonical();
    assert_int_equal(map->pattern_count, 2);
    for (int i = 0; i < map->pattern_count; i++) {
        struct time_pattern read;
        struct err err;
        assert_int_equal(time_pattern_read(map->patterns[i].text, &read, &err), 0);
        assert_int_equal(read.count, map->patterns[i].count);
        for (int j = 0; j < read.count; j++) {
            assert_int_equal(read.pieces[j].piece, map->patterns[i].pieces[j].piece);
            assert_int_equal(read.pieces[j].literal, map->patterns[i].pieces[j].literal);
        }
    }
    (void)state;
}

/* What the last row had is only a place to look first. */
static void rows_do_not_depend_on_the_row_before(void **state) {
    static const char *const records[] = {
        "r,USD,2025-09-01,5.00,charge,done,i,n",    "r,JPY,2025-09-02,5,refund,done,i,n",
        "r,KWD,2025-09-01,5.001,charge,failed,i,n", "r,USD,2025-09-03,-5.00,refund,pending,,",
        "r,XXX,2025-09-03,-5.00,refund,pending,,",  "r,USD,2025-09-01,5.001,charge,done,i,n",
    };
    struct csv_map *map = map_of(FULL);
    struct map_binding binding;
    struct map_text *kept = g_new0(struct map_text, 1);
    static const char header[] = "R,C,D,A,K,S,I,N";
    struct csv csv;
    struct csv_field fields[16];
    const char *why = NULL;
    int64_t line = 0;
    int count = 0;
    struct err err;
    csv_open(&csv, header, strlen(header), ',', '"');
    assert_int_equal(csv_next(&csv, fields, 16, &count, &line, &why), CSV_RECORD);
    assert_int_equal(csv_map_bind(map, fields, count, &binding, &err), 0);
    for (size_t i = 0; i < COUNT_OF(records) * COUNT_OF(records); i++) {
        const char *pair[] = {records[i / COUNT_OF(records)], records[i % COUNT_OF(records)]};
        for (int j = 0; j < 2; j++) {
            struct map_text *fresh = g_new0(struct map_text, 1);
            struct statement_row with = {0}, without = {0};
            enum statement_problem problem = PROBLEM_LIMIT, alone = PROBLEM_LIMIT;
            csv_open(&csv, pair[j], strlen(pair[j]), ',', '"');
            assert_int_equal(csv_next(&csv, fields, 16, &count, &line, &why), CSV_RECORD);
            int a = csv_map_row(&binding, fields, count, 1, kept, &with, &problem, &err);
            int b = csv_map_row(&binding, fields, count, 1, fresh, &without, &alone, &err);
            assert_int_equal(a, b);
            assert_int_equal(problem, alone);
            assert_int_equal(with.gross_minor, without.gross_minor);
            assert_int_equal(with.kind, without.kind);
            assert_int_equal(with.status, without.status);
            assert_int_equal(with.at_us, without.at_us);
            assert_string_equal(with.currency.code, without.currency.code);
            g_free(fresh);
        }
    }
    g_free(kept);
    csv_map_free(map);
    (void)state;
}

static void every_role_has_a_name_that_columns_take(void **state) {
    for (int i = 0; i < MAP_ROLE_COUNT; i++) {
        assert_true(strlen(map_role_name((enum map_role)i)) > 1);
    }
    assert_string_equal(map_role_name(MAP_ROLE_COUNT), "?");
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_says_what_each_column_is),
        cmocka_unit_test(signs_are_what_the_map_says),
        cmocka_unit_test(a_field_that_does_not_hold_what_it_should_is_told),
        cmocka_unit_test(columns_go_by_name_with_blanks_collapsed_and_letters_as_they_are),
        cmocka_unit_test(without_a_header_columns_are_numbers),
        cmocka_unit_test(single_quotes_are_halved_like_others),
        cmocka_unit_test(several_forms_of_time_are_tried_and_rfc3339_is_the_usual_one),
        cmocka_unit_test(a_map_that_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(a_map_has_limits),
        cmocka_unit_test(the_canonical_maps_patterns_are_those_of_its_texts),
        cmocka_unit_test(rows_do_not_depend_on_the_row_before),
        cmocka_unit_test(every_role_has_a_name_that_columns_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
