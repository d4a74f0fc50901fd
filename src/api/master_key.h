/* SPDX-License-Identifier: Apache-2.0
 * master_key.h: the master key of the database: which it is, and changing it while all goes on.
 *
 * What must be read again is sealed with it: webhook secrets, payers' accounts, parts of uploads,
 * what old callbacks are verified with (master_key.c has the list). Which of the keys that the
 * configuration names is in use, the database says: a word that is sealed with it.
 *
 *   one        master_key alone
 *   two        master_key_next is there as well; each is tried for reading
 *   resealing  master_key_change(): one transaction puts the next one in use; from then on all is
 *              sealed with it, and what was sealed before is sealed anew, page by page, by whoever
 *              looks. A stop at any moment leaves texts of both keys, and both are there.
 *   done       nothing is sealed with the old one any more. The configuration puts the new one in
 *              its place, and the old one can be destroyed.
 *
 * Digests (fingerprints, Idempotency-Keys' requests, links that customers have, card counters) go
 * on being made with the key that they began with, which is kept sealed: else all of them would be
 * forgotten at once.
 *
 * Threads: any, but master_key_open(). Errors: ERR_CONFIG, ERR_STATE, ERR_STORE…, ERR_CRYPTO. */
#ifndef HOLDFAST_API_MASTER_KEY_H
#define HOLDFAST_API_MASTER_KEY_H

#include "api/service_impl.h"
#include "base/clock.h"

/* Within this time each instance has seen which key is in use. It is over when a pass that began
 * later than that found nothing under the old one. */
#define MASTER_KEY_SETTLES_US (10 * US_PER_SECOND)

/* Opens service->seal by the configuration and the database, which must be open. */
MUST_USE int master_key_open(struct service *service, struct err *err);
/* Every second, where there are two: uses the one that the database says, and seals anew what is
 * left. Cheap when nothing is. */
MUST_USE int master_key_look(struct service *service, struct err *err);
/* Puts master_key_next in use; master_key_look() then takes it over here. ERR_STATE: there is none,
 * it is in use already or was before, or another instance does not have it yet. */
MUST_USE int master_key_change(struct service *service, struct store_tx *tx, const char *actor,
                               const char *reason, struct err *err);

struct master_key_view {
    char name[SEAL_NAME_CHARS + 1];  /* of the one in use */
    char other[SEAL_NAME_CHARS + 1]; /* "": there is one alone */
    bool next;                       /* the one in use is master_key_next */
    bool resealing;
    char why[240]; /* what is to be done; "": nothing */
};
MUST_USE int master_key_view(struct service *service, struct master_key_view *ret_view,
                             struct err *err);

#endif
