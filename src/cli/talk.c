/* SPDX-License-Identifier: Apache-2.0
 * talk.c: see talk.h. What the service refuses is told in its own words; what nobody answered is
 * told by what can have happened: nothing, or perhaps everything. */
#include "cli/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "net/http_client.h"

#define TIMEOUT_US (30 * US_PER_SECOND)
#define TIMEOUT_US_MAX (3600 * US_PER_SECOND)
enum {
    URL_BYTES_MAX = 8192,
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    ANSWER_DEPTH_MAX = 64,
    KEY_CHARS_MAX = 1024,
    OWN_KEY_CHARS = 40,
    HEADERS_SENT_MAX = 4,
};

/* ---- paths ---- */

void talk_path_init(struct talk_path *path, const char *start) {
    buf_init(&path->text, URL_BYTES_MAX);
    buf_add_text(&path->text, start);
    path->mark = '?';
}

void talk_path_part(struct talk_path *path, const char *text) {
    buf_add_char(&path->text, '/');
    buf_add_urlencoded(&path->text, text);
}

void talk_path_add(struct talk_path *path, const char *name, const char *value) {
    if (value == NULL || value[0] == '\0') {
        return;
    }
    buf_add_char(&path->text, path->mark);
    path->mark = '&';
    buf_addf(&path->text, "%s=", name);
    buf_add_urlencoded(&path->text, value);
}

void talk_path_release(struct talk_path *path) {
    buf_release(&path->text);
}

/* ---- where and as whom ---- */

const char *talk_url(const struct cli *cli) {
    const char *from_environment = getenv("HOLDFAST_URL");
    if (cli_text(cli, "url") != NULL) {
        return cli_text(cli, "url");
    }
    return from_environment != NULL && from_environment[0] != '\0' ? from_environment
                                                                   : "http://127.0.0.1:3000";
}

int talk_key(const struct cli *cli, struct secret **ret_key, struct err *err) {
    const char *reference = cli_text_or(cli, "key-ref", getenv("HOLDFAST_KEY_REF"));
    *ret_key = NULL;
    if (reference == NULL || reference[0] == '\0') {
        return 0;
    }
    bool shaped = strncmp(reference, "env:", 4) == 0 || strncmp(reference, "file:", 5) == 0;
    if (!shaped) {
        err_set(err, ERR_USAGE, "--key-ref says where the key is: env:NAME or file:/path");
        return err_hint(err,
                        "A key itself never stands on a command line: others can read it there.");
    }
    int r = secret_load(reference, ret_key, err);
    if (r >= 0 && secret_count(*ret_key) > KEY_CHARS_MAX) {
        secret_free(*ret_key);
        *ret_key = NULL;
        r = err_set(err, ERR_CONFIG, "that is no API key: it is too long");
    }
    return r < 0 ? err_while(err, "reading the API key") : 0;
}

/* ---- one call ---- */

struct talk {
    struct cli *cli;
    const char *method, *path;
    const char *body; /* JSON or NULL */
    char url[URL_BYTES_MAX];
    char own_key[OWN_KEY_CHARS];
    const char *idempotency_key; /* NULL: none is sent */
    char authorization[KEY_CHARS_MAX + 16];
    int64_t timeout_us;
    struct http_answer answer;
};

static int fill_url(struct talk *talk, struct err *err) {
    const char *base = talk_url(talk->cli);
    if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0) {
        err_set(err, ERR_USAGE, "\"%.60s\" is not a URL", base);
        return err_hint(err, "Write it like http://127.0.0.1:3000.");
    }
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    int wrote = snprintf(talk->url, sizeof talk->url, "%.*s%s", (int)length, base, talk->path);
    return wrote < (int)sizeof talk->url ? 0 : err_set(err, ERR_USAGE, "the URL is too long");
}

/* Sortable and random, so that it names this call alone; printed when it is needed again. */
static void make_own_key(struct talk *talk) {
    snprintf(talk->own_key, sizeof talk->own_key, "cli-%llx-%016llx",
             (unsigned long long)(clock_wall_us() / US_PER_MS), (unsigned long long)random_u64());
    talk->idempotency_key = talk->own_key;
}

