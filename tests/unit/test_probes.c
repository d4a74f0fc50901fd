/* SPDX-License-Identifier: Apache-2.0
 * test_probes.c: payments that only probe a gateway, on both engines: what a run does and leaves,
 * what it is kept out of, and that it ends whole whatever fails on its way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "gateway/control.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "payment/probes.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)
#define EVERY_US (10 * MINUTE_US)

static const struct probe_settings holds = {
    .name = "a-card",
    .gateway = "stripe-a",
    .method = METHOD_CARD,
    .way = PROBE_AUTHORIZE_CANCEL,
    .amount_minor = 100,
    .currency = {"EUR"},
    .token = "pm_own",
    .every_us = EVERY_US,
    .slow_us = 2 * US_PER_SECOND,
};
static const struct probe_settings charges = {
    .name = "a-card",
    .gateway = "stripe-a",
    .method = METHOD_CARD,
    .way = PROBE_CHARGE_REFUND,
    .amount_minor = 100,
    .currency = {"EUR"},
    .token = "pm_own",
    .every_us = EVERY_US,
    .slow_us = 2 * US_PER_SECOND,
};

static void probes(const struct probe_settings *settings, int count) {
    W->probes = settings;
    W->probe_count = count;
    payment_world_restart(W);
    (void)world_tick(W);
    test_clock_advance(5 * MINUTE_US); /* until the first run of a new one */
}

static struct probe_view view_of(const char *name) {
    struct probe_view views[4];
    int count = probes_view(W->payments, views, COUNT_OF(views), &W->err);
    for (int i = 0; i < count; i++) {
        if (strcmp(views[i].name, name) == 0) {
            return views[i];
        }
    }
    fail_msg("there is no row of probe %s", name);
    return views[0];
}

/* As long as a run and what it takes back need, and shorter than until the next. */
static void one_run(void) {
    for (int i = 0; i < 10; i++) {
        world_pass(W, 10 * US_PER_SECOND);
    }
}

static int64_t payments_made(void) {
    return world_int(W, "SELECT COUNT(*) FROM payment WHERE purpose = '100'");
}

static int64_t not_undone(void) {
    return world_int(W, "SELECT COUNT(*) FROM payment WHERE purpose = '100' AND (state IN (2, 3, "
                        "4) OR captured_minor > refunded_minor)");
}

static void assert_result(const char *name, enum probe_result result, int64_t failures) {
    struct probe_view view = view_of(name);
    assert_string_equal(probe_result_name(view.result), probe_result_name(result));
    assert_int_equal(view.failures, failures);
}

/* ---- what a run does ---- */

static void a_hold_is_made_and_let_go(void **state) {
    struct fake_book book;
    (void)state;
    probes(&holds, 1);
    one_run();
    struct probe_view view = view_of("a-card");
    assert_int_equal(view.state, PROBE_WAITS);
    assert_int_equal(view.number, 1);
    assert_int_equal(view.result, PROBE_OK);
    assert_true(view.due_us == view.begun_us + EVERY_US);
    assert_text(W, "SELECT order_id FROM payment", "probe:a-card:1");
    assert_int_equal(world_int(W, "SELECT state FROM payment"), 7);
    assert_int_equal(fake_calls(FAKE, 0, "charge"), 1);
    assert_int_equal(fake_calls(FAKE, 0, "cancel"), 1);
    assert_int_equal(fake_calls(FAKE, 1, "*") + fake_calls(FAKE, 2, "*"), 0);
    fake_book(FAKE, 0, "EUR", &book);
    assert_int_equal(book.taken_minor, 0);
    world_pass(W, EVERY_US);
    one_run();
    assert_int_equal(payments_made(), 2);
    assert_int_equal(not_undone(), 0);
    world_check(W);
}

