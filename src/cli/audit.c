/* SPDX-License-Identifier: Apache-2.0
 * audit.c: `audit report`: a month for whoever audits, and its entries as a file. */
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/talk.h"

enum { SHOWN_ENTRIES = 20 };

static void print_head(const struct cli *cli, const json_t *report) {
    TABLE_AUTO card = TABLE("", "~");
    const json_t *chain = json_object_get(report, "chain"),
                 *entries = json_object_get(report, "entries");
    char text[SHOW_CHARS_MAX];
    table_pairf(card, "month", "%s%s", field_word(report, "month"),
                field_true(report, "over") ? "" : ", not over yet");
    table_styled(card, STYLE_DIM, "audit log");
    if (field_true(chain, "whole")) {
        table_styled(card, STYLE_GOOD, "whole");
    } else {
        table_styled(card, STYLE_BAD, field_word(chain, "why"));
    }
    table_pairf(card, "entries", "%s, the last is %lld",
                show_count(field_int(entries, "count"), text),
                (long long)field_int(entries, "last"));
    table_pair(card, "its hash", field_text(entries, "last_hash"));
    table_pairf(card, "card numbers", "%lld requests were refused for one",
                (long long)field_int(json_object_get(report, "card_numbers"), "refused"));
    table_print(card, cli, NULL);
}

static void print_findings(const struct cli *cli, const json_t *report, const char *language) {
    TABLE_AUTO table = TABLE("STANDS OUT", "PCI DSS", "~WHAT");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(report, "findings"), i, one) {
        table_styled(table, STYLE_BAD, field_text(one, "name"));
        table_cell(table, field_text(one, "requirement"));
        table_cell(table, field_text(one, language));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "Nothing stands out.");
}

static void print_groups(const struct cli *cli, const json_t *report, const char *language) {
    TABLE_AUTO table = TABLE("WHAT WAS DONE", ">TIMES", "~ACTIONS");
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(report, "groups"), i, group) {
        BUF_AUTO actions;
        const char *name;
        json_t *count;
        buf_init(&actions, 64 * 1024);
        json_object_foreach(json_object_get(group, "actions"), name, count) {
            buf_addf(&actions, "%s%s %lld", actions.len > 0 ? ", " : "", name,
                     (long long)json_integer_value(count));
        }
        table_cell(table, field_text(group, language));
        table_count(table, field_int(group, "count"));
        table_cell(table, actions.len > 0 ? actions.data : NULL);
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
}

static void print_users(const struct cli *cli, const json_t *report) {
    TABLE_AUTO table = TABLE("USER", "ROLE", "STATE", ">LOGINS", ">REFUSED", "LAST LOGIN");
    size_t i;
    const json_t *user;
    json_array_foreach(json_object_get(report, "users"), i, user) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(user, "name"));
        table_cell(table, field_text(user, "role"));
        table_cell(table, !field_true(user, "enabled")  ? "disabled"
                          : field_true(user, "locked") ? "locked"
                                                       : "enabled");
        table_count(table, field_int(user, "logins"));
        table_count(table, field_int(user, "refused"));
        table_cell(table, field_moment(user, "last_login_at", text));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "There are no users.");
}

static void print_keys(const struct cli *cli, const json_t *report) {
    TABLE_AUTO table = TABLE("KEY", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED");
    size_t i;
    const json_t *key;
    json_array_foreach(json_object_get(report, "keys"), i, key) {
        char created[SHOW_CHARS_MAX], expires[SHOW_CHARS_MAX], used[SHOW_CHARS_MAX];
        table_cell(table, field_text(key, "name"));
        table_cell(table, field_text(key, "role"));
        table_cell(table, field_true(key, "live") ? "live" : "ended");
        table_cell(table, field_moment(key, "created_at", created));
        table_cell(table, field_moment(key, "expires_at", expires));
        table_cell(table, field_moment(key, "last_used_at", used));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "There are no keys.");
}

static void print_credentials(const struct cli *cli, const json_t *report) {
    TABLE_AUTO table = TABLE("GATEWAY", "CREDENTIAL", "SINCE", ">DAYS", "REPLACED");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(report, "credentials"), i, one) {
        char since[SHOW_CHARS_MAX], replaced[SHOW_CHARS_MAX];
        table_cell(table, field_text(one, "gateway"));
        table_cell(table, field_text(one, "name"));
        table_cell(table, field_moment(one, "since", since));
        table_count(table, field_int(one, "days"));
        table_cell(table, field_moment(one, "replaced_at", replaced));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_entries(const struct cli *cli, const json_t *report) {
    TABLE_AUTO table = TABLE(">#", "WHEN", "BY", "ACTION", "OF", "~REASON");
    size_t i, j;
    const json_t *group, *entry;
    int64_t more = 0;
    json_array_foreach(json_object_get(report, "groups"), i, group) {
        json_array_foreach(json_object_get(group, "entries"), j, entry) {
            char text[SHOW_CHARS_MAX];
            if (table_rows(table) >= SHOWN_ENTRIES) {
                more++;
                continue;
            }
            table_count(table, field_int(entry, "number"));
            table_cell(table, field_moment(entry, "at", text));
            table_cell(table, field_text(entry, "actor"));
            table_cell(table, field_text(entry, "action"));
            table_cell(table, field_text(entry, "subject"));
            table_cell(table, field_text(entry, "reason"));
        }
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
    if (more > 0) {
        cli_say(cli, "%lld more of access, keys and settings; --out FILE writes all.\n",
                (long long)more);
    }
}

int run_audit_report(struct cli *cli) {
    const char *out = cli_text(cli, "out"), *language = cli_text_or(cli, "lang", "en");
    bool workbook = strcmp(cli_text_or(cli, "format", "csv"), "xlsx") == 0;
    JSON_AUTO report = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, out == NULL ? "/v1/audit-report"
                          : workbook  ? "/v1/audit-report/entries.xlsx"
                                      : "/v1/audit-report/entries.csv");
    talk_path_add(&path, "month", cli_text(cli, "month"));
    if (out != NULL) {
        return talk_save(cli, path.text.data, out);
    }
    int status = talk_get(cli, path.text.data, &report);
    if (status != CLI_DONE) {
        return status;
    }
    print_head(cli, report);
    print_findings(cli, report, language);
    print_groups(cli, report, language);
    print_users(cli, report);
    print_keys(cli, report);
    print_credentials(cli, report);
    print_entries(cli, report);
    return field_int(report, "finding_count") > 0 ? CLI_PROBLEM : CLI_DONE;
}
