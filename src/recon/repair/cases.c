/* SPDX-License-Identifier: Apache-2.0
 * cases.c: cases (payment/cases.h) as rules and people see them: money that a callback or an answer
 * told of, and that nothing here explains. Each has a ticket while it is open, and the rules that
 * are for breaks of its class are for it.
 *
 * The same money may be told of twice, by a callback and by a statement. Then one ticket is for
 * both, that of the case, unless the break had one first; and one repair, that of the break while
 * it is live, even where that is refused: then it bears the case's id. What the case has put in the
 * books heals the break at the next run. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket.h"
#include "recon/repair/repair_impl.h"

enum { BREAKS_MAX = 20, MEMBERS_MAX = 5, LINE_CHARS_MAX = 400 };

#define CLASS_NONE ((enum match_class)0)

static const struct repair_case_kind kinds[] = {
#define X(kind, class, ticket, risk, title) {(kind), CLASS_##class, (ticket), RISK_##risk, (title)},
#include "recon/repair/repair_cases.def"
#undef X
};

const struct repair_case_kind *repair_case_kind(const char *kind) {
    size_t i = 0;
    while (i + 1 < COUNT_OF(kinds) && strcmp(kinds[i].kind, kind) != 0) {
        i++;
    }
    return &kinds[i];
}

bool repair_is_case(const char *id) {
    return strncmp(id, "case_", 5) == 0;
}

/* ---- what is known of one ---- */

int repair_case_facts(struct store_tx *tx, struct arena *arena, const char *case_id,
                      struct repair_facts *ret_facts, struct err *err) {
    struct repair_case *held = arena_alloc(arena, sizeof *held);
    int r = repair_case_load(tx, arena, case_id, held, err);
    if (r < 0) {
        return r;
    }
    ret_facts->held = held;
    ret_facts->attempt_id = held->attempt_id;
    ret_facts->operation_id = "";
    ret_facts->payment_id = held->payment_id;
    ret_facts->row = (struct break_row){
        .gateway = held->gateway,
        .risk = repair_case_kind(held->kind)->risk,
        .state = !held->open       ? BREAK_RESOLVED
                 : held->returning ? BREAK_ASSIGNED /* somebody is at it */
                                   : BREAK_OPEN,
        .owner = "",
        .kind = held->went ? ROW_REFUND : ROW_CHARGE,
        .payment_id = held->payment_id,
        .order_id = "",
        .currency = held->currency,
        .their_minor = held->amount_minor,
        .their_rows = 1,
        .side = THEIRS,
        .movement_id = "",
        .detail = held->detail,
        .at_us = held->opened_us,
        .opened_us = held->opened_us,
        .updated_us = held->opened_us,
        .closed_us = held->closed_us,
        .first_run = "",
        .last_run = "",
        .resolution = held->resolution,
        .decided_by = held->decided_by,
        .stake_minor = held->amount_minor,
        .risk_why = "",
        .approval_id = "",
    };
    snprintf(ret_facts->row.id.text, sizeof ret_facts->row.id.text, "%s", held->id);
    return 0;
}

/* Late money is for the rules where its order was paid another way: then it is a second charge.
 * Else it is for people, who were told that the payment had failed, or for the statement that tells
 * of it; so is what is not all of an attempt (a transfer, a late capture). */
void repair_case_judge(struct repair_facts *facts) {
    const struct repair_case *held = facts->held;
    enum match_class class = held->came ? repair_case_kind(held->kind)->class : CLASS_NONE;
    if (class == CLASS_PAID_THERE) {
        bool second = strcmp(held->subject, held->attempt_id) == 0 && facts->paid_otherwise;
        class = !second                 ? CLASS_NONE
                : facts->paid_elsewhere ? CLASS_TWO_GATEWAYS
                                        : CLASS_PAID_THERE;
    } else if (class == CLASS_DOUBLE_CHARGE) {
        bool same = strcmp(held->gateway_id, facts->own_id) == 0;
        facts->second_id = same ? "" : held->subject;
        facts->second_charge_id = same ? held->subject : held->charge_id;
    }
    facts->row.class = class;
}

/* ---- the same money on a statement ---- */

