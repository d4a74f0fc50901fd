/* SPDX-License-Identifier: Apache-2.0
 * cases.c: one case, what a person decides about it, and operations decided by hand. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

static void print_case(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const json_t *back = json_object_get(row, "return");
    table_pair(card, "case", field_text(row, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pair(card, "kind", field_text(row, "kind"));
    table_pair(card, "what", field_text(row, "detail"));
    if (field_int(row, "amount") > 0) {
        table_pair(card, "amount", field_money(row, "amount", text));
    }
    table_pair(card, "posted to", field_text(row, "posted"));
    table_pair(card, "payment", field_text(row, "payment_id"));
    table_pair(card, "gateway", field_text(row, "gateway"));
    table_pair(card, "its id there", field_text(row, "gateway_id"));
    if (back != NULL) {
        table_pair(card, "return", field_text(back, "id"));
        table_styled(card, STYLE_DIM, "return is");
        table_state(card, field_text(back, "state"));
        table_pair(card, "message", field_text(back, "message"));
    }
    table_pair(card, "decided by", field_text(row, "decided_by"));
    table_pair(card, "resolution", field_text(row, "resolution"));
    table_pair(card, "opened", show_moment(field_text(row, "opened_at"), text));
    table_print(card, cli, NULL);
}

int run_case_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/cases", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_case(cli, answer);
    }
    return status;
}

static int decide(struct cli *cli, const char *start, const char *verb, json_t *body,
                  json_t **ret_answer) {
    body_text(cli, body, "reason", "reason");
    return talk_about(cli, "POST", start, verb, body, ret_answer);
}

int run_case_accept(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = decide(cli, "/v1/cases", "accept", body, &answer);
    if (status == CLI_DONE) {
        print_case(cli, answer);
    }
    return status;
}

int run_case_return(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = decide(cli, "/v1/cases", "return", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_case(cli, answer);
    return strcmp(field_word(json_object_get(answer, "return"), "state"), "failed") == 0
               ? CLI_PROBLEM
               : CLI_DONE;
}

int run_case_credit(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = decide(cli, "/v1/cases", "credit", body, &answer);
    if (status == CLI_DONE) {
        print_case(cli, answer);
    }
    return status;
}

int run_case_release_order(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = decide(cli, "/v1/cases", "release-order", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "The order of %s may be paid again; %s stays open.\n",
                field_word(answer, "payment_id"), field_word(answer, "id"));
    }
    return status;
}

int run_operation_resolve(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "status", "status");
    body_text(cli, body, "evidence", "evidence");
    int status = decide(cli, "/v1/operations", "resolve", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "The %s %s: %s.\n", field_word(answer, "object"), field_word(answer, "id"),
                field_word(answer, "state"));
    }
    return status;
}
