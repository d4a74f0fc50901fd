/* SPDX-License-Identifier: Apache-2.0
 * test_alerts.c: what an alert is and becomes (WATCH-5): one for one thing whoever sees it, told
 * once, over when nobody sees it, acknowledged until then, silenced without being lost, and few
 * when much comes. On both engines, with two instances, by a clock that a test moves. */
#include "alert_fixture.h"

#include "base/log.h"

#define GATEWAY "PaymentServiceGatewayFailure" /* at once; kept for 120 s */
#define LATENCY "PaymentServiceHighLatency"    /* after 60 s; kept for 180 s */
#define LIVE() engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state <> 4")
#define FIRING() engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state = 2")

static void it_waits_for_its_for_and_is_forgotten_when_it_clears_before(void **state) {
    say(LATENCY, NULL, true);
    pass_s(50);
    assert_int_equal(LIVE(), 1);
    assert_int_equal(FIRING(), 0);
    assert_int_equal(TOLD("1 = 1"), 0);
    say(LATENCY, NULL, false);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert"), 0);
    say(LATENCY, NULL, true); /* its time begins anew */
    pass_s(50);
    assert_int_equal(FIRING(), 0);
    pass_s(11);
    assert_int_equal(FIRING(), 1);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'room'"), 1);
}

static void it_is_told_once_however_often_it_is_said(void **state) {
    for (int i = 0; i < 60; i++) {
        const struct alert_signal signal = seen(GATEWAY, "stripe-eu", true);
        say_signal(i % INSTANCES, &signal);
        pass_s(10);
    }
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert"), 1);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    assert_int_equal(TOLD("channel = 'hook'"), 1);
    char *headline = engine_text(&engine, "SELECT headline FROM alert_delivery WHERE "
                                          "channel = 'room'");
    assert_string_equal(headline, "[P1] Firing: A payment gateway fails");
    free(headline);
}

static void what_comes_and_goes_within_keep_is_one_alert(void **state) {
    for (int i = 0; i < 10; i++) { /* 60 s there, 60 s not */
        say(GATEWAY, "stripe-eu", i % 2 == 0);
        pass_s(60);
    }
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert"), 1);
    assert_int_equal(TOLD("channel = 'room'"), 1);
    pass_s(50);
    assert_int_equal(LIVE(), 1); /* 110 s */
    pass_s(11);
    assert_int_equal(LIVE(), 0);
    pass_s(61);
    assert_int_equal(TOLD("channel = 'room' AND headline LIKE '%Resolved%'"), 1);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
    pass_s(3600);
    assert_int_equal(TOLD("1 = 1"), 4);
}

static void it_is_over_when_no_instance_sees_it_any_more(void **state) {
    struct alert_signal one = seen(GATEWAY, "stripe-eu", true), two = one;
    one.source = "a";
    two.source = "b";
    say_signal(0, &one);
    say_signal(1, &two);
    assert_int_equal(LIVE(), 1);
    one.firing = false;
    say_signal(0, &one);
    for (int i = 0; i < 20; i++) { /* b goes on seeing it */
        pass_s(60);
        say_signal(1, &two);
    }
    assert_int_equal(FIRING(), 1);
    pass_s(290); /* b has died: its word counts for five minutes */
    assert_int_equal(FIRING(), 1);
    pass_s(11);
    pass_s(121); /* and it is kept for two */
    assert_int_equal(LIVE(), 0);
}

static void what_one_instance_says_of_all_another_may_take_back(void **state) {
    say_signal(0, &(struct alert_signal){.rule = "LedgerImbalance", .firing = true,
                                         .holds_us = ALERT_FOR_GOOD});
    say_signal(1, &(struct alert_signal){.rule = "LedgerImbalance"});
    assert_int_equal(LIVE(), 0);
    /* The first remembers what it has said, and is asked to say it again all the same. */
    say_signal(0, &(struct alert_signal){.rule = "LedgerImbalance"});
    say_signal(0, &(struct alert_signal){.rule = "LedgerImbalance", .firing = true});
    assert_int_equal(LIVE(), 1);
}

