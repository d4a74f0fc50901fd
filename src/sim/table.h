/* SPDX-License-Identifier: Apache-2.0
 * table.h: "it can fail": how soon the simulator catches each of the planted faults. */
#ifndef HOLDFAST_SIM_TABLE_H
#define HOLDFAST_SIM_TABLE_H

#include "sim/sim.h"

struct sim_table {
    enum plant only; /* PLANT_NONE: each */
    int64_t count;   /* of the seeds 1, 2, …, at most */
    int jobs;      /* faults that are looked for at the same time; only the seconds depend on it */
    int timeout_s; /* for a run */
    uint64_t tries[PLANTS]; /* by fault: a seed that caught it once, to begin with; 0: none */
};

/* "fault=seed,fault=seed,…". False: it reads otherwise, or there is no such fault. */
MUST_USE bool sim_table_tries(const char *text, struct sim_table *table);

/* Runs each planted fault over its seeds until a check fails, and prints a Markdown table. False:
 * one of them was not caught. */
bool sim_table(const struct sim_table *table);

#endif
