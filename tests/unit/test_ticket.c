/* SPDX-License-Identifier: Apache-2.0
 * test_ticket.c: one ticket's life: opened once for what it is about, worked on by people, money
 * seen by two, escalated once a step, closed when what it was about is gone. */
#include <stdatomic.h>

#include "base/task.h"
#include "desk/ticket_impl.h"
#include "ticket_fixture.h"

static char *const both[] = {"ann", "cat"};
static struct ticket_team_config teams[] = {
    {.name = "finance",
     .members = (char **)both,
     .members_count = 2,
     .lead = "lee",
     .share = "nobody"},
};
static struct ticket_limit_config limits[] = {{"EUR", 3000}, {"JPY", 100000}};
static const struct ticket_config config = {
    .teams = teams,
    .teams_count = 1,
    .approve_above = limits,
    .approve_above_count = 2,
    .default_team = "finance",
};

/* ---- opening ---- */

static void one_subject_has_one_ticket(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id first, again, other;
    note.facts_json = "{\"ours\":2500}";
    assert_int_equal(open_note(&note, &first), 1);
    assert_int_equal(open_note(&note, &again), 0);
    assert_string_equal(first.text, again.text);
    note.subject.id = "brk_2";
    assert_int_equal(open_note(&note, &other), 1);
    assert_string_not_equal(first.text, other.text);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket"), 2);
    assert_history(first.text, "opened:system"); /* nothing new was told the second time */
    json_t *json = get(first.text);
    assert_string_equal(json_at(json, "state"), "open");
    assert_string_equal(json_at(json, "priority"), "urgent");
    assert_string_equal(json_at(json, "team"), "finance");
    assert_string_equal(json_at(json, "sop.page"), "paid-there-not-here");
    assert_int_equal(int_at(json, "facts.ours"), 2500);
    assert_int_equal(int_at(json, "amount"), 2500);
    assert_non_null(strstr(json_at(json, "suggestion"), "at the gateway"));
    json_decref(json);
    assert_int_equal(world_events(W, "ticket.opened"), 2);
}

static void told_of_again_with_news_it_says_the_news_and_is_due_no_later(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id id;
    note.risk = TICKET_RISK_LOW;
    assert_int_equal(open_note(&note, &id), 1);
    int64_t slow = world_int(W, "SELECT due_us - opened_us FROM ticket");
    assert_true(slow == 72 * HOUR_US);
    note.risk = TICKET_RISK_CRITICAL;
    note.amount_minor = 9900;
    assert_int_equal(open_note(&note, &id), 0);
    assert_true(world_int(W, "SELECT due_us - opened_us FROM ticket") == 4 * HOUR_US);
    assert_int_equal(world_int(W, "SELECT amount_minor FROM ticket"), 9900);
    note.risk = TICKET_RISK_LOW;
    assert_int_equal(open_note(&note, &id), 0);
    assert_true(world_int(W, "SELECT due_us - opened_us FROM ticket") == 4 * HOUR_US);
    assert_history(id.text, "opened:system updated:system updated:system");
}

static void what_is_noted_wrongly_opens_nothing(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note wrong[8];
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        wrong[i] = note_of("brk_1");
    }
    wrong[0].title = "";
    wrong[1].subject.id = "";
    wrong[2].risk = 0;
    wrong[3].amount_minor = -1;
    wrong[4].currency = (struct currency){0};
    wrong[5].facts_json = "[1]";
    wrong[6].facts_json = "{\"a\":";
    wrong[7].class = "";
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_true(open_note(&wrong[i], NULL) < 0);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket"), 0);
}

