/* SPDX-License-Identifier: Apache-2.0
 * disputes.c: what a gateway says of a dispute, and what that does: state, postings, events, cases.
 *
 *              ASK            REVIEW
 *            ┌─────── NEEDS_RESPONSE ◄────► UNDER_REVIEW
 *            │          │ WIN │ LOSE │ WITHDRAW
 *            │          ▼     ▼      ▼
 *            └──────── WON   LOST   WITHDRAWN      (and back where dispute_moves.def says so)
 *
 * The rules D1 to D5 are in disputes.h. */
#include "payment/disputes.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "ledger/ledger.h"
#include "payment/cases.h"
#include "payment/review.h"

enum { REFRESH_TRIES = 3, CAUSE_CHARS_MAX = ID_TEXT_MAX + 24 };

/* ---- telling ---- */

int dispute_tell(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                 const struct dispute_row *row, const char *type, struct err *err) {
    log_event_after(tx, DISPUTE_MOVED, LT("dispute", row->id.text), LT("payment", row->payment_id),
                    LT("gateway", row->gateway), LT("event", type));
    if (row->payment_id[0] == '\0') {
        return 0;
    }
    int r = payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_dispute_short(&buf, row);
    return outbox_event(payments, tx, payment, type, buf.data, err);
}

int dispute_case_end(struct store_tx *tx, struct arena *arena, const char *kind,
                     const char *subject, const char *resolution, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = $1 AND subject = $2 AND state = 1",
                      S_TEXT(kind), S_TEXT(subject));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    struct case_row row;
    r = case_row_load(tx, arena, id.text, true, &row, err);
    return r < 0 ? r : case_end(tx, &row, "system", resolution, err);
}

/* ---- money ---- */

int64_t dispute_room(const struct payment_row *payment) {
    return payment->state != PAYMENT_SUCCEEDED
               ? 0
               : payment->captured_minor - payment->refund_reserved_minor - payment->disputed_minor;
}

static bool has_room(const struct payment_row *payment, const struct dispute_row *row) {
    return row->payment_id[0] != '\0' && currency_equal(payment->currency, row->currency) &&
           (dispute_room(payment) >= row->amount_minor ||
            (PLANTED(DISPUTE_OVER) && payment->state == PAYMENT_SUCCEEDED));
}

/* A dispute may be taken and returned more than once; each time is a posting of its own. */
static const char *cause_of(const struct dispute_row *row, char ret_cause[CAUSE_CHARS_MAX]) {
    snprintf(ret_cause, CAUSE_CHARS_MAX, row->turns > 1 ? "%s.%lld" : "%s", row->id.text,
             (long long)row->turns);
    return ret_cause;
}

static int post(struct store_tx *tx, enum posting_kind kind, const struct dispute_row *row,
                int64_t amount_minor, struct err *err) {
    char cause[CAUSE_CHARS_MAX];
    struct posting posting = {
        .kind = kind,
        .cause = cause_of(row, cause),
        .payment_id = row->payment_id,
        .gateway = row->gateway,
        .customer = "",
        .amount_minor = amount_minor,
        .currency = row->currency,
        .at_us = clock_wall_us(),
    };
    int r = payment_is_probe(tx, posting.payment_id, &posting.probe, err);
    return r < 0 ? r : ledger_post(tx, &posting, err);
}

struct case_note dispute_note(const struct dispute_row *row, const char *kind, const char *detail) {
    return (struct case_note){
        .kind = kind,
        .subject = row->id.text,
        .payment_id = row->payment_id,
        .attempt_id = row->attempt_id,
        .gateway = row->gateway,
        .detail = detail,
        .amount_minor = row->amount_minor,
        .currency = row->currency,
        .gateway_id = row->gateway_id,
    };
}

