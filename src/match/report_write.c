/* SPDX-License-Identifier: Apache-2.0
 * report_write.c: the sections of a report's page, from the verdict to how it is done again. */
#include <string.h>

#include "base/clock.h"
#include "match/report_impl.h"

struct out {
    const struct report_page *page;
    const struct report_facts *facts;
    struct buf *html;
};

static const char *word(const struct out *out, enum word which) {
    return report_word(out->page->language, which);
}

static void raw(const struct out *out, const char *html) {
    buf_add_text(out->html, html);
}

static void element(const struct out *out, const char *open, enum word which, const char *close) {
    raw(out, open);
    html_word(out->html, word(out, which));
    raw(out, close);
}

/* ---- tables ---- */

enum { COLUMNS_MAX = 10 };

struct column {
    enum word word;
    bool is_number;
};
struct headed {
    const char *name; /* a class of the style sheet */
    struct column columns[COLUMNS_MAX];
    int count;
};

static const struct headed table_sources = {"src",
                                            {{WORD_SIDE, false},
                                             {WORD_SOURCE, false},
                                             {WORD_ROWS, true},
                                             {WORD_BYTES, true},
                                             {WORD_DIGEST, false},
                                             {WORD_PERIOD, false}},
                                            6};
static const struct headed table_rows = {
    "row",
    {{WORD_PROOF_ROWS, false}, {WORD_COUNTED, true}, {WORD_IN_CLASSES, true}, {WORD_PROOF, false}},
    4};
static const struct headed table_books = {"book",
                                          {{WORD_PROOF_BOOKS, false},
                                           {WORD_OPENING, true},
                                           {WORD_MOVEMENTS, true},
                                           {WORD_LATE, true},
                                           {WORD_CLOSING, true},
                                           {WORD_PROOF, false}},
                                          6};
static const struct headed table_balances = {"bal",
                                             {{WORD_PROOF_BALANCES, false},
                                              {WORD_OPENING, true},
                                              {WORD_ROWS_SUM, true},
                                              {WORD_CLOSING, true},
                                              {WORD_OUR_CLOSING, true},
                                              {WORD_UNEXPLAINED, true},
                                              {WORD_PROOF, false}},
                                             7};
static const struct headed table_buckets = {"sums",
                                            {{WORD_CURRENCY, false},
                                             {WORD_CLASS, false},
                                             {WORD_RISK, false},
                                             {WORD_OUR_ROWS, true},
                                             {WORD_OUR_AMOUNT, true},
                                             {WORD_THEIR_ROWS, true},
                                             {WORD_THEIR_AMOUNT, true},
                                             {WORD_DIFFERENCE, true}},
                                            8};
static const struct headed table_breaks = {"brk",
                                           {{WORD_CLASS, false},
                                            {WORD_RISK, false},
                                            {WORD_KIND, false},
                                            {WORD_KEY, false},
                                            {WORD_WHERE, false},
                                            {WORD_OUR_AMOUNT, true},
                                            {WORD_THEIR_AMOUNT, true},
                                            {WORD_DIFFERENCE, true},
                                            {WORD_WHEN, false},
                                            {WORD_WHY, false}},
                                           10};

static void heads(const struct out *out, const struct headed *table, int count) {
    buf_addf(out->html, "<div class=\"wide\"><table class=\"t %s\"><thead><tr>", table->name);
    for (int i = 0; i < count; i++) {
        const struct column *column = &table->columns[i];
        element(out, column->is_number ? "<th class=\"n\">" : "<th>", column->word, "</th>");
    }
    raw(out, "</tr></thead><tbody>\n");
}

/* What a narrow screen has in place of the tables' heads. The first column needs none where it says
 * what it is by itself. No word has a mark that a style sheet would take for its own. */
