/* SPDX-License-Identifier: Apache-2.0
 * payment.c: `holdfast payment …`: taking payments, finishing them, and finding those in trouble.
 * The story of one payment is in story.c. */
#include <string.h>

#include "base/money.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- lists ---- */

static void payment_row(struct table *table, const json_t *payment) {
    char text[SHOW_CHARS_MAX];
    table_cell(table, field_text(payment, "id"));
    table_state(table, field_text(payment, "state"));
    table_cell(table, field_money(payment, "amount", text));
    table_cell(table, field_text(payment, "method"));
    table_cell(table, field_text(payment, "gateway"));
    table_cell(table, field_text(payment, "order_id"));
    table_cell(table, field_age(payment, "created_at", text));
    const char *failure = json_peek_text(payment, "failure", "code", NULL);
    const char *review = field_text(payment, "review");
    table_cell(table, review != NULL ? review : failure);
}

static void print_payments(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("PAYMENT", "STATE", ">AMOUNT", "METHOD", "GATEWAY", "~ORDER", ">AGE",
                             "~NOTE");
    size_t i;
    json_t *payment;
    json_array_foreach(talk_rows(answer), i, payment) {
        payment_row(table, payment);
    }
    table_print(table, cli, "No payment fits.");
    const char *cursor = field_text(answer, "next_cursor");
    if (cursor != NULL) {
        cli_say(cli, "More: the same command with --cursor %s\n", cursor);
    }
}

int run_payment_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/payments",
                           TALK_BY("state", "order_id", "gateway", "method", "customer_id", "since",
                                   "until", "limit", "cursor", "review"),
                           &answer);
    if (status == CLI_DONE) {
        print_payments(cli, answer);
    }
    return status;
}

static void print_attempts(const struct cli *cli, const json_t *answer, const char *empty) {
    TABLE_AUTO table = TABLE("PAYMENT", "#", "GATEWAY", "OUTCOME", "~CODE", ">AMOUNT", ">TOOK",
                             ">AGE", "~MESSAGE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        const json_t *attempt = json_object_get(row, "attempt");
        table_cell(table, field_text(row, "payment_id"));
        table_cellf(table, "%lld", (long long)field_int(attempt, "number"));
        table_cell(table, field_text(attempt, "gateway"));
        table_styled(table, show_state_style(field_word(attempt, "state")),
                     field_text(attempt, "outcome"));
        const char *code = field_text(attempt, "common_code");
        table_cell(table, code != NULL ? code : field_text(attempt, "code"));
        table_cell(table, field_money(attempt, "amount", text));
        table_cellf(table, "%lld ms", (long long)field_int(attempt, "duration_ms"));
        table_cell(table, field_age(attempt, "created_at", text));
        table_cell(table, field_text(attempt, "message"));
    }
    table_print(table, cli, empty);
}

/* They have no attempt: no gateway took them. */
static void print_not_sent(const struct cli *cli, const json_t *rows) {
    TABLE_AUTO table = TABLE("PAYMENT", "METHOD", "NEAREST", "CODE", ">AGE", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "payment_id"));
        table_cell(table, field_text(row, "method"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "code"));
        table_cell(table, field_age(row, "at", text));
        table_cell(table, field_text(row, "message"));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\nPayments that no gateway was asked for, newest first:\n\n");
        table_print(table, cli, NULL);
    }
}

int run_payment_failed(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    const char *last = cli_text_or(cli, "last", "1h");
    talk_path_init(&path, "/internal/api/payments/failed");
    talk_path_add(&path, "since", last);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO codes = TABLE(">COUNT", "GATEWAY", "CODE", "~GATEWAY'S OWN CODE");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "by_code"), i, row) {
        table_count(codes, field_int(row, "count"));
        table_cell(codes, field_text(row, "gateway"));
        table_cell(codes, field_text(row, "common_code"));
        table_cell(codes, field_text(row, "code"));
    }
    if (table_rows(codes) == 0) {
        cli_say(cli,
                "No attempt failed in the last %s, and for each payment a gateway was asked.\n",
                last);
        return CLI_DONE;
    }
    cli_say(cli, "What failed in the last %s, by code:\n\n", last);
    table_print(codes, cli, NULL);
    if (json_array_size(json_object_get(answer, "data")) > 0) {
        cli_say(cli, "\nAttempts, newest first:\n\n");
        print_attempts(cli, answer, NULL);
    }
    print_not_sent(cli, json_object_get(answer, "not_sent"));
    return CLI_DONE;
}

