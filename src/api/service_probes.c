/* SPDX-License-Identifier: Apache-2.0
 * service_probes.c: probes of gateways as this service has them: what the configuration asks for,
 * and what they have seen, as signals of alerts, for `doctor`, and as gauges. */
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "api/doctor.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "meter/meter.h"
#include "payment/probes.h"
#include "watch/alert.h"

enum {
    EVERY_MINUTES = 15,
    EVERY_MINUTES_MAX = 7 * 24 * 60,
    SLOW_MS = 5000,
    /* Of a gateway's own certificate: so many days before its end. */
    CERTIFICATE_WARN_DAYS = 21,
    CERTIFICATE_URGENT_DAYS = 7,
};
#define DAY_US (INT64_C(86400) * US_PER_SECOND)

struct service_probes {
    struct probe_settings settings[PROBES_MAX];
    char names[PROBES_MAX][PROBE_NAME_CHARS_MAX + 1];
    int count;
};

/* ---- the configuration ---- */

static int bad(const char *name, const char *key, const char *why, const char *hint,
               struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    err_place(err, "probes[%s].%s", name, key);
    return hint != NULL ? err_hint(err, "%s", hint) : -ERR_CONFIG;
}

static int read_gateway(const struct service *service, const struct config_probe *config,
                        const char *name, const struct gateway **ret_gateway, struct err *err) {
    *ret_gateway = gateway_find(service->registry, config->gateway);
    if (*ret_gateway == NULL) {
        return bad(name, "gateway", "there is no such gateway", "`gateways` names them.", err);
    }
    return (*ret_gateway)->adapter->can.offline
               ? bad(name, "gateway", "nobody is there who could be probed: it is a bank account",
                     NULL, err)
               : 0;
}

/* The ways that its adapter has, for a hint. */
static void ways_of(const struct gateway *gateway, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 1; i < PROBE_WAY_COUNT && used < bytes; i++) {
        if (gateway->adapter->can.probe_ways[i]) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used > 0 ? ", " : "",
                                     probe_way_name((enum probe_way)i));
        }
    }
}

static int read_way(const struct gateway *gateway, const struct config_probe *config,
                    const char *name, struct probe_settings *settings, struct err *err) {
    char hint[120], ways[80];
    ways_of(gateway, ways, sizeof ways);
    snprintf(hint, sizeof hint, "%s has: %s.", gateway->adapter->name,
             ways[0] != '\0' ? ways : "none");
    if (!probe_way_parse(config->way, &settings->way) ||
        !gateway->adapter->can.probe_ways[settings->way]) {
        return bad(name, "way", "this gateway cannot be probed so", hint, err);
    }
    bool waits = settings->way == PROBE_ORDER_CLOSE;
    settings->token = config->token != NULL ? config->token : "";
    if (waits && settings->token[0] != '\0') {
        return bad(name, "token", "with order_close nobody pays: there is no token",
                   "Leave it out.", err);
    }
    if (!waits && settings->token[0] == '\0') {
        return bad(name, "token", "a card or wallet of your own is needed for this way",
                   "It is the gateway's token of it, as payments have it in `tokens`.", err);
    }
    return 0;
}

static int read_flow(const struct gateway *gateway, const struct config_probe *config,
                     const char *name, struct probe_settings *settings, struct err *err) {
    const bool *flows = gateway->adapter->can.probe_flows;
    if (settings->way != PROBE_ORDER_CLOSE) {
        return config->flow == NULL ? 0
                                    : bad(name, "flow", "only order_close has a flow",
                                          "Leave it out.", err);
    }
    if (config->flow != NULL &&
        (!flow_parse(config->flow, &settings->flow) || !flows[settings->flow])) {
        return bad(name, "flow", "no call of this gateway makes such an order",
                   "docs/probes.md lists each gateway's.", err);
    }
    static const enum gateway_flow preferred[] = {FLOW_QR, FLOW_APP, FLOW_MOBILE, FLOW_PAGE};
    for (size_t i = 0; settings->flow == 0 && i < COUNT_OF(preferred); i++) {
        settings->flow = flows[preferred[i]] ? preferred[i] : 0;
    }
    return 0;
}

static int read_money(const struct gateway *gateway, const struct config_probe *config,
                      const char *name, struct probe_settings *settings, struct err *err) {
    struct err why = {0};
    if (currency_parse(config->currency, &settings->currency, &why) < 0) {
        return bad(name, "currency", "there is no such currency", NULL, err);
    }
    bool taken = gateway->currency_count == 0;
    for (int i = 0; i < gateway->currency_count; i++) {
        taken = taken || currency_equal(gateway->currencies[i], settings->currency);
    }
    if (!taken) {
        return bad(name, "currency", "this gateway does not take it", NULL, err);
    }
    settings->amount_minor = (int64_t)config->amount;
    bool fits = config->amount >= 1 && config->amount <= (uint64_t)AMOUNT_MINOR_MAX &&
                settings->amount_minor >= gateway->amount_minor_min &&
                (gateway->amount_minor_max == 0 ||
                 settings->amount_minor <= gateway->amount_minor_max);
    return fits ? 0
                : bad(name, "amount", "this gateway does not take so much, or so little",
                      "It is in the currency's minor units: 100 is 1.00 EUR.", err);
}

