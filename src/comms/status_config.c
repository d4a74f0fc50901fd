/* SPDX-License-Identifier: Apache-2.0
 * status_config.c: the schema of `status:`. What a key may say is checked in status_components.c,
 * where it is understood. */
#include "comms/status_config.h"

#include "comms/status_schema.h"

enum { TEXT_CHARS_MAX = 200, LIST_MAX = 32, COMPONENTS_MAX = 32 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, flags)                                                                     \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), type, key, 1, TEXT_CHARS_MAX)
#define NAMES(key)                                                                                 \
    CYAML_FIELD_SEQUENCE_COUNT(#key, OPTIONAL_POINTER, struct status_component_config, key,        \
                               key##_count, &name_value, 1, LIST_MAX)

static const cyaml_schema_value_t name_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_CHARS_MAX),
};
static const cyaml_schema_field_t component_fields[] = {
    TEXT(id, struct status_component_config, 0),
    TEXT(name, struct status_component_config, 0),
    TEXT(name_zh, struct status_component_config, 0),
    TEXT(watches, struct status_component_config, CYAML_FLAG_OPTIONAL),
    NAMES(methods),
    NAMES(gateways),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t component_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct status_component_config, component_fields)};

const cyaml_schema_field_t status_config_fields[] = {
    TEXT(url, struct status_config, CYAML_FLAG_OPTIONAL),
    TEXT(name, struct status_config, CYAML_FLAG_OPTIONAL),
    TEXT(name_zh, struct status_config, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("components", OPTIONAL_POINTER, struct status_config, components,
                               components_count, &component_value, 1, COMPONENTS_MAX),
    CYAML_FIELD_END,
};