static void what_is_gone_closes_its_ticket_and_back_it_is_reopened(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    assert_state(assign("user:usr_a", id.text, "me", ""), "open");
    assert_state(comment("user:usr_a", id.text, "asked the gateway"), "open");
    assert_int_equal(healed("brk_1"), 1);
    assert_int_equal(healed("brk_1"), 0);
    assert_int_equal(healed("brk_none"), 0);
    json_t *closed = get(id.text);
    assert_true(json_is_string(json_object_get(closed, "closed_at")));
    assert_state(closed, "closed");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'ticket_due'"), 0);
    test_clock_advance(1000 * HOUR_US);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id same;
    assert_int_equal(open_note(&note, &same), 1);
    assert_string_equal(same.text, id.text);
    json_t *json = get(id.text);
    assert_string_equal(json_at(json, "state"), "reopened");
    assert_string_equal(json_at(json, "assignee.name"), "ann"); /* she knows it */
    assert_int_equal(int_at(json, "opened"), 2);
    assert_true(json_is_false(json_object_get(json, "overdue")));
    json_decref(json);
    assert_history(id.text, "opened:system assigned:user:usr_a commented:user:usr_a "
                            "closed:system reopened:system");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'ticket_due'"), 1);
}

static void what_somebody_resolved_stays_resolved_until_it_is_news(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    struct ticket_note note = note_of("brk_1");
    assert_state(resolve("user:usr_a", id.text, "explained", 0, ""), "resolved");
    assert_int_equal(open_note(&note, NULL), 0);
    assert_state(get(id.text), "resolved");
    note.again = true;
    assert_int_equal(open_note(&note, NULL), 1);
    json_t *json = get(id.text);
    assert_true(json_is_null(json_object_get(json, "resolution")));
    assert_state(json, "reopened");
    /* One that is resolved is closed when what it was about is gone. */
    assert_state(resolve("user:usr_a", id.text, "explained", 0, ""), "resolved");
    assert_int_equal(healed("brk_1"), 1);
    assert_state(get(id.text), "closed");
}

/* ---- the table of moves ---- */

static void a_ticket_moves_by_its_table_and_no_other_way(void **state) {
    (void)state;
    static const struct {
        enum ticket_move move;
        const char *to[TICKET_STATE_COUNT]; /* by state; NULL: refused */
    } table[] = {
        {MOVE_START, {NULL, "in_progress", NULL, "in_progress", NULL, NULL, NULL, "in_progress"}},
        {MOVE_WAIT, {NULL, "waiting", "waiting", NULL, NULL, NULL, NULL, "waiting"}},
        {MOVE_ASK, {NULL, "approval", "approval", "approval", NULL, NULL, NULL, "approval"}},
        {MOVE_APPROVE, {NULL, NULL, NULL, NULL, "resolved", NULL, NULL, NULL}},
        {MOVE_REJECT, {NULL, NULL, NULL, NULL, "in_progress", NULL, NULL, NULL}},
        {MOVE_RESOLVE, {NULL, "resolved", "resolved", "resolved", NULL, NULL, NULL, "resolved"}},
        {MOVE_CLOSE, {NULL, "closed", "closed", "closed", NULL, "closed", NULL, "closed"}},
        {MOVE_HEAL, {NULL, "closed", "closed", "closed", "closed", "closed", NULL, "closed"}},
        {MOVE_REOPEN, {NULL, NULL, NULL, NULL, NULL, "reopened", "reopened", NULL}},
    };
    assert_int_equal(COUNT_OF(table), MOVE_REOPEN);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        for (int from = 0; from < TICKET_STATE_COUNT; from++) {
            enum ticket_state to = ticket_after(from, table[i].move);
            assert_string_equal(ticket_state_name(to),
                                table[i].to[from] != NULL ? table[i].to[from] : "?");
        }
    }
}