static void add_labels(const struct out *out) {
    static const struct headed *const tables[] = {&table_sources, &table_rows, &table_books,
                                                  &table_balances, &table_buckets, &table_breaks};
    raw(out, "@media(max-width:44rem){");
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        bool named = tables[i] == &table_rows || tables[i] == &table_books ||
                     tables[i] == &table_balances;
        for (int j = named ? 1 : 0; j < tables[i]->count; j++) {
            buf_addf(out->html, ".%s td:nth-child(%d)::before{content:\"%s\"}", tables[i]->name,
                     j + 1, word(out, tables[i]->columns[j].word));
        }
    }
    raw(out, "}");
}

static void cell_count(const struct out *out, int64_t count) {
    raw(out, "<td class=\"n\">");
    if (count >= 0) {
        html_count(out->html, count);
    }
    raw(out, "</td>");
}

static void cell_money(const struct out *out, __int128 amount_minor, struct currency currency) {
    raw(out, "<td class=\"n\">");
    html_money(out->html, amount_minor, currency);
    raw(out, "</td>");
}

static void cell_holds(const struct out *out, bool holds) {
    element(out, holds ? "<td class=\"good\">✓ " : "<td class=\"bad\">✗ ",
            holds ? WORD_HOLDS : WORD_FAILS, "</td>");
}

/* ---- what is to hold ---- */

static int64_t rows_in_classes(const struct report_facts *facts, enum match_side side) {
    int64_t rows = 0;
    for (int i = 0; i < facts->sum_count; i++) {
        rows += facts->sums[i].rows[side];
    }
    return rows;
}

static bool book_holds(const struct run_book *book) {
    return (__int128)book->opening_minor + book->movements_minor + book->late_minor ==
               book->closing_minor &&
           book->late_minor == 0;
}

static bool all_holds(const struct report_facts *facts) {
    bool holds = true;
    for (int i = 0; i < MATCH_SIDES; i++) {
        holds = holds && rows_in_classes(facts, (enum match_side)i) == facts->rows[i];
    }
    for (int i = 0; i < facts->book_count; i++) {
        holds = holds && book_holds(&facts->books[i]);
    }
    for (int i = 0; i < facts->balance_count; i++) {
        holds = holds && facts->balances[i].proved;
    }
    return holds;
}

/* ---- the verdict ---- */

static gint by_code(gconstpointer a, gconstpointer b) {
    return strcmp(((const struct report_stake *)a)->currency.code,
                  ((const struct report_stake *)b)->currency.code);
}

/* Rows that are expected, that differ within a tolerance, or that have nothing beside them are no
 * breaks, and yet both sides do not tell the same. */
static bool all_same(const struct report_facts *facts) {
    bool same = true;
    for (int i = 0; i < facts->sum_count; i++) {
        same = same && facts->sums[i].class == CLASS_MATCHED;
    }
    return same;
}

/* "3 breaks, 120.00 USD, 500 JPY at stake; the books do not tie out" */
static void add_verdict(const struct out *out) {
    char count[COUNT_TEXT_MAX];
    const struct report_page *page = out->page;
    if (page->breaks == 0 && all_holds(out->facts)) {
        html_word(out->html, word(out, all_same(out->facts) ? WORD_TIES_OUT : WORD_NONE_GRAVE));
        return;
    }
    html_sentence(out->html, word(out, page->breaks == 1 ? WORD_ONE_BREAK : WORD_BREAKS),
                  html_count_text(page->breaks, count), "");
    for (guint i = 0; i < page->stakes->len; i++) {
        const struct report_stake *stake = &g_array_index(page->stakes, struct report_stake, i);
        element(out, "", i == 0 ? WORD_STAKE_OPENS : WORD_STAKE_NEXT, "");
        html_money(out->html, stake->amount_minor, stake->currency);
        buf_addf(out->html, " %s", stake->currency.code);
    }
    if (page->stakes->len > 0) {
        element(out, "", WORD_STAKE_ENDS, "");
    }
    if (!all_holds(out->facts)) {
        element(out, "", WORD_BOOKS_OPEN, "");
    }
}