static void print_stuck_operations(const struct cli *cli, const json_t *operations) {
    TABLE_AUTO table = TABLE("OPERATION", "KIND", "STATE", "PAYMENT", "GATEWAY", ">AMOUNT", ">AGE",
                             "~MESSAGE");
    size_t i;
    json_t *row;
    json_array_foreach(operations, i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "object"));
        table_styled(table, show_state_style(field_word(row, "state")), field_text(row, "state"));
        table_cell(table, field_text(row, "payment_id"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_age(row, "created_at", text));
        table_cell(table, field_text(row, "message"));
    }
    cli_say(cli, "\nCaptures, cancellations and refunds:\n\n");
    table_print(table, cli, NULL);
}

int run_payment_stuck(struct cli *cli) {
    struct err err = {0};
    char older[32];
    int64_t older_us = 60 * INT64_C(1000000);
    if (cli_duration(cli, "older", 0, INT64_C(365) * 86400 * 1000000, &older_us, &err) < 0) {
        return cli_fail(cli, &err);
    }
    snprintf(older, sizeof older, "%lld", (long long)(older_us / 1000000));
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/internal/api/payments/stuck");
    talk_path_add(&path, "older_seconds", older);
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_attempts(cli, answer, "No payment is stuck.");
    const json_t *operations = json_object_get(answer, "operations");
    const char *first = json_peek_text(json_array_get(talk_rows(answer), 0), "payment_id", NULL);
    if (json_array_size(operations) > 0) {
        print_stuck_operations(cli, operations);
        const json_t *operation = json_array_get(operations, 0);
        first = first != NULL ? first : json_peek_text(operation, "payment_id", NULL);
    }
    if (first == NULL) {
        return CLI_DONE;
    }
    cli_say(cli,
            "\nEach is asked about in the background until its gateway answers. To ask now:\n"
            "  holdfast payment check %s\n",
            first);
    return CLI_PROBLEM;
}

/* ---- rates and methods ---- */

static void print_rates(const struct cli *cli, const json_t *rates, const char *last) {
    TABLE_AUTO table = TABLE("METHOD", "GATEWAY", ">SUCCESS", ">SUCCEEDED", ">DECLINED",
                             ">NOT CHARGED", ">OPEN", ">ATTEMPTS");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(rates), i, row) {
        char percent[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "method"));
        table_cell(table, field_text(row, "gateway"));
        field_real(row, "success_percent", 2, percent);
        table_cellf(table, "%s%s", percent, percent[0] != '\0' ? " %" : "");
        table_count(table, field_int(row, "succeeded"));
        table_count(table, field_int(row, "declined"));
        table_count(table, field_int(row, "not_charged"));
        table_count(table, field_int(row, "open"));
        table_count(table, field_int(row, "attempts"));
    }
    cli_say(cli, "Success of the last %s\n\n", last);
    table_print(table, cli, "No attempt was made.");
}

static void print_methods(const struct cli *cli, const json_t *methods) {
    TABLE_AUTO table = TABLE("METHOD", "NOW", "~WHAT THE SHOP SAYS");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(methods), i, row) {
        table_cell(table, field_text(row, "method"));
        table_state(table, !field_true(row, "available") ? "unavailable"
                           : field_true(row, "degraded") ? "degraded"
                                                         : "ok");
        table_cell(table, field_text(row, "notice"));
    }
    cli_say(cli, "\nMethods now\n\n");
    table_print(table, cli, "No gateway takes any.");
}