static int read_times(const struct config_probe *config, const char *name,
                      struct probe_settings *settings, struct err *err) {
    unsigned minutes = config->every_minutes > 0 ? config->every_minutes : EVERY_MINUTES;
    if (minutes > EVERY_MINUTES_MAX) {
        return bad(name, "every_minutes", "it is at most a week: 10080", NULL, err);
    }
    settings->every_us = (int64_t)minutes * 60 * US_PER_SECOND;
    settings->slow_us = (int64_t)(config->slow_ms > 0 ? config->slow_ms : SLOW_MS) * US_PER_MS;
    return 0;
}

static int read_name(struct service_probes *probes, const struct config_probe *config,
                     struct err *err) {
    char *name = probes->names[probes->count];
    int chars = config->name != NULL
                    ? snprintf(name, sizeof probes->names[0], "%s", config->name)
                    : snprintf(name, sizeof probes->names[0], "%.31s-%.20s", config->gateway,
                               config->method);
    if (chars > PROBE_NAME_CHARS_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
            strlen(name)) {
        return bad(name, "name", "a name is letters, digits, '-', '_' and '.', at most 60", NULL,
                   err);
    }
    for (int i = 0; i < probes->count; i++) {
        if (strcmp(probes->names[i], name) == 0) {
            return bad(name, "name", "two probes have this name",
                       "Give one another `name`: without one it is GATEWAY-METHOD.", err);
        }
    }
    return 0;
}

static int read_probe(const struct service *service, struct service_probes *probes,
                      const struct config_probe *config, struct err *err) {
    struct probe_settings *settings = &probes->settings[probes->count];
    const char *name = probes->names[probes->count];
    const struct gateway *gateway = NULL;
    int r = read_name(probes, config, err);
    r = r < 0 ? r : read_gateway(service, config, name, &gateway, err);
    if (r < 0) {
        return r;
    }
    *settings = (struct probe_settings){.name = name, .gateway = gateway->name};
    if (!method_parse(config->method, &settings->method) || !gateway->methods[settings->method]) {
        return bad(name, "method", "this gateway does not take it", NULL, err);
    }
    r = read_way(gateway, config, name, settings, err);
    r = r < 0 ? r : read_flow(gateway, config, name, settings, err);
    r = r < 0 ? r : read_money(gateway, config, name, settings, err);
    r = r < 0 ? r : read_times(config, name, settings, err);
    probes->count++;
    return r;
}

/* One at a time for a gateway and method: two would be two payments at once of the same kind. */
static int check_twice(const struct service_probes *probes, struct err *err) {
    for (int i = 0; i < probes->count; i++) {
        const struct probe_settings *one = &probes->settings[i];
        for (int j = 0; j < i; j++) {
            const struct probe_settings *other = &probes->settings[j];
            if (one->method == other->method && strcmp(one->gateway, other->gateway) == 0) {
                return bad(one->name, "method", "this gateway and method have a probe already",
                           "One a gateway and method.", err);
            }
        }
    }
    return 0;
}

int probes_prepare(struct service *service, struct err *err) {
    const struct service_config *config = service->config;
    int r = 0;
    service->probes = g_new0(struct service_probes, 1);
    for (unsigned i = 0; r >= 0 && i < config->probes_count; i++) {
        r = read_probe(service, service->probes, &config->probes[i], err);
    }
    return r < 0 ? r : check_twice(service->probes, err);
}

void probes_options(const struct service *service, struct payments_options *options) {
    options->probes = service->probes->settings;
    options->probe_count = service->probes->count;
}

void probes_shut(struct service *service) {
    g_free(service->probes);
    service->probes = NULL;
}

/* ---- what was seen ---- */

struct telling {
    struct arena *arena;
    struct alert_signal *signals;
    int count, max;
};

static struct alert_signal *add(struct telling *telling, const char *rule, const char *of,
                                const char *gateway, int64_t since_us) {
    if (telling->count == telling->max) {
        return NULL;
    }
    struct alert_signal *signal = &telling->signals[telling->count++];
    *signal = (struct alert_signal){
        .rule = rule,
        .firing = true,
        .labels = {{"of", of}, {"gateway", arena_copy(telling->arena, gateway)}},
        .label_count = 2,
        .first_symptom_us = since_us,
    };
    return signal;
}

