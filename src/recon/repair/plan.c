/* SPDX-License-Identifier: Apache-2.0
 * plan.c: after a run: which breaks the rules take, which are for people, and whose tickets are
 * over. Each break is a transaction of its own, so that the job may begin again at any time. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "desk/ticket.h"
#include "recon/flood.h"
#include "recon/repair/repair_impl.h"
#include "store/audit.h"

enum { PAGE_BREAKS = 50 };
/* So long after a repair a statement should have shown what it did. */
#define SHOWN_BY_US (INT64_C(5) * 86400 * US_PER_SECOND)

int repair_ask_plan(struct store_tx *tx, const char *gateway, struct err *err) {
    int64_t now_us = clock_wall_us();
    int r = job_add(tx, JOB_REPAIR_PLAN, gateway, now_us, "", err);
    return r == 0 ? job_hasten(tx, JOB_REPAIR_PLAN, gateway, now_us, err) : r;
}

static int ask_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int r = repair_ask_plan(tx, ctx, err);
    return r < 0 ? r : 0;
}

int repair_after_run(struct recon *recon, const char *gateway, struct err *err) {
    char name[GATEWAY_NAME_CHARS_MAX + 1];
    snprintf(name, sizeof name, "%s", gateway);
    int r = store_write(recon->options.store, ask_tx, name, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r;
}

/* ---- pages of breaks ---- */

struct page {
    const char *gateway, *sql;
    char ids[PAGE_BREAKS][ID_TEXT_MAX];
    int count;
    char after[ID_TEXT_MAX];
};

static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct page *page = ctx;
    page->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, page->sql, S_TEXT(page->gateway), S_TEXT(page->after));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(page->ids[page->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

/* Every break, or case, that the statement finds, each in a transaction of its own. */
static int each(struct recon *recon, const char *gateway, const char *sql, store_fn *fn,
                struct err *err) {
    struct store *store = recon->options.store;
    struct page page = {.gateway = gateway, .sql = sql};
    int r;
    do {
        r = store_read(store, page_tx, &page, err);
        for (int i = 0; r >= 0 && i < page.count; i++) {
            ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
            struct repair_one one = {recon, arena, page.ids[i]};
            r = store_write(store, fn, &one, err);
        }
        if (page.count > 0) {
            memcpy(page.after, page.ids[page.count - 1], sizeof page.after);
        }
    } while (r >= 0 && page.count == PAGE_BREAKS);
    return r < 0 ? r : 0;
}

/* ---- taking ---- */

static int take(const struct repair_one *one, struct store_tx *tx, const struct repair_facts *facts,
                const struct repair_rule *rule, int64_t amount_minor, struct err *err) {
    char why[REPAIR_TEXT_CHARS_MAX + 1], actor[REPAIR_ACTOR_CHARS_MAX + 1], line[240];
    int64_t now_us = clock_wall_us();
    const struct repair_row row = {
        .id = repair_id_new(),
        .break_id = facts->row.id.text,
        .case_id = facts->held != NULL ? facts->held->id : "",
        .gateway = facts->row.gateway,
        .rule = rule->name,
        .action = rule->action,
        .state = REPAIR_IS_PLANNED,
        .payment_id = facts->payment_id,
        .attempt_id = facts->attempt_id,
        .operation_id = facts->operation_id,
        .second_id = facts->second_id,
        .second_charge_id = facts->second_charge_id,
        .currency = facts->row.currency,
        .amount_minor = amount_minor,
        .day = repair_day(now_us),
        .planned_us = now_us,
    };
    int r = repair_reserve(tx, rule, row.currency, amount_minor, row.day, why, err);
    if (r <= 0) {
        return r < 0 ? r : repair_stop(one->recon, tx, rule->name, why, err);
    }
    struct break_row broken = facts->row;
    repair_actor(rule->name, actor);
    snprintf(line, sizeof line, "%s: %s", row.id.text, repair_action_does(rule->action));
    r = repair_row_insert(tx, &row, err);
    if (r == 0) {
        return err_set(err, ERR_STORE_CONFLICT, "%s was taken meanwhile", row.break_id);
    }
    r = r < 0 ? r : job_add(tx, JOB_REPAIR, row.break_id, now_us, "", err);
    r = r < 0 || facts->held != NULL ? r : break_note(tx, &broken, actor, "repair", line, err);
    return r < 0 ? r : audit_append(tx, actor, "repair.plan", row.id.text, line, "{}", err);
}

int repair_take_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct repair_one *one = ctx;
    const struct repair_rules *rules = one->recon->options.rules;
    struct repair_switch all;
    struct repair_facts facts;
    struct repair_row before;
    int r = repair_switch_load(tx, true, &all, err);
    if (r < 0 || all.stopped) {
        return r;
    }
    r = repair_facts_load(tx, one->arena, one->id, true, &facts, err);
    if (r < 0 || facts.row.state != BREAK_OPEN) {
        return r;
    }
    r = repair_row_of_break(tx, one->arena, one->id, false, &before, err);
    r = r != 0 ? r : repair_elsewhere(tx, one->arena, &facts, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    for (int i = 0; i < rules->count; i++) {
        const struct repair_rule *rule = &rules->rules[i];
        bool enabled = false;
        int64_t amount_minor = 0;
        char why[REPAIR_TEXT_CHARS_MAX + 1];
        if (repair_rule_of(rules, &facts, rule->name, clock_wall_us(), &amount_minor, why) ==
            NULL) {
            continue;
        }
        r = repair_rule_enabled(tx, rule, &enabled, err);
        if (r < 0 || enabled) {
            return r < 0 ? r : take(one, tx, &facts, rule, amount_minor, err);
        }
    }
    return 0;
}

/* ---- for people ---- */

bool repair_waited_for(const struct repair_row *row) {
    return repair_state_live(row->state) ||
           (row->state == REPAIR_IS_DONE && clock_wall_us() - row->ended_us < SHOWN_BY_US);
}

static int ticket_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct repair_one *one = ctx;
    struct repair_facts facts;
    struct repair_row row;
    int found = repair_row_of_break(tx, one->arena, one->id, false, &row, err);
    if (found < 0 || (found > 0 && repair_waited_for(&row))) {
        return found < 0 ? found : 0;
    }
    int r = repair_facts_load(tx, one->arena, one->id, true, &facts, err);
    if (r < 0 || !break_is_live(facts.row.state)) {
        return r;
    }
    r = repair_joined(one->recon, tx, one->arena, &facts, err);
    return r != 0 ? (r < 0 ? r : 0)
                  : repair_ticket(one->recon, tx, &facts, found > 0 ? &row : NULL, err);
}

static int close_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct repair_one *one = ctx;
    struct break_row row;
    const struct ticket_subject subject = {"break", one->id};
    int r = break_load(tx, one->arena, one->id, true, &row, err);
    if (r < 0 || break_is_live(row.state)) {
        return r;
    }
    char why[BREAK_REASON_CHARS_MAX + 1];
    snprintf(why, sizeof why, "the break is %s: %.400s", break_state_name(row.state),
             row.resolution);
    r = ticket_close_for(one->recon->options.desk, tx, &subject, "system", why, err);
    return r < 0 ? r : 0;
}