static void what_is_refused_says_who_was_there_before_and_changes_nothing(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    assert_state(move("user:usr_a", id.text, "start", ""), "in_progress");
    assert_state(move("user:usr_a", id.text, "wait", "for the gateway"), "waiting");
    assert_state(move("user:usr_c", id.text, "close", "it was a test"), "closed");
    int64_t entries = world_int(W, "SELECT COUNT(*) FROM ticket_event");
    assert_refused(W, move("user:usr_a", id.text, "start", ""), ERR_STATE);
    assert_non_null(strstr(W->err.detail, "closed by cat"));
    assert_refused(W, resolve("user:usr_a", id.text, "fixed", 0, ""), ERR_STATE);
    assert_refused(W, assign("user:usr_a", id.text, "me", ""), ERR_STATE);
    assert_refused(W, move("user:usr_a", id.text, "heal", ""), ERR_VALIDATION);
    assert_refused(W, move("user:usr_a", id.text, "approve", ""), ERR_VALIDATION);
    assert_refused(W, move("user:usr_a", "tkt_none", "close", ""), ERR_NOT_FOUND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket_event"), entries);
    assert_state(move("user:usr_a", id.text, "reopen", "the shop asked"), "reopened");
    assert_history(id.text, "opened:system started:user:usr_a waits:user:usr_a "
                            "closed:user:usr_c reopened:user:usr_a");
    assert_text(W, "SELECT action FROM audit_entry ORDER BY number DESC LIMIT 1", "ticket.reopen");
    assert_text(W, "SELECT reason FROM audit_entry ORDER BY number DESC LIMIT 1", "the shop asked");
}

static void a_ticket_by_hand_is_about_itself(void **state) {
    (void)state;
    open_tickets(&config);
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    struct ticket_note note = note_of("");
    note.class = "other";
    json_t *json = take(ticket_create(desk, &caller, &note, &answer, &W->err), &answer);
    assert_non_null(json);
    assert_int_equal(W->status, 201);
    assert_string_equal(json_at(json, "kind"), "manual");
    assert_string_equal(json_at(json, "subject"), json_at(json, "id"));
    assert_string_equal(json_at(json, "opened_by"), "user:usr_a");
    assert_string_equal(json_at(json, "sop.page"), "other");
    json_decref(json);
}

/* ---- whose it is ---- */

static void what_somebody_has_is_transferred_with_a_reason_and_not_taken(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    assert_state(assign("user:usr_a", id.text, "me", ""), "open");
    assert_refused(W, assign("user:usr_c", id.text, "me", ""), ERR_STATE);
    assert_non_null(strstr(W->err.detail, "ann has"));
    assert_refused(W, transfer("user:usr_a", id.text, "ann", ""), ERR_STATE);
    json_t *json = transfer("user:usr_a", id.text, "cat", "");
    assert_string_equal(json_at(json, "assignee.name"), "cat");
    assert_string_equal(json_at(json, "team"), "finance");
    json_decref(json);
    assert_text(W, "SELECT body FROM ticket_event ORDER BY number DESC LIMIT 1", "she knows it");
    json = transfer("user:usr_c", id.text, "", "finance"); /* back to the team */
    assert_true(json_is_null(json_object_get(json, "assignee")));
    json_decref(json);
    /* Nobody who does not work here. */
    static const char *const no_one[] = {"dan", "vic", "usr_v", "zoe", "system"};
    for (size_t i = 0; i < COUNT_OF(no_one); i++) {
        assert_refused(W, assign("user:usr_a", id.text, no_one[i], ""), ERR_VALIDATION);
    }
    assert_refused(W, assign("user:usr_a", id.text, "", "nowhere"), ERR_VALIDATION);
    assert_refused(W, assign("user:usr_a", id.text, "", ""), ERR_VALIDATION);
    assert_refused(W, assign("user:usr_a", id.text, "bob", "finance"), ERR_VALIDATION);
    assert_refused(W, assign("internal", id.text, "me", ""), ERR_FORBIDDEN);
    json = assign("internal", id.text, "usr_b", "");
    assert_string_equal(json_at(json, "assignee.name"), "bob");
    assert_true(json_is_null(json_object_get(json, "team"))); /* he is in none */
    json_decref(json);
    assert_int_equal(world_events(W, "ticket.assigned"), 4);
}

enum { CLERKS = 6 };
static struct ticket_id contested;
static atomic_int won, told;

static void take_one(void *arg) {
    struct err err = {0};
    ANSWER_AUTO answer = {0};
    const struct ticket_to to = {"me", ""};
    struct caller caller = person((intptr_t)arg % 2 == 0 ? "user:usr_a" : "user:usr_c");
    int r = ticket_assign(desk, &caller, contested.text, &to, "", &answer, &err);
    if (r >= 0) {
        atomic_fetch_add(&won, 1);
    } else if (r == -ERR_STATE && strstr(err.detail, "already") != NULL) {
        atomic_fetch_add(&told, 1);
    }
}

static void of_many_who_take_it_at_once_one_has_it(void **state) {
    (void)state;
    open_tickets(&config);
    for (int round = 0; round < 5; round++) {
        struct task *tasks[CLERKS];
        char subject[16];
        snprintf(subject, sizeof subject, "brk_%d", round);
        contested = opened(subject);
        atomic_store(&won, 0);
        atomic_store(&told, 0);
        for (int i = 0; i < CLERKS; i++) {
            tasks[i] = task_start("clerk", 512 * 1024, take_one, (void *)(intptr_t)i);
        }
        for (int i = 0; i < CLERKS; i++) {
            task_join(tasks[i]);
        }
        assert_int_equal(atomic_load(&won), 1);
        assert_int_equal(atomic_load(&told), CLERKS - 1);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket_event WHERE what = 'assigned'"), 5);
}

static void open_one(void *arg) {
    (void)arg;
    struct ticket_note note = note_of("brk_same");
    struct ticket_tx open = {.note = &note};
    struct err err = {0};
    int r = store_write(W->engine.store, open_fn, &open, &err);
    if (r >= 0 && open.result == 1) {
        atomic_fetch_add(&won, 1);
    } else if (r >= 0) {
        atomic_fetch_add(&told, 1);
    }
}

static void of_many_who_notice_the_same_at_once_one_opens_it(void **state) {
    (void)state;
    open_tickets(&config);
    struct task *tasks[CLERKS];
    atomic_store(&won, 0);
    atomic_store(&told, 0);
    for (int i = 0; i < CLERKS; i++) {
        tasks[i] = task_start("clerk", 512 * 1024, open_one, NULL);
    }
    for (int i = 0; i < CLERKS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&won), 1);
    assert_int_equal(atomic_load(&told), CLERKS - 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket_event"), 1);
}

/* ---- money by hand ---- */

static void money_up_to_the_limit_is_moved_by_one_person(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1"); /* 25.00, and the limit is 30.00 */
    json_t *json = resolve("user:usr_b", id.text, "refunded_by_hand", 0, "");
    assert_int_equal(W->status, 200);
    assert_int_equal(int_at(json, "moved_amount"), 2500);
    assert_string_equal(json_at(json, "moved_currency"), "EUR");
    assert_state(json, "resolved");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM approval"), 0);
    assert_text(W, "SELECT detail FROM audit_entry ORDER BY number DESC LIMIT 1",
                "{\"how\":\"refunded_by_hand\",\"moved\":\"25.00 EUR\"}");
}

static void above_the_limit_another_person_has_to_agree(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id id;
    note.amount_minor = 3001;
    assert_int_equal(open_note(&note, &id), 1);
    assert_state(resolve("user:usr_b", id.text, "written_off", 0, ""), "approval");
    assert_int_equal(W->status, 202);
    json_t *json = get(id.text);
    json_t *approval = json_array_get(json_object_get(json, "approvals"), 0);
    assert_string_equal(json_at(approval, "state"), "waiting");
    assert_string_equal(json_at(approval, "kind"), "ticket_money");
    assert_string_equal(json_at(approval, "asked_by_name"), "bob");
    json_decref(json);
    /* Nothing goes past it. */
    assert_refused(W, decide("user:usr_b", id.text, true), ERR_FORBIDDEN);
    assert_refused(W, resolve("user:usr_l", id.text, "no_action", 0, ""), ERR_STATE);
    assert_refused(W, move("user:usr_l", id.text, "close", "done"), ERR_STATE);
    assert_refused(W, move("user:usr_l", id.text, "start", ""), ERR_STATE);
    assert_state(comment("user:usr_a", id.text, "the slip is in the folder"), "approval");
    assert_state(decide("user:usr_l", id.text, true), "resolved");
    assert_refused(W, decide("user:usr_a", id.text, true), ERR_STATE);
    assert_history(id.text, "opened:system asked:user:usr_b commented:user:usr_a "
                            "approved:user:usr_l");
    assert_int_equal(world_events(W, "ticket.approval"), 1);
    assert_int_equal(world_events(W, "ticket.resolved"), 1);
}

static void the_same_person_with_two_keys_is_one_person(void **state) {
    (void)state;
    open_tickets(&config);
    engine_exec(&W->engine,
                "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, "
                "expires_us, revoked_us, last_used_us, user_id) VALUES ('key_b1', 'one', 'h1', 4, "
                "'', 'user:usr_b', 1, 0, 0, 0, ''), ('key_b2', 'two', 'h2', 4, '', 'internal', 1, "
                "0, 0, 0, 'usr_b'), ('key_l1', 'three', 'h3', 4, '', 'user:usr_b', 1, 0, 0, 0, "
                "'usr_l'), ('key_n', 'none', 'h4', 4, '', 'internal', 1, 0, 0, 0, '')");
    struct ticket_note note = note_of("brk_1");
    struct ticket_id id;
    note.amount_minor = 500000;
    assert_int_equal(open_note(&note, &id), 1);
    assert_refused(W, resolve("key:key_n", id.text, "money_moved", 0, ""), ERR_FORBIDDEN);
    assert_refused(W, resolve("internal", id.text, "money_moved", 0, ""), ERR_FORBIDDEN);
    assert_state(get(id.text), "open");
    assert_state(resolve("key:key_b1", id.text, "money_moved", 0, ""), "approval");
    static const char *const same[] = {"key:key_b1", "key:key_b2", "user:usr_b", "key:key_n",
                                       "internal"};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        assert_refused(W, decide(same[i], id.text, true), ERR_FORBIDDEN);
    }
    assert_state(decide("key:key_l1", id.text, true), "resolved");
}

static void no_small_figure_and_no_second_step_leads_past_the_limit(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id id;
    note.amount_minor = 500000;
    assert_int_equal(open_note(&note, &id), 1);
    /* It is about 5,000.00, whatever is said to have been moved. */
    assert_state(resolve("user:usr_b", id.text, "money_moved", 100, "EUR"), "approval");
    /* 20.00 and 20.00 are more than 30.00. */
    struct ticket_id steps = opened("brk_2");
    assert_state(resolve("user:usr_b", steps.text, "money_moved", 2000, "EUR"), "resolved");
    assert_state(move("user:usr_b", steps.text, "reopen", "not enough"), "reopened");
    assert_state(resolve("user:usr_b", steps.text, "money_moved", 2000, "EUR"), "approval");
    /* What was rejected was not moved. */
    assert_state(decide("user:usr_l", steps.text, false), "in_progress");
    assert_state(resolve("user:usr_b", steps.text, "money_moved", 1000, "EUR"), "resolved");
    /* Another currency, and one without a limit. */
    struct ticket_id yen = opened("brk_3");
    assert_state(resolve("user:usr_b", yen.text, "money_moved", 1, "JPY"), "approval");
    note = note_of("brk_4");
    note.currency = currency_stored("USD");
    note.amount_minor = 1;
    assert_int_equal(open_note(&note, &id), 1);
    assert_state(resolve("user:usr_b", id.text, "written_off", 0, ""), "approval");
    /* No money at all needs nobody. */
    note.subject.id = "brk_5";
    assert_int_equal(open_note(&note, &id), 1);
    assert_refused(W, resolve("user:usr_b", id.text, "fixed", 100, "USD"), ERR_VALIDATION);
    assert_refused(W, resolve("user:usr_b", id.text, "sold", 0, ""), ERR_VALIDATION);
    assert_state(resolve("user:usr_b", id.text, "fixed", 0, ""), "resolved");
    note.subject.id = "brk_6";
    note.amount_minor = 0;
    note.currency = (struct currency){0};
    assert_int_equal(open_note(&note, &id), 1);
    assert_refused(W, resolve("user:usr_b", id.text, "money_moved", 0, ""), ERR_VALIDATION);
    assert_state(resolve("user:usr_b", id.text, "money_moved", 3000, "EUR"), "resolved");
}

static void whose_role_does_not_decide_about_money_asks_at_any_amount(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    const struct ticket_resolution resolution = {.how = "refunded_by_hand",
                                                 .reason = "paid back",
                                                 .amount_minor = 1,
                                                 .currency = currency_stored("EUR")};
    assert_state(
        take(ticket_resolve(desk, &caller, id.text, &resolution, &answer, &W->err), &answer),
        "approval");
    assert_state(decide("user:usr_b", id.text, true), "resolved");
}

static void what_heals_while_it_waits_asks_nobody_any_more(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_note note = note_of("brk_1");
    struct ticket_id id;
    note.amount_minor = 500000;
    assert_int_equal(open_note(&note, &id), 1);
    assert_state(resolve("user:usr_b", id.text, "written_off", 0, ""), "approval");
    assert_int_equal(healed("brk_1"), 1);
    json_t *json = get(id.text);
    assert_true(json_is_null(json_object_get(json, "moved_amount")));
    assert_state(json, "closed");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM approval WHERE state = 1"), 0);
    assert_refused(W, decide("user:usr_l", id.text, true), ERR_STATE);
    /* And it can be asked anew when it is back. */
    assert_int_equal(open_note(&note, &id), 1);
    assert_state(resolve("user:usr_b", id.text, "written_off", 0, ""), "approval");
}

static void decide_one(void *arg) {
    struct err err = {0};
    ANSWER_AUTO answer = {0};
    struct caller caller = person((intptr_t)arg % 2 == 0 ? "user:usr_l" : "user:usr_a");
    int r = ticket_decide(desk, &caller, contested.text, (intptr_t)arg % 3 != 0, "seen", &answer,
                          &err);
    atomic_fetch_add(r >= 0 ? &won : &told, 1);
}

static void of_many_who_decide_at_once_one_has_decided(void **state) {
    (void)state;
    open_tickets(&config);
    for (int round = 0; round < 4; round++) {
        struct task *tasks[CLERKS];
        char subject[16];
        snprintf(subject, sizeof subject, "brk_%d", round);
        struct ticket_note note = note_of(subject);
        note.amount_minor = 500000;
        assert_int_equal(open_note(&note, &contested), 1);
        assert_state(resolve("user:usr_b", contested.text, "money_moved", 0, ""), "approval");
        atomic_store(&won, 0);
        atomic_store(&told, 0);
        for (int i = 0; i < CLERKS; i++) {
            tasks[i] = task_start("clerk", 512 * 1024, decide_one, (void *)(intptr_t)i);
        }
        for (int i = 0; i < CLERKS; i++) {
            task_join(tasks[i]);
        }
        assert_int_equal(atomic_load(&won), 1);
        assert_int_equal(atomic_load(&told), CLERKS - 1);
    }
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM ticket_event WHERE what IN ('approved', 'rejected')"),
        4);
}

