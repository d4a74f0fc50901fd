/* SPDX-License-Identifier: Apache-2.0
 * test_report.c: the page of a reconciliation: what it says, what it proves, and that what comes
 * from files stays text. The page is read as XML, which it is, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <expat.h>
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "match/report_impl.h"
#include "recon/report_run.h"
#include "support/both_engines.h"

static const struct currency usd = {"USD"}, jpy = {"JPY"};
static const int64_t noon_us = INT64_C(1763640000) * 1000 * 1000; /* 2025-11-20 12:00 */
static const int64_t day_us = INT64_C(86400) * 1000 * 1000;

/* ---- the page, read ---- */

struct read {
    GString *text; /* what stands apart, by one blank */
    GHashTable *elements;
    bool in_style;
};

static void read_text(void *ctx, const char *text, int count) {
    struct read *read = ctx;
    if (!read->in_style) {
        for (int i = 0; i < count; i++) {
            bool blank = text[i] == ' ' || text[i] == '\n';
            if (!blank || read->text->len == 0 || read->text->str[read->text->len - 1] != ' ') {
                g_string_append_c(read->text, blank ? ' ' : text[i]);
            }
        }
    } else {
        g_autofree char *style = g_strndup(text, (gsize)count);
        assert_null(strstr(style, "url("));
        assert_null(strstr(style, "@import"));
    }
}

static void read_begin(void *ctx, const char *name, const char **attributes) {
    struct read *read = ctx;
    gpointer count = g_hash_table_lookup(read->elements, name);
    g_hash_table_insert(read->elements, g_strdup(name),
                        GINT_TO_POINTER(GPOINTER_TO_INT(count) + 1));
    read->in_style = strcmp(name, "style") == 0;
    for (int i = 0; attributes[i] != NULL; i += 2) {
        assert_int_not_equal(strncmp(attributes[i], "on", 2), 0);
        assert_string_not_equal(attributes[i], "src");
        assert_string_not_equal(attributes[i], "href");
    }
    read_text(ctx, " ", 1);
}

static void read_end(void *ctx, const char *name) {
    struct read *read = ctx;
    read->in_style = false;
}

