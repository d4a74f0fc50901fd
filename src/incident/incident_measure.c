/* SPDX-License-Identifier: Apache-2.0
 * incident_measure.c: how grave an incident is, measured: figures of its scope, and what
 * severity_rules.def makes of them. Reads only, within bounds: the newest 20,000 payments of
 * at most the last quarter of an hour. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "incident/incident_impl.h"

#define WINDOW_US (15 * 60 * US_PER_SECOND)
enum { FINISHED_MIN = 20, METHOD_FINISHED_MIN = 10, DOWN_PERMILLE = 50, TEXT_BYTES_MAX = 200 };

/* ---- payments ---- */

struct counted { /* finished, and of them failed */
    int64_t all, all_failed, scope, scope_failed;
};

/* The same conditions that everything of a scope counts by (scope.h). */
#define IN_SCOPE                                                                                   \
    "($2 = '' OR replace($2, ',' || gateway || ',', '') <> $2) AND ($3 = '' OR replace($3, ',' "   \
    "|| customer_region || ',', '') <> $3) AND ($4 = '' OR replace($4, ',' || currency || ',', "   \
    "'') <> $4)"

static void count_row(const struct incident_row *row, const struct sql_rows *rows,
                      struct counted *sum, struct counted methods[METHOD_COUNT]) {
    int64_t method = sql_int(rows, 0), failed = sql_int(rows, 1);
    int64_t all = sql_int(rows, 2), scope = sql_int(rows, 3);
    bool known = method >= 0 && method < METHOD_COUNT;
    if (!known || !scope_has(&row->scope.methods, method_name((enum payment_method)method))) {
        scope = 0;
    }
    sum->all += all;
    sum->all_failed += failed != 0 ? all : 0;
    sum->scope += scope;
    sum->scope_failed += failed != 0 ? scope : 0;
    if (known) {
        methods[method].scope += scope;
        methods[method].scope_failed += failed != 0 ? scope : 0;
    }
}

static int count_payments(struct store_tx *tx, const struct incident_row *row,
                          struct counted *ret_sum, struct counted methods[METHOD_COUNT],
                          struct err *err) {
    char gateways[SCOPE_LIST_BYTES_MAX], regions[SCOPE_LIST_BYTES_MAX];
    char currencies[SCOPE_LIST_BYTES_MAX], floor[ID_TEXT_MAX];
    int64_t since_us = clock_wall_us() - WINDOW_US;
    SQL_ROWS_AUTO rows = NULL;
    since_us = row->scope.from_us > since_us ? row->scope.from_us : since_us;
    id_floor("pay", since_us, floor);
    scope_list(&row->scope.gateways, gateways);
    scope_list(&row->scope.regions, regions);
    scope_list(&row->scope.currencies, currencies);
    int r = sql_query(tx, err, &rows,
                      "SELECT method, CASE WHEN state = 6 THEN 1 ELSE 0 END, COUNT(*), SUM(CASE "
                      "WHEN " IN_SCOPE " THEN 1 ELSE 0 END) FROM (SELECT method, state, gateway, "
                      "customer_region, currency FROM payment WHERE id >= $1 AND state IN (4, 5, "
                      "6) ORDER BY id DESC LIMIT 20000) AS newest GROUP BY 1, 2 ORDER BY 1, 2",
                      S_TEXT(floor), S_TEXT(gateways), S_TEXT(regions), S_TEXT(currencies));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        count_row(row, rows, ret_sum, methods);
    }
    return r;
}

/* ---- books ---- */

/* Charged twice (two classes of differences, and cases that money lies in suspense for); shown
 * otherwise than it is (paid there and not here, or the other way). */
static int count_books(struct store_tx *tx, const struct incident_row *row,
                       struct incident_figures *figures, struct err *err) {
    char gateways[SCOPE_LIST_BYTES_MAX];
    SQL_ROWS_AUTO rows = NULL;
    scope_list(&row->scope.gateways, gateways);
    int r = sql_query(
        tx, err, &rows,
        "SELECT (SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2) AND class IN (19, 32) AND "
        "opened_us >= $1 AND ($2 = '' OR replace($2, ',' || gateway || ',', '') <> $2)), (SELECT "
        "COUNT(*) FROM review_case WHERE state = 1 AND kind = 'duplicate_charge' AND posted <> 0 "
        "AND opened_us >= $1 AND ($2 = '' OR replace($2, ',' || gateway || ',', '') <> $2)), "
        "(SELECT COUNT(*) FROM recon_break WHERE state IN (1, 2) AND class IN (11, 12, 13) AND "
        "opened_us >= $1 AND ($2 = '' OR replace($2, ',' || gateway || ',', '') <> $2))",
        S_INT(row->scope.from_us), S_TEXT(gateways));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        int64_t breaks = sql_int(rows, 0), cases = sql_int(rows, 1);
        /* One charge can be told of by both. */
        figures->double_charges = breaks > cases ? breaks : cases;
        figures->wrong_states = sql_int(rows, 2);
    }
    return r < 0 ? r : 0;
}

