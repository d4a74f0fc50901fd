/* SPDX-License-Identifier: Apache-2.0
 * rules.c: `rule …` and `repair …`: what rules may do about breaks, would do, and did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"

enum { LISTED_MAX = 200, PIECE = 500 };

/* ---- rules ---- */

static void rule_row(struct table *table, const json_t *rule) {
    const json_t *count = json_object_get(rule, "count");
    char text[SHOW_CHARS_MAX];
    table_cell(table, field_text(rule, "name"));
    table_cell(table, field_text(rule, "action"));
    table_state(table, field_true(rule, "enabled")         ? "enabled"
                       : field_true(rule, "changed_since") ? "changed"
                                                           : "dry");
    snprintf(text, sizeof text, "%lld/%lld", (long long)field_int(count, "today"),
             (long long)field_int(count, "day_cap"));
    table_cell(table, text);
    snprintf(text, sizeof text, "%lld/%lld", (long long)field_int(count, "total"),
             (long long)field_int(count, "total_cap"));
    table_cell(table, text);
    table_cell(table, field_text(rule, "says"));
}

static int print_rules(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("RULE", "ACTION", "STATE", ">TODAY", ">IN TOTAL", "~WHAT IT SAYS");
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(answer, "data"), i, rule) {
        rule_row(table, rule);
    }
    table_print(table, cli, "There are no repair rules (reconciliation.repair_rules).");
    json_array_foreach(json_object_get(answer, "data"), i, rule) {
        if (field_text(rule, "hint") != NULL) {
            cli_say(cli, "\n%s: %s.\n", field_word(rule, "name"), field_word(rule, "hint"));
        }
    }
    if (!field_true(answer, "stopped")) {
        return CLI_DONE;
    }
    cli_say(cli, "\nAll rules have stopped: %s.\n", field_word(answer, "why"));
    cli_say(cli, "When it is clear why: `holdfast rule start --reason ...`.\n");
    return CLI_PROBLEM;
}

int run_rule_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/repair-rules", &answer);
    return status == CLI_DONE ? print_rules(cli, answer) : status;
}

