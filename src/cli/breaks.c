/* SPDX-License-Identifier: Apache-2.0
 * breaks.c: `break …`: looking for breaks, deciding about one or many, and files of them. */
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- the filter ---- */

/* The API's name of each option. */
static const struct {
    const char *option, *name;
} filters[] = {
    {"gateway", "gateway"},   {"class", "class"},        {"risk", "risk"},
    {"state", "state"},       {"owner", "owner"},        {"age", "age"},
    {"currency", "currency"}, {"payment", "payment_id"}, {"find", "q"},
};
static const struct {
    const char *option, *name;
} amounts[] = {{"amount-from", "amount_min"}, {"amount-to", "amount_max"}};

/* --amount-from 19.99 in --currency; absent: 0. */
static int read_amount_option(const struct cli *cli, const char *option, int64_t *ret_minor,
                              struct err *err) {
    const char *text = cli_text(cli, option), *code = cli_text(cli, "currency");
    struct currency currency;
    struct err why = {0};
    *ret_minor = 0;
    if (text == NULL) {
        return 0;
    }
    if (code == NULL) {
        err_set(err, ERR_USAGE, "--%s is in a currency", option);
        return err_hint(err, "Say which: --currency EUR.");
    }
    int r = currency_parse(code, &currency, &why);
    r = r < 0 ? r : money_parse_decimal(text, currency, ret_minor, &why);
    return r < 0 || *ret_minor < 0 ? err_set(err, ERR_USAGE, "--%s: %s", option,
                                             r < 0 ? why.detail : "it is without a sign")
                                   : 0;
}

static int filter_path(const struct cli *cli, struct talk_path *path, struct err *err) {
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        talk_path_add(path, filters[i].name, cli_text(cli, filters[i].option));
    }
    for (size_t i = 0; r >= 0 && i < COUNT_OF(amounts); i++) {
        char text[24];
        int64_t minor = 0;
        r = read_amount_option(cli, amounts[i].option, &minor, err);
        snprintf(text, sizeof text, "%lld", (long long)minor);
        talk_path_add(path, amounts[i].name, minor > 0 ? text : NULL);
    }
    return r;
}

static int filter_body(const struct cli *cli, json_t *filter, struct err *err) {
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        body_text(cli, filter, filters[i].option, filters[i].name);
    }
    for (size_t i = 0; r >= 0 && i < COUNT_OF(amounts); i++) {
        int64_t minor = 0;
        r = read_amount_option(cli, amounts[i].option, &minor, err);
        if (r >= 0 && minor > 0) {
            json_object_set_new(filter, amounts[i].name, json_integer(minor));
        }
    }
    return r;
}

static bool any_filter(const struct cli *cli) {
    bool given = false;
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        given = given || cli_given(cli, filters[i].option);
    }
    return given || cli_given(cli, "amount-from") || cli_given(cli, "amount-to");
}

/* ---- lists ---- */

static void break_row(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    const char *owner = field_text(row, "owner_name");
    const char *payment = field_text(row, "payment_id");
    table_cell(table, field_text(row, "id"));
    table_state(table, field_text(row, "risk"));
    table_cell(table, field_text(row, "class"));
    table_state(table, json_object_get(row, "approval") != NULL &&
                               !json_is_null(json_object_get(row, "approval"))
                           ? "waiting"
                           : field_text(row, "state"));
    table_cell(
        table,
        field_sum(row, field_int(row, "difference") != 0 ? "difference" : "at_stake", text));
    table_cell(table, field_text(row, "gateway"));
    table_cell(table, payment != NULL ? payment : field_text(row, "movement_id"));
    table_cell(table, owner);
    table_cell(table, field_age(row, "opened_at", text));
}

/* "7 breaks in all, by days open: 0-1: 1, 2-3: 2, more than 30: 4" */
static void print_ages(const struct cli *cli, const json_t *totals) {
    const json_t *ages = json_object_get(totals, "ages");
    const char *name, *between = " ";
    char text[SHOW_CHARS_MAX];
    json_t *count;
    cli_say(cli, "\n%s in all, by days open:",
            show_many(field_int(totals, "count"), "break", "breaks", text));
    json_object_foreach((json_t *)(uintptr_t)ages, name, count) {
        if (json_integer_value(count) > 0) {
            cli_say(cli, "%s%s: %s", between, strcmp(name, "over_30") == 0 ? "more than 30" : name,
                    show_count(json_integer_value(count), text));
            between = ", ";
        }
    }
    cli_say(cli, "\n");
}

