/* SPDX-License-Identifier: Apache-2.0
 * kb.c: `kb …`: the knowledge base: its pages, their words, their versions. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define PAGES "/v1/kb"
enum { FILE_BYTES_MAX = 128 * 1024, LINES_MAX = 2000, NUMBER_MAX = 1000000 };

/* ---- lists ---- */

static int print_found(struct cli *cli, struct talk_path *path, const char *empty) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, path->text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("PAGE", "LANG", "KIND", ">VERSION", "REVIEWED", "TITLE", "~");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "page"));
        table_cell(table, field_text(row, "language"));
        table_cell(table, field_text(row, "kind"));
        table_count(table, field_int(row, "version"));
        table_cell(table, field_text(row, "reviewed"));
        table_cell(table, field_text(row, "title"));
        table_styled(table, STYLE_DIM, field_word(row, "snippet"));
    }
    table_print(table, cli, empty);
    int64_t total = field_int(answer, "total");
    if (total > table_rows(table)) {
        cli_say(cli, "\n%d of %lld: --limit shows more.\n", table_rows(table), (long long)total);
    }
    return CLI_DONE;
}

static void add_filters(const struct cli *cli, struct talk_path *path) {
    talk_path_add(path, "lang", cli_text(cli, "lang"));
    talk_path_add(path, "kind", cli_text(cli, "kind"));
    talk_path_add(path, "limit", cli_text(cli, "limit"));
}

int run_kb_list(struct cli *cli) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, PAGES);
    add_filters(cli, &path);
    talk_path_add(&path, "for", cli_text(cli, "for"));
    talk_path_add(&path, "limit", cli_given(cli, "limit") ? NULL : "50");
    return print_found(cli, &path, "No page fits.");
}

int run_kb_search(struct cli *cli) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, PAGES);
    talk_path_add(&path, "q", cli_argument(cli, 0));
    add_filters(cli, &path);
    return print_found(cli, &path, "No page has these words.");
}

/* ---- one page ---- */

static void page_path(const struct cli *cli, const char *verb, struct talk_path *path) {
    talk_path_init(path, PAGES);
    talk_path_part(path, cli_argument(cli, 0));
    if (verb != NULL) {
        talk_path_part(path, verb);
    }
    talk_path_add(path, "lang", cli_text(cli, "lang"));
}

/* Behind the front matter. */
static const char *body_of(const char *source) {
    const char *end = strncmp(source, "---\n", 4) == 0 ? strstr(source, "\n---\n") : NULL;
    return end == NULL ? source : end + 5 + strspn(end + 5, "\n");
}

int run_kb_show(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    page_path(cli, NULL, &path);
    talk_path_add(&path, "version", cli_text(cli, "version"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        const char *text = field_word(answer, "text");
        cli_say(cli, "%s", cli_given(cli, "source") ? text : body_of(text));
    }
    return status;
}

/* ---- editing ---- */

/* The version that is in force, into the body: what is edited is what there is. */
static int based_on(struct cli *cli, json_t *body) {
    struct err err = {0};
    int64_t version = 0;
    if (cli_given(cli, "based-on")) {
        if (cli_int(cli, "based-on", 0, NUMBER_MAX, &version, &err) < 0) {
            return cli_fail(cli, &err);
        }
    } else {
        TALK_PATH_AUTO path;
        JSON_AUTO answer = NULL;
        page_path(cli, NULL, &path);
        int status = talk_ask(cli, path.text.data, &answer, NULL);
        if (status != CLI_DONE) {
            return status;
        }
        version = field_int(answer, "version");
    }
    json_object_set_new(body, "if_version", json_integer(version));
    return CLI_DONE;
}

static int add_text(struct cli *cli, json_t *body) {
    struct err err = {0};
    const char *file = cli_text(cli, "file");
    int64_t restore = 0;
    if ((file == NULL) == !cli_given(cli, "restore")) {
        return cli_misuse(cli, "give --file or --restore");
    }
    if (file == NULL) {
        if (cli_int(cli, "restore", 1, NUMBER_MAX, &restore, &err) < 0) {
            return cli_fail(cli, &err);
        }
        json_object_set_new(body, "restore", json_integer(restore));
        return CLI_DONE;
    }
    char *bytes = g_malloc0(FILE_BYTES_MAX + 1);
    size_t count = 0;
    int r = file_read(file, bytes, FILE_BYTES_MAX, &count, &err);
    r = r < 0 ? r : body_foreign(body, "text", bytes, count, "the page", &err);
    g_free(bytes);
    return r < 0 ? cli_fail(cli, &err) : CLI_DONE;
}

int run_kb_edit(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    page_path(cli, NULL, &path);
    body_text(cli, body, "reason", "reason");
    int status = add_text(cli, body);
    status = status != CLI_DONE ? status : based_on(cli, body);
    status = status != CLI_DONE ? status
                                : talk_send(cli, "PUT", path.text.data, body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "Page %s is at version %lld.\n", field_word(answer, "page"),
                (long long)field_int(answer, "version"));
    }
    return status;
}

