/* SPDX-License-Identifier: Apache-2.0
 * message_schema.h: the fields of `struct message_config`, for the schema of whoever holds it. */
#ifndef HOLDFAST_COMMS_MESSAGE_SCHEMA_H
#define HOLDFAST_COMMS_MESSAGE_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t message_config_fields[];

#endif
