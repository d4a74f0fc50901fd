/* SPDX-License-Identifier: Apache-2.0
 * row_files.c: `statement export` and `reconcile export`: rows of any number as a file for a
 * spreadsheet. They are asked for page by page and written as they come, so that neither side holds
 * more than a page; the file has its name when it is whole. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/outfile.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "recon/row_export.h"

/* What the two differ by. */
struct row_source {
    const char *list, *sheet;
    const char *next;  /* in an answer, where the next page begins */
    const char *after; /* how that is asked for */
    const struct sheet_column *(*columns)(int *ret_count);
    int64_t (*whole)(const json_t *thing); /* so many rows there are */
};

static int64_t statement_whole(const json_t *statement) {
    return field_int(statement, "row_count");
}

static int64_t run_whole(const json_t *run) {
    const json_t *figures = json_object_get(run, "figures");
    return field_int(figures, "our_rows") + field_int(figures, "their_rows");
}

static const struct row_source of_statement = {
    "/v1/statements", "Statement", "next_after", "after", statement_row_columns, statement_whole};
static const struct row_source of_run = {
    "/v1/reconciliations", "Run", "next_cursor", "cursor", run_row_columns, run_whole};

struct export {
    struct cli *cli;
    const struct row_source *source;
    const struct sheet_column *columns;
    int count;
    struct sheet *sheet;
    struct outfile *file;
    struct progress line;
    int64_t whole;
};

static struct sheet_cell cell_of(const struct sheet_column *column, const json_t *row) {
    const json_t *value = json_object_get(row, column->key);
    struct sheet_cell cell = {.text = json_string_value(value)};
    if (column->kind == SHEET_TIME) {
        cell.said = cell.text != NULL && clock_parse(cell.text, &cell.number);
    } else if (json_is_integer(value)) {
        cell.said = true;
        cell.number = (int64_t)json_integer_value(value);
    }
    return cell;
}

static void add_rows(struct export *export, const json_t *answer) {
    struct sheet_cell cells[SHEET_COLUMNS_MAX];
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        for (int j = 0; j < export->count; j++) {
            cells[j] = cell_of(&export->columns[j], row);
        }
        sheet_row(export->sheet, cells);
    }
    progress_steps(&export->line, "writing", "rows", 1, sheet_rows(export->sheet), export->whole);
}

/* Where the next page begins, as text; false: that was the last. */
static bool next_of(const struct export *export, const json_t *answer, char *text, size_t bytes) {
    const json_t *next = json_object_get(answer, export->source->next);
    if (json_is_integer(next)) {
        snprintf(text, bytes, "%lld", (long long)json_integer_value(next));
    } else {
        snprintf(text, bytes, "%s", json_is_string(next) ? json_string_value(next) : "");
    }
    return text[0] != '\0';
}

static int each_page(struct export *export) {
    char after[200] = "", limit[16];
    struct cli *cli = export->cli;
    int status;
    bool more;
    snprintf(limit, sizeof limit, "%d", SHEET_PAGE_ROWS);
    do {
        JSON_AUTO answer = NULL;
        TALK_PATH_AUTO path;
        talk_path_init(&path, export->source->list);
        talk_path_part(&path, cli_argument(cli, 0));
        talk_path_part(&path, "rows");
        talk_path_add(&path, "class", cli_text(cli, "class"));
        talk_path_add(&path, export->source->after, after);
        talk_path_add(&path, "limit", limit);
        status = talk_ask(cli, path.text.data, &answer, NULL);
        if (status == CLI_DONE) {
            add_rows(export, answer);
        }
        more = status == CLI_DONE && next_of(export, answer, after, sizeof after);
    } while (more);
    return status;
}

/* How many there are, and that it is there at all, before a file is made. */
static int look(struct export *export) {
    JSON_AUTO thing = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, export->source->list);
    talk_path_part(&path, cli_argument(export->cli, 0));
    int status = talk_ask(export->cli, path.text.data, &thing, NULL);
    if (status == CLI_DONE && !cli_given(export->cli, "class")) {
        export->whole = export->source->whole(thing);
    }
    return status;
}

static int open_file(struct export *export, const char *out, struct err *err) {
    struct file_face face;
    struct err absent = {0};
    enum sheet_format format;
    if (file_look(out, &face, &absent) == 0) {
        err_set(err, ERR_EXISTS, "%.200s is there already", out);
        return err_hint(err, "Nothing is written over: name another file.");
    }
    INVARIANT(sheet_format_parse(cli_text_or(export->cli, "format", "csv"), &format),
              "the table names no other format");
    char *path = strdup(out);
    INVARIANT(path != NULL, "out of memory");
    int r = outfile_open_private(dirname(path), cli_file_name(out), &export->file, err);
    free(path);
    if (r >= 0) {
        export->sheet = sheet_open(format, export->source->sheet, export->columns, export->count,
                                   xlsx_into_outfile, export->file);
    }
    return r;
}

static int close_file(struct export *export, int64_t *ret_bytes, struct err *err) {
    int r = sheet_close(export->sheet, err);
    export->sheet = NULL;
    r = r < 0 ? r : outfile_finish(export->file, err);
    *ret_bytes = outfile_bytes(export->file);
    if (r < 0) {
        return r;
    }
    r = outfile_name(export->file, err);
    export->file = NULL;
    return r;
}

static int write_file(struct cli *cli, const struct row_source *source) {
    struct export export = {.cli = cli, .source = source};
    struct err err = {0};
    const char *out = cli_text(cli, "out");
    char number[SHOW_CHARS_MAX], bytes_text[SHOW_CHARS_MAX];
    export.columns = source->columns(&export.count);
    progress_begin(&export.line, cli);
    int status = look(&export);
    if (status != CLI_DONE) {
        return status;
    }
    if (open_file(&export, out, &err) < 0) {
        return cli_fail(cli, &err);
    }
    status = each_page(&export);
    progress_end(&export.line);
    int64_t rows = sheet_rows(export.sheet), bytes = 0;
    if (status == CLI_DONE && close_file(&export, &bytes, &err) < 0) {
        status = cli_fail(cli, &err);
    }
    sheet_drop(export.sheet);
    outfile_drop(export.file);
    if (status != CLI_DONE) {
        return status;
    }
    JSON_AUTO done = json_pack("{s:s,s:I,s:I}", "file", cli_file_name(out), "rows",
                               (json_int_t)rows, "bytes", (json_int_t)bytes);
    char *line = json_write(done);
    talk_print_json(cli, line);
    free(line);
    cli_say(cli, "%s rows, %s bytes in %s.\n", show_count(rows, number),
            show_count(bytes, bytes_text), cli_file_name(out));
    return CLI_DONE;
}

int run_statement_export(struct cli *cli) {
    return write_file(cli, &of_statement);
}

int run_reconcile_export(struct cli *cli) {
    return write_file(cli, &of_run);
}
