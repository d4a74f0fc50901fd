/* SPDX-License-Identifier: Apache-2.0
 * break_members.c: the movements that a break is about, with all that they lead to. */
#include <stdlib.h>
#include <string.h>

#include "payment/machine.h"
#include "recon/breaks.h"
#include "recon/run_impl.h"

static struct break_member *add(struct break_members *members, struct arena *arena) {
    if (members->rows == NULL) {
        members->rows = arena_alloc(arena, BREAK_MEMBERS_MAX * sizeof *members->rows);
    }
    if (members->count == BREAK_MEMBERS_MAX) {
        members->more++;
        return NULL;
    }
    struct break_member *member = &members->rows[members->count++];
    *member = (struct break_member){
        .fee_minor = AMOUNT_UNSAID,
        .movement_id = "",
        .posting_id = "",
        .payment_id = "",
        .order_id = "",
        .attempt_id = "",
        .operation_id = "",
        .dispute_id = "",
        .gateway = "",
        .statement_id = "",
        .gateway_id = "",
        .reference = "",
        .original_id = "",
        .batch = "",
        .native_kind = "",
        .description = "",
    };
    return member;
}

static const char *copy(struct arena *arena, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    return text != NULL && text[0] != '\0' ? arena_copy(arena, text) : "";
}

/* ---- ours ---- */

static void read_posting(struct arena *arena, const struct sql_rows *rows,
                         struct break_member *member) {
    struct our_read read;
    recon_our_read(rows, &read);
    member->side = OURS;
    member->movement_id = arena_copy(arena, read.id);
    member->posting_id = member->movement_id;
    member->kind = read.kind;
    member->status = ROW_DONE;
    member->currency = read.currency;
    member->amount_minor = read.amount_minor;
    member->fee_minor = read.fee_minor;
    member->at_us = read.at_us;
    member->payment_id = arena_copy(arena, read.payment_id);
    member->gateway_id = arena_copy(arena, read.gateway_id);
    member->reference = arena_copy(arena, read.reference);
    member->original_id = arena_copy(arena, read.original_id);
    member->attempt_id = copy(arena, rows, OUR_COLUMN_COUNT);
    member->operation_id = copy(arena, rows, OUR_COLUMN_COUNT + 1);
    member->dispute_id = copy(arena, rows, OUR_COLUMN_COUNT + 2);
    member->gateway = copy(arena, rows, OUR_COLUMN_COUNT + 3);
    member->order_id = copy(arena, rows, OUR_COLUMN_COUNT + 4);
}

static int load_postings(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                         struct break_members *members, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      OUR_COLUMNS
                      "COALESCE(a.id, o.attempt_id, ''), COALESCE(o.id, ''), COALESCE(d.id, ''), "
                      "COALESCE(a.gateway, oa.gateway, ''), COALESCE((SELECT py.order_id FROM "
                      "payment py WHERE py.id = p.payment_id), '') FROM recon_break_member m JOIN "
                      "posting p ON p.id = m.movement_id " OUR_TABLES
                      "WHERE m.break_id = $1 AND m.side = 1 ORDER BY p.id",
                      S_TEXT(row->id.text));
    const char *last = "";
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (strcmp(last, sql_text(rows, 0)) == 0) {
            continue; /* two cases are about one posting */
        }
        struct break_member *member = add(members, arena);
        if (member != NULL) {
            read_posting(arena, rows, member);
            last = member->movement_id;
        }
    }
    return r < 0 ? r : 0;
}

/* Attempts that had moved nothing here when the break was opened. */
static int load_attempts(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                         struct break_members *members, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT a.id, a.payment_id, a.state, a.amount_minor, a.currency, a.created_us, "
        "a.charge_id, a.gateway_id, a.gateway, COALESCE((SELECT py.order_id FROM payment py WHERE "
        "py.id = a.payment_id), '') FROM recon_break_member m JOIN attempt a ON a.id = "
        "m.movement_id WHERE m.break_id = $1 AND m.side = 1 ORDER BY a.id",
        S_TEXT(row->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct break_member *member = add(members, arena);
        if (member == NULL) {
            continue;
        }
        const char *charge = copy(arena, rows, 6);
        member->side = OURS;
        member->movement_id = copy(arena, rows, 0);
        member->attempt_id = member->movement_id;
        member->reference = member->movement_id;
        member->payment_id = copy(arena, rows, 1);
        member->kind = ROW_CHARGE;
        member->status = recon_attempt_status(sql_int(rows, 2));
        member->amount_minor = sql_int(rows, 3);
        member->currency = currency_stored(sql_text(rows, 4));
        member->at_us = sql_int(rows, 5);
        member->gateway_id = charge[0] != '\0' ? charge : copy(arena, rows, 7);
        member->gateway = copy(arena, rows, 8);
        member->order_id = copy(arena, rows, 9);
    }
    return r < 0 ? r : 0;
}

/* ---- theirs ---- */

