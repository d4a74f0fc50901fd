/* SPDX-License-Identifier: Apache-2.0
 * test_incident_clock.c: what is due of an incident by its severity, and who is nagged when it is
 * late: its owner, the commander, the escalation path; each once, until it is done. */
#include "incident_fixture.h"

static char one[ID_TEXT_MAX];

#define NAGS(where)                                                                                \
    world_int(W, "SELECT COUNT(*) FROM alert WHERE rule = 'IncidentUpdateOverdue' AND state <> 4 " \
                 "AND " where)

static struct incident_role_config roles[] = {
    {.role = "commander", .rota = "primary", .deputy = "secondary"},
    {.role = "comms", .rota = "secondary"},
};
static const struct incident_config config = {.roles = roles, .roles_count = 2};

static void pass_minutes(int minutes) {
    world_pass(W, minutes * MINUTE_US);
}

/* Of a P1: acknowledged in 5, first message in 10, then every 30 minutes. */
static void open_p1(void) {
    open_incidents(&config);
    opened(one);
    json_decref(severity("user:usr_a", one, NOTICE_P1));
}

static int64_t due_s(const char *id) {
    json_t *json = get(id);
    int64_t due_us = 0, detected_us = 0;
    assert_true(clock_parse(json_at(json, "next_update.due_at"), &due_us));
    assert_true(clock_parse(json_at(json, "milestones.detected"), &detected_us));
    json_decref(json);
    return (due_us - detected_us) / US_PER_SECOND;
}

static void what_is_due_follows_from_the_severity(void **state) {
    (void)state;
    open_incidents(&config);
    assert_int_equal(due_s(opened(one)), 240 * 60); /* P2: no public message */
    json_decref(severity("user:usr_a", one, NOTICE_P0));
    assert_int_equal(due_s(one), 5 * 60);
    json_t *json = get(one);
    assert_string_equal(json_at(json, "next_update.what"), "first_message");
    assert_string_equal(json_at(json, "next_update.owner"), "bob"); /* comms, by the rota */
    assert_non_null(json_at(json, "acknowledge_by"));
    json_decref(json);
    test_clock_advance(3 * MINUTE_US);
    json_decref(note("user:usr_b", one, LOGGED_COMMS, "We look into it."));
    assert_in_range(due_s(one), 23 * 60, 23 * 60 + 30);
    json_decref(note("user:usr_b", one, LOGGED_ACTION, "no update"));
    assert_in_range(due_s(one), 23 * 60, 23 * 60 + 30);
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
    json = get(one);
    assert_true(json_is_null(json_object_get(json, "next_update")));
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'incidents'"), 0);
}

static void the_configuration_says_otherwise(void **state) {
    (void)state;
    static unsigned never = 0, two = 2;
    static struct incident_cadence_config rows[] = {
        {.severity = "P2", .first_minutes = &two, .acknowledge_minutes = &never}};
    static const struct incident_config quick = {.cadence = rows, .cadence_count = 1};
    open_incidents(&quick);
    assert_int_equal(due_s(opened(one)), 120);
    json_t *json = get(one);
    assert_true(json_is_null(json_object_get(json, "acknowledge_by")));
    json_decref(json);
}

static void who_does_not_acknowledge_is_nagged_then_his_deputy_then_the_path(void **state) {
    (void)state;
    open_p1();
    pass_minutes(4);
    assert_int_equal(NAGS("1 = 1"), 0);
    pass_minutes(2);
    assert_int_equal(NAGS("labels LIKE '%step=owner%' AND labels LIKE '%person=ann%'"), 1);
    assert_int_equal(NAGS("severity = 2"), 1);
    /* She hears of it on her own channel, besides the room. */
    pass_minutes(1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM alert_delivery WHERE channel = 'ann'"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM alert_delivery WHERE channel = 'bob'"), 0);
    pass_minutes(3);
    assert_int_equal(NAGS("labels LIKE '%what=acknowledge%' AND labels LIKE '%step=commander%' AND "
                          "labels LIKE '%person=bob%'"),
                     1);
    pass_minutes(6);
    assert_int_equal(NAGS("labels LIKE '%what=acknowledge%' AND labels LIKE '%step=escalation%' "
                          "AND severity = 1"),
                     1);
    assert_int_equal(world_int(W, "SELECT ack_nags FROM incident"), 3);
    pass_minutes(60);
    assert_int_equal(NAGS("labels LIKE '%what=acknowledge%'"), 3); /* each step once */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE kind = 5 AND body LIKE "
                                  "'Nobody has%'"),
                     3);
    assert_state(move("user:usr_a", one, "acknowledge"), "acknowledged");
    assert_int_equal(NAGS("labels LIKE '%what=acknowledge%'"), 0);
    assert_whole(one);
}

