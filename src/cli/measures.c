/* SPDX-License-Identifier: Apache-2.0
 * measures.c: `incident contain|measures|undo|hand-over`: what is switched from an incident; and
 * `deploy-gate`, `deploy …`: whether deploys may go on. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* ---- measures ---- */

/* A gateway that nobody has chosen is none. */
static const char *value_of(const json_t *stand) {
    const char *value = field_text(stand, "value");
    return value != NULL && value[0] != '\0' ? value : "none";
}

static void print_deed(struct table *card, const json_t *row, const char *key, const char *what) {
    const json_t *deed = json_object_get(row, key);
    const char *to = field_text(deed, "to");
    char text[SHOW_CHARS_MAX];
    if (json_is_object(deed)) {
        table_pairf(card, what, "by %s, %s%s%s: %s", field_word(deed, "by"),
                    field_moment(deed, "at", text), to != NULL ? ", to " : "",
                    to != NULL ? to : "", field_word(deed, "reason"));
    }
}

static void print_measure(const struct cli *cli, const json_t *row) {
    TABLE_AUTO card = TABLE("", "~");
    const char *name = field_text(row, "name"), *until = field_text(row, "until");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "measure", field_text(row, "id"));
    table_pairf(card, "kind", "%s%s%s", field_word(row, "kind"), name != NULL ? " " : "",
                name != NULL ? name : "");
    table_pair(card, "does", field_text(row, "does"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(row, "state"));
    table_pair(card, "before", value_of(json_object_get(row, "before")));
    table_pair(card, "after", field_text(row, "after"));
    table_pair(card, "until", until != NULL ? show_moment(until, text) : NULL);
    print_deed(card, row, "taken", "taken");
    print_deed(card, row, "handed_over", "handed over");
    print_deed(card, row, "undone", "undone");
    table_pair(card, "now", field_text(json_object_get(row, "verification"), "en"));
    table_pair(card, "undo", field_text(row, "undo"));
    table_print(card, cli, NULL);
}

static void print_list(const struct cli *cli, const json_t *list, const char *key) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, key), i, item) {
        cli_say(cli, "%s%s", i > 0 ? ", " : "", json_string_value(item));
    }
    cli_say(cli, "\n");
}

static int print_preview(const struct cli *cli, const json_t *preview) {
    const json_t *concerned = json_object_get(preview, "concerned");
    const json_t *refused = json_object_get(preview, "refused");
    cli_say(cli, "%s.\n", field_word(preview, "does"));
    cli_say(cli, "It stands at: %s. Then: %s.\n", value_of(json_object_get(preview, "before")),
            field_word(preview, "after"));
    cli_say(cli, "%s.\n", field_word(concerned, "en"));
    if (json_array_size(json_object_get(concerned, "methods")) > 0) {
        cli_say(cli, "Methods: ");
        print_list(cli, concerned, "methods");
    }
    if (json_array_size(json_object_get(concerned, "without_a_way")) > 0) {
        cli_say(cli, "Then without any gateway: ");
        print_list(cli, concerned, "without_a_way");
    }
    if (json_is_object(refused)) {
        cli_say(cli, "It would be refused: %s. %s\n", field_word(refused, "detail"),
                field_word(refused, "hint"));
        return CLI_PROBLEM;
    }
    cli_say(cli, "Nothing was changed.\n");
    return CLI_DONE;
}

int run_incident_contain(struct cli *cli) {
    TALK_PATH_AUTO path;
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    const char *name = cli_argument(cli, 2);
    bool preview = cli_given(cli, "preview");
    talk_path_init(&path, "/v1/incidents");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "measures");
    if (preview) {
        talk_path_part(&path, "preview");
    }
    json_object_set_new(body, "kind", json_string(cli_argument(cli, 1)));
    if (name != NULL) {
        json_object_set_new(body, "name", json_string(name));
    }
    body_text(cli, body, "reason", "reason");
    if (cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    if (cli_given(cli, "adopt")) {
        json_object_set_new(body, "adopt", json_true());
    }
    int status = body_end(cli, body);
    status = status == CLI_DONE ? talk_post(cli, path.text.data, body, &answer) : status;
    if (status != CLI_DONE) {
        return status;
    }
    if (preview) {
        return print_preview(cli, answer);
    }
    print_measure(cli, answer);
    return CLI_DONE;
}

