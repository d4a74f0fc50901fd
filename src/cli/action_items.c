/* SPDX-License-Identifier: Apache-2.0
 * action_items.c: `action …`: what is to be done so that an incident does not come again. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define ACTIONS "/v1/actions"

int run_action_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    bool late = false;
    int status = talk_list(
        cli, ACTIONS, TALK_BY("incident_id", "state", "owner", "overdue", "limit", "cursor"),
        &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ACTION", ">#", "STATE", "OWNER", "DUE", "PROOF", "~WHAT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        const json_t *proof = json_object_get(row, "proof");
        bool overdue = field_true(row, "overdue");
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_count(table, field_int(row, "number"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "owner"));
        table_styled(table, overdue ? STYLE_BAD : STYLE_PLAIN, field_age(row, "due_at", text));
        table_cellf(table, "%s %s", field_word(proof, "kind"), field_word(proof, "name"));
        table_cell(table, field_text(row, "what"));
        late = late || overdue;
    }
    table_print(table, cli, "No action item fits.");
    const char *cursor = field_text(answer, "next_cursor");
    if (cursor != NULL) {
        cli_say(cli, "More: --cursor %s\n", cursor);
    }
    return late ? CLI_PROBLEM : CLI_DONE;
}

static void print_item(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    const json_t *proof = json_object_get(row, "proof");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "action item", field_text(row, "id"));
    table_pairf(card, "incident", "%s, item %lld", field_word(row, "incident_id"),
                (long long)field_int(row, "number"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pair(card, "what", field_text(row, "what"));
    table_pair(card, "for", field_text(row, "kind"));
    table_pair(card, "owner", field_text(row, "owner"));
    table_pair(card, "due", field_moment(row, "due_at", text));
    table_pairf(card, "proved by", "%s %s", field_word(proof, "kind"), field_word(proof, "name"));
    table_pair(card, "done", field_text(row, "done_note"));
    table_pair(card, "verified", field_text(row, "verified_note"));
    table_pair(card, "reopened", field_text(row, "reopened_why"));
    table_print(card, cli, NULL);
}

static int about(struct cli *cli, const char *method, const char *start, const char *verb,
                 const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, start, verb, body, &answer);
    if (status == CLI_DONE) {
        print_item(cli, answer);
    }
    return status;
}

int run_action_show(struct cli *cli) {
    return about(cli, "GET", ACTIONS, NULL, NULL);
}

/* Exactly one of --proof-check, --proof-command and --proof-drill. */
static int body_proof(struct cli *cli, json_t *body) {
    static const char *const kinds[][2] = {
        {"proof-check", "check"}, {"proof-command", "command"}, {"proof-drill", "drill"}};
    json_t *proof = json_object();
    int given = 0;
    json_object_set_new(body, "proof", proof);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (cli_given(cli, kinds[i][0])) {
            given++;
            json_object_set_new(proof, "kind", json_string(kinds[i][1]));
            body_text(cli, proof, kinds[i][0], "name");
        }
    }
    return given == 1 ? CLI_DONE
                      : cli_misuse(cli, "say what proves it: --proof-check, --proof-command or "
                                        "--proof-drill");
}

int run_action_add(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "for", "kind");
    body_text(cli, body, "what", "what");
    body_text(cli, body, "owner", "owner");
    body_text(cli, body, "due", "due_at");
    int status = body_proof(cli, body);
    return status != CLI_DONE ? status : about(cli, "POST", "/v1/incidents", "actions", body);
}

static int move(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "note", "note");
    return about(cli, "POST", ACTIONS, verb, body);
}

int run_action_done(struct cli *cli) {
    return move(cli, "done");
}

int run_action_verify(struct cli *cli) {
    return move(cli, "verify");
}

int run_action_reopen(struct cli *cli) {
    return move(cli, "reopen");
}

int run_action_assign(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "to", "owner");
    body_text(cli, body, "due", "due_at");
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", ACTIONS, "assign", body);
}
