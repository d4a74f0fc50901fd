/* SPDX-License-Identifier: Apache-2.0
 * handlers_gateways.c: gateways and their health, routing, methods, and the runbook's switches. */
#include <stdio.h>
#include <string.h>

#include "api/member.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "gateway/contacts.h"
#include "gateway/health.h"
#include "gateway/keyring.h"
#include "meter/meter.h"
#include "payment/probes.h"

enum { GATEWAY_JSON_BYTES_MAX = 1024 * 1024 };

/* ---- gateways ---- */

static void health_json(struct buf *buf, struct gateway *gateway, enum payment_method method,
                        enum gateway_operation operation) {
    struct health_figures figures;
    gateway_health_figures(gateway->health, method, operation, &figures);
    buf_addf(buf, "{\"method\":\"%s\",\"operation\":\"%s\",\"breaker\":\"%s\",\"why\":",
             method_name(method), operation_name(operation), breaker_state_name(figures.state));
    buf_add_json(buf, figures.why);
    buf_addf(buf,
             ",\"calls\":%lld,\"faults\":%lld,\"timeouts\":%lld,\"declines\":%lld,\"success_"
             "percent\":%.2f",
             (long long)figures.calls, (long long)figures.faults, (long long)figures.timeouts,
             (long long)figures.declines, figures.success_rate * 100.0);
    buf_addf(buf, ",\"window_s\":%d,\"latency_window_s\":%d,\"latency_calls\":%lld",
             figures.window_s, GATEWAY_LATENCY_WINDOW_S, (long long)figures.timed);
    member_ms(buf, "p50_ms", figures.p50_us);
    member_ms(buf, "p95_ms", figures.p95_us);
    member_ms(buf, "p99_ms", figures.p99_us);
    member_time(buf, "since", figures.since_us);
    member_time(buf, "first_fault_at", figures.first_fault_us);
    member_time(buf, "opened_at", figures.opened_us);
    buf_add_char(buf, '}');
}

static void certificate_json(struct buf *buf, const struct http_trace *trace) {
    char time[CLOCK_TEXT_MAX];
    if (trace->certificate_until_us == 0) {
        buf_add_text(buf, ",\"certificate\":null");
        return;
    }
    int64_t left_us = trace->certificate_until_us - clock_wall_us();
    buf_add_text(buf, ",\"certificate\":{\"name\":");
    buf_add_json(buf, trace->certificate);
    buf_addf(buf, ",\"expires_at\":\"%s\",\"days_left\":%lld}",
             clock_format(trace->certificate_until_us, time),
             (long long)(left_us / (86400 * US_PER_SECOND)));
}

/* The last time that the way there was gone by itself; null: not yet. */
static void way_member(struct buf *buf, const struct gateway_way *way) {
    if (way->at_us == 0) {
        buf_add_text(buf, ",\"way\":null");
        return;
    }
    buf_addf(buf, ",\"way\":{\"ok\":%s,\"failures\":%d,\"failure\":\"%s\",\"why\":",
             way->failures == 0 ? "true" : "false", way->failures,
             http_failure_name(way->failure));
    if (way->why[0] != '\0') {
        buf_add_json(buf, way->why);
    } else {
        buf_add_text(buf, "null");
    }
    member_ms(buf, "resolve_ms", way->trace.resolve_us);
    member_ms(buf, "connect_ms", way->trace.connect_us);
    member_ms(buf, "tls_ms", way->trace.tls_us);
    member_ms(buf, "answer_ms", way->trace.answer_us);
    member_time(buf, "at", way->at_us);
    certificate_json(buf, &way->trace);
    buf_add_char(buf, '}');
}

