/* SPDX-License-Identifier: Apache-2.0
 * seal.h: secrets that must be kept in the database and read again, sealed with a master key
 * (libsodium secretbox: XSalsa20-Poly1305), so that the database alone tells nothing (I9).
 * Threads: any. Errors: ERR_CONFIG (no or bad master key), ERR_CRYPTO (does not open). */
#ifndef HOLDFAST_BASE_SEAL_H
#define HOLDFAST_BASE_SEAL_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/secret.h"

struct seal;

/* `reference` "env:NAME" or "file:/path" of 64 hex digits. */
MUST_USE int seal_open(const char *reference, struct seal **ret_seal, struct err *err);
/* For an embedded service: reads `path`, or makes it (mode 0600, new random key) when it is
 * missing. */
MUST_USE int seal_open_or_make(const char *path, struct seal **ret_seal, struct err *err);
void seal_close(struct seal *seal);
/* "v1:" and base 64 of nonce and box; free(). `context` is bound in: another context does not open
 * it. */
MUST_USE char *seal_text(const struct seal *seal, const char *context, const struct secret *secret);
MUST_USE int seal_read(const struct seal *seal, const char *context, const char *sealed,
                       struct secret **ret_secret, struct err *err);

/* A digest of these bytes that nobody without the master key can make or guess from (BLAKE2b,
 * keyed): 64 hex digits and a NUL. */
void seal_digest(const struct seal *seal, const void *bytes, size_t count, char ret_hex[65]);

#endif
