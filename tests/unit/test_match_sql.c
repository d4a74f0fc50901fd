/* SPDX-License-Identifier: Apache-2.0
 * test_match_sql.c: match/sql/match.sql on PostgreSQL against match_run(): of the same rows by the
 * same rules the same classes, rules, groups, differences and sums, row by row.
 *
 * A failing case prints its seed; HOLDFAST_MATCH_SEED=N runs that case alone. */
#include <libpq-fe.h>
#include <stdlib.h>

#include "match_books.h"
#include "support/sample.h"
#include "support/test_pg.h"

static char url[TEST_PG_URL_MAX];
static PGconn *pg;

/* ---- PostgreSQL ---- */

static void must(PGresult *result, ExecStatusType wanted, const char *what) {
    if (PQresultStatus(result) != wanted) {
        fail_msg("%.200s: %s", what, PQerrorMessage(pg));
    }
    PQclear(result);
}

static void run_sql(const char *sql) {
    PGresult *result = PQexec(pg, sql);
    must(result, PQresultStatus(result) == PGRES_TUPLES_OK ? PGRES_TUPLES_OK : PGRES_COMMAND_OK,
         sql);
}

/* A statement that must be refused: its SQLSTATE. */
static void refused(const char *sql, const char *state) {
    PGresult *result = PQexec(pg, sql);
    assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), state);
    PQclear(result);
}

static int setup(void **state) {
    g_autofree char *sql = NULL;
    assert_true(g_file_get_contents(TESTS_DIR "/../src/match/sql/match.sql", &sql, NULL, NULL));
    test_pg_database(test_pg_shared(), url);
    pg = PQconnectdb(url);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    run_sql("SET client_min_messages = warning; SET synchronous_commit = off");
    run_sql(sql);
    return 0;
}

static int teardown(void **state) {
    PQfinish(pg);
    test_pg_database_drop(test_pg_shared(), url);
    return 0;
}

static void add_text(GString *lines, const struct match_text *text) {
    g_string_append_c(lines, '\t');
    for (uint32_t i = 0; i < text->count; i++) {
        if (text->bytes[i] == '\\' || text->bytes[i] == '\t' || text->bytes[i] == '\n' ||
            text->bytes[i] == '\r') {
            g_string_append_c(lines, '\\');
        }
        g_string_append_c(lines, text->bytes[i]);
    }
}

static void copy_rows(const struct book *book, enum match_side side) {
    g_autoptr(GString) lines = g_string_new(NULL);
    for (guint i = 0; i < book->rows[side]->len; i++) {
        const struct match_row *row = book_row(book, side, i);
        g_string_append_printf(lines, "%lld\t%d\t%d\t%s\t%lld\t", (long long)row->number,
                               (int)row->kind, (int)row->status, row->currency.code,
                               (long long)row->amount_minor);
        if (row->fee_minor == AMOUNT_UNSAID) {
            g_string_append(lines, "\\N");
        } else {
            g_string_append_printf(lines, "%lld", (long long)row->fee_minor);
        }
        g_string_append_printf(lines, "\t%lld\t%lld", (long long)row->at_us,
                               (long long)row->due_us);
        add_text(lines, &row->gateway_id);
        add_text(lines, &row->reference);
        add_text(lines, &row->original_id);
        add_text(lines, &row->batch);
        add_text(lines, &row->description);
        g_string_append_c(lines, '\n');
    }
    must(PQexec(pg, side == OURS ? "COPY recon_match.ours FROM STDIN"
                                 : "COPY recon_match.theirs FROM STDIN"),
         PGRES_COPY_IN, "COPY");
    assert_int_equal(PQputCopyData(pg, lines->str, (int)lines->len), 1);
    assert_int_equal(PQputCopyEnd(pg, NULL), 1);
    must(PQgetResult(pg), PGRES_COMMAND_OK, "COPY");
    assert_null(PQgetResult(pg));
}

