/* SPDX-License-Identifier: Apache-2.0
 * sheet_reply.h: a list as a file for a spreadsheet: which format a query asks for, and the answer
 * that is saved under a name. Threads: any. Owns nothing. Errors: ERR_VALIDATION at `format`. */
#ifndef HOLDFAST_API_SHEET_REPLY_H
#define HOLDFAST_API_SHEET_REPLY_H

#include "api/front.h"
#include "base/sheet.h"

/* Query parameter `format`: csv or xlsx; absent: csv. */
MUST_USE int read_sheet_format(const struct ask *ask, enum sheet_format *ret_format,
                               struct err *err);
/* 200 with these bytes, as NAME.csv or NAME.xlsx. */
void reply_sheet(struct ask *ask, enum sheet_format format, const char *name,
                 const struct buf *file);

#endif
