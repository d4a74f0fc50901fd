/* SPDX-License-Identifier: Apache-2.0
 * letter.h: a text to one address by a channel's account: what is said is the caller's, and goes
 * out as it is; host, sender and secrets are the channel's (its `to` is only where it is tested).
 * E-mail, Twilio and webhooks can do that. Aliyun cannot: it sends no text but one that was laid
 * before it, with its own words around a few short variables.
 * Threads: any. Owns nothing. Errors: none: what became of it is a verdict (channel.h). */
#ifndef HOLDFAST_WATCH_LETTER_H
#define HOLDFAST_WATCH_LETTER_H

#include "watch/channel.h"

struct letter { /* borrowed */
    const char *to;      /* an address, or a number; a webhook: not looked at */
    const char *subject; /* of a mail */
    const char *text;    /* of a webhook: the JSON body */
};
/* Whether a channel of this kind takes letters. */
bool letter_fits(enum channel_kind kind);
/* Once; blocks until the clients' deadline at most. The moment's id is the Message-ID and the
 * webhook-id. */
void letter_send(const struct channel *channel, const struct channel_clients *clients,
                 const struct letter *letter, const struct channel_moment *moment,
                 struct channel_verdict *ret_verdict);

#endif
