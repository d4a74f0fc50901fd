/* SPDX-License-Identifier: Apache-2.0
 * alert_channels.c: `alert channels`, `alert test-channel`, `alert deliveries`, `alert resend`. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

static const json_t *self_test_of(const json_t *answer, const char *channel) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "self_tests"), i, row) {
        if (strcmp(field_word(row, "channel"), channel) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool is_bad(const json_t *channel, const json_t *test) {
    const char *state = field_word(channel, "state");
    return strcmp(state, "fails") == 0 || strcmp(state, "blocked") == 0 ||
           strcmp(field_word(test, "state"), "failed") == 0;
}

int run_alert_channels(struct cli *cli) {
    JSON_AUTO answer = NULL;
    bool bad = false;
    int status = talk_get(cli, "/v1/alert-channels", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("CHANNEL", "KIND", "STATE", ">WAITING", ">SENT", "FALLBACK",
                             "WEEKLY TEST", "TARGET", "~TROUBLE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        const json_t *test = self_test_of(answer, field_word(row, "name"));
        bool fails = field_int(row, "failures") > 0;
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "kind"));
        table_state(table, field_text(row, "state"));
        table_count(table, field_int(row, "waiting"));
        table_cell(table, field_age(row, "sent_at", text));
        table_cell(table, field_text(row, "fallback"));
        table_cell(table, field_text(test, "state"));
        table_cell(table, field_text(row, "target"));
        table_cell(table, fails ? field_text(row, "reason") : NULL);
        bad = bad || is_bad(row, test);
    }
    table_print(table, cli, "No channel is configured: docs/channels.md");
    return bad ? CLI_PROBLEM : CLI_DONE;
}

int run_alert_test_channel(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/alert-channels", "test", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    char *reason = show_clean(field_word(answer, "reason"));
    bool sent = field_true(answer, "sent");
    if (sent) {
        cli_say(cli, "%s has taken it. Look whether it is there.\n", field_word(answer, "channel"));
    } else {
        cli_say(cli, "%s has not taken it: %s (%s)\n", field_word(answer, "channel"), reason,
                field_word(answer, "code"));
    }
    free(reason);
    return sent ? CLI_DONE : CLI_PROBLEM;
}

int run_alert_deliveries(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/alert-deliveries",
                           TALK_BY("channel", "state", "limit", "cursor"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("DELIVERY", "CHANNEL", "STATE", ">TRIES", ">AGE", "CODE", "HEADLINE",
                             "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "channel"));
        table_state(table, field_text(row, "state"));
        table_count(table, field_int(row, "tries"));
        table_cell(table, field_age(row, "created_at", text));
        table_cell(table, field_text(row, "code"));
        table_cell(table, field_text(row, "headline"));
        table_cell(table, field_text(row, "reason"));
    }
    table_print(table, cli, "Nothing was sent.");
    return CLI_DONE;
}

int run_alert_resend(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/alert-deliveries", "again", NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "It is sent again.\n");
    }
    return status;
}
