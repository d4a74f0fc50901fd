/* SPDX-License-Identifier: Apache-2.0
 * test_breaks.c: what people decide about breaks, and what runs and books make of it, on both
 * engines. Lists, files and figures are in test_break_lists.c. */
#include "break_fixture.h"

#include "base/task.h"

/* ---- writing off ---- */

static void a_small_difference_is_given_up_by_one_person_and_is_none_any_more(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = under("order", 1000, 995);
    run();
    struct break_seen seen = last_break();
    assert_string_equal(seen.class, "amount_under");
    assert_int_equal(seen.difference, -5);
    int64_t before = balance("gateway:stripe-a:receivable");
    assert_int_equal(write_off(ANN, seen.id, "rounding at the gateway"), 200);
    assert_string_equal(last_break().state, "written_off");
    assert_int_equal(balance("gateway:stripe-a:receivable"), before - 5);
    assert_int_equal(balance("merchant:write_off"), 5);
    assert_text(W, "SELECT actor FROM audit_entry WHERE action = 'break.write_off'", ANN);
    run();
    assert_int_equal(figures.breaks_opened, 0);
    assert_int_equal(live_breaks(), 0);
    assert_true(figures.ties_out);
    assert_int_equal(figures.books[0].movements_minor, -5);
    assert_int_equal(figures.books[0].closing_minor, before - 5);
    world_verify(W);
    free(payment);
}

/* The write-off is part of the movement: it is compared with it, whatever statement comes. */
static void what_was_written_off_is_found_when_a_corrected_statement_needs_less(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = under("order", 1000, 995);
    run();
    assert_int_equal(write_off(ANN, last_break().id, "rounding"), 200);
    struct statement_id first = taken_last();
    given.rows[0].line = 7;
    struct statement_id same = take(first.text);
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(live_breaks(), 0);
    given.rows[0].gross_minor = 1000;
    take(same.text);
    run();
    struct break_seen seen = last_break();
    assert_string_equal(seen.class, "amount_over");
    assert_int_equal(seen.difference, 5);
    assert_int_equal(live_breaks(), 1);
    assert_int_equal(write_off(ANN, seen.id, "it came after all"), 200);
    assert_int_equal(balance("merchant:write_off"), 0);
    run();
    assert_int_equal(live_breaks(), 0);
    assert_true(figures.ties_out);
    free(payment);
}

static void reopening_restores_the_books_to_the_unit(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = under("order", 1000, 993);
    run();
    struct break_seen seen = last_break();
    int64_t before = balance("gateway:stripe-a:receivable");
    assert_int_equal(write_off(ANN, seen.id, "rounding"), 200);
    assert_int_equal(act(ACT_REOPEN, BOB, seen.id, "that was the wrong one"), 200);
    assert_int_equal(balance("gateway:stripe-a:receivable"), before);
    assert_int_equal(balance("merchant:write_off"), 0);
    assert_string_equal(last_break().state, "open");
    assert_int_equal(world_int(W, "SELECT written_off_minor FROM recon_break"), 0);
    run();
    assert_int_equal(live_breaks(), 1);
    assert_int_equal(figures.breaks_opened, 0);
    assert_int_equal(figures.books[0].movements_minor, 0);
    /* And once more, each time a posting of its own. */
    assert_int_equal(write_off(ANN, seen.id, "the right one"), 200);
    assert_int_equal(balance("gateway:stripe-a:receivable"), before - 7);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind IN (13, 14)"), 3);
    world_verify(W);
    free(payment);
}

static void a_fee_that_was_another_is_written_off_as_one(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = world_paid(W, "order", 1000);
    struct names names = names_of(payment);
    new_statement();
    charge_row(&names, 1000);
    given.rows[0].fee_minor = 23; /* 20 were kept by the gateway's own word */
    take("");
    run();
    struct break_seen seen = last_break();
    assert_string_equal(seen.class, "fee");
    assert_int_equal(seen.difference, -3);
    assert_int_equal(write_off(ANN, seen.id, "a fee of the card"), 200);
    assert_int_equal(balance("merchant:write_off"), 3);
    struct statement_id first = taken_last();
    given.rows[0].line = 7;
    take(first.text);
    run();
    assert_int_equal(rows_in(CLASS_MATCHED, OURS), 1);
    assert_int_equal(live_breaks(), 0);
    free(payment);
}

