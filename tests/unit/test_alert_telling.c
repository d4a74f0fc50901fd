/* SPDX-License-Identifier: Apache-2.0
 * test_alert_telling.c: who is told what, and when (WATCH-5, WATCH-7): groups, inhibition, routes
 * with hours, escalation along a rota and over a restart, repeats, the heartbeat, self-tests,
 * another system's alerts. On both engines, by a clock that a test moves. */
#include "alert_fixture.h"

#include "base/log.h"
#include "meter/meter.h"

#define GATEWAY "PaymentServiceGatewayFailure"

static char *to_room[] = {"room"}, *to_hook[] = {"hook"}, *to_wang[] = {"wang"},
            *to_lead[] = {"lead"}, *just_wang[] = {"wang"}, *p2[] = {"P2"},
            *support[] = {"support"};

static void say_method(const char *rule, const char *gateway, const char *method, bool firing) {
    const struct alert_signal signal = {.rule = rule,
                                        .labels = {{"gateway", gateway}, {"method", method}},
                                        .label_count = 2,
                                        .firing = firing,
                                        .holds_us = ALERT_FOR_GOOD};
    say_signal(0, &signal);
}

/* What is at stake: kept, as JSON, in words; of two that are alike the larger is told first. */
static void money_at_risk_is_told_by_currency_and_ranks(void **state) {
    struct alert_signal small = seen(GATEWAY, "a", true), large = seen(GATEWAY, "b", true);
    small.stake = 1000;
    small.money[small.money_count++] = (struct alert_money){"EUR", 995, 1234567};
    large.stake = 2500;
    large.money[large.money_count++] = (struct alert_money){"CNY", 1234049, 6170000};
    large.money[large.money_count++] = (struct alert_money){"JPY", 12340, 61700};
    large.money[large.money_count++] = (struct alert_money){"???", 1, 1};
    say_signal(0, &small);
    say_signal(0, &large);
    pass_s(11);
    assert_int_equal(
        TOLD("channel = 'room' AND notice LIKE '%\"title\":\"%gateway fails\"%' AND notice LIKE "
             "'%About CNY 12,340 and JPY 12,340 a minute are not taken there; CNY 61,700 and JPY "
             "61,700 since the first symptom%'"),
        1);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%About EUR 9.95 a minute are not "
                          "taken there; EUR 12,346 since%'"),
                     1);
    char *id = engine_text(&engine, "SELECT id FROM alert WHERE money LIKE '2500;%'");
    struct err err = {0};
    JSON_AUTO json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(alert_get(alerts[1], id, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &err), 0);
    const json_t *money = json_object_get(json, "money_at_risk");
    assert_int_equal(json_array_size(money), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "stake")), 2500);
    assert_string_equal(json_string_value(json_object_get(json_array_get(money, 1), "currency")),
                        "JPY");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(money, 0), "per_minute_minor")), 1234049);
    free(id);
}

static void money_is_told_in_the_language_of_the_alerts(void **state) {
    fixture_config.language = "zh";
    fixture_again();
    struct alert_signal rate = {.rule = "PaymentServiceHighErrorRate", .firing = true};
    rate.money[rate.money_count++] = (struct alert_money){"CNY", 1234000, 6170000};
    struct alert_signal sum = {.rule = "UnknownPayments", .firing = true};
    sum.money[sum.money_count++] = (struct alert_money){"CNY", 0, 123456};
    say_signal(0, &rate);
    say_signal(0, &sum);
    pass_s(70);
    say_signal(0, &sum);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%每分钟约有 CNY 12,340 未能收取;自首次异常起共 "
                          "CNY 61,700。%'"),
                     1);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%涉及 CNY 1,235。%'"), 1);
}

static void alerts_of_a_group_are_one_message_that_names_them(void **state) {
    for (int i = 0; i < 14; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%02d", i);
        say(GATEWAY, name, true);
    }
    drain();
    assert_int_equal(TOLD("1 = 1"), 0); /* the group waits */
    pass_s(11);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    assert_int_equal(TOLD("channel = 'hook'"), 14); /* a machine gets each */
    assert_int_equal(TOLD("channel = 'room' AND notice LIKE '%\"also_more\":3%'"), 1);
    /* Another one a moment later waits for the interval, and its message names the others. */
    say(GATEWAY, "later", true);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    pass_s(50);
    assert_int_equal(TOLD("channel = 'room'"), 2);
    assert_int_equal(TOLD("channel = 'room' AND notice LIKE '%later%' AND "
                          "notice LIKE '%\"also_more\":4%'"),
                     1);
    say("LedgerImbalance", NULL, true); /* what is gravest waits for nobody */
    drain();
    assert_int_equal(TOLD("channel = 'room'"), 3);
}

