/* SPDX-License-Identifier: Apache-2.0
 * alerts.c: `alert …`: what is wrong and what is done about being told. Channels and messages are
 * in alert_channels.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

/* "gateway=stripe-eu method=card". free() it. */
static char *labels_of(const json_t *alert) {
    BUF_AUTO text;
    const char *name;
    json_t *value;
    buf_init(&text, 64 * 1024);
    json_object_foreach(json_object_get(alert, "labels"), name, value) {
        buf_addf(&text, "%s%s=%s", text.len > 0 ? " " : "", name, json_string_value(value));
    }
    return buf_take(&text);
}

/* "1234.50 EUR/min, …": what grows by the minute; else what it is in all. NULL: not known. */
static const char *money_of(const json_t *alert, char text[SHOW_CHARS_MAX]) {
    size_t i, used = 0;
    json_t *row;
    json_array_foreach(json_object_get(alert, "money_at_risk"), i, row) {
        struct currency currency;
        struct err err = {0};
        char amount[MONEY_TEXT_MAX];
        int64_t rate = field_int(row, "per_minute_minor");
        if (currency_parse(field_word(row, "currency"), &currency, &err) < 0 ||
            used >= SHOW_CHARS_MAX) {
            continue;
        }
        int64_t minor = rate > 0 ? rate : field_int(row, "sum_minor");
        used += (size_t)snprintf(text + used, SHOW_CHARS_MAX - used, "%s%s%s", i > 0 ? ", " : "",
                                 money_show(minor, currency, amount), rate > 0 ? "/min" : "");
    }
    return used > 0 ? text : NULL;
}

static void alert_line(struct table *table, const json_t *row) {
    char text[SHOW_CHARS_MAX], money[SHOW_CHARS_MAX];
    char *labels = labels_of(row);
    const char *muted = field_text(row, "muted_by");
    table_cell(table, field_text(row, "id"));
    table_styled(table, strcmp(field_word(row, "severity"), "P1") <= 0 ? STYLE_BAD : STYLE_PLAIN,
                 field_text(row, "severity"));
    table_state(table, field_text(row, "state"));
    table_cell(table, field_text(row, "rule"));
    table_cell(table, labels);
    table_cell(table, field_age(row, "first_symptom_at", text));
    table_cell(table, money_of(row, money));
    table_cell(table, muted != NULL ? muted : field_text(row, "acknowledged_by"));
    table_cell(table, field_text(row, "title"));
    free(labels);
}

static int list(struct cli *cli, const char *state, bool *ret_firing) {
    static const char *const names[] = {"rule", "team", "severity", "limit", "cursor"};
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/alerts");
    talk_path_add(&path, "state", state);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        talk_path_add(&path, names[i], cli_text(cli, names[i]));
    }
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ALERT", "HOW GRAVE", "STATE", "RULE", "WHERE", ">SINCE",
                             ">MONEY AT RISK", "LOOKED AT, MUTED BY", "~WHAT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        alert_line(table, row);
        *ret_firing = *ret_firing || strcmp(field_word(row, "state"), "firing") == 0;
    }
    table_print(table, cli, "Nothing is wrong.");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "\nMore: --cursor %s\n", field_word(answer, "next_cursor"));
    }
    return CLI_DONE;
}

int run_alert_list(struct cli *cli) {
    bool firing = false;
    int status = list(cli, cli_text(cli, "state"), &firing);
    return status == CLI_DONE && firing ? CLI_PROBLEM : status;
}

int run_alert_history(struct cli *cli) {
    bool firing = false;
    return list(cli, "all", &firing);
}

/* ---- one ---- */