static void add_head(const struct out *out) {
    const struct report_facts *facts = out->facts;
    bool good = out->page->breaks == 0 && all_holds(facts);
    g_array_sort(out->page->stakes, by_code);
    buf_addf(out->html,
             "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"/>"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
             "style-src 'unsafe-inline'\"/><title>",
             report_language_name(out->page->language));
    add_verdict(out);
    raw(out, " · ");
    html_word(out->html, word(out, WORD_TITLE));
    raw(out, "</title><style>");
    raw(out, report_style);
    add_labels(out);
    element(out, "</style></head><body><main>\n<header><p>", WORD_TITLE, "");
    if (facts->gateway != NULL) {
        raw(out, " · ");
        html_word(out->html, facts->gateway);
    }
    buf_addf(out->html, "</p><h1 class=\"%s\">", good ? "good" : "bad");
    add_verdict(out);
    raw(out, "</h1>");
    if (out->page->stakes->len > 0) {
        element(out, "<p>", WORD_STAKE_NOTE, "</p>");
    }
    raw(out, "</header>\n");
}

/* ---- what was compared ---- */

static void add_day(const struct out *out, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    raw(out, at_us != 0 ? clock_format_at(at_us, 0, text) : "");
}

static void add_sources(const struct out *out) {
    bool told = false;
    for (int i = 0; i < out->facts->source_count; i++) {
        told = told || out->facts->sources[i].until_us != 0;
    }
    heads(out, &table_sources, table_sources.count - (told ? 0 : 1));
    for (int i = 0; i < out->facts->source_count; i++) {
        const struct report_source *source = &out->facts->sources[i];
        element(out, "<tr><td>", source->side == OURS ? WORD_OURS : WORD_THEIRS, "</td><td><bdi>");
        html_word(out->html, source->name);
        raw(out, "</bdi></td>");
        cell_count(out, source->rows);
        cell_count(out, source->bytes);
        raw(out, "<td class=\"hash\"><code>");
        html_word(out->html, source->sha256 != NULL ? source->sha256 : "");
        raw(out, "</code></td>");
        if (told) {
            raw(out, "<td>");
            add_day(out, source->from_us);
            raw(out, source->until_us != 0 ? " – " : "");
            add_day(out, source->until_us);
            raw(out, "</td>");
        }
        raw(out, "</tr>\n");
    }
    raw(out, "</tbody></table></div>");
}

/* "± 0.02 EUR · ± 100 ppm · −1 h … +24 h": what a rule allows, in signs that need no language. */
static void add_minutes(const struct out *out, int64_t us) {
    if (us == INT64_MAX) {
        raw(out, "∞");
    } else {
        buf_addf(out->html, "%lld min", (long long)(us / (60 * US_PER_SECOND)));
    }
}

static void add_allowed(const struct out *out, const struct match_rule *rule) {
    const char *sign = rule->less_only ? "−" : "±";
    for (int i = 0; i < rule->tolerance_count; i++) {
        char money[MONEY_TEXT_MAX];
        const struct match_tolerance *one = &rule->tolerances[i];
        buf_addf(out->html, " · %s %s", sign, money_show(one->minor, one->currency, money));
    }
    if (rule->tolerance_ppm > 0) {
        buf_addf(out->html, " · %s %d ppm", sign, rule->tolerance_ppm);
    }
    if (rule->by != BY_AMOUNT_TIME && (rule->before_us > 0 || rule->after_us > 0)) {
        raw(out, " · −");
        add_minutes(out, rule->before_us);
        raw(out, " … +");
        add_minutes(out, rule->after_us);
    }
}

