/* SPDX-License-Identifier: Apache-2.0
 * table.h: "it can fail": how soon the simulator catches each of the planted faults. */
#ifndef HOLDFAST_SIM_TABLE_H
#define HOLDFAST_SIM_TABLE_H

#include "sim/sim.h"

/* Runs each planted fault (or only `only`) over the seeds 1, 2, … until a check fails or `count` of
 * them have passed, and prints a Markdown table. `jobs` faults are looked for at the same time; the
 * table does not depend on it, but for the seconds. False: one of them was not caught. */
bool sim_table(enum plant only, int64_t count, int jobs, int timeout_s);

#endif
