/* SPDX-License-Identifier: Apache-2.0
 * map_file.h: the YAML of a map, read but not yet understood (statement/map.c does that).
 *
 * Most keys are fixed and read by a schema (base/config.h), strictly. What a person names himself,
 * the words of his file and its columns, cannot stand in a schema: those mappings are read as
 * pairs, each with its line.
 * Owns: struct map_file is the caller's until map_file_free(). Threads: any. Errors: ERR_CONFIG
 * with the file's name and the line as the place. Limits: base/config.h's, and MAP_PAIRS_MAX. */
#ifndef HOLDFAST_STATEMENT_MAP_FILE_H
#define HOLDFAST_STATEMENT_MAP_FILE_H

#include "base/compiler.h"
#include "base/err.h"
#include "statement/statement.h"

enum { MAP_PAIRS_MAX = 1000, MAP_TEXT_CHARS_MAX = 200 };

enum map_sign { SIGN_AS_WRITTEN = 1, SIGN_REVERSED = 2, SIGN_BY_KIND = 3 };
enum map_unit { UNIT_MAJOR = 1, UNIT_MINOR = 2 };
enum map_polarity { POLARITY_POSITIVE = 1, POLARITY_NEGATIVE = 2 };
enum map_charset {
    CHARSET_UTF8 = 1,
    CHARSET_GB18030 = 2,
    CHARSET_LATIN1 = 3, /* windows-1252, as everybody who says so means it */
    CHARSET_UTF16 = 4,
};

/* What the keys with fixed names hold; 0 and NULL where a key is absent. */
struct map_time_keys {
    char *format, *zone;
};
struct map_amount_keys {
    char *decimal, *group; /* one character, or "none" */
    enum map_unit unit;
    enum map_sign sign;
    enum map_polarity fee, debit;
    unsigned implied;
    bool plus, parentheses, trailing_minus, symbols;
};
struct map_period_keys {
    char *name, *day, *from, *to, *format;
};
struct map_by_sign_keys {
    enum row_kind positive, negative;
};
struct map_keys {
    int delimiter; /* the byte; 0 */
    int quote;     /* the byte; -1: none; 0 */
    bool *header, *check_net, *last_line_end;
    unsigned skip_lines;
    char *comment, *footer;
    enum map_charset charset;
    char *currency;
    enum row_kind kind;
    enum row_status status;
    struct map_by_sign_keys *kind_by_sign;
    struct map_time_keys *time;
    struct map_amount_keys *amount;
    struct map_period_keys *period;
};

/* A text that stands under one of the free mappings: {columns, amount, "Paid", 12}. The items of a
 * list are pairs with the same key. Of a key with a fixed name it is the line that is wanted. */
struct map_pair {
    char *group; /* "" at the top */
    char *key;
    char *value;
    int line;
};
struct map_file {
    const char *name; /* borrowed */
    struct map_keys *keys;
    struct map_pair *pairs;
    int pair_count;
};
MUST_USE int map_file_read(const char *name, const char *text, size_t count,
                           struct map_file *ret_file, struct err *err);
void map_file_free(struct map_file *file); /* twice is fine */

/* The line on which "group.key" stands, or the group, or 1. */
int map_file_line(const struct map_file *file, const char *group, const char *key);
/* ERR_CONFIG with the place. */
int map_file_refuse(const struct map_file *file, int line, struct err *err, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
