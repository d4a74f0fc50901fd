/* SPDX-License-Identifier: Apache-2.0
 * delivery.h: notices that are to arrive (WATCH-7): kept until they have, sent within each
 * channel's limits, told elsewhere when a channel fails.
 *
 *                    turn comes, provider takes it
 *     [waiting] ------------------------------------> sent
 *      |  ^  |
 *      |  |  +-- another message of the channel tells of it ---> folded
 *      |  +----- not taken now: later, after a growing pause
 *      +-------- refused for good, or DELIVERY_LIFE_US over ---> failed, and its fallback begins
 *
 * A delivery is a row and a job of its name, written in the transaction of whatever is told of.
 * Whose turn it is on a channel is decided under the lock of the channel's row (delivery_turn.c).
 * A delivery that has waited for longer than its channel's patience begins its fallback as well and
 * goes on: better twice than never.
 * A message that nobody knows to have arrived (the answer did not come) is sent again under the
 * same name; a room or a telephone may show it twice.
 * Threads: any. Owns: nothing but its own struct; options are borrowed until deliveries_close().
 * Errors:  ERR_VALIDATION, ERR_NOT_FOUND (no such channel, no such delivery), those of store.h. */
#ifndef HOLDFAST_WATCH_DELIVERY_H
#define HOLDFAST_WATCH_DELIVERY_H

#include "base/clock.h"
#include "base/id.h"
#include "store/job.h"
#include "watch/channel.h"

#define JOB_ALERT "alert_delivery"
#define DELIVERY_LIFE_US (6 * 3600 * US_PER_SECOND) /* what is older wakes nobody */

enum delivery_state {
#define X(NAME, number, name, meaning) DELIVERY_##NAME = (number),
#include "watch/delivery_states.def"
#undef X
};
const char *delivery_state_name(enum delivery_state state); /* "?" for none */
MUST_USE bool delivery_state_parse(const char *name, enum delivery_state *ret_state);

struct deliveries;
struct deliveries_options {
    struct store *store;
    const struct channels *channels;
    struct channel_clients clients; /* with a timeout of CHANNEL_TIMEOUT_US at the most */
    /* Called after each sending, when the next one on that channel may be due: wakes the runner, so
     * that it need not wait until that looks by itself. NULL: it does. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};
MUST_USE int deliveries_open(const struct deliveries_options *options,
                             struct deliveries **ret_deliveries, struct err *err);
/* When the runner that has its job kind was stopped. */
void deliveries_close(struct deliveries *deliveries); /* NULL is fine */
/* What a runner must have to send anything. As many runs at once as there are channels and some:
 * one that hangs holds up no other. */
struct job_kind deliveries_job(struct deliveries *deliveries);

/* Tells `notice` on that channel, once the caller's transaction is committed. */
MUST_USE int delivery_add(struct deliveries *deliveries, struct store_tx *tx, const char *channel,
                          const struct notice *notice, struct delivery_id *ret_id, struct err *err);

/* A notice that says it is a test, at once, past queue and limits; how it went is kept as the
 * channel's state. */
MUST_USE int deliveries_test(struct deliveries *deliveries, const char *channel,
                             struct channel_verdict *ret_verdict, struct err *err);
/* Sends one that has failed once more: its life begins anew. Audited under `actor`. ERR_STATE when
 * it has not failed. */
MUST_USE int delivery_again(struct deliveries *deliveries, const char *actor, const char *id,
                            struct err *err);

/* The same in the caller's transaction. */
MUST_USE int delivery_again_tx(struct store_tx *tx, const char *actor, const char *id,
                               struct err *err);

/* ---- looked at ---- */

enum { DELIVERIES_LISTED_MAX = 100 };
struct deliveries_filter {
    const char *channel;       /* NULL: all */
    const char *fingerprint;   /* NULL: all */
    enum delivery_state state; /* 0: all */
    const char *before;        /* an id: older ones than it; NULL: the newest */
    int limit;                 /* 1 to DELIVERIES_LISTED_MAX */
};
/* A JSON array, the newest first: {"id", "channel", "fingerprint", "severity", "headline", "state",
 * "tries", "created_at", "next_at", "code", "reason", "provider_id", "fallback_for", "fallback",
 * "folded_into"}; what is not known is left out. */
MUST_USE int deliveries_list(struct deliveries *deliveries, const struct deliveries_filter *filter,
                             struct buf *buf, struct err *err);
/* A JSON array of all configured channels: {"name", "kind", "target", "fallback", "state" ("new",
 * "works", "fails", "blocked"), "waiting", "oldest_waiting_at", "sent_at", "failed_at", "failures",
 * "code", "reason", "blocked_until"}. */
MUST_USE int deliveries_channels(struct deliveries *deliveries, struct buf *buf, struct err *err);

/* Removes what ended before then, at most `rows_max` rows. Returns how many. */
MUST_USE int deliveries_prune(struct store_tx *tx, int64_t before_us, int rows_max,
                              struct err *err);

#endif
