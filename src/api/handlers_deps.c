/* SPDX-License-Identifier: Apache-2.0
 * handlers_deps.c: gathers what deps.c judges: the database and its disk and clock, secrets and
 * certificates, each gateway, the fraud scorer, and who needs us.
 *
 * One ping says whether the database answers; only then is anything else asked of it, so that the
 * map is there within about a second when it does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/credentials.h"
#include "api/deps.h"
#include "api/deps_gather.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "meter/meter.h"
#include "risk/risk.h"

enum {
    DEPS_JSON_BYTES_MAX = 1024 * 1024,
    SECRET_PATH_CHARS_MAX = 4096,
    NEWEST = 1000, /* how many rows are looked back on for the last of each gateway or endpoint */
    ENDPOINTS_SHOWN_MAX = 200,
    CALLERS_WINDOW_S = 60,
    CALLBACKS_WINDOW_S = 300,
    SCORER_WINDOW_S = 300,
};
#define DEPS_PING_US US_PER_SECOND
/* The same as a literal for SQL; NEWEST. */
#define NEWEST_SQL "1000"
static_assert(NEWEST == 1000, "NEWEST_SQL is NEWEST");

/* The map as it is drawn. */
struct map {
    struct ask *ask;
    GArray *edges; /* struct dep */
    bool database; /* it answers */
    int64_t now_us;
};

static void map_add(struct map *map, const struct dep *dep) {
    g_array_append_vals(map->edges, dep, 1);
}

static void map_unknown(struct map *map, struct dep *dep) {
    dep->state = DEP_UNKNOWN;
    snprintf(dep->why, sizeof dep->why, "The database, which knows it, does not answer.");
    map_add(map, dep);
}

/* ---- database, disk, clock ---- */

struct primary {
    int64_t now_us, asked_us, answered_us; /* its wall clock, between these of ours */
    int replicas;
    bool sync_wanted;
};

/* PostgreSQL alone: the views are its own. */
static int primary_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct primary *primary = ctx;
    SQL_ROWS_AUTO rows = NULL;
    primary->asked_us = clock_wall_us();
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint), "
                      "(SELECT count(*) FROM pg_stat_replication), "
                      "current_setting('synchronous_standby_names')");
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    primary->answered_us = clock_wall_us();
    primary->now_us = sql_int(rows, 0);
    primary->replicas = (int)sql_int(rows, 1);
    primary->sync_wanted = sql_text(rows, 2) != NULL && sql_text(rows, 2)[0] != '\0';
    return 0;
}

static void add_disk(struct map *map) {
    static const char sqlite[] = "sqlite:";
    const char *path = map->ask->service->config->store.url + sizeof sqlite - 1;
    struct err err = {0};
    int64_t free_bytes = 0, total_bytes = 0;
    struct dep dep;
    dep_init(&dep, DEP_DISK, "disk");
    if (file_space(path, &free_bytes, &total_bytes, &err) < 0) {
        dep.state = DEP_UNKNOWN;
        snprintf(dep.why, sizeof dep.why, "The disk of the database cannot be looked at.");
    } else {
        dep_judge_disk(&dep, free_bytes, total_bytes);
    }
    map_add(map, &dep);
}

static void add_database(struct map *map) {
    struct store *store = map->ask->service->store;
    bool postgres = store_engine(store) == STORE_POSTGRES;
    struct err err = {0};
    struct store_stats stats;
    struct primary primary = {0};
    struct database_facts facts = {.replicas = -1};
    int64_t began = clock_mono_us();
    facts.answers = store_ping(store, DEPS_PING_US, &err) >= 0;
    facts.ping_us = clock_mono_us() - began;
    store_stats(store, &stats);
    facts.waiting = stats.waiting;
    facts.busy = stats.connections_busy;
    facts.max = stats.connections_max;
    bool asked = facts.answers && postgres && store_read(store, primary_tx, &primary, &err) >= 0;
    if (asked) {
        facts.replicas = primary.replicas;
        facts.sync_wanted = primary.sync_wanted;
    }
    map->database = facts.answers;
    struct dep dep;
    dep_init(&dep, DEP_DATABASE, postgres ? "postgresql" : "sqlite");
    dep_judge_database(&dep, &facts);
    map_add(map, &dep);
    if (!postgres) {
        add_disk(map);
    }
    if (asked) {
        int64_t middle = primary.asked_us + (primary.answered_us - primary.asked_us) / 2;
        dep_init(&dep, DEP_CLOCK, "clock");
        dep_judge_clock(&dep, middle - primary.now_us);
        map_add(map, &dep);
    }
}

