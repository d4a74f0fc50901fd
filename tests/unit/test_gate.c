/* SPDX-License-Identifier: Apache-2.0
 * test_gate.c: nothing is called resolved that is not (I7): each condition refuses alone, and one
 * incident passes all of them. On both engines. */
#include "gate_fixture.h"

#include "base/crypto.h"
#include "base/log.h"
#include "incident/gate_schema.h"
#include "meter/meter.h"

static void what_is_over_and_proved_and_signed_passes(void **state) {
    (void)state;
    assert_passes();
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        assert_string_equal(verdict.lines[i].command, "");
    }
    subject.scope.gateways.count = 0;
    struct err err = {0};
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-a", &err), 0);
    assert_int_equal(scope_add(&subject.scope.methods, "card", &err), 0);
    assert_int_equal(scope_add(&subject.scope.currencies, "USD", &err), 0);
    assert_int_equal(scope_add(&subject.scope.regions, "US", &err), 0);
    assert_passes();
}

/* ---- mitigated ---- */

static void without_a_time_of_the_fix_nothing_counts(void **state) {
    (void)state;
    subject.mitigated_us = 0;
    assert_refuses(GATE_MITIGATED, "not mitigated");
    assert_refuses(GATE_RECOVERED, "no time of the fix");
    assert_refuses(GATE_RECONCILED, "no end yet");
    assert_refuses(GATE_QUIET, "more minutes");
}

static void a_fix_that_is_ahead_of_the_clock_is_none(void **state) {
    (void)state;
    subject.mitigated_us = now_us + HOUR_US;
    assert_refuses(GATE_MITIGATED, "ahead of this machine's clock");
    assert_refuses(GATE_RECOVERED, "no time of the fix");
    subject.mitigated_us = from_us - 1;
    assert_refuses(GATE_MITIGATED, "begins");
}

static void a_clock_that_was_set_makes_no_waiting_count(void **state) {
    (void)state;
    /* Fixed ten minutes ago, and the clock set on by an hour: that was no hour of quiet. */
    look();
    test_clock_wall_shift(HOUR_US);
    plant_sight("", clock_wall_us());
    assert_alone(GATE_MITIGATED, "was moved by", "holdfast status");
    test_clock_wall_shift(-HOUR_US);
    plant_sight("", clock_wall_us());
    assert_alone(GATE_MITIGATED, "was moved by -", "holdfast status");
    /* Once the hold time has gone by for certain, waiting has been waited. */
    test_clock_advance(31 * MINUTE_US);
    plant_sight("", clock_wall_us());
    assert_passes();
}

/* ---- recovered ---- */

static void forget_after_the_fix(void) {
    PUT("DELETE FROM payment WHERE created_us > $1", S_INT(fixed_us));
    PUT("DELETE FROM attempt WHERE created_us > $1", S_INT(fixed_us));
    PUT("DELETE FROM posting WHERE at_us > $1", S_INT(fixed_us));
}

static void so_many_successes_are_needed_and_no_fewer(void **state) {
    (void)state;
    forget_after_the_fix();
    for (int i = 0; i < 26; i++) {
        plant(paid(fixed_us + (i + 1) * MINUTE_US));
    }
    assert_alone(GATE_RECOVERED, "1 more successes", "holdfast gateway probe");
    plant(paid(fixed_us + 40 * MINUTE_US));
    assert_passes();
}

static void without_any_payment_it_never_passes_and_says_what_to_do(void **state) {
    struct err err = {0};
    (void)state;
    forget_after_the_fix();
    assert_alone(GATE_RECOVERED, "Nobody has paid since the fix", "holdfast gateway probe GATEWAY");
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-a", &err), 0);
    assert_alone(GATE_RECOVERED, "27 successes", "holdfast gateway probe stripe-a");
    assert_int_equal(scope_add(&subject.scope.regions, "US", &err), 0);
    assert_alone(GATE_RECOVERED, "no probe is of a region", "holdfast payment list");
}

static void failing_payments_refuse(void **state) {
    (void)state;
    forget_after_the_fix();
    for (int i = 0; i < 40; i++) {
        plant(i % 3 != 0 ? paid(fixed_us + (i + 1) * MINUTE_US)
                         : failed(fixed_us + (i + 1) * MINUTE_US));
    }
    assert_alone(GATE_RECOVERED, "still fail", "holdfast payment failed");
}

