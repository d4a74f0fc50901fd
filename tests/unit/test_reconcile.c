/* SPDX-License-Identifier: Apache-2.0
 * test_reconcile.c: our books against a gateway's statements, from run to run, on both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "recon/run.h"
#include "recon/settle.h"
#include "support/given_rows.h"
#include "support/payment_world.h"

#define W the_world
#define DAY_US (INT64_C(86400) * US_PER_SECOND)

static struct given_rows given;
static struct run_figures figures;
static struct err err;

static void new_statement(void) {
    given = (struct given_rows){0};
    snprintf(given.account, sizeof given.account, "acct_1");
}

/* A row as Stripe's report has it. */
static struct statement_row *tell(int64_t gross_minor) {
    struct statement_row *row = given_add(&given);
    row->currency = currency_stored("USD");
    row->gross_minor = gross_minor;
    row->at_us = clock_wall_us();
    row->native_kind = "charge";
    return row;
}

struct names {
    const char *payment_id;
    char charge_id[80], attempt_id[ID_TEXT_MAX], currency[8];
};

static int names_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct names *names = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, tx_err, &rows,
                      "SELECT charge_id, gateway_id, id, currency FROM attempt WHERE payment_id = "
                      "$1 ORDER BY number DESC LIMIT 1",
                      S_TEXT(names->payment_id));
    r = r < 0 ? r : sql_next(rows, tx_err);
    assert_int_equal(r, 1);
    const char *charge = sql_text(rows, 0);
    snprintf(names->charge_id, sizeof names->charge_id, "%s",
             charge[0] != '\0' ? charge : sql_text(rows, 1));
    snprintf(names->attempt_id, sizeof names->attempt_id, "%s", sql_text(rows, 2));
    snprintf(names->currency, sizeof names->currency, "%s", sql_text(rows, 3));
    return 0;
}

static struct names names_of(const char *payment_id) {
    struct names names = {.payment_id = payment_id};
    assert_int_equal(store_read(W->engine.store, names_tx, &names, &err), 0);
    return names;
}

static void charge_row(const struct names *names, int64_t gross_minor) {
    struct statement_row *row = tell(gross_minor);
    row->gateway_id = names->charge_id;
    row->currency = currency_stored(names->currency);
}

static struct statement_id take(const char *supersedes) {
    static struct statement_taken taken;
    struct statement_request request = given_request(&given, "stripe-a");
    request.supersedes = supersedes;
    request.reason = supersedes[0] != '\0' ? "a corrected one" : "";
    int r = statement_take(W->engine.store, &request, &taken, &err);
    if (r < 0) {
        fail_msg("%s", err.detail);
    }
    return taken.id;
}

static const struct settle *windows; /* NULL: so many days, Monday to Friday */

static int run_now(void) {
    struct reconciliation_id id;
    const struct run_request request = {
        .gateway = "stripe-a",
        .actor = "user:usr_1",
        .until_us = clock_wall_us(),
        .business_days = RUN_BUSINESS_DAYS_USUAL,
        .settle = windows,
    };
    return reconcile_run(W->engine.store, &request, &id, &figures, &err);
}

static void run(void) {
    test_clock_advance(US_PER_SECOND);
    if (run_now() < 0) {
        fail_msg("%s", err.detail);
    }
}

static int64_t rows_in(enum match_class class, enum match_side side) {
    int64_t rows = 0;
    for (int i = 0; i < figures.sum_count; i++) {
        rows += figures.sums[i].class == class ? figures.sums[i].rows[side] : 0;
    }
    return rows;
}

#define BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"

static void assert_break(const char *class, int state) {
    char *text = world_text(W, "SELECT CAST(class AS text) || ':' || CAST(state AS text) FROM "
                               "recon_break ORDER BY id DESC LIMIT 1");
    char expected[40];
    int number = 0;
    for (int i = 0; i < CLASS_COUNT; i++) {
        number = strcmp(match_class_name((enum match_class)i), class) == 0 ? i : number;
    }
    snprintf(expected, sizeof expected, "%d:%d", number, state);
    assert_string_equal(text, expected);
    free(text);
}

