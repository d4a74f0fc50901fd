/* SPDX-License-Identifier: Apache-2.0
 * auth.h: who asks, and what they may do (SEC-1): API keys, people with passwords and sessions,
 * roles, scopes and rate limits.
 *
 * API key: "hk_" and 64 hex digits (256 random bits), shown once, stored as SHA-256
 * (docs/decisions/0004). Sent as `Authorization: Bearer hk_…`. Looked up in a small cache that
 * lives AUTH_CACHE_US, so that a revoked key stops working within that time on every instance.
 * People: name and password (argon2id); after AUTH_FAILURES_MAX wrong passwords the account waits.
 * A session is a cookie `holdfast_session` (HttpOnly, SameSite=Strict, Secure over TLS) of 256
 * random bits, stored as SHA-256; mutating requests with a session also need its CSRF token in
 * `X-CSRF-Token`. Threads: any. Errors: ERR_UNAUTHENTICATED, ERR_FORBIDDEN, ERR_RATE_LIMITED. */
#ifndef HOLDFAST_API_AUTH_H
#define HOLDFAST_API_AUTH_H

#include "base/err.h"
#include "base/id.h"
#include "net/http.h"
#include "payment/payments.h"
#include "store/store.h"

enum role {
    ROLE_NONE = 0,
    ROLE_VIEWER = 1,   /* sees everything but secrets */
    ROLE_SUPPORT = 2,  /* refunds, checks with the gateway */
    ROLE_OPERATOR = 3, /* takes payments, switches gateways, replays */
    ROLE_FINANCE = 4,  /* decides about money by hand */
    ROLE_ADMIN = 5,    /* keys, people, webhooks */
};
const char *role_name(int64_t role);
MUST_USE bool role_parse(const char *name, enum role *ret_role);

#define AUTH_CACHE_US (2 * 1000 * 1000)
enum { AUTH_FAILURES_MAX = 5, AUTH_PASSWORD_CHARS_MIN = 12, AUTH_PASSWORD_CHARS_MAX = 200 };

/* What auth_open() is told when the configuration says nothing. */
enum { AUTH_REQUESTS_PER_SECOND = 1000, AUTH_FAILURES_PER_SECOND = 5 };

struct auth_limits {                     /* 0: no limit */
    unsigned requests_per_second, burst; /* burst 0: twice the rate */
    unsigned failures_per_second;        /* their burst is ten times as much */
};

struct auth;
MUST_USE int auth_open(struct store *store, const struct auth_limits *limits,
                       const char *internal_key_reference /* or NULL */, struct auth **ret_auth,
                       struct err *err);
void auth_close(struct auth *auth);

/* Who a request comes from. */
struct identity {
    char actor[ID_TEXT_MAX + 8]; /* "key:key_…", "user:usr_…", "internal", "" */
    char scope[ID_TEXT_MAX + 8]; /* of idempotency keys */
    enum role role;
    char scopes[256]; /* "" all; else operationIds, comma separated */
    bool session;     /* by cookie: mutating requests need the CSRF token */
};
/* Finds out; ROLE_NONE when no credential was sent (not an error). A wrong one is
 * ERR_UNAUTHENTICATED. */
MUST_USE int auth_identify(struct auth *auth, const struct http_request *request, bool internal,
                           struct identity *ret_identity, struct err *err);
/* ERR_UNAUTHENTICATED, ERR_FORBIDDEN with what would be needed. `mutating` checks the CSRF token.
 */
MUST_USE int auth_allow(struct auth *auth, const struct identity *identity,
                        const struct http_request *request, enum role least,
                        const char *operation_id, bool mutating, struct err *err);
/* Takes one from the bucket of this identity, or of the peer's address when there is none.
 * ERR_RATE_LIMITED: there will be one again in AUTH_RETRY_S. */
enum { AUTH_RETRY_S = 1 };
MUST_USE int auth_rate(struct auth *auth, const struct identity *identity, const char *peer,
                       struct err *err);
/* Credentials of this address were refused: takes one from its bucket of failures.
 * ERR_RATE_LIMITED when it is empty; a good credential from there is served all the same, since
 * many may share the address of a proxy. */
MUST_USE int auth_failed(struct auth *auth, const char *peer, struct err *err);
/* The same question without taking one: for what is too dear to be tried first. */
MUST_USE int auth_may_fail(struct auth *auth, const char *peer, struct err *err);

/* Management; each change is on the audit log. The created key's answer holds it, this once. */
struct key_order { /* borrowed */
    const char *name, *scopes;
    const char *user_id; /* whose it is: who approves with it is he; "": nobody's in particular */
    enum role role;      /* at most that user's */
    int64_t expires_us;  /* 0: never */
};
MUST_USE int key_create(struct payments *payments, const struct caller *caller,
                        const struct key_order *order, struct answer *ret_answer, struct err *err);
MUST_USE int key_list(struct auth *auth, struct answer *ret_answer, struct err *err);
MUST_USE int key_revoke(struct payments *payments, struct auth *auth, const struct caller *caller,
                        const char *key_id, struct answer *ret_answer, struct err *err);
MUST_USE int user_create(struct payments *payments, const struct caller *caller, const char *name,
                         const char *password, enum role role, struct answer *ret_answer,
                         struct err *err);
MUST_USE int user_list(struct auth *auth, struct answer *ret_answer, struct err *err);
/* Ends their sessions; while they are disabled, the API keys that they made are refused as well. */
MUST_USE int user_disable(struct payments *payments, struct auth *auth, const struct caller *caller,
                          const char *user_id, struct answer *ret_answer, struct err *err);
/* Lets them in again; an account that waits after wrong passwords waits no more. */
MUST_USE int user_enable(struct payments *payments, struct auth *auth, const struct caller *caller,
                         const char *user_id, struct answer *ret_answer, struct err *err);
/* Ends their sessions too: whoever knew the old password has them. */
MUST_USE int user_set_password(struct payments *payments, const struct caller *caller,
                               const char *user_id, const char *password, struct answer *ret_answer,
                               struct err *err);
/* Sets the cookie on `reply`; the answer holds the CSRF token and the role. */
MUST_USE int session_log_in(struct auth *auth, const struct http_request *request, const char *name,
                            const char *password, struct http_reply *reply,
                            struct answer *ret_answer, struct err *err);
MUST_USE int session_show(struct auth *auth, const struct identity *identity,
                          const struct http_request *request, struct answer *ret_answer,
                          struct err *err);
MUST_USE int session_log_out(struct auth *auth, const struct http_request *request,
                             struct http_reply *reply, struct answer *ret_answer, struct err *err);

#endif
