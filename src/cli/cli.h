/* SPDX-License-Identifier: Apache-2.0
 * cli.h: one run of one command: what it was asked, where it prints, how it ends.
 *
 * A command is a row of the table in commands.c. Its handler reads options and arguments by the
 * names of that row, talks to the service (talk.h), prints for people (table.h, show.h) and returns
 * an exit status. With --json everything meant for people is silent and the service's own JSON goes
 * out as one line.
 * Threads: one run belongs to one task. Owns: what the run holds, until it ends.
 * Exit status: enum cli_status, for scripts; it never depends on --json. */
#ifndef HOLDFAST_CLI_CLI_H
#define HOLDFAST_CLI_CLI_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum cli_status {
    CLI_DONE = 0,        /* done, and nothing is wrong */
    CLI_PROBLEM = 1,     /* refused, failed, or something was found that a person should look at */
    CLI_USAGE = 2,       /* the command was not understood; nothing was done */
    CLI_UNREACHABLE = 3, /* the service could not be reached */
};

/* Where a run prints. `columns` 0: nothing is cut to fit. */
struct cli_screen {
    FILE *out, *err;
    int columns;
    bool live;   /* out is a terminal: lines may be drawn over */
    bool colour; /* out may be coloured */
    bool err_live; /* err is a terminal */
    bool err_colour;
};

enum { CLI_VALUES_MAX = 64, CLI_ARGUMENTS_MAX = 8 };

struct cli_command;
struct http_client;

/* An option as it was given; `value` is "" for a flag. Borrowed from argv. */
struct cli_value {
    const char *name, *value;
};

struct cli {
    struct cli_screen screen;
    const struct cli_command *command;
    struct cli_value values[CLI_VALUES_MAX];
    int value_count;
    const char *arguments[CLI_ARGUMENTS_MAX];
    int argument_count;
    char **rest; /* of a command that reads its own options */
    int rest_count;
    bool json;
    struct http_client *client; /* made at the first call */
};

/* The whole program: finds the terminal, runs, gives the exit status. */
int cli_main(int argc, char **argv);
/* The same with somebody else's screen (tests). */
int cli_run(const struct cli_screen *screen, int argc, char **argv);

/* The option's last value, NULL when it was not given. The name must be one of the command's own or
 * common options. */
const char *cli_text(const struct cli *cli, const char *name);
const char *cli_text_or(const struct cli *cli, const char *name, const char *fallback);
bool cli_given(const struct cli *cli, const char *name);
/* The n-th value of an option that may be repeated, NULL past the last one. */
const char *cli_text_at(const struct cli *cli, const char *name, int n);
/* A whole number from min to max; absent leaves *ret_value as it was. ERR_USAGE. */
MUST_USE int cli_int(const struct cli *cli, const char *name, int64_t min, int64_t max,
                     int64_t *ret_value, struct err *err);
/* A length of time: "250ms", "90s", "5m", "1h", "7d", or a bare number of seconds. ERR_USAGE. */
MUST_USE int cli_duration(const struct cli *cli, const char *name, int64_t min_us, int64_t max_us,
                          int64_t *ret_us, struct err *err);
/* Argument n, NULL when there are fewer. */
const char *cli_argument(const struct cli *cli, int n);
/* The file's own name, without where it lies on this machine. */
const char *cli_file_name(const char *path);

/* Prints for people; silent with --json. */
void cli_say(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* Prints the error (to standard error; with --json as a problem document to standard output) and
 * gives the exit status that belongs to it. */
int cli_fail(const struct cli *cli, const struct err *err);
/* ERR_USAGE with this sentence, printed, and CLI_USAGE. */
int cli_misuse(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* There is no such command (verb NULL: no such noun); names the nearest one that there is. */
int cli_unknown(const struct cli *cli, const char *noun, const char *verb);

#endif