static void told_of_payment(const struct probe_view *view, int64_t now_us, char *ret_text,
                            size_t bytes) {
    if (probe_is_leftover(view, now_us)) {
        snprintf(ret_text, bytes,
                 "Probe %s: what payment %s has at %s has not been taken back for more than an "
                 "hour.",
                 view->name, view->payment_id, view->gateway);
        return;
    }
    snprintf(ret_text, bytes, "Probe %s failed %lld times in a row, the last one as %s%s%s%s: %s.",
             view->name, (long long)view->failures, probe_result_name(view->result),
             view->code[0] != '\0' ? " (" : "", view->code, view->code[0] != '\0' ? ")" : "",
             probe_result_means(view->result));
}

static bool is_amiss(const struct probe_view *view, int64_t now_us) {
    return view->failures >= PROBE_FAILURES_TOLD || probe_is_leftover(view, now_us);
}

static void tell_payments(struct service *service, struct telling *telling) {
    struct probe_view *views = g_new0(struct probe_view, 2 * PROBES_MAX);
    struct err err = {0};
    int64_t now = clock_wall_us();
    int count = probes_view(service->payments, views, 2 * PROBES_MAX, &err);
    for (int i = 0; i < count; i++) {
        const struct probe_view *view = &views[i];
        struct alert_signal *signal = is_amiss(view, now)
                                          ? add(telling, "ProbeFailing", "payment", view->gateway,
                                                view->failing_us)
                                          : NULL;
        char text[400];
        if (signal == NULL) {
            continue;
        }
        told_of_payment(view, now, text, sizeof text);
        signal->labels[signal->label_count++] = (struct notice_label){
            "method", method_name(view->method)};
        signal->summary = arena_copy(telling->arena, text);
        signal->action = arena_printf(telling->arena, "See it, and try it: holdfast gateway "
                                                      "probes; holdfast gateway probe %s "
                                                      "--method %s",
                                      view->gateway, method_name(view->method));
    }
    g_free(views);
}

/* How a gateway's certificate stands. 0: well; else the days before its end that count. */
static int certificate_worry(const struct gateway_way *way, int64_t now_us) {
    int64_t left = way->trace.certificate_until_us - now_us;
    return way->trace.certificate_until_us == 0                  ? 0
           : left <= CERTIFICATE_URGENT_DAYS * DAY_US ? CERTIFICATE_URGENT_DAYS
           : left <= CERTIFICATE_WARN_DAYS * DAY_US   ? CERTIFICATE_WARN_DAYS
                                                      : 0;
}

/* It was shown, and not believed: another name, nobody whom we trust, or over. */
static bool certificate_refused(const struct gateway_way *way) {
    return way->failures > 0 && way->failure == HTTP_FAIL_TLS &&
           way->trace.certificate_until_us > 0;
}

static void told_of_certificate(const char *gateway, const struct gateway_way *way,
                                int64_t now_us, char *ret_text, size_t bytes) {
    char time[CLOCK_TEXT_MAX];
    int64_t left = way->trace.certificate_until_us - now_us;
    if (certificate_refused(way)) {
        snprintf(ret_text, bytes,
                 "The certificate that %s shows (%s, until %s) is not believed: %s. Nothing can be "
                 "sent there.",
                 gateway, way->trace.certificate,
                 clock_format(way->trace.certificate_until_us, time), way->why);
        return;
    }
    snprintf(ret_text, bytes,
             "The certificate that %s shows (%s) ends %s, in %lld days. When it has ended nothing "
             "can be sent there.",
             gateway, way->trace.certificate, clock_format(way->trace.certificate_until_us, time),
             (long long)(left > 0 ? left / DAY_US : 0));
}

static void tell_certificate(struct telling *telling, const char *gateway,
                             const struct gateway_way *way, int64_t now_us) {
    bool refused = certificate_refused(way);
    int worry = certificate_worry(way, now_us);
    struct alert_signal *signal = refused || worry > 0 ? add(telling, "GatewayCertificate",
                                                             "certificate", gateway, 0)
                                                       : NULL;
    char text[600];
    if (signal == NULL) {
        return;
    }
    told_of_certificate(gateway, way, now_us, text, sizeof text);
    signal->severity_known = true;
    signal->severity = refused || worry == CERTIFICATE_URGENT_DAYS ? NOTICE_P1 : NOTICE_P3;
    signal->summary = arena_copy(telling->arena, text);
}

