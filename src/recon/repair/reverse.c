/* SPDX-License-Identifier: Apache-2.0
 * reverse.c: a person takes back what a rule has done (docs/decisions/0025).
 *
 *   a write-off           the opposite is posted; nothing had moved at the gateway
 *   a completed payment   the gateway is asked first, and only when it says itself that it never
 *                         charged it, the completion is taken back (payment/repair.h)
 *   money that was sent   is not: it says what a person can do instead
 * The break is open again, and is never repaired by rule a second time. Above what one person may
 * write off alone another one agrees, and the gateway is asked once more. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket.h"
#include "ledger/ledger.h"
#include "payment/rows.h"
#include "recon/breaks_impl.h"
#include "recon/repair/repair_impl.h"
#include "store/audit.h"

enum step { ASKS, AGREES, REFUSES };
static const char *const operations[] = {
    [ASKS] = "repair.reverse",
    [AGREES] = "repair.reverse_approve",
    [REFUSES] = "repair.reverse_reject",
};

struct reversing {
    struct recon *recon;
    const struct caller *caller;
    const char *id, *reason;
    enum step step;
    bool was_asked; /* the gateway, before the transaction */
    struct repair_answer said;
    /* of one run of the transaction */
    struct arena *arena;
    struct repair_row row;
    struct repair_facts facts;
    const char *approval_id; /* "": nobody's wish waits */
};

/* ---- whether it may be ---- */

static void hint_back(const struct repair_row *row, struct err *err) {
    const char *back = repair_action_back(row->action), *gap = strstr(back, "%s");
    (void)err_hint(err, "%.*s%s.", gap != NULL ? (int)(gap - back) : (int)strlen(back), back,
                   gap != NULL ? row->payment_id : "");
}

static int check_kind(const struct repair_row *row, struct err *err) {
    if (row->state != REPAIR_IS_DONE) {
        err_set(err, ERR_STATE, "repair %s is %s: there is nothing to reverse", row->id.text,
                repair_state_name(row->state));
        return row->reversed_by[0] != '\0'
                   ? err_hint(err, "%.100s has reversed it: %.120s", row->reversed_by, row->reason)
                   : -ERR_STATE;
    }
    if (repair_action_undo(row->action) != REPAIR_UNDO_NEVER) {
        return 0;
    }
    err_set(err, ERR_STATE, "repair %s cannot be reversed: %s", row->id.text,
            repair_action_does(row->action));
    hint_back(row, err);
    return -ERR_STATE;
}

/* What its gateway has said decides; what is only in our books nobody need be asked about. */
static int check_word(const struct reversing *it, struct err *err) {
    if (repair_action_undo(it->row.action) != REPAIR_UNDO_TAKE_BACK || it->step == REFUSES) {
        return 0;
    }
    if (!it->was_asked) {
        return err_set(err, ERR_STORE_CONFLICT, "repair %s was done this moment: ask again",
                       it->row.id.text);
    }
    if (it->said.word == REPAIR_CONFIRMED) {
        return 0;
    }
    if (it->said.word == REPAIR_WAIT) {
        err_set(err, ERR_GATEWAY, "repair %s is not reversed: %.300s", it->row.id.text,
                it->said.text);
        return err_hint(err, "Nothing was changed. Ask again when it has said.");
    }
    err_set(err, ERR_STATE, "repair %s is not reversed: %.300s", it->row.id.text, it->said.text);
    hint_back(&it->row, err);
    return -ERR_STATE;
}

static int check_step(const struct reversing *it, struct err *err) {
    bool waits = it->approval_id[0] != '\0';
    if (it->step == ASKS && waits) {
        err_set(err, ERR_STATE, "somebody has asked already to reverse repair %s",
                it->row.id.text);
        return err_hint(err, "Another person approves or rejects that.");
    }
    if (it->step != ASKS && !waits) {
        err_set(err, ERR_STATE, "nobody has asked to reverse repair %s", it->row.id.text);
        return err_hint(err, "Ask for it: holdfast repair reverse %s --reason WHY",
                        it->row.id.text);
    }
    return 0;
}

/* ---- what had been put together with it ---- */

/* Written off of the movement: that is taken back first. */
static int check_written_off(struct store_tx *tx, const char *movement_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT MIN(break_id) FROM recon_write_off WHERE movement_id = $1 HAVING "
                      "SUM(signed_minor) <> 0",
                      S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    err_set(err, ERR_STATE, "a difference of it was written off with break %s", sql_text(rows, 0));
    return err_hint(err, "Reopen that break first: holdfast break reopen %s", sql_text(rows, 0));
}