static int prepare(struct talk *talk, struct err *err) {
    struct cli *cli = talk->cli;
    SECRET_AUTO key = NULL;
    int r = fill_url(talk, err);
    talk->timeout_us = TIMEOUT_US;
    r = r < 0 ? r : cli_duration(cli, "timeout", US_PER_MS, TIMEOUT_US_MAX, &talk->timeout_us, err);
    r = r < 0 ? r : talk_key(cli, &key, err);
    if (r < 0) {
        return r;
    }
    if (key != NULL) {
        snprintf(talk->authorization, sizeof talk->authorization, "Bearer %s", secret_bytes(key));
    }
    if ((cli->command->flags & CLI_CHANGES) != 0 && strcmp(talk->method, "GET") != 0) {
        make_own_key(talk);
        talk->idempotency_key = cli_text_or(cli, "idempotency-key", talk->own_key);
    }
    if (cli->client == NULL) {
        struct http_client_options options = {.connections_max = 2,
                                              .user_agent = "Holdfast-CLI/" HOLDFAST_VERSION};
        r = http_client_new(&options, &cli->client, err);
    }
    return r;
}

static int call(struct talk *talk, struct err *err) {
    struct http_header headers[HEADERS_SENT_MAX];
    int count = 0;
    headers[count++] = (struct http_header){"Accept", "application/json"};
    if (talk->body != NULL) {
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    }
    if (talk->authorization[0] != '\0') {
        headers[count++] = (struct http_header){"Authorization", talk->authorization};
    }
    if (talk->idempotency_key != NULL) {
        headers[count++] = (struct http_header){"Idempotency-Key", talk->idempotency_key};
    }
    struct http_call call = {
        .method = talk->method,
        .url = talk->url,
        .headers = headers,
        .header_count = count,
        .body = talk->body,
        .body_bytes = talk->body != NULL ? strlen(talk->body) : 0,
        .timeout_us = talk->timeout_us,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .repeatable = talk->idempotency_key != NULL || strcmp(talk->method, "GET") == 0,
    };
    struct progress_alone waiting;
    progress_alone_begin(&waiting, talk->cli, "waiting for the service");
    int r = http_call(talk->cli->client, &call, &talk->answer, err);
    progress_alone_end(&waiting);
    return r;
}

/* ---- when it does not go well ---- */

static const char *why_not(enum http_failure failure) {
    switch (failure) {
    case HTTP_FAIL_RESOLVE:
        return "its name cannot be resolved";
    case HTTP_FAIL_CONNECT:
        return "nothing listens there";
    case HTTP_FAIL_TLS:
        return "the TLS handshake failed";
    case HTTP_FAIL_TIMEOUT:
        return "it did not answer in time";
    case HTTP_FAIL_RESET:
        return "the connection was lost";
    case HTTP_FAIL_TOO_LARGE:
        return "its answer is too large";
    case HTTP_FAIL_REQUEST:
        return "that URL cannot be used";
    default:
        return "its answer cannot be read";
    }
}

/* A command that changes something and may have reached the service must not be run again blindly:
 * its key makes the repetition the same request. */
static int why_unanswered(const struct talk *talk, bool *ret_maybe, struct err *err) {
    bool late = talk->answer.failure == HTTP_FAIL_TIMEOUT;
    *ret_maybe = talk->answer.reach == HTTP_MAYBE_SENT && talk->idempotency_key != NULL;
    return err_set(err, late ? ERR_TIMEOUT : ERR_UNREACHABLE, "%.120s: %s%s", talk_url(talk->cli),
                   why_not(talk->answer.failure),
                   *ret_maybe ? "; the request was sent, so it may have been done" : "");
}

static int fail_unanswered(const struct talk *talk) {
    struct err err = {0};
    bool maybe;
    (void)why_unanswered(talk, &maybe, &err);
    if (maybe) {
        err_hint(&err, "Repeat the command with --idempotency-key %.100s: it is not done twice.",
                 talk->idempotency_key);
    } else if (talk->answer.failure == HTTP_FAIL_CONNECT) {
        err_hint(&err, "Is it running (`holdfast serve --config FILE`)? Another address: --url or "
                       "HOLDFAST_URL.");
    }
    return cli_fail(talk->cli, &err);
}

static void fail_line(FILE *out, bool colour, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') {
        char *clean = show_clean(text);
        fprintf(out, "  %s%-7s%s %s\n", show_style_on(STYLE_DIM, colour), name,
                show_style_off(STYLE_DIM, colour), clean);
        free(clean);
    }
}

