/* SPDX-License-Identifier: Apache-2.0
 * test_read_camt.c: camt.053 statements, made here from the published message definitions by a
 * generator of its own, in each version, whole and damaged. */
#include "support/statement_damage.h"

#include "base/clock.h"

enum { STMTS_MAX = 2, NTRYS_MAX = 6, TXS_MAX = 3 };

struct tx {
    const char *bank_ref, *end_to_end;
    int cents;           /* 0: no amount */
    const char *purpose; /* XML inside RmtInf; "" for none */
    const char *more;    /* XML after it */
};
struct ntry {
    const char *ref, *status, *day, *bank_ref, *more; /* `more`: XML before the details */
    int cents;                                        /* below 0: DBIT */
    int tx_count;
    struct tx txs[TXS_MAX];
};
struct stmt {
    const char *id, *account;
    int number, opening, ntry_count;
    struct ntry ntrys[NTRYS_MAX];
};
struct paper {
    const char *version;
    int stmt_count;
    struct stmt stmts[STMTS_MAX];
};

static bool is_old(const struct paper *paper) {
    return strcmp(paper->version, "02") == 0;
}

static int size_of(int cents) {
    return cents < 0 ? -cents : cents;
}

static void amount(GString *text, const char *tag, int cents) {
    g_string_append_printf(text, "<%s Ccy=\"EUR\">%d.%02d</%s>", tag, size_of(cents) / 100,
                           size_of(cents) % 100, tag);
}

static const char *side(int cents) {
    return cents < 0 ? "<CdtDbtInd>DBIT</CdtDbtInd>" : "<CdtDbtInd>CRDT</CdtDbtInd>";
}

static void write_balance(GString *text, const char *code, int cents) {
    g_string_append_printf(text, "<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp>", code);
    amount(text, "Amt", cents);
    g_string_append_printf(text, "%s<Dt><Dt>2025-09-01</Dt></Dt></Bal>\n", side(cents));
}

static void write_tx(GString *text, const struct paper *paper, const struct tx *tx, int way) {
    int cents = way < 0 ? -tx->cents : tx->cents;
    g_string_append(text, "<TxDtls><Refs>");
    if (tx->bank_ref[0] != '\0') {
        g_string_append_printf(text, "<AcctSvcrRef>%s</AcctSvcrRef>", tx->bank_ref);
    }
    g_string_append_printf(text, "<EndToEndId>%s</EndToEndId></Refs>", tx->end_to_end);
    if (tx->cents != 0 && is_old(paper)) {
        g_string_append(text, "<AmtDtls><TxAmt>");
        amount(text, "Amt", cents);
        g_string_append(text, "</TxAmt></AmtDtls>");
    } else if (tx->cents != 0) {
        amount(text, "Amt", cents);
        g_string_append(text, side(cents));
    }
    const char *deeper = is_old(paper) ? "" : "<Pty>", *back = is_old(paper) ? "" : "</Pty>";
    g_string_append_printf(
        text,
        "<RltdPties><Dbtr>%s<Nm>Ann &amp; Co</Nm>%s</Dbtr><DbtrAcct><Id><IBAN>DE00DEBTOR</IBAN>"
        "</Id></DbtrAcct><Cdtr>%s<Nm>Shop</Nm>%s</Cdtr><CdtrAcct><Id><Othr><Id>CREDITOR</Id></Othr>"
        "</Id></CdtrAcct></RltdPties>",
        deeper, back, deeper, back);
    if (tx->purpose[0] != '\0') {
        g_string_append_printf(text, "<RmtInf>%s</RmtInf>", tx->purpose);
    }
    g_string_append_printf(text, "%s</TxDtls>\n", tx->more);
}