static void an_unchanged_word_costs_no_transaction_for_a_minute(void **state) {
    struct store_stats before, after;
    const struct alert_signal signal = seen(GATEWAY, "stripe-eu", true);
    const struct alert_signal well = seen(GATEWAY, "paypal", false);
    say_signal(0, &signal);
    say_signal(0, &well);
    store_stats(engine.store, &before);
    for (int i = 0; i < 100; i++) {
        say_signal(0, &signal);
        say_signal(0, &well);
    }
    store_stats(engine.store, &after);
    assert_int_equal(after.writes, before.writes);
    test_clock_advance(61 * US_PER_SECOND);
    say_signal(0, &signal);
    store_stats(engine.store, &after);
    assert_int_equal(after.writes, before.writes + 1);
}

static void labels_in_any_order_are_the_same_alert_and_others_another(void **state) {
    struct alert_signal signal = {.rule = GATEWAY,
                                  .labels = {{"method", "card"}, {"gateway", "a"}},
                                  .label_count = 2,
                                  .firing = true};
    say_signal(0, &signal);
    signal.labels[0] = (struct notice_label){"gateway", "a"};
    signal.labels[1] = (struct notice_label){"method", "card"};
    say_signal(1, &signal);
    assert_int_equal(LIVE(), 1);
    signal.labels[1].value = "paypal";
    say_signal(0, &signal);
    assert_int_equal(LIVE(), 2);
    struct err err = {0};
    signal.labels[1].name = "gateway";
    assert_int_equal(alert_signal(alerts[0], &signal, &err), -ERR_VALIDATION); /* twice */
    signal.labels[1].name = "a b";
    assert_int_equal(alert_signal(alerts[0], &signal, &err), -ERR_VALIDATION);
    signal.labels[1] = (struct notice_label){"method", "a\nb"};
    assert_int_equal(alert_signal(alerts[0], &signal, &err), -ERR_VALIDATION);
    signal.label_count = 0;
    signal.title = "two\nlines";
    assert_int_equal(alert_signal(alerts[0], &signal, &err), -ERR_VALIDATION);
    assert_int_equal(alert_signal(alerts[0], &(struct alert_signal){.firing = true}, &err),
                     -ERR_VALIDATION);
    assert_int_equal(LIVE(), 2);
}

static void an_acknowledgement_holds_until_it_clears_and_no_longer(void **state) {
    struct err err = {0};
    say(GATEWAY, "stripe-eu", true);
    pass_s(11);
    char *id = the_alert();
    assert_int_equal(acknowledge(id, &err), 0);
    drain();
    assert_state(id, "acknowledged");
    assert_int_equal(TOLD("channel = 'hook' AND headline LIKE '%Acknowledged%'"), 1);
    assert_int_equal(acknowledge(id, &err), -ERR_STATE);
    assert_non_null(strstr(err.detail, "user:wang"));
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM audit_entry WHERE "
                                         "action = 'alert.acknowledge'"), 1);
    pass_s(4 * 3600);
    assert_int_equal(TOLD("channel = 'hook'"), 2); /* and nothing is repeated */
    say(GATEWAY, "stripe-eu", false);
    pass_s(121);
    pass_s(61);
    assert_state(id, "resolved");
    assert_int_equal(TOLD("channel = 'hook' AND headline LIKE '%Resolved%'"), 1);
    say(GATEWAY, "stripe-eu", true);
    pass_s(61);
    assert_int_equal(FIRING(), 1); /* another one: nobody looks at that */
    assert_int_equal(TOLD("channel = 'hook' AND headline LIKE '%Firing%'"), 2);
    free(id);
}

