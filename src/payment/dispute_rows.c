/* SPDX-License-Identifier: Apache-2.0
 * dispute_rows.c: a dispute's tables, its row's SQL, and how it is shown. Nothing here decides. */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/disputes.h"
#include "payment/later.h"

/* ---- tables ---- */

static const struct {
    const char *name;
    bool open;
} states[] = {
    [DISPUTE_NONE] = {"?", false},
#define X(name, number, text, open, meaning) [number] = {text, (open)},
#include "payment/dispute_states.def"
#undef X
};
static_assert(COUNT_OF(states) == DISPUTE_STATE_COUNT, "every dispute state has a name");

static const struct {
    enum dispute_state from;
    enum dispute_event event;
    struct dispute_move move;
} moves[] = {
#define X(from, event, to, tells) {DISPUTE_##from, DISPUTE_EVENT_##event, {DISPUTE_##to, tells}},
#include "payment/dispute_moves.def"
#undef X
};

static const char *const kinds[] = {
#define X(name, meaning) name,
#include "payment/evidence_kinds.def"
#undef X
};

const char *dispute_state_name(int64_t state) {
    return state > 0 && state < DISPUTE_STATE_COUNT ? states[state].name : "?";
}

bool dispute_state_open(enum dispute_state state) {
    return state > 0 && state < DISPUTE_STATE_COUNT && states[state].open;
}

bool dispute_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < DISPUTE_STATE_COUNT; i++) {
        if (strcmp(name, states[i].name) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

const struct dispute_move *dispute_move_find(enum dispute_state from, enum dispute_event event) {
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from == from && moves[i].event == event) {
            return &moves[i].move;
        }
    }
    return NULL;
}

bool evidence_kind_known(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the row ---- */

static const char *col(const struct sql_rows *rows, struct arena *arena, int column) {
    const char *text = sql_text(rows, column);
    return text == NULL || text[0] == '\0' ? "" : arena_copy(arena, text);
}

void dispute_row_read(const struct sql_rows *rows, struct arena *arena,
                      struct dispute_row *ret_row) {
    *ret_row = (struct dispute_row){
        .id = dispute_id_stored(sql_text(rows, 0)),
        .version = sql_int(rows, 1),
        .payment_id = col(rows, arena, 2),
        .attempt_id = col(rows, arena, 3),
        .gateway = col(rows, arena, 4),
        .gateway_id = col(rows, arena, 5),
        .reference = col(rows, arena, 6),
        .state = (enum dispute_state)sql_int(rows, 7),
        .inquiry = sql_int(rows, 8) != 0,
        .reason = col(rows, arena, 9),
        .network_reason = col(rows, arena, 10),
        .note = col(rows, arena, 11),
        .amount_minor = sql_int(rows, 12),
        .currency = currency_stored(sql_text(rows, 13)),
        .posted = sql_int(rows, 14),
        .turns = sql_int(rows, 15),
        .fee_minor = sql_int(rows, 16),
        .due_us = sql_int(rows, 17),
        .warned = sql_int(rows, 18),
        .source = col(rows, arena, 19),
        .actor = col(rows, arena, 20),
        .answer = sql_int(rows, 21),
        .answer_state = sql_int(rows, 22),
        .answer_round = sql_int(rows, 23),
        .answer_actor = col(rows, arena, 24),
        .answer_error = col(rows, arena, 25),
        .answer_sent_us = sql_int(rows, 26),
        .answer_tries = sql_int(rows, 27),
        .opened_us = sql_int(rows, 28),
        .updated_us = sql_int(rows, 29),
        .closed_us = sql_int(rows, 30),
    };
}

static int read_one(struct sql_rows *rows, struct arena *arena, const char *what,
                    struct dispute_row *ret_row, struct err *err) {
    int r = row_found(rows, "dispute", what, err);
    if (r < 0) {
        return r;
    }
    int64_t state = sql_int(rows, 7);
    if (state <= DISPUTE_NONE || state >= DISPUTE_STATE_COUNT) {
        return err_set(err, ERR_STORE_CORRUPT, "dispute %s has state %lld, which there is not",
                       sql_text(rows, 0), (long long)state);
    }
    dispute_row_read(rows, arena, ret_row);
    return 0;
}

int dispute_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                     struct dispute_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " DISPUTE_COLUMNS " FROM dispute WHERE id = $1";
    static const char locked[] = "SELECT " DISPUTE_COLUMNS " FROM dispute WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    return r < 0 ? r : read_one(rows, arena, id, ret_row, err);
}

int dispute_row_at(struct store_tx *tx, struct arena *arena, const char *gateway,
                   const char *gateway_id, struct dispute_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " DISPUTE_COLUMNS " FROM dispute WHERE gateway = $1 AND gateway_id = "
                      "$2 AND gateway_id <> ''",
                      S_TEXT(gateway), S_TEXT(gateway_id));
    return r < 0 ? r : read_one(rows, arena, gateway_id, ret_row, err);
}

int dispute_row_take(struct store_tx *tx, struct arena *arena, const char *id,
                     struct dispute_row *ret_row, struct payment_row *ret_payment,
                     struct err *err) {
    *ret_payment = (struct payment_row){.customer_id = ""};
    int r = dispute_row_load(tx, arena, id, false, ret_row, err);
    if (r >= 0 && ret_row->payment_id[0] != '\0') {
        r = payment_row_load(tx, arena, ret_row->payment_id, true, ret_payment, err);
    }
    return r < 0 ? r : dispute_row_load(tx, arena, id, true, ret_row, err);
}

