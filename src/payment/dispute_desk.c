/* SPDX-License-Identifier: Apache-2.0
 * dispute_desk.c: what people do about disputes: tell of one, attach evidence, submit it, give one
 * up, say how one ended that no gateway tells of; and looking.
 *
 * Whoever answers first has answered: the row is locked, and the second is told by whom. */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/disputes.h"
#include "payment/later.h"
#include "store/audit.h"

struct desk {
    struct payments *payments;
    const struct caller *caller;
    struct arena *arena;
    const char *id, *reason;
    const struct chargeback *chargeback;
    const struct evidence *evidence;
    enum dispute_answer answer_with;
    int64_t state;
    struct dispute_row row;
    struct payment_row payment;
    const char *payment_id;
    int limit;
    struct answer *answer;
};

static int finish(struct desk *desk, struct store_tx *tx, int status, const char *action,
                  struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render_dispute(tx, &buf, &desk->row, err);
    r = r < 0 ? r : answer_take(ret_answer, status, &buf, err);
    return r < 0 || action == NULL ? r
                                   : audit_append(tx, desk->caller->actor, action,
                                                  desk->row.id.text, desk->reason, "{}", err);
}

static int take(struct desk *desk, struct store_tx *tx, struct err *err) {
    return dispute_row_take(tx, desk->arena, desk->id, &desk->row, &desk->payment, err);
}

static int run(struct desk *desk, const char *operation, idempotent_fn *fn,
               struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    desk->arena = arena;
    int r = idempotent_run(desk->payments, desk->caller, operation, fn, desk, ret_answer, err);
    if (r >= 0) {
        jobs_wake(desk->payments);
    }
    return r;
}

/* Due now, also when it runs at this moment. */
static int hurry(const struct desk *desk, struct store_tx *tx, struct err *err) {
    int64_t now = clock_wall_us();
    int r = job_add(tx, JOB_DISPUTE, desk->row.id.text, now, "", err);
    r = r == 0 ? job_hasten(tx, JOB_DISPUTE, desk->row.id.text, now, err) : r;
    return r < 0 ? r : 0;
}

/* ---- a chargeback that a person tells of ---- */

/* 1: it was told of before, and is in `desk->row`. */
static int told_before(struct desk *desk, struct store_tx *tx, int64_t amount_minor,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " DISPUTE_COLUMNS " FROM dispute WHERE payment_id = $1 AND "
                      "(reference = $2 OR gateway_id = $2) ORDER BY id LIMIT 1",
                      S_TEXT(desk->payment_id), S_TEXT(desk->chargeback->reference));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    dispute_row_read(rows, desk->arena, &desk->row);
    if (amount_minor == 0 || desk->row.amount_minor == amount_minor) {
        return 1;
    }
    char before[MONEY_TEXT_MAX];
    err_set(err, ERR_STATE, "%s was told of before, with %s (%s)", desk->chargeback->reference,
            money_show(desk->row.amount_minor, desk->row.currency, before), desk->row.id.text);
    return err_place(err, "/v1/disputes/%s", desk->row.id.text);
}

/* One reference is one chargeback: on another payment it is a slip, as a rule. */
static int check_reference(const struct desk *desk, struct store_tx *tx, const char *gateway,
                           struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (desk->chargeback->force) {
        return 0;
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT id, payment_id FROM dispute WHERE payment_id <> $1 AND gateway = $2 "
                      "AND (reference = $3 OR gateway_id = $3) ORDER BY id LIMIT 1",
                      S_TEXT(desk->payment_id), S_TEXT(gateway),
                      S_TEXT(desk->chargeback->reference));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    err_set(err, ERR_EXISTS, "%s was told of before, for payment %s (%s)",
            desk->chargeback->reference, sql_text(rows, 1), sql_text(rows, 0));
    err_place(err, "/v1/disputes/%s", sql_text(rows, 0));
    return err_hint(err, "If the bank means both by it, say force.");
}

static int check_room(const struct desk *desk, int64_t *amount_minor, struct err *err) {
    const struct payment_row *payment = &desk->payment;
    char asked[MONEY_TEXT_MAX], left[MONEY_TEXT_MAX];
    if (payment->state != PAYMENT_SUCCEEDED) {
        err_set(err, ERR_STATE, "payment %s is %s: no money of it can be taken back",
                payment->id.text, payment_state_name(payment->state));
        return err_place(err, "/v1/payments/%s", payment->id.text);
    }
    int64_t room = dispute_room(payment);
    *amount_minor = *amount_minor > 0 ? *amount_minor : room;
    if (*amount_minor <= room && room > 0) {
        return 0;
    }
    err_set(err, ERR_AMOUNT, "a chargeback of %s is more than the %s that is left of payment %s",
            money_show(*amount_minor, payment->currency, asked),
            money_show(room, payment->currency, left), payment->id.text);
    err_place(err, "/amount");
    return err_hint(err, "Refunds count, also those that are under way, and other chargebacks.");
}

