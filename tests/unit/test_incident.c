/* SPDX-License-Identifier: Apache-2.0
 * test_incident.c: an incident's life: by its table and no other way, milestones in their order,
 * graver by anybody and smaller by the commander, signed by two people, and resolved by the gate
 * alone. */
#include "incident_fixture.h"

#include <stdatomic.h>

#include "base/task.h"

static char one[ID_TEXT_MAX];

/* ---- opening ---- */

static void it_is_opened_with_what_is_known_and_numbered(void **state) {
    (void)state;
    open_incidents(NULL);
    char two[ID_TEXT_MAX];
    json_t *json = get(opened(one));
    assert_int_equal(int_at(json, "number"), 1);
    assert_string_equal(json_at(json, "state"), "open");
    assert_string_equal(json_at(json, "severity"), "P2");
    assert_string_equal(json_at(json, "cause"), "unknown");
    assert_true(json_is_null(json_object_get(json, "proposed_severity")));
    assert_string_equal(json_at(json, "milestones.detected"),
                        json_at(json, "milestones.impact_start"));
    assert_string_equal(json_string_value(json_array_get(
                            json_object_get(json_object_get(json, "scope"), "gateways"), 0)),
                        "stripe-a");
    json_decref(json);
    json = get(opened(two));
    assert_int_equal(int_at(json, "number"), 2);
    json_decref(json);
    assert_whole(one);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'incident.open'"), 2);
}

