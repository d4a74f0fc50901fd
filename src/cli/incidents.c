/* SPDX-License-Identifier: Apache-2.0
 * incidents.c: `incident …`: where trouble stands, who leads, what was done; and what is done with
 * it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define INCIDENTS "/v1/incidents"

/* ---- lists ---- */

static bool is_late(const json_t *row) {
    const char *ack = field_text(row, "acknowledge_by");
    int64_t ack_us = 0;
    return field_true(json_object_get(row, "next_update"), "overdue") ||
           (ack != NULL && clock_parse(ack, &ack_us) && ack_us <= clock_wall_us());
}

/* "update in 5m", or "update 3m late". */
static void put_due(struct table *table, const json_t *row) {
    const json_t *next = json_object_get(row, "next_update");
    const char *due = field_text(next, "due_at"), *what = field_word(next, "what");
    char text[SHOW_CHARS_MAX];
    int64_t due_us = 0;
    bool first = strcmp(what, "first_message") == 0;
    if (due == NULL || !clock_parse(due, &due_us)) {
        table_cell(table, NULL);
    } else if (field_true(next, "overdue")) {
        char late[SHOW_CHARS_MAX + 8];
        snprintf(late, sizeof late, "%s late", show_span(clock_wall_us() - due_us, text));
        table_styled(table, STYLE_BAD, late);
    } else {
        table_cellf(table, "%s%s", first ? "first message " : "", show_age(due, text));
    }
}

static const char *holder_of(const json_t *row, const char *role) {
    return field_text(json_object_get(json_object_get(row, "roles"), role), "holder");
}

int run_incident_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    bool late = false;
    int status = talk_list(cli, INCIDENTS, TALK_BY("state", "severity", "limit", "cursor"),
                           &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">#", "INCIDENT", "SEVERITY", "STATE", "COMMANDER", "UPDATE", "SINCE",
                             "~TITLE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_count(table, field_int(row, "number"));
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(row, "severity"));
        table_state(table, field_text(row, "state"));
        table_cell(table, holder_of(row, "commander"));
        put_due(table, row);
        table_cell(table,
                   field_age(json_object_get(row, "milestones"), "impact_start", text));
        table_cellf(table, "%s%s", field_true(row, "drill") ? "DRILL " : "",
                    field_word(row, "title"));
        late = late || is_late(row);
    }
    table_print(table, cli, "No incident fits.");
    const char *cursor = field_text(answer, "next_cursor");
    if (cursor != NULL) {
        cli_say(cli, "More: --cursor %s\n", cursor);
    }
    return late ? CLI_PROBLEM : CLI_DONE;
}

/* ---- one ---- */

/* "gateway stripe-eu, alipay-cn; method card"; "everything". */
static void put_scope(struct table *card, const json_t *scope) {
    static const char *const kinds[][2] = {{"gateways", "gateway"},
                                           {"methods", "method"},
                                           {"regions", "region"},
                                           {"currencies", "currency"}};
    BUF_AUTO text;
    buf_init(&text, 64 * 1024);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t j;
        json_t *name;
        json_array_foreach(json_object_get(scope, kinds[i][0]), j, name) {
            buf_addf(&text, "%s%s%s%s", text.len > 0 ? (j == 0 ? "; " : ", ") : "",
                     j == 0 ? kinds[i][1] : "", j == 0 ? " " : "", json_string_value(name));
        }
    }
    table_pair(card, "about", text.len > 0 ? text.data : "everything");
}

static void put_people(struct table *card, const json_t *roles) {
    static const char *const names[] = {"commander", "lead", "comms", "recon"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const json_t *post = json_object_get(roles, names[i]);
        const char *holder = field_text(post, "holder"), *deputy = field_text(post, "deputy");
        table_pairf(card, names[i], "%s%s%s", holder != NULL ? holder : "nobody",
                    deputy != NULL ? ", deputy " : "", deputy != NULL ? deputy : "");
    }
}

static void print_card(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const json_t *milestones = json_object_get(row, "milestones");
    const char *proposed = field_text(row, "proposed_severity"), *why;
    size_t i;
    json_t *reason;
    table_pairf(card, "incident", "%s  #%lld%s", field_word(row, "id"),
                (long long)field_int(row, "number"), field_true(row, "drill") ? "  DRILL" : "");
    table_pair(card, "title", field_text(row, "title"));
    table_styled(card, STYLE_DIM, "severity");
    table_state(card, field_text(row, "severity"));
    table_pair(card, "proposed", proposed);
    json_array_foreach(json_object_get(row, "reasons"), i, reason) {
        table_pairf(card, "", "%s: %s", field_word(reason, "severity"), field_word(reason, "en"));
    }
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    why = field_text(row, "cause_why");
    table_pairf(card, "cause", "%s%s%s", field_word(row, "cause"), why != NULL ? ": " : "",
                why != NULL ? why : "");
    put_scope(card, json_object_get(row, "scope"));
    table_pair(card, "since", field_moment(milestones, "impact_start", text));
    put_people(card, json_object_get(row, "roles"));
    table_styled(card, STYLE_DIM, "next update");
    put_due(card, row);
    table_pair(card, "its owner", field_text(json_object_get(row, "next_update"), "owner"));
    table_pair(card, "follows", field_text(row, "follows"));
    table_print(card, cli, NULL);
}

