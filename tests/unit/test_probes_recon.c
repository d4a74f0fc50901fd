/* SPDX-License-Identifier: Apache-2.0
 * test_probes_recon.c: what a probe moved is on the gateway's statement like everything else: it is
 * put beside the probe, into a class of its own, needs nobody, and its money ties out; what does
 * not agree is a break all the same. On both engines. */
#include "own_fixture.h"

#include "payment/probes.h"

#define PROBES_ACCOUNT "gateway:stripe-a:probes"
#define FEES "gateway:stripe-a:fees"

static const struct probe_settings charges = {
    .name = "a-card",
    .gateway = "stripe-a",
    .method = METHOD_CARD,
    .way = PROBE_CHARGE_REFUND,
    .amount_minor = 100,
    .currency = {"USD"},
    .token = "pm_own",
    .every_us = 400 * DAY_US, /* one run */
    .slow_us = 5 * US_PER_SECOND,
};

static void probe_once(void) {
    W->probes = &charges;
    W->probe_count = 1;
    start_own();
    (void)world_tick(W);
    for (int i = 0; i < 40; i++) {
        world_pass(W, 10 * US_PER_SECOND);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment WHERE purpose = '100'"), 1);
    assert_int_equal(world_int(W, "SELECT refunded_minor FROM payment WHERE purpose = '100'"), 100);
}

static void rows_of_probe(struct file *file, bool refund, int64_t fee_minor) {
    char *charge = world_text(W, "SELECT CASE WHEN a.charge_id <> '' THEN a.charge_id ELSE "
                                 "a.gateway_id END FROM attempt a JOIN payment p ON p.id = "
                                 "a.payment_id WHERE p.purpose = '100'");
    char *back = world_text(W, "SELECT refund_id FROM operation WHERE kind = 3");
    file_row(file, charge, "charge", 0, 100, fee_minor, "");
    if (refund) {
        file_row(file, back, "refund", 0, -100, 0, "");
    }
    free(charge);
    free(back);
}

static bool ties_out(void) {
    json_t *json = last_run("stripe-a");
    const json_t *proof = json_object_get(json, "proof");
    bool ties = json_is_true(json_object_get(proof, "ties_out")) &&
                json_is_true(json_object_get(proof, "every_row_in_one_class"));
    json_decref(json);
    return ties;
}

static void what_it_moved_is_a_class_of_its_own_and_ties_out(void **state) {
    struct file file;
    (void)state;
    probe_once();
    free(world_paid(W, "an-order", 500));
    char *sold = world_text(W, "SELECT CASE WHEN a.charge_id <> '' THEN a.charge_id ELSE "
                               "a.gateway_id END FROM attempt a JOIN payment p ON p.id = "
                               "a.payment_id WHERE p.purpose <> '100'");
    int64_t fee = world_int(W, "SELECT amount_minor FROM posting WHERE kind = 5 AND debit_account "
                               "= '" FEES "'");
    file_begin(&file);
    rows_of_probe(&file, true, 7); /* not what its answer said */
    file_row(&file, sold, "charge", 0, 500, fee, "");
    free(sold);
    free(file_take(&file, ""));
    assert_int_equal(in_class("stripe-a", "probe", "our_rows"), 2);
    assert_int_equal(in_class("stripe-a", "probe", "their_rows"), 2);
    assert_int_equal(in_class("stripe-a", "matched", "our_rows"), 1);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement WHERE open = 1"), 0);
    assert_true(ties_out());
    /* What its gateway kept of it is what it cost, and no fee of the business. */
    assert_int_equal(balance(PROBES_ACCOUNT), 7);
    assert_int_equal(balance(FEES), fee);
    assert_int_equal(-balance("merchant:sales"), 500);
    assert_int_equal(balance(RECEIVABLE), 500 - fee - 7);
    /* The next run has nothing to do with it. */
    run_asked("stripe-a");
    assert_int_equal(in_class("stripe-a", "probe", "our_rows"), 0);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
}

static void what_is_not_there_in_its_time_is_a_break(void **state) {
    struct file file;
    (void)state;
    probe_once();
    file_begin(&file);
    rows_of_probe(&file, false, 0);
    free(file_take(&file, ""));
    assert_int_equal(in_class("stripe-a", "probe", "our_rows"), 1);
    assert_int_equal(in_class("stripe-a", "expected", "our_rows"), 1);
    assert_int_equal(world_int(W, LIVE_BREAKS), 0);
    days_pass(30);
    run_asked("stripe-a");
    only_breaks("refund_lost", 1);
}

static void another_amount_there_is_a_break(void **state) {
    struct file file;
    (void)state;
    probe_once();
    char *charge = world_text(W, "SELECT CASE WHEN a.charge_id <> '' THEN a.charge_id ELSE "
                                 "a.gateway_id END FROM attempt a");
    file_begin(&file);
    file_row(&file, charge, "charge", 0, 120, 0, "");
    free(charge);
    free(file_take(&file, ""));
    assert_int_equal(in_class("stripe-a", "probe", "our_rows"), 0);
    only_breaks("amount_over", 1);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        OWN_TEST(what_it_moved_is_a_class_of_its_own_and_ties_out),
        OWN_TEST(what_is_not_there_in_its_time_is_a_break),
        OWN_TEST(another_amount_there_is_a_break),
    };
    return payment_world_run("probes on statements", tests, COUNT_OF(tests));
}