static void what_is_opened_wrongly_opens_nothing(void **state) {
    (void)state;
    open_incidents(NULL);
    struct incident_request future = {.title = "x",
                                      .impact_start_us = clock_wall_us() + US_PER_SECOND};
    struct incident_request untitled = {.title = ""};
    struct incident_request lines = {.title = "two\nlines"};
    struct incident_request follows = {.title = "x", .follows = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"};
    struct incident_request nobodys = {
        .title = "x", .alert_ids = {"alr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"}, .alert_count = 1};
    assert_no(open_one("user:usr_a", &future), ERR_VALIDATION, "later than now");
    assert_no(open_one("user:usr_a", &untitled), ERR_VALIDATION, "title");
    assert_no(open_one("user:usr_a", &lines), ERR_VALIDATION, "title");
    assert_no(open_one("user:usr_a", &follows), ERR_NOT_FOUND, "no incident");
    assert_no(open_one("user:usr_a", &nobodys), ERR_NOT_FOUND, "no alert");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log"), 0);
    assert_int_equal(world_int(W, "SELECT number FROM incident_number"), 0);
    /* What it follows must be over. */
    follows.follows = opened(one);
    assert_no(open_one("user:usr_a", &follows), ERR_STATE, "still open");
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
    assert_at(open_one("user:usr_a", &follows), "follows", one);
}

/* ---- the table ---- */

static const char *const verbs[] = {"acknowledge", "contain", "mitigate", "reconcile",
                                    "close",       "relapse", "cancel"};

static int pass(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                struct buf *evidence, struct err *err) {
    (void)ctx, (void)tx, (void)facts, (void)ret_missing, (void)err;
    *ret_passed = true;
    buf_add_text(evidence, "{\"looked\":9}");
    return 0;
}
static const struct incident_gate open_gate = {pass, NULL};

/* A new one, moved there by the shortest way. */
static void bring_to(enum incident_state state) {
    static const char *const way[] = {"acknowledge", "contain", "mitigate", "reconcile"};
    opened(one);
    learnt();
    if (state == INCIDENT_CANCELLED) {
        json_decref(move("user:usr_a", one, "cancel"));
        return;
    }
    for (int i = 0; i < 4 && i < (int)state - 1; i++) {
        json_decref(move("user:usr_a", one, way[i]));
    }
    if (state >= INCIDENT_RESOLVED) {
        json_decref(resolve("user:usr_a", one, &open_gate));
    }
    if (state == INCIDENT_CLOSED) {
        json_decref(move("user:usr_a", one, "close"));
    }
}

static void it_moves_by_its_table_and_no_other_way(void **state) {
    (void)state;
    /* Rows: the states from open to cancelled. */
    static const char *const to[][COUNT_OF(verbs)] = {
        {"acknowledged", NULL, NULL, NULL, NULL, NULL, "cancelled"},
        {NULL, "contained", NULL, NULL, NULL, NULL, "cancelled"},
        {NULL, NULL, "mitigated", NULL, NULL, NULL, "cancelled"},
        {NULL, NULL, NULL, "reconciled", NULL, "contained", NULL},
        {NULL, NULL, NULL, NULL, NULL, "contained", NULL},
        {NULL, NULL, NULL, NULL, "closed", NULL, NULL},
        {NULL},
        {NULL},
    };
    static_assert(COUNT_OF(to) == INCIDENT_STATE_COUNT - 1, "every state has a row");
    open_incidents(NULL);
    for (int from = INCIDENT_OPEN; from < INCIDENT_STATE_COUNT; from++) {
        for (size_t verb = 0; verb < COUNT_OF(verbs); verb++) {
            bring_to((enum incident_state)from);
            const char *expected = to[from - 1][verb];
            json_t *json = move("user:usr_b", one, verbs[verb]);
            if (expected != NULL) {
                assert_state(json, expected);
            } else {
                assert_no(json, ERR_STATE, "from where there is no");
                assert_non_null(strstr(W->err.detail, "last changed by ann"));
                assert_state(get(one), incident_state_name(from));
            }
            assert_whole(one);
        }
    }
    assert_no(move("user:usr_a", one, "resolve"), ERR_VALIDATION, "no move");
    assert_no(move("user:usr_a", one, "explode"), ERR_VALIDATION, "no move");
}

/* ---- milestones ---- */

static void milestones_come_in_their_order_and_never_lie_ahead(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    int64_t detected_us = world_int(W, "SELECT detected_us FROM incident");
    test_clock_advance(10 * MINUTE_US);
    assert_no(move_at("user:usr_a", one, "acknowledge", clock_wall_us() + US_PER_SECOND),
              ERR_VALIDATION, "later than now");
    assert_no(move_at("user:usr_a", one, "acknowledge", detected_us - US_PER_SECOND),
              ERR_VALIDATION, "before the last milestone");
    assert_state(move_at("user:usr_a", one, "acknowledge", detected_us + 2 * MINUTE_US),
                 "acknowledged");
    assert_no(move_at("user:usr_a", one, "contain", detected_us + MINUTE_US), ERR_VALIDATION,
              "before the last milestone");
    assert_state(move_at("user:usr_a", one, "contain", detected_us + 2 * MINUTE_US), "contained");
    assert_int_equal(world_int(W, "SELECT contained_us - detected_us FROM incident"),
                     2 * MINUTE_US);
    /* The clock goes back an hour: the order stays. */
    test_clock_wall_shift(-60 * MINUTE_US);
    assert_state(move("user:usr_a", one, "mitigate"), "mitigated");
    assert_int_equal(world_int(W, "SELECT mitigated_us - contained_us FROM incident"), 0);
    test_clock_wall_shift(60 * MINUTE_US);
    assert_whole(one);
}

static void a_relapse_takes_back_what_the_fix_had_reached(void **state) {
    (void)state;
    open_incidents(NULL);
    mitigated(opened(one));
    assert_at(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), "state", "mitigated");
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    assert_state(move("user:usr_c", one, "relapse"), "contained");
    assert_int_equal(world_int(W, "SELECT mitigated_us + reconciled_us FROM incident"), 0);
    json_t *json = get(one);
    assert_int_equal(json_array_size(json_object_get(json, "signatures")), 0);
    json_decref(json);
    test_clock_advance(MINUTE_US);
    assert_state(move("user:usr_a", one, "mitigate"), "mitigated");
    /* The same person signs anew: the old word does not stand in the way. */
    assert_at(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), "state", "mitigated");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_signature"), 2);
    assert_whole(one);
}

