/* SPDX-License-Identifier: Apache-2.0
 * channel.c: the table of kinds, and channels as they are configured. */
#include "watch/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/http_url.h"
#include "watch/channel_impl.h"

#define FALLBACK_AFTER_US (5 * 60 * US_PER_SECOND)
#define FALLBACK_AFTER_US_MAX (24 * 3600 * US_PER_SECOND)

static const struct channel_row rows[CHANNEL_KINDS] = {
#define X(NAME, name, how, answer, build, text, body, burst, interval_ms, folds)                   \
    [CHANNEL_##NAME] = {name,                                                                      \
                        CHANNEL_HOW_##how,                                                         \
                        ANSWER_##answer,                                                           \
                        channel_build_##build,                                                     \
                        text,                                                                      \
                        body,                                                                      \
                        burst,                                                                     \
                        interval_ms,                                                               \
                        folds},
#include "watch/channels.def"
#undef X
};

struct channels {
    struct channel list[CHANNELS_MAX];
    int count;
};

const struct channel_row *channel_row(enum channel_kind kind) {
    return &rows[kind];
}

const char *channel_kind_name(enum channel_kind kind) {
    return kind < CHANNEL_KINDS ? rows[kind].name : "?";
}

bool channel_kind_parse(const char *name, enum channel_kind *ret_kind) {
    for (int i = 0; i < CHANNEL_KINDS; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret_kind = (enum channel_kind)i;
            return true;
        }
    }
    return false;
}

/* ---- what is configured ---- */

static char *copy_of(const char *text) {
    char *copy = strdup(text);
    INVARIANT(copy != NULL, "out of memory");
    return copy;
}

/* Where something stands: channels[ops].options.host. A name that is none is not repeated. */
static int place(struct err *err, const char *channel, const char *list, const char *key) {
    char shown[CHANNEL_NAME_CHARS_MAX + 1], field[40];
    text_shown(channel, strlen(channel), shown, sizeof shown);
    text_shown(key, strlen(key), field, sizeof field);
    return err_place(err, "channels[%s]%s%s%s%s", shown, list[0] != '\0' ? "." : "", list,
                     key[0] != '\0' ? "." : "", field);
}

static int refuse_field(const struct channel *channel, const char *list, const char *name,
                        struct err *err) {
    char names[200] = "";
    bool option = strcmp(list, "options") == 0;
    const struct channel_field *field = channel_field_find(channel->kind, name);
    for (int i = 0; channel_field_at(i) != NULL; i++) {
        if (channel_field_at(i)->kind == channel->kind &&
            (channel_field_at(i)->where == CHANNEL_OPTION) == option) {
            text_list_add(names, sizeof names, channel_field_at(i)->name);
        }
    }
    if (field != NULL) {
        err_set(err, ERR_CONFIG, "this belongs under %s", option ? "credentials" : "options");
        err_hint(err, "%s",
                 option ? "It is a secret: name where it is read from."
                        : "It is no secret: its value stands in the configuration.");
    } else {
        err_set(err, ERR_CONFIG, "%s channels have no such key", channel_kind_name(channel->kind));
        err_hint(err, "There are: %s.", names[0] != '\0' ? names : "none");
    }
    return place(err, channel->name, list, name);
}

/* Its row, when it is one of this list and was not given before. */
static int find_field(const struct channel *channel, bool option, const char *name,
                      const struct channel_field **ret_field, struct err *err) {
    const char *list = option ? "options" : "credentials";
    const struct channel_field *field = channel_field_find(channel->kind, name);
    if (field == NULL || (field->where == CHANNEL_OPTION) != option) {
        return refuse_field(channel, list, name, err);
    }
    bool given = false;
    for (int i = 0; i < channel->option_count; i++) {
        given = given || channel->options[i].name == field->name;
    }
    for (int i = 0; i < channel->secret_count; i++) {
        given = given || channel->secrets[i].name == field->name;
    }
    if (given) {
        err_set(err, ERR_CONFIG, "this is given twice");
        return place(err, channel->name, list, name);
    }
    *ret_field = field;
    return 0;
}

