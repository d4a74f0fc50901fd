/* SPDX-License-Identifier: Apache-2.0
 * test_machine.c: the state tables, walked cell by cell: each payment state and event, each attempt
 * state and outcome. What is expected stands here a second time, as a picture; a row that is added
 * to a .def table without a change here fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "payment/machine.h"

enum { EVENTS = EVENT_TAKE_BACK, OUTCOMES = GW_NOT_FOUND };

/* One letter a state; '.' is an illegal move. */
static char payment_letter(enum payment_state state) {
    static const char letters[] = {'.', 'c', 'p', 'r', 'a', 's', 'f', 'x'};
    static_assert(COUNT_OF(letters) == PAYMENT_STATE_COUNT, "every payment state has a letter");
    return letters[state];
}

static char attempt_letter(enum attempt_state state) {
    static const char letters[] = {'.', 's', 'p', 'a', 'u', 'h', 'c', 'd', 'n', 'x'};
    static_assert(COUNT_OF(letters) == ATTEMPT_STATE_COUNT, "every attempt state has a letter");
    return letters[state];
}

/* Columns: send, wait, ask the customer, no candidate, authorize, charge, fail, cancel, accept,
 * defer, expire, queue, receive, take back. */
static const struct {
    enum payment_state from;
    const char *to;
} payment_picture[] = {
    {PAYMENT_CREATED, "p..r..fx.r.ps."},         {PAYMENT_PROCESSING, "pprrasfx.r.p.."},
    {PAYMENT_REQUIRES_ACTION, "pp.rasfxsrx..."}, {PAYMENT_AUTHORIZED, ".....s.x......"},
    {PAYMENT_SUCCEEDED, ".....s.......f"},       {PAYMENT_FAILED, "........s....."},
    {PAYMENT_CANCELED, "........s....."},
};

/* Columns: charged, authorized, pending, action needed, approved, declined, rejected request,
 * rejected credentials, rate limited, unavailable, unknown, canceled, refunded, not found. */
static const struct {
    enum attempt_state from;
    const char *to;
} attempt_picture[] = {
    {ATTEMPT_SENDING, "chpaadnnnnux.."},       {ATTEMPT_PENDING, "ch.a.d.....x.."},
    {ATTEMPT_ACTION_NEEDED, "chp..d....ux.."}, {ATTEMPT_UNKNOWN, "chpaad.....x.n"},
    {ATTEMPT_AUTHORIZED, "c..........x.."},    {ATTEMPT_CHARGED, ".............."},
    {ATTEMPT_DECLINED, ".............."},      {ATTEMPT_NOT_CHARGED, ".............."},
    {ATTEMPT_CANCELED, ".............."},
};

static void every_payment_move_is_as_in_the_picture(void **state) {
    assert_int_equal(COUNT_OF(payment_picture), PAYMENT_STATE_COUNT - 1);
    for (size_t i = 0; i < COUNT_OF(payment_picture); i++) {
        assert_int_equal(strlen(payment_picture[i].to), EVENTS);
        for (int event = 1; event <= EVENTS; event++) {
            const struct payment_move *move = payment_move_find(payment_picture[i].from,
                                                                (enum payment_event)event);
            char found = move != NULL ? payment_letter(move->to) : '.';
            if (found != payment_picture[i].to[event - 1]) {
                fail_msg("%s, %s: %c", payment_state_name(payment_picture[i].from),
                         payment_event_name((enum payment_event)event), found);
            }
        }
    }
}

static void every_attempt_move_is_as_in_the_picture(void **state) {
    assert_int_equal(COUNT_OF(attempt_picture), ATTEMPT_STATE_COUNT - 1);
    for (size_t i = 0; i < COUNT_OF(attempt_picture); i++) {
        assert_int_equal(strlen(attempt_picture[i].to), OUTCOMES);
        for (int outcome = 1; outcome <= OUTCOMES; outcome++) {
            char found = attempt_letter(
                attempt_move_find(attempt_picture[i].from, (enum gateway_outcome)outcome));
            if (found != attempt_picture[i].to[outcome - 1]) {
                fail_msg("%s, %s: %c", attempt_state_name(attempt_picture[i].from),
                         gateway_outcome_name((enum gateway_outcome)outcome), found);
            }
        }
    }
}