/* A case that posts the amount as well, in suspense. */
static int suspend(struct store_tx *tx, struct payment_row *payment, const struct dispute_row *row,
                   const char *kind, enum posting_kind posted, const char *what, struct err *err) {
    char cause[CAUSE_CHARS_MAX], detail[240], shown[MONEY_TEXT_MAX];
    snprintf(detail, sizeof detail, "dispute %s (%s): %s %s", row->id.text,
             row->gateway_id[0] != '\0' ? row->gateway_id : row->reference,
             money_show(row->amount_minor, row->currency, shown), what);
    struct case_note note = dispute_note(row, kind, detail);
    note.subject = cause_of(row, cause);
    note.posted = posted;
    /* Saved and told of with the dispute. */
    note.payment = row->payment_id[0] != '\0' ? payment : NULL;
    return case_open(tx, &note, err);
}

static int take(struct store_tx *tx, struct payment_row *payment, struct dispute_row *row,
                struct err *err) {
    row->turns++;
    if (has_room(payment, row)) {
        row->posted = POST_CHARGEBACK;
        payment->disputed_minor += row->amount_minor;
        return post(tx, POST_CHARGEBACK, row, row->amount_minor, err);
    }
    row->posted = POST_SUSPENSE_RETURNED;
    return suspend(tx, payment, row, row->payment_id[0] != '\0' ? "dispute_over" : "orphan_dispute",
                   POST_SUSPENSE_RETURNED,
                   row->payment_id[0] != '\0'
                       ? "were taken, more than its payment has left (I10)"
                       : "were taken of a charge that nothing of ours explains",
                   err);
}

/* 1: the case of what lies in suspense for it is open: nobody has decided about it yet. It may have
 * been opened before its payment was known. */
static int undecided(struct store_tx *tx, const struct dispute_row *row, struct err *err) {
    char cause[CAUSE_CHARS_MAX];
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind IN ('dispute_over', 'orphan_dispute') "
                      "AND subject = $1 AND state = 1",
                      S_TEXT(cause_of(row, cause)));
    return r < 0 ? r : sql_next(rows, err);
}

static int end_over(struct store_tx *tx, struct arena *arena, struct payment_row *payment,
                    const struct dispute_row *row, const char *resolution, struct err *err) {
    char cause[CAUSE_CHARS_MAX];
    int r = dispute_case_end(tx, arena, "dispute_over", cause_of(row, cause), resolution, err);
    r = r < 0 ? r : dispute_case_end(tx, arena, "orphan_dispute", cause, resolution, err);
    return r < 0 || row->payment_id[0] == '\0' ? r : review_settled(tx, payment, err);
}

static int give_back(struct store_tx *tx, struct arena *arena, struct payment_row *payment,
                     struct dispute_row *row, struct err *err) {
    bool suspended = row->posted == POST_SUSPENSE_RETURNED;
    int open = suspended ? undecided(tx, row, err) : 0;
    row->posted = 0;
    if (open < 0) {
        return open;
    }
    if (!suspended) {
        payment->disputed_minor -= row->amount_minor;
        return PLANTED(DISPUTE_WIN_UNPOSTED)
                   ? 0
                   : post(tx, POST_CHARGEBACK_WON, row, row->amount_minor, err);
    }
    if (open == 0) {
        return suspend(tx, payment, row, "dispute_back", POST_SUSPENSE,
                       "came back after a person had decided about them", err);
    }
    int r = post(tx, POST_SUSPENSE, row, row->amount_minor, err);
    return r < 0 ? r : end_over(tx, arena, payment, row, "the money came back", err);
}

/* What was beyond its payment fits in by now: a refund that was under way has failed, say. */
static int explain(struct store_tx *tx, struct arena *arena, struct payment_row *payment,
                   struct dispute_row *row, struct err *err) {
    int open = has_room(payment, row) ? undecided(tx, row, err) : 0;
    if (open <= 0) {
        return open;
    }
    row->posted = POST_CHARGEBACK;
    payment->disputed_minor += row->amount_minor;
    int r = post(tx, POST_CHARGEBACK_EXPLAINED, row, row->amount_minor, err);
    return r < 0 ? r : end_over(tx, arena, payment, row, "its payment has room for it by now", err);
}

