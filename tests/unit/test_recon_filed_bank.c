/* SPDX-License-Identifier: Apache-2.0
 * test_recon_filed_bank.c: random payouts with planted differences, told by a gateway's file, and
 * the bank's file about them in camt.053 or MT940: what a run of the bank account finds is what was
 * planted, and the balances that the bank tells are proved to the unit.
 *
 *   HOLDFAST_FILED_CASES=N   so many cases [3,000; under a sanitizer 100]
 *   HOLDFAST_FILED_SEED=N    that case alone; it prints the bank's file */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/random.h"
#include "recon/intake.h"
#include "recon/run.h"
#include "support/both_engines.h"
#include "support/fuzz_seed.h"
#include "support/sample.h"
#include "support/statement_files.h"
#include "support/test_clock.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
/* Monday, 1 September 2025; the runs are on the Saturday after next. */
#define FIRST_DAY_US (INT64_C(1756684800) * US_PER_SECOND)
#define NOW_US (FIRST_DAY_US + 12 * DAY_US + DAY_US / 2)

enum {
    CASES = 3000,
    CASES_SAMPLED = 100,
    FATES_MAX = 6,
    PAYOUTS_A_CASE = 32,
    NAME_CHARS = 64,
    PAYOUT_DAYS = 3,
    OPENING = 250000,
};

struct payout {
    char name[NAME_CHARS];
    int64_t minor, at_us;
    enum match_class class;
};
struct line {
    char id[NAME_CHARS], text[200];
    int64_t minor; /* + comes to us */
    enum match_class class;
};
struct bank_case {
    uint64_t seed;
    struct prng prng;
    unsigned serial;
    int payout_count, line_count;
    struct payout payouts[PAYOUTS_A_CASE];
    struct line lines[PAYOUTS_A_CASE];
    int64_t breaks;
    int64_t *seen;
};

static struct test_store engine;
static struct run_figures figures;
static struct err err;

