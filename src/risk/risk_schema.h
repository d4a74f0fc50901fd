/* SPDX-License-Identifier: Apache-2.0
 * risk_schema.h: the keys of `struct risk_config`, for the schema of whoever holds one. */
#ifndef HOLDFAST_RISK_RISK_SCHEMA_H
#define HOLDFAST_RISK_RISK_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_field_t risk_config_fields[];

#endif