int dispute_book(struct store_tx *tx, struct arena *arena, struct payment_row *payment,
                 struct dispute_row *row, bool money_out, struct err *err) {
    if (money_out && row->posted == 0) {
        return take(tx, payment, row, err);
    }
    if (!money_out && row->posted != 0) {
        return give_back(tx, arena, payment, row, err);
    }
    return row->posted == POST_SUSPENSE_RETURNED ? explain(tx, arena, payment, row, err) : 0;
}

/* Only what a gateway says that it keeps, or that it gave back. */
static int book_fee(struct store_tx *tx, struct dispute_row *row, int64_t fee_minor,
                    struct err *err) {
    if (fee_minor < 0 || fee_minor == row->fee_minor) {
        return 0;
    }
    bool back = fee_minor == 0;
    int64_t before = row->fee_minor;
    if (!back && before > 0) {
        return 0; /* the rest comes with the statement */
    }
    row->fee_minor = fee_minor;
    return post(tx, back ? POST_DISPUTE_FEE_BACK : POST_DISPUTE_FEE, row, back ? before : fee_minor,
                err);
}

/* ---- refunds ---- */

int dispute_refuses_refund(struct store_tx *tx, const struct payment_row *payment,
                           struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM dispute WHERE payment_id = $1 AND state IN (1, 2) AND posted "
                      "<> 0 ORDER BY id LIMIT 1",
                      S_TEXT(payment->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    err_set(err, ERR_STATE,
            "payment %s is disputed (%s): its money lies with the customer's bank, and a refund "
            "beside it would give it back twice",
            payment->id.text, sql_text(rows, 0));
    err_place(err, "/v1/disputes/%s", sql_text(rows, 0));
    return err_hint(err,
                    "To give it back accept the dispute; what is left can be refunded once the "
                    "dispute is over.");
}

/* ---- moving ---- */

static int leave_question(struct store_tx *tx, struct arena *arena, struct dispute_row *row,
                          struct err *err) {
    int r = dispute_case_end(tx, arena, "dispute_due", row->id.text, "no evidence is waited for",
                             err);
    return r < 0 ? r
                 : dispute_case_end(tx, arena, "dispute_missed", row->id.text,
                                    "no evidence is waited for", err);
}

int dispute_move(struct payments *payments, struct store_tx *tx, struct arena *arena,
                 struct payment_row *payment, struct dispute_row *row, enum dispute_event event,
                 struct err *err) {
    const struct dispute_move *move = dispute_move_find(row->state, event);
    if (move == NULL) {
        return 0;
    }
    int r = row->state == DISPUTE_NEEDS_RESPONSE ? leave_question(tx, arena, row, err) : 0;
    bool asked_again = move->to == DISPUTE_NEEDS_RESPONSE;
    row->state = move->to;
    row->closed_us = dispute_state_open(move->to) ? 0 : clock_wall_us();
    if (asked_again) { /* another round: what was answered before does not count */
        row->answer = DISPUTE_ANSWER_NONE;
        row->answer_state = ANSWER_NONE;
        row->answer_sent_us = 0;
        row->warned = WARNED_NONE;
    }
    bool pending = row->answer_state == ANSWER_WANTED || row->answer_state == ANSWER_SENDING;
    if (r >= 0 && !dispute_state_open(move->to) && !pending) {
        r = job_cancel(tx, JOB_DISPUTE, row->id.text, err);
    }
    r = r < 0 ? r : dispute_row_save(tx, row, err);
    r = r < 0 ? r : dispute_tell(payments, tx, payment, row, move->tells, err);
    return r < 0 ? r : 1;
}

/* ---- what the gateway said ---- */

struct settling {
    struct payments *payments;
    struct arena *arena;
    const char *gateway, *gateway_id, *row_id, *source;
    int64_t version; /* of the row when the gateway was asked; 0: there was none */
    const struct gateway_dispute *said;
    struct dispute_row row;
    struct payment_row payment;
    bool fresh, adopted, linked;
};

static const struct {
    enum gateway_dispute_status status;
    enum dispute_event event;
    enum dispute_state state; /* of one that is first heard of so */
    const char *type;         /* of the event that follows its opening, or "" */
} words[] = {
    {GW_DISPUTE_ASKS, DISPUTE_EVENT_ASK, DISPUTE_NEEDS_RESPONSE, ""},
    {GW_DISPUTE_REVIEWS, DISPUTE_EVENT_REVIEW, DISPUTE_UNDER_REVIEW, ""},
    {GW_DISPUTE_WON, DISPUTE_EVENT_WIN, DISPUTE_WON, "dispute.won"},
    {GW_DISPUTE_LOST, DISPUTE_EVENT_LOSE, DISPUTE_LOST, "dispute.lost"},
    {GW_DISPUTE_WITHDRAWN, DISPUTE_EVENT_WITHDRAW, DISPUTE_WITHDRAWN, "dispute.withdrawn"},
};

static size_t word_of(enum gateway_dispute_status status) {
    size_t i = 0;
    while (i < COUNT_OF(words) - 1 && words[i].status != status) {
        i++;
    }
    return i;
}

/* Whose it is: the attempt that the gateway's names lead to. */
static int find_attempt(const struct settling *settling, struct store_tx *tx,
                        struct attempt_row *ret_attempt, struct err *err) {
    const struct gateway_dispute *said = settling->said;
    int r = -ERR_NOT_FOUND;
    if (strncmp(said->reference, "att_", 4) == 0) {
        r = attempt_row_load(tx, settling->arena, said->reference, ret_attempt, err);
        r = r == 0 && strcmp(ret_attempt->gateway, settling->gateway) != 0 ? -ERR_NOT_FOUND : r;
    }
    if (r == -ERR_NOT_FOUND && said->gateway_id[0] != '\0') {
        r = attempt_row_by_gateway_id(tx, settling->arena, settling->gateway, said->gateway_id, "",
                                      ret_attempt, err);
    }
    if (r == -ERR_NOT_FOUND && said->charge_id[0] != '\0') {
        r = attempt_row_by_gateway_id(tx, settling->arena, settling->gateway, "", said->charge_id,
                                      ret_attempt, err);
    }
    return r;
}

/* One that a person told of, that the gateway did not know by that name, and that is this one. */
static int find_told(struct settling *settling, struct store_tx *tx, char ret_id[ID_TEXT_MAX],
                     struct err *err) {
    const struct gateway_dispute *said = settling->said;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM dispute WHERE payment_id = $1 AND gateway = $2 AND "
                      "gateway_id = '' AND (reference = $3 OR (amount_minor = $4 AND currency = "
                      "$5)) ORDER BY CASE WHEN reference = $3 THEN 0 ELSE 1 END, id LIMIT 1",
                      S_TEXT(settling->payment.id.text), S_TEXT(settling->gateway),
                      S_TEXT(settling->gateway_id), S_INT(said->amount_minor),
                      S_TEXT(said->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(ret_id, ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

static int conflict(const struct settling *settling, struct err *err) {
    return err_set(err, ERR_STORE_CONFLICT, "dispute %s changed while %s was asked about it",
                   settling->gateway_id, settling->gateway);
}

/* One of a charge that nothing of ours explained: it may be an attempt's whose answer had not come
 * yet. The payment is locked before the dispute. */
static int take_orphan(struct settling *settling, struct store_tx *tx, const char *id,
                       struct err *err) {
    struct attempt_row attempt;
    int r = find_attempt(settling, tx, &attempt, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return dispute_row_load(tx, settling->arena, id, true, &settling->row, err);
    }
    r = r < 0 ? r
              : payment_row_load(tx, settling->arena, attempt.payment_id.text, true,
                                 &settling->payment, err);
    r = r < 0 ? r : dispute_row_load(tx, settling->arena, id, true, &settling->row, err);
    if (r < 0 || settling->row.payment_id[0] != '\0') {
        return r;
    }
    settling->row.payment_id = arena_copy(settling->arena, settling->payment.id.text);
    settling->row.attempt_id = arena_copy(settling->arena, attempt.id.text);
    settling->linked = true;
    return 0;
}

static int take_known(struct settling *settling, struct store_tx *tx, const char *id,
                      struct err *err) {
    int r = dispute_row_take(tx, settling->arena, id, &settling->row, &settling->payment, err);
    if (r >= 0 && settling->row.payment_id[0] == '\0') {
        r = take_orphan(settling, tx, id, err);
    }
    if (r < 0) {
        return r;
    }
    if (settling->row.version != settling->version && !settling->adopted) {
        return conflict(settling, err);
    }
    if (settling->row.gateway_id[0] == '\0') {
        settling->adopted = true;
        settling->row.gateway_id = settling->gateway_id;
    }
    return 0;
}

static void make_row(struct settling *settling, const struct attempt_row *attempt) {
    const struct gateway_dispute *said = settling->said;
    int64_t now = clock_wall_us();
    settling->fresh = true;
    settling->row = (struct dispute_row){
        .id = dispute_id_new(),
        .payment_id = attempt != NULL ? arena_copy(settling->arena, settling->payment.id.text) : "",
        .attempt_id = attempt != NULL ? arena_copy(settling->arena, attempt->id.text) : "",
        .gateway = settling->gateway,
        .gateway_id = settling->gateway_id,
        .reference = "",
        .state = words[word_of(said->status)].state,
        .note = "",
        .amount_minor = said->amount_minor,
        .currency = said->currency,
        .source = settling->source,
        .actor = "",
        .answer_actor = "",
        .answer_error = "",
        .opened_us = now,
        .closed_us = dispute_state_open(words[word_of(said->status)].state) ? 0 : now,
    };
}

/* The row as it is, the person's that it turns out to be, or a new one; the payment is locked. */
static int take_row(struct settling *settling, struct store_tx *tx, struct err *err) {
    struct dispute_row known;
    struct attempt_row attempt;
    char told[ID_TEXT_MAX];
    settling->payment = (struct payment_row){.customer_id = ""};
    int r = dispute_row_at(tx, settling->arena, settling->gateway, settling->gateway_id, &known,
                           err);
    if (r != -ERR_NOT_FOUND) {
        return r < 0 ? r : take_known(settling, tx, known.id.text, err);
    }
    if (settling->row_id != NULL) {
        return take_known(settling, tx, settling->row_id, err);
    }
    r = find_attempt(settling, tx, &attempt, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        make_row(settling, NULL);
        return 0;
    }
    r = r < 0 ? r
              : payment_row_load(tx, settling->arena, attempt.payment_id.text, true,
                                 &settling->payment, err);
    r = r < 0 ? r : find_told(settling, tx, told, err);
    if (r > 0) {
        settling->adopted = true;
        return take_known(settling, tx, told, err);
    }
    if (r == 0) {
        make_row(settling, &attempt);
    }
    return r;
}

static int note_mismatch(const struct settling *settling, struct store_tx *tx, struct err *err) {
    const struct gateway_dispute *said = settling->said;
    const struct dispute_row *row = &settling->row;
    char detail[240], ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    if (said->amount_minor == row->amount_minor && currency_equal(said->currency, row->currency)) {
        return 0;
    }
    snprintf(detail, sizeof detail, "dispute %s is of %s with us, %s says %s", row->id.text,
             money_show(row->amount_minor, row->currency, ours), row->gateway,
             money_show(said->amount_minor, said->currency, theirs));
    struct case_note note = dispute_note(row, "dispute_mismatch", detail);
    note.amount_minor = said->amount_minor;
    note.currency = said->currency;
    return case_open(tx, &note, err);
}

/* Takes over what describes it. True: something of it is new. */
static bool describe(struct settling *settling) {
    const struct gateway_dispute *said = settling->said;
    struct dispute_row *row = &settling->row;
    bool due = said->due_us > 0 && said->due_us != row->due_us;
    bool news = settling->fresh || settling->adopted || settling->linked || due ||
                row->inquiry != said->inquiry || strcmp(row->network_reason, said->reason) != 0;
    if (due && said->due_us > row->due_us) {
        row->warned = WARNED_NONE;
    }
    row->due_us = due ? said->due_us : row->due_us;
    row->inquiry = said->inquiry;
    row->reason = said->common_reason;
    row->network_reason = arena_copy(settling->arena, said->reason);
    return news;
}

static int finish_fresh(struct settling *settling, struct store_tx *tx, struct err *err) {
    struct dispute_row *row = &settling->row;
    const char *then = words[word_of(settling->said->status)].type;
    int r = dispute_row_save(tx, row, err);
    outcome_dispute(tx, &settling->payment, row);
    r = r < 0
            ? r
            : dispute_tell(settling->payments, tx, &settling->payment, row, "dispute.opened", err);
    return r < 0 || then[0] == '\0'
               ? r
               : dispute_tell(settling->payments, tx, &settling->payment, row, then, err);
}

static int watch(struct store_tx *tx, const struct dispute_row *row, struct err *err) {
    if (!dispute_state_open(row->state)) {
        return 0;
    }
    int r = job_add(tx, JOB_DISPUTE, row->id.text, clock_wall_us(), "", err);
    return r < 0 ? r : 0;
}

static int apply(struct settling *settling, struct store_tx *tx, struct err *err) {
    struct dispute_row *row = &settling->row;
    size_t word = word_of(settling->said->status);
    bool stays = row->state == words[word].state;
    if (!settling->fresh && !stays && dispute_move_find(row->state, words[word].event) == NULL) {
        return 0;
    }
    int64_t posted = row->posted, fee = row->fee_minor;
    bool news = describe(settling);
    int r = settling->fresh ? 0 : note_mismatch(settling, tx, err);
    r = r < 0 ? r
              : dispute_book(tx, settling->arena, &settling->payment, row,
                             settling->said->money_out, err);
    r = r < 0 ? r : book_fee(tx, row, settling->said->fee_minor, err);
    if (r < 0) {
        return r;
    }
    if (settling->fresh) {
        r = finish_fresh(settling, tx, err);
    } else if (!stays) {
        r = dispute_move(settling->payments, tx, settling->arena, &settling->payment, row,
                         words[word].event, err);
    } else if (news || posted != row->posted || fee != row->fee_minor) {
        r = dispute_row_save(tx, row, err);
        r = r < 0 ? r
                  : dispute_tell(settling->payments, tx, &settling->payment, row, "dispute.updated",
                                 err);
    }
    return r < 0 ? r : watch(tx, row, err);
}

static int settle_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct settling *settling = ctx;
    settling->fresh = false;
    settling->adopted = false;
    settling->linked = false;
    int r = take_row(settling, tx, err);
    if (r < 0) {
        return r;
    }
    return settling->fresh && settling->version != 0 ? conflict(settling, err)
                                                     : apply(settling, tx, err);
}

/* ---- asking ---- */

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct settling *settling = ctx;
    struct dispute_row row;
    settling->version = 0;
    int r = dispute_row_at(tx, settling->arena, settling->gateway, settling->gateway_id, &row, err);
    if (r == -ERR_NOT_FOUND && settling->row_id != NULL) {
        r = dispute_row_load(tx, settling->arena, settling->row_id, false, &row, err);
    }
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    settling->version = r < 0 ? 0 : row.version;
    return r;
}

bool dispute_by_api(const struct payments *payments, const char *gateway) {
    const struct gateway *found = gateway_find(payments->options.registry, gateway);
    return found != NULL && found->adapter->query_dispute != NULL;
}

/* 1: `ret_dispute` says where it stands. 0: there is no such dispute. */
static int ask(struct payments *payments, const char *gateway, const char *gateway_id,
               struct gateway_dispute *ret_dispute, struct err *err) {
    struct gateway_result result;
    struct gateway_ask asked = {
        .gateway = gateway_find(payments->options.registry, gateway),
        .operation = OP_QUERY,
        .method = METHOD_CARD,
        .dispute_id = gateway_id,
        .ret_dispute = ret_dispute,
        .past_breaker = true,
    };
    if (asked.gateway == NULL || asked.gateway->adapter->query_dispute == NULL) {
        return err_set(err, ERR_NO_GATEWAY, "%s cannot be asked about disputes", gateway);
    }
    gateway_ask(payments, &asked, &result);
    if (result.outcome == GW_NOT_FOUND) {
        return 0;
    }
    if (result.outcome != GW_NONE) {
        return err_set(err, ERR_GATEWAY, "%s could not be asked about dispute %s (%s)", gateway,
                       gateway_id, result.code);
    }
    return ret_dispute->amount_minor > 0
               ? 1
               : err_set(err, ERR_GATEWAY, "%s does not say how much dispute %s is about", gateway,
                         gateway_id);
}

static int refresh_once(struct settling *settling, struct gateway_dispute *said, struct err *err) {
    struct store *store = settling->payments->options.store;
    int r = store_read(store, look_tx, settling, err);
    r = r < 0 ? r : ask(settling->payments, settling->gateway, settling->gateway_id, said, err);
    if (r <= 0) {
        return r;
    }
    settling->said = said;
    r = store_write(store, settle_tx, settling, err);
    return r < 0 ? r : 1;
}

int dispute_refresh(struct payments *payments, const char *gateway, const char *gateway_id,
                    const char *row_id, const char *source, struct gateway_dispute *ret_dispute,
                    struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gateway_dispute said;
    struct settling settling = {
        .payments = payments,
        .arena = arena,
        .gateway = gateway,
        .gateway_id = gateway_id,
        .row_id = row_id,
        .source = source,
    };
    int r = 0;
    for (int i = 0; i < REFRESH_TRIES; i++) {
        r = refresh_once(&settling, &said, err);
        /* Somebody else wrote it down, or moved it, meanwhile. */
        if (r != -ERR_STORE_CONFLICT && r != -ERR_EXISTS) {
            break;
        }
    }
    if (r > 0) {
        err_clear(err);
        jobs_wake(payments);
        if (ret_dispute != NULL) {
            *ret_dispute = said;
        }
    }
    return r;
}

/* ---- callbacks ---- */

static int only_case(struct process *process, const char *result, struct err *err) {
    const struct gateway_event *event = &process->event;
    struct case_note note = callback_note(process, "dispute", event->dispute_reason);
    if (event->dispute_id[0] != '\0') {
        note.subject = event->dispute_id;
    }
    process->result = result;
    return callback_open(process, &note, err);
}

int dispute_callback(struct process *process, struct err *err) {
    const struct gateway_event *event = &process->event;
    if (event->dispute_id[0] == '\0' || !dispute_by_api(process->payments, process->gateway)) {
        return only_case(process, "a dispute: case opened", err);
    }
    if (PLANTED(DISPUTE_UNHEARD)) {
        return 0;
    }
    if (PLANTED(DISPUTE_DEAF) && strstr(event->type, "reated") == NULL &&
        strstr(event->type, "REATED") == NULL) {
        return 0;
    }
    int r = dispute_refresh(process->payments, process->gateway, event->dispute_id, NULL,
                            "callback", NULL, err);
    if (r == 0) {
        return only_case(process, "a dispute that its gateway does not know: case opened", err);
    }
    process->result = "the gateway was asked about the dispute and its answer applied";
    return r < 0 ? r : 0;
}
