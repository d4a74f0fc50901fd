/* SPDX-License-Identifier: Apache-2.0
 * channel_config.h: the section `channels:` of holdfast.yaml (docs/channels.md). channels_open()
 * checks what the schema cannot. Owns: belongs to the configuration that it is part of. Threads:
 * read once. Errors: ERR_CONFIG of channel_config_settings(). */
#ifndef HOLDFAST_WATCH_CHANNEL_CONFIG_H
#define HOLDFAST_WATCH_CHANNEL_CONFIG_H

#include <stdint.h>

#include "watch/channel.h"

struct channel_config_credential {
    char *name, *from;
};
struct channel_config_option {
    char *name, *value;
};
struct channel_config {
    char *name, *kind;
    char *language; /* absent: the notice's own */
    char *fallback; /* absent: there is none */
    unsigned fallback_after_minutes;
    struct channel_config_credential *credentials;
    unsigned credentials_count;
    struct channel_config_option *options;
    unsigned options_count;
};

/* As channels_open() takes it; text borrowed. `ret_settings` has room for CHANNELS_MAX. */
MUST_USE int channel_config_settings(const struct channel_config *config, unsigned count,
                                     struct channel_settings *ret_settings, struct err *err);

#endif