static void match_there(const struct book *book) {
    g_autoptr(GString) sql = g_string_new("BEGIN; DELETE FROM recon_match.ours; DELETE FROM "
                                          "recon_match.theirs; DELETE FROM recon_match.rule; "
                                          "DELETE FROM recon_match.tolerance;");
    for (int i = 0; i < book->options.rule_count; i++) {
        const struct match_rule *rule = &book->rules[i];
        g_string_append_printf(sql,
                               "INSERT INTO recon_match.rule VALUES (%d, 'r', '%s', %u, %lld, %d, "
                               "%lld, %lld);",
                               i, match_by_name(rule->by), rule->families,
                               (long long)rule->tolerance_minor, rule->tolerance_ppm,
                               (long long)rule->before_us, (long long)rule->after_us);
        for (int j = 0; j < rule->tolerance_count; j++) {
            g_string_append_printf(sql,
                                   "INSERT INTO recon_match.tolerance VALUES (%d, '%s', %lld);", i,
                                   rule->tolerances[j].currency.code,
                                   (long long)rule->tolerances[j].minor);
        }
    }
    run_sql(sql->str);
    copy_rows(book, OURS);
    copy_rows(book, THEIRS);
    g_string_printf(sql, "CALL recon_match.run(%lld, %lld)", (long long)book->options.now_us,
                    (long long)book->options.fee_tolerance_minor);
    run_sql(sql->str);
}

/* ---- both answers, as text ---- */

static gint by_text(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *joined(GPtrArray *lines) {
    g_ptr_array_sort(lines, by_text);
    g_ptr_array_add(lines, NULL);
    char *text = g_strjoinv("\n", (char **)lines->pdata);
    g_ptr_array_free(lines, true);
    return text;
}

static char *taken_here(const struct book *book) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < book->rows[side]->len; i++) {
            const struct match_group *group = book_group(book, (enum match_side)side, i);
            enum match_side leader = group->ours > 0 ? OURS : THEIRS;
            uint32_t first = book->match->members[group->first];
            g_ptr_array_add(
                lines,
                g_strdup_printf("%d %lld: class %d rule %d group %d %lld difference %lld", side + 1,
                                (long long)book_row(book, (enum match_side)side, i)->number,
                                (int)group->class, group->rule, (int)leader + 1,
                                (long long)book_row(book, leader, first)->number,
                                (long long)group->difference_minor));
        }
    }
    return joined(lines);
}

static char *sums_here(const struct book *book) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < book->match->sum_count; i++) {
        const struct match_sum *sum = &book->match->sums[i];
        g_ptr_array_add(
            lines, g_strdup_printf(
                       "%s %d: %lld %lld %lld, %lld %lld %lld", sum->currency.code, (int)sum->class,
                       (long long)sum->rows[OURS], (long long)sum->amount_minor[OURS],
                       (long long)sum->fee_minor[OURS], (long long)sum->rows[THEIRS],
                       (long long)sum->amount_minor[THEIRS], (long long)sum->fee_minor[THEIRS]));
    }
    return joined(lines);
}

static char *lines_there(const char *sql) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(pg));
    }
    for (int i = 0; i < PQntuples(result); i++) {
        g_ptr_array_add(lines, g_strdup(PQgetvalue(result, i, 0)));
    }
    PQclear(result);
    return joined(lines);
}