static void a_charge_is_given_back_and_booked_apart(void **state) {
    struct fake_book book;
    (void)state;
    probes(&charges, 1);
    one_run();
    assert_result("a-card", PROBE_OK, 0);
    fake_book(FAKE, 0, "EUR", &book);
    assert_int_equal(book.taken_minor, 100);
    assert_int_equal(book.returned_minor, 100);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE debit_account LIKE "
                                  "'merchant:%' OR credit_account LIKE 'merchant:%' OR "
                                  "debit_account LIKE '%:fees'"),
                     0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 1 AND debit_account = "
                                  "'gateway:stripe-a:receivable' AND credit_account = "
                                  "'gateway:stripe-a:probes'"),
                     1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 3 AND debit_account = "
                                  "'gateway:stripe-a:probes' AND credit_account = "
                                  "'gateway:stripe-a:receivable'"),
                     1);
    world_check(W);
}

static void each_outcome_is_a_class_of_its_own(void **state) {
    static const struct {
        enum fake_act act;
        enum probe_result result;
    } cases[] = {
        {FAKE_DECLINE, PROBE_DECLINED},        {FAKE_ACTION, PROBE_DECLINED},
        {FAKE_REFUSE, PROBE_UNAVAILABLE},      {FAKE_BAD_KEY, PROBE_UNAVAILABLE},
        {FAKE_RATE_LIMIT, PROBE_UNAVAILABLE},  {FAKE_TIME_OUT_AFTER, PROBE_UNKNOWN},
        {FAKE_LOSE_BEFORE, PROBE_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        payment_world_forget(W);
        fake_say(FAKE, 0, "charge", -1, cases[i].act);
        probes(&holds, 1);
        one_run();
        struct probe_view view = view_of("a-card");
        if (view.result != cases[i].result) {
            fail_msg("%s: %s, not %s", fake_act_name(cases[i].act), probe_result_name(view.result),
                     probe_result_name(cases[i].result));
        }
        assert_int_equal(view.failures, 1);
        fake_say_nothing(FAKE);
        world_settle_all(W);
        world_pass(W, EVERY_US);
        one_run();
        assert_int_equal(not_undone(), 0);
        assert_int_equal(fake_calls(FAKE, 1, "*") + fake_calls(FAKE, 2, "*"), 0);
        assert_result("a-card", PROBE_OK, 0);
        world_check(W);
    }
}

static void a_slow_answer_is_told(void **state) {
    (void)state;
    fake_slow(FAKE, 3 * US_PER_SECOND);
    probes(&holds, 1);
    one_run();
    assert_result("a-card", PROBE_SLOW, 1);
    fake_slow(FAKE, 0);
}

static void failures_are_counted_in_a_row(void **state) {
    (void)state;
    fake_say(FAKE, 0, "charge", 2, FAKE_DECLINE);
    probes(&holds, 1);
    one_run();
    assert_result("a-card", PROBE_DECLINED, 1);
    int64_t since_us = view_of("a-card").failing_us;
    world_pass(W, EVERY_US);
    one_run();
    assert_result("a-card", PROBE_DECLINED, 2);
    assert_true(view_of("a-card").failing_us == since_us);
    world_pass(W, EVERY_US);
    one_run();
    assert_result("a-card", PROBE_OK, 0);
    assert_true(view_of("a-card").failing_us == 0);
}

/* ---- what it is kept out of ---- */

/* Everything that is counted, but for what is the probes' own, the store's and the callbacks'. */
static char *counted(void) {
    struct buf all;
    buf_init(&all, 8 << 20);
    meter_write_prometheus(&all);
    GString *kept = g_string_new(NULL);
    char **lines = g_strsplit(all.data, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if ((*line)[0] != '#' && strstr(*line, "probe") == NULL && strstr(*line, "store") == NULL &&
            strstr(*line, "breaker") == NULL) {
            g_string_append(kept, *line);
            g_string_append_c(kept, '\n');
        }
    }
    g_strfreev(lines);
    buf_release(&all);
    int slices = 0;
    int64_t outcomes = 0;
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        struct slice_counts counts;
        slice_totals(slice, &counts);
        slices++;
        outcomes += counts.ok + counts.declined + counts.failed;
    }
    g_string_append_printf(kept, "slices %d %lld", slices, (long long)outcomes);
    return g_string_free(kept, FALSE);
}

