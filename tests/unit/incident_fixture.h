/* SPDX-License-Identifier: Apache-2.0
 * incident_fixture.h: incidents over a payment world and the alert engine, and people who run them:
 *   ann usr_a, bob usr_b, cat usr_c, eve usr_e   operators     vic usr_v  viewer
 * ann and bob are also people of the alerting, each with a channel of that name; key_a is a key of
 * ann's, key_x of nobody's. A group's setup empties the world; each test calls open_incidents()
 * first. */
#ifndef HOLDFAST_TESTS_INCIDENT_FIXTURE_H
#define HOLDFAST_TESTS_INCIDENT_FIXTURE_H

#include "channel_fixture.h"

#include "base/json.h"
#include "incident/incident_impl.h"
#include "support/payment_world.h"
#include "support/test_clock.h"

#define W the_world
#define MINUTE_US (60 * US_PER_SECOND)
#define GATEWAY_RULE "PaymentServiceGatewayFailure"

static struct incidents *incidents;
static struct alerts *alerts;
static struct deliveries *deliveries;
static struct channels *channels;

static struct alert_config fixture_alerts;

static inline void people(void) {
    engine_exec(&W->engine, "DELETE FROM app_user");
    engine_exec(&W->engine, "DELETE FROM api_key");
    engine_exec(&W->engine,
                "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
                "locked_until_us, created_us) VALUES ('usr_a', 'ann', '', 3, 1, 0, 0, 1), "
                "('usr_b', 'bob', '', 3, 1, 0, 0, 1), ('usr_c', 'cat', '', 3, 1, 0, 0, 1), "
                "('usr_d', 'dan', '', 3, 0, 0, 0, 1), ('usr_e', 'eve', '', 3, 1, 0, 0, 1), "
                "('usr_v', 'vic', '', 1, 1, 0, 0, 1)");
}

static inline void empty_incidents(void) {
    engine_exec(&W->engine, "DELETE FROM incident");
    engine_exec(&W->engine, "DELETE FROM incident_log");
    engine_exec(&W->engine, "DELETE FROM incident_log_head");
    engine_exec(&W->engine, "DELETE FROM incident_alert");
    engine_exec(&W->engine, "DELETE FROM incident_signature");
    engine_exec(&W->engine, "DELETE FROM postmortem");
    engine_exec(&W->engine, "DELETE FROM postmortem_part");
    engine_exec(&W->engine, "DELETE FROM action_item");
    engine_exec(&W->engine, "UPDATE incident_number SET number = 0");
    engine_exec(&W->engine, "DELETE FROM alert");
    engine_exec(&W->engine, "DELETE FROM alert_word");
    engine_exec(&W->engine, "DELETE FROM alert_entry");
    engine_exec(&W->engine, "DELETE FROM alert_told");
    engine_exec(&W->engine, "DELETE FROM alert_group");
    engine_exec(&W->engine, "DELETE FROM alert_delivery");
    engine_exec(&W->engine, "DELETE FROM alert_channel");
}

static inline void close_incidents(void) {
    incidents_close(incidents);
    alerts_close(alerts);
    deliveries_close(deliveries);
    channels_close(channels);
    incidents = NULL;
    alerts = NULL;
    deliveries = NULL;
    channels = NULL;
}