static void what_both_sides_tell_is_settled_for_good(void **state) {
    (void)state;
    new_statement();
    struct names names[3];
    char *payments[3];
    for (int i = 0; i < 3; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000 + i);
        names[i] = names_of(payments[i]);
        charge_row(&names[i], 1000 + i);
    }
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 3);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 3);
    assert_int_equal(figures.breaks_open, 0);
    assert_true(figures.ties_out);
    assert_int_equal(figures.book_count, 1);
    int64_t fees = world_int(W, "SELECT SUM(amount_minor) FROM posting WHERE kind = 5");
    assert_int_equal(figures.books[0].closing_minor, 3003 - fees);
    run();
    assert_int_equal(figures.rows[OURS] + figures.rows[THEIRS], 0);
    assert_int_equal(figures.books[0].opening_minor, 3003 - fees);
    assert_int_equal(figures.books[0].movements_minor, 0);
    assert_true(figures.ties_out);
    for (int i = 0; i < 3; i++) {
        free(payments[i]);
    }
}

static void a_row_that_comes_tomorrow_is_expected_today(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    run();
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    assert_int_equal(figures.breaks_open, 0);
    test_clock_advance(DAY_US);
    new_statement();
    charge_row(&names, 1000);
    take("");
    run();
    assert_int_equal(figures.carried[OURS], 1);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break"), 0);
    free(payment);
}

static void what_is_missing_too_long_is_a_break_that_heals_when_it_comes(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    run();
    test_clock_advance(8 * DAY_US);
    run();
    assert_break("missing_there", 1);
    assert_int_equal(figures.breaks_opened, 1);
    run();
    assert_int_equal(figures.breaks_opened, 0);
    assert_int_equal(world_int(W, BREAKS), 1);
    new_statement();
    charge_row(&names, 1000);
    take("");
    run();
    assert_int_equal(figures.breaks_healed, 1);
    assert_break("missing_there", 3);
    char *why = world_text(W, "SELECT resolution FROM recon_break");
    assert_non_null(strstr(why, "by the rule"));
    free(why);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break_event"), 2);
    free(payment);
}

/* The gateway's five days and the method's one, by a calendar on which the day after is a holiday:
 * expected up to the second before that window's end, missing from its end on. */
static void the_window_of_its_method_says_when_it_is_missing(void **state) {
    (void)state;
    unsigned one = 1;
    char card[] = "card", none[] = "none", holiday[CLOCK_TEXT_MAX];
    char *weekend[] = {none}, *holidays[] = {holiday};
    char *payment = world_paid(W, "order", 1000);
    int64_t paid_us = world_int(W, "SELECT at_us FROM posting WHERE kind = 1");
    clock_format(paid_us + DAY_US, holiday);
    holiday[10] = '\0';
    struct workdays_settings calendar = {.name = "made_up",
                                         .weekend = weekend,
                                         .weekend_count = 1,
                                         .holidays = holidays,
                                         .holidays_count = 1};
    const struct settle_settings window = {.method = card, .business_days = &one};
    struct settle_asked asked = {.gateway = "stripe-a",
                                 .business_days = 5,
                                 .calendar = "made_up",
                                 .windows = &window,
                                 .window_count = 1,
                                 .calendars = &calendar,
                                 .calendar_count = 1};
    struct settle *settle = NULL;
    assert_int_equal(settle_open(&asked, &settle, &err), 0);
    windows = settle;
    int64_t due_us = paid_us - paid_us % DAY_US + 3 * DAY_US;
    test_clock_advance(due_us - clock_wall_us() - 2 * US_PER_SECOND);
    run();
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    assert_int_equal(world_int(W, "SELECT due_us FROM movement WHERE side = 1"), due_us);
    run();
    assert_break("missing_there", 1);
    /* What is configured otherwise holds for what is open: the gateway's window is longer. */
    settle_free(settle);
    asked.window_count = 0;
    assert_int_equal(settle_open(&asked, &settle, &err), 0);
    windows = settle;
    run();
    assert_int_equal(rows_in(CLASS_EXPECTED, OURS), 1);
    assert_break("missing_there", 3);
    settle_free(settle);
    windows = NULL;
    free(payment);
}

