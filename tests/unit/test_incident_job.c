/* SPDX-License-Identifier: Apache-2.0
 * test_incident_job.c: what the machine does by itself: alerts open incidents or join those that
 * they overlap, never one that is over; what is measured proposes how grave it is, raises it and
 * never lowers it. */
#include "incident_fixture.h"

static char one[ID_TEXT_MAX];

static void look(void) {
    struct err err = {0};
    if (incident_look(incidents, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void fires(const char *rule, const char *gateway, const char *method) {
    say(&(struct alert_about){.rule = rule, .gateway = gateway, .method = method}, true);
}

static int64_t count(void) {
    return world_int(W, "SELECT COUNT(*) FROM incident");
}

/* The id of the newest into `one`. */
static const char *newest(void) {
    char *id = world_text(W, "SELECT id FROM incident ORDER BY number DESC LIMIT 1");
    snprintf(one, sizeof one, "%s", id);
    free(id);
    return one;
}

/* ---- opening ---- */

static void a_grave_alert_opens_an_incident_about_what_it_names(void **state) {
    (void)state;
    open_incidents(NULL);
    int64_t symptom_us = clock_wall_us() - 7 * MINUTE_US;
    say(&(struct alert_about){.rule = GATEWAY_RULE,
                              .gateway = "stripe-a",
                              .first_symptom_us = symptom_us},
        true);
    look();
    look();
    assert_int_equal(count(), 1);
    json_t *json = get(newest());
    assert_string_equal(json_at(json, "title"), "A payment gateway fails: stripe-a");
    assert_string_equal(json_at(json, "severity"), "P1");
    assert_string_equal(json_at(json, "opened_by"), "system");
    assert_string_equal(json_at(json, "cause"), "third_party");
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(json, "scope"), "gateways")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "alerts")), 1);
    json_decref(json);
    assert_true(world_int(W, "SELECT impact_start_us FROM incident") == symptom_us);
    assert_whole(one);
}

static void what_is_slight_or_over_opens_none(void **state) {
    (void)state;
    open_incidents(NULL);
    fires("CallbackDelay", "stripe-a", NULL);           /* pending for a minute yet */
    fires("GatewayCertificate", "stripe-a", NULL);      /* P2 */
    fires("IncidentUpdateOverdue", NULL, NULL);
    fires("ForgedCallbacks", "stripe-a", NULL);
    say(&(struct alert_about){.rule = "ForgedCallbacks", .gateway = "stripe-a"}, false);
    world_pass(W, 15 * MINUTE_US); /* nobody sees it any more */
    look();
    assert_int_equal(count(), 0);
}

static void the_configuration_says_what_opens_one(void **state) {
    (void)state;
    static char *rules[] = {"GatewayCertificate"}, *grave[] = {"P2"};
    static struct incident_opener_config openers[] = {
        {.rules = rules, .rules_count = 1, .severities = grave, .severities_count = 1,
         .after_s = 600}};
    static const struct incident_config late = {.open_by = openers, .open_by_count = 1};
    static const struct incident_config by_hand = {.by_hand = true};
    open_incidents(&late);
    fires(GATEWAY_RULE, "stripe-a", NULL);
    fires("GatewayCertificate", "stripe-b", NULL);
    look();
    assert_int_equal(count(), 0);
    test_clock_advance(11 * MINUTE_US);
    look();
    assert_int_equal(count(), 1);
    open_incidents(&by_hand);
    fires(GATEWAY_RULE, "stripe-a", NULL);
    look();
    assert_int_equal(count(), 0);
}

static void one_that_comes_again_and_again_opens_one_after_so_often(void **state) {
    (void)state;
    static struct incident_opener_config openers[] = {{.occurrences = 3, .within_hours = 1}};
    static const struct incident_config config = {.open_by = openers, .open_by_count = 1};
    open_incidents(&config);
    for (int i = 1; i <= 3; i++) {
        fires("BooksDiffer", "stripe-a", NULL);
        look();
        assert_int_equal(count(), i == 3);
        say(&(struct alert_about){.rule = "BooksDiffer", .gateway = "stripe-a"}, false);
        test_clock_advance(MINUTE_US);
    }
}

/* ---- joining ---- */

