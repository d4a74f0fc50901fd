/* SPDX-License-Identifier: Apache-2.0
 * handlers_gateways.c: gateways and their health, routing, methods, and the runbook's switches. */
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/contacts.h"
#include "gateway/health.h"
#include "meter/meter.h"

enum { GATEWAY_JSON_BYTES_MAX = 1024 * 1024 };

static int answer_of(struct ask *ask, int status, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    ask->answer.status = status;
    ask->answer.json = buf_take(buf);
    return 0;
}

/* ---- gateways ---- */

static void member_time(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", name, clock_format(wall_us, text));
    } else {
        buf_addf(buf, ",\"%s\":null", name);
    }
}

static void member_ms(struct buf *buf, const char *name, int64_t duration_us) {
    if (duration_us < 0) {
        buf_addf(buf, ",\"%s\":null", name);
    } else {
        buf_addf(buf, ",\"%s\":%lld.%03lld", name, (long long)(duration_us / 1000),
                 (long long)(duration_us % 1000));
    }
}

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

static void gateway_json(struct buf *buf, struct gateway *gateway, int index,
                         const struct gateway_control_view *view) {
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
        gateway_json(&buf, gateway_at(ask->service->registry, i), i, &view);
    }
    buf_add_text(&buf, "]}");
    return answer_of(ask, 200, &buf, err);
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
    gateway_json(&buf, gateway_at(ask->service->registry, index), index, &view);
    return answer_of(ask, 200, &buf, err);
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

/* One harmless call now: can it be reached, are the credentials good, how long did it take. */
int gateway_probe_post(struct ask *ask, struct err *err) {
    int index = 0;
    int r = find_gateway(ask, &index, err);
    if (r < 0) {
        return r;
    }
    struct gateway *gateway = gateway_at(ask->service->registry, index);
    struct gateway_result result;
    gateway_result_init(&result);
    int64_t began = clock_mono_us();
    struct gateway_call call = {.gateway = gateway,
                                .client = ask->service->client,
                                .deadline_us = began + gateway->timeout_us};
    gateway->adapter->probe(&call, &result);
    result.duration_us = clock_mono_us() - began;
    bool well = result.reach == HTTP_ANSWERED && !gateway_outcome_is_fault(result.outcome) &&
                result.http_status < 400;
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_addf(&buf,
             "{\"gateway\":\"%s\",\"ok\":%s,\"outcome\":\"%s\",\"failure\":\"%s\",\"http_status\":%"
             "d,\"code\":",
             gateway->name, well ? "true" : "false",
             well ? "ok" : gateway_outcome_name(result.outcome), http_failure_name(result.failure),
             result.http_status);
    buf_add_json(&buf, result.code);
    member_ms(&buf, "duration_ms", result.duration_us);
    buf_add_char(&buf, '}');
    return answer_of(ask, 200, &buf, err);
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
    return answer_of(ask, 200, &buf, err);
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
    r = r < 0 ? r : json_may_text(ask->body, "", "region", 0, 7, &region, err);
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

static const struct {
    enum payment_method method;
    const char *english, *chinese;
} method_names[] = {
    {METHOD_CARD, "Card", "银行卡"},       {METHOD_PAYPAL, "PayPal", "PayPal"},
    {METHOD_ALIPAY, "Alipay", "支付宝"},   {METHOD_WECHATPAY, "WeChat Pay", "微信支付"},
    {METHOD_UNIONPAY, "UnionPay", "银联"}, {METHOD_BANK_TRANSFER, "Bank transfer", "银行转账"},
};

static void method_json(struct buf *buf, const struct method_state *state) {
    const char *english = method_name(state->method), *chinese = english;
    for (size_t i = 0; i < COUNT_OF(method_names); i++) {
        if (method_names[i].method == state->method) {
            english = method_names[i].english;
            chinese = method_names[i].chinese;
        }
    }
    buf_addf(
        buf,
        "{\"method\":\"%s\",\"name\":\"%s\",\"name_zh\":\"%s\",\"available\":%s,\"degraded\":%s",
        method_name(state->method), english, chinese, state->available ? "true" : "false",
        state->degraded ? "true" : "false");
    if (state->available) {
        buf_add_text(buf, ",\"notice\":null,\"notice_zh\":null}");
    } else {
        buf_addf(buf,
                 ",\"notice\":\"%s is unavailable just now. Please use another way to pay.\","
                 "\"notice_zh\":\"%s暂时不可用,请使用其他支付方式。\"}",
                 english, chinese);
    }
}

int methods_get(struct ask *ask, struct err *err) {
    char currency_text[QUERY_CHARS_MAX] = "", region[QUERY_CHARS_MAX] = "";
    struct currency currency = {{0}};
    int r = read_query_text(ask, "currency", currency_text, err);
    r = r < 0 ? r : read_query_text(ask, "region", region, err);
    if (r >= 0 && currency_text[0] != '\0') {
        r = currency_parse(currency_text, &currency, err);
        r = r < 0 ? err_place(err, "query parameter currency") : r;
    }
    if (r < 0) {
        return r;
    }
    struct method_state states[METHOD_COUNT];
    int count = 0;
    router_methods(ask->service->router, currency, region, states, &count);
    BUF_AUTO buf;
    buf_init(&buf, GATEWAY_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        method_json(&buf, &states[i]);
    }
    buf_add_text(&buf, "]}");
    return answer_of(ask, 200, &buf, err);
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
    static const char *const keys[] = {"reason", NULL};
    struct gateway_control_change change;
    const char *reason = on ? "enable-fallback-gateway was called"
                            : "disable-fallback-gateway was called";
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "reason", 1, REASON_CHARS_MAX, &reason, err);
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