static void add_rules(const struct out *out) {
    static const enum word by[] = {[BY_GATEWAY_ID] = WORD_BY_GATEWAY_ID,
                                   [BY_REFERENCE] = WORD_BY_REFERENCE,
                                   [BY_ORIGINAL] = WORD_BY_ORIGINAL,
                                   [BY_AMOUNT_TIME] = WORD_BY_AMOUNT_TIME,
                                   [BY_BATCH] = WORD_BY_BATCH,
                                   [BY_PAYOUT_NAME] = WORD_BY_PAYOUT_NAME,
                                   [BY_PAYOUT_SUM] = WORD_BY_PAYOUT_SUM,
                                   [BY_PAYOUT_PARTS] = WORD_BY_PAYOUT_PARTS};
    static_assert(COUNT_OF(by) == MATCH_WAYS, "every rule has a word");
    struct match_options usual = {0};
    const struct match_options *options = out->facts->options;
    if (options == NULL) {
        usual.rules = match_rules_usual(&usual.rule_count);
        options = &usual;
    }
    element(out, "<p>", WORD_RULES, "</p><ol>");
    for (int i = 0; i < options->rule_count; i++) {
        const char *name = options->rules[i].name;
        struct match_text known = {name, (uint32_t)strlen(name)};
        known = report_known(out->page->language, known);
        raw(out, "<li><strong>");
        html_text(out->html, known.bytes, known.count);
        element(out, "</strong> <span class=\"quiet\">", by[options->rules[i].by], "");
        add_allowed(out, &options->rules[i]);
        raw(out, "</span></li>");
    }
    element(out, "</ol><p class=\"quiet\">", WORD_RULES_NOTE, "</p>");
}

static void add_fact(const struct out *out, enum word which, const char *value) {
    if (value != NULL) {
        element(out, "<tr><th>", which, "</th><td>");
        html_word(out->html, value);
        raw(out, "</td></tr>");
    }
}

static void add_compared(const struct out *out) {
    const struct report_facts *facts = out->facts;
    element(out, "<section><h2>", WORD_COMPARED, "</h2>");
    if (facts->run != NULL) {
        raw(out, "<table><tbody>");
        add_fact(out, WORD_GATEWAY, facts->gateway);
        add_fact(out, WORD_RUN, facts->run);
        add_fact(out, WORD_ENDED, facts->ended);
        raw(out, "</tbody></table>");
    }
    add_sources(out);
    add_rules(out);
    raw(out, "</section>\n");
}

/* ---- classes ---- */

static void add_bucket(const struct out *out, const struct match_sum *sum, bool all) {
    const char *name = all ? word(out, WORD_ALL) : match_class_name(sum->class);
    enum match_risk risk = match_class_risk(sum->class);
    buf_addf(out->html, "<tr%s><td>%s</td><td><code>", all ? " class=\"sum\"" : "",
             sum->currency.code);
    html_word(out->html, name);
    raw(out, "</code>");
    if (!all) {
        raw(out, "<div class=\"quiet\">");
        html_word(out->html, report_class(out->page->language, sum->class));
        raw(out, "</div>");
    }
    buf_addf(out->html, "</td><td class=\"risk %s\">",
             all || risk == RISK_NONE ? "" : match_risk_name(risk));
    if (!all && risk != RISK_NONE) {
        static const enum word risks[] = {[RISK_LOW] = WORD_RISK_LOW,
                                          [RISK_MEDIUM] = WORD_RISK_MEDIUM,
                                          [RISK_HIGH] = WORD_RISK_HIGH,
                                          [RISK_CRITICAL] = WORD_RISK_CRITICAL};
        html_word(out->html, word(out, risks[risk]));
    }
    raw(out, "</td>");
    for (int i = 0; i < MATCH_SIDES; i++) {
        cell_count(out, sum->rows[i]);
        cell_money(out, sum->amount_minor[i], sum->currency);
    }
    cell_money(out, (__int128)sum->amount_minor[THEIRS] - sum->amount_minor[OURS], sum->currency);
    raw(out, "</tr>\n");
}

static bool is_last_of_currency(const struct report_facts *facts, int at) {
    return at + 1 == facts->sum_count ||
           !currency_equal(facts->sums[at].currency, facts->sums[at + 1].currency);
}

/* Each class by itself did fit into an int64, and match_run() saw to it that all do. */
static void add_to(struct match_sum *all, const struct match_sum *sum) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        all->rows[i] += sum->rows[i];
        all->amount_minor[i] = (int64_t)((uint64_t)all->amount_minor[i] +
                                         (uint64_t)sum->amount_minor[i]);
    }
}

