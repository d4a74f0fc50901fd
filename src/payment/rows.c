/* SPDX-License-Identifier: Apache-2.0
 * rows.c: the SQL of payments, attempts and operations. The column lists of rows.h and the readers
 * here are in the same order; test_rows writes and reads every column back. */
#include "payment/rows.h"

#include <string.h>

#include "base/clock.h"

static const char *col(const struct sql_rows *rows, struct arena *arena, int column) {
    const char *text = sql_text(rows, column);
    return text == NULL || text[0] == '\0' ? "" : arena_copy(arena, text);
}

/* NULL counts as empty text: no column that holds text is nullable. */
static struct sql_arg text(const char *value) {
    return S_TEXT(value != NULL ? value : "");
}

void payment_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct payment_row *ret_row) {
    *ret_row = (struct payment_row){
        .id = payment_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .order_id = col(rows, arena, 2),
        .holds_order = sql_int(rows, 3) == 1,
        .state = (enum payment_state)sql_int(rows, 4),
        .amount_minor = sql_int(rows, 5),
        .currency = currency_stored(sql_text(rows, 6)),
        .method = (enum payment_method)sql_int(rows, 7),
        .purpose = (enum payment_purpose)sql_int(rows, 8),
        .capture_later = sql_int(rows, 9) != 0,
        .authorized_minor = sql_int(rows, 10),
        .captured_minor = sql_int(rows, 11),
        .refunded_minor = sql_int(rows, 12),
        .refund_reserved_minor = sql_int(rows, 13),
        .disputed_minor = sql_int(rows, 14),
        .customer_id = col(rows, arena, 15),
        .customer_region = col(rows, arena, 16),
        .customer_vip = sql_int(rows, 17) != 0,
        .customer_email = col(rows, arena, 18),
        .customer_ip = col(rows, arena, 19),
        .tokens = col(rows, arena, 20),
        .return_url = col(rows, arena, 21),
        .cancel_url = col(rows, arena, 22),
        .description = col(rows, arena, 23),
        .metadata = col(rows, arena, 24),
        .action = col(rows, arena, 25),
        .action_data = col(rows, arena, 26),
        .failure_code = col(rows, arena, 27),
        .failure_message = col(rows, arena, 28),
        .review = col(rows, arena, 29),
        .was_unknown = sql_int(rows, 30) != 0,
        .attempts = sql_int(rows, 31),
        .gateway = col(rows, arena, 32),
        .created_us = sql_int(rows, 33),
        .updated_us = sql_int(rows, 34),
        .several_per_order = sql_int(rows, 35) != 0,
        .flow = (enum gateway_flow)sql_int(rows, 36),
        .action_expires_us = sql_int(rows, 37),
        .failure_again_us = sql_int(rows, 38),
        .deferred_until_us = sql_int(rows, 39),
        .queued_until_us = sql_int(rows, 40),
        .customer_segment = col(rows, arena, 41),
        .held = sql_int(rows, 3) == 1 ? HELD_YES : HELD_NO,
        .arena = arena,
    };
}

static int corrupt(const char *what, const char *id, int64_t state, struct err *err) {
    err_set(err, ERR_STORE_CORRUPT, "%s %s has state %lld, which no table knows", what, id,
            (long long)state);
    return err_hint(err, "Run `holdfast db check`; a newer program may have written this row.");
}

int row_found(struct sql_rows *rows, const char *what, const char *id, struct err *err) {
    int r = sql_next(rows, err);
    if (r == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no %s %s", what, id);
    }
    return r < 0 ? r : 0;
}

int payment_is_probe(struct store_tx *tx, const char *id, bool *ret_probe, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_probe = false;
    if (id[0] == '\0') {
        return 0;
    }
    int r = sql_query(tx, err, &rows, "SELECT purpose FROM payment WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_probe = r > 0 && sql_int(rows, 0) == PURPOSE_PROBE;
    return r < 0 ? r : 0;
}

int payment_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                     struct payment_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " PAYMENT_COLUMNS " FROM payment WHERE id = $1";
    static const char locked[] = "SELECT " PAYMENT_COLUMNS " FROM payment WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : row_found(rows, "payment", id, err);
    if (r < 0) {
        return r;
    }
    int64_t state = sql_int(rows, 4);
    if (state <= PAYMENT_NONE || state >= PAYMENT_STATE_COUNT) {
        return corrupt("payment", id, state, err);
    }
    payment_row_read(rows, arena, ret_row);
    return 0;
}

