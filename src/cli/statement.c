/* SPDX-License-Identifier: Apache-2.0
 * statement.c: statements of gateways and banks looked at without any service: which format a file
 * has, what is wrong with it, and what it adds up to. Nothing is stored. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mapped.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/talk.h"
#include "match/files/files.h"
#include "recon/period.h"
#include "recon/sources.h"
#include "statement/map.h"
#include "statement/unwrap.h"

enum { SUMS_MAX = 1024, ROWS_A_LOOK = 1024, MEGABYTE = 1000 * 1000 };

static void print_list(const struct cli *cli, json_t *list) {
    JSON_AUTO answer = json_pack("{s:O}", "data", list);
    char *text = json_dumps(answer, JSON_COMPACT);
    INVARIANT(text != NULL, "out of memory");
    talk_print_json(cli, text);
    free(text);
}

int run_statement_formats(struct cli *cli) {
    int count = 0;
    const struct statement_reader *const *readers = statement_readers(&count);
    TABLE_AUTO table = TABLE("FORMAT", "GATEWAY", "WHAT IT IS");
    JSON_AUTO list = json_array();
    for (int i = 0; i < count; i++) {
        const char *adapter = readers[i]->adapter;
        table_cell(table, readers[i]->name);
        table_cell(table, adapter);
        table_cell(table, readers[i]->title);
        json_array_append_new(list, json_pack("{s:s,s:s?,s:s}", "format", readers[i]->name,
                                              "gateway", adapter, "title", readers[i]->title));
    }
    table_print(table, cli, NULL);
    if (cli->json) {
        print_list(cli, list);
    }
    return CLI_DONE;
}

/* ---- check ---- */

struct sum {
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    int64_t rows, gross_minor, fee_minor;
    int64_t fees;   /* rows that tell one */
    bool too_large; /* for a sum of 64 bits */
};

struct check {
    struct sum sums[SUMS_MAX];
    int sum_count;
    bool more_sums;
    int64_t problems;
    enum statement_problem first;
    json_t *told;
    int64_t from_us, until_us; /* of --period; 0: nobody said it */
    struct statement_head head;
    struct progress line;
    int64_t rows, lines, bytes; /* so far; of the file at hand */
};

/* How far it is, by the lines of the file: every row has one. */
static void check_draw(struct check *check, int64_t line) {
    if (check->lines > 1) {
        line = line < check->lines ? line : check->lines;
        progress_steps(&check->line, "reading", "MB", MEGABYTE,
                       (int64_t)((__int128)check->bytes * line / check->lines), check->bytes);
    } else {
        progress_waits(&check->line, "reading");
    }
}

static int64_t lines_of(const char *bytes, size_t count) {
    int64_t lines = 0;
    for (const char *at = bytes, *end = bytes + count; at < end; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL ? newline + 1 : end;
    }
    return lines;
}

static struct sum *sum_of(struct check *check, const struct statement_row *row) {
    for (int i = 0; i < check->sum_count; i++) {
        struct sum *sum = &check->sums[i];
        if (sum->kind == row->kind && sum->status == row->status &&
            currency_equal(sum->currency, row->currency)) {
            return sum;
        }
    }
    if (check->sum_count == SUMS_MAX) {
        return NULL;
    }
    struct sum *sum = &check->sums[check->sum_count++];
    *sum = (struct sum){.kind = row->kind, .status = row->status, .currency = row->currency};
    return sum;
}

static void check_problem(void *ctx, enum statement_problem problem, int64_t line,
                          const char *text) {
    struct check *check = ctx;
    check->first = check->problems == 0 ? problem : check->first;
    if (check->problems++ < STATEMENT_PROBLEMS_KEPT) {
        json_array_append_new(check->told,
                              json_pack("{s:s,s:I,s:s}", "problem", statement_problem_name(problem),
                                        "line", (json_int_t)line, "text", text));
    }
}

