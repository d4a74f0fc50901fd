/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: `holdfast doctor`: what is wrong, since when, and what to type next. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/talk.h"

enum { LINE_BYTES_MAX = 4096 };

/* A line each, as long as it is: a table would cut the sentences. The gravity stands in a table of
 * its own, for its colour. */
static void print_finding(const struct cli *cli, const json_t *finding) {
    TABLE_AUTO line = TABLE("", "");
    char text[SHOW_CHARS_MAX];
    BUF_AUTO what;
    const char *since = field_text(finding, "since");
    buf_init(&what, LINE_BYTES_MAX);
    buf_add_text(&what, field_word(finding, "what"));
    if (since != NULL) {
        buf_addf(&what, " Since %s ago.", show_age(since, text));
    }
    buf_addf(&what, " Next: %s", field_word(finding, "next"));
    table_state(line, field_word(finding, "gravity"));
    table_cell(line, what.data);
    table_print(line, cli, NULL);
}

static void print_verdict(const struct cli *cli, const json_t *answer, size_t found) {
    long long looked = (long long)field_int(answer, "looked_at");
    if (found == 0) {
        cli_say(cli, "Nothing is wrong: %lld things were looked at.\n", looked);
    } else {
        cli_say(cli, "%zu of %lld things that were looked at need%s attention, gravest first.\n",
                found, looked, found == 1 ? "s" : "");
    }
}

int run_doctor(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/doctor", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *findings = talk_rows(answer);
    const char *state = field_word(answer, "state");
    size_t i;
    json_t *finding;
    print_verdict(cli, answer, json_array_size(findings));
    if (json_array_size(findings) > 0) {
        cli_say(cli, "\n");
    }
    json_array_foreach(findings, i, finding) {
        print_finding(cli, finding);
    }
    return strcmp(state, "ok") == 0 || strcmp(state, "notice") == 0 ? CLI_DONE : CLI_PROBLEM;
}
