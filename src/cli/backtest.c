/* SPDX-License-Identifier: Apache-2.0
 * backtest.c: `alert rule`, `alert tune`, `alert changes`, `alert backtest`: settings of rules
 * while the service runs, and what would have fired with others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

enum { FIRINGS_SHOWN = 20, NAME_CHARS_MAX = 60 };
#define LOOK_US_MIN (100 * US_PER_MS)
#define LOOK_US_MAX US_PER_SECOND

/* A setting as people write it: 120, P2, true. */
static const char *value_text(const json_t *value, char text[SHOW_CHARS_MAX]) {
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (json_is_integer(value)) {
        snprintf(text, SHOW_CHARS_MAX, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(text, SHOW_CHARS_MAX, "%.6g", json_real_value(value));
    } else {
        snprintf(text, SHOW_CHARS_MAX, "%s", json_is_true(value) ? "true" : "false");
    }
    return text;
}

/* ---- rule ---- */

static void setting_line(struct table *table, const json_t *row) {
    char now[SHOW_CHARS_MAX], file[SHOW_CHARS_MAX], age[SHOW_CHARS_MAX];
    const json_t *changed = json_object_get(row, "changed");
    bool dead = changed != NULL && !field_true(changed, "in_force");
    table_cell(table, field_text(row, "key"));
    table_cell(table, field_text(row, "of"));
    table_styled(table, changed != NULL && !dead ? STYLE_BOLD : STYLE_PLAIN,
                 value_text(json_object_get(row, "value"), now));
    table_cell(table, value_text(json_object_get(row, "file_value"), file));
    if (changed == NULL) {
        table_cell(table, NULL);
        table_cell(table, field_text(row, "meaning"));
        return;
    }
    table_cellf(table, "%s, %s ago", field_word(changed, "actor"), field_age(changed, "at", age));
    if (dead) {
        table_cellf(table, "%s is not in force: it does not fit to the file",
                    value_text(json_object_get(changed, "value"), now));
    } else {
        table_cell(table, field_text(changed, "reason"));
    }
}

int run_alert_rule(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/alert-rules", NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("SETTING", "OF", ">NOW", ">FILE", "CHANGED BY", "~WHAT, OR WHY");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "settings"), i, row) {
        setting_line(table, row);
    }
    cli_say(cli, "%s: %s\n\n", field_word(answer, "name"), field_word(answer, "title"));
    table_print(table, cli, NULL);
    cli_say(cli, "\nWhat is of a figure, the detector, volume or the budget is changed for all "
                 "rules that they raise.\n");
    if (!field_true(answer, "can_be_backtested")) {
        cli_say(cli, "It is raised by what is not kept by the minute: no back-test can be made.\n");
    }
    return CLI_DONE;
}

/* ---- changes ---- */

/* "for_s 60 to 120, off false to true". free() it. */
static char *differences(const json_t *changes) {
    BUF_AUTO text;
    size_t i;
    json_t *row;
    buf_init(&text, 16 * 1024);
    json_array_foreach(changes, i, row) {
        char was[SHOW_CHARS_MAX], is[SHOW_CHARS_MAX];
        buf_addf(&text, "%s%s %s to %s", i > 0 ? ", " : "", field_word(row, "key"),
                 value_text(json_object_get(row, "was"), was),
                 value_text(json_object_get(row, "is"), is));
    }
    return buf_take(&text);
}

int run_alert_changes(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/alert-rule-changes", TALK_BY("rule", "limit", "cursor"),
                           &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE(">NUMBER", "WHEN", "WHO", "RULE", "CHANGED", "TRIED", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        char *what = differences(json_object_get(row, "changes"));
        const char *untested = field_text(row, "untested");
        table_cellf(table, "%lld", (long long)field_int(row, "number"));
        table_cell(table, field_moment(row, "at", text));
        table_cell(table, field_text(row, "actor"));
        table_cell(table, field_text(row, "rule"));
        table_cell(table, what);
        if (untested != NULL) {
            table_cellf(table, "no: %s", untested);
        } else {
            table_cell(table, "yes");
        }
        table_cell(table, field_text(row, "reason"));
        free(what);
    }
    table_print(table, cli, "Nothing was changed: all is as the configuration file says.");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "\nMore: --cursor %s\n", field_word(answer, "next_cursor"));
    }
    return CLI_DONE;
}