/* What statements told of its fee (recon/run_fees_book.c). */
static int take_fees_back(struct reversing *it, struct store_tx *tx, const char *movement_id,
                          struct err *err) {
    char cause[POSTING_ID_CHARS_MAX + 24];
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT posted_minor, postings FROM recon_fee WHERE movement_id = $1 FOR "
                      "UPDATE",
                      S_TEXT(movement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t posted = sql_int(rows, 0), number = sql_int(rows, 1) + 1;
    sql_rows_free(rows);
    rows = NULL;
    snprintf(cause, sizeof cause, "%s_%lld", movement_id + strlen("pst_"), (long long)number);
    struct posting posting = {
        .kind = posted > 0 ? POST_STATEMENT_FEE_BACK : POST_STATEMENT_FEE,
        .cause = cause,
        .payment_id = it->row.payment_id,
        .gateway = it->row.gateway,
        .customer = "",
        .amount_minor = posted > 0 ? posted : -posted,
        .currency = it->row.currency,
        .at_us = clock_wall_us(),
    };
    r = payment_is_probe(tx, posting.payment_id, &posting.probe, err);
    r = r < 0 ? r : ledger_post(tx, &posting, err);
    return r < 0 ? r
                 : sql_put_one(tx, err,
                               "UPDATE recon_fee SET basis = 0, line = '', expected_minor = NULL, "
                               "kept_minor = NULL, answered_minor = 0, posted_minor = 0, postings "
                               "= $2 WHERE movement_id = $1",
                               S_TEXT(movement_id), S_INT(number));
}

/* The charge is no movement of ours any more, and the row there is looked at again. */
static int let_go(struct reversing *it, struct store_tx *tx, const char *movement_id,
                  struct err *err) {
    int r = check_written_off(tx, movement_id, err);
    r = r < 0 ? r : take_fees_back(it, tx, movement_id, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "UPDATE movement SET open = 1, match_id = '', rule = '' WHERE match_id <> "
                        "'' AND match_id IN (SELECT m.match_id FROM movement m WHERE m.side = 1 "
                        "AND m.id = $1 AND m.match_id <> '')",
                        S_TEXT(movement_id));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM movement WHERE side = 1 AND id = $1",
                           S_TEXT(movement_id));
}

/* ---- doing it ---- */

static int take_back(struct reversing *it, struct store_tx *tx, struct err *err) {
    char movement_id[REPAIR_MOVEMENT_CHARS];
    struct break_row *broken = &it->facts.row;
    const char *actor = it->caller->actor;
    int r = repair_charge_take_back(it->recon->options.payments, tx, it->arena, it->row.attempt_id,
                                    movement_id, err);
    r = r < 0 ? r : let_go(it, tx, movement_id, err);
    it->row.said = it->said.text;
    bool reopens = it->facts.held == NULL && !break_is_live(broken->state);
    r = r < 0 || !reopens ? r : break_reopen(tx, it->arena, broken, actor, it->reason, err);
    r = r < 0 || !reopens ? r : recon_disagreement_follows(it->recon, tx, broken, err);
    return r < 0 ? r : recon_ask_run(tx, it->row.gateway, actor, err);
}

static int reopen(struct reversing *it, struct store_tx *tx, struct err *err) {
    struct break_row *broken = &it->facts.row;
    if (broken->state != BREAK_WRITTEN_OFF) {
        return err_set(err, ERR_STATE, "break %s is %s: what was written off is taken back already",
                       it->row.break_id, break_state_name(broken->state));
    }
    int r = break_reopen(tx, it->arena, broken, it->caller->actor, it->reason, err);
    return r < 0 ? r : recon_disagreement_follows(it->recon, tx, broken, err);
}

static int do_it(struct reversing *it, struct store_tx *tx, struct err *err) {
    int r = repair_action_undo(it->row.action) == REPAIR_UNDO_TAKE_BACK ? take_back(it, tx, err)
                                                                       : reopen(it, tx, err);
    if (r < 0) {
        return r;
    }
    it->row.reversed_by = it->caller->actor;
    it->row.reason = it->reason;
    r = repair_row_save(tx, &it->row, REPAIR_IS_REVERSED, err);
    return r < 0 ? r : repair_ticket(it->recon, tx, &it->facts, &it->row, err);
}

static int note(struct reversing *it, struct store_tx *tx, const char *what, struct err *err) {
    char line[REPAIR_TEXT_CHARS_MAX + 1];
    snprintf(line, sizeof line, "%s %s: %.300s", it->row.id.text, what, it->reason);
    return it->facts.held != NULL
               ? 0
               : break_note(tx, &it->facts.row, it->caller->actor, "repair", line, err);
}