/* ---- the history ---- */

struct lines {
    char **list; /* owned */
    int count;
};

static struct lines lines_of(const char *text) {
    struct lines lines = {.list = g_strsplit(text, "\n", LINES_MAX)};
    lines.count = (int)g_strv_length(lines.list);
    lines.count -= lines.count > 0 && lines.list[lines.count - 1][0] == '\0';
    return lines;
}

/* Both texts line by line, by their longest common subsequence. */
static void print_difference(struct cli *cli, const char *before, const char *after) {
    struct lines a = lines_of(before), b = lines_of(after);
    size_t width = (size_t)b.count + 1;
    int *common = g_new0(int, ((size_t)a.count + 1) * width);
    for (int i = a.count - 1; i >= 0; i--) {
        for (int j = b.count - 1; j >= 0; j--) {
            int *cell = &common[(size_t)i * width + (size_t)j];
            int down = common[(size_t)(i + 1) * width + (size_t)j], right = cell[1];
            *cell = strcmp(a.list[i], b.list[j]) == 0
                        ? common[(size_t)(i + 1) * width + (size_t)j + 1] + 1
                    : down > right ? down
                                   : right;
        }
    }
    for (int i = 0, j = 0; i < a.count || j < b.count;) {
        bool same = i < a.count && j < b.count && strcmp(a.list[i], b.list[j]) == 0;
        bool gone = !same && i < a.count &&
                    (j == b.count || common[(size_t)(i + 1) * width + (size_t)j] >=
                                         common[(size_t)i * width + (size_t)j + 1]);
        cli_say(cli, "%s%s\n", same ? "  " : gone ? "- " : "+ ", gone || same ? a.list[i]
                                                                              : b.list[j]);
        i += same || gone;
        j += same || !gone;
    }
    g_free(common);
    g_strfreev(a.list);
    g_strfreev(b.list);
}

static int text_of(struct cli *cli, int64_t version, json_t **ret_page) {
    TALK_PATH_AUTO path;
    char number[24];
    page_path(cli, NULL, &path);
    snprintf(number, sizeof number, "%lld", (long long)version);
    talk_path_add(&path, "version", number);
    return talk_ask(cli, path.text.data, ret_page, NULL);
}

/* What version N made of the one before it in the history. */
static int print_change(struct cli *cli, const json_t *history) {
    struct err err = {0};
    int64_t wanted = 0, before = 0;
    size_t i;
    json_t *row;
    if (cli_int(cli, "diff", 1, NUMBER_MAX, &wanted, &err) < 0) {
        return cli_fail(cli, &err);
    }
    json_array_foreach(talk_rows(history), i, row) { /* the newest first */
        int64_t version = field_int(row, "version");
        before = before == 0 && version < wanted ? version : before;
    }
    JSON_AUTO old = NULL;
    JSON_AUTO new = NULL;
    int status = text_of(cli, wanted, &new);
    status = status != CLI_DONE || before == 0 ? status : text_of(cli, before, &old);
    if (status == CLI_DONE) {
        print_difference(cli, old != NULL ? field_word(old, "text") : "", field_word(new, "text"));
    }
    return status;
}

int run_kb_history(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    page_path(cli, "versions", &path);
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_given(cli, "diff") && !cli->json) {
        return print_change(cli, answer);
    }
    TABLE_AUTO table = TABLE(">VERSION", "WHEN", "BY", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_count(table, field_int(row, "version"));
        table_cell(table, field_text(row, "at") != NULL ? field_moment(row, "at", text) : NULL);
        table_cell(table, field_text(row, "author"));
        table_cell(table, field_text(row, "reason"));
    }
    table_print(table, cli, NULL);
    return CLI_DONE;
}
