/* SPDX-License-Identifier: Apache-2.0
 * test_bank_feed.c: a bank's statement is given once: its rows are also what transfers are matched
 * with, on both engines. */
#include <glib.h>

#include "bank_fixture.h"
#include "recon_fixture.h"

#define BANK_ROWS "SELECT COUNT(*) FROM bank_row"

static char text[4096];

/* An MT940 file of bank-eu's account; lines of :61: and :86: between its balances. */
static struct given mt940(const char *number, const char *lines, const char *closing) {
    int count = snprintf(text, sizeof text,
                         ":20:DEMO\n:25:" ACCOUNT "\n:28C:%s/001\n:60F:C260901USD1000,00\n%s"
                         ":62F:C260902USD%s\n-\n",
                         number, lines, closing);
    return given_file("bank-eu", "day.sta", text, (size_t)count);
}

static void start(void) {
    open_banks();
    recon_start();
}

static void a_transfer_pays_for_its_order_once(void **state) {
    (void)state;
    start();
    char lines[400];
    struct order order = place("order", 10000, "USD");
    snprintf(lines, sizeof lines,
             ":61:2609020902C100,00NTRFNONREF//BR1\n:86:%s\n"
             ":61:2609020902D5,00NMSCNONREF//BR2\n:86:ACCOUNT FEE\n",
             order.reference);
    struct given given = mt940("1", lines, "1095,00");
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_payment(W, order.id, "succeeded");
    assert_int_equal(world_int(W, BANK_ROWS), 1);
    json_t *json = outcome(&given);
    const json_t *bank = json_object_get(json_array_get(json_object_get(json, "files"), 0), "bank");
    assert_int_equal(int_at(bank, "taken"), 1);
    assert_int_equal(int_at(bank, "passed"), 1);
    json_decref(json);
    /* The bank's name for the row is the row's, and its day the day on which it was booked. */
    assert_text(W, "SELECT bank_id || ' ' || booked_on FROM bank_row", "BR1 2026-09-02");
    /* Given again, and in another file with the same row: still one. */
    hand_in(&given);
    snprintf(lines, sizeof lines, ":61:2609020902C100,00NTRFNONREF//BR1\n:86:%s\n",
             order.reference);
    given = mt940("2", lines, "1100,00");
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, BANK_ROWS), 1);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10000);
    world_check(W);
}

static void a_row_without_a_name_is_known_by_what_it_says(void **state) {
    (void)state;
    start();
    static const char twice[] = ":61:2609020902C1,00NTRFNONREF\n:86:GIFT\n"
                                ":61:2609020902C1,00NTRFNONREF\n:86:GIFT\n";
    struct given given = mt940("1", twice, "1002,00");
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, BANK_ROWS), 2);
    static const char again[] = ":61:2609020902C1,00NTRFNONREF\n:86:GIFT\n"
                                ":61:2609020902C1,00NTRFNONREF\n:86:GIFT\n"
                                ":61:2609020902C1,00NTRFNONREF\n:86:GIFT\n";
    given = mt940("2", again, "1003,00");
    hand_in(&given);
    assert_int_equal(world_int(W, BANK_ROWS), 3);
}

static void what_was_given_by_csv_is_not_taken_twice(void **state) {
    (void)state;
    start();
    struct order order = place("order", 10000, "USD");
    char lines[400];
    struct bank_entry row = entry("BR1", 10000, order.reference);
    comes(row);
    assert_payment(W, order.id, "succeeded");
    snprintf(lines, sizeof lines,
             ":61:2609020902C100,00NTRFNONREF//BR1\n:86:%s\n"
             ":61:2609020902C7,00NTRFNONREF//BR3\n:86:GIFT\n",
             order.reference);
    struct given given = mt940("1", lines, "1107,00");
    hand_in(&given);
    assert_outcome(&given, "taken"); /* the statement counts */
    json_t *json = outcome(&given);
    const json_t *bank = json_object_get(json_array_get(json_object_get(json, "files"), 0), "bank");
    assert_int_equal(int_at(bank, "refused"), 1); /* the bank says it in other words here */
    assert_int_equal(int_at(bank, "taken"), 1);   /* and the row beside it is taken */
    assert_non_null(strstr(json_at(bank, "first_refusal"), "another content"));
    json_decref(json);
    assert_int_equal(world_int(W, BANK_ROWS), 2);
    assert_int_equal(balance("gateway:bank-eu:receivable"), 10700);
}

static void a_refund_is_done_when_the_statement_says_so(void **state) {
    (void)state;
    start();
    struct order order = place("order", 10000, "USD");
    char lines[400];
    snprintf(lines, sizeof lines, ":61:2609020902C100,00NTRFNONREF//BR1\n:86:%s\n",
             order.reference);
    struct given given = mt940("1", lines, "1100,00");
    hand_in(&given);
    json_t *refund = world_refund(W, NULL, order.id, 4000);
    assert_non_null(refund);
    json_decref(refund);
    (void)world_tick(W);
    char *reference = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    assert_true(strlen(reference) > 5);
    snprintf(lines, sizeof lines, ":61:2609020902D40,00NTRFNONREF//BR9\n:86:%s\n", reference);
    given = mt940("2", lines, "960,00");
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_int_equal(world_int(W, "SELECT state FROM operation WHERE kind = 3"), 4);
    free(reference);
}

