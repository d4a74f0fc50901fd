/* SPDX-License-Identifier: Apache-2.0
 * risk_config.c: the schema of `risk:`. What a key may say is checked in rules.c, where it is
 * understood. */
#include "risk/risk_config.h"

#include <string.h>

#include "risk/risk_schema.h"
#include "risk/rules.h"

enum { NAME_CHARS_MAX = 120, TEXT_CHARS_MAX = 2000, LIST_MAX = 64 };

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, TEXT_CHARS_MAX)
#define NUMBER(key, type, member) CYAML_FIELD_UINT(key, OPTIONAL, type, member)
#define TEXTS(key, type, member)                                                                   \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL_POINTER, type, member, member##_count, &text_value,   \
                               1, LIST_MAX)

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_CHARS_MAX),
};

static const cyaml_schema_field_t velocity_fields[] = {
    TEXT("by", struct risk_velocity_config, by, 0),
    TEXT("over", struct risk_velocity_config, over, 0),
    NUMBER("count", struct risk_velocity_config, count),
    NUMBER("sum", struct risk_velocity_config, sum),
    TEXT("currency", struct risk_velocity_config, currency, OPTIONAL),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t condition_fields[] = {
    CYAML_FIELD_UINT_PTR("amount_min", OPTIONAL_POINTER, struct risk_condition_config, amount_min),
    CYAML_FIELD_UINT_PTR("amount_max", OPTIONAL_POINTER, struct risk_condition_config, amount_max),
    TEXT("currency", struct risk_condition_config, currency, OPTIONAL),
    TEXTS("regions", struct risk_condition_config, regions),
    TEXTS("regions_not", struct risk_condition_config, regions_not),
    TEXTS("methods", struct risk_condition_config, methods),
    TEXTS("purposes", struct risk_condition_config, purposes),
    CYAML_FIELD_BOOL_PTR("vip", OPTIONAL_POINTER, struct risk_condition_config, vip),
    CYAML_FIELD_BOOL_PTR("watched", OPTIONAL_POINTER, struct risk_condition_config, watched),
    CYAML_FIELD_MAPPING_PTR("velocity", OPTIONAL_POINTER, struct risk_condition_config, velocity,
                            velocity_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t condition_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct risk_condition_config, condition_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("name", struct risk_rule_config, name, 0),
    TEXT("says", struct risk_rule_config, says, 0),
    TEXT("action", struct risk_rule_config, action, OPTIONAL),
    NUMBER("score", struct risk_rule_config, score),
    CYAML_FIELD_SEQUENCE_COUNT("all", OPTIONAL_POINTER, struct risk_rule_config, all, all_count,
                               &condition_value, 1, RISK_CONDITIONS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("any", OPTIONAL_POINTER, struct risk_rule_config, any, any_count,
                               &condition_value, 1, RISK_CONDITIONS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct risk_rule_config, rule_fields),
};

static const cyaml_schema_field_t scorer_fields[] = {
    TEXT("url", struct risk_scorer_config, url, 0),
    TEXT("key", struct risk_scorer_config, key, OPTIONAL),
    NUMBER("timeout_ms", struct risk_scorer_config, timeout_ms),
    /* Nobody should have to look up what a default would do with his money. */
    TEXT("fail", struct risk_scorer_config, fail, 0),
    CYAML_FIELD_END,
};

const cyaml_schema_field_t risk_config_fields[] = {
    NUMBER("review_score", struct risk_config, review_score),
    NUMBER("hold_score", struct risk_config, hold_score),
    NUMBER("deny_score", struct risk_config, deny_score),
    CYAML_FIELD_MAPPING_PTR("scorer", OPTIONAL_POINTER, struct risk_config, scorer, scorer_fields),
    CYAML_FIELD_SEQUENCE_COUNT("rules", OPTIONAL_POINTER, struct risk_config, rules, rules_count,
                               &rule_value, 0, RISK_RULES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_MAPPING_PTR("risk", CYAML_FLAG_POINTER, struct risk_file, risk, risk_config_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct risk_file, file_fields),
};

int risk_config_read(const char *name, const char *text, struct risk_file **ret_file,
                     struct err *err) {
    void *file = NULL;
    int r = config_read(name, text, strlen(text), &file_value, &file, err);
    if (r >= 0) {
        *ret_file = file;
    }
    return r;
}

void risk_config_free(struct risk_file *file) {
    config_free(&file_value, file);
}
