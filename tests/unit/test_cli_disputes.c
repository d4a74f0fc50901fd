/* SPDX-License-Identifier: Apache-2.0
 * test_cli_disputes.c: disputes and store credit on the command line: what is sent, what is shown,
 * and how the commands end. */
#include "cli_fixture.h"

#define DISPUTE                                                                                    \
    "{\"id\":\"dsp_1\",\"object\":\"dispute\",\"payment_id\":\"pay_1\",\"gateway\":\"stripe\","    \
    "\"gateway_id\":\"dp_9\",\"reference\":null,\"state\":\"needs_response\",\"stage\":"           \
    "\"chargeback\",\"reason\":\"fraudulent\",\"network_reason\":\"10.4\",\"note\":null,"          \
    "\"amount\":"                                                                                  \
    "1999,\"currency\":\"USD\",\"amount_decimal\":\"19.99\",\"booked\":\"chargebacks\",\"fee\":"   \
    "1500,"                                                                                        \
    "\"due_at\":\"2026-11-30T08:00:00Z\",\"warning\":\"due in 72 hours\",\"source\":\"callback\"," \
    "\"answer\":null,\"opened_at\":\"2026-11-20T08:00:00Z\",\"updated_at\":"                       \
    "\"2026-11-20T08:00:00Z\",\"closed_at\":null,\"version\":1"
#define EVIDENCE                                                                                   \
    ",\"evidence\":[{\"id\":\"evd_1\",\"kind\":\"receipt\",\"text\":null,\"file_name\":\"r.pdf\"," \
    "\"media_type\":\"application/pdf\",\"bytes\":7,\"sha256\":\"00\",\"by\":\"user:ann\","        \
    "\"submitted\":false,\"created_at\":\"2026-11-21T08:00:00Z\"}]"

static const struct canned desk[] = {
    {"GET", "/v1/disputes", 200, "{\"data\":[" DISPUTE "}]}"},
    {"GET", "/v1/disputes/dsp_1", 200, DISPUTE EVIDENCE "}"},
    {"POST", "/v1/disputes/dsp_1/evidence", 201, DISPUTE EVIDENCE "}"},
    {"POST", "/v1/disputes/dsp_1/submit", 202,
     "{\"id\":\"dsp_1\",\"state\":\"needs_response\",\"answer\":{\"what\":\"evidence\",\"state\":"
     "\"wanted\",\"tries\":0}" EVIDENCE "}"},
    {"POST", "/v1/disputes/dsp_1/accept", 202, DISPUTE "}"},
    {"POST", "/v1/disputes/dsp_1/resolve", 200, DISPUTE "}"},
    {"GET", "/v1/payments/pay_1", 200, "{\"id\":\"pay_1\",\"currency\":\"JPY\"}"},
    {"POST", "/v1/payments/pay_1/disputes", 201, DISPUTE "}"},
    {"POST", "/v1/refunds/re_1/credit", 201,
     "{\"id\":\"re_2\",\"amount\":1999,\"currency\":\"USD\"}"},
    {"POST", "/v1/customers/cus_1/credit", 201,
     "{\"customer_id\":\"cus_1\",\"balances\":[{\"currency\":\"USD\",\"balance\":500,"
     "\"balance_decimal\":\"5.00\"}],\"entries\":[]}"},
    {"GET", "/v1/customers/cus_1/credit", 200,
     "{\"customer_id\":\"cus_1\",\"balances\":[{\"currency\":\"USD\",\"balance\":500,"
     "\"balance_decimal\":\"5.00\"}],\"entries\":[{\"kind\":\"credit_granted\",\"currency\":"
     "\"USD\","
     "\"amount\":500,\"cause\":\"crd_1\",\"payment_id\":null,\"at\":\"2026-11-20T08:00:00Z\"}]}"},
    {0},
};

static const struct canned answered[] = {
    {"GET", "/v1/disputes/dsp_1", 200,
     "{\"id\":\"dsp_1\",\"state\":\"under_review\",\"answer\":{\"what\":\"evidence\",\"state\":"
     "\"done\",\"tries\":1},\"evidence\":[]}"},
    {0},
};

static void disputes_that_wait_for_evidence_end_with_status_1(void **state) {
    RAN listed = run_to(CLI_PROBLEM, desk, "dispute list");
    assert_has(listed.out, "dsp_1");
    assert_has(listed.out, "needs_response");
    assert_has(listed.out, "19.99 USD");
    static const struct canned over[] = {
        {"GET", "/v1/disputes?state=won", 200, "{\"data\":[{\"id\":\"dsp_2\",\"state\":\"won\"}]}"},
        {0}};
    RAN quiet = run_to(CLI_DONE, over, "dispute list --state won");
    assert_has(service.requests[0], "state=won");
    assert_has(quiet.out, "dsp_2");
}

static void one_dispute_is_shown_with_its_evidence_and_its_deadline(void **state) {
    RAN shown = run_to(CLI_DONE, desk, "dispute show dsp_1");
    static const char *const wanted[] = {"19.99 USD",  "15.00 USD",       "fraudulent", "10.4",
                                         "2026-11-30", "due in 72 hours", "none yet",   "evd_1",
                                         "r.pdf",      "user:ann"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_has(shown.out, wanted[i]);
    }
}