static void write_ntry(GString *text, const struct paper *paper, const struct ntry *ntry) {
    g_string_append_printf(text, "<Ntry><NtryRef>%s</NtryRef>", ntry->ref);
    amount(text, "Amt", ntry->cents);
    g_string_append_printf(text, is_old(paper) ? "%s<Sts>%s</Sts>" : "%s<Sts>\n<Cd>%s</Cd></Sts>",
                           side(ntry->cents), ntry->status);
    g_string_append_printf(
        text,
        "<BookgDt><Dt>%s</Dt></BookgDt><ValDt><Dt>2025-09-09</Dt></ValDt><AcctSvcrRef>%s"
        "</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd>"
        "</Fmly></Domn></BkTxCd>%s\n",
        ntry->day, ntry->bank_ref, ntry->more);
    if (ntry->tx_count > 0) {
        g_string_append(text, "<NtryDtls>");
        if (ntry->tx_count > 1) {
            g_string_append_printf(text, "<Btch><NbOfTxs>%d</NbOfTxs>", ntry->tx_count);
            amount(text, "TtlAmt", ntry->cents);
            g_string_append(text, "</Btch>\n");
        }
        for (int i = 0; i < ntry->tx_count; i++) {
            write_tx(text, paper, &ntry->txs[i], ntry->cents);
        }
        g_string_append(text, "</NtryDtls>");
    }
    g_string_append(text, "</Ntry>\n");
}

static void write_summary(GString *text, const struct paper *paper, const int *rows,
                          const int *cents) {
    int net = cents[0] - cents[1], sum = cents[0] + cents[1];
    g_string_append_printf(text,
                           "<TxsSummry><TtlNtries><NbOfNtries>%d</NbOfNtries><Sum>%d.%02d"
                           "</Sum>",
                           rows[0] + rows[1], sum / 100, sum % 100);
    g_string_append_printf(text,
                           is_old(paper)
                               ? "<TtlNetNtryAmt>%d.%02d</TtlNetNtryAmt>%s</TtlNtries>\n"
                               : "<TtlNetNtry><Amt>%d.%02d</Amt>%s</TtlNetNtry></TtlNtries>\n",
                           size_of(net) / 100, size_of(net) % 100, side(net));
    g_string_append_printf(
        text, "<TtlCdtNtries><NbOfNtries>%d</NbOfNtries><Sum>%d.%02d</Sum></TtlCdtNtries>\n",
        rows[0], cents[0] / 100, cents[0] % 100);
    g_string_append_printf(
        text,
        "<TtlDbtNtries><NbOfNtries>%d</NbOfNtries><Sum>%d.%02d</Sum></TtlDbtNtries></TxsSummry>\n",
        rows[1], cents[1] / 100, cents[1] % 100);
}

static void write_stmt(GString *text, const struct paper *paper, const struct stmt *stmt) {
    int rows[2] = {0, 0}, cents[2] = {0, 0};
    for (int i = 0; i < stmt->ntry_count; i++) {
        const struct ntry *ntry = &stmt->ntrys[i];
        if (strcmp(ntry->status, "BOOK") == 0) {
            rows[ntry->cents < 0]++;
            cents[ntry->cents < 0] += size_of(ntry->cents);
        }
    }
    g_string_append_printf(text, "<Stmt><Id>%s</Id><ElctrncSeqNb>%d</ElctrncSeqNb>\n", stmt->id,
                           stmt->number);
    g_string_append_printf(text,
                           "<FrToDt><FrDtTm>2025-09-01T00:00:00</FrDtTm><ToDtTm>2025-09-01T"
                           "23:59:59</ToDtTm></FrToDt>\n<Acct><Id><IBAN>%s</IBAN></Id><Ccy>"
                           "EUR</Ccy></Acct>\n",
                           stmt->account);
    write_balance(text, "OPBD", stmt->opening);
    write_balance(text, "CLBD", stmt->opening + cents[0] - cents[1]);
    write_balance(text, "CLAV", 1);
    write_summary(text, paper, rows, cents);
    for (int i = 0; i < stmt->ntry_count; i++) {
        write_ntry(text, paper, &stmt->ntrys[i]);
    }
    g_string_append(text, "</Stmt>\n");
}