static int check_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct check *check = ctx;
    struct sum *sum = sum_of(check, row);
    char ahead[ROW_AHEAD_CHARS_MAX + 1];
    if (++check->rows % ROWS_A_LOOK == 0) {
        check_draw(check, row->line);
    }
    if (statement_row_ahead(row, clock_wall_us(), ahead)) {
        check_problem(check, PROBLEM_PERIOD, row->line, ahead);
    }
    if (check->until_us > 0 &&
        statement_row_outside(row, check->from_us, check->until_us, ahead)) {
        check_problem(check, PROBLEM_PERIOD, row->line, ahead);
    }
    if (sum == NULL) {
        return err_set(err, ERR_TOO_LARGE, "more kinds and currencies than are ever summed");
    }
    sum->rows++;
    sum->too_large = sum->too_large ||
                     !money_add(sum->gross_minor, row->gross_minor, &sum->gross_minor);
    if (row->fee_minor != AMOUNT_UNSAID) {
        sum->fees++;
        sum->too_large = sum->too_large ||
                         !money_add(sum->fee_minor, row->fee_minor, &sum->fee_minor);
    }
    return 0;
}

static int by_kind(const void *a, const void *b) {
    const struct sum *x = a, *y = b;
    int order = strcmp(x->currency.code, y->currency.code);
    order = order != 0 ? order : (int)x->kind - (int)y->kind;
    return order != 0 ? order : (int)x->status - (int)y->status;
}

static void print_sums(struct cli *cli, const struct check *check) {
    TABLE_AUTO table = TABLE("KIND", "STATUS", ">ROWS", ">AMOUNT", ">KEPT BY THE GATEWAY");
    for (int i = 0; i < check->sum_count; i++) {
        const struct sum *sum = &check->sums[i];
        char text[SHOW_CHARS_MAX];
        table_cell(table, row_kind_name(sum->kind));
        table_cell(table, row_status_name(sum->status));
        table_count(table, sum->rows);
        table_cell(table, sum->too_large ? "too large to be summed"
                                         : show_sum(sum->gross_minor, sum->currency.code, text));
        table_cell(table, sum->too_large ? NULL
                          : sum->fees > 0
                              ? show_sum(sum->fee_minor, sum->currency.code, text)
                              : NULL);
    }
    table_print(table, cli, "It has no rows.");
}

static void print_head(struct cli *cli, const char *name, const struct statement_reader *reader,
                       const struct check *check) {
    const struct statement_head *head = &check->head;
    char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX], text[SHOW_CHARS_MAX];
    char tells[TELLS_TEXT_CHARS_MAX + 1];
    TABLE_AUTO table = TABLE("", "");
    table_pair(table, "file", name);
    table_pairf(table, "format", "%s (%s)", reader->title, reader->name);
    table_pair(table, "account", head->account);
    table_pair(table, "its number", head->file_id);
    if (head->until_us > 0) {
        table_pairf(table, "period", "%s to %s", clock_format(head->from_us, from),
                    clock_format(head->until_us, until));
    } else if (check->until_us > 0) {
        table_pairf(table, "period", "%s to %s, as --period says",
                    clock_format(check->from_us, from), clock_format(check->until_us, until));
    } else if (check->problems == 0) {
        table_pair(table, "period", "not told: import it with --period, or it proves no window");
    }
    table_pair(table, "tells", statement_tells_text(reader->tells & ~head->lacks, tells));
    for (int i = 0; i < head->balance_count; i++) {
        const struct statement_balance *balance = &head->balances[i];
        if (balance->opening_minor != AMOUNT_UNSAID) {
            table_pair(table, "opening balance",
                       show_sum(balance->opening_minor, balance->currency.code, text));
        }
        if (balance->closing_minor != AMOUNT_UNSAID) {
            table_pair(table, "closing balance",
                       show_sum(balance->closing_minor, balance->currency.code, text));
        }
    }
    table_print(table, cli, NULL);
}

static void print_problems(struct cli *cli, const struct check *check) {
    TABLE_AUTO table = TABLE(">LINE", "PROBLEM", "~WHAT");
    size_t i;
    json_t *told;
    json_array_foreach(check->told, i, told) {
        json_int_t line = json_integer_value(json_object_get(told, "line"));
        if (line > 0) {
            table_cellf(table, "%lld", (long long)line);
        } else {
            table_cell(table, "");
        }
        table_cell(table, json_peek_text(told, "problem", NULL));
        table_cell(table, json_peek_text(told, "text", NULL));
    }
    table_print(table, cli, NULL);
    int64_t more = check->problems - (int64_t)json_array_size(check->told);
    if (more > 0) {
        cli_say(cli, "and %lld more.\n", (long long)more);
    }
}