/* ---- escalation ---- */

#define ESCALATED "SELECT COUNT(*) FROM ticket_event WHERE what = 'escalated'"

static void what_is_not_done_in_time_goes_to_the_team_and_then_to_its_lead(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1"); /* 4 hours */
    assert_state(assign("user:usr_a", id.text, "me", ""), "open");
    world_pass(W, 4 * HOUR_US - 60 * US_PER_SECOND);
    assert_int_equal(world_int(W, ESCALATED), 0);
    world_pass(W, 61 * US_PER_SECOND);
    assert_int_equal(world_int(W, ESCALATED), 1);
    json_t *json = get(id.text);
    assert_true(json_is_true(json_object_get(json, "overdue")));
    assert_int_equal(int_at(json, "level"), 1);
    assert_string_equal(json_at(json, "assignee.name"), "ann"); /* she keeps it, all see it */
    json_decref(json);
    world_pass(W, 4 * HOUR_US);
    json = get(id.text);
    assert_string_equal(json_at(json, "assignee.name"), "lee");
    json_decref(json);
    world_pass(W, 1000 * HOUR_US);
    assert_int_equal(world_int(W, ESCALATED), 2);
    assert_int_equal(world_events(W, "ticket.escalated"), 2);
    world_verify(W);
    /* Reopened it has new time, and each step once more. */
    assert_state(resolve("user:usr_b", id.text, "fixed", 0, ""), "resolved");
    world_pass(W, 1000 * HOUR_US);
    assert_int_equal(world_int(W, ESCALATED), 2);
    assert_state(move("user:usr_b", id.text, "reopen", "it is back"), "reopened");
    world_pass(W, 3 * HOUR_US);
    assert_int_equal(world_int(W, ESCALATED), 2);
    world_pass(W, 100 * HOUR_US);
    assert_int_equal(world_int(W, ESCALATED), 4);
}

