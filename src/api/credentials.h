/* SPDX-License-Identifier: Apache-2.0
 * credentials.h: what the service does about its credentials and certificates (GW-6): remembers
 * when each was first seen and who brought it, notices when their files change, takes what is new
 * into force, and judges age and expiry. How a swap loses no payment is gateway/keyring.h.
 *
 * Files are looked at once a second: those of credentials (file: and sealed:) and of the listeners'
 * certificates. One that has changed is read when it has been the same for one look, so that two
 * files that belong together, or one that is written slowly, are read once they are whole. What
 * cannot be read or opened, or is refused by its gateway, is logged and shown as trouble, and what
 * was in force stays; it is tried again when the file changes again, or after CREDENTIALS_RETRY_US
 * when the gateway or the database did not answer. The environment is read at the start and never
 * again.
 *
 * Threads: any. Owns: the task that looks. Errors: those of keyring_reload(), ERR_NOT_FOUND. */
#ifndef HOLDFAST_API_CREDENTIALS_H
#define HOLDFAST_API_CREDENTIALS_H

#include "api/service_impl.h"
#include "base/clock.h"
#include "gateway/keyring.h"

#define CREDENTIALS_RETRY_US (30 * US_PER_SECOND)

enum {
    CREDENTIALS_AGE_DAYS_USUAL = 365,
    CREDENTIALS_WARN_DAYS_USUAL = 30, /* before an expiry */
    CREDENTIALS_URGENT_DAYS = 7,
    CREDENTIALS_ACTOR_CHARS_MAX = 200,
    CREDENTIALS_REASON_CHARS_MAX = 500,
    CREDENTIALS_LISTENERS = 2,
};

struct credentials;

/* When everything that it looks at is open. Records what is seen for the first time; that the
 * database does not take it is logged, and tried again. */
MUST_USE struct credentials *credentials_new(struct service *service);
/* Starts the task that looks at files, when there are any. */
MUST_USE int credentials_start(struct credentials *credentials, struct err *err);
/* Ends it: before the listeners are freed. NULL is fine for both. */
void credentials_stop(struct credentials *credentials);
void credentials_free(struct credentials *credentials); /* when nobody asks any more */
/* Records what the database did not take before; nothing when it took all. */
void credentials_record(struct credentials *credentials);
/* One look, in the calling task. */
void credentials_look(struct credentials *credentials);

/* Reads one gateway's sources and takes what is new into force; records who did it and why. */
MUST_USE int credentials_reload(struct credentials *credentials, struct gateway *gateway,
                                const struct keyring_reload *how, const char *actor,
                                const char *reason, struct keyring_swap *ret_swap, struct err *err);
/* The same for the listeners' certificates. */
MUST_USE int credentials_renew_listeners(struct credentials *credentials, struct err *err);

/* ok, then the worse the higher. */
enum credential_state { CREDENTIAL_OK, CREDENTIAL_WARN, CREDENTIAL_URGENT, CREDENTIAL_EXPIRED };
const char *credential_state_name(enum credential_state state);

/* What is known of one credential in force, beside keyring_item. */
struct credential_story {
    int64_t first_us; /* wall; 0: not known, the database has not answered yet */
    char actor[CREDENTIALS_ACTOR_CHARS_MAX + 1];
    char reason[CREDENTIALS_REASON_CHARS_MAX + 1];
};
struct credentials_view {
    struct keyring_view keys;
    struct credential_story stories[GATEWAY_CREDENTIALS_MAX]; /* by item */
    char trouble[400]; /* why what its sources say now is not in force; "" when it is */
};
/* Too large for a small stack: the caller's view is on the heap. */
void credentials_view(struct credentials *credentials, int gateway_index,
                      struct credentials_view *ret_view);
/* A sentence in `why` unless it is well. */
enum credential_state credential_judge(const struct credentials *credentials,
                                       const struct keyring_item *item,
                                       const struct credential_story *story, char *why,
                                       size_t why_bytes);
/* The same of when a certificate ends; 0: there is none. */
enum credential_state credential_judge_expiry(const struct credentials *credentials,
                                              int64_t not_after_us, char *why, size_t why_bytes);

/* The same of number `index` of the certificates that the gateway hands out itself: one that
 * another outlives has its successor, and its end is nobody's worry. */
enum credential_state credential_judge_signer(const struct credentials *credentials,
                                              const struct keyring_view *keys, int index, char *why,
                                              size_t why_bytes);

/* A listener's certificate; `path` NULL: it speaks no TLS. Texts borrowed. */
struct listener_certificate {
    const char *name, *path;
    int64_t not_after_us; /* of the one in force; 0: it cannot be read */
    char trouble[400];
};
void credentials_listener(struct credentials *credentials, int index,
                          struct listener_certificate *ret_certificate);

/* Gauges: age and seconds to expiry. */
void credentials_meter(struct credentials *credentials);

#endif
