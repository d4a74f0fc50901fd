/* SPDX-License-Identifier: Apache-2.0
 * responders.h: persons who run incidents while all goes wrong: they open, move, sign, correct and
 * note them, also both at once and what the table of moves refuses, and say that one is resolved.
 * In a run no gate can let it through: it takes detectors that have looked and seen nothing for
 * half an hour, and in a run none looks. So each incident that is called resolved breaks I7.
 *
 *   responders.c        the persons
 *   oracle_incidents.c  what must be true: after each commit about an incident, when a life
 *                       begins, and at the end
 * Threads: of the world. Errors fail the run. */
#ifndef HOLDFAST_SIM_RESPONDERS_H
#define HOLDFAST_SIM_RESPONDERS_H

#include "sim/oracle_impl.h"

struct responders {
    bool changed; /* an incident, since they were last looked at */
};

/* Nothing for a run without incidents. */
void responders_open(struct run *run);
/* A statement of the service's. */
void incidents_stated(struct run *run, const char *sql);
/* Whether an incident may have changed since they were last looked at. */
bool incidents_changed(const struct run *run);
/* After a commit, with the world held. */
void oracle_incidents(struct run *run);
void check_incidents(struct end *end);

#endif
