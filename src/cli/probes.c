/* SPDX-License-Identifier: Apache-2.0
 * probes.c: `holdfast gateway probe` and `holdfast gateway probes`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* So long a run is waited for: a gateway's whole patience, and a round of the jobs. */
#define WAIT_US (90 * US_PER_SECOND)
#define LOOK_US (500 * US_PER_MS)
/* So many in a row that went amiss are a problem (payment/probes.h). */
enum { FAILURES_TOLD = 2 };

static void cell_time(struct table *table, const json_t *row, const char *key) {
    char text[SHOW_CHARS_MAX];
    const json_t *value = json_object_get(row, key);
    if (!json_is_number(value)) {
        table_cell(table, NULL);
    } else {
        table_cell(table, show_latency((int64_t)(json_number_value(value) * 1000.0), text));
    }
}

static int probe_harmless(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/gateways", "probe", NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("GATEWAY", "RESULT", "OUTCOME", "FAILURE", ">HTTP", ">TOOK", "~CODE");
    table_cell(table, field_text(answer, "gateway"));
    table_state(table, field_true(answer, "ok") ? "ok" : "failed");
    table_cell(table, field_text(answer, "outcome"));
    table_cell(table, strcmp(field_word(answer, "failure"), "none") == 0
                          ? NULL
                          : field_text(answer, "failure"));
    table_cellf(table, "%lld", (long long)field_int(answer, "http_status"));
    cell_time(table, answer, "duration_ms");
    table_cell(table, field_text(answer, "code"));
    table_print(table, cli, NULL);
    return field_true(answer, "ok") ? CLI_DONE : CLI_PROBLEM;
}

/* ---- payments ---- */

static void print_probes(const struct cli *cli, const json_t *rows) {
    TABLE_AUTO table = TABLE("PROBE", "GATEWAY", "METHOD", "WAY", "STATE", "LAST", ">TOOK",
                             ">FAILURES", ">JUDGED", ">NEXT", "~CODE");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char judged[SHOW_CHARS_MAX], next[SHOW_CHARS_MAX];
        const char *note = field_text(row, "note");
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "method"));
        table_cell(table, field_text(row, "way"));
        table_cell(table, field_text(row, "state"));
        table_state(table, field_text(row, "result"));
        cell_time(table, row, "duration_ms");
        table_count(table, field_int(row, "failures"));
        table_cell(table, field_age(row, "judged_at", judged));
        table_cell(table, field_text(row, "next_at") != NULL
                              ? show_moment(field_text(row, "next_at"), next)
                              : NULL);
        table_cell(table, note != NULL ? note : field_text(row, "code"));
    }
    table_print(table, cli, "There are no probes that pay: see `probes` of the configuration.");
}

int run_gateway_probes(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/probes", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    print_probes(cli, talk_rows(answer));
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        status = field_int(row, "failures") >= FAILURES_TOLD ? CLI_PROBLEM : status;
    }
    return status;
}

/* Borrowed from `rows`; NULL: there is none. */
static const json_t *probe_of(const json_t *rows, const char *gateway, const char *method) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(field_word(row, "gateway"), gateway) == 0 &&
            strcmp(field_word(row, "method"), method) == 0 && field_true(row, "configured")) {
            return row;
        }
    }
    return NULL;
}

/* Until the run that is wanted has been judged; its row stays in `answer`. */
static int wait_for(struct cli *cli, const char *gateway, const char *method, int64_t number,
                    json_t **answer, const json_t **ret_row) {
    int64_t until_us = clock_mono_us() + WAIT_US;
    for (;;) {
        json_decref(*answer);
        *answer = NULL;
        int status = talk_ask(cli, "/v1/probes", answer, NULL);
        if (status != CLI_DONE) {
            return status;
        }
        *ret_row = probe_of(json_object_get(*answer, "data"), gateway, method);
        bool judged = *ret_row != NULL && field_int(*ret_row, "number") >= number &&
                      field_text(*ret_row, "judged_at") != NULL;
        if (judged || clock_mono_us() > until_us) {
            return CLI_DONE;
        }
        task_sleep_us(LOOK_US);
    }
}

static int probe_payment(struct cli *cli, const char *gateway, const char *method) {
    JSON_AUTO answer = NULL;
    JSON_AUTO begun = NULL;
    char name[SHOW_CHARS_MAX];
    TALK_PATH_AUTO path;
    int status = talk_ask(cli, "/v1/probes", &answer, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *row = probe_of(json_object_get(answer, "data"), gateway, method);
    if (row == NULL) {
        return cli_misuse(cli, "no probe pays by %.40s at %.40s: see `holdfast gateway probes`",
                          method, gateway);
    }
    snprintf(name, sizeof name, "%s", field_word(row, "name"));
    talk_path_init(&path, "/v1/probes");
    talk_path_part(&path, name);
    talk_path_part(&path, "run");
    status = talk_quiet(cli, "POST", path.text.data, NULL, &begun, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    bool under_way = strcmp(field_word(begun, "state"), "waiting") != 0;
    status = wait_for(cli, gateway, method, field_int(begun, "number") + (under_way ? 0 : 1),
                      &answer, &row);
    if (status != CLI_DONE || row == NULL) {
        return status != CLI_DONE ? status : CLI_PROBLEM;
    }
    JSON_AUTO rows = json_pack("[O]", row);
    if (cli->json) {
        char *text = json_dumps(row, JSON_COMPACT);
        fprintf(cli->screen.out, "%s\n", text);
        free(text);
    } else {
        print_probes(cli, rows);
    }
    return strcmp(field_word(row, "result"), "ok") == 0 ? CLI_DONE : CLI_PROBLEM;
}

int run_gateway_probe(struct cli *cli) {
    const char *method = cli_text(cli, "method");
    return method != NULL ? probe_payment(cli, cli_argument(cli, 0), method) : probe_harmless(cli);
}
