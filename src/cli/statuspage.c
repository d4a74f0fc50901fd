/* SPDX-License-Identifier: Apache-2.0
 * statuspage.c: the public status page: what it says, who says it, and as plain files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service_config.h"
#include "base/file.h"
#include "base/folder.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/show.h"
#include "cli/talk.h"
#include "comms/status.h"
#include "gateway/registry.h"

enum { PATH_CHARS_MAX = 1000, FILE_MODE = 0644 };

/* ---- writing ---- */

static void put_both(const struct cli *cli, json_t *body, const char *key, const char *english,
                     const char *chinese) {
    json_t *both = json_object();
    body_text(cli, both, english, "en");
    body_text(cli, both, chinese, "zh");
    json_object_set_new(body, key, both);
}

static int put_components(struct cli *cli, json_t *body) {
    json_t *list = json_array();
    const char *pair;
    for (int i = 0; (pair = cli_text_at(cli, "component", i)) != NULL; i++) {
        const char *equals = strchr(pair, '=');
        if (equals == NULL) {
            json_decref(list);
            return cli_misuse(cli, "--component is ID=STATUS, like card=major_outage");
        }
        json_array_append_new(list, json_pack("{s:s%,s:s}", "id", pair, (size_t)(equals - pair),
                                              "status", equals + 1));
    }
    if (json_array_size(list) > 0) {
        json_object_set(body, "components", list);
    }
    json_decref(list);
    return CLI_DONE;
}

static int put_words(struct cli *cli, json_t *body) {
    struct err err = {0};
    put_both(cli, body, "body", "en", "zh");
    body_text(cli, body, "reason", "reason");
    if (body_pairs(cli, body, "field", "fields", &err) < 0) {
        return cli_fail(cli, &err);
    }
    return put_components(cli, body);
}

static int said(struct cli *cli, int status, const json_t *answer) {
    if (status != CLI_DONE || cli->json) {
        return status;
    }
    const char *stage = field_word(answer, "stage");
    printf("Update %s of %s is %s: %s\n", field_word(answer, "id"),
           field_word(answer, "status_incident_id"),
           strcmp(stage, "published") == 0 ? "public" : stage, field_word(answer, "status"));
    if (strcmp(stage, "draft") == 0) {
        printf("hash: %s\nAnother person makes it public: holdfast statuspage approve %s --hash "
               "HASH --reason TEXT\n",
               field_word(answer, "hash"), field_word(answer, "id"));
    }
    return status;
}

int run_statuspage_open(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    put_both(cli, body, "title", "title", "title-zh");
    json_object_set_new(body, "status",
                        json_string(cli_text_or(cli, "status", "investigating")));
    body_text(cli, body, "impact", "impact");
    body_text(cli, body, "incident", "incident_id");
    int status = put_words(cli, body);
    status = status == CLI_DONE ? talk_post(cli, "/v1/status/incidents", body, &answer) : status;
    return said(cli, status, answer);
}

int run_statuspage_maintenance(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    put_both(cli, body, "title", "title", "title-zh");
    body_text(cli, body, "from", "from");
    body_text(cli, body, "until", "until");
    int status = put_words(cli, body);
    status = status == CLI_DONE ? talk_post(cli, "/v1/status/maintenances", body, &answer) : status;
    return said(cli, status, answer);
}

int run_statuspage_update(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "status", "status");
    body_text(cli, body, "impact", "impact");
    int status = put_words(cli, body);
    status = status == CLI_DONE
                 ? talk_about(cli, "POST", "/v1/status/incidents", "updates", body, &answer)
                 : status;
    return said(cli, status, answer);
}

int run_statuspage_approve(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "hash", "hash");
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/status/updates", "approve", body, &answer);
    return said(cli, status, answer);
}

int run_statuspage_withdraw(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/status/updates", "withdraw", body, &answer);
    return said(cli, status, answer);
}

int run_statuspage_component(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "status", json_string(cli_argument(cli, 1)));
    body_text(cli, body, "reason", "reason");
    int status = talk_about(cli, "POST", "/v1/status/components", NULL, body, &answer);
    if (status == CLI_DONE && !cli->json) {
        bool set = field_text(answer, "set") != NULL;
        printf("%s is %s%s\n", field_word(answer, "id"), set ? "set to " : "as it is measured",
               set ? field_word(answer, "set") : "");
    }
    return status;
}

/* ---- looking ---- */

