/* SPDX-License-Identifier: Apache-2.0
 * desk_schema.h: the keys of `struct desk_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_DESK_DESK_SCHEMA_H
#define HOLDFAST_DESK_DESK_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t desk_config_fields[];

#endif
