/* SPDX-License-Identifier: Apache-2.0
 * ticket_money.c: resolving a ticket, and the second person where money was moved by hand
 * (TICKET-2).
 *
 * Who may decide alone is asked of the largest of three amounts: what is said to have been moved
 * with all that was moved for this ticket before, and what the ticket is about. So neither a small
 * figure nor several steps lead past the limit. In another currency than the ticket's there is
 * nothing to compare with: a second person is always asked. */
#include <string.h>

#include "desk/ticket_impl.h"
#include "store/audit.h"

struct settle {
    struct desk *desk;
    const struct caller *caller;
    const char *id;
    const struct ticket_resolution *resolution;
    enum ticket_how how;
    bool approve;
    const char *reason;
    struct arena *arena;
    struct ticket_row row;
};

static int run(struct settle *settle, const char *operation, idempotent_fn *fn,
               struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payments *payments = settle->desk->options.payments;
    settle->arena = arena;
    int r = idempotent_run(payments, settle->caller, operation, fn, settle, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

static int finish(const struct settle *settle, struct store_tx *tx, int status, const char *action,
                  const char *reason, struct answer *ret_answer, struct err *err) {
    char money[MONEY_TEXT_MAX] = "";
    const struct ticket_row *row = &settle->row;
    if (row->moved_currency.code[0] != '\0') {
        (void)money_show(row->moved_minor, row->moved_currency, money);
    }
    const char *detail = arena_printf(settle->arena, "{\"how\":\"%s\",\"moved\":\"%s\"}",
                                      ticket_how_name(row->how), money);
    int r = ticket_answer(tx, settle->arena, row, status, ret_answer, err);
    return r < 0
               ? r
               : audit_append(tx, settle->caller->actor, action, row->id.text, reason, detail, err);
}

/* ---- resolving ---- */

static int amount_place(struct err *err, const char *why) {
    err_set(err, ERR_VALIDATION, "%s", why);
    return err_place(err, "/amount");
}

/* What was moved, into the row. */
static int take_money(const struct settle *settle, struct ticket_row *row, struct err *err) {
    const struct ticket_resolution *resolution = settle->resolution;
    bool said = resolution->amount_minor > 0;
    row->moved_minor = 0;
    row->moved_currency = (struct currency){0};
    if (!ticket_how_moves(settle->how)) {
        return said ? amount_place(err, "this resolution moves no money") : 0;
    }
    row->moved_minor = said ? resolution->amount_minor : row->amount_minor;
    row->moved_currency = said ? resolution->currency : row->currency;
    return row->moved_minor > 0 ? 0 : amount_place(err, "say how much was moved, and in what");
}

/* What was moved for this ticket before, in this currency. */
static int moved_before(struct store_tx *tx, const struct ticket_row *row, int64_t *ret_minor,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_minor = 0;
    int r = sql_query(
        tx, err, &rows,
        "SELECT moved_minor FROM ticket_event WHERE ticket_id = $1 AND moved_currency "
        "= $2 AND what IN ('resolved', 'approved')",
        S_TEXT(row->id.text), S_TEXT(row->moved_currency.code));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (!money_add(*ret_minor, sql_int(rows, 0), ret_minor)) {
            r = err_set(err, ERR_AMOUNT, "more was moved for ticket %s than can be added up",
                        row->id.text);
        }
    }
    return r;
}

static int needs_another(const struct settle *settle, struct store_tx *tx,
                         const struct ticket_row *row, bool *ret_needs, struct err *err) {
    int64_t before = 0, sum = 0;
    *ret_needs = false;
    if (row->moved_minor == 0) {
        return 0;
    }
    int r = moved_before(tx, row, &before, err);
    if (r < 0) {
        return r;
    }
    bool known = row->currency.code[0] != '\0';
    bool fits = money_add(before, row->moved_minor, &sum);
    sum = known && row->amount_minor > sum ? row->amount_minor : sum;
    *ret_needs = !settle->resolution->may_alone || !fits ||
                 (known && !currency_equal(row->currency, row->moved_currency)) ||
                 sum > ticket_limit_of(&settle->desk->tickets->settings, row->moved_currency);
    return 0;
}

static int ask_another(struct settle *settle, struct store_tx *tx, struct err *err) {
    struct ticket_row *row = &settle->row;
    struct approval_id approval;
    int r = ticket_go(tx, row, MOVE_ASK, err);
    r = r < 0 ? r
              : approval_ask(tx, settle->caller, APPROVES_TICKET_MONEY, row->id.text,
                             settle->resolution->reason, &approval, err);
    if (r < 0) {
        return r;
    }
    row->approval_id = arena_copy(settle->arena, approval.text);
    const struct ticket_entry entry = {
        .actor = settle->caller->actor,
        .what = "asked",
        .body = settle->resolution->reason,
        .detail = arena_printf(settle->arena, "{\"how\":\"%s\",\"approval\":\"%s\"}",
                               ticket_how_name(settle->how), approval.text),
        .moved_minor = row->moved_minor,
        .moved_currency = row->moved_currency,
        .type = "ticket.approval",
    };
    return ticket_write(settle->desk, tx, row, &entry, err);
}

static int resolve_alone(struct settle *settle, struct store_tx *tx, struct err *err) {
    struct ticket_row *row = &settle->row;
    const struct ticket_entry entry = {
        .actor = settle->caller->actor,
        .what = "resolved",
        .body = settle->resolution->reason,
        .detail = arena_printf(settle->arena, "{\"how\":\"%s\"}", ticket_how_name(settle->how)),
        .moved_minor = row->moved_minor,
        .moved_currency = row->moved_currency,
        .type = "ticket.resolved",
    };
    int r = ticket_go(tx, row, MOVE_RESOLVE, err);
    return r < 0 ? r : ticket_write(settle->desk, tx, row, &entry, err);
}

static int resolve_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct settle *settle = ctx;
    char person[PERSON_CHARS_MAX + 1]; /* money is moved by somebody with a name */
    bool another = false;
    int r = ticket_load(tx, settle->arena, settle->id, true, &settle->row, err);
    r = r < 0 ? r : take_money(settle, &settle->row, err);
    if (r >= 0 && settle->row.moved_minor > 0) {
        r = approval_person(tx, settle->caller->actor, person, err);
    }
    r = r < 0 ? r : needs_another(settle, tx, &settle->row, &another, err);
    if (r < 0) {
        return r;
    }
    settle->row.how = settle->how;
    settle->row.reason = settle->resolution->reason;
    r = another ? ask_another(settle, tx, err) : resolve_alone(settle, tx, err);
    return r < 0
               ? r
               : finish(settle, tx, another ? 202 : 200, another ? "ticket.ask" : "ticket.resolve",
                        settle->resolution->reason, ret_answer, err);
}

