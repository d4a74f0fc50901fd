/* SPDX-License-Identifier: Apache-2.0
 * auth_impl.h: what auth.c and people.c share. */
#ifndef HOLDFAST_API_AUTH_IMPL_H
#define HOLDFAST_API_AUTH_IMPL_H

#include "api/auth.h"
#include "base/crypto.h"
#include "base/secret.h"
#include "base/task.h"

enum {
    AUTH_KEY_SLOTS = 1024,
    AUTH_BUCKET_SLOTS = 8192,
    AUTH_KEY_CHARS_MAX = 3 + 64,
    AUTH_SESSION_HEX_CHARS = 64,
    AUTH_HASHING_MAX = 4,     /* passwords checked at once */
    AUTH_FAILURES_BURST = 10, /* seconds' worth of refused credentials at once */
};

struct key_entry {
    char hash[SHA256_HEX_CHARS + 1];
    char id[ID_TEXT_MAX];
    char scopes[256];
    enum role role; /* ROLE_NONE: no such key */
    int64_t read_us;
};

struct bucket {
    uint64_t hash;
    int64_t micro_tokens; /* a millionth of a request */
    int64_t at_us;
};

struct auth {
    struct store *store;
    struct auth_limits limits;
    struct secret *internal_key;
    struct lock lock; /* guards all below */
    int hashing;
    struct key_entry keys[AUTH_KEY_SLOTS];
    struct bucket buckets[AUTH_BUCKET_SLOTS];
};

/* What a password is compared with when nobody has the name: made as password_hash() makes them, so
 * that it takes as long. No password fits it. */
extern const char auth_nobody_hash[PASSWORD_HASH_CHARS_MAX];

/* SHA-256 of the session cookie, as it is stored; false when there is none or it is malformed. */
bool auth_session_hash(const struct http_request *request, char ret_hash[SHA256_HEX_CHARS + 1]);

#endif