static void compare(const struct book *book, const char *what, uint64_t seed) {
    match_there(book);
    g_autofree char *here = taken_here(book), *our_sums = sums_here(book);
    g_autofree char *there = lines_there(
        "SELECT format('%s %s: class %s rule %s group %s %s difference %s', side, number, class, "
        "rule, group_side, group_number, difference_minor) FROM recon_match.taken");
    g_autofree char *their_sums = lines_there(
        "SELECT format('%s %s: %s %s %s, %s %s %s', currency, class, our_rows, our_amount_minor, "
        "our_fee_minor, their_rows, their_amount_minor, their_fee_minor) FROM recon_match.sums");
    run_sql("COMMIT");
    if (strcmp(here, there) != 0 || strcmp(our_sums, their_sums) != 0) {
        for (int i = 0; i < book->options.rule_count; i++) {
            const struct match_rule *rule = &book->rules[i];
            print_message("rule %d %s families %u tolerance %lld ppm %d window %lld %lld\n", i,
                          match_by_name(rule->by), rule->families, (long long)rule->tolerance_minor,
                          rule->tolerance_ppm, (long long)rule->before_us,
                          (long long)rule->after_us);
        }
        fail_msg("%s, seed %llu: match_run()\n%s\n%s\nSQL\n%s\n%s", what, (unsigned long long)seed,
                 here, our_sums, there, their_sums);
    }
}

