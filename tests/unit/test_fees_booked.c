/* SPDX-License-Identifier: Apache-2.0
 * test_fees_booked.c: what a gateway's statement tells that it kept of our movements: held against
 * what was expected, and in the books once, whatever becomes of the statement; on both engines. */
#include <stdatomic.h>

#include <glib.h>

#include "fees_fixture.h"
#include "recon/fee_look.h"
#include "recon/recon_impl.h"
#include "recon/run_look.h"
#include "recon/withdraw.h"

/* ---- in the books ---- */

static void a_fee_that_nobody_told_before_is_booked_once(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 6);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(figures.fees.unproved, 1);
    assert_int_equal(live_breaks(), 0);
    assert_books(994, 6, 0);
    char *of = world_text(W, "SELECT payment_id FROM posting WHERE kind = 50");
    assert_string_equal(of, payment);
    free(of);
    run();
    run();
    assert_int_equal(posted(), 1);
    assert_int_equal(figures.fees.unproved, 0);
    assert_true(figures.ties_out);
    assert_int_equal(figures.books[0].closing_minor, 994);
    free(payment);
}

static void what_an_answer_had_told_is_booked_no_second_time(void **state) {
    (void)state;
    nothing_agreed();
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 20);
    take("");
    run();
    assert_int_equal(figures.fees.by_answer, 1);
    assert_int_equal(posted(), 0);
    assert_books(980, 20, 0);
    free(payment);
}

/* A claim against the gateway, which holds 5 less than it should. */
static void what_was_kept_is_in_the_books_while_its_break_is_open(void **state) {
    (void)state;
    nothing_agreed();
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 25);
    take("");
    run();
    struct break_seen seen = last_break();
    assert_string_equal(seen.class, "fee");
    assert_int_equal(seen.difference, -5);
    assert_int_equal(figures.fees.differ, 1);
    assert_books(975, 25, 0);
    char *detail = world_text(W, "SELECT detail FROM recon_break");
    assert_non_null(strstr(detail, "fee expected 0.20 USD (its answer), kept 0.25 USD"));
    free(detail);
    free(payment);
}

static void a_fee_that_was_told_and_not_kept_comes_back(void **state) {
    (void)state;
    nothing_agreed();
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 0);
    take("");
    run();
    assert_string_equal(last_break().class, "fee");
    assert_books(1000, 0, 0);
    free(payment);
}

static void written_off_the_expected_fee_is_the_fee_and_the_rest_is_given_up(void **state) {
    (void)state;
    nothing_agreed();
    up(limits_usual);
    people();
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 25);
    take("");
    run();
    struct break_seen seen = last_break();
    assert_int_equal(write_off(ANN, seen.id, "not worth a call"), 200);
    assert_books(975, 20, 5);
    run();
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1");
    run();
    assert_int_equal(live_breaks(), 0);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_books(975, 20, 5);
    assert_int_equal(act(ACT_REOPEN, ANN, seen.id, "it is worth one"), 200);
    assert_books(975, 25, 0);
    free(payment);
}

/* As it was before fees were booked: the write-off stood for the fee itself. */
static void an_old_write_off_of_a_fee_still_counts(void **state) {
    (void)state;
    nothing_agreed();
    up(limits_usual);
    people();
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    told(&names, 1000, 25);
    take("");
    run();
    struct break_seen seen = last_break();
    assert_int_equal(write_off(ANN, seen.id, "long ago"), 200);
    (void)engine_exec(&W->engine, "DELETE FROM posting WHERE kind = 50");
    (void)engine_exec(&W->engine, "DELETE FROM recon_fee");
    (void)engine_exec(&W->engine, "UPDATE recon_write_off SET part = 2");
    (void)engine_exec(&W->engine, "UPDATE posting SET kind = 13, credit_account = "
                                  "'gateway:stripe-a:receivable' WHERE kind = 52");
    assert_books(975, 20, 5);
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1");
    run();
    assert_int_equal(live_breaks(), 0);
    assert_int_equal(posted(), 0);
    assert_books(975, 20, 5);
    free(payment);
}

