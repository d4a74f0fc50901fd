/* SPDX-License-Identifier: Apache-2.0
 * rows.c: the SQL of plans, subscriptions and invoices. */
#include "billing/internal.h"

static const char *kept(const struct sql_rows *rows, struct arena *arena, int column) {
    const char *text = sql_text(rows, column);
    return arena_copy(arena, text != NULL ? text : "");
}

static struct currency currency_of(const struct sql_rows *rows, int column) {
    struct currency currency = {""};
    struct err err = {0};
    const char *code = sql_text(rows, column);
    INVARIANT(code != NULL && currency_parse(code, &currency, &err) >= 0,
              "a stored currency is one");
    return currency;
}

/* Steps to the one row. */
static int found(struct sql_rows *rows, const char *what, const char *id, struct err *err) {
    int r = sql_next(rows, err);
    return r == 0 ? err_set(err, ERR_NOT_FOUND, "there is no %s %.60s", what, id) : r < 0 ? r : 0;
}

/* ---- plans ---- */

void plan_row_read(const struct sql_rows *rows, struct arena *arena, struct plan_row *ret_row) {
    *ret_row = (struct plan_row){
        .id = plan_id_stored(sql_text(rows, 0)),
        .name = kept(rows, arena, 1),
        .amount_minor = sql_int(rows, 2),
        .currency = currency_of(rows, 3),
        .unit = (enum calendar_unit)sql_int(rows, 4),
        .unit_count = sql_int(rows, 5),
        .trial_days = sql_int(rows, 6),
        .when_unpaid = (enum when_unpaid)sql_int(rows, 7),
        .active = sql_int(rows, 8) == 1,
        .created_us = sql_int(rows, 9),
        .updated_us = sql_int(rows, 10),
    };
}

int plan_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                  struct plan_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " PLAN_COLUMNS " FROM plan WHERE id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : found(rows, "plan", id, err);
    if (r >= 0) {
        plan_row_read(rows, arena, ret_row);
    }
    return r;
}

int plan_row_insert(struct store_tx *tx, const struct plan_row *row, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO plan (" PLAN_COLUMNS
                   ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                   S_TEXT(row->id.text), S_TEXT(row->name), S_INT(row->amount_minor),
                   S_TEXT(row->currency.code), S_INT(row->unit), S_INT(row->unit_count),
                   S_INT(row->trial_days), S_INT(row->when_unpaid), S_INT(row->active),
                   S_INT(row->created_us), S_INT(row->updated_us));
}

/* ---- subscriptions ---- */

void subscription_row_read(const struct sql_rows *rows, struct arena *arena,
                           struct subscription_row *ret_row) {
    *ret_row = (struct subscription_row){
        .id = subscription_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .customer_id = kept(rows, arena, 2),
        .customer_email = kept(rows, arena, 3),
        .customer_region = kept(rows, arena, 4),
        .plan_id = plan_id_stored(sql_text(rows, 5)),
        .next_plan_id = plan_id_stored(sql_text(rows, 6)),
        .method = (enum payment_method)sql_int(rows, 7),
        .tokens = kept(rows, arena, 8),
        .description = kept(rows, arena, 9),
        .metadata = kept(rows, arena, 10),
        .state = (enum subscription_state)sql_int(rows, 11),
        .time_zone = kept(rows, arena, 12),
        .anchor_number = sql_int(rows, 13),
        .anchor_local_s = sql_int(rows, 14),
        .anchor_day = (int)sql_int(rows, 15),
        .period = sql_int(rows, 16),
        .period_start_us = sql_int(rows, 17),
        .period_end_us = sql_int(rows, 18),
        .cancel_at_end = sql_int(rows, 19) == 1,
        .reason = kept(rows, arena, 20),
        .created_us = sql_int(rows, 21),
        .updated_us = sql_int(rows, 22),
        .ended_us = sql_int(rows, 23),
    };
}

int subscription_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                          struct subscription_row *ret_row, struct err *err) {
    static const char look[] = "SELECT " SUBSCRIPTION_COLUMNS " FROM subscription WHERE id = $1";
    static const char take[] = "SELECT " SUBSCRIPTION_COLUMNS
                               " FROM subscription WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? take : look, S_TEXT(id));
    r = r < 0 ? r : found(rows, "subscription", id, err);
    if (r >= 0) {
        subscription_row_read(rows, arena, ret_row);
    }
    return r;
}

int subscription_row_insert(struct store_tx *tx, const struct subscription_row *row,
                            struct err *err) {
    return sql_put(
        tx, err,
        "INSERT INTO subscription (" SUBSCRIPTION_COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "$18, $19, $20, $21, $22, $23, $24)",
        S_TEXT(row->id.text), S_INT(row->version), S_TEXT(row->customer_id),
        S_TEXT(row->customer_email), S_TEXT(row->customer_region), S_TEXT(row->plan_id.text),
        S_TEXT(row->next_plan_id.text), S_INT(row->method), S_TEXT(row->tokens),
        S_TEXT(row->description), S_TEXT(row->metadata), S_INT(row->state), S_TEXT(row->time_zone),
        S_INT(row->anchor_number), S_INT(row->anchor_local_s), S_INT(row->anchor_day),
        S_INT(row->period), S_INT(row->period_start_us), S_INT(row->period_end_us),
        S_INT(row->cancel_at_end), S_TEXT(row->reason), S_INT(row->created_us),
        S_INT(row->updated_us), S_INT(row->ended_us));
}