static void every_figure_stays_as_it_is(void **state) {
    static const enum fake_act acts[] = {FAKE_DO, FAKE_DECLINE, FAKE_REFUSE, FAKE_TIME_OUT_AFTER,
                                         FAKE_PENDING};
    (void)state;
    free(world_paid(W, "an-order", 500));
    char *before = counted();
    for (size_t i = 0; i < 2 * COUNT_OF(acts); i++) {
        fake_say(FAKE, 0, "charge", 3, acts[i % COUNT_OF(acts)]);
        probes(i < COUNT_OF(acts) ? &holds : &charges, 1);
        one_run();
        fake_say_nothing(FAKE);
        world_settle_all(W);
        world_pass(W, EVERY_US);
        one_run();
    }
    assert_true(payments_made() >= 10);
    assert_int_equal(not_undone(), 0);
    char *after = counted();
    assert_string_equal(before, after);
    g_free(before);
    g_free(after);
    world_check(W);
}

static void the_same_payment_of_a_customer_is_counted(void **state) {
    (void)state;
    char *before = counted();
    free(world_paid(W, "an-order", 500));
    char *after = counted();
    assert_string_not_equal(before, after);
    g_free(before);
    g_free(after);
}

static void no_merchant_is_told(void **state) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    (void)state;
    int r = webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "", &answer,
                                    &W->err);
    json_decref(world_take(W, r, &answer));
    probes(&charges, 1);
    one_run();
    assert_result("a-card", PROBE_OK, 0);
    assert_true(world_int(W, "SELECT COUNT(*) FROM event") > 0); /* its story is kept */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM webhook_delivery"), 0);
    free(world_paid(W, "an-order", 500));
    assert_true(world_int(W, "SELECT COUNT(*) FROM webhook_delivery") > 0);
}

static void no_rule_and_no_limit_counts_it(void **state) {
    static const char rules[] =
        "risk: {rules: [{name: all, says: Everything, action: deny, all: [{vip: false}]}]}";
    (void)state;
    payment_world_rules(W, rules);
    fake_say(FAKE, 0, "charge", -1, FAKE_DECLINE);
    probes(&holds, 1);
    one_run();
    assert_result("a-card", PROBE_DECLINED, 1); /* by its gateway, not by the rules */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_decision"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM risk_velocity"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_try"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM card_standing"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE callback_due_us > 0"), 0);
    payment_world_rules(W, NULL);
}

static void rates_and_backlog_leave_it_out(void **state) {
    struct answer answer = {0};
    struct backlog backlog;
    (void)state;
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    probes(&holds, 1);
    one_run();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM attempt WHERE state = 4"), 1);
    assert_int_equal(payments_backlog(W->payments, &backlog, &W->err), 0);
    assert_int_equal(backlog.unknown_payments, 0);
    assert_int_equal(backlog.processing_payments, 0);
    json_t *rates = world_take(W, payment_rates(W->payments, 0, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(rates, "data")), 0);
    json_decref(rates);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    world_check(W);
}

/* Who looks a payment up sees what it is. */
static void a_list_marks_it(void **state) {
    (void)state;
    probes(&holds, 1);
    one_run();
    char *id = world_text(W, "SELECT id FROM payment");
    json_t *json = world_get(W, id);
    assert_string_equal(json_at(json, "purpose"), "probe");
    json_decref(json);
    free(id);
}

/* ---- when it is not done ---- */

