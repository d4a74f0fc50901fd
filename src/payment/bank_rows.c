/* SPDX-License-Identifier: Apache-2.0
 * bank_rows.c: rows of the bank's statement and their SQL. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "payment/bank_impl.h"

static const char *const state_names[] = {
    [BANK_ROW_NONE] = "?",
#define X(name, number, text, meaning) [number] = text,
#include "payment/bank_row_states.def"
#undef X
};
static_assert(COUNT_OF(state_names) == BANK_ROW_STATE_COUNT, "every state of a row has a name");

const char *bank_row_state_name(int64_t state) {
    return state > 0 && state < BANK_ROW_STATE_COUNT ? state_names[state] : "?";
}

bool bank_row_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < BANK_ROW_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

void bank_row_read(const struct sql_rows *rows, struct arena *arena, struct bank_row *ret_row) {
    *ret_row = (struct bank_row){
        .id = arena_copy(arena, sql_text(rows, 0)),
        .gateway = arena_copy(arena, sql_text(rows, 1)),
        .bank_id = arena_copy(arena, sql_text(rows, 2)),
        .account = arena_copy(arena, sql_text(rows, 3)),
        .virtual_account = arena_copy(arena, sql_text(rows, 4)),
        .booked_on = arena_copy(arena, sql_text(rows, 5)),
        .valued_on = arena_copy(arena, sql_text(rows, 6)),
        .credit = sql_int(rows, 7) != 0,
        .amount_minor = sql_int(rows, 8),
        .currency = currency_stored(sql_text(rows, 9)),
        .party_name = arena_copy(arena, sql_text(rows, 10)),
        .party_account = arena_copy(arena, sql_text(rows, 11)),
        .party_sealed = arena_copy(arena, sql_text(rows, 12)),
        .remittance = arena_copy(arena, sql_text(rows, 13)),
        .named = arena_copy(arena, sql_text(rows, 14)),
        .reverses = arena_copy(arena, sql_text(rows, 15)),
        .source = arena_copy(arena, sql_text(rows, 16)),
        .line = sql_int(rows, 17),
        .taken_us = sql_int(rows, 18),
        .taken_by = arena_copy(arena, sql_text(rows, 19)),
        .state = (enum bank_row_state)sql_int(rows, 20),
        .payment_id = arena_copy(arena, sql_text(rows, 21)),
        .attempt_id = arena_copy(arena, sql_text(rows, 22)),
        .operation_id = arena_copy(arena, sql_text(rows, 23)),
        .excess_minor = sql_int(rows, 24),
        .note = arena_copy(arena, sql_text(rows, 25)),
        .matched_us = sql_int(rows, 26),
        .matched_by = arena_copy(arena, sql_text(rows, 27)),
    };
}

#define SELECT_ROW "SELECT " BANK_ROW_COLUMNS " FROM bank_row WHERE "

int bank_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                  struct bank_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = lock ? sql_query(tx, err, &rows, SELECT_ROW "id = $1 FOR UPDATE", S_TEXT(id))
                 : sql_query(tx, err, &rows, SELECT_ROW "id = $1", S_TEXT(id));
    r = r < 0 ? r : row_found(rows, "bank row", id, err);
    if (r < 0) {
        return r;
    }
    bank_row_read(rows, arena, ret_row);
    return 0;
}

int bank_row_named(struct store_tx *tx, struct arena *arena, const char *gateway,
                   const char *bank_id, bool lock, struct bank_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = lock ? sql_query(tx, err, &rows, SELECT_ROW "gateway = $1 AND bank_id = $2 FOR UPDATE",
                             S_TEXT(gateway), S_TEXT(bank_id))
                 : sql_query(tx, err, &rows, SELECT_ROW "gateway = $1 AND bank_id = $2",
                             S_TEXT(gateway), S_TEXT(bank_id));
    r = r < 0 ? r : row_found(rows, "bank row", bank_id, err);
    if (r < 0) {
        return r;
    }
    bank_row_read(rows, arena, ret_row);
    return 0;
}

int bank_row_insert(struct store_tx *tx, const struct bank_row *row, struct err *err) {
    int64_t written = sql_exec(
        tx, err,
        "INSERT INTO bank_row (" BANK_ROW_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, '', '', '', 0, '', 0, '') ON "
        "CONFLICT (gateway, bank_id) DO NOTHING",
        S_TEXT(row->id), S_TEXT(row->gateway), S_TEXT(row->bank_id), S_TEXT(row->account),
        S_TEXT(row->virtual_account), S_TEXT(row->booked_on), S_TEXT(row->valued_on),
        S_INT(row->credit), S_INT(row->amount_minor), S_TEXT(row->currency.code),
        S_TEXT(row->party_name), S_TEXT(row->party_account), S_TEXT(row->party_sealed),
        S_TEXT(row->remittance), S_TEXT(row->named), S_TEXT(row->reverses), S_TEXT(row->source),
        S_INT(row->line), S_INT(row->taken_us), S_TEXT(row->taken_by), S_INT(BANK_ROW_NEW));
    return (int)written;
}

int bank_row_save(struct store_tx *tx, const struct bank_row *row, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE bank_row SET state = $2, payment_id = $3, attempt_id = $4, "
                   "operation_id = $5, excess_minor = $6, note = $7, matched_us = $8, "
                   "matched_by = $9 WHERE id = $1",
                   S_TEXT(row->id), S_INT(row->state), S_TEXT(row->payment_id),
                   S_TEXT(row->attempt_id), S_TEXT(row->operation_id), S_INT(row->excess_minor),
                   S_TEXT(row->note), S_INT(row->matched_us), S_TEXT(row->matched_by));
}

/* ---- rendering ---- */

