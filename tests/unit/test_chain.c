/* SPDX-License-Identifier: Apache-2.0
 * test_chain.c: whether statements follow one another: numbers, years, balances; in whatever order
 * they come; and the ticket that says so. On both engines. */
#include "bank_fixture.h"
#include "recon_fixture.h"

#include "desk/ticket.h"
#include "desk/ticket_config.h"
#include "recon/chain.h"
#include "recon/shelf.h"
#include "recon/withdraw.h"

static struct desk *desk;

/* ---- two of them ---- */

#define NEW_YEAR_US INT64_C(1798761600000000) /* 2027-01-01 */

static struct statement_link link_of(int64_t number, int64_t opening, int64_t closing,
                                     int64_t closed_us) {
    return (struct statement_link){
        .first_number = number,
        .last_number = number,
        .opening_minor = opening,
        .closing_minor = closing,
        .closed_us = closed_us,
    };
}

static void numbers_years_and_balances_follow_or_do_not(void **state) {
    (void)state;
    const int64_t none = AMOUNT_UNSAID, old = NEW_YEAR_US, new = NEW_YEAR_US + DAY_US;
    const struct {
        int64_t last, closing, closed_us;
        int64_t next, opening, next_us;
        enum chain_fault fault;
        int64_t missing_first, missing_last;
    } rows[] = {
        {1, 100, old, 2, 100, new, CHAIN_FOLLOWS, 0, 0},
        {1, 100, old, 5, 100, new, CHAIN_GAP, 2, 4},
        {1, 100, old, 3, 250, new, CHAIN_GAP, 2, 2},
        {1, 100, old, 2, 101, new, CHAIN_BALANCE, 0, 0},
        {-1, 100, old, -1, 100, new, CHAIN_FOLLOWS, 0, 0},
        {-1, 100, old, -1, 99, new, CHAIN_BALANCE, 0, 0},
        {-1, 100, old, 7, 100, new, CHAIN_FOLLOWS, 0, 0},
        /* The last day of a year closes with the midnight after it; numbers begin anew, or not. */
        {250, 100, old, 1, 100, new, CHAIN_FOLLOWS, 0, 0},
        {250, 100, old, 251, 100, new, CHAIN_FOLLOWS, 0, 0},
        {250, 100, old, 3, 100, new, CHAIN_GAP, 1, 2},
        {250, 100, old, 1, 90, new, CHAIN_BALANCE, 0, 0},
        {250, none, old, 1, none, new, CHAIN_FOLLOWS, 0, 0},
        /* Within one year: a counter that ran over goes on from the balance. */
        {99999, 100, old - 9 * DAY_US, 1, 100, old - 8 * DAY_US, CHAIN_FOLLOWS, 0, 0},
        {7, 100, old - 9 * DAY_US, 1, 90, old - 8 * DAY_US, CHAIN_REPEATED, 0, 0},
        {7, 100, old - 9 * DAY_US, 7, 100, old - 8 * DAY_US, CHAIN_REPEATED, 0, 0},
        {7, 100, old - 9 * DAY_US, 3, 100, old - 8 * DAY_US, CHAIN_REPEATED, 0, 0},
        /* Where nothing is counted, many write 0. */
        {0, 100, old, 0, 100, new, CHAIN_FOLLOWS, 0, 0},
        /* Batches have neither days nor balances. */
        {117, none, 0, 118, none, 0, CHAIN_FOLLOWS, 0, 0},
        {117, none, 0, 119, none, 0, CHAIN_GAP, 118, 118},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct statement_link before = link_of(rows[i].last, 0, rows[i].closing,
                                                     rows[i].closed_us);
        const struct statement_link link = link_of(rows[i].next, rows[i].opening, 0,
                                                   rows[i].next_us);
        struct chain_verdict verdict;
        chain_judge(&before, &link, &verdict);
        if (verdict.fault != rows[i].fault || verdict.missing_first != rows[i].missing_first ||
            verdict.missing_last != rows[i].missing_last) {
            fail_msg("row %zu: %s %lld to %lld", i, chain_fault_name(verdict.fault),
                     (long long)verdict.missing_first, (long long)verdict.missing_last);
        }
    }
}

/* ---- as the service has them ---- */

static void start(void) {
    static const struct ticket_config nobody;
    open_banks();
    const struct desk_options tickets = {.store = W->engine.store, .payments = W->payments};
    assert_int_equal(desk_open(&tickets, &desk, &W->err), 0);
    assert_int_equal(tickets_open(desk, &nobody, W->registry, &W->err), 0);
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .client = fake_gateway_client(W->fake),
        .seal = W->seal,
        .desk = desk,
        .no_days = true,
    };
    recon_close(recon);
    recon = NULL;
    assert_int_equal(recon_open(&options, &recon, &W->err), 0);
}

static int let_go(void **state) {
    (void)state;
    recon_close(recon);
    desk_close(desk);
    recon = NULL;
    desk = NULL;
    return 0;
}

static void work(void) {
    for (int i = 0; i < 20 && world_tick(W) > 0; i++) {
        test_clock_advance(US_PER_MS);
    }
}

