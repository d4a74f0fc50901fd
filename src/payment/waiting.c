/* SPDX-License-Identifier: Apache-2.0
 * waiting.c: how long a customer is waited for.
 *
 *   he has a code or a page       until the attempt's expiry; then it is closed
 *   his code was read at a till   the adapter's `till_us`, in which the gateway is asked every few
 *                                 seconds; then it is taken back there, whether the gateway waits
 *                                 for him to confirm or does not say what it did
 *   nobody was shown the code     not at all: it is closed, and the payment asks for a method
 *
 * What cannot be ended now (its gateway does not answer, he pays at this moment) is looked at again
 * like everything else. */
#include "base/clock.h"
#include "base/plant.h"
#include "payment/internal.h"
#include "payment/review.h"

#define PENDING_FIRST_LOOK_US (60 * US_PER_SECOND)
#define EXPIRE_AGAIN_US (60 * US_PER_SECOND)
#define TILL_LOOK_US (5 * US_PER_SECOND)

struct waiting {
    struct arena *arena;
    const char *attempt_id;
    struct attempt_row attempt;
    struct payment_row payment;
};

static int waiting_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct waiting *waiting = ctx;
    int r = attempt_row_load(tx, waiting->arena, waiting->attempt_id, &waiting->attempt, err);
    return r < 0 ? r
                 : payment_row_load(tx, waiting->arena, waiting->attempt.payment_id.text, false,
                                    &waiting->payment, err);
}

/* 0: its token, if it has one, was not read at a till. */
static int64_t till_us(const struct payments *payments, const struct attempt_row *attempt) {
    const struct gateway *gateway = gateway_find(payments->options.registry, attempt->gateway);
    return gateway != NULL && attempt->token[0] != '\0' ? gateway->adapter->can.till_us : 0;
}

static bool offline(const struct payments *payments, const struct attempt_row *attempt) {
    const struct gateway *gateway = gateway_find(payments->options.registry, attempt->gateway);
    return gateway != NULL && gateway->adapter->can.offline;
}

bool waiting_at_till(const struct payments *payments, const struct attempt_row *attempt) {
    return till_us(payments, attempt) > 0;
}

bool waiting_is_in_vain(const struct payments *payments, const struct attempt_row *attempt) {
    int64_t till = till_us(payments, attempt);
    return till > 0 && clock_wall_us() >= attempt->created_us + till;
}

int64_t waiting_first_look_us(const struct payments *payments, const struct attempt_row *attempt) {
    return attempt->state == ATTEMPT_UNKNOWN ? resolve_delay_us(0)
           : till_us(payments, attempt) > 0  ? TILL_LOOK_US
                                             : PENDING_FIRST_LOOK_US;
}

/* Wall; 0: for ever. */
static int64_t until_us(const struct payments *payments, const struct waiting *waiting) {
    const struct attempt_row *attempt = &waiting->attempt;
    int64_t till = till_us(payments, attempt);
    switch (attempt->state) {
    case ATTEMPT_ACTION_NEEDED:
        return PLANTED(WAITS_FOR_EVER) ? 0 : attempt->expires_us;
    case ATTEMPT_PENDING:
    case ATTEMPT_UNKNOWN:
        return till > 0 ? attempt->created_us + till : 0;
    default:
        return 0;
    }
}

/* What the gateway said was that it waits for him, not that he has approved it. */
static bool was_shown_nothing(const struct waiting *waiting) {
    return waiting->attempt.state == ATTEMPT_ACTION_NEEDED &&
           waiting->attempt.outcome == GW_ACTION_NEEDED && waiting->payment.action[0] == '\0' &&
           waiting->payment.state == PAYMENT_REQUIRES_ACTION;
}

static int end(struct payments *payments, const struct waiting *waiting, bool shown_nothing,
               struct err *err) {
    const char *payment_id = waiting->payment.id.text;
    int r = shown_nothing ? attempt_close_unshown(payments, payment_id, err)
            : waiting->attempt.state == ATTEMPT_ACTION_NEEDED
                ? attempt_expire(payments, payment_id, waiting->payment.deferred_until_us == 0, err)
                : attempt_take_back(payments, payment_id, err);
    if (r == -ERR_STATE || r == -ERR_NO_GATEWAY) {
        err_clear(err); /* not now */
        return 0;
    }
    return r;
}

int waiting_look_again(struct payments *payments, const struct job *job, int64_t *ret_again_us,
                       struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct waiting waiting = {.arena = arena, .attempt_id = job->key};
    int64_t now = clock_wall_us();
    int64_t again = review_look_us(payments, job->created_us,
                                   now + resolve_delay_us(now - job->created_us));
    int r = store_read(payments->options.store, waiting_tx, &waiting, err);
    if (r < 0) {
        return r;
    }
    bool shown_nothing = was_shown_nothing(&waiting);
    bool till = waiting_at_till(payments, &waiting.attempt);
    int64_t until = until_us(payments, &waiting);
    if (till && until > 0 && again > now + TILL_LOOK_US) {
        again = now + TILL_LOOK_US;
    }
    if (!shown_nothing && (until == 0 || until > now)) {
        bool told = offline(payments, &waiting.attempt); /* then nothing is asked in between */
        *ret_again_us = until > 0 && (told || until < again) ? until : again;
        return 0;
    }
    bool soon = till && now - waiting.attempt.created_us < EXPIRE_AGAIN_US;
    *ret_again_us = now + (soon ? TILL_LOOK_US : EXPIRE_AGAIN_US);
    return end(payments, &waiting, shown_nothing, err);
}
