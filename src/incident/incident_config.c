/* SPDX-License-Identifier: Apache-2.0
 * incident_config.c: the schema of `incidents:`. What a key may say is checked in
 * incident_settings.c, where it is understood. */
#include "incident/incident_config.h"

#include "incident/gate_schema.h"
#include "incident/incident_schema.h"

enum { NAME_CHARS_MAX = 120, LIST_MAX = 32 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, NAME_CHARS_MAX)
#define NAMES(key, type, member)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &name_value,   \
                               1, LIST_MAX)
#define LIST(key, member, value)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, struct incident_config, member,              \
                               member##_count, &(value), 1, LIST_MAX)
#define NUMBER(key, type, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, type, member)
#define NUMBER_PTR(key, type, member) CYAML_FIELD_UINT_PTR(key, OPTIONAL_POINTER, type, member)
#define ITEM(type, fields) CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, type, fields)

static const cyaml_schema_value_t name_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t opener_fields[] = {
    NAMES("rules", struct incident_opener_config, rules),
    NAMES("severities", struct incident_opener_config, severities),
    NUMBER("after_s", struct incident_opener_config, after_s),
    NUMBER("occurrences", struct incident_opener_config, occurrences),
    NUMBER("within_hours", struct incident_opener_config, within_hours),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t opener_value = {
    ITEM(struct incident_opener_config, opener_fields)};

static const cyaml_schema_field_t role_fields[] = {
    TEXT("role", struct incident_role_config, role, 0),
    TEXT("rota", struct incident_role_config, rota, 0),
    TEXT("deputy", struct incident_role_config, deputy, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t role_value = {ITEM(struct incident_role_config, role_fields)};

static const cyaml_schema_field_t cadence_fields[] = {
    TEXT("severity", struct incident_cadence_config, severity, 0),
    NUMBER_PTR("acknowledge_minutes", struct incident_cadence_config, acknowledge_minutes),
    NUMBER_PTR("first_minutes", struct incident_cadence_config, first_minutes),
    NUMBER_PTR("update_minutes", struct incident_cadence_config, update_minutes),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t cadence_value = {
    ITEM(struct incident_cadence_config, cadence_fields)};

enum { PATH_CHARS_MAX = 300 };
static const cyaml_schema_field_t playbooks_fields[] = {
    CYAML_FIELD_STRING_PTR("dir", OPTIONAL_POINTER, struct playbooks_config, dir, 1,
                           PATH_CHARS_MAX),
    CYAML_FIELD_END,
};

const cyaml_schema_field_t incident_config_fields[] = {
    CYAML_FIELD_BOOL("by_hand", CYAML_FLAG_OPTIONAL, struct incident_config, by_hand),
    LIST("open_by", open_by, opener_value),
    LIST("roles", roles, role_value),
    LIST("cadence", cadence, cadence_value),
    CYAML_FIELD_MAPPING("playbooks", CYAML_FLAG_OPTIONAL, struct incident_config, playbooks,
                        playbooks_fields),
    NUMBER("nag_minutes", struct incident_config, nag_minutes),
    CYAML_FIELD_MAPPING("gate", CYAML_FLAG_OPTIONAL, struct incident_config, gate,
                        gate_config_fields),
    CYAML_FIELD_END,
};
