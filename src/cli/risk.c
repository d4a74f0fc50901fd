/* SPDX-License-Identifier: Apache-2.0
 * risk.c: the check for fraud: its rules and lists, and what they would say. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

enum { RULES_BYTES_MAX = 32 * 1024 };

/* ---- rules ---- */

static void print_risk(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("RULE", "ACTION", ">SCORE", "~WHAT IT SAYS");
    const json_t *scorer = json_object_get(answer, "scorer");
    size_t i;
    json_t *rule;
    if (!field_true(answer, "configured")) {
        cli_say(cli, "No fraud rules are configured: payments are not checked.\n");
        return;
    }
    json_array_foreach(json_object_get(answer, "rules"), i, rule) {
        table_cell(table, field_text(rule, "name"));
        table_cell(table, field_text(rule, "action"));
        table_count(table, field_int(rule, "score"));
        table_cell(table, field_text(rule, "says"));
    }
    table_print(table, cli, "There are no rules; lists and scorer alone decide.");
    if (json_is_object(scorer)) {
        cli_say(cli, "\nScorer: %s, within %lld ms, without an answer %s; breaker %s.\n",
                field_word(scorer, "url"), (long long)field_int(scorer, "timeout_ms"),
                field_word(scorer, "fail"), field_word(scorer, "breaker"));
    }
    if (!field_true(answer, "on")) {
        cli_say(cli, "\nThe check is switched off: payments go on unchecked.\n"
                     "`holdfast risk on --reason ...` ends that.\n");
    }
}

int run_risk_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/risk", &answer);
    if (status == CLI_DONE) {
        print_risk(cli, answer);
    }
    return status;
}

static int turn(struct cli *cli, bool on) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "on", json_boolean(on));
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/risk/switch", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "The check for fraud is %s now.\n", field_true(answer, "on") ? "on" : "off");
    }
    return status;
}

int run_risk_on(struct cli *cli) {
    return turn(cli, true);
}

int run_risk_off(struct cli *cli) {
    return turn(cli, false);
}

/* ---- lists ---- */

int run_risk_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    char text[SHOW_CHARS_MAX];
    int status = talk_list(cli, "/v1/risk/lists", TALK_BY("list", "by", "all", "limit", "cursor"),
                           &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ENTRY", "LIST", "BY", "VALUE", "STATE", "EXPIRES", "WHO", "~REASON");
    size_t i;
    json_t *entry;
    json_array_foreach(talk_rows(answer), i, entry) {
        const char *expires = field_text(entry, "expires_at");
        table_cell(table, field_text(entry, "id"));
        table_cell(table, field_text(entry, "list"));
        table_cell(table, field_text(entry, "by"));
        table_cell(table, field_text(entry, "value"));
        table_state(table, field_text(entry, "state"));
        table_cell(table, expires != NULL ? show_moment(expires, text) : "never");
        table_cell(table, field_text(entry, "created_by"));
        table_cell(table, field_text(entry, "reason"));
    }
    table_print(table, cli, "Nobody is listed.");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "\nMore with --cursor %s\n", field_text(answer, "next_cursor"));
    }
    return status;
}

static int put(struct cli *cli, const char *list) {
    static const char *const by[] = {"customer", "card", "ip", "email", "region"};
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    char until[CLOCK_TEXT_MAX];
    int64_t for_us = 0;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(by); i++) {
        known = known || strcmp(cli_argument(cli, 0), by[i]) == 0;
    }
    if (!known) {
        return cli_misuse(cli, "listed are customer, card, ip, email and region, not \"%.40s\"",
                          cli_argument(cli, 0));
    }
    if (cli_duration(cli, "for", US_PER_SECOND, INT64_C(3660) * 86400 * US_PER_SECOND, &for_us,
                     &err) < 0) {
        return cli_fail(cli, &err);
    }
    json_object_set_new(body, "list", json_string(list));
    json_object_set_new(body, "by", json_string(cli_argument(cli, 0)));
    json_object_set_new(body, "value", json_string(cli_argument(cli, 1)));
    body_text(cli, body, "reason", "reason");
    if (for_us > 0) {
        json_object_set_new(body, "expires_at",
                            json_string(clock_format(clock_wall_us() + for_us, until)));
    }
    int status = talk_post(cli, "/v1/risk/lists", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s %s is on the %s list: %s.\n", field_word(answer, "by"),
                field_word(answer, "value"), field_word(answer, "list"), field_word(answer, "id"));
    }
    return status;
}

int run_risk_block(struct cli *cli) {
    return put(cli, "block");
}

int run_risk_allow(struct cli *cli) {
    return put(cli, "allow");
}

int run_risk_watch(struct cli *cli) {
    return put(cli, "watch");
}

int run_risk_remove(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/risk/lists", "remove", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s %s is off the %s list.\n", field_word(answer, "by"),
                field_word(answer, "value"), field_word(answer, "list"));
    }
    return status;
}

/* ---- what they would say ---- */

static bool is(const json_t *object, const char *key, const char *word) {
    return strcmp(field_word(object, key), word) == 0;
}