static struct read read_page(const struct buf *html) {
    struct read read = {.text = g_string_new(NULL),
                        .elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    XML_Parser parser = XML_ParserCreate("UTF-8");
    XML_SetUserData(parser, &read);
    XML_SetElementHandler(parser, read_begin, read_end);
    XML_SetCharacterDataHandler(parser, read_text);
    if (XML_Parse(parser, html->data, (int)html->len, XML_TRUE) != XML_STATUS_OK) {
        fail_msg("line %lu: %s", XML_GetCurrentLineNumber(parser),
                 XML_ErrorString(XML_GetErrorCode(parser)));
    }
    XML_ParserFree(parser);
    assert_false(g_hash_table_contains(read.elements, "script"));
    assert_false(g_hash_table_contains(read.elements, "link"));
    assert_false(g_hash_table_contains(read.elements, "img"));
    return read;
}

static void read_release(struct read *read) {
    g_string_free(read->text, true);
    g_hash_table_unref(read->elements);
}

static int elements(const struct read *read, const char *name) {
    return GPOINTER_TO_INT(g_hash_table_lookup(read->elements, name));
}

static void says(const struct read *read, const char *text) {
    if (strstr(read->text->str, text) == NULL) {
        fail_msg("it does not say \"%s\":\n%s", text, read->text->str);
    }
}

static void says_not(const struct read *read, const char *text) {
    if (strstr(read->text->str, text) != NULL) {
        fail_msg("it says \"%s\"", text);
    }
}

/* ---- a report ---- */

static const struct match_sum sums[] = {
    {{"JPY"}, CLASS_MATCHED, {2, 2}, {1500, 1500}, {0, 0}},
    {{"USD"}, CLASS_MATCHED, {3, 3}, {300000, 300000}, {0, 0}},
    {{"USD"}, CLASS_MISSING_HERE, {0, 1}, {0, 1999}, {0, 0}},
    {{"USD"}, CLASS_AMOUNT_UNDER, {1, 1}, {1000, 950}, {0, 0}},
};
static const struct report_source sources[] = {
    {OURS, "ours.csv", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 6, 600,
     0, 0},
    {THEIRS, "<b>theirs</b>.csv", "", 7, 700, 0, 0},
};

static struct report_facts facts_of(int sum_count) {
    struct report_facts facts = {
        .sources = sources,
        .source_count = COUNT_OF(sources),
        .sums = sums,
        .sum_count = sum_count,
        .command = "holdfast reconcile --ours 'a&b.csv'",
    };
    for (int i = 0; i < sum_count; i++) {
        facts.rows[OURS] += sums[i].rows[OURS];
        facts.rows[THEIRS] += sums[i].rows[THEIRS];
    }
    return facts;
}

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

static struct report_break missing_here(void) {
    return (struct report_break){
        .first = true,
        .class = CLASS_MISSING_HERE,
        .risk = RISK_CRITICAL,
        .of =
            {{0},
             {.there = true, .currency = usd, .amount_minor = 1999, .at_us = noon_us, .line = 12}},
        .has_difference = true,
        .difference_minor = 1999,
        .currency = usd,
        .stake_minor = 1999,
        .at_us = noon_us,
        .kind = text_of("charge"),
        .key = text_of("ch_1"),
    };
}

static struct read write_page(struct report_page *page, const struct report_facts *facts) {
    struct buf html;
    struct err err;
    buf_init(&html, REPORT_BYTES_MAX);
    assert_int_equal(report_page_write(page, facts, &html, &err), 0);
    struct read read = read_page(&html);
    buf_release(&html);
    report_page_free(page);
    return read;
}

static void what_ties_out_says_so_first(void **state) {
    const struct report_facts facts = facts_of(2);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct read read = write_page(page, &facts);
    says(&read, "Everything ties out: both sides tell the same · Reconciliation");
    says(&read, "There are none.");
    says_not(&read, "Breaks by class");
    says_not(&read, "does not hold");
    assert_int_equal(elements(&read, "svg"), 0);
    read_release(&read);
}

static void without_breaks_and_yet_not_the_same_it_does_not_say_that_it_is(void **state) {
    static const enum match_class classes[] = {CLASS_EXPECTED, CLASS_MATCHED_TOLERANCE,
                                               CLASS_GATEWAYS_OWN, CLASS_NOTHING_MOVED};
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        struct match_sum sum = {.currency = usd, .class = classes[i], .rows = {1, 1}};
        struct report_facts facts = facts_of(0);
        facts.sums = &sum;
        facts.sum_count = 1;
        facts.rows[OURS] = facts.rows[THEIRS] = 1;
        struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
        struct read read = write_page(page, &facts);
        says(&read, "No breaks; not every row is matched alike");
        says_not(&read, "Everything ties out");
        read_release(&read);
    }
}

static void breaks_and_what_is_at_stake_come_first(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct report_break row = missing_here();
    report_page_break(page, &row);
    row.class = CLASS_AMOUNT_UNDER;
    row.risk = RISK_MEDIUM;
    row.of[OURS] = (struct report_side){true, usd, 1000, noon_us, 3};
    row.of[THEIRS].amount_minor = 950;
    row.difference_minor = -50;
    row.stake_minor = 50;
    row.rule = text_of("same reference");
    report_page_break(page, &row);
    row.currency = jpy;
    row.stake_minor = 1234567;
    report_page_break(page, &row);
    struct read read = write_page(page, &facts);
    says(&read, "3 breaks: 1,234,567 JPY, 20.49 USD at stake");
    says(&read, "a customer paid there and nothing here knows of it");
    says(&read, "(rule same reference)");
    says(&read, "Theirs line 12");
    says(&read, "10.00 USD 9.50 USD -0.50 USD 2025-11-20 12:00:00");
    says(&read, sources[0].sha256);
    says(&read, "holdfast reconcile --ours 'a&b.csv'");
    assert_int_equal(elements(&read, "figure"), 3);
    read_release(&read);
}