/* ---- graver by anybody, smaller by the commander ---- */

static void severity_rises_by_anybody_and_falls_by_the_commander(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    assert_at(severity("key:nobodys", one, NOTICE_P1), "severity", "P1");
    assert_no(severity("user:usr_b", one, NOTICE_P1), ERR_STATE, "P1 already");
    assert_no(severity("user:usr_b", one, NOTICE_P3), ERR_FORBIDDEN, "nobody has the command");
    assert_no(severity("internal", one, NOTICE_P3), ERR_FORBIDDEN, "a person with a name");
    assert_at(move("user:usr_a", one, "acknowledge"), "roles.commander.holder", "ann");
    assert_no(severity("user:usr_b", one, NOTICE_P3), ERR_FORBIDDEN, "ann");
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, true, "bob"));
    assert_at(severity("user:usr_b", one, NOTICE_P3), "severity", "P3"); /* her deputy */
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
    assert_no(severity("user:usr_a", one, NOTICE_P0), ERR_STATE, "not changed any more");
    assert_whole(one);
}

static void start_and_scope_grow_by_anybody_and_shrink_by_the_commander(void **state) {
    (void)state;
    open_incidents(NULL);
    struct err err = {0};
    mitigated(opened(one));
    int64_t detected_us = world_int(W, "SELECT detected_us FROM incident");
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    struct incident_correction said = {.impact_start_us = detected_us - 5 * MINUTE_US};
    assert_state(correct("user:usr_c", one, &said), "mitigated");
    json_t *json = get(one);
    assert_int_equal(json_array_size(json_object_get(json, "signatures")), 0); /* void */
    json_decref(json);
    said.impact_start_us = detected_us - MINUTE_US;
    assert_no(correct("user:usr_c", one, &said), ERR_FORBIDDEN, "a later start");
    assert_state(correct("user:usr_a", one, &said), "mitigated");
    said.impact_start_us = detected_us + 1;
    assert_no(correct("user:usr_a", one, &said), ERR_VALIDATION, "begun later");
    struct incident_scope wider = {0}, narrower = {0};
    said = (struct incident_correction){.scope = &wider};
    assert_state(correct("user:usr_c", one, &said), "mitigated"); /* all gateways */
    assert_int_equal(scope_add(&narrower.gateways, "stripe-a", &err), 0);
    said.scope = &narrower;
    assert_no(correct("user:usr_c", one, &said), ERR_FORBIDDEN, "a smaller scope");
    assert_state(correct("user:usr_a", one, &said), "mitigated");
    said = (struct incident_correction){.cause = CAUSE_THIRD_PARTY,
                                        .cause_why = "they say so",
                                        .title = "Stripe is down"};
    assert_at(correct("user:usr_c", one, &said), "cause_why", "they say so");
    said = (struct incident_correction){0};
    assert_no(correct("user:usr_c", one, &said), ERR_VALIDATION, "title, cause");
    assert_whole(one);
}

/* ---- roles and signatures ---- */