static void what_becomes_graver_is_told_again_and_acknowledged_anew(void **state) {
    struct err err = {0};
    struct alert_signal signal = seen(GATEWAY, "stripe-eu", true);
    signal.severity_known = true;
    signal.severity = NOTICE_P2;
    signal.holds_us = ALERT_FOR_GOOD;
    say_signal(0, &signal);
    pass_s(11);
    char *id = the_alert();
    assert_int_equal(acknowledge(id, &err), 0);
    drain();
    signal.severity = NOTICE_P3; /* less is no news */
    say_signal(1, &signal);
    drain();
    assert_state(id, "acknowledged");
    signal.severity = NOTICE_P0;
    say_signal(0, &signal);
    drain();
    assert_state(id, "firing");
    assert_int_equal(TOLD("channel = 'hook' AND headline LIKE '[P0] Firing%'"), 1);
    assert_int_equal(TOLD("channel = 'hook'"), 3);
    free(id);
}

static void what_is_silenced_is_kept_and_told_when_the_silence_ends(void **state) {
    struct err err = {0};
    char silence[ID_TEXT_MAX];
    assert_int_equal(silence_for("gateway=stripe-eu", 600, silence, &err), 0);
    say(GATEWAY, "stripe-eu", true);
    say(GATEWAY, "paypal", true);
    pass_s(11);
    assert_int_equal(LIVE(), 2);
    assert_int_equal(TOLD("channel = 'hook'"), 1); /* the other one is told */
    for (int i = 0; i < 19; i++) {
        pass_s(30);
    }
    assert_int_equal(TOLD("channel = 'hook'"), 1);
    pass_s(60);
    pass_s(60);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
}

static void who_was_told_that_it_fires_is_told_that_it_is_over_although_silenced(void **state) {
    struct err err = {0};
    char silence[ID_TEXT_MAX];
    say(GATEWAY, "stripe-eu", true);
    pass_s(11);
    assert_int_equal(silence_for("rule=" GATEWAY, 86400, silence, &err), 0);
    say(GATEWAY, "stripe-eu", false);
    pass_s(121);
    pass_s(61);
    assert_int_equal(TOLD("channel = 'room' AND headline LIKE '%Resolved%'"), 1);
    assert_int_equal(TOLD("channel = 'hook' AND headline LIKE '%Resolved%'"), 1);
    /* Who was told of nothing hears of no end. */
    say(GATEWAY, "stripe-eu", true);
    pass_s(61);
    say(GATEWAY, "stripe-eu", false);
    pass_s(121);
    pass_s(61);
    assert_int_equal(LIVE(), 0);
    assert_int_equal(TOLD("channel = 'hook'"), 2);
}

static void a_silence_says_what_it_is_about_why_and_until_when(void **state) {
    struct err err = {0};
    char made[ID_TEXT_MAX];
    static const char *const bad[] = {"", "gateway", "=x", "gateway!=x", "gateway~*", "a b=c",
                                      "severity=P9", "team=marketing", "rule="};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (silence_for(bad[i], 60, made, &err) != -ERR_VALIDATION) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
    }
    assert_int_equal(silence_for("gateway=a", 0, made, &err), -ERR_VALIDATION);
    assert_int_equal(silence_for("gateway=a", 31 * 86400, made, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "30 days at most"));
    struct doing doing = {.actor = "user:wang", .fn = doing_silence,
                          .silence = {.matchers = {"gateway=a"}, .matcher_count = 1,
                                      .until_us = clock_wall_us() + US_PER_SECOND, .reason = ""}};
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), -ERR_VALIDATION);
    assert_int_equal(silence_for("gateway=a", 60, made, &err), 0);
    doing = (struct doing){.id = made, .actor = "user:lead", .fn = doing_unsilence};
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), 0);
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), -ERR_STATE);
    doing.id = "sil_01JD5R6Q6Y0V3M8X2K4N7T9BCF";
    assert_int_equal(store_write(engine.store, doing_tx, &doing, &err), -ERR_NOT_FOUND);
    say(GATEWAY, "a", true);
    pass_s(11);
    assert_int_equal(TOLD("channel = 'hook'"), 1); /* it was ended */
}