static GString *write_paper(const struct paper *paper) {
    GString *text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    g_string_append_printf(text,
                           "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.%s\">"
                           "<BkToCstmrStmt>\n<GrpHdr><MsgId>M1</MsgId><CreDtTm>2025-09-02T01:00:00"
                           "</CreDtTm></GrpHdr>\n",
                           paper->version);
    for (int i = 0; i < paper->stmt_count; i++) {
        write_stmt(text, paper, &paper->stmts[i]);
    }
    g_string_append(text, "</BkToCstmrStmt></Document>\n");
    return text;
}

/* Lines: 4 Stmt, 5 period, 6 account, 7 to 9 balances, 10 to 12 the summary; entries on 13, 16 (its
 * batch on 17, transactions on 18 to 20), 22, 27, 30, 33; 35 the end of it; then one more: 36 Stmt,
 * 39 its opening balance. (Of .08 an entry is a line longer.) */
static struct paper september(const char *version) {
    return (struct paper){
        .version = version,
        .stmt_count = 2,
        .stmts = {
            {.id = "S-1",
             .account = "NL00DEMO0000000001",
             .number = 244,
             .opening = -5000,
             .ntry_count = 6,
             .ntrys = {{.ref = "1",
                        .status = "BOOK",
                        .day = "2025-09-01",
                        .bank_ref = "B-1",
                        .more = "",
                        .cents = 4510,
                        .tx_count = 1,
                        .txs = {{"", "NOTPROVIDED", 4510,
                                 "<Strd><CdtrRefInf><Ref>RF18PAY1</Ref></CdtrRefInf></Strd>", ""}}},
                       {.ref = "2",
                        .status = "BOOK",
                        .day = "2025-09-01",
                        .bank_ref = "B-2",
                        .more = "",
                        .cents = -3000,
                        .tx_count = 3,
                        .txs = {{"", "ref_1", 1000, "<Ustrd>one</Ustrd><Ustrd>more</Ustrd>", ""},
                                {"B-2", "ref_2", 1500, "", "<AddtlTxInf>two</AddtlTxInf>"},
                                {"B-2-3", "ref_3", 500, "", ""}}},
                       {.ref = "3",
                        .status = "BOOK",
                        .day = "2025-09-01",
                        .bank_ref = "B-3",
                        .more = "",
                        .cents = 700,
                        .tx_count = 2,
                        .txs = {{"", "a", 0, "<Ustrd>first</Ustrd>", ""},
                                {"", "b", 0, "<Ustrd>second</Ustrd>", ""}}},
                       {.ref = "4",
                        .status = "BOOK",
                        .day = "2025-09-01",
                        .bank_ref = "B-4",
                        .more = "<RvslInd>true</RvslInd>",
                        .cents = 200,
                        .tx_count = 1,
                        .txs = {{"", "ref_4", 200, "<Ustrd>came back</Ustrd>",
                                 "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"}}},
                       {.ref = "5",
                        .status = "PDNG",
                        .day = "2025-09-02",
                        .bank_ref = "B-5",
                        .more = "",
                        .cents = 9900,
                        .tx_count = 1,
                        .txs = {{"", "x", 9900, "", ""}}},
                       {.ref = "6",
                        .status = "INFO",
                        .day = "2025-09-01",
                        .bank_ref = "B-6",
                        .more = "<AddtlNtryInf>only to know</AddtlNtryInf>",
                        .cents = -1}}},
            {.id = "S-2",
             .account = "NL00DEMO0000000001",
             .number = 245,
             .opening = -5000 + 4510 - 3000 + 700 + 200,
             .ntry_count = 1,
             .ntrys = {{.ref = "1",
                        .status = "BOOK",
                        .day = "2025-09-01",
                        .bank_ref = "B-7",
                        .more = "<AddtlNtryInf>fee</AddtlNtryInf>",
                        .cents = -10}}},
        }};
}

