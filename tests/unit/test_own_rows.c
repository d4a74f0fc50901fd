/* SPDX-License-Identifier: Apache-2.0
 * test_own_rows.c: what a gateway books for itself is in our books once, as long as its statement
 * counts, on both engines. */
#include <stdatomic.h>

#include "own_fixture.h"

#include "recon/own.h"

/* Of each kind one row, and what the books hold then. */
static const struct {
    const char *kind;
    int64_t gross_minor, fee_minor;
    const char *account;
    int64_t balance_minor;
} own[] = {
    {"fee", -30, 0, "gateway:stripe-a:fees", 30 + 25},
    {"tax", -6, 0, "gateway:stripe-a:taxes", 6},
    {"reserve", -100, 0, "gateway:stripe-a:reserve", 60},
    {"reserve", 40, 0, "gateway:stripe-a:reserve", 60},
    {"adjustment", 7, 0, "gateway:stripe-a:adjustments", -7},
    {"conversion", -80, 0, "gateway:stripe-a:conversion", 80},
    {"transfer", -11, 0, "gateway:stripe-a:transfers", 11},
    {"topup", 300, 0, NULL, 0},
    {"payout", -50000, 25, NULL, 0},
};
#define OWN_SUM (-30 - 6 - 100 + 40 + 7 - 80 - 11 + 300 - 50000 - 25)

static void write_all(struct file *file, int64_t first_minor) {
    char id[20];
    file_begin(file);
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        snprintf(id, sizeof id, "own_%zu", i);
        file_row(file, id, own[i].kind, 0, i == 0 ? first_minor : own[i].gross_minor,
                 own[i].fee_minor, "");
    }
}

static void assert_books(int64_t more_fees) {
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (own[i].account != NULL) {
            assert_int_equal(balance(own[i].account),
                             own[i].balance_minor + (i == 0 ? more_fees : 0));
        }
    }
    assert_int_equal(balance(RECEIVABLE), OWN_SUM - more_fees);
    assert_int_equal(balance(AT_BANK), 50000 - 300);
    assert_int_equal(balance(IN_TRANSIT), 0);
}

static void assert_empty(void) {
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        assert_int_equal(own[i].account != NULL ? balance(own[i].account) : 0, 0);
    }
    assert_int_equal(balance(RECEIVABLE), 0);
    assert_int_equal(balance(AT_BANK), 0);
    assert_int_equal(balance(IN_TRANSIT), 0);
}

static void each_row_is_booked_once_and_stands_beside_its_booking(void **state) {
    (void)state;
    start_own();
    struct file file;
    write_all(&file, -30);
    char *id = file_take(&file, "");
    assert_books(0);
    assert_int_equal(in_class("stripe-a", "gateways_own", "our_rows"), COUNT_OF(own));
    assert_int_equal(in_class("stripe-a", "gateways_own", "their_rows"), COUNT_OF(own));
    json_t *json = last_run("stripe-a");
    assert_true(json_is_true(json_object_get(json_object_get(json, "proof"), "ties_out")));
    assert_true(
        json_is_true(json_object_get(json_object_get(json, "proof"), "every_row_in_one_class")));
    /* The format tells no balance: nothing is proved of it. */
    assert_true(json_is_null(json_object_get(json_object_get(json, "proof"), "balances_proved")));
    json_decref(json);
    int64_t postings = world_int(W, "SELECT COUNT(*) FROM posting");
    /* The same file again, and another run. */
    struct given again = given_file("stripe-a", "own.csv", file.text, file.used);
    hand_in(&again);
    run_asked("stripe-a");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), postings);
    assert_int_equal(in_class("stripe-a", "gateways_own", "our_rows"), 0);
    assert_books(0);
    only_breaks("bank_missing", 0);
    free(id);
}

