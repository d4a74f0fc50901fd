/* SPDX-License-Identifier: Apache-2.0
 * alert_config.c: the schema of `alerts:`. What a key may say is checked in alert_settings.c, where
 * it is understood. */
#include "watch/alert_config.h"

#include "watch/alert_schema.h"

enum { NAME_CHARS_MAX = 200, LIST_MAX = 100, RULES_MAX = 200 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, NAME_CHARS_MAX)
#define MAY(key, type, member) TEXT(key, type, member, CYAML_FLAG_OPTIONAL)
#define NAMES(key, type, member)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &name_value,   \
                               1, LIST_MAX)
#define LIST(key, type, member, value, max)                                                        \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &(value), 1,   \
                               max)
#define NUMBER_PTR(key, type, member)                                                              \
    CYAML_FIELD_UINT_PTR(key, OPTIONAL_POINTER, type, member)
#define ITEM(type, fields) CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, type, fields)

static const cyaml_schema_value_t name_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t hours_fields[] = {
    MAY("from", struct alert_hours_config, from),
    MAY("until", struct alert_hours_config, until),
    NAMES("days", struct alert_hours_config, days),
    MAY("time_zone", struct alert_hours_config, time_zone),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("name", struct alert_rule_config, name, 0),
    MAY("severity", struct alert_rule_config, severity),
    MAY("team", struct alert_rule_config, team),
    NUMBER_PTR("for_s", struct alert_rule_config, for_s),
    NUMBER_PTR("keep_s", struct alert_rule_config, keep_s),
    CYAML_FIELD_BOOL("off", CYAML_FLAG_OPTIONAL, struct alert_rule_config, off),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_value = {ITEM(struct alert_rule_config, rule_fields)};

static const cyaml_schema_field_t route_fields[] = {
    TEXT("name", struct alert_route_config, name, 0),
    NAMES("teams", struct alert_route_config, teams),
    NAMES("severities", struct alert_route_config, severities),
    NAMES("match", struct alert_route_config, match),
    CYAML_FIELD_MAPPING_PTR("hours", OPTIONAL_POINTER, struct alert_route_config, hours,
                            hours_fields),
    NAMES("channels", struct alert_route_config, channels),
    CYAML_FIELD_BOOL("continue", CYAML_FLAG_OPTIONAL, struct alert_route_config, go_on),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t route_value = {ITEM(struct alert_route_config, route_fields)};

static const cyaml_schema_field_t inhibition_fields[] = {
    NAMES("source", struct alert_inhibition_config, source),
    NAMES("target", struct alert_inhibition_config, target),
    NAMES("equal", struct alert_inhibition_config, equal),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t inhibition_value = {
    ITEM(struct alert_inhibition_config, inhibition_fields)};

static const cyaml_schema_field_t person_fields[] = {
    TEXT("name", struct alert_person_config, name, 0),
    NAMES("channels", struct alert_person_config, channels),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t person_value = {ITEM(struct alert_person_config, person_fields)};

static const cyaml_schema_field_t shift_fields[] = {
    NAMES("people", struct alert_shift_config, people),
    CYAML_FIELD_MAPPING("hours", CYAML_FLAG_OPTIONAL, struct alert_shift_config, hours,
                        hours_fields),
    CYAML_FIELD_UINT("turn_days", CYAML_FLAG_OPTIONAL, struct alert_shift_config, turn_days),
    MAY("since", struct alert_shift_config, since),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t shift_value = {ITEM(struct alert_shift_config, shift_fields)};

static const cyaml_schema_field_t rota_fields[] = {
    TEXT("name", struct alert_rota_config, name, 0),
    MAY("time_zone", struct alert_rota_config, time_zone),
    LIST("shifts", struct alert_rota_config, shifts, shift_value, LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rota_value = {ITEM(struct alert_rota_config, rota_fields)};

static const cyaml_schema_field_t step_fields[] = {
    CYAML_FIELD_UINT("after_minutes", CYAML_FLAG_DEFAULT, struct alert_step_config, after_minutes),
    TEXT("to", struct alert_step_config, to, 0),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_value = {ITEM(struct alert_step_config, step_fields)};

static const cyaml_schema_field_t escalation_fields[] = {
    NAMES("teams", struct alert_escalation_config, teams),
    NAMES("severities", struct alert_escalation_config, severities),
    LIST("steps", struct alert_escalation_config, steps, step_value, LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t escalation_value = {
    ITEM(struct alert_escalation_config, escalation_fields)};

static const cyaml_schema_field_t heartbeat_fields[] = {
    TEXT("channel", struct alert_heartbeat_config, channel, 0),
    CYAML_FIELD_UINT("every_minutes", CYAML_FLAG_OPTIONAL, struct alert_heartbeat_config,
                     every_minutes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t self_test_fields[] = {
    CYAML_FIELD_BOOL("off", CYAML_FLAG_OPTIONAL, struct alert_self_test_config, off),
    MAY("day", struct alert_self_test_config, day),
    MAY("time", struct alert_self_test_config, time),
    CYAML_FIELD_END,
};

const cyaml_schema_field_t alert_config_fields[] = {
    MAY("language", struct alert_config, language),
    MAY("url", struct alert_config, url),
    MAY("time_zone", struct alert_config, time_zone),
    NAMES("group_by", struct alert_config, group_by),
    NUMBER_PTR("group_wait_s", struct alert_config, group_wait_s),
    NUMBER_PTR("group_interval_s", struct alert_config, group_interval_s),
    NUMBER_PTR("repeat_minutes", struct alert_config, repeat_minutes),
    LIST("rules", struct alert_config, rules, rule_value, RULES_MAX),
    LIST("routes", struct alert_config, routes, route_value, LIST_MAX),
    LIST("inhibit", struct alert_config, inhibit, inhibition_value, LIST_MAX),
    LIST("people", struct alert_config, people, person_value, LIST_MAX),
    LIST("rotas", struct alert_config, rotas, rota_value, LIST_MAX),
    LIST("escalations", struct alert_config, escalations, escalation_value, LIST_MAX),
    CYAML_FIELD_MAPPING_PTR("heartbeat", OPTIONAL_POINTER, struct alert_config, heartbeat,
                            heartbeat_fields),
    CYAML_FIELD_MAPPING("self_test", CYAML_FLAG_OPTIONAL, struct alert_config, self_test,
                        self_test_fields),
    CYAML_FIELD_END,
};
