/* SPDX-License-Identifier: Apache-2.0
 * oracle_repair.c: what must be true of repair rules, whatever statements say. After commits: while
 * all rules are stopped none is taken on, and none begins to move money. At the end: no rule moved
 * more than it may, one at a time, in a day and in all; what was completed was charged there, what
 * was noted as refunded went back there, each to the unit and once; and each difference that is
 * left has a person's ticket. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "recon/repair/rules.h"
#include "sandbox/statement.h"
#include "sim/gateways.h"
#include "sim/oracle_impl.h"
#include "sim/rulebook.h"

/* ---- after a commit ---- */

/* The lock of the switch puts all that rules do in an order; each commit is looked at, but where
 * the disk is in trouble. */
void oracle_repairs(struct run *run) {
    struct rulebook *book = run->rulebook;
    struct count count = {
        .sql = "SELECT COALESCE((SELECT CASE stopped WHEN 1 THEN changed_us ELSE 0 END FROM "
               "repair_switch WHERE id = 1), 0), (SELECT COUNT(*) FROM repair) || ' ' || (SELECT "
               "COUNT(*) FROM repair WHERE state = 3)"};
    long long repairs = 0, doing = 0;
    book->changed = false;
    if (!oracle_count(run, &count) || sscanf(count.first, "%lld %lld", &repairs, &doing) != 2) {
        book->changed = true; /* asked again after the next one */
        return;
    }
    bool since = book->stopped_us > 0 && count.found == book->stopped_us;
    if (since && (repairs > book->repairs || doing > book->doing)) {
        run_fail(run, "stopped", "", "while all rules are stopped %lld repairs are taken on, and "
                 "%lld begin",
                 repairs - (long long)book->repairs, doing - (long long)book->doing);
    }
    book->stopped_us = count.found;
    book->repairs = repairs;
    book->doing = doing;
}

/* ---- caps ---- */

#define COUNTED "FROM repair WHERE rule = $1 AND state IN (1, 2, 3, 4, 8)"

/* Each enabling counts the total from zero, with what is under way. */
static void check_caps_of(struct end *end, const struct rulebook_rule *rule) {
    struct count enables = {
        .sql = "SELECT COUNT(*), '' FROM audit_entry WHERE action = 'repair.enable' AND subject = "
               "$1",
        .text = rule->name};
    bool known = oracle_count(end->run, &enables);
    int64_t times = known && enables.found > 0 ? enables.found : 1;
    const struct {
        const char *what, *sql;
        int64_t most;
    } caps[] = {
        {"of one repair", "SELECT COALESCE(MAX(amount_minor), 0), MIN(id) " COUNTED,
         rule->each_minor},
        {"repairs in a day",
         "SELECT COALESCE(MAX(n), 0), '' FROM (SELECT COUNT(*) AS n " COUNTED " GROUP BY day)",
         rule->day_count},
        {"repairs in all", "SELECT COUNT(*), '' " COUNTED, rule->total_count * times},
        {"money in a day",
         "SELECT COALESCE(MAX(n), 0), '' FROM (SELECT SUM(amount_minor) AS n " COUNTED
         " GROUP BY day, currency)",
         rule->day_minor},
        {"money in all",
         "SELECT COALESCE(MAX(n), 0), '' FROM (SELECT SUM(amount_minor) AS n " COUNTED
         " GROUP BY currency)",
         rule->total_minor * times},
    };
    for (size_t i = 0; i < COUNT_OF(caps) && !run_failed(end->run); i++) {
        struct count count = {.sql = caps[i].sql, .text = rule->name};
        if (oracle_count(end->run, &count) && count.found > caps[i].most) {
            run_fail(end->run, "caps", "", "the rule %s: %s: %lld, and it may be %lld", rule->name,
                     caps[i].what, (long long)count.found, (long long)caps[i].most);
        }
    }
}

/* ---- what was done ---- */

static const struct sb_entry *entry_of(const struct run *run, const char *reference) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            if (entry->taken_minor > 0 && strcmp(entry->reference, reference) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}

/* What the gateway's journal has of the refund: what went back less what came back of it. */
static int64_t refunded_there(const struct run *run, enum sb_gateway gateway,
                              const char *reference) {
    struct sb_statement *statement = rulebook_journal(run, gateway, false);
    int64_t minor = 0;
    for (guint i = 0; i < statement->truth->len; i++) {
        const struct sb_line *line = sb_line_at(statement->truth, i);
        bool refund = line->kind == SB_MOVE_REFUND || line->kind == SB_MOVE_REFUND_BACK;
        minor -= refund && strcmp(line->reference, reference) == 0 ? line->gross_minor : 0;
    }
    sb_statement_free(statement);
    return minor;
}