static void add_buckets(const struct out *out) {
    struct match_sum all = {0};
    element(out, "<section><h2>", WORD_BUCKETS, "</h2>");
    heads(out, &table_buckets, table_buckets.count);
    for (int i = 0; i < out->facts->sum_count; i++) {
        const struct match_sum *sum = &out->facts->sums[i];
        add_bucket(out, sum, false);
        add_to(&all, sum);
        if (is_last_of_currency(out->facts, i)) {
            all.currency = sum->currency;
            add_bucket(out, &all, true);
            all = (struct match_sum){0};
        }
    }
    raw(out, "</tbody></table></div></section>\n");
}

/* ---- proof ---- */

static void prove_rows(const struct out *out) {
    heads(out, &table_rows, table_rows.count);
    for (int i = 0; i < MATCH_SIDES; i++) {
        int64_t classed = rows_in_classes(out->facts, (enum match_side)i);
        element(out, "<tr><td>", i == OURS ? WORD_OURS : WORD_THEIRS, "</td>");
        cell_count(out, out->facts->rows[i]);
        cell_count(out, classed);
        cell_holds(out, classed == out->facts->rows[i]);
        raw(out, "</tr>\n");
    }
    raw(out, "</tbody></table></div>");
}

static void bridge_line(const struct out *out, enum word which, struct currency currency,
                        __int128 amount_minor) {
    buf_addf(out->html, "<tr class=\"sum\"><td>%s</td><td>", currency.code);
    html_word(out->html, word(out, which));
    raw(out, "</td>");
    cell_money(out, amount_minor, currency);
    raw(out, "</tr>\n");
}

/* From `first` to the last of its currency; ours, what each class differs by, theirs. */
static int bridge(const struct out *out, int first) {
    const struct report_facts *facts = out->facts;
    struct currency currency = facts->sums[first].currency;
    __int128 ours = 0, running = 0;
    int last = first;
    for (; !is_last_of_currency(facts, last); last++) {
        ours += facts->sums[last].amount_minor[OURS];
    }
    ours += facts->sums[last].amount_minor[OURS];
    bridge_line(out, WORD_OURS, currency, ours);
    running = ours;
    for (int i = first; i <= last; i++) {
        const struct match_sum *sum = &facts->sums[i];
        __int128 more = (__int128)sum->amount_minor[THEIRS] - sum->amount_minor[OURS];
        if (more != 0) {
            buf_addf(out->html, "<tr><td></td><td><code>%s</code></td>",
                     match_class_name(sum->class));
            cell_money(out, more, currency);
            raw(out, "</tr>\n");
            running += more;
        }
    }
    bridge_line(out, WORD_THEIRS, currency, running);
    return last + 1;
}

static void prove_bridge(const struct out *out) {
    element(out, "<div class=\"wide\"><table><thead><tr><th>", WORD_CURRENCY, "</th><th>");
    element(out, "", WORD_PROOF_BRIDGE, "</th><th class=\"n\">");
    element(out, "", WORD_AMOUNT, "</th></tr></thead><tbody>\n");
    for (int at = 0; at < out->facts->sum_count;) {
        at = bridge(out, at);
    }
    raw(out, "</tbody></table></div>");
}

static void prove_books(const struct out *out) {
    bool late = false;
    heads(out, &table_books, table_books.count);
    for (int i = 0; i < out->facts->book_count; i++) {
        const struct run_book *book = &out->facts->books[i];
        buf_addf(out->html, "<tr><td>%s</td>", book->currency.code);
        cell_money(out, book->opening_minor, book->currency);
        cell_money(out, book->movements_minor, book->currency);
        cell_money(out, book->late_minor, book->currency);
        cell_money(out, book->closing_minor, book->currency);
        cell_holds(out, book_holds(book));
        raw(out, "</tr>\n");
        late = late || book->late_minor != 0;
    }
    raw(out, "</tbody></table></div>");
    if (late) {
        element(out, "<p class=\"bad\">", WORD_LATE_NOTE, "</p>");
    }
}

