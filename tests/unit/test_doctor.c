/* SPDX-License-Identifier: Apache-2.0
 * test_doctor.c: what is wrong, counted on both engines, put in order, and asked of a service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/doctor.h"
#include "base/clock.h"
#include "base/json.h"
#include "recon/recon_impl.h"
#include "support/api_fixture.h"
#include "support/both_engines.h"

#define NOW INT64_C(1800000000000000)
#define SECONDS_AGO(n) (NOW - (n) * US_PER_SECOND)

/* ---- counting ---- */

struct counted {
    const struct check *check;
    int64_t count, since_us;
};

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct counted *counted = ctx;
    return check_take(counted->check, tx, NOW, &counted->count, &counted->since_us, err);
}

static const struct check *check_named(const char *name) {
    for (int i = 0; i < check_count(); i++) {
        if (strcmp(check_at(i)->name, name) == 0) {
            return check_at(i);
        }
    }
    fail_msg("there is no check %s", name);
    return NULL;
}

static void assert_counted(struct test_store *engine, const char *name, int64_t count,
                           int64_t since_us) {
    struct counted counted = {.check = check_named(name), .count = -1};
    struct err err = {0};
    if (store_read(engine->store, count_tx, &counted, &err) < 0) {
        fail_msg("%s: %s", name, err.detail);
    }
    if (counted.count != count || counted.since_us != since_us) {
        fail_msg("%s counts %lld since %lld where %lld since %lld is right", name,
                 (long long)counted.count, (long long)counted.since_us, (long long)count,
                 (long long)since_us);
    }
}

static struct test_store engine;

#define ATTEMPT(id, state, live, lease, created)                                                   \
    "INSERT INTO attempt (id, payment_id, number, gateway, state, live, amount_minor, currency, "  \
    "token, decision, outcome, source, gateway_id, charge_id, code, common_code, message, trace, " \
    "http_status, reach, duration_us, was_unknown, owner, lease_us, sent_us, created_us, "         \
    "settled_us, callback_due_us, callback_us) VALUES ('" id "', 'pay_" id "', 1, 'g', " \
    state ", " live ", 100, 'EUR',"                                                                \
    "'', '', 0, '', '', '', '', '', '', '', 0, 0, 0, 0, '', " lease ", 0, " created ", 0, 0, 0)"
#define OPERATION(id, state, retry_of, updated)                                                    \
    "INSERT INTO operation (id, payment_id, attempt_id, kind, state, gateway, amount_minor, "      \
    "currency, final, to_original, reason, actor, retry_of, outcome, source, refund_id, code, "    \
    "common_code, message, trace, was_unknown, tries, owner, lease_us, created_us, updated_us) "   \
    "VALUES ('" id "', 'pay_1', 'att_1', 3, " state ", 'g', 100, 'EUR', 1, " \
    "1, '', '', '" retry_of "', 0, '', '', '', '', '', '', 0, 1, '', 0, " updated ", " updated ")"
#define JOB(kind, key, due, parked)                                                                \
    "INSERT INTO job (kind, key, id, due_us, attempts, lost, lease, hasten_us, parked_us, "        \
    "created_us, last_error, payload) VALUES ('" kind "', '" key "', '" key "', " due              \
    ", 0, 0, '', 0, " parked ", 1, '', '')"
#define FETCH(day, state, updated)                                                                 \
    "INSERT INTO statement_fetch (gateway, kind, day, state, planned, attempts, error, "           \
    "statements, actor, created_us, updated_us) VALUES ('g', 'trade', '" day "', " state           \
    ", 1, 1, '', '', '', " updated ", " updated ")"
#define RUN(id, state, begun)                                                                      \
    "INSERT INTO reconciliation (id, gateway, state, actor, until_us, begun_us, ended_us, " \
    "figures) VALUES ('" id "', 'g', " state ", '', 1, " begun ", 0, '')"
#define BOOK(id, late) "INSERT INTO reconciliation_book VALUES ('" id "', 'EUR', 0, 0, " late ", 0)"
#define TICKET(id, state, due)                                                                     \
    "INSERT INTO ticket VALUES ('" id "', 1, 'k', '" id "', '', '', 1, 1, 0, '', '', '', '', ''," \
    state ", '', '', 0, '', 0, '', '', 1, 0, '', 1, " due ", 1, 0, '')"