static void what_is_pending_or_moves_nothing_is_not_booked(void **state) {
    (void)state;
    start_own();
    struct file file;
    file_begin(&file);
    file_row(&file, "a1", "authorization", 0, 0, 0, "");
    file.used += (size_t)snprintf(file.text + file.used, FILE_BYTES - file.used,
                                  "p1,,,,,payout,pending,USD,-1000,,,2026-01-01T00:00:00Z,,\n");
    free(file_take(&file, ""));
    assert_empty();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM own_booking"), 0);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
}

static void a_withdrawn_statement_takes_its_bookings_back(void **state) {
    (void)state;
    start_own();
    struct file file;
    write_all(&file, -30);
    char *id = file_take(&file, "");
    int64_t postings = world_int(W, "SELECT COUNT(*) FROM posting");
    withdraw(id);
    assert_empty();
    /* By postings of their own: nothing is deleted. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 2 * postings);
    run_asked("bank-eu");
    assert_int_equal(in_class("bank-eu", "expected", "our_rows"), 0);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    /* Its very bytes may count after all. */
    free(file_take(&file, ""));
    assert_books(0);
    free(id);
}

static void a_corrected_statement_is_booked_instead_and_may_be_taken_back_itself(void **state) {
    (void)state;
    start_own();
    struct file file;
    write_all(&file, -30);
    char *first = file_take(&file, "");
    write_all(&file, -90);
    char *second = file_take(&file, first);
    assert_books(60);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    withdraw(second); /* the first one counts again, and is booked a second time */
    assert_books(0);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    json_t *json = last_run("stripe-a");
    assert_true(json_is_true(json_object_get(json_object_get(json, "proof"), "ties_out")));
    json_decref(json);
    withdraw(first);
    assert_empty();
    free(second);
    free(first);
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
    static struct run_figures figures;
    struct reconciliation_id id;
    struct err err = {0};
    const struct run_request request = {
        .gateway = "stripe-a",
        .actor = "user:usr_1",
        .until_us = clock_wall_us(),
        .business_days = 3,
        .pays_out_to = "bank-eu",
        .payout_days = 3,
    };
    test_clock_advance(US_PER_SECOND);
    return reconcile_run(W->engine.store, &request, &id, &figures, &err);
}

/* Wherever the store fails, the next run brings it to the same end: booked, and taken back. */
static void a_run_that_dies_anywhere_books_and_takes_back_once(void **state) {
    (void)state;
    start_own();
    struct file file;
    write_all(&file, -30);
    char *id = file_take(&file, "");
    bool ended = false;
    for (int at = 0; !ended; at++) {
        bool back = at % 2 == 0; /* each time the other way */
        struct failing failing = {at / 2};
        (void)engine_exec(&W->engine, back ? "UPDATE statement SET state = 5"
                                           : "UPDATE statement SET state = 2, seen_run = ''");
        store_fault_set(W->engine.store, fail_at, &failing);
        int r = run_once();
        ended = failing.left >= 0 && !back;
        store_fault_set(W->engine.store, NULL, NULL);
        if (r < 0 || failing.left < 0) {
            (void)engine_exec(&W->engine, "UPDATE reconciliation SET begun_us = 0 WHERE state = 1");
            assert_int_equal(run_once(), 0);
        }
        if (back) {
            assert_empty();
        } else {
            assert_books(0);
        }
        assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    }
    free(id);
}

enum { LONG_ROWS = 3 * OWN_ROWS_A_WRITE - 50 };
#define COUNTS "UPDATE statement SET state = 2, seen_run = ''"
#define COUNTS_NOT "UPDATE statement SET state = 5"

static int64_t fees_booked(void) {
    return balance("gateway:stripe-a:fees");
}

/* A run dies when some rows of the long statement are booked and some are not. */
static void die_half_way(void) {
    for (int at = 5; fees_booked() == 0 || fees_booked() == LONG_ROWS; at += 5) {
        struct failing failing = {at};
        store_fault_set(W->engine.store, fail_at, &failing);
        int r = run_once();
        store_fault_set(W->engine.store, NULL, NULL);
        assert_int_not_equal(r, 0);
        (void)engine_exec(&W->engine, "UPDATE reconciliation SET begun_us = 0 WHERE state = 1");
    }
}