#define DISPUTE_VALUES(row)                                                                        \
    S_TEXT((row)->id.text), S_INT((row)->version), S_TEXT((row)->payment_id),                      \
        S_TEXT((row)->attempt_id), S_TEXT((row)->gateway), S_TEXT((row)->gateway_id),              \
        S_TEXT((row)->reference), S_INT((row)->state), S_INT((row)->inquiry),                      \
        S_TEXT((row)->reason), S_TEXT((row)->network_reason), S_TEXT((row)->note),                 \
        S_INT((row)->amount_minor), S_TEXT((row)->currency.code), S_INT((row)->posted),            \
        S_INT((row)->turns), S_INT((row)->fee_minor), S_INT((row)->due_us), S_INT((row)->warned),  \
        S_TEXT((row)->source), S_TEXT((row)->actor), S_INT((row)->answer),                         \
        S_INT((row)->answer_state), S_INT((row)->answer_round), S_TEXT((row)->answer_actor),       \
        S_TEXT((row)->answer_error), S_INT((row)->answer_sent_us), S_INT((row)->answer_tries),     \
        S_INT((row)->opened_us), S_INT((row)->updated_us), S_INT((row)->closed_us)

int dispute_row_save(struct store_tx *tx, struct dispute_row *row, struct err *err) {
    static const char insert[] =
        "INSERT INTO dispute (" DISPUTE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, "
        "$28, $29, $30, $31)";
    static const char update[] =
        "UPDATE dispute SET version = $2, payment_id = $3, attempt_id = $4, gateway = $5, "
        "gateway_id = $6, reference = $7, state = $8, inquiry = $9, reason = $10, network_reason = "
        "$11, note = $12, amount_minor = $13, currency = $14, posted = $15, turns = $16, fee_minor "
        "= $17, due_us = $18, warned = $19, source = $20, actor = $21, answer = $22, answer_state "
        "= $23, answer_round = $24, answer_actor = $25, answer_error = $26, answer_sent_us = $27, "
        "answer_tries = $28, opened_us = $29, updated_us = $30, closed_us = $31 WHERE id = $1";
    bool fresh = row->version == 0;
    row->version++;
    row->updated_us = clock_wall_us();
    return sql_put(tx, err, fresh ? insert : update, DISPUTE_VALUES(row));
}

/* ---- showing ---- */

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    render_member(buf, key, wall_us > 0 ? clock_format(wall_us, time) : "");
}

static void render_answer(struct buf *buf, const struct dispute_row *row) {
    static const char *const names[] = {"?", "evidence", "accept"};
    static const char *const how_far[] = {"?", "wanted", "sending", "done", "refused"};
    buf_add_text(buf, "\"answer\":");
    if (row->answer == DISPUTE_ANSWER_NONE) {
        buf_add_text(buf, "null,");
        return;
    }
    buf_add_char(buf, '{');
    render_member(buf, "what", names[row->answer > 0 && row->answer < 3 ? row->answer : 0]);
    render_member(buf, "state",
                  how_far[row->answer_state > 0 && row->answer_state < 5 ? row->answer_state : 0]);
    render_member(buf, "by", row->answer_actor);
    render_member(buf, "error", row->answer_error);
    put_time(buf, "sent_at", row->answer_sent_us);
    buf_addf(buf, "\"tries\":%lld},", (long long)row->answer_tries);
}

/* Everything but the closing brace. */
static void render_open(struct buf *buf, const struct dispute_row *row) {
    static const char *const warnings[] = {"", "due in 72 hours", "due in 24 hours", "missed"};
    char decimal[MONEY_TEXT_MAX];
    buf_add_char(buf, '{');
    render_member(buf, "id", row->id.text);
    render_member(buf, "object", "dispute");
    render_member(buf, "payment_id", row->payment_id);
    render_member(buf, "gateway", row->gateway);
    render_member(buf, "gateway_id", row->gateway_id);
    render_member(buf, "reference", row->reference);
    render_member(buf, "state", dispute_state_name(row->state));
    render_member(buf, "stage", row->inquiry ? "inquiry" : "chargeback");
    render_member(buf, "reason", row->reason);
    render_member(buf, "network_reason", row->network_reason);
    render_member(buf, "note", row->note);
    buf_addf(buf, "\"amount\":%lld,", (long long)row->amount_minor);
    render_member(buf, "currency", row->currency.code);
    render_member(buf, "amount_decimal", money_decimal(row->amount_minor, row->currency, decimal));
    render_member(buf, "booked",
                  row->posted == POST_CHARGEBACK ? "chargebacks"
                  : row->posted != 0             ? "suspense"
                                                 : "");
    buf_addf(buf, "\"fee\":%lld,", (long long)row->fee_minor);
    put_time(buf, "due_at", row->due_us);
    render_member(buf, "warning", warnings[row->warned > 0 && row->warned < 4 ? row->warned : 0]);
    render_member(buf, "source", row->source);
    render_answer(buf, row);
    put_time(buf, "opened_at", row->opened_us);
    put_time(buf, "updated_at", row->updated_us);
    put_time(buf, "closed_at", row->closed_us);
    buf_addf(buf, "\"version\":%lld", (long long)row->version);
}

void render_dispute_short(struct buf *buf, const struct dispute_row *row) {
    render_open(buf, row);
    buf_add_char(buf, '}');
}

void render_dispute_row(struct buf *buf, const struct sql_rows *row, void *ctx) {
    struct dispute_row dispute;
    dispute_row_read(row, ctx, &dispute);
    render_dispute_short(buf, &dispute);
}

int render_dispute(struct store_tx *tx, struct buf *buf, const struct dispute_row *row,
                   struct err *err) {
    render_open(buf, row);
    buf_add_text(buf, ",\"evidence\":");
    int r = evidence_render(tx, row->id.text, buf, err);
    buf_add_char(buf, '}');
    return r;
}