static void gateway_json(const struct ask *ask, struct buf *buf, struct gateway *gateway, int index,
                         const struct gateway_control_view *view) {
    struct gateway_way way;
    buf_addf(buf, "{\"name\":\"%s\",\"adapter\":\"%s\",\"state\":\"%s\",\"state_reason\":",
             gateway->name, gateway->adapter->name, gateway_switch_name(view->state[index]));
    buf_add_json(buf, view->reason[index]);
    buf_addf(buf,
             ",\"primary\":%s,\"priority\":%d,\"weight\":%d,\"in_flight\":%d,\"in_flight_max\":%d,"
             "\"methods\":[",
             strcmp(view->primary, gateway->name) == 0 ? "true" : "false", gateway->priority,
             gateway->weight, http_bulkhead_busy(gateway->bulkhead),
             http_bulkhead_max(gateway->bulkhead));
    const char *comma = "";
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (gateway->methods[m]) {
            buf_addf(buf, "%s\"%s\"", comma, method_name((enum payment_method)m));
            comma = ",";
        }
    }
    buf_add_text(buf, "],\"health\":[");
    comma = "";
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        for (int o = OP_CHARGE; gateway->methods[m] && o < OP_COUNT; o++) {
            buf_add_text(buf, comma);
            health_json(buf, gateway, (enum payment_method)m, (enum gateway_operation)o);
            comma = ",";
        }
    }
    const struct gateway_contact *contact = gateway_contact_find(gateway->adapter->name);
    buf_add_char(buf, ']');
    gateway_way_look(ask->service->payments, index, &way);
    way_member(buf, &way);
    if (contact != NULL) {
        buf_add_text(buf, ",\"contact\":{\"email\":");
        buf_add_json(buf, contact->email);
        buf_add_text(buf, ",\"phone\":");
        buf_add_json(buf, contact->phone);
        buf_add_text(buf, ",\"status_page\":");
        buf_add_json(buf, contact->status_page);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, '}');
}

int gateways_get(struct ask *ask, struct err *err) {
    struct gateway_control_view view;
    gateway_control_view(ask->service->control, &view);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; i < gateway_count(ask->service->registry); i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        gateway_json(ask, &buf, gateway_at(ask->service->registry, i), i, &view);
    }
    buf_add_text(&buf, "]}");
    return answer_take(&ask->answer, 200, &buf, err);
}

static int find_gateway(const struct ask *ask, int *ret_index, struct err *err) {
    for (int i = 0; i < gateway_count(ask->service->registry); i++) {
        if (strcmp(gateway_at(ask->service->registry, i)->name, ask->param) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.60s\"", ask->param);
    return err_hint(err, "GET /v1/gateways names them.");
}

static int answer_gateway(struct ask *ask, int index, struct err *err) {
    struct gateway_control_view view;
    gateway_control_view(ask->service->control, &view);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    gateway_json(ask, &buf, gateway_at(ask->service->registry, index), index, &view);
    return answer_take(&ask->answer, 200, &buf, err);
}

int gateway_get_one(struct ask *ask, struct err *err) {
    int index = 0;
    int r = find_gateway(ask, &index, err);
    return r < 0 ? r : answer_gateway(ask, index, err);
}

/* ---- switching: one transaction with the Idempotency-Key's row ---- */

static int switch_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct gateway_control_change *change = ctx;
    int r = gateway_control_write(tx, change, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"action\":\"%s\",\"subject\":", change->action);
    buf_add_json(&buf, change->subject);
    buf_add_text(&buf, ",\"value\":");
    buf_add_json(&buf, change->value);
    buf_add_text(&buf, ",\"reason\":");
    buf_add_json(&buf, change->reason);
    buf_add_char(&buf, '}');
    ret_answer->status = 200;
    ret_answer->json = buf_take(&buf);
    return 0;
}

static int run_switch(struct ask *ask, struct gateway_control_change *change, struct err *err) {
    int r = idempotent_run(ask->service->payments, &ask->caller, change->action, switch_fn, change,
                           &ask->answer, err);
    return r < 0 || ask->answer.replayed ? r : gateway_control_changed(change, err);
}

static int set_gateway(struct ask *ask, enum gateway_switch state, struct err *err) {
    static const char *const keys[] = {"reason", "force", NULL};
    const char *reason = NULL;
    bool force = false;
    struct gateway_control_change change;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "force", &force, err);
    r = r < 0 ? r
              : gateway_control_set(ask->service->control, ask->param, state, force,
                                    ask->caller.actor, reason, &change, err);
    return r < 0 ? r : run_switch(ask, &change, err);
}

