/* SPDX-License-Identifier: Apache-2.0
 * figures_schema.h: the keys of a `struct config_figure`, for the schema of whoever holds a list.
 */
#ifndef HOLDFAST_WATCH_FIGURES_SCHEMA_H
#define HOLDFAST_WATCH_FIGURES_SCHEMA_H

#include "base/config.h"

extern const cyaml_schema_value_t figure_config_value;

#endif
