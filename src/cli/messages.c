/* SPDX-License-Identifier: Apache-2.0
 * messages.c: messages to those whom it concerns, and the texts they are made of. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- writing ---- */

static void add_all(const struct cli *cli, json_t *object, const char *option, const char *key) {
    json_t *list = json_array();
    const char *text;
    for (int i = 0; (text = cli_text_at(cli, option, i)) != NULL; i++) {
        json_array_append_new(list, json_string(text));
    }
    if (json_array_size(list) > 0) {
        json_object_set(object, key, list);
    }
    json_decref(list);
}

static json_t *recipients(const struct cli *cli) {
    json_t *to = json_object(), *of = json_object(), *list = json_array();
    const char *address;
    for (int i = 0; (address = cli_text_at(cli, "to", i)) != NULL; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "email", json_string(address));
        json_array_append_new(list, one);
    }
    body_text(cli, of, "since", "since");
    body_text(cli, of, "until", "until");
    add_all(cli, of, "gateway", "gateways");
    add_all(cli, of, "method", "methods");
    add_all(cli, of, "state", "states");
    add_all(cli, to, "payment", "payments");
    if (json_array_size(list) > 0) {
        json_object_set(to, "list", list);
    }
    if (json_object_size(of) > 0) {
        json_object_set(to, "payments_of", of);
    }
    json_decref(list);
    json_decref(of);
    return to;
}

static int said(struct cli *cli, int status, const json_t *answer, const char *next) {
    if (status == CLI_DONE && !cli->json) {
        printf("Message %s is %s. %s\n", field_text(answer, "id"), field_text(answer, "state"),
               next);
    }
    return status;
}

int run_message_draft(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    struct err err = {0};
    json_object_set_new(body, "template", json_string(cli_argument(cli, 0)));
    json_object_set_new(body, "recipients", recipients(cli));
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "language", "language");
    body_text(cli, body, "incident", "incident_id");
    add_all(cli, body, "channel", "channels");
    if (body_pairs(cli, body, "field", "fields", &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/messages", body, &answer);
    return said(cli, status, answer, "`holdfast message show` says what would be sent.");
}

static int act(struct cli *cli, const char *verb, const json_t *body, const char *next) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/messages", verb, body, &answer);
    return said(cli, status, answer, next);
}

int run_message_approve(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "hash", "hash");
    body_text(cli, body, "reason", "reason");
    return act(cli, "approve", body, "`holdfast message send` sends it.");
}

int run_message_send(struct cli *cli) {
    JSON_AUTO body = json_object();
    return act(cli, "send", body, "`holdfast message show` says how far it is.");
}

int run_message_stop(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return act(cli, "stop", body, "Nobody else is written to.");
}

int run_message_contact(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "customer_id", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "email", "email");
    body_text(cli, body, "phone", "phone");
    body_text(cli, body, "language", "language");
    int status = talk_post(cli, "/v1/customer-contacts", body, &answer);
    if (status == CLI_DONE && !cli->json) {
        printf("Recorded.\n");
    }
    return status;
}

/* ---- looking ---- */

int run_message_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/messages", TALK_BY("limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("MESSAGE", "STATE", "TEMPLATE", ">PERSONS", "CREATED", "~REASON");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char moment[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "state"));
        table_cell(table, field_text(row, "template"));
        table_cellf(table, "%lld", (long long)field_int(row, "persons"));
        table_cell(table, field_moment(row, "created_at", moment));
        table_cell(table, field_text(row, "reason"));
    }
    table_print(table, cli, "There is no message.");
    return CLI_DONE;
}

static void print_clean(const char *head, const char *text) {
    if (text != NULL) {
        for (const char *line = text; line != NULL && *line != '\0';) {
            size_t length = strcspn(line, "\n");
            char *part = strndup(line, length);
            char *clean = show_clean(part);
            printf("%s%s\n", head, clean);
            free(clean);
            free(part);
            line = line[length] == '\n' ? line + length + 1 : NULL;
        }
    }
}