static int64_t moment(const char *text) {
    int64_t us = 0;
    assert_true(clock_parse(text, &us));
    return us;
}

static const struct statement_reader *camt(void) {
    return statement_reader_find("camt053");
}

struct expected {
    int64_t gross;
    enum row_status status;
    const char *id, *reference, *original_reference, *batch, *party, *party_account, *description;
};

static void check_rows(const struct told *told, const struct expected *rows, guint count) {
    assert_int_equal(told->rows->len, count);
    for (guint i = 0; i < count; i++) {
        const struct statement_row *row = told_at(told, i);
        assert_true(row->gross_minor == rows[i].gross && row->net_minor == rows[i].gross);
        assert_int_equal(row->kind, rows[i].gross < 0 ? ROW_BANK_DEBIT : ROW_BANK_CREDIT);
        assert_int_equal(row->status, rows[i].status);
        assert_string_equal(row->currency.code, "EUR");
        assert_string_equal(row->gateway_id, rows[i].id);
        assert_string_equal(row->reference, rows[i].reference);
        assert_string_equal(row->original_reference, rows[i].original_reference);
        assert_string_equal(row->batch, rows[i].batch);
        assert_string_equal(row->party, rows[i].party);
        assert_string_equal(row->party_account, rows[i].party_account);
        assert_string_equal(row->description, rows[i].description);
        assert_string_equal(row->account, "NL00DEMO0000000001");
    }
}

static void each_version_gives_its_rows_head_and_balances(void **state) {
    static const char *const versions[] = {"02", "04", "06", "08"};
    static const struct expected rows[] = {
        {4510, ROW_DONE, "B-1", "RF18PAY1", "", "", "Ann & Co", "DE00DEBTOR", "RF18PAY1"},
        {-1000, ROW_DONE, "B-2/1", "ref_1", "", "B-2", "Shop", "CREDITOR", "one more"},
        {-1500, ROW_DONE, "B-2/2", "ref_2", "", "B-2", "Shop", "CREDITOR", "two"},
        {-500, ROW_DONE, "B-2-3", "ref_3", "", "B-2", "Shop", "CREDITOR", ""},
        {700, ROW_DONE, "B-3", "", "", "", "", "", "first second"},
        {200, ROW_DONE, "B-4", "", "ref_4", "", "Shop", "CREDITOR", "came back"},
        {9900, ROW_PENDING, "B-5", "x", "", "", "Ann & Co", "DE00DEBTOR", ""},
        {-1, ROW_FAILED, "B-6", "", "", "", "", "", "only to know"},
        {-10, ROW_DONE, "B-7", "", "", "", "", "", "fee"},
    };
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct paper paper = september(versions[i]);
        GString *text = write_paper(&paper);
        struct told told = damage_read(TARGET(camt(), "x.xml"), text->str, text->len);
        told_print(&told);
        assert_int_equal(told.rc, 0);
        assert_int_equal(told.problems->len, 0);
        check_rows(&told, rows, COUNT_OF(rows));
        assert_true(told_at(&told, 0)->at_us == moment("2025-09-01T00:00:00Z"));
        assert_string_equal(told_at(&told, 0)->native_kind, "PMNT/RCDT/ESCT");
        assert_string_equal(told_at(&told, 5)->native_kind, "PMNT/RCDT/ESCT reversal");
        assert_string_equal(told.head.account, "NL00DEMO0000000001");
        assert_string_equal(told.head.file_id, "S-1");
        assert_int_equal(told.head.sequence, 244);
        assert_int_equal(told.head.rows, COUNT_OF(rows));
        assert_true(told.head.from_us == moment("2025-09-01T00:00:00Z"));
        assert_true(told.head.until_us == moment("2025-09-02T00:00:00Z"));
        assert_int_equal(told.head.balance_count, 1);
        assert_int_equal(told.head.balances[0].opening_minor, -5000);
        assert_int_equal(told.head.balances[0].closing_minor, -2600);
        if (i == 0) {
            assert_int_equal(told_at(&told, 0)->line, 14);
            assert_int_equal(told_at(&told, 4)->line, 22);
        }
        told_free(&told);
        g_string_free(text, true);
    }
}

