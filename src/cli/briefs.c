/* SPDX-License-Identifier: Apache-2.0
 * briefs.c: `incident brief`, `incident postmortem`, `incident report`: what is told of an incident
 * as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

#define INCIDENTS "/v1/incidents"
enum { PART_BYTES_MAX = 64 * 1024, DIGEST_CHARS = 80 };

static void path_of(struct talk_path *path, const struct cli *cli, const char *what) {
    talk_path_init(path, INCIDENTS);
    talk_path_part(path, cli_argument(cli, 0));
    talk_path_part(path, what);
}

/* Foreign text, line by line. */
static void print_lines(const struct cli *cli, const char *text, size_t count) {
    const char *end = text + count;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t bytes = (size_t)((stop != NULL ? stop : end) - text);
        BUF_AUTO line;
        bool ends_twice = bytes > 0 && text[bytes - 1] == '\r'; /* as lines of a CSV do */
        buf_init(&line, bytes + 1);
        buf_add(&line, text, bytes - ends_twice);
        char *clean = show_clean(line.data);
        cli_say(cli, "%s\n", clean);
        free(clean);
        text += bytes + (stop != NULL);
    }
}

/* A document: printed, or into the file that --out names. */
static int print_document(struct cli *cli, const char *path) {
    const char *out = cli_text(cli, "out");
    char *bytes = NULL;
    size_t count = 0;
    if (out != NULL) {
        return talk_save(cli, path, out);
    }
    int status = talk_file(cli, path, &bytes, &count);
    if (status == CLI_DONE) {
        print_lines(cli, bytes, count);
    }
    free(bytes);
    return status;
}

/* ---- the brief ---- */

static int brief_json(struct cli *cli, json_t **ret_json, char **ret_text) {
    TALK_PATH_AUTO path;
    path_of(&path, cli, "brief");
    talk_path_add(&path, "format", "json");
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    return talk_ask(cli, path.text.data, ret_json, ret_text);
}

static int print_brief(struct cli *cli) {
    const char *format = cli_text_or(cli, "format", "text");
    char *json = NULL;
    if (cli->json || strcmp(format, "json") == 0) {
        int status = brief_json(cli, NULL, &json);
        if (status == CLI_DONE && cli->json) {
            talk_print_json(cli, json);
        } else if (status == CLI_DONE) {
            print_lines(cli, json, strlen(json));
        }
        free(json);
        return status;
    }
    TALK_PATH_AUTO path;
    path_of(&path, cli, "brief");
    talk_path_add(&path, "format", format);
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    return print_document(cli, path.text.data);
}

static bool is_over(const json_t *brief) {
    const char *state =
        field_word(json_object_get(brief, "severity_and_phase"), "state");
    return strcmp(state, "closed") == 0 || strcmp(state, "cancelled") == 0;
}

/* Whether it has changed is told by its digest; then it is printed anew, over the old one where
 * that can be done. */
static int watch(struct cli *cli, int64_t every_us) {
    char seen[DIGEST_CHARS] = "";
    for (;;) {
        JSON_AUTO brief = NULL;
        int status = brief_json(cli, &brief, NULL);
        if (status != CLI_DONE) {
            return status;
        }
        const char *digest = field_word(brief, "digest");
        if (strcmp(seen, digest) != 0) {
            bool again = seen[0] != '\0';
            snprintf(seen, sizeof seen, "%s", digest);
            if (cli->screen.live && !cli->json) {
                fputs("\033[H\033[J", cli->screen.out);
            } else if (again) {
                cli_say(cli, "\n");
            }
            status = print_brief(cli);
            fflush(cli->screen.out);
        }
        if (status != CLI_DONE || is_over(brief)) {
            return status;
        }
        task_sleep_us(every_us);
    }
}

int run_incident_brief(struct cli *cli) {
    struct err err = {0};
    int64_t every_us = 5 * US_PER_SECOND;
    int r = cli_duration(cli, "every", 50 * US_PER_MS, 3600 * US_PER_SECOND, &every_us, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    return cli_given(cli, "watch") ? watch(cli, every_us) : print_brief(cli);
}

/* ---- the postmortem ---- */

static int part_text(struct cli *cli, json_t *body) {
    struct err err = {0};
    const char *file = cli_text(cli, "file");
    size_t count = 0;
    if ((file == NULL) == (cli_text(cli, "text") == NULL)) {
        return cli_misuse(cli, "say either --text or --file");
    }
    body_text(cli, body, "text", "text");
    if (file == NULL) {
        return CLI_DONE;
    }
    char *bytes = malloc(PART_BYTES_MAX + 1);
    INVARIANT(bytes != NULL, "out of memory");
    int r = file_read(file, bytes, PART_BYTES_MAX, &count, &err);
    while (r >= 0 && count > 0 && bytes[count - 1] == '\n') {
        count--;
    }
    r = r < 0 ? r : body_foreign(body, "text", bytes, count, "the part", &err);
    free(bytes);
    return r < 0 ? cli_fail(cli, &err) : CLI_DONE;
}

static int edit_part(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "edit-part", "part");
    int status = part_text(cli, body);
    status = status != CLI_DONE
                 ? status
                 : talk_about(cli, "PUT", INCIDENTS, "postmortem", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s is version %lld, by %s.\n", field_word(answer, "part"),
                (long long)field_int(answer, "version"), field_word(answer, "by"));
    }
    return status;
}

int run_incident_postmortem(struct cli *cli) {
    JSON_AUTO answer = NULL;
    if (cli_given(cli, "edit-part")) {
        return edit_part(cli);
    }
    if (cli_given(cli, "text") || cli_given(cli, "file")) {
        return cli_misuse(cli, "--edit-part says which part of it that is");
    }
    TALK_PATH_AUTO path;
    path_of(&path, cli, "postmortem");
    talk_path_add(&path, "format", cli->json ? "json" : cli_text_or(cli, "format", "markdown"));
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    return cli->json && cli_text(cli, "out") == NULL ? talk_get(cli, path.text.data, &answer)
                                                     : print_document(cli, path.text.data);
}

int run_incident_report(struct cli *cli) {
    TALK_PATH_AUTO path;
    path_of(&path, cli, "report");
    talk_path_add(&path, "for", cli_text(cli, "for"));
    talk_path_add(&path, "format", cli_text(cli, "format"));
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    return print_document(cli, path.text.data);
}

/* ---- a week, a month ---- */

/* A workbook on a terminal is of use to nobody. */
static bool needs_file(const char *format) {
    return strcmp(format, "html") == 0 || strcmp(format, "csv") == 0 || strcmp(format, "xlsx") == 0;
}

int run_review(struct cli *cli) {
    const char *format = cli->json ? "json" : cli_text_or(cli, "format", "markdown");
    JSON_AUTO answer = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/review");
    talk_path_add(&path, "period", cli_argument(cli, 0));
    talk_path_add(&path, "format", format);
    talk_path_add(&path, "lang", cli_text(cli, "lang"));
    if (cli_text(cli, "out") == NULL && needs_file(format)) {
        return cli_misuse(cli, "%s goes into a file: --out FILE", format);
    }
    if (cli->json) {
        return talk_get(cli, path.text.data, &answer);
    }
    return print_document(cli, path.text.data);
}
