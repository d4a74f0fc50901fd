/* SPDX-License-Identifier: Apache-2.0
 * help.h: the command table as text. Threads: any. Owns nothing. Cannot fail. */
#ifndef HOLDFAST_CLI_HELP_H
#define HOLDFAST_CLI_HELP_H

#include "cli/commands.h"

void help_all(FILE *out);
void help_noun(FILE *out, const char *noun);
void help_command(FILE *out, const struct cli_command *command);

#endif