/* ---- secrets and certificates ---- */

static bool readable(const char *reference) {
    SECRET_AUTO secret = NULL;
    struct err err = {0};
    return secret_load(reference, &secret, &err) >= 0;
}

static void add_master_key(struct map *map) {
    static const char sqlite[] = "sqlite:";
    const struct service_config *config = map->ask->service->config;
    char beside[SECRET_PATH_CHARS_MAX];
    const char *reference = config->master_key;
    if (reference == NULL) {
        snprintf(beside, sizeof beside, "file:%s.key", config->store.url + sizeof sqlite - 1);
        reference = beside;
    }
    struct dep dep;
    dep_init(&dep, DEP_MASTER_KEY, "master key");
    dep_judge_secrets(&dep, readable(reference) ? NULL : "It");
    map_add(map, &dep);
}

static void add_credentials(struct map *map, const struct gateway *gateway) {
    struct dep dep;
    char name[DEP_NAME_CHARS_MAX + 1];
    snprintf(name, sizeof name, "credentials of %s", gateway->name);
    dep_init(&dep, DEP_CREDENTIALS, name);
    dep_judge_secrets(&dep, keyring_unreadable(gateway));
    map_add(map, &dep);
}

static void add_certificate(struct map *map, const char *name, int64_t not_after_us) {
    struct dep dep;
    dep_init(&dep, DEP_CERTIFICATE, name);
    dep_judge_certificate(&dep, not_after_us, map->now_us);
    map_add(map, &dep);
}

/* The one in force: its file may say another by now, or nothing. */
static void add_listener_certificate(struct map *map, int index) {
    struct listener_certificate certificate;
    char name[DEP_NAME_CHARS_MAX + 1];
    credentials_listener(map->ask->service->credentials, index, &certificate);
    if (certificate.path != NULL) {
        snprintf(name, sizeof name, "%s listener", certificate.name);
        add_certificate(map, name, certificate.not_after_us);
    }
}

static void add_gateway_certificates(struct map *map, struct gateway *gateway) {
    struct keyring_view *view = malloc(sizeof *view);
    INVARIANT(view != NULL, "no memory for a gateway's credentials");
    keyring_view(gateway, map->ask->service->seal, view);
    for (int i = 0; i < view->item_count; i++) {
        char name[DEP_NAME_CHARS_MAX + 1];
        snprintf(name, sizeof name, "%s of %s", view->items[i].name, gateway->name);
        if (view->items[i].not_after_us > 0) {
            add_certificate(map, name, view->items[i].not_after_us);
        }
    }
    free(view);
}

/* ---- gateways ---- */

static bool takes(const struct gateway_control_view *view, int index, struct gateway *gateway,
                  enum payment_method method) {
    char why[160];
    return view->state[index] == GATEWAY_ENABLED && gateway->methods[method] &&
           gateway_health_peek(gateway->health, method, OP_CHARGE, why, sizeof why) != ADMIT_NO;
}

/* The first by priority of the others that would take this method now. */
static const char *instead_of(struct map *map, const struct gateway_control_view *view, int index,
                              enum payment_method method) {
    const struct gateway *best = NULL;
    struct gateway_registry *registry = map->ask->service->registry;
    for (int i = 0; i < gateway_count(registry); i++) {
        struct gateway *other = gateway_at(registry, i);
        if (i != index && takes(view, i, other, method) &&
            (best == NULL || other->priority < best->priority)) {
            best = other;
        }
    }
    return best != NULL ? best->name : NULL;
}