static void another_account_s_statement_is_refused_whole(void **state) {
    (void)state;
    start();
    struct given given = mt940("1", ":61:2609020902C1,00NTRFNONREF//BR1\n:86:GIFT\n", "1001,00");
    char *at = strstr(text, ACCOUNT);
    memcpy(at, "DE99", 4);
    given = given_file("bank-eu", "other.sta", text, strlen(text));
    hand_in(&given);
    assert_outcome(&given, "refused");
    json_t *json = outcome(&given);
    const json_t *file = json_array_get(json_object_get(json, "files"), 0);
    assert_string_equal(json_at(file, "account_check"), "other");
    assert_non_null(strstr(json_at(json, "error.detail"), "of the account DE99"));
    assert_non_null(strstr(json_at(json, "error.detail"), "bank-eu is DE02"));
    json_decref(json);
    assert_int_equal(world_int(W, BANK_ROWS), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
}

/* A bank may write it in a way of its own: it is named, and its rows are the account's. */
static void the_account_by_another_name_is_the_account(void **state) {
    (void)state;
    static const char *const names[] = {"TESTDEFF/12030000202051"};
    struct source_settings settings = {.gateway = "bank-eu", .accounts = names, .account_count = 1};
    recon_sources = &settings;
    recon_source_count = 1;
    start();
    struct order order = place("order", 10000, "USD");
    char lines[400];
    snprintf(lines, sizeof lines, ":61:2609020902C100,00NTRFNONREF//BR1\n:86:%s\n",
             order.reference);
    (void)mt940("1", lines, "1100,00");
    char **parts = g_strsplit(text, ACCOUNT, 2);
    char *other = g_strjoinv(names[0], parts);
    g_strfreev(parts);
    struct given given = given_file("bank-eu", "own.sta", other, strlen(other));
    hand_in(&given);
    assert_outcome(&given, "taken");
    json_t *json = outcome(&given);
    assert_string_equal(json_at(json_array_get(json_object_get(json, "files"), 0), "account_check"),
                        "same");
    json_decref(json);
    assert_payment(W, order.id, "succeeded");
    g_free(other);
    recon_sources = NULL;
    recon_source_count = 0;
}

/* Its text says nothing: the number that it was paid to does. */
static void the_virtual_account_of_a_camt_entry_is_enough(void **state) {
    (void)state;
    start();
    struct order order = place("order", 10000, "USD");
    assert_int_equal(strncmp(order.account, "990012", 6), 0);
    int count = snprintf(
        text, sizeof text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>"
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-09-02T20:00:00Z</CreDtTm></GrpHdr><Stmt><Id>S1</Id>"
        "<CreDtTm>2026-09-02T20:00:00Z</CreDtTm><Acct><Id><IBAN>" ACCOUNT "</IBAN></Id>"
        "<Ccy>USD</Ccy></Acct>"
        "<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"USD\">10.00</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-09-02</Dt></Dt></Bal>"
        "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"USD\">110.00</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-09-02</Dt></Dt></Bal>"
        "<Ntry><Amt Ccy=\"USD\">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>"
        "<BookgDt><Dt>2026-09-02</Dt></BookgDt><AcctSvcrRef>CAMT-1</AcctSvcrRef>"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
        "</BkTxCd><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Ann</Nm></Dbtr><DbtrAcct><Id>"
        "<IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><CdtrAcct><Id><Othr><Id>%s</Id></Othr>"
        "</Id></CdtrAcct></RltdPties><RmtInf><Ustrd>for the blue one</Ustrd></RmtInf></TxDtls>"
        "</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>\n",
        order.account);
    struct given given = given_file("bank-eu", "day.xml", text, (size_t)count);
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_payment(W, order.id, "succeeded");
    assert_text(W, "SELECT bank_id || ' ' || party_name || ' ' || party_account FROM bank_row",
                "CAMT-1 Ann DE89…3000");
    /* I9 and promise 4 of intake.h: of the other side's account nothing is kept with the rows. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement_row WHERE description LIKE "
                                  "'%DE89%' OR party LIKE '%DE89%' OR account LIKE '%DE89%'"),
                     0);
}

static void a_file_of_another_gateway_s_kind_is_refused(void **state) {
    (void)state;
    static const char stripe[] =
        "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,"
        "reporting_category,source_id,payment_intent_id,charge_id\n"
        "po_1,txn_1,2026-09-01 10:11:12,usd,25.00,1.03,23.97,charge,ch_1,pi_1,ch_1\n";
    start();
    struct given given = given_file("bank-eu", "payouts.csv", stripe, sizeof stripe - 1);
    hand_in(&given);
    assert_outcome(&given, "refused");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
    given = given_file("stripe-a", "payouts.csv", stripe, sizeof stripe - 1);
    hand_in(&given);
    assert_outcome(&given, "taken");
}

static int tear_down(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    return 0;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_transfer_pays_for_its_order_once, tear_down),
        cmocka_unit_test_teardown(a_row_without_a_name_is_known_by_what_it_says, tear_down),
        cmocka_unit_test_teardown(what_was_given_by_csv_is_not_taken_twice, tear_down),
        cmocka_unit_test_teardown(a_refund_is_done_when_the_statement_says_so, tear_down),
        cmocka_unit_test_teardown(another_account_s_statement_is_refused_whole, tear_down),
        cmocka_unit_test_teardown(the_account_by_another_name_is_the_account, tear_down),
        cmocka_unit_test_teardown(the_virtual_account_of_a_camt_entry_is_enough, tear_down),
        cmocka_unit_test_teardown(a_file_of_another_gateway_s_kind_is_refused, tear_down),
    };
    return payment_world_run("rows of a bank's statement", tests, COUNT_OF(tests));
}
