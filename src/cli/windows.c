/* SPDX-License-Identifier: Apache-2.0
 * windows.c: times that are proved: asked for, waited for, and read. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/signal.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"

enum { LOOK_EVERY_US = 500 * 1000 };

/* What was found out about attempts, and what that means. */
static void print_counts(const struct cli *cli, const json_t *report) {
    static const struct {
        const char *name;
        bool proves;
        const char *means;
    } verdicts[] = {
#define X(NAME, number, name, proved, means) {name, (proved) != 0, means},
#include "recon/window_verdicts.def"
#undef X
    };
    const json_t *attempts = json_object_get(report, "attempts");
    if (field_int(attempts, "touched") == 0) {
        cli_say(cli, "No attempt was touched in that time.\n");
        return;
    }
    TABLE_AUTO table = TABLE("ATTEMPTS", ">COUNT", "~MEANING");
    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        int64_t count = field_int(attempts, verdicts[i].name);
        if (count > 0) {
            table_styled(table, verdicts[i].proves ? STYLE_GOOD : STYLE_BAD, verdicts[i].name);
            table_count(table, count);
            table_cell(table, verdicts[i].means);
        }
    }
    table_styled(table, STYLE_BOLD, "touched");
    table_count(table, field_int(attempts, "touched"));
    table_blank(table);
    table_print(table, cli, NULL);
}

static void print_money(const struct cli *cli, const json_t *report) {
    static const char *const names[] = {"taken", "given_back", "in_suspense"};
    TABLE_AUTO table = TABLE("CURRENCY", ">TAKEN", ">GIVEN BACK", ">IN SUSPENSE");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(report, "money"), i, row) {
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

static void print_double_charges(const struct cli *cli, const json_t *report) {
    TABLE_AUTO table = TABLE("ORDER CHARGED TWICE", ">HELD", ">ASKED");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(report, "double_charges"), i, row) {
        char text[SHOW_CHARS_MAX];
        const char *currency = field_word(row, "currency");
        table_cell(table, field_text(row, "order_id"));
        table_cell(table, show_sum(field_int(row, "held"), currency, text));
        table_cell(table, show_sum(field_int(row, "asked"), currency, text));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_missing(const struct cli *cli, const json_t *report) {
    size_t i;
    const json_t *row;
    cli_say(cli, "\nNot proved:\n");
    json_array_foreach(json_object_get(report, "missing"), i, row) {
        char *what = show_clean(field_word(row, "what"));
        char *command = show_clean(field_word(row, "command"));
        cli_say(cli, "  - %s\n    %s\n", what, command);
        free(what);
        free(command);
    }
}

static void print_card(const struct cli *cli, const json_t *window) {
    TABLE_AUTO card = TABLE("", "~");
    char from[SHOW_CHARS_MAX], until[SHOW_CHARS_MAX];
    const char *gateway = field_text(window, "gateway");
    field_moment(window, "from", from);
    field_moment(window, "until", until);
    table_pair(card, "window", field_text(window, "id"));
    table_pairf(card, "time", "%s to %s", from, until);
    table_pair(card, "gateway", gateway != NULL && gateway[0] != '\0' ? gateway : "all");
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(window, "state"));
    table_print(card, cli, NULL);
    cli_say(cli, "\n");
}

static int print_window(const struct cli *cli, const json_t *window) {
    char asked[SHOW_CHARS_MAX], listed[SHOW_CHARS_MAX];
    const json_t *report = json_object_get(window, "report");
    print_card(cli, window);
    if (!json_is_object(report)) {
        const json_t *attempts = json_object_get(window, "attempts");
        cli_say(cli, "%s of %s asked about so far.\n",
                show_count(field_int(attempts, "asked"), asked),
                show_many(field_int(attempts, "listed"), "attempt", "attempts", listed));
        return CLI_PROBLEM;
    }
    print_counts(cli, report);
    print_money(cli, report);
    print_double_charges(cli, report);
    if (!json_is_true(json_object_get(report, "proved"))) {
        print_missing(cli, report);
        return CLI_PROBLEM;
    }
    cli_say(cli, "\nProved: nothing was left out, and nobody was charged twice.\n");
    return CLI_DONE;
}

/* How many attempts were asked about; before the first is, for how long it has been waited for. */
static void draw(struct progress *line, const json_t *window) {
    const json_t *attempts = json_object_get(window, "attempts");
    int64_t asked = field_int(attempts, "asked"), listed = field_int(attempts, "listed");
    if (asked > 0 && listed > 0) {
        progress_steps(line, "asking the gateways", "attempts", 1, asked, listed);
    } else {
        progress_waits(line, "finding the attempts");
    }
}

static int await_window(struct cli *cli, const char *id, json_t **ret_window, char **ret_text) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/windows");
    talk_path_part(&path, id);
    struct progress line;
    int status;
    progress_begin(&line, cli);
    for (;;) {
        json_decref(*ret_window);
        *ret_window = NULL;
        free(*ret_text);
        *ret_text = NULL;
        status = talk_ask(cli, path.text.data, ret_window, ret_text);
        bool done = status == CLI_DONE && strcmp(field_word(*ret_window, "state"), "done") == 0;
        if (status != CLI_DONE || done) {
            break;
        }
        draw(&line, *ret_window);
        if (signals_await(LOOK_EVERY_US) != 0) {
            progress_end(&line);
            cli_say(cli, "\nIt goes on by itself: `holdfast reconcile window %s` shows it.\n", id);
            status = CLI_PROBLEM;
            break;
        }
    }
    progress_end(&line);
    return status;
}

