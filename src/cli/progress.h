/* SPDX-License-Identifier: Apache-2.0
 * progress.h: how far a command is, on one line of the terminal that is drawn over: what is done,
 * how much a second, and how long it takes yet.
 *
 *   progress_begin() ─▶ progress_steps() | progress_waits() … ─▶ progress_end()
 *
 * It is drawn on standard error, only when that is a terminal, never with --json, not before a
 * second has passed, and at most ten times a second, however often it is told.
 * Threads: the run's. Owns: nothing, but for the task of a progress_alone. Cannot fail: where the
 * system has no room for a task, nothing is drawn. */
#ifndef HOLDFAST_CLI_PROGRESS_H
#define HOLDFAST_CLI_PROGRESS_H

#include "base/task.h"
#include "cli/cli.h"

struct progress {
    const struct cli *cli;
    int64_t began_us, step_us; /* of all, of the step at hand */
    int64_t drawn_us;          /* when it was drawn last */
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

/* While the run itself waits in one call and can tell nothing: a task draws "… for 3 s" until the
 * end. Whoever began must end it, and draws nothing else meanwhile. */
struct progress_alone {
    struct progress line;
    const char *what;
    struct task *task; /* NULL: nothing is drawn */
    struct lock lock;  /* guards what follows */
    struct cond ended;
    bool over;
};
void progress_alone_begin(struct progress_alone *alone, const struct cli *cli, const char *what);
void progress_alone_end(struct progress_alone *alone);

#endif