static void print_hits(const struct cli *cli, const json_t *decision) {
    TABLE_AUTO table = TABLE("RULE", "ACTION", ">SCORE", "~WHY");
    size_t i;
    json_t *hit;
    json_array_foreach(json_object_get(decision, "hits"), i, hit) {
        table_cell(table, field_text(hit, "rule"));
        table_cell(table, is(hit, "action", "none") ? NULL : field_text(hit, "action"));
        table_count(table, field_int(hit, "score"));
        table_cell(table, field_text(hit, "why"));
    }
    table_print(table, cli, "No rule holds.");
}

int run_risk_check(struct cli *cli) {
    static const char *const texts[][2] = {
        {"currency", "currency"}, {"method", "method"}, {"purpose", "purpose"}};
    static const char *const customers[][2] = {
        {"customer", "id"}, {"region", "region"}, {"email", "email"}, {"ip", "ip"}};
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_t *customer = json_object();
    json_object_set_new(body, "order_id", json_string("check"));
    json_object_set_new(body, "customer", customer);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        body_text(cli, body, texts[i][0], texts[i][1]);
    }
    for (size_t i = 0; i < COUNT_OF(customers); i++) {
        body_text(cli, customer, customers[i][0], customers[i][1]);
    }
    if (cli_given(cli, "vip")) {
        json_object_set_new(customer, "vip", json_true());
    }
    int r = body_amount(cli, body, cli_text(cli, "currency"), &err);
    r = r < 0 ? r : body_tokens(cli, body, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/risk/check", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *decision = json_object_get(answer, "decision");
    cli_say(cli, "Decision: %s, score %lld%s\n", field_word(decision, "action"),
            (long long)field_int(decision, "score"),
            field_true(decision, "skipped") ? " (the check is switched off)" : "");
    if (field_text(answer, "card") != NULL) {
        cli_say(cli, "Card:     %s\n", field_text(answer, "card"));
    }
    cli_say(cli, "\n");
    print_hits(cli, decision);
    return is(decision, "action", "deny") ? CLI_PROBLEM : CLI_DONE;
}

static void print_dry_run(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO rules = TABLE("RULE", ">HITS", ">GOOD", ">REFUNDED", ">CHARGED BACK", ">NOT PAID",
                             ">OPEN");
    TABLE_AUTO payments = TABLE("PAYMENT", "ORDER", ">AMOUNT", "WOULD", "THEN", "BECAME", "~WHY");
    static const char *const became[] = {"hits",         "good",     "refunded",
                                         "charged_back", "not_paid", "open"};
    const json_t *would = json_object_get(answer, "would");
    char text[SHOW_CHARS_MAX];
    size_t i;
    json_t *row;
    cli_say(cli,
            "%lld decisions since %s: %lld allowed, %lld reviewed, %lld held, %lld denied; %lld "
            "other than decided then.\n\n",
            (long long)field_int(answer, "decisions"),
            show_moment(field_text(answer, "since"), text), (long long)field_int(would, "allow"),
            (long long)field_int(would, "review"), (long long)field_int(would, "hold"),
            (long long)field_int(would, "deny"), (long long)field_int(answer, "differ"));
    json_array_foreach(json_object_get(answer, "rules"), i, row) {
        table_cell(rules, field_text(row, "rule"));
        for (size_t j = 0; j < COUNT_OF(became); j++) {
            table_count(rules, field_int(row, became[j]));
        }
    }
    table_print(rules, cli, "No rule would have held.");
    json_array_foreach(json_object_get(answer, "payments"), i, row) {
        const json_t *decision = json_object_get(row, "decision");
        const json_t *hit = json_array_get(json_object_get(decision, "hits"), 0);
        table_cell(payments, field_text(row, "payment_id"));
        table_cell(payments, field_text(row, "order_id"));
        table_cell(payments, field_money(row, "amount", text));
        table_cell(payments, field_text(decision, "action"));
        table_cell(payments, field_text(row, "then"));
        table_cell(payments, field_text(row, "outcome"));
        table_cell(payments, field_text(hit, "why"));
    }
    if (table_rows(payments) > 0) {
        cli_say(cli, "\n");
        table_print(payments, cli, NULL);
    }
}

int run_risk_dry_run(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    const char *path = cli_text(cli, "rules");
    body_text(cli, body, "since", "since");
    if (path != NULL) {
        size_t count = 0;
        char *text = malloc(RULES_BYTES_MAX + 1);
        int r = text == NULL ? err_set(&err, ERR_INTERNAL, "no memory for the rules")
                             : file_read(path, text, RULES_BYTES_MAX, &count, &err);
        r = r < 0 ? r : body_foreign(body, "rules", text, count, "the rules", &err);
        free(text);
        if (r < 0) {
            (void)err_while(&err, "reading the rules");
            return cli_fail(cli, &err);
        }
    }
    int status = talk_post(cli, "/v1/risk/dry-run", body, &answer);
    if (status == CLI_DONE) {
        print_dry_run(cli, answer);
    }
    return status;
}