static void look_at_others(struct gateway *gateway, enum payment_method method,
                           struct gateway_facts *facts, struct health_figures *worst) {
    for (int o = OP_QUERY; o < OP_COUNT; o++) {
        struct health_figures figures;
        gateway_health_figures(gateway->health, method, (enum gateway_operation)o, &figures);
        if (figures.last_success_us > facts->last_us) {
            facts->last_us = figures.last_success_us;
        }
        if (o == OP_PROBE && figures.timed >= facts->probe.timed) {
            facts->probe = figures;
        } else if (o != OP_PROBE && figures.state > facts->other) {
            *worst = figures;
            facts->other = figures.state;
            facts->other_operation = (enum gateway_operation)o;
        }
    }
}

static void add_gateway(struct map *map, const struct gateway_control_view *view, int index) {
    struct gateway *gateway = gateway_at(map->ask->service->registry, index);
    struct health_figures worst = {0};
    struct gateway_facts facts = {.state = view->state[index],
                                  .reason = view->reason[index],
                                  .probe = {.p50_us = -1, .p95_us = -1, .p99_us = -1}};
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        enum payment_method method = (enum payment_method)m;
        if (!gateway->methods[m]) {
            continue;
        }
        facts.methods[m] = true;
        gateway_health_figures(gateway->health, method, OP_CHARGE, &facts.charge[m]);
        if (facts.charge[m].last_success_us > facts.last_us) {
            facts.last_us = facts.charge[m].last_success_us;
        }
        facts.instead[m] = instead_of(map, view, index, method);
        look_at_others(gateway, method, &facts, &worst);
    }
    facts.other_why = worst.why;
    struct dep dep;
    dep_init(&dep, DEP_GATEWAY, gateway->name);
    dep_judge_gateway(&dep, &facts);
    map_add(map, &dep);
}

/* ---- the fraud scorer ---- */

/* The host alone: a path or a query may hold what only its owner should see. */
static int host_of(const char *url, const char **ret_host) {
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    const char *at = strchr(host, '@');
    size_t length = strcspn(host, "/?#");
    if (at != NULL && (size_t)(at - host) < length) {
        length -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    *ret_host = host;
    return length < 80 ? (int)length : 80;
}

static void add_scorer(struct map *map) {
    struct risk_scorer_look look;
    if (!risk_scorer_look(map->ask->service->risk, &look)) {
        return;
    }
    static const char *const any[METER_LABELS_MAX] = {NULL};
    struct scorer_facts facts = {
        .fail = look.fail,
        .off = look.off,
        .rests = look.rests,
        .failures = look.failures,
        .asked = meter_recent(METER_RISK_SCORER, SCORER_WINDOW_S, any),
    };
    char name[DEP_NAME_CHARS_MAX + 1];
    const char *host;
    int length = host_of(look.url, &host);
    snprintf(name, sizeof name, "fraud scorer (%.*s)", length, host);
    struct dep dep;
    dep_init(&dep, DEP_SCORER, name);
    dep_judge_scorer(&dep, &facts);
    dep.latency_us = meter_quantile(METER_RISK_SCORER_SECONDS, 0.50, SCORER_WINDOW_S, any);
    dep.p95_us = meter_quantile(METER_RISK_SCORER_SECONDS, 0.95, SCORER_WINDOW_S, any);
    dep.p99_us = meter_quantile(METER_RISK_SCORER_SECONDS, 0.99, SCORER_WINDOW_S, any);
    map_add(map, &dep);
}

/* ---- who needs us ---- */

static void add_callers(struct map *map) {
    static const char *const failures[] = {"500", "502", "503", "504"};
    struct callers_facts facts = {
        .draining = atomic_load(&map->ask->service->draining),
        .requests = meter_recent(METER_HTTP_REQUESTS, CALLERS_WINDOW_S,
                                 (const char *const[METER_LABELS_MAX]){"public"})};
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        facts.failures += meter_recent(
            METER_HTTP_REQUESTS, CALLERS_WINDOW_S,
            (const char *const[METER_LABELS_MAX]){"public", NULL, NULL, failures[i]});
    }
    const char *const labels[METER_LABELS_MAX] = {"public"};
    struct dep dep;
    dep_init(&dep, DEP_CALLERS, "callers of the API");
    dep_judge_callers(&dep, &facts);
    dep.latency_us = meter_quantile(METER_HTTP_SECONDS, 0.50, CALLERS_WINDOW_S, labels);
    dep.p95_us = meter_quantile(METER_HTTP_SECONDS, 0.95, CALLERS_WINDOW_S, labels);
    dep.p99_us = meter_quantile(METER_HTTP_SECONDS, 0.99, CALLERS_WINDOW_S, labels);
    map_add(map, &dep);
}

