/* SPDX-License-Identifier: Apache-2.0
 * brief_links.h: what briefs and postmortems are made of (brief_sources.h), from those who have it:
 * measures and the next items of checklists. What is not there (NULL) is left out, and they say so.
 * Threads: any. Owns: nothing; what is given must live as long. */
#ifndef HOLDFAST_INCIDENT_BRIEF_LINKS_H
#define HOLDFAST_INCIDENT_BRIEF_LINKS_H

#include "incident/brief_sources.h"
#include "incident/containment.h"
#include "incident/playbook.h"

struct brief_sources brief_sources_of(struct gate *gate, struct containments *containments,
                                      struct playbooks *playbooks);

#endif
