/* SPDX-License-Identifier: Apache-2.0
 * metric.c: `holdfast metric show`: the nine figures, overall and by dimension, now and before. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/spark.h"
#include "cli/talk.h"

enum { BY_MAX = 6, POINTS_MAX = 60 };

struct asked {
    const char *by[BY_MAX + 1];      /* dimensions, NULL ends */
    const char *columns[BY_MAX + 1]; /* their headings */
    bool before;                /* --since: of a time, not of now */
    bool by_code;
};

static void ask_by(const struct cli *cli, struct asked *asked) {
    static const char *const names[] = {"gateway", "method", "region", "currency", "segment",
                                        "code"};
    static const char *const columns[] = {"GATEWAY", "METHOD", "REGION", "CURRENCY", "SEGMENT",
                                          "CODE"};
    const char *text = cli_text_or(cli, "by", "");
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *at = strstr(text, names[i]);
        if (at != NULL) {
            asked->columns[count] = columns[i];
            asked->by[count++] = names[i];
        }
    }
    asked->by[count] = NULL;
    asked->by_code = strstr(text, "code") != NULL;
    asked->before = cli_given(cli, "since");
}

/* 97.5 %, 1.24 s, 42.0 a minute; the API's units. */
static const char *value_text(double value, const char *unit, char text[SHOW_CHARS_MAX]) {
    if (strcmp(unit, "seconds") == 0) {
        return show_latency((int64_t)llround(value * (double)US_PER_SECOND), text);
    }
    snprintf(text, SHOW_CHARS_MAX, strcmp(unit, "percent") == 0 ? "%.1f %%" : "%.1f/min", value);
    return text;
}

static void cell_value(struct table *table, const json_t *figure, const char *key) {
    char text[SHOW_CHARS_MAX];
    const json_t *value = json_object_get(figure, key);
    if (json_is_number(value)) {
        table_cell(table, value_text(json_number_value(value), field_word(figure, "unit"), text));
    } else {
        table_cell(table, NULL);
    }
}

static void cell_state(struct table *table, const char *state) {
    enum show_style style = strcmp(state, "critical") == 0  ? STYLE_BAD
                            : strcmp(state, "warning") == 0 ? STYLE_WARN
                            : strcmp(state, "ok") == 0      ? STYLE_GOOD
                                                            : STYLE_DIM;
    table_styled(table, style,
                 strcmp(state, "no_data") == 0      ? "no data"
                 : strcmp(state, "not_judged") == 0 ? "-"
                                                    : state);
}

static void cell_points(struct table *table, const json_t *figure) {
    double values[POINTS_MAX];
    char text[SPARK_BYTES_MAX];
    const json_t *points = json_object_get(figure, "points");
    size_t count = json_array_size(points);
    count = count < POINTS_MAX ? count : POINTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *point = json_array_get(points, i);
        values[i] = json_is_number(point) ? json_number_value(point) : NAN;
    }
    table_cell(table, spark(values, (int)count, text));
}

/* Bad figures begin below or above: "< 95 %". */
static void cell_limit(struct table *table, const json_t *figure, const char *key) {
    char text[SHOW_CHARS_MAX];
    double value = json_number_value(json_object_get(figure, key));
    table_cellf(table, "%s %s", strcmp(field_word(figure, "bad_when"), "below") == 0 ? "<" : ">",
                value_text(value, field_word(figure, "unit"), text));
}

/* How much of what may miss the target has. */
static void cell_budget(struct table *table, const json_t *figure) {
    const json_t *used = json_object_get(figure, "budget_used");
    if (!json_is_number(used)) {
        table_cell(table, NULL);
        return;
    }
    double percent = 100 * json_number_value(used);
    char text[SHOW_CHARS_MAX];
    snprintf(text, sizeof text, "%.0f %%", percent);
    table_styled(table, percent > 100 ? STYLE_BAD : STYLE_PLAIN, text);
}