static void what_is_not_over_is_not_doubled(void **state) {
    (void)state;
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    probes(&holds, 1);
    for (int i = 0; i < 8; i++) {
        world_pass(W, EVERY_US);
    }
    assert_int_equal(payments_made(), 1);
    assert_result("a-card", PROBE_UNKNOWN, 1);
    assert_true(probe_is_leftover(&(struct probe_view){.state = PROBE_UNDOES,
                                                       .judged_us = view_of("a-card").judged_us},
                                  clock_wall_us()));
    fake_say_nothing(FAKE);
    world_settle_all(W);
    world_pass(W, EVERY_US);
    one_run();
    assert_int_equal(payments_made(), 2);
    assert_int_equal(not_undone(), 0);
    world_check(W);
}

static void switch_gateway(enum gateway_switch to) {
    struct gateway_control_change change;
    assert_int_equal(gateway_control_set(W->control, "stripe-a", to, true, "key:test", "it rests",
                                         &change, &W->err),
                     0);
    assert_true(gateway_control_apply(&change, &W->err) >= 0);
}

static void a_gateway_that_is_switched_off_is_left_alone(void **state) {
    static const enum gateway_switch off[] = {GATEWAY_DISABLED, GATEWAY_DRAINING};
    struct answer answer = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(off); i++) {
        payment_world_forget(W);
        probes(&holds, 1);
        switch_gateway(off[i]);
        world_pass(W, 2 * EVERY_US);
        one_run();
        assert_int_equal(payments_made(), 0);
        assert_non_null(strstr(view_of("a-card").note, "it rests"));
        assert_int_equal(probe_ask(W->payments, "a-card", &answer, &W->err), -ERR_STATE);
        err_clear(&W->err);
        switch_gateway(GATEWAY_ENABLED);
        world_pass(W, EVERY_US);
        one_run();
        assert_result("a-card", PROBE_OK, 0);
    }
}

static void it_runs_when_it_is_asked_for(void **state) {
    struct answer answer = {0};
    (void)state;
    probes(&holds, 1);
    one_run();
    assert_int_equal(payments_made(), 1);
    json_decref(world_take(W, probe_ask(W->payments, "a-card", &answer, &W->err), &answer));
    assert_int_equal(W->status, 202);
    world_pass(W, 0);
    assert_int_equal(payments_made(), 2);
    assert_int_equal(probe_ask(W->payments, "no-such", &answer, &W->err), -ERR_NOT_FOUND);
    err_clear(&W->err);
    one_run();
    assert_int_equal(not_undone(), 0);
}

static void what_is_no_longer_configured_is_taken_back_first(void **state) {
    (void)state;
    fake_say(FAKE, 0, "cancel", 2, FAKE_RATE_LIMIT);
    probes(&holds, 1);
    world_pass(W, 10 * US_PER_SECOND);
    assert_int_equal(not_undone(), 1);
    probes(NULL, 0);
    for (int i = 0; i < 30; i++) {
        world_pass(W, MINUTE_US);
    }
    assert_int_equal(not_undone(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM probe"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'probe'"), 0);
    world_check(W);
}

static void a_refund_that_is_refused_is_told_and_tried_again(void **state) {
    (void)state;
    fake_say(FAKE, 0, "refund", 2, FAKE_DECLINE);
    probes(&charges, 1);
    one_run();
    assert_result("a-card", PROBE_NOT_UNDONE, 1);
    for (int i = 0; i < 120 && not_undone() > 0; i++) {
        world_pass(W, MINUTE_US);
    }
    assert_int_equal(not_undone(), 0);
    world_settle_all(W);
    world_check(W);
}

/* ---- faults ---- */

struct fault {
    atomic_int calls;
    int number;
    bool commits;
};

static int fail_nth(void *ctx, const char *sql) {
    struct fault *fault = ctx;
    if (fault->commits && strcmp(sql, "COMMITTED") != 0) {
        return 0;
    }
    return atomic_fetch_add(&fault->calls, 1) + 1 == fault->number;
}

