/* SPDX-License-Identifier: Apache-2.0
 * text.h: small texts for error messages. Owns nothing. Threads: any. Cannot fail. */
#ifndef HOLDFAST_BASE_TEXT_H
#define HOLDFAST_BASE_TEXT_H

#include "base/compiler.h"

/* A stranger's text (a key, a name), fit to be repeated in an error: card numbers masked, control
 * characters and quotes replaced by '?', cut between two UTF-8 characters to `shown_bytes` - 1. */
void text_shown(const char *bytes, size_t count, char *ret_shown, size_t shown_bytes);

/* Lengthens "a, b" to "a, b, c" as far as there is room; `list` begins as "". */
void text_list_add(char *list, size_t list_bytes, const char *item);

#endif
