/* SPDX-License-Identifier: Apache-2.0
 * field.h: what the fields of statements hold, read exactly: amounts, times, ids.
 * Owns: nothing. Threads: any. Errors: ERR_VALIDATION with a sentence that has the value in it,
 * masked and cut. Nothing is rounded, and no blank is taken for a zero. */
#ifndef HOLDFAST_STATEMENT_FIELD_H
#define HOLDFAST_STATEMENT_FIELD_H

#include "base/calendar.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/money.h"

struct amount_style {
    char decimal;     /* '.' or ','; 0: there is none */
    char group;       /* ',' '.' ' ' '\''; 0: none is taken. ' ' stands for U+00A0 and U+202F too,
                         '\'' for U+2019 */
    int implied;      /* decimals that stand there without a point: with 2, "1250" is 12.50 */
    bool minor;       /* the number is minor units; `implied` is not asked */
    bool plus;        /* a leading '+' is taken */
    bool parentheses; /* "(12.50)" is -12.50 */
    bool trailing;    /* "12.50-" is -12.50 */
    bool symbol;      /* one of "$", "€", "¥", "CN¥", "£" before or after is passed over */
};
/* "1,234.50" of the style {'.', ','} in USD: 123450. A fraction finer than the currency's is taken
 * only when what is beyond is zeros. */
MUST_USE int field_amount(const char *bytes, size_t count, const struct amount_style *style,
                          struct currency currency, int64_t *ret_minor, struct err *err);
/* The same for a currency of which only the number of decimals is at hand. */
MUST_USE int field_amount_scaled(const char *bytes, size_t count, const struct amount_style *style,
                                 int decimals, int64_t *ret_minor, struct err *err);

/* A time by a pattern: YYYY YY MM DD hh mm ss, M D h (the same with one digit or two), AM (AM or
 * PM, for hours 1 to 12), fff (a fraction of any length), Z (an offset: Z, +08:00, +0800, -07), MMM
 * (Jan, January); any other character is itself; a blank is one or more blanks. "unix_s" and
 * "unix_ms" are whole numbers since 1970. Without Z it is local time in `zone` (NULL: UTC). YY is
 * 20YY. A time that is not in the calendar is refused, and one that the zone's clocks jumped over
 * (with an hour in the pattern); one that they showed twice is the first of the two. What is not in
 * the pattern (hh, say) is zero. */
MUST_USE int field_time(const char *bytes, size_t count, const char *pattern,
                        const struct time_zone *zone, int64_t *ret_wall_us, struct err *err);
/* The same without a zone, as seconds of that place's clocks (base/calendar.h). */
MUST_USE int field_local(const char *bytes, size_t count, const char *pattern, int64_t *ret_local_s,
                         struct err *err);

/* For many rows of one pattern: the pattern taken apart, and what was found out about the last
 * days. A memory begins as zeros, belongs to one zone and one thread; NULL is fine. */
enum { TIME_PIECES_MAX = 40, TIME_MEMORY_DAYS = 64 };
struct time_pattern {
    const char *text; /* borrowed */
    int count;
    struct {
        char piece, literal;
    } pieces[TIME_PIECES_MAX];
};
struct time_memory {
    int date; /* the last one, as 20250901; its midnight */
    int64_t midnight_s;
    struct {
        int64_t day; /* since 1970, from 1; 0: none */
        int64_t offset_s;
    } days[TIME_MEMORY_DAYS]; /* on which the clocks did not change */
};
/* ERR_VALIDATION: it has more pieces than are taken, one twice, or no year, month or day. */
MUST_USE int time_pattern_read(const char *text, struct time_pattern *ret_pattern, struct err *err);
MUST_USE int field_time_by(const char *bytes, size_t count, const struct time_pattern *pattern,
                           const struct time_zone *zone, struct time_memory *memory,
                           int64_t *ret_wall_us, struct err *err);

/* A whole number of no more than 18 digits; a sign is refused. */
MUST_USE int field_count(const char *bytes, size_t count, int64_t *ret_value, struct err *err);
/* A text without control characters, in UTF-8, trimmed; ERR_VALIDATION when it is neither or does
 * not fit. With `cut` a longer one is cut between two characters. */
MUST_USE int field_words(const char *bytes, size_t count, bool cut, char *ret_text,
                         size_t text_bytes, struct err *err);
/* A text that people write, for showing: control characters and bytes that are no UTF-8 become
 * blanks, `quote` that stands twice (0: none) becomes one, and what does not fit is cut between
 * two characters. Returns whether all of it was UTF-8. */
bool field_note(const char *bytes, size_t count, char quote, char *ret_text, size_t text_bytes);

/* Bytes in GB18030 (and so GBK) as UTF-8; owned by the caller (g_free). ERR_BAD_REQUEST with the
 * line on which the first byte stands that is none. */
MUST_USE int field_gb18030(const void *bytes, size_t count, char **ret_text, size_t *ret_count,
                           struct err *err);
/* The same for another character set, by the name that iconv knows it by. */
MUST_USE int field_charset(const char *charset, const void *bytes, size_t count, char **ret_text,
                           size_t *ret_count, struct err *err);

#endif
