/* SPDX-License-Identifier: Apache-2.0
 * test_disagree.c: a statement that says otherwise than what was decided here opens a case and
 * marks the payment, until its break is over or a person has closed it. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "recon/break_desk.h"
#include "recon/recon_impl.h"
#include "recon/run.h"
#include "support/given_rows.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define DAY_US (INT64_C(86400) * US_PER_SECOND)
#define CASES "SELECT COUNT(*) FROM review_case WHERE kind = 'statement_disagrees' AND state = "

static struct recon recon;
static struct err err;

static void run(void) {
    static struct run_figures figures;
    struct reconciliation_id id;
    recon.options = (struct recon_options){.store = W->engine.store, .payments = W->payments};
    test_clock_advance(US_PER_SECOND);
    const struct run_request request = {.gateway = "stripe-a",
                                        .actor = "user:usr_1",
                                        .until_us = clock_wall_us(),
                                        .business_days = RUN_BUSINESS_DAYS_USUAL};
    if (reconcile_run(W->engine.store, &request, &id, &figures, &err) < 0 ||
        recon_disagreements(&recon, "stripe-a", &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* A statement with the newest attempt's charge. */
static void tell(int64_t amount_minor) {
    static struct given_rows given;
    static struct statement_taken taken;
    given = (struct given_rows){0};
    struct statement_row *row = given_add(&given);
    char *attempt = world_text(W, "SELECT id FROM attempt ORDER BY id DESC LIMIT 1");
    row->reference = attempt;
    row->gateway_id = "ch_of_theirs";
    row->gross_minor = amount_minor;
    row->currency = currency_stored("USD");
    row->at_us = clock_wall_us();
    row->native_kind = "charge";
    struct statement_request request = given_request(&given, "stripe-a");
    if (statement_take(W->engine.store, &request, &taken, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    free(attempt);
}

/* A payment whose gateway does not answer, and which a person gave up. */
static void given_up(void) {
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_t *json = world_create(W, "key", "order", 500);
    struct caller caller = world_caller("fail", "failed");
    struct answer answer = {0};
    json_decref(world_take(W,
                           payment_resolve(W->payments, &caller, json_at(json, "id"), false,
                                           "it never came, they say", &answer, &W->err),
                           &answer));
    json_decref(json);
}

static void close_case(void) {
    char *id = world_text(W, "SELECT id FROM review_case WHERE kind = 'statement_disagrees'");
    struct caller caller = world_caller("close", "close");
    struct answer answer = {0};
    assert_int_equal(case_close(W->payments, &caller, id, "it was told", &answer, &err), 0);
    answer_release(&answer);
    free(id);
}

static void what_a_person_gave_up_and_a_statement_knows_as_paid_is_a_case(void **state) {
    (void)state;
    given_up();
    tell(500);
    run();
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_text(W, "SELECT review FROM payment", "statement_disagrees");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.review'"), 1);
    char *detail = world_text(W, "SELECT detail FROM review_case");
    assert_non_null(strstr(detail, "(person)"));
    assert_non_null(strstr(detail, "a customer paid there"));
    free(detail);
    run(); /* once */
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM event WHERE type = 'payment.review'"), 1);
}

static void a_case_that_a_person_has_closed_stays_closed(void **state) {
    (void)state;
    given_up();
    tell(500);
    run();
    close_case();
    assert_text(W, "SELECT review FROM payment", "");
    test_clock_advance(DAY_US);
    run();
    assert_int_equal(world_int(W, CASES "1"), 0);
    assert_text(W, "SELECT review FROM payment", "");
}

static void what_is_still_open_here_contradicts_nothing(void **state) {
    (void)state;
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, "key", "order", 500));
    tell(500);
    run();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
}

static void a_case_ends_with_its_break(void **state) {
    (void)state;
    free(world_paid(W, "order", 500));
    test_clock_advance(10 * DAY_US);
    run();
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_text(W, "SELECT review FROM payment", "statement_disagrees");
    tell(500);
    run();
    assert_int_equal(world_int(W, CASES "2"), 1);
    assert_text(W, "SELECT review FROM payment", "");
    char *why = world_text(W, "SELECT resolution FROM review_case");
    assert_non_null(strstr(why, "healed"));
    free(why);
}

static void act(enum break_act what) {
    char *id = world_text(W, "SELECT id FROM recon_break");
    const char *ids[] = {id};
    struct caller caller = world_caller(NULL, "");
    const struct break_action action = {
        .act = what, .ids = ids, .id_count = 1, .owner = "", .reason = "they wrote to us"};
    struct answer answer = {0};
    if (break_act(&recon, &caller, &action, &answer, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    answer_release(&answer);
    free(id);
}

/* Without a run in between. */
static void a_case_follows_what_a_person_decides_about_its_break(void **state) {
    (void)state;
    given_up();
    tell(500);
    run();
    assert_int_equal(world_int(W, CASES "1"), 1);
    act(ACT_RESOLVE);
    assert_int_equal(world_int(W, CASES "1"), 0);
    assert_text(W, "SELECT review FROM payment", "");
    char *why = world_text(W, "SELECT resolution FROM review_case");
    assert_non_null(strstr(why, "they wrote to us"));
    free(why);
    act(ACT_REOPEN);
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_text(W, "SELECT review FROM payment", "statement_disagrees");
    /* What a person has closed himself before is as it was. */
    close_case();
    act(ACT_RESOLVE);
    act(ACT_REOPEN);
    run();
    assert_int_equal(world_int(W, CASES "1"), 0);
    assert_text(W, "SELECT review FROM payment", "");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 1);
}

/* Its row is on a statement, then is not, then is again. */
static void a_break_that_is_found_again_opens_its_case_again(void **state) {
    (void)state;
    free(world_paid(W, "order", 500));
    test_clock_advance(10 * DAY_US);
    run();
    tell(500);
    run();
    assert_int_equal(world_int(W, CASES "2"), 1);
    (void)engine_exec(&W->engine, "UPDATE recon_break SET state = 1, closed_us = 0, resolution = "
                                  "'', decided_by = ''");
    assert_int_equal(recon_disagreements(&recon, "stripe-a", &err), 0);
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_text(W, "SELECT review FROM payment", "statement_disagrees");
}

static void only_what_contradicts_becomes_a_case(void **state) {
    (void)state;
    free(world_paid(W, "order", 500));
    tell(500);
    run(); /* the fee is another one than was kept, or nothing is; neither is about the money */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM review_case"), 0);
    assert_text(W, "SELECT review FROM payment", "");
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_person_gave_up_and_a_statement_knows_as_paid_is_a_case),
        cmocka_unit_test(a_case_that_a_person_has_closed_stays_closed),
        cmocka_unit_test(what_is_still_open_here_contradicts_nothing),
        cmocka_unit_test(a_case_ends_with_its_break),
        cmocka_unit_test(a_case_follows_what_a_person_decides_about_its_break),
        cmocka_unit_test(a_break_that_is_found_again_opens_its_case_again),
        cmocka_unit_test(only_what_contradicts_becomes_a_case),
    };
    return payment_world_run("disagreeing", tests, COUNT_OF(tests));
}
