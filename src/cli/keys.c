/* SPDX-License-Identifier: Apache-2.0
 * keys.c: `holdfast keys …`: the credentials of gateways and the certificates: what is in force,
 * what grows old, and changing them. No secret is ever printed. */
#include <stdlib.h>
#include <string.h>

#include "api/service_config.h"
#include "base/keystore.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/silent.h"
#include "cli/talk.h"

enum { REASON_BYTES_MAX = 600 };

/* ---- looking ---- */

static bool is(const json_t *object, const char *key, const char *word) {
    const char *text = field_text(object, key);
    return text != NULL && strcmp(text, word) == 0;
}

static void print_credentials(const struct cli *cli, const json_t *rows) {
    TABLE_AUTO table = TABLE("GATEWAY", "CREDENTIAL", "STATE", "FINGERPRINT", ">AGE", ">EXPIRES",
                             "~SOURCE", "SET BY", ">OLD UNTIL");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char text[SHOW_CHARS_MAX];
        const json_t *old = json_array_get(json_object_get(row, "old"), 0);
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, field_text(row, "name"));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_text(row, "fingerprint"));
        table_cell(table, field_age(row, "first_seen_at", text));
        table_cell(table, field_age(row, "expires_at", text));
        table_cell(table, field_text(row, "source"));
        table_cell(table, field_text(row, "set_by"));
        table_cell(table, old != NULL ? field_age(old, "accepted_until", text) : NULL);
    }
    table_print(table, cli, "No gateway has credentials.");
}

/* Certificates that are nobody's credentials: `whose` and `what` are a title and a member each. */
static void print_certificates(const struct cli *cli, const json_t *rows,
                               const char *const whose[2], const char *const what[2]) {
    TABLE_AUTO table = TABLE(whose[0], "STATE", ">EXPIRES", what[0]);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, whose[1]));
        table_state(table, field_text(row, "state"));
        table_cell(table, field_age(row, "expires_at", text));
        table_cell(table, field_text(row, what[1]));
    }
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
}

static void print_master(const struct cli *cli, const json_t *master) {
    cli_say(cli, "\nThe database is sealed with master key %s (%s).\n", field_word(master, "name"),
            field_word(master, "source"));
}

static void print_all_certificates(const struct cli *cli, const json_t *answer) {
    static const char *const listener[] = {"LISTENER", "listener"},
                             *const gateway[] = {"GATEWAY", "gateway"},
                             *const file[] = {"~CERTIFICATE", "source"},
                             *const serial[] = {"~PLATFORM CERTIFICATE", "serial"};
    print_certificates(cli, json_object_get(answer, "certificates"), listener, file);
    print_certificates(cli, json_object_get(answer, "platform_certificates"), gateway, serial);
}

/* Whole sentences, which no column has room for. Returns how many there are. */
static int print_worries(const struct cli *cli, const json_t *answer) {
    TABLE_AUTO table = TABLE("", "", "", "");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "data"), i, row) {
        if (!is(row, "state", "ok")) {
            table_state(table, field_text(row, "state"));
            table_cell(table, field_text(row, "gateway"));
            table_cell(table, field_text(row, "name"));
            table_cell(table, field_text(row, "why"));
        }
    }
    json_array_foreach(json_object_get(answer, "certificates"), i, row) {
        bool trouble = field_text(row, "trouble") != NULL;
        if (!is(row, "state", "ok") || trouble) {
            table_state(table, trouble ? "refused" : field_text(row, "state"));
            table_cell(table, field_text(row, "listener"));
            table_cell(table, "certificate");
            table_cell(table, field_text(row, trouble ? "trouble" : "why"));
        }
    }
    json_array_foreach(json_object_get(answer, "platform_certificates"), i, row) {
        if (!is(row, "state", "ok")) {
            table_state(table, field_text(row, "state"));
            table_cell(table, field_text(row, "gateway"));
            table_cell(table, field_text(row, "serial"));
            table_cell(table, field_text(row, "why"));
        }
    }
    json_array_foreach(json_object_get(answer, "refused"), i, row) {
        table_state(table, "refused");
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, "its files");
        table_cell(table, field_text(row, "why"));
    }
    const json_t *master = json_object_get(answer, "master_key");
    if (field_text(master, "why") != NULL) {
        table_state(table, field_text(master, "state"));
        table_cell(table, "database");
        table_cell(table, "master key");
        table_cell(table, field_text(master, "why"));
    }
    json_array_foreach(json_object_get(answer, "not_kept"), i, row) {
        table_state(table, "warning");
        table_cell(table, field_text(row, "gateway"));
        table_cell(table, "old callbacks");
        table_cell(table, field_text(row, "why"));
    }
    table_print(table, cli, NULL);
    return table_rows(table);
}

