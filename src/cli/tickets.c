/* SPDX-License-Identifier: Apache-2.0
 * tickets.c: `ticket …`: what is to be done, by whom, until when; one ticket with all that is
 * known; and what is done with one or with many. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define TEAM_PREFIX "team:"

/* ---- the filter ---- */

/* The API's name of each option. */
static const struct {
    const char *option, *name;
} filters[] = {
    {"in", "queue"},        {"state", "state"},        {"assignee", "assignee"},
    {"team", "team"},       {"class", "class"},        {"risk", "risk"},
    {"gateway", "gateway"}, {"payment", "payment_id"}, {"currency", "currency"},
    {"since", "since"},     {"until", "until"},        {"find", "q"},
};

static void filter_path(const struct cli *cli, struct talk_path *path) {
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        talk_path_add(path, filters[i].name, cli_text(cli, filters[i].option));
    }
    talk_path_add(path, "overdue", cli_given(cli, "overdue") ? "1" : NULL);
}

static bool any_filter(const struct cli *cli) {
    bool given = cli_given(cli, "overdue");
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        given = given || cli_given(cli, filters[i].option);
    }
    return given;
}

/* ---- lists ---- */

/* "ann", "team finance", or nothing. */
static const char *owner_of(const json_t *row, char text[SHOW_CHARS_MAX]) {
    const json_t *assignee = json_object_get(row, "assignee");
    const char *name = field_text(assignee, "name");
    if (name != NULL || field_text(assignee, "id") != NULL) {
        return name != NULL ? name : field_text(assignee, "id");
    }
    const char *team = field_text(row, "team");
    if (team == NULL) {
        return NULL;
    }
    snprintf(text, SHOW_CHARS_MAX, "team %s", team);
    return text;
}

/* "in 5m", or "3h late". */
static void put_due(struct table *table, const json_t *row) {
    char age[SHOW_CHARS_MAX], late[SHOW_CHARS_MAX + 8];
    const char *due = field_text(row, "due_at");
    int64_t due_us = 0;
    if (field_text(row, "closed_at") != NULL || due == NULL || !clock_parse(due, &due_us)) {
        table_cell(table, NULL);
        return;
    }
    if (!field_true(row, "overdue")) {
        table_cell(table, show_age(due, age));
        return;
    }
    snprintf(late, sizeof late, "%s late", show_span(clock_wall_us() - due_us, age));
    table_styled(table, STYLE_BAD, late);
}

static void ticket_line(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    const char *amount = field_int(row, "amount") > 0 ? field_sum(row, "amount", text) : NULL;
    table_cell(table, field_text(row, "id"));
    put_due(table, row);
    table_cell(table, amount);
    table_state(table, field_text(row, "risk"));
    table_state(table, field_text(row, "state"));
    table_cell(table, owner_of(row, text));
    table_cell(table, field_age(row, "opened_at", text));
    table_cell(table, field_text(row, "title"));
}

