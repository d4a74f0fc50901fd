/* SPDX-License-Identifier: Apache-2.0
 * dry.c: what the rules would do about every open break, and about every case that no break tells
 * of, whether people have enabled them or not, summed up against the caps of a day; and of each
 * that would not be repaired, why not. Nothing is changed, and no gateway is asked: whether it
 * confirms shows only when it is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recon/repair/repair_impl.h"

enum { SHOWN_MAX = 200, SUMS_MAX = REPAIR_DRY_SUMS_MAX, PAGE = 50, LOOKED_MAX = 20000 };
#define CURSOR_BREAK "break:"
#define CURSOR_CASE "case:"

struct sum {
    const struct repair_rule *rule;
    struct currency currency;
    int64_t count, amount_minor;
};
struct dry {
    struct recon *recon;
    const char *only, *gateway; /* "" for all */
    char after[ID_TEXT_MAX];
    char ids[PAGE][ID_TEXT_MAX];
    int count;
    bool cases;
    int64_t open, looked, looked_max, shown, taken; /* open: of all there are */
    bool ended; /* nothing is left to be looked at */
    struct sum sums[SUMS_MAX];
    int sum_count;
    struct buf buf;
    int row; /* of the page */
    /* What the transaction found of one break. */
    const struct repair_rule *rule;
    int64_t amount_minor;
    struct arena *arena;
    struct repair_facts facts;
    struct repair_row repair;
    char why[REPAIR_TEXT_CHARS_MAX + 1]; /* it is not repaired; "": it is */
    bool has_repair, enabled, stopped;
};

/* Cases come behind the breaks. */
#define OPEN_BREAKS "FROM recon_break WHERE state IN (1, 2) AND ($1 = '' OR gateway = $1)"
#define OPEN_CASES                                                                                 \
    "FROM review_case WHERE state = 1 AND posted IN (10, 11) AND ($1 = '' OR gateway = $1)"

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct dry *dry = ctx;
    struct repair_switch all;
    SQL_ROWS_AUTO rows = NULL;
    int r = repair_switch_load(tx, false, &all, err);
    dry->stopped = all.stopped;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT (SELECT COUNT(*) " OPEN_BREAKS ") + (SELECT COUNT(*) " OPEN_CASES
                          ")",
                          S_TEXT(dry->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    dry->open = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    static const char breaks[] = "SELECT id " OPEN_BREAKS " AND id > $2 ORDER BY id LIMIT 50";
    static const char cases[] = "SELECT id " OPEN_CASES " AND id > $2 ORDER BY id LIMIT 50";
    struct dry *dry = ctx;
    dry->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, dry->cases ? cases : breaks, S_TEXT(dry->gateway),
                      S_TEXT(dry->after));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(dry->ids[dry->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}
static_assert(PAGE == 50 && BREAK_OPEN == 1 && BREAK_ASSIGNED == 2, "the numbers above");

/* What keeps a rule that fits from it. */
static void why_not(struct dry *dry) {
    const struct repair_rule *rule = dry->rule;
    if (rule != NULL && dry->stopped) {
        snprintf(dry->why, sizeof dry->why, "all rules have stopped (rule list says why)");
    } else if (rule != NULL && !dry->enabled) {
        snprintf(dry->why, sizeof dry->why, "nobody has enabled the rule %s as it is now",
                 rule->name);
    }
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct dry *dry = ctx;
    const char *id = dry->ids[dry->row];
    dry->rule = NULL;
    dry->has_repair = dry->enabled = false;
    dry->why[0] = '\0';
    int r = repair_facts_load(tx, dry->arena, id, false, &dry->facts, err);
    int found = r < 0 ? r : repair_row_of_break(tx, dry->arena, id, false, &dry->repair, err);
    if (found < 0) {
        return found;
    }
    dry->has_repair = found > 0;
    if (dry->has_repair) {
        snprintf(dry->why, sizeof dry->why, "%s is %s%s%.280s", dry->repair.id.text,
                 repair_state_name(dry->repair.state), dry->repair.said[0] != '\0' ? ": " : "",
                 dry->repair.said);
        return 0;
    }
    if (dry->facts.row.state != BREAK_OPEN) {
        snprintf(dry->why, sizeof dry->why, "a person has it, and it is left to him");
        return 0;
    }
    r = repair_elsewhere(tx, dry->arena, &dry->facts, err);
    if (r != 0) {
        snprintf(dry->why, sizeof dry->why,
                 dry->facts.held != NULL ? "a break tells of the same money"
                                         : "a case tells of the same money, and has a repair");
        return r < 0 ? r : 0;
    }
    dry->rule = repair_rule_of(dry->recon->options.rules, &dry->facts, dry->only, clock_wall_us(),
                               &dry->amount_minor, dry->why);
    r = dry->rule != NULL ? repair_rule_enabled(tx, dry->rule, &dry->enabled, err) : 0;
    why_not(dry);
    return r;
}

static struct sum *sum_of(struct dry *dry) {
    for (int i = 0; i < dry->sum_count; i++) {
        struct sum *sum = &dry->sums[i];
        if (sum->rule == dry->rule && currency_equal(sum->currency, dry->facts.row.currency)) {
            return sum;
        }
    }
    if (dry->sum_count == SUMS_MAX) {
        return NULL;
    }
    struct sum *sum = &dry->sums[dry->sum_count++];
    *sum = (struct sum){.rule = dry->rule, .currency = dry->facts.row.currency};
    return sum;
}

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, "\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null,");
        return;
    }
    buf_add_json(buf, value);
    buf_add_char(buf, ',');
}

