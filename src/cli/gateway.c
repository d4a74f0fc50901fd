/* SPDX-License-Identifier: Apache-2.0
 * gateway.c: `holdfast gateway …`: how the gateways are, and the switches. */
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- figures ---- */

static bool is(const json_t *object, const char *key, const char *word) {
    const char *text = field_text(object, key);
    return text != NULL && strcmp(text, word) == 0;
}

/* The worst of a gateway's breakers for charges: closed, half_open, open. */
static const char *charge_breaker(const json_t *gateway) {
    const char *worst = "closed";
    size_t i;
    json_t *health;
    json_array_foreach(json_object_get(gateway, "health"), i, health) {
        if (!is(health, "operation", "charge") || is(health, "breaker", "closed")) {
            continue;
        }
        worst = is(health, "breaker", "open") || strcmp(worst, "open") == 0
                    ? "open"
                    : field_word(health, "breaker");
    }
    return worst;
}

static bool takes_payments(const json_t *gateway) {
    return is(gateway, "state", "enabled") && strcmp(charge_breaker(gateway), "open") != 0;
}

static void cell_percent(struct table *table, const json_t *health) {
    char text[SHOW_CHARS_MAX];
    if (field_int(health, "calls") == 0) {
        table_cell(table, NULL);
    } else {
        table_cellf(table, "%s %%", field_real(health, "success_percent", 1, text));
    }
}

static void cell_ms(struct table *table, const json_t *health, const char *key) {
    char text[SHOW_CHARS_MAX];
    const json_t *value = json_object_get(health, key);
    if (!json_is_number(value)) {
        table_cell(table, NULL);
    } else {
        int64_t us = (int64_t)(json_number_value(value) * 1000.0);
        table_cell(table, show_latency(us, text));
    }
}

static void join_texts(const json_t *array, char *text, size_t bytes) {
    size_t i, used = 0;
    json_t *item;
    text[0] = '\0';
    json_array_foreach(array, i, item) {
        const char *word = json_string_value(item);
        if (word != NULL && used < bytes) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used > 0 ? "," : "", word);
        }
    }
}

/* The charges of all its methods in one: figures of the busiest one. */
static const json_t *busiest_charge(const json_t *gateway) {
    const json_t *busiest = NULL;
    size_t i;
    json_t *health;
    json_array_foreach(json_object_get(gateway, "health"), i, health) {
        if (is(health, "operation", "charge") &&
            (busiest == NULL || field_int(health, "calls") > field_int(busiest, "calls"))) {
            busiest = health;
        }
    }
    return busiest;
}