static void money_that_nothing_here_knows_of_is_a_break_until_somebody_decides(void **state) {
    (void)state;
    new_statement();
    struct statement_row *row = tell(777);
    row->gateway_id = "ch_nobody";
    take("");
    run();
    assert_break("missing_here", 1);
    (void)engine_exec(&W->engine, "UPDATE recon_break SET state = 4");
    run();
    assert_break("missing_here", 4);
    assert_int_equal(figures.breaks_opened, 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break"), 1);
}

struct post {
    struct names *names;
    int64_t at_us;
};

static int post_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    const struct post *post = ctx;
    const struct posting posting = {
        .kind = POST_CHARGE,
        .cause = post->names->attempt_id,
        .payment_id = post->names->payment_id,
        .gateway = "stripe-a",
        .customer = "",
        .amount_minor = 1000,
        .currency = currency_stored(post->names->currency),
        .at_us = post->at_us,
    };
    return ledger_post(tx, &posting, tx_err);
}

static void post_charge(struct names *names, int64_t at_us) {
    struct post post = {names, at_us};
    assert_int_equal(store_write(W->engine.store, post_tx, &post, &err), 0);
}

static void what_is_paid_there_and_open_here_heals_when_it_is_booked(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    (void)engine_exec(&W->engine, "UPDATE attempt SET state = 4");
    new_statement();
    charge_row(&names, 1000);
    take("");
    run();
    assert_break("paid_there_open_here", 1);
    char *broken = world_text(W, "SELECT payment_id FROM recon_break");
    assert_string_equal(broken, payment);
    free(broken);
    run();
    assert_int_equal(figures.breaks_opened + figures.breaks_healed, 0);
    (void)engine_exec(&W->engine, "UPDATE attempt SET state = 6");
    post_charge(&names, clock_wall_us());
    run();
    assert_int_equal(figures.breaks_healed, 1);
    assert_break("paid_there_open_here", 3);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 1);
    free(payment);
}

static void another_amount_is_a_break_that_a_corrected_statement_heals(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    given.until_us = 5;
    charge_row(&names, 1100);
    struct statement_id wrong = take("");
    run();
    assert_break("amount_over", 1);
    assert_int_equal(world_int(W, "SELECT difference_minor FROM recon_break"), 100);
    run();
    assert_int_equal(world_int(W, BREAKS), 1);
    given.rows[0].gross_minor = 1000;
    take(wrong.text);
    run();
    assert_int_equal(figures.breaks_healed, 1);
    assert_break("amount_over", 3);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement"), 2);
    free(payment);
}

/* What another statement told as well was there once more; without that one it is what tells it. */
static void what_a_replaced_statement_told_as_well_still_counts(void **state) {
    (void)state;
    char *payments[2];
    struct names names[2];
    for (int i = 0; i < 2; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000);
        names[i] = names_of(payments[i]);
    }
    new_statement();
    charge_row(&names[0], 1000);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    new_statement();
    charge_row(&names[0], 1000);
    charge_row(&names[1], 1000);
    given.rows[0].reference = names[0].attempt_id; /* so it is preferred */
    given.rows[0].at_us -= DAY_US;
    struct statement_id both = take("");
    run();
    assert_int_equal(world_int(W, BREAKS), 1);
    assert_break("duplicate_there", 1);
    new_statement();
    charge_row(&names[1], 1000);
    take(both.text);
    run();
    assert_int_equal(world_int(W, BREAKS), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE class = 1"), 4);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement"), 4);
    free(payments[0]);
    free(payments[1]);
}