static void tell_one(struct dry *dry) {
    const struct break_row *row = &dry->facts.row;
    const struct repair_case *held = dry->facts.held;
    struct buf *buf = &dry->buf;
    const char *would = dry->has_repair            ? "it has a repair"
                        : row->state != BREAK_OPEN ? "somebody has it"
                        : dry->rule == NULL        ? "no rule takes it"
                                                   : repair_action_does(dry->rule->action);
    if (dry->shown++ >= SHOWN_MAX) {
        return;
    }
    buf_add_text(buf, dry->shown > 1 ? ",{" : "{");
    put(buf, "break_id", held == NULL ? row->id.text : "");
    put(buf, "case_id", held != NULL ? held->id : "");
    put(buf, "class",
        row->class != 0 ? match_class_name(row->class) : repair_case_kind(held->kind)->ticket);
    put(buf, "gateway", row->gateway);
    put(buf, "payment_id", dry->facts.payment_id);
    put(buf, "rule", dry->rule != NULL ? dry->rule->name : "");
    put(buf, "action", dry->rule != NULL ? repair_action_name(dry->rule->action) : "");
    put(buf, "would", would);
    put(buf, "why_not", dry->why);
    put(buf, "repair_id", dry->has_repair ? dry->repair.id.text : "");
    put(buf, "currency", row->currency.code);
    buf_addf(buf, "\"amount\":%lld,\"enabled\":%s}",
             (long long)(dry->rule != NULL ? dry->amount_minor : 0),
             dry->enabled ? "true" : "false");
}

/* Of what would be taken one after the other, this one would stop all rules. */
static void beyond_a_day(struct dry *dry, const struct sum *sum) {
    const struct repair_cap *cap = repair_rule_cap(sum->rule, sum->currency);
    bool within = sum->count <= sum->rule->day_count && sum->amount_minor <= cap->day_minor;
    if (!within && dry->why[0] == '\0') {
        snprintf(
            dry->why, sizeof dry->why,
            "with what comes before it, it is above the cap of a day of the rule %s: all rules "
            "would stop",
            sum->rule->name);
    }
}

static int look_at_one(struct dry *dry, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    dry->arena = arena;
    int r = store_read(dry->recon->options.store, look_tx, dry, err);
    if (r < 0) {
        return r;
    }
    dry->looked++;
    if (dry->rule != NULL) {
        struct sum *sum = sum_of(dry);
        if (sum == NULL || !money_add(sum->amount_minor, dry->amount_minor, &sum->amount_minor)) {
            return err_set(err, ERR_TOO_LARGE, "more rules, currencies or money than is summed");
        }
        sum->count++;
        dry->taken++;
        beyond_a_day(dry, sum);
    }
    const struct repair_rule *asked = repair_rule_find(dry->recon->options.rules,
                                                       dry->only != NULL ? dry->only : "");
    if (dry->only == NULL || (asked->classes & UINT64_C(1) << dry->facts.row.class) != 0) {
        tell_one(dry);
    }
    return 0;
}

static void tell_sums(struct dry *dry) {
    struct buf *buf = &dry->buf;
    buf_add_text(buf, "],\"sums\":[");
    for (int i = 0; i < dry->sum_count; i++) {
        const struct sum *sum = &dry->sums[i];
        const struct repair_cap *cap = repair_rule_cap(sum->rule, sum->currency);
        bool within = sum->count <= sum->rule->day_count && sum->amount_minor <= cap->day_minor;
        buf_add_text(buf, i > 0 ? ",{" : "{");
        put(buf, "rule", sum->rule->name);
        put(buf, "currency", sum->currency.code);
        buf_addf(buf,
                 "\"count\":%lld,\"amount\":%lld,\"day_count_cap\":%lld,\"day_cap\":%lld,"
                 "\"total_cap\":%lld,\"within_a_day\":%s}",
                 (long long)sum->count, (long long)sum->amount_minor,
                 (long long)sum->rule->day_count, (long long)cap->day_minor,
                 (long long)cap->total_minor, within ? "true" : "false");
    }
    int64_t beyond = !dry->ended && dry->open > dry->looked ? dry->open - dry->looked : 0;
    buf_addf(buf,
             "],\"open\":%lld,\"looked_at\":%lld,\"not_looked_at\":%lld,\"taken\":%lld,\"more\":"
             "%lld,\"next_cursor\":",
             (long long)dry->open, (long long)dry->looked, (long long)beyond, (long long)dry->taken,
             (long long)(dry->shown > SHOWN_MAX ? dry->shown - SHOWN_MAX : 0));
    if (dry->ended) {
        buf_add_text(buf, "null}");
    } else {
        buf_addf(buf, "\"%s%s\"}", dry->cases ? CURSOR_CASE : CURSOR_BREAK, dry->after);
    }
}