static char text[4096];

/* The statement with this number: of that day of September 2026, from so many dollars to so
 * many. */
static struct given statement(int number, int day, int opening, int closing) {
    int moved = closing - opening;
    int count = snprintf(text, sizeof text,
                         ":20:DEMO\n:25:" ACCOUNT "\n:28C:%d/001\n:60F:C2609%02dUSD%d,00\n"
                         ":61:2609%02d09%02d%c%d,00NTRFNONREF//B%d-%d\n:86:A THING\n"
                         ":62F:C2609%02dUSD%d,00\n-\n",
                         number, day - 1, opening, day, day, moved < 0 ? 'D' : 'C',
                         moved < 0 ? -moved : moved, number, day, day, closing);
    return given_file("bank-eu", "day.sta", text, (size_t)count);
}

/* Number n of the plain chain: each moves by ten dollars. */
static void hand_in_number(int n) {
    struct given given = statement(n, 1 + n, 1000 + 10 * (n - 1), 1000 + 10 * n);
    hand_in(&given);
    assert_outcome(&given, "taken");
    work();
}

static json_t *faults_of(int number) {
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT continuity FROM statement WHERE sequence = %d AND state = 2", number);
    char *told = world_text(W, sql);
    json_t *list = told[0] != '\0' ? json_loads(told, 0, NULL) : json_array();
    free(told);
    assert_non_null(list);
    return list;
}

static void assert_gap(int number, int first, int last) {
    json_t *list = faults_of(number);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_at(json_array_get(list, 0), "kind"), "gap");
    assert_int_equal(int_at(json_array_get(list, 0), "missing_from"), first);
    assert_int_equal(int_at(json_array_get(list, 0), "missing_to"), last);
    json_decref(list);
}

#define FAULTS "SELECT COUNT(*) FROM statement WHERE continuity <> ''"
#define TICKETS "SELECT COUNT(*) FROM ticket WHERE kind = 'statement_gap' AND state IN (1, 7)"

static void a_missing_file_is_told_and_taken_back_when_it_comes(void **state) {
    (void)state;
    start();
    hand_in_number(1);
    assert_int_equal(world_int(W, FAULTS), 0);
    struct given five = statement(5, 6, 1040, 1050);
    hand_in(&five);
    /* It is taken in, and said at once, with what the balance did. */
    json_t *json = outcome(&five);
    json_t *file = json_array_get(json_object_get(json, "files"), 0);
    json_t *fault = json_array_get(json_object_get(file, "continuity"), 0);
    assert_string_equal(json_at(json, "state"), "taken");
    assert_string_equal(json_at(fault, "kind"), "gap");
    assert_int_equal(int_at(fault, "moved"), 3000);
    assert_non_null(strstr(json_at(fault, "text"), "numbers 2 to 4 are missing"));
    assert_non_null(strstr(json_at(fault, "text"), "30.00 USD"));
    json_decref(json);
    work();
    assert_gap(5, 2, 4);
    assert_int_equal(world_int(W, TICKETS), 1);
    /* On the statement, for whoever looks. */
    struct answer answer = {0};
    char *id = world_text(W, "SELECT id FROM statement WHERE sequence = 5");
    json = world_take(W, shelf_get(recon, id, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "continuity")), 1);
    json_decref(json);
    free(id);
    hand_in_number(3);
    assert_gap(3, 2, 2);
    assert_gap(5, 4, 4);
    assert_int_equal(world_int(W, TICKETS), 2);
    hand_in_number(4);
    assert_int_equal(world_int(W, FAULTS), 1);
    hand_in_number(2);
    assert_int_equal(world_int(W, FAULTS), 0);
    assert_int_equal(world_int(W, TICKETS), 0);
}

static void in_whatever_order_they_come_a_whole_chain_has_no_fault(void **state) {
    (void)state;
    static const int orders[][4] = {{1, 2, 3, 4}, {4, 3, 2, 1}, {2, 4, 1, 3}, {3, 1, 4, 2}};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        payment_world_forget(W);
        (void)let_go(state);
        start();
        for (int j = 0; j < 4; j++) {
            hand_in_number(orders[i][j]);
        }
        assert_int_equal(world_int(W, FAULTS), 0);
        assert_int_equal(world_int(W, TICKETS), 0);
    }
}

static void another_opening_balance_is_told_though_the_numbers_follow(void **state) {
    (void)state;
    start();
    hand_in_number(1);
    struct given two = statement(2, 3, 1011, 1020);
    hand_in(&two);
    work();
    json_t *list = faults_of(2);
    assert_string_equal(json_at(json_array_get(list, 0), "kind"), "balance");
    assert_int_equal(int_at(json_array_get(list, 0), "moved"), 100);
    json_decref(list);
    assert_int_equal(world_int(W, TICKETS), 1);
    assert_int_equal(world_int(W, "SELECT risk FROM ticket WHERE kind = 'statement_gap'"),
                     TICKET_RISK_HIGH);
}

