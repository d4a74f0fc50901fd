/* SPDX-License-Identifier: Apache-2.0
 * test_incident_gate.c: an incident and the gate together (I7): what stands in the incident is what
 * the gate looks at, each thing that is missing refuses the way into resolved, and what it proved
 * is a proof as long as it is so. On both engines. */
#include "gate_fixture.h"
#include "incident_fixture.h"

#include "comms/proof.h"
#include "comms/status.h"
#include "incident/incident_gate.h"

static char one[ID_TEXT_MAX];

/* Reconciled, four hours after it began, two after the fix; with what the gate wants to see. */
static void reconciled(void) {
    open_incidents(NULL);
    engine = W->engine;
    opened(one);
    test_clock_advance(2 * HOUR_US - 3 * MINUTE_US);
    mitigated(one);
    test_clock_advance(2 * HOUR_US);
    assert_state(move("user:usr_a", one, "reconcile"), "reconciled");
    gate_world();
    plant_window("win_2", "stripe-a", now_us, from_us - MINUTE_US, now_us, PROVED);
}

static void both_sign(void) {
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    json_decref(sign("user:usr_b", one, INCIDENT_ROLE_RECON));
    assert_int_equal(W->err.code, 0);
}

static json_t *shown(void) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = take(incident_gate_show(incidents, gate, one, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

/* This one alone is missing, in both languages and with its command. */
static void assert_missing(const char *name) {
    json_t *json = shown(), *line;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(json, "verdict"), "conditions"), i, line) {
        bool passed = json_is_true(json_object_get(line, "passed"));
        if (passed != (strcmp(json_at(line, "name"), name) != 0)) {
            fail_msg("%s: %s", json_at(line, "name"), json_at(line, "why"));
        }
    }
    assert_non_null(strstr(json_at(json, "text"), "NOT resolved: 1 of 10 conditions is missing"));
    assert_non_null(strstr(json_at(json, "text_zh"), "还缺 1 项"));
    json_decref(json);
}

static void assert_refused_for(const char *name) {
    const struct incident_gate through = incident_gate_of(gate);
    char words[80];
    assert_missing(name);
    snprintf(words, sizeof words, "1 of 10 conditions do not hold: %s", name);
    assert_no(resolve("user:usr_a", one, &through), ERR_STATE, words);
    assert_non_null(strstr(W->err.hint, "holdfast incident gate inc_"));
    assert_state(get(one), "reconciled");
}

static int64_t refusals(void) {
    return world_int(W, "SELECT COUNT(*) FROM incident_log WHERE kind = 5 AND body LIKE 'The gate "
                        "refused:%' AND evidence LIKE '%\"verdict_sha256\":\"%'");
}

static void each_thing_that_is_missing_refuses_and_then_it_is_resolved(void **state) {
    (void)state;
    reconciled();
    const struct incident_gate through = incident_gate_of(gate);
    assert_refused_for("signed");
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    assert_refused_for("signed");
    json_decref(sign("user:usr_b", one, INCIDENT_ROLE_RECON));

    struct planted open = paid(from_us + MINUTE_US);
    open.state = PROCESSING;
    open.attempt_state = IS_UNKNOWN;
    plant(open);
    assert_refused_for("unknown");
    engine_exec(&engine, "DELETE FROM attempt WHERE state = 4");
    engine_exec(&engine, "DELETE FROM payment WHERE state = 2");

    PUT("INSERT INTO mode_switch (kind, name, off, reason, actor, at_us, until_us) VALUES "
        "('method', 'card', 1, 'x', 'user:usr_a', $1, 0)",
        S_INT(from_us + MINUTE_US));
    assert_refused_for("measures");
    engine_exec(&engine, "DELETE FROM mode_switch");

    PUT("UPDATE recon_window SET report = $1", S_TEXT("{\"proved\":false}"));
    assert_refused_for("reconciled");
    PUT("UPDATE recon_window SET report = $1", S_TEXT(PROVED));

    plant_alert("alr_1", GATEWAY_RULE, "gateway=stripe-a", 2, 0);
    assert_refused_for("quiet");
    engine_exec(&engine, "DELETE FROM alert");
    assert_int_equal(refusals(), 6);

    assert_state(resolve("user:usr_a", one, &through), "resolved");
    assert_whole(one);
}

/* A larger scope, another holder: what was signed was signed for something else. */
static void what_makes_signatures_void_shuts_the_gate_again(void **state) {
    (void)state;
    reconciled();
    both_sign();
    json_t *json = shown();
    assert_true(json_is_true(json_object_get(json_object_get(json, "verdict"), "passed")));
    json_decref(json);
    json_decref(role("user:usr_a", one, INCIDENT_ROLE_RECON, false, "cat"));
    assert_refused_for("signed");
    json_decref(sign("user:usr_c", one, INCIDENT_ROLE_RECON));
    assert_refused_for("signed");
    json_decref(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER));
    const struct incident_gate through = incident_gate_of(gate);
    assert_state(resolve("user:usr_c", one, &through), "resolved");
}

