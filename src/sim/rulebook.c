/* SPDX-License-Identifier: Apache-2.0
 * rulebook.c: repair rules drawn from the seed, and the people who look after them. */
#include "sim/rulebook.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "recon/repair/rules.h"

enum { TEXT_BYTES_MAX = 16 * 1024, MUCH = 10000 };
#define MUCH_MINOR INT64_C(100000000)

/* It is 20:00 UTC when a run begins: half an hour before the end of Tehran's day, which has no
 * other time in summer. */
#define DAY_ENDS                                                                                   \
    "    statements: {time_zone: Asia/Tehran, business_days: 0, calendar: every-day}\n"
#define CALENDARS "reconciliation: {calendars: [{name: every-day, weekend: [none]}]}\n"

static const struct {
    const char *name, *action, *classes;
} kinds[RULEBOOK_RULES] = {
    {"twice", "return_second",
     "double_charge, duplicate_there, paid_there_open_here, paid_at_two_gateways"},
    {"callback", "replay", "paid_there_open_here"},
    {"paid", "complete", "paid_there_open_here"},
    {"small", "write_off", "amount_over, amount_under, fee, refund_mismatch"},
    {"refund", "refund", "refund_lost, orphan_refund, refund_failed_there"},
};

static const char *const currencies[] = {"USD", "EUR", "CNY", "JPY"};

static int64_t some(struct prng *prng, int64_t least, uint64_t more) {
    return least + (int64_t)prng_below(prng, more);
}

static void draw_rule(struct prng *prng, bool small, struct rulebook_rule *rule) {
    rule->there = prng_below(prng, 10) > 0;
    rule->day_count = small ? some(prng, 1, 3) : MUCH;
    rule->total_count = rule->day_count + (small ? some(prng, 0, 2) : 0);
    rule->each_minor = small ? some(prng, 2000, 20000) : MUCH_MINOR;
    rule->day_minor = rule->each_minor + (small ? some(prng, 0, 20000) : 0);
    rule->total_minor = rule->day_minor + (small ? some(prng, 0, 10000) : 0);
    bool strict = prng_below(prng, 3) == 0;
    rule->errors_of = strict ? (int)some(prng, 2, 4) : REPAIR_ERRORS_OF_MAX;
    rule->errors_max = strict ? (int)some(prng, 0, 2) : REPAIR_ERRORS_OF_MAX - 1;
}

static void write_rule(int kind, const struct rulebook_rule *rule, struct buf *out) {
    buf_addf(out,
             "  - name: %s\n    says: %s\n    action: %s\n    classes: [%s]\n    caps:\n"
             "      day_count: %lld\n      total_count: %lld\n      money:\n",
             kinds[kind].name, kinds[kind].name, kinds[kind].action, kinds[kind].classes,
             (long long)rule->day_count, (long long)rule->total_count);
    for (size_t i = 0; i < COUNT_OF(currencies); i++) {
        buf_addf(out, "        - {currency: %s, each: %lld, day: %lld, total: %lld}\n",
                 currencies[i], (long long)rule->each_minor, (long long)rule->day_minor,
                 (long long)rule->total_minor);
    }
    buf_addf(out, "    errors: {of: %d, more_than: %d}\n", rule->errors_of, rule->errors_max);
}

void rulebook_open(struct run *run) {
    int order[RULEBOOK_RULES] = {0, 1, 2, 3, 4};
    struct prng prng;
    if (!run_sees(run, SEE_STATEMENTS)) {
        return;
    }
    struct rulebook *book = g_new0(struct rulebook, 1);
    run->rulebook = book;
    run_prng(run, &prng, "rulebook", 0);
    run_prng(run, &book->prng, "rulebook-people", 0);
    book->small = prng_below(&prng, 2) == 0;
    book->day_ends = prng_below(&prng, 2) == 0;
    for (int i = RULEBOOK_RULES - 1; i > 0; i--) {
        int other = (int)prng_below(&prng, (uint64_t)i + 1), was = order[i];
        order[i] = order[other];
        order[other] = was;
    }
    buf_init(&book->text, TEXT_BYTES_MAX);
    buf_add_text(&book->text, "rules:\n");
    for (int i = 0; i < RULEBOOK_RULES; i++) {
        struct rulebook_rule *rule = &book->rules[order[i]];
        rule->name = kinds[order[i]].name;
        draw_rule(&prng, book->small, rule);
        rule->there = rule->there || i == 0; /* a file without rules is none */
        if (rule->there) {
            write_rule(order[i], rule, &book->text);
        }
    }
    INVARIANT(buf_ok(&book->text), "the rules fit");
}

const char *rulebook_gateway_lines(const struct run *run) {
    return run->rulebook != NULL && run->rulebook->day_ends ? DAY_ENDS : "";
}

void rulebook_config(const struct run *run, struct buf *out) {
    if (run->rulebook != NULL && run->rulebook->day_ends) {
        buf_add_text(out, CALENDARS);
    }
}

struct sb_statement *rulebook_journal(const struct run *run, enum sb_gateway gateway, bool faults) {
    static const struct sb_statement_kind plain = {.name = "plain", .help = "all that moved"};
    return sb_statement_between(run->sandbox, gateway, &plain, 0, clock_wall_us() + SB_DAY_US,
                                !faults);
}

/* ---- people ---- */

static void enable_one(struct run *run, const char *name, rulebook_ask_fn *ask, void *ctx) {
    char path[80];
    snprintf(path, sizeof path, "/v1/repair-rules/%s/enable", name);
    json_decref(ask(ctx, "POST", path, "{\"reason\":\"the simulator\"}"));
    sim_say(run->world, "rules: %s is enabled", name);
}

void rulebook_enable(struct run *run, rulebook_ask_fn *ask, void *ctx) {
    for (int i = 0; i < RULEBOOK_RULES && !run_failed(run); i++) {
        if (run->rulebook->rules[i].there) {
            enable_one(run, run->rulebook->rules[i].name, ask, ctx);
        }
    }
}

void rulebook_tend(struct run *run, rulebook_ask_fn *ask, void *ctx) {
    struct rulebook *book = run->rulebook;
    int one = (int)prng_below(&book->prng, RULEBOOK_RULES);
    bool again = prng_below(&book->prng, 4) == 0, start = prng_below(&book->prng, 2) > 0;
    json_t *rules = ask(ctx, "GET", "/v1/repair-rules", NULL);
    bool stopped = json_is_true(json_peek(rules, "stopped", NULL));
    json_decref(rules);
    if (again && book->rules[one].there) {
        enable_one(run, book->rules[one].name, ask, ctx);
    }
    if (stopped && start) {
        json_decref(ask(ctx, "POST", "/v1/repair-rules/start", "{\"reason\":\"looked at it\"}"));
        sim_say(run->world, "rules: started again");
    }
}