static void print_sums(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("RULE", ">BREAKS", ">MONEY", ">CAP OF A DAY", "WITHIN IT");
    size_t i;
    json_t *sum;
    json_array_foreach(json_object_get(answer, "sums"), i, sum) {
        char money[SHOW_CHARS_MAX], cap[SHOW_CHARS_MAX];
        table_cell(table, field_text(sum, "rule"));
        table_count(table, field_int(sum, "count"));
        table_cell(table, field_sum(sum, "amount", money));
        table_cell(table, field_sum(sum, "day_cap", cap));
        table_cell(table, field_true(sum, "within_a_day") ? "yes" : "no: all rules would stop");
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

/* Adds a piece to what is known already: rows as far as they are listed, numbers summed up; the
 * sums are of all by now. */
static void take_piece(json_t *all, const json_t *piece) {
    static const char *const counts[] = {"looked_at", "taken", "more"};
    json_t *rows = json_object_get(all, "data"), *row;
    int64_t unlisted = 0;
    size_t i;
    json_array_foreach(json_object_get(piece, "data"), i, row) {
        if (json_array_size(rows) < LISTED_MAX) {
            json_array_append(rows, row);
        } else {
            unlisted++;
        }
    }
    for (i = 0; i < COUNT_OF(counts); i++) {
        int64_t sum = field_int(all, counts[i]) + field_int(piece, counts[i]);
        sum += strcmp(counts[i], "more") == 0 ? unlisted : 0;
        json_object_set_new(all, counts[i], json_integer((json_int_t)sum));
    }
    json_object_set(all, "sums", json_object_get(piece, "sums"));
    json_object_set(all, "open", json_object_get(piece, "open"));
    json_object_set(all, "next_cursor", json_object_get(piece, "next_cursor"));
}

/* Of the answer before, as far as the next question takes it. */
static json_t *summed_up(const json_t *piece) {
    json_t *sums = json_array(), *sum;
    size_t i;
    json_array_foreach(json_object_get(piece, "sums"), i, sum) {
        json_array_append_new(sums, json_pack("{s:O,s:O,s:O,s:O}", "rule",
                                              json_object_get(sum, "rule"), "currency",
                                              json_object_get(sum, "currency"), "count",
                                              json_object_get(sum, "count"), "amount",
                                              json_object_get(sum, "amount")));
    }
    return sums;
}

/* All there is, piece by piece, so that it can be told how far it is; as one answer. */
static int dry_run(struct cli *cli, json_t *all) {
    struct progress line;
    JSON_AUTO body = json_object();
    int status;
    bool more;
    body_text(cli, body, "rule", "rule");
    body_text(cli, body, "gateway", "gateway");
    json_object_set_new(body, "limit", json_integer(PIECE));
    progress_begin(&line, cli);
    do {
        JSON_AUTO piece = NULL;
        status = talk_quiet(cli, "POST", "/v1/repair-rules/dry-run", body, &piece, NULL);
        more = status == CLI_DONE && field_text(piece, "next_cursor") != NULL;
        if (status == CLI_DONE) {
            take_piece(all, piece);
            json_object_set(body, "cursor", json_object_get(piece, "next_cursor"));
            json_object_set_new(body, "sums", summed_up(piece));
            progress_steps(&line, "trying the rules", "breaks", 1, field_int(all, "looked_at"),
                           field_int(all, "open"));
        }
    } while (more);
    progress_end(&line);
    return status;
}

int run_rule_dry_run(struct cli *cli) {
    JSON_AUTO answer = json_pack("{s:[],s:[],s:i,s:i,s:i,s:i,s:i}", "data", "sums", "open", 0,
                                 "looked_at", 0, "not_looked_at", 0, "taken", 0, "more", 0);
    TABLE_AUTO table = TABLE("BREAK, CASE", "CLASS", "GATEWAY", ">MONEY", "RULE", "STATE",
                             "~WHAT WOULD BE DONE, OR WHY NOT");
    size_t i;
    json_t *row;
    int status = dry_run(cli, answer);
    if (status != CLI_DONE) {
        return status;
    }
    char *text = json_write(answer);
    talk_print_json(cli, text);
    free(text);
    json_array_foreach(json_object_get(answer, "data"), i, row) {
        char money[SHOW_CHARS_MAX];
        bool taken = !json_is_null(json_object_get(row, "rule"));
        const char *broken = field_text(row, "break_id"), *why_not = field_text(row, "why_not");
        table_cell(table, broken != NULL ? broken : field_text(row, "case_id"));
        table_cell(table, field_text(row, "class"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, taken ? field_sum(row, "amount", money) : NULL);
        table_cell(table, field_text(row, "rule"));
        table_state(table, !taken ? NULL : field_true(row, "enabled") ? "enabled" : "dry");
        if (why_not == NULL) {
            table_cell(table, field_text(row, "would"));
        } else {
            table_cellf(table, "%s%s%s", taken ? field_word(row, "would") : "nothing",
                        taken ? "; but " : ": ", why_not);
        }
    }
    table_print(table, cli, "No break is open that a rule could be for.");
    if (json_array_size(json_object_get(answer, "sums")) > 0) {
        print_sums(cli, answer);
    }
    if (field_int(answer, "more") > 0) {
        cli_say(cli, "\n%lld more are summed up and not listed: look at one gateway at a time.\n",
                (long long)field_int(answer, "more"));
    }
    return CLI_DONE;
}

static int turn(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/repair-rules", verb, body, &answer);
    return status == CLI_DONE ? print_rules(cli, answer) : status;
}

int run_rule_enable(struct cli *cli) {
    return turn(cli, "enable");
}

int run_rule_disable(struct cli *cli) {
    return turn(cli, "disable");
}

int run_rule_start(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/repair-rules/start", body, &answer);
    return status == CLI_DONE ? print_rules(cli, answer) : status;
}

/* ---- repairs ---- */

static void repair_row(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    table_cell(table, field_text(row, "id"));
    table_cell(table, field_text(row, "rule"));
    table_state(table, field_text(row, "state"));
    table_cell(table, field_sum(row, "amount", text));
    table_cell(table, field_text(row, "gateway"));
    table_cell(table, field_text(row, "break_id"));
    table_cell(table, field_age(row, "planned_at", text));
    table_cell(table, field_text(row, "said"));
}

/* The API's name of each option. */
static void repair_path(const struct cli *cli, struct talk_path *path) {
    static const struct {
        const char *option, *name;
    } filters[] = {
        {"rule", "rule"},   {"gateway", "gateway"}, {"break", "break_id"}, {"state", "state"},
        {"since", "since"}, {"until", "until"},     {"find", "q"},
    };
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        talk_path_add(path, filters[i].name, cli_text(cli, filters[i].option));
    }
}

int run_repair_list(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    TABLE_AUTO table = TABLE("REPAIR", "RULE", "STATE", ">MONEY", "GATEWAY", "BREAK", ">AGE",
                             "~WHO SAID WHAT");
    size_t i;
    json_t *row;
    talk_path_init(&path, "/v1/repairs");
    repair_path(cli, &path);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    talk_path_add(&path, "cursor", cli_text(cli, "cursor"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    json_array_foreach(talk_rows(answer), i, row) {
        repair_row(table, row);
    }
    table_print(table, cli, "No repairs.");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "More: --cursor %s\n", field_word(answer, "next_cursor"));
    }
    return CLI_DONE;
}

int run_repair_export(struct cli *cli) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/repairs/export");
    talk_path_add(&path, "format", cli_text(cli, "format"));
    repair_path(cli, &path);
    return talk_save(cli, path.text.data, cli_text(cli, "out"));
}

static void print_repair(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("REPAIR", "RULE", "STATE", ">MONEY", "GATEWAY", "BREAK", ">AGE",
                             "~WHO SAID WHAT");
    repair_row(table, answer);
    table_print(table, cli, NULL);
    if (field_text(answer, "payment_id") != NULL) {
        cli_say(cli, "\nPayment: %s\n", field_word(answer, "payment_id"));
    }
    if (field_text(answer, "reversed_by") != NULL) {
        cli_say(cli, "Reversed by %s: %s\n", field_word(answer, "reversed_by"),
                field_word(answer, "reason"));
    }
    if (json_is_object(json_object_get(answer, "approval"))) {
        cli_say(cli, "It waits for another person: `holdfast repair approve %s --reason TEXT`.\n",
                field_word(answer, "id"));
    }
}

int run_repair_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/repairs", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_repair(cli, answer);
    }
    return status;
}

static int decide(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/repairs", verb, body, &answer);
    if (status == CLI_DONE) {
        print_repair(cli, answer);
    }
    return status;
}

int run_repair_reverse(struct cli *cli) {
    return decide(cli, "reverse");
}

int run_repair_approve(struct cli *cli) {
    return decide(cli, "approve");
}

int run_repair_reject(struct cli *cli) {
    return decide(cli, "reject");
}
