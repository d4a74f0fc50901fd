/* SPDX-License-Identifier: Apache-2.0
 * read.h: typed reading of query parameters, bodies and path parameters for the handlers. Each
 * error says which parameter and what it may be. Threads: any. Owns nothing. */
#ifndef HOLDFAST_API_READ_H
#define HOLDFAST_API_READ_H

#include "api/front.h"

enum { QUERY_CHARS_MAX = 256 };

/* Refuses a query with a name that is none of the route's, or with one of them twice. */
MUST_USE int read_query_names(const struct ask *ask, struct err *err);
/* Absent: `*ret` stays as it was. */
MUST_USE int read_query_text(const struct ask *ask, const char *name,
                             char ret_value[QUERY_CHARS_MAX], struct err *err);
MUST_USE int read_query_int(const struct ask *ask, const char *name, int64_t min, int64_t max,
                            int64_t *ret_value, struct err *err);
/* "1h", "30m", "24h", "7d", "90s": a length of time before now; or RFC 3339. Gives a wall time. */
MUST_USE int read_query_since(const struct ask *ask, const char *name, int64_t *ret_wall_us,
                              struct err *err);
/* An amount: an integer from 1 to AMOUNT_MINOR_MAX; a fraction, an exponent or text is refused with
 * a hint about minor units. 0 when absent and `may`. */
MUST_USE int read_amount(const json_t *body, bool may, int64_t *ret_amount_minor, struct err *err);
/* Checks a flat object of texts: at most `keys_max` keys of 1 to 40 characters, values of at most
 * `chars_max`, METADATA_BYTES_MAX in all. */
MUST_USE int read_texts(const json_t *object, const char *place, size_t keys_max, size_t chars_max,
                        struct err *err);
/* "tokens" and "token" of a body; absent: `ret_tokens` and `ret_token` stay as they were. */
MUST_USE int read_tokens(const json_t *body, const json_t **ret_tokens, const char **ret_token,
                         struct err *err);
/* The path parameter as a payment's id. */
MUST_USE int read_payment_id(const struct ask *ask, struct payment_id *ret_id, struct err *err);
/* A reason that goes on the audit log: 1 to REASON_CHARS_MAX characters. */
MUST_USE int read_reason(const json_t *body, const char **ret_reason, struct err *err);

#endif