static void roles_are_taken_handed_over_and_on_the_log(void **state) {
    (void)state;
    static struct incident_role_config roles[] = {
        {.role = "commander", .rota = "primary", .deputy = "secondary"}};
    static const struct incident_config config = {.roles = roles, .roles_count = 1};
    open_incidents(&config);
    json_t *json = get(opened(one));
    assert_string_equal(json_at(json, "roles.commander.holder"), "ann"); /* by the rota */
    assert_string_equal(json_at(json, "roles.commander.deputy"), "bob");
    json_decref(json);
    assert_at(role("user:usr_c", one, INCIDENT_ROLE_COMMANDER, false, "me"),
              "roles.commander.holder", "cat");
    assert_no(role("user:usr_c", one, INCIDENT_ROLE_COMMANDER, false, "cat"), ERR_STATE,
              "already");
    assert_no(role("user:usr_c", one, INCIDENT_ROLE_COMMS, false, "dan"), ERR_VALIDATION,
              "nobody of that name"); /* disabled */
    assert_no(role("user:usr_c", one, INCIDENT_ROLE_COMMS, false, "vic"), ERR_VALIDATION,
              "nobody of that name"); /* only looks */
    assert_no(role("internal", one, INCIDENT_ROLE_COMMS, false, "me"), ERR_FORBIDDEN, "a person");
    assert_at(role("internal", one, INCIDENT_ROLE_COMMS, false, "eve"), "roles.comms.holder",
              "eve");
    json = role("user:usr_c", one, INCIDENT_ROLE_COMMS, false, "");
    assert_non_null(json);
    json_decref(json);
    char *text = world_text(W, "SELECT body FROM incident_log WHERE seq = 2");
    assert_string_equal(text, "commander from ann to cat: the shift ends");
    free(text);
    assert_whole(one);
}

static void it_is_signed_by_two_people_who_have_the_roles(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    assert_state(move("user:usr_a", one, "acknowledge"), "acknowledged");
    assert_no(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), ERR_STATE, "acknowledged");
    assert_state(move("user:usr_a", one, "contain"), "contained");
    assert_state(move("user:usr_a", one, "mitigate"), "mitigated");
    assert_no(sign("user:usr_b", one, INCIDENT_ROLE_RECON), ERR_FORBIDDEN, "does not sign");
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, false, "ann"));
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, true, "bob"));
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_LEAD, false, "cat"));
    assert_no(sign("internal", one, INCIDENT_ROLE_COMMANDER), ERR_FORBIDDEN, "a person");
    assert_no(sign("user:usr_c", one, INCIDENT_ROLE_LEAD), ERR_FORBIDDEN, "does not sign");
    assert_state(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), "mitigated");
    assert_no(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), ERR_STATE, "already");
    assert_no(sign("user:usr_a", one, INCIDENT_ROLE_RECON), ERR_FORBIDDEN, "another person");
    assert_state(sign("user:usr_b", one, INCIDENT_ROLE_RECON), "mitigated");
    json_t *json = get(one);
    assert_int_equal(json_array_size(json_object_get(json, "signatures")), 2);
    json_decref(json);
    /* Another commander has signed nothing. */
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, false, "cat"));
    json = get(one);
    assert_int_equal(json_array_size(json_object_get(json, "signatures")), 0);
    json_decref(json);
    assert_whole(one);
}

/* ---- the gate ---- */

struct said {
    bool passed;
    int looks, refuses_at;
    const char *meanwhile; /* a move that somebody makes while the gate looks */
    struct incident_facts facts;
};

static int look(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                struct buf *evidence, struct err *err) {
    struct said *said = ctx;
    (void)tx, (void)err;
    said->looks++;
    said->facts = *facts;
    *ret_passed = said->passed && said->looks != said->refuses_at;
    snprintf(ret_missing, INCIDENT_MISSING_BYTES_MAX, "12 payments are unknown");
    buf_add_text(evidence, "{\"unknown\":12}");
    if (said->meanwhile != NULL && strcmp(said->meanwhile, "graver") == 0) {
        json_decref(severity("user:usr_c", one, NOTICE_P0)); /* its state stays */
    } else if (said->meanwhile != NULL) {
        json_decref(move("user:usr_c", one, said->meanwhile));
    }
    return 0;
}

