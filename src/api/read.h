/* SPDX-License-Identifier: Apache-2.0
 * read.h: typed reading of query parameters, bodies and path parameters for the handlers. Each
 * error says which parameter and what it may be. Threads: any. Owns nothing. */
#ifndef HOLDFAST_API_READ_H
#define HOLDFAST_API_READ_H

#include "api/front.h"

enum { QUERY_CHARS_MAX = 256, DESCRIPTION_CHARS_MAX = 500 };

/* Refuses a query with a name that is none of the route's, or with one of them twice. */
MUST_USE int read_query_names(const struct ask *ask, struct err *err);
/* Absent: `*ret` stays as it was. */
MUST_USE int read_query_text(const struct ask *ask, const char *name,
                             char ret_value[QUERY_CHARS_MAX], struct err *err);
MUST_USE int read_query_int(const struct ask *ask, const char *name, int64_t min, int64_t max,
                            int64_t *ret_value, struct err *err);
/* "lang" of a page in English and Chinese: "en" or "zh". */
MUST_USE int read_lang(const struct ask *ask, char ret_language[QUERY_CHARS_MAX],
                           struct err *err);
/* "1h", "30m", "24h", "7d", "90s": a length of time before now; or RFC 3339. Gives a wall time. */
MUST_USE int read_query_since(const struct ask *ask, const char *name, int64_t *ret_wall_us,
                              struct err *err);
/* The same of a body. */
MUST_USE bool read_since(const char *text, int64_t *ret_wall_us);
/* The body of createPayment. */
MUST_USE int read_order(const json_t *body, struct payment_order *order, struct err *err);
/* "amount" and "currency" of a body. */
MUST_USE int read_money(const json_t *body, struct payment_order *order, struct err *err);
/* "customer" of a body; absent: the order stays as it was. */
MUST_USE int read_customer(const json_t *body, struct payment_order *order, struct err *err);
/* One member of "customer" each, at `where`; absent: `*ret` stays as it was. A region is two
 * capital letters, an e-mail address has the form of one, an ip is one IPv4 or IPv6 address and
 * nothing else: rules and lists go by them. ERR_VALIDATION with the way to write it. */
MUST_USE int read_region(const json_t *object, const char *where, const char **ret_region,
                         struct err *err);
MUST_USE int read_segment(const json_t *object, const char *where, const char **ret_segment,
                          struct err *err);
MUST_USE int read_email(const json_t *object, const char *where, const char **ret_email,
                        struct err *err);
MUST_USE int read_ip(const json_t *object, const char *where, const char **ret_ip, struct err *err);
/* The body that attaches a piece of evidence; texts that are not there are "". */
MUST_USE int read_evidence(const json_t *body, struct evidence *ret_evidence, struct err *err);
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
/* The path parameter as an id of this kind (READ_ID(ask, "a callback", callback_id, &id, err)); it
 * is not found when it is none. */
#define READ_ID(ask, what, kind, ret_id, err)                                                      \
    (kind##_parse((ask)->param, (ret_id), NULL) < 0                                                \
         ? err_set((err), ERR_NOT_FOUND, "\"%.60s\" is not " what "'s id", (ask)->param)           \
         : 0)
/* The same with the command that lists them. */
#define READ_LISTED_ID(ask, what, kind, list, ret_id, err)                                         \
    (READ_ID(ask, what, kind, ret_id, err) < 0                                                     \
         ? err_hint((err), "`holdfast " list "` lists them.")                                      \
         : 0)
/* The same for a payment, with a hint. */
MUST_USE int read_payment_id(const struct ask *ask, struct payment_id *ret_id, struct err *err);
/* A reason that goes on the audit log: 1 to REASON_CHARS_MAX characters. */
MUST_USE int read_reason(const json_t *body, const char **ret_reason, struct err *err);
/* For paths of the runbook, which are called without a body: nothing but a reason, and that only if
 * somebody gives one; else `*reason` stays as it was. */
MUST_USE int read_reason_or(const json_t *body, const char **reason, struct err *err);

#endif
