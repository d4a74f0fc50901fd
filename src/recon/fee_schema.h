/* SPDX-License-Identifier: Apache-2.0
 * fee_schema.h: the keys of `struct fee_settings` and
 * `struct fee_tolerance_settings`, for the schema of whoever holds some. */
#ifndef HOLDFAST_RECON_FEE_SCHEMA_H
#define HOLDFAST_RECON_FEE_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_value_t fee_settings_value, fee_tolerance_value;

#endif