static void only_the_gate_resolves_and_says_what_is_missing(void **state) {
    (void)state;
    open_incidents(NULL);
    struct said said = {0};
    const struct incident_gate gate = {look, &said};
    mitigated(opened(one));
    assert_no(resolve("user:usr_a", one, &gate), ERR_STATE, "mitigated");
    assert_int_equal(said.looks, 0);
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    assert_no(resolve("user:usr_a", one, &gate), ERR_STATE, "12 payments are unknown");
    assert_state(get(one), "reconciled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE kind = 5 AND evidence = "
                                  "'{\"unknown\":12}'"),
                     1);
    assert_true(said.facts.is_signed[INCIDENT_ROLE_COMMANDER]);
    assert_false(said.facts.is_signed[INCIDENT_ROLE_RECON]);
    assert_string_equal(said.facts.roles[INCIDENT_ROLE_RECON], "bob");
    assert_true(said.facts.scope.until_us == said.facts.mitigated_us &&
                said.facts.mitigated_us > said.facts.scope.from_us);
    assert_true(scope_has(&said.facts.scope.gateways, "stripe-a"));
    assert_false(scope_has(&said.facts.scope.gateways, "stripe-b"));
    said.passed = true;
    assert_state(resolve("user:usr_a", one, &gate), "resolved");
    assert_no(resolve("user:usr_b", one, &gate), ERR_STATE, "last changed by ann");
    assert_int_equal(said.looks, 3); /* one that refused, and the two that let it through */
    assert_no(move("user:usr_a", one, "relapse"), ERR_STATE, "resolved");
    learnt();
    assert_state(move("user:usr_a", one, "close"), "closed");
    assert_whole(one);
}

static void what_changed_while_the_gate_looked_is_not_resolved(void **state) {
    (void)state;
    open_incidents(NULL);
    struct said said = {.passed = true, .meanwhile = "relapse"};
    const struct incident_gate gate = {look, &said};
    mitigated(opened(one));
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    assert_null(resolve("user:usr_a", one, &gate));
    assert_state(get(one), "contained");
    /* It relapsed, was mended and reconciled again: still not what the gate saw. */
    static const char *const again[] = {"mitigate", "reconcile"};
    for (size_t i = 0; i < COUNT_OF(again); i++) {
        json_decref(move("user:usr_a", one, again[i]));
    }
    said.meanwhile = "graver";
    assert_no(resolve("user:usr_a", one, &gate), ERR_STATE, "while the gate was looking");
    assert_at(get(one), "severity", "P0");
    said.meanwhile = NULL;
    assert_state(resolve("user:usr_a", one, &gate), "resolved");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE body LIKE 'resolved%'"),
                     1);
    assert_whole(one);
}

static void what_came_up_between_the_looks_refuses(void **state) {
    (void)state;
    open_incidents(NULL);
    struct said said = {.passed = true, .refuses_at = 2};
    const struct incident_gate gate = {look, &said};
    mitigated(opened(one));
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    assert_no(resolve("user:usr_a", one, &gate), ERR_STATE, "12 payments are unknown");
    assert_int_equal(said.looks, 2);
    assert_state(get(one), "reconciled");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE kind = 5 AND body LIKE "
                                  "'The gate refused:%'"),
                     1);
    assert_state(resolve("user:usr_a", one, &gate), "resolved");
    assert_whole(one);
}

enum { PEOPLE = 4 };
static atomic_int won, refused;

static void try_to_resolve(void *arg) {
    struct answer answer = {0};
    struct caller caller = person("user:usr_a");
    struct err err = {0};
    (void)arg;
    int r = incident_resolve(incidents, &open_gate, &caller, one, "", &answer, &err);
    atomic_fetch_add(r >= 0 ? &won : &refused, 1);
    answer_release(&answer);
}

static void of_many_who_resolve_at_once_one_has_done_it(void **state) {
    (void)state;
    open_incidents(NULL);
    struct task *tasks[PEOPLE];
    mitigated(opened(one));
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    atomic_store(&won, 0);
    atomic_store(&refused, 0);
    for (int i = 0; i < PEOPLE; i++) {
        tasks[i] = task_start("person", 1024 * 1024, try_to_resolve, NULL);
    }
    for (int i = 0; i < PEOPLE; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&won), 1);
    assert_int_equal(atomic_load(&refused), PEOPLE - 1);
    assert_whole(one);
}

/* ---- alerts by hand, lists ---- */

