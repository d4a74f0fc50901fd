/* SPDX-License-Identifier: Apache-2.0
 * detection_schema.h: the keys of a `struct detection_config`, for the schema of whoever holds one.
 */
#ifndef HOLDFAST_WATCH_DETECTION_SCHEMA_H
#define HOLDFAST_WATCH_DETECTION_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t detection_config_fields[];

#endif