static void no_cell_stands_twice_in_a_table(void **state) {
    static const struct {
        int from, on;
    } payment_cells[] =
        {
#define X(from, event, to, tells) {PAYMENT_##from, EVENT_##event},
#include "payment/payment_moves.def"
#undef X
        },
      attempt_cells[] = {
#define X(from, outcome, to) {ATTEMPT_##from, GW_##outcome},
#include "payment/attempt_moves.def"
#undef X
      };
    for (size_t i = 0; i < COUNT_OF(payment_cells); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(payment_cells[i].from == payment_cells[k].from &&
                         payment_cells[i].on == payment_cells[k].on);
        }
    }
    for (size_t i = 0; i < COUNT_OF(attempt_cells); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(attempt_cells[i].from == attempt_cells[k].from &&
                         attempt_cells[i].on == attempt_cells[k].on);
        }
    }
}

/* I1: what once certainly took no money never may again. */
static void an_attempt_that_is_over_never_lives_again(void **state) {
    for (int from = 1; from < ATTEMPT_STATE_COUNT; from++) {
        for (int outcome = 1; outcome <= OUTCOMES; outcome++) {
            enum attempt_state to = attempt_move_find((enum attempt_state)from,
                                                      (enum gateway_outcome)outcome);
            if (!attempt_state_live((enum attempt_state)from)) {
                assert_int_equal(to, ATTEMPT_NONE);
            }
        }
    }
}

static void an_attempt_ends_uncharged_only_by_an_outcome_that_says_so(void **state) {
    for (int from = 1; from < ATTEMPT_STATE_COUNT; from++) {
        for (int outcome = 1; outcome <= OUTCOMES; outcome++) {
            enum attempt_state to = attempt_move_find((enum attempt_state)from,
                                                      (enum gateway_outcome)outcome);
            if (to != ATTEMPT_NONE && !attempt_state_live(to)) {
                assert_true(gateway_outcome_not_charged((enum gateway_outcome)outcome) ||
                            outcome == GW_NOT_FOUND);
            }
        }
    }
}

/* I6: whoever was unknown is not ended by a refusal of a later question or repeat. */
static void unknown_is_not_ended_by_a_refusal(void **state) {
    static const enum gateway_outcome refusals[] = {GW_REJECTED_REQUEST, GW_REJECTED_CREDENTIALS,
                                                    GW_RATE_LIMITED, GW_UNAVAILABLE, GW_UNKNOWN};
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        assert_int_equal(attempt_move_find(ATTEMPT_UNKNOWN, refusals[i]), ATTEMPT_NONE);
        assert_int_equal(attempt_move_find(ATTEMPT_PENDING, refusals[i]), ATTEMPT_NONE);
    }
}

static void money_that_was_taken_is_final_for_its_attempt(void **state) {
    for (int outcome = 1; outcome <= OUTCOMES; outcome++) {
        assert_int_equal(attempt_move_find(ATTEMPT_CHARGED, (enum gateway_outcome)outcome),
                         ATTEMPT_NONE);
    }
}

static void a_final_payment_moves_only_by_a_person_and_holds_no_order(void **state) {
    for (int from = 1; from < PAYMENT_STATE_COUNT; from++) {
        if (!payment_state_final((enum payment_state)from)) {
            assert_true(payment_state_holds_order((enum payment_state)from));
            continue;
        }
        assert_false(payment_state_holds_order((enum payment_state)from));
        for (int event = 1; event <= EVENTS; event++) {
            bool accepted = event == EVENT_ACCEPT;
            assert_int_equal(
                payment_move_find((enum payment_state)from, (enum payment_event)event) != NULL,
                accepted);
        }
    }
}