static void print_alerts(const struct cli *cli, const json_t *alerts) {
    TABLE_AUTO table = TABLE("ALERT", "SEVERITY", "STATE", "RULE", "~LABELS");
    size_t i;
    json_t *alert, *value;
    json_array_foreach(alerts, i, alert) {
        BUF_AUTO labels;
        const char *name;
        buf_init(&labels, 64 * 1024);
        json_object_foreach(json_object_get(alert, "labels"), name, value) {
            buf_addf(&labels, "%s%s=%s", labels.len > 0 ? " " : "", name,
                     json_string_value(value));
        }
        table_cell(table, field_text(alert, "id"));
        table_state(table, field_text(alert, "severity"));
        table_state(table, field_text(alert, "state"));
        table_cell(table, field_text(alert, "rule"));
        table_cell(table, labels.data);
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
    }
    table_print(table, cli, NULL);
}

static void print_signatures(const struct cli *cli, const json_t *signatures) {
    TABLE_AUTO table = TABLE("SIGNED AS", "BY", "~WHEN");
    size_t i;
    json_t *one;
    json_array_foreach(signatures, i, one) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(one, "role"));
        table_cell(table, field_text(one, "by"));
        table_cell(table, field_moment(one, "at", text));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
    }
    table_print(table, cli, NULL);
}

/* The command that comes next, where it stands. */
static void print_next(const struct cli *cli, const json_t *row) {
    static const char *const next[][2] = {
        {"open", "holdfast incident ack %s --reason ..."},
        {"acknowledged", "holdfast incident move %s contain --reason ..."},
        {"contained", "holdfast incident move %s mitigate --reason ..."},
        {"mitigated", "holdfast incident move %s reconcile --reason ..."},
        {"reconciled", "holdfast incident gate %s"},
        {"resolved", "holdfast incident move %s close --reason ..."},
    };
    for (size_t i = 0; i < COUNT_OF(next); i++) {
        if (strcmp(field_word(row, "state"), next[i][0]) == 0) {
            const char *mark = strstr(next[i][1], "%s");
            cli_say(cli, "\nNext: %.*s%s%s\n", (int)(mark - next[i][1]), next[i][1],
                    field_word(row, "id"), mark + 2);
        }
    }
}

static void print_incident(const struct cli *cli, const json_t *row) {
    print_card(cli, row);
    print_alerts(cli, json_object_get(row, "alerts"));
    print_signatures(cli, json_object_get(row, "signatures"));
    print_next(cli, row);
}

static int about(struct cli *cli, const char *method, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, INCIDENTS, verb, body, &answer);
    if (status == CLI_DONE) {
        print_incident(cli, answer);
    }
    return status;
}

int run_incident_show(struct cli *cli) {
    return about(cli, "GET", NULL, NULL);
}

int run_incident_timeline(struct cli *cli) {
    static const char *const names[] = {"impact_start", "detected",   "acknowledged",
                                        "contained",    "mitigated",  "reconciled",
                                        "resolved",     "postmortem_done"};
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", INCIDENTS, NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("MILESTONE", "WHEN", ">AFTER THE LAST", ">SINCE THE START");
    int64_t start_us = 0, last_us = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *at = field_text(json_object_get(answer, "milestones"), names[i]);
        char text[SHOW_CHARS_MAX];
        int64_t at_us = 0;
        if (at == NULL || !clock_parse(at, &at_us)) {
            continue;
        }
        start_us = start_us == 0 ? at_us : start_us;
        table_cell(table, names[i]);
        table_cell(table, show_time(at, text));
        table_cell(table, last_us > 0 ? show_span(at_us - last_us, text) : NULL);
        table_cell(table, last_us > 0 ? show_span(at_us - start_us, text) : NULL);
        last_us = at_us;
    }
    table_print(table, cli, NULL);
    return CLI_DONE;
}

/* ---- its log ---- */

