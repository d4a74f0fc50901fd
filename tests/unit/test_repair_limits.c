/* SPDX-License-Identifier: Apache-2.0
 * test_repair_limits.c: how much rules may do: caps for one, for a day and in total, also when many
 * plan at once; errors; the stop and the new start; on both engines. */
#include "base/task.h"
#include "repair_fixture.h"

enum { PLANNERS = 4, BREAKS = 12 };

#define RULE_OF(each, day, total, day_count, total_count, of, more_than)                           \
    "rules:\n  - name: paid\n    says: paid there\n    action: complete\n    classes: "            \
    "[paid_there_open_here]\n    caps: {day_count: " day_count ", total_count: " total_count       \
    ", money: [{currency: USD, each: " each ", day: " day ", total: " total                        \
    "}]}\n    errors: {of: " of ", more_than: " more_than "}\n"

/* So many payments that were paid there, and a statement that tells of them. */
static void paid_there_many(int payments) {
    static struct there theres[BREAKS];
    for (int i = 0; i < payments; i++) {
        char order[32];
        static int number;
        snprintf(order, sizeof order, "order-%d", ++number);
        int before = 0;
        for (int j = 0; j < fake_event_count(FAKE); j++) {
            before += strcmp(fake_event(FAKE, j).type, "payment_intent.succeeded") == 0;
        }
        free(paid_there(order));
        theres[i] = there_is(0, before);
        row_of(&theres[i], 500);
    }
}

static void up_limits(const char *text) {
    up_with(text);
    switch_rule("paid", true);
}

static int start(const char *reason) {
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    return repair_rules_start(recon, &caller, reason, &answer, &err);
}

#define PLANNED "SELECT COUNT(*) FROM repair WHERE state = 1"
#define STOPPED "SELECT COUNT(*) FROM repair_switch WHERE stopped = 1"
#define DONE "SELECT COUNT(*) FROM repair WHERE state = 4"
#define STOP_TICKETS                                                                               \
    "SELECT COUNT(*) FROM ticket WHERE kind = 'repair_rules' AND state IN (1, 2, 3, 4, 7)"

static void a_break_above_the_cap_of_one_is_for_a_person_and_stops_nothing(void **state) {
    (void)state;
    up_limits(RULE_OF("499", "10000", "10000", "9", "9", "20", "5"));
    paid_there_many(1);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 0);
    assert_int_equal(count(STOPPED), 0);
    assert_int_equal(count(LIVE_TICKETS), 1);
    down();
}

/* Each cap in its turn: so many repairs there are, and no more, and all rules stop. */
static void at_a_cap_all_rules_stop_until_a_person_starts_them(void **state) {
    (void)state;
    static const struct {
        const char *rules, *why;
        int done;
    } caps[] = {
        {RULE_OF("500", "10000", "10000", "2", "9", "20", "5"), "repairs in a day", 2},
        {RULE_OF("500", "1499", "10000", "9", "9", "20", "5"), "money in a day", 2},
        {RULE_OF("500", "500", "500", "9", "9", "20", "5"), "money in a day", 1},
    };
    for (size_t i = 0; i < COUNT_OF(caps); i++) {
        payment_world_forget(W);
        up_limits(caps[i].rules);
        paid_there_many(4);
        reconcile();
        /* What was taken on before waits as well. */
        assert_int_equal(count(PLANNED), caps[i].done);
        assert_int_equal(count(DONE), 0);
        assert_int_equal(count(STOPPED), 1);
        assert_int_equal(count(STOP_TICKETS), 1);
        char *why = world_text(W, "SELECT why FROM repair_switch");
        assert_non_null(strstr(why, caps[i].why));
        free(why);
        assert_int_equal(count(LIVE_TICKETS), 4 - caps[i].done);
        assert_int_equal(start(""), -ERR_VALIDATION);
        must(start("the rest is looked into by hand"));
        assert_int_equal(count(STOPPED), 0);
        assert_int_equal(count(STOP_TICKETS), 0);
        assert_int_equal(start("once more"), -ERR_STATE);
        work();
        assert_int_equal(count(DONE), caps[i].done);
        reconcile();
        assert_int_equal(count(DONE), caps[i].done);
        assert_int_equal(count(STOPPED), 1);
        assert_counted();
        down();
    }
}

static void another_day_has_its_own_cap_and_enabling_counts_the_total_anew(void **state) {
    (void)state;
    up_limits(RULE_OF("500", "1000", "2000", "9", "9", "20", "5"));
    paid_there_many(6);
    reconcile();
    must(start("what was taken on may be done"));
    work();
    assert_int_equal(count(DONE), 2);
    for (int day = 0; day < 3; day++) {
        test_clock_advance(DAY_US);
        reconcile();
        if (count(STOPPED) == 1) {
            must(start("another day"));
            reconcile();
            must(start("what was taken on may be done"));
            work();
        }
        assert_int_equal(count(DONE), 4);
    }
    switch_rule("paid", false);
    switch_rule("paid", true);
    reconcile();
    assert_int_equal(count(DONE), 6);
    world_check(W);
    down();
}