static void later_alerts_of_the_same_trouble_join_and_it_grows_by_them(void **state) {
    (void)state;
    open_incidents(NULL);
    fires(GATEWAY_RULE, "stripe-a", "card");
    look();
    fires("CaptureFailures", "stripe-a", "card"); /* P1, pending a minute */
    fires("GatewayCertificate", "stripe-a", NULL); /* P2, but names what it is about */
    fires("GatewayCertificate", "stripe-b", NULL); /* another */
    look();
    assert_int_equal(count(), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_alert"), 2);
    json_t *json = get(newest());
    assert_int_equal( /* the certificate is no card's */
        json_array_size(json_object_get(json_object_get(json, "scope"), "methods")), 0);
    json_decref(json);
    fires("DoubleCharge", "stripe-a", NULL); /* P0 */
    look();
    assert_at(get(one), "severity", "P0");
    fires(GATEWAY_RULE, "stripe-b", NULL); /* another gateway: another incident */
    look();
    assert_int_equal(count(), 2);
    assert_whole(one);
    assert_whole(newest());
}

static int pass(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                struct buf *evidence, struct err *err) {
    (void)ctx, (void)tx, (void)facts, (void)ret_missing, (void)evidence, (void)err;
    *ret_passed = true;
    return 0;
}

static void none_joins_what_is_over_or_a_drill(void **state) {
    (void)state;
    open_incidents(NULL);
    const struct incident_gate gate = {pass, NULL};
    const struct incident_request drill = {.title = "A drill", .drill = true};
    json_decref(open_one("user:usr_a", &drill));
    fires(GATEWAY_RULE, "stripe-a", NULL);
    look();
    assert_int_equal(count(), 2); /* the drill took nothing */
    mitigated(newest());
    json_decref(move("user:usr_a", one, "reconcile"));
    assert_state(resolve("user:usr_a", one, &gate), "resolved");
    say(&(struct alert_about){.rule = GATEWAY_RULE, .gateway = "stripe-a"}, false);
    world_pass(W, 5 * MINUTE_US);
    fires(GATEWAY_RULE, "stripe-a", NULL);
    look();
    assert_int_equal(count(), 3);
    assert_state(get(one), "resolved");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_alert i JOIN incident n ON n.id = "
                                  "i.incident_id WHERE n.state = 1"),
                     1);
}

static void what_joins_after_signing_makes_signatures_void(void **state) {
    (void)state;
    open_incidents(NULL);
    fires(GATEWAY_RULE, "stripe-a", "card");
    look();
    mitigated(newest());
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    fires("ForgedCallbacks", "stripe-a", NULL); /* of every method: more than was signed for */
    look();
    json_t *json = get(one);
    assert_int_equal(json_array_size(json_object_get(json, "alerts")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "signatures")), 0);
    json_decref(json);
}

/* ---- how grave ---- */

