/* SPDX-License-Identifier: Apache-2.0
 * playbook_query_places.c: what queries look at outside of the incident: gateways, alerts, figures,
 * the ladder, the database. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gateway/health.h"
#include "incident/playbook_impl.h"
#include "mode/mode.h"
#include "store/inspect.h"

enum { ROWS = 20, NAMES_BYTES = 600 };
#define PING_US (2 * US_PER_SECOND)
#define SLOW_US US_PER_SECOND
#define LONG_US (60 * US_PER_SECOND)

/* ---- gateways ---- */

/* NULL: all of its breakers let payments through. */
static const char *trouble_of(struct gateway *gateway) {
    for (int method = 0; method < METHOD_COUNT; method++) {
        struct breaker_look breaker;
        if (gateway->methods[method]) {
            gateway_health_breaker(gateway->health, (enum payment_method)method, OP_CHARGE,
                                   &breaker);
            if (breaker.state != BREAKER_CLOSED) {
                return breaker_state_name(breaker.state);
            }
        }
    }
    return NULL;
}

struct gateways_seen {
    char well[NAMES_BYTES], ill[NAMES_BYTES];
    int looked, well_count;
};

static void add_name(char list[NAMES_BYTES], const char *name, const char *state) {
    size_t used = strlen(list);
    snprintf(list + used, NAMES_BYTES - used, "%s%s%s%s", used > 0 ? ", " : "", name,
             state != NULL ? " " : "", state != NULL ? state : "");
}

/* Those of the scope, or the others. */
static void look_at(struct playbook_look *look, bool inside, struct gateways_seen *seen) {
    const struct gateway_registry *registry = look->playbooks->options.registry;
    for (int i = 0; i < gateway_count(registry); i++) {
        struct gateway *gateway = gateway_at(registry, i);
        if (scope_has(&look->incident->scope.gateways, gateway->name) != inside) {
            continue;
        }
        const char *trouble = trouble_of(gateway);
        add_name(trouble == NULL ? seen->well : seen->ill, gateway->name, trouble);
        seen->looked++;
        seen->well_count += trouble == NULL;
    }
}

static void put_gateways(struct playbook_look *look, const struct gateways_seen *found,
                         struct playbook_seen *seen) {
    BUF_AUTO buf;
    buf_init(&buf, PLAYBOOK_EVIDENCE_BYTES_MAX);
    buf_add_text(&buf, "{\"well\":");
    buf_add_json(&buf, found->well);
    buf_add_text(&buf, ",\"not_well\":");
    buf_add_json(&buf, found->ill);
    buf_add_char(&buf, '}');
    seen->evidence = arena_copy(look->arena, buf.data);
}

int playbook_gateways(struct playbook_look *look, const struct query_row *row,
                      struct playbook_seen *seen, struct err *err) {
    struct gateways_seen found = {0};
    (void)err;
    if (look->playbooks->options.registry == NULL) {
        return query_unknown(seen, "No gateway is known here.", "此处没有网关信息。");
    }
    look_at(look, true, &found);
    if (found.looked == 0) {
        return query_unknown(seen, "None of the gateways of its scope is configured here.",
                             "范围内的网关均未在此配置。");
    }
    bool well = found.well_count == found.looked;
    QUERY_SAY(look, row, well, seen, {"names", well ? found.well : found.ill});
    put_gateways(look, &found, seen);
    return 0;
}

int playbook_route(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    struct gateways_seen found = {0};
    (void)err;
    if (look->playbooks->options.registry == NULL || look->incident->scope.gateways.count == 0) {
        return query_unknown(seen, "Its scope names no gateway: nothing is another one.",
                             "事件范围未指明网关,无法判断其他网关。");
    }
    look_at(look, false, &found);
    QUERY_SAY(look, row, found.well_count > 0, seen, {"names", found.well});
    put_gateways(look, &found, seen);
    return 0;
}