static void what_was_well_and_fails_again_refuses(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        plant(failed(fixed_us + (50 + i) * MINUTE_US));
    }
    assert_alone(GATE_RECOVERED, "more successes", "holdfast");
    for (int i = 0; i < 6; i++) {
        plant(failed(fixed_us + (55 + i) * MINUTE_US));
    }
    assert_alone(GATE_RECOVERED, "still fail", "holdfast payment failed");
}

/* However it ended: it was begun before anything was mended. */
static void payments_begun_before_the_fix_do_not_count(void **state) {
    (void)state;
    PUT("UPDATE payment SET created_us = $1, updated_us = $2 WHERE created_us > $1",
        S_INT(fixed_us), S_INT(now_us));
    PUT("UPDATE attempt SET settled_us = $2 WHERE created_us > $1", S_INT(fixed_us), S_INT(now_us));
    look();
    assert_false(verdict.lines[GATE_RECOVERED].passed);
    assert_non_null(strstr(verdict.lines[GATE_RECOVERED].why[NOTICE_EN], "Nobody has paid"));
}

static void payments_without_an_outcome_count_as_failed_after_a_while(void **state) {
    (void)state;
    forget_after_the_fix();
    for (int i = 0; i < 30; i++) {
        struct planted p = {.at_us = now_us - US_PER_SECOND,
                            .state = PROCESSING,
                            .attempt_state = IS_PENDING};
        plant(p);
    }
    assert_alone(GATE_RECOVERED, "Nobody has paid", "holdfast gateway probe");
    PUT("UPDATE payment SET created_us = $1 WHERE state = 2", S_INT(now_us - 3 * MINUTE_US));
    assert_alone(GATE_RECOVERED, "still fail", "holdfast payment failed");
}

static struct planted probe(int64_t at_us) {
    struct planted p = paid(at_us);
    p.purpose = "100";
    p.region = "";
    return p;
}

static void probes_stand_in_where_nobody_pays_and_never_beside_a_failure(void **state) {
    (void)state;
    forget_after_the_fix();
    for (int i = 0; i < 30; i++) {
        plant(probe(fixed_us + (i + 1) * MINUTE_US));
    }
    assert_passes();
    for (int i = 0; i < 30; i++) {
        plant(probe(fixed_us + (i + 31) * MINUTE_US));
    }
    plant(failed(fixed_us + 20 * MINUTE_US));
    assert_alone(GATE_RECOVERED, "still fail", "holdfast payment failed");
}

/* A large gateway that is well hides no small one that is not. */
static void each_gateway_of_the_scope_must_be_well(void **state) {
    struct err err = {0};
    (void)state;
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-a", &err), 0);
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-b", &err), 0);
    assert_alone(GATE_RECOVERED, "(stripe-b)", "holdfast gateway probe stripe-b");
    for (int i = 0; i < 10; i++) {
        struct planted p = failed(fixed_us + (i + 1) * MINUTE_US);
        p.gateway = "stripe-b";
        plant(p);
    }
    assert_alone(GATE_RECOVERED, "still fail (stripe-b)", "holdfast payment failed");
}

static void what_fails_usually_is_not_held_against_it(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        int64_t at_us = from_us - 10 * HOUR_US + i * MINUTE_US;
        plant(i % 5 == 0 ? failed(at_us) : paid(at_us));
    }
    forget_after_the_fix();
    for (int i = 0; i < 110; i++) {
        int64_t at_us = fixed_us + (i + 1) * 30 * US_PER_SECOND;
        plant(i % 6 == 5 ? failed(at_us) : paid(at_us));
    }
    assert_passes();
}

/* ---- quiet ---- */