static void too_many_refusals_among_the_last_stop_all_rules(void **state) {
    (void)state;
    up_limits(RULE_OF("500", "100000", "100000", "99", "99", "4", "1"));
    paid_there_many(1);
    reconcile();
    assert_int_equal(count(DONE), 1);
    fake_say(FAKE, 0, "query", -1, FAKE_NOT_FOUND);
    paid_there_many(1);
    reconcile();
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state = 5"), 1);
    assert_int_equal(count(STOPPED), 0);
    paid_there_many(3);
    reconcile();
    assert_int_equal(count(STOPPED), 1);
    assert_true(count("SELECT COUNT(*) FROM repair WHERE state = 5") >= 2);
    int64_t refused = count("SELECT COUNT(*) FROM repair WHERE state = 5");
    /* What was planned waits, and goes on when the rules do. */
    int64_t waiting = count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2)");
    fake_say_nothing(FAKE);
    world_pass(W, 700 * US_PER_SECOND);
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2)"), waiting);
    must(start("the gateway answers again"));
    work();
    assert_int_equal(count("SELECT COUNT(*) FROM repair WHERE state IN (1, 2)"), 0);
    assert_int_equal(count(DONE), 5 - refused);
    assert_counted();
    down();
}

/* ---- many at once ---- */

struct planner {
    struct recon *recon;
    int result;
};

static void plan(void *arg) {
    struct planner *planner = arg;
    struct err own = {0};
    int64_t again_us = 0;
    const struct job job = {.key = "stripe-a", .payload = ""};
    planner->result = repair_plan_job(planner->recon, &job, &again_us, &own);
}

static void however_many_plan_at_once_no_cap_is_exceeded(void **state) {
    (void)state;
    static const char no_rules[] = "rules: []\n";
    static const char text[] = RULE_OF("500", "3000", "100000", "99", "99", "20", "5");
    up_with(no_rules);
    paid_there_many(BREAKS);
    reconcile();
    assert_int_equal(count(OPEN_BREAKS), BREAKS);
    payment_world_restart(W);
    up_limits(text);
    struct planner planners[PLANNERS];
    struct task *tasks[PLANNERS];
    for (int i = 0; i < PLANNERS; i++) {
        planners[i] = (struct planner){.recon = recon};
        tasks[i] = task_start("planner", 256 * 1024, plan, &planners[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < PLANNERS; i++) {
        task_join(tasks[i]);
        assert_true(planners[i].result >= 0);
    }
    assert_int_equal(count("SELECT COUNT(*) FROM repair"), 6);
    assert_int_equal(count("SELECT COUNT(DISTINCT break_id) FROM repair"), 6);
    assert_int_equal(count(STOPPED), 1);
    assert_int_equal(count(STOP_TICKETS), 1);
    assert_counted();
    work();
    must(start("go on"));
    work();
    assert_int_equal(count(DONE), 6);
    assert_int_equal(world_events(W, "payment.succeeded"), 6);
    world_verify(W);
    down();
}

/* Two instances work at one repair: its lease was lost, say. */
static void work_at(void *arg) {
    struct planner *planner = arg;
    struct err own = {0};
    int64_t again_us = 0;
    struct job job = {.payload = ""};
    char *break_id = world_text(W, "SELECT break_id FROM repair");
    snprintf(job.key, sizeof job.key, "%s", break_id);
    free(break_id);
    planner->result = repair_job(planner->recon, &job, &again_us, &own);
}

static void two_that_work_at_one_repair_return_the_money_once(void **state) {
    (void)state;
    up();
    free(charged_twice("order"));
    static struct there one, other;
    one = there_is(0, 0);
    other = there_is(0, 1);
    row_of(&one, 500);
    row_of(&other, 500);
    fake_say(FAKE, 0, "query", -1, FAKE_LOSE_BEFORE);
    reconcile();
    assert_repair("twice", REPAIR_IS_ASKED);
    fake_say_nothing(FAKE);
    struct planner planners[PLANNERS];
    struct task *tasks[PLANNERS];
    for (int i = 0; i < PLANNERS; i++) {
        planners[i] = (struct planner){.recon = recon};
        tasks[i] = task_start("worker", 512 * 1024, work_at, &planners[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < PLANNERS; i++) {
        task_join(tasks[i]);
    }
    world_pass(W, 3601 * US_PER_SECOND);
    /* Another rule may have asked about the refund itself, when a run met it on its way. */
    assert_int_equal(count("SELECT state FROM repair WHERE rule = 'twice'"), REPAIR_IS_DONE);
    assert_int_equal(returned(0), 500);
    assert_int_equal(fake_calls(FAKE, 0, "refund"), 1);
    assert_counted();
    world_verify(W);
    world_books_equal(W);
    down();
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_break_above_the_cap_of_one_is_for_a_person_and_stops_nothing),
        cmocka_unit_test(at_a_cap_all_rules_stop_until_a_person_starts_them),
        cmocka_unit_test(another_day_has_its_own_cap_and_enabling_counts_the_total_anew),
        cmocka_unit_test(too_many_refusals_among_the_last_stop_all_rules),
        cmocka_unit_test(however_many_plan_at_once_no_cap_is_exceeded),
        cmocka_unit_test(two_that_work_at_one_repair_return_the_money_once),
    };
    return payment_world_run("repair limits", tests, COUNT_OF(tests));
}