/* ---- tune ---- */

static int body_set(const struct cli *cli, json_t *body, bool backs, struct err *err) {
    const char *key;
    int r = body_pairs(cli, body, "set", "set", err);
    for (int i = 0; r >= 0 && backs && (key = cli_text_at(cli, "back", i)) != NULL; i++) {
        json_t *set = json_object_get(body, "set");
        if (set == NULL) {
            set = json_object();
            json_object_set_new(body, "set", set);
        }
        json_object_set_new(set, key, json_null());
    }
    return r;
}

int run_alert_tune(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    if (body_set(cli, body, true, &err) < 0) {
        return cli_fail(cli, &err);
    }
    if (json_object_get(body, "set") == NULL) {
        return cli_misuse(cli, "say what is to change: --set KEY=VALUE or --back KEY");
    }
    body_text(cli, body, "reason", "reason");
    body_text(cli, body, "untested", "untested");
    int status = talk_about(cli, "POST", "/v1/alert-rules", "settings", body, &answer);
    if (status == CLI_DONE) {
        char *what = differences(json_object_get(answer, "changes"));
        cli_say(cli, "%s: %s. Every instance takes it within a second or two.\n",
                field_word(answer, "rule"), what);
        free(what);
    }
    return status;
}

/* ---- backtest ---- */

static void draw_progress(const struct cli *cli, const json_t *answer, bool *drawn) {
    if (cli->json || !cli->screen.live) {
        return;
    }
    fprintf(cli->screen.err, "\r\033[K%lld days tried",
            (long long)(field_int(answer, "minutes_done") / (24 * 60)));
    fflush(cli->screen.err);
    *drawn = true;
}

/* Until it runs no more. The last answer's text is the caller's. */
static int await(struct cli *cli, json_t **answer, char **text) {
    int64_t pause_us = LOOK_US_MIN;
    int status = CLI_DONE;
    bool drawn = false;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/backtests");
    talk_path_part(&path, field_word(*answer, "id"));
    while (status == CLI_DONE && strcmp(field_word(*answer, "state"), "running") == 0) {
        draw_progress(cli, *answer, &drawn);
        task_sleep_us(pause_us);
        pause_us = pause_us * 2 < LOOK_US_MAX ? pause_us * 2 : LOOK_US_MAX;
        json_decref(*answer);
        free(*text);
        *answer = NULL;
        *text = NULL;
        status = talk_ask(cli, path.text.data, answer, text);
    }
    if (drawn) {
        fprintf(cli->screen.err, "\r\033[K");
    }
    return status;
}

static void compare_line(struct table *table, const char *name, const json_t *side) {
    char span[SHOW_CHARS_MAX], rate[SHOW_CHARS_MAX];
    if (!json_is_object(side)) {
        return;
    }
    table_cell(table, name);
    table_cellf(table, "%lld", (long long)field_int(side, "count"));
    table_cell(table, field_real(side, "a_week", 1, rate));
    table_cell(table, show_span(field_int(side, "seconds") * US_PER_SECOND, span));
    table_cellf(table, "%lld", (long long)field_int(side, "with_real"));
    table_cellf(table, "%lld", (long long)field_int(side, "real_missed"));
}

