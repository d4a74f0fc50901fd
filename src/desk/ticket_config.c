/* SPDX-License-Identifier: Apache-2.0
 * ticket_config.c: the schema of `tickets:`. What a key may say is checked in ticket_settings.c,
 * where it is understood. */
#include "desk/ticket_config.h"

#include "desk/ticket_schema.h"

enum { NAME_CHARS_MAX = 80, LIST_MAX = 64, HOLIDAYS_MAX = 400, RULES_MAX = 200 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, NAME_CHARS_MAX)
#define NAMES(key, type, member, max)                                                              \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &name_value,   \
                               1, max)
#define LIST(key, member, value, max)                                                              \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, struct ticket_config, member,                \
                               member##_count, &(value), 1, max)

static const cyaml_schema_value_t name_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t hours_fields[] = {
    TEXT("from", struct ticket_hours_config, from, 0),
    TEXT("until", struct ticket_hours_config, until, 0),
    NAMES("days", struct ticket_hours_config, days, 7),
    NAMES("holidays", struct ticket_hours_config, holidays, HOLIDAYS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t sla_fields[] = {
    TEXT("priority", struct ticket_sla_config, priority, 0),
    CYAML_FIELD_UINT("hours", CYAML_FLAG_DEFAULT, struct ticket_sla_config, hours),
    TEXT("clock", struct ticket_sla_config, clock, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t sla_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ticket_sla_config, sla_fields),
};

static const cyaml_schema_field_t limit_fields[] = {
    TEXT("currency", struct ticket_limit_config, currency, 0),
    CYAML_FIELD_UINT("amount", CYAML_FLAG_DEFAULT, struct ticket_limit_config, amount),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t limit_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ticket_limit_config, limit_fields),
};

static const cyaml_schema_field_t team_fields[] = {
    TEXT("name", struct ticket_team_config, name, 0),
    CYAML_FIELD_SEQUENCE_COUNT("members", CYAML_FLAG_POINTER, struct ticket_team_config, members,
                               members_count, &name_value, 1, LIST_MAX),
    TEXT("lead", struct ticket_team_config, lead, CYAML_FLAG_OPTIONAL),
    TEXT("share", struct ticket_team_config, share, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t team_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ticket_team_config, team_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("name", struct ticket_rule_config, name, CYAML_FLAG_OPTIONAL),
    NAMES("kinds", struct ticket_rule_config, kinds, LIST_MAX),
    NAMES("classes", struct ticket_rule_config, classes, LIST_MAX),
    NAMES("gateways", struct ticket_rule_config, gateways, LIST_MAX),
    NAMES("currencies", struct ticket_rule_config, currencies, LIST_MAX),
    NAMES("risks", struct ticket_rule_config, risks, LIST_MAX),
    CYAML_FIELD_UINT("amount_min", CYAML_FLAG_OPTIONAL, struct ticket_rule_config, amount_min),
    CYAML_FIELD_UINT("amount_max", CYAML_FLAG_OPTIONAL, struct ticket_rule_config, amount_max),
    TEXT("team", struct ticket_rule_config, team, CYAML_FLAG_OPTIONAL),
    TEXT("user", struct ticket_rule_config, user, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ticket_rule_config, rule_fields),
};

static const cyaml_schema_field_t step_fields[] = {
    CYAML_FIELD_UINT("after_minutes", CYAML_FLAG_DEFAULT, struct ticket_step_config, after_minutes),
    TEXT("to", struct ticket_step_config, to, 0),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ticket_step_config, step_fields),
};

const cyaml_schema_field_t ticket_config_fields[] = {
    TEXT("time_zone", struct ticket_config, time_zone, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_MAPPING_PTR("business_hours", OPTIONAL_POINTER, struct ticket_config,
                            business_hours, hours_fields),
    LIST("sla", sla, sla_value, LIST_MAX),
    LIST("approve_above", approve_above, limit_value, LIST_MAX),
    LIST("teams", teams, team_value, LIST_MAX),
    LIST("rules", rules, rule_value, RULES_MAX),
    TEXT("default_team", struct ticket_config, default_team, CYAML_FLAG_OPTIONAL),
    LIST("escalation", escalation, step_value, LIST_MAX),
    CYAML_FIELD_END,
};