#define DISPUTE(id, state, due, answered)                                                          \
    "INSERT INTO dispute VALUES ('" id "', 1, '', '', 'g', '" id "', '', " state                   \
    ", 0, '', '', '', 100, 'EUR', 0, 0, 0, " due ", 0, '', '', 0, 0, 0, '', '', " answered         \
    ", 0, 7, 7, 0)"
#define CALLBACK(id, state)                                                                        \
    "INSERT INTO callback VALUES ('" id "', 'g', '" id "', 't', 1, " state                         \
    ", '', '', '', '', '', '', 1, 0, 1, 9, 9)"
#define WEBHOOK(id, state)                                                                         \
    "INSERT INTO webhook_delivery VALUES ('" id "', 'ep', '" id "', 't', " state                   \
    ", 1, 500, '', 1, 11)"
#define BREAK(id, risk, state, opened)                                                             \
    "INSERT INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, "     \
    "state, owner, kind, payment_id, currency, our_minor, their_minor, "                 \
    "difference_minor, our_rows, their_rows, detail, at_us, opened_us, updated_us, closed_us, "    \
    "first_run, last_run, resolution, decided_by) VALUES ('" id "', 1, 'g', 1, '" id "', " risk    \
    ", 1, 'm', " state ", '', 1, '', 'EUR', 1, 1, 1, 1, 1, '', 1, " opened                     \
    ", 1, 0, '', '', '', '')"

