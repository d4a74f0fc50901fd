/* SPDX-License-Identifier: Apache-2.0
 * story.h: of all that happened in a run, what is about one payment. Threads: any. */
#ifndef HOLDFAST_SIM_STORY_H
#define HOLDFAST_SIM_STORY_H

#include "base/compiler.h"

/* The lines of `story` with the text `about`, and with the order, the payments, attempts, refunds
 * and exchanges ("#108") that such lines name; and what every payment lives through: the service's
 * lives, the end of all trouble, what failed. NULL: all of it. free(). */
MUST_USE char *story_about(const char *story, const char *about);

#endif