int ticket_resolve(struct desk *desk, const struct caller *caller, const char *id,
                   const struct ticket_resolution *resolution, struct answer *ret_answer,
                   struct err *err) {
    struct settle settle = {.desk = desk, .caller = caller, .id = id, .resolution = resolution};
    if (!ticket_how_parse(resolution->how, &settle.how)) {
        err_set(err, ERR_VALIDATION, "there is no resolution \"%.40s\"", resolution->how);
        err_place(err, "/resolution");
        return err_hint(err, "One of: fixed, no_action, duplicate, explained, money_moved, "
                             "refunded_by_hand, written_off.");
    }
    return run(&settle, "ticket.resolve", resolve_fn, ret_answer, err);
}

/* ---- the second person ---- */

static int decided(struct settle *settle, struct store_tx *tx, struct err *err) {
    struct ticket_row *row = &settle->row;
    struct ticket_entry entry = {
        .actor = settle->caller->actor,
        .what = settle->approve ? "approved" : "rejected",
        .body = settle->reason,
        .detail = arena_printf(settle->arena, "{\"approval\":\"%s\"}", row->approval_id),
        .type = settle->approve ? "ticket.resolved" : NULL,
    };
    if (settle->approve) {
        entry.moved_minor = row->moved_minor;
        entry.moved_currency = row->moved_currency;
    } else {
        row->how = 0;
        row->reason = "";
        row->moved_minor = 0;
        row->moved_currency = (struct currency){0};
    }
    return ticket_write(settle->desk, tx, row, &entry, err);
}

static int decide_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct settle *settle = ctx;
    struct approval_row approval;
    int r = ticket_load(tx, settle->arena, settle->id, true, &settle->row, err);
    r = r < 0 ? r : ticket_go(tx, &settle->row, settle->approve ? MOVE_APPROVE : MOVE_REJECT, err);
    r = r < 0 ? r
              : approval_decide(tx, settle->arena, settle->caller, settle->row.approval_id,
                                settle->approve, settle->reason, &approval, err);
    r = r < 0 ? r : decided(settle, tx, err);
    return r < 0 ? r
                 : finish(settle, tx, 200, settle->approve ? "ticket.approve" : "ticket.reject",
                          settle->reason, ret_answer, err);
}

int ticket_decide(struct desk *desk, const struct caller *caller, const char *id, bool approve,
                  const char *reason, struct answer *ret_answer, struct err *err) {
    struct settle settle = {
        .desk = desk, .caller = caller, .id = id, .approve = approve, .reason = reason};
    return run(&settle, approve ? "ticket.approve" : "ticket.reject", decide_fn, ret_answer, err);
}