static void print_totals(const struct cli *cli, const json_t *totals) {
    if (totals == NULL || field_int(totals, "count") == 0) {
        return;
    }
    TABLE_AUTO table = TABLE("CLASS", ">BREAKS", ">DIFFERENCE", ">AT STAKE");
    size_t i;
    json_t *class;
    json_array_foreach(json_object_get(totals, "classes"), i, class) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(class, "class"));
        table_count(table, field_int(class, "count"));
        table_cell(table, field_sum(class, "difference", text));
        table_cell(table, field_sum(class, "at_stake", text));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    print_ages(cli, totals);
}

int run_break_list(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    struct err err = {0};
    talk_path_init(&path, "/v1/breaks");
    if (filter_path(cli, &path, &err) < 0) {
        return cli_fail(cli, &err);
    }
    talk_path_add(&path, "sort", cli_text(cli, "sort"));
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    talk_path_add(&path, "cursor", cli_text(cli, "cursor"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("BREAK", "RISK", "CLASS", "STATE", ">DIFFERENCE", "GATEWAY", "~ABOUT",
                             "OWNER", ">OPEN");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        break_row(table, row);
    }
    table_print(table, cli, any_filter(cli) ? "No break fits." : "No break is open.");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "\nMore: --cursor %s\n", field_word(answer, "next_cursor"));
    }
    print_totals(cli, json_object_get(answer, "totals"));
    return CLI_DONE;
}

/* ---- one ---- */

static void print_members(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("SIDE", "ROW", "KIND", "STATUS", ">AMOUNT", ">FEE", "~THEIR NAME",
                             "~REFERENCE", "AT");
    const char *named = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "members"), i, row) {
        char text[SHOW_CHARS_MAX];
        const char *line = field_text(row, "id");
        named = field_true(row, "gone") ? named : line;
        table_cell(table, field_text(row, "side"));
        table_cell(table, line);
        table_cell(table, field_true(row, "gone") ? "no longer counts" : field_text(row, "kind"));
        table_cell(table, field_text(row, "status"));
        table_cell(table, json_object_get(row, "amount") != NULL ? field_money(row, "amount", text)
                                                                 : NULL);
        table_cell(table,
                   json_object_get(row, "fee") != NULL ? field_money(row, "fee", text) : NULL);
        table_cell(table, field_text(row, "gateway_id"));
        table_cell(table, field_text(row, "reference"));
        table_cell(table, field_text(row, "at") != NULL ? field_moment(row, "at", text) : NULL);
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    if (field_int(answer, "more_members") > 0) {
        char text[SHOW_CHARS_MAX];
        cli_say(cli, "… and %s\n",
                show_many(field_int(answer, "more_members"), "more row", "more rows", text));
    }
    if (named != NULL) {
        cli_say(cli, "\nWhy a row is where it is: `holdfast reconcile explain %s`\n", named);
    }
}