/* The problem document in plain words: what, where, what next, and what to quote when asking. */
static void tell_problem(const struct talk *talk, const json_t *problem) {
    FILE *out = talk->cli->screen.err;
    bool colour = talk->cli->screen.err_colour;
    const char *title = json_peek_text(problem, "title", NULL);
    const char *hint = json_peek_text(problem, "hint", NULL);
    const char *retry = json_peek_text(problem, "retry", NULL);
    char *headline = show_clean(title != NULL ? title : "The service refused");
    fprintf(out, "%sholdfast: %s%s\n", show_style_on(STYLE_BAD, colour), headline,
            show_style_off(STYLE_BAD, colour));
    free(headline);
    fail_line(out, colour, "what", json_peek_text(problem, "detail", NULL));
    fail_line(out, colour, "where", json_peek_text(problem, "place", NULL));
    if (hint == NULL && talk->answer.status == 401) {
        hint = "Say where the API key is: --key-ref env:NAME or file:/path, or HOLDFAST_KEY_REF.";
    }
    fail_line(out, colour, "next", hint);
    if (retry != NULL && strcmp(retry, "same_key") == 0 && talk->idempotency_key != NULL) {
        char again[KEY_CHARS_MAX + 64];
        snprintf(again, sizeof again, "the same command with --idempotency-key %.200s is safe",
                 talk->idempotency_key);
        fail_line(out, colour, "again", again);
    } else if (retry != NULL && strcmp(retry, "later") == 0) {
        fail_line(out, colour, "again", "the same command may work in a moment");
    }
    char quote[200];
    const char *id = json_peek_text(problem, "request_id", NULL);
    snprintf(quote, sizeof quote, "%.100s%s(HTTP %d)", id != NULL ? id : "", id != NULL ? " " : "",
             talk->answer.status);
    fail_line(out, colour, "request", quote);
}

static int fail_foreign(const struct talk *talk) {
    struct err err = {0};
    err_set(&err, ERR_UNREACHABLE, "%.120s answers %d, but not as Holdfast does",
            talk_url(talk->cli), talk->answer.status);
    err_hint(&err, "Something else may listen there; name the right address with --url.");
    return cli_fail(talk->cli, &err);
}

void talk_print_json(const struct cli *cli, const char *text) {
    if (cli->json) {
        fprintf(cli->screen.out, "%s\n", text);
    }
}

/* Takes the answer apart and prints it where it is to be printed as it is. */
static int take(struct talk *talk, bool print, json_t **ret_json) {
    struct err ignored = {0};
    JSON_AUTO json = NULL;
    int r = json_read(talk->answer.body, talk->answer.body_bytes, ANSWER_BYTES_MAX,
                      ANSWER_DEPTH_MAX, &json, &ignored);
    if (r < 0 || !json_is_object(json)) {
        return fail_foreign(talk);
    }
    bool well = talk->answer.status >= 200 && talk->answer.status < 300;
    /* /payment/health tells what is wrong with a status of 503 and a document of its own. */
    bool telling = well || json_object_get(json, "title") == NULL;
    if (print || !telling) {
        talk_print_json(talk->cli, talk->answer.body);
    }
    if (!telling) {
        if (!talk->cli->json) {
            tell_problem(talk, json);
        }
        return CLI_PROBLEM;
    }
    if (ret_json != NULL) {
        *ret_json = json;
        json = NULL;
    }
    return CLI_DONE;
}

int talk_raw(struct cli *cli, const char *method, const char *path, const char *body,
             const char *key, int *ret_status, struct buf *ret_body, struct err *err) {
    struct talk *talk = calloc(1, sizeof *talk);
    INVARIANT(talk != NULL, "out of memory");
    *talk = (struct talk){.cli = cli, .method = method, .path = path, .body = body};
    int r = prepare(talk, err);
    talk->idempotency_key = key;
    if (r >= 0 && call(talk, err) < 0) {
        bool maybe;
        r = why_unanswered(talk, &maybe, err);
        err_hint(err, maybe ? "The same call with its idempotency_key is done once."
                            : "Is the service running (holdfast serve)?");
    } else if (r >= 0) {
        *ret_status = talk->answer.status;
        buf_add(ret_body, talk->answer.body, talk->answer.body_bytes);
    }
    http_answer_release(&talk->answer);
    explicit_bzero(talk, sizeof *talk);
    free(talk);
    return r;
}

static int converse(struct cli *cli, const char *method, const char *path, const char *body,
                    bool print, json_t **ret_json, char **ret_text) {
    struct talk *talk = calloc(1, sizeof *talk);
    INVARIANT(talk != NULL, "out of memory");
    *talk = (struct talk){.cli = cli, .method = method, .path = path, .body = body};
    struct err err = {0};
    int status = CLI_DONE;
    if (prepare(talk, &err) < 0) {
        status = err.code == ERR_CONFIG ? CLI_USAGE : CLI_PROBLEM;
        int told = cli_fail(cli, &err);
        status = told > status ? told : status;
    } else if (call(talk, &err) < 0) {
        status = fail_unanswered(talk);
    } else {
        status = take(talk, print, ret_json);
        if (status == CLI_DONE && ret_text != NULL) {
            *ret_text = talk->answer.body;
            talk->answer.body = NULL;
        }
    }
    http_answer_release(&talk->answer);
    explicit_bzero(talk, sizeof *talk);
    free(talk);
    return status;
}

