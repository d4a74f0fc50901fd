/* SPDX-License-Identifier: Apache-2.0
 * test_csv.c: records of delimited text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "base/random.h"
#include "csv_portable.h"
#include "statement/csv.h"
#include "statement/csv_rows.h"
#include "statement/seen.h"

/* The parser of this machine, and that of one without wide steps. */
static const struct way {
    void (*open)(struct csv *csv, const void *bytes, size_t count, char delimiter, char quote);
    enum csv_result (*next)(struct csv *csv, struct csv_field *fields, int fields_max,
                            int *ret_count, int64_t *ret_line, const char **ret_why);
    bool (*pass)(struct csv *csv, int64_t count, struct csv_field *fields, int fields_max);
    void (*alike_look)(const struct csv *csv, int fields, int records_max,
                       struct csv_alike *alike);
} ways[] = {
    {csv_open, csv_next, csv_pass, csv_alike_look},
    {portable_csv_open, portable_csv_next, portable_csv_pass, portable_csv_alike_look},
};

/* All that a reading gives, as one text: "1:a|b 2!why 3:" and so on; doubled quotes are halved. */
static char *told_by(const struct way *way, const char *bytes, size_t count, char delimiter,
                     char quote, int fields_max) {
    GString *text = g_string_new(NULL);
    char *copy = g_memdup2(bytes, count > 0 ? count : 1);
    struct csv csv;
    struct csv_field *fields = g_new0(struct csv_field, CSV_FIELDS_MAX);
    const char *why = "";
    int64_t line = 0;
    int fields_count = 0;
    way->open(&csv, copy, count, delimiter, quote);
    for (size_t i = 0; i <= count + 1; i++) {
        enum csv_result result = way->next(&csv, fields, fields_max, &fields_count, &line, &why);
        if (result == CSV_END) {
            break;
        }
        g_string_append_printf(text, "%s%d%c", text->len > 0 ? " " : "", (int)line,
                               result == CSV_BAD ? '!' : ':');
        for (int j = 0; result == CSV_RECORD && j < fields_count; j++) {
            g_string_append(text, j > 0 ? "|" : "");
            for (uint32_t k = 0; k < fields[j].count; k++) {
                char c = fields[j].bytes[k];
                bool doubled = fields[j].doubled && c == quote && k + 1 < fields[j].count &&
                               fields[j].bytes[k + 1] == quote;
                g_string_append(text, c == '\n' ? "\\n" : c == '\r' ? "\\r" : (char[]){c, 0});
                k += doubled;
            }
        }
        if (result == CSV_BAD) {
            g_string_append(text, strstr(why, "never")     ? "never"
                                  : strstr(why, "follows") ? "follows"
                                  : strstr(why, "more")    ? "many"
                                  : strstr(why, "longer")  ? "long"
                                                           : "?");
        }
    }
    g_free(fields);
    g_free(copy);
    return g_string_free(text, false);
}

static char *told(const char *bytes, size_t count, char delimiter, char quote, int fields_max) {
    return told_by(&ways[0], bytes, count, delimiter, quote, fields_max);
}