static void print_history(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("AT", "WHO", "WHAT", "~DETAIL");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "history"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_moment(row, "at", text));
        table_cell(table, field_text(row, "actor_name"));
        table_cell(table, field_text(row, "what"));
        table_cell(table, field_text(row, "detail"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_break(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const json_t *approval = json_object_get(row, "approval");
    table_pair(card, "break", field_text(row, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pairf(card, "class", "%s: %s", field_word(row, "class"), field_word(row, "class_means"));
    table_pairf(card, "risk", "%s (%s)", field_word(row, "risk"), field_word(row, "risk_why"));
    table_pair(card, "what", field_text(row, "detail"));
    table_pair(card, "gateway", field_text(row, "gateway"));
    table_pair(card, "difference", field_money(row, "difference", text));
    table_pair(card, "at stake", field_money(row, "at_stake", text));
    if (field_int(row, "written_off") != 0) {
        table_pair(card, "written off", field_money(row, "written_off", text));
    }
    table_pair(card, "payment", field_text(row, "payment_id"));
    table_pair(card, "order", field_text(row, "order_id"));
    table_pair(card, "owner", field_text(row, "owner_name"));
    table_pair(card, "opened", show_moment(field_text(row, "opened_at"), text));
    if (field_text(row, "closed_at") != NULL) {
        table_pair(card, "closed", show_moment(field_text(row, "closed_at"), text));
    }
    table_pair(card, "by", field_text(row, "decided_by_name"));
    table_pair(card, "resolution", field_text(row, "resolution"));
    if (json_is_object(approval)) {
        table_pairf(card, "waits", "%s wants to write it off: %s",
                    field_text(approval, "asked_by_name") != NULL
                        ? field_word(approval, "asked_by_name")
                        : field_word(approval, "asked_by"),
                    field_word(approval, "reason"));
    }
    table_print(card, cli, NULL);
    print_members(cli, row);
    print_history(cli, row);
}

int run_break_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/breaks", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_break(cli, answer);
    }
    return status;
}

/* ---- deciding ---- */

static int expected(const struct cli *cli, json_t *body, struct err *err) {
    int64_t expect = 0;
    if (!cli_given(cli, "expect")) {
        err_set(err, ERR_USAGE, "which breaks are meant?");
        return err_hint(err, "Name them, or say what finds them and how many there are: "
                             "--class fee --expect 12.");
    }
    int r = cli_int(cli, "expect", 0, INT64_MAX, &expect, err);
    json_object_set_new(body, "expect", json_integer(expect));
    return r;
}

/* ids, or filter and expect. */
static int which(const struct cli *cli, json_t *body, struct err *err) {
    const char *named = cli_argument(cli, 0);
    if (named != NULL && (any_filter(cli) || cli_given(cli, "expect"))) {
        err_set(err, ERR_USAGE, "it takes either breaks or options that find them");
        return err_hint(err, "Leave out one of the two.");
    }
    if (named == NULL) {
        json_t *filter = json_object();
        json_object_set_new(body, "filter", filter);
        int r = expected(cli, body, err);
        return r < 0 ? r : filter_body(cli, filter, err);
    }
    json_t *ids = json_array();
    json_object_set_new(body, "ids", ids);
    for (const char *at = named; *at != '\0';) {
        size_t chars = strcspn(at, ",");
        if (chars > 0) {
            json_array_append_new(ids, json_stringn(at, chars));
        }
        at += chars + (at[chars] == ',');
    }
    return 0;
}

static void print_done(const struct cli *cli, const json_t *answer, const char *done) {
    int64_t waiting = field_int(answer, "waiting");
    TABLE_AUTO table = TABLE("BREAK", "RISK", "CLASS", "STATE", ">DIFFERENCE", "GATEWAY", "~ABOUT",
                             "OWNER", ">OPEN");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        break_row(table, row);
    }
    table_print(table, cli, "No break fits.");
    char text[SHOW_CHARS_MAX];
    cli_say(cli, "\n%s %s.\n", show_many(field_int(answer, "done"), "break", "breaks", text), done);
    if (waiting > 0) {
        cli_say(cli, "%s %s for another person: `holdfast break approve BREAKS --reason TEXT`.\n",
                show_many(waiting, "break", "breaks", text), waiting == 1 ? "waits" : "wait");
    }
}

static int act_on_one(struct cli *cli, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/breaks", verb, body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_break(cli, answer);
    if (json_is_object(json_object_get(answer, "approval"))) {
        cli_say(cli, "\nIt waits for another person: `holdfast break approve %s --reason TEXT`.\n",
                field_word(answer, "id"));
    }
    return CLI_DONE;
}

/* `verb` of one break's address, `action` of several. */
static int act(struct cli *cli, const char *verb, const char *action, const char *done,
               json_t *body) {
    JSON_AUTO answer = NULL;
    struct err err = {0};
    const char *named = cli_argument(cli, 0);
    bool one = named != NULL && strchr(named, ',') == NULL;
    if (one && !any_filter(cli) && !cli_given(cli, "expect")) {
        return act_on_one(cli, verb, body);
    }
    json_object_set_new(body, "action", json_string(action));
    if (which(cli, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/breaks/bulk", body, &answer);
    if (status == CLI_DONE) {
        print_done(cli, answer, done);
    }
    return status;
}

int run_break_assign(struct cli *cli) {
    JSON_AUTO body = json_object();
    const char *to = cli_text(cli, "to");
    json_object_set_new(body, "owner", json_string(strcmp(to, "nobody") == 0 ? "" : to));
    body_text(cli, body, "note", "reason");
    return act(cli, "assign", "assign", "assigned", body);
}

static int act_with_reason(struct cli *cli, const char *verb, const char *action,
                           const char *done) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return act(cli, verb, action, done, body);
}

int run_break_write_off(struct cli *cli) {
    return act_with_reason(cli, "write-off", "write_off", "written off");
}

int run_break_approve(struct cli *cli) {
    return act_with_reason(cli, "approve", "approve", "written off");
}

int run_break_reject(struct cli *cli) {
    return act_with_reason(cli, "reject", "reject", "not written off");
}

int run_break_resolve(struct cli *cli) {
    return act_with_reason(cli, "resolve", "resolve", "resolved");
}

int run_break_reopen(struct cli *cli) {
    return act_with_reason(cli, "reopen", "reopen", "open again");
}

/* ---- files ---- */

int run_break_export(struct cli *cli) {
    TALK_PATH_AUTO path;
    struct err err = {0};
    talk_path_init(&path, "/v1/breaks/export");
    talk_path_add(&path, "format", cli_text_or(cli, "format", "csv"));
    talk_path_add(&path, "sort", cli_text(cli, "sort"));
    return filter_path(cli, &path, &err) < 0 ? cli_fail(cli, &err)
                                             : talk_save(cli, path.text.data, cli_text(cli, "out"));
}