static void a_number_that_is_told_again_is_said(void **state) {
    (void)state;
    start();
    hand_in_number(1);
    hand_in_number(2);
    struct given again = statement(2, 5, 1020, 1030);
    hand_in(&again);
    work();
    char *kinds = world_text(W, "SELECT continuity FROM statement WHERE sequence = 2 ORDER BY id "
                                "DESC LIMIT 1");
    assert_non_null(strstr(kinds, "\"repeated\""));
    free(kinds);
    assert_int_equal(world_int(W, TICKETS), 1);
    /* The balance goes on: nothing that moved is missing. */
    assert_int_equal(world_int(W, "SELECT risk FROM ticket WHERE kind = 'statement_gap'"),
                     TICKET_RISK_MEDIUM);
}

static void what_is_withdrawn_is_missing_again(void **state) {
    (void)state;
    start();
    for (int i = 1; i <= 3; i++) {
        hand_in_number(i);
    }
    assert_int_equal(world_int(W, FAULTS), 0);
    /* Money in stands in the books by then; this one is let go as if it did not. */
    test_store_exec(W->engine.store, "DELETE FROM bank_row");
    char *id = world_text(W, "SELECT id FROM statement WHERE sequence = 2");
    struct caller caller = who(NULL);
    struct answer answer = {0};
    int r = statement_withdraw(recon, &caller, id, "mistaken", &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    json_decref(json);
    assert_true(r >= 0);
    work();
    assert_gap(3, 2, 2);
    assert_int_equal(world_int(W, TICKETS), 1);
    free(id);
}

static int renew_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    return chain_renew(tx, "bank-eu", err);
}

/* Two of one day that nobody counts: which is first is told by the balance alone. */
static void statements_of_one_day_without_a_number_follow_by_their_balance(void **state) {
    (void)state;
    static const struct {
        const char *id;
        int opening, closing, closed;
    } rows[] = {{"a", 120, 130, 2}, {"b", 110, 120, 2}, {"c", 100, 110, 2}, {"d", 90, 100, 1}};
    start();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char sql[900], id[ID_TEXT_MAX];
        snprintf(id, sizeof id, "stm_%s%025d", rows[i].id, 0);
        snprintf(sql, sizeof sql,
                 "INSERT INTO statement (id, gateway, reader, name, sha256, byte_count, account, "
                 "file_id, sequence, from_us, until_us, row_count, balances, state, supersedes, "
                 "superseded_by, reason, actor, begun_us, taken_us) VALUES ('%s', 'bank-eu', "
                 "'camt053', 'x', '%s', 1, 'A', '%s', -1, 0, 0, 0, '[]', 2, '', '', '', 'x', 1, 1)",
                 id, id, id);
        test_store_exec(W->engine.store, sql);
        snprintf(sql, sizeof sql,
                 "INSERT INTO statement_chain (statement_id, part, account, currency, "
                 "first_number, last_number, opening_minor, closing_minor, closed_us) VALUES "
                 "('%s', 1, 'A', 'EUR', -1, -1, %d, %d, %d)",
                 id, rows[i].opening, rows[i].closing, rows[i].closed);
        test_store_exec(W->engine.store, sql);
    }
    assert_int_equal(store_write(W->engine.store, renew_tx, NULL, &W->err), 0);
    assert_int_equal(world_int(W, FAULTS), 0);
    /* Without the one between there is one fault, not two. */
    test_store_exec(W->engine.store, "UPDATE statement SET state = 5 WHERE id LIKE 'stm_b%'");
    assert_int_equal(store_write(W->engine.store, renew_tx, NULL, &W->err), 0);
    assert_int_equal(world_int(W, FAULTS), 1);
}

static void a_ticket_that_a_person_has_closed_stays_closed_until_something_else_is_wrong(
    void **state) {
    (void)state;
    start();
    hand_in_number(1);
    hand_in_number(5);
    char *ticket = world_text(W, "SELECT id FROM ticket WHERE kind = 'statement_gap'");
    struct caller caller = who(NULL);
    struct answer answer = {0};
    assert_true(
        ticket_move(desk, &caller, ticket, "close", "it counts otherwise", &answer, &W->err) >= 0);
    answer_release(&answer);
    free(ticket);
    hand_in_number(6);
    assert_int_equal(world_int(W, TICKETS), 0);
    hand_in_number(4); /* 5 follows now; of 4, 2 and 3 are missing */
    assert_int_equal(world_int(W, TICKETS), 1);
    assert_gap(4, 2, 3);
}

#define T(name) cmocka_unit_test_teardown(name, let_go)

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_years_and_balances_follow_or_do_not),
        T(a_missing_file_is_told_and_taken_back_when_it_comes),
        T(in_whatever_order_they_come_a_whole_chain_has_no_fault),
        T(another_opening_balance_is_told_though_the_numbers_follow),
        T(a_number_that_is_told_again_is_said),
        T(what_is_withdrawn_is_missing_again),
        T(statements_of_one_day_without_a_number_follow_by_their_balance),
        T(a_ticket_that_a_person_has_closed_stays_closed_until_something_else_is_wrong),
    };
    return payment_world_run("statements that follow", tests, COUNT_OF(tests));
}