/* Behind `after`, which becomes the last that was looked at. */
static int run(struct dry *dry, struct err *err) {
    int r;
    do {
        r = store_read(dry->recon->options.store, page_tx, dry, err);
        for (dry->row = 0; r >= 0 && dry->row < dry->count && dry->looked < dry->looked_max;
             dry->row++) {
            r = look_at_one(dry, err);
            memcpy(dry->after, dry->ids[dry->row], sizeof dry->after);
        }
    } while (r >= 0 && dry->count == PAGE && dry->looked < dry->looked_max);
    return r;
}

/* The breaks, then the cases. What is full with the last of them is asked for once more in vain. */
static int run_both(struct dry *dry, struct err *err) {
    int r = store_read(dry->recon->options.store, count_tx, dry, err);
    if (r >= 0 && !dry->cases) {
        r = run(dry, err);
        if (r < 0 || dry->looked >= dry->looked_max) {
            return r;
        }
        dry->cases = true;
        dry->after[0] = '\0';
    }
    r = r < 0 ? r : run(dry, err);
    dry->ended = dry->looked < dry->looked_max;
    return r;
}

/* ---- as it is asked for ---- */

static int begin_cursor(struct dry *dry, const char *cursor, struct err *err) {
    dry->cases = strncmp(cursor, CURSOR_CASE, strlen(CURSOR_CASE)) == 0;
    const char *begin = dry->cases ? CURSOR_CASE : CURSOR_BREAK;
    const char *id = cursor + strlen(begin);
    bool ours = strncmp(cursor, begin, strlen(begin)) == 0 && strlen(id) < sizeof dry->after;
    if (cursor[0] != '\0' && !ours) {
        (void)err_set(err, ERR_VALIDATION, "this is not a cursor that a dry run gave out");
        return err_place(err, "/cursor");
    }
    snprintf(dry->after, sizeof dry->after, "%s", cursor[0] != '\0' ? id : "");
    return 0;
}

static int begin_sums(struct dry *dry, const struct repair_dry_asked *asked, struct err *err) {
    for (int i = 0; i < asked->sum_count; i++) {
        const struct repair_dry_sum *sum = &asked->sums[i];
        const struct repair_rule *rule = repair_rule_find(dry->recon->options.rules, sum->rule);
        if (rule == NULL || repair_rule_cap(rule, sum->currency) == NULL) {
            (void)err_set(err, ERR_VALIDATION, "no rule \"%.40s\" has a cap in %s", sum->rule,
                          sum->currency.code);
            (void)err_place(err, "/sums/%d", i);
            return err_hint(err, "Were the rules changed meanwhile? Begin the dry run again.");
        }
        dry->sums[dry->sum_count++] = (struct sum){.rule = rule,
                                                   .currency = sum->currency,
                                                   .count = sum->count,
                                                   .amount_minor = sum->amount_minor};
    }
    return 0;
}

int repair_dry_run_page(struct recon *recon, const struct repair_dry_asked *asked,
                        struct answer *ret_answer, struct err *err) {
    if (asked->rule != NULL && repair_rule_find(recon->options.rules, asked->rule) == NULL) {
        return repair_rule_unknown(recon->options.rules, asked->rule, err);
    }
    struct dry *dry = calloc(1, sizeof *dry);
    if (dry == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for a dry run");
    }
    dry->recon = recon;
    dry->only = asked->rule;
    dry->gateway = asked->gateway != NULL ? asked->gateway : "";
    dry->looked_max = asked->limit > 0 ? asked->limit : LOOKED_MAX;
    buf_init(&dry->buf, REPAIR_ANSWER_BYTES_MAX);
    buf_add_text(&dry->buf, "{\"data\":[");
    int r = begin_cursor(dry, asked->cursor != NULL ? asked->cursor : "", err);
    r = r < 0 ? r : begin_sums(dry, asked, err);
    r = r < 0 ? r : run_both(dry, err);
    tell_sums(dry);
    r = r < 0 ? r : answer_take(ret_answer, 200, &dry->buf, err);
    buf_release(&dry->buf);
    free(dry);
    return r;
}

int repair_dry_run(struct recon *recon, const char *rule, const char *gateway,
                   struct answer *ret_answer, struct err *err) {
    const struct repair_dry_asked asked = {.rule = rule, .gateway = gateway};
    return repair_dry_run_page(recon, &asked, ret_answer, err);
}
