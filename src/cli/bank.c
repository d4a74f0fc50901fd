/* SPDX-License-Identifier: Apache-2.0
 * bank.c: bank transfers: statements taken in, rows, accounts, and what is to be paid out. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/bank_csv.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- rows ---- */

int run_bank_rows(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/bank/rows", TALK_BY("state", "gateway", "payment_id", "limit"),
                           &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ROW", "STATE", "BOOKED", "WAY", ">AMOUNT", "~FROM OR TO", "~TEXT",
                             "PAYMENT", "~NOTE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "booked_on"));
        table_cell(table, strcmp(field_word(row, "direction"), "credit") == 0 ? "in" : "out");
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_text(row, "party_name"));
        table_cell(table, field_text(row, "remittance"));
        table_cell(table, field_text(row, "payment_id"));
        table_cell(table, field_text(row, "note"));
    }
    table_print(table, cli, "There is no such row.");
    return CLI_DONE;
}

static int read_file(struct cli *cli, const char *path, json_t **ret_rows) {
    struct err err = {0};
    size_t count = 0;
    char *bytes = malloc(BANK_CSV_BYTES_MAX + 1);
    INVARIANT(bytes != NULL, "out of memory");
    int r = file_read(path, bytes, BANK_CSV_BYTES_MAX, &count, &err);
    r = r < 0 ? r : bank_csv_read(bytes, count, ret_rows, &err);
    free(bytes);
    return r < 0 ? cli_fail(cli, &err) : CLI_DONE;
}

int run_bank_import(struct cli *cli) {
    const char *path = cli_argument(cli, 0);
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    struct err err = {0};
    json_t *rows = NULL;
    int status = read_file(cli, path, &rows);
    if (status != CLI_DONE) {
        return status;
    }
    json_object_set_new(body, "rows", rows);
    const char *name = cli_file_name(path);
    if (body_foreign(body, "source", name, strlen(name), "the file's name", &err) < 0) {
        return cli_fail(cli, &err);
    }
    status = talk_post(cli, "/v1/bank/rows", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    cli_say(cli, "%lld rows were taken in, %lld were known.\n",
            (long long)field_int(answer, "taken"), (long long)field_int(answer, "known"));
    cli_say(cli, "`holdfast bank rows --state suspense` shows those that nothing explains.\n");
    return CLI_DONE;
}

int run_bank_match(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "payment", "payment_id");
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/bank/rows", "match", body, &answer);
    if (status == CLI_DONE) {
        const json_t *payment = json_object_get(answer, "payment");
        cli_say(cli, "Row %s counts for payment %s, which is %s.\n",
                field_word(json_object_get(answer, "row"), "id"), field_word(payment, "id"),
                field_word(payment, "state"));
    }
    return status;
}

/* ---- accounts ---- */

int run_bank_accounts(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/bank/accounts", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("GATEWAY", "ACCOUNT", "~BANK", "NEWEST ROW", ">WAITING", ">UNMATCHED",
                             ">PAYOUTS");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "account"));
        table_cell(table, field_text(row, "bank"));
        table_cell(table, field_text(row, "last_row_on"));
        table_count(table, field_int(row, "waiting_payments"));
        table_count(table, field_int(row, "unmatched_rows"));
        table_count(table, field_int(row, "payouts"));
    }
    table_print(table, cli, "No bank account is configured.");
    return CLI_DONE;
}

/* ---- payouts ---- */

/* Money that came in parts may have one sender all the same. */
static bool same_sender(const json_t *a, const json_t *b) {
    return strcmp(field_word(a, "name"), field_word(b, "name")) == 0 &&
           strcmp(field_word(a, "account"), field_word(b, "account")) == 0;
}

/* The sender that is paid: the chosen one, or the only one; as bank_payout_sent() chooses. */
static const json_t *sender_of(const json_t *payout) {
    const json_t *senders = json_object_get(payout, "senders");
    const json_t *first = json_array_get(senders, 0);
    const char *to = field_text(payout, "sent_to");
    bool one = true;
    size_t i;
    json_t *sender;
    json_array_foreach((json_t *)senders, i, sender) {
        if (to != NULL && strcmp(field_word(sender, "row_id"), to) == 0) {
            return sender;
        }
        one = one && same_sender(first, sender);
    }
    return one ? first : NULL;
}

/* In quotes; what a spreadsheet would run as a formula is made a text. */
static void csv_field(const struct cli *cli, const char *text, const char *after) {
    text = text != NULL ? text : "";
    char *clean = show_clean(text);
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    buf_add_text(&buf, clean[0] != '\0' && strchr("=+-@", clean[0]) != NULL ? "\"'" : "\"");
    for (const char *c = clean; *c != '\0'; c++) {
        buf_add_text(&buf, *c == '"' ? "\"" : "");
        buf_add_char(&buf, *c);
    }
    free(clean);
    cli_say(cli, "%s\"%s", buf.data, after);
}

static void print_csv(const struct cli *cli, const json_t *rows) {
    size_t i;
    json_t *row;
    cli_say(cli, "payout,reference,amount,currency,name,account,from,told_to_bank\r\n");
    json_array_foreach((json_t *)rows, i, row) {
        const json_t *sender = sender_of(row);
        csv_field(cli, field_text(row, "operation_id"), ",");
        csv_field(cli, field_text(row, "reference"), ",");
        csv_field(cli, field_text(row, "amount_decimal"), ",");
        csv_field(cli, field_text(row, "currency"), ",");
        csv_field(cli, field_text(sender, "name"), ",");
        csv_field(cli, field_text(sender, "account"), ",");
        csv_field(cli, field_text(row, "gateway"), ",");
        csv_field(cli, field_text(row, "sent_at"), "\r\n");
    }
}

static void print_payouts(const struct cli *cli, const json_t *rows) {
    TABLE_AUTO table = TABLE("PAYOUT", ">AMOUNT", "REFERENCE", "~TO", "ACCOUNT", "FROM", ">AGE",
                             "TOLD TO THE BANK");
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row) {
        char text[SHOW_CHARS_MAX];
        const json_t *sender = sender_of(row);
        table_cell(table, field_text(row, "operation_id"));
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_text(row, "reference"));
        bool nobody = json_array_size(json_object_get(row, "senders")) == 0;
        table_cell(table, sender != NULL ? field_text(sender, "name")
                          : nobody       ? "nobody known"
                                         : "several senders: see --json");
        table_cell(table, field_text(sender, "account"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_age(row, "asked_at", text));
        table_cell(table, field_text(row, "sent_by"));
    }
    table_print(table, cli, "Nothing is to be paid out by bank.");
}

int run_bank_payouts(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/bank/payouts", TALK_BY("limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *rows = talk_rows(answer);
    if (cli_given(cli, "csv")) {
        print_csv(cli, rows);
    } else {
        print_payouts(cli, rows);
    }
    return CLI_DONE;
}

int run_bank_sent(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "row", "row_id");
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/bank/payouts", "sent", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s was told to the bank by %s; it is done when the bank's row is taken in.\n",
                field_word(answer, "operation_id"), field_word(answer, "sent_by"));
    }
    return status;
}
