/* SPDX-License-Identifier: Apache-2.0
 * fees.c: `holdfast gateway fees`: what was agreed, and what it comes to. */
#include <stdio.h>
#include <string.h>

#include "base/money.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

static void join(const json_t *line, const char *key, char *text, size_t bytes) {
    size_t i, used = strlen(text);
    json_t *word;
    json_array_foreach(json_object_get(line, key), i, word) {
        const char *said = json_string_value(word);
        if (said != NULL && used < bytes) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", used > 0 ? " " : "", said);
        }
    }
}

static void print_lines(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("LINE", "OF", "~WHERE", "KEEPS", "REFUNDED", "FROM", "UNTIL");
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(answer, "lines"), i, line) {
        char where[200] = "", from[SHOW_CHARS_MAX], until[SHOW_CHARS_MAX];
        static const char *const keys[] = {"methods", "statement_methods", "regions", "currencies"};
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            join(line, keys[k], where, sizeof where);
        }
        table_cell(table, field_text(line, "name"));
        table_cell(table, field_text(line, "kind"));
        table_cell(table, where[0] != '\0' ? where : "everything");
        table_cell(table, field_text(line, "says"));
        table_cell(table, strcmp(field_word(line, "kind"), "charge") == 0
                              ? field_text(line, "on_refund")
                              : NULL);
        table_cell(table, field_moment(line, "from", from));
        table_cell(table, field_moment(line, "until", until));
    }
    table_print(table, cli,
                "Nothing is agreed with it: fees are held against what its answers tell, else "
                "taken as its statements tell them (gateways: … fees: in holdfast.yaml).");
}

static void print_tolerance(const struct cli *cli, const json_t *answer) {
    char amount[SHOW_CHARS_MAX];
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "tolerance"), i, row) {
        cli_say(cli, "%s%s", i == 0 ? "\nNo difference is up to: " : ", ",
                field_money(row, "amount", amount));
    }
    cli_say(cli, "%s", i > 0 ? ".\n" : "");
}

static int print_example(const struct cli *cli, const json_t *example) {
    char amount[SHOW_CHARS_MAX], fee[SHOW_CHARS_MAX];
    if (!json_is_object(example)) {
        return CLI_DONE;
    }
    if (!json_is_integer(json_object_get(example, "fee"))) {
        cli_say(cli, "\nNo line speaks of that %s of %s.\n", field_word(example, "kind"),
                field_money(example, "amount", amount));
        return CLI_PROBLEM;
    }
    const char *line = field_text(example, "line"), *back = field_text(example, "charge_line");
    cli_say(cli, "\nOf a %s of %s it keeps %s", field_word(example, "kind"),
            field_money(example, "amount", amount), field_money(example, "fee", fee));
    if (line != NULL) {
        cli_say(cli, " by the line %s", line);
    }
    if (back != NULL) {
        cli_say(cli, "%s what comes back by the line %s", line != NULL ? ", less" : ":", back);
    }
    cli_say(cli, ".\n");
    return CLI_DONE;
}

/* "19.99" of --currency in minor units, as the query has it. */
static int add_amount(const struct cli *cli, struct talk_path *path, const char *option,
                      const char *name, struct err *err) {
    const char *text = cli_text(cli, option);
    struct currency currency;
    struct err why = {0};
    int64_t minor = 0;
    char number[32];
    if (text == NULL) {
        return 0;
    }
    if (cli_text(cli, "currency") == NULL) {
        return err_set(err, ERR_USAGE, "--%s needs --currency", option);
    }
    int r = currency_parse(cli_text(cli, "currency"), &currency, &why);
    r = r < 0 ? r : money_parse_decimal(text, currency, &minor, &why);
    if (r < 0 || minor <= 0) {
        err_set(err, ERR_USAGE, "--%s: %s", option, r < 0 ? why.detail : "more than nothing");
        return err_hint(err, "Amounts are decimals: --amount 19.99 --currency USD.");
    }
    snprintf(number, sizeof number, "%lld", (long long)minor);
    talk_path_add(path, name, number);
    return 0;
}

int run_gateway_fees(struct cli *cli) {
    JSON_AUTO answer = NULL;
    TALK_PATH_AUTO path;
    struct err err = {0};
    talk_path_init(&path, "/v1/gateways");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "fees");
    int r = add_amount(cli, &path, "amount", "amount", &err);
    r = r < 0 ? r : add_amount(cli, &path, "charge", "charge_amount", &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    talk_path_add(&path, "currency", cli_text(cli, "currency"));
    talk_path_add(&path, "method", cli_text(cli, "method"));
    talk_path_add(&path, "region", cli_text(cli, "region"));
    talk_path_add(&path, "statement_method", cli_text(cli, "statement-method"));
    talk_path_add(&path, "kind", cli_text(cli, "kind"));
    talk_path_add(&path, "at", cli_text(cli, "at"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_lines(cli, answer);
    print_tolerance(cli, answer);
    return print_example(cli, json_object_get(answer, "example"));
}