int run_incident_log(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, INCIDENTS);
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "log");
    talk_path_add(&path, "after", cli_text(cli, "after"));
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">#", "WHEN", "KIND", "BY", "AS", "~TEXT");
    size_t i;
    json_t *entry;
    json_array_foreach(talk_rows(answer), i, entry) {
        char text[SHOW_CHARS_MAX];
        const char *by = field_word(entry, "by");
        table_count(table, field_int(entry, "seq"));
        table_cell(table, show_time(field_text(entry, "at"), text));
        table_cell(table, field_text(entry, "kind"));
        table_cell(table, by[0] != '\0' ? by : field_text(entry, "actor"));
        table_cell(table, field_text(entry, "role"));
        table_cell(table, field_text(entry, "text"));
    }
    table_print(table, cli, "No more entries.");
    if (field_int(answer, "next_seq") > 0) {
        cli_say(cli, "More: --after %lld\n", (long long)field_int(answer, "next_seq"));
    }
    return CLI_DONE;
}

int run_incident_verify(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", INCIDENTS, "verification", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    long long entries = (long long)field_int(answer, "entries");
    if (field_true(answer, "whole")) {
        cli_say(cli, "All %lld entries are as they were written, and so is the incident.\n%s\n",
                entries, field_word(answer, "hash"));
        return CLI_DONE;
    }
    cli_say(cli, "Entry %lld: %s. %lld entries before it fit.\n",
            (long long)field_int(answer, "broken_seq"), field_word(answer, "why"), entries);
    return CLI_PROBLEM;
}

/* ---- what is done with it ---- */

static void body_names(const struct cli *cli, json_t *scope, const char *option, const char *key) {
    const char *name;
    for (int i = 0; (name = cli_text_at(cli, option, i)) != NULL; i++) {
        json_t *list = json_object_get(scope, key);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(scope, key, list);
        }
        json_array_append_new(list, json_string(name));
    }
}

static void body_scope(const struct cli *cli, json_t *body, bool everything) {
    json_t *scope = json_object();
    body_names(cli, scope, "gateway", "gateways");
    body_names(cli, scope, "method", "methods");
    body_names(cli, scope, "region", "regions");
    body_names(cli, scope, "currency", "currencies");
    if (json_object_size(scope) > 0 || everything) {
        json_object_set_new(body, "scope", scope);
    } else {
        json_decref(scope);
    }
}

static void body_known(const struct cli *cli, json_t *body) {
    body_text(cli, body, "title", "title");
    body_text(cli, body, "cause", "cause");
    body_text(cli, body, "cause-why", "cause_why");
    body_text(cli, body, "impact-start", "impact_start");
}

int run_incident_open(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_known(cli, body);
    body_text(cli, body, "severity", "severity");
    body_text(cli, body, "follows", "follows");
    body_scope(cli, body, false);
    body_names(cli, body, "alert", "alerts");
    if (cli_given(cli, "drill")) {
        json_object_set_new(body, "drill", json_true());
    }
    int status = talk_post(cli, INCIDENTS, body, &answer);
    if (status == CLI_DONE) {
        print_incident(cli, answer);
    }
    return status;
}

static int move(struct cli *cli, const char *name) {
    JSON_AUTO body = json_object();
    json_object_set_new(body, "move", json_string(name));
    body_text(cli, body, "reason", "reason");
    if (strcmp(name, "cancel") != 0) {
        body_text(cli, body, "at", "at");
    }
    return about(cli, "POST", "moves", body);
}

int run_incident_ack(struct cli *cli) {
    return move(cli, "acknowledge");
}

int run_incident_move(struct cli *cli) {
    return move(cli, cli_argument(cli, 1));
}

int run_incident_cancel(struct cli *cli) {
    return move(cli, "cancel");
}

int run_incident_severity(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "to", "severity");
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "severity", body);
}

int run_incident_role(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "role", "role");
    body_text(cli, body, "to", "user");
    body_text(cli, body, "reason", "reason");
    if (cli_given(cli, "deputy")) {
        json_object_set_new(body, "deputy", json_true());
    }
    return about(cli, "POST", "roles", body);
}

int run_incident_correct(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_known(cli, body);
    body_scope(cli, body, cli_given(cli, "everything"));
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "corrections", body);
}

int run_incident_note(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "kind", "kind");
    body_text(cli, body, "text", "text");
    return about(cli, "POST", "notes", body);
}

int run_incident_link(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "alert", "alert_id");
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "alerts", body);
}

int run_incident_sign(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "role", "role");
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "signatures", body);
}

/* ---- its end ---- */

int run_incident_gate(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", INCIDENTS, "gate", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    bool chinese = strcmp(cli_text_or(cli, "lang", "en"), "zh") == 0;
    cli_say(cli, "%s", field_word(answer, chinese ? "text_zh" : "text"));
    return field_true(json_object_get(answer, "verdict"), "passed") ? CLI_DONE : CLI_PROBLEM;
}

int run_incident_resolve(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "resolve", body);
}
