/* SPDX-License-Identifier: Apache-2.0
 * test_action_items.c: action items: one owner, a date, what proves them; done by one and verified
 * by another; reopened by a person or a drill that fails again; nagged for while they are late, as
 * postmortems are. */
#include "brief_fixture.h"

#include "incident/action_impl.h"

#define DAY_US (24 * HOUR_US)
#define NAGS(where)                                                                                \
    world_int(W, "SELECT COUNT(*) FROM alert WHERE rule = 'FollowUpOverdue' AND state IN (2, 3) "  \
                 "AND " where)

static char item[ID_TEXT_MAX];

static const struct action_request wanted = {
    .kind = ACTION_KIND_CAUSE,
    .what = "Alert within 60 s when callbacks stop",
    .owner = "bob",
    .proof_kind = PROOF_DRILL,
    .proof = "callbacks-stop",
};

static json_t *add(const struct action_request *request) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(action_add(incidents, &caller, one, request, &answer, &W->err), &answer);
}

static void added(const struct action_request *request) {
    json_t *json = add(request);
    if (json == NULL) {
        fail_msg("%s: %s", W->err.place, W->err.detail);
    }
    snprintf(item, sizeof item, "%s", json_at(json, "id"));
    json_decref(json);
}

static json_t *act(const char *actor, const char *verb) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(action_move(incidents, &caller, item, verb, "seen", &answer, &W->err), &answer);
}

static json_t *assign(const char *owner, int64_t due_us) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(action_assign(incidents, &caller, item, owner, due_us, "he left", &answer, &W->err),
                &answer);
}

static json_t *list(const struct action_filter *filter) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(action_list(incidents, filter, &answer, &W->err), &answer);
}

static void assert_listed(const struct action_filter *filter, int count) {
    json_t *json = list(filter);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "data")), count);
    json_decref(json);
}

static void an_incident(enum notice_severity how) {
    open_incidents(NULL);
    engine = W->engine;
    engine_exec(&engine, "DELETE FROM job");
    struct incident_request request = {.title = "Cards fail", .severity_known = true,
                                       .severity = how};
    json_t *json = open_one("user:usr_a", &request);
    assert_non_null(json);
    snprintf(one, sizeof one, "%s", json_at(json, "id"));
    json_decref(json);
}

/* ---- their life ---- */

static void one_says_that_it_is_done_and_another_looks_at_the_proof(void **state) {
    (void)state;
    an_incident(NOTICE_P1);
    added(&wanted);
    assert_no(act("user:usr_b", "verify"), ERR_STATE, "is open, from where there is no");
    assert_no(act("key:nobodys", "done"), ERR_FORBIDDEN, "person with a name");
    assert_at(act("user:usr_b", "done"), "state", "done");
    assert_no(act("user:usr_b", "done"), ERR_STATE, "is done");
    assert_no(act("user:usr_b", "verify"), ERR_FORBIDDEN, "somebody else");
    assert_at(act("user:usr_a", "verify"), "state", "verified");
    assert_at(act("user:usr_c", "reopen"), "state", "reopened");
    assert_no(act("user:usr_a", "verify"), ERR_STATE, "reopened");
    json_t *json = act("user:usr_b", "done");
    assert_int_equal(int_at(json, "reopened_count"), 1);
    assert_int_equal(int_at(json, "version"), 5);
    json_decref(json);
    assert_whole(one);
    /* The log has each of it, with the digest of the item as it was left. */
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM incident_log WHERE evidence LIKE "
                                         "'%action_item%'"),
                     5);
    assert_no(act("user:usr_b", "explode"), ERR_STATE, "no \"explode\"");
}

static void every_row_of_the_moves_is_walked_and_no_other(void **state) {
    (void)state;
    static const char *const verbs[] = {"done", "verify", "reopen"};
    static const char *const way[][3] = {
        {NULL}, {"done"}, {"done", "verify"}, {"done", "reopen"}}; /* to open, done, … */
    static const char *const to[][COUNT_OF(verbs)] = {
        {"done", NULL, NULL},
        {NULL, "verified", "reopened"},
        {NULL, NULL, "reopened"},
        {"done", NULL, NULL},
    };
    an_incident(NOTICE_P1);
    for (size_t from = 0; from < COUNT_OF(to); from++) {
        for (size_t verb = 0; verb < COUNT_OF(verbs); verb++) {
            added(&wanted);
            for (int i = 0; i < 3 && way[from][i] != NULL; i++) {
                json_decref(act(i == 0 ? "user:usr_b" : "user:usr_a", way[from][i]));
            }
            json_t *json = act("user:usr_c", verbs[verb]);
            if (to[from][verb] != NULL) {
                assert_at(json, "state", to[from][verb]);
            } else {
                assert_no(json, ERR_STATE, "from where there is no");
            }
        }
    }
}

