/* SPDX-License-Identifier: Apache-2.0
 * ticket_schema.h: the keys of `struct ticket_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_DESK_TICKET_SCHEMA_H
#define HOLDFAST_DESK_TICKET_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t ticket_config_fields[];

#endif
