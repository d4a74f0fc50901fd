/* SPDX-License-Identifier: Apache-2.0
 * day_name.h: what a day's files are called, as a person configures it: "TRR-%Y%m%d.%N.*.CSV".
 *
 *   %Y %y %m %d   the day: four or two digits of the year, month, day of the month
 *   %N            the file's number, all the digits that stand there: 1, 2, 3 or 01, 02, 03
 *   *             anything, nothing as well (in names of files only)
 *   %%            a per cent sign; everything else is itself, capital letters too
 *
 * Of a file: the day must be in it, whole, and at most one %N, with no digit, no '*' and no part of
 * the day beside it (1 and 11 could not be told apart). No '/', no control characters, and it does
 * not begin with a dot: hidden files are those that somebody is still writing.
 * Of a URL: either the day, whole, or one %N.
 * Threads: any. Owns: nothing. Errors: ERR_CONFIG, which says what is wrong where. */
#ifndef HOLDFAST_STATEMENT_DAY_NAME_H
#define HOLDFAST_STATEMENT_DAY_NAME_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum { DAY_NAME_CHARS_MAX = 200, DAY_URL_CHARS_MAX = 1000, DAY_NAME_STARS_MAX = 8 };

struct day_date {
    int year, month, day;
};

/* `ret_numbered`: it has a %N. */
MUST_USE int day_name_check_file(const char *pattern, bool *ret_numbered, struct err *err);
MUST_USE int day_name_check_url(const char *pattern, bool *ret_numbered, struct err *err);

/* Whether a file of that name is one of that day. `ret_number`: its number; -1 without a %N. A
 * number of more than nine digits fits nothing. The pattern was checked. */
MUST_USE bool day_name_fits(const char *pattern, const struct day_date *date, const char *name,
                            int64_t *ret_number);
/* Adds the URL of that day, or of that number. */
void day_name_url(const char *pattern, const struct day_date *date, int64_t number,
                  struct buf *ret_url);
/* Adds the pattern with the day in it, for messages: "TRR-20261121.%N.*.CSV". */
void day_name_show(const char *pattern, const struct day_date *date, struct buf *ret_text);

#endif