static bool is_late(const struct repair_case *held) {
    return strcmp(held->kind, "late_success") == 0;
}

static bool named(const char *name, const char *by) {
    return name[0] != '\0' && strcmp(name, by) == 0;
}

static bool member_is(const struct break_member *member, const struct repair_case *held) {
    if (is_late(held)) {
        return named(held->attempt_id, member->attempt_id);
    }
    return named(held->subject, member->gateway_id) || named(held->charge_id, member->gateway_id) ||
           named(held->refund_id, member->gateway_id) ||
           (held->came && named(held->subject, member->original_id));
}

/* Late money is the attempt's own: of that a break says that it is open here. */
static bool same_money(const struct repair_facts *broken, const struct repair_case *held) {
    enum match_class class = broken->row.class;
    enum row_family family = row_kind_family(broken->row.kind);
    bool own = class == CLASS_PAID_THERE || class == CLASS_TWO_GATEWAYS ||
               class == CLASS_MISSING_HERE;
    bool fits = held->went ? family == FAMILY_REFUND : held->came && family == FAMILY_PAYMENT;
    if (!fits || (is_late(held) && !own) || strcmp(broken->row.gateway, held->gateway) != 0) {
        return false;
    }
    for (int i = 0; i < broken->members.count; i++) {
        const struct break_member *member = &broken->members.rows[i];
        if (member->side == THEIRS && member_is(member, held)) {
            return true;
        }
    }
    return false;
}

