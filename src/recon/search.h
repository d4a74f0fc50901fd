/* SPDX-License-Identifier: Apache-2.0
 * search.h: a text that somebody looks for, as SQL takes it: anywhere in a column, capital letters
 * (of ASCII) do not matter, and what LIKE has jokers for is taken as it is.
 *
 *   search_read(text, like, err)   ─▶   "… AND ($3 = '' OR " SEARCH("name", "3") ")"
 *
 * Threads: any. Owns nothing. Errors: ERR_VALIDATION at `q`: it is longer than is looked for. */
#ifndef HOLDFAST_RECON_SEARCH_H
#define HOLDFAST_RECON_SEARCH_H

#include "base/compiler.h"
#include "base/err.h"

enum { SEARCH_CHARS_MAX = 120, SEARCH_LIKE_BYTES = 2 * SEARCH_CHARS_MAX + 3 };

/* "" for "" and NULL: nothing is looked for. */
MUST_USE int search_read(const char *text, char ret_like[SEARCH_LIKE_BYTES], struct err *err);
#define SEARCH(column, number) "lower(" column ") LIKE $" number " ESCAPE '\\'"

#endif