static uint64_t only_seed(void) {
    const char *text = getenv("HOLDFAST_MATCH_SEED");
    return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* ---- the rules ---- */

static void planted_books_are_matched_in_sql_as_by_the_matcher(void **state) {
    int64_t seen[CLASS_COUNT] = {0};
    for (int i = 1; i <= sample_of(150, 30); i++) {
        uint64_t seed = only_seed() > 0 ? only_seed() : (uint64_t)i;
        struct planted p;
        planted_open(&p, seed, seen);
        for (int64_t more = 1 + (int64_t)(seed % 29); more > 0; more--) {
            fates[below(&p, COUNT_OF(fates))](&p);
        }
        book_run_every(&p.book, 1000);
        compare(&p.book, "planted", seed);
        planted_close(&p);
        if (only_seed() > 0) {
            return;
        }
    }
#define X(name, number, text, risk, what)                                                          \
    assert_true(seen[CLASS_##name] > 0 || only_a_run_knows(CLASS_##name));
#include "match/match_classes.def"
#undef X
}

static void a_large_book_is_matched_in_sql_as_by_the_matcher(void **state) {
    int64_t seen[CLASS_COUNT] = {0};
    struct planted p;
    planted_open(&p, UINT64_C(1) << 32, seen);
    for (int more = sample_of(4000, 1000); more > 0; more--) {
        fates[below(&p, COUNT_OF(fates))](&p);
    }
    shuffle(&p, THEIRS);
    book_run_every(&p.book, 100000);
    compare(&p.book, "large", UINT64_C(1) << 32);
    planted_close(&p);
}

/* "y and x" of book 7 is "y7 and x7". */
static struct match_text of_book(struct book *book, struct match_text text, int number) {
    g_autoptr(GString) own = g_string_new(NULL);
    for (uint32_t i = 0; i < text.count; i++) {
        bool begins = i == 0 || text.bytes[i - 1] == ' ';
        bool ends = i + 1 == text.count || text.bytes[i + 1] == ' ';
        g_string_append_c(own, text.bytes[i]);
        if (begins && ends) {
            g_string_append_printf(own, "%d", number);
        }
    }
    return book_text(book, own->str);
}

/* Many at a time, since a call costs more than a book: each has texts and a time of its own, so
 * that nothing of one meets anything of another. */
static void tiny_books_in_which_all_collides_are_matched_as_by_the_matcher(void **state) {
    enum { BOOKS_A_CALL = 20, APART_US = 1000 };
    for (int i = 1; i <= sample_of(200, 20); i++) {
        uint64_t seed = only_seed() > 0 ? only_seed() : (uint64_t)i;
        struct prng prng;
        struct book book;
        book_open(&book);
        prng_init(&prng, seed);
        for (int number = 0; number < BOOKS_A_CALL; number++) {
            for (int side = 0; side < MATCH_SIDES; side++) {
                for (uint64_t more = prng_below(&prng, 9); more > 0; more--) {
                    tiny_row(&book, &prng, (enum match_side)side, (int)(seed % FLAVOURS));
                    struct match_row *row = book_row(&book, (enum match_side)side,
                                                     book.rows[side]->len - 1);
                    row->at_us += row->at_us != 0 ? number * APART_US : 0;
                    row->gateway_id = of_book(&book, row->gateway_id, number);
                    row->reference = of_book(&book, row->reference, number);
                    row->original_id = of_book(&book, row->original_id, number);
                    row->batch = of_book(&book, row->batch, number);
                    row->description = of_book(&book, row->description, number);
                }
            }
        }
        tiny_rules(&book, &prng);
        book_run_every(&book, 10000);
        compare(&book, "tiny", seed);
        book_close(&book);
        if (only_seed() > 0) {
            return;
        }
    }
}

/* Two of theirs at one time and price, and which ids each of the three tells: all ways. */
static void ids_tell_rows_apart_as_for_the_matcher(void **state) {
    enum { WAYS = 4 };
    struct book book;
    book_open(&book);
    for (int way = 0; way < WAYS * WAYS * WAYS; way++) {
        const int bits[] = {way % WAYS, way / WAYS % WAYS, way / WAYS / WAYS};
        for (int i = 0; i < (int)COUNT_OF(bits); i++) {
            char id[32];
            struct match_row *row = book_add(&book, i == 0 ? OURS : THEIRS, ROW_CHARGE, 100 + way);
            row->at_us = NOW_US - DAY_US;
            snprintf(id, sizeof id, "%d of %d", i, way);
            row->gateway_id = book_text(&book, (bits[i] & 1) != 0 ? id : "");
            row->reference = book_text(&book, (bits[i] & 2) != 0 ? id : "");
        }
    }
    book_run_every(&book, 10000);
    compare(&book, "apart", 0);
    book_close(&book);
}

/* The later of two of one id is ours by its amount; the other is then no charge of its own. */
static void of_one_id_the_paired_row_comes_first_as_for_the_matcher(void **state) {
    struct book book;
    book_open(&book);
    book_rule(&book, BY_REFERENCE);
    ours(&book, 10, "r");
    static const struct {
        const char *id;
        int64_t amount, at_us;
    } rows[] = {{"a", 20, 1}, {"a", 10, 2}, {"b", 30, 3}, {"b", 30, 4}, {"", 5, 5}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct match_row *row = theirs(&book, rows[i].amount, "r");
        row->gateway_id = book_text(&book, rows[i].id);
        row->at_us = rows[i].at_us;
    }
    book_run(&book);
    expect(&book, THEIRS, 0, CLASS_DUPLICATE_THERE);
    expect(&book, THEIRS, 2, CLASS_DOUBLE_CHARGE);
    compare(&book, "one id", 0);
    book_close(&book);
}

/* How a bank's line may name a batch, and how it does not. */
static void batches_are_named_in_words_as_for_the_matcher(void **state) {
    static const char *const descriptions[] = {
        "po_1",           "PAYOUT po_1, thanks",
        "(po_1)",         "ref:118;po_1",
        "po_1po_1",       "po_1 and po_2",
        "xpo_1",          "po_1/po_2",
        "po-1",           "\tpo_1\x01",
        "[po_1] po_1",    "po_1\xC3\xA9",
        "\xC3\xA9 po_1.", "",
        "po_1;po_1",      "_po_1_",
        "po_2:po_1,po_2", "'po_1'",
        "po_1\x7Fpo_2",   "{po_1}~",
        "-po_1",          "po_1-",
        "(-po_1",
    };
    for (size_t i = 0; i < COUNT_OF(descriptions); i++) {
        struct book book;
        book_open(&book);
        book_rule(&book, BY_BATCH);
        for (int j = 1; j <= 3; j++) {
            char batch[] = {'p', 'o', '_', (char)('0' + j), '\0'};
            struct match_row *row = book_add(&book, OURS, ROW_CHARGE, 100 * j);
            row->batch = book_text(&book, batch);
        }
        struct match_row *line = book_add(&book, THEIRS, ROW_BANK_CREDIT, 100);
        line->description = book_text(&book, descriptions[i]);
        book_run(&book);
        compare(&book, descriptions[i], i);
        book_close(&book);
    }
}

/* ORIGINAL asks for the very currency. */
static void an_original_is_of_one_currency_as_for_the_matcher(void **state) {
    struct book book;
    book_open(&book);
    book_rule(&book, BY_ORIGINAL);
    for (int i = 0; i < 4; i++) {
        struct match_row *row = book_add(&book, i < 2 ? OURS : THEIRS, ROW_REFUND, -100);
        row->original_id = book_text(&book, i % 2 == 0 ? "a" : "b");
        row->currency = currency_stored(i == 2 ? "EUR" : "USD");
    }
    book_run(&book);
    expect_alone(&book, OURS, 0, CLASS_REFUND_LOST);
    expect_pair(&book, 1, 1, CLASS_MATCHED);
    compare(&book, "original", 0);
    book_close(&book);
}

/* At the ends of what numbers hold. */
static void wide_numbers_are_matched_as_by_the_matcher(void **state) {
    static const int64_t amounts[] = {INT64_MAX / 2, -(INT64_MAX / 2), 1, 0};
    for (size_t i = 0; i < COUNT_OF(amounts) * COUNT_OF(amounts); i++) {
        struct book book;
        book_open(&book);
        book.rules[0].tolerance_ppm = 1000000;
        struct match_row *row = book_add(&book, OURS, ROW_CHARGE, amounts[i / COUNT_OF(amounts)]);
        row->gateway_id = book_text(&book, "a");
        row->number = INT64_MIN;
        row->at_us = INT64_MIN / 2;
        row = book_add(&book, THEIRS, ROW_CHARGE, amounts[i % COUNT_OF(amounts)]);
        row->gateway_id = book_text(&book, "a");
        row->number = INT64_MAX;
        row->at_us = INT64_MAX / 2;
        row->fee_minor = INT64_MAX;
        book_run(&book);
        compare(&book, "wide", i);
        book_close(&book);
    }
}

static void texts_are_compared_by_their_bytes(void **state) {
    static const char *const pairs[][2] = {{"a", "A"},  {"a", "a "},        {"a\\N", "a\\N"},
                                           {"ss", "ß"}, {"é", "e\xCC\x81"}, {"1:2", "1:2"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct book book;
        book_open(&book);
        ours(&book, 100, pairs[i][0]);
        theirs(&book, 100, pairs[i][1]);
        book_run(&book);
        compare(&book, pairs[i][0], i);
        book_close(&book);
    }
}

static void what_the_matcher_refuses_is_refused(void **state) {
    static const char insert[] = "INSERT INTO recon_match.ours (number, kind, status, currency, "
                                 "amount_minor) VALUES ";
    static const char *const rows[] = {
        "(1, 0, 1, 'USD', 1)", "(1, 18, 1, 'USD', 1)", "(1, 1, 4, 'USD', 1)",
        "(1, 1, 1, 'usd', 1)", "(1, 1, 1, 'USDX', 1)", "(1, 1, 1, 'USD', -9223372036854775808)",
    };
    run_sql("TRUNCATE recon_match.ours, recon_match.theirs, recon_match.rule, recon_match.taken");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        g_autofree char *sql = g_strconcat(insert, rows[i], NULL);
        refused(sql, "23514");
    }
    refused("INSERT INTO recon_match.rule VALUES (0, 'r', 'reference', 0, -1, 0, 0, 0)", "23514");
    refused("INSERT INTO recon_match.rule VALUES (0, 'r', 'guess', 0, 0, 0, 0, 0)", "23514");
    run_sql("INSERT INTO recon_match.ours (number, kind, status, currency, amount_minor) VALUES "
            "(1, 1, 1, 'USD', 9223372036854775807), (2, 2, 1, 'EUR', -1)");
    refused("INSERT INTO recon_match.ours (number, kind, status, currency, amount_minor) VALUES "
            "(2, 1, 1, 'USD', 1)",
            "23505");
    run_sql("INSERT INTO recon_match.taken VALUES (7, 1, 1, 0, 1, 7, false, 0)");
    refused("CALL recon_match.run(0)", "22003");
    g_autofree char *kept = lines_there("SELECT number FROM recon_match.taken");
    assert_string_equal(kept, "7");
    run_sql(
        "DELETE FROM recon_match.ours WHERE number = 1; "
        "INSERT INTO recon_match.rule SELECT n, 'r', 'reference' FROM generate_series(0, 32) n");
    refused("CALL recon_match.run(0)", "P0001");
}

static void a_file_is_loaded_whole_or_not_at_all(void **state) {
    static const char insert[] =
        "INSERT INTO recon_match.canonical (gateway_id, reference, kind, status, currency, gross, "
        "fee, time) VALUES ('a', NULL, 'refund', 'pending', 'USD', -100, 3, "
        "'2026-11-20T09:00:00Z'), ('b', 'r', 'charge', 'done', 'JPY', 5, NULL, NULL)";
    run_sql("TRUNCATE recon_match.ours, recon_match.theirs");
    run_sql(insert);
    run_sql("CALL recon_match.load('theirs')");
    g_autofree char *loaded = lines_there("SELECT t::text FROM recon_match.theirs t");
    assert_string_equal(loaded, "(1,2,2,USD,-100,3,1795165200000000,0,a,\"\",\"\",\"\",\"\")\n"
                                "(2,1,1,JPY,5,,0,0,b,r,\"\",\"\",\"\")");
    run_sql(insert);
    run_sql("UPDATE recon_match.canonical SET kind = 'gift' WHERE gateway_id = 'b'");
    refused("CALL recon_match.load('ours')", "P0001");
    g_autofree char *none = lines_there("SELECT number FROM recon_match.ours");
    assert_string_equal(none, "");
    run_sql("TRUNCATE recon_match.canonical RESTART IDENTITY");
}

/* Kinds, families and what a bank calls them, as row_kinds.def has them. */
static void kinds_are_those_of_the_readers(void **state) {
    for (int kind = 1; kind < ROW_KIND_COUNT; kind++) {
        g_autofree char *sql = g_strdup_printf("SELECT recon_match.family(%d::smallint)", kind);
        g_autofree char *family = lines_there(sql);
        assert_int_equal(g_ascii_strtoll(family, NULL, 10), row_kind_family((enum row_kind)kind));
    }
    assert_int_equal(ROW_KIND_COUNT, 18);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
#define X(name, number, text, ...) g_ptr_array_add(lines, g_strdup_printf("%d %s", number, text));
#include "statement/row_kinds.def"
#include "statement/row_statuses.def"
#undef X
    g_autofree char *here = joined(lines);
    g_autofree char *there = lines_there("SELECT number || ' ' || name FROM recon_match.kind UNION "
                                         "ALL SELECT number || ' ' || name FROM "
                                         "recon_match.status");
    assert_string_equal(here, there);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_those_of_the_readers),
        cmocka_unit_test(planted_books_are_matched_in_sql_as_by_the_matcher),
        cmocka_unit_test(tiny_books_in_which_all_collides_are_matched_as_by_the_matcher),
        cmocka_unit_test(a_large_book_is_matched_in_sql_as_by_the_matcher),
        cmocka_unit_test(ids_tell_rows_apart_as_for_the_matcher),
        cmocka_unit_test(of_one_id_the_paired_row_comes_first_as_for_the_matcher),
        cmocka_unit_test(batches_are_named_in_words_as_for_the_matcher),
        cmocka_unit_test(an_original_is_of_one_currency_as_for_the_matcher),
        cmocka_unit_test(a_file_is_loaded_whole_or_not_at_all),
        cmocka_unit_test(wide_numbers_are_matched_as_by_the_matcher),
        cmocka_unit_test(texts_are_compared_by_their_bytes),
        cmocka_unit_test(what_the_matcher_refuses_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
