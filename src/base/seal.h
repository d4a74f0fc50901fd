/* SPDX-License-Identifier: Apache-2.0
 * seal.h: secrets that must be kept in the database and read again, sealed with a master key
 * (libsodium secretbox: XSalsa20-Poly1305), so that the database alone tells nothing (I9).
 *
 * While the master key is changed there are two (seal_add()): each is tried for reading, and one is
 * in use for sealing. Digests are made with a key that stays, so that what was recognised by one is
 * still: at first the master key itself.
 * Threads: any, but seal_add() and seal_digest_with(): before others have it.
 * Errors: ERR_CONFIG (no or bad master key), ERR_CRYPTO (does not open). */
#ifndef HOLDFAST_BASE_SEAL_H
#define HOLDFAST_BASE_SEAL_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/secret.h"

struct seal;
enum { SEAL_KEYS_MAX = 2, SEAL_NAME_CHARS = 8 };

/* `reference` "env:NAME" or "file:/path" of 64 hex digits. */
MUST_USE int seal_open(const char *reference, struct seal **ret_seal, struct err *err);
/* For an embedded service: reads `path`, or makes it (mode 0600, new random key) when it is
 * missing. */
MUST_USE int seal_open_or_make(const char *path, struct seal **ret_seal, struct err *err);
void seal_close(struct seal *seal); /* NULL is fine */

/* ---- two master keys ---- */

/* A second one, beside that of seal_open(). */
MUST_USE int seal_add(struct seal *seal, const char *reference, struct err *err);
int seal_count(const struct seal *seal);
/* Which of them seals: 0 that of seal_open(), and at first; 1 the second. */
int seal_in_use(const struct seal *seal);
void seal_use(struct seal *seal, int index);
/* What people tell them apart by; it says nothing of the key. */
void seal_name(const struct seal *seal, int index, char ret_name[SEAL_NAME_CHARS + 1]);
/* The key that digests are made with: the caller's. */
MUST_USE struct secret *seal_digest_key(const struct seal *seal);
MUST_USE int seal_digest_with(struct seal *seal, const struct secret *key, struct err *err);

/* "v1:" and base 64 of nonce and box; free(). `context` is bound in: another context does not open
 * it. */
MUST_USE char *seal_text(const struct seal *seal, const char *context, const struct secret *secret);
MUST_USE int seal_read(const struct seal *seal, const char *context, const char *sealed,
                       struct secret **ret_secret, struct err *err);
/* With that key, whichever is in use. */
MUST_USE char *seal_text_with(const struct seal *seal, int index, const char *context,
                              const struct secret *secret);
/* And which of the keys opened it. */
MUST_USE int seal_read_which(const struct seal *seal, const char *context, const char *sealed,
                             struct secret **ret_secret, int *ret_index, struct err *err);

/* A digest of these bytes that nobody without the master key can make or guess from (BLAKE2b,
 * keyed): 64 hex digits and a NUL. */
void seal_digest(const struct seal *seal, const void *bytes, size_t count, char ret_hex[65]);

#endif
