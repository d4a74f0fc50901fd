/* SPDX-License-Identifier: Apache-2.0
 * delivery_impl.h: what the parts of delivery.h share; nobody else includes it.
 *   delivery.c       the job: one try, what became of it, the fallback
 *   delivery_turn.c  whose turn it is, the rate, folding
 *   delivery_list.c  what people look at */
#ifndef HOLDFAST_WATCH_DELIVERY_IMPL_H
#define HOLDFAST_WATCH_DELIVERY_IMPL_H

#include "watch/delivery.h"

struct deliveries {
    struct deliveries_options options;
};

/* The row as a try needs it; text is the arena's. */
struct delivery_row {
    const char *id, *channel, *notice_json, *fallback_id;
    enum delivery_state state;
    int64_t severity, tries, created_us, due_us;
    bool in_doubt; /* the last try may have been received */
};

/* A sending that has not ended by then is given up: its process has died. Longer than any sending
 * takes, shorter than the job's lease. */
#define SENDING_US (45 * US_PER_SECOND)
#define DELIVERY_LEASE_US (60 * US_PER_SECOND)

/* Makes the channel's row when there is none, and locks it. */
MUST_USE int delivery_channel_lock(struct store_tx *tx, const char *channel, struct err *err);

/* Under the channel's lock: 1 it is this delivery's turn (the channel is taken, the try counted,
 * what is folded into it is, and `row` has it all); 0 not yet: look again at *ret_again_us. */
MUST_USE int delivery_turn(struct store_tx *tx, const struct channel *channel,
                           struct delivery_row *row, struct arena *arena, int64_t now_us,
                           int64_t *ret_again_us, struct err *err);
/* Under the channel's lock: lets the channel go and hastens the delivery that is next. */
MUST_USE int delivery_turn_over(struct store_tx *tx, const struct channel *channel, const char *id,
                                int64_t now_us, struct err *err);

#endif
