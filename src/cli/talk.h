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
/* METHOD start/ARGUMENT or start/ARGUMENT/verb: about the one thing that the command names first.
 * `verb` and `body` may be NULL. */
MUST_USE int talk_about(struct cli *cli, const char *method, const char *start, const char *verb,
                        const json_t *body, json_t **ret_json);
/* GET of a list, by the options that were given. Each name is the API's; the option is called the
 * same without an "_id" at its end, so that "payment_id" is --payment; a flag says "1". */
#define TALK_BY(...) ((const char *const[]){__VA_ARGS__, NULL})
MUST_USE int talk_list(struct cli *cli, const char *start, const char *const *names,
                       json_t **ret_json);
/* Asks without printing anything but errors: for commands that ask twice. `ret_text` (free() it;
 * may be NULL) is the answer as it came. */
MUST_USE int talk_ask(struct cli *cli, const char *path, json_t **ret_json, char **ret_text);
/* The same as a POST of an empty object. */
MUST_USE int talk_ask_post(struct cli *cli, const char *path, json_t **ret_json, char **ret_text);
/* Any request, printing nothing but errors; `body` NULL: none. `ret_json` and `ret_text` may be
 * NULL. */
MUST_USE int talk_quiet(struct cli *cli, const char *method, const char *path, const json_t *body,
                        json_t **ret_json, char **ret_text);
/* Any request, for who tells its outcome himself: nothing is printed, and a refusal is an answer as
 * any other. `key`: its Idempotency-Key, or NULL. An error: there was no answer. */
MUST_USE int talk_raw(struct cli *cli, const char *method, const char *path, const char *body,
                      const char *key, int *ret_status, struct buf *ret_body, struct err *err);
/* GET of what is no JSON: its bytes (free() them). Nothing but errors is printed. */
MUST_USE int talk_file(struct cli *cli, const char *path, char **ret_bytes, size_t *ret_count);
/* The same into a new file, readable by its owner alone, and says how large it is. Nothing is
 * written over: where `file` is there already nothing is asked for. */
MUST_USE int talk_save(struct cli *cli, const char *path, const char *file);
/* Prints one line of JSON when --json was given. */
void talk_print_json(const struct cli *cli, const char *text);

/* --amount of a command about a payment, in the body: it is in the payment's currency, so that is
 * asked for first. Absent: nothing is asked. payment.c */
MUST_USE int body_payment_amount(struct cli *cli, json_t *body);

/* The rows of a list: answer.data, or an empty array. Borrowed. */
const json_t *talk_rows(const json_t *answer);

/* What URL and key come to, for those that talk themselves (load). Errors: ERR_USAGE. */
const char *talk_url(const struct cli *cli);
struct secret;
MUST_USE int talk_key(const struct cli *cli, struct secret **ret_key /* NULL: none */,
                      struct err *err);

#endif