static const char payment_insert[] =
    "INSERT INTO payment (" PAYMENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, "
    "$29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42) "
    "ON CONFLICT (order_id) WHERE holds_order = 1 DO NOTHING";

#define PAYMENT_VALUES(row)                                                                        \
    S_TEXT((row)->id.text), S_INT((row)->version), text((row)->order_id),                          \
        (row)->holds_order ? S_INT(1) : S_NULL, S_INT((row)->state), S_INT((row)->amount_minor),   \
        S_TEXT((row)->currency.code), S_INT((row)->method), S_INT((row)->purpose),                 \
        S_INT((row)->capture_later), S_INT((row)->authorized_minor), S_INT((row)->captured_minor), \
        S_INT((row)->refunded_minor), S_INT((row)->refund_reserved_minor),                         \
        S_INT((row)->disputed_minor), text((row)->customer_id), text((row)->customer_region),      \
        S_INT((row)->customer_vip), text((row)->customer_email), text((row)->customer_ip),         \
        text((row)->tokens), text((row)->return_url), text((row)->cancel_url),                     \
        text((row)->description), text((row)->metadata), text((row)->action),                      \
        text((row)->action_data), text((row)->failure_code), text((row)->failure_message),         \
        text((row)->review), S_INT((row)->was_unknown), S_INT((row)->attempts),                    \
        text((row)->gateway), S_INT((row)->created_us), S_INT((row)->updated_us),                  \
        S_INT((row)->several_per_order), S_INT((row)->flow), S_INT((row)->action_expires_us),      \
        S_INT((row)->failure_again_us), S_INT((row)->deferred_until_us),                           \
        S_INT((row)->queued_until_us), text((row)->customer_segment)

int payment_row_insert(struct store_tx *tx, const struct payment_row *row, struct err *err) {
    return (int)sql_exec(tx, err, payment_insert, PAYMENT_VALUES(row));
}

int payment_row_insert_new(struct store_tx *tx, const struct payment_row *row, struct err *err) {
    return sql_put_one(tx, err, payment_insert, PAYMENT_VALUES(row));
}

int payment_row_guard(struct store_tx *tx, const struct payment_row *row, struct err *err) {
    return sql_put_one(tx, err, "SELECT 1 FROM payment WHERE id = $1 AND version = $2 FOR UPDATE",
                       S_TEXT(row->id.text), S_INT(row->version));
}

#define PAYMENT_SAVED                                                                              \
    "version = $2, state = $3, method = $4, authorized_minor = $5, captured_minor = $6, "          \
    "refunded_minor = $7, refund_reserved_minor = $8, disputed_minor = $9, tokens = $10, "         \
    "action = $11, action_url = $12, failure_code = $13, failure_message = $14, review = $15, "    \
    "was_unknown = $16, attempts = $17, gateway = $18, updated_us = $19, flow = $20, "             \
    "action_expires_us = $21, failure_again_us = $22, deferred_until_us = $23, "                   \
    "queued_until_us = $24"