int talk_file(struct cli *cli, const char *path, char **ret_bytes, size_t *ret_count) {
    struct talk *talk = calloc(1, sizeof *talk);
    INVARIANT(talk != NULL, "out of memory");
    *talk = (struct talk){.cli = cli, .method = "GET", .path = path};
    struct err err = {0};
    int status = CLI_DONE;
    if (prepare(talk, &err) < 0) {
        status = cli_fail(cli, &err);
    } else if (call(talk, &err) < 0) {
        status = fail_unanswered(talk);
    } else if (talk->answer.status != 200) {
        status = take(talk, false, NULL);
        status = status == CLI_DONE ? fail_foreign(talk) : status;
    } else {
        *ret_count = talk->answer.body_bytes;
        *ret_bytes = talk->answer.body;
        talk->answer.body = NULL;
    }
    http_answer_release(&talk->answer);
    explicit_bzero(talk, sizeof *talk);
    free(talk);
    return status;
}

int talk_save(struct cli *cli, const char *path, const char *file) {
    struct file_face face;
    struct err err = {0}, absent = {0};
    char *bytes = NULL, number[SHOW_CHARS_MAX];
    size_t count = 0;
    if (file_look(file, &face, &absent) == 0) {
        err_set(&err, ERR_EXISTS, "%.200s is there already", file);
        err_hint(&err, "Nothing is written over: name another file.");
        return cli_fail(cli, &err);
    }
    int status = talk_file(cli, path, &bytes, &count);
    if (status != CLI_DONE) {
        return status;
    }
    int r = file_replace(file, bytes, count, 0600, &err);
    free(bytes);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    JSON_AUTO done = json_pack("{s:s,s:I}", "file", cli_file_name(file), "bytes",
                               (json_int_t)count);
    char *line = json_write(done);
    talk_print_json(cli, line);
    free(line);
    cli_say(cli, "%s bytes in %s.\n", show_count((int64_t)count, number), cli_file_name(file));
    return CLI_DONE;
}

int talk_get(struct cli *cli, const char *path, json_t **ret_json) {
    return converse(cli, "GET", path, NULL, true, ret_json, NULL);
}

int talk_ask(struct cli *cli, const char *path, json_t **ret_json, char **ret_text) {
    return converse(cli, "GET", path, NULL, false, ret_json, ret_text);
}

int talk_ask_post(struct cli *cli, const char *path, json_t **ret_json, char **ret_text) {
    return converse(cli, "POST", path, "{}", false, ret_json, ret_text);
}

int talk_quiet(struct cli *cli, const char *method, const char *path, const json_t *body,
               json_t **ret_json, char **ret_text) {
    char *text = body != NULL ? json_write(body) : NULL;
    int status = converse(cli, method, path, text, false, ret_json, ret_text);
    free(text);
    return status;
}

int talk_send(struct cli *cli, const char *method, const char *path, const json_t *body,
              json_t **ret_json) {
    char *text = body != NULL ? json_write(body) : NULL;
    int status = converse(cli, method, path, text, true, ret_json, NULL);
    if (text != NULL) { /* it may hold a password */
        explicit_bzero(text, strlen(text));
    }
    free(text);
    return status;
}

int talk_post(struct cli *cli, const char *path, const json_t *body, json_t **ret_json) {
    JSON_AUTO nothing = json_object();
    return talk_send(cli, "POST", path, body != NULL ? body : nothing, ret_json);
}

int talk_about(struct cli *cli, const char *method, const char *start, const char *verb,
               const json_t *body, json_t **ret_json) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, start);
    talk_path_part(&path, cli_argument(cli, 0));
    if (verb != NULL) {
        talk_path_part(&path, verb);
    }
    return strcmp(method, "POST") == 0 ? talk_post(cli, path.text.data, body, ret_json)
                                       : talk_send(cli, method, path.text.data, body, ret_json);
}

int talk_list(struct cli *cli, const char *start, const char *const *names, json_t **ret_json) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, start);
    for (; *names != NULL; names++) {
        char option[32];
        size_t chars = strlen(*names);
        bool is_id = chars > 3 && strcmp(*names + chars - 3, "_id") == 0;
        snprintf(option, sizeof option, "%.*s", (int)(is_id ? chars - 3 : chars), *names);
        const struct cli_option *known = cli_option_find(cli->command, option);
        INVARIANT(known != NULL, "a list is asked for by options of its command");
        const char *flag = cli_given(cli, option) ? "1" : NULL;
        talk_path_add(&path, *names, known->value != NULL ? cli_text(cli, option) : flag);
    }
    return talk_get(cli, path.text.data, ret_json);
}

const json_t *talk_rows(const json_t *answer) {
    return json_object_get(answer, "data");
}
