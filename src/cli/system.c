/* SPDX-License-Identifier: Apache-2.0
 * system.c: how the running service is: status, dependencies, ledger, database connections. */
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- status ---- */

static bool is_normal(const json_t *mode) {
    const char *step = field_text(mode, "step");
    return step == NULL || strcmp(step, "normal") == 0;
}

/* Where the ladder of degraded modes stands, and since when and why unless that is its ground. */
static void print_step(struct table *card, const json_t *mode) {
    char since[SHOW_CHARS_MAX];
    if (json_is_object(mode)) {
        table_styled(card, STYLE_DIM, "mode");
        table_styled(card, is_normal(mode) ? STYLE_GOOD : STYLE_BAD, field_word(mode, "step"));
    }
    if (!is_normal(mode)) {
        table_pair(card, "since",
                   field_text(mode, "since") != NULL ? show_moment(field_text(mode, "since"), since)
                                                     : NULL);
        table_pair(card, "because", field_text(mode, "reason"));
    }
    if (field_true(mode, "simplified")) {
        table_styled(card, STYLE_DIM, "simplified flow");
        table_styled(card, STYLE_BAD, "on: core payments only, without the fraud check");
    }
}

/* How a gateway's charges fare, in words. */
static const char *takes(const json_t *gateway, enum show_style *ret_style) {
    static const struct {
        const char *state, *charges, *words; /* NULL: any */
        enum show_style style;
    } rows[] = {
        {"disabled", NULL, "takes none, it is disabled", STYLE_BAD},
        {"draining", NULL, "takes none, it is draining", STYLE_BAD},
        {NULL, "failing", "takes none, it is failing (breaker open)", STYLE_BAD},
        {NULL, "on_trial", "on trial after an outage: one payment now and then", STYLE_WARN},
        {NULL, "recovering",
         "takes payments, recovering: what could go elsewhere returns by shares", STYLE_WARN},
        {NULL, NULL, "takes payments", STYLE_GOOD},
    };
    const char *state = field_word(gateway, "state"), *charges = field_word(gateway, "charges");
    size_t i = 0;
    while (i + 1 < COUNT_OF(rows) &&
           ((rows[i].state != NULL && strcmp(rows[i].state, state) != 0) ||
            (rows[i].charges != NULL && strcmp(rows[i].charges, charges) != 0))) {
        i++;
    }
    *ret_style = rows[i].style;
    return rows[i].words;
}

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
    print_step(card, json_object_get(health, "mode"));
    size_t i;
    json_t *gateway;
    json_array_foreach(json_object_get(health, "gateways"), i, gateway) {
        if (i == 0) {
            table_styled(card, STYLE_DIM, "gateways");
        } else {
            table_blank(card);
        }
        char line[SHOW_CHARS_MAX * 2];
        enum show_style style;
        const char *how = takes(gateway, &style);
        snprintf(line, sizeof line, "%.50s: %s", field_word(gateway, "name"), how);
        table_styled(card, style, line);
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
           is_normal(json_object_get(health, "mode")) &&
           !field_true(json_object_get(health, "mode"), "simplified") &&
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

/* ---- dependencies ---- */

static void cell_latency(struct table *table, const json_t *edge) {
    char text[SHOW_CHARS_MAX];
    const json_t *value = json_object_get(edge, "latency_ms");
    table_cell(table, json_is_number(value)
                          ? show_latency((int64_t)(json_number_value(value) * 1000.0), text)
                          : NULL);
}

static void print_edges(const struct cli *cli, const json_t *edges, const char *direction,
                        const char *title) {
    TABLE_AUTO table = TABLE(title, "KIND", "STATE", ">LATENCY", "SINCE", "~WITHOUT IT");
    char text[SHOW_CHARS_MAX];
    size_t i;
    json_t *edge;
    json_array_foreach(edges, i, edge) {
        if (strcmp(field_word(edge, "direction"), direction) != 0) {
            continue;
        }
        const char *since = field_text(edge, "since");
        table_cell(table, field_text(edge, "name"));
        table_cell(table, field_text(edge, "kind"));
        table_state(table, field_text(edge, "state"));
        cell_latency(table, edge);
        table_cell(table, since != NULL ? show_age(since, text) : NULL);
        table_cell(table, field_text(edge, "without"));
    }
    table_print(table, cli, NULL);
}

/* Whole sentences of whatever is not well; a narrow terminal cuts neither of them in half. */
static void print_edges_amiss(const struct cli *cli, const json_t *edges) {
    size_t i;
    json_t *edge;
    json_array_foreach(edges, i, edge) {
        const char *state = field_word(edge, "state");
        if (strcmp(state, "down") != 0 && strcmp(state, "degraded") != 0) {
            continue;
        }
        TABLE_AUTO card = TABLE("", "");
        table_styled(card, STYLE_DIM, state);
        table_cell(card, field_text(edge, "name"));
        table_pair(card, "why", field_text(edge, "why"));
        table_pair(card, strcmp(state, "down") == 0 ? "so" : "if it fails",
                   field_text(edge, "without"));
        cli_say(cli, "\n");
        table_print(card, cli, NULL);
    }
}

int run_deps(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/dependencies", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *edges = talk_rows(answer);
    print_edges(cli, edges, "needs", "HOLDFAST NEEDS");
    cli_say(cli, "\n");
    print_edges(cli, edges, "serves", "WHO NEEDS IT");
    print_edges_amiss(cli, edges);
    return strcmp(field_word(answer, "state"), "down") == 0 ? CLI_PROBLEM : CLI_DONE;
}

/* ---- ledger ---- */

int run_ledger_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/ledger", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO accounts = TABLE("~ACCOUNT", ">DEBITS", ">CREDITS", ">BALANCE");
    TABLE_AUTO books = TABLE("GATEWAY", ">TAKEN", ">TIMES", ">RETURNED", ">TIMES", ">FEES");
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
        cli_say(cli, "\nTIMES counts movements: also each part of a payment, money that nothing "
                     "explains, and\nwhat banks took back.\n");
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

/* ---- what the database is busy with ---- */

/* A query with its --limit, and the answer of it. */
static int look(struct cli *cli, const char *what, const char *option, const char *value,
                json_t **ret_answer) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/internal/api/system/database");
    talk_path_part(&path, what);
    talk_path_add(&path, option, value);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    return talk_get(cli, path.text.data, ret_answer);
}

