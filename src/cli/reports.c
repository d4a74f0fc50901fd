/* SPDX-License-Identifier: Apache-2.0
 * reports.c: complaints and changes. */
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- complaints ---- */

static void complaint_line(struct table *table, const json_t *row) {
    char moment[SHOW_CHARS_MAX];
    table_cell(table, field_moment(row, "at", moment));
    table_cell(table, field_text(row, "kind"));
    table_cell(table, field_text(row, "channel"));
    table_cell(table, field_text(row, "order_id"));
    table_cell(table, field_text(row, "gateway"));
    table_cell(table, field_text(row, "method"));
    table_cell(table, field_text(row, "text"));
}

static struct table *complaint_table(void) {
    return TABLE("AT", "KIND", "CHANNEL", "ORDER", "GATEWAY", "METHOD", "~TEXT");
}

int run_complaint_record(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    static const struct {
        const char *option, *key;
    } rows[] = {{"payment", "payment_id"}, {"order", "order_id"},   {"kind", "kind"},
                {"channel", "channel"},    {"customer", "customer"}, {"text", "text"},
                {"reference", "reference"}, {"at", "at"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        body_text(cli, body, rows[i].option, rows[i].key);
    }
    int status = talk_post(cli, "/v1/complaints", body, &answer);
    if (status == CLI_DONE) {
        TABLE_AUTO table = complaint_table();
        complaint_line(table, answer);
        table_print(table, cli, NULL);
    }
    return status;
}

int run_complaint_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/complaints", TALK_BY("since", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = complaint_table();
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        complaint_line(table, row);
    }
    table_print(table, cli, "Nobody complains.");
    return CLI_DONE;
}

/* ---- changes ---- */

static void change_line(struct table *table, const json_t *row) {
    char moment[SHOW_CHARS_MAX];
    table_cell(table, field_moment(row, "at", moment));
    table_cell(table, field_text(row, "kind"));
    table_cell(table, field_text(row, "what"));
    table_cell(table, field_text(row, "by"));
    table_cell(table, field_text(row, "reference"));
}

static struct table *change_table(void) {
    return TABLE("AT", "KIND", "~WHAT", "BY", "REFERENCE");
}

int run_change_record(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "kind", json_string("deploy"));
    json_object_set_new(body, "what", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "kind", "kind");
    body_text(cli, body, "by", "by");
    body_text(cli, body, "reference", "reference");
    body_text(cli, body, "at", "at");
    int status = talk_post(cli, "/v1/changes", body, &answer);
    if (status == CLI_DONE) {
        TABLE_AUTO table = change_table();
        change_line(table, answer);
        table_print(table, cli, NULL);
    }
    return status;
}

int run_change_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/changes", TALK_BY("since", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = change_table();
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        change_line(table, row);
    }
    table_print(table, cli, "No change was recorded.");
    return CLI_DONE;
}
