/* SPDX-License-Identifier: Apache-2.0
 * facts.c: what is known of a break, from our rows alone, and which rule could do something about
 * it. The gateway is asked later (work.c); nothing here decides about money. */
#include <string.h>

#include "payment/machine.h"
#include "recon/repair/repair_impl.h"

/* ---- names ---- */

static const char *first_of(const struct repair_facts *facts, enum match_side side,
                            const char *(*pick)(const struct break_member *member)) {
    for (int i = 0; i < facts->members.count; i++) {
        const struct break_member *member = &facts->members.rows[i];
        if (member->side == side && pick(member)[0] != '\0') {
            return pick(member);
        }
    }
    return "";
}

static const char *attempt_of(const struct break_member *member) {
    return member->attempt_id;
}

static const char *operation_of(const struct break_member *member) {
    return member->operation_id;
}

static const char *payment_of(const struct break_member *member) {
    return member->payment_id;
}

static const char *either(const struct repair_facts *facts,
                          const char *(*pick)(const struct break_member *member)) {
    const char *theirs = first_of(facts, THEIRS, pick);
    return theirs[0] != '\0' ? theirs : first_of(facts, OURS, pick);
}

/* What the gateway calls a second charge. A row is known by the charge's name, and may tell the
 * object that it is of (a payment intent, an order) as its original. */
static void name_second(struct repair_facts *facts, const char *own_id, const char *own_charge) {
    const struct break_member *row = NULL;
    for (int i = 0; row == NULL && i < facts->members.count; i++) {
        row = facts->members.rows[i].side == THEIRS ? &facts->members.rows[i] : NULL;
    }
    bool same = row == NULL || row->gateway_id[0] == '\0' || strcmp(row->gateway_id, own_id) == 0 ||
                strcmp(row->gateway_id, own_charge) == 0;
    if (same) {
        return;
    }
    bool by_charge = own_charge[0] != '\0' && strcmp(own_charge, own_id) != 0;
    if (row->original_id[0] != '\0' && strcmp(row->original_id, own_id) != 0) {
        facts->second_id = row->original_id;
        facts->second_charge_id = row->gateway_id;
    } else if (row->original_id[0] != '\0' || by_charge) {
        facts->second_charge_id = row->gateway_id; /* of the same object */
    } else {
        facts->second_id = row->gateway_id;
    }
}

/* Its case has the gateway's name of it, or is that of the attempt's own late money. */
static int load_returned(struct store_tx *tx, struct repair_facts *facts, struct err *err) {
    bool named = facts->second_id[0] != '\0' || facts->second_charge_id[0] != '\0';
    const char *subject = !named                         ? facts->attempt_id
                          : facts->second_id[0] != '\0' ? facts->second_id
                                                        : facts->second_charge_id;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT c.id FROM review_case c JOIN operation o ON o.id = c.operation_id "
                      "WHERE c.kind = $1 AND c.subject = $2 AND c.gateway = $3 AND o.state = 4",
                      S_TEXT(named ? "duplicate_charge" : "late_success"), S_TEXT(subject),
                      S_TEXT(facts->row.gateway));
    r = r < 0 ? r : sql_next(rows, err);
    facts->returned = r > 0;
    return r < 0 ? r : 0;
}
static_assert(OPERATION_SUCCEEDED == 4, "the state above");

