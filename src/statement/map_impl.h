/* SPDX-License-Identifier: Apache-2.0
 * map_impl.h: what a map is inside: map.c makes it of the YAML, map_row.c reads rows by it. */
#ifndef HOLDFAST_STATEMENT_MAP_IMPL_H
#define HOLDFAST_STATEMENT_MAP_IMPL_H

#include "statement/map.h"
#include "statement/map_file.h"

enum { MAP_NAMES_MAX = 8, MAP_WORDS_MAX = 256, MAP_PATTERNS_MAX = 4 };

/* A word of the file, and what it stands for: a kind, a status, or 1 and -1 of a direction. */
struct map_word {
    const char *text;
    uint32_t bytes;
    int value;
    int sign; /* of a kind: of amounts that have none; 0: the kind's own */
};
struct map_words {
    const struct map_word *words;
    int count;
    struct map_word *own; /* NULL: `words` lives for ever */
};
/* The names that a column may have, or its number. */
struct map_names {
    const char *names[MAP_NAMES_MAX];
    int count;
    int number; /* from 1; 0: it goes by names */
};
/* Where the file tells what time it is of (map_period.c). */
struct map_period {
    char *name;               /* how the file is called; NULL: columns tell it, or nothing does */
    char *format;             /* of what stands there; NULL: the file does not tell it */
    struct map_names from, to; /* columns */
    struct time_pattern pattern;
};
struct csv_map {
    struct map_shape shape;
    char *comment, *footer;
    struct map_names columns[MAP_ROLE_COUNT];
    bool sums[MAP_ROLE_COUNT];
    struct map_words kinds, statuses, directions;
    enum row_kind kind, positive, negative; /* 0: not fixed, not by sign */
    enum row_status status;
    bool has_currency;
    struct currency currency;
    struct amount_style style;
    enum map_sign sign;
    int fee_sign, debit_sign;
    char *format;
    struct time_pattern patterns[MAP_PATTERNS_MAX];
    int pattern_count;
    struct time_zone *zone;
    bool check_net;
    struct map_period period;
};

/* The field of the header; CSV_NONE, CSV_TWICE. */
int map_column_of(const struct map_names *names, const struct csv_field *fields, int count);

static inline bool map_has(const struct csv_map *map, enum map_role role) {
    return map->columns[role].count > 0 || map->columns[role].number > 0;
}

#endif
