/* SPDX-License-Identifier: Apache-2.0
 * options.h: reads a command line by the command's row, and says what was meant by a word that does
 * not exist. Threads: any. Owns nothing. Errors: ERR_USAGE with a hint. */
#ifndef HOLDFAST_CLI_OPTIONS_H
#define HOLDFAST_CLI_OPTIONS_H

#include "cli/commands.h"

/* Fills values and arguments of `cli`, whose command is set. 1: help was asked for, and nothing
 * else was looked at. */
MUST_USE int options_read(struct cli *cli, int argc, char **argv, struct err *err);

/* The candidate nearest to `word`, NULL when none is near enough to be a slip of the fingers. */
struct guess {
    const char *word, *best;
    int distance;
};
void guess_init(struct guess *guess, const char *word);
void guess_try(struct guess *guess, const char *candidate);
const char *guess_best(const struct guess *guess);

#endif