static void a_chargeback_is_recorded_in_the_currency_of_its_payment(void **state) {
    RAN told = run_to(
        CLI_DONE, desk,
        "dispute record pay_1 --reference CB12345 --amount 1999 --reason Unauthorized");
    assert_has(told.out, "dsp_1");
    assert_int_equal(service.seen, 2);
    assert_has(service.requests[1], "\"amount\":1999"); /* yen have no decimals */
    assert_has(service.requests[1], "\"reference\":\"CB12345\"");
    assert_has(service.requests[1], "\"reason\":\"Unauthorized\"");
    assert_has_not(service.requests[1], "force");
    ends(CLI_DONE, desk, "dispute record pay_1 --reference CB12345 --amount 1999 --force");
    assert_has(service.requests[1], "\"force\":true");
}

static void evidence_is_a_text_or_a_file_and_never_both(void **state) {
    char path[TEXT_MAX], named[TEXT_MAX + 8], words[800];
    ends(CLI_DONE, desk, "dispute attach dsp_1 --kind access_log --text seen");
    assert_has(service.requests[0], "\"text\":\"seen\"");
    make_file("%PDF-1.", path);
    snprintf(named, sizeof named, "%s.pdf", path);
    assert_int_equal(rename(path, named), 0);
    snprintf(words, sizeof words, "dispute attach dsp_1 --kind receipt --file %s", named);
    RAN file = run(desk, words);
    assert_int_equal(file.status, CLI_DONE);
    assert_has(service.requests[0], "\"content\":\"JVBERi0xLg==\"");
    assert_has(service.requests[0], "\"media_type\":\"application/pdf\"");
    assert_has(service.requests[0], strrchr(named, '/') + 1);
    snprintf(path, sizeof path, "%.*s", (int)(strrchr(named, '/') - named), named);
    assert_has_not(service.requests[0], path);
    snprintf(words, sizeof words, "dispute attach dsp_1 --kind receipt --text a --file %s", named);
    RAN both = run(desk, words);
    assert_int_equal(both.status, CLI_USAGE);
    assert_has(both.err, "either --text or --file");
    unlink(named);
    RAN gone = run(desk, words);
    assert_int_equal(gone.status, CLI_USAGE);
    RAN neither = run_to(CLI_USAGE, desk, "dispute attach dsp_1 --kind receipt");
    assert_has(neither.err, "either --text or --file");
    RAN kind = run_to(CLI_USAGE, desk, "dispute attach dsp_1 --kind receipt --file a.exe");
    assert_has(kind.err, ".pdf, .png, .jpg or .txt");
    assert_int_equal(service.seen, 0);
    RAN absent = run_to(CLI_PROBLEM, desk, "dispute attach dsp_1 --kind receipt --file /no/a.pdf");
    assert_has(absent.err, "reading the evidence");
}

static void a_dispute_is_answered_given_up_and_decided_by_hand(void **state) {
    RAN sent = run_to(CLI_DONE, desk, "dispute submit dsp_1");
    assert_has(sent.out, "evd_1");
    assert_has(sent.out, "evidence: written down, sent in a moment");
    assert_has(sent.out, "`holdfast dispute show dsp_1` says whether it arrived.");
    RAN done = run_to(CLI_DONE, answered, "dispute show dsp_1");
    assert_has(done.out, "evidence: done, sent 1 time\n");
    RAN silent = run_to(CLI_USAGE, desk, "dispute accept dsp_1");
    assert_has(silent.err, "--reason is missing");
    ends(CLI_DONE, desk, "dispute accept dsp_1 --reason lost");
    assert_has(service.requests[0], "\"reason\":\"lost\"");
    RAN wrong = run_to(CLI_USAGE, desk, "dispute resolve dsp_1 --status over --reason why");
    assert_has(wrong.err, "under_review");
    ends(CLI_DONE, desk, "dispute resolve dsp_1 --status won --reason letter");
    assert_has(service.requests[0], "\"status\":\"won\"");
}

static void store_credit_is_shown_given_and_taken(void **state) {
    RAN shown = run_to(CLI_DONE, desk, "credit show cus_1");
    assert_has(shown.out, "cus_1 has 5.00 USD.");
    assert_has(shown.out, "credit_granted");
    ends(CLI_DONE, desk, "credit grant cus_1 --amount 5 --currency USD --reason sorry");
    assert_has(service.requests[0], "\"act\":\"grant\"");
    assert_has(service.requests[0], "\"amount\":500");
    ends(CLI_DONE, desk, "credit take cus_1 --amount 5 --currency USD --reason mistake");
    assert_has(service.requests[0], "\"act\":\"take\"");
    RAN refund = run_to(CLI_DONE, desk, "refund credit re_1");
    assert_string_equal(refund.out, "Given as store credit: 19.99 USD (re_2).\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disputes_that_wait_for_evidence_end_with_status_1),
        cmocka_unit_test(one_dispute_is_shown_with_its_evidence_and_its_deadline),
        cmocka_unit_test(a_chargeback_is_recorded_in_the_currency_of_its_payment),
        cmocka_unit_test(evidence_is_a_text_or_a_file_and_never_both),
        cmocka_unit_test(a_dispute_is_answered_given_up_and_decided_by_hand),
        cmocka_unit_test(store_credit_is_shown_given_and_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
