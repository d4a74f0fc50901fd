/* SPDX-License-Identifier: Apache-2.0
 * acmepay.h: the adapter of Acme Pay, an imaginary gateway for cards: what its own files share.
 * Threads: any, many at once; the adapter has no state. Errors: as gateway.h says. */
#ifndef HOLDFAST_GATEWAY_ACMEPAY_H
#define HOLDFAST_GATEWAY_ACMEPAY_H

#include "gateway/acmepay/acmepay_sign.h"
#include "gateway/exchange.h"

extern const struct gateway_adapter acmepay_adapter;

enum { ACMEPAY_PATH_BYTES_MAX = 256, ACMEPAY_KEY_CHARS_MAX = 64, ACMEPAY_HEADERS = 5 };

/* The headers that sign a request; the values live in it. */
struct acmepay_headers {
    struct http_header headers[ACMEPAY_HEADERS];
    int count;
    char time[24], key_id[ACMEPAY_KEY_CHARS_MAX + 1], signature[SHA256_HEX_CHARS + 1];
};
/* `once`: the idempotency key; NULL: none, and nothing is moved. */
void acmepay_headers(const struct gateway *gateway, const char *method, const char *path,
                     const char *body, const char *once, struct acmepay_headers *ret_headers);

/* Reading (acmepay_parse.c). Each fills the result from one JSON object; what is missing stays as
 * gateway_result_init() left it, and what is not recognised leaves the outcome UNKNOWN. An object
 * under another reference than the one that was asked about says nothing. */
void acmepay_read_charge(const json_t *charge, const char *reference,
                         struct gateway_result *result);
void acmepay_read_refund(const json_t *refund, const char *reference,
                         struct gateway_result *result);
/* An answer that is not 200; `json` NULL: its body could not be read. */
void acmepay_read_error(int status, const json_t *json, struct gateway_result *result);

/* acmepay_callback.c */
MUST_USE int acmepay_verify_callback(const struct gateway_call *call,
                                     const struct gateway_callback_request *request,
                                     struct gateway_event *ret_event, struct err *err);
/* acmepay_statement.c */
MUST_USE int acmepay_fetch_statement(const struct gateway_call *call,
                                     const struct gateway_statement *statement,
                                     struct buf *ret_file, struct err *err);

#endif