static void make_row(struct desk *desk, const struct attempt_row *attempt, int64_t amount_minor) {
    int64_t now = clock_wall_us();
    desk->row = (struct dispute_row){
        .id = dispute_id_new(),
        .payment_id = desk->payment.id.text,
        .attempt_id = attempt->id.text,
        .gateway = attempt->gateway,
        .gateway_id = "",
        .reference = desk->chargeback->reference,
        .state = DISPUTE_NEEDS_RESPONSE,
        .reason = "other",
        .network_reason = "",
        .note = desk->reason,
        .amount_minor = amount_minor,
        .currency = desk->payment.currency,
        .due_us = desk->chargeback->due_us,
        .source = "person",
        .actor = desk->caller->actor,
        .answer_actor = "",
        .answer_error = "",
        .opened_us = now,
    };
}

static int record_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct desk *desk = ctx;
    struct attempt_row attempt;
    int64_t amount_minor = desk->chargeback->amount_minor;
    int r = payment_row_load(tx, desk->arena, desk->payment_id, true, &desk->payment, err);
    r = r < 0 ? r : told_before(desk, tx, amount_minor, err);
    if (r != 0) {
        return r < 0 ? r : finish(desk, tx, 200, NULL, ret_answer, err);
    }
    r = check_room(desk, &amount_minor, err);
    r = r < 0 ? r : attempt_row_live(tx, desk->arena, desk->payment_id, &attempt, err);
    if (r >= 0 && strcmp(attempt.gateway, GATEWAY_BY_HAND) == 0) {
        r = err_set(err, ERR_STATE, "payment %s was paid by hand: no bank takes it back",
                    desk->payment_id);
    }
    r = r < 0 ? r : check_reference(desk, tx, attempt.gateway, err);
    if (r < 0) {
        return r;
    }
    make_row(desk, &attempt, amount_minor);
    outcome_dispute(tx, &desk->payment, &desk->row);
    r = dispute_book(tx, desk->arena, &desk->payment, &desk->row, true, err);
    r = r < 0 ? r : dispute_row_save(tx, &desk->row, err);
    r = r < 0 ? r : dispute_tell(payments, tx, &desk->payment, &desk->row, "dispute.opened", err);
    r = r < 0 ? r : hurry(desk, tx, err);
    return r < 0 ? r : finish(desk, tx, 201, "dispute.record", ret_answer, err);
}

int dispute_record(struct payments *payments, const struct caller *caller, const char *payment_id,
                   const struct chargeback *chargeback, struct answer *ret_answer,
                   struct err *err) {
    struct desk desk = {
        .payments = payments,
        .caller = caller,
        .payment_id = payment_id,
        .chargeback = chargeback,
        .reason = chargeback->reason,
    };
    return run(&desk, "dispute.record", record_fn, ret_answer, err);
}

/* ---- evidence ---- */

static int check_open(const struct dispute_row *row, struct err *err) {
    if (dispute_state_open(row->state)) {
        return 0;
    }
    err_set(err, ERR_STATE, "dispute %s is %s: nothing is waited for", row->id.text,
            dispute_state_name(row->state));
    return err_place(err, "/v1/disputes/%s", row->id.text);
}

/* Two people answering at once: the first one's answer goes. */
static int check_unanswered(const struct dispute_row *row, struct err *err) {
    if (row->answer_state == ANSWER_NONE || row->answer_state == ANSWER_REFUSED) {
        return 0;
    }
    err_set(err, ERR_STATE, "dispute %s was %s by %s already", row->id.text,
            row->answer == DISPUTE_ACCEPT ? "accepted" : "answered", row->answer_actor);
    return err_place(err, "/v1/disputes/%s", row->id.text);
}

/* A gateway that is answered by its API gets the files from us, or does not get them. Of another
 * one they are kept for whoever answers it at its own site. */
static bool takes_files(const struct desk *desk) {
    const struct gateway *gateway = gateway_find(desk->payments->options.registry,
                                                 desk->row.gateway);
    return gateway == NULL || gateway->adapter->answer_dispute == NULL ||
           gateway->adapter->can.dispute_files;
}

static int check_kind_taken(const struct desk *desk, struct err *err) {
    if (desk->evidence->content[0] == '\0' || takes_files(desk)) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "%s takes texts about a dispute and no files", desk->row.gateway);
    err_place(err, "/content");
    return err_hint(err, "Say as a text what the file shows, or answer at the gateway's own site.");
}

