/* SPDX-License-Identifier: Apache-2.0
 * playbooks.c: `playbook …`, and what of `incident …` is about its checklist. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"
#include "incident/playbook.h"

#define PLAYBOOKS "/v1/playbooks"
#define INCIDENTS "/v1/incidents"
enum { LINE_BYTES_MAX = 4096 };

/* One line, cleaned: whoever wrote a playbook, a title or a reason draws nothing on the screen. */
PRINTF_LIKE(2, 3)
static void line(const struct cli *cli, const char *format, ...) {
    char text[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *clean = show_clean(text);
    cli_say(cli, "%s\n", clean);
    free(clean);
}

/* ---- playbooks ---- */

/* "third_party, network; PaymentServiceGatewayFailure" */
static void put_when(struct table *table, const json_t *row) {
    static const char *const keys[] = {"causes", "rules"};
    BUF_AUTO text;
    buf_init(&text, 16 * 1024);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        size_t j;
        json_t *name;
        json_array_foreach(json_object_get(row, keys[i]), j, name) {
            buf_addf(&text, "%s%s", text.len > 0 ? ", " : "", json_string_value(name));
        }
    }
    table_cell(table, text.data);
}

int run_playbook_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    size_t i;
    json_t *row;
    int status = talk_get(cli, PLAYBOOKS, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("PLAYBOOK", ">ITEMS", "FROM", "TITLE", "~WHEN");
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "name"));
        table_count(table, field_int(row, "items"));
        table_cell(table, field_true(row, "built_in") ? "built in" : "folder");
        table_cell(table, field_text(row, "title"));
        put_when(table, row);
    }
    table_print(table, cli, "There are none.");
    return CLI_DONE;
}

static const char *text_of(const struct cli *cli, const json_t *row, const char *english,
                           const char *chinese) {
    bool zh = strcmp(cli_text_or(cli, "language", "en"), "zh") == 0;
    return field_word(row, zh ? chinese : english);
}

static void print_links(const struct cli *cli, const json_t *item) {
    BUF_AUTO text;
    size_t i;
    json_t *link;
    buf_init(&text, LINE_BYTES_MAX);
    json_array_foreach(json_object_get(item, "links"), i, link) {
        buf_addf(&text, "%s%s", i > 0 ? ", " : "", json_string_value(link));
    }
    if (text.len > 0) {
        line(cli, "          see %s", text.data);
    }
}

int run_playbook_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    size_t i, j;
    json_t *phase, *item;
    int status = talk_about(cli, "GET", PLAYBOOKS, NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    line(cli, "%s: %s", field_word(answer, "name"), text_of(cli, answer, "title", "title_zh"));
    json_array_foreach(json_object_get(answer, "phases"), i, phase) {
        cli_say(cli, "\n");
        line(cli, "%zu. %s", i + 1, text_of(cli, phase, "title", "title_zh"));
        json_array_foreach(json_object_get(phase, "items"), j, item) {
            line(cli, "  %-8s  %s%s  (%s)", field_word(item, "kind"),
                 text_of(cli, item, "text", "text_zh"),
                 field_true(item, "required") ? "" : "  [optional]", field_word(item, "id"));
            if (field_text(item, "command") != NULL) {
                line(cli, "          %s", field_text(item, "command"));
            }
            print_links(cli, item);
        }
    }
    return CLI_DONE;
}

/* The folder that a file lies in: what it `use`s may be there. */
static const char *common_of(const char *path, char folder[1024]) {
    const char *slash = strrchr(path, '/');
    char common[1200];
    struct file_face face;
    struct err absent = {0};
    snprintf(folder, 1024, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    snprintf(common, sizeof common, "%s/common.yaml", folder);
    return file_look(common, &face, &absent) >= 0 ? folder : NULL;
}

int run_playbook_check(struct cli *cli) {
    char folder[1024];
    struct err err = {0};
    struct playbook_set *set = NULL;
    const struct playbook *playbook = NULL;
    const char *path = cli_argument(cli, 0);
    size_t count = 0;
    char *text = calloc(1, PLAYBOOK_FILE_BYTES_MAX + 1);
    int r = file_read(path, text, PLAYBOOK_FILE_BYTES_MAX, &count, &err);
    /* Its neighbours may be wrong: that is told as well, for they would all be read. */
    r = r < 0 ? r : playbook_set_open(common_of(path, folder), &set, &err);
    r = r < 0 ? r : playbook_set_read(set, path, text, count, &playbook, &err);
    if (r >= 0 && cli->json) {
        BUF_AUTO buf;
        buf_init(&buf, 1024 * 1024);
        playbook_write(playbook, &buf);
        fprintf(cli->screen.out, "%s\n", buf.data);
    } else if (r >= 0) {
        cli_say(cli, "%s is a playbook: %s, %d items in six phases.\n", path, playbook->name,
                playbook->item_count);
    }
    playbook_set_close(set);
    free(text);
    return r < 0 ? cli_fail(cli, &err) : CLI_DONE;
}

/* ---- the checklist ---- */

static const char *mark_of(const json_t *item) {
    static const char *const marks[][2] = {
        {"done", "[x]"}, {"skipped", "[-]"}, {"failed", "[!]"}, {"open", "[ ]"}};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (strcmp(field_word(item, "state"), marks[i][0]) == 0) {
            return marks[i][1];
        }
    }
    return "[?]";
}

