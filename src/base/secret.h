/* SPDX-License-Identifier: Apache-2.0
 * secret.h: keys, passwords and tokens. A secret has no way to be printed; its memory is wiped when
 * it is freed. Owns: a copy of the bytes. Threads: any may read; one frees. Limits: 64 KiB. */
#ifndef HOLDFAST_BASE_SECRET_H
#define HOLDFAST_BASE_SECRET_H

#include "base/compiler.h"
#include "base/err.h"

struct secret;

enum { SECRET_BYTES_MAX = 64 * 1024 };

/* NULL when there are more than SECRET_BYTES_MAX bytes. */
MUST_USE struct secret *secret_new(const void *bytes, size_t count);
MUST_USE struct secret *secret_copy(const struct secret *secret);
void secret_free(struct secret *secret); /* NULL is fine */
void secret_auto(struct secret **secret);
#define SECRET_AUTO struct secret *CLEANUP(secret_auto)

/* Borrowed until secret_free(); a NUL follows the bytes. Only for the code that signs or sends. */
const char *secret_bytes(const struct secret *secret);
size_t secret_count(const struct secret *secret);
/* In constant time. */
bool secret_equal(const struct secret *a, const void *bytes, size_t count);

/* Reads a reference: "env:NAME" or "file:/path" (a trailing line end is dropped). A plain value is
 * refused with ERR_CONFIG: secrets never stand in the configuration itself. */
MUST_USE int secret_load(const char *reference, struct secret **ret_secret, struct err *err);

#endif