static void a_flood_is_bounded_and_said(void **state) {
    enum { FLOOD = 10000 };
    struct alert_signal *signals = calloc(FLOOD, sizeof *signals);
    char (*names)[16] = calloc(FLOOD, sizeof *names);
    struct err err = {0};
    say("DoubleCharge", NULL, true);
    for (int i = 0; i < FLOOD; i++) {
        static const char *const rules[] = {GATEWAY, "CallbackMissing", "CredentialExpiry",
                                            "Complaints", "FraudRate", "RefundRate", "VolumeDrop"};
        snprintf(names[i], sizeof names[i], "g%d", i);
        signals[i] = seen(rules[(size_t)i % COUNT_OF(rules)], names[i], true);
    }
    assert_int_equal(alert_signals(alerts[0], signals, FLOOD, &err), 0);
    assert_int_equal(LIVE(), ALERTS_LIVE_MAX + 1); /* and one that says so */
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state <> 4 AND "
                                         "rule = 'PaymentServiceGatewayFailure'"),
                     1000 / 7 + 1);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert WHERE state = 2 AND "
                                         "rule = 'AlertsLeftOut'"),
                     1);
    pass_s(11);
    /* A group is one message where people read. */
    assert_int_equal(TOLD("channel = 'room'"), 8);
    assert_in_range(TOLD("channel = 'hook'"), 8, ALERTS_LIVE_MAX + 1);
    free(names);
    free(signals);
}

static void of_one_rule_no_more_than_its_share_is_kept(void **state) {
    for (int i = 0; i < ALERTS_OF_RULE_MAX + 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", i);
        say(GATEWAY, name, true);
    }
    assert_int_equal(LIVE(), ALERTS_OF_RULE_MAX + 1);
}

static void every_rule_has_words_in_both_languages_and_a_guide(void **state) {
    for (int i = 0; i < alert_rule_count(); i++) {
        const struct alert_rule *rule = alert_rule_at(i);
        for (int language = 0; language < NOTICE_LANGUAGES; language++) {
            assert_true(strlen(rule->title[language]) > 0);
            assert_true(strlen(rule->title[language]) <= NOTICE_TITLE_BYTES_MAX);
            assert_true(strlen(rule->action[language]) > 0);
        }
        assert_true(strlen(rule->guide) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(rule->name, alert_rule_at(j)->name);
        }
    }
}

static void a_move_that_is_no_row_does_not_happen(void **state) {
    static const struct {
        enum alert_state from;
        enum alert_event event;
        enum alert_state to; /* 0: nowhere */
    } rows[] = {
        {ALERT_PENDING, ALERT_EVENT_LASTED, ALERT_FIRING},
        {ALERT_PENDING, ALERT_EVENT_TAKEN, 0},
        {ALERT_PENDING, ALERT_EVENT_RAISED, 0},
        {ALERT_PENDING, ALERT_EVENT_ENDED, 0},
        {ALERT_FIRING, ALERT_EVENT_LASTED, 0},
        {ALERT_FIRING, ALERT_EVENT_TAKEN, ALERT_ACKNOWLEDGED},
        {ALERT_FIRING, ALERT_EVENT_RAISED, 0},
        {ALERT_FIRING, ALERT_EVENT_ENDED, ALERT_RESOLVED},
        {ALERT_ACKNOWLEDGED, ALERT_EVENT_LASTED, 0},
        {ALERT_ACKNOWLEDGED, ALERT_EVENT_TAKEN, 0},
        {ALERT_ACKNOWLEDGED, ALERT_EVENT_RAISED, ALERT_FIRING},
        {ALERT_ACKNOWLEDGED, ALERT_EVENT_ENDED, ALERT_RESOLVED},
        {ALERT_RESOLVED, ALERT_EVENT_LASTED, 0},
        {ALERT_RESOLVED, ALERT_EVENT_TAKEN, 0},
        {ALERT_RESOLVED, ALERT_EVENT_RAISED, 0},
        {ALERT_RESOLVED, ALERT_EVENT_ENDED, 0},
    };
    static_assert(COUNT_OF(rows) == 4 * ALERT_EVENTS, "every state with every event");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum alert_state to = rows[i].from;
        assert_int_equal(alert_move(&to, rows[i].event), rows[i].to != 0);
        assert_int_equal(to, rows[i].to != 0 ? rows[i].to : rows[i].from);
    }
}