/* By weeks, side by side. */
static void print_weeks(struct cli *cli, const json_t *present, const json_t *proposed) {
    const json_t *weeks = json_object_get(present, "weeks"), *others =
                                                                 json_object_get(proposed, "weeks");
    if (json_array_size(weeks) < 2) {
        return;
    }
    TABLE_AUTO table = TABLE(">WEEK", ">PRESENT", ">PROPOSED");
    for (size_t i = 0; i < json_array_size(weeks); i++) {
        table_cellf(table, "%zu", i + 1);
        table_cellf(table, "%lld", (long long)json_integer_value(json_array_get(weeks, i)));
        if (others == NULL) {
            table_cell(table, NULL);
        } else {
            table_cellf(table, "%lld", (long long)json_integer_value(json_array_get(others, i)));
        }
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void firing_line(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX], worst[SHOW_CHARS_MAX], where[200] = "";
    const char *name;
    json_t *value;
    size_t used = 0;
    json_object_foreach(json_object_get(row, "labels"), name, value) {
        if (used < sizeof where) {
            used += (size_t)snprintf(where + used, sizeof where - used, "%s%s=%s",
                                     used > 0 ? " " : "", name, json_string_value(value));
        }
    }
    table_cell(table, field_moment(row, "fired_at", text));
    table_cell(table, show_span(field_int(row, "seconds") * US_PER_SECOND, text));
    table_cell(table, field_text(row, "severity"));
    table_cell(table, where);
    table_cellf(table, "%s %s", field_real(row, "worst", 2, worst), field_word(row, "unit"));
    table_cell(table, field_text(row, "alert_id"));
}

static void print_firings(struct cli *cli, const char *name, const json_t *side) {
    const json_t *rows = json_object_get(side, "firings");
    size_t i;
    json_t *row;
    int64_t more = field_int(side, "left_out");
    if (!json_is_object(side)) {
        return;
    }
    TABLE_AUTO table = TABLE("FIRED", ">FOR", "HOW GRAVE", "WHERE", "WORST", "~REALLY FIRED");
    json_array_foreach(rows, i, row) {
        if (i < FIRINGS_SHOWN) {
            firing_line(table, row);
        } else {
            more++;
        }
    }
    cli_say(cli, "\n%s:\n", name);
    table_print(table, cli, "Nothing would have fired.");
    if (more > 0) {
        cli_say(cli, "%lld more: --json.\n", (long long)more);
    }
}

static void print_backtest(struct cli *cli, const json_t *answer) {
    const json_t *result = json_object_get(answer, "result"), *line;
    const json_t *present = json_object_get(result, "present");
    const json_t *proposed = json_object_get(result, "proposed");
    char since[SHOW_CHARS_MAX], until[SHOW_CHARS_MAX];
    char *what = differences(json_object_get(answer, "changes"));
    size_t i;
    cli_say(cli, "%s from %s to %s%s%s. %lld really fired.\n\n", field_word(answer, "rule"),
            field_moment(answer, "since", since), field_moment(answer, "until", until),
            what[0] != '\0' ? ", with " : "", what, (long long)field_int(result, "real"));
    free(what);
    TABLE_AUTO table = TABLE("WITH", ">FIRES", ">A WEEK", ">IN ALL", ">AS REALLY", ">MISSED");
    compare_line(table, "present values", present);
    compare_line(table, "proposed values", proposed);
    table_print(table, cli, NULL);
    print_weeks(cli, present, proposed);
    print_firings(cli, "With the present values", present);
    print_firings(cli, "With the proposed values", proposed);
    cli_say(cli, "\n");
    json_array_foreach(json_object_get(result, "limits"), i, line) {
        cli_say(cli, "%s\n", json_string_value(line));
    }
}

int run_alert_backtest(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    char *text = NULL;
    TALK_PATH_AUTO path;
    if (body_set(cli, body, false, &err) < 0) {
        return cli_fail(cli, &err);
    }
    json_object_set_new(body, "since", json_string(cli_text_or(cli, "since", "30d")));
    body_text(cli, body, "until", "until");
    talk_path_init(&path, "/v1/alert-rules");
    talk_path_part(&path, cli_text(cli, "rule"));
    talk_path_part(&path, "backtests");
    int status = talk_quiet(cli, "POST", path.text.data, body, &answer, &text);
    status = status == CLI_DONE ? await(cli, &answer, &text) : status;
    if (status == CLI_DONE) {
        talk_print_json(cli, text);
        if (strcmp(field_word(answer, "state"), "done") == 0) {
            print_backtest(cli, answer);
        } else {
            char *why = show_clean(field_word(answer, "why"));
            cli_say(cli, "It could not be tried: %s.\n", why);
            free(why);
            status = CLI_PROBLEM;
        }
    }
    free(text);
    return status;
}
