/* SPDX-License-Identifier: Apache-2.0
 * mode_config.c: the schema of `modes:`. What a key may say is checked in settings.c, where it is
 * understood. */
#include "mode/mode_config.h"

#include "mode/mode_schema.h"

enum { NAME_CHARS_MAX = 60, LIST_MAX = 32 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define NAMES(key, type, member)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &name_value,   \
                               1, LIST_MAX)
#define HOLD(key, member)                                                                          \
    CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, struct mode_config, member, hold_fields)

static const cyaml_schema_value_t name_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t hold_fields[] = {
    CYAML_FIELD_UINT_PTR("enter_s", OPTIONAL_POINTER, struct mode_hold_config, enter_s),
    CYAML_FIELD_UINT_PTR("exit_s", OPTIONAL_POINTER, struct mode_hold_config, exit_s),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t route_fields[] = {
    CYAML_FIELD_STRING_PTR("method", CYAML_FLAG_POINTER, struct mode_route_config, method, 1,
                           NAME_CHARS_MAX),
    CYAML_FIELD_STRING_PTR("gateway", CYAML_FLAG_POINTER, struct mode_route_config, gateway, 1,
                           NAME_CHARS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t route_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct mode_route_config, route_fields),
};

static const cyaml_schema_field_t simplified_fields[] = {
    NAMES("core", struct mode_simplified_config, core),
    CYAML_FIELD_SEQUENCE_COUNT("route", OPTIONAL_POINTER, struct mode_simplified_config, route,
                               route_count, &route_value, 1, LIST_MAX),
    CYAML_FIELD_END,
};

const cyaml_schema_field_t mode_config_fields[] = {
    HOLD("reroute", reroute),
    HOLD("reduced", reduced),
    HOLD("deferred", deferred),
    HOLD("read_only", read_only),
    NAMES("not_enough", struct mode_config, not_enough),
    CYAML_FIELD_MAPPING("simplified", CYAML_FLAG_OPTIONAL, struct mode_config, simplified,
                        simplified_fields),
    CYAML_FIELD_END,
};