static int attach_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct desk *desk = ctx;
    int r = take(desk, tx, err);
    r = r < 0 ? r : check_open(&desk->row, err);
    r = r < 0 ? r : check_unanswered(&desk->row, err);
    r = r < 0 ? r : check_kind_taken(desk, err);
    r = r < 0 ? r : evidence_add(tx, desk->row.id.text, desk->evidence, desk->caller->actor, err);
    return r < 0 ? r : finish(desk, tx, 201, "dispute.evidence", ret_answer, err);
}

int dispute_attach(struct payments *payments, const struct caller *caller, const char *dispute_id,
                   const struct evidence *evidence, struct answer *ret_answer, struct err *err) {
    struct desk desk = {
        .payments = payments,
        .caller = caller,
        .id = dispute_id,
        .evidence = evidence,
        .reason = evidence->kind,
    };
    int r = evidence_check(evidence, err);
    if (r < 0) {
        return r;
    }
    return run(&desk, "dispute.evidence", attach_fn, ret_answer, err);
}

/* ---- answering ---- */

static int check_by_api(const struct desk *desk, struct err *err) {
    if (desk->row.gateway_id[0] != '\0' && dispute_by_api(desk->payments, desk->row.gateway)) {
        return 0;
    }
    err_set(err, ERR_STATE, "dispute %s is not known to %s by a name that can be answered",
            desk->row.id.text, desk->row.gateway);
    return err_hint(err, "Answer it where it was told of, and say here how it ended: resolve.");
}

/* Only what is sent is of this answer's round: a file that the gateway does not take stays one that
 * was not submitted. */
static int bind_evidence(struct desk *desk, struct store_tx *tx, struct err *err) {
    if (desk->row.answer != DISPUTE_EVIDENCE) {
        return 0;
    }
    bool files = takes_files(desk);
    int64_t bound = sql_exec(tx, err,
                             "UPDATE dispute_evidence SET answer_round = $2 WHERE dispute_id = $1 "
                             "AND answer_round = 0 AND ($3 = 1 OR content = '')",
                             S_TEXT(desk->row.id.text), S_INT(desk->row.answer_round),
                             S_INT(files));
    if (bound != 0) {
        return bound < 0 ? (int)bound : 0;
    }
    err_set(err, ERR_STATE, "dispute %s has no %s that was not submitted yet", desk->row.id.text,
            files ? "evidence" : "text");
    return err_hint(err,
                    files ? "Attach it first." : "Attach one first: this gateway takes no files.");
}

static int answer_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct desk *desk = ctx;
    struct dispute_row *row = &desk->row;
    int r = take(desk, tx, err);
    r = r < 0 ? r : check_open(row, err);
    r = r < 0 ? r : check_unanswered(row, err);
    r = r < 0 ? r : check_by_api(desk, err);
    if (r >= 0 && desk->answer_with == DISPUTE_EVIDENCE && row->state != DISPUTE_NEEDS_RESPONSE) {
        r = err_set(err, ERR_STATE, "dispute %s is %s: its gateway waits for no evidence",
                    row->id.text, dispute_state_name(row->state));
    }
    if (r < 0) {
        return r;
    }
    row->answer = desk->answer_with;
    row->answer_state = ANSWER_WANTED;
    row->answer_round++;
    row->answer_actor = desk->caller->actor;
    row->answer_error = "";
    row->answer_tries = 0;
    row->answer_sent_us = 0;
    r = bind_evidence(desk, tx, err);
    r = r < 0 ? r : dispute_row_save(tx, row, err);
    r = r < 0 ? r : dispute_tell(payments, tx, &desk->payment, row, "dispute.updated", err);
    r = r < 0 ? r : hurry(desk, tx, err);
    return r < 0 ? r
                 : finish(desk, tx, 202,
                          row->answer == DISPUTE_ACCEPT ? "dispute.accept" : "dispute.submit",
                          ret_answer, err);
}

int dispute_submit(struct payments *payments, const struct caller *caller, const char *dispute_id,
                   struct answer *ret_answer, struct err *err) {
    struct desk desk = {
        .payments = payments,
        .caller = caller,
        .id = dispute_id,
        .reason = "",
        .answer_with = DISPUTE_EVIDENCE,
    };
    return run(&desk, "dispute.submit", answer_fn, ret_answer, err);
}

int dispute_accept(struct payments *payments, const struct caller *caller, const char *dispute_id,
                   const char *reason, struct answer *ret_answer, struct err *err) {
    struct desk desk = {
        .payments = payments,
        .caller = caller,
        .id = dispute_id,
        .reason = reason,
        .answer_with = DISPUTE_ACCEPT,
    };
    return run(&desk, "dispute.accept", answer_fn, ret_answer, err);
}