static void what_is_wrong_is_counted_with_since_when_and_what_is_well_is_not(void **state) {
    (void)state;
    for (int i = 0; i < check_count(); i++) {
        struct counted counted = {.check = check_at(i), .count = -1};
        struct err err = {0};
        assert_int_equal(store_read(engine.store, count_tx, &counted, &err), 0);
        assert_int_equal(counted.count, 0);
        assert_int_equal(counted.since_us, 0);
    }
    engine_exec(&engine, ATTEMPT("1", "4", "1", "0", "500"));
    engine_exec(&engine, ATTEMPT("2", "4", "1", "0", "400"));
    engine_exec(&engine, ATTEMPT("3", "6", "1", "0", "1"));
    engine_exec(&engine, ATTEMPT("4", "4", "NULL", "0", "1"));
    assert_counted(&engine, "unanswered_payments", 2, 400);
    engine_exec(&engine, ATTEMPT("5", "1", "1", "1799999939999999", "300"));
    engine_exec(&engine, ATTEMPT("6", "1", "1", "1799999940000000", "200"));
    assert_counted(&engine, "abandoned_calls", 1, 300);
    engine_exec(&engine, OPERATION("re_1", "3", "", "50"));
    engine_exec(&engine, OPERATION("re_2", "3", "", "40"));
    engine_exec(&engine, JOB("resolve_operation", "re_1", "1800000000000000", "0"));
    assert_counted(&engine, "unanswered_refunds", 1, 50);
    engine_exec(&engine, OPERATION("re_3", "5", "", "1799999999000000"));
    engine_exec(&engine, OPERATION("re_4", "5", "", "1799999998000000"));
    engine_exec(&engine, OPERATION("re_5", "4", "re_4", "1799999999500000"));
    engine_exec(&engine, OPERATION("re_6", "5", "", "1799913599999999"));
    assert_counted(&engine, "failed_refunds", 1, SECONDS_AGO(1));
    engine_exec(&engine, BREAK("brk_1", "3", "1", "77"));
    engine_exec(&engine, BREAK("brk_2", "4", "2", "66"));
    engine_exec(&engine, BREAK("brk_3", "2", "1", "55"));
    engine_exec(&engine, BREAK("brk_4", "4", "3", "44"));
    assert_counted(&engine, "grave_breaks", 2, 66);
    engine_exec(&engine, "UPDATE recon_break SET class = 19 WHERE id = 'brk_2'");
    engine_exec(&engine, "UPDATE recon_break SET class = 32 WHERE id IN ('brk_1', 'brk_4')");
    assert_counted(&engine, "grave_breaks", 0, 0); /* each is told once, by its own name */
    assert_counted(&engine, "double_charges", 2, 66);
    engine_exec(&engine, "DELETE FROM recon_break");
    engine_exec(&engine, RUN("rec_1", "2", "10"));
    engine_exec(&engine, BOOK("rec_1", "5"));
    assert_counted(&engine, "late_books", 1, 10);
    engine_exec(&engine, RUN("rec_2", "2", "20"));
    engine_exec(&engine, BOOK("rec_2", "0"));
    assert_counted(&engine, "late_books", 0, 0);
    assert_counted(&engine, "failed_runs", 0, 0);
    engine_exec(&engine, RUN("rec_3", "3", "30"));
    assert_counted(&engine, "failed_runs", 1, 30);
    engine_exec(&engine, FETCH("2027-01-14", "4", "1799999000000000"));
    engine_exec(&engine, FETCH("2026-12-01", "4", "1797999000000000"));
    engine_exec(&engine, FETCH("2027-01-13", "1", "1799999000000000"));
    assert_counted(&engine, "missing_statements", 1, SECONDS_AGO(1000));
    assert_counted(&engine, "late_statements", 0, 0);
    engine_exec(&engine, FETCH("2027-01-12", "1", "1799913000000000"));
    assert_counted(&engine, "late_statements", 1, SECONDS_AGO(87000));
    /* Seven days that were planned in the last eight, and nothing came. */
    engine_exec(&engine, FETCH("2027-01-11", "3", "1799800000000000"));
    engine_exec(&engine, FETCH("2027-01-10", "3", "1799700000000000"));
    engine_exec(&engine, FETCH("2027-01-09", "3", "1799600000000000"));
    assert_counted(&engine, "silent_statements", 0, 0);
    engine_exec(&engine, FETCH("2027-01-08", "3", "1799500000000000"));
    assert_counted(&engine, "silent_statements", 1, SECONDS_AGO(500000));
    engine_exec(&engine, FETCH("2027-01-07", "2", "1799400000000000"));
    assert_counted(&engine, "silent_statements", 0, 0);
    engine_exec(&engine, TICKET("tkt_1", "2", "1799999999000000"));
    engine_exec(&engine, TICKET("tkt_2", "2", "1800000000000000"));
    engine_exec(&engine, TICKET("tkt_3", "5", "1"));
    assert_counted(&engine, "overdue_tickets", 1, SECONDS_AGO(1));
    engine_exec(&engine, DISPUTE("dp_1", "1", "1800259199999999", "0"));
    engine_exec(&engine, DISPUTE("dp_2", "1", "1800259200000000", "0"));
    engine_exec(&engine, DISPUTE("dp_3", "1", "1800000000000000", "5"));
    engine_exec(&engine, DISPUTE("dp_4", "2", "1800000000000000", "0"));
    assert_counted(&engine, "dispute_deadlines", 1, 7);
    engine_exec(&engine, CALLBACK("cb_1", "5"));
    engine_exec(&engine, CALLBACK("cb_2", "3"));
    assert_counted(&engine, "callbacks_parked", 1, 9);
    engine_exec(&engine, WEBHOOK("wd_1", "3"));
    engine_exec(&engine, WEBHOOK("wd_2", "2"));
    assert_counted(&engine, "webhooks_parked", 1, 11);
    engine_exec(&engine, JOB("renewal", "a", "1799999879999999", "0"));
    engine_exec(&engine, JOB("renewal", "b", "1799999880000000", "0"));
    engine_exec(&engine, JOB("renewal", "c", "1", "1799999999000000"));
    engine_exec(&engine, JOB("callback", "d", "1", "1799999998000000"));
    assert_counted(&engine, "jobs_late", 1, INT64_C(1799999879999999));
    assert_counted(&engine, "jobs_parked", 1, SECONDS_AGO(1));
    engine_exec(&engine, "INSERT INTO mode_switch VALUES ('method', 'card', 1, '', '', 13, 0), "
                         "('method', 'alipay', 0, '', '', 12, 0), "
                         "('purpose', 'order', 1, '', '', 11, 1800000000000000)");
    assert_counted(&engine, "switched_off", 1, 13);
}

/* ---- order and words ---- */