static void what_is_done_or_waits_for_approval_is_treated_by_its_state(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id done = opened("brk_1"), closed = opened("brk_2"), waits = opened("brk_3");
    assert_state(resolve("user:usr_b", done.text, "fixed", 0, ""), "resolved");
    assert_state(move("user:usr_b", closed.text, "close", "a test"), "closed");
    assert_state(resolve("user:usr_b", waits.text, "money_moved", 4000, "EUR"), "approval");
    world_pass(W, 1000 * HOUR_US);
    assert_text(W, "SELECT COUNT(DISTINCT ticket_id) FROM ticket_event WHERE level > 0", "1");
    assert_int_equal(world_int(W, ESCALATED), 2); /* who should agree is late as well */
    assert_state(get(waits.text), "approval");
}

static void steps_that_were_due_while_nothing_ran_are_taken_in_order(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    test_clock_advance(1000 * HOUR_US);
    payment_world_restart(W);
    open_desk(&config);
    world_pass(W, US_PER_SECOND);
    assert_history(id.text, "opened:system escalated:system escalated:system");
    assert_text(W, "SELECT CAST(level AS text) FROM ticket_event ORDER BY number DESC LIMIT 1",
                "2");
}

/* After the step was committed nobody hears of it: the run ends as the process does. */
static int commits;
static int die_after_commit(void *ctx, const char *sql) {
    (void)ctx;
    return strcmp(sql, "COMMITTED") == 0 && commits++ == 0;
}