/* By what a gateway's closing balance differs from ours, and what breaks it. */
static void explain_balance(const struct out *out, const struct run_balance *balance) {
    bridge_line(out, WORD_OUR_CLOSING, balance->currency, balance->ours_minor);
    for (int item = 0; item < (int)RUN_ITEM_COUNT; item++) {
        if (balance->items_minor[item] != 0) {
            buf_addf(out->html, "<tr%s><td></td><td><code>%s</code></td>",
                     run_item_explains(item) ? "" : " class=\"bad\"", run_item_name(item));
            cell_money(out, balance->items_minor[item], balance->currency);
            raw(out, "</tr>\n");
        }
    }
    bridge_line(out, WORD_CLOSING, balance->currency, balance->closing_minor);
    if (balance->broken_by[0] != '\0') {
        raw(out, "<tr class=\"bad\"><td></td><td colspan=\"2\">");
        html_word(out->html, balance->broken_by);
        raw(out, "</td></tr>\n");
    }
}

static void prove_balances(const struct out *out) {
    const struct report_facts *facts = out->facts;
    heads(out, &table_balances, table_balances.count);
    for (int i = 0; i < facts->balance_count; i++) {
        const struct run_balance *balance = &facts->balances[i];
        buf_addf(out->html, "<tr><td>%s</td>", balance->currency.code);
        cell_money(out, balance->opening_minor, balance->currency);
        cell_money(out, balance->rows_minor, balance->currency);
        cell_money(out, balance->closing_minor, balance->currency);
        cell_money(out, balance->ours_minor, balance->currency);
        cell_money(out, balance->unexplained_minor, balance->currency);
        cell_holds(out, balance->proved);
        raw(out, "</tr>\n");
    }
    element(out, "</tbody></table></div><div class=\"wide\"><table><thead><tr><th>", WORD_CURRENCY,
            "</th><th>");
    element(out, "", WORD_BALANCES_BRIDGE, "</th><th class=\"n\">");
    element(out, "", WORD_AMOUNT, "</th></tr></thead><tbody>\n");
    for (int i = 0; i < facts->balance_count; i++) {
        explain_balance(out, &facts->balances[i]);
    }
    raw(out, "</tbody></table></div>");
}

static void add_proof(const struct out *out) {
    element(out, "<section><h2>", WORD_PROOF, "</h2>");
    prove_rows(out);
    if (out->facts->book_count > 0) {
        prove_books(out);
    }
    if (out->facts->balance_count > 0) {
        prove_balances(out);
    } else if (out->facts->run != NULL) {
        element(out, "<p>", WORD_BALANCES_UNTOLD, "</p>");
    }
    prove_bridge(out);
    raw(out, "</section>\n");
}

/* ---- charts ---- */

static const char *risk_style(enum match_risk risk) {
    return risk == RISK_NONE ? "plain" : match_risk_name(risk);
}

static void chart_classes(const struct out *out) {
    struct html_bar bars[CLASS_COUNT];
    int count = 0;
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (out->page->of_class[i] > 0) {
            bars[count++] = (struct html_bar){
                report_class(out->page->language, (enum match_class)i), out->page->of_class[i],
                risk_style(match_class_risk((enum match_class)i))};
        }
    }
    html_bars(out->html, word(out, WORD_BY_CLASS), bars, count);
}

static void chart_risks(const struct out *out) {
    static const enum word which[] = {WORD_RISK_CRITICAL, WORD_RISK_HIGH, WORD_RISK_MEDIUM,
                                      WORD_RISK_LOW};
    struct html_bar bars[COUNT_OF(which)];
    for (int i = 0; i < (int)COUNT_OF(which); i++) {
        enum match_risk risk = (enum match_risk)(RISK_CRITICAL - i);
        bars[i] = (struct html_bar){word(out, which[i]), out->page->of_risk[risk],
                                    risk_style(risk)};
    }
    html_bars(out->html, word(out, WORD_BY_RISK), bars, COUNT_OF(bars));
}

