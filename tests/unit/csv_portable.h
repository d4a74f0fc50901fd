/* SPDX-License-Identifier: Apache-2.0
 * csv_portable.h: statement/csv.c once more, as a machine without SSE2 compiles it. */
#ifndef HOLDFAST_TESTS_CSV_PORTABLE_H
#define HOLDFAST_TESTS_CSV_PORTABLE_H

#include "statement/csv.h"

void portable_csv_open(struct csv *csv, const void *bytes, size_t count, char delimiter,
                       char quote);
enum csv_result portable_csv_next(struct csv *csv, struct csv_field *fields, int fields_max,
                                  int *ret_count, int64_t *ret_line, const char **ret_why);
MUST_USE bool portable_csv_pass(struct csv *csv, int64_t count, struct csv_field *fields,
                                int fields_max);
void portable_csv_alike_look(const struct csv *csv, int fields, int records_max,
                             struct csv_alike *alike);
MUST_USE bool portable_csv_field_copy(const struct csv_field *field, char *text, size_t text_bytes);
MUST_USE bool portable_csv_field_is(const struct csv_field *field, const char *text);

#endif