static void a_crash_after_a_step_does_not_take_it_twice(void **state) {
    (void)state;
    open_tickets(&config);
    struct ticket_id id = opened("brk_1");
    test_clock_advance(4 * HOUR_US + US_PER_SECOND);
    const struct job job = {.kind = JOB_TICKET, .attempts = 0};
    struct job own = job;
    struct err err = {0};
    int64_t again_us = 0;
    snprintf(own.key, sizeof own.key, "%s", id.text);
    commits = 0;
    store_fault_set(W->engine.store, die_after_commit, NULL);
    assert_int_equal(ticket_job(desk, &own, &again_us, &err), -ERR_STORE_UNKNOWN);
    store_fault_set(W->engine.store, NULL, NULL);
    assert_int_equal(world_int(W, ESCALATED), 1);
    payment_world_restart(W);
    open_desk(&config);
    world_pass(W, 200 * US_PER_SECOND);
    assert_int_equal(world_int(W, ESCALATED), 1);
    assert_int_equal(world_events(W, "ticket.escalated"), 1);
    world_pass(W, 4 * HOUR_US);
    assert_int_equal(world_int(W, ESCALATED), 2);
}

static void run_job(void *arg) {
    struct job job = {.kind = JOB_TICKET};
    struct err err = {0};
    int64_t again_us = 0;
    (void)arg;
    snprintf(job.key, sizeof job.key, "%s", contested.text);
    atomic_fetch_add(ticket_job(desk, &job, &again_us, &err) >= 0 ? &won : &told, 1);
}

