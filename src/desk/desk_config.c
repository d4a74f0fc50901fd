/* SPDX-License-Identifier: Apache-2.0
 * desk_config.c: the schema of `desk:`. */
#include "desk/desk_config.h"

#include "desk/desk_schema.h"

enum { TEXT_CHARS_MAX = 500, LIMITS_MAX = 64 };

#define TEXT(key, type, flags)                                                                     \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), type, key, 1, TEXT_CHARS_MAX)

static const cyaml_schema_field_t limit_fields[] = {
    TEXT(role, struct desk_limit_config, 0),
    TEXT(currency, struct desk_limit_config, 0),
    CYAML_FIELD_UINT("refund", CYAML_FLAG_DEFAULT, struct desk_limit_config, refund),
    CYAML_FIELD_UINT("refund_per_day", CYAML_FLAG_OPTIONAL, struct desk_limit_config,
                     refund_per_day),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t limit_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct desk_limit_config, limit_fields),
};

const cyaml_schema_field_t desk_config_fields[] = {
    TEXT(kb, struct desk_config, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_SEQUENCE_COUNT("limits", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                               struct desk_config, limits, limits_count, &limit_value, 0,
                               LIMITS_MAX),
    CYAML_FIELD_END,
};
