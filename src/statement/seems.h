/* SPDX-License-Identifier: Apache-2.0
 * seems.h: what a file seems to be that is not what its reader expects, for whoever gave it: a
 * workbook, a page of HTML, UTF-16, another delimiter. Only for hints: nothing is read by it.
 * Owns: nothing. Threads: any. */
#ifndef HOLDFAST_STATEMENT_SEEMS_H
#define HOLDFAST_STATEMENT_SEEMS_H

#include "base/compiler.h"

enum { SEEMS_CHARS_MAX = 159, SEEMS_LOOK_BYTES = 64 * 1024 };

/* A workbook as spreadsheets save it: ZIP archives with such names in them. */
MUST_USE bool seems_workbook(const void *bytes, size_t count);
/* Whether it is something that no reader reads, as it is; `ret_hint` says what and what to do. */
MUST_USE bool seems_unreadable(const void *bytes, size_t count,
                               char ret_hint[SEEMS_CHARS_MAX + 1]);
/* What it seems to be and what to do, in one or two sentences; "" when nothing is odd about it.
 * `delimiter` and `charset` (NULL: UTF-8) are those by which it was read. Returns `ret_hint`. */
const char *seems(const void *bytes, size_t count, char delimiter, const char *charset,
                  char ret_hint[SEEMS_CHARS_MAX + 1]);

#endif