static void two_instances_at_once_take_a_step_once(void **state) {
    (void)state;
    open_tickets(&config);
    for (int round = 0; round < 3; round++) {
        struct task *tasks[CLERKS];
        char subject[16];
        snprintf(subject, sizeof subject, "brk_%d", round);
        contested = opened(subject);
        test_clock_advance(4 * HOUR_US - 60 * US_PER_SECOND);
        run_job(NULL); /* too early */
        assert_int_equal(world_int(W, ESCALATED), round);
        test_clock_advance(61 * US_PER_SECOND);
        atomic_store(&won, 0);
        for (int i = 0; i < CLERKS; i++) {
            tasks[i] = task_start("runner", 512 * 1024, run_job, NULL);
        }
        for (int i = 0; i < CLERKS; i++) {
            task_join(tasks[i]);
        }
        assert_int_equal(atomic_load(&won), CLERKS);
        assert_int_equal(world_int(W, ESCALATED), round + 1);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_subject_has_one_ticket),
        cmocka_unit_test(told_of_again_with_news_it_says_the_news_and_is_due_no_later),
        cmocka_unit_test(what_is_noted_wrongly_opens_nothing),
        cmocka_unit_test(what_is_gone_closes_its_ticket_and_back_it_is_reopened),
        cmocka_unit_test(what_somebody_resolved_stays_resolved_until_it_is_news),
        cmocka_unit_test(a_ticket_moves_by_its_table_and_no_other_way),
        cmocka_unit_test(what_is_refused_says_who_was_there_before_and_changes_nothing),
        cmocka_unit_test(a_ticket_by_hand_is_about_itself),
        cmocka_unit_test(what_somebody_has_is_transferred_with_a_reason_and_not_taken),
        cmocka_unit_test(of_many_who_take_it_at_once_one_has_it),
        cmocka_unit_test(of_many_who_notice_the_same_at_once_one_opens_it),
        cmocka_unit_test(money_up_to_the_limit_is_moved_by_one_person),
        cmocka_unit_test(above_the_limit_another_person_has_to_agree),
        cmocka_unit_test(the_same_person_with_two_keys_is_one_person),
        cmocka_unit_test(no_small_figure_and_no_second_step_leads_past_the_limit),
        cmocka_unit_test(whose_role_does_not_decide_about_money_asks_at_any_amount),
        cmocka_unit_test(what_heals_while_it_waits_asks_nobody_any_more),
        cmocka_unit_test(of_many_who_decide_at_once_one_has_decided),
        cmocka_unit_test(what_is_not_done_in_time_goes_to_the_team_and_then_to_its_lead),
        cmocka_unit_test(what_is_done_or_waits_for_approval_is_treated_by_its_state),
        cmocka_unit_test(steps_that_were_due_while_nothing_ran_are_taken_in_order),
        cmocka_unit_test(a_crash_after_a_step_does_not_take_it_twice),
        cmocka_unit_test(two_instances_at_once_take_a_step_once),
    };
    int failed = payment_world_run("ticket", tests, COUNT_OF(tests));
    desk_close(desk);
    return failed;
}