/* ---- how one ended that no gateway tells of ---- */

static int resolve_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    static const enum dispute_event events[] = {
        [DISPUTE_NONE] = 0,
        [DISPUTE_NEEDS_RESPONSE] = 0,
        [DISPUTE_UNDER_REVIEW] = DISPUTE_EVENT_REVIEW,
        [DISPUTE_WON] = DISPUTE_EVENT_WIN,
        [DISPUTE_LOST] = DISPUTE_EVENT_LOSE,
        [DISPUTE_WITHDRAWN] = DISPUTE_EVENT_WITHDRAW,
    };
    static_assert(COUNT_OF(events) == DISPUTE_STATE_COUNT, "every state has a row");
    struct desk *desk = ctx;
    struct dispute_row *row = &desk->row;
    int r = take(desk, tx, err);
    if (r < 0) {
        return r;
    }
    if (row->gateway_id[0] != '\0' && dispute_by_api(payments, row->gateway)) {
        err_set(err, ERR_STATE, "%s decides dispute %s, and is asked how it stands", row->gateway,
                row->id.text);
        return err_place(err, "/v1/disputes/%s", row->id.text);
    }
    if (dispute_move_find(row->state, events[desk->state]) == NULL) {
        return err_set(err, ERR_STATE, "dispute %s is %s: it cannot become %s", row->id.text,
                       dispute_state_name(row->state), dispute_state_name(desk->state));
    }
    bool out = desk->state == DISPUTE_LOST || desk->state == DISPUTE_UNDER_REVIEW;
    r = dispute_book(tx, desk->arena, &desk->payment, row, out, err);
    r = r < 0 ? r
              : dispute_move(payments, tx, desk->arena, &desk->payment, row, events[desk->state],
                             err);
    return r < 0 ? r : finish(desk, tx, 200, "dispute.resolve", ret_answer, err);
}

int dispute_resolve(struct payments *payments, const struct caller *caller, const char *dispute_id,
                    const char *status, const char *reason, struct answer *ret_answer,
                    struct err *err) {
    struct desk desk = {
        .payments = payments,
        .caller = caller,
        .id = dispute_id,
        .reason = reason,
    };
    if (!dispute_state_parse(status, &desk.state) || desk.state == DISPUTE_NEEDS_RESPONSE) {
        err_set(err, ERR_VALIDATION, "a dispute does not become \"%.40s\" by hand", status);
        err_place(err, "/status");
        return err_hint(err, "One of: under_review, won, lost, withdrawn.");
    }
    return run(&desk, "dispute.resolve", resolve_fn, ret_answer, err);
}

/* ---- looking ---- */

static int reading(struct payments *payments, store_fn *fn, struct desk *desk, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    desk->arena = arena;
    return store_read(payments->options.store, fn, desk, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct desk *desk = ctx;
    int r = dispute_row_load(tx, desk->arena, desk->id, false, &desk->row, err);
    return r < 0 ? r : finish(desk, tx, 200, NULL, desk->answer, err);
}

int dispute_get(struct payments *payments, const char *dispute_id, struct answer *ret_answer,
                struct err *err) {
    struct desk desk = {.id = dispute_id, .answer = ret_answer};
    return reading(payments, get_tx, &desk, err);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct desk *desk = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = desk->state == DISPUTE_NONE && desk->payment_id[0] == '\0'
                ? sql_query(tx, err, &rows,
                            "SELECT " DISPUTE_COLUMNS " FROM dispute ORDER BY id DESC LIMIT $1",
                            S_INT(desk->limit))
                : sql_query(tx, err, &rows,
                            "SELECT " DISPUTE_COLUMNS
                            " FROM dispute WHERE ($1 = 0 OR state = $1) AND ($2 = '' OR "
                            "payment_id = $2) ORDER BY id DESC LIMIT $3",
                            S_INT(desk->state), S_TEXT(desk->payment_id), S_INT(desk->limit));
    return r < 0 ? r : answer_rows(desk->answer, rows, render_dispute_row, desk->arena, err);
}

int dispute_list(struct payments *payments, const char *state, const char *payment_id, int limit,
                 struct answer *ret_answer, struct err *err) {
    struct desk desk = {.payment_id = payment_id, .limit = page_rows(limit), .answer = ret_answer};
    if (state[0] != '\0' && !dispute_state_parse(state, &desk.state)) {
        err_set(err, ERR_VALIDATION, "there is no dispute state \"%.40s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: needs_response, under_review, won, lost, withdrawn.");
    }
    return reading(payments, list_tx, &desk, err);
}
