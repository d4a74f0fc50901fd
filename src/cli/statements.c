/* SPDX-License-Identifier: Apache-2.0
 * statements.c: statements in the running service: given by hand, fetched, listed. A file goes up
 * in parts and is taken in by a job that is waited for. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/mapped.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"

enum {
    WINDOWS_CHARS_MAX = 400,
    MAP_BYTES_MAX = 32 * 1024,
    PART_BYTES_MAX = 1024 * 1024,
};
#define LOOK_FIRST_US (50 * US_PER_MS)
#define LOOK_US_MAX (2 * US_PER_SECOND)

/* Longer and longer, but not so long that somebody waits for nothing. */
static void pause_for(int64_t *pause_us) {
    task_sleep_us(*pause_us);
    *pause_us = *pause_us * 2 < LOOK_US_MAX ? *pause_us * 2 : LOOK_US_MAX;
}

/* ---- import ---- */

static int begin_body(struct cli *cli, const struct mapped *file, json_t *body, struct err *err) {
    const char *name = cli_file_name(cli_argument(cli, 0)), *map_path = cli_text(cli, "map");
    char digest[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(mapped_bytes(file), mapped_count(file), digest);
    body_text(cli, body, "gateway", "gateway");
    body_text(cli, body, "format", "format");
    body_text(cli, body, "zone", "time_zone");
    body_text(cli, body, "supersedes", "supersedes");
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "period", "period");
    json_object_set_new(body, "byte_count", json_integer((json_int_t)mapped_count(file)));
    json_object_set_new(body, "sha256", json_string(digest));
    int r = body_foreign(body, "name", name, strlen(name), "the file's name", err);
    if (r < 0 || map_path == NULL) {
        return r;
    }
    size_t count = 0;
    char *map = malloc(MAP_BYTES_MAX + 1);
    INVARIANT(map != NULL, "out of memory");
    r = file_read(map_path, map, MAP_BYTES_MAX, &count, err);
    r = r < 0 ? r : body_foreign(body, "map", map, count, "the map", err);
    free(map);
    return r;
}

static int send_part(struct cli *cli, const char *path, int64_t number, const char *bytes,
                     size_t count) {
    char *content = crypto_base64(bytes, count);
    JSON_AUTO body = json_pack("{s:I,s:s}", "number", (json_int_t)number, "content", content);
    free(content);
    return talk_quiet(cli, "POST", path, body, NULL, NULL);
}

static int send_parts(struct cli *cli, const char *path, const struct mapped *file,
                      int64_t part_bytes) {
    struct progress progress;
    int64_t whole = (int64_t)mapped_count(file);
    progress_begin(&progress, cli);
    int status = CLI_DONE;
    for (int64_t at = 0; status == CLI_DONE && at < whole; at += part_bytes) {
        int64_t count = whole - at < part_bytes ? whole - at : part_bytes;
        status = send_part(cli, path, at / part_bytes, mapped_bytes(file) + at, (size_t)count);
        progress_steps(&progress, "sending", "KiB", 1024, at + count, whole);
    }
    progress_end(&progress);
    return status;
}

static bool is_taking(const json_t *upload) {
    return strcmp(field_word(upload, "state"), "taking") == 0;
}

/* Says that it is complete, and waits for what becomes of it. */
static int complete(struct cli *cli, const char *id, json_t **ret_upload, char **ret_text) {
    TALK_PATH_AUTO path;
    TALK_PATH_AUTO look;
    struct progress progress;
    int64_t pause_us = LOOK_FIRST_US;
    progress_begin(&progress, cli);
    talk_path_init(&path, "/v1/statement-uploads");
    talk_path_part(&path, id);
    talk_path_init(&look, path.text.data);
    talk_path_part(&path, "complete");
    int status = talk_ask_post(cli, path.text.data, ret_upload, ret_text);
    while (status == CLI_DONE && is_taking(*ret_upload)) {
        const json_t *rows = json_object_get(*ret_upload, "progress");
        if (json_is_object(rows)) {
            progress_steps(&progress, "taking in", "rows", 1, field_int(rows, "rows"),
                           field_int(rows, "row_count"));
        } else {
            progress_waits(&progress, "it is being read");
        }
        pause_for(&pause_us);
        json_decref(*ret_upload);
        free(*ret_text);
        *ret_upload = NULL;
        *ret_text = NULL;
        status = talk_ask(cli, look.text.data, ret_upload, ret_text);
    }
    progress_end(&progress);
    return status;
}