/* ---- what becomes of the statement ---- */

static void withdraw(const char *id) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    if (statement_withdraw(recon, &caller, id, "a mistake", &answer, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void a_withdrawn_statement_takes_its_fees_back(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    up(NULL);
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 6);
    struct statement_id id = take("");
    run();
    assert_books(994, 6, 0);
    withdraw(id.text);
    run();
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    assert_books(1000, 0, 0);
    run();
    assert_int_equal(posted(), 2);
    new_statement();
    told(&names, 1000, 7);
    take("");
    run();
    assert_books(993, 7, 0);
    assert_int_equal(posted(), 3);
    free(payment);
}

static void a_corrected_statement_books_what_it_tells(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 6);
    struct statement_id wrong = take("");
    run();
    given.rows[0].fee_minor = 4;
    struct statement_id right = take(wrong.text);
    run();
    assert_books(996, 4, 0);
    given.rows[0].fee_minor = AMOUNT_UNSAID;
    take(right.text);
    run();
    assert_books(1000, 0, 0);
    run();
    assert_books(1000, 0, 0);
    free(payment);
}

static void the_same_file_twice_books_nothing_twice(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 6);
    take("");
    run();
    take("");
    run();
    assert_int_equal(posted(), 1);
    assert_books(994, 6, 0);
    free(payment);
}

/* ---- other shapes ---- */

static void refund_row(const char *refund_id, int64_t amount_minor, int64_t fee_minor) {
    struct statement_row *row = tell(-amount_minor);
    row->kind = ROW_REFUND;
    row->gateway_id = refund_id;
    row->fee_minor = fee_minor;
}

static char *refunded(const char *payment, int64_t amount_minor) {
    json_t *refund = world_refund(W, NULL, payment, amount_minor);
    assert_non_null(refund);
    json_decref(refund);
    return world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
}

static void a_refund_returns_what_its_row_says(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    char *refund = refunded(payment, 400);
    new_statement();
    told(&names, 1000, 10);
    refund_row(refund, 400, -4);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 2);
    assert_books(1000 - 10 - 400 + 4, 6, 0);
    free(refund);
    free(payment);
}

static void a_returned_fee_is_held_against_what_was_agreed(void **state) {
    (void)state;
    static const struct fee_settings all = {
        .name = "one percent", .percent = "1", .on_refund = "all"};
    struct names names;
    agree(&all, 1);
    char *payment = paid("order", 1000, &names);
    char *refund = refunded(payment, 400);
    new_statement();
    told(&names, 1000, 10);
    refund_row(refund, 400, -4);
    struct statement_id first = take("");
    run();
    assert_int_equal(figures.fees.by_schedule, 2);
    assert_int_equal(live_breaks(), 0);
    given.rows[1].fee_minor = 0; /* kept after all */
    take(first.text);
    run();
    struct break_seen seen = last_break();
    assert_string_equal(seen.class, "fee");
    assert_int_equal(seen.difference, -4);
    assert_books(1000 - 10 - 400, 10, 0);
    free(refund);
    free(payment);
    nothing_agreed();
}

static int suspend_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    const struct names *names = ctx;
    const struct posting posting = {
        .kind = POST_SUSPENSE,
        .cause = names->attempt_id,
        .payment_id = names->payment_id,
        .gateway = "stripe-a",
        .customer = "",
        .amount_minor = 1000,
        .currency = currency_stored("USD"),
        .at_us = clock_wall_us(),
    };
    return ledger_post(tx, &posting, tx_err);
}

static void the_fee_of_money_in_suspense_is_booked_as_well(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    assert_int_equal(store_write(W->engine.store, suspend_tx, &names, &err), 0);
    new_statement();
    told(&names, 1000, 6);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_books(994, 6, 0);
    assert_int_equal(balance("gateway:stripe-a:suspense"), -1000);
    free(payment);
}