static void print_history(const struct cli *cli, const json_t *alert) {
    TABLE_AUTO table = TABLE("WHEN", "WHO", "WHAT", "~MORE");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(alert, "history"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_moment(row, "at", text));
        table_cell(table, field_text(row, "actor"));
        table_cell(table, field_text(row, "what"));
        table_cell(table, field_text(row, "text"));
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_told(const struct cli *cli, const json_t *alert) {
    TABLE_AUTO table = TABLE("CHANNEL", "TOLD", "WHEN");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(alert, "told"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "channel"));
        table_cellf(table, "%s, %s", field_word(row, "state"), field_word(row, "severity"));
        table_cell(table, field_moment(row, "at", text));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "Nobody was told.");
}

/* "PaymentServiceDatabaseIssues of=slow (alr_…)". */
static void pair_edge(struct table *card, const char *name, const json_t *alert) {
    if (alert != NULL) {
        char *labels = labels_of(alert);
        table_pairf(card, name, "%s%s%s (%s)", field_word(alert, "rule"),
                    labels[0] != '\0' ? " " : "", labels, field_word(alert, "id"));
        free(labels);
    }
}

static void pair_edges(struct table *card, const json_t *alert) {
    size_t i;
    json_t *other;
    pair_edge(card, "explained by", json_object_get(alert, "explained_by"));
    json_array_foreach(json_object_get(alert, "explains"), i, other) {
        pair_edge(card, "explains", other);
    }
}

static void print_alert(const struct cli *cli, const json_t *alert) {
    static const struct {
        const char *name, *key;
    } texts[] = {
        {"affected", "scope"},     {"money at risk", "money"},    {"likely cause", "cause"},
        {"do first", "action"},
        {"guide", "runbook"},      {"link", "link"},              {"reference", "subject"},
        {"muted by", "muted_by"},  {"looked at by", "acknowledged_by"},
        {"who does", "acknowledged_because"},
    };
    static const struct {
        const char *name, *key;
    } times[] = {{"first symptom", "first_symptom_at"}, {"found", "found_at"},
                 {"told", "told_at"},                   {"not seen since", "clear_since"},
                 {"over", "resolved_at"}};
    char *labels = labels_of(alert);
    char text[SHOW_CHARS_MAX];
    TABLE_AUTO card = TABLE("", "~");
    table_pair(card, "alert", field_text(alert, "id"));
    table_pairf(card, "what", "[%s] %s", field_word(alert, "severity"), field_word(alert, "title"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(alert, "state"));
    table_pairf(card, "rule", "%s (%s)", field_word(alert, "rule"), field_word(alert, "team"));
    table_pair(card, "where", labels);
    table_pair(card, "more", field_text(alert, "summary"));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        table_pair(card, texts[i].name, field_text(alert, texts[i].key));
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        const char *time = field_text(alert, times[i].key);
        table_pair(card, times[i].name, time != NULL ? show_moment(time, text) : NULL);
    }
    pair_edges(card, alert);
    table_print(card, cli, NULL);
    free(labels);
    print_told(cli, alert);
    print_history(cli, alert);
}

int run_alert_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/alerts", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        print_alert(cli, answer);
    }
    return status;
}

int run_alert_ack(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "note", "reason");
    int status = talk_about(cli, "POST", "/v1/alerts", "ack", body, &answer);
    if (status == CLI_DONE) {
        char *title = show_clean(field_word(answer, "title"));
        cli_say(cli, "You look at it: %s. If it clears and comes again, it wakes people again.\n",
                title);
        free(title);
    }
    return status;
}

/* ---- rules ---- */

int run_alert_rules(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/alert-rules", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("RULE", "HOW GRAVE", "TEAM", ">FOR", ">KEPT", "TOLD", "GUIDE",
                             "~WHAT");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "severity"));
        table_cell(table, field_text(row, "team"));
        table_cell(table, show_span(field_int(row, "for_seconds") * US_PER_SECOND, text));
        table_cell(table, show_span(field_int(row, "keep_seconds") * US_PER_SECOND, text));
        table_cell(table, field_true(row, "off") ? "no" : "yes");
        table_cell(table, field_text(row, "guide"));
        table_cell(table, field_text(row, "title"));
    }
    table_print(table, cli, NULL);
    return CLI_DONE;
}

/* ---- silences ---- */