/* As the service would say it (intake.c), but for what has been said here. */
static void print_mend(struct cli *cli, const struct statement_reader *reader,
                       const struct csv_map *map, const struct check *check) {
    bool another = check->first == PROBLEM_BAD_ROW || check->first == PROBLEM_MISSING_COLUMN;
    bool said = another && cli_text(cli, "format") != NULL;
    cli_say(cli, "\n%s\n",
            check->first == PROBLEM_PERIOD && check->until_us > 0
                ? "Is --period right? It must hold every row, and be what the file says itself."
            : map != NULL && statement_problem_of_map(check->first) ? "Does the map fit this file?"
            : said        ? "Is it a file of this format? Without --format that is found out."
            : strcmp(reader->name, "canonical") == 0
                ? "Mend it where it was made: docs/statements.md says what its columns hold."
                : statement_problem_mend(check->first));
}

/* 0: nobody said it. */
static json_t *moment_json(int64_t us) {
    char text[CLOCK_TEXT_MAX];
    return us > 0 ? json_string(clock_format(us, text)) : json_null();
}

static json_t *check_json(const char *name, const struct statement_reader *reader,
                          const struct check *check) {
    json_t *sums = json_array();
    for (int i = 0; i < check->sum_count; i++) {
        const struct sum *sum = &check->sums[i];
        json_t *row = json_pack("{s:s,s:s,s:s,s:I}", "kind", row_kind_name(sum->kind), "status",
                                row_status_name(sum->status), "currency", sum->currency.code,
                                "rows", (json_int_t)sum->rows);
        if (!sum->too_large) {
            json_object_set_new(row, "gross", json_integer(sum->gross_minor));
            json_object_set_new(row, "fee",
                                sum->fees > 0 ? json_integer(sum->fee_minor) : json_null());
        }
        json_array_append_new(sums, row);
    }
    json_t *tells = json_array();
    for (unsigned bit = 1; bit <= TELLS_ALL; bit <<= 1) {
        char text[TELLS_TEXT_CHARS_MAX + 1];
        if ((reader->tells & ~check->head.lacks & bit) != 0) {
            json_array_append_new(tells, json_string(statement_tells_text(bit, text)));
        }
    }
    bool told = check->head.until_us > 0;
    json_t *from = moment_json(told ? check->head.from_us : check->from_us);
    json_t *until = moment_json(told ? check->head.until_us : check->until_us);
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:b,s:o,s:I,s:o,s:I,s:O}", "file", name, "format",
                     reader->name, "account", check->head.account, "file_id", check->head.file_id,
                     "from", from, "until", until, "period_told", told, "tells", tells, "rows",
                     (json_int_t)check->head.rows, "sums", sums, "problem_count",
                     (json_int_t)check->problems, "problems", check->told);
}

/* As the service would hold it against what the file says itself. */
static int check_period(struct cli *cli, const struct statement_reader *reader,
                        struct check *check, struct err *err) {
    const char *period = cli_text(cli, "period"), *zone = cli_text(cli, "zone");
    return period == NULL ? 0
                          : period_parse_in(period,
                                            zone != NULL ? zone
                                                         : source_zone_usual(reader->adapter),
                                            &check->from_us, &check->until_us, err);
}

