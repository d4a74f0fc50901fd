/* SPDX-License-Identifier: Apache-2.0
 * plant.c: which planted fault is awake, see plant.h. */
#include "base/plant.h"

#include <string.h>

static const struct {
    const char *name, *breaks;
} plants[PLANTS] = {
    [PLANT_NONE] = {"none", "nothing"},
#define X(name, text, breaks) [PLANT_##name] = {text, breaks},
#include "base/plants.def"
#undef X
};

const char *plant_name(enum plant plant) {
    return plants[plant].name;
}

const char *plant_breaks(enum plant plant) {
    return plants[plant].breaks;
}

bool plant_parse(const char *name, enum plant *ret_plant) {
    for (int i = 0; i < PLANTS; i++) {
        if (strcmp(plants[i].name, name) == 0) {
            *ret_plant = (enum plant)i;
            return true;
        }
    }
    return false;
}

#ifdef HOLDFAST_PLANTS
static enum plant awake = PLANT_NONE; /* written once, while there is one thread */

bool plant_set(enum plant plant) {
    awake = plant;
    return true;
}

bool plant_is(enum plant plant) {
    return awake == plant;
}
#else
bool plant_set(enum plant plant) {
    return plant == PLANT_NONE;
}
#endif
