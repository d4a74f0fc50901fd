/* SPDX-License-Identifier: Apache-2.0
 * settle_schema.h: the keys of `struct workdays_settings` and `struct settle_settings`, for the
 * schema of whoever holds some. */
#ifndef HOLDFAST_RECON_SETTLE_SCHEMA_H
#define HOLDFAST_RECON_SETTLE_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_value_t workdays_settings_value;
extern const cyaml_schema_value_t settle_settings_value;

#endif