static void a_gateways_failure_silences_its_methods(void **state) {
    say_method("PaymentServiceHighErrorRate", "stripe-eu", "card", true);
    say_method("PaymentServiceHighErrorRate", "paypal", "paypal", true);
    say_method(GATEWAY, "stripe-eu", "card", true);
    say(GATEWAY, "stripe-eu", true); /* within the group's wait: nothing else of it is told */
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%HighErrorRate%' AND "
                          "notice LIKE '%stripe-eu%'"),
                     0);
    pass_s(600);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%HighErrorRate%' AND "
                          "notice LIKE '%stripe-eu%'"),
                     0);
    /* The gateway is well again, its cards are not: now that is told. */
    say_method(GATEWAY, "stripe-eu", "card", false);
    say(GATEWAY, "stripe-eu", false);
    pass_s(121);
    pass_s(61);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%HighErrorRate%' AND "
                          "notice LIKE '%stripe-eu%' AND headline LIKE '%Firing%'"),
                     1);
}

static char *id_of(const char *rule) {
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT id FROM alert WHERE rule = '%s' AND state <> 4", rule);
    return engine_text(&engine, sql);
}

/* Of the alert as people are shown it. */
static bool shows(const char *rule, const char *text) {
    struct err err = {0};
    BUF_AUTO buf;
    char *id = id_of(rule);
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(alert_get(alerts[0], id, &buf, &err), 0);
    free(id);
    return strstr(buf.data, text) != NULL;
}

static void say_database(const char *of) {
    say_signal(0, &(struct alert_signal){.rule = "PaymentServiceDatabaseIssues",
                                         .labels = {{"of", of}},
                                         .label_count = 1,
                                         .firing = true});
}

static void a_database_in_trouble_explains_what_is_slow_and_a_late_standby_does_not(void **state) {
    say("HighRefundLatency", "stripe-eu", true);
    say_database("replication");
    pass_s(61);
    assert_false(shows("HighRefundLatency", "explained_by"));
    assert_false(shows("PaymentServiceDatabaseIssues", "explains"));
    pass_s(11);
    assert_int_equal(TOLD("channel = 'room' AND headline LIKE '%efunds take%'"), 1);
    say_signal(0, &(struct alert_signal){.rule = "PaymentServiceDatabaseIssues",
                                         .labels = {{"of", "replication"}},
                                         .label_count = 1});
    pass_s(300);
    say_database("slow");
    say("HighRefundLatency", "stripe-eu", true);
    say("SlowFraudCheck", NULL, true);
    pass_s(61);
    pass_s(11);
    assert_true(shows("HighRefundLatency", "\"explained_by\":{\"id\":\"alr_"));
    assert_true(shows("HighRefundLatency", "\"rule\":\"PaymentServiceDatabaseIssues\","
                                           "\"labels\":{\"of\":\"slow\"}}"));
    assert_true(shows("PaymentServiceDatabaseIssues", "\"explains\":[{\"id\":\"alr_"));
    assert_true(shows("PaymentServiceDatabaseIssues", "\"rule\":\"HighRefundLatency\",\"labels\":"
                                                      "{\"gateway\":\"stripe-eu\"}}"));
    assert_true(shows("PaymentServiceDatabaseIssues", "\"rule\":\"SlowFraudCheck\""));
    assert_false(shows("PaymentServiceDatabaseIssues", "explained_by"));
    assert_int_equal(TOLD("headline LIKE '%fraud%'"), 0);
}

static void what_is_configured_to_explain_another_mutes_it_and_two_of_a_kind_do_not(void **state) {
    static char *source[] = {"team=operations"}, *target[] = {"team=operations"},
                *equal[] = {"gateway"};
    static struct alert_inhibition_config inhibit = {source, target, 1, 1, equal, 1};
    fixture_config.inhibit = &inhibit;
    fixture_config.inhibit_count = 1;
    fixture_again();
    say("VolumeDrop", "a", true);
    say("UnknownPayments", "a", true);
    pass_s(61);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
}