static void rows_of_one_break_count_once(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct report_break row = missing_here();
    report_page_break(page, &row);
    row.first = false;
    row.stake_minor = 1;
    report_page_break(page, &row);
    assert_int_equal(page->of_class[CLASS_MISSING_HERE], 1);
    assert_int_equal(page->of_risk[RISK_CRITICAL], 1);
    struct read read = write_page(page, &facts);
    says(&read, "1 break: 20.00 USD at stake");
    read_release(&read);
}

static void the_sums_are_those_of_the_figures(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct read read = write_page(page, &facts);
    says(&read, "matched both sides tell the same 3 3,000.00 3 3,000.00 0.00");
    says(&read, "critical 0 0.00 1 19.99 19.99");
    says(&read, "USD All 4 3,010.00 5 3,029.49 19.49");
    says(&read, "JPY All 2 1,500 2 1,500 0");
    says(&read, "Ours 6 6 ✓ holds");
    says(&read, "Theirs 7 7 ✓ holds");
    says(&read, "USD Ours 3,010.00");
    says(&read, "missing_here 19.99");
    says(&read, "amount_under -0.50");
    says(&read, "USD Theirs 3,029.49");
    read_release(&read);
}

static void a_row_in_no_class_is_told(void **state) {
    struct report_facts facts = facts_of(2);
    facts.rows[THEIRS]++;
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct read read = write_page(page, &facts);
    says(&read, "0 breaks; the books do not tie out");
    says(&read, "Theirs 6 5 ✗ does not hold");
    read_release(&read);
}

