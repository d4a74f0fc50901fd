/* SPDX-License-Identifier: Apache-2.0
 * system.c: how the running service is: status, ledger, database connections. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- status ---- */

static void print_health(const struct cli *cli, const json_t *health) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const json_t *database = json_object_get(health, "database");
    table_styled(card, STYLE_DIM, "service");
    table_state(card, field_text(health, "status"));
    table_pair(card, "version", field_text(health, "version"));
    table_pair(card, "started", show_moment(field_text(health, "started_at"), text));
    table_pairf(card, "database", "%s, %s", field_word(database, "engine"),
                field_true(database, "up") ? "up" : "down");
    size_t i;
    json_t *gateway;
    json_array_foreach(json_object_get(health, "gateways"), i, gateway) {
        if (i == 0) {
            table_styled(card, STYLE_DIM, "gateways");
        } else {
            table_blank(card);
        }
        char line[SHOW_CHARS_MAX * 2];
        bool up = field_true(gateway, "up");
        const char *state = field_word(gateway, "state");
        bool breaker = !up && strcmp(state, "enabled") == 0;
        snprintf(line, sizeof line, "%.60s: %s%.40s", field_word(gateway, "name"),
                 up ? "takes payments" : "takes none, it is ",
                 up        ? ""
                 : breaker ? "failing (breaker open)"
                           : state);
        table_styled(card, up ? STYLE_GOOD : STYLE_BAD, line);
    }
    table_print(card, cli, NULL);
}

/* What is waiting, and the command that shows it. */
static void print_backlog(const struct cli *cli, const json_t *backlog) {
    static const struct {
        const char *key, *what, *command;
        bool bad; /* a person must look */
    } rows[] = {
        {"unknown_payments", "payments nobody has answered for", "holdfast payment stuck", true},
        {"unknown_operations", "captures, refunds nobody has answered for",
         "holdfast payment stuck", true},
        {"processing_payments", "payments not final yet",
         "holdfast payment list --state processing", false},
        {"open_cases", "cases to look at", "holdfast case list", true},
        {"callbacks_parked", "callbacks parked", "holdfast callback list --parked", true},
        {"callbacks_waiting", "callbacks to be processed", "holdfast callback list --state stored",
         false},
        {"webhooks_parked", "webhooks given up", "holdfast webhook deliveries --state parked",
         true},
        {"webhooks_waiting", "webhooks to be delivered",
         "holdfast webhook deliveries --state waiting", false},
    };
    TABLE_AUTO table = TABLE(">COUNT", "WAITING", "~SEE");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t count = field_int(backlog, rows[i].key);
        char text[SHOW_CHARS_MAX];
        table_styled(table,
                     count == 0    ? STYLE_DIM
                     : rows[i].bad ? STYLE_BAD
                                   : STYLE_WARN,
                     show_count(count, text));
        table_styled(table, count == 0 ? STYLE_DIM : STYLE_PLAIN, rows[i].what);
        if (count > 0) {
            table_styled(table, STYLE_DIM, rows[i].command);
        } else {
            table_blank(table);
        }
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    const char *oldest = field_text(backlog, "oldest_unresolved_at");
    char text[SHOW_CHARS_MAX];
    if (oldest != NULL) {
        cli_say(cli, "\nThe oldest unresolved payment has waited for %s.\n",
                show_age(oldest, text));
    }
}

static bool all_well(const json_t *health, const json_t *backlog) {
    return strcmp(field_word(health, "status"), "ok") == 0 &&
           field_int(backlog, "unknown_payments") == 0 &&
           field_int(backlog, "unknown_operations") == 0 && field_int(backlog, "open_cases") == 0 &&
           field_int(backlog, "callbacks_parked") == 0 &&
           field_int(backlog, "webhooks_parked") == 0;
}

