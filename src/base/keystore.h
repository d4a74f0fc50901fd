/* SPDX-License-Identifier: Apache-2.0
 * keystore.h: a file of named secrets, sealed with a master key: what "sealed:NAME" refers to.
 *
 * The file is text, so that it can be copied and compared, and tells nothing but names:
 *
 *     holdfast-keystore 1
 *     check v1:…                 a known word, sealed: tells a wrong master key from a damaged file
 *     stripe.api_key v1:…        one line a secret (seal.h; bound to its name), in order of names
 *     digest 9f2c…               over all lines before (seal_digest()): none was added, taken out,
 *                                renamed or brought back from an older file's line
 *
 * Names have 1 to KEYSTORE_NAME_CHARS_MAX of a-z, 0-9, '.', '_' and '-'. The master key is a
 * reference (env: or file:) of 64 hex digits. As a file it must be nobody else's: readable by its
 * owner and group at the most.
 *
 * A change writes the whole file anew and puts it in the old one's place; writers queue on
 * PATH.lock. A new master key (keystore_rekey()) is first written beside the old one as KEY.next,
 * then the secrets are sealed with it, then it takes the old one's place. Readers try both, so it
 * may stop anywhere.
 *
 * Threads: any; a struct keystore is one task's. Owns: the secrets it gives are the caller's.
 * Limits:  KEYSTORE_SECRETS_MAX secrets of KEYSTORE_SECRET_BYTES_MAX bytes, KEYSTORE_BYTES_MAX in
 *          all.
 * Errors:  ERR_IO (file absent or unreadable), ERR_CONFIG (no, bad, another or unguarded master
 *          key; bad name), ERR_CRYPTO (the file was altered), ERR_NOT_FOUND, ERR_TOO_LARGE. */
#ifndef HOLDFAST_BASE_KEYSTORE_H
#define HOLDFAST_BASE_KEYSTORE_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/secret.h"

enum {
    KEYSTORE_NAME_CHARS_MAX = 64,
    KEYSTORE_SECRETS_MAX = 256,
    KEYSTORE_SECRET_BYTES_MAX = 32 * 1024, /* sealed, it is what seal_read() takes */
    KEYSTORE_BYTES_MAX = 2 * 1024 * 1024,
};

/* Borrowed. */
struct keystore_place {
    const char *path;   /* of the file; NULL: there is no keystore */
    const char *master; /* reference to its master key */
};

struct keystore;
/* Reads and checks the whole file. */
MUST_USE int keystore_open(const struct keystore_place *place, struct keystore **ret_keystore,
                           struct err *err);
void keystore_close(struct keystore *keystore); /* NULL is fine */
void keystore_auto(struct keystore **keystore);
#define KEYSTORE_AUTO struct keystore *CLEANUP(keystore_auto)

int keystore_count(const struct keystore *keystore);
const char *keystore_name(const struct keystore *keystore, int index); /* borrowed */
MUST_USE int keystore_get(const struct keystore *keystore, const char *name,
                          struct secret **ret_secret, struct err *err);

/* Puts a secret in, or another in the place of the one of that name. Makes the file when there is
 * none, and a master key that is a file as well. */
MUST_USE int keystore_put(const struct keystore_place *place, const char *name,
                          const struct secret *secret, struct err *err);
MUST_USE int keystore_remove(const struct keystore_place *place, const char *name, struct err *err);
/* Seals all with a new random master key, which takes the old one's place. Only for a key in a
 * file. */
MUST_USE int keystore_rekey(const struct keystore_place *place, struct err *err);

/* secret_load(), and "sealed:NAME" as well. `keystore` may be NULL. */
MUST_USE int keystore_load(const struct keystore *keystore, const char *reference,
                           struct secret **ret_secret, struct err *err);
/* Whether this reference is one of the keystore's. */
bool keystore_holds(const char *reference);

#endif
