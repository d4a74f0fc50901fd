/* SPDX-License-Identifier: Apache-2.0
 * match_schema.h: the keys of `struct match_rule_config` and `struct match_gateway_config`, for the
 * schema of whoever holds lists of them, or of tolerances. */
#ifndef HOLDFAST_MATCH_MATCH_SCHEMA_H
#define HOLDFAST_MATCH_MATCH_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_value_t match_rule_schema, match_gateway_schema, match_tolerance_schema;

#endif