static void an_alert_of_its_scope_refuses_and_another_does_not(void **state) {
    struct err err = {0};
    (void)state;
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-a", &err), 0);
    plant_alert("alr_1", "PaymentServiceGatewayFailure", "gateway=stripe-b\n", 2, 0);
    plant_alert("alr_2", "CredentialExpiry", "gateway=stripe-a\n", 2, 0);
    assert_passes();
    for (int state_number = 1; state_number <= 3; state_number++) {
        plant_alert("alr_3", "PaymentServiceGatewayFailure", "gateway=stripe-a\nmethod=card\n",
                    state_number, 0);
        assert_alone(GATE_QUIET, "PaymentServiceGatewayFailure", "holdfast alert show alr_3");
        engine_exec(&engine, "DELETE FROM alert WHERE id = 'alr_3'");
    }
    plant_alert("alr_4", "Silence", "", 2, 0);
    assert_alone(GATE_QUIET, "Silence", "holdfast alert show alr_4");
}

static void it_must_have_been_quiet_for_the_hold_time(void **state) {
    (void)state;
    plant_alert("alr_1", "Silence", "", 4, now_us - 29 * MINUTE_US);
    assert_alone(GATE_QUIET, "more minutes", "holdfast alert list");
    /* Ended in what the clock takes for the future. */
    PUT("UPDATE alert SET resolved_us = $1", S_INT(now_us + HOUR_US));
    assert_alone(GATE_QUIET, "more minutes", "holdfast alert list");
    PUT("UPDATE alert SET resolved_us = $1", S_INT(now_us - 31 * MINUTE_US));
    assert_passes();
}

static void where_nobody_looks_quiet_means_nothing(void **state) {
    (void)state;
    plant_sight("", now_us - HOUR_US);
    assert_alone(GATE_QUIET, "No instance looks", "holdfast status");
    plant_sight("stripe-a", now_us);
    assert_alone(GATE_QUIET, "breaker of stripe-a", "holdfast gateway health");
}

/* ---- backlog ---- */

static void what_is_piled_up_refuses(void **state) {
    static const char job[] =
        "INSERT INTO job (kind, key, id, due_us, attempts, lost, lease, hasten_us, parked_us, "
        "created_us, last_error, payload) VALUES ($1, $2, $2, $3, 0, 0, '', 0, $4, 0, '', '')";
    (void)state;
    for (int i = 0; i < 101; i++) {
        char key[20];
        snprintf(key, sizeof key, "key-%d", i);
        PUT(job, S_TEXT("callback"), S_TEXT(key), S_INT(now_us + HOUR_US), S_INT(0));
    }
    assert_alone(GATE_BACKLOG, "101 callbacks wait", "holdfast callback list");
    engine_exec(&engine, "DELETE FROM job WHERE key = 'key-0'");
    assert_passes();
    for (int i = 0; i < 11; i++) {
        char key[20];
        snprintf(key, sizeof key, "late-%d", i);
        PUT(job, S_TEXT("resolve"), S_TEXT(key), S_INT(now_us - 10 * MINUTE_US), S_INT(0));
    }
    assert_alone(GATE_BACKLOG, "11 jobs are late", "holdfast status");
    engine_exec(&engine, "DELETE FROM job");
    PUT(job, S_TEXT("resolve"), S_TEXT("old"), S_INT(0), S_INT(from_us - 1));
    assert_passes();
    PUT(job, S_TEXT("resolve"), S_TEXT("new"), S_INT(0), S_INT(from_us + 1));
    assert_alone(GATE_BACKLOG, "given up", "holdfast ticket list");
}

/* ---- unknown ---- */

static void what_nobody_knows_needs_an_owner(void **state) {
    (void)state;
    struct planted p = plant((struct planted){
        .at_us = from_us + MINUTE_US, .state = PROCESSING, .attempt_state = IS_UNKNOWN});
    char command[80];
    snprintf(command, sizeof command, "holdfast payment check %s", p.id);
    assert_alone(GATE_UNKNOWN, p.id, command);
    PUT("INSERT INTO ticket (id, version, kind, subject, title, class, risk, priority, "
        "amount_minor, currency, gateway, payment_id, suggestion, facts, state, team, assignee, "
        "resolution, reason, moved_minor, moved_currency, approval_id, round, level, opened_by, "
        "opened_us, due_us, updated_us, closed_us, folded) VALUES ('tkt_1', 1, 'manual', 'tkt_1', "
        "'', '', 1, 1, 0, '', '', $1, '', '{}', 1, 'ops', '', 0, '', 0, '', '', 1, 0, 'cli', 0, 0, "
        "0, 0, '')",
        S_TEXT(p.id));
    assert_alone(GATE_UNKNOWN, p.id, command); /* a team is nobody */
    engine_exec(&engine, "UPDATE ticket SET assignee = 'usr_1'");
    assert_passes();
    engine_exec(&engine, "UPDATE ticket SET state = 6");
    assert_alone(GATE_UNKNOWN, p.id, command); /* closed, and it is unknown all the same */
}