static inline void open_alerting(void) {
    static char *ann[] = {"ann"}, *bob[] = {"bob"};
    static char *room[] = {"room"};
    static struct alert_person_config persons[] = {
        {.name = "ann", .channels = ann, .channels_count = 1},
        {.name = "bob", .channels = bob, .channels_count = 1},
    };
    static struct alert_shift_config commanders[] = {{.people = ann, .people_count = 1}};
    static struct alert_shift_config deputies[] = {{.people = bob, .people_count = 1}};
    static struct alert_rota_config rotas[] = {
        {.name = "primary", .shifts = commanders, .shifts_count = 1},
        {.name = "secondary", .shifts = deputies, .shifts_count = 1},
    };
    static struct alert_route_config route = {
        .name = "all", .channels = room, .channels_count = 1};
    static const char *const names[] = {"room", "ann", "bob"};
    struct channel_settings settings[COUNT_OF(names)];
    struct err err = {0};
    fixture_alerts = (struct alert_config){.routes = &route,
                                           .routes_count = 1,
                                           .people = persons,
                                           .people_count = 2,
                                           .rotas = rotas,
                                           .rotas_count = 2};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct fixture_settings from = {
            CHANNEL_SLACK, {NULL}, {"webhook_url", "https://slack/services"}};
        fixture_fill(&from, &settings[i]);
        settings[i].name = names[i];
    }
    assert_int_equal(channels_open(settings, COUNT_OF(names), NULL, &channels, &err), 0);
    const struct deliveries_options sending = {.store = W->engine.store, .channels = channels};
    assert_int_equal(deliveries_open(&sending, &deliveries, &err), 0);
    const struct alerts_options options = {.store = W->engine.store,
                                           .channels = channels,
                                           .deliveries = deliveries,
                                           .config = &fixture_alerts};
    if (alerts_open(&options, &alerts, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    const struct job_kind kind = alerts_job(alerts);
    payments_also_run(W->payments, &kind, 1);
}

/* Once for a test: what runs by itself is bound to the payments that there are now. */
static inline void open_incidents(const struct incident_config *config) {
    struct err err = {0};
    people();
    close_incidents();
    empty_incidents();
    open_alerting();
    const struct incidents_options options = {.store = W->engine.store,
                                              .payments = W->payments,
                                              .alerts = alerts,
                                              .config = config,
                                              .alert_config = &fixture_alerts};
    if (incidents_open(&options, &incidents, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

static inline struct caller person(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

/* ---- by people; each returns the incident (json_decref), NULL when it was refused: W->err ---- */

static inline json_t *take(int r, struct answer *answer) {
    return world_take(W, r, answer);
}

static inline json_t *open_one(const char *actor, const struct incident_request *request) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_open(incidents, &caller, request, &answer, &W->err), &answer);
}

/* A P2 about stripe-a, opened by ann; its id into `ret_id`. */
static inline const char *opened(char ret_id[ID_TEXT_MAX]) {
    struct incident_request request = {.title = "Cards fail at stripe-a",
                                       .severity_known = true,
                                       .severity = NOTICE_P2};
    struct err err = {0};
    assert_int_equal(scope_add(&request.scope.gateways, "stripe-a", &err), 0);
    json_t *json = open_one("user:usr_a", &request);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    snprintf(ret_id, ID_TEXT_MAX, "%s", json_at(json, "id"));
    json_decref(json);
    return ret_id;
}

static inline json_t *move_at(const char *actor, const char *id, const char *name, int64_t at_us) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct incident_move move = {name, at_us, "as the runbook says"};
    W->err = (struct err){0};
    return take(incident_act(incidents, &caller, id, &move, &answer, &W->err), &answer);
}

static inline json_t *move(const char *actor, const char *id, const char *name) {
    return move_at(actor, id, name, 0);
}

static inline json_t *severity(const char *actor, const char *id, enum notice_severity to) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_severity(incidents, &caller, id, to, "by what we know", &answer, &W->err),
                &answer);
}

static inline json_t *role(const char *actor, const char *id, enum incident_role role, bool deputy,
                           const char *user) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct incident_post post = {role, deputy, user, "the shift ends"};
    W->err = (struct err){0};
    return take(incident_role(incidents, &caller, id, &post, &answer, &W->err), &answer);
}

static inline json_t *correct(const char *actor, const char *id,
                              const struct incident_correction *said) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    struct incident_correction correction = *said;
    correction.reason = "we looked again";
    W->err = (struct err){0};
    return take(incident_correct(incidents, &caller, id, &correction, &answer, &W->err), &answer);
}