static int upload_file(struct cli *cli, const struct mapped *file, json_t **ret_upload,
                       char **ret_text) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO begun = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/statement-uploads");
    if (begin_body(cli, file, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_quiet(cli, "POST", "/v1/statement-uploads", body, &begun, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    int64_t part_bytes = field_int(begun, "part_bytes");
    if (part_bytes < 1 || part_bytes > PART_BYTES_MAX) {
        (void)err_set(&err, ERR_UNREACHABLE, "the service wants parts of %lld bytes",
                      (long long)part_bytes);
        return cli_fail(cli, &err);
    }
    talk_path_part(&path, field_word(begun, "id"));
    talk_path_part(&path, "parts");
    status = send_parts(cli, path.text.data, file, part_bytes);
    return status == CLI_DONE ? complete(cli, field_word(begun, "id"), ret_upload, ret_text)
                              : status;
}

static void print_problems(struct cli *cli, const json_t *file) {
    const json_t *problems = json_object_get(file, "problems");
    TABLE_AUTO table = TABLE(">LINE", "PROBLEM", "~WHAT");
    size_t i;
    json_t *told;
    json_array_foreach((json_t *)problems, i, told) {
        int64_t line = field_int(told, "line");
        if (line > 0) {
            table_cellf(table, "%lld", (long long)line);
        } else {
            table_cell(table, "");
        }
        table_cell(table, field_text(told, "problem"));
        table_cell(table, field_text(told, "text"));
    }
    table_print(table, cli, NULL);
    int64_t more = field_int(file, "problem_count") - (int64_t)json_array_size(problems);
    if (more > 0) {
        cli_say(cli, "and %lld more.\n", (long long)more);
    }
}

static void print_bank(struct cli *cli, const json_t *bank) {
    if (json_is_object(bank)) {
        cli_say(cli, "  bank rows: %lld new, %lld known, %lld not ours to know of\n",
                (long long)field_int(bank, "taken"), (long long)field_int(bank, "known"),
                (long long)field_int(bank, "passed"));
        if (field_int(bank, "refused") > 0) {
            char *why = show_clean(field_word(bank, "first_refusal"));
            cli_say(cli, "  %lld bank rows were refused: %s\n",
                    (long long)field_int(bank, "refused"), why);
            free(why);
        }
    }
}

/* Without a period no window is proved by it (docs/windows.md): said when it can be mended. */
static void print_period(struct cli *cli, const json_t *file) {
    const char *from = field_text(file, "from"), *until = field_text(file, "until");
    if (from != NULL && until != NULL) {
        cli_say(cli, "  of %s to %s%s\n", from, until,
                field_true(file, "period_given") ? ", as is known from now on" : "");
    } else {
        cli_say(cli, "  It tells no period, so it proves no window. Give it once more with the\n"
                     "  days that it is of: --period 2026-11-20 or 2026-11-20..2026-11-22\n");
    }
}

/* What does not follow the statement before it. */
static void print_continuity(struct cli *cli, const json_t *list) {
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one) {
        char *text = show_clean(field_word(one, "text"));
        cli_say(cli, "  Attention: %s\n", text);
        free(text);
    }
}

/* Whether somebody has looked whose it is: said where nobody could. */
static void print_account(struct cli *cli, const json_t *file) {
    const char *check = field_word(file, "account_check");
    char *account = show_clean(field_word(file, "account"));
    if (strcmp(check, "not_told") == 0) {
        cli_say(cli, "  It does not say whose account it is of: that nobody has checked.\n");
    } else if (strcmp(check, "not_configured") == 0) {
        cli_say(cli,
                "  It is of the account %s. Is that right? Then name it in statements.accounts\n"
                "  of its gateway (holdfast.yaml), and files of others are refused.\n",
                account);
    } else if (strcmp(check, "same") == 0) {
        cli_say(cli, "  of the account %s\n", account);
    }
    free(account);
}

/* One file each: what it was, what it is now; false: a person should look. */
static bool print_file(struct cli *cli, const json_t *file) {
    char *name = show_clean(field_word(file, "name"));
    const char *id = field_text(file, "statement_id");
    char rows[SHOW_CHARS_MAX];
    if (id != NULL) {
        cli_say(cli, "%s: %s%s, %s rows (%s)\n", name,
                field_true(file, "known") ? "known already as " : "taken in as ", id,
                show_count(field_int(file, "rows"), rows), field_word(file, "format"));
        print_account(cli, file);
        print_period(cli, file);
    } else if (field_int(file, "problem_count") > 0) {
        cli_say(cli, "%s: %lld %s wrong with it\n\n", name,
                (long long)field_int(file, "problem_count"),
                field_int(file, "problem_count") == 1 ? "thing is" : "things are");
    }
    if (id != NULL && field_int(file, "rows") == 0) {
        cli_say(cli, "  It has no rows: nothing moved on its day, or it ends behind its header.\n");
    }
    free(name);
    print_problems(cli, file);
    print_bank(cli, json_object_get(file, "bank"));
    print_continuity(cli, json_object_get(file, "continuity"));
    return field_int(json_object_get(file, "bank"), "refused") == 0;
}

static int print_upload(struct cli *cli, const json_t *upload) {
    const json_t *error = json_object_get(upload, "error");
    const json_t *files = json_object_get(upload, "files");
    bool good = true;
    size_t i;
    json_t *file;
    json_array_foreach((json_t *)files, i, file) {
        good = print_file(cli, file) && good;
    }
    if (strcmp(field_word(upload, "state"), "taken") == 0) {
        return good ? CLI_DONE : CLI_PROBLEM;
    }
    static const char refused[] = "nothing was taken in: "; /* intake's own words */
    char *detail = show_clean(field_word(error, "detail"));
    char *hint = show_clean(field_text(error, "hint") != NULL ? field_word(error, "hint") : "");
    size_t said = strncmp(detail, refused, strlen(refused)) == 0 ? strlen(refused) : 0;
    cli_say(cli, "Nothing was taken in: %s\n%s%s", detail + said, hint,
            hint[0] != '\0' ? "\n" : "");
    free(detail);
    free(hint);
    return CLI_PROBLEM;
}

int run_statement_import(struct cli *cli) {
    struct err err = {0};
    struct mapped *file = NULL;
    JSON_AUTO upload = NULL;
    char *text = NULL;
    if (mapped_open(cli_argument(cli, 0), &file, &err) < 0) {
        return cli_fail(cli, &err);
    }
    if (mapped_count(file) == 0) {
        (void)err_set(&err, ERR_VALIDATION, "the file is empty");
        (void)err_hint(&err, "Even of a day without a movement a statement has a header: download "
                             "it again.");
        mapped_close(file);
        return cli_fail(cli, &err);
    }
    int status = upload_file(cli, file, &upload, &text);
    if (mapped_check(file, &err) < 0) {
        status = cli_fail(cli, &err);
    }
    mapped_close(file);
    if (status == CLI_DONE) {
        talk_print_json(cli, text);
        status = print_upload(cli, upload);
    }
    free(text);
    return status;
}

/* ---- list, show ---- */

/* "gap", "repeated", "balance"; NULL: it follows the one before it, or nobody can know. */
static const char *first_fault(const json_t *statement) {
    return field_text(json_array_get(json_object_get(statement, "continuity"), 0), "kind");
}

int run_statement_list(struct cli *cli) {
    static const char *const names[] = {"gateway", "state", "since", "until", "limit", "cursor"};
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/statements");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        talk_path_add(&path, names[i], cli_text(cli, names[i]));
    }
    talk_path_add(&path, "q", cli_text(cli, "find"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("STATEMENT", "GATEWAY", "FORMAT", "STATE", "FROM", "UNTIL",
                             "CONTINUITY", ">ROWS", ">AGE", "~FILE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char age[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "format"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "from"));
        table_cell(table, field_text(row, "until"));
        table_styled(table, STYLE_BAD, first_fault(row));
        table_count(table, field_int(row, "row_count"));
        table_cell(table, field_age(row, "begun_at", age));
        table_cell(table, field_text(row, "name"));
    }
    table_print(table, cli, "No statement was taken in.");
    const char *next = field_text(answer, "next_cursor");
    if (next != NULL) {
        cli_say(cli, "There are more: --cursor %s\n", next);
    }
    return CLI_DONE;
}

static void print_statement(struct cli *cli, const json_t *statement) {
    static const char *const names[] = {
        "gateway",       "format", "name",         "account",      "file_id",
        "from",          "until",  "taken_at",     "taken_by",     "supersedes",
        "superseded_by", "reason", "withdrawn_at", "withdrawn_by", "withdrawn_reason",
        "first_run"};
    TABLE_AUTO card = TABLE("", "");
    table_pair(card, "statement", field_text(statement, "id"));
    table_pair(card, "state", field_text(statement, "state"));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        table_pair(card, names[i], field_text(statement, names[i]));
    }
    table_pairf(card, "rows", "%lld", (long long)field_int(statement, "row_count"));
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(statement, "balances"), i, row) {
        char text[SHOW_CHARS_MAX];
        if (json_is_integer(json_object_get(row, "opening"))) {
            table_pair(card, "opening", field_money(row, "opening", text));
        }
        if (json_is_integer(json_object_get(row, "closing"))) {
            table_pair(card, "closing", field_money(row, "closing", text));
        }
    }
    json_array_foreach(json_object_get(statement, "classes"), i, row) {
        table_pairf(card, field_word(row, "class"), "%lld rows", (long long)field_int(row, "rows"));
    }
    json_array_foreach(json_object_get(statement, "continuity"), i, row) {
        table_pair(card, field_word(row, "kind"), field_text(row, "text"));
    }
    if (field_text(statement, "until") == NULL) {
        table_pair(card, "period", "not told: it proves no window (import it with --period)");
    }
    if (field_int(statement, "unseen_rows") > 0) {
        table_pairf(card, "not looked at", "%lld rows",
                    (long long)field_int(statement, "unseen_rows"));
    }
    table_print(card, cli, NULL);
}

