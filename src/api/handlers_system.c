/* SPDX-License-Identifier: Apache-2.0
 * handlers_system.c: health, readiness, metrics, the database, the backlog, and what the CLI asks.
 */
#include <stdlib.h>
#include <string.h>

#include "api/credentials.h"
#include "api/member.h"
#include "api/openapi.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/health.h"
#include "meter/meter.h"
#include "store/audit.h"
#include "store/inspect.h"
#include "store/migrate.h"

enum {
    SYSTEM_JSON_BYTES_MAX = 256 * 1024,
    METRICS_BYTES_MAX = 64 * 1024 * 1024,
    PING_US = 1000 * 1000, /* load balancers give up after two seconds, many of them */
};

static int answer_of(struct ask *ask, int status, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    ask->answer.status = status;
    ask->answer.json = buf_take(buf);
    return 0;
}

static void answer_plain(struct ask *ask, int status, const char *type, const char *text) {
    ask->reply->status = status;
    http_reply_body(ask->reply, type, text, strlen(text));
}

/* ---- health ---- */

enum charges { CHARGES_PASS, CHARGES_RETURN, CHARGES_ON_TRIAL, CHARGES_FAIL }; /* worse is larger */

/* The worst of its methods. One that returns takes all that has no other route. */
static enum charges charges_of(struct gateway *gateway) {
    enum charges worst = CHARGES_PASS;
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        struct breaker_look look;
        if (!gateway->methods[m]) {
            continue;
        }
        gateway_health_breaker(gateway->health, (enum payment_method)m, OP_CHARGE, &look);
        enum charges charges = look.recovers                  ? CHARGES_RETURN
                               : look.state == BREAKER_CLOSED ? CHARGES_PASS
                               : look.waits                   ? CHARGES_FAIL
                                                              : CHARGES_ON_TRIAL;
        worst = charges > worst ? charges : worst;
    }
    return worst;
}

/* For each gateway how its charges fare. One that is on trial takes one now and then: it is up, or
 * who asks this page before he sends anybody would never send the one who tries. */
static void gateways_json(struct ask *ask, struct buf *buf, int *ret_up, int *ret_well) {
    static const char *const names[] = {"passing", "recovering", "on_trial", "failing"};
    struct gateway_control_view view;
    gateway_control_view(ask->service->control, &view);
    *ret_up = *ret_well = 0;
    buf_add_text(buf, ",\"gateways\":[");
    for (int i = 0; i < gateway_count(ask->service->registry); i++) {
        struct gateway *gateway = gateway_at(ask->service->registry, i);
        enum charges charges = charges_of(gateway);
        bool enabled = view.state[i] == GATEWAY_ENABLED, up = enabled && charges != CHARGES_FAIL;
        buf_addf(buf, "%s{\"name\":\"%s\",\"up\":%s,\"state\":\"%s\",\"charges\":\"%s\"}",
                 i > 0 ? "," : "", gateway->name, up ? "true" : "false",
                 gateway_switch_name(view.state[i]), names[charges]);
        *ret_up += up;
        *ret_well += enabled && charges <= CHARGES_RETURN;
    }
    buf_add_char(buf, ']');
}

/* "degraded" when a gateway does not take all that it is sent, "down" when the database does not
 * answer or no gateway takes charges. */
int health_get(struct ask *ask, struct err *err) {
    struct err asked = {0};
    struct backlog backlog = {0};
    int64_t began = clock_mono_us();
    bool database = store_ping(ask->service->store, PING_US, &asked) >= 0;
    int64_t database_us = clock_mono_us() - began;
    if (database && payments_backlog(ask->service->payments, &backlog, &asked) < 0) {
        database = false;
    }
    BUF_AUTO gateways;
    BUF_AUTO buf;
    buf_init(&gateways, SYSTEM_JSON_BYTES_MAX);
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    int up, well;
    gateways_json(ask, &gateways, &up, &well);
    bool all = well == gateway_count(ask->service->registry);
    const char *status = !database || up == 0 ? "down" : all ? "ok" : "degraded";
    char started[CLOCK_TEXT_MAX];
    buf_addf(&buf,
             "{\"status\":\"%s\",\"version\":\"%s\",\"started_at\":\"%s\",\"database\":{\"up\":%s,"
             "\"engine\":\"%s\",\"duration_us\":%lld}",
             status, HOLDFAST_VERSION, clock_format(ask->service->started_us, started),
             database ? "true" : "false",
             store_engine(ask->service->store) == STORE_SQLITE ? "sqlite" : "postgresql",
             (long long)database_us);
    buf_add_text(&buf, gateways.data);
    buf_addf(&buf, ",\"unknown_payments\":%lld,\"open_cases\":%lld",
             (long long)backlog.unknown_payments, (long long)backlog.open_cases);
    buf_add_text(&buf, ",\"mode\":");
    mode_glance_json(ask->service->mode, ask->internal, &buf);
    if (ask->service->config->test_clock) {
        buf_addf(&buf, ",\"test_clock_ahead_seconds\":%lld",
                 (long long)(clock_shifted_us() / US_PER_SECOND));
    }
    buf_add_char(&buf, '}');
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf.max);
    }
    /* Not as an answer, which would be called a problem document when its status is 503. */
    ask->reply->status = strcmp(status, "down") == 0 ? 503 : 200;
    http_reply_body(ask->reply, "application/json", buf.data, buf.len);
    return 0;
}

