/* SPDX-License-Identifier: Apache-2.0
 * test_recon_plans.c: what a run asks the store does not grow with all that was ever reconciled.
 * Each text that runs, a withdrawal and repairs send is asked how SQLite would go about it: none
 * may walk through a table that grows for ever. On PostgreSQL the planner goes by statistics, which
 * a test's few rows are not. */
#include "recon/window.h"
#include "recon/withdraw.h"
#include "repair_fixture.h"

#include "plans.h"

static void withdraw(void) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    char *id = world_text(W, "SELECT MAX(id) FROM statement WHERE state = 2");
    must(statement_withdraw(recon, &caller, id, "the wrong file", &answer, &err));
    free(id);
}

static void prove_the_day(void) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    const struct window_request request = {clock_wall_us() - DAY_US, clock_wall_us(), ""};
    must(window_ask(recon, &caller, &request, &answer, &err));
    world_pass(W, 61 * US_PER_SECOND);
    assert_int_equal(count("SELECT COUNT(*) FROM recon_window WHERE state = 3"), 1);
}

static void no_text_of_a_run_walks_through_all_there_ever_was(void **state) {
    (void)state;
    if (W->engine.engine != STORE_SQLITE) {
        skip();
    }
    up();
    free(charged_twice("order"));
    struct there one = there_is(0, 0), other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    plans_begin();
    reconcile();
    world_pass(W, 61 * US_PER_SECOND);
    struct there again = other;
    row_of(&again, 500);
    reconcile();
    prove_the_day();
    withdraw();
    ask_run("stripe-a");
    world_pass(W, DAY_US);
    plans_end(100);
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_of_a_run_walks_through_all_there_ever_was),
    };
    return payment_world_run("recon plans", tests, COUNT_OF(tests));
}