static void only_what_is_resolved_is_a_proof_and_until_it_comes_again(void **state) {
    (void)state;
    struct proof proof = {.at_us = 0}, later;
    struct err err = {0};
    reconciled();
    both_sign();
    assert_int_equal(incident_prove(incidents, NULL, one, &proof, &err), -ERR_STATE);
    assert_non_null(strstr(err.detail, "is reconciled"));
    assert_non_null(strstr(err.hint, "holdfast incident gate inc_"));
    static const char nobodys[] = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF";
    assert_int_equal(incident_prove(incidents, NULL, nobodys, &proof, &err), -ERR_NOT_FOUND);
    const struct incident_gate through = incident_gate_of(gate);
    assert_state(resolve("user:usr_a", one, &through), "resolved");
    assert_int_equal(incident_prove(incidents, NULL, one, &proof, &err), 0);
    assert_string_equal(proof.incident_id, one);
    assert_int_equal(strlen(proof.evidence), SHA256_HEX_CHARS);
    assert_true(proof.at_us >= now_us);
    engine_exec(&engine, "UPDATE incident SET state = 7, done_us = resolved_us");
    assert_int_equal(incident_prove(incidents, NULL, one, &later, &err), 0);
    assert_string_equal(later.evidence, proof.evidence);
    /* It comes again. */
    char again[ID_TEXT_MAX];
    const struct incident_request follows = {.title = "Cards fail again", .follows = one};
    json_t *json = open_one("user:usr_a", &follows);
    assert_non_null(json);
    snprintf(again, sizeof again, "%s", json_at(json, "id"));
    json_decref(json);
    assert_int_equal(incident_prove(incidents, NULL, one, &later, &err), -ERR_STATE);
    assert_non_null(strstr(err.detail, again));
    assert_state(move("user:usr_a", again, "cancel"), "cancelled");
    assert_int_equal(incident_prove(incidents, NULL, one, &later, &err), 0);
}

/* ---- the public page ---- */

static struct status *page;
static struct lint *lint;

static void open_page(void) {
    struct err err = {0};
    static const struct status_config config = {.name = "Blue Shop"};
    const struct status_options options = {.store = engine.store,
                                           .payments = W->payments,
                                           .lint = lint,
                                           .config = &config,
                                           .registry = W->registry,
                                           .control = W->control,
                                           .mode = W->mode};
    engine_exec(&engine, "DELETE FROM status_incident");
    engine_exec(&engine, "DELETE FROM status_component");
    if (status_open(&options, &page, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    gate_close(gate);
    gate = NULL;
    const struct gate_options look_at = {.store = engine.store, .status = page};
    assert_int_equal(gate_open(&look_at, &gate, &err), 0);
}

static void plant_public(const char *id, const char *of, const char *components) {
    PUT("INSERT INTO status_incident (id, kind, incident_id, title_en, title_zh, impact, state, "
        "components, from_us, until_us, created_us, updated_us, published_us, monitoring_us, "
        "resolved_us, proof, proof_us) VALUES ($1, 1, $2, 'x', 'x', 2, 1, $3, 0, 0, $4, $4, $4, 0, "
        "0, '', 0)",
        S_TEXT(id), S_TEXT(of), S_TEXT(components), S_INT(from_us));
}

static void set_by_hand(int64_t level) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = take(status_set(page, &caller, "payments", level, "a test", &answer, &W->err),
                        &answer);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    json_decref(json);
}

static void what_the_status_page_still_says_refuses_unless_this_one_ends_it(void **state) {
    (void)state;
    struct err err = {0};
    payment_world_modes(W);
    assert_int_equal(lint_open(&lint, &err), 0);
    reconciled();
    both_sign();
    open_page();
    json_t *json = shown();
    assert_true(json_is_true(json_object_get(json_object_get(json, "verdict"), "passed")));
    json_decref(json);
    set_by_hand(LEVEL_PARTIAL);
    assert_refused_for("shown");
    set_by_hand(0);
    plant_public("sti_1", "", "");
    assert_refused_for("shown");
    /* Its own ends with its own proof; another incident's with another's. */
    PUT("UPDATE status_incident SET incident_id = $1", S_TEXT(one));
    plant_public("sti_2", "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "");
    const struct incident_gate through = incident_gate_of(gate);
    assert_state(resolve("user:usr_a", one, &through), "resolved");
    gate_close(gate);
    gate = NULL;
    status_close(page);
    lint_close(lint);
}

/* However much there is to tell of: an entry of the log has its bounds. */
static void what_is_found_fits_onto_the_log(void **state) {
    (void)state;
    reconciled();
    for (int i = 0; i < 60; i++) {
        struct planted open = paid(from_us + i * MINUTE_US);
        open.state = PROCESSING;
        open.attempt_state = IS_UNKNOWN;
        plant(open);
        char id[ID_TEXT_MAX];
        make_id("alr", from_us, id);
        plant_alert(id, GATEWAY_RULE, "gateway=stripe-a", 2, 0);
    }
    const struct incident_gate through = incident_gate_of(gate);
    assert_no(resolve("user:usr_a", one, &through), ERR_STATE, "conditions do not hold: ");
    assert_int_equal(refusals(), 1);
    char *evidence = engine_text(&engine, "SELECT evidence FROM incident_log WHERE kind = 5 ORDER "
                                          "BY seq DESC");
    JSON_AUTO json = json_loads(evidence, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "conditions")), GATE_CONDITIONS);
    assert_true(strlen(evidence) < INCIDENT_EVIDENCE_BYTES_MAX);
    free(evidence);
    assert_whole(one);
}

int main(void) {
    payment_world_init();
#define T(name) cmocka_unit_test_teardown(name, gate_end)
    const struct CMUnitTest tests[] = {
        T(each_thing_that_is_missing_refuses_and_then_it_is_resolved),
        T(what_makes_signatures_void_shuts_the_gate_again),
        T(only_what_is_resolved_is_a_proof_and_until_it_comes_again),
        T(what_is_found_fits_onto_the_log),
        T(what_the_status_page_still_says_refuses_unless_this_one_ends_it),
    };
#undef T
    int failed = payment_world_run("incident_gate", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
