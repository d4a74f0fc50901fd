/* SPDX-License-Identifier: Apache-2.0
 * channel_config.c: the schema of `channels:`, and the settings that come of it. */
#include "watch/channel_config.h"

#include "base/clock.h"
#include "watch/channel_schema.h"

enum { NAME_CHARS_MAX = 80 };

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags, max)                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, max)

static const cyaml_schema_field_t credential_fields[] = {
    TEXT("name", struct channel_config_credential, name, 0, NAME_CHARS_MAX),
    TEXT("from", struct channel_config_credential, from, 0, CHANNEL_VALUE_BYTES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t credential_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct channel_config_credential, credential_fields),
};

static const cyaml_schema_field_t option_fields[] = {
    TEXT("name", struct channel_config_option, name, 0, NAME_CHARS_MAX),
    TEXT("value", struct channel_config_option, value, 0, CHANNEL_VALUE_BYTES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t option_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct channel_config_option, option_fields),
};

static const cyaml_schema_field_t channel_fields[] = {
    TEXT("name", struct channel_config, name, 0, NAME_CHARS_MAX),
    TEXT("kind", struct channel_config, kind, 0, NAME_CHARS_MAX),
    TEXT("language", struct channel_config, language, CYAML_FLAG_OPTIONAL, NAME_CHARS_MAX),
    TEXT("fallback", struct channel_config, fallback, CYAML_FLAG_OPTIONAL, NAME_CHARS_MAX),
    CYAML_FIELD_UINT("fallback_after_minutes", CYAML_FLAG_OPTIONAL, struct channel_config,
                     fallback_after_minutes),
    CYAML_FIELD_SEQUENCE_COUNT("credentials", OPTIONAL_POINTER, struct channel_config, credentials,
                               credentials_count, &credential_value, 0, CHANNEL_FIELDS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("options", OPTIONAL_POINTER, struct channel_config, options,
                               options_count, &option_value, 0, CHANNEL_FIELDS_MAX),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t channel_config_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct channel_config, channel_fields),
};

int channel_config_settings(const struct channel_config *config, unsigned count,
                            struct channel_settings *ret_settings, struct err *err) {
    if (count > CHANNELS_MAX) {
        err_set(err, ERR_CONFIG, "there are more than %d channels", CHANNELS_MAX);
        return err_place(err, "channels");
    }
    for (unsigned i = 0; i < count; i++) {
        const struct channel_config *one = &config[i];
        struct channel_settings *settings = &ret_settings[i];
        *settings = (struct channel_settings){
            .name = one->name,
            .kind = one->kind,
            .language = one->language,
            .fallback = one->fallback,
            .fallback_after_us = one->fallback_after_minutes * 60 * US_PER_SECOND,
            .credential_count = (int)one->credentials_count,
            .option_count = (int)one->options_count,
        };
        for (unsigned j = 0; j < one->credentials_count; j++) {
            settings->credentials[j].name = one->credentials[j].name;
            settings->credentials[j].reference = one->credentials[j].from;
        }
        for (unsigned j = 0; j < one->options_count; j++) {
            settings->options[j].name = one->options[j].name;
            settings->options[j].value = one->options[j].value;
        }
    }
    return 0;
}