/* Whole sentences, which no column has room for: why a gateway does not take what it could. */
static void print_reasons(const struct cli *cli, const json_t *rows, const char *only) {
    TABLE_AUTO table = TABLE("", "", "");
    char what[SHOW_CHARS_MAX * 2];
    size_t i, j;
    json_t *gateway, *health;
    json_array_foreach(rows, i, gateway) {
        if (only != NULL && !is(gateway, "name", only)) {
            continue;
        }
        if (!is(gateway, "state", "enabled")) {
            table_cell(table, field_text(gateway, "name"));
            table_state(table, field_text(gateway, "state"));
            table_cell(table, field_text(gateway, "state_reason"));
        }
        json_array_foreach(json_object_get(gateway, "health"), j, health) {
            if (!is(health, "breaker", "closed")) {
                snprintf(what, sizeof what, "%.40s, %.20s %.20s", field_word(gateway, "name"),
                         field_word(health, "method"), field_word(health, "operation"));
                table_cell(table, what);
                table_state(table, field_text(health, "breaker"));
                table_cell(table, field_text(health, "why"));
            }
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_gateways(const struct cli *cli, const json_t *rows, const char *only) {
    TABLE_AUTO table = TABLE("GATEWAY", "ADAPTER", "STATE", "BREAKER", ">PRIORITY", ">WEIGHT",
                             ">CALLS", ">SUCCESS", ">P95", ">IN FLIGHT", "~METHODS");
    size_t i;
    json_t *gateway;
    json_array_foreach(rows, i, gateway) {
        char methods[128];
        const json_t *charge = busiest_charge(gateway);
        if (only != NULL && !is(gateway, "name", only)) {
            continue;
        }
        table_cellf(table, "%s%s", field_word(gateway, "name"),
                    field_true(gateway, "primary") ? " (primary)" : "");
        table_cell(table, field_text(gateway, "adapter"));
        table_state(table, field_text(gateway, "state"));
        table_state(table, charge_breaker(gateway));
        table_cellf(table, "%lld", (long long)field_int(gateway, "priority"));
        table_cellf(table, "%lld", (long long)field_int(gateway, "weight"));
        table_count(table, field_int(charge, "calls"));
        cell_percent(table, charge);
        cell_ms(table, charge, "p95_ms");
        table_cellf(table, "%lld/%lld", (long long)field_int(gateway, "in_flight"),
                    (long long)field_int(gateway, "in_flight_max"));
        join_texts(json_object_get(gateway, "methods"), methods, sizeof methods);
        table_cell(table, methods);
    }
    table_print(table, cli, "There are no gateways.");
    print_reasons(cli, rows, only);
}

/* With --json the answer is one document, and /v1/routing says it. What was asked for has been
 * answered, whatever becomes of this. */
void print_fallback(struct cli *cli) {
    JSON_AUTO routing = NULL;
    if (cli->json || talk_ask(cli, "/v1/routing", &routing, NULL) != CLI_DONE ||
        !field_true(routing, "fallback")) {
        return;
    }
    char since[SHOW_CHARS_MAX];
    const char *why = field_text(routing, "fallback_reason");
    cli_say(cli, "\nFallback mode is on: switched by %s, %s%s%s.\n",
            field_word(routing, "fallback_by"),
            show_moment(field_text(routing, "fallback_at"), since), why != NULL ? ": " : "",
            why != NULL ? why : "");
    cli_say(cli, "`holdfast gateway fallback off --reason ...` ends it.\n");
}

int run_gateway_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/gateways", &answer);
    if (status == CLI_DONE) {
        print_gateways(cli, talk_rows(answer), NULL);
        print_fallback(cli);
    }
    return status;
}

/* ---- health and latency ---- */

/* The gateway that is meant: GATEWAY, or --gateway where there is one; NULL: all. */
static const char *meant(const struct cli *cli) {
    const char *name = cli_argument(cli, 0);
    bool optional = cli_option_find(cli->command, "gateway") != NULL;
    return name == NULL && optional ? cli_text(cli, "gateway") : name;
}

/* All gateways, or the one that is named, as an array. */
static int ask_some(struct cli *cli, json_t **ret_rows) {
    JSON_AUTO answer = NULL;
    TALK_PATH_AUTO path;
    const char *name = cli_argument(cli, 0);
    talk_path_init(&path, "/v1/gateways");
    if (name != NULL) {
        talk_path_part(&path, name);
    }
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        *ret_rows = name != NULL ? json_pack("[O]", answer)
                                 : json_incref(json_object_get(answer, "data"));
    }
    return status;
}

typedef void health_row(struct table *table, const json_t *health);

static void health_cells(struct table *table, const json_t *health) {
    char text[SHOW_CHARS_MAX];
    table_state(table, field_text(health, "breaker"));
    table_count(table, field_int(health, "calls"));
    cell_percent(table, health);
    table_count(table, field_int(health, "faults"));
    table_count(table, field_int(health, "timeouts"));
    table_count(table, field_int(health, "declines"));
    table_cell(table, field_age(health, "since", text));
}

static void latency_cells(struct table *table, const json_t *health) {
    table_count(table, field_int(health, "latency_calls"));
    cell_ms(table, health, "p50_ms");
    cell_ms(table, health, "p95_ms");
    cell_ms(table, health, "p99_ms");
    table_count(table, field_int(health, "timeouts"));
}

static void add_health(const struct cli *cli, struct table *table, const json_t *rows,
                       health_row *cells) {
    size_t i, j;
    json_t *gateway, *health;
    json_array_foreach(rows, i, gateway) {
        json_array_foreach(json_object_get(gateway, "health"), j, health) {
            bool idle = field_int(health, "calls") == 0 &&
                        field_int(health, "latency_calls") == 0 && is(health, "breaker", "closed");
            if (idle && !cli_given(cli, "all") && !is(health, "operation", "charge")) {
                continue;
            }
            table_cell(table, field_text(gateway, "name"));
            table_cell(table, field_text(health, "method"));
            table_cell(table, field_text(health, "operation"));
            cells(table, health);
        }
    }
}

/* Whom to call about the gateways that do not take payments. */
static void print_contacts(const struct cli *cli, const json_t *rows) {
    TABLE_AUTO table = TABLE("CALL ABOUT", "STATE", "BREAKER", "E-MAIL", "PHONE", "~STATUS PAGE");
    size_t i;
    json_t *gateway;
    json_array_foreach(rows, i, gateway) {
        const json_t *contact = json_object_get(gateway, "contact");
        if (takes_payments(gateway) && cli_argument(cli, 0) == NULL) {
            continue;
        }
        table_cell(table, field_text(gateway, "name"));
        table_state(table, field_text(gateway, "state"));
        table_state(table, charge_breaker(gateway));
        table_cell(table, field_text(contact, "email"));
        table_cell(table, field_text(contact, "phone"));
        table_cell(table, field_text(contact, "status_page"));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

int run_gateway_health(struct cli *cli) {
    JSON_AUTO rows = NULL;
    int status = ask_some(cli, &rows);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("GATEWAY", "METHOD", "OPERATION", "BREAKER", ">CALLS", ">SUCCESS",
                             ">FAULTS", ">TIMEOUTS", ">DECLINES", ">SINCE");
    add_health(cli, table, rows, health_cells);
    table_print(table, cli, "There are no gateways.");
    print_reasons(cli, rows, NULL);
    print_contacts(cli, rows);
    size_t i;
    json_t *gateway;
    json_array_foreach(rows, i, gateway) {
        status = takes_payments(gateway) ? status : CLI_PROBLEM;
    }
    return status;
}

/* Which time the figures are of: both windows are the service's to say. */
static void print_windows(const struct cli *cli, const json_t *rows) {
    const json_t *any = json_array_get(json_object_get(json_array_get(rows, 0), "health"), 0);
    char calls[SHOW_CHARS_MAX], timeouts[SHOW_CHARS_MAX];
    if (any != NULL) {
        show_span(field_int(any, "latency_window_s") * US_PER_SECOND, calls);
        show_span(field_int(any, "window_s") * US_PER_SECOND, timeouts);
        cli_say(cli, "\nCALLS and percentiles: the last %s. TIMEOUTS: the breaker's last %s.\n",
                calls, timeouts);
    }
}

int run_gateway_latency(struct cli *cli) {
    JSON_AUTO rows = NULL;
    int status = ask_some(cli, &rows);
    if (status == CLI_DONE) {
        TABLE_AUTO table = TABLE("GATEWAY", "METHOD", "OPERATION", ">CALLS", ">P50", ">P95", ">P99",
                                 ">TIMEOUTS");
        add_health(cli, table, rows, latency_cells);
        table_print(table, cli, "There are no gateways.");
        print_windows(cli, rows);
    }
    return status;
}

/* ---- watching ---- */

enum { SEEN_CHARS_MAX = 4096 };

/* What is told about a change, and nothing that moves with every call. */
static void describe(const json_t *rows, const char *only, char *text, size_t bytes) {
    size_t i, used = 0;
    json_t *gateway;
    text[0] = '\0';
    json_array_foreach(rows, i, gateway) {
        if ((only == NULL || is(gateway, "name", only)) && used < bytes) {
            used += (size_t)snprintf(
                text + used, bytes - used, "%s%s: %s%s, breaker %s", used > 0 ? "; " : "",
                field_word(gateway, "name"), field_word(gateway, "state"),
                field_true(gateway, "primary") ? ", primary" : "", charge_breaker(gateway));
        }
    }
}

static void draw(const struct cli *cli, const json_t *rows, int64_t every_us) {
    char now[CLOCK_TEXT_MAX], span[SHOW_CHARS_MAX];
    clock_format(clock_wall_us() / US_PER_SECOND * US_PER_SECOND, now);
    /* From the top left corner, and whatever was there is cleared. */
    fprintf(cli->screen.out, "\033[H\033[J%s   every %s, Ctrl-C ends\n\n", now,
            every_us % US_PER_SECOND == 0 ? show_span(every_us, span)
                                          : show_latency(every_us, span));
    print_gateways(cli, rows, meant(cli));
    fflush(cli->screen.out);
}

static void note_change(const struct cli *cli, const json_t *rows, char *seen) {
    char now[CLOCK_TEXT_MAX], text[SEEN_CHARS_MAX];
    describe(rows, meant(cli), text, sizeof text);
    if (strcmp(seen, text) != 0) {
        clock_format(clock_wall_us() / US_PER_SECOND * US_PER_SECOND, now);
        cli_say(cli, "%s  %s\n", now, text);
        fflush(cli->screen.out);
        snprintf(seen, SEEN_CHARS_MAX, "%s", text);
    }
}

int run_gateway_watch(struct cli *cli) {
    struct err err = {0};
    int64_t every_us = 2 * US_PER_SECOND, looks = INT64_MAX;
    char seen[SEEN_CHARS_MAX] = "";
    int r = cli_duration(cli, "every", 50 * US_PER_MS, 3600 * US_PER_SECOND, &every_us, &err);
    r = r < 0 ? r : cli_int(cli, "count", 1, INT64_MAX, &looks, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    for (int64_t look = 0; look < looks; look++) {
        JSON_AUTO answer = NULL;
        if (look > 0) {
            task_sleep_us(every_us);
        }
        int status = talk_get(cli, "/v1/gateways", &answer);
        if (status != CLI_DONE) {
            return status;
        }
        if (cli->screen.live && !cli->json) {
            draw(cli, talk_rows(answer), every_us);
        } else {
            note_change(cli, talk_rows(answer), seen);
        }
    }
    return CLI_DONE;
}

/* ---- switches ---- */

/* How payments are routed after a change. The change itself is done, whatever becomes of this. */
static void print_routing(struct cli *cli) {
    JSON_AUTO routing = NULL;
    if (cli->json || talk_ask(cli, "/v1/routing", &routing, NULL) != CLI_DONE) {
        return;
    }
    const char *primary = field_text(routing, "primary");
    const char *why = field_text(routing, "primary_reason");
    const char *fallback_why = field_text(routing, "fallback_reason");
    TABLE_AUTO table = TABLE("GATEWAY", "STATE", ">PRIORITY", ">WEIGHT");
    size_t i;
    json_t *gateway;
    cli_say(cli, "Primary gateway: %s%s%s%s\n", primary != NULL ? primary : "none chosen by hand",
            why != NULL && why[0] != '\0' ? " (" : "", why != NULL ? why : "",
            why != NULL && why[0] != '\0' ? ")" : "");
    cli_say(cli, "Fallback mode:   %s%s%s%s\n\n", field_true(routing, "fallback") ? "on" : "off",
            fallback_why != NULL && fallback_why[0] != '\0' ? " (" : "",
            fallback_why != NULL ? fallback_why : "",
            fallback_why != NULL && fallback_why[0] != '\0' ? ")" : "");
    json_array_foreach(json_object_get(routing, "gateways"), i, gateway) {
        table_cell(table, field_text(gateway, "name"));
        table_state(table, field_text(gateway, "state"));
        table_cellf(table, "%lld", (long long)field_int(gateway, "priority"));
        table_cellf(table, "%lld", (long long)field_int(gateway, "weight"));
    }
    table_print(table, cli, NULL);
}

int run_gateway_switch(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    const char *name = cli_argument(cli, 0);
    json_object_set_new(body, "gateway", json_string(strcmp(name, "none") == 0 ? "" : name));
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/routing/primary", body, &answer);
    if (status == CLI_DONE) {
        print_routing(cli);
    }
    return status;
}

int run_gateway_fallback(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    const char *mode = cli_argument(cli, 0);
    bool on = strcmp(mode, "on") == 0;
    if (!on && strcmp(mode, "off") != 0) {
        return cli_misuse(cli, "fallback mode is on or off, not \"%.40s\"", mode);
    }
    json_object_set_new(body, "on", json_boolean(on));
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/routing/fallback", body, &answer);
    if (status == CLI_DONE) {
        print_routing(cli);
    }
    return status;
}

static int set_gateway(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    if (strcmp(verb, "enable") != 0 && cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    int status = talk_about(cli, "POST", "/v1/gateways", verb, body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is %s now.\n\n", field_word(answer, "subject"),
                field_word(answer, "value"));
        print_routing(cli);
    }
    return status;
}

int run_gateway_enable(struct cli *cli) {
    return set_gateway(cli, "enable");
}

int run_gateway_disable(struct cli *cli) {
    return set_gateway(cli, "disable");
}

int run_gateway_drain(struct cli *cli) {
    return set_gateway(cli, "drain");
}

/* ---- the way there ---- */

enum { CERTIFICATE_DAYS_LEAST = 14, CHECKS_BYTES_MAX = 1024 * 1024 };

static bool way_is_well(const json_t *check) {
    const json_t *certificate = json_object_get(check, "certificate");
    return field_true(check, "ok") &&
           (!json_is_object(certificate) ||
            field_int(certificate, "days_left") >= CERTIFICATE_DAYS_LEAST);
}

static void check_cells(struct table *table, const json_t *check) {
    const json_t *probe = json_object_get(check, "probe");
    const json_t *certificate = json_object_get(check, "certificate");
    table_cell(table, field_text(check, "gateway"));
    table_state(table, way_is_well(check) ? "ok" : "failed");
    table_cell(table, field_text(check, "address"));
    cell_ms(table, check, "resolve_ms");
    cell_ms(table, check, "connect_ms");
    cell_ms(table, check, "tls_ms");
    cell_ms(table, check, "answer_ms");
    if (field_int(check, "http_status") > 0) {
        table_cellf(table, "%lld", (long long)field_int(check, "http_status"));
    } else {
        table_cell(table, NULL);
    }
    if (json_is_object(certificate)) {
        int64_t days = field_int(certificate, "days_left");
        table_cellf(table, "%lld days", (long long)days);
    } else {
        table_cell(table, NULL);
    }
    table_state(table, field_true(probe, "ok") ? "ok" : field_word(probe, "outcome"));
    table_cell(table, field_text(check, "why"));
}

static void print_checks(const struct cli *cli, const json_t *checks) {
    TABLE_AUTO table = TABLE("GATEWAY", "RESULT", "ADDRESS", ">NAME", ">CONNECT", ">TLS", ">ANSWER",
                             ">HTTP", ">CERTIFICATE", "CREDENTIALS", "~WHY");
    size_t i;
    json_t *check;
    json_array_foreach(checks, i, check) {
        check_cells(table, check);
    }
    table_print(table, cli, "There are no gateways.");
}

/* What was answered about each gateway: parsed, and as it came. */
struct checks {
    json_t *rows;
    struct buf text;
};

static int check_one(struct cli *cli, const char *name, struct checks *checks) {
    JSON_AUTO answer = NULL;
    char *text = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/gateways");
    talk_path_part(&path, name);
    talk_path_part(&path, "check");
    int status = talk_ask_post(cli, path.text.data, &answer, &text);
    if (status == CLI_DONE) {
        json_array_append(checks->rows, answer);
        buf_addf(&checks->text, "%s%s", checks->text.len > 0 ? "," : "", text);
    }
    free(text);
    return status;
}

/* Every gateway, or the one that is meant. */
static int check_some(struct cli *cli, struct checks *checks) {
    JSON_AUTO gateways = NULL;
    const char *name = meant(cli);
    if (name != NULL) {
        return check_one(cli, name, checks);
    }
    int status = talk_ask(cli, "/v1/gateways", &gateways, NULL);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(gateways, "data"), i, row) {
        status = status != CLI_DONE ? status : check_one(cli, field_word(row, "name"), checks);
    }
    return status;
}

int run_gateway_check(struct cli *cli) {
    JSON_AUTO rows = json_array();
    struct checks checks = {.rows = rows};
    buf_init(&checks.text, CHECKS_BYTES_MAX);
    int status = check_some(cli, &checks);
    if (status == CLI_DONE) {
        if (cli->json) {
            fprintf(cli->screen.out, "{\"data\":[%s]}\n", checks.text.data);
        }
        print_checks(cli, rows);
    }
    buf_release(&checks.text);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        status = status == CLI_DONE && !way_is_well(row) ? CLI_PROBLEM : status;
    }
    return status;
}

int run_gateway_explain(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "currency", "currency");
    body_text(cli, body, "method", "method");
    body_text(cli, body, "region", "region");
    int r = body_amount(cli, body, cli_text(cli, "currency"), &err);
    r = r < 0 ? r : body_tokens(cli, body, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    if (cli_given(cli, "vip")) {
        json_object_set_new(body, "vip", json_true());
    }
    bool portable = !cli_given(cli, "token");
    if (portable) {
        json_object_set_new(body, "token", json_string("any"));
    }
    int status = talk_post(cli, "/v1/routing/explain", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("GATEWAY", "MAY", ">SCORE", "~WHY");
    size_t i;
    json_t *candidate;
    bool any = false;
    json_array_foreach(json_object_get(answer, "candidates"), i, candidate) {
        char text[SHOW_CHARS_MAX];
        any = any || field_true(candidate, "eligible");
        table_cell(table, field_text(candidate, "gateway"));
        table_state(table, field_true(candidate, "eligible") ? "yes" : "no");
        table_cell(table, field_real(candidate, "score", 3, text));
        table_cell(table, field_text(candidate, "reason"));
    }
    const char *rule = field_text(answer, "rule");
    if (rule != NULL && rule[0] != '\0') {
        cli_say(cli, "Rule: %s\n\n", rule);
    }
    table_print(table, cli, "There are no gateways.");
    cli_say(cli, any ? "\nTried in this order.\n" : "\nNo gateway can take it.\n");
    if (portable) {
        cli_say(cli, "This is for a token that every gateway takes. For the customer's own tokens: "
                     "--token GATEWAY=TOKEN.\n");
    }
    return any ? CLI_DONE : CLI_PROBLEM;
}