/* It stops counting in the midst of being booked, or counts again in the midst of being taken back.
 */
static void a_statement_that_changes_half_way_is_booked_as_it_counts(void **state) {
    (void)state;
    start_own();
    struct file file;
    file_begin(&file);
    for (int i = 0; i < LONG_ROWS; i++) {
        char id[20];
        snprintf(id, sizeof id, "fee_%d", i);
        file_row(&file, id, "fee", 0, -1, 0, "");
    }
    free(file_take(&file, ""));
    assert_int_equal(fees_booked(), LONG_ROWS);
    (void)engine_exec(&W->engine, COUNTS_NOT);
    die_half_way();
    (void)engine_exec(&W->engine, COUNTS);
    assert_int_equal(run_once(), 0);
    assert_int_equal(fees_booked(), LONG_ROWS);
    (void)engine_exec(&W->engine, COUNTS_NOT);
    assert_int_equal(run_once(), 0);
    assert_int_equal(fees_booked(), 0);
    (void)engine_exec(&W->engine, COUNTS);
    die_half_way();
    (void)engine_exec(&W->engine, COUNTS_NOT);
    assert_int_equal(run_once(), 0);
    assert_int_equal(fees_booked(), 0);
    assert_int_equal(balance(RECEIVABLE), 0);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
}

/* Books that a run had closed stay closed: what the statement tells of last week is posted now. */
static void nothing_is_posted_into_a_closed_time(void **state) {
    (void)state;
    start_own();
    days_pass(5);
    run_asked("stripe-a");
    struct file file;
    write_all(&file, -30);
    free(file_take(&file, ""));
    json_t *json = last_run("stripe-a");
    assert_true(json_is_true(json_object_get(json_object_get(json, "proof"), "ties_out")));
    assert_int_equal(int_at(json_object_get(json, "figures"), "late_count"), 0);
    json_decref(json);
    assert_books(0);
}

static void a_payout_that_is_not_what_its_rows_come_to_is_a_break(void **state) {
    (void)state;
    start_own();
    struct file file;
    file_begin(&file);
    file_row(&file, "f1", "fee", 0, -100, 0, "po_000001");
    file_row(&file, "a1", "adjustment", 0, 5100, 0, "po_000001");
    file_row(&file, "po_000001", "payout", 0, -4900, 0, "");
    char *first = file_take(&file, "");
    only_breaks("payout", 1);
    char *why = world_text(W, "SELECT detail FROM recon_break");
    assert_non_null(strstr(why, "a payout is not what its rows add up to"));
    free(why);
    run_asked("stripe-a"); /* found again, not a second one */
    only_breaks("payout", 1);
    file_begin(&file);
    file_row(&file, "f1", "fee", 0, -100, 0, "po_000001");
    file_row(&file, "a1", "adjustment", 0, 5100, 0, "po_000001");
    file_row(&file, "po_000001", "payout", 0, -5000, 0, "");
    free(file_take(&file, first));
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE state = 3"), 1);
    free(first);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        OWN_TEST(each_row_is_booked_once_and_stands_beside_its_booking),
        OWN_TEST(what_is_pending_or_moves_nothing_is_not_booked),
        OWN_TEST(a_withdrawn_statement_takes_its_bookings_back),
        OWN_TEST(a_corrected_statement_is_booked_instead_and_may_be_taken_back_itself),
        OWN_TEST(a_run_that_dies_anywhere_books_and_takes_back_once),
        OWN_TEST(a_statement_that_changes_half_way_is_booked_as_it_counts),
        OWN_TEST(nothing_is_posted_into_a_closed_time),
        OWN_TEST(a_payout_that_is_not_what_its_rows_come_to_is_a_break),
    };
    return payment_world_run("booking what gateways book for themselves", tests, COUNT_OF(tests));
}