struct lasts {
    struct gateway_registry *registry;
    int64_t us[GATEWAYS_MAX];
};

/* Of the newest rows only: each gateway's own newest would mean walking through all that it ever
 * sent. */
static int last_callbacks_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct lasts *lasts = ctx;
    SQL_ROWS_AUTO rows = NULL;
    memset(lasts->us, 0, sizeof lasts->us);
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, max(received_us) FROM (SELECT gateway, received_us FROM "
                      "callback ORDER BY id DESC LIMIT " NEWEST_SQL ") AS newest GROUP BY gateway");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        for (int i = 0; i < gateway_count(lasts->registry); i++) {
            if (strcmp(gateway_at(lasts->registry, i)->name, sql_text(rows, 0)) == 0) {
                lasts->us[i] = sql_int(rows, 1);
            }
        }
    }
    return r;
}

static int64_t callbacks_recent(const char *gateway, const char *result) {
    return meter_recent(METER_CALLBACKS, CALLBACKS_WINDOW_S,
                        (const char *const[METER_LABELS_MAX]){gateway, result});
}

static int add_callbacks(struct map *map, struct err *err) {
    struct service *service = map->ask->service;
    struct lasts lasts = {.registry = service->registry};
    int r = map->database ? store_read(service->store, last_callbacks_tx, &lasts, err) : 0;
    for (int i = 0; r >= 0 && i < gateway_count(service->registry); i++) {
        const char *gateway = gateway_at(service->registry, i)->name;
        if (gateway_at(service->registry, i)->adapter->can.offline) {
            continue; /* it sends none */
        }
        struct callbacks_facts facts = {
            .last_us = lasts.us[i],
            .refused = callbacks_recent(gateway, "refused"),
            .failed = callbacks_recent(gateway, "failed"),
            .missing = meter_recent(METER_CALLBACK_MISSING, CALLBACKS_WINDOW_S,
                                    (const char *const[METER_LABELS_MAX]){gateway}),
        };
        char name[DEP_NAME_CHARS_MAX + 1];
        struct dep dep;
        snprintf(name, sizeof name, DEP_CALLBACKS_OF "%s", gateway);
        dep_init(&dep, DEP_CALLBACKS, name);
        if (!map->database) {
            map_unknown(map, &dep);
            continue;
        }
        dep_judge_callbacks(&dep, &facts);
        map_add(map, &dep);
    }
    return r;
}

static void name_of_endpoint(const char *id, const char *url, char ret[DEP_NAME_CHARS_MAX + 1]) {
    const char *host;
    int length = host_of(url, &host);
    snprintf(ret, DEP_NAME_CHARS_MAX + 1, "%.40s (%.*s)", id, length, host);
}

struct endpoints {
    struct map *map;
    guint before; /* edges that were there: it may run again from the start */
};