int repair_break_of_case(struct store_tx *tx, struct arena *arena, const struct repair_case *held,
                         const char **ret_id, struct err *err) {
    char ids[BREAKS_MAX][ID_TEXT_MAX];
    int count = 0;
    if (!held->came && !held->went) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT b.id FROM recon_break b WHERE b.gateway = $1 AND b.state IN (1, 2) AND "
        "b.payment_id = $2 AND b.payment_id <> '' UNION SELECT b.id FROM statement_row r JOIN "
        "recon_break_member m ON m.movement_id = r.statement_id || '#' || CAST(r.number AS text) "
        "JOIN recon_break b ON b.id = m.break_id WHERE m.side = 2 AND b.gateway = $1 AND b.state "
        "IN (1, 2) AND r.gateway_id IN ($3, $4, $5) AND r.gateway_id <> '' UNION SELECT b.id FROM "
        "statement_row r JOIN recon_break_member m ON m.movement_id = r.statement_id || '#' || "
        "CAST(r.number AS text) JOIN recon_break b ON b.id = m.break_id WHERE m.side = 2 AND "
        "b.gateway = $1 AND b.state IN (1, 2) AND r.reference = $6 AND r.reference <> '' ORDER BY "
        "1 LIMIT $7",
        S_TEXT(held->gateway), S_TEXT(held->payment_id), S_TEXT(held->subject),
        S_TEXT(held->charge_id), S_TEXT(held->refund_id), S_TEXT(held->attempt_id),
        S_INT(BREAKS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(ids[count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    sql_rows_free(rows);
    rows = NULL;
    for (int i = 0; r >= 0 && i < count; i++) {
        struct repair_facts facts;
        r = repair_facts_load(tx, arena, ids[i], false, &facts, err);
        if (r >= 0 && same_money(&facts, held)) {
            *ret_id = arena_copy(arena, ids[i]);
            return 1;
        }
    }
    return r < 0 ? r : 0;
}
static_assert(BREAK_OPEN == 1 && BREAK_ASSIGNED == 2, "the states above");

static int case_named(struct store_tx *tx, struct arena *arena, const struct repair_facts *facts,
                      const char *subject, const char **ret_id, struct err *err) {
    struct repair_case held;
    SQL_ROWS_AUTO rows = NULL;
    int r = subject[0] == '\0'
                ? 0
                : sql_query(tx, err, &rows,
                            "SELECT id FROM review_case WHERE subject = $1 AND state = 1 AND "
                            "gateway = $2 AND posted IN (10, 11) ORDER BY id LIMIT 1",
                            S_TEXT(subject), S_TEXT(facts->row.gateway));
    r = r < 0 || rows == NULL ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    const char *id = arena_copy(arena, sql_text(rows, 0));
    r = repair_case_load(tx, arena, id, &held, err);
    if (r < 0 || !same_money(facts, &held)) {
        return r < 0 ? r : 0;
    }
    *ret_id = id;
    return 1;
}

int repair_case_of_break(struct store_tx *tx, struct arena *arena, const struct repair_facts *facts,
                         const char **ret_id, struct err *err) {
    int r = 0;
    for (int i = 0, seen = 0; r == 0 && i < facts->members.count && seen < MEMBERS_MAX; i++) {
        const struct break_member *member = &facts->members.rows[i];
        if (member->side != THEIRS) {
            continue;
        }
        seen++;
        r = case_named(tx, arena, facts, member->gateway_id, ret_id, err);
        r = r != 0 ? r : case_named(tx, arena, facts, member->original_id, ret_id, err);
        r = r != 0 ? r : case_named(tx, arena, facts, member->attempt_id, ret_id, err);
    }
    return r;
}

int repair_elsewhere(struct store_tx *tx, struct arena *arena, const struct repair_facts *facts,
                     struct err *err) {
    const char *other = "";
    SQL_ROWS_AUTO rows = NULL;
    if (facts->held != NULL) {
        int r = sql_query(tx, err, &rows, "SELECT id FROM repair WHERE case_id = $1 LIMIT 1",
                          S_TEXT(facts->held->id));
        r = r < 0 ? r : sql_next(rows, err);
        return r != 0 ? r : repair_break_of_case(tx, arena, facts->held, &other, err);
    }
    int r = repair_case_of_break(tx, arena, facts, &other, err);
    r = r <= 0
            ? r
            : sql_query(tx, err, &rows, "SELECT id FROM repair WHERE break_id = $1", S_TEXT(other));
    return r < 0 || rows == NULL ? r : sql_next(rows, err);
}

/* ---- one ticket for both ---- */

static int ticket_is_live(struct store_tx *tx, const struct ticket_subject *subject,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM ticket WHERE kind = $1 AND subject = $2 AND state NOT IN (5, "
                      "6)",
                      S_TEXT(subject->kind), S_TEXT(subject->id));
    return r < 0 ? r : sql_next(rows, err);
}
static_assert(TICKET_RESOLVED == 5 && TICKET_CLOSED == 6, "the states above");

static int tell_once(struct recon *recon, struct store_tx *tx, const struct ticket_subject *subject,
                     const char *line, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT e.number FROM ticket t JOIN ticket_event e ON e.ticket_id = t.id "
                      "WHERE t.kind = $1 AND t.subject = $2 AND e.body = $3 LIMIT 1",
                      S_TEXT(subject->kind), S_TEXT(subject->id), S_TEXT(line));
    r = r < 0 ? r : sql_next(rows, err);
    return r != 0 ? r : ticket_tell(recon->options.desk, tx, subject, "system", line, err);
}

int repair_joined(struct recon *recon, struct store_tx *tx, struct arena *arena,
                  const struct repair_facts *facts, struct err *err) {
    const char *id = "";
    char line[LINE_CHARS_MAX];
    int r = repair_case_of_break(tx, arena, facts, &id, err);
    const struct ticket_subject of_case = {"case", id}, of_break = {"break", facts->row.id.text};
    r = r <= 0 ? r : ticket_is_live(tx, &of_case, err);
    if (r <= 0) {
        return r;
    }
    snprintf(line, sizeof line, "A statement tells of the same money: %s, %.250s",
             facts->row.id.text, facts->row.detail);
    r = tell_once(recon, tx, &of_case, line, err);
    snprintf(line, sizeof line, "%s is about the same money, and has a ticket", id);
    r = r < 0 ? r : ticket_close_for(recon->options.desk, tx, &of_break, "system", line, err);
    return r < 0 ? r : 1;
}

/* ---- after each change of a case ---- */

static int close_ticket(const struct repair_one *one, struct store_tx *tx,
                        const struct repair_case *held, struct err *err) {
    const struct ticket_subject subject = {"case", one->id};
    char why[BREAK_REASON_CHARS_MAX + 1];
    snprintf(why, sizeof why, "%.100s has decided: %.350s",
             held->decided_by[0] != '\0' ? held->decided_by : "somebody", held->resolution);
    int r = ticket_close_for(one->recon->options.desk, tx, &subject, "system", why, err);
    return r < 0 ? r : 0;
}

int repair_case_ticket_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct repair_one *one = ctx;
    struct repair_facts facts;
    struct repair_row row;
    const char *broken = "";
    int found = repair_row_of_break(tx, one->arena, one->id, false, &row, err);
    int r = found < 0 ? found : repair_facts_load(tx, one->arena, one->id, false, &facts, err);
    if (r < 0 || repair_case_kind(facts.held->kind)->ticket[0] == '\0') {
        return r;
    }
    if (!facts.held->open) {
        return close_ticket(one, tx, facts.held, err);
    }
    if (found > 0 && repair_waited_for(&row)) {
        return 0;
    }
    r = repair_break_of_case(tx, one->arena, facts.held, &broken, err);
    const struct ticket_subject of_break = {"break", broken};
    const struct ticket_subject of_case = {"case", one->id};
    int live = r <= 0 ? r : ticket_is_live(tx, &of_break, err);
    int own = live <= 0 ? live : ticket_is_live(tx, &of_case, err);
    if (live > 0 && own == 0) {
        char line[LINE_CHARS_MAX];
        snprintf(line, sizeof line, "It lies in suspense: %s, %.250s", one->id, facts.held->detail);
        r = tell_once(one->recon, tx, &of_break, line, err);
        return r < 0 ? r : 0;
    }
    r = live < 0 ? live : own;
    return r < 0 ? r : repair_ticket(one->recon, tx, &facts, found > 0 ? &row : NULL, err);
}

/* The break about the same money is told, and looked at by a run: the case has put the money into
 * the books, or a person has decided about it. */
static int heal_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct repair_one *one = ctx;
    struct repair_facts facts, broken;
    struct repair_row row;
    const char *id = "";
    char line[LINE_CHARS_MAX];
    int r = repair_facts_load(tx, one->arena, one->id, false, &facts, err);
    r = r < 0 ? r : repair_break_of_case(tx, one->arena, facts.held, &id, err);
    int found = r <= 0 ? r : repair_row_of_break(tx, one->arena, id, false, &row, err);
    if (r <= 0 || found < 0 || (found > 0 && repair_state_live(row.state))) {
        return r < 0 ? r : found < 0 ? found : 0; /* a repair is at it, and asks for a run itself */
    }
    r = repair_facts_load(tx, one->arena, id, true, &broken, err);
    if (r < 0 || !break_is_live(broken.row.state)) {
        return r;
    }
    if (facts.held->open) {
        snprintf(line, sizeof line, "%s is about the same money, which lies in suspense",
                 facts.held->id);
    } else {
        snprintf(line, sizeof line, "%s, about the same money, was decided by %.80s: %.200s",
                 facts.held->id, facts.held->decided_by, facts.held->resolution);
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT number FROM recon_break_event WHERE break_id = $1 AND what = 'case' AND "
                  "detail = $2 LIMIT 1",
                  S_TEXT(id), S_TEXT(line));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    r = break_note(tx, &broken.row, "system", "case", line, err);
    r = r < 0 ? r : repair_look_again(tx, &broken, err);
    r = r < 0 ? r : recon_ask_run(tx, broken.row.gateway, "system", err);
    return r < 0 ? r : 0;
}

int repair_case_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)ret_again_us;
    struct recon *recon = ctx;
    struct store *store = recon->options.store;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct repair_one one = {recon, arena, job->key};
    int r = recon->options.rules == NULL ? 0 : store_write(store, repair_take_tx, &one, err);
    r = r < 0 ? r : store_write(store, heal_tx, &one, err);
    if (r >= 0 && recon->options.desk != NULL) {
        r = store_write(store, repair_case_ticket_tx, &one, err);
    }
    if (r == -ERR_NOT_FOUND) {
        err_clear(err); /* it was kept as long as it had to be */
        return 0;
    }
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r < 0 ? r : 0;
}
