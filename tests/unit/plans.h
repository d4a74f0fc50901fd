/* SPDX-License-Identifier: Apache-2.0
 * plans.h: whether texts that are sent to the store walk through a table that grows for ever, as
 * SQLite plans them with no statistics (docs/decisions/0038). Include it behind a fixture that has
 * W. */
#ifndef HOLDFAST_TESTS_PLANS_H
#define HOLDFAST_TESTS_PLANS_H

#include <glib.h>

#include "base/task.h"

static struct lock texts_lock;
static GHashTable *texts_sent; /* each once; any thread of the service sends some */

static inline int collect(void *ctx, const char *sql) {
    (void)ctx;
    static const char *const kinds[] = {"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"};
    lock_take(&texts_lock);
    for (size_t i = 0; texts_sent != NULL && i < COUNT_OF(kinds); i++) {
        if (g_str_has_prefix(sql, kinds[i])) {
            g_hash_table_add(texts_sent, g_strdup(sql));
        }
    }
    lock_give(&texts_lock);
    return 0;
}

/* Tables that a row is added to by each payment or each row of a statement. */
static const char *const growing[] = {"movement", "posting", "statement_row", "attempt", "payment",
                                      "operation", "recon_fee", "recon_fee_row"};

/* Indexes of what is under way or open: few, however much there has been. */
static const char *const of_few[] = {"movement_open",   "operation_sending", "operation_pending",
                                     "attempt_sending", "attempt_pending",   "attempt_unknown",
                                     "attempt_callback_due"};

/* The name that stands behind SCAN or SEARCH is the alias; "" where it is none of those tables. */
static inline bool is_growing(const char *sql, const char *alias) {
    for (size_t i = 0; i < COUNT_OF(growing); i++) {
        char named[80];
        snprintf(named, sizeof named, "%s %s ", growing[i], alias);
        if (strcmp(alias, growing[i]) == 0 || strstr(sql, named) != NULL) {
            return true;
        }
    }
    return false;
}

/* One line of a plan: through all of it; or by the side of movements, which is half of it. */
static inline bool is_walk(const char *sql, const char *line) {
    bool scan = g_str_has_prefix(line, "SCAN "), search = g_str_has_prefix(line, "SEARCH ");
    if (!scan && !search) {
        return false;
    }
    char alias[40];
    const char *from = line + (scan ? 5 : 7);
    snprintf(alias, sizeof alias, "%.*s", (int)strcspn(from, " "), from);
    bool half = strstr(line, "(side=?)") != NULL || strstr(line, "(rowid>?)") != NULL;
    for (size_t i = 0; i < COUNT_OF(of_few); i++) {
        if (strstr(line, of_few[i]) != NULL) {
            return false;
        }
    }
    return is_growing(sql, alias) && (scan || half);
}

static inline int64_t params_of(const char *sql) {
    int64_t most = 0;
    for (const char *at = strchr(sql, '$'); at != NULL; at = strchr(at + 1, '$')) {
        int64_t number = strtoll(at + 1, NULL, 10);
        most = number > most ? number : most;
    }
    return most;
}

struct plan {
    const char *sql;
    GString *walks;
};

static inline int plan_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct plan *plan = ctx;
    struct sql_arg args[40];
    SQL_ROWS_AUTO rows = NULL;
    char *text = g_strconcat("EXPLAIN QUERY PLAN ", plan->sql, NULL);
    for (size_t i = 0; i < COUNT_OF(args); i++) {
        args[i] = S_NULL;
    }
    int r = sql_query_args(tx, tx_err, &rows, text, args, (int)params_of(plan->sql));
    while (r >= 0 && (r = sql_next(rows, tx_err)) > 0) {
        if (is_walk(plan->sql, sql_text(rows, 3))) {
            g_string_append_printf(plan->walks, "    %s\n", sql_text(rows, 3));
        }
    }
    g_free(text);
    return r < 0 ? r : 0;
}

static inline int judge_plans(GHashTable *texts) {
    GHashTableIter iter;
    gpointer sql;
    int bad = 0;
    g_hash_table_iter_init(&iter, texts);
    while (g_hash_table_iter_next(&iter, &sql, NULL)) {
        struct plan plan = {.sql = sql, .walks = g_string_new(NULL)};
        struct err plan_err = {0};
        if (store_read(W->engine.store, plan_tx, &plan, &plan_err) < 0) {
            fail_msg("%s: %.200s", plan_err.detail, plan.sql);
        }
        if (plan.walks->len > 0) {
            print_message("%.200s ...\n... %s\n%s\n", plan.sql,
                          plan.sql + (strlen(plan.sql) > 500 ? strlen(plan.sql) - 500 : 0),
                          plan.walks->str);
            bad++;
        }
        g_string_free(plan.walks, true);
    }
    return bad;
}

static inline void plans_begin(void) {
    lock_init(&texts_lock);
    texts_sent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    store_fault_set(W->engine.store, collect, NULL);
}

/* At least `least` texts_sent came, and none walks. */
static inline void plans_end(unsigned least) {
    store_fault_set(W->engine.store, NULL, NULL);
    lock_take(&texts_lock);
    GHashTable *texts = texts_sent;
    texts_sent = NULL;
    lock_give(&texts_lock);
    assert_true(g_hash_table_size(texts) > least);
    assert_int_equal(judge_plans(texts), 0);
    g_hash_table_destroy(texts);
}

#endif