static void what_nobody_could_prove_or_do_in_time_is_refused(void **state) {
    (void)state;
    struct action_request request = wanted;
    an_incident(NOTICE_P0);
    int64_t now = clock_wall_us();
    static const char *const vague[] = {"Improve monitoring", "ENSURE it works", "be careful",
                                        "加强监控", "Look into it"};
    for (size_t i = 0; i < COUNT_OF(vague); i++) {
        request.what = vague[i];
        assert_no(add(&request), ERR_VALIDATION, "nobody could show");
    }
    request = wanted;
    request.what = "";
    assert_no(add(&request), ERR_VALIDATION, "characters");
    request = wanted;
    request.owner = "zed";
    assert_no(add(&request), ERR_VALIDATION, "no user \"zed\"");
    request.owner = "dan"; /* disabled */
    assert_no(add(&request), ERR_VALIDATION, "no user \"dan\"");
    request = wanted;
    request.proof = "a drill; rm -rf";
    assert_no(add(&request), ERR_VALIDATION, "the name of a drill");
    request = wanted;
    request.due_us = now - MINUTE_US;
    assert_no(add(&request), ERR_VALIDATION, "due between now and");
    request.due_us = now + 15 * DAY_US;
    assert_no(add(&request), ERR_VALIDATION, "due between now and");
    assert_listed(&(struct action_filter){.state = "all"}, 0);
    request.due_us = now + 13 * DAY_US;
    added(&request);
    added(&wanted); /* 14 days of a P0 */
    assert_int_equal(engine_int(&engine, "SELECT (due_us - created_us) / 86400000000 FROM "
                                         "action_item WHERE number = 2"),
                     14);
    assert_listed(&(struct action_filter){0}, 2);
}

static void they_are_listed_by_what_is_due_first(void **state) {
    (void)state;
    struct action_request request = wanted;
    an_incident(NOTICE_P3);
    int64_t now = clock_wall_us();
    for (int i = 3; i > 0; i--) {
        request.due_us = now + i * DAY_US;
        request.owner = i == 2 ? "ann" : "bob";
        added(&request);
    }
    json_t *json = list(&(struct action_filter){.limit = 2});
    const json_t *rows = json_object_get(json, "data");
    assert_int_equal(int_at(json_array_get(rows, 0), "number"), 3);
    assert_int_equal(int_at(json_array_get(rows, 1), "number"), 2);
    char cursor[ID_TEXT_MAX];
    snprintf(cursor, sizeof cursor, "%s", json_at(json, "next_cursor"));
    json_decref(json);
    json = list(&(struct action_filter){.limit = 2, .cursor = cursor});
    rows = json_object_get(json, "data");
    assert_int_equal(json_array_size(rows), 1);
    assert_int_equal(int_at(json_array_get(rows, 0), "number"), 1);
    assert_true(json_is_null(json_object_get(json, "next_cursor")));
    json_decref(json);
    assert_listed(&(struct action_filter){.owner = "ann"}, 1);
    assert_listed(&(struct action_filter){.overdue = true}, 0);
    assert_listed(&(struct action_filter){.incident = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"}, 0);
    json_decref(act("user:usr_b", "done")); /* the one that is due first */
    test_clock_advance(2 * DAY_US + MINUTE_US);
    assert_listed(&(struct action_filter){.overdue = true}, 1); /* that of ann */
    assert_listed(&(struct action_filter){.state = "done"}, 1);
    assert_no(list(&(struct action_filter){.state = "green"}), ERR_VALIDATION, "no state");
}

static void it_may_be_given_to_another_within_its_time(void **state) {
    (void)state;
    an_incident(NOTICE_P0);
    added(&wanted);
    int64_t now = clock_wall_us();
    assert_at(assign("cat", 0), "owner", "cat");
    assert_no(assign(NULL, now + 20 * DAY_US), ERR_VALIDATION, "due between");
    assert_no(assign("zed", 0), ERR_VALIDATION, "no user");
    assert_no(assign(NULL, 0), ERR_VALIDATION, "neither");
    assert_at(assign(NULL, now + DAY_US), "owner", "cat");
    json_decref(act("user:usr_c", "done"));
    assert_no(assign("ann", 0), ERR_STATE, "waits for nobody");
    assert_whole(one);
}

/* ---- drills ---- */

struct failing {
    const char *drill;
    int count;
};

static int drill_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct failing *failing = ctx;
    return action_reopen(incidents, tx, failing->drill, "drl_7: noticed after 300 s",
                         &failing->count, err);
}

static void a_drill_that_fails_again_reopens_what_it_had_proved(void **state) {
    (void)state;
    struct action_request other = wanted;
    struct failing failing = {"callbacks-stop", -1};
    struct err err = {0};
    an_incident(NOTICE_P1);
    other.proof_kind = PROOF_CHECK;
    added(&other); /* the same name, and no drill */
    json_decref(act("user:usr_b", "done"));
    added(&wanted);
    assert_int_equal(store_write(engine.store, drill_tx, &failing, &err), 0);
    assert_int_equal(failing.count, 0); /* it is open anyhow */
    json_decref(act("user:usr_b", "done"));
    json_decref(act("user:usr_a", "verify"));
    test_clock_advance(40 * DAY_US);
    assert_int_equal(store_write(engine.store, drill_tx, &failing, &err), 0);
    assert_int_equal(failing.count, 1);
    json_t *json = list(&(struct action_filter){0});
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    assert_string_equal(json_at(row, "state"), "reopened");
    assert_string_equal(json_at(row, "reopened_why"), "drl_7: noticed after 300 s");
    assert_true(json_is_false(json_object_get(row, "overdue"))); /* it is due anew */
    json_decref(json);
    assert_listed(&(struct action_filter){.state = "done"}, 1);
    failing = (struct failing){"another", -1};
    assert_int_equal(store_write(engine.store, drill_tx, &failing, &err), 0);
    assert_int_equal(failing.count, 0);
    assert_whole(one);
}

/* ---- nags ---- */

static void late_items_nag_the_owner_the_commander_and_the_path(void **state) {
    (void)state;
    int64_t next_us = 0;
    char key[JOB_KEY_CHARS_MAX + 1];
    struct err err = {0};
    an_incident(NOTICE_P0);
    json_decref(move("user:usr_a", one, "acknowledge"));
    added(&wanted);
    snprintf(key, sizeof key, "a:%s", item);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job WHERE kind = 'incidents' AND "
                                         "key LIKE 'a:act_%'"),
                     1);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("1 = 1"), 0); /* it is not due */
    assert_true(next_us > clock_wall_us());
    test_clock_advance(14 * DAY_US + MINUTE_US);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("labels LIKE '%step=owner%' AND labels LIKE '%person=bob%'"), 1);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0); /* twice is once */
    assert_int_equal(NAGS("1 = 1"), 1);
    test_clock_advance(DAY_US);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("labels LIKE '%step=commander%' AND labels LIKE '%person=ann%'"), 1);
    test_clock_advance(DAY_US);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("labels LIKE '%step=escalation%'"), 1);
    assert_int_equal(next_us, 0);
    assert_whole(one);
    /* The item's own digest does not change by being nagged for. */
    json_decref(act("user:usr_b", "done"));
    assert_int_equal(NAGS("1 = 1"), 0);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(next_us, 0);
    assert_int_equal(NAGS("1 = 1"), 0);
    /* None of it opens an incident. */
    assert_int_equal(incident_look(incidents, &err), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident"), 1);
}

