/* SPDX-License-Identifier: Apache-2.0
 * explained.h: `holdfast reconcile --explain ROW`: what came of files_explain(), for people or as
 * JSON. Owns: nothing. Threads: the one of the command. Errors: none. */
#ifndef HOLDFAST_CLI_EXPLAINED_H
#define HOLDFAST_CLI_EXPLAINED_H

#include "cli/cli.h"
#include "match/files/files.h"

void explained_print(const struct cli *cli, const struct files_explained *explained);

#endif