static void edge(struct doctor *doctor, enum dep_kind kind, const char *name,
                 enum dep_state state) {
    struct dep dep;
    dep_init(&dep, kind, name);
    dep.state = state;
    snprintf(dep.why, sizeof dep.why, "That is why.");
    doctor_edge(doctor, &dep);
}

static int place_of(const struct check *check) {
    for (int i = 0; i < check_count(); i++) {
        if (check_at(i) == check) {
            return i;
        }
    }
    return -1;
}

/* By the limits as they are shipped. */
static void counted(struct doctor *doctor, const struct check *check, int64_t count,
                    int64_t since_us) {
    struct measure_limits limits[MEASURES];
    int place = place_of(check);
    measure_limits_usual(limits);
    doctor_counted(doctor, place, &limits[MEASURES_OWN + place], count, since_us);
}

static void the_gravest_is_first_and_then_the_oldest(void **state) {
    (void)state;
    struct doctor doctor;
    BUF_AUTO buf;
    buf_init(&buf, 65536);
    doctor_init(&doctor, NOW);
    edge(&doctor, DEP_GATEWAY, "stripe-eu", DEP_DEGRADED);
    edge(&doctor, DEP_CALLERS, "callers of the API", DEP_UNKNOWN);
    edge(&doctor, DEP_DISK, "disk", DEP_DOWN);
    edge(&doctor, DEP_CLOCK, "clock", DEP_OK);
    counted(&doctor, check_named("switched_off"), 1, SECONDS_AGO(99999));
    counted(&doctor, check_named("unanswered_payments"), 1, SECONDS_AGO(601));
    counted(&doctor, check_named("cases"), 12, SECONDS_AGO(60));
    counted(&doctor, check_named("failed_refunds"), 0, 0);
    doctor_write(&doctor, &buf);
    doctor_release(&doctor);
    JSON_AUTO json = json_loads(buf.data, 0, NULL);
    static const struct {
        const char *gravity, *check, *what, *next;
    } rows[] = {
        {"critical", "unanswered_payments",
         "1 payment may have been charged: its gateway has not said yet.",
         "holdfast payment stuck"},
        {"critical", "disk:disk", "disk is down: That is why. So: Nothing can be written", "df -h"},
        {"warning", "cases", "12 cases wait for a person", "holdfast case list"},
        {"warning", "gateway:stripe-eu", "stripe-eu: That is why.",
         "holdfast gateway check stripe-eu"},
        {"notice", "switched_off", "1 purpose or method", "holdfast switch list"},
    };
    const json_t *data = json_object_get(json, "data");
    assert_int_equal(json_array_size(data), COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const json_t *row = json_array_get(data, i);
        assert_string_equal(json_string_value(json_object_get(row, "gravity")), rows[i].gravity);
        assert_string_equal(json_string_value(json_object_get(row, "check")), rows[i].check);
        assert_non_null(strstr(json_string_value(json_object_get(row, "what")), rows[i].what));
        assert_string_equal(json_string_value(json_object_get(row, "next")), rows[i].next);
    }
    assert_string_equal(json_string_value(json_object_get(json, "state")), "critical");
    assert_int_equal(json_integer_value(json_object_get(json, "looked_at")), 8);
}

static void an_answer_that_is_awaited_is_grave_after_its_time_only(void **state) {
    (void)state;
    struct doctor doctor;
    const struct check *check = check_named("unanswered_payments");
    doctor_init(&doctor, NOW);
    counted(&doctor, check, 2, SECONDS_AGO(600));
    counted(&doctor, check, 2, SECONDS_AGO(601));
    counted(&doctor, check_named("cases"), 2, SECONDS_AGO(9999999));
    const struct finding *findings = (const struct finding *)(void *)doctor.findings->data;
    assert_int_equal(findings[0].gravity, GRAVITY_WARNING);
    assert_int_equal(findings[1].gravity, GRAVITY_CRITICAL);
    assert_int_equal(findings[2].gravity, GRAVITY_WARNING);
    assert_non_null(strstr(findings[0].what, "2 payments may have been charged: their gateways"));
    doctor_release(&doctor);
}

