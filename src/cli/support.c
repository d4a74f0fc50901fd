/* SPDX-License-Identifier: Apache-2.0
 * support.c: `desk QUERY`: what became of a customer's payment, what he should hear, what may be
 * done; refunds that take a second person; the shop told once more. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define REQUESTS "/v1/refund-requests"

/* ---- looking up ---- */

static const char *words_of(const struct cli *cli, const json_t *row, const char *key) {
    return field_text(json_object_get(row, key), cli_text_or(cli, "lang", "en"));
}

static void print_card(const struct cli *cli, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    TABLE_AUTO card = TABLE("", "~");
    table_pair(card, "payment", field_text(row, "payment_id"));
    table_pair(card, "order", field_text(row, "order_id"));
    table_pairf(card, "amount", "%s by %s%s%s", field_money(row, "amount", text),
                field_word(row, "method"), field_text(row, "gateway") != NULL ? " at " : "",
                field_text(row, "gateway") != NULL ? field_text(row, "gateway") : "");
    table_pair(card, "begun", field_moment(row, "created_at", text));
    table_pair(card, "customer", field_text(row, "customer_id"));
    table_pair(card, "held until", field_text(row, "held_until"));
    table_styled(card, STYLE_DIM, "situation");
    table_state(card, field_text(row, "situation"));
    table_print(card, cli, NULL);
}

static void print_story(const struct cli *cli, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    const char *language = cli_text_or(cli, "lang", "en");
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(row, "timeline"), i, line) {
        cli_say(cli, "  %s  %s\n", field_moment(line, "at", text), field_word(line, language));
    }
    json_array_foreach(json_object_get(row, "incidents"), i, line) {
        cli_say(cli, "\nIncident #%lld covers it: %s (%s), `holdfast incident show %s`.\n",
                (long long)field_int(line, "number"), field_word(line, "title"),
                field_word(line, "state"), field_word(line, "id"));
    }
}

static void print_acts(const struct cli *cli, const json_t *row) {
    TABLE_AUTO table = TABLE("YOU MAY", "", "~");
    const char *language = cli_text_or(cli, "lang", "en");
    size_t i;
    json_t *act;
    json_array_foreach(json_object_get(row, "acts"), i, act) {
        char text[SHOW_CHARS_MAX];
        bool allowed = field_true(act, "allowed");
        bool bounded = json_is_integer(json_object_get(act, "at_most"));
        table_cell(table, field_text(act, "act"));
        table_styled(table, allowed ? STYLE_GOOD : STYLE_DIM, allowed ? "yes" : "no");
        if (!allowed) {
            table_styled(table, STYLE_DIM,
                         field_word(json_object_get(act, "why_not"), language));
        } else {
            table_cellf(table, "%s%s%s", field_word(act, "command"),
                        bounded ? "   at most " : "",
                        bounded ? show_money(field_int(act, "at_most"),
                                             field_word(row, "currency"), text)
                                : "");
        }
    }
    table_print(table, cli, NULL);
}

static void print_pages(const struct cli *cli, const json_t *row) {
    const char *language = cli_text_or(cli, "lang", "en");
    size_t i;
    json_t *page;
    json_array_foreach(json_object_get(json_object_get(row, "pages"), language), i, page) {
        cli_say(cli, "%s  holdfast kb show %s%s   %s\n", i == 0 ? "\nRead:" : "     ",
                field_word(page, "page"), strcmp(language, "zh") == 0 ? " --lang zh" : "",
                field_word(page, "title"));
    }
}

static void print_one(const struct cli *cli, const json_t *row) {
    const char *besides = words_of(cli, row, "besides");
    print_card(cli, row);
    cli_say(cli, "\n%s\n\nTell the customer:\n  %s\n%s%s%s\n",
            words_of(cli, row, "explanation"), words_of(cli, row, "script"),
            besides != NULL ? "  " : "", besides != NULL ? besides : "",
            besides != NULL ? "\n" : "");
    print_story(cli, row);
    cli_say(cli, "\n");
    print_acts(cli, row);
    print_pages(cli, row);
}

int run_desk(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/desk/lookup");
    talk_path_add(&path, "q", cli_argument(cli, 0));
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        cli_say(cli, "%s", i > 0 ? "\n----\n\n" : "");
        print_one(cli, row);
    }
    const char *note = words_of(cli, answer, "note");
    if (note != NULL) {
        cli_say(cli, "%s\n", note);
    }
    if (field_true(answer, "more")) {
        cli_say(cli, "\nThere are more: --limit shows them.\n");
    }
    return json_array_size(talk_rows(answer)) > 0 ? CLI_DONE : CLI_PROBLEM;
}

int run_payment_resend(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/payments", "resends", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "The shop is told of %s once more: %zu endpoint%s.\n",
                field_word(answer, "payment_id"),
                json_array_size(json_object_get(answer, "resent")),
                json_array_size(json_object_get(answer, "resent")) == 1 ? "" : "s");
    }
    return status;
}

/* ---- refunds that take a second person ---- */

static void request_line(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX];
    const json_t *approval = json_object_get(row, "approval");
    const char *by = field_text(approval, "asked_by_name");
    table_cell(table, field_text(row, "id"));
    table_cell(table, field_money(row, "amount", text));
    table_state(table, field_text(row, "state"));
    table_cell(table, field_text(row, "payment_id"));
    table_cell(table, by != NULL ? by : field_text(approval, "asked_by"));
    table_cell(table, field_age(row, "created_at", text));
    table_cell(table, field_text(row, "refusal") != NULL ? field_text(row, "refusal")
                                                         : field_text(row, "reason"));
}

int run_refund_requests(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, REQUESTS, TALK_BY("state", "payment_id", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("REQUEST", ">AMOUNT", "STATE", "PAYMENT", "ASKED BY", "WHEN", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        request_line(table, row);
    }
    table_print(table, cli, "Nobody asks for a refund.");
    return CLI_DONE;
}

static int said(const struct cli *cli, int status, const json_t *answer, const char *next) {
    if (status == CLI_DONE) {
        cli_say(cli, "Refund request %s is %s. %s\n", field_word(answer, "id"),
                field_word(answer, "state"), next);
    }
    return status;
}

int run_refund_ask(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    int status = body_payment_amount(cli, body);
    json_object_set_new(body, "payment_id", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "reason", "reason");
    if (cli_given(cli, "credit")) {
        json_object_set_new(body, "to_original_method", json_false());
    }
    status = status != CLI_DONE ? status : talk_post(cli, REQUESTS, body, &answer);
    return said(cli, status, answer, "Another person agrees: `holdfast refund approve`.");
}

static int decide(struct cli *cli, const char *verb, const char *next) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", REQUESTS, verb, body, &answer);
    return said(cli, status, answer, next);
}

int run_refund_approve(struct cli *cli) {
    return decide(cli, "approve", "It is being made.");
}

int run_refund_reject(struct cli *cli) {
    return decide(cli, "reject", "Nothing is refunded.");
}