static void print_rows(const struct cli *cli, const json_t *rows, const char *none) {
    TABLE_AUTO table = TABLE("INCIDENT", "KIND", "STATUS", "IMPACT", "PUBLIC", "~TITLE");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "status"));
        table_cell(table, field_text(row, "impact"));
        table_cell(table, field_true(row, "public") ? "yes" : "no");
        table_cell(table, json_peek_text(row, "title", "en", NULL));
    }
    table_print(table, cli, none);
}

static void print_drafts(const json_t *rows) {
    size_t i, j;
    json_t *row, *update;
    json_array_foreach(rows, i, row) {
        json_array_foreach(json_object_get(row, "updates"), j, update) {
            if (strcmp(field_word(update, "stage"), "draft") == 0) {
                printf("Waits to be approved: %s of %s (holdfast statuspage incident %s)\n",
                       field_word(update, "id"), field_word(row, "id"), field_word(row, "id"));
            }
        }
    }
}

int run_statuspage_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/status", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    bool well = strcmp(field_word(answer, "indicator"), "none") == 0;
    if (cli->json) {
        return well ? CLI_DONE : CLI_PROBLEM;
    }
    printf("%s\n", field_word(answer, "description"));
    TABLE_AUTO table = TABLE("COMPONENT", "SHOWN AS", "MEASURED", "SET", "~WHY");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "components"), i, row) {
        const json_t *evidence = json_object_get(row, "evidence");
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "status"));
        table_cell(table, field_true(evidence, "known") ? field_text(evidence, "measured")
                                                        : "not known");
        table_cell(table, json_peek_text(row, "set", "status", NULL));
        table_cell(table, field_text(evidence, "why"));
    }
    table_print(table, cli, "There is no component.");
    if (json_array_size(json_object_get(answer, "open")) > 0) {
        print_rows(cli, json_object_get(answer, "open"), "");
        print_drafts(json_object_get(answer, "open"));
    }
    return well ? CLI_DONE : CLI_PROBLEM;
}

int run_statuspage_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/status/incidents", TALK_BY("kind", "limit"), &answer);
    if (status == CLI_DONE) {
        print_rows(cli, talk_rows(answer), "There is none.");
    }
    return status;
}

static void print_text(const char *head, const char *text) {
    char *clean = show_clean(text != NULL ? text : "");
    printf("%s%s\n", head, clean);
    free(clean);
}

int run_statuspage_incident(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/status/incidents", NULL, NULL, &answer);
    if (status != CLI_DONE || cli->json) {
        return status;
    }
    printf("%s: %s, %s, %s\n", field_word(answer, "id"), field_word(answer, "kind"),
           field_word(answer, "status"), field_word(answer, "impact"));
    print_text("en: ", json_peek_text(answer, "title", "en", NULL));
    print_text("zh: ", json_peek_text(answer, "title", "zh", NULL));
    if (field_text(answer, "incident_id") != NULL) {
        printf("of %s\n", field_text(answer, "incident_id"));
    }
    size_t i;
    json_t *update;
    json_array_foreach(json_object_get(answer, "updates"), i, update) {
        char moment[SHOW_CHARS_MAX];
        bool draft = strcmp(field_word(update, "stage"), "draft") == 0;
        printf("\n-- %s %s, %s %s\n", field_word(update, "id"), field_word(update, "status"),
               field_word(update, "stage"),
               field_moment(update, draft ? "created_at" : "published_at", moment));
        print_text("  en: ", json_peek_text(update, "body", "en", NULL));
        print_text("  zh: ", json_peek_text(update, "body", "zh", NULL));
        if (draft) {
            printf("  hash: %s\n", field_word(update, "hash"));
        }
    }
    return status;
}

int run_statuspage_subscribers(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/status/subscribers", TALK_BY("limit"), &answer);
    if (status != CLI_DONE || cli->json) {
        return status;
    }
    printf("%lld by mail, %lld by webhook, %lld not confirmed\n",
           (long long)field_int(answer, "email"), (long long)field_int(answer, "webhook"),
           (long long)field_int(answer, "unconfirmed"));
    TABLE_AUTO table = TABLE("SUBSCRIBER", "BY", "ADDRESS", "LANGUAGE", "CONFIRMED");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char moment[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "way"));
        table_cell(table, field_text(row, "address"));
        table_cell(table, field_text(row, "language"));
        table_cell(table, field_moment(row, "confirmed_at", moment));
    }
    table_print(table, cli, "There is nobody.");
    return status;
}

