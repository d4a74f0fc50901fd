/* SPDX-License-Identifier: Apache-2.0
 * csv_portable.c: see csv_portable.h. */
#undef __SSE2__
#include "csv_portable.h"

#define csv_open portable_csv_open
#define csv_next portable_csv_next
#define csv_pass portable_csv_pass
#define csv_alike_look portable_csv_alike_look
#define csv_field_copy portable_csv_field_copy
#define csv_field_is portable_csv_field_is
#include "statement/csv.c"