int gateway_enable_post(struct ask *ask, struct err *err) {
    return set_gateway(ask, GATEWAY_ENABLED, err);
}

int gateway_disable_post(struct ask *ask, struct err *err) {
    return set_gateway(ask, GATEWAY_DISABLED, err);
}

int gateway_drain_post(struct ask *ask, struct err *err) {
    return set_gateway(ask, GATEWAY_DRAINING, err);
}

/* The adapter's harmless call, written as an object; true when it went well. */
static bool probe_json(struct ask *ask, struct gateway *gateway, struct buf *buf) {
    struct gateway_result result;
    gateway_result_init(&result);
    int64_t began = clock_mono_us();
    struct gateway_call call = {.gateway = keyring_take(gateway),
                                .client = ask->service->client,
                                .deadline_us = began + gateway->timeout_us};
    if (gateway->adapter->probe != NULL) {
        gateway->adapter->probe(&call, &result);
    }
    keyring_drop(call.gateway);
    result.duration_us = clock_mono_us() - began;
    /* The outcome alone: WeChat Pay's good answer, "no such order", is a 404. */
    bool well = gateway->adapter->can.offline || result.outcome == GW_NONE;
    buf_addf(buf,
             "{\"gateway\":\"%s\",\"ok\":%s,\"outcome\":\"%s\",\"failure\":\"%s\",\"http_status\":%"
             "d,\"code\":",
             gateway->name, well ? "true" : "false",
             well ? "ok" : gateway_outcome_name(result.outcome), http_failure_name(result.failure),
             result.http_status);
    buf_add_json(buf, result.code);
    member_ms(buf, "duration_ms", result.duration_us);
    buf_add_char(buf, '}');
    return well;
}

/* One harmless call now: can it be reached, are the credentials good, how long did it take. */
int gateway_probe_post(struct ask *ask, struct err *err) {
    int index = 0;
    int r = find_gateway(ask, &index, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    (void)probe_json(ask, gateway_at(ask->service->registry, index), &buf);
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- payments that probe ---- */

int probes_get(struct ask *ask, struct err *err) {
    return probes_list(ask->service->payments, &ask->answer, err);
}

int probe_run_post(struct ask *ask, struct err *err) {
    return probe_ask(ask->service->payments, ask->param, &ask->answer, err);
}

/* The way there, step by step, without credentials and on a connection of its own: whatever HTTP
 * status it is answered with, it is answered. */
static bool way_json(struct ask *ask, const struct gateway *gateway, struct buf *buf) {
    struct gateway_way way = {
        .trace = {.resolve_us = -1, .connect_us = -1, .tls_us = -1, .answer_us = -1}};
    /* To a bank account there is no way that could be closed. */
    bool answered = gateway->adapter->can.offline ||
                    gateway_way_go(ask->service->client, gateway, &way);
    const struct http_trace trace = way.trace;
    buf_add_text(buf, ",\"address\":");
    if (trace.address[0] != '\0') {
        buf_add_json(buf, trace.address);
    } else {
        buf_add_text(buf, "null");
    }
    member_ms(buf, "resolve_ms", trace.resolve_us);
    member_ms(buf, "connect_ms", trace.connect_us);
    member_ms(buf, "tls_ms", trace.tls_us);
    member_ms(buf, "answer_ms", trace.answer_us);
    buf_addf(buf, ",\"http_status\":%d,\"failure\":\"%s\",\"why\":", way.http_status,
             http_failure_name(way.failure));
    if (answered) {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, way.why);
    }
    certificate_json(buf, &trace);
    return answered;
}

/* Name, connection, TLS, certificate and answer one by one, then the probe with credentials. */
int gateway_check_post(struct ask *ask, struct err *err) {
    int index = 0;
    int r = find_gateway(ask, &index, err);
    if (r < 0) {
        return r;
    }
    struct gateway *gateway = gateway_at(ask->service->registry, index);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"gateway\":\"%s\"", gateway->name);
    bool answered = way_json(ask, gateway, &buf);
    buf_add_text(&buf, ",\"probe\":");
    bool well = probe_json(ask, gateway, &buf) && answered;
    buf_addf(&buf, ",\"ok\":%s}", well ? "true" : "false");
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- routing ---- */

int routing_get(struct ask *ask, struct err *err) {
    struct gateway_control_view view;
    gateway_control_view(ask->service->control, &view);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"primary\":");
    if (view.primary[0] != '\0') {
        buf_add_json(&buf, view.primary);
    } else {
        buf_add_text(&buf, "null");
    }
    buf_add_text(&buf, ",\"primary_reason\":");
    buf_add_json(&buf, view.primary_reason);
    buf_addf(&buf, ",\"fallback\":%s,\"fallback_reason\":", view.fallback ? "true" : "false");
    buf_add_json(&buf, view.fallback_reason);
    buf_add_text(&buf, ",\"fallback_by\":");
    if (view.fallback_us > 0) {
        char time[CLOCK_TEXT_MAX];
        buf_add_json(&buf, view.fallback_actor);
        buf_addf(&buf, ",\"fallback_at\":\"%s\"", clock_format(view.fallback_us, time));
    } else {
        buf_add_text(&buf, "null,\"fallback_at\":null");
    }
    buf_add_text(&buf, ",\"gateways\":[");
    for (int i = 0; i < gateway_count(ask->service->registry); i++) {
        const struct gateway *gateway = gateway_at(ask->service->registry, i);
        buf_addf(&buf, "%s{\"name\":\"%s\",\"priority\":%d,\"weight\":%d,\"state\":\"%s\"}",
                 i > 0 ? "," : "", gateway->name, gateway->priority, gateway->weight,
                 gateway_switch_name(view.state[i]));
    }
    buf_add_text(&buf, "]}");
    return answer_take(&ask->answer, 200, &buf, err);
}