static void another_fee_than_was_kept_is_a_break(void **state) {
    (void)state;
    char *payments[2];
    struct names names[2]; /* the rows borrow them */
    new_statement();
    for (int i = 0; i < 2; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000);
        names[i] = names_of(payments[i]);
        charge_row(&names[i], 1000);
        int64_t fee = world_int(W, "SELECT MIN(amount_minor) FROM posting WHERE kind = 5");
        assert_int_equal(fee, 20); /* as the gateway's answer said */
        given.rows[i].fee_minor = fee + i;
    }
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(rows_in(CLASS_FEE, OURS), 1);
    assert_break("fee", 1);
    free(payments[0]);
    free(payments[1]);
}

static void what_is_there_twice_stays_so_until_somebody_decides(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 1000);
    charge_row(&names, 1000);
    take("");
    run();
    assert_break("duplicate_there", 1);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 1);
    run();
    assert_int_equal(figures.breaks_healed + figures.breaks_opened, 0);
    assert_int_equal(world_int(W, BREAKS), 1);
    /* A second charge under another name of theirs is worse. */
    new_statement();
    charge_row(&names, 1000);
    given.rows[0].gateway_id = "ch_another";
    given.rows[0].reference = names.attempt_id;
    take("");
    run();
    assert_int_equal(world_int(W, BREAKS), 2);
    free(payment);
}

static void a_second_charge_is_one_also_when_a_later_statement_tells_it(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 1000);
    given.rows[0].reference = names.attempt_id;
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    test_clock_advance(DAY_US);
    new_statement();
    charge_row(&names, 1000);
    given.rows[0].gateway_id = "ch_second";
    given.rows[0].reference = names.attempt_id;
    take("");
    run();
    assert_int_equal(rows_in(CLASS_DOUBLE_CHARGE, THEIRS), 1);
    assert_break("double_charge", 1);
    /* The first one is what it was, and counts for nothing in this run. */
    assert_int_equal(rows_in(CLASS_MATCHED, OURS) + rows_in(CLASS_MATCHED, THEIRS), 0);
    assert_int_equal(figures.rows[OURS], 0);
    assert_int_equal(figures.rows[THEIRS], 1);
    assert_int_equal(figures.carried[OURS], 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE class = 1"), 2);
    run();
    assert_int_equal(figures.rows[OURS] + figures.rows[THEIRS], 0);
    assert_int_equal(world_int(W, BREAKS), 1);
    free(payment);
}

/* By our reference alone; then the first charge is the one too many. */
static void the_charge_that_fits_better_is_ours_whenever_it_is_told(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 1050);
    given.rows[0].gateway_id = "ch_first";
    given.rows[0].reference = names.attempt_id;
    take("");
    run();
    assert_break("amount_over", 1);
    new_statement();
    charge_row(&names, 1000);
    given.rows[0].gateway_id = "ch_second";
    given.rows[0].reference = names.attempt_id;
    take("");
    run();
    assert_break("double_charge", 1);
    assert_int_equal(figures.breaks_healed, 1);
    free(payment);
}

static void what_comes_in_parts_is_whole_when_its_rest_is_told(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 600);
    take("");
    run();
    assert_break("amount_under", 1);
    test_clock_advance(DAY_US);
    new_statement();
    charge_row(&names, 400);
    take("");
    run();
    assert_break("amount_under", 3);
    assert_int_equal(world_int(W, BREAKS), 0);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT match_id) FROM movement"), 1);
    free(payment);
}

static int named_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    return sql_put(tx, tx_err, "UPDATE dispute SET gateway_id = $1", S_TEXT(ctx));
}

