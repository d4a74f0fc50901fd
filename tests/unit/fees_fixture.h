/* SPDX-License-Identifier: Apache-2.0
 * fees_fixture.h: payments whose gateway told a fee or none, what was agreed with it, and what the
 * books have of it. For tests of fees. */
#ifndef HOLDFAST_TESTS_FEES_FIXTURE_H
#define HOLDFAST_TESTS_FEES_FIXTURE_H

#include "break_fixture.h"

#define FEES "gateway:stripe-a:fees"
#define RECEIVABLE "gateway:stripe-a:receivable"
#define WRITE_OFF "merchant:write_off"

static struct fee_schedule *schedule;

UNUSED static void agree(const struct fee_settings *settings, int count) {
    fee_schedule_free(schedule);
    if (fee_schedule_open("stripe-a", settings, count, "UTC", &schedule, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    agreed = schedule;
}

UNUSED static void nothing_agreed(void) {
    fee_schedule_free(schedule);
    schedule = NULL;
    agreed = NULL;
}

/* A payment whose gateway's answer told no fee. */
UNUSED static char *paid(const char *order, int64_t amount_minor, struct names *ret_names) {
    char *payment = world_paid(W, order, amount_minor);
    (void)engine_exec(&W->engine, "DELETE FROM posting WHERE kind = 5");
    *ret_names = names_of(payment);
    return payment;
}

UNUSED static void told(const struct names *names, int64_t gross_minor, int64_t fee_minor) {
    charge_row(names, gross_minor);
    given.rows[given.count - 1].fee_minor = fee_minor;
}

UNUSED static int64_t posted(void) {
    return world_int(W, "SELECT COUNT(*) FROM posting WHERE kind IN (50, 51)");
}

/* What the gateway's account holds of us, and what it has kept. */
UNUSED static void assert_books(int64_t receivable, int64_t fees, int64_t written_off) {
    assert_int_equal(balance(RECEIVABLE), receivable);
    assert_int_equal(balance(FEES), fees);
    assert_int_equal(balance(WRITE_OFF), written_off);
    int64_t kept = world_int(W, "SELECT CAST(COALESCE(SUM(posted_minor), 0) AS bigint) FROM "
                                "recon_fee");
    int64_t sum = world_int(W, "SELECT CAST(COALESCE(SUM(CASE WHEN kind = 50 THEN amount_minor "
                               "ELSE -amount_minor END), 0) AS bigint) FROM posting WHERE kind IN "
                               "(50, 51)");
    assert_int_equal(kept, sum);
}

#endif