static int let_through(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                       bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                       struct buf *evidence, struct err *err) {
    (void)ctx, (void)tx, (void)facts, (void)ret_missing, (void)err;
    *ret_passed = true;
    buf_add_text(evidence, "{}");
    return 0;
}

static void a_late_postmortem_nags_until_the_incident_is_closed(void **state) {
    (void)state;
    static const struct incident_gate open_gate = {let_through, NULL};
    static const enum postmortem_part needed[] = {PART_SUMMARY, PART_ROOT_CAUSE, PART_WELL,
                                                  PART_BADLY};
    int64_t next_us = 0;
    char key[JOB_KEY_CHARS_MAX + 1];
    struct err err = {0};
    an_incident(NOTICE_P0);
    mitigated(one);
    json_decref(move("user:usr_a", one, "reconcile"));
    json_decref(resolve("user:usr_a", one, &open_gate));
    snprintf(key, sizeof key, "p:%s", one);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job WHERE kind = 'incidents' AND "
                                         "key LIKE 'p:inc_%'"),
                     1);
    test_clock_advance(3 * DAY_US - MINUTE_US);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("1 = 1"), 0);
    test_clock_advance(2 * MINUTE_US);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(NAGS("labels LIKE '%step=owner%' AND labels LIKE '%person=ann%'"), 1);
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        struct caller caller = person("user:usr_a");
        struct answer answer = {0};
        json_decref(take(postmortem_edit(incidents, &caller, one, needed[i], "x", &answer, &err),
                         &answer));
    }
    added(&wanted);
    assert_state(move("user:usr_a", one, "close"), "closed");
    assert_int_equal(NAGS("1 = 1"), 0);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job WHERE key LIKE 'p:inc_%'"),
                     0);
    assert_int_equal(learn_timer(incidents, key, &next_us, &err), 0);
    assert_int_equal(next_us, 0);
    /* Its items are still waited for, also when it is closed. */
    assert_listed(&(struct action_filter){0}, 1);
    assert_whole(one);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_says_that_it_is_done_and_another_looks_at_the_proof),
        cmocka_unit_test(every_row_of_the_moves_is_walked_and_no_other),
        cmocka_unit_test(what_nobody_could_prove_or_do_in_time_is_refused),
        cmocka_unit_test(they_are_listed_by_what_is_due_first),
        cmocka_unit_test(it_may_be_given_to_another_within_its_time),
        cmocka_unit_test(a_drill_that_fails_again_reopens_what_it_had_proved),
        cmocka_unit_test(late_items_nag_the_owner_the_commander_and_the_path),
        cmocka_unit_test(a_late_postmortem_nags_until_the_incident_is_closed),
    };
    int failed = payment_world_run("action_items", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