static int ask_another(struct reversing *it, struct store_tx *tx, struct err *err) {
    struct approval_id approval;
    int r = approval_ask(tx, it->caller, APPROVES_REVERSAL, it->row.id.text, it->reason, &approval,
                         err);
    it->approval_id = r < 0 ? "" : arena_copy(it->arena, approval.text);
    return r < 0 ? r : note(it, tx, "is to be reversed", err);
}

/* 1: another person has to agree first. */
static int step_tx(struct reversing *it, struct store_tx *tx, struct err *err) {
    struct approval_row approval;
    if (it->step == ASKS && it->row.amount_minor > recon_alone_minor(it->recon, it->row.currency)) {
        int r = ask_another(it, tx, err);
        return r < 0 ? r : 1;
    }
    int r = it->step == ASKS ? 0
                             : approval_decide(tx, it->arena, it->caller, it->approval_id,
                                               it->step == AGREES, it->reason, &approval, err);
    if (r < 0) {
        return r;
    }
    it->approval_id = "";
    return it->step == REFUSES ? note(it, tx, "is not reversed", err) : do_it(it, tx, err);
}

static int render(struct reversing *it, struct store_tx *tx, int status, struct answer *ret_answer,
                  struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, REPAIR_ANSWER_BYTES_MAX);
    int r = repair_row_tell(tx, it->arena, &buf, &it->row, err);
    return r < 0 ? r : answer_take(ret_answer, status, &buf, err);
}

static int reverse_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct reversing *it = ctx;
    struct repair_switch all;
    int r = repair_switch_load(tx, true, &all, err);
    r = r < 0 ? r : repair_row_load(tx, it->arena, it->id, true, &it->row, err);
    r = r < 0 ? r : check_kind(&it->row, err);
    r = r < 0 ? r : repair_row_wish(tx, it->arena, &it->row, &it->approval_id, err);
    r = r < 0 ? r : check_step(it, err);
    r = r < 0 ? r : check_word(it, err);
    r = r < 0 ? r : repair_facts_load(tx, it->arena, it->row.break_id, true, &it->facts, err);
    int waits = r < 0 ? r : step_tx(it, tx, err);
    r = waits < 0 ? waits : render(it, tx, waits > 0 ? 202 : 200, ret_answer, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO detail;
    buf_init(&detail, 4096);
    buf_addf(&detail, "{\"payment\":\"%s\",\"waits\":%s,\"said\":", it->row.payment_id,
             waits > 0 ? "true" : "false");
    buf_add_json(&detail, it->said.text);
    buf_add_char(&detail, '}');
    return audit_append(tx, it->caller->actor, operations[it->step], it->row.id.text, it->reason,
                        detail.data, err);
}

/* ---- before the transaction ---- */

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reversing *it = ctx;
    return repair_row_load(tx, it->arena, it->id, false, &it->row, err);
}

/* What is refused anyway, or done already, is told without asking. */
static int ask_gateway(struct reversing *it, struct err *err) {
    int r = store_read(it->recon->options.store, look_tx, it, err);
    if (r < 0 || it->row.state != REPAIR_IS_DONE || it->step == REFUSES ||
        repair_action_undo(it->row.action) != REPAIR_UNDO_TAKE_BACK) {
        return r;
    }
    it->was_asked = true;
    return repair_charge_doubt(it->recon->options.payments, it->row.attempt_id, &it->said, err);
}

static int reverse(struct recon *recon, const struct caller *caller, const char *id,
                   enum step step, const char *reason, struct answer *ret_answer,
                   struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct reversing it = {.recon = recon,
                           .caller = caller,
                           .id = id,
                           .reason = reason,
                           .step = step,
                           .arena = arena,
                           .approval_id = ""};
    int r = repair_need_reason(reason, err);
    r = r < 0 ? r : ask_gateway(&it, err);
    r = r < 0 ? r
              : idempotent_run(recon->options.payments, caller, operations[step], reverse_fn, &it,
                               ret_answer, err);
    payments_wake(recon->options.payments);
    return r;
}

int repair_reverse(struct recon *recon, const struct caller *caller, const char *id,
                   const char *reason, struct answer *ret_answer, struct err *err) {
    return reverse(recon, caller, id, ASKS, reason, ret_answer, err);
}

int repair_reverse_decide(struct recon *recon, const struct caller *caller, const char *id,
                          bool approve, const char *reason, struct answer *ret_answer,
                          struct err *err) {
    return reverse(recon, caller, id, approve ? AGREES : REFUSES, reason, ret_answer, err);
}