int payment_row_save(struct store_tx *tx, struct payment_row *row, struct err *err) {
    /* A column that is named is work for its indexes, also when its value stays. */
    static const char same[] = "UPDATE payment SET " PAYMENT_SAVED " WHERE id = $1";
    static const char holds[] = "UPDATE payment SET " PAYMENT_SAVED
                                ", holds_order = 1 WHERE id = $1";
    static const char lets_go[] = "UPDATE payment SET " PAYMENT_SAVED
                                  ", holds_order = NULL WHERE id = $1";
    const char *sql = row->held == (row->holds_order ? HELD_YES : HELD_NO) ? same
                      : row->holds_order                                   ? holds
                                                                           : lets_go;
    row->held = row->holds_order ? HELD_YES : HELD_NO;
    row->version++;
    row->updated_us = clock_wall_us();
    return sql_put(tx, err, sql, S_TEXT(row->id.text), S_INT(row->version), S_INT(row->state),
                   S_INT(row->method), S_INT(row->authorized_minor), S_INT(row->captured_minor),
                   S_INT(row->refunded_minor), S_INT(row->refund_reserved_minor),
                   S_INT(row->disputed_minor), text(row->tokens), text(row->action),
                   text(row->action_data), text(row->failure_code), text(row->failure_message),
                   text(row->review), S_INT(row->was_unknown), S_INT(row->attempts),
                   text(row->gateway), S_INT(row->updated_us), S_INT(row->flow),
                   S_INT(row->action_expires_us), S_INT(row->failure_again_us),
                   S_INT(row->deferred_until_us), S_INT(row->queued_until_us));
}

void attempt_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct attempt_row *ret_row) {
    *ret_row = (struct attempt_row){
        .id = attempt_id_stored(sql_text(rows, 0)),
        .payment_id = payment_id_stored(sql_text(rows, 1)),
        .number = sql_int(rows, 2),
        .gateway = col(rows, arena, 3),
        .state = (enum attempt_state)sql_int(rows, 4),
        .amount_minor = sql_int(rows, 5),
        .currency = currency_stored(sql_text(rows, 6)),
        .token = col(rows, arena, 7),
        .decision = col(rows, arena, 8),
        .outcome = (enum gateway_outcome)sql_int(rows, 9),
        .source = col(rows, arena, 10),
        .gateway_id = col(rows, arena, 11),
        .charge_id = col(rows, arena, 12),
        .code = col(rows, arena, 13),
        .common_code = col(rows, arena, 14),
        .message = col(rows, arena, 15),
        .trace = col(rows, arena, 16),
        .http_status = sql_int(rows, 17),
        .reach = sql_int(rows, 18),
        .duration_us = sql_int(rows, 19),
        .was_unknown = sql_int(rows, 20) != 0,
        .owner = col(rows, arena, 21),
        .lease_us = sql_int(rows, 22),
        .sent_us = sql_int(rows, 23),
        .created_us = sql_int(rows, 24),
        .settled_us = sql_int(rows, 25),
        .callback_due_us = sql_int(rows, 26),
        .callback_us = sql_int(rows, 27),
        .expires_us = sql_int(rows, 28),
        .method = (enum payment_method)sql_int(rows, 29),
    };
}

static int attempt_one(struct sql_rows *rows, struct arena *arena, const char *what,
                       struct attempt_row *ret_row, struct err *err) {
    int r = row_found(rows, "attempt for", what, err);
    if (r < 0) {
        return r;
    }
    int64_t state = sql_int(rows, 4);
    if (state <= ATTEMPT_NONE || state >= ATTEMPT_STATE_COUNT) {
        return corrupt("attempt", sql_text(rows, 0), state, err);
    }
    attempt_row_read(rows, arena, ret_row);
    return 0;
}

int attempt_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                     struct attempt_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE id = $1",
                      S_TEXT(id));
    return r < 0 ? r : attempt_one(rows, arena, id, ret_row, err);
}

int attempt_row_live(struct store_tx *tx, struct arena *arena, const char *payment_id,
                     struct attempt_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE payment_id = $1 AND live = 1",
                      S_TEXT(payment_id));
    return r < 0 ? r : attempt_one(rows, arena, payment_id, ret_row, err);
}

int attempt_row_by_gateway_id(struct store_tx *tx, struct arena *arena, const char *gateway,
                              const char *gateway_id, const char *charge_id,
                              struct attempt_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r;
    if (gateway_id[0] != '\0') {
        r = sql_query(tx, err, &rows,
                      "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE gateway_id = $1 AND "
                      "gateway_id <> '' AND gateway = $2 ORDER BY created_us DESC LIMIT 1",
                      S_TEXT(gateway_id), S_TEXT(gateway));
    } else {
        r = sql_query(tx, err, &rows,
                      "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE charge_id = $1 AND "
                      "charge_id <> '' AND gateway = $2 ORDER BY created_us DESC LIMIT 1",
                      S_TEXT(charge_id), S_TEXT(gateway));
    }
    return r < 0 ? r : attempt_one(rows, arena, gateway_id, ret_row, err);
}