static void silence_line(struct table *table, const json_t *row) {
    struct buf text;
    char moment[SHOW_CHARS_MAX];
    size_t i;
    json_t *matcher;
    buf_init(&text, 16 * 1024);
    json_array_foreach(json_object_get(row, "matchers"), i, matcher) {
        buf_addf(&text, "%s%s", i > 0 ? " " : "", json_string_value(matcher));
    }
    table_cell(table, field_text(row, "id"));
    table_cell(table, field_text(row, "state"));
    table_cell(table, text.data);
    table_cell(table, field_moment(row, "until", moment));
    table_cell(table, field_text(row, "actor"));
    table_cell(table, field_text(row, "reason"));
    buf_release(&text);
}

static struct table *silence_table(void) {
    return TABLE("SILENCE", "STATE", "WHAT", "UNTIL", "WHO", "~WHY");
}

int run_alert_silences(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/silences", TALK_BY("all"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = silence_table();
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        silence_line(table, row);
    }
    table_print(table, cli, "Everything is told.");
    return CLI_DONE;
}

/* --for TIME as `until` in the body. */
static int body_until(struct cli *cli, json_t *body) {
    struct err err = {0};
    char until[CLOCK_TEXT_MAX];
    int64_t for_us = 0;
    if (cli_duration(cli, "for", US_PER_SECOND, INT64_C(30) * 86400 * US_PER_SECOND, &for_us,
                     &err) < 0) {
        return cli_fail(cli, &err);
    }
    json_object_set_new(body, "until", json_string(clock_format(clock_wall_us() + for_us, until)));
    return CLI_DONE;
}

int run_alert_silence(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_t *matchers = json_array();
    for (int i = 0; cli_argument(cli, i) != NULL; i++) {
        json_array_append_new(matchers, json_string(cli_argument(cli, i)));
    }
    json_object_set_new(body, "matchers", matchers);
    body_text(cli, body, "reason", "reason");
    int status = body_until(cli, body);
    status = status == CLI_DONE ? talk_post(cli, "/v1/silences", body, &answer) : status;
    if (status == CLI_DONE) {
        TABLE_AUTO table = silence_table();
        silence_line(table, answer);
        table_print(table, cli, NULL);
    }
    return status;
}

int run_alert_unsilence(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "DELETE", "/v1/silences", NULL, NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "Ended. What fires under it is told within a minute.\n");
    }
    return status;
}

/* ---- rotas ---- */

int run_alert_rota(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/rotas", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("ROTA", "ON DUTY", "STANDS IN", "FROM", "UNTIL", "~WHY");
    size_t i, j;
    json_t *rota, *row;
    json_array_foreach(talk_rows(answer), i, rota) {
        table_cell(table, field_text(rota, "name"));
        table_cell(table, field_text(rota, "on_duty"));
        for (int blank = 0; blank < 4; blank++) {
            table_blank(table);
        }
        json_array_foreach(json_object_get(rota, "overrides"), j, row) {
            char text[SHOW_CHARS_MAX];
            table_blank(table);
            table_blank(table);
            table_cell(table, field_text(row, "person"));
            table_cell(table, field_moment(row, "from", text));
            table_cell(table, field_moment(row, "until", text));
            table_cell(table, field_text(row, "reason"));
        }
    }
    table_print(table, cli, "No rota is configured: docs/alerts.md");
    return CLI_DONE;
}

int run_alert_stand_in(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "person", json_string(cli_argument(cli, 1)));
    body_text(cli, body, "reason", "reason");
    int status = body_until(cli, body);
    status = status == CLI_DONE
                 ? talk_about(cli, "POST", "/v1/rotas", "overrides", body, &answer)
                 : status;
    if (status == CLI_DONE) {
        char text[SHOW_CHARS_MAX];
        cli_say(cli, "%s has the duty of %s until %s.\n", field_word(answer, "person"),
                field_word(answer, "rota"), field_moment(answer, "until", text));
    }
    return status;
}
