/* SPDX-License-Identifier: Apache-2.0
 * explained.c: why rows of two files are where they are, for people and as JSON. */
#include "cli/explained.h"

#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/talk.h"

static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};

static void print_named(const struct cli *cli, const struct files_explained *explained) {
    TABLE_AUTO table = TABLE("ROW", "KIND", "STATUS", ">AMOUNT", "AT", "CLASS", "NAME");
    char amount[SHOW_CHARS_MAX], at[CLOCK_TEXT_MAX];
    for (int i = 0; i < explained->named_count; i++) {
        const struct files_named_row *row = &explained->named[i];
        table_cellf(table, "%s %" PRId64, sides[row->side], row->line);
        table_cell(table, row_kind_name(row->kind));
        table_cell(table, row_status_name(row->status));
        table_cell(table, show_sum(row->amount_minor, row->currency.code, amount));
        table_cell(table, row->at_us != 0 ? clock_format(row->at_us, at) : NULL);
        table_cell(table, match_class_name(row->class));
        table_cell(table, row->key);
    }
    table_print(table, cli, NULL);
}

static void print_json(const struct cli *cli, const struct files_explained *explained) {
    JSON_AUTO rows = json_array();
    JSON_AUTO named = json_array();
    for (int i = 0; i < explained->count; i++) {
        const struct files_explained_row *row = &explained->rows[i];
        g_auto(GStrv) lines = g_strsplit(row->text, "\n", -1);
        json_t *said = json_array();
        for (int j = 0; lines[j] != NULL && lines[j][0] != '\0'; j++) {
            json_array_append_new(said, json_string(lines[j]));
        }
        json_array_append_new(
            rows, json_pack("{s:s,s:I,s:s,s:s,s:o}", "side", sides[row->side], "line",
                            (json_int_t)row->line, "class", match_class_name(row->class),
                            "class_means", match_class_what(row->class), "explanation", said));
    }
    for (int i = 0; i < explained->named_count; i++) {
        const struct files_named_row *row = &explained->named[i];
        char at[CLOCK_TEXT_MAX];
        json_array_append_new(
            named, json_pack("{s:s,s:I,s:s,s:s,s:s,s:I,s:s?,s:s,s:s}", "side", sides[row->side],
                             "line", (json_int_t)row->line, "kind", row_kind_name(row->kind),
                             "status", row_status_name(row->status), "currency",
                             row->currency.code, "amount", (json_int_t)row->amount_minor, "at",
                             row->at_us != 0 ? clock_format(row->at_us, at) : NULL, "class",
                             match_class_name(row->class), "key", row->key));
    }
    JSON_AUTO whole = json_pack("{s:O,s:O,s:I}", "explained", rows, "rows", named, "more",
                                (json_int_t)explained->more);
    char *line = json_write(whole);
    talk_print_json(cli, line);
    free(line);
}

void explained_print(const struct cli *cli, const struct files_explained *explained) {
    for (int i = 0; i < explained->count; i++) {
        g_auto(GStrv) lines = g_strsplit(explained->rows[i].text, "\n", -1);
        cli_say(cli, "%s", i > 0 ? "\n" : "");
        for (int j = 0; lines[j] != NULL && lines[j][0] != '\0'; j++) {
            char *clean = show_clean(lines[j]);
            cli_say(cli, "%s\n", clean);
            free(clean);
        }
    }
    if (explained->more > 0) {
        cli_say(cli, "\nand %" PRId64 " more rows bear that name: ask for a line, ours:%" PRId64
                     "\n",
                explained->more, explained->rows[0].line);
    }
    cli_say(cli, "\n");
    print_named(cli, explained);
    print_json(cli, explained);
}
