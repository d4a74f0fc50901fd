/* SPDX-License-Identifier: Apache-2.0
 * test_bank_tickets.c: a transfer that nothing explains is told of by its row, which lies in
 * suspense, and by the statement that it stands on: it is one ticket, on both engines. */
#include "bank_fixture.h"
#include "desk/ticket.h"
#include "desk/ticket_config.h"
#include "recon/break_desk.h"
#include "recon_fixture.h"

#define TICKETS "SELECT COUNT(*) FROM ticket"
#define LIVE " WHERE state IN (1, 2, 3, 4, 7)"
#define CASES "SELECT COUNT(*) FROM review_case WHERE state = "
#define BREAKS "SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2)"
#define NAMED ":61:2609020902C100,00NTRFNONREF//BR1\n:86:GIFT\n"
#define NAMELESS ":61:2609020902C100,00NTRFNONREF\n:86:GIFT\n"

static char text[4096];
static struct err err;

static void start(void) {
    static const struct ticket_config nobody;
    open_banks();
    desk_close(recon_desk);
    recon_desk = NULL;
    const struct desk_options options = {.store = W->engine.store, .payments = W->payments};
    if (desk_open(&options, &recon_desk, &err) < 0 ||
        tickets_open(recon_desk, &nobody, W->registry, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    recon_start();
}

/* A file of bank-eu with these lines; every file is called alike. */
static void statement(const char *number, const char *lines, const char *closing) {
    int count = snprintf(text, sizeof text,
                         ":20:DEMO\n:25:" ACCOUNT "\n:28C:%s/001\n:60F:C260901USD1000,00\n%s"
                         ":62F:C260902USD%s\n-\n",
                         number, lines, closing);
    struct given given = given_file("bank-eu", "day.sta", text, (size_t)count);
    hand_in(&given);
    assert_outcome(&given, "taken");
}

static void later(void) {
    world_pass(W, 31 * US_PER_SECOND);
    world_pass(W, US_PER_SECOND);
}

static void one_transfer_is_one_ticket(void **state) {
    (void)state;
    start();
    statement("1", NAMED, "1100,00");
    assert_int_equal(world_int(W, BREAKS), 0); /* it waits to be looked at */
    later();
    assert_int_equal(world_int(W, CASES "1"), 1);
    assert_int_equal(world_int(W, TICKETS), 1);
    assert_int_equal(world_int(W, BREAKS), 0); /* a case is what explains it */
    assert_text(W, "SELECT kind FROM ticket" LIVE, "case");
}

static void what_is_decided_about_the_money_ends_it(void **state) {
    (void)state;
    start();
    statement("1", NAMED, "1100,00");
    later();
    char *id = world_text(W, "SELECT id FROM review_case");
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    assert_int_equal(case_close(W->payments, &caller, id, "he wrote", &answer, &err), 0);
    answer_release(&answer);
    free(id);
    later();
    assert_int_equal(world_int(W, CASES "1"), 0);
    assert_int_equal(world_int(W, BREAKS), 0);
    assert_int_equal(world_int(W, TICKETS LIVE), 0);
    assert_int_equal(world_int(W, TICKETS), 1);
}

/* Yesterday's file had the same name, and on that line another row. */
static void a_row_without_a_name_is_known_by_its_line_of_that_file(void **state) {
    (void)state;
    start();
    statement("1", ":61:2609010901C7,00NTRFNONREF\n:86:OTHER\n", "1007,00");
    later();
    assert_int_equal(world_int(W, TICKETS), 1);
    test_clock_advance(HOUR_US);
    statement("2", NAMELESS, "1100,00");
    later();
    assert_int_equal(world_int(W, BREAKS), 0);
    assert_int_equal(world_int(W, CASES "1"), 2);
    assert_int_equal(world_int(W, TICKETS " WHERE kind = 'case'"), 2);
    /* The second file does not begin where the first one ended, which is another matter. */
    assert_int_equal(world_int(W, TICKETS), 3);
}

static int tear_down(void **state) {
    (void)state;
    recon_close(recon);
    desk_close(recon_desk);
    recon = NULL;
    recon_desk = NULL;
    return 0;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_transfer_is_one_ticket, tear_down),
        cmocka_unit_test_teardown(what_is_decided_about_the_money_ends_it, tear_down),
        cmocka_unit_test_teardown(a_row_without_a_name_is_known_by_its_line_of_that_file,
                                  tear_down),
    };
    return payment_world_run("tickets of bank transfers", tests, COUNT_OF(tests));
}
