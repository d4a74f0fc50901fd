/* SPDX-License-Identifier: Apache-2.0
 * paypal_token.h: the OAuth access token of one gateway: fetched once for all callers, used until
 * shortly before it ends, renewed ahead of time while the old one still serves.
 *
 * Invariants: at most one fetch is under way; whoever has no usable token waits for it and shares
 * its fate, success or failure, rather than asking once more; a token refused with 401 is dropped
 * only if it is still the present one, so that many refusals cause one renewal. Threads: any. Owns:
 * the token. Errors: the result's outcome, always a not-charged one: without a token nothing was
 * sent that could move money. */
#ifndef HOLDFAST_GATEWAY_PAYPAL_TOKEN_H
#define HOLDFAST_GATEWAY_PAYPAL_TOKEN_H

#include "base/task.h"
#include "gateway/gateway.h"

enum { PAYPAL_TOKEN_CHARS_MAX = 4000, PAYPAL_AUTHORIZATION_BYTES = PAYPAL_TOKEN_CHARS_MAX + 16 };

struct paypal_tokens {
    struct lock lock;
    struct cond changed;
    struct secret *token; /* NULL: none */
    uint64_t generation;  /* of the token */
    int64_t refresh_us;   /* monotonic: from then on it is renewed ahead of time */
    int64_t expires_us;   /* monotonic: from then on it is not used */
    bool fetching;
    uint64_t fetches; /* ended ones */
    bool failed;      /* the last one */
    struct gateway_result failure;
};

void paypal_tokens_init(struct paypal_tokens *tokens);
void paypal_tokens_release(struct paypal_tokens *tokens);
/* "Bearer …" for the Authorization header, and which generation it is. Wipe it after use. */
MUST_USE bool paypal_token_get(struct paypal_tokens *tokens, const struct gateway_call *call,
                               char ret_authorization[PAYPAL_AUTHORIZATION_BYTES],
                               uint64_t *ret_generation, struct gateway_result *result);
/* That generation was refused. */
void paypal_token_drop(struct paypal_tokens *tokens, uint64_t generation);
/* Fetches a new one whatever there is (the probe). */
MUST_USE bool paypal_token_renew(struct paypal_tokens *tokens, const struct gateway_call *call,
                                 struct gateway_result *result);

#endif