static void tell_way(struct telling *telling, const char *gateway, const struct gateway_way *way) {
    if (way->failures >= PROBE_FAILURES_TOLD) {
        struct alert_signal *signal = add(telling, "ProbeFailing", "connection", gateway,
                                          way->failing_us);
        if (signal != NULL) {
            signal->summary = arena_printf(telling->arena,
                                           "The way to %s has been closed %d times in a row: %s.",
                                           gateway, way->failures, way->why);
        }
    }
    if (way->asked_failures >= PROBE_FAILURES_TOLD) {
        struct alert_signal *signal = add(telling, "ProbeFailing", "credentials", gateway,
                                          way->asked_failing_us);
        if (signal != NULL) {
            signal->summary = arena_printf(
                telling->arena,
                "%s has not answered a harmless question %d times in a row: %s%s%s.",
                gateway, way->asked_failures, gateway_outcome_name(way->asked),
                way->asked_code[0] != '\0' ? ", " : "", way->asked_code);
        }
    }
}

int service_probes_signals(struct service *service, struct arena *arena,
                           struct alert_signal *ret_signals, int max) {
    struct telling telling = {.arena = arena, .signals = ret_signals, .max = max};
    int64_t now = clock_wall_us();
    for (int i = 0; i < gateway_count(service->registry); i++) {
        const char *gateway = gateway_at(service->registry, i)->name;
        struct gateway_way way;
        gateway_way_look(service->payments, i, &way);
        tell_way(&telling, gateway, &way);
        tell_certificate(&telling, gateway, &way, now);
    }
    if (service->store != NULL) {
        tell_payments(service, &telling);
    }
    return telling.count;
}

static void meter_step(const char *gateway, const char *step, int64_t us) {
    if (us >= 0) {
        meter_set(METER_GATEWAY_WAY_SECONDS, (double)us / (double)US_PER_SECOND, gateway, step);
    }
}

static void meter_way(const char *gateway, const struct gateway_way *way, int64_t now_us) {
    const struct http_trace *trace = &way->trace;
    if (way->at_us == 0) {
        return;
    }
    meter_set(METER_GATEWAY_WAY, way->failures == 0 ? 1.0 : 0.0, gateway);
    meter_step(gateway, "name", trace->resolve_us);
    meter_step(gateway, "connect", trace->connect_us);
    meter_step(gateway, "tls", trace->tls_us);
    meter_step(gateway, "answer", trace->answer_us);
    if (trace->certificate_until_us > 0) {
        meter_set(METER_GATEWAY_CERTIFICATE,
                  (double)(trace->certificate_until_us - now_us) / (double)US_PER_SECOND, gateway);
    }
}

void service_probes_meter(struct service *service) {
    struct probe_view *views = g_new0(struct probe_view, 2 * PROBES_MAX);
    struct err err = {0};
    int64_t now = clock_wall_us();
    int count = probes_view(service->payments, views, 2 * PROBES_MAX, &err);
    for (int i = 0; i < count; i++) {
        meter_set(METER_PROBE_FAILING, (double)views[i].failures, views[i].gateway,
                  method_name(views[i].method), views[i].name);
    }
    g_free(views);
    for (int i = 0; i < gateway_count(service->registry); i++) {
        struct gateway_way way;
        gateway_way_look(service->payments, i, &way);
        meter_way(gateway_at(service->registry, i)->name, &way, now);
    }
}

/* ---- doctor ---- */

void service_probes_doctor(struct service *service, struct doctor *doctor) {
    struct probe_view *views = g_new0(struct probe_view, 2 * PROBES_MAX);
    struct err err = {0};
    int count = probes_view(service->payments, views, 2 * PROBES_MAX, &err);
    for (int i = 0; i < count; i++) {
        struct finding finding = {
            .gravity = GRAVITY_WARNING,
            .since_us = views[i].failing_us,
            .next = "holdfast gateway probes",
        };
        doctor->looked++;
        if (is_amiss(&views[i], doctor->now_us)) {
            snprintf(finding.check, sizeof finding.check, "probe:%s", views[i].name);
            told_of_payment(&views[i], doctor->now_us, finding.what, sizeof finding.what);
            g_array_append_val(doctor->findings, finding);
        }
    }
    g_free(views);
    for (int i = 0; i < gateway_count(service->registry); i++) {
        const char *gateway = gateway_at(service->registry, i)->name;
        struct gateway_way way;
        gateway_way_look(service->payments, i, &way);
        int worry = certificate_worry(&way, doctor->now_us);
        bool refused = certificate_refused(&way);
        doctor->looked++;
        if (refused || worry > 0) {
            struct finding finding = {
                .gravity = refused || worry == CERTIFICATE_URGENT_DAYS ? GRAVITY_CRITICAL
                                                                       : GRAVITY_WARNING,
            };
            snprintf(finding.check, sizeof finding.check, "certificate:%s", gateway);
            snprintf(finding.next, sizeof finding.next, "holdfast gateway check %s", gateway);
            told_of_certificate(gateway, &way, doctor->now_us, finding.what, sizeof finding.what);
            g_array_append_val(doctor->findings, finding);
        }
    }
}