static void people_see_what_is_known_of_it(void **state) {
    static const char *const wanted[] = {
        "\"title\":\"WeChat Pay in CN fails\"", "\"scope\":\"WeChat Pay in CN only\"",
        "\"value\":\"72.4 %\"", "\"threshold\":\"95 %\"", "\"subject\":\"inc_1\"",
        "\"first_symptom_at\":\"20", "Now: 72.4 %; threshold: 95 %", "\"what\":\"firing\"",
        "\"what\":\"told\"", "\"channel\":\"hook\"", "\"sees_it\":true",
        "\"labels\":{\"gateway\":\"wechat\"}", "\"action\":\"See whether another gateway",
    };
    struct alert_signal signal = seen(GATEWAY, "wechat", true);
    struct err err = {0};
    signal.title = "WeChat Pay in CN fails";
    signal.summary = "71 of 80 failed";
    signal.scope = "WeChat Pay in CN only";
    signal.value = "72.4 %";
    signal.threshold = "95 %";
    signal.subject = "inc_1";
    signal.first_symptom_us = clock_wall_us() - 90 * US_PER_SECOND;
    say_signal(0, &signal);
    pass_s(11);
    char *id = the_alert();
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(alert_get(alerts[1], id, &buf, &err), 0);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (strstr(buf.data, wanted[i]) == NULL) {
            fail_msg("%s is not in %s", wanted[i], buf.data);
        }
    }
    const struct alerts_filter filter = {.severity = "P1", .team = "operations", .limit = 1};
    assert_int_equal(alerts_list(alerts[0], &filter, &buf, &err), 0);
    assert_non_null(strstr(buf.data, id));
    const struct alerts_filter graver = {.severity = "P0", .limit = 1};
    assert_int_equal(alerts_list(alerts[0], &graver, &buf, &err), 0);
    assert_string_equal(buf.data, "{\"data\":[],\"next_cursor\":null}");
    const struct alerts_filter bad = {.state = "green", .limit = 1};
    assert_int_equal(alerts_list(alerts[0], &bad, &buf, &err), -ERR_VALIDATION);
    assert_int_equal(alert_get(alerts[0], "alr_x", &buf, &err), -ERR_NOT_FOUND);
    free(id);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)
    const struct CMUnitTest tests[] = {
        T(it_waits_for_its_for_and_is_forgotten_when_it_clears_before),
        T(it_is_told_once_however_often_it_is_said),
        T(what_comes_and_goes_within_keep_is_one_alert),
        T(it_is_over_when_no_instance_sees_it_any_more),
        T(what_one_instance_says_of_all_another_may_take_back),
        T(an_unchanged_word_costs_no_transaction_for_a_minute),
        T(labels_in_any_order_are_the_same_alert_and_others_another),
        T(an_acknowledgement_holds_until_it_clears_and_no_longer),
        T(what_becomes_graver_is_told_again_and_acknowledged_anew),
        T(what_is_silenced_is_kept_and_told_when_the_silence_ends),
        T(who_was_told_that_it_fires_is_told_that_it_is_over_although_silenced),
        T(a_silence_says_what_it_is_about_why_and_until_when),
        T(a_flood_is_bounded_and_said),
        T(of_one_rule_no_more_than_its_share_is_kept),
        T(every_rule_has_words_in_both_languages_and_a_guide),
        T(a_move_that_is_no_row_does_not_happen),
        T(people_see_what_is_known_of_it),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    return engine_run("alerts", tests, COUNT_OF(tests), &engine);
}
