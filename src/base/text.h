/* SPDX-License-Identifier: Apache-2.0
 * text.h: small texts for error messages, and what a stranger's text is. Owns nothing.
 * Threads: any. Errors: ERR_VALIDATION of the checks; nothing else can fail. */
#ifndef HOLDFAST_BASE_TEXT_H
#define HOLDFAST_BASE_TEXT_H

#include "base/compiler.h"
#include "base/err.h"

/* A stranger's text (a key, a name), fit to be repeated in an error: card numbers masked, control
 * characters and quotes replaced by '?', cut between two UTF-8 characters to `shown_bytes` - 1. */
void text_shown(const char *bytes, size_t count, char *ret_shown, size_t shown_bytes);

/* Lengthens "a, b" to "a, b, c" as far as there is room; `list` begins as "". */
void text_list_add(char *list, size_t list_bytes, const char *item);

/* Whether there is a control character in a text of UTF-8: C0, DEL or C1; with `lines` line ends
 * and tabs are none. */
MUST_USE bool text_has_controls(const char *text, bool lines);
/* A region as ISO 3166 has it: two capital letters. Another spelling of the same one would be
 * another region to every rule and list. */
MUST_USE bool text_is_region(const char *text);
/* An e-mail address as far as its form tells: something, @, something; no blank and nothing that
 * is not seen. Not whether anybody reads it. */
MUST_USE bool text_is_email(const char *text);
/* The same for who is to be told: ERR_VALIDATION and how it is written; the caller adds the
 * place. */
MUST_USE int text_check_region(const char *text, struct err *err);
/* A kind of customers: small letters, digits, _ and -, not beginning with one of these. */
MUST_USE int text_check_segment(const char *text, struct err *err);
MUST_USE int text_check_email(const char *text, struct err *err);

#endif