static void a_day_is_the_banks_own_and_a_moment_is_a_moment(void **state) {
    static const struct {
        const char *was, *is, *zone, *at;
    } cases[] = {
        {"<Dt>2025-09-01</Dt></BookgDt>", "<Dt>2025-09-01</Dt></BookgDt>", "Europe/Berlin",
         "2025-08-31T22:00:00Z"},
        {"<Dt>2025-09-01</Dt></BookgDt>", "<Dt>2025-09-01+09:00</Dt></BookgDt>", NULL,
         "2025-09-01T00:00:00Z"},
        {"<Dt>2025-09-01</Dt></BookgDt>", "<DtTm>2025-09-01T10:00:00</DtTm></BookgDt>",
         "Europe/Berlin", "2025-09-01T08:00:00Z"},
        {"<Dt>2025-09-01</Dt></BookgDt>", "<DtTm>2025-09-01T10:00:00.250+05:00</DtTm></BookgDt>",
         "Europe/Berlin", "2025-09-01T05:00:00.250Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct paper paper = september("02");
        GString *text = write_paper(&paper);
        g_string_replace(text, cases[i].was, cases[i].is, 1);
        const struct statement_source source = {
            .bytes = text->str, .count = text->len, .time_zone = cases[i].zone};
        struct told told = told_read(camt(), &source);
        told_print(&told);
        assert_int_equal(told.problems->len, 0);
        assert_true(told_at(&told, 0)->at_us == moment(cases[i].at));
        told_free(&told);
        g_string_free(text, true);
    }
}

static const struct damage damages[] = {
    {"another message", REPLACE, 2, "camt.053.001.02", "camt.052.001.02", PROBLEM_UNKNOWN_KIND, 2},
    {"a version that nobody reads", REPLACE, 2, "camt.053.001.02", "camt.053.001.99",
     PROBLEM_UNKNOWN_KIND, 2},
    {"no statement", EVERYWHERE, 0, "BkToCstmrStmt", "BkToCstmrAcctRpt", PROBLEM_UNKNOWN_KIND, 2},
    {"a document type", BEFORE, 2, .to = "<!DOCTYPE Document SYSTEM \"http://x/\">\n",
     .problem = PROBLEM_LIMIT, .told_line = 2},
    {"a document type with an entity", BEFORE, 2,
     .to = "<!DOCTYPE Document [<!ENTITY a SYSTEM \"file:///etc/hostname\">]>\n",
     .problem = PROBLEM_LIMIT, .told_line = 2},
    {"an entity that nobody knows", REPLACE, 4, "S-1", "&a;", PROBLEM_BAD_ROW, 4},
    {"a statement without an Id", REPLACE, 4, "<Id>S-1</Id>", "", PROBLEM_BAD_VALUE, 4},
    {"a statement that is there twice", REPLACE, 36, "S-2", "S-1", PROBLEM_REPEATED, 36},
    {"a number that is there twice", REPLACE, 36, "245", "244", PROBLEM_REPEATED, 36},
    {"a number passed over", REPLACE, 36, "245", "246", PROBLEM_ORDER, 36},
    {"a number that is none", REPLACE, 4, "244", "24x", PROBLEM_BAD_VALUE, 4},
    {"statements that do not follow one another", REPLACE, 39, "25.90", "25.91", PROBLEM_ORDER, 36},
    {"a period that ends before it begins", REPLACE, 5, "2025-09-01T23", "2025-08-01T23",
     PROBLEM_PERIOD, 4},
    {"a period that is no time", REPLACE, 5, "T23:59:59", "T25:59:59", PROBLEM_BAD_VALUE, 4},
    {"a booking outside the period", REPLACE, 13, "2025-09-01", "2025-09-03", PROBLEM_PERIOD, 13},
    {"a booking on no day", REPLACE, 13, "2025-09-01", "2025-02-30", PROBLEM_BAD_VALUE, 13},
    {"no account", REPLACE, 6, "<IBAN>NL00DEMO0000000001</IBAN>", "", PROBLEM_BAD_VALUE, 4},
    {"an account in another currency", REPLACE, 6, "EUR", "USD", PROBLEM_CURRENCY, ANY_LINE},
    {"no opening balance", DROP, 7, .problem = PROBLEM_BALANCE, .told_line = 4},
    {"an opening balance changed", REPLACE, 7, "50.00", "50.01", PROBLEM_BALANCE, 8},
    {"an opening balance turned", REPLACE, 7, "DBIT", "CRDT", PROBLEM_BALANCE, 8},
    {"an opening balance twice", TWICE, 7, .problem = PROBLEM_REPEATED, .told_line = 8},
    {"a balance without an amount", REPLACE, 7, "<Amt Ccy=\"EUR\">50.00</Amt>", "",
     PROBLEM_CURRENCY, 7},
    {"an opening balance that is not the previous one", BEFORE, 7,
     .to = "<Bal><Tp><CdOrPrtry><Cd>PRCD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">50.01</Amt>"
           "<CdtDbtInd>DBIT</CdtDbtInd></Bal>\n",
     .problem = PROBLEM_BALANCE, .told_line = 4},
    {"no closing balance", DROP, 8, .problem = PROBLEM_BALANCE, .told_line = 4},
    {"a closing balance changed", REPLACE, 8, "25.90", "35.90", PROBLEM_BALANCE, 8},
    {"a count of the summary changed", REPLACE, 10, "<NbOfNtries>4", "<NbOfNtries>5", PROBLEM_COUNT,
     10},
    {"a sum of the summary changed", REPLACE, 10, "<Sum>84.10", "<Sum>84.11", PROBLEM_TOTAL, 10},
    {"a net of the summary changed", REPLACE, 10, "24.10", "24.11", PROBLEM_TOTAL, 10},
    {"a net of the summary turned", REPLACE, 10, "CRDT", "DBIT", PROBLEM_TOTAL, 10},
    {"a count of credits changed", REPLACE, 11, "<NbOfNtries>3", "<NbOfNtries>2", PROBLEM_COUNT,
     10},
    {"a sum of debits changed", REPLACE, 12, "30.00", "30.10", PROBLEM_TOTAL, 10},
    {"an amount changed", REPLACE, 22, "7.00", "7.01", PROBLEM_BALANCE, 8},
    {"an amount changed, seen in its transactions", REPLACE, 13, "45.10", "45.11", PROBLEM_TOTAL,
     13},
    {"an amount with a sign", REPLACE, 22, "7.00", "-7.00", PROBLEM_SIGN, 22},
    {"an amount finer than a cent", REPLACE, 22, "7.00", "7.001", PROBLEM_BAD_VALUE, 22},
    {"an amount with a comma", REPLACE, 22, "7.00", "7,00", PROBLEM_BAD_VALUE, 22},
    {"an amount in another currency", REPLACE, 22, "EUR", "USD", PROBLEM_CURRENCY, 22},
    {"an amount in no currency", REPLACE, 22, " Ccy=\"EUR\"", "", PROBLEM_CURRENCY, 22},
    {"an amount twice", REPLACE, 22, "<Amt Ccy=\"EUR\">7.00</Amt>",
     "<Amt Ccy=\"EUR\">7.00</Amt><Amt Ccy=\"EUR\">7.00</Amt>", PROBLEM_REPEATED, 22},
    {"a direction turned", REPLACE, 22, "CRDT", "DBIT", PROBLEM_BALANCE, 8},
    {"a direction that is none", REPLACE, 22, "CRDT", "CREDIT", PROBLEM_BAD_VALUE, 22},
    {"a reversal that is neither", REPLACE, 27, "true", "yes", PROBLEM_BAD_VALUE, 27},
    {"a status that nobody knows", REPLACE, 13, "BOOK", "BUCH", PROBLEM_UNKNOWN_KIND, 13},
    {"a booked entry made pending", REPLACE, 13, "BOOK", "PDNG", PROBLEM_BALANCE, 8},
    {"a pending entry made booked", REPLACE, 30, "PDNG", "BOOK", PROBLEM_BALANCE, 8},
    {"a transaction's amount changed", REPLACE, 18, "10.00", "11.00", PROBLEM_TOTAL, 16},
    {"a transaction gone", DROP, 19, .problem = PROBLEM_TOTAL, .told_line = 16},
    {"a transaction gone, seen in the batch", DROP, 19, .problem = PROBLEM_COUNT, .told_line = 16},
    {"a batch's count changed", REPLACE, 17, "<NbOfTxs>3", "<NbOfTxs>4", PROBLEM_COUNT, 16},
    {"a batch's sum changed", REPLACE, 17, "30.00", "31.00", PROBLEM_TOTAL, 16},
    {"an entry that is there twice", REPLACE, 22, "<NtryRef>3", "<NtryRef>2", PROBLEM_REPEATED, 22},
    {"a text longer than any", REPLACE, 14, "RF18PAY1",
     "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
     "3"
     "4567890123456789012345678901234567890123456789012345678901234567890123456789",
     SAME_MONEY},
    {"an end that is missing", REPLACE, 35, "</Stmt>", "", PROBLEM_BAD_ROW, ANY_LINE},
    {"a document after the document", AT_END, 0, .to = "<x/>", .problem = PROBLEM_TRAILING,
     .told_line = ANY_LINE},
    {"bytes that are no UTF-8", REPLACE, 4, "S-1", "S\xFF", PROBLEM_ENCODING, 4},
    {"another charset than it says", REPLACE, 1, "UTF-8", "EBCDIC-7", PROBLEM_ENCODING, ANY_LINE},
    {"Latin-1 that says so", REPLACE, 1, "UTF-8", "ISO-8859-1", TOLERATED},
    {"a byte order mark", AT_BEGIN, 0, .to = "\xEF\xBB\xBF", .problem = TOLERATED},
    {"CR LF", EVERYWHERE, 0, "\n", "\r\n", TOLERATED},
    {"a prefix for the namespace", EVERYWHERE, 0,
     " xmlns=", " xmlns:o=\"urn:other\" xmlns=", TOLERATED},
    {"an element of another namespace", BEFORE, 13,
     .to = "<o:Ntry xmlns:o=\"urn:other\"><o:Amt>5</o:Amt><o:Ntry/></o:Ntry>\n",
     .problem = TOLERATED},
    {"an element that nobody reads", BEFORE, 13, .to = "<AddtlStmtInf>x<y>z</y></AddtlStmtInf>\n",
     .problem = TOLERATED},
    {"a comment", BEFORE, 13, .to = "<!-- <Ntry> -->\n", .problem = TOLERATED},
    {"a previous closing balance for an opening one", REPLACE, 7, "OPBD", "PRCD", TOLERATED},
    {"interim balances of a page", EVERYWHERE, 0, "OPBD", "ITBD", TOLERATED},
    {"a period to midnight", EVERYWHERE, 0, "2025-09-01T23:59:59", "2025-09-01T24:00:00",
     TOLERATED},
};

static void each_damage_is_told(void **state) {
    struct paper paper = september("02");
    GString *good = write_paper(&paper);
    damage_check_layout(TARGET(camt(), "x.xml"), good, damages, COUNT_OF(damages));
    g_string_free(good, true);
}

static void nothing_is_deeper_or_longer_than_a_statement(void **state) {
    struct paper paper = september("08");
    GString *good = write_paper(&paper), *deep = g_string_new(""), *wide = g_string_new("");
    for (int i = 0; i < 100; i++) {
        g_string_append(deep, "<a>");
    }
    g_string_append(wide, "<Stmt><Id>");
    for (int i = 0; i < 5000; i++) {
        g_string_append_c(wide, 'x');
    }
    const struct damage cases[] = {
        {"nested too deep", BEFORE, 4, .to = deep->str, .problem = PROBLEM_LIMIT, .told_line = 4},
        {"too long a text", BEFORE, 4, .to = wide->str, .problem = PROBLEM_LIMIT, .told_line = 4},
    };
    damage_check_all(TARGET(camt()), good, cases, COUNT_OF(cases));
    g_string_free(good, true);
    g_string_free(deep, true);
    g_string_free(wide, true);
}

static void a_refused_document_is_an_error_as_well(void **state) {
    static const char *const documents[] = {"", "<", "not XML at all", "<a/>", "<!DOCTYPE a><a/>"};
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        struct told told = damage_read(TARGET(camt()), documents[i], strlen(documents[i]));
        assert_int_equal(told.rc, -ERR_BAD_REQUEST);
        assert_int_equal(told.problems->len, 1);
        assert_int_equal(told.err.code, ERR_BAD_REQUEST);
        told_free(&told);
    }
}

