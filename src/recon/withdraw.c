/* SPDX-License-Identifier: Apache-2.0
 * withdraw.c: a statement that was taken in by mistake stops counting. */
#include "recon/withdraw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk/ticket.h"
#include "recon/breaks.h"
#include "recon/chain.h"
#include "recon/intake.h"
#include "recon/recon_impl.h"
#include "recon/repair/repair_impl.h"
#include "recon/shelf.h"
#include "store/audit.h"

enum { ANSWER_BYTES_MAX = 1024 * 1024, DETAIL_BYTES_MAX = 200 };

struct withdrawing {
    struct recon *recon;
    const struct caller *caller;
    const char *id, *reason;
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    char supersedes[ID_TEXT_MAX], name[STATEMENT_NAME_CHARS_MAX + 1];
};

/* ---- whether it may be ---- */

static int refuse_state(const char *id, int64_t state, const char *superseded_by, struct err *err) {
    if (state == STATEMENT_SUPERSEDED) {
        (void)err_set(err, ERR_STATE, "%s does not count: %s took its place", id, superseded_by);
        return err_hint(err, "If that was the mistake, withdraw %s: this one counts again then.",
                        superseded_by);
    }
    if (state == STATEMENT_WITHDRAWN) {
        (void)err_set(err, ERR_STATE, "%s was withdrawn already", id);
        return err_hint(err, "`holdfast statement show %s` says by whom, and why.", id);
    }
    if (state == STATEMENT_WRITING) {
        (void)err_set(err, ERR_STATE, "%s is being taken in now", id);
        return err_hint(err, "Withdraw it when it is there.");
    }
    return err_set(err, ERR_STATE, "%s was given up half-way and never counted", id);
}

static int load(struct withdrawing *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT gateway, supersedes, name, state, superseded_by FROM statement WHERE "
                      "id = $1 FOR UPDATE",
                      S_TEXT(asked->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no statement %s", asked->id);
    }
    snprintf(asked->gateway, sizeof asked->gateway, "%s", sql_text(rows, 0));
    snprintf(asked->supersedes, sizeof asked->supersedes, "%s", sql_text(rows, 1));
    snprintf(asked->name, sizeof asked->name, "%s", sql_text(rows, 2));
    int64_t state = sql_int(rows, 3);
    return state == STATEMENT_TAKEN ? 0 : refuse_state(asked->id, state, sql_text(rows, 4), err);
}

/* Breaks that one of its rows is a member of, with what was done about each. */
#define DONE_ABOUT                                                                                 \
    "SELECT b.id, b.written_off_minor, COALESCE((SELECT p.id FROM repair p WHERE p.break_id = "    \
    "b.id AND p.state IN (1, 2, 3, 4)), '') FROM statement_row r JOIN recon_break_member m ON "    \
    "m.movement_id = r.statement_id || '#' || CAST(r.number AS text) AND m.side = 2 JOIN "         \
    "recon_break b ON b.id = m.break_id WHERE r.statement_id = $1 AND (b.written_off_minor <> 0 "  \
    "OR EXISTS (SELECT 1 FROM repair p WHERE p.break_id = b.id AND p.state IN (1, 2, 3, 4)) OR "   \
    "EXISTS (SELECT 1 FROM ticket t WHERE t.kind = 'break' AND t.subject = b.id AND "              \
    "t.moved_minor <> 0)) ORDER BY b.id LIMIT 1"
static_assert(REPAIR_IS_PLANNED == 1 && REPAIR_IS_ASKED == 2 && REPAIR_IS_DOING == 3 &&
                  REPAIR_IS_DONE == 4,
              "the numbers above");