int repair_plan_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    static const char to_take[] =
        "SELECT b.id FROM recon_break b WHERE b.gateway = $1 AND b.state = 1 AND b.id > $2 AND NOT "
        "EXISTS (SELECT 1 FROM repair r WHERE r.break_id = b.id)" FLOOD_NOT_HELD
        "ORDER BY b.id LIMIT 50";
    static const char live[] = "SELECT b.id FROM recon_break b WHERE b.gateway = $1 AND b.state IN "
                               "(1, 2) AND b.id > $2" FLOOD_NOT_HELD "ORDER BY b.id LIMIT 50";
    static const char cases[] = "SELECT id FROM review_case WHERE gateway = $1 AND state = 1 AND "
                                "kind <> 'statement_disagrees' AND id > $2 ORDER BY id LIMIT 50";
    static const char over[] =
        "SELECT b.id FROM ticket t JOIN recon_break b ON b.id = t.subject WHERE t.kind = 'break' "
        "AND t.state <> 6 AND b.gateway = $1 AND b.state IN (3, 4, 5) AND b.id > $2 ORDER BY b.id "
        "LIMIT 50";
    (void)ret_again_us;
    struct recon *recon = ctx;
    int r = recon->options.rules == NULL ? 0 : each(recon, job->key, to_take, repair_take_tx, err);
    r = r < 0 || recon->options.rules == NULL ? r
                                              : each(recon, job->key, cases, repair_take_tx, err);
    if (r >= 0 && recon->options.desk != NULL) {
        r = each(recon, job->key, over, close_tx, err);
        r = r < 0 ? r : each(recon, job->key, cases, repair_case_ticket_tx, err);
        r = r < 0 ? r : each(recon, job->key, live, ticket_tx, err);
    }
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r < 0 ? r : 0;
}
static_assert(PAGE_BREAKS == 50 && BREAK_OPEN == 1 && BREAK_ASSIGNED == 2 && BREAK_HEALED == 3 &&
                  BREAK_RESOLVED == 4 && BREAK_WRITTEN_OFF == 5 && TICKET_CLOSED == 6,
              "the numbers above");