/* A charge that came in two rows: what both keep is kept of it. */
static void of_parts_the_fees_are_booked_together(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 600, 4);
    take("");
    run();
    assert_books(996, 4, 0);
    test_clock_advance(DAY_US);
    new_statement();
    given.until_us = 6; /* another day's */
    told(&names, 400, 3);
    take("");
    run();
    assert_int_equal(live_breaks(), 0);
    assert_books(993, 7, 0);
    free(payment);
}

/* One row stands for two captures, and the next file tells it once more: it was kept once. */
static void what_is_told_again_of_a_whole_is_booked_no_second_time(void **state) {
    (void)state;
    nothing_agreed();
    up(NULL);
    char *payment = world_authorized(W, "order", 1000);
    json_decref(world_capture(W, NULL, payment, 300, false));
    json_decref(world_capture(W, NULL, payment, 700, true));
    char *other = world_paid(W, "other", 100); /* its fee is 2 */
    struct names names = names_of(payment), others = names_of(other);
    new_statement();
    told(&names, 1000, 25);
    take("");
    run();
    assert_books(1073, 27, 0);
    test_clock_advance(DAY_US);
    new_statement();
    given.until_us = 6; /* another day's */
    told(&names, 1000, 25);
    told(&others, 100, 2);
    struct statement_id again = take("");
    run();
    assert_int_equal(live_breaks(), 1); /* more is told than was captured: that stays a break */
    assert_books(1073, 27, 0);
    withdraw(again.text);
    run();
    assert_int_equal(live_breaks(), 0);
    assert_books(1073, 27, 0);
    free(other);
    free(payment);
}

/* ---- rows of their own ---- */

static struct statement_row *fee_row(const char *original_id, int64_t fee_minor) {
    struct statement_row *row = tell(-fee_minor);
    row->kind = ROW_FEE;
    row->native_kind = "fee";
    row->original_id = original_id;
    return row;
}

static void a_fee_in_a_row_of_its_own_is_that_of_the_payment_it_names(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "one percent", .percent = "1"};
    struct names names;
    agree(&line, 1);
    up(NULL);
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, AMOUNT_UNSAID);
    take("");
    run();
    assert_books(1000, 0, 0);
    /* Told a day later, of a movement that is settled. */
    test_clock_advance(DAY_US);
    new_statement();
    given.until_us = 6; /* another day's */
    (void)fee_row(names.charge_id, 10);
    struct statement_id later = take("");
    run();
    assert_int_equal(figures.fees.by_schedule, 1);
    assert_int_equal(live_breaks(), 0);
    assert_books(990, 10, 0);
    run();
    assert_int_equal(posted(), 1);
    withdraw(later.text);
    run();
    assert_books(1000, 0, 0);
    /* Another one tells more than was agreed. */
    new_statement();
    given.until_us = 7;
    fee_row("", 12)->original_reference = names.attempt_id;
    take("");
    run();
    assert_books(988, 12, 0);
    assert_string_equal(last_break().class, "fee");
    assert_int_equal(last_break().difference, -2);
    free(payment);
    nothing_agreed();
}

/* Two files that overlap: the same fee of the same moment is one, and counts as long as either
 * does. */
static void a_fee_that_two_statements_tell_is_one(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    up(NULL);
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, AMOUNT_UNSAID);
    (void)fee_row(names.charge_id, 10);
    int64_t at_us = given.rows[1].at_us;
    struct statement_id first = take("");
    run();
    test_clock_advance(DAY_US);
    new_statement();
    given.until_us = 6;
    fee_row(names.charge_id, 10)->at_us = at_us;
    (void)fee_row(names.charge_id, 3);
    take("");
    run();
    assert_books(987, 13, 0);
    withdraw(first.text);
    run();
    assert_books(987, 13, 0);
    free(payment);
}

static void a_fee_of_a_payment_that_nobody_knows_yet_waits_for_it(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    new_statement();
    told(&names, 1000, AMOUNT_UNSAID);
    (void)fee_row(names.charge_id, 10);
    take("");
    run();
    assert_books(0, 0, 0);
    assert_int_equal(store_write(W->engine.store, suspend_tx, &names, &err), 0);
    run();
    assert_books(990, 10, 0);
    free(payment);
}

