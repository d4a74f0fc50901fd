/* SPDX-License-Identifier: Apache-2.0
 * status_schema.h: the fields of `struct status_config`, for the schema of whoever holds it. */
#ifndef HOLDFAST_COMMS_STATUS_SCHEMA_H
#define HOLDFAST_COMMS_STATUS_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t status_config_fields[];

#endif
