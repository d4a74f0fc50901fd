/* SPDX-License-Identifier: Apache-2.0
 * message_impl.h: what the parts of message.h share; nobody else includes it.
 *   message.c          opening, the job
 *   message_draft.c    a draft becomes a row, named recipients become mailings
 *   message_gather.c   payments of a time become mailings
 *   message_write.c    each mailing's text is written, judged and put under the hash
 *   message_send.c     lanes: sending, and what became of it
 *   message_act.c      what people do
 *   message_look.c     what people look at */
#ifndef HOLDFAST_COMMS_MESSAGE_IMPL_H
#define HOLDFAST_COMMS_MESSAGE_IMPL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "comms/message.h"
#include "store/store.h"

enum { MESSAGE_JSON_BYTES_MAX = 4 * 1024 * 1024, MESSAGE_PERSON_CHARS_MAX = 300 };

struct messages {
    struct messages_options options;
};

/* The row; texts are the arena's. */
struct message_row {
    const char *id, *channels, *fields, *texts, *recipients, *incident_id, *proof, *reason, *author,
        *approval_id, *at, *hash, *problems;
    enum audience audience;
    enum situation situation;
    enum language language;
    int64_t state, proof_us, next_us, gathered, persons, problem_count, created_us, updated_us,
        sent_us;
};
/* ERR_NOT_FOUND. */
MUST_USE int message_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                          struct message_row *ret_row, struct err *err);
MUST_USE int message_put_state(struct store_tx *tx, const char *id, enum message_state state,
                               struct err *err);
/* Onto the log of the incident that a message is about, if it is about one. */
MUST_USE int message_note(const struct messages *messages, struct store_tx *tx,
                          const char *incident_id, const char *actor, const char *text, bool told,
                          struct err *err);
/* The ways in "email,sms", in their order; returns how many. */
int message_ways(const char *channels, enum message_by ret_by[MESSAGE_WAYS]);

struct message_payment {
    const char *reference, *order_id;
    int64_t amount_minor;
    const char *currency; /* "": the amount is not known */
};
/* The person's row, unless it is there, and this payment under it. */
MUST_USE int message_add_person(struct store_tx *tx, const char *message_id,
                                const struct message_recipient *who,
                                const struct message_payment *payment, struct err *err);

/* One round of preparing in a transaction of its own: 1 there is more to do, 0 it is done. */
MUST_USE int message_gather(struct messages *messages, const char *id, struct err *err);
MUST_USE int message_write(struct messages *messages, const char *id, struct err *err);
/* One run of a lane. */
MUST_USE int message_run_lane(struct messages *messages, const char *id, int lane,
                              int64_t *ret_again_us, struct err *err);

/* What a mailing's row is known by: way, address, subject and text. */
void mailing_digest(int64_t by, const char *address, const char *subject, const char *body,
                    char ret_hex[SHA256_HEX_CHARS + 1]);

/* Whether an account takes another call now: under its row's lock, evenly, with a second's worth at
 * once. 1 yes, 0 at *ret_again_us. Whatever sends by it asks here. */
MUST_USE int message_pace(struct store_tx *tx, enum message_by by, int per_second, int64_t now_us,
                          int64_t *ret_again_us, struct err *err);
/* The account takes nothing until then. */
MUST_USE int message_block(struct store_tx *tx, enum message_by by, int64_t until_us,
                           struct err *err);

#endif