/* ---- the schedule ---- */

static const struct fee_settings at_midnight[] = {
    {.name = "until now", .percent = "1", .until = "2026-11-21"},
    {.name = "from now", .percent = "2", .from = "2026-11-21"},
};

/* Each row by the price of its own moment there. */
static void a_price_that_changed_at_midnight_breaks_no_row_of_the_day_before(void **state) {
    (void)state;
    static const char *const moments[] = {"2026-11-20T23:59:59.999999Z", "2026-11-21T00:00:00Z"};
    char *payments[2];
    agree(at_midnight, 2);
    new_statement();
    for (int i = 0; i < 2; i++) {
        char order[16];
        struct names names;
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = paid(order, 1000, &names);
        told(&names, 1000, 10 + 10 * i);
        assert_true(clock_parse(moments[i], &given.rows[i].at_us));
    }
    take("");
    run();
    assert_int_equal(figures.fees.by_schedule, 2);
    assert_int_equal(live_breaks(), 0);
    assert_books(1970, 30, 0);
    free(payments[0]);
    free(payments[1]);
    nothing_agreed();
}

static void another_fee_than_was_agreed_is_a_break_that_names_the_line(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards of 2026", .percent = "1"};
    struct names names;
    agree(&line, 1);
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 11);
    struct statement_id wrong = take("");
    run();
    assert_int_equal(rows_in(CLASS_FEE, OURS), 1);
    assert_int_equal(last_break().difference, -1);
    char *detail = world_text(W, "SELECT detail FROM recon_break");
    assert_non_null(
        strstr(detail, "fee expected 0.10 USD (agreed: cards of 2026), kept 0.11 USD"));
    free(detail);
    char *kept = world_text(W, "SELECT line || ' ' || CAST(basis AS text) || ' ' || "
                               "CAST(expected_minor AS text) || ' ' || CAST(kept_minor AS text) "
                               "FROM recon_fee");
    assert_string_equal(kept, "cards of 2026 2 10 11");
    free(kept);
    run();
    assert_int_equal(live_breaks(), 1);
    given.rows[0].fee_minor = 10;
    take(wrong.text);
    run();
    assert_int_equal(live_breaks(), 0);
    assert_books(990, 10, 0);
    free(payment);
    nothing_agreed();
}

/* As the service has it: the lines are those of its configuration. */
static void up_agreed(const struct fee_settings *line) {
    const struct source_settings sources = {.gateway = "stripe-a", .fees = line, .fee_count = 1};
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .sources = &sources,
        .source_count = 1,
        .no_days = true,
    };
    recon_close(recon);
    recon = NULL;
    if (recon_open(&options, &recon, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    agreed = recon_source(recon, "stripe-a")->fees;
}

static void assert_tells(struct answer *answer, int r, const char *text) {
    if (r < 0 || strstr(answer->json, text) == NULL) {
        fail_msg("%s is not in %s", text, r < 0 ? err.detail : answer->json);
    }
}

static void a_break_and_an_explanation_tell_what_was_expected_and_by_which_line(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards of 2026", .percent = "1"};
    struct names names;
    up_agreed(&line);
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 11);
    take("");
    run();
    struct break_seen seen = last_break();
    ANSWER_AUTO broken = {0};
    ANSWER_AUTO why = {0};
    ANSWER_AUTO lines = {0};
    char movement[80];
    assert_tells(&broken, break_get(recon, seen.id, &broken, &err),
                 "\"fee\":{\"by\":\"schedule\",\"line\":\"cards of 2026\",\"expected\":10,"
                 "\"kept\":11,\"answered\":0,\"booked\":11}");
    snprintf(movement, sizeof movement, "pst_charge_%s", names.attempt_id);
    assert_tells(&why, movement_explain(recon, movement, &why, &err),
                 "Its fee expected 0.10 USD (agreed: cards of 2026), kept 0.11 USD: 1 %.");
    assert_non_null(strstr(why.json, "\"class\":\"fee\""));
    assert_non_null(strstr(why.json, "\"same_today\":true"));
    assert_tells(&lines, fees_look(recon, "stripe-a", NULL, &lines, &err), "\"example\":null");
    free(payment);
    agreed = NULL;
}