static void a_refund_that_nobody_knows_of_needs_an_owner_too(void **state) {
    (void)state;
    struct planted p = plant(paid(from_us + MINUTE_US));
    PUT("INSERT INTO operation (id, payment_id, attempt_id, kind, state, gateway, amount_minor, "
        "currency, final, to_original, reason, actor, retry_of, outcome, source, refund_id, code, "
        "common_code, message, trace, was_unknown, tries, owner, lease_us, created_us, updated_us) "
        "VALUES ('re_1', $1, $2, 3, 3, 'stripe-a', 10, 'USD', 0, 1, '', '', '', 0, '', '', '', '', "
        "'', '', 0, 0, '', 0, $3, $3)",
        S_TEXT(p.id), S_TEXT(p.attempt_id), S_INT(now_us));
    assert_alone(GATE_UNKNOWN, p.id, "holdfast payment check");
}

/* ---- reconciled ---- */

static void that_time_must_be_proved_after_the_fix(void **state) {
    static const struct {
        const char *gateway;
        int64_t begun, from, until; /* from the fix, the start, the fix */
    } others[] = {
        {"", -1, -1, 1},        /* asked for before the fix */
        {"", 1, 1, 1},          /* begins too late */
        {"", 1, -1, -1},        /* ends too early */
        {"stripe-b", 1, -1, 1}, /* of one gateway alone */
        {"", 100 * HOUR_US, -1, 1}, /* asked for in what is not yet */
    };
    (void)state;
    engine_exec(&engine, "DELETE FROM recon_window");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char id[20];
        snprintf(id, sizeof id, "win_other_%zu", i);
        plant_window(id, others[i].gateway, fixed_us + others[i].begun, from_us + others[i].from,
                     fixed_us + others[i].until, PROVED);
    }
    assert_alone(GATE_RECONCILED, "nobody has had", "holdfast reconcile prove 20");
    plant_window("win_good", "", fixed_us + HOUR_US, from_us, fixed_us, PROVED);
    assert_passes();
    engine_exec(&engine, "UPDATE recon_window SET state = 2 WHERE id = 'win_good'");
    assert_alone(GATE_RECONCILED, "nobody has had", "holdfast reconcile prove");
}

static void the_newest_proof_counts(void **state) {
    (void)state;
    plant_window("win_2", "", fixed_us + HOUR_US + 1, from_us, fixed_us,
                 "{\"proved\":false,\"missing\":[{\"what\":\"3 attempts are \\\"open\\\"\","
                 "\"command\":\"holdfast reconcile window win_2 --verdict open\"}],"
                 "\"double_charge_count\":0}");
    assert_alone(GATE_RECONCILED, "3 attempts are",
                 "holdfast reconcile window win_2 --verdict open");
    plant_window("win_3", "", fixed_us + HOUR_US + 2, from_us, fixed_us,
                 "{\"proved\":true,\"missing\":[],\"double_charge_count\":2}");
    assert_alone(GATE_RECONCILED, "2 orders were charged twice", "holdfast reconcile window win_3");
    plant_window("win_4", "", fixed_us + HOUR_US + 3, from_us, fixed_us, PROVED);
    assert_passes();
}

static void each_gateway_of_the_scope_must_be_proved(void **state) {
    struct err err = {0};
    (void)state;
    assert_int_equal(scope_add(&subject.scope.gateways, "stripe-a", &err), 0);
    engine_exec(&engine, "DELETE FROM recon_window");
    plant_window("win_1", "stripe-b", fixed_us + HOUR_US, from_us, fixed_us, PROVED);
    look();
    assert_non_null(strstr(verdict.lines[GATE_RECONCILED].command, "--gateway stripe-a"));
    assert_alone(GATE_RECONCILED, "stripe-a", "holdfast reconcile prove");
    plant_window("win_2", "stripe-a", fixed_us + HOUR_US, from_us, fixed_us, PROVED);
    assert_passes();
}