static long asked(const char *name) {
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

static int64_t below(struct bank_case *c, uint64_t bound) {
    return (int64_t)prng_below(&c->prng, bound);
}

/* ---- what is planted ---- */

/* One that no other has, nor a sum of others. */
static int64_t own_amount(struct bank_case *c) {
    return 1000000 + below(c, 900000000) * 2 + 1;
}

static struct payout *pay_out(struct bank_case *c, enum match_class class) {
    assert_true(c->payout_count < PAYOUTS_A_CASE);
    struct payout *payout = &c->payouts[c->payout_count++];
    *payout = (struct payout){.class = class, .minor = own_amount(c)};
    snprintf(payout->name, sizeof payout->name, "po%llux%04u", (unsigned long long)c->seed,
             ++c->serial);
    payout->at_us = FIRST_DAY_US + DAY_US / 2 + below(c, 3600) * US_PER_SECOND;
    c->seen[class]++;
    return payout;
}

static struct line *arrive(struct bank_case *c, enum match_class class, int64_t minor,
                           const char *text) {
    assert_true(c->line_count < PAYOUTS_A_CASE);
    struct line *line = &c->lines[c->line_count++];
    *line = (struct line){.class = class, .minor = minor};
    snprintf(line->id, sizeof line->id, "BR%llux%u", (unsigned long long)c->seed, ++c->serial);
    snprintf(line->text, sizeof line->text, "%s", text);
    c->seen[class]++;
    c->breaks += match_class_risk(class) != RISK_NONE;
    return line;
}

static void named(struct bank_case *c) {
    struct payout *payout = pay_out(c, CLASS_MATCHED);
    char text[150];
    snprintf(text, sizeof text, "PAYMENT %s THANKS", payout->name);
    arrive(c, CLASS_MATCHED, payout->minor, text);
}

static void by_its_amount(struct bank_case *c) {
    arrive(c, CLASS_MATCHED, pay_out(c, CLASS_MATCHED)->minor, "PAYMENT OF A GATEWAY");
}

static void of_another_amount(struct bank_case *c) {
    struct payout *payout = pay_out(c, CLASS_PAYOUT);
    char text[150];
    snprintf(text, sizeof text, "PAYMENT %s", payout->name);
    arrive(c, CLASS_PAYOUT, payout->minor + (below(c, 2) == 0 ? 1 : -1) * (1 + below(c, 5000)),
           text);
}

static void several_in_one_line(struct bank_case *c) {
    bool whole = below(c, 2) == 0;
    enum match_class class = whole ? CLASS_MATCHED : CLASS_PAYOUT;
    struct payout *one = pay_out(c, class), *other = pay_out(c, class);
    char text[150];
    snprintf(text, sizeof text, "%s AND %s", one->name, other->name);
    arrive(c, class, one->minor + other->minor - (whole ? 0 : 1 + below(c, 900)), text);
}

static void never_there(struct bank_case *c) {
    pay_out(c, CLASS_BANK_MISSING);
    c->breaks++;
}

static void on_its_way(struct bank_case *c) {
    pay_out(c, CLASS_EXPECTED)->at_us = NOW_US - DAY_US;
}

static void of_nobody(struct bank_case *c) {
    int64_t minor = own_amount(c);
    arrive(c, CLASS_BANK_UNKNOWN, below(c, 2) == 0 ? minor : -minor, "RENT");
}

static void (*const fates[])(struct bank_case *c) = {
    named,       by_its_amount, of_another_amount, several_in_one_line,
    never_there, on_its_way,    of_nobody,
};

/* ---- the bank's file ---- */

#define BOOKED "2025-09-03"

static long long size_of(int64_t minor) {
    return llabs((long long)minor);
}

static void camt_amount(GString *text, int64_t minor) {
    g_string_append_printf(text, "<Amt Ccy=\"EUR\">%lld.%02lld</Amt><CdtDbtInd>%s</CdtDbtInd>",
                           size_of(minor) / 100, size_of(minor) % 100, minor < 0 ? "DBIT" : "CRDT");
}

static void camt_balance(GString *text, const char *code, int64_t minor) {
    g_string_append_printf(text, "<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp>", code);
    camt_amount(text, minor);
    g_string_append(text, "<Dt><Dt>" BOOKED "</Dt></Dt></Bal>");
}

static GString *write_camt(const struct bank_case *c, int64_t closing) {
    GString *text = g_string_new(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document "
        "xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr><MsgId>M1"
        "</MsgId><CreDtTm>2025-09-04T01:00:00</CreDtTm></GrpHdr><Stmt><Id>S-1</Id><FrToDt>"
        "<FrDtTm>" BOOKED "T00:00:00</FrDtTm><ToDtTm>" BOOKED "T23:59:59</ToDtTm></FrToDt><Acct>"
        "<Id><IBAN>NL00DEMO0000000001</IBAN></Id><Ccy>EUR</Ccy></Acct>");
    camt_balance(text, "OPBD", OPENING);
    camt_balance(text, "CLBD", closing);
    for (int i = 0; i < c->line_count; i++) {
        const struct line *line = &c->lines[i];
        g_string_append_printf(text, "\n<Ntry><NtryRef>%d</NtryRef>", i + 1);
        camt_amount(text, line->minor);
        g_string_append_printf(
            text,
            "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>" BOOKED "</Dt></BookgDt><AcctSvcrRef>%s"
            "</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT"
            "</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED"
            "</EndToEndId></Refs><RmtInf><Ustrd>%s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            line->id, line->text);
    }
    g_string_append(text, "</Stmt></BkToCstmrStmt></Document>\n");
    return text;
}

static void mt940_balance(GString *text, const char *tag, int64_t minor) {
    g_string_append_printf(text, ":%s:%c250903EUR%lld,%02lld\n", tag, minor < 0 ? 'D' : 'C',
                           size_of(minor) / 100, size_of(minor) % 100);
}

static GString *write_mt940(const struct bank_case *c, int64_t closing) {
    GString *text = g_string_new(":20:DEMO1\n:25:NL00DEMO0000000001\n:28C:00001/001\n");
    mt940_balance(text, "60F", OPENING);
    for (int i = 0; i < c->line_count; i++) {
        const struct line *line = &c->lines[i];
        g_string_append_printf(text, ":61:2509030903%c%lld,%02lldNTRFNONREF//%s\n:86:%s\n",
                               line->minor < 0 ? 'D' : 'C', size_of(line->minor) / 100,
                               size_of(line->minor) % 100, line->id, line->text);
    }
    mt940_balance(text, "62F", closing);
    g_string_append(text, "-\n");
    return text;
}

/* ---- taking, running ---- */

static struct statement_id take(const struct bank_case *c, const char *gateway, const char *reader,
                                const char *bytes, size_t count) {
    static struct statement_taken taken;
    const struct statement_request request = {
        .gateway = gateway,
        .source = {.name = "file", .bytes = bytes, .count = count},
        .supersedes = "",
        .reason = "",
        .actor = "user:usr_1"};
    if (statement_take(engine.store, &request, &taken, &err) < 0) {
        print_message("%.*s\n", (int)count, bytes);
        fail_msg("seed %llu: %s; line %lld: %s", (unsigned long long)c->seed, err.detail,
                 (long long)taken.told[0].line, taken.told[0].text);
    }
    assert_string_equal(taken.reader->name, reader);
    return taken.id;
}

static void take_payouts(const struct bank_case *c) {
    struct filed rows[PAYOUTS_A_CASE] = {0};
    const struct filed_layout *layout = &filed_layouts[filed_layouts_count - 1];
    size_t count = 0;
    assert_string_equal(layout->reader, "canonical");
    for (int i = 0; i < c->payout_count; i++) {
        rows[i] = (struct filed){.kind = ROW_PAYOUT,
                                 .status = ROW_DONE,
                                 .currency = {"EUR"},
                                 .gross_minor = -c->payouts[i].minor,
                                 .at_us = c->payouts[i].at_us};
        g_strlcpy(rows[i].id, c->payouts[i].name, sizeof rows[i].id);
    }
    if (c->payout_count > 0) {
        char *bytes = filed_bytes(layout, rows, (guint)c->payout_count, FIRST_DAY_US, 1, &count);
        (void)take(c, "psp", "canonical", bytes, count);
        g_free(bytes);
    }
}

static void run(const char *gateway, bool bank) {
    struct reconciliation_id id;
    const struct run_request request = {.gateway = gateway,
                                        .actor = "user:usr_1",
                                        .until_us = clock_wall_us(),
                                        .business_days = RUN_BUSINESS_DAYS_USUAL,
                                        .bank = bank,
                                        .pays_out_to = bank ? NULL : "bank-x",
                                        .payout_days = PAYOUT_DAYS};
    if (reconcile_run(engine.store, &request, &id, &figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* ---- comparing ---- */

struct found {
    GPtrArray *lines;
};

static int found_fn(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct found *found = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, tx_err, &rows,
                      "SELECT m.class, COALESCE(b.batch, r.gateway_id) FROM movement m LEFT JOIN "
                      "own_booking b ON m.side = 1 AND b.due_id = m.id LEFT JOIN statement_row r "
                      "ON m.side = 2 AND r.statement_id = m.statement_id AND r.number = m.number "
                      "WHERE m.gateway = $1",
                      S_TEXT("bank-x"));
    while (r >= 0 && (r = sql_next(rows, tx_err)) > 0) {
        enum match_class class = (enum match_class)sql_int(rows, 0);
        g_ptr_array_add(found->lines,
                        g_strdup_printf("%s %s", match_class_name(class), sql_text(rows, 1)));
    }
    return r;
}

static gint by_text(gconstpointer a, gconstpointer b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, one a line; g_free(). */
static char *joined(GPtrArray *lines) {
    g_ptr_array_sort(lines, by_text);
    g_ptr_array_add(lines, NULL);
    char *text = g_strjoinv("\n", (char **)lines->pdata);
    g_ptr_array_free(lines, true);
    return text;
}

static void compare(const struct bank_case *c) {
    struct found found = {g_ptr_array_new_with_free_func(g_free)};
    GPtrArray *planted = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < c->payout_count; i++) {
        g_ptr_array_add(planted, g_strdup_printf("%s %s", match_class_name(c->payouts[i].class),
                                                 c->payouts[i].name));
    }
    for (int i = 0; i < c->line_count; i++) {
        const struct line *line = &c->lines[i];
        g_ptr_array_add(planted,
                        g_strdup_printf("%s %s", match_class_name(line->class), line->id));
    }
    assert_int_equal(store_read(engine.store, found_fn, &found, &err), 0);
    char *is = joined(found.lines), *wanted = joined(planted);
    if (strcmp(is, wanted) != 0) {
        print_message("planted:\n%s\nfound:\n", wanted);
        print_message("%s\n", is);
        fail_msg("seed %llu: not what was planted", (unsigned long long)c->seed);
    }
    g_free(is);
    g_free(wanted);
    assert_int_equal(figures.breaks_opened, c->breaks);
}

/* What the bank says that it holds, and what our books do: their difference is the sum of items
 * that have names. */
static void check_balance(const struct bank_case *c, int64_t closing) {
    int64_t ours = 0, items = 0;
    for (int i = 0; i < c->payout_count; i++) {
        ours += c->payouts[i].minor;
    }
    assert_true(figures.ties_out);
    assert_int_equal(figures.balance_count, 1);
    const struct run_balance *balance = &figures.balances[0];
    if (!balance->proved) {
        fail_msg("seed %llu: %s", (unsigned long long)c->seed, balance->broken_by);
    }
    assert_int_equal(balance->closing_minor, closing);
    assert_int_equal(balance->ours_minor, ours);
    assert_int_equal(balance->unexplained_minor, 0);
    for (int i = 0; i < RUN_ITEM_COUNT; i++) {
        items += balance->items_minor[i];
    }
    assert_int_equal(items, closing - ours);
}

static int forget_fn(struct store_tx *tx, void *ctx, struct err *tx_err) {
    static const char *const texts[] = {
        "DELETE FROM posting",           "DELETE FROM movement",
        "DELETE FROM statement",         "DELETE FROM statement_row",
        "DELETE FROM statement_chain",   "DELETE FROM statement_balance",
        "DELETE FROM reconciliation",    "DELETE FROM reconciliation_book",
        "DELETE FROM recon_break",       "DELETE FROM recon_break_event",
        "DELETE FROM recon_break_member", "DELETE FROM own_booking",
        "DELETE FROM job",               "DELETE FROM audit_entry",
    };
    (void)ctx;
    int64_t r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = sql_exec_args(tx, tx_err, texts[i], NULL, 0);
    }
    return r < 0 ? (int)r : 0;
}

static void run_case(uint64_t seed, int64_t *seen) {
    struct bank_case c = {.seed = seed, .seen = seen};
    prng_init(&c.prng, seed);
    named(&c); /* a bank's file has a line at least */
    for (int64_t more = below(&c, FATES_MAX); more > 0; more--) {
        fates[below(&c, COUNT_OF(fates))](&c);
    }
    int64_t closing = OPENING;
    for (int i = 0; i < c.line_count; i++) {
        closing += c.lines[i].minor;
    }
    GString *text = seed % 2 == 0 ? write_camt(&c, closing) : write_mt940(&c, closing);
    if (asked("HOLDFAST_FILED_SEED") > 0) {
        print_message("%s", text->str);
    }
    if (fuzz_seeds_wanted()) {
        g_autofree char *name = g_strdup_printf("bank %d lines", c.line_count);
        fuzz_seed_write(seed % 2 == 0 ? "camt053" : "mt940", name, NULL, NULL, text->str,
                        text->len);
    }
    take_payouts(&c);
    run("psp", false);
    (void)take(&c, "bank-x", seed % 2 == 0 ? "camt053" : "mt940", text->str, text->len);
    run("bank-x", true);
    g_string_free(text, true);
    compare(&c);
    check_balance(&c, closing);
    assert_int_equal(store_write(engine.store, forget_fn, NULL, &err), 0);
}

static void what_a_bank_tells_of_payouts_is_found_as_it_was_planted(void **state) {
    static const enum match_class of_banks[] = {CLASS_MATCHED, CLASS_EXPECTED, CLASS_PAYOUT,
                                                CLASS_BANK_MISSING, CLASS_BANK_UNKNOWN};
    int64_t seen[CLASS_COUNT] = {0};
    long cases = asked("HOLDFAST_FILED_CASES");
    cases = cases > 0 ? cases : sample_of(CASES, CASES_SAMPLED);
    (void)state;
    engine_open(&engine, STORE_SQLITE);
    long only = asked("HOLDFAST_FILED_SEED");
    for (long i = only > 0 ? only : 1; i <= (only > 0 ? only : cases); i++) {
        run_case((uint64_t)i, seen);
    }
    test_store_end(&engine);
    for (size_t i = 0; i < COUNT_OF(of_banks) && only == 0; i++) {
        if (asked("HOLDFAST_FILED_CASES") > 0) {
            print_message("%-24s %lld\n", match_class_name(of_banks[i]),
                          (long long)seen[of_banks[i]]);
        }
        assert_true(seen[of_banks[i]] >= cases / 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_bank_tells_of_payouts_is_found_as_it_was_planted),
    };
    crypto_init();
    log_level_set(LOG_ERROR);
    test_clock_install();
    test_clock_wall_shift(NOW_US - clock_wall_us());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