void bank_put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, "\"%s\":", key);
    if (value[0] != '\0') {
        buf_add_json(buf, value);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, ',');
}

void bank_row_render(struct buf *buf, const struct bank_row *row) {
    char decimal[MONEY_TEXT_MAX], time[CLOCK_TEXT_MAX];
    buf_add_char(buf, '{');
    bank_put(buf, "id", row->id);
    bank_put(buf, "gateway", row->gateway);
    bank_put(buf, "bank_id", row->bank_id);
    bank_put(buf, "account", row->account);
    bank_put(buf, "virtual_account", row->virtual_account);
    bank_put(buf, "booked_on", row->booked_on);
    bank_put(buf, "valued_on", row->valued_on);
    bank_put(buf, "direction", row->credit ? "credit" : "debit");
    buf_addf(buf, "\"amount\":%lld,\"excess\":%lld,", (long long)row->amount_minor,
             (long long)row->excess_minor);
    bank_put(buf, "currency", row->currency.code);
    bank_put(buf, "amount_decimal", money_decimal(row->amount_minor, row->currency, decimal));
    bank_put(buf, "party_name", row->party_name);
    bank_put(buf, "party_account", row->party_account);
    bank_put(buf, "remittance", row->remittance);
    bank_put(buf, "reverses", row->reverses);
    bank_put(buf, "state", bank_row_state_name(row->state));
    bank_put(buf, "payment_id", row->payment_id);
    bank_put(buf, "operation_id", row->operation_id);
    bank_put(buf, "note", row->note);
    bank_put(buf, "matched_by", row->matched_by);
    bank_put(buf, "matched_at", row->matched_us > 0 ? clock_format(row->matched_us, time) : "");
    bank_put(buf, "source", row->source);
    buf_addf(buf, "\"line\":%lld,", (long long)row->line);
    bank_put(buf, "taken_by", row->taken_by);
    buf_addf(buf, "\"taken_at\":\"%s\"}", clock_format(row->taken_us, time));
}

void bank_row_seal_context(const char *row_id, char ret_context[ID_TEXT_MAX + 16]) {
    snprintf(ret_context, ID_TEXT_MAX + 16, "bank_row:%s", row_id);
}

int bank_row_party(struct payments *payments, const struct bank_row *row, char **ret_account,
                   struct err *err) {
    char context[ID_TEXT_MAX + 16];
    SECRET_AUTO secret = NULL;
    if (row->party_sealed[0] == '\0') {
        *ret_account = NULL;
        return 0;
    }
    bank_row_seal_context(row->id, context);
    int r = seal_read(payments->options.seal, context, row->party_sealed, &secret, err);
    if (r < 0) {
        return r;
    }
    *ret_account = strndup(secret_bytes(secret), secret_count(secret));
    INVARIANT(*ret_account != NULL, "out of memory");
    return 0;
}