static void routes_go_by_team_severity_and_labels(void **state) {
    static char *eu[] = {"gateway~*-eu"};
    static struct alert_route_config routes[] = {
        {.name = "eu", .match = eu, .match_count = 1, .channels = to_lead, .channels_count = 1,
         .go_on = true},
        {.name = "support", .teams = support, .teams_count = 1, .channels = to_wang,
         .channels_count = 1},
        {.name = "mild", .severities = p2, .severities_count = 1, .channels = to_room,
         .channels_count = 1},
        {.name = "rest", .channels = to_hook, .channels_count = 1},
    };
    fixture_config.routes = routes;
    fixture_config.routes_count = COUNT_OF(routes);
    fixture_again();
    say(GATEWAY, "stripe-eu", true);
    say("Complaints", NULL, true);
    say("CredentialExpiry", NULL, true);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'lead'"), 1);
    assert_int_equal(TOLD("channel = 'wang'"), 1);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    assert_int_equal(TOLD("channel = 'hook'"), 1);
}

static void out_of_hours_it_waits_until_they_begin(void **state) {
    static struct alert_hours_config hours;
    static char from[8], until[8];
    int64_t day_s = clock_wall_us() / US_PER_SECOND % 86400;
    int64_t begin_s = (day_s + 7200) % 86400 / 60 * 60; /* in two hours, for an hour */
    snprintf(from, sizeof from, "%02d:%02d", (int)(begin_s / 3600), (int)(begin_s / 60 % 60));
    int64_t end_s = (begin_s + 3600) % 86400;
    snprintf(until, sizeof until, "%02d:%02d", (int)(end_s / 3600), (int)(end_s / 60 % 60));
    hours = (struct alert_hours_config){.from = from, .until = until};
    static struct alert_route_config route;
    route = (struct alert_route_config){
        .name = "day", .hours = &hours, .channels = to_room, .channels_count = 1};
    fixture_config.routes = &route;
    fixture_again();
    say(GATEWAY, "a", true);
    for (int i = 0; i < 11; i++) {
        pass_s(600);
    }
    assert_int_equal(TOLD("1 = 1"), 0);
    for (int i = 0; i < 3; i++) {
        pass_s(300);
    }
    assert_int_equal(TOLD("channel = 'room'"), 1);
}

/* ---- nobody acknowledges ---- */

static struct alert_person_config people[] = {
    {.name = "wang", .channels = to_wang, .channels_count = 1},
    {.name = "lead", .channels = to_lead, .channels_count = 1},
};
static struct alert_shift_config always_wang = {.people = just_wang, .people_count = 1};
static struct alert_rota_config rotas[] = {{.name = "ops", .shifts = &always_wang,
                                            .shifts_count = 1}};
static struct alert_step_config steps[] = {{5, "rota:ops"}, {15, "person:lead"}};
static struct alert_escalation_config escalation = {.steps = steps, .steps_count = 2};
static struct alert_route_config room_route;

static void with_escalation(void) {
    room_route = (struct alert_route_config){
        .name = "room", .channels = to_room, .channels_count = 1};
    fixture_config.routes = &room_route;
    fixture_config.routes_count = 1;
    fixture_config.people = people;
    fixture_config.people_count = COUNT_OF(people);
    fixture_config.rotas = rotas;
    fixture_config.rotas_count = 1;
    fixture_config.escalations = &escalation;
    fixture_config.escalations_count = 1;
    fixture_again();
}

static void it_climbs_when_nobody_acknowledges_also_over_a_restart(void **state) {
    with_escalation();
    say(GATEWAY, "a", true);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    pass_s(280);
    assert_int_equal(TOLD("channel = 'wang'"), 0); /* 291 s */
    fixture_restart();
    pass_s(10);
    assert_int_equal(TOLD("channel = 'wang'"), 1);
    assert_int_equal(TOLD("channel = 'wang' AND notice LIKE '%wang (rota ops)%'"), 1);
    fixture_restart();
    drain();
    pass_s(300);
    assert_int_equal(TOLD("channel = 'wang'"), 1); /* once */
    assert_int_equal(TOLD("channel = 'lead'"), 0);
    pass_s(300);
    assert_int_equal(TOLD("channel = 'lead'"), 1);
    say(GATEWAY, "a", false);
    pass_s(121);
    pass_s(61);
    assert_int_equal(TOLD("channel = 'lead' AND headline LIKE '%Resolved%'"), 1);
    assert_int_equal(TOLD("channel = 'wang' AND headline LIKE '%Resolved%'"), 1);
}