/* What its live alerts say is at stake; the largest, as they may speak of the same. */
static int look_at_alerts(struct store_tx *tx, const struct incident_row *row,
                          struct incident_figures *figures, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT a.money, a.rule FROM alert a JOIN incident_alert i ON i.alert_id = "
                      "a.id WHERE i.incident_id = $1 AND a.state IN (2, 3) ORDER BY a.id LIMIT 200",
                      S_TEXT(row->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t usual = strtoll(sql_text(rows, 0), NULL, 10) / 1000;
        figures->at_risk = usual > figures->at_risk ? usual : figures->at_risk;
        if (strcmp(sql_text(rows, 1), "DoubleCharge") == 0 && figures->double_charges == 0) {
            figures->double_charges = 1;
        }
    }
    return r;
}

int incident_measure(struct store_tx *tx, const struct incident_row *row,
                     struct incident_figures *ret_figures, struct err *err) {
    struct counted sum = {0}, methods[METHOD_COUNT] = {0};
    struct incident_figures figures = {.success_permille = 1000};
    int r = count_payments(tx, row, &sum, methods, err);
    r = r < 0 ? r : count_books(tx, row, &figures, err);
    r = r < 0 ? r : look_at_alerts(tx, row, &figures, err);
    if (r < 0) {
        return r;
    }
    figures.finished = sum.scope;
    if (sum.scope >= FINISHED_MIN) {
        figures.success_permille = (sum.scope - sum.scope_failed) * 1000 / sum.scope;
    }
    if (sum.all >= FINISHED_MIN) {
        figures.share_permille = sum.scope_failed * 1000 / sum.all;
    }
    for (int i = 0; i < METHOD_COUNT; i++) {
        int64_t done = methods[i].scope - methods[i].scope_failed;
        figures.methods_down += methods[i].scope >= METHOD_FINISHED_MIN &&
                                done * 1000 <= methods[i].scope * DOWN_PERMILLE;
    }
    *ret_figures = figures;
    return 0;
}

/* ---- what that means ---- */

enum how { LEAST, MOST };
static const struct {
    enum notice_severity severity;
    size_t figure; /* its place in the struct */
    enum how how;
    int64_t threshold;
    const char *name, *en, *zh;
} rules[] = {
#define X(severity, figure, how, threshold, en, zh)                                                \
    {NOTICE_##severity, offsetof(struct incident_figures, figure), how, threshold, #figure, en, zh},
#include "incident/severity_rules.def"
#undef X
};

/* "{value}" in the text by the number; permille as per cent with a decimal. */
static void fill(const char *text, int64_t value, bool permille, char ret_text[TEXT_BYTES_MAX]) {
    static const char mark[] = "{value}";
    const char *at = strstr(text, mark);
    INVARIANT(at != NULL, "every reason tells its figure");
    char number[32];
    if (permille) {
        snprintf(number, sizeof number, "%lld.%lld", (long long)(value / 10),
                 (long long)(value % 10));
    } else {
        snprintf(number, sizeof number, "%lld", (long long)value);
    }
    snprintf(ret_text, TEXT_BYTES_MAX, "%.*s%s%s", (int)(at - text), text, number,
             at + strlen(mark));
}

static int64_t figure_at(const struct incident_figures *figures, size_t place) {
    int64_t value;
    memcpy(&value, (const char *)figures + place, sizeof value);
    return value;
}

/* Of one figure only the gravest row is told. */
static bool told_before(const struct incident_figures *figures, size_t i) {
    for (size_t j = 0; j < i; j++) {
        int64_t value = figure_at(figures, rules[j].figure);
        bool held = rules[j].how == LEAST ? value >= rules[j].threshold
                                          : value <= rules[j].threshold;
        if (held && rules[j].figure == rules[i].figure) {
            return true;
        }
    }
    return false;
}

int64_t incident_propose(const struct incident_figures *figures, struct buf *reasons) {
    int64_t proposed = INCIDENT_UNMEASURED;
    const char *comma = "";
    buf_add_char(reasons, '[');
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        int64_t value = figure_at(figures, rules[i].figure);
        bool permille = strstr(rules[i].name, "permille") != NULL;
        char text[TEXT_BYTES_MAX];
        if ((rules[i].how == LEAST ? value < rules[i].threshold : value > rules[i].threshold) ||
            told_before(figures, i)) {
            continue;
        }
        if (proposed == INCIDENT_UNMEASURED || (int64_t)rules[i].severity < proposed) {
            proposed = rules[i].severity;
        }
        buf_addf(reasons, "%s{\"severity\":\"%s\",\"figure\":\"%s\",\"value\":%lld,\"en\":", comma,
                 notice_severity_name(rules[i].severity), rules[i].name, (long long)value);
        fill(rules[i].en, value, permille, text);
        buf_add_json(reasons, text);
        buf_add_text(reasons, ",\"zh\":");
        fill(rules[i].zh, value, permille, text);
        buf_add_json(reasons, text);
        buf_add_char(reasons, '}');
        comma = ",";
    }
    buf_add_char(reasons, ']');
    return proposed;
}
