/* SPDX-License-Identifier: Apache-2.0
 * silent.h: secrets that a person gives a command: typed without being shown, or from a file or a
 * pipe; never from the command line, where everybody on the machine could read them. Threads: one.
 * Owns: a secret belongs to the caller. Errors: ERR_USAGE. */
#ifndef HOLDFAST_CLI_SILENT_H
#define HOLDFAST_CLI_SILENT_H

#include "base/secret.h"
#include "cli/cli.h"

/* One line from the terminal that is not shown while it is typed. */
MUST_USE int silent_line(const struct cli *cli, const char *prompt, char *ret_line, size_t bytes,
                         struct err *err);
/* What `path` holds; "-" or NULL: what is piped in, or one line from the terminal. A line end at
 * its end is dropped. */
MUST_USE int silent_secret(const struct cli *cli, const char *path, const char *prompt,
                           struct secret **ret_secret, struct err *err);

#endif
