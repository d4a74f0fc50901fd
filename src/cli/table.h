/* SPDX-License-Identifier: Apache-2.0
 * table.h: rows and columns, aligned by the width that characters have on a terminal.
 *
 * Columns are named at the start; the first character of a name may say more: '>' aligns right, '~'
 * is cut first when the terminal is too narrow. Cells are added left to right; after the last
 * column the next row begins. Foreign text is cleaned on its way in.
 * Threads: one. Owns: copies of
 * all cells, until table_free(). Cannot fail. */
#ifndef HOLDFAST_CLI_TABLE_H
#define HOLDFAST_CLI_TABLE_H

#include "cli/cli.h"
#include "cli/show.h"

struct table;

/* `columns` ends with NULL; at most TABLE_COLUMNS_MAX. A table whose names are all "" (or only
 * their marks) has no line of headings. */
enum { TABLE_COLUMNS_MAX = 16 };
MUST_USE struct table *table_new(const char *const *columns);
#define TABLE(...) table_new((const char *const[]){__VA_ARGS__, NULL})
void table_free(struct table *table);
void table_auto(struct table **table);
#define TABLE_AUTO struct table *CLEANUP(table_auto)

/* NULL and "" show as a faint "-". */
void table_cell(struct table *table, const char *text);
/* Nothing at all. */
void table_blank(struct table *table);
void table_styled(struct table *table, enum show_style style, const char *text);
void table_cellf(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
/* A word with the colour that goes with it. */
void table_state(struct table *table, const char *word);
void table_count(struct table *table, int64_t count);
int table_rows(const struct table *table);
/* A row of a card (two columns): a faint name and its value. Nothing when `value` is NULL or "". */
void table_pair(struct table *table, const char *name, const char *value);
void table_pairf(struct table *table, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* Prints it; `empty` instead when there is no row (NULL: nothing). Silent with --json. */
void table_print(const struct table *table, const struct cli *cli, const char *empty);

#endif