static struct table *new_table(const struct cli *cli, const struct asked *asked) {
    const char *columns[TABLE_COLUMNS_MAX + 1];
    int count = 0;
    columns[count++] = "FIGURE";
    for (int i = 0; asked->by[i] != NULL; i++) {
        columns[count++] = asked->columns[i];
    }
    columns[count++] = ">VALUE";
    columns[count++] = "STATE";
    if (asked->by_code) {
        columns[count++] = ">SAID";
    }
    columns[count++] = ">OK";
    columns[count++] = ">DECLINED";
    columns[count++] = ">FAILED";
    columns[count++] = ">WARNING";
    columns[count++] = ">CRITICAL";
    columns[count++] = ">TARGET";
    columns[count++] = ">USED";
    if (cli->screen.live) {
        columns[count++] = asked->before ? "~THEN TO NOW" : "~LAST 10 MINUTES";
    }
    columns[count] = NULL;
    return table_new(columns);
}

/* Returns whether a figure is past a threshold. */
static bool print_figures(const struct cli *cli, const struct asked *asked, const json_t *rows) {
    TABLE_AUTO table = new_table(cli, asked);
    bool bad = false;
    size_t i;
    json_t *figure;
    json_array_foreach(rows, i, figure) {
        const char *state = field_word(figure, "state");
        table_cell(table, field_text(figure, "name"));
        for (int j = 0; asked->by[j] != NULL; j++) {
            table_cell(table, json_peek_text(figure, "by", asked->by[j], NULL));
        }
        cell_value(table, figure, "value");
        cell_state(table, state);
        if (asked->by_code) {
            table_count(table, field_int(figure, "said"));
        }
        table_count(table, field_int(figure, "ok"));
        table_count(table, field_int(figure, "declined"));
        table_count(table, field_int(figure, "failed"));
        cell_limit(table, figure, "warning");
        cell_limit(table, figure, "critical");
        cell_value(table, figure, "target");
        cell_budget(table, figure);
        if (cli->screen.live) {
            cell_points(table, figure);
        }
        bad = bad || strcmp(state, "warning") == 0 || strcmp(state, "critical") == 0;
    }
    table_print(table, cli, "Nothing has happened in that time.");
    return bad;
}

static void add_query(struct buf *path, const char *name, const char *value) {
    if (value != NULL) {
        buf_addf(path, "%c%s=", strchr(path->data, '?') == NULL ? '?' : '&', name);
        buf_add_urlencoded(path, value);
    }
}

static int look(struct cli *cli, const struct asked *asked, const char *above, bool *ret_bad) {
    JSON_AUTO answer = NULL;
    BUF_AUTO path;
    buf_init(&path, 4096);
    buf_add_text(&path, "/v1/metrics");
    add_query(&path, "name", cli_argument(cli, 0));
    add_query(&path, "by", cli_text(cli, "by"));
    add_query(&path, "since", cli_text(cli, "since"));
    add_query(&path, "until", cli_text(cli, "until"));
    int status = talk_get(cli, path.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (above[0] != '\0') {
        char now[CLOCK_TEXT_MAX];
        /* From the top left corner, and whatever was there is cleared. */
        cli_say(cli, "\033[H\033[J%s   %s\n\n",
                clock_format(clock_wall_us() / US_PER_SECOND * US_PER_SECOND, now), above);
    }
    *ret_bad = print_figures(cli, asked, talk_rows(answer));
    fflush(cli->screen.out);
    return CLI_DONE;
}

int run_metric_show(struct cli *cli) {
    struct err err = {0};
    struct asked asked;
    int64_t every_us = 2 * US_PER_SECOND, looks = 1;
    bool watch = cli_given(cli, "watch"), bad = false;
    looks = watch ? INT64_MAX : 1;
    int r = cli_duration(cli, "every", 50 * US_PER_MS, 3600 * US_PER_SECOND, &every_us, &err);
    r = r < 0 ? r : cli_int(cli, "count", 1, INT64_MAX, &looks, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    ask_by(cli, &asked);
    for (int64_t i = 0; i < looks; i++) {
        if (i > 0) {
            task_sleep_us(every_us);
        }
        bool draw = watch && cli->screen.live && !cli->json;
        int status = look(cli, &asked, draw ? "Ctrl-C ends" : "", &bad);
        if (status != CLI_DONE) {
            return status;
        }
    }
    return bad && !asked.before ? CLI_PROBLEM : CLI_DONE;
}