int attempt_row_insert(struct store_tx *tx, const struct attempt_row *row, struct err *err) {
    static const char sql[] =
        "INSERT INTO attempt (" ATTEMPT_COLUMNS ", live) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, "
        "$27, $28, $29, $30, $31)";
    return sql_put(
        tx, err, sql, S_TEXT(row->id.text), S_TEXT(row->payment_id.text), S_INT(row->number),
        text(row->gateway), S_INT(row->state), S_INT(row->amount_minor), S_TEXT(row->currency.code),
        text(row->token), text(row->decision), S_INT(row->outcome), text(row->source),
        text(row->gateway_id), text(row->charge_id), text(row->code), text(row->common_code),
        text(row->message), text(row->trace), S_INT(row->http_status), S_INT(row->reach),
        S_INT(row->duration_us), S_INT(row->was_unknown), text(row->owner), S_INT(row->lease_us),
        S_INT(row->sent_us), S_INT(row->created_us), S_INT(row->settled_us),
        S_INT(row->callback_due_us), S_INT(row->callback_us), S_INT(row->expires_us),
        S_INT(row->method), attempt_state_live(row->state) ? S_INT(1) : S_NULL);
}

/* A callback that is noted, and an id that is persisted, while somebody else holds the row in
 * memory are not written over: neither of the two waits for the payment's lock. */
#define ATTEMPT_SAVED                                                                              \
    "state = $2, outcome = $3, source = $4, "                                                      \
    "gateway_id = CASE WHEN $5 = '' THEN gateway_id ELSE $5 END, "                                 \
    "charge_id = $6, code = $7, common_code = $8, message = $9, trace = $10, "                     \
    "http_status = $11, reach = $12, duration_us = $13, was_unknown = $14, owner = $15, "          \
    "lease_us = $16, sent_us = $17, settled_us = $18, "                                            \
    "callback_due_us = CASE WHEN callback_us > 0 THEN 0 ELSE $19 END, "                            \
    "callback_us = CASE WHEN callback_us > 0 THEN callback_us ELSE $20 END"

int attempt_row_save(struct store_tx *tx, const struct attempt_row *row, struct err *err) {
    /* No row of attempt_moves.def leads from a state that is over to a live one, so what is live
     * now was live before, and its index need not be touched. */
    static const char live[] = "UPDATE attempt SET " ATTEMPT_SAVED " WHERE id = $1";
    static const char over[] = "UPDATE attempt SET " ATTEMPT_SAVED ", live = NULL WHERE id = $1";
    return sql_put(tx, err, attempt_state_live(row->state) ? live : over, S_TEXT(row->id.text),
                   S_INT(row->state), S_INT(row->outcome), text(row->source), text(row->gateway_id),
                   text(row->charge_id), text(row->code), text(row->common_code),
                   text(row->message), text(row->trace), S_INT(row->http_status), S_INT(row->reach),
                   S_INT(row->duration_us), S_INT(row->was_unknown), text(row->owner),
                   S_INT(row->lease_us), S_INT(row->sent_us), S_INT(row->settled_us),
                   S_INT(row->callback_due_us), S_INT(row->callback_us));
}

