/* SPDX-License-Identifier: Apache-2.0
 * channel.h: a way to tell somebody: e-mail, a chat room, a pager, a text message, another system.
 *
 * Three parts that know nothing of each other:
 *   channel_build()  a notice becomes the bytes that the provider wants: no clock, no network
 *   channel_send()   they are sent, once, within a deadline
 *   channel_judge()  status and body of the answer become a verdict, by channel_codes.def: many
 *                    providers say 200 and put the failure into the body
 * Kinds are rows of channels.def, what is configured of them rows of channel_fields.def.
 *
 * Verdicts:
 *   CHANNEL_SENT      the provider has it
 *   CHANNEL_REJECTED  it will never take it so: a wrong key, a room that is gone, a bad address
 *   CHANNEL_AGAIN     it may take it later (at `again_us`, when the provider says when); also all
 *                     failures on the way, after which it may have been received
 *
 * Threads: any, many at once. Owns: a channel owns copies of all it was configured with.
 * Errors:  ERR_CONFIG, with the key as the place ("channels[ops].credentials.secret"), those of
 *          keystore_load(). A failed sending is a verdict and no error.
 * Limits:  CHANNELS_MAX channels; a message is cut to its kind's bytes, between two characters.
 * Never in a reason, an error or a log: a URL's path or query, a token, a secret. */
#ifndef HOLDFAST_WATCH_CHANNEL_H
#define HOLDFAST_WATCH_CHANNEL_H

#include "base/keystore.h"
#include "net/http_client.h"
#include "net/smtp_client.h"
#include "watch/notice.h"

enum {
    CHANNELS_MAX = 64,
    CHANNEL_NAME_CHARS_MAX = 60,
    CHANNEL_FIELDS_MAX = 16, /* of one kind */
    CHANNEL_VALUE_BYTES_MAX = 4000,
    CHANNEL_REASON_BYTES = 240,
};

enum channel_kind {
#define X(NAME, name, how, answer, build, text, body, burst, interval_ms, folds) CHANNEL_##NAME,
#include "watch/channels.def"
#undef X
    CHANNEL_KINDS,
};
const char *channel_kind_name(enum channel_kind kind);
MUST_USE bool channel_kind_parse(const char *name, enum channel_kind *ret_kind);

/* What the configuration says of one channel. Text borrowed. */
struct channel_settings {
    const char *name, *kind;
    const char *language;      /* "en", "zh"; NULL: the notice's own */
    const char *fallback;      /* another channel's name; NULL: there is none */
    int64_t fallback_after_us; /* it is told when this one has not got through for so long; 0: 5
                                  minutes. When it is rejected, at once */
    struct {
        const char *name, *reference; /* "env:…", "file:…", "sealed:…" */
    } credentials[CHANNEL_FIELDS_MAX];
    int credential_count;
    struct {
        const char *name, *value;
    } options[CHANNEL_FIELDS_MAX];
    int option_count;
};

struct channel;

/* The whole configuration: fields that are unknown, missing, given twice, of another form, in the
 * wrong list; names that are taken; fallbacks that do not exist or lead back. */
struct channels;
MUST_USE int channels_open(const struct channel_settings *settings, int count,
                           const struct keystore *keystore, struct channels **ret_channels,
                           struct err *err);
void channels_close(struct channels *channels); /* NULL is fine */
/* The same without reading a secret: for checking a file. */
MUST_USE int channels_check(const struct channel_settings *settings, int count, struct err *err);
int channels_count(const struct channels *channels);
const struct channel *channels_at(const struct channels *channels, int index);
const struct channel *channels_find(const struct channels *channels,
                                    const char *name); /* or NULL */

const char *channel_name(const struct channel *channel);
enum channel_kind channel_kind(const struct channel *channel);
const char *channel_fallback(const struct channel *channel); /* or NULL */
int64_t channel_fallback_after_us(const struct channel *channel);
/* Where it goes, for people, without what is secret: a host, a room's bot, e-mail addresses. */
const char *channel_target(const struct channel *channel);

/* How much a provider takes: `burst` at once, then one each interval. */
struct channel_rate {
    int burst;
    int64_t interval_us;
    bool folds; /* many that wait become one message */
};
struct channel_rate channel_rate(const struct channel *channel);

/* The moment of a sending, given so that the same bytes come of it again. */
struct channel_moment {
    int64_t now_us; /* wall */
    const char *id; /* of the delivery: the same on each try, unique otherwise. No '.' in it */
    uint64_t nonce; /* another one on each try */
    /* The try before this one may have been received. Whoever counts a repeated request as another
     * one (Aliyun) is asked first, and the message sent only when it is not there. */
    bool in_doubt;
};

enum { CHANNEL_HEADERS_MAX = 12, CHANNEL_RECIPIENTS_MAX = SMTP_RECIPIENTS_MAX };
/* What goes out. With no `method` there is nothing to say: this kind has no word for this state. */
struct channel_request {
    const char *method; /* "POST"; "MAIL": body is a message for `mail_from` and `mail_to` */
    const char *url;
    struct http_header headers[CHANNEL_HEADERS_MAX];
    int header_count;
    const char *body;
    size_t body_bytes;
    const char *mail_from;
    const char *mail_to[CHANNEL_RECIPIENTS_MAX];
    int mail_to_count;
};
/* Everything in it is the arena's or borrowed from the channel. It holds secrets. */
MUST_USE int channel_build(const struct channel *channel, const struct notice *notice,
                           const struct channel_moment *moment, struct arena *arena,
                           struct channel_request *ret_request, struct err *err);

enum channel_outcome { CHANNEL_SENT = 1, CHANNEL_REJECTED = 2, CHANNEL_AGAIN = 3 };
struct channel_verdict {
    enum channel_outcome outcome;
    bool in_doubt;                     /* AGAIN, but it may have been received */
    int64_t wait_us;                   /* AGAIN: not before so long; 0: as you like */
    bool whole_channel;                /* AGAIN: nothing else is taken until then either */
    char code[48];                     /* the provider's, or "http 404", "timeout"; "" when sent */
    char reason[CHANNEL_REASON_BYTES]; /* in plain words; when sent "" or what is to be known */
    char provider_id[80];              /* its name for the message, "" when it tells none */
};
/* `answer` is one that came (HTTP_ANSWERED). */
void channel_judge(const struct channel *channel, const struct http_answer *answer,
                   struct channel_verdict *ret_verdict);

/* By which messages go out. Borrowed. */
struct channel_clients {
    struct http_client *http;
    struct smtp_client *smtp;
    int64_t timeout_us; /* of one sending; 0: CHANNEL_TIMEOUT_US */
};
#define CHANNEL_TIMEOUT_US (20 * US_PER_SECOND)

/* Once; blocks until the deadline at most. */
void channel_send(const struct channel *channel, const struct channel_clients *clients,
                  const struct notice *notice, const struct channel_moment *moment,
                  struct channel_verdict *ret_verdict);

/* A notice that says it is a test goes out at once, past queue and limits: for people who have just
 * configured it. */
void channel_test(const struct channel *channel, const struct channel_clients *clients,
                  struct channel_verdict *ret_verdict);

#endif
