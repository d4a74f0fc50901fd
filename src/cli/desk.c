/* SPDX-License-Identifier: Apache-2.0
 * desk.c: what a person works through: refunds, callbacks, cases, webhooks. */
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- refunds ---- */

static void refund_row(struct table *table, const json_t *refund) {
    char text[SHOW_CHARS_MAX];
    const char *message = field_text(refund, "message");
    table_cell(table, field_text(refund, "id"));
    table_state(table, field_text(refund, "state"));
    table_cell(table, field_money(refund, "amount", text));
    table_cell(table, field_text(refund, "gateway"));
    table_cell(table, field_text(refund, "payment_id"));
    table_cell(table, field_age(refund, "created_at", text));
    table_cell(table, message != NULL ? message : field_text(refund, "reason"));
}

/* Asks for refunds and prints them; `empty` when none fits. */
static int list_refunds(struct cli *cli, const char *state, const char *since, const char *empty,
                        int *ret_count) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/refunds");
    talk_path_add(&path, "state", state);
    talk_path_add(&path, "since", since);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("REFUND", "STATE", ">AMOUNT", "GATEWAY", "PAYMENT", ">AGE", "~NOTE");
    size_t i;
    json_t *refund;
    json_array_foreach(talk_rows(answer), i, refund) {
        refund_row(table, refund);
    }
    table_print(table, cli, empty);
    *ret_count = table_rows(table);
    return CLI_DONE;
}

int run_refund_list(struct cli *cli) {
    int count = 0;
    const char *state = cli_given(cli, "failed") ? "failed" : cli_text(cli, "state");
    return list_refunds(cli, state, cli_text(cli, "last"), "No refund fits.", &count);
}

int run_refund_failed(struct cli *cli) {
    int count = 0;
    const char *last = cli_text_or(cli, "last", "24h");
    char none[SHOW_CHARS_MAX];
    snprintf(none, sizeof none, "No refund failed in the last %.20s.", last);
    int status = list_refunds(cli, "failed", last, none, &count);
    if (status != CLI_DONE || count == 0) {
        return status;
    }
    cli_say(cli, "\n`holdfast refund retry REFUND` sends one once more; it is not paid twice.\n");
    return CLI_PROBLEM;
}

static void print_refund(const struct cli *cli, const json_t *refund) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "refund", field_text(refund, "id"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(refund, "state"));
    table_pair(card, "amount", field_money(refund, "amount", text));
    table_pair(card, "payment", field_text(refund, "payment_id"));
    table_pair(card, "gateway", field_text(refund, "gateway"));
    table_pair(card, "gateway's id", field_text(refund, "gateway_id"));
    table_pair(card, "goes to",
               field_true(refund, "to_original_method") ? "the original method" : "store credit");
    table_pair(card, "reason", field_text(refund, "reason"));
    table_pair(card, "code", field_text(refund, "code"));
    table_pair(card, "message", field_text(refund, "message"));
    table_pair(card, "told by", field_text(refund, "source"));
    table_pairf(card, "tries", "%lld", (long long)field_int(refund, "tries"));
    table_pair(card, "created", show_moment(field_text(refund, "created_at"), text));
    table_pair(card, "updated", show_moment(field_text(refund, "updated_at"), text));
    table_print(card, cli, NULL);
}

int run_refund_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/refunds", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_refund(cli, answer);
    }
    return status;
}

int run_refund_retry(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/refunds", "retry", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_refund(cli, answer);
    return strcmp(field_word(answer, "state"), "failed") == 0 ? CLI_PROBLEM : CLI_DONE;
}

/* ---- callbacks ---- */

int run_callback_list(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/callbacks");
    talk_path_add(&path, "state", cli_given(cli, "parked") ? "parked" : cli_text(cli, "state"));
    talk_path_add(&path, "gateway", cli_text(cli, "gateway"));
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("CALLBACK", "STATE", "GATEWAY", "~TYPE", "PAYMENT", ">TRIES", ">AGAIN",
                             ">AGE", "~RESULT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "type"));
        table_cell(table, field_text(row, "payment_id"));
        table_count(table, field_int(row, "tries"));
        table_count(table, field_int(row, "duplicates"));
        table_cell(table, field_age(row, "received_at", text));
        table_cell(table, field_text(row, "result"));
    }
    table_print(table, cli, "No callback fits.");
    return CLI_DONE;
}

int run_callback_replay(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/callbacks", "replay", NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is processed once more.\n", field_word(answer, "id"));
    }
    return status;
}

/* ---- cases ---- */

