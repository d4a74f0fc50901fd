/* SPDX-License-Identifier: Apache-2.0
 * access.c: API keys and people. A password is read from the terminal without showing it, or from a
 * file; it never stands on the command line. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/silent.h"
#include "cli/talk.h"

enum { PASSWORD_BYTES_MAX = 1024 };

/* ---- keys ---- */

int run_key_create(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "name", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "role", "role");
    body_text(cli, body, "scopes", "scopes");
    body_text(cli, body, "expires", "expires_at");
    body_text(cli, body, "user", "user_id");
    int status = talk_post(cli, "/v1/keys", body, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    table_pair(card, "id", field_text(answer, "id"));
    table_pair(card, "name", field_text(answer, "name"));
    table_pair(card, "role", field_text(answer, "role"));
    table_pair(card, "scopes", field_text(answer, "scopes"));
    table_pair(card, "for", field_text(answer, "user_id"));
    if (field_text(answer, "expires_at") != NULL) {
        table_pair(card, "expires", show_moment(field_text(answer, "expires_at"), text));
    }
    table_pair(card, "key", field_text(answer, "key"));
    table_print(card, cli, NULL);
    cli_say(cli, field_text(answer, "key") != NULL
                     ? "\nKeep the key now: it is not shown again.\n"
                     : "\nThis key was made before; it was shown then.\n");
    return CLI_DONE;
}

int run_key_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/keys", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("KEY", "~NAME", "ROLE", "STATE", "~SCOPES", "FOR", "MADE BY", ">AGE",
                             ">EXPIRES");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        bool revoked = field_text(row, "revoked_at") != NULL;
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "role"));
        table_state(table, revoked ? "revoked" : "ok");
        table_cell(table, field_text(row, "scopes"));
        table_cell(table, field_text(row, "user_id"));
        table_cell(table, field_text(row, "created_by"));
        table_cell(table, field_age(row, "created_at", text));
        table_cell(table, field_age(row, "expires_at", text));
    }
    table_print(table, cli, "There is no key: `holdfast key create NAME --role ROLE` makes one.");
    return CLI_DONE;
}

static int delete_one(struct cli *cli, const char *start, const char *sentence) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "DELETE", start, NULL, NULL, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s %s.\n", cli_argument(cli, 0), sentence);
    }
    return status;
}

int run_key_revoke(struct cli *cli) {
    return delete_one(cli, "/v1/keys", "is revoked; every instance knows within seconds");
}

/* ---- people ---- */

static int ask_password(const struct cli *cli, const char *prompt, char *ret_password,
                        struct err *err) {
    int r = silent_line(cli, prompt, ret_password, PASSWORD_BYTES_MAX, err);
    return r < 0 ? err_hint(err, "A file that only you can read will do: --password-file FILE.")
                 : 0;
}

static int ask_password_twice(const struct cli *cli, char *ret_password, struct err *err) {
    char again[PASSWORD_BYTES_MAX];
    int r = ask_password(cli, "Password (at least 12 characters)", ret_password, err);
    r = r < 0 ? r : ask_password(cli, "Once more", again, err);
    if (r >= 0 && strcmp(ret_password, again) != 0) {
        r = err_set(err, ERR_USAGE, "the two passwords are not the same");
    }
    explicit_bzero(again, sizeof again);
    return r;
}

static int read_password_file(const struct cli *cli, const char *path, char *ret_password,
                              struct err *err) {
    SECRET_AUTO secret = NULL;
    if (silent_secret(cli, path, "", &secret, err) < 0) {
        err_while(err, "reading the password");
        return -ERR_USAGE;
    }
    if (secret_count(secret) >= PASSWORD_BYTES_MAX) {
        return err_set(err, ERR_USAGE, "the password is longer than %d bytes",
                       PASSWORD_BYTES_MAX - 1);
    }
    memcpy(ret_password, secret_bytes(secret), secret_count(secret) + 1);
    return 0;
}

/* The password from the file that is named, or from the terminal, into the body. */
static int body_password(const struct cli *cli, json_t *body, struct err *err) {
    char password[PASSWORD_BYTES_MAX] = "";
    const char *file = cli_text(cli, "password-file");
    int r = file != NULL ? read_password_file(cli, file, password, err)
                         : ask_password_twice(cli, password, err);
    r = r < 0 ? r : body_foreign(body, "password", password, strlen(password), "the password", err);
    explicit_bzero(password, sizeof password);
    return r;
}

int run_user_create(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    json_object_set_new(body, "name", json_string(cli_argument(cli, 0)));
    body_text(cli, body, "role", "role");
    if (body_password(cli, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    int status = talk_post(cli, "/v1/users", body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s (%s) may log in as %s.\n", field_word(answer, "name"),
                field_word(answer, "id"), field_word(answer, "role"));
    }
    return status;
}

static int change_user(struct cli *cli, const char *verb, const json_t *body,
                       const char *sentence) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "POST", "/v1/users", verb, body, &answer);
    if (status == CLI_DONE) {
        cli_say(cli, "%s (%s) %s.\n", field_word(answer, "name"), field_word(answer, "id"),
                sentence);
    }
    return status;
}

int run_user_enable(struct cli *cli) {
    return change_user(cli, "enable", NULL, "may log in again");
}

int run_user_password(struct cli *cli) {
    struct err err = {0};
    JSON_AUTO body = json_object();
    if (body_password(cli, body, &err) < 0) {
        return cli_fail(cli, &err);
    }
    return change_user(cli, "password", body, "has a new password; all sessions have ended");
}

int run_user_list(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_get(cli, "/v1/users", &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("USER", "~NAME", "ROLE", "STATE", ">AGE");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        char text[SHOW_CHARS_MAX];
        bool locked = field_text(row, "locked_until") != NULL;
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "role"));
        table_state(table, !field_true(row, "enabled") ? "disabled" : locked ? "locked" : "ok");
        table_cell(table, field_age(row, "created_at", text));
    }
    table_print(table, cli,
                "There is nobody: `holdfast user create NAME --role ROLE` adds someone.");
    return CLI_DONE;
}

int run_user_disable(struct cli *cli) {
    return delete_one(cli, "/v1/users", "may not log in any more");
}
