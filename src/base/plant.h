/* SPDX-License-Identifier: Apache-2.0
 * plant.h: faults that are planted on purpose, to prove that the simulator would find them.
 *
 * A build with -Dplants=true holds them all, asleep; one at a time is woken by plant_set(). In
 * every other build PLANTED() is the constant false and nothing of them is left.
 * Threads: set before anything runs; asked by any. */
#ifndef HOLDFAST_BASE_PLANT_H
#define HOLDFAST_BASE_PLANT_H

#include "base/compiler.h"

enum plant {
    PLANT_NONE,
#define X(name, text, breaks) PLANT_##name,
#include "base/plants.def"
#undef X
    PLANTS
};

const char *plant_name(enum plant plant); /* "none", "no-intent", … */
const char *plant_breaks(enum plant plant);
MUST_USE bool plant_parse(const char *name, enum plant *ret_plant);
/* False: this build holds none. */
bool plant_set(enum plant plant);

#ifdef HOLDFAST_PLANTS
bool plant_is(enum plant plant);
#define PLANTED(name) plant_is(PLANT_##name)
#else
#define PLANTED(name) false
#endif

#endif
