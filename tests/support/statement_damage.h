/* SPDX-License-Identifier: Apache-2.0
 * statement_damage.h: what every reader of statements is put through in its tests: a table of ways
 * to spoil a good file, a cut at every byte, and bytes changed at random. What is not told must not
 * have changed what the file says.
 *
 *   static const struct damage damages[] = {
 *       {"an amount with a letter", REPLACE, 0, "12.00", "12.O0", PROBLEM_AMOUNT, 3},
 *       {"a blank line at the end", AT_END, 0, NULL, "\n", TOLERATED},
 *   };
 *   damage_check_all(TARGET(&reader_x, "x.csv"), good, damages, COUNT_OF(damages));
 *
 * Whatever is read is a copy of exactly its bytes, so that a sanitizer sees one that is read too
 * many. Failing prints the case's name and what was told. Threads: one. */
#ifndef HOLDFAST_TESTS_STATEMENT_DAMAGE_H
#define HOLDFAST_TESTS_STATEMENT_DAMAGE_H

#include "support/statement_rows.h"

/* What reads, and what it is told beside the bytes. */
struct damage_target {
    const struct statement_reader *reader;
    const char *file_name;
    const char *charset; /* the bytes are made of the UTF-8 of the test; NULL: they are it */
    const struct csv_map *map;
};
#define TARGET(...) (&(const struct damage_target){__VA_ARGS__})

enum damage_how {
    REPLACE, /* a `from` of the line by `to`: its first, or the one numbered `number`, from 0; line
                   0: of the file */
    EVERYWHERE, /* each `from` of the file by `to` */
    DROP,       /* the line goes; with `number`, as with the next two, so many lines */
    TWICE,      /* the line is there twice */
    SWAP,       /* the line and the next change places */
    BEFORE,     /* `to` is a line of its own before the line */
    AT_END,     /* `to` after everything */
    AT_BEGIN,   /* `to` before everything */
};
enum {
    TOLERATED = -1,  /* nothing is told, and the rows are those of the good file */
    SAME_MONEY = -2, /* nothing is told, and the amounts and balances are those of the good file */
    ACCEPTED = -3,   /* nothing is told; the rows may be others */
    ANY_LINE = -1,
};

struct damage {
    const char *name;
    enum damage_how how;
    int line; /* from 1; 0: see REPLACE */
    const char *from, *to;
    int problem; /* enum statement_problem, or one of the above */
    int64_t told_line;
    int number;
};

/* The file's bytes as they are published; g_free(). */
char *damage_encode(const struct damage_target *target, const char *text, size_t count,
                    size_t *ret_count);
struct told damage_read(const struct damage_target *target, const void *bytes, size_t count);
/* Encoded first. */
struct told damage_read_text(const struct damage_target *target, const GString *text);
/* The text with the damage; g_string_free(). */
GString *damage_apply(const GString *good, const struct damage *damage);
/* Whether the amounts are those of the good file, row by row, and so are the balances. */
bool damage_same_money(const struct told *told, const struct told *good);

void damage_check_all(const struct damage_target *target, const GString *good,
                      const struct damage *damages, size_t count);
/* The same for the table of a whole layout, which refuses at least so many changes with their line,
 * no two of them alike. */
enum { DAMAGE_KINDS_MIN = 20 };
void damage_check_layout(const struct damage_target *target, const GString *good,
                         const struct damage *damages, size_t count);
void damage_check_text(const struct damage_target *target, const char *good,
                       const struct damage *damages, size_t count);
/* Each beginning that lacks one of the first `needed` bytes is told, unless all that is missing are
 * ends of lines or, with `may_be_whole`, what was read says the same. */
void damage_check_cuts(const struct damage_target *target, const char *bytes, size_t count,
                       size_t needed, bool may_be_whole);
/* Bytes are changed at random, so many times: what is not told has left the money as it was. */
void damage_check_changes(const struct damage_target *target, const char *bytes, size_t count,
                          uint32_t seed, int rounds);

/* A copy with one to three bytes changed; the same seed gives the same. g_free(). */
char *damage_bytes(const char *good, size_t count, uint32_t seed);
/* Whether these bytes end in a line that has begun and has fewer delimiters than `fields` - 1, so
 * that nobody can take it for a whole one. */
bool damage_is_torn(const char *good, size_t count, char delimiter, int fields);

#endif
