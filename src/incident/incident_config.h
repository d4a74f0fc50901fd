/* SPDX-License-Identifier: Apache-2.0
 * incident_config.h: the section `incidents:` of holdfast.yaml (docs/incidents.md). What is absent
 * leaves a zero, for which incident_settings.c has the default; incidents_check() checks what the
 * schema cannot. Owns: belongs to the configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_INCIDENT_INCIDENT_CONFIG_H
#define HOLDFAST_INCIDENT_INCIDENT_CONFIG_H

#include <stdbool.h>

#include "incident/gate_config.h"

struct incident_opener_config { /* which alerts open an incident; one row that fits is enough */
    char **rules;               /* absent: any */
    unsigned rules_count;
    char **severities; /* absent: P0 and P1 */
    unsigned severities_count;
    unsigned after_s;      /* it has fired for so long */
    unsigned occurrences;  /* so many of the same thing, this one counted … [1] */
    unsigned within_hours; /* … within so long [24] */
};

struct incident_role_config {
    char *role;         /* a name of incident_roles.def */
    char *rota, *deputy; /* names of alerts.rotas; the second may be absent */
};

struct incident_cadence_config { /* what is absent stays as cadence.def has it; 0: never */
    char *severity;
    unsigned *acknowledge_minutes, *first_minutes, *update_minutes;
};

struct playbooks_config {
    char *dir; /* playbooks that stand beside those that are built in, or in their place */
};

struct incident_config {
    bool by_hand; /* no alert opens one; later ones still join those that there are */
    struct incident_opener_config *open_by; /* absent: P0 and P1, at once */
    unsigned open_by_count;
    struct incident_role_config *roles; /* absent: nobody has one until somebody takes it */
    unsigned roles_count;
    struct incident_cadence_config *cadence;
    unsigned cadence_count;
    struct playbooks_config playbooks;
    unsigned nag_minutes; /* from the owner to the commander, and to the escalation path [5] */
    struct gate_config gate; /* limits of the gate before "resolved" */
};

#endif
