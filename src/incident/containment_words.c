/* SPDX-License-Identifier: Apache-2.0
 * containment_words.c: whom a measure would concern: payments of the last hour, those that are not
 * finished, methods (containment_impl.h). Read from an index by time, and bounded. */
#include <stdio.h>
#include <string.h>

#include "incident/containment_impl.h"

#define HOUR_US (3600 * US_PER_SECOND)
enum { COUNTED_MAX = 20000 };

struct concerned {
    const char *gateway, *purpose; /* "": any */
    int64_t method;                /* 0: any */
    bool none;                     /* no payment is */
    bool methods[METHOD_COUNT], hidden[METHOD_COUNT];
};

static bool takes_payments(const struct gateway_control_view *view, int index) {
    return view->state[index] == GATEWAY_ENABLED;
}

/* Its methods; and of them those that no other gateway would take. */
static void of_gateway(const struct containments *containments, const char *name, bool stops,
                       struct concerned *concerned) {
    struct gateway_registry *registry = containments->options.registry;
    struct gateway_control_view view;
    gateway_control_view(containments->options.control, &view);
    const struct gateway *gateway = gateway_find(registry, name);
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        bool other = false;
        for (int i = 0; i < gateway_count(registry); i++) {
            const struct gateway *one = gateway_at(registry, i);
            other = other || (one != gateway && one->methods[m] && takes_payments(&view, i));
        }
        concerned->methods[m] = gateway->methods[m];
        concerned->hidden[m] = stops && gateway->methods[m] && !other;
    }
}

static void all_methods(const struct containments *containments, struct concerned *concerned) {
    for (int i = 0; i < gateway_count(containments->options.registry); i++) {
        for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
            concerned->methods[m] = concerned->methods[m] ||
                                    gateway_at(containments->options.registry, i)->methods[m];
        }
    }
}

static void find(const struct containments *containments, const struct containment_row_kind *kind,
                 const char *name, char purpose[8], struct concerned *concerned) {
    enum payment_method method = METHOD_CARD;
    enum payment_purpose number = PURPOSE_ORDER;
    *concerned = (struct concerned){.gateway = "", .purpose = ""};
    switch (kind->names) {
    case NAMES_GATEWAY:
        concerned->gateway = kind->thing == THING_PRIMARY ? "" : name;
        of_gateway(containments, name, kind->thing == THING_GATEWAY, concerned);
        break;
    case NAMES_METHOD:
        if (method_parse(name, &method)) {
            concerned->method = method;
            concerned->methods[method] = concerned->hidden[method] = true;
        }
        break;
    case NAMES_PURPOSE:
        if (purpose_parse(name, &number)) {
            snprintf(purpose, 8, "%d", (int)number);
            concerned->purpose = purpose;
        }
        break;
    default:
        concerned->none = kind->thing == THING_DEPLOYS;
        break;
    }
    if (!concerned->none && (kind->names == NAMES_NOTHING || kind->names == NAMES_STEP ||
                             kind->names == NAMES_PURPOSE)) {
        all_methods(containments, concerned);
    }
}

static void put_methods(struct buf *buf, const char *key, const bool methods[METHOD_COUNT]) {
    const char *comma = "";
    buf_addf(buf, ",\"%s\":[", key);
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (methods[m]) {
            buf_addf(buf, "%s\"%s\"", comma, method_name((enum payment_method)m));
            comma = ",";
        }
    }
    buf_add_char(buf, ']');
}

/* Of the newest COUNTED_MAX of the last hour; our own probes are none. */
static int count(struct store_tx *tx, const struct concerned *concerned, int64_t *ret_payments,
                 int64_t *ret_unfinished, struct err *err) {
    char from[ID_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    id_floor("pay", clock_wall_us() - HOUR_US, from);
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN state < 4 THEN 1 ELSE 0 END), 0) "
                      "FROM (SELECT state, gateway, method, purpose FROM payment WHERE id >= $1 "
                      "ORDER BY id DESC LIMIT $2) p WHERE purpose <> '100' AND ($3 = '' OR "
                      "gateway = $3) AND ($4 = 0 OR method = $4) AND ($5 = '' OR purpose = $5)",
                      S_TEXT(from), S_INT(COUNTED_MAX), S_TEXT(concerned->gateway),
                      S_INT(concerned->method), S_TEXT(concerned->purpose));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_payments = sql_int(rows, 0);
        *ret_unfinished = sql_int(rows, 1);
    }
    return r < 0 ? r : 0;
}

int containment_concerned(const struct containments *containments, struct store_tx *tx,
                          const struct containment_row_kind *kind, const char *name,
                          struct buf *buf, struct err *err) {
    struct concerned concerned;
    char purpose[8] = "";
    int64_t payments = 0, unfinished = 0;
    find(containments, kind, name, purpose, &concerned);
    int r = concerned.none ? 0 : count(tx, &concerned, &payments, &unfinished, err);
    buf_addf(buf, ",\"concerned\":{\"payments_last_hour\":%lld,\"unfinished\":%lld",
             (long long)payments, (long long)unfinished);
    put_methods(buf, "methods", concerned.methods);
    put_methods(buf, "without_a_way", concerned.hidden);
    buf_addf(buf, ",\"en\":\"%lld payments of the last hour, %lld of them not finished\",\"zh\":"
                  "\"最近一小时 %lld 笔支付,其中 %lld 笔未完成\"}",
             (long long)payments, (long long)unfinished, (long long)payments,
             (long long)unfinished);
    return r;
}
