/* SPDX-License-Identifier: Apache-2.0
 * gate_config.h: the section `incidents.gate:` of holdfast.yaml: limits of the gate before
 * "resolved". What is absent is as in gate_limits.def, which also has the bounds;
 * gate_limits_read() checks them. Owns: belongs to the configuration that it is part of. */
#ifndef HOLDFAST_INCIDENT_GATE_CONFIG_H
#define HOLDFAST_INCIDENT_GATE_CONFIG_H

struct gate_config {
    unsigned *hold_s, *bad_percent, *answer_s, *stuck_s;
    unsigned *callbacks_max, *webhooks_max, *jobs_late_max, *unresolved_max;
};

#endif