int routing_primary_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"gateway", "reason", NULL};
    struct gateway_control_change change;
    const char *gateway = "", *reason = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_may_text(ask->body, "", "gateway", 0, GATEWAY_NAME_CHARS_MAX, &gateway, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r
              : gateway_control_primary(ask->service->control, gateway, ask->caller.actor, reason,
                                        &change, err);
    return r < 0 ? r : run_switch(ask, &change, err);
}

int routing_fallback_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"on", "reason", NULL};
    struct gateway_control_change change;
    const char *reason = NULL;
    bool on = true;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "on", &on, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r
              : gateway_control_fallback(ask->service->control, on, ask->caller.actor, reason,
                                         &change, err);
    return r < 0 ? r : run_switch(ask, &change, err);
}

/* What the router would do with such a payment now; nothing is written. */
int routing_explain_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"method",  "currency", "amount", "region", "vip",
                                       "capture", "tokens",   "token",  NULL};
    const char *method = NULL, *currency = NULL, *region = "", *capture = "automatic", *token = "";
    const json_t *tokens = NULL;
    struct payment_id id = payment_id_new();
    struct route_request request = {.payment_id = id.text};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "method", 1, 40, &method, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "currency", 3, 3, &currency, err);
    r = r < 0 ? r : read_amount(ask->body, false, &request.amount_minor, err);
    r = r < 0 ? r : read_region(ask->body, "", &region, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "capture", 1, 20, &capture, err);
    r = r < 0 ? r : read_tokens(ask->body, &tokens, &token, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "vip", &request.vip, err);
    if (r < 0) {
        return r;
    }
    if (currency_parse(currency, &request.currency, err) < 0) {
        return err_place(err, "/currency");
    }
    if (strcmp(capture, "manual") != 0 && strcmp(capture, "automatic") != 0) {
        err_set(err, ERR_VALIDATION, "there is no capture \"%.20s\"", capture);
        return err_place(err, "/capture");
    }
    if (!method_parse(method, &request.method)) {
        err_set(err, ERR_VALIDATION, "there is no method \"%.40s\"", method);
        return err_place(err, "/method");
    }
    request.region = region;
    request.authorize = strcmp(capture, "manual") == 0;
    request.tokens = tokens;
    request.portable_token = token;
    struct route_plan plan;
    router_plan(ask->service->router, &request, &plan);
    ask->answer.status = 200;
    ask->answer.json = router_plan_json(&plan, 0);
    return 0;
}

