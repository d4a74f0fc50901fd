/* SPDX-License-Identifier: Apache-2.0
 * gate_schema.h: the keys of `struct gate_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_INCIDENT_GATE_SCHEMA_H
#define HOLDFAST_INCIDENT_GATE_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t gate_config_fields[];

#endif
