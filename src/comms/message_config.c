/* SPDX-License-Identifier: Apache-2.0
 * message_config.c: the schema of `messages:`. */
#include "comms/message_config.h"

#include "comms/message_schema.h"

enum { TEXT_CHARS_MAX = 500 };

#define TEXT(key)                                                                                  \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct message_config, \
                           key, 1, TEXT_CHARS_MAX)
#define NUMBER(key) CYAML_FIELD_UINT(#key, CYAML_FLAG_OPTIONAL, struct message_config, key)

const cyaml_schema_field_t message_config_fields[] = {
    TEXT(email),
    TEXT(sms),
    TEXT(webhook),
    NUMBER(email_per_second),
    NUMBER(sms_per_second),
    NUMBER(webhook_per_second),
    TEXT(templates),
    TEXT(shop),
    TEXT(contact),
    TEXT(payment_link),
    CYAML_FIELD_INT("utc_offset_minutes", CYAML_FLAG_OPTIONAL, struct message_config,
                    utc_offset_minutes),
    CYAML_FIELD_END,
};