int run_ticket_list(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    bool late = false;
    talk_path_init(&path, "/v1/tickets");
    filter_path(cli, &path);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    talk_path_add(&path, "cursor", cli_text(cli, "cursor"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("TICKET", "DUE", ">AMOUNT", "RISK", "STATE", "OWNER", "OPEN",
                             "~TITLE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        ticket_line(table, row);
        late = late || field_true(row, "overdue");
    }
    table_print(table, cli, any_filter(cli) ? "No ticket fits." : "There is nothing to do.");
    int64_t total = field_int(answer, "total");
    if (total > table_rows(table)) {
        cli_say(cli, "\n%d of %lld.\n", table_rows(table), (long long)total);
    }
    const char *cursor = field_text(answer, "next_cursor");
    if (cursor != NULL) {
        cli_say(cli, "More: --cursor %s\n", cursor);
    }
    return late ? CLI_PROBLEM : CLI_DONE;
}

int run_ticket_teams(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/ticket-teams", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("TEAM", "MEMBER", ">TO DO", ">LATE", "~NOTE");
    size_t i, j;
    json_t *team, *member;
    json_array_foreach(talk_rows(answer), i, team) {
        const char *lead = field_text(team, "lead");
        table_cell(table, field_text(team, "name"));
        table_blank(table);
        table_count(table, field_int(team, "live"));
        table_count(table, field_int(team, "overdue"));
        table_cellf(table, "%s%s%s", field_word(team, "share"), lead != NULL ? ", lead " : "",
                    lead != NULL ? lead : "");
        json_array_foreach(json_object_get(team, "members"), j, member) {
            table_blank(table);
            table_cell(table, field_text(member, "name"));
            table_count(table, field_int(member, "live"));
            table_blank(table);
            if (field_true(member, "works")) {
                table_blank(table);
            } else {
                table_styled(table, STYLE_WARN, "no enabled user who may work on tickets");
            }
        }
    }
    table_print(table, cli, "There are no teams in the configuration.");
    return CLI_DONE;
}

/* ---- one ---- */

static const char *who(const json_t *row, const char *name_key, const char *id_key) {
    const char *name = field_text(row, name_key);
    return name != NULL ? name : field_text(row, id_key);
}

static void print_card(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "ticket", field_text(row, "id"));
    table_pair(card, "title", field_text(row, "title"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pairf(card, "about", "%s %s", field_word(row, "kind"), field_word(row, "subject"));
    table_pair(card, "class", field_text(row, "class"));
    table_styled(card, STYLE_DIM, "risk");
    table_state(card, field_text(row, "risk"));
    if (field_int(row, "amount") > 0) {
        table_pair(card, "amount", field_money(row, "amount", text));
    }
    table_pair(card, "gateway", field_text(row, "gateway"));
    table_pair(card, "payment", field_text(row, "payment_id"));
    table_pair(card, "owner", owner_of(row, text));
    table_pair(card, "opened", show_moment(field_text(row, "opened_at"), text));
    table_styled(card, STYLE_DIM, "due");
    put_due(card, row);
    if (field_int(row, "level") > 0) {
        table_pairf(card, "escalated", "%lld times", (long long)field_int(row, "level"));
    }
    table_pair(card, "closed",
               field_text(row, "closed_at") != NULL
                   ? show_moment(field_text(row, "closed_at"), text)
                   : NULL);
    table_pair(card, "resolution", field_text(row, "resolution"));
    table_pair(card, "because", field_text(row, "reason"));
    if (field_int(row, "moved_amount") > 0) {
        table_pair(
            card, "moved",
            show_money(field_int(row, "moved_amount"), field_word(row, "moved_currency"), text));
    }
    table_pair(card, "what to do", field_text(row, "suggestion"));
    table_pairf(card, "step by step", "holdfast ticket sop %s",
                field_word(json_object_get(row, "sop"), "page"));
    table_print(card, cli, NULL);
}

/* Facts that are amounts in minor units of the facts' currency. */
static bool is_amount(const char *key) {
    static const char *const keys[] = {"amount", "ours", "theirs", "difference", "at_stake"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* One object as "gateway_id pi_1, amount 25.00 EUR": the words that it has, without braces. */
static void add_words(GString *line, const json_t *object) {
    const char *currency = field_text(object, "currency"), *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        char text[SHOW_CHARS_MAX];
        if (json_is_null(value) || (currency != NULL && strcmp(key, "currency") == 0) ||
            json_is_object(value) || json_is_array(value)) {
            continue;
        }
        g_string_append_printf(line, "%s%s ", line->len > 0 ? ", " : "", key);
        if (json_is_integer(value) && currency != NULL && is_amount(key)) {
            g_string_append(line, show_money(json_integer_value(value), currency, text));
        } else if (json_is_string(value)) {
            g_string_append(line, json_string_value(value));
        } else if (json_is_integer(value)) {
            g_string_append_printf(line, "%lld", (long long)json_integer_value(value));
        } else {
            g_string_append(line, json_is_true(value) ? "yes" : "no");
        }
    }
}

static void put_fact(struct table *table, const char *key, const json_t *value,
                     const char *currency) {
    char text[SHOW_CHARS_MAX], number[24];
    int64_t at_us = 0;
    if (json_is_string(value)) {
        bool time = clock_parse(json_string_value(value), &at_us);
        table_cell(table, key);
        table_cell(table,
                   time ? show_moment(json_string_value(value), text) : json_string_value(value));
    } else if (json_is_integer(value)) {
        int64_t minor = json_integer_value(value);
        snprintf(number, sizeof number, "%lld", (long long)minor);
        table_cell(table, key);
        table_cell(table,
                   currency != NULL && is_amount(key) ? show_money(minor, currency, text) : number);
    } else if (json_is_boolean(value)) {
        table_cell(table, key);
        table_cell(table, json_is_true(value) ? "yes" : "no");
    } else if (json_is_object(value)) {
        GString *line = g_string_new(NULL);
        add_words(line, value);
        table_cell(table, key);
        table_cell(table, line->str);
        g_string_free(line, TRUE);
    }
}

static void print_facts(const struct cli *cli, const json_t *facts) {
    TABLE_AUTO table = TABLE("FACT", "~");
    const char *currency = field_text(facts, "currency"), *key;
    json_t *value, *one;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)facts, key, value) {
        if (currency != NULL && strcmp(key, "currency") == 0) {
            continue; /* it stands beside each amount */
        }
        if (!json_is_array(value)) {
            put_fact(table, key, value, currency);
            continue;
        }
        json_array_foreach(value, i, one) {
            char name[SHOW_CHARS_MAX];
            snprintf(name, sizeof name, "%.40s %zu", key, i + 1);
            put_fact(table, name, one, currency);
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
    }
    table_print(table, cli, NULL);
}

static void print_history(const struct cli *cli, const json_t *history) {
    TABLE_AUTO table = TABLE("WHEN", "WHAT", "BY", "~TEXT");
    size_t i;
    json_t *entry;
    json_array_foreach(history, i, entry) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, show_moment(field_text(entry, "at"), text));
        table_cell(table, field_text(entry, "what"));
        table_cell(table, who(entry, "by", "actor"));
        table_cell(table, field_text(entry, "text"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_approvals(const struct cli *cli, const json_t *approvals) {
    TABLE_AUTO table = TABLE("APPROVAL", "OF", "ASKED BY", "DECIDED BY", "~SAYING");
    size_t i;
    json_t *approval;
    json_array_foreach(approvals, i, approval) {
        table_state(table, field_text(approval, "state"));
        table_cell(table, field_text(approval, "kind"));
        table_cell(table, who(approval, "asked_by_name", "asked_by"));
        table_cell(table, who(approval, "decided_by_name", "decided_by"));
        table_cell(table, field_text(approval, "decision_reason"));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
    }
    table_print(table, cli, NULL);
}

/* The commands that come next, where the ticket stands. */
static void print_next(const struct cli *cli, const json_t *row) {
    const char *id = field_word(row, "id"), *state = field_word(row, "state");
    const char *kind = field_word(row, "kind"), *subject = field_word(row, "subject");
    bool fresh = strcmp(state, "open") == 0 || strcmp(state, "reopened") == 0;
    bool works = strcmp(state, "in_progress") == 0 || strcmp(state, "waiting") == 0;
    if (strcmp(state, "approval") == 0) {
        cli_say(cli, "\nIt waits for another person: `holdfast ticket approve %s`.\n", id);
        return;
    }
    if (!fresh && !works) {
        return;
    }
    cli_say(cli, "\nNext:\n");
    if (json_is_null(json_object_get(row, "assignee"))) {
        cli_say(cli, "  holdfast ticket assign %s --to me\n", id);
    }
    if (fresh) {
        cli_say(cli, "  holdfast ticket start %s\n", id);
    }
    if (strcmp(kind, "break") == 0 || strcmp(kind, "case") == 0) {
        cli_say(cli, "  holdfast %s show %s\n", kind, subject);
    }
    cli_say(cli, "  holdfast ticket resolve %s --how HOW --reason ...\n", id);
}

static void print_ticket(const struct cli *cli, const json_t *row) {
    print_card(cli, row);
    print_facts(cli, json_object_get(row, "facts"));
    print_history(cli, json_object_get(row, "history"));
    print_approvals(cli, json_object_get(row, "approvals"));
    print_next(cli, row);
}

static int about_ticket(struct cli *cli, const char *method, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, "/v1/tickets", verb, body, &answer);
    if (status == CLI_DONE) {
        print_ticket(cli, answer);
    }
    return status;
}

int run_ticket_show(struct cli *cli) {
    return about_ticket(cli, "GET", NULL, NULL);
}

int run_ticket_sop(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/sops");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s", field_word(answer, "text"));
    }
    return status;
}

int run_ticket_create(struct cli *cli) {
    static const char *const texts[][2] = {
        {"title", "title"},       {"class", "class"},           {"risk", "risk"},
        {"gateway", "gateway"},   {"payment", "payment_id"},    {"detail", "detail"},
        {"currency", "currency"}, {"suggestion", "suggestion"},
    };
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        body_text(cli, body, texts[i][0], texts[i][1]);
    }
    if (cli_given(cli, "amount") != cli_given(cli, "currency")) {
        return cli_misuse(cli, "an amount has a currency: --amount 19.99 --currency EUR");
    }
    if (body_amount(cli, body, cli_text(cli, "currency"), &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/tickets", body, &answer);
    if (status == CLI_DONE) {
        print_ticket(cli, answer);
    }
    return status;
}

/* ---- what is done with one ---- */

static int with_reason(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return about_ticket(cli, "POST", verb, body);
}

int run_ticket_start(struct cli *cli) {
    return about_ticket(cli, "POST", "start", NULL);
}

int run_ticket_wait(struct cli *cli) {
    return with_reason(cli, "wait");
}

int run_ticket_approve(struct cli *cli) {
    return with_reason(cli, "approve");
}

int run_ticket_reject(struct cli *cli) {
    return with_reason(cli, "reject");
}

int run_ticket_reopen(struct cli *cli) {
    return with_reason(cli, "reopen");
}

int run_ticket_comment(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "note", "text");
    return about_ticket(cli, "POST", "comments", body);
}

int run_ticket_resolve(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    body_text(cli, body, "how", "resolution");
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "currency", "currency");
    if (cli_given(cli, "amount") != cli_given(cli, "currency")) {
        return cli_misuse(cli, "an amount has a currency: --amount 19.99 --currency EUR");
    }
    if (body_amount(cli, body, cli_text(cli, "currency"), &err) < 0) {
        return cli_fail(cli, &err);
    }
    return about_ticket(cli, "POST", "resolve", body);
}

/* ---- what is done with one or many ---- */

/* The tickets that are named, or what the options find. */
static int which(struct cli *cli, json_t *body) {
    const char *named = cli_argument(cli, 0);
    int64_t expected = 0;
    struct err err = {0};
    if (named != NULL) {
        json_t *ids = json_array();
        json_object_set_new(body, "ids", ids);
        for (const char *at = named; *at != '\0';) {
            size_t chars = strcspn(at, ",");
            if (chars > 0) {
                json_array_append_new(ids, json_stringn(at, chars));
            }
            at += chars + (at[chars] == ',');
        }
        return CLI_DONE;
    }
    if (!cli_given(cli, "expect")) {
        return cli_misuse(cli, "name tickets, or say what finds them and how many: --expect N");
    }
    if (cli_int(cli, "expect", 1, 1000, &expected, &err) < 0) {
        return cli_fail(cli, &err);
    }
    json_t *filter = json_object();
    json_object_set_new(body, "filter", filter);
    json_object_set_new(body, "expected", json_integer(expected));
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        body_text(cli, filter, filters[i].option, filters[i].name);
    }
    if (cli_given(cli, "overdue")) {
        json_object_set_new(filter, "overdue", json_true());
    }
    return CLI_DONE;
}