/* ---- methods ---- */

static void member_notice(struct buf *buf, const char *name, const struct mode_view *view,
                          enum payment_method method, const char *language) {
    char notice[MODE_NOTICE_BYTES_MAX];
    mode_notice(view, method, language, notice);
    buf_addf(buf, ",\"%s\":", name);
    if (notice[0] != '\0') {
        buf_add_json(buf, notice);
    } else {
        buf_add_text(buf, "null");
    }
}

static void method_json(struct buf *buf, const struct method_state *state,
                        const struct mode_view *view) {
    enum payment_method method = state->method;
    buf_addf(
        buf,
        "{\"method\":\"%s\",\"name\":\"%s\",\"name_zh\":\"%s\",\"available\":%s,\"degraded\":%s",
        method_name(method), mode_method_label(method, "en"), mode_method_label(method, "zh"),
        view->hidden[method] ? "false" : "true", state->degraded ? "true" : "false");
    member_notice(buf, "notice", view, method, "en");
    member_notice(buf, "notice_zh", view, method, "zh");
    buf_add_char(buf, '}');
}

/* What the ladder hides is hidden; what the router sees of this moment counts as well, for this
 * currency and region. */
int methods_get(struct ask *ask, struct err *err) {
    char currency_text[QUERY_CHARS_MAX] = "", region[QUERY_CHARS_MAX] = "";
    struct currency currency = {{0}};
    int r = read_query_text(ask, "currency", currency_text, err);
    r = r < 0 ? r : read_query_text(ask, "region", region, err);
    if (r >= 0 && currency_text[0] != '\0') {
        r = currency_parse(currency_text, &currency, err);
        r = r < 0 ? err_place(err, "query parameter currency") : r;
    }
    if (r >= 0 && region[0] != '\0' && text_check_region(region, err) < 0) {
        r = err_place(err, "query parameter region");
    }
    if (r < 0) {
        return r;
    }
    struct method_state states[METHOD_COUNT];
    int count = 0;
    router_methods(ask->service->router, currency, region, states, &count);
    struct mode_view view;
    mode_view(ask->service->mode, &view);
    memset(view.configured, 0, sizeof view.configured);
    for (int i = 0; i < count; i++) {
        view.configured[states[i].method] = true;
        view.hidden[states[i].method] = view.hidden[states[i].method] || !states[i].available;
    }
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"mode\":\"%s\",\"data\":[", mode_step_name(view.step));
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        method_json(&buf, &states[i], &view);
    }
    buf_add_text(&buf, "]}");
    return answer_take(&ask->answer, 200, &buf, err);
}

/* ---- the runbook's own paths ---- */

int runbook_switch_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"primaryGateway", "reason", NULL};
    struct gateway_control_change change;
    const char *gateway = NULL, *reason = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "primaryGateway", 1, GATEWAY_NAME_CHARS_MAX, &gateway,
                               err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r
              : gateway_control_primary(ask->service->control, gateway, ask->caller.actor, reason,
                                        &change, err);
    return r < 0 ? r : run_switch(ask, &change, err);
}

/* The runbook calls these two without a body; then the reason names the path itself. */
static int runbook_fallback(struct ask *ask, bool on, struct err *err) {
    struct gateway_control_change change;
    const char *reason = on ? "enable-fallback-gateway was called"
                            : "disable-fallback-gateway was called";
    int r = read_reason_or(ask->body, &reason, err);
    r = r < 0 ? r
              : gateway_control_fallback(ask->service->control, on, ask->caller.actor, reason,
                                         &change, err);
    return r < 0 ? r : run_switch(ask, &change, err);
}

int runbook_fallback_on(struct ask *ask, struct err *err) {
    return runbook_fallback(ask, true, err);
}

int runbook_fallback_off(struct ask *ask, struct err *err) {
    return runbook_fallback(ask, false, err);
}