/* ---- breaks ---- */

static void plant_break(const char *id, int class, int risk, int64_t at_us, const char *payment) {
    PUT("INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, "
        "state, owner, kind, payment_id, currency, our_minor, their_minor, difference_minor, "
        "our_rows, their_rows, detail, at_us, opened_us, updated_us, closed_us, first_run, "
        "last_run, resolution, decided_by) VALUES ($1, 1, 'stripe-a', $2, $1, $3, 1, 'm', 1, '', "
        "1, $4, 'USD', 10, 20, 10, 1, 1, '', $5, $5, $5, 0, '', '', '', '')",
        S_TEXT(id), S_INT(class), S_INT(risk), S_TEXT(payment), S_INT(at_us));
}

static void an_open_difference_of_high_risk_refuses(void **state) {
    (void)state;
    plant_break("brk_low", 14, 2, from_us + 1, "");
    plant_break("brk_before", 11, 4, from_us - 1, "");
    plant_break("brk_after", 11, 4, fixed_us + 1, "");
    assert_passes();
    plant_break("brk_high", 11, 4, from_us + 1, "");
    assert_alone(GATE_BREAKS, "missing_here", "holdfast break show brk_high");
    engine_exec(&engine, "UPDATE recon_break SET state = 4 WHERE id = 'brk_high'");
    assert_passes();
    /* Of a payment of that time, told later; and a second charge, whatever its risk. */
    struct planted p = plant(paid(from_us + MINUTE_US));
    plant_break("brk_twice", 19, 1, fixed_us + HOUR_US, p.id);
    assert_alone(GATE_BREAKS, "double_charge", "holdfast break show brk_twice");
}

static void money_in_suspense_refuses(void **state) {
    (void)state;
    PUT("INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, "
        "detail, amount_minor, currency, resolution, opened_us, closed_us, posted) VALUES "
        "('case_1', 'duplicate_charge', 1, '', '', 'stripe-a', 's', '', 10, 'USD', '', $1, 0, 10)",
        S_INT(from_us + 1));
    assert_alone(GATE_BREAKS, "duplicate_charge", "holdfast case show case_1");
    engine_exec(&engine, "UPDATE review_case SET state = 2");
    assert_passes();
}

/* ---- shown ---- */

