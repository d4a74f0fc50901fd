/* SPDX-License-Identifier: Apache-2.0
 * incident_schema.h: the keys of `struct incident_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_INCIDENT_INCIDENT_SCHEMA_H
#define HOLDFAST_INCIDENT_INCIDENT_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t incident_config_fields[];

#endif