static void records_are_cut_as_rfc_4180_says_and_as_banks_write(void **state) {
    static const struct {
        const char *bytes, *told;
    } cases[] = {
        {"", ""},
        {"a,b\nc,d\n", "1:a|b 2:c|d"},
        {"a,b\r\nc,d\r\n", "1:a|b 2:c|d"},
        {"a,b\nc,d", "1:a|b 2:c|d"},
        {"a,b\r", "1:a|b"},
        {"\xEF\xBB\xBF"
         "a,b\n",
         "1:a|b"},
        {"\xEF\xBB\xBF", ""},
        {"\n\n\r\na\n\n", "4:a"},
        {"\r\n", ""},
        {",\n", "1:|"},
        {"a,,\n", "1:a||"},
        {" a , b \n", "1: a | b "},
        {"\"a\",\"b\"\n", "1:a|b"},
        {"\"a,b\",c\n", "1:a,b|c"},
        {"\"a\"\"b\"\n", "1:a\"b"},
        {"\"\"\n", "1:"},
        {"\"\"\"\"\n", "1:\""},
        {"\"\",\"\"\r\n", "1:|"},
        {"\"a\nb\",c\nd\n", "1:a\\nb|c 3:d"},
        {"\"a\r\nb\"\r\nd\n", "1:a\\r\\nb 3:d"},
        {"a\"b,c\n", "1:a\"b|c"},
        {"a \"b\",c\n", "1:a \"b\"|c"},
        {" \"a\",b\n", "1: \"a\"|b"},
        {"a\rb,c\n", "1:a\\rb|c"},
        {"a,b\r\r\n", "1:a|b\\r"},
        {"\"a", "1!never"},
        {"\"a\nb\n", "1!never 2:b"},
        {"\"a\"b,c\nd\n", "1!follows 2:d"},
        {"\"a\" ,c\nd\n", "1!follows 2:d"},
        {"a,\"b\nc\"d\ne\n", "1!follows 2:c\"d 3:e"},
        {"\"a\"\r", "1:a"},
        {"\"a\"\rb\n", "1!follows"},
        {"a,\"\n", "1!never"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *have = told(cases[i].bytes, strlen(cases[i].bytes), ',', '"', CSV_FIELDS_MAX);
        assert_string_equal(have, cases[i].told);
        g_free(have);
    }
    (void)state;
}

static void delimiters_and_quotes_are_what_the_caller_says(void **state) {
    static const struct {
        const char *bytes, *told;
        char delimiter, quote;
    } cases[] = {
        {"a;b,c;\"d;e\"\n", "1:a|b,c|d;e", ';', '"'},
        {"a\tb\n", "1:a|b", '\t', '"'},
        {"\"a\",b\n", "1:\"a\"|b", ',', 0},
        {"\"a\nb", "1:\"a 2:b", ',', 0},
        {"'a,''b'',\"c'\n", "1:a,'b',\"c", ',', '\''},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *have = told(cases[i].bytes, strlen(cases[i].bytes), cases[i].delimiter,
                          cases[i].quote, CSV_FIELDS_MAX);
        assert_string_equal(have, cases[i].told);
        g_free(have);
    }
    (void)state;
}

static void a_nul_is_a_byte_as_any_other(void **state) {
    static const char bytes[] = "a\0b,c\n";
    struct csv csv;
    struct csv_field fields[4];
    const char *why = NULL;
    char text[8];
    int64_t line = 0;
    int count = 0;
    csv_open(&csv, bytes, 6, ',', '"');
    assert_int_equal(csv_next(&csv, fields, 4, &count, &line, &why), CSV_RECORD);
    assert_int_equal(count, 2);
    assert_int_equal(fields[0].count, 3);
    assert_false(csv_field_copy(&fields[0], text, sizeof text));
    (void)state;
}

static void more_or_longer_than_is_ever_taken_is_refused_and_passed_over(void **state) {
    char *have = told("a,b,c\nd,e\n", 10, ',', '"', 2);
    assert_string_equal(have, "1!many 2:d|e");
    g_free(have);
    GString *text = g_string_new("x,");
    for (int i = 0; i <= CSV_RECORD_BYTES_MAX; i++) {
        g_string_append_c(text, 'a');
    }
    g_string_append(text, "\nb\n");
    have = told(text->str, text->len, ',', '"', CSV_FIELDS_MAX);
    assert_string_equal(have, "1!long 2:b");
    g_free(have);
    g_string_insert_c(text, 2, '"');
    g_string_insert_c(text, (gssize)text->len - 3, '"');
    have = told(text->str, text->len, ',', '"', CSV_FIELDS_MAX);
    assert_string_equal(have, "1!long 2:b");
    g_free(have);
    g_string_free(text, true);
    (void)state;
}

/* The plainest tokenizer there is, to compare with: a byte at a time, no quotes inside quotes of
 * other kinds, no shortcuts. */
static char *plainly(const char *bytes, size_t count) {
    GString *text = g_string_new(NULL);
    size_t at = 0;
    int line = 1;
    while (at < count) {
        size_t begin = at;
        int lines = 1;
        const char *bad = NULL;
        GString *record = g_string_new(NULL);
        bool is_empty = bytes[at] == '\n' ||
                        (bytes[at] == '\r' && (at + 1 == count || bytes[at + 1] == '\n'));
        if (is_empty) {
            at += bytes[at] == '\r';
            at += at < count;
            line++;
            g_string_free(record, true);
            continue;
        }
        for (bool ended = false; !ended && bad == NULL;) {
            if (at < count && bytes[at] == '"') {
                for (at++;; at++) {
                    if (at == count) {
                        bad = "never";
                        break;
                    }
                    lines += bytes[at] == '\n';
                    if (bytes[at] == '"' && (at + 1 == count || bytes[at + 1] != '"')) {
                        at++;
                        break;
                    }
                    g_string_append(record, bytes[at] == '\n'   ? "\\n"
                                            : bytes[at] == '\r' ? "\\r"
                                                                : (char[]){bytes[at], 0});
                    at += bytes[at] == '"';
                }
                if (bad == NULL && at < count && bytes[at] == '\r' &&
                    (at + 1 == count || bytes[at + 1] == '\n')) {
                    at++;
                }
                if (bad == NULL && at < count && bytes[at] != ',' && bytes[at] != '\n') {
                    bad = "follows";
                }
            } else {
                for (; at < count && bytes[at] != ',' && bytes[at] != '\n'; at++) {
                    bool ends = bytes[at] == '\r' && (at + 1 == count || bytes[at + 1] == '\n');
                    if (!ends) {
                        g_string_append(record, bytes[at] == '\r' ? "\\r" : (char[]){bytes[at], 0});
                    }
                }
            }
            if (bad == NULL && at < count && bytes[at] == ',') {
                g_string_append_c(record, '|');
                at++;
            } else {
                ended = true;
                at += at < count;
            }
        }
        g_string_append_printf(text, "%s%d%c%s", text->len > 0 ? " " : "", line,
                               bad != NULL ? '!' : ':', bad != NULL ? bad : record->str);
        if (bad != NULL) {
            for (at = begin; at < count && bytes[at] != '\n'; at++) {
            }
            at += at < count;
            lines = 1;
        }
        line += lines;
        g_string_free(record, true);
    }
    return g_string_free(text, false);
}

/* Long plain stretches and short hostile ones, so that every way through wide steps is gone. */
static void any_bytes_are_cut_as_the_plainest_tokenizer_cuts_them(void **state) {
    static const char alphabet[] = "ab,,\"\"\n\n\r\xC3\xA9 ;";
    GRand *random = g_rand_new_with_seed(11);
    for (int round = 0; round < 20000; round++) {
        char bytes[300];
        size_t count = (size_t)g_rand_int_range(random, 0, round % 10 == 0 ? 300 : 24);
        int letters = g_rand_int_range(random, 2, (gint32)sizeof alphabet);
        for (size_t i = 0; i < count; i++) {
            bool plain = g_rand_int_range(random, 0, 8) < round % 8;
            bytes[i] = plain ? 'x' : alphabet[g_rand_int_range(random, 0, letters - 1)];
        }
        const struct way *way = &ways[round / 8 % (int)G_N_ELEMENTS(ways)];
        char *have = told_by(way, bytes, count, ',', '"', CSV_FIELDS_MAX);
        char *want = plainly(bytes, count);
        if (strcmp(have, want) != 0) {
            char *shown = g_strescape(bytes, NULL);
            fail_msg("round %d: have '%s', want '%s' of %.*s", round, have, want, (int)count,
                     shown);
        }
        g_free(have);
        g_free(want);
    }
    g_rand_free(random);
    (void)state;
}

/* To be passed over once more, so only what can be read at all: nothing bad is in it. */
static void passing_over_records_ends_where_reading_them_does(void **state) {
    static const char *const cells[] = {
        "a",       "",         "some text",
        "\"a,b\"", "\"x\ny\"", "\"\"",
        "\r",      "a\"b",     "a rather long text without a mark in it"};
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\n\n", "\n\r\n"};
    struct csv_field *fields = g_new0(struct csv_field, CSV_FIELDS_MAX);
    GRand *random = g_rand_new_with_seed(12);
    for (int round = 0; round < 2000; round++) {
        GString *text = g_string_new(NULL);
        int plain = g_rand_int_range(random, 1, 40), records = g_rand_int_range(random, 1, 60);
        for (int i = 0; i < records; i++) {
            for (int j = g_rand_int_range(random, 0, 8); j >= 0; j--) {
                bool odd = g_rand_int_range(random, 0, plain) == 0;
                int cell = g_rand_int_range(random, 0, odd ? (gint32)G_N_ELEMENTS(cells) : 3);
                g_string_append_printf(text, "%s%s", cells[cell], j > 0 ? "," : "");
            }
            bool odd = g_rand_int_range(random, 0, plain) == 0;
            g_string_append(text, ends[odd ? g_rand_int_range(random, 0, G_N_ELEMENTS(ends)) : 0]);
        }
        const struct way *way = &ways[round % (int)G_N_ELEMENTS(ways)];
        struct csv read, passed;
        const char *why = NULL;
        int64_t line = 0, begin = g_rand_int_range(random, 0, 3), count = 0;
        int field_count = 0;
        way->open(&read, text->str, text->len, ',', '"');
        for (; count < begin; count++) {
            (void)way->next(&read, fields, CSV_FIELDS_MAX, &field_count, &line, &why);
        }
        passed = read;
        for (count = 0; count < 20; count++) {
            if (way->next(&read, fields, CSV_FIELDS_MAX, &field_count, &line, &why) != CSV_RECORD) {
                break;
            }
        }
        assert_true(way->pass(&passed, count, fields, CSV_FIELDS_MAX));
        assert_int_equal(way->pass(&passed, 1, fields, CSV_FIELDS_MAX),
                         way->pass(&read, 1, fields, CSV_FIELDS_MAX));
        assert_ptr_equal(passed.at, read.at);
        assert_int_equal(passed.line, read.line);
        g_string_free(text, true);
    }
    g_rand_free(random);
    g_free(fields);
    (void)state;
}

static void a_field_is_copied_trimmed_and_with_quotes_halved_or_not_at_all(void **state) {
    char text[5];
    const struct csv_field plain = {" abc\t", 5, false}, doubled = {"a\"\"b", 4, true};
    const struct csv_field nul = {"a\0b", 3, false}, full = {"abcde", 5, false},
                           none = {"", 0, false};
    assert_true(csv_field_copy(&plain, text, sizeof text));
    assert_string_equal(text, "abc");
    assert_true(csv_field_copy(&doubled, text, sizeof text));
    assert_string_equal(text, "a\"b");
    assert_true(csv_field_copy(&none, text, sizeof text));
    assert_string_equal(text, "");
    assert_false(csv_field_copy(&nul, text, sizeof text));
    assert_false(csv_field_copy(&full, text, sizeof text));
    assert_true(csv_field_is(&plain, "abc"));
    assert_false(csv_field_is(&plain, "ab"));
    assert_false(csv_field_is(&doubled, "a\"\"b"));
    (void)state;
}

static void columns_are_found_by_their_name(void **state) {
    const struct csv_field header[] = {{" Order  No ", 11, false},
                                       {"order no", 8, false},
                                       {"Amount", 6, false},
                                       {"Amount", 6, false},
                                       {"", 0, false}};
    assert_int_equal(csv_find(header, 5, "Order No"), 0);
    assert_int_equal(csv_find(header, 5, "order no"), 1);
    assert_int_equal(csv_find(header, 5, "Number|Order No|order no"), 0);
    assert_int_equal(csv_find(header, 5, "Amount"), CSV_TWICE);
    assert_int_equal(csv_find(header, 5, "Order"), CSV_NONE);
    assert_int_equal(csv_find(header, 5, "Order No X"), CSV_NONE);
    (void)state;
}

/* Records of so many fields, most of them plain; in some something is put that is not. */
static GString *records_of(struct prng *random, int fields, bool returns) {
    static const char *const strange[] = {"\"",   ",",    "\n",       "\r",
                                          "\r\n", "\x01", "\xC3\xA9", "\x7F"};
    GString *text = g_string_new(NULL);
    int rarely = 1 + (int)prng_below(random, 600);
    for (int i = 0; i < 400; i++) {
        for (int j = 0; j < fields; j++) {
            for (uint64_t k = prng_below(random, 20); k > 0; k--) {
                g_string_append_c(text, (char)(' ' + prng_below(random, 95)));
                char *last = &text->str[text->len - 1];
                *last = *last == '"' || *last == ',' ? 'x' : *last;
            }
            if (prng_below(random, (uint64_t)rarely) == 0) {
                g_string_append(text, strange[prng_below(random, COUNT_OF(strange))]);
            }
            g_string_append(text, j < fields - 1 ? "," : returns ? "\r\n" : "\n");
        }
    }
    return text;
}

static void what_is_looked_at_ahead_is_what_comes_record_by_record(void **state) {
    struct csv_alike *alike = g_new0(struct csv_alike, 1);
    int64_t taken = 0, left = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        const struct way *way = &ways[seed % COUNT_OF(ways)];
        struct prng random;
        prng_init(&random, seed);
        int fields = 2 + (int)prng_below(&random, 7), count = 0;
        g_autoptr(GString) text = records_of(&random, fields, seed % 3 == 0);
        g_autofree char *copy = g_memdup2(text->str, text->len); /* nothing behind it is ours */
        struct csv csv, ahead;
        struct csv_field expected[64], have[64];
        int64_t line = 0;
        const char *why = NULL;
        way->open(&csv, copy, text->len, ',', '"');
        for (enum csv_result result = CSV_RECORD; result != CSV_END;) {
            int most = 1 + (int)prng_below(&random, CSV_ALIKE_RECORDS_MAX);
            ahead = csv;
            way->alike_look(&ahead, fields, most, alike);
            assert_in_range(alike->records, 0, most);
            for (int i = 0; i < alike->records; i++) {
                assert_int_equal(way->next(&csv, expected, 64, &count, &line, &why), CSV_RECORD);
                assert_int_equal(count, fields);
                assert_int_equal(ahead.line, line);
                csv_alike_take(&ahead, alike, i, have);
                assert_ptr_equal(ahead.at, csv.at);
                assert_int_equal(ahead.line, csv.line);
                assert_true(ahead.plain);
                for (int j = 0; j < fields; j++) {
                    for (uint32_t k = 0; k < have[j].count; k++) {
                        assert_in_range(have[j].bytes[k], ' ', 0x7E);
                    }
                    assert_ptr_equal(have[j].bytes, expected[j].bytes);
                    assert_int_equal(have[j].count, expected[j].count);
                    assert_false(have[j].doubled || expected[j].doubled);
                }
            }
            taken += alike->records;
            result = way->next(&csv, expected, 64, &count, &line, &why);
            left += result == CSV_RECORD;
        }
    }
    assert_true(taken > left && left > 0);
    g_free(alike);
    (void)state;
}

static void what_was_seen_is_known_with_its_line(void **state) {
    SEEN_AUTO seen = {0};
    char key[24];
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i <= 20000; i++) {
            int chars = g_snprintf(key, sizeof key, "key %d", i);
            assert_int_equal(seen_add(&seen, key, (size_t)chars, i), round == 0 ? 0 : i);
        }
    }
    assert_false(seen_full(&seen));
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_cut_as_rfc_4180_says_and_as_banks_write),
        cmocka_unit_test(delimiters_and_quotes_are_what_the_caller_says),
        cmocka_unit_test(a_nul_is_a_byte_as_any_other),
        cmocka_unit_test(more_or_longer_than_is_ever_taken_is_refused_and_passed_over),
        cmocka_unit_test(any_bytes_are_cut_as_the_plainest_tokenizer_cuts_them),
        cmocka_unit_test(passing_over_records_ends_where_reading_them_does),
        cmocka_unit_test(what_is_looked_at_ahead_is_what_comes_record_by_record),
        cmocka_unit_test(a_field_is_copied_trimmed_and_with_quotes_halved_or_not_at_all),
        cmocka_unit_test(columns_are_found_by_their_name),
        cmocka_unit_test(what_was_seen_is_known_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
