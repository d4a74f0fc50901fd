/* SPDX-License-Identifier: Apache-2.0
 * mode_schema.h: the keys of `struct mode_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_MODE_MODE_SCHEMA_H
#define HOLDFAST_MODE_MODE_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t mode_config_fields[];

#endif