int run_status(struct cli *cli) {
    JSON_AUTO health = NULL;
    JSON_AUTO backlog = NULL;
    int status = talk_ask(cli, "/payment/health", &health, NULL);
    status = status != CLI_DONE ? status
                                : talk_ask(cli, "/internal/api/system/backlog", &backlog, NULL);
    if (health == NULL) {
        return status;
    }
    if (status == CLI_DONE) {
        JSON_AUTO both = json_pack("{s:O,s:O}", "health", health, "backlog", backlog);
        char *text = json_write(both);
        talk_print_json(cli, text);
        free(text);
    }
    print_health(cli, health);
    if (status != CLI_DONE) {
        return status;
    }
    print_fallback(cli);
    print_backlog(cli, backlog);
    return all_well(health, backlog) ? CLI_DONE : CLI_PROBLEM;
}

/* ---- ledger ---- */

int run_ledger_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/ledger", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO accounts = TABLE("~ACCOUNT", ">DEBITS", ">CREDITS", ">BALANCE");
    TABLE_AUTO books = TABLE("GATEWAY", ">TAKEN", ">PAYMENTS", ">RETURNED", ">REFUNDS", ">FEES");
    size_t i;
    json_t *row;
    char text[SHOW_CHARS_MAX];
    json_array_foreach(json_object_get(answer, "accounts"), i, row) {
        table_cell(accounts, field_text(row, "account"));
        table_cell(accounts, field_money(row, "debits", text));
        table_cell(accounts, field_money(row, "credits", text));
        table_cell(accounts, field_money(row, "balance", text));
    }
    json_array_foreach(json_object_get(answer, "books"), i, row) {
        table_cell(books, field_text(row, "gateway"));
        table_cell(books, field_money(row, "taken", text));
        table_count(books, field_int(row, "taken_count"));
        table_cell(books, field_money(row, "returned", text));
        table_count(books, field_int(row, "returned_count"));
        table_cell(books, field_money(row, "fees", text));
    }
    table_print(accounts, cli, "Nothing has been posted yet.");
    if (table_rows(books) > 0) {
        cli_say(cli, "\nWhat each gateway took and gave back, by our books\n\n");
        table_print(books, cli, NULL);
    }
    return CLI_DONE;
}

/* ---- database connections ---- */

static void print_pool(const struct cli *cli, const json_t *database) {
    TABLE_AUTO card = TABLE("", "~");
    char a[SHOW_CHARS_MAX], b[SHOW_CHARS_MAX];
    const json_t *connections = json_object_get(database, "connections");
    const json_t *commit = json_object_get(database, "commit_us");
    table_pair(card, "engine", field_text(database, "engine"));
    table_pairf(card, "connections", "%lld busy of %lld open, at most %lld; %lld calls wait",
                (long long)field_int(connections, "busy"),
                (long long)field_int(connections, "open"), (long long)field_int(connections, "max"),
                (long long)field_int(connections, "waiting"));
    table_pairf(card, "commit", "p50 %s, p99 %s", show_latency(field_int(commit, "p50"), a),
                show_latency(field_int(commit, "p99"), b));
    table_pairf(card, "waiting", "p99 %s", show_latency(field_int(database, "wait_us_p99"), a));
    table_pair(card, "writes", show_count(field_int(database, "writes"), a));
    table_pair(card, "commits", show_count(field_int(database, "commits"), a));
    table_pair(card, "reads", show_count(field_int(database, "reads"), a));
    table_pair(card, "retries", show_count(field_int(database, "retries"), a));
    table_pair(card, "failures", show_count(field_int(database, "failures"), a));
    table_pair(card, "outcomes asked for", show_count(field_int(database, "outcomes_asked"), a));
    table_print(card, cli, NULL);
}

int run_db_pool(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/internal/api/system/database", &answer);
    if (status == CLI_DONE) {
        print_pool(cli, answer);
    }
    return status;
}

int run_db_refresh(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_post(cli, "/internal/api/system/refresh-db-connections", NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%lld idle connections were dropped.\n\n",
                (long long)field_int(answer, "dropped"));
        print_pool(cli, answer);
    }
    return status;
}