int run_keys_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/credentials", &answer);
    if (status == CLI_DONE) {
        print_credentials(cli, talk_rows(answer));
        print_all_certificates(cli, answer);
        print_master(cli, json_object_get(answer, "master_key"));
        cli_say(cli, "\n");
        print_worries(cli, answer);
    }
    return status;
}

int run_keys_check(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/credentials", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *policy = json_object_get(answer, "policy");
    int worries = print_worries(cli, answer);
    if (worries == 0) {
        cli_say(cli,
                "All is well: %zu credentials, none older than %lld days, nothing expires within "
                "%lld.\n",
                json_array_size(talk_rows(answer)), (long long)field_int(policy, "max_age_days"),
                (long long)field_int(policy, "warn_days"));
    }
    return worries > 0 ? CLI_PROBLEM : CLI_DONE;
}

/* ---- asking the gateways ---- */

static void join_fingerprints(const json_t *set, char *text, size_t bytes) {
    size_t i, used = 0;
    json_t *one;
    text[0] = '\0';
    json_array_foreach(json_object_get(set, "fingerprints"), i, one) {
        if (used < bytes) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s=%s", used > 0 ? " " : "",
                                     field_word(one, "name"), field_word(one, "fingerprint"));
        }
    }
}

static void add_sets(struct table *table, const json_t *answer) {
    size_t i;
    json_t *set;
    json_array_foreach(json_object_get(answer, "sets"), i, set) {
        char text[SHOW_CHARS_MAX], fingerprints[256];
        join_fingerprints(set, fingerprints, sizeof fingerprints);
        table_cell(table, field_text(answer, "gateway"));
        table_cell(table, field_true(set, "in_force") ? "in force" : "old");
        table_state(table, field_text(set, "result"));
        table_cell(table, field_text(set, "code"));
        table_cell(table, field_true(set, "callback_seen") ? "seen" : "none yet");
        table_cell(table, field_age(set, "accepted_until", text));
        table_cell(table, fingerprints);
    }
}

/* POST /v1/gateways/GATEWAY/credentials/VERB. */
static int talk_credentials(struct cli *cli, const char *gateway, const char *verb,
                            const json_t *body, json_t **ret_answer) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/gateways");
    talk_path_part(&path, gateway);
    talk_path_part(&path, "credentials");
    talk_path_part(&path, verb);
    return talk_post(cli, path.text.data, body, ret_answer);
}

static int verify_one(struct cli *cli, const char *gateway, struct table *table) {
    JSON_AUTO answer = NULL;
    int status = talk_credentials(cli, gateway, "verify", NULL, &answer);
    if (status == CLI_DONE) {
        add_sets(table, answer);
        status = field_true(answer, "ok") ? CLI_DONE : CLI_PROBLEM;
    }
    return status;
}

int run_keys_verify(struct cli *cli) {
    JSON_AUTO gateways = NULL;
    TABLE_AUTO table = TABLE("GATEWAY", "SET", "RESULT", "CODE", "CALLBACK", ">CALLBACKS UNTIL",
                             "~FINGERPRINTS");
    const char *only = cli_argument(cli, 0);
    int status = only != NULL ? verify_one(cli, only, table)
                              : talk_ask(cli, "/v1/gateways", &gateways, NULL);
    size_t i;
    json_t *row;
    json_array_foreach(gateways != NULL ? talk_rows(gateways) : NULL, i, row) {
        int one = verify_one(cli, field_word(row, "name"), table);
        status = one > status ? one : status;
    }
    table_print(table, cli, NULL);
    return status;
}

/* ---- taking new ones ---- */

static void print_swap(const struct cli *cli, const json_t *swap) {
    const char *says = field_text(swap, "gateway_says");
    cli_say(cli, "%s: %s%s%s%s\n", field_word(swap, "gateway"), field_word(swap, "result"),
            says != NULL ? ", the gateway says " : "", says != NULL ? says : "",
            field_text(swap, "why") != NULL ? ":" : "");
    if (field_text(swap, "why") != NULL) {
        cli_say(cli, "  %s\n", field_text(swap, "why"));
    }
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(swap, "changed"), i, name) {
        cli_say(cli, "  %s is a new one\n", json_string_value(name));
    }
    json_array_foreach(json_object_get(swap, "unverified"), i, name) {
        cli_say(cli,
                "  %s is not verified: no call shows whether it is right, the first callback "
                "does\n",
                json_string_value(name));
    }
    const json_t *fixed = json_object_get(swap, "read_at_start_only");
    if (json_array_size(fixed) > 0) {
        cli_say(cli,
                "  %zu of its credentials come from the environment, which is read at the "
                "start only\n",
                json_array_size(fixed));
    }
}

