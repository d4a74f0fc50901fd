/* SPDX-License-Identifier: Apache-2.0
 * silent.c: reading what is not to be shown. */
#include "cli/silent.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, LINE_BYTES_MAX = 4096 };

int silent_line(const struct cli *cli, const char *prompt, char *ret_line, size_t bytes,
                struct err *err) {
    struct termios before, silent;
    if (isatty(STDIN_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before) != 0) {
        return err_set(err, ERR_USAGE, "there is no terminal to ask for it");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(cli->screen.err, "%s: ", prompt);
    fflush(cli->screen.err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    char *got = fgets(ret_line, (int)bytes, stdin);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', cli->screen.err);
    if (got == NULL) {
        return err_set(err, ERR_USAGE, "nothing was given");
    }
    ret_line[strcspn(ret_line, "\r\n")] = '\0';
    return 0;
}

static int from_file(const char *path, struct secret **ret_secret, struct err *err) {
    char full[PATH_BYTES_MAX], reference[PATH_BYTES_MAX + 8];
    if (realpath(path, full) == NULL) { /* a secret's reference is absolute, a person's is not */
        return err_set(err, ERR_USAGE, "%.200s cannot be found", path);
    }
    snprintf(reference, sizeof reference, "file:%s", full);
    if (secret_load(reference, ret_secret, err) < 0) {
        err->code = ERR_USAGE; /* the sentence stays: it says what is wrong with the file */
        return -ERR_USAGE;
    }
    return 0;
}

/* Unbuffered, so that no copy of it stays behind. */
static int from_pipe(struct secret **ret_secret, struct err *err) {
    char *bytes = malloc(SECRET_BYTES_MAX + 1);
    size_t count = 0;
    INVARIANT(bytes != NULL, "out of memory");
    for (ssize_t got = 1; got > 0 && count <= SECRET_BYTES_MAX;
         count += got > 0 ? (size_t)got : 0) {
        got = read(STDIN_FILENO, bytes + count, SECRET_BYTES_MAX + 1 - count);
    }
    bool fits = count <= SECRET_BYTES_MAX;
    if (fits && count > 0 && bytes[count - 1] == '\n') {
        count -= count > 1 && bytes[count - 2] == '\r' ? 2 : 1;
    }
    *ret_secret = fits && count > 0 ? secret_new(bytes, count) : NULL;
    explicit_bzero(bytes, SECRET_BYTES_MAX + 1);
    free(bytes);
    return *ret_secret != NULL
               ? 0
               : err_set(err, ERR_USAGE, "what was piped in is empty or has more than %d bytes",
                         SECRET_BYTES_MAX);
}

static int from_terminal(const struct cli *cli, const char *prompt, struct secret **ret_secret,
                         struct err *err) {
    char line[LINE_BYTES_MAX] = "";
    int r = silent_line(cli, prompt, line, sizeof line, err);
    if (r >= 0 && line[0] == '\0') {
        r = err_set(err, ERR_USAGE, "nothing was given");
    }
    *ret_secret = r >= 0 ? secret_new(line, strlen(line)) : NULL;
    explicit_bzero(line, sizeof line);
    return r;
}

int silent_secret(const struct cli *cli, const char *path, const char *prompt,
                  struct secret **ret_secret, struct err *err) {
    struct secret *secret = NULL;
    int r = path != NULL && strcmp(path, "-") != 0 ? from_file(path, &secret, err)
            : isatty(STDIN_FILENO) == 1            ? from_terminal(cli, prompt, &secret, err)
                                                   : from_pipe(&secret, err);
    if (r >= 0) {
        *ret_secret = secret;
    }
    return r;
}
