/* SPDX-License-Identifier: Apache-2.0
 * err.h: what went wrong, said once and carried up.
 *
 * A function that can fail returns 0 or a negative error code, is MUST_USE and takes `struct err *`
 * last. The error has four parts, four different sentences:
 *   title   what kind of error this is; fixed, from errors.def
 *   detail  what was wrong this time ("amount is -5; it must be 1 or more")
 *   hint    what to do next
 *   place   where: a JSON pointer ("/amount"), a file and line ("holdfast.yaml:12"), a header
 * Owns:    nothing; the caller's struct holds the text. Threads: any, one struct each.
 * Limits:  the sizes below; longer text is cut between two UTF-8 characters. Never put a secret, a
 *          body or a card number here. */
#ifndef HOLDFAST_BASE_ERR_H
#define HOLDFAST_BASE_ERR_H

#include "base/compiler.h"

enum err_code {
    ERR_OK = 0,
#define X(name, number, status, type, retry, title) ERR_##name = (number),
#include "base/errors.def"
#undef X
};

/* What stands before err_type() in a problem document (RFC 9457): a reference relative to the
 * service itself. */
#define ERR_TYPE_PREFIX "/problems/"

/* Whether the same call may succeed later without any change by the caller. */
enum err_retry {
    ERR_RETRY_NEVER = 0, /* the request itself is wrong */
    ERR_RETRY_SAME = 1,  /* repeat it as it is, with the same Idempotency-Key */
    ERR_RETRY_LATER = 2, /* repeat it as it is, after a pause */
};

struct err {
    enum err_code code;
    char detail[400];
    char hint[240];
    char place[120];
};

/* Fills code and detail, clears hint and place; returns -code so that a caller can
 * `return err_set(...)`. `err` may be NULL: then only the code is returned. */
int err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds the place or the hint to an error already set; returns -err->code. */
int err_place(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
int err_hint(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "while …: " before the detail; said once, by the caller that knows. Returns -err->code. */
int err_while(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

void err_clear(struct err *err);

/* From errors.def. An unknown code gives the row of INTERNAL. The strings live for ever. */
int err_http_status(enum err_code code);
const char *err_type(enum err_code code);
const char *err_title(enum err_code code);
const char *err_name(enum err_code code);
enum err_retry err_retry_class(enum err_code code);

#endif