static void an_acknowledgement_ends_the_climb(void **state) {
    struct err err = {0};
    with_escalation();
    say(GATEWAY, "a", true);
    pass_s(11);
    char *id = the_alert();
    assert_int_equal(acknowledge(id, &err), 0);
    pass_s(3600);
    assert_int_equal(TOLD("channel = 'wang' OR channel = 'lead'"), 0);
    free(id);
}

static void what_is_muted_does_not_climb_and_begins_anew_afterwards(void **state) {
    struct err err = {0};
    char silence[ID_TEXT_MAX];
    with_escalation();
    assert_int_equal(silence_for("gateway=a", 1200, silence, &err), 0);
    say(GATEWAY, "a", true);
    for (int i = 0; i < 39; i++) {
        pass_s(30);
    }
    assert_int_equal(TOLD("1 = 1"), 0);
    pass_s(60);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    assert_int_equal(TOLD("channel = 'wang'"), 0);
    pass_s(301);
    assert_int_equal(TOLD("channel = 'wang'"), 1);
}

static void where_a_rota_has_nobody_the_next_step_is_taken_at_once(void **state) {
    static char *sunday[] = {"sun"}, *monday[] = {"mon"};
    struct alert_shift_config one = always_wang;
    int weekday = (int)((clock_wall_us() / (86400 * US_PER_SECOND) + 3) % 7); /* Monday: 0 */
    always_wang.hours.days = weekday == 6 || weekday == 5 ? &monday[0] : &sunday[0];
    always_wang.hours.days_count = 1;
    if (weekday == 0) { /* neither today nor tomorrow */
        always_wang.hours.days = sunday;
    }
    with_escalation();
    say(GATEWAY, "a", true);
    pass_s(11);
    pass_s(290);
    assert_int_equal(TOLD("channel = 'wang'"), 0);
    assert_int_equal(TOLD("channel = 'lead'"), 1);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert_entry WHERE "
                                         "body = 'nobody (rota ops)'"),
                     1);
    always_wang = one;
}

static void who_stands_in_has_the_duty_for_that_time(void **state) {
    struct err err = {0};
    with_escalation();
    struct doing doing = {.actor = "user:wang",
                          .reason = "dentist",
                          .fn = doing_override,
                          .override = {.rota = "ops",
                                       .person = "lead",
                                       .until_us = clock_wall_us() + 3600 * US_PER_SECOND}};
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), 0);
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(rotas_list(alerts[1], &buf, &err), 0);
    assert_non_null(strstr(buf.data, "\"on_duty\":\"lead\""));
    say(GATEWAY, "a", true);
    pass_s(301);
    assert_int_equal(TOLD("channel = 'lead'"), 1);
    assert_int_equal(TOLD("channel = 'wang'"), 0);
    pass_s(3600);
    assert_int_equal(rotas_list(alerts[0], &buf, &err), 0);
    assert_non_null(strstr(buf.data, "\"on_duty\":\"wang\",\"overrides\":[]"));
    doing.override.person = "nobody";
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), -ERR_VALIDATION);
    doing.override.rota = "none";
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), -ERR_NOT_FOUND);
}

static void what_is_grave_and_not_acknowledged_is_told_again(void **state) {
    struct err err = {0};
    say(GATEWAY, "a", true);
    say("CredentialExpiry", NULL, true); /* P2: once */
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
    pass_s(29 * 60);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
    pass_s(60);
    assert_int_equal(TOLD("channel = 'hook'"), 3);
    pass_s(30 * 60);
    assert_int_equal(TOLD("channel = 'hook'"), 4);
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%still not acknowledged%'"), 2);
    char *id = engine_text(&engine, "SELECT id FROM alert WHERE severity = 1");
    assert_int_equal(acknowledge(id, &err), 0);
    pass_s(3600);
    assert_int_equal(TOLD("channel = 'hook'"), 5); /* that it was acknowledged */
    free(id);
}