static int load_attempt(struct store_tx *tx, struct arena *arena, struct repair_facts *facts,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT a.state, a.callback_us, a.gateway_id, a.charge_id, p.captured_minor, (SELECT "
        "COUNT(*) FROM payment o WHERE o.order_id = p.order_id AND o.id <> p.id AND o.holds_order "
        "= 1 AND o.captured_minor > 0), p.id, (SELECT COUNT(*) FROM attempt b WHERE b.payment_id = "
        "p.id AND b.live = 1 AND b.state = 6 AND b.gateway <> a.gateway) + (SELECT COUNT(*) FROM "
        "payment q JOIN attempt b ON b.payment_id = q.id WHERE q.order_id = p.order_id AND q.id <> "
        "p.id AND q.holds_order = 1 AND b.live = 1 AND b.state = 6 AND b.gateway <> a.gateway) "
        "FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE a.id = $1 AND a.gateway = $2",
        S_TEXT(facts->attempt_id), S_TEXT(facts->row.gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        facts->attempt_id = ""; /* of another gateway: not what this row tells of */
        facts->operation_id = "";
        return r;
    }
    enum attempt_state state = (enum attempt_state)sql_int(rows, 0);
    facts->attempt_live = attempt_state_live(state);
    facts->attempt_charged = state == ATTEMPT_CHARGED;
    facts->callback_came = sql_int(rows, 1) > 0;
    facts->paid_otherwise = !facts->attempt_charged &&
                            (sql_int(rows, 4) > 0 || sql_int(rows, 5) > 0);
    facts->paid_elsewhere = facts->paid_otherwise && sql_int(rows, 7) > 0;
    facts->payment_id = arena_copy(arena, sql_text(rows, 6));
    facts->own_id = arena_copy(arena, sql_text(rows, 2));
    name_second(facts, sql_text(rows, 2), sql_text(rows, 3));
    sql_rows_free(rows);
    rows = NULL;
    r = load_returned(tx, facts, err);
    return r < 0 ? r
                 : repair_callbacks_waiting(tx, facts->attempt_id, &facts->callbacks_waiting, err);
}

static_assert(ATTEMPT_CHARGED == 6, "the state above");

static int load_break(struct store_tx *tx, struct arena *arena, const char *break_id, bool lock,
                      struct repair_facts *facts, struct err *err) {
    int r = break_load(tx, arena, break_id, lock, &facts->row, err);
    r = r < 0 ? r : break_members_load(tx, arena, &facts->row, &facts->members, err);
    if (r < 0) {
        return r;
    }
    facts->attempt_id = either(facts, attempt_of);
    facts->operation_id = either(facts, operation_of);
    facts->payment_id = either(facts, payment_of);
    return 0;
}

int repair_facts_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                      struct repair_facts *ret_facts, struct err *err) {
    *ret_facts = (struct repair_facts){.second_id = "", .second_charge_id = "", .own_id = ""};
    int r = repair_is_case(id) ? repair_case_facts(tx, arena, id, ret_facts, err)
                               : load_break(tx, arena, id, lock, ret_facts, err);
    r = r < 0 || ret_facts->attempt_id[0] == '\0' ? r : load_attempt(tx, arena, ret_facts, err);
    if (r >= 0 && ret_facts->held != NULL) {
        repair_case_judge(ret_facts);
    }
    return r;
}

int repair_look_again(struct store_tx *tx, const struct repair_facts *facts, struct err *err) {
    int64_t opened = 0;
    for (int i = 0; opened >= 0 && i < facts->members.count; i++) {
        const struct break_member *member = &facts->members.rows[i];
        int64_t one = member->side != THEIRS
                          ? 0
                          : sql_exec(tx, err,
                                     "UPDATE movement SET open = 1 WHERE side = 2 AND id = $1 AND "
                                     "open IS NULL AND match_id = ''",
                                     S_TEXT(member->movement_id));
        opened = one < 0 ? one : opened + one;
    }
    return (int)opened;
}

/* ---- what fits ---- */

static int64_t magnitude(int64_t minor) {
    return minor < 0 ? -minor : minor;
}

/* Of what is there, else of what is here. */
static int64_t amount_of(const struct repair_facts *facts) {
    return facts->row.their_minor != 0 ? magnitude(facts->row.their_minor)
                                       : magnitude(facts->row.our_minor);
}

static const char *not_complete(const struct repair_facts *facts) {
    return facts->attempt_id[0] == '\0' ? "no attempt of ours is known for it"
           : facts->attempt_charged     ? "it is charged here by now"
           : facts->paid_otherwise      ? "its order was paid another way"
           : facts->row.our_rows > 1 || facts->members.more > 0 ? "several rows are in it"
                                                                : NULL;
}

static const char *not_return(const struct repair_facts *facts) {
    if (facts->attempt_id[0] == '\0') {
        return "no attempt of ours is known for it";
    }
    if (facts->row.kind != ROW_CHARGE) {
        return "it is about no charge";
    }
    if (facts->row.their_rows != 1) {
        return "several rows are in it";
    }
    if (facts->returned) {
        return "the second charge was sent back already";
    }
    bool named = facts->second_id[0] != '\0' || facts->second_charge_id[0] != '\0';
    if (facts->row.class == CLASS_PAID_THERE || facts->row.class == CLASS_TWO_GATEWAYS) {
        return facts->paid_otherwise ? NULL : "nothing else paid its order";
    }
    return !facts->attempt_charged ? "the first charge is not booked here"
           : !named                ? "it bears the name of the first charge: one charge, told twice"
                                   : NULL;
}

