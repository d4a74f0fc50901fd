/* SPDX-License-Identifier: Apache-2.0
 * fresh.h: the store of a service that has never served: what the migrations make of an empty disk.
 *
 * They take as long as everything else that a small run does, and always make the same of it. So
 * they are run once a program, on a disk of the simulator's, and most runs begin with what they
 * left there; the others begin with an empty disk, and their service migrates it itself.
 * Threads: one. Owns: the image, until the process ends. */
#ifndef HOLDFAST_SIM_FRESH_H
#define HOLDFAST_SIM_FRESH_H

#include "sim/run.h"

/* Makes the image. Once; no world and no disk may be there. */
void fresh_prepare(int64_t wall_us);
/* Puts it onto the run's disk, unless the run has drawn an empty one. */
void fresh_begin(struct run *run);

#endif