static int endpoints_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct endpoints *endpoints = ctx;
    struct map *map = endpoints->map;
    SQL_ROWS_AUTO rows = NULL;
    g_array_set_size(map->edges, endpoints->before);
    int r = sql_query(
        tx, err, &rows,
        "SELECT p.id, p.url, p.enabled, coalesce(w.waiting, 0), coalesce(w.failing, 0), "
        "coalesce(w.since_us, 0), coalesce(d.last_us, 0) FROM webhook_endpoint p LEFT JOIN "
        "(SELECT endpoint_id, count(*) AS waiting, sum(CASE WHEN tries > 0 THEN 1 ELSE 0 END) AS "
        "failing, min(CASE WHEN tries > 0 THEN created_us END) AS since_us FROM webhook_delivery "
        "WHERE state = 1 GROUP BY endpoint_id) AS w ON w.endpoint_id = p.id LEFT JOIN "
        "(SELECT endpoint_id, max(updated_us) AS last_us FROM (SELECT endpoint_id, updated_us, "
        "state FROM webhook_delivery ORDER BY id DESC LIMIT " NEWEST_SQL
        ") AS newest WHERE state = 2 GROUP BY endpoint_id) AS d ON d.endpoint_id = p.id "
        "ORDER BY p.id LIMIT $1",
        S_INT(ENDPOINTS_SHOWN_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct webhook_facts facts = {
            .enabled = sql_int(rows, 2) == 1,
            .waiting = sql_int(rows, 3),
            .failing = sql_int(rows, 4),
            .failing_since_us = sql_int(rows, 5),
            .now_us = map->now_us,
        };
        char name[DEP_NAME_CHARS_MAX + 1];
        struct dep dep;
        name_of_endpoint(sql_text(rows, 0), sql_text(rows, 1), name);
        dep_init(&dep, DEP_WEBHOOK, name);
        dep_judge_webhook(&dep, &facts);
        dep.last_us = sql_int(rows, 6);
        map_add(map, &dep);
    }
    return r;
}

static int add_endpoints(struct map *map, struct err *err) {
    struct service *service = map->ask->service;
    if (!map->database) {
        struct dep dep;
        dep_init(&dep, DEP_WEBHOOK, "webhooks");
        map_unknown(map, &dep);
        return 0;
    }
    struct endpoints endpoints = {map, map->edges->len};
    return store_read(service->store, endpoints_tx, &endpoints, err);
}

/* ---- the map ---- */

static int draw(struct map *map, struct err *err) {
    struct service *service = map->ask->service;
    struct gateway_control_view view;
    gateway_control_view(service->control, &view);
    add_database(map);
    add_master_key(map);
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        add_listener_certificate(map, i);
    }
    for (int i = 0; i < gateway_count(service->registry); i++) {
        add_gateway(map, &view, i);
        if (gateway_at(service->registry, i)->adapter->can.offline) {
            continue; /* it has no credentials */
        }
        add_credentials(map, gateway_at(service->registry, i));
        add_gateway_certificates(map, gateway_at(service->registry, i));
    }
    add_scorer(map);
    add_callers(map);
    int r = add_callbacks(map, err);
    return r < 0 ? r : add_endpoints(map, err);
}

int deps_gather(struct ask *ask, GArray *edges, struct err *err) {
    struct map map = {.ask = ask, .edges = edges, .now_us = clock_wall_us()};
    return draw(&map, err);
}

int dependencies_get(struct ask *ask, struct err *err) {
    int64_t now_us = clock_wall_us();
    char now[CLOCK_TEXT_MAX];
    enum dep_state worst = DEP_OK;
    BUF_AUTO buf;
    buf_init(&buf, DEPS_JSON_BYTES_MAX);
    g_autoptr(GArray) edges = g_array_new(false, false, sizeof(struct dep));
    int r = deps_gather(ask, edges, err);
    for (guint i = 0; r >= 0 && i < edges->len; i++) {
        enum dep_state state = g_array_index(edges, struct dep, i).state;
        worst = state >= DEP_DEGRADED && state > worst ? state : worst;
    }
    if (r < 0) {
        return r;
    }
    buf_addf(&buf, "{\"state\":\"%s\",\"checked_at\":\"%s\",\"data\":[", dep_state_name(worst),
             clock_format(now_us, now));
    for (guint i = 0; i < edges->len; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        dep_write(&g_array_index(edges, struct dep, i), &buf);
    }
    buf_add_text(&buf, "]}");
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf.max);
    }
    ask->answer.status = 200;
    ask->answer.json = buf_take(&buf);
    return 0;
}
