/* SPDX-License-Identifier: Apache-2.0
 * test_fees_agreed.c: fees that answers and statements tell, held against what was agreed, within
 * what is no difference; on both engines. */
#include "fees_fixture.h"
#include "recon/fee_look.h"

/* What an answer tells is held against what was agreed as well, whatever the statement says. */
static void a_fee_that_answer_and_statement_tell_is_held_against_the_agreed_one(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards of 2026", .percent = "1.5"};
    agree(&line, 1);
    char *payment = world_paid(W, "order", 1000); /* its answer tells 20 */
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 20);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_FEE, OURS), 1);
    assert_int_equal(figures.fees.by_schedule, 1);
    assert_int_equal(figures.fees.by_answer, 0);
    assert_int_equal(last_break().difference, -5);
    char *detail = world_text(W, "SELECT detail FROM recon_break");
    assert_non_null(strstr(detail, "fee expected 0.15 USD (agreed: cards of 2026), kept 0.20 USD; "
                                   "its answer told 0.20 USD"));
    free(detail);
    assert_books(980, 20, 0); /* what was kept is in the books */
    assert_int_equal(posted(), 0);
    run();
    assert_int_equal(live_breaks(), 1);
    free(payment);
    nothing_agreed();
}

static void what_was_kept_as_agreed_is_no_claim_whatever_its_answer_told(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards", .percent = "1.5"};
    agree(&line, 1);
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 15);
    take("");
    run();
    assert_int_equal(live_breaks(), 0);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_books(985, 15, 0); /* the statement has the last word */
    free(payment);
    nothing_agreed();
}

/* Its statements tell no fees; its answers do. */
static void an_answers_fee_is_held_against_the_agreed_one_where_the_statement_is_silent(
    void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards", .percent = "1.5"};
    agree(&line, 1);
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 1000);
    assert_int_equal(given.rows[0].fee_minor, AMOUNT_UNSAID);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_FEE, OURS), 1);
    assert_int_equal(last_break().difference, -5);
    char *kept = world_text(W, "SELECT CAST(expected_minor AS text) || ' ' || CAST(kept_minor AS "
                               "text) FROM recon_fee");
    assert_string_equal(kept, "15 20");
    free(kept);
    assert_books(980, 20, 0);
    free(payment);
    nothing_agreed();
}

static void a_difference_of_a_fee_within_its_tolerance_is_none(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards", .percent = "1.5"};
    static const struct {
        const char *currency;
        int64_t minor;
        bool breaks;
    } rows[] = {{"USD", 5, false}, {"USD", 4, true}, {"EUR", 5, true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct match_tolerance tolerance = {currency_stored(rows[i].currency), rows[i].minor};
        struct match_options options = {.fee_tolerances = &tolerance, .fee_tolerance_count = 1};
        options.rules = match_rules_usual(&options.rule_count);
        matched_by = &options;
        payment_world_forget(W);
        agree(&line, 1);
        char *payment = world_paid(W, "order", 1000);
        struct names names = names_of(payment);
        new_statement();
        told(&names, 1000, 20);
        take("");
        run();
        assert_int_equal(live_breaks(), rows[i].breaks);
        free(payment);
        nothing_agreed();
        matched_by = NULL;
    }
}

/* ---- as configured ---- */

static void a_tolerance_that_cannot_be_is_refused(void **state) {
    (void)state;
    static struct fee_tolerance_settings rows[][2] = {
        {{.currency = "EUR", .amount = 1}, {.currency = "EUR", .amount = 2}},
        {{.currency = "EUR", .amount = 1}, {.currency = "XXY", .amount = 2}},
        {{.currency = "EUR", .amount = 1}, {.currency = "USD", .amount = 1000000001}},
    };
    static const char *const says[] = {"EUR stands here twice", "no currency \"XXY\"", "at most"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct match_tolerance *tolerances = NULL;
        assert_int_equal(fee_tolerances_read("alipay", rows[i], 2, &tolerances, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, says[i]));
        assert_string_equal(err.place, "gateways: alipay: fee_tolerance");
        assert_null(tolerances);
    }
}

static int ask_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    (void)ctx;
    return recon_ask_run(tx, "stripe-a", "user:usr_a", tx_err);
}

static void ask_run_now(void) {
    test_clock_advance(US_PER_SECOND);
    assert_true(store_write(W->engine.store, ask_tx, NULL, &err) >= 0);
    for (int i = 0; i < 20 && world_tick(W) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

/* As the service has it: a job of its own runs with what is configured. */
static void a_run_of_the_service_goes_by_the_configured_tolerance(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards", .percent = "1.5"};
    static struct fee_tolerance_settings usd = {.currency = "USD", .amount = 5};
    for (int within = 1; within >= 0; within--) {
        usd.amount = within ? 5 : 4;
        const struct source_settings sources = {.gateway = "stripe-a",
                                                .fees = &line,
                                                .fee_count = 1,
                                                .fee_tolerances = &usd,
                                                .fee_tolerance_count = 1};
        recon_close(recon);
        recon = NULL;
        payment_world_forget(W);
        const struct recon_options options = {
            .store = W->engine.store,
            .payments = W->payments,
            .registry = W->registry,
            .sources = &sources,
            .source_count = 1,
            .no_days = true,
        };
        assert_int_equal(recon_open(&options, &recon, &err), 0);
        char *payment = world_paid(W, "order", 1000);
        struct names names = names_of(payment);
        new_statement();
        told(&names, 1000, 20);
        take("");
        ask_run_now();
        assert_int_equal(live_breaks(), within ? 0 : 1);
        ANSWER_AUTO lines = {0};
        assert_int_equal(fees_look(recon, "stripe-a", NULL, &lines, &err), 0);
        assert_non_null(strstr(lines.json, within ? "\"tolerance\":[{\"currency\":\"USD\","
                                                    "\"amount\":5}]"
                                                  : "\"amount\":4}]"));
        free(payment);
    }
    recon_close(recon);
    recon = NULL;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fee_that_answer_and_statement_tell_is_held_against_the_agreed_one),
        cmocka_unit_test(what_was_kept_as_agreed_is_no_claim_whatever_its_answer_told),
        cmocka_unit_test(
            an_answers_fee_is_held_against_the_agreed_one_where_the_statement_is_silent),
        cmocka_unit_test(a_difference_of_a_fee_within_its_tolerance_is_none),
        cmocka_unit_test(a_tolerance_that_cannot_be_is_refused),
        cmocka_unit_test(a_run_of_the_service_goes_by_the_configured_tolerance),
    };
    return payment_world_run("fees as agreed", tests, COUNT_OF(tests));
}