static void what_is_counted_is_judged_by_the_limits_in_force(void **state) {
    (void)state;
    static const struct {
        struct measure_limits limits;
        int64_t count, waits_s;
        enum gravity gravity;
    } rows[] = {
        {{.least = 1, .grave_after_s = 600}, 2, 300, GRAVITY_WARNING},
        {{.least = 3, .grave_after_s = 600}, 2, 300, GRAVITY_NOTICE},
        {{.least = 3, .grave_after_s = 600}, 2, 900, GRAVITY_NOTICE},
        {{.least = 3, .grave_after_s = 600}, 3, 900, GRAVITY_CRITICAL},
        {{.least = 1, .after_s = 400, .grave_after_s = 600}, 2, 300, GRAVITY_NOTICE},
        {{.least = 1, .after_s = 300, .grave_after_s = 600}, 2, 300, GRAVITY_WARNING},
        {{.least = 1, .grave_after_s = 200}, 2, 300, GRAVITY_CRITICAL},
        {{.least = 1}, 2, 99999, GRAVITY_WARNING}, /* never grave */
    };
    struct doctor doctor;
    doctor_init(&doctor, NOW);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        doctor_counted(&doctor, place_of(check_named("unanswered_payments")), &rows[i].limits,
                       rows[i].count, SECONDS_AGO(rows[i].waits_s));
        const struct finding *finding = &g_array_index(doctor.findings, struct finding, i);
        assert_int_equal(finding->gravity, rows[i].gravity);
        bool below = rows[i].gravity == GRAVITY_NOTICE;
        assert_int_equal(strstr(finding->what, "no alert") != NULL, below);
    }
    doctor_release(&doctor);
}

static void every_step_of_a_degraded_mode_is_found(void **state) {
    (void)state;
    struct doctor doctor;
    struct mode_view view = {.step = MODE_NORMAL};
    doctor_init(&doctor, NOW);
    doctor_mode(&doctor, &view);
    assert_int_equal(doctor.findings->len, 0);
    snprintf(view.reason, sizeof view.reason, "no route for alipay");
    view.step = MODE_REROUTE;
    doctor_mode(&doctor, &view);
    view.step = MODE_REDUCED;
    view.simplified = true;
    doctor_mode(&doctor, &view);
    assert_int_equal(doctor.findings->len, 3);
    const struct finding *findings = (const struct finding *)(void *)doctor.findings->data;
    assert_int_equal(findings[0].gravity, GRAVITY_WARNING);
    assert_int_equal(findings[1].gravity, GRAVITY_CRITICAL);
    assert_string_equal(findings[1].what,
                        "The service runs in mode reduced: no route for alipay");
    assert_int_equal(findings[2].gravity, GRAVITY_NOTICE);
    doctor_release(&doctor);
}

static void alert(struct doctor *doctor, const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    doctor_alert(doctor, json);
    json_decref(json);
}

static const struct finding *finding_at(const struct doctor *doctor, guint i) {
    assert_true(i < doctor->findings->len);
    return &g_array_index(doctor->findings, struct finding, i);
}

#define LIVE(id, rule, severity, state, more)                                                      \
    "{\"id\":\"" id "\",\"rule\":\"" rule "\",\"severity\":\"" severity                           \
    "\",\"state\":\"" state "\",\"title\":\"It is wrong\"" more "}"

#define LABEL(name, value) ",\"labels\":{\"" name "\":\"" value "\"}"

