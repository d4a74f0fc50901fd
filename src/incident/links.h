/* SPDX-License-Identifier: Apache-2.0
 * links.h: what the parts of this floor give each other where one of them only names what it needs:
 * measures for playbooks, measures and next items for briefs and postmortems. What is not there
 * (NULL) is left out, and whoever asks for it says so.
 * Threads: any. Owns: nothing; what is given must live as long. */
#ifndef HOLDFAST_INCIDENT_LINKS_H
#define HOLDFAST_INCIDENT_LINKS_H

#include "incident/brief_sources.h"
#include "incident/containment.h"
#include "incident/playbook.h"

/* An action of a playbook is a measure of the incident (playbook_measures.def by containment_kinds
 * .def). What no measure is ("notice") is refused: its command does it. */
struct playbook_actions playbook_actions_of(struct containments *containments);

struct brief_sources brief_sources_of(struct gate *gate, struct containments *containments,
                                      struct playbooks *playbooks);

#endif