int run_case_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/cases", TALK_BY("all", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("CASE", "STATE", "KIND", "PAYMENT", "GATEWAY", ">AMOUNT", ">AGE",
                             "~WHAT");
    size_t i;
    json_t *row;
    bool open = false;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        open = open || strcmp(field_word(row, "state"), "open") == 0;
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "payment_id"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_int(row, "amount") > 0 ? field_money(row, "amount", text) : NULL);
        table_cell(table, field_age(row, "opened_at", text));
        table_cell(table, field_text(row, "detail"));
    }
    table_print(table, cli, "No case is open.");
    return open ? CLI_PROBLEM : CLI_DONE;
}

int run_case_close(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "resolution", "resolution");
    int status = talk_about(cli, "POST", "/v1/cases", "close", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is closed: %s\n", field_word(answer, "id"),
                field_word(answer, "resolution"));
    }
    return status;
}

/* ---- webhooks ---- */

int run_webhook_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/webhooks", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ENDPOINT", "STATE", "~URL", "~TYPES", "~DESCRIPTION", ">AGE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_state(table, field_true(row, "enabled") ? "enabled" : "disabled");
        table_cell(table, field_text(row, "url"));
        table_cell(table, field_text(row, "types"));
        table_cell(table, field_text(row, "description"));
        table_cell(table, field_age(row, "created_at", text));
    }
    table_print(table, cli, "There is no endpoint: `holdfast webhook create URL` adds one.");
    return CLI_DONE;
}

static void print_endpoint(const struct cli *cli, const json_t *endpoint) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "endpoint", field_text(endpoint, "id"));
    table_pair(card, "url", field_text(endpoint, "url"));
    table_pair(card, "types", field_text(endpoint, "types"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_true(endpoint, "enabled") ? "enabled" : "disabled");
    if (field_text(endpoint, "old_secret_until") != NULL) {
        table_pair(card, "old secret until",
                   show_moment(field_text(endpoint, "old_secret_until"), text));
    }
    table_pair(card, "secret", field_text(endpoint, "secret"));
    table_print(card, cli, NULL);
    if (field_text(endpoint, "secret") != NULL) {
        cli_say(cli, "\nKeep the secret now: it is not shown again.\n");
    }
}

int run_webhook_create(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "url", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "types", "types");
    body_text(cli, body, "description", "description");
    int status = talk_post(cli, "/v1/webhooks", body, &answer);
    if (status == CLI_DONE) {
        print_endpoint(cli, answer);
    }
    return status;
}

int run_webhook_update(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "to", "url");
    body_text(cli, body, "types", "types");
    if (cli_given(cli, "enable") && cli_given(cli, "disable")) {
        return cli_misuse(cli, "--enable and --disable cannot both be meant");
    }
    if (cli_given(cli, "enable") || cli_given(cli, "disable")) {
        json_object_set_new(body, "enabled", json_boolean(cli_given(cli, "enable")));
    }
    if (json_object_size(body) == 0) {
        return cli_misuse(cli,
                          "nothing is to be changed: say --to, --types, --enable or --disable");
    }
    int status = talk_about(cli, "PATCH", "/v1/webhooks", NULL, body, &answer);
    if (status == CLI_DONE) {
        print_endpoint(cli, answer);
    }
    return status;
}

int run_webhook_delete(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "DELETE", "/v1/webhooks", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is removed.\n", cli_argument(cli, 0));
    }
    return status;
}

int run_webhook_rotate(struct cli *cli) {
    struct err err = {0};
    int64_t overlap_us = -1;
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    if (cli_duration(cli, "overlap", 0, 7 * 86400 * US_PER_SECOND, &overlap_us, &err) < 0) {
        return cli_fail(cli, &err);
    }
    if (overlap_us >= 0) {
        json_object_set_new(body, "overlap_seconds", json_integer(overlap_us / US_PER_SECOND));
    }
    int status = talk_about(cli, "POST", "/v1/webhooks", "rotate", body, &answer);
    if (status == CLI_DONE) {
        print_endpoint(cli, answer);
    }
    return status;
}

int run_webhook_deliveries(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/webhook-deliveries", TALK_BY("endpoint_id", "state", "limit"),
                           &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("DELIVERY", "STATE", "TYPE", "ENDPOINT", ">TRIES", ">HTTP", ">AGE",
                             "~LAST ERROR");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "type"));
        table_cell(table, field_text(row, "endpoint_id"));
        table_count(table, field_int(row, "tries"));
        table_count(table, field_int(row, "last_status"));
        table_cell(table, field_age(row, "created_at", text));
        table_cell(table, field_text(row, "last_error"));
    }
    table_print(table, cli, "No delivery fits.");
    return CLI_DONE;
}

int run_webhook_replay(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/webhook-deliveries", "replay", NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is delivered once more.\n", field_word(answer, "id"));
    }
    return status;
}