static void alerts_come_first_and_are_told_once(void **state) {
    (void)state;
    struct doctor doctor;
    BUF_AUTO buf;
    buf_init(&buf, 65536);
    doctor_init(&doctor, NOW);
    alert(&doctor, LIVE("al_1", "QueueLag", "P2", "firing", LABEL("check", "jobs_late")));
    alert(&doctor, LIVE("al_2", "PaymentServiceGatewayFailure", "P1", "acknowledged",
                        ",\"labels\":{\"gateway\":\"a\"},\"acknowledged_by\":\"wang\",\"stake\":10,"
                        "\"money\":\"About EUR 10 a minute are not taken there.\""));
    alert(&doctor, LIVE("al_3", "PaymentServiceGatewayFailure", "P1", "firing",
                        ",\"labels\":{\"gateway\":\"b\",\"method\":\"card\"},\"stake\":20"));
    alert(&doctor, LIVE("al_4", "LedgerImbalance", "P0", "firing", ""));
    alert(&doctor, LIVE("al_5", "QueueLag", "P2", "pending", ""));
    alert(&doctor, LIVE("al_6", "CallbackMissing", "P2", "firing", LABEL("gateway", "a")));
    alert(&doctor, LIVE("al_7", "ChannelFailing", "P2", "firing", LABEL("channel", "room")));
    edge(&doctor, DEP_GATEWAY, "a", DEP_DEGRADED); /* the alert tells it */
    edge(&doctor, DEP_GATEWAY, "b", DEP_DEGRADED); /* that one tells of cards only */
    edge(&doctor, DEP_CALLBACKS, "callbacks of a", DEP_DOWN); /* as the map calls it */
    counted(&doctor, check_named("jobs_late"), 3, SECONDS_AGO(9)); /* told */
    counted(&doctor, check_named("jobs_parked"), 3, SECONDS_AGO(9));
    JSON_AUTO room = json_loads("{\"name\":\"room\",\"state\":\"fails\",\"reason\":\"gone\"}", 0,
                                NULL);
    JSON_AUTO mail = json_loads("{\"name\":\"mail\",\"state\":\"blocked\",\"reason\":\"gone\"}", 0,
                                NULL);
    JSON_AUTO sms = json_loads("{\"name\":\"sms\",\"state\":\"works\"}", 0, NULL);
    doctor_channel(&doctor, room);
    doctor_channel(&doctor, mail);
    doctor_channel(&doctor, sms);
    doctor_write(&doctor, &buf);
    static const char *const order[] = {"alert:LedgerImbalance",
                                        "alert:PaymentServiceGatewayFailure",
                                        "alert:PaymentServiceGatewayFailure"};
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        assert_string_equal(finding_at(&doctor, i)->check, order[i]);
        assert_int_equal(finding_at(&doctor, i)->gravity, GRAVITY_CRITICAL);
    }
    assert_string_equal(finding_at(&doctor, 1)->alert, "al_3"); /* more is at stake */
    assert_string_equal(finding_at(&doctor, 1)->what,
                        "[P1] It is wrong (gateway=b, method=card).");
    assert_string_equal(finding_at(&doctor, 2)->what,
                        "[P1] It is wrong (gateway=a). About EUR 10 a minute are not taken there. "
                        "(acknowledged by wang)");
    assert_string_equal(finding_at(&doctor, 2)->next, "holdfast alert show al_2");
    assert_string_equal(finding_at(&doctor, 2)->acknowledged_by, "wang");
    assert_int_equal(doctor.findings->len, 3 + 3 + 3); /* alerts P2; jobs_parked, gateway b, mail */
    doctor_release(&doctor);
}

static void figures_silences_and_gateways_out_of_use_are_found(void **state) {
    (void)state;
    struct doctor doctor;
    struct figure_limits off = {.warning = 5, .critical = 1}, on = {5, 20, 1, 5,
                                                                    FIGURE_LEVEL_CRITICAL};
    struct figure_now now = {.value = 0, .state = FIGURE_CRITICAL};
    doctor_init(&doctor, NOW);
    doctor_figure(&doctor, FIGURE_PROCESSING_RATE, &off, &now);
    now.value = 30;
    doctor_figure(&doctor, FIGURE_REFUND_FAILURES, &on, &now);
    doctor_figure(&doctor, FIGURE_GATEWAY_ERRORS, &off, &now);
    now.state = FIGURE_OK;
    doctor_figure(&doctor, FIGURE_CAPTURE_FAILURES, &on, &now);
    JSON_AUTO silence = json_loads("{\"id\":\"si_1\",\"state\":\"active\",\"matchers\":["
                                   "\"gateway=a\",\"method=card\"],"
                                   "\"until\":\"2027-01-16T00:00:00Z\","
                                   "\"actor\":\"wang\","
                                   "\"reason\":\"their maintenance\"}",
                                   0, NULL);
    JSON_AUTO later = json_loads("{\"id\":\"si_2\",\"state\":\"to_come\"}", 0, NULL);
    doctor_silence(&doctor, silence);
    doctor_silence(&doctor, later);
    doctor_gateway_off(&doctor, "a", "draining", "");
    assert_int_equal(doctor.findings->len, 5);
    assert_int_equal(finding_at(&doctor, 0)->gravity, GRAVITY_NOTICE);
    assert_int_equal(finding_at(&doctor, 1)->gravity, GRAVITY_CRITICAL);
    assert_string_equal(finding_at(&doctor, 1)->what,
                        "refund_failure_rate is 30 percent, critical when above 20.");
    assert_int_equal(finding_at(&doctor, 2)->gravity, GRAVITY_WARNING);
    assert_string_equal(finding_at(&doctor, 3)->what,
                        "Nobody is told of what fits gateway=a method=card until "
                        "2027-01-16T00:00:00Z: their maintenance (wang)");
    assert_non_null(strstr(finding_at(&doctor, 4)->what, "Gateway a is draining by hand"));
    /* The alert of the same figure tells it. */
    alert(&doctor, LIVE("al_1", "RefundFailures", "P2", "firing", LABEL("gateway", "a")));
    now.state = FIGURE_CRITICAL;
    doctor_figure(&doctor, FIGURE_REFUND_FAILURES, &on, &now);
    assert_int_equal(doctor.findings->len, 6);
    doctor_release(&doctor);
}

