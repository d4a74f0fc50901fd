/* SPDX-License-Identifier: Apache-2.0
 * signal.h: being asked to end. The signals that ask for it (SIGTERM, SIGINT, SIGHUP) are blocked
 * and taken out of the queue by one task that waits for them; no handler ever runs.
 * Threads: signals_block() in the first task, before it starts another one: they inherit the mask.
 * The rest from that same task. Owns: the process's signal mask. Cannot fail. Not in the
 * simulator. */
#ifndef HOLDFAST_BASE_SIGNAL_H
#define HOLDFAST_BASE_SIGNAL_H

#include "base/compiler.h"

/* From here on they wait to be asked for. SIGPIPE is ignored: a peer that went away is an error of
 * one write, not the end of the process. */
void signals_block(void);
/* The number of the signal that came (it counts as taken), or 0 when `timeout_us` has passed. A
 * negative timeout waits for ever; 0 only looks. */
int signals_await(int64_t timeout_us);
/* The next one ends the process at once: for whoever asks twice. */
void signals_unblock(void);

#endif