static void print_rows(struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE(">ROW", ">LINE", "TIME", "KIND", "STATUS", ">AMOUNT", "~THEIR ID",
                             "~OUR REFERENCE", "CLASS", "~RULE", "~OURS");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_count(table, field_int(row, "number"));
        table_count(table, field_int(row, "line"));
        table_cell(table, field_text(row, "at"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "status"));
        table_cell(table, field_money(row, "gross", text));
        table_cell(table, field_text(row, "gateway_id"));
        table_cell(table, field_text(row, "reference"));
        table_cell(table, field_text(row, "class"));
        table_cell(table, field_text(row, "rule"));
        table_cell(table, field_text(row, "ours"));
    }
    table_print(table, cli, "It has no such rows.");
    if (json_is_integer(json_object_get(answer, "next_after"))) {
        cli_say(cli, "There are more: --after %lld\n", (long long)field_int(answer, "next_after"));
    }
}

int run_statement_show(struct cli *cli) {
    JSON_AUTO statement = NULL;
    JSON_AUTO rows = NULL;
    TALK_PATH_AUTO path;
    char *text = NULL, *rows_text = NULL;
    talk_path_init(&path, "/v1/statements");
    talk_path_part(&path, cli_argument(cli, 0));
    int status = talk_ask(cli, path.text.data, &statement, &text);
    if (status == CLI_DONE && cli_given(cli, "rows")) {
        talk_path_part(&path, "rows");
        talk_path_add(&path, "class", cli_text(cli, "class"));
        talk_path_add(&path, "after", cli_text(cli, "after"));
        talk_path_add(&path, "limit", cli_text(cli, "limit"));
        status = talk_ask(cli, path.text.data, &rows, &rows_text);
    }
    if (status == CLI_DONE && cli->json && rows_text != NULL) {
        JSON_AUTO both = json_pack("{s:O,s:O}", "statement", statement, "rows", rows);
        char *line = json_write(both);
        talk_print_json(cli, line);
        free(line);
    } else if (status == CLI_DONE && cli->json) {
        talk_print_json(cli, text);
    } else if (status == CLI_DONE) {
        print_statement(cli, statement);
        if (rows != NULL) {
            cli_say(cli, "\n");
            print_rows(cli, rows);
        }
    }
    free(text);
    free(rows_text);
    return status;
}

