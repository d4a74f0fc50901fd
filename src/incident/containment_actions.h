/* SPDX-License-Identifier: Apache-2.0
 * containment_actions.h: measures as the actions of playbooks (playbook.h). Threads: any. Owns:
 * nothing; errors are those of containment.h. */
#ifndef HOLDFAST_INCIDENT_CONTAINMENT_ACTIONS_H
#define HOLDFAST_INCIDENT_CONTAINMENT_ACTIONS_H

#include "incident/containment.h"
#include "incident/playbook.h"

/* A reference is the measure's id. A run of what the incident has taken already, and that stands as
 * it was taken, is that measure; an undoing of what was undone is done. Of kind `notice` nothing is
 * sent from here: it is done once customers were written to for the incident. */
struct playbook_actions containment_actions(struct containments *containments);

#endif