int playbook_mode(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    (void)err;
    if (look->playbooks->options.mode == NULL) {
        return query_unknown(seen, "The ladder is not known here.", "此处没有降级模式信息。");
    }
    struct mode_view *view = arena_alloc(look->arena, sizeof *view);
    mode_view(look->playbooks->options.mode, view);
    const char *step = view->simplified ? "simplified" : mode_step_name(view->step);
    QUERY_SAY(look, row, view->step == MODE_NORMAL && !view->simplified, seen, {"step", step},
              {"why", view->simplified ? view->simplified_reason : view->reason});
    seen->evidence = query_json(look, "{\"step\":\"%s\",\"simplified\":%s}",
                                mode_step_name(view->step), view->simplified ? "true" : "false");
    return 0;
}

/* ---- alerts and figures ---- */

int playbook_alerts(struct playbook_look *look, const struct query_row *row,
                    struct playbook_seen *seen, struct err *err) {
    const struct alerts_filter filter = {.rule = row->argument, .limit = ALERTS_LISTED_MAX};
    enum { LIST_BYTES_MAX = 4 * 1024 * 1024 };
    JSON_AUTO json = NULL;
    BUF_AUTO buf, evidence;
    buf_init(&buf, LIST_BYTES_MAX);
    buf_init(&evidence, PLAYBOOK_EVIDENCE_BYTES_MAX);
    if (look->playbooks->options.alerts == NULL) {
        return query_unknown(seen, "Alerts are not known here.", "此处没有告警信息。");
    }
    int r = alerts_list(look->playbooks->options.alerts, &filter, &buf, err);
    r = r < 0 ? r : json_read(buf.data, buf.len, LIST_BYTES_MAX, JSON_DEPTH_MAX, &json, err);
    if (r < 0) {
        return r;
    }
    const json_t *rows = json_object_get(json, "data");
    size_t count = json_array_size(rows);
    QUERY_SAY(look, row, count == 0, seen,
              {"count", phrase_number(look->arena, (long long)count)});
    buf_addf(&evidence, "{\"rule\":\"%s\",\"count\":%zu,\"alerts\":[", row->argument, count);
    for (size_t i = 0; i < count && i < ROWS; i++) {
        const char *id = json_string_value(json_object_get(json_array_get(rows, i), "id"));
        buf_add_text(&evidence, i > 0 ? "," : "");
        buf_add_json(&evidence, id != NULL ? id : "");
    }
    buf_add_text(&evidence, "]}");
    seen->evidence = arena_copy(look->arena, evidence.data);
    return 0;
}

int playbook_figure(struct playbook_look *look, const struct query_row *row,
                    struct playbook_seen *seen, struct err *err) {
    static const char *const units[][2] = {{"percent", "%"}, {"seconds", "s"}};
    const struct figures_watch *watch = look->playbooks->options.figures;
    enum figure_id id = FIGURE_SUCCESS_RATE;
    (void)err;
    INVARIANT(figure_find(row->argument, &id), "each query of a figure names one");
    if (watch == NULL || watch->rollup == NULL) {
        return query_unknown(seen, "Figures are not known here.", "此处没有指标信息。");
    }
    struct figure_now now[FIGURES];
    struct figure_limits limits;
    figures_now(watch, now);
    figure_limits_now(watch, id, &limits);
    if (isnan(now[id].value) || now[id].state == FIGURE_NO_DATA) {
        return query_unknown(seen,
                             arena_printf(look->arena, "%s: too little happened to say.",
                                          row->argument),
                             arena_printf(look->arena, "%s:数据不足。", row->argument));
    }
    const char *unit = figure_table[id].unit;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        unit = strcmp(unit, units[i][0]) == 0 ? units[i][1] : unit;
    }
    seen->verdict = now[id].state == FIGURE_OK ? VERDICT_PASSED : VERDICT_NOT;
    for (int i = 0; i < NOTICE_LANGUAGES; i++) {
        seen->said[i] = arena_printf(
            look->arena,
            i == NOTICE_EN ? "%s is %.1f %s; warning at %.1f, critical at %.1f."
                           : "%s 为 %.1f %s;警告阈值 %.1f,严重阈值 %.1f。",
            row->argument, now[id].value, unit, limits.warning, limits.critical);
    }
    seen->evidence = query_json(look,
                                "{\"figure\":\"%s\",\"value\":%.3f,\"state\":\"%s\",\"warning\":"
                                "%.3f,\"critical\":%.3f}",
                                row->argument, now[id].value, figure_state_name(now[id].state),
                                limits.warning, limits.critical);
    return 0;
}

