/* SPDX-License-Identifier: Apache-2.0
 * bank_csv.h: Holdfast's own plain form of a bank's statement (docs/bank-transfer.md), read into
 * the rows that POST /v1/bank/rows takes. Strict: a file with one wrong line is refused whole, and
 * nothing is guessed.
 * Threads: any. Owns: the rows are the caller's (json_decref). Errors: ERR_VALIDATION with the
 * line. */
#ifndef HOLDFAST_CLI_BANK_CSV_H
#define HOLDFAST_CLI_BANK_CSV_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/err.h"

enum { BANK_CSV_BYTES_MAX = 256 * 1024, BANK_CSV_FIELD_BYTES_MAX = 2000 };

MUST_USE int bank_csv_read(const char *bytes, size_t count, json_t **ret_rows, struct err *err);

#endif