int run_statement_withdraw(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO statement = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/statements", "withdraw", body, &statement);
    if (status != CLI_DONE) {
        return status;
    }
    cli_say(cli, "%s no longer counts: %s of %s, %lld rows.\n", field_word(statement, "id"),
            field_word(statement, "format"), field_word(statement, "gateway"),
            (long long)field_int(statement, "row_count"));
    if (field_text(statement, "supersedes") != NULL) {
        cli_say(cli, "%s counts again.\n", field_word(statement, "supersedes"));
    }
    cli_say(cli, "A run of %s has been asked for: its rows leave with it.\n",
            field_word(statement, "gateway"));
    return CLI_DONE;
}

/* ---- fetch ---- */

static void print_fetches(struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("GATEWAY", "KIND", "DAY", "STATE", ">TRIES", "NEXT", "~STATEMENTS",
                             "~LAST ERROR");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char next[SHOW_CHARS_MAX];
        const json_t *ids = json_object_get(row, "statement_ids");
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "day"));
        table_state(table, field_text(row, "state"));
        table_count(table, field_int(row, "attempts"));
        table_cell(table,
                   field_text(row, "next_at") != NULL ? field_age(row, "next_at", next) : NULL);
        table_cell(table, json_string_value(json_array_get(ids, 0)));
        table_cell(table, field_text(row, "error"));
    }
    table_print(table, cli, "Nothing was fetched.");
}