int live_get(struct ask *ask, struct err *err) {
    (void)err;
    answer_plain(ask, 200, "text/plain",
                 ask->service->config->test_clock ? "ok, by a test clock\n" : "ok\n");
    return 0;
}

int ready_get(struct ask *ask, struct err *err) {
    struct err why = {0};
    (void)err;
    bool ready = atomic_load(&ask->service->ready) &&
                 store_ping(ask->service->store, PING_US, &why) >= 0;
    answer_plain(ask, ready ? 200 : 503, "text/plain", ready ? "ready\n" : "not ready\n");
    return 0;
}

int openapi_get(struct ask *ask, struct err *err) {
    (void)err;
    ask->reply->status = 200;
    http_reply_body(ask->reply, "application/yaml", openapi_text, openapi_bytes);
    return 0;
}

/* ---- metrics ---- */

static void gauge(struct buf *buf, const char *name, const char *help, int64_t value) {
    buf_addf(buf, "# HELP %s %s\n# TYPE %s gauge\n%s %lld\n", name, help, name, name,
             (long long)value);
}

int metrics_get(struct ask *ask, struct err *err) {
    struct err asked = {0};
    struct backlog backlog = {0};
    struct store_stats stats;
    struct http_server_stats http;
    struct mode_view view;
    BUF_AUTO buf;
    buf_init(&buf, METRICS_BYTES_MAX);
    credentials_meter(ask->service->credentials);
    figures_meter(&ask->service->figures);
    service_probes_meter(ask->service);
    meter_write_prometheus(&buf);
    store_stats(ask->service->store, &stats);
    gauge(&buf, "process_start_time_seconds", "When it was started, in seconds since 1970",
          ask->service->started_us / US_PER_SECOND);
    gauge(&buf, "holdfast_store_connections_max", "Connections to the database, at most",
          stats.connections_max);
    gauge(&buf, "holdfast_store_connections_open", "Connections to the database",
          stats.connections_open);
    gauge(&buf, "holdfast_store_connections_busy", "Connections in use", stats.connections_busy);
    gauge(&buf, "holdfast_store_waiting", "Calls waiting for the database", stats.waiting);
    mode_view(ask->service->mode, &view);
    gauge(&buf, "holdfast_mode_step", "Step of degraded modes, from 0 normal to 4 read_only",
          (int64_t)view.step);
    gauge(&buf, "holdfast_mode_simplified", "1 in the simplified flow", view.simplified);
    if (ask->service->public_listener != NULL) {
        http_server_stats(ask->service->public_listener, &http);
        gauge(&buf, "holdfast_http_connections", "Open connections", http.connections);
        gauge(&buf, "holdfast_http_workers_busy", "Workers that run a handler", http.workers_busy);
        gauge(&buf, "holdfast_http_queued", "Requests waiting for a worker", http.queued);
    }
    bool database = payments_backlog(ask->service->payments, &backlog, &asked) >= 0;
    gauge(&buf, "holdfast_store_up", "1 while the database answers", database);
    if (database) {
        gauge(&buf, "holdfast_payments_unknown", "Payments nobody has answered for yet",
              backlog.unknown_payments);
        gauge(&buf, "holdfast_payments_processing", "Payments that are not final",
              backlog.processing_payments);
        gauge(&buf, "holdfast_callbacks_waiting", "Callbacks stored and not processed",
              backlog.callbacks_waiting);
        gauge(&buf, "holdfast_callbacks_parked", "Callbacks a person must look at",
              backlog.callbacks_parked);
        gauge(&buf, "holdfast_webhooks_waiting", "Webhooks not delivered yet",
              backlog.webhooks_waiting);
        gauge(&buf, "holdfast_webhooks_parked", "Webhooks given up", backlog.webhooks_parked);
        gauge(&buf, "holdfast_cases_open", "Cases a person must look at", backlog.open_cases);
    }
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "the metrics are larger than %d bytes",
                       METRICS_BYTES_MAX);
    }
    ask->reply->status = 200;
    http_reply_body(ask->reply, "text/plain; version=0.0.4", buf.data, buf.len);
    return 0;
}

/* ---- database ---- */