static void each_rule_of_severity_holds_from_its_threshold_on(void **state) {
    (void)state;
    static const struct {
        struct incident_figures figures;
        int64_t proposed;
        const char *says;
    } rows[] = {
        {{.success_permille = 1000}, INCIDENT_UNMEASURED, "[]"},
        {{.success_permille = 1000, .double_charges = 1}, NOTICE_P0, "1 double charges"},
        {{.success_permille = 1000, .wrong_states = 9}, NOTICE_P1, "9 payments are shown"},
        {{.success_permille = 1000, .wrong_states = 10}, NOTICE_P0, "10 payments are shown"},
        {{.success_permille = 901}, INCIDENT_UNMEASURED, "[]"},
        {{.success_permille = 900}, NOTICE_P2, "90.0 % of the payments of the scope succeed"},
        {{.success_permille = 500}, NOTICE_P1, "50.0 %"},
        {{.success_permille = 1000, .share_permille = 9}, INCIDENT_UNMEASURED, "[]"},
        {{.success_permille = 1000, .share_permille = 10}, NOTICE_P2, "1.0 % of all payments"},
        {{.success_permille = 1000, .share_permille = 100}, NOTICE_P1, "10.0 %"},
        {{.success_permille = 1000, .share_permille = 500}, NOTICE_P0, "50.0 %"},
        {{.success_permille = 1000, .methods_down = 1}, NOTICE_P1, "1 method"},
        {{.success_permille = 1000, .methods_down = 2}, NOTICE_P0, "2 methods"},
        {{.success_permille = 1000, .at_risk = 9}, INCIDENT_UNMEASURED, "[]"},
        {{.success_permille = 1000, .at_risk = 10}, NOTICE_P2, "10 usual payments"},
        {{.success_permille = 1000, .at_risk = 60}, NOTICE_P1, "60 usual payments"},
        {{.success_permille = 400, .double_charges = 2}, NOTICE_P0, "40.0 %"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        BUF_AUTO reasons;
        JSON_AUTO json = NULL;
        struct err err = {0};
        buf_init(&reasons, INCIDENT_EVIDENCE_BYTES_MAX);
        assert_int_equal(incident_propose(&rows[i].figures, &reasons), rows[i].proposed);
        if (strstr(reasons.data, rows[i].says) == NULL) {
            fail_msg("row %zu: %s", i, reasons.data);
        }
        assert_int_equal(json_read(reasons.data, reasons.len, 1 << 16, 8, &json, &err), 0);
    }
}

/* So many like one that there is, at that gateway, in that state. */
static void payments(int many, const char *gateway, int state) {
    static char *kept[2048];
    static int count_kept, made;
    char floor[ID_TEXT_MAX], sql[2000];
    for (int i = 0; i < many; i++) {
        assert_true(count_kept < (int)COUNT_OF(kept));
        id_floor("pay", clock_wall_us(), floor);
        snprintf(floor + 14, sizeof floor - 14, "%016d", ++made);
        snprintf(sql, sizeof sql,
                 "INSERT INTO payment (id, version, order_id, state, amount_minor, currency, "
                 "method, purpose, capture_later, authorized_minor, captured_minor, "
                 "refunded_minor, refund_reserved_minor, disputed_minor, customer_id, "
                 "customer_region, "
                 "customer_vip, customer_email, customer_ip, tokens, return_url, cancel_url, "
                 "description, metadata, action, action_url, failure_code, failure_message, "
                 "review, was_unknown, attempts, gateway, created_us, updated_us) SELECT '%s', "
                 "version, "
                 "'%s', %d, amount_minor, currency, method, purpose, capture_later, "
                 "authorized_minor, captured_minor, refunded_minor, refund_reserved_minor, "
                 "disputed_minor, customer_id, customer_region, customer_vip, customer_email, "
                 "customer_ip, tokens, return_url, cancel_url, description, metadata, action, "
                 "action_url, failure_code, failure_message, review, was_unknown, attempts, '%s', "
                 "created_us, updated_us FROM payment WHERE order_id = 'A-1'",
                 floor, floor, state, gateway);
        kept[count_kept] = strdup(sql);
        (void)test_store_exec(W->engine.store, kept[count_kept++]);
    }
}

static void what_is_measured_proposes_raises_and_never_lowers(void **state) {
    (void)state;
    open_incidents(NULL);
    free(world_paid(W, "A-1", 1000));
    opened(one); /* P2, at stripe-a */
    look();
    json_t *json = get(one);
    assert_true(json_is_null(json_object_get(json, "proposed_severity")));
    json_decref(json);
    payments(12, "stripe-b", 5);
    payments(8, "stripe-a", 5);
    payments(14, "stripe-a", 6);
    look(); /* 8 of 22 there (36 %), 14 of 35 of all (40 %) */
    json = get(one);
    assert_string_equal(json_at(json, "proposed_severity"), "P1");
    assert_string_equal(json_at(json, "severity"), "P1");
    assert_int_equal(json_array_size(json_object_get(json, "reasons")), 2);
    json_decref(json);
    json_decref(move("user:usr_a", one, "acknowledge"));
    json_decref(severity("user:usr_a", one, NOTICE_P3));
    look();
    assert_at(get(one), "severity", "P3"); /* the commander has said so, and it is no news */
    payments(40, "stripe-a", 6);
    look(); /* graver than ever before */
    assert_at(get(one), "severity", "P0");
    payments(400, "stripe-a", 5);
    look();
    assert_at(get(one), "severity", "P0");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE body LIKE 'Measured%'"),
                     2);
    assert_whole(one);
    engine_exec(&W->engine, "DELETE FROM payment WHERE order_id <> 'A-1'");
}

static void a_confirmed_double_charge_is_p0_whatever_else_is_well(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    engine_exec(&W->engine,
                "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, "
                "subject, detail, amount_minor, currency, resolution, opened_us, closed_us, "
                "posted) SELECT 'case_1', 'duplicate_charge', 1, '', '', 'stripe-b', 's1', '', "
                "100, 'EUR', "
                "'', detected_us + 1, 0, 1 FROM incident");
    look();
    assert_at(get(one), "severity", "P2"); /* at another gateway */
    engine_exec(&W->engine, "UPDATE review_case SET gateway = 'stripe-a'");
    look();
    json_t *json = get(one);
    assert_string_equal(json_at(json, "severity"), "P0");
    assert_string_equal(json_at(json_array_get(json_object_get(json, "reasons"), 0), "figure"),
                        "double_charges");
    json_decref(json);
    engine_exec(&W->engine, "DELETE FROM review_case");
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grave_alert_opens_an_incident_about_what_it_names),
        cmocka_unit_test(what_is_slight_or_over_opens_none),
        cmocka_unit_test(the_configuration_says_what_opens_one),
        cmocka_unit_test(one_that_comes_again_and_again_opens_one_after_so_often),
        cmocka_unit_test(later_alerts_of_the_same_trouble_join_and_it_grows_by_them),
        cmocka_unit_test(none_joins_what_is_over_or_a_drill),
        cmocka_unit_test(what_joins_after_signing_makes_signatures_void),
        cmocka_unit_test(each_rule_of_severity_holds_from_its_threshold_on),
        cmocka_unit_test(what_is_measured_proposes_raises_and_never_lowers),
        cmocka_unit_test(a_confirmed_double_charge_is_p0_whatever_else_is_well),
    };
    int failed = payment_world_run("incident_job", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