static void what_customers_are_shown_must_be_so(void **state) {
    (void)state;
    static const struct {
        struct planted payment;
        const char *words;
    } cases[] = {
        {{.state = SUCCEEDED, .attempt_state = IS_CHARGED, .no_posting = true}, "another sum"},
        {{.state = SUCCEEDED, .attempt_state = IS_NOT_CHARGED, .no_posting = true},
         "nothing was charged"},
        {{.state = FAILED, .attempt_state = IS_CHARGED}, "is not shown as paid"},
        {{.state = FAILED, .attempt_state = IS_PENDING}, "may yet be"},
        {{.state = PROCESSING, .attempt_state = IS_PENDING, .let_go = true}, "may be paid again"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct planted p = cases[i].payment;
        p.at_us = from_us + MINUTE_US;
        p = plant(p);
        assert_refuses(GATE_SHOWN, cases[i].words);
        assert_non_null(strstr(verdict.lines[GATE_SHOWN].command, p.id));
        PUT("UPDATE payment SET created_us = $2 WHERE id = $1", S_TEXT(p.id), S_INT(from_us - 1));
        PUT("UPDATE attempt SET created_us = $2 WHERE payment_id = $1", S_TEXT(p.id),
            S_INT(from_us - 1));
        assert_passes();
    }
}

static void money_that_came_for_a_failed_payment_must_be_told(void **state) {
    (void)state;
    struct planted p = plant(failed(from_us + MINUTE_US));
    PUT("INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account, "
        "amount_minor, currency, at_us) VALUES ('pst_late', 'j', 10, $1, 'a', 'b', 1000, 'USD', 1)",
        S_TEXT(p.id));
    assert_alone(GATE_SHOWN, "lies in suspense", "holdfast payment show");
    PUT("UPDATE payment SET review = 'late_success' WHERE id = $1", S_TEXT(p.id));
    assert_passes();
}

static void notices_of_trouble_refuse(void **state) {
    struct err err = {0};
    (void)state;
    plant_mode(2, ",alipay,", ",alipay,", 0, 0);
    assert_alone(GATE_SHOWN, "alipay is unavailable", "holdfast mode show");
    assert_int_equal(scope_add(&subject.scope.methods, "card", &err), 0);
    assert_passes();
    plant_mode(3, "", "", 0, 0);
    assert_alone(GATE_SHOWN, "deferred", "holdfast mode show");
}

/* ---- measures ---- */

static void what_is_switched_is_undone_or_somebodys(void **state) {
    (void)state;
    PUT("INSERT INTO gateway_control (gateway, state, value, reason, actor, at_us) VALUES "
        "('stripe-b', 2, '', 'down', 'user:usr_a', $1)",
        S_INT(from_us - 1));
    assert_passes(); /* it was so before */
    PUT("UPDATE gateway_control SET at_us = $1", S_INT(from_us + 1));
    assert_alone(GATE_MEASURES, "gateway stripe-b", "holdfast gateway enable stripe-b");
    struct gate_measure measure = {.kind = "gateway", .name = "stripe-b", .undone = true};
    subject.measures = &measure;
    subject.measure_count = 1;
    /* It is said to be undone, and it is not. */
    assert_alone(GATE_MEASURES, "gateway stripe-b", "holdfast gateway enable stripe-b");
    measure.handed_to = "user:usr_c";
    assert_passes();
    engine_exec(&engine, "DELETE FROM gateway_control");
    PUT("INSERT INTO mode_switch (kind, name, off, reason, actor, at_us, until_us) VALUES "
        "('method', 'alipay', 1, '', '', $1, 0)",
        S_INT(from_us + 1));
    assert_alone(GATE_MEASURES, "method alipay", "holdfast switch on method alipay");
    engine_exec(&engine, "DELETE FROM mode_switch");
    plant_mode(0, "", "", 1, from_us + 1);
    assert_alone(GATE_MEASURES, "by hand", "holdfast mode set auto");
}

static void what_only_the_incident_knows_of_is_undone_or_somebodys(void **state) {
    (void)state;
    struct gate_measure measure = {
        .kind = "deploy_freeze", .name = "", .command = "holdfast deploy-gate thaw"};
    subject.measures = &measure;
    subject.measure_count = 1;
    assert_alone(GATE_MEASURES, "deploy_freeze", "holdfast deploy-gate thaw");
    measure.handed_to = "";
    assert_alone(GATE_MEASURES, "deploy_freeze", "holdfast deploy-gate thaw");
    measure.undone = true;
    assert_passes();
}

/* ---- signed ---- */

static void two_people_have_to_sign(void **state) {
    (void)state;
    subject.commander_signed = false;
    assert_alone(GATE_SIGNED, "usr_a, has not signed", "holdfast incident sign inc_1");
    subject.commander_signed = true;
    subject.recon_signed = false;
    assert_alone(GATE_SIGNED, "usr_b, has not signed", "holdfast incident sign inc_1");
    subject.recon_signed = true;
    subject.recon_owner = "user:usr_a";
    assert_alone(GATE_SIGNED, "two people", "holdfast incident role inc_1");
    subject.recon_owner = NULL;
    assert_alone(GATE_SIGNED, "no reconciliation owner", "holdfast incident role inc_1");
    subject.recon_owner = "user:usr_b";
    subject.commander = "";
    assert_alone(GATE_SIGNED, "no commander", "holdfast incident role inc_1");
}

/* ---- the rest ---- */

static void a_look_that_fails_is_no_verdict(void **state) {
    struct err err = {0};
    (void)state;
    snprintf(subject.scope.methods.names[0], sizeof subject.scope.methods.names[0], "cash");
    subject.scope.methods.count = 1;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gate_verdict none = {0};
    assert_int_equal(gate_look(gate, &subject, arena, &none, &err), -ERR_VALIDATION);
    assert_false(none.passed);
}

static void limits_have_bounds_that_no_setting_moves(void **state) {
    struct gate_limits limits;
    struct err err = {0};
    unsigned zero = 0, many = 100000000;
    (void)state;
    const struct gate_config configs[] = {{.hold_s = &zero},        {.bad_percent = &many},
                                          {.answer_s = &many},      {.stuck_s = &many},
                                          {.callbacks_max = &many}, {.webhooks_max = &many},
                                          {.jobs_late_max = &many}, {.unresolved_max = &many}};
    assert_int_equal(COUNT_OF(configs), GATE_LIMITS);
    for (size_t i = 0; i < COUNT_OF(configs); i++) {
        err = (struct err){0};
        assert_int_equal(gate_limits_read(&configs[i], &limits, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.place, "incidents.gate."));
    }
    unsigned hold_s = 3600;
    const struct gate_config config = {.hold_s = &hold_s};
    assert_int_equal(gate_limits_read(&config, &limits, &err), 0);
    assert_int_equal(limits.of[GATE_LIMIT_HOLD], 3600);
    assert_int_equal(limits.of[GATE_LIMIT_CALLBACKS], 100);
}

static void it_is_told_in_both_languages_with_what_is_missing_first(void **state) {
    (void)state;
    subject.commander_signed = false;
    look();
    BUF_AUTO buf;
    buf_init(&buf, 1 << 20);
    gate_write_text(&verdict, NOTICE_EN, &buf);
    const char *missing = strstr(buf.data, "has not signed"),
               *command = strstr(buf.data, "holdfast incident sign inc_1"),
               *held = strstr(buf.data, "[ok]");
    assert_true(missing != NULL && command > missing && held > command);
    assert_non_null(strstr(buf.data, "NOT resolved: 1 of 10 conditions is missing."));
    buf_clear(&buf);
    gate_write_text(&verdict, NOTICE_ZH, &buf);
    assert_non_null(strstr(buf.data, "不能宣布已解决:还缺 1 项"));
    buf_clear(&buf);
    gate_write_json(&verdict, &buf);
    JSON_AUTO json = json_loads(buf.data, 0, NULL);
    assert_true(json_is_false(json_object_get(json, "passed")));
    assert_int_equal(json_integer_value(json_object_get(json, "missing")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "conditions")), GATE_CONDITIONS);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, gate_begin, gate_end)
    const struct CMUnitTest tests[] = {
        T(what_is_over_and_proved_and_signed_passes),
        T(without_a_time_of_the_fix_nothing_counts),
        T(a_fix_that_is_ahead_of_the_clock_is_none),
        T(a_clock_that_was_set_makes_no_waiting_count),
        T(so_many_successes_are_needed_and_no_fewer),
        T(without_any_payment_it_never_passes_and_says_what_to_do),
        T(failing_payments_refuse),
        T(what_was_well_and_fails_again_refuses),
        T(payments_begun_before_the_fix_do_not_count),
        T(payments_without_an_outcome_count_as_failed_after_a_while),
        T(probes_stand_in_where_nobody_pays_and_never_beside_a_failure),
        T(each_gateway_of_the_scope_must_be_well),
        T(what_fails_usually_is_not_held_against_it),
        T(an_alert_of_its_scope_refuses_and_another_does_not),
        T(it_must_have_been_quiet_for_the_hold_time),
        T(where_nobody_looks_quiet_means_nothing),
        T(what_is_piled_up_refuses),
        T(what_nobody_knows_needs_an_owner),
        T(a_refund_that_nobody_knows_of_needs_an_owner_too),
        T(that_time_must_be_proved_after_the_fix),
        T(the_newest_proof_counts),
        T(each_gateway_of_the_scope_must_be_proved),
        T(an_open_difference_of_high_risk_refuses),
        T(money_in_suspense_refuses),
        T(what_customers_are_shown_must_be_so),
        T(money_that_came_for_a_failed_payment_must_be_told),
        T(notices_of_trouble_refuse),
        T(what_is_switched_is_undone_or_somebodys),
        T(what_only_the_incident_knows_of_is_undone_or_somebodys),
        T(two_people_have_to_sign),
        T(a_look_that_fails_is_no_verdict),
        T(limits_have_bounds_that_no_setting_moves),
        T(it_is_told_in_both_languages_with_what_is_missing_first),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    meter_init();
    return engine_run("gate", tests, COUNT_OF(tests), &engine);
}
