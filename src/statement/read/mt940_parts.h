/* SPDX-License-Identifier: Apache-2.0
 * mt940_parts.h: days, amounts and purposes as MT940 writes them. Part of read_mt940.c.
 * The functions that take something move `*at` behind it; false: it is not there as it should be.
 * Owns: the text of a purpose is the caller's. Threads: any. */
#ifndef HOLDFAST_STATEMENT_MT940_PARTS_H
#define HOLDFAST_STATEMENT_MT940_PARTS_H

#include "base/buf.h"
#include "statement/statement.h"

enum { MT940_FIELD_BYTES_MAX = 16 * 1024 };

/* At least one, and all of them. */
MUST_USE bool mt940_is_digits(const char *text, size_t count);
/* YYMMDD, as the midnight of local time. */
MUST_USE bool mt940_take_date(const char **at, int64_t *ret_local_s);
/* MMDD of the year that is closest to the value day; the 29th of February of one that has it. */
MUST_USE bool mt940_take_booking_day(const char **at, int64_t value_s, int64_t *ret_local_s);
/* Digits with a comma, which may be the last character of it. */
MUST_USE bool mt940_take_amount(const char **at, struct currency currency, int64_t *ret_minor);
MUST_USE bool mt940_take_currency(const char **at, struct currency *ret_currency);

/* What an :86: tells. */
struct mt940_purpose {
    struct buf text; /* the caller inits and releases it */
    char method[ROW_ID_CHARS_MAX + 1];
    char party[ROW_TEXT_CHARS_MAX + 1], party_account[ROW_ID_CHARS_MAX + 1];
};
void mt940_purpose_clear(struct mt940_purpose *purpose);
/* `field`: UTF-8, its lines apart by a line feed. */
void mt940_purpose_read(const char *field, struct mt940_purpose *purpose);
void mt940_purpose_add(struct mt940_purpose *purpose, const char *more);

#endif