static void a_late_update_nags_until_people_were_told(void **state) {
    (void)state;
    open_p1();
    assert_state(move("user:usr_a", one, "acknowledge"), "acknowledged");
    pass_minutes(11);
    assert_int_equal(NAGS("labels LIKE '%what=first_message%' AND labels LIKE '%person=bob%'"), 1);
    json_t *json = get(one);
    assert_true(json_is_true(json_object_get(json_object_get(json, "next_update"), "overdue")));
    json_decref(json);
    /* The role is handed over meanwhile: the nag of before ends all the same. */
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_COMMS, false, "cat"));
    pass_minutes(5);
    assert_int_equal(NAGS("labels LIKE '%step=commander%' AND labels LIKE '%person=ann%'"), 1);
    json_decref(note("user:usr_c", one, LOGGED_COMMS, "Cards may fail."));
    assert_int_equal(NAGS("1 = 1"), 0);
    pass_minutes(29);
    assert_int_equal(NAGS("1 = 1"), 0);
    pass_minutes(2);
    assert_int_equal(NAGS("labels LIKE '%what=update%' AND labels LIKE '%person=cat%'"), 1);
    /* Over: nobody is nagged any more. */
    json_decref(move("user:usr_a", one, "cancel"));
    assert_int_equal(NAGS("1 = 1"), 0);
    assert_whole(one);
}

static void a_lower_severity_has_more_time_and_a_step_is_taken_once(void **state) {
    (void)state;
    open_p1();
    assert_state(move("user:usr_a", one, "acknowledge"), "acknowledged");
    pass_minutes(11);
    assert_int_equal(NAGS("1 = 1"), 1);
    int64_t next_us = 0;
    struct err err = {0};
    for (int i = 0; i < 3; i++) { /* a run that comes again finds the step taken */
        assert_int_equal(incident_timer(incidents, one, &next_us, &err), 0);
        assert_true(next_us > clock_wall_us());
    }
    assert_int_equal(world_int(W, "SELECT update_nags FROM incident"), 1);
    json_decref(severity("user:usr_a", one, NOTICE_P2));
    assert_int_equal(NAGS("1 = 1"), 0);
    assert_int_equal(world_int(W, "SELECT update_nags FROM incident"), 0);
}

static void what_is_configured_wrongly_is_refused_with_its_place(void **state) {
    (void)state;
    static unsigned weeks = 8 * 24 * 60;
    static char *grave[] = {"P9"};
    static struct incident_role_config cook[] = {{.role = "cook", .rota = "primary"}};
    static struct incident_role_config nowhere[] = {{.role = "lead", .rota = "nowhere"}};
    static struct incident_role_config twice[] = {{.role = "lead", .rota = "primary"},
                                                  {.role = "lead", .rota = "primary"}};
    static struct incident_cadence_config p9[] = {{.severity = "P9"}};
    static struct incident_cadence_config slow[] = {{.severity = "P1", .update_minutes = &weeks}};
    static struct incident_opener_config bad[] = {{.severities = grave, .severities_count = 1}};
    static struct incident_opener_config any[] = {{.after_s = 5}};
    static const struct {
        struct incident_config config;
        const char *place;
    } rows[] = {
        {{.roles = cook, .roles_count = 1}, "incidents.roles[0]"},
        {{.roles = nowhere, .roles_count = 1}, "incidents.roles[0]"},
        {{.roles = twice, .roles_count = 2}, "incidents.roles[1]"},
        {{.cadence = p9, .cadence_count = 1}, "incidents.cadence[0]"},
        {{.cadence = slow, .cadence_count = 1}, "incidents.cadence[0]"},
        {{.open_by = bad, .open_by_count = 1}, "incidents.open_by[0]"},
        {{.by_hand = true, .open_by = any, .open_by_count = 1}, "incidents.open_by[0]"},
        {{.nag_minutes = 8 * 24 * 60}, "incidents.nag_minutes"},
    };
    open_incidents(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        assert_int_equal(incidents_check(&rows[i].config, &fixture_alerts, &err), -ERR_CONFIG);
        assert_string_equal(err.place, rows[i].place);
    }
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_due_follows_from_the_severity),
        cmocka_unit_test(the_configuration_says_otherwise),
        cmocka_unit_test(who_does_not_acknowledge_is_nagged_then_his_deputy_then_the_path),
        cmocka_unit_test(a_late_update_nags_until_people_were_told),
        cmocka_unit_test(a_lower_severity_has_more_time_and_a_step_is_taken_once),
        cmocka_unit_test(what_is_configured_wrongly_is_refused_with_its_place),
    };
    int failed = payment_world_run("incident_clock", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