static const char *not_write_off(const struct repair_facts *facts) {
    const struct break_row *row = &facts->row;
    bool refund = row->class == CLASS_REFUND_MISMATCH;
    return break_may_write_off(row, NULL) < 0 ? "there is nothing that can be written off"
           : row->kind != (refund ? ROW_REFUND : ROW_CHARGE) ? "it is about a dispute or a bank"
           : refund && facts->operation_id[0] == '\0'        ? "no refund of ours is known for it"
           : !refund && facts->attempt_id[0] == '\0'         ? "no attempt of ours is known for it"
           : row->our_rows != 1 || row->their_rows != 1      ? "several rows are in it"
                                                             : NULL;
}

static const char *not_replay(const struct repair_facts *facts) {
    const char *why = not_complete(facts);
    return why != NULL            ? why
           : !facts->attempt_live ? "its attempt is over"
           : facts->callback_came && facts->callbacks_waiting == 0
               ? "its callback has come and was processed"
               : NULL;
}

static const char *not_refund(const struct repair_facts *facts) {
    return facts->operation_id[0] == '\0'                         ? "no refund of ours is known "
                                                                    "for it"
           : facts->row.our_rows > 1 || facts->row.their_rows > 1 ? "several rows are in it"
                                                                  : NULL;
}

int64_t repair_amount(const struct repair_facts *facts, enum repair_action action,
                      const char **ret_why) {
    *ret_why = NULL;
    switch (action) {
    case REPAIR_COMPLETE:
        *ret_why = not_complete(facts);
        break;
    case REPAIR_RETURN_SECOND:
        *ret_why = not_return(facts);
        break;
    case REPAIR_WRITE_OFF:
        *ret_why = not_write_off(facts);
        return *ret_why != NULL ? 0 : magnitude(facts->row.difference_minor);
    case REPAIR_REPLAY:
        *ret_why = not_replay(facts);
        break;
    case REPAIR_REFUND:
        *ret_why = not_refund(facts);
        break;
    case REPAIR_ACTION_NONE:
        *ret_why = "there is no such action";
        break;
    }
    return *ret_why != NULL ? 0 : amount_of(facts);
}

/* 0: the rule, which is for it, would take it; else why not. */
static int refuses(const struct repair_rule *rule, const struct repair_facts *facts,
                   int64_t *ret_amount, char *why, size_t bytes) {
    const struct repair_cap *cap = repair_rule_cap(rule, facts->row.currency);
    const char *unfit = NULL;
    if (cap == NULL) {
        return snprintf(why, bytes, "it has no cap for %s", facts->row.currency.code);
    }
    *ret_amount = repair_amount(facts, rule->action, &unfit);
    if (*ret_amount <= 0) {
        return snprintf(why, bytes, "%s", unfit != NULL ? unfit : "there is nothing to move");
    }
    if (*ret_amount > cap->each_minor) {
        char amount[MONEY_TEXT_MAX], each[MONEY_TEXT_MAX];
        return snprintf(why, bytes, "%s is above its cap for one, %s",
                        money_show(*ret_amount, facts->row.currency, amount),
                        money_show(cap->each_minor, facts->row.currency, each));
    }
    return 0;
}

const struct repair_rule *repair_rule_of(const struct repair_rules *rules,
                                         const struct repair_facts *facts, const char *only,
                                         int64_t now_us, int64_t *ret_amount,
                                         char ret_why[REPAIR_TEXT_CHARS_MAX + 1]) {
    size_t used = 0;
    ret_why[0] = '\0';
    for (int i = 0; rules != NULL && i < rules->count; i++) {
        const struct repair_rule *rule = &rules->rules[i];
        char why[REPAIR_WHY_CHARS_MAX + 1] = "";
        if (only != NULL && strcmp(only, rule->name) != 0) {
            continue;
        }
        const char *not_for = repair_rule_not_for(rule, &facts->row, now_us);
        if (not_for == NULL && refuses(rule, facts, ret_amount, why, sizeof why) == 0) {
            ret_why[0] = '\0';
            return rule;
        }
        if (used < REPAIR_TEXT_CHARS_MAX && (not_for == NULL || not_for[0] != '\0')) {
            int more = snprintf(ret_why + used, REPAIR_TEXT_CHARS_MAX + 1 - used, "%s%s: %s",
                                used > 0 ? "; " : "", rule->name, not_for != NULL ? not_for : why);
            used += more > 0 ? (size_t)more : 0;
        }
    }
    if (ret_why[0] == '\0') {
        snprintf(ret_why, REPAIR_TEXT_CHARS_MAX + 1, "no rule is for this class");
    }
    return NULL;
}