/* A value of another form is not repeated: it may be a secret that stands in the wrong place. */
static int check_form(const struct channel *channel, const struct channel_field *field,
                      const char *value, struct err *err) {
    const char *problem = channel_form_problem(field->form, value);
    if (problem == NULL) {
        return 0;
    }
    err_set(err, ERR_CONFIG, "this is not %s: %s", field->what, problem);
    return place(err, channel->name, field->where == CHANNEL_OPTION ? "options" : "credentials",
                 field->name);
}

static int take_options(struct channel *channel, const struct channel_settings *settings,
                        struct err *err) {
    for (int i = 0; i < settings->option_count; i++) {
        const struct channel_field *field = NULL;
        int r = find_field(channel, true, settings->options[i].name, &field, err);
        r = r < 0 ? r : check_form(channel, field, settings->options[i].value, err);
        if (r < 0) {
            return r;
        }
        channel->options[channel->option_count].name = field->name;
        channel->options[channel->option_count++].value = copy_of(settings->options[i].value);
    }
    return 0;
}

static int take_credentials(struct channel *channel, const struct channel_settings *settings,
                            bool load, const struct keystore *keystore, struct err *err) {
    for (int i = 0; i < settings->credential_count; i++) {
        const struct channel_field *field = NULL;
        SECRET_AUTO secret = NULL;
        int r = find_field(channel, false, settings->credentials[i].name, &field, err);
        if (r >= 0 && load) {
            r = keystore_load(keystore, settings->credentials[i].reference, &secret, err);
            if (r < 0) {
                return place(err, channel->name, "credentials", field->name);
            }
            r = check_form(channel, field, secret_bytes(secret), err);
        }
        if (r < 0) {
            return r;
        }
        channel->secrets[channel->secret_count].name = field->name;
        channel->secrets[channel->secret_count++].secret = secret;
        secret = NULL;
    }
    return 0;
}

static bool has(const struct channel *channel, const char *name) {
    for (int i = 0; i < channel->secret_count; i++) {
        if (strcmp(channel->secrets[i].name, name) == 0) {
            return true;
        }
    }
    return channel_option(channel, name, NULL) != NULL;
}

static int need(const struct channel *channel, const struct channel_field *field, struct err *err) {
    err_set(err, ERR_CONFIG, "%s channels need %s", channel_kind_name(channel->kind), field->what);
    return place(err, channel->name, field->where == CHANNEL_OPTION ? "options" : "credentials",
                 field->name);
}

static int check_complete(const struct channel *channel, struct err *err) {
    for (int i = 0; channel_field_at(i) != NULL; i++) {
        const struct channel_field *field = channel_field_at(i);
        if (field->kind == channel->kind && field->needed && !has(channel, field->name)) {
            return need(channel, field, err);
        }
    }
    bool named = has(channel, "username");
    if (named != has(channel, "password") &&
        (channel->kind == CHANNEL_EMAIL || channel->kind == CHANNEL_ALERTMANAGER)) {
        return need(channel, channel_field_find(channel->kind, named ? "password" : "username"),
                    err);
    }
    if (named && channel->kind == CHANNEL_ALERTMANAGER &&
        channel_form_problem(FORM_URL, channel_option(channel, "url", "")) != NULL) {
        err_set(err, ERR_CONFIG, "a password goes out over https only");
        return place(err, channel->name, "options", "url");
    }
    if (channel->kind == CHANNEL_TWILIO &&
        has(channel, "from") == has(channel, "messaging_service_sid")) {
        err_set(err, ERR_CONFIG, "give either from or messaging_service_sid");
        return place(err, channel->name, "options", "from");
    }
    return 0;
}