/* Prints what one file is, adds it to `list`, and returns an exit status. */
static int check_file(struct cli *cli, const struct unwrapped_file *file, const struct csv_map *map,
                      json_t *list) {
    struct err err = {0};
    int sure = 0;
    const char *format = cli_text(cli, "format");
    const struct statement_reader *reader = map != NULL && format == NULL
                                                ? statement_reader_find("csv")
                                            : format != NULL
                                                ? statement_reader_find(format)
                                                : statement_detect(file->name, file->bytes,
                                                                   file->count, &sure, &err);
    if (reader == NULL && format != NULL) {
        return cli_misuse(cli, "there is no format '%s'; `holdfast statement formats` lists them",
                          format);
    }
    if (reader == NULL) {
        return cli_fail(cli, &err);
    }
    if (map == NULL && strcmp(reader->name, "csv") == 0) {
        return cli_misuse(cli, "the format csv needs a map: --map FILE (docs/statements.md has two "
                               "to begin with)");
    }
    struct check *check = calloc(1, sizeof *check);
    INVARIANT(check != NULL, "out of memory");
    check->told = json_array();
    if (check_period(cli, reader, check, &err) < 0) {
        json_decref(check->told);
        free(check);
        (void)cli_fail(cli, &err);
        return CLI_USAGE;
    }
    const struct statement_source source = {
        .name = file->name,
        .bytes = file->bytes,
        .count = file->count,
        .map = map,
        .time_zone = cli_text(cli, "zone"),
    };
    const struct statement_sink sink = {check, check_row, check_problem};
    progress_begin(&check->line, cli);
    check->lines = lines_of(file->bytes, file->count);
    check->bytes = (int64_t)file->count;
    int r = reader->read(&source, &sink, &check->head, &err);
    progress_end(&check->line);
    if (r >= 0 && check->until_us > 0 &&
        statement_period_same(file->name, &check->head, check->from_us, check->until_us, &err) <
            0) {
        check_problem(check, PROBLEM_PERIOD, 0, err.detail);
    }
    int status = r < 0 && check->problems == 0 ? cli_fail(cli, &err)
                 : check->problems > 0         ? CLI_PROBLEM
                                               : CLI_DONE;
    if (r >= 0 || check->problems > 0) {
        qsort(check->sums, (size_t)check->sum_count, sizeof *check->sums, by_kind);
        print_head(cli, file->name, reader, check);
        cli_say(cli, "\n");
        print_sums(cli, check);
        if (check->problems > 0) {
            cli_say(cli, "\nIt would not be taken in: %lld %s wrong with it.\n\n",
                    (long long)check->problems, check->problems == 1 ? "thing is" : "things are");
            print_problems(cli, check);
            print_mend(cli, reader, map, check);
        }
        json_array_append_new(list, check_json(file->name, reader, check));
    }
    json_decref(check->told);
    free(check);
    return status;
}

static int check_files(struct cli *cli, const struct unwrapped *unwrapped,
                       const struct csv_map *map) {
    JSON_AUTO list = json_array();
    int status = CLI_DONE;
    for (int i = 0; i < unwrapped->count; i++) {
        cli_say(cli, "%s", i > 0 ? "\n" : "");
        int one = check_file(cli, &unwrapped->files[i], map, list);
        status = one > status ? one : status;
    }
    if (cli->json && json_array_size(list) > 0) {
        print_list(cli, list);
    }
    return status;
}

int run_statement_check(struct cli *cli) {
    const char *path = cli_argument(cli, 0), *map_path = cli_text(cli, "map");
    struct err err = {0};
    CSV_MAP_AUTO ours = NULL;
    CSV_MAP_AUTO map = NULL; /* where a file has two, that of theirs */
    if (map_path != NULL && files_maps_load(map_path, &ours, &map, &err) < 0) {
        if (err.hint[0] == '\0') {
            (void)err_hint(&err, "Is it a map? docs/statements.md says how one is written.");
        }
        return cli_fail(cli, &err);
    }
    TIME_ZONE_AUTO zone = NULL;
    if (cli_text(cli, "zone") != NULL && time_zone_open(cli_text(cli, "zone"), &zone, &err) < 0) {
        (void)cli_fail(cli, &err);
        return CLI_USAGE;
    }
    struct mapped *mapped = NULL;
    if (mapped_open(path, &mapped, &err) < 0) {
        return cli_fail(cli, &err);
    }
    struct unwrapped *unwrapped = calloc(1, sizeof *unwrapped);
    INVARIANT(unwrapped != NULL, "out of memory");
    int r = statement_unwrap(cli_file_name(path), mapped_bytes(mapped), mapped_count(mapped),
                             unwrapped, &err);
    int status = r < 0 ? cli_fail(cli, &err) : check_files(cli, unwrapped, map);
    if (r >= 0) {
        unwrapped_release(unwrapped);
    }
    free(unwrapped);
    if (mapped_check(mapped, &err) < 0) {
        status = cli_fail(cli, &err);
    }
    mapped_close(mapped);
    return status;
}