static void check_done(struct end *end, const json_t *repair) {
    struct run *run = end->run;
    const char *action = oracle_text(repair, "action"), *id = oracle_text(repair, "id");
    const char *attempt = oracle_text(repair, "attempt_id");
    const char *operation = oracle_text(repair, "operation_id");
    enum sb_gateway gateway = SB_STRIPE;
    bool completes = strcmp(action, "complete") == 0 || strcmp(action, "replay") == 0;
    if (completes && entry_of(run, attempt) == NULL) {
        run_fail(run, "repair", attempt, "%s has completed %s, and nothing was charged", id,
                 attempt);
    }
    const json_t *row = json_object_get(end->operations, operation);
    if (strcmp(action, "refund") != 0 || row == NULL ||
        strcmp(oracle_text(row, "state"), "succeeded") != 0 ||
        !sim_gateway_find(oracle_text(repair, "gateway"), &gateway)) {
        return;
    }
    int64_t asked = json_peek_int(row, 0, "amount", NULL);
    int64_t there = refunded_there(run, gateway, operation);
    if (there != asked) {
        run_fail(run, "repair", operation, "%s has ended %s of %lld, and %lld went back at %s (%s)",
                 id, operation, (long long)asked, (long long)there, oracle_text(repair, "gateway"),
                 oracle_text(repair, "said"));
    }
}

static void check_all_done(struct end *end) {
    json_t *repairs = oracle_list(end->run, "/v1/repairs?state=done");
    size_t i;
    json_t *repair;
    json_array_foreach(repairs, i, repair) {
        if (!run_failed(end->run)) {
            check_done(end, repair);
        }
    }
    json_decref(repairs);
}

/* ---- what is left, and what there was ---- */

static void check_rest(struct end *end) {
    static const struct {
        const char *what, *sql;
    } rules[] = {
        {"money of a case was sent back twice",
         "SELECT COUNT(*), MIN(c) FROM (SELECT retry_of AS c FROM operation WHERE kind = 4 AND "
         "state = 4 GROUP BY retry_of HAVING COUNT(*) > 1)"},
        /* Where a case is about the same money its ticket is for both. */
        {"a difference is left, and no person has it",
         "SELECT COUNT(*), MIN(b.id || ' of class ' || b.class) FROM recon_break b WHERE b.state "
         "IN (1, 2) AND NOT EXISTS (SELECT 1 FROM ticket t WHERE t.subject = b.id AND t.state <> "
         "6) AND NOT EXISTS (SELECT 1 FROM ticket t WHERE t.kind = 'case' AND t.payment_id = "
         "b.payment_id AND t.state <> 6) AND NOT EXISTS (SELECT 1 FROM repair r WHERE r.break_id = "
         "b.id AND r.state IN (1, 2, 3, 4))"},
        {"all rules are stopped, and no person knows",
         "SELECT COUNT(*), MIN(s.why) FROM repair_switch s WHERE s.stopped = 1 AND NOT EXISTS "
         "(SELECT 1 FROM ticket t WHERE t.subject = 'stopped' AND t.state <> 6)"},
    };
    for (size_t i = 0; i < COUNT_OF(rules) && !run_failed(end->run); i++) {
        struct count count = {.sql = rules[i].sql};
        if (oracle_count(end->run, &count) && count.found > 0) {
            run_fail(end->run, "repair", "", "%s: %lld, %s", rules[i].what, (long long)count.found,
                     count.first);
        }
    }
}

void check_repairs(struct end *end) {
    static const char *const sights[SIM_SIGHTS] = {
#define X(NAME, text, sql) [SIM_SAW_##NAME] = (sql),
#include "sim/sights.def"
#undef X
    };
    struct run *run = end->run;
    if (run->rulebook == NULL) {
        return;
    }
    for (int i = 0; i < RULEBOOK_RULES && !run_failed(run); i++) {
        if (run->rulebook->rules[i].there) {
            check_caps_of(end, &run->rulebook->rules[i]);
        }
    }
    if (!run_failed(run)) {
        check_all_done(end);
    }
    check_rest(end);
    for (int i = 0; i < SIM_SIGHTS; i++) {
        struct count count = {.sql = sights[i]};
        run->outcome->sights[i] = oracle_count(run, &count) ? count.found : 0;
    }
}