/* ---- the alerting itself ---- */

static void a_heartbeat_goes_out_and_does_not_pile_up(void **state) {
    static struct alert_heartbeat_config heartbeat = {.channel = "hook", .every_minutes = 5};
    struct err err = {0};
    fixture_config.heartbeat = &heartbeat;
    fixture_again();
    assert_int_equal(alerts_start(alerts[0], &err), 0);
    assert_int_equal(alerts_start(alerts[1], &err), 0); /* two instances, one heartbeat */
    drain();
    assert_int_equal(TOLD("channel = 'hook' AND notice LIKE '%Watchdog%'"), 1);
    (void)engine_exec(&engine, "UPDATE alert_delivery SET state = 2");
    pass_s(290);
    assert_int_equal(TOLD("notice LIKE '%Watchdog%'"), 1);
    pass_s(11);
    assert_int_equal(TOLD("notice LIKE '%Watchdog%'"), 2);
    for (int i = 0; i < 5; i++) { /* the channel takes nothing */
        pass_s(301);
    }
    assert_int_equal(TOLD("notice LIKE '%Watchdog%'"), 2);
    (void)engine_exec(&engine, "UPDATE alert_delivery SET state = 2");
    fixture_restart();
    pass_s(301);
    assert_int_equal(TOLD("notice LIKE '%Watchdog%'"), 3);
}

static void each_channel_is_tested_once_a_week_and_the_outcome_is_kept(void **state) {
    struct err err = {0};
    assert_int_equal(alerts_start(alerts[0], &err), 0);
    for (int i = 0; i < 7 * 24; i++) {
        pass_s(3600);
    }
    assert_int_equal(TOLD("notice LIKE '%SelfTest%'"), 4);
    assert_int_equal(TOLD("channel = 'lead' AND notice LIKE '%SelfTest%'"), 1);
    (void)engine_exec(&engine, "UPDATE alert_delivery SET state = 4, last_error = 'the room is "
                               "gone' WHERE channel = 'room'");
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(alert_channels_list(alerts[1], &buf, &err), 0);
    assert_non_null(strstr(buf.data, "{\"state\":\"failed\",\"channel\":\"room\""));
    assert_non_null(strstr(buf.data, "the room is gone"));
    /* Tuesday, 10:10 and a minute later for each channel. */
    int64_t next_us = alert_test_next_us(alerts[0], "hook", INT64_C(1763625600000000));
    char text[CLOCK_TEXT_MAX];
    assert_string_equal(clock_format(next_us, text), "2025-11-25T10:11:00Z");
}

static void a_channel_that_fails_is_an_alert(void **state) {
    struct err err = {0};
    assert_int_equal(alerts_start(alerts[0], &err), 0);
    drain();
    (void)engine_exec(&engine, "INSERT INTO alert_channel (name, even_us, blocked_us, sending, "
                               "sending_us, sent_us, failed_us, failures, last_code, last_error) "
                               "VALUES ('room', 0, 0, '', 0, 0, 1, 3, 'no_service', 'gone')");
    pass_s(61);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE rule = "
                                         "'ChannelFailing' AND labels LIKE 'channel=room%' AND "
                                         "facts LIKE '%Whoever is told by this channel: room.%'"),
                     1);
    (void)engine_exec(&engine, "UPDATE alert_channel SET failures = 0");
    for (int i = 0; i < 5; i++) {
        pass_s(61);
    }
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state <> 4"), 0);
}

static void another_systems_alerts_are_taken_and_end(void **state) {
    static const char firing[] =
        "{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"fingerprint\":\"f\",\"labels\":{"
        "\"alertname\":\"DiskFull\",\"severity\":\"warning\",\"instance\":\"db-1\"},"
        "\"annotations\":{\"summary\":\"No space\"},\"startsAt\":\"2026-11-20T08:00:00Z\"}]}";
    struct notice *notices = NULL;
    struct err err = {0};
    int count = 0;
    ARENA_AUTO arena = arena_new(1 << 20);
    assert_int_equal(alertmanager_read(firing, strlen(firing), clock_wall_us(), arena, &notices,
                                       &count, &err),
                     0);
    assert_int_equal(alert_take_notices(alerts[0], notices, count, &err), 0);
    assert_int_equal(alert_take_notices(alerts[1], notices, count, &err), 0);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook' AND headline = '[P2] Firing: No space'"), 1);
    notices[0].state = NOTICE_RESOLVED;
    assert_int_equal(alert_take_notices(alerts[0], notices, count, &err), 0);
    pass_s(61);
    assert_int_equal(TOLD("channel = 'hook' AND headline = '[P2] Resolved: No space'"), 1);
    /* One whose end never comes is over a day after it was last sent. */
    notices[0].state = NOTICE_FIRING;
    assert_int_equal(alert_take_notices(alerts[0], notices, count, &err), 0);
    pass_s(86390);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state <> 4"), 1);
    pass_s(11);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state <> 4"), 0);
}