static void every_state_has_a_name_of_its_own_and_no_other_number_has(void **state) {
    for (int i = 1; i < PAYMENT_STATE_COUNT; i++) {
        for (int k = 1; k < i; k++) {
            assert_string_not_equal(payment_state_name(i), payment_state_name(k));
        }
    }
    for (int i = 1; i < ATTEMPT_STATE_COUNT; i++) {
        assert_string_not_equal(attempt_state_name(i), "?");
    }
    for (int i = 1; i < OPERATION_STATE_COUNT; i++) {
        assert_string_not_equal(operation_state_name(i), "?");
    }
    static const int64_t others[] = {INT64_MIN, -1, 0, 10, 1000, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_string_equal(payment_state_name(others[i]), "?");
        assert_string_equal(attempt_state_name(others[i]), "?");
        assert_string_equal(operation_state_name(others[i]), "?");
        assert_string_equal(operation_kind_name(others[i]), "?");
    }
    assert_string_equal(operation_kind_name(OPERATION_REFUND), "refund");
    assert_string_equal(payment_event_name(EVENT_CANCEL), "cancel");
}

/* Where a payment stands while its live attempt is in this state. */
static enum payment_state beside(enum attempt_state attempt) {
    switch (attempt) {
    case ATTEMPT_ACTION_NEEDED:
        return PAYMENT_REQUIRES_ACTION;
    case ATTEMPT_AUTHORIZED:
        return PAYMENT_AUTHORIZED;
    case ATTEMPT_CHARGED:
        return PAYMENT_SUCCEEDED;
    default:
        return PAYMENT_PROCESSING;
    }
}

/* Whatever a gateway says of an attempt, its payment can follow, and comes to stand beside it. */
static void every_attempt_move_has_a_payment_move(void **state) {
    static const enum payment_event events[] = {
        [ATTEMPT_PENDING] = EVENT_WAIT,     [ATTEMPT_ACTION_NEEDED] = EVENT_ASK_CUSTOMER,
        [ATTEMPT_UNKNOWN] = EVENT_WAIT,     [ATTEMPT_AUTHORIZED] = EVENT_AUTHORIZE,
        [ATTEMPT_CHARGED] = EVENT_CHARGE,   [ATTEMPT_DECLINED] = EVENT_FAIL,
        [ATTEMPT_NOT_CHARGED] = EVENT_FAIL, [ATTEMPT_CANCELED] = EVENT_CANCEL,
    };
    for (int from = ATTEMPT_SENDING; from < ATTEMPT_STATE_COUNT; from++) {
        for (int outcome = 1; outcome <= OUTCOMES; outcome++) {
            enum attempt_state to = attempt_move_find((enum attempt_state)from,
                                                      (enum gateway_outcome)outcome);
            if (to == ATTEMPT_NONE) {
                continue;
            }
            const struct payment_move *move = payment_move_find(beside((enum attempt_state)from),
                                                                events[to]);
            assert_non_null(move);
            assert_true(!attempt_state_live(to) || move->to == beside(to));
        }
    }
}

/* Every move that a merchant must hear of tells it; sending alone is nobody's business, nor is that
 * what waits for a gateway waits on. */
static void every_move_but_sending_is_told(void **state) {
    for (int from = 1; from < PAYMENT_STATE_COUNT; from++) {
        for (int event = 1; event <= EVENTS; event++) {
            const struct payment_move *move = payment_move_find((enum payment_state)from,
                                                                (enum payment_event)event);
            if (move != NULL) {
                bool waits_on = event == EVENT_QUEUE && from == PAYMENT_PROCESSING;
                assert_int_equal(move->tells[0] == '\0', event == EVENT_SEND || waits_on);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_payment_move_is_as_in_the_picture),
        cmocka_unit_test(every_attempt_move_is_as_in_the_picture),
        cmocka_unit_test(no_cell_stands_twice_in_a_table),
        cmocka_unit_test(an_attempt_that_is_over_never_lives_again),
        cmocka_unit_test(an_attempt_ends_uncharged_only_by_an_outcome_that_says_so),
        cmocka_unit_test(unknown_is_not_ended_by_a_refusal),
        cmocka_unit_test(money_that_was_taken_is_final_for_its_attempt),
        cmocka_unit_test(a_final_payment_moves_only_by_a_person_and_holds_no_order),
        cmocka_unit_test(every_state_has_a_name_of_its_own_and_no_other_number_has),
        cmocka_unit_test(every_attempt_move_has_a_payment_move),
        cmocka_unit_test(every_move_but_sending_is_told),
    };
    return cmocka_run_group_tests_name("the state tables", tests, NULL, NULL);
}