int run_incident_measures(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/incidents", "measures", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("MEASURE", "KIND", "NAME", "STATE", "ON", "SINCE", "WHO", "~NOW");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        const json_t *verified = json_object_get(row, "verification");
        const json_t *taken = json_object_get(row, "taken");
        const json_t *handed = json_object_get(row, "handed_over");
        char text[SHOW_CHARS_MAX];
        bool on = field_true(verified, "on");
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "name"));
        table_state(table, field_text(row, "state"));
        table_styled(table, on ? STYLE_BAD : STYLE_GOOD, on ? "on" : "no");
        table_cell(table, field_age(taken, "at", text));
        table_cell(table, json_is_object(handed) ? field_text(handed, "to")
                                                 : field_text(taken, "by"));
        table_cell(table, field_text(verified, "en"));
    }
    table_print(table, cli, "Nothing was switched from it.");
    return CLI_DONE;
}

/* POST about the measure that the command names second. */
static int about_measure(struct cli *cli, const char *verb, json_t *body) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/measures");
    talk_path_part(&path, cli_argument(cli, 1));
    talk_path_part(&path, verb);
    json_object_set_new(body, "incident_id", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "reason", "reason");
    int status = talk_post(cli, path.text.data, body, &answer);
    if (status == CLI_DONE) {
        print_measure(cli, answer);
    }
    return status;
}

int run_incident_undo(struct cli *cli) {
    JSON_AUTO body = json_object();
    if (cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    return about_measure(cli, "undo", body);
}

int run_incident_hand_over(struct cli *cli) {
    JSON_AUTO body = json_object();
    body_text(cli, body, "to", "to");
    return about_measure(cli, "hand-over", body);
}

/* ---- deploys ---- */

static void print_freeze(const struct cli *cli, const json_t *freeze) {
    const json_t *incident = json_object_get(freeze, "incident");
    const char *until = field_text(freeze, "until");
    char since[SHOW_CHARS_MAX], end[SHOW_CHARS_MAX];
    cli_say(cli, "Frozen: %s\n  since %s by %s, until %s\n", field_word(freeze, "reason"),
            field_moment(freeze, "since", since), field_word(freeze, "by"),
            until != NULL ? show_moment(until, end) : "it is taken back");
    if (json_is_object(incident)) {
        cli_say(cli, "  for incident %s, #%lld: %s\n", field_word(incident, "id"),
                (long long)field_int(incident, "number"), field_word(incident, "title"));
    }
    cli_say(cli, "  taken back by: %s\n", field_word(freeze, "undo"));
}

/* An answer that does not say that they may is none that lets them. */
static int print_gate(const struct cli *cli, const json_t *gate) {
    size_t i;
    json_t *freeze;
    if (field_true(gate, "open")) {
        cli_say(cli, "Deploys may go on.\n");
        return CLI_DONE;
    }
    json_array_foreach(json_object_get(gate, "freezes"), i, freeze) {
        print_freeze(cli, freeze);
    }
    if (json_array_size(json_object_get(gate, "freezes")) == 0) {
        cli_say(cli, "The answer does not say that deploys may go on.\n");
    }
    return CLI_PROBLEM;
}

int run_deploy_gate(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/deploy-gate", &answer);
    return status != CLI_DONE ? status : print_gate(cli, answer);
}

static int set_gate(struct cli *cli, const char *path, bool frozen) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = frozen ? body_end(cli, body) : CLI_DONE;
    status = status == CLI_DONE ? talk_post(cli, path, body, &answer) : status;
    if (status == CLI_DONE) {
        (void)print_gate(cli, answer);
    }
    return status;
}

int run_deploy_freeze(struct cli *cli) {
    return set_gate(cli, "/v1/deploy-gate/freeze", true);
}

int run_deploy_thaw(struct cli *cli) {
    return set_gate(cli, "/v1/deploy-gate/thaw", false);
}