static int check_breaks(const struct withdrawing *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, DONE_ABOUT, S_TEXT(asked->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    const char *broken = sql_text(rows, 0), *repair = sql_text(rows, 2);
    if (repair[0] != '\0') {
        (void)err_set(err, ERR_STATE, "%s stands on it, and repair %s has been made or begun",
                      broken, repair);
        return err_hint(err,
                        "What was moved does not go away with the statement. See `holdfast "
                        "repair show %s`; a corrected file can take the statement's place.",
                        repair);
    }
    if (sql_int(rows, 1) != 0) {
        (void)err_set(err, ERR_STATE, "%s stands on it, and was written off", broken);
        return err_hint(err,
                        "Reopen that break first (holdfast break reopen %s): it takes the "
                        "write-off back.",
                        broken);
    }
    (void)err_set(err, ERR_STATE, "%s stands on it, and money was moved by hand for it", broken);
    return err_hint(err, "See its ticket. A corrected file can take the statement's place.");
}

/* Rows of a bank that the books know of by this statement alone. */
#define HANDED_ON                                                                                  \
    "SELECT b.id, b.payment_id FROM statement_row r JOIN bank_row b ON b.gateway = $2 AND "        \
    "(b.bank_id = r.gateway_id AND r.gateway_id <> '' OR b.source = $3 AND b.line = r.line) "      \
    "WHERE r.statement_id = $1 AND NOT EXISTS (SELECT 1 FROM statement_row o JOIN statement s ON " \
    "s.id = o.statement_id WHERE o.gateway_id = r.gateway_id AND o.gateway_id <> '' AND "          \
    "s.gateway = $2 AND s.state = 2 AND s.id <> $1) ORDER BY b.id LIMIT 1"

static int check_bank(const struct withdrawing *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, HANDED_ON, S_TEXT(asked->id), S_TEXT(asked->gateway),
                      S_TEXT(asked->name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    const char *payment = sql_text(rows, 1);
    (void)err_set(err, ERR_STATE, "its row %s is in the books already%s%s", sql_text(rows, 0),
                  payment[0] != '\0' ? ": it paid " : "", payment);
    return err_hint(err, "Give the bank's corrected file: --supersedes %s --reason WHY", asked->id);
}

/* ---- doing it ---- */

static int mark(const struct withdrawing *asked, struct store_tx *tx, struct err *err) {
    int r = sql_put_one(tx, err, "UPDATE statement SET state = 5 WHERE id = $1 AND state = 2",
                        S_TEXT(asked->id));
    if (r < 0 || asked->supersedes[0] == '\0') {
        return r;
    }
    /* Its rows were let go, so that all of them are looked at anew. */
    return sql_put(tx, err,
                   "UPDATE statement SET state = 2, superseded_by = '', seen_run = '' WHERE id = "
                   "$1 AND state = 3 AND superseded_by = $2",
                   S_TEXT(asked->supersedes), S_TEXT(asked->id));
}

static int close_ticket(const struct withdrawing *asked, struct store_tx *tx, struct err *err) {
    struct desk *desk = asked->recon->options.desk;
    const struct ticket_subject subject = {"statement", asked->id};
    int r = desk == NULL ? 0
                         : ticket_close_for(desk, tx, &subject, asked->caller->actor,
                                            "the statement was withdrawn", err);
    return r < 0 ? r : 0;
}

static int answer_it(const struct withdrawing *asked, struct store_tx *tx,
                     struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    int r = shelf_render(tx, asked->id, &buf, err);
    if (r >= 0 && !buf_ok(&buf)) {
        r = err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    if (r < 0) {
        return r;
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = 200, .json = buf_take(&buf)};
    return 0;
}

static int withdraw_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                       struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct withdrawing *asked = ctx;
    char detail[DETAIL_BYTES_MAX];
    int r = load(asked, tx, err);
    r = r < 0 ? r : check_breaks(asked, tx, err);
    r = r < 0 ? r : check_bank(asked, tx, err);
    r = r < 0 ? r : mark(asked, tx, err);
    r = r < 0 ? r : close_ticket(asked, tx, err);
    snprintf(detail, sizeof detail, "{\"gateway\":\"%s\",\"counts_again\":\"%s\"}", asked->gateway,
             asked->supersedes);
    r = r < 0 ? r
              : audit_append(tx, asked->caller->actor, "statement.withdraw", asked->id,
                             asked->reason, detail, err);
    r = r < 0 ? r : chain_renew(tx, asked->gateway, err);
    r = r < 0 ? r : recon_ask_run(tx, asked->gateway, asked->caller->actor, err);
    return r < 0 ? r : answer_it(asked, tx, ret_answer, err);
}
static_assert(STATEMENT_TAKEN == 2 && STATEMENT_SUPERSEDED == 3 && STATEMENT_WITHDRAWN == 5,
              "the numbers above");

int statement_withdraw(struct recon *recon, const struct caller *caller, const char *statement_id,
                       const char *reason, struct answer *ret_answer, struct err *err) {
    struct withdrawing asked = {
        .recon = recon, .caller = caller, .id = statement_id, .reason = reason};
    if (reason[0] == '\0') {
        (void)err_set(err, ERR_VALIDATION, "say why it is withdrawn");
        return err_place(err, "/reason");
    }
    int r = idempotent_run(recon->options.payments, caller, "statement.withdraw", withdraw_fn,
                           &asked, ret_answer, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r;
}