/* "3 by china; card 1 by china": within how many business days a movement should be there. */
static const char *field_windows(const json_t *row, char text[WINDOWS_CHARS_MAX]) {
    const json_t *windows = json_object_get(row, "windows");
    size_t used = 0;
    for (size_t i = 0; i <= json_array_size(windows) && used < WINDOWS_CHARS_MAX; i++) {
        const json_t *window = i == 0 ? row : json_array_get(windows, i - 1);
        const char *calendar = field_text(window, "calendar");
        used += (size_t)snprintf(text + used, WINDOWS_CHARS_MAX - used, "%s%s%s%lld%s%s",
                                 i > 0 ? "; " : "", i > 0 ? field_word(window, "method") : "",
                                 i > 0 ? " " : "", (long long)field_int(window, "business_days"),
                                 calendar != NULL ? " by " : "", calendar != NULL ? calendar : "");
    }
    return text;
}

int run_statement_fetches(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/statement-fetches",
                           TALK_BY("gateway", "state", "day", "limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *gateways = json_object_get(answer, "gateways");
    if (cli_text(cli, "gateway") != NULL && json_is_array(gateways) &&
        json_array_size(gateways) == 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"",
                      cli_text(cli, "gateway"));
        (void)err_hint(&err, "`holdfast gateway list` lists them.");
        return cli_fail(cli, &err);
    }
    print_fetches(cli, answer);
    cli_say(cli, "\n");
    TABLE_AUTO table = TABLE("GATEWAY", "FETCHED", "KINDS", "TIME ZONE", "BUSINESS DAYS", "NEXT",
                             "~FROM");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "gateways"), i, row) {
        char next[SHOW_CHARS_MAX], windows[WINDOWS_CHARS_MAX];
        const json_t *kinds = json_object_get(row, "kinds");
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_true(row, "fetch") ? "each day" : "by hand");
        table_cell(table, json_string_value(json_array_get(kinds, 0)));
        table_cell(table, field_text(row, "time_zone"));
        table_cell(table, field_windows(row, windows));
        table_cell(table, field_age(row, "next_at", next));
        table_cell(table, field_text(row, "place"));
    }
    table_print(table, cli, NULL);
    show_calendars_ending(cli, answer);
    return CLI_DONE;
}