static void an_agreed_fee_is_given_up_like_one_that_was_told(void **state) {
    (void)state;
    static const struct fee_settings line = {.name = "cards", .percent = "1"};
    struct names names;
    agree(&line, 1);
    up(limits_usual);
    people();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 8);
    take("");
    run();
    assert_int_equal(last_break().difference, 2);
    assert_int_equal(write_off(ANN, last_break().id, "less is fine"), 200);
    assert_books(992, 10, -2);
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1");
    run();
    assert_int_equal(live_breaks(), 0);
    assert_books(992, 10, -2);
    free(payment);
    nothing_agreed();
}

/* ---- what was before ---- */

/* The last statement of the migration. */
static void migrate_again(void) {
    char *text = NULL;
    gsize count = 0;
    assert_true(g_file_get_contents(TESTS_DIR "/../src/store/migrations/0031_statement_fees.sql",
                                    &text, &count, NULL));
    char *update = strstr(text, "UPDATE movement");
    assert_non_null(update);
    *strrchr(update, ';') = '\0';
    (void)engine_exec(&W->engine, update);
    g_free(text);
}

/* What was put together by an earlier version, which booked no fees; and what needs no second look.
 */
static void what_was_settled_before_fees_were_booked_is_booked_now(void **state) {
    (void)state;
    struct names names[2];
    char *payments[2];
    nothing_agreed();
    payments[0] = paid("order-0", 1000, &names[0]);
    payments[1] = world_paid(W, "order-1", 1000);
    names[1] = names_of(payments[1]);
    new_statement();
    told(&names[0], 1000, 6);
    told(&names[1], 1000, 20);
    take("");
    run();
    (void)engine_exec(&W->engine, "DELETE FROM posting WHERE kind = 50");
    (void)engine_exec(&W->engine, "DELETE FROM recon_fee");
    run();
    assert_books(1980, 20, 0);
    migrate_again();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE open = 1"), 2);
    run();
    assert_books(1974, 26, 0);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    free(payments[0]);
    free(payments[1]);
}

/* ---- what comes later, and what dies ---- */

static int answer_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    const struct names *names = ctx;
    const struct posting posting = {
        .kind = POST_FEE,
        .cause = names->attempt_id,
        .payment_id = names->payment_id,
        .gateway = "stripe-a",
        .customer = "",
        .amount_minor = 6,
        .currency = currency_stored("USD"),
        .at_us = clock_wall_us(),
    };
    return ledger_post(tx, &posting, tx_err);
}

static void an_answer_that_tells_the_fee_later_does_not_count_twice(void **state) {
    (void)state;
    struct names names;
    nothing_agreed();
    char *payment = paid("order", 1000, &names);
    new_statement();
    told(&names, 1000, 6);
    take("");
    run();
    test_clock_advance(DAY_US);
    assert_int_equal(store_write(W->engine.store, answer_tx, &names, &err), 0);
    run();
    assert_books(994, 6, 0);
    run();
    assert_int_equal(posted(), 2);
    assert_int_equal(figures.rows[OURS], 0);
    free(payment);
}

struct failing {
    atomic_int left; /* tasks of the world ask the store as well */
};

static int fail_at(void *ctx, const char *sql) {
    struct failing *failing = ctx;
    (void)sql;
    return atomic_fetch_sub(&failing->left, 1) == 0;
}

static int run_once(void) {
    struct reconciliation_id id;
    const struct run_request request = {
        .gateway = "stripe-a",
        .actor = "system",
        .until_us = clock_wall_us(),
        .business_days = RUN_BUSINESS_DAYS_USUAL,
        .fees = agreed,
    };
    return reconcile_run(W->engine.store, &request, &id, &figures, &err);
}

