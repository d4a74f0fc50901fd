/* SPDX-License-Identifier: Apache-2.0
 * alert_schema.h: the keys of `struct alert_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_WATCH_ALERT_SCHEMA_H
#define HOLDFAST_WATCH_ALERT_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t alert_config_fields[];

#endif