/* "ann, 3m: because"; of what the machine has seen, its sentence. */
static void print_word(const struct cli *cli, const json_t *item) {
    const char *by = field_text(item, "by"), *reason = field_text(item, "reason");
    const char *said = field_text(item, "said"), *seen = field_text(item, "looked_at");
    char when[SHOW_CHARS_MAX];
    if (by != NULL) {
        line(cli, "        %s, %s ago%s%s", by, show_age(field_text(item, "at"), when),
             reason != NULL ? ": " : "", reason != NULL ? reason : "");
    }
    if (said != NULL) {
        line(cli, "        %s%s%s%s", text_of(cli, item, "said", "said_zh"),
             seen != NULL ? "  (" : "", seen != NULL ? show_age(seen, when) : "",
             seen != NULL ? " ago)" : "");
    }
}

static void print_item(const struct cli *cli, const json_t *item, bool next) {
    const json_t *measure = json_object_get(item, "measure");
    const char *command = field_text(item, "command"), *state = field_word(item, "state");
    bool open = strcmp(state, "open") == 0 || strcmp(state, "failed") == 0;
    line(cli, "%s %s %s%s  (%s)", next ? "->" : "  ", mark_of(item),
         text_of(cli, item, "text", "text_zh"), field_true(item, "required") ? "" : "  [optional]",
         field_word(item, "id"));
    print_word(cli, item);
    if (open && field_text(item, "role") != NULL) {
        line(cli, "        approved by: %s", field_word(item, "role"));
    }
    if (open && command != NULL) {
        line(cli, "        %s", command);
    }
    if (open && field_text(measure, "kind") != NULL && !field_true(measure, "available")) {
        line(cli, "        No measure is run from here: use that command, then tick it.");
    }
}

static void print_proposed(const struct cli *cli, const json_t *answer) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "proposed"), i, row) {
        cli_say(cli, "%s", i == 0 ? "What fits:\n" : "");
        line(cli, "  holdfast incident playbook %s %s   %s (%s)", field_word(answer, "incident_id"),
             field_word(row, "name"), text_of(cli, row, "title", "title_zh"),
             field_word(row, "why"));
    }
}

static void print_checklist(const struct cli *cli, const json_t *answer) {
    const char *next = field_text(answer, "next");
    size_t i, j;
    json_t *phase, *item, *book;
    json_array_foreach(json_object_get(answer, "playbooks"), i, book) {
        line(cli, "%s: %s", field_word(book, "name"), text_of(cli, book, "title", "title_zh"));
    }
    if (json_array_size(json_object_get(answer, "playbooks")) == 0) {
        cli_say(cli, "It follows no playbook yet. `holdfast playbook list` lists them.\n");
        print_proposed(cli, answer);
        return;
    }
    json_array_foreach(json_object_get(answer, "phases"), i, phase) {
        cli_say(cli, "\n");
        line(cli, "%zu. %s", i + 1, text_of(cli, phase, "title", "title_zh"));
        json_array_foreach(json_object_get(phase, "items"), j, item) {
            print_item(cli, item, next != NULL && strcmp(field_word(item, "id"), next) == 0);
        }
    }
    cli_say(cli, "\n%lld required items are open.\n", (long long)field_int(answer, "open"));
    print_proposed(cli, answer);
}

static int about(struct cli *cli, const char *method, const char *verb, const json_t *body) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, method, INCIDENTS, verb, body, &answer);
    if (status == CLI_DONE) {
        print_checklist(cli, answer);
    }
    return status;
}

int run_incident_playbook(struct cli *cli) {
    JSON_AUTO body = json_object();
    json_object_set_new(body, "name", json_string(cli_argument(cli, 1)));
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "playbooks", body);
}

static int refresh(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, INCIDENTS);
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "checklist");
    talk_path_part(&path, "refresh");
    int status = talk_post(cli, path.text.data, NULL, &answer);
    if (status == CLI_DONE) {
        print_checklist(cli, answer);
    }
    return status;
}

int run_incident_checklist(struct cli *cli) {
    return cli_given(cli, "refresh") ? refresh(cli) : about(cli, "GET", "checklist", NULL);
}

static int act(struct cli *cli, const char *state) {
    JSON_AUTO body = json_object();
    json_object_set_new(body, "item", json_string(cli_argument(cli, 1)));
    json_object_set_new(body, "state", json_string(state));
    body_text(cli, body, "reason", "reason");
    return about(cli, "POST", "checklist", body);
}

int run_incident_tick(struct cli *cli) {
    return act(cli, cli_given(cli, "failed") ? "failed" : "done");
}

int run_incident_skip(struct cli *cli) {
    return act(cli, "skipped");
}

int run_incident_untick(struct cli *cli) {
    return act(cli, "open");
}

static int preview(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, INCIDENTS);
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "checklist");
    talk_path_part(&path, "preview");
    talk_path_add(&path, "item", cli_argument(cli, 1));
    talk_path_add(&path, "target", cli_text(cli, "target"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        const char *target = field_text(answer, "target"), *value = field_text(answer, "value");
        line(cli, "%s %s%s", field_word(answer, "kind"), target != NULL ? target : "",
             value != NULL ? value : "");
        line(cli, "%s", text_of(cli, answer, "said", "said_zh"));
    }
    return status;
}

int run_incident_run(struct cli *cli) {
    JSON_AUTO body = json_object();
    if (cli_given(cli, "preview")) {
        return preview(cli);
    }
    json_object_set_new(body, "item", json_string(cli_argument(cli, 1)));
    json_object_set_new(body, "state", json_string("done"));
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "target", "target");
    return about(cli, "POST", "checklist", body);
}