static void a_run_that_dies_anywhere_books_each_fee_once(void **state) {
    (void)state;
    char *payments[3];
    nothing_agreed();
    new_statement();
    for (int i = 0; i < 3; i++) {
        char order[16];
        struct names names;
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = paid(order, 1000, &names);
        told(&names, 1000, i == 2 ? AMOUNT_UNSAID : 5 + i);
    }
    (void)fee_row(given.rows[2].gateway_id, 9);
    take("");
    bool ended = false;
    for (int at = 0; !ended; at++) {
        static const char *const anew[] = {
            "DELETE FROM movement", "DELETE FROM recon_break", "DELETE FROM reconciliation",
            "DELETE FROM recon_fee", "DELETE FROM recon_fee_row",
            "DELETE FROM posting WHERE kind IN (50, 51)", "UPDATE statement SET seen_run = ''"};
        for (size_t i = 0; i < COUNT_OF(anew); i++) {
            (void)engine_exec(&W->engine, anew[i]);
        }
        test_clock_advance(US_PER_SECOND);
        struct failing failing = {at};
        store_fault_set(W->engine.store, fail_at, &failing);
        int r = run_once();
        ended = failing.left >= 0;
        store_fault_set(W->engine.store, NULL, NULL);
        assert_true(!ended || r == 0);
        (void)engine_exec(&W->engine, "UPDATE reconciliation SET begun_us = 0 WHERE state = 1");
        run();
        assert_books(3000 - 20, 20, 0);
        assert_int_equal(posted(), 3);
    }
    for (int i = 0; i < 3; i++) {
        free(payments[i]);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fee_that_nobody_told_before_is_booked_once),
        cmocka_unit_test(what_an_answer_had_told_is_booked_no_second_time),
        cmocka_unit_test(what_was_kept_is_in_the_books_while_its_break_is_open),
        cmocka_unit_test(a_fee_that_was_told_and_not_kept_comes_back),
        cmocka_unit_test(written_off_the_expected_fee_is_the_fee_and_the_rest_is_given_up),
        cmocka_unit_test(an_old_write_off_of_a_fee_still_counts),
        cmocka_unit_test(a_withdrawn_statement_takes_its_fees_back),
        cmocka_unit_test(a_corrected_statement_books_what_it_tells),
        cmocka_unit_test(the_same_file_twice_books_nothing_twice),
        cmocka_unit_test(a_refund_returns_what_its_row_says),
        cmocka_unit_test(a_returned_fee_is_held_against_what_was_agreed),
        cmocka_unit_test(the_fee_of_money_in_suspense_is_booked_as_well),
        cmocka_unit_test(of_parts_the_fees_are_booked_together),
        cmocka_unit_test(what_is_told_again_of_a_whole_is_booked_no_second_time),
        cmocka_unit_test(a_fee_in_a_row_of_its_own_is_that_of_the_payment_it_names),
        cmocka_unit_test(a_fee_that_two_statements_tell_is_one),
        cmocka_unit_test(a_fee_of_a_payment_that_nobody_knows_yet_waits_for_it),
        cmocka_unit_test(a_price_that_changed_at_midnight_breaks_no_row_of_the_day_before),
        cmocka_unit_test(another_fee_than_was_agreed_is_a_break_that_names_the_line),
        cmocka_unit_test(a_break_and_an_explanation_tell_what_was_expected_and_by_which_line),
        cmocka_unit_test(an_agreed_fee_is_given_up_like_one_that_was_told),
        cmocka_unit_test(what_was_settled_before_fees_were_booked_is_booked_now),
        cmocka_unit_test(an_answer_that_tells_the_fee_later_does_not_count_twice),
        cmocka_unit_test(a_run_that_dies_anywhere_books_each_fee_once),
    };
    return payment_world_run("booking fees", tests, COUNT_OF(tests));
}