static void a_dispute_is_found_by_its_payment_where_a_row_has_a_name_of_its_own(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    struct caller caller = world_caller("dispute", "dispute");
    const struct chargeback chargeback = {
        .reference = "PP-D-1", .amount_minor = 1000, .reason = "fraud"};
    struct answer answer = {0};
    assert_int_equal(dispute_record(W->payments, &caller, payment, &chargeback, &answer, &err), 0);
    answer_release(&answer);
    char name[] = "PP-D-1";
    assert_int_equal(store_write(W->engine.store, named_tx, name, &err), 0);
    new_statement();
    charge_row(&names, 1000);
    struct statement_row *row = tell(-1000);
    row->kind = ROW_CHARGEBACK;
    row->gateway_id = "TXN-9";
    row->original_id = names.charge_id;
    row->currency = currency_stored(names.currency);
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 2);
    assert_int_equal(world_int(W, BREAKS), 0);
    free(payment);
}

static void refunds_are_matched_with_refunds(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    json_t *refund = world_refund(W, NULL, payment, 400);
    assert_non_null(refund);
    json_decref(refund);
    char *refund_id = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    new_statement();
    charge_row(&names, 1000);
    struct statement_row *row = tell(-400);
    row->currency = currency_stored(names.currency);
    row->kind = ROW_REFUND;
    row->gateway_id = refund_id;
    take("");
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 2);
    assert_int_equal(rows_in(CLASS_MATCHED, THEIRS), 2);
    assert_int_equal(figures.breaks_open, 0);
    free(refund_id);
    free(payment);
}

/* An attempt that was declined here; there its money came, and a refund that nobody here knows. */
static void taken_and_given_back(const char *charge, int64_t back_minor) {
    struct statement_row *row = tell(-back_minor);
    row->kind = ROW_REFUND;
    row->native_kind = "refund";
    row->gateway_id = "re_till";
    row->original_id = charge;
}

static char *given_up(struct names *names) {
    fake_say(W->fake, 0, "charge", 1, FAKE_DECLINE);
    struct payment_order asked = world_order("order", 1000);
    json_t *json = world_pay(W, NULL, &asked);
    assert_non_null(json);
    char *payment = strdup(json_at(json, "id"));
    json_decref(json);
    *names = names_of(payment);
    return payment;
}

static void charge_of_attempt(const struct names *names) {
    struct statement_row *row = tell(1000);
    row->gateway_id = "ch_till";
    row->reference = names->attempt_id;
}

static void a_payment_that_a_till_took_back_nets_to_nothing_and_is_no_break(void **state) {
    (void)state;
    struct names names;
    char *payment = given_up(&names);
    new_statement();
    charge_of_attempt(&names);
    taken_and_given_back("ch_till", 1000);
    take("");
    run();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break"), 0);
    assert_int_equal(rows_in(CLASS_NOTHING_MOVED, THEIRS), 2);
    assert_int_equal(rows_in(CLASS_PAID_THERE, THEIRS) + rows_in(CLASS_ORPHAN_REFUND, THEIRS), 0);
    run();
    assert_int_equal(figures.rows[THEIRS], 0);
    free(payment);
}

static void what_went_back_a_day_later_heals_and_a_part_of_it_does_not(void **state) {
    (void)state;
    struct names names;
    char *payment = given_up(&names);
    new_statement();
    charge_of_attempt(&names);
    take("");
    run();
    assert_break("paid_there_open_here", 1);
    new_statement();
    taken_and_given_back("ch_till", 400);
    take("");
    run();
    assert_int_equal(world_int(W, BREAKS), 2);
    new_statement();
    taken_and_given_back("ch_till", 600);
    given.rows[0].gateway_id = "re_till_rest";
    take("");
    run();
    assert_int_equal(world_int(W, BREAKS), 0);
    assert_int_equal(rows_in(CLASS_NOTHING_MOVED, THEIRS), 3);
    assert_text(W, "SELECT resolution FROM recon_break WHERE class = 12",
                "it is nothing_moved now");
    free(payment);
}