static inline json_t *note(const char *actor, const char *id, enum incident_log_kind kind,
                           const char *text) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_note(incidents, &caller, id, kind, text, &answer, &W->err), &answer);
}

static inline json_t *sign(const char *actor, const char *id, enum incident_role role) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_sign(incidents, &caller, id, role, "seen", &answer, &W->err), &answer);
}

static inline json_t *link_alert(const char *actor, const char *id, const char *alert) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_link_alert(incidents, &caller, id, alert, "the same", &answer, &W->err),
                &answer);
}

static inline json_t *resolve(const char *actor, const char *id,
                              const struct incident_gate *through) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_resolve(incidents, through, &caller, id, "", &answer, &W->err), &answer);
}

static inline json_t *get(const char *id) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_get(incidents, id, &answer, &W->err), &answer);
}

static inline json_t *log_of(const char *id, int64_t after, int limit) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(incident_log_list(incidents, id, after, limit, &answer, &W->err), &answer);
}

/* Done, and this at that path now; releases it. */
static inline void assert_at(json_t *json, const char *path, const char *expected) {
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_string_equal(json_at(json, path), expected);
    json_decref(json);
}

static inline void assert_state(json_t *json, const char *state) {
    assert_at(json, "state", state);
}

static inline void assert_no(json_t *json, enum err_code code, const char *words) {
    assert_null(json);
    if (W->err.code != code || strstr(W->err.detail, words) == NULL) {
        fail_msg("%d %s", (int)W->err.code, W->err.detail);
    }
}

/* To mitigated, with ann in command and bob at reconciliation. */
static inline void mitigated(const char *id) {
    static const char *const verbs[] = {"acknowledge", "contain", "mitigate"};
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        test_clock_advance(MINUTE_US);
        json_decref(move("user:usr_a", id, verbs[i]));
        assert_int_equal(W->err.code, 0);
    }
    json_decref(role("user:usr_a", id, INCIDENT_ROLE_RECON, false, "bob"));
    assert_int_equal(W->err.code, 0);
}

/* What every incident needs before it is closed. */
static inline void learnt(void) {
    engine_exec(&W->engine,
                "INSERT INTO postmortem_part (incident_id, name, version, body, actor, author, "
                "at_us) SELECT i.id, n.name, 1, 'x', 'user:usr_a', 'ann', 1 FROM incident i CROSS "
                "JOIN (SELECT 'summary' AS name UNION ALL SELECT 'root_cause' UNION ALL SELECT "
                "'went_well' UNION ALL SELECT 'went_badly' UNION ALL SELECT 'no_actions') n WHERE "
                "NOT EXISTS (SELECT 1 FROM postmortem_part p WHERE p.incident_id = i.id)");
}

static inline struct incident_verdict verified(const char *id) {
    struct incident_verdict found = {0};
    struct err err = {0};
    if (incident_verify(incidents, id, &found, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return found;
}

static inline void assert_whole(const char *id) {
    struct incident_verdict found = verified(id);
    if (found.broken_seq != 0) {
        fail_msg("%lld: %s", (long long)found.broken_seq, found.why);
    }
}

/* ---- alerts ---- */

struct alert_about {
    const char *rule, *gateway, *method;
    int64_t first_symptom_us;
    enum notice_severity severity;
    bool severity_known;
};

static inline void say(const struct alert_about *about, bool firing) {
    struct err err = {0};
    struct alert_signal signal = {.rule = about->rule,
                                  .firing = firing,
                                  .holds_us = ALERT_FOR_GOOD,
                                  .severity_known = about->severity_known,
                                  .severity = about->severity,
                                  .first_symptom_us = about->first_symptom_us};
    if (about->gateway != NULL) {
        signal.labels[signal.label_count++] = (struct notice_label){"gateway", about->gateway};
    }
    if (about->method != NULL) {
        signal.labels[signal.label_count++] = (struct notice_label){"method", about->method};
    }
    if (alert_signal(alerts, &signal, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
}

#endif
