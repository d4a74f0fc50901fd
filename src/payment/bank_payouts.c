/* SPDX-License-Identifier: Apache-2.0
 * bank_payouts.c: refunds and returns that are to be paid by bank. We cannot send money: such an
 * operation is pending, and this is the list of those. A person tells his bank to pay it, to the
 * account that the money came from, with the reference of the list, and says so here. That ends
 * nothing: the bank's own row with that reference does (bank_match.c). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "payment/bank_impl.h"
#include "store/audit.h"

enum { LOOKED_AT_MAX = 1000, SENDERS_MAX = 20 };

struct sent {
    bool known;
    const char *row_id, *by;
    int64_t at_us;
};

struct payouts {
    struct payments *payments;
    struct arena *arena;
    int limit;
    bool whole; /* account numbers are shown whole */
    struct buf buf;
    struct operation_row *open; /* of a list: `limit` of them */
    struct operation_row operation;
    struct bank_row senders[SENDERS_MAX];
    int sender_count;
    struct sent sent;
    struct answer *answer;
};

static int load_sent(struct payouts *payouts, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    payouts->sent = (struct sent){0};
    int r = sql_query(tx, err, &rows,
                      "SELECT row_id, sent_by, sent_us FROM bank_payout WHERE operation_id = $1",
                      S_TEXT(payouts->operation.id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        payouts->sent = (struct sent){
            .known = true,
            .row_id = arena_copy(payouts->arena, sql_text(rows, 0)),
            .by = arena_copy(payouts->arena, sql_text(rows, 1)),
            .at_us = sql_int(rows, 2),
        };
    }
    return r < 0 ? r : 0;
}

/* Who sent the money that goes back: the rows of the attempt, or the one row that the case of a
 * return is about. */
static int load_senders(struct payouts *payouts, struct store_tx *tx, struct err *err) {
    const struct operation_row *operation = &payouts->operation;
    struct case_row suspense = {.subject = ""};
    int r = operation->kind == OPERATION_RETURN
                ? case_row_load(tx, payouts->arena, operation->retry_of, false, &suspense, err)
                : 0;
    SQL_ROWS_AUTO rows = NULL;
    payouts->sender_count = 0;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT " BANK_ROW_COLUMNS " FROM bank_row WHERE (id = $1 OR "
                          "(attempt_id = $2 AND attempt_id <> '' AND NOT EXISTS (SELECT 1 FROM "
                          "bank_row o WHERE o.id = $1))) AND credit = 1 AND state IN (2, 3) ORDER "
                          "BY taken_us, id LIMIT $3",
                          S_TEXT(suspense.subject), S_TEXT(operation->attempt_id.text),
                          S_INT(SENDERS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bank_row_read(rows, payouts->arena, &payouts->senders[payouts->sender_count++]);
    }
    return r;
}

static int render_senders(struct payouts *payouts, struct err *err) {
    struct buf *buf = &payouts->buf;
    for (int i = 0; i < payouts->sender_count; i++) {
        const struct bank_row *row = &payouts->senders[i];
        char *account = NULL;
        int r = payouts->whole ? bank_row_party(payouts->payments, row, &account, err) : 0;
        if (r < 0) {
            return r;
        }
        buf_add_text(buf, i > 0 ? ",{" : "{");
        bank_put(buf, "row_id", row->id);
        bank_put(buf, "name", row->party_name);
        bank_put(buf, "account", account != NULL ? account : row->party_account);
        buf_addf(buf, "\"received\":%lld}", (long long)row->amount_minor);
        free(account);
    }
    return 0;
}

static int render_payout(struct payouts *payouts, struct err *err) {
    const struct operation_row *operation = &payouts->operation;
    struct buf *buf = &payouts->buf;
    char decimal[MONEY_TEXT_MAX], time[CLOCK_TEXT_MAX], printed[BANK_REFERENCE_PRINTED_MAX];
    bank_reference_print(operation->refund_id, printed);
    buf_add_char(buf, '{');
    bank_put(buf, "operation_id", operation->id.text);
    bank_put(buf, "kind", operation_kind_name(operation->kind));
    bank_put(buf, "payment_id", operation->payment_id.text);
    bank_put(buf, "gateway", operation->gateway);
    bank_put(buf, "state", operation_state_name(operation->state));
    bank_put(buf, "reference", printed);
    buf_addf(buf, "\"amount\":%lld,", (long long)operation->amount_minor);
    bank_put(buf, "currency", operation->currency.code);
    bank_put(buf, "amount_decimal",
             money_decimal(operation->amount_minor, operation->currency, decimal));
    bank_put(buf, "reason", operation->reason);
    bank_put(buf, "asked_by", operation->actor);
    bank_put(buf, "asked_at", clock_format(operation->created_us, time));
    bank_put(buf, "sent_by", payouts->sent.known ? payouts->sent.by : "");
    bank_put(buf, "sent_at", payouts->sent.known ? clock_format(payouts->sent.at_us, time) : "");
    bank_put(buf, "sent_to", payouts->sent.known ? payouts->sent.row_id : "");
    buf_add_text(buf, "\"senders\":[");
    int r = render_senders(payouts, err);
    buf_add_text(buf, "]}");
    return r;
}

static bool at_a_bank(const struct payments *payments, const struct operation_row *operation) {
    const struct gateway *gateway = gateway_find(payments->options.registry, operation->gateway);
    struct bank_terms terms;
    return gateway != NULL && bank_terms_of(gateway, &terms) &&
           (operation->kind == OPERATION_REFUND || operation->kind == OPERATION_RETURN);
}

static int add_payout(struct payouts *payouts, struct store_tx *tx, struct err *err) {
    int r = load_sent(payouts, tx, err);
    r = r < 0 ? r : load_senders(payouts, tx, err);
    return r < 0 ? r : render_payout(payouts, err);
}

static int load_open(struct payouts *payouts, struct store_tx *tx, int *ret_count,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " OPERATION_COLUMNS " FROM operation WHERE kind IN (3, 4) AND state "
                      "= 2 ORDER BY created_us, id LIMIT $1",
                      S_INT(LOOKED_AT_MAX));
    *ret_count = 0;
    while (r >= 0 && *ret_count < payouts->limit && (r = sql_next(rows, err)) > 0) {
        operation_row_read(rows, payouts->arena, &payouts->open[*ret_count]);
        *ret_count += at_a_bank(payouts->payments, &payouts->open[*ret_count]);
    }
    return r;
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct payouts *payouts = ctx;
    buf_init(&payouts->buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&payouts->buf, "{\"data\":[");
    int count = 0;
    int r = load_open(payouts, tx, &count, err);
    for (int i = 0; r >= 0 && i < count; i++) {
        payouts->operation = payouts->open[i];
        buf_add_text(&payouts->buf, i > 0 ? "," : "");
        r = add_payout(payouts, tx, err);
    }
    buf_add_text(&payouts->buf, "]}");
    r = r < 0 ? r : answer_take(payouts->answer, 200, &payouts->buf, err);
    buf_release(&payouts->buf);
    return r < 0 ? r : 0;
}

int bank_payout_list(struct payments *payments, int limit, struct answer *ret_answer,
                     struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payouts payouts = {
        .payments = payments,
        .arena = arena,
        .limit = page_rows(limit),
        .whole = true,
        .answer = ret_answer,
    };
    payouts.open = arena_alloc(arena, (size_t)payouts.limit * sizeof *payouts.open);
    return store_read(payments->options.store, list_tx, &payouts, err);
}

/* ---- told to the bank ---- */

struct sending {
    struct payouts payouts;
    const struct caller *caller;
    const char *operation_id, *row_id, *reason;
};

static bool same_sender(const struct bank_row *a, const struct bank_row *b) {
    return strcmp(a->party_name, b->party_name) == 0 &&
           strcmp(a->party_account, b->party_account) == 0;
}

/* The row whose sender is paid: the one that was named, or the only one there is. NULL: refused. */
static const struct bank_row *choose_sender(const struct sending *sending, struct err *err) {
    const struct payouts *payouts = &sending->payouts;
    for (int i = 0; sending->row_id[0] != '\0' && i < payouts->sender_count; i++) {
        if (strcmp(payouts->senders[i].id, sending->row_id) == 0) {
            return &payouts->senders[i];
        }
    }
    bool one = payouts->sender_count > 0 && sending->row_id[0] == '\0';
    for (int i = 1; one && i < payouts->sender_count; i++) {
        one = same_sender(&payouts->senders[0], &payouts->senders[i]);
    }
    if (one) {
        return &payouts->senders[0];
    }
    if (sending->row_id[0] != '\0') {
        err_set(err, ERR_VALIDATION, "row %.40s did not bring the money of %s", sending->row_id,
                sending->operation_id);
    } else {
        err_set(err, ERR_VALIDATION, "the money of %s came from several senders, or nobody known",
                sending->operation_id);
    }
    err_place(err, "/row_id");
    err_hint(err, "Say by row_id to whose account it is paid; the list of payouts has them.");
    return NULL;
}

static int write_sent(struct sending *sending, struct store_tx *tx, const struct bank_row *to,
                      struct err *err) {
    int64_t now = clock_wall_us();
    sending->payouts.sent = (struct sent){true, to->id, sending->caller->actor, now};
    return sql_put(tx, err,
                   "INSERT INTO bank_payout (operation_id, row_id, sent_us, sent_by, note) VALUES "
                   "($1, $2, $3, $4, $5)",
                   S_TEXT(sending->operation_id), S_TEXT(to->id), S_INT(now),
                   S_TEXT(sending->caller->actor), S_TEXT(sending->reason));
}

static int may_send(const struct sending *sending, struct err *err) {
    const struct operation_row *operation = &sending->payouts.operation;
    if (!at_a_bank(sending->payouts.payments, operation) || operation->state != OPERATION_PENDING) {
        return err_set(err, ERR_STATE, "%s is a %s that is %s: it does not wait to be paid by bank",
                       operation->id.text, operation_kind_name(operation->kind),
                       operation_state_name(operation->state));
    }
    if (sending->payouts.sent.known && !PLANTED(MARKED_TWICE)) {
        char time[CLOCK_TEXT_MAX];
        err_set(err, ERR_STATE, "%s was told to the bank at %s by %s", operation->id.text,
                clock_format(sending->payouts.sent.at_us, time), sending->payouts.sent.by);
        return err_hint(err, "Do not send it again: it is done when the bank's row is taken in.");
    }
    return 0;
}

static int sent_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct sending *sending = ctx;
    struct payouts *payouts = &sending->payouts;
    int r = operation_row_load(tx, payouts->arena, sending->operation_id, true, &payouts->operation,
                               err);
    r = r < 0 ? r : load_sent(payouts, tx, err);
    r = r < 0 ? r : may_send(sending, err);
    r = r < 0 ? r : load_senders(payouts, tx, err);
    if (r < 0) {
        return r;
    }
    const struct bank_row *to = choose_sender(sending, err);
    if (to == NULL) {
        return -ERR_VALIDATION;
    }
    bool again = PLANTED(MARKED_TWICE) && payouts->sent.known;
    r = again ? 0 : write_sent(sending, tx, to, err);
    buf_init(&payouts->buf, ARENA_REQUEST_BYTES_MAX);
    r = r < 0 ? r : render_payout(payouts, err);
    r = r < 0 ? r : answer_take(ret_answer, 200, &payouts->buf, err);
    buf_release(&payouts->buf);
    return r < 0 ? r
                 : audit_append(tx, sending->caller->actor, "bank.payout_sent",
                                sending->operation_id, sending->reason, "{}", err);
}

int bank_payout_sent(struct payments *payments, const struct caller *caller,
                     const char *operation_id, const char *row_id, const char *reason,
                     struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct sending sending = {
        .payouts = {.payments = payments, .arena = arena},
        .caller = caller,
        .operation_id = operation_id,
        .row_id = row_id,
        .reason = reason,
    };
    return idempotent_run(payments, caller, "bank.payout_sent", sent_fn, &sending, ret_answer, err);
}
