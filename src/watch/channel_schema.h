/* SPDX-License-Identifier: Apache-2.0
 * channel_schema.h: one item of the list `channels:`, for the schema of whoever holds the list: a
 * sequence of CHANNELS_MAX `struct channel_config` at most. */
#ifndef HOLDFAST_WATCH_CHANNEL_SCHEMA_H
#define HOLDFAST_WATCH_CHANNEL_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_value_t channel_config_value;

#endif
