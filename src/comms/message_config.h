/* SPDX-License-Identifier: Apache-2.0
 * message_config.h: the section `messages:` of holdfast.yaml (docs/messages.md). Owns: belongs to
 * the configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_COMMS_MESSAGE_CONFIG_H
#define HOLDFAST_COMMS_MESSAGE_CONFIG_H

struct message_config { /* names of channels:; absent: customers are not reached so */
    char *email, *sms, *webhook;
    unsigned email_per_second, sms_per_second, webhook_per_second; /* calls; 0: 20, 1, no limit */
    char *templates;                  /* a folder whose texts replace the built-in ones */
    char *shop, *contact, *payment_link;
    int utc_offset_minutes; /* by which times are written */
};

#endif