/* Whether one of them was not asked for yet; what was tried without luck is no reason to wait. */
static bool is_asking(const json_t *answer) {
    bool asking = false;
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        asking = asking || (strcmp(field_word(row, "state"), "waiting") == 0 &&
                            field_int(row, "attempts") == 0);
    }
    return asking;
}

static bool is_well(const json_t *answer) {
    bool well = true;
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        const char *state = field_word(row, "state");
        well = well && (strcmp(state, "fetched") == 0 || strcmp(state, "none") == 0);
    }
    return well;
}

static const char *first_statement(const json_t *row) {
    return json_string_value(json_array_get(json_object_get(row, "statement_ids"), 0));
}

static const json_t *row_of_kind(const json_t *answer, const char *kind) {
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        if (strcmp(field_word(row, "kind"), kind) == 0) {
            return row;
        }
    }
    return NULL;
}

/* What came of asking once more for what was fetched before. */
static void print_again(struct cli *cli, const json_t *before, const json_t *after) {
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(after), i, row) {
        const json_t *was = row_of_kind(before, field_word(row, "kind"));
        const char *old = was != NULL ? first_statement(was) : NULL, *new = first_statement(row);
        if (old == NULL || new == NULL || strcmp(field_word(row, "state"), "fetched") != 0) {
            continue;
        }
        if (strcmp(old, new) == 0) {
            cli_say(cli, "%s: the same file as before; nothing has changed.\n",
                    field_word(row, "kind"));
        } else {
            cli_say(cli, "%s: another file; %s counts now instead of %s.\n",
                    field_word(row, "kind"), new, old);
        }
    }
}

int run_statement_fetch(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO before = NULL;
    JSON_AUTO answer = NULL;
    TALK_PATH_AUTO path;
    char *text = NULL;
    struct progress progress;
    int64_t pause_us = LOOK_FIRST_US;
    body_text(cli, body, "gateway", "gateway");
    body_text(cli, body, "day", "day");
    body_text(cli, body, "kind", "kind");
    if (cli_given(cli, "again")) {
        json_object_set_new(body, "again", json_true());
    }
    progress_begin(&progress, cli);
    int status = talk_quiet(cli, "POST", "/v1/statement-fetches", body, &answer, &text);
    before = json_incref(answer);
    talk_path_init(&path, "/v1/statement-fetches");
    talk_path_add(&path, "gateway", cli_text(cli, "gateway"));
    talk_path_add(&path, "day", cli_text(cli, "day"));
    while (status == CLI_DONE && !cli_given(cli, "no-wait") && is_asking(answer)) {
        progress_waits(&progress, "it is asked");
        pause_for(&pause_us);
        json_decref(answer);
        free(text);
        answer = NULL;
        text = NULL;
        status = talk_ask(cli, path.text.data, &answer, &text);
    }
    progress_end(&progress);
    if (status == CLI_DONE) {
        talk_print_json(cli, text);
        print_fetches(cli, answer);
        if (cli_given(cli, "again") && !cli_given(cli, "no-wait")) {
            print_again(cli, before, answer);
        } else if (is_well(before) && !cli_given(cli, "no-wait")) {
            cli_say(cli, "It was fetched before; --again asks the gateway once more.\n");
        }
        status = cli_given(cli, "no-wait") || is_well(answer) ? CLI_DONE : CLI_PROBLEM;
    }
    free(text);
    return status;
}