/* ---- as files ---- */

/* A path of ours and nothing else: the service's word is not taken for where to write. */
static bool is_ours(const char *path) {
    static const char fits[] = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return path[0] != '/' && path[0] != '.' && strstr(path, "..") == NULL &&
           strstr(path, "//") == NULL && strlen(path) < PATH_CHARS_MAX / 2 &&
           strspn(path, fits) == strlen(path);
}

static int make_folders(const char *folder, const char *path, struct err *err) {
    char whole[PATH_CHARS_MAX];
    int r = folder_make(folder, err);
    for (const char *slash = path; r >= 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
        int chars = snprintf(whole, sizeof whole, "%s/%.*s", folder, (int)(slash - path), path);
        r = chars < (int)sizeof whole ? folder_make(whole, err) : 0; /* refused by the caller */
    }
    return r;
}

static int write_one(const char *folder, const json_t *file, struct err *err) {
    const char *path = field_text(file, "path"), *text = field_text(file, "text");
    char whole[PATH_CHARS_MAX];
    if (path == NULL || text == NULL || !is_ours(path)) {
        return err_set(err, ERR_VALIDATION, "the service names a file that is none of the page's");
    }
    if (snprintf(whole, sizeof whole, "%s/%s", folder, path) >= (int)sizeof whole) {
        return err_set(err, ERR_VALIDATION, "the folder's name is too long");
    }
    int r = make_folders(folder, path, err);
    return r < 0 ? r : file_replace(whole, text, strlen(text), FILE_MODE, err);
}

static int finish(struct cli *cli, int files, const char *folder) {
    if (cli->json) {
        char line[80];
        snprintf(line, sizeof line, "{\"files\":%d}", files);
        talk_print_json(cli, line);
    }
    cli_say(cli, "%d files in %s\n", files, folder);
    return CLI_DONE;
}

static int export_online(struct cli *cli, const char *folder) {
    JSON_AUTO answer = NULL;
    struct err err = {0};
    int status = talk_ask(cli, "/v1/status/export", &answer, NULL), r = 0;
    size_t i;
    json_t *file;
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *files = json_object_get(answer, "files");
    json_array_foreach((json_t *)files, i, file) {
        r = r < 0 ? r : write_one(folder, file, &err);
    }
    return r < 0 ? cli_fail(cli, &err) : finish(cli, (int)json_array_size(files), folder);
}

/* Which methods the configured gateways have. */
static void read_methods(const struct service_config *config, bool methods[METHOD_COUNT]) {
    for (unsigned i = 0; i < config->gateways_count; i++) {
        const struct config_gateway *gateway = &config->gateways[i];
        const struct gateway_adapter *adapter = adapter_find(gateway->adapter);
        for (int m = METHOD_CARD; adapter != NULL && m < METHOD_COUNT; m++) {
            methods[m] = methods[m] || (gateway->methods_count == 0 && adapter->methods[m]);
        }
        for (unsigned j = 0; j < gateway->methods_count; j++) {
            enum payment_method method;
            if (method_parse(gateway->methods[j], &method)) {
                methods[method] = true;
            }
        }
    }
}

static int export_offline(struct cli *cli, const char *folder) {
    struct service_config *config = NULL;
    struct store *store = NULL;
    struct status *page = NULL;
    struct err err = {0};
    int files = 0;
    int r = service_config_load(cli_text(cli, "config"), &config, &err);
    if (r >= 0) {
        const struct store_options options = {.url = config->store.url,
                                              .no_prepare = config->store.no_prepare,
                                              .pool_max = 2,
                                              .look = true};
        r = store_open(&options, &store, &err);
        r = r < 0 ? err_while(&err, "opening the database") : 0;
    }
    if (r >= 0) {
        struct status_options options = {.store = store, .config = &config->status};
        read_methods(config, options.methods);
        r = status_open(&options, &page, &err);
        r = r < 0 ? r : status_export(page, folder, &files, &err);
    }
    status_close(page);
    store_close(store);
    service_config_free(config);
    return r < 0 ? cli_fail(cli, &err) : finish(cli, files, folder);
}

int run_statuspage_export(struct cli *cli) {
    const char *folder = cli_argument(cli, 0);
    if (cli_given(cli, "store")) {
        return cli_misuse(cli, "the page's components stand in a configuration: say --config");
    }
    return cli_given(cli, "config") ? export_offline(cli, folder) : export_online(cli, folder);
}