/* ---- the database ---- */

int playbook_database(struct playbook_look *look, const struct query_row *row,
                      struct playbook_seen *seen, struct err *err) {
    struct err failed = {0};
    (void)err;
    int r = store_ping(look->playbooks->options.store, PING_US, &failed);
    QUERY_SAY(look, row, r >= 0, seen, {"why", arena_copy(look->arena, failed.detail)});
    return 0;
}

int playbook_pool(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    struct store_stats stats;
    (void)err;
    store_stats(look->playbooks->options.store, &stats);
    QUERY_SAY(look, row, stats.connections_busy < stats.connections_max || stats.waiting == 0, seen,
              {"busy", phrase_number(look->arena, stats.connections_busy)},
              {"most", phrase_number(look->arena, stats.connections_max)},
              {"waiting", phrase_number(look->arena, stats.waiting)});
    seen->evidence = query_json(look,
                                "{\"busy\":%d,\"max\":%d,\"waiting\":%d,\"commit_us_p99\":%lld}",
                                stats.connections_busy, stats.connections_max, stats.waiting,
                                (long long)stats.commit_us_p99);
    return 0;
}

static void say_count(struct playbook_look *look, const struct query_row *row, int64_t count,
                      struct playbook_seen *seen) {
    QUERY_SAY(look, row, count == 0, seen,
              {"count", phrase_number(look->arena, (long long)count)});
    seen->evidence = query_json(look, "{\"count\":%lld}", (long long)count);
}

int playbook_slow(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    struct inspect_slow *rows = arena_alloc(look->arena, ROWS * sizeof *rows);
    struct inspect_note note;
    int count = inspect_slow(look->playbooks->options.store, SLOW_US, rows, ROWS, &note, err);
    if (count >= 0) {
        say_count(look, row, count, seen);
    }
    return count < 0 ? count : 0;
}

int playbook_long(struct playbook_look *look, const struct query_row *row,
                  struct playbook_seen *seen, struct err *err) {
    struct inspect_session *rows = arena_alloc(look->arena, ROWS * sizeof *rows);
    int64_t old = 0;
    int count = inspect_long(look->playbooks->options.store, rows, ROWS, err);
    for (int i = 0; i < count; i++) {
        old += rows[i].open_us >= LONG_US;
    }
    if (count >= 0) {
        say_count(look, row, old, seen);
    }
    return count < 0 ? count : 0;
}

int playbook_locks(struct playbook_look *look, const struct query_row *row,
                   struct playbook_seen *seen, struct err *err) {
    struct inspect_lock *rows = arena_alloc(look->arena, ROWS * sizeof *rows);
    int64_t waiting = 0;
    int count = inspect_locks(look->playbooks->options.store, false, rows, ROWS, err);
    for (int i = 0; i < count; i++) {
        waiting += !rows[i].granted;
    }
    if (count >= 0) {
        say_count(look, row, waiting, seen);
    }
    return count < 0 ? count : 0;
}

int playbook_standbys(struct playbook_look *look, const struct query_row *row,
                      struct playbook_seen *seen, struct err *err) {
    struct inspect_standby *rows = arena_alloc(look->arena, ROWS * sizeof *rows);
    int64_t late = 0;
    int count = inspect_standbys(look->playbooks->options.store, rows, ROWS, err);
    if (count == 0) {
        return query_unknown(seen, "No standby is known, or this role may not see them.",
                             "没有备库,或当前角色无权查看。");
    }
    for (int i = 0; i < count; i++) {
        late += !rows[i].connected || rows[i].behind_us >= LONG_US;
    }
    if (count > 0) {
        say_count(look, row, late, seen);
    }
    return count < 0 ? count : 0;
}