static void database_json(struct ask *ask, struct buf *buf) {
    struct store_stats stats;
    store_stats(ask->service->store, &stats);
    buf_addf(
        buf,
        "\"engine\":\"%s\",\"connections\":{\"max\":%d,\"open\":%d,\"busy\":%d,\"waiting\":%d},"
        "\"writes\":%lld,\"reads\":%lld,\"commits\":%lld,\"retries\":%lld,\"failures\":%lld,"
        "\"outcomes_asked\":%lld,\"commit_us\":{\"p50\":%lld,\"p99\":%lld},\"wait_us_p99\":%lld",
        store_engine(ask->service->store) == STORE_SQLITE ? "sqlite" : "postgresql",
        stats.connections_max, stats.connections_open, stats.connections_busy, stats.waiting,
        (long long)stats.writes, (long long)stats.reads, (long long)stats.commits,
        (long long)stats.retries, (long long)stats.failures, (long long)stats.outcomes_asked,
        (long long)stats.commit_us_p50, (long long)stats.commit_us_p99,
        (long long)stats.wait_us_p99);
}

int database_get(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    buf_add_char(&buf, '{');
    database_json(ask, &buf);
    buf_add_char(&buf, '}');
    return answer_of(ask, 200, &buf, err);
}

static int audit_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct ask *ask = ctx;
    return audit_append(tx, ask->caller.actor, "system.refresh-db-connections", "database",
                        "refresh-db-connections was called", "{}", err);
}

int runbook_refresh_db(struct ask *ask, struct err *err) {
    int dropped = store_refresh(ask->service->store);
    int r = store_write(ask->service->store, audit_tx, ask, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"dropped\":%d,", dropped);
    database_json(ask, &buf);
    buf_add_char(&buf, '}');
    return answer_of(ask, 200, &buf, err);
}

/* ---- what the database is busy with ---- */

/* Of a query, in rows; the default is what a screen shows. */
static int read_rows(struct ask *ask, int64_t *ret_limit, struct err *err) {
    *ret_limit = 20;
    return read_query_int(ask, "limit", 1, INSPECT_ROWS_MAX, ret_limit, err);
}

static void member_us(struct buf *buf, const char *name, int64_t us) {
    if (us >= 0) {
        buf_addf(buf, ",\"%s\":%lld", name, (long long)us);
    } else {
        buf_addf(buf, ",\"%s\":null", name);
    }
}

static void slow_json(struct buf *buf, const void *item) {
    const struct inspect_slow *row = item;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"of\":\"%s\"", row->of_server ? "server" : "instance");
    member_text(buf, "query", row->query);
    buf_addf(buf, ",\"calls\":%lld", (long long)row->calls);
    member_us(buf, "mean_us", row->mean_us);
    member_us(buf, "max_us", row->max_us);
    member_text(buf, "last_at", row->last_us > 0 ? clock_format(row->last_us, time) : "");
    buf_add_char(buf, '}');
}

typedef void row_json(struct buf *buf, const void *row);

/* {"engine":…,"data":[…]}, with a note ("": null) where one may be given. Frees the rows. */
static int answer_rows(struct ask *ask, const char *note, row_json *one, void *rows,
                       size_t row_bytes, int count, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"engine\":\"%s\"",
             store_engine(ask->service->store) == STORE_SQLITE ? "sqlite" : "postgresql");
    if (note != NULL) {
        member_text(&buf, "note", note);
    }
    buf_add_text(&buf, ",\"data\":[");
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        one(&buf, (const char *)rows + (size_t)i * row_bytes);
    }
    buf_add_text(&buf, "]}");
    free(rows);
    return count < 0 ? count : answer_of(ask, 200, &buf, err);
}

int slow_get(struct ask *ask, struct err *err) {
    int64_t over_ms = 10, limit = 0;
    struct inspect_note note;
    int r = read_query_int(ask, "over_ms", 0, 86400 * 1000, &over_ms, err);
    r = r < 0 ? r : read_rows(ask, &limit, err);
    if (r < 0) {
        return r;
    }
    struct inspect_slow *rows = calloc((size_t)limit, sizeof *rows);
    INVARIANT(rows != NULL, "out of memory");
    int count = inspect_slow(ask->service->store, over_ms * US_PER_MS, rows, (int)limit, &note,
                             err);
    return answer_rows(ask, note.text, slow_json, rows, sizeof *rows, count, err);
}

static void session_json(struct buf *buf, const void *item) {
    const struct inspect_session *row = item;
    buf_addf(buf, "{\"pid\":%lld", (long long)row->pid);
    member_text(buf, "who", row->who);
    member_text(buf, "from", row->from);
    member_text(buf, "state", row->state);
    member_text(buf, "waits_for", row->waits_for);
    member_us(buf, "open_us", row->open_us);
    member_us(buf, "statement_us", row->statement_us);
    member_text(buf, "query", row->query);
    buf_add_char(buf, '}');
}