static void what_is_too_long_is_cut(void **state) {
    (void)state;
    struct doctor doctor;
    struct dep dep;
    dep_init(&dep, DEP_GATEWAY, "");
    memset(dep.name, 'n', DEP_NAME_CHARS_MAX);
    memset(dep.why, 'w', DEP_WHY_CHARS_MAX);
    memset(dep.without, 'o', DEP_WITHOUT_CHARS_MAX);
    dep.state = DEP_DOWN;
    doctor_init(&doctor, NOW);
    doctor_edge(&doctor, &dep);
    const struct finding *finding = &g_array_index(doctor.findings, struct finding, 0);
    assert_int_equal(strlen(finding->what), DEP_NAME_CHARS_MAX + DEP_WHY_CHARS_MAX +
                                                DEP_WITHOUT_CHARS_MAX + strlen(" is down:  So: "));
    assert_int_equal(strlen(finding->check), strlen("gateway:") + DEP_NAME_CHARS_MAX);
    doctor_release(&doctor);
}

/* ---- of a service ---- */

static void diagnose(struct api_reply *ret_reply) {
    api_ask(&the_api, &(struct api_ask){.path = "/v1/doctor", .internal = true}, ret_reply);
    assert_int_equal(ret_reply->status, 200);
}

static bool finds(const struct api_reply *reply, const char *check) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(reply->json, "data"), i, row) {
        if (strcmp(json_string_value(json_object_get(row, "check")), check) == 0) {
            return true;
        }
    }
    return false;
}

static int no_answer(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return -1;
}

static void a_service_tells_what_is_wrong_with_or_without_its_database(void **state) {
    (void)state;
    API_REPLY_AUTO well;
    diagnose(&well);
    assert_string_equal(reply_text(&well, "state"), "ok");
    assert_true(reply_int(&well, "looked_at") > check_count() + 8);
    api_sql(&the_api, CALLBACK("cb_1", "5"));
    API_REPLY_AUTO wrong;
    diagnose(&wrong);
    assert_string_equal(reply_text(&wrong, "state"), "warning");
    assert_true(finds(&wrong, "callbacks_parked"));
    store_fault_set(the_api.service->store, no_answer, NULL);
    API_REPLY_AUTO silent;
    diagnose(&silent);
    store_fault_set(the_api.service->store, NULL, NULL);
    assert_string_equal(reply_text(&silent, "state"), "critical");
    assert_true(finds(&silent, "database:sqlite"));
    assert_false(finds(&silent, "callbacks_parked"));
}

/* So many days from now, as a calendar has it. */
static char *day_from_now(int64_t days, char text[WORKDAYS_DATE_CHARS + 1]) {
    char time[CLOCK_TEXT_MAX];
    clock_format(clock_wall_us() + days * INT64_C(86400) * US_PER_SECOND, time);
    snprintf(text, WORKDAYS_DATE_CHARS + 1, "%.*s", WORKDAYS_DATE_CHARS, time);
    return text;
}