int subscription_row_save(struct store_tx *tx, struct subscription_row *row, struct err *err) {
    row->version++;
    row->updated_us = clock_wall_us();
    return sql_put_one(
        tx, err,
        "UPDATE subscription SET version = $2, plan_id = $3, next_plan_id = $4, method = $5, "
        "tokens = $6, state = $7, anchor_number = $8, anchor_local_s = $9, anchor_day = $10, "
        "period = $11, period_start_us = $12, period_end_us = $13, cancel_at_end = $14, "
        "reason = $15, updated_us = $16, ended_us = $17 WHERE id = $1 AND version = $18",
        S_TEXT(row->id.text), S_INT(row->version), S_TEXT(row->plan_id.text),
        S_TEXT(row->next_plan_id.text), S_INT(row->method), S_TEXT(row->tokens), S_INT(row->state),
        S_INT(row->anchor_number), S_INT(row->anchor_local_s), S_INT(row->anchor_day),
        S_INT(row->period), S_INT(row->period_start_us), S_INT(row->period_end_us),
        S_INT(row->cancel_at_end), S_TEXT(row->reason), S_INT(row->updated_us),
        S_INT(row->ended_us), S_INT(row->version - 1));
}

/* ---- invoices ---- */

void invoice_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct invoice_row *ret_row) {
    *ret_row = (struct invoice_row){
        .id = invoice_id_stored(sql_text(rows, 0)),
        .subscription_id = subscription_id_stored(sql_text(rows, 1)),
        .number = sql_int(rows, 2),
        .state = (enum invoice_state)sql_int(rows, 3),
        .plan_id = plan_id_stored(sql_text(rows, 4)),
        .amount_minor = sql_int(rows, 5),
        .currency = currency_of(rows, 6),
        .period_start_us = sql_int(rows, 7),
        .period_end_us = sql_int(rows, 8),
        .payment_id = payment_id_stored(sql_text(rows, 9)),
        .tries = sql_int(rows, 10),
        .trying = sql_int(rows, 11) == 1,
        .declines = sql_int(rows, 12),
        .outages = sql_int(rows, 13),
        .next_try_us = sql_int(rows, 14),
        .declined_us = sql_int(rows, 15),
        .give_up_us = sql_int(rows, 16),
        .failure_code = kept(rows, arena, 17),
        .advice = (enum advice)sql_int(rows, 18),
        .reason = kept(rows, arena, 19),
        .created_us = sql_int(rows, 20),
        .updated_us = sql_int(rows, 21),
        .paid_us = sql_int(rows, 22),
    };
}

int invoice_row_last(struct store_tx *tx, struct arena *arena, const char *subscription_id,
                     struct invoice_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_row = (struct invoice_row){.failure_code = "", .reason = ""};
    int r = sql_query(tx, err, &rows,
                      "SELECT " INVOICE_COLUMNS " FROM invoice WHERE subscription_id = $1 "
                      "ORDER BY number DESC LIMIT 1",
                      S_TEXT(subscription_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        invoice_row_read(rows, arena, ret_row);
    }
    return r < 0 ? r : 0;
}

int invoice_row_insert(struct store_tx *tx, const struct invoice_row *row, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO invoice (" INVOICE_COLUMNS
                   ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
                   "$16, $17, $18, $19, $20, $21, $22, $23)",
                   S_TEXT(row->id.text), S_TEXT(row->subscription_id.text), S_INT(row->number),
                   S_INT(row->state), S_TEXT(row->plan_id.text), S_INT(row->amount_minor),
                   S_TEXT(row->currency.code), S_INT(row->period_start_us),
                   S_INT(row->period_end_us), S_TEXT(row->payment_id.text), S_INT(row->tries),
                   S_INT(row->trying), S_INT(row->declines), S_INT(row->outages),
                   S_INT(row->next_try_us), S_INT(row->declined_us), S_INT(row->give_up_us),
                   S_TEXT(row->failure_code), S_INT(row->advice), S_TEXT(row->reason),
                   S_INT(row->created_us), S_INT(row->updated_us), S_INT(row->paid_us));
}

int invoice_row_save(struct store_tx *tx, struct invoice_row *row, struct err *err) {
    row->updated_us = clock_wall_us();
    return sql_put_one(
        tx, err,
        "UPDATE invoice SET state = $2, payment_id = $3, tries = $4, trying = $5, declines = $6, "
        "outages = $7, next_try_us = $8, declined_us = $9, give_up_us = $10, failure_code = $11, "
        "advice = $12, reason = $13, updated_us = $14, paid_us = $15 WHERE id = $1",
        S_TEXT(row->id.text), S_INT(row->state), S_TEXT(row->payment_id.text), S_INT(row->tries),
        S_INT(row->trying), S_INT(row->declines), S_INT(row->outages), S_INT(row->next_try_us),
        S_INT(row->declined_us), S_INT(row->give_up_us), S_TEXT(row->failure_code),
        S_INT(row->advice), S_TEXT(row->reason), S_INT(row->updated_us), S_INT(row->paid_us));
}