static void cell_span(struct table *table, const json_t *row, const char *key) {
    char text[SHOW_CHARS_MAX];
    const json_t *value = json_object_get(row, key);
    table_cell(table,
               json_is_integer(value) ? show_latency(json_integer_value(value), text) : NULL);
}

/* 0: the server's processes have numbers, ours has none there. */
static void cell_pid(struct table *table, const json_t *row) {
    if (field_int(row, "pid") > 0) {
        table_cellf(table, "%lld", (long long)field_int(row, "pid"));
    } else {
        table_cell(table, NULL);
    }
}

int run_db_slow(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO answer = NULL;
    char over[24];
    int64_t over_us = 10 * US_PER_MS;
    if (cli_duration(cli, "over", 0, 86400 * US_PER_SECOND, &over_us, &err) < 0) {
        return cli_fail(cli, &err);
    }
    snprintf(over, sizeof over, "%lld", (long long)(over_us / US_PER_MS));
    int status = look(cli, "slow", "over_ms", over, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("TOLD BY", ">CALLS", ">MEAN", ">LONGEST", ">LAST", "~STATEMENT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "of"));
        table_count(table, field_int(row, "calls"));
        cell_span(table, row, "mean_us");
        cell_span(table, row, "max_us");
        table_cell(table, field_age(row, "last_at", text));
        table_cell(table, field_text(row, "query"));
    }
    table_print(table, cli, "No statement was slow.");
    if (field_text(answer, "note") != NULL) {
        cli_say(cli, "\n%s\n", field_text(answer, "note"));
    }
    return CLI_DONE;
}

int run_db_long(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = look(cli, "transactions", NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">PID", "WHO", "FROM", ">OPEN", "STATE", "WAITS FOR", "~STATEMENT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        cell_pid(table, row);
        table_cell(table, field_text(row, "who"));
        table_cell(table, field_text(row, "from"));
        cell_span(table, row, "open_us");
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "waits_for"));
        table_cell(table, field_text(row, "query"));
    }
    table_print(table, cli, "No transaction is open.");
    return CLI_DONE;
}

int run_db_locks(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = look(cli, "locks", "all", cli_given(cli, "all") ? "1" : NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">PID", "WHO", "HOLDS OR WAITS", ">COUNT", "SUBJECT", "MODE",
                             ">WAITING", "BEHIND", "~STATEMENT");
    bool waits = false;
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        bool granted = field_true(row, "granted");
        waits = waits || !granted;
        cell_pid(table, row);
        table_cell(table, field_text(row, "who"));
        table_state(table, granted ? "holds" : "waits");
        table_count(table, field_int(row, "count"));
        table_cell(table, field_text(row, "subject"));
        table_cell(table, field_text(row, "mode"));
        cell_span(table, row, "waiting_us");
        table_cell(table, field_text(row, "blocked_by"));
        table_cell(table, field_text(row, "query"));
    }
    table_print(table, cli, "Nobody waits for a lock.");
    return waits ? CLI_PROBLEM : CLI_DONE;
}