/* FROM is an option of the bare noun, or the first argument of `prove`. */
static int prove(struct cli *cli, const char *from, const char *until) {
    JSON_AUTO body = json_object();
    JSON_AUTO asked = NULL;
    JSON_AUTO window = NULL;
    char *text = NULL;
    json_object_set_new(body, "from", json_string(from));
    if (until != NULL) {
        json_object_set_new(body, "until", json_string(until));
    }
    body_text(cli, body, "gateway", "gateway");
    signals_block();
    bool json = cli->json;
    cli->json = false; /* one line only: the end's */
    int status = talk_post(cli, "/v1/windows", body, &asked);
    cli->json = json;
    if (status != CLI_DONE) {
        return status;
    }
    status = await_window(cli, field_word(asked, "id"), &window, &text);
    if (status == CLI_DONE) {
        talk_print_json(cli, text);
        status = print_window(cli, window);
    }
    free(text);
    return status;
}

int run_window_prove(struct cli *cli) {
    return prove(cli, cli_argument(cli, 0), cli_argument(cli, 1));
}

int run_window_of_noun(struct cli *cli) {
    return prove(cli, cli_text(cli, "window"), cli_argument(cli, 0));
}

static void print_attempts(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("ATTEMPT", "ORDER", "GATEWAY", "VERDICT", "HERE", "THERE", "~WHY");
    size_t i;
    const json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        table_cell(table, field_text(row, "attempt_id"));
        table_cell(table, field_text(row, "order_id"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "verdict"));
        table_state(table, field_text(row, "state_after"));
        table_cell(table, field_text(row, "gateway_says"));
        table_cell(table, field_text(row, "detail"));
    }
    table_print(table, cli, "No attempt of it has this verdict.");
    if (json_is_string(json_object_get(answer, "next_cursor"))) {
        cli_say(cli, "\nMore: --cursor %s\n", field_word(answer, "next_cursor"));
    }
}

int run_window_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    if (!cli_given(cli, "verdict") && !cli_given(cli, "attempts")) {
        int status = talk_about(cli, "GET", "/v1/windows", NULL, NULL, &answer);
        return status == CLI_DONE ? print_window(cli, answer) : status;
    }
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/windows");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "attempts");
    talk_path_add(&path, "limit", cli_text(cli, "limit"));
    talk_path_add(&path, "cursor", cli_text(cli, "cursor"));
    talk_path_add(&path, "verdict", cli_text(cli, "verdict"));
    int status = talk_get(cli, path.text.data, &answer);
    if (status == CLI_DONE) {
        print_attempts(cli, answer);
    }
    return status;
}

int run_window_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/windows", TALK_BY("limit"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("WINDOW", "FROM", "UNTIL", "GATEWAY", "STATE", ">ATTEMPTS", ">AGE");
    size_t i;
    const json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_moment(row, "from", text));
        table_cell(table, field_moment(row, "until", text));
        const char *gateway = field_text(row, "gateway");
        table_cell(table, gateway != NULL && gateway[0] != '\0' ? gateway : "all");
        table_state(table, field_text(row, "state"));
        table_count(table, field_int(json_object_get(row, "attempts"), "listed"));
        table_cell(table, field_age(row, "begun_at", text));
    }
    table_print(table, cli, "No time was proved yet: `holdfast reconcile prove 2h`");
    return CLI_DONE;
}