static void a_mistake_in_the_configuration_is_refused_with_its_place(void **state) {
    static char *none[] = {"nobody"}, *wrong[] = {"gateway"}, *p9[] = {"P9"};
    static struct alert_route_config to_none = {.name = "r", .channels = none, .channels_count = 1},
                                     match = {.name = "r", .match = wrong, .match_count = 1,
                                              .channels = to_room, .channels_count = 1},
                                     grave = {.name = "r", .severities = p9, .severities_count = 1,
                                              .channels = to_room, .channels_count = 1};
    static struct alert_rule_config rule = {.name = "NoSuch"};
    static struct alert_step_config step = {5, "rota:none"};
    static struct alert_escalation_config climbs = {.steps = &step, .steps_count = 1};
    static struct alert_heartbeat_config beats = {.channel = "none"};
    static struct alert_rota_config strangers = {.name = "r", .shifts = &always_wang,
                                                 .shifts_count = 1};
    const struct {
        struct alert_config config;
        const char *place;
    } rows[] = {
        {{.routes = &to_none, .routes_count = 1}, "alerts.routes[r].channels"},
        {{.routes = &match, .routes_count = 1}, "alerts.routes[r].match"},
        {{.routes = &grave, .routes_count = 1}, "alerts.routes[r].severities"},
        {{.rules = &rule, .rules_count = 1}, "alerts.rules[NoSuch].name"},
        {{.escalations = &climbs, .escalations_count = 1}, "alerts.escalations[0].to"},
        {{.heartbeat = &beats}, "alerts.heartbeat.channel"},
        {{.rotas = &strangers, .rotas_count = 1}, "alerts.rotas[r].shifts"},
        {{.url = "shop.example"}, "alerts.url"},
        {{.time_zone = "Mars/Base"}, "alerts.time_zone"},
        {{.language = "fr"}, "alerts.language"},
        {{.self_test = {.day = "tuesday"}}, "alerts.self_test.day"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        assert_int_equal(alerts_check(&rows[i].config, channels, &err), -ERR_CONFIG);
        assert_string_equal(err.place, rows[i].place);
    }
    struct err err = {0};
    assert_int_equal(alerts_check(NULL, channels, &err), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)
    const struct CMUnitTest tests[] = {
        T(money_at_risk_is_told_by_currency_and_ranks),
        T(money_is_told_in_the_language_of_the_alerts),
        T(alerts_of_a_group_are_one_message_that_names_them),
        T(a_gateways_failure_silences_its_methods),
        T(a_database_in_trouble_explains_what_is_slow_and_a_late_standby_does_not),
        T(what_is_configured_to_explain_another_mutes_it_and_two_of_a_kind_do_not),
        T(routes_go_by_team_severity_and_labels),
        T(out_of_hours_it_waits_until_they_begin),
        T(it_climbs_when_nobody_acknowledges_also_over_a_restart),
        T(an_acknowledgement_ends_the_climb),
        T(what_is_muted_does_not_climb_and_begins_anew_afterwards),
        T(where_a_rota_has_nobody_the_next_step_is_taken_at_once),
        T(who_stands_in_has_the_duty_for_that_time),
        T(what_is_grave_and_not_acknowledged_is_told_again),
        T(a_heartbeat_goes_out_and_does_not_pile_up),
        T(each_channel_is_tested_once_a_week_and_the_outcome_is_kept),
        T(a_channel_that_fails_is_an_alert),
        T(another_systems_alerts_are_taken_and_end),
        T(a_mistake_in_the_configuration_is_refused_with_its_place),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    meter_init();
    return engine_run("alert_telling", tests, COUNT_OF(tests), &engine);
}