static json_t *body_reason(const struct cli *cli) {
    json_t *body = json_object();
    body_text(cli, body, "reason", "reason");
    return body;
}

static int reload_all(struct cli *cli, const char *reason) {
    JSON_AUTO answer = NULL;
    JSON_AUTO body = json_pack("{s:s}", "reason", reason);
    int status = talk_post(cli, "/internal/api/system/reload-api-keys", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    size_t i;
    json_t *swap;
    json_array_foreach(json_object_get(answer, "gateways"), i, swap) {
        print_swap(cli, swap);
    }
    if (field_text(answer, "listeners_why") != NULL) {
        cli_say(cli, "listeners: refused:\n  %s\n", field_text(answer, "listeners_why"));
    }
    return field_true(answer, "ok") ? CLI_DONE : CLI_PROBLEM;
}

int run_keys_reload(struct cli *cli) {
    if (cli_argument(cli, 0) == NULL) {
        return reload_all(cli, cli_text(cli, "reason"));
    }
    JSON_AUTO answer = NULL;
    JSON_AUTO body = body_reason(cli);
    if (cli_given(cli, "unverified")) {
        json_object_set_new(body, "verify", json_false());
    }
    int status = talk_credentials(cli, cli_argument(cli, 0), "reload", body, &answer);
    if (status == CLI_DONE) {
        print_swap(cli, answer);
    }
    return status;
}

int run_keys_retire(struct cli *cli) {
    JSON_AUTO answer = NULL;
    JSON_AUTO body = body_reason(cli);
    if (cli_given(cli, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    int status = talk_credentials(cli, cli_argument(cli, 0), "retire", body, &answer);
    if (status == CLI_DONE) {
        long long retired = (long long)field_int(answer, "retired");
        cli_say(cli,
                "%s: %lld old %s retired; callbacks signed with them are refused from now on.\n",
                field_word(answer, "gateway"), retired, retired == 1 ? "set is" : "sets are");
    }
    return status;
}

/* What is left to be done where only a person can. */
static const struct {
    const char *adapter, *todo;
} at_portal[] = {
    {"stripe", "Dashboard, Developers: let the old API key expire; of a webhook secret, roll it so "
               "that both are sent for 24 h"},
    {"paypal", "Developer dashboard, Apps & Credentials: disable the old client secret"},
    {"alipay", "Open platform, the application's key settings: the new public key must be the one "
               "uploaded"},
    {"wechatpay", "Merchant platform, account centre, API security: revoke the old certificate; "
                  "merchant_serial must be the new one's"},
    {"unionpay", "Merchant service: the new certificate must be the active one"},
};

static void print_next(struct cli *cli, const char *gateway) {
    JSON_AUTO one = NULL;
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/gateways");
    talk_path_part(&path, gateway);
    if (cli->json || talk_ask(cli, path.text.data, &one, NULL) != CLI_DONE) {
        return;
    }
    cli_say(cli, "\nWhat is left:\n");
    for (size_t i = 0; i < COUNT_OF(at_portal); i++) {
        if (is(one, "adapter", at_portal[i].adapter)) {
            cli_say(cli, "  - %s.\n", at_portal[i].todo);
        }
    }
    cli_say(cli,
            "  - `holdfast keys verify %s` asks the gateway again.\n"
            "  - Callbacks signed with the old one are accepted until its overlap ends (`holdfast "
            "keys\n    list`); if others may have it, `holdfast keys retire %s` ends that now.\n",
            gateway, gateway);
}

int run_keys_rotate(struct cli *cli) {
    struct err err = {0};
    SECRET_AUTO secret = NULL;
    JSON_AUTO answer = NULL;
    char prompt[SHOW_CHARS_MAX];
    snprintf(prompt, sizeof prompt, "New value of %.31s", cli_argument(cli, 1));
    if (silent_secret(cli, cli_text(cli, "from"), prompt, &secret, &err) < 0) {
        return cli_fail(cli, &err);
    }
    JSON_AUTO body = body_reason(cli);
    json_object_set_new(body, "credential", json_string(cli_argument(cli, 1)));
    if (body_foreign(body, "value", secret_bytes(secret), secret_count(secret), "the new value",
                     &err) < 0) {
        return cli_fail(cli, &err);
    }
    if (cli_given(cli, "unverified")) {
        json_object_set_new(body, "verify", json_false());
    }
    int status = talk_credentials(cli, cli_argument(cli, 0), "rotate", body, &answer);
    if (status == CLI_DONE) {
        print_swap(cli, answer);
        print_next(cli, cli_argument(cli, 0));
    }
    return status;
}

/* ---- the master key ---- */

int run_keys_master(struct cli *cli) {
    JSON_AUTO answer = NULL;
    if (strcmp(cli_argument(cli, 0), "rotate") != 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_USAGE, "there is no `keys master %.20s`", cli_argument(cli, 0));
        (void)err_hint(&err, "`holdfast keys master rotate` puts master_key_next in use.");
        return cli_fail(cli, &err);
    }
    JSON_AUTO body = body_reason(cli);
    int status = talk_post(cli, "/v1/credentials/master/rotate", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli,
                "The next master key is in use; what was sealed before is sealed anew now. Keep "
                "both keys\nuntil `holdfast keys check` says that the old one can go.\n");
    }
    return status;
}

/* ---- the keystore ---- */

/* The keystore of --config; its place points into both. */
struct chest {
    struct service_config *config;
    char key[SERVICE_KEYSTORE_KEY_BYTES];
    struct keystore_place place;
};

static void chest_close(struct chest *chest) {
    service_config_free(chest->config);
}
#define CHEST_AUTO struct chest CLEANUP(chest_close)

static int chest_open(const struct cli *cli, struct chest *chest, struct err *err) {
    int r = service_config_load(cli_text(cli, "config"), &chest->config, err);
    if (r >= 0) {
        service_config_keystore(chest->config, chest->key, &chest->place);
    }
    return r;
}

/* A running service notices by itself; asked for, it does so now, and has the reason. */
static int tell_service(struct cli *cli, const char *verb) {
    char reason[REASON_BYTES_MAX];
    if (cli_given(cli, "offline")) {
        return CLI_DONE;
    }
    snprintf(reason, sizeof reason, "keys %s %s: %.400s", verb,
             cli_argument(cli, 0) != NULL ? cli_argument(cli, 0) : "", cli_text(cli, "reason"));
    return reload_all(cli, reason);
}

int run_keys_set(struct cli *cli) {
    struct err err = {0};
    CHEST_AUTO chest = {0};
    SECRET_AUTO secret = NULL;
    int r = chest_open(cli, &chest, &err);
    r = r < 0 ? r : silent_secret(cli, cli_text(cli, "from"), "Secret", &secret, &err);
    r = r < 0 ? r : keystore_put(&chest.place, cli_argument(cli, 0), secret, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    cli_say(cli, "%s is in the keystore; refer to it as sealed:%s.\n", cli_argument(cli, 0),
            cli_argument(cli, 0));
    return tell_service(cli, "set");
}

int run_keys_remove(struct cli *cli) {
    struct err err = {0};
    CHEST_AUTO chest = {0};
    int r = chest_open(cli, &chest, &err);
    r = r < 0 ? r : keystore_remove(&chest.place, cli_argument(cli, 0), &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    cli_say(cli, "%s is no longer in the keystore.\n", cli_argument(cli, 0));
    return tell_service(cli, "remove");
}

int run_keys_rekey(struct cli *cli) {
    struct err err = {0};
    CHEST_AUTO chest = {0};
    int r = chest_open(cli, &chest, &err);
    r = r < 0 ? r : keystore_rekey(&chest.place, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    cli_say(cli, "The keystore is sealed with a new master key. Copy both files to every instance, "
                 "and destroy copies of the old key.\n");
    return tell_service(cli, "rekey");
}

int run_keys_sealed(struct cli *cli) {
    struct err err = {0};
    CHEST_AUTO chest = {0};
    KEYSTORE_AUTO keystore = NULL;
    TABLE_AUTO table = TABLE("SEALED");
    JSON_AUTO names = json_array();
    int r = chest_open(cli, &chest, &err);
    r = r < 0 ? r : keystore_open(&chest.place, &keystore, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    for (int i = 0; i < keystore_count(keystore); i++) {
        table_cell(table, keystore_name(keystore, i));
        json_array_append_new(names, json_string(keystore_name(keystore, i)));
    }
    table_print(table, cli, "The keystore is empty.");
    JSON_AUTO whole = json_pack("{s:O}", "data", names);
    char *line = json_write(whole);
    talk_print_json(cli, line);
    free(line);
    return CLI_DONE;
}
