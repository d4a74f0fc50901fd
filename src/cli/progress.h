/* SPDX-License-Identifier: Apache-2.0
 * progress.h: how far a command is, on one line of the terminal that is drawn over: what is done,
 * how much a second, and how long it takes yet.
 *
 *   progress_begin() ─▶ progress_steps() | progress_waits() … ─▶ progress_end()
 *
 * It is drawn on standard error, only when that is a terminal, never with --json, and not before a
 * second has passed. Threads: the run's. Owns: nothing. Cannot fail. */
#ifndef HOLDFAST_CLI_PROGRESS_H
#define HOLDFAST_CLI_PROGRESS_H

#include "cli/cli.h"

struct progress {
    const struct cli *cli;
    int64_t began_us, step_us; /* of all, of the step at hand */
    bool drawn;
};

void progress_begin(struct progress *progress, const struct cli *cli);
/* Another step: its rate and the time left are counted from here. */
void progress_step(struct progress *progress);
/* "taking in: 40 %, 12,000 rows a second, 3 s left". Nothing while nothing is done, or `whole` is
 * not known (0). `done` and `whole` are counted in units of which `unit_size` are one `unit`. */
void progress_steps(struct progress *progress, const char *doing, const char *unit,
                    int64_t unit_size, int64_t done, int64_t whole);
/* "it is being read for 3 s": where nobody knows how much there is. */
void progress_waits(struct progress *progress, const char *what);
void progress_end(struct progress *progress); /* the line is empty again */

#endif