static void print_problems(const json_t *answer) {
    size_t i, j;
    json_t *problem, *finding;
    json_array_foreach(json_object_get(answer, "problems"), i, problem) {
        json_array_foreach(json_object_get(problem, "findings"), j, finding) {
            char *person = show_clean(field_word(problem, "person"));
            char *quote = show_clean(field_word(finding, "quote"));
            printf("refused for %s: %s: \"%s\". %s\n", person, field_word(finding, "what"), quote,
                   field_word(finding, "fix"));
            free(person);
            free(quote);
        }
    }
}

int run_message_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/messages", NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    bool refused = field_int(answer, "problem_count") > 0;
    if (cli->json) {
        return refused ? CLI_PROBLEM : CLI_DONE;
    }
    printf("Message %s: %s, %s, to %lld\n", field_word(answer, "id"),
           field_word(answer, "template"), field_word(answer, "state"),
           (long long)field_int(answer, "persons"));
    print_clean("reason: ", field_text(answer, "reason"));
    if (field_text(answer, "hash") != NULL) {
        printf("hash: %s\n", field_text(answer, "hash"));
    }
    print_problems(answer);
    TABLE_AUTO table = TABLE("CHANNEL", "STATE", ">PERSONS");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "counts"), i, row) {
        table_cell(table, field_text(row, "channel"));
        table_cell(table, field_text(row, "state"));
        table_cellf(table, "%lld", (long long)field_int(row, "count"));
    }
    table_print(table, cli, "It is to nobody.");
    json_array_foreach(json_object_get(answer, "samples"), i, row) {
        printf("\n-- by %s\n", field_word(row, "channel"));
        print_clean("to: ", field_text(row, "address"));
        print_clean("subject: ", field_text(row, "subject"));
        print_clean("  ", field_text(row, "text"));
    }
    return refused ? CLI_PROBLEM : CLI_DONE;
}

int run_message_people(struct cli *cli) {
    JSON_AUTO answer = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/messages");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "mailings");
    talk_path_add(&path, "state", cli_text(cli, "state"));
    talk_path_add(&path, "after", cli_text(cli, "after"));
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("MAILING", "CHANNEL", "STATE", "ADDRESS", ">TRIES", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "channel"));
        table_cell(table, field_text(row, "state"));
        table_cell(table, field_text(row, "address"));
        table_cellf(table, "%lld", (long long)field_int(row, "tries"));
        table_cell(table, field_text(row, "why"));
    }
    table_print(table, cli, "There is nobody.");
    return CLI_DONE;
}

/* ---- texts ---- */

int run_template_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/templates", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("TEMPLATE", "LANGUAGE", "OURS", "~WHEN");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "language"));
        table_cell(table, field_true(row, "shipped") ? "" : "yes");
        table_cell(table, field_text(row, "when"));
    }
    table_print(table, cli, "There is none.");
    return CLI_DONE;
}

int run_template_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/templates", &answer);
    size_t i;
    json_t *row;
    bool found = false;
    if (status != CLI_DONE || cli->json) {
        return status;
    }
    json_array_foreach(talk_rows(answer), i, row) {
        if (strcmp(field_word(row, "name"), cli_argument(cli, 0)) == 0) {
            printf("%s-- %s\n", found ? "\n" : "", field_word(row, "language"));
            print_clean("subject: ", field_text(row, "subject"));
            print_clean("short: ", field_text(row, "short"));
            print_clean("  ", field_text(row, "text"));
            found = true;
        }
    }
    if (!found) {
        fprintf(stderr, "There is no such text. `holdfast template list` names all.\n");
    }
    return found ? CLI_DONE : CLI_PROBLEM;
}

int run_template_lint(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "text", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "audience", "audience");
    body_text(cli, body, "language", "language");
    int status = talk_post(cli, "/v1/lint", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("RULE", "FOUND", "WHAT", "~DO");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "findings"), i, row) {
        table_cell(table, field_text(row, "rule"));
        table_cell(table, field_text(row, "quote"));
        table_cell(table, field_text(row, "what"));
        table_cell(table, field_text(row, "fix"));
    }
    table_print(table, cli, "Nothing is wrong with it.");
    return field_int(answer, "count") > 0 ? CLI_PROBLEM : CLI_DONE;
}