static void an_alert_belongs_to_one_incident_and_makes_it_as_large_as_itself(void **state) {
    (void)state;
    open_incidents(NULL);
    char two[ID_TEXT_MAX];
    int64_t symptom_us = clock_wall_us() - 30 * MINUTE_US;
    say(&(struct alert_about){GATEWAY_RULE, "stripe-b", NULL, symptom_us, 0, false}, true);
    char *alert = world_text(W, "SELECT id FROM alert");
    opened(one);
    json_t *json = link_alert("user:usr_a", one, alert);
    assert_string_equal(json_at(json, "state"), "open");
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(json, "scope"), "gateways")), 2);
    json_t *linked = json_array_get(json_object_get(json, "alerts"), 0);
    assert_string_equal(json_at(linked, "rule"), GATEWAY_RULE);
    assert_string_equal(json_at(linked, "labels.gateway"), "stripe-b");
    assert_string_equal(json_at(linked, "state"), "firing");
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident WHERE impact_start_us = (SELECT "
                                  "first_symptom_us FROM alert)"),
                     1);
    assert_no(link_alert("user:usr_a", opened(two), alert), ERR_STATE, one);
    assert_no(link_alert("user:usr_a", two, "alr_01JD5R6Q6Y0V3M8X2K4N7T9BCF"), ERR_NOT_FOUND,
              "no alert");
    assert_whole(one);
    assert_whole(two);
    free(alert);
}

static void lists_show_what_is_live_or_all_page_by_page(void **state) {
    (void)state;
    open_incidents(NULL);
    struct answer answer = {0};
    for (int i = 0; i < 5; i++) {
        test_clock_advance(US_PER_SECOND);
        opened(one);
    }
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
    struct incident_filter filter = {.limit = 3};
    json_t *json = take(incident_list(incidents, &filter, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 3);
    char cursor[ID_TEXT_MAX];
    snprintf(cursor, sizeof cursor, "%s", json_at(json, "next_cursor"));
    json_decref(json);
    filter.cursor = cursor;
    json = take(incident_list(incidents, &filter, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 1);
    assert_true(json_is_null(json_object_get(json, "next_cursor")));
    json_decref(json);
    filter = (struct incident_filter){.state = "all", .severity = "P2"};
    json = take(incident_list(incidents, &filter, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 5);
    json_decref(json);
    filter = (struct incident_filter){.state = "all", .severity = "P1"};
    json = take(incident_list(incidents, &filter, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(json, "data")), 0);
    json_decref(json);
    static const struct incident_filter bad[] = {
        {.state = "green"}, {.severity = "P9"}, {.cursor = "x"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        assert_int_equal(incident_list(incidents, &bad[i], &answer, &err), -ERR_VALIDATION);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_opened_with_what_is_known_and_numbered),
        cmocka_unit_test(what_is_opened_wrongly_opens_nothing),
        cmocka_unit_test(it_moves_by_its_table_and_no_other_way),
        cmocka_unit_test(milestones_come_in_their_order_and_never_lie_ahead),
        cmocka_unit_test(a_relapse_takes_back_what_the_fix_had_reached),
        cmocka_unit_test(severity_rises_by_anybody_and_falls_by_the_commander),
        cmocka_unit_test(start_and_scope_grow_by_anybody_and_shrink_by_the_commander),
        cmocka_unit_test(roles_are_taken_handed_over_and_on_the_log),
        cmocka_unit_test(it_is_signed_by_two_people_who_have_the_roles),
        cmocka_unit_test(only_the_gate_resolves_and_says_what_is_missing),
        cmocka_unit_test(what_changed_while_the_gate_looked_is_not_resolved),
        cmocka_unit_test(what_came_up_between_the_looks_refuses),
        cmocka_unit_test(of_many_who_resolve_at_once_one_has_done_it),
        cmocka_unit_test(an_alert_belongs_to_one_incident_and_makes_it_as_large_as_itself),
        cmocka_unit_test(lists_show_what_is_live_or_all_page_by_page),
    };
    int failed = payment_world_run("incident", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