/* One by its own address, whose answer is the whole ticket; several, or what options find, at once.
 */
static int act(struct cli *cli, const char *action, const char *done, json_t *body) {
    JSON_AUTO answer = NULL;
    const char *named = cli_argument(cli, 0);
    if (named != NULL && (any_filter(cli) || cli_given(cli, "expect"))) {
        return cli_misuse(cli, "it takes either tickets or options that find them");
    }
    if (named != NULL && strchr(named, ',') == NULL) {
        return about_ticket(cli, "POST", action, body);
    }
    int status = which(cli, body);
    if (status != CLI_DONE) {
        return status;
    }
    if (json_object_get(body, "reason") == NULL) {
        json_object_set_new(body, "reason", json_string(done));
    }
    json_object_set_new(body, "action", json_string(action));
    status = talk_post(cli, "/v1/tickets/bulk", body, &answer);
    if (status == CLI_DONE) {
        int64_t count = field_int(answer, "count");
        cli_say(cli, "%lld ticket%s %s.\n", (long long)count, count == 1 ? " was" : "s were", done);
    }
    return status;
}

static void body_to(const struct cli *cli, json_t *body) {
    const char *to = cli_text(cli, "to");
    bool team = strncmp(to, TEAM_PREFIX, strlen(TEAM_PREFIX)) == 0;
    json_object_set_new(body, team ? "team" : "user",
                        json_string(team ? to + strlen(TEAM_PREFIX) : to));
}

int run_ticket_assign(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_to(cli, body);
    body_text(cli, body, "note", "reason");
    return act(cli, "assign", "assigned", body);
}

int run_ticket_transfer(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_to(cli, body);
    body_text(cli, body, "reason", "reason");
    return act(cli, "transfer", "transferred", body);
}

int run_ticket_close(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return act(cli, "close", "closed", body);
}

/* ---- a file ---- */

int run_ticket_export(struct cli *cli) {
    TALK_PATH_AUTO path;
    bool workbook = strcmp(cli_text_or(cli, "format", "csv"), "xlsx") == 0;
    talk_path_init(&path, workbook ? "/v1/tickets.xlsx" : "/v1/tickets.csv");
    filter_path(cli, &path);
    return talk_save(cli, path.text.data, cli_text(cli, "out"));
}
