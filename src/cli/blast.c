/* SPDX-License-Identifier: Apache-2.0
 * blast.c: `blast`: whom and what a trouble has hit, and the affected orders as a file. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

enum { CODES_SHOWN = 10 };

static void print_head(const struct cli *cli, const json_t *blast) {
    TABLE_AUTO card = TABLE("", "~");
    char from[SHOW_CHARS_MAX], until[SHOW_CHARS_MAX], percent[SHOW_CHARS_MAX];
    char affected[SHOW_CHARS_MAX], payments[SHOW_CHARS_MAX];
    field_moment(blast, "from", from);
    field_moment(blast, "until", until);
    table_pairf(card, "time", "%s to %s", from, until);
    table_pairf(card, "affected", "%s of %s payments (%s %%)",
                show_count(field_int(blast, "affected"), affected),
                show_count(field_int(blast, "payments"), payments),
                field_real(blast, "affected_percent", 2, percent));
    table_pairf(card, "orders", "%s", show_count(field_int(blast, "orders"), affected));
    table_pairf(card, "customers", "%s", show_count(field_int(blast, "customers"), affected));
    table_print(card, cli, NULL);
}

static void print_fates(const struct cli *cli, const json_t *blast) {
    TABLE_AUTO table = TABLE("WHAT BECAME OF IT", ">COUNT", "~MEANING");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(blast, "fates"), i, row) {
        table_styled(table, field_true(row, "affected") ? STYLE_BAD : STYLE_GOOD,
                     field_text(row, "name"));
        table_count(table, field_int(row, "count"));
        table_cell(table, field_text(row, "what"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "No payment was begun in that time.");
}

static void print_money(const struct cli *cli, const json_t *blast) {
    static const char *const names[] = {"affected", "charged", "lost", "at_risk", "to_return"};
    TABLE_AUTO table =
        TABLE("CURRENCY", ">AFFECTED", ">CHARGED", ">LOST", ">AT RISK", ">TO RETURN");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(blast, "money"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "currency"));
        for (size_t name = 0; name < COUNT_OF(names); name++) {
            table_cell(table,
                       show_sum(field_int(row, names[name]), field_word(row, "currency"), text));
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

/* Only what was hit: what was not is told in a line of its own. */
static void print_where(const struct cli *cli, const json_t *blast) {
    static const char *const kinds[] = {"gateways", "methods", "regions", "currencies"};
    TABLE_AUTO table = TABLE("WHERE", "NAME", ">AFFECTED", ">OF", ">SHARE");
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        size_t i;
        const json_t *row;
        json_array_foreach(json_object_get(blast, kinds[kind]), i, row) {
            char percent[SHOW_CHARS_MAX];
            if (field_int(row, "affected") == 0) {
                continue;
            }
            table_cell(table, kinds[kind]);
            table_cell(table, field_text(row, "name"));
            table_count(table, field_int(row, "affected"));
            table_count(table, field_int(row, "payments"));
            table_cellf(table, "%s %%", field_real(row, "affected_percent", 2, percent));
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_codes(const struct cli *cli, const json_t *blast) {
    TABLE_AUTO table = TABLE("GATEWAY", "CODE", "MEANS", ">COUNT", "FIRST");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(blast, "codes"), i, row) {
        char text[SHOW_CHARS_MAX];
        if (i == CODES_SHOWN) {
            break;
        }
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "code"));
        table_cell(table, field_text(row, "common_code"));
        table_count(table, field_int(row, "count"));
        table_cell(table, field_moment(row, "first_at", text));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_first(const struct cli *cli, const json_t *blast) {
    const json_t *first = json_object_get(blast, "first");
    const json_t *alert = json_object_get(first, "alert"),
                 *failure = json_object_get(first, "failure");
    char text[SHOW_CHARS_MAX];
    TABLE_AUTO card = TABLE("", "~");
    if (json_is_object(alert)) {
        table_pairf(card, "first alert", "%s at %s (%s)", field_word(alert, "rule"),
                    field_moment(alert, "at", text), field_word(alert, "id"));
    }
    if (json_is_object(failure)) {
        table_pairf(card, "first failure", "%s %s at %s", field_word(failure, "gateway"),
                    field_word(failure, "code"), field_moment(failure, "at", text));
    }
    const char *change = field_text(first, "change");
    table_pair(card, "changed before it", change != NULL ? change : "nothing that was recorded");
    cli_say(cli, "\n");
    table_print(card, cli, NULL);
}

static void print_spared(const struct cli *cli, const json_t *blast) {
    static const char *const kinds[] = {"gateways", "methods", "regions"};
    TABLE_AUTO table = TABLE("NOT AFFECTED", "NAME", ">PAYMENTS");
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        size_t i;
        const json_t *row;
        json_array_foreach(json_object_get(json_object_get(blast, "not_affected"), kinds[kind]), i,
                           row) {
            table_cell(table, kinds[kind]);
            table_cell(table, field_text(row, "name"));
            table_count(table, field_int(row, "payments"));
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static int print_blast(struct cli *cli, const char *path) {
    JSON_AUTO blast = NULL;
    int status = talk_get(cli, path, &blast);
    if (status == CLI_DONE) {
        print_head(cli, blast);
        print_fates(cli, blast);
        print_money(cli, blast);
        print_where(cli, blast);
        print_codes(cli, blast);
        print_first(cli, blast);
        print_spared(cli, blast);
    }
    return status;
}

/* Of which kind the file is that --out asks for; NULL: none is. */
static const char *wanted_file(const struct cli *cli) {
    if (cli_text(cli, "out") == NULL) {
        return NULL;
    }
    return strcmp(cli_text_or(cli, "format", "csv"), "xlsx") == 0 ? "affected.xlsx"
                                                                    : "affected.csv";
}

int run_blast(struct cli *cli) {
    static const char *const names[] = {"since", "until", "gateway", "method", "region",
                                        "currency"};
    const char *file = wanted_file(cli);
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/blast-radius");
    if (file != NULL) {
        talk_path_part(&path, file);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        talk_path_add(&path, names[i], cli_text(cli, names[i]));
    }
    return file != NULL ? talk_save(cli, path.text.data, cli_text(cli, "out"))
                        : print_blast(cli, path.text.data);
}

int run_incident_blast(struct cli *cli) {
    const char *file = wanted_file(cli);
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/incidents");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, file != NULL ? file : "blast-radius");
    return file != NULL ? talk_save(cli, path.text.data, cli_text(cli, "out"))
                        : print_blast(cli, path.text.data);
}
