/* SPDX-License-Identifier: Apache-2.0
 * talk.h: how commands ask the running service: HTTP to its internal listener, the key by
 * reference, a fresh Idempotency-Key for whatever changes something.
 * Each function gives CLI_DONE and the parsed answer, or has already told the person what is wrong
 * and gives the exit status. With --json the answer's text has been printed, whatever it was.
 * Threads: the run's. Owns: the
 * JSON belongs to the caller (JSON_AUTO). */
#ifndef HOLDFAST_CLI_TALK_H
#define HOLDFAST_CLI_TALK_H

#include "base/json.h"
#include "cli/cli.h"

/* A path with its query: talk_path_add() passes over NULL and "". */
struct talk_path {
    struct buf text;
    char mark;
};
void talk_path_init(struct talk_path *path, const char *start);
/* Adds "/" and the text, percent-encoded. */
void talk_path_part(struct talk_path *path, const char *text);
void talk_path_add(struct talk_path *path, const char *name, const char *value);
void talk_path_release(struct talk_path *path);
#define TALK_PATH_AUTO struct talk_path CLEANUP(talk_path_release)

MUST_USE int talk_get(struct cli *cli, const char *path, json_t **ret_json);
/* `body` NULL: an empty object. */
MUST_USE int talk_post(struct cli *cli, const char *path, const json_t *body, json_t **ret_json);
MUST_USE int talk_send(struct cli *cli, const char *method, const char *path, const json_t *body,
                       json_t **ret_json);
/* Asks without printing anything but errors: for commands that ask twice. `ret_text` (free() it;
 * may be NULL) is the answer as it came. */
MUST_USE int talk_ask(struct cli *cli, const char *path, json_t **ret_json, char **ret_text);
/* Prints one line of JSON when --json was given. */
void talk_print_json(const struct cli *cli, const char *text);

/* The rows of a list: answer.data, or an empty array. Borrowed. */
const json_t *talk_rows(const json_t *answer);

/* What URL and key come to, for those that talk themselves (load). Errors: ERR_USAGE. */
const char *talk_url(const struct cli *cli);
struct secret;
MUST_USE int talk_key(const struct cli *cli, struct secret **ret_key /* NULL: none */,
                      struct err *err);

#endif