static struct settle *settle_with(int64_t days, const char *method) {
    char day[WORKDAYS_DATE_CHARS + 1];
    char *days_off[] = {day_from_now(days, day)};
    const struct workdays_settings calendar = {
        .name = (char *)(uintptr_t) "china",
        .weekend = (char *[]){"none"},
        .weekend_count = 1,
        .holidays = days_off,
        .holidays_count = 1,
    };
    const struct settle_settings window = {.method = (char *)(uintptr_t)method,
                                           .calendar = (char *)(uintptr_t) "china"};
    const struct settle_asked asked = {
        .gateway = "g",
        .business_days = 2,
        .calendar = method == NULL ? "china" : NULL,
        .windows = &window,
        .window_count = method != NULL,
        .calendars = &calendar,
        .calendar_count = 1,
    };
    struct settle *settle = NULL;
    struct err err = {0};
    assert_int_equal(settle_open(&asked, &settle, &err), 0);
    return settle;
}

static void a_calendar_that_ends_within_sixty_days_or_has_ended_is_told(void **state) {
    static const struct {
        int64_t days;
        const char *method; /* whose calendar it is; NULL: the gateway's */
        const char *says;   /* NULL: nothing */
    } cases[] = {
        {400, NULL, NULL},
        {60, NULL, NULL},
        {59, NULL, "in 59 days: holidays behind it will count as business days"},
        {1, "card", "in 1 day: holidays"},
        {0, NULL, "in 0 days: holidays"},
        {-1, NULL, "1 day ago: holidays since then count as business days"},
        {-30, "paypal", "30 days ago"},
    };
    (void)state;
    struct recon *recon = the_api.service->recon;
    struct source *source = &recon->sources[recon->source_count - 1];
    struct settle *usual = source->settle;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        source->settle = settle_with(cases[i].days, cases[i].method);
        API_REPLY_AUTO reply;
        diagnose(&reply);
        API_REPLY_AUTO fetches;
        api_ask(&the_api, &(struct api_ask){.path = "/v1/statement-fetches", .internal = true},
                &fetches);
        bool told = finds(&reply, "calendar:china");
        const json_t *ends = json_object_get(fetches.json, "calendars_ending");
        settle_free(source->settle);
        source->settle = usual;
        assert_int_equal(told, cases[i].says != NULL);
        assert_int_equal(json_array_size(ends), cases[i].says != NULL);
        if (cases[i].says != NULL) {
            const json_t *end = json_array_get(ends, 0);
            char day[WORKDAYS_DATE_CHARS + 1];
            assert_non_null(
                strstr(json_string_value(json_object_get(end, "says")), cases[i].says));
            assert_string_equal(json_string_value(json_object_get(end, "last_day")),
                                day_from_now(cases[i].days, day));
            assert_int_equal(json_integer_value(json_object_get(end, "days_left")), cases[i].days);
        }
    }
}

int main(void) {
    const struct CMUnitTest words[] = {
        cmocka_unit_test(the_gravest_is_first_and_then_the_oldest),
        cmocka_unit_test(an_answer_that_is_awaited_is_grave_after_its_time_only),
        cmocka_unit_test(what_is_counted_is_judged_by_the_limits_in_force),
        cmocka_unit_test(every_step_of_a_degraded_mode_is_found),
        cmocka_unit_test(alerts_come_first_and_are_told_once),
        cmocka_unit_test(figures_silences_and_gateways_out_of_use_are_found),
        cmocka_unit_test(what_is_too_long_is_cut),
    };
    const struct CMUnitTest counted[] = {
        cmocka_unit_test(what_is_wrong_is_counted_with_since_when_and_what_is_well_is_not),
    };
    const struct CMUnitTest service[] = {
        cmocka_unit_test(a_service_tells_what_is_wrong_with_or_without_its_database),
        cmocka_unit_test(a_calendar_that_ends_within_sixty_days_or_has_ended_is_told),
    };
    int failed = cmocka_run_group_tests_name("doctor", words, NULL, NULL);
    failed += engine_run("doctor counts", counted, COUNT_OF(counted), &engine);
    failed += cmocka_run_group_tests_name("doctor of a service", service, the_api_start,
                                          the_api_stop);
    return failed;
}