static void money_of_a_refund_that_came_back_is_a_refund_that_failed(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    json_decref(world_refund(W, NULL, payment, 400));
    char *refund_id = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    new_statement();
    charge_row(&names, 1000);
    for (int i = 0; i < 2; i++) {
        struct statement_row *row = tell(i == 0 ? -400 : 400);
        row->currency = currency_stored(names.currency);
        row->kind = i == 0 ? ROW_REFUND : ROW_REFUND_RETURNED;
        row->gateway_id = refund_id;
    }
    take("");
    run();
    assert_break("refund_failed_there", 1);
    assert_int_equal(world_int(W, BREAKS), 1);
    assert_int_equal(rows_in(CLASS_DUPLICATE_THERE, THEIRS), 0);
    /* It is looked at again, and stays what it is. */
    run();
    assert_int_equal(figures.breaks_opened + figures.breaks_healed, 0);
    assert_int_equal(rows_in(CLASS_REFUND_FAILED, THEIRS), 1);
    free(refund_id);
    free(payment);
}

static void what_is_posted_into_a_closed_time_is_told_and_matched(void **state) {
    (void)state;
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    (void)engine_exec(&W->engine, "DELETE FROM posting");
    int64_t then_us = clock_wall_us();
    test_clock_advance(60 * US_PER_SECOND);
    run();
    assert_true(figures.ties_out);
    post_charge(&names, then_us);
    new_statement();
    charge_row(&names, 1000);
    take("");
    run();
    assert_false(figures.ties_out);
    assert_int_equal(figures.books[0].late_minor, 1000);
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    run();
    assert_true(figures.ties_out);
    free(payment);
}

struct failing { /* any thread of the service calls */
    atomic_int left;
};

static int fail_at(void *ctx, const char *sql) {
    struct failing *failing = ctx;
    (void)sql;
    return atomic_fetch_sub(&failing->left, 1) == 0;
}

static char *standing(void) {
    return world_text(W, "SELECT CAST(COUNT(*) AS text) || ' ' || CAST(SUM(class) AS text) || ' ' "
                         "|| CAST(SUM(COALESCE(open, 0)) AS text) || ' ' || (SELECT "
                         "CAST(COUNT(*) AS text) || ' ' || CAST(SUM(class) AS text) || ' ' || "
                         "CAST(SUM(state) AS text) FROM recon_break) FROM movement");
}

/* A run that dies anywhere leaves nothing that the next one does not bring to the same end. */
static void a_run_that_dies_anywhere_is_finished_by_the_next(void **state) {
    (void)state;
    new_statement();
    char *payments[4];
    struct names names[4];
    for (int i = 0; i < 4; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000 + i);
        names[i] = names_of(payments[i]);
    }
    charge_row(&names[0], 1000);
    charge_row(&names[1], 1500);
    struct statement_row *row = tell(5);
    row->gateway_id = "ch_nobody";
    take("");
    char *expected = NULL;
    bool ended = false;
    for (int at = -1; !ended; at++) {
        (void)engine_exec(&W->engine, "DELETE FROM movement");
        (void)engine_exec(&W->engine, "DELETE FROM recon_break");
        (void)engine_exec(&W->engine, "DELETE FROM recon_break_event");
        (void)engine_exec(&W->engine, "DELETE FROM reconciliation");
        (void)engine_exec(&W->engine, "UPDATE statement SET seen_run = ''");
        struct failing failing = {at};
        store_fault_set(W->engine.store, fail_at, &failing);
        int r = run_now();
        ended = at >= 0 && failing.left >= 0;
        store_fault_set(W->engine.store, NULL, NULL);
        assert_true(at >= 0 || r == 0);
        (void)engine_exec(&W->engine, "UPDATE reconciliation SET begun_us = 0 WHERE state = 1");
        run();
        char *now = standing();
        if (expected == NULL) {
            expected = now;
            continue;
        }
        assert_string_equal(now, expected);
        free(now);
    }
    free(expected);
    for (int i = 0; i < 4; i++) {
        free(payments[i]);
    }
}