void operation_row_read(const struct sql_rows *rows, struct arena *arena,
                        struct operation_row *ret_row) {
    *ret_row = (struct operation_row){
        .id = refund_id_stored(sql_text(rows, 0)),
        .payment_id = payment_id_stored(sql_text(rows, 1)),
        .attempt_id = attempt_id_stored(sql_text(rows, 2)),
        .kind = (enum operation_kind)sql_int(rows, 3),
        .state = (enum operation_state)sql_int(rows, 4),
        .gateway = col(rows, arena, 5),
        .amount_minor = sql_int(rows, 6),
        .currency = currency_stored(sql_text(rows, 7)),
        .final = sql_int(rows, 8) != 0,
        .to_original = sql_int(rows, 9) != 0,
        .reason = col(rows, arena, 10),
        .actor = col(rows, arena, 11),
        .outcome = (enum gateway_outcome)sql_int(rows, 12),
        .source = col(rows, arena, 13),
        .refund_id = col(rows, arena, 14),
        .code = col(rows, arena, 15),
        .common_code = col(rows, arena, 16),
        .message = col(rows, arena, 17),
        .trace = col(rows, arena, 18),
        .was_unknown = sql_int(rows, 19) != 0,
        .tries = sql_int(rows, 20),
        .owner = col(rows, arena, 21),
        .lease_us = sql_int(rows, 22),
        .created_us = sql_int(rows, 23),
        .updated_us = sql_int(rows, 24),
        .retry_of = col(rows, arena, 25),
        .target = col(rows, arena, 26),
    };
}

static int operation_one(struct sql_rows *rows, struct arena *arena, const char *what,
                         struct operation_row *ret_row, struct err *err) {
    int r = row_found(rows, "refund, capture or cancellation", what, err);
    if (r < 0) {
        return r;
    }
    int64_t state = sql_int(rows, 4);
    if (state <= OPERATION_NONE || state >= OPERATION_STATE_COUNT) {
        return corrupt("operation", sql_text(rows, 0), state, err);
    }
    operation_row_read(rows, arena, ret_row);
    return 0;
}

int operation_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                       struct operation_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " OPERATION_COLUMNS " FROM operation WHERE id = $1";
    static const char locked[] = "SELECT " OPERATION_COLUMNS
                                 " FROM operation WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    return r < 0 ? r : operation_one(rows, arena, id, ret_row, err);
}

int operation_row_by_refund_id(struct store_tx *tx, struct arena *arena, const char *gateway,
                               const char *refund_id, struct operation_row *ret_row,
                               struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " OPERATION_COLUMNS " FROM operation WHERE refund_id = $1 AND "
                      "refund_id <> '' AND gateway = $2 LIMIT 1",
                      S_TEXT(refund_id), S_TEXT(gateway));
    return r < 0 ? r : operation_one(rows, arena, refund_id, ret_row, err);
}

int operation_row_insert(struct store_tx *tx, const struct operation_row *row, struct err *err) {
    static const char sql[] =
        "INSERT INTO operation (" OPERATION_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, "
        "$27)";
    return sql_put(tx, err, sql, S_TEXT(row->id.text), S_TEXT(row->payment_id.text),
                   S_TEXT(row->attempt_id.text), S_INT(row->kind), S_INT(row->state),
                   text(row->gateway), S_INT(row->amount_minor), S_TEXT(row->currency.code),
                   S_INT(row->final), S_INT(row->to_original), text(row->reason), text(row->actor),
                   S_INT(row->outcome), text(row->source), text(row->refund_id), text(row->code),
                   text(row->common_code), text(row->message), text(row->trace),
                   S_INT(row->was_unknown), S_INT(row->tries), text(row->owner),
                   S_INT(row->lease_us), S_INT(row->created_us), S_INT(row->updated_us),
                   text(row->retry_of), text(row->target));
}

int operation_row_save(struct store_tx *tx, const struct operation_row *row, struct err *err) {
    static const char sql[] =
        "UPDATE operation SET state = $2, outcome = $3, source = $4, refund_id = $5, code = $6, "
        "common_code = $7, message = $8, trace = $9, was_unknown = $10, tries = $11, owner = $12, "
        "lease_us = $13, updated_us = $14 WHERE id = $1";
    return sql_put(tx, err, sql, S_TEXT(row->id.text), S_INT(row->state), S_INT(row->outcome),
                   text(row->source), text(row->refund_id), text(row->code), text(row->common_code),
                   text(row->message), text(row->trace), S_INT(row->was_unknown), S_INT(row->tries),
                   text(row->owner), S_INT(row->lease_us), S_INT(clock_wall_us()));
}