static void read_statement_row(struct arena *arena, const struct sql_rows *rows,
                               struct break_member *member) {
    member->side = THEIRS;
    member->movement_id = copy(arena, rows, 0);
    member->statement_id = copy(arena, rows, 1);
    member->number = sql_int(rows, 2);
    member->gone = sql_int(rows, 3) != 2;
    if (sql_null(rows, 4)) {
        return;
    }
    member->line = sql_int(rows, 4);
    member->kind = (enum row_kind)sql_int(rows, 5);
    member->status = (enum row_status)sql_int(rows, 6);
    member->currency = currency_stored(sql_text(rows, 7));
    member->amount_minor = sql_int(rows, 8);
    member->fee_minor = sql_null(rows, 9) ? AMOUNT_UNSAID : sql_int(rows, 9);
    member->at_us = sql_int(rows, 10);
    member->gateway_id = copy(arena, rows, 11);
    member->reference = copy(arena, rows, 12);
    member->original_id = copy(arena, rows, 13);
    member->batch = copy(arena, rows, 14);
    member->native_kind = copy(arena, rows, 15);
    member->description = copy(arena, rows, 16);
}

/* "stm_" and 26 characters, '#', the number. */
static int load_rows(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                     struct break_members *members, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT m.movement_id, substr(m.movement_id, 1, 30), CAST(substr(m.movement_id, 32) AS "
        "bigint), COALESCE(s.state, 0), r.line, r.kind, r.status, r.currency, r.gross_minor, "
        "r.fee_minor, r.at_us, r.gateway_id, r.reference, r.original_id, r.batch, r.native_kind, "
        "r.description FROM recon_break_member m LEFT JOIN statement s ON s.id = "
        "substr(m.movement_id, 1, 30) LEFT JOIN statement_row r ON r.statement_id = s.id AND "
        "r.number = CAST(substr(m.movement_id, 32) AS bigint) WHERE m.break_id = $1 AND m.side = 2 "
        "ORDER BY m.movement_id",
        S_TEXT(row->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct break_member *member = add(members, arena);
        if (member != NULL) {
            read_statement_row(arena, rows, member);
        }
    }
    return r < 0 ? r : 0;
}

/* What the names on a row of theirs lead to: its own attempt or operation, else that of the payment
 * that it is about. */
static int find_ours(struct store_tx *tx, struct arena *arena, struct break_member *member,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT 0, o.attempt_id, o.id, o.payment_id, a.gateway FROM operation o JOIN attempt a ON "
        "a.id = o.attempt_id WHERE o.refund_id <> '' AND o.refund_id = $2 UNION ALL SELECT 1, "
        "a.id, '', a.payment_id, a.gateway FROM attempt a WHERE a.id = $1 AND $1 <> '' "
        "UNION ALL SELECT 2, a.id, '', a.payment_id, a.gateway FROM attempt a WHERE a.charge_id <> "
        "'' AND a.charge_id = $2 UNION ALL SELECT 3, a.id, '', a.payment_id, a.gateway FROM "
        "attempt a WHERE a.gateway_id <> '' AND a.gateway_id = $2 UNION ALL SELECT 4, "
        "o.attempt_id, o.id, o.payment_id, a.gateway FROM operation o JOIN attempt a ON a.id = "
        "o.attempt_id WHERE o.id = $1 AND $1 <> '' UNION ALL SELECT 5, a.id, '', a.payment_id, "
        "a.gateway FROM attempt a WHERE a.charge_id <> '' AND a.charge_id = $3 UNION ALL SELECT 6, "
        "a.id, '', a.payment_id, a.gateway FROM attempt a WHERE a.gateway_id <> '' AND "
        "a.gateway_id = $3 ORDER BY 1, 2 LIMIT 1",
        S_TEXT(member->reference), S_TEXT(member->gateway_id), S_TEXT(member->original_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    member->attempt_id = copy(arena, rows, 1);
    member->operation_id = copy(arena, rows, 2);
    member->payment_id = copy(arena, rows, 3);
    member->gateway = copy(arena, rows, 4);
    return 0;
}

static int order_of(struct store_tx *tx, struct arena *arena, struct break_member *member,
                    struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT order_id FROM payment WHERE id = $1",
                      S_TEXT(member->payment_id));
    r = r < 0 ? r : sql_next(rows, err);
    member->order_id = r > 0 ? copy(arena, rows, 0) : "";
    return r < 0 ? r : 0;
}

int break_members_load(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                       struct break_members *ret_members, struct err *err) {
    *ret_members = (struct break_members){0};
    int r = load_postings(tx, arena, row, ret_members, err);
    r = r < 0 ? r : load_attempts(tx, arena, row, ret_members, err);
    r = r < 0 ? r : load_rows(tx, arena, row, ret_members, err);
    for (int i = 0; r >= 0 && i < ret_members->count; i++) {
        struct break_member *member = &ret_members->rows[i];
        if (member->side == THEIRS) {
            r = find_ours(tx, arena, member, err);
            r = r < 0 || member->payment_id[0] == '\0' ? r : order_of(tx, arena, member, err);
        }
    }
    return r < 0 ? r : 0;
}