static void a_statement_is_known_for_what_it_is(void **state) {
    struct paper paper = september("04");
    GString *text = write_paper(&paper);
    struct err err;
    int sure = 0;
    assert_ptr_equal(statement_detect("a.txt", text->str, text->len, &sure, &err), camt());
    assert_int_equal(sure, 100);
    assert_int_equal(camt()->detect("a.xml", "<Document>", 10), 0);
    assert_int_equal(camt()->detect("a.xml", "", 0), 0);
    g_string_free(text, true);
}

static void a_statement_cut_anywhere_is_told(void **state) {
    struct paper paper = september("08");
    GString *good = write_paper(&paper);
    damage_check_cuts(TARGET(camt()), good->str, good->len, good->len, false);
    struct told told = damage_read(TARGET(camt()), good->str, good->len / 2);
    assert_true(told_has(&told, PROBLEM_CUT, ANY_LINE));
    told_free(&told);
    g_string_free(good, true);
}

static void no_byte_changes_an_amount_untold(void **state) {
    static const char *const versions[] = {"02", "08"};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct paper paper = september(versions[i]);
        paper.stmt_count = 1; /* another account in the second would be another balance */
        paper.stmts[0].ntry_count = 4;
        GString *good = write_paper(&paper);
        damage_check_changes(TARGET(camt()), good->str, good->len, 53 + i, 3000);
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
    struct paper paper = september("02");
    GString *text = write_paper(&paper);
    int rows = 0;
    const struct statement_sink sink = {&rows, refuse_second, ignore};
    const struct statement_source source = {.bytes = text->str, .count = text->len};
    struct statement_head head;
    struct err err;
    assert_int_equal(camt()->read(&source, &sink, &head, &err), -ERR_STORE);
    assert_int_equal(rows, 2);
    g_string_free(text, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_gives_its_rows_head_and_balances),
        cmocka_unit_test(a_day_is_the_banks_own_and_a_moment_is_a_moment),
        cmocka_unit_test(each_damage_is_told),
        cmocka_unit_test(nothing_is_deeper_or_longer_than_a_statement),
        cmocka_unit_test(a_refused_document_is_an_error_as_well),
        cmocka_unit_test(a_statement_is_known_for_what_it_is),
        cmocka_unit_test(a_statement_cut_anywhere_is_told),
        cmocka_unit_test(no_byte_changes_an_amount_untold),
        cmocka_unit_test(the_sinks_refusal_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