static void books_that_do_not_add_up_are_told(void **state) {
    static const struct {
        struct run_book book;
        bool holds;
    } cases[] = {
        {{{"USD"}, 100, 50, 0, 150}, true},
        {{{"USD"}, 100, 50, 0, 151}, false},
        {{{"USD"}, 100, 50, 5, 155}, false},
        {{{"USD"}, INT64_MAX, 1, 0, INT64_MIN}, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct report_facts facts = facts_of(2);
        facts.books = &cases[i].book;
        facts.book_count = 1;
        struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
        struct read read = write_page(page, &facts);
        says(&read, cases[i].holds ? "Everything ties out" : "the books do not tie out");
        says(&read, cases[i].holds ? "1.50 ✓ holds" : "✗ does not hold");
        if (cases[i].book.late_minor != 0) {
            says(&read, "Something was posted into a time that the run before had closed.");
        }
        read_release(&read);
    }
}

static void texts_of_strangers_stay_texts(void **state) {
    static const struct {
        const char *given, *shown;
    } texts[] = {
        {"<script>alert(1)</script>", "<script>alert(1)</script>"},
        {"\"' onload=\"x\" &lt;", "\"' onload=\"x\" &lt;"},
        {"a\x01\x1B[31m\xC2\x85z", "a��[31m�z"},
        {"\xE2\x80\xAEtxt", "�txt"},
        {"\xFF\xC3(", "��("},
        {"]]>", "]]>"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct report_facts facts = facts_of(4);
        struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
        struct report_break row = missing_here();
        row.key = row.rule = row.kind = text_of(texts[i].given);
        row.of[THEIRS].rows = 1;
        row.of[THEIRS].row = row.of[OURS].fee = row.of[THEIRS].fee = texts[i].given;
        row.name = row.state = row.owner = texts[i].given;
        report_page_break(page, &row);
        struct read read = write_page(page, &facts);
        int found = 0;
        for (const char *at = read.text->str; (at = strstr(at, texts[i].shown)) != NULL; at++) {
            found++;
        }
        assert_int_equal(found, 9);
        says(&read, "<b>theirs</b>.csv");
        assert_false(g_hash_table_contains(read.elements, "b"));
        read_release(&read);
    }
}

static void long_texts_are_cut(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct report_break row = missing_here();
    g_autofree char *most = g_strnfill(REPORT_TEXT_CHARS, 'x');
    g_autofree char *cut = g_strconcat(most, "…", NULL), *more = g_strconcat(most, "y", NULL);
    row.key = text_of(most);
    row.kind = text_of(more);
    report_page_break(page, &row);
    struct read read = write_page(page, &facts);
    says(&read, cut);
    says_not(&read, more);
    read_release(&read);
}

static void only_the_first_rows_are_shown_and_all_are_counted(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, 3, 0);
    for (int i = 0; i < 1500; i++) {
        struct report_break row = missing_here();
        g_autofree char *key = g_strdup_printf("key-%d.", i);
        row.key = text_of(key);
        report_page_break(page, &row);
    }
    struct read read = write_page(page, &facts);
    says(&read, "1,500 breaks: 29,985.00 USD at stake");
    says(&read, "The first 3 rows are shown; breaks.csv has all 1,500");
    says(&read, "key-2.");
    says_not(&read, "key-3.");
    read_release(&read);
}

static void ages_are_counted_back_from_the_latest_break(void **state) {
    static const struct {
        int64_t days;
        int bucket; /* as in the chart; 5: none told */
    } ages[] = {{40, 4}, {0, 0}, {29, 3}, {30, 4}, {1, 1}, {3, 2}, {2, 1}, {7, 3}, {6, 2}, {-1, 5}};
    static const int want[] = {1, 2, 2, 2, 2, 1};
    /* In whatever order they come. */
    for (size_t first = 0; first < COUNT_OF(ages); first++) {
        struct report_page *page = report_page_new(REPORT_ENGLISH, 0, 0);
        for (size_t i = 0; i < COUNT_OF(ages); i++) {
            struct report_break row = missing_here();
            int64_t days = ages[(first + i) % COUNT_OF(ages)].days;
            row.at_us = days < 0 ? 0 : noon_us - days * day_us;
            report_page_break(page, &row);
        }
        int64_t have[COUNT_OF(want)] = {0, 0, 0, 0, page->older, page->ageless};
        for (int i = 0; i < AGE_DAYS; i++) {
            have[i < 1 ? 0 : i < 3 ? 1 : i < 7 ? 2 : 3] += page->by_day[i];
        }
        for (size_t i = 0; i < COUNT_OF(want); i++) {
            assert_int_equal(have[i], want[i]);
        }
        const struct report_facts facts = facts_of(4);
        struct read read = write_page(page, &facts);
        says(&read, "Ages are counted back from 2025-11-20T12:00:00Z.");
        read_release(&read);
    }
}

static void a_given_day_stays_the_one_that_ages_are_counted_from(void **state) {
    struct report_page *page = report_page_new(REPORT_ENGLISH, 0, noon_us);
    struct report_break row = missing_here();
    row.at_us = noon_us + 5 * day_us;
    report_page_break(page, &row);
    row.at_us = noon_us - 2 * day_us;
    report_page_break(page, &row);
    assert_int_equal(page->by_day[0], 1);
    assert_int_equal(page->by_day[2], 1);
    report_page_free(page);
}

static void every_word_and_class_has_both_languages(void **state) {
    for (int i = 0; i < WORD_COUNT; i++) {
        assert_non_null(report_word(REPORT_ENGLISH, (enum word)i));
        assert_true(report_word(REPORT_CHINESE, (enum word)i)[0] != '\0');
    }
#define X(name, number, text, risk, what)                                                          \
    assert_string_equal(report_class(REPORT_ENGLISH, CLASS_##name), what);                         \
    assert_string_not_equal(report_class(REPORT_CHINESE, CLASS_##name), what);
#include "match/match_classes.def"
#undef X
    enum report_language language = REPORT_LANGUAGE_COUNT;
    assert_true(report_language_parse("zh", &language));
    assert_int_equal(language, REPORT_CHINESE);
    assert_false(report_language_parse("fr", &language));
}

static void known_in_both(const char *name) {
    const struct match_text text = text_of(name);
    struct match_text english = report_known(REPORT_ENGLISH, text);
    struct match_text chinese = report_known(REPORT_CHINESE, text);
    assert_int_equal(english.count, text.count);
    assert_memory_equal(english.bytes, text.bytes, text.count);
    if (chinese.bytes == text.bytes || (unsigned char)chinese.bytes[0] < 0x80) {
        fail_msg("\"%s\" has no word in report_words.def", name);
    }
}

static void every_kind_state_and_rule_has_both_languages(void **state) {
    int rule_count = 0;
    const struct match_rule *rules = match_rules_usual(&rule_count);
    for (int i = 0; i < rule_count; i++) {
        known_in_both(rules[i].name);
    }
#define X(name, number, text, family, sign, what) known_in_both(text);
#include "statement/row_kinds.def"
#undef X
#define X(name, number, text, life, what) known_in_both(text);
#include "recon/break_states.def"
#undef X
    const struct match_text own = text_of("our own rule");
    assert_ptr_equal(report_known(REPORT_CHINESE, own).bytes, own.bytes);
}

static void the_page_is_in_the_language_asked_for(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_CHINESE, REPORT_BREAKS_SHOWN, 0);
    const struct report_break row = missing_here();
    report_page_break(page, &row);
    struct read read = write_page(page, &facts);
    says(&read, "1 笔差异：19.99 USD 待查");
    says(&read, "客户在对方已付款，我方毫无记录");
    says(&read, "严重");
    says(&read, "收款");
    says(&read, "对方 第 12 行");
    says(&read, "渠道流水号相同");
    says_not(&read, "Breaks");
    says_not(&read, "at stake");
    says_not(&read, "charge");
    says_not(&read, "same gateway id");
    read_release(&read);
}

static void a_page_without_room_is_refused(void **state) {
    const struct report_facts facts = facts_of(4);
    struct report_page *page = report_page_new(REPORT_ENGLISH, REPORT_BREAKS_SHOWN, 0);
    struct buf html;
    struct err err;
    buf_init(&html, 2000);
    assert_int_equal(report_page_write(page, &facts, &html, &err), -ERR_TOO_LARGE);
    buf_release(&html);
    report_page_free(page);
}

/* ---- of a run on record ---- */

static struct test_store engine;

/* Two breaks open at the run's end, one closed before, one opened after it, one of another gateway,
 * one closed since. */
static int setup(void **state) {
    (void)state;
    engine_exec(&engine,
                "INSERT INTO reconciliation (id, gateway, state, actor, until_us, begun_us, "
                "ended_us, figures) VALUES ('rec_1', 'stripe-a', 2, 'system', 1763640000000000, "
                "1763640000000000, 1763650000000000, '{\"our_rows\":6,\"their_rows\":7,"
                "\"breaks_open\":2,\"ties_out\":true,\"books\":[{\"currency\":\"USD\","
                "\"opening\":100,\"movements\":50,\"late\":0,\"closing\":150}],\"balances\":[{"
                "\"currency\":\"USD\",\"opening\":700,\"rows\":80,\"closing\":780,\"ours\":150,"
                "\"items\":[{\"item\":\"missing_here\",\"amount\":-75,\"explains\":true},{\"item\":"
                "\"before_first_statement\",\"amount\":700,\"explains\":true},{\"item\":"
                "\"gap_between_statements\",\"amount\":5,\"explains\":false}],\"unexplained\":5,"
                "\"proved\":false,\"broken_by\":\"stm_9\"}],\"buckets\":["
                "{\"currency\":\"USD\",\"class\":\"matched\",\"our_rows\":6,\"our_amount\":600,"
                "\"their_rows\":6,\"their_amount\":600},{\"currency\":\"USD\",\"class\":"
                "\"missing_here\",\"our_rows\":0,\"our_amount\":0,\"their_rows\":1,"
                "\"their_amount\":1999}]}'), ('rec_2', 'stripe-a', 1, 'system', 0, 0, 0, '')");
    engine_exec(&engine,
                "INSERT INTO statement (id, gateway, reader, name, sha256, byte_count, account, "
                "file_id, sequence, from_us, until_us, row_count, balances, state, supersedes, "
                "superseded_by, reason, actor, begun_us, taken_us, seen_run) VALUES ('stm_1', "
                "'stripe-a', 'stripe', 'balance <1>.csv', 'abc123', 1234, '', '', 0, "
                "1763510400000000, 1763596800000000, 7, '[]', 2, '', '', '', '', 0, 0, 'rec_1')");
    static const char *const breaks[] = {
        "INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, "
        "state, owner, kind, payment_id, currency, our_minor, their_minor, difference_minor, "
        "our_rows, their_rows, detail, at_us, opened_us, updated_us, closed_us, first_run, "
        "last_run, resolution, decided_by, stake_minor) VALUES "
        "('brk_open', 1, 'stripe-a', 11, 's1', 4, 2, 'stm_1#7', 1, '', 1, '', 'USD', 0, 1999, "
        "1999, 0, 1, 'ch_9 <i>is</i> there', 1763500000000000, 1763640000000000, 0, 0, 'rec_1', "
        "'rec_1', '', '', 1999), "
        "('brk_mine', 1, 'stripe-a', 15, 's2', 2, 1, 'pst_1', 2, 'team:books', 1, 'pay_1', 'USD', "
        "1000, 950, -50, 1, 2, 'd', 1763600000000000, 1763640000000000, 0, 0, 'rec_1', 'rec_1', "
        "'', '', 5000), "
        "('brk_since', 1, 'stripe-a', 24, 's3', 2, 1, 'pst_2', 3, '', 1, 'pay_2', 'USD', 1000, "
        "1000, -10, 1, 1, 'the gateway kept more; fee here 0.20 USD, there 0.30 USD', "
        "1763600000000000, 1763640000000000, 0, 1763700000000000, 'rec_1', "
        "'rec_1', '', '', 10), "
        "('brk_before', 1, 'stripe-a', 15, 's4', 2, 1, 'pst_3', 3, '', 1, 'pay_3', 'USD', 1000, "
        "990, -10, 1, 1, 'd', 1763600000000000, 1763500000000000, 0, 1763640000000000, 'rec_0', "
        "'rec_1', '', '', 10), "
        "('brk_after', 1, 'stripe-a', 15, 's5', 2, 1, 'pst_4', 1, '', 1, 'pay_4', 'USD', 1000, "
        "990, -10, 1, 1, 'd', 1763600000000000, 1763700000000000, 0, 0, 'rec_3', 'rec_3', '', '', "
        "10), "
        "('brk_other', 1, 'paypal-a', 15, 's6', 2, 1, 'pst_5', 1, '', 1, 'pay_5', 'USD', 1000, "
        "990, -10, 1, 1, 'd', 1763600000000000, 1763640000000000, 0, 0, 'rec_4', 'rec_4', '', '', "
        "10)",
    };
    engine_exec(&engine, breaks[0]);
    engine_exec(&engine, "INSERT INTO recon_break_member (break_id, side, movement_id) VALUES "
                         "('brk_open', 2, 'stm_1#7 <i>'), ('brk_mine', 1, 'pst_1'), ('brk_mine', "
                         "2, 'stm_1#1'), ('brk_mine', 2, 'stm_1#2')");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    engine_exec(&engine, "DELETE FROM recon_break_member");
    engine_exec(&engine, "DELETE FROM recon_break");
    engine_exec(&engine, "DELETE FROM statement");
    engine_exec(&engine, "DELETE FROM reconciliation");
    return 0;
}

struct asked {
    const char *run_id;
    enum report_language language;
    struct buf html;
};

static int ask_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    return report_run_page(tx, asked->run_id, asked->language, &asked->html, err);
}

static int ask(const char *run_id, struct asked *asked, struct err *err) {
    asked->run_id = run_id;
    buf_init(&asked->html, REPORT_BYTES_MAX);
    return store_read(engine.store, ask_tx, asked, err);
}

static void the_page_of_a_run_tells_what_was_open_when_it_ended(void **state) {
    struct asked asked = {0};
    struct err err = {0};
    if (ask("rec_1", &asked, &err) != 0) {
        fail_msg("%s", err.detail);
    }
    struct read read = read_page(&asked.html);
    says(&read, "3 breaks: 70.09 USD at stake; the books do not tie out · Reconciliation");
    says(&read, "stripe-a");
    says(&read, "rec_1");
    says(&read, "2025-11-20T14:46:40Z");
    says(&read, "balance <1>.csv");
    says(&read, "2025-11-19 00:00:00 – 2025-11-20 00:00:00");
    says(&read, "USD 1.00 0.50 0.00 1.50 ✓ holds");
    says(&read, "USD 7.00 0.80 7.80 1.50 0.05 ✗ does not hold");
    says(&read, "missing_here -0.75");
    says(&read, "gap_between_statements 0.05");
    says(&read, "stm_9");
    says(&read, "Theirs: 1 row, stm_1#7 <i>");
    says(&read, "Ours: 1 row, pst_1 Theirs: 2 rows, stm_1#1, …");
    says(&read, "Fee: ours 0.20 USD, theirs 0.30 USD");
    says(&read, "holdfast reconcile report rec_1 --out FILE");
    says(&read, "holdfast reconcile run --gateway stripe-a --wait");
    says(&read, "assigned, with team:books");
    says(&read, "brk_since");
    says_not(&read, "brk_before");
    says_not(&read, "brk_after");
    says_not(&read, "brk_other");
    const char *gravest = strstr(read.text->str, "brk_open");
    assert_true(gravest != NULL && gravest < strstr(read.text->str, "brk_mine"));
    assert_true(strstr(read.text->str, "brk_mine") < strstr(read.text->str, "brk_since"));
    read_release(&read);
    buf_release(&asked.html);
}

/* What a run has written down in English is told anew from its figures. */
static void the_page_of_a_run_is_in_chinese_altogether(void **state) {
    struct asked asked = {.language = REPORT_CHINESE};
    struct err err = {0};
    assert_int_equal(ask("rec_1", &asked, &err), 0);
    struct read read = read_page(&asked.html);
    says(&read, "已分派, 负责：team:books");
    says(&read, "我方: 1 笔, pst_1");
    says(&read, "手续费：我方 0.20 USD，对方 0.30 USD");
    static const char *const english[] = {"kept", "charge", "assigned", "row", "there", " at "};
    for (size_t i = 0; i < COUNT_OF(english); i++) {
        says_not(&read, english[i]);
    }
    read_release(&read);
    buf_release(&asked.html);
}

static void a_run_that_is_not_done_or_not_there_has_no_page(void **state) {
    struct asked asked = {0};
    struct err err = {0};
    assert_int_equal(ask("rec_2", &asked, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.detail, "it is not done"));
    buf_release(&asked.html);
    assert_int_equal(ask("rec_9", &asked, &err), -ERR_NOT_FOUND);
    buf_release(&asked.html);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ties_out_says_so_first),
        cmocka_unit_test(without_breaks_and_yet_not_the_same_it_does_not_say_that_it_is),
        cmocka_unit_test(breaks_and_what_is_at_stake_come_first),
        cmocka_unit_test(rows_of_one_break_count_once),
        cmocka_unit_test(the_sums_are_those_of_the_figures),
        cmocka_unit_test(a_row_in_no_class_is_told),
        cmocka_unit_test(books_that_do_not_add_up_are_told),
        cmocka_unit_test(texts_of_strangers_stay_texts),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(only_the_first_rows_are_shown_and_all_are_counted),
        cmocka_unit_test(ages_are_counted_back_from_the_latest_break),
        cmocka_unit_test(a_given_day_stays_the_one_that_ages_are_counted_from),
        cmocka_unit_test(every_word_and_class_has_both_languages),
        cmocka_unit_test(every_kind_state_and_rule_has_both_languages),
        cmocka_unit_test(the_page_is_in_the_language_asked_for),
        cmocka_unit_test(a_page_without_room_is_refused),
    };
    const struct CMUnitTest runs[] = {
        cmocka_unit_test_setup_teardown(the_page_of_a_run_tells_what_was_open_when_it_ended, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_page_of_a_run_is_in_chinese_altogether, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_that_is_not_done_or_not_there_has_no_page, setup,
                                        teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + engine_run("report", runs, COUNT_OF(runs), &engine);
}