int long_get(struct ask *ask, struct err *err) {
    int64_t limit = 0;
    int r = read_rows(ask, &limit, err);
    if (r < 0) {
        return r;
    }
    struct inspect_session *rows = calloc((size_t)limit, sizeof *rows);
    INVARIANT(rows != NULL, "out of memory");
    int count = inspect_long(ask->service->store, rows, (int)limit, err);
    return answer_rows(ask, NULL, session_json, rows, sizeof *rows, count, err);
}

static void lock_json(struct buf *buf, const void *item) {
    const struct inspect_lock *row = item;
    buf_addf(buf, "{\"pid\":%lld", (long long)row->pid);
    member_text(buf, "subject", row->subject);
    member_text(buf, "mode", row->mode);
    buf_addf(buf, ",\"granted\":%s,\"count\":%lld", row->granted ? "true" : "false",
             (long long)row->count);
    member_us(buf, "waiting_us", row->waiting_us);
    member_text(buf, "blocked_by", row->blocked_by);
    member_text(buf, "who", row->who);
    member_text(buf, "query", row->query);
    buf_add_char(buf, '}');
}

int locks_get(struct ask *ask, struct err *err) {
    int64_t limit = 0, all = 0;
    int r = read_query_int(ask, "all", 0, 1, &all, err);
    r = r < 0 ? r : read_rows(ask, &limit, err);
    if (r < 0) {
        return r;
    }
    struct inspect_lock *rows = calloc((size_t)limit, sizeof *rows);
    INVARIANT(rows != NULL, "out of memory");
    int count = inspect_locks(ask->service->store, all == 1, rows, (int)limit, err);
    return answer_rows(ask, NULL, lock_json, rows, sizeof *rows, count, err);
}

int backlog_get(struct ask *ask, struct err *err) {
    struct backlog backlog;
    int r = payments_backlog(ask->service->payments, &backlog, err);
    if (r < 0) {
        return r;
    }
    char oldest[CLOCK_TEXT_MAX] = "";
    BUF_AUTO buf;
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    buf_addf(&buf,
             "{\"unknown_payments\":%lld,\"unknown_operations\":%lld,"
             "\"processing_payments\":%lld,\"callbacks_waiting\":%lld,"
             "\"callbacks_parked\":%lld,\"webhooks_waiting\":%lld,\"webhooks_parked\":%lld,\"open_"
             "cases\":%lld",
             (long long)backlog.unknown_payments, (long long)backlog.unknown_operations,
             (long long)backlog.processing_payments, (long long)backlog.callbacks_waiting,
             (long long)backlog.callbacks_parked, (long long)backlog.webhooks_waiting,
             (long long)backlog.webhooks_parked, (long long)backlog.open_cases);
    if (backlog.oldest_unresolved_us > 0) {
        buf_addf(&buf, ",\"oldest_unresolved_at\":\"%s\"}",
                 clock_format(backlog.oldest_unresolved_us, oldest));
    } else {
        buf_add_text(&buf, ",\"oldest_unresolved_at\":null}");
    }
    return answer_of(ask, 200, &buf, err);
}

/* ---- what the CLI asks ---- */

int stuck_get(struct ask *ask, struct err *err) {
    int64_t older_s = 60, limit = 0;
    int r = read_query_int(ask, "older_seconds", 0, 86400 * 365, &older_s, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : payment_stuck(ask->service->payments, older_s * US_PER_SECOND, (int)limit,
                                 &ask->answer, err);
}

int failed_get(struct ask *ask, struct err *err) {
    int64_t since_us = clock_wall_us() - 3600 * US_PER_SECOND, limit = 0;
    int r = read_query_since(ask, "since", &since_us, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    return r < 0 ? r
                 : payment_failed(ask->service->payments, since_us, (int)limit, &ask->answer, err);
}

int rates_get(struct ask *ask, struct err *err) {
    int64_t since_us = clock_wall_us() - 3600 * US_PER_SECOND;
    int r = read_query_since(ask, "since", &since_us, err);
    return r < 0 ? r : payment_rates(ask->service->payments, since_us, &ask->answer, err);
}

int verify_get(struct ask *ask, struct err *err) {
    return payments_verify(ask->service->payments, &ask->answer, err);
}

int audit_verify_get(struct ask *ask, struct err *err) {
    struct audit_verdict verdict;
    int r = audit_verify(ask->service->store, &verdict, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"entries\":%lld,\"whole\":%s,\"broken_number\":%lld,\"why\":",
             (long long)verdict.entries, verdict.broken_number == 0 ? "true" : "false",
             (long long)verdict.broken_number);
    buf_add_json(&buf, verdict.why);
    buf_add_char(&buf, '}');
    return answer_of(ask, 200, &buf, err);
}
