/* SPDX-License-Identifier: Apache-2.0
 * modes.c: the ladder of degraded modes, switches, and the simplified flow. */
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- the ladder ---- */

static void print_methods(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("METHOD", "SHOWN", "~NOTICE");
    size_t i;
    json_t *method;
    json_array_foreach(json_object_get(answer, "methods"), i, method) {
        bool shown = field_true(method, "available");
        table_cell(table, field_text(method, "method"));
        table_styled(table, shown ? STYLE_GOOD : STYLE_BAD, shown ? "yes" : "hidden");
        table_cell(table, field_text(method, "notice"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_history(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("WHEN", "FROM", "TO", "RULE", "WHO", "~REASON");
    char text[SHOW_CHARS_MAX];
    size_t i;
    json_t *change;
    json_array_foreach(json_object_get(answer, "history"), i, change) {
        table_cell(table, show_moment(field_text(change, "at"), text));
        table_cell(table, field_text(change, "from"));
        table_state(table, field_text(change, "step"));
        table_cell(table, field_text(change, "rule"));
        table_cell(table, field_text(change, "actor"));
        table_cell(table, field_text(change, "reason"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "It has never moved.");
}

static void print_mode(const struct cli *cli, const json_t *answer) {
    char since[SHOW_CHARS_MAX], until[SHOW_CHARS_MAX];
    const json_t *hand = json_object_get(answer, "by_hand");
    const json_t *simplified = json_object_get(answer, "simplified");
    const char *end = field_text(hand, "until");
    TABLE_AUTO card = TABLE("", "");
    table_pairf(card, "Step", "%s, %s", field_word(answer, "step"),
                field_text(answer, "since") != NULL
                    ? show_moment(field_text(answer, "since"), since)
                    : "from the start");
    if (field_text(answer, "reason") != NULL) {
        table_pairf(card, "Because", "%s (%s, %s)", field_word(answer, "reason"),
                    field_word(answer, "rule"), field_word(answer, "actor"));
    }
    table_pair(card, "Rules say", field_text(answer, "by_rules"));
    if (json_is_object(hand)) {
        table_pairf(card, "By hand", "%s%s until %s, by %s: %s",
                    field_true(hand, "pinned") ? "exactly " : "at least ", field_word(hand, "step"),
                    end != NULL ? show_moment(end, until) : "it is taken back",
                    field_word(hand, "actor"), field_word(hand, "reason"));
    }
    if (field_true(simplified, "on")) {
        table_pairf(card, "Simplified", "on, by %s: %s", field_word(simplified, "actor"),
                    field_word(simplified, "reason"));
    }
    table_print(card, cli, NULL);
    print_methods(cli, answer);
    print_history(cli, answer);
}

int run_mode_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/mode", &answer);
    if (status == CLI_DONE) {
        print_mode(cli, answer);
    }
    return status;
}

int body_end(struct cli *cli, json_t *body) {
    struct err err = {0};
    char until[CLOCK_TEXT_MAX];
    int64_t for_us = 0;
    if (cli_duration(cli, "for", US_PER_SECOND, INT64_C(366) * 86400 * US_PER_SECOND, &for_us,
                     &err) < 0) {
        return cli_fail(cli, &err);
    }
    if (for_us > 0) {
        json_object_set_new(body, "until",
                            json_string(clock_format(clock_wall_us() + for_us, until)));
    }
    return CLI_DONE;
}

int run_mode_set(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "step", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "reason", "reason");
    if (cli_given(cli, "pin")) {
        json_object_set_new(body, "pin", json_true());
    }
    if (cli_given(cli, "end-read-only")) {
        json_object_set_new(body, "end_read_only", json_true());
    }
    int status = body_end(cli, body);
    status = status == CLI_DONE ? talk_post(cli, "/v1/mode", body, &answer) : status;
    if (status == CLI_DONE) {
        print_mode(cli, answer);
    }
    return status;
}

int run_mode_simplified(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    const char *word = cli_argument(cli, 0);
    bool on = strcmp(word, "on") == 0;
    if (!on && strcmp(word, "off") != 0) {
        return cli_misuse(cli, "the simplified flow is on or off, not \"%.40s\"", word);
    }
    json_object_set_new(body, "on", json_boolean(on));
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, "/v1/mode/simplified", body, &answer);
    if (status == CLI_DONE) {
        print_mode(cli, answer);
    }
    return status;
}

/* ---- switches ---- */

static void print_switches(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("KIND", "NAME", "STATE", "UNTIL", "WHO", "~REASON");
    char text[SHOW_CHARS_MAX];
    size_t i;
    json_t *one;
    json_array_foreach(talk_rows(answer), i, one) {
        const char *until = field_text(one, "until");
        table_cell(table, field_text(one, "kind"));
        table_cell(table, field_text(one, "name"));
        table_styled(table, field_true(one, "on") ? STYLE_GOOD : STYLE_BAD,
                     field_text(one, "state"));
        table_cell(table, until != NULL ? show_moment(until, text) : NULL);
        table_cell(table, field_text(one, "actor"));
        table_cell(table, field_text(one, "reason"));
    }
    table_print(table, cli, NULL);
}

int run_switch_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/switches", &answer);
    if (status == CLI_DONE) {
        print_switches(cli, answer);
    }
    return status;
}

static int throw(struct cli * cli, bool on) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "kind", json_string(cli_argument(cli, 0)));
    json_object_set_new(body, "name", json_string(cli_argument(cli, 1)));
    json_object_set_new(body, "on", json_boolean(on));
    body_text(cli, body, "reason", "reason");
    if (!on && cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    int status = on ? CLI_DONE : body_end(cli, body);
    status = status == CLI_DONE ? talk_post(cli, "/v1/switches", body, &answer) : status;
    if (status == CLI_DONE) {
        print_switches(cli, answer);
    }
    return status;
}

int run_switch_off(struct cli *cli) {
    return throw(cli, false);
}

int run_switch_on(struct cli *cli) {
    return throw(cli, true);
}
