/* SPDX-License-Identifier: Apache-2.0
 * deps_gather.h: the dependency map as a list, for whoever wants more of it than its route.
 * Threads: a request's task. Owns nothing. Errors: ERR_STORE and its kin; a database that does not
 * answer is not one of them: it is an edge that is down, and what only it knows is unknown. */
#ifndef HOLDFAST_API_DEPS_GATHER_H
#define HOLDFAST_API_DEPS_GATHER_H

#include <glib.h>

#include "api/deps.h"
#include "api/front.h"

/* Appends each edge, a struct dep, to `edges`: what we need first, then who needs us. */
MUST_USE int deps_gather(struct ask *ask, GArray *edges, struct err *err);

#endif
