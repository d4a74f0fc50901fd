/* SPDX-License-Identifier: Apache-2.0
 * manual.c: payments by hand: told of, proved, approved by another person. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* The name if there is one, else the id that stands for it. */
static const char *person(const json_t *approval, const char *name_key, const char *id_key) {
    const char *name = field_text(approval, name_key);
    return name != NULL ? name : field_text(approval, id_key);
}

static void print_manual(const struct cli *cli, const json_t *row) {
    const json_t *approval = json_object_get(row, "approval");
    const json_t *payment = json_object_get(row, "payment");
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "payment", field_text(row, "id"));
    table_pair(card, "order", field_text(payment, "order_id"));
    table_pair(card, "amount", field_money(payment, "amount", text));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(payment, "state"));
    table_pair(card, "paid by", field_text(row, "paid_by"));
    table_pair(card, "reference", field_text(row, "reference"));
    table_pair(card, "received", show_moment(field_text(row, "received_at"), text));
    table_pair(card, "customer", field_text(json_object_get(payment, "customer"), "id"));
    table_styled(card, STYLE_DIM, "approval");
    table_state(card, field_text(approval, "state"));
    table_pair(card, "asked by", person(approval, "asked_by_name", "asked_by"));
    table_pair(card, "because", field_text(approval, "reason"));
    table_pair(card, "decided by", person(approval, "decided_by_name", "decided_by"));
    table_pair(card, "saying", field_text(approval, "decision_reason"));
    table_print(card, cli, NULL);
    print_evidence(cli, json_object_get(row, "evidence"));
}

static int about_manual(struct cli *cli, const char *method, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, "/v1/manual-payments", verb, body, &answer);
    if (status == CLI_DONE) {
        print_manual(cli, answer);
    }
    return status;
}

int run_manual_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    bool waits = false;
    int status = talk_list(cli, "/v1/manual-payments", TALK_BY("state", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("PAYMENT", "APPROVAL", ">AMOUNT", "ORDER", "PAID BY", "~REFERENCE",
                             "ASKED BY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        const json_t *payment = json_object_get(row, "payment");
        const json_t *approval = json_object_get(row, "approval");
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(approval, "state"));
        table_cell(table, field_money(payment, "amount", text));
        table_cell(table, field_text(payment, "order_id"));
        table_cell(table, field_text(row, "paid_by"));
        table_cell(table, field_text(row, "reference"));
        table_cell(table, person(approval, "asked_by_name", "asked_by"));
        waits = waits || strcmp(field_word(approval, "state"), "waiting") == 0;
    }
    table_print(table, cli, "There is none.");
    return waits ? CLI_PROBLEM : CLI_DONE;
}

int run_manual_show(struct cli *cli) {
    return about_manual(cli, "GET", NULL, NULL);
}

int run_manual_ask(struct cli *cli) {
    static const char *const texts[][2] = {
        {"order", "order_id"},      {"currency", "currency"},       {"by", "paid_by"},
        {"reference", "reference"}, {"description", "description"}, {"received", "received_at"},
        {"reason", "reason"},
    };
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        body_text(cli, body, texts[i][0], texts[i][1]);
    }
    body_customer(cli, body);
    if (body_amount(cli, body, cli_text(cli, "currency"), &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/manual-payments", body, &answer);
    if (status == CLI_DONE) {
        print_manual(cli, answer);
    }
    return status;
}

int run_manual_attach(struct cli *cli) {
    JSON_AUTO body = json_object();
    int status = body_evidence(cli, body);
    return status != CLI_DONE ? status : about_manual(cli, "POST", "evidence", body);
}

static int decide(struct cli *cli, const char *verb) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return about_manual(cli, "POST", verb, body);
}

int run_manual_approve(struct cli *cli) {
    return decide(cli, "approve");
}

int run_manual_reject(struct cli *cli) {
    return decide(cli, "reject");
}