int run_payment_methods(struct cli *cli) {
    TALK_PATH_AUTO rates_path;
    TALK_PATH_AUTO methods_path;
    JSON_AUTO rates = NULL;
    JSON_AUTO methods = NULL;
    const char *last = cli_text_or(cli, "last", "1h");
    talk_path_init(&rates_path, "/internal/api/payments/rates");
    talk_path_add(&rates_path, "since", last);
    talk_path_init(&methods_path, "/v1/methods");
    talk_path_add(&methods_path, "currency", cli_text(cli, "currency"));
    talk_path_add(&methods_path, "region", cli_text(cli, "region"));
    int status = talk_ask(cli, rates_path.text.data, &rates, NULL);
    status = status != CLI_DONE ? status : talk_ask(cli, methods_path.text.data, &methods, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    JSON_AUTO both = json_pack("{s:O,s:O}", "rates", rates, "methods", methods);
    char *text = json_write(both);
    talk_print_json(cli, text);
    free(text);
    print_rates(cli, rates, last);
    print_methods(cli, methods);
    return CLI_DONE;
}

/* ---- one payment ---- */

/* What came of a call that answers with the payment. 1 when that is bad news. */
static int print_payment(const struct cli *cli, const json_t *payment) {
    TABLE_AUTO table = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    const char *state = field_text(payment, "state");
    table_styled(table, STYLE_DIM, "payment");
    table_cell(table, field_text(payment, "id"));
    table_styled(table, STYLE_DIM, "state");
    table_state(table, state);
    table_pair(table, "amount", field_money(payment, "amount", text));
    if (field_int(payment, "amount_captured") > 0) {
        table_pair(table, "captured", field_money(payment, "amount_captured", text));
    }
    if (field_int(payment, "amount_refunded") > 0) {
        table_pair(table, "refunded", field_money(payment, "amount_refunded", text));
    }
    table_pair(table, "order", field_text(payment, "order_id"));
    table_pair(table, "method", field_text(payment, "method"));
    table_pair(table, "gateway", field_text(payment, "gateway"));
    table_pair(table, "message", field_text(payment, "message"));
    table_pair(table, "failure", json_peek_text(payment, "failure", "code", NULL));
    field_next(table, payment);
    table_print(table, cli, NULL);
    print_action(cli, payment);
    return state != NULL && strcmp(state, "failed") == 0 ? CLI_PROBLEM : CLI_DONE;
}

static int post_for_payment(struct cli *cli, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = verb == NULL ? talk_post(cli, "/v1/payments", body, &answer)
                              : talk_about(cli, "POST", "/v1/payments", verb, body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    status = print_payment(cli, answer);
    /* A capture or a cancellation that was done would have moved it on. */
    if (verb != NULL && strcmp(field_word(answer, "state"), "authorized") == 0) {
        cli_say(
            cli,
            "\nThe gateway has not confirmed the %s yet; `holdfast payment show %s` will tell.\n",
            strcmp(verb, "cancel") == 0 ? "cancellation" : verb, field_word(answer, "id"));
    }
    return status;
}

void body_customer(const struct cli *cli, json_t *body) {
    JSON_AUTO customer = json_object();
    body_text(cli, customer, "customer", "id");
    body_text(cli, customer, "region", "region");
    body_text(cli, customer, "email", "email");
    if (cli_option_find(cli->command, "ip") != NULL) {
        body_text(cli, customer, "ip", "ip");
    }
    body_text(cli, customer, "segment", "segment");
    if (cli_given(cli, "vip")) {
        json_object_set_new(customer, "vip", json_true());
    }
    if (json_object_size(customer) > 0) {
        json_object_set(body, "customer", customer);
    }
}

int run_payment_create(struct cli *cli) {
    static const char *const texts[][2] = {
        {"order", "order_id"},  {"currency", "currency"},     {"method", "method"},
        {"purpose", "purpose"}, {"return-url", "return_url"}, {"description", "description"},
        {"flow", "flow"},
    };
    struct err err = {0};
    JSON_AUTO body = json_object();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        body_text(cli, body, texts[i][0], texts[i][1]);
    }
    int r = body_amount(cli, body, cli_text(cli, "currency"), &err);
    r = r < 0 ? r : body_tokens(cli, body, &err);
    r = r < 0 ? r : body_pairs(cli, body, "metadata", "metadata", &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    body_customer(cli, body);
    if (cli_given(cli, "capture-later")) {
        json_object_set_new(body, "capture", json_string("manual"));
    }
    if (cli_given(cli, "defer")) {
        json_object_set_new(body, "defer", json_true());
    }
    if (cli_given(cli, "queue")) {
        json_object_set_new(body, "queue", json_true());
    }
    if (cli_given(cli, "several-per-order")) {
        json_object_set_new(body, "several_per_order", json_true());
    }
    return post_for_payment(cli, NULL, body);
}

int body_payment_amount(struct cli *cli, json_t *body) {
    if (!cli_given(cli, "amount")) {
        return CLI_DONE;
    }
    TALK_PATH_AUTO path;
    JSON_AUTO payment = NULL;
    struct err err = {0};
    talk_path_init(&path, "/v1/payments");
    talk_path_part(&path, cli_argument(cli, 0));
    int status = talk_ask(cli, path.text.data, &payment, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    const char *currency = field_text(payment, "currency");
    return body_amount(cli, body, currency != NULL ? currency : "", &err) < 0 ? cli_fail(cli, &err)
                                                                              : CLI_DONE;
}

int run_payment_capture(struct cli *cli) {
    JSON_AUTO body = json_object();
    int status = body_payment_amount(cli, body);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_given(cli, "keep-rest")) {
        json_object_set_new(body, "final", json_false());
    }
    return post_for_payment(cli, "capture", body);
}

int run_payment_cancel(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "reason", "reason");
    return post_for_payment(cli, "cancel", body);
}

int run_payment_refund(struct cli *cli) {
    JSON_AUTO body = json_object();
    int status = body_payment_amount(cli, body);
    if (status != CLI_DONE) {
        return status;
    }
    body_text(cli, body, "reason", "reason");
    if (cli_given(cli, "store-credit")) {
        json_object_set_new(body, "to_original_method", json_false());
    }
    TALK_PATH_AUTO path;
    JSON_AUTO refund = NULL;
    char text[SHOW_CHARS_MAX];
    talk_path_init(&path, "/v1/payments");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "refunds");
    status = talk_post(cli, path.text.data, body, &refund);
    if (status != CLI_DONE) {
        return status;
    }
    const char *state = field_text(refund, "state");
    cli_say(cli, "Refund %s of %s: %s.\n", field_word(refund, "id"),
            field_money(refund, "amount", text), field_word(refund, "state"));
    if (state != NULL && strcmp(state, "succeeded") != 0 && strcmp(state, "failed") != 0) {
        cli_say(cli, "The gateway has not confirmed it yet; `holdfast refund show %s` will tell.\n",
                field_word(refund, "id"));
    }
    return state != NULL && strcmp(state, "failed") == 0 ? CLI_PROBLEM : CLI_DONE;
}

int run_payment_check(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/payments");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "check");
    int status = talk_post(cli, path.text.data, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *says = json_object_get(answer, "gateway_says");
    const char *message = field_text(says, "message");
    if (json_is_object(says)) {
        cli_say(cli, "The gateway says: %s%s%s\n\n", field_word(says, "outcome"),
                message != NULL && message[0] != '\0' ? ": " : "", message != NULL ? message : "");
    } else {
        cli_say(cli, "There is nothing to ask the gateway about.\n\n");
    }
    print_payment(cli, json_object_get(answer, "payment"));
    if (field_true(says, "still_unresolved")) {
        cli_say(cli, "\nStill unresolved. It goes on being asked about in the background.\n");
        return CLI_PROBLEM;
    }
    return CLI_DONE;
}

int run_payment_resolve(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "status", "status");
    body_text(cli, body, "reason", "reason");
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/payments");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "resolve");
    int status = talk_post(cli, path.text.data, body, &answer);
    if (status == CLI_DONE) {
        const json_t *payment = json_object_get(answer, "payment");
        print_payment(cli, json_is_object(payment) ? payment : answer);
    }
    return status;
}
