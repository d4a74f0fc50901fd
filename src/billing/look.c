/* SPDX-License-Identifier: Apache-2.0
 * look.c: subscriptions and invoices as they stand. */
#include <string.h>

#include "base/json.h"
#include "billing/internal.h"

bool subscription_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < SUBSCRIPTION_STATE_COUNT; i++) {
        if (strcmp(name, subscription_state_name(i)) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

struct look {
    struct arena *arena;
    const char *id;
    const struct subscription_filter *filter;
    int limit;
    json_t *json; /* owned */
};

int billing_look(struct billing *billing, store_fn *fn, void *ctx, json_t **json,
                 struct answer *ret_answer, struct err *err) {
    int r = store_read(billing->options.store, fn, ctx, err);
    if (r < 0) {
        json_decref(*json);
        return r;
    }
    answer_json(ret_answer, 200, *json);
    return 0;
}

static int page(int limit) {
    return limit > 0 && limit <= PAGE_MAX ? limit : PAGE_ROWS;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    struct subscription_row subscription;
    struct invoice_row invoice;
    int r = subscription_row_load(tx, look->arena, look->id, false, &subscription, err);
    r = r < 0 ? r : invoice_row_last(tx, look->arena, look->id, &invoice, err);
    if (r >= 0) {
        json_decref(look->json);
        look->json = render_subscription(&subscription, &invoice);
    }
    return r;
}

int subscription_get(struct billing *billing, const char *subscription_id,
                     struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look one = {.arena = arena, .id = subscription_id};
    return billing_look(billing, get_tx, &one, &one.json, ret_answer, err);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    const struct subscription_filter *filter = look->filter;
    const char *customer = filter->customer_id != NULL ? filter->customer_id : "";
    const char *plan = filter->plan_id != NULL ? filter->plan_id : "";
    const char *cursor = filter->cursor != NULL ? filter->cursor : "";
    json_t *data = json_array();
    json_decref(look->json);
    look->json = json_pack("{s:o}", "data", data);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " SUBSCRIPTION_COLUMNS " FROM subscription WHERE "
                      "($1 = '' OR customer_id = $1) AND ($2 = '' OR plan_id = $2) AND "
                      "($3 = 0 OR state = $3) AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5",
                      S_TEXT(customer), S_TEXT(plan), S_INT(filter->state), S_TEXT(cursor),
                      S_INT(look->limit + 1));
    char next[ID_TEXT_MAX] = "";
    int count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct subscription_row subscription;
        if (++count > look->limit) {
            json_object_set_new(look->json, "next_cursor", json_string(next));
            return 0;
        }
        subscription_row_read(rows, look->arena, &subscription);
        memcpy(next, subscription.id.text, sizeof next);
        json_array_append_new(data, render_subscription(&subscription, NULL));
    }
    json_object_set_new(look->json, "next_cursor", json_null());
    return r;
}

int subscription_list(struct billing *billing, const struct subscription_filter *filter,
                      struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look all = {.arena = arena, .filter = filter, .limit = page(filter->limit)};
    return billing_look(billing, list_tx, &all, &all.json, ret_answer, err);
}

static int tries_of(struct store_tx *tx, json_t *invoice, struct err *err) {
    static const char *const names[] = {"?", "started", "paid", "declined"};
    json_t *tries = json_array();
    json_object_set_new(invoice, "history", tries);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT number, state, payment_id, code, advice, created_us, ended_us FROM "
                      "invoice_try WHERE invoice_id = $1 ORDER BY number",
                      S_TEXT(json_string_value(json_object_get(invoice, "id"))));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char began[CLOCK_TEXT_MAX], ended[CLOCK_TEXT_MAX];
        int64_t state = sql_int(rows, 1);
        json_t *one = json_pack(
            "{s:I,s:s,s:s*,s:s*,s:s*,s:s,s:s*}", "number", (json_int_t)sql_int(rows, 0), "state",
            state > 0 && state < (int64_t)COUNT_OF(names) ? names[state] : "?", "payment_id",
            sql_text(rows, 2)[0] != '\0' ? sql_text(rows, 2) : NULL, "code",
            sql_text(rows, 3)[0] != '\0' ? sql_text(rows, 3) : NULL, "advice",
            sql_int(rows, 4) > 0 ? advice_name(sql_int(rows, 4)) : NULL, "began_at",
            clock_format(sql_int(rows, 5), began), "ended_at",
            sql_int(rows, 6) > 0 ? clock_format(sql_int(rows, 6), ended) : NULL);
        json_array_append_new(tries, one);
    }
    return r;
}

static int invoices_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look *look = ctx;
    struct subscription_row subscription;
    int r = subscription_row_load(tx, look->arena, look->id, false, &subscription, err);
    if (r < 0) {
        return r;
    }
    json_t *data = json_array(), *one;
    json_decref(look->json);
    look->json = json_pack("{s:o}", "data", data);
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT " INVOICE_COLUMNS " FROM invoice WHERE subscription_id = $1 "
                  "ORDER BY number DESC LIMIT $2",
                  S_TEXT(look->id), S_INT(look->limit));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct invoice_row invoice;
        invoice_row_read(rows, look->arena, &invoice);
        json_array_append_new(data, render_invoice(&invoice));
    }
    size_t i;
    json_array_foreach(data, i, one) {
        r = r < 0 ? r : tries_of(tx, one, err);
    }
    return r;
}

int subscription_invoices(struct billing *billing, const char *subscription_id, int limit,
                          struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look all = {.arena = arena, .id = subscription_id, .limit = page(limit)};
    return billing_look(billing, invoices_tx, &all, &all.json, ret_answer, err);
}