/* Nothing but what the fault brought about may go amiss. */
static void ticks(int64_t us) {
    test_clock_advance(us);
    for (int i = 0; i < 100; i++) {
        int r = payments_tick(W->payments, &W->err);
        err_clear(&W->err);
        if (r <= 0) {
            return;
        }
    }
}

/* The statement, or the commit, of this number fails, and the process dies. Returns how many there
 * were. */
static int dies_at(const struct probe_settings *settings, int number, bool commits) {
    struct fault fault = {.number = number, .commits = commits};
    payment_world_forget(W);
    probes(settings, 1);
    store_fault_set(W->engine.store, fail_nth, &fault);
    for (int i = 0; i < 4; i++) {
        ticks(6 * US_PER_SECOND);
    }
    store_fault_set(W->engine.store, NULL, NULL);
    payment_world_restart(W);
    for (int i = 0; i < 20; i++) {
        world_pass(W, 2 * MINUTE_US);
    }
    if (not_undone() > 0 ||
        world_int(W, "SELECT COUNT(*) FROM (SELECT order_id FROM payment GROUP BY order_id HAVING "
                     "COUNT(*) > 1) AS twice") > 0) {
        fail_msg("%s: %s %d leaves something", probe_way_name(settings->way),
                 commits ? "commit" : "statement", number);
    }
    struct probe_view view = view_of("a-card");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM payment"), view.number);
    assert_int_equal(view.result, PROBE_OK);
    world_check(W);
    return atomic_load(&fault.calls);
}

static void the_process_dies_at_each_commit(void **state) {
    const struct probe_settings *const both[] = {&holds, &charges};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        int commits = dies_at(both[i], 0, true);
        assert_true(commits > 4);
        for (int number = 1; number <= commits; number++) {
            (void)dies_at(both[i], number, true);
        }
    }
}

static void each_statement_fails_once(void **state) {
    const struct probe_settings *const both[] = {&holds, &charges};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        int calls = dies_at(both[i], 0, false);
        for (int number = 1 + (int)i; number <= calls; number += 17) {
            (void)dies_at(both[i], number, false);
        }
    }
}

/* ---- names ---- */

static void every_way_and_result_has_a_name(void **state) {
    enum probe_way way;
    (void)state;
    for (int i = 1; i < PROBE_WAY_COUNT; i++) {
        assert_true(probe_way_parse(probe_way_name((enum probe_way)i), &way));
        assert_int_equal(way, i);
    }
    assert_false(probe_way_parse("", &way));
    assert_string_equal(probe_result_name(0), "");
    assert_string_equal(probe_result_name(99), "");
    enum payment_purpose purpose;
    assert_false(purpose_parse("probe", &purpose));
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_is_made_and_let_go),
        cmocka_unit_test(a_charge_is_given_back_and_booked_apart),
        cmocka_unit_test(each_outcome_is_a_class_of_its_own),
        cmocka_unit_test(a_slow_answer_is_told),
        cmocka_unit_test(failures_are_counted_in_a_row),
        cmocka_unit_test(every_figure_stays_as_it_is),
        cmocka_unit_test(the_same_payment_of_a_customer_is_counted),
        cmocka_unit_test(no_merchant_is_told),
        cmocka_unit_test(no_rule_and_no_limit_counts_it),
        cmocka_unit_test(rates_and_backlog_leave_it_out),
        cmocka_unit_test(a_list_marks_it),
        cmocka_unit_test(what_is_not_over_is_not_doubled),
        cmocka_unit_test(a_gateway_that_is_switched_off_is_left_alone),
        cmocka_unit_test(it_runs_when_it_is_asked_for),
        cmocka_unit_test(what_is_no_longer_configured_is_taken_back_first),
        cmocka_unit_test(a_refund_that_is_refused_is_told_and_tried_again),
        cmocka_unit_test(the_process_dies_at_each_commit),
        cmocka_unit_test(each_statement_fails_once),
        cmocka_unit_test(every_way_and_result_has_a_name),
    };
    return payment_world_run("probes", tests, COUNT_OF(tests));
}