static void of_two_runs_of_one_gateway_the_second_is_told(void **state) {
    (void)state;
    run();
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET state = 1");
    test_clock_advance(US_PER_SECOND);
    assert_int_equal(run_now(), -ERR_STATE);
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET begun_us = 0");
    run();
}

/* 2026-11-20 is a Friday. */
static void business_days_leave_the_week_s_end_out(void **state) {
    static const struct {
        const char *at;
        int days;
        const char *zone, *until;
    } cases[] = {
        {"2026-11-20T10:00:00Z", 0, "UTC", "2026-11-21T00:00:00Z"},
        {"2026-11-20T10:00:00Z", 1, "UTC", "2026-11-24T00:00:00Z"},
        {"2026-11-21T10:00:00Z", 0, "UTC", "2026-11-24T00:00:00Z"},
        {"2026-11-22T23:59:59Z", 1, "UTC", "2026-11-25T00:00:00Z"},
        {"2026-11-18T10:00:00Z", 3, "UTC", "2026-11-24T00:00:00Z"},
        /* Friday evening in UTC is Saturday in Shanghai. */
        {"2026-11-20T18:00:00Z", 0, "Asia/Shanghai", "2026-11-23T16:00:00Z"},
        /* The clocks go forward that Sunday in Berlin. */
        {"2026-03-27T12:00:00Z", 1, "Europe/Berlin", "2026-03-30T22:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TIME_ZONE_AUTO zone = NULL;
        int64_t at_us = 0;
        char text[CLOCK_TEXT_MAX];
        assert_int_equal(time_zone_open(cases[i].zone, &zone, &err), 0);
        assert_true(clock_parse(cases[i].at, &at_us));
        assert_string_equal(clock_format(expected_until(at_us, cases[i].days, zone), text),
                            cases[i].until);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_sides_tell_is_settled_for_good),
        cmocka_unit_test(a_row_that_comes_tomorrow_is_expected_today),
        cmocka_unit_test(what_is_missing_too_long_is_a_break_that_heals_when_it_comes),
        cmocka_unit_test(the_window_of_its_method_says_when_it_is_missing),
        cmocka_unit_test(money_that_nothing_here_knows_of_is_a_break_until_somebody_decides),
        cmocka_unit_test(what_is_paid_there_and_open_here_heals_when_it_is_booked),
        cmocka_unit_test(another_amount_is_a_break_that_a_corrected_statement_heals),
        cmocka_unit_test(what_a_replaced_statement_told_as_well_still_counts),
        cmocka_unit_test(another_fee_than_was_kept_is_a_break),
        cmocka_unit_test(what_is_there_twice_stays_so_until_somebody_decides),
        cmocka_unit_test(a_second_charge_is_one_also_when_a_later_statement_tells_it),
        cmocka_unit_test(the_charge_that_fits_better_is_ours_whenever_it_is_told),
        cmocka_unit_test(what_comes_in_parts_is_whole_when_its_rest_is_told),
        cmocka_unit_test(a_dispute_is_found_by_its_payment_where_a_row_has_a_name_of_its_own),
        cmocka_unit_test(refunds_are_matched_with_refunds),
        cmocka_unit_test(a_payment_that_a_till_took_back_nets_to_nothing_and_is_no_break),
        cmocka_unit_test(what_went_back_a_day_later_heals_and_a_part_of_it_does_not),
        cmocka_unit_test(money_of_a_refund_that_came_back_is_a_refund_that_failed),
        cmocka_unit_test(what_is_posted_into_a_closed_time_is_told_and_matched),
        cmocka_unit_test(a_run_that_dies_anywhere_is_finished_by_the_next),
        cmocka_unit_test(of_two_runs_of_one_gateway_the_second_is_told),
        cmocka_unit_test(business_days_leave_the_week_s_end_out),
    };
    return payment_world_run("reconciling", tests, COUNT_OF(tests));
}