static int64_t days(const struct report_page *page, int from, int until) {
    int64_t count = 0;
    for (int i = from; i < until; i++) {
        count += page->by_day[i];
    }
    return count;
}

static void chart_ages(const struct out *out) {
    const struct report_page *page = out->page;
    const struct html_bar bars[] = {
        {word(out, WORD_AGE_0), days(page, 0, 1), "plain"},
        {word(out, WORD_AGE_1), days(page, 1, 3), "plain"},
        {word(out, WORD_AGE_3), days(page, 3, 7), "plain"},
        {word(out, WORD_AGE_7), days(page, 7, AGE_DAYS), "plain"},
        {word(out, WORD_AGE_30), page->older, "plain"},
        {word(out, WORD_AGE_UNKNOWN), page->ageless, "plain"},
    };
    html_bars(out->html, word(out, WORD_BY_AGE), bars, COUNT_OF(bars));
}

static void add_charts(const struct out *out) {
    if (out->page->breaks == 0) {
        return;
    }
    element(out, "<section><h2>", WORD_CHARTS, "</h2><div class=\"charts\">");
    chart_classes(out);
    chart_risks(out);
    chart_ages(out);
    raw(out, "</div>");
    if (out->page->last_us != 0) {
        char text[CLOCK_TEXT_MAX];
        raw(out, "<p class=\"quiet\">");
        html_sentence(out->html, word(out, WORD_AGE_FROM),
                      clock_format(out->page->last_us - out->page->last_us % US_PER_SECOND, text),
                      "");
        raw(out, "</p>");
    }
    raw(out, "</section>\n");
}

/* ---- one by one ---- */

static void add_breaks(const struct out *out) {
    const struct report_page *page = out->page;
    element(out, "<section><h2>", WORD_ONE_BY_ONE, "</h2>");
    if (page->rows == 0) {
        element(out, "<p>", WORD_NO_BREAKS, "</p></section>\n");
        return;
    }
    if (page->shown < page->rows) {
        char shown[COUNT_TEXT_MAX], rows[COUNT_TEXT_MAX];
        raw(out, "<p>");
        html_sentence(out->html, word(out, out->facts->run != NULL ? WORD_SHOWN_RUN : WORD_SHOWN),
                      html_count_text(page->shown, shown), html_count_text(page->rows, rows));
        raw(out, "</p>");
    }
    heads(out, &table_breaks, table_breaks.count);
    buf_add(out->html, page->table.data, page->table.len);
    raw(out, "</tbody></table></div></section>\n");
}

static void add_again(const struct out *out) {
    element(out, "<section><h2>", WORD_AGAIN, "</h2><pre><code>");
    /* Line by line, in pieces that html_text() cuts nothing from. */
    for (const char *at = out->facts->command; *at != '\0';) {
        size_t count = MIN(strcspn(at, "\n"), (size_t)REPORT_TEXT_CHARS / 4);
        while ((at[count] & 0xC0) == 0x80) {
            count++;
        }
        html_text(out->html, at, count);
        at += count;
        if (*at == '\n') {
            raw(out, "\n");
            at++;
        }
    }
    element(out, "</code></pre><p class=\"quiet\">",
            out->facts->run != NULL ? WORD_AGAIN_RUN : WORD_AGAIN_NOTE, "</p></section>\n");
}

int report_page_write(struct report_page *page, const struct report_facts *facts, struct buf *html,
                      struct err *err) {
    const struct out out = {page, facts, html};
    add_head(&out);
    add_compared(&out);
    add_charts(&out);
    add_proof(&out);
    add_buckets(&out);
    add_breaks(&out);
    add_again(&out);
    raw(&out, "</main></body></html>\n");
    return buf_ok(html)
               ? 0
               : err_set(err, ERR_TOO_LARGE, "the page has more than %zu bytes", html->max);
}
