/* SPDX-License-Identifier: Apache-2.0
 * ticket_act.c: what a person does to one ticket (ticket.h): each under the row's lock, with an
 * entry of its history and one of the audit log. Money is in ticket_money.c. */
#include <string.h>

#include "desk/ticket_impl.h"
#include "store/audit.h"

struct act {
    struct desk *desk;
    const struct caller *caller;
    const char *id;
    const struct ticket_to *to;
    bool transfer;
    enum ticket_move move;
    const char *reason;
    const char *comment;
    struct arena *arena;
    struct ticket_row row;
};

int ticket_answer(struct store_tx *tx, struct arena *arena, const struct ticket_row *row,
                  int status, struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, TICKET_JSON_BYTES_MAX);
    ticket_render_open(&buf, row);
    int r = ticket_render_more(tx, arena, &buf, row, err);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(ret_answer, status, &buf, err);
}

static int load(struct act *act, struct store_tx *tx, struct err *err) {
    return ticket_load(tx, act->arena, act->id, true, &act->row, err);
}

static int finish(struct act *act, struct store_tx *tx, const char *action,
                  struct answer *ret_answer, struct err *err) {
    int r = ticket_answer(tx, act->arena, &act->row, 200, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, act->caller->actor, action, act->row.id.text, act->reason, "{}",
                                err);
}

static int run(struct act *act, const char *operation, idempotent_fn *fn, struct answer *ret_answer,
               struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payments *payments = act->desk->options.payments;
    act->arena = arena;
    int r = idempotent_run(payments, act->caller, operation, fn, act, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

/* ---- whose it is ---- */

static int refuse_taken(const struct ticket_row *row, struct err *err) {
    err_set(err, ERR_STATE, "%s has ticket %s already",
            row->assignee_name[0] != '\0' ? row->assignee_name : row->assignee, row->id.text);
    return err_hint(err, "Transfer it, with a reason.");
}

int ticket_do_give(struct desk *desk, struct store_tx *tx, struct arena *arena,
                   const struct caller *caller, struct ticket_row *row, const struct ticket_to *to,
                   const char *reason, bool transfer, struct err *err) {
    struct ticket_row before = *row;
    if (!ticket_is_live(row->state)) {
        err_set(err, ERR_STATE, "ticket %s is %s", row->id.text, ticket_state_name(row->state));
        return err_hint(err, "Reopen it first.");
    }
    if (!transfer && row->assignee[0] != '\0') {
        return refuse_taken(row, err);
    }
    int r = ticket_give_to(desk, tx, arena, caller, to, row, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(before.assignee, row->assignee) == 0 && strcmp(before.team, row->team) == 0) {
        return err_set(err, ERR_STATE, "ticket %s is theirs already", row->id.text);
    }
    const struct ticket_entry entry = {
        .actor = caller->actor,
        .what = transfer ? "transferred" : "assigned",
        .body = reason,
        .detail = arena_printf(arena,
                               "{\"from\":\"%s\",\"from_team\":\"%s\",\"to\":\"%s\",\"to_team\":"
                               "\"%s\"}",
                               before.assignee, before.team, row->assignee, row->team),
        .type = "ticket.assigned",
    };
    return ticket_write(desk, tx, row, &entry, err);
}

static int give_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    int r = load(act, tx, err);
    r = r < 0 ? r
              : ticket_do_give(act->desk, tx, act->arena, act->caller, &act->row, act->to,
                               act->reason, act->transfer, err);
    return r < 0 ? r
                 : finish(act, tx, act->transfer ? "ticket.transfer" : "ticket.assign", ret_answer,
                          err);
}

int ticket_assign(struct desk *desk, const struct caller *caller, const char *id,
                  const struct ticket_to *to, const char *reason, struct answer *ret_answer,
                  struct err *err) {
    struct act act = {.desk = desk, .caller = caller, .id = id, .to = to, .reason = reason};
    return run(&act, "ticket.assign", give_fn, ret_answer, err);
}

int ticket_transfer(struct desk *desk, const struct caller *caller, const char *id,
                    const struct ticket_to *to, const char *reason, struct answer *ret_answer,
                    struct err *err) {
    struct act act = {
        .desk = desk, .caller = caller, .id = id, .to = to, .reason = reason, .transfer = true};
    return run(&act, "ticket.transfer", give_fn, ret_answer, err);
}

/* ---- what is said of it ---- */

static int comment_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    const struct ticket_entry entry = {
        .actor = act->caller->actor,
        .what = "commented",
        .body = act->comment,
    };
    int r = load(act, tx, err);
    r = r < 0 ? r : ticket_write(act->desk, tx, &act->row, &entry, err);
    return r < 0 ? r : finish(act, tx, "ticket.comment", ret_answer, err);
}

int ticket_comment(struct desk *desk, const struct caller *caller, const char *id, const char *text,
                   struct answer *ret_answer, struct err *err) {
    /* What it says stands in the history; the audit log has that it was written. */
    struct act act = {.desk = desk, .caller = caller, .id = id, .reason = "", .comment = text};
    return run(&act, "ticket.comment", comment_fn, ret_answer, err);
}

/* ---- where it stands ---- */

static const struct {
    const char *what, *type, *action;
} words[] = {
    [MOVE_START] = {"started", NULL, "ticket.start"},
    [MOVE_WAIT] = {"waits", NULL, "ticket.wait"},
    [MOVE_CLOSE] = {"closed", "ticket.closed", "ticket.close"},
    [MOVE_REOPEN] = {"reopened", "ticket.reopened", "ticket.reopen"},
};

int ticket_do_move(struct desk *desk, struct store_tx *tx, const char *actor,
                   struct ticket_row *row, enum ticket_move move, const char *reason,
                   struct err *err) {
    const struct ticket_entry entry = {
        .actor = actor,
        .what = words[move].what,
        .body = reason,
        .type = words[move].type,
    };
    int r = ticket_go(tx, row, move, err);
    return r < 0 ? r : ticket_write(desk, tx, row, &entry, err);
}

static int move_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    int r = load(act, tx, err);
    if (r >= 0 && act->move == MOVE_REOPEN) {
        r = ticket_begin_again(act->desk, tx, act->arena, &act->row, act->caller->actor,
                               act->reason, err);
    } else if (r >= 0) {
        r = ticket_do_move(act->desk, tx, act->caller->actor, &act->row, act->move, act->reason,
                           err);
    }
    return r < 0 ? r : finish(act, tx, words[act->move].action, ret_answer, err);
}

int ticket_move(struct desk *desk, const struct caller *caller, const char *id, const char *move,
                const char *reason, struct answer *ret_answer, struct err *err) {
    struct act act = {.desk = desk, .caller = caller, .id = id, .reason = reason};
    if (!ticket_move_parse(move, &act.move) || (size_t)act.move >= COUNT_OF(words) ||
        words[act.move].action == NULL) {
        return err_set(err, ERR_VALIDATION, "a ticket has no move \"%.20s\"", move);
    }
    return run(&act, words[act.move].action, move_fn, ret_answer, err);
}
