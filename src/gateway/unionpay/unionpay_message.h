/* SPDX-License-Identifier: Apache-2.0
 * unionpay_message.h: a message of UnionPay's online gateway (ACP 5.1.0): named fields, in the two
 * forms in which they travel.
 *
 * Requests and notifies are application/x-www-form-urlencoded. Answers are raw `name=value&…`
 * text that is not encoded: a value may hold '=' (base 64), line ends (a certificate) and, inside
 * {…} or […], even '&'; some answers stand in an outer {…}. The text that is signed is the same
 * for both: every field but `signature`, in the order of the bytes of their names, `name=value`
 * joined by '&', unencoded. Names are 1 to 32 of [A-Za-z0-9_], a name stands once, values are
 * UTF-8 without control characters but tab and line ends. Owns: the memory of its fields, until
 * _release(). Threads: one at a time. Errors: ERR_BAD_REQUEST, ERR_TOO_LARGE. Limits:
 * UNIONPAY_FIELDS_MAX fields. */
#ifndef HOLDFAST_GATEWAY_UNIONPAY_MESSAGE_H
#define HOLDFAST_GATEWAY_UNIONPAY_MESSAGE_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum {
    UNIONPAY_FIELDS_MAX = 64,
    UNIONPAY_NAME_CHARS_MAX = 32,
    UNIONPAY_NESTING_MAX = 8,
    UNIONPAY_MESSAGE_BYTES_MAX = 64 * 1024,
    UNIONPAY_FILE_BYTES_MAX = 32 * 1024 * 1024, /* of a message that bears a settlement file */
};

struct unionpay_field {
    const char *name, *value;
    char *owned; /* what both point into, when it is the field's own */
};

/* All zero is an empty message. */
struct unionpay_message {
    struct unionpay_field fields[UNIONPAY_FIELDS_MAX];
    int count;
    char *text; /* what was read */
};

void unionpay_message_release(struct unionpay_message *message); /* may be called twice */
#define UNIONPAY_MESSAGE_AUTO struct unionpay_message CLEANUP(unionpay_message_release)

/* An answer. `message` is empty before, and after a failure. */
MUST_USE int unionpay_message_read(struct unionpay_message *message, const char *text, size_t count,
                                   size_t bytes_max, struct err *err);
/* A form. */
MUST_USE int unionpay_message_read_form(struct unionpay_message *message, const char *body,
                                        size_t count, size_t bytes_max, struct err *err);
/* The value, "" when there is none. Borrowed. */
const char *unionpay_get(const struct unionpay_message *message, const char *name);
/* Copies; a field of that name is replaced. NULL and "" are not sent: the field is left out. */
void unionpay_set(struct unionpay_message *message, const char *name, const char *value);

/* Each adds to `out`. */
void unionpay_message_base(const struct unionpay_message *message, struct buf *out);
void unionpay_message_form(const struct unionpay_message *message, struct buf *out);
void unionpay_message_raw(const struct unionpay_message *message, struct buf *out);

/* The signed text can be divided into fields in no other way than this: no value has an '&' or an
 * open bracket at its outer level. What comes from UnionPay must be so, or whoever holds a genuine
 * form could move the end of a field and keep the signature. */
MUST_USE bool unionpay_message_is_plain(const struct unionpay_message *message);

#endif