static void money_that_is_missing_is_not_written_off(void **state) {
    (void)state;
    up(limits_usual);
    new_statement();
    tell(5)->gateway_id = "ch_nobody";
    take("");
    run();
    assert_string_equal(last_break().class, "missing_here");
    assert_int_equal(write_off(ANN, last_break().id, "small"), -ERR_STATE);
    assert_non_null(strstr(err.detail, "missing_here"));
    assert_int_equal(live_breaks(), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting"), 0);
    for (int i = 1; i < CLASS_COUNT; i++) {
        bool differs = i == CLASS_AMOUNT_OVER || i == CLASS_AMOUNT_UNDER || i == CLASS_FEE ||
                       i == CLASS_REFUND_MISMATCH || i == CLASS_SPLIT;
        assert_int_equal(break_class_writes_off((enum match_class)i), differs);
    }
}

/* ---- two persons ---- */

static void above_the_limit_another_person_has_to_agree(void **state) {
    (void)state;
    up(limits_usual);
    people();
    char *payment = under("order", 1000, 900);
    run();
    struct break_seen seen = last_break();
    assert_int_equal(write_off(ANN, seen.id, "agreed on the phone"), 202);
    assert_string_equal(last_break().state, "open");
    assert_int_equal(balance("merchant:write_off"), 0);
    static const char *const she[] = {ANN, "key:key_a1", "key:key_a2"};
    for (size_t i = 0; i < COUNT_OF(she); i++) { /* by session and by each of her keys */
        assert_int_equal(act(ACT_APPROVE, she[i], seen.id, "me again"), -ERR_FORBIDDEN);
    }
    assert_int_equal(act(ACT_APPROVE, "key:key_n", seen.id, "nobody"), -ERR_FORBIDDEN);
    assert_int_equal(write_off(BOB, seen.id, "me too"), -ERR_STATE);
    assert_int_equal(act(ACT_APPROVE, "key:key_b", seen.id, "looked at it"), 200);
    assert_string_equal(last_break().state, "written_off");
    assert_int_equal(balance("merchant:write_off"), 100);
    assert_int_equal(act(ACT_APPROVE, CAT, seen.id, "as well"), -ERR_STATE);
    assert_non_null(strstr(err.detail, "key_b"));
    assert_int_equal(balance("merchant:write_off"), 100);
    free(payment);
}

static void without_a_limit_it_always_takes_two(void **state) {
    (void)state;
    up(NULL);
    people();
    char *payment = under("order", 1000, 999);
    run();
    assert_int_equal(write_off(ANN, last_break().id, "a cent"), 202);
    assert_int_equal(act(ACT_REJECT, BOB, last_break().id, "find it"), 200);
    assert_string_equal(last_break().state, "open");
    assert_int_equal(write_off(BOB, last_break().id, "not found"), 202);
    assert_int_equal(act(ACT_APPROVE, ANN, last_break().id, "all right"), 200);
    assert_int_equal(balance("merchant:write_off"), 1);
    free(payment);
}

static void what_a_run_has_healed_meanwhile_is_not_approved(void **state) {
    (void)state;
    up(NULL);
    people();
    char *payment = under("order", 1000, 900);
    run();
    struct break_seen seen = last_break();
    assert_int_equal(write_off(ANN, seen.id, "give it up"), 202);
    given.rows[0].gross_minor = 1000;
    take(taken_last().text);
    run();
    assert_string_equal(last_break().state, "healed");
    assert_int_equal(act(ACT_APPROVE, BOB, seen.id, "yes"), -ERR_STATE);
    assert_non_null(strstr(err.detail, "healed"));
    assert_int_equal(balance("merchant:write_off"), 0);
    assert_int_equal(world_int(W, "SELECT state FROM approval"), APPROVAL_REJECTED);
    free(payment);
}

struct racer {
    const char *actor, *id;
    int result;
};

static void race(void *ctx) {
    struct racer *racer = ctx;
    struct err ignored = {0};
    const char *ids[] = {racer->id};
    const struct break_action action = {
        .act = ACT_APPROVE, .ids = ids, .id_count = 1, .owner = "", .reason = "yes"};
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    caller.actor = racer->actor;
    int r = break_act(recon, &caller, &action, &answer, &ignored);
    racer->result = r < 0 ? r : answer.status;
}

static void of_two_who_approve_at_once_one_has(void **state) {
    (void)state;
    up(NULL);
    people();
    char *payment = under("order", 1000, 900);
    run();
    struct break_seen seen = last_break();
    assert_int_equal(write_off(ANN, seen.id, "give it up"), 202);
    struct racer racers[] = {{.actor = BOB, .id = seen.id}, {.actor = CAT, .id = seen.id}};
    struct task *tasks[2];
    for (int i = 0; i < 2; i++) {
        tasks[i] = task_start("racer", 1024 * 1024, race, &racers[i]);
    }
    for (int i = 0; i < 2; i++) {
        task_join(tasks[i]);
    }
    bool first = racers[0].result == 200;
    assert_int_equal(racers[first ? 0 : 1].result, 200);
    assert_int_equal(racers[first ? 1 : 0].result, -ERR_STATE);
    assert_int_equal(balance("merchant:write_off"), 100);
    free(payment);
}

static void the_same_key_writes_off_once(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = under("order", 1000, 995);
    run();
    struct break_seen seen = last_break();
    key = "once";
    assert_int_equal(write_off(ANN, seen.id, "rounding"), 200);
    assert_int_equal(write_off(ANN, seen.id, "rounding"), 200);
    assert_true(replayed);
    key = "twice";
    assert_int_equal(write_off(ANN, seen.id, "rounding"), -ERR_STATE);
    key = NULL;
    assert_int_equal(balance("merchant:write_off"), 5);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 13"), 1);
    free(payment);
}

/* ---- deciding otherwise ---- */

static void what_a_person_decided_stays_decided_and_another_difference_is_another_break(void **s) {
    (void)s;
    up(NULL);
    char *payment = under("order", 1000, 995);
    run();
    struct break_seen seen = last_break();
    assert_int_equal(act(ACT_RESOLVE, ANN, seen.id, "they owe it"), 200);
    assert_int_equal(act(ACT_RESOLVE, ANN, seen.id, "again"), -ERR_STATE);
    /* All is looked at anew, as after a crash between two pieces. */
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1, match_id = ''");
    run();
    assert_string_equal(last_break().state, "resolved");
    assert_int_equal(figures.breaks_opened, 0);
    assert_int_equal(figures.breaks_healed, 0);
    /* The same rows, and by now another difference. */
    (void)engine_exec(&W->engine, "UPDATE movement SET open = 1, match_id = ''");
    (void)engine_exec(&W->engine, "UPDATE statement_row SET gross_minor = 990");
    run();
    assert_int_equal(figures.breaks_opened, 1);
    assert_int_equal(last_break().difference, -10);
    assert_string_equal(last_break().state, "open");
    free(payment);
}

static void a_break_has_an_owner_and_keeps_him_when_it_is_opened_again(void **state) {
    (void)state;
    up(NULL);
    people();
    char *payment = under("order", 1000, 900);
    run();
    struct break_seen seen = last_break();
    assert_int_equal(assign(ANN, seen.id, "nobody-here"), -ERR_VALIDATION);
    assert_int_equal(assign(ANN, seen.id, "bob"), 200);
    assert_string_equal(last_break().state, "assigned");
    assert_int_equal(assign(ANN, seen.id, "me"), 200);
    assert_text(W, "SELECT owner FROM recon_break", ANN);
    assert_int_equal(assign(ANN, seen.id, "team:finance"), 200);
    assert_int_equal(assign(ANN, seen.id, "team:Fin ance"), -ERR_VALIDATION);
    assert_int_equal(act(ACT_REOPEN, ANN, seen.id, "it is open"), -ERR_STATE);
    assert_int_equal(act(ACT_RESOLVE, ANN, seen.id, "explained"), 200);
    assert_int_equal(act(ACT_REOPEN, ANN, seen.id, "not quite"), 200);
    assert_string_equal(last_break().state, "assigned");
    assert_int_equal(assign(ANN, seen.id, ""), 200);
    assert_string_equal(last_break().state, "open");
    char *history = world_text(W, "SELECT MIN(what) || ' ' || CAST(COUNT(*) AS text) || ' ' || "
                                  "CAST(MAX(number) AS text) FROM recon_break_event");
    assert_string_equal(history, "assigned 8 8"); /* its case is opened with it */
    free(history);
    free(payment);
}

/* What the table does not have changes nothing; what it has ends where it says. */
static void every_move_that_is_not_in_the_table_is_refused(void **state) {
    (void)state;
    int moves = 0;
    for (int from = 0; from <= BREAK_STATE_COUNT; from++) {
        for (int move = BREAK_ASSIGN; move <= BREAK_REOPEN; move++) {
            const char *what = NULL;
            enum break_state to = break_after(from, (enum break_move)move, false, &what);
            moves += to != BREAK_NONE;
            assert_true(to == BREAK_NONE || what != NULL);
            bool closes = move == BREAK_HEAL || move == BREAK_RESOLVE || move == BREAK_WRITE_OFF;
            assert_true(to == BREAK_NONE || break_is_live(to) != closes);
            assert_true(to == BREAK_NONE || !closes || break_is_live(from));
        }
    }
    assert_int_equal(moves, 13);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_difference_is_given_up_by_one_person_and_is_none_any_more),
        cmocka_unit_test(what_was_written_off_is_found_when_a_corrected_statement_needs_less),
        cmocka_unit_test(reopening_restores_the_books_to_the_unit),
        cmocka_unit_test(a_fee_that_was_another_is_written_off_as_one),
        cmocka_unit_test(money_that_is_missing_is_not_written_off),
        cmocka_unit_test(above_the_limit_another_person_has_to_agree),
        cmocka_unit_test(without_a_limit_it_always_takes_two),
        cmocka_unit_test(what_a_run_has_healed_meanwhile_is_not_approved),
        cmocka_unit_test(of_two_who_approve_at_once_one_has),
        cmocka_unit_test(the_same_key_writes_off_once),
        cmocka_unit_test(
            what_a_person_decided_stays_decided_and_another_difference_is_another_break),
        cmocka_unit_test(a_break_has_an_owner_and_keeps_him_when_it_is_opened_again),
        cmocka_unit_test(every_move_that_is_not_in_the_table_is_refused),
    };
    return payment_world_run("breaks", tests, COUNT_OF(tests));
}