static bool is_channel_name(const char *name) {
    static const char may[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t bytes = strlen(name);
    return bytes > 0 && bytes <= CHANNEL_NAME_CHARS_MAX && strspn(name, may) == bytes;
}

static int check_head(const struct channel_settings *settings, struct channel *channel,
                      struct err *err) {
    if (settings->name == NULL || !is_channel_name(settings->name)) {
        err_set(err, ERR_CONFIG, "a channel's name has 1 to %d of a-z, 0-9, '-' and '_'",
                CHANNEL_NAME_CHARS_MAX);
        return err_place(err, "channels");
    }
    channel->name = copy_of(settings->name);
    if (settings->kind == NULL || !channel_kind_parse(settings->kind, &channel->kind)) {
        char names[200] = "";
        for (int i = 0; i < CHANNEL_KINDS; i++) {
            text_list_add(names, sizeof names, rows[i].name);
        }
        err_set(err, ERR_CONFIG, "there is no such kind of channel");
        err_hint(err, "One of: %s.", names);
        return place(err, channel->name, "kind", "");
    }
    channel->has_language = settings->language != NULL;
    if (channel->has_language && !notice_language_parse(settings->language, &channel->language)) {
        err_set(err, ERR_CONFIG, "a channel speaks en or zh");
        return place(err, channel->name, "language", "");
    }
    if (settings->fallback_after_us < 0 || settings->fallback_after_us > FALLBACK_AFTER_US_MAX) {
        err_set(err, ERR_CONFIG, "a fallback is told after at most 24 hours");
        return place(err, channel->name, "fallback_after_minutes", "");
    }
    channel->fallback_after_us = settings->fallback_after_us > 0 ? settings->fallback_after_us
                                                                 : FALLBACK_AFTER_US;
    channel->fallback = settings->fallback != NULL ? copy_of(settings->fallback) : NULL;
    if (settings->option_count > CHANNEL_FIELDS_MAX ||
        settings->credential_count > CHANNEL_FIELDS_MAX) {
        err_set(err, ERR_CONFIG, "a channel has at most %d keys", CHANNEL_FIELDS_MAX);
        return place(err, channel->name, "options", "");
    }
    return 0;
}

static void note_target(struct channel *channel) {
    const char *url = channel_secret(channel, "webhook_url");
    url = url != NULL ? url : channel_secret(channel, "url");
    url = url != NULL ? url : channel_option(channel, "url", NULL);
    if (channel->kind == CHANNEL_EMAIL) {
        text_shown(channel_option(channel, "to", ""), strlen(channel_option(channel, "to", "")),
                   channel->target, sizeof channel->target);
    } else if (channel->kind == CHANNEL_TWILIO || channel->kind == CHANNEL_ALIYUN_SMS) {
        const char *to = channel_option(channel, "to", "");
        size_t bytes = strlen(to);
        (void)snprintf(channel->target, sizeof channel->target, "a number that ends with %s",
                       bytes > 4 ? to + bytes - 4 : to);
    } else if (url != NULL) {
        http_url_host(url, channel->target, sizeof channel->target);
    } else if (channel->kind == CHANNEL_PAGERDUTY) {
        (void)snprintf(channel->target, sizeof channel->target, "events.pagerduty.com");
    }
}

static int open_one(const struct channel_settings *settings, bool load,
                    const struct keystore *keystore, struct channel *channel, struct err *err) {
    int r = check_head(settings, channel, err);
    r = r < 0 ? r : take_options(channel, settings, err);
    r = r < 0 ? r : take_credentials(channel, settings, load, keystore, err);
    r = r < 0 ? r : check_complete(channel, err);
    if (r >= 0) {
        note_target(channel);
    }
    return r;
}

/* A chain of fallbacks that leads back would send for ever. */
static int check_fallbacks(const struct channels *channels, struct err *err) {
    for (int i = 0; i < channels->count; i++) {
        const struct channel *channel = &channels->list[i];
        const struct channel *at = channel;
        for (int steps = 0; at != NULL && at->fallback != NULL; steps++) {
            const struct channel *next = channels_find(channels, at->fallback);
            if (next == NULL) {
                err_set(err, ERR_CONFIG, "there is no channel of that name");
                return place(err, at->name, "fallback", "");
            }
            if (steps >= channels->count) {
                err_set(err, ERR_CONFIG, "this fallback leads back to the channel itself");
                return place(err, channel->name, "fallback", "");
            }
            at = next;
        }
    }
    return 0;
}

static int open_all(const struct channel_settings *settings, int count, bool load,
                    const struct keystore *keystore, struct channels **ret_channels,
                    struct err *err) {
    if (count > CHANNELS_MAX) {
        err_set(err, ERR_CONFIG, "there are more than %d channels", CHANNELS_MAX);
        return err_place(err, "channels");
    }
    struct channels *channels = calloc(1, sizeof *channels);
    INVARIANT(channels != NULL, "out of memory");
    int r = 0;
    for (int i = 0; r >= 0 && i < count; i++) {
        if (settings[i].name != NULL && channels_find(channels, settings[i].name) != NULL) {
            err_set(err, ERR_CONFIG, "two channels have this name");
            r = place(err, settings[i].name, "name", "");
            break;
        }
        channels->count++;
        r = open_one(&settings[i], load, keystore, &channels->list[i], err);
    }
    r = r < 0 ? r : check_fallbacks(channels, err);
    if (r < 0) {
        channels_close(channels);
        return r;
    }
    *ret_channels = channels;
    return 0;
}

int channels_open(const struct channel_settings *settings, int count,
                  const struct keystore *keystore, struct channels **ret_channels,
                  struct err *err) {
    return open_all(settings, count, true, keystore, ret_channels, err);
}

int channels_check(const struct channel_settings *settings, int count, struct err *err) {
    struct channels *channels = NULL;
    int r = open_all(settings, count, false, NULL, &channels, err);
    channels_close(channels);
    return r;
}

void channels_close(struct channels *channels) {
    for (int i = 0; channels != NULL && i < channels->count; i++) {
        struct channel *channel = &channels->list[i];
        for (int j = 0; j < channel->option_count; j++) {
            free(channel->options[j].value);
        }
        for (int j = 0; j < channel->secret_count; j++) {
            secret_free(channel->secrets[j].secret);
        }
        free(channel->name);
        free(channel->fallback);
    }
    free(channels);
}

/* ---- looked at ---- */

int channels_count(const struct channels *channels) {
    return channels->count;
}

const struct channel *channels_at(const struct channels *channels, int index) {
    return &channels->list[index];
}

const struct channel *channels_find(const struct channels *channels, const char *name) {
    for (int i = 0; i < channels->count; i++) {
        if (channels->list[i].name != NULL && strcmp(channels->list[i].name, name) == 0) {
            return &channels->list[i];
        }
    }
    return NULL;
}

const char *channel_name(const struct channel *channel) {
    return channel->name;
}

enum channel_kind channel_kind(const struct channel *channel) {
    return channel->kind;
}

const char *channel_fallback(const struct channel *channel) {
    return channel->fallback;
}

int64_t channel_fallback_after_us(const struct channel *channel) {
    return channel->fallback_after_us;
}

const char *channel_target(const struct channel *channel) {
    return channel->target;
}

struct channel_rate channel_rate(const struct channel *channel) {
    const struct channel_row *row = &rows[channel->kind];
    return (struct channel_rate){row->burst, row->interval_ms * US_PER_MS, row->folds};
}

const char *channel_option(const struct channel *channel, const char *name, const char *absent) {
    for (int i = 0; i < channel->option_count; i++) {
        if (strcmp(channel->options[i].name, name) == 0) {
            return channel->options[i].value;
        }
    }
    return absent;
}

const struct secret *channel_secret_of(const struct channel *channel, const char *name) {
    for (int i = 0; i < channel->secret_count; i++) {
        if (strcmp(channel->secrets[i].name, name) == 0) {
            return channel->secrets[i].secret;
        }
    }
    return NULL;
}

const char *channel_secret(const struct channel *channel, const char *name) {
    const struct secret *secret = channel_secret_of(channel, name);
    return secret != NULL ? secret_bytes(secret) : NULL;
}

int channel_list(struct arena *arena, const char *list, const char **ret_items, int max) {
    int count = 0;
    for (const char *at = list; *at != '\0' && count < max;) {
        size_t bytes = strcspn(at, ",");
        const char *begin = at, *end = at + bytes;
        at += bytes + (at[bytes] == ',');
        begin += strspn(begin, " ");
        while (end > begin && end[-1] == ' ') {
            end--;
        }
        ret_items[count++] = arena_copy_bytes(arena, begin,
                                              end > begin ? (size_t)(end - begin) : 0);
    }
    return count;
}
